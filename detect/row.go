package detect

import (
	"math/bits"
	"math/rand/v2"

	"netcase"
	"netcase/cube"
)

// row is a row of an answer with numbers for its ends. Within one reading equal ends, and
// no others, have the same number: detectors count, look up and tell apart by it, since to
// hash or to compare endpoints for every row in every detector took most of their time.
type row struct {
	cube.Row
	peer, host int32 // numbers of the ends, each from zero
	unicast    bool  // neither end stands for many, see toMany
}

// door is the number of a service of the row's host.
func (r *row) door() doorNumber { return doorNumber(r.host)<<32 | doorNumber(r.service()) }

// service is the number of the row's port.
func (r *row) service() portNumber { return portNumberOf(r.Port, r.Proto) }

// doorNumber is the number of a host, and in its lower half that of a port.
type doorNumber uint64

// portNumber is a port, a protocol, and eight free bits.
type portNumber uint32

func portNumberOf(port uint16, proto uint8) portNumber {
	return portNumber(port)<<16 | portNumber(proto)<<8
}

func (n portNumber) key() portKey { return portKey{uint16(n >> 16), uint8(n >> 8)} }

// numbering numbers the ends of the rows of one reading, which come sorted by one end.
type numbering struct {
	byHost bool // rows come by host
	lead   side // the end by which they come: a number more for each new one
	other  side
	words  endWords
	table  endTable // of the other ends
}

// side is one end of the row before.
type side struct {
	end    netcase.Endpoint
	number int32
	known  bool
	many   bool
}

func newNumbering(k cube.Kind) *numbering {
	return &numbering{byHost: k == cube.Hosts, lead: side{number: -1}}
}

// fill gives the ends of a row their numbers.
func (n *numbering) fill(r *row) {
	lead, other := &r.Peer, &r.Host
	if n.byHost {
		lead, other = other, lead
	}
	if !n.lead.is(lead) {
		n.lead = side{*lead, n.lead.number + 1, true, toMany(*lead)}
	}
	if !n.other.is(other) {
		n.other = side{*other, n.table.number(n.words.of(other)), true, toMany(*other)}
	}
	r.peer, r.host, r.unicast = n.lead.number, n.other.number, !n.lead.many && !n.other.many
	if n.byHost {
		r.peer, r.host = r.host, r.peer
	}
}

func (s *side) is(e *netcase.Endpoint) bool { return s.known && s.end == *e }

// endTable numbers endpoints from zero, in the order in which they come.
type endTable struct {
	slots []endSlot // a power of two
	count int32
	shift uint // 64 less the binary logarithm of their number
	seeds [2]uint64
}

type endSlot struct {
	word  endWord
	place int32 // the number and one; 0: free
}

func (t *endTable) number(w endWord) int32 {
	if 3*int(t.count) >= 2*len(t.slots) {
		t.grow()
	}
	s := t.slot(w)
	if s.place == 0 {
		t.count++
		*s = endSlot{w, t.count}
	}
	return s.place - 1
}

// slot is where an endpoint stands or would stand. Addresses are chosen by strangers: the
// hash is another one in every table.
func (t *endTable) slot(w endWord) *endSlot {
	hi, lo := bits.Mul64(w[1]^t.seeds[0], w[0]^w[2]<<62^t.seeds[1])
	mask := uint64(len(t.slots) - 1)
	for at := (hi ^ lo) * 0x9e3779b97f4a7c15 >> t.shift; ; at = (at + 1) & mask {
		if s := &t.slots[at]; s.place == 0 || s.word == w {
			return s
		}
	}
}

func (t *endTable) grow() {
	old := t.slots
	if old == nil {
		t.seeds = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}
	}
	t.slots = make([]endSlot, max(2*len(old), 64))
	t.shift = uint(64 - bits.TrailingZeros(uint(len(t.slots))))
	for i := range old {
		if old[i].place != 0 {
			*t.slot(old[i].word) = old[i]
		}
	}
}
