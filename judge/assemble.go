package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

func groupID(i int) string { return fmt.Sprintf("G%d", i+1) }

// assemble lays the judged parts into a case.
func (d *draft) assemble() *netcase.Case {
	d.level = d.caseSeverity()
	c := &netcase.Case{
		Format: netcase.CaseFormat, Tool: "netcase " + netcase.Version, ID: cmp.Or(d.in.ID, CaseID(d.in)),
		Span: d.in.Span, AsOf: d.in.AsOf, IssuedAt: cmp.Or(d.in.IssuedAt, d.in.AsOf), Config: map[string]string{},
		Severity: d.level, Weights: weightsText(d), Claims: d.claims, Findings: d.findings,
		Coverage: d.in.Coverage, Site: *d.site, Groups: []netcase.Group{},
	}
	for k, v := range d.in.Settings {
		c.Config[k] = v
	}
	for i, cl := range d.clusters {
		c.Groups = append(c.Groups, d.group(cl, groupID(i), i < len(d.full())))
	}
	if f := d.artefact(); f != nil {
		c.Artefact = f.Artefact
	}
	c.Title = d.title()
	c.Names = d.names()
	return c
}

// conclude adds what follows from the judgement.
func (d *draft) conclude(c *netcase.Case) {
	c.Status, c.StatusWhy = d.status()
	c.Confidence = d.confidence()
	c.Cards = d.cards()
	c.Timeline = d.timeline()
	c.Gaps = d.gaps()
	c.Sensitivity = d.sensitivity(c.Groups)
	c.Actions = d.actions()
	c.Queries = d.queries()
	c.Requirements = d.requirements()
	d.book.add(fmt.Sprintf("severity %s: rule %s at the lower end (%s), rule %s at the upper end (%s)", c.Severity, c.Severity.RuleLow, c.Severity.WhyLow, c.Severity.RuleHigh, c.Severity.WhyHigh),
		map[string]float64{"low": float64(c.Severity.Low), "high": float64(c.Severity.High)}, "severity: first matching row of the table", inputIDs(&d.in.Coverage))
	c.Severity.Evidence = unique(append(slices.Clone(c.Severity.Evidence), d.book.entries[len(d.book.entries)-1].ID))
	c.Evidence = d.book.entries
}

// finish adds what rests on everything else.
func (d *draft) finish(c *netcase.Case) {
	c.Judgements = d.judgements(c)
	c.Summary = summary(c)
}

// title says what happened in one line, and accuses nobody.
func (d *draft) title() string {
	if len(d.full()) == 0 {
		if f := mostTelling(d.findings); f != nil {
			return f.Title
		}
		return "Nothing found that asks for more"
	}
	if f, more := foremostLogin(d.findings, d.site); f != nil {
		return loginText(f, more)
	}
	title := d.groupTitle(d.clusters[0])
	if i := d.leadingDeed(); i >= 0 {
		return deedTitle(&d.findings[i], d.clusters[0], title)
	}
	return title
}

// groupTitle tells of the leading group alone.
func (d *draft) groupTitle(c *cluster) string {
	if text := d.manyProbed(c); text != "" {
		return text
	}
	ports := portsText(portsOf(c.ports), c.portCount)
	switch {
	case c.internal:
		return d.insiderTitle(c, ports)
	case c.direction == netcase.Outbound && c.hostCount == 1 && len(c.hosts) == 1 && len(c.sources) == 1 && c.unseen == 0:
		return fmt.Sprintf("%s called %s (%s) on %s", d.name(c.hosts[0]), d.name(c.sources[0].profile.Peer), c.who(), ports)
	case c.direction == netcase.Outbound:
		return fmt.Sprintf("Our side called %s on %s", c.who(), ports)
	case c.class == classSessions:
		if n := visitors(d.findings, c.class, c.hosts, portsOf(c.ports), c.sourceCount()); n > 0 {
			return fmt.Sprintf("%s reached %s on %s", count(n, "outside address"), ports, count(c.hostCount, "host"))
		}
		return fmt.Sprintf("%s reached %s on %s", c.who(), ports, count(c.hostCount, "host"))
	}
	return fmt.Sprintf("%s tried %s on %s", c.who(), ports, count(c.hostCount, "host"))
}

// mostTelling is the finding that stands for a case without groups: what was seen on a
// machine before what calls say of it, that before counts, and what is only described
// last. nil: there is none.
func mostTelling(findings []netcase.Finding) *netcase.Finding {
	var best *netcase.Finding
	for i := range findings {
		if f := &findings[i]; f.Title != "" && (best == nil || telling(f) > telling(best)) {
			best = f
		}
	}
	return best
}

func telling(f *netcase.Finding) int {
	const onMachine, calls, counts, described = 3, 2, 1, 0
	switch {
	case f.Kind == "description", f.Spike != nil && f.Spike.Described, f.Auth != nil && f.Auth.Pattern == netcase.PatternTypo, f.Upload != nil && f.Upload.Described, f.Artefact != nil:
		return described
	case f.Auth != nil, f.Process != nil:
		return onMachine
	case f.Persistence != nil && (f.Persistence.Odd != "" || f.Persistence.AfterLogin != nil):
		return onMachine
	case f.Owner != nil && (f.Owner.Decibans > 0 || f.Owner.Verdict == ownerCheck):
		return onMachine
	case f.Owner != nil, f.Persistence != nil:
		return described
	case f.Beacon != nil && (f.Beacon.Verdict != netcase.CadencePeriodic || f.Beacon.Cause != ""):
		return described
	case f.Beacon != nil, f.Upload != nil, f.Flood != nil, f.Lateral != nil, f.Long != nil:
		return calls
	case f.Spike != nil:
		return counts
	}
	return described
}

// insiderTitle names machines of ours and what they asked, with the excess that
// they made.
func (d *draft) insiderTitle(c *cluster, ports string) string {
	whom := count(c.hostCount, "host")
	if c.direction == netcase.Outbound {
		whom = count(c.hostCount, "outside address")
	}
	text := fmt.Sprintf("Our own %s asked %s for %s in %s", d.hostsText(c.peersInOrder(), c.sourceCount()), whom, ports, count(c.flows, "flow"))
	if f, share := excessOf(d.findings, c.direction, c.sourceNames()); share >= mostOfIt {
		text += fmt.Sprintf(", most of an excess of %s over the baseline (ratio %.1f, q %s)", count(int64(math.Round(f.Spike.Excess)), "flow"), f.Spike.Ratio, smallP(f.Spike.Q))
	}
	return text
}

// manySources stands in a title that tells the sources of several groups together.
const manySources = " outside sources probed "

// fewOf is the part of all sources and flows below which the leading group does
// not stand for the case.
// Source: set by experts.
const fewOf = 4

// manyProbed is the title where the leading group is but a few of many sources
// that came from outside with the same lead and nothing graver: they are told
// together. Empty: the leading group stands for itself.
func (d *draft) manyProbed(c *cluster) string {
	if c.ownSide() || c.severity.High > netcase.Low {
		return ""
	}
	sources, flows, hosts := 0, int64(0), 0
	var named []netcase.Endpoint
	for _, o := range d.crowd {
		if o.direction != netcase.Inbound || !o.rest && !sameNoise(o, c) {
			continue
		}
		sources, flows = sources+o.sourceCount(), flows+o.flows
		named, hosts = union(named, o.hosts), max(hosts, o.hostCount)
	}
	if c.sourceCount()*fewOf > sources || c.flows*fewOf > flows {
		return ""
	}
	text := fmt.Sprintf("%s%s%s", thousands(int64(sources)), manySources, count(max(hosts, len(named)), "host"))
	text += " in " + count(flows, "flow")
	if n := min(listedInbound(d.findings), sources); n > 0 {
		text += fmt.Sprintf("; lists name %s of the sources", thousands(int64(n)))
	}
	return text
}

// listedInbound counts the outside sources that lists accuse, as the sightings do.
func listedInbound(findings []netcase.Finding) (n int) {
	for i := range findings {
		f := &findings[i]
		if f.Sighting == nil || f.Direction != netcase.Inbound {
			continue
		}
		if s := f.Sighting.Sightings; len(s) > 0 && Scanner(&s[0].Card) {
			continue
		}
		n += max(f.Sighting.Count, len(f.Sighting.Sightings))
	}
	return n
}

// sameNoise tells whether two groups are led by the same explanation; scanning of
// everyone and research scanners are both probing.
func sameNoise(a, b *cluster) bool {
	fold := func(id string) string {
		if id == "BSC" {
			return "BG"
		}
		return id
	}
	return fold(a.lead().ID) == fold(b.lead().ID)
}

// names are the machine names of the hosts that the case speaks of.
func (d *draft) names() map[string]string {
	out := map[string]string{}
	add := func(e netcase.Endpoint) {
		if n := d.in.Names[e.Addr]; e.Addr.IsValid() && n != "" {
			out[e.Addr.String()] = n
		}
	}
	for _, c := range d.clusters {
		for _, h := range c.hosts {
			add(h)
		}
		if c.internal {
			for _, a := range c.sources {
				add(a.profile.Peer)
			}
		}
	}
	for i := range d.findings {
		for _, h := range d.findings[i].Selection.Hosts {
			add(h)
		}
		if o := d.findings[i].Owner; o != nil {
			add(o.Host)
		}
	}
	return out
}

// check makes sure that every id that the case cites resolves, and that every
// sentence cites one.
func check(c *netcase.Case) error {
	known := map[string]bool{}
	for e := range c.AllEvidence {
		if e.ID == "" {
			return fmt.Errorf("case %s: evidence %q has no id", c.ID, e.Statement)
		}
		if known[e.ID] {
			return fmt.Errorf("case %s: evidence %s is there twice", c.ID, e.ID)
		}
		known[e.ID] = true
	}
	for _, cite := range citations(c) {
		if cite.needed && len(cite.ids) == 0 {
			return fmt.Errorf("case %s: %s cites no evidence", c.ID, cite.where)
		}
		for _, id := range cite.ids {
			if !known[id] {
				return fmt.Errorf("case %s: %s cites %s, which does not exist", c.ID, cite.where, id)
			}
		}
	}
	return nil
}

// citation is a place in the case that cites evidence.
type citation struct {
	where  string
	ids    []string
	needed bool
}

func citations(c *netcase.Case) []citation {
	out := []citation{{"severity", c.Severity.Evidence, true}}
	for i, s := range c.Summary {
		out = append(out, citation{fmt.Sprintf("summary %d", i+1), s.Evidence, true})
	}
	for i, j := range c.Judgements {
		out = append(out, citation{fmt.Sprintf("judgement %d", i+1), j.Claim.Evidence, true})
	}
	for _, e := range c.Timeline {
		out = append(out, citation{"time line " + strings.TrimSpace(e.Text), e.Evidence, true})
	}
	for _, a := range c.Actions {
		out = append(out, citation{"action " + a.ID, a.Evidence, true})
	}
	for _, r := range c.Requirements {
		out = append(out, citation{"requirement " + r.Number, r.Evidence, false})
	}
	for _, cl := range c.Claims {
		out = append(out, claimCitations("claim "+cl.ID, cl)...)
	}
	for _, g := range c.Groups {
		out = append(out, citation{"group " + g.ID, g.Evidence, true}, citation{"severity of " + g.ID, g.Severity.Evidence, false})
		for _, i := range g.Items {
			out = append(out, citation{g.ID + " " + i.ID, i.Evidence, i.State == netcase.True})
		}
		for _, cl := range g.Claims {
			out = append(out, claimCitations(g.ID+" claim "+cl.ID, cl)...)
		}
	}
	return out
}

func claimCitations(where string, c netcase.Claim) []citation {
	out := []citation{{where, c.Evidence, false}}
	for _, i := range c.Items {
		out = append(out, citation{where + " " + i.ID, i.Evidence, i.State == netcase.True})
	}
	return out
}

// OriginsSetting is the setting that names the table of origins.
const OriginsSetting = "origins"

// weightsText names the weights and the table of origins that a case was judged with.
func weightsText(d *draft) string {
	if t := d.in.Settings[OriginsSetting]; t != "" {
		return d.weights.String() + "; " + t
	}
	return d.weights.String()
}
