package judge

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"netcase"
	"netcase/origins"
)

// folded is a provider's name without case, spaces and marks, and by one name
// where it has several.
func folded(name string) string { return origins.Fold(name) }

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

// originGroup is the group in which a claim has its vote: that of whom its maker is seen to
// copy, else the one that its card gave it by the table of origins. strongest holds the
// origins on the card, copied whom a source follows.
func originGroup(l *netcase.Listing, strongest map[string]float64, copied map[string]string) string {
	own := origin(&l.Indicator)
	if from := followed(own, copied, strongest); from != "" {
		return from
	}
	if l.Group != "" {
		return folded(l.Group)
	}
	return origins.Default().Group(own, func(from string) bool { _, ok := strongest[from]; return ok })
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
