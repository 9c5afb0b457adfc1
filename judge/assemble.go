package judge

import (
	"cmp"
	"fmt"
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
		Severity: d.level, Weights: d.weights.String(), Claims: d.claims, Findings: d.findings,
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
	c.Judgements = d.judgements(c)
	c.Summary = summary(c)
}

// title says what happened in one line, and accuses nobody.
func (d *draft) title() string {
	if len(d.full()) == 0 {
		for i := range d.findings {
			if t := d.findings[i].Title; t != "" {
				return t
			}
		}
		return "Nothing found that asks for more"
	}
	c := d.clusters[0]
	verb, whom := "tried", count(c.hostCount, "host")
	switch {
	case c.direction == netcase.Outbound && !c.internal:
		return fmt.Sprintf("Our side called %s on %s", c.who(), portsText(portsOf(c.ports), c.portCount))
	case c.class == classSessions:
		verb = "reached"
	}
	return fmt.Sprintf("%s %s %s on %s", c.who(), verb, portsText(portsOf(c.ports), c.portCount), whom)
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
