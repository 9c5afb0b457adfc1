package source

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding is how the text of a stream is written.
type encoding struct {
	skip   int              // bytes of the byte order mark
	order  binary.ByteOrder // of UTF-16; nil: the bytes are handed on as they are
	note   string
	refuse string // why it cannot be read
}

// The byte order marks.
const (
	bomUTF8    = "\xef\xbb\xbf"
	bomUTF16LE = "\xff\xfe"
	bomUTF16BE = "\xfe\xff"
	bomUTF32LE = "\xff\xfe\x00\x00"
	bomUTF32BE = "\x00\x00\xfe\xff"
)

const (
	noteUTF16  = "the file is UTF-16; it was read as UTF-8, and offsets and hashes are those of the UTF-8 text"
	noteNoMark = "the file has no byte order mark and looks like UTF-16; it was read as UTF-8, and offsets and hashes are those of the UTF-8 text"
)

// encodingOf tells the encoding by the byte order mark, and UTF-16 also by the
// zero bytes that latin text has in it: PowerShell before version 6 writes
// UTF-16 wherever it is not told otherwise.
func encodingOf(head []byte) encoding {
	switch {
	case bytes.HasPrefix(head, []byte(bomUTF8)):
		return encoding{skip: len(bomUTF8)}
	case bytes.HasPrefix(head, []byte(bomUTF32LE)), bytes.HasPrefix(head, []byte(bomUTF32BE)):
		return encoding{refuse: "the text is UTF-32; write it as UTF-8"}
	case bytes.HasPrefix(head, []byte(bomUTF16LE)):
		return encoding{skip: len(bomUTF16LE), order: binary.LittleEndian, note: noteUTF16}
	case bytes.HasPrefix(head, []byte(bomUTF16BE)):
		return encoding{skip: len(bomUTF16BE), order: binary.BigEndian, note: noteUTF16}
	case alternates(head, 1):
		return encoding{order: binary.LittleEndian, note: noteNoMark}
	case alternates(head, 0):
		return encoding{order: binary.BigEndian, note: noteNoMark}
	}
	return encoding{}
}

// shortestUTF16 is how much text must look like UTF-16 to be taken for it.
const shortestUTF16 = 64

// alternates tells whether every other byte, from the given one, is zero and the
// others are printable ASCII or line breaks.
func alternates(head []byte, zero int) bool {
	n := min(len(head)&^1, 2*shortestUTF16)
	if n < shortestUTF16 {
		return false
	}
	for i := 0; i < n; i += 2 {
		c := head[i+1-zero]
		if head[i+zero] != 0 || !(c >= ' ' && c < 0x7f || c == '\t' || c == '\r' || c == '\n') {
			return false
		}
	}
	return true
}

// reader is the text as UTF-8, without the byte order mark.
func (e encoding) reader(r io.Reader) io.Reader {
	if e.skip > 0 {
		r = &skipper{r: r, left: e.skip}
	}
	if e.order != nil {
		r = &fromUTF16{r: r, order: e.order}
	}
	return r
}

// skipper leaves out the first bytes.
type skipper struct {
	r    io.Reader
	left int
}

func (s *skipper) Read(p []byte) (int, error) {
	for s.left > 0 {
		n, err := io.CopyN(io.Discard, s.r, int64(s.left))
		s.left -= int(n)
		if err != nil {
			return 0, err
		}
	}
	return s.r.Read(p)
}

// fromUTF16 turns UTF-16 into UTF-8. What is not valid becomes U+FFFD.
type fromUTF16 struct {
	r     io.Reader
	order binary.ByteOrder
	in    [32 << 10]byte
	held  int // bytes at the start of in that are not a whole character yet
	out   []byte
	rest  []byte // of out, not delivered yet
	err   error
}

func (u *fromUTF16) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *fromUTF16) fill() {
	n, err := u.r.Read(u.in[u.held:])
	u.err = err
	have := u.held + n
	u.out = u.out[:0]
	used := u.decode(u.in[:have], err != nil)
	u.held = copy(u.in[:], u.in[used:have])
	u.rest = u.out
}

// decode appends the characters of b to out and tells how many bytes they took.
// At the end of the text nothing may be left.
func (u *fromUTF16) decode(b []byte, last bool) int {
	i := 0
	for i+2 <= len(b) {
		r := rune(u.order.Uint16(b[i:]))
		size := 2
		if utf16.IsSurrogate(r) {
			if i+4 > len(b) && !last {
				return i
			}
			r, size = u.pair(b[i:], r)
		}
		u.out = utf8.AppendRune(u.out, r)
		i += size
	}
	if last && i < len(b) {
		u.out = utf8.AppendRune(u.out, utf8.RuneError)
		i = len(b)
	}
	return i
}

// pair joins a surrogate with the one after it.
func (u *fromUTF16) pair(b []byte, first rune) (rune, int) {
	if len(b) < 4 {
		return utf8.RuneError, 2
	}
	r := utf16.DecodeRune(first, rune(u.order.Uint16(b[2:])))
	if r == utf8.RuneError {
		return r, 2
	}
	return r, 4
}
