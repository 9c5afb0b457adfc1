package store

import "math/bits"

// briefTable counts flows by cells that name no peer and, if any, an IPv4 host: what time
// lines are counted by. An entry is a quarter of a row, and stands in its slot.
type briefTable struct {
	slots []brief
	count int
	shift uint // 64 - log2(len(slots))
}

// brief is a cell in two words, and its flows: all, and those known to have failed.
type brief struct {
	a, b          uint64 // host and hour; the rest, the sensor, and that the slot is taken
	flows, failed int64
}

// maxBriefSensor is the last number of a sensor that fits beside the rest of a cell.
const maxBriefSensor = extraBit - 1

// briefOf is the key of a cell; false: it has none.
func briefOf(c *cell) (a, b uint64, ok bool) {
	if c.peerHi|c.peerLo|c.hostHi|c.hostLo>>32 != 0 || c.rest&(2*extraBit-1) != 0 || c.sensor > maxBriefSensor {
		return 0, 0, false
	}
	return c.hostLo<<32 | uint64(uint32(c.hour)), c.rest | extraBit | uint64(c.sensor), true
}

// cell is the cell of a key.
func (e *brief) cell() cell {
	return cell{
		hostLo: e.a >> 32, hour: int32(uint32(e.a)),
		rest: e.b &^ (2*extraBit - 1), sensor: uint32(e.b & maxBriefSensor),
	}
}

// add counts flows under a key.
func (t *briefTable) add(a, b uint64, flows int64, failed bool) {
	if 3*t.count >= 2*len(t.slots) {
		t.grow()
	}
	e := t.slot(a, b)
	if e.b == 0 {
		e.a, e.b = a, b
		t.count++
	}
	e.flows += flows
	if failed {
		e.failed += flows
	}
}

// slot is where a key stands or would stand.
func (t *briefTable) slot(a, b uint64) *brief {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	mask := uint64(len(t.slots) - 1)
	for at := ((hi ^ lo) * 0x9e3779b97f4a7c15) >> t.shift; ; at = (at + 1) & mask {
		if e := &t.slots[at]; e.b == 0 || e.a == a && e.b == b {
			return e
		}
	}
}

func (t *briefTable) grow() {
	old := t.slots
	t.slots = make([]brief, max(2*len(old), firstSlots))
	t.shift = uint(64 - bits.TrailingZeros(uint(len(t.slots))))
	for i := range old {
		if old[i].b != 0 {
			*t.slot(old[i].a, old[i].b) = old[i]
		}
	}
}

// rows are what was counted, as rows of a margin; the table is empty then.
func (t *briefTable) rows() []packed {
	out := make([]packed, 0, t.count)
	for i := range t.slots {
		if e := &t.slots[i]; e.b != 0 {
			p := packed{cell: e.cell(), flows: e.flows, records: e.failed}
			p.unmeasured()
			out = append(out, p)
		}
	}
	clear(t.slots)
	t.count = 0
	return out
}
