package evaluate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
	"netcase/judge"
	"netcase/simulate"
)

// Ablation is what the judgement loses without one item of evidence: every case in which
// the item held is judged again without it, as --without does.
type Ablation struct {
	Item    string `json:"item"`
	Stood   int    `json:"stood"`   // groups or claims in which it was true
	Lost    int    `json:"lost"`    // right before, wrong without it
	Mended  int    `json:"mended"`  // wrong before, right without it
	Changed int    `json:"changed"` // leads or likelihoods that change at all
}

// ablate takes each item away in turn and judges again: the group that the story is about
// and the claims are compared.
func (o *outcome) ablate(c *netcase.Case, told simulate.Told, g *netcase.Group) {
	for _, item := range itemsThatHold(c, told.Truth.Labels, g) {
		in := o.question
		in.Without = []string{item}
		without, err := judge.Draft(in)
		if err != nil {
			o.err = fmt.Errorf("%s without %s: %w", o.name(), item, err)
			return
		}
		o.without(item, c, without, told, g)
	}
}

// itemsThatHold are the items that weigh in the group that the story is about, where its
// explanation is asked for, and in the claims.
func itemsThatHold(c *netcase.Case, l *simulate.Labels, g *netcase.Group) []string {
	seen := map[string]bool{}
	if explained(l, g) {
		note(seen, g.Hypotheses[0].Weights)
	}
	for i := range c.Claims {
		if c.Claims[i].Standing != netcase.Gated {
			note(seen, c.Claims[i].Weights)
		}
	}
	out := make([]string, 0, len(seen))
	for item := range seen {
		out = append(out, item)
	}
	slices.Sort(out)
	return out
}

// explained tells whether a story asks what the sources of a group did.
func explained(l *simulate.Labels, g *netcase.Group) bool {
	return g != nil && len(l.Lead) > 0 && len(g.Hypotheses) > 0
}

func note(seen map[string]bool, ws []netcase.Weight) {
	for _, w := range ws {
		seen[w.Item] = true
	}
}

func weighs(ws []netcase.Weight, item string) bool {
	return slices.ContainsFunc(ws, func(w netcase.Weight) bool { return w.Item == item })
}

// without compares a case with the same judged without an item.
func (o *outcome) without(item string, c, after *netcase.Case, told simulate.Told, g *netcase.Group) {
	l := told.Truth.Labels
	if explained(l, g) && weighs(g.Hypotheses[0].Weights, item) {
		right := func(lead string) bool { return slices.Contains(l.Lead, lead) }
		lead := ""
		if h := groupOf(after, &told.Truth, subjects(told)); h != nil {
			lead = h.Lead().ID
		}
		o.ablated(item, right(g.Lead().ID), right(lead), g.Lead().ID != lead)
	}
	for i := range c.Claims {
		k := &c.Claims[i]
		if k.Standing == netcase.Gated || !weighs(k.Weights, item) {
			continue
		}
		truth, before, now := slices.Contains(l.Claims, k.ID), likely(c, k.ID), likely(after, k.ID)
		o.ablated(item, before == truth, now == truth, before != now)
	}
}

func (o *outcome) ablated(item string, before, after, changed bool) {
	o.add("ablation."+item+".lost", Ratio{int(one(before && !after)), 1})
	o.add("ablation."+item+".mended", Ratio{int(one(!before && after)), 1})
	o.add("ablation."+item+".changed", Ratio{int(one(changed)), 1})
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
