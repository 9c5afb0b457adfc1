package judge

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// knock is one source that knocked at one port of one host.
func knock(addr string, port uint16, reach netcase.Reach, flows int64) netcase.Profile {
	p := netcase.Profile{
		Peer: netcase.At(netip.MustParseAddr(addr)), Direction: netcase.Inbound, HostCount: 1, PortCount: 1, Flows: flows, Records: flows,
		Hosts: []netcase.Endpoint{netcase.At(netip.MustParseAddr("10.0.0.4"))}, First: incident().start, Last: incident().start + netcase.Hour,
		OctetsOut: 0, OctetsIn: 0,
	}
	p.Reach[reach] = flows
	p.Ports = []netcase.PortCount{{Port: port, Proto: netcase.TCP, Hosts: 1, Flows: flows, Records: flows, Reach: p.Reach}}
	return p
}

func scanOf(class string, ps ...netcase.Profile) netcase.Finding {
	f := netcase.Finding{Detector: "scan", Kind: class, Title: class, Direction: netcase.Inbound,
		Scan: &netcase.ScanFacts{Class: class, SourceCount: len(ps), Sources: ps, HostCount: 1}}
	for _, p := range ps {
		f.Flows += p.Flows
		f.Reach = f.Reach.Plus(p.Reach)
		f.Span = f.Span.Extend(p.First).Extend(p.Last)
	}
	return f
}

func seen(dir netcase.Direction, outcome netcase.Outcome, p netcase.Profile, ls ...netcase.Listing) netcase.Finding {
	p.Direction = dir
	card := netcase.Card{Address: p.Peer.Addr, Listings: ls, Adverse: len(ls)}
	return netcase.Finding{Detector: "sighting", Kind: string(outcome), Title: "listed", Direction: dir, Flows: p.Flows, Reach: p.Reach,
		Sighting: &netcase.SightingFacts{Outcome: outcome, Count: 1, Sightings: []netcase.Sighting{{Card: card, Profile: p, Outcome: outcome}}}}
}

func plain(findings ...netcase.Finding) Input {
	in := incident().input(netcase.ReachUnknown)
	in.Coverage.Families = []string{"flow"}
	in.Coverage.Inputs[0].Missing = nil
	in.Findings = numbered(findings...)
	return in
}

// A flood that a machine of ours made comes before one packet to a listed address.
func TestOwnExcessLeads(t *testing.T) {
	w := incident()
	own := netcase.Profile{Peer: netcase.At(netip.MustParseAddr("10.0.0.77")), Direction: netcase.Outbound, HostCount: 47, PortCount: 1,
		Hosts: []netcase.Endpoint{netcase.At(netip.MustParseAddr("203.0.113.9"))}, Flows: 22_950, Records: 22_950, First: w.start, Last: w.start + 20*netcase.Hour}
	own.Reach[netcase.ReachNoReply] = 22_950
	own.Ports = []netcase.PortCount{{Port: 80, Proto: netcase.TCP, Hosts: 47, Flows: 22_950, Reach: own.Reach}}
	flood := scanOf("horizontal", own)
	flood.Direction, flood.Scan.Internal = netcase.Outbound, true
	spike := w.spike()
	spike.Title, spike.Direction = "outbound flows reached 14,654, 41.7 times the 351 expected", netcase.Outbound
	spike.Spike.Ratio, spike.Spike.Excess = 41.7, 14_303
	spike.Spike.Cells = []netcase.Contribution{{Name: "10.0.0.77 to 203.0.113.9 on 80/tcp", Observed: 14_260, Expected: 0.5, Share: 0.997}}
	ntp := seen(netcase.Outbound, netcase.OutcomeNoReply, knock("198.51.100.8", 123, netcase.ReachNoReply, 1), w.listing("feed", "feed", netcase.ClaimMalware, 0))
	harm := seen(netcase.Outbound, netcase.OutcomeOutbound, knock("198.51.100.9", 443, netcase.ReachBidirectional, 1), w.listing("feed", "feed", netcase.ClaimMalware, 0))
	if g := judged(t, plain(harm, flood, spike)).Groups; g[0].Flows != 22_950 || g[1].Severity.High != netcase.Medium {
		t.Errorf("the flood comes after a graver call: %s", g[0].Label)
	}
	c := judged(t, plain(ntp, flood, spike))
	if !strings.Contains(c.Title, "10.0.0.77") || !strings.Contains(c.Title, "41.7") {
		t.Errorf("title %q", c.Title)
	}
	if !strings.Contains(c.Actions[0].Title, "10.0.0.77") {
		t.Errorf("the first action does not speak of what the title names: %q", c.Actions[0].Title)
	}
	text := summaryText(c)
	if !strings.Contains(text, spike.Title) || !strings.Contains(text, "authorised is not in the data") || strings.Contains(text, "benign") {
		t.Errorf("summary: %s", text)
	}
	if len(c.Groups[0].Hypotheses) != 0 || c.Status != netcase.StatusSuspicious {
		t.Errorf("weighed: %+v, status %s", c.Groups[0].Hypotheses, c.Status)
	}
}

// A line that was only described stands on page one too.
func TestDescribedLineIsQuoted(t *testing.T) {
	s := incident().spike()
	s.Title, s.Spike.Described, s.Spike.Listed, s.Spike.Observed = "lateral flows: 5,039 in less than an hour", true, nil, 5039
	c := judged(t, plain(scanOf("probe", knock("198.51.100.8", 23, netcase.ReachDenied, 1)), s))
	if !strings.Contains(summaryText(c), s.Title) {
		t.Errorf("summary: %s", summaryText(c))
	}
}

// Many sources are told together, and every group is counted.
func TestManySourcesTitle(t *testing.T) {
	var ps []netcase.Profile
	for i := range 120 {
		ps = append(ps, knock(fmt.Sprintf("45.%d.1.7", i), uint16(1000+i), netcase.ReachDenied, 2))
	}
	out := seen(netcase.Outbound, netcase.OutcomeDenied, knock("198.51.100.8", 123, netcase.ReachDenied, 1), incident().listing("feed", "feed", netcase.ClaimScan, 0))
	if c := judged(t, plain(scanOf("probe", ps...), out)); !strings.HasPrefix(c.Title, "120 outside") {
		t.Errorf("title beside an outbound group %q", c.Title)
	}
	c := judged(t, plain(scanOf("probe", ps...)))
	if !strings.HasPrefix(c.Title, "120 outside sources probed 1 host") {
		t.Errorf("title %q", c.Title)
	}
	if len(c.Groups) != DefaultConfig().MaxGroups || c.GroupCount() != 120 {
		t.Errorf("%d groups, %d counted, want 120", len(c.Groups), c.GroupCount())
	}
	if text := summaryText(c); !strings.Contains(text, "119 further groups") || strings.Contains(text, "did something else") {
		t.Errorf("summary: %s", text)
	}
}

// Who is on no list is suspect only if a list was there to name him.
func TestUnlistedNeedsAList(t *testing.T) {
	w := incident()
	p := knock("198.51.100.8", 443, netcase.ReachBidirectional, 9)
	p.Ports[0].AnsweredHours = 3
	closed := netcase.PortCount{Port: 8080, Proto: netcase.TCP, Hosts: 1, Flows: 1, Records: 1}
	closed.Reach[netcase.ReachRefused] = 1
	p.Ports, p.PortCount, p.Flows = append(p.Ports, closed), 2, 10
	p.Reach[netcase.ReachRefused] = 1
	in := plain(scanOf("probe", p))
	for _, c := range []struct {
		learned netcase.Time
		want    netcase.State
	}{{w.start - netcase.Day, netcase.True}, {w.start + 6*netcase.Day, netcase.Unknown}, {0, netcase.Unknown}} {
		in.Coverage.Feeds = []netcase.FeedReport{{Name: "list", Usable: 9, Learned: c.learned}}
		if got := itemOf(judged(t, in).Groups[0].Items, "A08"); got.State != c.want {
			t.Errorf("list learned %s: A08 %+v, want %s", c.learned, got, c.want)
		}
	}
}

// What the caller assumes is said to be assumed, and gates nothing.
func TestAssumed(t *testing.T) {
	in := incident().decided(netcase.ReachDenied)
	in.Settings = map[string]string{"assume": "denied"}
	c := judged(t, in)
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing != netcase.NotDeterminable {
		t.Errorf("compromise %s (%s)", cl.Standing, cl.Why)
	}
	for _, cl := range c.Groups[0].Claims {
		if cl.ID != claimControl && cl.Standing != netcase.NotDeterminable {
			t.Errorf("%s of the group: %s", cl.ID, cl.Standing)
		}
	}
	if text := c.Summary[1].Text; !strings.Contains(strings.ToLower(text), "assumed by the caller: denied") || !strings.Contains(c.Severity.WhyLow, "assumed denied") {
		t.Errorf("summary %q, severity %+v", text, c.Severity)
	}
	if itemOf(c.Groups[0].Items, "A05").State != netcase.Unknown {
		t.Error("an assumed outcome is weighed")
	}
	in.Settings, in.Coverage.Notes = nil, []string{"assumed by the caller: an outcome that is not recorded is no_reply"}
	if text := summaryText(judged(t, in)); !strings.Contains(text, "no_reply") {
		t.Errorf("the note of the coverage is not on page one: %s", text)
	}
}

// What every group gates out stays open for flows that no group holds.
func TestGatedForTheGroupsOnly(t *testing.T) {
	in := plain(scanOf("probe", knock("198.51.100.8", 23, netcase.ReachDenied, 1)))
	c := judged(t, in)
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing != netcase.Gated || !strings.Contains(cl.Why, "G1") || strings.Contains(cl.Why, "all 1 flow") {
		t.Errorf("compromise %s: %s", cl.Standing, cl.Why)
	}
	in.Coverage.Inputs[0].Reaches[netcase.ReachDenied], in.Coverage.Inputs[0].Reaches[netcase.ReachBidirectional] = 1, 5000
	c = judged(t, in)
	if cl := claimOf(c.Claims, claimCompromise); cl.Standing != netcase.NotDeterminable || !strings.Contains(cl.Why, "5,000 flows that no group holds") {
		t.Errorf("compromise %s: %s", cl.Standing, cl.Why)
	}
}

// No claim of a group that is not answered stands as assessed with a tiny number.
func TestGroupClaimsAreNotAssessedAtThePrior(t *testing.T) {
	for _, r := range []netcase.Reach{netcase.ReachNoReply, netcase.ReachRefused, netcase.ReachBidirectional, netcase.ReachAllowed} {
		c := judged(t, plain(scanOf("probe", knock("198.51.100.8", 8080, r, 3))))
		for _, cl := range c.Groups[0].Claims {
			if cl.Standing == netcase.Assessed {
				t.Errorf("%s: %s is assessed at %.3f", r, cl.ID, cl.Posterior)
			}
		}
		for _, j := range c.Judgements {
			if j.Word == string(netcase.NotDeterminable) && j.Confidence != noConfidence {
				t.Errorf("confidence %q in what is not determinable", j.Confidence)
			}
		}
	}
}

// Kinds that were recognised and not read are a row each, and octets are missed
// where octets are missing.
func TestGapsClaimOnlyWhatIsMissing(t *testing.T) {
	p := knock("198.51.100.8", 8080, netcase.ReachBidirectional, 3)
	p.OctetsIn = netcase.Absent
	in := plain(scanOf("probe", p))
	for i := range 3 {
		in.Coverage.Inputs = append(in.Coverage.Inputs, netcase.InputReport{ID: fmt.Sprint("in-", i), Name: fmt.Sprint("http", i), Format: "zeek", Read: 10, Skipped: 10,
			Reasons: map[string]int64{"zeek http.log: not read yet, only conn": 10}})
	}
	in.Coverage.Inputs = append(in.Coverage.Inputs, netcase.InputReport{ID: "in-9", Name: "stats", Format: "zeek", Read: 2, Skipped: 2,
		Reasons: map[string]int64{"zeek stats.log: not read yet, only conn": 2}})
	c := judged(t, in)
	row := func(source string) *netcase.Gap {
		i := slices.IndexFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == source })
		if i < 0 {
			return nil
		}
		return &c.Gaps[i]
	}
	if g := row("zeek http.log"); g == nil || !strings.Contains(g.Present, "30 records in 3 inputs") || g.Effect == "" {
		t.Errorf("unread requests: %+v", g)
	}
	if g := row("records of other kinds"); g == nil || !strings.Contains(g.Present, "stats") {
		t.Errorf("other kinds: %+v", g)
	}
	if row("flow counters") != nil || row("packet counters") != nil {
		t.Errorf("counters that are there are said to be missing: %+v", c.Gaps)
	}
	if g := row("octet counters"); g == nil || !strings.Contains(g.Present, "1 of 1 source") {
		t.Errorf("octets: %+v", g)
	}
}

// The reason of rule 6b says what was seen.
func TestReasonsSayWhatWasSeen(t *testing.T) {
	for reach, want := range map[netcase.Reach][2]string{
		netcase.ReachNoReply:       {"3 flows allowed without reply", "3 flows allowed without reply"},
		netcase.ReachRefused:       {"3 flows refused by the host", "3 flows refused by the host"},
		netcase.ReachBidirectional: {"3 flows answered", "3 flows answered"},
		netcase.ReachAllowed:       {"supposing that none was answered", "supposing that 3 allowed (replies not recorded) means answered"},
	} {
		s := judged(t, plain(scanOf("probe", knock("198.51.100.8", 8080, reach, 3)))).Severity
		if !strings.Contains(s.WhyLow, want[0]) || !strings.Contains(s.WhyHigh, want[1]) {
			t.Errorf("%s: %q and %q", reach, s.WhyLow, s.WhyHigh)
		}
	}
	s := judged(t, plain(scanOf("probe", knock("198.51.100.8", 22, netcase.ReachAllowed, 3)))).Severity
	if s.Low != netcase.Low || s.High != netcase.Medium || !strings.Contains(s.Decides, "replied") {
		t.Errorf("allowed on an administration port: %+v", s)
	}
}

// No block rests on a listing that weighs nothing, and what was refused is one note
// at the end.
func TestNoBlockOnNothing(t *testing.T) {
	w := incident()
	stale := w.listing("bulk list", "bulk list", netcase.ClaimListed, 0)
	stale.Indicator.LastSeen, stale.Indicator.FirstSeen, stale.AgeDays = 0, 0, 0
	p := knock("198.51.100.8", 23, netcase.ReachDenied, 3)
	c := judged(t, plain(scanOf("probe", p), seen(netcase.Inbound, netcase.OutcomeDenied, p, stale)))
	last := c.Actions[len(c.Actions)-1]
	if slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Kind == actBlock }) || len(last.Refused) != 1 || !strings.Contains(last.Title, "refused") {
		t.Errorf("actions %+v", c.Actions)
	}
	for _, a := range c.Actions {
		if a.Kind == actData && a.Verify != "" {
			t.Errorf("%s: the query that fetches is no check that it worked", a.ID)
		}
	}
}

// A label agrees with what a sighting says, in whatever direction it was met.
func TestLabelAgreesWithSighting(t *testing.T) {
	w := incident()
	p := knock("198.51.100.8", 23, netcase.ReachDenied, 3)
	out := seen(netcase.Outbound, netcase.OutcomeOutbound, p, w.listing("feed", "feed", netcase.ClaimPhishing, 0))
	c := judged(t, plain(scanOf("probe", p), out))
	for _, g := range c.Groups {
		if strings.Contains(g.Label, "unlisted") {
			t.Errorf("%s: %s", g.ID, g.Label)
		}
	}
}

// An artefact needs two counts to compare.
func TestOneCountIsNoArtefact(t *testing.T) {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	none := judged(t, in)
	in.Findings = numbered(append(in.Findings, netcase.Finding{Detector: "artefact", Kind: "counts", Title: "near-equal counts of 4 to 4",
		Artefact: &netcase.ArtefactFacts{Verdict: artefactPossible, Counts: []netcase.PeerCount{{Peer: netcase.At(w.peers[0]), Records: 4}}}})...)
	c := judged(t, in)
	if c.Confidence.Points != none.Confidence.Points || strings.Contains(summaryText(c), "near-equal") {
		t.Errorf("points %d, without it %d: %s", c.Confidence.Points, none.Confidence.Points, summaryText(c))
	}
}

// Listed and unlisted neighbours that did the same are one group; strangers are not.
func TestNeighboursAreOneGroup(t *testing.T) {
	w := incident()
	var findings []netcase.Finding
	near, next, far := knock("198.51.100.8", 23, netcase.ReachDenied, 3), knock("198.51.100.9", 23, netcase.ReachDenied, 3), knock("203.0.113.9", 23, netcase.ReachDenied, 3)
	findings = append(findings, scanOf("probe", near, next, far), seen(netcase.Inbound, netcase.OutcomeDenied, near, w.listing("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 80)))
	c := judged(t, plain(findings...))
	if len(c.Groups) != 2 || c.Groups[0].SourceCount != 2 || !strings.Contains(c.Groups[0].Label, "2 addresses (1 listed)") {
		t.Errorf("groups %d: %s", len(c.Groups), c.Groups[0].Label)
	}
	if i := itemOf(c.Groups[0].Items, "A03"); i.State != netcase.True || !strings.Contains(i.Why, "1 of the 2") {
		t.Errorf("A03 %+v", i)
	}
}

// An open door is named on page one.
func TestOpenDoorOnPageOne(t *testing.T) {
	p := knock("198.51.100.8", 3389, netcase.ReachBidirectional, 110)
	door := netcase.Finding{Detector: "exposure", Kind: "admin port answers", Title: "open", Direction: netcase.Inbound, Flows: 110,
		Exposure: &netcase.ExposureFacts{Host: p.Hosts[0], HostName: "vdi-07", Port: 3389, Proto: netcase.TCP, Sources: []netcase.Profile{p}, SourceCount: 10, Sessions: 110, Proven: true}}
	if text := judged(t, plain(door)).Summary[1].Text; !strings.Contains(text, "3389/tcp on vdi-07 (10.0.0.4) answered 10 outside addresses (110 two-way flows)") {
		t.Errorf("%s", text)
	}
}

// Numbers in one sentence agree, and nouns have their plural.
func TestWordsAgree(t *testing.T) {
	s := &netcase.SpikeFacts{Excess: 251.6, Ratio: 20.3, Listed: &netcase.Contribution{Observed: 1.6}}
	if got := explained(s) + spikeNumbers(s); strings.Contains(got, "251") || strings.Count(got, "252") != 2 {
		t.Errorf("%s", got)
	}
	in := plain(netcase.Finding{Detector: "owner", Kind: "expected", Title: "usual owner", Owner: &netcase.OwnerFacts{Verdict: ownerExpected}})
	if text := summaryText(judged(t, in)); !strings.Contains(text, "1 finding of another kind stands") {
		t.Errorf("%s", text)
	}
	c := judged(t, incident().input(netcase.ReachUnknown))
	for _, cl := range c.Groups[0].Claims {
		for _, i := range cl.Items {
			if strings.Contains(i.Why, "portses") {
				t.Errorf("%s", i.Why)
			}
		}
	}
	if got := article("almost certain"); got != "almost certainly" {
		t.Errorf("this is %s an attempt", got)
	}
	if got := enumerated([]string{"octets, with a baseline", "flows", "logins"}, 2); got != "octets, with a baseline; flows; and 1 more" {
		t.Errorf("%q", got)
	}
	if got := sentences([]string{"One.", "Two."}, 2); got != "One. Two." {
		t.Errorf("%q", got)
	}
	if !strings.Contains(c.Confidence.Capped, "of the told groups") {
		t.Errorf("%s", c.Confidence.Capped)
	}
}
