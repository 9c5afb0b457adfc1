package judge

import (
	"netcase"
)

// The Admiralty system grades a report on two axes that are never merged: how reliable
// its source is by its history (A to F), and how credible this one item is (1 to 6).
//
// Source: NATO STANAG 2511; 1 asks for confirmation by independent sources, so that lists
// which copy each other cannot earn it.
const (
	credibleIndependent = 1 // another origin says so too
	credibleProbable    = 2 // one origin, of which several reporters or a reliable source say so
	crediblePossible    = 3 // one origin
	credibleDoubtful    = 4 // stale, or against what is known of the address
	credibleUnjudged    = 6 // nothing to judge it by
)

// staleFrom is the freshness below which an item is doubtful.
// Source: the point at which OpenCTI revokes an indicator, 20 of 100.
const staleFrom = 0.20

// grade fills both axes of every listing of a fused card.
func grade(card *netcase.Card) {
	contradicted := Scanner(card) || SharedEdge(card)
	voices := map[string]bool{} // that add anything: a bulk list that says nothing of why has no weight
	for i := range card.Listings {
		if l := &card.Listings[i]; l.Weight > 0 {
			voices[l.Voice] = true
		}
	}
	independent := len(voices)
	if len(card.Origins) > 0 {
		independent = min(independent, len(card.Origins))
	}
	for i := range card.Listings {
		l := &card.Listings[i]
		l.Reliability = reliabilityOf(&l.Indicator)
		l.Credibility = credibility(l, independent, contradicted)
	}
}

func credibility(l *netcase.Listing, independent int, contradicted bool) int {
	undated := !l.Indicator.LastSeen.Known() && l.AgeDays == 0
	switch {
	case !l.Indicator.Claim.Adverse(), l.Timing == netcase.NotYetSeen, l.Timing == netcase.Expired, l.Voice == "":
		return credibleUnjudged
	case contradicted, !undated && freshness(l) < staleFrom:
		return credibleDoubtful
	case independent >= 2 && l.Weight > 0:
		return credibleIndependent
	case l.Indicator.Reporters >= 2 || l.Reliability <= "B":
		return credibleProbable
	}
	return crediblePossible
}

// heldByOrigin keeps a derived listing from being fresher than the claim that it derives
// from: a copy that is made again today is no new sighting. Only another origin, or our
// own sensor, resets the clock.
func heldByOrigin(group string, votes []vote) {
	first := -1.0
	for _, v := range votes {
		if i := &v.listing.Indicator; origin(i) == group && !cites(i) && i.LastSeen.Known() {
			if f := freshness(v.listing); first < 0 || f > first {
				first = f
			}
		}
	}
	if first < 0 {
		return
	}
	for k := range votes {
		v := &votes[k]
		if i := &v.listing.Indicator; origin(i) == group && !cites(i) {
			continue
		}
		if own := freshness(v.listing); own > first {
			v.alone *= first / own
		}
	}
}
