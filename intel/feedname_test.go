package intel

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

func TestFeedName(t *testing.T) {
	for path, want := range map[string]string{
		"lists/drop.json":                         "lists/drop.json",
		"db/2025-10-20/list-20251020.txt":         "db/list.txt",
		"abuseipdb-s100-2025-10-20.excerpt.ipv4":  "abuseipdb-s100.excerpt.ipv4",
		"blocklist-abuseipdb/db/2025-10-20.ipv4":  "blocklist-abuseipdb/db/ipv4",
		"export_2025-10-20T14-05-09Z.json":        "export.json",
		"lists/drop-2025-10-20.json.gz":           "lists/drop.json",
		"2025-10-20":                              "2025-10-20",
		"abuseipdb-s100-120d-aa.txt":              "abuseipdb-s100-120d-aa.txt",
		"list-2025-10-20-to-2025-10-21-final.txt": "list.to.final.txt",
	} {
		if got := FeedName(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestReaches(t *testing.T) {
	set, err := Load(context.Background(), []File{
		textFile("a.txt", "62.1.1.1\n62.1.1.2\n62.1.1.2\n"),
		textFile("b.txt", "62.1.1.0/24\n2a02::1\n"),
		textFile("c-hosting.txt", "62.1.1.2\n70.0.0.0/16\n"),
		textFile("geo/d.csv", "62.0.0.0,62.255.255.255,NL\n70.0.0.0,70.0.255.255,US\n"), // holds all of them, and accuses nobody
		textFile("e-datacenter.txt", "70.0.0.0/15\n"),
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Reach{{Prefixes: 2, Covered: 2, Shared: 2}, {Prefixes: 2, Covered: 256}, {Prefixes: 2, Shared: 1}, {Prefixes: 1}, {Prefixes: 2}}
	for i, got := range set.Reaches() {
		if got != want[i] {
			t.Errorf("%s: %+v, want %+v", set.Feeds()[i].Name, got, want[i])
		}
	}
}

// TestOwnNetworks: nobody's list may accuse the owner; knowledge about the range
// stays.
func TestOwnNetworks(t *testing.T) {
	cfg := Config{Own: []netip.Prefix{netip.MustParsePrefix("62.1.1.0/24")}}
	set, err := Load(context.Background(), []File{
		textFile("bad.txt", "62.1.1.9\n62.1.0.0/16\n62.1.2.1\n"),
		textFile("aws.txt", "62.1.0.0/16\n"),
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range set.Feeds() {
		for reason, n := range f.Reasons {
			said = append(said, strings.Repeat(reason+" ", int(n)))
		}
	}
	if set.Len() != 2 || strings.Join(said, "") != "refused: own network refused: own network " {
		t.Errorf("%d indicators, %q", set.Len(), said)
	}
}
