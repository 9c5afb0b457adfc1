package detect

import (
	"math"
	"slices"

	"netcase"
)

// Parameters of RITA 5 by its default configuration.
const (
	ritaTimes       = 4 // unique seconds that a stream needs
	ritaStarts      = 86_400
	ritaBins        = 24
	ritaLeastSkew   = 10 // range of the quartiles below which the skew counts as zero
	ritaSensitivity = 0.05
	ritaBimodalBars = 11
	ritaOutliers    = 1
	ritaLeastBars   = 6
	ritaIdealRun    = 12
)

// ritaScore is the score that RITA 5 gives a stream, and whether it would score it at
// all. It is shown beside our own tests so that analysts who know it can compare, and is
// never the verdict: random arrivals of one size reach 0.80, hourly rows 0.97.
//
// Shape:  starts and the octets sent, one each, by time; the span of the whole data set
// Source: activecm/rita v5, analysis/beacons.go and default_config.hjson
func ritaScore(starts []netcase.Time, sizes []float64, data netcase.Span) (netcase.RITAScore, bool) {
	seconds := make([]int64, len(starts))
	for i, s := range starts {
		seconds[i] = int64(s.Truncate(netcase.Second) / netcase.Second)
	}
	slices.Sort(seconds)
	var gaps []float64
	for i := 1; i < len(seconds); i++ {
		if g := seconds[i] - seconds[i-1]; g > 0 {
			gaps = append(gaps, float64(g))
		}
	}
	first, last := int64(data.Start/netcase.Second), int64(data.End/netcase.Second)
	if len(gaps) < ritaTimes-1 || len(sizes) < ritaTimes-1 || len(seconds) >= ritaStarts || last <= first {
		return netcase.RITAScore{}, false
	}
	var s netcase.RITAScore
	s.Intervals = ritaEvenness(gaps, 1)
	s.Sizes = ritaEvenness(slices.Clone(sizes), 0)
	bars := ritaHistogram(seconds, first, last)
	s.Histogram = max(ritaFlatness(bars), ritaBimodality(bars))
	s.Duration = ritaDuration(bars, float64(seconds[len(seconds)-1]-seconds[0])/float64(last-first))
	s.Score = round((s.Intervals+s.Sizes+s.Duration+s.Histogram)/4, 3)
	return s, true
}

// ritaEvenness is the mean of one less the Bowley skew and one less the median absolute
// deviation over the median. It sorts what it is given.
func ritaEvenness(v []float64, without float64) float64 {
	slices.Sort(v)
	half := len(v) / 2
	q1, q2, q3 := middle(slices.Clone(v[:half])), middle(slices.Clone(v)), middle(slices.Clone(v[len(v)-half:]))
	skew := 0.0
	if q3-q1 >= ritaLeastSkew && q2 > q1 && q2 < q3 {
		skew = (q1 + q3 - 2*q2) / (q3 - q1)
	}
	steady := without
	if q2 >= 1 {
		steady = max((q2-spread(v, q2)/normalMAD)/q2, 0)
	}
	return round((1-math.Abs(skew)+steady)/2, 3)
}

// ritaHistogram counts the starts in 24 equal bins of the data set.
func ritaHistogram(seconds []int64, first, last int64) []int {
	bars := make([]int, ritaBins)
	step := float64(last-first) / ritaBins
	for _, s := range seconds {
		bars[min(max(int(float64(s-first)/step), 0), ritaBins-1)]++
	}
	return bars
}

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

// ritaBimodality is the share of the bars whose height is one of the two most common.
func ritaBimodality(bars []int) float64 {
	filled := ritaFilled(bars)
	if filled < ritaBimodalBars {
		return 0
	}
	size := math.Ceil(float64(slices.Max(bars)) * ritaSensitivity)
	heights := map[int]int{}
	for _, n := range bars {
		if n > 0 {
			heights[int(math.Floor(float64(n)/size)*size)]++
		}
	}
	largest, second := 0, 0
	for _, n := range heights { // the two largest do not depend on the order
		largest, second = max(largest, n), max(second, min(largest, n))
	}
	return min(round(float64(largest+second)/float64(max(filled-ritaOutliers, 1)), 3), 1)
}

func ritaFilled(bars []int) (n int) {
	for _, b := range bars {
		n += b2i(b > 0)
	}
	return n
}

// ritaDuration is the larger of the share of the data set that the starts cover and the
// longest run of filled bars over twelve; the run goes on from the last bar to the first.
func ritaDuration(bars []int, coverage float64) float64 {
	if ritaFilled(bars) < ritaLeastBars {
		return 0
	}
	run, longest := 0, 0
	for i := range 2 * len(bars) {
		if bars[i%len(bars)] == 0 {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	longest = min(longest, len(bars))
	up := func(x float64) float64 { return min(math.Ceil(x*1000)/1000, 1) }
	return max(up(coverage), up(float64(longest)/ritaIdealRun))
}
