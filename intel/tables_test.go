package intel

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
)

// TestFormats holds every member of the table to its duties.
func TestFormats(t *testing.T) {
	tests, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, f := range Formats() {
		if f.Name == "" || seen[f.Name] {
			t.Errorf("name %q is empty or used twice", f.Name)
		}
		seen[f.Name] = true
		if !strings.HasSuffix(f.Doc, ".") || len(f.Doc) < 20 {
			t.Errorf("%s: doc %q", f.Name, f.Doc)
		}
		if f.Detect == nil || f.Parse == nil {
			t.Errorf("%s: no functions", f.Name)
		}
		if f.Fuzz == "" || !strings.Contains(string(tests), "func "+f.Fuzz+"(") {
			t.Errorf("%s: no fuzz test %q", f.Name, f.Fuzz)
		}
		if m, _ := filepath.Glob(filepath.Join("testdata", f.Name, "*", "want.json")); len(m) == 0 {
			t.Errorf("%s: no fixture", f.Name)
		}
	}
}

// TestRangesAreKnowledge: no range of a provider counts as badness.
func TestRangesAreKnowledge(t *testing.T) {
	for _, m := range makers() {
		if m.service != "" && m.claim.Adverse() {
			t.Errorf("%s: %s is adverse", m.provider, m.claim)
		}
	}
	for _, w := range warnings() {
		if w.claim.Adverse() {
			t.Errorf("warning list %q: %s is adverse", w.words, w.claim)
		}
	}
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name, comment    string
		provider, origin string
		claim            netcase.ClaimType
	}{
		{"ti/malicious-ip/abuseipdb-s100-120d-aa.txt", "", "malicious-ip", "AbuseIPDB", netcase.ClaimAbuse},
		{"ti/malicious-ip/full-40k.txt", "", "malicious-ip", Aggregate, netcase.ClaimListed},
		{"malicious-ip/by-country/full-de-aa.txt", "", "malicious-ip", Aggregate, netcase.ClaimListed},
		{"malicious-ip-aa.txt", "", "malicious-ip", Aggregate, netcase.ClaimListed},
		{"cps-feeds/alienvault.txt", "", "Critical Path Security", "AlienVault OTX", netcase.ClaimListed},
		{"cps-feeds/tor-exit.txt", "", "Critical Path Security", "Tor Project", netcase.ClaimTor},
		{"cps-feeds/cobaltstrike_ips.txt", "", "Critical Path Security", "Critical Path Security", netcase.ClaimC2},
		{"alienvault.txt", "", "AlienVault OTX", "AlienVault OTX", netcase.ClaimListed},
		{"db/2025-10-20/2025-10-20.ipv4", "", "2025-10-20", "2025-10-20", netcase.ClaimListed},
		{"blocklist-abuseipdb/db/2025-10-20.ipv4", "", "AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse},
		{"x/maltrail/asyncrat.txt", "", "Maltrail", "Maltrail", netcase.ClaimMalware},
		{"x/maltrail/mass_scanner_cidr.txt", "", "Maltrail", "Maltrail", netcase.ClaimScanner},
		{"asyncrat.txt", "Copyright (c) 2014-2026 Maltrail developers (https://github.com/stamparm/maltrail/)", "Maltrail", "Maltrail", netcase.ClaimMalware},
		{"level1.netset", "firehol_level1", "FireHOL", Aggregate, netcase.ClaimListed},
		{"blocklist_de_ssh.ipset", "", "blocklist.de", "blocklist.de", netcase.ClaimBruteForce},
		{"notes.txt", "Reference: https://www.abuseipdb.com/check/x", "notes", "notes", netcase.ClaimListed},
		{"rules.txt", "iptables -j DROP", "rules", "rules", netcase.ClaimListed},
		{"amazon-ipv4.txt", "", "Amazon ranges", "Amazon ranges", netcase.ClaimHosting},
		{"shadowwhisperer/Tunnels", "", "ShadowWhisperer", "ShadowWhisperer", netcase.ClaimProxy},
		{"shadowwhisperer/Threats_Unclassified", "", "ShadowWhisperer", "ShadowWhisperer", netcase.ClaimListed},
		{"x4bnet/vpn-ipv4.txt", "", "X4BNet", "X4BNet", netcase.ClaimProxy},
		{"intel/mass-scanners.netset", "", "mass-scanners", "mass-scanners", netcase.ClaimScan},
		{"intel/benign-scanners.txt", "", "benign-scanners", "benign-scanners", netcase.ClaimScanner},
		{"blocklist-2025-10-20.txt", "", "blocklist", "blocklist", netcase.ClaimListed},
	} {
		id := identify(c.name, []string{c.comment})
		if id.provider != c.provider || id.origin != c.origin || id.claim != c.claim {
			t.Errorf("%s %q: %s < %s, %s", c.name, c.comment, id.provider, id.origin, id.claim)
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"Last update: Sat, 22 Aug 2026 03:00:29 +0200":   "2026-08-22T01:00:29.000Z",
		"Last updated: 2026-08-22 03:00:12 UTC    #":     "2026-08-22T03:00:12.000Z",
		"This File Date  : Sat Aug 22 03:00:29 UTC 2026": "2026-08-22T03:00:29.000Z",
		"Spamhaus DROP List 2026/08/22 - (c) 2026":       "2026-08-22T00:00:00.000Z",
		"Last-Modified: Sat, 22 Aug 2026 02:00:00 GMT":   "2026-08-22T02:00:00.000Z",
		"Generated at 2026-08-22T02:00:00Z by x":         "2026-08-22T02:00:00.000Z",
		"Expires: Sat, 22 Aug 2026 03:30:00 GMT":         "unknown",
		"Next update: 2026-08-23":                        "unknown",
		"date: 03/04/2026":                               "unknown",
		"updated: Sat Aug 22 03:00:29 EST 2026":          "unknown",
		"Copyright 2026":                                 "unknown",
		"update 1":                                       "unknown",
		"https://example.org/2026-08-22/list":            "unknown",
	} {
		got, _ := dateInComment(text)
		if got.String() != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for path, want := range map[string]string{
		"db/2025-10-20/list.ipv4":                "2025-10-20T00:00:00.000Z",
		"db/2025-01-01/list-20251020.txt":        "2025-10-20T00:00:00.000Z",
		"abuseipdb-s100-2025-10-20.excerpt.ipv4": "2025-10-20T00:00:00.000Z",
		"export_2025-10-20T14-05-09Z.json":       "2025-10-20T14:05:09.000Z",
		"abuseipdb-s100-120d-aa.txt":             "unknown",
		"full-40k.txt":                           "unknown",
		"list-2025-13-40.txt":                    "unknown",
		"x120251020.txt":                         "unknown",
	} {
		got, _ := dateInName(path)
		if got.String() != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

func TestCountryCode(t *testing.T) {
	for v, want := range map[string]string{
		"de": "DE", "Germany": "DE", "USA (Secaucus)": "US", "India (New Delhi)": "IN", "UK": "GB", "Viet Nam": "VN",
		"POL": "PL", "Russian Federation": "RU", "Korea, Republic of": "KR", "EU": "", "Atlantis": "", "": "",
	} {
		if got := countryCode(v); got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
	seen := make(map[string]string)
	for line := range strings.SplitSeq(strings.TrimSpace(countries), "\n") {
		for n := range strings.SplitSeq(line[3:], "|") {
			if fold(n) == "" || seen[fold(n)] != "" && seen[fold(n)] != line[:2] {
				t.Errorf("%q names %s and %s", n, seen[fold(n)], line[:2])
			}
			seen[fold(n)] = line[:2]
		}
	}
}

func TestPattern(t *testing.T) {
	for text, want := range map[string]string{
		"[ipv4-addr:value = '62.1.1.1']":                                                                  "62.1.1.1:0",
		"[ipv4-addr:value == '62.1.1.1' OR ipv4-addr:value = '62.1.1.2']":                                 "62.1.1.1:0 62.1.1.2:0",
		"[network-traffic:dst_ref.value = '62.1.1.1' AND network-traffic:dst_port IN (80, 443)]":          "62.1.1.1:80 62.1.1.1:443",
		"([ipv4-addr:value = '62.1.1.1'] OR [ipv4-addr:value = '62.1.1.2']) WITHIN 300 SECONDS":           "62.1.1.1:0 62.1.1.2:0",
		"[ipv4-addr:value = '62.1.1.1'] AND [ipv4-addr:value = '62.1.1.2']":                               "62.1.1.1:0 62.1.1.2:0",
		"[ipv4-addr:value = '62.1.1.1'] START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'":       "62.1.1.1:0",
		"[ipv4-addr:value = '62.1.1.1' OR (domain-name:value = 'a.b' AND ipv4-addr:value = '62.1.1.2')]":  "62.1.1.1:0",
		"[ipv4-addr:value NOT = '62.1.1.1']":                                                              "pattern asks for no address",
		"[ipv4-addr:value != '62.1.1.1']":                                                                 "pattern asks for no address",
		"[ipv4-addr:value = '62.1.1.1' AND file:hashes.'SHA-256' = 'x']":                                  "pattern needs more than an address",
		"[ipv4-addr:value = '62.1.1.1'] FOLLOWEDBY [domain-name:value = 'x']":                             "pattern needs more than an address",
		"[ipv4-addr:value LIKE '62.1.%']":                                                                 "pattern asks for no address",
		"[network-traffic:protocols[0] = 'tcp' AND network-traffic:src_ref.value ISSUBSET '62.1.0.0/16']": "62.1.0.0/16:0",
		"[ipv4-addr:value = 'it\\'s']":                                                                    "it's:0",
	} {
		targets, err := parsePattern(text)
		var got []string
		for _, p := range targets {
			got = append(got, p.address+":"+strings.TrimSpace(itoaPort(p.port)))
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
	deep := strings.Repeat("(", 100_000)
	if _, err := parsePattern(deep[:60_000]); err == nil {
		t.Error("a deep pattern was read")
	}
}

func TestConfidenceInName(t *testing.T) {
	for name, want := range map[string]float64{
		"abuseipdb-s100-2025-10-20.ipv4": 100, "malicious-ip/abuseipdb-s100-120d-aa.txt": 100, "borestad_s75.txt": 75,
		"abuseipdb-2025-10-20.txt": 0, "abuseipdb-s3-copy.txt": 0, "abuseipdb-s1000.txt": 0, "greensnow-s100.txt": 0, "abuseipdb-stats100.txt": 0,
	} {
		if got := identify(name, nil).score; got != want {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
	for _, i := range load(t, []File{textFile("abuseipdb-s100-2025-10-20.ipv4", "62.4.5.6\n")}).Match(netip.MustParseAddr("62.4.5.6")) {
		if i.Score != 100 || i.ScoreText != "confidence 100 %" {
			t.Errorf("%+v", i)
		}
	}
}

func TestCountryInPath(t *testing.T) {
	for path, want := range map[string]string{
		"malicious-ip/by-country/full-bg-aa.txt": "BG",
		"by-country/uk.ipset":                    "GB",
		"by-country/full-aa.txt":                 "",
		"malicious-ip/full-bg-aa.txt":            "",
		"countries/list_of_XX.txt":               "",
	} {
		if got := identify(path, nil).country; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
