package store

import (
	"math/bits"
	"math/rand/v2"

	"netcase"
	"netcase/cube"
)

// numbering fills rows from packed ones that come sorted by one end, and numbers their ends.
type numbering struct {
	*reader
	byHost bool // rows come by host
	lead   side // the end by which they come: a number more for each new one
	leadIs netcase.Endpoint
	other  side
	table  endTable // of the other ends
}

// side is one end of the row before.
type side struct {
	end
	number int32
	known  bool
}

// end is an endpoint as rows are packed.
type end struct{ kind, hi, lo uint64 }

func (m *answers) numbering(k cube.Kind) *numbering {
	return &numbering{reader: m.keep.names.reader(), byHost: k == cube.Hosts, lead: side{number: -1}}
}

func (n *numbering) fill(p *packed, r *cube.Row) {
	lead, other := end{p.peerKind(), p.peerHi, p.peerLo}, end{p.hostKind(), p.hostHi, p.hostLo}
	if n.byHost {
		lead, other = other, lead
	}
	if !n.lead.known || n.lead.end != lead {
		n.lead = side{lead, n.lead.number + 1, true}
		n.leadIs = n.reader.end(lead.kind, lead.hi, lead.lo)
	}
	if !n.other.known || n.other.end != other {
		n.other = side{other, n.table.number(other), true}
	}
	if n.byHost {
		r.Host, r.HostNumber = n.leadIs, n.lead.number
		r.Peer, r.PeerNumber = n.reader.end(other.kind, other.hi, other.lo), n.other.number
	} else {
		r.Peer, r.PeerNumber = n.leadIs, n.lead.number
		r.Host, r.HostNumber = n.reader.end(other.kind, other.hi, other.lo), n.other.number
	}
	n.unpackRest(p, r)
}

// endTable numbers endpoints from zero, in the order in which they come.
type endTable struct {
	slots []endSlot // a power of two
	count int32
	shift uint // 64 less the binary logarithm of their number
	seeds [2]uint64
}

type endSlot struct {
	word  end
	place int32 // the number and one; 0: free
}

func (t *endTable) number(w end) int32 {
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
func (t *endTable) slot(w end) *endSlot {
	hi, lo := bits.Mul64(w.lo^t.seeds[0], w.hi^w.kind<<62^t.seeds[1])
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
