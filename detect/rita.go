package detect

import (
	"math"
	"slices"

	"netcase"
)

// ritaRules are the parameters of RITA 5.
type ritaRules struct {
	weights     [4]float64 // of intervals, sizes, duration, histogram
	bins        int        // of the histogram, over the data set
	sensitivity float64    // of the highest bar: bars that differ by less are of one height
	outliers    int        // bars that may be of any height
	modeBars    int        // filled bars from which two heights are looked for
	leastBars   int        // filled bars that a duration needs
	idealRun    int        // bars in a row that count in full
}

// Parameters of RITA 5 by its default configuration.
var ritaDefaults = ritaRules{
	weights: [4]float64{0.25, 0.25, 0.25, 0.25}, bins: 24, sensitivity: 0.05, outliers: 1, modeBars: 11, leastBars: 6, idealRun: 12,
}

const (
	ritaTimes     = 4 // seconds that a stream needs
	ritaStarts    = 86_400
	ritaLeastSkew = 10 // range of the quartiles below which the skew counts as zero
	ritaFewBars   = 6  // fewer may not be asked of a histogram with two heights
)

// ritaScore is the score that RITA 5 gives a stream, and whether it would score it at
// all. It is shown beside our own tests so that analysts who know it can compare, and is
// never the verdict: random arrivals of one size reach 0.80, hourly rows 0.97.
//
// Shape:  starts and the octets sent, one each, by time; the span of the whole data set
// Source: activecm/rita v5, analysis/beacons.go and default_config.hjson; its published
// assertions (analysis/beacons_test.go) are in testdata/rita.json
func ritaScore(starts []netcase.Time, sizes []float64, data netcase.Span) (netcase.RITAScore, bool) {
	seconds := make([]int64, len(starts))
	for i, s := range starts {
		seconds[i] = int64(s.Truncate(netcase.Second) / netcase.Second)
	}
	slices.Sort(seconds)
	gaps, enough := ritaGaps(seconds)
	first, last := int64(data.Start/netcase.Second), int64(data.End/netcase.Second)
	if !enough || len(sizes) < ritaTimes-1 || len(seconds) >= ritaStarts || last <= first {
		return netcase.RITAScore{}, false
	}
	r := ritaDefaults
	var s netcase.RITAScore
	s.Intervals = ritaEvenness(gaps, 1)
	s.Sizes = ritaEvenness(slices.Clone(sizes), 0)
	bars := r.bars(seconds, first, last)
	s.Histogram = r.histogram(bars)
	filled, run := ritaRuns(bars)
	s.Duration = r.duration(filled, run, float64(seconds[len(seconds)-1]-seconds[0])/float64(last-first))
	s.Score, _ = r.weighted([4]float64{s.Intervals, s.Sizes, s.Duration, s.Histogram}) // parts of 0 to 1
	return s, true
}

// weighted is the score of the parts; false: a part or a weight is none.
func (r *ritaRules) weighted(parts [4]float64) (float64, bool) {
	score, weights := 0.0, 0.0
	for i, w := range r.weights {
		if parts[i] < 0 || parts[i] > 1 || w < 0 || w > 1 {
			return 0, false
		}
		score, weights = score+w*parts[i], weights+w
	}
	if weights != 1 {
		return 0, false
	}
	return round(score, 3), true
}

// ritaGaps is the intervals that are not zero, and whether they are enough to be scored.
func ritaGaps(seconds []int64) (gaps []float64, enough bool) {
	for i := 1; i < len(seconds); i++ {
		if g := seconds[i] - seconds[i-1]; g > 0 {
			gaps = append(gaps, float64(g))
		}
	}
	return gaps, len(gaps) >= ritaTimes-1
}

// ritaEvenness is the mean of one less the skew and of the steadiness. It sorts what it is given.
func ritaEvenness(v []float64, without float64) float64 {
	slices.Sort(v)
	_, steady := ritaSteadiness(v, without)
	return round((1-math.Abs(ritaSkew(v))+steady)/2, 3)
}

// ritaSkew is the Bowley skew of sorted numbers, zero where the quartiles are too close to
// tell.
func ritaSkew(v []float64) float64 {
	half := len(v) / 2
	q1, q2, q3 := middle(slices.Clone(v[:half])), middle(slices.Clone(v)), middle(slices.Clone(v[len(v)-half:]))
	if q3-q1 < ritaLeastSkew || q2 == q1 || q2 == q3 {
		return 0
	}
	return (q1 + q3 - 2*q2) / (q3 - q1)
}

// ritaSteadiness is the median absolute deviation of sorted numbers, and one less that over
// the median.
func ritaSteadiness(v []float64, without float64) (mad, score float64) {
	q2 := middle(slices.Clone(v))
	mad = spread(v, q2) / normalMAD
	if q2 < 1 {
		return mad, without
	}
	return mad, max((q2-mad)/q2, 0)
}

// edge is where a bar of the histogram begins.
func (r *ritaRules) edge(i int, first, last int64) float64 {
	if i == r.bins {
		return float64(last)
	}
	return float64(first) + float64(i)*(float64(last-first)/float64(r.bins))
}

// bars counts sorted starts in equal bins of the data set; the last one has its end.
func (r *ritaRules) bars(seconds []int64, first, last int64) []int {
	bars := make([]int, r.bins)
	at := 0
	for _, s := range seconds {
		for at < r.bins-1 && float64(s) >= r.edge(at+1, first, last) {
			at++
		}
		bars[at]++
	}
	return bars
}

// histogram is the better of how flat the bars are and how many are of two heights.
func (r *ritaRules) histogram(bars []int) float64 {
	filled, _ := ritaRuns(bars)
	return max(ritaFlatness(bars), r.bimodality(r.heights(bars), filled))
}

// ritaFlatness is one less the coefficient of variation of the bars.
func ritaFlatness(bars []int) float64 {
	mean, squares := 0.0, 0.0
	for _, n := range bars {
		mean += float64(n) / float64(len(bars))
	}
	for _, n := range bars {
		squares += (float64(n) - mean) * (float64(n) - mean)
	}
	cv := math.Sqrt(squares/float64(len(bars))) / mean
	if cv > 1 {
		return 0
	}
	return round(1-cv, 3)
}

// heights counts the filled bars by their height, in steps of a share of the highest.
func (r *ritaRules) heights(bars []int) map[int]int {
	size := math.Ceil(float64(slices.Max(bars)) * r.sensitivity)
	heights := map[int]int{}
	for _, n := range bars {
		if n > 0 {
			heights[int(math.Floor(float64(n)/size)*size)]++
		}
	}
	return heights
}

// bimodality is the share of the bars whose height is one of the two most common.
func (r *ritaRules) bimodality(heights map[int]int, filled int) float64 {
	least := r.modeBars
	if least < ritaFewBars {
		least = ritaDefaults.modeBars
	}
	if filled < least {
		return 0
	}
	largest, second := 0, 0
	for _, n := range heights { // the two largest do not depend on the order
		largest, second = max(largest, n), max(second, min(largest, n))
	}
	return min(round(float64(largest+second)/float64(max(filled-r.outliers, 1)), 3), 1)
}

// ritaRuns counts the filled bars, and the longest run of them; it goes on from the last bar
// to the first.
func ritaRuns(bars []int) (filled, longest int) {
	run := 0
	for i := range 2 * len(bars) {
		if bars[i%len(bars)] == 0 {
			run = 0
			continue
		}
		filled += b2i(i < len(bars))
		run++
		longest = max(longest, run)
	}
	return filled, min(longest, len(bars))
}

// duration is the larger of the share of the data set that the starts cover and the longest
// run of filled bars over the ideal one.
func (r *ritaRules) duration(filled, run int, coverage float64) float64 {
	if filled < r.leastBars {
		return 0
	}
	up := func(x float64) float64 { return min(math.Ceil(x*1000)/1000, 1) }
	return max(up(coverage), up(float64(run)/float64(r.idealRun)))
}
