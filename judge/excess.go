package judge

import (
	"math"
	"slices"
	"strings"

	"netcase"
)

// mostOfIt is the share of an excess from which a group is what the excess
// consists of.
// Source: set by experts; more than half cannot be claimed by two groups.
const mostOfIt = 0.5

// partOf is the share of a judged excess that some addresses explain: as the
// attribution names them, as listed addresses, or as ends of its cells. Of several
// answers the largest stands. Zero: they do not explain it, or nobody asked.
func partOf(s *netcase.SpikeFacts, names []string) float64 {
	if s == nil || s.Described || s.Excess <= 0 {
		return 0
	}
	named := make(map[string]bool, len(names))
	for _, n := range names {
		named[n] = true
	}
	best := 0.0
	for _, a := range s.Attribution {
		best = max(best, shareOf(a.Elements, s.Excess, func(c *netcase.Contribution) bool { return named[c.Name] }))
	}
	best = max(best, shareOf(s.ListedPeers, s.Excess, func(c *netcase.Contribution) bool { return named[c.Name] }))
	best = max(best, shareOf(s.Cells, s.Excess, func(c *netcase.Contribution) bool {
		from, rest, _ := strings.Cut(c.Name, " to ")
		to, _, _ := strings.Cut(rest, " on ")
		return named[from] || named[to]
	}))
	return best
}

func shareOf(all []netcase.Contribution, excess float64, match func(*netcase.Contribution) bool) (sum float64) {
	for i := range all {
		if match(&all[i]) {
			sum += all[i].Observed - all[i].Expected
		}
	}
	return min(max(sum/excess, 0), 1)
}

// excessOf is the judged excess that the addresses explain most of, in one
// direction, and their share of it; nil where they explain nothing.
func excessOf(findings []netcase.Finding, dir netcase.Direction, names []string) (best *netcase.Finding, share float64) {
	for i := range findings {
		f := &findings[i]
		if f.Spike == nil || f.Direction != dir && f.Direction != netcase.DirectionUnknown {
			continue
		}
		if p := partOf(f.Spike, names); p > share {
			best, share = f, p
		}
	}
	return best, share
}

func (c *cluster) sourceNames() []string {
	out := make([]string, 0, len(c.sources))
	for _, a := range c.sources {
		out = append(out, a.profile.Peer.String())
	}
	return out
}

func groupNames(g *netcase.Group) []string {
	out := make([]string, 0, len(g.Sources))
	for i := range g.Sources {
		out = append(out, g.Sources[i].Peer.String())
	}
	return out
}

// headline is the finding on the time line that page one quotes: the largest
// excess that was judged, else the busiest line that was only described.
func headline(findings []netcase.Finding) *netcase.Finding {
	var best *netcase.Finding
	for i := range findings {
		f := &findings[i]
		if f.Spike == nil || f.Title == "" {
			continue
		}
		if best == nil || spikeBefore(f.Spike, best.Spike) {
			best = f
		}
	}
	return best
}

func spikeBefore(a, b *netcase.SpikeFacts) bool {
	if a.Described != b.Described {
		return !a.Described
	}
	if a.Described {
		return a.Observed > b.Observed
	}
	return a.Excess > b.Excess
}

// excessText is an excess as a group is told with it: whole flows, so that the
// numbers agree with those beside them.
func excessText(f *netcase.Finding, share float64) string {
	part := int64(math.Round(share * f.Spike.Excess))
	return thousands(part) + " of the " + count(int64(math.Round(f.Spike.Excess)), "flow") + " of an excess over the baseline " + spikeNumbers(f.Spike)
}

// sortedTitles sorts findings by id, so that what is told first does not depend on
// their order.
func sortedTitles(findings []netcase.Finding) []netcase.Finding {
	out := slices.Clone(findings)
	slices.SortStableFunc(out, func(a, b netcase.Finding) int { return strings.Compare(a.ID, b.ID) })
	return out
}
