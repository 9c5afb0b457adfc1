package store

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"testing"

	"netcase/cube"
)

// countedFlows is what a margin has of a cell.
type countedFlows struct{ flows, failed int64 }

// TestLinesTwin counts rows by host, port, sensor and outcome, with room for all pages,
// for some and for none, and compares with maps.
func TestLinesTwin(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		table  int
		budget int64
		hours  int // over which the rows are spread
		ports  int
	}{
		{"a week", 0, 0, 168, 5},
		{"a few pages", 7, 0, 168, 5},
		{"a small budget", 0, 256 << 10, 500, 300},
		{"no budget", 0, 1, 168, 5},
		{"many ports over years", 40, 0, 30_000, 3000},
	} {
		r := rand.New(rand.NewPCG(7, 7))
		keep := &keeper{names: newNames(), table: c.table, budget: c.budget, temp: t.TempDir(), workers: 1 + c.hours%5}
		rows := volumeRows(6000)
		for i := range rows {
			p := &rows[i]
			p.hour = int32(r.IntN(c.hours) - 80) // some before 1970
			p.hostLo = 0x0a280000 + uint64(r.IntN(40))
			p.sensor = 1 + uint32(p.peerLo>>3&p.peerLo>>5&1)*maxBriefSensor // one account of each cell; some sensors beyond what is brief
			p.rest = p.rest&^(0xffff<<portShift) | uint64(r.IntN(c.ports))<<portShift
			p.flows = 1 + r.Int64N(5)
			switch r.IntN(5) {
			case 0:
				p.hostHi, p.rest = 0x20010db8<<32, p.rest|kind6<<hostKindShift
			case 1:
				p.rest ^= 1 << directionShift
			}
		}
		for len(keep.names.text) <= maxBriefSensor+2 {
			keep.names.number(string(rune('a' + len(keep.names.text))))
		}
		want := map[string]map[cell]countedFlows{"hosts": {}, "ports": {}, "sensors": {}, "reaches": {}}
		for i := range rows {
			p := &rows[i]
			for name, k := range map[string]cell{
				"hosts": {hostHi: p.hostHi, hostLo: p.hostLo, rest: p.rest & keepHost, hour: p.hour}, "ports": {rest: p.rest & keepPort, hour: p.hour},
				"sensors": {rest: p.rest & keepDirection, sensor: p.sensor, hour: p.hour}, "reaches": {rest: p.rest & keepReach, hour: p.hour},
			} {
				n := want[name][k]
				if n.flows += p.flows; p.reach().Failed() {
					n.failed += p.flows
				}
				want[name][k] = n
			}
		}
		made, err := keep.sealed(rows, keep.names.reader().peersFirst())
		if err != nil {
			t.Fatal(err)
		}
		m := &answers{keep: keep, parts: []*run{made}}
		if err := m.reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		l, held := m.lines, m.rows.held
		for _, r := range m.extras {
			held += r.held
		}
		for name, g := range map[string]*margin{"hosts": l.hosts, "ports": l.ports, "sensors": l.sensors, "reaches": l.reaches} {
			got := map[cell]countedFlows{}
			in, err := mergeRuns(ctx, g.runs, g.by)
			for err == nil {
				var p *packed
				if p, err = in.next(); p == nil {
					break
				}
				if _, again := got[p.cell]; again {
					t.Fatalf("%s, %s: a cell comes twice", c.name, name)
				}
				got[p.cell] = countedFlows{p.flows, p.records}
			}
			if err != nil || !maps.Equal(got, want[name]) {
				t.Errorf("%s, %s: %v, %d cells differ from the %d of the twin", c.name, name, err, len(got), len(want[name]))
			}
			for _, r := range g.runs {
				held += r.held
			}
		}
		if keep.used != held {
			t.Errorf("%s: %d bytes are spoken for, want %d", c.name, keep.used, held)
		}
		if c.budget > 0 && keep.used > c.budget {
			t.Errorf("%s: %d bytes are spoken for, above the budget of %d", c.name, keep.used, c.budget)
		}
		if err := keep.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkLines counts a week of ordinary traffic by the hour.
func BenchmarkLines(b *testing.B) {
	rows := volumeRows(1 << 20)
	keep := &keeper{names: newNames(), workers: 1}
	keep.names.number("zeek")
	made, err := keep.sealed(rows, keep.names.reader().peersFirst())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m := &answers{keep: keep}
		m.lines = m.newLines()
		if err := cmp.Or(visit(context.Background(), []*run{made}, m.lines.count), m.lines.end(context.Background())); err != nil {
			b.Fatal(err)
		}
		for p, err := range m.Timeline(context.Background(), cube.TimelineQuestion{Step: cube.HourStep, By: cube.ByHost}) {
			if err != nil || p.Flows == 0 {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}
