package detect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"netcase"
	"netcase/cube"
	"netcase/intel"
)

// sighting notices traffic with addresses that intelligence speaks of, and says
// what became of it: a claim about a denied probe and a claim about a two-way
// session are not the same news.
func sighting() Detector {
	return Detector{
		Name:   "sighting",
		Doc:    "traffic with addresses that intelligence lists, by outcome",
		Method: "longest-prefix match of every outside address, valid as of the traffic; outcome by the strongest reach and by the login log",
		Ask: func(Config) Questions {
			return Questions{InSpan: true, Logins: true, Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Outbound}}}}
		},
		Refine: func(in *Input) []cube.Want {
			found := sightings(in)
			in.Memo = found
			var wants []cube.Want
			for _, s := range found {
				w := cube.Want{Tag: s.tag(), Selection: selectSightings(s.all), Records: cube.MaxRecords}
				if s.byLogins() {
					w.Of = cube.Logins
				}
				wants = append(wants, w)
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, s := range in.Memo.([]sightingSet) {
				out = append(out, s.finding(in))
			}
			return out
		},
	}
}

// outcomes from the mildest to the gravest.
var outcomes = []netcase.Outcome{
	netcase.OutcomeDenied, netcase.OutcomeNoReply, netcase.OutcomeUndecided, netcase.OutcomeTwoWay, netcase.OutcomeFailures,
	netcase.OutcomeOutbound, netcase.OutcomeLogin,
}

// sightingSet is the sightings that become one finding: those with one outcome of
// addresses that are accused of something, or of addresses that are only named as
// research scanners.
type sightingSet struct {
	outcome netcase.Outcome
	listed  bool
	all     []netcase.Sighting // most flows first
}

func (s *sightingSet) tag() string {
	if s.listed {
		return string(s.outcome)
	}
	return string(s.outcome) + ", research scanners"
}

// sightings matches every outside peer, the gravest outcome first.
func sightings(in *Input) []sightingSet {
	if in.Intel == nil {
		return nil
	}
	sets := map[string]*sightingSet{}
	wanted := func(peer netcase.Endpoint) bool {
		return peer.Addr.IsValid() && !welcome(in.Site, peer) && spokenOf(in.Intel, peer.Addr)
	}
	tried := loggedAttempts(in, wanted)
	add := func(p netcase.Profile, l *attempts, fromLogins bool) {
		card := in.Intel.Card(intel.CardQuery{
			Address: p.Peer.Addr, First: p.First, Last: p.Last, Direction: p.Direction, Ports: p.PortSet(),
		})
		if !card.Listed() && !namesScanner(&card) {
			return
		}
		one := sightingSet{outcome: outcomeOf(&p, l), listed: card.Listed()}
		if sets[one.tag()] == nil {
			sets[one.tag()] = &one
		}
		s := sets[one.tag()]
		met := netcase.Sighting{Card: card, Profile: p, Outcome: s.outcome, FromLogins: fromLogins}
		if l != nil && p.Direction == netcase.Inbound {
			met.Refused, met.Logins = l.refused, l.logins
		}
		s.all = append(s.all, met)
	}
	for b := range byPeer(in.rows(0), wanted) {
		p := b.profile()
		l := tried[p.Peer]
		add(p, l, false)
		if l != nil && p.Direction == netcase.Inbound {
			l.met = true
		}
	}
	for _, peer := range slices.SortedFunc(maps.Keys(tried), netcase.Endpoint.Compare) {
		if l := tried[peer]; !l.met {
			add(l.profile(peer), l, true)
		}
	}
	out := make([]sightingSet, 0, len(sets))
	for _, s := range sets {
		slices.SortFunc(s.all, func(a, b netcase.Sighting) int { return mostFlowsFirst(a.Profile, b.Profile) })
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b sightingSet) int {
		return cmp.Or(boolRank(b.listed)-boolRank(a.listed), slices.Index(outcomes, b.outcome)-slices.Index(outcomes, a.outcome))
	})
	return out
}

// spokenOf tells whether anyone accuses an address or names it a research scanner;
// where a range merely lies is no reason to look closer.
func spokenOf(set *intel.Set, a netip.Addr) bool {
	return set.Holds(a) && slices.ContainsFunc(set.Match(a), func(i netcase.Indicator) bool {
		return i.Claim.Adverse() || i.Claim == netcase.ClaimScanner
	})
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// namesScanner tells whether a list of research scanners names the address.
func namesScanner(c *netcase.Card) bool {
	return slices.ContainsFunc(c.Listings, func(l netcase.Listing) bool {
		return l.Indicator.Claim == netcase.ClaimScanner && (l.Timing == netcase.KnownThen || l.Timing == netcase.LearnedLater)
	})
}

// attempts is what the login log tells of one listed address.
type attempts struct {
	refused, logins int64
	hosts           map[netcase.Endpoint]bool
	span            netcase.Span
	met             bool // flows tell of it as well
}

// mostListed bounds the listed addresses that are followed in login logs.
const mostListed = 1 << 16

// loggedAttempts is the attempts of listed addresses in the span.
func loggedAttempts(in *Input, wanted func(netcase.Endpoint) bool) map[netcase.Endpoint]*attempts {
	out := map[netcase.Endpoint]*attempts{}
	for r := range in.Auth() {
		outside := r.Peer.Addr.IsValid() && !in.Site.Owns(r.Peer.Addr)
		if !outside || r.Last < in.Span.Start || in.Span.End.Known() && r.First >= in.Span.End || r.Outcome == netcase.LoginOpen || !wanted(r.Peer) {
			continue
		}
		l := out[r.Peer]
		if l == nil {
			if len(out) >= mostListed {
				continue
			}
			l = &attempts{hosts: map[netcase.Endpoint]bool{}}
			out[r.Peer] = l
		}
		if r.Outcome == netcase.LoginSucceeded {
			l.logins += r.Count * int64(b2i(!noPerson(r.Account, r.Sensor)))
		} else {
			l.refused += r.Count
		}
		if len(l.hosts) < netcase.ProfileHosts {
			l.hosts[r.Host] = true
		}
		l.span = l.span.Extend(r.First).Extend(r.Last)
	}
	return out
}

// profile is what the login log shows of an address of which no flow tells.
func (l *attempts) profile(peer netcase.Endpoint) netcase.Profile {
	c := authCase{peer: peer, hosts: slices.SortedFunc(maps.Keys(l.hosts), netcase.Endpoint.Compare), fails: l.refused, logins: l.logins, span: l.span}
	return *c.profile(netcase.Inbound)
}

// outcomeOf is what became of a peer's traffic: the gravest thing that is proven,
// or that nothing is.
func outcomeOf(p *netcase.Profile, l *attempts) netcase.Outcome {
	inbound := p.Direction == netcase.Inbound
	switch {
	case inbound && (l != nil && l.logins > 0 || p.Reach[netcase.ReachAuthenticated] > 0):
		return netcase.OutcomeLogin
	case p.Direction == netcase.Outbound && p.Reach.Answered()+p.Reach.Open() > 0:
		return netcase.OutcomeOutbound
	case inbound && l != nil && l.refused > 0:
		return netcase.OutcomeFailures
	case p.Reach.Answered() > 0:
		return netcase.OutcomeTwoWay
	case p.Reach.Open() > 0:
		return netcase.OutcomeUndecided
	case p.Reach[netcase.ReachNoReply]+p.Reach[netcase.ReachRefused] > 0:
		return netcase.OutcomeNoReply
	}
	return netcase.OutcomeDenied
}

// byLogins tells whether only login logs tell of the whole set.
func (s *sightingSet) byLogins() bool {
	return !slices.ContainsFunc(s.all, func(x netcase.Sighting) bool { return !x.FromLogins })
}

func selectSightings(s []netcase.Sighting) netcase.Selection {
	var sel netcase.Selection
	for i := range s {
		sel.Peers = append(sel.Peers, s[i].Profile.Peer)
	}
	sel.Direction = s[0].Profile.Direction
	for i := range s {
		if s[i].Profile.Direction != sel.Direction {
			sel.Direction = netcase.DirectionUnknown
		}
	}
	slices.SortFunc(sel.Peers, netcase.Endpoint.Compare)
	sel.Peers = slices.Compact(sel.Peers)
	return sel
}

func (s *sightingSet) finding(in *Input) netcase.Finding {
	shown := s.all[:min(len(s.all), netcase.MaxSources)]
	f := netcase.Finding{
		Kind: s.tag(), Direction: s.all[0].Profile.Direction, Selection: selectSightings(shown),
		Sighting: &netcase.SightingFacts{Outcome: s.outcome, Sightings: shown, Count: len(s.all)},
	}
	hosts, ports := map[netcase.Endpoint]bool{}, map[portKey]bool{}
	for i := range s.all {
		p := &s.all[i].Profile
		f.Flows += p.Flows
		f.Reach = f.Reach.Plus(p.Reach)
		f.Span = f.Span.Extend(p.First).Extend(p.Last)
		for _, h := range p.Hosts {
			hosts[h] = true
		}
		for _, c := range p.Ports {
			ports[portKey{c.Port, c.Proto}] = true
		}
	}
	var refused, logins int64
	for i := range s.all {
		refused, logins = refused+s.all[i].Refused, logins+s.all[i].Logins
	}
	f.Selection.Span = f.Span
	for _, feed := range in.Intel.Feeds() {
		f.Sighting.Usable += feed.Usable
		f.Sighting.Total += feed.Read - feed.Skipped
	}
	who := count(len(s.all), "listed address")
	if !s.listed {
		who = count(len(s.all), "address") + " named as research scanner"
	}
	where := count(len(hosts), "host")
	if len(ports) > 0 {
		where += " on " + doorCount(ports)
	}
	f.Title = fmt.Sprintf("%s with %s", s.told(who, &f, refused, logins), where)
	f.Evidence = append(f.Evidence, in.Cite(netcase.Evidence{
		Statement: f.Title + "; " + reachText(f.Reach) + "; first " + f.Span.Start.Short() + ", last " + f.Span.End.Short() + " UTC",
		Numbers: map[string]float64{
			"addresses": float64(len(s.all)), "flows": float64(f.Flows), "with_outcome": float64(s.withOutcome(f.Reach)),
			"hosts": float64(len(hosts)), "ports": float64(len(ports)), "refused_logins": float64(refused), "logins": float64(logins),
		},
		Selection: f.Selection,
		Method:    "sighting: longest-prefix match, valid as of the traffic",
	}, s.tag()))
	if f.Reach.Open() > 0 {
		f.Limits = append(f.Limits, "the outcome of "+count(f.Reach.Open(), "flow")+" is not recorded")
	}
	return f
}

// withOutcome is how many flows had the outcome that the set is named after. The
// others of the same addresses may have had a milder one.
func (s *sightingSet) withOutcome(t netcase.Tally) int64 {
	switch s.outcome {
	case netcase.OutcomeTwoWay, netcase.OutcomeFailures:
		return t.Answered()
	case netcase.OutcomeLogin:
		return t[netcase.ReachAuthenticated]
	case netcase.OutcomeUndecided:
		return t.Open()
	case netcase.OutcomeNoReply:
		return t[netcase.ReachNoReply] + t[netcase.ReachRefused]
	case netcase.OutcomeDenied:
		return t[netcase.ReachDenied]
	}
	return t.Total() - t.Failed()
}

// told says who was met with which outcome, and how many of the flows had it.
func (s *sightingSet) told(who string, f *netcase.Finding, refused, logins int64) string {
	n := s.withOutcome(f.Reach)
	of := fmt.Sprintf("%s of %s", thousands(n), count(f.Flows, "flow"))
	each := ""
	if len(s.all) > 1 {
		each = " each"
	}
	if s.all[0].Profile.Direction == netcase.Outbound {
		who += " called from our side"
	}
	switch s.outcome {
	case netcase.OutcomeTwoWay:
		return fmt.Sprintf("%s, at least one two-way flow%s: %s two-way,", who, each, of)
	case netcase.OutcomeFailures:
		return fmt.Sprintf("%s, refused at the login%s: %s", who, each, count(refused, "failed login"))
	case netcase.OutcomeLogin:
		if logins == 0 {
			return fmt.Sprintf("%s, at least one flow with a login%s: %s", who, each, count(n, "flow"))
		}
		return fmt.Sprintf("%s, at least one login%s: %s after or beside %s", who, each, count(logins, "login"), count(refused, "failed login"))
	case netcase.OutcomeUndecided:
		return fmt.Sprintf("%s, at least one flow of unknown outcome%s: %s,", who, each, of)
	case netcase.OutcomeNoReply:
		return fmt.Sprintf("%s, no answer, at least one flow let through%s: %s without reply or refused by the host,", who, each, of)
	case netcase.OutcomeDenied:
		return fmt.Sprintf("%s, every flow denied: %s", who, count(n, "flow"))
	}
	return fmt.Sprintf("%s: %s not known to have failed,", who, of)
}

// sortedPorts lists a set of ports in order.
func sortedPorts(set map[uint16]bool) []uint16 {
	out := make([]uint16, 0, len(set))
	for p := range set {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b uint16) int { return cmp.Compare(a, b) })
	return out
}
