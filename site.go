package netcase

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Site is what the owner says of the own network. The zero value says nothing:
// private ranges and the exporter's own side are then taken as own.
type Site struct {
	Name       string            `yaml:"name" json:"name,omitempty"`
	Own        []netip.Prefix    `yaml:"own" json:"own,omitempty"`         // own prefixes, public and private
	Exposed    []netip.Prefix    `yaml:"exposed" json:"exposed,omitempty"` // reachable from the Internet on purpose
	Dark       []netip.Prefix    `yaml:"dark" json:"dark,omitempty"`       // own, but in use by nothing
	Assets     []Asset           `yaml:"assets" json:"assets,omitempty"`
	Approved   []netip.Prefix    `yaml:"approved" json:"approved,omitempty"` // outside sources that may administer
	Partners   []netip.Prefix    `yaml:"partners" json:"partners,omitempty"`
	Resolvers  []netip.Prefix    `yaml:"resolvers" json:"resolvers,omitempty"`
	Monitoring []netip.Prefix    `yaml:"monitoring" json:"monitoring,omitempty"`
	Facts      SiteFacts         `yaml:"facts" json:"facts,omitzero"`
	Changes    []Change          `yaml:"changes" json:"changes,omitempty"`       // change windows
	Statements []Statement       `yaml:"statements" json:"statements,omitempty"` // what an owner said
	Thresholds map[string]string `yaml:"thresholds" json:"thresholds,omitempty"` // of the detectors, by name, where they are not the default
	Approvals  []Approval        `yaml:"approvals" json:"approvals,omitempty"`   // the last step of the ladder, taken by a person
}

// Asset is one machine of ours.
type Asset struct {
	Name        string       `yaml:"name" json:"name"`
	Addresses   []netip.Addr `yaml:"addresses" json:"addresses,omitempty"`
	OS          string       `yaml:"os" json:"os,omitempty"`
	Criticality int          `yaml:"criticality" json:"criticality,omitempty"` // 1 (low) to 4; 0: not stated
	Tags        []string     `yaml:"tags" json:"tags,omitempty"`               // cde, honeypot, safety …
}

// SiteFacts are controls that telemetry cannot show.
type SiteFacts struct {
	MFA     string `yaml:"mfa" json:"mfa,omitempty"`         // yes, no; empty: not stated
	Lockout string `yaml:"lockout" json:"lockout,omitempty"` // yes, no; empty: not stated
}

// Change is a stretch of time in which something was changed on purpose: on some machines,
// or on all where neither Hosts nor Networks name any, and on some ports, or on all.
type Change struct {
	Start    Time           `yaml:"start" json:"start"`
	End      Time           `yaml:"end" json:"end"`
	Reason   string         `yaml:"reason" json:"reason"`
	Hosts    []string       `yaml:"hosts" json:"hosts,omitempty"` // machines by name
	Networks []netip.Prefix `yaml:"networks" json:"networks,omitempty"`
	Ports    []uint16       `yaml:"ports" json:"ports,omitempty"`
}

// Everywhere tells whether a change names no machine.
func (c *Change) Everywhere() bool { return len(c.Hosts)+len(c.Networks) == 0 }

// CoversPort tells whether a change was made on a port.
func (c *Change) CoversPort(port uint16) bool {
	return len(c.Ports) == 0 || slices.Contains(c.Ports, port)
}

// Covers tells whether a change was made on a machine, which the inputs may name. Names
// match as those of assets do.
func (s *Site) Covers(c *Change, e Endpoint, name string) bool {
	if c.Everywhere() || e.Addr.IsValid() && Within(c.Networks, e.Addr) {
		return true
	}
	asset, _ := s.AssetOf(e)
	if !e.Addr.IsValid() && slices.ContainsFunc(asset.Addresses, func(a netip.Addr) bool { return Within(c.Networks, a) }) {
		return true
	}
	return slices.ContainsFunc(c.Hosts, func(h string) bool {
		return slices.ContainsFunc([]string{e.Name, name, asset.Name}, func(n string) bool { return n != "" && strings.EqualFold(machine(h), machine(n)) })
	})
}

// Statement is what an owner said about a past event.
type Statement struct {
	Who     string `yaml:"who" json:"who"`
	What    string `yaml:"what" json:"what"`
	Account string `yaml:"account" json:"account,omitempty"`
	Peer    string `yaml:"peer" json:"peer,omitempty"`
	At      Time   `yaml:"at" json:"at,omitzero"`
	Denied  bool   `yaml:"denied" json:"denied,omitempty"` // the owner says that it was not theirs
}

// Approval is the word of a person who read a case that a claim of it holds. It counts
// for that case only: what was read otherwise has another id.
type Approval struct {
	Case   string `yaml:"case" json:"case"`   // id of the case that was read
	Claim  string `yaml:"claim" json:"claim"` // compromise, c2 or exfiltration
	By     string `yaml:"by" json:"by"`
	Reason string `yaml:"reason" json:"reason"`
	At     Time   `yaml:"at" json:"at,omitzero"`
}

// UnknownCriticality is assumed where the site does not state one.
const UnknownCriticality = 3

// Stated tells whether the owner named the own prefixes.
func (s *Site) Stated() bool { return len(s.Own) > 0 || len(s.Exposed) > 0 || len(s.Dark) > 0 }

// Within tells whether an address lies in one of the prefixes.
func Within(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Owns tells whether an address is ours: by the site where it is stated, else by
// being private. Addresses that never leave the local network (multicast,
// broadcast, loopback, link-local) count as ours always.
func (s *Site) Owns(a netip.Addr) bool {
	a = a.Unmap()
	if localOnly(a) {
		return true
	}
	if !s.Stated() && len(s.Assets) == 0 {
		return Private(a)
	}
	if s.Stated() {
		if Within(s.Own, a) || Within(s.Exposed, a) || Within(s.Dark, a) {
			return true
		}
	} else if Private(a) {
		return true
	}
	_, ok := s.AssetOf(Endpoint{Addr: a})
	return ok
}

func localOnly(a netip.Addr) bool {
	if a.Is4() { // every flow asks this twice
		n := number4(a)
		return n>>28 == 0xe || n>>24 == 127 || n>>16 == 169<<8|254 || n == 0 || n == 1<<32-1
	}
	return a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// number4 is an IPv4 address as a number.
func number4(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// Private tells whether an address belongs to a range for inside use:
// RFC 1918, RFC 4193 and the shared space of RFC 6598, behind carrier NAT.
func Private(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is4() {
		n := number4(a)
		return n>>24 == 10 || n>>20 == 172<<4|1 || n>>16 == 192<<8|168 || n>>22 == 100<<2|1
	}
	return a.IsPrivate()
}

// Public tells whether an address can be met on the open Internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && !Private(a) && !localOnly(a) && !Reserved(a)
}

var reservedPrefixes = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), // documentation
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001:db8::/32"), // documentation
}

// Reserved tells whether an address is set aside by RFC 6890 and its kin.
func Reserved(a netip.Addr) bool { return Within(reservedPrefixes, a) }

// AssetOf is the asset that an endpoint belongs to, by address or by name.
// Names match without regard to case and to a leading resource group.
func (s *Site) AssetOf(e Endpoint) (Asset, bool) {
	for _, a := range s.Assets {
		if e.Addr.IsValid() && slices.Contains(a.Addresses, e.Addr.Unmap()) {
			return a, true
		}
		if e.Name != "" && strings.EqualFold(a.Name, machine(e.Name)) {
			return a, true
		}
	}
	return Asset{}, false
}

// machine is the last part of "group/name".
func machine(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// Criticality is the criticality of an endpoint and whether the owner stated it.
func (s *Site) Criticality(e Endpoint) (level int, stated bool) {
	if a, ok := s.AssetOf(e); ok && a.Criticality > 0 {
		return a.Criticality, true
	}
	return UnknownCriticality, false
}

// Tagged tells whether the asset of an endpoint carries a tag.
func (s *Site) Tagged(e Endpoint, tag string) bool {
	a, ok := s.AssetOf(e)
	return ok && slices.ContainsFunc(a.Tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

// Named are the names of machines by address: those that telemetry gives, and for
// addresses that it does not name, those that the owner gives. With them a record that
// knows a machine by name meets one that knows its address.
//
// Owner: the map is read, not changed.
func (s *Site) Named(names map[netip.Addr]string) map[netip.Addr]string {
	out := make(map[netip.Addr]string, len(names)+len(s.Assets))
	for _, a := range s.Assets {
		for _, addr := range a.Addresses {
			if a.Name != "" {
				out[addr.Unmap()] = a.Name
			}
		}
	}
	maps.Copy(out, names)
	return out
}

// DirectionOf says who began a flow, relative to the site. Where the site is
// stated it decides; else the exporter's own side does, else private ranges.
func (s *Site) DirectionOf(f *Flow) Direction { return s.DirectionBy(f, s.Owns) }

// DirectionBy is DirectionOf for a caller that remembers what Owns said.
func (s *Site) DirectionBy(f *Flow, owns func(netip.Addr) bool) Direction {
	src, dst := s.holds(&f.Src, f.Ours&SideSrc != 0, owns), s.holds(&f.Dst, f.Ours&SideDst != 0, owns)
	switch {
	case src && dst:
		return Lateral
	case dst:
		return Inbound
	case src:
		return Outbound
	}
	return Transit
}

func (s *Site) holds(e *Endpoint, exporter bool, owns func(netip.Addr) bool) bool {
	if e.Addr.IsValid() && owns(e.Addr) {
		return true
	}
	if exporter && (!s.Stated() || !e.Addr.IsValid()) {
		return true
	}
	if !e.Addr.IsValid() && e.Name != "" {
		return true // an export names only machines that it manages
	}
	return false
}

// Ends names the two ends of a flow as seen from the site: the peer is the far
// end (lateral: the initiator), the host is ours (lateral: the responder).
func Ends(f *Flow, d Direction) (peer, host Endpoint) {
	if d == Outbound {
		return f.Dst.Key(), f.Src.Key()
	}
	return f.Src.Key(), f.Dst.Key()
}

// AdminPorts are the service ports that administer a machine or hold its data.
var AdminPorts = []uint16{22, 23, 135, 139, 445, 1433, 3306, 3389, 5432, 5900, 5985, 5986, 6379, 9200}

// adminPorts is AdminPorts as a bit a port: every row of an estate is asked.
var adminPorts = func() (bits [1 << 16 / 64]uint64) {
	for _, p := range AdminPorts {
		bits[p/64] |= 1 << (p % 64)
	}
	return bits
}()

// IsAdminPort tells whether a port is one of AdminPorts.
func IsAdminPort(p uint16) bool { return adminPorts[p/64]>>(p%64)&1 == 1 }

// MassScanPorts are the ports that Internet-wide scanning asks for.
var MassScanPorts = []uint16{21, 22, 23, 25, 80, 443, 445, 1433, 3306, 3389, 5900, 8080, 8443}
