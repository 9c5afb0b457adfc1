package intel

import (
	"slices"
	"strings"

	"netcase"
)

// claimWords map a provider's own words to a claim, narrow ones first. A word
// matches at a boundary, see wordIn.
var claimWords = []struct {
	word  string
	claim netcase.ClaimType
}{
	{"command and control", netcase.ClaimC2}, {"command-and-control", netcase.ClaimC2}, {"command_and_control", netcase.ClaimC2},
	{"c2*", netcase.ClaimC2}, {"c&c", netcase.ClaimC2}, {"cnc", netcase.ClaimC2}, {"botnet_cc", netcase.ClaimC2}, {"botnet_cnc", netcase.ClaimC2},
	{"category_botnet_cnc", netcase.ClaimC2}, {"cobalt strike*", netcase.ClaimC2}, {"cobaltstrike*", netcase.ClaimC2},
	{"phish*", netcase.ClaimPhishing}, {"category_phishing", netcase.ClaimPhishing},
	{"tor_exit*", netcase.ClaimTor}, {"tor exit*", netcase.ClaimTor}, {"tor-exit*", netcase.ClaimTor}, {"tor", netcase.ClaimTor}, {"category_tor*", netcase.ClaimTor},
	{"vpn*", netcase.ClaimProxy}, {"proxy", netcase.ClaimProxy}, {"open proxy", netcase.ClaimProxy}, {"anonymi*", netcase.ClaimProxy},
	{"benign scanner", netcase.ClaimScanner}, {"benign-scanner", netcase.ClaimScanner}, {"research scanner", netcase.ClaimScanner},
	{"benign", netcase.ClaimNothing}, {"whitelist*", netcase.ClaimNothing},
	{"cdn", netcase.ClaimEdge}, {"edge", netcase.ClaimEdge},
	{"hosting", netcase.ClaimHosting}, {"datacenter", netcase.ClaimHosting},
	{"resolver", netcase.ClaimResolver}, {"hijacked", netcase.ClaimHijacked}, {"bogon*", netcase.ClaimHijacked},
	{"brute*", netcase.ClaimBruteForce}, {"bruteforce*", netcase.ClaimBruteForce}, {"credential*", netcase.ClaimBruteForce},
	{"password*", netcase.ClaimBruteForce}, {"ssh", netcase.ClaimBruteForce}, {"ftp brute-force", netcase.ClaimBruteForce},
	{"ddos*", netcase.ClaimDDoS}, {"dos", netcase.ClaimDDoS}, {"flood*", netcase.ClaimDDoS}, {"ping of death", netcase.ClaimDDoS},
	{"scan*", netcase.ClaimScan}, {"port scan", netcase.ClaimScan}, {"portscan*", netcase.ClaimScan}, {"recon*", netcase.ClaimScan}, {"probe*", netcase.ClaimScan}, {"probing", netcase.ClaimScan},
	{"spam*", netcase.ClaimSpam}, {"category_spam*", netcase.ClaimSpam},
	{"malware*", netcase.ClaimMalware}, {"category_malware*", netcase.ClaimMalware}, {"ransomware*", netcase.ClaimMalware}, {"trojan*", netcase.ClaimMalware},
	{"botnet*", netcase.ClaimMalware}, {"dropper*", netcase.ClaimMalware}, {"payload*", netcase.ClaimMalware}, {"stealer*", netcase.ClaimMalware}, {"worm*", netcase.ClaimMalware},
	{"compromised", netcase.ClaimAbuse}, {"exploit*", netcase.ClaimAbuse}, {"intrusion*", netcase.ClaimAbuse}, {"hack*", netcase.ClaimAbuse},
	{"abus*", netcase.ClaimAbuse}, {"malicious*", netcase.ClaimAbuse}, {"attack*", netcase.ClaimAbuse}, {"bad reputation", netcase.ClaimAbuse},
	{"suspicious*", netcase.ClaimAbuse}, {"web app attack", netcase.ClaimAbuse}, {"sql injection", netcase.ClaimAbuse}, {"fraud*", netcase.ClaimAbuse},
	{"bad web bot", netcase.ClaimAbuse}, {"iot targeted", netcase.ClaimAbuse}, {"anomalous*", netcase.ClaimAbuse}, {"reputation", netcase.ClaimAbuse},
}

// claimOf is what a provider's categories amount to, and "" where no word is
// known. One kind of claim stands; several kinds of attack are "abuse", whatever
// else is said; else the first one said.
func claimOf(categories []string) netcase.ClaimType {
	var said []netcase.ClaimType
	for _, c := range categories {
		l := strings.ToLower(c)
		for _, w := range claimWords {
			if wordIn(l, w.word) {
				if !slices.Contains(said, w.claim) {
					said = append(said, w.claim)
				}
				break
			}
		}
	}
	if len(said) > 1 {
		said = slices.DeleteFunc(said, func(c netcase.ClaimType) bool { return c == netcase.ClaimAbuse })
	}
	attacks := 0
	for _, c := range said {
		if attack(c) {
			attacks++
		}
	}
	switch {
	case len(said) == 0:
		return ""
	case attacks > 1:
		return netcase.ClaimAbuse
	}
	return said[0]
}

func attack(c netcase.ClaimType) bool {
	switch c {
	case netcase.ClaimScan, netcase.ClaimBruteForce, netcase.ClaimDDoS, netcase.ClaimSpam:
		return true
	}
	return false
}

// Lifetime is how long a claim is believed after it was last seen.
//
// Source: 47 days is OpenCTI's decay rule for addresses, 120 days the lifetime
// of MISP's NIDS model, taken for claims about networks and for VPN services,
// which move slowly; Tor publishes its exits daily, a fortnight allows for lists
// that follow late; knowledge about who runs a range is kept for a year.
func Lifetime(c netcase.ClaimType) netcase.Time {
	switch c {
	case netcase.ClaimTor:
		return 14 * netcase.Day
	case netcase.ClaimHijacked, netcase.ClaimProxy:
		return 120 * netcase.Day
	case netcase.ClaimHosting, netcase.ClaimEdge, netcase.ClaimResolver, netcase.ClaimScanner, netcase.ClaimPlace, netcase.ClaimNothing:
		return 365 * netcase.Day
	}
	return 47 * netcase.Day
}

var (
	mailPorts = []uint16{25, 465, 587, 2525}
	webPorts  = []uint16{80, 443, 8080, 8443}
)

// relevant tells whether a claim bears on traffic of this kind, and why not
// where it does not.
func relevant(in *netcase.Indicator, q *CardQuery) (bool, string) {
	if why := noVerdict(in.Claim); why != "" {
		return in.Claim == netcase.ClaimScanner && q.Direction != netcase.Outbound, why
	}
	if q.Direction == netcase.Outbound {
		return relevantOutbound(in, q)
	}
	switch in.Claim {
	case netcase.ClaimPhishing:
		return false, "says that the address hosts phishing; the traffic came from it"
	case netcase.ClaimC2:
		return false, "says that malware calls this address; the traffic came from it"
	case netcase.ClaimSpam:
		if len(q.Ports) > 0 && !shares(q.Ports, mailPorts) && !shares(q.Ports, webPorts) {
			return false, "says that the address sends spam; neither a mail nor a web port was asked for"
		}
	}
	return true, ""
}

func relevantOutbound(in *netcase.Indicator, q *CardQuery) (bool, string) {
	switch in.Claim {
	case netcase.ClaimScan, netcase.ClaimBruteForce, netcase.ClaimDDoS, netcase.ClaimSpam:
		return false, "says that the address attacks others; here our side called it"
	case netcase.ClaimC2, netcase.ClaimMalware:
		if in.Port != 0 && len(q.Ports) > 0 && !slices.Contains(q.Ports, in.Port) {
			return false, "is for another port than the one that was used"
		}
	}
	return true, ""
}

func noVerdict(c netcase.ClaimType) string {
	switch c {
	case netcase.ClaimTor, netcase.ClaimProxy:
		return "hides where the traffic came from, which is no verdict"
	case netcase.ClaimHosting:
		return "says who runs the range, which is no verdict"
	case netcase.ClaimEdge:
		return "says that many share the address, which is no verdict"
	case netcase.ClaimResolver:
		return "says that the address is a known service, which is no verdict"
	case netcase.ClaimScanner:
		return "says who scans, not that it is bad"
	case netcase.ClaimPlace:
		return "says where the range is, which is no verdict"
	case netcase.ClaimNothing:
		return "the provider knows nothing bad of it, which is no verdict"
	}
	return ""
}

func shares(a, b []uint16) bool {
	return slices.ContainsFunc(a, func(p uint16) bool { return slices.Contains(b, p) })
}
