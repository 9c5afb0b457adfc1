package judge

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// tried is what the login log tells of one source on one host: some failures, and logins.
func tried(pattern netcase.Pattern, account string, fails, logins int64) netcase.Finding {
	w := incident()
	p := knock("198.51.100.8", 22, netcase.ReachBidirectional, fails)
	p.Reach[netcase.ReachAuthenticated] = logins
	p.Flows, p.Records = fails+logins, fails+logins
	p.Ports[0].Flows, p.Ports[0].Records, p.Ports[0].Reach = p.Flows, p.Flows, p.Reach
	grade := ""
	if pattern == netcase.PatternSuccess {
		grade = "A"
	}
	return netcase.Finding{Detector: "auth", Kind: string(pattern), Title: string(pattern) + " " + account, Direction: netcase.Inbound, Span: netcase.Span{Start: w.start, End: w.start + netcase.Hour},
		Auth: &netcase.AuthFacts{Host: p.Hosts[0], Hosts: p.Hosts, HostCount: 1, Peers: []netcase.Endpoint{p.Peer}, PeerCount: 1, Pattern: pattern, Grade: grade,
			Accounts: []string{account}, AccountCount: 1, Failures: fails, Successes: logins, LoginAt: w.start + netcase.Minute, Service: "sshd", Source: &p}}
}

func loginCase(t *testing.T, findings ...netcase.Finding) *netcase.Case {
	t.Helper()
	in := plain(findings...)
	in.Coverage.Families = []string{"login"}
	return judged(t, in)
}

// The failures before a login are those of the guessing: both findings tell of them, and
// the case counts them once.
func TestTriesAreCountedOnce(t *testing.T) {
	c := loginCase(t, tried(netcase.PatternSuccess, "deploy", 60, 1), tried(netcase.PatternSuccess, "root", 40, 1), tried(netcase.PatternGuessing, "deploy", 300, 1))
	want := netcase.Tally{}
	want[netcase.ReachBidirectional], want[netcase.ReachAuthenticated] = 300, 2
	if g := c.Groups[0]; g.Reach != want || g.Flows != 302 || g.SourceCount != 1 {
		t.Errorf("%d flows: %v", g.Flows, g.Reach)
	}
	// On another host they are other failures.
	far := tried(netcase.PatternSuccess, "deploy", 8, 1)
	far.Auth.Host = netcase.At(netip.MustParseAddr("10.0.0.9"))
	far.Auth.Hosts = []netcase.Endpoint{far.Auth.Host}
	far.Auth.Source.Hosts = far.Auth.Hosts
	want[netcase.ReachBidirectional], want[netcase.ReachAuthenticated] = 308, 2
	if g := loginCase(t, far, tried(netcase.PatternGuessing, "deploy", 300, 1)).Groups[0]; g.Reach != want || g.HostCount != 2 {
		t.Errorf("%d hosts: %v", g.HostCount, g.Reach)
	}
}

// A login after failures is what page one begins with: who, where, from where and when,
// and the first question names the account.
func TestLoginOnPageOne(t *testing.T) {
	in := tried(netcase.PatternSuccess, "deploy", 60, 1)
	in.Title = "1 login of deploy on web01 from 198.51.100.8 after 60 failed logins (grade A)"
	more := tried(netcase.PatternSuccess, "backup", 20, 2)
	c := loginCase(t, in, more, tried(netcase.PatternGuessing, "deploy", 300, 3))
	const title = "1 login of deploy on web01 from 198.51.100.8 after 60 failed logins"
	if c.Title != title+"; 1 further login of accounts after failures" {
		t.Errorf("title %q", c.Title)
	}
	at := in.Auth.LoginAt.Short()
	if text := c.Summary[0].Text; !strings.HasPrefix(text, title+", at "+at+" UTC; 1 further login") || !strings.Contains(text, "303 login attempts") {
		t.Errorf("%s", text)
	}
	if text := c.Summary[1].Text; !strings.Contains(strings.ToLower(text), "outcome of these login attempts: 3 authenticated, 300 two-way") {
		t.Errorf("%s", text)
	}
	if text, err := json.Marshal(c); err != nil || !strings.Contains(string(text), "303 of 303 login attempts reached the service") || strings.Contains(string(text), "flows went both ways") {
		t.Error("attempts to log in are called flows:", err)
	}
	if len(c.Actions) == 0 || c.Actions[0].Title != "Ask the owners of 2 accounts (deploy and backup) whether the logins on 10.0.0.4 (rg/web-1) from 198.51.100.8 were theirs" {
		t.Errorf("%+v", c.Actions)
	}
}

// What an owner spoke for is no news.
func TestVouchedLoginIsNoNews(t *testing.T) {
	in := plain(tried(netcase.PatternSuccess, "deploy", 60, 1))
	in.Site = &netcase.Site{Statements: []netcase.Statement{{Who: "J. Doe", What: "my own login", Account: "deploy", Peer: "198.51.100.8"}}}
	c := judged(t, in)
	if strings.Contains(c.Title, "deploy") || slices.ContainsFunc(c.Actions, func(a netcase.Action) bool { return a.Owner == ownerIdentity && a.Due == dueLogin }) {
		t.Errorf("%q %+v", c.Title, c.Actions)
	}
}

// A finding on an open door lists the busiest visitors: the others are counted too.
func TestDoorCountsAllVisitors(t *testing.T) {
	p := knock("198.51.100.8", 23, netcase.ReachBidirectional, 110)
	door := netcase.Finding{Detector: "exposure", Kind: "admin port answers", Title: "open", Direction: netcase.Inbound, Flows: 900, Reach: p.Reach,
		Exposure: &netcase.ExposureFacts{Host: p.Hosts[0], Port: 23, Proto: netcase.TCP, Sources: []netcase.Profile{p}, SourceCount: 80, Sessions: 900, Proven: true}}
	c := judged(t, plain(door, scanOf("horizontal", knock("198.51.100.9", 3389, netcase.ReachNoReply, 3))))
	if c.Title != "80 outside addresses reached port 23 on 1 host" {
		t.Errorf("title %q", c.Title)
	}
	if text := c.Summary[0].Text; !strings.Contains(text, "address, the busiest of 80, reached 10.0.0.4") {
		t.Errorf("%s", text)
	}
	if len(c.Actions) == 0 || c.Actions[0].Title != "Get the login log of the Telnet service for the touched hosts" {
		t.Errorf("%+v", c.Actions)
	}
}

// A log that is among the inputs is not called missing: what it lacks is.
func TestReadLogIsNotMissing(t *testing.T) {
	c := loginCase(t, tried(netcase.PatternGuessing, "deploy", 300, 0))
	text := c.Summary[2].Text
	if strings.Contains(text, loginLog) || !strings.Contains(text, "a login log of the touched hosts that names accounts and has no gaps") {
		t.Errorf("%s", text)
	}
	in := plain(scanOf("horizontal", knock("198.51.100.9", 22, netcase.ReachBidirectional, 3)))
	if text := judged(t, in).Summary[2].Text; !strings.Contains(text, loginLog) {
		t.Errorf("%s", text)
	}
}

// Where no source makes a group, the finding that tells most stands in title and first
// sentence; a described hour and typing errors tell nothing.
func TestQuietCaseNamesItsFinding(t *testing.T) {
	line := netcase.Finding{Detector: "spike", Kind: "spike", Title: "flows over time", Spike: &netcase.SpikeFacts{Described: true}}
	check := netcase.Finding{Detector: "owner", Kind: "check", Title: "svchost.exe should be checked", Owner: &netcase.OwnerFacts{Verdict: ownerCheck, Host: netcase.Endpoint{Name: "pc04"}}}
	typo := tried(netcase.PatternTypo, "deploy", 2, 1)
	typo.Auth.Source = nil
	c := judged(t, plain(line, typo, check))
	if c.Title != check.Title || !strings.HasPrefix(c.Summary[0].Text, check.Title+"; no group of sources") {
		t.Errorf("%q: %s", c.Title, c.Summary[0].Text)
	}
	if text := judged(t, plain(line, typo)).Summary[0].Text; !strings.HasPrefix(text, "No group of sources") {
		t.Errorf("%s", text)
	}
}
