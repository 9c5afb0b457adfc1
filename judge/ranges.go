package judge

import (
	"math"

	"netcase"
)

// Ranges of the posteriors. A weight is a step of a scale, so that it is known to within a
// step: with nine chances in ten the weight that a fit would give lies between its
// neighbours. Errors of different weights are independent, so their squares add; the prior
// is known to within a factor of two, the weakest step.
//
// Units:  decibans
// Source: decision 26

// scale is the steps of the weights; see the method of the weights.
var scale = [...]float64{0, 3, 6, 10, 14, 20}

// priorStep is how far a prior may be off.
const priorStep = 3

// step is how far a weight may be off: the distance to the next step of the scale, at its
// end to the one before. What is not true weighs nothing and has no error.
func step(decibans float64) float64 {
	a := math.Abs(decibans)
	if a == 0 {
		return 0
	}
	for i := len(scale) - 2; i > 0; i-- {
		if a >= scale[i] {
			return scale[i+1] - scale[i]
		}
	}
	return scale[1] - scale[0]
}

// rangeAround is the posterior moved by so many decibans either way.
func rangeAround(posterior, half float64) (low, high float64) {
	if posterior <= 0 || posterior >= 1 {
		return posterior, posterior
	}
	return odds(posterior, -half), odds(posterior, half)
}

// rangeOfClaim is the range of a claim: further items of one family count as their echo.
func rangeOfClaim(c *netcase.Claim, family map[string]string) (low, high float64) {
	squares := float64(priorStep * priorStep)
	eachVoice(c.Weights, family, func(w netcase.Weight, factor float64) {
		squares += factor * step(w.Decibans) * factor * step(w.Decibans)
	})
	return rangeAround(c.Posterior, math.Sqrt(squares))
}

// rangesOfExplanations fills the ranges of exclusive explanations: each against its
// strongest rival, whose weights may be off as well.
func rangesOfExplanations(all []netcase.Hypothesis) {
	for i := range all {
		rival := 0
		if i == 0 {
			rival = 1
		}
		squares := float64(2 * priorStep * priorStep)
		for k, w := range all[i].Weights {
			squares += step(w.Decibans)*step(w.Decibans) + step(all[rival].Weights[k].Decibans)*step(all[rival].Weights[k].Decibans)
		}
		all[i].Low, all[i].High = rangeAround(all[i].Posterior, math.Sqrt(squares))
	}
}
