package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

// Bounds on what a group carries into the case.
const (
	fullSources  = netcase.MaxSources // of a group that is told in full
	shortSources = 5                  // of one that is a line
	groupHosts   = netcase.ProfileHosts
)

// judgeGroups groups the sources and judges each group: what it is, whether it
// did harm, how grave it is.
func (d *draft) judgeGroups() {
	d.gather()
	for _, c := range d.clusters {
		if !c.rest {
			d.answerActivity(c)
			if weighable(c) {
				c.hypotheses = weigh(d.weights, states(c.items))
			}
			_, c.share = excessOf(d.findings, c.direction, c.sourceNames())
		}
		c.claims = d.claimsOf(c)
		c.severity = d.severityOf(c, states(c.items), c.claims)
	}
	slices.SortStableFunc(d.clusters, weightiestFirst)
	d.crowd = d.clusters
	d.joinRest()
	for _, c := range d.full() {
		if len(c.hypotheses) == 0 {
			continue
		}
		c.weighing = d.book.add(d.weighingStatement(c), weighingNumbers(c), "frame A: additive decibans and softmax, "+d.weights.String(), inputIDs(&d.in.Coverage))
		c.evidence = append(slices.Clone(c.evidence), c.weighing)
	}
}

// weightiestFirst orders groups for the report: a machine of ours that made an
// excess, then by the upper end of the severity, then who explains most of an
// excess, who was listed and answered, who was listed, by how credibly, and who made most flows,
// those of listed sources first. The rest comes last.
func weightiestFirst(a, b *cluster) int {
	return cmp.Or(
		cmp.Compare(rank(a.rest), rank(b.rest)),
		cmp.Compare(rank(!a.ownExcess()), rank(!b.ownExcess())),
		cmp.Compare(b.severity.High, a.severity.High),
		cmp.Compare(rank(a.share < mostOfIt), rank(b.share < mostOfIt)),
		cmp.Compare(rank(!a.listedAndAnswered()), rank(!b.listedAndAnswered())),
		cmp.Compare(rank(a.standing != standingListed), rank(b.standing != standingListed)),
		cmp.Compare(b.credence(), a.credence()),
		cmp.Compare(b.listedFlows(), a.listedFlows()),
		cmp.Compare(b.flows, a.flows),
		cmp.Compare(b.severity.Low, a.severity.Low),
		strings.Compare(a.label(), b.label()),
		firstPeer(a).Compare(firstPeer(b)),
	)
}

// ownExcess tells whether machines of ours made most of an excess.
func (c *cluster) ownExcess() bool { return c.internal && c.share >= mostOfIt }

func (c *cluster) listedAndAnswered() bool {
	return c.standing == standingListed && c.reach.Answered() > 0
}

// credence is the largest fused probability among the sources, in hundredths: a group
// that independent origins name goes before one that a single list names.
func (c *cluster) credence() int {
	best := 0
	for _, a := range c.sources {
		if a.card != nil {
			best = max(best, int(math.Round(100*a.card.P)))
		}
	}
	return best
}

func firstPeer(c *cluster) netcase.Endpoint {
	if len(c.sources) == 0 {
		return netcase.Endpoint{}
	}
	return c.sources[0].profile.Peer
}

// full lists the groups that are told in full.
func (d *draft) full() []*cluster {
	n := 0
	for n < len(d.clusters) && n < d.config.Full && !d.clusters[n].rest {
		n++
	}
	return d.clusters[:n]
}

// joinRest counts the groups beyond the bound in one that is not told.
func (d *draft) joinRest() {
	n := len(d.clusters)
	if n <= d.config.MaxGroups {
		return
	}
	keep := d.config.MaxGroups - 1
	over := d.clusters[keep:]
	rest := &cluster{rest: true, class: "various", fate: "various", severity: highest(over), claims: strongestEach(over)}
	rest.absorb(over)
	d.clusters = append(d.clusters[:keep:keep], rest)
}

// strongestEach is the strongest answer to each claim over some groups.
func strongestEach(over []*cluster) []netcase.Claim {
	var out []netcase.Claim
	for i := range Claims() {
		var all []netcase.Claim
		for _, c := range over {
			all = append(all, c.claims[i])
		}
		out = append(out, strongest(all))
	}
	return out
}

// absorb counts groups in a group that is not told.
func (c *cluster) absorb(over []*cluster) {
	named := map[int]bool{}
	for i, o := range over {
		c.joined += max(o.joined, 1)
		if i == 0 {
			c.direction = o.direction
		}
		if c.direction != o.direction {
			c.direction = netcase.DirectionUnknown
		}
		c.unseen += o.sourceCount()
		c.flows += o.flows
		c.records += o.records
		c.reach = c.reach.Plus(o.reach)
		c.span = c.span.Join(o.span)
		c.hosts = append(c.hosts, o.hosts...)
		c.hostCount = max(c.hostCount, o.hostCount)
		c.ports = append(c.ports, o.ports...)
		c.portCount = max(c.portCount, o.portCount)
		c.evidence = append(c.evidence, o.evidence...)
		for _, f := range o.findings {
			named[f] = true
		}
	}
	c.findings = sortedKeys(named)
	c.hosts, c.ports, c.evidence = union(c.hosts, nil), mergePorts(c.ports, nil), unique(c.evidence)
	c.hostCount, c.portCount = max(c.hostCount, len(c.hosts)), max(c.portCount, distinctPorts(c.ports))
}

func (d *draft) weighingStatement(c *cluster) string {
	var parts, items []string
	for _, h := range c.hypotheses {
		parts = append(parts, fmt.Sprintf("%s %.3f", h.ID, min(max(h.Posterior, 0.001), 0.999)))
	}
	for _, i := range c.items {
		if i.State == netcase.True {
			items = append(items, i.ID)
		}
	}
	if len(items) == 0 {
		items = []string{"none: these are the priors"}
	}
	return fmt.Sprintf("weighing of %s: %s; items that hold: %s", c.label(), strings.Join(parts, ", "), strings.Join(items, ", "))
}

func weighingNumbers(c *cluster) map[string]float64 {
	out := map[string]float64{"sources": float64(c.sourceCount()), "flows": float64(c.flows)}
	for _, h := range c.hypotheses {
		out[h.ID] = h.Posterior
	}
	return out
}

// group is a cluster as the case carries it.
func (d *draft) group(c *cluster, id string, full bool) netcase.Group {
	g := netcase.Group{
		ID: id, Label: c.label(), Class: c.class, Direction: c.direction, Ports: portsOf(c.ports),
		SourceCount: c.sourceCount(), Hosts: c.hosts, HostCount: c.hostCount, Flows: c.flows, Records: c.records,
		Reach: c.reach, Span: c.span, Items: c.items, Hypotheses: c.hypotheses, Claims: c.claims, Severity: c.severity,
		Evidence: c.evidence, Sources: []netcase.Profile{}, Findings: []string{},
	}
	if g.Hypotheses == nil {
		g.Hypotheses = []netcase.Hypothesis{}
	}
	if c.rest {
		g.Items, g.Joined = []netcase.Item{}, max(c.joined, 1)
	}
	limit := shortSources
	if full {
		limit = fullSources
	}
	for _, a := range c.sources[:min(len(c.sources), limit)] {
		g.Sources = append(g.Sources, a.profile)
	}
	g.Hosts = g.Hosts[:min(len(g.Hosts), groupHosts)]
	g.Ports = g.Ports[:min(len(g.Ports), netcase.ProfilePorts)]
	for _, i := range c.findings {
		g.Findings = append(g.Findings, d.findings[i].ID)
	}
	if full {
		g.Matrix = d.matrix(c)
	} else {
		g.Claims = briefly(c.claims)
	}
	return g
}

// briefly leaves the items of claims out.
func briefly(claims []netcase.Claim) []netcase.Claim {
	out := slices.Clone(claims)
	for i := range out {
		out[i].Items = []netcase.Item{}
	}
	return out
}
