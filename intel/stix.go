package intel

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"netcase"
)

// stixBundle reads STIX 2.x bundles and TAXII 2.1 envelopes.
func stixBundle() Format {
	return Format{
		Name: "stix",
		Doc:  "STIX 2.1 bundle or TAXII 2.1 envelope: indicators with address patterns, their makers, validity and confidence.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.json["type"] == "bundle" || h.has("objects[].type", "objects[].id") ||
				h.json["type"] == "indicator" && h.has("pattern")
		},
		Parse: parseSTIX,
	}
}

type stixObject struct {
	Type           string
	ID             string
	Name           string
	Description    string
	Created        string
	Modified       string
	CreatedBy      string `json:"created_by_ref"`
	Revoked        bool
	Pattern        string
	PatternType    string   `json:"pattern_type"`
	IndicatorTypes []string `json:"indicator_types"`
	Labels         []string
	ValidFrom      string `json:"valid_from"`
	ValidUntil     string `json:"valid_until"`
	Confidence     *int
	Markings       []string `json:"object_marking_refs"`
	KillChain      []struct {
		Phase string `json:"phase_name"`
	} `json:"kill_chain_phases"`
	References []struct {
		Source string `json:"source_name"`
	} `json:"external_references"`
}

func parseSTIX(s *sink, r io.Reader) error {
	makers := make(map[string]string) // identity id -> name, wherever it stands in the file
	one := func(item int64, raw json.RawMessage) {
		var o stixObject
		if s.decode(item, raw, &o) {
			s.stixObject(item, &o, makers)
		}
	}
	err := elements(r, s.cfg.MaxDocument, "objects", one, func(item int64, rest map[string]json.RawMessage, streamed bool) {
		if _, bare := rest["pattern"]; bare && !streamed {
			one(item, joined(rest)) // an object that stands in no bundle, one a line
		}
	})
	s.rename(makers)
	return err
}

// joined is an object put together from its members.
func joined(members map[string]json.RawMessage) json.RawMessage {
	raw, err := json.Marshal(members)
	if err != nil {
		return json.RawMessage("{}") // cannot be: every member was read as JSON
	}
	return raw
}

func (s *sink) stixObject(item int64, o *stixObject, makers map[string]string) {
	switch {
	case o.Type == "identity":
		if len(makers) < 10_000 {
			makers[o.ID] = clip(o.Name, maxText)
		}
		s.skip(0, "not an indicator", "")
	case o.Type != "indicator":
		s.skip(0, "not an indicator", "")
	case o.Revoked:
		s.skip(item, "revoked", o.Pattern)
	case o.PatternType != "" && o.PatternType != "stix":
		s.skip(item, "pattern is not STIX", o.PatternType)
	default:
		s.stixIndicator(item, o)
	}
}

func (s *sink) stixIndicator(item int64, o *stixObject) {
	targets, err := parsePattern(o.Pattern)
	switch {
	case errors.Is(err, errNoAddress):
		s.skip(item, "not an address", o.Pattern)
		return
	case errors.Is(err, errNarrower):
		s.skip(item, err.Error(), o.Pattern)
		return
	case err != nil:
		s.refused(item, "pattern", err.Error(), o.Pattern)
		return
	}
	c := o.claim()
	s.settle()
	if o.CreatedBy != "" && !s.id.known {
		c.provider = o.CreatedBy
	}
	for _, f := range []struct {
		name, text string
		into       *netcase.Time
	}{{"valid_from", o.ValidFrom, &c.from}, {"valid_until", o.ValidUntil, &c.until}, {"modified", o.Modified, &c.learned}} {
		if t, ok := parseTime(f.text); ok {
			*f.into = t
		} else if f.text != "" {
			s.doubt(item, f.name, f.text)
		}
	}
	s.addPattern(item, targets, c)
}

// addPattern takes the targets of one pattern as one record.
func (s *sink) addPattern(item int64, targets []patternTarget, c claim) {
	var all target
	for i, t := range targets {
		parsed, ok := parseTarget(t.address)
		if !ok {
			continue
		}
		if len(all.prefixes) > 0 && t.port != all.port || i > 0 && len(all.prefixes) == 0 {
			s.addExtra(item, all, c)
			all = target{}
		}
		all.prefixes, all.port = append(all.prefixes, parsed.prefixes...), t.port
		c.address = t.address
	}
	if len(all.prefixes) == 0 {
		s.skip(item, "not an address", targets[0].address)
		return
	}
	s.addTarget(item, all, c)
}

// addExtra takes part of a record that is counted when its last part is taken.
func (s *sink) addExtra(item int64, t target, c claim) {
	if len(t.prefixes) == 0 {
		return
	}
	read, usable, refused := s.rep.Read, s.rep.Usable, s.rep.Refused
	from := len(s.records)
	s.addTarget(item, t, c)
	for i := from; i < len(s.records); i++ {
		s.records[i].more = true
	}
	s.rep.Read, s.rep.Usable, s.rep.Refused = read, usable, refused
}

func (o *stixObject) claim() claim {
	c := claim{origin: o.CreatedBy, description: o.Name}
	if c.description == "" {
		c.description = o.Description
	}
	for _, r := range o.References {
		if m, ok := findMaker(makers(), fold(r.Source)); ok && m.service == "" {
			c.origin = identityOf(m).origin // an explicit citation
			break
		}
	}
	c.categories = append(append(c.categories, o.IndicatorTypes...), o.Labels...)
	words := append([]string{}, c.categories...)
	for _, k := range o.KillChain {
		words = append(words, k.Phase)
	}
	if c.claim = claimOf(words); c.claim == "" || c.claim == netcase.ClaimAbuse {
		if named := claimOf([]string{o.Name}); named != "" && named.Adverse() {
			c.claim = named
		}
	}
	if c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryWhitelist)
	}
	if o.Confidence != nil {
		c.score, c.scoreText = float64(*o.Confidence), "confidence "+strconv.Itoa(*o.Confidence)
	}
	for _, m := range o.Markings {
		if t := tlpOf(m); t != "" {
			c.tlp = t
		}
	}
	return c
}

// tlpOf is the label of a marking definition.
//
// Source: STIX 2.1 part 4.1.4 (TLP 1.0) and the OASIS extension for TLP 2.0.
func tlpOf(id string) string {
	switch id {
	case "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487":
		return "CLEAR"
	case "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb":
		return "GREEN"
	case "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421":
		return "AMBER"
	case "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003":
		return "AMBER+STRICT"
	case "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1":
		return "RED"
	}
	return ""
}
