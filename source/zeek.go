package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"strconv"
	"time"

	"netcase"
)

var zeekConn = Format{
	Name: "zeek-conn",
	Doc:  "Zeek conn.log, tab-separated or JSON; logs of other kinds mixed in are read or skipped by name",
	Proves: "who began, whether it was answered, and payload and packets each way; " +
		"not what a control decided, nor which process or account it was",
	Detect: func(head []byte) (bool, string) { return detectZeekLog(head, "conn") },
	Decode: decodeZeek,
	Draws:  true,
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
	// zeekContext bounds the header lines kept as context of a record.
	zeekContext = 8 << 10
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

// zeekReader decodes one input.
type zeekReader struct {
	in     *Input
	out    Sink
	lines  *Lines
	batch  netcase.Batch
	raws   []byte // holds the raw records of the batch
	row    zeekRow
	isTab  bool // the row is of a tab-separated log
	zoned  bool // the time of the record has no zone of its own
	object zeekObject
	tabs   [zeekColumnsNoted]int32 // where the columns of a line end

	// The header of tab-separated logs, valid until the next one.
	separator []byte
	set       []byte // separates the elements of a list
	unset     []byte
	path      []byte
	columns   int          // of the #fields line; -1: there was none
	reads     []zeekColumn // those that are read, in their order
	sides     [2]int32     // the columns of the two ends; 0: not known
	glances   bool         // on the second pass rows are told by their beginning
	log       *zeekLog     // the kind of the rows; nil: they are skipped
	skip      string       // why they are
	context   []byte
	inherited string // the context as text
	rows      int64
	closes    int64

	texts     names
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

// zeekColumn is a column of the header that is read.
type zeekColumn struct {
	field zeekField
	at    int32
	// joined: further columns are joined to this one by spaces, as the labelled
	// logs of IoT-23 have it.
	joined bool
}

// zeekColumnsNoted bounds the columns of a line that are looked at.
const zeekColumnsNoted = 512

func decodeZeek(ctx context.Context, in *Input, out Sink) error {
	z := &zeekReader{
		in: in, out: out, lines: in.lines(), texts: names{},
		sensors: map[string]string{}, addresses: map[string]netip.Addr{},
	}
	z.object.book = newKeyBook(zeekBookField)
	z.batch.Flows = make([]netcase.Flow, 0, BatchSize)
	z.begin()
	for z.lines.Next() {
		if z.glances && z.glance(z.lines.Bytes()) {
			z.rows++
			z.passed()
			continue
		}
		z.line()
		if z.batch.Len() >= BatchSize {
			if err := z.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := z.flush(ctx); err != nil {
		return err
	}
	in.Sum(zeekRowsSum, z.rows)
	in.Sum(zeekClosesSum, z.closes)
	if err := z.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", z.number(), err)
	}
	return nil
}

// The sums of a stream: tab-separated rows, and #close lines.
const (
	zeekRowsSum   = "zeek rows"
	zeekClosesSum = "zeek closes"
)

// joinZeek says whether the log was closed.
func joinZeek(in *Input) {
	if in.Sums[zeekRowsSum] > 0 && in.Sums[zeekClosesSum] == 0 {
		in.Note("no #close line: the log was still being written, or is cut off")
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

// beginsZeekLog tells a line that belongs to the start of a header.
func beginsZeekLog(line []byte) bool {
	for _, name := range zeekBeginnings {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			return true
		}
	}
	return false
}

// zeekBeginnings are the lines that set how the columns below them are read.
var zeekBeginnings = []string{"#separator", "#set_separator", "#empty_field", "#unset_field", "#path", "#fields"}

// number is the number of the line in the whole stream.
func (z *zeekReader) number() int64 { return z.lines.Number() }

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
	z.zoned = false
	read := z.in.Report.Read
	defer func() {
		if p := recover(); p != nil {
			z.panicked(p, line, z.in.Report.Read > read)
		}
	}()
	trimmed := line
	if len(line) > 0 && line[0] <= ' ' {
		trimmed = bytes.TrimLeft(line, " \t")
	}
	switch {
	case z.lines.TooLong():
		z.reject("", "longer than 16 MB", line)
	case len(trimmed) == 0:
	case line[0] == '#' || trimmed[0] == '#' && z.columns < 0:
		z.header(trimmed)
	case trimmed[0] == '{':
		z.record(line)
	case z.columns < 0:
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
	z.in.Reject(z.number(), 0, field, reason, line)
}

// header takes a line that starts with #.
func (z *zeekReader) header(line []byte) {
	name, value := line, []byte(nil)
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		name, value = line[:i], line[i+1:]
	} else if i := bytes.Index(line, z.separator); i > 0 {
		name, value = line[:i], line[i+len(z.separator):]
	}
	if z.columns >= 0 && beginsZeekLog(line) {
		z.begin() // a further log
	}
	switch string(name) {
	case "#separator":
		z.begin()
		if s := unescapeZeek(value); len(s) > 0 {
			z.separator = s
		}
	case "#set_separator":
		z.set = bytes.Clone(value)
	case "#unset_field":
		z.unset = bytes.Clone(value)
	case "#path":
		z.path = bytes.Clone(bytes.TrimSpace(value))
	case "#fields":
		z.fields(value)
	case "#close":
		z.closes++
		return
	default:
		return
	}
	if len(z.context)+len(line) < zeekContext {
		z.context = append(append(z.context, line...), '\n')
		z.inherited = string(z.context)
	}
}

// begin forgets the header before: a new log starts here.
func (z *zeekReader) begin() {
	z.separator, z.set, z.unset = []byte{'\t'}, []byte{','}, []byte{'-'}
	z.path, z.columns, z.reads, z.log, z.skip = nil, -1, nil, nil, ""
	z.sides, z.glances = [2]int32{}, false
	z.context, z.inherited = nil, ""
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
	z.columns, z.reads = 0, nil
	z.row.clear()
	for _, name := range bytes.Split(value, z.separator) {
		first, _, joined := bytes.Cut(name, []byte(" "))
		f := zeekFieldOf(first)
		if f != zeekNone && !z.row.has[f] { // of two columns of one name the first counts
			z.row.mark(f)
			if f < zeekReadFields && z.columns < zeekColumnsNoted {
				z.reads = append(z.reads, zeekColumn{field: f, at: int32(z.columns), joined: joined})
				switch f {
				case zeekOrigH:
					z.sides[0] = int32(z.columns)
				case zeekRespH:
					z.sides[1] = int32(z.columns)
				}
			}
		}
		z.columns++
	}
	z.log, z.skip = zeekTabbedLog(z.path, &z.row)
	if z.log != nil && z.log.path == "conn" {
		z.missing(&z.row.has)
	}
	z.glances = z.in.Wanted != nil && z.log == zeekConnLog && len(z.separator) == 1 && z.sides[0] > 0 && z.sides[1] > 0
	z.row.clear()
}

// zeekTabbedLog is the kind of the rows under a header, or why they are not read.
func zeekTabbedLog(path []byte, row *zeekRow) (log *zeekLog, skip string) {
	if len(path) > 0 {
		return zeekLogOf(string(path))
	}
	if kind := zeekKind(row); kind != "" {
		return zeekLogOf(kind)
	}
	if row.has[zeekOrigH] && row.has[zeekRespH] && row.has[zeekProto] {
		return zeekLogOf("conn")
	}
	return nil, zeekSkipReason("")
}

// maxZeekPath is how much of a log's name is shown.
const maxZeekPath = 40

func zeekSkipReason(path string) string {
	if path == "" {
		return "a zeek log of another kind: not read yet"
	}
	return "zeek " + path[:min(len(path), maxZeekPath)] + ".log: not read yet"
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
	z.rows++
	if z.log == nil {
		z.in.Skip(z.skip)
		return
	}
	if reason := z.incomplete(z.split(line)); reason != "" {
		z.reject("", reason, line)
		return
	}
	z.isTab = true
	z.log.read(z, line)
}

// glanceLength is how much of a line holds the ends of most flows.
const glanceLength = 96

// glance tells on the second pass by the beginning of a row that nobody asks for its
// flow. Most are passed over: they are not even split.
func (z *zeekReader) glance(line []byte) bool {
	if len(line) == 0 || line[0] <= ' ' || line[0] == '#' || line[0] == '{' {
		return false
	}
	n := noteBytes(line[:min(len(line), glanceLength)], z.separator[0], &z.tabs, int(max(z.sides[0], z.sides[1])))
	var at [2][2]int
	for i, side := range z.sides {
		if int(side) >= n {
			return false
		}
		at[i] = [2]int{int(z.tabs[side-1]) + 1, int(z.tabs[side])}
	}
	if t := z.in.Texts; t != nil {
		src, ok := ipv4Text(line, at[0][0], at[0][1])
		dst, known := ipv4Text(line, at[1][0], at[1][1])
		if ok && known && !t.asks(z.place(), src, dst) {
			return true
		}
	}
	src, ok := z.address(line[at[0][0]:at[0][1]])
	dst, known := z.address(line[at[1][0]:at[1][1]])
	return ok && known && z.in.passes(z.place(), netcase.At(src), netcase.At(dst))
}

// passed counts a record that nobody asks for.
func (z *zeekReader) passed() {
	z.in.Report.Read++
	z.in.Report.Accepted++
}

// split fills the row and tells how many columns the line has.
func (z *zeekReader) split(line []byte) int {
	z.row.clear()
	var n int
	width := int32(len(z.separator))
	if width == 1 {
		n = noteBytes(line, z.separator[0], &z.tabs, len(line))
	} else {
		n = noteTexts(line, z.separator, &z.tabs)
	}
	if n < len(z.tabs) {
		z.tabs[n] = int32(len(line))
	}
	n++
	for i := range z.reads {
		c := &z.reads[i]
		if int(c.at) >= n {
			break
		}
		start := int32(0)
		if c.at > 0 {
			start = z.tabs[c.at-1] + width
		}
		value := line[start:z.tabs[c.at]]
		if len(value) > 1 && len(value) != 7 && len(z.unset) == 1 && !c.joined { // neither unset nor empty
			z.row.text[c.field] = value
		} else if value = z.value(value, c.joined); value != nil {
			z.row.text[c.field] = value
		}
		if c.field >= zeekConnFields {
			z.row.set = append(z.row.set, c.field)
		}
	}
	return n
}

// noteBytes notes where each separator stands and tells how many there are; those
// beyond the room are only counted. It may end once there are more than enough.
func noteBytes(line []byte, separator byte, ends *[zeekColumnsNoted]int32, enough int) (n int) {
	word := uint64(separator) * eachOne
	for from := 0; from < len(line) && n <= enough; from += 64 {
		block := line[from:min(len(line), from+64)]
		var found uint64 // a bit for each byte
		i := 0
		for ; i+8 <= len(block); i += 8 {
			found |= gathered(zeroBytes(binary.LittleEndian.Uint64(block[i:])^word)) << i
		}
		for ; i < len(block); i++ {
			if block[i] == separator {
				found |= 1 << i
			}
		}
		for ; found != 0; found &= found - 1 {
			if n < len(ends) {
				ends[n] = int32(from + bits.TrailingZeros64(found))
			}
			n++
		}
	}
	return n
}

// noteTexts is noteBytes for a separator of several bytes.
func noteTexts(line, separator []byte, ends *[zeekColumnsNoted]int32) (n int) {
	for i := 0; ; n++ {
		next := bytes.Index(line[i:], separator)
		if next < 0 {
			return n
		}
		if n < len(ends) {
			ends[n] = int32(i + next)
		}
		i += next + len(separator)
	}
}

// value is the text of a column, nil where it is unset or empty.
func (z *zeekReader) value(b []byte, joined bool) []byte {
	if joined {
		b, _, _ = bytes.Cut(b, []byte(" "))
	}
	if len(b) == 0 || len(b) == len(z.unset) && string(b) == string(z.unset) || len(b) == 7 && string(b) == "(empty)" {
		return nil
	}
	return b
}

// incomplete tells why a line of n columns is not a whole row. Columns that are
// not read, such as labels, may be missing from whole lines.
func (z *zeekReader) incomplete(n int) string {
	if n == z.columns && !z.lines.Unfinished() {
		return ""
	}
	switch {
	case z.lines.Unfinished() && (n < z.columns || z.lines.Err() != nil):
		z.in.EndsWithin("a record")
		return "the record is cut off at the end of the input"
	case len(z.reads) > 0 && n <= int(z.reads[len(z.reads)-1].at):
		return "fewer columns than the #fields line"
	case n < z.columns:
		z.remark(remarkNarrow)
	case n > z.columns:
		z.remark(remarkWide)
	}
	return ""
}

// record takes a JSON record.
func (z *zeekReader) record(line []byte) {
	fault := scanZeekObject(line, &z.object, &z.row)
	if fault != "" {
		if z.lines.Unfinished() {
			z.in.EndsWithin("a record")
			fault = "the record is cut off at the end of the input: " + fault
		}
		z.reject("", fault, line)
		return
	}
	log, skip := zeekRecordLog(line, &z.row)
	if log == nil {
		z.in.Skip(skip)
		return
	}
	z.isTab = false
	log.read(z, line)
}

// connection turns a row into a flow.
func (z *zeekReader) connection(line []byte) {
	if z.unwanted() {
		z.passed()
		return
	}
	f := nextFlow(&z.batch)
	z.doubts = z.doubts[:0]
	field, reason := z.flow(&z.row, f)
	if reason != "" {
		z.batch.Flows = z.batch.Flows[:len(z.batch.Flows)-1]
		z.reject(field, reason, line)
		return
	}
	if z.in.Raw {
		o := z.origin(line)
		f.Place, f.Raw, f.Context, f.Stamp, f.Zone = o.place, o.raw, o.context, o.stamp, o.zone
	}
	z.in.AcceptFlow(&z.batch, f)
	for _, d := range z.doubts {
		z.in.Doubt(z.number(), 0, zeekFieldNames[d.field], d.reason, line)
	}
}

// unwanted tells on the second pass that nobody asks for a flow between the ends of the
// row; what else the row says is not looked at then.
func (z *zeekReader) unwanted() bool {
	if !z.in.Raw || z.in.Wanted == nil {
		return false
	}
	src, ok := z.address(z.row.text[zeekOrigH])
	dst, known := z.address(z.row.text[zeekRespH])
	return ok && known && z.in.passes(z.place(), netcase.At(src), netcase.At(dst))
}

// zeekDoubt is something odd about a record that may still be accepted.
type zeekDoubt struct {
	field  zeekField
	reason string
}

func (z *zeekReader) doubt(field zeekField, reason string) {
	z.doubts = append(z.doubts, zeekDoubt{field, reason})
}

// place is where the record stands.
func (z *zeekReader) place() netcase.Place {
	return netcase.Place{Line: z.number(), Offset: z.lines.Offset()}
}

// origin is where an event comes from, for the second pass.
type origin struct {
	place                netcase.Place
	raw                  []byte
	context, stamp, zone string
}

// origin notes where the record stands and copies it; nothing on the first pass.
func (z *zeekReader) origin(line []byte) (o origin) {
	if !z.in.Raw {
		return o
	}
	o.place = z.place()
	start := len(z.raws)
	z.raws = append(z.raws, line...)
	o.raw = z.raws[start:len(z.raws):len(z.raws)]
	if z.isTab {
		o.context = z.inherited
	}
	o.stamp = string(z.row.text[zeekTS])
	if z.zoned {
		o.zone = z.in.Location().String()
	}
	return o
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
	if bad, reason := zeekSizes(row, f); reason != "" {
		return zeekFieldNames[bad], reason
	}
	f.Ours = zeekSide(row)
	f.Sensor = z.sensor(row)
	f.Resolution = netcase.ResolutionRaw
	history := readHistory(row.text[zeekHistory])
	f.Reach = zeekReach(row.text[zeekState], history, f, zeekICMPType(f.Proto, row.text[zeekOrigP]))
	f.Continued = f.Proto == netcase.TCP && history.midstream()
	if !z.in.Alone {
		f.Key = zeekKey(row.text[zeekUID], f)
	}
	return "", ""
}

// zeekSizes sets octets and packets.
func zeekSizes(row *zeekRow, f *netcase.Flow) (bad zeekField, reason string) {
	const notCount = "not a count"
	var ok bool
	if f.OctetsOut, ok = parseCount(row.text[zeekOrigBytes]); !ok {
		return zeekOrigBytes, notCount
	}
	if f.OctetsIn, ok = parseCount(row.text[zeekRespBytes]); !ok {
		return zeekRespBytes, notCount
	}
	if f.PacketsOut, ok = parseCount(row.text[zeekOrigPkts]); !ok {
		return zeekOrigPkts, notCount
	}
	if f.PacketsIn, ok = parseCount(row.text[zeekRespPkts]); !ok {
		return zeekRespPkts, notCount
	}
	return zeekNone, ""
}

// times sets start and end.
func (z *zeekReader) times(row *zeekRow, f *netcase.Flow) (bad zeekField, reason string) {
	start, reason := z.instant(row.text[zeekTS])
	if reason != "" {
		return zeekTS, reason
	}
	if start < zeekEarliest*microsecond {
		z.remark(remarkRelative)
	}
	f.Start = max(netcase.Time(start/microsecondMS), 1) // zero would mean that it is not known
	f.End = f.Start
	if row.text[zeekDuration] == nil {
		return zeekNone, ""
	}
	long, ok := parseMicroseconds(row.text[zeekDuration])
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
		t, assumed, ok := parseISO(b, z.in.Location())
		if !ok {
			return 0, "neither seconds since 1970 nor ISO 8601"
		}
		if z.zoned = assumed; assumed {
			z.in.Note("times have no zone: %s is assumed", z.in.Location())
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
// assumed tells that the time has no zone of its own.
func parseISO(b []byte, zone *time.Location) (t time.Time, assumed, ok bool) {
	if len(b) < len("2006-01-02T15:04:05") || b[4] != '-' {
		return time.Time{}, false, false
	}
	s := string(b)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, false, true
		}
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", s, zone)
	return t, true, err == nil
}

// maxWholeSeconds keeps the number of microseconds inside an int64.
const maxWholeSeconds = math.MaxInt64/microsecond - 1

// parseMicroseconds reads a decimal number of seconds; digits beyond the sixth
// decimal are cut.
func parseMicroseconds(b []byte) (int64, bool) {
	if us, ok := shortMicroseconds(b); ok {
		return us, true
	}
	return plainMicroseconds(b)
}

// plainMicroseconds is parseMicroseconds digit by digit.
func plainMicroseconds(b []byte) (int64, bool) {
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

// shortMicroseconds is parseMicroseconds for one to sixteen digits, a point and six
// decimals, which is how Zeek writes seconds.
func shortMicroseconds(b []byte) (us int64, ok bool) {
	const decimals = 6
	point := len(b) - 1 - decimals
	if point < 1 || b[point] != '.' {
		return 0, false
	}
	part, ok := shortNumber(b[point+1:])
	if !ok {
		return 0, false
	}
	head, tail := b[:max(point-8, 0)], b[max(point-8, 0):point]
	whole, ok := shortNumber(tail)
	if len(head) > 0 && ok {
		var high int64
		high, ok = shortNumber(head)
		whole += high * 100_000_000
	}
	return whole*microsecond + part, ok && whole < zeekLatest
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
	if n, ok := shortNumber(b); ok {
		return n, true
	}
	return plainCount(b)
}

// plainCount is parseCount digit by digit.
func plainCount(b []byte) (int64, bool) {
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
	name := row.text[zeekProto]
	switch string(name) {
	case "tcp", "TCP":
		return netcase.TCP, ""
	case "udp", "UDP":
		return netcase.UDP, ""
	case "icmp", "ICMP":
		if bytes.IndexByte(row.text[zeekRespH], ':') >= 0 {
			return netcase.ICMPv6, ""
		}
		return netcase.ICMP, ""
	case "unknown_transport", "":
	default:
		z.doubt(zeekProto, "unknown protocol name")
	}
	return zeekIPProtocol(row.text[zeekIPProto])
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
	if bad, reason := z.end(row, zeekOrigH, zeekOrigP, f.Proto, &f.Src, &f.SrcPort); reason != "" {
		return bad, reason
	}
	return z.end(row, zeekRespH, zeekRespP, f.Proto, &f.Dst, &f.DstPort)
}

// end sets one address and its port.
func (z *zeekReader) end(row *zeekRow, hostAt, portAt zeekField, proto uint8, to *netcase.Endpoint, toPort *uint16) (bad zeekField, reason string) {
	if row.text[hostAt] == nil {
		return hostAt, "missing"
	}
	addr, ok := z.address(row.text[hostAt])
	if !ok {
		return hostAt, "not an address"
	}
	*to = netcase.At(addr)
	if proto == netcase.ICMP || proto == netcase.ICMPv6 {
		return zeekNone, ""
	}
	port, ok := parseCount(row.text[portAt])
	switch {
	case !ok || port > math.MaxUint16:
		return portAt, "not a port"
	case port >= 0:
		*toPort = uint16(port)
	case portAt == zeekRespP && (proto == netcase.TCP || proto == netcase.UDP):
		return portAt, "missing"
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
	if a, ok := shortIPv4(b); ok {
		return a, true
	}
	return plainIPv4(b)
}

// plainIPv4 is parseIPv4 byte by byte.
func plainIPv4(b []byte) (netip.Addr, bool) {
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
	if zeekTrue(row.text[zeekLocalOrig]) {
		s |= netcase.SideSrc
	}
	if zeekTrue(row.text[zeekLocalResp]) {
		s |= netcase.SideDst
	}
	return s
}

func zeekTrue(b []byte) bool { return string(b) == "T" || string(b) == "true" }

// sensor names the sensor. The workers of a cluster share the connections of one
// sensor, so that their counts must be added: they are not told apart.
func (z *zeekReader) sensor(row *zeekRow) string {
	name := row.text[zeekSystem]
	if name == nil {
		name = row.text[zeekNode]
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
	if row.text[zeekSystem] == nil && (bytes.HasPrefix(name, []byte("worker")) || bytes.Contains(name, []byte("-worker"))) {
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
	var word [16]byte
	for ; len(uid) >= 16; uid = uid[16:] {
		h = stir(h, binary.LittleEndian.Uint64(uid), binary.LittleEndian.Uint64(uid[8:]))
	}
	word[15] = byte(copy(word[:15], uid))
	h = stir(h, binary.LittleEndian.Uint64(word[:8]), binary.LittleEndian.Uint64(word[8:]))
	for _, a := range [2]netip.Addr{f.Src.Addr, f.Dst.Addr} {
		b := a.As16()
		h = stir(h, binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:]))
	}
	h = stir(h, uint64(f.Start), uint64(f.SrcPort)<<32|uint64(f.DstPort)<<16|uint64(f.Proto))
	return max(h, 1)
}

// stir mixes two words into a hash, after the way of wyhash.
func stir(h, a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^h^0xa0761d6478bd642f, b^bits.RotateLeft64(h, 32)^0xe7037ed1a0b428db)
	return hi ^ lo
}
