package judge

import (
	"testing"

	"netcase"
)

func TestCredibility(t *testing.T) {
	w := incident()
	fresh := func(provider, origin string) netcase.Listing {
		l := w.listing(provider, origin, netcase.ClaimAbuse, 80)
		l.Indicator.LastSeen, l.AgeDays, l.Timing = w.start, 1, netcase.KnownThen
		return l
	}
	fused := func(listings ...netcase.Listing) netcase.Card {
		c := netcase.Card{Address: w.peers[0], Listings: listings}
		Fuse(&c, Behaviour{Direction: netcase.Inbound, Ports: w.ports})
		return c
	}
	alone := fused(fresh("AbuseIPDB", "AbuseIPDB"))
	if l := alone.Listings[0]; l.Reliability != "C" || l.Credibility != crediblePossible {
		t.Errorf("one origin: %s%d", l.Reliability, l.Credibility)
	}
	// Lists that copy each other do not earn the best grade, whatever their number.
	copies := fused(fresh("AbuseIPDB", "AbuseIPDB"), fresh("SOCRadar", "AbuseIPDB"), fresh("malicious-ip", "AbuseIPDB"), fresh("bitwire", "AbuseIPDB"))
	for _, l := range copies.Listings {
		if l.Credibility == credibleIndependent {
			t.Errorf("%s: copies confirm each other", l.Indicator.Provider)
		}
	}
	two := fused(fresh("AbuseIPDB", "AbuseIPDB"), fresh("GreyNoise", "GreyNoise"))
	for _, l := range two.Listings {
		if l.Credibility != credibleIndependent {
			t.Errorf("%s: two origins, %d", l.Indicator.Provider, l.Credibility)
		}
	}
	many := fresh("AbuseIPDB", "AbuseIPDB")
	many.Indicator.Reporters = 12
	if l := fused(many).Listings[0]; l.Credibility != credibleProbable {
		t.Errorf("several reporters: %d", l.Credibility)
	}
	stale := fresh("AbuseIPDB", "AbuseIPDB")
	stale.AgeDays = 40
	if l := fused(stale).Listings[0]; l.Credibility != credibleDoubtful {
		t.Errorf("forty days old: %d", l.Credibility)
	}
	late := fresh("AbuseIPDB", "AbuseIPDB")
	late.Timing = netcase.NotYetSeen
	if l := fused(late).Listings[0]; l.Credibility != credibleUnjudged {
		t.Errorf("first seen after the traffic: %d", l.Credibility)
	}
}

// A copy that is fresher than the claim that it derives from does not make it fresh; the
// sighting of another origin does.
func TestCopyResetsNoClock(t *testing.T) {
	w := incident()
	at := func(provider, origin string, days float64) netcase.Listing {
		l := w.listing(provider, origin, netcase.ClaimAbuse, 80)
		l.Indicator.LastSeen, l.AgeDays, l.Timing = w.start, days, netcase.KnownThen
		return l
	}
	p := func(listings ...netcase.Listing) float64 {
		c := netcase.Card{Address: w.peers[0], Listings: listings}
		Fuse(&c, Behaviour{Direction: netcase.Inbound, Ports: w.ports})
		return c.P
	}
	old := p(at("AbuseIPDB", "AbuseIPDB", 30))
	derived := p(at("AbuseIPDB", "AbuseIPDB", 30), at("SOCRadar", "SOCRadar", 0))
	other := p(at("AbuseIPDB", "AbuseIPDB", 30), at("GreyNoise", "GreyNoise", 0))
	if derived-old > .02 {
		t.Errorf("an aggregator's fresh copy moves %.3f to %.3f", old, derived)
	}
	if other-old < .1 {
		t.Errorf("another origin moves %.3f to %.3f only", old, other)
	}
}
