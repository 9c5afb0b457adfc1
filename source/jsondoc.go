package source

import (
	"bytes"
	"context"
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

// jsonDoc is one document, or an object inside one.
type jsonDoc struct {
	tree  *docTree
	root  int32
	raw   []byte
	place netcase.Place
}

// has tells whether there is a value at a path, and it is not null; keys may be nested,
// or written with dots in one.
func (d *jsonDoc) has(path string) bool { return d.tree.find(d.root, path) >= 0 }

// text is a value as text, of the first path that has one; of a list its first.
func (d *jsonDoc) text(paths ...string) string {
	for _, p := range paths {
		if s := d.tree.text(d.tree.find(d.root, p)); s != "" {
			return s
		}
	}
	return ""
}

// list is a value that may be one text or several.
func (d *jsonDoc) list(path string) (out []string) {
	at := d.tree.find(d.root, path)
	if at < 0 || d.tree.nodes[at].kind != '[' {
		if s := d.tree.text(at); s != "" {
			out = append(out, s)
		}
		return out
	}
	for i := d.tree.nodes[at].first; i > 0; i = d.tree.nodes[i].next {
		if s := d.tree.text(i); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// objects are the objects of a list, at most so many elements of it looked at.
func (d *jsonDoc) objects(path string, most int) (out []jsonDoc) {
	at := d.tree.find(d.root, path)
	if at < 0 || d.tree.nodes[at].kind != '[' {
		return nil
	}
	for i := d.tree.nodes[at].first; i > 0 && most > 0; i, most = d.tree.nodes[i].next, most-1 {
		if d.tree.nodes[i].kind == '{' {
			out = append(out, jsonDoc{tree: d.tree, root: i})
		}
	}
	return out
}

// number is a whole number, Absent where there is none. Not ok: it is none.
func (d *jsonDoc) number(path string) (n int64, ok bool) {
	at := d.tree.find(d.root, path)
	if at < 0 {
		return netcase.Absent, true
	}
	if n := &d.tree.nodes[at]; n.kind == '"' && len(n.text) == 0 {
		return netcase.Absent, true
	}
	n, present, ok := countIn([]byte(d.tree.text(at)))
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
		text := d.text(p)
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
	tree  docTree
	head  []byte     // of the text
	lake  *lakeFlows // nil: no VPC flow logs were met
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
	in.R, r.head = io.MultiReader(bytes.NewReader(head), in.R), head
	if docLines(head, below) {
		err = r.lines(ctx)
	} else {
		err = r.nested(ctx, below)
	}
	if r.lake != nil {
		r.lake.pairs.end()
	}
	return errors.Join(err, r.flush(1))
}

// docLines tells documents that stand one a line.
func docLines(head []byte, below []string) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"), []byte("\n"))
	var t docTree
	if !t.parse(bytes.TrimSpace(line)) {
		return false
	}
	for _, name := range below {
		if i := t.find(0, name); i >= 0 && t.nodes[i].kind == '[' {
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
	if len(text) > maxDoc || !r.tree.parse(text) {
		r.in.Reject(place.Line, 0, "", "not a JSON object", text)
		return
	}
	d := &jsonDoc{tree: &r.tree, raw: text, place: place}
	if inner := r.tree.child(0, "_source"); inner >= 0 && r.tree.nodes[inner].kind == '{' {
		d.root = inner
	}
	r.one(d)
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
