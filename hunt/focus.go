package hunt

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
	"netcase/cube"
	"netcase/store"
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
		if narrow(&f, concerns) && !besides(&f, focus) {
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

// seen tells whether any flow has to do with the focus.
func seen(answers *store.Memory, names map[netip.Addr]string, focus string) bool {
	concerns := concern(focus, names)
	for r, err := range answers.Rows(context.Background(), cube.Question{}) {
		if err != nil {
			return false
		}
		p := netcase.Profile{Peer: r.Peer, Hosts: []netcase.Endpoint{r.Host}, Ports: []netcase.PortCount{{Port: r.Port}}}
		if concerns(&p) {
			return true
		}
	}
	return false
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

// besides tells whether a finding about the whole has nothing to do with the focus:
// an excess that consists of others, or the owner of another machine's socket.
func besides(f *netcase.Finding, focus string) bool {
	switch {
	case f.Spike != nil:
		named := func(c netcase.Contribution) bool { return strings.Contains(c.Name, focus) }
		return !slices.ContainsFunc(f.Spike.ListedPeers, named) && !slices.ContainsFunc(f.Spike.Cells, named) &&
			!slices.ContainsFunc(f.Spike.Attribution, func(a netcase.Attribution) bool { return slices.ContainsFunc(a.Elements, named) })
	case f.Owner != nil && f.Owner.Host.Known():
		return !strings.Contains(f.Title, focus)
	case f.Process != nil:
		return !strings.Contains(f.Title, focus) && !followed(f.Process.AfterLogin, focus)
	case f.Persistence != nil && f.Persistence.Host.Known():
		return !strings.Contains(f.Title, focus) && !followed(f.Persistence.AfterLogin, focus)
	case f.Auth != nil && len(f.Auth.Peers)+len(f.Auth.Hosts) > 0:
		named := func(e netcase.Endpoint) bool { return strings.Contains(e.String(), focus) }
		return !strings.Contains(f.Title, focus) && !slices.ContainsFunc(f.Auth.Peers, named) && !slices.ContainsFunc(f.Auth.Hosts, named)
	}
	return false
}

// followed tells whether something followed a login from, or of, the focus.
func followed(r *netcase.LoginRef, focus string) bool {
	return r != nil && (strings.Contains(r.Peer.String(), focus) || strings.EqualFold(r.Account, focus))
}
