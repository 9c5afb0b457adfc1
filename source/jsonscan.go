package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	jsonBuffer = 256 << 10
	// maxJSONDepth bounds nesting; the deepest document known has nine levels.
	maxJSONDepth = 64
)

var (
	errJSONSyntax  = errors.New("invalid JSON")
	errJSONDeep    = errors.New("nested deeper than 64 levels")
	errJSONTooLong = errors.New("a value is longer than the bound")
)

// jsonScan reads JSON token by token from a stream of any length, in bounded
// memory. It asks no more of the text than it needs to find its way.
type jsonScan struct {
	r        io.Reader // nil: buf holds everything
	buf      []byte
	pos, end int
	keep     int   // bytes from here on must stay in the buffer; -1: only those from pos on
	base     int64 // offset of buf[0] in the stream
	next     int64 // number of the line of pos, from 1
	depth    int
	readErr  error
}

func newJSON(r io.Reader) *jsonScan {
	return &jsonScan{r: r, buf: make([]byte, jsonBuffer), keep: -1, next: 1}
}

// jsonOf scans a text that stands at an offset and a line of a stream.
func jsonOf(text []byte, offset, line int64) *jsonScan {
	return &jsonScan{buf: text, end: len(text), keep: -1, base: offset, next: line, readErr: io.EOF}
}

// Offset is where the scan stands in the stream.
func (s *jsonScan) Offset() int64 { return s.base + int64(s.pos) }

// Line is the number of the line in which the scan stands.
func (s *jsonScan) Line() int64 { return s.next }

// fill reads more; false at the end of the stream.
func (s *jsonScan) fill() bool {
	if s.readErr != nil {
		return false
	}
	from := s.pos
	if s.keep >= 0 && s.keep < from {
		from = s.keep
	}
	s.base += int64(from)
	s.buf, s.end = makeRoom(s.buf, from, s.end)
	s.pos -= from
	if s.keep >= 0 {
		s.keep -= from
	}
	n, err := readSome(s.r, s.buf[s.end:])
	s.end += n
	s.readErr = err
	return n > 0
}

// fault is an error with its place. The end of the text where more was due is
// io.ErrUnexpectedEOF, or what the reader said.
func (s *jsonScan) fault(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && s.readErr != nil && !errors.Is(s.readErr, io.EOF) {
		err = s.readErr
	}
	return fmt.Errorf("line %d, byte %d: %w", s.Line(), s.Offset(), err)
}

// peek is the next byte that is not white space, not yet taken, and io.EOF at
// the end of the text.
func (s *jsonScan) peek() (byte, error) {
	for {
		for s.pos < s.end {
			switch b := s.buf[s.pos]; b {
			case '\n':
				s.next++
				s.pos++
			case ' ', '\t', '\r':
				s.pos++
			default:
				return b, nil
			}
		}
		if !s.fill() {
			if !errors.Is(s.readErr, io.EOF) {
				return 0, s.fault(s.readErr)
			}
			return 0, io.EOF
		}
	}
}

// must is peek where the text may not end.
func (s *jsonScan) must() (byte, error) {
	b, err := s.peek()
	if err == nil {
		return b, nil
	}
	if errors.Is(err, io.EOF) {
		err = s.fault(io.ErrUnexpectedEOF)
	}
	return b, err
}

// take takes the byte b, which must be next.
func (s *jsonScan) take(b byte) error {
	if s.pos < s.end && s.buf[s.pos] == b {
		s.pos++
		return nil
	}
	got, err := s.must()
	if err != nil {
		return err
	}
	if got != b {
		return s.fault(errJSONSyntax)
	}
	s.pos++
	return nil
}

// text takes a string and gives what stands between its quotes, escapes and all.
// It is valid until the next call. A string longer than limit is passed over.
func (s *jsonScan) text(limit int) (raw []byte, escaped bool, err error) {
	if err = s.take('"'); err != nil {
		return nil, false, err
	}
	for i := 0; ; {
		if q := bytes.IndexByte(s.buf[s.pos+i:s.end], '"'); q >= 0 {
			i += q
			if escapedAt(s.buf[s.pos : s.pos+i]) {
				i++
				continue
			}
			raw = s.buf[s.pos : s.pos+i]
			s.pos += i + 1
			s.next += int64(bytes.Count(raw, []byte{'\n'}))
			if len(raw) > limit {
				return nil, false, errJSONTooLong
			}
			return raw, bytes.IndexByte(raw, '\\') >= 0, nil
		}
		i = s.end - s.pos
		if i > limit {
			s.pos--
			return nil, false, s.afterSkip(errJSONTooLong)
		}
		if !s.fill() {
			s.pos += i
			return nil, false, s.fault(io.ErrUnexpectedEOF)
		}
	}
}

// afterSkip passes over the value that stands next and then gives err.
func (s *jsonScan) afterSkip(err error) error {
	if e := s.skip(); e != nil {
		return e
	}
	return err
}

// escapedAt tells whether the byte behind the text is escaped by a backslash.
func escapedAt(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skip passes over one value of any length.
func (s *jsonScan) skip() error { return s.pass(-1) }

// capture takes one value and gives its bytes, valid until the next call. Of a
// value that is cut off by the end of the text it gives what there is, with the
// error. A value longer than limit is left where it is, with errJSONTooLong.
func (s *jsonScan) capture(limit int) ([]byte, error) {
	if _, err := s.must(); err != nil {
		return nil, err
	}
	s.keep = s.pos
	line := s.next
	err := s.pass(limit)
	raw := s.buf[s.keep:s.pos]
	if errors.Is(err, errJSONTooLong) {
		s.pos, s.next = s.keep, line
	}
	s.keep = -1
	return raw, err
}

// pass moves over one value. With a limit of at least 0 it gives up with
// errJSONTooLong as soon as the bytes kept are more than that.
func (s *jsonScan) pass(limit int) error {
	if _, err := s.must(); err != nil {
		return err
	}
	depth, inString, empty := 0, false, true
	for {
		if s.pos == s.end {
			if limit >= 0 && s.pos-s.keep > limit {
				return errJSONTooLong
			}
			if !s.fill() {
				if depth == 0 && !inString && errors.Is(s.readErr, io.EOF) && !empty {
					return nil
				}
				return s.fault(io.ErrUnexpectedEOF)
			}
		}
		if inString {
			inString = !s.passString()
			if !inString && depth == 0 {
				return s.within(limit)
			}
			continue
		}
		switch b := s.buf[s.pos]; b {
		case '"':
			inString = true
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.endScalar(empty)
			}
			depth--
			if depth == 0 {
				s.pos++
				return s.within(limit)
			}
		case '\n':
			if depth == 0 {
				return s.endScalar(empty)
			}
			s.next++
		case ',', ' ', '\t', '\r', ':':
			if depth == 0 {
				return s.endScalar(empty)
			}
		default:
			empty = false
		}
		s.pos++
	}
}

// endScalar is the end of a number or a word, if it has any byte.
func (s *jsonScan) endScalar(empty bool) error {
	if empty {
		return s.fault(errJSONSyntax)
	}
	return nil
}

func (s *jsonScan) within(limit int) error {
	if limit >= 0 && s.pos-s.keep > limit {
		return errJSONTooLong
	}
	return nil
}

// passString moves on to the end of a string, or of the buffer.
func (s *jsonScan) passString() (closed bool) {
	rest := s.buf[s.pos:s.end]
	if n := bytes.IndexByte(rest, '"'); n >= 0 && plainText(rest[:n]) {
		s.pos += n + 1
		return true
	}
	for s.pos < s.end {
		switch s.buf[s.pos] {
		case '"':
			s.pos++
			return true
		case '\n':
			s.next++
		case '\\':
			if s.pos+1 == s.end && !s.fill() {
				s.pos = s.end
				return false
			}
			s.pos++
		}
		s.pos++
	}
	return false
}

// plainText tells that a text holds neither escapes nor line endings.
func plainText(text []byte) bool {
	return bytes.IndexByte(text, '\\') < 0 && bytes.IndexByte(text, '\n') < 0
}

// object takes an object. The key is given without its escapes and is valid only
// until the value is read; member must take the value.
func (s *jsonScan) object(member func(key []byte) error) error {
	return s.group('{', '}', func() error {
		key, escaped, err := s.text(maxKey)
		if err != nil && !errors.Is(err, errJSONTooLong) {
			return err
		}
		if escaped {
			key = unescape(key)
		}
		if err != nil {
			key = nil
		}
		if s.pos == s.end || s.buf[s.pos] != ':' {
			key = bytes.Clone(key)
		}
		if err = s.take(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// maxKey bounds the name of a member; a longer one is passed over.
const maxKey = 1024

// array takes an array; element must take each element.
func (s *jsonScan) array(element func() error) error { return s.group('[', ']', element) }

func (s *jsonScan) group(open, shut byte, one func() error) error {
	if err := s.take(open); err != nil {
		return err
	}
	if s.depth++; s.depth > maxJSONDepth {
		return s.fault(errJSONDeep)
	}
	defer func() { s.depth-- }()
	for first := true; ; first = false {
		b, err := s.must()
		if err != nil {
			return err
		}
		if b == shut {
			s.pos++
			return nil
		}
		if !first {
			if err = s.take(','); err != nil {
				return err
			}
		}
		if err = one(); err != nil {
			return err
		}
	}
}

// unescape is a string without its escapes; what is no escape stays.
func unescape(raw []byte) []byte { return appendUnescaped(make([]byte, 0, len(raw)), raw) }

// appendUnescaped appends what unescape gives.
func appendUnescaped(out, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch b := raw[i]; b {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, n := codePoint(raw[i-1:])
			out = utf8.AppendRune(out, r)
			i += n - 2
		default:
			out = append(out, b)
		}
	}
	return out
}

// codePoint is the character of one \u escape, or of two of them, and the bytes it takes.
func codePoint(raw []byte) (r rune, n int) {
	r, ok := hex4(raw)
	if !ok {
		return utf8.RuneError, 2
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(raw[6:]); ok {
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(raw[2:6]), 16, 32)
	return rune(v), err == nil
}
