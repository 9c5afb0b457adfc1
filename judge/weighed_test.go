package judge

import (
	"net/netip"
	"testing"

	"netcase"
)

// load is a service under many times its usual load, and how much of it was answered.
func (o outward) load(answered, silent int64, suffers netcase.State, expected float64) netcase.Finding {
	var reach netcase.Tally
	reach[netcase.ReachBidirectional], reach[netcase.ReachNoReply] = answered, silent
	return netcase.Finding{Detector: "dos", Kind: "flood", Title: "a load", Direction: netcase.Inbound, Span: o.span(), Flows: answered + silent, Reach: reach,
		Flood: &netcase.FloodFacts{Host: o.host, Port: 443, Proto: netcase.TCP, Window: o.span(), Sources: 1500, Flows: answered + silent, Expected: expected,
			Ratio: float64(answered+silent) / expected, Suffers: suffers, Why: "answers"}}
}

// dark is a load under which nobody was answered for ten minutes.
func dark(f netcase.Finding) netcase.Finding {
	f.Flood.Dark, f.Flood.DarkExpected = netcase.Span{Start: f.Span.Start, End: f.Span.Start + 10*netcase.Minute}, 27
	return f
}

// TestLoads: what most get no answer from is a flood, a crowd that is served is none; only
// a load that leaves next to nothing is grave.
func TestLoads(t *testing.T) {
	o := newOutward()
	for _, c := range []struct {
		name     string
		f        netcase.Finding
		lead     bool
		severity netcase.Level
	}{
		{"most unanswered", o.load(1350, 7650, netcase.False, 160), true, netcase.Low},
		{"all served", o.load(9000, 0, netcase.False, 160), false, netcase.Low},
		{"a port that nobody uses", o.load(3, 9000, netcase.Unknown, 160), false, netcase.Low},
		{"nine times", o.load(200, 1240, netcase.False, 160), false, netcase.Low},
		{"it suffers", o.load(60, 9000, netcase.True, 160), true, netcase.Low},
		{"it is down", o.load(10, 9000, netcase.True, 160), true, netcase.High},
		{"it is down for a part of the hour", dark(o.load(60, 9000, netcase.True, 160)), true, netcase.High},
	} {
		got := o.judged(t, c.f)
		if len(got.Groups) != 1 || (got.Groups[0].Lead().ID == "DOS") != c.lead || got.Severity.High != c.severity {
			t.Errorf("%s: lead %s, severity %s, want a flood: %v, %s", c.name, got.Groups[0].Lead().ID, got.Severity, c.lead, c.severity)
		}
		for _, k := range got.Claims {
			if k.Standing == netcase.Assessed && k.Posterior >= suspectedFrom {
				t.Errorf("%s: harm is claimed: %s", c.name, k.ID)
			}
		}
	}
}

// TestReturnsToOpenDoors: a port may be shut on one host and open on another.
func TestReturnsToOpenDoors(t *testing.T) {
	port := func(hosts int, shut, open int64, hours int) netcase.PortCount {
		c := netcase.PortCount{Port: 443, Proto: netcase.TCP, Hosts: hosts, Flows: shut + open, AnsweredHours: hours}
		c.Reach[netcase.ReachNoReply], c.Reach[netcase.ReachBidirectional] = shut, open
		return c
	}
	for name, c := range map[string]struct {
		port netcase.PortCount
		want bool
	}{
		"one open, eleven shut":          {port(12, 11, 20, 6), true},
		"shut doors were tried again":    {port(12, 24, 20, 6), false},
		"one visit":                      {port(12, 11, 20, 1), false},
		"answered once":                  {port(12, 11, 1, 1), false},
		"nothing was shut: just a guest": {port(1, 0, 20, 6), false},
	} {
		if got := returns(&netcase.Profile{Ports: []netcase.PortCount{c.port}}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNoClaimOfTwoHosts: a cadence of one host and an odd process of another are no claim.
func TestNoClaimOfTwoHosts(t *testing.T) {
	o := newOutward()
	process := netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe", Span: o.span(),
		Process: &netcase.ProcessFacts{Host: netcase.At(netip.MustParseAddr("10.0.0.99")), Rule: "image path", Why: "its path", Image: "svchost.exe", Decibans: 20}}
	c := claimOf(o.judged(t, o.beacon(nil), process).Claims, claimControl)
	for _, w := range c.Weights {
		if w.Item == "B-PERIOD" {
			near(t, "the host that calls", c.Posterior, odds(.002, 10), 1e-9)
			return
		}
	}
	near(t, "the host of the process", c.Posterior, odds(.002, 20), 1e-9)
}

// TestStagedData: several steps are one voice with an echo, within a day before the upload.
func TestStagedData(t *testing.T) {
	o := newOutward()
	step := func(db float64, at netcase.Time) netcase.Finding {
		return netcase.Finding{Detector: "staging", Kind: "staging", Title: "packed", Span: o.span(),
			Process: &netcase.ProcessFacts{Host: o.host, Rule: ruleStaging, Why: "packs files", Image: "rar.exe", Decibans: db, First: at, Last: at}}
	}
	claim := func(fs ...netcase.Finding) netcase.Claim {
		return claimOf(o.judged(t, append([]netcase.Finding{o.upload(nil)}, fs...)...).Claims, claimExfiltration)
	}
	base := claim()
	for name, c := range map[string]struct {
		got  netcase.Claim
		want float64
	}{
		"one step":         {claim(step(14, o.start)), 14},
		"two steps":        {claim(step(14, o.start), step(10, o.start)), 14 + 10*copyDiscount},
		"two days earlier": {claim(step(14, o.start-2*netcase.Day)), 0},
	} {
		near(t, name, decibansOf(c.got.Posterior)-decibansOf(base.Posterior), c.want, 1e-6)
	}
}

// TestPackedIsSent: what was packed, and given to the program that sent, is what left. A
// packing that was not told (a job does it every night) or another archive says nothing.
func TestPackedIsSent(t *testing.T) {
	o := newOutward()
	pack := netcase.Finding{Detector: "staging", Kind: "staging", Title: "packed", Span: o.span(), Process: &netcase.ProcessFacts{Host: o.host, Rule: ruleStaging,
		Why: "packs files with a password", Image: "rar.exe", CommandLine: `rar.exe a -hpSecret C:\ProgramData\a.rar D:\Finance\*`, Decibans: 14, First: o.start, Last: o.start}}
	given := func(archive string) netcase.Finding {
		f := o.socket(ruleStaging, 1)
		f.Process.Socket.Archives = []string{archive}
		return f
	}
	claim := func(fs ...netcase.Finding) netcase.Claim {
		return claimOf(o.judged(t, append([]netcase.Finding{o.upload(func(u *netcase.UploadFacts) { u.OffHours = true })}, fs...)...).Claims, claimExfiltration)
	}
	all := claim(pack, given(`c:\programdata\A.rar`))
	near(t, "all of it", all.Posterior, odds(.001, 10+6+14+10+3), 1e-9)
	if !all.Proposed || stateOf(all, "B-CONTENT") != netcase.True {
		t.Errorf("proposed %v at %.3f, lacks %q", all.Proposed, all.Posterior, all.Lacks)
	}
	for name, c := range map[string]netcase.Claim{
		"another archive": claim(pack, given(`C:\ProgramData\b.rar`)),
		"a job packs it":  claim(given(`C:\ProgramData\a.rar`)),
		"nobody sends it": claim(pack),
	} {
		if c.Proposed || stateOf(c, "B-CONTENT") == netcase.True {
			t.Errorf("%s: B-CONTENT %s, proposed %v at %.3f", name, stateOf(c, "B-CONTENT"), c.Proposed, c.Posterior)
		}
	}
	far := given(`C:\ProgramData\a.rar`)
	far.Process.Peer = netcase.At(netip.MustParseAddr("198.51.100.250"))
	if c := claim(pack, far); c.Proposed || stateOf(c, "B-CONTENT") == netcase.True {
		t.Error("it was sent elsewhere")
	}
}

// TestSeverityOfSightings: what the login log shows of a listed address bears on the
// severity, whatever the flows show: a login is grave, a refusal proves a way in, and a
// service in the cloud is no machine of ours.
func TestSeverityOfSightings(t *testing.T) {
	o := newOutward()
	sighting := func(outcome netcase.Outcome, host netcase.Endpoint) netcase.Finding {
		f := o.listed(netcase.ClaimBruteForce)
		f.Direction = netcase.Inbound
		s := &f.Sighting.Sightings[0]
		s.Outcome, s.Profile.Direction, s.Profile.Hosts = outcome, netcase.Inbound, []netcase.Endpoint{host}
		f.Sighting.Outcome = outcome
		return f
	}
	cloud := netcase.Endpoint{Name: "login.example.com"}
	for _, c := range []struct {
		name string
		f    netcase.Finding
		rule string
	}{
		{"two-way traffic", sighting(netcase.OutcomeTwoWay, o.host), "6b"},
		{"refused by a machine", sighting(netcase.OutcomeFailures, o.host), "5"},
		{"refused by a service in the cloud", sighting(netcase.OutcomeFailures, cloud), "6b"},
		{"a login", sighting(netcase.OutcomeLogin, o.host), "3"},
	} {
		if got := o.judged(t, c.f).Severity; got.RuleLow != c.rule || got.RuleHigh != c.rule {
			t.Errorf("%s: rule %s to %s, want %s (%s)", c.name, got.RuleLow, got.RuleHigh, c.rule, got.WhyHigh)
		}
	}
}
