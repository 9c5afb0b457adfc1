package store

import "math/bits"

// pageTable counts flows by the cells that a briefTable holds, 64 hours of a series side
// by side: a series that is there for days has few of them to look up, and a week of a
// network's machines stays near the processor.
type pageTable struct {
	slots []pageSlot
	count int
	shift uint // 64 - log2(len(slots))
}

// pageSlot is a page under the key of a cell, whose hour has lost its lowest bits.
type pageSlot struct {
	a, b uint64
	page *page
}

// page is the flows of some hours, and of these those known to have failed.
type page [1 << pageBits]struct{ flows, failed int64 }

const (
	pageBits = 6
	pageSize = 16 << pageBits
)

// pageKey is the first word of the key of a page, and the place of an hour in it.
func pageKey(a uint64) (key uint64, at int) {
	hour := int32(uint32(a))
	return a&^0xffffffff | uint64(uint32(hour>>pageBits)), int(hour & (1<<pageBits - 1))
}

// slot is where a key stands or would stand; nil: there is no room yet.
func (t *pageTable) slot(a, b uint64) *pageSlot {
	if len(t.slots) == 0 {
		return nil
	}
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	mask := uint64(len(t.slots) - 1)
	for at := ((hi ^ lo) * 0x9e3779b97f4a7c15) >> t.shift; ; at = (at + 1) & mask {
		if s := &t.slots[at]; s.page == nil || s.a == a && s.b == b {
			return s
		}
	}
}

// find is the page of a key; nil: there is none.
func (t *pageTable) find(a, b uint64) *page {
	if s := t.slot(a, b); s != nil {
		return s.page
	}
	return nil
}

// make adds an empty page under a key that has none.
func (t *pageTable) make(a, b uint64) *page {
	if 3*t.count >= 2*len(t.slots) {
		t.grow()
	}
	s := t.slot(a, b)
	*s = pageSlot{a, b, new(page)}
	t.count++
	return s.page
}

func (t *pageTable) grow() {
	old := t.slots
	t.slots = make([]pageSlot, max(2*len(old), firstSlots))
	t.shift = uint(64 - bits.TrailingZeros(uint(len(t.slots))))
	for i := range old {
		if old[i].page != nil {
			*t.slot(old[i].a, old[i].b) = old[i]
		}
	}
}

// each hands over what was counted, in batches of at most so many rows of a margin.
func (t *pageTable) each(batch int, take func([]packed) error) error {
	var rows []packed
	for i := range t.slots {
		if t.slots[i].page == nil {
			continue
		}
		if rows = t.slots[i].rows(rows); len(rows)+1<<pageBits > batch {
			if err := take(rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return take(rows)
}

// rows appends the rows of a page.
func (s *pageSlot) rows(out []packed) []packed {
	first := int32(uint32(s.a)) << pageBits
	e := brief{a: s.a &^ 0xffffffff, b: s.b}
	for at := range s.page {
		if n := &s.page[at]; n.flows != 0 || n.failed != 0 {
			p := packed{cell: e.cell(), flows: n.flows, records: n.failed}
			p.hour = first + int32(at)
			p.unmeasured()
			out = append(out, p)
		}
	}
	return out
}
