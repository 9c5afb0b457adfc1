package source

import (
	"fmt"
	"strconv"
	"strings"

	"netcase"
)

// The most rows that one export delivers.
const (
	portalCap   = 30_000  // Azure and Defender portals (Azure Monitor and advanced hunting limits)
	queryCap    = 500_000 // Log Analytics query API
	huntingCap  = 100_000 // Defender and Graph hunting API
	displayCap  = 10_000  // what older portals and many tools show
	sliceTarget = 20_000  // rows aimed at in a slice, so that one busy minute more stays below portalCap
)

// The most bytes that one answer of the Log Analytics API holds.
const (
	rawCap        = 104_857_600 // 100 MiB, before compression
	compressedCap = 67_108_864  // 64 MiB
	capTolerance  = 0.005       // an answer ends at the last whole row below the cap
)

// caps are the row counts that no export has by chance.
var caps = [...]struct {
	rows int64
	who  string
}{
	{displayCap, "a common display limit"},
	{portalCap, "the most that the portals export"},
	{huntingCap, "the most that the hunting API delivers"},
	{queryCap, "the most that the Log Analytics API delivers"},
}

// CutReason tells why an export of so many data rows is probably cut, and the
// query that shows how to fetch the rest. Both are empty where it is not. The
// format is that of a Format, or the name of a table.
func CutReason(rows int64, format string) (reason, query string) {
	for _, c := range caps {
		if rows == c.rows {
			return fmt.Sprintf("the export has exactly %s rows, %s", grouped(rows), c.who),
				countQuery(format, netcase.Span{})
		}
	}
	return "", ""
}

// sizeCap tells why an export of so many bytes is probably cut.
func sizeCap(n int64) string {
	for _, c := range [...]int64{rawCap, compressedCap} {
		if n <= c && float64(n) > float64(c)*(1-capTolerance) {
			return fmt.Sprintf("the export has %s bytes, just below the %s that one answer may have", grouped(n), grouped(c))
		}
	}
	return ""
}

// grouped writes a number in groups of three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// queryTable is what the queries need to know of a table.
type queryTable struct {
	name, format string
	time         string   // the column by which it is sliced
	arrival      string   // the column of arrival, where it is another
	filter       string   // a further condition
	columns      []string // that matter
}

// lateArrival is how long after a flow its row may be ingested: the processing
// interval of an hour, up to an hour of lag, and room.
const lateArrival = "4h"

// queryTables lists the tables in the order in which they are printed.
func queryTables() []queryTable {
	return []queryTable{
		{
			name: tableTraffic, format: "azure-traffic", time: "FlowStartTime_t", arrival: "TimeGenerated", filter: `SubType_s == "FlowLog"`,
			columns: strings.Fields(`TimeGenerated SubType_s FASchemaVersion_s FlowIntervalStartTime_t FlowIntervalEndTime_t
				FlowStartTime_t FlowEndTime_t FlowType_s FlowDirection_s FlowStatus_s SrcIP_s DestIP_s SrcPublicIPs_s
				DestPublicIPs_s PublicIPs_s VMIP_s VM_s VM1_s VM2_s NIC_s NIC1_s NIC2_s DestPort_d L4Protocol_s L7Protocol_s
				NSGList_s NSGRule_s NSGRules_s AllowedInFlows_d DeniedInFlows_d AllowedOutFlows_d DeniedOutFlows_d
				OutboundPackets_d InboundPackets_d OutboundBytes_d InboundBytes_d`),
		},
		{
			name: tableNTA, format: "azure-traffic", time: "FlowStartTime", arrival: "TimeGenerated", filter: `SubType =~ "FlowLog"`,
			columns: strings.Fields(`TimeGenerated SubType FaSchemaVersion FlowIntervalStartTime FlowIntervalEndTime FlowStartTime
				FlowEndTime FlowType FlowDirection FlowStatus FlowEncryption SrcIp DestIp SrcPublicIps DestPublicIps SrcVm DestVm
				SrcNic DestNic DestPort L4Protocol L7Protocol AclGroup AclRule TargetResourceId AllowedInFlows DeniedInFlows
				AllowedOutFlows DeniedOutFlows PacketsSrcToDest PacketsDestToSrc BytesSrcToDest BytesDestToSrc`),
		},
		{
			name: tableDefender, format: "defender-network", time: "TimeGenerated",
			columns: strings.Fields(`TimeGenerated DeviceId DeviceName ActionType RemoteIP RemotePort RemoteUrl LocalIP LocalPort
				Protocol LocalIPType RemoteIPType InitiatingProcessFileName InitiatingProcessFolderPath InitiatingProcessCommandLine
				InitiatingProcessId InitiatingProcessCreationTime InitiatingProcessParentFileName InitiatingProcessAccountDomain
				InitiatingProcessAccountName ReportId`),
		},
		{
			name: "SecurityEvent", time: "TimeGenerated", filter: "EventID in (4624, 4625)",
			columns: strings.Fields(`TimeGenerated Computer EventID Activity TargetUserName TargetDomainName LogonType LogonTypeName
				LogonProcessName AuthenticationPackageName IpAddress IpPort WorkstationName Status SubStatus FailureReason
				ElevatedToken TargetLogonId`),
		},
		{
			name: "DeviceLogonEvents", time: "TimeGenerated",
			columns: strings.Fields(`TimeGenerated DeviceId DeviceName ActionType LogonType AccountDomain AccountName Protocol
				FailureReason RemoteIP RemotePort RemoteIPType RemoteDeviceName IsLocalAdmin LogonId ReportId`),
		},
	}
}

// The tables that formats read.
const (
	tableTraffic  = "AzureNetworkAnalytics_CL"
	tableNTA      = "NTANetAnalytics"
	tableDefender = "DeviceNetworkEvents"
)

// Queries are the queries that export the tables of an investigation in slices
// below the caps: for each table one that prints the slices, and one that fetches
// a slice.
func Queries(span netcase.Span) []netcase.QueryText {
	var out []netcase.QueryText
	for _, q := range queryTables() {
		out = append(out,
			netcase.QueryText{Title: q.name + ": the slices to export, each below " + fmt.Sprint(portalCap) + " rows", Language: "kql", Text: q.count(span)},
			netcase.QueryText{Title: q.name + ": one slice (set From and To to a line of the query before)", Language: "kql", Text: q.slice(span)},
		)
	}
	return out
}

// countQuery is the query that prints the slices of the table of a format, and the
// one that fetches a slice. A blank line stands between them: to an editor of KQL
// it is what ends a query, and each is run by itself.
func countQuery(format string, span netcase.Span) string {
	for _, q := range queryTables() {
		if strings.EqualFold(q.name, format) || q.format == format {
			return q.count(span) + "\n\n// then, for each line, put in as From and To:\n" + q.slice(span)
		}
	}
	return ""
}

// count prints stretches of time of about sliceTarget rows.
func (q *queryTable) count(span netcase.Span) string {
	return q.source(span) + fmt.Sprintf(`
| summarize Rows = count() by Minute = bin(%s, 1m)
| order by Minute asc
| extend Part = toint((row_cumsum(Rows) - Rows) / %d)
| summarize SliceFrom = min(Minute), SliceTo = max(Minute) + 1m, Rows = sum(Rows) by Part
| extend Fits = iff(Rows < %d, "portal, hunting API, query API", iff(Rows < %d, "hunting API, query API", "query API"))
| order by Part asc`, q.time, sliceTarget, portalCap, huntingCap)
}

// slice fetches one stretch of time.
func (q *queryTable) slice(span netcase.Span) string {
	return q.source(span) + fmt.Sprintf("\n| project %s\n| order by %s asc", strings.Join(q.columns, ", "), q.time)
}

func (q *queryTable) source(span netcase.Span) string {
	var b strings.Builder
	if strings.HasPrefix(q.name, "Device") {
		b.WriteString("// in the Defender portal and its API the column TimeGenerated is called Timestamp\n")
	}
	fmt.Fprintf(&b, "let From = %s\nlet To = %s\n%s", bound(span.Start), bound(span.End), q.name)
	if q.arrival != "" {
		fmt.Fprintf(&b, "\n| where %s >= From and %s < To + %s", q.arrival, q.arrival, lateArrival)
	}
	fmt.Fprintf(&b, "\n| where %s >= From and %s < To", q.time, q.time)
	if q.filter != "" {
		fmt.Fprintf(&b, "\n| where %s", q.filter)
	}
	return b.String()
}

func bound(t netcase.Time) string {
	if !t.Known() {
		return "datetime(null); // set this"
	}
	return "datetime(" + t.String() + ");"
}

// wholeDays is the span widened to whole days, since a cut export lacks an end.
func wholeDays(s netcase.Span) netcase.Span {
	if !s.Start.Known() {
		return s
	}
	return netcase.Span{Start: s.Start.Truncate(netcase.Day), End: (s.End - 1).Truncate(netcase.Day) + netcase.Day}
}
