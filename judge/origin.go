package judge

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"netcase"
)

// aggregators name, by the folded name of a provider, the public origins that it
// is known to take in. A claim of such a provider that does not name its origin
// stands with the strongest of them: it may be a copy, so it has no vote of its own.
func aggregators() map[string][]string {
	return map[string][]string{
		"socradar":   {"abuseipdb", "otx"},
		"firehol":    {"blocklistde", "dshield", "spamhaus", "feodotracker", "abusech"},
		"ipsum":      {"blocklistde", "dshield", "spamhaus", "emergingthreats", "feodotracker", "greensnow"},
		"virustotal": {"abuseipdb", "otx", "abusech", "kaspersky"},
	}
}

// folded is a provider's name without case, spaces and marks, and by one name
// where it has several.
func folded(name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return -1
	}, name)
	switch s {
	case "alienvault", "alienvaultotx", "otxalienvault", "levelblueotx":
		return "otx"
	case "abuseipdbcom":
		return "abuseipdb"
	case "stamparm", "stamparmipsum":
		return "ipsum"
	case "opentip", "kasperskyopentip", "kasperskythreatintelligenceportal", "kasperskytip":
		return "kaspersky"
	}
	return s
}

// origin is the folded name of who first made a claim.
func origin(i *netcase.Indicator) string {
	if i.Origin != "" {
		return folded(i.Origin)
	}
	return folded(i.Provider)
}

// cites tells whether the claim names somebody else as its origin.
func cites(i *netcase.Indicator) bool {
	return i.Origin != "" && folded(i.Origin) != folded(i.Provider)
}

// originGroup is the group in which a claim has its vote. strongest holds the
// strongest weight of every origin on the card, copied whom a source follows.
func originGroup(i *netcase.Indicator, strongest map[string]float64, copied map[string]string) string {
	own := origin(i)
	if from := followed(own, copied, strongest); from != "" {
		return from
	}
	taken := aggregators()[own]
	if cites(i) || len(taken) == 0 {
		return own
	}
	best := ""
	for _, o := range taken {
		w, ok := strongest[o]
		if ok && (best == "" || w > strongest[best]) {
			best = o
		}
	}
	return cmp.Or(best, own)
}

// strongestByOrigin is the largest weight that an origin has on the card.
func strongestByOrigin(card *netcase.Card, b Behaviour) map[string]float64 {
	out := map[string]float64{}
	for i := range card.Listings {
		l := card.Listings[i]
		l.Relevant = bears(l.Indicator.Claim, b)
		if w, why := alone(&l, b); why == "" {
			o := origin(&l.Indicator)
			out[o] = max(out[o], math.Abs(w))
		}
	}
	return out
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
