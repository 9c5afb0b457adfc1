package source

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// maxNesting bounds nesting inside one record, as encoding/json does.
const maxNesting = 10000

// zeekObject walks the members of one JSON object that fills a whole text. Every
// byte is checked as RFC 8259 asks, but that strings are UTF-8.
type zeekObject struct {
	b     []byte
	i     int
	depth int  // objects entered below the outer one
	first bool // the next member is the first of its object
	begun bool
	held  bool // the value is an object that was neither entered nor passed over
	fault string

	key   []byte // unescaped; nil where the book told the field
	field int16  // what the book says of the key
	kind  byte   // the first byte of the value: " { [ t f n, or 0 for a number
	value []byte // of a string without the quotes, escapes as they are; of an object only what text gives

	book *keyBook // nil: keys are given, not looked up
	in   int8     // the object in which the walk stands, for the book
}

func newZeekObject(b []byte) *zeekObject { return &zeekObject{b: b} }

// reset begins with another text and keeps the book.
func (o *zeekObject) reset(b []byte) { *o = zeekObject{b: b, book: o.book} }

// next moves to the next member of the object in which the walk stands. At the
// end of the outer object, fault is set where the text is not exactly one JSON object.
func (o *zeekObject) next() bool {
	if o.held && !o.pass() {
		return o.fail("invalid JSON")
	}
	o.i = blankEnd(o.b, o.i)
	if !o.begun && !o.begin() {
		return false
	}
	if o.i >= len(o.b) {
		return o.fail("invalid JSON")
	}
	switch c := o.b[o.i]; {
	case c == '}':
		o.i++
		return o.end()
	case o.first:
		o.first = false
	case c == ',':
		o.i = blankEnd(o.b, o.i+1)
	default:
		return o.fail("invalid JSON")
	}
	if o.takeKey() && o.readValue() {
		return true
	}
	return o.fail("invalid JSON")
}

func (o *zeekObject) begin() bool {
	o.begun, o.first = true, true
	if o.i >= len(o.b) || o.b[o.i] != '{' {
		return o.fail("not a JSON object")
	}
	o.i = blankEnd(o.b, o.i+1)
	return true
}

// end closes an object; behind the outer one nothing may follow.
func (o *zeekObject) end() bool {
	if o.depth > 0 {
		o.depth--
		o.in = 0
		return false
	}
	if blankEnd(o.b, o.i) < len(o.b) && o.fault == "" {
		o.fault = "invalid JSON: more than one value"
	}
	return false
}

func (o *zeekObject) fail(why string) bool {
	if o.fault == "" {
		if o.i >= len(o.b) {
			why += ": it ends too early"
		}
		o.fault = why
	}
	o.i, o.held, o.begun = len(o.b), false, true
	return false
}

// enter goes into the object that is the value, a member of the outer one; its
// members come next, and after the last of them those of the outer object again.
// in tells the book where the walk stands.
func (o *zeekObject) enter(in int8) {
	o.held, o.first, o.in = false, true, in
	o.depth++
	o.i = blankEnd(o.b, o.i+1)
}

// takeKey reads a name and the colon after it.
func (o *zeekObject) takeKey() bool {
	if o.book != nil {
		if k := o.book.guess(o.in, o.b[o.i:]); k != nil {
			o.field = k.field
			o.key = nil
			o.i = blankEnd(o.b, o.i+len(k.text))
			return true
		}
	}
	start := o.i
	if start >= len(o.b) || o.b[start] != '"' {
		return false
	}
	end, escaped, ok := stringEnd(o.b, start+1)
	if !ok {
		o.i = end
		return false
	}
	o.key = o.b[start+1 : end]
	if escaped {
		o.key = unquoted(o.key)
	}
	o.i = blankEnd(o.b, end+1)
	if o.i >= len(o.b) || o.b[o.i] != ':' {
		return false
	}
	if o.book != nil {
		o.field = o.book.learn(o.in, o.key, o.b[start:o.i+1])
	}
	o.i = blankEnd(o.b, o.i+1)
	return true
}

// readValue reads any value but an object, which may be entered.
func (o *zeekObject) readValue() bool {
	if o.i >= len(o.b) {
		return false
	}
	switch c := o.b[o.i]; c {
	case '"':
		o.kind = c
		start := o.i + 1
		end, _, ok := stringEnd(o.b, start)
		if !ok {
			o.i = end
			return false
		}
		o.value, o.i = o.b[start:end], end+1
		return true
	case '{':
		o.kind, o.value, o.held = c, nil, true
		return true
	case 't', 'f', 'n', '[':
		o.kind = c
	default:
		o.kind = 0
	}
	start := o.i
	end, ok := valueEnd(o.b, start, o.depth+1)
	o.value, o.i = o.b[start:end], end
	return ok
}

// pass goes over the object that is the value.
func (o *zeekObject) pass() bool {
	end, ok := valueEnd(o.b, o.i, o.depth+1)
	o.value, o.i, o.held = o.b[o.i:end], end, false
	return ok
}

// text is the value as it stands, without the quotes of a string.
func (o *zeekObject) text() []byte {
	if o.held && !o.pass() {
		o.fail("invalid JSON")
	}
	return o.value
}

// scalar is the text of the value, unescaped; nil for null, an empty string, a
// dash, an object or a list.
func (o *zeekObject) scalar() []byte {
	if o.kind == '"' {
		switch {
		case len(o.value) == 0:
			return nil
		case len(o.value) == 1 && o.value[0] == '-': // tables turned into JSON keep the mark of the unset
			return nil
		case bytes.IndexByte(o.value, '\\') >= 0:
			return unquoted(o.value)
		}
		return o.value
	}
	if o.kind == 'n' || o.kind == '{' || o.kind == '[' {
		return nil
	}
	return o.value
}

// blankEnd is where the white space that stands at i ends.
func blankEnd(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return longBlankEnd(b, i)
}

func longBlankEnd(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// Words of eight equal bytes.
const (
	eachOne   = 0x0101010101010101
	eachQuote = '"' * eachOne
	eachSlash = '\\' * eachOne
	eachSpace = ' ' * eachOne
)

// stringEnd is where the quote that closes a string stands whose text begins at i.
// Where it is not ok, end is how far it was read.
func stringEnd(b []byte, i int) (end int, escaped, ok bool) {
	start := i
	for {
		for i+8 <= len(b) {
			// A byte that is found may mark a higher one in vain, so the lowest counts.
			w := binary.LittleEndian.Uint64(b[i:])
			q, s := w^eachQuote, w^eachSlash
			found := ((q-eachOne)&^q | (s-eachOne)&^s | (w-eachSpace)&^w) & eachHigh
			if found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
			i++
		}
		switch {
		case i >= len(b):
			return len(b), escaped, false
		case b[i] == '"':
			return i, escaped, !escaped || json.Valid(b[start-1:i+1])
		case b[i] < ' ':
			return i, escaped, false
		}
		escaped = true
		i += 2
	}
}

// valueEnd is where the value that stands at i ends, inside depth objects or lists.
func valueEnd(b []byte, i, depth int) (end int, ok bool) {
	if i >= len(b) || depth > maxNesting {
		return i, false
	}
	switch c := b[i]; c {
	case '"':
		end, _, ok = stringEnd(b, i+1)
		if ok {
			end++
		}
		return end, ok
	case '{', '[':
		return groupEnd(b, i, depth)
	case 't':
		return wordEnd(b, i, "true")
	case 'f':
		return wordEnd(b, i, "false")
	case 'n':
		return wordEnd(b, i, "null")
	}
	return numberEnd(b, i)
}

// groupEnd is where the object or list ends that begins at i.
func groupEnd(b []byte, i, depth int) (end int, ok bool) {
	named := b[i] == '{'
	shut := b[i] + 2 // ] follows [ at two, and } follows {
	i = blankEnd(b, i+1)
	if i < len(b) && b[i] == shut {
		return i + 1, true
	}
	for {
		if named {
			if i >= len(b) || b[i] != '"' {
				return i, false
			}
			if i, _, ok = stringEnd(b, i+1); !ok {
				return i, false
			}
			i = blankEnd(b, i+1)
			if i >= len(b) || b[i] != ':' {
				return i, false
			}
			i = blankEnd(b, i+1)
		}
		if i, ok = valueEnd(b, i, depth+1); !ok {
			return i, false
		}
		i = blankEnd(b, i)
		switch {
		case i >= len(b):
			return i, false
		case b[i] == shut:
			return i + 1, true
		case b[i] != ',':
			return i, false
		}
		i = blankEnd(b, i+1)
	}
}

func wordEnd(b []byte, i int, word string) (end int, ok bool) {
	if len(b)-i < len(word) {
		if bytes.HasPrefix([]byte(word), b[i:]) {
			return len(b), false
		}
		return i, false
	}
	return i + len(word), string(b[i:i+len(word)]) == word
}

// numberEnd is where a number ends that RFC 8259 allows.
func numberEnd(b []byte, i int) (end int, ok bool) {
	if b[i] == '-' {
		i++
	}
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == start || b[start] == '0' && i > start+1 {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		for i = start; i < len(b) && isDigit(b[i]); i++ {
		}
		if i == start {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		return i, i > start
	}
	return i, true
}

// unquoted resolves the escapes of a string.
func unquoted(b []byte) []byte {
	quoted := make([]byte, 0, len(b)+2)
	quoted = append(append(append(quoted, '"'), b...), '"')
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return b
	}
	return []byte(s)
}

// keyBook knows the keys that were met in the records of one stream, and which
// followed which: records of one program repeat each other, so that most keys need
// only be compared with the one that is expected.
type keyBook struct {
	fieldOf func(in int8, key []byte) int16
	keys    []knownKey
	index   [bookObjects]map[string]int16
	last    int16 // the key before
}

// knownKey is one key of one object.
type knownKey struct {
	text  string // with its quotes and the colon
	field int16
	next  int16 // the key that followed it last
	in    int8
}

const (
	// bookObjects bounds the kinds of object that a book tells apart.
	bookObjects = 16
	// bookKeys and bookKey bound what is remembered.
	bookKeys = 512
	bookKey  = 64
)

func newKeyBook(fieldOf func(in int8, key []byte) int16) *keyBook {
	return &keyBook{fieldOf: fieldOf, keys: make([]knownKey, 1, 64)} // the first stands for "before any"
}

// guess is the key with which b begins, if it is the one that is expected.
func (k *keyBook) guess(in int8, b []byte) *knownKey {
	n := k.keys[k.last].next
	g := &k.keys[n]
	if g.in != in || n == 0 || len(b) < len(g.text) || string(b[:len(g.text)]) != g.text {
		return nil
	}
	k.last = n
	return g
}

// learn is the field of a key that was not expected; text is its spelling with
// quotes and colon.
func (k *keyBook) learn(in int8, key, text []byte) int16 {
	if n, ok := k.index[in][string(text)]; ok {
		k.keys[k.last].next = n
		k.last = n
		return k.keys[n].field
	}
	field := k.fieldOf(in, key)
	if len(k.keys) >= bookKeys || len(text) > bookKey {
		return field
	}
	if k.index[in] == nil {
		k.index[in] = map[string]int16{}
	}
	n := int16(len(k.keys))
	k.keys = append(k.keys, knownKey{text: string(text), field: field, in: in})
	k.index[in][string(text)] = n
	k.keys[k.last].next = n
	k.last = n
	return field
}
