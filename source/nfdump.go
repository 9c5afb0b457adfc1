package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"netcase"
)

const formatNfdump = "nfdump"

// nfdumpExport reads what nfdump prints. Its own binary files are recognised, to say
// which command makes them readable.
var nfdumpExport = Format{
	Name: formatNfdump,
	Doc:  "nfdump output: CSV (-o csv of 1.6 and 1.7, csv-fast), JSON and NDJSON",
	Proves: "octets (with headers) and packets each way, as the exporter counted; opposite records are joined into one flow, " +
		"whose beginner follows from TCP flags, start times, else ports; sampled counts are not scaled up; times have no zone",
	Detect: detectNfdump,
	Decode: decodeNfdump,
}

// The fields of a record.
const (
	nfFirst = iota
	nfLast
	nfDuration
	nfProto
	nfSrc
	nfDst
	nfSport
	nfDport
	nfFlags
	nfStatus
	nfPackets
	nfOctets
	nfPacketsBack
	nfOctetsBack
	nfFlows
	nfRouter
	nfExporter
	nfSampled
	nfType
	nfEvent
	nfICMPType
	nfFields
)

// nfdumpColumns are the names of the fields in the outputs, the most common first.
//
// Source: nfdump, src/output/output_csv.c, output_csv_fast.c, output_ndjson.c.
var nfdumpColumns = [nfFields]string{
	nfFirst: "firstseen ts first", nfLast: "lastseen te last", nfDuration: "duration td", nfProto: "proto pr",
	nfSrc: "srcaddr sa src4_addr src6_addr", nfDst: "dstaddr da dst4_addr dst6_addr", nfSport: "srcport sp src_port", nfDport: "dstport dp dst_port",
	nfFlags: "flags flg tcp_flags", nfStatus: "fwd fwd_status", nfPackets: "packets ipkt in_packets", nfOctets: "bytes ibyt in_bytes",
	nfPacketsBack: "opkt out_packets", nfOctetsBack: "obyt out_bytes", nfFlows: "flows fl cl_flows", nfRouter: "ra ip4_router ip6_router",
	nfExporter: "export_sysid", nfSampled: "sampled", nfType: "type", nfEvent: "event fw_event event_id", nfICMPType: "icmp_type",
}

// nfcapdMagic begins a binary file, in the byte order of the machine that wrote it.
const nfcapdMagic = 0xa50c

func isNfcapd(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	little := int(head[0]) | int(head[1])<<8
	big := int(head[1]) | int(head[0])<<8
	version := head[2] | head[3]
	return (little == nfcapdMagic || big == nfcapdMagic) && (version == 1 || version == 2)
}

func detectNfdump(head []byte) (bool, string) {
	if isNfcapd(head) {
		return true, ""
	}
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case h.count("ts", "te", "td", "sa", "da", "sp", "dp", "pr") == 8,
		h.count("firstseen", "proto", "srcaddr", "dstaddr", "packets", "bytes") == 6 && h.has("duration", "lastseen"),
		h.count("first", "last", "in_packets", "in_bytes", "proto") == 5 && h.has("src4_addr", "src6_addr"):
		return true, ""
	}
	return false, "it has not the columns of an nfdump output"
}

// nfdumpReader reads the records.
type nfdumpReader struct {
	tableReading
	pairs   *pairing
	done    bool // the summary at the end was reached
	sensors map[string]bool
}

// nfdumpSensors bounds the exporters told apart in one input.
const nfdumpSensors = 256

var errNfcapd = errors.New("a binary nfcapd file, which only nfdump reads: nfdump -r FILE -o json > FILE.json")

func decodeNfdump(ctx context.Context, in *Input, out Sink) error {
	spec := &tableSpec{aliases: map[string]alias{}, width: nfFields, times: []int{nfFirst, nfLast}}
	for field, columns := range nfdumpColumns {
		for rank, name := range strings.Fields(columns) {
			spec.aliases[name] = alias{field, rank}
		}
	}
	head, _, err := readUpTo(in.R, nil, 4)
	if err != nil {
		return err
	}
	if isNfcapd(head) {
		return errNfcapd
	}
	in.R = io.MultiReader(bytes.NewReader(head), in.R)
	r := &nfdumpReader{tableReading: tableReading{out: out}, sensors: map[string]bool{}}
	r.decode = r.row
	r.pairs = newPairing(func(f netcase.Flow) { r.in.Accept(&r.batch, f) })
	err = r.read(ctx, in, spec)
	r.pairs.end()
	notKusto(in)
	return errors.Join(err, r.flush(1))
}

const nfdumpSummary = "the summary that nfdump adds"

func (r *nfdumpReader) row(x *tableRow) error {
	first := string(bytes.TrimSpace(x.cells[nfFirst][:min(len(x.cells[nfFirst]), maxTimeText)]))
	if first == "Summary" || r.done {
		r.done = true
		r.narrow = max(r.narrow-1, 0)
		r.in.Skip(nfdumpSummary)
		return nil
	}
	h := half{}
	f := &h.flow
	f.Flows, f.Records = 1, 1
	assumed := r.times.assumedZone
	r.times.assumedZone = false
	var err error
	if f.Start, err = r.time(x, nfFirst); err != nil || !f.Start.Known() {
		r.times.assumedZone = assumed
		return r.reject(x, "first", errTime.Error())
	}
	zoneless := r.times.assumedZone
	f.End = r.last(x, f.Start)
	r.times.assumedZone = r.times.assumedZone || assumed
	if field := r.ends(x, &h); field != "" {
		return r.reject(x, field, "not an address, port or protocol")
	}
	if field := r.sizes(x, &h); field != "" {
		return r.reject(x, field, "not a count")
	}
	r.states(x, &h)
	f.Sensor = r.sensor(x)
	if w := r.in.Wanted; w != nil && !w(f.Src, f.Dst) && !w(f.Dst, f.Src) {
		r.in.Skip("between other ends")
		return nil
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Context, f.Stamp = x.place(), r.kept(x), string(r.header), first
		if zoneless {
			f.Zone = r.in.Location().String()
		}
	}
	r.pairs.add(h)
	return nil
}

// last is the end: as it stands, or by the duration in seconds.
func (r *nfdumpReader) last(x *tableRow, start netcase.Time) netcase.Time {
	end, err := r.time(x, nfLast)
	if err != nil || !end.Known() {
		end = start
	}
	text := strings.TrimSpace(string(x.cells[nfDuration][:min(len(x.cells[nfDuration]), 24)]))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < zeekLongest {
		end = max(end, start+netcase.Time(seconds*1000))
	}
	return max(start, end)
}

func (r *nfdumpReader) ends(x *tableRow, h *half) (bad string) {
	f := &h.flow
	proto, ok := argusProto(strings.ToLower(nameIn(x.cells[nfProto], 16)))
	if !ok {
		return "proto"
	}
	f.Proto = proto
	src, a := addressIn(x.cells[nfSrc])
	dst, b := addressIn(x.cells[nfDst])
	if !a || !b {
		return "addresses"
	}
	f.Src, f.Dst = netcase.At(src), netcase.At(dst)
	if proto == netcase.ICMP && !src.Is4() {
		f.Proto = netcase.ICMPv6
	}
	if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
		h.answer = icmpAnswers(f.Proto, x)
		return ""
	}
	if f.SrcPort, a = portIn(x.cells[nfSport]); !a {
		return "source port"
	}
	if f.DstPort, b = portIn(x.cells[nfDport]); !b {
		return "destination port"
	}
	return ""
}

// icmpAnswers reads the type: a member of its own, "type.code" in the place of the
// port, or both in one number.
func icmpAnswers(proto uint8, x *tableRow) bool {
	text := string(x.cells[nfICMPType][:min(len(x.cells[nfICMPType]), 8)])
	if text == "" {
		port := string(x.cells[nfDport][:min(len(x.cells[nfDport]), 12)])
		kind, _, dotted := strings.Cut(strings.TrimSpace(port), ".")
		text = kind
		if n, err := strconv.Atoi(kind); err == nil && !dotted {
			text = strconv.Itoa(n >> 8)
		}
	}
	kind, err := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
	if err != nil {
		return false
	}
	_, answer := icmpRequest(proto, uint8(kind))
	return answer
}

func (r *nfdumpReader) sizes(x *tableRow, h *half) (bad string) {
	f := &h.flow
	var flows int64
	for _, c := range []struct {
		name  string
		field int
		to    *int64
	}{
		{"packets", nfPackets, &f.PacketsOut}, {"bytes", nfOctets, &f.OctetsOut},
		{"out packets", nfPacketsBack, &f.PacketsIn}, {"out bytes", nfOctetsBack, &f.OctetsIn}, {"flows", nfFlows, &flows},
	} {
		n, present, ok := countIn(x.cells[c.field])
		if !ok || n > maxSize {
			return c.name
		}
		*c.to = netcase.Absent
		if present {
			*c.to = n
		}
	}
	f.Flows = max(flows, 1)
	if flows > 1 {
		f.Resolution = netcase.ResolutionUnknown // summed by nfdump -a or -A
	}
	if f.PacketsIn > 0 || f.OctetsIn > 0 {
		h.role = halfBoth
	} else {
		f.PacketsIn, f.OctetsIn = netcase.Absent, netcase.Absent // zero there means: not counted
	}
	return ""
}

// states reads flags, forwarding status, events of firewalls, and sampling.
func (r *nfdumpReader) states(x *tableRow, h *half) {
	f := &h.flow
	if cell := x.cells[nfFlags]; !blank(cell) {
		h.flags, h.flagged = nfdumpFlags(cell)
	}
	if h.role == halfBoth {
		f.Reach = bothWays(&half{flow: *f}, &half{flow: netcase.Flow{Proto: f.Proto, OctetsOut: f.OctetsIn, PacketsOut: f.PacketsIn}})
	}
	if n, present, ok := countIn(x.cells[nfStatus]); ok && present && n>>6 == 2 {
		f.Reach = netcase.ReachDenied
	}
	switch event := strings.ToLower(nameIn(x.cells[nfEvent], 16)); {
	case event == "3" || strings.HasPrefix(event, "den"):
		h.role, f.Reach = halfBoth, netcase.ReachDenied
	case event == "1" || strings.HasPrefix(event, "crea"):
		h.role, f.Reach = halfCreated, netcase.ReachAllowed
	case event == "2" || strings.HasPrefix(event, "dele"):
		h.role, f.Reach = halfDeleted, max(f.Reach, netcase.ReachAllowed)
	}
	if cell := x.cells[nfSampled]; len(cell) == 1 && cell[0] == '1' {
		f.Resolution = netcase.ResolutionSampled
		r.in.Note("some records are sampled: octets and packets are as counted, not scaled up")
	}
}

// nfdumpFlags reads "...AP.SF", or a number.
func nfdumpFlags(cell []byte) (flags uint8, ok bool) {
	text := strings.TrimSpace(string(cell[:min(len(cell), 12)]))
	if n, err := strconv.ParseUint(text, 0, 16); err == nil {
		return uint8(n), true
	}
	for _, c := range text {
		switch c {
		case 'F':
			flags |= tcpFIN
		case 'S':
			flags |= tcpSYN
		case 'R':
			flags |= tcpRST
		case 'P':
			flags |= tcpPSH
		case 'A':
			flags |= tcpACK
		case 'U', 'E', 'C', 'X', 'N', '.':
		default:
			return 0, false
		}
	}
	return flags, true
}

func (r *nfdumpReader) sensor(x *tableRow) string {
	name := ""
	if a, ok := addressIn(x.cells[nfRouter]); ok && !a.IsUnspecified() {
		name = "nfdump/" + a.String()
	} else if id := r.names.in(x.cells[nfExporter], 16); id != "" && id != "0" {
		name = "nfdump/" + id
	}
	if name == "" || !r.sensors[name] && len(r.sensors) >= nfdumpSensors {
		return "nfdump"
	}
	r.sensors[name] = true
	return name
}
