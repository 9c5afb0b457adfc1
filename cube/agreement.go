package cube

import (
	"cmp"
	"slices"
	"strings"

	"netcase"
)

// MaxSensorPairs bounds the pairs of sensors that are compared. Sensors are few; a log
// that names thousands is not told pair by pair.
const MaxSensorPairs = 4096

// Agreement compares what sensors tell of the same flows. It is told of every cell that
// several of them tell of, in any order. The zero value is ready.
type Agreement struct {
	pairs map[sensorPair]*compared
	Over  bool // there were more pairs than MaxSensorPairs: none is told
}

type sensorPair struct{ a, b string }

type compared struct {
	both                      int64
	octets, packets, outcomes netcase.Compared
}

// Cell is told of the rows of one cell, of all sensors.
func (a *Agreement) Cell(rows []Row) {
	if a.Over || single(rows) {
		return
	}
	all := accountsOf(rows)
	slices.SortFunc(all, func(x, y account) int { return strings.Compare(x.sensor, y.sensor) })
	for i := range all {
		for j := range all[:i] {
			if p := a.pair(sensorPair{all[j].sensor, all[i].sensor}); p != nil {
				p.add(&all[j], &all[i])
			}
		}
	}
}

func (a *Agreement) pair(of sensorPair) *compared {
	if a.Over {
		return nil
	}
	p := a.pairs[of]
	if p == nil {
		if len(a.pairs) >= MaxSensorPairs {
			a.Over, a.pairs = true, nil
			return nil
		}
		if a.pairs == nil {
			a.pairs = map[sensorPair]*compared{}
		}
		p = &compared{}
		a.pairs[of] = p
	}
	return p
}

// add compares two accounts of one cell.
func (c *compared) add(x, y *account) {
	n, m := x.tally.Total(), y.tally.Total()
	c.both += min(n, m)
	if n != m {
		return // sizes of different flows say nothing
	}
	s, t := x.sizes(), y.sizes()
	c.octets = c.octets.Plus(compare(plus(s.OctetsOut, s.OctetsIn), plus(t.OctetsOut, t.OctetsIn)))
	c.packets = c.packets.Plus(compare(plus(s.PacketsOut, s.PacketsIn), plus(t.PacketsOut, t.PacketsIn)))
	if x.tally.Open() == 0 && y.tally.Open() == 0 {
		c.outcomes = c.outcomes.Plus(compare(x.tally.Failed(), y.tally.Failed()))
	}
}

// sizes is the sum of an account's rows.
func (a *account) sizes() Counts {
	sum := a.rows[0].Counts
	for i := range a.rows[1:] {
		sum = sum.Plus(a.rows[1+i].Counts)
	}
	return sum
}

// compare compares two numbers of one cell; an absent one cannot be compared.
func compare(x, y int64) (c netcase.Compared) {
	if x == netcase.Absent || y == netcase.Absent {
		return c
	}
	c = netcase.Compared{Cells: 1, A: x, B: y}
	if x != y {
		c.Differ = 1
	}
	return c
}

// Join adds what another was told of other cells.
func (a *Agreement) Join(o *Agreement) {
	if a.Over = a.Over || o.Over; a.Over {
		a.pairs = nil
		return
	}
	for of, q := range o.pairs {
		if p := a.pair(of); p != nil {
			p.both += q.both
			p.octets, p.packets, p.outcomes = p.octets.Plus(q.octets), p.packets.Plus(q.packets), p.outcomes.Plus(q.outcomes)
		}
	}
}

// Pairs are the pairs of sensors that told of the same flows, those with most such
// flows first, then by name. The hours come one by one, each with the flows that its
// sensors told of.
func (a *Agreement) Pairs(hours func(yield func(flows map[string]int64)) error) ([]netcase.SensorPair, error) {
	all := a.begun()
	err := hours(func(flows map[string]int64) { addHour(all, flows) })
	return ended(all), err
}

func (a *Agreement) begun() []netcase.SensorPair {
	var all []netcase.SensorPair
	for of, p := range a.pairs {
		all = append(all, netcase.SensorPair{A: of.a, B: of.b, Both: p.both, Octets: p.octets, Packets: p.packets, Outcomes: p.outcomes})
	}
	return all
}

// addHour counts the flows of an hour that both sensors of a pair saw anything in.
func addHour(all []netcase.SensorPair, flows map[string]int64) {
	for i := range all {
		p := &all[i]
		a, b := flows[p.A], flows[p.B]
		if a == 0 || b == 0 {
			continue
		}
		p.Hours++
		p.OnlyA += a
		p.OnlyB += b
	}
}

// ended takes what both saw from what each saw, and sorts.
func ended(all []netcase.SensorPair) []netcase.SensorPair {
	for i := range all {
		all[i].OnlyA -= all[i].Both
		all[i].OnlyB -= all[i].Both
	}
	slices.SortFunc(all, func(x, y netcase.SensorPair) int {
		return cmp.Or(cmp.Compare(y.Both, x.Both), strings.Compare(x.A, y.A), strings.Compare(x.B, y.B))
	})
	return all
}
