package judge

import (
	"bytes"
	"math"
	"testing"
)

// TestFit: data pulls a weight away from the expert's, never across zero, and the less the
// surer the expert is; without data nothing moves.
func TestFit(t *testing.T) {
	expert, err := DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	fit := func(closed []Closed) *Weights {
		t.Helper()
		b, err := Fit(expert, "test", closed)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ParseWeights(b)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	lasting := func(kinds int, held bool) (out []Closed) {
		for i := range kinds {
			out = append(out, Closed{Kind: string(rune('a' + i)), Claim: claimControl, Parts: map[string]float64{"B-PERIOD": 10, "B-C2INTEL": 10}, True: held})
		}
		return out
	}
	scan := func(kinds int, lead string) (out []Closed) {
		for i := range kinds {
			out = append(out, Closed{Kind: string(rune('a' + i)), Items: []string{"A01", "A02"}, Lead: []string{lead}})
		}
		return out
	}
	of := func(w *Weights) float64 { return w.Claims[claimControl].Items["B-PERIOD"] }
	none := fit(nil)
	if of(none) != 10 || none.Activity.Items["A01"]["BG"] != 6 || none.Claims[claimControl].Prior != .002 {
		t.Error("without cases weights move")
	}
	if few, many := of(fit(lasting(2, true))), of(fit(lasting(20, true))); few <= 10 || many <= few || many > 20 {
		t.Errorf("claims that hold: %.2f of two kinds, %.2f of twenty, want 10 < few < many", few, many)
	}
	if w := of(fit(append(lasting(20, true), lasting(20, true)...))); math.Abs(w-of(fit(lasting(20, true)))) > 1e-9 {
		t.Error("cases of a kind count more than once")
	}
	if w := fit(scan(25, "MIS")).Activity.Items["A01"]; w["BG"] >= 6 || w["BG"] < 0 || w["MIS"] <= -6 || w["MIS"] > 0 || w["REC"] != 0 {
		t.Errorf("what was no background: %v", w)
	}
	odd := []Closed{{Kind: "a", Claim: claimControl, Parts: map[string]float64{"B-PROC": 20}, True: true}}
	if fit(odd).Claims[claimControl].Items["B-PROC"] != 14 {
		t.Error("what comes with the finding was fitted")
	}
	a, errA := Fit(expert, "test", append(lasting(3, true), scan(3, "BG")...))
	b, errB := Fit(expert, "test", append(scan(3, "BG"), lasting(3, true)...))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Error("the order of the cases shows")
	}
}

// TestFitTwin: where one weight alone moves, the fit is the root of the derivative.
func TestFitTwin(t *testing.T) {
	expert, err := DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Fit(expert, "test", []Closed{{Kind: "a", Claim: claimExfiltration, Parts: map[string]float64{"B-BYTES": 10}, True: true}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := ParseWeights(b)
	if err != nil {
		t.Fatal(err)
	}
	const width = 4 / 1.645 // of the prior
	low, high := 0.0, 20.0
	for range 60 { // bisection
		mid := (low + high) / 2
		slope := (1-odds(.001, mid))*math.Ln10/10 - (mid-10)/(width*width)
		if slope > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	near(t, "B-BYTES", w.Claims[claimExfiltration].Items["B-BYTES"], low, .005)
}
