package store

import (
	"math/bits"

	"netcase"
)

// table is a hash table from cells to their rows: open addressing, the rows in one
// growing slice, the slots beside it. One goroutine uses it.
type table struct {
	slots []uint32 // index of a row plus one, above it a tag; zero: free
	rows  []packed
	shift uint // 64 - log2(len(slots))
}

const (
	firstSlots = 256
	// indexBits of a slot are room for what tableRows gives, and more; the others are
	// of the hash, so that few misses touch a row.
	indexBits = 20
	indexMask = 1<<indexBits - 1
)

// slotOf is what stands in the slot of a row with a hash.
func slotOf(h uint64, index int) uint32 { return uint32(h)<<indexBits | uint32(index+1) }

func newTable() *table {
	t := &table{}
	t.resize(firstSlots)
	return t
}

func (t *table) resize(n int) {
	t.slots = make([]uint32, n)
	t.shift = uint(64 - bits.TrailingZeros(uint(n)))
	for i := range t.rows {
		h := hashOf(&t.rows[i].cell)
		at := h >> t.shift
		for t.slots[at] != 0 {
			at = (at + 1) & uint64(n-1)
		}
		t.slots[at] = slotOf(h, i)
	}
}

// hashOf mixes the words of a cell.
func hashOf(c *cell) uint64 {
	const k1, k2, k3 = 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb
	a, b := bits.Mul64(c.peerLo^k1, c.hostLo^c.rest^k2)
	x := a ^ b
	a, b = bits.Mul64(x^c.peerHi^uint64(uint32(c.hour))<<32^uint64(c.sensor), c.hostHi^k3)
	return a ^ b ^ x*k1
}

// find is the row of a cell; made tells that it is new, with its counts at zero.
// The pointer is valid until the next call.
func (t *table) find(c *cell) (p *packed, made bool) {
	h := hashOf(c)
	mask, tag := uint64(len(t.slots)-1), uint32(h)<<indexBits
	at := h >> t.shift
	for {
		slot := t.slots[at]
		if slot == 0 {
			break
		}
		if slot&^indexMask == tag {
			if p := &t.rows[slot&indexMask-1]; p.cell == *c {
				return p, false
			}
		}
		at = (at + 1) & mask
	}
	t.slots[at] = slotOf(h, len(t.rows))
	t.rows = append(t.rows, packed{cell: *c})
	if 3*len(t.rows) > 2*len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	return &t.rows[len(t.rows)-1], true
}

// reset empties the table and keeps its memory.
func (t *table) reset() {
	clear(t.slots)
	t.rows = t.rows[:0]
}

// count adds a flow to the row of its cell. What the minute bits of the row cannot
// say about the minute of the flow goes into an extra row.
func (t *table) count(c *cell, f *netcase.Flow) {
	flows := max(f.Flows, 1)
	last := max(f.End, f.Start)
	hour := f.Start.Hour()
	minute := int((int64(f.Start) - hour*int64(netcase.Hour)) / int64(netcase.Minute))
	bit := uint64(1) << uint(minute)
	p, made := t.find(c)
	fresh := p.minutes&bit == 0
	if made {
		p.flows, p.records = flows, max(f.Records, 1)
		p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn = f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn
		p.first, p.last = int64(f.Start), int64(last)
	} else {
		p.flows += flows
		p.records += max(f.Records, 1)
		p.octetsOut, p.octetsIn = plus(p.octetsOut, f.OctetsOut), plus(p.octetsIn, f.OctetsIn)
		p.packetsOut, p.packetsIn = plus(p.packetsOut, f.PacketsOut), plus(p.packetsIn, f.PacketsIn)
		p.first, p.last = min(p.first, int64(f.Start)), max(p.last, int64(last))
	}
	p.minutes |= bit
	home := hour == int64(c.hour)
	switch {
	case fresh && home && flows == 1: // the bit says it all
	case fresh && home:
		t.extra(c, hour*60+int64(minute), flows-1)
	case !fresh:
		t.extra(c, hour*60+int64(minute), flows)
	default: // booked into another hour: the bit would speak of that hour's minute
		t.extra(c, hour*60+int64(minute), flows)
		t.extra(c, int64(c.hour)*60+int64(minute), -1)
	}
}

// extra adds flows to a minute of all that the cell has but its peer.
func (t *table) extra(c *cell, minute, flows int64) {
	x := *c
	x.peerHi, x.peerLo, x.hour = 0, uint64(minute), 0
	x.rest = x.rest&^(kindMask<<peerKindShift) | extraBit
	p, _ := t.find(&x)
	p.flows += flows
}
