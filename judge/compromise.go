package judge

import (
	"fmt"
	"slices"

	"netcase"
)

const claimCompromise = "compromise"

// compromise asks whether somebody got in.
func compromise() Claim {
	return Claim{
		ID:       claimCompromise,
		Name:     "Compromise",
		Question: "whether somebody got in",
		Gate:     deniedThroughout,
		Items: []claimItem{
			{id: "B-ADMIN", text: "an administration port of the host answered", ask: adminAnswered,
				required: always, decides: "the outcome of each flow (allowed or denied, and whether the host replied)"},
			{id: "B-SAF-A", text: "login after failures: same source, same account, source new to it", family: "login", ask: successGrade("A"),
				required: loginPossible, decides: loginLog},
			{id: "B-SAF-B", text: "login after failures: same account from another source", family: "login", ask: successGrade("B")},
			{id: "B-SAF-C", text: "login of an account after the source failed on others", family: "login", ask: successGrade("C")},
			{id: "B-OWNER", text: "the owner says the login was legitimate", family: "owner", ask: ownerVouches},
			{id: "B-DENIED", text: "the owner says the login was not theirs", family: "owner", ask: ownerDenies},
			{id: "B-POST", text: "new persistence or process after the login", ask: lastingChanges,
				required: afterLoginMatters, decides: "process, service and registry records of the host after the contact"},
			{id: "B-NEW", text: "source or account new to the host", family: "login", ask: unheardSource},
			{id: "B-NOLOGIN", text: "complete login log, and no login from these sources", family: "login", ask: noLogin},
			{id: "B-PROC", text: "an unusual process owns the socket", ask: unusualProcess,
				required: always, decides: "process records with ActionType, LocalPort and operating system"},
		},
	}
}

func always(*draft, *scene) bool { return true }

// loginPossible tells whether somebody may have been asked for a password.
func loginPossible(d *draft, s *scene) bool {
	if s.c == nil {
		return true
	}
	t := s.c.onAdmin()
	return t.Answered()+t.Open() > 0 || s.c.rest && s.c.reach.Answered()+s.c.reach.Open() > 0
}

// afterLoginMatters tells whether a login is on record whose consequences count.
func afterLoginMatters(d *draft, s *scene) bool {
	for _, g := range []string{"A", "B"} {
		if successGrade(g)(d, s).state == netcase.True {
			return true
		}
	}
	return false
}

// deniedThroughout gates the claim where a control refused every flow and the
// inputs are whole.
func deniedThroughout(d *draft, s *scene) string {
	if s.c == nil || s.c.direction != netcase.Inbound {
		return ""
	}
	total := s.c.reach.Total()
	if total == 0 || s.c.reach[netcase.ReachDenied] != total {
		return ""
	}
	if ok, _ := d.in.Coverage.Sound(); !ok || d.assumed() != "" {
		return "" // what is missing or assumed gates nothing
	}
	if total == 1 {
		return "a control denied its only flow, so nobody came in this way"
	}
	return fmt.Sprintf("a control denied all of its %s, so nobody came in this way", count(total, "flow"))
}

// adminAnswered asks for an answer on an administration port of this host.
func adminAnswered(d *draft, s *scene) answer {
	if s.c == nil {
		return open("no flow to this host is on record")
	}
	for _, door := range s.c.doors {
		if door.Proven && (door.Host == s.host || d.sameHost(door.Host)(s.host)) {
			return yes(fmt.Sprintf("port %d answered in %s", door.Port, count(door.Sessions, "two-way flow")), s.c.evidence...)
		}
	}
	t := s.c.onAdmin()
	switch {
	case t.Answered() > 0 && (s.alone || len(s.c.doors) == 0):
		return yes(fmt.Sprintf("%s with administration ports", count(t.Answered(), "two-way flow")), s.c.evidence...)
	case t.Open() > 0 || s.c.rest && s.c.reach.Answered()+s.c.reach.Open() > 0:
		return open(fmt.Sprintf("the outcome of %s is not recorded", count(t.Open(), "flow")+" to administration ports"))
	case s.c.truncated() && s.c.reach.Open()+s.c.reach.Answered() > t.Answered():
		return open("more ports were asked for than the summary lists")
	case t.Total() == 0:
		return no("no administration port was asked for", s.c.evidence...)
	}
	return no("no administration port of this host answered", s.c.evidence...)
}

// authAt lists the findings of the login log about a host and a source of the group.
func (d *draft) authAt(s *scene) (out []int) {
	for i := range d.findings {
		f := d.findings[i].Auth
		if f == nil || f.FromFlows || s.host.Known() && f.Host.Known() && f.Host != s.host && !d.sameHost(f.Host)(s.host) {
			continue
		}
		if s.c == nil || len(f.Peers) == 0 || s.c.names(f.Peers) {
			out = append(out, i)
		}
	}
	return out
}

// successGrade asks for a login after failures of one grade.
func successGrade(grade string) func(*draft, *scene) answer {
	return func(d *draft, s *scene) answer {
		for _, i := range d.authAt(s) {
			f := d.findings[i].Auth
			if f.Pattern == netcase.PatternSuccess && f.Grade == grade {
				return yes(fmt.Sprintf("%s after %s", count(f.Successes, "login"), count(f.Failures, "failure")), evidenceOf(&d.findings[i])...)
			}
		}
		return d.silentLog(s, "no login after failures of this kind")
	}
}

// silentLog answers an item of the login log that no finding speaks of.
func (d *draft) silentLog(s *scene, why string) answer {
	switch {
	case s.c != nil && s.c.reach.Total() > 0 && s.c.reach.Failed() == s.c.reach.Total():
		return no("no flow was answered, so no login could be tried", s.c.evidence...)
	case s.c != nil && !loginPossible(d, s):
		return na("no administration port was asked for")
	case !d.in.Coverage.Has("login"):
		return open("no login log is among the inputs")
	case !d.completeLog(s):
		return open("how much of the span the login log of this host covers is not known")
	}
	return no(why, d.coverage)
}

// completeLog tells whether a finding vouches for the login log of the host.
func (d *draft) completeLog(s *scene) bool {
	for _, i := range d.authAt(s) {
		if d.findings[i].Auth.Complete {
			return true
		}
	}
	return false
}

func ownerVouches(d *draft, s *scene) answer {
	success := slices.ContainsFunc(d.authAt(s), func(i int) bool { return d.findings[i].Auth.Successes > 0 })
	if !success {
		return na("no login from these sources is on record")
	}
	for _, st := range d.site.Statements {
		if st.Denied {
			continue
		}
		if st.Peer != "" && s.c != nil && slices.ContainsFunc(s.c.sources, func(a *actor) bool { return a.profile.Peer.String() == st.Peer }) {
			return yes(st.Who+": "+st.What, d.coverage)
		}
		if st.Account != "" && slices.ContainsFunc(d.authAt(s), func(i int) bool { return slices.Contains(d.findings[i].Auth.Accounts, st.Account) }) {
			return yes(st.Who+": "+st.What, d.coverage)
		}
	}
	return open("the owner was not asked")
}

// ownerDenies asks for the word of the owner of an account that a login was not theirs.
func ownerDenies(d *draft, s *scene) answer {
	for _, i := range d.authAt(s) {
		f := d.findings[i].Auth
		if f.Successes == 0 || f.FromFlows {
			continue
		}
		for _, st := range d.site.Statements {
			if !st.Denied || st.Account == "" && st.Peer == "" ||
				st.Account != "" && !slices.Contains(f.Accounts, st.Account) ||
				st.Peer != "" && !slices.ContainsFunc(f.Peers, func(e netcase.Endpoint) bool { return e.String() == st.Peer }) {
				continue
			}
			return yes(st.Who+": "+st.What, evidenceOf(&d.findings[i])...)
		}
	}
	return na("no owner denies a login that is on record")
}

func noLogin(d *draft, s *scene) answer {
	for _, i := range d.authAt(s) {
		if d.findings[i].Auth.Successes > 0 {
			return no("a login is on record", evidenceOf(&d.findings[i])...)
		}
	}
	if d.in.Coverage.Has("login") && d.completeLog(s) {
		return yes("the log is complete and shows no login from these sources", d.coverage)
	}
	return open("no complete login log is among the inputs")
}

// unusualProcess takes over what the process records say of the host.
func unusualProcess(d *draft, s *scene) answer {
	if all := d.strangeAt(s); len(all) > 0 {
		return d.strange(all)
	}
	expected, unusable, doubtful := -1, -1, -1
	joint := -1 // records of several hosts from which nothing can be concluded
	for i := range d.findings {
		o := d.findings[i].Owner
		if o != nil && !o.Host.Known() && o.Verdict != ownerExpected {
			joint = i
			continue
		}
		if o == nil || s.host.Known() && !d.sameHost(o.Host)(s.host) {
			continue
		}
		switch o.Verdict {
		case ownerExpected:
			expected = i
		case ownerCheck:
			doubtful = i
		default:
			unusable = i
		}
	}
	switch {
	case doubtful >= 0:
		return open("to be checked on the host: " + d.findings[doubtful].Owner.Why)
	case unusable >= 0:
		return open("the process records do not say which socket or service it was: " + d.findings[unusable].Owner.Why)
	case expected >= 0:
		return no("the owner of the socket is the expected one", evidenceOf(&d.findings[expected])...)
	case joint >= 0:
		return open("the process records do not say which socket or service it was: " + d.findings[joint].Owner.Why)
	case !d.in.Coverage.Has("process"):
		return open("no process records are among the inputs")
	}
	return open("no process record speaks of this host")
}

// Verdicts of the owner detector.
const (
	ownerExpected = "expected"
	ownerCheck    = "check"
	ownerUnusable = "not usable"
)
