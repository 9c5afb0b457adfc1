package detect

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"netcase"
)

// ritaAssert is one published assertion: numbers in, numbers out.
type ritaAssert struct {
	Scores, Weights        [4]float64
	List, Edges            []float64
	Bars                   []int
	Heights                map[int]int
	First, Last, From, To  int64
	Bins, Outliers         int
	Filled, Run            int
	Least, Ideal           int
	Sensitivity, Otherwise float64
	Score, Skew, MAD       float64
	Coverage, Steady       float64
	Error                  bool
}

func (a *ritaAssert) seconds() []int64 {
	out := make([]int64, len(a.List))
	for i, v := range a.List {
		out[i] = int64(v)
	}
	slices.Sort(out)
	return out
}

func (a *ritaAssert) rules() *ritaRules {
	r := ritaDefaults
	r.bins, r.sensitivity, r.outliers, r.modeBars = a.Bins, a.Sensitivity, a.Outliers, a.Least
	return &r
}

// TestRITAAsserts: every number that RITA 5 asserts of the parts of its score comes out
// here, within the .001 that it allows itself. What it refuses (a list too short, a span of
// nothing, a weight out of range) is refused, or cannot be asked for. Its lists of distinct
// intervals and sizes are for its charts and are no part of the score.
func TestRITAAsserts(t *testing.T) {
	b, err := os.ReadFile("testdata/rita.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]ritaAssert
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	checks := map[string]func(*testing.T, *ritaAssert){
		"weighted": ritaAssertWeighted, "times": ritaAssertTimes, "sizes": ritaAssertSizes, "evenness": ritaAssertEvenness,
		"skew": ritaAssertSkew, "steadiness": ritaAssertSteadiness, "duration": ritaAssertDuration, "histogram": ritaAssertHistogram,
		"edges": ritaAssertEdges, "flatness": ritaAssertFlatness, "bimodality": ritaAssertBimodality, "bars": ritaAssertBars, "heights": ritaAssertHeights,
	}
	total := 0
	for kind, list := range all {
		check := checks[kind]
		if check == nil {
			t.Fatalf("nothing checks %q", kind)
		}
		for i := range list {
			check(t, &list[i])
			total++
		}
	}
	if total != 132 || len(all) != len(checks) {
		t.Errorf("%d assertions of %d kinds were read", total, len(all))
	}
}

func ritaNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= .001+1e-12) {
		t.Errorf("%s: %.5f, want %.5f", what, got, want)
	}
}

func ritaAssertWeighted(t *testing.T, a *ritaAssert) {
	r := ritaDefaults
	r.weights = a.Weights
	got, ok := r.weighted(a.Scores)
	if ok == a.Error {
		t.Errorf("%v by %v: ok %v", a.Scores, a.Weights, ok)
	}
	ritaNear(t, "weighted", got, a.Score)
}

func ritaAssertTimes(t *testing.T, a *ritaAssert) {
	gaps, enough := ritaGaps(a.seconds())
	if enough == a.Error {
		t.Fatalf("times %v: enough %v", a.List, enough)
	}
	if a.Error {
		return
	}
	b := *a
	b.List, b.Otherwise = gaps, 1
	ritaAssertEvenness(t, &b)
}

func ritaAssertSizes(t *testing.T, a *ritaAssert) {
	if a.Error {
		if len(a.List) >= ritaTimes-1 {
			t.Errorf("sizes %v would be scored", a.List)
		}
		return
	}
	ritaAssertEvenness(t, a)
}

func ritaAssertEvenness(t *testing.T, a *ritaAssert) {
	if len(a.List) == 0 { // a stream without starts is never scored
		return
	}
	ritaNear(t, "evenness", ritaEvenness(slices.Clone(a.List), a.Otherwise), a.Score)
	sorted := slices.Sorted(slices.Values(a.List))
	ritaNear(t, "skew of it", ritaSkew(sorted), a.Skew)
	mad, _ := ritaSteadiness(sorted, a.Otherwise)
	ritaNear(t, "deviation of it", mad, a.MAD)
}

func ritaAssertSkew(t *testing.T, a *ritaAssert) {
	if a.Error {
		return // fewer than three are never scored
	}
	got := ritaSkew(slices.Sorted(slices.Values(a.List)))
	ritaNear(t, "skew", got, a.Skew)
	ritaNear(t, "one less it", 1-math.Abs(got), a.Score)
}

func ritaAssertSteadiness(t *testing.T, a *ritaAssert) {
	if a.Error {
		return
	}
	mad, score := ritaSteadiness(slices.Sorted(slices.Values(a.List)), a.Otherwise)
	ritaNear(t, "deviation", mad, a.MAD)
	ritaNear(t, "steadiness", score, a.Score)
}

func ritaAssertDuration(t *testing.T, a *ritaAssert) {
	if a.Error {
		return // the span is looked at before, the bounds are constants
	}
	r := ritaDefaults
	r.leastBars, r.idealRun = a.Least, a.Ideal
	coverage := float64(a.To-a.From) / float64(a.Last-a.First)
	ritaNear(t, "duration", r.duration(a.Filled, a.Run, coverage), a.Score)
	ritaNear(t, "of the span", r.duration(a.Filled, 0, coverage), a.Coverage)
	ritaNear(t, "of the run", r.duration(a.Filled, a.Run, 0), a.Steady)
}

func ritaAssertBars(t *testing.T, a *ritaAssert) {
	if a.Error {
		return // no start, or no bin: never scored
	}
	bars := a.rules().bars(a.seconds(), a.First, a.Last)
	if !slices.Equal(bars, a.Bars) {
		t.Errorf("bars %v, want %v", bars, a.Bars)
	}
	ritaAssertHeights(t, a)
}

func ritaAssertHeights(t *testing.T, a *ritaAssert) {
	if a.Error {
		return
	}
	if got := a.rules().heights(a.Bars); !maps.Equal(got, a.Heights) {
		t.Errorf("heights %v, want %v", got, a.Heights)
	}
	if filled, run := ritaRuns(a.Bars); filled != a.Filled || run != a.Run {
		t.Errorf("%v: %d filled, run %d; want %d and %d", a.Bars, filled, run, a.Filled, a.Run)
	}
}

func ritaAssertHistogram(t *testing.T, a *ritaAssert) {
	if a.Error {
		return
	}
	ritaAssertBars(t, a)
	ritaNear(t, "histogram", a.rules().histogram(a.Bars), a.Score)
}

func ritaAssertEdges(t *testing.T, a *ritaAssert) {
	if a.Error {
		return
	}
	r := a.rules()
	for i, want := range a.Edges {
		ritaNear(t, "edge", r.edge(i, a.First, a.Last), want)
	}
	if len(a.Edges) != a.Bins+1 {
		t.Errorf("%d edges of %d bins", len(a.Edges), a.Bins)
	}
}

func ritaAssertFlatness(t *testing.T, a *ritaAssert) {
	if a.Error {
		return // no bar, or none filled: never scored
	}
	ritaNear(t, "flatness", ritaFlatness(a.Bars), a.Score)
}

func ritaAssertBimodality(t *testing.T, a *ritaAssert) {
	if a.Error {
		return
	}
	ritaNear(t, "bimodality", a.rules().bimodality(a.Heights, a.Filled), a.Score)
}

// TestRITAPublishedFigures: the two single figures for aggregated rows, .973 and .819, are
// draws out of a range. Rows an hour fill the histogram and the duration, and one size fills
// the sizes, so that the score is (3 + the part of the intervals)/4 and nothing else: .892
// makes .973, .276 makes .819. Both are met by a seed of the same generator, a row stamped
// with the first of about twelve flows of its hour; .973 is its median, .819 lies below the
// twentieth of its lowest.
func TestRITAPublishedFigures(t *testing.T) {
	day := netcase.Span{Start: monday, End: monday + netcase.Day}
	for _, x := range []struct {
		tuples    int
		seed      uint64
		want      float64
		low, high float64 // of the middle nine tenths of 400 seeds
	}{{1, 46, .973, .93, .99}, {12, 68, .819, .83, .87}} {
		var all []float64
		for seed := range uint64(400) {
			rows := hourlyRows(x.tuples, 12, rand.New(rand.NewPCG(seed, 3)))
			s, ok := ritaScore(rows, slices.Repeat([]float64{512}, len(rows)), day)
			if !ok || s.Histogram != 1 || s.Duration != 1 || s.Sizes != 1 {
				t.Fatalf("%d tuples: %+v", x.tuples, s)
			}
			if want := round((3+s.Intervals)/4, 3); math.Abs(s.Score-want) > .0011 {
				t.Errorf("%d tuples: %.3f, the intervals alone make %.3f", x.tuples, s.Score, want)
			}
			if seed == x.seed && s.Score != x.want {
				t.Errorf("%d tuples, seed %d: %.3f, want %.3f", x.tuples, seed, s.Score, x.want)
			}
			all = append(all, s.Score)
		}
		slices.Sort(all)
		if math.Abs(all[20]-x.low) > .01 || math.Abs(all[380]-x.high) > .01 {
			t.Errorf("%d tuples: nine tenths lie from %.3f to %.3f, want %.2f to %.2f", x.tuples, all[20], all[380], x.low, x.high)
		}
	}
}

// hourlyRows is a row an hour of each tuple, stamped with the first of about so many flows.
func hourlyRows(tuples int, flows float64, r *rand.Rand) (out []netcase.Time) {
	for h := range 24 {
		for range tuples {
			at := r.ExpFloat64() / flows
			if at >= 1 {
				at = r.Float64()
			}
			out = append(out, monday+netcase.Time(h)*netcase.Hour+netcase.Time(at*3_600_000))
		}
	}
	return out
}
