package evaluate

import (
	"context"
	_ "embed"
	"fmt"
	"slices"

	"netcase"
	"netcase/judge"
	"netcase/simulate"
)

//go:embed weights-stories.json
var storyWeights []byte

// FittedVersion names the weights that the stories of development give.
const FittedVersion = "v4-stories-2"

// FitSeeds is how many seeds of development a fit takes.
const FitSeeds = 5

// Fit judges every story that stands alone, with seeds of development only, and fits the
// weights of the judgement to the truth. What it returns is a file of weights.
//
// Stories are no closed cases: nearly all that is said of them comes true. The weights
// show what a fit does to the calibration; they are not those of a judgement.
func Fit(ctx context.Context, cfg Config) ([]byte, error) {
	cfg.Data = ""
	cfg.First, cfg.Seeds = 1, FitSeeds
	cfg = cfg.orDefault()
	list, err := plan(cfg, nil)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(list))
	if err := inPool(ctx, cfg.Workers, len(list), cfg.Progress, func(i int) { outcomes[i] = list[i].run(ctx, cfg) }); err != nil {
		return nil, err
	}
	expert, err := judge.DefaultWeights()
	if err != nil {
		return nil, err
	}
	var closed []judge.Closed
	for i := range outcomes {
		if err := outcomes[i].err; err != nil {
			return nil, err
		}
		closed = append(closed, outcomes[i].closed...)
	}
	return judge.Fit(expert, FittedVersion, closed)
}

// close notes what a fit learns from a case: the explanation of the group that the story
// is about, and the claims that stated a probability.
func (o *outcome) close(c *netcase.Case, told simulate.Told, g *netcase.Group) {
	l := told.Truth.Labels
	if truth := whatTheyDid(l); g != nil && truth != "" {
		o.closed = append(o.closed, judge.Closed{Kind: o.story, Items: itemsOf(g.Lead().Weights), Lead: []string{truth}})
	}
	for i := range c.Claims {
		if k := &c.Claims[i]; k.Standing == netcase.Assessed {
			o.closed = append(o.closed, judge.Closed{Kind: o.story, Claim: k.ID, Parts: judge.Parts(k), True: slices.Contains(l.Claims, k.ID)})
		}
	}
}

// refit judges a case again with the fitted weights and notes what it states then. A claim
// that states nothing with the expert weights is left out, so that both are asked the same.
func (o *outcome) refit(told simulate.Told) error {
	w, err := judge.ParseWeights(storyWeights)
	if err != nil {
		return err
	}
	in := o.question
	in.Weights = w
	c, err := judge.Draft(in)
	if err != nil {
		return fmt.Errorf("%s with fitted weights: %w", o.name(), err)
	}
	o.fitted = &fittedOutcome{weights: w.String()}
	l := told.Truth.Labels
	if _, g := answer(c, &told.Truth, subjects(told)); g != nil && whatTheyDid(l) != "" {
		o.fitted.frameA = append(o.fitted.frameA, exclusive(o.story, g.Hypotheses, whatTheyDid(l)))
	}
	for _, id := range claimIDs {
		if k, ok := claim(c, id); ok && k.Standing == netcase.Assessed {
			o.fitted.frameB = append(o.fitted.frameB, binary(o.story+" "+id, k.Posterior, slices.Contains(l.Claims, id)))
		}
	}
	return nil
}

// fittedOutcome is what a case states with the fitted weights.
type fittedOutcome struct {
	weights        string
	frameA, frameB []prediction
}
