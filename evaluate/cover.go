package evaluate

import (
	"math"

	"netcase"
)

// ranged is one prediction with its range, and the evidence that it rests on.
type ranged struct {
	kind      string // cases of one kind are alike: they come true together or not at all
	evidence  string
	low, high float64
	true      bool
}

// tail is the chance on either side of a range of 90 %.
const tail = 0.05

// set is what rests on equal evidence.
type set struct {
	kinds     map[string]Ratio
	n         int
	low, high float64 // sums
}

// coverage asks of every set of predictions that rest on equal evidence whether the share
// that came true agrees with its range: it lies in it, or is what chance makes of the end
// that is nearer, with five chances in a hundred or more. Chance is that of kinds, since
// cases of one kind are no separate draws. A set that no outcome could contradict says
// nothing of its range and is not counted.
func coverage(list []ranged) (r Ratio) {
	sets := map[string]*set{}
	for _, p := range list {
		s := sets[p.evidence]
		if s == nil {
			s = &set{kinds: map[string]Ratio{}}
			sets[p.evidence] = s
		}
		s.kinds[p.kind] = s.kinds[p.kind].plus(Ratio{int(one(p.true)), 1})
		s.n, s.low, s.high = s.n+1, s.low+p.low, s.high+p.high
	}
	for _, s := range sets {
		n, low, high := len(s.kinds), s.low/float64(s.n), s.high/float64(s.n)
		if !covers(n, 0, low, high) || !covers(n, n, low, high) {
			r = r.plus(Ratio{int(one(covers(n, s.hits(), low, high))), 1})
		}
	}
	return r
}

// hits are the kinds of which what was said came true: of a kind that did so in part,
// its share.
func (s *set) hits() int {
	share := 0.0
	for _, k := range sortedKeys(s.kinds) {
		share += s.kinds[k].Value()
	}
	return int(math.Round(share))
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
