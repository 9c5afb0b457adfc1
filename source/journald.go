package source

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"netcase"
)

// journald reads the journal of systemd as JSON. What a message means is found by
// its program, as in a syslog file.
var journald = Format{
	Name:   "journald",
	Doc:    "the journal of systemd as journalctl -o json, json-pretty or json-seq writes it: the same programs as in syslog files",
	Proves: "what a syslog file proves, with the time to the microsecond and the process that truly wrote the message",
	Detect: detectJournald,
	Decode: decodeJournald,
}

func detectJournald(head []byte) (bool, string) {
	if layoutOf(bytes.TrimLeft(head, "\x1e")).shape == shapeCSV {
		return false, "it is no JSON"
	}
	h := tableHead{names: map[string]bool{}}
	for _, key := range jsonHeader(bytes.TrimLeft(head, "\x1e")) {
		h.names[string(key)] = true
	}
	if !h.has("__REALTIME_TIMESTAMP") || !h.has("MESSAGE") {
		return false, "it lacks __REALTIME_TIMESTAMP or MESSAGE"
	}
	return true, ""
}

// withoutRS drops the record separators of json-seq (RFC 7464).
type withoutRS struct{ r io.Reader }

func (w withoutRS) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	for i, b := range p[:n] {
		if b == '\x1e' {
			p[i] = ' '
		}
	}
	return n, err
}

// journaldReader reads one stream.
type journaldReader struct {
	messages
	scan *jsonScan
	text []byte
}

func decodeJournald(ctx context.Context, in *Input, out Sink) error {
	r := &journaldReader{scan: newJSON(withoutRS{in.R})}
	r.begin(in, out, "journald")
	err := r.objects(ctx)
	r.held.release(&r.messages)
	if e := r.flush(ctx, 1); e != nil {
		return e
	}
	return err
}

func (r *journaldReader) objects(ctx context.Context) error {
	for {
		b, err := r.scan.peek()
		if err == io.EOF { //nolint:errorlint // peek returns it as it is
			return nil
		}
		if err != nil {
			return err
		}
		if b != '{' {
			return r.scan.fault(errJSONSyntax)
		}
		offset, line := r.scan.Offset(), r.scan.Line()
		raw, err := r.scan.capture(maxRecord)
		if err != nil {
			r.in.Reject(r.in.From.Line+line, 0, "", reasonOf(err), raw[:min(len(raw), longLineSample)])
			if err = r.recover(err); err != nil {
				return err
			}
			continue
		}
		r.guarded(func(m *message) {
			m.raw = raw
			m.place = netcase.Place{Line: r.in.From.Line + line, Offset: r.in.From.Offset + offset}
			r.object(m)
		})
		if err := r.flush(ctx, BatchSize); err != nil {
			return err
		}
	}
}

// recover goes on behind a record that cannot be taken, where that is possible.
func (r *journaldReader) recover(err error) error {
	if reasonOf(err) == errJSONTooLong.Error() {
		return r.scan.skip()
	}
	if r.scan.readErr == io.EOF { //nolint:errorlint // the reader's own end
		return nil
	}
	return err
}

// object reads one record of the journal.
func (r *journaldReader) object(m *message) {
	var at, program, comm []byte
	r.text = r.text[:0]
	j := newObject(m.raw)
	for j.next() {
		switch string(j.key) {
		case "__REALTIME_TIMESTAMP":
			at = j.scalar()
		case "MESSAGE":
			m.text = r.message(j)
		case "SYSLOG_IDENTIFIER":
			program = j.scalar()
		case "_COMM":
			comm = j.scalar()
		case "_HOSTNAME":
			m.host = j.scalar()
		case "_PID":
			m.pid = j.scalar()
		case "SYSLOG_PID":
			if m.pid == nil {
				m.pid = j.scalar()
			}
		}
	}
	if j.fault != "" {
		r.in.Reject(m.place.Line, 0, "", j.fault, m.raw)
		return
	}
	us, ok := wholeIn(at)
	if !ok || us < firstYearMicroseconds {
		r.in.Reject(m.place.Line, 0, "__REALTIME_TIMESTAMP", "not a time in microseconds", m.raw)
		return
	}
	m.at, m.stamp, m.program = netcase.Time(us/1000), at, program
	if len(program) == 0 {
		m.program = comm
	}
	if m.text == nil {
		r.in.Skip("an entry without a message")
		return
	}
	r.take(m)
}

// firstYearMicroseconds is the start of the year 2000.
const firstYearMicroseconds = 946684800 * microsecond

// message is the text of MESSAGE: a string, or an array of its bytes where it is no
// clean text.
func (r *journaldReader) message(j *flatObject) []byte {
	if j.kind != '[' {
		return j.scalar()
	}
	for _, number := range bytes.Split(bytes.Trim(j.value, "[]"), []byte{','}) {
		n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 8)
		if err != nil {
			return nil
		}
		r.text = append(r.text, byte(n))
	}
	if r.text == nil {
		r.text = []byte{}
	}
	return r.text
}
