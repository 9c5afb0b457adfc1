package judge

import (
	"cmp"
	"fmt"
	"slices"

	"netcase"
)

const claimControl = "c2"

// control asks whether a machine of ours is commanded from outside.
func control() Claim {
	return Claim{
		ID:       claimControl,
		Name:     "Command and control (C2)",
		Question: "whether a machine of ours takes commands from outside",
		Gate:     notOutbound,
		Items: []claimItem{
			{id: "B-PERIOD", text: "periodic outbound traffic to a rare destination", ask: periodicCall,
				required: always, decides: "outbound flows at their exact times"},
			{id: "B-C2INTEL", text: "the destination is listed for command and control", ask: controlListed},
			{id: "B-RARE", text: "few of our hosts ever called the destination", ask: rareDestination},
			{id: "B-PROC", text: "an unusual process owns the socket", ask: callingProcess,
				required: always, decides: "the process that opened the connection"},
			{id: "B-SOCKET", text: "the records join that process to these connections", ask: joinedSocket},
			{id: "B-LASTS", text: "something unusual on the host would survive a restart", ask: unusualLasting},
		},
	}
}

// notOutbound gates what the other side began: knocking is not being called home.
func notOutbound(d *draft, s *scene) string {
	if s.c == nil {
		return ""
	}
	switch s.c.direction {
	case netcase.Inbound:
		return "the flows were begun from outside"
	case netcase.Lateral:
		return "both ends are ours"
	}
	return ""
}

func controlListed(d *draft, s *scene) answer {
	if s.c == nil {
		return na("no destination to ask for")
	}
	var elsewhere *answer
	for _, a := range s.c.sources {
		if a.card == nil {
			continue
		}
		for i := range a.card.Listings {
			l := &a.card.Listings[i]
			if !counts(l) || l.Indicator.Claim != netcase.ClaimC2 || l.Weight <= 0 { // a declared copy weighs nothing
				continue
			}
			says := fmt.Sprintf("%s names %s", l.Indicator.Provider, a.profile.Peer)
			if l.Indicator.Port == 0 || s.c.asked(l.Indicator.Port) {
				return yes(says, s.c.evidence...)
			}
			other := yes(fmt.Sprintf("%s on port %d, which was not called", says, l.Indicator.Port), s.c.evidence...)
			other.decibans = decibansOf(controlOther)
			elsewhere = cmp.Or(elsewhere, &other)
		}
	}
	switch {
	case elsewhere != nil:
		return *elsewhere
	case !d.listsGiven() && !slices.ContainsFunc(s.c.sources, func(a *actor) bool { return d.in.Asked[a.profile.Peer.Addr.Unmap()] }):
		return open("no intelligence list was given, and no service was asked about it")
	}
	return no("no list names it for command and control", d.coverage)
}
