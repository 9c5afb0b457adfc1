package source

import (
	"bytes"

	"netcase"
)

// The objects of a JSON record that are looked into, and the field that stands for
// a nested id.
const (
	zeekOuter int8 = iota
	zeekInID
)

const zeekBookID = int16(zeekFieldCount)

// zeekBookField is the field of a key for the book of keys.
func zeekBookField(in int8, key []byte) int16 {
	if in == zeekOuter {
		if string(key) == "id" {
			return zeekBookID
		}
		return int16(zeekFieldOf(key))
	}
	switch string(key) {
	case "orig_h":
		return int16(zeekOrigH)
	case "orig_p":
		return int16(zeekOrigP)
	case "resp_h":
		return int16(zeekRespH)
	case "resp_p":
		return int16(zeekRespP)
	}
	return int16(zeekNone)
}

// scanZeekObject fills a row from one JSON object; fault says why it is none.
func scanZeekObject(line []byte, o *zeekObject, row *zeekRow) (fault string) {
	row.clear()
	o.reset(line)
	for o.next() {
		switch {
		case o.field == int16(zeekNone):
		case o.field != zeekBookID:
			row.put(zeekField(o.field), zeekValue(o))
		case o.kind != '{':
			row.mark(zeekFields["id"])
		default:
			for o.enter(zeekInID); o.next(); {
				if o.field != int16(zeekNone) {
					row.put(zeekField(o.field), o.scalar())
				}
			}
		}
	}
	return o.fault
}

// zeekValue is the text of a value; a list of answers or actions is kept as it stands.
func zeekValue(o *zeekObject) []byte {
	if o.kind == '[' && (o.field == int16(zeekAnswers) || o.field == int16(zeekActions)) {
		return o.value
	}
	return o.scalar()
}

// zeekSignature is what tells a kind of Zeek log by its keys where the record
// does not name it. All keys must be there.
type zeekSignature struct {
	path   string
	fields []zeekField
}

// zeekSignatures are asked in order. Each is narrow enough that no other
// program's records are taken for Zeek's.
var zeekSignatures = []zeekSignature{
	{"dns", zeekFieldsOf("uid", "trans_id", "proto")},
	{"dns", zeekFieldsOf("uid", "query", "qtype_name")},
	{"smtp", zeekFieldsOf("uid", "trans_depth", "helo")},
	{"smtp", zeekFieldsOf("uid", "trans_depth", "last_reply")},
	{"http", zeekFieldsOf("uid", "trans_depth")},
	{"ssl", zeekFieldsOf("uid", "cipher")},
	{"ssl", zeekFieldsOf("uid", "server_name")},
	{"ssl", zeekFieldsOf("uid", "resumed", "established")},
	{"ssh", zeekFieldsOf("uid", "auth_attempts")},
	{"ssh", zeekFieldsOf("uid", "client", "server")},
	{"x509", zeekFieldsOf("certificate.serial", "certificate.subject")},
	{"ocsp", zeekFieldsOf("serialNumber", "certStatus")},
	{"files", zeekFieldsOf("fuid", "source", "seen_bytes")},
	{"notice", zeekFieldsOf("note", "actions")},
	{"notice", zeekFieldsOf("note", "msg", "suppress_for")},
	{"weird", zeekFieldsOf("name", "notice", "peer")},
	{"dhcp", zeekFieldsOf("uids", "msg_types")},
	{"software", zeekFieldsOf("host", "software_type")},
	{"known_services", zeekFieldsOf("host", "port_num", "port_proto")},
	{"dpd", zeekFieldsOf("uid", "analyzer", "failure_reason")},
	{"tunnel", zeekFieldsOf("tunnel_type", "action")},
	{"kerberos", zeekFieldsOf("uid", "request_type", "service")},
	{"ntlm", zeekFieldsOf("uid", "server_nb_computer_name")},
	{"dce_rpc", zeekFieldsOf("uid", "endpoint", "operation")},
	{"smb_files", zeekFieldsOf("uid", "action", "path")},
	{"smb_mapping", zeekFieldsOf("uid", "share_type")},
	{"rdp", zeekFieldsOf("uid", "cookie", "security_protocol")},
	{"ftp", zeekFieldsOf("uid", "command", "reply_code")},
	{"sip", zeekFieldsOf("uid", "call_id", "request_path")},
	{"snmp", zeekFieldsOf("uid", "community", "get_requests")},
	{"ntp", zeekFieldsOf("uid", "stratum", "precision")},
	{"syslog", zeekFieldsOf("uid", "facility", "severity")},
	{"intel", zeekFieldsOf("seen.indicator", "seen.where")},
	{"pe", zeekFieldsOf("id", "machine", "compile_ts")},
	{"stats", zeekFieldsOf("peer", "pkts_proc", "mem")},
	{"capture_loss", zeekFieldsOf("ts_delta", "percent_lost")},
	{"packet_filter", zeekFieldsOf("node", "filter", "init")},
	{"arp", zeekFieldsOf("operation", "src_mac", "orig_h")},
}

func zeekFieldsOf(names ...string) (fields []zeekField) {
	for _, name := range names {
		fields = append(fields, zeekFields[name])
	}
	return fields
}

// isLoadedScripts tells the one log without a time: the name of a script a record.
func isLoadedScripts(line []byte) bool {
	o := newZeekObject(line)
	n := 0
	for o.next() {
		n++
	}
	return n == 1 && bytes.HasPrefix(line, []byte(`{"name":`)) &&
		(bytes.HasSuffix(line, []byte(`.zeek"}`)) || bytes.HasSuffix(line, []byte(`.bro"}`)))
}

// zeekKind is the kind of log that columns tell; empty: none that is known.
func zeekKind(row *zeekRow) string {
	for i := range zeekSignatures {
		if s := &zeekSignatures[i]; s.matches(row) {
			return s.path
		}
	}
	return ""
}

func (s *zeekSignature) matches(row *zeekRow) bool {
	for _, f := range s.fields {
		if !row.has[f] {
			return false
		}
	}
	return true
}

// isZeekConnRow tells a connection by its fields.
func isZeekConnRow(row *zeekRow) bool {
	if row.text[zeekOrigH] == nil || row.text[zeekRespH] == nil {
		return false
	}
	if row.text[zeekState] != nil {
		return true
	}
	return row.text[zeekProto] != nil && (row.text[zeekHistory] != nil || row.text[zeekDuration] != nil ||
		row.text[zeekOrigPkts] != nil || row.text[zeekOrigBytes] != nil)
}

// zeekRecordLog is the kind of a JSON record, or why it is not read.
func zeekRecordLog(line []byte, row *zeekRow) (log *zeekLog, skip string) {
	if path := row.text[zeekPath]; path != nil {
		return zeekLogOf(string(path))
	}
	if isZeekConnRow(row) {
		return zeekLogOf("conn")
	}
	if kind := zeekKind(row); kind != "" {
		return zeekLogOf(kind)
	}
	if isLoadedScripts(bytes.TrimSpace(line)) {
		return zeekLogOf("loaded_scripts")
	}
	if row.text[zeekOrigH] != nil && row.text[zeekRespH] != nil && row.text[zeekProto] != nil {
		return zeekLogOf("conn") // a connection of which little was exported
	}
	return nil, zeekSkipReason("")
}

// detectLines is how many lines of a head are looked at: a log may begin with
// comments, or with a record that is broken.
const detectLines = 32

// detectZeek tells the kind of a Zeek log by its header or by the keys of its
// records; empty: it is none, and why. Where several kinds are mixed, connections
// name them.
func detectZeek(head []byte) (kind, why string) {
	z := &zeekReader{}
	z.object.book = newKeyBook(zeekBookField)
	z.begin()
	rest := head
	why = "no #fields line, and no JSON record with ts and id.orig_h"
	for range detectLines {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		rest = after
		line = bytes.TrimSpace(line)
		found := ""
		switch {
		case len(line) > 0 && line[0] == '#':
			found = z.detectHeader(line)
		case len(line) > 0 && line[0] == '{':
			if found = z.detectRecord(line); found == "" {
				why = "its JSON records are not of Zeek: no ts with id.orig_h, nor the keys of another log"
			}
		case isZeekRow(line):
			why = "its rows look like those of a conn.log, but the #fields line that names the columns is missing"
		}
		if found == "conn" || kind == "" || kind == zeekOther {
			if found != "" {
				kind = found
			}
		}
		if kind == "conn" || !more {
			break
		}
	}
	return kind, why
}

// zeekOther stands for a Zeek log of a kind that is not read.
const zeekOther = "other"

// detectHeader is the kind that a header line tells.
func (z *zeekReader) detectHeader(line []byte) string {
	if !isZeekHeader(line) && !beginsZeekLog(line) {
		return ""
	}
	z.in = &Input{Report: &netcase.InputReport{}}
	z.header(line)
	switch {
	case z.log != nil:
		return z.log.path
	case isZeekHeader(line):
		return zeekOther
	}
	return ""
}

// detectRecord is the kind of a JSON record.
func (z *zeekReader) detectRecord(line []byte) string {
	if !z.isRecord(line) {
		return ""
	}
	if log, _ := zeekRecordLog(line, &z.row); log != nil {
		return log.path
	}
	return zeekOther
}

// detectZeekLog tells whether a head is of a log of one kind. Kinds that are not
// read are taken with the connections.
func detectZeekLog(head []byte, path string) (bool, string) {
	kind, why := detectZeek(head)
	switch {
	case kind == path || kind == zeekOther && path == "conn":
		return true, ""
	case kind != "":
		return false, "a zeek log of another kind"
	}
	return false, why
}

// isZeekHeader tells a header line of a tab-separated log.
func isZeekHeader(line []byte) bool {
	if bytes.HasPrefix(line, []byte("#separator ")) {
		return true
	}
	fields, ok := bytes.CutPrefix(line, []byte("#fields"))
	return ok && len(fields) > 0 && (bytes.Contains(fields, []byte("id.orig_h")) || bytes.HasPrefix(fields[1:], []byte("ts")))
}

// isRecord tells a record of Zeek, which may be cut off by the end of the head, and
// fills the row.
func (z *zeekReader) isRecord(line []byte) bool {
	scanZeekObject(line, &z.object, &z.row)
	row := &z.row
	if row.text[zeekTS] == nil {
		return isLoadedScripts(line)
	}
	if path := row.text[zeekPath]; len(path) > 0 && len(bytes.Trim(path, "abcdefghijklmnopqrstuvwxyz0123456789_")) == 0 {
		return true
	}
	if isZeekConnRow(row) || row.text[zeekUID] != nil && row.text[zeekOrigH] != nil && row.text[zeekRespH] != nil {
		return true
	}
	return zeekKind(row) != ""
}

// isZeekRow tells a row of a conn.log without its header: a time, a uid and a
// protocol in their usual places.
func isZeekRow(line []byte) bool {
	const usualProto = 6
	columns := bytes.SplitN(line, []byte("\t"), usualProto+2)
	if len(columns) < usualProto+2 || len(columns[1]) == 0 || columns[1][0] != 'C' {
		return false
	}
	_, ok := parseMicroseconds(columns[0])
	proto := string(columns[usualProto])
	return ok && (proto == "tcp" || proto == "udp" || proto == "icmp")
}
