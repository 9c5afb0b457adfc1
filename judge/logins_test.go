package judge

import (
	"net/netip"
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
