package source

import (
	"context"
	"strings"

	"netcase"
)

const formatASIM = "asim-network"

// asimNetwork reads network sessions as Sentinel's information model normalises them.
var asimNetwork = Format{
	Name:   formatASIM,
	Doc:    "network sessions of Sentinel's information model (ASimNetworkSessionLogs, _Im_NetworkSession), exported as CSV or JSON",
	Proves: "what the reporting device allowed or denied; sizes both ways where it gave them; how finely it records is not said",
	Detect: detectASIM,
	Decode: decodeASIM,
	Split:  tableSplit(asimSpec),
	Join: func(in *Input) {
		tableJoin(in, "ASimNetworkSessionLogs", asimNames, []int{asAction, asResult, asSrcIP, asDstIP, asDstPort, asProtocol, asSrcBytes, asDstBytes}, []countedNote{
			{sumProtocol, "in %s the protocol is missing: what the port speaks by custom was taken"},
			{sumNoAction, "in %s neither DvcAction nor EventResult says what became of the session"},
		})
	},
}

// The fields of a row.
const (
	asTime = iota
	asStart
	asEnd
	asCount
	asType
	asSubType
	asSchema
	asResult
	asAction
	asDirection
	asSrcIP
	asSrcPort
	asSrcHost
	asDstIP
	asDstPort
	asDstHost
	asProtocol
	asSrcBytes
	asDstBytes
	asSrcPackets
	asDstPackets
	asDevice
	asProduct
	asRule
	asUID
	asFields
)

var asimNames = []string{
	asTime: "TimeGenerated", asStart: "EventStartTime", asEnd: "EventEndTime", asCount: "EventCount", asType: "EventType",
	asSubType: "EventSubType", asSchema: "EventSchema", asResult: "EventResult", asAction: "DvcAction", asDirection: "NetworkDirection",
	asSrcIP: "SrcIpAddr", asSrcPort: "SrcPortNumber", asSrcHost: "SrcHostname", asDstIP: "DstIpAddr", asDstPort: "DstPortNumber",
	asDstHost: "DstHostname", asProtocol: "NetworkProtocol", asSrcBytes: "SrcBytes", asDstBytes: "DstBytes", asSrcPackets: "SrcPackets",
	asDstPackets: "DstPackets", asDevice: "Dvc", asProduct: "EventProduct", asRule: "NetworkRuleName", asUID: "EventOriginalUid",
}

func asimSpec() *tableSpec {
	s := &tableSpec{table: "ASimNetworkSessionLogs", join: true, width: asFields, aliases: map[string]alias{}, times: []int{asTime, asStart, asEnd}, counts: []int{asCount}}
	for field, name := range asimNames {
		s.aliases[strings.ToLower(name)] = alias{field: field}
	}
	for name, field := range map[string]int{
		"dvchostname": asDevice, "rule": asRule, "ipaddr": asSrcIP, "src": asSrcIP, "dst": asDstIP, "hostname": asDstHost, "eventuid": asUID,
	} {
		s.aliases[name] = alias{field, 1}
	}
	s.aliases["dvcipaddr"] = alias{asDevice, 2}
	return s
}

func detectASIM(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	marks := h.count("eventproduct", "eventvendor", "eventschema", "eventschemaversion", "dvcaction", "networkdirection", "networkprotocol",
		"eventcount", "eventresult", "eventtype", "dstportnumber", "srcportnumber", "eventstarttime")
	switch {
	case why != "":
		return false, why
	case !h.has("srcipaddr") || !h.has("dstipaddr") || marks < 2:
		return false, "it lacks SrcIpAddr and DstIpAddr with the columns of the information model (EventProduct, DvcAction …)"
	case !h.has("timegenerated", "eventstarttime"):
		return false, "it has no column with a time"
	case h.has("dnsquery", "logontype"):
		return false, "it is another schema of the information model"
	}
	return true, ""
}

// asimReader decodes rows of network sessions.
type asimReader struct {
	tableReading
	sensors              map[string]string // by device
	assumedProto, silent int64
}

func decodeASIM(ctx context.Context, in *Input, out Sink) error {
	r := &asimReader{sensors: map[string]string{}}
	r.out, r.decode = out, r.accept
	err := r.read(ctx, in, asimSpec())
	in.Sum(sumProtocol, r.assumedProto)
	in.Sum(sumNoAction, r.silent)
	return err
}

// asimUnwanted tells why a row is no session to be counted; empty: it is one.
// Sessions whose beginning and end are both reported are counted at their end.
func asimUnwanted(x *tableRow) string {
	switch {
	case !blank(x.cells[asSchema]) && !oneOf(x.cells[asSchema], "networksession"):
		return "EventSchema " + nameIn(x.cells[asSchema], 64) + " is no network session"
	case oneOf(x.cells[asType], "ids"):
		return "EventType IDS is an alert, not a session"
	case oneOf(x.cells[asSubType], "start"):
		return "EventSubType Start: the session is counted at its end"
	}
	return ""
}

func (r *asimReader) accept(x *tableRow) error {
	if reason := asimUnwanted(x); reason != "" {
		r.in.Skip(reason)
		return nil
	}
	var f netcase.Flow
	field, reason := r.session(x, &f)
	if reason != "" {
		return r.reject(x, asimNames[field], reason)
	}
	if r.in.Raw {
		f.Place, f.Raw = x.place(), r.kept(x)
		if field = asStart; blank(x.cells[asStart]) {
			field = asTime
		}
		f.Stamp, f.Zone = r.stamp(x, field)
	}
	*nextFlow(&r.batch) = f
	r.in.AcceptFlow(&r.batch, &r.batch.Flows[len(r.batch.Flows)-1])
	return nil
}

// session reads a row into a flow.
func (r *asimReader) session(x *tableRow, f *netcase.Flow) (field int, reason string) {
	for _, c := range [...]struct {
		field int
		into  *netcase.Time
	}{{asTime, &f.Start}, {asEnd, &f.End}, {asStart, &f.Start}} {
		at, err := r.time(x, c.field)
		if err != nil {
			return c.field, err.Error()
		}
		if at.Known() {
			*c.into = at
		}
	}
	if !f.Start.Known() {
		return asTime, "no time"
	}
	f.End = max(f.Start, f.End)
	if field, reason = r.sessionEnds(x, f); reason != "" {
		return field, reason
	}
	for _, c := range [...]struct {
		field int
		into  *int64
		most  int64
	}{{asSrcBytes, &f.OctetsOut, maxSize}, {asDstBytes, &f.OctetsIn, maxSize}, {asSrcPackets, &f.PacketsOut, maxSize},
		{asDstPackets, &f.PacketsIn, maxSize}, {asCount, &f.Flows, maxFlowCount}} {
		n, present, ok := countIn(x.cells[c.field])
		if !ok || n > c.most {
			return c.field, "not a count"
		}
		if *c.into = n; !present {
			*c.into = netcase.Absent
		}
	}
	if f.Flows = max(f.Flows, 1); f.Flows > 1 {
		f.Resolution = netcase.ResolutionUnknown
	}
	r.judge(x, f)
	f.Rule, f.Sensor = r.name(x, asRule, maxName), r.sensor(x)
	f.Key = asimKey(x, f)
	return 0, ""
}

// sessionEnds reads who spoke to whom. The source of a session is who began it.
func (r *asimReader) sessionEnds(x *tableRow, f *netcase.Flow) (field int, reason string) {
	for _, c := range [...]struct {
		ip, host, port int
		end            *netcase.Endpoint
		into           *uint16
	}{{asSrcIP, asSrcHost, asSrcPort, &f.Src, &f.SrcPort}, {asDstIP, asDstHost, asDstPort, &f.Dst, &f.DstPort}} {
		var ok bool
		if cell := x.cells[c.ip]; !blank(cell) {
			if c.end.Addr, ok = addressIn(cell); !ok {
				return c.ip, "not an address"
			}
		}
		c.end.Name = r.name(x, c.host, maxName)
		if *c.into, ok = portIn(x.cells[c.port]); !ok {
			return c.port, "not a port"
		}
	}
	if !f.Src.Known() && !f.Dst.Known() {
		return asSrcIP, "neither an address nor a machine name"
	}
	var ok bool
	if f.Proto, ok = protocolIn(x.cells[asProtocol]); !ok {
		f.Proto = customaryProtocol(f.DstPort)
		r.assumedProto++
	}
	switch word := x.cells[asDirection]; {
	case oneOf(word, "inbound"):
		f.Ours = netcase.SideDst
	case oneOf(word, "outbound"):
		f.Ours = netcase.SideSrc
	case oneOf(word, "local"):
		f.Ours = netcase.SideSrc | netcase.SideDst
	}
	return 0, ""
}

// judge decides what became of the session. A failure without an action may have
// any cause.
func (r *asimReader) judge(x *tableRow, f *netcase.Flow) {
	action, result := x.cells[asAction], x.cells[asResult]
	switch {
	case oneOf(action, "deny", "denied", "drop", "drop icmp", "reset", "reset source", "reset destination", "block", "blocked"):
		f.Reach = netcase.ReachDenied
	case oneOf(action, "allow", "allowed", "encrypt", "decrypt", "vpnroute") || blank(action) && oneOf(result, "success"):
		f.Reach = netcase.ReachAllowed
		if f.PacketsOut > 0 && f.PacketsIn > 0 || f.OctetsOut > 0 && f.OctetsIn > 0 {
			f.Reach = netcase.ReachBidirectional
		}
	case blank(action) && blank(result):
		r.silent++
	}
}

func (r *asimReader) sensor(x *tableRow) string {
	name := r.name(x, asDevice, maxName)
	if name == "" {
		name = r.name(x, asProduct, maxName)
	}
	if name == "" {
		return "asim"
	}
	sensor, ok := r.sensors[name]
	if ok {
		return sensor
	}
	if len(r.sensors) >= maxSensors {
		r.in.Note("the input names more than %d sensors; the rest count as one", maxSensors)
		return "asim"
	}
	r.sensors[name] = "asim/" + name
	return r.sensors[name]
}

// asimKey is the natural key: the event's own id, and what tells its reports apart.
func asimKey(x *tableRow, f *netcase.Flow) uint64 {
	d := newDigest(formatASIM).text(f.Sensor).bytes(trimmed(x.cells[asUID])).number(uint64(f.Start)).number(uint64(f.End)).number(uint64(f.Flows))
	d = d.addr(f.Src.Addr).addr(f.Dst.Addr).text(f.Src.Name).text(f.Dst.Name)
	d = d.number(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)<<8 | uint64(f.Reach))
	return d.number(uint64(f.OctetsOut)).number(uint64(f.OctetsIn)).key()
}
