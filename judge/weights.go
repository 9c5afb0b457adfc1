package judge

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

//go:embed weights-v4.json
var weightsV4 []byte

// Weights are the numbers of the judgement: priors, and what each item of
// evidence adds to each hypothesis or claim.
//
// Units:  decibans, that is ten times the decimal logarithm of a likelihood ratio
// Source: set by experts; to be fitted once a hundred closed cases exist
type Weights struct {
	Version  string                  `json:"version"`
	ItemCap  float64                 `json:"item_cap"`  // most that one item may add or take
	GroupCap float64                 `json:"group_cap"` // most that items of one mechanism may add together
	Activity ActivityWeights         `json:"activity"`
	Claims   map[string]ClaimWeights `json:"claims"`

	sum string
}

// ActivityWeights are those of the exclusive hypotheses.
type ActivityWeights struct {
	Priors map[string]float64            `json:"priors"`
	Items  map[string]map[string]float64 `json:"items"`
}

// ClaimWeights are those of one independent claim.
type ClaimWeights struct {
	Prior float64            `json:"prior"`
	Items map[string]float64 `json:"items"`
}

// DefaultWeights are the weights this version ships.
func DefaultWeights() (*Weights, error) { return ParseWeights(weightsV4) }

// ParseWeights reads weights and checks that they fit the hypotheses and claims
// of this version.
func ParseWeights(b []byte) (*Weights, error) {
	w := &Weights{sum: fmt.Sprintf("%x", sha256.Sum256(b))}
	if err := json.Unmarshal(b, w); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return w, w.check()
}

// String names the weights: version and hash.
func (w *Weights) String() string { return "weights " + w.Version + " sha256:" + w.sum }

func (w *Weights) check() error {
	total := 0.0
	for _, e := range Explanations() {
		p, ok := w.Activity.Priors[e.ID]
		if !ok || p <= 0 || p >= 1 {
			return fmt.Errorf("weights %s: prior of %s: want a number between 0 and 1", w.Version, e.ID)
		}
		total += p
		for _, item := range activityItems() {
			if _, ok := w.Activity.Items[item.id][e.ID]; !ok {
				return fmt.Errorf("weights %s: item %s says nothing of %s", w.Version, item.id, e.ID)
			}
		}
	}
	if math.Abs(total-1) > 1e-9 {
		return fmt.Errorf("weights %s: priors sum to %g, want 1", w.Version, total)
	}
	for _, c := range Claims() {
		cw, ok := w.Claims[c.ID]
		if !ok || cw.Prior <= 0 || cw.Prior >= 1 {
			return fmt.Errorf("weights %s: prior of %s: want a number between 0 and 1", w.Version, c.ID)
		}
		for _, item := range c.items() {
			if _, ok := cw.Items[item.id]; !ok {
				return fmt.Errorf("weights %s: claim %s: item %s has no weight", w.Version, c.ID, item.id)
			}
		}
	}
	return nil
}

// capped bounds the weight of one item.
func (w *Weights) capped(db float64) float64 { return min(max(db, -w.ItemCap), w.ItemCap) }

// spread is how far an item tells the hypotheses apart: largest less smallest weight.
func (w *Weights) spread(item string) float64 {
	var all []float64
	for _, e := range Explanations() {
		all = append(all, w.Activity.Items[item][e.ID])
	}
	return slices.Max(all) - slices.Min(all)
}
