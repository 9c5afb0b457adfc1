package respond

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

var suricata = Target{
	Name:   "suricata",
	Doc:    "intrusion detection: alert rules for the far ends of the case, never a drop; lists for many addresses",
	Render: renderSuricata,
}

const (
	suricataFolder  = "response/suricata/"
	suricataRules   = suricataFolder + "netcase.rules"
	suricataSids    = suricataFolder + "sids.txt"
	suricataDisable = suricataFolder + "disable.conf"
)

// The range of rule numbers that Suricata leaves to local rules.
const (
	firstSid = 1_000_000
	sidCount = 1_000_000
)

// Bounds on what stands in one rule. Suricata reads a rule up to 8192 bytes.
const (
	maxInline = 100 // addresses; more go to a list, which is one look-up each packet
	maxGroup  = 100 // prefixes; a list cannot hold any
)

// Bounds on the memory of a list: slots of its table and megabytes.
const (
	minHash, maxHash = 1024, 65536
	minMemcap        = 10
	entriesPerMB     = 4000
)

// alertEvery is how long one source stays quiet after an alert, in seconds.
const alertEvery = 3600

// suricataMessage is the longest message of an alert, in characters.
const suricataMessage = 150

// alert is one rule of Suricata.
type alert struct {
	sid    int
	rule   Rule
	from   bool           // the listed end began
	inline []netip.Prefix // in the header of the rule, or
	list   string         // the file with the addresses, and
	count  int            // how many it holds
}

func renderSuricata(p *Plan) (map[string][]byte, error) {
	files := map[string][]byte{}
	if p.Lapsed() {
		return files, nil
	}
	var alerts []alert
	for _, w := range p.Watches {
		alerts = append(alerts, alertsOf(p, w, files)...)
	}
	numbered(p.Case.ID, alerts)
	files[suricataRules] = suricataFile(p, alerts)
	files[suricataSids], files[suricataDisable] = suricataUndo(p, alerts)
	return files, nil
}

// alertsOf are the rules that watch for one entry of the plan. Long lists of
// addresses become a file.
func alertsOf(p *Plan, w Rule, files map[string][]byte) []alert {
	var out []alert
	addrs, nets := split(w.Prefixes)
	for _, from := range sides(w.Direction) {
		if len(addrs) > maxInline {
			path := suricataFolder + listName(p.Case.ID, w) + ".lst"
			files[path] = addressList(addrs)
			out = append(out, alert{rule: w, from: from, list: strings.TrimPrefix(path, suricataFolder), count: len(addrs)})
		} else if len(addrs) > 0 {
			out = append(out, alert{rule: w, from: from, inline: addrs})
		}
		for chunk := range slices.Chunk(nets, maxGroup) {
			out = append(out, alert{rule: w, from: from, inline: chunk})
		}
	}
	return out
}

// sides tells for which ends a rule is wanted: true where the listed end began.
func sides(d netcase.Direction) []bool {
	switch d {
	case netcase.Inbound:
		return []bool{true}
	case netcase.Outbound:
		return []bool{false}
	}
	return []bool{true, false}
}

func split(list []netip.Prefix) (addrs, nets []netip.Prefix) {
	for _, p := range list {
		if p.IsSingleIP() {
			addrs = append(addrs, p)
		} else {
			nets = append(nets, p)
		}
	}
	return addrs, nets
}

func addressList(addrs []netip.Prefix) []byte {
	var b strings.Builder
	for _, p := range addrs {
		b.WriteString(p.Addr().String() + "\n")
	}
	return []byte(b.String())
}

// listName is the name of the list of a rule: of the case and of what it holds.
func listName(id string, w Rule) string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%v", id, w.Action, w.Prefixes)
	return fmt.Sprintf("netcase-%016x", h.Sum64())
}

// numbered gives each alert its number: from a hash of the case and of what the
// rule watches, so that the same rule keeps its number and two cases seldom meet.
func numbered(id string, alerts []alert) {
	taken := map[int]bool{}
	for i := range alerts {
		a := &alerts[i]
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00%t\x00%s\x00%v\x00%v", id, a.rule.Action, a.from, a.list, a.inline, a.rule.Ports)
		n := int(h.Sum64() % sidCount)
		for taken[n] {
			n = (n + 1) % sidCount
		}
		taken[n] = true
		a.sid = firstSid + n
	}
}

func suricataFile(p *Plan, alerts []alert) []byte {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString("# " + suricataComment(fmt.Sprintf(format, args...)) + "\n")
	}
	line("netcase, case %s: %s", p.Case.ID, p.Case.Title)
	line("Alerts only; nothing here drops. Written for %s. Every rule names its end in its metadata: take it out then.", p.Now)
	line("Needs Suricata 7 or newer. Keep the .lst files beside this file.")
	line("HOME_NET has to hold the own network, public addresses too%s.", homeNet(&p.Case.Site))
	line("Test: suricata -T -S netcase.rules -l /tmp. Replay: suricata -r capture.pcap -S netcase.rules -k none -l /tmp.")
	line("Load: name the file under rule-files in suricata.yaml, or give it to suricata-update --local, then suricatasc -c reload-rules.")
	line("Undo: append disable.conf to the disable.conf of suricata-update and reload; sids.txt has the bare numbers.")
	for _, s := range p.Skipped {
		line("no rule for %s", s)
	}
	for _, r := range p.Unwatch {
		line("refused %s: %s", r.Value, r.Reason)
	}
	if len(alerts) == 0 {
		line("No rule: the case names no address from outside that may be watched for.")
	}
	for _, a := range alerts {
		b.WriteByte('\n')
		line("%s %s; owner %s; ends %s", a.rule.Action, a.rule.Title, orNobody(a.rule.Owner), a.rule.Until)
		b.WriteString(a.text(p) + "\n")
	}
	return []byte(b.String())
}

// homeNet is the own network as the site states it, in the words of Suricata.
func homeNet(s *netcase.Site) string {
	var sel netcase.Selection
	sel.Prefixes = slices.Concat(s.Own, s.Exposed, s.Dark)
	for _, a := range s.Assets {
		for _, addr := range a.Addresses {
			sel.Prefixes = append(sel.Prefixes, single(addr))
		}
	}
	own := merged(sel)
	if len(own) == 0 || len(own) > maxGroup/10 {
		return ""
	}
	return ", here " + header(own)
}

func (a *alert) text(p *Plan) string {
	return fmt.Sprintf("alert ip %s (%s)", a.ends(), strings.Join(a.options(p), " "))
}

// ends is the head of the rule. flow:to_server then asks for the packets of the
// end that began, so that an answer to us is no alert.
func (a *alert) ends() string {
	listed, home := "any", "$HOME_NET"
	if a.list == "" {
		listed = header(a.inline)
	}
	if len(a.rule.Hosts) > 0 {
		home = header(hostPrefixes(a.rule.Hosts))
	}
	port := "any"
	if len(a.rule.Ports) > 0 {
		port = ports(a.rule.Ports)
	}
	if a.from {
		return fmt.Sprintf("%s any -> %s %s", listed, home, port)
	}
	return fmt.Sprintf("%s any -> %s %s", home, listed, port)
}

func hostPrefixes(hosts []netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, h := range hosts {
		out = append(out, single(h))
	}
	return out
}

func header(list []netip.Prefix) string {
	text := make([]string, len(list))
	for i, p := range list {
		text[i] = shown(p)
	}
	return "[" + strings.Join(text, ",") + "]"
}

func ports(list []uint16) string {
	text := make([]string, len(list))
	for i, p := range list {
		text[i] = strconv.Itoa(int(p))
	}
	return "[" + strings.Join(text, ",") + "]"
}

func (a *alert) options(p *Plan) []string {
	what, flow := "from a source of the case", "flow:to_server;"
	if a.from && a.rule.Answered {
		what, flow = "answered a source of the case", "flow:established,to_server;" // a denied probe is no news
	}
	if !a.from {
		what = "to a far end of the case"
	}
	out := []string{
		fmt.Sprintf(`msg:"%s";`, suricataMsg(fmt.Sprintf("NETCASE %s %s: %s (%s)", p.Case.ID, what, a.rule.Title, a.rule.Action))),
		flow,
	}
	if a.list != "" {
		side := "ip.src"
		if !a.from {
			side = "ip.dst"
		}
		out = append(out, side+";", fmt.Sprintf("dataset:isset,%s, type ip, load %s, memcap %dmb, hashsize %d;",
			strings.TrimSuffix(a.list, ".lst"), a.list, memcap(a.count), hashSize(a.count)))
	}
	return append(out,
		fmt.Sprintf("threshold:type limit, track by_src, count 1, seconds %d;", alertEvery),
		"classtype:misc-attack;",
		fmt.Sprintf("metadata:netcase_case %s, netcase_action %s, netcase_expires %s;", word(p.Case.ID, maxName), word(a.rule.Action, maxName), a.rule.Until.Std().Format("2006-01-02T15-04Z")),
		fmt.Sprintf("sid:%d; rev:1;", a.sid))
}

func memcap(n int) int { return minMemcap + n/entriesPerMB }

func hashSize(n int) int {
	size := minHash
	for size < n && size < maxHash {
		size *= 2
	}
	return size
}

func suricataUndo(p *Plan, alerts []alert) (sids, disable []byte) {
	var list []int
	for _, a := range alerts {
		list = append(list, a.sid)
	}
	slices.Sort(list)
	disable = fmt.Appendf(disable, "# Takes back the rules of netcase case %s.\n", suricataComment(p.Case.ID))
	for _, n := range list {
		sids = fmt.Appendf(sids, "%d\n", n)
		disable = fmt.Appendf(disable, "1:%d\n", n)
	}
	return sids, disable
}

// suricataMsg is a text fit to stand between the quotes of msg. Quote, semicolon
// and backslash are escaped, as the language asks.
func suricataMsg(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `;`, `\;`).Replace(plain(s, suricataMessage, ""))
}

// suricataComment is a text fit for the rest of a line after "#". A backslash at
// the end of a line would join the next rule to it.
func suricataComment(s string) string { return strings.ReplaceAll(oneLine(s, 2*maxText), `\`, "/") }
