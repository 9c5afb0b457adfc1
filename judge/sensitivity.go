package judge

import (
	"fmt"
	"maps"

	"netcase"
)

// sensitivity tells, for every item that holds in a told group, what moves if it
// is taken away: the leading explanation, its word, the severity, or a claim.
func (d *draft) sensitivity(groups []netcase.Group) []netcase.Sensitivity {
	out := []netcase.Sensitivity{}
	for i, c := range d.full() {
		out = append(out, d.withoutItems(c, groups[i].ID)...)
		out = append(out, d.withoutClaimItems(c, groups[i].ID)...)
	}
	return out
}

func (d *draft) withoutItems(c *cluster, id string) (out []netcase.Sensitivity) {
	if len(c.hypotheses) == 0 {
		return nil // nothing was weighed
	}
	before := c.lead()
	for _, item := range c.items {
		if item.State != netcase.True {
			continue
		}
		state := maps.Clone(states(c.items))
		state[item.ID] = netcase.Unknown
		after := weigh(d.weights, state)
		severity := d.severityOf(c, state, c.claims)
		out = append(out, netcase.Sensitivity{
			Group: id, Item: item.ID, Text: item.Text,
			Before:  standingLine(before, c.severity),
			After:   standingLine(after[0], severity),
			Changes: after[0].ID != before.ID || after[0].Word != before.Word || severity.String() != c.severity.String(),
			Moved:   posteriorOf(after, before.ID) - before.Posterior,
		})
	}
	return out
}

// withoutClaimItems does the same for the claims of success: each is answered again, since
// what an item contained speaks for itself without it, and what it answered is not known then.
func (d *draft) withoutClaimItems(c *cluster, id string) (out []netcase.Sensitivity) {
	scenes, plain := d.scenesOf(c)
	for i, rule := range Claims() {
		claim := &c.claims[i]
		for _, w := range claim.Weights {
			after := d.claimWithout(w.Item, rule, scenes, plain)
			out = append(out, netcase.Sensitivity{
				Group: id, Item: w.Item, Text: itemText(claim, w.Item),
				Before: claimLine(claim), After: claimLine(&after),
				Changes: after.Standing != claim.Standing || after.Word != claim.Word,
				Moved:   after.Posterior - claim.Posterior,
			})
		}
	}
	return out
}

func (d *draft) claimWithout(item string, rule Claim, scenes []scene, plain []netcase.Endpoint) netcase.Claim {
	kept := d.leftOut
	defer func() { d.leftOut = kept }()
	d.leftOut = map[string]bool{item: true}
	maps.Copy(d.leftOut, kept)
	return d.claimOver(rule, scenes, plain)
}

func itemText(c *netcase.Claim, id string) string {
	for _, i := range c.Items {
		if i.ID == id {
			return i.Text
		}
	}
	return id
}

func standingLine(h netcase.Hypothesis, s netcase.Severity) string {
	return fmt.Sprintf("%s %s (%s); severity %s", h.ID, printed(h.Posterior), h.Word, s)
}

func claimLine(c *netcase.Claim) string {
	if c.Standing != netcase.Assessed {
		return fmt.Sprintf("%s: %s", c.Name, c.Standing)
	}
	return fmt.Sprintf("%s %s (%s)", c.Name, printed(c.Posterior), c.Word)
}

func posteriorOf(hs []netcase.Hypothesis, id string) float64 {
	for _, h := range hs {
		if h.ID == id {
			return h.Posterior
		}
	}
	return 0
}
