package intel

import (
	"cmp"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"netcase"
)

// abuseCh reads what the trackers of abuse.ch export as JSON.
func abuseCh() Format {
	return Format{
		Name: "abusech",
		Doc:  "JSON of abuse.ch: Feodo Tracker's block list, ThreatFox's exports and answers, URLhaus's recent URLs.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("ip_address", "malware", "last_online") || h.has("data[].ioc", "data[].ioc_type") ||
				h.ends("[].ioc_value") || h.ends("[].url") && h.ends("[].urlhaus_link")
		},
		Parse: func(s *sink, r io.Reader) error {
			item := int64(0)
			return eachTracked(bounded(r, s.cfg.MaxDocument), func(raw json.RawMessage) {
				item++
				s.tracked(item, raw)
			})
		},
	}
}

// ends tells whether some path ends so.
func (h *head) ends(with string) bool {
	for p := range h.json {
		if strings.HasSuffix(p, with) {
			return true
		}
	}
	return false
}

// eachTracked hands on the entries, in their order: the elements of an array at the
// top, or those of every array in the object at the top, whose keys are numbers of
// entries, or "data".
func eachTracked(r io.Reader, each func(json.RawMessage)) error {
	d := json.NewDecoder(r)
	top, err := d.Token()
	if err != nil {
		return jsonEnd(err, d)
	}
	for d.More() {
		if top == json.Delim('{') {
			if _, err := d.Token(); err != nil {
				return jsonCut(err, d)
			}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return jsonCut(err, d)
		}
		var list []json.RawMessage
		switch {
		case len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &list) == nil:
			for _, e := range list {
				each(e)
			}
		case len(raw) > 0 && raw[0] == '{':
			each(raw)
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonCut(err, d)
	}
	return nil
}

// trackerEntry is an entry of any of the trackers.
type trackerEntry struct {
	Address    string `json:"ip_address"` // Feodo
	IOC        string `json:"ioc"`        // ThreatFox, as an answer
	IOCValue   string `json:"ioc_value"`  // ThreatFox, as an export
	URL        string `json:"url"`        // URLhaus
	Port       text   `json:"port"`
	Status     text   `json:"status"`
	URLStatus  text   `json:"url_status"`
	Threat     text   `json:"threat"`
	ThreatType text   `json:"threat_type"`
	Malware    text   `json:"malware"`
	Printable  text   `json:"malware_printable"`
	Confidence text   `json:"confidence_level"`
	Country    text   `json:"country"`
	ASN        text   `json:"as_number"`
	ASName     text   `json:"as_name"`
	Added      text   `json:"dateadded"`
	First      text   `json:"first_seen"`
	FirstUTC   text   `json:"first_seen_utc"`
	Last       text   `json:"last_seen"`
	LastUTC    text   `json:"last_seen_utc"`
	Online     text   `json:"last_online"`
}

// text is a scalar that services write now as a text, now as a number, now as null.
// What else stands there is empty.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil:
		*t = text(s)
	case len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'):
		*t = text(raw)
	default:
		*t = ""
	}
	return nil
}

// tracked takes one entry.
func (s *sink) tracked(item int64, raw json.RawMessage) {
	var e trackerEntry
	if !s.decode(item, raw, &e) {
		return
	}
	c := claim{address: cmp.Or(e.Address, e.IOC, e.IOCValue, e.URL)}
	first, last := cmp.Or(e.FirstUTC, e.First, e.Added), cmp.Or(e.LastUTC, e.Last, e.Online)
	c.first, c.last = s.instant(item, "first_seen", string(first)), s.instant(item, "last_seen", string(last))
	malware := string(cmp.Or(e.Printable, e.Malware))
	kind := string(cmp.Or(e.ThreatType, e.Threat))
	for _, word := range []string{kind, malware} {
		if word != "" && !strings.EqualFold(word, "unknown malware") {
			c.categories = append(c.categories, word)
		}
	}
	c.geo.Country, c.geo.ASName = countryCode(string(e.Country)), clip(string(e.ASName), maxCategory)
	c.geo.ASN, _ = asn(string(e.ASN))
	if n, err := strconv.ParseUint(string(e.Port), 10, 16); err == nil {
		c.port = uint16(n)
	}
	if score, err := strconv.ParseFloat(string(e.Confidence), 64); err == nil {
		c.score, c.scoreText = score, string(e.Confidence)+"/100"
	}
	s.tracker(&e, kind, &c)
	s.add(item, c)
}

// tracker tells which tracker an entry is of, and what it claims.
func (s *sink) tracker(e *trackerEntry, kind string, c *claim) {
	by := "abuse.ch Feodo Tracker"
	c.claim = netcase.ClaimC2
	switch {
	case e.URL != "":
		by, c.claim = "abuse.ch URLhaus", netcase.ClaimMalware
	case e.IOC+e.IOCValue != "":
		by = "abuse.ch ThreatFox"
		if kind != "botnet_cc" {
			c.claim = netcase.ClaimMalware
		}
	}
	s.by(by, by, c.claim, s.rated[by])
	if status := string(cmp.Or(e.Status, e.URLStatus)); status != "" {
		c.description = status
	}
}

// instant reads a time of a record; one that is there and cannot be read is a doubt.
func (s *sink) instant(item int64, field, value string) netcase.Time {
	t, ok := parseTime(value)
	if !ok && value != "" {
		s.doubt(item, field, value)
	}
	return t
}
