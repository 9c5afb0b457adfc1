package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"

	"netcase"
)

const formatNetflow = "netflow-pcap"

// netflowCapture reads the flow records that travel in a capture of a collector's
// port. It is a format of its own and never a part of reading traffic: anybody can
// send a forged record to such a port, and must not thereby invent flows.
var netflowCapture = Format{
	Name: formatNetflow,
	Doc:  "a capture of NetFlow v5, v9, IPFIX or sFlow on its way to a collector; the records inside are read",
	Proves: "how many octets (with headers) and packets went each way, as the exporter counted; opposite records are joined into one flow, " +
		"whose beginner follows from TCP flags, start times, else ports; sampled counts are not scaled up, and what a rule decided shows only where the exporter says it",
	Detect: detectNetflow,
	Decode: decodeNetflow,
}

// headPackets is how many packets are asked what a capture holds.
const headPackets = 50

func detectNetflow(head []byte) (bool, string) {
	if _, why := captureHead(head); why != "" {
		return false, why
	}
	c := newCaptureScan(bytes.NewReader(head))
	exports, all := 0, 0
	for all < headPackets && c.Next() {
		all++
		var k packet
		if k.link(c.link, c.data, c.length) == "" && k.proto == netcase.UDP && isExport(k.dport, k.payload) {
			exports++
		}
	}
	if exports == 0 || 2*exports <= all {
		return false, fmt.Sprintf("of the first %d packets %d are NetFlow, IPFIX or sFlow: it is a capture of traffic", all, exports)
	}
	return true, ""
}

// maxExporters bounds the exporters whose templates are remembered.
const maxExporters = 1024

// netflowReader reads export packets.
type netflowReader struct {
	in        *Input
	out       Sink
	packets   *captureScan
	pairs     *pairing
	exporters map[exporterKey]*exporter
	batch     netcase.Batch
	err       error

	untimed int64 // records without times
}

// exporterKey is an observation domain of an exporter: templates are its own.
type exporterKey struct {
	addr    netip.Addr
	domain  uint32
	version uint16
}

// exportMessage is one export packet.
type exportMessage struct {
	exporter *exporter
	version  int
	exported netcase.Time
	boot     netcase.Time // when the exporter's clock of uptimes stood at zero; zero: not known
	uptime   uint32
	place    netcase.Place
	raw      []byte
	context  string
	item     int32
}

func decodeNetflow(ctx context.Context, in *Input, out Sink) error {
	r := &netflowReader{in: in, out: out, packets: newCaptureScan(in.R), exporters: map[exporterKey]*exporter{}}
	r.packets.fault = in.reject
	r.pairs = newPairing(r.accept)
	for n := 0; r.packets.Next(); n++ {
		if n%BatchSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r.packet()
		if r.err != nil {
			return r.err
		}
	}
	r.packets.told(in)
	r.end()
	if r.err == nil && r.batch.Len() > 0 {
		r.err = out(&r.batch)
	}
	return errors.Join(r.err, r.packets.Err())
}

func (r *netflowReader) accept(f netcase.Flow) {
	r.in.Accept(&r.batch, f)
	if r.batch.Len() >= BatchSize && r.err == nil {
		r.err = r.out(&r.batch)
		r.batch.Reset()
	}
}

// packet reads one packet of the capture.
func (r *netflowReader) packet() {
	s := r.packets
	var k packet
	if reason := k.link(s.link, s.data, s.length); reason != "" {
		r.in.Skip(reason)
		return
	}
	if k.proto != netcase.UDP || k.later || !isExport(k.dport, k.payload) {
		r.in.Skip("a packet that is no NetFlow, IPFIX or sFlow")
		return
	}
	counted := r.in.Report.Read
	defer func() {
		if p := recover(); p != nil {
			if r.in.Report.Read == counted {
				r.in.reject(s.offset, fmt.Sprintf("panic: %v", p))
			} else {
				r.in.Note("the decoder failed after it had counted a record: %v", p)
			}
		}
	}()
	m := &exportMessage{version: exportVersion(k.payload), place: netcase.Place{Offset: s.offset}}
	if r.in.Raw {
		m.raw = bytes.Clone(s.raw)
	}
	r.read(m, k.src.netip(), k.payload, netcase.Time(s.micros/microsecondMS))
}

func (r *netflowReader) read(m *exportMessage, from netip.Addr, b []byte, seen netcase.Time) {
	switch m.version {
	case 5:
		r.v5(m, from, b)
	case 105:
		r.sflow(m, b, seen)
	default:
		r.templated(m, from, b)
	}
}

// exporter is the state of an exporter, or nil where there are too many.
func (r *netflowReader) exporter(key exporterKey, family string) *exporter {
	e, ok := r.exporters[key]
	if !ok && len(r.exporters) < maxExporters {
		e = &exporter{sensor: family + "/" + key.addr.String(), templates: map[uint32]any{}, pending: map[uint32][]pendingSet{}}
		r.exporters[key] = e
	}
	return e
}

const tooManyExporters = "more than 1024 exporters"

// The layout of NetFlow v5.
const (
	v5Header  = 24
	v5Record  = 48
	v5Mode    = 14 // the first bits of the sampling interval are its mode
	v5Timeout = 1 << v5Mode
)

func (r *netflowReader) v5(m *exportMessage, from netip.Addr, b []byte) {
	var p netflowlegacy.PacketNetFlowV5
	stated := int(b[2])<<8 | int(b[3])
	whole := min(stated, (len(b)-v5Header)/v5Record)
	m.exporter = r.exporter(exporterKey{addr: from, version: 5}, "netflow")
	if m.exporter == nil {
		r.in.reject(m.place.Offset, tooManyExporters)
		return
	}
	if err := netflowlegacy.DecodeMessageVersion(bytes.NewBuffer(b), &p); err != nil {
		r.in.reject(m.place.Offset, err.Error())
		return
	}
	m.exported = netcase.Time(p.UnixSecs)*netcase.Second + netcase.Time(p.UnixNSecs/1_000_000)
	m.uptime = p.SysUptime
	m.boot = m.exported - netcase.Time(p.SysUptime)
	m.context = fmt.Sprintf("NetFlow v5 of %s, engine %d/%d, exported %s", from, p.EngineType, p.EngineId, m.exported)
	m.exporter.sampled(r.in, uint64(p.SamplingInterval%v5Timeout))
	for i := range p.Records[:whole] {
		v := &p.Records[i]
		h := half{flags: v.TCPFlags, flagged: true}
		h.flow = netcase.Flow{
			Src: netcase.At(ipv4Of(uint32(v.SrcAddr))), Dst: netcase.At(ipv4Of(uint32(v.DstAddr))), Proto: v.Proto,
			SrcPort: v.SrcPort, DstPort: v.DstPort, Start: m.since(v.First), End: m.since(v.Last),
			OctetsOut: int64(v.DOctets), PacketsOut: int64(v.DPkts), OctetsIn: netcase.Absent, PacketsIn: netcase.Absent,
		}
		r.record(m, h)
	}
	for range stated - whole {
		r.in.reject(m.place.Offset, "the packet ends within its records")
	}
}

func ipv4Of(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// since is an uptime of the exporter as an instant. An uptime later than that of
// the packet is from before the counter of 49.7 days began anew.
func (m *exportMessage) since(uptime uint32) netcase.Time {
	at := m.boot + netcase.Time(uptime)
	if uptime > m.uptime && uptime-m.uptime > 1<<31 {
		at -= 1 << 32
	}
	return at
}

// record completes a record and hands it to its opposite.
func (r *netflowReader) record(m *exportMessage, h half) {
	f := &h.flow
	m.item++
	f.Sensor, f.Records = m.exporter.sensor, 1
	f.Flows = max(f.Flows, 1)
	f.Resolution = netcase.ResolutionRaw
	if m.exporter.interval > 1 {
		f.Resolution = netcase.ResolutionSampled
	}
	if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
		kind := uint8(f.DstPort >> 8)
		_, h.answer = icmpRequest(f.Proto, kind)
		f.SrcPort, f.DstPort = 0, 0
	}
	if f.OctetsOut > maxSize || f.OctetsIn > maxSize || f.PacketsOut > maxSize || f.PacketsIn > maxSize {
		r.in.reject(m.place.Offset, "a counter that cannot be")
		return
	}
	if !f.Start.Known() {
		r.untimed++
		f.Start, f.End = m.exported, m.exported
	}
	f.End = max(f.Start, f.End)
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
		f.Raw, f.Context = m.raw, m.context
		f.Stamp = stampOf(int64(f.Start) * microsecondMS)
	}
	r.pairs.add(h)
}

// end hands on what still waits, and says what holds for the whole.
func (r *netflowReader) end() {
	r.pairs.end()
	for _, e := range r.exporters {
		for _, sets := range e.pending {
			for range sets {
				r.in.Reject(0, 0, "", "data of a template that the capture does not have", nil)
			}
		}
	}
	if r.untimed > 0 {
		r.in.Note("%d records have no time of their own: that of their export was taken", r.untimed)
	}
}

// exporter is what is remembered of an observation domain.
type exporter struct {
	sensor    string
	interval  uint64 // one packet in so many is counted; 0: not stated
	templates map[uint32]any
	pending   map[uint32][]pendingSet // data that came before its template
	held      int                     // bytes of it
	added     []uint16                // templates of the current message
}

// pendingSet is data that waits for its template.
type pendingSet struct {
	data    []byte
	message exportMessage
}

const (
	maxTemplates = 4096
	maxPending   = 4 << 20 // bytes an exporter
)

// sampled notes a sampling interval. Counts are not scaled up.
func (e *exporter) sampled(in *Input, interval uint64) {
	if interval > 1 && interval > e.interval {
		e.interval = interval
		in.Note("%s counts one packet in %d: octets and packets are as counted, not scaled up", e.sensor, interval)
	}
}

// AddTemplate, GetTemplate, RemoveTemplate and GetTemplates make an exporter what
// the decoder keeps templates in.

var errTemplate = errors.New("a template that cannot be")

// AddTemplate remembers a template. One that would make many fields out of few
// bytes is refused: the decoder allocates every field of every record.
func (e *exporter) AddTemplate(_ uint16, _ uint32, id uint16, template any) error {
	fields, size := 0, 0
	count := func(all []netflow.Field) {
		for _, f := range all {
			fields++
			if f.Length == variableLength {
				size++
			} else {
				size += int(f.Length)
			}
		}
	}
	fixed := 0
	switch t := template.(type) {
	case netflow.TemplateRecord:
		count(t.Fields)
		fixed = netflow.GetTemplateSize(0, t.Fields)
	case netflow.IPFIXOptionsTemplateRecord:
		count(t.Scopes)
		count(t.Options)
		fixed = netflow.GetTemplateSize(0, t.Scopes) + netflow.GetTemplateSize(0, t.Options)
	case netflow.NFv9OptionsTemplateRecord:
		count(t.Scopes)
		count(t.Options)
		fixed = netflow.GetTemplateSize(0, t.Scopes) + netflow.GetTemplateSize(0, t.Options)
	}
	if fields == 0 { // IPFIX withdraws a template so
		delete(e.templates, uint32(id))
		return nil
	}
	if fixed == 0 || fields > size || id < 256 {
		return errTemplate
	}
	if _, ok := e.templates[uint32(id)]; !ok && len(e.templates) >= maxTemplates {
		return errors.New("more than 4096 templates")
	}
	e.templates[uint32(id)] = template
	e.added = append(e.added, id)
	return nil
}

const variableLength = 0xffff

// GetTemplate finds a template.
func (e *exporter) GetTemplate(_ uint16, _ uint32, id uint16) (any, error) {
	if t, ok := e.templates[uint32(id)]; ok {
		return t, nil
	}
	return nil, netflow.ErrorTemplateNotFound
}

// RemoveTemplate forgets a template.
func (e *exporter) RemoveTemplate(_ uint16, _ uint32, id uint16) (any, error) {
	t, err := e.GetTemplate(0, 0, id)
	delete(e.templates, uint32(id))
	return t, err
}

// GetTemplates is not asked by the decoder.
func (e *exporter) GetTemplates() netflow.FlowBaseTemplateSet { return nil }

// templated reads a packet of NetFlow v9 or IPFIX.
func (r *netflowReader) templated(m *exportMessage, from netip.Addr, b []byte) {
	var nine netflow.NFv9Packet
	var ten netflow.IPFIXPacket
	domain := be32(b[12:])
	if m.version == 9 {
		domain = be32(b[16:])
	}
	family := "netflow"
	if m.version == 10 {
		family = "ipfix"
	}
	m.exporter = r.exporter(exporterKey{addr: from, domain: domain, version: uint16(m.version)}, family)
	if m.exporter == nil {
		r.in.reject(m.place.Offset, tooManyExporters)
		return
	}
	counted := r.in.Report.Read
	waiting := m.exporter.held
	m.exporter.added = m.exporter.added[:0]
	err := netflow.DecodeMessageVersion(bytes.NewBuffer(b), m.exporter, &nine, &ten)
	sets := nine.FlowSets
	name := "NetFlow v9"
	if m.version == 9 {
		m.exported = netcase.Time(nine.UnixSeconds) * netcase.Second
		m.uptime, m.boot = nine.SystemUptime, m.exported-netcase.Time(nine.SystemUptime)
	} else {
		name, sets, m.exported = "IPFIX", ten.FlowSets, netcase.Time(ten.ExportTime)*netcase.Second
	}
	m.context = fmt.Sprintf("%s of %s, domain %d, exported %s", name, from, domain, m.exported)
	r.replay(m.exporter)
	before := r.in.Report.Read
	queued := len(r.pairs.queue)
	for _, set := range sets {
		r.set(m, set)
	}
	if err != nil && !errors.Is(err, netflow.ErrorTemplateNotFound) {
		r.in.reject(m.place.Offset, "the rest of the packet: "+innermost(err))
	}
	if r.in.Report.Read == before && before == counted && m.item == 0 && m.exporter.held == waiting && len(r.pairs.queue) == queued {
		r.in.Skip("templates and options, no flow records")
	}
}

// innermost is the cause of an error, without the numbers that differ from packet
// to packet.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func (r *netflowReader) set(m *exportMessage, set any) {
	switch s := set.(type) {
	case netflow.DataFlowSet:
		if len(s.Records) == 0 {
			r.in.reject(m.place.Offset, "the data is shorter than its template")
		}
		for i := range s.Records {
			r.fields(m, s.Records[i].Values)
		}
	case netflow.OptionsDataFlowSet:
		for i := range s.Records {
			r.options(m, s.Records[i].OptionsValues)
		}
	case netflow.RawFlowSet:
		e := m.exporter
		if e.held+len(s.Records)+len(m.raw) > maxPending {
			r.in.reject(m.place.Offset, "data of a template that has not come yet")
			return
		}
		kept := *m
		e.held += len(s.Records) + len(m.raw)
		e.pending[uint32(s.Id)] = append(e.pending[uint32(s.Id)], pendingSet{bytes.Clone(s.Records), kept})
	}
}

// replay reads the data that waited for the templates that have come.
func (r *netflowReader) replay(e *exporter) {
	for _, id := range e.added {
		sets := e.pending[uint32(id)]
		delete(e.pending, uint32(id))
		for i := range sets {
			p := &sets[i]
			e.held -= len(p.data) + len(p.message.raw)
			switch t := e.templates[uint32(id)].(type) {
			case netflow.TemplateRecord:
				records, err := netflow.DecodeDataSet(uint16(p.message.version), bytes.NewBuffer(p.data), t.Fields)
				if err != nil || len(records) == 0 {
					r.in.reject(p.message.place.Offset, "the data does not fit its template")
				}
				for k := range records {
					r.fields(&p.message, records[k].Values)
				}
			default:
				r.in.Skip("templates and options, no flow records")
			}
		}
	}
}

// options learns the sampling interval.
func (r *netflowReader) options(m *exportMessage, values []netflow.DataField) {
	for _, v := range values {
		b, _ := v.Value.([]byte)
		switch v.Type &^ 0x8000 {
		case netflow.IPFIX_FIELD_samplingInterval, 50, 305: // samplerRandomInterval, samplingPacketInterval: see below
			if !v.PenProvided && v.Type != 305 {
				m.exporter.sampled(r.in, unsignedOf(b))
			}
		case 306: // samplingPacketSpace: so many are passed over after each that is taken
			if !v.PenProvided {
				m.exporter.sampled(r.in, unsignedOf(b)+1)
			}
		}
	}
}

// unsignedOf is a number of any length up to eight bytes.
func unsignedOf(b []byte) (v uint64) {
	if len(b) > 8 {
		return 0
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func be32(b []byte) uint32 { return uint32(unsignedOf(b[:4])) }

// Enterprise number of the elements that RFC 5103 reverses.
const reversePEN = 29305

// ntpEpoch is the seconds from 1900 to 1970, for times in NTP's format.
const ntpEpoch = 2208988800

// wireRecord is what is read of the fields of one record.
type wireRecord struct {
	half
	startUp, endUp   uint32
	uptimes          bool
	reverse          bool // it has elements of the other direction
	boot             netcase.Time
	kindCode         uint16
	status, event    uint8
	hasStatus, isEvt bool
	sampled          *packet
	length           int64
}

// fields reads one data record.
func (r *netflowReader) fields(m *exportMessage, values []netflow.DataField) {
	w := wireRecord{}
	w.flow = netcase.Flow{OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent}
	for _, v := range values {
		b, _ := v.Value.([]byte)
		switch {
		case len(b) == 0:
		case v.PenProvided && v.Pen == reversePEN:
			w.back(v.Type, b)
		case !v.PenProvided:
			w.field(v.Type, b, m.exported)
			if v.Type == netflow.IPFIX_FIELD_samplingInterval || v.Type == 50 {
				m.exporter.sampled(r.in, unsignedOf(b))
			}
		}
	}
	w.times(m)
	if w.sampled != nil && !w.flow.Src.Known() {
		w.flow.Src, w.flow.Dst, w.flow.Proto = netcase.At(w.sampled.src.netip()), netcase.At(w.sampled.dst.netip()), w.sampled.proto
		w.flow.SrcPort, w.flow.DstPort, w.flags, w.flagged = w.sampled.sport, w.sampled.dport, w.sampled.flags, true
		w.kindCode = uint16(w.sampled.icmpType) << 8
		w.flow.PacketsOut, w.flow.OctetsOut = 1, w.length
	}
	if !w.flow.Src.Known() || !w.flow.Dst.Known() {
		m.item++
		r.in.Skip("a record without addresses")
		return
	}
	if w.kindCode != 0 {
		w.flow.DstPort = w.kindCode
	}
	w.decide(m.exporter.interval > 1)
	r.record(m, w.half)
}

// decide sets the reach that the exporter itself states, and what kind of record it is.
//
// Source: RFC 7270 section 4.12 (forwardingStatus); IANA IPFIX (firewallEvent).
func (w *wireRecord) decide(sampled bool) {
	f := &w.flow
	if w.reverse {
		w.role = halfBoth
		f.Reach = bothWays(&w.half, &half{flow: netcase.Flow{Proto: f.Proto, OctetsOut: f.OctetsIn, PacketsOut: f.PacketsIn}})
		if f.PacketsIn == 0 || f.PacketsIn == netcase.Absent && f.OctetsIn == 0 {
			f.Reach = netcase.ReachNoReply
		}
		if sampled && f.Reach == netcase.ReachNoReply {
			f.Reach = netcase.ReachAllowed
		}
	}
	if w.isEvt {
		switch w.event {
		case 1:
			w.role, f.Reach = halfCreated, netcase.ReachAllowed
		case 2:
			w.role, f.Reach = halfDeleted, netcase.ReachAllowed
			if f.OctetsOut > 0 && f.OctetsIn > 0 {
				f.Reach = netcase.ReachBidirectional
			}
		case 3:
			w.role, f.Reach = halfBoth, netcase.ReachDenied
		}
	}
	if w.hasStatus && w.status>>6 == 2 {
		f.Reach = netcase.ReachDenied
	}
}

func (w *wireRecord) back(kind uint16, b []byte) {
	n := int64(min(unsignedOf(b), 1<<62))
	switch kind &^ 0x8000 {
	case 1, 85:
		w.flow.OctetsIn, w.reverse = n, true
	case 2, 86:
		w.flow.PacketsIn, w.reverse = n, true
	}
}

// field reads one element.
//
// Source: https://www.iana.org/assignments/ipfix; NetFlow v9 has the same numbers.
func (w *wireRecord) field(kind uint16, b []byte, exported netcase.Time) {
	f, n := &w.flow, unsignedOf(b)
	count := int64(min(n, 1<<62))
	switch kind {
	case 1, 85, 231: // octetDeltaCount, octetTotalCount, initiatorOctets
		f.OctetsOut = count
	case 2, 86, 298:
		f.PacketsOut = count
	case 232: // responderOctets
		f.OctetsIn, w.reverse = count, true
	case 299:
		f.PacketsIn, w.reverse = count, true
	case 3: // deltaFlowCount
		f.Flows = min(max(count, 1), maxExact)
	case 4:
		f.Proto = uint8(n)
	case 6:
		w.flags, w.flagged = uint8(n), true
	case 7, 180, 182:
		f.SrcPort = uint16(n)
	case 11, 181, 183:
		f.DstPort = uint16(n)
	case 8, 27:
		f.Src = wireEnd(b)
	case 12, 28:
		f.Dst = wireEnd(b)
	case 32, 139:
		w.kindCode = uint16(n)
	case 176, 178:
		w.kindCode = uint16(n) << 8
	case 89:
		w.status, w.hasStatus = uint8(n), true
	case 233:
		w.event, w.isEvt = uint8(n), n > 0
	case 22, 21:
		w.uptimes = true
		if kind == 22 {
			w.startUp = uint32(n)
		} else {
			w.endUp = uint32(n)
		}
	case 160:
		w.boot = netcase.Time(count)
	case 312, 352: // dataLinkFrameSize, layer2OctetDeltaCount
		w.length = count
	case 104, 315, 313:
		w.section(kind, b)
	default:
		w.instant(kind, count, n, exported)
	}
}

// section reads the start of a sampled packet.
func (w *wireRecord) section(kind uint16, b []byte) {
	link := uint32(linkEthernet)
	if kind == 313 {
		link = linkRaw
	}
	var k packet
	if k.link(link, b, len(b)) == "" {
		w.sampled = &k
	}
	if w.length == 0 {
		w.length = netcase.Absent
	}
}

func (w *wireRecord) instant(kind uint16, count int64, n uint64, exported netcase.Time) {
	f := &w.flow
	ntp := func() netcase.Time {
		return netcase.Time((int64(n>>32)-ntpEpoch)*1000 + int64((n&0xffffffff)*1000>>32))
	}
	switch kind {
	case 150:
		f.Start = netcase.Time(min(count, 1<<40)) * netcase.Second
	case 151:
		f.End = netcase.Time(min(count, 1<<40)) * netcase.Second
	case 152, 323, 258, 324: // flowStartMilliseconds, observation and collection times
		if kind == 152 || !f.Start.Known() {
			f.Start = netcase.Time(count)
			if kind == 324 {
				f.Start /= 1000
			}
		}
	case 153:
		f.End = netcase.Time(count)
	case 154, 156:
		f.Start = ntp()
	case 155, 157:
		f.End = ntp()
	case 158:
		f.Start = exported - netcase.Time(count/1000)
	case 159:
		f.End = exported - netcase.Time(count/1000)
	}
}

func wireEnd(b []byte) netcase.Endpoint {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return netcase.Endpoint{}
	}
	return netcase.At(a)
}

// times turns uptimes into instants. IPFIX may lack the instant of the start; the
// end then is that of the export.
func (w *wireRecord) times(m *exportMessage) {
	f := &w.flow
	if !w.uptimes || f.Start.Known() {
		return
	}
	boot := m.boot
	if w.boot.Known() {
		boot = w.boot
	}
	if boot == 0 {
		f.End = m.exported
		f.Start = m.exported - netcase.Time(w.endUp-w.startUp)
		return
	}
	at := *m
	at.boot = boot
	if m.version == 10 {
		at.uptime = uint32((m.exported - boot) & 0xffffffff)
	}
	f.Start, f.End = at.since(w.startUp), at.since(w.endUp)
}
