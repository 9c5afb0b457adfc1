package intel

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func v4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// inAny is the slow twin of front.
func inAny(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func frontOf(list []netip.Prefix) *front {
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	return newFront(slices.Values(list))
}

func TestFrontEdges(t *testing.T) {
	for _, c := range []struct {
		name string
		list []string
		in   []string
		out  []string
	}{
		{name: "nothing", out: []string{"0.0.0.0", "255.255.255.255", "1.2.3.4"}},
		{"everything", []string{"0.0.0.0/0"}, []string{"0.0.0.0", "255.255.255.255", "1.2.3.4"}, nil},
		{"the first and the last", []string{"0.0.0.0/32", "255.255.255.255/32"}, []string{"0.0.0.0", "255.255.255.255"}, []string{"0.0.0.1", "255.255.255.254"}},
		{"a range that ends with its /16", []string{"10.0.255.0/24"}, []string{"10.0.255.0", "10.0.255.255"}, []string{"10.1.0.0", "10.0.254.255"}},
		{"a range over many /16", []string{"10.0.0.0/8"}, []string{"10.0.0.0", "10.77.0.1", "10.255.255.255"}, []string{"9.255.255.255", "11.0.0.0"}},
		{"neighbours and nested", []string{"192.0.2.0/25", "192.0.2.64/26", "192.0.2.128/25"}, []string{"192.0.2.0", "192.0.2.127", "192.0.2.128", "192.0.2.255"}, []string{"192.0.1.255", "192.0.3.0"}},
		{"IPv6 is not ours", []string{"2001:db8::/32"}, nil, []string{"32.1.13.184"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []netip.Prefix
			for _, p := range c.list {
				list = append(list, netip.MustParsePrefix(p))
			}
			f := frontOf(list)
			check := func(text string, want bool) {
				b := netip.MustParseAddr(text).As4()
				if got := f.holds(binary.BigEndian.Uint32(b[:])); got != want {
					t.Errorf("holds %s: %v, want %v", text, got, want)
				}
			}
			for _, a := range c.in {
				check(a, true)
			}
			for _, a := range c.out {
				check(a, false)
			}
		})
	}
}

// TestFrontTwin compares with a look through every prefix, near their edges most of all.
func TestFrontTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 9))
	for range 60 {
		var list []netip.Prefix
		var ask []uint32
		for range r.IntN(60) {
			// Few /16, so that ranges meet.
			a := uint32(r.IntN(3))<<16 | r.Uint32()&0xffff | 0x0a000000
			p, _ := v4(a).Prefix(32 - r.IntN(14))
			first, last := bounds(p)
			list = append(list, p)
			ask = append(ask, first, last, first-1, last+1, a)
		}
		for range 200 {
			ask = append(ask, 0x0a000000|r.Uint32()&0x3ffff)
		}
		f := frontOf(slices.Clone(list))
		for _, a := range ask {
			if got, want := f.holds(a), inAny(list, v4(a)); got != want {
				t.Fatalf("%s in %v: %v, want %v", v4(a), list, got, want)
			}
		}
	}
}

// BenchmarkFront is the measure of performance: 1 M addresses and 50,000 prefixes.
func BenchmarkFront(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var list []netip.Prefix
	for range 1_000_000 {
		list = append(list, netip.PrefixFrom(v4(r.Uint32()), 32))
	}
	for range 50_000 {
		p, _ := v4(r.Uint32()).Prefix(16 + r.IntN(15))
		list = append(list, p)
	}
	f := frontOf(list)
	ask := make([]uint32, 1<<20)
	for i := range ask {
		ask[i] = r.Uint32()
		if i%5 == 0 {
			x := list[r.IntN(len(list))].Addr().As4()
			ask[i] = binary.BigEndian.Uint32(x[:])
		}
	}
	hits, i := 0, 0
	for b.Loop() {
		if f.holds(ask[i&(1<<20-1)]) {
			hits++
		}
		i++
	}
	if hits == 0 {
		b.Fatal("nothing was found")
	}
	b.ReportMetric(float64(len(f.first)*8+len(f.touched)*8+len(f.index)*4)/1e6, "MB")
}
