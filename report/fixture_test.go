package report

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"netcase"
)

const t0 = netcase.Time(1760918400000) // 2025-10-20 00:00 UTC

func ip(s string) netip.Addr          { return netip.MustParseAddr(s) }
func end(s string) netcase.Endpoint   { return netcase.At(ip(s)) }
func at(hour float64) netcase.Time    { return t0 + netcase.Time(hour*float64(netcase.Hour)) }
func hours(a, b float64) netcase.Span { return netcase.Span{Start: at(a), End: at(b)} }
func tally(r netcase.Reach, n int64) (t netcase.Tally) {
	t[r] = n
	return t
}

func fixtures() map[string]*netcase.Case {
	return map[string]*netcase.Case{"seed": seedCase(), "decided": decidedCase(), "quiet": quietCase(), "hostile": hostileCase()}
}

// seedCase is a case whose reach is unknown: three listed sources, four ports.
func seedCase() *netcase.Case {
	sources := []netcase.Profile{profile("203.0.113.103", 288, netcase.ReachUnknown), profile("198.51.100.54", 287, netcase.ReachUnknown), profile("192.0.2.205", 286, netcase.ReachUnknown)}
	c := &netcase.Case{
		Format: netcase.CaseFormat, Tool: "netcase 0.1.0", ID: "case-5d0c77a1", Title: "Inbound flows from three listed addresses, 20–21 October 2025",
		Span: hours(0, 48), AsOf: at(48), IssuedAt: at(48), Weights: "v1 4f1c09aa",
		Config:    map[string]string{"span": "2025-10-20 to 2025-10-22", "assume": "unknown"},
		Status:    netcase.StatusSuspicious,
		StatusWhy: "one explanation of the activity exceeds 0.55, and no claim of harm does",
		Severity: netcase.Severity{Low: netcase.Low, High: netcase.Medium, RuleLow: "6b", RuleHigh: "5", WhyLow: "if every flow was denied, listed sources remain",
			WhyHigh: "if the flows went both ways, administration ports answer the Internet", Decides: "FlowStatus_s (allow or deny) of AzureNetworkAnalytics_CL", Evidence: []string{"E-001", "E-002"}},
		Confidence: netcase.Confidence{Level: "low", Points: 2, Capped: "the outcome of every flow is unknown",
			Parts: []netcase.Point{{Text: "telemetry families", Got: 1, Of: 2}, {Text: "coverage of at least 0.95", Got: 1, Of: 1}, {Text: "independent origins", Got: 0, Of: 1}}},
		Summary: []netcase.Sentence{
			{Text: "Three sources tried ports 22, 23, 80 and 3389 of 3 hosts: 861 flows between 2025-10-20 00:00 and 2025-10-21 00:00 UTC.", Evidence: []string{"E-001"}},
			{Text: "Opportunistic background scanning is very likely (0.85).", Evidence: []string{"E-001", "E-003"}},
			{Text: "Whether any flow was answered is not recorded in this export.", Evidence: []string{"in-0011223344aa"}},
			{Text: "This sentence cites nothing and must not be seen."},
		},
		Judgements: []netcase.Judgement{
			{Claim: netcase.Sentence{Text: "The activity is opportunistic background scanning.", Evidence: []string{"E-001"}}, Word: "very likely", Range: "0.80 to 0.95", Confidence: "low", Change: "login failures in 4625 records of the touched hosts"},
			{Claim: netcase.Sentence{Text: "A host was compromised.", Evidence: []string{"E-001"}}, Word: "not determinable", Confidence: "low", Change: "4624 and 4625 records of the touched hosts"},
		},
		Groups: []netcase.Group{seedGroup(sources)},
		Findings: []netcase.Finding{
			{ID: "F-01", Detector: "scan", Kind: "strobe", Title: "3 sources ask for ports 22, 23, 80, 3389 on 3 hosts", Technique: []string{"T1595.001"}, Direction: netcase.Inbound, Span: hours(0, 24), Flows: 861,
				Reach: tally(netcase.ReachUnknown, 861), Method: "distinct hosts by source in sliding horizons of 24 h", Limits: []string{"the export has no outcome, so no ratio of failures"},
				Evidence: []netcase.Evidence{{ID: "E-001", Statement: "3 sources reached for 4 ports on 3 of 3 hosts: 861 flows", Inputs: []string{"in-0011223344aa"}, Method: "scan, horizon 24 h, 3 hosts or 15 ports", Total: 861, Records: []string{"r-0123456789abcdef"},
					Selection: netcase.Selection{Peers: []netcase.Endpoint{sources[0].Peer, sources[1].Peer, sources[2].Peer}, Ports: []uint16{22, 23, 80, 3389}, Direction: netcase.Inbound, Span: hours(0, 24)}}},
				Scan: &netcase.ScanFacts{Class: "strobe", Horizon: 24 * time.Hour, Sources: sources, SourceCount: 3, Ports: []uint16{22, 23, 80, 3389}, PortCount: 4, HostCount: 3, Estate: 3, HostThreshold: 3, PortThreshold: 15}},
			{ID: "F-02", Detector: "sighting", Kind: "listed", Title: "3 listed addresses in inbound flows", Direction: netcase.Inbound, Span: hours(0, 24), Flows: 861, Reach: tally(netcase.ReachUnknown, 861), Method: "as-of match",
				Evidence: []netcase.Evidence{{ID: "E-002", Statement: "3 of 3 addresses are listed, by 2 independent origins", Inputs: []string{"in-0011223344aa"}, Method: "sighting", Total: 861}},
				Sighting: seedSightings(sources)},
			{ID: "F-03", Detector: "spike", Kind: "excess", Title: "Inbound flows rise on 2025-10-20 from 14:00 to 17:00 UTC (ratio 14.5, excess 5,028, q 3e-12)", Direction: netcase.Inbound, Span: hours(14, 17), Flows: 5400, Reach: tally(netcase.ReachUnknown, 5400), Method: "negative binomial upper tail",
				Evidence: []netcase.Evidence{{ID: "E-003", Statement: "5,400 flows against 372 expected: ratio 14.5, excess 5,028, q 3e-12", Inputs: []string{"in-0011223344aa"}, Method: "spike, tier T2", Total: 5400, Numbers: map[string]float64{"ratio": 14.5}}},
				Spike:    spikeFacts()},
			{ID: "F-04", Detector: "artefact", Kind: "cap", Title: "Near-equal counts: possible aggregation cap", Direction: netcase.Inbound, Span: hours(0, 24), Flows: 861, Reach: tally(netcase.ReachUnknown, 861), Method: "grid and cap tests",
				Evidence: []netcase.Evidence{{ID: "E-004", Statement: "3 sources have 286 to 288 records each, 12 tuples by 24 hourly cells", Inputs: []string{"in-0011223344aa"}, Method: "artefact", Total: 861}},
				Artefact: &netcase.ArtefactFacts{Verdict: "likely", Flag: "possible_aggregation_cap", GridMinutes: 60,
					Tests:        []netcase.ArtefactTest{{Name: "grid", Result: netcase.Pass, Detail: "every start lies on a 60 min grid"}, {Name: "product", Result: netcase.Pass, Detail: "288 = 12 × 24"}},
					Counts:       []netcase.PeerCount{{Peer: sources[0].Peer, Records: 288, Flows: 288, Tuples: 12, Cells: 288}},
					Explanations: []string{"one row per tuple and interval", "a source that paces itself", "chance"}, Blocks: []string{"the number of attempts", "any period"}}},
			{ID: "F-05", Detector: "owner", Kind: "listener", Title: "svchost.exe accepted connections to port 3389", Direction: netcase.Inbound, Span: hours(3, 4), Flows: 12, Reach: tally(netcase.ReachBidirectional, 12), Method: "owner table", Limits: []string{"no operating system is given"},
				Evidence: []netcase.Evidence{{ID: "E-005", Statement: "12 connections to port 3389 were accepted by svchost.exe -k NetworkService", Inputs: []string{"in-5566778899bb"}, Method: "owner", Total: 12}},
				Owner:    &netcase.OwnerFacts{Host: end("10.1.0.4"), Role: netcase.RoleListener, Action: "InboundConnectionAccepted", Port: 3389, Image: "svchost.exe", CommandLine: "svchost.exe -k NetworkService", Group: "NetworkService", Parent: "services.exe", Verdict: "not usable", Why: "the operating system is not stated", Peers: 1, Events: 12}},
		},
		Cards: []netcase.Card{*seedCard("203.0.113.103", "DE", "PL"), *seedCard("198.51.100.54", "US", "US"), *seedCard("192.0.2.205", "IN", "IN")},
		Timeline: []netcase.Entry{
			{At: at(-120), Kind: "knowledge", Text: "AbuseIPDB lists 203.0.113.103.", Evidence: []string{"E-002"}},
			{At: at(0), Kind: "event", Text: "First flow of the three sources.", Evidence: []string{"E-001"}},
			{At: at(14), Kind: "event", Text: "The window begins: 5,400 flows against 372 expected, ratio 14.5, q 3e-12.", Evidence: []string{"E-003"}},
		},
		Gaps: []netcase.Gap{
			{Source: "AzureNetworkAnalytics_CL", Expected: "FlowStatus_s and the counters", Present: "absent from this export", Effect: "severity is a range", Query: "AzureNetworkAnalytics_CL\n| where TimeGenerated between (datetime(2025-10-20) .. datetime(2025-10-22))\n| project TimeGenerated, FlowStatus_s, AllowedInFlows_d, DeniedInFlows_d", Language: "kusto"},
			{Source: "login log", Expected: "4624, 4625, 131 and 140 of 3 hosts", Present: "none", Effect: "a guess at passwords cannot be told from a look"},
		},
		Sensitivity: []netcase.Sensitivity{{Group: "G1", Item: "A01", Text: "ports from the mass-scan set", Before: "BG 0.85, LOW to MEDIUM", After: "BG 0.71, LOW to MEDIUM", Changes: true, Moved: -.14}},
		Actions: []netcase.Action{
			{ID: "R-02", Priority: 2, Kind: "close", Title: "Close 22, 23 and 3389 to the Internet", Reason: "Closing a port ends this from every source", Owner: "network", Due: 48 * time.Hour, Expiry: 30 * 24 * time.Hour, Rollback: "az network nsg rule delete …", Verify: "AzureNetworkAnalytics_CL | where DestPort_d in (22, 23, 3389)", Risk: "the ports stay open to every scanner", Collateral: "remote administration without VPN ends", Evidence: []string{"E-001"},
				Selection: netcase.Selection{Ports: []uint16{22, 23, 3389}, Direction: netcase.Inbound}, Refused: []netcase.Refusal{{Value: "10.0.0.0/8", Reason: "private range"}}},
			{ID: "R-01", Priority: 1, Kind: "data", Title: "Fetch the allow or deny field and the login records of the 3 hosts", Reason: "They decide the severity", Owner: "SOC", Due: 4 * time.Hour, Evidence: []string{"E-001"}},
		},
		Queries:      []netcase.QueryText{{Title: "Owner of the sockets", Language: "kusto", Text: "DeviceNetworkEvents | where RemoteIP in ('203.0.113.103')"}},
		Requirements: []netcase.Requirement{{Standard: "PCI DSS v4.0.1", Number: "1.2.5", Touched: "ports 22, 23, 80, 3389 asked for from outside", Attach: "approved list of services", State: "not assessable", Evidence: []string{"E-001"}}},
		Names:        map[string]string{"10.1.0.4": "VM-WEB-1"},
		Site:         netcase.Site{Name: "Example Ltd"},
	}
	c.Claims = c.Groups[0].Claims
	c.Coverage = seedCoverage()
	return c
}

func profile(addr string, flows int64, reach netcase.Reach) netcase.Profile {
	p := netcase.Profile{Peer: end(addr), Direction: netcase.Inbound, Hosts: []netcase.Endpoint{end("10.1.0.4"), end("10.1.0.5"), end("10.1.0.6")}, HostCount: 3,
		PortCount: 4, Flows: flows, Records: flows, Reach: tally(reach, flows), First: at(0.2), Last: at(23.9), ActiveHours: 24, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent}
	for i, port := range []uint16{22, 23, 80, 3389} {
		n := flows / 4
		if i == 0 {
			n = flows - 3*(flows/4)
		}
		p.Ports = append(p.Ports, netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: 3, Flows: n, Records: n, Reach: tally(reach, n)})
	}
	return p
}

func seedGroup(sources []netcase.Profile) netcase.Group {
	hyp := func(id, name string, prior, post float64, word string, w ...float64) netcase.Hypothesis {
		h := netcase.Hypothesis{ID: id, Name: name, Prior: prior, Posterior: post, Word: word}
		for i, db := range w {
			h.Weights = append(h.Weights, netcase.Weight{Item: fmt.Sprintf("A%02d", i+1), Decibans: db})
			h.Inconsistency += min(db, 0)
		}
		return h
	}
	return withMatrix(netcase.Group{
		ID: "G1", Label: "strobe on 22, 23, 80, 3389", Class: "strobe", Direction: netcase.Inbound, Ports: []uint16{22, 23, 80, 3389},
		Sources: sources, SourceCount: 3, Hosts: sources[0].Hosts, HostCount: 3, Flows: 861, Records: 861, Reach: tally(netcase.ReachUnknown, 861), Span: hours(0, 24),
		Items: []netcase.Item{
			{ID: "A01", Text: "Ports from the mass-scan set?", State: netcase.True, Why: "22, 23, 80, 3389", Evidence: []string{"E-001"}},
			{ID: "A02", Text: "At least 2 hosts with the same ports?", State: netcase.True, Why: "3 hosts", Evidence: []string{"E-001"}},
			{ID: "A03", Text: "On community lists?", State: netcase.True, Why: "2 origins", Evidence: []string{"E-002"}},
			{ID: "A05", Text: "Nearly all failed?", State: netcase.Unknown, Why: "no outcome in the export"},
		},
		Hypotheses: []netcase.Hypothesis{
			hyp("BG", "opportunistic background scanning", .5, .847, "very likely", 6, 4, 3), hyp("BFA", "brute-force attempt", .2, .107, "very unlikely", 4, 0, 4),
			hyp("BSC", "benign scanner", .12, .032, "almost no chance", 4, 4, -3), hyp("REC", "targeted reconnaissance", .06, .013, "almost no chance", 0, 4, 0),
			hyp("MIS", "benign service or misconfiguration", .1, .0007, "almost no chance", -6, -3, -6), hyp("DOS", "flood", .02, .0004, "almost no chance", -6, -6, 0),
		},
		Claims: []netcase.Claim{
			{ID: "SAF", Name: "compromise", Standing: netcase.NotDeterminable, Prior: .005, Posterior: .005, Why: "no login log was read and the outcome of the flows is unknown", Missing: []string{"4624 and 4625 of the 3 hosts", "the allow or deny field"}, Evidence: []string{"E-001"},
				Items: []netcase.Item{{ID: "B01", Text: "Both ways on an administration port?", State: netcase.Unknown, Why: "no outcome in the export"}}},
			{ID: "C2", Name: "command and control", Standing: netcase.Gated, Why: "only inbound flows were seen; this claim needs traffic that begins inside", Evidence: []string{"E-001"}},
			{ID: "EXF", Name: "exfiltration", Standing: netcase.NotDeterminable, Prior: .001, Posterior: .001, Why: "no outbound data was read", Missing: []string{"outbound flows with octets"}, Evidence: []string{"E-001"}},
		},
		Severity: netcase.Severity{Low: netcase.Low, High: netcase.Medium}, Findings: []string{"F-01", "F-02"}, Evidence: []string{"E-001", "E-002"},
	})
}

// withMatrix lays the items of a group beside its explanations; A05 is not known.
func withMatrix(g netcase.Group) netcase.Group {
	open := map[string]float64{"BG": 4, "BFA": -6, "BSC": 4, "REC": 3}
	for i, it := range g.Items {
		row := netcase.MatrixRow{Item: it.ID, Text: it.Text, State: it.State, Diagnosticity: []float64{12, 10, 10, 10}[i]}
		for _, h := range g.Hypotheses {
			db := open[h.ID]
			if i < len(h.Weights) {
				db = h.Weights[i].Decibans
			}
			mark := "0"
			if db > 0 {
				mark = "+"
			} else if db < 0 {
				mark = "-"
			}
			row.Marks = append(row.Marks, netcase.Mark{Hypothesis: h.ID, Mark: mark, Decibans: db})
		}
		g.Matrix = append(g.Matrix, row)
	}
	return g
}

func seedCard(addr, country, other string) *netcase.Card {
	listing := func(provider, origin, feed string, claim netcase.ClaimType, score string, first, last, learned float64, timing netcase.Timing, weight float64, why string, words ...string) netcase.Listing {
		return netcase.Listing{Timing: timing, Relevant: why == "", Weight: weight, Why: why, Indicator: netcase.Indicator{ID: provider + addr, Provider: provider, Origin: origin, Feed: feed,
			Prefix: netip.PrefixFrom(ip(addr), 32), Claim: claim, Categories: words, ScoreText: score, FirstSeen: at(first), LastSeen: at(last), Learned: at(learned)}}
	}
	return &netcase.Card{
		Address: ip(addr), Adverse: 3, Origins: []string{"AbuseIPDB", "IPQS"}, Known: true, P: .61, Conflict: country != other,
		Listings: []netcase.Listing{
			listing("SOCRadar", "AbuseIPDB", "ioc.csv", netcase.ClaimAbuse, "43/100 (Medium)", -120, 24, -24, netcase.KnownThen, 1.2, "", "Bad Reputation", "credential"),
			listing("AbuseIPDB", "AbuseIPDB", "blacklist", netcase.ClaimScan, "100 %", -2400, 20, 150, netcase.LearnedLater, 4.8, "", "Port Scan", "Brute-Force"),
			listing("OTX", "IPQS", "IPQS Abusive IP List", netcase.ClaimListed, "", -300, -100, 0, netcase.LearnedLater, 0.9, ""),
			listing("Kaspersky", "Kaspersky", "opentip", netcase.ClaimPhishing, "Red", -900, -600, 0, netcase.Expired, 0, "no longer valid at the time of the traffic", "Phishing"),
		},
		Voices: 2,
		Geo:    []netcase.GeoAnswer{{Geo: netcase.Geo{Country: country, City: "Example City", ASN: 64500, ASName: "EXAMPLE-HOSTING"}, Provider: "SOCRadar", At: at(0)}, {Geo: netcase.Geo{Country: other, ASN: 64501}, Provider: "registry", At: at(0)}},
	}
}

func seedSightings(sources []netcase.Profile) *netcase.SightingFacts {
	s := &netcase.SightingFacts{Outcome: netcase.OutcomeUndecided, Count: 3, Usable: 18211, Total: 19004}
	for i, p := range sources {
		s.Sightings = append(s.Sightings, netcase.Sighting{Card: *seedCard(p.Peer.String(), []string{"DE", "US", "IN"}[i], []string{"PL", "US", "IN"}[i]), Profile: p, Outcome: s.Outcome})
	}
	return s
}

func spikeFacts() *netcase.SpikeFacts {
	s := &netcase.SpikeFacts{Series: "inbound", Tier: "T2", BinMinutes: 60, History: 72, Window: hours(14, 17), Support: hours(13, 18), Observed: 5400, Expected: 372, Ratio: 14.5, Excess: 5028, Q: 3e-12, LLR: 9000, WindowP: .001,
		Contributors: []string{"203.0.113.7", "203.0.113.9"},
		Attribution: []netcase.Attribution{
			{Dimension: "source", Divergence: .2, Share: .81, Elements: []netcase.Contribution{{Name: "203.0.113.7", Observed: 2700, Expected: .5, Share: .54, Surprise: .1}, {Name: "203.0.113.9", Observed: 1400, Expected: .5, Share: .27, Surprise: .05}}},
			{Dimension: "port"},
		},
		Cells:  []netcase.Contribution{{Name: "203.0.113.7, 3389/tcp, 10.1.0.4", Observed: 2700, Expected: .5, Share: .54}},
		Listed: &netcase.Contribution{Name: "3 listed addresses", Observed: 108, Expected: 107, Share: 0, Listed: true}}
	for i := -72; i < 48; i++ {
		p := netcase.SpikePoint{Start: at(float64(i)), X: 110 + float64((i+72)*37%29), Expected: 124, High: 165, Stack: []int64{0, 0}}
		if i == -30 || i == -29 {
			p = netcase.SpikePoint{Start: at(float64(i)), Missing: true}
		}
		if i >= 14 && i < 17 {
			p.X, p.Flagged, p.Stack = 1800, true, []int64{900, 470}
		}
		s.Points = append(s.Points, p)
	}
	return s
}

func seedCoverage() netcase.Coverage {
	return netcase.Coverage{
		Inputs: []netcase.InputReport{
			{ID: "in-0011223344aa", Name: "exports/AzureNetworkAnalytics_CL.csv", SHA256: strings.Repeat("0a", 32), Bytes: 5 << 20, Format: "azure-ta", Sensors: []string{"azure-ta"}, Read: 14203, Accepted: 14190, Rejected: 3, Skipped: 10, Flows: 14190, Reaches: tally(netcase.ReachUnknown, 14190),
				Span: hours(-72, 48), Reasons: map[string]int64{"DestPort_d: not a number": 3, "header": 10}, Samples: []netcase.RowError{{Line: 812, Field: "DestPort_d", Reason: "not a number", Sample: "2025-10-20,x"}}, Missing: []string{"FlowStatus_s", "AllowedInFlows_d"}},
			{ID: "in-5566778899bb", Name: "exports/DeviceNetworkEvents.csv", SHA256: strings.Repeat("1b", 32), Format: "mde", Sensors: []string{"mde"}, Read: 10000, Accepted: 10000, Flows: 10000, Reaches: tally(netcase.ReachBidirectional, 10000), Span: hours(0, 9),
				Cut: "exactly 10,000 rows", CutQuery: "DeviceNetworkEvents\n| where Timestamp > datetime(2025-10-20T09:00:00Z)"},
		},
		Feeds: []netcase.FeedReport{
			{Name: "ioc.csv", Format: "csv", Provider: "SOCRadar", Learned: at(-24), LearnedBy: "name", Read: 19004, Usable: 18211, Skipped: 4, Refused: 700, Duplicate: 89, Reasons: map[string]int64{"domain, not an address": 700}},
			{Name: "old.txt", Format: "", Error: "no format recognised"},
		},
		Lookups: []netcase.LookupReport{
			{Service: "abuseipdb", Provider: "AbuseIPDB", Answers: 3, First: at(80), Last: at(81)},
			{Service: "crowdsec", Provider: "CrowdSec", Error: "the service refused the key",
				Unasked: []netcase.Unasked{{Why: "the service refused the key", Count: 12, Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.103"), netip.MustParseAddr("2001:db8::7")}}}},
			{Service: "opentip", Provider: "Kaspersky", Answers: 1, First: at(80), Last: at(80),
				Unasked: []netcase.Unasked{{Why: "the budget of 1 question a day is spent", Count: 1, Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.54")}}}},
		},
		Detectors: []netcase.Run{{Name: "scan", OK: true, Found: 1}, {Name: "spike", OK: true, Found: 1}, {Name: "auth", Why: "no login log was read"}},
		Agreement: []netcase.SensorPair{{A: "azure-ta", B: "mde", Hours: 9, Both: 8120, OnlyA: 14, OnlyB: 1880,
			Octets: netcase.Compared{Cells: 40, Differ: 3, A: 1200, B: 1300}, Outcomes: netcase.Compared{Cells: 12, Differ: 1, A: 7, B: 6}}},
		Site: "private ranges and the exporter's own side; no site.yaml was given", Families: []string{"flow", "process"},
	}
}

// decidedCase is a case in which every flow was denied.
func decidedCase() *netcase.Case {
	c := seedCase()
	c.ID, c.Title, c.Status = "case-77aa10bc", "Denied probes of three listed addresses", netcase.StatusAttempt
	c.StatusWhy = "guessing and looking are excluded by full coverage of flows and logins"
	c.Severity = netcase.Severity{Low: netcase.Low, High: netcase.Low, RuleLow: "6b", RuleHigh: "6b", WhyLow: "denied, by listed sources", WhyHigh: "denied, by listed sources", Modifiers: []string{"none applied: reach is denied"}, Evidence: []string{"E-001"}}
	c.Confidence = netcase.Confidence{Level: "moderate", Points: 5, Parts: []netcase.Point{{Text: "telemetry families", Got: 2, Of: 2}}}
	sources := []netcase.Profile{profile("203.0.113.103", 288, netcase.ReachDenied), profile("198.51.100.54", 287, netcase.ReachDenied), profile("192.0.2.205", 286, netcase.ReachRefused)}
	c.Groups = []netcase.Group{seedGroup(sources)}
	g := &c.Groups[0]
	g.Reach = tally(netcase.ReachDenied, 575).Plus(tally(netcase.ReachRefused, 286))
	g.Claims[0].Standing, g.Claims[0].Why, g.Claims[0].Missing = netcase.Gated, "every flow was denied at the edge, and the log covers the whole span", nil
	c.Claims = g.Claims
	for i := 2; i <= 5; i++ {
		o := seedGroup(manyProfiles(netcase.MaxSources))
		o.ID, o.SourceCount = fmt.Sprintf("G%d", i), 1500
		c.Groups = append(c.Groups, o)
	}
	c.Findings = c.Findings[:2]
	c.Findings[0].Scan.Sources, c.Findings[0].Scan.SourceCount = manyProfiles(netcase.MaxSources), 1500
	c.Evidence = []netcase.Evidence{{ID: "E-003", Statement: "14,190 of 14,190 flows carry an outcome", Method: "coverage", Total: 14190}}
	c.Coverage.Inputs = c.Coverage.Inputs[:1]
	c.Coverage.Inputs[0].Reaches = tally(netcase.ReachDenied, 14190)
	c.Coverage.Feeds = c.Coverage.Feeds[:1]
	c.Coverage.Detectors = c.Coverage.Detectors[:2]
	c.Coverage.Lookups = nil
	c.Summary = c.Summary[:2]
	for i := range 60 {
		card := *seedCard(fmt.Sprintf("198.51.100.%d", i+100), "DE", "DE")
		c.Cards = append(c.Cards, card)
	}
	return c
}

func manyProfiles(n int) (out []netcase.Profile) {
	for i := range n {
		out = append(out, profile(fmt.Sprintf("203.0.113.%d", i), int64(400-i), netcase.ReachDenied))
	}
	return out
}

// quietCase found nothing, in data that is cut.
func quietCase() *netcase.Case {
	c := &netcase.Case{
		Format: netcase.CaseFormat, Tool: "netcase 0.1.0", ID: "case-00000001", Span: hours(0, 24), AsOf: at(24), IssuedAt: at(24),
		Status: netcase.StatusObservation, StatusWhy: "nothing stands out in what was read",
		Severity:   netcase.Severity{RuleLow: "7", RuleHigh: "7", WhyLow: "no finding", WhyHigh: "no finding", Evidence: []string{"in-0011223344aa"}},
		Confidence: netcase.Confidence{Level: "low", Points: 1},
		Summary:    []netcase.Sentence{{Text: "No finding in 10,000 records; the export is probably cut, so this is no proof of absence.", Evidence: []string{"in-0011223344aa"}}},
		Coverage: netcase.Coverage{
			Inputs: []netcase.InputReport{{ID: "in-0011223344aa", Name: "export.csv", SHA256: strings.Repeat("0a", 32), Format: "azure-ta", Read: 10000, Accepted: 10000, Flows: 10000, Reaches: tally(netcase.ReachDenied, 10000), Span: hours(0, 6), Cut: "exactly 10,000 rows"},
				{ID: "in-aa", Name: "auth.log", Error: "gzip: unexpected end of stream", Read: 7, Accepted: 5}},
			Detectors: []netcase.Run{{Name: "scan", OK: true}, {Name: "spike", Why: "the source is cut"}},
			Site:      "private ranges", Families: []string{"flow"},
		},
	}
	return c
}

// evil is what an attacker writes where a name is expected.
const evil = "\x1b]0;x\x07\x1b[2J\x00\u202eexe.x\u2066</td><script>alert(1)</script><img src=x onerror=alert(2)>[click](javascript:alert(3)) ![i](http://evil.example/p.png) | `c` ``d`` \r\n# H\n- l\n> q\n---\n<!-- https://evil.example www.evil.example a@evil.example $x$ &lt; \xff\xfe \u2028 \u200b'\"*b*_i_~~s~~"

// hostileCase is the first case with an attacker's hand in every word of the inputs.
func hostileCase() *netcase.Case {
	c := seedCase()
	c.ID = "case-bad0bad0"
	long := evil + strings.Repeat("A", 100_000)
	c.Title, c.Site.Name = evil, evil
	c.Names = map[string]string{"10.1.0.4": evil, "203.0.113.103": long}
	c.Summary[0].Text = long
	c.Summary[1].Text = "1. " + evil
	c.Summary[2].Text = "- " + evil
	c.Judgements[0].Claim.Text, c.Judgements[0].Change = evil, long
	g := &c.Groups[0]
	g.Label, g.Hosts = evil, append(g.Hosts, netcase.Endpoint{Name: long}, netcase.Endpoint{Name: evil})
	g.Sources[0].Peer = netcase.Endpoint{Name: evil}
	g.Items[0].Text, g.Items[0].Why, g.Hypotheses[0].Name = evil, long, evil
	c.WhatIf = &netcase.WhatIf{Supposed: []string{evil}, Moved: []netcase.Move{{What: evil, Before: long, After: evil}}, Limits: []string{evil}}
	c.Claims[1].Approved = &netcase.Approval{Case: evil, By: evil, Reason: long}
	c.Claims[0].Why, c.Claims[0].Missing, c.Claims[0].Hosts = evil, []string{long, evil}, []netcase.Endpoint{{Name: evil}}
	for i := range c.Findings {
		f := &c.Findings[i]
		f.Title, f.Method, f.Limits, f.Technique = evil, evil, []string{long}, []string{evil}
		f.Evidence[0].Statement, f.Evidence[0].Method, f.Evidence[0].Records = evil, evil, []string{evil}
	}
	c.Findings[2].Spike.Contributors = []string{evil, long}
	c.Findings[2].Spike.Attribution[0].Elements[0].Name = long
	c.Findings[2].Spike.Why, c.Findings[2].Spike.Series = evil, evil
	c.Findings[3].Artefact.Explanations, c.Findings[3].Artefact.Tests[0].Detail = []string{evil}, evil
	*c.Findings[4].Owner = netcase.OwnerFacts{Host: netcase.Endpoint{Name: evil}, OS: evil, Action: evil, Image: evil, CommandLine: long, Group: evil, Service: evil, Parent: evil, Verdict: evil, Why: evil}
	c.Findings = append(c.Findings, netcase.Finding{ID: "F-06\"><script>", Title: "t", Evidence: []netcase.Evidence{{ID: "E-9\"><b>](x)", Statement: "s"}},
		Auth: &netcase.AuthFacts{Host: netcase.Endpoint{Name: evil}, Peers: []netcase.Endpoint{{Name: evil}}, Accounts: []string{evil, long}, Grade: evil, Service: evil, Session: evil, LoginAt: 1, Hosts: []netcase.Endpoint{{Name: evil}}}})
	login := &netcase.LoginRef{At: 1, Host: netcase.Endpoint{Name: evil}, Account: evil, Peer: netcase.Endpoint{Name: evil}, Failures: 3}
	c.Findings = append(c.Findings, netcase.Finding{ID: "F-07", Title: evil, Evidence: []netcase.Evidence{{ID: "E-07", Statement: evil}},
		Process: &netcase.ProcessFacts{Host: netcase.Endpoint{Name: evil}, OS: evil, Rule: evil, Why: evil, Image: evil, Path: evil, CommandLine: long, Account: evil,
			Parent: evil, Target: evil, Peer: netcase.Endpoint{Name: evil}, Sigma: []string{evil}, AfterLogin: login}},
		netcase.Finding{ID: "F-08", Title: evil, Evidence: []netcase.Evidence{{ID: "E-08", Statement: evil}},
			Persistence: &netcase.PersistenceFacts{Host: netcase.Endpoint{Name: evil}, What: evil, Name: evil, Value: long, Account: evil, Image: evil, At: 1, Odd: evil, AfterLogin: login}})
	for i := range c.Cards {
		k := &c.Cards[i]
		k.Benign, k.Origins = []string{evil, long}, []string{evil}
		for j := range k.Listings {
			ind := &k.Listings[j].Indicator
			ind.Provider, ind.Origin, ind.Feed, ind.Description, ind.ScoreText, ind.Categories = evil, evil, long, long, evil, []string{evil, long}
			ind.Claim, k.Listings[j].Why, k.Listings[j].Timing = netcase.ClaimType(evil), evil, netcase.Timing(evil)
		}
		k.Geo[0].City, k.Geo[0].ASName, k.Geo[1].Provider, k.Geo[1].Country = evil, long, evil, evil
	}
	c.Timeline[0].Text, c.Timeline[1].Kind = long, evil
	c.Gaps[0].Source, c.Gaps[0].Query, c.Gaps[0].Language = evil, "````\n```\n</code></pre>"+evil, evil
	c.Actions[0].Title, c.Actions[0].Owner, c.Actions[0].Verify, c.Actions[0].Refused = evil, evil, evil, []netcase.Refusal{{Value: evil, Reason: evil}}
	c.Actions[0].Rollback, c.Actions[0].Reason = long, evil
	c.Queries[0] = netcase.QueryText{Title: evil, Language: evil, Text: long}
	c.Requirements[0].Touched = evil
	c.Config = map[string]string{evil: long}
	in := &c.Coverage.Inputs[0]
	in.Name, in.Format, in.Reasons, in.Notes, in.Missing, in.Error = evil, evil, map[string]int64{evil: 1, long: 2}, []string{evil}, []string{evil}, long
	in.Samples = []netcase.RowError{{Line: 1, Field: evil, Reason: evil, Sample: evil}}
	c.Coverage.Inputs[1].Cut, c.Coverage.Inputs[1].CutQuery = evil, "```\n"+evil
	c.Coverage.Feeds[0].Name, c.Coverage.Feeds[0].Reasons, c.Coverage.Feeds[1].Error = evil, map[string]int64{evil: 1}, long
	l := &c.Coverage.Lookups[1]
	l.Service, l.Provider, l.Error, l.Unasked[0].Why = evil, evil, evil, evil
	c.Coverage.Detectors[2].Why, c.Coverage.Notes, c.Coverage.Site = evil, []string{evil}, evil
	return c
}
