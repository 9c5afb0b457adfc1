package judge

import "testing"

// TestTables: every hypothesis says what it expects, what speaks against it and what
// would settle it, and leads in at least one set of evidence; every claim asks
// something that can be answered.
func TestTables(t *testing.T) {
	w, err := DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range Explanations() {
		if e.ID == "" || seen[e.ID] {
			t.Errorf("%q: no id, or one that is taken", e.ID)
		}
		seen[e.ID] = true
		if e.Name == "" || e.Phrase == "" || e.Expected == "" || e.Against == "" || e.Settles == "" || e.Hostile && e.TTL == nil {
			t.Errorf("%s: a line is missing: %+v", e.ID, e)
		}
		if w.Activity.Priors[e.ID] <= 0 {
			t.Errorf("%s has no prior", e.ID)
		}
		supported := false
		for _, item := range activityItems() {
			supported = supported || w.Activity.Items[item.id][e.ID] > 0
		}
		if !supported {
			t.Errorf("%s: no evidence can speak for it", e.ID)
		}
	}
	for _, c := range Claims() {
		if c.ID == "" || seen[c.ID] || c.Name == "" || c.Question == "" || len(c.Items) == 0 {
			t.Errorf("claim %+v is not whole", c.ID)
		}
		seen[c.ID] = true
		for _, item := range c.Items {
			if item.id == "" || item.text == "" || item.ask == nil || item.required != nil && item.decides == "" {
				t.Errorf("claim %s, item %q is not whole", c.ID, item.id)
			}
		}
	}
}
