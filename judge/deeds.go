package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// A deed is what one of our machines did that stands out: it sent far more than it used
// to, or it calls a place by the clock. A finding tells of it by name.

// deedRank tells what of our side a finding is about: 2 an upload, 1 a cadence, 0 neither.
func deedRank(f *netcase.Finding) int {
	switch {
	case f.Direction != netcase.Outbound:
		return 0
	case tellsUpload(f.Upload):
		return 2
	case tellsCall(f.Beacon):
		return 1
	}
	return 0
}

// rareDeed tells whether next to nobody else of ours goes where a deed went: what many
// machines do leads no report.
func rareDeed(f *netcase.Finding) bool {
	return f.Upload != nil && f.Upload.Rarity.Rare || f.Beacon != nil && f.Beacon.Rarity.Rare
}

// foremost is the index of the weightiest deed among findings: uploads by their size before
// cadences; -1: there is none.
func foremost(findings []netcase.Finding, ok func(*netcase.Finding) bool) int {
	best := -1
	for i := range findings {
		f := &findings[i]
		if deedRank(f) == 0 || !ok(f) {
			continue
		}
		if best < 0 || weightier(f, &findings[best]) {
			best = i
		}
	}
	return best
}

func weightier(a, b *netcase.Finding) bool {
	if c := cmp.Compare(deedRank(a), deedRank(b)); c != 0 {
		return c > 0
	}
	return a.Upload != nil && b.Upload != nil && a.Upload.Out > b.Upload.Out
}

// leadingDeed is the deed that title and page one begin with: that of the leading group,
// or a rare one where the group came from outside and is no graver than noise.
func leadingDeed(findings []netcase.Finding, direction netcase.Direction, class string, level netcase.Level, of func(*netcase.Finding) bool) int {
	switch {
	case direction == netcase.Outbound && destinations(class):
		return foremost(findings, of)
	case direction == netcase.Inbound && level <= netcase.Low:
		return foremost(findings, rareDeed)
	}
	return -1
}

// leadingDeed is that of the case in the making.
func (d *draft) leadingDeed() int {
	if len(d.full()) == 0 {
		return -1
	}
	c := d.clusters[0]
	return leadingDeed(d.findings, c.direction, c.class, c.severity.High, func(f *netcase.Finding) bool {
		return slices.ContainsFunc(c.findings, func(i int) bool { return &d.findings[i] == f })
	})
}

// deedOf is the leading deed of a case; nil: there is none.
func deedOf(c *netcase.Case, g *netcase.Group) *netcase.Finding {
	i := leadingDeed(c.Findings, g.Direction, g.Class, g.Severity.High, func(f *netcase.Finding) bool { return slices.Contains(g.Findings, f.ID) })
	if i < 0 {
		return nil
	}
	return &c.Findings[i]
}

// deedTitle is the title of a case that a deed leads: what came from outside follows.
func deedTitle(f *netcase.Finding, c *cluster, title string) string {
	switch {
	case c.direction == netcase.Inbound:
		return f.Title + "; " + lowerFirst(title)
	case c.standing == standingListed:
		title = f.Title + "; lists name the destination"
	default:
		title = f.Title
	}
	if n := c.sourceCount() - 1; n > 0 {
		title += fmt.Sprintf("; %s", count(n, "further destination"))
	}
	return title
}

// sayDeed is the first sentence where a deed leads; rest is what would stand there else.
func sayDeed(g *netcase.Group, f *netcase.Finding, rest string) string {
	text := fmt.Sprintf("%s, between %s and %s UTC", f.Title, f.Span.Start.Short(), (f.Span.End - 1).Short())
	if g.Direction == netcase.Inbound {
		return text + "; what that was is not determinable from flows; beside it, " + lowerFirst(rest)
	}
	who, _, _ := strings.Cut(g.Label, ", ")
	return fmt.Sprintf("%s; our side called %s in %s; %s", text, who, count(g.Flows, "flow"), openCall)
}

// openCall is what is not known of a call.
const openCall = "what this was is not determinable from flows: the process that called and what the destination is come next"

// deedCluster is the group that the leading deed belongs to; nil: none.
func (d *draft) deedCluster() *cluster {
	i := d.leadingDeed()
	if i < 0 {
		return nil
	}
	for _, c := range d.clusters {
		if !c.rest && c.direction == netcase.Outbound && slices.Contains(c.findings, i) {
			return c
		}
	}
	return nil
}
