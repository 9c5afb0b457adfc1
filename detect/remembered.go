package detect

import (
	"cmp"
	"slices"

	"netcase"
)

// remembered is a map that never grows beyond a bound. When it is full, the half that
// weighs least is forgotten, of equal weights the older first: a flood of new keys
// pushes out other small ones, not the large. What was forgotten is counted.
type remembered[K comparable, V any] struct {
	most    int
	of      map[K]V
	weigh   func(K, V) (weight int64, last netcase.Time)
	compare func(a, b K) int // decides where weight and time do not
	forgot  int64
}

func (r *remembered[K, V]) get(k K) (V, bool) {
	v, ok := r.of[k]
	return v, ok
}

func (r *remembered[K, V]) set(k K, v V) {
	if r.of == nil {
		r.of = map[K]V{}
	}
	if _, ok := r.of[k]; !ok && len(r.of) >= r.most {
		r.forget()
	}
	r.of[k] = v
}

// forget halves the map.
func (r *remembered[K, V]) forget() {
	for _, k := range r.lightest()[:(len(r.of)+1)/2] {
		delete(r.of, k)
		r.forgot++
	}
}

// lightest is the keys, those to be forgotten first in front.
func (r *remembered[K, V]) lightest() []K {
	type ranked struct {
		key    K
		weight int64
		last   netcase.Time
	}
	all := make([]ranked, 0, len(r.of))
	for k, v := range r.of {
		w, last := r.weigh(k, v)
		all = append(all, ranked{k, w, last})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.last, b.last), r.compare(a.key, b.key))
	})
	out := make([]K, len(all))
	for i := range all {
		out[i] = all[i].key
	}
	return out
}
