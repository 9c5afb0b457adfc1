package evaluate

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"netcase"
	"netcase/simulate"
)

// TestCalibrate: who states what is true has a score of zero, who states .8 of what is
// true in half of the cases is off by .3.
func TestCalibrate(t *testing.T) {
	perfect := calibrate("", []prediction{binary("a", 1, true), binary("b", 0, false), binary("c", 1, true)})
	if perfect.Brier != 0 || perfect.ECE != 0 {
		t.Errorf("perfect: %+v", perfect)
	}
	off := calibrate("", []prediction{binary("a", .8, true), binary("b", .8, false), binary("a", .8, true), binary("d", .8, false)})
	if math.Abs(off.Brier-.34) > 1e-9 || math.Abs(off.ECE-.3) > 1e-9 || math.Abs(off.BaseRate-.25) > 1e-9 || len(off.Bins) != 1 || off.Kinds != 3 {
		t.Errorf("off: %+v", off)
	}
	if b := off.Bins[0]; !slices.Equal(b.Kinds, []string{"a", "b", "d"}) || !slices.Equal(b.Missed, []string{"b", "d"}) {
		t.Errorf("kinds: %+v", b)
	}
	if none := calibrate("", nil); none.N != 0 || none.ECE != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

// TestExclusive: the squares are over all explanations, by hand, and who states the shares
// has one less the sum of their squares.
func TestExclusive(t *testing.T) {
	all := []netcase.Hypothesis{{ID: "BG", Posterior: .7}, {ID: "BFA", Posterior: .2}, {ID: "REC", Posterior: .1}}
	right, wrong := exclusive("a", all, "BG"), exclusive("b", all, "REC")
	if !right.true || wrong.true || right.p != .7 || wrong.p != .7 {
		t.Errorf("%+v %+v", right, wrong)
	}
	if math.Abs(right.square-(.09+.04+.01)) > 1e-9 || math.Abs(wrong.square-(.49+.04+.81)) > 1e-9 {
		t.Errorf("squares %f and %f", right.square, wrong.square)
	}
	if c := calibrate("", []prediction{right, right, wrong}); math.Abs(c.BaseRate-(1-4./9-1./9)) > 1e-9 || math.Abs(c.Brier-(.14+.14+1.34)/3) > 1e-9 {
		t.Errorf("%+v", c)
	}
}

// TestExact: of many kinds the draws lie near what was stated, of one kind far from it, and
// a thousand cases of one kind are one draw.
func TestExact(t *testing.T) {
	stated := func(kinds, cases int) (out []prediction) {
		for k := range kinds {
			for range cases {
				out = append(out, binary(fmt.Sprint(k), .7, true))
			}
		}
		return out
	}
	many, single := calibrate("", stated(2000, 1)), calibrate("", stated(1, 2000))
	if many.Exact.High > .03 || many.Exact.Within < .99 || many.Exact.Beyond > .01 {
		t.Errorf("two thousand kinds that all came true: %+v", many.Exact)
	}
	if e := single.Exact; math.Abs(e.Median-.3) > 1e-9 || math.Abs(e.High-.7) > 1e-9 || e.Within != 0 || math.Abs(e.Beyond-1) > 1e-9 {
		t.Errorf("one kind: %+v", e) // it comes true or not: off by .3, or in three of ten draws by .7
	}
}

// TestSlope: half of what was stated at .8 asks for no odds at all, nine tenths of it for
// more, and a kind counts once.
func TestSlope(t *testing.T) {
	of := func(hits, n int) (out []prediction) {
		for i := range n {
			out = append(out, binary(fmt.Sprint(i), .8, i < hits))
		}
		return out
	}
	for _, x := range []struct {
		list []prediction
		want float64
	}{
		{of(5, 10), 0}, {of(8, 10), 1}, {of(9, 10), math.Log(9) / math.Log(4)}, {of(10, 10), slopeMost},
		{append(of(8, 10), of(8, 10)...), 1},
		{append(of(8, 10), of(1, 1)...), 1}, // one more case of a kind that is there
	} {
		if got := slope(x.list); math.Abs(got-x.want) > 1e-6 {
			t.Errorf("%d predictions: %f, want %f", len(x.list), got, x.want)
		}
	}
}

// TestWhatTheyDid: one explanation is true, also where several are right answers.
func TestWhatTheyDid(t *testing.T) {
	for _, x := range []struct {
		labels simulate.Labels
		want   string
	}{
		{simulate.Labels{Hypothesis: "BFS", Lead: []string{"BFA"}}, "BFA"},
		{simulate.Labels{Hypothesis: "MIS", Lead: []string{"BFA", "MIS"}}, "MIS"},
		{simulate.Labels{Hypothesis: "REC", Lead: []string{"REC", "BG"}}, "REC"},
		{simulate.Labels{Hypothesis: "MIS"}, "MIS"},
		{simulate.Labels{Hypothesis: "C2"}, ""},
	} {
		if got := whatTheyDid(&x.labels); got != x.want {
			t.Errorf("%+v: %q, want %q", x.labels, got, x.want)
		}
	}
}
