package judge

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
	switch {
	case strings.HasSuffix(noun, "s"):
		return noun + "es"
	case strings.HasSuffix(noun, "ly"):
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

// thousands writes a number with commas, the same in every locale.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// shownPorts and shownHosts bound the lists inside a sentence.
const (
	shownPorts = 8
	shownHosts = 4
)

// portsText is a list of ports as it stands in a sentence.
func portsText(ports []uint16, total int) string {
	if len(ports) == 0 && total == 0 {
		return "a login service" // only login logs name no port
	}
	var parts []string
	for _, p := range ports[:min(len(ports), shownPorts)] {
		parts = append(parts, strconv.Itoa(int(p)))
	}
	noun := "ports "
	if max(total, len(ports)) == 1 {
		noun = "port "
	}
	return noun + series(parts, max(total, len(ports)))
}

// series joins words as a sentence does: "a, b and c", "a, b and 3 more".
func series(parts []string, total int) string {
	if total > len(parts) {
		return strings.Join(parts, ", ") + fmt.Sprintf(" and %s more", thousands(int64(total-len(parts))))
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// enumerated is a list of things whose names may hold commas, at most so many of them.
func enumerated(parts []string, shown int) string {
	if len(parts) > shown {
		return strings.Join(parts[:shown], "; ") + fmt.Sprintf("; and %s more", thousands(int64(len(parts)-shown)))
	}
	return strings.Join(parts, "; ")
}

// sentences are whole sentences one after the other, at most so many of them.
func sentences(parts []string, shown int) string {
	if len(parts) > shown {
		return strings.Join(parts[:shown], " ") + fmt.Sprintf(" And %s more.", thousands(int64(len(parts)-shown)))
	}
	return strings.Join(parts, " ")
}

// name is an endpoint with the machine name that the inputs give it.
func (d *draft) name(e netcase.Endpoint) string {
	if n := d.in.Names[e.Addr]; e.Addr.IsValid() && n != "" {
		return e.String() + " (" + n + ")"
	}
	return e.String()
}

func (d *draft) hostsText(hosts []netcase.Endpoint, total int) string {
	var parts []string
	for _, h := range hosts[:min(len(hosts), shownHosts)] {
		parts = append(parts, d.name(h))
	}
	return series(parts, max(total, len(hosts)))
}

// reachText says what became of flows, strongest proof first.
func reachText(t netcase.Tally) string {
	words := map[netcase.Reach]string{
		netcase.ReachUnknown: "not recorded", netcase.ReachAllowed: "allowed (replies not recorded)",
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
