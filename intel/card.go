package intel

import (
	"cmp"
	"net/netip"
	"slices"

	"netcase"
	"netcase/origins"
)

// CardQuery asks what intelligence says of an address, as it stands to the
// traffic that was seen.
type CardQuery struct {
	Address   netip.Addr
	First     netcase.Time // first traffic
	Last      netcase.Time // last traffic; zero: the first
	Direction netcase.Direction
	Ports     []uint16     // service ports that were asked for; empty: not known
	AsOf      netcase.Time // where there was no traffic: the instant to judge at
	// OnlyKnown sets aside what was not known at First: it stands in Card.Later, and
	// counts for nothing.
	OnlyKnown bool
}

// seenGrace is how much later than the traffic a claim may say that it first saw
// the address: reports come in late, and clocks are of different zones.
//
// Source: the as-of rule of the fusion method.
const seenGrace = 24 * netcase.Hour

// Card is everything the set says of one address. Nothing is tested against the
// present: a claim matches as of the traffic. P and the weights are left to the
// judge.
func (s *Set) Card(q CardQuery) netcase.Card {
	q.Address = q.Address.Unmap().WithZone("")
	if !q.First.Known() {
		q.First = q.AsOf
	}
	q.Last = max(q.Last, q.First)
	card := netcase.Card{Address: q.Address, Listings: []netcase.Listing{}}
	var told []netcase.Indicator
	for _, in := range s.Match(q.Address) {
		switch {
		case q.OnlyKnown && q.First.Known() && !knownAt(&in, q.First):
			card.Later = append(card.Later, setAside(in, s.decayOf(&in), &q))
			continue
		case in.Claim != netcase.ClaimPlace:
			card.Listings = append(card.Listings, listing(in, s.decayOf(&in), &q))
		}
		told = append(told, in)
	}
	card.Listings = once(card.Listings)
	groups(card.Listings, s.families())
	sum(&card)
	benign(&card)
	places(&card, told, &q)
	return card
}

// once leaves out what a provider says a second time: several look-ups of one service print
// the same score of its own. The one that was learned first stays, in its place.
func once(ls []netcase.Listing) []netcase.Listing {
	type statement struct {
		provider, origin, score string
		claim                   netcase.ClaimType
		prefix                  netip.Prefix
		port                    uint16
	}
	of := func(in *netcase.Indicator) statement {
		return statement{in.Provider, in.Origin, in.ScoreText, in.Claim, in.Prefix, in.Port}
	}
	first := map[statement]int{}
	for i := range ls {
		in := &ls[i].Indicator
		if j, ok := first[of(in)]; !ok || in.Learned < ls[j].Indicator.Learned {
			first[of(in)] = i
		}
	}
	out := ls[:0]
	for i := range ls {
		in := &ls[i].Indicator
		if in.Score <= 0 || in.Provider != socradar || in.Origin != socradar || first[of(in)] == i {
			out = append(out, ls[i])
		}
	}
	return out
}

// knownAt tells whether a claim had been made, and had reached us, by an instant.
func knownAt(in *netcase.Indicator, t netcase.Time) bool {
	return in.Learned.Known() && max(in.Learned, in.FirstSeen) <= t
}

// setAside is a claim that was not known yet: shown, and not counted.
func setAside(in netcase.Indicator, decay string, q *CardQuery) netcase.Listing {
	l := listing(in, decay, q)
	if l.Relevant = false; l.Timing == netcase.LearnedLater {
		l.Why = "learned after the instant that was asked for"
	}
	return l
}

// listing is one indicator as it stands to the traffic.
func listing(in netcase.Indicator, decay string, q *CardQuery) netcase.Listing {
	l := netcase.Listing{Indicator: in, Decay: decay, Timing: timing(&in, lifetime(in.Claim, decay), q), AgeDays: age(&in, q)}
	l.Relevant, l.Why = relevant(&in, q)
	switch l.Timing {
	case netcase.NotYetSeen:
		l.Relevant, l.Why = false, "first seen more than a day after the traffic"
	case netcase.Expired:
		l.Relevant, l.Why = false, expiredWhy(&in)
	}
	return l
}

func expiredWhy(in *netcase.Indicator) string {
	if in.ValidUntil.Known() {
		return "valid until " + in.ValidUntil.Short() + ", before the traffic"
	}
	return "last seen " + lastSeen(in).Short() + ", too long before the traffic"
}

// timing says whether the claim held at the time of the traffic, and whether it
// was known then. An end of validity that is not stated is no end.
func timing(in *netcase.Indicator, life netcase.Time, q *CardQuery) netcase.Timing {
	if !q.First.Known() {
		return netcase.LearnedLater
	}
	first := in.FirstSeen
	if !first.Known() {
		first = in.ValidFrom
	}
	if first > q.Last+seenGrace {
		return netcase.NotYetSeen
	}
	if in.ValidUntil.Known() {
		if in.ValidUntil < q.First {
			return netcase.Expired
		}
	} else if last := lastSeen(in); last.Known() && last+life < q.First {
		return netcase.Expired
	}
	if knownAt(in, q.First) {
		return netcase.KnownThen
	}
	return netcase.LearnedLater
}

// lastSeen is when the claim was last upheld: as it says, else when the list
// was last seen to hold it still, else when it was first seen.
func lastSeen(in *netcase.Indicator) netcase.Time {
	return cmp.Or(in.LastSeen, in.Upheld, in.Learned, in.FirstSeen, in.ValidFrom)
}

// age is the days from when the claim was last upheld to the first traffic;
// negative: upheld later; zero too where either is not known.
func age(in *netcase.Indicator, q *CardQuery) float64 {
	last := lastSeen(in)
	if !last.Known() || !q.First.Known() {
		return 0
	}
	return float64(q.First-last) / float64(netcase.Day)
}

// matches tells whether a listing says something bad that held at the time.
func matches(l *netcase.Listing) bool {
	return l.Indicator.Claim.Adverse() && l.Timing != netcase.NotYetSeen && l.Timing != netcase.Expired
}

// groups puts listings under the origin whose vote they share. A derived listing
// joins the first origin that it is known to copy and that stands on the card
// itself; it never joins two of these to each other.
func groups(ls []netcase.Listing, t *origins.Table) {
	present := map[string]string{} // by folded name, as it is written
	for i := range ls {
		if o := ls[i].Indicator.Origin; matches(&ls[i]) && (present[origins.Fold(o)] == "" || o < present[origins.Fold(o)]) {
			present[origins.Fold(o)] = o
		}
	}
	for i := range ls {
		o := ls[i].Indicator.Origin
		ls[i].Group = cmp.Or(present[t.Group(o, func(from string) bool { return present[from] != "" })], o)
	}
}

// decayOf is the model of decay of an adverse claim; empty: the default.
func (s *Set) decayOf(in *netcase.Indicator) string {
	if !in.Claim.Adverse() {
		return ""
	}
	return s.families().DecayOf(in.Provider, in.Origin, string(in.Claim))
}

// lifetime is how long a claim is believed under a model of decay.
func lifetime(c netcase.ClaimType, decay string) netcase.Time {
	switch decay {
	case origins.MISPNIDS:
		return 120 * netcase.Day
	case origins.OpenCTI:
		return 47 * netcase.Day
	}
	return Lifetime(c)
}

// families says who hands on whom.
func (s *Set) families() *origins.Table {
	if s == nil || s.origins == nil {
		return origins.Default()
	}
	return s.origins
}

// sum counts the adverse listings that match in time, and their origins.
func sum(c *netcase.Card) {
	for i := range c.Listings {
		l := &c.Listings[i]
		if !matches(l) {
			continue
		}
		c.Adverse++
		c.Known = c.Known || l.Timing == netcase.KnownThen
		if !slices.Contains(c.Origins, l.Group) {
			c.Origins = append(c.Origins, l.Group)
		}
	}
	slices.Sort(c.Origins)
}

// benign gathers what is known without accusing: from the lists, and what
// everyone knows.
func benign(c *netcase.Card) {
	if b, ok := builtin(c.Address); ok {
		line := "resolver or well-known service: " + b.name
		if b.edge {
			line = "edge shared by many: " + b.name
		}
		c.Benign = append(c.Benign, line)
	}
	for i := range c.Listings {
		if line := benignLine(&c.Listings[i].Indicator); line != "" && !slices.Contains(c.Benign, line) {
			c.Benign = append(c.Benign, line)
		}
	}
}

// places gathers the answers to where the address is that held at the time of the
// traffic, each once with the date at which it was first learned, and tells whether the
// countries differ. When a service last heard reports about an address says nothing of
// when it knew the place.
func places(c *netcase.Card, told []netcase.Indicator, q *CardQuery) {
	for i := range told {
		in := &told[i]
		if in.Geo == (netcase.Geo{}) || !placedThen(in, q) {
			continue
		}
		a := netcase.GeoAnswer{Geo: in.Geo, Provider: in.Provider, At: in.Learned}
		at := slices.IndexFunc(c.Geo, func(g netcase.GeoAnswer) bool { return g.Geo == a.Geo && g.Provider == a.Provider })
		if at < 0 {
			c.Geo = append(c.Geo, a)
		} else if a.At.Known() && (a.At < c.Geo[at].At || !c.Geo[at].At.Known()) {
			c.Geo[at].At = a.At
		}
	}
	slices.SortFunc(c.Geo, func(a, b netcase.GeoAnswer) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Country, b.Country), cmp.Compare(a.City, b.City),
			cmp.Compare(a.ASN, b.ASN), cmp.Compare(a.ASName, b.ASName))
	})
	country := ""
	for _, g := range c.Geo {
		if country != "" && g.Country != "" && g.Country != country {
			c.Conflict = true
		}
		country = cmp.Or(country, g.Country)
	}
}

// placedThen tells whether a list of places was valid at the time of the traffic, as far
// as it says. The dates of any other claim are not those of the place.
func placedThen(in *netcase.Indicator, q *CardQuery) bool {
	if in.Claim != netcase.ClaimPlace || !q.First.Known() {
		return true
	}
	return in.ValidFrom <= q.Last && (!in.ValidUntil.Known() || in.ValidUntil >= q.First)
}
