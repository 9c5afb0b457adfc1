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
	case len(card.Listings) == 0 && len(card.Benign) == 0 && len(card.Later) > 0:
		t.row("Result", "no source listed this address then; that is not proof that it was clean", "")
	case len(card.Listings) == 0 && len(card.Benign) == 0:
		t.row("Result", "no source lists this address; that is not proof that it is clean", "")
	case card.Adverse == 0:
		t.row("Result", "no adverse claim that holds at this time; that is not proof that it is clean", "")
	case card.Adverse > 0:
		t.result(&card)
		t.row("Known", knownText(&card), "")
	}
	for i, why := range sharedOf(&card) {
		t.row(first(i, "Shared"), why, sgrYellow)
	}
	t.listings(&card)
	t.later(card.Later)
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

// result is how probable it is that the address is abusive: for the direction that is
// known, else for either, since who is named for phishing is not thereby a scanner.
func (t *terminalWriter) result(card *netcase.Card) {
	if len(card.Bearings) == 0 {
		t.row("Abusive", resultText(card.P, card.Voices, len(card.Origins), weighs(card, nil)), sgrBold)
		return
	}
	for i, b := range card.Bearings {
		who := "as source: "
		if b.Direction == netcase.Outbound {
			who = "as target: "
		}
		code := sgrBold
		if b.P == 0 {
			code = sgrDim
		}
		t.row(first(i, "Abusive"), who+resultText(b.P, b.Voices, len(card.Origins), weighs(card, b.Weights)), code)
	}
}

// weighs tells whether any listing moves the result; nil weights: those of the card.
func weighs(card *netcase.Card, weights map[string]float64) bool {
	return slices.ContainsFunc(card.Listings, func(l netcase.Listing) bool {
		if weights != nil {
			return weights[l.Indicator.ID] != 0
		}
		return l.Weight != 0
	})
}

func resultText(p float64, voices, origins int, weighs bool) string {
	switch {
	case p == 0:
		return "nothing that is listed bears on such traffic"
	case !weighs:
		return fmt.Sprintf("probability %s, as of any address: what is listed weighs nothing here", chart.Chance(p))
	}
	return fmt.Sprintf("probability %s; %s", chart.Chance(p), chart.VoicesText(voices, origins))
}

// sharedOf is why what is listed says less, whichever way the traffic ran.
func sharedOf(card *netcase.Card) []string {
	out := slices.Clone(card.Shared)
	for _, b := range card.Bearings {
		for _, why := range b.Shared {
			if !slices.Contains(out, why) {
				out = append(out, why)
			}
		}
	}
	return out
}

// mostLater is how many claims that were learned later are shown.
const mostLater = 6

// later names what was learned after the instant that was asked for: beside the card, and
// not counted in it.
func (t *terminalWriter) later(ls []netcase.Listing) {
	if len(ls) == 0 {
		return
	}
	t.row("Later", fmt.Sprintf("%s learned later or not known when, not counted:", plural(len(ls), "claim", "claims")), sgrDim)
	for i := range ls[:min(len(ls), mostLater)] {
		in := &ls[i].Indicator
		text := handedOnBy(in) + ": " + strings.TrimSpace(claimWithPort(in)+" "+in.ScoreText)
		if in.Claim == netcase.ClaimPlace {
			text = chart.PlaceText(netcase.GeoAnswer{Geo: in.Geo, Provider: in.Provider})
		}
		when := "not known when"
		if in.Learned.Known() {
			when = "learned " + day(in.Learned)
		}
		t.row("", "· "+text+", "+when, sgrDim)
	}
	if n := len(ls) - mostLater; n > 0 {
		t.row("", fmt.Sprintf("… and %d more", n), sgrDim)
	}
}

func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

func neighboursText(n *netcase.Neighbourhood) string {
	text := fmt.Sprintf("%s: no other address listed at any time", n.Network)
	if n.Listed > 0 {
		text = fmt.Sprintf("%s: %s listed at some time, by %s", n.Network, plural(n.Listed, "other address", "other addresses"), plural(n.Origins, "origin", "origins"))
	}
	if n.ASN != 0 {
		text += fmt.Sprintf("; %s: %s listed", strings.TrimSpace(fmt.Sprintf("AS%d %s", n.ASN, n.ASName)), plural(n.ASNListed, "address", "addresses"))
	}
	return text
}

// Columns of the table of listings, and how many lines it has.
const (
	saysWidth   = 22
	timingWidth = 21
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
	sorted, totals := byPart(card)
	head, shares := "share", shareWidth
	if len(totals) > 1 {
		head, shares = fmt.Sprintf("%*s %*s", shareWidth, "in", shareWidth, "out"), 2*shareWidth+1
	}
	who := max(t.style.width()-labelWidth-saysWidth-timingWidth-gradeWidth-shares-4, 12)
	line := func(label string, indent int, a, b, c, grade, d, code string) {
		if t.style.width() < narrow {
			t.row(label, strings.Join(nonEmpty(a, b, c, grade, d), " · "), code)
			return
		}
		text := strings.Repeat(" ", indent) + padded(a, who-indent) + " " + padded(b, saysWidth) + " " + padded(c, timingWidth) + " " + padded(grade, gradeWidth) + " " + strings.Repeat(" ", max(shares-columns(d), 0)) + d
		t.b.WriteString(t.style.paint(sgrDim, label) + strings.Repeat(" ", max(labelWidth-columns(label), 1)) + t.style.paint(code, strings.TrimRight(text, " ")) + "\n")
	}
	line("Listings", 0, "origin, handed on by", "says", "at the event", "grade", head, sgrDim)
	last := ""
	for i := range sorted[:min(len(sorted), mostLines)] {
		l := &sorted[i]
		if o := originOf(l); i == 0 || o != last {
			line("", 0, o, "", "", "", "", sgrBold)
			last = o
		}
		part, code := shareText(weightsOf(card, l), totals)
		line("", 2, handedOnBy(&l.Indicator), strings.TrimSpace(claimWithPort(&l.Indicator)+" "+l.Indicator.ScoreText), timingText(l), gradeText(l), part, code)
	}
	if n := len(sorted) - mostLines; n > 0 {
		line("", 2, fmt.Sprintf("… and %d more", n), "", "", "", "", sgrDim)
	}
}

// shareText is the part of a listing in the result of each direction.
func shareText(weights, totals []float64) (text, code string) {
	parts := make([]string, len(weights))
	code = sgrDim
	for i, w := range weights {
		part := "–"
		if w != 0 && totals[i] > 0 {
			part, code = fmt.Sprintf("%.0f %%", 100*math.Abs(w)/totals[i]), ""
		}
		parts[i] = strings.Repeat(" ", max(shareWidth-columns(part), 0)) + part
	}
	return strings.Join(parts, " "), code
}

// weightsOf is the weight of a listing: one where the direction is known, else one for each.
func weightsOf(card *netcase.Card, l *netcase.Listing) []float64 {
	if len(card.Bearings) == 0 {
		return []float64{l.Weight}
	}
	out := make([]float64, len(card.Bearings))
	for i, b := range card.Bearings {
		out[i] = b.Weights[l.Indicator.ID]
	}
	return out
}

// byPart orders listings by the weight of their origin, then by their own, and tells the
// sum of all weights, for each direction.
func byPart(card *netcase.Card) (sorted []netcase.Listing, totals []float64) {
	sorted = slices.Clone(card.Listings)
	totals = make([]float64, max(len(card.Bearings), 1))
	origin, own := map[string]float64{}, map[string]float64{}
	for i := range sorted {
		for k, w := range weightsOf(card, &sorted[i]) {
			w = math.Abs(w)
			origin[originOf(&sorted[i])] += w
			own[sorted[i].Indicator.ID] += w
			totals[k] += w
		}
	}
	slices.SortStableFunc(sorted, func(a, b netcase.Listing) int {
		x, y := originOf(&a), originOf(&b)
		return cmp.Or(cmp.Compare(origin[y], origin[x]), strings.Compare(x, y), cmp.Compare(own[b.Indicator.ID], own[a.Indicator.ID]),
			strings.Compare(a.Indicator.Provider, b.Indicator.Provider), strings.Compare(a.Indicator.Feed, b.Indicator.Feed))
	})
	return sorted, totals
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
