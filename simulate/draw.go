package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"

	"netcase"
)

// part names what a stream of random numbers is for. Every part has a stream of
// its own, so that a change to one leaves the others as they were.
type part uint64

const (
	partPlan part = iota + 1
	partEstate
	partOrdinary
	partVisitors
	partBackground
	partSuspects
	partSpike
	partExport
	partIntel
	partVolume
	partStory
	partStoryExport
)

// draw makes random choices from one stream.
type draw struct{ *rand.Rand }

func newDraw(seed uint64, p part) draw {
	const spread = 0x9e3779b97f4a7c15 // 2^64 over the golden ratio: far apart for small numbers
	return draw{rand.New(rand.NewPCG(seed, uint64(p)*spread))}
}

// between is a whole number from lo to hi, both included.
func (d draw) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

func (d draw) chance(p float64) bool { return d.Float64() < p }

func pick[T any](d draw, list []T) T { return list[d.IntN(len(list))] }

// poisson is a Poisson number by Knuth's product, in slices that do not underflow.
func (d draw) poisson(mean float64) int {
	const slice = 30
	n := 0
	for ; mean > slice; mean -= slice {
		n += d.poisson(slice)
	}
	limit, product := math.Exp(-mean), d.Float64()
	for product > limit {
		n++
		product *= d.Float64()
	}
	return n
}

// instant is a whole second inside the hour that begins at hour.
func (d draw) instant(hour netcase.Time) netcase.Time {
	return hour + netcase.Time(d.IntN(3600))*netcase.Second
}

// ephemeral is a client's port.
func (d draw) ephemeral() uint16 { return uint16(d.between(49152, 65535)) }

func (d draw) guid() string {
	a, b := d.Uint64(), d.Uint64()
	a = a&^0xf000 | 0x4000                           // version 4
	b = b&^(0xc000000000000000) | 0x8000000000000000 // RFC 9562 variant
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// First octets of the outside world. The lists share nothing with each other nor
// with the services, so that no scanner is a visitor by chance.
var (
	scannerOctets = []byte{45, 62, 77, 80, 84, 87, 91, 92, 94, 103, 118, 141, 152, 159, 176, 178, 185, 188, 193, 194, 195, 212}
	visitorOctets = []byte{24, 46, 50, 71, 78, 79, 82, 83, 86, 88, 89, 90, 93, 95, 109, 213, 217}
)

// net24 is a public /24 whose first octet is one of those given.
func (d draw) net24(octets []byte) netip.Prefix {
	for {
		a := netip.AddrFrom4([4]byte{pick(d, octets), byte(d.IntN(256)), byte(d.IntN(256)), 0})
		if netcase.Public(a) {
			return netip.PrefixFrom(a, 24)
		}
	}
}

// within is a host address of a /24.
func (d draw) within(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	b[3] = byte(d.between(2, 253))
	return netip.AddrFrom4(b)
}
