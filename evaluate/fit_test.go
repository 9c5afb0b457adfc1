package evaluate

import (
	"strings"
	"testing"

	"netcase/judge"
)

// TestStoryWeights: the fitted weights fit this version, and only weights differ.
func TestStoryWeights(t *testing.T) {
	w, err := judge.ParseWeights(storyWeights)
	if err != nil {
		t.Fatal(err)
	}
	expert, err := judge.DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(w.Version, expert.Version+"-") || w.Version != FittedVersion {
		t.Errorf("weights %s were fitted to %s, want a version of %s: run netcase evaluate --fit", w.Version, FittedVersion, expert.Version)
	}
	for id, c := range expert.Claims {
		if w.Claims[id].Prior != c.Prior {
			t.Errorf("%s: the prior %g was fitted, want %g", id, w.Claims[id].Prior, c.Prior)
		}
		for item, db := range c.Items {
			if got := w.Claims[id].Items[item]; got*db < 0 || db == 0 && got != 0 {
				t.Errorf("%s: %s has changed its sign: %g, of the expert %g", id, item, got, db)
			}
		}
	}
}
