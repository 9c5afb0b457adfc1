package store

import (
	"context"
	"math/rand/v2"
	"testing"

	"netcase"
)

// volumeRows are rows as a week of ordinary traffic makes them: hardly any cell twice.
func volumeRows(n int) []packed {
	r := rand.New(rand.NewPCG(3, 3))
	rows := make([]packed, n)
	for i := range rows {
		at := int64(1760961600000) + int64(i)*600/1000*100
		rows[i] = packed{
			cell: cell{
				peerLo: uint64(r.Uint32()>>r.IntN(12)) % 200_000 * 7919, hostLo: 0x0a280000 + uint64(r.IntN(2000)), hour: int32(netcase.Time(at).Hour()), sensor: 1,
				rest: restOf([]uint16{443, 80, 22, 3389, 8443}[r.IntN(5)], 6, netcase.Inbound, netcase.Reach(2+r.IntN(4)), 0),
			},
			flows: 1, records: 1, octetsOut: r.Int64N(5000), octetsIn: r.Int64N(50_000), packetsOut: r.Int64N(30), packetsIn: r.Int64N(40),
			first: at, last: at + r.Int64N(9000), minutes: minuteBit(at),
		}
	}
	return rows
}

// BenchmarkSeal sorts and encodes what a worker's table holds.
func BenchmarkSeal(b *testing.B) {
	rows := volumeRows(96 << 10)
	keep := &keeper{names: newNames()}
	d := keep.names.reader()
	b.ResetTimer()
	for b.Loop() {
		r, err := keep.sealed(rows, d.peersFirst())
		if err != nil {
			b.Fatal(err)
		}
		r.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}

// BenchmarkJoin merges the runs of an input and settles its cells.
func BenchmarkJoin(b *testing.B) {
	const runs = 40
	rows := volumeRows(runs * 24 << 10)
	var held int64
	for b.Loop() {
		b.StopTimer()
		keep := &keeper{names: newNames(), workers: 1}
		f := newFold(&Config{}, &netcase.Site{}, keep)
		for part := range runs {
			r, err := keep.sealed(rows[part*len(rows)/runs:(part+1)*len(rows)/runs], keep.names.reader().peersFirst())
			if err != nil {
				b.Fatal(err)
			}
			f.runs = append(f.runs, r)
		}
		b.StartTimer()
		if _, err := join(context.Background(), keep, []*fold{f}); err != nil {
			b.Fatal(err)
		}
		held = keep.used
	}
	b.ReportMetric(float64(held)/float64(len(rows)), "B/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}

// BenchmarkTable counts flows of cells of which hardly any comes twice.
func BenchmarkTable(b *testing.B) {
	rows := volumeRows(96 << 10)
	t := newTable()
	f := netcase.Flow{Start: 1760961600000, Flows: 1, Records: 1}
	for b.Loop() {
		t.reset()
		for i := range rows {
			f.Start = netcase.Time(rows[i].first)
			t.count(&rows[i].cell, &f)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}
