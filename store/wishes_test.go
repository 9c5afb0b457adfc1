package store

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"netcase"
	"netcase/cube"
)

// TestForetoldTwin asks rows what meets wishes, and compares with a tally that is shown
// every row, and with all pairs by the number of their records.
func TestForetoldTwin(t *testing.T) {
	ctx := context.Background()
	at := func(s string) []netcase.Endpoint { return []netcase.Endpoint{netcase.At(netip.MustParseAddr(s))} }
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 79))
		keep := &keeper{names: newNames(), workers: 1 + int(seed%3)}
		keep.names.number("zeek")
		rows := volumeRows(9000)
		for i := range rows {
			p := &rows[i]
			p.hostLo, p.peerLo = 0x0a280000+uint64(r.IntN(40)), 0x08080000+uint64(r.IntN(700))
			p.records, p.flows = 1+r.Int64N(4), 1+r.Int64N(4)
			switch r.IntN(6) {
			case 0:
				p.hostHi, p.rest = 0x20010db8<<32, p.rest|kind6<<hostKindShift
			case 1:
				p.rest ^= (uint64(netcase.Inbound) ^ uint64(netcase.Outbound)) << directionShift
			}
		}
		first := netcase.Time(rows[0].hour) * netcase.Hour
		many := seed%2 == 0
		peers := func(n int) (out []netcase.Endpoint) {
			for i := range n {
				out = append(out, netcase.At(netip.AddrFrom4([4]byte{8, 8, byte(i >> 8), byte(i)})))
			}
			return out
		}
		all := []cube.Want{
			{Tag: "a host", Records: 5, Selection: netcase.Selection{Hosts: at("10.40.0.3"), Direction: netcase.Inbound}},
			{Tag: "a host, any way", Records: 5, Selection: netcase.Selection{Hosts: at("10.40.0.4"), Ports: []uint16{22}}},
			{Tag: "hosts, out", Records: 5, Selection: netcase.Selection{Hosts: append(at("10.40.0.3"), at("10.40.0.9")...), Direction: netcase.Outbound}},
			{Tag: "IPv6", Records: 5, Selection: netcase.Selection{Hosts: at("2001:db8::a28:7")}},
			{Tag: "peers", Records: 5, Selection: netcase.Selection{Peers: peers(9), Span: netcase.Span{End: first + 3*netcase.Hour + 5}}},
			{Tag: "peers of a host", Records: 5, Selection: netcase.Selection{Peers: peers(50), Hosts: at("10.40.0.5")}},
			{Tag: "an hour", Records: 5, Selection: netcase.Selection{Span: netcase.Span{Start: first + netcase.Hour, End: first + 2*netcase.Hour}}},
			{Tag: "from within an hour", Records: 5, Selection: netcase.Selection{Direction: netcase.Outbound, Span: netcase.Span{Start: first + netcase.Hour/2}}},
			{Tag: "starts", Starts: true, Selection: netcase.Selection{Peers: peers(3)}},
		}
		if many {
			all = append(all, cube.Want{Tag: "many starts", Starts: true, Selection: netcase.Selection{Peers: peers(600)}})
		}
		var wants []cube.Want
		for _, w := range all {
			if r.IntN(3) > 0 || w.Starts {
				wants = append(wants, w)
			}
		}
		made, err := keep.sealed(rows, keep.names.reader().peersFirst())
		if err != nil {
			t.Fatal(err)
		}
		m := &answers{keep: keep, rows: made, parts: []*run{made}}
		if seed%3 == 0 { // parts that are not the rows
			other, err := keep.sealed(rows, keep.names.reader().peersFirst())
			if err != nil {
				t.Fatal(err)
			}
			m.parts = []*run{other}
		}
		told, err := m.foretell(ctx, wants, func(*cube.Want) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		tally := cube.NewTally(wants, func(*cube.Want) bool { return true })
		wished, records := cube.NewStartWishes(wants), map[cube.Pair]int64{}
		d := keep.names.reader()
		if err := visit(ctx, []*run{made}, func(p *packed) error {
			var row cube.Row
			d.unpack(p, &row)
			if tally != nil {
				tally.Peer(row.Peer)
				tally.Add(&row)
			}
			if wished.Holds(&row) {
				records[cube.PairOf(&row.Key)] += min(row.Records, row.Flows)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range wants {
			want, ok := cube.Count{}, false
			if tally != nil {
				want, ok = tally.Of(i)
			}
			if got, has := told.counts[i]; has != ok || !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d, %s: %+v, want %+v", seed, wants[i].Tag, got, want)
			}
		}
		if !many {
			if told.only != nil {
				t.Errorf("seed %d: %d of %d pairs were chosen", seed, len(told.only), len(records))
			}
			continue
		}
		left, least := maps.Clone(records), int64(1<<62)
		for p := range told.only {
			least = min(least, records[p])
			delete(left, p)
		}
		most := slices.Max(slices.Collect(maps.Values(left)))
		if len(told.only) != cube.MaxPairs || most > least {
			t.Errorf("seed %d: %d pairs of %d or more records were chosen, and one of %d was not", seed, len(told.only), least, most)
		}
	}
}
