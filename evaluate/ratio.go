package evaluate

import (
	"fmt"
	"math"
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

func one(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
