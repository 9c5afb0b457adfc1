package intel

import (
	"net/netip"
	"slices"
)

// Reach is how far one input's usable indicators go.
type Reach struct {
	Prefixes int    // distinct
	Covered  uint64 // IPv4 addresses of its adverse prefixes; those that overlap count twice
	Shared   int    // prefixes that another input lists too, alone or inside a wider one
}

// Reaches is the reach of every input, in the order of Feeds.
func (s *Set) Reaches() []Reach {
	if s == nil {
		return nil
	}
	out := make([]Reach, len(s.feeds))
	var around []uint32
	for i := 0; i < len(s.recs); {
		end := i + 1
		for end < len(s.recs) && s.recs[end].key() == s.recs[i].key() {
			end++
		}
		prefix := s.recs[i].key().prefix()
		around = s.listing(around[:0], prefix)
		s.count(out, s.recs[i:end], prefix, len(around))
		i = end
	}
	return out
}

// listing gathers the inputs that list a prefix or a wider one around it, at most
// two: more are not told apart.
func (s *Set) listing(out []uint32, p netip.Prefix) []uint32 {
	for _, first := range s.table.Supernets(p) {
		for i := first; int(i) < len(s.recs) && s.recs[i].key() == s.recs[first].key(); i++ {
			if !slices.Contains(out, s.recs[i].feed) {
				out = append(out, s.recs[i].feed)
			}
			if len(out) > 1 {
				return out
			}
		}
	}
	return out
}

// count adds the records of one prefix, which stand in the order of their inputs.
func (s *Set) count(out []Reach, same []record, p netip.Prefix, listing int) {
	for i := range same {
		if i > 0 && same[i].feed == same[i-1].feed {
			continue
		}
		r := &out[same[i].feed]
		r.Prefixes++
		if listing > 1 {
			r.Shared++
		}
		if p.Addr().Is4() && s.words[same[i].words].claim.Adverse() {
			r.Covered += 1 << (32 - p.Bits())
		}
	}
}
