package source

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"strings"

	"netcase"
)

const formatECS = "ecs"

// ecs reads events as the Elastic Common Schema names their parts.
var ecs = Format{
	Name: formatECS,
	Doc:  "Elastic Common Schema as JSON (Filebeat, Packetbeat, Elastic Agent, exported search hits): network, authentication, process, dns and alert events",
	Proves: "what the module that shipped the event says: denied or allowed where event.type or event.action has it, octets and packets each way where both ends have them; " +
		"beginnings of connections whose ends are recorded too may be counted beside them",
	Detect: detectECS,
	Decode: func(ctx context.Context, in *Input, out Sink) error { return eachDoc(ctx, in, out, ecsBelow, ecsEvent) },
	Split:  splitDocs(ecsBelow),
}

// ecsBelow is where exports of searches have their documents.
var ecsBelow = []string{"hits.hits", "hits", "rawResponse.hits.hits"}

// splitDocs cuts documents that stand one a line.
func splitDocs(below []string) func(head []byte) *Split {
	return func(head []byte) *Split {
		if !docLines(head, below) {
			return nil
		}
		return &Split{Cut: WholeLines}
	}
}

func detectECS(head []byte) (bool, string) {
	text := bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")
	switch {
	case len(text) == 0 || text[0] != '{' && text[0] != '[':
		return false, "it is no JSON"
	case bytes.Contains(head, []byte(`"winlog"`)) || bytes.Contains(head, []byte(`"winlog.`)):
		return false, "it has Windows events of Winlogbeat"
	case !bytes.Contains(head, []byte(`"@timestamp"`)):
		return false, "it has no @timestamp"
	}
	has := func(nested, dotted string) bool {
		return bytes.Contains(head, []byte(`"`+nested+`"`)) || bytes.Contains(head, []byte(`"`+dotted))
	}
	if has("event", "event.") && (has("ecs", "ecs.") || has("source", "source.") || has("destination", "destination.") || has("user", "user.")) {
		return true, ""
	}
	return false, "it has not the parts that ECS names"
}

func ecsEvent(r *docReader, d *jsonDoc) {
	at, stamp := d.when("event.start", "@timestamp")
	if !at.Known() {
		r.reject(d, "@timestamp", "not a time")
		return
	}
	categories := d.list("event.category")
	is := func(c string) bool { return contains(categories, c) }
	switch {
	case d.text("event.kind") == "alert" || is("intrusion_detection"):
		ecsAlert(r, d, at, stamp)
	case is("authentication"):
		ecsLogin(r, d, at, stamp)
	case d.text("dns.question.name") != "":
		ecsQuery(r, d, at, stamp)
	case is("process") && d.text("process.name", "process.executable") != "":
		ecsProcess(r, d, at, stamp)
	case is("network") || is("network_traffic") || d.has("source.ip") && d.has("destination.ip"):
		ecsFlow(r, d, at, stamp)
	default:
		r.in.Skip("ecs: an event of category " + Printable(strings.Join(categories[:min(len(categories), 2)], " ")))
	}
}

// ecsSensor is who saw it.
func ecsSensor(r *docReader, d *jsonDoc) string {
	return r.sensor(formatECS, d.text("observer.name", "observer.hostname", "observer.serial_number", "agent.name", "host.name"))
}

func ecsKey(d *jsonDoc) uint64 {
	if id := d.text("event.id"); id != "" {
		return newDigest(formatECS).text(id).text(d.text("@timestamp")).text(d.text("event.action")).key()
	}
	return 0
}

func ecsFlow(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	f := netcase.Flow{Start: at, End: at, Records: 1, Sensor: ecsSensor(r, d), Key: ecsKey(d), Rule: d.text("rule.name", "rule.id")}
	// A client began, whoever sent the packet at hand.
	from, to := "source", "destination"
	if d.has("client.ip") && d.has("server.ip") {
		from, to = "client", "server"
	}
	var why string
	if f.Src, why = d.end(from+".ip", from+".domain"); why != "" || !f.Src.Known() {
		r.reject(d, from+".ip", "not an address")
		return
	}
	if f.Dst, why = d.end(to+".ip", to+".domain"); why != "" || !f.Dst.Known() {
		r.reject(d, to+".ip", "not an address")
		return
	}
	for _, n := range []struct {
		path string
		to   *int64
	}{{from + ".bytes", &f.OctetsOut}, {to + ".bytes", &f.OctetsIn}, {from + ".packets", &f.PacketsOut}, {to + ".packets", &f.PacketsIn}} {
		var ok bool
		if *n.to, ok = d.number(n.path); !ok {
			r.reject(d, n.path, "not a count")
			return
		}
	}
	for _, p := range []struct {
		path string
		to   *uint16
	}{{from + ".port", &f.SrcPort}, {to + ".port", &f.DstPort}} {
		n, ok := d.number(p.path)
		if !ok || n > math.MaxUint16 {
			r.reject(d, p.path, "not a port")
			return
		}
		*p.to = uint16(max(n, 0))
	}
	f.Proto = docProtocol(d.text("network.iana_number"), d.text("network.transport"))
	if end, _ := d.when("event.end"); end > f.Start {
		f.End = end
	} else if ns, ok := d.number("event.duration"); ok && ns > 0 {
		f.End += netcase.Time(ns / 1e6)
	}
	f.Reach = ecsReach(d, &f)
	f.Place, f.Raw, f.Stamp = d.place, r.kept(d), stamp
	r.in.Accept(&r.batch, f)
}

// docProtocol is a protocol by its number, else by its name.
func docProtocol(number, name string) uint8 {
	if n, err := strconv.ParseUint(number, 10, 8); err == nil {
		return uint8(n)
	}
	p, _ := argusProto(strings.ToLower(strings.TrimPrefix(name, "ipv6-")))
	return p
}

// ecsReach is what the words and the sizes prove.
func ecsReach(d *jsonDoc, f *netcase.Flow) netcase.Reach {
	types := append(d.list("event.type"), strings.ToLower(d.text("event.action")))
	has := func(words ...string) bool {
		for _, w := range words {
			if contains(types, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("denied", "deny", "drop", "dropped", "block", "blocked", "reject", "firewall-deny", "flow_dropped", "flow_denied"):
		return netcase.ReachDenied
	case f.PacketsIn > 0 && f.PacketsOut > 1 && f.OctetsIn > tcpHeaders*f.PacketsIn || f.Proto == netcase.UDP && f.OctetsIn > 0 && f.OctetsOut > 0:
		return netcase.ReachBidirectional
	case has("allowed", "allow", "accept", "pass", "permit", "firewall-allow", "connection", "network_flow", "flow_terminated", "flow_started", "end", "start"):
		return netcase.ReachAllowed
	}
	return netcase.ReachUnknown
}

func ecsLogin(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	l := netcase.Login{
		Time: at, Account: d.text("user.name", "source.user.name", "related.user"), Domain: d.text("user.domain"), Sensor: ecsSensor(r, d), Key: ecsKey(d),
		Service: d.text("service.name", "process.name", "event.module"), Method: d.text("system.auth.ssh.method"), Detail: d.text("event.reason", "error.message", "event.action"),
	}
	var why string
	if l.Host, why = d.end("host.ip", "host.name"); why != "" || !l.Host.Known() {
		l.Host, _ = d.end("destination.ip", "host.hostname")
	}
	if l.Peer, why = d.end("source.ip", "source.domain"); why != "" {
		r.reject(d, "source.ip", why)
		return
	}
	if n, ok := d.number("source.port"); ok && n > 0 && n <= math.MaxUint16 {
		l.PeerPort = uint16(n)
	}
	switch types := d.list("event.type"); {
	case contains(types, "end"):
		l.Event = netcase.LoginLogoff
	case d.text("event.outcome") == "success":
		l.Outcome = netcase.LoginSucceeded
	case d.text("event.outcome") == "failure":
		l.Outcome = netcase.LoginFailed
	}
	l.Place, l.Raw, l.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptLogin(&r.batch, l)
}

func ecsQuery(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	q := netcase.Query{Time: at, Name: d.text("dns.question.name"), Type: d.text("dns.question.type"), Answer: d.list("dns.resolved_ip"), Sensor: ecsSensor(r, d)}
	q.Answer = q.Answer[:min(len(q.Answer), maxDocAnswers)]
	q.Host, _ = d.end("source.ip", "host.name")
	q.Peer, _ = d.end("destination.ip", "destination.domain")
	q.Place, q.Raw, q.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptQuery(&r.batch, q)
}

// maxDocAnswers bounds the answers of one query that are kept.
const maxDocAnswers = 64

func ecsProcess(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	p := netcase.Process{
		Time: at, OS: d.text("host.os.name"), Action: d.text("event.action"), Image: d.text("process.name"), Path: d.text("process.executable"),
		CommandLine: d.text("process.command_line"), Account: d.text("user.name"), Parent: d.text("process.parent.name"),
		ParentPath: d.text("process.parent.executable"), ParentLine: d.text("process.parent.command_line"), Sensor: ecsSensor(r, d), Key: ecsKey(d),
	}
	if h := d.text("process.hash.sha256"); h != "" {
		p.Hash = "sha256:" + h
	}
	p.Host, _ = d.end("host.ip", "host.name")
	if n, ok := d.number("process.pid"); ok && n > 0 && n <= math.MaxUint32 {
		p.ID = uint32(n)
	}
	switch types := d.list("event.type"); {
	case contains(types, "start"):
		p.Role = netcase.RoleStarted
	case contains(types, "end"):
		p.Role = netcase.RoleEnded
	default:
		p.Role = netcase.RoleOther
	}
	p.Place, p.Raw, p.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptProcess(&r.batch, p)
}

func ecsAlert(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	a := netcase.Alert{
		Time: at, Name: d.text("rule.name", "kibana.alert.rule.name", "message"), ID: d.text("rule.id", "event.code"), Category: d.text("rule.category"),
		Severity: d.text("event.severity", "log.level"), Blocked: contains(d.list("event.type"), "denied"), Count: 1, Sensor: ecsSensor(r, d),
		Proto: docProtocol(d.text("network.iana_number"), d.text("network.transport")),
	}
	a.Src, _ = d.end("source.ip", "source.domain")
	a.Dst, _ = d.end("destination.ip", "destination.domain")
	if !a.Src.Known() || a.Name == "" {
		r.in.Skip("ecs: an alert about no address, or without a name")
		return
	}
	if n, ok := d.number("source.port"); ok && n > 0 && n <= math.MaxUint16 {
		a.SrcPort = uint16(n)
	}
	if n, ok := d.number("destination.port"); ok && n > 0 && n <= math.MaxUint16 {
		a.DstPort = uint16(n)
	}
	a.Place, a.Raw, a.Stamp = d.place, r.kept(d), stamp
	r.in.AcceptAlert(&r.batch, a)
}
