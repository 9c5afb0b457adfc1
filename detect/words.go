package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// count is a number with its noun: "1 source", "1,284 sources".
func count[T int | int64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + plural(noun)
}

func plural(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}

// thousands writes a number with commas, the same in every locale.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// portless tells whether a protocol has no ports.
func portless(proto uint8) bool { return proto == netcase.ICMP || proto == netcase.ICMPv6 }

// sortedDoors lists a set of ports by number and protocol.
func sortedDoors(set map[portKey]bool) []portKey {
	out := make([]portKey, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b portKey) int { return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.proto, b.proto)) })
	return out
}

// doorNames is the ports as words, each once; what has no ports is named after its
// protocol and comes last.
func doorNames(doors []portKey) (ports, others []string) {
	for _, k := range doors {
		if portless(k.proto) {
			if !slices.Contains(others, "icmp") {
				others = append(others, "icmp")
			}
			continue
		}
		if name := strconv.Itoa(int(k.port)); !slices.Contains(ports, name) {
			ports = append(ports, name)
		}
	}
	return ports, others
}

// portList is the first ports of a list, in words; total is how many ports with
// their protocols there are beside those that are listed, and those.
func portList(doors []portKey, total int) string {
	const shown = 8
	ports, others := doorNames(doors)
	more := max(total-len(doors), 0) + max(len(ports)-shown, 0)
	text := strings.Join(ports[:min(len(ports), shown)], ", ")
	switch {
	case len(ports) == 0:
		return strings.Join(others, ", ")
	case len(ports) == 1 && more == 0:
		text = "port " + text
	default:
		text = "ports " + text
	}
	if more > 0 {
		text += fmt.Sprintf(" and %s more", thousands(int64(more)))
	}
	if len(others) > 0 {
		text += ", and icmp"
	}
	return text
}

// doorCount is how many ports there are, in words.
func doorCount(set map[portKey]bool) string {
	ports, others := doorNames(sortedDoors(set))
	if len(ports) == 0 {
		return strings.Join(others, ", ")
	}
	return strings.Join(append([]string{count(len(ports), "port")}, others...), " and ")
}

// upperFirst is a text with its first letter in upper case.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// reachText says what became of flows, strongest proof first.
func reachText(t netcase.Tally) string {
	words := map[netcase.Reach]string{
		netcase.ReachUnknown: "outcome not recorded", netcase.ReachAllowed: "allowed (replies not recorded)",
		netcase.ReachNoReply: "no reply", netcase.ReachDenied: "denied", netcase.ReachRefused: "refused by the host",
		netcase.ReachBidirectional: "two-way", netcase.ReachAuthenticated: "authenticated",
	}
	var parts []string
	all := netcase.Reaches()
	for i := len(all) - 1; i >= 0; i-- {
		if n := t[all[i]]; n > 0 {
			parts = append(parts, thousands(n)+" "+words[all[i]])
		}
	}
	if len(parts) == 0 {
		return "no flows"
	}
	return strings.Join(parts, ", ")
}
