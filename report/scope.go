package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
	"netcase/chart"
)

func scope(c *netcase.Case) []Block {
	if len(c.Groups) == 0 {
		return []Block{Note{"No group of sources was judged."}}
	}
	var blocks []Block
	for i := range c.Groups {
		if i == toldGroups {
			break
		}
		g := &c.Groups[i]
		blocks = append(blocks,
			Heading{3, anchor("scope", g.ID), strings.Join(nonEmpty(g.ID, g.Label), ": ")},
			Para{[]netcase.Sentence{extent(c, g), sentence(g.Evidence, "How far the flows of %s got: %s.", g.ID, reachText(g.Reach))}},
			Figure{chart.Heat("heat-"+g.ID, g.Sources, g.SourceCount), "Sources by service port: where the traffic went, how much of it, and how far it got."},
			sourceTable(c, g.Sources, g.SourceCount))
	}
	return append(blocks, hostTable(c)...)
}

// extent says who, where, how much and when.
func extent(c *netcase.Case, g *netcase.Group) netcase.Sentence {
	ports := withPorts(portsOf(g.Ports, len(g.Ports), 12, g.Sources))
	return sentence(g.Evidence, "%s, %s: %s on %s of %s (%s), %s in %s, from %s UTC.", g.ID, g.Direction,
		plural(g.SourceCount, "source", "sources"), ports, plural(g.HostCount, "host", "hosts"),
		hostsText(c, g.Hosts, g.HostCount, 6), plural(int(g.Flows), "flow", "flows"), plural(int(g.Records), "record", "records"), strings.TrimSuffix(spanText(g.Span), " UTC"))
}

// hostTable is what is known of the hosts that were touched.
func hostTable(c *netcase.Case) []Block {
	groups := map[netcase.Endpoint][]string{}
	for i := range c.Groups {
		for _, h := range c.Groups[i].Hosts {
			if !slices.Contains(groups[h], c.Groups[i].ID) {
				groups[h] = append(groups[h], c.Groups[i].ID)
			}
		}
	}
	hosts := make([]netcase.Endpoint, 0, len(groups))
	for h := range groups {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b netcase.Endpoint) int {
		return cmp.Or(cmp.Compare(len(groups[b]), len(groups[a])), a.Compare(b))
	})
	var rows [][]Cell
	for _, h := range hosts {
		level, stated := c.Site.Criticality(h)
		text := fmt.Sprintf("%d, assumed", level)
		if stated {
			text = fmt.Sprint(level)
		}
		asset, _ := c.Site.AssetOf(h)
		rows = append(rows, []Cell{quoted(named(c, h)), quoted(strings.Join(nonEmpty(asset.Name, asset.OS), ", ")), plain(text), quoted(strings.Join(asset.Tags, ", ")), plain(strings.Join(capped(groups[h], 6), ", "))})
	}
	if len(rows) == 0 {
		return nil
	}
	return []Block{table("Own hosts that were touched. Criticality is 1 to 4; where the owner states none, 3 is assumed.",
		[]string{"Host", "Asset", "Criticality", "Tags", "Groups"}, rows, tableRows)}
}

// impact tells what the claims mean for the owner; it adds no judgement.
func impact(c *netcase.Case) []Block {
	if len(c.Claims) == 0 {
		return []Block{Note{"No claim of harm was weighed."}}
	}
	var says []netcase.Sentence
	for i := range c.Claims {
		k := &c.Claims[i]
		says = append(says, netcase.Sentence{Text: impactText(c, k), Evidence: claimEvidence(c, k)})
	}
	return []Block{List{says}}
}

func impactText(c *netcase.Case, k *netcase.Claim) string {
	hosts := ""
	if len(k.Hosts) > 0 {
		hosts = " Hosts: " + hostsText(c, k.Hosts, len(k.Hosts), 6) + "."
	}
	switch k.Standing {
	case netcase.Gated:
		return fmt.Sprintf("%s: gated out, that is impossible from this traffic. %s", upper(k.Name), stop(upper(k.Why))) + hosts
	case netcase.NotDeterminable:
		s := fmt.Sprintf("%s: not determinable from this data. %s", upper(k.Name), stop(upper(k.Why)))
		if len(k.Missing) > 0 {
			s += " It would take: " + stop(strings.Join(k.Missing, "; "))
		}
		return s + hosts
	}
	return fmt.Sprintf("%s: %s (%s). %s", upper(k.Name), k.Word, chart.ChanceRange(k.Posterior, k.Low, k.High), stop(upper(k.Why))) + hosts
}

func intelligence(c *netcase.Case) []Block {
	return append(known(c), lookups(c)...)
}

// lookups is what services were asked, and what they were not and why: "nothing
// found" and "did not look" must not look the same.
func lookups(c *netcase.Case) []Block {
	var rows [][]Cell
	for _, l := range c.Coverage.Lookups {
		when := "–"
		if l.Answers > 0 {
			when = l.First.Short()
			if l.Last.Short() != when {
				when += " to " + l.Last.Short()
			}
		}
		var why []string
		if !slices.ContainsFunc(l.Unasked, func(u netcase.Unasked) bool { return u.Why == l.Error }) && l.Error != "" {
			why = append(why, upper(l.Error))
		}
		for _, u := range l.Unasked {
			named := make([]string, len(u.Addresses))
			for i, a := range u.Addresses {
				named[i] = a.String()
			}
			if more := u.Count - len(named); more > 0 {
				named = append(named, countOf(more)+" more")
			}
			why = append(why, fmt.Sprintf("%s: %s (%s)", plural(u.Count, "address", "addresses"), u.Why, strings.Join(named, ", ")))
		}
		rows = append(rows, []Cell{quoted(l.Service), quoted(l.Provider), num(int64(l.Answers)), plain(when), quoted(strings.Join(why, ". "))})
	}
	if len(rows) == 0 {
		return nil
	}
	return []Block{table("Services that were asked about single addresses, those first whose answer could change the judgement most. What was not asked is not thereby clean. The answers stand in evidence/intel as they came.",
		[]string{"Look-up", "Provider", "Answers", "Retrieved (UTC)", "Not asked, and why"}, rows, tableRows)}
}

// known are the cards of addresses that intelligence knows.
func known(c *netcase.Case) []Block {
	if len(c.Cards) == 0 {
		return []Block{Note{noCards(c)}}
	}
	seen := sightingsOf(c)
	cards := orderedCards(c)
	var rows [][]Cell
	for _, k := range cards {
		rows = append(rows, cardRow(k, seen[k.Address]))
	}
	blocks := []Block{
		table("Addresses that intelligence knows. A listing is what a provider says; listings that go back to the same first source count as one origin. Scores are as printed by their source and are never converted. A place is never evidence.",
			[]string{"Address", "Listings", "Known", "Their words", "Scores as printed", "Listed", "Place", "Traffic"}, rows, tableRows),
	}
	for i, k := range cards {
		if i == toldCards {
			blocks = append(blocks, Note{fmt.Sprintf("The first %d addresses are told in full; the cards of all %s are in case.json.", toldCards, countOf(len(cards)))})
			break
		}
		blocks = append(blocks, cardBlocks(k, seen[k.Address])...)
	}
	return blocks
}

// noCards keeps apart "asked, nothing known" and "nobody was asked".
func noCards(c *netcase.Case) string {
	usable := int64(0)
	for _, f := range c.Coverage.Feeds {
		usable += f.Usable
	}
	if usable == 0 {
		return "No intelligence was at hand, so no address was looked up."
	}
	return fmt.Sprintf("%s indicators of %s were at hand; none of them matches an address in the findings. That is not proof that the addresses are clean.", count(usable), plural(len(c.Coverage.Feeds), "feed", "feeds"))
}

// orderedCards are the cards, listed first, then by probability, then by address.
func orderedCards(c *netcase.Case) []*netcase.Card {
	out := make([]*netcase.Card, len(c.Cards))
	for i := range c.Cards {
		out[i] = &c.Cards[i]
	}
	slices.SortStableFunc(out, func(a, b *netcase.Card) int {
		return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(b.Adverse, a.Adverse), a.Address.Compare(b.Address))
	})
	return out
}

func cardRow(k *netcase.Card, s sighting) []Cell {
	traffic := ""
	if s.profile.Flows > 0 {
		traffic = fmt.Sprintf("%s, %s", plural(int(s.profile.Flows), "flow", "flows"), s.outcome)
	}
	address := Cell{Text: k.Address.String(), Evidence: s.evidence, Quoted: true}
	return []Cell{
		address, plain(listingsText(k)), quoted(knownText(k)), quoted(categories(k, 5)), quoted(scores(k, 4)),
		plain(listedText(k)), quoted(placeText(k)), plain(traffic),
	}
}

// listingsText is how many listings there are, of how many origins, and how many of these
// have a claim that bears on the traffic.
func listingsText(k *netcase.Card) string {
	s := chart.ListingsText(k)
	if k.Adverse > 0 {
		s += "; " + chart.VoicesText(k.Voices, len(k.Origins))
	}
	return s
}

// categories are the providers' own words, in their order, without repeats.
func categories(k *netcase.Card, n int) string {
	var all []string
	add := func(s string) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for i := range k.Listings {
		ind := &k.Listings[i].Indicator
		for _, c := range ind.Categories {
			add(c)
		}
		if len(ind.Categories) == 0 {
			add(string(ind.Claim))
		}
	}
	return strings.Join(capped(all, n), ", ")
}

func scores(k *netcase.Card, n int) string {
	var all []string
	for i := range k.Listings {
		if ind := &k.Listings[i].Indicator; ind.ScoreText != "" {
			if s := ind.Provider + " " + ind.ScoreText; !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return strings.Join(capped(all, n), ", ")
}

// listedText is from when to when the listings run.
func listedText(k *netcase.Card) string {
	var s netcase.Span
	for i := range k.Listings {
		s = s.Extend(k.Listings[i].Indicator.FirstSeen).Extend(k.Listings[i].Indicator.LastSeen)
	}
	if !s.Start.Known() {
		return "no dates"
	}
	return day(s.Start) + " to " + day(s.End-1)
}

func placeText(k *netcase.Card) string {
	var all []string
	for _, g := range k.Geo {
		if p := strings.Join(nonEmpty(g.Country, g.City), " "); p != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	s := strings.Join(capped(all, 3), " / ")
	if k.Conflict {
		s += " (conflict)"
	}
	return s
}

// cardBlocks tells one address in full: benign knowledge first, then the
// listings by origin, then the places.
func cardBlocks(k *netcase.Card, s sighting) []Block {
	blocks := []Block{Heading{3, anchor("card", k.Address.String()), k.Address.String()}}
	if len(k.Benign) > 0 {
		blocks = append(blocks, Facts{Items: []Fact{{Label: "Known and benign", Value: strings.Join(k.Benign, "; "), Quoted: true}}})
	}
	if n := k.Neighbours; n != nil {
		blocks = append(blocks, Facts{Items: []Fact{{Label: "Neighbours (context, never evidence)", Value: neighboursText(n), Quoted: true}}})
	}
	traffic := netcase.Span{}
	if s.profile.First.Known() {
		traffic = netcase.Span{Start: s.profile.First, End: s.profile.Last + 1}
	}
	blocks = append(blocks, Figure{chart.IntelCard("intel-"+k.Address.String(), k, traffic), "Who lists " + k.Address.String() + ", by the origin that first made the claim, and since when; the shaded stretch is the traffic."})
	if rows := listingRows(k); len(rows) > 0 {
		blocks = append(blocks, table(fmt.Sprintf("Listings of %s: %s.", k.Address, listingsText(k)),
			[]string{"Origin", "Handed on by", "Claim", "Their words", "Score as printed", "Seen", "Learned", "In time", "Counts"}, rows, tableRows))
	}
	if k.Conflict {
		var rows [][]Cell
		for _, g := range k.Geo {
			rows = append(rows, []Cell{quoted(g.Provider), quoted(g.Country), quoted(g.City), quoted(asText(g)), plain(day(g.At))})
		}
		blocks = append(blocks, table("The providers contradict each other on where "+k.Address.String()+" is; the place is not used.",
			[]string{"Provider", "Country", "City", "Network", "Learned"}, rows, tableRows))
	}
	return blocks
}

func asText(g netcase.GeoAnswer) string {
	if g.ASN == 0 {
		return g.ASName
	}
	return strings.TrimSpace(fmt.Sprintf("AS%d %s", g.ASN, g.ASName))
}

func listingRows(k *netcase.Card) (rows [][]Cell) {
	listings := slices.Clone(k.Listings)
	slices.SortStableFunc(listings, func(a, b netcase.Listing) int {
		return strings.Compare(a.Indicator.Origin, b.Indicator.Origin)
	})
	_, totals := byPart(k)
	total := totals[0]
	for i := range listings {
		l := &listings[i]
		ind := &l.Indicator
		origin := ind.Origin
		if origin == "" {
			origin = "not known"
		}
		counts := signed(roundTo(l.Weight, 1)) + " dB"
		if total > 0 && l.Weight != 0 {
			counts = signed(roundTo(l.Weight, 1)) + " of " + fmt.Sprint(roundTo(total, 1)) + " dB"
		}
		if l.Why != "" {
			counts = l.Why
		}
		if g := gradeText(l); g != "" {
			counts += "; grade " + g
		}
		words := strings.Join(nonEmpty(strings.Join(ind.Categories, ", "), ind.Description), "; ")
		rows = append(rows, []Cell{
			quoted(origin), quoted(strings.Join(nonEmpty(ind.Provider, ind.Feed), " · ")), plain(claimWithPort(ind)), quoted(words), quoted(ind.ScoreText),
			plain(day(ind.FirstSeen) + " to " + day(ind.LastSeen)), plain(day(ind.Learned)), plain(string(l.Timing)), plain(counts),
		})
	}
	return rows
}

func claimWithPort(ind *netcase.Indicator) string {
	if ind.Port != 0 {
		return fmt.Sprintf("%s, port %d", ind.Claim, ind.Port)
	}
	return string(ind.Claim)
}

func roundTo(x float64, decimals int) float64 {
	p := 1.0
	for range decimals {
		p *= 10
	}
	if x != x || x > 1e12 || x < -1e12 {
		return 0
	}
	r := x*p + 0.5
	if x < 0 {
		r = x*p - 0.5
	}
	return float64(int64(r)) / p
}
