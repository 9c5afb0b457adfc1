package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"netcase"
)

const formatCEF = "cef"

// cef reads ArcSight's Common Event Format.
var cef = Format{
	Name: formatCEF,
	Doc:  "ArcSight CEF, alone or behind syslog: sessions, alerts and logins of Palo Alto, Fortinet, Check Point, Cisco ASA and others that use its keys",
	Proves: "what the device says it allowed, denied or found; sizes where it gives them, each way as the vendor means in and out; " +
		"of a vendor that is not known only what the standard keys say",
	Detect: detectCEF,
	Decode: decodeCEF,
	Split: func(head []byte) *Split {
		if devUndated(head, cefMark) {
			return nil // the year of a message follows from the message before
		}
		return &Split{Cut: WholeLines}
	},
	Undated: func(head []byte) bool { return devUndated(head, cefMark) },
	Join:    cefJoin,
}

func detectCEF(head []byte) (bool, string) {
	var x cefEvent
	if !devMostLines(head, func(line []byte) bool {
		at := cefMark(line)
		return at >= 0 && x.scan(line[at:]) == ""
	}) {
		return false, "most lines are no CEF: CEF:0|vendor|product|version|class|name|severity| is expected"
	}
	return true, ""
}

// cefMark finds "CEF:0|". A space behind the colon is a common slip.
func cefMark(line []byte) int {
	head := line[:min(len(line), 1024)]
	for from := 0; ; {
		i := bytes.Index(head[from:], []byte("CEF:"))
		if i < 0 {
			return -1
		}
		from += i
		rest := bytes.TrimLeft(head[from+4:], " ")
		if len(rest) > 1 && isDigit(rest[0]) && rest[1] == '|' && (from == 0 || !isLetter(head[from-1])) {
			return from
		}
		from += 4
	}
}

// cefEvent is one event of CEF: its header, and its extension by key.
type cefEvent struct {
	vendor, product, version, class, name, severity []byte
	fields                                          devFields
}

// scan takes "CEF:0|vendor|…|severity|key=value …" apart.
func (x *cefEvent) scan(text []byte) (reason string) {
	_, rest, _ := bytes.Cut(text, []byte{'|'})
	for _, into := range [...]*[]byte{&x.vendor, &x.product, &x.version, &x.class, &x.name, &x.severity} {
		end := cefBar(rest)
		if end < 0 {
			return "fewer than seven fields in the header of CEF"
		}
		*into = cefPlain(rest[:end])
		rest = rest[end+1:]
	}
	x.fields = cefExtension(rest, x.fields[:0])
	return ""
}

// cefBar is the next bar that is not escaped.
func cefBar(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '|':
			return i
		}
	}
	return -1
}

// cefPlain is a text without its escapes.
func cefPlain(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return bytes.TrimSpace(b)
	}
	return devUnescaped(bytes.TrimSpace(b))
}

// cefExtension reads "key=value key=value". A value may hold spaces: it ends before
// the next word with an equals sign that is not escaped. Many devices leave the signs
// in their values without an escape: what stands before one is a key only if it
// looks like one.
func cefExtension(b []byte, into devFields) devFields {
	key, from := []byte(nil), 0
	put := func(end int) {
		if key != nil && len(into) < maxDevFields {
			into = append(into, devField{key: key, value: cefPlain(b[from:end])})
		}
	}
	space := -1 // the last one before i
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case ' ', '\t':
			space = i
		case '=':
			if word := b[space+1 : i]; isCEFKey(word) && (space >= from || key == nil) {
				put(max(space, from))
				key, from = word, i+1
			}
		}
	}
	put(len(b))
	return into
}

// longestKey bounds a key of an extension; the longest documented has 36 characters.
const longestKey = 64

func isCEFKey(b []byte) bool {
	if len(b) == 0 || len(b) > longestKey {
		return false
	}
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '-' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

func decodeCEF(ctx context.Context, in *Input, out Sink) error {
	r := &devLines{family: formatCEF, mark: cefMark}
	var x cefEvent
	r.take = func(text []byte) {
		if reason := x.scan(text); reason != "" {
			r.reject("", reason)
			return
		}
		r.cef(&x)
	}
	err := r.read(ctx, in, out)
	if e := r.end(ctx, out); err == nil {
		err = e
	}
	return err
}

const sumCEFBytes = "cef bytes of unknown vendors"

func cefJoin(in *Input) {
	startsOnly(in, sumPanStarts, sumPanEnds)
	startsOnly(in, sumFortiStarts, sumFortiEnds)
	startsOnly(in, sumASAStarts, sumASABuilt)
	if n := in.Sums[sumCEFBytes]; n > 0 {
		in.Note("in %s of vendors without rules of their own, in= was taken as what the source received and out= as what it sent, as most products write it; the specification of CEF has it the other way round", rowsOf(n))
	}
}

// cef reads an event by the words of its vendor.
func (r *devReading) cef(x *cefEvent) {
	r.ev.device, r.ev.serial = x.fields.get("dvchost", "dvc"), x.fields.get("deviceExternalId")
	vendor, product := r.word(x.vendor), r.word(x.product)
	switch {
	case strings.Contains(vendor, "palo alto"):
		r.ev.family = formatPaloAlto
		r.cefPan(x)
	case strings.Contains(vendor, "fortinet") && (strings.Contains(product, "fortigate") || len(x.more("FTNTFGT", "logid", "policyid")) > 0):
		r.ev.family = formatFortigate
		r.cefForti(x)
	case strings.Contains(vendor, "check point") || vendor == "checkpoint":
		r.ev.family = formatCheckpoint
		r.cefTimes(x)
		r.cefCheckpoint(x)
	case strings.Contains(vendor, "cisco") && isASA(product, x.class):
		r.ev.family = formatASA
		r.cefTimes(x)
		r.cefASA(x)
	default:
		r.cefTimes(x)
		r.cefGeneric(x)
	}
}

// more is a field that a vendor added, with or without its prefix.
func (x *cefEvent) more(prefix string, names ...string) []byte {
	for _, name := range names {
		if v := x.fields.get(prefix+name, name, "ad."+name); v != nil {
			return v
		}
	}
	return nil
}

// labelled is the custom field (cs1, cn3, flexString2, c6a2 …) whose label is one of
// the lower case words.
func (x *cefEvent) labelled(words ...string) []byte {
	for i := range x.fields {
		f := &x.fields[i]
		name, ok := strings.CutSuffix(f.name, "Label")
		if key, labels := bytes.CutSuffix(f.key, []byte("Label")); labels {
			name, ok = string(key), true
		}
		if ok && oneOf(f.value, words...) {
			return x.fields.get(name)
		}
	}
	return nil
}

// cefTimes takes when the event was, and where the record gives them when it began
// and ended.
func (r *devReading) cefTimes(x *cefEvent) {
	for _, key := range [...]string{"end", "rt", "start", "deviceCustomDate1"} {
		if text := x.fields.get(key); text != nil && r.stampAt(text) {
			return
		}
	}
}

// cefSpan books a flow from its start to its end.
func (r *devReading) cefSpan(x *cefEvent, f *netcase.Flow) {
	f.Start, _ = r.time(x.fields.get("start"))
	if f.Start > r.ev.at && r.ev.at.Known() {
		f.Start = r.ev.at
	}
	if f.Start.Known() {
		f.End = r.ev.at
	}
}

// cefSrc and the others are the ends by the keys of either family.
func (x *cefEvent) src() []byte {
	return firstOf(x.fields.get("src"), x.labelled("source ipv6 address"))
}
func (x *cefEvent) dst() []byte {
	return firstOf(x.fields.get("dst"), x.labelled("destination ipv6 address"))
}

// cefPan gives a log of PAN-OS the names that it has natively. Bytes are written
// from the firewall's view: in is what the client sent.
func (r *devReading) cefPan(x *cefEvent) {
	kind, subtype, said := x.panKind()
	if kind == nil {
		r.skip("a log of PAN-OS that is neither TRAFFIC nor THREAT")
		return
	}
	if !r.stampAt(x.fields.get("rt")) {
		r.cefTimes(x)
	}
	get, pan := x.fields.get, "PanOS"
	threat := firstOf(get("cat"), said)
	names := r.named[:0]
	for _, p := range [...]struct {
		name  string
		value []byte
	}{
		{"type", kind}, {"subtype", subtype}, {"src", x.src()}, {"dst", x.dst()}, {"sport", get("spt")}, {"dport", get("dpt")},
		{"natdst", get("destinationTranslatedAddress")}, {"natdport", get("destinationTranslatedPort")}, {"proto", get("proto")},
		{"rule", firstOf(x.labelled("rule"), x.more(pan, "RuleName"))}, {"app", get("app")}, {"sessionid", firstOf(x.labelled("sessionid"), x.more(pan, "SessionID"))},
		{"repeatcnt", get("cnt")}, {"action", get("act")}, {"bytes_sent", get("in")}, {"bytes_received", get("out")},
		{"pkts_sent", x.more(pan, "PacketsSent")}, {"pkts_received", x.more(pan, "PacketsReceived")}, {"start", get("start")},
		{"elapsed", firstOf(x.labelled("elapsed time in seconds", "elapsed"), x.more(pan, "SessionDuration"))}, {"session_end_reason", get("reason")},
		{"seqno", get("externalId")}, {"serial", get("deviceExternalId")}, {"misc", bytes.Trim(firstOf(get("request"), get("msg")), "\"")}, {"threatid", threat},
		{"category", x.labelled("url category")}, {"severity", x.severity}, {"direction", x.labelled("direction")},
	} {
		if p.value != nil {
			names = append(names, devField{name: p.name, value: p.value})
		}
	}
	r.named = names
	r.pan(names)
}

// panKind finds the type and the subtype of a log, and what else its header says: the
// template has the subtype as the class and the type as the name, and some that fill
// it have them the other way. Where neither is a type, a session with an action is
// what TRAFFIC tells of.
func (x *cefEvent) panKind() (kind, subtype, said []byte) {
	for _, p := range [...][2][]byte{{x.name, x.class}, {x.class, x.name}, {x.severity, x.class}} {
		if oneOf(p[0], "threat") {
			return p[0], firstOf(x.fields.get("PanOSThreatType", "subtype"), panThreatType(p[1])), p[1]
		}
		if oneOf(p[0], "traffic") {
			return p[0], p[1], p[1]
		}
	}
	other := isPanType(x.class) || isPanType(x.name)
	if other || x.src() == nil || x.dst() == nil || x.fields.get("act") == nil {
		return nil, nil, nil
	}
	if isConclusion(x) {
		return []byte("threat"), panThreatType(x.class), x.name
	}
	return []byte("traffic"), x.class, x.name
}

// panThreatType is a subtype of THREAT, where the text is one; the template for
// threats has the name of the threat in its place.
func panThreatType(text []byte) []byte {
	if oneOf(text, "url", "file", "data", "wildfire", "wildfire-virus", "virus", "spyware", "vulnerability", "flood", "scan", "packet", "ml-virus", "dns", "resource") {
		return text
	}
	return nil
}

// cefForti gives a log of FortiGate the names that it has natively.
func (r *devReading) cefForti(x *cefEvent) {
	get := x.fields.get
	names := r.named[:0]
	for _, f := range x.fields { // what has no key of CEF keeps its name behind a prefix
		if name, ok := bytes.CutPrefix(f.key, []byte("FTNTFGT")); ok {
			names = append(names, devField{key: name, value: f.value})
		}
	}
	kind, subtype := x.fortiKind()
	if !oneOf(kind, "traffic", "utm", "event", "anomaly", "ips", "virus", "webfilter", "attack") {
		r.cefOther(x)
		return
	}
	action := firstOf(get("act"), fortiWord(x.name))
	for _, p := range [...]struct {
		name  string
		value []byte
	}{
		{"type", kind}, {"subtype", subtype}, {"srcip", x.src()}, {"srcport", get("spt")}, {"dstip", x.dst()}, {"dstport", get("dpt")},
		{"tranip", get("destinationTranslatedAddress")}, {"tranport", get("destinationTranslatedPort")}, {"proto", get("proto")},
		{"action", action}, {"sentbyte", get("out")}, {"rcvdbyte", get("in")}, {"sentpkt", get("sentpkt")}, {"rcvdpkt", get("rcvdpkt")},
		{"duration", get("duration")}, {"policyid", get("policyid")}, {"policyname", get("policyname")}, {"sessionid", get("externalId")}, {"srcname", get("shost")}, {"dstname", get("dhost")},
		{"devid", get("deviceExternalId")}, {"user", firstOf(get("duser"), get("suser"))}, {"reason", get("reason")}, {"status", get("outcome")}, {"msg", get("msg")},
		{"logid", fortiID(x)}, {"app", get("app")}, {"count", get("cnt")}, {"hostname", get("dhost")}, {"qname", get("qname")}, {"trandisp", get("trandisp")},
	} {
		if p.value != nil {
			names = append(names, devField{name: p.name, value: p.value})
		}
	}
	if len(names.get("tranip")) > 0 && names.get("trandisp") == nil {
		names = append(names, devField{name: "trandisp", value: []byte("dnat")})
	}
	if r.fortiTime(names); !r.ev.at.Known() {
		r.cefTimes(x)
	}
	r.named = names
	r.forti(names)
}

// fortiKind finds type and subtype: in cat ("traffic:forward"), else in the name.
func (x *cefEvent) fortiKind() (kind, subtype []byte) {
	text := x.fields.get("cat")
	if text == nil || bytes.IndexByte(text, ':') < 0 {
		text, _ = word(x.name)
	}
	kind, subtype, _ = bytes.Cut(text, []byte{':'})
	if k := x.fields.get("FTNTFGTtype", "type"); k != nil && !oneOf(kind, "traffic", "utm", "event", "anomaly") {
		kind = k
	}
	return kind, firstOf(x.fields.get("FTNTFGTsubtype", "subtype"), subtype)
}

// fortiWord is the action behind the kind in the name: "traffic:forward close".
func fortiWord(name []byte) []byte {
	i := bytes.LastIndexByte(name, ' ')
	return name[i+1:]
}

// fortiID is the number of the message: the class is its last five digits.
func fortiID(x *cefEvent) []byte { return firstOf(x.fields.get("FTNTFGTlogid", "logid"), x.class) }

// cefGeneric reads an event of any vendor by the standard keys alone.
func (r *devReading) cefGeneric(x *cefEvent) {
	r.ev.family = formatCEF
	get := x.fields.get
	if kind := r.cefLogin(x); kind != "" {
		if kind != isLogin {
			r.skip(kind)
		}
		return
	}
	if isConclusion(x) {
		r.cefAlert(x)
		return
	}
	action := r.word(firstOf(get("act"), get("outcome")))
	reach := devVerdict(action)
	sent, received := get("out", "bytesOut"), get("in", "bytesIn")
	sized := received != nil || sent != nil
	if x.src() == nil || x.dst() == nil || reach == netcase.ReachUnknown && !sized {
		r.skip("an event of " + r.shown(x.vendor) + " " + r.shown(x.product) + " that tells of no session")
		return
	}
	f := r.newFlow()
	if !r.ends(f, x.src(), get("spt"), x.dst(), firstOf(get("dpt"), get("destinationTranslatedPort")), firstOf(get("proto"), get("app"))) {
		return
	}
	if !r.size(&f.OctetsOut, "out", sent) || !r.size(&f.OctetsIn, "in", received) {
		return
	}
	f.Reach, f.Flows, f.Resolution = reach, repeats(get("cnt")), netcase.ResolutionUnknown
	if sized {
		r.sums[sumCEFBytes]++
	}
	if reach == netcase.ReachAllowed && f.OctetsOut > 0 && f.OctetsIn > 0 {
		f.Reach = netcase.ReachBidirectional // a 0 may be a counter that the device does not keep
	}
	switch string(get("deviceDirection")) {
	case "0":
		f.Ours = netcase.SideDst
	case "1":
		f.Ours = netcase.SideSrc
	}
	f.Src.Name, f.Dst.Name = r.text(get("shost")), r.text(get("dhost"))
	f.Rule = r.text(x.labelled("rule", "rule name", "rulename", "policy", "policy name", "acl", "access control rule"))
	r.cefSpan(x, f)
	if r.ev.at.Known() {
		r.ev.key = devKey(r.ev.family, f, get("externalId"), x.class, get("deviceExternalId"))
	}
}

// devVerdict is what a word of any vendor says of a session. Words that begin with one
// of these are forms of it ("Blocked", "drop-icmp", "Allowed by rule").
func devVerdict(word string) netcase.Reach {
	for _, w := range [...]string{"deny", "denied", "drop", "block", "reject", "discard", "prevent", "refuse", "not allowed", "not permitted"} {
		if strings.HasPrefix(word, w) {
			return netcase.ReachDenied
		}
	}
	for _, w := range [...]string{"allow", "accept", "permit", "pass", "forward", "built", "teardown", "close", "bypass", "success", "trust"} {
		if strings.HasPrefix(word, w) {
			return netcase.ReachAllowed
		}
	}
	return netcase.ReachUnknown
}

// isConclusion tells whether an event is what an inspection concluded: its category,
// class or name say so in words that nothing else uses.
func isConclusion(x *cefEvent) bool {
	for _, text := range [...][]byte{x.fields.get("cat"), x.class, x.name, x.product} {
		lower := bytes.ToLower(text[:min(len(text), maxName)])
		for _, w := range [...]string{"intrusion", "malware", "exploit", "virus", "spyware", "trojan", "botnet", "attack", "threat"} {
			if bytes.Contains(lower, []byte(w)) {
				return true
			}
		}
		for _, w := range [...]string{"ips", "ids", "idps"} {
			if string(lower) == w || bytes.HasPrefix(lower, []byte(w+" ")) || bytes.HasPrefix(lower, []byte(w+":")) {
				return true
			}
		}
	}
	return false
}

func (r *devReading) cefAlert(x *cefEvent) {
	get := x.fields.get
	a := netcase.Alert{
		Name: r.text(firstOf(x.name, x.class)), ID: r.text(x.class), Category: r.text(get("cat")), Severity: r.text(x.severity),
		Blocked: devVerdict(r.word(get("act"))) == netcase.ReachDenied, Count: repeats(get("cnt")), Detail: r.text(firstOf(get("msg"), get("request"), get("reason"))),
	}
	r.alertEnds(&a, x.src(), get("spt"), x.dst(), get("dpt"), get("proto"))
}

const isLogin = "login"

// cefLogin reads an event that is unmistakably a login: its class, name or category
// say so, and it has an account and an outcome. Empty: it is none.
func (r *devReading) cefLogin(x *cefEvent) (kind string) {
	get := x.fields.get
	said := false
	for _, text := range [...][]byte{x.class, x.name, get("cat")} {
		lower := bytes.ToLower(text[:min(len(text), maxName)])
		for _, w := range [...]string{"login", "logon", "log in", "log on", "authenticat", "sign-in", "signin"} {
			said = said || bytes.Contains(lower, []byte(w))
		}
	}
	account := firstOf(get("duser"), get("suser"))
	if !said || x.src() != nil && get("dpt") != nil && account == nil {
		return ""
	}
	const unclear = "an event about logins without an account and an outcome"
	if account == nil {
		return unclear
	}
	l := netcase.Login{Account: r.text(account), Service: r.text(get("app")), Domain: r.text(firstOf(get("dntdom"), get("sntdom"))), Detail: r.text(firstOf(get("reason"), get("msg"))), Count: repeats(get("cnt"))}
	switch outcome := r.word(firstOf(get("outcome"), get("act"), x.labelled("outcome"))); {
	case strings.HasPrefix(outcome, "fail") || strings.HasPrefix(outcome, "den") || strings.HasPrefix(outcome, "block") || strings.HasPrefix(outcome, "reject"):
		l.Outcome = netcase.LoginFailed
	case strings.HasPrefix(outcome, "success") || strings.HasPrefix(outcome, "allow") || strings.HasPrefix(outcome, "accept") || strings.HasPrefix(outcome, "permit"):
		l.Outcome = netcase.LoginSucceeded
	default:
		return unclear
	}
	l.Peer.Addr, _ = addressIn(x.src())
	l.Peer.Name = r.text(get("shost"))
	l.PeerPort, _ = portIn(get("spt"))
	l.Host.Addr, _ = addressIn(x.dst())
	l.Host.Name = r.text(get("dhost"))
	l.Session = r.text(get("externalId"))
	r.ev.kind, r.ev.login = devLogin, l
	r.ev.key = devLoginKey(&r.ev)
	return isLogin
}

// cefCheckpoint gives a log of Check Point the names that it has natively.
func (r *devReading) cefCheckpoint(x *cefEvent) {
	get := x.fields.get
	names := append(r.named[:0], x.fields...)
	for _, p := range [...]struct {
		name  string
		value []byte
	}{
		{"action", get("act")}, {"s_port", get("spt")}, {"service", get("dpt")}, {"product", firstOf(get("product"), x.product)}, {"src", x.src()}, {"dst", x.dst()},
		{"sent_bytes", get("out", "bytesOut")}, {"received_bytes", get("in", "bytesIn")}, {"signature", x.name}, {"rule_name", x.labelled("rule name")}, {"rule", x.labelled("rule number", "rule")},
		{"protection_name", firstOf(x.labelled("protection name"), get("protection_name"))}, {"attack", x.labelled("attack", "attack name")},
		{"xlatedst", get("destinationTranslatedAddress")}, {"xlatedport", get("destinationTranslatedPort")},
		{"severity", firstOf(x.labelled("severity"), x.severity)}, {"user", firstOf(get("duser"), get("suser"))}, {"connection_count", get("cnt")},
	} {
		if p.value != nil {
			names = append(names, devField{name: p.name, value: p.value})
		}
	}
	r.checkpointDevice(names)
	r.named = names
	r.checkpoint(names)
}

// cefASA reads the message that a connector kept, else what the standard keys say.
func (r *devReading) cefASA(x *cefEvent) {
	text := x.fields.get("msg", "message", "reason")
	id := bytes.TrimSpace(x.class)
	if i := bytes.LastIndexByte(id, '-'); i >= 0 {
		id = id[i+1:] // %ASA-6-302013
	}
	if i := bytes.Index(text, []byte(": ")); i > 0 && (bytes.HasPrefix(text, []byte("%ASA-")) || bytes.HasPrefix(text, []byte("%FTD-"))) {
		text = text[i+2:]
	}
	if _, err := strconv.Atoi(string(id)); err == nil && len(text) > 0 && asaReads(string(id), text) {
		r.asaStateless(string(id), text)
		if r.ev.kind == devLogin && r.ev.at.Known() {
			r.ev.key = devLoginKey(&r.ev)
		}
		if r.ev.kind != devReject || x.src() == nil || x.dst() == nil {
			return
		}
	}
	if string(id) == "302013" || string(id) == "302015" {
		r.sums[sumASAStarts]++
		r.skip(skipBeginning)
		return
	}
	r.cefOther(x)
}

// cefOther reads an event of a vendor that is known, in words that are not its own.
func (r *devReading) cefOther(x *cefEvent) {
	family := r.ev.family
	if !r.ev.at.Known() {
		r.cefTimes(x)
	}
	r.cefGeneric(x)
	r.ev.family = family
}
