package judge

import (
	"fmt"
	"math"
	"strconv"
)

// band is one step of the likelihood scale of ICD 203: the word, the upper bound
// of the probabilities it stands for (not included), and the range as printed.
type band struct {
	word  string
	below float64
	text  string
}

// bands is the scale. It never says 0 or 100 %: the outermost steps are open
// towards certainty, and their words stay the cautious ones.
func bands() []band {
	return []band{
		{"almost no chance", 0.05, "1–5 %"},
		{"very unlikely", 0.20, "5–20 %"},
		{"unlikely", 0.45, "20–45 %"},
		{"roughly even chance", 0.55, "45–55 %"},
		{"likely", 0.80, "55–80 %"},
		{"very likely", 0.95, "80–95 %"},
		{"almost certain", math.Inf(1), "95–99 %"},
	}
}

// Word is the likelihood word of ICD 203 for a probability, and its range.
func Word(p float64) (word, span string) {
	for _, b := range bands() {
		if p < b.below {
			return b.word, b.text
		}
	}
	return "", ""
}

// Bounds of a printed probability: an estimate is never certainty.
const (
	leastPrinted = 0.01
	mostPrinted  = 0.99
)

// printed is a probability as people read it, two digits, never 0 or 1.
func printed(p float64) string {
	switch {
	case p < leastPrinted:
		return "below 0.01"
	case p > mostPrinted:
		return "above 0.99"
	}
	return fmt.Sprintf("%.2f", p)
}

// odds turns a prior probability and decibans into a posterior probability.
func odds(prior, decibans float64) float64 {
	o := prior / (1 - prior) * math.Pow(10, decibans/10)
	return o / (1 + o)
}

// decibansOf is the weight of a probability against even chance.
func decibansOf(p float64) float64 { return 10 * math.Log10(p/(1-p)) }

// trimmed is a number without needless zeros.
func trimmed(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
