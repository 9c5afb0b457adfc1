package detect

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"netcase"
)

// Streams of a day.

func exactly(period netcase.Time, n int) []netcase.Time {
	var out []netcase.Time
	for i := range n {
		out = append(out, monday+netcase.Time(i)*period)
	}
	return out
}

// sleeping is a loop that sleeps a period, more or less by a share of it.
func sleeping(period netcase.Time, jitter float64, until netcase.Time, r *rand.Rand) []netcase.Time {
	var out []netcase.Time
	for at := monday; at < monday+until; at += netcase.Time(float64(period) * (1 + jitter*(2*r.Float64()-1))) {
		out = append(out, at)
	}
	return out
}

func randomly(n int, until netcase.Time, r *rand.Rand) []netcase.Time {
	var out []netcase.Time
	for range n {
		out = append(out, monday+netcase.Time(r.Int64N(int64(until))))
	}
	return out
}

func (c *cadence) periodic() bool { return c.long() && c.cycles() >= leastCycles && (c.even || c.beats) }

func TestFourierAgainstTheSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 8, 64} {
		re, im := make([]float64, n), make([]float64, n)
		x := make([]complex128, n)
		for i := range x {
			re[i], im[i] = r.NormFloat64(), r.NormFloat64()
			x[i] = complex(re[i], im[i])
		}
		newFourier(n).transform(re, im)
		for k := range n {
			want := complex(0, 0)
			for i := range x {
				want += x[i] * cmplx.Exp(complex(0, -2*math.Pi*float64(i*k)/float64(n)))
			}
			if cmplx.Abs(want-complex(re[k], im[k])) > 1e-9 {
				t.Fatalf("n %d, k %d: %v, want %v", n, k, complex(re[k], im[k]), want)
			}
		}
	}
}

func TestPowersOfTwoSeries(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	n := 32
	f := newFourier(n)
	a, b := make([]float64, n), make([]float64, n-5)
	for i := range a {
		a[i] = r.NormFloat64()
	}
	for i := range b {
		b[i] = r.NormFloat64()
	}
	re, im := make([]float64, n), make([]float64, n)
	pa, pb, one, none := make([]float64, n/2+1), make([]float64, n/2+1), make([]float64, n/2+1), make([]float64, n/2+1)
	f.powers(a, b, re, im, pa, pb)
	for i, x := range [][]float64{a, b} {
		f.powers(x, nil, re, im, one, none)
		for k := range one {
			if got := [2][]float64{pa, pb}[i][k]; math.Abs(got-one[k]) > 1e-9 || none[k] > 1e-18 {
				t.Fatalf("series %d, frequency %d: %g, alone %g", i, k, got, one[k])
			}
		}
	}
}

func TestAutocorrelationAgainstTheSum(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	x := make([]float64, 37)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	got := selfLikeness(x)
	for lag := range x {
		want, all := 0.0, 0.0
		for i := range x {
			all += x[i] * x[i]
			if i+lag < len(x) {
				want += x[i] * x[i+lag]
			}
		}
		if math.Abs(got[lag]-want/all) > 1e-9 {
			t.Fatalf("lag %d: %g, want %g", lag, got[lag], want/all)
		}
	}
}

// TestProbe prints rates.
func TestProbe(t *testing.T) {
	for _, n := range []int{12, 15, 20, 25, 30, 50, 100, 288, 1000} {
		even, beats, both := 0, 0, 0
		const draws = 300
		for seed := range uint64(draws) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			c := cadenceOf(randomly(n, netcase.Day, r), seed, true)
			even += b2i(c.even && c.cycles() >= 8)
			beats += b2i(c.beats)
			both += b2i(c.periodic())
		}
		fmt.Printf("poisson %d: even %.3f beats %.3f either %.3f\n", n, float64(even)/draws, float64(beats)/draws, float64(both)/draws)
	}
	for _, j := range []float64{0, .1, .2, .3, .5, .7, .9} {
		for _, n := range []int{12, 16, 21, 30, 60, 144, 288} {
			even, beats, both := 0, 0, 0
			const draws = 60
			for seed := range uint64(draws) {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				c := cadenceOf(sleeping(netcase.Day/netcase.Time(n), j, netcase.Day, r), seed, true)
				even += b2i(c.even)
				beats += b2i(c.beats)
				both += b2i(c.periodic())
			}
			fmt.Printf("jitter %.1f n %d: even %.3f beats %.3f either %.3f\n", j, n, float64(even)/draws, float64(beats)/draws, float64(both)/draws)
		}
	}
}
