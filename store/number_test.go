package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"netcase"
	"netcase/cube"
)

// TestSomePeersTwin reads the rows of a few peers out of many blocks, and compares with
// all rows, looked through.
func TestSomePeersTwin(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 83))
		keep := &keeper{names: newNames(), workers: 1}
		keep.names.number("zeek")
		rows := volumeRows(9000)
		for i := range rows {
			p := &rows[i]
			p.peerLo = 0x08080000 + uint64(r.IntN(1+r.IntN(3000)))
			switch r.IntN(9) {
			case 0:
				p.peerHi, p.rest = 0x20010db8<<32, p.rest|kind6<<peerKindShift
			case 1:
				p.peerLo, p.rest = uint64(keep.names.number(fmt.Sprint("p", r.IntN(20)))), p.rest|kindName<<peerKindShift
			}
		}
		made, err := keep.sealed(rows, keep.names.reader().peersFirst())
		if err != nil {
			t.Fatal(err)
		}
		m := &answers{keep: keep, rows: made}
		all := rowsOf(t, m, cube.Question{})
		q := cube.Question{Ports: []uint16{22, 443, 3389}[:r.IntN(4)]}
		for range 1 + r.IntN(7) {
			q.Peers = append(q.Peers, all[r.IntN(len(all))].Peer)
		}
		q.Peers = append(q.Peers, netcase.At(netip.AddrFrom4([4]byte{8, 8, 255, 1})), netcase.Endpoint{Name: "nobody"})
		slices.SortFunc(q.Peers, netcase.Endpoint.Compare)
		want := slices.DeleteFunc(slices.Clone(all), func(x cube.Row) bool { return !q.Asks(&x.Key) })
		if got := rowsOf(t, m, q); len(want) == 0 && len(q.Ports) == 0 || !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Errorf("seed %d: %d rows of %d peers, want %d", seed, len(got), len(q.Peers), len(want))
		}
	}
}

func rowsOf(t *testing.T, m *answers, q cube.Question) (out []cube.Row) {
	t.Helper()
	for r, err := range m.Rows(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}
