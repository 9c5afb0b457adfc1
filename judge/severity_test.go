package judge

import (
	"slices"
	"strings"
	"testing"

	"netcase"
)

// decided is the incident with the whole table: no open outcome, octets, raw rows.
func (w world) decided(reach netcase.Reach) Input {
	in := w.input(reach)
	in.Coverage.Families = []string{"flow"}
	in.Coverage.Inputs[0].Missing = nil
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Owner != nil || f.Spike != nil || f.Artefact != nil })
	w.eachProfile(in.Findings, func(p *netcase.Profile) {
		p.Aggregated, p.BusiestHour, p.OctetsOut, p.OctetsIn = false, 0, 4000, 0
	})
	return in
}

func (w world) eachProfile(findings []netcase.Finding, change func(*netcase.Profile)) {
	for i := range findings {
		f := &findings[i]
		if f.Scan != nil {
			for j := range f.Scan.Sources {
				change(&f.Scan.Sources[j])
			}
		}
		if f.Sighting != nil {
			for j := range f.Sighting.Sightings {
				change(&f.Sighting.Sightings[j].Profile)
			}
		}
	}
}

// move gives some flows on a port another outcome.
func move(p *netcase.Profile, port uint16, to netcase.Reach, n int64) {
	for i := range p.Ports {
		c := &p.Ports[i]
		if c.Port != port {
			continue
		}
		for r := range c.Reach {
			if c.Reach[r] < n || netcase.Reach(r) == to {
				continue
			}
			c.Reach[r] -= n
			c.Reach[to] += n
			p.Reach[r] -= n
			p.Reach[to] += n
			return
		}
	}
}

// J2: everything denied, from listed sources.
func TestAllDenied(t *testing.T) {
	c := judged(t, incident().decided(netcase.ReachDenied))
	g := &c.Groups[0]
	near(t, "BG", g.Lead().Posterior, .941, .0005)
	if itemOf(g.Items, "A05").State != netcase.True {
		t.Errorf("A05 %+v", itemOf(g.Items, "A05"))
	}
	if c.Severity.Low != netcase.Low || c.Severity.High != netcase.Low || c.Severity.RuleLow != "6b" {
		t.Errorf("severity %s by %s", c.Severity, c.Severity.RuleLow)
	}
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing != netcase.Gated {
		t.Errorf("compromise %s (%s)", cl.Standing, cl.Why)
	}
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actClose }) {
		t.Error("a denied port is to be closed")
	}
	if slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == "flow verdict" }) {
		t.Error("the verdict is there and is said to be missing")
	}
}

// Denied, but the input was cut: silence gates nothing, and the case says so.
func TestCutCoverage(t *testing.T) {
	in := incident().decided(netcase.ReachDenied)
	in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8")}
	in.Coverage.Families = []string{"flow", "login", "process"}
	whole := judged(t, in)
	in.Coverage.Inputs[0].Cut, in.Coverage.Inputs[0].CutQuery = "exactly 30,000 rows", "T | take 1"
	c := judged(t, in)
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing == netcase.Gated {
		t.Error("a cut input gates a claim out")
	}
	if whole.Confidence.Level == confidenceLow || c.Confidence.Level != confidenceLow || c.Confidence.Capped == "" || c.Confidence.Points >= whole.Confidence.Points {
		t.Errorf("confidence %+v, whole %+v", c.Confidence, whole.Confidence)
	}
	if !strings.Contains(summaryText(c), "cut") {
		t.Error("the summary does not say that an input was cut")
	}
	if i := slices.IndexFunc(c.Gaps, func(g netcase.Gap) bool { return g.Query == "T | take 1" }); i != 0 {
		t.Errorf("the query that fetches the rest is at %d of the gaps", i)
	}
}

func TestSeverityRows(t *testing.T) {
	type change func(*Input, *netcase.Profile)
	answered := func(port uint16) change {
		return func(in *Input, p *netcase.Profile) { move(p, port, netcase.ReachBidirectional, 5) }
	}
	for _, c := range []struct {
		name      string
		reach     netcase.Reach
		change    change
		site      *netcase.Site
		low, high netcase.Level
		rules     string
		modifier  string
	}{
		{"3389 answered", netcase.ReachDenied, answered(3389), nil, netcase.Medium, netcase.Medium, "5 5", ""},
		{"80 answered", netcase.ReachDenied, answered(80), nil, netcase.Low, netcase.Low, "6b 6b", ""},
		{"telnet answered", netcase.ReachDenied, answered(23), nil, netcase.High, netcase.High, "5 5", "clear text"},
		{"refused by the host", netcase.ReachRefused, nil, nil, netcase.Low, netcase.Low, "6b 6b", ""},
		{"allowed, replies not recorded", netcase.ReachAllowed, nil, nil, netcase.Low, netcase.Medium, "6b 5", ""},
		{"3389 answered on honeypots", netcase.ReachDenied, answered(3389), tagged("honeypot"), netcase.Low, netcase.Low, "5 5", "one step down"},
		{"telnet answered on honeypots", netcase.ReachDenied, answered(23), tagged("honeypot"), netcase.Medium, netcase.Medium, "5 5", "no change"},
		{"denied on a tagged host", netcase.ReachDenied, nil, tagged("cde"), netcase.Low, netcase.Low, "6b 6b", ""},
		{"approved sources", netcase.ReachDenied, answered(3389), &netcase.Site{Own: prefixes("10.0.0.0/8"), Approved: prefixes("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24")}, netcase.Low, netcase.Low, "6b 6b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := incident()
			in := w.decided(c.reach)
			in.Site = c.site
			if c.change != nil {
				w.eachProfile(in.Findings, func(p *netcase.Profile) { c.change(&in, p) })
			}
			s := judged(t, in).Severity
			if s.Low != c.low || s.High != c.high || s.RuleLow+" "+s.RuleHigh != c.rules {
				t.Errorf("%s by %s %s, want %s to %s by %s", s, s.RuleLow, s.RuleHigh, c.low, c.high, c.rules)
			}
			if got := strings.Join(s.Modifiers, "; "); !strings.Contains(got, c.modifier) || c.modifier == "" && strings.Contains(got, "step") {
				t.Errorf("modifiers %q, want %q", got, c.modifier)
			}
		})
	}
}

func tagged(tag string) *netcase.Site {
	s := &netcase.Site{Own: prefixes("10.0.0.0/8")}
	for i, h := range incident().hosts {
		s.Assets = append(s.Assets, netcase.Asset{Name: "a" + string(rune('0'+i)), Addresses: addrs(h.String()), Tags: []string{tag}, Criticality: 4})
	}
	return s
}

// The table itself, row by row: the first match wins.
func TestDecideRow(t *testing.T) {
	in := facts{inbound: true, crit: 3}
	with := func(change func(*facts)) facts { f := in; change(&f); return f }
	for _, c := range []struct {
		name   string
		f      facts
		o      outcome
		number string
		level  netcase.Level
	}{
		{"a claim at .8", with(func(f *facts) { f.claim, f.login = "C", true }), outcome{}, "2", netcase.High},
		{"a claim at .8 on a minor host", with(func(f *facts) { f.claim, f.crit = "C", 2 }), outcome{}, "7", netcase.Info},
		{"a login", with(func(f *facts) { f.login, f.guessing = true, true }), outcome{admin: true}, "3", netcase.High},
		{"guessing at an open port", with(func(f *facts) { f.guessing = true }), outcome{admin: true, twoWay: true}, "4", netcase.High},
		{"guessing, guarded", with(func(f *facts) { f.guessing, f.guarded = true, true }), outcome{admin: true, twoWay: true}, "5", netcase.Medium},
		{"guessing, closed", with(func(f *facts) { f.guessing = true }), outcome{}, "5", netcase.Medium},
		{"aimed, answered", with(func(f *facts) { f.aimed = true }), outcome{twoWay: true}, "5", netcase.Medium},
		{"scanner at an open port", with(func(f *facts) { f.scanner = true }), outcome{admin: true, twoWay: true}, "5", netcase.Medium},
		{"scanner", with(func(f *facts) { f.scanner, f.listed, f.spike = true, true, true }), outcome{twoWay: true, passed: true}, "6a", netcase.Info},
		{"listed, denied", with(func(f *facts) { f.listed = true }), outcome{}, "6b", netcase.Low},
		{"excess, denied", with(func(f *facts) { f.spike = true }), outcome{}, "6b", netcase.Low},
		{"denied", in, outcome{}, "7", netcase.Info},
		{"lateral, answered", with(func(f *facts) { f.inbound = false }), outcome{admin: true, twoWay: true}, "6b", netcase.Low},
	} {
		if r := decideRow(c.f, c.o); r.number != c.number || r.level != c.level {
			t.Errorf("%s: rule %s %s, want %s %s", c.name, r.number, r.level, c.number, c.level)
		}
	}
}
