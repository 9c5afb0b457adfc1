package evaluate

import (
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
	var list []ranged
	for i := range 20 {
		list = append(list, ranged{"a", .6, .9, i < 15}, ranged{"b", .6, .85, true})
	}
	list = append(list, ranged{"few", .1, .2, true})
	if r := coverage(list); r != (Ratio{1, 2}) {
		t.Errorf("%v, want one of two sets", r)
	}
}
