package source

import (
	"bytes"
	"strings"

	"netcase"
)

// The messages of Cisco's firewalls that are read one by one.

// asaReads tells whether a message that a connector kept is one that is read here.
func asaReads(id string, text []byte) bool {
	return asaKinds(id) != nil && len(text) > 0
}

// asaKinds is what reads the text of a message; nil: none does.
func asaKinds(id string) func(*devReading, string, []byte) {
	switch id {
	case "106001", "106006", "106007", "106010", "106014", "106015", "106016", "106017", "106021", "106022", "106023", "106027", "710003", "710005":
		return (*devReading).asaDenied
	case "106100":
		return (*devReading).asaList
	case "302014", "302016":
		return (*devReading).asaEnded
	case "302020":
		return (*devReading).builtICMP
	case "605004", "605005", "611101", "611102":
		return (*devReading).asaAdmin
	case "113004", "113005", "113006", "113012", "113015", "113016", "113017", "113019", "113021", "113039", "716001", "716002", "716038", "716039", "722051":
		return (*devReading).asaAAA
	case "733100", "733101", "733102":
		return (*devReading).asaDetection
	case "430001", "430004", "430005":
		return (*devReading).ftdFound
	}
	if strings.HasPrefix(id, "4000") || strings.HasPrefix(id, "338") {
		return (*devReading).asaDetection
	}
	return nil
}

// asaStateless reads a message that stands for itself.
func (r *devReading) asaStateless(id string, text []byte) {
	if read := asaKinds(id); read != nil {
		read(r, id, text)
		return
	}
	switch id {
	case "302021":
		r.skip("the end of an ICMP connection, which is counted at its beginning")
	case "305009", "305010", "305011", "305012":
		r.skip("an address translation, which is no connection")
	case "106102", "106103":
		r.skip("a list of a VPN group, message " + id)
	default:
		r.skip("message " + id + ", which is no connection, alert or login")
	}
}

// asaDenied reads the denials: of packets by the device itself and by its lists.
func (r *devReading) asaDenied(id string, text []byte) {
	p := loggedPacket{size: netcase.Absent}
	var proto, src, dst []byte
	switch id {
	case "106023", "106014", "106010", "106027":
		proto, src, dst = asaSrcDst(text)
	default:
		proto, src, dst = asaFromTo(id, text)
	}
	a, okA := asaEndIn(src)
	b, okB := asaEndIn(dst)
	if !okA || !okB {
		r.reject("", "no addresses in message "+id)
		return
	}
	f := r.newFlow()
	f.Src, f.SrcPort, f.Dst, f.DstPort = a.end, a.port, b.end, b.port
	f.Reach, f.Rule = netcase.ReachDenied, r.text(bytes.Trim(asaAfter(text, " by access-group "), `"`))
	if n, ok := wholeIn(proto); ok && n <= 255 {
		f.Proto = uint8(n)
	}
	r.protocol(f, proto)
	flags, _, _ := bytes.Cut(asaRest(text, " flags "), []byte(" on interface"))
	p.proto, p.sport, p.dport = f.Proto, f.SrcPort, f.DstPort
	if len(flags) > 0 {
		p.tcp, p.syn, p.ack = true, bytes.Contains(flags, []byte("SYN")), bytes.Contains(flags, []byte("ACK"))
	} else {
		p.answer = bytes.HasSuffix(text, []byte("DNS Response"))
		p.first = !p.answer // it would have begun a connection
	}
	if p.answers() { // a refused answer does not say that what it answers was refused
		f.Src, f.SrcPort, f.Dst, f.DstPort, f.Reach = b.end, b.port, a.end, a.port, netcase.ReachUnknown
	}
	if bytes.Contains(text, []byte("Inbound ")) || bytes.Contains(text, []byte("inbound ")) || id == "710003" || id == "710005" {
		f.Ours = netcase.SideDst
	}
}

// asaAfter is the word after a mark, and asaRest all that follows it.
func asaAfter(text []byte, mark string) []byte {
	first, _ := asaBehind(text, mark)
	return first
}

func asaRest(text []byte, mark string) []byte {
	rest, _ := asaBehindText(text, mark)
	return rest
}

// asaSrcDst reads "Deny tcp src outside:198.51.100.7/51234 dst inside:10.0.0.5/443
// by access-group "outside_in"", and "Deny inbound icmp src …". Interfaces may hold
// spaces; users and groups in brackets stand behind an end.
func asaSrcDst(text []byte) (proto, src, dst []byte) {
	head, rest, ok := bytes.Cut(text, []byte(" src "))
	if !ok {
		return nil, nil, nil
	}
	if i := bytes.LastIndexByte(head, ' '); i >= 0 {
		proto = head[i+1:]
	}
	from, to, ok := bytes.Cut(rest, []byte(" dst "))
	if !ok {
		return proto, nil, nil
	}
	src, _ = word(from)
	dst, _ = word(trimSpaces(to))
	return proto, src, dst
}

// asaFromTo reads the denials that say "from A to B".
func asaFromTo(id string, text []byte) (proto, src, dst []byte) {
	src, _ = asaBehind(text, " from ")
	dst, _ = asaBehind(asaRest(text, " from "), " to ")
	for _, w := range bytes.Fields(text[:min(len(text), 48)]) {
		if _, ok := protocolIn(w); ok && !isDigit(w[0]) || oneOf(w, "esp", "gre", "ah", "igmp", "sctp") {
			proto = w
			break
		}
	}
	if id == "106016" { // Deny IP spoof from (198.51.100.7) to 10.0.0.5 on interface outside
		src = bytes.Trim(src, "()")
	}
	return proto, src, dst
}

// asaList reads "access-list outside_in denied tcp outside/198.51.100.7(51234) ->
// inside/10.0.0.5(443) hit-cnt 3 300-second interval [0x…]".
func (r *devReading) asaList(id string, text []byte) {
	list, rest := word(asaRest(text, "access-list "))
	verdict, rest := word(trimSpaces(rest))
	proto, rest := word(trimSpaces(rest))
	from, to, ok := bytes.Cut(trimSpaces(rest), []byte("->"))
	a, okA := asaListEnd(from)
	b, okB := asaListEnd(to)
	if !ok || !okA || !okB {
		r.reject("", "no addresses in message "+id)
		return
	}
	f := r.newFlow()
	f.Src, f.SrcPort, f.Dst, f.DstPort, f.Rule = a.end, a.port, b.end, b.port, r.text(list)
	r.protocol(f, proto)
	switch string(verdict) {
	case "denied":
		f.Reach = netcase.ReachDenied
	case "permitted", "est-allowed":
		f.Reach = netcase.ReachAllowed
		r.sums[sumASAPermitted]++
	}
	f.Flows = repeats(asaAfter(text, " hit-cnt "))
	if word := asaAfter(asaRest(text, " hit-cnt "), " "); bytes.HasSuffix(word, []byte("-second")) {
		if n, ok := wholeIn(word[:len(word)-len("-second")]); ok && n >= 60 && n <= 86400 {
			f.Resolution = netcase.Resolution(n / 60)
		}
	}
}

// asaListEnd reads "outside/198.51.100.7(51234)", with a user in brackets behind it.
func asaListEnd(b []byte) (e asaEnd, ok bool) {
	first, _ := word(trimSpaces(b))
	if i := bytes.IndexByte(first, '/'); i >= 0 {
		first = first[i+1:]
	}
	host, port, bracketed := bytes.Cut(first, []byte{'('})
	if e.end.Addr, ok = addressIn(host); !ok {
		return e, false
	}
	if bracketed {
		port, _, _ = bytes.Cut(port, []byte{')'})
		e.port, ok = portIn(port)
	}
	return e, ok
}

// asaEnded reads a teardown alone, where no Built can be joined with it.
func (r *devReading) asaEnded(id string, text []byte) {
	number, first, second, reason := asaConnection(text)
	length, _ := asaBehind(text, " duration ")
	duration, ok := asaDuration(string(length))
	if reason != "" || !ok {
		r.reject("", firstWord(reason, "not a duration"))
		return
	}
	amount := asaAfter(text, " bytes ")
	octets, counted := wholeIn(amount)
	_, why, _ := bytes.Cut(text, append([]byte(" bytes "), amount...))
	f := r.newFlow()
	if servicePort(first.port) == surelyService && servicePort(second.port) <= surelyClient {
		first, second = second, first
	} else {
		f.Ours = sideOf(false)
	}
	f.Src, f.SrcPort, f.Dst, f.DstPort, f.Proto = first.end, first.port, second.end, second.port, asaProtoOf(id)
	f.Reach = asaReach(f.Proto, octets, counted, string(why), f.Ours)
	r.sums[sumASAAlone]++
	r.sums[sumASABuilt]++
	if octets > 0 {
		r.sums[sumASABoth]++
	}
	if r.ev.at.Known() {
		f.Start, f.End = r.ev.at-duration, r.ev.at
		r.ev.key = devKey(formatASA, f, number, amount)
	}
}

// asaAdmin reads logins to the device itself: "Login denied from A/p to
// outside:B/ssh for user "x"", "User authentication failed: IP address: A, Uname: x".
func (r *devReading) asaAdmin(id string, text []byte) {
	l := netcase.Login{Outcome: netcase.LoginFailed}
	if id == "605005" || id == "611101" {
		l.Outcome = netcase.LoginSucceeded
	}
	if id[0:3] == "611" {
		l.Account = r.account(asaRest(text, "Uname: "))
		l.Peer.Addr, _ = addressIn(bytes.TrimRight(asaAfter(text, "IP address: "), ","))
	} else {
		peer, _ := asaEndIn(asaAfter(text, " from "))
		l.Peer, l.PeerPort = peer.end, peer.port
		to := asaAfter(asaRest(text, " from "), " to ")
		host, service, _ := bytes.Cut(to, []byte{'/'})
		if i := bytes.IndexByte(host, ':'); i >= 0 {
			host = host[i+1:]
		}
		l.Host.Addr, _ = addressIn(host)
		l.Service = strings.ToLower(r.text(service))
		l.Account = r.account(asaRest(text, " for user "))
	}
	r.ev.kind, r.ev.login = devLogin, l
}

// account is a name in quotes or up to the next mark. The device shows a name that it
// does not know as asterisks.
func (r *devReading) account(b []byte) string {
	if len(b) > 0 && b[0] == '"' {
		name, _ := devQuoted(b[1:])
		return plainName(name, maxName)
	}
	if end := bytes.IndexAny(b, " ,"); end >= 0 {
		b = b[:end]
	}
	return plainName(bytes.Trim(b, "<>"), maxName)
}

// asaAAA reads what authentication by a server or the local accounts says of a user:
// mostly of a VPN.
func (r *devReading) asaAAA(id string, text []byte) {
	l := netcase.Login{}
	for _, mark := range [...]string{"user = ", "User = ", "Username = ", "User <", "User "} {
		if rest, ok := asaBehindText(text, mark); ok {
			l.Account = r.account(rest)
			break
		}
	}
	for _, mark := range [...]string{"user IP = ", ", IP = ", " IP <"} {
		if a, ok := addressIn(bytes.Trim(asaAfter(text, mark), "<>,. ")); ok {
			l.Peer.Addr = a
			break
		}
	}
	reason, _, _ := bytes.Cut(asaRest(text, "reason = "), []byte(" : "))
	if len(reason) == 0 {
		reason = asaRest(text, "Reason: ")
	}
	l.Detail = r.text(reason)
	switch id {
	case "113004", "113012":
		if !bytes.Contains(text, []byte("uthentication")) {
			r.skip("an authorization or accounting of a user who has logged in")
			return
		}
		l.Outcome = netcase.LoginSucceeded
	case "716038":
		l.Outcome, l.Service = netcase.LoginSucceeded, "ssl-vpn"
	case "716039":
		l.Outcome, l.Service = netcase.LoginFailed, "ssl-vpn"
	case "113005", "113015", "113016", "113017", "113021":
		l.Outcome = asaWhy(strings.ToLower(l.Detail))
	case "113006":
		l.Event = netcase.LoginLockout
	case "113019", "716002":
		l.Event, l.Service = netcase.LoginLogoff, "vpn"
	default:
		l.Event, l.Service = netcase.LoginSession, "vpn"
	}
	r.ev.kind, r.ev.login = devLogin, l
}

// asaWhy is what the reason of a rejection says.
func asaWhy(reason string) netcase.LoginOutcome {
	switch {
	case strings.Contains(reason, "invalid password"):
		return netcase.LoginWrongPassword
	case strings.Contains(reason, "user was not found") || strings.Contains(reason, "user not found") || strings.Contains(reason, "unknown user"):
		return netcase.LoginNoAccount
	case strings.Contains(reason, "locked") || strings.Contains(reason, "disabled") || strings.Contains(reason, "expired") || strings.Contains(reason, "account is"):
		return netcase.LoginBlocked
	}
	return netcase.LoginFailed
}

// asaDetection reads what the device concluded: rates of threats, attackers, the
// signatures of its IPS and the names of its botnet filter.
func (r *devReading) asaDetection(id string, text []byte) {
	a := netcase.Alert{ID: id, Name: r.text(text), Category: "threat-detection"}
	src := asaAfter(text, " from ")
	dst := asaAfter(asaRest(text, " from "), " to ")
	switch {
	case id == "733100":
		if object, rest, ok := bytes.Cut(bytes.TrimPrefix(text, []byte{'['}), []byte("] ")); ok {
			what, _, _ := bytes.Cut(rest, []byte(" exceeded"))
			a.Name, a.Detail = r.text(object)+": "+r.text(what)+" exceeded", r.text(rest)
			src = bytes.TrimSpace(object)
		}
	case id == "733101" || id == "733102":
		for _, w := range bytes.Fields(text[:min(len(text), maxName)]) {
			if _, ok := addressIn(bytes.TrimRight(w, ".,")); ok {
				src = w
				break
			}
		}
		if bytes.Contains(text, []byte("targeted")) {
			src, dst = nil, src
		}
		a.Blocked = id == "733102"
	case strings.HasPrefix(id, "4000"): // IPS:2004 ICMP echo request from A to B on interface outside
		a.Category = "ips"
		name, _, _ := bytes.Cut(text, []byte(" from "))
		a.Name = r.text(name)
	default:
		a.Category = "botnet"
		a.Blocked = bytes.HasPrefix(text, []byte("Dynamic Filter dropped")) || bytes.HasPrefix(text, []byte("Dynamic filter dropped"))
	}
	from, _ := asaEndIn(src)
	to, _ := asaEndIn(dst)
	if from.end.Addr.IsValid() {
		a.Src, a.SrcPort = from.end, from.port
	}
	if to.end.Addr.IsValid() {
		a.Dst, a.DstPort = to.end, to.port
	}
	a.Count = 1
	r.ev.kind, r.ev.alert = devAlert, a
}

// ftdFields reads "SrcIP: 198.51.100.7, DstIP: 10.0.0.5, …". A value may hold commas:
// it ends before the next name with a colon.
func ftdFields(b []byte, into devFields) devFields {
	for len(b) > 0 && len(into) < maxDevFields {
		colon := bytes.Index(b, []byte(": "))
		if colon <= 0 {
			if name, empty := bytes.CutSuffix(bytes.TrimSpace(b), []byte{':'}); empty {
				into = append(into, devField{key: name})
			}
			return into
		}
		key := bytes.TrimSpace(b[:colon])
		b = b[colon+2:]
		end, from := len(b), 0
		for {
			comma := bytes.Index(b[from:], []byte(", "))
			if comma < 0 {
				break
			}
			name, _, ok := bytes.Cut(b[from+comma+2:], []byte{':'})
			if ok && len(name) <= longestKey && bytes.IndexByte(name, ',') < 0 {
				end = from + comma
				break
			}
			from += comma + 2
		}
		into = append(into, devField{key: key, value: bytes.TrimSpace(b[:end])})
		b = b[min(len(b), end+2):]
	}
	return into
}

// ftd reads a connection event: 430002 at its beginning, 430003 at its end. Of a
// connection that was blocked there is only the beginning.
//
// Source: Cisco Secure Firewall Threat Defense Syslog Messages, Security Events.
func (r *asaReading) ftd(id string, text []byte) {
	x := ftdFields(text, nil)
	if at := x.get("DeviceName", "Hostname"); at != nil {
		r.ev.device = at
	}
	action := r.word(x.get("AccessControlRuleAction"))
	f := r.newFlow()
	if !r.ends(f, x.get("SrcIP", "InitiatorIP"), x.get("SrcPort", "InitiatorPort"), x.get("DstIP", "ResponderIP"), x.get("DstPort", "ResponderPort"), x.get("Protocol")) {
		return
	}
	if !r.size(&f.OctetsOut, "InitiatorBytes", x.get("InitiatorBytes")) || !r.size(&f.OctetsIn, "ResponderBytes", x.get("ResponderBytes")) ||
		!r.size(&f.PacketsOut, "InitiatorPackets", x.get("InitiatorPackets")) || !r.size(&f.PacketsIn, "ResponderPackets", x.get("ResponderPackets")) {
		return
	}
	f.Rule = r.text(x.get("AccessControlRuleName", "Prefilter Policy", "ACPolicy"))
	denied := strings.HasPrefix(action, "block") || strings.HasPrefix(action, "deny") || strings.HasPrefix(action, "reset")
	if f.Reach = ftdReach(denied, action, f); id == "430002" && !denied {
		f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent
	}
	first := x.get("FirstPacketSecond")
	start, zone := r.time(first)
	if start.Known() {
		f.Start, r.ev.at, r.ev.stamp, r.ev.zone = start, start, first, zone
	} else if !r.timed() {
		return
	}
	number := bytes.Join([][]byte{x.get("DeviceUUID"), x.get("InstanceID"), x.get("ConnectionID"), first}, []byte{' '})
	key := r.connectionKey(number, f.Proto, asaEnd{f.Src, f.SrcPort}, asaEnd{f.Dst, f.DstPort})
	if id == "430002" && !denied {
		f.Start, f.End = r.ev.at, r.ev.at
		r.hold(key)
		return
	}
	f.Records = 1
	if d, ok := seconds(x.get("ConnectionDuration")); ok {
		if !start.Known() {
			f.Start = r.ev.at - d
		}
		f.End = f.Start + d
	}
	if o := r.open[key]; o != nil {
		delete(r.open, key)
		f.Records = 2
	}
	r.ev.key = devKey(formatASA, f, number)
}

func ftdReach(denied bool, action string, f *netcase.Flow) netcase.Reach {
	switch {
	case denied:
		return netcase.ReachDenied
	case strings.HasPrefix(action, "fastpath") && f.OctetsIn == 0: // what bypasses the inspection is not counted
		return netcase.ReachAllowed
	}
	return devAnswered(f)
}

// ftdFound reads an intrusion (430001) or a file with malware (430005).
func (r *devReading) ftdFound(id string, text []byte) {
	x := ftdFields(text, nil)
	if id == "430004" {
		r.skip("a file that was seen and not called malware")
		return
	}
	if d := x.get("DeviceName"); d != nil {
		r.ev.device = d
	}
	r.stampAt(x.get("FirstPacketSecond"))
	result := r.word(x.get("InlineResult", "FileAction"))
	a := netcase.Alert{
		Name: r.text(x.get("Message", "ThreatName", "FileName")), ID: r.text(x.get("SID", "FileSHA256")), Category: r.text(x.get("Classification", "FileType")),
		Severity: r.text(x.get("Priority", "EventPriority", "SHA_Disposition")), Detail: r.text(x.get("FileName")),
		Blocked: strings.HasPrefix(result, "drop") || strings.HasPrefix(result, "block") || strings.Contains(result, "malware block"),
	}
	r.alertEnds(&a, x.get("SrcIP"), x.get("SrcPort"), x.get("DstIP"), x.get("DstPort"), x.get("Protocol"))
}
