package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

func moveOf(w *netcase.WhatIf, what string) (netcase.Move, bool) {
	for _, m := range w.Moved {
		if strings.HasPrefix(m.What, what) {
			return m, true
		}
	}
	return netcase.Move{}, false
}

// Left out: an item, a provider, a detector, a measurement; each moves what it carried.
func TestWithout(t *testing.T) {
	w := incident()
	in := w.input(netcase.ReachUnknown)
	if c := judged(t, in); c.WhatIf != nil {
		t.Fatalf("nothing was supposed: %+v", c.WhatIf)
	}
	in.Without = []string{"a01"}
	c := judged(t, in)
	near(t, "BG without A01", posteriorOf(c.Groups[0].Hypotheses, "BG"), posteriorOf(weigh(mustWeights(t), holding("A02", "A03")), "BG"), 1e-12)
	m, ok := moveOf(c.WhatIf, "G1")
	if !ok || !strings.Contains(m.Before, "BG 0.85") || strings.Contains(m.After, "0.85") {
		t.Errorf("moved: %+v", c.WhatIf.Moved)
	}
	if i := itemOf(c.Groups[0].Items, "A01"); i.State != netcase.Unknown || !strings.Contains(i.Why, "left out") {
		t.Errorf("%+v", i)
	}

	in.Without = nil
	for i := range in.Findings {
		if f := in.Findings[i].Sighting; f != nil {
			for _, s := range f.Sightings {
				for _, l := range s.Card.Listings {
					in.Without = append(in.Without, l.Indicator.Provider)
				}
			}
		}
	}
	slices.Sort(in.Without)
	in.Without = slices.Compact(in.Without)
	if c := judged(t, in); itemOf(c.Groups[0].Items, "A03").State == netcase.True {
		t.Errorf("no list is left, and A03 is %+v", itemOf(c.Groups[0].Items, "A03"))
	}
	in.Without = []string{"scan", "sighting"}
	c = judged(t, in)
	if _, ok := moveOf(c.WhatIf, "3 listed addresses"); !ok || len(c.Groups) != 0 {
		t.Errorf("%d groups; moved: %+v", len(c.Groups), c.WhatIf.Moved)
	}
	whole := judged(t, w.input(netcase.ReachUnknown))
	in.Without = []string{whole.Findings[0].Evidence[0].ID}
	if c := judged(t, in); len(c.Findings) != len(whole.Findings)-1 {
		t.Errorf("%d findings of %d without the only measurement of one", len(c.Findings), len(whole.Findings))
	}
	in.Without = []string{"A99"}
	if _, err := Draft(in); !errors.Is(err, ErrNothingLeftOut) || !strings.Contains(err.Error(), "A99") {
		t.Errorf("an item that is not there: %v", err)
	}
}

// What is allowed is welcome, and the case says what that moved.
func TestAllowMoves(t *testing.T) {
	w := incident()
	in := w.decided(netcase.ReachBidirectional)
	allow := prefixes(w.peers[0].String()+"/32", w.peers[1].String()+"/32", w.peers[2].String()+"/32")
	in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8"), Approved: allow}
	in.Allowed = allow
	c := judged(t, in)
	m, ok := moveOf(c.WhatIf, "severity")
	if !ok || !strings.HasPrefix(m.Before, "HIGH by rule 5") || !strings.HasPrefix(m.After, "MEDIUM by rule 6b") {
		t.Errorf("moved: %+v", c.WhatIf)
	}
}

// What is assumed is taken back where it is known which flows it was assumed for.
func TestAssumeMoves(t *testing.T) {
	w := incident()
	assume := func(reach netcase.Reach, recorded netcase.Tally) *netcase.Case {
		in := w.decided(reach)
		in.Settings = map[string]string{"assume": reach.String()}
		in.Coverage.Inputs = slices.Clone(in.Coverage.Inputs)
		in.Coverage.Inputs[0].Reaches = recorded
		return judged(t, in)
	}
	var none, some netcase.Tally
	none[netcase.ReachUnknown] = 861
	some[netcase.ReachUnknown], some[netcase.ReachDenied] = 800, 61
	c := assume(netcase.ReachDenied, none)
	plain := judged(t, w.decided(netcase.ReachUnknown))
	m, ok := moveOf(c.WhatIf, "severity")
	if !ok || m.Before != severityLine(&plain.Severity) || m.After != severityLine(&c.Severity) {
		t.Errorf("assumed denied: %+v, want the case without it (%s) before", c.WhatIf, severityLine(&plain.Severity))
	}
	if c := assume(netcase.ReachDenied, some); len(c.WhatIf.Limits) == 0 {
		t.Error("recorded and assumed denials cannot be told apart, and nothing says so")
	}
}

// Leaving evidence out never makes the analysis surer of itself, never confirms, and never
// touches the caller's findings.
func TestWithoutNeverRaisesConfidence(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		in := anyInput(r)
		before, err := json.Marshal(in.Findings)
		if err != nil {
			t.Fatal(err)
		}
		whole := judged(t, in)
		names := []string{"A01", "A03", "A05", "A07", "B-PERIOD", "B-SAF-A", "B-PROC"}
		for i := range in.Findings {
			names = append(names, in.Findings[i].Detector, in.Findings[i].Evidence[0].ID)
		}
		for _, n := range names {
			less := in
			less.Without = []string{n}
			c := judged(t, less)
			if c.Confidence.Points > whole.Confidence.Points || levelRank(c.Confidence.Level) > levelRank(whole.Confidence.Level) {
				t.Errorf("seed %d without %s: confidence %s %d, with it %s %d", seed, n, c.Confidence.Level, c.Confidence.Points, whole.Confidence.Level, whole.Confidence.Points)
			}
			if slices.ContainsFunc(c.Claims, func(k netcase.Claim) bool { return k.Proposed }) {
				t.Errorf("seed %d without %s: a claim is proposed", seed, n)
			}
		}
		if after, _ := json.Marshal(in.Findings); !bytes.Equal(before, after) {
			t.Fatalf("seed %d: the caller's findings changed", seed)
		}
	}
}
