package intel

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

const socradar = "SOCRadar"

// socradarReputation reads the rapid reputation of an address.
func socradarReputation() Format {
	return Format{
		Name:   "socradar-reputation",
		Doc:    "SOCRadar rapid reputation: a score and the sources that it was found in.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("data.finding_sources") },
		Parse:  socradarDocuments((*sink).socradarReputationAnswer),
	}
}

// socradarAnalysis reads the threat analysis of an address.
func socradarAnalysis() Format {
	return Format{
		Name: "socradar-analysis",
		Doc:  "SOCRadar threat analysis: a score of 1000, the findings by source, the place.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("data.score") && h.hasAny("data.findings", "data.score_details", "data.geo_location", "data.is_advance_investigation")
		},
		Parse: socradarDocuments((*sink).socradarAnalysisAnswer),
	}
}

// socradarEnrichment reads the enrichment of an indicator.
func socradarEnrichment() Format {
	return Format{
		Name: "socradar-enrichment",
		Doc:  "SOCRadar indicator enrichment: score, signal strength, categorization and the history by feed.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("details") && h.hasAny("categorization", "details.ioc_signal_strength", "details.cross_source_confidence")
		},
		Parse: socradarDocuments((*sink).socradarEnrichmentAnswer),
	}
}

// socradarFeed reads a feed collection.
func socradarFeed() Format {
	return Format{
		Name:   "socradar-feed",
		Doc:    "SOCRadar feed collection: an array of feed, feed_type, dates and maintainer_name.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("feed", "feed_type") },
		Parse: func(s *sink, r io.Reader) error {
			s.by(socradar, socradar, netcase.ClaimAbuse, "C")
			return elements(r, s.cfg.MaxDocument, "", s.socradarEntry, func(item int64, rest map[string]json.RawMessage, _ bool) {
				s.socradarEntry(item, joined(rest))
			})
		},
	}
}

func socradarDocuments(each func(*sink, int64, json.RawMessage)) func(*sink, io.Reader) error {
	return func(s *sink, r io.Reader) error {
		s.by(socradar, socradar, netcase.ClaimAbuse, "C")
		return documents(r, s.cfg.MaxDocument, func(item int64, raw json.RawMessage) { each(s, item, raw) })
	}
}

// socradarOrigin is who a source named by SOCRadar is: its own feeds are its own.
func socradarOrigin(name string) string {
	if name == "" || strings.Contains(strings.ToLower(name), "socradar") {
		return socradar
	}
	return canonical(name)
}

func scoreOf(score float64, of int) string {
	return strconv.FormatFloat(score, 'f', -1, 64) + "/" + strconv.Itoa(of)
}

func (s *sink) socradarReputationAnswer(item int64, raw json.RawMessage) {
	var d struct {
		EntityValue string `json:"entity_value"`
		Data        struct {
			EntityValue    string `json:"entity_value"`
			Value          string
			IP             string
			Score          float64
			IsWhitelisted  bool `json:"is_whitelisted"`
			FindingSources []struct {
				SourceName     string `json:"source_name"`
				MainCategory   string `json:"main_category"`
				MaintainerName string `json:"maintainer_name"`
				FirstSeenDate  string `json:"first_seen_date"`
				LastSeenDate   string `json:"last_seen_date"`
				SeenCount      int    `json:"seen_count"`
			} `json:"finding_sources"`
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	address := s.addressInName(d.EntityValue, d.Data.EntityValue, d.Data.Value, d.Data.IP)
	if d.Data.IsWhitelisted {
		s.whitelisted(item, address, socradar, socradar, "on the white list of SOCRadar")
	}
	for _, f := range d.Data.FindingSources {
		name := f.MaintainerName
		if name == "" {
			name = f.SourceName
		}
		c := claim{
			address: address, provider: socradar, origin: socradarOrigin(name), claim: adverseOr(claimOf([]string{f.MainCategory}), netcase.ClaimAbuse),
			categories: []string{f.MainCategory}, reports: f.SeenCount, description: f.SourceName,
		}
		c.first, _ = parseTime(f.FirstSeenDate)
		c.last, _ = parseTime(f.LastSeenDate)
		s.add(item, c)
	}
	s.socradarScore(item, address, d.Data.Score, 100, claim{})
}

// addressInName is the first text that is an address; answers that do not repeat
// the question are saved under its name.
func (s *sink) addressInName(texts ...string) string {
	for _, t := range texts {
		if _, ok := parseTarget(t); ok {
			return t
		}
	}
	s.named = s.questionInName()
	return s.named
}

// questionInName is what a service was asked for, as the caller or the name of the
// file says.
func (s *sink) questionInName() string {
	if s.file.Asked != "" {
		return s.file.Asked
	}
	for _, w := range strings.FieldsFunc(s.file.Name, func(r rune) bool { return r == '/' || r == '\\' || r == ' ' || r == '_' || r == '@' }) {
		for strings.ContainsRune(w, '.') {
			if _, ok := parseTarget(w); ok {
				return w
			}
			w = w[:strings.LastIndexByte(w, '.')]
		}
	}
	return ""
}

// adverseOr is the claim where it is adverse or says what hides, else the other.
func adverseOr(c, other netcase.ClaimType) netcase.ClaimType {
	if c == "" || !c.Adverse() && c != netcase.ClaimTor && c != netcase.ClaimProxy {
		return other
	}
	return c
}

// socradarScore adds the score, which is the provider's own and is said once: the feeds
// that it found the address in do not share it.
func (s *sink) socradarScore(item int64, address string, score float64, of int, c claim) {
	c.address, c.provider, c.origin = address, socradar, socradar
	c.score, c.scoreText = score, scoreOf(score, of)
	c.claim = netcase.ClaimAbuse
	if score <= 0 {
		c.claim, c.categories = netcase.ClaimNothing, []string{categoryClean}
	}
	s.add(item, c)
}

func (s *sink) socradarAnalysisAnswer(item int64, raw json.RawMessage) {
	var d struct {
		Data struct {
			Value         string
			Score         float64
			IsWhitelisted bool `json:"is_whitelisted"`
			Findings      []struct {
				SourceName     string `json:"source_name"`
				SourceCategory string `json:"source_category"`
				ExtraInfo      struct {
					MaintainerName string `json:"maintainer_name"`
					LastSeenDate   string `json:"last_seen_date"`
				} `json:"extra_info"`
			}
			ScoreDetails map[string]json.RawMessage `json:"score_details"`
			GeoLocation  []struct {
				AsnCode     json.RawMessage
				AsnName     string
				CityName    string
				CountryCode string
			} `json:"geo_location"`
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	v := &d.Data
	var geo netcase.Geo
	if len(v.GeoLocation) > 0 {
		g := v.GeoLocation[0]
		geo = netcase.Geo{Country: countryCode(g.CountryCode), City: clip(g.CityName, maxCategory), ASName: clip(g.AsnName, maxCategory)}
		geo.ASN, _ = asn(strings.Trim(string(g.AsnCode), `"`))
	}
	address := s.addressInName(v.Value)
	if v.IsWhitelisted {
		s.whitelisted(item, address, socradar, socradar, "on the white list of SOCRadar")
	}
	for _, f := range v.Findings {
		name := f.ExtraInfo.MaintainerName
		if name == "" {
			name = f.SourceName
		}
		c := claim{
			address: address, provider: socradar, origin: socradarOrigin(name), claim: adverseOr(claimOf([]string{f.SourceCategory, f.SourceName}), netcase.ClaimAbuse),
			categories: []string{f.SourceCategory}, description: f.SourceName, geo: geo,
		}
		c.last, _ = parseTime(f.ExtraInfo.LastSeenDate)
		s.add(item, c)
	}
	s.socradarScore(item, address, v.Score, 1000, claim{geo: geo, categories: sortedKeys(v.ScoreDetails)})
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *sink) socradarEnrichmentAnswer(item int64, raw json.RawMessage) {
	var d struct {
		Indicator string
		Details   struct {
			Name          string
			Score         json.RawMessage
			CountryName   string          `json:"country_name"`
			IsWhitelisted bool            `json:"is_whitelisted"`
			Strength      string          `json:"ioc_signal_strength"`
			Confidence    string          `json:"cross_source_confidence"`
			FirstSeen     string          `json:"first_seen_date"`
			LastSeen      string          `json:"last_seen_date"`
			ASN           json.RawMessage `json:"asn_code"`
		}
		Summary struct {
			Country string
			ASName  string `json:"asn_name"`
		}
		Categorization map[string]bool
		History        struct {
			Events []struct {
				Event      string
				FeedSource string `json:"feed_source"`
				InsertDate string `json:"insert_date"`
			} `json:"indicator_history"`
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	c := claim{geo: netcase.Geo{Country: countryCode(d.Details.CountryName), ASName: clip(d.Summary.ASName, maxCategory)}}
	if c.geo.Country == "" {
		c.geo.Country = countryCode(d.Summary.Country)
	}
	c.geo.ASN, _ = asn(strings.Trim(string(d.Details.ASN), `"`))
	c.first, _ = parseTime(d.Details.FirstSeen)
	c.last, _ = parseTime(d.Details.LastSeen)
	for _, k := range sortedKeys(d.Categorization) {
		if d.Categorization[k] {
			c.categories = append(c.categories, k)
		}
	}
	address := s.addressInName(d.Indicator, d.Details.Name)
	if d.Details.IsWhitelisted {
		s.whitelisted(item, address, socradar, socradar, "on the white list of SOCRadar")
	}
	score := firstNumber(d.Details.Score)
	for _, e := range d.History.Events {
		h := c
		h.address, h.provider, h.origin = address, socradar, socradarOrigin(e.FeedSource)
		h.description, h.claim = e.Event, netcase.ClaimAbuse
		h.first = otxTime(e.InsertDate)
		h.last = h.first
		s.add(item, h)
	}
	c.description = strings.Trim("signal "+d.Details.Strength+", cross-source confidence "+d.Details.Confidence, " ")
	s.socradarScore(item, address, score, 100, c)
}

// firstNumber reads 85, [85.0] or "85".
func firstNumber(raw json.RawMessage) float64 {
	text, _, _ := strings.Cut(strings.Trim(string(raw), "[]\" "), ",")
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0
	}
	return f
}

func (s *sink) socradarEntry(item int64, raw json.RawMessage) {
	var e struct {
		Feed           string
		FeedType       string `json:"feed_type"`
		FirstSeenDate  string `json:"first_seen_date"`
		LatestSeenDate string `json:"latest_seen_date"`
		MaintainerName string `json:"maintainer_name"`
		ExtraInfo      struct {
			Score       json.RawMessage
			SeenCount   json.RawMessage `json:"seen_count"`
			GeoLocation struct {
				CountryCode, CityName, AsnName string
				AsnCode                        json.RawMessage
			} `json:"geo_location"`
		} `json:"extra_info"`
	}
	if !s.decode(item, raw, &e) {
		return
	}
	score := firstNumber(e.ExtraInfo.Score)
	c := claim{
		address: e.Feed, provider: socradar, origin: socradarOrigin(e.MaintainerName), score: score,
		reports: int(firstNumber(e.ExtraInfo.SeenCount)), description: e.MaintainerName,
		claim: adverseOr(claimOf([]string{e.MaintainerName}), netcase.ClaimAbuse),
	}
	if score > 0 {
		c.scoreText = scoreOf(score, 100)
	}
	g := &e.ExtraInfo.GeoLocation
	c.geo = netcase.Geo{Country: countryCode(g.CountryCode), City: clip(g.CityName, maxCategory), ASName: clip(g.AsnName, maxCategory)}
	c.geo.ASN, _ = asn(strings.Trim(string(g.AsnCode), `"`))
	c.first, _ = parseTime(e.FirstSeenDate)
	c.last, _ = parseTime(e.LatestSeenDate)
	s.add(item, c)
}
