package evaluate

import (
	"fmt"
	"math"
	"testing"
)

// TestCovers: shares within, just outside and far outside of a range, by hand.
func TestCovers(t *testing.T) {
	if got := binomial(10, 3, .5); math.Abs(got-.171875) > 1e-9 {
		t.Errorf("at most three of ten coins: %f", got)
	}
	for _, c := range []struct {
		n, hits   int
		low, high float64
		want      bool
	}{
		{20, 15, .6, .9, true},
		{20, 20, .6, .9, true},   // .9^20 is .12
		{20, 20, .6, .85, false}, // .85^20 is .039
		{20, 0, .1, .4, true},    // .9^20
		{20, 0, .2, .4, false},   // .8^20 is .012
	} {
		if got := covers(c.n, c.hits, c.low, c.high); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestCoverageByKinds: twenty cases of one kind are one draw, which a range of .6 to .9
// cannot contradict; where every outcome would agree the set is not counted.
func TestCoverageByKinds(t *testing.T) {
	of := func(kinds, cases, hits int, evidence string, low, high float64) (out []ranged) {
		for k := range kinds {
			for range cases {
				out = append(out, ranged{fmt.Sprint(k), evidence, low, high, k < hits})
			}
		}
		return out
	}
	for _, x := range []struct {
		name string
		list []ranged
		want Ratio
	}{
		{"one kind, a wide range", of(1, 20, 0, "a", .6, .9), Ratio{}},
		{"one kind of what was nearly certain came true", of(1, 20, 1, "a", .96, .99), Ratio{1, 1}},
		{"it did not", of(1, 20, 0, "a", .96, .99), Ratio{0, 1}},
		{"fifteen kinds of twenty", of(20, 3, 15, "a", .6, .9), Ratio{1, 1}},
		{"twenty of twenty", of(20, 3, 20, "a", .6, .85), Ratio{0, 1}},
		{"two sets", append(of(20, 1, 15, "a", .6, .9), of(20, 1, 20, "b", .6, .85)...), Ratio{1, 2}},
	} {
		if got := coverage(x.list); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}

// TestCoverState: of six sets none, five or all agree, and no share of them is 85 to 95 %.
func TestCoverState(t *testing.T) {
	for _, x := range []struct {
		r    Ratio
		want State
	}{
		{Ratio{}, Unmeasured}, {Ratio{6, 6}, Unmeasured}, {Ratio{3, 6}, NotMet}, {Ratio{6, 7}, Met}, {Ratio{7, 7}, NotMet}, {Ratio{18, 20}, Met}, {Ratio{16, 20}, NotMet}, {Ratio{20, 20}, NotMet},
	} {
		if got := coverState(x.r); got != x.want {
			t.Errorf("%v: %s, want %s", x.r, got, x.want)
		}
	}
}
