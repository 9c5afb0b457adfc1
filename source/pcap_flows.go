package source

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"

	"netcase"
)

// maxTracks bounds the flows that are open at once: about 50 MB.
const maxTracks = 1 << 18

// stage is how far a flow has come; each has its own idle time-out and its own
// list, oldest first.
type stage uint8

const (
	stageDatagram stage = iota // not TCP
	stageAttempt               // TCP, one side heard
	stageLive                  // TCP, both sides heard
	stageClosed                // TCP, reset or closed by both
	stages
)

// Idle time-outs in microseconds, after which further packets are a flow of their
// own: those of Suricata and Zeek for UDP and established TCP; an attempt lasts as
// long as systems repeat a SYN; a closed flow waits for stragglers.
const (
	datagramIdle = 60 * microsecond
	attemptIdle  = 75 * microsecond
	liveIdle     = 300 * microsecond
	closedIdle   = 10 * microsecond
)

func (s stage) idle() int64 {
	return [stages]int64{datagramIdle, attemptIdle, liveIdle, closedIdle}[s]
}

// none is the end of a list or chain.
const none = int32(-1)

// track is one open flow. Index 0 is the initiator's side, 1 the responder's.
type track struct {
	src, dst     address
	sport, dport uint16
	proto        uint8
	kind         uint8 // of ICMP: the request's type
	stage        stage
	flags        [2]uint8 // of TCP, all seen
	data         [2]bool  // payload was seen
	continued    bool     // its beginning was not seen
	verdict      netcase.Reach
	seq          uint32 // of the SYN
	records      int64
	first, last  int64 // microseconds since 1970
	packets      [2]int64
	octets       [2]int64
	offset       int64 // of the first packet

	hash         uint64
	chain        int32 // next with the same bucket
	newer, older int32 // in the list of the stage
}

// flowTable holds the open flows.
type flowTable struct {
	finish  func(*track, kept) // told of each flow that ends
	tracks  []track
	free    []int32
	buckets []int32
	oldest  [stages]int32
	newest  [stages]int32
	count   [stages]int
	seed    uint64 // secret, so that nobody can choose packets that fall into one bucket
	evicted int64

	keep     bool   // original bytes, for the second pass
	bytes    []kept // … by track
	room     int    // bytes that may still be kept whole
	contexts map[[2]uint32]string
}

// kept is what the second pass keeps of the first packet of a flow.
type kept struct {
	raw     []byte
	context string
}

func newFlowTable(keep bool, finish func(*track, kept)) *flowTable {
	t := &flowTable{finish: finish, keep: keep, room: maxKept, contexts: map[[2]uint32]string{}, seed: maphash.Bytes(maphash.MakeSeed(), nil)}
	t.buckets = emptyBuckets(1 << 12)
	for s := range stages {
		t.oldest[s], t.newest[s] = none, none
	}
	return t
}

func emptyBuckets(n int) []int32 {
	b := make([]int32, n)
	for i := range b {
		b[i] = none
	}
	return b
}

// hash is the same for both directions.
func (t *flowTable) hash(k *packet, sport, dport uint16) uint64 {
	return t.end64(k.src, sport) + t.end64(k.dst, dport) + uint64(k.proto)*0x9e3779b97f4a7c15
}

func (t *flowTable) end64(a address, port uint16) uint64 {
	high, low := bits.Mul64(a.low^t.seed, a.high^uint64(port)<<16^0xa0761d6478bd642f)
	high, low = bits.Mul64(high^low^t.seed, uint64(port)^0xe7037ed1a0b428db)
	return high ^ low
}

// keys are the ports of a packet as the table compares them; of ICMP, whose
// requests and answers have different types, the type of the request.
func (k *packet) keys() (sport, dport uint16, kind uint8, answer bool) {
	if k.proto != netcase.ICMP && k.proto != netcase.ICMPv6 {
		return k.sport, k.dport, 0, false
	}
	kind, answer = icmpRequest(k.proto, k.icmpType)
	return 0, 0, kind, answer
}

// icmpRequest is the type of the request that a type belongs to.
func icmpRequest(proto, kind uint8) (request uint8, answer bool) {
	if proto == netcase.ICMPv6 {
		switch kind {
		case 129, 134, 136: // echo reply, router and neighbour advertisement
			return kind - 1, true
		}
		return kind, false
	}
	switch kind {
	case 0:
		return 8, true
	case 9:
		return 10, true
	case 14, 16, 18:
		return kind - 1, true
	}
	return kind, false
}

// asks tells whether a type of ICMP wants an answer.
func (f *track) asks() bool {
	if f.proto == netcase.ICMPv6 {
		return f.kind == 128 || f.kind == 133 || f.kind == 135
	}
	return f.kind == 8 || f.kind == 10 || f.kind == 13 || f.kind == 15 || f.kind == 17
}

// find is the flow of a packet and the packet's side, or none.
func (t *flowTable) find(k *packet, hash uint64, sport, dport uint16, kind uint8) (i int32, side int) {
	for i = t.buckets[hash&uint64(len(t.buckets)-1)]; i != none; i = t.tracks[i].chain {
		f := &t.tracks[i]
		if f.hash != hash || f.proto != k.proto || f.kind != kind {
			continue
		}
		if f.src == k.src && f.dst == k.dst && f.sport == sport && f.dport == dport {
			return i, 0
		}
		if f.src == k.dst && f.dst == k.src && f.sport == dport && f.dport == sport {
			return i, 1
		}
	}
	return none, 0
}

// add books a packet on its flow, which it may begin.
func (t *flowTable) add(k *packet, s *captureScan) {
	t.expire(k.time)
	sport, dport, kind, answer := k.keys()
	hash := t.hash(k, sport, dport)
	i, side := t.find(k, hash, sport, dport, kind)
	if i != none && t.tracks[i].over(k, side) {
		t.close(i)
		i = none
	}
	if i == none {
		i, side = t.open(k, s, hash, kind, answer)
	}
	f := &t.tracks[i]
	f.book(k, side)
	t.move(i, f.next(k))
}

// over tells that a packet begins another flow between the same ends.
func (f *track) over(k *packet, side int) bool {
	if gap := k.time - f.last; gap > f.stage.idle() || -gap > f.stage.idle() {
		return true
	}
	if k.proto != netcase.TCP || k.flags&(tcpSYN|tcpACK|tcpRST) != tcpSYN {
		return false
	}
	return f.stage == stageClosed || f.continued || side == 0 && f.flags[1]&tcpSYN != 0 && f.seq != k.seq
}

// open begins a flow with its first packet.
func (t *flowTable) open(k *packet, s *captureScan, hash uint64, kind uint8, answer bool) (i int32, side int) {
	if len(t.tracks)-len(t.free) >= maxTracks {
		t.evict()
	}
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.tracks))
		t.tracks = append(t.tracks, track{})
		t.grow()
	}
	f := &t.tracks[i]
	*f = track{
		src: k.src, dst: k.dst, sport: k.sport, dport: k.dport, proto: k.proto, kind: kind, seq: k.seq,
		first: k.time, last: k.time, offset: s.offset, hash: hash, newer: none, older: none,
	}
	if kind != 0 || k.proto == netcase.ICMP || k.proto == netcase.ICMPv6 {
		f.sport, f.dport = 0, 0
	}
	if k.answers(answer) {
		f.src, f.dst, f.sport, f.dport = f.dst, f.src, f.dport, f.sport
		side = 1
	}
	f.continued = side == 1 || k.proto == netcase.TCP && k.flags&tcpSYN == 0 && k.flags&tcpACK != 0
	if t.keep {
		t.keepBytes(i, s)
	}
	bucket := hash & uint64(len(t.buckets)-1)
	f.chain, t.buckets[bucket] = t.buckets[bucket], i
	f.stage = stageDatagram
	if k.proto == netcase.TCP {
		f.stage = stageAttempt
	}
	t.append(i)
	return i, side
}

// answers tells that the first packet that was seen of a flow is the responder's.
func (k *packet) answers(icmpAnswer bool) bool {
	switch k.proto {
	case netcase.TCP:
		switch {
		case k.flags&tcpSYN != 0:
			return k.flags&tcpACK != 0
		case k.flags&(tcpACK|tcpRST) == 0: // no running connection sends this: a probe
			return false
		}
		return responderPort(k.sport, k.dport, k.proto) == k.sport && k.sport != k.dport
	case netcase.UDP:
		return byCustom(k.sport) && !byCustom(k.dport) && k.dport >= 1024
	}
	return icmpAnswer
}

func byCustom(port uint16) bool { return slices.Contains(udpByCustom[:], port) }

// The bytes that the second pass keeps of first packets: whole ones as long as
// there is room, then their headers.
const (
	maxKept     = 64 << 20
	keptHeaders = 128
)

func (t *flowTable) keepBytes(i int32, s *captureScan) {
	raw := s.raw
	if len(raw) > t.room {
		raw = raw[:min(len(raw), keptHeaders)]
	}
	key := [2]uint32{s.link, s.snap}
	context, ok := t.contexts[key]
	if !ok {
		context = fmt.Sprintf("link type %d, snapshot length %d", s.link, s.snap)
		if len(t.contexts) < maxInterfaces {
			t.contexts[key] = context
		}
	}
	for int(i) >= len(t.bytes) {
		t.bytes = append(t.bytes, kept{})
	}
	t.bytes[i] = kept{bytes.Clone(raw), context}
	t.room -= len(raw)
}

// book adds a packet of one side.
func (f *track) book(k *packet, side int) {
	f.first, f.last = min(f.first, k.time), max(f.last, k.time)
	f.packets[side]++
	f.octets[side] += k.octets
	f.records++
	f.flags[side] |= k.flags
	f.data[side] = f.data[side] || k.octets > 0 && k.flags&tcpSYN == 0
}

// next is the stage after a packet.
func (f *track) next(k *packet) stage {
	switch {
	case f.proto != netcase.TCP:
		return stageDatagram
	case (f.flags[0]|f.flags[1])&tcpRST != 0, f.flags[0]&f.flags[1]&tcpFIN != 0:
		return stageClosed
	case f.packets[0] > 0 && f.packets[1] > 0:
		return stageLive
	case f.continued && k.flags&tcpACK != 0:
		return stageLive // the capture may see one side alone
	}
	return stageAttempt
}

// refuse books an ICMP error on the flow that it quotes, and tells whether there is one.
func (t *flowTable) refuse(k *packet) bool {
	t.expire(k.time)
	q := k.quote
	sport, dport, kind, _ := q.keys()
	i, side := t.find(q, t.hash(q, sport, dport), sport, dport, kind)
	if i == none {
		return false
	}
	f := &t.tracks[i]
	f.records++
	f.first, f.last = min(f.first, k.time), max(f.last, k.time)
	if v := k.verdict(); side == 0 && f.verdict != netcase.ReachDenied && v != netcase.ReachUnknown {
		f.verdict = v
	}
	return true
}

// reach is how far the flow came.
func (f *track) reach() netcase.Reach {
	if f.proto != netcase.TCP {
		return f.datagram()
	}
	out, in := f.flags[0], f.flags[1]
	switch {
	case f.data[0] && f.data[1], out&tcpSYN != 0 && in&tcpSYN != 0, out&in&tcpACK != 0 && in&tcpRST == 0:
		return netcase.ReachBidirectional
	case in&tcpRST != 0 && in&tcpSYN == 0 && (out&tcpSYN != 0 || out&tcpACK == 0):
		return netcase.ReachRefused
	case f.packets[1] == 0 && f.verdict != netcase.ReachUnknown:
		return f.verdict
	case f.packets[1] == 0 && (out&tcpSYN != 0 || out&tcpACK == 0):
		return netcase.ReachNoReply
	}
	return netcase.ReachUnknown // one side of a running connection, or an answer to what was not seen
}

func (f *track) datagram() netcase.Reach {
	icmp := f.proto == netcase.ICMP || f.proto == netcase.ICMPv6
	switch {
	case f.packets[0] > 0 && f.packets[1] > 0:
		return netcase.ReachBidirectional
	case f.packets[0] == 0:
		return netcase.ReachUnknown
	case f.verdict != netcase.ReachUnknown:
		return f.verdict
	case icmp && !f.asks():
		return netcase.ReachUnknown
	}
	return netcase.ReachNoReply
}

// flow is the track as it is handed over.
func (f *track) flow() netcase.Flow {
	return netcase.Flow{
		Start: netcase.Time(f.first / microsecondMS), End: netcase.Time(f.last / microsecondMS),
		Src: netcase.Endpoint{Addr: f.src.netip()}, Dst: netcase.Endpoint{Addr: f.dst.netip()},
		SrcPort: f.sport, DstPort: f.dport, Proto: f.proto, Reach: f.reach(), Resolution: netcase.ResolutionRaw,
		Sensor: pcapSensor, Flows: 1, Records: f.records, Continued: f.continued,
		OctetsOut: f.octets[0], OctetsIn: f.octets[1], PacketsOut: f.packets[0], PacketsIn: f.packets[1],
	}
}

// expire ends the flows that were idle for too long. Times that jump back as far
// end them too: the clock is another one then.
func (t *flowTable) expire(now int64) {
	for s := range stages {
		for i := t.oldest[s]; i != none; i = t.oldest[s] {
			if gap := now - t.tracks[i].last; gap <= s.idle() && -gap <= s.idle() {
				break
			}
			t.close(i)
		}
	}
}

// evict ends the oldest flow of the fullest stage, so that a flood of attempts
// pushes out attempts and not the connections that live beside it.
func (t *flowTable) evict() {
	fullest := stage(0)
	for s := range stages {
		if t.count[s] > t.count[fullest] {
			fullest = s
		}
	}
	t.evicted++
	t.close(t.oldest[fullest])
}

// end ends all flows, in the order in which they began.
func (t *flowTable) end() {
	var open []int32
	for s := range stages {
		for i := t.oldest[s]; i != none; i = t.tracks[i].newer {
			open = append(open, i)
		}
	}
	slices.SortFunc(open, func(a, b int32) int { return cmp.Compare(t.tracks[a].offset, t.tracks[b].offset) })
	for _, i := range open {
		t.close(i)
	}
}

// close hands a flow over and forgets it.
func (t *flowTable) close(i int32) {
	f := &t.tracks[i]
	t.unlink(i)
	at := &t.buckets[f.hash&uint64(len(t.buckets)-1)]
	for *at != i {
		at = &t.tracks[*at].chain
	}
	*at = f.chain
	var first kept
	if t.keep {
		first, t.bytes[i] = t.bytes[i], kept{}
		t.room += len(first.raw)
	}
	t.finish(f, first)
	t.free = append(t.free, i)
}

// grow keeps the chains short.
func (t *flowTable) grow() {
	if len(t.tracks) <= len(t.buckets)/4 {
		return
	}
	t.buckets = emptyBuckets(4 * len(t.buckets))
	for s := range stages {
		for i := t.oldest[s]; i != none; i = t.tracks[i].newer {
			bucket := t.tracks[i].hash & uint64(len(t.buckets)-1)
			t.tracks[i].chain, t.buckets[bucket] = t.buckets[bucket], i
		}
	}
}

// move makes a flow the newest of a stage.
func (t *flowTable) move(i int32, to stage) {
	if f := &t.tracks[i]; f.stage != to || f.newer != none {
		t.unlink(i)
		f.stage = to
		t.append(i)
	}
}

func (t *flowTable) append(i int32) {
	f := &t.tracks[i]
	f.older, f.newer = t.newest[f.stage], none
	if f.older == none {
		t.oldest[f.stage] = i
	} else {
		t.tracks[f.older].newer = i
	}
	t.newest[f.stage] = i
	t.count[f.stage]++
}

func (t *flowTable) unlink(i int32) {
	f := &t.tracks[i]
	if f.older == none {
		t.oldest[f.stage] = f.newer
	} else {
		t.tracks[f.older].newer = f.newer
	}
	if f.newer == none {
		t.newest[f.stage] = f.older
	} else {
		t.tracks[f.newer].older = f.older
	}
	t.count[f.stage]--
}
