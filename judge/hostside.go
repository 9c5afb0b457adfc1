package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
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
	image    string
}

// tellsStrange tells whether a process finding holds something against a process as such.
// What packs or carries data speaks of the data; the owner of a call that breaks no rule
// of its own has no weight.
func tellsStrange(p *netcase.ProcessFacts) bool {
	return p != nil && p.Decibans > 0 && p.Rule != ruleStaging && (p.Socket == nil || p.Socket.Unusual != ruleStaging)
}

// strangeAt lists what the process records hold against a host, the weightiest first.
// A rule about the connection of a process counts for the destination that it called.
func (d *draft) strangeAt(s *scene) (out []strangeness) {
	for i := range d.findings {
		f := &d.findings[i]
		switch {
		case f.Owner != nil && f.Owner.Decibans > 0 && f.Owner.Host.Known() && (!s.host.Known() || d.sameHost(f.Owner.Host)(s.host)):
			out = append(out, strangeness{i, f.Owner.Decibans, fmt.Sprintf("%s on port %d: %s", f.Owner.Image, f.Owner.Port, f.Owner.Why), f.Owner.Image})
		case tellsStrange(f.Process) && (!s.host.Known() || d.sameHost(f.Process.Host)(s.host)):
			if f.Process.Socket != nil && s.c != nil && !s.c.names([]netcase.Endpoint{f.Process.Peer}) {
				continue
			}
			out = append(out, strangeness{i, f.Process.Decibans, f.Process.Image + ": " + f.Process.Why, f.Process.Image})
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
	a.decibans, a.about = math.Min(total, d.weights.ItemCap), strings.ToLower(all[0].image)
	return a
}

// socketsAt lists the findings that say which process opened the connections of a scene.
func (d *draft) socketsAt(s *scene) (out []*netcase.Finding) {
	for i := range d.findings {
		p := d.findings[i].Process
		if p == nil || p.Socket == nil || s.c == nil || !s.c.names([]netcase.Endpoint{p.Peer}) || s.host.Known() && !d.sameHost(p.Host)(s.host) {
			continue
		}
		out = append(out, &d.findings[i])
	}
	return out
}

// owning picks the first of the processes behind the connections that the test accepts.
func owning(all []*netcase.Finding, test func(*netcase.SocketFacts) bool) *netcase.Finding {
	for _, f := range all {
		if test(f.Process.Socket) {
			return f
		}
	}
	return nil
}

func breaksRule(s *netcase.SocketFacts) bool  { return s.Unusual != "" && s.Unusual != ruleStaging }
func handlesData(s *netcase.SocketFacts) bool { return s.Unusual == ruleStaging }

// callingProcess asks whether the process behind the connections is as it should be. Where
// the records say which one it is, what is held against other processes of the host says
// nothing of these connections; where they do not, everything of the host stands.
func callingProcess(d *draft, s *scene) answer {
	owners := d.socketsAt(s)
	if len(owners) == 0 {
		return unusualProcess(d, s)
	}
	f := owning(owners, breaksRule)
	if f == nil {
		return open(fmt.Sprintf("%s opened them, and no rule holds anything against it", owners[0].Process.Image))
	}
	all := slices.DeleteFunc(d.strangeAt(s), func(x strangeness) bool {
		return !strings.EqualFold(x.image, f.Process.Image) && !d.namesLibrary(x.finding, f)
	})
	if len(all) == 0 {
		return open(fmt.Sprintf("%s opened them; the rule that it breaks has no finding of its own", f.Process.Image))
	}
	a := d.strange(all)
	a.about = strings.ToLower(f.Process.Image)
	return a
}

// namesLibrary tells whether a finding is about the library of the service that the
// process of another one runs.
func (d *draft) namesLibrary(i int, socket *netcase.Finding) bool {
	p := d.findings[i].Process
	return p != nil && p.Rule == socket.Process.Socket.Unusual && strings.Contains(strings.ToLower(p.Target), `\servicedll`)
}

// joinedSocket weighs that the unusual process is the very one that opened the connections.
// If it had nothing to do with them, any program of the host that calls outside may have
// been the caller: the chance that it is this one is one in their number.
func joinedSocket(d *draft, s *scene) answer {
	return d.joined(s, claimControl, breaksRule)
}

// joinedCarrier is the same of a program that packed or carried data.
func joinedCarrier(d *draft, s *scene) answer {
	return d.joined(s, claimExfiltration, handlesData)
}

func (d *draft) joined(s *scene, claim string, test func(*netcase.SocketFacts) bool) answer {
	if s.c == nil {
		return na("no connection to ask for")
	}
	owners := d.socketsAt(s)
	f := owning(owners, test)
	switch {
	case f != nil:
		p := f.Process
		a := yes(fmt.Sprintf("%s, one of %s of the host on record as calling outside: %s", p.Image, count(p.Socket.Programs, "program"), strings.Join(p.Socket.Chain, "; ")), evidenceOf(f)...)
		a.decibans, a.measured = min(10*math.Log10(float64(max(p.Socket.Programs, 1))), d.weights.Claims[claim].Items["B-SOCKET"]), true
		return a
	case len(owners) > 0:
		return no(fmt.Sprintf("%s opened them", owners[0].Process.Image), evidenceOf(owners[0])...)
	case !d.in.Coverage.Has("process"):
		return open("no process records are among the inputs")
	}
	return open("no record says which process opened these connections")
}

// packedIsSent asks whether the program that opened the connections was given an archive
// that was packed on the host before: what left is then known by name. An archive that a job
// packs every night is none.
func packedIsSent(d *draft, s *scene) answer {
	if s.c == nil {
		return na("no connection to ask for")
	}
	for _, f := range d.socketsAt(s) {
		for _, archive := range f.Process.Socket.Archives {
			if pack := d.packed(f.Process.Host, archive); pack != nil {
				return yes(fmt.Sprintf("%s packed %s, and %s, which opened the connections, was given it", pack.Process.Image, archive, f.Process.Image), unique(append(evidenceOf(pack), evidenceOf(f)...))...)
			}
		}
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("no record shows what the program sent")
}

// packed is the finding on the packing of an archive on a host; nil: none.
func (d *draft) packed(host netcase.Endpoint, archive string) *netcase.Finding {
	for i := range d.findings {
		p := d.findings[i].Process
		if p != nil && p.Rule == ruleStaging && d.sameHost(p.Host)(host) && strings.Contains(strings.ToLower(p.CommandLine), strings.ToLower(archive)) {
			return &d.findings[i]
		}
	}
	return nil
}

// oddHour asks whether data left at an hour at which the host sends nothing on other days.
func oddHour(d *draft, s *scene) answer {
	for i := range d.findings {
		u := d.findings[i].Upload
		if u == nil || !tellsUpload(u) || !d.at(s, u.Host, u.Peer) {
			continue
		}
		if u.OffHours {
			return yes("it began at "+u.Window.Start.Short()+" UTC", evidenceOf(&d.findings[i])...)
		}
		return open("the host sends at such hours on other days too, or its usual hours are not known")
	}
	return open("no upload stands out")
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
		case tellsStrange(f.Process):
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
		a := yes(fmt.Sprintf("%s %q: %s", p.What, p.Name, p.Odd), evidenceOf(&d.findings[i])...)
		a.about = programNamed(p)
		return a
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("no record of the kind speaks of this host")
}

// programNamed is the file name of the program that a change starts, in lower case: svchost
// for the library of a service.
func programNamed(p *netcase.PersistenceFacts) string {
	value := strings.TrimSpace(strings.ToLower(p.Value))
	if strings.HasSuffix(value, ".dll") {
		return "svchost.exe"
	}
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		value, _, _ = strings.Cut(inner, `"`)
	} else {
		value, _, _ = strings.Cut(value, " ")
	}
	return value[strings.LastIndexAny(value, `\/`)+1:]
}

// ruleStaging is the rule of findings on programs that pack, gather or carry off data.
const ruleStaging = "packs or copies data"

// dataStaged asks for programs that packed or copied data on the host within a day before
// it left: one voice with an echo.
func dataStaged(d *draft, s *scene) answer {
	left := netcase.Span{}
	for i := range d.findings {
		if u := d.findings[i].Upload; u != nil && d.at(s, u.Host, u.Peer) {
			left = left.Join(u.Window)
		}
	}
	var all []strangeness
	for i := range d.findings {
		p := d.findings[i].Process
		if p == nil || p.Rule != ruleStaging || s.host.Known() && !d.sameHost(p.Host)(s.host) {
			continue
		}
		if left.End.Known() && (p.First >= left.End || p.Last < left.Start-netcase.Day) {
			continue
		}
		all = append(all, strangeness{i, cmp.Or(p.Decibans, d.weights.Claims[claimExfiltration].Items["B-STAGE"]), p.Image + ": " + p.Why, p.Image})
	}
	if len(all) > 0 {
		slices.SortStableFunc(all, func(a, b strangeness) int { return cmp.Compare(b.decibans, a.decibans) })
		a := d.strange(all)
		a.about = ""
		return a
	}
	if !d.in.Coverage.Has("process") {
		return open("no process records are among the inputs")
	}
	return open("no record shows that data was gathered or packed; which of its files were read is not recorded")
}
