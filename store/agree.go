package store

import (
	"cmp"
	"context"

	"netcase"
)

// agree tells how far sensors agree, once the cells that several of them tell of are
// settled: what each of them told of by the hour is counted from the parts, where their
// accounts still stand apart.
func (m *answers) agree(ctx context.Context) error {
	if m.agreement.Over {
		return nil
	}
	hours := m.newMargin(hoursFirst)
	defer hours.release()
	count := func(r *packed) error { return hours.count(&cell{sensor: r.sensor, hour: r.hour}, r.flows, false) }
	err := visit(ctx, m.parts, count)
	if err = cmp.Or(err, hours.end(ctx)); err != nil {
		return err
	}
	m.agreeing, err = m.agreement.Pairs(func(yield func(map[string]int64)) error { return m.eachHour(ctx, hours, yield) })
	return err
}

// eachHour hands over the flows of the sensors hour by hour.
func (m *answers) eachHour(ctx context.Context, hours *margin, yield func(map[string]int64)) error {
	in, err := mergeRuns(ctx, hours.runs, hours.by)
	if err != nil {
		return err
	}
	d := m.keep.names.reader()
	flows, hour := map[string]int64{}, int32(0)
	for {
		p, err := in.next()
		if err != nil {
			return err
		}
		if len(flows) > 0 && (p == nil || p.hour != hour) {
			yield(flows)
			clear(flows)
		}
		if p == nil {
			return nil
		}
		hour = p.hour
		flows[d.word(p.sensor)] += p.flows
	}
}

// hoursFirst orders by hour, then by the number of the sensor.
var hoursFirst = ordering{
	func(a, b *packed) int { return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.sensor, b.sensor)) },
	func(p *packed) lead { return lead{hourLead(p.hour), uint64(p.sensor)} },
}

// tellAgreement is what the coverage says of sensors that told of the same flows.
func (m *answers) tellAgreement(c *netcase.Coverage) {
	c.Agreement = m.agreeing
	if m.agreement.Over {
		c.Notes = append(c.Notes, "more than 4,096 pairs of sensors told of the same flows: how far they agree is not told pair by pair")
	}
}
