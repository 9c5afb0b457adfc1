package judge

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"netcase"
)

// outward is a case of what one of our hosts did, with flows recorded one by one.
type outward struct {
	world
	host, peer netcase.Endpoint
}

func newOutward() outward {
	return outward{incident(), netcase.At(netip.MustParseAddr("10.1.0.4")), netcase.At(netip.MustParseAddr("198.51.100.77"))}
}

func (o outward) judged(t *testing.T, findings ...netcase.Finding) *netcase.Case {
	t.Helper()
	in := o.input(netcase.ReachBidirectional)
	in.Outbound = netcase.True
	for i := range in.Coverage.Inputs {
		in.Coverage.Inputs[i].Resolution = []netcase.Resolution{netcase.ResolutionRaw}
	}
	for _, d := range []string{"beacon", "exfil", "process", "persistence", "lateral", "auth"} {
		in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: d, OK: true})
	}
	in.Coverage.Families = []string{"flow", "login", "process"}
	in.Findings = numbered(findings...)
	return judged(t, in)
}

func (o outward) tally(n int64) (t netcase.Tally) {
	t[netcase.ReachBidirectional] = n
	return t
}

func (o outward) beacon(change func(*netcase.BeaconFacts)) netcase.Finding {
	b := &netcase.BeaconFacts{Host: o.host, Peer: o.peer, Port: 443, Proto: netcase.TCP, Verdict: netcase.CadencePeriodic, Period: 5 * time.Minute, Starts: 288,
		Rarity: netcase.Rarity{Hosts: 1, Estate: 40, Days: 7, Rare: true}}
	if change != nil {
		change(b)
	}
	return netcase.Finding{Detector: "beacon", Kind: string(b.Verdict), Title: "every 5 minutes", Direction: netcase.Outbound, Span: o.span(), Flows: 288, Reach: o.tally(288), Beacon: b}
}

func (o outward) upload(change func(*netcase.UploadFacts)) netcase.Finding {
	u := &netcase.UploadFacts{Host: o.host, Peer: o.peer, Ports: []uint16{443}, Out: 2 << 30, In: 1 << 20, Window: o.span(), Expected: 1 << 20, Ratio: 2048, Q: 1e-9, Tier: "T2",
		Rarity: netcase.Rarity{Hosts: 1, Estate: 40, Days: 7, Rare: true}}
	if change != nil {
		change(u)
	}
	return netcase.Finding{Detector: "exfil", Kind: "upload", Title: "2 GB left", Direction: netcase.Outbound, Span: o.span(), Flows: 12, Reach: o.tally(12), Upload: u}
}

// A cadence alone makes a group of its own, and a claim that stays open: the process is
// not known.
func TestCadenceIsJudged(t *testing.T) {
	o := newOutward()
	for name, c := range map[string]struct {
		change func(*netcase.BeaconFacts)
		state  netcase.State
		groups int
	}{
		"rare":            {nil, netcase.True, 1},
		"many hosts call": {func(b *netcase.BeaconFacts) { b.Rarity = netcase.Rarity{Hosts: 30, Estate: 40, Days: 7} }, netcase.False, 1},
		"small estate":    {func(b *netcase.BeaconFacts) { b.Rarity = netcase.Rarity{Hosts: 1, Estate: 1, Days: 1} }, netcase.Unknown, 1},
		"known cause":     {func(b *netcase.BeaconFacts) { b.Verdict, b.Cause = netcase.CadenceBenign, "network time" }, netcase.False, 0},
		"not measurable":  {func(b *netcase.BeaconFacts) { b.Verdict = netcase.CadenceUnmeasured }, netcase.Unknown, 0},
		"knocks":          {func(b *netcase.BeaconFacts) { b.Verdict = netcase.CadenceFromOutside }, netcase.False, 0},
	} {
		k := o.judged(t, o.beacon(c.change))
		if len(k.Groups) != c.groups {
			t.Errorf("%s: %d groups", name, len(k.Groups))
		}
		var items []netcase.Item
		if len(k.Groups) > 0 {
			items = claimOf(k.Groups[0].Claims, claimControl).Items
		} else {
			items = claimOf(k.Claims, claimControl).Items
		}
		if got := itemOf(items, "B-PERIOD").State; got != c.state {
			t.Errorf("%s: B-PERIOD is %s, want %s: %s", name, got, c.state, itemOf(items, "B-PERIOD").Why)
		}
		if k.Severity.High > netcase.Medium {
			t.Errorf("%s: %s", name, k.Severity)
		}
	}
}

// The claim of the method's J6, from facts: cadence and a strange process, not confirmable.
func TestCadenceAndProcess(t *testing.T) {
	o := newOutward()
	process := netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Span: o.span(),
		Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "not where Windows keeps it", Image: "svchost.exe", Decibans: 14}}
	k := o.judged(t, o.beacon(nil), process)
	c := claimOf(k.Groups[0].Claims, claimControl)
	near(t, "cadence and process", c.Posterior, odds(.002, 24), 1e-9)
	if c.Standing != netcase.Assessed {
		t.Errorf("every required item is known, yet it is %s", c.Standing)
	}
	other := process
	own := *process.Process
	own.Rule, own.Why, own.Decibans = "parent", "its parent is winword.exe", 10
	other.Process = &own
	k = o.judged(t, o.beacon(nil), process, other)
	near(t, "two rules are one voice with an echo", claimOf(k.Groups[0].Claims, claimControl).Posterior, odds(.002, 10+14+.25*10), 1e-9)
	if k.Status == netcase.StatusConfirmed {
		t.Error("nobody approved")
	}
}

func TestUploadIsJudged(t *testing.T) {
	o := newOutward()
	k := o.judged(t, o.upload(nil))
	c := claimOf(k.Groups[0].Claims, claimExfiltration)
	near(t, "bytes and rarity", c.Posterior, odds(.001, 16), 1e-9)
	if k.Groups[0].Class != classUploads || k.Groups[0].Direction != netcase.Outbound {
		t.Errorf("%+v", k.Groups[0].Label)
	}
	k = o.judged(t, o.upload(func(u *netcase.UploadFacts) { u.Cause = "backup" }))
	if len(k.Groups) != 0 {
		t.Errorf("a backup is a group: %s", k.Groups[0].Label)
	}
	k = o.judged(t, o.beacon(nil), o.upload(nil))
	if len(k.Groups) != 1 || k.Groups[0].Class != classCalls || k.Groups[0].Flows != 288 {
		t.Errorf("one host and one destination are one group: %d groups, %+v", len(k.Groups), k.Groups[0].Flows)
	}
}

func TestFloodIsJudged(t *testing.T) {
	o := newOutward()
	build := func(suffers netcase.State) *netcase.Case {
		var reach netcase.Tally
		reach[netcase.ReachNoReply] = 40_000
		return o.judged(t, netcase.Finding{Detector: "dos", Kind: "flood", Title: "443/tcp bore 40,000 flows", Direction: netcase.Inbound, Span: o.span(), Flows: 40_000, Reach: reach,
			Flood: &netcase.FloodFacts{Host: o.host, Port: 443, Proto: netcase.TCP, Window: o.span(), Sources: 30_000, Flows: 40_000, Expected: 200, Ratio: 200, Spoofed: true, Suffers: suffers, Why: "answers fell"}})
	}
	k := build(netcase.True)
	if lead := k.Groups[0].Hypotheses[0]; lead.ID != "DOS" || lead.Posterior < .8 {
		t.Errorf("%s %.3f", lead.ID, lead.Posterior)
	}
	if k := build(netcase.False); k.Groups[0].Hypotheses[0].ID == "DOS" {
		t.Error("the service went on answering")
	}
	if k := build(netcase.Unknown); itemOf(k.Groups[0].Items, "A09").State != netcase.Unknown {
		t.Errorf("%+v", itemOf(k.Groups[0].Items, "A09"))
	}
}

// What is new on a host after a login from the group speaks for a compromise; the same
// without such a login does not.
func TestChangesAfterLogin(t *testing.T) {
	o := newOutward()
	at := o.start + netcase.Hour
	login := netcase.Finding{Detector: "auth", Kind: "success-after-failure", Title: "1 login after 40 failures", Direction: netcase.Inbound, Span: o.span(), Flows: 41, Reach: o.tally(41),
		Auth: &netcase.AuthFacts{Host: o.host, Peers: []netcase.Endpoint{o.peer}, PeerCount: 1, Pattern: netcase.PatternSuccess, Grade: "A", Accounts: []string{"svc"}, Failures: 40, Successes: 1,
			LoginAt: at, NewSource: netcase.True, Complete: true, Covered: 1, Source: o.logins(41)}}
	service := func(ref *netcase.LoginRef) netcase.Finding {
		return netcase.Finding{Detector: "persistence", Kind: "service", Title: "a service was installed", Span: o.span(),
			Persistence: &netcase.PersistenceFacts{Host: o.host, What: "service", Name: "updater", At: at + netcase.Minute, AfterLogin: ref}}
	}
	post := func(k *netcase.Case) netcase.Item {
		return itemOf(claimOf(k.Groups[0].Claims, claimCompromise).Items, "B-POST")
	}
	k := o.judged(t, login, service(&netcase.LoginRef{At: at, Host: o.host, Account: "svc", Peer: o.peer, Outside: true, Failures: 40}))
	if i := post(k); i.State != netcase.True || !strings.Contains(i.Why, "updater") {
		t.Errorf("%+v", i)
	}
	c := claimOf(k.Groups[0].Claims, claimCompromise)
	near(t, "J5", c.Posterior, .969, .002)
	if k.Severity.Low != netcase.High || k.Status != netcase.StatusSuspected {
		t.Errorf("%s, %s", k.Severity, k.Status)
	}
	if i := post(o.judged(t, login, service(nil))); i.State == netcase.True {
		t.Errorf("a service without a login before it: %+v", i)
	}
	stranger := netcase.At(netip.MustParseAddr("203.0.113.200"))
	if i := post(o.judged(t, login, service(&netcase.LoginRef{At: at, Host: o.host, Account: "svc", Peer: stranger}))); i.State == netcase.True {
		t.Errorf("the login of another source: %+v", i)
	}
}

// logins is what a login log shows of the source.
func (o outward) logins(n int64) *netcase.Profile {
	return &netcase.Profile{Peer: o.peer, Direction: netcase.Inbound, Hosts: []netcase.Endpoint{o.host}, HostCount: 1, Flows: n, Records: n, Reach: o.tally(n),
		Ports: []netcase.PortCount{{Port: 3389, Proto: netcase.TCP, Hosts: 1, Flows: n, Records: n, Reach: o.tally(n)}}, PortCount: 1,
		First: o.start, Last: o.start + 2*netcase.Hour, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent}
}

// One account of a machine of ours that fails at an even pace is a setting.
func TestStaleCredentials(t *testing.T) {
	o := newOutward()
	inside := netcase.At(netip.MustParseAddr("10.1.0.9"))
	p := o.logins(300)
	p.Peer, p.Direction = inside, netcase.Inbound
	k := o.judged(t, netcase.Finding{Detector: "auth", Kind: "stale credentials", Title: "300 failures at an even pace", Direction: netcase.Inbound, Span: o.span(), Flows: 300, Reach: o.tally(300),
		Auth: &netcase.AuthFacts{Host: o.host, Peers: []netcase.Endpoint{inside}, PeerCount: 1, Pattern: netcase.PatternStale, Misconfigured: true, Accounts: []string{"backup"}, Failures: 300, Period: 5 * time.Minute, Source: p}})
	g := k.Groups[0]
	if g.Hypotheses[0].ID != "MIS" || g.Hypotheses[0].Posterior < suspiciousFrom || itemOf(g.Items, "A07").State == netcase.True {
		t.Errorf("%+v", g.Hypotheses)
	}
}

// What flows alone suggest is no failed login.
func TestGuessingByFlowsIsNoLoginLog(t *testing.T) {
	o := newOutward()
	k := o.judged(t, netcase.Finding{Detector: "auth", Kind: "bruteforce", Title: "sessions that are alike", Direction: netcase.Inbound, Span: o.span(), Flows: 60, Reach: o.tally(60),
		Auth: &netcase.AuthFacts{Host: o.host, Peers: []netcase.Endpoint{o.peer}, PeerCount: 1, Pattern: netcase.PatternGuessing, FromFlows: true, Failures: 60, Source: o.logins(60)}})
	if i := itemOf(k.Groups[0].Items, "A07"); i.State == netcase.True {
		t.Errorf("%+v", i)
	}
}

// An hour of raw records says nothing of a cadence over the rest of the span.
func TestSilenceNeedsRawRecords(t *testing.T) {
	o := newOutward()
	for share, want := range map[netcase.Time]netcase.State{1: netcase.False, 24: netcase.Unknown} {
		in := o.input(netcase.ReachBidirectional)
		in.Outbound, in.Span = netcase.True, o.span()
		for i := range in.Coverage.Inputs {
			in.Coverage.Inputs[i].Resolution = []netcase.Resolution{netcase.ResolutionRaw}
			in.Coverage.Inputs[i].Span = netcase.Span{Start: in.Span.Start, End: in.Span.Start + (in.Span.End-in.Span.Start)/share}
		}
		in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: "beacon", OK: true})
		in.Findings = numbered(o.upload(nil))
		if got := itemOf(claimOf(judged(t, in).Groups[0].Claims, claimControl).Items, "B-PERIOD").State; got != want {
			t.Errorf("raw for 1/%d of the span: %s, want %s", share, got, want)
		}
	}
}

// What one of our machines did to a place that nobody else calls leads title and page one,
// before noise from outside, and its process is asked for first.
func TestDeedLeadsNoise(t *testing.T) {
	o := newOutward()
	noise := scanOf("horizontal", knock("198.51.100.8", 445, netcase.ReachNoReply, 900), knock("198.51.100.9", 445, netcase.ReachNoReply, 900))
	up := o.upload(nil)
	c := o.judged(t, noise, up)
	if !strings.HasPrefix(c.Title, "2 GB left; 2 ") {
		t.Errorf("title %q", c.Title)
	}
	if text := c.Summary[0].Text; !strings.HasPrefix(text, "2 GB left, between ") || !strings.Contains(text, "beside it, 2 ") {
		t.Errorf("%s", text)
	}
	if text := c.Summary[1].Text; !strings.HasPrefix(text, "Outcome of the flows of G1: 1,800 no reply") {
		t.Errorf("%s", text)
	}
	if len(c.Actions) == 0 || !strings.HasPrefix(c.Actions[0].Title, "Find the process on 10.1.0.4") {
		t.Errorf("%+v", c.Actions)
	}
	// What many machines of ours do does not.
	up.Upload.Rarity = netcase.Rarity{Hosts: 30, Estate: 40, Days: 7}
	if c := o.judged(t, noise, up); strings.HasPrefix(c.Title, "2 GB") {
		t.Errorf("title %q", c.Title)
	}
}

// A group of calls is told by the machine, the place and the pace.
func TestCallIsNamed(t *testing.T) {
	o := newOutward()
	c := o.judged(t, o.beacon(nil))
	if c.Title != "every 5 minutes" || !strings.HasPrefix(c.Summary[0].Text, "Every 5 minutes, between") && !strings.HasPrefix(c.Summary[0].Text, "every 5 minutes, between") {
		t.Errorf("%q: %s", c.Title, c.Summary[0].Text)
	}
	if len(c.Actions) == 0 || !strings.HasPrefix(c.Actions[0].Title, "Find the process on 10.1.0.4") {
		t.Errorf("%+v", c.Actions)
	}
	// An upload goes before the pace at which it went.
	if c := o.judged(t, o.beacon(nil), o.upload(nil)); !strings.HasPrefix(c.Title, "2 GB left") {
		t.Errorf("title %q", c.Title)
	}
}

// One machine that called one listed place: both are named on page one.
func TestOneCallNamesBothEnds(t *testing.T) {
	c := judged(t, plain(seen(netcase.Outbound, netcase.OutcomeOutbound, knock("198.51.100.8", 443, netcase.ReachBidirectional, 1), netcase.Listing{})))
	if !strings.HasPrefix(c.Title, "10.0.0.4 (rg/web-1) called 198.51.100.8 (1 ") {
		t.Errorf("title %q", c.Title)
	}
	if text := c.Summary[0].Text; !strings.HasPrefix(text, "10.0.0.4 (rg/web-1) called 198.51.100.8 (1 ") {
		t.Errorf("%s", text)
	}
}
