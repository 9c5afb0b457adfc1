package judge

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"netcase"
)

// Wish is an address that nobody has been asked about, with what an answer could do.
type Wish struct {
	Address netip.Addr
	Changes bool    // were it listed, the leading explanation, its word or a severity would change
	Moved   float64 // … and the posterior of what leads now by so much
	Traffic float64 // reach × volume × spread: what orders those that move nothing
}

// Plan is the addresses that services should be asked about, best first: sources
// that no list names, in groups whose leading explanation, its word or whose severity
// would change if one did; then the others by their traffic. The caller asks within
// the quotas. At most limit; each address once.
func Plan(in Input, limit int) ([]Wish, error) {
	d, err := newDraft(in)
	if err != nil {
		return nil, err
	}
	d.judgeGroups()
	at := map[netip.Addr]int{}
	var wishes []Wish
	for _, c := range d.clusters {
		if c.standing != standingUnlisted && c.standing != standingUnasked {
			continue
		}
		changes, moved := d.ifListed(c)
		for _, a := range c.sources {
			w := Wish{a.profile.Peer.Addr.Unmap(), changes, moved, traffic(&a.profile)}
			if !netcase.Public(w.Address) {
				continue
			}
			if i, ok := at[w.Address]; !ok {
				at[w.Address] = len(wishes)
				wishes = append(wishes, w)
			} else if compareWishes(w, wishes[i]) < 0 {
				wishes[i] = w
			}
		}
	}
	slices.SortFunc(wishes, compareWishes)
	return wishes[:min(len(wishes), max(limit, 0))], nil
}

func compareWishes(a, b Wish) int {
	return cmp.Or(cmp.Compare(rank(b.Changes), rank(a.Changes)), cmp.Compare(b.Moved, a.Moved), cmp.Compare(b.Traffic, a.Traffic), a.Address.Compare(b.Address))
}

// How much the outcome of traffic makes an answer about its source worth: a session
// that went both ways first, a probe that a control refused last.
const (
	worthAnswered = 4.0
	worthOpen     = 3.0
	worthThrough  = 2.0
	worthDenied   = 1.0
)

// traffic is reach × volume × spread. Volume and spread count by their magnitude: a
// source with a thousand flows is not a thousand times as interesting as one with
// one.
func traffic(p *netcase.Profile) float64 {
	reach := worthDenied
	switch {
	case p.Reach.Answered() > 0:
		reach = worthAnswered
	case p.Reach.Open() > 0:
		reach = worthOpen
	case p.Reach[netcase.ReachNoReply]+p.Reach[netcase.ReachRefused] > 0:
		reach = worthThrough
	}
	spread := max(p.HostCount, len(p.Hosts), 1) * max(p.PortCount, len(p.Ports), 1)
	return reach * (1 + math.Log2(1+float64(p.Flows))) * (1 + math.Log2(float64(spread)))
}

// ifListed tells what would move if a list named the sources of a group.
func (d *draft) ifListed(c *cluster) (changes bool, moved float64) {
	state := maps.Clone(states(c.items))
	state["A03"] = netcase.True
	if len(c.hypotheses) == 0 {
		return d.ifListedForControl(c) // our side began it: what was called is asked of the claims
	}
	before, after := c.lead(), weigh(d.weights, state)
	severity := d.severityOf(c, state, c.claims)
	changes = after[0].ID != before.ID || after[0].Word != before.Word || severity.String() != c.severity.String()
	return changes, math.Abs(posteriorOf(after, before.ID) - before.Posterior)
}

// ifListedForControl tells what would move if a list named what a machine of ours
// called for command and control.
func (d *draft) ifListedForControl(c *cluster) (changes bool, moved float64) {
	const item = "B-C2INTEL"
	for _, claim := range c.claims {
		if claim.ID != claimControl || claim.Standing == netcase.Gated || slices.ContainsFunc(claim.Weights, func(w netcase.Weight) bool { return w.Item == item }) {
			continue
		}
		after := claim
		after.Weights = append(slices.Clone(claim.Weights), netcase.Weight{Item: item, Decibans: d.weights.capped(d.weights.Claims[claimControl].Items[item])})
		after.Posterior = odds(claim.Prior, sumWeights(after.Weights, familiesOf(claim.ID), d.weights.GroupCap))
		settleClaim(&after, claim.Missing)
		changes = changes || after.Standing != claim.Standing || after.Word != claim.Word
		moved = max(moved, math.Abs(after.Posterior-claim.Posterior))
	}
	return changes, moved
}

// familiesOf is the mechanism of each item of a claim.
func familiesOf(claim string) map[string]string {
	out := map[string]string{}
	for _, rule := range Claims() {
		if rule.ID != claim {
			continue
		}
		for _, item := range rule.Items {
			out[item.id] = item.id
			if item.family != "" {
				out[item.id] = item.family
			}
		}
	}
	return out
}
