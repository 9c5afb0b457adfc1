package simulate

import (
	"strconv"
	"strings"

	"netcase"
)

// column is one column of an export and how its value is found.
type column[T any] struct {
	name  string
	value func(T) string
}

// byteOrderMark begins the files that the portal exports.
const byteOrderMark = "\ufeff"

// writeTable writes a table as the portals do: a value is quoted unless it is
// made of letters and digits alone, lines end with CR LF.
func writeTable[T any](mark string, columns []column[T], rows []T) []byte {
	out := append(make([]byte, 0, len(rows)*12*len(columns)), mark...)
	out = appendHeader(out, columns)
	for _, r := range rows {
		out = appendRow(out, columns, r)
	}
	return out
}

func appendHeader[T any](out []byte, columns []column[T]) []byte {
	for i, c := range columns {
		out = appendField(out, i, c.name)
	}
	return append(out, "\r\n"...)
}

func appendRow[T any](out []byte, columns []column[T], r T) []byte {
	for i, c := range columns {
		out = appendField(out, i, c.value(r))
	}
	return append(out, "\r\n"...)
}

func appendField(out []byte, i int, v string) []byte {
	if i > 0 {
		out = append(out, ',')
	}
	if plain(v) {
		return append(out, v...)
	}
	out = append(out, '"')
	for k := range len(v) {
		if v[k] == '"' {
			out = append(out, '"')
		}
		out = append(out, v[k])
	}
	return append(out, '"')
}

func plain(v string) bool {
	for i := range len(v) {
		c := v[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// portalTime is an instant as the Log Analytics portal prints it:
// "10/20/2025, 1:05:33.000 PM".
func portalTime(at netcase.Time) string {
	t := at.Std()
	var room [32]byte
	b := strconv.AppendInt(room[:0], int64(t.Month()), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(t.Day()), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(t.Year()), 10)
	half := "AM"
	if t.Hour() >= 12 {
		half = "PM"
	}
	b = append(b, ", "...)
	b = strconv.AppendInt(b, int64((t.Hour()+11)%12+1), 10)
	b = appendPadded(append(b, ':'), int64(t.Minute()), 2)
	b = appendPadded(append(b, ':'), int64(t.Second()), 2)
	b = appendPadded(append(b, '.'), int64(at%netcase.Second), 3)
	return string(append(append(b, ' '), half...))
}

// appendPadded appends a number with leading zeros.
func appendPadded(b []byte, n int64, width int) []byte {
	for limit := pow10(width - 1); limit > 1 && n < limit; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, n, 10)
}

func pow10(k int) int64 {
	n := int64(1)
	for range k {
		n *= 10
	}
	return n
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// protocols by port, as the table derives them.
var portNames = map[uint16]string{
	21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 80: "http", 88: "kerberos", 123: "ntp", 443: "https",
	445: "microsoft-ds", 1433: "ms-sql-s", 3306: "mysql", 3389: "ms-wbt-server", 5666: "nrpe", 5900: "rfb", 8080: "http-alt", 8443: "pcsync-https",
}

// line is one line of the table: a flow record, or one about the analytics
// itself.
type line struct {
	*row
	w      *world
	status *status
}

// status is a line of the table that is no flow.
type status struct {
	kind, name, resource string // SubType_s, Name_s, ResourceType
	at, about            netcase.Time
}

// flowOnly is a column that only flow records fill.
func flowOnly(name string, value func(line) string) column[line] {
	return column[line]{name, func(l line) string {
		if l.row == nil {
			return ""
		}
		return value(l)
	}}
}

// blank is a column that nothing here fills.
func blank(name string) column[line] { return column[line]{name, func(line) string { return "" }} }

// wholeTable is every column of AzureNetworkAnalytics_CL.
func wholeTable() []column[line] {
	var out []column[line]
	for _, part := range [][]column[line]{headColumns(), addressColumns(), ruleColumns(), resourceColumns(), decorationColumns(), counterColumns(), tailColumns()} {
		out = append(out, part...)
	}
	return out
}

func headColumns() []column[line] {
	return []column[line]{
		{"TenantId", func(l line) string { return l.w.tenant }},
		{"TimeGenerated [UTC]", func(l line) string { return portalTime(l.generatedAt()) }},
		blank("Computer"),
		{"SubType_s", func(l line) string {
			if l.status != nil {
				return l.status.kind
			}
			return "FlowLog"
		}},
		{"FASchemaVersion_s", func(line) string { return "2" }},
		flowOnly("TimeProcessed_t [UTC]", func(l line) string { return portalTime(l.processed) }),
		flowOnly("FlowIntervalStartTime_t [UTC]", func(l line) string { return portalTime(l.hour) }),
		flowOnly("FlowIntervalEndTime_t [UTC]", func(l line) string { return portalTime(l.hour + interval) }),
		flowOnly("FlowStartTime_t [UTC]", func(l line) string { return portalTime(l.first) }),
		flowOnly("FlowEndTime_t [UTC]", func(l line) string { return portalTime(l.last) }),
		flowOnly("FlowType_s", func(l line) string { return l.kind }),
	}
}

func (l line) generatedAt() netcase.Time {
	if l.status != nil {
		return l.status.at
	}
	return l.generated
}

// addressColumns leave SrcIP_s empty where the source is outside and packed, and
// on the way out name our machine in VMIP_s alone.
func addressColumns() []column[line] {
	return []column[line]{
		flowOnly("SrcIP_s", func(l line) string {
			if l.packs() {
				return ""
			}
			return l.src.String()
		}),
		flowOnly("DestIP_s", func(l line) string {
			if l.packs() && l.dir == 'O' {
				return ""
			}
			return l.dst.String()
		}),
		flowOnly("VMIP_s", func(l line) string {
			if l.packs() {
				return l.w.hosts[l.ours].addr.String()
			}
			return ""
		}),
		blank("PublicIPs_s"),
		flowOnly("SrcPublicIPs_s", func(l line) string { return l.packed('I') }),
		flowOnly("DestPublicIPs_s", func(l line) string { return l.packed('O') }),
		flowOnly("DestPort_d", func(l line) string { return count(int64(l.dport)) }),
		flowOnly("L4Protocol_s", func(l line) string { return protocolLetter(l.proto) }),
		flowOnly("L7Protocol_s", func(l line) string { return portNames[l.dport] }),
		flowOnly("FlowDirection_s", func(l line) string { return string(l.dir) }),
		flowOnly("FlowStatus_s", func(l line) string { return l.verdict() }),
	}
}

func protocolLetter(proto uint8) string {
	if proto == netcase.UDP {
		return "U"
	}
	return "T"
}

// packs tells whether the outside addresses stand in a packed list.
func (l line) packs() bool { return l.kind == externalPublic || l.kind == azurePublic }

// packed is the list of outside addresses with their counters, for the side it
// belongs to.
func (l line) packed(dir byte) string {
	if !l.packs() || l.dir != dir {
		return ""
	}
	var b []byte
	for i := range l.outside {
		c := &l.outside[i]
		if i > 0 {
			b = append(b, ' ')
		}
		b = outsideOf(l.row, c).AppendTo(b)
		for _, n := range [6]int64{c.started, c.ended, c.out.packets, c.in.packets, c.out.octets, c.in.octets} {
			b = strconv.AppendInt(append(b, '|'), n, 10)
		}
	}
	return string(b)
}

func (l line) rule() *rule {
	return l.w.ruleOf(view{nsg: int(l.nsg), rule: int(l.cell.rule), dir: l.dir})
}

func (l line) verdict() string {
	if l.rule().allow {
		return "A"
	}
	return "D"
}

func ruleColumns() []column[line] {
	return []column[line]{
		flowOnly("NSGList_s", func(l line) string {
			g := &l.w.nsgs[l.nsg]
			return l.w.subscription + "/" + g.group + "/" + g.name
		}),
		blank("NSGRules_s"),
		flowOnly("NSGRule_s", func(l line) string { return l.rule().name }),
		flowOnly("NSGRuleType_s", func(l line) string {
			if l.rule().builtIn {
				return "Default"
			}
			return "User Defined"
		}),
		flowOnly("MACAddress_s", func(l line) string { return dashed(l.reporter().mac) }),
	}
}

// reporter is the machine at whose interface the record was taken.
func (l line) reporter() *host {
	switch {
	case l.kind != intraVNet && l.kind != maliciousFlow:
		return &l.w.hosts[l.ours]
	case l.dir == 'O':
		return &l.w.hosts[l.w.byAddr[l.src]]
	}
	return &l.w.hosts[l.w.byAddr[l.dst]]
}

func dashed(mac string) string {
	var b strings.Builder
	for i := 0; i < len(mac); i += 2 {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(mac[i : i+2])
	}
	return b.String()
}

// region is where the estate is.
const region = "westeurope"

// resourceColumns come in threes: of the one side that is in Azure, and for
// traffic inside of the source and of the destination.
func resourceColumns() []column[line] {
	three := func(stem, suffix string, value func(*host, *world) string) []column[line] {
		one := func(l line) string {
			if l.kind == intraVNet {
				return ""
			}
			return value(l.reporter(), l.w)
		}
		side := func(end func(line) int) func(line) string {
			return func(l line) string {
				if l.kind != intraVNet {
					return ""
				}
				return value(&l.w.hosts[end(l)], l.w)
			}
		}
		return []column[line]{
			flowOnly(stem+suffix, one),
			flowOnly(stem+"1"+suffix, side(func(l line) int { return l.w.byAddr[l.src] })),
			flowOnly(stem+"2"+suffix, side(func(l line) int { return l.w.byAddr[l.dst] })),
		}
	}
	var out []column[line]
	out = append(out, three("Subscription", "_g", func(_ *host, w *world) string { return w.subscription })...)
	out = append(out, three("Region", "_s", func(*host, *world) string { return region })...)
	out = append(out, three("NIC", "_s", func(h *host, _ *world) string { return h.group + "/" + h.name + "-nic" })...)
	out = append(out, three("VM", "_s", func(h *host, _ *world) string { return h.vm() })...)
	out = append(out, three("Subnet", "_s", func(h *host, w *world) string { return "rg-" + w.prefix + "network/vnet-prod/" + h.subnet })...)
	return out
}

func decorationColumns() []column[line] {
	var out []column[line]
	for _, name := range []string{
		"ApplicationGateway1_s", "ApplicationGateway2_s", "LoadBalancer1_s", "LoadBalancer2_s", "LocalNetworkGateway1_s",
		"LocalNetworkGateway2_s", "ExpressRouteCircuit1_s", "ExpressRouteCircuit2_s", "ExpressRouteCircuitPeeringType_s",
		"ConnectionType_s", "ConnectionName_s", "ConnectingVNets_s",
	} {
		out = append(out, blank(name))
	}
	return append(out,
		flowOnly("Country_s", func(l line) string {
			if l.kind == externalPublic {
				return l.place.name
			}
			return ""
		}),
		flowOnly("AzureRegion_s", func(l line) string {
			if l.kind == azurePublic {
				return l.place.name
			}
			return ""
		}),
	)
}

// counterColumns count by verdict and direction. Outbound sizes go from source
// to destination; a denied flow has none.
func counterColumns() []column[line] {
	flows := func(verdict string, dir byte) func(line) string {
		return func(l line) string {
			if l.verdict() == verdict && l.dir == dir {
				return count(l.started)
			}
			return "0"
		}
	}
	sized := func(value func(line) int64) func(line) string {
		return func(l line) string {
			if !l.sized {
				return ""
			}
			return count(value(l))
		}
	}
	return []column[line]{
		flowOnly("AllowedInFlows_d", flows("A", 'I')),
		flowOnly("DeniedInFlows_d", flows("D", 'I')),
		flowOnly("AllowedOutFlows_d", flows("A", 'O')),
		flowOnly("DeniedOutFlows_d", flows("D", 'O')),
		blank("FlowCount_d"),
		flowOnly("InboundPackets_d", sized(func(l line) int64 { return l.in.packets })),
		flowOnly("OutboundPackets_d", sized(func(l line) int64 { return l.out.packets })),
		flowOnly("InboundBytes_d", sized(func(l line) int64 { return l.in.octets })),
		flowOnly("OutboundBytes_d", sized(func(l line) int64 { return l.out.octets })),
		flowOnly("CompletedFlows_d", func(l line) string { return count(l.ended) }),
	}
}

func tailColumns() []column[line] {
	ofStatus := func(name string, value func(*status) string) column[line] {
		return column[line]{name, func(l line) string {
			if l.status == nil {
				return ""
			}
			return value(l.status)
		}}
	}
	return []column[line]{
		flowOnly("IsFlowCapturedAtUDRHop_b", func(line) string { return "False" }),
		ofStatus("ResourceType", func(s *status) string { return s.resource }),
		ofStatus("Name_s", func(s *status) string { return s.name }),
		ofStatus("DiscoveryRegion_s", func(*status) string { return region }),
		blank("IsFlowEnabled_b"),
		blank("FlowLogStorageAccount_s"),
		{"Type", func(line) string { return "AzureNetworkAnalytics_CL" }},
		blank("_ResourceId"),
	}
}

// lines are the table in the order in which it arrived, with what the analytics
// says about itself in between: the topology once a day, a message every hour.
func (w *world) lines(rows []row) []line {
	var out []line
	var last netcase.Time
	for i := range rows {
		r := &rows[i]
		if r.hour != last {
			last = r.hour
			out = append(out, w.statusLines(r)...)
		}
		out = append(out, line{row: r, w: w})
	}
	return out
}

func (w *world) statusLines(r *row) []line {
	out := []line{{w: w, status: &status{kind: "StatusMessage", at: r.processed, about: r.hour}}}
	if r.hour%netcase.Day != 0 {
		return out
	}
	for i := range w.nsgs {
		g := &w.nsgs[i]
		out = append(out, line{w: w, status: &status{kind: "Topology", name: g.group + "/" + g.name, resource: "NetworkSecurityGroup", at: r.processed, about: r.hour}})
	}
	for i := range w.hosts {
		out = append(out, line{w: w, status: &status{kind: "Topology", name: w.hosts[i].vm(), resource: "VirtualMachine", at: r.processed, about: r.hour}})
	}
	return out
}
