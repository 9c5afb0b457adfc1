package source

import (
	"encoding/binary"
	"net/netip"

	"netcase"
)

// Link types, from https://www.tcpdump.org/linktypes.html.
const (
	linkNull      = 0 // a protocol family in the byte order of the capturing machine
	linkEthernet  = 1
	linkPPP       = 9
	linkRawBSD    = 12
	linkRawOld    = 14
	linkPPPSerial = 50 // PPP in HDLC-like framing
	linkRaw       = 101
	linkCHDLC     = 104
	linkLoop      = 108 // like linkNull, in network byte order
	linkCooked    = 113 // "any" interface of Linux
	linkIPv4      = 228
	linkIPv6      = 229
	linkCooked2   = 276
)

// Ethernet types.
const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherIPv6  = 0x86dd
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherQinQ1 = 0x9100
	etherMPLS  = 0x8847
	etherMPLSm = 0x8848
	etherPPPoE = 0x8864
)

// Why a packet belongs to no flow.
const (
	badLink   = "the link layer is cut short or contradicts itself"
	badIP     = "the IP header contradicts itself"
	cutPacket = "the capture kept too little of the packet"
	notIP     = "not IP"
	notARP    = "not IP: ARP"
)

// address is an IPv4 or IPv6 address as two words; IPv4 is ::ffff:a.b.c.d.
type address struct{ high, low uint64 }

func (a address) netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.high)
	binary.BigEndian.PutUint64(b[8:], a.low)
	return netip.AddrFrom16(b).Unmap()
}

// packet is what is read of a packet.
type packet struct {
	time         int64 // microseconds since 1970
	src, dst     address
	sport, dport uint16
	proto        uint8
	flags        uint8  // of TCP
	seq          uint32 // of TCP
	octets       int64  // payload by the lengths that the headers state
	payload      []byte // as much of it as was kept
	icmpType     uint8
	icmpCode     uint8

	fragment bool   // one of several parts
	later    bool   // … and not the first: it has no ports
	id       uint32 // of the fragmented packet
	quote    *packet
}

// Flags of TCP.
const (
	tcpFIN = 1 << iota
	tcpSYN
	tcpRST
	tcpPSH
	tcpACK
)

// link reads a packet from its link layer on; empty: it is one of a flow.
func (k *packet) link(kind uint32, b []byte, wire int) (reason string) {
	short := wire > len(b)
	reason = k.linkLayer(kind, b)
	if short && (reason == badLink || reason == badIP) {
		return cutPacket
	}
	return reason
}

func (k *packet) linkLayer(kind uint32, b []byte) string {
	switch kind {
	case linkEthernet:
		if len(b) < 14 {
			return badLink
		}
		return k.ether(binary.BigEndian.Uint16(b[12:]), b[14:])
	case linkRaw, linkRawBSD, linkRawOld, linkIPv4, linkIPv6:
		return k.ip(b)
	case linkCooked:
		if len(b) < 16 {
			return badLink
		}
		return k.ether(binary.BigEndian.Uint16(b[14:]), b[16:])
	case linkCooked2:
		if len(b) < 20 {
			return badLink
		}
		return k.ether(binary.BigEndian.Uint16(b), b[20:])
	case linkNull, linkLoop:
		return k.loopback(b)
	case linkPPP, linkPPPSerial:
		if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 { // address and control
			b = b[2:]
		}
		return k.ppp(b)
	case linkCHDLC:
		if len(b) < 4 {
			return badLink
		}
		return k.ether(binary.BigEndian.Uint16(b[2:]), b[4:])
	}
	return "a link layer that is not known"
}

// loopback reads the protocol family, whose numbers and byte order differ by system.
func (k *packet) loopback(b []byte) string {
	if len(b) < 4 {
		return badLink
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(b)
	}
	switch family {
	case 2, 10, 24, 28, 30: // AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and Darwin
		return k.ip(b[4:])
	}
	return notIP
}

func (k *packet) ppp(b []byte) string {
	if len(b) < 1 {
		return badLink
	}
	proto := uint16(b[0])
	if b[0]&1 == 0 { // not compressed to one byte
		if len(b) < 2 {
			return badLink
		}
		proto, b = binary.BigEndian.Uint16(b), b[1:]
	}
	switch proto {
	case 0x21, 0x57:
		return k.ip(b[1:])
	}
	return "not IP: PPP control"
}

// maxTags bounds VLAN tags and MPLS labels before the IP header.
const maxTags = 8

func (k *packet) ether(kind uint16, b []byte) string {
	for range maxTags {
		switch kind {
		case etherIPv4, etherIPv6:
			return k.ip(b)
		case etherARP:
			return notARP
		case etherVLAN, etherQinQ, etherQinQ1:
			if len(b) < 4 {
				return badLink
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherPPPoE:
			if len(b) < 8 {
				return badLink
			}
			return k.ppp(b[6:])
		case etherMPLS, etherMPLSm:
			return k.mpls(b)
		default:
			return notIP
		}
	}
	return badLink
}

// mpls passes over labels; what follows says its version in its first four bits.
func (k *packet) mpls(b []byte) string {
	for range maxTags {
		if len(b) < 5 {
			return badLink
		}
		bottom := b[2]&1 != 0
		b = b[4:]
		switch {
		case !bottom:
		case b[0]>>4 == 4 || b[0]>>4 == 6:
			return k.ip(b)
		case b[0]>>4 == 0 && len(b) > 18: // a control word, and an Ethernet frame behind it (RFC 4448)
			return k.ether(binary.BigEndian.Uint16(b[16:]), b[18:])
		default:
			return notIP
		}
	}
	return badLink
}

func (k *packet) ip(b []byte) string {
	if len(b) < 1 {
		return badIP
	}
	switch b[0] >> 4 {
	case 4:
		return k.ipv4(b)
	case 6:
		return k.ipv6(b)
	}
	return badIP
}

const mapped = uint64(0xffff) << 32 // ::ffff:0:0/96

func (k *packet) ipv4(b []byte) string {
	if len(b) < 20 {
		return badIP
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = len(b) // segmentation offload: the card fills it in later
	}
	if head < 20 || head > total || head > len(b) {
		return badIP
	}
	k.src.low = mapped | uint64(binary.BigEndian.Uint32(b[12:]))
	k.dst.low = mapped | uint64(binary.BigEndian.Uint32(b[16:]))
	k.proto = b[9]
	part := binary.BigEndian.Uint16(b[6:])
	if part&0x3fff != 0 { // more to come, or an offset
		k.fragment, k.later, k.id = true, part&0x1fff != 0, uint32(binary.BigEndian.Uint16(b[4:]))
	}
	return k.transport(b[head:min(total, len(b))], total-head)
}

// maxExtensions bounds the extension headers of IPv6.
const maxExtensions = 16

func (k *packet) ipv6(b []byte) string {
	if len(b) < 40 {
		return badIP
	}
	k.src = address{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
	k.dst = address{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[32:])}
	next, left := b[6], int(binary.BigEndian.Uint16(b[4:]))
	b = b[40:]
	if left == 0 {
		left = len(b) // a jumbogram, or segmentation offload
	}
	b = b[:min(left, len(b))]
	for range maxExtensions {
		size := 0
		switch next {
		case 0, 43, 60, 135, 139, 140: // hop by hop, routing, destination, mobility, HIP, shim6
			if len(b) < 8 {
				return badIP
			}
			size = 8 * (int(b[1]) + 1)
		case 51: // authentication
			if len(b) < 8 {
				return badIP
			}
			size = 4 * (int(b[1]) + 2)
		case 44:
			if len(b) < 8 {
				return badIP
			}
			size = 8
			part := binary.BigEndian.Uint16(b[2:])
			if part&^6 != 0 { // neither an offset nor more to come: whole (RFC 6946)
				k.fragment, k.later, k.id = true, part>>3 != 0, binary.BigEndian.Uint32(b[4:])
			}
		default:
			k.proto = next
			return k.transport(b, left)
		}
		if size > len(b) || size > left {
			return badIP
		}
		next, b, left = b[0], b[size:], left-size
		if k.later {
			k.proto = next
			return k.transport(b, left)
		}
	}
	return badIP
}

// transport reads ports and flags. left is the length by the IP header, of which
// the capture may have kept less.
func (k *packet) transport(b []byte, left int) string {
	k.octets, k.payload = int64(left), b
	if k.later {
		return ""
	}
	switch k.proto {
	case netcase.TCP:
		if len(b) < 14 {
			return badIP
		}
		head := int(b[12]>>4) * 4
		if head < 20 || head > left {
			return badIP
		}
		k.flags, k.seq = b[13], binary.BigEndian.Uint32(b[4:])
		return k.ports(b, head)
	case netcase.UDP:
		if len(b) < 8 {
			return badIP
		}
		return k.ports(b, 8)
	case netcase.ICMP, netcase.ICMPv6:
		if len(b) < 4 {
			return badIP
		}
		k.icmpType, k.icmpCode = b[0], b[1]
		k.octets = max(k.octets-8, 0)
		k.payload = b[min(8, len(b)):]
		if k.icmpError() {
			k.quoted()
		}
	}
	return ""
}

func (k *packet) ports(b []byte, head int) string {
	k.sport, k.dport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	k.octets -= int64(head)
	k.payload = b[min(head, len(b)):]
	return ""
}

// icmpError tells an error, which quotes the packet that it is about.
func (k *packet) icmpError() bool {
	if k.proto == netcase.ICMP {
		return k.icmpType == 3 || k.icmpType == 4 || k.icmpType == 5 || k.icmpType == 11 || k.icmpType == 12
	}
	return k.icmpType >= 1 && k.icmpType <= 4
}

// quoted reads the ends of the quoted packet, of which eight bytes follow its IP header.
func (k *packet) quoted() {
	q := &packet{}
	b := k.payload
	if len(b) < 28 || k.fragment {
		return
	}
	switch {
	case b[0]>>4 == 4 && int(b[0]&15)*4+8 <= len(b) && b[0]&15 >= 5:
		q.src.low = mapped | uint64(binary.BigEndian.Uint32(b[12:]))
		q.dst.low = mapped | uint64(binary.BigEndian.Uint32(b[16:]))
		q.proto, b = b[9], b[int(b[0]&15)*4:]
	case b[0]>>4 == 6 && len(b) >= 48:
		q.src = address{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
		q.dst = address{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[32:])}
		q.proto, b = b[6], b[40:]
	default:
		return
	}
	switch q.proto {
	case netcase.TCP, netcase.UDP:
		q.sport, q.dport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	case netcase.ICMP, netcase.ICMPv6:
		q.icmpType, q.icmpCode = b[0], b[1]
	}
	k.quote = q
}

// verdict is what an ICMP error proves about the flow that it quotes: that it was
// forbidden, that it was refused, or nothing.
//
// Source: RFC 792 and 1812 section 5.2.7.1; RFC 4443 section 3.1.
func (k *packet) verdict() netcase.Reach {
	switch {
	case k.proto == netcase.ICMP && k.icmpType == 3:
		switch k.icmpCode {
		case 4: // too big: the flow goes on in smaller packets
			return netcase.ReachUnknown
		case 9, 10, 13:
			return netcase.ReachDenied
		}
		return netcase.ReachRefused
	case k.proto == netcase.ICMPv6 && k.icmpType == 1:
		switch k.icmpCode {
		case 1, 5, 6:
			return netcase.ReachDenied
		}
		return netcase.ReachRefused
	}
	return netcase.ReachUnknown
}

// maxPieces bounds the fragmented packets of which later parts may come.
const maxPieces = 1 << 12

// fragments remembers the ports of first fragments.
type fragments struct {
	known map[piece]*packet
	order []piece // oldest first, as a ring
	next  int
}

type piece struct {
	src, dst address
	id       uint32
	proto    uint8
}

// settle gives a later fragment the ports of the first.
func (f *fragments) settle(k *packet) string {
	if k.proto != netcase.TCP && k.proto != netcase.UDP && k.proto != netcase.ICMP && k.proto != netcase.ICMPv6 {
		return ""
	}
	key := piece{k.src, k.dst, k.id, k.proto}
	if k.later {
		first, ok := f.known[key]
		if !ok {
			return "a later part of a fragmented packet, whose first part was not seen"
		}
		k.sport, k.dport, k.icmpType, k.icmpCode = first.sport, first.dport, first.icmpType, first.icmpCode
		return ""
	}
	if f.known == nil {
		f.known = map[piece]*packet{}
	}
	if _, ok := f.known[key]; !ok {
		if len(f.order) < maxPieces {
			f.order = append(f.order, key)
		} else {
			delete(f.known, f.order[f.next])
			f.order[f.next] = key
			f.next = (f.next + 1) % maxPieces
		}
	}
	f.known[key] = &packet{sport: k.sport, dport: k.dport, icmpType: k.icmpType, icmpCode: k.icmpCode}
	return ""
}
