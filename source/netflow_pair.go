package source

import (
	"net/netip"

	"netcase"
)

// Records of NetFlow, IPFIX and nfdump are of one direction each. Two that mirror
// one another are one flow here, with the sizes of both directions and two records,
// so that neither flows nor sizes count twice.

const (
	// maxUnpaired bounds the records that wait for their opposite.
	maxUnpaired = 1 << 16
	// pairSlack is how far apart opposite records may lie: the longest active
	// time-out in use is 30 minutes, the usual one a minute.
	pairSlack = netcase.Minute
)

// halfRole says what a record is beside one direction of a flow.
type halfRole uint8

const (
	halfFlow    halfRole = iota
	halfBoth             // it has both directions already (RFC 5103, NSEL)
	halfCreated          // a firewall's word that a flow began; its end is another record
	halfDeleted          // … that it ended, with the sizes
)

// half is one record, its Src as the exporter has it: who sent.
type half struct {
	flow    netcase.Flow
	role    halfRole
	flags   uint8 // of TCP, all seen
	flagged bool  // the record has flags
	answer  bool  // of ICMP: the type is that of an answer

	// answered: SYN and ACK are those of the responder's first packet, as AWS records
	// them: an ACK alone is never among its flags.
	answered bool
}

type pairKey struct {
	sensor   string
	src, dst netip.AddrPort
	proto    uint8
}

func (h *half) key() pairKey {
	f := &h.flow
	return pairKey{f.Sensor, netip.AddrPortFrom(f.Src.Addr, f.SrcPort), netip.AddrPortFrom(f.Dst.Addr, f.DstPort), f.Proto}
}

func (k pairKey) mirrored() pairKey { k.src, k.dst = k.dst, k.src; return k }

// pairing joins opposite records and hands flows on.
type pairing struct {
	accept func(netcase.Flow)
	held   map[pairKey]int64 // place in queue, counted from the first record ever
	queue  []half            // oldest first; a record without flows was taken out
	first  int64             // of the queue
	paired map[string]bool   // sensors that are known to record replies
}

func newPairing(accept func(netcase.Flow)) *pairing {
	return &pairing{accept: accept, held: map[pairKey]int64{}, paired: map[string]bool{}}
}

// add takes a record; the flow that it belongs to comes now or later.
func (p *pairing) add(h half) {
	key := h.key()
	switch h.role {
	case halfBoth:
		p.paired[h.flow.Sensor] = true
		p.accept(h.alone(true))
		return
	case halfDeleted:
		if other, ok := p.take(key, &h); ok {
			h.flow.Records += other.flow.Records
			h.flow.Start = min(h.flow.Start, other.flow.Start)
			h.flow.Place, h.flow.Raw, h.flow.Context, h.flow.Stamp = other.flow.Place, other.flow.Raw, other.flow.Context, other.flow.Stamp
		}
		p.accept(h.alone(true))
		return
	case halfFlow:
		if other, ok := p.take(key.mirrored(), &h); ok {
			p.paired[h.flow.Sensor] = true
			p.accept(joined(&other, &h))
			return
		}
	}
	p.hold(key, h)
}

// take removes and returns the record that is held under a key, if it lies near in time.
func (p *pairing) take(key pairKey, near *half) (half, bool) {
	at, ok := p.held[key]
	if !ok {
		return half{}, false
	}
	h := p.queue[at-p.first]
	if h.flow.Start > near.flow.End+pairSlack || near.flow.Start > h.flow.End+pairSlack {
		return half{}, false
	}
	delete(p.held, key)
	p.queue[at-p.first].flow.Flows = 0
	return h, true
}

func (p *pairing) hold(key pairKey, h half) {
	if at, ok := p.held[key]; ok { // the next part of a long flow: the earlier found no opposite
		p.release(&p.queue[at-p.first])
	}
	p.queue = append(p.queue, h)
	p.held[key] = p.first + int64(len(p.queue)) - 1
	if len(p.queue) < 2*maxUnpaired {
		return
	}
	for i := range p.queue[:maxUnpaired] {
		p.release(&p.queue[i])
	}
	p.queue = p.queue[:copy(p.queue, p.queue[maxUnpaired:])]
	p.first += maxUnpaired
}

// release hands on a record that found no opposite.
func (p *pairing) release(h *half) {
	if h.flow.Flows == 0 {
		return
	}
	delete(p.held, h.key())
	f := h.alone(p.paired[h.flow.Sensor])
	h.flow.Flows = 0
	p.accept(f)
}

// end hands on what is left, in the order in which it came.
func (p *pairing) end() {
	for i := range p.queue {
		p.release(&p.queue[i])
	}
	p.queue = p.queue[:0]
}

// fromResponder tells that the record is of the direction from the responder to the initiator.
func (h *half) fromResponder() bool {
	f := &h.flow
	switch {
	case f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6:
		return h.answer
	case h.answered:
		return true
	case f.Proto == netcase.TCP && h.flagged && h.flags&tcpSYN != 0 && h.flags&tcpACK == 0:
		return false
	case f.Proto != netcase.TCP && f.Proto != netcase.UDP:
		return false
	}
	return f.SrcPort != f.DstPort && responderPort(f.SrcPort, f.DstPort, f.Proto) == f.SrcPort
}

// turned is a flow with its ends and sizes the other way round.
func turned(f netcase.Flow) netcase.Flow {
	f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = f.OctetsIn, f.OctetsOut, f.PacketsIn, f.PacketsOut
	return f
}

// alone is the flow of a record without opposite. both tells that its sensor
// records replies, so that a missing one says something.
func (h *half) alone(both bool) netcase.Flow {
	f := h.flow
	if h.role != halfFlow {
		return f // its reach was decided and it names the initiator first
	}
	back := h.fromResponder()
	if back {
		f = turned(f)
	}
	f.Continued = f.Proto == netcase.TCP && h.flagged && h.flags&tcpSYN == 0
	if f.Reach != netcase.ReachUnknown {
		return f
	}
	f.Reach = h.reach(back, both && f.Resolution != netcase.ResolutionSampled)
	return f
}

// reach is what one direction proves. An ACK that follows a SYN in one record
// acknowledges the answer.
func (h *half) reach(back, both bool) netcase.Reach {
	f := &h.flow
	shook := h.flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK
	switch {
	case back && f.Proto == netcase.TCP && h.flagged && h.flags&tcpRST != 0 && h.flags&(tcpSYN|tcpFIN|tcpPSH) == 0:
		return netcase.ReachRefused
	case back:
		return netcase.ReachUnknown
	case f.Proto == netcase.TCP && h.flagged && shook && f.PacketsOut > 1:
		return netcase.ReachBidirectional
	case f.Proto == netcase.TCP && !(h.flagged && h.flags&tcpACK == 0):
		return netcase.ReachUnknown
	case both:
		return netcase.ReachNoReply
	}
	return netcase.ReachAllowed
}

// joined is the flow of two records that mirror one another; first came first.
func joined(first, second *half) netcase.Flow {
	out, back := first, second
	if first.answersTo(second) {
		out, back = second, first
	}
	f := out.flow
	f.Start, f.End = min(f.Start, back.flow.Start), max(f.End, back.flow.End)
	f.OctetsIn, f.PacketsIn = plus(f.OctetsIn, back.flow.OctetsOut), plus(f.PacketsIn, back.flow.PacketsOut)
	f.Records += back.flow.Records
	f.Flows = max(f.Flows, back.flow.Flows)
	f.Continued = f.Proto == netcase.TCP && out.flagged && out.flags&tcpSYN == 0
	if f.Reach == netcase.ReachUnknown {
		f.Reach = back.flow.Reach
	}
	if reach := bothWays(out, back); !f.Reach.Decided() && reach != netcase.ReachUnknown {
		f.Reach = reach
	}
	return f
}

// answersTo tells that a record is of the responder's direction.
func (h *half) answersTo(o *half) bool {
	f, g := &h.flow, &o.flow
	if f.Proto == netcase.TCP && h.flagged && o.flagged {
		a, b := h.flags&(tcpSYN|tcpACK), o.flags&(tcpSYN|tcpACK)
		switch {
		case a == tcpSYN && b != tcpSYN:
			return false
		case b == tcpSYN && a != tcpSYN:
			return true
		case a&b&tcpSYN != 0 && f.Start != g.Start: // both show their first packet
			return f.Start > g.Start
		}
	}
	if h.fromResponder() != o.fromResponder() {
		return h.fromResponder()
	}
	return f.Start > g.Start
}

// tcpHeaders is the most that headers of IP and TCP take in a packet without payload.
const tcpHeaders = 60

func bothWays(out, back *half) netcase.Reach {
	if out.flow.Proto != netcase.TCP {
		return netcase.ReachBidirectional
	}
	if !out.flagged || !back.flagged {
		if out.payload() && back.payload() {
			return netcase.ReachBidirectional
		}
		return netcase.ReachUnknown // a handshake or a reset
	}
	if back.flags&tcpRST != 0 && back.flags&(tcpSYN|tcpFIN|tcpPSH) == 0 && !back.payload() {
		return netcase.ReachRefused
	}
	return netcase.ReachBidirectional
}

func (h *half) payload() bool { return h.flow.OctetsOut > tcpHeaders*max(h.flow.PacketsOut, 1) }
