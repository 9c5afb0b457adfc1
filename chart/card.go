package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

// Bounds of an intelligence card.
const (
	MaxListings = 14
	MaxPlaces   = 6
)

// How far the time line of a card reaches beyond the traffic; what begins before
// is drawn with an arrow.
const (
	cardBefore = 120 * netcase.Day
	cardAfter  = 45 * netcase.Day
)

const (
	cardLabel = 270.0
	cardRow   = 19.0
)

// IntelCard is what intelligence says of an address: its listings by the origin
// that first made the claim, on a time line with the traffic, and where each
// provider places it.
func IntelCard(name string, card *netcase.Card, seen netcase.Span) Figure {
	f := Figure{Name: name, W: Width, Title: card.Address.String() + ": " + ListingsText(card), Desc: cardDesc(card, seen)}
	f.bold(0, 14, f.Title, large, Width, Ink, Left)
	listings := slices.Clone(card.Listings)
	slices.SortStableFunc(listings, compareListings)
	axis := axisOf(cardSpan(listings, seen), cardLabel, Width-cardLabel-10)
	y := 24.0
	shown := listings[:min(len(listings), MaxListings)]
	rows := len(shown) + origins(shown)
	if seen.End > seen.Start && rows > 0 {
		x1, x2 := axis.at(seen.Start), axis.at(seen.End)
		f.rect(Box{x1, y, math.Max(x2-x1, 2), cardRow * float64(rows)}, Window)
	}
	last := ""
	for i := range shown {
		if o := shown[i].Indicator.Origin; i == 0 || o != last {
			f.bold(0, y+13, originText(o), normal, cardLabel-8, Ink, Left)
			last, y = o, y+cardRow
		}
		listingRow(&f, &shown[i], axis, y)
		y += cardRow
	}
	if rest := len(listings) - len(shown); rest > 0 {
		f.words(0, y+12, fmt.Sprintf("… and %d listings more", rest), small, Width, Muted, Left)
		y += 18
	}
	if len(listings) == 0 {
		f.words(0, y+13, "No source lists this address. That is not proof that it is clean.", normal, Width, Ink, Left)
		y += cardRow
	} else if axis.span.End > axis.span.Start {
		axis.draw(&f, y+2, y+2)
		y += 32
		y = legend(&f, y+14, cardLegend())
	}
	f.H = places(&f, card, y) + 2
	return f
}

// ListingsText is "4 listings, 2 independent origins", of the adverse listings
// that match in time.
func ListingsText(c *netcase.Card) string {
	if len(c.Listings) == 0 {
		return "no listings"
	}
	if c.Adverse == 0 {
		return fmt.Sprintf("no adverse listing, %d of another kind or time", len(c.Listings))
	}
	s := fmt.Sprintf("%s, %s", plural(c.Adverse, "listing"), plural(len(c.Origins), "independent origin"))
	if rest := len(c.Listings) - c.Adverse; rest > 0 {
		s += fmt.Sprintf(" (%d more not counted)", rest)
	}
	return s
}

// VoicesText is "1 of 2 independent origins counts": how many of those who first made the
// claims on a card have a claim that bears on the traffic.
func VoicesText(voices, origins int) string {
	verb := "count"
	if voices == 1 {
		verb = "counts"
	}
	return fmt.Sprintf("%d of %s %s", voices, plural(max(origins, voices), "independent origin"), verb)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(int64(n)) + " " + noun + "s"
}

func compareListings(a, b netcase.Listing) int {
	return cmp.Or(
		strings.Compare(a.Indicator.Origin, b.Indicator.Origin),
		cmp.Compare(a.Indicator.FirstSeen, b.Indicator.FirstSeen),
		strings.Compare(a.Indicator.Provider, b.Indicator.Provider),
		strings.Compare(a.Indicator.Feed, b.Indicator.Feed),
		strings.Compare(a.Indicator.ID, b.Indicator.ID),
	)
}

func origins(listings []netcase.Listing) (n int) {
	for i := range listings {
		if i == 0 || listings[i].Indicator.Origin != listings[i-1].Indicator.Origin {
			n++
		}
	}
	return n
}

func originText(o string) string {
	if o == "" {
		return "origin not known"
	}
	return "origin: " + o
}

// listed is the stretch for which an indicator claims something.
func listed(i *netcase.Indicator) netcase.Span {
	s := netcase.Span{Start: i.FirstSeen, End: i.LastSeen}
	if !s.Start.Known() {
		s.Start = i.ValidFrom
	}
	if !s.End.Known() {
		s.End = i.ValidUntil
	}
	if !s.Start.Known() {
		s.Start = s.End
	}
	if s.End < s.Start {
		s.End = s.Start
	}
	return s
}

func cardSpan(listings []netcase.Listing, seen netcase.Span) netcase.Span {
	all := seen
	for i := range listings {
		ind := &listings[i].Indicator
		s := listed(ind)
		all = all.Extend(s.Start).Extend(s.End).Extend(ind.Learned)
	}
	if seen.Start.Known() {
		all.Start = max(all.Start, seen.Start-cardBefore)
		all.End = min(all.End, seen.End+cardAfter)
	}
	all.Start, all.End = min(max(all.Start, earliest), latest), min(max(all.End, earliest), latest)
	room := max((all.End-all.Start)/25, netcase.Hour)
	return netcase.Span{Start: all.Start - room, End: all.End + room}
}

func listingRow(f *Figure, l *netcase.Listing, axis timeAxis, y float64) {
	ind := &l.Indicator
	label := strings.Join(nonEmpty(ind.Provider, ind.Feed, string(ind.Claim), ind.ScoreText), " · ")
	f.words(12, y+13, label, small, cardLabel-20, Ink, Left)
	s := listed(ind)
	if !s.Start.Known() {
		f.words(axis.x+4, y+13, "no dates given", small, 0, Muted, Left)
	} else {
		x1, x2 := axis.at(s.Start), axis.at(s.End)
		if x2-x1 < 4 {
			x1, x2 = x1-2, x1+2
		}
		timingBar(f, l.Timing, Box{x1, y + 5, x2 - x1, 9})
		f.tip(fmt.Sprintf("%s: %s to %s, %s", label, s.Start.Short(), s.End.Short(), l.Timing))
		if s.Start < axis.span.Start {
			f.shape(Ink, Point{axis.x, y + 9.5}, Point{axis.x + 7, y + 5}, Point{axis.x + 7, y + 14})
		}
	}
	if ind.Learned.Known() && ind.Learned >= axis.span.Start && ind.Learned <= axis.span.End {
		diamond(f, axis.at(ind.Learned), y+9.5)
	}
}

// timingBar draws full what was known then, outlined what was learned later, and
// dashed what does not match in time.
func timingBar(f *Figure, t netcase.Timing, b Box) {
	switch t {
	case netcase.KnownThen:
		f.rect(b, Series)
	case netcase.LearnedLater:
		f.outline(b, Series, 1.6, false)
	default:
		f.outline(b, Other, 1.4, true)
	}
}

func diamond(f *Figure, x, y float64) {
	f.shape(Mark, Point{x, y - 5}, Point{x + 4.5, y}, Point{x, y + 5}, Point{x - 4.5, y})
}

func cardLegend() []legendItem {
	bar := func(t netcase.Timing) func(*Figure, Box) {
		return func(f *Figure, b Box) { timingBar(f, t, b) }
	}
	return []legendItem{
		{"listed, and known before the traffic", bar(netcase.KnownThen)},
		{"listed, learned later or not known when", bar(netcase.LearnedLater)},
		{"does not match in time", bar(netcase.Expired)},
		{"list learned", func(f *Figure, b Box) { diamond(f, b.X+7, b.Y+5) }},
		{"traffic", swatch(Window)},
	}
}

// places writes one line per provider that places the address.
func places(f *Figure, card *netcase.Card, y float64) float64 {
	if len(card.Geo) == 0 {
		return y
	}
	title := "Where providers place it (never evidence)"
	role := Ink
	if card.Conflict {
		title, role = "Where providers place it: they contradict each other", Warn
	}
	f.bold(0, y+13, title, normal, Width, role, Left)
	y += cardRow
	for i, g := range card.Geo {
		if i == MaxPlaces {
			f.words(12, y+12, fmt.Sprintf("… and %d answers more", len(card.Geo)-i), small, Width, Muted, Left)
			y += 16
			break
		}
		f.words(12, y+12, PlaceText(g), small, Width-12, Ink, Left)
		y += 16
	}
	return y
}

// PlaceText is one provider's answer: "SOCRadar: DE, Berlin, AS64500 Example (learned 2025-10-21)".
func PlaceText(g netcase.GeoAnswer) string {
	as := ""
	if g.ASN != 0 {
		as = fmt.Sprintf("AS%d", g.ASN)
	}
	as = strings.TrimSpace(as + " " + g.ASName)
	s := g.Provider + ": " + strings.Join(nonEmpty(g.Country, g.City, as), ", ")
	if g.At.Known() {
		s += " (learned " + g.At.Std().Format("2006-01-02") + ")"
	}
	return s
}

func nonEmpty(all ...string) (out []string) {
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func cardDesc(c *netcase.Card, seen netcase.Span) string {
	s := c.Address.String() + ": " + ListingsText(c) + "."
	if seen.Start.Known() {
		s += " Traffic " + seen.String() + "."
	}
	for i := range c.Listings {
		if i == MaxListings {
			s += fmt.Sprintf(" And %d listings more.", len(c.Listings)-i)
			break
		}
		l := &c.Listings[i]
		p := listed(&l.Indicator)
		s += fmt.Sprintf(" %s (origin %s): %s, %s to %s, %s.", Visible(l.Indicator.Provider, 60), Visible(l.Indicator.Origin, 60),
			l.Indicator.Claim, p.Start.Short(), p.End.Short(), l.Timing)
	}
	if c.Conflict {
		s += " The providers contradict each other on the place."
	}
	return s
}
