package judge

import (
	"cmp"
	"net/netip"
	"slices"

	"netcase"
)

// actor is one source in one direction, with everything the findings say of it.
type actor struct {
	profile  netcase.Profile
	whole    bool // the profile is of everything the source did, not of one door
	card     *netcase.Card
	class    string
	internal bool
	byLogins bool              // only the login log tells of it
	logged   *netcase.Profile  // what a sighting took from the login log
	entered  []netcase.Profile // logins after failures, each with the failures before it
	findings []int             // index of the findings that name it, ascending
}

type actorKey struct {
	peer      netcase.Endpoint
	direction netcase.Direction
	internal  bool
}

// The classes of sources that no scan finding names.
const (
	classSessions = "sessions" // it was answered on an administration port
	classContact  = "contact"  // intelligence speaks of it
)

// actorsOf collects the sources of all findings, sorted. A source that several
// findings name is one actor. Sources of ours come only from scan findings.
func actorsOf(findings []netcase.Finding) []*actor {
	at := map[actorKey]*actor{}
	get := func(i int, p *netcase.Profile, internal bool) *actor {
		k := actorKey{p.Peer, p.Direction, internal}
		if at[k] == nil {
			at[k] = &actor{internal: internal}
		}
		if a := at[k]; len(a.findings) == 0 || a.findings[len(a.findings)-1] != i {
			a.findings = append(a.findings, i)
		}
		return at[k]
	}
	for i := range findings {
		switch f := &findings[i]; {
		case f.Scan != nil:
			for j := range f.Scan.Sources {
				a := get(i, &f.Scan.Sources[j], f.Scan.Internal)
				a.see(f.Scan.Sources[j])
				a.class = cmp.Or(a.class, f.Scan.Class)
			}
		case f.Sighting != nil:
			for j := range f.Sighting.Sightings {
				s := &f.Sighting.Sightings[j]
				a := get(i, &s.Profile, false)
				if a.card = &s.Card; s.FromLogins {
					a.logged = &s.Profile
				} else {
					a.see(s.Profile)
				}
			}
		case f.Exposure != nil:
			for j := range f.Exposure.Sources {
				get(i, &f.Exposure.Sources[j], false).seeDoor(f.Exposure.Sources[j])
			}
		case f.Auth != nil && f.Auth.Source != nil && f.Auth.Source.Direction == netcase.Inbound:
			a := get(i, f.Auth.Source, false)
			if f.Auth.Pattern == netcase.PatternSuccess || f.Auth.Pattern == netcase.PatternKnown {
				a.entered = append(a.entered, *f.Auth.Source)
			} else {
				a.seeLogins(*f.Auth.Source)
			}
		case f.Beacon != nil, f.Upload != nil, f.Lateral != nil:
			collectCalls(f, func(p *netcase.Profile, internal bool) *actor { return get(i, p, internal) })
		case f.Auth != nil:
			for j := range f.Auth.Sources {
				if s := &f.Auth.Sources[j]; s.Direction == netcase.Inbound {
					get(i, s, false).seeLogins(*s)
				}
			}
		}
	}
	cards, copied := cardsByAddress(findings), copiedFrom(findings)
	out := make([]*actor, 0, len(at))
	for _, a := range at {
		a.settle()
		a.borrowCard(cards, copied)
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *actor) int {
		return cmp.Or(a.profile.Peer.Compare(b.profile.Peer), cmp.Compare(a.profile.Direction, b.profile.Direction), cmp.Compare(rank(a.internal), rank(b.internal)))
	})
	return out
}

// cardsByAddress are the cards of all sightings, one for each address: the first
// in the order of the findings' ids, whatever the direction of the traffic.
func cardsByAddress(findings []netcase.Finding) map[netip.Addr]*netcase.Card {
	out, from := map[netip.Addr]*netcase.Card{}, map[netip.Addr]string{}
	for i := range findings {
		s := findings[i].Sighting
		if s == nil {
			continue
		}
		for j := range s.Sightings {
			a := s.Sightings[j].Card.Address
			if id, ok := from[a]; !ok || findings[i].ID < id {
				out[a], from[a] = &s.Sightings[j].Card, findings[i].ID
			}
		}
	}
	return out
}

// borrowCard gives a source without a card the one of its other direction, with
// its claims weighed for what the source did here. Else a listed address would be
// called unlisted.
func (a *actor) borrowCard(cards map[netip.Addr]*netcase.Card, copied map[string]string) {
	known := cards[a.profile.Peer.Addr]
	if a.internal || a.card != nil || known == nil || !a.profile.Peer.Addr.IsValid() {
		return
	}
	own := *known
	own.Listings = slices.Clone(known.Listings)
	fuse(&own, BehaviourOf(&a.profile), copied)
	a.card = &own
}

// see takes over a profile of everything the source did. Of two the fuller one
// stands; they are two looks at the same flows and never added.
func (a *actor) see(p netcase.Profile) {
	if a.whole && (a.profile.Flows > p.Flows || a.profile.Flows == p.Flows && a.profile.PortCount >= p.PortCount) {
		return
	}
	a.profile, a.whole = p, true
}

// seeDoor adds what the source did at one open door. Doors do not overlap.
func (a *actor) seeDoor(p netcase.Profile) {
	if a.whole {
		return
	}
	if a.profile.Flows == 0 {
		a.profile = p
		a.profile.Hosts, a.profile.Ports = slices.Clone(p.Hosts), slices.Clone(p.Ports)
		return
	}
	own := &a.profile
	own.Flows += p.Flows
	own.Records += p.Records
	own.Reach = own.Reach.Plus(p.Reach)
	own.First, own.Last = min(own.First, p.First), max(own.Last, p.Last)
	own.ActiveHours = max(own.ActiveHours, p.ActiveHours)
	own.BusiestHour = max(own.BusiestHour, p.BusiestHour)
	own.Aggregated = own.Aggregated || p.Aggregated
	own.OctetsOut, own.OctetsIn = addSize(own.OctetsOut, p.OctetsOut), addSize(own.OctetsIn, p.OctetsIn)
	own.Hosts = union(own.Hosts, p.Hosts)
	own.Ports = mergePorts(own.Ports, p.Ports)
	own.HostCount, own.PortCount = len(own.Hosts), len(own.Ports)
}

// seeLogins adds what the login log tells of a source that no flow tells of: where flows
// are recorded they are the better count, and both would be too much.
func (a *actor) seeLogins(p netcase.Profile) {
	if a.profile.Flows > 0 && !a.byLogins {
		return
	}
	a.byLogins = true
	a.seeDoor(p)
}

// enter adds the logins after failures. The failures before them are those that the
// finding on the guessing counts, and before several logins they are much the same ones:
// of the failures on one host the larger count stands, of its logins the sum or, where
// the guessing counts more, that.
func (a *actor) enter() {
	if a.profile.Flows > 0 && !a.byLogins {
		return
	}
	var hosts []netcase.Profile
	for _, p := range a.entered {
		i := slices.IndexFunc(hosts, func(h netcase.Profile) bool { return meet(h.Hosts, p.Hosts) })
		if i < 0 {
			hosts = append(hosts, p)
			continue
		}
		logins := hosts[i].Reach[netcase.ReachAuthenticated] + p.Reach[netcase.ReachAuthenticated]
		lookAgain(&hosts[i], p)
		hosts[i] = recount(hosts[i], netcase.ReachAuthenticated, logins)
	}
	for _, p := range hosts {
		if a.profile.Flows > 0 && meet(a.profile.Hosts, p.Hosts) {
			lookAgain(&a.profile, p)
			continue
		}
		a.seeLogins(p)
	}
}

// meet tells whether two lists of endpoints share one.
func meet(a, b []netcase.Endpoint) bool {
	return slices.ContainsFunc(a, func(e netcase.Endpoint) bool { return slices.Contains(b, e) })
}

// lookAgain joins a second look of the login log at the same tries: of each outcome the
// larger count stands.
func lookAgain(own *netcase.Profile, p netcase.Profile) {
	own.First, own.Last = min(own.First, p.First), max(own.Last, p.Last)
	own.Hosts = union(own.Hosts, p.Hosts)
	own.HostCount = max(own.HostCount, len(own.Hosts))
	for r, n := range p.Reach {
		*own = recount(*own, netcase.Reach(r), max(n, own.Reach[r]))
	}
	if len(own.Ports) == 0 {
		own.Ports, own.PortCount = slices.Clone(p.Ports), p.PortCount
	}
}

// recount sets the count of an outcome of a profile that a login log gave, which has one
// port at most.
func recount(p netcase.Profile, r netcase.Reach, n int64) netcase.Profile {
	p.Reach[r] = n
	p.Flows, p.Records = p.Reach.Total(), p.Reach.Total()
	p.Ports = slices.Clone(p.Ports)
	if len(p.Ports) == 1 {
		p.Ports[0].Reach, p.Ports[0].Flows, p.Ports[0].Records = p.Reach, p.Flows, p.Flows
	}
	return p
}

func (a *actor) settle() {
	a.enter()
	if a.profile.Flows == 0 && a.logged != nil {
		a.seeLogins(*a.logged)
	}
	a.findings = slices.Compact(a.findings)
	if a.class != "" {
		return
	}
	a.class = classContact
	if !a.whole {
		a.class = classSessions
	}
}

func addSize(a, b int64) int64 {
	switch {
	case a == netcase.Absent:
		return b
	case b == netcase.Absent:
		return a
	}
	return a + b
}

// union is the sorted set of two lists of endpoints.
func union(a, b []netcase.Endpoint) []netcase.Endpoint {
	out := append(slices.Clone(a), b...)
	slices.SortFunc(out, netcase.Endpoint.Compare)
	return slices.Compact(out)
}

// mergePorts adds port counts, sorted by port and protocol.
func mergePorts(a, b []netcase.PortCount) []netcase.PortCount {
	type key struct {
		port  uint16
		proto uint8
	}
	at := map[key]int{}
	var out []netcase.PortCount
	for _, c := range append(slices.Clone(a), b...) {
		k := key{c.Port, c.Proto}
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, c)
			continue
		}
		out[i].Hosts += c.Hosts
		out[i].Flows += c.Flows
		out[i].Records += c.Records
		out[i].Reach = out[i].Reach.Plus(c.Reach)
	}
	slices.SortFunc(out, func(a, b netcase.PortCount) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return out
}

// Standings of a source in what intelligence and the owner say of it.
const (
	standingScanner  = "benign scanner"
	standingListed   = "listed"
	standingUnlisted = "unlisted"
	standingOther    = "listed for other things" // by claims that do not bear on what was seen
	standingEdge     = "shared edge"             // listed, but many share the address
	standingUnasked  = "no list asked"
	standingWelcome  = "named by the owner"
	standingOwn      = "own"
)

// listsGiven tells whether there is intelligence beside answers about single addresses.
func (d *draft) listsGiven() bool {
	return slices.ContainsFunc(d.in.Coverage.Feeds, func(f netcase.FeedReport) bool { return f.LearnedBy != netcase.LearnedByAsking })
}

// standing says where a source stands.
func (d *draft) standing(a *actor) string {
	switch {
	case a.internal:
		return standingOwn
	case d.welcome(a.profile.Peer):
		return standingWelcome
	case a.card != nil && Scanner(a.card):
		return standingScanner
	case listed(a.card):
		return standingListed
	case a.card != nil && SharedEdge(a.card):
		return standingEdge
	case a.card != nil && a.card.Listed():
		return standingOther
	case a.card == nil && !d.listsGiven() && !d.in.Asked[a.profile.Peer.Addr.Unmap()]:
		return standingUnasked
	}
	return standingUnlisted
}

// welcome tells whether the owner named the source as approved, partner or monitoring.
func (d *draft) welcome(e netcase.Endpoint) bool {
	a := e.Addr
	return a.IsValid() && (netcase.Within(d.site.Approved, a) || netcase.Within(d.site.Partners, a) || netcase.Within(d.site.Monitoring, a))
}

// The coarse outcomes that keep groups apart.
const (
	fateTwoWay  = "answered"
	fateOpen    = "outcome unknown"
	fateAllowed = "allowed, replies not recorded"
	fateFailed  = "failed"
	fateDenied  = "denied"
)

// fate is the outcome class of a tally: what was proven first, what is open next.
func fate(t netcase.Tally) string {
	switch {
	case t.Answered() > 0:
		return fateTwoWay
	case t[netcase.ReachUnknown] > 0:
		return fateOpen
	case t[netcase.ReachAllowed] > 0:
		return fateAllowed
	case t[netcase.ReachNoReply]+t[netcase.ReachRefused] > 0:
		return fateFailed
	}
	return fateDenied
}
