package intel

import (
	"net/netip"
	"sort"

	"netcase"
)

// Neighbours is what the lists say of the network around an address: of its /24 or /48,
// and of its autonomous system where a list names it. Every adverse claim counts,
// whatever its date: this is context, never evidence. Nil: the set is empty.
func (s *Set) Neighbours(a netip.Addr) *netcase.Neighbourhood {
	if s == nil || len(s.recs) == 0 || !a.IsValid() {
		return nil
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	network, err := a.Prefix(bits)
	if err != nil {
		return nil
	}
	n := &netcase.Neighbourhood{Network: network}
	origins := map[string]bool{}
	var last key
	for i := s.firstWithin(network); i < len(s.recs) && network.Contains(s.recs[i].key().prefix().Addr()); i++ {
		r := &s.recs[i]
		if w := &s.words[r.words]; w.claim.Adverse() && r.bits == 128 && r.key().prefix().Addr() != a {
			origins[w.origin] = true
			if r.key() != last {
				n.Listed++
				last = r.key()
			}
		}
	}
	n.Origins = len(origins)
	if n.ASN, n.ASName = s.system(a); n.ASN != 0 {
		n.ASNListed = s.systems()[n.ASN]
	}
	return n
}

// firstWithin is the first record at or after the first address of a network.
func (s *Set) firstWithin(network netip.Prefix) int {
	first := keyOf(network)
	return sort.Search(len(s.recs), func(i int) bool {
		k := s.recs[i].key()
		return k.hi > first.hi || k.hi == first.hi && k.lo >= first.lo
	})
}

// system is the autonomous system that the longest prefix names for an address.
func (s *Set) system(a netip.Addr) (asn uint32, name string) {
	s.each(a, func(i uint32) bool {
		w := &s.words[s.recs[i].words]
		if w.claim == netcase.ClaimPlace && w.geo.ASN != 0 {
			asn, name = w.geo.ASN, w.geo.ASName
			return false
		}
		return true
	})
	return asn, name
}

// systems counts the listed addresses of every autonomous system, once for a set.
func (s *Set) systems() map[uint32]int {
	s.counted.Do(func() {
		s.bySystem = map[uint32]int{}
		var last key
		for i := range s.recs {
			r := &s.recs[i]
			if r.bits != 128 || !s.words[r.words].claim.Adverse() || r.key() == last {
				continue
			}
			last = r.key()
			if asn, _ := s.system(last.prefix().Addr()); asn != 0 {
				s.bySystem[asn]++
			}
		}
	})
	return s.bySystem
}
