package source

import (
	"bytes"
	"context"
	"errors"
	"io"

	"netcase"
)

const formatWindowsXML = "windows-xml"

// windowsXML reads events rendered as XML.
var windowsXML = Format{
	Name:   formatWindowsXML,
	Doc:    "Windows events as XML: saved by Event Viewer, or written by wevtutil /f:xml or Get-WinEvent, with or without a root",
	Proves: winProves,
	Detect: detectWinXML,
	Decode: decodeWinXML,
	Split:  func([]byte) *Split { return &Split{Cut: wholeEvents} },
	Join:   joinWin,
}

// winProves is what the events of Windows prove, whatever carries them.
const winProves = "logons with their outcome, processes, and connections as the endpoint saw them: a TCP connection of Sysmon went both ways; " +
	"one of the filtering platform, or a datagram, was allowed, and whether it was answered is not known"

var (
	eventOpen  = []byte("<Event")
	eventClose = []byte("</Event>")
)

// wholeEvents cuts after the last event that ends in the block.
func wholeEvents(block []byte) int {
	if i := bytes.LastIndex(block, eventClose); i >= 0 {
		return i + len(eventClose)
	}
	return 0
}

func detectWinXML(head []byte) (bool, string) {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bomUTF8)), " \t\r\n-")
	if len(text) == 0 || text[0] != '<' {
		return false, "it is no XML"
	}
	from := eventStart(text)
	if from < 0 {
		return false, "it has no element Event"
	}
	s := xmlScan{b: text[from:]}
	system := false
	for s.next() {
		if s.kind == xmlOpen && string(s.name) == "System" {
			system = true
		}
		if s.kind == xmlOpen && string(s.name) == "EventID" && system {
			return true, ""
		}
		if s.kind == xmlClose && string(s.name) == "Event" {
			break
		}
	}
	return false, "its first Event has no System with an EventID"
}

// eventStart is where the first start tag of an event stands; -1: there is none.
func eventStart(text []byte) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], eventOpen)
		if i < 0 {
			return -1
		}
		i += from
		if end := i + len(eventOpen); end < len(text) && bytes.IndexByte([]byte(" >\t\r\n"), text[end]) >= 0 {
			return i
		}
		from = i + len(eventOpen)
	}
}

func decodeWinXML(ctx context.Context, in *Input, out Sink) error {
	r := newWinReader(ctx, in, out)
	s := &eventText{r: in.R, place: in.From, buf: make([]byte, csvBuffer)}
	s.place.Line++ // of the first byte
	var e winEvent
	for s.next() {
		e.reset()
		e.raw, e.place = s.event, s.at
		if s.fault != "" {
			in.Reject(s.at.Line, 0, "", s.fault, s.event)
			continue
		}
		if fault := e.fillXML(s.event); fault != "" {
			in.Reject(s.at.Line, 0, "", fault, s.event)
			continue
		}
		if err := r.accept(&e); err != nil {
			return r.finish(err)
		}
	}
	return r.finish(s.err)
}

// eventText cuts a stream into the texts of its events.
type eventText struct {
	r          io.Reader
	buf        []byte
	start, end int           // unread bytes
	place      netcase.Place // of start
	done       bool
	err        error

	event []byte
	at    netcase.Place
	fault string
}

const xmlTooLong = "the event is longer than 16 MiB"

// next moves to the next event.
func (s *eventText) next() bool {
	s.fault = ""
	for {
		unread := s.buf[s.start:s.end]
		from := eventStart(unread)
		if from < 0 {
			s.pass(max(0, len(unread)-len(eventOpen))) // a tag may have begun
		} else {
			s.pass(from)
			if s.whole() {
				return true
			}
		}
		if !s.done && s.end-s.start > maxRecord {
			s.take(s.end-s.start, xmlTooLong)
			return true
		}
		if s.done {
			if from >= 0 {
				s.take(s.end-s.start, "the input ends within the event")
				return true
			}
			return false
		}
		s.fill()
	}
}

// whole takes the event that begins the unread bytes, if its end is there. One
// that never ends is cut where the next begins.
func (s *eventText) whole() bool {
	unread := s.buf[s.start:s.end]
	n := bytes.Index(unread, eventClose)
	if n < 0 {
		return false
	}
	if next := eventStart(unread[len(eventOpen):n]); next >= 0 {
		s.take(len(eventOpen)+next, "the event does not end")
		return true
	}
	s.take(n+len(eventClose), "")
	return true
}

func (s *eventText) take(n int, fault string) {
	s.event, s.at, s.fault = s.buf[s.start:s.start+n], s.place, fault
	s.pass(n)
}

// pass moves over n unread bytes and counts their lines.
func (s *eventText) pass(n int) {
	s.place.Line += int64(bytes.Count(s.buf[s.start:s.start+n], []byte{'\n'}))
	s.place.Offset += int64(n)
	s.start += n
}

// fill fills the buffer to its end: a long event is looked through again after
// each time.
func (s *eventText) fill() {
	s.buf, s.end = makeRoom(s.buf, s.start, s.end)
	s.start = 0
	for s.end < len(s.buf) && !s.done {
		n, err := readSome(s.r, s.buf[s.end:])
		s.end += n
		if err != nil {
			s.done = true
			if !errors.Is(err, io.EOF) {
				s.err = err
			}
		}
	}
}

// fillXML fills the event from its XML; fault says why it is none.
func (e *winEvent) fillXML(text []byte) (fault string) {
	s := xmlScan{b: text}
	f := xmlFill{event: e}
	for s.next() {
		f.token(&s)
	}
	return s.fault
}

// xmlPart is the part of an event in which an element stands.
type xmlPart uint8

const (
	xmlOutside xmlPart = iota
	xmlSystem
	xmlEventData
	xmlOther
)

// xmlFill fills an event from the tokens of its XML.
type xmlFill struct {
	event *winEvent
	part  xmlPart
	until []byte // the end tag that ends the part
	field winField
}

func (f *xmlFill) token(s *xmlScan) {
	switch s.kind {
	case xmlOpen:
		f.open(s)
	case xmlClose:
		f.field = winNone
		if f.part != xmlOutside && bytes.Equal(s.name, f.until) {
			f.part = xmlOutside
		}
	case xmlChars:
		if f.field != winNone {
			f.event.set(f.field, xmlText(s.text))
		}
	}
}

func (f *xmlFill) open(s *xmlScan) {
	if f.part == xmlOutside {
		f.begin(s.name)
		return
	}
	f.field = winNone
	switch f.part {
	case xmlSystem:
		f.head(s)
	case xmlEventData:
		switch name := xmlAttr(s.attrs, "Name"); {
		case string(s.name) != "Data":
			f.field = winData(s.name) // of UserData
		case name != nil:
			f.field = winData(name)
		}
	}
}

// begin enters a part of the event.
func (f *xmlFill) begin(name []byte) {
	switch string(name) {
	case "System":
		f.part = xmlSystem
	case "EventData", "UserData":
		f.part = xmlEventData
	case "RenderingInfo", "DebugData", "ProcessingErrorData", "BinaryEventData":
		f.part = xmlOther
	default:
		return
	}
	f.until = name
}

// head reads an element of System.
func (f *xmlFill) head(s *xmlScan) {
	switch string(s.name) {
	case "Provider":
		if name := xmlAttr(s.attrs, "Name"); name != nil {
			f.event.set(winProvider, name)
		} else {
			f.event.set(winProvider, xmlAttr(s.attrs, "EventSourceName"))
		}
	case "TimeCreated":
		f.event.set(winTime, xmlAttr(s.attrs, "SystemTime"))
	case "EventID":
		f.field = winID
	case "Channel":
		f.field = winChannel
	case "Computer":
		f.field = winComputer
	case "EventRecordID":
		f.field = winRecordID
	}
}
