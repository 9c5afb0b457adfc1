package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const formatEVTX = "windows-evtx"

// windowsEVTX reads the files of the Windows event log. The place of a record is
// its number in the log (as the line) and its offset in the file; its raw bytes
// are those of the file, and the context is the record as XML with what it takes
// from its chunk: names and templates.
var windowsEVTX = Format{
	Name:   formatEVTX,
	Doc:    "files of the Windows event log (.evtx), also of a log that was not closed",
	Proves: winProves,
	Detect: detectEVTX,
	Decode: decodeEVTX,
	Split: func([]byte) *Split {
		return &Split{Lead: evtxHeader, Cut: func(block []byte) int { return len(block) / evtxChunk * evtxChunk }}
	},
	Join: joinEVTX,
}

// The layout of a file: a header, then chunks of one size, each with a header, the
// names and templates of its records, and the records.
const (
	evtxHeader      = 4096
	evtxChunk       = 64 << 10
	evtxChunkHeader = 512
	evtxRecordHead  = 24
	evtxRecordTail  = 4 // the size again
	evtxSmallest    = evtxRecordHead + evtxRecordTail
	evtxFlags       = 120 // place of the flags in the header of the file
	evtxDirty       = 1   // the log was not closed
)

var (
	evtxMagic       = []byte("ElfFile\x00")
	evtxChunkMagic  = []byte("ElfChnk\x00")
	evtxRecordMagic = []byte("**\x00\x00")
)

// What the chunks of a file add up to.
const (
	sumUnflushed = "evtx: records behind the mark of their chunk"
	sumDamaged   = "evtx: damaged places"
)

func detectEVTX(head []byte) (bool, string) {
	if !bytes.HasPrefix(head, evtxMagic) {
		return false, "it does not begin as an event log file"
	}
	if len(head) > 40 {
		if major := binary.LittleEndian.Uint16(head[38:]); major != 3 {
			return false, fmt.Sprintf("it is an event log file of version %d, and only version 3 is known", major)
		}
	}
	return true, ""
}

func joinEVTX(in *Input) {
	if n := in.Sums[sumDamaged]; n > 0 {
		in.Note("the file is damaged in %d places: the whole records around them were read", n)
	}
	if n := in.Sums[sumUnflushed]; n > 0 {
		in.Note("the log was not closed: records behind the mark of their chunk were read (%d)", n)
	}
	joinWin(in)
}

func decodeEVTX(ctx context.Context, in *Input, out Sink) error {
	r := newWinReader(ctx, in, out)
	return r.finish(r.evtxFile())
}

func (r *winReader) evtxFile() error {
	var lead [evtxHeader]byte
	if _, err := io.ReadFull(r.in.R, lead[:]); err != nil {
		return fmt.Errorf("the header of the file: %w", err)
	}
	dirty := lead[evtxFlags]&evtxDirty != 0
	buf := make([]byte, evtxChunk)
	for offset := r.in.From.Offset + evtxHeader; ; offset += evtxChunk {
		n, err := io.ReadFull(r.in.R, buf)
		if n > 0 {
			if e := r.records(buf[:n], offset, dirty); e != nil {
				return e
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// records reads the records of one chunk. Behind the mark in its header lies what
// is left of an earlier use; but where the log was not closed, the header may be
// older than the records, and those that go on counting are read.
func (r *winReader) records(b []byte, offset int64, dirty bool) error {
	if len(b) < evtxChunkHeader || !bytes.HasPrefix(b, evtxChunkMagic) {
		if len(bytes.Trim(b, "\x00")) > 0 {
			r.corrupt(offset, b, "a chunk without its header")
		}
		return nil
	}
	c := evtxReader{binXML: binXML{chunk: b}, winReader: r}
	free := int(binary.LittleEndian.Uint32(b[48:]))
	last := uint64(0)
	for at := evtxChunkHeader; at+evtxSmallest <= len(b); {
		size, ok := recordSize(b, at)
		if at >= free && !(dirty && ok && binary.LittleEndian.Uint64(b[at+8:]) == last+1) {
			return nil
		}
		if !ok {
			next := nextRecord(b, at)
			r.corrupt(offset+int64(at), b[at:min(len(b), at+evtxRecordHead)], "a damaged record")
			if next < 0 {
				return nil
			}
			at = next
			continue
		}
		if last = binary.LittleEndian.Uint64(b[at+8:]); at >= free {
			r.in.Sum(sumUnflushed, 1)
		}
		if err := c.record(b[at:at+size], at, offset); err != nil {
			return err
		}
		at += size
	}
	return nil
}

func (r *winReader) corrupt(offset int64, sample []byte, reason string) {
	var e winEvent
	e.place.Offset, e.raw = offset, sample[:min(len(sample), sampleLength)]
	r.in.Sum(sumDamaged, 1)
	r.reject(&e, "", reason)
}

// recordSize is the size of the record at a place of a chunk, if one stands there.
func recordSize(b []byte, at int) (int, bool) {
	if at+evtxSmallest > len(b) || !bytes.Equal(b[at:at+4], evtxRecordMagic) {
		return 0, false
	}
	size := int(binary.LittleEndian.Uint32(b[at+4:]))
	if size < evtxSmallest || size > len(b)-at {
		return 0, false
	}
	return size, int(binary.LittleEndian.Uint32(b[at+size-evtxRecordTail:])) == size
}

// nextRecord is where the next whole record stands; -1: there is none.
func nextRecord(b []byte, at int) int {
	for at++; at < len(b); at++ {
		i := bytes.Index(b[at:], evtxRecordMagic)
		if i < 0 {
			return -1
		}
		if at += i; at%8 == 0 {
			if _, ok := recordSize(b, at); ok {
				return at
			}
		}
	}
	return -1
}

// evtxReader reads the records of a chunk.
type evtxReader struct {
	binXML
	*winReader
	fill  evtxFill
	event winEvent
}

func (c *evtxReader) record(b []byte, at int, chunkAt int64) error {
	e := &c.event
	e.reset()
	e.raw = b
	e.place.Line = int64(binary.LittleEndian.Uint64(b[8:]))
	e.place.Offset = chunkAt + int64(at)
	c.fill = evtxFill{event: e}
	if fault := c.read(at+evtxRecordHead, at+len(b)-evtxRecordTail, &c.fill); fault != "" {
		c.reject(e, "", fault)
		return nil
	}
	e.set(winRecordID, fmt.Appendf(nil, "%d", binary.LittleEndian.Uint64(b[8:])))
	e.set(winTime, fileTime(binary.LittleEndian.Uint64(b[16:])))
	if c.in.Raw {
		e.context = func() string {
			var x xmlWriter
			again := binXML{chunk: c.chunk}
			if fault := again.read(at+evtxRecordHead, at+len(b)-evtxRecordTail, &x); fault != "" {
				return ""
			}
			return x.String()
		}
	}
	return c.accept(e)
}

// fileTime is a FILETIME, 100 ns since 1601, as text.
func fileTime(v uint64) []byte {
	const toUnix = 11644473600
	s, rest := int64(v/10_000_000), int64(v%10_000_000)
	if s > 1<<37 {
		return []byte("9999-12-31T23:59:59Z")
	}
	return time.Unix(s-toUnix, rest*100).UTC().AppendFormat(nil, "2006-01-02T15:04:05.0000000Z")
}

// evtxFill fills an event from the elements of its binary XML.
type evtxFill struct {
	event *winEvent
	part  xmlPart
	depth int // of the current element; the parts of an event have 2
	field winField
	name  string
}

func (f *evtxFill) open(name string) {
	f.depth++
	f.name, f.field = name, winNone
	switch {
	case f.depth == 2:
		f.part = xmlOther
		switch name {
		case "System":
			f.part = xmlSystem
		case "EventData", "UserData":
			f.part = xmlEventData
		}
	case f.part == xmlSystem:
		switch name {
		case "EventID", "Channel", "Computer", "EventRecordID":
			f.field = winHeadNames[name]
		}
	case f.part == xmlEventData && name != "Data":
		f.field = winData([]byte(name))
	}
}

func (f *evtxFill) attr(name, value string) {
	switch {
	case f.part == xmlSystem && f.name == "Provider" && name == "Name":
		f.event.set(winProvider, []byte(value))
	case f.part == xmlSystem && f.name == "TimeCreated" && name == "SystemTime":
		f.event.set(winTime, []byte(value))
	case f.part == xmlEventData && f.name == "Data" && name == "Name":
		f.field = winData([]byte(value))
	}
}

func (f *evtxFill) text(value string) {
	if f.field != winNone && value != "" {
		f.event.set(f.field, []byte(value))
	}
}

func (f *evtxFill) close() {
	f.depth--
	f.field, f.name = winNone, ""
}

// xmlWriter writes the elements as XML.
type xmlWriter struct {
	strings.Builder
	names []string
	begun bool // the start tag is not closed yet
}

func (w *xmlWriter) open(name string) {
	w.endTag()
	w.WriteString("<" + name)
	w.names, w.begun = append(w.names, name), true
}

func (w *xmlWriter) attr(name, value string) {
	w.WriteString(" " + name + `="` + xmlEscapes().Replace(value) + `"`)
}

func (w *xmlWriter) text(value string) {
	if value != "" {
		w.endTag()
		w.WriteString(xmlEscapes().Replace(value))
	}
}

func (w *xmlWriter) close() {
	if len(w.names) == 0 {
		return
	}
	name := w.names[len(w.names)-1]
	w.names = w.names[:len(w.names)-1]
	if w.begun {
		w.WriteString("/>")
		w.begun = false
		return
	}
	w.WriteString("</" + name + ">")
}

func (w *xmlWriter) endTag() {
	if w.begun {
		w.WriteString(">")
		w.begun = false
	}
}

func xmlEscapes() *strings.Replacer {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
}
