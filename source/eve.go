package source

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"netcase"
)

var suricataEVE = Format{
	Name: "suricata-eve",
	Doc:  "Suricata eve.json: flows, alerts, anomalies, DNS, TLS, HTTP, SSH and RDP",
	Proves: "who began, whether the handshake was completed or refused, payload and packets each way, and what a signature met; " +
		"an alert's “allowed” says only that the rule did not drop, and a flow drop is told only where Suricata stands in line",
	Detect: detectEVE,
	Decode: decodeEVE,
	Draws:  true,
	Split:  func([]byte) *Split { return &Split{Cut: WholeLines} },
}

const eveSensor = "suricata"

// eveReader decodes one input.
type eveReader struct {
	in    *Input
	out   Sink
	lines *Lines
	batch netcase.Batch
	raws  []byte
	names names
	row   eveRow
	hosts map[string]string // host -> sensor

	object zeekObject
	cells  [eveCells][]byte // of the record that quick takes
	day    eveDay
	slow   bool // without quick: its twin
}

// eveRow is one record: its members, and objects whole.
type eveRow struct {
	stamp, kind, flowID, src, srcPort, dst, dstPort, proto, direction, host []byte
	flow, tcp, alert, verdict, anomaly, dns, tls, http, ssh, rdp            []byte
}

// field is where a member of a record goes; nil: it is not wanted.
func (r *eveRow) field(key []byte) *[]byte {
	switch string(key) {
	case "timestamp":
		return &r.stamp
	case "event_type":
		return &r.kind
	case "flow_id":
		return &r.flowID
	case "src_ip":
		return &r.src
	case "src_port":
		return &r.srcPort
	case "dest_ip":
		return &r.dst
	case "dest_port":
		return &r.dstPort
	case "proto":
		return &r.proto
	case "direction":
		return &r.direction
	case "host":
		return &r.host
	case "flow":
		return &r.flow
	case "tcp":
		return &r.tcp
	case "alert":
		return &r.alert
	case "verdict":
		return &r.verdict
	case "anomaly":
		return &r.anomaly
	case "dns":
		return &r.dns
	case "tls":
		return &r.tls
	case "http":
		return &r.http
	case "ssh":
		return &r.ssh
	case "rdp":
		return &r.rdp
	}
	return nil
}

// detectEVE wants a line that names its event and its time as Suricata does.
func detectEVE(head []byte) (bool, string) {
	if !jsonText(head) || bytes.TrimLeft(head, " \t\r\n\ufeff")[0] != '{' {
		return false, "it does not begin with a JSON object"
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n\ufeff"), []byte("\n"))
	if !memberIn(line, "event_type") || !memberIn(line, "timestamp") {
		return false, "its first record lacks event_type or timestamp"
	}
	if memberIn(line, "eventid") || memberIn(line, "@timestamp") {
		return false, "its first record is of another program"
	}
	for _, own := range []string{"flow_id", "src_ip", "stats", "pcap_cnt", "in_iface", "engine"} {
		if memberIn(line, own) {
			return true, ""
		}
	}
	return false, "its first record has none of the members that Suricata writes"
}

func decodeEVE(ctx context.Context, in *Input, out Sink) error {
	return newEVEReader(in, out).decode(ctx)
}

func newEVEReader(in *Input, out Sink) *eveReader {
	r := &eveReader{in: in, out: out, lines: in.lines(), names: names{}, hosts: map[string]string{}}
	r.object.book = newKeyBook(eveBookField)
	return r
}

func (r *eveReader) decode(ctx context.Context) error {
	for r.lines.Next() {
		r.line()
		if r.batch.Len() >= BatchSize {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", r.lines.Number(), err)
	}
	return nil
}

func (r *eveReader) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.batch.Len() == 0 {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	r.raws = r.raws[:0]
	return err
}

// line takes one line. Whatever goes wrong inside costs this line alone.
func (r *eveReader) line() {
	line := r.lines.Bytes()
	read := r.in.Report.Read
	defer func() {
		if p := recover(); p != nil && r.in.Report.Read == read {
			r.reject("", fmt.Sprintf("panic: %v", p))
		}
	}()
	if r.lines.TooLong() {
		r.reject("", "longer than 16 MB")
		return
	}
	if len(bytes.TrimSpace(line)) == 0 || !r.slow && r.quick(line) {
		return
	}
	r.row = eveRow{}
	o := flatObject{b: line, loose: true}
	for o.next() {
		to := r.row.field(o.key)
		if to == nil {
			continue
		}
		if o.kind == '{' {
			*to = o.value
		} else {
			*to = o.scalar()
		}
	}
	if o.fault != "" {
		if r.lines.Unfinished() {
			r.in.EndsWithin("a record")
			o.fault = "the record is cut off at the end of the input: " + o.fault
		}
		r.reject("", o.fault)
		return
	}
	if field, reason := r.event(); reason != "" {
		r.reject(field, reason)
	}
}

func (r *eveReader) reject(field, reason string) {
	r.in.Reject(r.lines.Number(), 0, field, reason, r.lines.Bytes())
}

// event takes a record by its kind.
func (r *eveReader) event() (field, reason string) {
	switch string(r.row.kind) {
	case "flow":
		return r.flow()
	case "alert":
		return r.alert()
	case "anomaly":
		return r.anomaly()
	case "dns":
		return r.dns()
	case "tls":
		return r.name("tls", r.row.tls, "sni", "version")
	case "http":
		return r.name("http", r.row.http, "hostname", "status")
	case "ssh":
		return r.connect("ssh", r.row.ssh)
	case "rdp":
		return r.connect("rdp", r.row.rdp)
	case "netflow":
		r.in.Skip("netflow: one direction of a flow; flow records have both")
		return "", ""
	case "":
		return "event_type", "missing"
	}
	r.in.Skip("event_type " + string(r.row.kind[:min(len(r.row.kind), maxName)]))
	return "", ""
}

// members reads an object's wanted members.
func (r *eveReader) members(object []byte, want func(key []byte) *[]byte) (reason string) {
	if object == nil {
		return ""
	}
	o := flatObject{b: object, loose: true}
	for o.next() {
		if to := want(o.key); to != nil {
			*to = o.scalar()
		}
	}
	return o.fault
}

// ends reads the two ends and the protocol.
func (r *eveReader) ends() (src, dst netcase.Endpoint, ports [2]uint16, proto uint8, field, reason string) {
	a, ok := addressIn(r.row.src)
	if !ok {
		return src, dst, ports, 0, "src_ip", "not an address"
	}
	b, ok := addressIn(r.row.dst)
	if !ok {
		return src, dst, ports, 0, "dest_ip", "not an address"
	}
	for i, cell := range [2][]byte{r.row.srcPort, r.row.dstPort} {
		if cell == nil {
			continue
		}
		if ports[i], ok = portIn(cell); !ok {
			return src, dst, ports, 0, []string{"src_port", "dest_port"}[i], "not a port"
		}
	}
	proto, ok = eveProtocol(r.row.proto)
	if !ok {
		return src, dst, ports, 0, "proto", "not known"
	}
	return netcase.At(a), netcase.At(b), ports, proto, "", ""
}

// eveProtocol reads a protocol as Suricata writes it.
func eveProtocol(b []byte) (uint8, bool) {
	switch string(b) {
	case "TCP":
		return netcase.TCP, true
	case "UDP":
		return netcase.UDP, true
	case "ICMP":
		return netcase.ICMP, true
	case "IPv6-ICMP":
		return netcase.ICMPv6, true
	case "SCTP":
		return 132, true
	case "GRE":
		return 47, true
	case "ESP":
		return 50, true
	case "IGMP":
		return 2, true
	case "":
		return 0, true
	}
	if p, ok := protocolIn(b); ok {
		return p, true
	}
	return 0, len(b) <= maxName && bytes.IndexFunc(b, func(r rune) bool { return r < ' ' }) < 0 // a name that has no number here
}

// eveFlow is the members of a flow that are read.
type eveFlow struct {
	pktsOut, pktsIn, bytesOut, bytesIn, start, end, state, action []byte
	flagsOut, flagsIn                                             []byte
}

func (f *eveFlow) field(key []byte) *[]byte {
	switch string(key) {
	case "pkts_toserver":
		return &f.pktsOut
	case "pkts_toclient":
		return &f.pktsIn
	case "bytes_toserver":
		return &f.bytesOut
	case "bytes_toclient":
		return &f.bytesIn
	case "start":
		return &f.start
	case "end":
		return &f.end
	case "state":
		return &f.state
	case "action":
		return &f.action
	}
	return nil
}

func (f *eveFlow) tcpField(key []byte) *[]byte {
	switch string(key) {
	case "tcp_flags_ts":
		return &f.flagsOut
	case "tcp_flags_tc":
		return &f.flagsIn
	}
	return nil
}

func (r *eveReader) flow() (field, reason string) {
	var x eveFlow
	if reason := r.members(r.row.flow, x.field); reason != "" {
		return "flow", reason
	}
	if reason := r.members(r.row.tcp, x.tcpField); reason != "" {
		return "tcp", reason
	}
	return r.flowOf(&x)
}

// flowOf hands over a flow by its members.
func (r *eveReader) flowOf(x *eveFlow) (field, reason string) {
	src, dst, ports, proto, field, reason := r.ends()
	if reason != "" {
		return field, reason
	}
	if r.in.passes(r.place(), src, dst) {
		return "", ""
	}
	stamp := x.start
	if stamp == nil {
		stamp = r.row.stamp
	}
	start, ok := r.time(stamp)
	if !ok {
		return "flow.start", "not a time"
	}
	f := nextFlow(&r.batch)
	f.Start, f.End, f.Src, f.Dst, f.SrcPort, f.DstPort, f.Proto = start, start, src, dst, ports[0], ports[1], proto
	if end, ok := r.time(x.end); ok {
		f.End = max(end, start)
	}
	for _, c := range []struct {
		cell []byte
		to   *int64
		name string
	}{
		{x.pktsOut, &f.PacketsOut, "flow.pkts_toserver"}, {x.pktsIn, &f.PacketsIn, "flow.pkts_toclient"},
		{x.bytesOut, &f.OctetsOut, "flow.bytes_toserver"}, {x.bytesIn, &f.OctetsIn, "flow.bytes_toclient"},
	} {
		if *c.to, ok = parseCount(c.cell); !ok {
			r.batch.Flows = r.batch.Flows[:len(r.batch.Flows)-1]
			return c.name, "not a count"
		}
	}
	f.Reach, f.Continued = eveReach(f, x)
	f.Resolution, f.Sensor = netcase.ResolutionRaw, r.sensor()
	if r.row.flowID != nil && !r.in.Alone {
		f.Key = newDigest(eveSensor).bytes(r.row.flowID).number(uint64(start)).addr(src.Addr).addr(dst.Addr).key()
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Stamp = r.place(), r.kept(), nameIn(stamp, maxName)
	}
	r.in.AcceptFlow(&r.batch, f)
	return "", ""
}

// TCP flags.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// eveReach is what a flow record proves. A SYN that was answered with SYN and ACK and
// then left alone passed, and completed nothing: it counts as allowed.
func eveReach(f *netcase.Flow, x *eveFlow) (reach netcase.Reach, continued bool) {
	switch {
	case string(x.action) == "drop" || string(x.action) == "reject":
		return netcase.ReachDenied, false
	case f.PacketsIn == netcase.Absent:
		return netcase.ReachUnknown, false
	case f.PacketsIn == 0:
		return netcase.ReachNoReply, false
	case f.Proto != netcase.TCP:
		return netcase.ReachBidirectional, false
	}
	out, in := tcpFlags(x.flagsOut), tcpFlags(x.flagsIn)
	switch {
	case out < 0 || in < 0: // no flags were recorded
		if s := string(x.state); s == "established" || s == "closed" && f.PacketsOut > 2 {
			return netcase.ReachBidirectional, false
		}
		return netcase.ReachUnknown, false
	case out == 0 && in == 0: // the handshake was not seen, packets both ways were
		return netcase.ReachBidirectional, true
	case in&flagSYN != 0 && out&flagACK != 0:
		return netcase.ReachBidirectional, false
	case in&flagSYN != 0:
		return netcase.ReachAllowed, false
	case in&flagRST != 0 && out&flagSYN != 0:
		return netcase.ReachRefused, false
	case out&flagSYN == 0:
		return netcase.ReachBidirectional, true
	}
	return netcase.ReachAllowed, false
}

// tcpFlags reads the hexadecimal sum of flags; less than zero: there is none.
func tcpFlags(b []byte) int {
	n, err := strconv.ParseUint(string(b), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

func (r *eveReader) alert() (field, reason string) {
	var action, name, id, category, severity, src, dst, srcPort, dstPort, final []byte
	reason = r.members(r.row.alert, func(key []byte) *[]byte {
		switch string(key) {
		case "action":
			return &action
		case "signature":
			return &name
		case "signature_id":
			return &id
		case "category":
			return &category
		case "severity":
			return &severity
		}
		return nil
	})
	if reason != "" {
		return "alert", reason
	}
	reason = r.members(r.row.verdict, func(key []byte) *[]byte {
		if string(key) == "action" {
			return &final
		}
		return nil
	})
	if reason != "" {
		return "verdict", reason
	}
	reason = r.members(r.row.flow, func(key []byte) *[]byte {
		switch string(key) {
		case "src_ip":
			return &src
		case "dest_ip":
			return &dst
		case "src_port":
			return &srcPort
		case "dest_port":
			return &dstPort
		}
		return nil
	})
	if reason != "" {
		return "flow", reason
	}
	// The ends of an alert are those of the packet; the flow, or the direction, says who began.
	if src != nil && dst != nil {
		r.row.src, r.row.dst, r.row.srcPort, r.row.dstPort = src, dst, srcPort, dstPort
	} else if string(r.row.direction) == "to_client" {
		r.row.src, r.row.dst, r.row.srcPort, r.row.dstPort = r.row.dst, r.row.src, r.row.dstPort, r.row.srcPort
	}
	blocked := string(action) == "blocked" || string(final) == "drop" || string(final) == "reject"
	return r.alarm(netcase.Alert{
		Name: nameIn(name, maxCommand), ID: nameIn(id, maxName), Category: nameIn(category, maxName), Severity: nameIn(severity, maxName), Blocked: blocked,
	})
}

func (r *eveReader) anomaly() (field, reason string) {
	var event, kind []byte
	reason = r.members(r.row.anomaly, func(key []byte) *[]byte {
		switch string(key) {
		case "event":
			return &event
		case "type":
			return &kind
		}
		return nil
	})
	if reason != "" {
		return "anomaly", reason
	}
	return r.alarm(netcase.Alert{Name: nameIn(event, maxCommand), Category: "anomaly " + nameIn(kind, maxName)})
}

// alarm hands over an alert with the ends of the record, as far as it has them.
func (r *eveReader) alarm(a netcase.Alert) (field, reason string) {
	var ok bool
	if a.Time, ok = r.time(r.row.stamp); !ok {
		return "timestamp", "not a time"
	}
	if r.row.src != nil || r.row.dst != nil { // anomalies of the decoder have none
		var ports [2]uint16
		if a.Src, a.Dst, ports, a.Proto, field, reason = r.ends(); reason != "" {
			return field, reason
		}
		a.SrcPort, a.DstPort = ports[0], ports[1]
	}
	a.Sensor = r.sensor()
	if r.in.Raw {
		a.Place, a.Raw, a.Stamp = r.place(), r.kept(), nameIn(r.row.stamp, maxName)
	}
	r.in.AcceptAlert(&r.batch, a)
	return "", ""
}

// query fills what all queries have.
func (r *eveReader) query() (q netcase.Query, field, reason string) {
	t, ok := r.time(r.row.stamp)
	if !ok {
		return q, "timestamp", "not a time"
	}
	q.Time, q.Sensor = t, r.sensor()
	if q.Host, q.Peer, _, _, field, reason = r.ends(); reason != "" {
		return q, field, reason
	}
	if r.in.Raw {
		q.Place, q.Raw, q.Stamp = r.place(), r.kept(), nameIn(r.row.stamp, maxName)
	}
	return q, "", ""
}

func (r *eveReader) name(kind string, object []byte, nameKey, answerKey string) (field, reason string) {
	var name, answer []byte
	reason = r.members(object, func(key []byte) *[]byte {
		switch string(key) {
		case nameKey:
			return &name
		case answerKey:
			return &answer
		}
		return nil
	})
	if reason != "" {
		return kind, reason
	}
	q, field, reason := r.query()
	if reason != "" {
		return field, reason
	}
	q.Name, q.Type = nameIn(name, maxKey), kind
	if answer != nil {
		q.Answer = []string{nameIn(answer, maxName)}
	}
	r.in.AcceptQuery(&r.batch, q)
	return "", ""
}

// maxEVEAnswers bounds the answers of one query that are kept.
const maxEVEAnswers = 64

// dns takes a query or an answer. In an answer the ends are those of the packet: the
// server's first.
func (r *eveReader) dns() (field, reason string) {
	var kind, name, rrtype []byte
	var answers, queries []byte
	o := flatObject{b: r.row.dns, loose: true}
	for o.next() {
		switch string(o.key) {
		case "type":
			kind = o.scalar()
		case "rrname":
			name = o.scalar()
		case "rrtype":
			rrtype = o.scalar()
		case "answers":
			answers = o.value
		case "queries":
			queries = o.value
		}
	}
	if o.fault != "" {
		return "dns", o.fault
	}
	if name == nil && len(queries) > 0 { // version 3 keeps the question in a list
		eachObject(queries, func(o *flatObject) {
			for o.next() {
				switch string(o.key) {
				case "rrname":
					name = o.scalar()
				case "rrtype":
					rrtype = o.scalar()
				}
			}
		})
	}
	q, field, reason := r.query()
	if reason != "" {
		return field, reason
	}
	answered := string(kind) == "answer" || string(kind) == "response"
	if answered && r.row.srcPort != nil && string(r.row.srcPort) == "53" {
		q.Host, q.Peer = q.Peer, q.Host
	}
	q.Name, q.Type = nameIn(name, maxKey), nameIn(rrtype, maxName)
	if len(answers) > 0 && answers[0] == '[' {
		eachObject(answers, func(o *flatObject) {
			for o.next() {
				if string(o.key) == "rdata" && len(q.Answer) < maxEVEAnswers {
					q.Answer = append(q.Answer, nameIn(o.scalar(), maxKey))
				}
			}
		})
	}
	r.in.AcceptQuery(&r.batch, q)
	return "", ""
}

// eachObject visits the objects of a list.
func eachObject(list []byte, visit func(*flatObject)) {
	for i := 1; i < len(list); {
		at := bytes.IndexByte(list[i:], '{')
		if at < 0 {
			return
		}
		o := flatObject{b: list, i: i + at, loose: true}
		if !o.readValue() {
			return
		}
		visit(&flatObject{b: o.value, loose: true})
		i = o.i
	}
}

// connect takes a session of ssh or rdp: a client reached the service. That it logged
// in, no record of Suricata says.
func (r *eveReader) connect(service string, object []byte) (field, reason string) {
	t, ok := r.time(r.row.stamp)
	if !ok {
		return "timestamp", "not a time"
	}
	l := netcase.Login{Time: t, Event: netcase.LoginConnect, Service: service, Sensor: r.sensor()}
	var ports [2]uint16
	if l.Peer, l.Host, ports, _, field, reason = r.ends(); reason != "" {
		return field, reason
	}
	l.PeerPort = ports[0]
	var cookie []byte
	reason = r.members(object, func(key []byte) *[]byte {
		if string(key) == "cookie" {
			return &cookie
		}
		return nil
	})
	if reason != "" {
		return service, reason
	}
	l.Account = nameIn(cookie, maxName)
	if r.in.Raw {
		l.Place, l.Raw, l.Stamp = r.place(), r.kept(), nameIn(r.row.stamp, maxName)
	}
	r.in.AcceptLogin(&r.batch, l)
	return "", ""
}

// sensor is the sensor with the host that the record names.
func (r *eveReader) sensor() string {
	if r.row.host == nil {
		return eveSensor
	}
	if s, ok := r.hosts[string(r.row.host)]; ok {
		return s
	}
	if len(r.hosts) >= zeekSensors {
		return eveSensor
	}
	s := eveSensor + "/" + nameIn(r.row.host, maxName)
	r.hosts[string(r.row.host)] = s
	return s
}

func (r *eveReader) place() netcase.Place {
	return netcase.Place{Line: r.lines.Number(), Offset: r.lines.Offset()}
}

// kept is a copy of the line for the batch at hand.
func (r *eveReader) kept() []byte {
	start := len(r.raws)
	r.raws = append(r.raws, r.lines.Bytes()...)
	return r.raws[start:len(r.raws):len(r.raws)]
}

// time reads 2017-04-07T22:24:37.251547+0100: the offset has no colon.
func (r *eveReader) time(b []byte) (netcase.Time, bool) {
	if !r.slow {
		if at, ok := r.quickTime(b); ok {
			return at, true
		}
	}
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	part := func(from, to int) (n int64) {
		for _, c := range b[from:to] {
			if !isDigit(c) {
				return -1
			}
			n = 10*n + int64(c-'0')
		}
		return n
	}
	y, mo, d, h, m, s := part(0, 4), part(5, 7), part(8, 10), part(11, 13), part(14, 16), part(17, 19)
	if y < 0 || mo < 1 || mo > 12 || d < 1 || d > daysIn(int(y), int(mo)) || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return 0, false
	}
	day := daysSince1970(y, mo, d) * 86400
	r.day = eveDay{text: [len(r.day.text)]byte(b), at: netcase.Time(day) * netcase.Second}
	ms := (day + h*3600 + m*60 + s) * 1000
	i := 19
	if b[i] == '.' {
		scale := int64(100)
		for i++; i < len(b) && isDigit(b[i]); i++ {
			ms += scale * int64(b[i]-'0')
			scale /= 10
		}
	}
	zone := b[i:]
	if string(zone) == "Z" {
		return netcase.Time(max(ms, 1)), true
	}
	if len(zone) == 6 && zone[3] == ':' {
		zone = append(append(make([]byte, 0, 5), zone[:3]...), zone[4:]...)
	}
	if len(zone) != 5 || zone[0] != '+' && zone[0] != '-' {
		return 0, false
	}
	for _, c := range zone[1:] {
		if !isDigit(c) {
			return 0, false
		}
	}
	offset := (int64(zone[1]-'0')*10+int64(zone[2]-'0'))*60 + int64(zone[3]-'0')*10 + int64(zone[4]-'0')
	if zone[0] == '-' {
		offset = -offset
	}
	return netcase.Time(max(ms-offset*60_000, 1)), true
}
