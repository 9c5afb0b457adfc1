package source

import (
	"bytes"
	"context"
	"net/url"
	"strings"

	"netcase"
)

const formatPaloAlto = "paloalto"

// paloAlto reads the native log of PAN-OS.
var paloAlto = Format{
	Name: formatPaloAlto,
	Doc:  "the native syslog of Palo Alto Networks PAN-OS 8 to 11 (comma separated): TRAFFIC and THREAT",
	Proves: "what the firewall denied or let pass, and, at the end of a session, octets and packets each way and why it ended; " +
		"a session that ended as incomplete without an answer is no connection; beginnings of sessions are not counted; times have no zone",
	Detect: detectPaloAlto,
	Decode: decodePaloAlto,
	Split:  func([]byte) *Split { return &Split{Cut: WholeLines} },
	Join:   func(in *Input) { startsOnly(in, sumPanStarts, sumPanEnds) },
}

const (
	sumPanStarts = "paloalto starts"
	sumPanEnds   = "paloalto ends"
)

func detectPaloAlto(head []byte) (bool, string) {
	if !devMostLines(head, func(line []byte) bool { return panMark(line) >= 0 && cefMark(line) < 0 && leefMark(line) < 0 }) {
		return false, "most lines are no log of PAN-OS: 1,2024/03/04 10:05:33,serial,TRAFFIC,… is expected"
	}
	return true, ""
}

// panMark finds ",2024/03/04 10:05:33,serial,TYPE," and gives where the field before
// it begins.
func panMark(line []byte) int {
	head := line[:min(len(line), 400)]
	for from := 0; ; {
		i := bytes.IndexByte(head[from:], ',')
		if i < 0 {
			return -1
		}
		from += i + 1
		if isPanTime(head[from:]) {
			rest := head[from:]
			comma := bytes.IndexByte(rest, ',')
			if comma < 0 {
				return -1
			}
			_, after, ok := bytes.Cut(rest[comma+1:], []byte{','})
			kind, _, more := bytes.Cut(after, []byte{','})
			if !ok || !more || !isPanType(kind) {
				return -1
			}
			return bytes.LastIndexByte(head[:from-1], ' ') + 1
		}
	}
}

// isPanTime tells "2024/03/04 10:05:33".
func isPanTime(b []byte) bool {
	return len(b) > 19 && b[4] == '/' && b[7] == '/' && (b[10] == ' ' || b[10] == 'T') && b[13] == ':' && isDigit(b[0]) && isDigit(b[18])
}

func isPanType(b []byte) bool {
	return oneOf(b, "traffic", "threat", "system", "config", "hipmatch", "hip-match", "userid", "globalprotect", "decryption", "authentication", "auth", "correlation", "sctp", "gtp", "iptag", "tunnel", "url", "wildfire")
}

// panPositions are the positions of the fields in a line, from 0.
//
// Source: PAN-OS Administrator's Guide, Syslog Field Descriptions, 8.1 to 11.1: what
// later versions added stands at the end.
var panPositions = [...]struct {
	position int
	name     string
	of       string // the type that has it; empty: TRAFFIC and THREAT
}{
	{1, "receive_time", ""}, {2, "serial", ""}, {3, "type", ""}, {4, "subtype", ""}, {6, "time_generated", ""},
	{7, "src", ""}, {8, "dst", ""}, {9, "natsrc", ""}, {10, "natdst", ""}, {11, "rule", ""}, {12, "srcuser", ""}, {14, "app", ""},
	{22, "sessionid", ""}, {23, "repeatcnt", ""}, {24, "sport", ""}, {25, "dport", ""}, {27, "natdport", ""}, {28, "flags", ""}, {29, "proto", ""}, {30, "action", ""},
	{32, "bytes_sent", "traffic"}, {33, "bytes_received", "traffic"}, {35, "start", "traffic"}, {36, "elapsed", "traffic"}, {39, "seqno", "traffic"},
	{44, "pkts_sent", "traffic"}, {45, "pkts_received", "traffic"}, {46, "session_end_reason", "traffic"}, {52, "device_name", "traffic"},
	{31, "misc", "threat"}, {32, "threatid", "threat"}, {33, "category", "threat"}, {34, "severity", "threat"}, {35, "direction", "threat"},
	{36, "seqno", "threat"}, {59, "device_name", "threat"},
}

const (
	panHead    = 5   // fields up to and with the subtype
	panLeast   = 31  // fields up to and with the action
	panMost    = 130 // more than any version has
	panTrimmed = " \t\r"
)

func decodePaloAlto(ctx context.Context, in *Input, out Sink) error {
	r := &devLines{family: formatPaloAlto, mark: panMark}
	var fields devFields
	var cells [][]byte
	r.take = func(text []byte) {
		cells = panCells(text, cells[:0])
		if len(cells) < panHead {
			r.reject("", "fewer fields than a log of PAN-OS has")
			return
		}
		kind := r.word(cells[3])
		if kind != "traffic" && kind != "threat" {
			r.skip("a log of type " + r.shown(cells[3]))
			return
		}
		if len(cells) < panLeast {
			r.reject("", "fewer fields than a log of PAN-OS has")
			return
		}
		fields = fields[:0]
		for _, p := range panPositions {
			if p.position < len(cells) && (p.of == "" || p.of == kind) {
				fields = append(fields, devField{name: p.name, value: cells[p.position]})
			}
		}
		r.ev.device = firstOf(fields.get("device_name"), r.c.host, fields.get("serial"))
		if !r.stampAt(fields.get("time_generated")) {
			r.stampAt(fields.get("receive_time"))
		}
		r.pan(fields)
	}
	err := r.read(ctx, in, out)
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

// panCells splits a line at its commas. A cell in quotes may hold commas and doubled
// quotes.
func panCells(b []byte, into [][]byte) [][]byte {
	for len(into) < panMost {
		if len(b) > 0 && b[0] == '"' {
			end := 1
			for end < len(b) && (b[end] != '"' || end+1 < len(b) && b[end+1] == '"') {
				if b[end] == '"' {
					end++
				}
				end++
			}
			end = min(end, len(b))
			into = append(into, bytes.ReplaceAll(b[1:end], []byte(`""`), []byte(`"`)))
			_, b, _ = bytes.Cut(b[end:], []byte{','})
		} else {
			cell, rest, more := bytes.Cut(b, []byte{','})
			into = append(into, bytes.Trim(cell, panTrimmed))
			if b = rest; !more {
				break
			}
		}
		if len(b) == 0 {
			break
		}
	}
	return into
}

// pan reads a record of PAN-OS by the names of its own fields.
func (r *devReading) pan(x devFields) {
	subtype := r.word(x.get("subtype"))
	if oneOf(x.get("type"), "threat") {
		r.panThreat(x, subtype)
		return
	}
	if subtype == "start" {
		r.sums[sumPanStarts]++
		r.skip(skipBeginning)
		return
	}
	f := r.newFlow()
	if !r.ends(f, x.get("src"), x.get("sport"), x.get("dst"), x.get("dport"), x.get("proto")) {
		return
	}
	if a, ok := addressIn(x.get("natdst")); ok && !a.IsUnspecified() { // the machine behind a translated address
		f.Dst.Addr = a
		if port, ok := portIn(x.get("natdport")); ok && port != 0 && f.DstPort != 0 {
			f.DstPort = port
		}
	}
	if !r.size(&f.OctetsOut, "bytes_sent", x.get("bytes_sent")) || !r.size(&f.OctetsIn, "bytes_received", x.get("bytes_received")) ||
		!r.size(&f.PacketsOut, "pkts_sent", x.get("pkts_sent")) || !r.size(&f.PacketsIn, "pkts_received", x.get("pkts_received")) {
		return
	}
	f.Flows, f.Rule = repeats(x.get("repeatcnt")), r.text(x.get("rule"))
	action, app, reason := r.word(x.get("action")), r.word(x.get("app")), r.word(x.get("session_end_reason"))
	f.Reach = panReach(subtype, action, app, reason, f)
	if f.Reach != netcase.ReachDenied {
		r.sums[sumPanEnds]++
	}
	r.panSpan(x, f)
	if r.ev.at.Known() {
		r.ev.key = devKey(r.ev.family, f, x.get("sessionid"), x.get("seqno"), x.get("serial"))
	}
}

// panSpan is when the session was: from its start, for as long as it lasted. Where a
// template of CEF gives the time of the log as the start, that is the end.
func (r *devReading) panSpan(x devFields, f *netcase.Flow) {
	elapsed, _ := seconds(x.get("elapsed"))
	start, zone := r.time(x.get("start"))
	switch {
	case start.Known() && r.ev.at.Known() && start+elapsed/2 >= r.ev.at:
		f.Start, f.End = start-elapsed, start
	case start.Known():
		f.Start, f.End = start, start+elapsed
		if !r.ev.at.Known() {
			r.ev.at, r.ev.stamp, r.ev.zone = start, x.get("start"), zone
		}
	case r.ev.at.Known():
		f.Start, f.End = r.ev.at-elapsed, r.ev.at
	}
}

// panReach is what a TRAFFIC log proves.
//
// Source: PAN-OS Administrator's Guide, Traffic Log Fields: incomplete is a session
// whose handshake did not complete, or completed without data; policy-deny is one
// that a rule denied once the application was known.
func panReach(subtype, action, app, reason string, f *netcase.Flow) netcase.Reach {
	switch {
	case strings.HasPrefix(action, "deny") || strings.HasPrefix(action, "drop") || strings.HasPrefix(action, "reset") || strings.HasPrefix(action, "block"):
		return netcase.ReachDenied
	case subtype == "drop" || subtype == "deny" || reason == "policy-deny":
		return netcase.ReachDenied
	case action != "allow" && action != "alert" && action != "":
		return netcase.ReachUnknown
	case reason == "tcp-rst-from-server" && onlyReset(f):
		return netcase.ReachRefused
	case app != "incomplete":
		return devAnswered(f)
	case f.OctetsIn > 0 && reason == "tcp-fin":
		return netcase.ReachBidirectional
	case f.OctetsIn > 0 || f.PacketsIn > 0:
		return netcase.ReachAllowed // something came back, and no handshake is proved
	}
	return netcase.ReachNoReply
}

// panThreat reads what an inspection concluded. Of the filters of URLs, files and
// data only what they blocked is a conclusion.
func (r *devReading) panThreat(x devFields, subtype string) {
	action := r.word(x.get("action"))
	blocked := action != "" && action != "allow" && action != "alert" && action != "forward" && action != "syncookie-sent" && action != "continue" && action != "override"
	switch subtype {
	case "url":
		if !blocked {
			r.panRequest(x)
			return
		}
	case "file", "data", "wildfire":
		if !blocked && !strings.Contains(r.word(x.get("category")), "malicious") {
			r.skip("a log of " + subtype + " that blocked nothing")
			return
		}
	case "end":
		r.skip("the end of a list of threats")
		return
	}
	a := netcase.Alert{
		Name: r.text(x.get("threatid")), Category: firstWord(subtype, "threat"), Severity: r.text(x.get("severity")), Blocked: blocked,
		Count: repeats(x.get("repeatcnt")), Detail: r.text(x.get("misc")),
	}
	if open := strings.LastIndexByte(a.Name, '('); open >= 0 && strings.HasSuffix(a.Name, ")") {
		a.Name, a.ID = strings.TrimSpace(a.Name[:open]), a.Name[open+1:len(a.Name)-1] // "Name(30003)"
	}
	if a.Name == "" || a.ID == "9999" { // the number of every URL
		a.Name = firstWord(a.Detail, r.text(x.get("category")), a.Name)
	}
	r.alertEnds(&a, x.get("src"), x.get("sport"), x.get("dst"), x.get("dport"), x.get("proto"))
}

// panRequest reads a request of the web that was let pass.
func (r *devReading) panRequest(x devFields) {
	address := strings.TrimSpace(string(x.get("misc")[:min(len(x.get("misc")), maxCommand)]))
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	var q netcase.Query
	q.Host.Addr, _ = addressIn(x.get("src"))
	q.Peer.Addr, _ = addressIn(x.get("dst"))
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || !q.Host.Known() {
		r.skip("a log of url that blocked nothing and names no host")
		return
	}
	q.Name, q.Type = nameIn([]byte(u.Hostname()), maxName), "http"
	r.ev.kind, r.ev.query = devQueried, q
}
