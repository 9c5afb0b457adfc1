package source

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"

	"netcase"
)

// Texts tells on the second pass by the text of two IPv4 addresses that nobody asks for a
// flow between them, before they are parsed: such an address is written in one way only.
// Where it is in doubt it says that somebody does.
type Texts struct {
	// Rank is that of a record, by its place.
	Rank func(netcase.Place) uint64
	// Least is the rank up to which a record is asked for whoever it is of.
	Least uint64

	bars  [1 << barBits]uint8 // the upper bits of the highest rank asked for, by the hash of an end
	pairs [1 << (pairBits - 6)]uint64
}

const (
	barBits  = 16 // for a few thousand ends: one in a hundred others looks like one of them
	pairBits = 17 // for a few thousand pairs of them
	// longestIPv4 and shortestIPv4 are lengths of the text of an address.
	longestIPv4  = len("255.255.255.255")
	shortestIPv4 = len("0.0.0.0")
)

// EveryRank is the rank up to which all records of an end are asked for.
const EveryRank = math.MaxUint64

// Add asks for the records of an end up to a rank. Ends that are not addresses of IPv4
// need not be added: their text is never told from.
func (t *Texts) Add(a netip.Addr, rank uint64) {
	if a.Is4() {
		bar := &t.bars[writtenIPv4(a)>>(64-barBits)]
		*bar = max(*bar, upperBits(rank))
	}
}

// AddPair asks for all records between two ends, addresses of IPv4 both.
func (t *Texts) AddPair(a, b netip.Addr) {
	at := (writtenIPv4(a) + writtenIPv4(b)) >> (64 - pairBits)
	t.pairs[at>>6] |= 1 << (at & 63)
}

// asks tells whether the record at a place may be asked for; src and dst are what
// ipv4Text gave.
func (t *Texts) asks(at netcase.Place, src, dst uint64) bool {
	bar := max(t.bars[src>>(64-barBits)], t.bars[dst>>(64-barBits)], upperBits(t.Least))
	pair := (src + dst) >> (64 - pairBits)
	return upperBits(t.Rank(at)) <= bar || t.pairs[pair>>6]>>(pair&63)&1 != 0
}

func upperBits(rank uint64) uint8 { return uint8(rank >> 56) }

// writtenIPv4 is the hash of the text of an address.
func writtenIPv4(a netip.Addr) uint64 {
	var text [longestIPv4 + 1]byte
	n := len(a.AppendTo(text[:0]))
	return hashIPv4(binary.LittleEndian.Uint64(text[:]), binary.LittleEndian.Uint64(text[8:]), uint(n))
}

// ipv4Text is the hash of line[from:to], which may be the text of an IPv4 address. If it
// is not ok it may be another's, or stands too near to the end of the line.
func ipv4Text(line []byte, from, to int) (hash uint64, ok bool) {
	n := to - from
	if n < shortestIPv4 || n > longestIPv4 || from+16 > len(line) {
		return 0, false
	}
	text := line[from : from+16]
	low := binary.LittleEndian.Uint64(text)
	// Of all addresses only those of IPv4 have a point after one to three characters.
	points := low>>8&0xffffff ^ 0x2e2e2e
	if (points-0x010101)&^points&0x808080 == 0 {
		return 0, false
	}
	return hashIPv4(low, binary.LittleEndian.Uint64(text[8:]), uint(n)), true
}

// hashIPv4 is the hash of the first n of sixteen bytes, at most fifteen.
func hashIPv4(low, high uint64, n uint) uint64 {
	low &= 1<<(8*min(n, 8)) - 1
	high &= 1<<(8*max(n, 8)-64) - 1
	a, b := bits.Mul64(low^0x9e3779b97f4a7c15, high^0xbf58476d1ce4e5b9)
	return (a ^ b) * 0x94d049bb133111eb
}
