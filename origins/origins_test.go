package origins

import (
	"strings"
	"testing"
)

func here(names ...string) func(string) bool {
	return func(folded string) bool {
		for _, n := range names {
			if Fold(n) == folded {
				return true
			}
		}
		return false
	}
}

func TestDefault(t *testing.T) {
	d := Default()
	for _, c := range []struct {
		origin, want string
		present      []string
	}{
		{"SOCRadar", "abuseipdb", []string{"AbuseIPDB", "AlienVault"}},
		{"SOCRadar", "otx", []string{"AlienVault OTX"}},
		{"SOCRadar", "socradar", []string{"GreenSnow"}},
		{"aggregate of public lists", "greensnow", []string{"GreenSnow"}},
		{"IPsum", "blocklistde", []string{"blocklist.de"}},
		{"AbuseIPDB", "abuseipdb", []string{"SOCRadar"}},
	} {
		if got := d.Group(c.origin, here(c.present...)); got != c.want {
			t.Errorf("%s beside %v: %s, want %s", c.origin, c.present, got, c.want)
		}
	}
	if !strings.HasPrefix(d.String(), "origins v1 sha256:") {
		t.Error(d.String())
	}
}

func TestParse(t *testing.T) {
	u, err := Parse([]byte("families:\n  Our SIEM: [GreenSnow]\n  IPsum: [AbuseIPDB]\ncitations:\n  - {provider: partner, feed: weekly, origin: AbuseIPDB}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Group("our siem", here("greensnow")) != "greensnow" || u.Group("ipsum", here("greensnow")) != "ipsum" || u.Group("SOCRadar", here("abuseipdb")) != "abuseipdb" {
		t.Error("the user's families")
	}
	if u.Cited("Partner", "lists/Weekly-1.txt") != "AbuseIPDB" || u.Cited("partner", "daily") != "" || u.String() == Default().String() {
		t.Error("the user's citations")
	}
	for text, want := range map[string]string{
		"families: {A: [B]}\nfamilie: {}\n":            "[2:1]",
		"families:\n  A: [B]\n  C: 5\n":                "[3:6]",
		"families:\n  A: [B]\n  C: []\n":               "line 3: families: \"C\"",
		"families:\n  A: [a]\n":                        "line 2: families: A",
		"\ncitations:\n  - {provider: A, origin: a}\n": "line 2: citations: entry 1",
		"decay:\n  - {source: A, model: linear}\n":     "line 1: decay: entry 1: model \"linear\"",
		"version: v9\n":                                "only families, citations and decay",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("families: {A: [B]}\n"))
	f.Add([]byte("citations: [{provider: A, origin: B}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if u, err := Parse(text); err == nil && u.Group("nobody else", func(string) bool { return false }) != "nobodyelse" {
			t.Error("an origin that nobody hands on is its own")
		}
	})
}
