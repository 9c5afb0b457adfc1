package source

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

const formatTraffic = "azure-traffic"

// azureTraffic reads the tables that Traffic Analytics writes: AzureNetworkAnalytics_CL
// of both schemas (over network security groups) and NTANetAnalytics (over virtual
// networks). They differ in names, hardly in meaning, and projections of them cannot
// be told apart.
var azureTraffic = Format{
	Name:   formatTraffic,
	Doc:    "Traffic Analytics rows (AzureNetworkAnalytics_CL or NTANetAnalytics), exported as CSV or JSON",
	Proves: "what the rules allowed and denied, summed over 10 or 60 minutes; no cadence, no source ports, seldom whether anything answered",
	Detect: detectTraffic,
	Decode: decodeTraffic,
	Split:  tableSplit(trafficSpec),
	Join:   joinTraffic,
}

// The fields of a row.
const (
	trTime = iota
	trSubType
	trIntervalStart
	trIntervalEnd
	trStart
	trEnd
	trFlowType
	trSrcIP
	trDestIP
	trVMIP
	trSrcPublic
	trDestPublic
	trPublic
	trAnyPublic
	trDestPort
	trProtocol
	trApplication
	trDirection
	trStatus
	trGroups
	trTarget
	trACL
	trRule
	trRules
	trVM
	trVM1
	trVM2
	trNIC
	trNIC1
	trNIC2
	trAllowedIn
	trDeniedIn
	trAllowedOut
	trDeniedOut
	trFlowCount
	trPacketsOut
	trPacketsIn
	trOctetsOut
	trOctetsIn
	trEncryption
	trFields
)

// trafficNames are the standard names of the fields, as page one shows them.
var trafficNames = []string{
	trTime: "TimeGenerated", trSubType: "SubType", trIntervalStart: "FlowIntervalStartTime", trIntervalEnd: "FlowIntervalEndTime",
	trStart: "FlowStartTime", trEnd: "FlowEndTime", trFlowType: "FlowType", trSrcIP: "SrcIP", trDestIP: "DestIP", trVMIP: "VMIP",
	trSrcPublic: "SrcPublicIPs", trDestPublic: "DestPublicIPs", trPublic: "PublicIPs", trAnyPublic: "AllExtIPs",
	trDestPort: "DestPort", trProtocol: "L4Protocol", trApplication: "L7Protocol", trDirection: "FlowDirection", trStatus: "FlowStatus",
	trGroups: "NSGList", trTarget: "TargetResourceId", trACL: "AclGroup", trRule: "NSGRule", trRules: "NSGRules",
	trVM: "VM", trVM1: "VM1", trVM2: "VM2", trNIC: "NIC", trNIC1: "NIC1", trNIC2: "NIC2",
	trAllowedIn: "AllowedInFlows", trDeniedIn: "DeniedInFlows", trAllowedOut: "AllowedOutFlows", trDeniedOut: "DeniedOutFlows",
	trFlowCount: "FlowCount", trPacketsOut: "OutboundPackets", trPacketsIn: "InboundPackets",
	trOctetsOut: "OutboundBytes", trOctetsIn: "InboundBytes", trEncryption: "FlowEncryption",
}

// trafficAliases are further names of fields: the newer table's, those of tools,
// and those that analysts give in projections.
var trafficAliases = [...]struct {
	field int
	names string
}{
	{trTime, "timestamp"},
	{trIntervalStart, "flowintervalstart"},
	{trIntervalEnd, "flowintervalend"},
	{trSrcIP, "ipaddress sourceip sourceipaddress srcipaddr srcaddress"},
	{trDestIP, "destinationipaddress destinationip dstip dstipaddr destipaddress destaddress"},
	{trVMIP, "vmipaddress"},
	{trAnyPublic, "allextips"},
	{trDestPort, "destinationport dstport dstportnumber"},
	{trProtocol, "protocol l4proto"},
	{trApplication, "l7proto"},
	{trStatus, "action flowaction"},
	{trGroups, "nsg nsgname"},
	{trRule, "aclrule"},
	{trRules, "nsgrulematched nsgrulesmatched"},
	{trVM, "vmname"},
	{trVM1, "srcvm"},
	{trVM2, "destvm"},
	{trNIC, "nicname"},
	{trNIC1, "srcnic"},
	{trNIC2, "destnic"},
	{trFlowCount, "flowscount totalflows"},
	{trPacketsOut, "packetssrctodest"},
	{trPacketsIn, "packetsdesttosrc"},
	{trOctetsOut, "bytessrctodest"},
	{trOctetsIn, "bytesdesttosrc"},
}

func trafficSpec() *tableSpec {
	s := &tableSpec{
		table: tableTraffic, join: true, width: trFields, aliases: map[string]alias{},
		times:  []int{trTime, trIntervalStart, trIntervalEnd, trStart, trEnd},
		counts: []int{trAllowedIn, trDeniedIn, trAllowedOut, trDeniedOut, trFlowCount},
	}
	for field, name := range trafficNames {
		s.aliases[strings.ToLower(name)] = alias{field: field}
	}
	for _, a := range trafficAliases {
		for i, name := range strings.Fields(a.names) {
			s.aliases[name] = alias{a.field, i + 1}
		}
	}
	return s
}

// trafficMarks are columns that hardly another table has.
var trafficMarks = []string{
	"flowtype", "srcpublicips", "destpublicips", "publicips", "allowedinflows", "deniedinflows", "allowedoutflows", "deniedoutflows",
	"flowintervalstarttime", "flowintervalendtime", "flowstarttime", "flowdirection", "flowstatus", "nsglist", "nsgrule", "nsgrules",
	"nsgrulematched", "faschemaversion", "vmip", "aclgroup", "aclrule", "bytessrctodest", "packetssrctodest", "l7protocol",
}

func detectTraffic(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	if why != "" {
		return false, why
	}
	if known := h.knownTable(); known != "" {
		return false, "it is " + known
	}
	marks := h.count(trafficMarks...)
	if h.suffix && marks > 0 {
		marks++
	}
	ends := h.count("srcip", "destip", "srcpublicips", "destpublicips", "publicips", "vmip", "ipaddress", "destinationipaddress",
		"sourceip", "destinationip", "vmipaddress", "allextips")
	times := h.count("timegenerated", "flowstarttime", "flowintervalstarttime", "flowendtime", "flowintervalendtime", "timestamp")
	switch {
	case marks < 2:
		return false, "it lacks the columns of Traffic Analytics (FlowType, FlowStatus, AllowedInFlows …)"
	case ends == 0:
		return false, "it is like Traffic Analytics and has no column with addresses"
	case times == 0:
		return false, "it is like Traffic Analytics and has no column with a time"
	}
	return true, ""
}

// trafficReader decodes rows of Traffic Analytics.
type trafficReader struct {
	tableReading
	sensors map[string]string // by the name of what reported
	row     trafficRow        // the one at hand
	lists   [2][]packed       // for the source and the destination of the row at hand
	weights []int64           // of its addresses
	spread  [][4]int64        // their sizes
	lowered lowered           // the sensor

	arrival, interval, oddSums, evenly, assumedProto, assumedDirection, noEnd int64
}

func decodeTraffic(ctx context.Context, in *Input, out Sink) error {
	r := &trafficReader{sensors: map[string]string{}}
	r.out = out
	r.decode = r.accept
	err := r.read(ctx, in, trafficSpec())
	for name, n := range map[string]int64{
		sumArrival: r.arrival, sumInterval: r.interval, sumOddSums: r.oddSums, sumEvenly: r.evenly, sumProtocol: r.assumedProto,
		sumDirection: r.assumedDirection, sumOneEnd: r.noEnd,
	} {
		in.Sum(name, n)
	}
	return err
}

// The names of the counts that Join tells of.
const (
	sumArrival   = "rows with the arrival alone"
	sumInterval  = "rows with the interval alone"
	sumOddSums   = "rows whose counts were scaled"
	sumEvenly    = "rows divided evenly"
	sumProtocol  = "rows without a protocol"
	sumDirection = "rows without a direction"
	sumOneEnd    = "rows with one end"
)

// joinTraffic says what holds for the whole table. The newer one names its targets
// and has another column for the rule.
func joinTraffic(in *Input) {
	name, rule := tableTraffic, trRule
	if fieldSeen(in, trTarget) || fieldSeen(in, trACL) {
		name = tableNTA
	}
	if fieldSeen(in, trRules) {
		rule = trRules
	}
	decisive := []int{trStatus, trAllowedIn, trDeniedIn, trAllowedOut, trDeniedOut, trIntervalStart, trIntervalEnd,
		trStart, trDirection, rule, trProtocol, trDestPort, trOctetsOut, trOctetsIn}
	tableJoin(in, name, trafficNames, decisive, []countedNote{
		{sumArrival, "in %s TimeGenerated is the only time, which is when the row arrived: the flows are up to two hours older"},
		{sumInterval, "in %s the start of the flow is missing: the start of the interval was taken"},
		{sumOddSums, "in %s the counts of several packed addresses differ from the row's: they were scaled to the row's"},
		{sumEvenly, "in %s several addresses stand without their counts: the row's flows were divided evenly, its bytes left out"},
		{sumProtocol, "in %s the protocol is missing: what the port speaks by custom was taken"},
		{sumDirection, "in %s the direction is missing: it was taken from the columns that are filled"},
		{sumOneEnd, "in %s only one end of the flow is named"},
	})
}

// trafficRow is one row, read.
type trafficRow struct {
	*tableRow
	flow     netcase.Flow // what all flows of the row have in common
	inbound  bool
	src, dst []packed // of which one side may list several
	parts    []part   // by outcome
	old      oldRule  // what the deprecated column says
}

// packed is one address of a list, with its own counts where it has them.
type packed struct {
	end     netcase.Endpoint
	counted bool
	flows   int64
	sizes   [4]int64 // packets out, in, octets out, in; Absent where unknown
}

// part is how many flows of the row ended in one way.
type part struct {
	reach netcase.Reach
	flows int64 // 0: the row does not say
}

func (r *trafficReader) accept(x *tableRow) error {
	if sub := x.cells[trSubType]; !blank(sub) && !oneOf(sub, "flowlog") {
		r.in.Skip("SubType " + nameIn(sub, 64) + " is no flow")
		return nil
	}
	row := &r.row
	row.tableRow, row.inbound, row.src, row.dst, row.parts, row.old = x, false, nil, nil, row.parts[:0], oldRule{}
	row.flow = netcase.Flow{}
	field, reason := r.when(row)
	if reason == "" {
		field, reason = r.what(row)
	}
	if reason == "" {
		field, reason = r.ends(row)
	}
	if reason == "" {
		field, reason = r.outcome(row)
	}
	if reason != "" {
		return r.reject(x, trafficNames[field], reason)
	}
	if !r.in.Alone {
		row.flow.Key = r.key(row)
	}
	if r.in.delivered(row.flow.Key) {
		r.in.Duplicates(1, "delivered by another input already")
		return nil
	}
	return r.expand(row)
}

// when reads the times.
func (r *trafficReader) when(x *trafficRow) (int, string) {
	f := &x.flow
	f.Resolution = netcase.ResolutionUnknown
	var at [trEnd + 1]netcase.Time
	missing := "no time"
	for _, field := range [...]int{trStart, trEnd, trIntervalStart, trIntervalEnd, trTime} {
		t, err := r.time(x.tableRow, field)
		if err != nil && field == trStart {
			return field, err.Error()
		}
		if err != nil && field == trTime {
			missing = err.Error()
		} else if err != nil {
			r.in.Doubt(x.line, x.item, trafficNames[field], err.Error(), x.raw)
		}
		at[field] = t
	}
	f.Booked, f.Start = at[trIntervalStart], at[trStart]
	switch {
	case f.Start.Known():
	case f.Booked.Known():
		f.Start = f.Booked
		r.interval++
	case at[trTime].Known():
		f.Start = at[trTime]
		r.arrival++
	default:
		return trTime, missing
	}
	f.End = max(f.Start, at[trEnd])
	f.Resolution = resolutionOf(at[trIntervalStart], at[trIntervalEnd])
	return 0, ""
}

// resolutionOf is the length of an interval, where both its bounds are known.
func resolutionOf(start, end netcase.Time) netcase.Resolution {
	if n := (end - start) / netcase.Minute; start.Known() && end.Known() && n >= 1 && end-start <= netcase.Day {
		return netcase.Resolution(n)
	}
	return netcase.ResolutionUnknown
}

// what reads port, protocol, rule, sensor and direction.
func (r *trafficReader) what(x *trafficRow) (int, string) {
	f := &x.flow
	port, ok := portIn(x.cells[trDestPort])
	if !ok {
		return trDestPort, "not a port"
	}
	f.DstPort = port
	if f.Proto, ok = protocolIn(x.cells[trProtocol]); !ok {
		f.Proto = customaryProtocol(port)
		r.assumedProto++
	}
	x.old = deprecatedRule(x.cells[trRules])
	if f.Rule = r.name(x.tableRow, trRule, maxName); f.Rule == "" {
		f.Rule = x.old.name
	}
	f.Sensor = r.sensor(x)
	r.direct(x, x.old.direction)
	return 0, ""
}

// sensor names who reported the row: the security group, or in the newer table
// what the flow log is attached to.
func (r *trafficReader) sensor(x *trafficRow) string {
	for _, field := range [...]int{trGroups, trTarget, trACL} {
		if len(x.cells[field]) == 0 {
			continue
		}
		name := lastElement(r.name(x.tableRow, field, maxKey))
		if name != "" && (name[0] != '0' && name[0] != '-' || strings.Trim(name, "0-") != "") { // a GUID of zeros is the platform
			return r.sensorOf(name)
		}
	}
	return formatTraffic
}

// sensorOf is the sensor of a security group or a virtual network.
func (r *trafficReader) sensorOf(name string) string {
	if sensor, ok := r.sensors[name]; ok {
		return sensor
	}
	if len(r.sensors) >= maxSensors {
		r.in.Note("the input names more than %d sensors; the rest count as one", maxSensors)
		return formatTraffic
	}
	r.sensors[name] = formatTraffic + "/" + name
	return r.sensors[name]
}

// direct decides which way the flow went, relative to the interface that logged it.
func (r *trafficReader) direct(x *trafficRow, old byte) {
	word := x.cells[trDirection]
	if blank(word) {
		word = []byte{old}
	}
	switch {
	case oneOf(word, "i", "in", "inbound", "ingress"):
		x.inbound = true
		return
	case oneOf(word, "o", "out", "outbound", "egress"):
		return
	}
	r.assumedDirection++
	in, _, _ := countIn(x.cells[trAllowedIn])
	deniedIn, _, _ := countIn(x.cells[trDeniedIn])
	out, _, _ := countIn(x.cells[trAllowedOut])
	deniedOut, _, _ := countIn(x.cells[trDeniedOut])
	switch {
	case !blank(x.cells[trDestPublic]):
	case !blank(x.cells[trSrcPublic]) || in+deniedIn > 0:
		x.inbound = true
	case out+deniedOut > 0:
	default:
		x.inbound = sourceLooksFar(x)
	}
}

// sourceLooksFar tells whether the addresses say that the flow came in: a public
// source, or no source at all beside a machine of ours.
func sourceLooksFar(x *trafficRow) bool {
	src, from := addressIn(x.cells[trSrcIP])
	dst, to := addressIn(x.cells[trDestIP])
	if !from {
		return !to || netcase.Private(dst)
	}
	return !netcase.Private(src) || to && netcase.Private(dst)
}

// oldRule is one entry of NSGRules: <index>|<rule>|<direction>|<status>|<flows>.
type oldRule struct {
	name              string
	direction, status byte
	flows             int64
}

func deprecatedRule(cell []byte) (o oldRule) {
	if blank(cell) {
		return o
	}
	parts := bytes.Split(cell[:min(len(cell), maxKey)], []byte{'|'})
	if len(parts) < 4 {
		o.name = nameIn(cell, maxName)
		return o
	}
	o.name = nameIn(parts[1], maxName)
	if len(parts[2]) == 1 {
		o.direction = parts[2][0]
	}
	if len(parts[3]) == 1 {
		o.status = parts[3][0]
	}
	if len(parts) > 4 {
		o.flows, _, _ = countIn(parts[4])
	}
	return o
}

// ends reads both ends: addresses where the row has them, names where not.
func (r *trafficReader) ends(x *trafficRow) (int, string) {
	public := x.cells[trPublic]
	if blank(public) {
		public = x.cells[trAnyPublic]
	}
	src, dst := x.cells[trSrcPublic], x.cells[trDestPublic]
	if blank(src) && blank(dst) {
		if x.inbound && blank(x.cells[trSrcIP]) {
			src = public
		} else if !x.inbound && blank(x.cells[trDestIP]) {
			dst = public
		}
	}
	x.src = r.side(x, trSrcIP, src, trSrcPublic, r.lists[0][:0])
	x.dst = r.side(x, trDestIP, dst, trDestPublic, r.lists[1][:0])
	r.own(x)
	r.lists = [2][]packed{x.src, x.dst} // their memory serves the next row
	if len(x.src) == 0 && len(x.dst) == 0 {
		return trSrcIP, "neither an address nor a machine name"
	}
	if len(x.src) == 0 || len(x.dst) == 0 {
		r.noEnd++
	}
	x.flow.Ours = oursOf(x)
	return 0, ""
}

// side are the addresses of one end: the list, else the single address.
func (r *trafficReader) side(x *trafficRow, field int, list []byte, listField int, out []packed) []packed {
	if len(list) > 0 {
		out = r.unpack(x, list, listField, out)
	}
	cell := x.cells[field]
	if len(cell) == 0 || blank(cell) {
		return out
	}
	a, ok := addressIn(cell)
	switch {
	case ok && len(out) == 0:
		return append(out, packed{end: netcase.Endpoint{Addr: a}, sizes: noSizes})
	case ok && !holdsAddress(out, a):
		r.in.Doubt(x.line, x.item, trafficNames[field], "another address than in "+trafficNames[listField], x.raw)
	case !ok && len(out) == 0:
		// analysts project a packed list under the name of the single address
		return r.unpack(x, cell, field, out)
	}
	return out
}

var noSizes = [4]int64{netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent}

func holdsAddress(list []packed, a netip.Addr) bool {
	for i := range list {
		if list[i].end.Addr == a {
			return true
		}
	}
	return false
}

// own fills our end where the row has no address for it, and names the ends. The
// name of an interface is taken only where there is neither an address nor a
// machine name. VM is the Azure side, VM1 the source, VM2 the destination.
func (r *trafficReader) own(x *trafficRow) {
	if x.inbound {
		x.src = r.named(x, x.src, false, []int{trVM1}, trNIC1)
		x.dst = r.named(x, x.dst, true, []int{trVM2, trVM}, trNIC2, trNIC)
		return
	}
	x.src = r.named(x, x.src, true, []int{trVM1, trVM}, trNIC1, trNIC)
	x.dst = r.named(x, x.dst, false, []int{trVM2}, trNIC2)
}

// named is an end with the name, and where need be the address, of its machine.
func (r *trafficReader) named(x *trafficRow, end []packed, ours bool, machines []int, interfaces ...int) []packed {
	name := r.first(x, machines)
	vmip, ok := addressIn(x.cells[trVMIP])
	switch {
	case len(end) == 1 && (ours || netcase.Private(end[0].end.Addr)):
		end[0].end.Name = name
	case len(end) > 0:
	case ours && ok:
		return append(end, packed{end: netcase.Endpoint{Addr: vmip, Name: name}, sizes: noSizes})
	case name != "":
		return append(end, packed{end: netcase.Endpoint{Name: name}, sizes: noSizes})
	default:
		if name = r.first(x, interfaces); name != "" {
			return append(end, packed{end: netcase.Endpoint{Name: name}, sizes: noSizes})
		}
	}
	return end
}

// first is the first name that the fields hold.
func (r *trafficReader) first(x *trafficRow, fields []int) string {
	for _, f := range fields {
		if name := r.name(x.tableRow, f, maxName); name != "" {
			return name
		}
	}
	return ""
}

// oursOf tells which ends are the exporter's own: the side of the interface, and
// both where the table calls the flow one between virtual networks.
func oursOf(x *trafficRow) netcase.Side {
	switch {
	case oneOf(x.cells[trFlowType], "intravnet", "intervnet"):
		return netcase.SideSrc | netcase.SideDst
	case x.inbound:
		return netcase.SideDst
	}
	return netcase.SideSrc
}

// outcome reads what became of the flows, and their sizes.
func (r *trafficReader) outcome(x *trafficRow) (int, string) {
	var counts [4]int64
	for i, field := range [...]int{trAllowedIn, trAllowedOut, trDeniedIn, trDeniedOut} {
		if cell := x.cells[field]; len(cell) == 1 && isDigit(cell[0]) {
			counts[i] = int64(cell[0] - '0')
			continue
		}
		counts[i] = r.count(x, field, maxFlowCount)
	}
	allowed, denied := plus(counts[0], counts[1]), plus(counts[2], counts[3])
	status := r.status(x, x.old.status)
	total := r.count(x, trFlowCount, maxFlowCount)
	if total <= 0 {
		total = x.old.flows
	}
	switch {
	case allowed > 0 && denied > 0:
		x.parts = append(x.parts, part{netcase.ReachAllowed, allowed}, part{netcase.ReachDenied, denied})
	case status == netcase.ReachUnknown && allowed > 0:
		x.parts = append(x.parts, part{netcase.ReachAllowed, allowed})
	case status == netcase.ReachUnknown && denied > 0:
		x.parts = append(x.parts, part{netcase.ReachDenied, denied})
	default:
		n := max(allowed, 0) + max(denied, 0)
		if n == 0 {
			n = max(total, 0)
		}
		x.parts = append(x.parts, part{status, n})
		if status == netcase.ReachDenied && allowed > 0 && !droppedRow(x) || status == netcase.ReachAllowed && denied > 0 {
			r.in.Doubt(x.line, x.item, trafficNames[trStatus], "the counters say otherwise", x.raw)
		}
	}
	f := &x.flow
	for _, s := range [...]struct {
		field int
		into  *int64
	}{{trPacketsOut, &f.PacketsOut}, {trPacketsIn, &f.PacketsIn}, {trOctetsOut, &f.OctetsOut}, {trOctetsIn, &f.OctetsIn}} {
		*s.into = sized(r.count(x, s.field, maxSize))
	}
	// no flow began in the interval, and yet there is traffic
	f.Continued = allowed == 0 && denied == 0 && (f.PacketsOut > 0 || f.OctetsOut > 0)
	return 0, ""
}

// sized is a size, where zero means that the table left it empty.
func sized(n int64) int64 {
	if n <= 0 {
		return netcase.Absent
	}
	return n
}

// count reads a counter; Absent where the row has none, or none that can be.
func (r *trafficReader) count(x *trafficRow, field int, most int64) int64 {
	if len(x.cells[field]) == 0 {
		return netcase.Absent
	}
	n, present, ok := countIn(x.cells[field])
	if ok = ok && n <= most; !ok {
		r.in.Doubt(x.line, x.item, trafficNames[field], "not a count", x.raw)
	}
	if !present || !ok {
		return netcase.Absent
	}
	return n
}

func (r *trafficReader) status(x *trafficRow, old byte) netcase.Reach {
	if droppedRow(x) {
		return netcase.ReachDenied
	}
	word := x.cells[trStatus]
	if blank(word) {
		word = []byte{old}
	}
	switch {
	case oneOf(word, "a", "allow", "allowed", "accept", "accepted"):
		return netcase.ReachAllowed
	case oneOf(word, "d", "deny", "denied", "drop", "dropped", "block", "blocked"):
		return netcase.ReachDenied
	case word[0] != 0:
		r.in.Doubt(x.line, x.item, trafficNames[trStatus], "neither allowed nor denied", x.raw)
	}
	return netcase.ReachUnknown
}

// droppedRow tells whether the flows were dropped because they were not encrypted.
func droppedRow(x *trafficRow) bool {
	return oneOf(x.cells[trEncryption], "drop due to no encryption")
}

// key is the natural key of the row: the interval and the aggregation key.
func (r *trafficReader) key(x *trafficRow) uint64 {
	d := newDigest(formatTraffic).number(uint64(x.flow.Booked)).number(uint64(x.flow.Start))
	for _, field := range [...]int{trSrcIP, trDestIP, trVMIP, trSrcPublic, trDestPublic, trPublic, trVM, trVM1, trVM2} {
		if cell := x.cells[field]; len(cell) > 0 && !blank(cell) {
			d = d.number(uint64(field)).bytes(trimmed(cell))
		}
	}
	d = d.number(uint64(x.flow.DstPort)<<16 | uint64(x.flow.Proto)<<8 | uint64(x.flow.Ours))
	for _, p := range x.parts {
		d = d.number(uint64(p.reach))
	}
	return d.text(r.lowered.of(x.flow.Sensor)).text(x.flow.Rule).key()
}

// unpack reads a list of addresses: packed with their counts, bare, or spelled as
// a list of Python or JSON. What is no address is doubted, never taken for one.
func (r *trafficReader) unpack(x *trafficRow, list []byte, field int, out []packed) []packed {
	if blank(list) {
		return out
	}
	for len(list) > 0 {
		if len(out) < maxPacked {
			out = append(out, packed{})
			if n := quickPacked(list, &out[len(out)-1]); n > 0 {
				list = list[min(n+1, len(list)):]
				continue
			}
			out = out[:len(out)-1]
		}
		n := 0
		for n < len(list) && !separates(list[n]) {
			n++
		}
		token := list[:n]
		list = list[min(n+1, len(list)):]
		if token = unwrapped(token); len(token) == 0 || blank(token) {
			continue
		}
		if len(out) == maxPacked {
			r.in.Doubt(x.line, x.item, trafficNames[field], "more addresses than one row can have: the rest was left out", token)
			return out
		}
		p, reason := unpackOne(token)
		if reason != "" {
			r.in.Doubt(x.line, x.item, trafficNames[field], reason, token)
		}
		if p.end.Addr.IsValid() {
			out = append(out, p)
		}
	}
	return out
}

// separates tells whether a character stands between the addresses of a list.
func separates(c byte) bool {
	return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\n' || c == '\r'
}

// quickPacked reads the packed IPv4 address that a list begins with and tells how
// many bytes it takes. 0: it is spelled in another way, and unpackOne reads it.
func quickPacked(list []byte, p *packed) int {
	i, quad := 0, [4]byte{}
	for k := range quad {
		v, rest, digits := leadingNumber(list[i:], 3)
		if digits == 0 || v > 0xff || digits > 1 && list[i] == '0' || len(rest) == 0 || rest[0] != ".|"[k/3] {
			return 0
		}
		quad[k] = byte(v)
		i += digits + 1
	}
	var v [packedFields - 1]int64
	for k := range v {
		n, digits := int64(0), 0
		for ; i < len(list) && digits < maxQuickDigits && isDigit(list[i]); i++ {
			n = 10*n + int64(list[i]-'0')
			digits++
		}
		last := k == len(v)-1
		if digits == 0 || !last && (i == len(list) || list[i] != '|') || last && i < len(list) && !separates(list[i]) {
			return 0
		}
		v[k] = n
		if !last {
			i++
		}
	}
	p.end.Addr, p.counted, p.flows = netip.AddrFrom4(quad), true, v[0]
	for k := range p.sizes {
		p.sizes[k] = sized(v[k+2])
	}
	return i
}

// maxQuickDigits keeps what quickPacked reads below maxSize.
const maxQuickDigits = 13

// unwrapped is an element without the brackets and quotes of the list it stands in.
func unwrapped(token []byte) []byte {
	if n := len(token); n == 0 || isDigit(token[0]) && isDigit(token[n-1]) {
		return token
	}
	return bytes.Trim(token, "[]()'\"")
}

// packedFields is how many fields a packed address has: the address, flows
// started and ended, packets out and in, octets out and in.
const packedFields = 7

// maxPacked bounds the addresses of one row. The service keeps 64 kB of a field.
const maxPacked = 1 << 19

// maxFlowCount bounds the flows that one row stands for: three million a second
// for an hour between two ends are beyond any interface.
const maxFlowCount = 1e10

func unpackOne(token []byte) (p packed, reason string) {
	p.sizes = noSizes
	bar := bytes.IndexByte(token, '|')
	text := token
	if bar >= 0 {
		text = token[:bar]
	}
	a, ok := addressIn(text)
	if !ok {
		return p, "not an address in the list"
	}
	p.end.Addr = a
	if bar < 0 {
		return p, ""
	}
	var v [packedFields - 1]int64
	if !packedCounts(token[bar+1:], &v) {
		return p, "an address in the list without its six counts"
	}
	p.counted, p.flows = true, v[0]
	for i := range p.sizes {
		p.sizes[i] = sized(v[i+2])
	}
	return p, ""
}

// packedCounts reads the counts behind a packed address.
func packedCounts(counts []byte, v *[packedFields - 1]int64) bool {
	for i := range v {
		cell, rest, more := counts, []byte(nil), false
		if bar := bytes.IndexByte(counts, '|'); bar >= 0 {
			cell, rest, more = counts[:bar], counts[bar+1:], true
		}
		n, present, ok := countIn(cell)
		if !ok || !present || n > maxSize || more != (i < len(v)-1) {
			return false
		}
		v[i], counts = n, rest
	}
	return true
}

// expand hands over the flows of the row: one for each outcome and address. The
// row is one record.
func (r *trafficReader) expand(x *trafficRow) error {
	list, other, listed := x.src, x.dst, true
	if len(x.dst) > len(x.src) {
		list, other, listed = x.dst, x.src, false
	}
	if len(list) == 0 {
		list = []packed{{sizes: noSizes}}
	}
	near := packed{}
	if len(other) > 0 {
		near = other[0]
	}
	if len(other) > 1 {
		r.in.Doubt(x.line, x.item, trafficNames[trSrcPublic], "lists on both sides: only the first address of the shorter one was taken", x.raw)
	}
	raw, stamp, zone := r.kept(x.tableRow), "", ""
	if r.in.Raw {
		stamp, zone = r.stamp(x.tableRow, x.startField())
	}
	sizes := r.sizes(x, list)
	number := int32(0)
	for at, p := range x.parts {
		for i, flows := range r.shares(list, p.flows, at == 0) {
			r.batch.Flows = append(r.batch.Flows, x.flow)
			f := &r.batch.Flows[len(r.batch.Flows)-1]
			f.Reach, f.Flows, f.Records = p.reach, flows, 1
			f.Continued = f.Continued || list[i].counted && list[i].flows == 0
			f.PacketsOut, f.PacketsIn, f.OctetsOut, f.OctetsIn = netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent
			if at == 0 {
				f.PacketsOut, f.PacketsIn, f.OctetsOut, f.OctetsIn = sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]
			}
			if f.Reach == netcase.ReachAllowed && (f.PacketsOut > 0 && f.PacketsIn > 0 || f.OctetsOut > 0 && f.OctetsIn > 0) {
				f.Reach = netcase.ReachBidirectional
			}
			f.Src, f.Dst = list[i].end, near.end
			if !listed {
				f.Src, f.Dst = near.end, list[i].end
			}
			number++
			if r.in.Raw {
				f.Place, f.Raw, f.Stamp, f.Zone = x.place(), raw, stamp, zone
				if len(list) > 1 || len(x.parts) > 1 {
					f.Place.Expand = number
				}
			}
			if err := r.give(f, number == 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// startField is the field that the start of the flows was read from.
func (x *trafficRow) startField() int {
	for _, field := range [...]int{trStart, trIntervalStart} {
		if !blank(x.cells[field]) {
			return field
		}
	}
	return trTime
}

// give hands over one flow; the first of a row counts the row.
func (r *trafficReader) give(f *netcase.Flow, first bool) error {
	if first {
		r.in.AcceptFlow(&r.batch, f)
		return nil
	}
	f.Flows = max(f.Flows, 1)
	r.in.count(f)
	return r.flush(BatchSize)
}

// shares divides the flows of a part among the addresses of a list. The row's
// count is the truth, and each address that is listed had at least one flow.
func (r *trafficReader) shares(list []packed, total int64, remark bool) []int64 {
	weights := slices.Grow(r.weights[:0], len(list))[:len(list)]
	r.weights = weights
	var sum int64
	counted := true
	for i := range list {
		weights[i] = list[i].flows
		sum = plus(sum, weights[i])
		counted = counted && list[i].counted
	}
	if !counted || sum == 0 {
		for i := range weights {
			weights[i] = 1
		}
		if remark && !counted && len(list) > 1 {
			r.evenly++
		}
		sum = int64(len(list))
		if total == 0 {
			total = sum
		}
	} else if total == 0 {
		total = sum
	} else if remark && len(list) > 0 && sum != total {
		r.oddSums++
	}
	switch {
	case len(weights) == 1:
		weights[0] = total
	case sum != total:
		weights = apportion(weights, total)
	}
	return atLeastOne(weights)
}

// sizes are packets out, in, octets out and in of each address of a list. A row
// with one address has them itself; where several share a row, only packed counts
// tell them apart, and they are scaled to the row's.
func (r *trafficReader) sizes(x *trafficRow, list []packed) [][4]int64 {
	row := [4]int64{x.flow.PacketsOut, x.flow.PacketsIn, x.flow.OctetsOut, x.flow.OctetsIn}
	out := slices.Grow(r.spread[:0], len(list))[:len(list)]
	r.spread = out
	for i := range list {
		out[i] = list[i].sizes
	}
	for k := range row {
		if row[k] == netcase.Absent {
			continue
		}
		if len(list) == 1 {
			out[0][k] = row[k]
			continue
		}
		weights := make([]int64, len(list))
		var sum int64
		for i := range list {
			weights[i] = max(list[i].sizes[k], 0)
			sum = plus(sum, weights[i])
		}
		if sum == 0 || sum == row[k] {
			continue
		}
		for i, n := range apportion(weights, row[k]) {
			out[i][k] = sized(n)
		}
	}
	return out
}
