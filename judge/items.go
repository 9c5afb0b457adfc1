package judge

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// activityItem is one question of frame A put to a group.
type activityItem struct {
	id   string
	text string
	ask  func(*draft, *cluster) answer
}

// answer is what the evidence says to an item.
type answer struct {
	state    netcase.State
	why      string
	evidence []string
	decibans float64 // where the finding itself carries the weight; else the table does
	measured bool    // decibans stand even where they are zero
	about    string  // the program that the answer rests on; empty: none in particular
}

func yes(why string, evidence ...string) answer {
	return answer{state: netcase.True, why: why, evidence: evidence}
}
func no(why string, evidence ...string) answer {
	return answer{state: netcase.False, why: why, evidence: evidence}
}
func open(why string) answer { return answer{state: netcase.Unknown, why: why} }
func na(why string) answer   { return answer{state: netcase.NotApplicable, why: why} }

// activityItems lists the items of frame A. Volume and near-equal counts are not
// among them: the logging interval can make both.
func activityItems() []activityItem {
	return []activityItem{
		{"A01", "only ports that Internet-wide scanning asks for", massPorts},
		{"A02", "two or more hosts asked for the same ports", samePorts},
		{"A03", "named by community abuse lists", abuseListed},
		{"A04", "named as a research scanner", scannerNamed},
		{"A05", "nine tenths of the attempts failed", mostlyFailed},
		{"A06", "twenty or more two-way sessions with one host and port within an hour", manySessions},
		{"A07", "failed logins above the threshold", failedLogins},
		{"A08", "follows our names, or an unlisted source returns to open ports only", followsUs},
		{"A09", "ten times the expected load, and a service that suffers", overload},
		{"A10", "a source of ours or of a partner with its owner's word for it, a source whose tries the owner of the one account says were theirs, or begun within a recorded change", insideOrChange},
		{"A11", "ten times the expected load at a service in use, and most of it gets no answer", unansweredLoad},
	}
}

// Thresholds of the items.
const (
	failShare    = 0.9 // A05
	busySessions = 20  // A06, per host, port and hour
	overloadFrom = 10  // A09, observed over expected
	returnTimes  = 3   // A08, answered flows on an open port
	servedShare  = 0.5 // A11, of the flows of a load: where fewer are answered most are not
	aliveAnswers = 20  // A11, answers that show that a service is in use
)

// notFromOutside is why a question about sources that came to us is not put.
const notFromOutside = "asked of sources from outside only"

// notOfLoad is why a question about who chose which doors is not put to a load.
const notOfLoad = "asked of sources that try doors: a load is on one service by definition"

func massPorts(d *draft, c *cluster) answer {
	if c.class == classFlood {
		return na(notOfLoad)
	}
	if c.direction != netcase.Inbound {
		return na(notFromOutside)
	}
	var other []string
	for _, p := range portsOf(c.ports) {
		if !slices.Contains(netcase.MassScanPorts, p) {
			other = append(other, fmt.Sprint(p))
		}
	}
	switch {
	case len(other) > 0:
		return no("it also asked for "+series(other[:min(len(other), shownPorts)], len(other)), c.evidence...)
	case c.truncated() || len(c.ports) == 0:
		return no(fmt.Sprintf("it asked for %s", count(c.portCount, "port")), c.evidence...)
	}
	return yes(portsText(portsOf(c.ports), c.portCount)+": all of them", c.evidence...)
}

// samePorts reasons from the number of hosts by port, since a profile does not
// keep which host was asked for which ports.
func samePorts(d *draft, c *cluster) answer {
	if c.class == classFlood {
		return na(notOfLoad)
	}
	if c.hostCount < 2 {
		return no("one host was asked", c.evidence...)
	}
	for _, a := range c.sources {
		if repeats(&a.profile) {
			return yes(fmt.Sprintf("%s over %s", portsText(portsOf(c.ports), c.portCount), count(c.hostCount, "host")), c.evidence...)
		}
	}
	if len(c.sources) > 1 && len(c.set) == c.portCount && everyPortAlone(c) {
		return yes(fmt.Sprintf("each source asked one host; together %s for the same ports", count(c.hostCount, "host")), c.evidence...)
	}
	for _, a := range c.sources {
		if a.profile.HostCount > 1 && !allOnce(&a.profile) {
			return open("the summary of a source does not keep which host was asked for which ports")
		}
	}
	return no("no two hosts were asked for the same ports", c.evidence...)
}

// repeats tells whether two hosts must have been asked for the same set of ports.
func repeats(p *netcase.Profile) bool {
	sum := 0
	for _, c := range p.Ports {
		sum += c.Hosts
	}
	missing := 0
	for _, c := range p.Ports {
		missing += p.HostCount - c.Hosts
		if c.Hosts-(sum-c.Hosts) >= 2 && p.PortCount == len(p.Ports) {
			return true // so many were asked for this port and no other
		}
	}
	if p.PortCount == len(p.Ports) && p.HostCount-missing >= 2 {
		return true // so many were asked for every port
	}
	const countable = 20 // sets of so many ports can be counted without overflow
	return p.PortCount <= countable && p.HostCount > 1<<p.PortCount-1
}

// allOnce tells whether every host was asked for one port, a different one each.
func allOnce(p *netcase.Profile) bool {
	for _, c := range p.Ports {
		if c.Hosts > 1 {
			return false
		}
	}
	return p.PortCount == p.HostCount
}

func everyPortAlone(c *cluster) bool {
	return !slices.ContainsFunc(c.sources, func(a *actor) bool { return a.profile.HostCount != 1 || !slices.Equal(a.profile.PortSet(), c.set) })
}

func abuseListed(d *draft, c *cluster) answer {
	if c.ownSide() {
		return na(notFromOutside)
	}
	switch c.standing {
	case standingListed:
		origins, known := 0, 0
		for _, a := range c.sources {
			if a.card == nil {
				continue
			}
			origins = max(origins, originsOf(a.card))
			if a.card.Known {
				known++
			}
		}
		why := fmt.Sprintf("up to %s; %d of %s known to the lists before the traffic", count(origins, "independent origin"), known, count(len(c.sources), "source"))
		if n := c.listedSources(); n < len(c.sources) {
			why = fmt.Sprintf("%d of the %s are listed, the others did the same from the same network; ", n, count(len(c.sources), "source")) + why
		}
		return yes(why, c.evidence...)
	case standingEdge:
		return no("many share the address: a list that names it accuses everyone behind it", c.evidence...)
	case standingUnasked:
		return open("no intelligence list was given, and no service was asked about it")
	case standingOwn:
		return na("a source of ours is on no outside list")
	case standingScanner:
		return no("named as a research scanner, which comes first", c.evidence...)
	case standingOther:
		return no("the lists that name it claim what does not bear on this traffic, or not for this time", c.evidence...)
	}
	return no("no list that was given names it", d.coverage)
}

func scannerNamed(d *draft, c *cluster) answer {
	if c.ownSide() {
		return na(notFromOutside)
	}
	switch c.standing {
	case standingScanner:
		return yes(fmt.Sprintf("%s in a published range", count(len(c.sources), "source")), c.evidence...)
	case standingUnasked:
		return open("no list of research scanners was given, and no service was asked about it")
	case standingOwn:
		return na("a source of ours")
	}
	return no("no list that was given names it as a research scanner", d.coverage)
}

// mostlyFailed answers only where the open outcomes could not turn it.
func mostlyFailed(d *draft, c *cluster) answer {
	if c.class == classFlood {
		return na("a service under load answers less, whoever asks")
	}
	if d.assumed() != "" {
		return open("outcomes are assumed by the caller, not recorded")
	}
	total, failed := float64(c.reach.Total()), float64(c.reach.Failed())
	still := float64(c.reach.Open())
	noun, answered := "flow", "went both ways"
	if !d.in.Coverage.Has("flow") && d.in.Coverage.Has("login") { // an attempt to log in takes both ways, also where it fails
		noun, answered = "login attempt", "reached the service"
	}
	switch {
	case total == 0:
		return open("no flow was counted")
	case failed >= failShare*total:
		return yes(fmt.Sprintf("%s of %s failed", thousands(c.reach.Failed()), count(c.reach.Total(), noun)), c.evidence...)
	case failed+still < failShare*total:
		return no(fmt.Sprintf("%s of %s %s", thousands(c.reach.Answered()), count(c.reach.Total(), noun), answered), c.evidence...)
	}
	return open(fmt.Sprintf("the outcome of %s of %s is not recorded", thousands(c.reach.Open()), count(c.reach.Total(), noun)))
}

func manySessions(d *draft, c *cluster) answer {
	if c.ownSide() {
		return na(notFromOutside)
	}
	if c.class == classFlood {
		return na("asked of one source and one host")
	}
	most, measured := int64(0), true
	for _, a := range c.sources {
		if a.profile.BusiestHour == netcase.Absent {
			measured = false
			continue
		}
		most = max(most, a.profile.BusiestHour)
	}
	switch {
	case most >= busySessions:
		return yes(fmt.Sprintf("%s in the busiest hour", count(most, "two-way session")), c.evidence...)
	case c.reach.Total() > 0 && c.reach.Failed() == c.reach.Total():
		return no("nothing went both ways", c.evidence...)
	case c.reach.Open() > 0:
		return open("the outcome of flows is not recorded")
	case !measured:
		return open("records stand for intervals: they are not sessions")
	}
	return no(fmt.Sprintf("at most %s in an hour", count(most, "two-way session")), c.evidence...)
}

func failedLogins(d *draft, c *cluster) answer {
	for i := range d.findings {
		f := d.findings[i].Auth
		if f == nil || f.FromFlows || f.Misconfigured || !c.names(f.Peers) {
			continue
		}
		switch f.Pattern {
		case netcase.PatternGuessing, netcase.PatternSpray, netcase.PatternEnumeration, netcase.PatternDistributed, netcase.PatternLockouts, netcase.PatternSuccess:
			return yes(fmt.Sprintf("%s (%s)", count(f.Failures, "failed login"), f.Pattern), evidenceOf(&d.findings[i])...)
		}
	}
	switch {
	case c.reach.Total() > 0 && c.reach.Failed() == c.reach.Total():
		return no("nothing went both ways, so no login could be tried", c.evidence...)
	case !d.in.Coverage.Has("login"):
		return open("no login log is among the inputs")
	case !d.ran("auth") && !d.ran("login"):
		return open("no detector read the login log")
	}
	return no("the login log shows none above the threshold", d.coverage)
}

// names tells whether a list of endpoints holds a source of the group.
func (c *cluster) names(peers []netcase.Endpoint) bool {
	return slices.ContainsFunc(c.sources, func(a *actor) bool { return slices.Contains(peers, a.profile.Peer) })
}

// ran tells whether a detector ran to its end.
func (d *draft) ran(name string) bool {
	return slices.ContainsFunc(d.in.Coverage.Detectors, func(r netcase.Run) bool {
		return r.OK && strings.Contains(r.Name, name)
	})
}

func followsUs(d *draft, c *cluster) answer {
	if c.direction != netcase.Inbound || c.standing == standingWelcome {
		return na("asked of unknown sources from outside only")
	}
	if c.standing == standingUnlisted && !d.listsKnew(c.span.End) {
		return open("no list that was given was known at the time of the traffic, so unlisted says nothing")
	}
	if c.standing == standingUnlisted {
		for _, a := range c.sources {
			if returns(&a.profile) {
				return yes("it tried closed doors once and came back to open ones only", c.evidence...)
			}
		}
	}
	return open("our own names in DNS and certificates are not among the inputs")
}

// returns tells whether a source tried doors that failed about once each, and came back
// to such that answered: again and again, and in another hour. Several tries in a row are
// one visit. A port may be closed on one host and open on another: tries that failed are
// at most as many as hosts, since who comes back to a closed door tries it twice.
func returns(p *netcase.Profile) bool {
	failed, again := 0, 0
	for _, c := range p.Ports {
		shut, open := c.Reach.Failed(), c.Reach.Answered()
		if shut > int64(c.Hosts) || c.Reach.Open() > 0 {
			return false
		}
		if shut > 0 {
			failed++
		}
		if open >= returnTimes && c.AnsweredHours > 1 {
			again++
		}
	}
	return failed > 0 && again > 0
}

func overload(d *draft, c *cluster) answer {
	if c.class == classFlood {
		return d.floodEffect(c)
	}
	ratio, judged := 0.0, false
	for i := range d.findings {
		s := d.findings[i].Spike
		if s == nil || s.Described || !c.span.Overlaps(s.Window) {
			continue
		}
		judged = true
		ratio = max(ratio, s.Ratio)
	}
	switch {
	case ratio >= overloadFrom:
		return open(fmt.Sprintf("the load is %.1f times the expected; whether a service suffered is not among the inputs", ratio))
	case judged:
		return no(fmt.Sprintf("the load is %.1f times the expected", ratio), d.coverage)
	case d.ran("spike") && !d.describedOnly():
		return no("no excess over the baseline", d.coverage)
	}
	return open("there is no baseline to compare the load with")
}

// floodEffect asks whether the service of a load suffered.
func (d *draft) floodEffect(c *cluster) answer {
	f := &d.findings[c.findings[0]]
	text := fmt.Sprintf("the load is %.1f times the expected; %s", f.Flood.Ratio, f.Flood.Why)
	switch {
	case f.Flood.Ratio < overloadFrom || f.Flood.Suffers == netcase.False:
		return no(text, c.evidence...)
	case f.Flood.Suffers == netcase.True:
		return yes(text, c.evidence...)
	}
	return open(text)
}

// unansweredLoad asks whether a load gets no answer for the most part, at a service that
// does answer: visitors of a service that bears its load are served, however many come.
// Whether the service suffers is another question (A09), which contains this one.
func unansweredLoad(d *draft, c *cluster) answer {
	if c.class != classFlood {
		return na("asked of a load on one service")
	}
	f := &d.findings[c.findings[0]]
	decided, answered := f.Reach.Decided(), f.Reach.Answered()
	text := fmt.Sprintf("%s of %s flows were answered; the load is %.1f times the expected", thousands(answered), thousands(f.Reach.Total()), f.Flood.Ratio)
	switch {
	case f.Flood.Ratio < overloadFrom:
		return no(text, c.evidence...)
	case f.Flood.Suffers == netcase.True:
		return na("the service suffers, which says more (A09)")
	case 2*decided < f.Reach.Total():
		return open("whether flows were answered is not recorded for most of them")
	case answered < aliveAnswers:
		return open("nothing shows that the service was in use: " + text)
	case float64(answered+f.Reach.Open()) < servedShare*float64(f.Reach.Total()):
		return yes(text, c.evidence...)
	}
	return no(text, c.evidence...)
}

// listsKnew tells whether any list that was given was known by a time. A list that
// was learned later, or that has no date, says nothing of who was unknown then.
func (d *draft) listsKnew(at netcase.Time) bool {
	return slices.ContainsFunc(d.in.Coverage.Feeds, func(f netcase.FeedReport) bool {
		return f.Error == "" && f.Usable > 0 && f.Learned.Known() && f.Learned <= at
	})
}

// describedOnly tells whether the time line could only be described.
func (d *draft) describedOnly() bool {
	return slices.ContainsFunc(d.findings, func(f netcase.Finding) bool { return f.Spike != nil && f.Spike.Described })
}

// insideOrChange asks what the owner says. That a source is ours says by itself
// neither that it was told to do this nor that it was not.
func insideOrChange(d *draft, c *cluster) answer {
	if a := d.evenPace(c); a.state == netcase.True {
		return a
	}
	ours := c.internal || c.direction == netcase.Lateral
	if ours || c.standing == standingWelcome {
		if why := d.vouchedRole(c); why != "" {
			return yes(why, d.coverage)
		}
	}
	if why := d.vouchedTries(c); why != "" {
		return yes(why, d.coverage)
	}
	change := d.withinChange(c)
	switch {
	case change.state == netcase.True:
		return change
	case ours:
		return open("the source is ours; whether it was told to do this is not in the data")
	case len(d.site.Changes) == 0:
		return open("no record of changes was given")
	}
	return change
}

// evenPace tells whether the login log shows one account of a source of ours that fails
// at an even pace: a setting that nobody changed, not a person who guesses.
func (d *draft) evenPace(c *cluster) answer {
	for i := range d.findings {
		f := d.findings[i].Auth
		if f == nil || !f.Misconfigured || len(f.Peers) == 0 {
			continue
		}
		if c.names(f.Peers) && len(c.sources) == 1 {
			return yes(fmt.Sprintf("%s for one account from one source, every %s", count(f.Failures, "failed login"), periodText(f.Period)), evidenceOf(&d.findings[i])...)
		}
	}
	return open("")
}

// answerActivity puts every item to a group.
func (d *draft) answerActivity(c *cluster) {
	for _, item := range activityItems() {
		a := silenceItem()
		if !d.leftOut[item.id] {
			a = item.ask(d, c)
		}
		c.items = append(c.items, netcase.Item{ID: item.id, Text: item.text, State: a.state, Why: a.why, Evidence: unique(a.evidence)})
	}
	if !weighable(c) {
		c.silence()
	}
}

// states is the state of every item by its id.
func states(items []netcase.Item) map[string]netcase.State {
	out := make(map[string]netcase.State, len(items))
	for _, i := range items {
		out[i.ID] = i.State
	}
	return out
}

// unique keeps the first of equal ids.
func unique(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	var out []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
