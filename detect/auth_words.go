package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
)

// cases is what was found: logins first, then the guessing with the most failures.
func (r *authReader) cases() []*authCase {
	best := map[authPair]*authCase{}
	for _, p := range slices.SortedFunc(maps.Keys(r.tracks), func(a, b authPair) int {
		return cmp.Or(a.peer.Compare(b.peer), a.host.Compare(b.host), strings.Compare(a.sensor, b.sensor))
	}) {
		k := r.tracks[p]
		if k.span.End < r.in.Span.Start {
			continue
		}
		c := r.guessing(p, k)
		key := authPair{peer: p.peer, host: p.host}
		if c != nil && (best[key] == nil || c.fails > best[key].fails) {
			best[key] = c
		}
	}
	out := slices.Collect(maps.Values(r.after))
	out = append(out, slices.Collect(maps.Values(best))...)
	slices.SortFunc(out, func(a, b *authCase) int {
		return cmp.Or(cmp.Compare(b2i(a.grade == ""), b2i(b.grade == "")), strings.Compare(a.grade, b.grade), cmp.Compare(b.fails, a.fails), strings.Compare(a.tag(), b.tag()))
	})
	for _, c := range out {
		h := r.hours[c.hosts[0]]
		hours := int64((r.in.Span.End-r.in.Span.Start)/netcase.Hour) + 1
		sound, _ := r.in.Coverage.Sound()
		c.complete = sound && float64(h[0]) >= 0.95*float64(hours)
		for _, a := range c.accounts {
			c.locked += r.locked[strings.ToLower(a)]
		}
	}
	return out[:min(len(out), mostAuthFindings)]
}

// guessing names what a source did on a host; nil: nothing above a threshold.
func (r *authReader) guessing(p authPair, k *authTrack) *authCase {
	c := &authCase{peer: p.peer, hosts: []netcase.Endpoint{p.host}, named: len(k.accounts), fails: k.fails, logins: k.logins,
		absent: k.absent, sensor: p.sensor, service: k.service, span: k.span}
	c.accounts = slices.Sorted(maps.Keys(k.accounts))
	switch {
	case k.fails >= enumerationFails && float64(k.absent) >= enumerationShare*float64(k.fails) && k.full > 0:
		c.pattern, c.why = netcase.PatternEnumeration, fmt.Sprintf("%s of them for accounts that do not exist", thousands(k.absent))
	case r.sources[authPair{peer: p.peer, sensor: p.sensor}].spray:
		c.pattern, c.why = netcase.PatternSpray, fmt.Sprintf("at least %d accounts within an hour, few tries each", sprayAccounts)
	case k.full > 0:
		c.pattern, c.why = netcase.PatternGuessing, authBuckets[k.full-1].name
	default:
		return nil
	}
	return c
}

func (c *authCase) tag() string {
	return fmt.Sprintf("%s %s %s %s %s", c.pattern, c.grade, c.peer, c.hosts[0], strings.Join(c.accounts[:min(len(c.accounts), 3)], ","))
}

func (c *authCase) selection() netcase.Selection {
	s := netcase.Selection{Hosts: c.hosts, Span: c.span}
	if c.peer.Addr.IsValid() {
		s.Peers = []netcase.Endpoint{c.peer}
	}
	if c.grade != "" {
		s.Accounts, s.Span = c.accounts, netcase.Span{} // the failures before it belong to it
	}
	return s
}

// authKinds are the words and the techniques of the patterns.
var authKinds = map[netcase.Pattern]struct{ kind, technique string }{
	netcase.PatternGuessing:    {"bruteforce", "T1110.001"},
	netcase.PatternSpray:       {"spray", "T1110.003"},
	netcase.PatternEnumeration: {"enumeration", "T1110.001"},
	netcase.PatternSuccess:     {"success-after-failure", "T1078"},
	netcase.PatternKnown:       {"password known", "T1110.001"},
}

func (c *authCase) finding(in *Input) netcase.Finding {
	k := authKinds[c.pattern]
	f := netcase.Finding{
		Kind: k.kind, Title: c.title(in), Technique: []string{k.technique}, Span: c.span, Selection: c.selection(),
		Direction: netcase.Inbound,
		Auth: &netcase.AuthFacts{
			Host: c.hosts[0], Peers: []netcase.Endpoint{c.peer}, PeerCount: 1, Pattern: c.pattern, Grade: c.grade,
			Accounts: c.accounts[:min(len(c.accounts), listedAccounts)], Failures: c.fails, Successes: c.logins, Complete: c.complete,
		},
	}
	if c.peer.Addr.IsValid() && in.Site.Owns(c.peer.Addr) {
		f.Direction = netcase.Lateral
	}
	f.Auth.Source = c.profile(f.Direction)
	text := f.Title + "; first " + c.span.Start.Short() + ", last " + c.span.End.Short() + " UTC"
	if c.session != "" {
		text += "; session " + c.session
	}
	if c.locked > 0 {
		text += "; " + count(c.locked, "lockout") + " of these accounts on record"
		f.Limits = append(f.Limits, "a locked account fails whatever the password: failures after the lockout say nothing of guesses")
	}
	if c.pattern == netcase.PatternSuccess {
		f.Limits = append(f.Limits, "only the owner of the account can tell a guest from a typing error")
		if c.fewBefore {
			f.Limits = append(f.Limits, "the log reaches back less than 30 days: that the source is new to the account is only known for that time")
		}
	}
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: text, Selection: f.Selection, Method: "auth: " + string(c.pattern) + ", as " + c.sensor + " counts",
		Numbers: map[string]float64{"failures": float64(c.fails), "logins": float64(c.logins), "accounts": float64(c.named), "no such account": float64(c.absent)},
	}, c.tag())}
	return f
}

func (c *authCase) title(in *Input) string {
	where := in.Name(c.hosts[0])
	switch c.pattern {
	case netcase.PatternSuccess:
		return fmt.Sprintf("%s of %s on %s from %s after %s (grade %s)", count(c.logins, "login"), c.accounts[0], where, c.peer, count(c.fails, "failed login"), c.grade)
	case netcase.PatternKnown:
		return fmt.Sprintf("%s on %s refused %s by policy after %s: the password is likely known", c.accounts[0], where, c.peer, count(c.fails, "failed login"))
	}
	return fmt.Sprintf("%s from %s on %s for %s: %s", count(c.fails, "failed login"), c.peer, where, count(c.named, "account"), c.why)
}

// servicePorts are the ports by which the services that logs name are reached.
var servicePorts = map[string]uint16{"ssh": 22, "sshd": 22, "telnet": 23, "smb": 445, "rdp": 3389, "ftp": 21, "kerberos": 88}

// profile is what the login log shows of a source with an address; nil: it has none.
// An attempt that reached the login was answered: it is counted as a two-way flow.
func (c *authCase) profile(d netcase.Direction) *netcase.Profile {
	if !c.peer.Addr.IsValid() {
		return nil
	}
	p := &netcase.Profile{
		Peer: c.peer, Direction: d, Hosts: c.hosts, HostCount: len(c.hosts), Flows: c.fails + c.logins, Records: c.fails + c.logins,
		First: c.span.Start, Last: c.span.End - 1, ActiveHours: 1, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent,
	}
	p.Reach[netcase.ReachBidirectional], p.Reach[netcase.ReachAuthenticated] = c.fails, c.logins
	if port := servicePorts[c.service]; port != 0 {
		count := netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: len(c.hosts), Reach: p.Reach, Flows: p.Flows, Records: p.Records}
		p.Ports, p.PortCount = []netcase.PortCount{count}, 1
	}
	return p
}

// findings say what could not be held to a source, if that is enough to have hidden guessing.
func (l authLost) findings(in *Input) []netcase.Finding {
	n := l.nameless + l.beyond
	if n < sourceFails || l.span.End < in.Span.Start {
		return nil
	}
	title := count(n, "failed login") + " could not be held to a source"
	text := fmt.Sprintf("%s: %s with neither address nor workstation, %s of sources beyond the %s that are followed", title, thousands(l.nameless), thousands(l.beyond), thousands(mostAuthTracks))
	return []netcase.Finding{{
		Kind: "failures without a source", Title: title, Span: l.span, Selection: netcase.Selection{Span: l.span},
		Evidence: []netcase.Evidence{{
			Statement: text, Selection: netcase.Selection{Span: l.span}, Method: "auth: failures that name nobody",
			Numbers: map[string]float64{"nameless": float64(l.nameless), "beyond": float64(l.beyond)},
		}},
		Limits: []string{"guessing among these failures would not be seen"},
	}}
}
