package judge

import (
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
			{id: "B-PERIOD", text: "periodic outbound traffic to a rare destination", ask: kindFound("beacon", "measures cadence"),
				required: always, decides: "outbound flows at their exact times"},
			{id: "B-C2INTEL", text: "the destination is listed for command and control", ask: controlListed},
			{id: "B-RARE", text: "few of our hosts ever called the destination", ask: kindFound("rare", "measures how rare a destination is")},
			{id: "B-PROC", text: "an unusual process owns the socket", ask: unusualProcess,
				required: always, decides: "the process that opened the connection"},
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

// kindFound asks for a finding of a detector about the sources of the group.
func kindFound(detector, does string) func(*draft, *scene) answer {
	return func(d *draft, s *scene) answer {
		for i := range d.findings {
			f := &d.findings[i]
			if f.Detector != detector || s.c != nil && !s.c.names(f.Selection.Peers) {
				continue
			}
			return yes(f.Title, evidenceOf(f)...)
		}
		if d.ran(detector) {
			return no("nothing of the kind was found", d.coverage)
		}
		return open("no detector of this version " + does)
	}
}

func controlListed(d *draft, s *scene) answer {
	if s.c == nil {
		return na("no destination to ask for")
	}
	for _, a := range s.c.sources {
		if a.card == nil {
			continue
		}
		if i := slices.IndexFunc(a.card.Listings, func(l netcase.Listing) bool { return counts(&l) && l.Indicator.Claim == netcase.ClaimC2 }); i >= 0 {
			return yes(fmt.Sprintf("%s names %s", a.card.Listings[i].Indicator.Provider, a.profile.Peer), s.c.evidence...)
		}
	}
	if len(d.in.Coverage.Feeds) == 0 {
		return open("no intelligence list was given")
	}
	return no("no list names it for command and control", d.coverage)
}
