package intel

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// front answers whether any prefix holds an IPv4 address, and nothing more: it
// stands before the table, which knows which one. The prefixes are merged into
// ranges that neither overlap nor touch; most addresses of real traffic are settled
// by one bit.
//
// Shape: 2 MiB of bits, one for each /24 that some prefix touches, an index by the
// upper 16 bits, and 8 bytes a range.
type front struct {
	touched [1 << 18]uint64   // bit n: the /24 number n is touched
	index   [1<<16 + 1]uint32 // first range that ends in or after the /16
	first   []uint32          // of each range, ascending
	last    []uint32
}

// newFront merges prefixes, which come sorted by address; those of IPv6 are passed over.
func newFront(prefixes func(func(netip.Prefix) bool)) *front {
	f := new(front)
	for p := range prefixes {
		if p.Addr().Is4() {
			a, b := bounds(p)
			f.add(a, b)
		}
	}
	f.first, f.last = slices.Clip(f.first), slices.Clip(f.last)
	at := 0
	for page := range uint32(1 << 16) {
		for at < len(f.last) && f.last[at] < page<<16 {
			at++
		}
		f.index[page] = uint32(at)
	}
	f.index[1<<16] = uint32(len(f.first))
	return f
}

// bounds are the first and last address of an IPv4 prefix.
func bounds(p netip.Prefix) (first, last uint32) {
	b := p.Masked().Addr().As4()
	first = binary.BigEndian.Uint32(b[:])
	return first, first | uint32(1<<(32-p.Bits())-1)
}

// add joins a range that begins at or after the last one's beginning.
func (f *front) add(a, b uint32) {
	for n := a >> 8; ; n++ {
		f.touched[n>>6] |= 1 << (n & 63)
		if n == b>>8 {
			break
		}
	}
	n := len(f.first)
	switch {
	case n > 0 && (a <= f.last[n-1] || a-1 == f.last[n-1]):
		f.last[n-1] = max(f.last[n-1], b)
	default:
		f.first, f.last = append(f.first, a), append(f.last, b)
	}
}

// holds tells whether any prefix holds the address.
func (f *front) holds(a uint32) bool {
	if f.touched[a>>14]>>(a>>8&63)&1 == 0 {
		return false
	}
	// The first range that ends at or after a; it lies between the first one of the
	// /16 and the one that reaches into the next.
	lo, hi := f.index[a>>16], min(f.index[a>>16+1]+1, uint32(len(f.last)))
	for n := bits.Len32(hi - lo); n > 0 && lo < hi; n-- {
		mid := lo + (hi-lo)/2
		if f.last[mid] < a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return int(lo) < len(f.first) && f.first[lo] <= a && a <= f.last[lo]
}

// Holds tells whether any listed prefix holds the address, at a fraction of the cost
// of Match. What only an atlas says of the place is not listed.
func (s *Set) Holds(a netip.Addr) bool {
	if s == nil || s.table == nil || !a.IsValid() {
		return false
	}
	a = a.Unmap()
	if a.Is4() && s.front != nil {
		b := a.As4()
		return s.front.holds(binary.BigEndian.Uint32(b[:]))
	}
	return s.table.Contains(a.WithZone(""))
}

// holds4 is Holds of an IPv4 address by its number.
func (s *Set) holds4(a uint32) bool {
	if s.front != nil {
		return s.front.holds(a)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return s.table != nil && s.table.Contains(netip.AddrFrom4(b))
}

// Adverse is the part of the set that speaks against an address: no ranges of
// providers, no places, no benign knowledge.
func (s *Set) Adverse() *Set {
	if s == nil {
		return nil
	}
	own := &Set{feeds: s.feeds, words: s.words, times: s.times}
	for _, r := range s.recs {
		if s.words[r.words].claim.Adverse() {
			own.recs = append(own.recs, r)
		}
	}
	if len(own.recs) == len(s.recs) {
		return s
	}
	own.index()
	return own
}

// prefixes visits every distinct prefix, in the order of its first address.
func (s *Set) prefixes(visit func(netip.Prefix) bool) {
	for i := range s.recs {
		if i > 0 && s.recs[i].key() == s.recs[i-1].key() {
			continue
		}
		if !visit(s.recs[i].key().prefix()) {
			return
		}
	}
}
