package intel

import (
	"net/netip"
	"slices"

	"netcase"
)

// reserved are the networks whose addresses nobody on the Internet can have. A
// list that holds them (FireHOL level 1 does, on purpose) would accuse the
// owner's own machines.
//
// Source: IANA special-purpose address registries (RFC 6890 and successors).
var reserved = []struct {
	prefix netip.Prefix
	name   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared address space"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "reserved"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("100::/64"), "reserved"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "private"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// documentation are the networks of examples. A list of bogons names them whole
// and is refused; a single address in them stands in a manual or in a simulated
// incident, harms nobody, and is taken.
var documentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("3fff::/20"),
}

// refuse says why a prefix may not carry a claim, and is empty where it may.
func (c *Config) refuse(p netip.Prefix, claim netcase.ClaimType) string {
	if p.Bits() == 0 {
		return "refused: the whole Internet"
	}
	for i := range reserved {
		r := &reserved[i]
		if r.prefix.Contains(p.Addr()) && r.prefix.Bits() <= p.Bits() {
			return "refused: " + r.name
		}
	}
	for _, d := range documentation {
		if d.Contains(p.Addr()) && p.Bits() <= d.Bits() {
			return "refused: documentation"
		}
	}
	if claim.Adverse() && slices.ContainsFunc(c.Own, p.Overlaps) {
		return "refused: own network"
	}
	floor := c.KnowledgeBits4
	switch {
	case claim == netcase.ClaimPlace:
		return "" // a range of a country or a network cut into prefixes may begin with a wide one
	case claim.Adverse() && p.Addr().Is4():
		floor = c.AdverseBits4
	case claim.Adverse():
		floor = c.AdverseBits6
	case p.Addr().Is6():
		floor = c.KnowledgeBits6
	}
	if p.Bits() < floor {
		return "refused: too wide"
	}
	return ""
}
