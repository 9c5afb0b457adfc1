package intel

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"netcase"
)

// Bounds on what a record may say: an attacker may have written it.
const (
	maxText       = 300 // bytes of a description or a name
	maxCategories = 16
	maxCategory   = 80  // bytes
	maxSample     = 200 // bytes
	maxTargets    = 256 // addresses of one record
)

// claim is what a format read in one record: an indicator whose empty fields
// take the values of the list.
type claim struct {
	address     string // as written; see parseTarget
	port        uint16
	provider    string
	origin      string
	claim       netcase.ClaimType
	categories  []string
	score       float64
	scoreText   string
	reporters   int
	reports     int
	reliability string
	description string
	tlp         string
	geo         netcase.Geo
	first, last netcase.Time
	from, until netcase.Time
	learned     netcase.Time
}

// sink takes the claims of one input, guards the set against what no feed may
// say, and counts what becomes of every record:
// read = usable + skipped + refused + duplicate.
type sink struct {
	cfg       *Config
	file      File
	rep       netcase.FeedReport
	comments  []string
	id        identity
	settled   bool
	inside    netcase.Time // the date of the list as it says itself
	records   []record
	words     []words
	times     []times
	lastWords uint32 // of the record before
	wordAt    map[words]uint32
	timeAt    map[times]uint32
	strs      map[string]string
	makerOf   map[string]string            // cache of canonical
	claimFor  map[string]netcase.ClaimType // cache of claimOf
	rated     map[string]string            // reliability of the makers
	full      bool
	atlas     *atlas // of places; nil: the input is a list
	named     string // the address that the answers are about, where it stands in the name alone
}

func newSink(cfg *Config, f File) *sink {
	return &sink{
		cfg: cfg, file: f, rep: netcase.FeedReport{Name: f.Name},
		wordAt: make(map[words]uint32), timeAt: make(map[times]uint32), strs: make(map[string]string),
		makerOf: make(map[string]string), claimFor: make(map[string]netcase.ClaimType), rated: ratings(),
	}
}

// maxCached bounds the caches of one input.
const maxCached = 10_000

// canonical is the function of that name, remembered: a table names few makers,
// many times.
func (s *sink) canonical(name string) string {
	if name == "" {
		return ""
	}
	if c, ok := s.makerOf[name]; ok {
		return c
	}
	c := canonical(name)
	if len(s.makerOf) < maxCached {
		s.makerOf[strings.Clone(name)] = strings.Clone(c)
	}
	return c
}

// claimOf is the function of that name, remembered.
func (s *sink) claimOf(categories []string) netcase.ClaimType {
	key := strings.Join(categories, categorySeparator)
	if c, ok := s.claimFor[key]; ok {
		return c
	}
	c := claimOf(categories)
	if len(s.claimFor) < maxCached {
		s.claimFor[key] = c
	}
	return c
}

// maxComments bounds the header comments that are looked at.
const maxComments = 100

// comment takes a comment line. Those before the first claim tell who made the
// list and when.
func (s *sink) comment(line string) {
	s.skip(0, "comment", "")
	if s.settled || len(s.comments) >= maxComments {
		return
	}
	line = strings.TrimSpace(strings.TrimLeft(line, "#;/* \t"))
	s.comments = append(s.comments, line)
	if t, ok := dateInComment(line); ok {
		s.dated(t)
	}
}

// dated takes a date that the list gives for itself; of several the latest
// counts, since the list cannot be older than its newest part.
func (s *sink) dated(t netcase.Time) {
	if t > s.inside {
		s.inside = t
	}
}

// settle decides who made the list, once its header is over.
func (s *sink) settle() {
	if !s.settled {
		s.settled = true
		s.id = identify(s.file.Name, s.comments)
	}
}

// by tells who made the list, where the format itself proves it. What the path
// says of who hands it on stays.
func (s *sink) by(provider, origin string, c netcase.ClaimType, reliability string) {
	s.settle()
	if !s.id.known {
		s.id = identity{provider: provider, country: s.id.country, known: true}
	}
	s.id.origin, s.id.claim, s.id.reliability, s.id.service = origin, c, reliability, ""
}

// skip counts a record that claims nothing about an address.
func (s *sink) skip(line int64, reason, sample string) {
	s.rep.Read++
	s.rep.Skipped++
	s.reason(line, "", reason, sample)
}

func (s *sink) refused(line int64, field, reason, sample string) {
	s.rep.Read++
	s.rep.Refused++
	s.reason(line, field, reason, sample)
}

func (s *sink) reason(line int64, field, reason, sample string) {
	if s.rep.Reasons == nil {
		s.rep.Reasons = make(map[string]int64)
	}
	s.rep.Reasons[reason]++
	if line > 0 && len(s.rep.Samples) < s.cfg.Samples {
		s.rep.Samples = append(s.rep.Samples, netcase.RowError{Line: line, Field: field, Reason: reason, Sample: printable(sample)})
	}
}

// doubt notes a field that could not be read in a record that is used all the
// same.
func (s *sink) doubt(line int64, field, value string) {
	s.reason(line, field, "read with a doubt: "+field, value)
}

// add takes one record.
func (s *sink) add(line int64, c claim) {
	t, ok := parseTarget(c.address)
	if !ok {
		s.skip(line, "not an address", c.address)
		return
	}
	s.addTarget(line, t, c)
}

func (s *sink) addTarget(line int64, t target, c claim) {
	s.settle()
	if s.full {
		s.refused(line, "", "more indicators than the set may hold", c.address)
		return
	}
	if c.port == 0 {
		c.port = t.port
	}
	s.dated(c.learned)
	w := s.wordsOf(&c)
	refusal, kept := "", 0
	for _, p := range t.prefixes {
		if why := s.cfg.refuse(p, w.claim); why != "" {
			refusal = why
			continue
		}
		k := keyOf(p)
		s.records = append(s.records, record{
			hi: k.hi, lo: k.lo, bits: k.bits, port: c.port, more: kept > 0, line: uint32(min(line, math.MaxUint32)),
			words: s.internWords(w), times: s.internTimes(times{c.first, c.last, c.from, c.until, c.learned}),
		})
		kept++
	}
	s.full = len(s.records) >= s.cfg.MaxIndicators
	if kept == 0 {
		s.refused(line, "address", refusal, c.address)
		return
	}
	s.rep.Read++
	s.rep.Usable++
	if refusal != "" {
		s.doubt(line, "address", c.address)
	}
}

// wordsOf fills what the record leaves open from the list.
func (s *sink) wordsOf(c *claim) words {
	w := words{
		provider: clip(c.provider, maxText), origin: s.canonical(clip(c.origin, maxText)),
		claim: c.claim, categories: joinCategories(c.categories),
		score: c.score, scoreText: clip(c.scoreText, maxText),
		reporters: clampInt32(c.reporters), reports: clampInt32(c.reports),
		reliability: c.reliability, description: clip(c.description, maxText), tlp: clip(c.tlp, maxCategory), geo: c.geo,
	}
	if w.provider == "" {
		w.provider = s.id.provider
		if w.origin == "" {
			w.origin = s.id.origin
		}
	}
	if w.origin == "" {
		w.origin = s.canonical(w.provider)
	}
	if w.origin == s.canonical(w.provider) {
		if from := s.cfg.Origins.Cited(w.provider, s.file.Name); from != "" {
			w.origin = s.canonical(from)
		}
	}
	if w.claim == "" {
		w.claim = s.id.claim
		if w.claim == netcase.ClaimMalware && c.port != 0 && !strings.Contains(c.address, "://") {
			w.claim = netcase.ClaimC2 // a malware list that names a port names a server
		}
	}
	if w.reliability == "" && w.origin == s.id.origin {
		w.reliability = s.id.reliability
	}
	if w.reliability == "" {
		w.reliability = s.rated[w.origin]
	}
	if s.id.score > 0 && w.score == 0 && w.scoreText == "" && w.origin == s.id.origin {
		w.score, w.scoreText = s.id.score, confidenceText(s.id.score)
	}
	if w.geo == (netcase.Geo{}) {
		w.geo.Country = s.id.country
	}
	if w.tlp == "" {
		w.tlp = clip(s.file.TLP, maxCategory)
	}
	if w.description == "" && s.id.service != "" {
		w.description = s.id.service
	}
	if math.IsNaN(w.score) || math.IsInf(w.score, 0) {
		w.score = 0
	}
	return w
}

func (s *sink) internWords(w words) uint32 {
	if n := uint32(len(s.words)); s.lastWords < n && s.words[s.lastWords] == w {
		return s.lastWords // most lists say one thing of all their addresses
	}
	if i, ok := s.wordAt[w]; ok {
		s.lastWords = i
		return i
	}
	for _, f := range []*string{&w.provider, &w.origin, &w.categories, &w.scoreText, &w.reliability, &w.description, &w.tlp, &w.geo.Country, &w.geo.City, &w.geo.ASName} {
		*f = s.str(*f)
	}
	w.claim = netcase.ClaimType(s.str(string(w.claim)))
	i := uint32(len(s.words))
	s.words = append(s.words, w)
	s.wordAt[w] = i
	return i
}

// str is one copy of a text, apart from the buffer it was read in.
func (s *sink) str(t string) string {
	if t == "" {
		return ""
	}
	if have, ok := s.strs[t]; ok {
		return have
	}
	t = strings.Clone(t)
	s.strs[t] = t
	return t
}

func (s *sink) internTimes(t times) uint32 {
	if i, ok := s.timeAt[t]; ok {
		return i
	}
	i := uint32(len(s.times))
	s.times = append(s.times, t)
	s.timeAt[t] = i
	return i
}

// rename puts the names of makers in the place of the references that records
// gave, for formats that name them later in the file.
func (s *sink) rename(names map[string]string) {
	for i := range s.words {
		w := &s.words[i]
		if n, ok := names[w.provider]; ok {
			w.provider = n
		}
		if n, ok := names[w.origin]; ok {
			w.origin = canonical(n)
		}
	}
}

func joinCategories(cs []string) string {
	var b strings.Builder
	n := 0
	for _, c := range cs {
		c = strings.TrimSpace(strings.ReplaceAll(clip(c, maxCategory), categorySeparator, " "))
		if c == "" || n >= maxCategories {
			continue
		}
		if n > 0 {
			b.WriteString(categorySeparator)
		}
		b.WriteString(c)
		n++
	}
	return b.String()
}

func clampInt32(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

// clip is the text in valid UTF-8 without blanks around it, cut to n bytes at a
// character.
func clip(t string, n int) string {
	if t == "" {
		return ""
	}
	t = strings.TrimSpace(strings.ToValidUTF8(t, "\uFFFD"))
	if len(t) <= n {
		return t
	}
	for n > 0 && !utf8.RuneStart(t[n]) {
		n--
	}
	return t[:n]
}

func printable(t string) string {
	t = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '.'
		}
		return r
	}, clip(t, maxSample))
	return t
}

// decode reads one JSON value into v, and counts the record as refused where it
// does not fit.
func (s *sink) decode(item int64, raw json.RawMessage, v any) bool {
	if err := json.Unmarshal(raw, v); err != nil {
		s.refused(item, "", "not of the expected shape", string(raw[:min(len(raw), maxSample)]))
		return false
	}
	return true
}
