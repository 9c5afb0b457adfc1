package source

import (
	"bytes"

	"netcase"
)

// Packets that pf logs: filterlog of pfSense and OPNsense, and tcpdump's text of
// pflog.

// filterlog fields, the same for both families and then by family.
const (
	flRule    = 0
	flTracker = 3
	flAction  = 6
	flVersion = 8
	flFields4 = 20 // up to and with the destination
	flFields6 = 17
)

// filterlog reads "53,,,1000102631,em0,match,block,in,4,…".
func (r *messages) filterlog(m *message) {
	var field [24][]byte
	n := 0
	for rest, more := m.text, true; more && n < len(field); n++ {
		field[n], rest, more = bytes.Cut(rest, []byte{','})
	}
	p, name, reason := filterlogPacket(field[:n])
	if reason != "" {
		r.in.Reject(m.place.Line, 0, name, reason, m.raw)
		return
	}
	rule, reach := firstOf(field[flTracker], field[flRule]), pfReach(field[flAction])
	p.first = reach == netcase.ReachAllowed // what belongs to a state is not logged
	r.packet(m, &p, reach, r.text(rule), r.host(m).pf)
}

func pfReach(action []byte) netcase.Reach {
	switch string(action) {
	case "block", "reject":
		return netcase.ReachDenied
	case "pass", "rdr", "nat", "binat":
		return netcase.ReachAllowed
	}
	return netcase.ReachUnknown
}

func filterlogPacket(f [][]byte) (p loggedPacket, name, reason string) {
	if len(f) <= flVersion {
		return p, "", "too few fields for filterlog"
	}
	var proto, size, src, dst []byte
	var tail [][]byte
	switch {
	case string(f[flVersion]) == "4" && len(f) >= flFields4:
		proto, size, src, dst, tail = f[15], f[17], f[18], f[19], f[20:]
	case string(f[flVersion]) == "6" && len(f) >= flFields6:
		proto, size, src, dst, tail = f[13], f[14], f[15], f[16], f[17:]
	default:
		return p, "", "neither IPv4 nor IPv6, or cut off"
	}
	var ok bool
	if p.src.Addr, ok = addressIn(src); !ok {
		return p, "src", "not an address"
	}
	if p.dst.Addr, ok = addressIn(dst); !ok {
		return p, "dst", "not an address"
	}
	if p.proto, ok = protocolIn(proto); !ok {
		return p, "protocol", "not a protocol"
	}
	if p.size, ok = wholeIn(size); !ok || p.size > 1<<32 {
		p.size = netcase.Absent
	}
	if p.proto == netcase.TCP || p.proto == netcase.UDP {
		return p, "", p.filterlogPorts(tail)
	}
	p.answer = len(tail) > 0 && (string(tail[0]) == "reply" || string(tail[0]) == "echorep")
	return p, "", ""
}

func (p *loggedPacket) filterlogPorts(tail [][]byte) (reason string) {
	if len(tail) < 2 {
		return "no ports"
	}
	var ok [2]bool
	p.sport, ok[0] = portIn(tail[0])
	p.dport, ok[1] = portIn(tail[1])
	if !ok[0] || !ok[1] {
		return "not a port"
	}
	if p.tcp = p.proto == netcase.TCP; p.tcp && len(tail) > 3 {
		p.syn, p.ack = bytes.IndexByte(tail[3], 'S') >= 0, bytes.IndexByte(tail[3], 'A') >= 0
	}
	return ""
}

// pflog reads "rule 53/0(match): block in on em0: 198.51.100.7.54321 > 192.0.2.10.22: Flags [S], …".
func (r *messages) pflog(m *message) {
	head, rest, ok := bytes.Cut(m.text, []byte(": "))
	rule, isRule := bytes.CutPrefix(head, []byte("rule "))
	if !ok || !isRule {
		r.in.Skip("a message of pf about no packet")
		return
	}
	how, rest, _ := bytes.Cut(rest, []byte(": "))
	action, _ := word(how)
	rest = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("IP6 ")), []byte("IP "))
	ends, what, _ := bytes.Cut(rest, []byte(": "))
	src, dst, ok := bytes.Cut(ends, []byte(" > "))
	if !ok {
		r.in.Reject(m.place.Line, 0, "", "no ends of a packet", m.raw)
		return
	}
	p := loggedPacket{size: netcase.Absent}
	if !dottedEnd(src, &p.src, &p.sport) || !dottedEnd(dst, &p.dst, &p.dport) {
		r.in.Reject(m.place.Line, 0, "", "not an address and a port", m.raw)
		return
	}
	p.tcpdump(what)
	reach := pfReach(action)
	p.first = reach == netcase.ReachAllowed
	r.packet(m, &p, reach, r.text(rule), r.host(m).pf)
}

// tcpdump reads what tcpdump says of a packet behind its ends.
func (p *loggedPacket) tcpdump(what []byte) {
	flags, isTCP := bytes.CutPrefix(what, []byte("Flags ["))
	switch {
	case isTCP:
		flags, _, _ = bytes.Cut(flags, []byte{']'})
		p.proto, p.tcp = netcase.TCP, true
		p.syn, p.ack = bytes.IndexByte(flags, 'S') >= 0, bytes.IndexByte(flags, '.') >= 0
	case bytes.HasPrefix(what, []byte("ICMP6")):
		p.proto, p.answer = netcase.ICMPv6, bytes.Contains(what, []byte("echo reply"))
	case bytes.HasPrefix(what, []byte("ICMP")):
		p.proto, p.answer = netcase.ICMP, bytes.Contains(what, []byte("echo reply"))
	case p.sport != 0 || p.dport != 0:
		p.proto = netcase.UDP // tcpdump names the protocol of everything else
	}
}

// dottedEnd reads "192.0.2.10.22", "2001:db8::1.22" or an address alone.
func dottedEnd(b []byte, end *netcase.Endpoint, port *uint16) bool {
	if a, ok := addressIn(b); ok {
		end.Addr = a
		return true
	}
	i := bytes.LastIndexByte(b, '.')
	if i < 0 {
		return false
	}
	a, ok := addressIn(b[:i])
	if !ok {
		return false
	}
	end.Addr = a
	*port, ok = portIn(b[i+1:])
	return ok
}
