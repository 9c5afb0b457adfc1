package evaluate

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"netcase"
	"netcase/simulate"
)

// Ablation is what the judgement loses without one item of evidence. It is worked out
// from the weights that a case prints: the posterior of each explanation is its prior
// and the decibans of its other items.
type Ablation struct {
	Item    string `json:"item"`
	Stood   int    `json:"stood"`   // groups or claims in which it was true
	Lost    int    `json:"lost"`    // right before, wrong without it
	Mended  int    `json:"mended"`  // wrong before, right without it
	Changed int    `json:"changed"` // leads or likelihoods that change at all
}

// ablate takes each item away in turn, from the group that the story is about and from
// the claims.
func (o *outcome) ablate(c *netcase.Case, l *simulate.Labels, g *netcase.Group) {
	if g != nil && len(l.Lead) > 0 && len(g.Hypotheses) > 0 {
		right := func(lead string) bool { return slices.Contains(l.Lead, lead) }
		before := leadWithout(g, "")
		for _, item := range itemsOf(g.Hypotheses[0].Weights) {
			after := leadWithout(g, item)
			o.ablated(item, right(before), right(after), before != after)
		}
	}
	for i := range c.Claims {
		k := &c.Claims[i]
		if k.Standing == netcase.Gated {
			continue
		}
		truth := slices.Contains(l.Claims, k.ID)
		before := posteriorWithout(k, "") >= likelyFrom
		for _, item := range itemsOf(k.Weights) {
			after := posteriorWithout(k, item) >= likelyFrom
			o.ablated(item, before == truth, after == truth, before != after)
		}
	}
}

func (o *outcome) ablated(item string, before, after, changed bool) {
	o.add("ablation."+item+".lost", Ratio{int(one(before && !after)), 1})
	o.add("ablation."+item+".mended", Ratio{int(one(!before && after)), 1})
	o.add("ablation."+item+".changed", Ratio{int(one(changed)), 1})
}

func itemsOf(ws []netcase.Weight) (out []string) {
	for _, w := range ws {
		out = append(out, w.Item)
	}
	return out
}

// leadWithout is the most probable explanation of a group without an item.
func leadWithout(g *netcase.Group, item string) string {
	best, most := "", math.Inf(-1)
	for _, h := range g.Hypotheses {
		score := 10*math.Log10(h.Prior) + decibans(h.Weights, item)
		if score > most+1e-9 {
			best, most = h.ID, score
		}
	}
	return best
}

// posteriorWithout is the posterior of a claim without an item; bounds on items of one
// mechanism are left out.
func posteriorWithout(k *netcase.Claim, item string) float64 {
	odds := k.Prior / (1 - k.Prior) * math.Pow(10, decibans(k.Weights, item)/10)
	return odds / (1 + odds)
}

func decibans(ws []netcase.Weight, but string) (sum float64) {
	for _, w := range ws {
		if w.Item != but {
			sum += w.Decibans
		}
	}
	return sum
}

// ablations are the table, what loses most first.
func ablations(r map[string]Ratio) (out []Ablation) {
	for name, lost := range r {
		item, ok := strings.CutPrefix(name, "ablation.")
		item, isLost := strings.CutSuffix(item, ".lost")
		if ok && isLost {
			out = append(out, Ablation{Item: item, Stood: lost.Of, Lost: lost.Hit, Mended: r["ablation."+item+".mended"].Hit, Changed: r["ablation."+item+".changed"].Hit})
		}
	}
	slices.SortFunc(out, func(a, b Ablation) int { return cmp.Or(cmp.Compare(b.Lost, a.Lost), strings.Compare(a.Item, b.Item)) })
	return out
}
