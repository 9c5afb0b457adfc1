package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"netcase"
)

const formatLEEF = "leef"

// leef reads QRadar's Log Event Extended Format.
var leef = Format{
	Name: formatLEEF,
	Doc:  "QRadar LEEF 1.0 and 2.0, alone or behind syslog: sessions, alerts and logins by its predefined keys",
	Proves: "what the device says it allowed, denied or found, and sizes each way where it gives them; " +
		"of an allowed session without sizes not whether anything answered",
	Detect: detectLEEF,
	Decode: decodeLEEF,
	Split: func(head []byte) *Split {
		if devUndated(head, leefMark) {
			return nil // the year of a message follows from the message before
		}
		return &Split{Cut: WholeLines}
	},
	Undated: func(head []byte) bool { return devUndated(head, leefMark) },
	Join:    cefJoin,
}

func detectLEEF(head []byte) (bool, string) {
	var x cefEvent
	if !devMostLines(head, func(line []byte) bool {
		at := leefMark(line)
		return at >= 0 && leefScan(line[at:], &x) == ""
	}) {
		return false, "most lines are no LEEF: LEEF:2.0|vendor|product|version|event|delimiter| is expected"
	}
	return true, ""
}

// leefMark finds "LEEF:1.0|".
func leefMark(line []byte) int {
	head := line[:min(len(line), 1024)]
	i := bytes.Index(head, []byte("LEEF:"))
	if i < 0 || i > 0 && isLetter(head[i-1]) {
		return -1
	}
	rest := bytes.TrimLeft(head[i+5:], " ")
	if len(rest) > 3 && (rest[0] == '1' || rest[0] == '2') && bytes.IndexByte(rest[:min(len(rest), 5)], '|') > 0 {
		return i
	}
	return -1
}

// leefScan takes an event apart into the names that CEF has for the same things.
func leefScan(text []byte, x *cefEvent) (reason string) {
	version, rest, _ := bytes.Cut(text, []byte{'|'})
	for _, into := range [...]*[]byte{&x.vendor, &x.product, &x.version, &x.class} {
		end := cefBar(rest)
		if end < 0 {
			return "fewer than five fields in the header of LEEF"
		}
		*into = cefPlain(rest[:end])
		rest = rest[end+1:]
	}
	between := byte('\t')
	if bytes.Contains(version, []byte(":2")) || bytes.Contains(version, []byte(": 2")) {
		if end := cefBar(rest); end >= 0 && end <= len("0x00A6") {
			if end > 0 {
				var ok bool
				if between, ok = leefDelimiter(rest[:end]); !ok {
					return "the delimiter is no character"
				}
			}
			rest = rest[end+1:]
		}
	}
	x.name, x.fields = x.class, x.fields[:0]
	if between == '\t' && bytes.IndexByte(rest, '\t') < 0 && bytes.Count(rest, []byte{'='}) > 1 {
		x.fields = cefExtension(rest, x.fields) // a relay made spaces of the tabs
		return ""
	}
	for len(rest) > 0 && len(x.fields) < maxDevFields {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{between})
		key, value, ok := bytes.Cut(pair, []byte{'='})
		if ok {
			x.fields = append(x.fields, devField{key: bytes.TrimSpace(key), value: bytes.TrimSpace(value)})
		}
	}
	return ""
}

// leefDelimiter is a character, or its number as "x5E", "0x5E" or "\x5E".
func leefDelimiter(b []byte) (byte, bool) {
	if len(b) == 1 {
		return b[0], true
	}
	digits := bytes.TrimLeft(bytes.ToLower(b), `\0`)
	digits, ok := bytes.CutPrefix(digits, []byte{'x'})
	if !ok {
		return 9, string(b) == `\t` || string(b) == "tab"
	}
	n, err := strconv.ParseUint(string(digits), 16, 8)
	return byte(n), err == nil
}

func decodeLEEF(ctx context.Context, in *Input, out Sink) error {
	r := &devLines{family: formatLEEF, mark: leefMark}
	var x cefEvent
	r.take = func(text []byte) {
		if reason := leefScan(text, &x); reason != "" {
			r.reject("", reason)
			return
		}
		r.leef(&x)
	}
	err := r.read(ctx, in, out)
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

// leef gives an event the keys of CEF and reads it as one of no known vendor.
// srcBytes and dstBytes say whose they are; in CEF's keys the source sends out.
func (r *devReading) leef(x *cefEvent) {
	get := x.fields.get
	names := append(r.named[:0], x.fields...)
	for _, p := range [...]struct {
		name  string
		value []byte
	}{
		{"spt", get("srcPort")}, {"dpt", get("dstPort")}, {"out", get("srcBytes", "bytesOut", "BytesSent")}, {"in", get("dstBytes", "bytesIn", "BytesReceived")},
		{"act", get("action", "Action", "policyAction")}, {"suser", get("usrName", "accountName", "identUserName")}, {"shost", get("srcHostName", "identHostName")}, {"dvchost", get("devName", "DeviceName", "identSrc")},
		{"cnt", get("count", "RepeatCount")}, {"externalId", get("SessionID", "sessionid", "externalId")},
		{"cs1Label", []byte("rule")}, {"cs1", get("policy", "RuleName", "rule", "policyid")}, {"cat", get("cat")},
	} {
		if p.value != nil {
			names = append(names, devField{name: p.name, value: p.value})
		}
	}
	r.named = names
	event := cefEvent{vendor: x.vendor, product: x.product, version: x.version, class: x.class, name: x.name, severity: get("sev"), fields: names}
	r.ev.device = names.get("dvchost", "dvc")
	r.leefTime(get("devTime"), get("devTimeFormat"))
	if oneOf(names.get("Subtype", "subtype"), "start") && oneOf(names.get("Type", "type"), "traffic") {
		r.skip(skipBeginning)
		return
	}
	if r.cefGeneric(&event); r.ev.kind == devFlow {
		f := &r.ev.flow
		if !r.size(&f.PacketsOut, "srcPackets", get("srcPackets", "PacketsSent")) || !r.size(&f.PacketsIn, "dstPackets", get("dstPackets", "PacketsReceived")) {
			return
		}
		if f.Reach == netcase.ReachBidirectional && (f.PacketsOut == 0 || f.PacketsIn == 0) {
			f.Reach = netcase.ReachAllowed
		}
		if f.PacketsIn > 0 || f.PacketsOut > 0 { // a device that counts packets counts answers
			if f.Reach == netcase.ReachAllowed {
				f.Reach = devAnswered(f)
			}
		}
	}
	r.ev.family = formatLEEF
	delete(r.sums, sumCEFBytes)
}

// leefTime reads devTime: by its format where one is given, else as any time. The
// format is a pattern of Java's SimpleDateFormat.
func (r *devReading) leefTime(text, format []byte) {
	if len(text) == 0 || len(text) > maxTimeText {
		return
	}
	if dayFirstFormat(string(format[:min(len(format), maxTimeText)])) {
		// 03/04/2024 is the third of April: dots have the day first everywhere
		clean := strings.Replace(string(text), "/", ".", 2)
		if r.stampAt([]byte(clean)) {
			r.ev.stamp = text
			return
		}
	}
	r.stampAt(text)
}

// dayFirstFormat tells a pattern that begins with the day and goes on with numbers.
func dayFirstFormat(format string) bool {
	day, month := strings.IndexByte(format, 'd'), strings.IndexByte(format, 'M')
	return day >= 0 && month > day && strings.IndexByte(format, '/') > day
}
