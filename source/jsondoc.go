package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// Documents of schemas that nest (OCSF, ECS) are looked into by path. They come one a
// line, in an array, or in an array below one of a few names.

const (
	maxDoc      = 4 << 20 // bytes of one document
	maxDocDepth = 40
)

// jsonDoc is one document.
type jsonDoc struct {
	root  map[string]any
	raw   []byte
	place netcase.Place
}

// at finds a value by its path; keys may be nested, or written with dots in one.
func (d *jsonDoc) at(path string) any { return lookIn(d.root, path) }

func lookIn(m map[string]any, path string) any {
	if v, ok := m[path]; ok {
		return v
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if below, ok := m[path[:i]].(map[string]any); ok {
			if v := lookIn(below, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// text is a value as text, of the first path that has one; of a list its first.
func (d *jsonDoc) text(paths ...string) string {
	for _, p := range paths {
		if s := docText(d.at(p)); s != "" {
			return s
		}
	}
	return ""
}

func docText(v any) string {
	switch v := v.(type) {
	case string:
		return nameIn([]byte(v), maxName)
	case json.Number:
		return nameIn([]byte(v.String()), maxName)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			if _, deeper := v[0].([]any); !deeper {
				return docText(v[0])
			}
		}
	}
	return ""
}

// list is a value that may be one text or several.
func (d *jsonDoc) list(path string) (out []string) {
	all, ok := d.at(path).([]any)
	if !ok {
		all = []any{d.at(path)}
	}
	for _, v := range all {
		if s := docText(v); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// number is a whole number, Absent where there is none. Not ok: it is none.
func (d *jsonDoc) number(path string) (n int64, ok bool) {
	v := d.at(path)
	if v == nil || v == "" {
		return netcase.Absent, true
	}
	n, present, ok := countIn([]byte(docText(v)))
	if !present {
		return netcase.Absent, ok
	}
	return n, ok && n <= maxSize
}

// end is an endpoint by the paths of its address and its name.
func (d *jsonDoc) end(address, name string) (e netcase.Endpoint, why string) {
	e.Name = d.text(name)
	if text := d.text(address); text != "" {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return e, "not an address"
		}
		e.Addr = a.Unmap().WithZone("")
	}
	return e, ""
}

// when is a time: milliseconds (or seconds, or finer, by its size) since 1970, or RFC 3339.
func (d *jsonDoc) when(paths ...string) (netcase.Time, string) {
	for _, p := range paths {
		v := d.at(p)
		text := docText(v)
		if text == "" {
			continue
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
			for n > 1e14 {
				n /= 1000
			}
			if n < 1e11 {
				n *= 1000
			}
			return netcase.Time(n), text
		}
		if t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "T", 1)); err == nil && t.UnixMilli() > 0 {
			return netcase.TimeOf(t), text
		}
		return 0, text
	}
	return 0, ""
}

// docReader reads documents and hands each to one.
type docReader struct {
	in    *Input
	out   Sink
	batch netcase.Batch
	one   func(*jsonDoc)
	names map[string]bool // of sensors
}

// docSensors bounds the sensors told apart in one input.
const docSensors = 256

// sensor is a family with the device's name, where that is known and they are not too many.
func (r *docReader) sensor(family, name string) string {
	switch {
	case name == "":
		return family
	case !r.names[name] && len(r.names) >= docSensors:
		r.in.Note("more than %d sensors: the further ones were not told apart", docSensors)
		return family
	}
	r.names[name] = true
	return family + "/" + name
}

// eachDoc reads the documents of an input. below are the names under which an array of
// them may stand; a document may stand in the member "_source" of what a search returned.
func eachDoc(ctx context.Context, in *Input, out Sink, below []string, one func(*docReader, *jsonDoc)) error {
	r := &docReader{in: in, out: out, names: map[string]bool{}}
	r.one = func(d *jsonDoc) { one(r, d) }
	head, _, err := readUpTo(in.R, nil, HeadSize)
	if err != nil {
		return err
	}
	in.R = io.MultiReader(bytes.NewReader(head), in.R)
	if docLines(head, below) {
		err = r.lines(ctx)
	} else {
		err = r.nested(ctx, below)
	}
	return errors.Join(err, r.flush(1))
}

// docLines tells documents that stand one a line.
func docLines(head []byte, below []string) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"), []byte("\n"))
	var m map[string]any
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &m) != nil {
		return false
	}
	for _, name := range below {
		if _, ok := lookIn(m, name).([]any); ok {
			return false
		}
	}
	return true
}

func (r *docReader) flush(n int) error {
	if r.batch.Len() < n {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

func (r *docReader) lines(ctx context.Context) error {
	lines := r.in.lines()
	for lines.Next() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		r.document(line, netcase.Place{Line: lines.Number(), Offset: lines.Offset()})
		if err := errors.Join(r.flush(BatchSize), ctx.Err()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (r *docReader) nested(ctx context.Context, below []string) error {
	s := newJSON(r.in.R)
	element := func() error {
		line, offset := s.Line(), s.Offset()
		text, err := s.capture(maxDoc)
		if err != nil {
			return err
		}
		r.document(text, netcase.Place{Line: line, Offset: offset})
		return errors.Join(r.flush(BatchSize), ctx.Err())
	}
	first, err := s.peek()
	if err != nil {
		return err
	}
	if first == '[' {
		return s.array(element)
	}
	return s.object(r.member(s, "", below, element))
}

// member goes down to the arrays that hold documents.
func (r *docReader) member(s *jsonScan, path string, below []string, element func() error) func(key []byte) error {
	return func(key []byte) error {
		here := path + string(key[:min(len(key), maxName)])
		for _, name := range below {
			switch next, err := s.peek(); {
			case err != nil:
				return err
			case name == here && next == '[':
				return s.array(element)
			case strings.HasPrefix(name, here+".") && next == '{':
				return s.object(r.member(s, here+".", below, element))
			}
		}
		return s.skip()
	}
}

// document reads one; a panic costs it alone.
func (r *docReader) document(text []byte, place netcase.Place) {
	read := r.in.Report.Read
	defer func() {
		if p := recover(); p != nil && r.in.Report.Read == read {
			r.in.Reject(place.Line, 0, "", fmt.Sprintf("panic: %v", p), text)
		}
	}()
	d := &jsonDoc{raw: text, place: place}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if len(text) > maxDoc || docDeep(text) || dec.Decode(&d.root) != nil || dec.More() || d.root == nil {
		r.in.Reject(place.Line, 0, "", "not a JSON object", text)
		return
	}
	if inner, ok := d.root["_source"].(map[string]any); ok {
		d.root = inner
	}
	r.one(d)
}

// docDeep tells nesting that no event has.
func docDeep(text []byte) bool {
	depth, deepest := 0, 0
	for _, c := range text {
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest > maxDocDepth
}

func (r *docReader) reject(d *jsonDoc, field, why string) {
	r.in.Reject(d.place.Line, 0, field, why, d.raw)
}

// kept is the original on the second pass.
func (r *docReader) kept(d *jsonDoc) []byte {
	if !r.in.Raw {
		return nil
	}
	return bytes.Clone(d.raw)
}
