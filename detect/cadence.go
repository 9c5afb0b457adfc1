package detect

import (
	"math"
	"math/rand/v2"
	"slices"

	"netcase"
)

// Gates and thresholds of the tests for a cadence.
const (
	leastStarts  = 12                 // connections: eleven cannot carry a verdict
	leastCycles  = 8                  // periods that the active stretch must hold
	leastActive  = 2 * netcase.Hour   // from the first start to the last
	retryGap     = 2 * netcase.Second // a start that follows sooner is a retry of the one before
	longSilence  = 10                 // periods without a start that count as a pause …
	leastSilence = netcase.Hour       // … if they last as long as this
	mostBins     = 1 << 13            // of the counts whose spectrum is taken
	surrogates   = 199                // shuffled series that the spectrum is compared with
	hopeless     = 10                 // of them with a higher peak: p > 0.05 is certain
	spectralP    = 0.01               // accepted
	longestBeat  = netcase.Hour       // periods beyond are left to the intervals: shuffling within the hour keeps them
	peaksTried   = 8                  // of a spectrum
	leastHill    = 2                  // of an autocorrelation, in its standard deviations without a period
	phaseStarts  = 2000               // that the phase is taken from
	phaseSlack   = 0.05               // of the period, in which the phase test looks for the clock's own
	clockR       = 0.6                // length of the mean phase vector from which a fixed clock sets the pace
	clockP       = 0.01               // …
	clockStarts  = 20                 // fewer do not tell a scheduler from a sleep
)

// cvLimits are the largest robust coefficients of variation of a cadence, by the number
// of intervals. Random arrivals stay below in 1.8 % of streams of 11 intervals, in 1.0 %
// of 20, in less than 0.1 % of 30 and of 100; they have 1.03 themselves.
var cvLimits = [...]struct {
	intervals int
	limit     float64
}{{100, 0.70}, {20, 0.50}, {0, 0.35}}

func cvLimit(intervals int) float64 {
	for _, l := range cvLimits {
		if intervals >= l.intervals {
			return l.limit
		}
	}
	return 0
}

// cadence is what the tests say of one stream of starts.
type cadence struct {
	starts    int          // after retries were joined to what they repeat
	retries   int          // …
	span      netcase.Span // first to last start
	active    netcase.Time // the same without pauses
	period    float64      // milliseconds; the median interval, or what the spectrum names
	cv, limit float64
	even      bool // the interval test passes

	spectral float64 // period by the spectrum in milliseconds; 0: none
	p        float64 // of the highest peak
	beats    bool    // the spectral test passes: the peak, and a hill of the autocorrelation

	r, phaseP float64
	clock     string // scheduler, sleep, or empty
}

// joinRetries leaves out starts that follow the one before within retryGap. It sorts.
func joinRetries(starts []netcase.Time) []netcase.Time {
	slices.Sort(starts)
	out := starts[:0:0]
	for i, s := range starts {
		if i == 0 || s-starts[i-1] >= retryGap {
			out = append(out, s)
		}
	}
	return out
}

// cadenceOf tests a stream of starts; the spectrum is taken only where it is asked for.
//
// Source: robust interval test and phase test after Rayleigh; spectrum and hill of the
// autocorrelation after Vlachos, Yu and Castelli 2005, with counts shuffled within each
// hour of the day as in BAYWATCH (Hu et al. 2016).
func cadenceOf(all []netcase.Time, seed uint64, spectrum bool) cadence {
	starts := joinRetries(slices.Clone(all))
	c := cadence{starts: len(starts), retries: len(all) - len(starts), p: 1, phaseP: 1}
	if len(starts) < 2 {
		return c
	}
	c.span = netcase.Span{Start: starts[0], End: starts[len(starts)-1]}
	gaps := make([]float64, len(starts)-1)
	for i := range gaps {
		gaps[i] = float64(starts[i+1] - starts[i])
	}
	sorted := slices.Sorted(slices.Values(gaps))
	c.period = middle(slices.Clone(sorted))
	c.cv, c.limit = spread(gaps, c.period)/c.period, cvLimit(len(gaps))
	c.even = c.cv <= c.limit
	c.active = activeOf(gaps, c.period)
	if !c.long() {
		return c
	}
	if spectrum {
		c.bySpectrum(starts, sorted, seed)
	}
	if !c.even && c.beats {
		c.period = c.spectral
		c.active = activeOf(gaps, c.period)
	}
	c.byPhase(starts)
	return c
}

// long tells whether there is enough of the stream for any test.
func (c *cadence) long() bool {
	return c.starts >= leastStarts && c.span.End-c.span.Start >= leastActive
}

func (c *cadence) cycles() float64 {
	if c.period <= 0 {
		return 0
	}
	return float64(c.active) / c.period
}

// activeOf is the stretch from the first start to the last without pauses.
func activeOf(gaps []float64, period float64) netcase.Time {
	pause := max(longSilence*period, float64(leastSilence))
	active := 0.0
	for _, g := range gaps {
		if g <= pause {
			active += g
		}
	}
	return netcase.Time(active)
}

// bySpectrum looks for a period in the counts of short bins.
func (c *cadence) bySpectrum(starts []netcase.Time, sorted []float64, seed uint64) {
	length := float64(c.span.End - c.span.Start)
	width := max(1000, percentile(sorted, 0.1)/4, length/(mostBins-1))
	counts := make([]float64, int(length/width)+1)
	for _, s := range starts {
		counts[int(float64(s-c.span.Start)/width)]++
	}
	centre(counts)
	f := newFourier(powerOfTwo(len(counts)))
	whole := float64(f.n) * width
	from := max(int(math.Ceil(whole/min(length/leastCycles, float64(longestBeat)))), 1)
	if from > f.n/2 {
		return
	}
	s := spectrumTest{f: f, counts: counts, from: from, blocks: hourBlocks(counts, c.span.Start, width)}
	peaks := s.run(rand.New(rand.NewPCG(seed, uint64(len(starts)))))
	c.p = s.p
	if s.p > spectralP {
		return
	}
	acf := selfLikeness(counts)
	floor := leastHill / math.Sqrt(float64(len(counts)))
	for _, k := range peaks {
		lag, ok := hillAt(acf, float64(f.n)/float64(k), float64(f.n)/float64(k+1), float64(f.n)/float64(max(k-1, 1)), floor)
		if !ok {
			continue
		}
		lag = fundamental(acf, lag, floor, int(length/leastCycles/width))
		c.beats, c.spectral = true, refine(starts, float64(lag)*width, width)
		return
	}
}

func centre(x []float64) {
	mean := sum(x) / float64(len(x))
	for i := range x {
		x[i] -= mean
	}
}

// hourBlocks are the bins of each hour of the day: what is shuffled keeps its hour, so
// that working hours are no period.
func hourBlocks(counts []float64, start netcase.Time, width float64) [][]int {
	blocks := make([][]int, 24)
	for i := range counts {
		h := (start + netcase.Time(float64(i)*width)).Hour() % 24
		blocks[h] = append(blocks[h], i)
	}
	return blocks
}

// spectrumTest compares the highest peak of a periodogram with those of shuffled counts.
type spectrumTest struct {
	f      *fourier
	counts []float64
	from   int // first frequency that is looked at
	blocks [][]int
	p      float64
}

// run gives the peaks that the shuffled counts hardly reach, the highest first.
//
// Source: p = (1 + higher) / (1 + surrogates); where it ends early, higher / drawn
// (Besag and Clifford 1991).
func (s *spectrumTest) run(random *rand.Rand) []int {
	n := s.f.n
	re, im := make([]float64, n), make([]float64, n)
	own, other := make([]float64, n/2+1), make([]float64, n/2+1)
	s.f.powers(s.counts, nil, re, im, own, other)
	peak := slices.Max(own[s.from:])
	a, b := slices.Clone(s.counts), slices.Clone(s.counts)
	pa, pb := make([]float64, n/2+1), make([]float64, n/2+1)
	higher, drawn := 0, 0
	var highest []float64
	for drawn < surrogates && higher < hopeless {
		s.shuffle(a, random)
		s.shuffle(b, random)
		s.f.powers(a, b, re, im, pa, pb)
		for _, p := range [2][]float64{pa, pb} {
			if drawn == surrogates || higher == hopeless {
				break
			}
			top := slices.Max(p[s.from:])
			highest = append(highest, top)
			drawn++
			higher += b2i(top >= peak)
		}
	}
	if higher == hopeless {
		s.p = float64(higher) / float64(drawn)
		return nil
	}
	s.p = float64(1+higher) / float64(1+surrogates)
	slices.Sort(highest)
	return s.peaks(own, highest[len(highest)-2])
}

func (s *spectrumTest) shuffle(x []float64, random *rand.Rand) {
	for _, block := range s.blocks {
		random.Shuffle(len(block), func(i, j int) { x[block[i]], x[block[j]] = x[block[j]], x[block[i]] })
	}
}

// peaks are the local maxima above a floor, the highest first.
func (s *spectrumTest) peaks(power []float64, floor float64) []int {
	var out []int
	for k := s.from; k < len(power); k++ {
		if power[k] > floor && power[k] >= power[max(k-1, 0)] && (k+1 == len(power) || power[k] > power[k+1]) {
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(i, j int) int {
		switch {
		case power[i] > power[j]:
			return -1
		case power[i] < power[j]:
			return 1
		}
		return i - j
	})
	return out[:min(len(out), peaksTried)]
}

// hillAt is the lag within one frequency of a period at which the autocorrelation has its
// top, and whether that is a hill and not a slope.
func hillAt(acf []float64, at, low, high, floor float64) (int, bool) {
	from, to := max(min(int(low), int(at)-1), 1), min(max(int(math.Ceil(high)), int(math.Ceil(at))+1), len(acf)-2)
	if from > to {
		return 0, false
	}
	best := from
	for l := from; l <= to; l++ {
		if acf[l] > acf[best] {
			best = l
		}
	}
	return best, acf[best] > floor && acf[best] > acf[from-1] && acf[best] > acf[to+1]
}

// fundamental is twice or three times a lag where the autocorrelation is as high there:
// then the lag is a harmonic.
func fundamental(acf []float64, lag int, floor float64, longest int) int {
	for _, times := range []int{2, 3} {
		if base, ok := hillAt(acf, float64(times*lag), float64(times*lag-1), float64(times*lag+1), floor); ok && base <= longest && acf[base] >= acf[lag] {
			return base
		}
	}
	return lag
}

// refine is the median of the intervals that are about as long as a lag, else the lag.
func refine(starts []netcase.Time, lag, width float64) float64 {
	var close []float64
	for i := 1; i < len(starts); i++ {
		if g := float64(starts[i] - starts[i-1]); math.Abs(g-lag) <= max(1.5*width, phaseSlack*lag) {
			close = append(close, g)
		}
	}
	if len(close) < leastCycles {
		return lag
	}
	return middle(close)
}

// byPhase tells a fixed clock from a sleep: whether the starts keep their place in the
// period. A sleep that varies drifts away, so that this test never speaks against a
// cadence.
//
// Source: Rayleigh; p = 1 - (1 - exp(-n R²))^M over M periods that were tried.
func (c *cadence) byPhase(starts []netcase.Time) {
	starts = starts[:min(len(starts), phaseStarts)]
	length := float64(starts[len(starts)-1] - starts[0])
	if c.period <= 0 || length <= c.period {
		return
	}
	step := c.period * c.period / (4 * length) // a quarter turn over the whole stream
	half := min(int(phaseSlack*c.period/step), phaseStarts)
	for k := -half; k <= half; k++ {
		turn := 2 * math.Pi / (c.period + float64(k)*step)
		x, y := 0.0, 0.0
		for _, s := range starts {
			sin, cos := math.Sincos(turn * float64(s-starts[0]))
			x, y = x+cos, y+sin
		}
		c.r = max(c.r, math.Hypot(x, y)/float64(len(starts)))
	}
	z := float64(len(starts)) * c.r * c.r
	c.phaseP = clampP(-math.Expm1(float64(2*half+1) * math.Log1p(-min(math.Exp(-z), 1))))
	if c.starts < clockStarts {
		return
	}
	c.clock = "sleep"
	if c.r >= clockR && c.phaseP <= clockP {
		c.clock = "scheduler"
	}
}
