package detect

import (
	"math"
	"math/bits"
	"slices"
)

// pocket is a map for what one address has: mostly a handful, and emptied for the next
// address, which costs nothing. A few members are looked along; more are found by an index.
// Members keep the order in which they came.
type pocket[K pocketKey, V any] struct {
	of      []pocketed[K, V]
	index   []pocketSlot[K] // a power of two
	shift   uint            // 64 less the binary logarithm of their number
	age     uint32          // slots of another age are free
	indexed bool
}

// pocketKey is a key: small numbers of ends, ports and doors, which strangers do not choose.
type pocketKey interface{ ~int32 | ~uint32 | ~uint64 }

type pocketed[K pocketKey, V any] struct {
	key   K
	value V
}

// pocketSlot is the place of a member.
type pocketSlot[K pocketKey] struct {
	key K
	age uint32
	at  int32
}

const (
	fewPocketed = 8       // members that are looked along
	leastSlots  = 64      // of an index
	mostHeld    = 1 << 12 // members for which memory is held on to
)

// find gives the member of a key, which is made where there is none. It is good until the
// next one is made.
func (p *pocket[K, V]) find(k K) (v *V, made bool) {
	i, made := p.place(k)
	return &p.of[i].value, made
}

// place is find, and says where the member stands.
func (p *pocket[K, V]) place(k K) (i int, made bool) {
	if !p.indexed {
		for i := len(p.of) - 1; i >= 0; i-- {
			if p.of[i].key == k {
				return i, false
			}
		}
		if len(p.of) < fewPocketed {
			return p.add(k), true
		}
		p.reindex()
	}
	if 2*len(p.of) >= len(p.index) {
		p.reindex()
	}
	s := p.slot(k)
	if s.age == p.age {
		return int(s.at), false
	}
	*s = pocketSlot[K]{k, p.age, int32(len(p.of))}
	return p.add(k), true
}

// slot is where a key stands or would stand.
func (p *pocket[K, V]) slot(k K) *pocketSlot[K] {
	h := uint64(k) * 0x9e3779b97f4a7c15
	mask := uint64(len(p.index) - 1)
	for at := (h ^ h>>32) * 0xbf58476d1ce4e5b9 >> p.shift; ; at = (at + 1) & mask {
		if s := &p.index[at]; s.age != p.age || s.key == k {
			return s
		}
	}
}

func (p *pocket[K, V]) add(k K) int {
	p.of = append(p.of, pocketed[K, V]{key: k})
	return len(p.of) - 1
}

// reindex makes the index anew, with room.
func (p *pocket[K, V]) reindex() {
	n := max(leastSlots, len(p.index))
	for n < 4*len(p.of) {
		n *= 2
	}
	if n > len(p.index) || p.age == math.MaxUint32 {
		p.index, p.shift, p.age = make([]pocketSlot[K], n), uint(64-bits.TrailingZeros(uint(n))), 0
	}
	p.age++
	for i := range p.of {
		*p.slot(p.of[i].key) = pocketSlot[K]{p.of[i].key, p.age, int32(i)}
	}
	p.indexed = true
}

// reset empties the pocket. What has grown very large is not held.
func (p *pocket[K, V]) reset() {
	if len(p.of) > mostHeld {
		*p = pocket[K, V]{}
		return
	}
	p.of, p.indexed = p.of[:0], false
}

// drop takes the newest member out. No other was put past its slot since, so that it can
// be free again.
func (p *pocket[K, V]) drop() {
	last := len(p.of) - 1
	if p.indexed {
		p.slot(p.of[last].key).age--
	}
	p.of = p.of[:last]
}

// sort puts the members in another order.
func (p *pocket[K, V]) sort(compare func(a, b *V) int) {
	slices.SortFunc(p.of, func(a, b pocketed[K, V]) int { return compare(&a.value, &b.value) })
	if p.indexed {
		p.reindex()
	}
}
