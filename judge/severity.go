package judge

import (
	"fmt"
	"slices"

	"netcase"
)

// highClaim is the posterior from which a claim alone makes a case grave.
const highClaim = 0.80

// facts are what the table of severity asks of a group, apart from its reach.
type facts struct {
	inbound   bool
	outbound  bool
	lateral   bool
	welcome   bool
	listed    bool
	scanner   bool
	spike     bool
	guessing  bool // failed logins above the threshold
	aimed     bool // two signs of reconnaissance beside the class
	login     bool // a login from outside succeeded and nobody vouches for it
	outage    bool // a load left a service next to no answers
	guarded   bool // the owner stated lockout or a second factor
	crit      int
	stated    bool   // the criticality is the owner's word
	claim     string // a claim at or above highClaim; empty: none
	badCalled bool   // our side called a place that is listed for harm
	approved  string // a claim that a person approved; empty: none
	hosts     int    // that the approved claim is about
}

// outcome is the reach of a group as the table sees it.
type outcome struct {
	admin  bool // an administration port went both ways
	twoWay bool // something went both ways
	passed bool // something was allowed or refused by the host, without an answer

	seen     netcase.Tally // what was recorded, so that the reason says no more than that
	adminSee bool          // the answer of the administration port is recorded, not supposed
	refused  bool          // the login log shows that a machine asked a listed address for a password
}

// row is what fired.
type row struct {
	number string
	level  netcase.Level
	why    string
}

// decideRow is the first row of the table that matches.
//
// A two-way flow with a port that administers nothing stands with what a control let
// pass.
func decideRow(f facts, o outcome) row {
	switch {
	case f.approved != "" && f.crit >= 3:
		return row{"1", netcase.Critical, fmt.Sprintf("%s, approved by a person, on a host of criticality %d", f.approved, f.crit)}
	case f.approved != "" && f.hosts >= 2:
		return row{"1", netcase.Critical, fmt.Sprintf("%s, approved by a person, on %s", f.approved, count(f.hosts, "host"))}
	case f.approved != "":
		return row{"2", netcase.High, f.approved + ", approved by a person"}
	case f.claim != "" && f.crit >= 3:
		return row{"2", netcase.High, fmt.Sprintf("%s stands at %s or more on a host of criticality %d", f.claim, trimmed(highClaim), f.crit)}
	case f.outage:
		return row{"2", netcase.High, "a load beyond ten times the expected, under which the service answered nobody for minutes or next to nobody at all"}
	case f.login:
		return row{"3", netcase.High, "a login from an outside source that nobody approved"}
	case f.guessing && o.admin && f.crit >= 3 && !f.guarded:
		return row{"4", netcase.High, "password guessing on an administration port that answers, and neither lockout nor a second factor is on record"}
	case o.admin && f.inbound && !f.welcome:
		return row{"5", netcase.Medium, o.adminWhy()}
	case f.guessing:
		return row{"5", netcase.Medium, "password guessing above the threshold of the login log"}
	case f.aimed && o.twoWay:
		return row{"5", netcase.Medium, "reconnaissance aimed at this network, with answers"}
	case f.scanner:
		return row{"6a", netcase.Info, "a known research scanner, and no administration port answered"}
	case o.twoWay:
		return row{"6b", netcase.Low, o.answeredWhy(f)}
	case o.passed:
		return row{"6b", netcase.Low, o.passedWhy()}
	case f.listed:
		if f.outbound {
			return row{"6b", netcase.Low, "denied, to a listed destination"}
		}
		return row{"6b", netcase.Low, "denied, from listed sources"}
	case f.spike:
		return row{"6b", netcase.Low, "denied, during an excess over the baseline"}
	}
	return row{"7", netcase.Info, "denied, and nothing else speaks against it"}
}

func (o outcome) adminWhy() string {
	if o.refused {
		return "a machine of ours asked a listed address for a password, so a way to administer it answers the Internet"
	}
	if o.adminSee || o.seen.Open() == 0 {
		return "an administration port answers the Internet"
	}
	return "an administration port may have answered the Internet: " + openPart(o.seen)
}

// openPart is what is not known of the outcome, in words.
func openPart(t netcase.Tally) string {
	var open netcase.Tally
	open[netcase.ReachUnknown], open[netcase.ReachAllowed] = t[netcase.ReachUnknown], t[netcase.ReachAllowed]
	return reachText(open)
}

// answeredWhy says what was answered, and where: seen, or only supposed.
func (o outcome) answeredWhy(f facts) string {
	where := "on no administration port from outside"
	switch {
	case f.outbound:
		where = "and our side began them"
	case f.lateral:
		where = "and both ends are ours"
	case f.welcome:
		where = "from a source that the owner named"
	}
	if n := o.seen.Answered(); n > 0 {
		return count(n, "flow") + " answered, " + where
	}
	if o.seen.Open() > 0 {
		return "supposing that " + openPart(o.seen) + " means answered, " + where
	}
	return "answered, " + where
}

// passedWhy says what came past the controls without an answer.
func (o outcome) passedWhy() string {
	var parts []string
	if n := o.seen[netcase.ReachNoReply]; n > 0 {
		parts = append(parts, count(n, "flow")+" allowed without reply")
	}
	if n := o.seen[netcase.ReachRefused]; n > 0 {
		parts = append(parts, count(n, "flow")+" refused by the host")
	}
	if n := o.seen[netcase.ReachAllowed]; n > 0 {
		parts = append(parts, count(n, "flow")+" allowed, supposing that none was answered: replies are not recorded")
	}
	if len(parts) == 0 {
		return "allowed without reply, or refused by the host"
	}
	return series(parts, len(parts))
}

// liftedRule names the rule of a severity that intelligence lifted.
const liftedRule = "%s, lifted by intelligence"

// lift is what intelligence alone may add: LOW to MEDIUM where our side called a
// place that is listed for harm and the call was not denied. It never goes further.
func lift(f facts, o outcome, r row) (row, string) {
	if f.badCalled && o.twoWay && r.level == netcase.Low {
		r.level, r.number = netcase.Medium, fmt.Sprintf(liftedRule, r.number)
		return r, "intelligence lifts LOW to MEDIUM: our side called a place that is listed for harm"
	}
	return r, ""
}

// factsOf reads the facts of a group from its items and claims.
func (d *draft) factsOf(c *cluster, state map[string]netcase.State, claims []netcase.Claim) facts {
	f := facts{
		inbound:  c.direction == netcase.Inbound,
		outbound: c.direction == netcase.Outbound,
		lateral:  c.direction == netcase.Lateral,
		welcome:  c.standing == standingWelcome,
		listed:   state["A03"] == netcase.True || c.ownSide() && c.standing == standingListed,
		scanner:  state["A04"] == netcase.True || c.ownSide() && c.standing == standingScanner,
		guessing: state["A07"] == netcase.True,
		aimed:    state["A08"] == netcase.True && c.standing == standingUnlisted && c.class != classContact && c.class != classSessions,
		spike:    d.spikeOver(c.span),
		login:    d.openLogin(c) || d.sightedLogin(c),
		outage:   d.outage(c, state),
		guarded:  said(d.site.Facts.MFA) || said(d.site.Facts.Lockout),
	}
	f.crit, f.stated = d.worstCriticality(c)
	for _, cl := range claims {
		if cl.Standing == netcase.Assessed && cl.Posterior >= highClaim {
			f.claim = cl.Name
		}
	}
	f.badCalled = f.listed && c.calledHarm()
	return f
}

// said tells whether the owner stated a control as present.
func said(fact string) bool { return fact == "yes" || fact == "true" }

// calledForHarm tells whether a destination is listed for what a machine would
// suffer from by calling it.
func calledForHarm(a *actor) bool {
	return a.card != nil && slices.ContainsFunc(a.card.Listings, func(l netcase.Listing) bool {
		if !counts(&l) || l.Weight <= 0 {
			return false
		}
		switch l.Indicator.Claim {
		case netcase.ClaimC2, netcase.ClaimMalware, netcase.ClaimPhishing, netcase.ClaimHijacked:
			return true
		}
		return false
	})
}

// spikeOver tells whether an excess that was judged, not only described, lies over
// a span.
func (d *draft) spikeOver(s netcase.Span) bool {
	return slices.ContainsFunc(d.findings, func(f netcase.Finding) bool {
		return f.Spike != nil && !f.Spike.Described && f.Spike.Window.Overlaps(s)
	})
}

// openLogin tells whether a login from the group succeeded and nobody approved or
// vouched for it.
func (d *draft) openLogin(c *cluster) bool {
	if c.direction != netcase.Inbound || c.standing == standingWelcome {
		return false
	}
	s := &scene{c: c}
	if ownerVouches(d, s).state == netcase.True {
		return false
	}
	if c.reach[netcase.ReachAuthenticated] > 0 {
		for _, a := range c.sources {
			if a.profile.Reach[netcase.ReachAuthenticated] > 0 && !d.vouched(a) {
				return true
			}
		}
	}
	return slices.ContainsFunc(d.authAt(s), func(i int) bool {
		return d.findings[i].Auth.Pattern == netcase.PatternSuccess && d.findings[i].Auth.Successes > 0
	})
}

// sightings are what became of the listed sources of a group that came to us.
func (d *draft) sightings(c *cluster) (out []*netcase.Sighting) {
	if c.direction != netcase.Inbound || c.standing == standingWelcome {
		return nil
	}
	for _, i := range c.findings {
		f := d.findings[i].Sighting
		if f == nil {
			continue
		}
		for k := range f.Sightings {
			if s := &f.Sightings[k]; s.Profile.Direction == netcase.Inbound && c.names([]netcase.Endpoint{s.Profile.Peer}) {
				out = append(out, s)
			}
		}
	}
	return out
}

// sightedLogin tells whether the login log shows that a listed source came in, and nobody
// vouches for it: flows need not show it.
func (d *draft) sightedLogin(c *cluster) bool {
	return slices.ContainsFunc(d.sightings(c), func(s *netcase.Sighting) bool {
		return s.Outcome == netcase.OutcomeLogin && ownerVouches(d, &scene{c: c}).state != netcase.True &&
			!slices.ContainsFunc(d.site.Statements, func(st netcase.Statement) bool {
				return !st.Denied && st.Peer != "" && st.Peer == s.Profile.Peer.String()
			})
	})
}

// refusedListed tells whether a machine of ours asked a listed source for a password: the
// line of the refusal proves that a way to log in answers the Internet, whatever the flows
// show. A service in the cloud is no machine of ours: its page for logins is public.
func (d *draft) refusedListed(c *cluster) bool {
	return slices.ContainsFunc(d.sightings(c), func(s *netcase.Sighting) bool {
		return s.Outcome == netcase.OutcomeFailures && slices.ContainsFunc(s.Profile.Hosts, d.machine)
	})
}

// machine tells whether an endpoint is a machine of our networks, by its address or by a
// name that the inputs give to such an address.
func (d *draft) machine(e netcase.Endpoint) bool {
	if e.Addr.IsValid() {
		return d.site.Owns(e.Addr)
	}
	for a, n := range d.in.Names {
		if sameName(n, e.Name) && d.site.Owns(a) {
			return true
		}
	}
	return false
}

// leftAnswered is the part of the flows that a service used to bear of which answers are
// left in an outage.
// Source: set by experts; one in ten is what a visitor takes for "down".
const leftAnswered = 0.1

// outage tells whether a load made a service suffer until nobody was answered for minutes,
// or next to nothing over the whole of it.
func (d *draft) outage(c *cluster, state map[string]netcase.State) bool {
	if c.class != classFlood || state["A09"] != netcase.True {
		return false
	}
	f := &d.findings[c.findings[0]]
	return f.Flood.Dark.Start.Known() || float64(f.Reach.Answered()+f.Reach.Open()) <= leftAnswered*f.Flood.Expected
}

// vouched tells whether the owner spoke of the source.
func (d *draft) vouched(a *actor) bool {
	return slices.ContainsFunc(d.site.Statements, func(s netcase.Statement) bool { return !s.Denied && s.Peer != "" && s.Peer == a.profile.Peer.String() })
}

// worstCriticality is the highest criticality of the hosts of a group; where one
// is not stated the assumed one stands, and stated is false.
func (d *draft) worstCriticality(c *cluster) (level int, stated bool) {
	stated = true
	hosts := ownEnds(c)
	if len(hosts) == 0 {
		hosts = []netcase.Endpoint{{}}
	}
	for _, h := range hosts {
		l, ok := d.site.Criticality(d.named(h))
		level, stated = max(level, l), stated && ok
	}
	return level, stated
}

// named is a host with the name that inputs give it, so that the site finds it.
func (d *draft) named(e netcase.Endpoint) netcase.Endpoint {
	if e.Name == "" && e.Addr.IsValid() {
		e.Name = d.in.Names[e.Addr]
	}
	return e
}

// outcomes are the mildest and the gravest reading of what is recorded: what is
// not known was denied, or was answered; what was allowed got no reply, or did.
func outcomes(c *cluster) (mild, grave outcome) {
	admin := c.onAdmin()
	proven := outcome{
		admin:  admin.Answered() > 0 || slices.ContainsFunc(c.doors, func(d *netcase.ExposureFacts) bool { return d.Proven }),
		twoWay: c.reach.Answered() > 0,
		passed: c.reach[netcase.ReachNoReply]+c.reach[netcase.ReachRefused]+c.reach[netcase.ReachAllowed] > 0,
	}
	proven.seen, proven.adminSee = c.reach, proven.admin
	mild, grave = proven, proven
	if c.reach.Open() > 0 {
		grave.twoWay = true
		grave.admin = grave.admin || admin.Open() > 0
	}
	if c.rest && (c.reach.Open() > 0 || c.reach.Answered() > 0) && slices.ContainsFunc(portsOf(c.ports), netcase.IsAdminPort) {
		grave.admin, grave.twoWay = true, true
	}
	return mild, grave
}

// severityOf is the severity of a group as a range, with the rows that fired.
func (d *draft) severityOf(c *cluster, state map[string]netcase.State, claims []netcase.Claim) netcase.Severity {
	f := d.factsOf(c, state, claims)
	mild, grave := outcomes(c)
	if !mild.admin && d.refusedListed(c) {
		mild.admin, mild.refused, grave.admin, grave.refused = true, true, true, true
	}
	low, liftedLow := lift(f, mild, decideRow(f, mild))
	high, liftedHigh := lift(f, grave, decideRow(f, grave))
	s := netcase.Severity{
		Low: low.level, RuleLow: low.number, WhyLow: low.why,
		High: high.level, RuleHigh: high.number, WhyHigh: high.why,
		Evidence: c.evidence,
	}
	if r := d.assumed(); r != "" {
		s.WhyLow, s.WhyHigh = "assumed "+r+": "+s.WhyLow, "assumed "+r+": "+s.WhyHigh
	}
	for _, m := range []string{liftedLow, liftedHigh} {
		if m != "" && !slices.Contains(s.Modifiers, m) {
			s.Modifiers = append(s.Modifiers, m)
		}
	}
	if len(s.Modifiers) == 0 {
		d.modify(c, &s)
	}
	if !f.stated && (low.number == "2" || low.number == "4" || high.number == "2" || high.number == "4") {
		s.Modifiers = append(s.Modifiers, fmt.Sprintf("criticality is not stated for every host; %d is assumed", netcase.UnknownCriticality))
	}
	if s.Low != s.High {
		s.Decides = decides(c)
	}
	return s
}

// decides names the one datum that would close the range.
func decides(c *cluster) string {
	if c.reach[netcase.ReachUnknown] > 0 {
		return "whether a control allowed or denied the flows"
	}
	return "whether the hosts replied to the flows that were allowed"
}

// modify moves a proven severity by at most one step.
func (d *draft) modify(c *cluster, s *netcase.Severity) {
	if c.reach.Answered() == 0 {
		return
	}
	up, down := d.raises(c), ""
	if d.onlyHoneypots(c) {
		down = "one step down: only honeypots answered"
	}
	switch {
	case up != "" && down != "":
		s.Modifiers = append(s.Modifiers, up+", and "+down+": no change")
	case up != "":
		s.Modifiers = append(s.Modifiers, up)
		s.Low, s.High = min(s.Low+1, netcase.Critical), min(s.High+1, netcase.Critical)
	case down != "":
		s.Modifiers = append(s.Modifiers, down)
		s.Low, s.High = max(s.Low-1, netcase.Info), max(s.High-1, netcase.Info)
	}
}

const telnetPort = 23

func (d *draft) raises(c *cluster) string {
	for _, door := range c.doors {
		if door.Proven && door.Cleartext {
			return fmt.Sprintf("one step up: port %d answers in clear text", door.Port)
		}
	}
	for _, p := range c.ports {
		if p.Port == telnetPort && p.Proto != netcase.UDP && p.Reach.Answered() > 0 && c.direction == netcase.Inbound {
			return "one step up: telnet answers in clear text"
		}
	}
	for _, h := range d.answeringHosts(c) {
		for _, tag := range []string{"cde", "safety"} {
			if d.site.Tagged(d.named(h), tag) {
				return fmt.Sprintf("one step up: %s is tagged %s", d.name(h), tag)
			}
		}
	}
	return ""
}

// answeringHosts are the hosts that are known to have answered: those of open
// doors, or the only host.
func (d *draft) answeringHosts(c *cluster) (out []netcase.Endpoint) {
	for _, door := range c.doors {
		if door.Proven {
			out = union(out, []netcase.Endpoint{door.Host})
		}
	}
	if len(out) > 0 || len(c.hosts) == 0 {
		return out
	}
	for _, a := range c.sources {
		if a.profile.Reach.Answered() > 0 && a.profile.HostCount == 1 {
			out = union(out, a.profile.Hosts)
		}
	}
	return out
}

func (d *draft) onlyHoneypots(c *cluster) bool {
	hosts := d.answeringHosts(c)
	if len(hosts) == 0 {
		hosts = c.hosts
	}
	return len(hosts) > 0 && len(hosts) >= min(c.hostCount, len(hosts)) && !slices.ContainsFunc(hosts, func(h netcase.Endpoint) bool {
		return !d.site.Tagged(d.named(h), "honeypot")
	})
}

// highest is the severity of the case: the gravest of the groups at either end.
func highest(groups []*cluster) netcase.Severity {
	var out netcase.Severity
	for i, c := range groups {
		s := c.severity
		if i == 0 {
			out = s
			out.Modifiers = slices.Clone(s.Modifiers)
			continue
		}
		if s.Low > out.Low {
			out.Low, out.RuleLow, out.WhyLow = s.Low, s.RuleLow, s.WhyLow
			out.Evidence = unique(append(slices.Clone(out.Evidence), s.Evidence...))
		}
		if s.High > out.High {
			out.High, out.RuleHigh, out.WhyHigh, out.Decides = s.High, s.RuleHigh, s.WhyHigh, s.Decides
		}
	}
	if out.Low == out.High {
		out.Decides = ""
	}
	return out
}

// caseSeverity is the severity of the whole case.
func (d *draft) caseSeverity() netcase.Severity {
	out := highest(d.clusters)
	if len(d.clusters) == 0 {
		out = netcase.Severity{RuleLow: "7", RuleHigh: "7", WhyLow: "no group of sources gave rise to a finding", WhyHigh: "no group of sources gave rise to a finding", Evidence: []string{d.coverage}}
	}
	for i := range d.findings {
		f := &d.findings[i]
		switch {
		case f.Spike != nil && !f.Spike.Described:
			raiseToLow(&out, "an excess over the baseline that no group accounts for alone", f)
		case f.Owner != nil && f.Owner.Decibans > 0:
			raiseToLow(&out, "an unusual process owns a listening socket", f)
		case tellsStrange(f.Process):
			raiseToLow(&out, "a process is not as it should be", f)
		case f.Flood != nil && f.Flood.Outbound && f.Kind == "flood":
			raiseToLow(&out, "our side sends a load that is hardly answered", f)
		case f.Persistence != nil && f.Persistence.Odd != "":
			raiseToLow(&out, "something that outlives a restart is unusual", f)
		}
	}
	d.raiseByClaims(&out)
	return out
}

// raiseByClaims applies the rules on claims to hosts that no group touched: a claim does
// not need traffic to be grave.
func (d *draft) raiseByClaims(s *netcase.Severity) {
	for i := range d.claims {
		c := &d.claims[i]
		if c.Standing != netcase.Assessed || c.Posterior < highClaim {
			continue
		}
		crit := netcase.UnknownCriticality
		for k, h := range c.Hosts {
			l, _ := d.site.Criticality(d.named(h))
			if crit = max(crit, l); k == 0 {
				crit = l
			}
		}
		f := facts{claim: c.Name, crit: crit}
		if c.Approved != nil {
			f.approved, f.hosts = c.Name, len(c.Hosts)
		}
		r := decideRow(f, outcome{})
		if r.number != "1" && r.number != "2" || r.level < s.Low || r.level == s.Low && c.Approved == nil {
			continue
		}
		s.Low, s.RuleLow, s.WhyLow = r.level, r.number, r.why
		if s.High <= r.level {
			s.High, s.RuleHigh, s.WhyHigh = r.level, r.number, r.why
		}
		s.Evidence = unique(append(slices.Clone(s.Evidence), c.Evidence...))
		if s.Low == s.High {
			s.Decides = ""
		}
	}
}

func raiseToLow(s *netcase.Severity, why string, f *netcase.Finding) {
	const number = "6b"
	if s.Low >= netcase.Low {
		return
	}
	s.Low, s.RuleLow, s.WhyLow = netcase.Low, number, why
	s.Evidence = unique(append(slices.Clone(s.Evidence), evidenceOf(f)...))
	if s.High < netcase.Low {
		s.High, s.RuleHigh, s.WhyHigh = s.Low, s.RuleLow, s.WhyLow
	}
	if s.Low == s.High {
		s.Decides = ""
	}
}
