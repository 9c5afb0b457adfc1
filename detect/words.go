package detect

import (
	"fmt"
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

// portList is the first ports of a list, in words.
func portList(ports []uint16, total int) string {
	const shown = 8
	var parts []string
	for i, p := range ports {
		if i == shown {
			break
		}
		parts = append(parts, strconv.Itoa(int(p)))
	}
	text := strings.Join(parts, ", ")
	if total > len(parts) {
		text += fmt.Sprintf(" and %s more", thousands(int64(total-len(parts))))
	}
	if total == 1 {
		return "port " + text
	}
	return "ports " + text
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
