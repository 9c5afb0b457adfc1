package source

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"netcase"
)

func TestTextOfAnAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range fewer(20_000, 2000) {
		a := netip.AddrFrom4([4]byte{byte(r.Uint32() >> r.IntN(8)), byte(r.Uint32()), byte(r.Uint32() >> r.IntN(8)), byte(r.Uint32())})
		before := strings.Repeat("1.2\t", r.IntN(3))
		line := []byte(before + a.String() + "\t5.6\tand what else a line may hold")
		h, ok := ipv4Text(line, len(before), len(before)+len(a.String()))
		if !ok || h != writtenIPv4(a) {
			t.Fatalf("%s in %q: %x, %v; want %x", a, line, h, ok, writtenIPv4(a))
		}
	}
	for _, text := range []string{"2001:db8::1", "::ffff:1.2.3.4", "1::1.2.3.4", "fe80::1%eth0", "-", "1.2.3", "255.255.255.2555"} {
		if _, ok := ipv4Text([]byte(text+strings.Repeat(" ", 16)), 0, len(text)); ok {
			t.Errorf("%s is taken for an IPv4 address", text)
		}
	}
	if _, ok := ipv4Text([]byte("1.2.3.4"), 0, 7); ok {
		t.Error("bytes beyond the end of a line are looked at")
	}
}

// TestTextsTwin puts ends to the table of their texts and to lists.
func TestTextsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	random := func() netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.Uint32()), byte(r.Uint32())})
	}
	texts := &Texts{Rank: func(p netcase.Place) uint64 { return uint64(p.Line) }}
	bars, pairs := map[netip.Addr]uint64{}, map[[2]netip.Addr]bool{}
	for range 500 {
		a, bar := random(), r.Uint64()
		if r.IntN(2) == 0 {
			bar = EveryRank
		}
		bars[a] = max(bars[a], bar)
		texts.Add(a, bar)
		p := [2]netip.Addr{random(), random()}
		pairs[p] = true
		texts.AddPair(p[0], p[1])
	}
	texts.Add(netip.MustParseAddr("2001:db8::1"), EveryRank)
	asks := func(rank uint64, a, b netip.Addr) bool {
		return texts.asks(netcase.Place{Line: int64(rank)}, writtenIPv4(a), writtenIPv4(b))
	}
	for a, bar := range bars {
		for _, rank := range []uint64{0, bar / 2, bar} {
			if !asks(rank, a, random()) || !asks(rank, random(), a) {
				t.Fatalf("%s is passed over at rank %x, below %x", a, rank, bar)
			}
		}
	}
	for p := range pairs {
		if !asks(EveryRank, p[0], p[1]) || !asks(EveryRank, p[1], p[0]) {
			t.Fatalf("%v is passed over", p)
		}
	}
	doubted := 0
	const tries = 20_000
	for range tries {
		if asks(EveryRank/2, random(), random()) {
			doubted++
		}
	}
	if doubted > tries/20 {
		t.Errorf("%d of %d others are not passed over", doubted, tries)
	}
	if texts.Least = EveryRank / 2; !asks(EveryRank/2, random(), random()) {
		t.Error("a record of anybody is passed over")
	}
}

// TestGlanceTwin decodes rows of which few are wanted, with and without a glance at the
// texts of their ends: what is wanted of them is the same.
func TestGlanceTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	ends := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "255.255.255.255", "1.1.1.1", "2001:db8::1", "2001:DB8:0::1", "::ffff:10.0.0.1", "0:0:0:0:0:ffff:10.0.0.2", "10.0.0.01", "-", "x"}
	var b strings.Builder
	b.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n")
	for range fewer(4000, 500) {
		fmt.Fprintf(&b, "%d.%06d\tC%s\t%s\t%d\t%s\t%d\ttcp\n", 1760961600+r.IntN(9000), r.IntN(1e6), strings.Repeat("x", r.IntN(60)),
			ends[r.IntN(len(ends))], r.IntN(70_000), ends[r.IntN(len(ends))], 20+r.IntN(4))
	}
	text := b.String()
	one, v6, pair := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1"), [2]netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("1.1.1.1")}
	const bar = EveryRank / 8
	rank := func(p netcase.Place) uint64 { return uint64(p.Offset) * 0x9e3779b97f4a7c15 }
	wanted := func(src, dst netcase.Endpoint) bool {
		return src.Addr == v6 || dst.Addr == v6 || src.Addr == pair[0] && dst.Addr == pair[1] || src.Addr == pair[1] && dst.Addr == pair[0]
	}
	drawn := func(at netcase.Place, src, dst netcase.Endpoint) bool {
		return rank(at) <= bar && (src.Addr == one || dst.Addr == one)
	}
	texts := &Texts{Rank: rank}
	texts.Add(one, bar)
	texts.AddPair(pair[0], pair[1])
	decode := func(in Input) (kept []netcase.Place, all int) {
		in.R, in.Report, in.Raw = strings.NewReader(text), &netcase.InputReport{}, true
		if err := decodeZeek(context.Background(), &in, func(b *netcase.Batch) error {
			all += len(b.Flows)
			for i := range b.Flows {
				if f := &b.Flows[i]; wanted(f.Src, f.Dst) || drawn(f.Place, f.Src, f.Dst) {
					kept = append(kept, f.Place)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return kept, all
	}
	want, whole := decode(Input{})
	for _, in := range []Input{{Wanted: wanted, Drawn: drawn}, {Wanted: wanted, Drawn: drawn, Texts: texts}} {
		got, all := decode(in)
		if !reflect.DeepEqual(got, want) || len(want) < 100 {
			t.Fatalf("%d flows are kept, want %d", len(got), len(want))
		}
		if all > whole*3/4 {
			t.Errorf("%d of %d flows were made whole", all, whole)
		}
	}
}
