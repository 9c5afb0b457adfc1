package evaluate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"netcase"
)

// prediction is a probability that was stated, and whether it came true.
type prediction struct {
	kind   string // cases of one kind are alike: they come true together or not at all
	p      float64
	true   bool
	square float64 // Brier's
	class  string  // of explanations that exclude each other the one that is true; empty: there are none
}

// binary is the prediction of a claim, which holds or not.
func binary(kind string, p float64, truth bool) prediction {
	return prediction{kind: kind, p: p, true: truth, square: (p - one(truth)) * (p - one(truth))}
}

// exclusive is the prediction of explanations of which one is true: what leads is stated,
// and the squares are over all of them.
func exclusive(kind string, all []netcase.Hypothesis, truth string) prediction {
	out := prediction{kind: kind, p: all[0].Posterior, true: all[0].ID == truth, class: truth}
	for _, h := range all {
		miss := h.Posterior - one(h.ID == truth)
		out.square += miss * miss
	}
	return out
}

// Bin is one line of a reliability table.
type Bin struct {
	Low    float64  `json:"low"`
	High   float64  `json:"high"`
	N      int      `json:"n"`
	Stated float64  `json:"stated"` // mean
	True   float64  `json:"true"`   // share
	Kinds  []string `json:"kinds"`
	Missed []string `json:"missed"` // kinds of which what was said did not come true
}

// Calibration is how well stated probabilities came true.
type Calibration struct {
	Frame    string  `json:"frame"`
	N        int     `json:"n"`
	Kinds    int     `json:"kinds"`
	Brier    float64 `json:"brier"`
	BaseRate float64 `json:"base_rate_brier"` // of who always states the shares that are true
	ECE      float64 `json:"ece"`             // over ten bins of equal width
	Exact    Exact   `json:"exact"`
	Slope    float64 `json:"slope"` // factor on the log odds that would make what came true most probable, at most slopeMost
	Bins     []Bin   `json:"bins"`
}

// Exact is what somebody would get whose every probability is exactly right: the truth of
// each kind is drawn with the probability that was stated.
type Exact struct {
	Median float64 `json:"median"` // of the expected calibration error
	High   float64 `json:"high"`   // reached or exceeded once in twenty draws
	Within float64 `json:"within"` // share of the draws that meet the goal
	Beyond float64 `json:"beyond"` // share of the draws with an error as large as the one measured
}

const (
	reliabilityBins = 10
	exactDraws      = 2000
	exactSeed       = 11
	slopeMost       = 20
)

// calibrate measures predictions. Their order does not matter.
func calibrate(frame string, list []prediction) Calibration {
	c := Calibration{Frame: frame, N: len(list)}
	if len(list) == 0 {
		return c
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b prediction) int {
		return cmp.Or(cmp.Compare(a.p, b.p), strings.Compare(a.kind, b.kind), cmp.Compare(one(a.true), one(b.true)), cmp.Compare(a.square, b.square), strings.Compare(a.class, b.class))
	})
	for _, p := range list {
		c.Brier += p.square / float64(len(list))
	}
	c.BaseRate = baseRate(list)
	c.Bins = bins(list)
	c.ECE = errorOf(list, func(i int) bool { return list[i].true })
	c.Kinds = len(kindsOf(list))
	c.Exact = exact(list, c.ECE)
	c.Slope = slope(list)
	return c
}

// baseRate is Brier's score of who always states the share that came true: for one claim
// the variance, for explanations that exclude each other the same over all of them.
func baseRate(list []prediction) float64 {
	n, hits, classes := float64(len(list)), 0.0, map[string]float64{}
	for _, p := range list {
		hits += one(p.true)
		classes[p.class]++
	}
	if classes[""] > 0 {
		return hits / n * (1 - hits/n)
	}
	out := 1.0
	for _, class := range sortedKeys(classes) {
		out -= classes[class] / n * classes[class] / n
	}
	return out
}

// bins is the reliability table, without bins that nothing fell into. The list is sorted
// by what was stated.
func bins(list []prediction) (out []Bin) {
	at := -1
	for _, p := range list {
		if k := binOf(p.p); k != at {
			out, at = append(out, Bin{Low: float64(k) / reliabilityBins, High: float64(k+1) / reliabilityBins}), k
		}
		b := &out[len(out)-1]
		b.N, b.Stated, b.True = b.N+1, b.Stated+p.p, b.True+one(p.true)
		b.Kinds = append(b.Kinds, p.kind)
		if !p.true {
			b.Missed = append(b.Missed, p.kind)
		}
	}
	for i := range out {
		b := &out[i]
		b.Stated, b.True = b.Stated/float64(b.N), b.True/float64(b.N)
		b.Kinds, b.Missed = distinct(b.Kinds), distinct(b.Missed)
	}
	return out
}

func binOf(p float64) int { return min(int(p*reliabilityBins), reliabilityBins-1) }

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func kindsOf(list []prediction) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.kind)
	}
	return distinct(out)
}

// errorOf is the expected calibration error, where what was said came true as came says of
// its place in the list.
func errorOf(list []prediction, came func(int) bool) (sum float64) {
	var off [reliabilityBins]float64 // stated less true
	for i := range list {
		p := &list[i]
		off[binOf(p.p)] += p.p - one(came(i))
	}
	for _, d := range off {
		sum += math.Abs(d) / float64(len(list))
	}
	return sum
}

// exact draws the truth of every kind with the probabilities that were stated and measures
// the error again: what is left of it where nothing is wrong but the number of kinds.
//
// Source: Bröcker and Smith, Weather and Forecasting 22 (2007) 651: consistency resampling,
// here by kinds instead of single predictions.
func exact(list []prediction, measured float64) (out Exact) {
	d := rand.New(rand.NewPCG(exactSeed, exactSeed))
	kinds := kindsOf(list)
	number := map[string]int{}
	for n, k := range kinds {
		number[k] = n
	}
	kindOf := make([]int, len(list)) // by number: names are too slow for so many draws
	for i := range list {
		kindOf[i] = number[list[i].kind]
	}
	luck, errors := make([]float64, len(kinds)), make([]float64, exactDraws)
	for i := range errors {
		for n := range luck {
			luck[n] = d.Float64()
		}
		errors[i] = errorOf(list, func(k int) bool { return luck[kindOf[k]] < list[k].p })
		out.Within += one(errors[i] <= goalECE) / exactDraws
		out.Beyond += one(errors[i] >= measured) / exactDraws
	}
	slices.Sort(errors)
	out.Median, out.High = errors[exactDraws/2], errors[exactDraws*19/20]
	return out
}

// slope is the factor on the log odds of what was stated that makes what came true most
// probable, each kind counting as one: below 1 where too much was stated, above where too
// little. Where nothing that was likely failed there is no bound to it.
func slope(list []prediction) float64 {
	of := map[string]float64{}
	for _, p := range list {
		of[p.kind]++
	}
	rises := func(s float64) bool {
		sum := 0.0
		for _, p := range list {
			x := logOdds(p.p)
			sum += (one(p.true) - chanceOf(s*x)) * x / of[p.kind]
		}
		return sum > 0
	}
	if rises(slopeMost) {
		return slopeMost
	}
	low, high := 0.0, float64(slopeMost)
	for range 50 { // bisection: the likelihood has one hill
		if mid := (low + high) / 2; rises(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

func logOdds(p float64) float64 {
	const least = 1e-9
	p = min(max(p, least), 1-least)
	return math.Log(p / (1 - p))
}
