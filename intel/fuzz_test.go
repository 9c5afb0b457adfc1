package intel

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
)

// seeds gives the fixtures of some formats to a fuzz test.
func seeds(f *testing.F, formats ...string) {
	for _, format := range formats {
		dirs, err := filepath.Glob(filepath.Join("testdata", format, "*"))
		if err != nil || len(dirs) == 0 {
			f.Fatalf("no fixtures for %s: %v", format, err)
		}
		for _, d := range dirs {
			entries, err := os.ReadDir(d)
			if err != nil {
				f.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() != "want.json" {
					b, err := os.ReadFile(filepath.Join(d, e.Name()))
					if err != nil {
						f.Fatal(err)
					}
					f.Add(string(b))
				}
			}
		}
	}
}

// checkLoad loads a text and holds the set to what must be true of every set.
func checkLoad(t *testing.T, text string) {
	cfg := Config{MaxIndicators: 5000, MaxLine: 4096, MaxDocument: 1 << 20, Samples: 3}
	set, err := Load(context.Background(), []File{textFile("fuzz.txt", text)}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	full := cfg.orDefault()
	f := set.Feeds()[0]
	if f.Read != f.Usable+f.Skipped+f.Refused+f.Duplicate || f.Usable < 0 || f.Duplicate < 0 || f.Refused < 0 || f.Skipped < 0 {
		t.Fatalf("the counts do not add up: %+v", f)
	}
	if len(f.Error) > 0 && f.Error[:min(len(f.Error), 16)] == "the parser broke" {
		t.Fatal(f.Error)
	}
	if f.Usable > 0 && set.Len() == 0 || f.Usable == 0 && set.Len() > 0 && f.Duplicate == 0 {
		t.Fatalf("%d usable, %d indicators", f.Usable, set.Len())
	}
	for i := range set.recs {
		in := set.indicator(uint32(i))
		if !in.Prefix.IsValid() || in.Prefix != in.Prefix.Masked() || in.Prefix.Addr().Is4In6() {
			t.Fatalf("prefix %s", in.Prefix)
		}
		if why := full.refuse(in.Prefix, in.Claim); why != "" {
			t.Fatalf("%s was taken: %s", in.Prefix, why)
		}
		if len(in.Description) > maxText || len(in.Categories) > maxCategories || in.Claim == "" || in.Origin == "" && in.Provider != "" {
			t.Fatalf("%+v", in)
		}
		if i == 0 && len(set.Match(in.Prefix.Addr())) == 0 {
			t.Fatalf("%s does not match itself", in.Prefix)
		}
		if i == 0 {
			set.Card(CardQuery{Address: in.Prefix.Addr(), First: netcase.Time(1760918400000), Direction: netcase.Inbound})
		}
	}
}

func FuzzList(f *testing.F) {
	seeds(f, "list", "dshield", "ipsum", "tor-exits", "none")
	f.Fuzz(checkLoad)
}

func FuzzCSV(f *testing.F) {
	seeds(f, "csv")
	f.Fuzz(checkLoad)
}

func FuzzJSON(f *testing.F) {
	for _, format := range Formats() {
		if format.Fuzz == "FuzzJSON" {
			seeds(f, format.Name)
		}
	}
	f.Fuzz(checkLoad)
}

func FuzzSTIXPattern(f *testing.F) {
	for _, s := range []string{
		"[ipv4-addr:value = '62.1.1.1']",
		"[ipv4-addr:value IN ('62.1.1.1','62.1.1.2')] OR [ipv6-addr:value ISSUBSET '2a02::/32']",
		"([network-traffic:dst_ref.value = '62.1.1.1' AND network-traffic:dst_port = 443]) WITHIN 5 SECONDS",
		"[file:hashes.'SHA-256' = 'a\\'b'] FOLLOWEDBY [ipv4-addr:value = '62.1.1.1'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		targets, err := parsePattern(text)
		if (err == nil) == (len(targets) == 0) || len(targets) > maxPatternTargets {
			t.Fatalf("%d targets, %v", len(targets), err)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"62.4.5.6", "62.4.5.6/24", "62.4.5.1-62.4.5.9", "62.4.5.6:80", "[2a02::1]:443", "hxxp://62[.]4[.]5[.]6:8080/x", "2a02::1%eth0/64", "::ffff:62.4.5.6/120"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseTarget(text)
		if ok != (len(got.prefixes) > 0) {
			t.Fatalf("%v %v", got, ok)
		}
		for _, p := range got.prefixes {
			if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" || keyOf(p).prefix() != p {
				t.Fatalf("%s", p)
			}
			again, ok := parseTarget(p.String())
			if !ok || len(again.prefixes) != 1 || again.prefixes[0] != p {
				t.Fatalf("%s reads as %v", p, again)
			}
		}
	})
}

func FuzzDate(f *testing.F) {
	f.Add("Last update: Sat, 22 Aug 2026 03:00:29 +0200")
	f.Add("list-2025-10-20T14-05.txt")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (netcase.Time, bool){parseTime, dateInComment, dateInName} {
			if v, ok := read(text); ok != v.Known() || ok && !plausible(v.Std()) {
				t.Fatalf("%q: %s %v", text, v, ok)
			}
		}
	})
}

// FuzzAtlas: a damaged atlas costs its answers, nothing else.
func FuzzAtlas(f *testing.F) {
	for _, a := range []string{cityAtlas(f), systemAtlas(f), flatAtlas(f), "\x00\x00\x00" + string(atlasMark)} {
		f.Add(a)
		f.Add(a[:len(a)-len(a)/5])
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Load(context.Background(), []File{textFile("fuzz.mmdb", text)}, Config{MaxDocument: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		fd := set.Feeds()[0]
		if fd.Read != fd.Usable+fd.Skipped+fd.Refused+fd.Duplicate || strings.HasPrefix(fd.Error, "the parser broke") {
			t.Fatalf("%+v", fd)
		}
		for _, a := range []string{"62.4.5.6", "2a02:1::5", "255.255.255.255", "::"} {
			for _, in := range set.Match(netip.MustParseAddr(a)) {
				if in.Claim.Adverse() && fd.Format == "mmdb" || len(in.Geo.ASName) > maxCategory {
					t.Fatalf("%+v", in)
				}
			}
		}
	})
}
