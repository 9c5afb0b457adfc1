package store

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// wanted tells decoders of the second pass which flows may meet a wish, so that they
// need not make the others whole.
type wanted struct {
	all    scope // flows by the rank up to which they are looked at
	cut    scope // all flows, in the hours of which rows could not say what meets a wish
	hours  []netcase.Span
	draws  []drawn // wishes that name no end, of whose flows only some are looked at
	moment []cube.Edge
	texts  source.Texts // the ends of all
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
	bar  uint64 // of the ranks
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
		bar, few := barOf(&wants[i], c.Records)
		if !known || !few {
			w.all.add(s, s.Span)
			continue
		}
		w.draw(s, bar)
		for _, h := range c.Open {
			hour := netcase.Span{Start: netcase.Time(h) * netcase.Hour, End: netcase.Time(h+1) * netcase.Hour}
			w.hours = append(w.hours, hour)
			w.cut.add(s, hour)
		}
		w.moment = append(w.moment, c.Edges...)
	}
	w.all.tell(&w.texts)
	return w
}

// draw asks for flows of low ranks.
func (w *wanted) draw(s *netcase.Selection, bar uint64) {
	named := namedEnds(s)
	if named == nil {
		w.draws = append(w.draws, drawn{s.Span, bar})
	}
	for k := range named {
		w.all.ends.add(&named[k], bar)
	}
}

// add asks for all flows of a selection.
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
		n.ends.add(&named[k], source.EveryRank)
	}
}

func (n *scope) tell(t *source.Texts) {
	n.ends.tell(t)
	for pair := range n.pairs.pairs {
		t.AddPair(addr4(uint32(pair>>32)), addr4(uint32(pair)))
	}
}

func all4(ends []netcase.Endpoint) bool {
	return !slices.ContainsFunc(ends, func(e netcase.Endpoint) bool { return !e.Addr.Is4() })
}

// The largest share of a wish's records that are looked at because of their ranks; of a
// wish with so few records that it would be more, all are. Where a wish names no end the
// share is of the records of everybody.
const (
	maxDrawn      = 1. / 2
	maxDrawnOfAll = 1. / 16
)

// barOf is the rank up to which records are looked at, so that there are surely as many
// as a wish is for, even where one flow stands for a few records; false: it is not worth it.
func barOf(w *cube.Want, records int64) (bar uint64, few bool) {
	share := 4 * float64(2*min(w.Records, cube.MaxRecords)+40) / float64(max(records, 1))
	if share > maxDrawn || share > maxDrawnOfAll && namedEnds(&w.Selection) == nil {
		return 0, false
	}
	return uint64(share * (1 << 63) * 2), true
}

// sought is what is wanted of a part; nil ends: any flow may be.
type sought struct {
	ends  func(src, dst netcase.Endpoint) bool
	drawn func(at netcase.Place, src, dst netcase.Endpoint) bool
	texts *source.Texts
}

func (a sought) tell(in *source.Input) { in.Wanted, in.Drawn, in.Texts = a.ends, a.drawn, a.texts }

// within is what is wanted of a part of an input.
func (w *wanted) within(n *partNote, input string) sought {
	meets := func(s netcase.Span) bool { return n.size == wholeStream || n.meets(s) }
	if slices.ContainsFunc(w.all.open, meets) || slices.ContainsFunc(w.cut.open, meets) {
		return sought{}
	}
	moments, anybody := w.near(meets)
	if anybody {
		return sought{}
	}
	rank, texts := cube.RankIn(input), w.texts
	texts.Rank = func(p netcase.Place) uint64 { return rank.Of(&p) }
	var least uint64
	for i := range w.draws {
		if meets(w.draws[i].span) {
			least = max(least, w.draws[i].bar)
		}
	}
	texts.Least = least
	sets, pairs := []*endSet{&w.all.ends}, []*pairSet{&w.all.pairs}
	if slices.ContainsFunc(w.hours, meets) {
		sets, pairs = append(sets, &w.cut.ends), append(pairs, &w.cut.pairs)
		w.cut.tell(&texts)
	}
	if !moments.empty() {
		sets = append(sets, moments)
		moments.tell(&texts)
	}
	bar := func(src, dst *netcase.Endpoint) (bar uint64) {
		for _, s := range sets {
			bar = max(bar, s.bar(src), s.bar(dst))
		}
		return bar
	}
	return sought{
		ends: func(src, dst netcase.Endpoint) bool {
			return bar(&src, &dst) == source.EveryRank ||
				slices.ContainsFunc(pairs, func(p *pairSet) bool { return p.has(&src, &dst) })
		},
		drawn: func(at netcase.Place, src, dst netcase.Endpoint) bool {
			return rank.Of(&at) <= max(least, bar(&src, &dst))
		},
		texts: &texts,
	}
}

// near are the ends wanted near moments; anybody: any may be.
func (w *wanted) near(meets func(netcase.Span) bool) (ends *endSet, anybody bool) {
	ends = &endSet{}
	for i := range w.moment {
		m := &w.moment[i]
		if !meets(m.Span) {
			continue
		}
		if len(m.Peers) == 0 {
			return nil, true
		}
		for k := range m.Peers {
			ends.add(&m.Peers[k], source.EveryRank)
		}
	}
	return ends, false
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

// endSet is a set of endpoints, each with the rank up to which its flows are wanted. Most
// are IPv4 addresses, and most that it is asked for are not in it.
type endSet struct {
	likely [1 << 10]uint64 // a bit for each hash of an IPv4 address in the set
	v4     map[uint32]uint64
	others map[netcase.Endpoint]uint64
}

func (s *endSet) add(e *netcase.Endpoint, bar uint64) {
	if !e.Addr.Is4() {
		if s.others == nil {
			s.others = map[netcase.Endpoint]uint64{}
		}
		s.others[e.Key()] = max(s.others[e.Key()], bar)
		return
	}
	if s.v4 == nil {
		s.v4 = map[uint32]uint64{}
	}
	a, word, bit := s.place(e)
	s.likely[word] |= bit
	s.v4[a] = max(s.v4[a], bar)
}

func (s *endSet) empty() bool { return len(s.v4)+len(s.others) == 0 }

func (s *endSet) tell(t *source.Texts) {
	for a, bar := range s.v4 {
		t.Add(addr4(a), bar)
	}
}

func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func (s *endSet) place(e *netcase.Endpoint) (a uint32, word uint32, bit uint64) {
	b := e.Addr.As4()
	a = binary.BigEndian.Uint32(b[:])
	h := a * 0x9e3779b1 >> 16 // Knuth's multiplicative hash
	return a, h >> 6, 1 << (h & 63)
}

// bar is the rank up to which flows of an end are wanted; zero where it is not in the set.
func (s *endSet) bar(e *netcase.Endpoint) uint64 {
	if !e.Addr.Is4() {
		if len(s.others) == 0 {
			return 0
		}
		return s.others[e.Key()]
	}
	a, word, bit := s.place(e)
	if s.likely[word]&bit == 0 {
		return 0
	}
	return s.v4[a]
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
