package cube

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"netcase"
)

// What the index of wishes finds is what each wish, asked by itself, selects.
func TestWishesTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 8))
	end := func(n byte) netcase.Endpoint { return netcase.At(netip.AddrFrom4([4]byte{n, 0, 0, byte(r.IntN(4))})) }
	some := func(n byte) (out []netcase.Endpoint) {
		for range r.IntN(3) {
			out = append(out, end(n))
		}
		return out
	}
	for round := range 300 {
		var wants []Want
		for i := range 6 {
			s := netcase.Selection{Peers: some(8), Hosts: some(10), Direction: netcase.Direction(r.IntN(3))}
			for range r.IntN(2) {
				s.Prefixes = append(s.Prefixes, netip.PrefixFrom(end(8).Addr, 31).Masked())
			}
			for range r.IntN(3) {
				s.Ports = append(s.Ports, uint16(r.IntN(3)))
				s.Reaches = append(s.Reaches, netcase.Reaches()[r.IntN(7)])
			}
			if r.IntN(3) == 0 {
				s.Sensors = []string{"a"}
			}
			if r.IntN(3) == 0 {
				s.Span = netcase.Span{Start: 3, End: netcase.Time(4 + r.IntN(4))}
			}
			wants = append(wants, Want{Tag: fmt.Sprint(i), Selection: s, Records: MaxRecords})
		}
		c := NewCollector(wants)
		totals := map[string]int64{}
		for line := range 60 {
			k := Key{Peer: end(8), Host: end(10), Port: uint16(r.IntN(3)), Direction: netcase.Direction(r.IntN(3)), Reach: netcase.Reaches()[r.IntN(7)], Sensor: []string{"a", "b"}[r.IntN(2)]}
			f := netcase.Flow{Start: netcase.Time(1 + r.IntN(8)), Records: 1, Place: netcase.Place{Line: int64(line)}}
			for _, w := range wants {
				if w.Selection.Matches(k.Peer, k.Host, k.Port, k.Direction, k.Reach, k.Sensor, f.Start) {
					totals[w.Tag]++
					if !c.Wanted(k.Peer, k.Host) {
						t.Fatalf("round %d: not wanted: %+v by %+v", round, k, w)
					}
				}
			}
			c.Add("in", &k, &f)
		}
		d := c.Details()
		for _, w := range wants {
			if got := d.Records[w.Tag].Total; got != totals[w.Tag] {
				t.Fatalf("round %d: %d records, want %d: %+v", round, got, totals[w.Tag], w.Selection)
			}
		}
	}
}

// Ranks must be even, or a sample would be short of records.
func TestRanksAreEven(t *testing.T) {
	for _, step := range []int64{1, 97, 113} { // lines alike in length
		rank, low := RankIn("in-0123456789ab"), 0
		const n = 1 << 16
		for i := range int64(n) {
			if rank.Of(&netcase.Place{Line: i, Offset: i * step}) < 1<<58 { // a 64th
				low++
			}
		}
		if low < n/64*9/10 || low > n/64*11/10 {
			t.Errorf("step %d: %d of %d ranks lie in a 64th of all, want about %d", step, low, n, n/64)
		}
	}
}
