package source

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"netcase"
)

// What the formats of firewalls share: how a message of a device stands behind a
// header of syslog, how its fields are asked for by name, and how what it says
// becomes an event. What a vendor's words mean stands in the vendor's own file, for
// its native log and for CEF, LEEF and CommonSecurityLog alike.

// devField is one field of a record by the name that the device gives it: as it
// stands in the record, or as a carrier with names of its own is read.
type devField struct {
	key   []byte
	name  string
	value []byte
}

// devFields are the fields of a record, in its order.
type devFields []devField

// maxDevFields bounds the fields of one record that are looked at.
const maxDevFields = 512

// get is the first field that is called one of the names and says something.
func (x devFields) get(names ...string) []byte {
	for _, name := range names {
		for i := range x {
			if (x[i].name == name || string(x[i].key) == name) && !blank(x[i].value) {
				return x[i].value
			}
		}
	}
	return nil
}

// devKind is what a record became.
type devKind uint8

const (
	devSkip devKind = iota
	devReject
	devFlow
	devAlert
	devLogin
	devQueried
)

// devEvent is what one record says.
type devEvent struct {
	kind   devKind
	why    string // of a record that is skipped or rejected
	field  string // that is at fault
	family string // of the sensor: the vendor's, whatever carried the record
	device []byte // the firewall's name; nil: as the carrier names it
	serial []byte // its number or address, where nothing names it
	at     netcase.Time
	stamp  []byte // the time as the record spells it
	zone   string // that was assumed for it
	flow   netcase.Flow
	alert  netcase.Alert
	login  netcase.Login
	query  netcase.Query
	key    uint64
}

// devCarried is what the carrier says of a record.
type devCarried struct {
	at    netcase.Time
	stamp []byte
	zone  string
	host  []byte
	place netcase.Place
	raw   []byte
}

// devReading makes events of the records of firewalls.
type devReading struct {
	in      *Input
	batch   *netcase.Batch
	texts   names
	sensors map[string]string
	ev      devEvent
	named   devFields // of the record at hand, by the vendor's own names
	sums    map[string]int64

	assumed, lettered bool // a zone was assumed, for a time that names one by letters
}

func (r *devReading) begin(in *Input, batch *netcase.Batch) {
	r.in, r.batch = in, batch
	r.texts, r.sensors, r.sums = names{}, map[string]string{}, map[string]int64{}
}

// tell says what was assumed, and hands the counts to Join.
func (r *devReading) tell() {
	if r.lettered {
		r.in.Note("times name their zone by letters that several zones share: %s is assumed", r.in.Location())
	} else if r.assumed {
		r.in.Note("times have no zone: %s is assumed", r.in.Location())
	}
	for name, n := range r.sums {
		r.in.Sum(name, n)
	}
}

// text keeps one copy of a word that recurs.
func (r *devReading) text(b []byte) string { return r.texts.in(b, maxName) }

func (r *devReading) skip(why string) { r.ev.kind, r.ev.why = devSkip, why }
func (r *devReading) reject(field, why string) {
	r.ev.kind, r.ev.field, r.ev.why = devReject, field, why
}
func (r *devReading) word(b []byte) string       { return strings.ToLower(r.texts.in(b, 64)) }
func (r *devReading) shown(b []byte) string      { return Printable(r.texts.in(b, 64)) }
func (r *devReading) rejectAddress(field string) { r.reject(field, "not an address") }

// newFlow begins a flow without sizes.
func (r *devReading) newFlow() *netcase.Flow {
	r.ev.kind = devFlow
	r.ev.flow = netcase.Flow{OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent}
	return &r.ev.flow
}

// ends reads who spoke to whom; false: the record was rejected.
func (r *devReading) ends(f *netcase.Flow, src, sport, dst, dport, proto []byte) bool {
	var ok bool
	if !blank(src) {
		if f.Src.Addr, ok = addressIn(src); !ok {
			r.rejectAddress("source address")
			return false
		}
	}
	if !blank(dst) {
		if f.Dst.Addr, ok = addressIn(dst); !ok {
			r.rejectAddress("destination address")
			return false
		}
	}
	if !f.Src.Known() || !f.Dst.Known() {
		r.reject("", "a session without the address of both ends")
		return false
	}
	if f.SrcPort, ok = portIn(sport); !ok {
		r.reject("source port", "not a port")
		return false
	}
	if f.DstPort, ok = portIn(dport); !ok {
		r.reject("destination port", "not a port")
		return false
	}
	r.protocol(f, proto)
	return true
}

// protocol reads the protocol, behind which some devices write the service
// ("tcp/https"). ICMP has no ports, whatever devices put there.
func (r *devReading) protocol(f *netcase.Flow, text []byte) {
	text, _, _ = bytes.Cut(text, []byte{'/'})
	proto, ok := protocolIn(text)
	if !ok {
		proto, ok = protocolNamed(bytes.ToUpper(text[:min(len(text), 16)]))
	}
	switch {
	case ok:
		f.Proto = proto
	case len(text) == 0 && f.DstPort != 0:
		f.Proto = customaryProtocol(f.DstPort)
		r.sums[sumProtocol]++
	}
	if f.Proto == netcase.ICMP && f.Dst.Addr.Is6() {
		f.Proto = netcase.ICMPv6
	}
	if f.Proto == netcase.ICMP || f.Proto == netcase.ICMPv6 {
		f.SrcPort, f.DstPort = 0, 0
	}
}

// size reads a counter; false: the record was rejected.
func (r *devReading) size(into *int64, field string, cell []byte) bool {
	n, present, ok := countIn(cell)
	if !ok || n > maxSize {
		r.reject(field, "not a count")
		return false
	}
	if *into = n; !present {
		*into = netcase.Absent
	}
	return true
}

// devAnswered is the reach of a session that was let pass, by its counters: no source
// proves more with them than that something came back.
func devAnswered(f *netcase.Flow) netcase.Reach {
	out, back := max(f.OctetsOut, f.PacketsOut), max(f.OctetsIn, f.PacketsIn)
	switch {
	case back == netcase.Absent:
		return netcase.ReachAllowed
	case back == 0 || f.OctetsIn == 0 || f.PacketsIn == 0:
		return netcase.ReachNoReply
	case out <= 0 || f.OctetsOut == 0 || f.PacketsOut == 0:
		return netcase.ReachAllowed
	}
	return netcase.ReachBidirectional
}

// onlyReset tells that all that came back is one packet, which is the reset that the
// record tells of.
func onlyReset(f *netcase.Flow) bool {
	return f.PacketsIn == 1 || f.PacketsIn == netcase.Absent && f.OctetsIn > 0 && f.OctetsIn <= longestReset
}

// longestReset is the length of a frame with a TCP reset and nothing else.
const longestReset = 74

// seconds reads a duration in whole or broken seconds; ok is false where there is none.
func seconds(cell []byte) (d netcase.Time, ok bool) {
	if blank(cell) {
		return 0, false
	}
	v, fine := numberIn(cell)
	if !fine || v > longestSession {
		return 0, false
	}
	return netcase.Time(math.Round(v)) * netcase.Second, true
}

// longestSession bounds a duration that is believed: ten years, in seconds.
const longestSession = 10 * 366 * 86400

// devKey is the natural key of a session: what its reports, by whatever carrier, share.
func devKey(family string, f *netcase.Flow, more ...[]byte) uint64 {
	d := newDigest(family).number(uint64(f.End / netcase.Second)).addr(f.Src.Addr).addr(f.Dst.Addr)
	d = d.number(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)<<8 | uint64(f.Reach))
	d = d.number(uint64(f.OctetsOut)).number(uint64(f.OctetsIn)).number(uint64(f.Flows))
	for _, part := range more {
		d = d.bytes(part)
	}
	return d.key()
}

// deliver counts the record exactly once and hands over what it became.
func (r *devReading) deliver(c *devCarried) {
	e := &r.ev
	if e.kind > devReject && !e.at.Known() {
		if e.at, e.stamp, e.zone = c.at, c.stamp, c.zone; !e.at.Known() {
			r.reject("time", "no time")
		}
	}
	switch e.kind {
	case devSkip:
		r.in.Skip(e.why)
	case devReject:
		r.in.Reject(c.place.Line, c.place.Item, e.field, e.why, c.raw)
	case devFlow:
		r.deliverFlow(c)
	case devAlert:
		a := e.alert
		a.Time, a.Sensor = e.at, r.sensor(c)
		if r.in.Raw {
			a.Place, a.Raw, a.Stamp, a.Zone = c.place, bytes.Clone(c.raw), nameIn(e.stamp, maxTimeText), e.zone
		}
		r.in.AcceptAlert(r.batch, a)
	case devLogin:
		l := e.login
		l.Time, l.Sensor, l.Key = e.at, r.sensor(c), e.key
		if r.in.Raw {
			l.Place, l.Raw, l.Stamp, l.Zone = c.place, bytes.Clone(c.raw), nameIn(e.stamp, maxTimeText), e.zone
		}
		if !l.Host.Known() {
			l.Host = devHost(firstOf(e.device, c.host, e.serial))
		}
		r.in.AcceptLogin(r.batch, l)
	case devQueried:
		q := e.query
		q.Time, q.Sensor = e.at, r.sensor(c)
		if r.in.Raw {
			q.Place, q.Raw, q.Stamp, q.Zone = c.place, bytes.Clone(c.raw), nameIn(e.stamp, maxTimeText), e.zone
		}
		r.in.AcceptQuery(r.batch, q)
	}
}

// devHost is the firewall itself, where somebody logs in to it.
func devHost(name []byte) netcase.Endpoint {
	if blank(name) {
		return netcase.Endpoint{}
	}
	return namedEnd(name)
}

func (r *devReading) deliverFlow(c *devCarried) {
	e := &r.ev
	f := &e.flow
	if !f.Start.Known() || f.Start > e.at && !f.End.Known() {
		f.Start = e.at
	}
	if f.Resolution.Aggregated() { // written at the end of the interval that it counts
		f.Start, f.End = e.at-netcase.Time(f.Resolution)*60*netcase.Second, e.at
		f.Booked = f.Start
	}
	f.End = max(f.Start, f.End)
	f.Flows = max(f.Flows, 1)
	f.Sensor = r.sensor(c)
	if f.Key = e.key; f.Key == 0 {
		f.Key = devKey(e.family, f)
	}
	if r.in.Raw && r.wanted(f) {
		f.Place, f.Raw, f.Stamp, f.Zone = c.place, bytes.Clone(c.raw), nameIn(e.stamp, maxTimeText), e.zone
	}
	r.in.Accept(r.batch, *f)
}

// wanted tells whether the bytes of a flow may be asked for.
func (r *devReading) wanted(f *netcase.Flow) bool {
	w := r.in.Wanted
	return w == nil || w(f.Src, f.Dst) || w(f.Dst, f.Src)
}

// sensor names the firewall: by itself, else as the carrier names it.
func (r *devReading) sensor(c *devCarried) string {
	device := firstOf(r.ev.device, c.host, r.ev.serial)
	if blank(device) {
		return r.ev.family
	}
	device = device[:min(len(device), maxName)]
	name := r.ev.family + "/" + Printable(string(device))
	if sensor, ok := r.sensors[name]; ok {
		return sensor
	}
	if len(r.sensors) >= maxSensors {
		r.in.Note("the input names more than %d sensors; the rest count as one", maxSensors)
		return r.ev.family
	}
	r.sensors[name] = name
	return name
}

// time reads a time of the record itself. Not known: it is none.
func (r *devReading) time(text []byte) (at netcase.Time, zone string) {
	if len(text) == 0 || len(text) > maxTimeText {
		return 0, ""
	}
	reader := timeReader{zone: r.in.Location(), settled: true}
	at, err := reader.parse(text, nil)
	if err != nil {
		bare, offset, known := zoneLetters(text)
		if len(bare) == len(text) {
			return 0, ""
		}
		var location *time.Location
		if known {
			location = time.FixedZone("", offset)
		}
		if at, err = reader.parse(bare, location); err != nil {
			return 0, ""
		}
		r.lettered = r.lettered || !known
	}
	if reader.assumedZone {
		r.assumed = true
		return at, r.in.Location().String()
	}
	return at, ""
}

// zoneLetters cuts the letters of a zone off a time. Known are the letters that stand
// for one zone only, or so nearly that no firewall means the other.
func zoneLetters(text []byte) (bare []byte, offset int, known bool) {
	i := bytes.LastIndexByte(text, ' ')
	if i < 0 || len(text)-i < 3 || !isLetter(text[i+1]) {
		return text, 0, false
	}
	hours, known := letteredZone(string(text[i+1:]))
	return text[:i], hours * 3600, known
}

func letteredZone(letters string) (hours int, known bool) {
	switch letters {
	case "UTC", "GMT", "Z", "WET":
		return 0, true
	case "CET", "WEST":
		return 1, true
	case "CEST", "EET", "SAST":
		return 2, true
	case "EEST", "MSK":
		return 3, true
	case "JST", "KST":
		return 9, true
	case "AEST":
		return 10, true
	case "AEDT":
		return 11, true
	case "EDT":
		return -4, true
	case "EST", "CDT":
		return -5, true
	case "MDT":
		return -6, true
	case "MST", "PDT":
		return -7, true
	case "PST":
		return -8, true
	}
	return 0, false
}

// stampAt notes the time that the record states for itself.
func (r *devReading) stampAt(text []byte) bool {
	at, zone := r.time(text)
	if at.Known() {
		r.ev.at, r.ev.stamp, r.ev.zone = at, text, zone
	}
	return at.Known()
}

// devLines reads the messages of devices line by line.
type devLines struct {
	devReading
	family string
	mark   func(line []byte) int // where the message begins; negative: the line has none
	take   func(text []byte)     // fills ev from a message
	lines  *Lines
	clock  wallClock
	head   stamp // of the line at hand
	events netcase.Batch
	c      devCarried
}

func (r *devLines) read(ctx context.Context, in *Input, out Sink) error {
	r.begin(in, &r.events)
	r.lines = NewLines(in.R)
	r.clock = wallClock{in: in}
	for r.lines.Next() {
		r.guarded()
		if err := r.flush(ctx, out, BatchSize); err != nil {
			return err
		}
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", r.lines.Number()+in.From.Line, err)
	}
	return nil
}

// end says what was assumed and hands on what is left.
func (r *devLines) end(ctx context.Context, out Sink) error {
	r.tell()
	r.clock.tell()
	return r.flush(ctx, out, 1)
}

func (r *devLines) flush(ctx context.Context, out Sink, n int) error {
	if r.events.Len() < n {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := out(&r.events)
	r.events.Reset()
	return err
}

// guarded reads one line; a panic costs that line.
func (r *devLines) guarded() {
	counted := r.in.Report.Read
	defer func() {
		switch p := recover(); {
		case p == nil:
		case r.in.Report.Read > counted:
			r.in.Note("the decoder failed after it had counted a record: %v", p)
		default:
			r.in.Reject(r.c.place.Line, 0, "", fmt.Sprintf("panic: %v", p), r.c.raw)
		}
	}()
	r.line()
}

func (r *devLines) line() {
	line := r.lines.Bytes()
	r.c = devCarried{raw: line, place: netcase.Place{Line: r.in.From.Line + r.lines.Number(), Offset: r.in.From.Offset + r.lines.Offset()}}
	if r.lines.TooLong() {
		r.in.Reject(r.c.place.Line, 0, "", csvTooLong, line)
		return
	}
	if r.c.place.Line == 1 {
		line = bytes.TrimPrefix(line, []byte(bomUTF8))
	}
	line = bytes.TrimRight(line, " \t\x00")
	if len(line) == 0 {
		return
	}
	if line[0] == '#' {
		r.in.Skip("a comment")
		return
	}
	at := r.mark(line)
	if at < 0 {
		r.in.Skip("a line without a message of " + r.family)
		return
	}
	r.ev = devEvent{family: r.family}
	r.head = stamp{}
	h := devHeader(line[:at], &r.head)
	r.c.host, r.c.stamp = h.host, h.stamp
	r.take(line[at:])
	if r.ev.kind > devReject && !r.ev.at.Known() && len(h.stamp) > 0 {
		r.headerTime()
	}
	if r.ev.kind != devHeld {
		r.deliver(&r.c)
	}
}

// devHeld: the record waits for another one.
const devHeld devKind = 255

// headerTime takes the time of the header of syslog.
func (r *devLines) headerTime() {
	at, zone, reason := r.clock.instant(&r.head)
	if reason != "" {
		r.reject("time", reason)
		return
	}
	r.c.at, r.c.zone = at, zone
}

// devHead is what a header of syslog says.
type devHead struct{ stamp, host []byte }

// devHeader takes the header before a message apart: priority, time, host, in the
// order of RFC 3164 or 5424. Where a relay put its own before it, the inner one,
// which is the device's, is taken.
func devHeader(b []byte, s *stamp) (h devHead) {
	for range 3 {
		b = trimSpaces(b)
		if i := bytes.IndexByte(b, ' '); i > 0 && i < 6 && i+1 < len(b) && b[i+1] == '<' && isDigit(b[0]) {
			b = b[i+1:] // the length before a message on TCP (RFC 6587)
		}
		rest, _ := afterPriority(b)
		rest = trimSpaces(bytes.TrimLeft(rest, ":*."))
		var inner stamp
		n := inner.scan(rest)
		if n == 0 {
			if h.stamp == nil {
				h.host = devHostWord(rest)
			}
			return h
		}
		*s, h.stamp = inner, rest[:n]
		rest = trimSpaces(rest[n:])
		first, after := word(rest)
		if hours, known := letteredZone(string(bytes.TrimSuffix(first, []byte{':'}))); known && !s.zoned {
			s.zoned, s.offset = true, hours*3600
			rest = trimSpaces(after)
			first, after = word(rest)
		}
		if host := devHostWord(rest); host != nil {
			h.host = host
			first, after = word(rest)
		}
		b = after
		if len(first) == 0 {
			return h
		}
	}
	return h
}

// devHostWord is the name of a machine at the start of what is left of a header.
func devHostWord(rest []byte) []byte {
	first, _ := word(rest)
	if isTag(first) && bytes.Count(first, []byte{':'}) < 2 || len(first) == 0 || len(first) > maxName || bytes.ContainsAny(first, "=\"%|<>{},") {
		return nil
	}
	if first[0] == ':' || first[0] == '-' {
		return nil
	}
	return first
}

// devUndated tells whether the first message of the head has a header without a year.
func devUndated(head []byte, mark func([]byte) int) bool {
	undated, found := false, false
	eachHeadLine(head, func(line []byte) {
		at := mark(line)
		if found || at < 0 {
			return
		}
		var s stamp
		h := devHeader(line[:at], &s)
		undated, found = len(h.stamp) > 0 && s.year == 0, true
	})
	return undated
}

// devMostLines tells whether most lines of the head are messages of a format.
func devMostLines(head []byte, is func(line []byte) bool) bool {
	lines, good := 0, 0
	eachHeadLine(head, func(line []byte) {
		lines++
		if is(line) {
			good++
		}
	})
	return good > 0 && 2*good > lines
}

// devPairs reads "key=value key="quoted value"" into fields. Marks that separate
// fields beside a space (; | ,) are given by between.
func devPairs(b []byte, assign byte, between string, into devFields) devFields {
	for len(b) > 0 && len(into) < maxDevFields {
		b = bytes.TrimLeft(b, between)
		i := bytes.IndexByte(b, assign)
		if i <= 0 {
			return into
		}
		key := b[:i]
		if j := bytes.LastIndexAny(key, between); j >= 0 {
			key = key[j+1:] // words that belong to no field
		}
		b = b[i+1:]
		var value []byte
		if len(b) > 0 && b[0] == '"' {
			value, b = devQuoted(b[1:])
		} else if end := bytes.IndexAny(b, between); end >= 0 {
			value, b = b[:end], b[end:]
		} else {
			value, b = b, nil
		}
		into = append(into, devField{key: bytes.TrimSpace(key), value: value})
	}
	return into
}

// devQuoted is the text up to a closing quote, in which \" and \\ are escaped.
func devQuoted(b []byte) (value, rest []byte) {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			value = b[:i]
			if bytes.IndexByte(value, '\\') >= 0 {
				value = devUnescaped(value)
			}
			return value, b[i+1:]
		}
	}
	return b, nil
}

// devUnescaped is a text with its escapes resolved.
func devUnescaped(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case '\\', '"', '=', '|', ']', '\'':
			out = append(out, b[i])
		default:
			out = append(out, '\\', b[i])
		}
	}
	return out
}
