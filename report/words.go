package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/chart"
)

func count(n int64) string { return chart.Count(n) }
func countOf(n int) string { return chart.Count(int64(n)) }
func num(n int64) Cell     { return Cell{Text: count(n), Number: true} }
func plain(s string) Cell  { return Cell{Text: s} }
func quoted(s string) Cell { return Cell{Text: s, Quoted: true} }
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return countOf(n) + " " + many
}

func claim(s netcase.Sentence) Cell {
	return Cell{Text: s.Text, Evidence: s.Evidence, Claim: true}
}

func sentence(evidence []string, format string, args ...any) netcase.Sentence {
	return netcase.Sentence{Text: fmt.Sprintf(format, args...), Evidence: evidence}
}

// stop ends a text with a full stop where it has no end yet.
func stop(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsRune(".!?:…", rune(s[len(s)-1])) || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// upper is s with its first letter in upper case.
func upper(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// reachWord is a reach in words.
func reachWord(r netcase.Reach) string {
	switch r {
	case netcase.ReachAllowed:
		return "allowed, replies not recorded"
	case netcase.ReachNoReply:
		return "no reply"
	case netcase.ReachDenied:
		return "denied"
	case netcase.ReachRefused:
		return "refused by the host"
	case netcase.ReachBidirectional:
		return "both ways"
	case netcase.ReachAuthenticated:
		return "login succeeded"
	}
	return "outcome not recorded"
}

// reachText is a tally in words, strongest proof first.
func reachText(t netcase.Tally) string {
	all := netcase.Reaches()
	slices.Reverse(all)
	var parts []string
	for _, r := range all {
		if t[r] > 0 {
			parts = append(parts, reachWord(r)+" "+count(t[r]))
		}
	}
	if len(parts) == 0 {
		return "no flows"
	}
	return strings.Join(parts, " · ")
}

// portsText is a list of ports, at most n of them.
func portsText(ports []uint16, total, n int) string {
	var parts []string
	for i, p := range ports {
		if i == n {
			break
		}
		parts = append(parts, fmt.Sprint(p))
	}
	return rest(strings.Join(parts, ", "), len(parts), max(total, len(ports)))
}

// portless tells whether a protocol has no ports.
func portless(proto uint8) bool { return proto == netcase.ICMP || proto == netcase.ICMPv6 }

// cellPorts is how many ports a cell of a table names.
const cellPorts = 8

// doorsText is the first ports of one profile; what has no ports is named after
// its protocol.
func doorsText(p *netcase.Profile) string {
	return portsOf(p.PortSet(), p.PortCount, cellPorts, []netcase.Profile{*p})
}

// portsOf is a list of ports of which the profiles know the protocols.
func portsOf(ports []uint16, total, n int, profiles []netcase.Profile) string {
	numbered, icmp := false, 0 // of port 0
	for i := range profiles {
		for _, c := range profiles[i].Ports {
			if c.Port == 0 && portless(c.Proto) {
				icmp++
			} else if c.Port == 0 {
				numbered = true
			}
		}
	}
	if icmp == 0 {
		return portsText(ports, total, n)
	}
	total = max(total, len(ports))
	if !numbered {
		all := len(ports)
		ports = slices.DeleteFunc(slices.Clone(ports), func(p uint16) bool { return p == 0 })
		total -= all - len(ports)
	}
	if len(ports) == 0 {
		return "icmp"
	}
	return portsText(ports, total, n) + ", icmp"
}

// withPorts is a list of ports after its noun: "port 22", "ports 22, 80", "icmp".
func withPorts(list string) string {
	switch {
	case list == "":
		return "no port that is recorded"
	case list == "icmp":
		return list
	case strings.ContainsAny(list, ", "):
		return "ports " + list
	}
	return "port " + list
}

// rest adds how many more there are than shown.
func rest(s string, shown, total int) string {
	if total > shown {
		return strings.TrimLeft(s+fmt.Sprintf(" and %s more", countOf(total-shown)), " ")
	}
	return s
}

// named is an endpoint with the machine name that the inputs give it.
func named(c *netcase.Case, e netcase.Endpoint) string {
	if n := c.Names[e.String()]; e.Addr.IsValid() && n != "" {
		return e.String() + " (" + n + ")"
	}
	return e.String()
}

func hostsText(c *netcase.Case, hosts []netcase.Endpoint, total, n int) string {
	var parts []string
	for i, h := range hosts {
		if i == n {
			break
		}
		parts = append(parts, named(c, h))
	}
	return rest(strings.Join(parts, ", "), len(parts), max(total, len(hosts)))
}

// durationText is a duration in the largest unit that divides it: "4 h", "30 days".
func durationText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return ""
	case d%day == 0:
		return plural(int(d/day), "day", "days")
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// due is an instant so long after the issue of the report.
func due(c *netcase.Case, d time.Duration) string {
	if d <= 0 {
		return ""
	}
	s := "within " + durationText(d)
	if c.IssuedAt.Known() {
		s += " (" + (c.IssuedAt + netcase.Time(d.Milliseconds())).Short() + ")"
	}
	return s
}

// everything is what an empty selection selects.
const everything = "everything that was read"

// selectionText says what a selection selects.
func selectionText(s *netcase.Selection) string {
	var parts []string
	list := func(label string, n int, at func(int) string) {
		const shown = 4
		if n == 0 {
			return
		}
		var some []string
		for i := range min(n, shown) {
			some = append(some, at(i))
		}
		parts = append(parts, label+" "+rest(strings.Join(some, ", "), len(some), n))
	}
	list("peers", len(s.Peers), func(i int) string { return s.Peers[i].String() })
	list("prefixes", len(s.Prefixes), func(i int) string { return s.Prefixes[i].String() })
	list("hosts", len(s.Hosts), func(i int) string { return s.Hosts[i].String() })
	list("ports", len(s.Ports), func(i int) string { return fmt.Sprint(s.Ports[i]) })
	if s.Direction != netcase.DirectionUnknown {
		parts = append(parts, s.Direction.String())
	}
	list("reach", len(s.Reaches), func(i int) string { return s.Reaches[i].String() })
	list("sensors", len(s.Sensors), func(i int) string { return s.Sensors[i] })
	if s.Span.Start.Known() || s.Span.End.Known() {
		parts = append(parts, s.Span.String())
	}
	if len(parts) == 0 {
		return everything
	}
	return strings.Join(parts, "; ")
}

// spanText is a span, or that it is not known.
func spanText(s netcase.Span) string {
	if !s.Start.Known() && !s.End.Known() {
		return "not known"
	}
	return s.String()
}

func day(t netcase.Time) string {
	if !t.Known() {
		return "not known"
	}
	return t.Std().Format("2006-01-02")
}

// table is a table of at most n rows.
func table(caption string, head []string, rows [][]Cell, n int) Table {
	t := Table{Caption: caption, Head: head, Rows: rows}
	if n > 0 && len(rows) > n {
		t.Rows, t.More, t.Where = rows[:n], len(rows)-n, inCase
	}
	return t
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// findingIDs are the ids of the evidence of a finding.
func findingIDs(f *netcase.Finding) (out []string) {
	for i := range f.Evidence {
		out = append(out, f.Evidence[i].ID)
	}
	return out
}

// sightings maps an address to its sighting and the evidence of its finding.
type sighting struct {
	profile  netcase.Profile
	outcome  netcase.Outcome
	evidence []string
}

func sightingsOf(c *netcase.Case) map[netip.Addr]sighting {
	out := map[netip.Addr]sighting{}
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Sighting == nil {
			continue
		}
		for _, s := range f.Sighting.Sightings {
			if _, ok := out[s.Card.Address]; !ok {
				out[s.Card.Address] = sighting{s.Profile, s.Outcome, findingIDs(f)}
			}
		}
	}
	return out
}
