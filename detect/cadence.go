package detect

import (
	"math"
	"math/rand/v2"
	"slices"

	"netcase"
)

// Bounds of the work that one stream takes.
const (
	mostBins    = 1 << 13 // of the counts whose spectrum is taken
	hopeless    = 0.05    // a probability above this need not be known
	peaksTried  = 8       // of a spectrum
	multiples   = 40      // of the period of a peak that are tried as the whole period
	phaseStarts = 2000    // that the phase is taken from
)

// limit is the largest robust variation of so many intervals.
func (c *CadenceConfig) limit(intervals int) float64 {
	switch {
	case intervals >= c.Intervals[1]:
		return c.CV[2]
	case intervals >= c.Intervals[0]:
		return c.CV[1]
	}
	return c.CV[0]
}

// cadence is what the tests say of one stream of starts.
type cadence struct {
	rules     *CadenceConfig
	starts    int          // after retries were joined to what they repeat
	retries   int          // …
	span      netcase.Span // first to last start
	active    netcase.Time // the same without pauses
	period    float64      // milliseconds; the median interval, or what the spectrum names
	cv, limit float64
	near      float64 // share of the intervals that are about as long as the period
	even      bool    // the interval test passes

	spectral float64 // period by the spectrum in milliseconds at which starts recur; 0: none
	p        float64 // of its highest peak; 1 where none recurs, so that nothing was shuffled
	beats    bool    // the spectral test passes: the peak, and a hill of the autocorrelation

	r, phaseP float64
	clock     string // scheduler, sleep, or empty
}

// joinRetries leaves out starts that follow the one before within a gap. It sorts.
func joinRetries(starts []netcase.Time, gap netcase.Time) []netcase.Time {
	slices.Sort(starts)
	out := starts[:0:0]
	for i, s := range starts {
		if i == 0 || s-starts[i-1] >= gap {
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
func cadenceOf(rules *CadenceConfig, all []netcase.Time, seed uint64, spectrum bool) cadence {
	starts := joinRetries(slices.Clone(all), rules.Retry)
	c := cadence{rules: rules, starts: len(starts), retries: len(all) - len(starts), p: 1, phaseP: 1}
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
	c.cv, c.limit = spread(gaps, c.period)/c.period, rules.limit(len(gaps))
	c.near = rules.nearShare(gaps, c.period)
	c.even = c.cv <= c.limit && c.near >= rules.Near
	c.active = rules.activeOf(gaps, c.period)
	if !c.long() {
		return c
	}
	if spectrum && c.starts >= rules.SpectrumStart {
		c.bySpectrum(starts, sorted, seed)
	}
	if !c.even && c.beats {
		c.period = c.spectral
		c.active = rules.activeOf(gaps, c.period)
	}
	c.byPhase(starts)
	return c
}

// nearShare is the share of intervals that are about a period. The variation alone
// looks at the middle half of the intervals: a few bursts have an even middle now and then.
func (c *CadenceConfig) nearShare(gaps []float64, period float64) float64 {
	n := 0
	for _, g := range gaps {
		n += b2i(g >= c.About[0]*period && g <= c.About[1]*period)
	}
	return float64(n) / float64(len(gaps))
}

// long tells whether there is enough of the stream for any test.
func (c *cadence) long() bool {
	return c.starts >= c.rules.Starts && c.span.End-c.span.Start >= c.rules.Active
}

func (c *cadence) cycles() float64 {
	if c.period <= 0 {
		return 0
	}
	return float64(c.active) / c.period
}

// found is the stated rule: enough of the stream, and the intervals or the spectrum.
func (c *cadence) found() bool {
	return c.long() && c.active >= c.rules.Active && c.cycles() >= float64(c.rules.Cycles) && (c.even || c.beats)
}

// activeOf is the stretch from the first start to the last without pauses.
func (c *CadenceConfig) activeOf(gaps []float64, period float64) netcase.Time {
	pause := max(c.Pause*period, float64(c.LeastPause))
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
	from := max(int(math.Ceil(whole/min(length/float64(c.rules.Cycles), float64(c.rules.LongestBeat)))), 1)
	if from > f.n/2 {
		return
	}
	s := spectrumTest{f: f, counts: counts, from: from, surrogates: c.rules.Surrogates, blocks: hourBlocks(counts, c.span.Start, width)}
	power := make([]float64, f.n/2+1)
	f.powers(counts, nil, make([]float64, f.n), make([]float64, f.n), power, make([]float64, f.n/2+1))
	acf := selfLikeness(counts)
	floor := c.rules.Hill / math.Sqrt(float64(len(counts)))
	longest := min(int(min(length/float64(c.rules.Cycles), float64(c.rules.LongestBeat))/width), len(acf)-2)
	for _, k := range s.peaks(power) {
		lag, ok := c.rules.fundamental(acf, float64(f.n)/float64(k), floor, longest)
		if !ok {
			continue
		}
		period := c.rules.refine(starts, float64(lag)*width, width)
		if c.rules.recurs(starts, period) {
			c.spectral = period
			c.p = s.chance(slices.Max(power[from:]), rand.New(rand.NewPCG(seed, uint64(len(starts)))))
			c.beats = c.p <= c.rules.P
			return
		}
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

	surrogates int // how many times counts are shuffled
}

// chance is the share of shuffled counts with a peak as high.
//
// Source: p = (1 + higher) / (1 + surrogates); where it ends early, higher / drawn
// (Besag and Clifford 1991).
func (s *spectrumTest) chance(peak float64, random *rand.Rand) float64 {
	n := s.f.n
	re, im := make([]float64, n), make([]float64, n)
	a, b := slices.Clone(s.counts), slices.Clone(s.counts)
	pa, pb := make([]float64, n/2+1), make([]float64, n/2+1)
	higher, drawn, enough := 0, 0, int(math.Ceil(hopeless*float64(1+s.surrogates)))
	for drawn < s.surrogates && higher < enough {
		s.shuffle(a, random)
		s.shuffle(b, random)
		s.f.powers(a, b, re, im, pa, pb)
		for _, p := range [2][]float64{pa, pb} {
			if drawn < s.surrogates && higher < enough {
				drawn++
				higher += b2i(slices.Max(p[s.from:]) >= peak)
			}
		}
	}
	if higher == enough {
		return float64(higher) / float64(drawn)
	}
	return float64(1+higher) / float64(1+s.surrogates)
}

func (s *spectrumTest) shuffle(x []float64, random *rand.Rand) {
	for _, block := range s.blocks {
		random.Shuffle(len(block), func(i, j int) { x[block[i]], x[block[j]] = x[block[j]], x[block[i]] })
	}
}

// peaks are the local maxima, the highest first.
func (s *spectrumTest) peaks(power []float64) []int {
	var out []int
	for k := s.from; k < len(power); k++ {
		if power[k] >= power[max(k-1, 0)] && (k+1 == len(power) || power[k] > power[k+1]) {
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

// fundamental is the shortest lag that is a multiple of the period of a peak and whose
// autocorrelation is about as high as that of any other multiple: a clock has as high
// peaks at every harmonic, but hills only at whole periods.
func (c *CadenceConfig) fundamental(acf []float64, period, floor float64, longest int) (int, bool) {
	type top struct {
		lag    int
		height float64
	}
	var tops []top
	best := 0.0
	for m := 1; m <= multiples && int(float64(m)*period) <= longest; m++ {
		if lag, ok := hillAt(acf, float64(m)*period, floor); ok {
			height := acf[lag-1] + acf[lag] + acf[lag+1] // a period between two lags is split among them
			tops = append(tops, top{lag, height})
			best = max(best, height)
		}
	}
	for _, t := range tops {
		if t.height >= c.AsHigh*best {
			return t.lag, true
		}
	}
	return 0, false
}

// hillAt is the lag about a period at which the autocorrelation has its top, and whether
// that is a hill and not a slope.
func hillAt(acf []float64, at, floor float64) (int, bool) {
	from, to := max(int(at)-1, 1), min(int(math.Ceil(at))+1, len(acf)-2)
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

// recurs tells whether most periods of the active stretch have a start that is followed
// by another one a period later, and far fewer have one that is followed after other
// times: bursts have power at many frequencies and hills at some lags, but come back at
// no time in particular. A burst counts once.
func (c *CadenceConfig) recurs(starts []netcase.Time, period float64) bool {
	gaps := make([]float64, len(starts)-1)
	for i := range gaps {
		gaps[i] = float64(starts[i+1] - starts[i])
	}
	cycles := float64(c.activeOf(gaps, period)) / period
	elsewhere := 0.0
	for _, turn := range elsewhereTurns {
		elsewhere += float64(c.followed(starts, turn*period, period)) / float64(len(elsewhereTurns))
	}
	beats := float64(c.followed(starts, period, period))
	return beats >= float64(c.Cycles) && beats >= c.Followed*cycles && beats-elsewhere >= c.MoreFollowed*cycles
}

// elsewhereTurns are lags that are no multiple of a period, in periods.
var elsewhereTurns = [...]float64{0.62, 0.71, 0.79, 0.86, 1.14, 1.21, 1.29, 1.38}

// followed is how many starts, half a period apart or more, have another one about a lag
// later.
func (c *CadenceConfig) followed(starts []netcase.Time, lag, period float64) int {
	slack := c.Slack * period
	n, j, last := 0, 0, math.Inf(-1)
	for _, s := range starts {
		low, high := float64(s)+lag-slack, float64(s)+lag+slack
		for j < len(starts) && float64(starts[j]) < low {
			j++
		}
		if j == len(starts) {
			break
		}
		if float64(starts[j]) <= high && float64(s)-last >= period/2 {
			n, last = n+1, float64(s)
		}
	}
	return n
}

// refine is the middle of where the differences of starts about a lag lie closest together.
func (c *CadenceConfig) refine(starts []netcase.Time, lag, width float64) float64 {
	var all []float64
	j := 0
	for i, s := range starts[:min(len(starts), phaseStarts)] {
		for j = max(j, i+1); j < len(starts) && float64(starts[j]-s) < lag-1.5*width; j++ {
		}
		for k := j; k < len(starts) && float64(starts[k]-s) <= lag+1.5*width; k++ {
			all = append(all, float64(starts[k]-s))
		}
	}
	slices.Sort(all)
	from, best := 0, all[:0]
	for to := range all {
		for all[to]-all[from] > c.Slack*lag {
			from++
		}
		if to+1-from > len(best) {
			best = all[from : to+1]
		}
	}
	if len(best) < c.Cycles {
		return lag
	}
	return middle(slices.Clone(best))
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
	half := min(int(c.rules.Slack*c.period/step), phaseStarts)
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
	if c.starts < c.rules.ClockStarts {
		return
	}
	c.clock = "sleep"
	if c.r >= c.rules.ClockR && c.phaseP <= c.rules.ClockP {
		c.clock = "scheduler"
	}
}
