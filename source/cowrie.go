package source

import (
	"bytes"
	"context"
	"fmt"

	"netcase"
)

// cowrie reads the JSON log of the honeypot Cowrie. A login that succeeds there
// succeeds at the honeypot, which lets people in on purpose: its sensor says so,
// and nothing of it is a compromise of a machine of ours.
var cowrie = Format{
	Name:   "cowrie",
	Doc:    "the JSON log of the SSH and Telnet honeypot Cowrie: connections, logins, commands, tunnels",
	Proves: "who came to the honeypot, with which account and which commands; a success there is the honeypot's, not a compromise",
	Detect: detectCowrie,
	Decode: decodeCowrie,
	Split:  func([]byte) *Split { return &Split{Cut: WholeLines} },
}

func detectCowrie(head []byte) (bool, string) {
	lines, good := 0, 0
	eachHeadLine(head, func(line []byte) {
		lines++
		if line[0] == '{' && bytes.Contains(line, []byte(`"cowrie.`)) && bytes.Contains(line, []byte(`"eventid"`)) {
			good++
		}
	})
	if good == 0 || 2*good <= lines {
		return false, `most lines are no events of Cowrie: "eventid":"cowrie.…" is expected`
	}
	return true, ""
}

// cowrieEvent is what is read of one line.
type cowrieEvent struct {
	id, at, protocol, src, srcPort, dst, dstPort []byte
	user, password, input, sensor, session       []byte
}

type cowrieReader struct {
	messages
	lines *Lines
	times timeReader
	event cowrieEvent
}

func decodeCowrie(ctx context.Context, in *Input, out Sink) error {
	r := &cowrieReader{lines: NewLines(in.R), times: timeReader{zone: in.Location()}}
	r.begin(in, out, "cowrie")
	for r.lines.Next() {
		r.guarded(r.line)
		if err := r.flush(ctx, BatchSize); err != nil {
			return err
		}
	}
	if r.times.assumedZone {
		in.Note("times have no zone: %s is assumed", in.Location())
	}
	if err := r.flush(ctx, 1); err != nil {
		return err
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", r.lines.Number()+in.From.Line, err)
	}
	return nil
}

func (r *cowrieReader) line(m *message) {
	line := r.lines.Bytes()
	m.raw = line
	m.place = netcase.Place{Line: r.in.From.Line + r.lines.Number(), Offset: r.in.From.Offset + r.lines.Offset()}
	switch trimmed := bytes.TrimSpace(bytes.TrimPrefix(line, []byte(bomUTF8))); {
	case r.lines.TooLong():
		r.in.Reject(m.place.Line, 0, "", csvTooLong, line)
	case len(trimmed) == 0:
	case trimmed[0] == '#':
		r.in.Skip("a comment")
	default:
		r.object(m, trimmed)
	}
}

func (r *cowrieReader) object(m *message, line []byte) {
	r.event = cowrieEvent{}
	e := &r.event
	j := newObject(line)
	for j.next() {
		if into := e.field(string(j.key)); into != nil {
			*into = j.scalar()
		}
	}
	if j.fault != "" {
		r.in.Reject(m.place.Line, 0, "", j.fault, m.raw)
		return
	}
	at, err := r.times.parse(e.at, nil)
	if err != nil || !at.Known() {
		r.in.Reject(m.place.Line, 0, "timestamp", "not a time", m.raw)
		return
	}
	m.at, m.stamp, m.host, m.pid, m.text = at, e.at, e.sensor, e.session, line
	if r.times.assumedZone {
		m.zone = r.in.Location().String()
	}
	r.meaning(m, e)
}

func (e *cowrieEvent) field(key string) *[]byte {
	switch key {
	case "eventid":
		return &e.id
	case "timestamp":
		return &e.at
	case "protocol":
		return &e.protocol
	case "src_ip":
		return &e.src
	case "src_port":
		return &e.srcPort
	case "dst_ip":
		return &e.dst
	case "dst_port":
		return &e.dstPort
	case "username":
		return &e.user
	case "password":
		return &e.password
	case "input":
		return &e.input
	case "sensor":
		return &e.sensor
	case "session":
		return &e.session
	}
	return nil
}

func (r *cowrieReader) meaning(m *message, e *cowrieEvent) {
	l := netcase.Login{Service: r.text(e.protocol), Account: r.text(e.user), Peer: r.peer(e.src), Detail: "honeypot"}
	if n, ok := portIn(e.srcPort); ok {
		l.PeerPort = n
	}
	if a, ok := addressIn(e.dst); ok {
		m.hostAddr = a
	}
	switch string(e.id) {
	case "cowrie.login.success":
		l.Outcome = netcase.LoginSucceeded
	case "cowrie.login.failed":
		l.Outcome = netcase.LoginFailed
	case "cowrie.session.connect":
		l.Event = netcase.LoginConnect
	case "cowrie.session.closed":
		l.Event = netcase.LoginLogoff
	case "cowrie.command.input", "cowrie.command.failed", "cowrie.direct-tcpip.request":
		r.command(m, e, &l)
		return
	default:
		r.in.Skip("an event of the honeypot other than logins and commands: " + printableProgram(bytes.TrimPrefix(e.id, []byte("cowrie."))))
		return
	}
	if !l.Peer.Known() && len(e.session) == 0 {
		r.in.Reject(m.place.Line, 0, "src_ip", "neither an address nor a session", m.raw)
		return
	}
	if len(e.password) > 0 {
		l.Method = "password" // which one was tried is not kept: it may be somebody's
	}
	r.login(m, l)
}

// command hands over what was typed, or where a tunnel was asked to lead.
func (r *cowrieReader) command(m *message, e *cowrieEvent, l *netcase.Login) {
	h := r.host(m)
	p := netcase.Process{
		Time: m.at, Host: h.end, Role: netcase.RoleOther, Action: plainName(e.id, maxName), Peer: l.Peer, RemotePort: l.PeerPort,
		CommandLine: plainName(e.input, maxCommand), Detail: "typed at a honeypot", Sensor: h.logins, Key: m.key(),
	}
	if m.hostAddr.IsValid() && string(e.id) != "cowrie.direct-tcpip.request" {
		p.Host.Addr = m.hostAddr
	}
	if string(e.id) == "cowrie.direct-tcpip.request" {
		p.Target, p.Detail = plainName(e.dst, maxName)+":"+plainName(e.dstPort, maxName), "a tunnel asked of a honeypot"
	}
	if r.in.Raw {
		p.Place, p.Raw, p.Stamp, p.Zone = m.place, bytes.Clone(m.raw), string(m.stamp), m.zone
	}
	r.in.AcceptProcess(&r.batch, p)
}
