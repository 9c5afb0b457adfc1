package respond

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// The widest prefixes that a response may touch without a person: beyond them
// it hits neighbours that did nothing.
const (
	widestV4 = 24
	widestV6 = 48
)

// walkBits bounds the addresses of a prefix that are put to KnownService one by
// one (2^8); of a wider prefix the first and the last are.
const walkBits = 8

// KnownService names the shared service that an address belongs to: content
// delivery, cloud edge, resolver, mail relay, identity provider. Mere hosting is
// none: attackers rent there too.
type KnownService func(netip.Addr) (name string, ok bool)

// class tells refusals apart where a target treats them differently.
type class int

const (
	passed class = iota
	unusable
	ours      // own network
	special   // not on the open Internet
	essential // resolver, platform, edge, known service
	friend    // partner, approved, monitoring, owner's word
	entered   // a login from it succeeded
	wide
)

// guarded is a range with what speaks for it.
type guarded struct {
	prefix netip.Prefix
	class  class
	why    string
}

// Guard decides for an address or a prefix whether a response may touch it.
type Guard struct {
	ranges []guarded // in the order in which they are asked
	single []guarded // single addresses of the case, sorted
	known  KnownService
}

// NewGuard is the guard of a site. known may be nil. legit are addresses that
// somebody entitled has used; GuardFor finds them in a case.
func NewGuard(site *netcase.Site, known func(netip.Addr) (string, bool), legit []netip.Addr) *Guard {
	g := &Guard{known: known}
	g.addSite(site)
	g.addServices()
	for _, a := range legit {
		g.allow(a, entered, "legitimate use of our network")
	}
	return g
}

// GuardFor is the guard of a case: of its site, and of the addresses with
// legitimate use in it.
func GuardFor(c *netcase.Case, known KnownService) *Guard {
	g := NewGuard(&c.Site, known, nil)
	for _, l := range legitimate(c) {
		g.allow(l.addr, l.class, l.why)
	}
	return g
}

func (g *Guard) addSite(s *netcase.Site) {
	if s == nil {
		return
	}
	g.add(ours, "own network", s.Own)
	g.add(ours, "own address exposed on purpose", s.Exposed)
	g.add(ours, "own address, unused", s.Dark)
	for _, a := range s.Assets {
		for _, addr := range a.Addresses {
			g.add(ours, "own machine "+oneLine(a.Name, maxName), []netip.Prefix{single(addr)})
		}
	}
	g.add(friend, "resolver of the site", s.Resolvers)
	g.add(friend, "partner", s.Partners)
	g.add(friend, "approved source", s.Approved)
	g.add(friend, "monitoring", s.Monitoring)
}

func (g *Guard) add(c class, why string, prefixes []netip.Prefix) {
	for _, p := range prefixes {
		if p = canonical(p); p.IsValid() {
			g.ranges = append(g.ranges, guarded{p, c, why})
		}
	}
}

func (g *Guard) addServices() {
	g.addService(essential, "platform address: ", platforms()...)
	g.addService(special, "special-purpose range: ", specialRanges()...)
	g.addService(essential, "public resolver: ", publicResolvers()...)
	g.addService(essential, "", rootServers())
	g.addService(essential, "shared edge: ", edges()...)
}

func (g *Guard) addService(c class, what string, list ...service) {
	for _, s := range list {
		for _, p := range s.prefixes {
			g.ranges = append(g.ranges, guarded{netip.MustParsePrefix(p), c, what + s.name})
		}
	}
}

func (g *Guard) allow(a netip.Addr, c class, why string) {
	if !a.IsValid() {
		return
	}
	e := guarded{single(a), c, why}
	at, found := slices.BinarySearchFunc(g.single, e, func(x, y guarded) int { return x.prefix.Addr().Compare(y.prefix.Addr()) })
	if !found {
		g.single = slices.Insert(g.single, at, e)
	}
}

// Check is why a response must not touch a prefix, and whether that is so. An
// address is a full-length prefix.
func (g *Guard) Check(p netip.Prefix) (reason string, refused bool) {
	c, why := g.judge(p)
	return why, c != passed
}

func (g *Guard) judge(p netip.Prefix) (class, string) {
	p = canonical(p)
	if !p.IsValid() {
		return unusable, "not an address or a prefix"
	}
	c, why := g.touches(p)
	if !tooWide(p) {
		return c, why
	}
	if c == passed {
		return wide, "wider than " + widest(p) + ": a person has to decide"
	}
	return c, "wider than " + widest(p) + ", and it touches " + why
}

// touches is the first guarded range that a prefix shares an address with.
func (g *Guard) touches(p netip.Prefix) (class, string) {
	for _, r := range g.ranges {
		if r.prefix.Overlaps(p) {
			return r.class, r.why + within(r.prefix, p)
		}
	}
	if p.Addr().Is6() && !globalUnicast.Overlaps(p) {
		return special, "special-purpose range: outside " + globalUnicast.String()
	}
	at, _ := slices.BinarySearchFunc(g.single, p.Addr(), func(s guarded, a netip.Addr) int { return s.prefix.Addr().Compare(a) })
	if at < len(g.single) && p.Contains(g.single[at].prefix.Addr()) {
		return g.single[at].class, g.single[at].why + within(g.single[at].prefix, p)
	}
	if name, ok := g.service(p); ok {
		return essential, "known service: " + oneLine(name, maxName)
	}
	return passed, ""
}

// within names the guarded range where it is not the prefix itself.
func within(r, p netip.Prefix) string {
	if r == p {
		return ""
	}
	return " (" + shown(r) + ")"
}

func (g *Guard) service(p netip.Prefix) (string, bool) {
	if g.known == nil {
		return "", false
	}
	if p.Addr().BitLen()-p.Bits() > walkBits {
		if name, ok := g.known(p.Addr()); ok {
			return name, true
		}
		return g.known(lastOf(p))
	}
	for a := p.Addr(); a.IsValid() && p.Contains(a); a = a.Next() {
		if name, ok := g.known(a); ok {
			return name, true
		}
	}
	return "", false
}

// Screen is the action without the peers and prefixes that a response must not
// touch; those are in Refused, sorted, each with its reason.
//
// An action may lose every address this way. Its selection then names nobody,
// and by the rule of Selection that means everybody: ask Targeted before it is
// put to use. No target of this package blocks what is not listed.
func (g *Guard) Screen(a netcase.Action) netcase.Action {
	return g.screen(a, func(class) bool { return false })
}

// screen refuses what the guard refuses, except the classes that are tolerated.
func (g *Guard) screen(a netcase.Action, tolerated func(class) bool) netcase.Action {
	refused := slices.Clone(a.Refused)
	var peers []netcase.Endpoint
	for _, e := range a.Selection.Peers {
		c, why := unusable, "a name, not an address"
		if e.Addr.IsValid() {
			c, why = g.judge(single(e.Addr))
		}
		if c == passed || tolerated(c) {
			peers = append(peers, e)
			continue
		}
		refused = append(refused, netcase.Refusal{Value: e.String(), Reason: why})
	}
	var prefixes []netip.Prefix
	for _, p := range a.Selection.Prefixes {
		c, why := g.judge(p)
		if c == passed || tolerated(c) {
			prefixes = append(prefixes, p)
			continue
		}
		refused = append(refused, netcase.Refusal{Value: shown(p), Reason: why})
	}
	a.Selection.Peers, a.Selection.Prefixes, a.Refused = peers, prefixes, sortedRefusals(refused)
	return a
}

// Targeted tells whether an action names addresses or prefixes at all.
func Targeted(a netcase.Action) bool {
	return len(a.Selection.Peers) > 0 || len(a.Selection.Prefixes) > 0
}

// sortedRefusals are the refusals in order of their value, one for each.
func sortedRefusals(list []netcase.Refusal) []netcase.Refusal {
	slices.SortStableFunc(list, func(a, b netcase.Refusal) int { return strings.Compare(a.Value, b.Value) })
	return slices.CompactFunc(list, func(a, b netcase.Refusal) bool { return a.Value == b.Value })
}

// single is an address as a prefix. Zones and the ::ffff: form are dropped.
func single(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

// canonical is a prefix with its host bits cleared, and ::ffff:a.b.c.d/n as IPv4.
// The zero prefix: it was not valid.
func canonical(p netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the IPv4 address in ::ffff:0:0/96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked()
}

// shown is a prefix as people write it: a single address without its length.
func shown(p netip.Prefix) string {
	if p.IsValid() && p.IsSingleIP() {
		return p.Addr().String()
	}
	if !p.IsValid() {
		return "not valid"
	}
	return p.String()
}

func tooWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < widestV4
	}
	return p.Bits() < widestV6
}

func widest(p netip.Prefix) string {
	if p.Addr().Is4() {
		return fmt.Sprintf("/%d", widestV4)
	}
	return fmt.Sprintf("/%d", widestV6)
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
