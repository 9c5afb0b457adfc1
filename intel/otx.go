package intel

import (
	"encoding/json"
	"io"
	"strings"

	"netcase"
)

const otx = "AlienVault OTX"

// otxGeneral reads what OTX says of one address.
func otxGeneral() Format {
	return Format{
		Name:   "otx-general",
		Doc:    "AlienVault OTX, section general of an address: the pulses that name it, its validation, its place.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("indicator", "pulse_info") },
		Parse: func(s *sink, r io.Reader) error {
			s.by(otx, otx, netcase.ClaimListed, "D")
			return documents(r, s.cfg.MaxDocument, s.otxAddress)
		},
	}
}

// otxPulse reads pulses with their indicators: an export, a page of the
// subscribed ones, or an array.
func otxPulse() Format {
	return Format{
		Name: "otx-pulse",
		Doc:  "AlienVault OTX pulses with their indicators: one export, a page of subscribed pulses, or an array of pulses.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("indicators[].indicator", "indicators[].type") || h.has("results[].indicators[].indicator") ||
				h.has("[].indicators[].indicator") || h.has("results[].indicator", "results[].type", "count") || h.has("results", "prefetch_pulse_ids")
		},
		Parse: func(s *sink, r io.Reader) error {
			s.by(otx, otx, netcase.ClaimListed, "D")
			return documents(r, s.cfg.MaxDocument, s.otxDocument)
		},
	}
}

type otxPulseData struct {
	Name       string
	Created    string
	Modified   string
	AuthorName string `json:"author_name"`
	Author     struct{ Username string }
	TLP        string
	Adversary  string
	Tags       []string
	References []string
	Indicators []otxIndicator

	MalwareFamilies []json.RawMessage `json:"malware_families"`
}

type otxIndicator struct {
	Indicator   string
	Type        string
	Created     string
	Title       string
	Description string
	Content     string
	Expiration  string
	Role        string
	IsActive    json.RawMessage `json:"is_active"`
}

func (s *sink) otxDocument(item int64, raw json.RawMessage) {
	var page struct {
		Results []json.RawMessage
		otxPulseData
	}
	if !s.decode(item, raw, &page) {
		return
	}
	n := int64(0)
	if len(page.Indicators) > 0 {
		s.otxIndicators(&n, &page.otxPulseData)
	}
	for _, r := range page.Results {
		var p otxPulseData
		if !s.decode(item, r, &p) {
			continue
		}
		if len(p.Indicators) == 0 { // a page of bare indicators
			var in otxIndicator
			if s.decode(item, r, &in) {
				p.Indicators = []otxIndicator{in}
			}
		}
		s.otxIndicators(&n, &p)
	}
}

func (s *sink) otxIndicators(n *int64, p *otxPulseData) {
	for i := range p.Indicators {
		*n++
		in := &p.Indicators[i]
		if role := string(in.IsActive); role == "0" || role == "false" {
			s.skip(*n, "not active any more", in.Indicator)
			continue
		}
		c := p.claim()
		c.address = in.Indicator
		c.first = otxTime(in.Created, p.Created)
		c.learned = otxTime(in.Created, p.Modified)
		c.last = c.first
		c.until = otxTime(in.Expiration, "")
		if t := claimOf([]string{in.Role, in.Title}); t != "" {
			c.claim = t
		}
		s.add(*n, c)
	}
}

// claim is what a pulse says of all its indicators. A pulse is context: anyone
// may publish one.
func (p *otxPulseData) claim() claim {
	author := p.AuthorName
	if author == "" {
		author = p.Author.Username
	}
	c := claim{
		provider: otx, origin: otxOrigin(p), categories: p.Tags,
		description: strings.TrimSpace("pulse \"" + clip(p.Name, maxCategory) + "\" by " + clip(author, maxCategory)),
		tlp:         tlpName(p.TLP), claim: claimOf(append([]string{p.Name}, p.Tags...)),
	}
	if len(p.MalwareFamilies) > 0 && (c.claim == "" || c.claim == netcase.ClaimAbuse) {
		c.claim = netcase.ClaimMalware
	}
	if c.claim != "" && !c.claim.Adverse() && c.claim != netcase.ClaimTor && c.claim != netcase.ClaimProxy {
		c.claim = "" // a tag such as "hosting" describes, it does not acquit
	}
	return c
}

// otxOrigin is who made the claim: where the pulse cites another list, that one.
func otxOrigin(p *otxPulseData) string {
	for _, r := range append([]string{p.Name}, p.References...) {
		if m, ok := findMaker(makers(), strings.ToLower(r)); ok && m.service == "" && m.provider != otx && len(m.words[0]) > 4 {
			return identityOf(m).origin
		}
	}
	return otx
}

func otxTime(values ...string) netcase.Time {
	for _, v := range values {
		if t, ok := parseTime(v); ok {
			return t
		}
	}
	return 0
}

func (s *sink) otxAddress(item int64, raw json.RawMessage) {
	var d struct {
		Indicator  string
		ASN        json.RawMessage
		City       string
		Country    string `json:"country_code"`
		Validation []struct{ Source, Message, Name string }
		FalseA     []struct{ Assessment string }   `json:"false_positive"`
		PulseInfo  struct{ Pulses []otxPulseData } `json:"pulse_info"`
	}
	if !s.decode(item, raw, &d) {
		return
	}
	geo := netcase.Geo{Country: countryCode(d.Country), City: clip(d.City, maxCategory)}
	geo.ASN, geo.ASName = asn(strings.Trim(string(d.ASN), `"`))
	s.otxValidation(item, d.Indicator, d.Validation, d.FalseA)
	for i := range d.PulseInfo.Pulses {
		p := &d.PulseInfo.Pulses[i]
		c := p.claim()
		c.address, c.geo = d.Indicator, geo
		c.first, c.last = otxTime(p.Created), otxTime(p.Modified, p.Created)
		c.learned = otxTime(p.Created)
		s.add(item, c)
	}
	if len(d.PulseInfo.Pulses) == 0 {
		s.add(item, claim{address: d.Indicator, claim: netcase.ClaimNothing, categories: []string{categoryClean}, description: "in no pulse", geo: geo})
	}
}

// categoryClean marks the answer "asked, and nothing known".
const categoryClean = "nothing known"

func (s *sink) otxValidation(item int64, address string, validation []struct{ Source, Message, Name string }, falses []struct{ Assessment string }) {
	for i, v := range validation {
		if i >= maxCategories {
			break
		}
		name := v.Message
		if name == "" {
			name = v.Name
		}
		s.whitelisted(item, address, otx, otx, "validated by OTX: "+name)
	}
	for _, f := range falses {
		if f.Assessment == "accepted" {
			s.whitelisted(item, address, otx, otx, "accepted by OTX as a false positive")
			return
		}
	}
}
