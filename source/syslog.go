package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// syslog reads log files of Unix machines as syslog daemons and journalctl write
// them. What a message means is found by its program: see messages.go.
var syslog = Format{
	Name: "syslog",
	Doc:  "syslog files (RFC 3164 with or without a priority, RFC 3339 times, RFC 5424) and journalctl's short-iso and short-full text: sshd and other logins, sudo, netfilter, ufw, pf",
	Proves: "who tried to log in from where and how it ended, as the service says; of packets what the log prefix or pf's action says; " +
		"never bytes of a session, and firewalls limit how often they log: counts of packets are a lower bound",
	Detect:  detectSyslog,
	Decode:  decodeSyslog,
	Split:   splitSyslog,
	Undated: undatedSyslog,
}

const (
	// syslogLook is how many lines of the head are asked for their shape.
	syslogLook = 200
	// longestTag bounds the name of a program; RFC 3164 allows 32.
	longestTag = 64
	// longestPID bounds what stands in brackets behind the program.
	longestPID = 128
)

// detectSyslog wants most lines to have a time and a program, and to carry none of
// the formats that other readers know.
func detectSyslog(head []byte) (bool, string) {
	var m message
	var s stamp
	lines, good := 0, 0
	eachHeadLine(head, func(line []byte) {
		lines++
		s = stamp{}
		if scanMessage(line, &m, &s) == "" && len(m.program) > 0 && foreignMessage(m.text) == "" && !foreignDevice(line, &m) {
			good++
		}
	})
	switch {
	case lines == 0:
		return false, "it has no lines"
	case 2*good <= lines:
		return false, "most lines are no syslog messages: a time, a host and a program with a colon are expected"
	}
	return true, ""
}

// eachHeadLine calls each for the first lines of the head that say something,
// without the one that the head cuts off.
func eachHeadLine(head []byte, each func(line []byte)) {
	head = bytes.TrimPrefix(head, []byte(bomUTF8))
	if len(head) >= HeadSize {
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	for n := 0; len(head) > 0 && n < syslogLook; {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte{'\n'})
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 || line[0] == '#' || bytes.HasPrefix(line, []byte("-- ")) {
			continue
		}
		n++
		each(line)
	}
}

// foreignMessage names the format of another device that a message carries.
func foreignMessage(text []byte) string {
	for _, mark := range [...]string{"CEF:0|", "CEF:1|", "LEEF:", "devname=", "%ASA-", "%FTD-"} {
		if i := bytes.Index(text, []byte(mark)); i >= 0 && i < 64 {
			return mark
		}
	}
	if len(text) > 0 && text[0] == '{' {
		return "JSON"
	}
	return ""
}

// foreignDevice tells the messages of firewalls whose mark stands where a program or
// structured data would.
func foreignDevice(line []byte, m *message) bool {
	return m.program[0] == '%' || bytes.Contains(line, []byte(`[action:"`))
}

// undatedSyslog tells whether the first message lacks its year.
func undatedSyslog(head []byte) bool {
	undated, found := false, false
	var m message
	eachHeadLine(head, func(line []byte) {
		var s stamp
		if !found && scanMessage(line, &m, &s) == "" {
			undated, found = s.year == 0, true
		}
	})
	return undated
}

// splitSyslog: a stream without years is read from its start, because the year of
// a message follows from the message before.
func splitSyslog(head []byte) *Split {
	if undatedSyslog(head) {
		return nil
	}
	return &Split{Cut: cutBetweenLogins}
}

// syslogReader reads the lines of one stream.
type syslogReader struct {
	messages
	lines *Lines
	clock wallClock
}

func decodeSyslog(ctx context.Context, in *Input, out Sink) error {
	look, _, err := readUpTo(in.R, nil, firstLook)
	if err != nil {
		return err
	}
	r := &syslogReader{lines: NewLines(io.MultiReader(bytes.NewReader(look), in.R))}
	r.begin(in, out, "syslog")
	r.clock = wallClock{in: in}
	r.clock.look(look)
	for r.lines.Next() {
		r.guarded(r.line)
		if err := r.flush(ctx, BatchSize); err != nil {
			return err
		}
	}
	r.held.release(&r.messages)
	r.clock.tell()
	if err := r.flush(ctx, 1); err != nil {
		return err
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", r.lines.Number()+in.From.Line, err)
	}
	return nil
}

// line takes one line of the stream.
func (r *syslogReader) line(m *message) {
	line := r.lines.Bytes()
	m.raw = line
	m.place = netcase.Place{Line: r.in.From.Line + r.lines.Number(), Offset: r.in.From.Offset + r.lines.Offset()}
	if r.lines.TooLong() {
		r.in.Reject(m.place.Line, 0, "", csvTooLong, line)
		return
	}
	if m.place.Line == 1 {
		line = bytes.TrimPrefix(line, []byte(bomUTF8))
	}
	line = bytes.TrimRight(line, " \t")
	if len(line) == 0 {
		return
	}
	if line[0] == '#' || bytes.HasPrefix(line, []byte("-- ")) { // journalctl's "-- Boot … --"
		r.in.Skip("a comment")
		return
	}
	var s stamp
	if reason := scanMessage(line, m, &s); reason != "" {
		r.in.Reject(m.place.Line, 0, "", reason, line)
		return
	}
	at, zone, reason := r.clock.instant(&s)
	if reason != "" {
		r.in.Reject(m.place.Line, 0, "time", reason, line)
		return
	}
	m.at, m.zone = at, zone
	r.take(m)
}

// scanMessage takes a line apart: time, host, program, process id and text. A
// reason tells why it is no message of syslog.
func scanMessage(line []byte, m *message, s *stamp) (reason string) {
	m.host, m.program, m.pid = nil, nil, nil
	rest, version := afterPriority(line)
	if version {
		return scanRFC5424(rest, m, s)
	}
	if len(rest) > 0 && rest[0] == '[' {
		return scanKernelRing(rest, m, s)
	}
	n := s.scan(rest)
	if n == 0 {
		return "it does not begin with a time"
	}
	m.stamp = rest[:n]
	rest = trimSpaces(rest[n:])
	if len(rest) > 0 && rest[0] == '<' { // FreeBSD's syslogd -v: <4.3> or <auth.info>
		if i := bytes.IndexByte(rest, '>'); i > 0 && i < 24 {
			rest = trimSpaces(rest[i+1:])
		}
	}
	if bytes.HasPrefix(rest, []byte("rule ")) { // tcpdump's text of pflog has no host
		m.program, m.text = []byte("pf"), rest
		return ""
	}
	return scanTagged(rest, m, s)
}

// scanTagged reads "host program[pid]: text"; some files lack the host.
func scanTagged(rest []byte, m *message, s *stamp) string {
	first, after := word(rest)
	if !isTag(first) {
		rest = trimSpaces(after)
		if !isPriorityName(first) {
			m.host = first
			if level, after := word(rest); isPriorityName(level) {
				rest = trimSpaces(after)
			}
		}
	}
	tagged := scanTag(rest, m)
	if packetAlone(rest, m, tagged) {
		m.program, m.pid, m.text = programKernel, nil, rest
		return ""
	}
	if tagged {
		if s.spaced && len(m.pid) == 0 && string(m.program) != "kernel" {
			return "it is no syslog message" // the log of some application, with a level where the host should stand
		}
		return ""
	}
	m.program, m.text = nil, rest
	if s.spaced {
		return "no program with a colon follows the time"
	}
	return "" // the daemon's own remarks, and what RFC 3164 allows without a tag
}

// programKernel is the program that packets are logged by.
var programKernel = []byte("kernel")

// packetAlone tells a logged packet before which only the prefix of its rule stands, as
// ulogd writes it to a file of its own.
func packetAlone(rest []byte, m *message, tagged bool) bool {
	if tagged && (len(m.pid) > 0 || !bytes.HasPrefix(m.text, []byte("IN="))) {
		return false
	}
	i := bytes.Index(rest[:min(len(rest), longestTag+len("IN="))], []byte("IN="))
	if i < 0 || i > 0 && rest[i-1] != ' ' {
		return false
	}
	return bytes.Contains(rest, []byte(" SRC=")) && bytes.Contains(rest, []byte(" DST=")) && bytes.Contains(rest, []byte(" PROTO="))
}

// isPriorityName tells "authpriv.warn", which busybox and OpenWrt write before the
// program, where they write a host in front of it or none at all.
func isPriorityName(b []byte) bool {
	facility, level, ok := bytes.Cut(b, []byte{'.'})
	if !ok || len(b) > len("authpriv.warning") {
		return false
	}
	switch string(level) {
	case "emerg", "alert", "crit", "err", "warn", "warning", "notice", "info", "debug":
	default:
		return false
	}
	switch string(facility) {
	case "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7":
		return true
	}
	return false
}

// isTag tells a program from a host: "sshd[1]:", "sshd:", "[sshd]", "[sshd]:".
func isTag(b []byte) bool {
	n := len(b)
	if n < 2 {
		return false
	}
	return b[n-1] == ':' || b[n-1] == ']' && (b[0] == '[' || bytes.IndexByte(b, '[') > 0)
}

// scanTag reads "program[pid]: text".
func scanTag(rest []byte, m *message) bool {
	if len(rest) > 2 && rest[0] == '[' {
		end := bytes.IndexByte(rest, ']')
		if end < 2 || end > longestTag {
			return false
		}
		m.program = rest[1:end]
		m.text = trimSpaces(bytes.TrimPrefix(rest[end+1:], []byte{':'}))
		return isProgram(m.program)
	}
	for i, b := range rest[:min(len(rest), longestTag+1)] {
		switch b {
		case ':':
			m.program, m.text = rest[:i], trimSpaces(rest[i+1:])
			return i > 0 && (i+1 == len(rest) || rest[i+1] == ' ')
		case '[':
			end := bytes.IndexByte(rest[i:min(len(rest), i+longestPID)], ']')
			if i == 0 || end < 1 {
				return false
			}
			m.program, m.pid = rest[:i], rest[i+1:i+end]
			text := rest[i+end+1:]
			if len(text) > 0 && text[0] == ':' {
				text = text[1:]
			}
			m.text = trimSpaces(text)
			return true
		case ' ', '\t', '=', '"', '{':
			return false
		}
	}
	return false
}

// isProgram tells a program in brackets from a level or a number.
func isProgram(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c == '-' || c == '_') {
			return false
		}
	}
	return len(b) > 0
}

// afterPriority passes over <PRI>; version tells that a 1 follows, as in RFC 5424.
func afterPriority(line []byte) (rest []byte, version bool) {
	if len(line) < 3 || line[0] != '<' {
		return line, false
	}
	end := bytes.IndexByte(line[:min(len(line), 5)], '>')
	if end < 2 {
		return line, false
	}
	for _, b := range line[1:end] {
		if !isDigit(b) {
			return line, false
		}
	}
	rest = line[end+1:]
	if bytes.HasPrefix(rest, []byte("1 ")) {
		return rest[2:], true
	}
	return trimSpaces(rest), false
}

// scanRFC5424 reads "TIME HOST PROGRAM PID MSGID STRUCTURED-DATA TEXT".
func scanRFC5424(rest []byte, m *message, s *stamp) string {
	var fields [5][]byte
	for i := range fields {
		fields[i], rest = word(rest)
		if len(fields[i]) == 0 {
			return "a field of RFC 5424 is missing"
		}
		rest = trimSpaces(rest)
	}
	if n := s.scan(fields[0]); n == 0 || n != len(fields[0]) {
		return "it does not begin with a time"
	}
	m.stamp = fields[0]
	m.host, m.program, m.pid = orNil(fields[1]), orNil(fields[2]), orNil(fields[3])
	m.text = trimSpaces(bytes.TrimPrefix(afterStructured(rest), []byte(bomUTF8)))
	return ""
}

// orNil is a field of RFC 5424, nil where it is "-".
func orNil(field []byte) []byte {
	if len(field) == 1 && field[0] == '-' {
		return nil
	}
	return field
}

// afterStructured passes over the structured data: "-" or "[id key="value"]…",
// where ] may stand inside quotes.
func afterStructured(rest []byte) []byte {
	if len(rest) > 0 && rest[0] == '-' {
		return trimSpaces(rest[1:])
	}
	for len(rest) > 0 && rest[0] == '[' {
		quoted, end := false, len(rest)
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' && quoted {
				i++
				continue
			}
			if rest[i] == '"' {
				quoted = !quoted
			}
			if rest[i] == ']' && !quoted {
				end = i + 1
				break
			}
		}
		rest = rest[end:]
	}
	return trimSpaces(rest)
}

// scanKernelRing reads a line of dmesg -T: "[Tue Mar  4 10:05:33 2025] text".
func scanKernelRing(rest []byte, m *message, s *stamp) string {
	end := bytes.IndexByte(rest[:min(len(rest), 40)], ']')
	if end < 0 {
		return "it does not begin with a time"
	}
	m.stamp = rest[1:end]
	if n := s.scan(m.stamp); n == 0 || n != len(m.stamp) {
		return "seconds since the machine started, and no time"
	}
	m.program, m.text = []byte("kernel"), trimSpaces(rest[end+1:])
	return ""
}

// word is what stands before the first space, and the rest from the space on.
func word(b []byte) (first, rest []byte) {
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

func trimSpaces(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// stamp is a time as it stands before a message.
type stamp struct {
	year, month, day  int // year 0: not stated
	hour, minute, sec int
	ms                int
	offset            int  // seconds east of UTC, where zoned
	zoned             bool // the stamp states its zone
	spaced            bool // date and time are separated by a space: many programs do that
	named             bool // a zone is named by an abbreviation that is not UTC
}

// scan reads a time at the start of b and gives its length, 0 where there is none.
func (s *stamp) scan(b []byte) int {
	p := stampText{b: b}
	switch {
	case len(b) < 14:
		return 0
	case isDigit(b[0]):
		if !p.iso(s) {
			return 0
		}
	default:
		if p.weekday() && p.i < len(b) && isDigit(b[p.i]) {
			if !p.iso(s) { // short-full: Tue 2025-03-04 10:05:33 UTC
				return 0
			}
			s.spaced = false
			p.abbreviation(s)
			break
		}
		if !p.classic(s) {
			return 0
		}
	}
	if s.month < 1 || s.month > 12 || s.day < 1 || s.day > 31 || s.hour > 23 || s.minute > 59 || s.sec > 60 {
		return 0
	}
	s.sec = min(s.sec, 59) // a leap second
	if p.i < len(b) && b[p.i] == ':' {
		p.i++ // some relays put a colon behind the time
	}
	return p.i
}

// stampText is a time while it is read from left to right.
type stampText struct {
	b []byte
	i int
}

func (p *stampText) at(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// digits takes from least to most digits.
func (p *stampText) digits(least, most int) (v int, ok bool) {
	start := p.i
	for ; p.i < len(p.b) && p.i-start < most && isDigit(p.b[p.i]); p.i++ {
		v = 10*v + int(p.b[p.i]-'0')
	}
	return v, p.i-start >= least
}

// iso reads 2025-03-04T10:05:33.123456+01:00 and what is like it.
func (p *stampText) iso(s *stamp) bool {
	var ok [3]bool
	s.year, ok[0] = p.digits(4, 4)
	if !ok[0] || !p.at('-') {
		return false
	}
	s.month, ok[1] = p.digits(2, 2)
	if !ok[1] || !p.at('-') {
		return false
	}
	s.day, ok[2] = p.digits(2, 2)
	if !ok[2] {
		return false
	}
	if !p.at('T') {
		s.spaced = true
		if !p.at(' ') {
			return false
		}
	}
	return p.clock(s) && p.zone(s)
}

// clock reads 10:05:33 and a fraction.
func (p *stampText) clock(s *stamp) bool {
	var a, b, c bool
	s.hour, a = p.digits(1, 2)
	if !a || !p.at(':') {
		return false
	}
	s.minute, b = p.digits(2, 2)
	if !b || !p.at(':') {
		return false
	}
	s.sec, c = p.digits(2, 2)
	if c && p.i+1 < len(p.b) && (p.b[p.i] == '.' || p.b[p.i] == ',') && isDigit(p.b[p.i+1]) {
		p.i++
		scale := 100
		for ; p.i < len(p.b) && isDigit(p.b[p.i]); p.i++ {
			s.ms += int(p.b[p.i]-'0') * scale
			scale /= 10
		}
	}
	return c
}

// zone reads Z, +01:00, +0100 or +01, where there is one.
func (p *stampText) zone(s *stamp) bool {
	if p.at('Z') {
		s.zoned = true
		return true
	}
	if p.i >= len(p.b) || p.b[p.i] != '+' && p.b[p.i] != '-' {
		return true
	}
	sign := 1
	if p.b[p.i] == '-' {
		sign = -1
	}
	p.i++
	hours, ok := p.digits(2, 2)
	if !ok {
		return false
	}
	p.at(':')
	minutes, _ := p.digits(2, 2)
	if hours > 14 || minutes > 59 {
		return false
	}
	s.zoned, s.offset = true, sign*(hours*3600+minutes*60)
	return true
}

// abbreviation reads the zone of short-full. Only UTC is told by its letters.
func (p *stampText) abbreviation(s *stamp) {
	start := p.i
	if s.zoned || !p.at(' ') {
		return
	}
	from := p.i
	for p.i < len(p.b) && p.b[p.i] >= 'A' && p.b[p.i] <= 'Z' {
		p.i++
	}
	switch letters := string(p.b[from:p.i]); {
	case letters == "UTC" || letters == "GMT":
		s.zoned = true
	case len(letters) >= 3 && len(letters) <= 5 && p.i < len(p.b) && p.b[p.i] == ' ':
		s.named = true
	case letters == "" && p.zone(s) && s.zoned:
	default:
		p.i = start
	}
}

// weekday passes over "Tue " or "Tue, ".
func (p *stampText) weekday() bool {
	if len(p.b) < 5 || p.b[3] != ' ' && p.b[3] != ',' || !isWeekday(p.b[:3]) {
		return false
	}
	p.i = 3
	p.at(',')
	for p.at(' ') {
	}
	return true
}

func isWeekday(b []byte) bool {
	switch string(b) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// classic reads "Mar  4 10:05:33", with a year behind the day or behind the clock
// where a device writes one.
func (p *stampText) classic(s *stamp) bool {
	if p.i+3 > len(p.b) {
		return false
	}
	if s.month = monthOfName(p.b[p.i : p.i+3]); s.month == 0 {
		return false
	}
	p.i += 3
	for p.at(' ') {
	}
	var ok bool
	if s.day, ok = p.digits(1, 2); !ok || !p.at(' ') {
		return false
	}
	if p.i+4 < len(p.b) && isDigit(p.b[p.i+2]) { // Mar  4 2025 10:05:33
		if s.year, ok = p.digits(4, 4); !ok || !p.at(' ') {
			return false
		}
	}
	if !p.clock(s) || !p.zone(s) {
		return false
	}
	if s.year == 0 && p.i+5 <= len(p.b) && p.b[p.i] == ' ' && (p.i+5 == len(p.b) || p.b[p.i+5] == ' ') {
		if y, err := strconv.Atoi(string(p.b[p.i+1 : p.i+5])); err == nil && y >= firstYear && y <= lastYear {
			s.year = y
			p.i += 5
		}
	}
	return true
}

func monthOfName(b []byte) int {
	switch string(b) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// wallClock turns stamps into instants: it supplies the zone, and the year where
// stamps lack it.
type wallClock struct {
	in       *Input
	before   int64     // day since 1970 of the message before; 0: there is none
	leap     bool      // a 29 February stands in the head
	begins   int64     // day since 1970 on which the journal begins by its first line; 0: it has none
	ends     int64     // and the day on which it ends
	from, to int       // years that were supplied
	assumed  bool      // a zone was
	named    bool      // a zone is named by an abbreviation
	key      [5]int    // of the hour below
	hour     time.Time // where the hour of the last stamp began
}

const (
	// disorder is how many days a message may be older than the one before; a
	// larger step back is the turn of a year.
	disorder = 92
	// noYear stands for the year where nothing tells it. It is a leap year, the first
	// that can be read, and so far from any incident that nobody takes it for real.
	noYear = firstYear
)

// look learns from the head when the journal was, and whether the file has a 29 February.
func (c *wallClock) look(head []byte) {
	first, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte(bomUTF8)), []byte{'\n'})
	c.begins, c.ends = journalDays(first)
	for len(head) > 0 && !c.leap {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte{'\n'})
		line, _ = afterPriority(line)
		var s stamp
		c.leap = s.scan(line) > 0 && s.year == 0 && s.month == 2 && s.day == 29
	}
}

// journalDays reads the line that journalctl writes first: "-- Logs begin at Mon
// 2025-10-20 00:00:00 CEST, end at Tue 2025-10-21 09:00:00 CEST. --". Zero: it is none.
func journalDays(line []byte) (begins, ends int64) {
	if !bytes.HasPrefix(line, []byte("-- ")) {
		return 0, 0
	}
	_, rest, a := bytes.Cut(line, []byte(" begin"))
	rest, last, b := bytes.Cut(rest, []byte(", end"))
	begins, ends = dayWithin(rest), dayWithin(last)
	if !a || !b || begins == 0 || ends < begins {
		return 0, 0
	}
	return begins, ends
}

// dayWithin is the day since 1970 of the first date in a text, 0 where there is none.
func dayWithin(text []byte) int64 {
	for _, w := range bytes.Fields(text) {
		if len(w) != len("2025-10-20") || w[4] != '-' || w[7] != '-' {
			continue
		}
		year, a := wholeIn(w[:4])
		month, b := wholeIn(w[5:7])
		day, d := wholeIn(w[8:])
		if a && b && d && year >= firstYear && year <= lastYear && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(int(year), int(month)) {
			return daysSince1970(year, month, day)
		}
	}
	return 0
}

// ofJournal is the year of the first message where the journal says when it was: that of
// its first day where the message is of it, else the last in which it is not too late.
func (c *wallClock) ofJournal(s *stamp) (year int, ok bool) {
	if c.ends == 0 {
		return 0, false
	}
	first, last := time.Unix(c.begins*86400, 0).UTC(), time.Unix(c.ends*86400, 0).UTC()
	if int(first.Month()) == s.month && first.Day() == s.day {
		return first.Year(), true
	}
	if year = last.Year(); daysSince1970(int64(year), int64(s.month), int64(s.day)) > c.ends {
		year--
	}
	return year, true
}

// instant is the time of a stamp, and the name of the zone that was assumed.
func (c *wallClock) instant(s *stamp) (at netcase.Time, zone, reason string) {
	year := s.year
	if year == 0 {
		year = c.year(s)
	}
	switch {
	case year < firstYear || year > lastYear:
		return 0, "", errTimeRange.Error()
	case s.day > 28 && int64(s.day) > daysIn(year, s.month):
		if s.year == 0 && s.month == 2 && s.day == 29 {
			return 0, "", fmt.Sprintf("29 February, and the year is taken to be %d", year)
		}
		return 0, "", "no such day"
	}
	day := daysSince1970(int64(year), int64(s.month), int64(s.day))
	if s.year == 0 {
		c.supplied(year)
	}
	c.before = day
	if s.zoned {
		return netcase.Time((day*86400+int64(s.hour*3600+s.minute*60+s.sec-s.offset))*1000 + int64(s.ms)), "", ""
	}
	c.assumed = true
	c.named = c.named || s.named
	location := c.in.Location()
	rest := time.Duration(s.minute*60+s.sec)*time.Second + time.Duration(s.ms)*time.Millisecond
	if key := [5]int{1, year, s.month, s.day, s.hour}; key != c.key {
		c.key, c.hour = key, time.Date(year, time.Month(s.month), s.day, s.hour, 0, 0, 0, location)
	}
	return netcase.TimeOf(c.hour.Add(rest)), location.String(), ""
}

func (c *wallClock) supplied(year int) {
	if c.from == 0 || year < c.from {
		c.from = year
	}
	c.to = max(c.to, year)
}

// year supplies the year of a stamp: for the first message the one that brings it
// nearest to the other inputs, then the first in which it is not much older than
// the message before.
func (c *wallClock) year(s *stamp) int {
	if c.before == 0 {
		return c.firstYear(s)
	}
	first := c.before - disorder
	year := time.Unix(first*86400, 0).UTC().Year()
	if daysSince1970(int64(year), int64(s.month), int64(s.day)) < first {
		year++
	}
	return year
}

func (c *wallClock) firstYear(s *stamp) int {
	if year, ok := c.ofJournal(s); ok {
		return year
	}
	near := daysSince1970(noYear, 7, 1)
	if middle := c.near(); middle.Known() {
		near = int64(middle.Truncate(netcase.Day) / netcase.Day)
	}
	around := time.Unix(near*86400, 0).UTC().Year()
	best, distance := around, int64(-1)
	for year := max(around-4, noYear); year <= around+4; year++ {
		if c.leap && !isLeap(c.leapYear(year, s)) {
			continue
		}
		d := daysSince1970(int64(year), int64(s.month), int64(s.day)) - near
		if d = max(d, -d); distance < 0 || d < distance {
			best, distance = year, d
		}
	}
	return best
}

// near is the middle of the other inputs.
func (c *wallClock) near() netcase.Time {
	n := c.in.Near
	switch {
	case !n.Start.Known():
		return n.End
	case !n.End.Known():
		return n.Start
	}
	return n.Start + (n.End-n.Start)/2
}

// leapYear is the year of the first 29 February of a file that begins in year.
func (c *wallClock) leapYear(year int, s *stamp) int {
	if s.month > 2 {
		return year + 1
	}
	return year
}

func isLeap(year int) bool { return daysIn(year, 2) == 29 }

// tell says what was assumed.
func (c *wallClock) tell() {
	if c.from > 0 {
		years := strconv.Itoa(c.from)
		if c.to > c.from {
			years += " to " + strconv.Itoa(c.to)
		}
		switch why := c.in.NearWhy; {
		case c.ends != 0:
			c.in.Note("times have no year: %s follows from what the first line says of the journal", years)
		case !c.near().Known():
			c.in.Note("times have no year, and no other input tells it: %s stands for it, day and hour are as written", years)
		case why != "":
			c.in.Note("times have no year: %s is assumed, nearest to %s; a file longer than a year cannot be told", years, why)
		default:
			c.in.Note("times have no year: %s is assumed, nearest to the other inputs; a file longer than a year cannot be told", years)
		}
	}
	if c.named {
		c.in.Note("times name their zone by letters that several zones share: %s is assumed", c.in.Location())
	} else if c.assumed {
		c.in.Note("times have no zone: %s is assumed", c.in.Location())
	}
}

// programName is the name of a program without its path.
func programName(tag []byte) []byte {
	if len(tag) > 0 && tag[0] == '/' {
		tag = tag[bytes.LastIndexByte(tag, '/')+1:]
	}
	return tag
}

// printableProgram bounds the name of a program for a reason.
func printableProgram(tag []byte) string {
	name := Printable(string(tag[:min(len(tag), 32)]))
	if i := strings.IndexAny(name, "0123456789"); i > 3 {
		name = name[:i] // numbered workers are one program
	}
	return name
}
