package source

import (
	"math"

	"netcase"
)

// history is the set of letters of Zeek's history column: upper case for the
// originator, lower case for the responder.
type history struct {
	orig, resp uint32 // bit n: the letter 'a'+n
	known      bool
}

// readHistory reads the column; the order and number of letters do not matter here.
func readHistory(b []byte) (h history) {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			h.orig |= 1 << (c - 'A')
			h.known = true
		case c >= 'a' && c <= 'z':
			h.resp |= 1 << (c - 'a')
			h.known = true
		}
	}
	return h
}

// The letters that bear on the reach. Source: Zeek, base/protocols/conn/main.zeek.
const (
	letterA = 1 << 0           // pure ACK
	letterD = 1 << ('d' - 'a') // payload
	letterF = 1 << ('f' - 'a')
	letterG = 1 << ('g' - 'a') // gap: payload that was missed
	letterH = 1 << ('h' - 'a') // SYN+ACK
	letterR = 1 << ('r' - 'a')
	letterS = 1 << ('s' - 'a') // SYN
	letterT = 1 << ('t' - 'a') // payload sent again

	payloadLetters = letterD | letterG | letterT
)

// midstream tells that packets of a running connection were seen and not how it
// began.
func (h history) midstream() bool {
	const running = letterA | letterD | letterF
	return h.known && (h.orig|h.resp)&(letterS|letterH) == 0 && (h.orig|h.resp)&running != 0
}

// sides is what a record proves about each end, from history, sizes and counts.
type sides struct {
	mute     bool // the originator is known to have sent nothing: the record is of one side
	spoke    bool // the originator sent payload or acknowledged something
	answered bool // the responder sent payload
	shook    bool // the responder sent SYN+ACK
	acked    bool // the responder acknowledged something
	reset    bool // the responder sent RST
	silent   bool // the responder is known to have sent nothing
	heard    bool // the responder is known to have sent something
}

func sidesOf(h history, f *netcase.Flow) sides {
	s := sides{heard: h.resp != 0 || f.PacketsIn > 0 || f.OctetsIn > 0}
	sent := h.orig != 0 || f.PacketsOut > 0 || f.OctetsOut > 0
	s.mute = !sent && (h.known || f.PacketsOut == 0 || f.OctetsOut == 0 && f.Proto != netcase.TCP)
	s.spoke = h.orig&(payloadLetters|letterA) != 0 || !h.known && f.OctetsOut > 0
	if h.known {
		// Sizes of TCP come from sequence numbers, of which a lone RST may carry
		// any: where the history is there, it decides.
		s.answered = h.resp&payloadLetters != 0 || f.Proto != netcase.TCP && f.OctetsIn > 0
	} else {
		s.answered = f.OctetsIn > 0
	}
	s.shook, s.acked, s.reset = h.resp&letterH != 0, h.resp&letterA != 0, h.resp&letterR != 0
	s.silent = !s.heard && (h.known || f.PacketsIn == 0 || f.OctetsIn == 0 && f.Proto != netcase.TCP)
	return s
}

// zeekReach is the reach of a connection. The state decides, except where
// history or sizes prove that there was more to it, as in captures that lost
// packets: payload both ways is bidirectional under every state.
//
// Source: the function conn_state of Zeek's base/protocols/conn/main.zeek.
func zeekReach(state []byte, h history, f *netcase.Flow, icmpType int) netcase.Reach {
	s := sidesOf(h, f)
	if f.Proto != netcase.TCP {
		return datagramReach(state, s, icmpType)
	}
	if s.answered && (s.spoke || f.OctetsOut > 0) {
		return netcase.ReachBidirectional
	}
	switch string(state) {
	case "SF", "S1", "S2", "S3":
		return established(s)
	case "RSTO", "RSTR":
		return aborted(h, s)
	case "REJ", "RSTRH": // RST from the responder; RSTRH: after a SYN+ACK whose SYN was not seen
		return netcase.ReachRefused
	case "S0", "SH", "RSTOS0":
		if s.acked && s.spoke {
			return netcase.ReachBidirectional // a running connection of which the state machine lost track
		}
		return netcase.ReachNoReply
	}
	return streamReach(h, s) // OTH, SHR, none
}

// established is the reach of a connection whose handshake Zeek saw completed.
func established(s sides) netcase.Reach {
	if s.silent {
		return netcase.ReachNoReply // the record contradicts its own state
	}
	return netcase.ReachBidirectional
}

// aborted is the reach of a connection that one end reset.
func aborted(h history, s sides) netcase.Reach {
	switch {
	case s.silent:
		return netcase.ReachNoReply
	case !h.known:
		return netcase.ReachBidirectional
	case s.shook && h.orig&(letterS|letterA|letterD|letterF) == 0:
		return netcase.ReachUnknown // a SYN+ACK nobody asked for: backscatter, or half of a capture
	case s.shook || s.answered || s.acked:
		return netcase.ReachBidirectional
	case s.reset:
		return netcase.ReachRefused
	}
	return netcase.ReachNoReply
}

// streamReach is the reach of a TCP connection whose state says nothing: seen
// from the middle (OTH), from the responder alone (SHR), or without the column.
func streamReach(h history, s sides) netcase.Reach {
	switch {
	case s.silent:
		return netcase.ReachNoReply
	case !h.known && s.answered && !s.mute:
		return netcase.ReachBidirectional
	case !h.known:
		return netcase.ReachUnknown
	case (s.shook || s.acked || s.answered) && (s.spoke || h.orig&(letterS|letterF) != 0):
		return netcase.ReachBidirectional
	case s.reset && !s.mute && !s.shook && !s.answered:
		return netcase.ReachRefused
	}
	return netcase.ReachUnknown // only the responder was seen
}

// datagramReach is the reach of UDP, ICMP and what else has no handshake.
func datagramReach(state []byte, s sides, icmpType int) netcase.Reach {
	switch {
	case s.heard && (!s.mute || string(state) == "SF"):
		return netcase.ReachBidirectional
	case s.heard:
		return netcase.ReachUnknown // only the responder was seen
	case icmpType >= 0 && !asksForReply(icmpType):
		return netcase.ReachUnknown // nothing was asked
	case s.silent || string(state) == "S0":
		return netcase.ReachNoReply
	case string(state) == "SF":
		return netcase.ReachBidirectional
	}
	return netcase.ReachUnknown
}

// icmpVersion6 marks the types of ICMPv6 among the numbers of types.
const icmpVersion6 = 1 << 8

// zeekICMPType is the type that Zeek writes as the originator's port, with
// icmpVersion6 added, or -1.
func zeekICMPType(proto uint8, port []byte) int {
	if proto != netcase.ICMP && proto != netcase.ICMPv6 {
		return -1
	}
	n, ok := parseCount(port)
	if !ok || n < 0 || n > math.MaxUint8 {
		return -1
	}
	if proto == netcase.ICMPv6 {
		return icmpVersion6 + int(n)
	}
	return int(n)
}

// asksForReply tells whether an ICMP type expects an answer. The others report
// an error or announce something. Source: IANA icmp-parameters, icmpv6-parameters.
func asksForReply(t int) bool {
	switch t {
	case 8, 10, 13, 15, 17: // echo, router solicitation, timestamp, information, mask
		return true
	case icmpVersion6 + 128, icmpVersion6 + 133, icmpVersion6 + 135, icmpVersion6 + 139: // echo, router, neighbour, node information
		return true
	}
	return false
}
