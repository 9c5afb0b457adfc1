package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
	"netcase/chart"
)

// LookupCard is what intelligence says of one address, at a glance: what is known to be
// harmless first, then the result, then a line for each listing under the origin that
// first made the claim, with its part in the result, the listings against the time of the
// traffic (or the instant that was asked for), the neighbours, and who places it where.
func LookupCard(card netcase.Card, seen netcase.Span, s Style) string {
	t := terminalWriter{style: s}
	t.title(card.Address.String() + "  " + chart.ListingsText(&card))
	for i, b := range card.Benign {
		t.row(first(i, "Benign"), b, sgrGreen)
	}
	switch {
	case len(card.Listings) == 0 && len(card.Benign) == 0:
		t.row("Result", "no source lists this address; that is not proof that it is clean", "")
	case card.Adverse > 0:
		t.row("Abusive", fmt.Sprintf("probability %s, from %s", chart.Chance(card.P), plural(len(card.Origins), "independent origin", "independent origins")), sgrBold)
		t.row("Known", knownText(&card), "")
	}
	for i, why := range card.Shared {
		t.row(first(i, "Shared"), why, sgrYellow)
	}
	t.listings(&card)
	t.timeLine(&card, seen)
	if n := card.Neighbours; n != nil {
		t.row("Neighbours", neighboursText(n), "")
	}
	for i, g := range card.Geo {
		if i == chart.MaxPlaces {
			t.row("", fmt.Sprintf("… and %d more", len(card.Geo)-i), "")
			break
		}
		t.row(first(i, "Place"), chart.PlaceText(g), "")
	}
	if card.Conflict {
		t.row("", "the providers contradict each other; a place is never evidence", sgrYellow)
	}
	return t.b.String()
}

func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

func neighboursText(n *netcase.Neighbourhood) string {
	text := fmt.Sprintf("%s: no other address listed", n.Network)
	if n.Listed > 0 {
		text = fmt.Sprintf("%s: %s listed, by %s", n.Network, plural(n.Listed, "other address", "other addresses"), plural(n.Origins, "origin", "origins"))
	}
	if n.ASN != 0 {
		text += fmt.Sprintf("; %s: %s listed", strings.TrimSpace(fmt.Sprintf("AS%d %s", n.ASN, n.ASName)), plural(n.ASNListed, "address", "addresses"))
	}
	return text
}

// Columns of the table of listings, and how many lines it has.
const (
	saysWidth   = 22
	timingWidth = 20
	gradeWidth  = 5
	shareWidth  = 5
	narrow      = labelWidth + saysWidth + timingWidth + gradeWidth + shareWidth + 4 + 12 // below: no columns
	mostLines   = 20
)

// listings is a line for each listing, under its origin; the origin that counts most
// comes first.
func (t *terminalWriter) listings(card *netcase.Card) {
	if len(card.Listings) == 0 {
		return
	}
	sorted, total := byPart(card)
	who := max(t.style.width()-labelWidth-saysWidth-timingWidth-gradeWidth-shareWidth-4, 12)
	line := func(label string, indent int, a, b, c, grade, d, code string) {
		if t.style.width() < narrow {
			t.row(label, strings.Join(nonEmpty(a, b, c, grade, d), " · "), code)
			return
		}
		text := strings.Repeat(" ", indent) + padded(a, who-indent) + " " + padded(b, saysWidth) + " " + padded(c, timingWidth) + " " + padded(grade, gradeWidth) + " " + strings.Repeat(" ", max(shareWidth-columns(d), 0)) + d
		t.b.WriteString(t.style.paint(sgrDim, label) + strings.Repeat(" ", max(labelWidth-columns(label), 1)) + t.style.paint(code, strings.TrimRight(text, " ")) + "\n")
	}
	line("Listings", 0, "origin, and who hands it on", "says", "at the event", "grade", "share", sgrDim)
	last := ""
	for i := range sorted[:min(len(sorted), mostLines)] {
		l := &sorted[i]
		if o := originOf(l); i == 0 || o != last {
			line("", 0, o, "", "", "", "", sgrBold)
			last = o
		}
		part, code := "–", sgrDim
		if l.Weight != 0 && total > 0 {
			part, code = fmt.Sprintf("%.0f %%", 100*math.Abs(l.Weight)/total), ""
		}
		line("", 2, handedOnBy(&l.Indicator), strings.TrimSpace(claimWithPort(&l.Indicator)+" "+l.Indicator.ScoreText), timingText(l), gradeText(l), part, code)
	}
	if n := len(sorted) - mostLines; n > 0 {
		line("", 2, fmt.Sprintf("… and %d more", n), "", "", "", "", sgrDim)
	}
}

// byPart orders listings by the weight of their origin, then by their own, and tells the
// sum of all weights.
func byPart(card *netcase.Card) (sorted []netcase.Listing, total float64) {
	sorted = slices.Clone(card.Listings)
	weight := map[string]float64{}
	for i := range sorted {
		w := math.Abs(sorted[i].Weight)
		weight[originOf(&sorted[i])] += w
		total += w
	}
	slices.SortStableFunc(sorted, func(a, b netcase.Listing) int {
		x, y := originOf(&a), originOf(&b)
		return cmp.Or(cmp.Compare(weight[y], weight[x]), strings.Compare(x, y), cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)),
			strings.Compare(a.Indicator.Provider, b.Indicator.Provider), strings.Compare(a.Indicator.Feed, b.Indicator.Feed))
	})
	return sorted, total
}

// originOf is the origin under which a listing counts.
func originOf(l *netcase.Listing) string {
	return cmp.Or(l.Group, l.Indicator.Origin, "origin not known")
}

// handedOnBy is the provider with the last part of the feed's name, which tells lists of
// one provider apart.
func handedOnBy(i *netcase.Indicator) string {
	feed := i.Feed[strings.LastIndexByte(i.Feed, '/')+1:]
	return strings.Join(nonEmpty(i.Provider, feed), " · ")
}

// gradeText is the Admiralty grade: the reliability of the source, then the credibility of
// the item.
func gradeText(l *netcase.Listing) string {
	if l.Credibility == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d", l.Reliability, l.Credibility)
}

func timingText(l *netcase.Listing) string {
	text := string(l.Timing)
	if l.Timing == netcase.KnownThen && l.AgeDays >= 1 {
		text += fmt.Sprintf(", %.0f d old", l.AgeDays)
	}
	return text
}

// padded is a text of so many columns, cut with an ellipsis where it is longer.
func padded(s string, width int) string {
	s = terminalText(s)
	if columns(s) > width {
		head, _ := splitAt(s, width-1)
		s = head + "…"
	}
	return s + strings.Repeat(" ", width-columns(s))
}

// timeCells is the width of the line of time.
const timeCells = 40

// timeLine sets the stretch for which the address is listed against the traffic.
func (t *terminalWriter) timeLine(card *netcase.Card, seen netcase.Span) {
	var listed netcase.Span
	for i := range card.Listings {
		if l := &card.Listings[i]; l.Indicator.Claim.Adverse() {
			first, last := listedFrom(&l.Indicator)
			if first.Known() {
				listed = listed.Extend(first).Extend(last)
			}
		}
	}
	if !listed.Start.Known() {
		return
	}
	whole := listed
	if seen.Start.Known() {
		whole = whole.Extend(seen.Start).Extend(seen.End)
	}
	width := max(whole.End-whole.Start, netcase.Day)
	cell := func(at netcase.Time) int {
		return int(min(max((at-whole.Start)*(timeCells-1)/width, 0), timeCells-1))
	}
	bar := []rune(strings.Repeat("·", timeCells))
	for i := cell(listed.Start); i <= cell(listed.End); i++ {
		bar[i] = '█'
	}
	label := "Time"
	text := fmt.Sprintf("first listing %s, last %s", day(listed.Start), day(listed.End))
	if seen.Start.Known() {
		for i := cell(seen.Start); i <= cell(seen.End); i++ {
			bar[i] = '▲'
		}
		text += "; ▲ " + day(seen.Start)
	}
	if t.style.width() >= narrow {
		t.row("Time", string(bar), "")
		label = ""
	}
	t.row(label, text, sgrDim)
}

// listedFrom is from when to when an indicator is known to have stood in its list.
func listedFrom(i *netcase.Indicator) (first, last netcase.Time) {
	first = cmp.Or(i.FirstSeen, i.ValidFrom, i.LastSeen, i.Learned)
	return first, max(first, i.LastSeen, i.Upheld, i.Learned)
}
