package source

import (
	"bytes"
	"encoding/json"
)

// scanZeekObject fills a row from one JSON object; fault says why it is none.
func scanZeekObject(line []byte, row *zeekRow) (fault string) {
	j := newObject(line)
	for j.next() {
		if j.kind == '{' && string(j.key) == "id" {
			if fault := scanZeekID(j.value, row); fault != "" {
				return fault
			}
			continue
		}
		if f := zeekFieldOf(j.key); f != zeekNone {
			row[f] = j.scalar()
		}
	}
	return j.fault
}

// scanZeekID takes the four fields of a nested id.
func scanZeekID(value []byte, row *zeekRow) (fault string) {
	j := newObject(value)
	for j.next() {
		switch string(j.key) {
		case "orig_h":
			row[zeekOrigH] = j.scalar()
		case "orig_p":
			row[zeekOrigP] = j.scalar()
		case "resp_h":
			row[zeekRespH] = j.scalar()
		case "resp_p":
			row[zeekRespP] = j.scalar()
		}
	}
	return j.fault
}

// flatObject walks the members of one JSON object that fills a whole text.
type flatObject struct {
	b     []byte
	i     int
	begun bool
	loose bool // what stands inside nested values is not looked at: who reads one looks at it then
	fault string

	key   []byte // unescaped
	kind  byte   // the first byte of the value: " { [ t f n, or 0 for a number
	value []byte // of a string without the quotes, escapes as they are
}

func newObject(b []byte) *flatObject { return &flatObject{b: b} }

// next moves to the next member. At the end, fault is set where the text is not
// exactly one JSON object.
func (o *flatObject) next() bool {
	o.space()
	if !o.begun {
		o.begun = true
		if !o.take('{') {
			return o.fail("not a JSON object")
		}
		o.space()
		if o.take('}') {
			return o.end()
		}
	} else {
		if o.take('}') {
			return o.end()
		}
		if !o.take(',') {
			return o.fail("invalid JSON")
		}
		o.space()
	}
	return o.member()
}

func (o *flatObject) member() bool {
	if !o.take('"') {
		return o.fail("invalid JSON")
	}
	key, escaped, ok := o.text()
	if !ok {
		return o.fail("invalid JSON")
	}
	o.key = key
	if escaped {
		o.key = unquoted(key)
	}
	o.space()
	if !o.take(':') {
		return o.fail("invalid JSON")
	}
	o.space()
	return o.readValue() || o.fail("invalid JSON")
}

func (o *flatObject) fail(why string) bool {
	if o.i >= len(o.b) {
		why += ": it ends too early"
	}
	o.fault = why
	return false
}

// end makes sure that nothing follows.
func (o *flatObject) end() bool {
	o.space()
	if o.i < len(o.b) {
		o.fault = "invalid JSON: more than one value"
	}
	return false
}

func (o *flatObject) space() {
	for o.i < len(o.b) && (o.b[o.i] == ' ' || o.b[o.i] == '\t' || o.b[o.i] == '\r' || o.b[o.i] == '\n') {
		o.i++
	}
}

func (o *flatObject) take(c byte) bool {
	if o.i < len(o.b) && o.b[o.i] == c {
		o.i++
		return true
	}
	return false
}

// text reads a string after its opening quote.
func (o *flatObject) text() (text []byte, escaped, ok bool) {
	start := o.i
	for ; o.i < len(o.b); o.i++ {
		switch c := o.b[o.i]; {
		case c == '"':
			text = o.b[start:o.i]
			o.i++
			return text, escaped, !escaped || json.Valid(o.b[start-1:o.i])
		case c == '\\':
			escaped = true
			o.i++
		case c < ' ':
			return nil, false, false
		}
	}
	return nil, false, false
}

// readValue reads any value.
func (o *flatObject) readValue() bool {
	if o.i >= len(o.b) {
		return false
	}
	o.kind = o.b[o.i]
	switch o.kind {
	case '"':
		o.i++
		value, _, ok := o.text()
		o.value = value
		return ok
	case '{', '[':
		return o.nested()
	case 't':
		return o.word("true")
	case 'f':
		return o.word("false")
	case 'n':
		return o.word("null")
	}
	o.kind = 0
	return o.number()
}

func (o *flatObject) word(w string) bool {
	if !bytes.HasPrefix(o.b[o.i:], []byte(w)) {
		return false
	}
	o.value = o.b[o.i : o.i+len(w)]
	o.i += len(w)
	return true
}

// nested reads an object or a list as a whole; brackets are counted, and the
// standard library says whether what stands between them is sound.
func (o *flatObject) nested() bool {
	start, depth := o.i, 0
	for o.i < len(o.b) {
		c := o.b[o.i]
		o.i++
		switch c {
		case '"':
			if _, _, ok := o.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				o.value = o.b[start:o.i]
				return o.loose || json.Valid(o.value)
			}
		}
	}
	return false
}

// number reads a number as RFC 8259 writes it.
func (o *flatObject) number() bool {
	start := o.i
	o.take('-')
	switch {
	case o.take('0'):
	case o.digits() == 0:
		return false
	}
	if o.take('.') && o.digits() == 0 {
		return false
	}
	if o.take('e') || o.take('E') {
		if !o.take('+') {
			o.take('-')
		}
		if o.digits() == 0 {
			return false
		}
	}
	o.value = o.b[start:o.i]
	return true
}

func (o *flatObject) digits() (n int) {
	for o.i < len(o.b) && isDigit(o.b[o.i]) {
		o.i++
		n++
	}
	return n
}

// scalar is the text of the value, unescaped; nil for null, an empty string, a
// dash, an object or a list.
func (o *flatObject) scalar() []byte {
	switch {
	case o.kind == 'n' || o.kind == '{' || o.kind == '[' || len(o.value) == 0:
		return nil
	case o.kind == '"' && string(o.value) == "-": // tables turned into JSON keep the mark of the unset
		return nil
	case o.kind == '"' && bytes.IndexByte(o.value, '\\') >= 0:
		return unquoted(o.value)
	}
	return o.value
}

// unquoted resolves the escapes of a string.
func unquoted(b []byte) []byte {
	quoted := make([]byte, 0, len(b)+2)
	quoted = append(append(append(quoted, '"'), b...), '"')
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return b
	}
	return []byte(s)
}

// zeekSignature is what tells a kind of Zeek log by its keys where the record
// does not name it. All keys must be there.
type zeekSignature struct {
	path string
	keys []string
}

// zeekSignatures are asked in order. Each is narrow enough that no other
// program's records are taken for Zeek's.
var zeekSignatures = []zeekSignature{
	{"dns", []string{"uid", "trans_id", "proto"}},
	{"dns", []string{"uid", "query", "qtype_name"}},
	{"smtp", []string{"uid", "trans_depth", "helo"}},
	{"smtp", []string{"uid", "trans_depth", "last_reply"}},
	{"http", []string{"uid", "trans_depth"}},
	{"ssl", []string{"uid", "cipher"}},
	{"ssl", []string{"uid", "server_name"}},
	{"ssl", []string{"uid", "resumed", "established"}},
	{"ssh", []string{"uid", "auth_attempts"}},
	{"ssh", []string{"uid", "client", "server"}},
	{"x509", []string{"certificate.serial", "certificate.subject"}},
	{"ocsp", []string{"serialNumber", "certStatus"}},
	{"files", []string{"fuid", "source", "seen_bytes"}},
	{"notice", []string{"note", "actions"}},
	{"notice", []string{"note", "msg", "suppress_for"}},
	{"weird", []string{"name", "notice", "peer"}},
	{"dhcp", []string{"uids", "msg_types"}},
	{"software", []string{"host", "software_type"}},
	{"known_services", []string{"host", "port_num", "port_proto"}},
	{"dpd", []string{"uid", "analyzer", "failure_reason"}},
	{"tunnel", []string{"tunnel_type", "action"}},
	{"kerberos", []string{"uid", "request_type", "service"}},
	{"ntlm", []string{"uid", "server_nb_computer_name"}},
	{"dce_rpc", []string{"uid", "endpoint", "operation"}},
	{"smb_files", []string{"uid", "action", "path"}},
	{"smb_mapping", []string{"uid", "share_type"}},
	{"rdp", []string{"uid", "cookie", "security_protocol"}},
	{"ftp", []string{"uid", "command", "reply_code"}},
	{"sip", []string{"uid", "call_id", "request_path"}},
	{"snmp", []string{"uid", "community", "get_requests"}},
	{"ntp", []string{"uid", "stratum", "precision"}},
	{"syslog", []string{"uid", "facility", "severity"}},
	{"intel", []string{"seen.indicator", "seen.where"}},
	{"pe", []string{"id", "machine", "compile_ts"}},
	{"stats", []string{"peer", "pkts_proc", "mem"}},
	{"capture_loss", []string{"ts_delta", "percent_lost"}},
	{"packet_filter", []string{"node", "filter", "init"}},
	{"arp", []string{"operation", "src_mac", "orig_h"}},
}

// isLoadedScripts tells the one log without a time: the name of a script a record.
func isLoadedScripts(line []byte) bool {
	return len(keysOf(line)) == 1 && bytes.HasPrefix(line, []byte(`{"name":`)) &&
		(bytes.HasSuffix(line, []byte(`.zeek"}`)) || bytes.HasSuffix(line, []byte(`.bro"}`)))
}

// maxKeys bounds the keys of a record that are looked at.
const maxKeys = 256

// keysOf is the set of keys of an object, as far as it can be read.
func keysOf(line []byte) map[string]bool {
	keys := map[string]bool{}
	for j := newObject(line); len(keys) < maxKeys && j.next(); {
		keys[string(j.key)] = true
	}
	return keys
}

// zeekKind is the kind of log that keys tell; empty: none that is known.
func zeekKind(keys map[string]bool) string {
	for _, s := range zeekSignatures {
		all := true
		for _, k := range s.keys {
			all = all && keys[k]
		}
		if all {
			return s.path
		}
	}
	return ""
}

// isZeekConnRow tells a connection by its fields.
func isZeekConnRow(row *zeekRow) bool {
	if row[zeekOrigH] == nil || row[zeekRespH] == nil {
		return false
	}
	if row[zeekState] != nil {
		return true
	}
	return row[zeekProto] != nil && (row[zeekHistory] != nil || row[zeekDuration] != nil ||
		row[zeekOrigPkts] != nil || row[zeekOrigBytes] != nil)
}

// zeekObjectSkip tells why a JSON record is not read.
func zeekObjectSkip(line []byte, row *zeekRow) string {
	if row[zeekPath] != nil {
		return zeekPathSkip(row[zeekPath])
	}
	if isZeekConnRow(row) {
		return ""
	}
	if kind := zeekKind(keysOf(line)); kind != "" {
		return zeekSkipReason(kind)
	}
	if isLoadedScripts(bytes.TrimSpace(line)) {
		return zeekSkipReason("loaded_scripts")
	}
	if row[zeekOrigH] != nil && row[zeekRespH] != nil && row[zeekProto] != nil {
		return "" // a connection of which little was exported
	}
	return zeekSkipReason("")
}

// detectLines is how many lines of a head are looked at: a log may begin with
// comments, or with a record that is broken.
const detectLines = 32

// detectZeek tells a Zeek log by its header or by the keys of its records.
func detectZeek(head []byte) (bool, string) {
	rest := head
	why := "no #fields line, and no JSON record with ts and id.orig_h"
	for range detectLines {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		rest = after
		line = bytes.TrimSpace(line)
		switch {
		case isZeekHeader(line):
			return true, ""
		case len(line) > 0 && line[0] == '{':
			if isZeekObject(line) {
				return true, ""
			}
			why = "its JSON records are not of Zeek: no ts with id.orig_h, nor the keys of another log"
		case isZeekRow(line):
			why = "its rows look like those of a conn.log, but the #fields line that names the columns is missing"
		}
		if !more {
			break
		}
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

// isZeekObject tells a record of Zeek; it may be cut off by the end of the head.
func isZeekObject(line []byte) bool {
	var row zeekRow
	scanZeekObject(line, &row)
	if row[zeekTS] == nil {
		return isLoadedScripts(line)
	}
	if len(row[zeekPath]) > 0 && len(bytes.Trim(row[zeekPath], "abcdefghijklmnopqrstuvwxyz0123456789_")) == 0 {
		return true
	}
	if isZeekConnRow(&row) || row[zeekUID] != nil && row[zeekOrigH] != nil && row[zeekRespH] != nil {
		return true
	}
	return zeekKind(keysOf(line)) != ""
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
