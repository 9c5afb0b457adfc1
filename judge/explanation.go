package judge

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"netcase"
)

// Explanation is one hypothesis of frame A: what a group of sources was doing.
// The explanations exclude each other.
type Explanation struct {
	ID       string
	Name     string
	Phrase   string // as it stands in a sentence: "this is very likely …"
	Expected string // what one would see if it were so
	Against  string // what speaks against it
	Settles  string // the least evidence that would settle it
	Hostile  bool   // its sources may be blocked for a while
	TTL      func(Config) time.Duration
}

// Explanations lists every hypothesis of frame A.
func Explanations() []Explanation {
	return []Explanation{
		background(), reconnaissance(), guessing(), flood(), benignScanner(), misconfiguration(),
	}
}

func explanation(id string) Explanation {
	for _, e := range Explanations() {
		if e.ID == id {
			return e
		}
	}
	return Explanation{ID: id, Name: id, Phrase: id}
}

// weigh is the posterior of every hypothesis given the states of the items, most
// probable first. Only items that are true weigh; what is not known weighs nothing.
func weigh(w *Weights, states map[string]netcase.State) []netcase.Hypothesis {
	out := make([]netcase.Hypothesis, 0, len(Explanations()))
	logs := make([]float64, 0, cap(out))
	for _, e := range Explanations() {
		h := netcase.Hypothesis{ID: e.ID, Name: e.Name, Prior: w.Activity.Priors[e.ID], Weights: []netcase.Weight{}}
		sum := 0.0
		for _, item := range activityItems() {
			if states[item.id] != netcase.True {
				continue
			}
			db := w.capped(w.Activity.Items[item.id][e.ID])
			h.Weights = append(h.Weights, netcase.Weight{Item: item.id, Decibans: db})
			h.Inconsistency += min(db, 0)
			sum += db
		}
		logs = append(logs, math.Log(h.Prior)+sum/10*math.Ln10)
		out = append(out, h)
	}
	softmax(out, logs)
	slices.SortStableFunc(out, func(a, b netcase.Hypothesis) int {
		return cmp.Or(cmp.Compare(b.Posterior, a.Posterior), strings.Compare(a.ID, b.ID))
	})
	rangesOfExplanations(out)
	return out
}

// softmax fills the posteriors. The largest logarithm is taken out first, so that
// nothing overflows.
func softmax(out []netcase.Hypothesis, logs []float64) {
	top, total := slices.Max(logs), 0.0
	for i := range out {
		out[i].Posterior = math.Exp(logs[i] - top)
		total += out[i].Posterior
	}
	for i := range out {
		out[i].Posterior /= total
		out[i].Word, _ = Word(out[i].Posterior)
	}
}
