package judge

import (
	"math"
	"testing"

	"netcase"
)

// J8: what the table of sensitivity says of an item is what comes out when the item is left
// out and everything is judged again: the same leader, the same standing, the same number.
func TestSensitivityIsTheCaseWithout(t *testing.T) {
	for name, in := range scripted() {
		c := judged(t, in)
		if len(c.Groups) != 1 || len(c.Sensitivity) == 0 {
			t.Fatalf("%s: %d groups, %d rows", name, len(c.Groups), len(c.Sensitivity))
		}
		for _, s := range c.Sensitivity {
			less := in
			less.Without = []string{s.Item}
			again := judged(t, less)
			if len(again.Groups) != 1 {
				t.Errorf("%s without %s: %d groups", name, s.Item, len(again.Groups))
				continue
			}
			g, was := &again.Groups[0], &c.Groups[0]
			if s.Item[0] == 'A' {
				moved := posteriorOf(g.Hypotheses, was.Lead().ID) - was.Lead().Posterior
				if want := standingLine(g.Lead(), g.Severity); s.After != want || math.Abs(s.Moved-moved) > 1e-12 {
					t.Errorf("%s without %s: the table says %q (%.4f), the case %q (%.4f)", name, s.Item, s.After, s.Moved, want, moved)
				}
				continue
			}
			found := false
			for i := range g.Claims {
				found = found || claimLine(&g.Claims[i]) == s.After && math.Abs(g.Claims[i].Posterior-was.Claims[i].Posterior-s.Moved) < 1e-12
			}
			if !found {
				t.Errorf("%s without %s: the table says %q to %q (%.4f), the case has other claims: %q", name, s.Item, s.Before, s.After, s.Moved, claimLines(again))
			}
		}
	}
}

func claimLines(c *netcase.Case) (out []string) {
	for i := range c.Groups[0].Claims {
		out = append(out, claimLine(&c.Groups[0].Claims[i]))
	}
	return out
}
