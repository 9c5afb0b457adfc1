package source

import (
	"bytes"
	"io"
)

const (
	// maxLine bounds one line of text: longer than any record known (an Azure
	// block on one line stays below 1 MB), short enough to hold in memory.
	maxLine = 16 << 20
	// firstLineBuffer is what a reader starts with; most lines are below 1 kB.
	firstLineBuffer = 256 << 10
	// longLineSample is how much of a line longer than maxLine is kept to show.
	longLineSample = 4 << 10
	// maxEmptyReads is how often a reader may return nothing before it is called broken.
	maxEmptyReads = 100
)

// Lines reads the lines of a text one by one. A line ends with \n, \r\n or the
// end of the stream; the ending is not part of it. Any other byte is.
type Lines struct {
	r          io.Reader
	limit      int // longest line
	buf        []byte
	start, end int // unread bytes: buf[start:end]
	line       []byte
	number     int64
	offset     int64 // of line
	next       int64 // offset of the line after it
	tooLong    bool
	unfinished bool
	ended      bool  // the reader has nothing more
	readErr    error // why, where that is not the end of the stream
}

// NewLines starts before the first line of r.
func NewLines(r io.Reader) *Lines {
	return newLines(r, firstLineBuffer, maxLine)
}

// lines are the lines of the input, counted on from where it begins.
func (in *Input) lines() *Lines {
	l := &Lines{buf: in.Text, end: len(in.Text), limit: maxLine, ended: true}
	if in.Text == nil {
		l = NewLines(in.R)
	}
	l.number, l.next = in.From.Line, in.From.Offset
	return l
}

func newLines(r io.Reader, size, limit int) *Lines {
	return &Lines{r: r, limit: limit, buf: make([]byte, size)}
}

// Next moves to the next line and tells whether there is one. Bytes that stand
// before a read error, without a line ending, are a last line.
func (l *Lines) Next() bool {
	l.tooLong, l.unfinished, l.line = false, false, nil
	scanned := 0 // bytes after start that hold no line ending
	for {
		if i := bytes.IndexByte(l.buf[l.start+scanned:l.end], '\n'); i >= 0 {
			l.take(scanned+i, 1)
			return true
		}
		scanned = l.end - l.start
		if l.ended {
			if scanned == 0 {
				return false
			}
			l.unfinished = true
			l.take(scanned, 0)
			return true
		}
		if scanned > l.limit+1 {
			l.takeLong()
			return true
		}
		l.fill()
	}
}

// take makes the next n unread bytes the line; ending bytes follow it.
func (l *Lines) take(n, ending int) {
	line := l.buf[l.start : l.start+n]
	l.start += n + ending
	l.number++
	l.offset = l.next
	l.next += int64(n + ending)
	if ending > 0 && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > l.limit {
		l.tooLong = true
		line = line[:min(len(line), longLineSample)]
	}
	l.line = line
}

// takeLong keeps the start of a line that is longer than the limit and reads
// on to its end.
func (l *Lines) takeLong() {
	l.tooLong = true
	l.number++
	l.offset = l.next
	// The start is copied: what follows overwrites the buffer.
	l.line = bytes.Clone(l.buf[l.start:min(l.end, l.start+longLineSample)])
	for {
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			l.start += i + 1
			l.next += int64(i + 1)
			return
		}
		l.next += int64(l.end - l.start)
		l.start, l.end = 0, 0
		if l.ended {
			l.unfinished = true
			return
		}
		l.fill()
	}
}

// fill reads more behind the unread bytes, moving or growing them as needed.
func (l *Lines) fill() {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.start = 0
	}
	if l.end == len(l.buf) {
		grown := make([]byte, 2*len(l.buf))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	for range maxEmptyReads {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if err != nil {
			l.ended = true
			if err != io.EOF {
				l.readErr = err
			}
		}
		if n > 0 || err != nil {
			return
		}
	}
	l.ended, l.readErr = true, io.ErrNoProgress
}

// Bytes is the line without its ending. It is valid until the next call of Next.
func (l *Lines) Bytes() []byte { return l.line }

// Number is the line's number, from 1.
func (l *Lines) Number() int64 { return l.number }

// Offset is where the line starts, in bytes from the start of the stream.
func (l *Lines) Offset() int64 { return l.offset }

// TooLong tells that the line is longer than the bound; Bytes is its start then.
func (l *Lines) TooLong() bool { return l.tooLong }

// Unfinished tells that the stream ended within the line, without a line ending:
// an ordinary last line, or one that was cut off.
func (l *Lines) Unfinished() bool { return l.unfinished }

// Err is the read error that ended the lines, or nil at the end of the stream.
func (l *Lines) Err() error { return l.readErr }
