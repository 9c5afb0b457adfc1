package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"netcase"
)

// Closed is one answer of a case whose truth is known: what led among the explanations, or
// whether a claim held.
type Closed struct {
	Kind  string // cases of one kind are alike and count together as one
	Items []string
	Lead  []string // explanations that are right; empty: it is about a claim

	Claim string
	Parts map[string]float64 // decibans that each item adds, echoes discounted
	True  bool
}

// Parts are the decibans that each item adds to a claim, echoes discounted.
func Parts(c *netcase.Claim) map[string]float64 {
	family := map[string]string{}
	for _, rule := range Claims() {
		for _, item := range rule.Items {
			if rule.ID == c.ID {
				family[item.id] = cmp.Or(item.family, item.id)
			}
		}
	}
	out := map[string]float64{}
	eachVoice(slices.Clone(c.Weights), family, func(w netcase.Weight, factor float64) { out[w.Item] = w.Decibans * factor })
	return out
}

// Parameters of the fit.
const (
	fitRounds = 4000
	fitStill  = 1e-6  // decibans: a round that moves no weight further is the last
	fitStep   = 0.3   // of the gradient, in square decibans
	fitOdds   = 1.645 // standard deviations on either side that hold nine chances in ten
	perDB     = math.Ln10 / 10
)

// computed are the items whose decibans come with the finding, by the rule that it broke:
// the table only bounds them, so that there is nothing to fit.
func computed() []string { return []string{"B-PROC", "B-SOCKET", "B-STAGE"} }

// Fit gives weights that closed cases make most probable, starting from expert ones: L2
// logistic regression with the expert weight as prior mean and signs fixed. The penalty is
// not chosen: an expert weight is known to within a step of its scale with nine chances in
// ten, which is the standard deviation of the prior. Priors are not fitted, since the
// cases that are closed are no base rate, nor are weights that a finding brings with it.
//
// Units:  decibans
// Source: L2 logistic regression with an informative prior (MAP); the prior's width is that
// of the ranges, decision 26.
func Fit(expert *Weights, version string, closed []Closed) ([]byte, error) {
	w, err := ParseWeights(mustJSON(expert))
	if err != nil {
		return nil, err
	}
	w.Version = version
	list := gathered(closed)
	for range fitRounds {
		if max(fitActivity(w, expert, list), fitClaims(w, expert, list)) < fitStill {
			break
		}
	}
	for _, row := range w.Activity.Items {
		roundAll(row)
	}
	for _, c := range w.Claims {
		roundAll(c.Items)
	}
	b := mustJSON(w)
	_, err = ParseWeights(b)
	return b, err
}

func mustJSON(w *Weights) []byte {
	b, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		panic(err) // numbers and names always encode
	}
	return append(b, '\n')
}

func roundAll(m map[string]float64) {
	for k, v := range m {
		m[k] = math.Round(v*100) / 100
	}
}

// counted is one closed answer and how much it counts.
type counted struct {
	Closed
	weight float64
}

// gathered joins equal answers of one kind; all of a kind count as one in either frame.
func gathered(closed []Closed) (out []counted) {
	all, at := map[string]float64{}, map[string]int{}
	frame := func(c *Closed) string { return c.Kind + " " + c.Claim }
	for i := range closed {
		c := &closed[i]
		all[frame(c)]++
		k := fmt.Sprint(frame(c), c.Items, c.Lead, c.True)
		for _, p := range slices.Sorted(maps.Keys(c.Parts)) {
			k += fmt.Sprintf(" %s %.3f", p, c.Parts[p])
		}
		if j, ok := at[k]; ok {
			out[j].weight++
			continue
		}
		at[k] = len(out)
		out = append(out, counted{*c, 1})
	}
	for i := range out {
		out[i].weight /= all[frame(&out[i].Closed)]
	}
	slices.SortFunc(out, func(a, b counted) int {
		return cmp.Or(strings.Compare(frame(&a.Closed), frame(&b.Closed)), strings.Compare(fmt.Sprint(a.Items, a.Parts), fmt.Sprint(b.Items, b.Parts)), strings.Compare(fmt.Sprint(a.Lead, a.True), fmt.Sprint(b.Lead, b.True)))
	})
	return out
}

// fitActivity moves the weights of the exclusive explanations one step up the gradient, and
// says how far.
func fitActivity(w, expert *Weights, list []counted) (most float64) {
	pull := map[[2]string]float64{}
	for i := range list {
		o := &list[i]
		if len(o.Lead) == 0 {
			continue
		}
		state := map[string]netcase.State{}
		for _, item := range o.Items {
			state[item] = netcase.True
		}
		all, right := weigh(w, state), 0.0
		for _, h := range all {
			if slices.Contains(o.Lead, h.ID) {
				right += h.Posterior
			}
		}
		for _, h := range all {
			want := 0.0
			if slices.Contains(o.Lead, h.ID) {
				want = h.Posterior / right
			}
			for _, item := range o.Items {
				pull[[2]string{item, h.ID}] += o.weight * (want - h.Posterior) * perDB
			}
		}
	}
	for item, row := range w.Activity.Items {
		for h := range row {
			next := moved(row[h], expert.Activity.Items[item][h], pull[[2]string{item, h}], w.ItemCap)
			most, row[h] = max(most, math.Abs(next-row[h])), next
		}
	}
	return most
}

// fitClaims does the same for the claims, each by itself.
func fitClaims(w, expert *Weights, list []counted) (most float64) {
	pull := map[[2]string]float64{}
	for i := range list {
		o := &list[i]
		if o.Claim == "" {
			continue
		}
		mine, theirs := w.Claims[o.Claim], expert.Claims[o.Claim]
		sum := 0.0
		scale := map[string]float64{}
		for _, item := range slices.Sorted(maps.Keys(o.Parts)) {
			part := o.Parts[item]
			if e := theirs.Items[item]; e != 0 && !slices.Contains(computed(), item) {
				scale[item] = part / e
				part = scale[item] * mine.Items[item]
			}
			sum += part
		}
		miss := -odds(mine.Prior, sum)
		if o.True {
			miss++
		}
		for item, s := range scale {
			pull[[2]string{o.Claim, item}] += o.weight * miss * s * perDB
		}
	}
	for id, c := range w.Claims {
		for item := range c.Items {
			if slices.Contains(computed(), item) {
				continue
			}
			next := moved(c.Items[item], expert.Claims[id].Items[item], pull[[2]string{id, item}], w.ItemCap)
			most, c.Items[item] = max(most, math.Abs(next-c.Items[item])), next
		}
	}
	return most
}

// moved is a weight after one step: the data pull, the expert holds; the sign stays, and
// what weighs nothing goes on weighing nothing.
func moved(now, expert, pull, bound float64) float64 {
	if expert == 0 {
		return 0
	}
	sd := step(expert) / fitOdds
	next := now + fitStep*(pull-(now-expert)/(sd*sd))
	if expert > 0 {
		return min(max(next, 0), bound)
	}
	return max(min(next, 0), -bound)
}
