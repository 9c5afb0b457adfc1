package source

import (
	"bytes"
	"context"
	"strings"

	"netcase"
)

const formatCheckpoint = "checkpoint"

// checkpoint reads what Check Point's Log Exporter and LEA clients write.
var checkpoint = Format{
	Name: formatCheckpoint,
	Doc:  `Check Point logs: Log Exporter's syslog (action:"Accept"; …), generic and Splunk text, and LEA clients' key=value`,
	Proves: "what the gateway accepted, dropped or rejected; octets and packets each way only where accounting is on; " +
		"of an accepted connection without them not whether anything answered",
	Detect: detectCheckpoint,
	Decode: decodeCheckpoint,
	Split:  func([]byte) *Split { return &Split{Cut: WholeLines} },
	Join:   func(in *Input) { startsOnly(in, "", "") },
}

func detectCheckpoint(head []byte) (bool, string) {
	if !devMostLines(head, func(line []byte) bool {
		at := checkpointMark(line)
		if at < 0 || cefMark(line) >= 0 || leefMark(line) >= 0 {
			return false
		}
		x := checkpointFields(line[at:], nil)
		marks := 0
		for _, name := range [...]string{"loguid", "origin", "orig", "product", "ifdir", "ifname", "originsicname", "rule_uid", "logid", "sequencenum", "i/f_dir"} {
			if x.get(name) != nil {
				marks++
			}
		}
		if bytes.Contains(x.get("product"), []byte("VPN-1")) {
			marks++
		}
		return marks >= 2 && x.get("action", "product") != nil
	}) {
		return false, `most lines are no log of Check Point: action:"Accept"; origin:"…"; loguid:"…" is expected`
	}
	return true, ""
}

// checkpointMark finds the first field: behind the bracket of Log Exporter, or the
// first word with an equals sign or a colon and a quote.
func checkpointMark(line []byte) int {
	if i := bytes.Index(line, []byte(`:"`)); i > 0 {
		if open := bytes.LastIndexByte(line[:i], '['); open >= 0 {
			return open + 1
		}
		return bytes.LastIndexAny(line[:i], " ;|") + 1
	}
	if i := bytes.IndexByte(line[:min(len(line), 512)], '='); i > 0 {
		return bytes.LastIndexAny(line[:i], " ;|\t[") + 1
	}
	return -1
}

// checkpointFields reads the fields in the notation that the text is in.
func checkpointFields(text []byte, into devFields) devFields {
	colon, equals := bytes.IndexByte(text, ':'), bytes.IndexByte(text, '=')
	switch {
	case colon > 0 && (equals < 0 || colon < equals):
		return devPairs(bytes.TrimRight(text, "] "), ':', " ;", into)
	case bytes.Count(text, []byte{'|'}) > 2:
		return devPairs(text, '=', "|", into)
	case bytes.Count(text, []byte{';'}) > 2:
		return checkpointTrim(devPairs(text, '=', ";", into))
	}
	return devPairs(text, '=', " ", into)
}

func checkpointTrim(x devFields) devFields {
	for i := range x {
		x[i].value = bytes.TrimSpace(x[i].value)
	}
	return x
}

func decodeCheckpoint(ctx context.Context, in *Input, out Sink) error {
	r := &devLines{family: formatCheckpoint, mark: checkpointMark}
	var fields devFields
	r.take = func(text []byte) {
		fields = checkpointFields(text, fields[:0])
		at := fields.get("time", "lastupdatetime", "start_time")
		if !r.stampAt(bytes.TrimSpace(at)) {
			r.stampAt(checkpointDate(bytes.TrimSpace(at)))
		}
		r.checkpointDevice(fields)
		r.checkpoint(fields)
	}
	err := r.read(ctx, in, out)
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

// checkpointDevice is the gateway: the header before the message is of the server that
// collects the logs.
func (r *devReading) checkpointDevice(x devFields) {
	if name := firstOf(checkpointName(x.get("originsicname", "origin_sic_name")), x.get("origin", "orig")); name != nil {
		r.ev.device = name
	}
}

// checkpointDate is "4Mar2024 10:08:10", as LEA clients write it, with spaces.
func checkpointDate(b []byte) []byte {
	if len(b) > maxTimeText {
		return nil
	}
	var out []byte
	for i, c := range b {
		if i > 0 && c != ' ' && b[i-1] != ' ' && c != ':' && b[i-1] != ':' && isDigit(c) != isDigit(b[i-1]) {
			out = append(out, ' ')
		}
		out = append(out, c)
	}
	return out
}

// checkpointName is the gateway in "CN=gw1,O=manager..abc".
func checkpointName(sic []byte) []byte {
	name, ok := bytes.CutPrefix(bytes.ToUpper(sic[:min(len(sic), 3)]), []byte("CN="))
	if !ok || len(name) > 0 {
		return nil
	}
	cut, _, _ := bytes.Cut(sic[3:], []byte{','})
	return cut
}

// checkpoint reads a record of Check Point by the names of its own fields.
//
// Source: Check Point, "Description of the fields that appear in the logs" (sk144192).
func (r *devReading) checkpoint(x devFields) {
	action := r.word(x.get("action"))
	product := r.word(x.get("product", "product_name"))
	switch {
	case action == "log in" || action == "failed log in" || action == "log out" || x.get("auth_status") != nil:
		r.checkpointLogin(x, action)
		return
	case x.get("src") == nil || x.get("dst") == nil:
		r.skip("a log of " + firstWord(r.shown(x.get("product", "product_name")), "Check Point") + " without the two ends of a connection")
		return
	case x.get("protection_name", "attack") != nil || checkpointInspects(product):
		r.checkpointAlert(x, action, product)
		return
	}
	f := r.newFlow()
	if !r.ends(f, x.get("src"), x.get("s_port", "sport_svc"), x.get("dst"), checkpointService(x), x.get("proto")) {
		return
	}
	if a, ok := addressIn(x.get("xlatedst")); ok && !a.IsUnspecified() { // the machine behind a translated address
		f.Dst.Addr = a
		if port, ok := portIn(x.get("xlatedport")); ok && port != 0 && f.DstPort != 0 {
			f.DstPort = port
		}
	}
	for _, c := range [...]struct {
		into  *int64
		names []string
	}{
		{&f.OctetsOut, []string{"sent_bytes", "client_outbound_bytes", "server_inbound_bytes"}},
		{&f.OctetsIn, []string{"received_bytes", "client_inbound_bytes", "server_outbound_bytes"}},
		{&f.PacketsOut, []string{"client_outbound_packets", "server_inbound_packets"}},
		{&f.PacketsIn, []string{"client_inbound_packets", "server_outbound_packets"}},
	} {
		if !r.size(c.into, c.names[0], x.get(c.names...)) {
			return
		}
	}
	f.Rule, f.Reach = r.text(x.get("rule_name", "rule", "rule_uid")), checkpointReach(action, f)
	f.Flows = repeats(x.get("connection_count", "aggregated_log_count"))
	if f.Flows > 1 {
		f.Resolution = netcase.ResolutionUnknown
	}
	r.checkpointSpan(x, f)
	if r.ev.at.Known() {
		r.ev.key = devKey(r.ev.family, f, x.get("loguid"), x.get("origin", "orig"))
	}
}

// checkpointService is the port of the responder: a number, or in LEA a name with
// the number in service_id's place.
func checkpointService(x devFields) []byte {
	for _, name := range [...]string{"service", "service_id", "d_port", "dport"} {
		if v := x.get(name); v != nil {
			if _, ok := wholeIn(v); ok {
				return v
			}
			if port := serviceNamed(string(v[:min(len(v), 16)])); port != nil {
				return port
			}
		}
	}
	return nil
}

// serviceNamed is the port of a service that devices write by its name.
func serviceNamed(name string) []byte {
	switch strings.ToLower(name) {
	case "ftp":
		return []byte("21")
	case "ssh":
		return []byte("22")
	case "telnet":
		return []byte("23")
	case "smtp":
		return []byte("25")
	case "domain", "domain-udp", "domain-tcp", "dns":
		return []byte("53")
	case "http", "www":
		return []byte("80")
	case "pop3":
		return []byte("110")
	case "ntp", "ntp-udp":
		return []byte("123")
	case "imap", "imap4":
		return []byte("143")
	case "snmp":
		return []byte("161")
	case "ldap":
		return []byte("389")
	case "https":
		return []byte("443")
	case "microsoft-ds":
		return []byte("445")
	case "syslog":
		return []byte("514")
	case "sqlnet":
		return []byte("1521")
	case "sip":
		return []byte("5060")
	}
	return nil
}

// checkpointSpan is when the connection was, as far as accounting says.
func (r *devReading) checkpointSpan(x devFields, f *netcase.Flow) {
	start, _ := r.time(x.get("start_time"))
	elapsed, ok := seconds(x.get("duration", "elapsed"))
	if !ok {
		if d, known := asaDuration(string(x.get("elapsed", "duration"))); known {
			elapsed = d
		}
	}
	if !start.Known() {
		start = r.ev.at
	}
	if start.Known() && elapsed > 0 {
		f.Start, f.End = start, start+elapsed
	}
}

// checkpointReach is what an action proves. A reject is the gateway's own answer to
// what it forbids.
func checkpointReach(action string, f *netcase.Flow) netcase.Reach {
	switch action {
	case "accept", "allow", "encrypt", "decrypt", "vpn routing", "bypass", "inspect", "monitor", "detect", "https inspect", "https bypass", "inform user", "ask user", "authorize":
		return devAnswered(f)
	case "drop", "reject", "block", "prevent", "deny", "hold":
		return netcase.ReachDenied
	}
	return netcase.ReachUnknown
}

// checkpointInspects tells the blades that report what they found.
func checkpointInspects(product string) bool {
	for _, blade := range [...]string{"smartdefense", "ips", "anti-bot", "anti bot", "anti-virus", "anti virus", "anti malware", "anti-malware", "threat emulation", "threat extraction", "new anti virus", "ddos", "forensics", "zero phishing"} {
		if product == blade {
			return true
		}
	}
	return false
}

func (r *devReading) checkpointAlert(x devFields, action, product string) {
	blocked := action == "prevent" || action == "drop" || action == "reject" || action == "block" || action == "quarantine"
	a := netcase.Alert{
		Name: r.text(x.get("protection_name", "attack", "attack_info", "malware_action", "signature", "message_info")), ID: r.text(x.get("protection_id", "signature_id", "industry_reference")),
		Category: firstWord(r.text(x.get("protection_type")), Printable(product)), Severity: r.text(x.get("severity")), Blocked: blocked,
		Count: repeats(x.get("connection_count", "suppressed_logs")), Detail: r.text(x.get("attack_info", "resource", "malware_family")),
	}
	r.alertEnds(&a, x.get("src"), x.get("s_port"), x.get("dst"), checkpointService(x), x.get("proto"))
}

func (r *devReading) checkpointLogin(x devFields, action string) {
	status := r.word(x.get("auth_status"))
	l := netcase.Login{Account: r.text(x.get("user", "src_user_name", "administrator")), Method: r.text(x.get("auth_method")), Detail: r.text(x.get("reason", "description", "failure_reason"))}
	switch {
	case action == "log out":
		l.Event = netcase.LoginLogoff
	case action == "failed log in" || strings.HasPrefix(status, "fail"):
		l.Outcome = netcase.LoginFailed
	case action == "log in" || strings.HasPrefix(status, "success"):
		l.Outcome = netcase.LoginSucceeded
	default:
		r.skip("an event about logins without an account and an outcome")
		return
	}
	if l.Account == "" {
		r.skip("an event about logins without an account and an outcome")
		return
	}
	l.Peer.Addr, _ = addressIn(x.get("src", "client_ip"))
	l.Peer.Name, l.Session = r.text(x.get("src_machine_name")), r.text(x.get("session_id", "loguid"))
	l.Service = strings.ToLower(r.text(x.get("product", "product_name")))
	r.ev.kind, r.ev.login = devLogin, l
	r.ev.key = devLoginKey(&r.ev)
}
