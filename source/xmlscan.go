package source

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// xmlKind is what an xmlScan stands at.
type xmlKind uint8

const (
	xmlOpen  xmlKind = iota // a start tag
	xmlClose                // an end tag, also of an empty element
	xmlChars                // text between tags
)

// xmlScan walks the tags and texts of an XML text, and asks no more of it than it
// needs to find its way: comments, instructions and declarations are passed over,
// and no entity is defined by the text itself.
type xmlScan struct {
	b     []byte
	i     int
	empty bool // the tag just given was an empty element: its end is next
	fault string

	kind  xmlKind
	name  []byte // of the element, without its prefix
	attrs []byte // of a start tag, as they stand
	text  []byte // escapes and all; see xmlText
}

// next moves on; false at the end, where fault may say what is wrong.
func (s *xmlScan) next() bool {
	if s.empty {
		s.empty, s.kind = false, xmlClose
		return true
	}
	for s.i < len(s.b) {
		if s.b[s.i] != '<' {
			n := bytes.IndexByte(s.b[s.i:], '<')
			if n < 0 {
				n = len(s.b) - s.i
			}
			s.kind, s.text = xmlChars, s.b[s.i:s.i+n]
			s.i += n
			return true
		}
		if done, ok := s.markup(); done {
			return ok
		}
	}
	return false
}

var (
	xmlComment    = []byte("<!--")
	xmlCommentEnd = []byte("-->")
	xmlCdata      = []byte("<![CDATA[")
	xmlCdataEnd   = []byte("]]>")
)

// markup reads what begins with "<"; done: there is something to give, or the end.
func (s *xmlScan) markup() (done, ok bool) {
	rest := s.b[s.i:]
	switch {
	case bytes.HasPrefix(rest, xmlComment):
		return s.past(rest, xmlCommentEnd)
	case bytes.HasPrefix(rest, xmlCdata):
		n := bytes.Index(rest, xmlCdataEnd)
		if n < 0 {
			return true, s.end()
		}
		s.kind, s.text = xmlChars, rest[len(xmlCdata):n]
		s.i += n + len(xmlCdataEnd)
		return true, true
	case len(rest) > 1 && (rest[1] == '?' || rest[1] == '!'):
		return s.past(rest, []byte{'>'})
	}
	n := tagEnd(rest)
	if n < 0 {
		return true, s.end()
	}
	tag := rest[1:n]
	s.i += n + 1
	if len(tag) > 0 && tag[0] == '/' {
		s.kind, s.name = xmlClose, localName(bytes.TrimSpace(tag[1:]))
		return true, true
	}
	if len(tag) > 0 && tag[len(tag)-1] == '/' {
		tag, s.empty = tag[:len(tag)-1], true
	}
	s.kind, s.name, s.attrs = xmlOpen, tag, nil
	if i := bytes.IndexAny(tag, " \t\r\n"); i >= 0 {
		s.name, s.attrs = tag[:i], tag[i+1:]
	}
	s.name = localName(s.name)
	return true, true
}

func (s *xmlScan) past(rest, end []byte) (done, ok bool) {
	n := bytes.Index(rest, end)
	if n < 0 {
		return true, s.end()
	}
	s.i += n + len(end)
	return false, true
}

func (s *xmlScan) end() bool {
	s.i, s.fault = len(s.b), "invalid XML: it ends too early"
	return false
}

// tagEnd is where the tag that begins the text ends: at the first ">" outside quotes.
func tagEnd(text []byte) int {
	quote := byte(0)
	for i, b := range text {
		switch {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '>':
			return i
		}
	}
	return -1
}

func localName(name []byte) []byte { return name[bytes.LastIndexByte(name, ':')+1:] }

// xmlAttr is the value of an attribute, escapes resolved; nil: there is none.
func xmlAttr(attrs []byte, name string) []byte {
	for len(attrs) > 0 {
		eq := bytes.IndexByte(attrs, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimSpace(attrs[:eq])
		rest := bytes.TrimLeft(attrs[eq+1:], " \t\r\n")
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return xmlText(rest[1 : 1+end])
		}
		attrs = rest[end+2:]
	}
	return nil
}

// xmlText is a text with its escapes resolved; what is no escape stays.
func xmlText(text []byte) []byte {
	if bytes.IndexByte(text, '&') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '&' {
			if n := bytes.IndexByte(text[i:min(len(text), i+maxEntity)], ';'); n > 0 {
				if r, ok := xmlEntity(string(text[i+1 : i+n])); ok {
					out = utf8.AppendRune(out, r)
					i += n
					continue
				}
			}
		}
		out = append(out, text[i])
	}
	return out
}

// maxEntity is longer than any reference to a character.
const maxEntity = 12

func xmlEntity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := 10, name[1:]
	if digits[0] == 'x' || digits[0] == 'X' {
		base, digits = 16, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v > utf8.MaxRune {
		return 0, false
	}
	return rune(v), true
}
