package intel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// lineReader reads lines of bounded length, with their numbers.
type lineReader struct {
	r    *bufio.Reader
	n    int64 // number of the line that next gave last
	max  int
	line []byte
}

func newLineReader(r io.Reader, max int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// next is the next line without its end. A line longer than max is given cut,
// with long set; its rest is skipped over.
//
// Owner: the line is valid until the next call.
func (l *lineReader) next() (line []byte, long bool, err error) {
	l.line = l.line[:0]
	l.n++
	for {
		part, err := l.r.ReadSlice('\n')
		if err == nil && len(l.line) == 0 && len(part) <= l.max {
			return bytes.TrimRight(part, "\r\n"), long, nil
		}
		if room := l.max - len(l.line); len(part) > room {
			part, long = part[:max(room, 0)], true
		}
		l.line = append(l.line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(l.line) > 0 || long):
			return bytes.TrimRight(l.line, "\r\n"), long, nil
		}
		return bytes.TrimRight(l.line, "\r\n"), long, err
	}
}

// eachLine hands on every line that is not empty, without the white space around
// it. A line longer than the bound is refused.
func (s *sink) eachLine(r io.Reader, take func(n int64, line []byte)) error {
	lines := newLineReader(r, s.cfg.MaxLine)
	for {
		line, long, err := lines.next()
		if err != nil {
			return endOfFile(err)
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case long:
			s.refused(lines.n, "", "line too long", string(line[:min(len(line), maxSample)]))
		default:
			take(lines.n, line)
		}
	}
}

// eachEntry is eachLine for lists that may hold comments.
func (s *sink) eachEntry(r io.Reader, take func(n int64, line []byte)) error {
	return s.eachLine(r, func(n int64, line []byte) {
		if isComment(line) {
			s.comment(string(line))
			return
		}
		take(n, line)
	})
}

// errTooLarge is what a bounded reader answers beyond its bound.
type errTooLarge int64

func (e errTooLarge) Error() string { return fmt.Sprintf("larger than %d bytes", int64(e)) }

// boundedReader reads at most left bytes and then fails.
type boundedReader struct {
	r           io.Reader
	left, bound int64
}

func bounded(r io.Reader, n int64) io.Reader { return &boundedReader{r: r, left: n, bound: n} }

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge(b.bound)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// decoded drops a byte order mark and turns UTF-16, as PowerShell writes it,
// into UTF-8.
func decoded(r *bufio.Reader) io.Reader {
	mark, _ := r.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte{0xEF, 0xBB, 0xBF}):
		_, _ = r.Discard(3)
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}):
		_, _ = r.Discard(2)
		return &utf16Reader{r: r}
	case bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		_, _ = r.Discard(2)
		return &utf16Reader{r: r, big: true}
	}
	return r
}

type utf16Reader struct {
	r    *bufio.Reader
	big  bool
	held []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.held) == 0 {
		c, err := u.unit()
		if err != nil {
			return 0, err
		}
		r := rune(c)
		if utf16.IsSurrogate(r) {
			low, err := u.unit()
			if err != nil {
				return 0, err
			}
			r = utf16.DecodeRune(r, rune(low))
		}
		u.held = utf8.AppendRune(u.held[:0], r)
	}
	n := copy(p, u.held)
	u.held = u.held[n:]
	return n, nil
}

func (u *utf16Reader) unit() (uint16, error) {
	a, err := u.r.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := u.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if u.big {
		return uint16(a)<<8 | uint16(b), nil
	}
	return uint16(b)<<8 | uint16(a), nil
}

// documents hands on every JSON object of a file, whether it is one document,
// several in a row, one a line, or the elements of an array.
//
// Errors: what is not JSON, and a file larger than the bound.
func documents(r io.Reader, bound int64, each func(item int64, raw json.RawMessage)) error {
	d := json.NewDecoder(bounded(r, bound))
	for item := int64(0); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return jsonEnd(err, d)
		}
		if len(raw) > 0 && raw[0] == '[' {
			var list []json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return err
			}
			for _, e := range list {
				item++
				each(item, e)
			}
			continue
		}
		item++
		each(item, raw)
	}
}

// elements streams the elements of one array of a document and hands on every
// object at the top with its other members; streamed tells whether it held the
// array. It takes an object with the array under a key, a bare array, and any
// number of these in a row.
//
// Errors: what is not JSON, and a single value larger than the bound.
func elements(r io.Reader, bound int64, key string, element func(item int64, raw json.RawMessage), object func(item int64, rest map[string]json.RawMessage, streamed bool)) error {
	m := &meteredReader{r: r, max: bound}
	e := &elementReader{d: json.NewDecoder(m), meter: m, key: key, element: element}
	for {
		m.read = 0
		t, err := e.d.Token()
		if err != nil {
			return jsonEnd(err, e.d)
		}
		switch t {
		case json.Delim('['):
			err = e.array()
		case json.Delim('{'):
			rest, streamed := make(map[string]json.RawMessage), false
			if streamed, err = e.members(rest); err == nil {
				e.item++
				object(e.item, rest, streamed)
			}
		default:
			err = errors.New("json: neither an object nor an array")
		}
		if err != nil {
			return jsonCut(err, e.d)
		}
	}
}

type elementReader struct {
	d       *json.Decoder
	meter   *meteredReader
	key     string
	item    int64
	element func(int64, json.RawMessage)
}

func (e *elementReader) array() error {
	for e.d.More() {
		e.meter.read = 0
		var raw json.RawMessage
		if err := e.d.Decode(&raw); err != nil {
			return err
		}
		e.item++
		e.element(e.item, raw)
	}
	_, err := e.d.Token()
	return err
}

func (e *elementReader) members(rest map[string]json.RawMessage) (streamed bool, err error) {
	for e.d.More() {
		t, err := e.d.Token()
		if err != nil {
			return streamed, err
		}
		name, _ := t.(string)
		if e.key != "" && name == e.key {
			if t, err = e.d.Token(); err != nil {
				return streamed, err
			}
			if t != json.Delim('[') {
				return streamed, fmt.Errorf("json: %s: not an array", name)
			}
			streamed = true
			if err := e.array(); err != nil {
				return streamed, err
			}
			continue
		}
		var raw json.RawMessage
		if err := e.d.Decode(&raw); err != nil {
			return streamed, err
		}
		rest[name] = raw
	}
	_, err = e.d.Token()
	return streamed, err
}

// meteredReader fails when more than max bytes were read since read was reset.
type meteredReader struct {
	r         io.Reader
	read, max int64
}

func (m *meteredReader) Read(p []byte) (int, error) {
	if m.read > m.max {
		return 0, errTooLarge(m.max)
	}
	n, err := m.r.Read(p)
	m.read += int64(n)
	return n, err
}

func jsonEnd(err error, d *json.Decoder) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return jsonCut(err, d)
}

// jsonCut says where the reading ended.
func jsonCut(err error, d *json.Decoder) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("json after byte %d: %w", d.InputOffset(), err)
}
