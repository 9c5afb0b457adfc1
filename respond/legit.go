package respond

import (
	"net/netip"
	"slices"

	"netcase"
)

// likely is the probability from which a claim is called likely (ICD 203). A
// login from a source whose success is claimed with it speaks against the
// source, not for it.
const likely = 0.55

// user is an address with what shows that somebody entitled used it.
type user struct {
	addr  netip.Addr
	class class
	why   string
}

// legitimate are the addresses with legitimate use in a case, sorted: an owner
// spoke for them, a login from them succeeded without a claim against their
// group, or intelligence knows them as a shared or harmless service.
func legitimate(c *netcase.Case) []user {
	var out []user
	for _, s := range c.Site.Statements {
		if a, err := netip.ParseAddr(s.Peer); err == nil {
			out = append(out, user{a.Unmap().WithZone(""), friend, "the owner speaks for it"})
		}
	}
	accused := accusedPeers(c)
	profiles(c, func(p *netcase.Profile) {
		if a := outside(p); a.IsValid() && p.Reach[netcase.ReachAuthenticated] > 0 && !accused[a] {
			out = append(out, user{a, entered, "a login from it succeeded in this case; if that was not the owner's, a person adds it by hand"})
		}
	})
	for i := range c.Cards {
		if why := benign(&c.Cards[i]); why != "" {
			out = append(out, user{c.Cards[i].Address.Unmap(), essential, why})
		}
	}
	slices.SortStableFunc(out, func(a, b user) int { return a.addr.Compare(b.addr) })
	return slices.CompactFunc(out, func(a, b user) bool { return a.addr == b.addr })
}

// outside is the far end of a profile where it is an address.
func outside(p *netcase.Profile) netip.Addr { return p.Peer.Addr.Unmap() }

// accusedPeers are the sources of groups with a claim that is likely.
func accusedPeers(c *netcase.Case) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for i := range c.Groups {
		g := &c.Groups[i]
		if !slices.ContainsFunc(g.Claims, func(l netcase.Claim) bool { return l.Standing == netcase.Assessed && l.Posterior >= likely }) {
			continue
		}
		for j := range g.Sources {
			out[outside(&g.Sources[j])] = true
		}
	}
	return out
}

// profiles calls f for every profile that a case carries.
func profiles(c *netcase.Case, f func(*netcase.Profile)) {
	each := func(list []netcase.Profile) {
		for i := range list {
			f(&list[i])
		}
	}
	for i := range c.Groups {
		each(c.Groups[i].Sources)
	}
	for i := range c.Findings {
		n := &c.Findings[i]
		if n.Scan != nil {
			each(n.Scan.Sources)
		}
		if n.Exposure != nil {
			each(n.Exposure.Sources)
		}
		if n.Sighting != nil {
			for j := range n.Sighting.Sightings {
				f(&n.Sighting.Sightings[j].Profile)
			}
		}
	}
}

// benign is what intelligence says in favour of an address; empty: nothing that
// forbids a response. Hosting, proxies and Tor are knowledge, not a favour.
func benign(c *netcase.Card) string {
	knowledge := false
	for _, l := range c.Listings {
		who := oneLine(l.Indicator.Provider, maxName)
		switch l.Indicator.Claim {
		case netcase.ClaimEdge:
			return "shared edge, says " + who
		case netcase.ClaimResolver:
			return "well-known service, says " + who
		case netcase.ClaimScanner:
			return "research scanner, says " + who
		case netcase.ClaimHosting, netcase.ClaimTor, netcase.ClaimProxy:
			knowledge = true
		}
	}
	if len(c.Benign) > 0 && !knowledge {
		return "known as harmless: " + oneLine(c.Benign[0], maxName)
	}
	return ""
}
