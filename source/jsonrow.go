package source

import "bytes"

// Rows of JSON in one go. What stands here takes rows that are whole and plain, as
// nearly all are, and leaves everything else to jsonScan, which reads the same and
// says what is wrong.

// rowKey is the name of a member where it stood in the row before, and its column.
// Exporters write the members of every row in one order.
type rowKey struct {
	name string
	*column
}

// quickRow reads the row, an object or an array, with which text begins, and tells
// how many bytes it takes. 0: it must be read the slow way, after begin.
func (t *table) quickRow(text []byte) int {
	t.unescaped = t.unescaped[:0]
	n := 0
	switch {
	case len(text) == 0 || t.slow:
	case text[0] == '{':
		member := 0
		n = t.quickObject(text, 1, 0, &member)
	case text[0] == '[':
		n = t.quickArray(text)
	}
	if n > maxRecord {
		return 0
	}
	return n
}

// quickObject reads members from i on; it gives what follows the object, or 0.
func (t *table) quickObject(text []byte, i, depth int, member *int) int {
	for first := true; ; first = false {
		if i = afterSpace(text, i); i == len(text) {
			return 0
		}
		if first && text[i] == '}' {
			return i + 1
		}
		end := afterString(text, i)
		if end == 0 || end-i-2 > maxKey {
			return 0
		}
		key := text[i+1 : end-1]
		if i = afterSpace(text, end); i == len(text) || text[i] != ':' {
			return 0
		}
		if i = afterSpace(text, i+1); i == len(text) {
			return 0
		}
		c := t.rowColumn(key, *member)
		*member++
		if c == nil {
			return 0
		}
		if depth == 0 && text[i] == '{' && string(key) == "properties" {
			i = t.quickObject(text, i+1, depth+1, member)
		} else {
			i = t.quickValue(text, i, c)
		}
		if i == 0 {
			return 0
		}
		if i = afterSpace(text, i); i == len(text) {
			return 0
		}
		i++
		switch text[i-1] {
		case ',':
		case '}':
			return i
		default:
			return 0
		}
	}
}

// rowColumn is the column of the member at a position of the row; nil for a key
// with escapes.
func (t *table) rowColumn(key []byte, member int) *column {
	if member < len(t.keys) && t.keys[member].name == string(key) {
		return t.keys[member].column
	}
	if bytes.IndexByte(key, '\\') >= 0 {
		return nil
	}
	c := t.keyColumn(key)
	switch {
	case member < len(t.keys):
		t.keys[member] = rowKey{string(key), c}
	case member == len(t.keys) && member < maxFields:
		t.keys = append(t.keys, rowKey{string(key), c})
	}
	return c
}

// quickArray reads a row that is an array of cells, which must be as many as there
// are columns.
func (t *table) quickArray(text []byte) int {
	i := 1
	for at := range t.columns {
		if i = afterSpace(text, i); i == len(text) {
			return 0
		}
		if i = t.quickValue(text, i, &t.columns[at]); i == 0 {
			return 0
		}
		if i = afterSpace(text, i); i == len(text) {
			return 0
		}
		want := byte(',')
		if at == len(t.columns)-1 {
			want = ']'
		}
		if text[i] != want {
			return 0
		}
		i++
	}
	if len(t.columns) == 0 {
		return 0
	}
	return i
}

// quickValue puts a value into the cell of its column; it gives what follows the
// value, or 0.
func (t *table) quickValue(text []byte, i int, c *column) (after int) {
	cell, escaped := []byte(nil), false
	switch text[i] {
	case '"':
		if after = afterString(text, i); after == 0 {
			return 0
		}
		cell, escaped = text[i+1:after-1], c.wanted
	case '{', '[':
		if after = afterNested(text, i); after == 0 {
			return 0
		}
		cell = text[i:after]
	default:
		for after = i; after < len(text) && wordByte(text[after]); after++ {
		}
		if after == i || after == len(text) {
			return 0
		}
		if cell = text[i:after]; string(cell) == "null" {
			cell = nil
		}
	}
	if !c.wanted {
		return after
	}
	if escaped && bytes.IndexByte(cell, '\\') >= 0 {
		from := len(t.unescaped)
		t.unescaped = appendUnescaped(t.unescaped, cell)
		cell = t.unescaped[from:len(t.unescaped):len(t.unescaped)]
	}
	t.set(c, cell)
	return after
}

// wordByte tells whether a byte may stand in a number or in true, false and null.
func wordByte(b byte) bool {
	return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'z' || b == '.' || b == '-' || b == '+'
}

// afterSpace is where from i on the white space ends.
func afterSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// afterString is what follows the string that begins at i, or 0.
func afterString(text []byte, i int) int {
	if text[i] != '"' {
		return 0
	}
	for from := i + 1; ; {
		q := bytes.IndexByte(text[from:], '"')
		if q < 0 {
			return 0
		}
		if from += q + 1; text[from-2] != '\\' || !escapedAt(text[i+1:from-1]) {
			return from
		}
	}
}

// afterNested is what follows the object or array that begins at i, or 0.
func afterNested(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			if i = afterString(text, i); i == 0 {
				return 0
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return 0
}
