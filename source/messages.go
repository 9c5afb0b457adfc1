package source

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"netcase"
)

// message is one log message, whatever carried it.
type message struct {
	at       netcase.Time
	zone     string // that was assumed for the time
	stamp    []byte // the time as it is spelled
	host     []byte
	hostAddr netip.Addr // where the carrier states it beside the name
	program  []byte
	pid      []byte
	text     []byte
	raw      []byte
	place    netcase.Place
	count    int64 // how many equal messages it stands for
}

// messages makes events of log messages.
type messages struct {
	in     *Input
	out    Sink
	batch  netcase.Batch
	family string // of the carrier, for the names of sensors
	msg    message
	texts  names
	hosts  map[string]hostOf
	last   []byte // the host of the message before, and
	lastOf hostOf // what it is
	skips  map[string]string
	held   heldLogins
}

// hostOf is a machine that logs, and the sensors that it is.
type hostOf struct {
	end                   netcase.Endpoint
	logins, netfilter, pf string
}

// maxHosts bounds the machines told apart in one input: each is a sensor.
const maxHosts = 4096

// The reasons for which messages are passed over.
const (
	skipAccompanies = "accompanies another line"
	skipNoLogin     = "says nothing about a login"
	skipNoPacket    = "a message of the kernel about no packet"
	skipUntagged    = "names no program"
)

func (r *messages) begin(in *Input, out Sink, family string) {
	r.in, r.out, r.family = in, out, family
	r.texts, r.hosts, r.skips = names{}, map[string]hostOf{}, map[string]string{}
	r.held.begin()
}

// flush hands the batch on if it holds at least n events.
func (r *messages) flush(ctx context.Context, n int) error {
	if r.batch.Len() < n {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

// guarded reads one record; a panic costs that record.
func (r *messages) guarded(read func(*message)) {
	counted := r.in.Report.Read
	r.msg = message{count: 1}
	defer func() {
		switch p := recover(); {
		case p == nil:
		case r.in.Report.Read > counted:
			r.in.Note("the decoder failed after it had counted a record: %v", p)
		default:
			r.in.Reject(r.msg.place.Line, 0, "", fmt.Sprintf("panic: %v", p), r.msg.raw)
		}
	}()
	read(&r.msg)
}

// take finds what a message means. It counts the message exactly once.
func (r *messages) take(m *message) {
	r.held.tick(r)
	if len(m.text) > 0 && (m.text[0] == 'm' || m.text[0] == 'l') {
		if !r.unwrap(m) {
			return
		}
	}
	program := programName(m.program)
	switch string(program) {
	case "sshd", "sshd-session", "sshd-auth":
		r.sshd(m)
	case "kernel", "ulogd":
		r.kernel(m)
	case "filterlog":
		r.filterlog(m)
	case "pf", "pflog", "pflogd":
		r.pflog(m)
	case "":
		r.in.Skip(skipUntagged)
	default:
		if !r.unixLogin(m, program) {
			r.skipProgram(program)
		}
	}
}

// unwrap takes apart "message repeated 5 times: [ … ]"; false: it was counted.
func (r *messages) unwrap(m *message) bool {
	if rest, ok := bytes.CutPrefix(m.text, []byte("message repeated ")); ok {
		number, rest, _ := bytes.Cut(rest, []byte(" times: ["))
		n, ok := wholeIn(number)
		if !ok || n < 1 || n > maxRepeats || len(rest) == 0 || rest[len(rest)-1] != ']' {
			return true
		}
		m.count, m.text = times(m.count, n), bytes.TrimSpace(rest[:len(rest)-1])
		return true
	}
	if bytes.HasPrefix(m.text, []byte("last message repeated ")) {
		r.in.Skip("last message repeated: the repeats of the line before it are not counted")
		return false
	}
	return true
}

// maxRepeats bounds how many messages one line may claim to stand for.
const maxRepeats = 1 << 20

func (r *messages) skipProgram(program []byte) {
	program = program[:min(len(program), longestTag)]
	reason, ok := r.skips[string(program)]
	if !ok {
		reason = "not about logins or packets: " + printableProgram(program)
		if len(r.skips) < maxNames {
			r.skips[string(program)] = reason
		}
	}
	r.in.Skip(reason)
}

// host is the machine that logged the message.
func (r *messages) host(m *message) *hostOf {
	if bytes.Equal(m.host, r.last) && r.lastOf.logins != "" {
		return &r.lastOf
	}
	h, ok := r.hosts[string(m.host)]
	if !ok {
		h = r.newHost(m.host)
		if len(r.hosts) < maxHosts {
			r.hosts[string(m.host)] = h
		}
	}
	r.last, r.lastOf = append(r.last[:0], m.host...), h
	return &r.lastOf
}

func (r *messages) newHost(name []byte) (h hostOf) {
	device := ""
	if len(name) > 0 {
		h.end = namedEnd(name)
		device = "/" + Printable(h.end.String())
	}
	if len(r.hosts) >= maxHosts {
		r.in.Note("more than %d machines: the sensors of the further ones are not told apart", maxHosts)
		device = ""
	}
	h.logins, h.netfilter, h.pf = r.family+device, "netfilter"+device, "pf"+device
	return h
}

// namedEnd is an end by its address, or by its name where it is none.
func namedEnd(text []byte) netcase.Endpoint {
	if a, ok := addressIn(text); ok {
		return netcase.At(a)
	}
	return netcase.Endpoint{Name: plainName(text, maxName)}
}

// text keeps one copy of a word that recurs. Unlike a cell of a table, a word of a
// message is never blank: "none" and "null" are accounts that are tried.
func (r *messages) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if old, ok := r.texts[string(b)]; ok {
		return old
	}
	text := plainName(b, maxName)
	if len(b) <= longestName && len(r.texts) < maxNames {
		r.texts[string(b)] = text
	}
	return text
}

// login hands over a login that the message tells about.
func (r *messages) login(m *message, l netcase.Login) {
	r.complete(m, &l)
	r.in.AcceptLogin(&r.batch, l)
}

// complete fills in what follows from the message.
func (r *messages) complete(m *message, l *netcase.Login) {
	h := r.host(m)
	l.Time, l.Host, l.Sensor, l.Session = m.at, h.end, h.logins, r.session(m)
	if m.hostAddr.IsValid() {
		l.Host.Addr = m.hostAddr
	}
	l.Count = max(l.Count, 1) * m.count
	l.Key = m.key()
	if r.in.Raw {
		l.Place, l.Raw, l.Stamp, l.Zone = m.place, bytes.Clone(m.raw), string(m.stamp), m.zone
	}
}

// session is the process id, which ties the lines of one connection together.
func (r *messages) session(m *message) string {
	if len(m.pid) == 0 || len(m.pid) > 20 {
		return ""
	}
	return r.text(m.pid)
}

// key is the same for a message of a file and of the journal: the second, the
// host, the process and the text.
func (m *message) key() uint64 {
	return newDigest("syslog").number(uint64(m.at / netcase.Second)).bytes(m.host).bytes(m.pid).bytes(m.text).key()
}

// plainName is a text as valid UTF-8 of at most limit bytes.
func plainName(b []byte, limit int) string {
	b = bytes.TrimSpace(b)
	if len(b) > limit {
		b = bytes.ToValidUTF8(b[:limit], nil)
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}
