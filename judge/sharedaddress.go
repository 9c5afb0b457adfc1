package judge

import (
	"slices"
	"strings"

	"netcase"
)

// penalty is what is taken off an address that many share: what one of them did says less
// of the next who is met there.
//
// Units: natural log-odds. Source: set by experts.
type penalty struct {
	text    string
	logOdds float64
	fits    func(*netcase.Card) bool
}

// penalties lists them. An address that is an edge or a public resolver must not be
// blocked either.
func penalties() []penalty {
	return []penalty{
		{"an edge or a public resolver: everyone behind it shares the address", edgePenalty, SharedEdge},
		{"shared hosting: more than fifty names stand at the address", -1.0, mentions("more than fifty names")},
		{"a mobile network or a carrier's address translation: many customers share the address", -1.5, mentions("mobile isp", "cgnat", "carrier-grade", "mobile network")},
		{"a residential line: who had the address then is not known", -0.5, mentions("fixed line isp", "residential")},
	}
}

// mentions tells whether a listing in time says one of some words of the address, among its
// categories or in its description.
func mentions(words ...string) func(*netcase.Card) bool {
	return func(c *netcase.Card) bool {
		return slices.ContainsFunc(c.Listings, func(l netcase.Listing) bool {
			if !inTime(&l) {
				return false
			}
			text := strings.ToLower(strings.Join(append(slices.Clone(l.Indicator.Categories), l.Indicator.Description), "\n"))
			return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
		})
	}
}

// sharedBy applies the penalties that fit a card; their words stand on the card.
func sharedBy(c *netcase.Card) (total float64) {
	for _, p := range penalties() {
		if p.fits(c) {
			total += p.logOdds
			c.Shared = append(c.Shared, p.text)
		}
	}
	return total
}
