package store

import (
	"cmp"
	"context"
	"iter"
	"math/bits"
	"strings"

	"netcase"
	"netcase/cube"
)

// minutely counts flows by the minute in which they began, by sensor and one dimension,
// as sorted runs: a scan has every port, and a year half a million minutes. The minute
// stands in the place of the hour.
type minutely struct {
	*margin
	q    *cube.TimelineQuestion
	keep uint64 // of the rest of a cell
	host bool
	d    *reader
}

func (m *answers) newMinutely(q *cube.TimelineQuestion) *minutely {
	d := m.keep.names.reader()
	t := &minutely{q: q, d: d, host: q.By == cube.ByHost}
	switch q.By {
	case cube.ByHost:
		t.keep = kindMask << hostKindShift
	case cube.ByPort:
		t.keep = 0xffffff << protoShift
	case cube.ByReach:
		t.keep = reachMask << reachShift
	case cube.ByDirection:
		t.keep = directionMask << directionShift
	}
	t.margin = m.newMargin(d.minutesOf(q.By))
	return t
}

// minutesOf orders by series, the name of the sensor, and the minute.
func (d *reader) minutesOf(by cube.By) ordering {
	series, first := func(*packed, *packed) int { return 0 }, func(*packed) uint64 { return 0 }
	switch by {
	case cube.ByHost:
		series, first = d.compareHosts, firstOfHost
	case cube.ByPort:
		series = func(a, b *packed) int { return cmp.Compare(a.rest>>protoShift, b.rest>>protoShift) }
		first = func(p *packed) uint64 { return p.rest >> protoShift }
	case cube.ByReach:
		series = func(a, b *packed) int { return strings.Compare(a.reach().String(), b.reach().String()) }
	case cube.ByDirection:
		series = func(a, b *packed) int { return strings.Compare(a.direction().String(), b.direction().String()) }
	}
	compare := func(a, b *packed) int {
		if c := series(a, b); c != 0 {
			return c
		}
		if a.sensor != b.sensor {
			return strings.Compare(d.word(a.sensor), d.word(b.sensor))
		}
		return cmp.Compare(a.hour, b.hour)
	}
	return ordering{compare, func(p *packed) lead { return lead{first: first(p)} }}
}

// firstOfHost is the upper part of a host, in the order of hosts.
func firstOfHost(p *packed) uint64 {
	switch p.hostKind() {
	case kind4:
		return p.hostLo
	case kind6:
		return 1<<62 | p.hostHi>>2
	}
	return 1 << 63
}

// add counts flows that began in a minute (whole minutes since 1970), if the question
// asks for them. There may be fewer than none: a correction.
func (t *minutely) add(p *packed, minute, flows int64) error {
	if !cube.AskedMinute(p.direction(), minute, t.q) {
		return nil
	}
	c := cell{rest: p.rest & t.keep, sensor: p.sensor, hour: int32(minute)}
	if t.host {
		c.hostHi, c.hostLo = p.hostHi, p.hostLo
	}
	return t.count(&c, flows, p.reach().Failed())
}

// row counts a row: a minute's bit stands for one flow.
func (t *minutely) row(p *packed) error {
	for left := p.minutes; left != 0; left &= left - 1 {
		if err := t.add(p, int64(p.hour)*60+int64(bits.TrailingZeros64(left)), 1); err != nil {
			return err
		}
	}
	return nil
}

// extra counts what the bits of a row do not say.
func (t *minutely) extra(p *packed) error { return t.add(p, int64(p.peerLo), p.flows) }

// visit hands over the rows of runs, each as it lies.
func visit(ctx context.Context, runs []*run, take func(*packed) error) error {
	for _, r := range runs {
		c := r.cursor(nil)
		for n := 0; ; n++ {
			if n%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			ok, err := c.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := take(&c.d.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// minutes answers with points by the minute, worked out from the rows of every input.
func (m *answers) minutes(ctx context.Context, q cube.TimelineQuestion) iter.Seq2[cube.Point, error] {
	return func(yield func(cube.Point, error) bool) {
		if q.By == cube.ByPeer {
			return
		}
		t := m.newMinutely(&q)
		err := cmp.Or(visit(ctx, m.parts, t.row), visit(ctx, m.extras, t.extra), t.end(ctx))
		defer t.release()
		if err == nil {
			err = m.minutePoints(ctx, t, yield)
		}
		if err != nil {
			yield(cube.Point{}, err)
		}
	}
}

// minutePoints streams what was counted; bins without flows are left out.
func (m *answers) minutePoints(ctx context.Context, t *minutely, yield func(cube.Point, error) bool) error {
	in, err := mergeRuns(ctx, t.runs, t.by)
	if err != nil {
		return err
	}
	var r cube.Row
	var point cube.Point
	var before packed
	for any := false; ; any = true {
		p, err := in.next()
		if p == nil || err != nil {
			return err
		}
		if !any || p.rest != before.rest || p.hostLo != before.hostLo || p.hostHi != before.hostHi || p.sensor != before.sensor {
			t.d.unpack(p, &r)
			point.Series, point.Sensor = cube.SeriesOf(&r.Key, t.q.By), r.Sensor
		}
		before = *p
		point.Start, point.Flows, point.Failed = netcase.Time(p.hour)*netcase.Minute, p.flows, p.records
		if point.Flows != 0 && !yield(point, nil) {
			return nil
		}
	}
}
