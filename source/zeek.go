package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"netcase"
)

var zeekConn = Format{
	Name: "zeek-conn",
	Doc:  "Zeek conn.log, tab-separated or JSON; other Zeek logs are recognised and skipped",
	Proves: "who began, whether it was answered, and payload and packets each way; " +
		"not what a control decided, nor which process or account it was",
	Detect: detectZeek,
	Decode: decodeZeek,
	Split:  splitZeek,
	Join:   joinZeek,
}

const (
	zeekSensor = "zeek"
	// zeekSensors bounds the sensors told apart in one input: each is kept in
	// memory and named in the report.
	zeekSensors = 256
	// zeekAddresses bounds the IPv6 addresses remembered to save parsing them.
	zeekAddresses = 1 << 14
	// zeekHeader bounds the header lines kept as context of a record.
	zeekHeader = 8 << 10
	// zeekEarliest is a time, in seconds, before which a clock must be relative:
	// 3 March 1973.
	zeekEarliest = 100_000_000
	// zeekLatest is the largest time in seconds (year 5138); more are milliseconds,
	// as Zeek writes them when told to.
	zeekLatest = 100_000_000_000
	// zeekLongest bounds a duration, in seconds: a hundred years.
	zeekLongest = 100 * 366 * 86400
	// microseconds in a second and in a millisecond.
	microsecond   = 1_000_000
	microsecondMS = 1_000
)

// zeekField is a column that is read.
type zeekField int8

const (
	zeekTS zeekField = iota
	zeekUID
	zeekOrigH
	zeekOrigP
	zeekRespH
	zeekRespP
	zeekProto
	zeekDuration
	zeekOrigBytes
	zeekRespBytes
	zeekState
	zeekLocalOrig
	zeekLocalResp
	zeekHistory
	zeekOrigPkts
	zeekRespPkts
	zeekIPProto
	zeekNode
	zeekSystem
	zeekPath
	zeekFieldCount
	zeekNone zeekField = -1
)

// zeekFieldNames are the columns as conn.log names them.
var zeekFieldNames = [zeekFieldCount]string{
	"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "duration",
	"orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp", "history",
	"orig_pkts", "resp_pkts", "ip_proto", "_node_name", "_system_name", "_path",
}

// zeekWanted are the columns whose absence costs something.
var zeekWanted = []zeekField{
	zeekTS, zeekUID, zeekOrigH, zeekOrigP, zeekRespH, zeekRespP, zeekProto, zeekDuration,
	zeekOrigBytes, zeekRespBytes, zeekState, zeekHistory, zeekOrigPkts, zeekRespPkts,
}

// zeekFieldOf is the column of a name; underscores stand for dots in the exports
// of some collectors.
func zeekFieldOf(name []byte) zeekField {
	switch string(name) {
	case "ts":
		return zeekTS
	case "uid":
		return zeekUID
	case "id.orig_h", "id_orig_h":
		return zeekOrigH
	case "id.orig_p", "id_orig_p":
		return zeekOrigP
	case "id.resp_h", "id_resp_h":
		return zeekRespH
	case "id.resp_p", "id_resp_p":
		return zeekRespP
	case "proto":
		return zeekProto
	case "duration":
		return zeekDuration
	case "orig_bytes":
		return zeekOrigBytes
	case "resp_bytes":
		return zeekRespBytes
	case "conn_state":
		return zeekState
	case "local_orig":
		return zeekLocalOrig
	case "local_resp":
		return zeekLocalResp
	case "history":
		return zeekHistory
	case "orig_pkts":
		return zeekOrigPkts
	case "resp_pkts":
		return zeekRespPkts
	case "ip_proto":
		return zeekIPProto
	case "_node_name":
		return zeekNode
	case "_system_name", "@system":
		return zeekSystem
	case "_path", "@stream":
		return zeekPath
	}
	return zeekNone
}

// zeekRow is one record: the text of each column, nil where it is unset.
type zeekRow [zeekFieldCount][]byte

// zeekReader decodes one input.
type zeekReader struct {
	in    *Input
	out   Sink
	lines *Lines
	batch netcase.Batch
	raws  []byte // holds the raw records of the batch
	row   zeekRow

	// The header of tab-separated logs, valid until the next one.
	separator []byte
	unset     []byte
	path      []byte
	columns   []zeekColumn
	read      int    // columns up to the last one that is read
	skip      string // why the rows are not read; empty: they are connections
	context   []byte
	closed    bool // a #close line stood after the last row
	rows      bool // the section has rows

	sensors   map[string]string
	addresses map[string]netip.Addr
	noted     [zeekRemarks]bool
	doubts    []zeekDoubt // about the current record
}

// zeekRemark is something that is said once of an input.
type zeekRemark int8

const (
	remarkRelative zeekRemark = iota
	remarkNarrow
	remarkWide
	remarkSensors
	remarkWorkers
	zeekRemarks
)

var zeekRemarkTexts = [zeekRemarks]string{
	"times lie before March 1973: the clock is relative, as that of a replayed capture",
	"rows have fewer columns than the #fields line; those that are read are all there",
	"rows have more columns than the #fields line; the further ones were not read",
	"more than 256 sensors: the further ones were not told apart",
	"the workers of a cluster (_node_name) are taken as one sensor",
}

func (z *zeekReader) remark(r zeekRemark) {
	if !z.noted[r] {
		z.noted[r] = true
		z.in.Note("%s", zeekRemarkTexts[r])
	}
}

// zeekColumn is a column of the header.
type zeekColumn struct {
	field zeekField
	// joined: further columns are joined to this one by spaces, as the labelled
	// logs of IoT-23 have it.
	joined bool
}

func decodeZeek(ctx context.Context, in *Input, out Sink) error {
	z := &zeekReader{
		in: in, out: out, lines: in.lines(),
		separator: []byte{'\t'}, unset: []byte{'-'},
		sensors: map[string]string{}, addresses: map[string]netip.Addr{},
	}
	for z.lines.Next() {
		z.line()
		if len(z.batch.Flows) >= BatchSize {
			if err := z.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := z.flush(ctx); err != nil {
		return err
	}
	if z.closed {
		in.End = zeekClosed
	} else if z.rows && z.columns != nil {
		in.End = zeekOpen
	}
	if err := z.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", z.lines.Number(), err)
	}
	return nil
}

// How a log may end.
const (
	zeekClosed = "closed"
	zeekOpen   = "open"
)

// joinZeek says how the last section of the log ended.
func joinZeek(in *Input) {
	if in.End == zeekOpen {
		in.Note("no #close line at the end: the log was still being written, or is cut off")
	}
}

// splitZeek cuts a log at its lines, and before every new header.
func splitZeek(head []byte) *Split {
	if n, _ := zeekMarks(head); n == 0 {
		return &Split{Cut: WholeLines}
	}
	return &Split{Lead: zeekHeaderLength(head), Cut: cutZeek, Header: zeekHeaderLength}
}

// zeekHeaderLength is the length of the header with which a block begins: lines
// that start with #, among them the names of the columns.
func zeekHeaderLength(block []byte) int {
	n, named := zeekMarks(block)
	if !named {
		return 0
	}
	return n
}

// zeekMarks is the length of the lines that start with # at the start of a block, and
// whether the names of the columns are among them.
func zeekMarks(block []byte) (n int, named bool) {
	for {
		line := bytes.TrimLeft(block[n:], " \t")
		end := bytes.IndexByte(block[n:], '\n')
		if len(line) == 0 || line[0] != '#' || end < 0 {
			return n, named
		}
		named = named || bytes.HasPrefix(line, []byte("#fields"))
		n += end + 1
	}
}

// cutZeek ends a part before a further header, or else with its last line; a header
// that goes on beyond the block is left to the next part.
func cutZeek(block []byte) int {
	own, _ := zeekMarks(block)
	for at := own; ; {
		i := bytes.IndexByte(block[at:], '#')
		if i < 0 {
			break
		}
		line := bytes.LastIndexByte(block[:at+i], '\n') + 1
		if at += i + 1; line > own && isZeekMark(block[line:]) {
			return line
		}
	}
	cut := WholeLines(block)
	for cut > 0 {
		line := bytes.LastIndexByte(block[:cut-1], '\n') + 1
		if !isZeekMark(block[line:cut]) {
			break
		}
		cut = line
	}
	return cut
}

// isZeekMark tells whether a line belongs to the header of a log.
func isZeekMark(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) > 0 && line[0] == '#' && !bytes.HasPrefix(line, []byte("#close"))
}

// flush hands the batch on.
func (z *zeekReader) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if z.batch.Len() == 0 {
		return nil
	}
	err := z.out(&z.batch)
	z.batch.Reset()
	z.raws = z.raws[:0]
	return err
}

// line takes one line. Whatever goes wrong inside costs this line alone.
func (z *zeekReader) line() {
	line := z.lines.Bytes()
	read := z.in.Report.Read
	defer func() {
		if p := recover(); p != nil {
			z.panicked(p, line, z.in.Report.Read > read)
		}
	}()
	switch trimmed := bytes.TrimLeft(line, " \t"); {
	case z.lines.TooLong():
		z.reject("", "longer than 16 MB", line)
	case len(trimmed) == 0:
	case trimmed[0] == '#':
		z.header(trimmed)
	case trimmed[0] == '{':
		z.object(line)
	case z.columns == nil:
		z.reject("", "neither a JSON object nor a row below a #fields line", line)
	default:
		z.tabbed(line)
	}
}

// panicked counts a record at which the decoder itself failed.
func (z *zeekReader) panicked(p any, line []byte, counted bool) {
	if counted {
		z.in.Note("the decoder failed after it had counted a record: %v", p)
		return
	}
	z.reject("", fmt.Sprintf("panic: %v", p), line)
}

func (z *zeekReader) reject(field, reason string, line []byte) {
	z.in.Reject(z.lines.Number(), 0, field, reason, line)
}

// header takes a line that starts with #.
func (z *zeekReader) header(line []byte) {
	name, value := line, []byte(nil)
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		name, value = line[:i], line[i+1:]
	} else if i := bytes.Index(line, z.separator); i > 0 {
		name, value = line[:i], line[i+len(z.separator):]
	}
	switch string(name) {
	case "#separator":
		z.begin()
		if s := unescapeZeek(value); len(s) > 0 {
			z.separator = s
		}
	case "#unset_field":
		z.unset = bytes.Clone(value)
	case "#path":
		z.path = bytes.Clone(bytes.TrimSpace(value))
	case "#fields":
		z.fields(value)
	case "#close":
		z.closed = true
	default:
		return
	}
	if len(z.context)+len(line) < zeekHeader && string(name) != "#close" {
		z.context = append(append(z.context, line...), '\n')
	}
}

// begin forgets the header before: a new log starts here.
func (z *zeekReader) begin() {
	z.separator, z.unset = []byte{'\t'}, []byte{'-'}
	z.path, z.columns, z.context = nil, nil, nil
	z.closed, z.rows, z.skip = false, false, ""
}

// unescapeZeek turns \x09 into a tab.
func unescapeZeek(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		if i+4 <= len(b) && b[i] == '\\' && b[i+1] == 'x' {
			if c, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
				out = append(out, byte(c))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// fields learns the columns.
func (z *zeekReader) fields(value []byte) {
	z.columns, z.read, z.closed, z.rows = []zeekColumn{}, 0, false, false
	var has [zeekFieldCount]bool
	names := map[string]bool{}
	for _, name := range bytes.Split(value, z.separator) {
		first, _, joined := bytes.Cut(name, []byte(" "))
		if len(names) < maxKeys {
			names[string(first)] = true
		}
		f := zeekFieldOf(first)
		if f != zeekNone && has[f] {
			f = zeekNone // of two columns of one name the first counts
		}
		z.columns = append(z.columns, zeekColumn{field: f, joined: joined})
		if f != zeekNone {
			has[f] = true
			z.read = len(z.columns)
		}
	}
	z.skip = zeekTabbedSkip(z.path, &has, names)
	if z.skip == "" {
		z.missing(&has)
	}
}

// zeekTabbedSkip tells why the rows under a header are not read.
func zeekTabbedSkip(path []byte, has *[zeekFieldCount]bool, names map[string]bool) string {
	if len(path) > 0 {
		return zeekPathSkip(path)
	}
	if kind := zeekKind(names); kind != "" {
		return zeekSkipReason(kind)
	}
	if has[zeekOrigH] && has[zeekRespH] && has[zeekProto] {
		return ""
	}
	return zeekSkipReason("")
}

// zeekPathSkip tells why a log of this name is not read.
func zeekPathSkip(path []byte) string {
	if string(path) == "conn" {
		return ""
	}
	return zeekSkipReason(string(path))
}

// maxZeekPath is how much of a log's name is shown.
const maxZeekPath = 40

func zeekSkipReason(path string) string {
	if path == "" {
		return "a zeek log of another kind: not read yet, only conn"
	}
	return "zeek " + path[:min(len(path), maxZeekPath)] + ".log: not read yet, only conn"
}

// missing notes the columns that the header lacks.
func (z *zeekReader) missing(has *[zeekFieldCount]bool) {
	for _, f := range zeekWanted {
		if has[f] {
			continue
		}
		name := zeekFieldNames[f]
		if !contains(z.in.Report.Missing, name) {
			z.in.Report.Missing = append(z.in.Report.Missing, name)
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// tabbed takes a row of a tab-separated log.
func (z *zeekReader) tabbed(line []byte) {
	z.rows, z.closed = true, false
	if z.skip != "" {
		z.in.Skip(z.skip)
		return
	}
	n := z.split(line)
	if reason := z.incomplete(n); reason != "" {
		z.reject("", reason, line)
		return
	}
	z.accept(&z.row, line)
}

// split fills the row and tells how many columns the line has.
func (z *zeekReader) split(line []byte) int {
	z.row = zeekRow{}
	n := 0
	for rest := line; ; n++ {
		value, more := rest, false
		if i := z.separatorAt(rest); i >= 0 {
			value, rest, more = rest[:i], rest[i+len(z.separator):], true
		}
		if n < z.read {
			if c := z.columns[n]; c.field != zeekNone {
				z.row[c.field] = z.value(value, c)
			}
		}
		if !more {
			return n + 1
		}
	}
}

func (z *zeekReader) separatorAt(b []byte) int {
	if len(z.separator) == 1 {
		return bytes.IndexByte(b, z.separator[0])
	}
	return bytes.Index(b, z.separator)
}

// value is the text of a column, nil where it is unset or empty.
func (z *zeekReader) value(b []byte, c zeekColumn) []byte {
	if c.joined {
		b, _, _ = bytes.Cut(b, []byte(" "))
	}
	if len(b) == 0 || bytes.Equal(b, z.unset) || string(b) == "(empty)" {
		return nil
	}
	return b
}

// incomplete tells why a line of n columns is not a whole row. Columns that are
// not read, such as labels, may be missing from whole lines.
func (z *zeekReader) incomplete(n int) string {
	switch {
	case z.lines.Unfinished() && (n < len(z.columns) || z.lines.Err() != nil):
		return "the record is cut off at the end of the input"
	case n < z.read:
		return "fewer columns than the #fields line"
	case n < len(z.columns):
		z.remark(remarkNarrow)
	case n > len(z.columns):
		z.remark(remarkWide)
	}
	return ""
}

// object takes a JSON record.
func (z *zeekReader) object(line []byte) {
	z.row = zeekRow{}
	fault := scanZeekObject(line, &z.row)
	if fault != "" {
		if z.lines.Unfinished() {
			fault = "the record is cut off at the end of the input: " + fault
		}
		z.reject("", fault, line)
		return
	}
	if reason := zeekObjectSkip(line, &z.row); reason != "" {
		z.in.Skip(reason)
		return
	}
	z.accept(&z.row, line)
}

// accept turns a row into a flow.
func (z *zeekReader) accept(row *zeekRow, line []byte) {
	f := nextFlow(&z.batch)
	z.doubts = z.doubts[:0]
	field, reason := z.flow(row, f)
	if reason != "" || z.in.Wanted != nil && !z.in.Wanted(f.Src, f.Dst) {
		z.batch.Flows = z.batch.Flows[:len(z.batch.Flows)-1]
		if reason != "" {
			z.reject(field, reason, line)
		}
		return
	}
	if z.in.Raw {
		z.keep(f, line, row[zeekTS])
	}
	z.in.AcceptFlow(&z.batch, f)
	for _, d := range z.doubts {
		z.in.Doubt(z.lines.Number(), 0, zeekFieldNames[d.field], d.reason, line)
	}
}

// zeekDoubt is something odd about a record that may still be accepted.
type zeekDoubt struct {
	field  zeekField
	reason string
}

func (z *zeekReader) doubt(field zeekField, reason string) {
	z.doubts = append(z.doubts, zeekDoubt{field, reason})
}

// keep notes where the record stands and copies it.
func (z *zeekReader) keep(f *netcase.Flow, line, stamp []byte) {
	f.Stamp = nameIn(stamp, maxName)
	f.Place = netcase.Place{Line: z.lines.Number(), Offset: z.lines.Offset()}
	start := len(z.raws)
	z.raws = append(z.raws, line...)
	f.Raw = z.raws[start:len(z.raws):len(z.raws)]
	if z.columns != nil && len(line) > 0 && line[0] != '{' {
		f.Context = string(z.context)
	}
}

// flow fills f. A reason says why the record cannot be a flow, and the field at fault.
func (z *zeekReader) flow(row *zeekRow, f *netcase.Flow) (field, reason string) {
	if bad, reason := z.times(row, f); reason != "" {
		return zeekFieldNames[bad], reason
	}
	if f.Proto, reason = z.protocol(row); reason != "" {
		return zeekFieldNames[zeekIPProto], reason
	}
	if bad, reason := z.ends(row, f); reason != "" {
		return zeekFieldNames[bad], reason
	}
	var pkts [2]int64
	for _, c := range []struct {
		field zeekField
		to    *int64
	}{
		{zeekOrigBytes, &f.OctetsOut}, {zeekRespBytes, &f.OctetsIn},
		{zeekOrigPkts, &pkts[0]}, {zeekRespPkts, &pkts[1]},
	} {
		var ok bool
		if *c.to, ok = parseCount(row[c.field]); !ok {
			return zeekFieldNames[c.field], "not a count"
		}
	}
	f.PacketsOut, f.PacketsIn = pkts[0], pkts[1]
	f.Ours = zeekSide(row)
	f.Sensor = z.sensor(row)
	f.Resolution = netcase.ResolutionRaw
	history := readHistory(row[zeekHistory])
	f.Reach = zeekReach(row[zeekState], history, f, zeekICMPType(f.Proto, row[zeekOrigP]))
	f.Continued = f.Proto == netcase.TCP && history.midstream()
	f.Key = zeekKey(row[zeekUID], f)
	return "", ""
}

// times sets start and end.
func (z *zeekReader) times(row *zeekRow, f *netcase.Flow) (bad zeekField, reason string) {
	start, reason := z.instant(row[zeekTS])
	if reason != "" {
		return zeekTS, reason
	}
	if start < zeekEarliest*microsecond {
		z.remark(remarkRelative)
	}
	f.Start = max(netcase.Time(start/microsecondMS), 1) // zero would mean that it is not known
	f.End = f.Start
	if row[zeekDuration] == nil {
		return zeekNone, ""
	}
	long, ok := parseMicroseconds(row[zeekDuration])
	switch {
	case !ok || long > zeekLongest*microsecond:
		return zeekDuration, "not a number of seconds"
	case long < 0:
		z.doubt(zeekDuration, "negative, taken as zero")
	default:
		f.End = max(netcase.Time((start+long)/microsecondMS), f.Start)
	}
	return zeekNone, ""
}

// instant is a time in microseconds since 1970.
func (z *zeekReader) instant(b []byte) (us int64, reason string) {
	if b == nil {
		return 0, "missing"
	}
	us, ok := parseMicroseconds(b)
	if !ok {
		t, ok := parseISO(b, z.in.Location())
		if !ok {
			return 0, "neither seconds since 1970 nor ISO 8601"
		}
		us = t.UnixMicro()
	} else if us >= zeekLatest*microsecond {
		us /= microsecondMS // written in milliseconds
	}
	if us < 0 || us >= zeekLatest*microsecond {
		return 0, "out of range"
	}
	return us, ""
}

// parseISO reads the spellings of ISO 8601 that Zeek and its tools write.
func parseISO(b []byte, zone *time.Location) (time.Time, bool) {
	if len(b) < len("2006-01-02T15:04:05") || b[4] != '-' {
		return time.Time{}, false
	}
	s := string(b)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", s, zone)
	return t, err == nil
}

// maxWholeSeconds keeps the number of microseconds inside an int64.
const maxWholeSeconds = math.MaxInt64/microsecond - 1

// parseMicroseconds reads a decimal number of seconds; digits beyond the sixth
// decimal are cut.
func parseMicroseconds(b []byte) (int64, bool) {
	var whole, part int64
	i := 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if whole > maxWholeSeconds/10 {
			return 0, false
		}
		whole = whole*10 + int64(b[i]-'0')
	}
	if i == 0 || i < len(b) && b[i] != '.' {
		return parseFloatSeconds(b)
	}
	if whole > maxWholeSeconds {
		return 0, false
	}
	if i == len(b) {
		return whole * microsecond, true
	}
	scale := int64(microsecond)
	for i++; i < len(b); i++ {
		if !isDigit(b[i]) {
			return parseFloatSeconds(b)
		}
		if scale > 1 {
			scale /= 10
			part += int64(b[i]-'0') * scale
		}
	}
	return whole*microsecond + part, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// maxNumber is the longest text of a number that is looked at.
const maxNumber = 64

// parseFloatSeconds reads what the short way cannot: signs and exponents.
func parseFloatSeconds(b []byte) (int64, bool) {
	if len(b) > maxNumber || len(b) == 0 || !(isDigit(b[0]) || b[0] == '-' || b[0] == '+' || b[0] == '.') {
		return 0, false
	}
	if bytes.ContainsAny(b, "xX_pP") {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > maxWholeSeconds {
		return 0, false
	}
	return int64(math.Floor(v * microsecond)), true
}

// parseCount reads a size; an unset one is Absent.
func parseCount(b []byte) (int64, bool) {
	if b == nil {
		return netcase.Absent, true
	}
	var n int64
	i := 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(b[i]-'0')
	}
	if i == 0 {
		return 0, false
	}
	return n, i == len(b) || zeroFraction(b[i:])
}

// zeroFraction tells a ".0", which tables that went through a data frame have.
func zeroFraction(b []byte) bool {
	if len(b) < 2 || b[0] != '.' {
		return false
	}
	return len(bytes.TrimLeft(b[1:], "0")) == 0
}

// protocol is the protocol by its name, else by its number.
func (z *zeekReader) protocol(row *zeekRow) (proto uint8, reason string) {
	name := row[zeekProto]
	switch string(name) {
	case "tcp", "TCP":
		return netcase.TCP, ""
	case "udp", "UDP":
		return netcase.UDP, ""
	case "icmp", "ICMP":
		if bytes.IndexByte(row[zeekRespH], ':') >= 0 {
			return netcase.ICMPv6, ""
		}
		return netcase.ICMP, ""
	case "unknown_transport", "":
	default:
		z.doubt(zeekProto, "unknown protocol name")
	}
	return zeekIPProtocol(row[zeekIPProto])
}

// zeekIPProtocol is the protocol by its number, which newer versions add.
func zeekIPProtocol(b []byte) (uint8, string) {
	n, ok := parseCount(b)
	if !ok || n > math.MaxUint8 {
		return 0, "not a protocol number"
	}
	return uint8(max(n, 0)), ""
}

// ends sets addresses and ports. ICMP has none: Zeek writes type and code there.
func (z *zeekReader) ends(row *zeekRow, f *netcase.Flow) (bad zeekField, reason string) {
	for _, e := range []struct {
		host, port zeekField
		to         *netcase.Endpoint
		toPort     *uint16
	}{
		{zeekOrigH, zeekOrigP, &f.Src, &f.SrcPort}, {zeekRespH, zeekRespP, &f.Dst, &f.DstPort},
	} {
		if row[e.host] == nil {
			return e.host, "missing"
		}
		addr, ok := z.address(row[e.host])
		if !ok {
			return e.host, "not an address"
		}
		*e.to = netcase.At(addr)
		if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
			continue
		}
		port, ok := parseCount(row[e.port])
		switch {
		case !ok || port > math.MaxUint16:
			return e.port, "not a port"
		case port >= 0:
			*e.toPort = uint16(port)
		case e.port == zeekRespP && (f.Proto == netcase.TCP || f.Proto == netcase.UDP):
			return e.port, "missing"
		}
	}
	return zeekNone, ""
}

// address parses an address; those of IPv6 are remembered.
func (z *zeekReader) address(b []byte) (netip.Addr, bool) {
	if a, ok := parseIPv4(b); ok {
		return a, true
	}
	if a, ok := z.addresses[string(b)]; ok {
		return a, true
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return netip.Addr{}, false
	}
	if len(z.addresses) >= zeekAddresses {
		clear(z.addresses)
	}
	z.addresses[string(b)] = a
	return a, true
}

// parseIPv4 reads a dotted quad without leading zeros.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var quad [4]byte
	i := 0
	for n := range quad {
		if n > 0 {
			if i >= len(b) || b[i] != '.' {
				return netip.Addr{}, false
			}
			i++
		}
		start, v := i, 0
		for ; i < len(b) && i-start < 4 && isDigit(b[i]); i++ {
			v = v*10 + int(b[i]-'0')
		}
		if i == start || v > math.MaxUint8 || i-start > 1 && b[start] == '0' {
			return netip.Addr{}, false
		}
		quad[n] = byte(v)
	}
	return netip.AddrFrom4(quad), i == len(b)
}

// zeekSide is which ends Zeek was told are local.
func zeekSide(row *zeekRow) (s netcase.Side) {
	if zeekTrue(row[zeekLocalOrig]) {
		s |= netcase.SideSrc
	}
	if zeekTrue(row[zeekLocalResp]) {
		s |= netcase.SideDst
	}
	return s
}

func zeekTrue(b []byte) bool { return string(b) == "T" || string(b) == "true" }

// sensor names the sensor. The workers of a cluster share the connections of one
// sensor, so that their counts must be added: they are not told apart.
func (z *zeekReader) sensor(row *zeekRow) string {
	name := row[zeekSystem]
	if name == nil {
		name = row[zeekNode]
	}
	if name == nil {
		return zeekSensor
	}
	if s, ok := z.sensors[string(name)]; ok {
		return s
	}
	if len(z.sensors) >= zeekSensors {
		z.remark(remarkSensors)
		return zeekSensor
	}
	s := zeekSensor + "/" + Printable(string(name))
	if row[zeekSystem] == nil && (bytes.HasPrefix(name, []byte("worker")) || bytes.Contains(name, []byte("-worker"))) {
		s = zeekSensor
		z.remark(remarkWorkers)
	}
	z.sensors[string(name)] = s
	return s
}

// zeekKey hashes what names a connection: uid, start, ends. It is the same for a
// tab-separated and a JSON copy of a log. No uid, no key.
func zeekKey(uid []byte, f *netcase.Flow) uint64 {
	if len(uid) == 0 {
		return 0
	}
	var h uint64 = 14695981039346656037 // FNV-1a's offset basis, a fixed start
	for ; len(uid) >= 8; uid = uid[8:] {
		h = stir(h, binary.LittleEndian.Uint64(uid))
	}
	var tail [8]byte
	tail[7] = byte(copy(tail[:7], uid))
	h = stir(h, binary.LittleEndian.Uint64(tail[:]))
	h = stir(h, uint64(f.Start))
	for _, a := range [2]netip.Addr{f.Src.Addr, f.Dst.Addr} {
		b := a.As16()
		h = stir(h, binary.LittleEndian.Uint64(b[:8]))
		h = stir(h, binary.LittleEndian.Uint64(b[8:]))
	}
	h = stir(h, uint64(f.SrcPort)<<32|uint64(f.DstPort)<<16|uint64(f.Proto))
	return max(h, 1)
}

// stir mixes a word into a hash, after the finaliser of splitmix64.
func stir(h, w uint64) uint64 {
	h = (h ^ w) * 0xbf58476d1ce4e5b9
	h ^= h >> 31
	h *= 0x94d049bb133111eb
	return h ^ h>>29
}
