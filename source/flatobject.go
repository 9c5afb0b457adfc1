package source

import (
	"bytes"
	"encoding/json"
)

// flatObject walks the members of one JSON object that fills a whole text.
type flatObject struct {
	b     []byte
	i     int
	begun bool
	loose bool // what stands inside nested values is not looked at: who reads one looks at it then
	fault string

	key   []byte // unescaped
	kind  byte   // the first byte of the value: " { [ t f n, or 0 for a number
	value []byte // of a string without the quotes, escapes as they are
}

func newObject(b []byte) *flatObject { return &flatObject{b: b} }

// next moves to the next member. At the end, fault is set where the text is not
// exactly one JSON object.
func (o *flatObject) next() bool {
	o.space()
	if !o.begun {
		o.begun = true
		if !o.take('{') {
			return o.fail("not a JSON object")
		}
		o.space()
		if o.take('}') {
			return o.end()
		}
	} else {
		if o.take('}') {
			return o.end()
		}
		if !o.take(',') {
			return o.fail("invalid JSON")
		}
		o.space()
	}
	return o.member()
}

func (o *flatObject) member() bool {
	if !o.take('"') {
		return o.fail("invalid JSON")
	}
	key, escaped, ok := o.text()
	if !ok {
		return o.fail("invalid JSON")
	}
	o.key = key
	if escaped {
		o.key = unquoted(key)
	}
	o.space()
	if !o.take(':') {
		return o.fail("invalid JSON")
	}
	o.space()
	return o.readValue() || o.fail("invalid JSON")
}

func (o *flatObject) fail(why string) bool {
	if o.i >= len(o.b) {
		why += ": it ends too early"
	}
	o.fault = why
	return false
}

// end makes sure that nothing follows.
func (o *flatObject) end() bool {
	o.space()
	if o.i < len(o.b) {
		o.fault = "invalid JSON: more than one value"
	}
	return false
}

func (o *flatObject) space() {
	for o.i < len(o.b) && (o.b[o.i] == ' ' || o.b[o.i] == '\t' || o.b[o.i] == '\r' || o.b[o.i] == '\n') {
		o.i++
	}
}

func (o *flatObject) take(c byte) bool {
	if o.i < len(o.b) && o.b[o.i] == c {
		o.i++
		return true
	}
	return false
}

// text reads a string after its opening quote.
func (o *flatObject) text() (text []byte, escaped, ok bool) {
	start := o.i
	for ; o.i < len(o.b); o.i++ {
		switch c := o.b[o.i]; {
		case c == '"':
			text = o.b[start:o.i]
			o.i++
			return text, escaped, !escaped || json.Valid(o.b[start-1:o.i])
		case c == '\\':
			escaped = true
			o.i++
		case c < ' ':
			return nil, false, false
		}
	}
	return nil, false, false
}

// readValue reads any value.
func (o *flatObject) readValue() bool {
	if o.i >= len(o.b) {
		return false
	}
	o.kind = o.b[o.i]
	switch o.kind {
	case '"':
		o.i++
		value, _, ok := o.text()
		o.value = value
		return ok
	case '{', '[':
		return o.nested()
	case 't':
		return o.word("true")
	case 'f':
		return o.word("false")
	case 'n':
		return o.word("null")
	}
	o.kind = 0
	return o.number()
}

func (o *flatObject) word(w string) bool {
	if !bytes.HasPrefix(o.b[o.i:], []byte(w)) {
		return false
	}
	o.value = o.b[o.i : o.i+len(w)]
	o.i += len(w)
	return true
}

// nested reads an object or a list as a whole; brackets are counted, and the
// standard library says whether what stands between them is sound.
func (o *flatObject) nested() bool {
	start, depth := o.i, 0
	for o.i < len(o.b) {
		c := o.b[o.i]
		o.i++
		switch c {
		case '"':
			if _, _, ok := o.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				o.value = o.b[start:o.i]
				return o.loose || json.Valid(o.value)
			}
		}
	}
	return false
}

// number reads a number as RFC 8259 writes it.
func (o *flatObject) number() bool {
	start := o.i
	o.take('-')
	switch {
	case o.take('0'):
	case o.digits() == 0:
		return false
	}
	if o.take('.') && o.digits() == 0 {
		return false
	}
	if o.take('e') || o.take('E') {
		if !o.take('+') {
			o.take('-')
		}
		if o.digits() == 0 {
			return false
		}
	}
	o.value = o.b[start:o.i]
	return true
}

func (o *flatObject) digits() (n int) {
	for o.i < len(o.b) && isDigit(o.b[o.i]) {
		o.i++
		n++
	}
	return n
}

// scalar is the text of the value, unescaped; nil for null, an empty string, a
// dash, an object or a list.
func (o *flatObject) scalar() []byte {
	switch {
	case o.kind == 'n' || o.kind == '{' || o.kind == '[' || len(o.value) == 0:
		return nil
	case o.kind == '"' && string(o.value) == "-": // tables turned into JSON keep the mark of the unset
		return nil
	case o.kind == '"' && bytes.IndexByte(o.value, '\\') >= 0:
		return unquoted(o.value)
	}
	return o.value
}
