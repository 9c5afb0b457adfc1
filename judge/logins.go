package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// openLogin tells whether a finding is of a login after failures that no owner spoke for.
func openLogin(site *netcase.Site, f *netcase.Finding) bool {
	return f.Auth != nil && f.Auth.Pattern == netcase.PatternSuccess && f.Auth.Successes > 0 && !spokenFor(site, f.Auth)
}

// foremostLogin is the login from outside that page one begins with, the strongest grade
// first, and how many further findings there are of the kind; nil: there is none.
func foremostLogin(findings []netcase.Finding, site *netcase.Site) (first *netcase.Finding, more int) {
	n := 0
	for i := range findings {
		f := &findings[i]
		if f.Direction != netcase.Inbound || !openLogin(site, f) {
			continue
		}
		if n++; first == nil || f.Auth.Grade < first.Auth.Grade {
			first = f
		}
	}
	return first, n - 1
}

// loginText is a login after failures in words, without the grade of the detector.
func loginText(f *netcase.Finding, more int) string {
	text, _, _ := strings.Cut(f.Title, " (grade ")
	if more > 0 {
		text += fmt.Sprintf("; %s of accounts after failures", count(more, "further login"))
	}
	return text
}

// sayLogin is the login that comes before everything else on page one.
func sayLogin(c *netcase.Case) (string, []string) {
	f, more := foremostLogin(c.Findings, &c.Site)
	if f == nil {
		return "", nil
	}
	text, rest, _ := strings.Cut(loginText(f, more), "; ")
	if f.Auth.LoginAt.Known() {
		at := ", at "
		if f.Auth.Successes > 1 {
			at = ", the first at "
		}
		text += at + f.Auth.LoginAt.Short() + " UTC"
	}
	if rest != "" {
		text += "; " + rest
	}
	return upperFirst(text) + "; ", evidenceOf(f)
}

// triesOf counts the flows of a group, by their name: where no flow was read, what is
// counted are attempts to log in.
func triesOf(c *netcase.Case, n int64) string {
	return count(n, strings.TrimSuffix(triesNoun(c), "s"))
}

func triesNoun(c *netcase.Case) string {
	if loginsOnly(c) {
		return "login attempts"
	}
	return "flows"
}

func loginsOnly(c *netcase.Case) bool { return !c.Coverage.Has("flow") && c.Coverage.Has("login") }

// askForLogin comes first where a login from outside is on record that no owner spoke
// for: one question for what came from one source to one host.
func (d *draft) askForLogin(scope) []netcase.Action {
	type way struct{ peer, host netcase.Endpoint }
	var order []way
	by := map[way][]*netcase.Finding{}
	for i := range d.findings {
		f := &d.findings[i]
		if !openLogin(d.site, f) {
			continue
		}
		w := way{host: f.Auth.Host}
		if len(f.Auth.Peers) == 1 {
			w.peer = f.Auth.Peers[0]
		}
		if by[w] == nil {
			order = append(order, w)
		}
		by[w] = append(by[w], f)
	}
	var out []netcase.Action
	for _, w := range order {
		out = append(out, d.askAccounts(w.peer, w.host, by[w]))
	}
	return out
}

func (d *draft) askAccounts(peer, host netcase.Endpoint, logins []*netcase.Finding) netcase.Action {
	var accounts, evidence []string
	var n, fails int64
	unnamed := false
	for _, f := range logins {
		unnamed = unnamed || len(f.Auth.Accounts) == 0
		accounts = append(accounts, f.Auth.Accounts...)
		evidence = append(evidence, evidenceOf(f)...)
		n, fails = n+f.Auth.Successes, max(fails, f.Auth.Failures)
	}
	accounts = unique(accounts)
	who, login, was := "the owner of ", "login", "was"
	switch {
	case len(accounts) == 0 || unnamed:
		who += "the account"
	case len(accounts) == 1:
		who += accounts[0]
	default:
		const shown = 3
		who = fmt.Sprintf("the owners of %s (%s)", count(len(accounts), "account"), series(accounts[:min(len(accounts), shown)], len(accounts)))
	}
	if n > 1 {
		login, was = "logins", "were"
	}
	from := ""
	if peer.Known() {
		from = " from " + d.name(peer)
	}
	return netcase.Action{
		Kind: actReview, Owner: ownerIdentity, Due: dueLogin,
		Title:  fmt.Sprintf("Ask %s whether the %s on %s%s %s theirs", who, login, d.name(host), from, was),
		Reason: fmt.Sprintf("%s after %s; only the owner can tell a typing error from a guest", count(n, "login"), count(fails, "failure")),
		Risk:   "an intruder keeps the session", Collateral: "one call; do not use a channel that the account itself controls",
		Rollback: "nothing to undo", Evidence: unique(evidence),
	}
}

// spokenFor tells whether an owner said that the logins of a finding were theirs: whoever
// names a source or an account speaks for that one alone.
func spokenFor(site *netcase.Site, f *netcase.AuthFacts) bool {
	return slices.ContainsFunc(site.Statements, func(s netcase.Statement) bool {
		account := s.Account == "" || len(f.Accounts) == 1 && f.AccountCount <= 1 && f.Accounts[0] == s.Account
		peer := s.Peer == "" || len(f.Peers) == 1 && f.PeerCount <= 1 && f.Peers[0].String() == s.Peer
		return !s.Denied && cmp.Or(s.Account, s.Peer) != "" && account && peer
	})
}

// visitors is how many outside addresses came through the one door that a group of
// sessions came to: a finding lists the busiest alone. 0: the group is all there is.
func visitors(findings []netcase.Finding, class string, hosts []netcase.Endpoint, ports []uint16, sources int) int {
	if class != classSessions || len(hosts) != 1 || len(ports) != 1 {
		return 0
	}
	for i := range findings {
		x := findings[i].Exposure
		if x != nil && x.Host == hosts[0] && x.Port == ports[0] && x.SourceCount > sources && len(x.Sources) < x.SourceCount {
			return x.SourceCount
		}
	}
	return 0
}
