package store

import (
	"encoding/binary"

	"netcase"
	"netcase/cube"
)

// wanted tells decoders of the second pass which flows may meet a wish, so that they
// need not make the others whole.
type wanted struct {
	ends endSet
	open []netcase.Span // of wishes that name no end: there any flow may be wanted
}

func newWanted(wants []cube.Want) *wanted {
	w := &wanted{}
	for i := range wants {
		s := &wants[i].Selection
		if wants[i].Of != cube.Flows {
			continue
		}
		named := namedEnds(s)
		if named == nil {
			w.open = append(w.open, s.Span)
		}
		for k := range named {
			w.ends.add(&named[k])
		}
	}
	return w
}

// within is what is wanted of a part, by the ends of a flow; nil: any flow may be.
func (w *wanted) within(n *partNote) func(src, dst netcase.Endpoint) bool {
	for _, s := range w.open {
		if n.size == wholeStream || n.meets(s) {
			return nil
		}
	}
	return func(src, dst netcase.Endpoint) bool { return w.ends.has(&src) || w.ends.has(&dst) }
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
