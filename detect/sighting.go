package detect

import (
	"cmp"
	"fmt"
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
		Method: "longest-prefix match of every outside address, valid as of the traffic; outcome by the strongest reach",
		Ask: func(Config) Questions {
			return Questions{InSpan: true, Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Outbound}}}}
		},
		Refine: func(in *Input) []cube.Want {
			found := sightingsByOutcome(in)
			in.Memo = found
			var wants []cube.Want
			for _, o := range outcomes {
				if len(found[o]) > 0 {
					wants = append(wants, cube.Want{Tag: string(o), Selection: selectSightings(found[o]), Records: cube.MaxRecords})
				}
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			found := in.Memo.(map[netcase.Outcome][]netcase.Sighting)
			var out []netcase.Finding
			for _, o := range slices.Backward(outcomes) {
				if len(found[o]) > 0 {
					out = append(out, sightingFinding(in, o, found[o]))
				}
			}
			return out
		},
	}
}

// outcomes from the mildest to the gravest.
var outcomes = []netcase.Outcome{
	netcase.OutcomeDenied, netcase.OutcomeNoReply, netcase.OutcomeUndecided, netcase.OutcomeTwoWay, netcase.OutcomeOutbound,
}

func sightingsByOutcome(in *Input) map[netcase.Outcome][]netcase.Sighting {
	out := map[netcase.Outcome][]netcase.Sighting{}
	if in.Intel == nil {
		return out
	}
	for b := range byPeer(in.Rows(0)) {
		if !b.p.Peer.Addr.IsValid() || len(in.Intel.Match(b.p.Peer.Addr)) == 0 {
			continue
		}
		p := b.profile()
		card := in.Intel.Card(intel.CardQuery{
			Address: p.Peer.Addr, First: p.First, Last: p.Last, Direction: p.Direction, Ports: p.PortSet(),
		})
		if !card.Listed() && !namesScanner(&card) {
			continue
		}
		o := outcomeOf(&p)
		out[o] = append(out[o], netcase.Sighting{Card: card, Profile: p, Outcome: o})
	}
	for o := range out {
		slices.SortFunc(out[o], func(a, b netcase.Sighting) int { return mostFlowsFirst(a.Profile, b.Profile) })
	}
	return out
}

// namesScanner tells whether a list of research scanners names the address.
func namesScanner(c *netcase.Card) bool {
	return slices.ContainsFunc(c.Listings, func(l netcase.Listing) bool {
		return l.Indicator.Claim == netcase.ClaimScanner && (l.Timing == netcase.KnownThen || l.Timing == netcase.LearnedLater)
	})
}

// outcomeOf is what became of a peer's traffic: the gravest thing that is proven,
// or that nothing is.
func outcomeOf(p *netcase.Profile) netcase.Outcome {
	switch {
	case p.Direction == netcase.Outbound && p.Reach.Answered()+p.Reach.Open() > 0:
		return netcase.OutcomeOutbound
	case p.Reach.Answered() > 0:
		return netcase.OutcomeTwoWay
	case p.Reach.Open() > 0:
		return netcase.OutcomeUndecided
	case p.Reach[netcase.ReachNoReply]+p.Reach[netcase.ReachRefused] > 0:
		return netcase.OutcomeNoReply
	}
	return netcase.OutcomeDenied
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

func sightingFinding(in *Input, o netcase.Outcome, all []netcase.Sighting) netcase.Finding {
	shown := all[:min(len(all), netcase.MaxSources)]
	f := netcase.Finding{
		Kind: string(o), Direction: all[0].Profile.Direction, Selection: selectSightings(shown),
		Sighting: &netcase.SightingFacts{Outcome: o, Sightings: shown, Count: len(all)},
	}
	hosts, ports := map[netcase.Endpoint]bool{}, map[uint16]bool{}
	adverse := 0
	for i := range all {
		p := &all[i].Profile
		f.Flows += p.Flows
		f.Reach = f.Reach.Plus(p.Reach)
		f.Span = f.Span.Extend(p.First).Extend(p.Last)
		for _, h := range p.Hosts {
			hosts[h] = true
		}
		for _, c := range p.Ports {
			ports[c.Port] = true
		}
		if all[i].Card.Listed() {
			adverse++
		}
	}
	f.Selection.Span = f.Span
	for _, feed := range in.Intel.Feeds() {
		f.Sighting.Usable += feed.Usable
		f.Sighting.Total += feed.Read - feed.Skipped
	}
	f.Title = fmt.Sprintf("%s met in traffic, %s: %s with %s on %s",
		count(adverse, "listed address"), o, count(f.Flows, "flow"), count(len(hosts), "host"), count(len(ports), "port"))
	if adverse == 0 {
		f.Title = fmt.Sprintf("%s named as research scanner met in traffic, %s: %s", count(len(all), "address"), o, count(f.Flows, "flow"))
	}
	f.Evidence = append(f.Evidence, in.Cite(netcase.Evidence{
		Statement: f.Title + "; " + reachText(f.Reach) + "; first " + f.Span.Start.Short() + ", last " + f.Span.End.Short() + " UTC",
		Numbers:   map[string]float64{"addresses": float64(len(all)), "listed": float64(adverse), "flows": float64(f.Flows), "hosts": float64(len(hosts)), "ports": float64(len(ports))},
		Selection: f.Selection,
		Method:    "sighting: longest-prefix match, valid as of the traffic",
	}, string(o)))
	if f.Reach.Open() > 0 {
		f.Limits = append(f.Limits, "the outcome of "+count(f.Reach.Open(), "flow")+" is not recorded")
	}
	return f
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
