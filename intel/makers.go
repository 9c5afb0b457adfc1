package intel

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"netcase"
)

// Aggregate is the origin of a claim from a list that gathers public lists and
// does not say which of them made it.
const Aggregate = "aggregate of public lists"

// maker is who makes a list, as told by words in a file's name, in its header
// comments or in a record.
type maker struct {
	words       []string // lower case; a word matches whole, "x*" matches as a start
	provider    string
	origin      string // empty: the provider
	claim       netcase.ClaimType
	reliability string // Admiralty; empty: not rated
	service     string // for ranges: whose
}

// makers are the well-known lists. The first entry that matches decides, so the
// narrow ones stand first.
//
// Reliability follows the prior table of the fusion method: first-hand and
// curated B, community reports C, unreviewed collections D to E.
var makers = sync.OnceValue(func() []maker {
	return []maker{
		{words: []string{"abuseipdb*", "blocklist-abuseipdb", "borestad"}, provider: "AbuseIPDB", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"alienvault-ssh-bruteforce"}, provider: "AlienVault OTX", claim: netcase.ClaimBruteForce, reliability: "D"},
		{words: []string{"alienvault*", "otx", "levelblue"}, provider: "AlienVault OTX", claim: netcase.ClaimListed, reliability: "D"},
		{words: []string{"opentip", "kaspersky"}, provider: "Kaspersky", claim: netcase.ClaimListed, reliability: "B"},
		{words: []string{"socradar"}, provider: "SOCRadar", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"greynoise"}, provider: "GreyNoise", claim: netcase.ClaimScan, reliability: "B"},
		{words: []string{"crowdsec"}, provider: "CrowdSec", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"virustotal"}, provider: "VirusTotal", claim: netcase.ClaimListed, reliability: "C"},
		{words: []string{"internetdb*", "shodan*"}, provider: "Shodan InternetDB", origin: "Shodan", claim: netcase.ClaimNothing, reliability: "B"},
		{words: []string{"mdti", "microsoft defender threat intelligence"}, provider: "Microsoft Defender Threat Intelligence", claim: netcase.ClaimListed, reliability: "B"},

		{words: []string{"blocklist.de*", "blocklist_de*"}, provider: "blocklist.de", claim: netcase.ClaimBruteForce, reliability: "C"},
		{words: []string{"cins", "cins_army", "ci-badguys", "cinsscore*", "cinsarmy"}, provider: "CINS Army", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"dshield*", "isc.sans.edu*", "sans", "sans.edu"}, provider: "DShield", claim: netcase.ClaimScan, reliability: "C"},
		{words: []string{"emergingthreats*", "compromised-ips", "emerging-block-ips", "et_compromised", "et_block"}, provider: "Emerging Threats", claim: netcase.ClaimAbuse, reliability: "B"},
		{words: []string{"feodo*", "feodotracker*", "abuse-ch-ipblocklist", "ipblocklist_aggressive", "ipblocklist_recommended"}, provider: "abuse.ch Feodo Tracker", claim: netcase.ClaimC2, reliability: "A"},
		{words: []string{"threatfox*"}, provider: "abuse.ch ThreatFox", claim: netcase.ClaimC2, reliability: "B"},
		{words: []string{"urlhaus*"}, provider: "abuse.ch URLhaus", claim: netcase.ClaimMalware, reliability: "B"},
		{words: []string{"sslbl*"}, provider: "abuse.ch SSLBL", claim: netcase.ClaimC2, reliability: "B"},
		{words: []string{"greensnow*"}, provider: "GreenSnow", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"spamhaus*", "drop_v4", "drop_v6", "edrop", "drop"}, provider: "Spamhaus DROP", claim: netcase.ClaimHijacked, reliability: "A"},
		{words: []string{"torbulkexitlist", "tor-exit*", "tor_exit*", "tor-exits", "torexit*", "dan.me.uk*", "exit-addresses"}, provider: "Tor Project", claim: netcase.ClaimTor, reliability: "A"},
		{words: []string{"binarydefense*", "artillery"}, provider: "Binary Defense", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"bruteforceblocker", "danger.rulez.sk"}, provider: "BruteForceBlocker", claim: netcase.ClaimBruteForce, reliability: "C"},
		{words: []string{"nxdomain.no*"}, provider: "nxdomain.no", claim: netcase.ClaimAbuse, reliability: "D"},
		{words: []string{"projecthoneypot*"}, provider: "Project Honey Pot", claim: netcase.ClaimSpam, reliability: "C"},
		{words: []string{"sekio*"}, provider: "sekio", claim: netcase.ClaimAbuse, reliability: "D"},
		{words: []string{"snort.org*", "talos*"}, provider: "Cisco Talos", claim: netcase.ClaimListed, reliability: "B"},
		{words: []string{"rutgers*", "drop.cs.rutgers.edu"}, provider: "Rutgers DROP", claim: netcase.ClaimBruteForce, reliability: "C"},
		{words: []string{"drb-ra*"}, provider: "drb-ra C2IntelFeeds", claim: netcase.ClaimC2, reliability: "C"},
		{words: []string{"avanzato_c2*"}, provider: "avanzato", claim: netcase.ClaimC2, reliability: "D"},
		{words: []string{"data-shield*", "datashield*"}, provider: "Data-Shield", claim: netcase.ClaimAbuse, reliability: "C"},
		{words: []string{"signature-base", "c2-iocs"}, provider: "signature-base", claim: netcase.ClaimC2, reliability: "B"},
		{words: []string{"stopforumspam*"}, provider: "StopForumSpam", claim: netcase.ClaimSpam, reliability: "C"},

		{words: []string{"ipsum*", "stamparm*"}, provider: "IPsum", origin: Aggregate, claim: netcase.ClaimListed, reliability: "D"},
		{words: []string{"firehol*"}, provider: "FireHOL", origin: Aggregate, claim: netcase.ClaimListed, reliability: "D"},
		{words: []string{"bitwire*"}, provider: "bitwire", origin: Aggregate, claim: netcase.ClaimListed, reliability: "D"},
		{words: []string{"full-40k", "full-aa*", "malicious-ip-*"}, provider: "malicious-ip", origin: Aggregate, claim: netcase.ClaimListed, reliability: "D"},

		{words: []string{"x4bnet/datacenter*", "datacenter-ipv*", "datacenter"}, provider: "X4BNet", claim: netcase.ClaimHosting, service: "a data centre"},
		{words: []string{"x4bnet/vpn*", "vpn-ipv*"}, provider: "X4BNet", claim: netcase.ClaimProxy, service: "a VPN provider"},
		{words: []string{"cloudzy*"}, provider: "Cloudzy ranges", claim: netcase.ClaimHosting, service: "Cloudzy"},
		{words: []string{"cloudflare*", "ips-v4", "ips-v6"}, provider: "Cloudflare ranges", claim: netcase.ClaimEdge, service: "Cloudflare"},
		{words: []string{"fastly*"}, provider: "Fastly ranges", claim: netcase.ClaimEdge, service: "Fastly"},
		{words: []string{"akamai*"}, provider: "Akamai ranges", claim: netcase.ClaimEdge, service: "Akamai"},
		{words: []string{"imperva*", "incapsula*"}, provider: "Imperva ranges", claim: netcase.ClaimEdge, service: "Imperva"},
		{words: []string{"cloudfront*"}, provider: "Amazon CloudFront ranges", claim: netcase.ClaimEdge, service: "Amazon CloudFront"},
		{words: []string{"googlebot*"}, provider: "Googlebot ranges", claim: netcase.ClaimResolver, service: "Googlebot"},
		{words: []string{"bing*"}, provider: "Bingbot ranges", claim: netcase.ClaimResolver, service: "Bingbot"},
		{words: []string{"openai*"}, provider: "OpenAI ranges", claim: netcase.ClaimResolver, service: "OpenAI"},
		{words: []string{"telegram*"}, provider: "Telegram ranges", claim: netcase.ClaimResolver, service: "Telegram"},
		{words: []string{"facebook*", "meta"}, provider: "Meta ranges", claim: netcase.ClaimResolver, service: "Meta"},
		{words: []string{"apple*"}, provider: "Apple ranges", claim: netcase.ClaimResolver, service: "Apple"},
		{words: []string{"twitter*"}, provider: "Twitter ranges", claim: netcase.ClaimResolver, service: "Twitter"},
		{words: []string{"github*"}, provider: "GitHub ranges", claim: netcase.ClaimHosting, service: "GitHub"},
		{words: []string{"amazon*", "aws*", "ip-ranges"}, provider: "Amazon ranges", claim: netcase.ClaimHosting, service: "Amazon Web Services"},
		{words: []string{"google*", "gcp*", "goog"}, provider: "Google ranges", claim: netcase.ClaimHosting, service: "Google"},
		{words: []string{"microsoft*", "azure*", "servicetags_public*"}, provider: "Microsoft ranges", claim: netcase.ClaimHosting, service: "Microsoft"},
		{words: []string{"digitalocean*"}, provider: "DigitalOcean ranges", claim: netcase.ClaimHosting, service: "DigitalOcean"},
		{words: []string{"linode*"}, provider: "Linode ranges", claim: netcase.ClaimHosting, service: "Linode"},
		{words: []string{"vultr*"}, provider: "Vultr ranges", claim: netcase.ClaimHosting, service: "Vultr"},
		{words: []string{"oracle*"}, provider: "Oracle ranges", claim: netcase.ClaimHosting, service: "Oracle Cloud"},
		{words: []string{"hetzner*"}, provider: "Hetzner ranges", claim: netcase.ClaimHosting, service: "Hetzner"},
		{words: []string{"ovh*"}, provider: "OVH ranges", claim: netcase.ClaimHosting, service: "OVH"},
		{words: []string{"scaleway*"}, provider: "Scaleway ranges", claim: netcase.ClaimHosting, service: "Scaleway"},
		{words: []string{"alibaba*", "aliyun*"}, provider: "Alibaba ranges", claim: netcase.ClaimHosting, service: "Alibaba Cloud"},
		{words: []string{"tencent*"}, provider: "Tencent ranges", claim: netcase.ClaimHosting, service: "Tencent Cloud"},
	}
})

// collection is a folder or a project that holds several lists: what it hands
// on from others keeps the others' origin.
type collection struct {
	words    []string
	provider string
	origin   string // of the lists in it that are not in makers; empty: the provider
	lists    []maker
	claim    netcase.ClaimType // of lists that nothing says more of
}

func collections() []collection {
	return []collection{
		{words: []string{"malicious-ip"}, provider: "malicious-ip", origin: Aggregate, claim: netcase.ClaimListed},
		{words: []string{"cps-feeds", "public-intelligence-feeds"}, provider: "Critical Path Security", claim: netcase.ClaimListed, lists: []maker{
			{words: []string{"cobaltstrike*", "cps_cobaltstrike*"}, claim: netcase.ClaimC2},
			{words: []string{"log4j*"}, claim: netcase.ClaimAbuse},
			{words: []string{"sip"}, claim: netcase.ClaimBruteForce},
			{words: []string{"atomspam*"}, claim: netcase.ClaimPhishing},
		}},
		{words: []string{"bitwire", "bitwire-it"}, provider: "bitwire", origin: Aggregate, claim: netcase.ClaimListed},
		{words: []string{"firehol", "blocklist-ipsets"}, provider: "FireHOL", origin: Aggregate, claim: netcase.ClaimListed},
		{words: []string{"ipsum", "stamparm/ipsum"}, provider: "IPsum", origin: Aggregate, claim: netcase.ClaimListed},
		{words: []string{"maltrail"}, provider: "Maltrail", claim: netcase.ClaimMalware, lists: []maker{
			{words: []string{"mass_scanner*"}, claim: netcase.ClaimScanner},
		}},
		{words: []string{"shadowwhisperer"}, provider: "ShadowWhisperer", claim: netcase.ClaimListed, lists: []maker{
			{words: []string{"scanners"}, claim: netcase.ClaimScanner},
			{words: []string{"tunnels"}, claim: netcase.ClaimProxy, service: "a VPN provider"},
			{words: []string{"dns"}, claim: netcase.ClaimResolver, service: "a public resolver"},
			{words: []string{"ads"}, claim: netcase.ClaimResolver, service: "advertising"},
			{words: []string{"trackers"}, claim: netcase.ClaimResolver, service: "user tracking"},
			{words: []string{"probes"}, claim: netcase.ClaimScan},
			{words: []string{"threats_unclassified"}, claim: netcase.ClaimListed},
			{words: []string{"threats"}, claim: netcase.ClaimAbuse},
		}},
		{words: []string{"ipranges"}, provider: "ipranges", claim: netcase.ClaimHosting},
		{words: []string{"x4bnet", "lists_vpn"}, provider: "X4BNet", claim: netcase.ClaimHosting, lists: []maker{
			{words: []string{"vpn*"}, claim: netcase.ClaimProxy, service: "a VPN provider"},
			{words: []string{"datacenter*"}, claim: netcase.ClaimHosting, service: "a data centre"},
		}},
		{words: []string{"data-shield"}, provider: "Data-Shield", claim: netcase.ClaimAbuse},
		{words: []string{"signature-base"}, provider: "signature-base", claim: netcase.ClaimC2},
		{words: []string{"misp-warninglists", "warninglists"}, provider: "MISP warning lists", claim: netcase.ClaimResolver},
	}
}

// names are the families and kinds that a list's name can end in where nobody
// else is known: the claim only, never the maker.
func names() []maker {
	return []maker{
		// A list of scanners is an accusation unless it says that they are harmless.
		{words: []string{"benign-scanner*", "benign_scanner*", "research-scanner*", "research_scanner*"}, claim: netcase.ClaimScanner},
		{words: []string{"scanner", "scanners", "scanning", "mass_scanner*", "mass-scanner*"}, claim: netcase.ClaimScan},
		{words: []string{"c2", "c2s", "cnc", "cobaltstrike*", "cobalt-strike*", "botnet_cc"}, claim: netcase.ClaimC2},
		{words: []string{"asyncrat*", "emotet*", "kovter*", "mirai*", "njrat*", "qakbot*", "remcos*", "trickbot*", "malware*", "ransomware*", "stealer*"}, claim: netcase.ClaimMalware},
		{words: []string{"phishing*", "phish"}, claim: netcase.ClaimPhishing},
		{words: []string{"bruteforce*", "brute-force*", "ssh", "rdp", "telnet"}, claim: netcase.ClaimBruteForce},
		{words: []string{"ddos*"}, claim: netcase.ClaimDDoS},
		{words: []string{"spam*"}, claim: netcase.ClaimSpam},
		{words: []string{"tor"}, claim: netcase.ClaimTor},
		{words: []string{"vpn", "proxy", "proxies", "anonymizer*"}, claim: netcase.ClaimProxy},
		{words: []string{"cdn"}, claim: netcase.ClaimEdge},
		{words: []string{"hosting", "datacenter*", "cloud"}, claim: netcase.ClaimHosting},
		{words: []string{"resolvers", "public-dns"}, claim: netcase.ClaimResolver},
	}
}

// identity is what is known of a list before its lines are read.
type identity struct {
	provider, origin string
	claim            netcase.ClaimType
	reliability      string
	service          string
	country          string  // where the path says that all its addresses are; empty: it does not
	known            bool    // a maker or a collection was recognised
	score            float64 // AbuseIPDB's confidence of all its addresses, where the name states it; 0: it does not
}

// identify tells who made a list from its path and its header comments. The
// path is looked at from the file outwards; comments decide only where the path
// says nothing.
func identify(name string, comments []string) (id identity) {
	defer func() {
		id.country = countryInPath(name)
		if id.origin == "AbuseIPDB" {
			id.score = confidenceInName(base(name))
		}
	}()
	id, found := identifyPath(name)
	if found {
		return id
	}
	for _, c := range comments {
		if said, ok := identifyComment(strings.ToLower(c), base(name)); ok {
			return said
		}
	}
	return id
}

// confidence is how lists of AbuseIPDB's state it in their name: "abuseipdb-s100-30d".
//
// Source: github.com/borestad/blocklist-abuseipdb, whose lists are of a confidence of about 100.
var confidence = regexp.MustCompile(`(?:^|[-_.])s(100|[1-9][0-9])(?:[-_.]|$)`)

// confidenceInName is the confidence that the name of a list states; 0: none.
func confidenceInName(name string) float64 {
	m := confidence.FindStringSubmatch(name)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // two or three digits
	return float64(n)
}

// countryInPath is the country that a list is of, in a folder of lists by country:
// "by-country/full-bg-aa.txt".
func countryInPath(name string) string {
	switch strings.ToLower(path.Base(path.Dir(name))) {
	case "by-country", "by_country", "bycountry", "countries":
	default:
		return ""
	}
	for _, word := range strings.FieldsFunc(base(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if len(word) == 2 && isCountry(countryCode(word)) {
			return countryCode(word)
		}
	}
	return ""
}

// Provider is who made the list of that name, as far as the name tells; empty: it
// does not.
func Provider(name string) string {
	if id, ok := identifyPath(name); ok {
		return id.provider
	}
	return ""
}

// identifyComment looks for a maker in a header comment. References and
// commands name others than the maker; ranges and short words are too common to
// count in prose.
func identifyComment(comment, file string) (identity, bool) {
	if strings.Contains(comment, "reference") || strings.Contains(comment, "iptables") {
		return identity{}, false
	}
	if col, ok := findCollection(comment); ok {
		return inCollection(col, file), true
	}
	const shortest = 5
	for _, m := range makers() {
		for _, w := range m.words {
			if m.service == "" && len(w) >= shortest && wordIn(comment, w) {
				return identityOf(m), true
			}
		}
	}
	return identity{}, false
}

func identifyPath(name string) (identity, bool) {
	file := base(name)
	col, collected := collectionOf(path.Dir(name))
	if collected {
		if m, ok := findMaker(col.lists, file); ok {
			id := inCollection(col, file)
			id.claim, id.service = m.claim, m.service
			return id, true
		}
	}
	m, ok := findMaker(makers(), strings.ToLower(path.Base(path.Dir(name)))+"/"+file)
	if !ok {
		m, ok = findMaker(makers(), file)
	}
	switch {
	case ok && collected:
		id := identityOf(m)
		id.provider = col.provider
		return id, true
	case ok:
		return identityOf(m), true
	case collected:
		return inCollection(col, file), true
	}
	if m, ok := folderMaker(path.Dir(name)); ok {
		return identityOf(m), true
	}
	return unknownMaker(file), false
}

// folderMaker looks for a maker in the names of the folders, innermost first.
func folderMaker(dir string) (maker, bool) {
	for ; dir != "." && dir != "/" && dir != ""; dir = path.Dir(dir) {
		if m, ok := findMaker(makers(), strings.ToLower(path.Base(dir))); ok {
			return m, true
		}
	}
	return maker{}, false
}

func identityOf(m maker) identity {
	id := identity{provider: m.provider, origin: m.origin, claim: m.claim, reliability: m.reliability, service: m.service, known: true}
	if id.origin == "" {
		id.origin = m.provider
	}
	return id
}

func inCollection(c collection, file string) identity {
	id := identity{provider: c.provider, origin: c.origin, claim: c.claim, known: true}
	if id.origin == "" {
		id.origin = c.provider
	}
	if m, ok := findMaker(names(), file); ok && c.claim != netcase.ClaimHosting {
		id.claim = m.claim
	}
	return id
}

// unknownMaker names the provider after the file, without dates and parts.
func unknownMaker(file string) identity {
	name := strings.Trim(nameDate.ReplaceAllString(file, " "), " -_.")
	if name == "" {
		name = file
	}
	id := identity{provider: name, origin: name, claim: netcase.ClaimListed}
	if m, ok := findMaker(names(), file); ok {
		id.claim = m.claim
	}
	return id
}

// base is the file name in lower case without its endings.
func base(name string) string {
	b := strings.ToLower(path.Base(name))
	for _, ext := range []string{".gz", ".zst", ".bz2", ".xz", ".zip", ".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".netset", ".ipset", ".list", ".lst", ".ipv4", ".ipv6", ".dat", ".log"} {
		b = strings.TrimSuffix(b, ext)
	}
	return b
}

func collectionOf(dir string) (collection, bool) {
	for ; dir != "." && dir != "/" && dir != ""; dir = path.Dir(dir) {
		d := strings.ToLower(path.Base(dir))
		for _, c := range collections() {
			for _, w := range c.words {
				if d == w || strings.HasPrefix(d, w+"-") || strings.HasSuffix(d, "-"+w) {
					return c, true
				}
			}
		}
	}
	return collection{}, false
}

// findCollection looks for the name of a collection in a header comment. Short
// words that are also common ones do not count there.
func findCollection(comment string) (collection, bool) {
	for _, c := range collections() {
		for _, w := range c.words {
			if wordIn(comment, w) {
				return c, true
			}
		}
	}
	return collection{}, false
}

// findMaker is the first maker one of whose words stands in the text.
func findMaker(table []maker, text string) (maker, bool) {
	for _, m := range table {
		for _, w := range m.words {
			if wordIn(text, w) {
				return m, true
			}
		}
	}
	return maker{}, false
}

// wordIn tells whether the word stands in the text between boundaries: anything
// but a letter or a digit. A trailing * opens the right boundary.
func wordIn(text, word string) bool {
	open := strings.HasSuffix(word, "*")
	word = strings.TrimSuffix(word, "*")
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(word)
		if (i == 0 || !wordByte(text[i-1])) && (open || end == len(text) || !wordByte(text[end])) {
			return true
		}
		at = i + 1
	}
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
}

var citation = regexp.MustCompile(`[^a-z0-9.]+`)

// canonical is the project's name for a maker that a record names in its own
// way ("abuse ipdb", "AlienVault"); other names stay as they are.
func canonical(name string) string {
	name = strings.TrimSpace(name)
	l := strings.Trim(citation.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if l == "" {
		return name
	}
	joined := strings.ReplaceAll(l, "-", "")
	for _, m := range makers() {
		if m.service != "" {
			continue // "google" as a reporter is not a list of ranges
		}
		for _, w := range m.words {
			w = strings.TrimSuffix(w, "*")
			if l == w || joined == w || strings.HasPrefix(l, w+"-") || strings.HasPrefix(l, w+".") {
				if m.origin != "" {
					return m.origin
				}
				return m.provider
			}
		}
		if strings.EqualFold(name, m.provider) {
			return m.provider
		}
	}
	return name
}

// ratings are the reliability letters of the makers. An aggregate is as good as
// the unreviewed collection that it is.
func ratings() map[string]string {
	out := map[string]string{Aggregate: "D"}
	for _, m := range makers() {
		if _, rated := out[m.provider]; !rated && m.origin == "" && m.service == "" {
			out[m.provider] = m.reliability
		}
	}
	return out
}
