package hunt

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
	"netcase/cube"
	"netcase/store"
)

// focus is the one address, port, machine or account that a case is to keep to. A name may be
// written without what stands before its last slash.
type focus struct {
	text  string
	addr  netip.Addr // valid: the focus is an address
	port  uint16     // where it is a port
	name  bool       // it is neither
	names map[netip.Addr]string
}

func focusOn(text string, names map[netip.Addr]string) *focus {
	f := &focus{text: text, names: names}
	if a, err := netip.ParseAddr(text); err == nil {
		f.addr = a.Unmap()
	} else if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		f.port = uint16(n)
	} else {
		f.name = true
	}
	return f
}

// end tells whether an end is the focus.
func (f *focus) end(e netcase.Endpoint) bool {
	if !f.name {
		return f.addr.IsValid() && e.Addr == f.addr
	}
	return f.named(e.Name) || e.Addr.IsValid() && f.named(f.names[e.Addr])
}

// named tells whether a text is the name of the focus.
func (f *focus) named(text string) bool {
	return f.name && text != "" && (strings.EqualFold(text, f.text) || strings.EqualFold(text[strings.LastIndexByte(text, '/')+1:], f.text))
}

func (f *focus) ends(list ...netcase.Endpoint) bool { return slices.ContainsFunc(list, f.end) }

func (f *focus) ports(list ...uint16) bool {
	return !f.name && !f.addr.IsValid() && slices.Contains(list, f.port)
}

// profile tells whether a source has to do with the focus.
func (f *focus) profile(p *netcase.Profile) bool {
	return f.end(p.Peer) || f.ends(p.Hosts...) || slices.ContainsFunc(p.Ports, func(c netcase.PortCount) bool { return f.ports(c.Port) })
}

// element tells whether a part of an excess has to do with the focus. Its name is made of
// addresses, networks, names and ports ("203.0.113.9 to 3389/tcp on 10.20.8.10").
func (f *focus) element(c netcase.Contribution) bool {
	return slices.ContainsFunc(strings.Fields(c.Name), func(word string) bool {
		if p, err := netip.ParsePrefix(word); err == nil {
			return f.addr.IsValid() && p.Contains(f.addr)
		}
		if a, err := netip.ParseAddr(word); err == nil {
			return f.end(netcase.At(a))
		}
		number, _, _ := strings.Cut(word, "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && f.ports(uint16(n)) {
			return true
		}
		return f.named(word)
	})
}

// focused keeps the findings that concern the focus, and in them the sources that do. A
// finding about the whole (how the counts came about, an excess that it has part in) stays.
func focused(findings []netcase.Finding, text string, names map[netip.Addr]string) []netcase.Finding {
	if text == "" {
		return findings
	}
	on := focusOn(text, names)
	var out []netcase.Finding
	for _, f := range findings {
		if on.narrow(&f) {
			out = append(out, f)
		}
	}
	return out
}

// narrow trims a finding to the focus; false: nothing is left.
func (f *focus) narrow(x *netcase.Finding) bool {
	switch {
	case x.Scan != nil:
		facts := *x.Scan
		facts.Sources = slices.DeleteFunc(slices.Clone(facts.Sources), func(p netcase.Profile) bool { return !f.profile(&p) })
		facts.SourceCount = len(facts.Sources)
		x.Scan = &facts
		return len(facts.Sources) > 0
	case x.Sighting != nil:
		facts := *x.Sighting
		facts.Sightings = slices.DeleteFunc(slices.Clone(facts.Sightings), func(s netcase.Sighting) bool { return !f.profile(&s.Profile) })
		facts.Count = len(facts.Sightings)
		x.Sighting = &facts
		return len(facts.Sightings) > 0
	case x.Spike != nil:
		return slices.ContainsFunc(x.Spike.ListedPeers, f.element) || slices.ContainsFunc(x.Spike.Cells, f.element) ||
			slices.ContainsFunc(x.Spike.Attribution, func(a netcase.Attribution) bool { return slices.ContainsFunc(a.Elements, f.element) })
	case x.Artefact != nil:
		return true
	}
	return f.concerns(x)
}

// concerns tells whether a finding about some machines concerns the focus.
func (f *focus) concerns(x *netcase.Finding) bool {
	s := &x.Selection
	if f.ends(s.Peers...) || f.ends(s.Hosts...) || f.ports(s.Ports...) || slices.ContainsFunc(s.Accounts, f.named) ||
		f.addr.IsValid() && netcase.Within(s.Prefixes, f.addr) {
		return true
	}
	switch {
	case x.Exposure != nil:
		e := x.Exposure
		return f.end(e.Host) || f.ports(e.Port) || slices.ContainsFunc(e.Sources, func(p netcase.Profile) bool { return f.profile(&p) })
	case x.Auth != nil:
		a := x.Auth
		return f.end(a.Host) || f.ends(a.Hosts...) || f.ends(a.Peers...) || slices.ContainsFunc(a.Accounts, f.named)
	case x.Owner != nil:
		return !x.Owner.Host.Known() || f.end(x.Owner.Host) || f.ports(x.Owner.Port)
	case x.Process != nil:
		p := x.Process
		return f.ends(p.Host, p.Peer) || f.ports(p.Port) || f.named(p.Account) || f.login(p.AfterLogin)
	case x.Persistence != nil:
		p := x.Persistence
		return !p.Host.Known() || f.end(p.Host) || f.named(p.Account) || f.login(p.AfterLogin)
	}
	return f.stream(x)
}

// login tells whether the focus came in, or was come in to, by a login.
func (f *focus) login(r *netcase.LoginRef) bool {
	return r != nil && (f.ends(r.Peer, r.Host) || f.named(r.Account))
}

// stream is concerns for what connections of two machines are about.
func (f *focus) stream(x *netcase.Finding) bool {
	switch {
	case x.Beacon != nil:
		return f.ends(x.Beacon.Host, x.Beacon.Peer) || f.ports(x.Beacon.Port) || f.named(x.Beacon.Name)
	case x.Long != nil:
		return f.ends(x.Long.Host, x.Long.Peer) || f.ports(x.Long.Port)
	case x.Upload != nil:
		return f.ends(x.Upload.Host, x.Upload.Peer) || f.ports(x.Upload.Ports...)
	case x.Flood != nil:
		return f.end(x.Flood.Host) || f.ports(x.Flood.Port)
	case x.Lateral != nil:
		return f.end(x.Lateral.From) || f.ends(x.Lateral.To...) || f.ports(x.Lateral.Ports...)
	}
	s := &x.Selection
	return len(s.Peers)+len(s.Prefixes)+len(s.Hosts)+len(s.Ports)+len(s.Accounts) == 0 // it is about the whole
}

// seen tells whether any event has to do with the focus.
func seen(answers *store.Memory, names map[netip.Addr]string, text string) bool {
	ctx, on := context.Background(), focusOn(text, names)
	return anyOf(answers.Rows(ctx, cube.Question{}), func(r *cube.Row) bool { return on.ends(r.Peer, r.Host) || on.ports(r.Port) }) ||
		anyOf(answers.Logins(ctx), func(l *netcase.Login) bool { return on.ends(l.Peer, l.Host) || on.named(l.Account) }) ||
		anyOf(answers.Processes(ctx), func(p *netcase.Process) bool {
			return on.ends(p.Peer, p.Host) || on.ports(p.LocalPort, p.RemotePort) || on.named(p.Account)
		})
}

// anyOf tells whether an answer holds what is looked for; false also where it fails.
func anyOf[T any](answer iter.Seq2[T, error], found func(*T) bool) bool {
	for x, err := range answer {
		if err != nil {
			return false
		}
		if found(&x) {
			return true
		}
	}
	return false
}
