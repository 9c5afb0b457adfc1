package respond

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

var iocs = Target{
	Name:   "iocs",
	Doc:    "indicators as a table (CSV), one far end or blocked range a line, with what it did here",
	Render: renderCSV,
}

const csvPath = "indicators/iocs.csv"

func csvHeader() []string {
	return []string{"value", "type", "ports", "claim", "activity", "direction", "first_seen", "last_seen", "flows", "reach",
		"origins", "listings", "severity", "confidence", "to_ids", "why_not", "tlp", "expires", "case_id"}
}

func renderCSV(p *Plan) (map[string][]byte, error) {
	var b strings.Builder
	csvRow(&b, csvHeader())
	for i := range p.Observed {
		csvRow(&b, p.csvObserved(&p.Observed[i]))
	}
	for _, r := range p.ranges() {
		csvRow(&b, p.csvRange(r))
	}
	return map[string][]byte{csvPath: []byte(b.String())}, nil
}

func (p *Plan) csvObserved(o *Observed) []string {
	origins, listings := 0, 0
	if o.Card != nil {
		origins, listings = len(o.Card.Origins), o.Card.Adverse
	}
	severity := ""
	if o.Judged {
		severity = o.Severity.String()
	}
	return []string{
		o.Addr.String(), addressType(o.Addr), portList(o.Ports), strings.Join(o.claims(), " "), strings.Join(o.Groups, "; "),
		o.directions(), known(o.First), known(o.Last), strconv.FormatInt(o.Flows, 10), reachList(o.Reach),
		strconv.Itoa(origins), strconv.Itoa(listings), severity, p.Case.Confidence.Level,
		strconv.FormatBool(o.Actionable()), o.whyNot(), "TLP:" + p.TLP, p.expiry(o.Addr).String(), p.Case.ID,
	}
}

// whyNot is why an address is no indicator to alert on elsewhere.
func (o *Observed) whyNot() string {
	switch {
	case o.Actionable():
		return ""
	case o.Refused != "":
		return o.Refused
	case !o.Judged:
		return "listed, but no group of the case holds it"
	}
	return "severity " + o.Severity.String() + ": not above LOW at its lower end"
}

// ranges are the prefixes that the case blocks: a range names neighbours too, so
// it is never an indicator to alert on.
func (p *Plan) ranges() []Rule {
	var out []Rule
	for _, r := range p.Blocks {
		if _, r.Prefixes = split(r.Prefixes); len(r.Prefixes) > 0 {
			for _, n := range r.Prefixes {
				one := r
				one.Prefixes = []netip.Prefix{n}
				out = append(out, one)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return a.Prefixes[0].Compare(b.Prefixes[0]) })
	return out
}

func (p *Plan) csvRange(r Rule) []string {
	n := r.Prefixes[0]
	return []string{
		n.String(), addressType(n.Addr()) + "-range", portList(r.Ports), "", r.Title, r.Direction.String(), "", "", "", "",
		"", "", p.Case.Severity.String(), p.Case.Confidence.Level, "false", "a range names neighbours too",
		"TLP:" + p.TLP, r.Until.String(), p.Case.ID,
	}
}

// expiry is when what is said of an address ends: with the last rule that names
// it, else as an alert would.
func (p *Plan) expiry(a netip.Addr) netcase.Time {
	var last netcase.Time
	for _, list := range [][]Rule{p.Blocks, p.Watches, p.Expired} {
		for _, r := range list {
			if netcase.Within(r.Prefixes, a) {
				last = max(last, r.Until)
			}
		}
	}
	if last == 0 {
		last = p.Issued + netcase.Time(defaultWatch.Milliseconds())
	}
	return last
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

func portList(list []uint16) string {
	return strings.Trim(strings.ReplaceAll(ports(list), ",", " "), "[]")
}

// known is an instant, or nothing where it is not known.
func known(t netcase.Time) string {
	if !t.Known() {
		return ""
	}
	return t.String()
}

// reachList is a tally as "denied=12 bidirectional=1", strongest proof first.
func reachList(t netcase.Tally) string {
	var out []string
	for _, r := range slices.Backward(netcase.Reaches()) {
		if t[r] > 0 {
			out = append(out, fmt.Sprintf("%s=%d", r, t[r]))
		}
	}
	return strings.Join(out, " ")
}

func csvRow(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(csvCell(c))
	}
	b.WriteString("\r\n")
}

// csvCell is one cell after RFC 4180, on one line. A cell that a spreadsheet would
// run as a formula is led by an apostrophe, which it shows as text.
func csvCell(s string) string {
	s = oneLine(s, maxText)
	if s != "" && strings.ContainsRune("=+-@＝＋－＠", firstRune(s)) {
		s = "'" + s
	}
	if !strings.ContainsAny(s, " ,;\"'\t") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}
