package judge

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"netcase"
	"netcase/origins"
)

func TestDecay(t *testing.T) {
	for _, c := range []struct{ days, want float64 }{{0, 80}, {1, 72.70}, {7, 60.68}, {30, 40.00}, {60, 23.43}, {120, 0}, {121, 0}, {-1, 0}} {
		near(t, "MISP", MISPDecay(80, c.days), c.want, 0.005)
	}
	for _, c := range []struct{ days, want float64 }{{0, 100}, {1, 90.30}, {7, 68.47}, {14, 52.00}, {30, 23.82}, {47, 0}, {3.30, 80}, {14.98, 50}, {32.52, 20}} {
		near(t, "OpenCTI", openCTI(100, c.days), c.want, 0.05)
	}
	near(t, "OpenCTI base 53", openCTI(53, 14), 27.6, 0.05)
}

// combine is the arithmetic of Fuse on bare numbers: log-odds by origin group.
func combine(groups [][]float64) float64 {
	total := logit(abusePrior)
	for _, g := range groups {
		var votes []vote
		for _, w := range g {
			votes = append(votes, vote{listing: &netcase.Listing{}, alone: w})
		}
		for _, w := range echo(votes) {
			total += w
		}
	}
	return logistic(total)
}

func TestCombine(t *testing.T) {
	l := math.Log(4)
	near(t, "four origins", combine([][]float64{{l}, {l}, {l}, {l}}), .985, .0005)
	near(t, "one origin", combine([][]float64{{l, l, l, l}}), .612, .0005)
	near(t, "three and one", combine([][]float64{{l, l, l}, {l}}), .861, .0005)
	fifth := combine([][]float64{{l, l, l, l, l}}) - combine([][]float64{{l, l, l, l}})
	if fifth <= 0 || fifth >= .01 {
		t.Errorf("a fifth copy moves P by %.4f, want less than .01", fifth)
	}
}

var sshIn = Behaviour{Direction: netcase.Inbound, Ports: []uint16{22}}

func entry(provider, origin string, claim netcase.ClaimType, score, age float64) netcase.Listing {
	return netcase.Listing{
		Indicator: netcase.Indicator{ID: provider, Provider: provider, Origin: origin, Claim: claim, Score: score, LastSeen: 1_760_000_000_000},
		Timing:    netcase.KnownThen, AgeDays: age,
	}
}

func fused(b Behaviour, ls ...netcase.Listing) netcase.Card {
	c := netcase.Card{Address: netip.MustParseAddr("198.51.100.7"), Listings: slices.Clone(ls), Adverse: len(ls)}
	Fuse(&c, b)
	return c
}

func TestFuseOneListing(t *testing.T) {
	c := fused(sshIn, entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 80, 0))
	near(t, "AbuseIPDB 80 today", c.P, logistic(logit(.2)+.6*logit(.75)), 1e-9)
	near(t, "its weight in decibans", c.Listings[0].Weight, .6*logit(.75)*10/math.Ln10, 1e-9)
	old := fused(sshIn, entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 80, 14))
	near(t, "a fortnight later", old.P, logistic(logit(.2)+.6*.52*logit(.75)), 1e-4)
}

func TestFuseRelevance(t *testing.T) {
	c := fused(sshIn, entry("Kaspersky", "Kaspersky", netcase.ClaimPhishing, 0, 1))
	if c.P != 0 || c.Listings[0].Weight != 0 || c.Listings[0].Why == "" || c.Listings[0].Relevant {
		t.Errorf("phishing bears on inbound SSH: %+v", c)
	}
	out := fused(Behaviour{Direction: netcase.Outbound, Ports: []uint16{443}}, entry("Kaspersky", "Kaspersky", netcase.ClaimPhishing, 0, 1))
	if out.P == 0 || out.Listings[0].Weight <= 0 {
		t.Errorf("phishing does not bear on a call from our side: %+v", out)
	}
	late := entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 100, 0)
	late.Timing = netcase.NotYetSeen
	if c := fused(sshIn, late); c.P != 0 || listed(&c) {
		t.Errorf("a claim first seen ten days after the traffic counts: %+v", c)
	}
	port := entry("abuse.ch", "abuse.ch", netcase.ClaimC2, 0, 0)
	port.Indicator.Port = 8443
	same := fused(Behaviour{Direction: netcase.Outbound, Ports: []uint16{8443}}, port)
	other := fused(Behaviour{Direction: netcase.Outbound, Ports: []uint16{443}}, port)
	if same.P <= other.P {
		t.Errorf("the named port %.3f is not above another port %.3f", same.P, other.P)
	}
	if ask := fused(Behaviour{}, port); ask.P <= abusePrior {
		t.Errorf("a look-up, which has seen nothing, passes over a claim of control: %+v", ask)
	}
	if in := fused(sshIn, port); in.P != 0 {
		t.Errorf("a claim of control bears on inbound traffic: %+v", in)
	}
}

func TestFuseCopies(t *testing.T) {
	first := entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 80, 0)
	cited := entry("SOCRadar", "AbuseIPDB", netcase.ClaimAbuse, 80, 0)
	silent := entry("SOCRadar", "SOCRadar", netcase.ClaimAbuse, 53, 0)
	alone, copied := fused(sshIn, first), fused(sshIn, first, cited)
	near(t, "a copy that names its origin", copied.P, alone.P, 1e-12)
	echoed := fused(sshIn, first, silent)
	independent := logistic(logit(.2) + .6*logit(.75) + .6*logit(.55))
	if echoed.P <= alone.P || echoed.P >= independent {
		t.Errorf("an aggregator that does not name its origin: %.4f, want between %.4f and %.4f", echoed.P, alone.P, independent)
	}
	if n := originsOf(&echoed); n != 1 {
		t.Errorf("%d independent origins, want 1", n)
	}
	honeypot := fused(sshIn, first, cited, entry("GreyNoise", "GreyNoise", netcase.ClaimScan, 0, 0))
	if n := originsOf(&honeypot); n != 2 || honeypot.P <= copied.P {
		t.Errorf("a second origin: %d origins, P %.4f", n, honeypot.P)
	}
	many := []netcase.Listing{first, cited, silent}
	before := fused(sshIn, many...).P
	for i := range 5 {
		x := silent
		x.Indicator.ID = string(rune('a' + i))
		many = append(many, x)
		if after := fused(sshIn, many...).P; after-before >= .01 || after < before {
			t.Errorf("copy %d moves P from %.4f to %.4f", i, before, after)
		} else {
			before = after
		}
	}
}

func TestFuseHarmless(t *testing.T) {
	edge := entry("warninglist", "warninglist", netcase.ClaimEdge, 0, 0)
	bad := entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 100, 0)
	c := fused(sshIn, bad, edge)
	if !SharedEdge(&c) || c.P >= .05 || listed(&c) {
		t.Errorf("a shared edge: P %.3f, listed %v", c.P, listed(&c))
	}
	s := fused(sshIn, bad, entry("Censys", "Censys", netcase.ClaimScanner, 0, 0))
	if !Scanner(&s) || s.P > .05 {
		t.Errorf("a verified scanner: P %.3f", s.P)
	}
	h := fused(sshIn, bad, entry("AWS", "AWS", netcase.ClaimHosting, 0, 0))
	near(t, "a hosting range is no verdict", h.P, fused(sshIn, bad).P, 1e-12)
	if e := fused(sshIn); e.P != 0 {
		t.Errorf("an empty card has P %.3f", e.P)
	}
	if o := fused(sshIn, entry("AlienVault OTX", "IPQS", netcase.ClaimListed, 0, 0)); o.P <= 0 || math.Abs(o.P-abusePrior) > 1e-9 {
		t.Errorf("a bulk list moves P to %.3f", o.P)
	}
}

// The order of the listings changes nothing, and P never reaches certainty.
func TestFuseOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	providers := []string{"AbuseIPDB", "SOCRadar", "OTX", "Kaspersky", "GreyNoise", "ipsum", "blocklist.de"}
	kinds := []netcase.ClaimType{netcase.ClaimAbuse, netcase.ClaimScan, netcase.ClaimBruteForce, netcase.ClaimListed, netcase.ClaimPhishing}
	for range 200 {
		var ls []netcase.Listing
		for range r.IntN(12) {
			p := providers[r.IntN(len(providers))]
			ls = append(ls, entry(p, providers[r.IntN(len(providers))], kinds[r.IntN(len(kinds))], float64(r.IntN(101)), float64(r.IntN(60))))
		}
		a := fused(sshIn, ls...)
		r.Shuffle(len(ls), func(i, j int) { ls[i], ls[j] = ls[j], ls[i] })
		b := fused(sshIn, ls...)
		if a.P != b.P {
			t.Fatalf("order matters: %.17g and %.17g", a.P, b.P)
		}
		if a.P >= 1 || a.P < 0 {
			t.Fatalf("P = %g", a.P)
		}
	}
}

// A source that names the same addresses within two days after another one, nearly always,
// is an echo of it; with fewer in common, later, or the other way round it is its own voice.
func TestTemporalCopies(t *testing.T) {
	build := func(n int, lag func(i int) netcase.Time) map[string]string {
		f := netcase.Finding{Sighting: &netcase.SightingFacts{}}
		for i := range n {
			a := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			first := netcase.Time(1_760_000_000_000) + netcase.Time(i)*netcase.Hour
			one, two := entry("First", "First", netcase.ClaimScan, 0, 0), entry("Second", "Second", netcase.ClaimScan, 0, 0)
			one.Indicator.FirstSeen, two.Indicator.FirstSeen = first, first+lag(i)
			f.Sighting.Sightings = append(f.Sighting.Sightings, netcase.Sighting{Card: netcase.Card{Address: a, Listings: []netcase.Listing{one, two}}})
		}
		return copiedFrom([]netcase.Finding{f})
	}
	day := func(int) netcase.Time { return netcase.Day }
	if got := build(30, day); got["second"] != "first" || got["first"] != "" {
		t.Errorf("thirty within a day: %v", got)
	}
	for name, got := range map[string]map[string]string{
		"too few":       build(29, day),
		"three days":    build(40, func(int) netcase.Time { return 3 * netcase.Day }),
		"now and then":  build(40, func(i int) netcase.Time { return netcase.Time(i%2*9-4) * netcase.Day }),
		"the same hour": build(40, func(int) netcase.Time { return 0 }),
		"seven of ten": build(40, func(i int) netcase.Time {
			return map[bool]netcase.Time{true: netcase.Day, false: 9 * netcase.Day}[i%10 < 7]
		}),
		"no common ones": copiedFrom(nil),
	} {
		if len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	own, echoed := entry("First", "First", netcase.ClaimScan, 0, 0), entry("Second", "Second", netcase.ClaimScan, 0, 0)
	c := netcase.Card{Listings: []netcase.Listing{own, echoed}}
	fuse(&c, sshIn, nil)
	two := c.P
	fuse(&c, sshIn, map[string]string{"second": "first"})
	if c.Voices != 1 || originsOf(&c) != 1 || c.P >= two {
		t.Errorf("a copy has a voice of its own: %d voices, P %.3f beside %.3f", c.Voices, c.P, two)
	}
	alone := netcase.Card{Listings: []netcase.Listing{echoed}}
	fuse(&alone, sshIn, map[string]string{"second": "first"})
	if alone.Voices != 1 || alone.P <= 0 {
		t.Errorf("the copy alone speaks for itself: %+v", alone)
	}
	circle := netcase.Card{Listings: []netcase.Listing{own, echoed}}
	fuse(&circle, sshIn, map[string]string{"second": "first", "first": "second"})
	if circle.P <= 0 || circle.P >= 1 {
		t.Errorf("a circle: %+v", circle.P)
	}
}

// What many share counts less against one; the log-odds are those of the method.
func TestSharedAddresses(t *testing.T) {
	bad := entry("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, 100, 0)
	plain := fused(sshIn, bad)
	for words, want := range map[string]float64{"Mobile ISP": -1.5, "Fixed Line ISP": -0.5, "more than fifty names": -1.0, "Data Center/Web Hosting/Transit": 0} {
		shared := bad
		shared.Indicator.Description = words
		c := fused(sshIn, shared)
		near(t, words, logit(c.P)-logit(plain.P), want, 1e-9)
		if (len(c.Shared) > 0) != (want < 0) {
			t.Errorf("%s: the card says %q", words, c.Shared)
		}
	}
	edge := fused(sshIn, bad, entry("warninglist", "warninglist", netcase.ClaimEdge, 0, 0))
	near(t, "edge", logit(edge.P)-logit(plain.P), -3, 1e-9)
}

// TestDecayOfAListing: the model that a listing names decides what is left of it.
func TestDecayOfAListing(t *testing.T) {
	for _, c := range []struct {
		model string
		days  float64
		want  float64
	}{{"", 14, .52}, {origins.OpenCTI, 14, .52}, {origins.MISPNIDS, 7, .7585}, {origins.MISPNIDS, 30, .5}, {origins.MISPNIDS, 60, .2929}} {
		l := netcase.Listing{Decay: c.model, AgeDays: c.days}
		near(t, c.model, freshness(&l), c.want, .001)
	}
}
