package judge

import (
	"math"
	"testing"

	"netcase"
)

// Steps by hand: the distance to the next step of the scale, at its end to the one before.
func TestStep(t *testing.T) {
	for db, want := range map[float64]float64{0: 0, 1: 3, 3: 3, 6: 4, -6: 4, 7: 4, 10: 4, 12: 4, 14: 6, 18.3: 6, 20: 6, -20: 6} {
		if got := step(db); got != want {
			t.Errorf("step(%g) = %g, want %g", db, got, want)
		}
	}
}

// The range of a claim by hand: J5 with all of its items, the prior's step among them.
func TestRangeOfClaim(t *testing.T) {
	ws := []netcase.Weight{{Item: "B-ADMIN", Decibans: 6}, {Item: "B-SAF-A", Decibans: 20}, {Item: "B-POST", Decibans: 12}}
	c := netcase.Claim{Posterior: odds(.005, 38), Weights: ws}
	half := math.Sqrt(9 + 16 + 36 + 16)
	low, high := rangeOfClaim(&c, map[string]string{"B-ADMIN": "a", "B-SAF-A": "b", "B-POST": "c"})
	near(t, "low", low, odds(.005, 38-half), 1e-12)
	near(t, "high", high, odds(.005, 38+half), 1e-12)
	low, _ = rangeOfClaim(&c, map[string]string{"B-ADMIN": "a", "B-SAF-A": "a", "B-POST": "c"})
	near(t, "an echo is off by its echo", low, odds(.005, 38-math.Sqrt(9+36+1+16)), 1e-12)
}

// Every range holds its posterior; more evidence of the same kind makes it wider in
// decibans; an assessed claim has one, and one that is open has none.
func TestRangesHoldThePosterior(t *testing.T) {
	w := mustWeights(t)
	for _, items := range [][]string{nil, {"A01"}, {"A01", "A02", "A03"}, {"A07"}, {"A09"}, {"A11"}} {
		for _, h := range weigh(w, holding(items...)) {
			if !(h.Low < h.Posterior && h.Posterior < h.High && h.Low > 0 && h.High < 1) {
				t.Errorf("%v %s: %.3f in %.3f to %.3f", items, h.ID, h.Posterior, h.Low, h.High)
			}
		}
	}
	width := func(items ...string) float64 {
		h := weigh(w, holding(items...))[0]
		return decibansOf(h.High) - decibansOf(h.Low)
	}
	if width("A01") >= width("A01", "A02") {
		t.Error("two weights are surer than one")
	}
	for _, c := range judged(t, incident().input(netcase.ReachUnknown)).Claims {
		if (c.High > 0) != (c.Standing == netcase.Assessed) {
			t.Errorf("%s is %s with a range to %.3f", c.ID, c.Standing, c.High)
		}
	}
}
