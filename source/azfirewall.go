package source

import (
	"bytes"
	"context"
	"strings"

	"netcase"
)

const formatAZFW = "azure-firewall"

// azureFirewall reads the logs of Azure Firewall.
var azureFirewall = Format{
	Name:   formatAZFW,
	Doc:    "logs of Azure Firewall: the AZFW tables, AzureDiagnostics, or the diagnostic log itself, as CSV or JSON",
	Proves: "what the firewall allowed, denied or translated, connection by connection; never whether anything answered",
	Detect: detectAZFW,
	Decode: decodeAZFW,
	Split:  tableSplit(azfwSpec),
	Join: func(in *Input) {
		tableJoin(in, "AZFWNetworkRule", azfwNames, nil, []countedNote{
			{sumProtocol, "in %s the protocol is missing: TCP was assumed"},
		})
	},
}

// The fields of a row.
const (
	fwTime = iota
	fwKind
	fwMessage
	fwResource
	fwProtocol
	fwSrcIP
	fwSrcPort
	fwDstIP
	fwDstPort
	fwName
	fwURL
	fwNatIP
	fwNatPort
	fwAction
	fwRule
	fwCollection
	fwThreat
	fwQuery
	fwQueryType
	fwSignature
	fwCategory
	fwSeverity
	fwFields
)

var azfwNames = []string{
	fwTime: "TimeGenerated", fwKind: "Category", fwMessage: "msg_s", fwResource: "ResourceId", fwProtocol: "Protocol", fwSrcIP: "SourceIp",
	fwSrcPort: "SourcePort", fwDstIP: "DestinationIp", fwDstPort: "DestinationPort", fwName: "Fqdn", fwURL: "TargetUrl", fwNatIP: "TranslatedIp",
	fwNatPort: "TranslatedPort", fwAction: "Action", fwRule: "Rule", fwCollection: "RuleCollection", fwThreat: "ThreatDescription",
	fwQuery: "QueryName", fwQueryType: "QueryType", fwSignature: "SignatureId", fwCategory: "Description", fwSeverity: "Severity",
}

func azfwSpec() *tableSpec {
	s := &tableSpec{table: "AZFWNetworkRule", join: true, width: fwFields, aliases: map[string]alias{}, times: []int{fwTime}}
	for field, name := range azfwNames {
		plain, _ := columnName([]byte(name))
		s.aliases[plain] = alias{field: field}
	}
	for rank, names := range [...]map[string]int{
		{"time": fwTime, "_resourceid": fwResource},
		{"timestamp": fwTime, "operationname": fwKind, "resource": fwResource},
		{"type": fwKind},
	} {
		for name, field := range names {
			s.aliases[name] = alias{field, rank + 1}
		}
	}
	return s
}

func detectAZFW(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	marks := h.count("rulecollection", "rulecollectiongroup", "actionreason", "translatedip", "istlsinspected", "threatdescription", "webcategory")
	switch {
	case why != "":
		return false, why
	case !h.has("timegenerated", "time", "timestamp"):
		return false, "it has no column with a time"
	case h.has("msg") && h.has("category", "operationname", "type", "resourceid") && bytes.Contains(head, []byte("AzureFirewall")):
		return true, ""
	case h.has("sourceip") && h.has("destinationip", "fqdn", "queryname") && (marks > 0 || bytes.Contains(head, []byte("AZFW"))) && !h.has("devicevendor"):
		return true, ""
	}
	return false, "it is no log of Azure Firewall (SourceIp, DestinationIp and RuleCollection, or msg of AzureFirewall…)"
}

// azfwReader decodes rows of the firewall.
type azfwReader struct {
	tableReading
	sensors      map[string]string
	assumedProto int64
}

func decodeAZFW(ctx context.Context, in *Input, out Sink) error {
	r := &azfwReader{sensors: map[string]string{}}
	r.out, r.decode = out, r.accept
	err := r.read(ctx, in, azfwSpec())
	in.Sum(sumProtocol, r.assumedProto)
	return err
}

// azfwRow is one row, read; texts are cells, or parts of the message.
type azfwRow struct {
	*tableRow
	at                        netcase.Time
	protocol                  string
	src, dst, nat             netcase.Endpoint
	srcPort, dstPort, natPort uint16
	action, rule, threat      string
	sensor                    string
}

func (r *azfwReader) accept(x *tableRow) error {
	at, err := r.time(x, fwTime)
	switch {
	case err != nil:
		return r.reject(x, azfwNames[fwTime], err.Error())
	case !at.Known():
		return r.reject(x, azfwNames[fwTime], "no time")
	}
	row := azfwRow{tableRow: x, at: at, sensor: r.sensor(x)}
	kind := r.name(x, fwKind, 64)
	switch {
	case !blank(x.cells[fwQuery]):
		return r.query(&row)
	case blank(x.cells[fwMessage]) && blank(x.cells[fwSrcIP]):
		r.in.Skip(strings.TrimSpace("a row without a connection " + kind))
		return nil
	case strings.Contains(kind, "FlowTrace") || strings.Contains(kind, "FatFlow"):
		r.in.Skip("a row of " + kind + ", which is no decision of a rule")
		return nil
	}
	field, reason := r.parts(&row)
	if blank(x.cells[fwSrcIP]) {
		field, reason = fwMessage, r.message(&row, string(x.cells[fwMessage][:min(len(x.cells[fwMessage]), maxCommand)]))
		if reason == dnsMessage {
			r.in.Skip("a message about a DNS request")
			return nil
		}
	}
	if reason != "" {
		return r.reject(x, azfwNames[field], reason)
	}
	r.flow(&row)
	return nil
}

// parts reads a row of the tables with a column for each part.
func (r *azfwReader) parts(x *azfwRow) (field int, reason string) {
	t := x.tableRow
	x.protocol, x.action, x.threat = r.name(t, fwProtocol, 32), r.name(t, fwAction, 32), r.name(t, fwThreat, maxName)
	x.rule = ruleName(r.name(t, fwCollection, maxName), r.name(t, fwRule, maxName))
	x.dst.Name = r.name(t, fwName, maxName)
	for _, c := range [...]struct {
		ip, port int
		end      *netcase.Endpoint
		into     *uint16
	}{{fwSrcIP, fwSrcPort, &x.src, &x.srcPort}, {fwDstIP, fwDstPort, &x.dst, &x.dstPort}, {fwNatIP, fwNatPort, &x.nat, &x.natPort}} {
		var ok bool
		if cell := t.cells[c.ip]; !blank(cell) {
			if c.end.Addr, ok = addressIn(cell); !ok {
				return c.ip, "not an address"
			}
		}
		if *c.into, ok = portIn(t.cells[c.port]); !ok {
			return c.port, "not a port"
		}
	}
	return 0, ""
}

// ruleName is a rule with the collection that it stands in.
func ruleName(collection, rule string) string {
	if collection == "" || rule == "" {
		return collection + rule
	}
	return collection + "/" + rule
}

const dnsMessage = "dns"

// message reads what AzureDiagnostics keep as text: "TCP request from A:p to B:q.
// Action: Deny. Rule Collection: c. Rule: r", and for translations "was DNAT'ed to".
func (r *azfwReader) message(x *azfwRow, text string) (reason string) {
	if strings.HasPrefix(text, "DNS Request:") || strings.HasPrefix(text, "Error:") {
		return dnsMessage
	}
	const unread = "a message of another form"
	protocol, rest, ok := strings.Cut(text, " request from ")
	if !ok {
		return unread
	}
	from, rest, ok := strings.Cut(rest, " to ")
	if !ok {
		return unread
	}
	x.protocol, _, _ = strings.Cut(protocol, " ")
	to, rest, _ := strings.Cut(rest+" ", " ")
	if x.src, x.srcPort, ok = endOf(from); !ok {
		return "the source is no address with a port"
	}
	if x.dst, x.dstPort, ok = endOf(strings.TrimSuffix(to, ".")); !ok {
		return "the destination is no name or address with a port"
	}
	if _, nat, found := strings.Cut(rest, "DNAT'ed to "); found {
		nat, _, _ = strings.Cut(nat, " ")
		if x.nat, x.natPort, ok = endOf(strings.TrimSuffix(nat, ".")); !ok {
			return "the translated destination is no address with a port"
		}
	}
	x.action = phrase(rest, "Action: ")
	x.rule = nameIn([]byte(ruleName(phrase(rest, "Rule Collection: "), phrase(rest, "Rule: "))), maxName)
	x.threat = nameIn([]byte(phrase(rest, "ThreatIntel: ")), maxName)
	return ""
}

// phrase is what stands behind a mark, up to the end of the sentence.
func phrase(text, mark string) string {
	_, after, ok := strings.Cut(text, mark)
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(after+" ", ". ")
	return strings.TrimSuffix(strings.TrimSpace(word), ".")
}

// endOf reads an address or a name with its port.
func endOf(text string) (end netcase.Endpoint, port uint16, ok bool) {
	host, digits := text, ""
	if colon := strings.LastIndexByte(text, ':'); colon >= 0 {
		host, digits = text[:colon], text[colon+1:]
	}
	if port, ok = portIn([]byte(digits)); !ok || host == "" || digits == "" {
		return end, 0, false
	}
	if end.Addr, ok = addressIn([]byte(host)); !ok {
		end.Name = nameIn([]byte(host), maxName)
	}
	return end, port, end.Known()
}

// flow hands over a connection, and beside it an alert where the firewall matched
// its own intelligence or a signature. A translated connection goes to the machine
// behind the firewall.
func (r *azfwReader) flow(x *azfwRow) {
	f := netcase.Flow{
		Start: x.at, End: x.at, Src: x.src, SrcPort: x.srcPort, Dst: x.dst, DstPort: x.dstPort, Rule: x.rule, Sensor: x.sensor,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
	}
	action := strings.ToLower(x.action)
	switch {
	case strings.HasPrefix(action, "deny") || strings.HasPrefix(action, "drop") || strings.HasPrefix(action, "reject"):
		f.Reach = netcase.ReachDenied
	case strings.HasPrefix(action, "allow") || strings.HasPrefix(action, "alert") || x.nat.Known():
		f.Reach = netcase.ReachAllowed
	}
	if x.nat.Known() {
		f.Dst, f.DstPort = x.nat, x.natPort
	}
	var ok bool
	if f.Proto, ok = protocolIn([]byte(x.protocol)); !ok {
		f.Proto = netcase.TCP // the application rules name HTTP, HTTPS and MSSQL
		if strings.HasPrefix(strings.ToLower(x.protocol), "icmp") {
			f.Proto = netcase.ICMP
		} else if x.protocol == "" {
			r.assumedProto++
		}
	}
	d := newDigest(formatAZFW).number(uint64(x.at)).addr(f.Src.Addr).addr(f.Dst.Addr).text(f.Dst.Name).text(x.action).text(x.rule).text(x.sensor)
	f.Key = d.number(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)<<8).key()
	if r.in.Raw {
		f.Place, f.Raw = x.place(), r.kept(x.tableRow)
		f.Stamp, f.Zone = r.stamp(x.tableRow, fwTime)
	}
	known := r.in.Report.Duplicate
	r.in.Accept(&r.batch, f)
	if known == r.in.Report.Duplicate {
		r.alert(x, &f)
	}
}

// alert hands over what the firewall concluded about a connection that was accepted.
func (r *azfwReader) alert(x *azfwRow, f *netcase.Flow) {
	a := netcase.Alert{
		Time: f.Start, Src: f.Src, Dst: f.Dst, SrcPort: f.SrcPort, DstPort: f.DstPort, Proto: f.Proto, Name: x.threat,
		ID: r.name(x.tableRow, fwSignature, 64), Severity: r.name(x.tableRow, fwSeverity, 64), Blocked: f.Reach == netcase.ReachDenied,
		Count: 1, Sensor: f.Sensor, Place: f.Place, Raw: f.Raw, Stamp: f.Stamp, Zone: f.Zone,
	}
	if a.ID != "" && a.Name == "" {
		a.Name = r.name(x.tableRow, fwCategory, maxName)
	}
	if a.Name == "" && a.ID == "" {
		return
	}
	r.in.event("alert", 1)
	r.batch.Alerts = append(r.batch.Alerts, a)
}

// query hands over a request that the firewall's DNS proxy took.
func (r *azfwReader) query(x *azfwRow) error {
	if field, reason := r.parts(x); reason != "" {
		return r.reject(x.tableRow, azfwNames[field], reason)
	}
	q := netcase.Query{
		Time: x.at, Host: x.src, Name: strings.TrimSuffix(nameIn(x.tableRow.cells[fwQuery], maxName), "."),
		Type: r.name(x.tableRow, fwQueryType, 64), Sensor: x.sensor,
	}
	if r.in.Raw {
		q.Place, q.Raw = x.place(), r.kept(x.tableRow)
		q.Stamp, q.Zone = r.stamp(x.tableRow, fwTime)
	}
	r.in.AcceptQuery(&r.batch, q)
	return nil
}

// sensor names the firewall.
func (r *azfwReader) sensor(x *tableRow) string {
	name := strings.ToLower(lastElement(r.name(x, fwResource, maxKey)))
	if name == "" {
		return formatAZFW
	}
	sensor, ok := r.sensors[name]
	if ok {
		return sensor
	}
	if len(r.sensors) >= maxSensors {
		r.in.Note("the input names more than %d sensors; the rest count as one", maxSensors)
		return formatAZFW
	}
	r.sensors[name] = formatAZFW + "/" + name
	return r.sensors[name]
}
