package judge

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"netcase"
)

// Plan lists the addresses whose verdict would move the judgement most, best
// first: sources that no list names, in groups whose leading explanation, its word
// or whose severity would change if one did. The caller asks the services about
// them within their quotas.
func Plan(in Input, limit int) ([]netip.Addr, error) {
	d, err := newDraft(in)
	if err != nil {
		return nil, err
	}
	d.judgeGroups()
	type wish struct {
		addr    netip.Addr
		changes bool
		moved   float64
		flows   int64
	}
	var wishes []wish
	for _, c := range d.clusters {
		if c.standing != standingUnlisted && c.standing != standingUnasked {
			continue
		}
		changes, moved := d.ifListed(c)
		for _, a := range c.sources {
			if netcase.Public(a.profile.Peer.Addr) {
				wishes = append(wishes, wish{a.profile.Peer.Addr, changes, moved, a.profile.Flows})
			}
		}
	}
	slices.SortFunc(wishes, func(a, b wish) int {
		return cmp.Or(cmp.Compare(rank(b.changes), rank(a.changes)), cmp.Compare(b.moved, a.moved), cmp.Compare(b.flows, a.flows), a.addr.Compare(b.addr))
	})
	out := []netip.Addr{}
	for _, w := range wishes {
		if len(out) < limit && !slices.Contains(out, w.addr) {
			out = append(out, w.addr)
		}
	}
	return out, nil
}

// ifListed tells what would move if a list named the sources of a group.
func (d *draft) ifListed(c *cluster) (changes bool, moved float64) {
	state := maps.Clone(states(c.items))
	state["A03"] = netcase.True
	if len(c.hypotheses) == 0 {
		return false, 0 // our side began it: no list decides what it was
	}
	before, after := c.lead(), weigh(d.weights, state)
	severity := d.severityOf(c, state, c.claims)
	changes = after[0].ID != before.ID || after[0].Word != before.Word || severity.String() != c.severity.String()
	return changes, math.Abs(posteriorOf(after, before.ID) - before.Posterior)
}
