package intel

import (
	"net/netip"
	"slices"

	"netcase"
)

// Reach is how far one input's usable indicators go.
type Reach struct {
	Prefixes int    // distinct
	Covered  uint64 // IPv4 addresses of its adverse prefixes; those that overlap count twice
	Shared   int    // prefixes of which another input says the like, alone or inside a wider one
}

// Reaches is the reach of every input, in the order of Feeds.
func (s *Set) Reaches() []Reach {
	if s == nil {
		return nil
	}
	out := make([]Reach, len(s.feeds))
	var around [kinds][]uint32
	for i := 0; i < len(s.recs); {
		end := i + 1
		for end < len(s.recs) && s.recs[end].key() == s.recs[i].key() {
			end++
		}
		prefix := s.recs[i].key().prefix()
		s.listing(&around, prefix)
		s.count(out, s.recs[i:end], prefix, &around)
		i = end
	}
	return out
}

// kinds of what is said: accusations, places, and other knowledge. That a table of countries
// holds an address says nothing of a block list that lists it.
const kinds = 3

func (s *Set) kind(r *record) int {
	switch c := s.words[r.words].claim; {
	case c.Adverse():
		return 0
	case c == netcase.ClaimPlace:
		return 1
	}
	return 2
}

// listing gathers, by kind, the inputs that list a prefix or a wider one around it, at most
// two of a kind: more are not told apart.
func (s *Set) listing(out *[kinds][]uint32, p netip.Prefix) {
	for k := range out {
		out[k] = out[k][:0]
	}
	for _, first := range s.table.Supernets(p) {
		for i := first; int(i) < len(s.recs) && s.recs[i].key() == s.recs[first].key(); i++ {
			feeds := &out[s.kind(&s.recs[i])]
			if len(*feeds) < 2 && !slices.Contains(*feeds, s.recs[i].feed) {
				*feeds = append(*feeds, s.recs[i].feed)
			}
		}
	}
}

// count adds the records of one prefix, which stand in the order of their inputs.
func (s *Set) count(out []Reach, same []record, p netip.Prefix, around *[kinds][]uint32) {
	for i := range same {
		if i > 0 && same[i].feed == same[i-1].feed {
			continue
		}
		r := &out[same[i].feed]
		r.Prefixes++
		if len(around[s.kind(&same[i])]) > 1 {
			r.Shared++
		}
		if p.Addr().Is4() && s.words[same[i].words].claim.Adverse() {
			r.Covered += 1 << (32 - p.Bits())
		}
	}
}
