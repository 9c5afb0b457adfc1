package judge

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// Levels of the analytic confidence. They say how sure the analysis is of itself,
// not how likely anything is.
const (
	confidenceHigh     = "high"
	confidenceModerate = "moderate"
	confidenceLow      = "low"
)

// Points from which a level is reached.
// Source: set by experts.
const (
	pointsHigh     = 6
	pointsModerate = 3
	bestRival      = 0.10 // a rival explanation above it costs the point
)

// confidence counts the conditions that hold. What would be gained only because
// data is missing is not given: no group, or an open item that a missing source
// leaves open, earns nothing.
func (d *draft) confidence() netcase.Confidence {
	families := d.families()
	c := netcase.Confidence{Parts: []netcase.Point{
		{Text: "telemetry families that bear on the case: " + count(families, "family"), Got: min(max(families-1, 0), 2), Of: 2},
		d.point("every input was read whole, and every detector ran", d.sound()),
		d.point("two independent origins name the sources", d.twoOrigins()),
		d.point("no key assumption is open: outcomes are recorded and the own network is stated", d.settled()),
		d.point(fmt.Sprintf("the best rival explanation is at %.2f or less, and no source that would speak of it is missing", bestRival), d.noRival()),
		d.point("the counts are not an effect of the logging interval", d.countsReal()),
	}}
	for _, p := range c.Parts {
		c.Points += p.Got
	}
	c.Level = levelOf(c.Points)
	var capped []string
	if !d.sound() && c.Level != confidenceLow {
		capped = append(capped, "held at low: an input was cut or could not be read, or a detector did not run")
		c.Level = confidenceLow
	} else if !d.sound() {
		capped = append(capped, "cannot rise above low: an input was cut or could not be read, or a detector did not run")
	}
	if d.openReach() {
		capped = append(capped, "low for every claim of success: "+d.openText()+" not recorded")
	}
	if r := d.assumed(); r != "" {
		capped = append(capped, "low for every claim of success: the outcome is "+assumedNote+" ("+r+") where none is recorded")
	}
	c.Capped = strings.Join(capped, "; ")
	return c
}

// openText counts the flows of the told groups whose outcome is open.
func (d *draft) openText() string {
	open, total := int64(0), int64(0)
	for _, c := range d.full() {
		if c.undecided() {
			open, total = open+c.reach.Open(), total+c.reach.Total()
		}
	}
	return fmt.Sprintf("the outcome of %s of %s of the told groups is", thousands(open), count(total, "flow"))
}

func levelOf(points int) string {
	switch {
	case points >= pointsHigh:
		return confidenceHigh
	case points >= pointsModerate:
		return confidenceModerate
	}
	return confidenceLow
}

func (d *draft) point(text string, holds bool) netcase.Point {
	return netcase.Point{Text: text, Got: rank(holds), Of: 1}
}

// families counts the kinds of telemetry that say something. Process records that
// do not tell which socket they are about do not count.
func (d *draft) families() (n int) {
	for _, f := range d.in.Coverage.Families {
		if f == "process" && d.ownersUnusable() {
			continue
		}
		n++
	}
	return n
}

// ownersUnusable tells whether every word on socket owners is unusable.
func (d *draft) ownersUnusable() bool {
	seen, usable := false, false
	for i := range d.findings {
		if o := d.findings[i].Owner; o != nil {
			seen = true
			usable = usable || o.Verdict != ownerUnusable
		}
		usable = usable || d.findings[i].Process != nil
	}
	return seen && !usable
}

func (d *draft) sound() bool {
	ok, _ := d.in.Coverage.Sound()
	return ok && len(d.in.Coverage.Inputs) > 0
}

// twoOrigins tells whether at least half of the sources of the leading group are
// named by two independent origins.
func (d *draft) twoOrigins() bool {
	if len(d.full()) == 0 {
		return false
	}
	c, n := d.clusters[0], 0
	for _, a := range c.sources {
		if a.card != nil && originsOf(a.card) >= 2 {
			n++
		}
	}
	return n > 0 && 2*n >= len(c.sources)
}

// enoughRecorded is the share of flows whose outcome must be recorded for the
// reach of a group to count as known.
// Source: set by experts; less, and silence proves nothing.
const enoughRecorded = 0.95

// undecided tells whether the outcome of so many flows of a group is open that its
// reach is not known, or that its severity stays a range.
func (c *cluster) undecided() bool {
	if c.severity.Low != c.severity.High {
		return true
	}
	return float64(c.reach.Open()) > (1-enoughRecorded)*float64(c.reach.Total())
}

// openReach tells whether the reach of a told group is not known.
func (d *draft) openReach() bool { return slices.ContainsFunc(d.full(), (*cluster).undecided) }

func (d *draft) settled() bool {
	return len(d.full()) > 0 && !d.openReach() && d.assumed() == "" && d.site.Stated()
}

// noRival tells whether the leading group has no rival explanation of weight, and
// the items that a missing source would leave open are answered.
func (d *draft) noRival() bool {
	if len(d.full()) == 0 || len(d.clusters[0].hypotheses) < 2 {
		return false
	}
	state := states(d.clusters[0].items)
	for _, id := range []string{"A03", "A04", "A05", "A06", "A07"} {
		if state[id] == netcase.Unknown {
			return false
		}
	}
	return d.clusters[0].hypotheses[1].Posterior <= bestRival
}

// countsReal tells whether the test for logging artefacts ran and indicates none.
func (d *draft) countsReal() bool {
	if f := d.artefact(); f != nil {
		return f.Artefact.Verdict == artefactNone
	}
	return d.in.Coverage.Has("flow") && d.ran("artefact")
}

// claimConfidence is the confidence in what is said of a claim.
func (d *draft) claimConfidence(level string) string {
	if d.openReach() || d.assumed() != "" {
		return confidenceLow
	}
	return level
}
