package detect

import "slices"

// pocket is a map for what one address has: mostly a handful, and emptied for the next
// address. A few members are looked along; more are found by an index. Members keep the
// order in which they came.
type pocket[K comparable, V any] struct {
	of      []pocketed[K, V]
	at      map[K]int32 // places of the members, where indexed
	indexed bool
}

type pocketed[K comparable, V any] struct {
	key   K
	value V
}

// fewPocketed is how many members are looked along.
const fewPocketed = 8

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
		p.index()
	}
	if i, ok := p.at[k]; ok {
		return int(i), false
	}
	p.at[k] = int32(len(p.of))
	return p.add(k), true
}

func (p *pocket[K, V]) add(k K) int {
	p.of = append(p.of, pocketed[K, V]{key: k})
	return len(p.of) - 1
}

func (p *pocket[K, V]) index() {
	if p.at == nil {
		p.at = make(map[K]int32, 2*fewPocketed)
	}
	for i := range p.of {
		p.at[p.of[i].key] = int32(i)
	}
	p.indexed = true
}

// reset empties the pocket. What has grown large is not kept: to empty it would cost more,
// for every address to come, than to grow it again.
func (p *pocket[K, V]) reset() {
	switch {
	case len(p.of) > mostSpare:
		*p = pocket[K, V]{}
		return
	case p.indexed:
		clear(p.at)
	}
	p.of, p.indexed = p.of[:0], false
}

// drop takes the newest member out.
func (p *pocket[K, V]) drop() {
	last := len(p.of) - 1
	if p.indexed {
		delete(p.at, p.of[last].key)
	}
	p.of = p.of[:last]
}

// sort puts the members in another order.
func (p *pocket[K, V]) sort(compare func(a, b *V) int) {
	slices.SortFunc(p.of, func(a, b pocketed[K, V]) int { return compare(&a.value, &b.value) })
	if p.indexed {
		p.index()
	}
}
