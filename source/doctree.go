package source

import (
	"bytes"
	"unicode/utf8"
)

// docTree is one JSON object that nests, taken apart once. Its nodes point into the
// text. A tree is used again for the next document.
type docTree struct {
	scan  flatObject
	nodes []docNode
}

// docNode is a value; node 0 is the object itself.
type docNode struct {
	key   []byte // unescaped; of a member of an object
	text  []byte // of a string (without quotes, escapes as they are), a number or a word
	kind  byte   // " { [ t f n, or 0 for a number
	first int32  // of the members or elements; 0: none
	next  int32  // beside it; 0: none
}

// parse takes a text apart that is exactly one JSON object; false: it is not, or nests
// too deeply.
func (t *docTree) parse(text []byte) bool {
	t.scan, t.nodes = flatObject{b: text}, t.nodes[:0]
	t.scan.space()
	if t.scan.i >= len(text) || text[t.scan.i] != '{' || t.value(nil, 1) < 0 {
		return false
	}
	t.scan.space()
	return t.scan.i == len(text)
}

// value reads a value with its key; -1: it is none.
func (t *docTree) value(key []byte, depth int) int32 {
	o, at := &t.scan, int32(len(t.nodes))
	t.nodes = append(t.nodes, docNode{key: key})
	if o.i >= len(o.b) || depth > maxDocDepth+1 {
		return -1
	}
	c := o.b[o.i]
	if c != '{' && c != '[' {
		if !o.readValue() {
			return -1
		}
		t.nodes[at].kind, t.nodes[at].text = o.kind, o.value
		return at
	}
	if depth > maxDocDepth {
		return -1
	}
	o.i++
	t.nodes[at].kind = c
	if !t.group(at, c+2, depth) { // the closing bracket stands two behind the opening one
		return -1
	}
	return at
}

// group reads the members of an object or the elements of a list.
func (t *docTree) group(at int32, shut byte, depth int) bool {
	o := &t.scan
	if o.space(); o.take(shut) {
		return true
	}
	last := int32(0)
	for {
		o.space()
		var key []byte
		if shut == '}' {
			var ok bool
			if key, ok = t.key(); !ok {
				return false
			}
		}
		child := t.value(key, depth+1)
		if child < 0 {
			return false
		}
		if last == 0 {
			t.nodes[at].first = child
		} else {
			t.nodes[last].next = child
		}
		last = child
		if o.space(); o.take(shut) {
			return true
		}
		if !o.take(',') {
			return false
		}
	}
}

// key reads the name of a member and the colon behind it.
func (t *docTree) key() ([]byte, bool) {
	o := &t.scan
	if !o.take('"') {
		return nil, false
	}
	key, _, ok := o.text()
	if !ok {
		return nil, false
	}
	if o.space(); !o.take(':') {
		return nil, false
	}
	o.space()
	return plainString(key), true
}

// plainString is a string without its escapes and with U+FFFD for every byte that is not
// UTF-8, as the standard library gives it.
func plainString(text []byte) []byte {
	if !utf8.Valid(text) {
		text = []byte(string([]rune(string(text))))
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		return unescape(text)
	}
	return text
}

// child is the member with a key, the last of several; -1: there is none.
func (t *docTree) child(of int32, key string) int32 {
	found := int32(-1)
	if t.nodes[of].kind != '{' {
		return found
	}
	for i := t.nodes[of].first; i > 0; i = t.nodes[i].next {
		if string(t.nodes[i].key) == key {
			found = i
		}
	}
	return found
}

// find is the value at a path below an object; keys may be nested, or written with dots
// in one. -1: there is none, or it is null.
func (t *docTree) find(of int32, path string) int32 {
	if i := t.child(of, path); i >= 0 {
		return t.present(i)
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if below := t.child(of, path[:i]); below >= 0 {
			if found := t.find(below, path[i+1:]); found >= 0 {
				return found
			}
		}
	}
	return -1
}

func (t *docTree) present(i int32) int32 {
	if t.nodes[i].kind == 'n' {
		return -1
	}
	return i
}

// text is a scalar as text; of a list that of its first element.
func (t *docTree) text(i int32) string {
	if i < 0 {
		return ""
	}
	switch n := &t.nodes[i]; n.kind {
	case '"':
		return nameIn(plainString(n.text), maxName)
	case 't', 'f', 0:
		return nameIn(n.text, maxName)
	case '[':
		if n.first > 0 && t.nodes[n.first].kind != '[' {
			return t.text(n.first)
		}
	}
	return ""
}
