package intel

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// csvTable reads tables with a header line: the project's own neutral table,
// provider exports, abuse.ch tables with a # before the header, and tables
// without a header whose first column is the address.
func csvTable() Format {
	return Format{
		Name: "csv",
		Doc:  "A table with a header line, whatever the separator, with an address column; unknown columns are left alone.",
		Fuzz: "FuzzCSV",
		Detect: func(h *head) bool {
			if h.json != nil || len(h.lines) == 0 {
				return false
			}
			_, _, ok := tableHeader(h.comments, h.lines[0])
			return ok || headless(h.lines)
		},
		Parse: parseTable,
	}
}

// field is what a column says.
type field int

const (
	fieldNone field = iota
	fieldAddress
	fieldPort
	fieldProvider
	fieldOrigin
	fieldCategory
	fieldTag
	fieldScore
	fieldScoreText
	fieldFirst
	fieldLast
	fieldFrom
	fieldUntil
	fieldLearned
	fieldCountry
	fieldCity
	fieldASN
	fieldASName
	fieldDescription
	fieldReporters
	fieldReports
	fieldReliability
	fieldTLP
	fieldWhitelisted
	fieldRevoked
)

// columns are the names under which providers export a field, in the form that
// fold gives them. Where two columns say the same field the first name wins.
var columns = []struct {
	field field
	names string
}{
	{fieldAddress, "address ip ipaddress ipaddr dstip srcip destip sourceip remoteip attackerip ipv4 ipv6 indicator indicatorvalue networkipv4 networksourceipv4 ioc iocvalue observable observablevalue cidr network netblock prefix subnet ipprefix ipv4prefix ipv6prefix range value feed host url entity artifact"},
	{fieldPort, "port dstport destport"},
	{fieldProvider, "provider vendor"},
	{fieldOrigin, "origin source sourcename feedsource maintainername maintainer feedname"},
	{fieldCategory, "category categories threattype threat claim classification maincategory type threatcategory activity"},
	{fieldTag, "tags tag labels detail malware malwareprintable malwarefamily attack signature"},
	{fieldScore, "score abuseconfidencescore abuseconfidence confidence confidencelevel riskscore threatscore reputationscore count attacks"},
	{fieldScoreText, "scoretext risk risklevel severity level threatlevel"},
	{fieldFirst, "firstseen firstseenutc firstseendate firstreported firstreportedat dateadded added created createdat listed listedat firstobserved"},
	{fieldLast, "lastseen lastseenutc lastseendate latestseendate lastonline lastreported lastreportedat lastreport reportdate updated updatedat modified lastupdated lastobserved date timestamp"},
	{fieldFrom, "validfrom"},
	{fieldUntil, "validuntil expires expiresat expiration expirationdate expiry expirationdatetime"},
	{fieldLearned, "learned retrieved retrievedat published publishedat"},
	{fieldCountry, "country countrycode cc geo geocountry countrycode2 countryname"},
	{fieldCity, "city cityname"},
	{fieldASN, "asn asnumber as asncode autonomoussystem"},
	{fieldASName, "asname asorganization asorg asnname isp organization org asndescription"},
	{fieldDescription, "description comment comments note notes company companyname name reason title info"},
	{fieldReporters, "reporters numdistinctusers distinctusers"},
	{fieldReports, "reports totalreports numreports seencount hits"},
	{fieldReliability, "reliability admiralty"},
	{fieldTLP, "tlp"},
	{fieldWhitelisted, "iswhitelisted whitelisted"},
	{fieldRevoked, "revoked"},
}

// fold makes column names comparable: letters and digits in lower case.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, name)
}

// table is how the columns of one file are read.
type table struct {
	separator byte
	fields    map[field][]int // the columns of a field, best name first
}

// layout assigns the columns of a header. It is false where no column can hold
// an address.
func layout(header []string) (map[field][]int, bool) {
	at := make(map[string]int)
	for i, h := range header {
		if f := fold(h); f != "" {
			if _, seen := at[f]; !seen {
				at[f] = i
			}
		}
	}
	fields := make(map[field][]int)
	for _, c := range columns {
		for n := range strings.FieldsSeq(c.names) {
			if i, ok := at[n]; ok {
				fields[c.field] = append(fields[c.field], i)
			}
		}
	}
	return fields, len(fields[fieldAddress]) > 0
}

// tableHeader is the header of a table: its first line, or the last comment
// before it. commented tells which.
func tableHeader(comments []string, first []byte) (t table, commented, ok bool) {
	if t, ok = headerLine(string(first)); ok {
		return t, false, true
	}
	if len(comments) == 0 {
		return table{}, false, false
	}
	for i := len(comments) - 1; i >= 0 && i >= len(comments)-3; i-- {
		text := strings.TrimLeft(comments[i], "#;/ ")
		t, ok = headerLine(text)
		if ok && t.separator == separatorOf(string(first)) && len(splitRow(text, t.separator)) <= len(splitRow(string(first), t.separator))+2 {
			return t, true, true
		}
	}
	return table{}, false, false
}

func headerLine(line string) (table, bool) {
	sep := separatorOf(line)
	if sep == 0 {
		return table{}, false
	}
	names := splitRow(line, sep)
	for _, n := range names {
		if _, isAddress := parseTarget(n); isAddress || len(n) > 60 {
			return table{}, false
		}
	}
	fields, ok := layout(names)
	return table{separator: sep, fields: fields}, ok && len(names) > 1
}

// separatorOf is the separator that occurs most in the line; 0: none.
func separatorOf(line string) (best byte) {
	most := 0
	for _, c := range []byte(",;\t|") {
		if n := strings.Count(line, string(rune(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// headless tells whether the lines are a table without a header: an address, a
// comma, and something else.
func headless(lines [][]byte) bool {
	n := min(len(lines), 5)
	for _, l := range lines[:n] {
		f := splitRow(string(l), ',')
		if len(f) < 2 {
			return false
		}
		if _, ok := parseTarget(f[0]); !ok {
			return false
		}
	}
	return n > 0
}

func parseTable(s *sink, r io.Reader) error {
	rows := newRowReader(r, s.cfg.MaxLine)
	var t table
	var comments []string
	for {
		row, long, err := rows.next()
		if err != nil {
			return endOfFile(err)
		}
		text := bytes.TrimSpace(row)
		switch {
		case len(text) == 0:
		case long:
			s.refused(rows.first, "", "line too long", string(text[:min(len(text), maxSample)]))
		case isComment(text):
			if t.fields == nil && len(comments) < maxComments {
				comments = append(comments, string(text))
			}
			s.comment(string(text))
		case t.fields == nil:
			t = s.openTable(comments, rows.first, string(text))
		default:
			s.tableRow(rows.first, &t, string(text))
		}
	}
}

// openTable reads the first row that is not a comment.
func (s *sink) openTable(comments []string, n int64, text string) table {
	t, commented, ok := tableHeader(comments, []byte(text))
	if ok && !commented {
		s.skip(0, "header", "")
		if abuseReport(splitRow(text, t.separator)) {
			s.by("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, "C")
		}
		return t
	}
	if !ok {
		t = table{separator: ',', fields: map[field][]int{fieldAddress: {0}, fieldDescription: {1}}}
	}
	s.tableRow(n, &t, text)
	return t
}

// abuseReport tells whether the header is that of AbuseIPDB's bulk reports.
func abuseReport(header []string) bool {
	return slices.EqualFunc(header, []string{"IP", "Categories", "ReportDate", "Comment"},
		func(a, b string) bool { return fold(a) == fold(b) })
}

func (s *sink) tableRow(n int64, t *table, text string) {
	values := splitRow(text, t.separator)
	get := func(f field) string {
		for _, i := range t.fields[f] {
			if i < len(values) && said(values[i]) {
				return strings.TrimSpace(values[i])
			}
		}
		return ""
	}
	s.row(n, get, func(f field) []string {
		var out []string
		for _, i := range t.fields[f] {
			if i < len(values) && said(values[i]) {
				out = append(out, values[i])
			}
		}
		return out
	})
}

// said tells whether a cell holds a value: providers write absence in several
// ways.
func said(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "", "-", "?", "null", "none", "nil", "n/a", "na", "unknown", "nan", "<nil>":
		return false
	}
	return true
}

// row makes a claim of the fields of one record, whatever the format was.
func (s *sink) row(n int64, get func(field) string, all func(field) []string) {
	if yes(get(fieldRevoked)) {
		s.skip(n, "revoked", get(fieldAddress))
		return
	}
	c := claim{
		provider: s.canonicalProvider(get(fieldProvider)), origin: get(fieldOrigin), scoreText: get(fieldScoreText),
		reliability: admiralty(get(fieldReliability)), description: get(fieldDescription), tlp: tlpName(get(fieldTLP)),
		reporters: atoi(get(fieldReporters)), reports: atoi(get(fieldReports)),
	}
	c.address = s.addressOf(all(fieldAddress))
	if p, err := strconv.ParseUint(get(fieldPort), 10, 16); err == nil {
		c.port = uint16(p)
	}
	s.rowWords(&c, get, all)
	s.rowTimes(n, &c, get)
	s.rowGeo(n, &c, get)
	if yes(get(fieldWhitelisted)) {
		s.whitelisted(n, c.address, c.provider, c.origin, "")
	}
	s.add(n, c)
}

// addressOf is the first of the address columns that is one, else the first
// that says anything.
func (s *sink) addressOf(values []string) string {
	for _, v := range values {
		if _, ok := parseTarget(v); ok {
			return v
		}
	}
	if len(values) > 0 {
		return values[0]
	}
	return ""
}

func (s *sink) rowWords(c *claim, get func(field) string, all func(field) []string) {
	var primary []string
	for _, v := range all(fieldCategory) {
		primary = append(primary, splitWords(v)...)
	}
	primary = slices.DeleteFunc(primary, observableType)
	if s.aboutAbuseIPDB(c) {
		primary = abuseCategories(primary)
	}
	var tags []string
	for _, v := range all(fieldTag) {
		tags = append(tags, splitWords(v)...)
	}
	c.categories = append(primary, tags...)
	if c.claim = s.claimOf(primary); c.claim == "" || c.claim == netcase.ClaimAbuse {
		if t := s.claimOf(tags); t != "" && c.claim == "" {
			c.claim = t
		}
	}
	if v := get(fieldScore); v != "" {
		if f, err := strconv.ParseFloat(strings.TrimSuffix(v, "%"), 64); err == nil {
			c.score = f
		}
		if c.scoreText == "" {
			c.scoreText = v
		}
	}
	if c.score == 0 {
		c.score = leadingNumber(c.scoreText)
	}
}

func (s *sink) aboutAbuseIPDB(c *claim) bool {
	s.settle()
	origin := s.canonical(c.origin)
	return origin == "AbuseIPDB" || origin == "" && (c.provider == "AbuseIPDB" || c.provider == "" && s.id.origin == "AbuseIPDB")
}

func (s *sink) rowTimes(n int64, c *claim, get func(field) string) {
	for _, f := range []struct {
		field field
		name  string
		into  *netcase.Time
	}{
		{fieldFirst, "first_seen", &c.first}, {fieldLast, "last_seen", &c.last},
		{fieldFrom, "valid_from", &c.from}, {fieldUntil, "valid_until", &c.until}, {fieldLearned, "learned", &c.learned},
	} {
		v := get(f.field)
		if v == "" {
			continue
		}
		t, ok := parseTime(v)
		if !ok {
			s.doubt(n, f.name, v)
		}
		*f.into = t
	}
}

func (s *sink) rowGeo(n int64, c *claim, get func(field) string) {
	if v := get(fieldCountry); v != "" {
		if c.geo.Country = countryCode(v); c.geo.Country == "" {
			s.doubt(n, "country", v)
		}
	}
	c.geo.City = clip(get(fieldCity), maxCategory)
	c.geo.ASN, c.geo.ASName = asn(get(fieldASN))
	if v := get(fieldASName); v != "" {
		c.geo.ASName = clip(v, maxCategory)
	}
}

// whitelisted notes that a provider holds the address for harmless. It is shown
// first and decides nothing.
func (s *sink) whitelisted(n int64, address, provider, origin, why string) {
	t, ok := parseTarget(address)
	if !ok || len(t.prefixes) != 1 {
		return
	}
	read, usable := s.rep.Read, s.rep.Usable
	s.addTarget(n, t, claim{address: address, provider: provider, origin: origin, claim: netcase.ClaimNothing,
		categories: []string{categoryWhitelist}, description: why})
	if s.rep.Usable > usable && len(s.records) > 0 {
		s.records[len(s.records)-1].more = true // beside the record itself, not a record of its own
	}
	s.rep.Read, s.rep.Usable = read, usable
}

// observableType tells whether a word names the kind of the observable, as the
// column "type" of some exports does.
func observableType(word string) bool {
	switch fold(word) {
	case "ip", "ipv4", "ipv6", "ipaddress", "ipaddr", "ipv4addr", "ipv6addr", "cidr", "ipport", "ipdst", "ipsrc", "ipdstport", "ipsrcport", "url", "domain", "hostname", "indicator":
		return true
	}
	return false
}

// categoryWhitelist marks a provider's own white list.
const categoryWhitelist = "whitelist"

// canonicalProvider is the project's name of a provider. One that gathers the
// lists of others keeps its own.
func (s *sink) canonicalProvider(name string) string {
	name = strings.TrimSpace(name)
	if c := s.canonical(name); c != Aggregate {
		return c
	}
	return name
}

// splitWords splits a cell of several words: "phishing; abuse", "[a|b]", "14,18".
func splitWords(v string) []string {
	v = strings.Trim(strings.TrimSpace(v), "[]{}\"'")
	var out []string
	for w := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ';' || r == ',' || r == '|' }) {
		if w = strings.Trim(w, " \"'[]"); said(w) {
			out = append(out, w)
		}
	}
	return out
}

func yes(v string) bool {
	switch strings.ToLower(v) {
	case "true", "yes", "1", "t", "y":
		return true
	}
	return false
}

func atoi(v string) int {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// leadingNumber is the 43 of "43/100 (Medium)".
func leadingNumber(v string) float64 {
	end := 0
	for end < len(v) && (v[end] >= '0' && v[end] <= '9' || v[end] == '.') {
		end++
	}
	f, err := strconv.ParseFloat(v[:end], 64)
	if err != nil {
		return 0
	}
	return f
}

// admiralty is a reliability letter A to F, or nothing.
func admiralty(v string) string {
	v = strings.ToUpper(strings.TrimSpace(v))
	if len(v) > 0 && v[0] >= 'A' && v[0] <= 'F' && (len(v) == 1 || !wordByte(v[1]) || v[1] >= '1' && v[1] <= '6') {
		return v[:1]
	}
	return ""
}

// tlpName is a traffic light label as TLP 2.0 writes it.
func tlpName(v string) string {
	v = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(v)), "TLP:")
	switch v {
	case "WHITE", "CLEAR":
		return "CLEAR"
	case "GREEN", "AMBER", "RED", "AMBER+STRICT":
		return v
	}
	return ""
}

// asn reads "AS201814 MEVSPACE", "201814" or "AS201814".
func asn(v string) (uint32, string) {
	number, name, _ := strings.Cut(strings.TrimSpace(v), " ")
	if len(number) > 2 && strings.EqualFold(number[:2], "as") {
		number = number[2:]
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, ""
	}
	return uint32(n), clip(name, maxCategory)
}

// splitRow splits one row. Quotes group, doubled quotes inside them are one, and
// a quote that is never closed ends with the row.
func splitRow(row string, separator byte) []string {
	var out []string
	for {
		trimmed := strings.TrimLeft(row, " ")
		if !strings.HasPrefix(trimmed, `"`) {
			cell, rest, found := strings.Cut(row, string(rune(separator)))
			out = append(out, strings.TrimSpace(cell))
			if !found {
				return out
			}
			row = rest
			continue
		}
		cell, rest := unquote(trimmed[1:])
		out = append(out, cell)
		_, after, found := strings.Cut(rest, string(rune(separator)))
		if !found {
			return out
		}
		row = after
	}
}

func unquote(s string) (cell, rest string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			b.WriteString(s)
			return b.String(), ""
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if !strings.HasPrefix(s, `"`) {
			return b.String(), s
		}
		b.WriteByte('"')
		s = s[1:]
	}
}

// rowReader joins the lines of a row whose quotes run over line ends. A quote
// that is not closed within the bounds counts as an ordinary character: one bad
// row must not swallow the rest of the file.
type rowReader struct {
	lines *lineReader
	first int64 // number of the first line of the row given last
	queue []queued
}

type queued struct {
	text []byte
	long bool
	n    int64
}

// maxJoined bounds the lines of one row.
const maxJoined = 64

func newRowReader(r io.Reader, max int) *rowReader { return &rowReader{lines: newLineReader(r, max)} }

func (r *rowReader) line() (queued, error) {
	if len(r.queue) > 0 {
		q := r.queue[0]
		r.queue = r.queue[1:]
		return q, nil
	}
	text, long, err := r.lines.next()
	if err != nil {
		return queued{}, err
	}
	return queued{bytes.Clone(text), long, r.lines.n}, nil
}

func (r *rowReader) next() (row []byte, long bool, err error) {
	q, err := r.line()
	if err != nil {
		return nil, false, err
	}
	r.first = q.n
	if q.long || isComment(bytes.TrimSpace(q.text)) || bytes.Count(q.text, []byte{'"'})%2 == 0 {
		return q.text, q.long, nil
	}
	if joined, ok := r.join(q); ok {
		return joined, false, nil
	}
	return q.text, false, nil
}

// join appends lines until the quotes close. Where they do not, the lines go
// back into the queue.
func (r *rowReader) join(q queued) ([]byte, bool) {
	row := bytes.Clone(q.text)
	var taken []queued
	for len(taken) < maxJoined && len(row) < r.lines.max {
		more, err := r.line()
		if err != nil {
			break
		}
		taken = append(taken, more)
		if more.long {
			break
		}
		row = append(append(row, ' '), more.text...)
		if bytes.Count(row, []byte{'"'})%2 == 0 {
			return row, true
		}
	}
	r.queue = append(taken, r.queue...)
	return nil, false
}
