package source

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// tableShape is how a table is laid out.
type tableShape uint8

const (
	shapeNone   tableShape = iota
	shapeCSV               // a header and separated records
	shapeLines             // one object a line
	shapeList              // an array of objects, or objects one after another
	shapeAnswer            // the answer of an API
)

type layout struct {
	shape tableShape
	comma byte
}

// layoutOf is the layout of a text by its head.
func layoutOf(head []byte) layout {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bomUTF8)), " \t\r\n")
	switch {
	case len(text) == 0:
		return layout{}
	case text[0] == '[':
		return layout{shape: shapeList}
	case text[0] == '{':
		return layout{shape: objectShape(text)}
	}
	return layout{shape: shapeCSV, comma: separatorOf(text)}
}

// objectShape tells an answer, which holds its rows in a member, from a row.
func objectShape(text []byte) tableShape {
	s, shape := jsonOf(text, 0, 1), shapeNone
	err := s.object(func(key []byte) error {
		switch strings.ToLower(string(key)) {
		case "tables", "columns", "rows", "results", "value", "records", "data", "items":
			if b, err := s.must(); err == nil && b == '[' {
				shape = shapeAnswer
				return errEnough
			}
		}
		return s.skip()
	})
	switch {
	case shape != shapeNone:
		return shape
	case err == nil && s.Line() == 1:
		return shapeLines
	case err != nil && bytes.IndexByte(text, '\n') < 0:
		return shapeLines // a row longer than what was looked at
	}
	return shapeList
}

// separatorOf is the separator of a table by its first line: the one of comma,
// semicolon and tab that stands outside quotes most often.
func separatorOf(text []byte) byte {
	if isSeparatorLine(firstLine(text)) && len(firstLine(text)) > 4 {
		return text[4]
	}
	var count [256]int
	quoted := false
	for _, b := range text {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted {
			break
		}
		if !quoted {
			count[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if count[b] > count[best] {
			best = b
		}
	}
	return best
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return bytes.TrimSuffix(text, []byte{'\r'})
}

// headRows is how many rows of objects are asked for their names.
const headRows = 50

// tableHead is what the head of a stream shows of a table.
type tableHead struct {
	names  map[string]bool // normalised
	suffix bool            // some names carry the type suffix of old custom tables
}

// tableHeadOf reads the names of the columns; if there are none it says why.
func tableHeadOf(head []byte) (h tableHead, why string) {
	h.names = map[string]bool{}
	p := layoutOf(head)
	var keys [][]byte
	switch p.shape {
	case shapeNone:
		return h, "it is empty"
	case shapeCSV:
		keys = csvHeader(head, p.comma)
	default:
		keys = jsonHeader(head)
	}
	for _, k := range keys {
		name, _ := columnName(k)
		h.names[strings.TrimPrefix(name, kqlSum)] = true
		h.suffix = h.suffix || len(name)+2 == len(bytes.TrimSpace(k)) && k[len(k)-2] == '_'
	}
	if len(h.names) < 2 {
		return h, "it is no table with named columns"
	}
	return h, ""
}

func csvHeader(head []byte, comma byte) [][]byte {
	t := table{in: &Input{Report: &netcase.InputReport{}}, spec: &tableSpec{}}
	c := newCSV(bytes.NewReader(head), comma)
	if !t.readHeader(c) {
		return nil
	}
	return slices.Clone(c.Fields())
}

// jsonHeader are the names of the columns of an answer, or of the members of the
// first objects.
func jsonHeader(head []byte) (keys [][]byte) {
	s := newJSON(bytes.NewReader(head))
	add := func(raw []byte) {
		_ = objectKeys(jsonOf(raw, 0, 1), 0, func(key []byte) { keys = append(keys, bytes.Clone(key)) })
	}
	rows := 0
	row := func() error {
		raw, err := s.capture(maxRecord)
		if len(raw) > 0 && raw[0] == '{' {
			add(raw)
		}
		if rows++; rows >= headRows {
			return errEnough
		}
		return err
	}
	for {
		b, err := s.peek()
		switch {
		case err != nil:
			return keys
		case b == '[':
			err = s.array(row)
		case objectShape(s.buf[s.pos:s.end]) == shapeAnswer:
			err = answerKeys(s, row, func(name []byte) { keys = append(keys, name) })
		default:
			err = row()
		}
		if err != nil {
			return keys
		}
	}
}

// objectKeys calls add for every member of an object that may be cut off.
func objectKeys(s *jsonScan, depth int, add func([]byte)) error {
	return s.object(func(key []byte) error {
		if b, err := s.must(); err == nil && b == '{' && depth == 0 && string(key) == "properties" {
			return objectKeys(s, depth+1, add)
		}
		add(key)
		return s.skip()
	})
}

// answerKeys calls name for the columns of an answer, and row at its objects.
func answerKeys(s *jsonScan, row func() error, name func([]byte)) error {
	return s.object(func(key []byte) error {
		k := strings.ToLower(string(key))
		b, err := s.must()
		if err != nil || b != '[' {
			return s.skip()
		}
		switch k {
		case "tables":
			return s.array(func() error { return answerKeys(s, row, name) })
		case "columns":
			return s.array(func() error {
				n, err := columnOf(s)
				name(bytes.Clone(n))
				return err
			})
		case "results", "value", "records", "data", "items":
			return s.array(row)
		}
		return s.skip()
	})
}

// has tells whether any of the names is a column.
func (h *tableHead) has(names ...string) bool { return h.count(names...) > 0 }

// count is how many of the names are columns.
func (h *tableHead) count(names ...string) (n int) {
	for _, name := range names {
		if h.names[name] {
			n++
		}
	}
	return n
}

// knownTable names a Microsoft table that is recognised and holds no flows.
func (h *tableHead) knownTable() string {
	switch {
	case h.has("eventid") && h.has("computer", "targetusername", "activity", "channel"):
		return "a table of Windows events"
	case h.has("publicipdetails") || h.has("threatdescription") && h.has("flowtype"):
		return "AzureNetworkAnalyticsIPDetails or NTAIpDetails, which describe addresses and hold no flows"
	case h.has("logontype") && h.has("devicename"):
		return "DeviceLogonEvents, which holds logins and no flows"
	case h.has("processcommandline", "processcreationtime") && h.has("devicename"):
		return "DeviceProcessEvents, which holds processes and no flows"
	case h.has("registrykey") && h.has("devicename"):
		return "DeviceRegistryEvents, which holds no flows"
	case h.has("devicevendor") && h.has("devicefacility", "deviceproduct"):
		return "CommonSecurityLog"
	}
	return ""
}

// tableReading decodes the rows of one table into batches.
type tableReading struct {
	table
	batch  netcase.Batch
	out    Sink
	decode func(*tableRow) error
	names  names
	recent []string // the last name that each field held
}

// read reads the whole table; what is left in the batch is handed on at the end,
// also where the stream breaks off.
func (r *tableReading) read(ctx context.Context, in *Input, spec *tableSpec) error {
	r.names, r.recent = names{}, make([]string, spec.width)
	r.each = func(x *tableRow) error {
		if err := r.guarded(x); err != nil {
			return err
		}
		return r.flush(BatchSize)
	}
	err := readTable(ctx, in, spec, &r.table)
	if e := r.flush(1); e != nil {
		return e
	}
	return err
}

// guarded decodes a row; a panic costs that row.
func (r *tableReading) guarded(x *tableRow) (err error) {
	counted := r.in.Report.Read
	r.in.stands = x.stands
	defer func() {
		p := recover()
		switch {
		case p == nil:
		case r.in.Report.Read > counted:
			r.in.Note("the decoder failed after it had counted a record: %v", p)
		default:
			err = r.reject(x, "", fmt.Sprintf("panic: %v", p))
		}
	}()
	return r.decode(x)
}

// flush hands the batch on if it holds at least n events.
func (r *tableReading) flush(n int) error {
	if r.batch.Len() < n {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

// name is the text of a field, of at most limit bytes.
func (r *tableReading) name(x *tableRow, field, limit int) string {
	cell := x.cells[field]
	if len(cell) == 0 {
		return ""
	}
	if string(cell) == r.recent[field] {
		return r.recent[field]
	}
	text := r.names.in(cell, limit)
	if len(text) <= longestName {
		r.recent[field] = text
	}
	return text
}

// stamp is the time in a field as it is spelled, and the zone that was assumed for
// it; empty: row or header states one.
func (r *tableReading) stamp(x *tableRow, field int) (stamp, zone string) {
	probe := timeReader{zone: r.times.zone, order: r.times.order}
	if _, err := probe.parse(x.cells[field], x.zones[field]); err == nil && probe.assumedZone {
		zone = probe.zone.String()
	}
	return nameIn(x.cells[field], maxTimeText), zone
}

// kept is a copy of the bytes of the row for the second pass, else nil.
func (r *tableReading) kept(x *tableRow) []byte {
	if !r.in.Raw {
		return nil
	}
	return bytes.Clone(x.raw)
}
