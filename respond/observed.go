package respond

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// Observed is one far end of a case: what it did here and what is claimed of it.
type Observed struct {
	Addr       netip.Addr
	Directions []netcase.Direction // sorted
	Ports      []uint16            // service ports, sorted
	First      netcase.Time
	Last       netcase.Time
	Flows      int64
	Reach      netcase.Tally
	Groups     []string // labels, in the order of the case
	Severity   netcase.Severity
	Judged     bool          // a group holds it, so Severity says something
	Card       *netcase.Card // nil: nothing is claimed
	Refused    string        // why no response may touch it; empty: one may
}

// Actionable tells whether an indicator of the address is worth an alert
// elsewhere: the judgement is above LOW even at its lower end, and no guard
// speaks against it.
func (o *Observed) Actionable() bool {
	return o.Judged && o.Refused == "" && o.Severity.Low >= netcase.Medium
}

// observe is every far end that a group, a sighting or a card of the case names,
// sorted by address. Own and special addresses are left out: handing them on
// would tell strangers of the own network.
func observe(c *netcase.Case, g *Guard) []Observed {
	b := builder{seen: map[netip.Addr]*Observed{}, best: map[seenKey]netcase.Profile{}}
	for i := range c.Groups {
		b.group(&c.Groups[i])
	}
	for i := range c.Cards {
		b.card(&c.Cards[i])
	}
	for i := range c.Findings {
		if s := c.Findings[i].Sighting; s != nil {
			for j := range s.Sightings {
				b.card(&s.Sightings[j].Card)
			}
		}
	}
	profiles(c, b.profile)
	return b.done(g)
}

type seenKey struct {
	addr netip.Addr
	dir  netcase.Direction
}

// builder gathers what a case says of each address. Several profiles of one
// address in one direction are views of the same traffic: the fullest counts,
// they are not added.
type builder struct {
	seen map[netip.Addr]*Observed
	best map[seenKey]netcase.Profile
}

func (b *builder) at(a netip.Addr) *Observed {
	a = a.Unmap().WithZone("")
	o := b.seen[a]
	if o == nil {
		o = &Observed{Addr: a}
		b.seen[a] = o
	}
	return o
}

func (b *builder) group(g *netcase.Group) {
	for i := range g.Sources {
		if !g.Sources[i].Peer.Addr.IsValid() {
			continue
		}
		o := b.at(g.Sources[i].Peer.Addr)
		if !slices.Contains(o.Groups, g.Label) {
			o.Groups = append(o.Groups, g.Label)
		}
		if !o.Judged || cmp.Or(cmp.Compare(g.Severity.High, o.Severity.High), cmp.Compare(g.Severity.Low, o.Severity.Low)) > 0 {
			o.Severity, o.Judged = g.Severity, true
		}
	}
}

// card adds a listed address, and what is said of an address that is there.
func (b *builder) card(k *netcase.Card) {
	if !k.Address.IsValid() {
		return
	}
	if o := b.seen[single(k.Address).Addr()]; o != nil && o.Card == nil {
		o.Card = k
	} else if o == nil && k.Listed() {
		b.at(k.Address).Card = k
	}
}

// profile adds what an address did, if the address is there: whoever merely
// talked to us is no indicator.
func (b *builder) profile(p *netcase.Profile) {
	if !p.Peer.Addr.IsValid() || b.seen[single(p.Peer.Addr).Addr()] == nil {
		return
	}
	k := seenKey{single(p.Peer.Addr).Addr(), p.Direction}
	if old, ok := b.best[k]; !ok || p.Flows > old.Flows {
		b.best[k] = *p
	}
}

func (b *builder) done(g *Guard) []Observed {
	for k, p := range b.best {
		o := b.seen[k.addr]
		o.Directions = append(o.Directions, k.dir)
		o.Ports = append(o.Ports, p.PortSet()...)
		o.Flows += p.Flows
		o.Reach = o.Reach.Plus(p.Reach)
		span := netcase.Span{}.Extend(o.First).Extend(o.Last).Extend(p.First).Extend(p.Last)
		if span.Start.Known() {
			o.First, o.Last = span.Start, span.End-1
		}
	}
	var out []Observed
	for _, a := range slices.SortedFunc(maps.Keys(b.seen), netip.Addr.Compare) {
		o := b.seen[a]
		c, why := g.judge(single(a))
		if c == ours || c == special || c == unusable {
			continue
		}
		o.Refused = why
		slices.Sort(o.Directions)
		o.Ports = sortedPorts(o.Ports)
		out = append(out, *o)
	}
	return out
}

// claims are the adverse claims about the address, sorted.
func (o *Observed) claims() []string {
	if o.Card == nil {
		return nil
	}
	set := map[string]bool{}
	for _, l := range o.Card.Listings {
		if l.Indicator.Claim.Adverse() && (l.Timing == netcase.KnownThen || l.Timing == netcase.LearnedLater) {
			set[string(l.Indicator.Claim)] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (o *Observed) directions() string {
	var out []string
	for _, d := range o.Directions {
		out = append(out, d.String())
	}
	return strings.Join(out, " ")
}
