package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"netcase"
)

// What process, service and registry records of a host say, beside its traffic.

// afterEffects is how long after a login something new on the host is read with it.
const afterEffects = 24 * time.Hour

// strangeness is one finding about a process that is not as it should be.
type strangeness struct {
	finding  int
	decibans float64
	text     string
}

// strangeAt lists what the process records hold against a host, the weightiest first.
// A rule about the connection of a process counts for the destination that it called.
func (d *draft) strangeAt(s *scene) (out []strangeness) {
	for i := range d.findings {
		f := &d.findings[i]
		switch {
		case f.Owner != nil && f.Owner.Decibans > 0 && f.Owner.Host.Known() && (!s.host.Known() || d.sameHost(f.Owner.Host)(s.host)):
			out = append(out, strangeness{i, f.Owner.Decibans, fmt.Sprintf("%s on port %d: %s", f.Owner.Image, f.Owner.Port, f.Owner.Why)})
		case f.Process != nil && f.Process.Decibans > 0 && (!s.host.Known() || d.sameHost(f.Process.Host)(s.host)):
			out = append(out, strangeness{i, f.Process.Decibans, f.Process.Image + ": " + f.Process.Why})
		}
	}
	slices.SortStableFunc(out, func(a, b strangeness) int { return cmp.Compare(b.decibans, a.decibans) })
	return out
}

// strange joins what is held against a host: the records of one mechanism are one voice
// with an echo, and the whole stays within the bound of one item.
func (d *draft) strange(all []strangeness) answer {
	total, factor := 0.0, 1.0
	var evidence []string
	for _, x := range all {
		total += x.decibans * factor
		factor *= copyDiscount
		evidence = append(evidence, evidenceOf(&d.findings[x.finding])...)
	}
	why := all[0].text
	if n := len(all) - 1; n > 0 {
		why += fmt.Sprintf("; and %s", count(n, "further rule"))
	}
	a := yes(why, unique(evidence)...)
	a.decibans = math.Min(total, d.weights.ItemCap)
	return a
}

// lastingChanges asks for something new on the host after a login from the group: a
// service, a task, a key that runs a program, a process that is not as it should be, ways
// into other machines of ours.
func lastingChanges(d *draft, s *scene) answer {
	for i := range d.findings {
		f := &d.findings[i]
		var host netcase.Endpoint
		var login *netcase.LoginRef
		what := ""
		switch {
		case f.Persistence != nil:
			host, login = f.Persistence.Host, f.Persistence.AfterLogin
			what = fmt.Sprintf("%s %q was made", f.Persistence.What, f.Persistence.Name)
		case f.Process != nil && f.Process.Decibans > 0:
			host, login, what = f.Process.Host, f.Process.AfterLogin, f.Process.Image+": "+f.Process.Why
		case tellsLateral(f.Lateral):
			host, what = f.Lateral.From, f.Title
			login = d.loginBefore(s, host, f.Span.Start)
		}
		if login == nil || s.host.Known() && !d.sameHost(host)(s.host) || !d.loginOf(s, login) {
			continue
		}
		return yes(fmt.Sprintf("%s after the login of %s at %s", what, cmp.Or(login.Account, "an account"), login.At.Short()), evidenceOf(f)...)
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("nothing new on the host is on record within a day after a login; how much of that day its records cover is not known")
}

// loginOf tells whether a login came from a source of the group, or, where the log names
// no source, was one that this group may have made.
func (d *draft) loginOf(s *scene, login *netcase.LoginRef) bool {
	if s.c == nil {
		return login.Outside || login.Failures > 0
	}
	if login.Peer.Known() {
		return s.c.names([]netcase.Endpoint{login.Peer})
	}
	return login.Failures > 0 && len(d.successes(s)) > 0
}

// successes lists the findings of logins after failures at a scene.
func (d *draft) successes(s *scene) (out []int) {
	for _, i := range d.authAt(s) {
		if f := d.findings[i].Auth; f.Pattern == netcase.PatternSuccess && !f.FromFlows && f.Successes > 0 {
			out = append(out, i)
		}
	}
	return out
}

// loginBefore is a login after failures on a host within a day before an instant.
func (d *draft) loginBefore(s *scene, host netcase.Endpoint, at netcase.Time) *netcase.LoginRef {
	for _, i := range d.successes(s) {
		f := d.findings[i].Auth
		if !f.LoginAt.Known() || !d.sameHost(f.Host)(host) || at < f.LoginAt || at-f.LoginAt > netcase.Time(afterEffects.Milliseconds()) {
			continue
		}
		ref := &netcase.LoginRef{At: f.LoginAt, Host: f.Host, Failures: f.Failures, Outside: true}
		if len(f.Peers) > 0 {
			ref.Peer = f.Peers[0]
		}
		if len(f.Accounts) > 0 {
			ref.Account = f.Accounts[0]
		}
		return ref
	}
	return nil
}

// unheardSource asks whether an account ever came from there before.
func unheardSource(d *draft, s *scene) answer {
	if !d.in.Coverage.Has("login") {
		return open("no login log is among the inputs")
	}
	state := netcase.Unknown
	for _, i := range d.authAt(s) {
		f := d.findings[i].Auth
		if f.Successes == 0 || f.FromFlows {
			continue
		}
		switch f.NewSource {
		case netcase.True:
			return yes("the account never came from there in the thirty days before", evidenceOf(&d.findings[i])...)
		case netcase.False:
			state = netcase.False
		}
	}
	if state == netcase.False {
		return no("the account came from there before", d.coverage)
	}
	return open("thirty days of logins are needed to call a source new")
}

// unusualLasting asks for something unusual on the host that a restart would not remove.
func unusualLasting(d *draft, s *scene) answer {
	for i := range d.findings {
		p := d.findings[i].Persistence
		if p == nil || p.Odd == "" || !p.Host.Known() || s.host.Known() && !d.sameHost(p.Host)(s.host) {
			continue
		}
		return yes(fmt.Sprintf("%s %q: %s", p.What, p.Name, p.Odd), evidenceOf(&d.findings[i])...)
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("no record of the kind speaks of this host")
}

// ruleStaging is the rule of the process detector on programs that pack or carry off data.
const ruleStaging = "packs or copies data"

// dataStaged asks for a program that packed or copied data on the host within a day before
// it left.
func dataStaged(d *draft, s *scene) answer {
	left := netcase.Span{}
	for i := range d.findings {
		if u := d.findings[i].Upload; u != nil && d.at(s, u.Host, u.Peer) {
			left = left.Join(u.Window)
		}
	}
	for i := range d.findings {
		p := d.findings[i].Process
		if p == nil || p.Rule != ruleStaging || s.host.Known() && !d.sameHost(p.Host)(s.host) {
			continue
		}
		if left.End.Known() && (p.First >= left.End || p.Last < left.Start-netcase.Day) {
			continue
		}
		return yes(p.Image+": "+p.Why, evidenceOf(&d.findings[i])...)
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("no record shows that data was gathered or packed; which of its files were read is not recorded")
}
