package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func near(t *testing.T, name string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s: got %.6g, want %.6g", name, got, want)
	}
}

func TestTails(t *testing.T) {
	near(t, "Poisson 60 at 20", nbTail(60, 20, 1), 4.23e-13, 0.005)
	near(t, "NB 60 at 20, phi 4", nbTail(60, 20, 4), 6.95e-4, 0.005)
	near(t, "Poisson 30 at 20", nbTail(30, 20, 1), 0.0218, 0.005)
	near(t, "NB 30 at 20, phi 4", nbTail(30, 20, 4), 0.142, 0.005)
	near(t, "predictive 12 after 3 bins of 9", predictiveTail(12, 9, 3), 1.27e-3, 0.005)
	chi := 0.0
	for _, x := range []float64{286, 287, 288} {
		chi += (x - 287) * (x - 287) / 287
	}
	near(t, "chi-square of 286, 287, 288", chi, 0.0070, 0.01)
	near(t, "its lower tail", chiLower(chi, 2), 0.0035, 0.01)
}

// The tail is a sum of point probabilities; the slow way adds them up.
func TestTailAgainstSum(t *testing.T) {
	for _, mu := range []float64{0.5, 3, 20, 400} {
		for _, phi := range []float64{1, 1.5, 4, 30} {
			for _, x := range []float64{1, math.Ceil(mu), math.Ceil(2 * mu), math.Ceil(mu + 12)} {
				near(t, "tail", nbTail(x, mu, phi), slowTail(x, mu, phi), 1e-6)
			}
		}
	}
}

func slowTail(x, mu, phi float64) float64 {
	sum := 0.0
	for k := x; k < x+200_000; k++ {
		var log float64
		lk, _ := math.Lgamma(k + 1)
		if phi <= 1 {
			log = k*math.Log(mu) - mu - lk
		} else {
			r := mu / (phi - 1)
			lr, _ := math.Lgamma(r)
			lkr, _ := math.Lgamma(k + r)
			log = lkr - lr - lk + r*math.Log(1/phi) + k*math.Log(1-1/phi)
		}
		v := math.Exp(log)
		sum += v
		if k > mu && v < sum*1e-12 {
			break
		}
	}
	return sum
}

func TestTailHoldsOutAtSize(t *testing.T) {
	for _, x := range []float64{1e6, 1e9, 1e12} {
		for _, phi := range []float64{1, 2, 1e3} {
			for _, mu := range []float64{0.5, x / 10, x * 0.999, x} {
				if p := nbTail(x, mu, phi); math.IsNaN(p) || p < 0 || p > 1 {
					t.Errorf("tail(%g, %g, %g) = %g", x, mu, phi, p)
				}
			}
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, mu := range []float64{0.5, 20, 5000} {
		for _, phi := range []float64{1, 4} {
			q := nbQuantile(0.01, mu, phi)
			if nbTail(q+1, mu, phi) > 0.01 || q > 0 && nbTail(q, mu, phi) <= 0.01 {
				t.Errorf("quantile(%g, %g) = %g", mu, phi, q)
			}
		}
	}
}

func TestFalseDiscovery(t *testing.T) {
	q := falseDiscovery([]float64{0.03, 0.001, 0.02}, 10)
	for i, want := range []float64{0.1, 0.01, 0.1} {
		near(t, "q", q[i], want, 1e-9)
	}
}

func TestRobust(t *testing.T) {
	near(t, "median", middle([]float64{5, 1, 3, 9}), 4, 1e-9)
	near(t, "spread", spread([]float64{18, 20, 22, 60}, 21), normalMAD*2, 1e-9)
	near(t, "slope", theilSen([]float64{10, math.NaN(), 14, 16}), 2, 1e-9)
}

func TestSurprise(t *testing.T) {
	expected, observed := []float64{10, 10, 10, 70}, []float64{110, 108, 112, 70}
	sum := 0.0
	for i, want := range []float64{.0306, .0293, .0320, .1217} {
		s := surprise(expected[i]/100, observed[i]/400)
		near(t, "surprise", s, want, 0.005)
		sum += s
	}
	near(t, "divergence", sum, 0.2136, 0.001)
}

// S5: three ways to say how far 60 lies from the rest.
func TestFences(t *testing.T) {
	v := []float64{20, 22, 18, 19, 25, 21, 17, 23, 20, 24, 19, 21, 60}
	near(t, "ctukey", newFence(v, 0.1, 0.9).ratio(60), 5.3333, 1e-4)
	near(t, "ctukey score", fenceScale*newFence(v, 0.1, 0.9).ratio(60), 14.79, 1e-3)
	near(t, "tukey", newFence(v, 0.25, 0.75).ratio(60), 9.25, 1e-9)
	near(t, "robust z", 0.6745*(60-21)/(spread(v, 21)/normalMAD), 13.15, 1e-3)
}

func hill() (x, mu []float64) {
	for i := range 24 {
		v := 20.0
		switch i {
		case 10:
			v = 60
		case 11:
			v = 58
		case 12:
			v = 62
		}
		x, mu = append(x, v), append(mu, 20)
	}
	return x, mu
}

func TestScanWindow(t *testing.T) {
	x, mu := hill()
	w := scanWindow(x, mu, 12)
	if w.from != 10 || w.to != 13 || w.observed != 180 || w.expected != 60 {
		t.Errorf("window %+v", w)
	}
	near(t, "LLR", w.stat, 77.75, 0.001)
	if w.supportFrom > 10 || w.supportTo < 13 || w.supportTo-w.supportFrom > 4 {
		t.Errorf("support %d to %d", w.supportFrom, w.supportTo)
	}
}

// The plain way looks at all windows and takes every logarithm.
func TestScanWindowAgainstPlain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 5 + random.IntN(40)
		x, mu := make([]float64, n), make([]float64, n)
		for i := range x {
			mu[i] = 5 + 20*random.Float64()
			x[i] = drawCount(mu[i], 3, random)
		}
		longest := 1 + random.IntN(n)
		best := 0.0
		for i := range n {
			c, e := 0.0, 0.0
			for j := i; j < n && j-i < longest; j++ {
				c, e = c+x[j], e+mu[j]
				best = max(best, likelihoodRatio(c, e))
			}
		}
		if got := scanWindow(x, mu, longest).stat; math.Abs(got-best) > 1e-9 {
			t.Fatalf("got %g, plain %g", got, best)
		}
		if best > 0 && (!reaches(x, mu, longest, best*0.999999) || reaches(x, mu, longest, best*1.000001)) {
			t.Fatalf("reaches disagrees at %g", best)
		}
	}
}

func TestDraws(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ mu, phi float64 }{{0.5, 1.5}, {20, 1}, {20, 4}, {300, 2}, {5000, 10}} {
		n, sum, squares := 40_000.0, 0.0, 0.0
		for range int(n) {
			v := drawCount(c.mu, c.phi, random)
			sum, squares = sum+v, squares+v*v
		}
		mean := sum / n
		near(t, "mean", mean, c.mu, 0.05)
		near(t, "dispersion", (squares/n-mean*mean)/mean, c.phi, 0.08)
	}
}

func TestWindowP(t *testing.T) {
	x, mu := hill()
	phi := make([]float64, len(mu))
	for i := range phi {
		phi[i] = 2
	}
	w := scanWindow(x, mu, 12)
	random := func() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }
	if p := windowP(mu, phi, 12, w.stat, 999, random()); p > 0.002 {
		t.Errorf("p of a clear window %g", p)
	}
	if p := windowP(mu, phi, 12, 1.5, 999, random()); p < 0.2 {
		t.Errorf("p of no window %g", p)
	}
	if windowP(mu, phi, 12, 5, 999, random()) != windowP(mu, phi, 12, 5, 999, random()) {
		t.Error("the same seed gives another p")
	}
}

// Twelve weeks of hours and 999 draws must not be felt.
func TestWindowPIsFast(t *testing.T) {
	notShort(t)
	mu, phi := make([]float64, 2016), make([]float64, 2016)
	for i := range mu {
		mu[i], phi[i] = 65, 3
	}
	begun := time.Now()
	windowP(mu, phi, 72, 60, 999, rand.New(rand.NewPCG(1, 1)))
	took := time.Since(begun)
	t.Logf("2016 bins, 999 draws: %s", took)
	if took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
