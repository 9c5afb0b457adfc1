package intel

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"netcase"
)

// abuseIPDBBlacklist reads the answer of GET /blacklist.
func abuseIPDBBlacklist() Format {
	return Format{
		Name:   "abuseipdb-blacklist",
		Doc:    "AbuseIPDB blacklist: meta.generatedAt and an array of addresses with their confidence and last report.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("data[].ipAddress", "data[].abuseConfidenceScore") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, "C")
			return elements(r, s.cfg.MaxDocument, "data", s.abuseEntry, func(_ int64, rest map[string]json.RawMessage, _ bool) {
				var meta struct{ GeneratedAt string }
				if json.Unmarshal(rest["meta"], &meta) == nil {
					if t, ok := parseTime(meta.GeneratedAt); ok {
						s.dated(t)
					}
				}
			})
		},
	}
}

func (s *sink) abuseEntry(item int64, raw json.RawMessage) {
	var e struct {
		IPAddress            string
		CountryCode          string
		AbuseConfidenceScore float64
		LastReportedAt       string
	}
	if !s.decode(item, raw, &e) {
		return
	}
	c := claim{address: e.IPAddress, score: e.AbuseConfidenceScore, scoreText: confidenceText(e.AbuseConfidenceScore)}
	c.last, _ = parseTime(e.LastReportedAt)
	c.geo.Country = countryCode(e.CountryCode)
	s.add(item, c)
}

func confidenceText(score float64) string {
	return "confidence " + strconv.FormatFloat(score, 'f', -1, 64) + " %"
}

// abuseIPDBCheck reads the answers of GET /check and GET /check-block.
func abuseIPDBCheck() Format {
	return Format{
		Name: "abuseipdb-check",
		Doc:  "AbuseIPDB check of one address, with or without its reports, or of a network (check-block).",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("data.ipAddress", "data.abuseConfidenceScore") || h.has("data.networkAddress", "data.reportedAddress")
		},
		Parse: func(s *sink, r io.Reader) error {
			s.by("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, "C")
			return documents(r, s.cfg.MaxDocument, s.abuseCheck)
		},
	}
}

type abuseData struct {
	IPAddress            string
	IsWhitelisted        *bool
	AbuseConfidenceScore float64
	CountryCode          string
	UsageType            string
	ISP                  string
	IsTor                bool
	TotalReports         int
	NumDistinctUsers     int
	LastReportedAt       string
	Reports              []abuseReportData
	NetworkAddress       string
	ReportedAddress      []struct {
		IPAddress            string
		NumReports           int
		MostRecentReport     string
		AbuseConfidenceScore float64
		CountryCode          string
	}
}

func (s *sink) abuseCheck(item int64, raw json.RawMessage) {
	var doc struct{ Data abuseData }
	if !s.decode(item, raw, &doc) {
		return
	}
	d := &doc.Data
	for _, a := range d.ReportedAddress {
		c := claim{address: a.IPAddress, score: a.AbuseConfidenceScore, scoreText: confidenceText(a.AbuseConfidenceScore), reports: a.NumReports}
		c.last, _ = parseTime(a.MostRecentReport)
		c.geo.Country = countryCode(a.CountryCode)
		if a.AbuseConfidenceScore <= 0 { // accuses nobody, as in the answer for one address
			c.claim, c.categories = netcase.ClaimNothing, []string{categoryClean}
		}
		s.add(item, c)
	}
	if d.IPAddress == "" {
		if len(d.ReportedAddress) == 0 {
			s.skip(item, "no address of the network was reported", d.NetworkAddress)
		}
		return
	}
	c := s.abuseClaim(d)
	if d.IsWhitelisted != nil && *d.IsWhitelisted {
		s.whitelisted(item, d.IPAddress, "AbuseIPDB", "AbuseIPDB", "on the white list of AbuseIPDB, which by its own word is no basis for action")
	}
	s.add(item, c)
}

func (s *sink) abuseClaim(d *abuseData) claim {
	c := claim{
		address: d.IPAddress, score: d.AbuseConfidenceScore, scoreText: confidenceText(d.AbuseConfidenceScore),
		reporters: d.NumDistinctUsers, reports: d.TotalReports, description: d.UsageType,
		geo: netcase.Geo{Country: countryCode(d.CountryCode), ASName: clip(d.ISP, maxCategory)},
	}
	c.last, _ = parseTime(d.LastReportedAt)
	c.reported(d.Reports)
	if c.claim = abuseClaimType(c.categories, d); c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryClean)
	}
	return c
}

type abuseReportData struct {
	ReportedAt string
	Categories []int
	ReporterID int64
}

// reported adds when the reports begin, and their categories by number.
func (c *claim) reported(reports []abuseReportData) {
	seen := make(map[int]bool)
	for _, r := range reports {
		if t, ok := parseTime(r.ReportedAt); ok && (!c.first.Known() || t < c.first) {
			c.first = t
		}
		for _, n := range r.Categories {
			seen[n] = true
		}
	}
	numbers := make([]int, 0, len(seen))
	for n := range seen {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		c.categories = append(c.categories, abuseCategory(n))
	}
}

// abuseIPDBReports reads the answer of GET /reports, one page or several, which does not
// repeat the address: it stands in the name of the file.
func abuseIPDBReports() Format {
	return Format{
		Name:   "abuseipdb-reports",
		Doc:    "AbuseIPDB reports of one address, in pages: when, by whom and under which categories, saved under its name.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("data.total", "data.perPage", "data.results") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, "C")
			var all abusePages
			err := documents(r, s.cfg.MaxDocument, func(item int64, raw json.RawMessage) { all.add(s, item, raw) })
			all.end(s)
			return err
		},
	}
}

// abusePages is the pages of reports on one address: together one claim.
type abusePages struct {
	pages   int64
	total   int
	reports []abuseReportData
}

func (a *abusePages) add(s *sink, item int64, raw json.RawMessage) {
	var d struct {
		Data struct {
			Total   int
			Results []abuseReportData
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	a.pages++
	a.total = max(a.total, d.Data.Total)
	a.reports = append(a.reports, d.Data.Results...)
}

func (a *abusePages) end(s *sink) {
	if a.pages == 0 {
		return
	}
	c := claim{address: s.addressInName(), reports: a.total}
	c.reported(a.reports)
	reporters := make(map[int64]bool)
	for _, r := range a.reports {
		if t, ok := parseTime(r.ReportedAt); ok {
			c.last = max(c.last, t)
		}
		reporters[r.ReporterID] = true
	}
	c.reporters = len(reporters)
	c.claim = adverseOr(claimOf(c.categories), netcase.ClaimAbuse)
	if c.claim == netcase.ClaimC2 {
		c.claim = netcase.ClaimAbuse // reports of abuse support no more
	}
	if len(a.reports) == 0 {
		c.claim, c.categories = netcase.ClaimNothing, []string{categoryClean}
	}
	s.add(1, c)
}

// abuseClaimType is what the reports amount to. AbuseIPDB supports "reported for
// abuse", never a control server. A confidence of zero accuses nobody: it is
// kept as knowledge, so that "asked and clean" is shown.
func abuseClaimType(categories []string, d *abuseData) netcase.ClaimType {
	if d.AbuseConfidenceScore <= 0 {
		if d.IsTor {
			return netcase.ClaimTor
		}
		return netcase.ClaimNothing
	}
	switch c := claimOf(categories); c {
	case "", netcase.ClaimC2:
		return netcase.ClaimAbuse
	default:
		if !c.Adverse() {
			return netcase.ClaimAbuse
		}
		return c
	}
}

// abuseCategory is the name of a report category.
//
// Source: abuseipdb.com/categories.
func abuseCategory(n int) string {
	names := []string{"", "DNS Compromise", "DNS Poisoning", "Fraud Orders", "DDoS Attack", "FTP Brute-Force", "Ping of Death",
		"Phishing", "Fraud VoIP", "Open Proxy", "Web Spam", "Email Spam", "Blog Spam", "VPN IP", "Port Scan", "Hacking",
		"SQL Injection", "Spoofing", "Brute-Force", "Bad Web Bot", "Exploited Host", "Web App Attack", "SSH", "IoT Targeted"}
	if n > 0 && n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("category %d", n)
}

// abuseCategories turns the numbers that AbuseIPDB's tables hold into names.
func abuseCategories(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if n, err := strconv.Atoi(w); err == nil {
			out[i] = abuseCategory(n)
		}
	}
	return out
}
