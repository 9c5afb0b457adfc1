package simulate

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// claim is one line of an intelligence file in the project's neutral form.
type claim struct {
	what        string // address or prefix
	provider    string
	origin      string
	category    string
	score       int
	scoreText   string
	first, last netcase.Time
	until       netcase.Time
	geo         geo
	description string
}

var claimHeader = []string{
	"address", "provider", "origin", "category", "score", "score_text", "first_seen", "last_seen", "valid_until",
	"country", "city", "asn", "as_name", "description",
}

func (c claim) fields() []string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return count(int64(n))
	}
	return []string{
		c.what, c.provider, c.origin, c.category, number(c.score), c.scoreText, day(c.first), day(c.last), day(c.until),
		c.geo.country, c.geo.city, number(c.geo.asn), c.geo.name, c.description,
	}
}

// day is the date of an instant, empty where it is not known.
func day(at netcase.Time) string {
	if !at.Known() {
		return ""
	}
	return at.Std().Format("2006-01-02")
}

// writeClaims is a file of claims.
func writeClaims(claims []claim) []byte {
	var b strings.Builder
	out := csv.NewWriter(&b)
	write := func(fields []string) {
		if err := out.Write(fields); err != nil {
			panic(err) // a strings.Builder takes everything
		}
	}
	write(claimHeader)
	for _, c := range claims {
		write(c.fields())
	}
	out.Flush()
	return []byte(b.String())
}

// list is one intelligence file: what it says, and days from the day of the
// incident to the day on which it was learned.
type list struct {
	stem    string
	learned int
	claims  []claim
}

// intelligence is every intelligence file. Some were there before the traffic,
// some came after it; the date stands in the name, in one case inside.
func (w *world) intelligence() Files {
	out := Files{}
	for _, l := range w.lists() {
		out[fmt.Sprintf("intel/%s-%s.csv", l.stem, day(w.dayOf(l.learned)))] = writeClaims(l.claims)
	}
	out["intel/mass-scanners.netset"] = w.netset()
	return out
}

// dayOf is the day some days from the day of the incident.
func (w *world) dayOf(n int) netcase.Time { return w.day + netcase.Time(n)*netcase.Day }

// Days from the incident on which lists were learned, and on which the three
// addresses were first and last listed by those who collect reports of abuse.
const (
	hostingLearned  = -20
	scannersLearned = -19
	netsetLearned   = -2
	abuseBefore     = -1
	abuseAfter      = 2
	pulseLearned    = 3
	portalLearned   = 4
	socradarLearned = 6
	listedFirst     = -5
	listedLast      = 1
	validDays       = 30
)

func (w *world) lists() []list {
	return []list{
		{"hosting-ranges", hostingLearned, []claim{w.hostingClaim()}},
		{"benign-scanners", scannersLearned, []claim{w.researchClaim()}},
		{"abuseipdb", abuseBefore, w.abuseClaims(abuseBefore)},
		{"abuseipdb", abuseAfter, w.abuseClaims(listedLast)},
		{"otx", pulseLearned, w.pulseClaims()},
		{"kaspersky", portalLearned, w.portalClaims()},
		{"socradar", socradarLearned, w.aggregatorClaims()},
	}
}

// hostingClaim is knowledge, not accusation: the second address lies in the range
// of a hosting provider.
func (w *world) hostingClaim() claim {
	s := w.suspects[1]
	p := netip.PrefixFrom(s.addr, 16).Masked()
	return claim{
		what: p.String(), provider: "Hosting ranges", origin: "Hosting ranges", category: "hosting",
		first: w.dayOf(hostingLearned), geo: geo{asn: s.routed.asn, name: s.routed.name}, description: "virtual servers for rent",
	}
}

// researchClaim names the research scanner of the background.
func (w *world) researchClaim() claim {
	p := netip.PrefixFrom(w.background[0].addr, 28).Masked()
	return claim{
		what: p.String(), provider: "Benign scanners", origin: "Northlight Survey", category: "benign-scanner",
		first: w.dayOf(scannersLearned), description: "research survey, announces itself",
	}
}

// abuseClaims are what a community of reporters says, up to a day.
func (w *world) abuseClaims(last int) []claim {
	var out []claim
	for _, s := range w.suspects {
		confidence := s.score + 2*(last-abuseBefore) // grows with the reports
		out = append(out, claim{
			what: s.addr.String(), provider: "AbuseIPDB", origin: "AbuseIPDB", category: "Port Scan; Brute-Force",
			score: confidence, scoreText: fmt.Sprintf("%d%% confidence of abuse", confidence),
			first: w.dayOf(listedFirst), last: w.dayOf(last), until: w.dayOf(last + validDays),
			geo: s.routed, description: s.description,
		})
	}
	return out
}

// pulseClaims are the bulk list in which one of the addresses stands.
func (w *world) pulseClaims() []claim {
	var out []claim
	for _, s := range w.suspects {
		if s.pulsed {
			out = append(out, claim{
				what: s.addr.String(), provider: "AlienVault OTX", origin: "IPQS", category: "IPQS Abusive IP List",
				first: w.dayOf(listedFirst + 1), last: w.dayOf(listedLast), until: w.dayOf(listedLast + validDays),
				description: "pulse: IPQS Abusive IP List",
			})
		}
	}
	return out
}

// portalClaims are a vendor's portal that repeats AbuseIPDB and adds a category
// which does not bear on scanning.
func (w *world) portalClaims() []claim {
	var out []claim
	for _, s := range w.suspects {
		if s.phishing {
			out = append(out, claim{
				what: s.addr.String(), provider: "Kaspersky", origin: "AbuseIPDB", category: "phishing",
				first: w.dayOf(listedFirst), last: w.dayOf(listedLast), until: w.dayOf(listedLast + validDays),
				description: "phishing infrastructure; references AbuseIPDB",
			})
		}
	}
	return out
}

// aggregatorClaims are the report's own table: an aggregator that took over what
// AbuseIPDB says, with a score of its own and another idea of the place.
func (w *world) aggregatorClaims() []claim {
	var out []claim
	for _, s := range w.suspects {
		out = append(out, claim{
			what: s.addr.String(), provider: "SOCRadar", origin: "AbuseIPDB", category: s.category,
			score: s.score, scoreText: fmt.Sprintf("%d/100 (Medium)", s.score),
			first: w.dayOf(listedFirst), last: w.dayOf(listedLast), until: w.dayOf(listedLast + validDays),
			geo: s.claimed, description: s.tags,
		})
	}
	return out
}

// Of the netset: how many sources of the spike it holds, and how many addresses
// that are never met.
const (
	listedShare  = .85
	neverMet     = 240
	neverMetNets = 12
)

// netset is a plain list of mass scanners as firewalls load it.
func (w *world) netset() []byte {
	d := newDraw(w.seed, partIntel)
	var addrs []netip.Addr
	for _, s := range w.sources {
		if d.chance(listedShare) {
			addrs = append(addrs, s.addr)
		}
	}
	for range neverMet {
		if a := d.within(d.net24(scannerOctets)); w.places[a] == (place{}) {
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	var b strings.Builder
	fmt.Fprintf(&b, "#\n# mass_scanners\n#\n# ipv4 hash:net netset\n#\n# Category        : reputation\n# Last updated    : %sT06:15:00Z\n#\n", day(w.dayOf(netsetLearned)))
	for range neverMetNets {
		p := d.net24(scannerOctets)
		if !w.meets(p) {
			fmt.Fprintf(&b, "%s\n", p)
		}
	}
	for _, a := range addrs {
		fmt.Fprintf(&b, "%s\n", a)
	}
	return []byte(b.String())
}

// meets tells whether an outside address of the traffic lies in a prefix.
func (w *world) meets(p netip.Prefix) bool {
	for a := range w.places {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// listedSources are the sources of the spike that stand in the netset.
func (w *world) listedSources() (out []netip.Addr) {
	lines := strings.Split(string(w.netset()), "\n")
	for _, s := range w.sources {
		if slices.Contains(lines, s.addr.String()) {
			out = append(out, s.addr)
		}
	}
	return out
}
