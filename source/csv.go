package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

const (
	// maxRecord bounds one record of a table: far above the 64 kB that the service
	// keeps of a field, low enough to hold in memory.
	maxRecord = 16 << 20
	// maxFields bounds the fields of one record; the widest table known has 300.
	maxFields = 4096
	// csvBuffer is what a reader starts with.
	csvBuffer = 256 << 10
)

// Why a record could not be split.
const (
	csvOpenQuote = "a quoted field is not closed"
	csvTooLong   = "the record is longer than 16 MiB"
	csvTooWide   = "the record has more than 4096 fields"
)

// csvScan splits a text into the records of a separated table. Quotes are read as
// encoding/csv reads them with LazyQuotes. A quote that nobody closes costs the
// line it stands in, not the rest of the file.
type csvScan struct {
	r        io.Reader
	comma    byte
	limit    int // longest record
	buf      []byte
	pos, end int   // unread bytes: buf[pos:end]
	base     int64 // offset of buf[0] in the stream
	next     int64 // number of the line that begins at pos, from 1
	readErr  error
	flat     int64 // before this offset a line ending ends the record, quoted or not

	cells  []csvCell // of the record, where quick took it; else nil
	fields [][]byte  // of the record, where it was split or asked for
	plain  []byte    // unquoted text of fields that held doubled quotes
	raw    []byte
	line   int64
	offset int64
	fault  string
}

func newCSV(r io.Reader, comma byte) *csvScan {
	return &csvScan{r: r, comma: comma, limit: maxRecord, buf: make([]byte, csvBuffer), next: 1}
}

// csvCell is where a field stands in its record.
type csvCell struct {
	from, to int32
	doubled  bool // it holds doubled quotes
}

// Next moves to the next record and tells whether there is one. Empty lines are
// no records.
func (c *csvScan) Next() bool {
	if c.quick() {
		return true
	}
	c.cells = c.cells[:0]
	for c.more() {
		n, ending, lines, fault := c.measure()
		c.line, c.offset = c.next, c.base+int64(c.pos)
		c.raw, c.fault = c.buf[c.pos:c.pos+n], fault
		c.pos += n + ending
		c.next += lines
		if fault == csvTooLong {
			c.skipLine()
		}
		if fault != "" {
			c.fields = c.fields[:0]
			return true
		}
		if n = len(c.raw); n > 0 && c.raw[n-1] == '\r' {
			c.raw = c.raw[:n-1]
		}
		if len(c.raw) > 0 {
			c.split()
			return true
		}
	}
	return false
}

// Fields are the fields of the record. They and Raw are valid until the next Next.
func (c *csvScan) Fields() [][]byte {
	if len(c.cells) > 0 && len(c.fields) == 0 {
		for i := range c.cells {
			c.fields = append(c.fields, c.Field(i))
		}
	}
	return c.fields
}

// Width is the number of fields of the record.
func (c *csvScan) Width() int {
	if len(c.cells) > 0 {
		return len(c.cells)
	}
	return len(c.fields)
}

// Field is one field of the record, as Fields gives it.
func (c *csvScan) Field(i int) []byte {
	if len(c.cells) == 0 {
		return c.fields[i]
	}
	cell := &c.cells[i]
	text := c.raw[cell.from:cell.to]
	if !cell.doubled {
		return text
	}
	kept := len(c.plain)
	for {
		q := bytes.IndexByte(text, '"')
		if q < 0 {
			break
		}
		c.plain = append(c.plain, text[:q+1]...)
		text = text[q+2:]
	}
	c.plain = append(c.plain, text...)
	return c.plain[kept:len(c.plain):len(c.plain)]
}

// Raw is the record as it stands in the stream, without its line ending.
func (c *csvScan) Raw() []byte { return c.raw }

// Line is the number of the record's first line, from 1.
func (c *csvScan) Line() int64 { return c.line }

// Offset is where the record starts, in bytes from the start of the stream.
func (c *csvScan) Offset() int64 { return c.offset }

// Fault tells why the record has no fields; empty: it has.
func (c *csvScan) Fault() string { return c.fault }

// Last tells that nothing follows the record, not even the ending of its line.
func (c *csvScan) Last() bool {
	return c.pos == c.end && c.readErr != nil && c.pos > 0 && c.buf[c.pos-1] != '\n'
}

// Err is the read error that ended the records, or nil at the end of the stream.
func (c *csvScan) Err() error {
	if errors.Is(c.readErr, io.EOF) {
		return nil
	}
	return c.readErr
}

// more makes sure that a byte is unread, if there is one.
func (c *csvScan) more() bool {
	for c.pos == c.end && c.readErr == nil {
		c.fill()
	}
	return c.pos < c.end
}

// quick takes the next record where nothing about it is odd: it stands whole in
// the buffer, and its quotes open and close whole fields. What it does not take is
// left to measure and split, which read everything.
func (c *csvScan) quick() bool {
	text := c.buf[c.pos:c.end]
	line := bytes.IndexByte(text, '\n')
	if line <= 0 || line > c.limit || c.base+int64(c.pos) < c.flat {
		return false
	}
	cells, n, lines := c.cells[:0], line, int64(1)
	if bytes.IndexByte(text[:line], '"') < 0 {
		if n = unreturned(text, line); n == 0 {
			return false
		}
		cells = appendCells(cells, text[:n], 0, c.comma)
	} else if cells, n, lines = c.quoteCells(cells, text, line); n == 0 {
		return false
	}
	end := n
	if text[n] == '\r' {
		end++
	}
	if end > c.limit || len(cells) > maxFields {
		return false
	}
	c.cells, c.fields, c.plain = cells, c.fields[:0], c.plain[:0]
	c.line, c.offset, c.raw, c.fault = c.next, c.base+int64(c.pos), text[:n], ""
	c.pos += end + 1
	c.next += lines
	return true
}

// unreturned is where the text before a line ending ends.
func unreturned(text []byte, line int) int {
	if line > 0 && text[line-1] == '\r' {
		return line - 1
	}
	return line
}

// quoteCells cuts a record with quotes, n bytes long, that fills so many lines;
// line is where the first of them ends. n is 0 where quick must not take it.
func (c *csvScan) quoteCells(cells []csvCell, text []byte, line int) (all []csvCell, n int, lines int64) {
	lines = 1
	for i := 0; ; {
		if text[i] != '"' {
			quote := bytes.IndexByte(text[i:line], '"')
			if quote < 0 {
				n = max(i, unreturned(text, line))
				return appendCells(cells, text[i:n], int32(i), c.comma), n, lines
			}
			if text[i+quote-1] != c.comma {
				return cells, 0, 0
			}
			cells = appendCells(cells, text[i:i+quote-1], int32(i), c.comma)
			i += quote
		}
		after, doubled := afterQuotes(text, i+1)
		if after == 0 {
			return cells, 0, 0
		}
		cells = append(cells, csvCell{int32(i + 1), int32(after - 1), doubled})
		if after > line {
			lines += int64(bytes.Count(text[line:after], []byte{'\n'}))
			more := bytes.IndexByte(text[after:], '\n')
			if more < 0 {
				return cells, 0, 0
			}
			line = after + more
		}
		switch {
		case text[after] == c.comma:
			i = after + 1
		case after == line || after+1 == line && text[after] == '\r':
			return cells, after, lines
		default:
			return cells, 0, 0
		}
	}
}

// afterQuotes is what follows the quote that closes a field whose text begins at
// i, or 0 where that does not stand in the text.
func afterQuotes(text []byte, i int) (after int, doubled bool) {
	for {
		q := bytes.IndexByte(text[i:], '"')
		if q < 0 || i+q+1 == len(text) {
			return 0, false
		}
		i += q + 1
		if text[i] != '"' {
			return i, doubled
		}
		doubled = true
		i++
	}
}

// Eight bytes at a time: the lowest and the highest bit of each.
const (
	eachLow  = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// appendCells cuts a text without quotes at its separators; it stands at an
// offset of the record.
func appendCells(cells []csvCell, text []byte, offset int32, comma byte) []csvCell {
	from, pattern := offset, eachLow*uint64(comma)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:]) ^ pattern
		// a byte that is zero now was a separator; carries cannot run into another byte
		for m := ^((x&^eachHigh + ^uint64(eachHigh)) | x) & eachHigh; m != 0; m &= m - 1 {
			at := offset + int32(i+bits.TrailingZeros64(m)/8)
			cells = append(cells, csvCell{from: from, to: at})
			from = at + 1
		}
	}
	for ; i < len(text); i++ {
		if text[i] == comma {
			cells = append(cells, csvCell{from: from, to: offset + int32(i)})
			from = offset + int32(i) + 1
		}
	}
	return append(cells, csvCell{from: from, to: offset + int32(len(text))})
}

// The places in which a byte of a record can stand.
const (
	atFieldStart = iota
	inPlain
	inQuotes
	afterQuote   // a quote inside quotes: its end, or the first of two
	afterQuoteCR // … and a carriage return behind it
)

// measure finds the end of the record at pos.
//
// Shape: n bytes of record, ending bytes of line ending, lines that they fill.
func (c *csvScan) measure() (n, ending int, lines int64, fault string) {
	line := bytes.IndexByte(c.buf[c.pos:c.end], '\n')
	if line >= 0 && line <= c.limit && bytes.IndexByte(c.buf[c.pos:c.pos+line], '"') < 0 {
		return line, 1, 1, ""
	}
	state, i, firstBreak := atFieldStart, 0, -1
	for {
		if i > c.limit {
			return c.unended(c.limit+1, lines, firstBreak, state == inQuotes)
		}
		if c.pos+i == c.end {
			if c.readErr == nil {
				c.fill()
				continue
			}
			return c.unended(i, lines, firstBreak, state == inQuotes)
		}
		if state == inQuotes {
			i += c.untilQuote(i)
			if c.pos+i == c.end || i > c.limit {
				continue
			}
		}
		flat := c.base+int64(c.pos+i) < c.flat
		b := c.buf[c.pos+i]
		switch {
		case b == '\n' && state == inQuotes && flat:
			return i, 1, lines + 1, csvOpenQuote
		case b == '\n' && state == inQuotes:
			lines++
			if firstBreak < 0 {
				firstBreak = i
			}
		case b == '\n':
			return i, 1, lines + 1, ""
		default:
			state = c.step(state, b)
		}
		i++
	}
}

// unended measures a record that neither a line ending nor the limit ends well.
// Where it spans lines because a quote stays open, it is taken to be its first
// line, and what follows is read again line by line.
func (c *csvScan) unended(i int, lines int64, firstBreak int, open bool) (int, int, int64, string) {
	long := i > c.limit
	switch {
	case (open || long) && firstBreak >= 0:
		c.flat = c.base + int64(c.pos+i)
		return firstBreak, 1, 1, csvOpenQuote
	case long:
		return i, 0, lines, csvTooLong
	case open:
		return i, 0, lines + 1, csvOpenQuote
	}
	return i, 0, lines + 1, ""
}

// step is the place of the byte after b.
func (c *csvScan) step(state int, b byte) int {
	switch {
	case b == c.comma && state != inQuotes && state != afterQuoteCR:
		return atFieldStart
	case state == atFieldStart && b == '"':
		return inQuotes
	case state == atFieldStart || state == inPlain:
		return inPlain
	case state == afterQuote && b == '\r':
		return afterQuoteCR
	case state != afterQuote && b == '"':
		return afterQuote
	}
	return inQuotes
}

// untilQuote is how many bytes from i on lie before the next quote or line ending.
func (c *csvScan) untilQuote(i int) int {
	rest := c.buf[c.pos+i : c.end]
	for n, b := range rest {
		if b == '"' || b == '\n' {
			return n
		}
	}
	return len(rest)
}

// skipLine reads on to the end of a line that is longer than the limit.
func (c *csvScan) skipLine() {
	c.raw = bytes.Clone(c.raw[:min(len(c.raw), sampleLength)])
	for c.more() {
		if i := bytes.IndexByte(c.buf[c.pos:c.end], '\n'); i >= 0 {
			c.pos += i + 1
			c.next++
			return
		}
		c.pos = c.end
	}
}

// split cuts the raw record into fields.
func (c *csvScan) split() {
	c.fields, c.plain, c.cells = c.fields[:0], c.plain[:0], c.cells[:0]
	rest := c.raw
	for len(c.fields) < maxFields {
		n, field := c.field(rest)
		c.fields = append(c.fields, field)
		if n == len(rest) {
			return
		}
		rest = rest[n+1:]
	}
	c.fields, c.fault = c.fields[:0], csvTooWide
}

// field is the first field of a text and how many bytes it takes.
func (c *csvScan) field(text []byte) (n int, field []byte) {
	if len(text) > 0 && text[0] == '"' {
		return c.quoted(text)
	}
	for n < len(text) && text[n] != c.comma {
		n++
	}
	return n, text[:n]
}

// quoted is a field in quotes. It is a part of the text where no quote had to go.
func (c *csvScan) quoted(text []byte) (n int, field []byte) {
	kept, from := len(c.plain), 1
	for i := 1; i < len(text); {
		q := bytes.IndexByte(text[i:], '"')
		if q < 0 {
			break
		}
		i += q + 1
		switch {
		case i == len(text) || text[i] == c.comma:
			if len(c.plain) == kept {
				return i, text[from : i-1]
			}
			c.plain = append(c.plain, text[from:i-1]...)
			return i, c.plain[kept:]
		case text[i] == '"':
			c.plain = append(c.plain, text[from:i]...)
			i++
			from = i
		}
	}
	if len(c.plain) == kept {
		return len(text), text[from:]
	}
	c.plain = append(c.plain, text[from:]...)
	return len(text), c.plain[kept:]
}

// fill reads more behind the unread bytes, moving or growing them as needed.
func (c *csvScan) fill() {
	c.base += int64(c.pos)
	c.buf, c.end = makeRoom(c.buf, c.pos, c.end)
	c.pos = 0
	n, err := readSome(c.r, c.buf[c.end:])
	c.end += n
	c.readErr = err
}

// cutCSV is where the last record that ends within block ends, for a table whose
// records may hold line endings in quotes. Inside what follows a quote that nobody
// closes, where records are lines, no cut is made.
func cutCSV(block []byte, comma byte, limit int) int {
	if len(block) <= limit && bytes.IndexByte(block, '"') < 0 {
		return WholeLines(block)
	}
	c := csvScan{buf: block, end: len(block), comma: comma, limit: limit, readErr: io.EOF, next: 1}
	cut := 0
	for c.Next() {
		if c.pos == c.end && (block[c.end-1] != '\n' || c.fault == csvOpenQuote) {
			return cut
		}
		if c.fault == csvOpenQuote && c.flat == int64(c.end) && c.end-int(c.offset) <= limit {
			return cut // its end may stand in what is not read yet
		}
		if int64(c.pos) >= c.flat {
			cut = c.pos
		}
	}
	return cut
}

// makeRoom moves the bytes from start to end to the front of the buffer and
// doubles it where it is full.
func makeRoom(buf []byte, start, end int) ([]byte, int) {
	to := buf
	if end-start == len(buf) {
		to = make([]byte, 2*len(buf))
	}
	return to, copy(to, buf[start:end])
}

// readSome reads at least one byte or says why there is none. Its error is io.EOF
// at the end alone: an io.EOF within another error is a failure of a layer below.
func readSome(r io.Reader, p []byte) (int, error) {
	if r == nil {
		return 0, io.EOF
	}
	for range maxEmptyReads {
		n, err := r.Read(p)
		if err != io.EOF && errors.Is(err, io.EOF) {
			return n, fmt.Errorf("%s: %w", err.Error(), io.ErrUnexpectedEOF)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
