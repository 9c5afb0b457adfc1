package store

import (
	"encoding/binary"
	"slices"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// wanted tells decoders of the second pass which flows may meet a wish, so that they
// need not make the others whole.
type wanted struct {
	every  scope   // flows of wishes of which every one is looked at
	cut    scope   // … in the hours of which rows could not say what meets a wish
	draws  []drawn // wishes of which the rows say how many records meet them
	moment []cube.Edge
}

// scope is flows by an end of theirs, and spans in which any flow may be wanted.
type scope struct {
	ends  endSet
	pairs pairSet // of wishes that name both ends
	open  []netcase.Span
}

// maxPairs is how many pairs of ends a wish may name to be found by them.
const maxPairs = 64

// drawn is a wish of whose flows only some are looked at, as their ranks decide.
type drawn struct {
	span netcase.Span
	hour []netcase.Span // in which all are looked at, after all
	bar  uint64         // of the ranks
}

// newWanted gathers what is wanted. counts are what rows say of the wishes, by their
// index, where a decoder can tell by a record's place whether it is wanted.
func newWanted(wants []cube.Want, counts map[int]cube.Count) *wanted {
	w := &wanted{}
	for i := range wants {
		s := &wants[i].Selection
		if wants[i].Of != cube.Flows {
			continue
		}
		c, known := counts[i]
		bar, few := barOf(wants[i].Records, c.Records)
		if !known || !few {
			w.every.add(s, s.Span)
			continue
		}
		d := drawn{span: s.Span, bar: bar}
		for _, h := range c.Open {
			hour := netcase.Span{Start: netcase.Time(h) * netcase.Hour, End: netcase.Time(h+1) * netcase.Hour}
			d.hour = append(d.hour, hour)
			w.cut.add(s, hour)
		}
		w.draws, w.moment = append(w.draws, d), append(w.moment, c.Edges...)
	}
	return w
}

func (n *scope) add(s *netcase.Selection, span netcase.Span) {
	named := namedEnds(s)
	if named == nil {
		n.open = append(n.open, span)
	}
	if len(s.Prefixes) == 0 && len(s.Hosts) > 0 && len(s.Peers)*len(s.Hosts) <= maxPairs && all4(s.Peers) && all4(s.Hosts) && len(s.Peers) > 0 {
		for i := range s.Peers {
			for k := range s.Hosts {
				n.pairs.add(&s.Peers[i], &s.Hosts[k])
			}
		}
		return
	}
	for k := range named {
		n.ends.add(&named[k])
	}
}

func all4(ends []netcase.Endpoint) bool {
	return !slices.ContainsFunc(ends, func(e netcase.Endpoint) bool { return !e.Addr.Is4() })
}

// maxDrawn is the largest share of a wish's records that are looked at because of their
// ranks; of a wish with so few records that it would be more, all are.
const maxDrawn = 1. / 16

// barOf is the rank up to which records are looked at, so that there are surely as many
// as a wish is for, even where one flow stands for a few records; false: it is not worth it.
func barOf(limit int, records int64) (bar uint64, few bool) {
	share := 4 * float64(2*min(limit, cube.MaxRecords)+40) / float64(max(records, 1))
	if share > maxDrawn {
		return 0, false
	}
	return uint64(share * (1 << 63) * 2), true
}

// sought is what is wanted of a part; nil ends: any flow may be.
type sought struct {
	ends  func(src, dst netcase.Endpoint) bool
	drawn func(netcase.Place) bool // nil: none for its place alone
}

func (a sought) tell(in *source.Input) { in.Wanted, in.Drawn = a.ends, a.drawn }

// within is what is wanted of a part of an input.
func (w *wanted) within(n *partNote, input string) sought {
	meets := func(s netcase.Span) bool { return n.size == wholeStream || n.meets(s) }
	if slices.ContainsFunc(w.every.open, meets) || slices.ContainsFunc(w.cut.open, meets) {
		return sought{}
	}
	var bar uint64
	sets, cut := []*endSet{&w.every.ends}, false
	for i := range w.draws {
		d := &w.draws[i]
		if meets(d.span) {
			bar = max(bar, d.bar)
		}
		cut = cut || slices.ContainsFunc(d.hour, meets)
	}
	if cut {
		sets = append(sets, &w.cut.ends)
	}
	var moments endSet
	for i := range w.moment {
		m := &w.moment[i]
		if !meets(m.Span) {
			continue
		}
		if len(m.Peers) == 0 {
			return sought{}
		}
		for k := range m.Peers {
			moments.add(&m.Peers[k])
		}
	}
	if !moments.empty() {
		sets = append(sets, &moments)
	}
	a := sought{ends: func(src, dst netcase.Endpoint) bool {
		for _, s := range sets {
			if s.has(&src) || s.has(&dst) {
				return true
			}
		}
		return w.every.pairs.has(&src, &dst) || cut && w.cut.pairs.has(&src, &dst)
	}}
	if bar > 0 {
		rank := cube.RankIn(input)
		a.drawn = func(p netcase.Place) bool { return rank.Of(&p) <= bar }
	}
	return a
}

// namedEnds are ends of which a flow must have one to be selected; nil: it may have any.
func namedEnds(s *netcase.Selection) []netcase.Endpoint {
	switch {
	case len(s.Prefixes) > 0:
		return nil
	case len(s.Peers) > 0:
		return s.Peers
	}
	return s.Hosts
}

// endSet is a set of endpoints. Most are IPv4 addresses, and most that it is asked for
// are not in it.
type endSet struct {
	likely [1 << 10]uint64 // a bit for each hash of an IPv4 address in the set
	v4     map[uint32]struct{}
	others map[netcase.Endpoint]struct{}
}

func (s *endSet) add(e *netcase.Endpoint) {
	if !e.Addr.Is4() {
		if s.others == nil {
			s.others = map[netcase.Endpoint]struct{}{}
		}
		s.others[e.Key()] = struct{}{}
		return
	}
	if s.v4 == nil {
		s.v4 = map[uint32]struct{}{}
	}
	a, word, bit := s.place(e)
	s.likely[word] |= bit
	s.v4[a] = struct{}{}
}

func (s *endSet) empty() bool { return len(s.v4)+len(s.others) == 0 }

func (s *endSet) place(e *netcase.Endpoint) (a uint32, word uint32, bit uint64) {
	b := e.Addr.As4()
	a = binary.BigEndian.Uint32(b[:])
	h := a * 0x9e3779b1 >> 16 // Knuth's multiplicative hash
	return a, h >> 6, 1 << (h & 63)
}

func (s *endSet) has(e *netcase.Endpoint) bool {
	if !e.Addr.Is4() {
		if len(s.others) == 0 {
			return false
		}
		_, ok := s.others[e.Key()]
		return ok
	}
	a, word, bit := s.place(e)
	if s.likely[word]&bit == 0 {
		return false
	}
	_, ok := s.v4[a]
	return ok
}

// pairSet is a set of pairs of IPv4 addresses; which is which does not matter.
type pairSet struct {
	likely [1 << 12]uint64 // a bit for each hash of a pair in the set
	pairs  map[uint64]struct{}
}

func (s *pairSet) add(a, b *netcase.Endpoint) {
	if s.pairs == nil {
		s.pairs = map[uint64]struct{}{}
	}
	pair, word, bit := s.place(a, b)
	s.likely[word] |= bit
	s.pairs[pair] = struct{}{}
}

func (s *pairSet) place(a, b *netcase.Endpoint) (pair uint64, word uint64, bit uint64) {
	p, q := a.Addr.As4(), b.Addr.As4()
	x, y := binary.BigEndian.Uint32(p[:]), binary.BigEndian.Uint32(q[:])
	pair = uint64(min(x, y))<<32 | uint64(max(x, y))
	h := pair * 0x9e3779b97f4a7c15 >> (64 - 18)
	return pair, h >> 6, 1 << (h & 63)
}

func (s *pairSet) has(a, b *netcase.Endpoint) bool {
	if len(s.pairs) == 0 || !a.Addr.Is4() || !b.Addr.Is4() {
		return false
	}
	pair, word, bit := s.place(a, b)
	if s.likely[word]&bit == 0 {
		return false
	}
	_, ok := s.pairs[pair]
	return ok
}
