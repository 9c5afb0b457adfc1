package intel

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"netcase"
)

// mispEvent reads MISP events, alone, as an answer of several, or as the answer
// of an attribute search.
func mispEvent() Format {
	return Format{
		Name: "misp-event",
		Doc:  "MISP event, alone or in a response, with the address attributes that are marked for detection; or an attribute search.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("Event") || h.has("response[].Event") || h.has("response.Attribute[].value") ||
				h.has("Attribute[].value", "Attribute[].type")
		},
		Parse: func(s *sink, r io.Reader) error {
			return documents(r, s.cfg.MaxDocument, s.mispDocument)
		},
	}
}

type mispAttribute struct {
	UUID      string
	Type      string
	Category  string
	Value     string
	ToIDs     *bool `json:"to_ids"`
	Deleted   bool
	Timestamp json.RawMessage
	Comment   string
	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`
	Tag       []struct{ Name string }
}

type mispEventData struct {
	Info      string
	Date      string
	Timestamp json.RawMessage
	Published json.RawMessage                       `json:"publish_timestamp"`
	Orgc      struct{ Name string }                 `json:"Orgc"`
	Tag       []struct{ Name string }               `json:"Tag"`
	Attribute []mispAttribute                       `json:"Attribute"`
	Object    []struct{ Attribute []mispAttribute } `json:"Object"`
}

func (s *sink) mispDocument(_ int64, raw json.RawMessage) {
	var d struct {
		Event     *mispEventData
		Attribute []mispAttribute
		Response  json.RawMessage
	}
	if !s.decode(1, raw, &d) {
		return
	}
	n := int64(0)
	if d.Event != nil {
		s.mispEventData(&n, d.Event)
	}
	s.mispAttributes(&n, d.Attribute, &mispEventData{})
	if len(d.Response) == 0 {
		return
	}
	var events []struct{ Event *mispEventData }
	var search struct{ Attribute []mispAttribute }
	switch {
	case d.Response[0] == '[' && json.Unmarshal(d.Response, &events) == nil:
		for _, e := range events {
			if e.Event != nil {
				s.mispEventData(&n, e.Event)
			}
		}
	case json.Unmarshal(d.Response, &search) == nil:
		s.mispAttributes(&n, search.Attribute, &mispEventData{})
	default:
		s.refused(1, "response", "not of the expected shape", string(d.Response[:min(len(d.Response), maxSample)]))
	}
}

// mispEventData reads one event. It was known when it was published; an event
// that was not published yet, when it was changed last.
func (s *sink) mispEventData(n *int64, e *mispEventData) {
	s.dated(max(rawTime(e.Published), rawTime(e.Timestamp)))
	s.mispAttributes(n, e.Attribute, e)
	for _, o := range e.Object {
		s.mispAttributes(n, o.Attribute, e)
	}
}

func (s *sink) mispAttributes(n *int64, list []mispAttribute, e *mispEventData) {
	for i := range list {
		*n++
		a := &list[i]
		switch {
		case a.Deleted:
			s.skip(*n, "revoked", a.Value)
		case a.ToIDs != nil && !*a.ToIDs:
			s.skip(*n, "not marked for detection", a.Value)
		default:
			s.mispAttribute(*n, a, e)
		}
	}
}

func (s *sink) mispAttribute(n int64, a *mispAttribute, e *mispEventData) {
	value, port := a.Value, uint16(0)
	switch a.Type {
	case "ip-src", "ip-dst":
	case "ip-src|port", "ip-dst|port":
		address, text, _ := strings.Cut(value, "|")
		p, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			s.doubt(n, "port", value)
		}
		value, port = address, uint16(p)
	case "domain|ip":
		_, value, _ = strings.Cut(value, "|")
	case "url", "uri":
	default:
		s.skip(n, "not an address", a.Value)
		return
	}
	c := claim{address: value, port: port, origin: e.Orgc.Name, description: e.Info}
	if c.description == "" {
		c.description = a.Comment
	}
	s.settle()
	if c.origin != "" && !s.id.known {
		c.provider = c.origin
	}
	c.categories = append(c.categories, a.Category)
	for _, t := range append(append([]struct{ Name string }{}, e.Tag...), a.Tag...) {
		if name, ok := strings.CutPrefix(t.Name, "tlp:"); ok {
			c.tlp = tlpName(name)
			continue
		}
		c.categories = append(c.categories, t.Name)
	}
	c.claim = mispClaim(a, c.categories, e.Info)
	c.first, _ = parseTime(a.FirstSeen)
	c.last, _ = parseTime(a.LastSeen)
	if c.last == 0 && c.first == 0 {
		c.last = rawTime(a.Timestamp)
	}
	s.add(n, c)
}

// mispClaim is what the tags and the title say; for an address that malware
// calls (Network activity, ip-dst) with a port and nothing else said, a control
// server.
func mispClaim(a *mispAttribute, categories []string, info string) netcase.ClaimType {
	if c := claimOf(append([]string{a.Comment, info}, categories...)); c != "" && c.Adverse() && c != netcase.ClaimAbuse {
		return c
	}
	if a.Type == "ip-dst|port" {
		return netcase.ClaimC2
	}
	return netcase.ClaimListed
}

// rawTime reads an instant that is a number or a text.
func rawTime(raw json.RawMessage) netcase.Time {
	t, _ := parseTime(strings.Trim(string(raw), `"`))
	return t
}
