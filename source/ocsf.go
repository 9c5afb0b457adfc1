package source

import (
	"bytes"
	"context"
	"math"
	"strings"

	"netcase"
)

const formatOCSF = "ocsf"

// ocsf reads events of the Open Cybersecurity Schema Framework.
//
// Source: schema.ocsf.io, classes 4001, 4003, 3002 and 2004 of version 1.
var ocsf = Format{
	Name: formatOCSF,
	Doc:  "OCSF as JSON or Parquet (one a line, an array, or records of a security lake): network activity, authentication, DNS activity, detection findings",
	Proves: "what the product says it allowed or blocked, and octets and packets each way where it counts them; " +
		"an opening is not counted where the product also reports how connections end; VPC flow logs of a security lake are joined from their two directions, and prove what these prove",
	Detect: detectOCSF,
	Decode: func(ctx context.Context, in *Input, out Sink) error {
		return eachDoc(ctx, in, out, ocsfBelow, ocsfEvent)
	},
	Split: splitOCSF,
	Join:  joinOCSF,
}

var ocsfBelow = []string{"records", "Records", "events"}

// The classes that are read.
const (
	ocsfNetwork   = 4001
	ocsfDNS       = 4003
	ocsfLogins    = 3002
	ocsfDetection = 2004
	ocsfFinding   = 2001
)

// The activities of class 4001.
const (
	ocsfOpen   = 1
	ocsfReset  = 3
	ocsfFail   = 4
	ocsfRefuse = 5
)

const ocsfOpened = "ocsf: the beginning of a connection, whose end is a record of its own"

func detectOCSF(head []byte) (bool, string) {
	text := bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false, "it is no JSON"
	}
	if bytes.Contains(head, []byte(`"class_uid"`)) && (bytes.Contains(head, []byte(`"activity_id"`)) || bytes.Contains(head, []byte(`"type_uid"`))) {
		return true, ""
	}
	return false, "it has no class_uid"
}

func joinOCSF(in *Input) {
	if n := in.Sums[ocsfOpened]; n > 0 {
		in.Note("%d openings of connections were not counted: their ends are records of their own; a connection that was still open is missing", n)
	}
	joinAWSVPC(in)
}

func ocsfEvent(r *docReader, d *jsonDoc) {
	at, stamp := d.when("start_time", "start_time_dt", "time", "time_dt")
	if !at.Known() {
		r.reject(d, "time", "not a time")
		return
	}
	class, ok := d.number("class_uid")
	if !ok || class == netcase.Absent {
		r.reject(d, "class_uid", "not a number")
		return
	}
	switch class {
	case ocsfNetwork:
		ocsfFlow(r, d, at, stamp)
	case ocsfLogins:
		ocsfLogin(r, d, at, stamp)
	case ocsfDNS:
		ocsfQuery(r, d, at, stamp)
	case ocsfDetection, ocsfFinding:
		ocsfAlert(r, d, at, stamp)
	default:
		r.in.Skip("ocsf: an event of class " + d.text("class_name", "class_uid"))
	}
}

func ocsfSensor(r *docReader, d *jsonDoc) string {
	return r.sensor(formatOCSF, d.text("device.name", "device.hostname", "device.uid", "metadata.product.name"))
}

func ocsfKey(d *jsonDoc) uint64 {
	if id := d.text("metadata.uid"); id != "" {
		return newDigest(formatOCSF).text(id).key()
	}
	return 0
}

func ocsfFlow(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	if ocsfVPC(d) {
		ocsfLakeFlow(r, d, at, stamp)
		return
	}
	activity, _ := d.number("activity_id")
	if activity == ocsfOpen && !ocsfDenied(d) {
		r.in.Sum(ocsfOpened, 1)
		r.in.Skip(ocsfOpened)
		return
	}
	f := netcase.Flow{Start: at, End: at, Records: 1, Sensor: ocsfSensor(r, d), Key: ocsfKey(d), Rule: d.text("firewall_rule.name", "firewall_rule.uid")}
	if field, why := ocsfEnds(d, &f); why != "" {
		r.reject(d, field, why)
		return
	}
	sizes := map[string]*int64{"traffic.bytes_out": &f.OctetsOut, "traffic.bytes_in": &f.OctetsIn, "traffic.packets_out": &f.PacketsOut, "traffic.packets_in": &f.PacketsIn}
	if field := ocsfCounts(d, sizes); field != "" {
		r.reject(d, field, "not a count")
		return
	}
	f.Reach = ocsfReach(d, activity, &f)
	f.Place, f.Raw, f.Stamp = d.place, r.kept(d), stamp
	r.in.Accept(&r.batch, f)
}

// ocsfEnds reads who began and who was asked, over what, and until when.
func ocsfEnds(d *jsonDoc, f *netcase.Flow) (field, why string) {
	if f.Src, why = d.end("src_endpoint.ip", "src_endpoint.hostname"); why != "" || !f.Src.Known() {
		return "src_endpoint.ip", "not an address"
	}
	if f.Dst, why = d.end("dst_endpoint.ip", "dst_endpoint.hostname"); why != "" || !f.Dst.Known() {
		return "dst_endpoint.ip", "not an address"
	}
	var ok bool
	if f.SrcPort, ok = ocsfPort(d, "src_endpoint.port"); !ok {
		return "src_endpoint.port", "not a port"
	}
	if f.DstPort, ok = ocsfPort(d, "dst_endpoint.port"); !ok {
		return "dst_endpoint.port", "not a port"
	}
	f.Proto = docProtocol(d.text("connection_info.protocol_num"), d.text("connection_info.protocol_name"))
	if end, _ := d.when("end_time", "end_time_dt"); end > f.Start {
		f.End = end
	}
	return "", ""
}

func ocsfPort(d *jsonDoc, path string) (uint16, bool) {
	n, ok := d.number(path)
	return uint16(max(n, 0)), ok && n <= math.MaxUint16
}

// ocsfCounts reads sizes; field names the first, by name, that is none.
func ocsfCounts(d *jsonDoc, sizes map[string]*int64) (field string) {
	for path, to := range sizes {
		n, ok := d.number(path)
		if !ok && (field == "" || path < field) {
			field = path
		}
		*to = n
	}
	return field
}

// ocsfDenied tells that a control stopped it: action Denied, or disposition Blocked or
// Dropped.
func ocsfDenied(d *jsonDoc) bool {
	switch d.text("action_id") {
	case "2":
		return true
	case "1":
		return false
	}
	switch d.text("disposition_id") {
	case "2", "6":
		return true
	}
	switch strings.ToLower(d.text("disposition", "action")) {
	case "blocked", "dropped", "denied", "reject", "rejected":
		return true
	}
	return false
}

func ocsfReach(d *jsonDoc, activity int64, f *netcase.Flow) netcase.Reach {
	answered := f.OctetsIn > 0 && (f.Proto == netcase.UDP || f.PacketsIn == netcase.Absent || f.OctetsIn > tcpHeaders*max(f.PacketsIn, 1))
	switch {
	case ocsfDenied(d):
		return netcase.ReachDenied
	case activity == ocsfRefuse:
		return netcase.ReachRefused
	case answered && f.OctetsOut > 0:
		return netcase.ReachBidirectional
	case activity == ocsfFail:
		return netcase.ReachNoReply
	case activity == ocsfReset:
		return netcase.ReachUnknown // by whom it was reset, it does not say
	}
	return netcase.ReachAllowed
}

func ocsfLogin(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	l := netcase.Login{
		Time: at, Account: d.text("user.name", "user.uid"), Domain: d.text("user.domain"), Service: d.text("service.name", "metadata.product.name"),
		Kind: d.text("logon_type"), Method: d.text("auth_protocol"), Detail: d.text("status_detail", "status_code"), Sensor: ocsfSensor(r, d), Key: ocsfKey(d),
	}
	var why string
	if l.Host, why = d.end("dst_endpoint.ip", "dst_endpoint.hostname"); why != "" || !l.Host.Known() {
		l.Host, _ = d.end("device.ip", "device.hostname")
	}
	if l.Peer, why = d.end("src_endpoint.ip", "src_endpoint.hostname"); why != "" {
		r.reject(d, "src_endpoint.ip", why)
		return
	}
	if d.text("activity_id") == "2" {
		l.Event = netcase.LoginLogoff
	}
	l.Outcome = ocsfOutcome(d)
	l.Place, l.Raw, l.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptLogin(&r.batch, l)
}

// ocsfOutcome is how a login ended: by its number, or by the word where a producer leaves
// the number out or says by it that another one is meant.
func ocsfOutcome(d *jsonDoc) netcase.LoginOutcome {
	switch d.text("status_id") {
	case "1":
		return netcase.LoginSucceeded
	case "2":
		return netcase.LoginFailed
	}
	switch word := []byte(d.text("status")); {
	case oneOf(word, "success", "succeeded"):
		return netcase.LoginSucceeded
	case oneOf(word, "failure", "failed"):
		return netcase.LoginFailed
	}
	return ""
}

func ocsfQuery(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	q := netcase.Query{Time: at, Name: d.text("query.hostname"), Type: d.text("query.type"), Sensor: ocsfSensor(r, d)}
	if q.Name == "" {
		r.in.Skip("ocsf: no name was asked for")
		return
	}
	for _, a := range d.objects("answers", maxDocAnswers) {
		if text := a.text("rdata"); text != "" {
			q.Answer = append(q.Answer, text)
		}
	}
	q.Host, _ = d.end("src_endpoint.ip", "src_endpoint.hostname")
	q.Peer, _ = d.end("dst_endpoint.ip", "dst_endpoint.hostname")
	q.Place, q.Raw, q.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptQuery(&r.batch, q)
}

func ocsfAlert(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	a := netcase.Alert{
		Time: at, Name: d.text("finding_info.title", "finding.title", "message"), ID: d.text("finding_info.uid", "finding.uid"),
		Category: d.text("finding_info.types"), Severity: d.text("severity"), Blocked: ocsfDenied(d), Count: 1, Sensor: ocsfSensor(r, d),
	}
	a.Src, _ = d.end("src_endpoint.ip", "src_endpoint.hostname")
	a.Dst, _ = d.end("dst_endpoint.ip", "dst_endpoint.hostname")
	if !a.Src.Known() {
		for _, inner := range d.objects("evidences", maxDocAnswers) {
			a.Src, _ = inner.end("src_endpoint.ip", "src_endpoint.hostname")
			a.Dst, _ = inner.end("dst_endpoint.ip", "dst_endpoint.hostname")
			break
		}
	}
	if !a.Src.Known() || a.Name == "" {
		r.in.Skip("ocsf: a finding about no address, or without a name")
		return
	}
	a.Place, a.Raw, a.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptAlert(&r.batch, a)
}
