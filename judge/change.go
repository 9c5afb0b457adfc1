package judge

import (
	"fmt"
	"slices"

	"netcase"
)

// A recorded change explains a group that began within it and did not reach beyond what
// was changed: one side of the group has to lie inside, its sources or the machines that
// they touched, and every port.

// withinChange asks whether a recorded change covers a group. False: none was going on when
// the group began, or the group reaches beyond each of those that were.
func (d *draft) withinChange(c *cluster) answer {
	beyond, cut := "", ""
	for i := range d.site.Changes {
		ch := &d.site.Changes[i]
		if c.span.Start < ch.Start || c.span.Start >= ch.End {
			continue
		}
		switch what, all := d.outside(c, ch); {
		case what != "":
			beyond = fmt.Sprintf("it began within a recorded change (%s), which does not cover %s", ch.Reason, what)
		case !all:
			cut = fmt.Sprintf("it began within a recorded change (%s), but not all that it touched is listed", ch.Reason)
		default:
			return yes("it began within a recorded change: "+ch.Reason, d.coverage)
		}
	}
	switch {
	case cut != "":
		return open(cut)
	case beyond != "":
		return no(beyond, d.coverage)
	}
	return no("it began outside the recorded changes", d.coverage)
}

// outside is a port or a machine of a group that a change does not cover; empty: it covers
// what is listed of the group, and all tells whether that is all that there is.
func (d *draft) outside(c *cluster, ch *netcase.Change) (what string, all bool) {
	for _, p := range c.ports {
		if !ch.CoversPort(p.Port) {
			return fmt.Sprintf("port %d", p.Port), false
		}
	}
	each := func(holds func(p *netcase.Profile) bool) bool {
		return !slices.ContainsFunc(c.sources, func(a *actor) bool { return !holds(&a.profile) })
	}
	covered := func(e netcase.Endpoint) bool { return d.site.Covers(ch, e, d.in.Names[e.Addr]) }
	all = len(ch.Ports) == 0 || c.unseen == 0 && each(func(p *netcase.Profile) bool { return p.PortCount <= len(p.Ports) })
	if ch.Everywhere() || c.unseen == 0 && each(func(p *netcase.Profile) bool { return covered(p.Peer) }) {
		return "", all
	}
	for _, h := range c.hosts {
		if !covered(h) {
			return h.String(), false
		}
	}
	return "", all && len(c.hosts) > 0 && c.unseen == 0 && each(func(p *netcase.Profile) bool { return p.HostCount <= len(p.Hosts) })
}
