package detect

import (
	"math"
	"slices"

	"netcase"
)

// kustoSeries is what Kusto's series_decompose_anomalies makes of a series, so that an
// analyst can repeat in Sentinel what is said here. It is shown beside our own judgement
// and decides nothing.
type kustoSeries struct {
	Baseline []float64 // seasonal part and trend
	Score    []float64 // 0 inside the fence
	Period   int       // bins; 0: no season
}

// The parameters with which a series is shown. A threshold of 1.5 is a default for
// charts; Sentinel's own anomaly rule asks for 2.5 and takes twice that for an anomaly.
//
// Source: learn.microsoft.com series-decompose-anomalies-function; Azure-Sentinel
// AnomalyFoundInNetworkSessionTraffic.yaml.
const (
	kustoThreshold   = 2.5
	kustoAnomaly     = 2 * kustoThreshold
	kustoSeasonality = 0.6  // autocorrelation from which a period counts
	kustoLonger      = 0.05 // by so much a week must fit better than a day
	kustoCycles      = 3    // a season needs so many cycles for a median
)

// decomposeAnomalies takes a series apart as Kusto does with Trend 'linefit' and
// AD_method 'ctukey'.
//
// Shape:  x in bins of equal width; period in bins, 0 for none.
// Source: the public page names the parts; the order (median of each phase over the raw
// values, then a line through what is left) and the scale of the score are measured on a
// series that Kusto computed.
func decomposeAnomalies(x []float64, period int) kustoSeries {
	out := kustoSeries{Baseline: make([]float64, len(x)), Score: make([]float64, len(x)), Period: period}
	if len(x) == 0 {
		return out
	}
	left := slices.Clone(x)
	if period > 1 && len(x) >= period {
		season := phaseMedians(x, period)
		for i := range x {
			out.Baseline[i] = season[i%period]
			left[i] -= season[i%period]
		}
	}
	slope, at0 := lineThrough(left)
	residuals := make([]float64, len(x))
	for i := range x {
		out.Baseline[i] += at0 + slope*float64(i)
		residuals[i] = x[i] - out.Baseline[i]
	}
	fence := newFence(residuals, 0.1, 0.9)
	for i, r := range residuals {
		out.Score[i] = fenceScale * fence.ratio(r)
	}
	return out
}

// phaseMedians is the median of the values at each phase of a period.
func phaseMedians(x []float64, period int) []float64 {
	out := make([]float64, period)
	var v []float64
	for k := range out {
		v = v[:0]
		for i := k; i < len(x); i += period {
			v = append(v, x[i])
		}
		out[k] = middle(v)
	}
	return out
}

// lineThrough is the least-squares line through (i, v[i]).
func lineThrough(v []float64) (slope, at0 float64) {
	n := float64(len(v))
	if n < 2 {
		return 0, sum(v) / max(n, 1)
	}
	mean, half := sum(v)/n, (n-1)/2
	top, bottom := 0.0, 0.0
	for i, y := range v {
		d := float64(i) - half
		top += d * (y - mean)
		bottom += d * d
	}
	slope = top / bottom
	return slope, mean - slope*half
}

// seasonOf is the day or the week as the period of a series, in bins; 0: neither shows.
// The longer one wins where it fits clearly better.
func seasonOf(x []float64, hours int64) int {
	best, strength := 0, kustoSeasonality
	for _, length := range []int64{24, weekHours} {
		p := int(length / hours)
		if p < 2 || length%hours != 0 || len(x) < kustoCycles*p {
			continue
		}
		if a := autocorrelation(x, p); a >= strength {
			best, strength = p, a+kustoLonger
		}
	}
	return best
}

// autocorrelation is that of the values about their mean, at a lag.
func autocorrelation(x []float64, lag int) float64 {
	mean := sum(x) / float64(len(x))
	top, bottom := 0.0, 0.0
	for i, v := range x {
		d := v - mean
		bottom += d * d
		if i >= lag {
			top += d * (x[i-lag] - mean)
		}
	}
	if bottom <= 0 {
		return 0
	}
	return top / bottom * float64(len(x)) / float64(len(x)-lag)
}

// kusto is the anomaly function's view of the fullest bin of a window.
func (r *rise) kusto(s *seriesSet) *netcase.KustoFacts {
	x := slices.Clone(r.line.x) // make-series default=0: a missing bin is zero there
	period := seasonOf(x, s.g.hours)
	parts := decomposeAnomalies(x, period)
	top := r.from
	for i := r.from; i < r.to; i++ {
		if parts.Score[i] > parts.Score[top] {
			top = i
		}
	}
	return &netcase.KustoFacts{
		At: s.g.start(top), Score: round(parts.Score[top], 4), Baseline: round(parts.Baseline[top], 2), PeriodHours: period * int(s.g.hours),
		Threshold: kustoThreshold, Anomaly: parts.Score[top] >= kustoAnomaly,
	}
}

// round keeps so many decimals.
func round(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}
