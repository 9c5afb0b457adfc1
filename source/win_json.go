package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

const formatWindowsJSON = "windows-json"

// windowsJSON reads events that shippers and parsers of the log write as JSON.
var windowsJSON = Format{
	Name:   formatWindowsJSON,
	Doc:    "Windows events as JSON: Winlogbeat and Elastic, NXLog, evtx_dump and its like, Get-WinEvent | ConvertTo-Json; one a line or in a list",
	Proves: winProves,
	Detect: detectWinJSON,
	Decode: decodeWinJSON,
	Split:  splitWinJSON,
	Join:   joinWin,
}

// jsonPart is the part of an event in which a member stands.
type jsonPart uint8

const (
	jsonTop      jsonPart = iota // head and data may stand side by side
	jsonHead                     // System
	jsonData                     // EventData, UserData
	jsonProvider                 // the attributes of a provider
	jsonTime                     // … of TimeCreated
	jsonID                       // … of EventID
)

// winDescents are the members that hold parts of an event.
var winDescents = map[string]jsonPart{
	"_source": jsonTop, "winlog": jsonTop, "Event": jsonTop, "document": jsonTop, "data": jsonTop,
	"System": jsonHead, "event_data": jsonData, "user_data": jsonData, "EventData": jsonData, "UserData": jsonData,
}

// winJSONDepth is how deep an event nests: document, data, Event, EventData, Data
// and one more.
const winJSONDepth = 8

// winJSONFill fills an event from an object.
type winJSONFill struct {
	event      *winEvent
	properties []byte // of PowerShell, which name nothing
	payload    []byte // of EvtxECmd: the data as JSON in a string
}

// fillJSON fills the event from one object.
func (e *winEvent) fillJSON(text []byte) (fault string) {
	f := winJSONFill{event: e}
	s := jsonOf(text, 0, 1)
	if err := f.object(s, jsonTop, 0); err != nil {
		return reasonOf(err)
	}
	if _, err := s.peek(); !errors.Is(err, io.EOF) {
		return "more than one object"
	}
	if f.payload != nil {
		_ = e.fillJSONData(f.payload) // PowerShell logs a datum of that name, which may be anything
	}
	if f.properties != nil {
		fault = e.fillProperties(f.properties)
	}
	if e.cells[winUtc] == nil && e.cells[winMessage] != nil {
		e.fillMessage(e.cells[winMessage])
	}
	return fault
}

// fillJSONData fills the data of the event from an object.
func (e *winEvent) fillJSONData(text []byte) (fault string) {
	f := winJSONFill{event: e}
	if err := f.object(jsonOf(text, 0, 1), jsonData, 0); err != nil {
		return reasonOf(err)
	}
	return ""
}

func (f *winJSONFill) object(s *jsonScan, part jsonPart, depth int) error {
	if depth > winJSONDepth {
		return s.skip()
	}
	return s.object(func(key []byte) error { return f.member(s, key, part, depth) })
}

func (f *winJSONFill) member(s *jsonScan, key []byte, part jsonPart, depth int) error {
	kind, err := s.must()
	if err != nil {
		return err
	}
	if kind == '{' || kind == '[' {
		return f.nested(s, key, kind, part, depth)
	}
	field := winJSONField(key, part)
	if field == winMessage && kind == '"' { // long, and seldom needed
		raw, _, err := s.text(maxRecord)
		f.event.set(field, raw)
		return err
	}
	if field != winNone {
		cell, err := cellOf(s)
		f.event.set(field, cell)
		return err
	}
	if part == jsonTop && string(key) == "Payload" && kind == '"' {
		cell, err := cellOf(s)
		if bytes.HasPrefix(cell, []byte{'{'}) {
			f.payload = cell
		}
		return err
	}
	return s.skip()
}

// winJSONField is the field of a member with a plain value.
func winJSONField(key []byte, part jsonPart) winField {
	switch part {
	case jsonTop:
		if f := winHeadNames[string(key)]; f != winNone {
			return f
		}
		if f := winDataNames[string(key)]; f != winNone || bytes.IndexByte(key, '.') < 0 {
			return f
		}
		return dottedField(key)
	case jsonHead:
		if f := winHeadNames[string(key)]; f != winMessage {
			return f
		}
	case jsonData:
		return winData(key)
	case jsonProvider:
		if oneOf(key, "name", "@name") {
			return winProvider
		}
	case jsonTime:
		if oneOf(key, "systemtime", "@systemtime", "value") {
			return winTime
		}
	case jsonID:
		if oneOf(key, "#text", "value", "$t") {
			return winID
		}
	}
	return winNone
}

// dottedField is the field of a flattened member: winlog.event_data.IpAddress.
func dottedField(key []byte) winField {
	rest, ok := bytes.CutPrefix(key, []byte("winlog."))
	if !ok {
		return winNone
	}
	for _, prefix := range [...]string{"event_data.", "user_data."} {
		if name, ok := bytes.CutPrefix(rest, []byte(prefix)); ok {
			return winData(name)
		}
	}
	return winHeadNames[string(rest)]
}

// nested reads a member that is an object or a list.
func (f *winJSONFill) nested(s *jsonScan, key []byte, kind byte, part jsonPart, depth int) error {
	name := string(key)
	if kind == '[' {
		switch {
		case part == jsonData && name == "Data":
			return s.array(func() error { return f.datum(s) })
		case part == jsonTop && name == "Properties":
			raw, err := s.capture(maxRecord)
			f.properties = raw
			return err
		}
		return s.skip()
	}
	switch {
	case part == jsonTop && winDescents[name] != jsonTop, part == jsonTop && (name == "winlog" || name == "Event" || name == "_source" || name == "document" || name == "data"):
		return f.object(s, winDescents[name], depth+1)
	case name == "#attributes" && part != jsonData:
		return f.object(s, part, depth+1)
	case part == jsonData && name == "Data":
		return f.datum(s)
	case part == jsonData && !strings.HasPrefix(name, "#"):
		return f.object(s, jsonData, depth+1) // EventXML and its like
	case part == jsonTop || part == jsonHead:
		switch winHeadNames[name] {
		case winProvider:
			return f.object(s, jsonProvider, depth+1)
		case winTime:
			return f.object(s, jsonTime, depth+1)
		case winID:
			return f.object(s, jsonID, depth+1)
		}
	}
	return s.skip()
}

// datum reads {"@Name":…,"#text":…}.
func (f *winJSONFill) datum(s *jsonScan) error {
	if b, err := s.must(); err != nil || b != '{' {
		return s.skip()
	}
	var name, value []byte
	err := s.object(func(key []byte) error {
		into := &value
		switch {
		case oneOf(key, "@name", "name"):
			into = &name
		case oneOf(key, "#text", "value", "$t", "text"):
		default:
			if string(key) != "#attributes" {
				return s.skip()
			}
			return s.object(func(key []byte) error {
				if !oneOf(key, "name") {
					return s.skip()
				}
				cell, err := cellOf(s)
				name = cell
				return err
			})
		}
		cell, err := cellOf(s)
		*into = cell
		return err
	})
	f.event.set(winData(name), value)
	return err
}

// fillProperties fills the data from [{"Value":…}], which PowerShell writes.
func (e *winEvent) fillProperties(text []byte) (fault string) {
	p := newPositions(e)
	s := jsonOf(text, 0, 1)
	err := s.array(func() error {
		defer p.step()
		if b, err := s.must(); err != nil || b != '{' {
			return s.skip()
		}
		return s.object(func(key []byte) error {
			if string(key) != "Value" {
				return s.skip()
			}
			cell, err := cellOf(s)
			p.set(cell)
			return err
		})
	})
	if err != nil {
		return reasonOf(err)
	}
	return ""
}

// fillMessage fills the data of an event of Sysmon from its rendered text, which
// names them line by line and is never translated; its escapes are still in it.
func (e *winEvent) fillMessage(text []byte) {
	if !bytes.Contains(e.cells[winProvider], []byte("Sysmon")) && !bytes.Contains(e.cells[winChannel], []byte("Sysmon")) {
		return
	}
	for text = unescape(text); len(text) > 0; {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if name, value, ok := bytes.Cut(line, []byte{':'}); ok {
			e.set(winData(bytes.TrimSpace(name)), bytes.TrimSpace(value))
		}
	}
}

// winLooks tells why an event that was filled from JSON is none of Windows.
func (e *winEvent) winLooks() (ok bool, why string) {
	if _, number := winNumber(e.cells[winID]); !number {
		return false, "no event id"
	}
	if blank(e.cells[winProvider]) && blank(e.cells[winChannel]) {
		return false, "neither provider nor channel"
	}
	if blank(e.cells[winComputer]) {
		return false, "no computer"
	}
	if blank(e.cells[winTime]) && blank(e.cells[winEventTime]) && blank(e.cells[winStamp]) {
		return false, "no time"
	}
	return true, ""
}

func detectWinJSON(head []byte) (bool, string) {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bomUTF8)), " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false, "it is no JSON"
	}
	why := "it has no whole object"
	s := jsonOf(text, 0, 1)
	look := func() error {
		raw, err := s.capture(maxRecord)
		var e winEvent
		if len(raw) == 0 || raw[0] != '{' || err != nil {
			return errors.Join(err, errEnough)
		}
		_ = e.fillJSON(raw)
		ok, reason := e.winLooks()
		if why = "its objects are no events of Windows: " + reason; ok {
			why = ""
		}
		return errEnough
	}
	if text[0] == '[' {
		_ = s.array(look)
	} else {
		_ = look()
	}
	if why == "it has no whole object" { // one longer than the head
		var e winEvent
		_ = e.fillJSON(text)
		if ok, _ := e.winLooks(); ok {
			why = ""
		}
	}
	if why == "" && bytes.Contains(text[:min(len(text), HeadSize)], []byte(`"TimeGenerated"`)) {
		return false, "it is a table of a workspace"
	}
	return why == "", why
}

func splitWinJSON(head []byte) *Split {
	if !objectLines(head) {
		return nil
	}
	return &Split{Cut: WholeLines}
}

// objectLines tells one object a line from objects that span lines. The first
// line may be broken: the second then tells.
func objectLines(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bomUTF8)), " \t\r\n")
	first, rest, more := bytes.Cut(text, []byte{'\n'})
	if len(first) == 0 || first[0] != '{' {
		return false
	}
	return !more || bytes.HasSuffix(bytes.TrimSpace(first), []byte{'}'}) || len(rest) > 0 && rest[0] == '{'
}

func decodeWinJSON(ctx context.Context, in *Input, out Sink) error {
	r := newWinReader(ctx, in, out)
	look, _, err := readUpTo(in.R, nil, firstLook)
	if err != nil && len(look) == 0 {
		return err
	}
	all := io.MultiReader(bytes.NewReader(look), in.R)
	if objectLines(look) {
		return r.finish(r.jsonLines(all))
	}
	return r.finish(r.jsonList(newJSON(all)))
}

// jsonLines reads one object a line.
func (r *winReader) jsonLines(all io.Reader) error {
	l := NewLines(all)
	var e winEvent
	for l.Next() {
		line := bytes.TrimSpace(bytes.TrimPrefix(l.Bytes(), []byte(bomUTF8)))
		if len(line) == 0 {
			continue
		}
		e.reset()
		e.raw = line
		e.place.Line, e.place.Offset = r.in.From.Line+l.Number(), r.in.From.Offset+l.Offset()
		if l.TooLong() {
			r.reject(&e, "", csvTooLong)
			continue
		}
		if err := r.jsonEvent(&e, line); err != nil {
			return err
		}
	}
	return l.Err()
}

func (r *winReader) jsonEvent(e *winEvent, text []byte) error {
	if text[0] != '{' {
		r.reject(e, "", "not an object")
		return nil
	}
	if fault := e.fillJSON(text); fault != "" {
		r.reject(e, "", fault)
		return nil
	}
	return r.accept(e)
}

// jsonList reads objects in a list, or one after another.
func (r *winReader) jsonList(s *jsonScan) error {
	for {
		b, err := s.peek()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		item := int32(0)
		if b == '[' {
			err = s.array(func() error { item++; return r.jsonCaptured(s, item) })
		} else {
			err = r.jsonCaptured(s, 0)
		}
		if err != nil {
			return err
		}
	}
}

func (r *winReader) jsonCaptured(s *jsonScan, item int32) error {
	var e winEvent
	if _, err := s.must(); err != nil {
		return err
	}
	e.place.Line, e.place.Offset, e.place.Item = r.in.From.Line+s.Line(), r.in.From.Offset+s.Offset(), item
	raw, err := s.capture(maxRecord)
	e.raw = raw
	switch {
	case errors.Is(err, errJSONTooLong):
		e.raw = raw[:min(len(raw), sampleLength)]
		r.reject(&e, "", csvTooLong)
		return s.skip()
	case err != nil:
		if len(raw) > 0 {
			r.reject(&e, "", "the input ends within the event")
		}
		return err
	}
	return r.jsonEvent(&e, raw)
}
