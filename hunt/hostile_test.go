package hunt_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"netcase"
	"netcase/casebook"
	"netcase/hunt"
	"netcase/report"
)

// One incident in which the attacker had a hand in every word: names of machines,
// groups, rules, processes and files, and the lists that are to help. It goes from
// the files through hunt.Run into a case folder, and no word may become anything
// but text there.

// mark is in every payload, so that the test sees the words arrive.
const mark = "Zqx"

// payloads are the words, each meant for the grammar of some reader.
func payloads() []string {
	return []string{
		"\x1b[2J\x1b[1;1H" + mark + " all clear", "\x1b]8;;http://evil.example/\x1b\\" + mark + "\x1b]8;;\x1b\\", "\x1b]0;" + mark + "\a", // terminal
		"\u009b31m" + mark + "\u0085\u008d\x7f", mark + "\b\b\b\f\v", // C1 and other controls
		"\u202egnp." + mark + "\u2066\u200f\u061c", mark + "\u200b\u2060\ufeff\U000e0041", "\u2028" + mark + "\u2029", // direction, no width, line ends
		"a\x00" + mark, "one\r\n" + mark + ",2025-10-20T14:00:00Z,forged\nthree\rfour", // NUL, line ends inside a cell
		"<script>alert('" + mark + "')</script>", `"><img src=x onerror=alert("` + mark + `")>`, "' onmouseover='" + mark + "'", "</style></svg><svg onload=" + mark + ">", // HTML
		"](javascript:alert(1)) " + mark, "![" + mark + "](http://evil.example/p.png)", "[" + mark + "](data:text/html;base64,PHNjcmlwdD4=)", "[" + mark + "][1]\n\n[1]: javascript:alert(1)", // links
		"| " + mark + " | b |\n|---|---|\n| `c` | d |", "```\n" + mark + "\n```", "`" + mark + "``", "<!-- " + mark, "# " + mark, "--> " + mark, "https://evil.example/" + mark, // Markdown
		"=cmd|' /C calc'!A0" + mark, "+" + mark + "+1", "-2+3+cmd|' /C calc'!A0" + mark, "@SUM(1)" + mark, "\t=" + mark, "\r=" + mark, "＝1+1" + mark, // spreadsheets
		`"; \ | $(id) ` + mark + ` ) sid:1; rev:1; drop ip any any -> any any (msg:"` + "\n", mark + `\`, // Suricata
		`"; } flush ruleset; table inet ` + mark + ` { #`, "\nflush ruleset\n#" + mark, // nftables
		`'; union SecurityEvent | where "` + mark + `" == "` + mark + `" //`, "\"])\n| union Heartbeat // " + mark, // KQL
		"$(touch " + mark + ")`id`;${IFS}", "' or '" + mark + "'='", "]' OR [file:name = '" + mark, "../../../../" + mark, // shell, STIX patterns, paths
		mark + "\xff\xfe\xc3(\xed\xa0\x80", mark + strings.Repeat("A", 100_000), strings.Repeat("\u0301", 3000) + mark, // bytes that are no text, length, stacking
	}
}

// The far ends. Those of refused would cut the owner off.
const (
	guesser  = "11.201.7.77" // scans, and is answered on 3389
	second   = "11.201.7.78"
	third    = "2c10:bad::77"
	control  = "11.202.9.9" // called from inside
	ownInner = "10.0.0.4"
	ownOuter = "11.50.60.5" // of the site's own public prefix
	resolver = "8.8.8.8"
	platform = "168.63.129.16"
	edge     = "104.16.1.1"
	partner  = "11.60.1.1"
)

// refused are the guarded addresses that scan, as a forged source can.
var refused = []string{resolver, platform, edge}

// never are the ranges that nothing may block.
var never = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("11.50.60.0/24"), netip.MustParsePrefix("11.60.1.0/24"), netip.MustParsePrefix("fd00::/8"),
	netip.MustParsePrefix("8.8.8.8/32"), netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("104.16.0.0/13"), netip.MustParsePrefix("9.9.9.9/32"),
}

// hostileTraffic is the export of Traffic Analytics: every payload as machine,
// group and rule, with and without an address of the machine.
func hostileTraffic(t *testing.T) []byte {
	const header = nsgHeader + " NIC_s"
	var rows []row
	for i, p := range payloads() {
		r := nsgRow(13+i%3, row{"VM_s": p, "NSGList_s": p, "NSGRule_s": p, "NIC_s": p, "L7Protocol_s": p, "SrcPublicIPs_s": guesser + "|1|0|0|0|0|0 " + second + "|1|0|0|0|0|0", "AllowedInFlows_d": "2"})
		rows = append(rows, r.with(row{"DestIP_s": fmt.Sprintf("10.0.1.%d", i+1)}), denied(r.with(row{"DestIP_s": ""})).with(row{"DeniedInFlows_d": "2"}))
	}
	rows = append(rows, nsgRow(14, row{"SrcIP_s": payloads()[0], "SrcPublicIPs_s": payloads()[9], "DestPort_d": payloads()[10]})) // to be rejected
	return table(t, header, rows)
}

// hostileDevices is DeviceNetworkEvents: every payload as device, process, command
// line, parent, account and system.
func hostileDevices(t *testing.T) []byte {
	const header = "Timestamp DeviceName DeviceId ActionType RemoteIP RemotePort RemoteUrl LocalIP LocalPort Protocol ReportId OSPlatform InitiatingProcessFileName " +
		"InitiatingProcessFolderPath InitiatingProcessCommandLine InitiatingProcessAccountName InitiatingProcessAccountDomain InitiatingProcessParentFileName"
	var rows []row
	for i, p := range payloads() {
		r := row{
			"Timestamp": at(14, i%60), "DeviceName": p, "DeviceId": p, "ActionType": "InboundConnectionAccepted", "RemoteIP": guesser, "RemotePort": "51000",
			"LocalIP": fmt.Sprintf("10.0.1.%d", i+1), "LocalPort": "3389", "Protocol": "Tcp", "ReportId": fmt.Sprint(i + 1), "RemoteUrl": p, "OSPlatform": p,
			"InitiatingProcessFileName": p, "InitiatingProcessFolderPath": p, "InitiatingProcessCommandLine": p,
			"InitiatingProcessAccountName": p, "InitiatingProcessAccountDomain": p, "InitiatingProcessParentFileName": p,
		}
		rows = append(rows, r, r.with(row{"ActionType": "ConnectionSuccess", "RemoteIP": control, "RemotePort": "443", "LocalPort": "50123", "ReportId": fmt.Sprint(1000 + i),
			"InitiatingProcessFileName": "svchost.exe", "InitiatingProcessCommandLine": `C:\Windows\System32\svchost.exe -k ` + p}),
			r.with(row{"ActionType": p, "ReportId": fmt.Sprint(2000 + i)}))
	}
	return table(t, header, rows)
}

// hostileBlob is a raw flow log whose rules and group carry the payloads. All far
// ends knock at many doors; the first ones are also answered.
func hostileBlob(t *testing.T) []byte {
	var rules []map[string]any
	second0 := day.Unix() + 14*3600
	for i, p := range append([]string{"allow-rdp"}, payloads()...) {
		var tuples []string
		for k, a := range append([]string{guesser, second, third, partner, ownOuter, ownInner}, refused...) {
			host := fmt.Sprintf("10.0.0.%d", 10+i)
			if strings.Contains(a, ":") {
				host = fmt.Sprintf("fd00::%d", 10+i)
			}
			for n, port := range []int{22, 445, 3389} {
				end := fmt.Sprintf("%s,%s,%d,%d,T,I", a, host, 40000+n, port)
				when := second0 + int64(i*60+k*5+n)
				if port != 3389 || k > 2 && !slices.Contains(refused, a) {
					tuples = append(tuples, fmt.Sprintf("%d,%s,D,B,,,,", when, end))
					continue
				}
				tuples = append(tuples, fmt.Sprintf("%d,%s,A,B,,,,", when, end), fmt.Sprintf("%d,%s,A,E,9,1800,8,1600", when+20, end))
			}
		}
		rules = append(rules, map[string]any{"rule": p, "flows": []any{map[string]any{"mac": "0022486A0001", "flowTuples": append(tuples, p)}}})
	}
	var records []any
	for _, p := range payloads()[:8] {
		records = append(records, map[string]any{
			"time": at(14, 59), "systemId": p, "macAddress": "0022486A0001", "category": "NetworkSecurityGroupFlowEvent", "operationName": p,
			"resourceId": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/" + p, "properties": map[string]any{"Version": 2, "flows": rules[:1+len(rules)/8]},
		})
	}
	records = append(records, map[string]any{
		"time": at(14, 59), "macAddress": "0022486A0001", "category": "NetworkSecurityGroupFlowEvent",
		"resourceId": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG-1", "properties": map[string]any{"Version": 2, "flows": rules},
	})
	text, err := json.Marshal(map[string]any{"records": records})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, []byte(`\u001b`), []byte{0x1b}) // raw, as no strict writer would
}

// hostileZeek is a conn.log of sensors with hostile names, once as bytes, once in
// the escapes of Zeek.
func hostileZeek() []byte {
	var b bytes.Buffer
	b.WriteString("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" +
		"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\thistory\torig_pkts\tresp_pkts\t_node_name\n" +
		"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tstring\tcount\tcount\tstring\n")
	escaped := func(s string) string {
		var out strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&out, `\x%02x`, c)
		}
		return out.String()
	}
	for i, p := range payloads() {
		for n, word := range []string{strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(p), escaped(p)} {
			fmt.Fprintf(&b, "%d.5\tC%d%s\t%s\t%d\t10.0.0.%d\t23\ttcp\t%s\t1.0\t0\t0\tREJ\tSr\t1\t1\t%s\n", day.Unix()+14*3600+int64(i), i, word, guesser, 41000+n, 10+i, word, word)
		}
	}
	return b.Bytes()
}

// hostileName is a name of a file that is hostile itself.
const hostileName = "\"><img src=x onerror=alert(1)> \x1b[2J\u202e |`" + mark + "`|](javascript:alert(1))\n=cmd.csv"

// zipped is an archive of a content under several names.
func zipped(t *testing.T, content []byte, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hostileLists are the lists: words that attack the reader, and a list that holds
// what must never be blocked beside what really scanned.
func hostileLists(t *testing.T) map[string][]byte {
	var rows []row
	for _, p := range payloads() {
		for _, a := range []string{guesser, control, "11.201.0.0/16"} {
			rows = append(rows, row{"address": a, "provider": p, "origin": p, "category": "scan;" + p, "score": "90", "score_text": p, "first_seen": "2025-10-01", "last_seen": "2025-10-18", "city": p, "as_name": p, "description": p})
		}
		rows = append(rows, row{"address": p, "provider": p, "category": p, "last_seen": p, "country": p})
	}
	objects := []any{map[string]any{"type": "identity", "spec_version": "2.1", "id": "identity--11111111-2222-4333-8444-555555555555", "name": payloads()[10]}}
	for i, p := range payloads() {
		objects = append(objects, map[string]any{
			"type": "indicator", "spec_version": "2.1", "id": fmt.Sprintf("indicator--11111111-2222-4333-8444-%012d", i), "created": "2025-10-10T00:00:00Z", "modified": "2025-10-10T00:00:00Z",
			"created_by_ref": "identity--11111111-2222-4333-8444-555555555555", "name": p, "description": p, "labels": []string{p, "malicious-activity"},
			"pattern": "[ipv4-addr:value = '" + []string{second, control, edge}[i%3] + "']", "pattern_type": "stix", "valid_from": "2025-10-10T00:00:00Z",
		}, map[string]any{"type": "indicator", "id": p, "name": p, "pattern": "[ipv4-addr:value = '" + p + "']", "pattern_type": p, "valid_from": p})
	}
	stix, err := json.Marshal(map[string]any{"type": "bundle", "id": "bundle--11111111-2222-4333-8444-555555555555", "objects": objects})
	if err != nil {
		t.Fatal(err)
	}
	poison := append([]string{guesser, second, third, control, ownInner, ownOuter, partner, "9.9.9.9", "0.0.0.0/0", "::/0", "10.0.0.0/8", "127.0.0.1"}, refused...)
	var plain strings.Builder
	for i, p := range payloads() {
		fmt.Fprintf(&plain, "# %s\n%s\n%s # %s\n", p, poison[i%len(poison)], poison[(i+5)%len(poison)], p)
	}
	return map[string][]byte{
		"words-2025-10-19.csv": table(t, "address provider origin category score score_text first_seen last_seen country city as_name description", rows),
		"abuse-2025-10-13.csv": listOf(poison...), "bundle-2025-10-14.json": stix, "blocklist_de-ssh.txt": []byte(plain.String()),
	}
}

// hostileSite is what the owner says, copied from the same words.
func hostileSite() netcase.Site {
	p := payloads()
	prefix := netip.MustParsePrefix
	return netcase.Site{
		Name: p[0], Own: []netip.Prefix{prefix("10.0.0.0/8"), prefix("11.50.60.0/24"), prefix("fd00::/8")}, Exposed: []netip.Prefix{prefix("11.50.60.0/28")},
		Assets: []netcase.Asset{
			{Name: p[11], Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.10")}, OS: p[5], Criticality: 4, Tags: []string{"cde", p[14]}},
			{Name: p[25], Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.11")}, OS: "Windows"},
		},
		Partners: []netip.Prefix{prefix("11.60.1.0/24")}, Resolvers: []netip.Prefix{prefix("9.9.9.9/32")},
		Changes:    []netcase.Change{{Start: netcase.TimeOf(day), End: netcase.TimeOf(day.AddDate(0, 0, 1)), Reason: p[9]}},
		Statements: []netcase.Statement{{Who: p[18], What: p[13], Account: p[33], Peer: p[34]}},
		Facts:      netcase.SiteFacts{MFA: p[1], Lockout: p[19]},
	}
}

// hostileCase runs the investigation and returns the case and its folder.
func hostileCase(t *testing.T, workers int) (*netcase.Case, string) {
	t.Helper()
	telemetry := map[string][]byte{
		"PT1H.json": hostileBlob(t), "devices.csv": hostileDevices(t), "conn.zip": zipped(t, hostileZeek(), hostileName, "../"+hostileName),
		"junk\x1b[2J.csv": []byte(strings.Join(payloads(), "\n")),
	}
	name := hostileName
	if os.PathSeparator == '\\' {
		name = "flows.csv" // no such names there
		delete(telemetry, "junk\x1b[2J.csv")
	}
	telemetry[name] = hostileTraffic(t)
	cfg := given(t, telemetry, hostileLists(t))
	cfg.Site, cfg.SiteFrom, cfg.Workers = hostileSite(), payloads()[0], workers
	cfg.Out = filepath.Join(t.TempDir(), "case")
	return run(t, cfg), cfg.Out
}

// folder is every file of a case by its path.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHostile puts the incident to every file of the folder and to the terminal.
func TestHostile(t *testing.T) {
	c, dir := hostileCase(t, 2)
	files := folder(t, dir)
	t.Run("arrives", func(t *testing.T) { checkArrival(t, c, files) })
	t.Run("text", func(t *testing.T) {
		for path, text := range files {
			checkText(t, path, text, strings.HasSuffix(path, ".csv"))
		}
	})
	t.Run("terminal", func(t *testing.T) { checkTerminal(t, c) })
	t.Run("html", func(t *testing.T) {
		for path, text := range files {
			switch filepath.Ext(path) {
			case ".html":
				checkMarkup(t, path, text, pageElements)
			case ".svg":
				checkMarkup(t, path, text, figureElements)
			}
		}
	})
	t.Run("markdown", func(t *testing.T) { checkMarkdown(t, files["report.md"]) })
	t.Run("csv", func(t *testing.T) { checkCells(t, files["indicators/iocs.csv"]) })
	t.Run("json", func(t *testing.T) { checkJSON(t, files) })
	t.Run("nft", func(t *testing.T) { checkNft(t, dir, files) })
	t.Run("suricata", func(t *testing.T) { checkSuricata(t, dir, files) })
	t.Run("queries", func(t *testing.T) { checkQueries(t, c) })
	t.Run("guard", func(t *testing.T) { checkGuard(t, c, files) })
	t.Run("verify", func(t *testing.T) { checkBook(t, c, dir) })
	t.Run("same bytes", func(t *testing.T) {
		notShort(t)
		_, again := hostileCase(t, 1)
		compareSums(t, "1 worker", sums(t, again), sums(t, dir))
	})
}

// checkArrival keeps the test honest: the words are in what was read and told.
func checkArrival(t *testing.T, c *netcase.Case, files map[string]string) {
	for _, path := range []string{"case.json", "report.md", "report.html", "evidence/records.ndjson"} {
		if !strings.Contains(files[path], mark) {
			t.Errorf("%s holds no hostile word", path)
		}
	}
	formats := map[string]int64{}
	for _, in := range c.Coverage.Inputs {
		formats[in.Format] += in.Accepted
		if !in.Balanced() {
			t.Errorf("%q: read %d, accepted %d, rejected %d, skipped %d, duplicate %d", in.Name, in.Read, in.Accepted, in.Rejected, in.Skipped, in.Duplicate)
		}
	}
	for _, f := range []string{"azure-traffic", "defender-network", "azure-nsg", "zeek-conn"} {
		if formats[f] < 30 {
			t.Errorf("%d records of %s were read", formats[f], f)
		}
	}
	for _, f := range c.Coverage.Feeds {
		if f.Usable < 9 {
			t.Errorf("%s: %d of %d usable: %v %s", f.Name, f.Usable, f.Read, f.Reasons, f.Error)
		}
	}
	for _, a := range []string{guesser, second, third} {
		if s := sightingOf(c, a, netcase.Inbound); s == nil {
			t.Errorf("%s is not met", a)
		}
	}
	if sightingOf(c, control, netcase.Outbound) == nil {
		t.Error("the call to the outside is not met")
	}
}

// steers tells whether a character acts on what shows it.
func steers(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Co, r)
}

// checkText refuses characters that steer a terminal or the direction of text. CSV
// ends its lines with CR LF.
func checkText(t *testing.T, path, text string, crlf bool) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8", path)
	}
	if crlf {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	bad := map[rune]int{}
	for i, r := range text {
		if r != '\n' && r != '\t' && steers(r) {
			if bad[r]++; bad[r] == 1 {
				t.Errorf("%s holds %U: %.80q", path, r, text[max(0, i-30):])
			}
		}
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9]+m")

func checkTerminal(t *testing.T, c *netcase.Case) {
	for _, s := range []report.Style{{}, {Width: 40}, {Width: 120, Color: true}} {
		texts := []string{report.Terminal(c, s)}
		for _, card := range c.Cards {
			texts = append(texts, report.LookupCard(card, c.Span, s))
		}
		for _, out := range texts {
			if s.Color {
				out = colour.ReplaceAllString(out, "")
			}
			checkText(t, "terminal", out, false)
			if len(out) > 100_000 {
				t.Errorf("%d bytes on a terminal", len(out))
			}
		}
	}
}

// Elements and attributes that the report writes itself.
var (
	pageElements = strings.Fields("!doctype html head meta title style body a nav p ol ul li main header footer h1 h2 h3 span strong aside dl dt dd div " +
		"table caption thead tbody tr th td figure figcaption article pre code svg desc rect path text")
	figureElements  = strings.Fields("svg title desc style rect path text")
	knownAttributes = strings.Fields("lang charset http-equiv content name class href id title aria-label aria-labelledby role tabindex scope xmlns viewbox x y width height d font-size text-anchor stroke-width fill stroke")
)

// checkMarkup reads HTML or SVG tag by tag: what is no tag of ours is from outside.
func checkMarkup(t *testing.T, path, text string, elements []string) {
	t.Helper()
	ids := map[string]bool{}
	for rest := text; ; {
		open := strings.IndexByte(rest, '<')
		if open < 0 {
			return
		}
		name, attributes, after, ok := tag(rest[open+1:])
		if !ok {
			t.Errorf("%s: a < that opens no tag: %.100q", path, rest[open:])
			return
		}
		if !slices.Contains(elements, name) {
			t.Errorf("%s: element %s: %.100q", path, name, rest[open:])
		}
		for _, a := range attributes {
			value := strings.ToLower(strings.Join(strings.Fields(a[1]), ""))
			switch {
			case !slices.Contains(knownAttributes, a[0]) || strings.HasPrefix(a[0], "on"):
				t.Errorf("%s: attribute %s of %s: %.100q", path, a[0], name, a[1])
			case a[0] == "href" && !strings.HasPrefix(value, "#"):
				t.Errorf("%s: link to %.100q", path, a[1])
			case a[0] == "id" && ids[value]:
				t.Errorf("%s: two elements are called %q", path, a[1])
			}
			if a[0] == "id" {
				ids[value] = true
			}
		}
		rest = after
		if name == "style" {
			end := strings.Index(rest, "</style>")
			if end < 0 || strings.Contains(rest[:end], mark) {
				t.Errorf("%s: the style is not ours alone", path)
				return
			}
			rest = rest[end+len("</style>"):]
		}
	}
}

// tag reads a tag after its <: the name in lower case, its attributes, and what
// follows. An attribute has its value between double quotes, or none.
func tag(s string) (name string, attributes [][2]string, after string, ok bool) {
	s = strings.TrimPrefix(s, "/")
	n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '!' })
	if n <= 0 {
		return "", nil, "", false
	}
	name, s = strings.ToLower(s[:n]), s[n:]
	for {
		s = strings.TrimLeft(s, " \n")
		switch {
		case s == "":
			return "", nil, "", false
		case s[0] == '>':
			return name, attributes, s[1:], true
		case strings.HasPrefix(s, "/>"):
			return name, attributes, s[2:], true
		}
		n := strings.IndexAny(s, "= >/")
		if n <= 0 {
			return "", nil, "", false
		}
		key, value := strings.ToLower(s[:n]), ""
		if s = s[n:]; strings.HasPrefix(s, `="`) {
			end := strings.IndexByte(s[2:], '"')
			if end < 0 {
				return "", nil, "", false
			}
			value, s = s[2:2+end], s[3+end:]
		} else if name != "!doctype" {
			return "", nil, "", false
		}
		if name != "!doctype" {
			attributes = append(attributes, [2]string{key, value})
		}
	}
}

var (
	mdEscape = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]")
	mdLink   = regexp.MustCompile(`\]\(([^)]*)\)`)
	mdAnchor = regexp.MustCompile(`<a id="[A-Za-z0-9_.-]*"></a>`)
)

// checkMarkdown takes away code and what is escaped: what is left of markup must
// be ours.
func checkMarkdown(t *testing.T, text string) {
	fence := ""
	for n, l := range strings.Split(text, "\n") {
		if run := l[:len(l)-len(strings.TrimLeft(l, "`"))]; len(run) >= 3 && (fence == "" || l == fence) {
			if fence == "" {
				fence = run
			} else {
				fence = ""
			}
			continue
		}
		if fence != "" {
			continue
		}
		l = strings.ReplaceAll(mdAnchor.ReplaceAllString(mdEscape.ReplaceAllString(l, ""), ""), "<!-- -->@", "")
		if strings.ContainsAny(l, "<`~") {
			t.Errorf("line %d: markup from outside: %.200q", n+1, l)
		}
		for _, m := range mdLink.FindAllStringSubmatch(l, -1) {
			if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "figures/") {
				t.Errorf("line %d: link to %.100q", n+1, m[1])
			}
		}
		for _, auto := range []string{"]:", "][", "://", "www.", "@"} {
			if strings.Contains(l, auto) {
				t.Errorf("line %d: %s makes a link: %.200q", n+1, auto, l)
			}
		}
	}
	if fence != "" {
		t.Error("a fence is not closed")
	}
}

// checkCells reads the table back and refuses a cell that a spreadsheet would run.
func checkCells(t *testing.T, text string) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 3 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, r := range rows {
		for k, cell := range r {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("row %d, %s: %.80q", i+1, rows[0][k], cell)
			}
		}
	}
}

func checkJSON(t *testing.T, files map[string]string) {
	n := 0
	for path, text := range files {
		switch filepath.Ext(path) {
		case ".json":
			if n++; !json.Valid([]byte(text)) {
				t.Errorf("%s is not JSON", path)
			}
		case ".ndjson":
			n++
			for i, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
				if !json.Valid([]byte(l)) {
					t.Errorf("%s line %d is not JSON", path, i+1)
				}
			}
		}
	}
	if n < 4 {
		t.Errorf("%d files of JSON", n)
	}
}

// isolated is a command in a network namespace of its own, so that no test touches
// the packet filter of the machine; nil: not possible here, for the reason.
func isolated(tool string, args ...string) (*exec.Cmd, string) {
	for _, need := range []string{tool, "unshare"} {
		if _, err := exec.LookPath(need); err != nil {
			return nil, need + " is not installed"
		}
	}
	words := []string{"--net"}
	if os.Getuid() != 0 {
		words = []string{"--user", "--map-root-user", "--net"}
	}
	if out, err := exec.Command("unshare", append(words, "true")...).CombinedOutput(); err != nil {
		return nil, fmt.Sprintf("no network namespace here (%v: %s)", err, bytes.TrimSpace(out))
	}
	return exec.Command("unshare", append(append(words, tool), args...)...), ""
}

// What stands in a file for nft besides rules: texts, and the name of the table.
var (
	aString = regexp.MustCompile(`"[^"]*"`)
	aTable  = regexp.MustCompile(`netcase_[A-Za-z0-9_]+`)
)

// absent tells that a file was not put to the program that reads it. Where
// NETCASE_PEERS is "require", that is a failure: there the program is the point.
func absent(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETCASE_PEERS") == "require" {
		t.Errorf(format, args...)
		return
	}
	t.Logf(format, args...)
}

func checkNft(t *testing.T, dir string, files map[string]string) {
	n := 0
	for path, text := range files {
		if filepath.Ext(path) != ".nft" {
			continue
		}
		n++
		for l := range strings.Lines(text) {
			code, _, _ := strings.Cut(aString.ReplaceAllString(l, ""), "#")
			if code = aTable.ReplaceAllString(code, ""); strings.Contains(code, mark) || strings.Contains(code, "flush") {
				t.Errorf("%s: a word became a rule: %s", path, l)
			}
		}
		cmd, why := isolated("nft", "-c", "-f", filepath.Join(dir, filepath.FromSlash(path)))
		if cmd == nil {
			absent(t, "%s is not put to nft: %s", path, why)
			continue
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: nft: %v\n%s", path, err, out)
		}
	}
	if n < 3 {
		t.Errorf("%d files for nft", n)
	}
}

// sensorConfig is the least that Suricata tests rules with.
const sensorConfig = "%%YAML 1.1\n---\nvars:\n  address-groups:\n    HOME_NET: \"[10.0.0.0/8]\"\n    EXTERNAL_NET: \"!$HOME_NET\"\nclassification-file: %s\n"

func checkSuricata(t *testing.T, dir string, files map[string]string) {
	n := 0
	for path, text := range files {
		if filepath.Ext(path) != ".rules" {
			continue
		}
		n++
		for l := range strings.Lines(text) {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "alert ") {
				t.Errorf("%s: neither comment nor alert: %.200q", path, l)
			}
		}
		if _, err := exec.LookPath("suricata"); err != nil {
			absent(t, "%s is not put to suricata: it is not installed", path)
			continue
		}
		temp := t.TempDir()
		class, config := filepath.Join(temp, "classification.config"), filepath.Join(temp, "suricata.yaml")
		for name, content := range map[string]string{class: "config classification: misc-attack,Misc Attack,2\n", config: fmt.Sprintf(sensorConfig, class)} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("suricata", "-T", "-c", config, "-l", temp, "--runmode", "single", "-S", filepath.Join(dir, filepath.FromSlash(path))).CombinedOutput()
		if err != nil || regexp.MustCompile(`(?i)\bE: |error`).Match(out) {
			t.Errorf("%s: suricata: %v\n%s", path, err, out)
		}
	}
	if n == 0 {
		t.Error("no rules for suricata")
	}
}

// checkQueries wants queries of addresses, times and plain names alone.
func checkQueries(t *testing.T, c *netcase.Case) {
	queries := map[string]string{}
	for _, q := range c.Queries {
		queries[q.Title] = q.Text
	}
	for _, a := range c.Actions {
		queries[a.ID] = a.Verify
	}
	for _, g := range c.Gaps {
		queries[g.Source] = g.Query
	}
	for _, in := range c.Coverage.Inputs {
		queries[in.ID] = in.CutQuery
	}
	if len(c.Queries) == 0 {
		t.Error("no query")
	}
	for what, q := range queries {
		for _, list := range aList.FindAllStringSubmatch(q, -1) {
			for item := range strings.SplitSeq(list[1], ", ") {
				if item != "" && !anItem.MatchString(item) {
					t.Errorf("%q: no plain word in a list: %.80q", what, item)
				}
			}
		}
		if rest := aList.ReplaceAllString(q, ""); strings.Contains(rest, mark) || strings.ContainsAny(rest, "\x1b\x00") {
			t.Errorf("%q holds a hostile word:\n%s", what, rest)
		}
	}
}

// The lists in a query, which may hold names of machines, and what may stand there.
var (
	aList  = regexp.MustCompile(`dynamic\(\[([^\]]*)\]\)`)
	anItem = regexp.MustCompile(`^(?:"[A-Za-z0-9._:-]+"|[0-9]+)$`)
)

var anAddress = regexp.MustCompile(`[0-9a-fA-F]*[.:][0-9a-fA-F.:]*[0-9a-fA-F](?:/[0-9]+)?`)

// touched are the guarded ranges that a text for machines names.
func touched(text string) (out []string) {
	for _, word := range anAddress.FindAllString(text, -1) {
		p, err := netip.ParsePrefix(word)
		if a, e := netip.ParseAddr(word); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err == nil && slices.ContainsFunc(never, p.Overlaps) {
			out = append(out, word)
		}
	}
	return out
}

// checkGuard wants no guarded address where it would act, and each refusal told.
func checkGuard(t *testing.T, c *netcase.Case, files map[string]string) {
	told := map[string]string{}
	blocks := 0
	for _, a := range c.Actions {
		for _, r := range a.Refused {
			told[r.Value] = r.Reason
		}
		n := fmt.Sprintf("%d address", len(a.Selection.Peers))
		if (a.Kind == "block" || a.Kind == "detect") && !strings.Contains(a.Title, n) {
			t.Errorf("%s is called %q and names %ses", a.ID, a.Title, n)
		}
		if a.Kind != "block" {
			continue
		}
		blocks += len(a.Selection.Peers)
		for _, p := range a.Selection.Peers {
			if bad := touched(p.String()); len(bad) > 0 || !p.Addr.IsValid() {
				t.Errorf("%s blocks %s", a.ID, p)
			}
		}
		if len(a.Selection.Prefixes) > 0 {
			t.Errorf("%s blocks %v", a.ID, a.Selection.Prefixes)
		}
	}
	if blocks == 0 {
		t.Error("nothing is blocked, so the guard is not tested")
	}
	for _, a := range refused {
		if told[a] == "" {
			t.Errorf("%s scanned, is listed, and is not among the refused with a reason: %v", a, told)
		}
		if !strings.Contains(files["response/nftables/2-block.nft"], "refused "+a+": ") {
			t.Errorf("the block list does not say that %s is refused", a)
		}
	}
	checkBlockSets(t, files)
	checkRefusedLists(t, c)
}

func checkBlockSets(t *testing.T, files map[string]string) {
	sets := 0
	for path, text := range files {
		if !strings.HasPrefix(path, "response/") {
			continue
		}
		for l := range strings.Lines(text) {
			l = strings.TrimSpace(l)
			if strings.HasPrefix(l, "#") || strings.HasPrefix(l, "alert ") { // an alert names our side too
				continue
			}
			if bad := touched(l); len(bad) > 0 {
				t.Errorf("%s acts on %v: %.200s", path, bad, l)
			}
			if strings.HasPrefix(l, guesser+",") {
				sets++
			}
		}
	}
	if sets == 0 {
		t.Errorf("the real scanner is in no set")
	}
	for l := range strings.Lines(files["response/suricata/netcase.rules"]) {
		if strings.HasPrefix(l, "alert ") && len(touched(strings.SplitN(l, "->", 2)[0]+strings.SplitN(l, "(", 2)[0])) > 0 {
			t.Errorf("an alert on a guarded address: %s", l)
		}
	}
	var bundle struct {
		Objects []struct{ Type, Pattern string }
	}
	if err := json.Unmarshal([]byte(files["indicators/stix.json"]), &bundle); err != nil {
		t.Error(err)
	}
	for _, o := range bundle.Objects {
		if bad := touched(o.Pattern); o.Type == "indicator" && len(bad) > 0 {
			t.Errorf("an indicator of %v: %s", bad, o.Pattern)
		}
	}
}

// checkRefusedLists wants the whole Internet and private ranges refused where the
// lists are read, and counted there.
func checkRefusedLists(t *testing.T, c *netcase.Case) {
	for _, f := range c.Coverage.Feeds {
		if f.Name != "intel/abuse-2025-10-13.csv" {
			continue
		}
		for _, why := range []string{"refused: private", "refused: the whole Internet", "refused: loopback"} {
			if f.Reasons[why] == 0 {
				t.Errorf("%s: nothing is %q: %v", f.Name, why, f.Reasons)
			}
		}
		return
	}
	t.Error("the list is not in the coverage")
}

func checkBook(t *testing.T, c *netcase.Case, dir string) {
	result, err := casebook.Verify(dir)
	if err != nil || len(result.Problems) > 0 {
		t.Errorf("verify: %v %v", result.Problems, err)
	}
	d := report.Build(c)
	if len(d.Dangling) > 0 || len(d.Dropped) > 0 {
		t.Errorf("evidence that does not exist %v; sentences without evidence %q", d.Dangling, d.Dropped)
	}
	if back, err := casebook.Read(dir); err != nil || back.ID != c.ID {
		t.Errorf("the case does not read back: %v", err)
	}
}

// rewritten is a case whose own words were replaced: a folder that someone else
// sent is rendered anew by people who trust the tool.
func rewritten(t *testing.T) *netcase.Case {
	c, _ := hostileCase(t, 2)
	source := c.Groups[0].Sources[0]
	c.ID, c.Title, c.Tool = `x"; } add rule inet `+mark, payloads()[31], payloads()[9]
	c.Severity.WhyHigh, c.Severity.Decides, c.StatusWhy, c.Confidence.Capped = payloads()[0], payloads()[13], payloads()[9], payloads()[16]
	for i, p := range payloads() {
		source.Peer = netcase.At(netip.AddrFrom4([4]byte{11, 80, 0, byte(i + 1)}))
		c.Actions = append(c.Actions, netcase.Action{
			ID: fmt.Sprint(p, i), Kind: []string{"block", "detect"}[i%2], Title: p, Reason: p, Owner: p, Rollback: p, Verify: p, Risk: p, Collateral: p,
			Selection: netcase.Selection{Peers: []netcase.Endpoint{source.Peer, {Name: p}}, Direction: netcase.Inbound},
			Refused:   []netcase.Refusal{{Value: p, Reason: p}}, Evidence: c.Groups[0].Evidence,
		})
		g := c.Groups[0]
		g.ID, g.Label, g.Class, g.Sources = p, p, p, []netcase.Profile{source}
		c.Groups = append(c.Groups, g)
		c.Summary = append(c.Summary, netcase.Sentence{Text: p, Evidence: c.Groups[0].Evidence})
		c.Queries = append(c.Queries, netcase.QueryText{Title: p, Language: p, Text: p})
		c.Coverage.Notes = append(c.Coverage.Notes, p)
	}
	return c
}

// TestHostileCase renders a case in which every word of its own is hostile too.
func TestHostileCase(t *testing.T) {
	notShort(t)
	c := rewritten(t)
	rendered, err := hunt.Render(c, nil, hunt.Rendering{})
	if err != nil {
		t.Fatal(err)
	}
	dir, files := t.TempDir(), map[string]string{}
	for path, content := range rendered {
		files[path] = string(content)
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range files {
		checkText(t, path, text, strings.HasSuffix(path, ".csv"))
	}
	for _, path := range []string{"indicators/iocs.csv", "indicators/stix.json", "response/nftables/2-block.nft", "response/suricata/netcase.rules", "report.html"} {
		if !strings.Contains(files[path], mark) {
			t.Errorf("%s holds no hostile word", path)
		}
	}
	checkTerminal(t, c)
	checkMarkup(t, "report.html", files["report.html"], pageElements)
	checkMarkdown(t, files["report.md"])
	checkCells(t, files["indicators/iocs.csv"])
	checkNft(t, dir, files)
	checkSuricata(t, dir, files)
	checkBlockSets(t, files)
	if !json.Valid([]byte(files["indicators/stix.json"])) {
		t.Error("stix.json is not JSON")
	}
}

// TestHostileNothing: words alone, without one flow, are an error and no folder.
func TestHostileNothing(t *testing.T) {
	cfg := given(t, map[string][]byte{"words.csv": []byte(strings.Join(payloads(), "\n"))}, hostileLists(t))
	cfg.Out = filepath.Join(t.TempDir(), "case")
	if _, err := hunt.Run(t.Context(), cfg); err == nil {
		t.Error("a case was made of nothing")
	} else {
		checkText(t, "error", err.Error(), false)
	}
	if _, err := os.Stat(cfg.Out); err == nil {
		t.Error("a folder was written")
	}
}
