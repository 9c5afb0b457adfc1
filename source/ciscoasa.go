package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"netcase"
)

const formatASA = "cisco-asa"

// ciscoASA reads the messages of Cisco's firewalls.
var ciscoASA = Format{
	Name: formatASA,
	Doc:  "syslog of Cisco ASA, PIX and FTD (%ASA-, %PIX-, %FTD-): denials, connections built and torn down, connection events 430002 and 430003, intrusions, logins",
	Proves: "what was denied and by which list; of TCP whether a connection was made, by how it ended; the octets of a teardown are those of both directions and are not booked each way; " +
		"who began only from its Built message",
	Detect:  detectASA,
	Decode:  decodeASA,
	Undated: func(head []byte) bool { return devUndated(head, asaMark) },
	Join:    asaJoin,
}

func detectASA(head []byte) (bool, string) {
	if !devMostLines(head, func(line []byte) bool {
		at := asaMark(line)
		return at >= 0 && cefMark(line) < 0 && leefMark(line) < 0
	}) {
		return false, "most lines are no message of a Cisco firewall: %ASA-6-302013: is expected"
	}
	return true, ""
}

// asaMark finds "%ASA-6-302013: ".
func asaMark(line []byte) int {
	head := line[:min(len(line), 512)]
	for from := 0; ; {
		i := bytes.IndexByte(head[from:], '%')
		if i < 0 {
			return -1
		}
		from += i
		if id, _ := asaID(head[from:]); id != "" {
			return from
		}
		from++
	}
}

// asaID takes "%ASA-6-302013: text" apart; ASA may have a subsystem before the
// severity (%ASA-session-6-302013).
func asaID(b []byte) (id string, text []byte) {
	end := bytes.IndexByte(b[:min(len(b), 48)], ':')
	if end < 0 {
		return "", nil
	}
	parts := bytes.Split(b[1:end], []byte{'-'})
	if len(parts) < 3 || !oneOf(parts[0], "asa", "ftd", "pix", "fwsm", "firepower") {
		return "", nil
	}
	number := bytes.TrimSpace(parts[len(parts)-1])
	if _, ok := wholeIn(number); !ok || len(number) < 5 || len(number) > 6 {
		return "", nil
	}
	return string(number), trimSpaces(b[end+1:])
}

// asaReading joins the beginning of a connection with its end.
type asaReading struct {
	devLines
	open   map[uint64]*asaOpen
	oldest []uint64 // keys in the order in which they were held
	logins [asaRecentLogins]asaLogin
	next   int
}

// asaOpen is a connection whose end has not been read.
type asaOpen struct {
	flow         netcase.Flow
	at           netcase.Time
	stamp        []byte
	zone         string
	host, device []byte
	place        netcase.Place
	raw          []byte // on the second pass
}

const (
	// asaHeld bounds the connections whose end is waited for: about 45 MB.
	asaHeld = 1 << 16
	// asaRecentLogins is how many logins are remembered, to tell the two or three
	// messages about one login apart from several logins.
	asaRecentLogins = 16
	asaLoginApart   = 2 * netcase.Second
)

type asaLogin struct {
	at            netcase.Time
	id            string
	account, host string
	failed        bool
}

const (
	sumASAOpen      = "asa connections without an end"
	sumASAEvicted   = "asa connections let go"
	sumASAAlone     = "asa ends without a beginning"
	sumASABoth      = "asa octets of both directions"
	sumASAPermitted = "asa permitted by a list"
	sumASABuilt     = "asa connections"
	sumASAStarts    = "asa beginnings that are not joined"
)

func asaJoin(in *Input) {
	for _, n := range []countedNote{
		{sumASABoth, "in %s the octets are those of both directions together: they were not booked each way"},
		{sumASAAlone, "in %s a connection ends whose beginning is not in the input: who began was told by the ports, else the first end was taken, which is the outer one"},
		{sumASAOpen, "in %s a connection begins whose end is not in the input: it was counted as allowed"},
		{sumASAEvicted, "in %s a connection begins that was counted as allowed before its end was read, because too many were open: its end may be counted once more"},
		{sumProtocol, "in %s the protocol is missing: what the port speaks by custom was taken"},
	} {
		if rows := in.Sums[n.sum]; rows > 0 {
			in.Note(n.text, rowsOf(rows))
		}
	}
	if in.Sums[sumASAPermitted] > 0 && in.Sums[sumASABuilt] > 0 {
		in.Note("connections that an access list permitted (106100) are recorded as connections as well: they count twice")
	}
}

func decodeASA(ctx context.Context, in *Input, out Sink) error {
	r := &asaReading{open: map[uint64]*asaOpen{}}
	r.family, r.mark, r.take = formatASA, asaMark, r.message
	err := r.read(ctx, in, out)
	r.release()
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

// message reads one message, and holds it where its end is waited for.
func (r *asaReading) message(text []byte) {
	id, text := asaID(text)
	switch id {
	case "302013", "302015":
		r.built(id, text)
	case "302014", "302016":
		r.teardown(id, text)
	case "430002", "430003":
		r.ftd(id, text)
	default:
		r.asaStateless(id, text)
		if r.ev.kind == devLogin {
			r.accompanied(id)
		}
	}
}

// hold keeps a connection until its end is read. The oldest is let go where there are
// too many.
func (r *asaReading) hold(key uint64) {
	if old := r.open[key]; old != nil { // its end was not logged, and the number is used again
		r.letGo(key, sumASAOpen)
	}
	for len(r.open) >= asaHeld && len(r.oldest) > 0 {
		if first := r.oldest[0]; r.open[first] != nil {
			r.letGo(first, sumASAEvicted)
		}
		r.oldest = r.oldest[1:]
	}
	if len(r.oldest) >= 4*asaHeld {
		r.compact()
	}
	o := &asaOpen{
		flow: r.ev.flow, at: r.ev.at, stamp: bytes.Clone(r.ev.stamp), zone: r.ev.zone,
		host: bytes.Clone(r.c.host), device: bytes.Clone(r.ev.device), place: r.c.place,
	}
	if r.in.Raw {
		o.raw = bytes.Clone(r.c.raw)
	}
	r.open[key] = o
	r.oldest = append(r.oldest, key)
	r.ev.kind = devHeld
}

// compact forgets the places of connections that have ended.
func (r *asaReading) compact() {
	kept, seen := r.oldest[:0], map[uint64]bool{}
	for _, key := range r.oldest {
		if r.open[key] != nil && !seen[key] {
			seen[key] = true
			kept = append(kept, key)
		}
	}
	r.oldest = kept
}

// letGo hands over a connection whose end was not read.
func (r *asaReading) letGo(key uint64, why string) {
	mine, c := r.ev, r.c
	r.takeUp(key)
	r.ev.flow.Reach = netcase.ReachAllowed
	r.ev.key = devKey(r.ev.family, &r.ev.flow, strconv.AppendUint(nil, key, 16))
	r.sums[why]++
	r.deliver(&r.c)
	r.ev, r.c = mine, c
}

// takeUp makes a connection that was held the record at hand.
func (r *asaReading) takeUp(key uint64) {
	o := r.open[key]
	delete(r.open, key)
	r.c = devCarried{host: o.host, place: o.place, raw: o.raw}
	r.ev = devEvent{kind: devFlow, family: formatASA, device: o.device, at: o.at, stamp: o.stamp, zone: o.zone, flow: o.flow}
}

// release hands over what is open at the end of the stream.
func (r *asaReading) release() {
	for _, key := range r.oldest {
		if r.open[key] != nil {
			r.letGo(key, sumASAOpen)
		}
	}
}

// timed gives the event the time of the header at once, for records that are held.
func (r *asaReading) timed() bool {
	if r.ev.at.Known() {
		return true
	}
	if len(r.c.stamp) == 0 {
		r.reject("time", "no time")
		return false
	}
	if r.headerTime(); r.ev.kind == devReject {
		return false
	}
	r.ev.at, r.ev.stamp, r.ev.zone = r.c.at, r.c.stamp, r.c.zone
	return true
}

// built reads "Built inbound TCP connection 42 for outside:198.51.100.7/51234
// (198.51.100.7/51234) to inside:10.0.0.5/443 (203.0.113.10/443)". The first end is
// the one outside; inbound says that it began.
//
// Source: Cisco Secure Firewall ASA Series Syslog Messages.
func (r *asaReading) built(id string, text []byte) {
	number, first, second, reason := asaConnection(text)
	if reason != "" {
		r.reject("", reason)
		return
	}
	f := r.newFlow()
	f.Proto = asaProtoOf(id)
	outbound := bytes.HasPrefix(text, []byte("Built outbound "))
	if outbound == outerFirst(text) {
		first, second = second, first
	}
	f.Src, f.SrcPort, f.Dst, f.DstPort = first.end, first.port, second.end, second.port
	f.Ours = sideOf(outbound)
	if r.timed() {
		f.Start, f.End = r.ev.at, r.ev.at
		r.hold(r.connectionKey(number, f.Proto, first, second))
	}
}

// sideOf is the inner end: who began, where the connection is outbound.
func sideOf(outbound bool) netcase.Side {
	if outbound {
		return netcase.SideSrc
	}
	return netcase.SideDst
}

func asaProtoOf(id string) uint8 {
	if id == "302015" || id == "302016" {
		return netcase.UDP
	}
	return netcase.TCP
}

// connectionKey ties a beginning to its end: the number is the device's own, and is
// used again after a restart, so the ends belong to it.
func (r *asaReading) connectionKey(number []byte, proto uint8, a, b asaEnd) uint64 {
	if b.end.Addr.Less(a.end.Addr) || a.end.Addr == b.end.Addr && b.port < a.port {
		a, b = b, a
	}
	d := newDigest(formatASA).bytes(r.c.host).bytes(number).number(uint64(proto)).addr(a.end.Addr).addr(b.end.Addr)
	return d.number(uint64(a.port)<<16 | uint64(b.port)).key()
}

// builtICMP reads "Built inbound ICMP connection for faddr A/0 gaddr B/1 laddr C/1".
// Its teardown says nothing more, and is passed over.
func (r *devReading) builtICMP(_ string, text []byte) {
	far, _ := asaBehind(text, "faddr ")
	near, _ := asaBehind(text, "laddr ")
	a, ok := asaEndIn(far)
	b, fine := asaEndIn(near)
	if !ok || !fine {
		r.reject("", "no ends of a connection")
		return
	}
	f := r.newFlow()
	outbound := bytes.HasPrefix(text, []byte("Built outbound "))
	f.Proto, f.Reach, f.Ours, f.Src, f.Dst = netcase.ICMP, netcase.ReachAllowed, sideOf(outbound), a.end, b.end
	if outbound {
		f.Src, f.Dst = b.end, a.end
	}
	if f.Dst.Addr.Is6() {
		f.Proto = netcase.ICMPv6
	}
}

// asaEnd is one end as a message writes it.
type asaEnd struct {
	end  netcase.Endpoint
	port uint16
}

// asaEndIn reads "outside:198.51.100.7/51234", "198.51.100.7/51234" or an address.
func asaEndIn(b []byte) (e asaEnd, ok bool) {
	b, _, _ = bytes.Cut(b, []byte{'('}) // a user stands there
	b = bytes.TrimRight(b, ".,;")
	if i := bytes.LastIndexByte(b, '/'); i >= 0 {
		if e.port, ok = portIn(b[i+1:]); !ok {
			port := serviceNamed(string(b[i+1 : min(len(b), i+17)]))
			if port == nil {
				return e, false
			}
			e.port, _ = portIn(port)
		}
		b = b[:i]
	}
	if e.end.Addr, ok = addressIn(b); ok {
		return e, true
	}
	if _, after, found := bytes.Cut(b, []byte{':'}); found {
		e.end.Addr, ok = addressIn(after)
		if !ok && len(after) > 0 && isLetter(after[0]) && bytes.IndexByte(after, ':') < 0 { // "names" are shown instead of addresses
			e.end.Name, ok = plainName(after, maxName), true
		}
	}
	return e, ok
}

// outerFirst tells whether the first end is the outer one, as the device writes it;
// where both interfaces have the names of the manual, they tell.
func outerFirst(text []byte) bool {
	from, _ := asaBehind(text, " for ")
	to, _ := asaBehind(asaRest(text, " for "), " to ")
	return !bytes.HasPrefix(from, []byte("inside:")) || !bytes.HasPrefix(to, []byte("outside:"))
}

// asaConnection reads the number and the two ends of a connection.
func asaConnection(text []byte) (number []byte, first, second asaEnd, reason string) {
	rest, ok := asaBehindText(text, " connection ")
	if !ok {
		return nil, first, second, "no number of a connection"
	}
	number, rest = word(rest)
	from, okFrom := asaBehind(rest, " for ")
	after, _ := asaBehindText(rest, " for ")
	to, okTo := asaBehind(after, " to ")
	if !okFrom || !okTo {
		return nil, first, second, "no ends of a connection"
	}
	var a, b bool
	first, a = asaEndIn(from)
	second, b = asaEndIn(to)
	if !a || !b {
		return nil, first, second, "not an address and a port"
	}
	return bytes.Clone(number), first, second, ""
}

// asaBehindText is what follows a mark.
func asaBehindText(text []byte, mark string) ([]byte, bool) {
	_, after, ok := bytes.Cut(text, []byte(mark))
	return trimSpaces(after), ok
}

// asaBehind is the word that follows a mark.
func asaBehind(text []byte, mark string) ([]byte, bool) {
	after, ok := asaBehindText(text, mark)
	first, _ := word(after)
	return first, ok && len(first) > 0
}

// teardown reads "Teardown TCP connection 42 for outside:A to inside:B duration
// 0:00:12 bytes 5321 TCP FINs".
func (r *asaReading) teardown(id string, text []byte) {
	number, first, second, reason := asaConnection(text)
	if reason != "" {
		r.reject("", reason)
		return
	}
	length, _ := asaBehind(text, " duration ")
	duration, ok := asaDuration(string(length))
	amount, _ := asaBehind(text, " bytes ")
	octets, counted := wholeIn(amount)
	if !ok {
		r.reject("duration", "not a duration")
		return
	}
	_, why, _ := bytes.Cut(text, append([]byte(" bytes "), amount...))
	proto := asaProtoOf(id)
	if !r.timed() {
		return
	}
	key := r.connectionKey(number, proto, first, second)
	end, device, stamp, zone := r.ev.at, r.ev.device, r.ev.stamp, r.ev.zone
	if r.open[key] != nil {
		r.takeUp(key)
		r.ev.flow.Records = 2
	} else {
		f := r.newFlow()
		if servicePort(first.port) == surelyService && servicePort(second.port) <= surelyClient {
			first, second = second, first
		} else {
			f.Ours = sideOf(false)
		}
		f.Src, f.SrcPort, f.Dst, f.DstPort, f.Proto = first.end, first.port, second.end, second.port, proto
		f.Start = end - duration
		r.ev.at, r.ev.device, r.ev.stamp, r.ev.zone = end, device, stamp, zone
		r.sums[sumASAAlone]++
	}
	f := &r.ev.flow
	f.End = max(end, f.Start)
	f.Reach = asaReach(proto, octets, counted, string(why), f.Ours)
	if counted && octets > 0 {
		r.sums[sumASABoth]++
	}
	r.sums[sumASABuilt]++
	r.ev.kind, r.ev.key = devFlow, devKey(formatASA, f, number, amount)
}

// asaDuration reads "0:00:12" or "1 days 02:03:04"; hours may have any length.
func asaDuration(text string) (netcase.Time, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return 0, false
	}
	var total int64
	for i, p := range parts {
		p = strings.TrimRight(p, "hms")
		n, ok := wholeIn([]byte(p))
		if !ok || n > longestSession/3600 || i > 0 && n > 59 {
			return 0, false
		}
		total = 60*total + n
	}
	return netcase.Time(total) * netcase.Second, true
}

// asaReach is what the end of a connection proves. The octets are those of the
// payload, of both directions: in TCP they take a handshake.
func asaReach(proto uint8, octets int64, counted bool, why string, ours netcase.Side) netcase.Reach {
	why = strings.ToLower(why)
	switch {
	case strings.Contains(why, "denied") || strings.Contains(why, "deny") || strings.Contains(why, "terminated by ips") || strings.Contains(why, "shun"):
		return netcase.ReachDenied
	case proto != netcase.TCP:
		return netcase.ReachAllowed
	case strings.Contains(why, "syn timeout"):
		return netcase.ReachNoReply
	case octets > 0 || strings.Contains(why, "fins") || strings.Contains(why, "fin timeout"):
		return netcase.ReachBidirectional
	case !counted:
		return netcase.ReachAllowed
	}
	inner, outer := strings.Contains(why, "reset-i"), strings.Contains(why, "reset-o")
	if ours == netcase.SideDst && inner || ours == netcase.SideSrc && outer { // the responder reset it before any payload
		return netcase.ReachRefused
	}
	return netcase.ReachAllowed
}

// accompanied passes over a login that another message has told of already.
func (r *asaReading) accompanied(id string) {
	if !r.timed() {
		return
	}
	l := &r.ev.login
	mine := asaLogin{r.ev.at, id, l.Account, string(firstOf(r.ev.device, r.c.host)), l.Outcome.Failed()}
	if l.Event == netcase.LoginAttempt {
		for _, o := range r.logins {
			apart := max(o.at-mine.at, mine.at-o.at)
			if o.id != "" && o.id != id && o.account == mine.account && o.host == mine.host && o.failed == mine.failed && apart <= asaLoginApart {
				r.skip("another message about a login that was counted")
				return
			}
		}
		r.logins[r.next%asaRecentLogins] = mine
		r.next++
	}
	r.ev.key = devLoginKey(&r.ev)
}

// isASA tells one of Cisco's firewalls by its product, else by its message number.
func isASA(product string, class []byte) bool {
	for _, p := range [...]string{"asa", "ftd", "firepower", "pix", "fwsm"} {
		if product == p || strings.HasPrefix(product, p+" ") {
			return true
		}
	}
	return bytes.HasPrefix(class, []byte("%ASA-"))
}
