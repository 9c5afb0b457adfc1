package hunt

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// focused keeps the findings that concern an address, a host name or a port, and
// in them the sources that do. Findings about the whole (spike, artefact) stay.
func focused(findings []netcase.Finding, focus string, names map[netip.Addr]string) []netcase.Finding {
	if focus == "" {
		return findings
	}
	concerns := concern(focus, names)
	var out []netcase.Finding
	for _, f := range findings {
		if narrow(&f, concerns) {
			out = append(out, f)
		}
	}
	return out
}

// concern is the test whether a profile has to do with the focus.
func concern(focus string, names map[netip.Addr]string) func(*netcase.Profile) bool {
	if a, err := netip.ParseAddr(focus); err == nil {
		e := netcase.At(a)
		return func(p *netcase.Profile) bool { return p.Peer == e || slices.Contains(p.Hosts, e) }
	}
	if n, err := strconv.ParseUint(focus, 10, 16); err == nil {
		return func(p *netcase.Profile) bool {
			return slices.ContainsFunc(p.Ports, func(c netcase.PortCount) bool { return c.Port == uint16(n) })
		}
	}
	named := func(e netcase.Endpoint) bool {
		name := e.Name
		if e.Addr.IsValid() {
			name = names[e.Addr]
		}
		return strings.EqualFold(name, focus) || strings.EqualFold(name[strings.LastIndexByte(name, '/')+1:], focus)
	}
	return func(p *netcase.Profile) bool { return named(p.Peer) || slices.ContainsFunc(p.Hosts, named) }
}

// narrow trims a finding to the focus; false: nothing is left.
func narrow(f *netcase.Finding, concerns func(*netcase.Profile) bool) bool {
	switch {
	case f.Scan != nil:
		facts := *f.Scan
		facts.Sources = slices.DeleteFunc(slices.Clone(facts.Sources), func(p netcase.Profile) bool { return !concerns(&p) })
		facts.SourceCount = len(facts.Sources)
		f.Scan = &facts
		return len(facts.Sources) > 0
	case f.Sighting != nil:
		facts := *f.Sighting
		facts.Sightings = slices.DeleteFunc(slices.Clone(facts.Sightings), func(s netcase.Sighting) bool { return !concerns(&s.Profile) })
		facts.Count = len(facts.Sightings)
		f.Sighting = &facts
		return len(facts.Sightings) > 0
	case f.Exposure != nil:
		return slices.ContainsFunc(f.Exposure.Sources, func(p netcase.Profile) bool { return concerns(&p) })
	}
	return true
}
