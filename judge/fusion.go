package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
	"netcase/origins"
)

// Behaviour is what an address was seen to do, which decides what claims bear on
// it. The zero value says nothing: every adverse claim then bears.
type Behaviour struct {
	Direction netcase.Direction
	Ports     []uint16 // service ports that were met
}

// BehaviourOf is the behaviour of a profile.
func BehaviourOf(p *netcase.Profile) Behaviour {
	return Behaviour{Direction: p.Direction, Ports: p.PortSet()}
}

const (
	abusePrior    = 0.2  // that an outside address touching exposed ports is abusive; local base rates replace it
	copyDiscount  = 0.25 // rho: a further listing of one origin counts so much of the one before it
	edgePenalty   = -3.0 // log-odds: an address that many share, a CDN or a public resolver
	undatedWeight = 0.5  // of a claim without any date
	feedLifetime  = 47.0 // days, OpenCTI's rule for addresses
	feedPound     = 0.55 // OpenCTI's decay factor for addresses
	scannerP      = 0.01 // a verified benign scanner is not an abuser, whatever lists say
)

// Fuse fills the weight of every listing of a card and the probability that the
// address is abusive. Listings of one origin count as one voice with a faint echo,
// what is stale counts less, and what does not bear on the behaviour not at all.
// The order of the listings does not matter.
func Fuse(card *netcase.Card, b Behaviour) { fuse(card, b, nil) }

// fuse is Fuse where it is known of some sources whom they follow.
func fuse(card *netcase.Card, b Behaviour, copied map[string]string) {
	card.P, card.Shared, card.Voices = 0, nil, 0
	groups := map[string][]vote{}
	strongest := strongestByOrigin(card, b)
	for i := range card.Listings {
		l := &card.Listings[i]
		l.Weight, l.Voice = 0, ""
		l.Relevant = bears(l.Indicator.Claim, b)
		w, why := alone(l, b)
		if why != "" {
			l.Why = why
			continue
		}
		g := originGroup(l, strongest, copied)
		l.Voice = g
		groups[g] = append(groups[g], vote{l, w, cites(&l.Indicator)})
	}
	card.Voices = len(groups)
	defer grade(card)
	if len(groups) == 0 {
		return
	}
	total := logit(abusePrior)
	for _, g := range sortedKeys(groups) {
		heldByOrigin(g, groups[g])
		for _, w := range echo(groups[g]) {
			total += w
		}
	}
	card.P = judgedCard(card, total)
}

// judgedCard turns log-odds into the probability of a card. What is known to be
// harmless comes before what is claimed.
func judgedCard(card *netcase.Card, total float64) float64 {
	if Scanner(card) {
		return scannerP
	}
	total += sharedBy(card)
	return min(max(logistic(total), leastPrinted), mostPrinted)
}

// vote is one listing with the log-odds that it would add alone.
type vote struct {
	listing *netcase.Listing
	alone   float64
	cites   bool // it names another origin: a copy
}

// echo fills the weights of the listings of one origin and returns them as
// log-odds: the strongest in full, a further one at rho of the one before, a
// declared copy at nothing.
func echo(votes []vote) []float64 {
	slices.SortFunc(votes, func(a, b vote) int {
		return cmp.Or(
			cmp.Compare(rank(a.cites), rank(b.cites)), // who says it first-hand speaks first
			cmp.Compare(math.Abs(b.alone), math.Abs(a.alone)),
			compareIndicators(&a.listing.Indicator, &b.listing.Indicator),
		)
	})
	out := make([]float64, 0, len(votes))
	factor := 1.0
	for i, v := range votes {
		w := v.alone * factor
		switch {
		case i > 0 && v.cites:
			w = 0
			v.listing.Why = "a copy: it names " + v.listing.Indicator.Origin + " as its origin"
		default:
			factor *= copyDiscount
		}
		v.listing.Weight = w * 10 / math.Ln10
		out = append(out, w)
	}
	return out
}

func rank(late bool) int {
	if late {
		return 1
	}
	return 0
}

func compareIndicators(a, b *netcase.Indicator) int {
	return cmp.Or(
		strings.Compare(a.Provider, b.Provider), strings.Compare(a.Feed, b.Feed), strings.Compare(a.ID, b.ID),
		strings.Compare(string(a.Claim), string(b.Claim)), cmp.Compare(a.LastSeen, b.LastSeen), cmp.Compare(a.Line, b.Line),
		strings.Compare(a.Prefix.String(), b.Prefix.String()),
	)
}

// alone is what a listing adds if it were the only one, in log-odds; or why it
// counts for nothing.
func alone(l *netcase.Listing, b Behaviour) (w float64, why string) {
	switch {
	case !l.Indicator.Claim.Adverse():
		return 0, "knowledge, no verdict"
	case l.Timing == netcase.NotYetSeen:
		return 0, "first seen by the provider after the traffic"
	case l.Timing == netcase.Expired:
		return 0, "no longer valid at the time of the traffic"
	case !l.Relevant:
		return 0, fmt.Sprintf("a claim of %s does not bear on %s", l.Indicator.Claim, doing(b))
	}
	p, reliability := credence(&l.Indicator, b)
	return reliability * freshness(l) * logit(p), ""
}

func doing(b Behaviour) string {
	if b.Direction == netcase.Outbound {
		return "traffic that our side began"
	}
	return "inbound traffic of this kind"
}

// freshness is what is left of a claim at its age, by OpenCTI's curve for addresses
// where the user chose no other.
func freshness(l *netcase.Listing) float64 {
	if !l.Indicator.LastSeen.Known() && l.AgeDays == 0 {
		return undatedWeight
	}
	if l.Decay == origins.MISPNIDS {
		return MISPDecay(1, max(l.AgeDays, 0))
	}
	return openCTI(1, max(l.AgeDays, 0))
}

// openCTI is OpenCTI's decay of a score with age.
//
// Units:  days
// Source: OpenCTI, decay rule for addresses: lifetime 47 d, pound 0.55
func openCTI(base, days float64) float64 {
	return decayed(base, days, feedLifetime, 1/(3*feedPound))
}

// MISPDecay is MISP's polynomial decay of a score with age, as in its model for
// network indicators.
//
// Units:  days
// Source: MISP decaying models, nids-simple-model: lifetime 120 d, decay speed 2
func MISPDecay(base, days float64) float64 { return decayed(base, days, 120, 1.0/2) }

func decayed(base, days, lifetime, exponent float64) float64 {
	if days < 0 || days > lifetime {
		return 0
	}
	return base * (1 - math.Pow(days/lifetime, exponent))
}

func logit(p float64) float64    { return math.Log(p / (1 - p)) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// bears tells whether a claim says something of the behaviour that was seen. Who
// is named for phishing or for command and control is not thereby a scanner; who
// is named for scanning is not thereby a place that our machines call.
func bears(c netcase.ClaimType, b Behaviour) bool {
	outbound := b.Direction == netcase.Outbound
	if b.Direction == netcase.DirectionUnknown {
		return c.Adverse() // nothing was seen yet, as in a look-up
	}
	switch c {
	case netcase.ClaimAbuse, netcase.ClaimScan, netcase.ClaimBruteForce, netcase.ClaimDDoS:
		return !outbound
	case netcase.ClaimSpam:
		return !outbound && slices.ContainsFunc(b.Ports, func(p uint16) bool { return p == 25 || p == 465 || p == 587 })
	case netcase.ClaimPhishing, netcase.ClaimC2:
		return outbound
	case netcase.ClaimMalware, netcase.ClaimHijacked, netcase.ClaimListed:
		return true
	}
	return false
}

// Scanner tells whether a list of research scanners names the address.
func Scanner(card *netcase.Card) bool { return claims(card, netcase.ClaimScanner) }

// SharedEdge tells whether many share the address: a CDN, a cloud edge, a public
// resolver. Such an address must not be blocked.
func SharedEdge(card *netcase.Card) bool {
	return claims(card, netcase.ClaimEdge) || claims(card, netcase.ClaimResolver)
}

func claims(card *netcase.Card, c netcase.ClaimType) bool {
	return slices.ContainsFunc(card.Listings, func(l netcase.Listing) bool {
		return l.Indicator.Claim == c && inTime(&l)
	})
}

func inTime(l *netcase.Listing) bool {
	return l.Timing != netcase.NotYetSeen && l.Timing != netcase.Expired
}

// counts tells whether a listing says something bad that bears on what was seen,
// and matches in time.
func counts(l *netcase.Listing) bool {
	return l.Indicator.Claim.Adverse() && l.Relevant && inTime(l)
}

// listed tells whether any claim of a fused card counts against the address.
func listed(card *netcase.Card) bool {
	return card != nil && !SharedEdge(card) && slices.ContainsFunc(card.Listings, func(l netcase.Listing) bool { return counts(&l) })
}

// originsOf is the number of independent origins whose claims count.
func originsOf(card *netcase.Card) int {
	groups := map[string]bool{}
	for i := range card.Listings {
		if l := &card.Listings[i]; counts(l) && l.Voice != "" {
			groups[l.Voice] = true
		}
	}
	return len(groups)
}
