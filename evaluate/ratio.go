package evaluate

import (
	"fmt"
	"math"
	"slices"
)

// Ratio is a proportion of units.
type Ratio struct {
	Hit int `json:"hit"`
	Of  int `json:"of"`
}

func (r Ratio) plus(o Ratio) Ratio { return Ratio{r.Hit + o.Hit, r.Of + o.Of} }

// Value is the proportion, and 0 of nothing.
func (r Ratio) Value() float64 {
	if r.Of == 0 {
		return 0
	}
	return float64(r.Hit) / float64(r.Of)
}

// Wilson is the 95 % score interval of the proportion: 0 and 1 of nothing.
//
// Source: Wilson, JASA 22 (1927) 209.
func (r Ratio) Wilson() (low, high float64) {
	if r.Of == 0 {
		return 0, 1
	}
	const z = 1.959963984540054 // of 95 %, two-sided
	n, p := float64(r.Of), r.Value()
	d := 1 + z*z/n
	mid := (p + z*z/(2*n)) / d
	half := z / d * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(mid-half, 0), min(mid+half, 1)
}

func (r Ratio) String() string {
	if r.Of == 0 {
		return "–"
	}
	low, high := r.Wilson()
	return fmt.Sprintf("%.3f (%d of %d; %.3f–%.3f)", r.Value(), r.Hit, r.Of, low, high)
}

// prediction is a probability that was stated, and whether it came true.
type prediction struct {
	p    float64
	true bool
}

// Bin is one line of a reliability table.
type Bin struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	N      int     `json:"n"`
	Stated float64 `json:"stated"` // mean
	True   float64 `json:"true"`   // share
}

// Calibration is how well stated probabilities came true.
type Calibration struct {
	Frame    string  `json:"frame"`
	N        int     `json:"n"`
	Brier    float64 `json:"brier"`
	BaseRate float64 `json:"base_rate_brier"` // of who always states the share that is true
	ECE      float64 `json:"ece"`             // over ten bins of equal width
	Bins     []Bin   `json:"bins"`
}

const reliabilityBins = 10

// calibrate measures predictions. The order does not matter but for rounding, so the
// predictions are sorted.
func calibrate(frame string, list []prediction) Calibration {
	c := Calibration{Frame: frame, N: len(list)}
	if len(list) == 0 {
		return c
	}
	slices.SortFunc(list, func(a, b prediction) int {
		switch {
		case a.p < b.p:
			return -1
		case a.p > b.p:
			return 1
		case a.true == b.true:
			return 0
		case b.true:
			return -1
		}
		return 1
	})
	truth := 0.0
	for _, p := range list {
		truth += one(p.true)
	}
	truth /= float64(len(list))
	var bins [reliabilityBins]Bin
	for _, p := range list {
		c.Brier += (p.p - one(p.true)) * (p.p - one(p.true))
		c.BaseRate += (truth - one(p.true)) * (truth - one(p.true))
		b := &bins[min(int(p.p*reliabilityBins), reliabilityBins-1)]
		b.N, b.Stated, b.True = b.N+1, b.Stated+p.p, b.True+one(p.true)
	}
	n := float64(len(list))
	c.Brier, c.BaseRate = c.Brier/n, c.BaseRate/n
	for i, b := range bins {
		if b.N == 0 {
			continue
		}
		b.Low, b.High = float64(i)/reliabilityBins, float64(i+1)/reliabilityBins
		b.Stated, b.True = b.Stated/float64(b.N), b.True/float64(b.N)
		c.ECE += float64(b.N) / n * math.Abs(b.Stated-b.True)
		c.Bins = append(c.Bins, b)
	}
	return c
}

func one(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
