package judge

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// entered is a case in which somebody guessed, came in, and made a service: the least
// evidence of a compromise, from flows, the login log and process records.
func (o outward) entered(change func(*Input)) Input {
	at := o.start + netcase.Hour
	login := netcase.Finding{Detector: "auth", Kind: "success-after-failure", Title: "1 login after 40 failures", Direction: netcase.Inbound, Span: o.span(), Flows: 41, Reach: o.tally(41),
		Auth: &netcase.AuthFacts{Host: o.host, Peers: []netcase.Endpoint{o.peer}, PeerCount: 1, Pattern: netcase.PatternSuccess, Grade: "A", Accounts: []string{"svc"}, Failures: 40, Successes: 1,
			LoginAt: at, NewSource: netcase.True, Complete: true, Covered: 1, Source: o.logins(41)}}
	service := netcase.Finding{Detector: "persistence", Kind: "service", Title: "a service was installed", Span: o.span(),
		Persistence: &netcase.PersistenceFacts{Host: o.host, What: "service", Name: "updater", At: at + netcase.Minute,
			AfterLogin: &netcase.LoginRef{At: at, Host: o.host, Account: "svc", Peer: o.peer, Outside: true, Failures: 40}}}
	in := o.input(netcase.ReachBidirectional)
	in.Outbound = netcase.True
	for _, d := range []string{"beacon", "exfil", "process", "persistence", "lateral", "auth"} {
		in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: d, OK: true})
	}
	in.Coverage.Families = []string{"flow", "login", "process"}
	in.Findings = numbered(login, service)
	in.Settings = map[string]string{"site": "0123"}
	in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8")}
	if change != nil {
		change(&in)
	}
	return in
}

// approvedCase judges without the checks that hold of a case nobody approved.
func approvedCase(t *testing.T, in Input, a netcase.Approval) *netcase.Case {
	t.Helper()
	site := *in.Site
	site.Approvals = []netcase.Approval{a}
	in.Site = &site
	settings := map[string]string{settingApprovals: "ffff"}
	for k, v := range in.Settings {
		settings[k] = v
	}
	in.Settings = settings
	c, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := Close(c, in); err != nil {
		t.Fatal(err)
	}
	return c
}

// The last step: proposed by the evidence, taken by a person who read this very case.
func TestApproval(t *testing.T) {
	o := newOutward()
	in := o.entered(nil)
	read := judged(t, in)
	cl := claimOf(read.Claims, claimCompromise)
	if !cl.Proposed || len(cl.Lacks) > 0 || read.Status != netcase.StatusSuspected || !strings.Contains(read.StatusWhy, read.ID) {
		t.Fatalf("proposed %v, lacks %q, %s: %s", cl.Proposed, cl.Lacks, read.Status, read.StatusWhy)
	}
	word := netcase.Approval{Case: read.ID, Claim: claimCompromise, By: "J. Doe", Reason: "not our service", At: in.AsOf}
	c := approvedCase(t, in, word)
	if c.Status != netcase.StatusConfirmed || c.Severity.Low != netcase.Critical || c.Severity.RuleLow != "1" || c.ID == read.ID {
		t.Errorf("%s (%s), severity %s by %s, id %s", c.Status, c.StatusWhy, c.Severity, c.Severity.RuleLow, c.ID)
	}
	if a := claimOf(c.Claims, claimCompromise).Approved; a == nil || *a != word {
		t.Errorf("approved %+v", a)
	}
	low := o.entered(func(in *Input) {
		in.Site.Assets = []netcase.Asset{{Name: "lab", Addresses: addrs("10.1.0.4"), Criticality: 1}}
	})
	word.Case = judged(t, low).ID
	if c := approvedCase(t, low, word); c.Severity.Low != netcase.High || c.Severity.RuleLow != "2" {
		t.Errorf("one host of criticality 1: %s by %s", c.Severity, c.Severity.RuleLow)
	}

	for name, change := range map[string]func(*Input, *netcase.Approval){
		"another case":     func(_ *Input, a *netcase.Approval) { a.Case = "nc-000000000000" },
		"no name":          func(_ *Input, a *netcase.Approval) { a.By = "" },
		"no reason":        func(_ *Input, a *netcase.Approval) { a.Reason = "" },
		"another claim":    func(_ *Input, a *netcase.Approval) { a.Claim = claimControl },
		"other settings":   func(in *Input, _ *netcase.Approval) { in.Settings = map[string]string{"site": "9999"} },
		"other inputs":     func(in *Input, _ *netcase.Approval) { in.Coverage.Inputs[0].SHA256 = "other" },
		"something is out": func(in *Input, a *netcase.Approval) { in.Without = []string{"A01"} },
	} {
		other := o.entered(nil)
		other.Coverage.Inputs = slices.Clone(other.Coverage.Inputs)
		a := word
		a.Case = read.ID
		change(&other, &a)
		if c := approvedCase(t, other, a); c.Status == netcase.StatusConfirmed {
			t.Errorf("%s: %s", name, c.StatusWhy)
		} else if !slices.ContainsFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == "approvals" }) {
			t.Errorf("%s: that the approval does not count is not told", name)
		}
	}
}

// Each part of the least evidence is needed, whatever the posterior.
func TestLeastEvidence(t *testing.T) {
	o := newOutward()
	for name, c := range map[string]struct {
		change func(*Input)
		lacks  string
	}{
		"no artefact": {func(in *Input) { in.Findings = numbered(in.Findings[0]) }, "artefact"},
		"one family":  {func(in *Input) { in.Coverage.Families = []string{"login"} }, "family"},
		"the owner's word": {func(in *Input) {
			in.Site.Statements = []netcase.Statement{{Who: "owner", What: "mine", Account: "svc"}}
		}, ""},
		"grade C":       {func(in *Input) { in.Findings[0].Auth.Grade = "C" }, ""},
		"by flows only": {func(in *Input) { in.Findings[0].Auth.FromFlows = true }, ""},
	} {
		cl := claimOf(judged(t, o.entered(c.change)).Claims, claimCompromise)
		if cl.Proposed || c.lacks != "" && !strings.Contains(strings.Join(cl.Lacks, "; "), c.lacks) {
			t.Errorf("%s: proposed %v, posterior %.3f, lacks %q", name, cl.Proposed, cl.Posterior, cl.Lacks)
		}
	}
	denied := o.entered(func(in *Input) {
		in.Findings = numbered(in.Findings[0])
		in.Site.Statements = []netcase.Statement{{Who: "owner", What: "I was on leave", Account: "svc", Denied: true}}
	})
	if cl := claimOf(judged(t, denied).Claims, claimCompromise); !cl.Proposed {
		t.Errorf("the owner denies the login: posterior %.3f, lacks %q", cl.Posterior, cl.Lacks)
	}
	denied.Site.Statements[0].Account = "another"
	if cl := claimOf(judged(t, denied).Claims, claimCompromise); cl.Proposed {
		t.Error("the owner of another account denies another login")
	}
}

// C2: cadence, an independent list, and a strange process. Each alone is not enough, and
// J6 with all three at their plain weights stays below the last step.
func TestLeastEvidenceOfControl(t *testing.T) {
	o := newOutward()
	listed := o.listed(netcase.ClaimC2)
	process := func(db float64) netcase.Finding {
		return netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Span: o.span(),
			Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "not where Windows keeps it", Image: "svchost.exe", Decibans: db}}
	}
	lasting := netcase.Finding{Detector: "persistence", Kind: "start key", Title: "a start key", Span: o.span(),
		Persistence: &netcase.PersistenceFacts{Host: o.host, What: "start key", Name: "Helper", Odd: "it starts a program in a user's folder", At: o.start}}
	claim := func(fs ...netcase.Finding) netcase.Claim {
		return claimOf(o.judged(t, fs...).Claims, claimControl)
	}
	j6 := claim(o.beacon(nil), listed, process(14))
	near(t, "J6", j6.Posterior, .834, .0006)
	if j6.Proposed || !slices.ContainsFunc(j6.Lacks, func(s string) bool { return strings.Contains(s, "0.95") }) {
		t.Errorf("J6 is proposed: %v, lacks %q", j6.Proposed, j6.Lacks)
	}
	if all := claim(o.beacon(nil), listed, process(20), lasting); all.Proposed {
		t.Errorf("nothing joins the process to the calls, and still it is proposed at %.3f", all.Posterior)
	}
	if all := claim(o.beacon(nil), listed, process(14), lasting, o.socket("image path", 4)); !all.Proposed {
		t.Errorf("with all of it: posterior %.3f, lacks %q", all.Posterior, all.Lacks)
	}
	for name, fs := range map[string][]netcase.Finding{
		"no list":    {o.beacon(nil), process(20), lasting},
		"no cadence": {listed, process(20), lasting},
		"no process": {o.beacon(nil), listed, lasting},
	} {
		if c := claim(fs...); c.Proposed {
			t.Errorf("%s: proposed at %.3f", name, c.Posterior)
		}
	}
	other := o.listed(netcase.ClaimC2)
	other.Sighting.Sightings[0].Card.Listings[0].Indicator.Port = 8443
	c := claim(o.beacon(nil), other)
	near(t, "listed on another port", c.Posterior, odds(.002, 10+decibansOf(controlOther)), 1e-9)
}

// socket joins the process to the calls of the destination.
func (o outward) socket(unusual string, programs int) netcase.Finding {
	return netcase.Finding{Detector: "socket", Kind: "owner of the calls", Title: "svchost.exe opened the connections", Span: o.span(), Direction: netcase.Outbound,
		Process: &netcase.ProcessFacts{Host: o.host, Rule: "owner of the calls", Why: "not where Windows keeps it", Image: "svchost.exe", Peer: o.peer, Port: 443,
			Socket: &netcase.SocketFacts{Program: `\users\a\svchost.exe`, Unusual: unusual, Chain: []string{"it opened a connection"}, Programs: programs}}}
}

// TestJoinedSocket: the chain adds what chance takes away; another owner takes the weight
// of the host's oddities; one program and what it is started by are told by one voice.
func TestJoinedSocket(t *testing.T) {
	o := newOutward()
	process := netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Span: o.span(),
		Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "not where Windows keeps it", Image: "svchost.exe", Decibans: 14}}
	base := []netcase.Finding{o.beacon(nil), o.listed(netcase.ClaimC2), process}
	claim := func(more ...netcase.Finding) netcase.Claim {
		return claimOf(o.judged(t, append(slices.Clone(base), more...)...).Claims, claimControl)
	}
	near(t, "one program", claim(o.socket("image path", 1)).Posterior, odds(.002, 34), 1e-9)
	near(t, "four programs", claim(o.socket("image path", 4)).Posterior, odds(.002, 34+10*math.Log10(4)), 1e-9)
	near(t, "a thousand programs", claim(o.socket("image path", 1000)).Posterior, odds(.002, 44), 1e-9)
	other := o.socket("", 4)
	other.Process.Image = "msedge.exe"
	if c := claim(other); c.Standing != netcase.NotDeterminable || stateOf(c, "B-PROC") != netcase.Unknown {
		t.Errorf("another program opened them: %s at %.3f", c.Standing, c.Posterior)
	}
	elsewhere := o.socket("image path", 4)
	elsewhere.Process.Peer = netcase.At(netip.MustParseAddr("198.51.100.250"))
	near(t, "it called elsewhere", claim(elsewhere).Posterior, odds(.002, 34), 1e-9)
	lasting := netcase.Finding{Detector: "persistence", Kind: "start key", Title: "a start key", Span: o.span(),
		Persistence: &netcase.PersistenceFacts{Host: o.host, What: "start key", Name: "Helper", Value: `"C:\Users\a\svchost.exe" -q`, Odd: "it lies where users may write", At: o.start}}
	near(t, "one program twice", claim(o.socket("image path", 1), lasting).Posterior, odds(.002, 34+6*copyDiscount), 1e-9)
	lasting.Persistence.Value = `C:\Users\a\other.exe`
	near(t, "two programs", claim(o.socket("image path", 1), lasting).Posterior, odds(.002, 40), 1e-9)
}

// TestTwins: a masquerade that two detectors tell is weighed once and told once, with the
// evidence of both.
func TestTwins(t *testing.T) {
	o := newOutward()
	technique := []string{"T1036.005"}
	owner := netcase.Finding{Detector: "owner", Kind: "owner", Title: "its path is not that of svchost.exe", Technique: technique, Span: o.span(),
		Owner: &netcase.OwnerFacts{Host: o.host, Image: "svchost.exe", Port: 443, Verdict: "mismatch", Why: "its path", Decibans: 14}}
	process := netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Technique: technique, Span: o.span(),
		Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "its path", Image: "svchost.exe", Decibans: 14}}
	both := o.judged(t, o.beacon(nil), owner, process)
	near(t, "weighed once", claimOf(both.Claims, claimControl).Posterior, odds(.002, 24), 1e-9)
	told := 0
	for _, f := range both.Findings {
		if f.Owner != nil || f.Process != nil {
			told++
			if len(f.Evidence) != 2 {
				t.Errorf("%s: %d pieces of evidence, want those of both", f.Title, len(f.Evidence))
			}
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	owner.Technique = []string{"T1055"}
	if c := o.judged(t, o.beacon(nil), owner, process); len(c.Findings) != 3 {
		t.Errorf("two rules, %d findings", len(c.Findings))
	}
}

func stateOf(c netcase.Claim, id string) netcase.State { return states(c.Items)[id] }

// listed is the destination on a list, met on the port that the host called.
func (o outward) listed(claim netcase.ClaimType) netcase.Finding {
	p := netcase.Profile{Peer: o.peer, Direction: netcase.Outbound, Hosts: []netcase.Endpoint{o.host}, HostCount: 1, Flows: 288, Records: 288, Reach: o.tally(288),
		Ports: []netcase.PortCount{{Port: 443, Proto: netcase.TCP, Hosts: 1, Flows: 288, Records: 288, Reach: o.tally(288)}}, PortCount: 1,
		First: o.start, Last: o.start + 23*netcase.Hour, OctetsOut: 90_000, OctetsIn: 40_000, BusiestHour: netcase.Absent}
	l := o.listing("ThreatFox", "abuse.ch", claim, 0)
	return netcase.Finding{Detector: "sighting", Kind: "outbound", Title: "1 listed address called", Direction: netcase.Outbound, Span: o.span(), Flows: 288, Reach: o.tally(288),
		Sighting: &netcase.SightingFacts{Outcome: netcase.OutcomeOutbound, Count: 1, Sightings: []netcase.Sighting{{
			Card: netcase.Card{Address: o.peer.Addr, Adverse: 1, Listings: []netcase.Listing{l}}, Profile: p, Outcome: netcase.OutcomeOutbound}}}}
}

// The owner's word that the tries of a source were theirs counts among the explanations as
// it counts against a compromise, as long as it speaks for all that the source tried.
func TestOwnersTries(t *testing.T) {
	o := newOutward()
	word := netcase.Statement{Who: "owner", What: "I had forgotten it", Account: "svc", Peer: o.peer.String()}
	lead := func(s netcase.Statement, change func(*netcase.AuthFacts)) (netcase.State, netcase.Hypothesis) {
		t.Helper()
		c := judged(t, o.entered(func(in *Input) {
			in.Site.Statements = []netcase.Statement{s}
			in.Findings = numbered(in.Findings[0])
			change(in.Findings[0].Auth)
		}))
		i := slices.IndexFunc(c.Groups, func(g netcase.Group) bool { return len(g.Hypotheses) > 0 })
		return itemOf(c.Groups[i].Items, "A10").State, c.Groups[i].Lead()
	}
	same := func(*netcase.AuthFacts) {}
	other := func(change func(*netcase.Statement)) netcase.Statement { s := word; change(&s); return s }
	before, guessing := lead(other(func(s *netcase.Statement) { s.Peer = "192.0.2.1" }), same)
	after, vouched := lead(word, same)
	if before == netcase.True || after != netcase.True || guessing.ID != "BFA" || decibansOf(guessing.Posterior)-decibansOf(vouched.Posterior) < 6 {
		t.Errorf("A10 %s, then %s; guessing %.4f, then %.4f", before, after, guessing.Posterior, vouched.Posterior)
	}
	for name, s := range map[string]netcase.Statement{
		"another account": other(func(s *netcase.Statement) { s.Account = "root" }),
		"no account":      other(func(s *netcase.Statement) { s.Account = "" }),
		"denied":          other(func(s *netcase.Statement) { s.Denied = true }),
	} {
		if state, _ := lead(s, same); state == netcase.True {
			t.Errorf("%s: A10 holds", name)
		}
	}
	for name, change := range map[string]func(*netcase.AuthFacts){
		"two accounts":  func(f *netcase.AuthFacts) { f.Accounts = []string{"root", "svc"} },
		"many accounts": func(f *netcase.AuthFacts) { f.AccountCount = 40 },
		"no login log":  func(f *netcase.AuthFacts) { f.FromFlows = true },
	} {
		if state, _ := lead(word, change); state == netcase.True {
			t.Errorf("%s: A10 holds", name)
		}
	}
}

// Nobody is asked again what the site already answers; a word for another account, and one
// that denies, leave the question.
func TestAskedOnce(t *testing.T) {
	o := newOutward()
	for name, x := range map[string]struct {
		word netcase.Statement
		asks bool
	}{
		"no word":         {netcase.Statement{}, true},
		"the account":     {netcase.Statement{Who: "owner", What: "mine", Account: "svc"}, false},
		"the source":      {netcase.Statement{Who: "owner", What: "mine", Peer: o.peer.String()}, false},
		"another source":  {netcase.Statement{Who: "owner", What: "mine", Account: "svc", Peer: "192.0.2.1"}, true},
		"another account": {netcase.Statement{Who: "owner", What: "mine", Account: "root"}, true},
		"denied":          {netcase.Statement{Who: "owner", What: "not mine", Account: "svc", Denied: true}, true},
	} {
		c := judged(t, o.entered(func(in *Input) {
			if x.word.Who != "" {
				in.Site.Statements = []netcase.Statement{x.word}
			}
		}))
		asks := slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return strings.Contains(a.Title, "whether the login") })
		if asks != x.asks {
			t.Errorf("%s: asks %v", name, asks)
		}
	}
}
