package judge

import (
	"fmt"
	"slices"

	"netcase"
)

// Frame A asks what sources that came to us were doing. What our own side began is
// no attack on us: its explanations are not weighed.

// ownSide tells whether our side began the traffic of a group.
func (c *cluster) ownSide() bool {
	return c.internal || c.direction == netcase.Outbound || c.direction == netcase.Lateral
}

// weighable tells whether frame A is asked of a group: of what came to us, and of
// a machine of ours only where the owner said what it is for.
func weighable(c *cluster) bool {
	switch {
	case c.rest:
		return false
	case !c.ownSide():
		return true
	}
	return states(c.items)["A10"] == netcase.True
}

// Reasons why a group is not weighed.
const (
	whyContact = "our side began it: what it was is not determinable from flows"
	whyInsider = "a machine of ours began it: whether that was authorised is not in the data"
)

// silence answers what frame A does not ask of traffic that our side began. Failed
// logins and the owner's word stay: severity and the next step rest on them.
func (c *cluster) silence() {
	why := whyContact
	if c.internal {
		why = whyInsider
	}
	for i := range c.items {
		if id := c.items[i].ID; id == "A07" || id == "A10" {
			continue
		}
		c.items[i].State, c.items[i].Why, c.items[i].Evidence = netcase.NotApplicable, why, nil
	}
}

// sayOwnSide is the first sentence on a group that our side began and that is not
// weighed.
func sayOwnSide(c *netcase.Case, g *netcase.Group) string {
	text := deed(c, g)
	if f, share := excessOf(c.Findings, g.Direction, groupNames(g)); share >= mostOfIt {
		text += "; this is " + excessText(f, share)
	}
	if internalGroup(g) {
		return text + "; one of our own machines began this, and whether it was authorised is not in the data, so its explanations are open"
	}
	return text + "; " + openCall
}

// internalGroup tells whether the sources of a group are machines of ours.
func internalGroup(g *netcase.Group) bool {
	return g.Direction == netcase.Lateral || g.Direction == netcase.Outbound && !destinations(g.Class)
}

// askOwnSide asks about what our side began, one action for each told group: the
// owner of a machine of ours, and the process behind a call. What the title begins with
// is asked for too, wherever its group stands.
func (d *draft) askOwnSide(scope) []netcase.Action {
	var out []netcase.Action
	leads := d.deedCluster()
	if leads != nil && !slices.Contains(d.full(), leads) {
		out = append(out, d.askProcess(leads))
	}
	for _, c := range d.full() {
		switch {
		case c.internal:
			out = append(out, d.askOwner(c))
		case c.direction == netcase.Outbound && (c.standing == standingListed || c == leads || len(d.full()) == 1):
			out = append(out, d.askProcess(c))
		}
	}
	return out
}

func (d *draft) askOwner(c *cluster) netcase.Action {
	a := netcase.Action{
		Kind: actReview, Owner: ownerAsset, Due: dueSoon,
		Title:  "Ask the owner of " + d.hostsText(c.peersInOrder(), c.sourceCount()) + " what asked " + portsText(portsOf(c.ports), c.portCount) + ", and whether it was authorised",
		Reason: "authorised or not is not in the data; the owner, or the record of the process, tells an inventory or a wrong setting from a guest",
		Risk:   "a machine that somebody else uses goes on looking around", Collateral: "none", Rollback: "nothing to undo", Evidence: c.evidence,
	}
	if _, share := excessOf(d.findings, c.direction, c.sourceNames()); share >= mostOfIt {
		a.Due = dueData
		a.Reason = "it began most of an excess over the baseline; " + a.Reason
		a.Risk = "a machine that somebody else uses goes on flooding others"
	}
	return a
}

func (d *draft) askProcess(c *cluster) netcase.Action {
	why := "a listed destination alone says nothing"
	switch {
	case c.standing == standingListed:
	case c.class == classUploads:
		why = "a large upload alone says nothing: who sent it, and what, decides"
	case c.class == classCalls:
		why = "calls by the clock alone say nothing"
	}
	return netcase.Action{
		Kind: actReview, Owner: ownerAsset, Due: dueSoon,
		Title: fmt.Sprintf("Find the process on %s that called %s on %s, and what the destination is",
			d.hostsText(c.hosts, c.hostCount), d.hostsText(c.peersInOrder(), c.sourceCount()), portsText(portsOf(c.ports), c.portCount)),
		Reason: why + "; a browser, an update and a foreign program look the same in flows",
		Risk:   "a program that takes commands from there stays unseen", Collateral: "read-only queries", Rollback: "nothing to undo", Evidence: c.evidence,
	}
}

// peersInOrder lists the sources, most flows first.
func (c *cluster) peersInOrder() []netcase.Endpoint {
	out := make([]netcase.Endpoint, 0, len(c.sources))
	for _, a := range c.sources {
		out = append(out, a.profile.Peer)
	}
	return out
}

// missingOwner is the gap that a machine of ours leaves whose owner said nothing.
func (d *draft) missingOwner(scope) []netcase.Gap {
	var who []netcase.Endpoint
	for _, c := range d.full() {
		if c.internal && len(c.hypotheses) == 0 {
			who = union(who, c.peersInOrder())
		}
	}
	if len(who) == 0 {
		return nil
	}
	return []netcase.Gap{{
		Source: "owner of own machines", Expected: "whether " + d.hostsText(who, len(who)) + " may scan or call others (monitoring, approved, a statement, a change)",
		Present: "none was given", Effect: "one of our own machines scanned; authorised or not is not in the data, its explanations are not weighed and the severity is by rule",
	}}
}

// vouchedRole tells what the site says of a source of ours or of a partner: its
// role, an owner's statement; empty: nothing.
func (d *draft) vouchedRole(c *cluster) string {
	all := func(ok func(netcase.Endpoint) bool) bool {
		return len(c.sources) > 0 && !slices.ContainsFunc(c.sources, func(a *actor) bool { return !ok(a.profile.Peer) })
	}
	if all(d.welcome) {
		return "the owner named the source as approved, partner or monitoring"
	}
	for _, s := range d.site.Statements {
		if !s.Denied && s.Peer != "" && all(func(e netcase.Endpoint) bool { return e.String() == s.Peer }) {
			return s.Who + ": " + s.What
		}
	}
	return ""
}

// vouchedTries is the word of the owner of an account that what one source tried was
// theirs. Who vouches for one account of several, or one source of several, vouches for a
// part, which settles nothing of the whole.
func (d *draft) vouchedTries(c *cluster) string {
	if len(c.sources) != 1 {
		return ""
	}
	source := c.sources[0].profile.Peer
	for _, s := range d.site.Statements {
		if !s.Denied && s.Account != "" && s.Peer == source.String() && d.triedOnly(source, s.Account) {
			return s.Who + ": " + s.What
		}
	}
	return ""
}

// triedOnly tells whether the login log has tries of a source, and all on one account.
func (d *draft) triedOnly(source netcase.Endpoint, account string) bool {
	tried := false
	for i := range d.findings {
		f := d.findings[i].Auth
		if f == nil || f.FromFlows || !slices.Contains(f.Peers, source) {
			continue
		}
		if len(f.Accounts) != 1 || f.AccountCount > 1 || f.Accounts[0] != account {
			return false
		}
		tried = true
	}
	return tried
}
