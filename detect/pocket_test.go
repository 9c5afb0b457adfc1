package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"netcase"
)

// TestPocketTwin compares a pocket with a map and the order in which its keys came.
func TestPocketTwin(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		var p pocket[doorNumber, int]
		if seed%7 == 3 {
			p.age = math.MaxUint32 - 3 // its ages come to their end
		}
		for address := range 40 {
			plain, order := map[doorNumber]int{}, []doorNumber{}
			span := uint64(1 + r.IntN(1<<(1+r.IntN(14))))
			for range r.IntN(1 << (1 + r.IntN(13))) {
				k := doorNumber(r.Uint64N(span) << 32)
				v, made := p.find(k)
				if _, known := plain[k]; made == known {
					t.Fatalf("seed %d, address %d: %d made %v, known %v", seed, address, k, made, known)
				}
				if made && r.IntN(3) == 0 {
					p.drop()
					continue
				}
				if made {
					order = append(order, k)
				}
				if plain[k]++; made != (*v == 0) {
					t.Fatalf("seed %d, address %d: a new member holds %d", seed, address, *v)
				}
				*v++
			}
			if r.IntN(4) == 0 {
				p.sort(func(a, b *int) int { return *b - *a })
				slices.SortStableFunc(order, func(a, b doorNumber) int { return plain[b] - plain[a] })
				for i := range p.of {
					order[i] = p.of[i].key // equal members in any order
				}
			}
			for i, k := range order {
				at, made := p.place(k)
				if made || at != i || p.of[at].value != plain[k] {
					t.Fatalf("seed %d, address %d: %d stands at %d with %d, not at %d with %d", seed, address, k, at, p.of[at].value, i, plain[k])
				}
			}
			if len(p.of) != len(plain) {
				t.Fatalf("seed %d, address %d: %d members, not %d", seed, address, len(p.of), len(plain))
			}
			p.reset()
		}
	}
}

// TestFirstHostsTwin compares the first targets of a source with those of all, sorted.
func TestFirstHostsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		b := newProfiler(netcase.Endpoint{}, netcase.Inbound)
		var all []netcase.Endpoint
		for range r.IntN(60) {
			n := r.IntN(200)
			e := end(host(n))
			if i, made := b.targets.place(int32(n)); made {
				b.targets.of[i].value = e
				all = append(all, e)
			}
		}
		slices.SortFunc(all, netcase.Endpoint.Compare)
		most := 1 + r.IntN(30)
		if got, want := b.firstHosts(most), all[:min(most, len(all))]; !slices.Equal(got, want) {
			t.Fatalf("the first %d of %d: %v, want %v", most, len(all), got, want)
		}
	}
}
