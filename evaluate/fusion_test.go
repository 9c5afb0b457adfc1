package evaluate

import (
	"testing"

	"netcase"
)

// TestFusion: where lists are as good as the tool believes, what it states comes true; who
// counts every copy is far off, and nobody could score much better on lists like these.
func TestFusion(t *testing.T) {
	notShort(t)
	f := measureFusion()
	if c := f.Calibration; c.N < 1000 || c.ECE > goalECE || c.Slope < .8 || c.Slope > 1.25 {
		t.Errorf("n %d, error %.3f, slope %.2f", c.N, c.ECE, c.Slope)
	}
	if f.Naive < 2*goalECE {
		t.Errorf("copies make an error of %.3f, so that nothing is tested", f.Naive)
	}
	if f.Full <= f.Calibration.ECE {
		t.Errorf("full lists: error %.3f, want more than %.3f: their silence is not weighed", f.Full, f.Calibration.ECE)
	}
	if f.Bayes <= 0 || f.Calibration.Brier < f.Bayes-.005 || f.Calibration.Brier > f.Bayes+.02 {
		t.Errorf("Brier %.4f, of who knows how lists were drawn %.4f", f.Calibration.Brier, f.Bayes)
	}
	if f.Copy >= goalCopy || f.Fifth >= goalCopy || f.Fifth == 0 {
		t.Errorf("a copy moves it by %.4f, a fifth by %.4f", f.Copy, f.Fifth)
	}
}

// TestListers: the origins are of different strength and every one has a vote; a copy is
// heard as an echo, and not at all where it names its origin.
func TestListers(t *testing.T) {
	seen := map[float64]bool{}
	for _, l := range listers() {
		if l.weight <= 0 || seen[l.weight] {
			t.Errorf("%s weighs %.3f", l.listing.Indicator.Provider, l.weight)
		}
		seen[l.weight] = true
		alone, named, silent := fusedP(l.listing), fusedP(l.listing, copyOf(l.listing, 0)), fusedP([]netcase.Listing{l.listing, copyOf(l.listing, 1)}...)
		if named != alone || silent <= alone {
			t.Errorf("%s: %.4f, with a copy that names it %.4f, with another %.4f", l.listing.Indicator.Provider, alone, named, silent)
		}
	}
}
