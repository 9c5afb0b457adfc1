package source

import (
	"context"
	"fmt"
	"strconv"

	"netcase"
)

const formatPcap = "pcap"

// pcapCapture rebuilds flows from packets. Octets are the payload of TCP, UDP and
// ICMP, and what follows the IP header of other protocols, as Zeek counts them; they
// come from the lengths that the headers state, so that a capture that keeps only
// the start of each packet counts the same.
var pcapCapture = Format{
	Name: formatPcap,
	Doc:  "packets as pcap or pcapng, rebuilt into flows; packets that are not IP are counted and skipped",
	Proves: "who began, whether it was answered or refused, payload and packets each way as far as the capture stood in their path; " +
		"not what a control decided, nor which process or account it was",
	Detect: func(head []byte) (bool, string) {
		_, why := captureHead(head)
		return why == "", why
	},
	Decode: decodePcap,
}

const pcapSensor = "pcap"

// pcapReader turns packets into flows.
type pcapReader struct {
	in      *Input
	out     Sink
	packets *captureScan
	table   *flowTable
	batch   netcase.Batch
	err     error // of out

	pieces  fragments
	exports int64 // packets that look like flow records on their way to a collector
	cutOff  int64 // packets of which the capture kept too little
}

func decodePcap(ctx context.Context, in *Input, out Sink) error {
	p := &pcapReader{in: in, out: out, packets: newCaptureScan(in.R)}
	p.packets.fault = in.reject
	p.table = newFlowTable(in.Raw, p.finish)
	for n := 0; p.packets.Next(); n++ {
		if n%BatchSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p.packet()
		if p.err != nil {
			return p.err
		}
	}
	p.packets.told(in)
	p.table.end()
	p.notes()
	if p.err == nil && p.batch.Len() > 0 {
		p.err = out(&p.batch)
	}
	if p.err != nil {
		return p.err
	}
	return p.packets.Err()
}

// reject counts a packet that could not be read.
func (in *Input) reject(offset int64, reason string) {
	in.Reject(0, 0, "", reason, fmt.Appendf(nil, "the packet at byte %d", offset))
}

// packet books one packet on its flow.
func (p *pcapReader) packet() {
	s := p.packets
	k := packet{time: s.micros}
	if reason := k.link(s.link, s.data, s.length); reason != "" {
		p.set(reason)
		return
	}
	if k.fragment {
		if reason := p.pieces.settle(&k); reason != "" {
			p.in.Skip(reason)
			return
		}
	}
	if p.unwanted(&k) {
		p.in.Skip("between other ends")
		return
	}
	if k.proto == netcase.UDP && isExport(k.dport, k.payload) {
		p.exports++
	}
	if k.quote != nil {
		p.quoted(&k)
		return
	}
	p.table.add(&k, s)
}

// set counts a packet that belongs to no flow: what is no IP is skipped, what
// contradicts itself is rejected.
func (p *pcapReader) set(reason string) {
	switch reason {
	case badIP, badLink:
		p.in.reject(p.packets.offset, reason)
	case cutPacket:
		p.cutOff++
		p.in.Skip(reason)
	default:
		p.in.Skip(reason)
	}
}

// unwanted tells, on the second pass, that nobody will ask for the packet's flow.
func (p *pcapReader) unwanted(k *packet) bool {
	if p.in.Wanted == nil || k.quote != nil {
		return false
	}
	src, dst := netcase.At(k.src.netip()), netcase.At(k.dst.netip())
	return !p.in.Wanted(src, dst) && !p.in.Wanted(dst, src)
}

// quoted books an ICMP error on the flow whose packet it quotes. An error about a
// flow that the capture does not have proves nothing: anybody can send one.
func (p *pcapReader) quoted(k *packet) {
	if !p.table.refuse(k) {
		p.in.Skip("an ICMP error about a flow that is not in the capture")
	}
}

// finish hands over a flow that has ended.
func (p *pcapReader) finish(t *track, first kept) {
	f := t.flow()
	if p.in.Raw {
		f.Place = netcase.Place{Offset: t.offset}
		f.Raw, f.Context = first.raw, first.context
		f.Stamp = stampOf(t.first)
	}
	p.in.Accept(&p.batch, f)
	if p.batch.Len() >= BatchSize && p.err == nil {
		p.err = p.out(&p.batch)
		p.batch.Reset()
	}
}

// stampOf is a time as captures keep it: seconds since 1970 with a fraction.
func stampOf(micros int64) string {
	return strconv.FormatFloat(float64(micros)/microsecond, 'f', 6, 64)
}

func (p *pcapReader) notes() {
	if p.table.evicted > 0 {
		p.in.Note("more than %d flows were open at once: %d were closed before their end, and what followed of them counts as flows whose beginning is not seen",
			maxTracks, p.table.evicted)
	}
	if p.exports > 0 {
		p.in.Note("%d packets look like NetFlow, IPFIX or sFlow on the way to a collector; they were read as traffic, not as flow records", p.exports)
	}
	if p.cutOff > 0 {
		p.in.Note("of %d packets the capture kept too little to tell the ends", p.cutOff)
	}
}
