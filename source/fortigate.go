package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"netcase"
)

const formatFortigate = "fortigate"

// fortigate reads the native log of FortiGate.
var fortigate = Format{
	Name: formatFortigate,
	Doc:  "the native log of FortiGate, alone or behind syslog: traffic, UTM (IPS, virus, anomaly …), logins of administrators and of SSL VPN",
	Proves: "what the firewall denied or let pass, and, at the end of a session, octets and packets each way; " +
		"an action close or timeout is the end of an allowed session, not a block; beginnings and interim reports of sessions are not counted",
	Detect: detectFortigate,
	Decode: decodeFortigate,
	Split:  func([]byte) *Split { return &Split{Cut: WholeLines} },
	Join:   fortiJoin,
}

func detectFortigate(head []byte) (bool, string) {
	if !devMostLines(head, func(line []byte) bool {
		at := fortiMark(line)
		return at >= 0 && (bytes.Contains(line[at:], []byte("logid=")) || bytes.Contains(line[at:], []byte("log_id="))) && bytes.Contains(line[at:], []byte("type=")) && cefMark(line) < 0 && leefMark(line) < 0
	}) {
		return false, "most lines are no log of FortiGate: date=… time=… logid=… type=… is expected"
	}
	return true, ""
}

// fortiMark finds "date=2024-03-04 time=", or the first field of logs without them.
func fortiMark(line []byte) int {
	for _, mark := range [...]string{"date=", "logver=", "devname=", "timestamp="} {
		i := bytes.Index(line[:min(len(line), 400)], []byte(mark))
		if i == 0 || i > 0 && (line[i-1] == ' ' || line[i-1] == '>' || line[i-1] == '\t') {
			return i
		}
	}
	return -1
}

func decodeFortigate(ctx context.Context, in *Input, out Sink) error {
	r := &devLines{family: formatFortigate, mark: fortiMark}
	var fields devFields
	r.take = func(text []byte) {
		fields = devPairs(text, '=', " \t,", fields[:0])
		r.fortiTime(fields)
		r.ev.device = firstOf(fields.get("devname"), fields.get("devid", "device_id"))
		r.forti(fields)
	}
	err := r.read(ctx, in, out)
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

const (
	sumFortiStarts = "fortigate starts"
	sumFortiEnds   = "fortigate ends"
	skipBeginning  = "the beginning of a session, which is counted at its end"
	skipInterim    = "an interim report of a session, which is counted at its end"
)

func fortiJoin(in *Input) { startsOnly(in, sumFortiStarts, sumFortiEnds) }

// startsOnly says where an input has the beginnings of sessions and no end: nothing
// of what was allowed is counted then.
func startsOnly(in *Input, starts, ends string) {
	if n := in.Sums[starts]; n > 0 && in.Sums[ends] == 0 {
		in.Note("%s beginnings of sessions and no end of one: what was allowed is not counted; export the logs of session ends", strconv.FormatInt(n, 10))
	}
	if in.Sums[sumProtocol] > 0 {
		in.Note("in %s the protocol is missing: what the port speaks by custom was taken", rowsOf(in.Sums[sumProtocol]))
	}
}

// fortiTime reads eventtime (nanoseconds since FortiOS 6.2, seconds before), else
// date and time with tz.
func (r *devReading) fortiTime(x devFields) {
	if text := x.get("eventtime", "timestamp"); text != nil {
		if n, ok := wholeIn(text[:min(len(text), 18)]); ok && n >= epochSeconds {
			if len(text) == 19 {
				n = n*10 + int64(text[18]-'0')
			}
			if at, err := inRange(epochTime(n)); err == nil && len(text) <= 19 {
				r.ev.at, r.ev.stamp = at, text
				return
			}
		}
	}
	date, clock := x.get("date"), x.get("time")
	if date == nil || clock == nil {
		return
	}
	stamp := append(append(append(make([]byte, 0, 40), date...), ' '), clock...)
	if zone := x.get("tz"); len(zone) > 0 && (zone[0] == '+' || zone[0] == '-') {
		stamp = append(stamp, zone...)
	}
	r.stampAt(stamp)
}

// forti reads a record of FortiGate by the names of its own fields.
//
// Source: FortiOS Log Message Reference, 6.0 to 7.4.
func (r *devReading) forti(x devFields) {
	kind, subtype, action := r.word(x.get("type")), r.word(x.get("subtype")), r.word(x.get("action"))
	switch kind {
	case "traffic":
		r.fortiTraffic(x, action)
	case "utm", "anomaly", "ips", "virus", "webfilter", "attack":
		r.fortiUTM(x, firstWord(subtype, kind), action)
	case "event":
		r.fortiLogin(x, subtype, action)
	default:
		r.skip("a log of type " + r.shown(x.get("type")))
	}
}

func firstWord(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// fortiNumber is the number of the message without the class before it: the last
// four of ten digits.
func fortiNumber(x devFields) string {
	id := x.get("logid", "log_id")
	return string(id[max(0, len(id)-4):])
}

// fortiStatistic is the message with the counters of a session that goes on.
const fortiStatistic = "0020"

func (r *devReading) fortiTraffic(x devFields, action string) {
	switch {
	case action == "start":
		r.sums[sumFortiStarts]++
		r.skip(skipBeginning)
		return
	case fortiNumber(x) == fortiStatistic && action == "accept":
		r.skip(skipInterim)
		return
	}
	f := r.newFlow()
	if !r.ends(f, x.get("srcip", "src"), x.get("srcport", "src_port"), x.get("dstip", "dst"), x.get("dstport", "dst_port"), x.get("proto")) {
		return
	}
	if trans := r.word(x.get("trandisp")); strings.Contains(trans, "dnat") {
		if a, ok := addressIn(x.get("tranip")); ok { // the machine behind a virtual address
			f.Dst.Addr = a
			if port, ok := portIn(x.get("tranport")); ok && port != 0 && f.DstPort != 0 {
				f.DstPort = port
			}
		}
	}
	if !r.size(&f.OctetsOut, "sentbyte", x.get("sentbyte", "sent")) || !r.size(&f.OctetsIn, "rcvdbyte", x.get("rcvdbyte", "rcvd")) ||
		!r.size(&f.PacketsOut, "sentpkt", x.get("sentpkt", "sent_pkt")) || !r.size(&f.PacketsIn, "rcvdpkt", x.get("rcvdpkt", "rcvd_pkt")) {
		return
	}
	f.Src.Name, f.Dst.Name = r.text(x.get("srcname")), r.text(x.get("dstname", "hostname"))
	f.Rule = r.text(firstOf(x.get("policyname"), x.get("policyid")))
	f.Reach = fortiReach(action, f)
	f.Ours = fortiSides(x.get("srcintfrole"), x.get("dstintfrole"))
	if d, ok := seconds(x.get("duration")); ok && r.ev.at > d && f.Reach != netcase.ReachDenied {
		f.Start, f.End = r.ev.at-d, r.ev.at // a record is written when its session has ended
	}
	if f.Reach != netcase.ReachDenied {
		r.sums[sumFortiEnds]++
	}
	if r.ev.at.Known() {
		f.End = r.ev.at
		r.ev.key = devKey(r.ev.family, f, x.get("sessionid"), x.get("devid", "device_id"))
	}
}

// fortiSides are the ends in the networks whose role is the firewall's inside.
func fortiSides(src, dst []byte) (ours netcase.Side) {
	if oneOf(src, "lan", "dmz") {
		ours |= netcase.SideSrc
	}
	if oneOf(dst, "lan", "dmz") {
		ours |= netcase.SideDst
	}
	return ours
}

// fortiReach is what the action of a traffic log proves. Every action but deny is of
// a session that a policy allowed: the word tells how it ended.
func fortiReach(action string, f *netcase.Flow) netcase.Reach {
	switch action {
	case "deny", "denied", "block", "blocked", "drop", "dropped":
		return netcase.ReachDenied
	case "ip-conn": // the connection to the host failed
		if f.OctetsIn > 0 || f.PacketsIn > 0 {
			return netcase.ReachAllowed
		}
		return netcase.ReachNoReply
	case "server-rst":
		if f.PacketsIn == netcase.Absent && f.OctetsIn == 0 {
			return netcase.ReachAllowed // it was answered with a reset, and the counter does not count that
		}
		if onlyReset(f) {
			return netcase.ReachRefused
		}
		return devAnswered(f)
	case "accept", "close", "client-rst", "timeout", "dns", "pass", "passthrough":
		return devAnswered(f)
	}
	return netcase.ReachUnknown
}

// fortiBlocked tells whether UTM stopped what it tells of.
func fortiBlocked(action string) bool {
	switch action {
	case "blocked", "block", "dropped", "drop", "reset", "reset_client", "reset_server", "drop_session", "clear_session", "deny", "quarantine", "redirect":
		return true
	}
	return false
}

// fortiUTM reads what an inspection concluded. Requests that a filter let pass are no
// conclusion about them.
func (r *devReading) fortiUTM(x devFields, subtype, action string) {
	blocked := fortiBlocked(action)
	switch subtype {
	case "ips", "virus", "anomaly", "waf", "attack", "emailfilter", "file-filter", "icap":
	case "dns":
		if !blocked && len(x.get("qname")) > 0 {
			r.fortiQuery(x)
			return
		}
		fallthrough
	default:
		if !blocked {
			r.skip("a log of the inspection " + firstWord(Printable(subtype), "without a name") + " that blocked nothing")
			return
		}
	}
	a := netcase.Alert{
		Name: r.text(x.get("attack", "virus", "filename", "catdesc", "app", "hostname", "qname", "logdesc", "msg")), ID: r.text(x.get("attackid", "virusid", "appid", "cat")),
		Category: subtype, Severity: r.text(x.get("severity", "crlevel", "apprisk", "level")), Blocked: blocked, Count: repeats(x.get("count")),
		Detail: r.text(firstOf(x.get("msg"), x.get("url"))),
	}
	r.alertEnds(&a, x.get("srcip"), x.get("srcport"), x.get("dstip"), x.get("dstport"), x.get("proto"))
}

// repeats is how many equal events a record says that it stands for.
func repeats(cell []byte) int64 {
	n, ok := wholeIn(cell)
	if !ok || n > maxFlowCount {
		return 1
	}
	return max(n, 1)
}

// alertEnds fills in who was seen, as far as it can be read, and makes the alert the event.
func (r *devReading) alertEnds(a *netcase.Alert, src, sport, dst, dport, proto []byte) {
	var f netcase.Flow
	if blank(src) && blank(dst) {
		if a.Name == "" && a.ID == "" {
			r.reject("", "neither an address nor the name of what was found")
			return
		}
	} else {
		f.Src.Addr, _ = addressIn(src)
		f.Dst.Addr, _ = addressIn(dst)
		f.SrcPort, _ = portIn(sport)
		f.DstPort, _ = portIn(dport)
		if len(proto) > 0 {
			r.protocol(&f, proto)
		}
	}
	a.Src, a.Dst, a.SrcPort, a.DstPort, a.Proto = f.Src, f.Dst, f.SrcPort, f.DstPort, f.Proto
	a.Count = max(a.Count, 1)
	r.ev.kind, r.ev.alert = devAlert, *a
}

func (r *devReading) fortiQuery(x devFields) {
	if oneOf(x.get("eventtype"), "dns-response") {
		r.skip("an answer of DNS, whose request is a record of its own")
		return
	}
	q := netcase.Query{Name: strings.TrimSuffix(r.text(x.get("qname")), "."), Type: r.text(x.get("qtype"))}
	q.Host.Addr, _ = addressIn(x.get("srcip"))
	q.Peer.Addr, _ = addressIn(x.get("dstip"))
	if !q.Host.Known() {
		r.rejectAddress("srcip")
		return
	}
	r.ev.kind, r.ev.query = devQueried, q
}

// fortiLogin reads logins of administrators and of users of the SSL VPN.
func (r *devReading) fortiLogin(x devFields, subtype, action string) {
	l := netcase.Login{Account: r.text(x.get("user", "xauthuser")), Detail: r.text(x.get("reason"))}
	status := r.word(x.get("status"))
	switch {
	case subtype == "vpn" && action == "ssl-login-fail":
		l.Outcome, l.Service = netcase.LoginFailed, "ssl-vpn"
		if strings.Contains(l.Detail, "unknown_user") {
			l.Outcome = netcase.LoginNoAccount
		}
	case subtype == "vpn" && action == "tunnel-up" && strings.HasPrefix(r.word(x.get("tunneltype")), "ssl"):
		l.Outcome, l.Service = netcase.LoginSucceeded, "ssl-vpn"
	case subtype == "vpn" && action == "tunnel-down" && strings.HasPrefix(r.word(x.get("tunneltype")), "ssl"):
		l.Event, l.Service = netcase.LoginLogoff, "ssl-vpn"
	case subtype == "system" && action == "login" && (status == "success" || status == "failed"):
		l.Outcome, l.Service = netcase.LoginFailed, fortiService(x.get("ui"), x.get("method"))
		if status == "success" {
			l.Outcome = netcase.LoginSucceeded
		}
		l.Host.Addr, _ = addressIn(x.get("dstip"))
	case subtype == "system" && action == "logout":
		l.Event, l.Service = netcase.LoginLogoff, fortiService(x.get("ui"), x.get("method"))
	default:
		r.skip("an event of " + firstWord(Printable(subtype), "the system") + " that is no login")
		return
	}
	peer := x.get("remip", "srcip")
	if peer == nil {
		if _, in, ok := bytes.Cut(x.get("ui"), []byte{'('}); ok { // https(192.0.2.1)
			peer = bytes.TrimSuffix(in, []byte{')'})
		}
	}
	l.Peer.Addr, _ = addressIn(peer)
	if l.Session = r.text(x.get("tunnelid", "sn")); l.Session == "0" {
		l.Session = ""
	}
	r.ev.kind, r.ev.login = devLogin, l
	r.ev.key = devLoginKey(&r.ev)
}

// devLoginKey is the natural key of a login: what its reports share.
func devLoginKey(e *devEvent) uint64 {
	l := &e.login
	d := newDigest(e.family).text("login").number(uint64(e.at / netcase.Second)).text(l.Account).addr(l.Peer.Addr).number(uint64(l.PeerPort))
	return d.text(string(l.Event)).text(string(l.Outcome)).text(l.Session).text(l.Detail).key()
}

func fortiService(ui, method []byte) string {
	service, _, _ := bytes.Cut(firstOf(ui, method), []byte{'('})
	return strings.ToLower(nameIn(service, 32))
}
