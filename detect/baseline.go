package detect

import (
	"math"
	"slices"

	"netcase"
)

// tier says how much clean history a baseline stands on.
type tier int

// The tiers, by the clean history before the tested bin.
const (
	tierNone  tier = iota // too few bins: only described
	tierMean              // less than a few days: the mean
	tierDaily             // less than a few weeks: the median of the same hours of earlier days
	tierWeek              // beyond: the median of the same hour of earlier weeks
)

func (t tier) String() string { return [...]string{"T0", "T1", "T2", "T3"}[t] }

// grid is the row of bins that all series share.
type grid struct {
	hours   int64 // width of a bin; divides a day, or is a multiple of it
	first   int64 // number of the first bin since 1970
	missing []bool
	from    int // first bin of the investigated span
	rule    *BaselineConfig
}

func (g *grid) bins() int { return len(g.missing) }

func (g *grid) width() netcase.Time { return netcase.Time(g.hours) * netcase.Hour }

func (g *grid) start(i int) netcase.Time { return netcase.Time(g.first+int64(i)) * g.width() }

// bin is the index of the bin that holds an instant, and whether it lies in the grid.
func (g *grid) bin(t netcase.Time) (int, bool) {
	i := int64(t.Truncate(g.width())/g.width()) - g.first
	return int(i), i >= 0 && i < int64(g.bins())
}

func (g *grid) span(from, to int) netcase.Span {
	return netcase.Span{Start: g.start(from), End: g.start(to)}
}

// baseline answers what was to be expected in a bin from the clean bins before it.
type baseline struct {
	g     *grid
	x     []float64
	clean []bool

	n, sum, squares []float64 // over the clean bins before bin i

	slopes []float64     // a week, by whole weeks before
	fits   []expectation // of the bins below len(fits)
	judged float64       // clean bins among them that had an expectation
	away   float64       // the sum of their squared residuals over the mean
}

// newBaseline is the baseline of a series without the missing and the excluded bins.
func newBaseline(g *grid, x []float64, excluded []bool) *baseline {
	n := len(x)
	b := &baseline{
		g: g, x: x, clean: make([]bool, n),
		n: make([]float64, n+1), sum: make([]float64, n+1), squares: make([]float64, n+1),
	}
	for i, v := range x {
		b.n[i+1], b.sum[i+1], b.squares[i+1] = b.n[i], b.sum[i], b.squares[i]
		if g.missing[i] || excluded != nil && excluded[i] {
			continue
		}
		b.clean[i] = true
		b.n[i+1]++
		b.sum[i+1] += v
		b.squares[i+1] += v * v
	}
	return b
}

// expectation is what was to be expected in a bin.
type expectation struct {
	tier    tier
	mu, phi float64 // mean, and variance over mean
	n, sum  float64 // clean bins before, and their sum
}

// tail is the probability of at least x.
func (e expectation) tail(x float64) float64 {
	p := nbTail(x, e.mu, e.phi)
	if e.tier == tierMean {
		p = max(p, predictiveTail(x, e.sum, e.n))
	}
	return p
}

func (b *baseline) tierAt(i int) tier {
	clean := b.n[i] * float64(b.g.width())
	switch rule := b.g.rule; {
	case b.n[i] < float64(rule.Bins):
		return tierNone
	case clean < float64(rule.Daily):
		return tierMean
	case clean < float64(rule.Weekly):
		return tierDaily
	}
	return tierWeek
}

// at is the expectation for bin i; tier T0 has none.
func (b *baseline) at(i int) expectation {
	for len(b.fits) <= i {
		b.next()
	}
	return b.fits[i]
}

// next works out the expectation of one more bin, and then how far the bin lay
// from it: later bins learn their dispersion from that as well. A median of a few
// bins alone says too little about it: of 1,000 series of 168 harmless bins with
// dispersion 4, it lets 360 show a flag.
func (b *baseline) next() {
	i := len(b.fits)
	e := expectation{tier: b.tierAt(i), n: b.n[i], sum: b.sum[i]}
	switch e.tier {
	case tierMean:
		b.fromMean(&e, i)
	case tierDaily:
		b.fromMedian(&e, i, b.sameHours(i))
	case tierWeek:
		b.fromWeeks(&e, i)
	}
	b.fits = append(b.fits, e)
	if e.tier != tierNone && b.clean[i] {
		b.judged++
		b.away += (b.x[i] - e.mu) * (b.x[i] - e.mu) / e.mu
	}
}

func (b *baseline) fromMean(e *expectation, i int) {
	n := b.n[i]
	mean := b.sum[i] / n
	e.mu = max(mean, b.g.rule.Mean)
	variance := max(b.squares[i]-n*mean*mean, 0) / (n - 1)
	e.phi = max(b.g.rule.MeanPhi, variance/e.mu*b.g.rule.caution(n-1))
}

// pooled is the dispersion of all bins judged so far about what was expected of them.
func (b *baseline) pooled() float64 {
	if b.judged < float64(b.g.rule.Bins) {
		return b.g.rule.MeanPhi
	}
	return b.away / b.judged * b.g.rule.caution(b.judged)
}

// caution is by how much a dispersion estimated from n residuals has to be
// raised, so that it is seldom too small: once in twenty times for a caution of 1.645.
//
// Source: n over a lower point of chi-square on n degrees of freedom, by Wilson
// and Hilferty 1931.
func (c *BaselineConfig) caution(n float64) float64 {
	v := 2 / (9 * n)
	return 1 / math.Pow(1-v-c.Caution*math.Sqrt(v), 3)
}

// sameHours is the clean bins of earlier days at the same hour of the day, an
// hour more or less.
func (b *baseline) sameHours(i int) []float64 {
	return b.steps(i, int(max(24/b.g.hours, 1)), b.g.rule.Days, 0, true)
}

// steps is the clean bins that lie whole steps back, carried on to bin i by a
// slope a step, with the hours beside them where asked.
func (b *baseline) steps(i, step, most int, slope float64, beside bool) []float64 {
	reach := 0
	if beside && b.g.hours == 1 {
		reach = 1
	}
	var out []float64
	for k := 1; k <= most; k++ {
		for j := i - k*step - reach; j <= i-k*step+reach; j++ {
			if j >= 0 && b.clean[j] {
				out = append(out, max(b.x[j]+slope*float64(k), 0))
			}
		}
	}
	return out
}

// fromMedian takes the median of comparable bins, or the mean of all where there
// are too few of them.
func (b *baseline) fromMedian(e *expectation, i int, values []float64) {
	if len(values) < b.g.rule.Values {
		b.fromMean(e, i)
		return
	}
	centre := middle(values)
	e.mu = max(centre, b.g.rule.Mean)
	s := spread(values, centre)
	e.phi = max(b.g.rule.MedianPhi, s*s/e.mu, b.pooled())
}

// fromWeeks takes the median of the same hour of earlier weeks, carried on by
// the trend of the weekly medians.
func (b *baseline) fromWeeks(e *expectation, i int) {
	week := int(max(weekHours/b.g.hours, 1))
	slope := b.trend(i, week)
	pooled := b.steps(i, week, b.g.rule.Weeks, slope, true)
	if len(pooled) < b.g.rule.Values {
		b.fromMedian(e, i, b.sameHours(i))
		return
	}
	values := b.steps(i, week, b.g.rule.Weeks, slope, false)
	if len(values) < 2 {
		values = slices.Clone(pooled)
	}
	e.mu = max(middle(values), b.g.rule.Mean)
	s := spread(pooled, middle(pooled))
	e.phi = max(b.g.rule.MedianPhi, s*s/e.mu, b.pooled())
}

// trend is the Theil–Sen slope a week of the medians of the whole weeks before
// bin i, counted from the first bin; it changes once a week.
func (b *baseline) trend(i, week int) float64 {
	for len(b.slopes) <= i/week {
		b.slopes = append(b.slopes, b.slope(len(b.slopes), week))
	}
	return b.slopes[i/week]
}

func (b *baseline) slope(weeks, week int) float64 {
	var medians []float64
	known := 0
	for k := max(weeks-b.g.rule.Weeks, 0); k < weeks; k++ {
		var values []float64
		for j := k * week; j < (k+1)*week; j++ {
			if b.clean[j] {
				values = append(values, b.x[j])
			}
		}
		m := math.NaN()
		if 2*len(values) >= week {
			m = middle(values)
			known++
		}
		medians = append(medians, m)
	}
	if known < b.g.rule.Trend {
		return 0
	}
	return theilSen(medians)
}
