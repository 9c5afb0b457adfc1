package source

import (
	"bytes"

	"netcase"
)

// Packets that netfilter logs (iptables, nftables, ufw, firewalld, shorewall): one
// packet a line, with a prefix that whoever wrote the rule chose.

// kernel reads a message of the kernel.
func (r *messages) kernel(m *message) {
	text := m.text
	if len(text) > 0 && text[0] == '[' { // seconds since the machine started
		if i := bytes.IndexByte(text[:min(len(text), 24)], ']'); i > 0 && isUptime(text[1:i]) {
			text = trimSpaces(text[i+1:])
		}
	}
	m.text = text
	in := bytes.Index(text, []byte("IN="))
	if in < 0 || in > 0 && text[in-1] != ' ' && text[in-1] != ':' && text[in-1] != ']' && !bytes.HasSuffix(text[:in], []byte{'-'}) {
		r.in.Skip(skipNoPacket)
		return
	}
	p, field, reason := packetOf(text[in:])
	if reason != "" {
		r.in.Reject(m.place.Line, 0, field, reason, m.raw)
		return
	}
	if p.notFlow != "" {
		r.in.Skip(p.notFlow)
		return
	}
	prefix := bytes.Trim(text[:in], " :-")
	r.packet(m, &p, verdictOf(prefix), r.text(prefix), r.host(m).netfilter)
}

func isUptime(b []byte) bool {
	b = trimSpaces(b)
	for _, c := range b {
		if !isDigit(c) && c != '.' {
			return false
		}
	}
	return len(b) > 0
}

// loggedPacket is one packet that a firewall logged.
type loggedPacket struct {
	src, dst     netcase.Endpoint
	sport, dport uint16
	proto        uint8
	size         int64
	syn, ack     bool
	tcp          bool // the flags are known
	answer       bool // an echo reply
	first        bool // it began a state of the firewall
	in, out      bool // it came in by, it went out by an interface
	notFlow      string
}

// packetOf reads "IN=eth0 OUT= … SRC=… DST=… LEN=… PROTO=TCP SPT=… DPT=… SYN".
func packetOf(text []byte) (p loggedPacket, field, reason string) {
	p.size = netcase.Absent
	var kind int64 = -1
	for len(text) > 0 {
		var token []byte
		token, text = word(trimSpaces(text))
		if len(token) > 0 && token[0] == '[' {
			break // the packet that an ICMP error is about
		}
		name, value, ok := bytes.Cut(token, []byte{'='})
		if !ok {
			p.syn = p.syn || string(token) == "SYN"
			p.ack = p.ack || string(token) == "ACK"
			continue
		}
		good := true
		switch string(name) {
		case "IN":
			p.in = len(value) > 0
		case "OUT":
			p.out = len(value) > 0
		case "SRC":
			p.src.Addr, good = addressIn(value)
		case "DST":
			p.dst.Addr, good = addressIn(value)
		case "LEN":
			if p.size == netcase.Absent {
				if p.size, good = wholeIn(value); !good || p.size > 1<<32 {
					p.size, good = netcase.Absent, false
				}
			}
		case "PROTO":
			p.proto, good = protocolIn(value)
			if !good && bytes.IndexByte(value, ' ') < 0 {
				p.proto, good = protocolNamed(value)
			}
		case "SPT":
			p.sport, good = portIn(value)
		case "DPT":
			p.dport, good = portIn(value)
		case "TYPE":
			kind, good = wholeIn(value)
		}
		if !good {
			return p, string(name), "not readable"
		}
	}
	if !p.src.Addr.IsValid() || !p.dst.Addr.IsValid() {
		return p, "", "a logged packet without SRC or DST"
	}
	p.tcp = p.proto == netcase.TCP
	p.icmp(kind)
	return p, "", ""
}

// protocolNamed are further names that the kernel writes.
func protocolNamed(name []byte) (uint8, bool) {
	switch string(name) {
	case "ESP":
		return 50, true
	case "AH":
		return 51, true
	case "SCTP":
		return 132, true
	case "UDPLITE":
		return 136, true
	case "igmp", "IGMP":
		return 2, true
	case "gre", "GRE":
		return 47, true
	}
	return 0, false
}

const skipICMPError = "an ICMP error: it answers a packet and begins no flow"

// icmp tells an answer and an error from a request.
func (p *loggedPacket) icmp(kind int64) {
	switch p.proto {
	case netcase.ICMP:
		p.answer = kind == 0
		if kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12 {
			p.notFlow = skipICMPError
		}
	case netcase.ICMPv6:
		p.answer = kind == 129
		if kind >= 1 && kind <= 4 {
			p.notFlow = skipICMPError
		}
	}
}

// answers tells whether the packet goes from the responder to who began. Flags show
// it; without them a service port shows it that a client would not choose.
func (p *loggedPacket) answers() bool {
	from, to := servicePort(p.sport), servicePort(p.dport)
	switch {
	case p.answer:
		return true
	case p.first:
		return false
	case p.tcp && p.syn:
		return p.ack
	case p.tcp:
		return from > to
	}
	return from == surelyService && to <= surelyClient
}

// Ranks of servicePort.
const (
	surelyService = 3
	surelyClient  = 1
)

// packet hands over the flow that a logged packet belongs to. A refused answer
// does not say that the flow was refused.
func (r *messages) packet(m *message, p *loggedPacket, reach netcase.Reach, rule, sensor string) {
	f := netcase.Flow{
		Start: m.at, End: m.at, Src: p.src, Dst: p.dst, SrcPort: p.sport, DstPort: p.dport, Proto: p.proto,
		Reach: reach, Resolution: netcase.ResolutionSampled, Sensor: sensor, Rule: rule,
		Flows: m.count, Records: 1, OctetsOut: p.size, OctetsIn: netcase.Absent, PacketsOut: m.count, PacketsIn: netcase.Absent,
		Key: m.key(),
	}
	if f.OctetsOut != netcase.Absent {
		f.OctetsOut *= m.count
	}
	switch {
	case p.in && !p.out:
		f.Ours = netcase.SideDst
	case p.out && !p.in:
		f.Ours = netcase.SideSrc
	}
	if p.answers() {
		f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
		f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = f.OctetsIn, f.OctetsOut, f.PacketsIn, f.PacketsOut
		f.Ours = swapped(f.Ours)
		if reach == netcase.ReachDenied {
			f.Reach = netcase.ReachUnknown
		}
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Stamp, f.Zone = m.place, bytes.Clone(m.raw), string(m.stamp), m.zone
	}
	r.in.Accept(&r.batch, f)
}

func swapped(s netcase.Side) netcase.Side {
	switch s {
	case netcase.SideSrc:
		return netcase.SideDst
	case netcase.SideDst:
		return netcase.SideSrc
	}
	return s
}

// verdictWords decide what a log prefix says. Nothing else in it does.
var verdictWords = [...]struct {
	word  string
	reach netcase.Reach
}{
	{"drop", netcase.ReachDenied}, {"dropped", netcase.ReachDenied}, {"deny", netcase.ReachDenied}, {"denied", netcase.ReachDenied},
	{"reject", netcase.ReachDenied}, {"rejected", netcase.ReachDenied}, {"block", netcase.ReachDenied}, {"blocked", netcase.ReachDenied},
	{"accept", netcase.ReachAllowed}, {"accepted", netcase.ReachAllowed}, {"allow", netcase.ReachAllowed}, {"allowed", netcase.ReachAllowed},
}

// verdictOf is what a prefix says of the packet: unknown where it has no word of
// verdict, or two that contradict each other.
func verdictOf(prefix []byte) netcase.Reach {
	reach := letterVerdict(prefix)
	if reach != netcase.ReachUnknown {
		return reach
	}
	for i := 0; i < len(prefix); {
		if !isLetter(prefix[i]) {
			i++
			continue
		}
		from := i
		for i < len(prefix) && isLetter(prefix[i]) {
			i++
		}
		for _, w := range verdictWords {
			if foldsTo(prefix[from:i], w.word) {
				if reach != netcase.ReachUnknown && reach != w.reach {
					return netcase.ReachUnknown
				}
				reach = w.reach
			}
		}
	}
	return reach
}

// letterVerdict reads the prefix that VyOS, EdgeOS and UniFi write themselves:
// "[WAN_LOCAL-default-D]", "[ipv4-NAM-WAN_IN-10-A]", "[WAN_IN-D-4000]". The letter beside
// the rule is what it did: accept, drop or reject.
//
// Source: VyOS user guide, "Firewall", log prefixes of rules.
func letterVerdict(prefix []byte) netcase.Reach {
	tag, _, closed := bytes.Cut(prefix, []byte{']'})
	if !closed || len(tag) < len("[a-1-A") || tag[0] != '[' {
		return netcase.ReachUnknown
	}
	rest, last, _ := cutLast(tag[1:])
	rest, before, more := cutLast(rest)
	if len(before) == 1 && isLetter(before[0]) {
		last, before = before, last
	}
	if !more || len(rest) == 0 || len(last) != 1 || string(before) != "default" && (len(before) == 0 || !onlyDigits(string(before))) {
		return netcase.ReachUnknown
	}
	switch last[0] {
	case 'A':
		return netcase.ReachAllowed
	case 'D', 'R':
		return netcase.ReachDenied
	}
	return netcase.ReachUnknown
}

// cutLast cuts at the last hyphen.
func cutLast(text []byte) (before, after []byte, ok bool) {
	i := bytes.LastIndexByte(text, '-')
	if i < 0 {
		return nil, text, false
	}
	return text[:i], text[i+1:], true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
