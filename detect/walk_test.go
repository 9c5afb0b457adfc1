package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"netcase"
)

func outcomesOf(s string) []bool {
	out := make([]bool, len(s))
	for i, c := range s {
		out[i] = c == 'S'
	}
	return out
}

func TestWalk(t *testing.T) {
	usual, strict := newWalk(0.8, 0.2, 0.01, 0.99, 4), newWalk(0.8, 0.2, 1e-5, 0.99, 4)
	for _, c := range []struct {
		walk     walk
		outcomes string
		want     verdict
		after    int
	}{
		{usual, "FFFF", flagged, 4},
		{usual, "FFSFFF", flagged, 6},
		{usual, "SSSS", cleared, 4},
		{usual, "FSFS", undecided, 4},
		{usual, "", undecided, 0},
		{usual, "FFF", undecided, 3},
		{usual, "FFFFFFFF", flagged, 4},
		{strict, "FFFFFFFFFF", flagged, 9},
	} {
		if v, n := c.walk.run(outcomesOf(c.outcomes)); v != c.want || n != c.after {
			t.Errorf("%q: verdict %d after %d, want %d after %d", c.outcomes, v, n, c.want, c.after)
		}
	}
}

// The numbers under H1 are exact: by the distribution of the walk, step by step.
func TestWalkLength(t *testing.T) {
	// States are failures less successes: flagged at +4, cleared at -4.
	at := map[int]float64{0: 1}
	length, by4, by6, flag := 0.0, 0.0, 0.0, 0.0
	for n := 1; n <= 400; n++ {
		next := map[int]float64{}
		for k, p := range at {
			for _, step := range []struct {
				d int
				p float64
			}{{1, .8}, {-1, .2}} {
				q := p * step.p
				switch k + step.d {
				case 4:
					flag += q
					length += q * float64(n)
					if n <= 4 {
						by4 += q
					}
					if n <= 6 {
						by6 += q
					}
				case -4:
					length += q * float64(n)
					if n <= 4 {
						by4 += q
					}
					if n <= 6 {
						by6 += q
					}
				default:
					next[k+step.d] += q
				}
			}
		}
		at = next
	}
	near(t, "expected length under H1", length, 6.61, .005)
	near(t, "decided by the 4th", by4, .411, .001)
	near(t, "decided by the 6th", by6, .674, .001)

	// And the walk itself behaves so.
	random := rand.New(rand.NewPCG(3, 5))
	w := newWalk(0.8, 0.2, 0.01, 0.99, 4)
	const runs = 20_000
	steps, found := 0, 0
	for range runs {
		o := make([]bool, 200)
		for i := range o {
			o[i] = random.Float64() < 0.2
		}
		v, n := w.run(o)
		steps += n
		found += b2i(v == flagged)
	}
	near(t, "simulated length", float64(steps)/runs, length, .1)
	near(t, "simulated detection", float64(found)/runs, flag, .005)
}

func TestOutcomesAreOfFirstContacts(t *testing.T) {
	a := attempt{5, netcase.ReachRefused}.first(attempt{3, netcase.ReachBidirectional})
	if a.reach != netcase.ReachBidirectional {
		t.Error("the later contact was kept")
	}
	if a = a.first(attempt{3, netcase.ReachDenied}); a.reach != netcase.ReachBidirectional {
		t.Error("the weaker proof was kept")
	}
	got := firstOutcomes([]attempt{{9, netcase.ReachDenied}, {1, netcase.ReachBidirectional}, {4, netcase.ReachUnknown}, {2, netcase.ReachNoReply}, {3, netcase.ReachAllowed}})
	if len(got) != 3 || !got[0] || got[1] || got[2] {
		t.Errorf("%v", got)
	}
}

func TestLearned(t *testing.T) {
	c := DefaultConfig()
	for _, x := range []struct {
		answered, failed int64
		want             float64 // 0: off
	}{{0, 0, 0}, {1, 99, 0}, {20, 80, 0}, {30, 70, c.Scan.WalkLow}, {80, 20, .8}, {100, 0, c.Scan.WalkHigh}} {
		l := learned{answered: x.answered, failed: x.failed}
		l.settle(c)
		if got := l.walk.benign; math.Abs(got-x.want) > 1e-9 || (l.off == "") != (x.want > 0) {
			t.Errorf("%d answered, %d failed: theta0 %g, off %q", x.answered, x.failed, got, l.off)
		}
	}
}
