package intel

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// genericJSON reads JSON that no narrower format knows: an array of objects, one
// object a line, an object that holds an array of objects, with the addresses
// under any of the names that tables use; or bare arrays of strings.
func genericJSON() Format {
	return Format{
		Name:   "json",
		Doc:    "JSON objects with an address under a usual name: an array, one a line, or one array inside an object; or arrays of strings.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.json != nil || likeStringArray(h.raw) },
		Parse: func(s *sink, r io.Reader) error {
			return elements(r, s.cfg.MaxDocument, "", s.jsonElement, func(item int64, rest map[string]json.RawMessage, _ bool) {
				s.jsonElement(item, joined(rest))
			})
		},
	}
}

func likeStringArray(raw []byte) bool {
	t := bytes.TrimLeft(raw, " \t\r\n")
	if len(t) == 0 || t[0] != '[' {
		return false
	}
	t = bytes.TrimLeft(t[1:], " \t\r\n")
	return len(t) > 0 && (t[0] == '"' || t[0] == ']')
}

// jsonElement is one element of an array or one object at the top.
func (s *sink) jsonElement(item int64, raw json.RawMessage) {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		s.refused(item, "", "not of the expected shape", string(raw[:min(len(raw), maxSample)]))
		return
	}
	if !s.jsonValue(item, v, 0) {
		s.skip(item, "not an address", string(raw[:min(len(raw), maxSample)]))
	}
}

// maxContainer is how deep the records may lie: {"data":{"items":[{...}]}}.
const maxContainer = 4

// jsonValue reads a record, a text, or what contains them. It is false where it
// contains neither.
func (s *sink) jsonValue(item int64, v any, depth int) (found bool) {
	switch v := v.(type) {
	case string:
		s.add(item, claim{address: v})
		return true
	case []any:
		for i, e := range v {
			if depth > maxContainer || !s.jsonValue(int64(i+1), e, depth+1) {
				s.skip(int64(i+1), "not an address", "")
			}
		}
		return len(v) > 0
	case map[string]any:
		if namesAddress(v) {
			s.jsonObject(item, v)
			return true
		}
		if depth > maxContainer {
			return false
		}
		return s.jsonContainer(item, v, depth)
	}
	return false
}

// jsonContainer looks into the members of an object that is no record itself.
// Texts there are titles and dates; only those in arrays are observables.
func (s *sink) jsonContainer(item int64, v map[string]any, depth int) (found bool) {
	for _, k := range sortedKeys(v) {
		switch m := v[k].(type) {
		case string:
			s.jsonDate(k, m)
		case json.Number:
			s.jsonDate(k, m.String())
		case map[string]any:
			found = s.jsonValue(item, m, depth+1) || found
		case []any:
			if holdsRecords(m) {
				found = s.jsonValue(item, m, depth+1) || found
			}
		}
	}
	return found
}

// holdsRecords tells whether an array holds objects, or texts that begin with an
// observable: an array of tags is left alone.
func holdsRecords(list []any) bool {
	for _, e := range list {
		switch e := e.(type) {
		case map[string]any:
			return true
		case string:
			return likeObservable(e)
		}
	}
	return false
}

// namesAddress tells whether an object has an address under a usual name.
func namesAddress(v map[string]any) bool {
	flat := make(map[string][]string)
	flatten(v, flat, maxFlat-1)
	for _, n := range columnNames(fieldAddress) {
		for _, text := range flat[n] {
			if likeObservable(text) {
				return true
			}
		}
	}
	return false
}

// jsonDate takes the date that a member of the document gives for the whole.
func (s *sink) jsonDate(key, value string) {
	switch fold(key) {
	case "generatedat", "generated", "timestamp", "lastupdated", "updated", "updatedat", "created", "createdate", "creationtime", "publishedat", "date", "exportedat", "retrievedat", "synctoken":
		if t, ok := parseTime(value); ok {
			s.dated(t)
		}
	}
}

// jsonObject is one record.
func (s *sink) jsonObject(item int64, v map[string]any) {
	flat := make(map[string][]string)
	flatten(v, flat, 0)
	all := func(f field) []string {
		var out []string
		for _, n := range columnNames(f) {
			out = append(out, flat[n]...)
		}
		return slices.DeleteFunc(out, func(v string) bool { return !said(v) })
	}
	get := func(f field) string {
		if l := all(f); len(l) > 0 {
			return strings.TrimSpace(l[0])
		}
		return ""
	}
	s.row(item, get, all)
}

func columnNames(f field) []string {
	for _, c := range columns {
		if c.field == f {
			return strings.Fields(c.names)
		}
	}
	return nil
}

// maxFlat is how deep the values of a record may lie.
const maxFlat = 3

// flatten writes the scalars of an object under their folded names. A name at a
// lower depth does not displace one above it: keys of a level go first.
func flatten(v map[string]any, flat map[string][]string, depth int) {
	names := sortedKeys(v)
	for _, k := range names {
		switch x := v[k].(type) {
		case string:
			flat[fold(k)] = append(flat[fold(k)], x)
		case json.Number:
			flat[fold(k)] = append(flat[fold(k)], x.String())
		case bool:
			flat[fold(k)] = append(flat[fold(k)], map[bool]string{true: "true", false: "false"}[x])
		case []any:
			for _, e := range x {
				switch e := e.(type) {
				case string:
					flat[fold(k)] = append(flat[fold(k)], e)
				case json.Number:
					flat[fold(k)] = append(flat[fold(k)], e.String())
				}
			}
		}
	}
	if depth >= maxFlat {
		return
	}
	for _, k := range names {
		if m, ok := v[k].(map[string]any); ok {
			flatten(m, flat, depth+1)
		}
	}
}
