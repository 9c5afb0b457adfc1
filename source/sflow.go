package source

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/netsampler/goflow2/v2/decoders/sflow"

	"netcase"
)

// The samples of a datagram are walked here and not by the library, which allocates
// as many records as a datagram claims to have.

// The formats of samples and of the records in them (sFlow version 5, section 5).
const (
	sflowSample          = 1
	sflowExpanded        = 3
	sflowDrop            = 5
	sflowRawHeader       = 1
	sflowIPv4, sflowIPv6 = 3, 4
)

// sflow reads one datagram. A sample is one packet.
func (r *netflowReader) sflow(m *exportMessage, b []byte, seen netcase.Time) {
	agent, rest, ok := sflowAgent(b)
	if !ok {
		r.in.reject(m.place.Offset, "the datagram is cut short")
		return
	}
	m.exported = seen
	m.exporter = r.exporter(exporterKey{addr: agent, version: 105}, "sflow")
	if m.exporter == nil {
		r.in.reject(m.place.Offset, tooManyExporters)
		return
	}
	m.context = fmt.Sprintf("sFlow of %s, captured %s", agent, seen)
	samples := be32(rest[12:])
	if rest = rest[16:]; samples == 0 {
		r.in.Skip("a datagram without samples")
	}
	for i := uint32(0); i < samples; i++ {
		m.item++
		if len(rest) < 8 || uint64(be32(rest[4:])) > uint64(len(rest)-8) {
			r.in.reject(m.place.Offset, "the datagram ends within a sample")
			return
		}
		n := be32(rest[4:])
		r.sample(m, be32(rest), rest[8:8+n])
		rest = rest[8+n:]
	}
}

// sflowAgent is the agent's address and what follows it.
func sflowAgent(b []byte) (netip.Addr, []byte, bool) {
	n := 4
	if be32(b[4:]) == 2 {
		n = 16
	}
	if len(b) < 8+n+16 {
		return netip.Addr{}, nil, false
	}
	a, _ := netip.AddrFromSlice(b[8 : 8+n])
	return a.Unmap(), b[8+n:], true
}

// sample reads one sample of a packet.
func (r *netflowReader) sample(m *exportMessage, format uint32, b []byte) {
	// before the records: how many bytes, and where sampling rate and output stand
	head, rate, output := 0, 8, 0
	switch format {
	case sflowSample:
		head, output = 32, 24
	case sflowExpanded:
		head, rate, output = 44, 12, 32
	case sflowDrop:
		head, rate = 28, -1
	default:
		r.in.Skip("sFlow counters")
		return
	}
	if len(b) < head {
		r.in.reject(m.place.Offset, "a sample that is cut short")
		return
	}
	if rate >= 0 {
		m.exporter.sampled(r.in, uint64(be32(b[rate:])))
	}
	h, ok := sampledPacket(b[head:])
	if !ok {
		r.in.Skip("a sample of a packet that is not IP")
		return
	}
	if format == sflowDrop {
		if reason := be32(b[20:]); reason == 258 || prohibited(reason) {
			h.flow.Reach = netcase.ReachDenied
		}
	} else {
		h.flow.Reach = sampledReach(format, b, output)
	}
	r.sampledFlow(m, h)
}

// sampledReach tells packets that a control discarded, by the output interface.
func sampledReach(format uint32, b []byte, output int) netcase.Reach {
	kind, value := be32(b[output:])>>30, be32(b[output:])&0x3fffffff
	if format == sflowExpanded {
		kind, value = be32(b[output:]), be32(b[output+4:])
	}
	if kind == 1 && (value == 258 || prohibited(value)) {
		return netcase.ReachDenied
	}
	return netcase.ReachUnknown
}

// prohibited tells the reasons that are codes of ICMP for "administratively prohibited".
func prohibited(reason uint32) bool { return reason == 9 || reason == 10 || reason == 13 }

// sampledPacket finds the packet among the records of a sample.
func sampledPacket(b []byte) (h half, ok bool) {
	for len(b) >= 8 {
		kind, n := be32(b), be32(b[4:])
		if uint64(n) > uint64(len(b)-8) {
			return h, false
		}
		body := b[8 : 8+n]
		b = b[8+n:]
		if kind != sflowRawHeader && kind != sflowIPv4 && kind != sflowIPv6 {
			continue
		}
		record, err := sflow.DecodeFlowRecord(&sflow.RecordHeader{DataFormat: kind, Length: n}, bytes.NewBuffer(body))
		if err != nil {
			continue
		}
		if h, ok = halfOf(record.Data); ok {
			return h, true
		}
	}
	return h, false
}

// halfOf is the packet of a record.
func halfOf(data any) (h half, ok bool) {
	h.flagged = true
	h.flow = netcase.Flow{PacketsOut: 1, OctetsIn: netcase.Absent, PacketsIn: netcase.Absent}
	f := &h.flow
	switch d := data.(type) {
	case sflow.SampledHeader:
		link, known := map[uint32]uint32{1: linkEthernet, 7: linkPPP, 11: linkRaw, 12: linkRaw}[d.Protocol]
		var k packet
		if !known || k.link(link, d.HeaderData, len(d.HeaderData)) != "" {
			return h, false
		}
		f.Src, f.Dst, f.Proto = netcase.At(k.src.netip()), netcase.At(k.dst.netip()), k.proto
		f.SrcPort, f.DstPort, h.flags, f.OctetsOut = k.sport, k.dport, k.flags, int64(d.FrameLength)
		if k.proto == netcase.ICMP || k.proto == netcase.ICMPv6 {
			f.DstPort = uint16(k.icmpType) << 8
		}
	case sflow.SampledIPv4:
		h.base(&d.SampledIPBase)
	case sflow.SampledIPv6:
		h.base(&d.SampledIPBase)
	default:
		return h, false
	}
	return h, f.Src.Known() && f.Dst.Known()
}

func (h *half) base(d *sflow.SampledIPBase) {
	f := &h.flow
	f.Src, f.Dst, f.Proto = wireEnd(d.SrcIP), wireEnd(d.DstIP), uint8(d.Protocol)
	f.SrcPort, f.DstPort, f.OctetsOut, h.flags = uint16(d.SrcPort), uint16(d.DstPort), int64(d.Length), uint8(d.TcpFlags)
}

// sampledFlow hands over one packet. One packet proves neither that there was an
// answer nor that there was none; it is not joined with others.
func (r *netflowReader) sampledFlow(m *exportMessage, h half) {
	f := &h.flow
	f.Start, f.End = m.exported, m.exported
	if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
		_, h.answer = icmpRequest(f.Proto, uint8(f.DstPort>>8))
		f.SrcPort, f.DstPort = 0, 0
	}
	back := f.Proto == netcase.TCP && h.flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK || h.fromResponder()
	if f.Reach == netcase.ReachUnknown && !back && (f.Proto != netcase.TCP || h.flags&tcpACK == 0) {
		f.Reach = netcase.ReachAllowed
	}
	if back {
		*f = turned(*f)
	}
	f.Continued = f.Proto == netcase.TCP && (h.flags&tcpSYN == 0 || back)
	f.Sensor, f.Flows, f.Records, f.Resolution = m.exporter.sensor, 1, 1, netcase.ResolutionSampled
	if _, err := inRange(f.Start.Std()); err != nil {
		r.in.reject(m.place.Offset, "time: "+err.Error())
		return
	}
	if w := r.in.Wanted; w != nil && !w(f.Src, f.Dst) && !w(f.Dst, f.Src) {
		r.in.Skip("between other ends")
		return
	}
	if r.in.Raw {
		f.Place = m.place
		f.Place.Item = m.item
		f.Raw, f.Context, f.Stamp = m.raw, m.context, stampOf(int64(f.Start)*microsecondMS)
	}
	r.accept(*f)
}
