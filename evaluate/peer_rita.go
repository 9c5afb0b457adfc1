package evaluate

import (
	"math"
	"net/netip"
	"slices"

	"netcase"
)

// ritaSpan is the data set in which a stream is scored: whole seconds.
type ritaSpan struct{ first, last int64 }

// The score of RITA 5, as its source has it.
//
// Source: activecm/rita v5, analysis/beacons.go and analysis.go, default_config.hjson.
const (
	ritaUnique    = 4     // distinct timestamps
	ritaIntervals = 3     // intervals that are not zero
	ritaStrobe    = 86400 // connections from which it is no beacon but a strobe
	ritaBars      = 24    // of the histogram
	ritaBimodal   = 11    // bars that are not empty, for the second reading of the histogram
	ritaDuration  = 6     // bars for the score of the duration
)

// ritaScore is the score of a stream, 0 where RITA does not score it.
//
// Shape: seconds ascending, sizes of the same connections
func ritaScore(seconds, sizes []int64, data ritaSpan) float64 {
	unique := slices.Compact(slices.Clone(seconds))
	if len(unique) < ritaUnique || len(seconds) >= ritaStrobe {
		return 0
	}
	var intervals []float64
	for i := 1; i < len(seconds); i++ {
		if d := seconds[i] - seconds[i-1]; d > 0 {
			intervals = append(intervals, float64(d))
		}
	}
	if len(intervals) < ritaIntervals {
		return 0
	}
	var bytes []float64
	for _, s := range sizes {
		bytes = append(bytes, float64(s))
	}
	bars := ritaHistogram(seconds, data)
	sum := ritaStat(intervals, 1) + ritaStat(bytes, 0) + ritaHist(bars) + ritaDur(seconds, bars, data)
	return round3(0.25 * sum)
}

// ritaStat is the score of how alike numbers are: Bowley's skewness and the median
// absolute deviation.
func ritaStat(list []float64, otherwise float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	q1, q2, q3 := quartiles(list)
	skew := 0.0
	if q3-q1 >= 10 && q2 > q1 && q2 < q3 {
		skew = (q1 + q3 - 2*q2) / (q3 - q1)
	}
	mad := otherwise
	if q2 >= 1 {
		deviations := make([]float64, len(list))
		for i, v := range list {
			deviations[i] = math.Abs(v - q2)
		}
		slices.Sort(deviations)
		mad = max(0, (q2-middle(deviations))/q2)
	}
	return round3((1 - math.Abs(skew) + mad) / 2)
}

// quartiles are the medians of the lower half, of all and of the upper half; the middle
// one of an odd number is in neither half.
func quartiles(sorted []float64) (q1, q2, q3 float64) {
	n := len(sorted)
	if n < 2 {
		return sorted[0], sorted[0], sorted[0]
	}
	return middle(sorted[:n/2]), middle(sorted), middle(sorted[(n+1)/2:])
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// ritaHistogram counts the connections in 24 equal bins of the data set.
func ritaHistogram(seconds []int64, data ritaSpan) (bars [ritaBars]int) {
	width := float64(data.last-data.first) / ritaBars
	for _, s := range seconds {
		bars[min(int(float64(s-data.first)/max(width, 1e-9)), ritaBars-1)]++
	}
	return bars
}

func ritaHist(bars [ritaBars]int) float64 {
	mean, most, used := 0.0, 0, 0
	for _, b := range bars {
		mean += float64(b) / ritaBars
		most = max(most, b)
		used += int(one(b > 0))
	}
	variance := 0.0
	for _, b := range bars {
		variance += (float64(b) - mean) * (float64(b) - mean) / ritaBars
	}
	score := 0.0
	if cv := math.Sqrt(variance) / mean; cv <= 1 {
		score = round3(1 - cv)
	}
	if used < ritaBimodal {
		return score
	}
	size := int(math.Ceil(0.05 * float64(most)))
	groups := map[int]int{}
	for _, b := range bars {
		if b > 0 {
			groups[b/size*size]++
		}
	}
	var heights []int
	for _, n := range groups {
		heights = append(heights, n)
	}
	slices.Sort(heights)
	slices.Reverse(heights)
	top := heights[0]
	if len(heights) > 1 {
		top += heights[1]
	}
	return max(score, round3(min(float64(top)/float64(used-1), 1)))
}

func ritaDur(seconds []int64, bars [ritaBars]int, data ritaSpan) float64 {
	used, run, longest := 0, 0, 0
	for i := range 2 * ritaBars { // around midnight
		if bars[i%ritaBars] > 0 {
			run++
			longest = max(longest, min(run, ritaBars))
		} else {
			run = 0
		}
		if i < ritaBars {
			used += int(one(bars[i] > 0))
		}
	}
	if used < ritaDuration {
		return 0
	}
	covered := math.Ceil(1000*float64(seconds[len(seconds)-1]-seconds[0])/float64(data.last-data.first)) / 1000
	steady := math.Ceil(1000*float64(longest)/12) / 1000
	return min(max(covered, steady), 1)
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }

// ritaFlag scores what begins inside and goes outside, and flags from a score on.
func ritaFlag(from float64) func(*events) map[pair]bool {
	return func(e *events) map[pair]bool {
		type stream struct{ seconds, sizes []int64 }
		streams := map[pair]*stream{}
		var data ritaSpan
		for i := range e.flows {
			f := &e.flows[i]
			s := int64(f.Start) / int64(netcase.Second)
			if data.first == 0 {
				data.first = s
			}
			data.last = max(data.last, s)
			k := pair{f.Src.Addr, f.Dst.Addr}
			if !inside(k.host) || inside(k.peer) || !k.peer.IsValid() {
				continue
			}
			if streams[k] == nil {
				streams[k] = &stream{}
			}
			streams[k].seconds = append(streams[k].seconds, s)
			streams[k].sizes = append(streams[k].sizes, max(f.OctetsOut, 0))
		}
		out := map[pair]bool{}
		for k, s := range streams {
			if ritaScore(s.seconds, s.sizes, data) >= from {
				out[k] = true
			}
		}
		return out
	}
}

// inside is what RITA takes for internal by default: private addresses.
func inside(a netip.Addr) bool { return a.IsValid() && a.IsPrivate() }

const ritaAsserts = "all numbers that it asserts of the parts of its score (in the implementation of the detector, with which this one, written apart, agrees to three digits)"

func ritaLow() Peer {
	const low = 0.70
	return Peer{
		Name: "RITA ≥ .70", Question: asksBeacon, Source: "activecm/rita v5, threshold low", Asserts: ritaAsserts,
		Doc: "beacon score of at least .70, its class low and above", Flag: ritaFlag(low),
	}
}

func ritaHigh() Peer {
	const medium = 0.90
	return Peer{
		Name: "RITA ≥ .90", Question: asksBeacon, Source: "activecm/rita v5, threshold medium", Asserts: ritaAsserts,
		Doc: "beacon score of at least .90, its class medium and above", Flag: ritaFlag(medium),
	}
}
