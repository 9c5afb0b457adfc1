package detect

import (
	"fmt"
	"strings"
	"time"

	"netcase"
)

func (c *authCase) tag() string {
	name := c.name
	if c.peer == (netcase.Endpoint{}) {
		name = c.span.Start.String()
	}
	return fmt.Sprintf("%s %s %s %s %s", c.pattern, c.grade, c.peer, name, strings.Join(c.accounts[:min(len(c.accounts), 3)], ","))
}

// maxSelected bounds the ends that a selection names.
const maxSelected = 64

func (c *authCase) selection() netcase.Selection {
	s := netcase.Selection{Hosts: c.hosts, Span: c.span}
	for _, p := range c.peers {
		if p.Addr.IsValid() && len(s.Peers) < maxSelected {
			s.Peers = append(s.Peers, p)
		}
	}
	switch {
	case c.grade != "" || c.pattern == netcase.PatternKnown:
		s.Accounts, s.Span = c.accounts, netcase.Span{} // the failures before it belong to it
	case c.pattern == netcase.PatternLockouts:
		s.Accounts = c.accounts
	}
	return s
}

// authKinds are the words and the techniques of the patterns.
var authKinds = map[netcase.Pattern]struct {
	kind      string
	technique []string
}{
	netcase.PatternGuessing:    {"bruteforce", []string{"T1110.001"}},
	netcase.PatternSpray:       {"spray", []string{"T1110.003"}},
	netcase.PatternEnumeration: {"enumeration", []string{"T1110.001"}},
	netcase.PatternDistributed: {"distributed bruteforce", []string{"T1110.001"}},
	netcase.PatternLockouts:    {"lockouts", []string{"T1110"}},
	netcase.PatternSuccess:     {"success-after-failure", []string{"T1078"}},
	netcase.PatternKnown:       {"password known", []string{"T1110.001"}},
	netcase.PatternStale:       {"stale credentials", nil},
	netcase.PatternTypo:        {"typing errors", nil},
}

// directionOf is where sources stand; unknown where no address says so.
func directionOf(in *Input, peers []netcase.Endpoint) netcase.Direction {
	d := netcase.DirectionUnknown
	for _, p := range peers {
		switch {
		case !p.Addr.IsValid():
		case in.Site.Owns(p.Addr) && d != netcase.Inbound:
			d = netcase.Lateral
		case !in.Site.Owns(p.Addr):
			d = netcase.Inbound
		}
	}
	return d
}

func (c *authCase) finding(in *Input) netcase.Finding {
	k := authKinds[c.pattern]
	f := netcase.Finding{
		Kind: k.kind, Title: c.title(in), Technique: k.technique, Span: c.span, Selection: c.selection(), Limits: c.limits,
		Direction: directionOf(in, c.peers), Auth: c.facts(),
	}
	if c.peer.Addr.IsValid() && c.pattern != netcase.PatternTypo {
		f.Auth.Source = c.profile(f.Direction)
	}
	text := f.Title + "; first " + c.span.Start.Short() + ", last " + c.span.End.Short() + " UTC"
	if c.session != "" {
		text += "; session " + c.session
	}
	if c.locked > 0 {
		text += "; " + count(c.locked, "further attempt") + " refused because the account was locked"
	}
	if c.lockouts > 0 && c.pattern != netcase.PatternLockouts {
		text += "; " + count(c.lockouts, "lockout") + " of these accounts on record"
		f.Limits = append(f.Limits, "a locked account fails whatever the password: failures after the lockout say nothing of guesses")
	}
	f.Limits = append(f.Limits, c.caveats(in)...)
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: text, Selection: f.Selection, Method: "auth: " + string(c.pattern) + ", as " + c.told() + " counts",
		Numbers: map[string]float64{
			"failures": float64(c.fails), "logins": float64(c.logins), "accounts": float64(c.named), "no such account": float64(c.absent),
			"sources": float64(c.peerCount), "hosts": float64(c.hostCount), "locked": float64(c.locked), "lockouts": float64(c.lockouts),
		},
	}, c.tag())}
	return f
}

func (c *authCase) told() string {
	if c.sensor == "" {
		return "the login log"
	}
	return c.sensor
}

func (c *authCase) facts() *netcase.AuthFacts {
	a := &netcase.AuthFacts{
		Hosts: c.hosts, HostCount: c.hostCount, Peers: c.peers, PeerCount: c.peerCount, Networks: c.networks, ASNs: c.asns, Pattern: c.pattern, Grade: c.grade,
		Accounts: c.accounts[:min(len(c.accounts), listedAccounts)], AccountCount: c.named, Service: c.service,
		Failures: c.fails, NoAccount: c.absent, Locked: c.locked, Lockouts: c.lockouts, Successes: c.logins, LoginAt: c.loginAt, Session: c.session,
		NewSource: c.fresh, Period: time.Duration(c.period) * time.Millisecond, Misconfigured: c.pattern == netcase.PatternStale,
		Complete: c.complete, Covered: c.covered, Sources: c.sources,
	}
	if c.bucket > 0 {
		a.Bucket = DefaultAuthConfig().Buckets[c.bucket-1].Name
	}
	if c.hostCount == 1 || len(c.hosts) == 1 {
		a.Host = c.hosts[0]
	}
	return a
}

// caveats are what this log cannot show.
func (c *authCase) caveats(in *Input) (out []string) {
	if c.lent {
		out = append(out, "some records name no address: that of the only Remote Desktop client that connected within 10 seconds before was taken")
	}
	switch c.pattern {
	case netcase.PatternSuccess:
		if c.named == 0 {
			out = append(out, "the log does not name accounts: whether the login was of one that had failed is not known")
		}
		if family(c.sensor) == "zeek" {
			out = append(out, "the sensor infers from encrypted traffic whether a login succeeded")
		}
		out = append(out, "only the owner of the account can tell a guest from a typing error")
		switch c.fresh {
		case netcase.Unknown:
			out = append(out, "the log reaches back less than 30 days: that the source is new to the account is only known for that time")
		case netcase.False:
			out = append(out, "the account came from this network before")
		}
	case netcase.PatternStale:
		out = append(out, "somebody inside who guesses at an even pace would look the same")
	case netcase.PatternDistributed:
		switch c.asns {
		case 0:
			out = append(out, "no list says to whom the networks belong: one provider's addresses would look alike")
		case 1:
			out = append(out, "the networks whose operator is known belong to one: somebody on the move would look the same")
		}
	}
	if c.peer.Addr.IsValid() && in.Site.Owns(c.peer.Addr) && c.named > 1 {
		out = append(out, "where the address is that of a load balancer or gateway, the sources behind it are hidden")
	}
	return out
}

func (c *authCase) title(in *Input) string {
	where := count(c.hostCount, "host")
	if len(c.hosts) == 1 || c.hostCount == 1 {
		where = in.Name(c.hosts[0])
	}
	fails := count(c.fails, "failed login")
	switch c.pattern {
	case netcase.PatternSuccess:
		account := "an account that the log does not name"
		if len(c.accounts) > 0 && c.accounts[0] != "" {
			account = c.accounts[0]
		}
		return fmt.Sprintf("%s of %s on %s from %s after %s (grade %s)", count(c.logins, "login"), account, where, c.peer, fails, c.grade)
	case netcase.PatternKnown:
		return fmt.Sprintf("%s on %s refused %s by policy after %s: the password is likely known", c.accounts[0], where, c.peer, fails)
	case netcase.PatternStale:
		return fmt.Sprintf("%s of %s on %s from %s, one every %s: a program with an old password", fails, c.accounts[0], where, c.peer, long(c.period))
	case netcase.PatternTypo:
		return fmt.Sprintf("%s before %s of %s from where the accounts are at home", fails, count(c.logins, "login"), count(c.named, "account"))
	case netcase.PatternLockouts:
		return fmt.Sprintf("%s of %s on %s: %s", count(c.lockouts, "lockout"), count(c.named, "account"), where, c.why)
	}
	who := c.peer.String()
	if c.peer == (netcase.Endpoint{}) {
		who = count(c.peerCount, "source")
	}
	why := c.why
	if c.pattern == netcase.PatternEnumeration {
		why = fmt.Sprintf("%s of them for accounts that do not exist", thousands(c.absent))
	}
	return fmt.Sprintf("%s from %s on %s for %s: %s", fails, who, where, c.whose(), why)
}

// whose is how many accounts were tried.
func (c *authCase) whose() string {
	if c.named == 0 {
		return "accounts that the log does not name"
	}
	return count(c.named, "account")
}

// long is a stretch of time in words.
func long(t netcase.Time) string {
	switch {
	case t >= 2*netcase.Hour:
		return fmt.Sprintf("%.1f hours", float64(t)/float64(netcase.Hour))
	case t >= 2*netcase.Minute:
		return fmt.Sprintf("%.1f minutes", float64(t)/float64(netcase.Minute))
	}
	return fmt.Sprintf("%.0f seconds", float64(t)/float64(netcase.Second))
}

// servicePorts are the ports by which the services that logs name are reached.
var servicePorts = map[string]uint16{"ssh": 22, "sshd": 22, "telnet": 23, "smb": 445, "rdp": 3389, "ftp": 21, "kerberos": 88}

// profile is what the login log shows of a source with an address; nil: it has none.
// An attempt that reached the login was answered: it is counted as a two-way flow.
func (c *authCase) profile(d netcase.Direction) *netcase.Profile {
	peer := c.peer
	if !peer.Addr.IsValid() {
		return nil
	}
	p := &netcase.Profile{
		Peer: peer, Direction: d, Hosts: c.hosts, HostCount: max(c.hostCount, len(c.hosts)), Flows: c.fails + c.logins, Records: c.fails + c.logins,
		First: c.span.Start, Last: c.span.End - 1, ActiveHours: 1, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent,
	}
	p.Reach[netcase.ReachBidirectional], p.Reach[netcase.ReachAuthenticated] = c.fails, c.logins
	if port := servicePorts[c.service]; port != 0 {
		count := netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: p.HostCount, Reach: p.Reach, Flows: p.Flows, Records: p.Records}
		p.Ports, p.PortCount = []netcase.PortCount{count}, 1
	}
	return p
}

// findings say what could not be held to a source, if that is enough to have hidden guessing.
func (l authLost) findings(in *Input) []netcase.Finding {
	var out []netcase.Finding
	if l.nameless >= int64(in.Config.Auth.SourceFails) {
		title := count(l.nameless, "failed login") + " could not be held to a source"
		out = append(out, netcase.Finding{
			Kind: "failures without a source", Title: title, Span: l.span, Selection: netcase.Selection{Span: l.span},
			Evidence: []netcase.Evidence{{
				Statement: title + ": they name neither address nor workstation", Selection: netcase.Selection{Span: l.span}, Method: "auth: failures that name nobody",
				Numbers: map[string]float64{"nameless": float64(l.nameless)},
			}},
			Limits: []string{"guessing among these failures would not be seen"},
		})
	}
	if n := l.forgotten + l.short; n > 0 {
		title := "more sources than can be followed: " + count(l.forgotten, "small one") + " forgotten"
		out = append(out, netcase.Finding{
			Kind: "sources beyond the bound", Title: title, Span: in.Span, Selection: netcase.Selection{Span: in.Span},
			Evidence: []netcase.Evidence{{
				Statement: fmt.Sprintf("%s, those with the fewest failures first, of more than %s pairs of source and host; %s dropped before their hour was over",
					title, thousands(int64(mostAuthTracks)), count(l.short, "failure")),
				Selection: netcase.Selection{Span: in.Span}, Method: "auth: bounded memory",
				Numbers: map[string]float64{"forgotten": float64(l.forgotten), "dropped": float64(l.short)},
			}},
			Limits: []string{"slow guessing by sources that were forgotten would not be seen"},
		})
	}
	return out
}
