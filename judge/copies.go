package judge

import (
	"net/netip"
	"slices"

	"netcase"
)

// The temporal test for copies: a source that names the same addresses as another one, and
// nearly always within two days after it, takes them from there.
//
// Source: thresholds set by experts.
const (
	copyWithin = 2 * netcase.Day
	copyShare  = 0.8
	copyLeast  = 30 // addresses that both name
)

// copiedFrom is, by the folded name of a source, the one that it follows, over the
// addresses that the findings met.
func copiedFrom(findings []netcase.Finding) map[string]string {
	first := map[string]map[netip.Addr]netcase.Time{}
	for i := range findings {
		s := findings[i].Sighting
		if s == nil {
			continue
		}
		for j := range s.Sightings {
			noteFirst(first, &s.Sightings[j].Card)
		}
	}
	out, share := map[string]string{}, map[string]float64{}
	names := sortedKeys(first)
	for _, later := range names {
		for _, earlier := range names {
			if later == earlier {
				continue
			}
			if s := follows(first[earlier], first[later]); s >= copyShare && s > share[later] {
				out[later], share[later] = earlier, s
			}
		}
	}
	return out
}

func noteFirst(first map[string]map[netip.Addr]netcase.Time, c *netcase.Card) {
	for k := range c.Listings {
		in := &c.Listings[k].Indicator
		if !in.Claim.Adverse() || !in.FirstSeen.Known() {
			continue
		}
		o := origin(in)
		if first[o] == nil {
			first[o] = map[netip.Addr]netcase.Time{}
		}
		if at, ok := first[o][c.Address]; !ok || in.FirstSeen < at {
			first[o][c.Address] = in.FirstSeen
		}
	}
}

// follows is the share of the addresses that both name which the later source names
// within two days after the earlier; 0: too few.
func follows(earlier, later map[netip.Addr]netcase.Time) float64 {
	both, after := 0, 0
	for a, at := range later {
		was, ok := earlier[a]
		if !ok {
			continue
		}
		both++
		if at > was && at-was <= copyWithin {
			after++
		}
	}
	if both < copyLeast {
		return 0
	}
	return float64(after) / float64(both)
}

// followed is the origin that a claim's maker follows, where that origin speaks on the
// same card; empty: none. A chain is followed to its end, a circle is none.
func followed(own string, copied map[string]string, strongest map[string]float64) string {
	seen := []string{own}
	best := ""
	for at := copied[own]; at != "" && !slices.Contains(seen, at); at = copied[at] {
		seen = append(seen, at)
		if _, ok := strongest[at]; ok {
			best = at
		}
	}
	return best
}
