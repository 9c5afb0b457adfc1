package judge

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// J3: password guessing that the login log shows, and no login after it.
func TestGuessing(t *testing.T) {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	in.Coverage.Families = []string{"flow", "login"}
	in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: "auth", OK: true, Found: 1})
	w.eachProfile(in.Findings, func(p *netcase.Profile) {
		move(p, 22, netcase.ReachBidirectional, 50)
		p.BusiestHour = 25
	})
	auth := netcase.Finding{Detector: "auth", Kind: "guessing", Title: "900 failed logins", Auth: &netcase.AuthFacts{
		Host: netcase.At(w.hosts[0]), Peers: []netcase.Endpoint{netcase.At(w.peers[0])}, Pattern: netcase.PatternGuessing, Failures: 900, Complete: true,
	}}
	in.Findings = numbered(append(in.Findings, auth)...)
	c := judged(t, in)
	if lead := c.Groups[0].Lead(); lead.ID != "BFA" || lead.Posterior <= .99 {
		t.Errorf("lead %s %.4f", lead.ID, lead.Posterior)
	}
	if c.Status != netcase.StatusAttempt {
		t.Errorf("status %s (%s)", c.Status, c.StatusWhy)
	}
	if c.Severity.High != netcase.High || c.Severity.RuleHigh != "4" {
		t.Errorf("severity %s by %s", c.Severity, c.Severity.RuleHigh)
	}
	if i := slices.IndexFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock }); i < 0 || c.Actions[i].Expiry != DefaultConfig().TTLGuess {
		t.Errorf("the block of guessing sources: %d", i)
	}

	in.Findings[len(in.Findings)-1].Auth.Pattern = netcase.PatternSuccess
	in.Findings[len(in.Findings)-1].Auth.Grade = "A"
	in.Findings[len(in.Findings)-1].Auth.Successes = 1
	c = judged(t, in)
	near(t, "compromise with a success of grade A", claimOf(c.Claims, claimCompromise).Posterior, .667, .001)
	if c.Status != netcase.StatusSuspected || c.Severity.RuleHigh != "3" || c.Severity.High != netcase.High {
		t.Errorf("status %s, severity %s by %s", c.Status, c.Severity, c.Severity.RuleHigh)
	}
	if !strings.Contains(c.Actions[0].Title, "whether the login") {
		t.Errorf("first action %q", c.Actions[0].Title)
	}

	in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8"), Statements: []netcase.Statement{{Who: "owner", What: "that was me", Peer: w.peers[0].String()}}}
	c = judged(t, in)
	if cl := claimOf(c.Claims, claimCompromise); cl.Posterior >= .1 {
		t.Errorf("the owner vouches, and compromise stands at %.3f", cl.Posterior)
	}
}

// J4: a research scanner that is answered on no administration port.
func TestBenignScanner(t *testing.T) {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Sighting == nil && f.Scan == nil })
	w.eachProfile(in.Findings, func(p *netcase.Profile) { move(p, 80, netcase.ReachBidirectional, 60) })
	for i := range in.Findings {
		if s := in.Findings[i].Sighting; s != nil {
			for j := range s.Sightings {
				s.Sightings[j].Card.Listings = append(s.Sightings[j].Card.Listings, w.listing("scanner ranges", "scanner ranges", netcase.ClaimScanner, 0))
			}
		}
	}
	c := judged(t, in)
	lead := c.Groups[0].Lead()
	if lead.ID != "BSC" {
		t.Errorf("lead %s", lead.ID)
	}
	if g := &c.Groups[0]; g.Class != "strobe" || !strings.Contains(g.Label, "known scanner") { // what it did stays what it is
		t.Errorf("class %s, label %q", g.Class, g.Label)
	}
	near(t, "BSC", lead.Posterior, .983, .0005)
	if c.Severity.High != netcase.Info || c.Severity.RuleHigh != "6a" {
		t.Errorf("severity %s by %s", c.Severity, c.Severity.RuleHigh)
	}
	if c.Status != netcase.StatusObservation {
		t.Errorf("status %s (%s)", c.Status, c.StatusWhy)
	}
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock || a.Kind == actDetect }) {
		t.Errorf("a research scanner is to be blocked or watched: %+v", c.Actions)
	}
}

// A machine of ours that asks many others is a matter for its owner.
func TestInternalBurst(t *testing.T) {
	p := netcase.Profile{
		Peer: netcase.At(netip.MustParseAddr("10.0.0.9")), Direction: netcase.Lateral, HostCount: 40, PortCount: 1, Flows: 400, Records: 400,
		First: incident().start, Last: incident().start + netcase.Hour, ActiveHours: 1, OctetsOut: 9, OctetsIn: 0, BusiestHour: 0,
		Ports: []netcase.PortCount{{Port: 445, Proto: netcase.TCP, Hosts: 40, Flows: 400, Records: 400}},
	}
	for i := range 40 {
		p.Hosts = append(p.Hosts, netcase.At(netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 1)})))
	}
	p.Reach[netcase.ReachRefused], p.Reach[netcase.ReachBidirectional] = 300, 100
	p.Ports[0].Reach = p.Reach
	in := incident().input(netcase.ReachUnknown)
	in.Findings = numbered(netcase.Finding{Detector: "scan", Kind: "horizontal", Title: "1 inside source", Direction: netcase.Lateral, Flows: 400, Reach: p.Reach,
		Scan: &netcase.ScanFacts{Class: "horizontal", Sources: []netcase.Profile{p}, SourceCount: 1, Ports: []uint16{445}, PortCount: 1, HostCount: 40, Internal: true}})
	c := judged(t, in)
	if n := len(c.Groups[0].Hypotheses); n != 0 {
		t.Errorf("%d explanations of what a machine of ours did are weighed without a word of its owner", n)
	}
	if text := summaryText(c); !strings.Contains(text, "authorised is not in the data") || !strings.Contains(text, "10.0.0.9") || strings.Contains(text, "benign") {
		t.Errorf("summary: %s", text)
	}
	if !slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return strings.Contains(g.Effect, "authorised or not is not in the data") }) {
		t.Errorf("gaps %+v", c.Gaps)
	}
	if c.Severity.High != netcase.Low {
		t.Errorf("severity %s by %s", c.Severity, c.Severity.RuleHigh)
	}
	if cl := claimOf(c.Groups[0].Claims, claimControl); cl.Standing != netcase.Gated {
		t.Errorf("control between machines of ours: %s", cl.Standing)
	}
	if !slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actReview && strings.Contains(a.Title, "Ask the owner") }) {
		t.Errorf("nobody asks the owner: %+v", c.Actions)
	}
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock }) {
		t.Error("a machine of ours is to be blocked")
	}
	for name, site := range map[string]*netcase.Site{
		"monitoring": {Own: prefixes("10.0.0.0/8"), Monitoring: prefixes("10.0.0.9/32")},
		"statement":  {Own: prefixes("10.0.0.0/8"), Statements: []netcase.Statement{{Who: "owner", What: "our inventory", Peer: "10.0.0.9"}}},
		"change":     {Own: prefixes("10.0.0.0/8"), Changes: []netcase.Change{{Start: p.First - 1, End: p.Last, Reason: "CHG-1"}}},
	} {
		in.Site = site
		g := judged(t, in).Groups[0]
		if lead := g.Lead(); lead.ID != "MIS" || itemOf(g.Items, "A10").State != netcase.True {
			t.Errorf("%s: lead %s, A10 %+v", name, lead.ID, itemOf(g.Items, "A10"))
		}
	}
}

// Nothing found is said, with what was looked at.
func TestQuiet(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	in.Findings = nil
	c := judged(t, in)
	if c.Status != netcase.StatusObservation || c.Severity.High != netcase.Info || c.Severity.Low != netcase.Info {
		t.Errorf("status %s, severity %s", c.Status, c.Severity)
	}
	text := summaryText(c)
	for _, want := range []string{"861 records", "spike", "scan", "sighting"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary does not say %q:\n%s", want, text)
		}
	}
	if len(c.Gaps) == 0 || len(c.Claims) != 3 || claimOf(c.Claims, claimCompromise).Standing != netcase.NotDeterminable {
		t.Errorf("gaps %d, claims %+v", len(c.Gaps), c.Claims)
	}
	none := judged(t, Input{})
	if none.Severity.High != netcase.Info || !strings.Contains(summaryText(none), "no detector ran") || none.Confidence.Level != confidenceLow {
		t.Errorf("nothing at all: %s %s", none.Severity, summaryText(none))
	}
}

// J6 and J7: a call from our side to a listed place; the same begun from outside.
func TestControl(t *testing.T) {
	w := incident()
	p := w.profile(w.peers[0], netcase.ReachBidirectional, 288)
	p.Direction, p.Aggregated, p.OctetsOut, p.OctetsIn = netcase.Outbound, false, 90_000, 40_000
	p.Ports, p.PortCount, p.Hosts, p.HostCount = p.Ports[2:3], 1, p.Hosts[:1], 1
	card := netcase.Card{Address: w.peers[0], Adverse: 1, Listings: []netcase.Listing{w.listing("ThreatFox", "abuse.ch", netcase.ClaimC2, 0)}}
	sight := netcase.Finding{Detector: "sighting", Kind: "outbound", Title: "1 listed address called", Direction: netcase.Outbound, Flows: 288, Reach: p.Reach,
		Sighting: &netcase.SightingFacts{Outcome: netcase.OutcomeOutbound, Count: 1, Sightings: []netcase.Sighting{{Card: card, Profile: p, Outcome: netcase.OutcomeOutbound}}}}
	in := w.input(netcase.ReachUnknown)
	in.Findings = numbered(sight)
	c := judged(t, in)
	cl := claimOf(c.Groups[0].Claims, claimControl)
	near(t, "listed only", cl.Posterior, .020, .0006)
	if cl.Standing != netcase.NotDeterminable {
		t.Errorf("standing %s", cl.Standing)
	}
	if c.Severity.High != netcase.Medium || c.Severity.Low != netcase.Medium {
		t.Errorf("intelligence lifts LOW to MEDIUM and no further: %s %v", c.Severity, c.Severity.Modifiers)
	}
	if x := claimOf(c.Groups[0].Claims, claimExfiltration); x.Standing != netcase.NotDeterminable || itemOf(x.Items, "B-BYTES").State != netcase.False {
		t.Errorf("under 10 MB left, and how rare the destination is is not known: %s %+v", x.Standing, x.Items)
	}
	if len(c.Groups[0].Hypotheses) != 0 || itemOf(c.Groups[0].Items, "A06").State != netcase.NotApplicable || itemOf(c.Groups[0].Items, "A03").State != netcase.NotApplicable {
		t.Errorf("what our side began is weighed as if it had come to us: %+v", c.Groups[0].Items)
	}
	if text := summaryText(c); !strings.Contains(text, "not determinable from flows") || strings.Contains(text, "scanning") || strings.Contains(text, "guess") {
		t.Errorf("summary: %s", text)
	}
	if c.Severity.RuleHigh != "6b, lifted by intelligence" || strings.Contains(c.Severity.WhyHigh, "without reply") {
		t.Errorf("rule %q: %s", c.Severity.RuleHigh, c.Severity.WhyHigh)
	}
	if !strings.Contains(c.Actions[0].Title, "process") {
		t.Errorf("first action %q", c.Actions[0].Title)
	}
	for _, a := range c.Actions {
		if strings.Contains(a.Reason, "background") {
			t.Errorf("%s: %s", a.Title, a.Reason)
		}
	}
	if i := slices.IndexFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock }); i >= 0 && c.Actions[i].Expiry != DefaultConfig().TTLC2 {
		t.Errorf("block for %s", c.Actions[i].Expiry)
	}

	beacon := netcase.Finding{Detector: "beacon", Kind: "periodic", Title: "every 300 s", Direction: netcase.Outbound, Selection: netcase.Selection{Peers: []netcase.Endpoint{p.Peer}},
		Beacon: &netcase.BeaconFacts{Host: p.Hosts[0], Peer: p.Peer, Port: 80, Proto: netcase.TCP, Verdict: netcase.CadencePeriodic, Period: 5 * time.Minute, Starts: 288,
			Rarity: netcase.Rarity{Hosts: 1, Estate: 40, Days: 7, Rare: true}}}
	owner := netcase.Finding{Detector: "owner", Kind: "mismatch", Title: "rundll32.exe calls out", Owner: &netcase.OwnerFacts{Host: p.Hosts[0], Image: "rundll32.exe", Port: 80, Verdict: "mismatch", Why: "calls a public address", Decibans: 14}}
	in.Findings = numbered(sight, beacon)
	near(t, "and periodic", claimOf(judged(t, in).Groups[0].Claims, claimControl).Posterior, .167, .0006)
	in.Findings = numbered(sight, beacon, owner)
	c = judged(t, in)
	near(t, "and an unusual process", claimOf(c.Groups[0].Claims, claimControl).Posterior, .834, .0006)
	if c.Status != netcase.StatusSuspected || c.Severity.High != netcase.High || c.Severity.RuleHigh != "2" {
		t.Errorf("status %s, severity %s by %s", c.Status, c.Severity, c.Severity.RuleHigh)
	}

	inbound := sight
	facts := *sight.Sighting
	facts.Sightings = slices.Clone(facts.Sightings)
	facts.Sightings[0].Profile.Direction = netcase.Inbound
	inbound.Sighting, inbound.Direction = &facts, netcase.Inbound
	in.Findings = numbered(inbound, owner)
	if cl := claimOf(judged(t, in).Groups[0].Claims, claimControl); cl.Standing != netcase.Gated || cl.Posterior != 0 {
		t.Errorf("J7: %s %.3f", cl.Standing, cl.Posterior)
	}
}

// What owners of sockets say bears on compromise; what cannot be used is a gap.
func TestOwners(t *testing.T) {
	w := incident()
	base := w.decided(netcase.ReachDenied)
	w.eachProfile(base.Findings, func(p *netcase.Profile) { move(p, 22, netcase.ReachBidirectional, 5) })
	base.Coverage.Families = []string{"flow", "process"}
	owner := func(verdict string, db float64) netcase.Finding {
		return netcase.Finding{Detector: "owner", Kind: verdict, Title: "svchost.exe", Owner: &netcase.OwnerFacts{
			Host: netcase.Endpoint{Name: "WEB-1.example.org"}, Image: "svchost.exe", Port: 22, Verdict: verdict, Why: "port 22", Decibans: db}}
	}
	posterior := func(f netcase.Finding) (*netcase.Case, float64) {
		in := base
		in.Findings = numbered(append(slices.Clone(base.Findings), f)...)
		c := judged(t, in)
		return c, claimOf(c.Claims, claimCompromise).Posterior
	}
	c, p := posterior(owner("mismatch", 10))
	near(t, "mismatch of 10 dB", p, odds(.005, 16), 1e-6)
	if !slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actReview && strings.Contains(a.Title, "Review") }) {
		t.Error("a mismatch asks for no review")
	}
	if len(claimOf(c.Claims, claimCompromise).Hosts) != 1 {
		t.Errorf("the mismatch is at one host: %v", claimOf(c.Claims, claimCompromise).Hosts)
	}
	c, p = posterior(owner("expected", 0))
	near(t, "expected owner", p, odds(.005, 6), 1e-6)
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return strings.HasPrefix(a.Title, "Review") }) {
		t.Error("an expected owner asks for a review")
	}
	c, p = posterior(owner("check", 0))
	near(t, "owner to be checked", p, odds(.005, 6), 1e-6)
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing != netcase.NotDeterminable || !slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return strings.HasPrefix(a.Title, "Review") }) {
		t.Errorf("an owner to be checked: %s, %d actions", cl.Standing, len(c.Actions))
	}
	c, p = posterior(owner("not usable", 0))
	near(t, "unusable record", p, odds(.005, 6), 1e-6)
	if !slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == "process records" }) {
		t.Error("an unusable record leaves no gap")
	}
	text := fmt.Sprintf("%+v", c.Summary)
	if strings.Contains(text, "injection") || strings.Contains(text, "persistence") {
		t.Errorf("an unusable record becomes an accusation: %s", text)
	}

	alone := base
	alone.Findings = numbered(owner("mismatch", 14))
	c = judged(t, alone)
	if c.Status != netcase.StatusSuspicious || c.Severity.Low != netcase.Low {
		t.Errorf("a mismatch alone: %s %s", c.Status, c.Severity)
	}
}

// Fifteen hundred sources do not make fifteen hundred groups.
func TestManySources(t *testing.T) {
	start := incident().start
	source := func(i int, ports ...uint16) netcase.Profile {
		p := netcase.Profile{Peer: netcase.At(netip.AddrFrom4([4]byte{45, byte(i >> 16), byte(i >> 8), byte(i)})), Direction: netcase.Inbound,
			HostCount: 1, Hosts: []netcase.Endpoint{netcase.At(netip.MustParseAddr("10.0.0.4"))}, PortCount: len(ports), First: start, Last: start + netcase.Hour, BusiestHour: 0, ActiveHours: 1}
		for _, port := range ports {
			c := netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: 1, Flows: 2, Records: 2}
			c.Reach[netcase.ReachDenied] = 2
			p.Ports = append(p.Ports, c)
			p.Flows, p.Records = p.Flows+2, p.Records+2
			p.Reach[netcase.ReachDenied] += 2
		}
		return p
	}
	var findings []netcase.Finding
	add := func(class string, count int, ps ...netcase.Profile) {
		f := netcase.Finding{Detector: "scan", Kind: class, Title: class, Direction: netcase.Inbound, Scan: &netcase.ScanFacts{Class: class, SourceCount: count, Sources: ps, HostCount: 1}}
		for _, p := range ps {
			f.Flows += p.Flows
			f.Reach = f.Reach.Plus(p.Reach)
			f.Span = f.Span.Extend(p.First).Extend(p.Last)
		}
		extra := int64(count-len(ps)) * 2
		f.Flows += extra
		f.Reach[netcase.ReachDenied] += extra
		findings = append(findings, f)
	}
	var same, mixed []netcase.Profile
	for i := range 200 {
		same = append(same, source(i, 22, 23, 80))
		mixed = append(mixed, source(1000+i, uint16(1000+i)))
	}
	add("strobe", 900, same...)
	add("probe", 400, mixed...)
	in := incident().input(netcase.ReachUnknown)
	in.Findings = numbered(findings...)
	c := judged(t, in)
	if len(c.Groups) != DefaultConfig().MaxGroups {
		t.Fatalf("%d groups, want %d", len(c.Groups), DefaultConfig().MaxGroups)
	}
	sources, flows := 0, int64(0)
	for _, g := range c.Groups {
		sources += g.SourceCount
		flows += g.Flows
	}
	if sources != 1300 || flows != findings[0].Flows+findings[1].Flows {
		t.Errorf("%d sources and %d flows are accounted for, want 1300 and %d", sources, flows, findings[0].Flows+findings[1].Flows)
	}
	if g := c.Groups[0]; g.SourceCount != 900 || len(g.Sources) != 200 {
		t.Errorf("the leading group: %d sources, %d listed", g.SourceCount, len(g.Sources))
	}
	last := c.Groups[len(c.Groups)-1]
	if len(last.Hypotheses) != 0 || last.SourceCount != 200+200-48 {
		t.Errorf("the rest: %s, %d sources", last.Label, last.SourceCount)
	}
	if len(c.Groups[10].Sources) > shortSources || len(c.Groups[10].Claims[0].Items) != 0 {
		t.Error("a group beyond the third is told in full")
	}
}

// Near-equal port sets of one class are one group.
func TestNearEqualPorts(t *testing.T) {
	for _, c := range []struct {
		a, b []uint16
		want float64
	}{
		{[]uint16{22, 23, 80, 443}, []uint16{22, 23, 80, 443}, 1}, {[]uint16{22, 23, 80, 443, 3389}, []uint16{22, 23, 80, 443}, .8},
		{[]uint16{22}, []uint16{23}, 0}, {nil, nil, 1}, {[]uint16{1, 2}, []uint16{2, 3}, 1. / 3},
	} {
		near(t, fmt.Sprint(c.a, c.b), jaccard(c.a, c.b), c.want, 1e-9)
	}
}

func TestNearEqualPortsJoin(t *testing.T) {
	w := incident()
	w.ports = []uint16{22, 23, 80, 443, 3389}
	in := w.decided(netcase.ReachDenied)
	change := func(p *netcase.Profile) {
		if p.Peer == netcase.At(w.peers[1]) {
			p.Flows -= p.Ports[3].Flows
			p.Reach[netcase.ReachDenied] -= p.Ports[3].Flows
			p.Ports = slices.Delete(slices.Clone(p.Ports), 3, 4)
			p.PortCount--
		}
	}
	w.eachProfile(in.Findings, change)
	if c := judged(t, in); len(c.Groups) != 1 || c.Groups[0].SourceCount != 3 {
		t.Errorf("%d groups", len(c.Groups))
	}
	w.ports = []uint16{22, 23, 443, 3389}
	in = w.decided(netcase.ReachDenied)
	w.eachProfile(in.Findings, change)
	if c := judged(t, in); len(c.Groups) != 2 {
		t.Errorf("%d groups of port sets that share three of four", len(c.Groups))
	}
}

// Only claims that do not bear on the traffic: the sources are not called listed.
func TestOtherwiseListed(t *testing.T) {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	for i := range in.Findings {
		if s := in.Findings[i].Sighting; s != nil {
			for j := range s.Sightings {
				s.Sightings[j].Card.Listings = []netcase.Listing{w.listing("Kaspersky", "Kaspersky", netcase.ClaimPhishing, 0)}
			}
		}
	}
	c := judged(t, in)
	if itemOf(c.Groups[0].Items, "A03").State != netcase.False || c.Severity.High != netcase.Info || strings.Contains(c.Groups[0].Label, "listed") {
		t.Errorf("%s: %s, A03 %+v", c.Groups[0].Label, c.Severity, itemOf(c.Groups[0].Items, "A03"))
	}
}

// Sources of an open door alone, and a second door of the same source.
func TestExposureOnly(t *testing.T) {
	w := incident()
	door := func(host int, port uint16, peers ...int) netcase.Finding {
		f := netcase.Finding{Detector: "exposure", Kind: "admin port answers", Title: "open", Direction: netcase.Inbound,
			Exposure: &netcase.ExposureFacts{Host: netcase.At(w.hosts[host]), Port: port, Proto: netcase.TCP, SourceCount: len(peers), Sessions: 4, Proven: true, Cleartext: port == 23}}
		for _, i := range peers {
			p := w.profile(w.peers[i], netcase.ReachBidirectional, 4)
			p.Hosts, p.HostCount, p.PortCount = []netcase.Endpoint{netcase.At(w.hosts[host])}, 1, 1
			p.Ports = []netcase.PortCount{{Port: port, Proto: netcase.TCP, Hosts: 1, Flows: 4, Records: 4, Reach: p.Reach}}
			f.Exposure.Sources = append(f.Exposure.Sources, p)
			f.Flows += 4
			f.Span = f.Span.Extend(p.First).Extend(p.Last)
		}
		return f
	}
	in := w.input(netcase.ReachUnknown)
	in.Findings = numbered(door(0, 3389, 0), door(1, 3389, 0))
	c := judged(t, in)
	if len(c.Groups) != 1 || c.Groups[0].Flows != 8 || c.Groups[0].HostCount != 2 {
		t.Fatalf("groups %+v", c.Groups)
	}
	if c.Severity.Low != netcase.Medium || c.Severity.RuleLow != "5" {
		t.Errorf("severity %s by %s", c.Severity, c.Severity.RuleLow)
	}
	i := slices.IndexFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actClose })
	if i < 0 || len(c.Actions[i].Selection.Hosts) != 2 || !slices.Equal(c.Actions[i].Selection.Ports, []uint16{3389}) {
		t.Errorf("close %+v", c.Actions)
	}
	in.Findings = numbered(door(0, 23, 0))
	if s := judged(t, in).Severity; s.High != netcase.High || len(s.Modifiers) != 1 {
		t.Errorf("telnet: %s %v", s, s.Modifiers)
	}
}

// A block whose candidates are all refused selects nothing, and becomes a note.
func TestCloseAfterScreening(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	c, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Actions {
		a := &c.Actions[i]
		if a.Kind != actBlock {
			continue
		}
		for _, p := range a.Selection.Peers {
			a.Refused = append(a.Refused, netcase.Refusal{Value: p.String(), Reason: "partner"})
		}
		a.Selection.Peers = nil
	}
	if err := Close(c, in); err != nil {
		t.Fatal(err)
	}
	checkAny(t, c)
	last := c.Actions[len(c.Actions)-1]
	if last.Kind == actBlock || len(last.Refused) != 3 || !strings.Contains(last.Title, "refused") {
		t.Errorf("%+v", last)
	}
	c.Summary, c.Judgements[0].Claim.Evidence = nil, []string{"E-999"}
	if err := Close(c, in); err == nil || !strings.Contains(err.Error(), "E-999") {
		t.Errorf("a citation of nothing passes: %v", err)
	}
}

// A shared edge is never blocked.
func TestSharedEdgeIsRefused(t *testing.T) {
	w := incident()
	in := w.input(netcase.ReachUnknown)
	for i := range in.Findings {
		if s := in.Findings[i].Sighting; s != nil {
			for j := range s.Sightings {
				s.Sightings[j].Card.Listings = append(s.Sightings[j].Card.Listings, w.listing("cdn ranges", "cdn ranges", netcase.ClaimEdge, 0))
			}
		}
	}
	c := judged(t, in)
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock }) {
		t.Error("a CDN is to be blocked")
	}
	if itemOf(c.Groups[0].Items, "A03").State == netcase.True {
		t.Error("a CDN counts as listed")
	}
}

// Removing a source of data adds a gap and never raises the confidence.
func TestRemovingDataNeverRaisesConfidence(t *testing.T) {
	w := incident()
	for _, reach := range netcase.Reaches() {
		in := w.decided(reach)
		in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8")}
		in.Coverage.Families = []string{"flow", "login", "process", "query"}
		in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: "auth", OK: true})
		in.Outbound = netcase.True
		full := judged(t, in)
		for name, remove := range map[string]func(*Input){
			"login log":       func(in *Input) { in.Coverage.Families = without(in.Coverage.Families, "login") },
			"process records": func(in *Input) { in.Coverage.Families = without(in.Coverage.Families, "process") },
			"intelligence": func(in *Input) {
				in.Coverage.Feeds = nil
				in.Findings = slices.DeleteFunc(slices.Clone(in.Findings), func(f netcase.Finding) bool { return f.Sighting != nil })
			},
			"outbound flows": func(in *Input) { in.Outbound = netcase.False },
			"site":           func(in *Input) { in.Site = nil },
			"verdict": func(in *Input) {
				*in = w.input(netcase.ReachUnknown)
				in.Coverage.Families = []string{"flow", "login", "process", "query"}
				in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8")}
			},
			"a detector": func(in *Input) {
				in.Coverage.Detectors = slices.Clone(in.Coverage.Detectors)
				in.Coverage.Detectors[2] = netcase.Run{Name: "scan", Why: "panic"}
			},
			"everything": func(in *Input) { in.Findings, in.Coverage = nil, netcase.Coverage{} },
		} {
			less := in
			remove(&less)
			c := judged(t, less)
			if c.Confidence.Points > full.Confidence.Points || levelRank(c.Confidence.Level) > levelRank(full.Confidence.Level) {
				t.Errorf("%s: without %s confidence rises from %d %s to %d %s", reach, name,
					full.Confidence.Points, full.Confidence.Level, c.Confidence.Points, c.Confidence.Level)
			}
			if len(c.Gaps) <= len(full.Gaps) && name != "verdict" && name != "everything" {
				t.Errorf("%s: without %s there are %d gaps, before %d", reach, name, len(c.Gaps), len(full.Gaps))
			}
		}
	}
}

func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}

func TestRequirementsNeedTags(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	in.Site = tagged("cde")
	for _, r := range judged(t, in).Requirements {
		if r.State != stateAttached || len(r.Evidence) == 0 {
			t.Errorf("%s: %s", r.Number, r.State)
		}
	}
	in.Site.Assets = []netcase.Asset{{Name: "elsewhere", Tags: []string{"cde"}}}
	for _, r := range judged(t, in).Requirements {
		if r.State != stateNotTouched {
			t.Errorf("%s: %s", r.Number, r.State)
		}
	}
}

func TestPlan(t *testing.T) {
	w := incident()
	w.peers = addrs("45.1.2.3", "45.1.2.4", "45.1.2.5")
	in := w.decided(netcase.ReachDenied)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Sighting != nil })
	got, err := Plan(in, 2)
	if err != nil || len(got) != 2 || got[0].Address.String() != "45.1.2.5" {
		t.Errorf("plan %v %v: want the busiest two", got, err)
	}
	if got, _ := Plan(w.decided(netcase.ReachDenied), 5); len(got) != 0 {
		t.Errorf("listed addresses are asked again: %v", got)
	}
}

// BenchmarkDraft judges five thousand sources that each did something else.
func BenchmarkDraft(b *testing.B) {
	w := incident()
	in := w.input(netcase.ReachUnknown)
	var findings []netcase.Finding
	for f := range 25 {
		scan := netcase.Finding{Detector: "scan", Kind: "probe", Title: "probes", Direction: netcase.Inbound, Scan: &netcase.ScanFacts{Class: "probe", SourceCount: 200}}
		for i := range 200 {
			p := w.profile(netip.AddrFrom4([4]byte{45, byte(f), byte(i), 1}), netcase.ReachDenied, 24)
			p.Ports = slices.Clone(p.Ports)
			p.Ports[3].Port = uint16(5000 + f*200 + i)
			for h := range netcase.ProfileHosts {
				p.Hosts = append(p.Hosts, netcase.At(netip.AddrFrom4([4]byte{10, 1, 0, byte(h)})))
			}
			scan.Scan.Sources = append(scan.Scan.Sources, p)
		}
		findings = append(findings, scan)
	}
	in.Findings = numbered(append(findings, in.Findings...)...)
	for b.Loop() {
		if _, err := Draft(in); err != nil {
			b.Fatal(err)
		}
	}
}

// A source that only the login log knows is weighed; one that flows tell of as well is
// not counted twice.
func TestSourcesOfLogins(t *testing.T) {
	peer := netcase.Endpoint{Name: "p"}
	profile := netcase.Profile{Peer: peer, Direction: netcase.Inbound, Flows: 40}
	auth := netcase.Finding{Auth: &netcase.AuthFacts{Source: &profile}}
	door := netcase.Finding{Exposure: &netcase.ExposureFacts{Sources: []netcase.Profile{{Peer: peer, Direction: netcase.Inbound, Flows: 30}}}}
	for _, c := range []struct {
		name     string
		findings []netcase.Finding
		want     int64
	}{
		{"logins alone, on two hosts", []netcase.Finding{auth, auth}, 80},
		{"an open door as well", []netcase.Finding{door, auth}, 30},
	} {
		actors := actorsOf(c.findings)
		if len(actors) != 1 || actors[0].profile.Flows != c.want || len(actors[0].findings) != 2 {
			t.Errorf("%s: %+v", c.name, actors)
		}
	}
}

// What was asked orders itself by what an answer could change; the order of the
// findings does not show, and more traffic never ranks a source lower.
func TestPlanOrder(t *testing.T) {
	w := incident()
	w.peers = addrs("45.1.2.3", "45.1.2.4", "45.1.2.5")
	in := w.decided(netcase.ReachDenied)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Sighting != nil })
	want, err := Plan(in, 100)
	if err != nil || len(want) != 3 || want[0].Traffic <= want[2].Traffic {
		t.Fatalf("%+v %v", want, err)
	}
	slices.Reverse(in.Findings)
	if got, err := Plan(in, 100); err != nil || !slices.Equal(got, want) {
		t.Errorf("another order of the findings: %+v, want %+v", got, want)
	}
	p := netcase.Profile{Flows: 10, HostCount: 2, PortCount: 3}
	least := traffic(&p)
	for _, more := range []func(*netcase.Profile){
		func(p *netcase.Profile) { p.Flows *= 2 },
		func(p *netcase.Profile) { p.HostCount++ },
		func(p *netcase.Profile) { p.PortCount++ },
		func(p *netcase.Profile) { p.Reach[netcase.ReachNoReply]++ },
		func(p *netcase.Profile) { p.Reach[netcase.ReachUnknown]++ },
		func(p *netcase.Profile) { p.Reach[netcase.ReachBidirectional]++ },
	} {
		q := p
		if more(&q); traffic(&q) <= least {
			t.Errorf("%+v is worth %g, and %+v %g", q, traffic(&q), p, least)
		}
	}
}

// An address that no service was asked about is not "unlisted" because others were.
func TestAskedAboutOthers(t *testing.T) {
	w := incident()
	w.peers = addrs("45.1.2.3", "45.1.2.4", "45.1.2.5")
	in := w.decided(netcase.ReachDenied)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Sighting != nil })
	in.Coverage.Feeds = []netcase.FeedReport{{Name: "answers of x", LearnedBy: netcase.LearnedByAsking, Learned: in.AsOf, Usable: 1}}
	in.Coverage.Lookups = []netcase.LookupReport{{Service: "x", Unasked: []netcase.Unasked{{Why: "the budget is spent", Count: 2}}}}
	in.Asked = map[netip.Addr]bool{w.peers[0]: true}
	c, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Groups {
		for _, item := range c.Groups[i].Items {
			for _, p := range c.Groups[i].Sources {
				want := netcase.Unknown
				if in.Asked[p.Peer.Addr] {
					want = netcase.False
				}
				if item.ID == "A03" && item.State != want {
					t.Errorf("%s: A03 is %s (%s), want %s", p.Peer, item.State, item.Why, want)
				}
			}
		}
	}
	if !slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == "look-up x" }) ||
		!slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return strings.Contains(g.Present, "services answered about 1 address") }) {
		t.Errorf("gaps %+v", c.Gaps)
	}
}

// A place that a machine of ours calls at a cadence is worth asking about: a list that
// named it would move the claim of command and control.
func TestPlanAsksAboutCalls(t *testing.T) {
	o := newOutward()
	o.peer = netcase.At(netip.MustParseAddr("45.9.9.9"))
	in := o.input(netcase.ReachBidirectional)
	in.Outbound, in.Coverage.Feeds = netcase.True, nil
	in.Findings = numbered(o.beacon(nil))
	got, err := Plan(in, 5)
	if err != nil || len(got) != 1 || got[0].Address != o.peer.Addr || got[0].Moved <= 0 {
		t.Errorf("%+v %v", got, err)
	}
}

// TestTitleWithoutGroups is that of what was seen on a machine, before calls, counts and
// what is only described, whatever stands first.
func TestTitleWithoutGroups(t *testing.T) {
	all := []netcase.Finding{
		{Title: "described", Kind: "description", Spike: &netcase.SpikeFacts{Described: true}},
		{Title: "usual owner", Owner: &netcase.OwnerFacts{}},
		{Title: "excess", Kind: "spike", Spike: &netcase.SpikeFacts{}},
		{Title: "known clockwork", Beacon: &netcase.BeaconFacts{Verdict: netcase.CadenceBenign, Cause: "time service"}},
		{Title: "upload", Upload: &netcase.UploadFacts{}},
		{Title: "noted", Persistence: &netcase.PersistenceFacts{}},
		{Title: "odd service", Persistence: &netcase.PersistenceFacts{Odd: "it runs a shell"}},
		{Title: "process", Process: &netcase.ProcessFacts{}},
	}
	for n, want := range []string{"", "described", "described", "excess", "excess", "upload", "upload", "odd service", "odd service"} {
		got := ""
		if f := mostTelling(all[:n]); f != nil {
			got = f.Title
		}
		if got != want {
			t.Errorf("of the first %d findings: %q, want %q", n, got, want)
		}
	}
}
