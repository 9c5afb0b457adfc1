package evaluate

import (
	"math"
	"sort"

	"netcase"
)

// ranged is one prediction with its range, and the evidence that it rests on.
type ranged struct {
	evidence  string
	low, high float64
	true      bool
}

// leastOfSet is how many predictions a set needs for its share to say anything of a range.
const leastOfSet = 10

// tail is the chance on either side of a range of 90 %.
const tail = 0.05

// coverage asks of every set of predictions that rest on equal evidence whether the share
// that came true agrees with its range: it lies in it, or is what chance makes of the end
// that is nearer, with five chances in a hundred or more.
func coverage(list []ranged) (r Ratio) {
	type set struct {
		n, hit    int
		low, high float64
	}
	sets := map[string]*set{}
	for _, p := range list {
		s := sets[p.evidence]
		if s == nil {
			s = &set{}
			sets[p.evidence] = s
		}
		s.n, s.hit, s.low, s.high = s.n+1, s.hit+int(one(p.true)), s.low+p.low, s.high+p.high
	}
	names := make([]string, 0, len(sets))
	for name := range sets {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if s := sets[name]; s.n >= leastOfSet {
			r = r.plus(Ratio{int(one(covers(s.n, s.hit, s.low/float64(s.n), s.high/float64(s.n)))), 1})
		}
	}
	return r
}

// covers tells whether hits of n agree with a range.
func covers(n, hits int, low, high float64) bool {
	share := float64(hits) / float64(n)
	switch {
	case share > high:
		return 1-binomial(n, hits-1, high) >= tail
	case share < low:
		return binomial(n, hits, low) >= tail
	}
	return true
}

// binomial is the chance of at most k of n, each with the chance p.
func binomial(n, k int, p float64) (sum float64) {
	for i := 0; i <= k; i++ {
		c, _ := math.Lgamma(float64(n + 1))
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(c - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func itemsOf(ws []netcase.Weight) (out []string) {
	for _, w := range ws {
		out = append(out, w.Item)
	}
	return out
}
