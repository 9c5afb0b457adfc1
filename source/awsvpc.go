package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"netcase"
)

const formatAWSVPC = "aws-vpc"

// awsVPC reads VPC flow logs wherever they were delivered to.
var awsVPC = Format{
	Name: formatAWSVPC,
	Doc: "AWS VPC flow logs, versions 2 to 5 and custom column orders: text as in S3 and CloudWatch (also with its time before each line), " +
		"CloudWatch events as JSON or CSV, the Sentinel table AWSVPCFlow",
	Proves: "what security groups and network ACLs accepted or rejected at an interface, octets (with headers) and packets each way, summed over 1 or 10 minutes; " +
		"each direction is a record of its own, joined here; who began follows from TCP flags, start times, else ports; not which process or account it was",
	Detect: detectAWSVPC,
	Decode: decodeAWSVPC,
	Join:   joinAWSVPC,
}

// The fields of a record that are read.
const (
	avInterface = iota
	avSrc
	avDst
	avSrcPort
	avDstPort
	avProto
	avPackets
	avBytes
	avStart
	avEnd
	avAction
	avStatus
	avFlags
	avPktSrc
	avPktDst
	avDirection
	avInstance
	avAccount
	avMessage // of a CloudWatch event: a whole record
	avFields
)

// awsColumns are the fields as the text names them; tables leave the hyphens out or
// write underscores.
//
// Source: Amazon VPC User Guide, "Flow log records", fields of versions 2 to 5.
var awsColumns = map[string]int{
	"interface-id": avInterface, "srcaddr": avSrc, "dstaddr": avDst, "srcport": avSrcPort, "dstport": avDstPort,
	"protocol": avProto, "packets": avPackets, "bytes": avBytes, "start": avStart, "end": avEnd, "action": avAction,
	"log-status": avStatus, "tcp-flags": avFlags, "pkt-srcaddr": avPktSrc, "pkt-dstaddr": avPktDst,
	"flow-direction": avDirection, "instance-id": avInstance, "account-id": avAccount,
}

// awsOtherColumns are further names of columns: the time of the row in Sentinel and in
// CloudWatch Logs Insights, which is when the interval began, and the names of Athena's
// older table.
//
// Source: Amazon Athena User Guide, "Querying Amazon VPC flow logs".
var awsOtherColumns = map[string]int{
	"timegenerated": avStart, "@timestamp": avStart, "starttime": avStart, "endtime": avEnd, "account": avAccount,
	"sourceaddress": avSrc, "destinationaddress": avDst, "sourceport": avSrcPort, "destinationport": avDstPort,
	"numpackets": avPackets, "numbytes": avBytes,
}

// awsKnown are the further fields that a header may name.
var awsKnown = []string{
	"version", "vpc-id", "subnet-id", "type", "region", "az-id", "sublocation-type", "sublocation-id",
	"pkt-src-aws-service", "pkt-dst-aws-service", "traffic-path",
	"ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn", "ecs-container-instance-id", "ecs-container-id",
	"ecs-second-container-id", "ecs-service-name", "ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id", "reject-reason",
}

// awsDefault is the order of version 2, which text without a header has.
var awsDefault = []int{
	-1, avAccount, avInterface, avSrc, avDst, avSrcPort, avDstPort, avProto, avPackets, avBytes, avStart, avEnd, avAction, avStatus,
}

const (
	awsSensors   = 512       // interfaces told apart in one input
	awsMessage   = 8 << 10   // bytes of one record inside a CloudWatch event
	awsLongest   = 24 * 3600 // seconds that a record may stand for
	awsShortest  = 65        // a record of more seconds tells that 10 minutes are summed
	awsLookedAt  = 20        // records that must all be shorter for a minute to be believed
	awsSkipped   = "SKIPDATA: records of the interval were lost at the interface"
	awsNothing   = "NODATA: nothing passed the interface in the interval"
	awsNoAnswers = "aws: one way only"
)

// awsHeader is the order of a header line, or nil where it is none.
func awsHeader(line []byte) []int {
	line = bytes.TrimLeft(line, " \t\r")
	if len(line) == 0 || line[0]|0x20 < 'a' || line[0]|0x20 > 'z' {
		return nil // most lines begin with a number
	}
	words := strings.Fields(string(line[:min(len(line), awsMessage)]))
	var order []int
	found := 0
	for _, w := range words {
		w = strings.ReplaceAll(strings.ToLower(w), "_", "-")
		field, ok := awsColumns[w]
		switch {
		case ok:
			found++
		case slices.Contains(awsKnown, w):
			field = -1
		default:
			return nil
		}
		order = append(order, field)
	}
	if found < 3 || !slices.Contains(order, avSrc) && !slices.Contains(order, avPktSrc) {
		return nil
	}
	return order
}

// awsDefaultRow is the part of a line that is a record in the order of version 2: all
// of it, or what stands behind the time and the stream that CloudWatch's tools print.
func awsDefaultRow(line []byte) ([]byte, bool) {
	for range 3 {
		if isAWSDefault(line) {
			return line, true
		}
		_, rest, more := bytes.Cut(bytes.TrimLeft(line, " \t"), []byte(" "))
		if !more {
			break
		}
		line = bytes.TrimLeft(rest, " \t")
	}
	return nil, false
}

func isAWSDefault(line []byte) bool {
	cells := bytes.Fields(line[:min(len(line), awsMessage)])
	if len(cells) < len(awsDefault) || !bytes.HasPrefix(cells[2], []byte("eni-")) && string(cells[2]) != "-" {
		return false
	}
	switch string(cells[13]) {
	case "OK", "NODATA", "SKIPDATA":
	default:
		return false
	}
	version, err := strconv.Atoi(string(cells[0]))
	return err == nil && version >= 2 && version <= 9 && slices.Contains([]string{"ACCEPT", "REJECT", "-"}, string(cells[12]))
}

func detectAWSVPC(head []byte) (bool, string) {
	line, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\n"))
	if awsHeader(line) != nil {
		return true, ""
	}
	if _, ok := awsDefaultRow(line); ok {
		return true, ""
	}
	h, why := tableHeadOf(head)
	switch {
	case why != "" && !isAWSEvents(head):
		return false, "no line of VPC flow logs: " + why
	case isAWSEvents(head), h.has("message", "@message") && awsWithin(head), awsTable(&h):
		return true, ""
	}
	return false, "it has not the columns of VPC flow logs"
}

// awsTable tells the columns of the Sentinel table, of CloudWatch Logs Insights, or of the
// tables that Athena's documentation makes, whole or as a projection.
func awsTable(h *tableHead) bool {
	switch {
	case h.has("numpackets") && h.has("numbytes"):
		return h.has("sourceaddress") && h.has("destinationaddress")
	case !h.has("srcaddr", "pkt_srcaddr") || !h.has("dstaddr", "pkt_dstaddr") || !h.has("action"):
		return false
	}
	return h.has("interfaceid", "interface_id", "logstatus", "log_status", "accountid", "account_id", "flowdirection", "flow_direction",
		"trafficpath", "traffic_path", "pktsrcaddr", "pkt_srcaddr", "@timestamp")
}

// awsWithin tells a record in the order of version 2 somewhere in a text of events.
func awsWithin(head []byte) bool {
	for _, status := range []string{" OK", " NODATA", " SKIPDATA"} {
		for _, action := range []string{" ACCEPT", " REJECT", " -"} {
			if i := bytes.Index(head, []byte(action+status)); i >= 0 && bytes.Contains(head[:i], []byte(" eni-")) {
				return true
			}
		}
	}
	return false
}

// isAWSEvents tells the answer of CloudWatch's FilterLogEvents or GetLogEvents.
func isAWSEvents(head []byte) bool {
	text := bytes.TrimLeft(head[:min(len(head), 256)], " \t\r\n")
	return bytes.HasPrefix(text, []byte("{")) && bytes.Contains(text, []byte(`"events"`)) && awsWithin(head)
}

// awsReader reads the records, wherever they stand.
type awsReader struct {
	tableReading
	take    func(half) // what a record became
	minutes int        // that a record sums
	lost    int64
	nat     int64
}

// awsFlows joins the records into flows.
type awsFlows struct {
	in      *Input
	out     Sink
	batch   netcase.Batch
	pairs   *pairing
	sensors map[string]bool
}

// awsRecord is one record: its cells, and where it stands.
type awsRecord struct {
	cells  [avFields][]byte
	place  netcase.Place
	raw    []byte
	line   int64
	zone   *time.Location
	header string
}

func decodeAWSVPC(ctx context.Context, in *Input, out Sink) error {
	head, _, err := readUpTo(in.R, nil, HeadSize)
	if err != nil {
		return err
	}
	in.R = io.MultiReader(bytes.NewReader(head), in.R)
	flows := &awsFlows{in: in, out: out, sensors: map[string]bool{}}
	flows.pairs = newPairing(flows.accept)
	r := newAWSReader(in, awsMinutes(head), flows.add)
	line, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\n"))
	_, plain := awsDefaultRow(line)
	r.out = func(*netcase.Batch) error { return nil } // what a row of a table became stands in the batch of the flows
	switch {
	case plain || awsHeader(line) != nil:
		err = flows.text(ctx, r.minutes)
	case isAWSEvents(head):
		err = r.events(ctx, flows)
	default:
		err = r.tableOf(ctx, in, flows)
	}
	flows.pairs.end()
	r.tell()
	return errors.Join(err, flows.flush(1))
}

func newAWSReader(in *Input, minutes int, take func(half)) *awsReader {
	r := &awsReader{minutes: minutes, take: take}
	r.in, r.names = in, names{}
	return r
}

// tell says of how many records it holds that counts are a lower bound or addresses
// were translated.
func (r *awsReader) tell() {
	if r.lost > 0 {
		r.in.Sum(awsSkipped, r.lost)
	}
	r.in.Sum(awsNoAnswers, r.nat)
	r.lost, r.nat = 0, 0
}

// add takes a record. Only so many interfaces are told apart in one input.
func (w *awsFlows) add(h half) {
	name := h.flow.Sensor
	if name != formatAWSVPC && !w.sensors[name] {
		if len(w.sensors) >= awsSensors {
			w.in.Note("more than %d interfaces: the further ones were not told apart", awsSensors)
			h.flow.Sensor = formatAWSVPC
		} else {
			w.sensors[name] = true
		}
	}
	w.pairs.add(h)
}

func (w *awsFlows) flush(n int) error {
	if w.batch.Len() < n {
		return nil
	}
	err := w.out(&w.batch)
	w.batch.Reset()
	return err
}

func joinAWSVPC(in *Input) {
	if n := in.Sums[awsSkipped]; n > 0 {
		in.Note("%d SKIPDATA records: AWS lost records of those intervals, counts are a lower bound", n)
	}
	if n := in.Sums[awsNoAnswers]; n > 0 {
		in.Note("in %d records the packets' own addresses differ from the interface's (NAT, load balancer or container): the packets' are taken", n)
	}
}

// awsMinutes is how many minutes a record sums: 1 or 10, which the records do not say.
// Only where many of them are short is the finer one believed.
func awsMinutes(head []byte) int {
	var order []int
	looked := 0
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if o := awsHeader(line); o != nil {
			order = o
			continue
		}
		var c awsRecord
		if order == nil {
			row, ok := awsDefaultRow(line)
			if !ok {
				continue
			}
			c.fill(row, awsDefault)
		} else {
			c.fill(line, order)
		}
		start, _, a := countIn(c.cells[avStart])
		end, _, b := countIn(c.cells[avEnd])
		if !a || !b || string(c.cells[avStatus]) == "NODATA" {
			continue
		}
		if end-start > awsShortest {
			return 10
		}
		looked++
	}
	if looked < awsLookedAt {
		return 10
	}
	return 1
}

// fill takes a line apart.
func (c *awsRecord) fill(line []byte, order []int) (cells int) {
	for cell := range bytes.FieldsSeq(line) {
		if cells < len(order) && order[cells] >= 0 {
			c.cells[order[cells]] = cell
		}
		cells++
	}
	return cells
}

// events reads the events of CloudWatch's answer, one at a time.
func (r *awsReader) events(ctx context.Context, flows *awsFlows) error {
	s := newJSON(r.in.R)
	return s.object(func(key []byte) error {
		if string(key) != "events" {
			return s.skip()
		}
		return s.array(func() error {
			line, offset := s.Line(), s.Offset()
			text, err := s.capture(maxRecordText)
			if err != nil {
				return err
			}
			o := newObject(text)
			var message []byte
			for o.next() {
				if string(o.key) == "message" {
					message = bytes.Clone(o.scalar())
				}
			}
			r.message(&awsRecord{place: netcase.Place{Line: line, Offset: offset}, raw: text, line: line}, message)
			return errors.Join(flows.flush(BatchSize), ctx.Err())
		})
	})
}

// maxRecordText bounds one event of CloudWatch.
const maxRecordText = 1 << 20

// message reads the record that an event carries.
func (r *awsReader) message(c *awsRecord, message []byte) {
	row, ok := awsDefaultRow(message)
	if !ok {
		r.in.Reject(c.line, 0, "message", "no record in the order of version 2", message)
		return
	}
	c.fill(row, awsDefault)
	r.guardedRecord(c)
}

// tableOf reads the Sentinel table, or events as a table.
func (r *awsReader) tableOf(ctx context.Context, in *Input, flows *awsFlows) error {
	spec := &tableSpec{aliases: map[string]alias{"message": {field: avMessage}, "@message": {field: avMessage, rank: 1}}, width: avFields, times: []int{avStart, avEnd}}
	for name, field := range awsColumns {
		spec.aliases[strings.ReplaceAll(name, "-", "")] = alias{field: field}
		spec.aliases[strings.ReplaceAll(name, "-", "_")] = alias{field: field, rank: 1}
	}
	for name, field := range awsOtherColumns {
		spec.aliases[name] = alias{field: field, rank: 2}
	}
	r.decode = func(x *tableRow) error {
		c := awsRecord{place: x.place(), raw: x.raw, line: x.line, header: string(r.header)}
		if m := x.cells[avMessage]; !blank(m) {
			r.message(&c, m)
			return flows.flush(BatchSize)
		}
		copy(c.cells[:], x.cells)
		zone := r.times.assumedZone
		for _, f := range []int{avStart, avEnd} {
			if t, err := r.time(x, f); err == nil && t.Known() {
				c.cells[f] = strconv.AppendInt(nil, int64(t/netcase.Second), 10)
			}
		}
		if r.times.assumedZone && !zone {
			c.zone = r.in.Location()
		}
		r.record(&c)
		return flows.flush(BatchSize)
	}
	return r.read(ctx, in, spec)
}

// guardedRecord takes a record; a panic costs it alone.
func (r *awsReader) guardedRecord(c *awsRecord) {
	read := r.in.Report.Read
	defer func() {
		if p := recover(); p != nil && r.in.Report.Read == read {
			r.in.Reject(c.line, 0, "", fmt.Sprintf("panic: %v", p), c.raw)
		}
	}()
	r.record(c)
}

// record turns a record into half a flow.
func (r *awsReader) record(c *awsRecord) {
	switch status := nameIn(c.cells[avStatus], 16); status {
	case "NODATA":
		r.in.Skip(awsNothing)
		return
	case "SKIPDATA":
		r.lost++
		r.in.Skip(awsSkipped)
		return
	}
	h := half{}
	f := &h.flow
	f.Flows, f.Records = 1, 1
	f.Resolution = netcase.Resolution(r.minutes)
	if field, why := r.fill(c, &h); why != "" {
		r.in.Reject(c.line, 0, field, why, c.raw)
		return
	}
	if w := r.in.Wanted; w != nil && !w(f.Src, f.Dst) && !w(f.Dst, f.Src) {
		r.in.Skip("between other ends")
		return
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Context, f.Stamp = c.place, bytes.Clone(c.raw), c.header, nameIn(c.cells[avStart], maxTimeText)
		if c.zone != nil {
			f.Zone = c.zone.String()
		}
	}
	r.take(h)
}

func (r *awsReader) fill(c *awsRecord, h *half) (field, why string) {
	f := &h.flow
	start, known, ok := countIn(c.cells[avStart])
	if !ok || !known || start <= 0 || start > zeekLatest {
		return "start", errTime.Error()
	}
	end, known, ok := countIn(c.cells[avEnd])
	if !ok || known && (end < start || end-start > awsLongest) {
		return "end", errTime.Error()
	}
	f.Start = netcase.Time(start) * netcase.Second
	f.End = max(f.Start, netcase.Time(end)*netcase.Second)
	f.Booked = f.Start.Truncate(netcase.Time(r.minutes) * netcase.Minute)
	if field, why = r.ends(c, h); why != "" {
		return field, why
	}
	for _, s := range []struct {
		name  string
		field int
		to    *int64
	}{{"packets", avPackets, &f.PacketsOut}, {"bytes", avBytes, &f.OctetsOut}} {
		n, present, ok := countIn(c.cells[s.field])
		if !ok || n > maxSize {
			return s.name, "not a count"
		}
		*s.to = netcase.Absent
		if present {
			*s.to = n
		}
	}
	f.OctetsIn, f.PacketsIn = netcase.Absent, netcase.Absent
	flags, present, ok := countIn(c.cells[avFlags])
	if !ok || flags > math.MaxUint8 {
		return "tcp-flags", "not flags"
	}
	h.flags, h.flagged = uint8(flags), present && flags != 0
	h.answered = f.Proto == netcase.TCP && h.flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK
	switch action := nameIn(c.cells[avAction], 16); action {
	case "REJECT":
		f.Reach = netcase.ReachDenied
	case "ACCEPT", "":
	default:
		return "action", "neither ACCEPT nor REJECT"
	}
	f.Sensor = r.sensor(c)
	f.Key = newDigest(formatAWSVPC).text(f.Sensor).number(uint64(f.Start)).number(uint64(f.End)).addr(f.Src.Addr).addr(f.Dst.Addr).
		number(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)).number(uint64(f.PacketsOut)).number(uint64(f.OctetsOut)).
		bytes(c.cells[avAction]).key()
	return "", ""
}

// ends reads who sent and who received. The addresses of the packets go before those
// of the interface, behind which NAT and containers stand.
func (r *awsReader) ends(c *awsRecord, h *half) (field, why string) {
	f := &h.flow
	proto, known, ok := countIn(c.cells[avProto])
	if !ok || !known || proto > math.MaxUint8 {
		return "protocol", "not a protocol number"
	}
	f.Proto = uint8(proto)
	for _, e := range []struct {
		name      string
		own, face int
		to        *netcase.Endpoint
	}{{"srcaddr", avPktSrc, avSrc, &f.Src}, {"dstaddr", avPktDst, avDst, &f.Dst}} {
		cell := c.cells[e.own]
		if blank(cell) || string(cell) == "-" {
			cell = c.cells[e.face]
		} else if other := c.cells[e.face]; !blank(other) && !bytes.Equal(other, cell) && string(other) != "-" {
			r.nat++
		}
		a, ok := addressIn(cell)
		if !ok {
			return e.name, "not an address"
		}
		*e.to = netcase.At(a)
	}
	if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
		return "", ""
	}
	if f.SrcPort, ok = portIn(c.cells[avSrcPort]); !ok {
		return "srcport", "not a port"
	}
	if f.DstPort, ok = portIn(c.cells[avDstPort]); !ok {
		return "dstport", "not a port"
	}
	return "", ""
}

// accept hands a flow on.
func (w *awsFlows) accept(f netcase.Flow) { w.in.Accept(&w.batch, awsProven(f)) }

// awsProven is a flow with what its records prove. What was accepted is at least that;
// and payload without a recorded answer does not prove that there was none.
func awsProven(f netcase.Flow) netcase.Flow {
	payload := f.OctetsOut > tcpHeaders*max(f.PacketsOut, 1)
	if f.Reach == netcase.ReachUnknown || f.Reach == netcase.ReachNoReply && payload {
		f.Reach = netcase.ReachAllowed
	}
	return f
}

// sensor is the interface.
func (r *awsReader) sensor(c *awsRecord) string {
	name := r.names.in(c.cells[avInterface], maxName)
	if name == "" || name == "-" {
		return formatAWSVPC
	}
	return r.names.joined(formatAWSVPC+"/", name)
}
