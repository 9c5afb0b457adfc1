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

// Random arrivals: neither test finds a period in more than one stream of a hundred.
func TestCadenceOfRandomArrivals(t *testing.T) {
	notShort(t)
	for _, n := range []int{12, 20, 30, 100, 288} {
		const draws = 100
		fired := 0
		for seed := range uint64(draws) {
			c := cadenceOf(&defaultCadence, randomly(n, netcase.Day, rand.New(rand.NewPCG(seed, uint64(n)))), seed, true)
			fired += b2i(c.found())
		}
		if fired > 2 {
			t.Errorf("%d random times: %d of %d", n, fired, draws)
		}
	}
}

// Sleeps of up to half a period more or less are found from 30 starts, in nearly all draws.
func TestCadenceOfSleeps(t *testing.T) {
	notShort(t)
	for _, jitter := range []float64{0, 0.1, 0.2, 0.3, 0.5} {
		for _, n := range []int{30, 60, 288} {
			const draws = 40
			found := 0
			for seed := range uint64(draws) {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				c := cadenceOf(&defaultCadence, sleeping(netcase.Day/netcase.Time(n), jitter, netcase.Day, r), seed, jitter == 0 && seed < 3)
				found += b2i(c.found())
			}
			if found < 38 {
				t.Errorf("jitter %g, %d starts: %d of %d", jitter, n, found, draws)
			}
		}
	}
}

// The table of variations: a sleep of 20, 50, 70, 90 % has about 0.15, 0.37, 0.52, 0.67,
// random arrivals about 1.03.
func TestVariationOfSleeps(t *testing.T) {
	for _, c := range []struct{ jitter, want float64 }{{0.2, 0.15}, {0.5, 0.37}, {0.7, 0.52}, {0.9, 0.67}} {
		r := rand.New(rand.NewPCG(5, 5))
		near(t, fmt.Sprint("jitter ", c.jitter), cadenceOf(&defaultCadence, sleeping(5*netcase.Minute, c.jitter, 20*netcase.Day, r), 1, false).cv, c.want, 0.05)
	}
	r := rand.New(rand.NewPCG(6, 6))
	near(t, "random", cadenceOf(&defaultCadence, randomly(9000, 20*netcase.Day, r), 1, false).cv, 1.03, 0.05)
}

// An exact clock keeps its phase, one that is up to a minute off keeps most of it, a
// sleep of 20 % more or less drifts away.
func TestPhase(t *testing.T) {
	c := cadenceOf(&defaultCadence, exactly(5*netcase.Minute, 288), 1, false)
	if c.r < 0.999 || c.clock != "scheduler" {
		t.Errorf("exact: R %.3f, %s", c.r, c.clock)
	}
	off := exactly(5*netcase.Minute, 288)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range off {
		off[i] += netcase.Time((2*r.Float64() - 1) * 60_000)
	}
	if c = cadenceOf(&defaultCadence, off, 1, false); math.Abs(c.r-0.77) > 0.05 || c.clock != "scheduler" {
		t.Errorf("a minute off: R %.3f, %s", c.r, c.clock)
	}
	if c = cadenceOf(&defaultCadence, sleeping(5*netcase.Minute, 0.2, netcase.Day, r), 1, false); c.r > 0.4 || c.clock != "sleep" {
		t.Errorf("sleep: R %.3f, %s", c.r, c.clock)
	}
}

// B6: a period of five minutes, silent for eight hours, is found by both tests, and the
// silence does not count as active.
func TestCadenceWithAPause(t *testing.T) {
	var starts []netcase.Time
	for _, s := range exactly(5*netcase.Minute, 288) {
		if h := (s - monday).Hour(); h < 8 || h >= 16 {
			starts = append(starts, s)
		}
	}
	c := cadenceOf(&defaultCadence, starts, 1, true)
	if !c.even || !c.beats || c.p > defaultCadence.P {
		t.Errorf("even %v, beats %v, p %g", c.even, c.beats, c.p)
	}
	near(t, "spectral period", c.spectral, 300_000, 0.01)
	near(t, "active hours", float64(c.active)/float64(netcase.Hour), 16, 0.02)
}

// A clock under other traffic to the same place: the intervals say nothing, the spectrum
// finds the period and no harmonic of it.
func TestCadenceUnderOtherTraffic(t *testing.T) {
	notShort(t)
	found := 0
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := cadenceOf(&defaultCadence, append(exactly(10*netcase.Minute, 144), randomly(150, netcase.Day, r)...), seed, true)
		if c.beats && math.Abs(c.spectral-600_000) < 15_000 {
			found++
		}
	}
	if found < 9 {
		t.Errorf("%d of 10", found)
	}
}

// People at work: bursts in working hours have no period.
func TestCadenceOfWorkingHours(t *testing.T) {
	notShort(t)
	fired := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		var starts []netcase.Time
		for day := range 5 {
			for range 12 {
				at := monday + netcase.Time(day)*netcase.Day + 8*netcase.Hour + netcase.Time(r.Int64N(int64(9*netcase.Hour)))
				for range 1 + r.IntN(8) {
					starts = append(starts, at)
					at += netcase.Time(r.ExpFloat64() * 40_000)
				}
			}
		}
		c := cadenceOf(&defaultCadence, starts, seed, true)
		fired += b2i(c.found())
	}
	if fired > 1 {
		t.Errorf("%d of 40", fired)
	}
}

func TestJoinRetries(t *testing.T) {
	got := joinRetries([]netcase.Time{5000, 1000, 2500, 9000, 9000, 11_000}, defaultCadence.Retry)
	if fmt.Sprint(got) != fmt.Sprint([]netcase.Time{1000, 5000, 9000, 11_000}) {
		t.Error(got)
	}
}

// What few starts and degenerate ones give: no test, no NaN.
func TestCadenceOfLittle(t *testing.T) {
	for _, starts := range [][]netcase.Time{nil, {monday}, {monday, monday}, exactly(netcase.Hour, 5), exactly(2, 50)} {
		c := cadenceOf(&defaultCadence, starts, 1, true)
		if c.found() || math.IsNaN(c.cv) || math.IsNaN(c.cycles()) {
			t.Errorf("%d starts: %+v", len(starts), c)
		}
	}
}

// The score of RITA 5 on streams that are a cadence, and on some that are not.
func TestRITAScore(t *testing.T) {
	day := netcase.Span{Start: monday, End: monday + netcase.Day}
	same := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = 512
		}
		return out
	}
	score := func(starts []netcase.Time) float64 {
		s, ok := ritaScore(starts, same(len(starts)), day)
		if !ok {
			t.Fatal("no score")
		}
		return s.Score
	}
	between := func(name string, from, to float64, draw func(*rand.Rand) []netcase.Time) {
		t.Helper()
		low, high := 1.0, 0.0
		for seed := range uint64(20) {
			s := score(draw(rand.New(rand.NewPCG(seed, 3))))
			low, high = min(low, s), max(high, s)
		}
		t.Logf("%s: %.3f to %.3f", name, low, high)
		if low < from-0.01 || high > to+0.01 {
			t.Errorf("%s: %.3f to %.3f, want within %.3f to %.3f", name, low, high, from, to)
		}
	}
	if s := score(exactly(5*netcase.Minute, 288)); s < 0.9995 {
		t.Errorf("exact: %.3f", s)
	}
	for _, c := range []struct{ jitter, from, to float64 }{{0.1, 0.971, 0.994}, {0.2, 0.965, 0.984}, {0.3, 0.953, 0.968}, {0.5, 0.929, 0.952}, {0.9, 0.880, 0.910}} {
		between(fmt.Sprint("jitter ", c.jitter), c.from, c.to, func(r *rand.Rand) []netcase.Time { return sleeping(5*netcase.Minute, c.jitter, netcase.Day, r) })
	}
	between("random", 0.797, 0.855, func(r *rand.Rand) []netcase.Time { return randomly(288, netcase.Day, r) })
	// A row an hour and tuple, stamped with the first of about so many flows an hour.
	rows := func(tuples int, flows float64) func(*rand.Rand) []netcase.Time {
		return func(r *rand.Rand) (out []netcase.Time) {
			for h := range 24 {
				for range tuples {
					at := r.ExpFloat64() / flows
					if flows == 0 || at >= 1 {
						at = r.Float64()
					}
					out = append(out, monday+netcase.Time(h)*netcase.Hour+netcase.Time(at*3_600_000))
				}
			}
			return out
		}
	}
	between("12 tuples, a row an hour each, the first of 12 flows", 0.82, 0.87, rows(12, 12))
	between("a row an hour, the first of 12 flows", 0.93, 0.99, rows(1, 12))
	between("a row an hour, at any minute", 0.875, 0.97, rows(1, 0))
	if _, ok := ritaScore(exactly(netcase.Minute, 3), same(3), day); ok {
		t.Error("three starts were scored")
	}
	if _, ok := ritaScore(exactly(netcase.Minute, 30), same(30), netcase.Span{Start: monday, End: monday}); ok {
		t.Error("a data set without length was scored")
	}
}

var defaultCadence = DefaultCadenceConfig()
