package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netcase"
)

var update = flag.Bool("update", false, "rewrite the goldens")

const hour0 = netcase.Time(1760918400000) // 2025-10-20 00:00 UTC

// evil is what an attacker would write where a name is expected.
const evil = "\x1b[2J\x00</text><script>alert(1)</script>\u202eevil\u2066 ](javascript:alert(1)) | `x`\r\nFAKE"

func spikeFacts(bins int) *netcase.SpikeFacts {
	s := &netcase.SpikeFacts{
		Series: "inbound", Tier: "T2", BinMinutes: 60, History: bins - 24,
		Observed: 5400, Expected: 372, Ratio: 14.5, Excess: 5028, Q: 3e-12,
		Contributors: []string{"203.0.113.7", "203.0.113.9", "2001:db8:7:7:7:7:7:7"},
	}
	for i := range bins {
		start := hour0 - netcase.Time(bins-24-i)*netcase.Hour
		p := netcase.SpikePoint{Start: start, X: 100 + float64(i*37%29), Expected: 115, High: 150, Stack: []int64{8, 4, 0}}
		if i%97 == 40 || i%97 == 41 {
			p = netcase.SpikePoint{Start: start, Missing: true}
		}
		if h := start - hour0; h >= 14*netcase.Hour && h < 17*netcase.Hour {
			p.X, p.Flagged, p.Stack = 1800+float64(h/netcase.Hour), true, []int64{900, 500, 200}
		}
		s.Points = append(s.Points, p)
	}
	s.Window = netcase.Span{Start: hour0 + 14*netcase.Hour, End: hour0 + 17*netcase.Hour}
	s.Support = netcase.Span{Start: hour0 + 13*netcase.Hour, End: hour0 + 18*netcase.Hour}
	return s
}

func described() *netcase.SpikeFacts {
	s := spikeFacts(30)
	s.Described, s.Why, s.Tier = true, "9 bins of history, 12 are needed", "T0"
	s.Contributors = nil
	s.Points = s.Points[20:]
	return s
}

func profiles(n int) (out []netcase.Profile) {
	for i := range n {
		p := netcase.Profile{Peer: netcase.At(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})), Direction: netcase.Inbound}
		if i%7 == 3 {
			p.Peer = netcase.At(netip.MustParseAddr(fmt.Sprintf("2001:db8:1234:5678:9abc:def0:1234:%x", i+1)))
		}
		for k, port := range []uint16{22, 23, 80, 443, 445, 1433, 3306, 3389, 5900, 8080, 8443, 9200, 5985, 21} {
			if k > 4 && i%3 != 0 {
				continue
			}
			c := netcase.PortCount{Port: port, Proto: netcase.TCP, Flows: int64(math.Pow(10, float64((i+k)%7))) * 3}
			c.Reach[(i+k)%7] = c.Flows
			if i%4 == 0 {
				c.Reach[netcase.ReachBidirectional]++
				c.Flows++
			}
			p.Ports = append(p.Ports, c)
			p.Flows += c.Flows
			p.Reach = p.Reach.Plus(c.Reach)
		}
		out = append(out, p)
	}
	return out
}

func card(n int) *netcase.Card {
	c := &netcase.Card{Address: netip.MustParseAddr("203.0.113.7"), Conflict: true, Known: true, P: 0.61}
	for i := range n {
		l := netcase.Listing{Timing: netcase.KnownThen, Relevant: true, Indicator: netcase.Indicator{
			Provider: []string{"SOCRadar", "AbuseIPDB", "OTX"}[i%3], Origin: []string{"AbuseIPDB", "AbuseIPDB", "IPQS"}[i%3],
			Feed: "list-" + fmt.Sprint(i), Claim: netcase.ClaimAbuse, ScoreText: "43/100 (Medium)",
			FirstSeen: hour0 - netcase.Time(i*40)*netcase.Day, LastSeen: hour0 + netcase.Time(i)*netcase.Day, Learned: hour0 - netcase.Day,
		}}
		switch i % 4 {
		case 1:
			l.Timing, l.Indicator.Learned = netcase.LearnedLater, hour0+5*netcase.Day
		case 2:
			l.Timing = netcase.Expired
		case 3:
			l.Indicator.FirstSeen, l.Indicator.LastSeen = 0, 0
		}
		c.Listings = append(c.Listings, l)
	}
	c.Adverse, c.Origins = max(0, n-1), []string{"AbuseIPDB", "IPQS"}
	c.Geo = []netcase.GeoAnswer{
		{Geo: netcase.Geo{Country: "DE", City: "Frankfurt", ASN: 64500, ASName: "EXAMPLE-HOSTING"}, Provider: "SOCRadar", At: hour0},
		{Geo: netcase.Geo{Country: "PL", ASN: 64501}, Provider: "geo"},
	}
	return c
}

func coverage(n int) *netcase.Coverage {
	c := &netcase.Coverage{}
	for i := range n {
		in := netcase.InputReport{ID: fmt.Sprintf("in-%012x", i), Name: fmt.Sprintf("exports/AzureNetworkAnalytics_CL part %d.csv.gz", i), Format: "azure-ta",
			Read: 14203, Accepted: 14000, Rejected: 3, Skipped: 180, Duplicate: 20,
			Span: netcase.Span{Start: hour0 - netcase.Time(i)*netcase.Day, End: hour0 + netcase.Day}}
		switch i % 5 {
		case 1:
			in.Cut = "exactly 10,000 rows"
			in.Span.End = hour0 + 9*netcase.Hour
		case 2:
			in = netcase.InputReport{Name: "auth.log", Error: "gzip: unexpected end"}
		case 3:
			in.Rejected, in.Accepted = 4000, 10003
		}
		c.Inputs = append(c.Inputs, in)
	}
	return c
}

func group() *netcase.Group {
	return &netcase.Group{ID: "G1", Label: "3 sources, ports 22, 23, 80, 3389", Hypotheses: []netcase.Hypothesis{
		{ID: "BG", Name: "background scanning", Prior: .5, Posterior: .847, Word: "very likely"},
		{ID: "BFA", Name: "brute-force attempt", Prior: .2, Posterior: .107, Word: "very unlikely"},
		{ID: "BSC", Name: "benign scanner", Prior: .12, Posterior: .032, Word: "almost no chance"},
		{ID: "REC", Name: "targeted reconnaissance", Prior: .06, Posterior: .013, Word: "almost no chance"},
		{ID: "DOS", Name: "denial of service", Prior: .02, Posterior: .0004, Word: "almost no chance"},
		{ID: "MIS", Name: "benign service or misconfiguration", Prior: .1, Posterior: .0006, Word: "almost no chance"},
	}}
}

// streams are clocks, sleeps and what is neither, by turns.
func streams(n int) (out []*netcase.BeaconFacts) {
	for i := range n {
		b := &netcase.BeaconFacts{
			Host: netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(4 + i)})), Peer: netcase.At(netip.MustParseAddr("203.0.113.9")), Port: 443, Verdict: netcase.CadencePeriodic,
			Period: 10 * time.Minute, Starts: 144,
		}
		if i == 1 {
			b.Name = "cdn.example.net" + evil
		}
		at := hour0 + netcase.Time(i)*netcase.Hour
		for k := range 100 {
			b.Times = append(b.Times, at)
			at += 10*netcase.Minute + netcase.Time(i%3)*netcase.Time((k*7919)%101-50)*3*netcase.Second
		}
		out = append(out, b)
	}
	return out
}

func figures() []Figure {
	seen := netcase.Span{Start: hour0 + netcase.Hour, End: hour0 + 25*netcase.Hour}
	return []Figure{
		Spike("spike", spikeFacts(120)),
		Spike("spike-long", spikeFacts(1500)),
		Spike("spike-described", described()),
		Spike("spike-empty", &netcase.SpikeFacts{}),
		Heat("heat", profiles(3), 3),
		Heat("heat-many", profiles(60), 1500),
		Heat("heat-none", nil, 0),
		IntelCard("card", card(4), seen),
		IntelCard("card-many", card(20), seen),
		IntelCard("card-none", &netcase.Card{Address: netip.MustParseAddr("198.51.100.1")}, seen),
		Coverage("coverage", coverage(5), seen),
		Coverage("coverage-many", coverage(40), seen),
		Coverage("coverage-none", coverage(0), netcase.Span{}),
		Hypotheses("hypotheses", group()),
		Hypotheses("hypotheses-none", &netcase.Group{}),
		Cadence("cadence", streams(3)),
		Cadence("cadence-many", streams(12)),
		Cadence("cadence-none", []*netcase.BeaconFacts{{}}),
	}
}

func TestGolden(t *testing.T) {
	for _, f := range figures() {
		t.Run(f.Name, func(t *testing.T) {
			path := filepath.Join("testdata", f.Name+".svg")
			got := SVG(f)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; run with -update and read the difference", path)
			}
		})
	}
}

// checkSVG reads a figure as XML and refuses what a figure must not hold.
func checkSVG(t *testing.T, svg []byte) {
	t.Helper()
	allowed := map[string]bool{"svg": true, "title": true, "desc": true, "style": true, "rect": true, "path": true, "text": true}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if !allowed[start.Name.Local] {
			t.Errorf("element %s", start.Name.Local)
		}
		for _, a := range start.Attr {
			name := strings.ToLower(a.Name.Local)
			if strings.HasPrefix(name, "on") || name == "href" || name == "style" {
				t.Errorf("attribute %s", name)
			}
		}
	}
	for _, bad := range []string{"NaN", "Inf", "\x1b", "\u202e", "<script", "url("} {
		if bytes.Contains(svg, []byte(bad)) {
			t.Errorf("contains %q", bad)
		}
	}
}

func TestSVGIsPlain(t *testing.T) {
	for _, f := range figures() {
		checkSVG(t, SVG(f))
		checkSVG(t, Inline(f))
		if f.Desc == "" || f.Title == "" {
			t.Errorf("%s has no text alternative", f.Name)
		}
	}
}

func TestHostileFigures(t *testing.T) {
	long := evil + strings.Repeat("W", 100_000)
	s := spikeFacts(60)
	s.Series, s.Contributors = long, []string{long, evil, "", long}
	s.Points[3].X, s.Points[4].X, s.Points[5].X = math.NaN(), math.Inf(1), -5
	s.Points[6].High, s.Points[7].Stack = math.Inf(1), []int64{1 << 62, -4, 9}
	p := profiles(2)
	p[0].Peer = netcase.Endpoint{Name: long}
	c := card(5)
	for i := range c.Listings {
		c.Listings[i].Indicator.Provider, c.Listings[i].Indicator.Feed, c.Listings[i].Indicator.Origin = long, long, long
		c.Listings[i].Indicator.FirstSeen = math.MinInt64 / 2
		c.Listings[i].Indicator.LastSeen = math.MaxInt64 / 2
	}
	c.Geo[0].City, c.Geo[1].Provider = long, evil
	cov := coverage(3)
	cov.Inputs[0].Name, cov.Inputs[1].Cut, cov.Inputs[2].Error = long, long, long
	cov.Inputs[0].Accepted, cov.Inputs[0].Read = math.MaxInt64, 1
	g := group()
	g.Label, g.Hypotheses[0].Name, g.Hypotheses[1].Posterior, g.Hypotheses[2].Posterior = long, long, math.NaN(), math.Inf(-1)
	seen := netcase.Span{Start: hour0, End: hour0 + netcase.Hour}
	for _, f := range []Figure{Spike(evil, s), Heat(evil, p, 2), IntelCard(evil, c, seen), IntelCard(evil, c, netcase.Span{}), Coverage(evil, cov, seen), Hypotheses(evil, g)} {
		out := SVG(f)
		checkSVG(t, out)
		if len(out) > 200_000 {
			t.Errorf("%s: %d bytes", f.Title[:20], len(out))
		}
	}
}

// TestTextStaysInside holds every text against the estimate of its width.
func TestTextStaysInside(t *testing.T) {
	for _, f := range figures() {
		for _, s := range f.Shapes {
			if s.Kind != Text {
				continue
			}
			w := TextWidth(s.Words, s.Size)
			left, right := s.At.X, s.At.X+w
			switch s.Anchor {
			case Middle:
				left, right = s.At.X-w/2, s.At.X+w/2
			case Right:
				left, right = s.At.X-w, s.At.X
			}
			if left < -1 || right > f.W+9 || s.At.Y > f.H {
				t.Errorf("%s: %q spans %.0f to %.0f at y %.0f of %.0f", f.Name, s.Words, left, right, s.At.Y, f.H)
			}
		}
	}
}

// TestTextsDoNotTouch looks for texts that share ground.
func TestTextsDoNotTouch(t *testing.T) {
	type area struct {
		x1, x2, y1, y2 float64
		s              string
	}
	for _, f := range figures() {
		var all []area
		for _, s := range f.Shapes {
			if s.Kind != Text || s.Words == "" {
				continue
			}
			w := TextWidth(s.Words, s.Size) * 0.8 // the estimate is an upper one
			a := area{s.At.X, s.At.X + w, s.At.Y - s.Size*0.75, s.At.Y, s.Words}
			switch s.Anchor {
			case Middle:
				a.x1, a.x2 = s.At.X-w/2, s.At.X+w/2
			case Right:
				a.x1, a.x2 = s.At.X-w, s.At.X
			}
			for _, o := range all {
				if a.x1 < o.x2-1 && o.x1 < a.x2-1 && a.y1 < o.y2-1 && o.y1 < a.y2-1 {
					t.Errorf("%s: %q touches %q", f.Name, a.s, o.s)
				}
			}
			all = append(all, a)
		}
	}
}

func TestContrast(t *testing.T) {
	const text, graphic = 4.5, 3.0
	th := theme()
	check := func(what, fore, ground string, least float64) {
		if c := Contrast(fore, ground); c < least {
			t.Errorf("%s: contrast %.2f, want %.1f", what, c, least)
		}
	}
	for _, r := range []Role{Ink, Muted, Mark, Warn} {
		for _, g := range []Role{Paper, Window, Track} {
			check(th[r].name+" on light "+th[g].name, th[r].light, th[g].light, text)
			check(th[r].name+" on dark "+th[g].name, th[r].dark, th[g].dark, text)
		}
	}
	for r := Series; r < Series+SeriesCount; r++ {
		check(th[r].name+" light", th[r].light, th[Paper].light, graphic)
		check(th[r].name+" dark", th[r].dark, th[Paper].dark, graphic)
	}
	for i := range Role(HeatCount) {
		check(th[Warm+i].name+" light", th[HeatText+i].light, th[Warm+i].light, text)
		check(th[Warm+i].name+" dark", th[HeatText+i].dark, th[Warm+i].dark, text)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(-1234567), "-1,234,567"},
		{Count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{Number(1234.567, 2), "1,234.57"}, {Number(-0.001, 2), "0.00"}, {Number(math.NaN(), 1), "not a number"},
		{Number(0.999, 0), "1"}, {Number(1e18, 0), "1.00e+18"},
		{compact(999), "999"}, {compact(1000), "1.0k"}, {compact(9940), "9.9k"}, {compact(34000), "34k"}, {compact(5_600_000), "5.6M"},
		{Probability(0.85), "0.85"}, {Probability(1), "> 0.99"}, {Probability(0), "< 1e-300"}, {Probability(0.0004), "4.0e-04"},
		{num(math.Inf(1)), "0"}, {num(-0.01), "0"}, {num(1.25), "1.3"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestVisible(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 0, "plain"}, {"a\nb\tc\r", 0, `a\nb\tc\r`}, {"\x1b[31m", 0, `\x1b[31m`}, {"\u202eabc", 0, `\u{202e}abc`},
		{"\xff\xfe", 0, `\xff\xfe`}, {"żółw 東京", 0, "żółw 東京"}, {"zero\u200bwidth", 0, `zero\u{200b}width`},
		{"\u009b1m", 0, `\u{009b}1m`}, {"abcdef", 3, "abc… (6 characters in all)"}, {"\uffff", 0, `\u{ffff}`},
	} {
		if got := Visible(c.in, c.limit); got != c.want {
			t.Errorf("Visible(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzSVG(f *testing.F) {
	f.Add(evil, "x", int64(5), 1.5)
	f.Add("\xff\u2028", "", int64(-1), math.Inf(1))
	f.Fuzz(func(t *testing.T, a, b string, n int64, x float64) {
		s := spikeFacts(30)
		s.Series, s.Contributors = a, []string{b, a}
		s.Points[2].X, s.Points[3].Expected, s.Points[4].Stack = x, x, []int64{n, n}
		s.Window.Start, s.BinMinutes = netcase.Time(n), int(n%5000)
		checkSVG(t, SVG(Spike(b, s)))
		c := card(3)
		c.Listings[0].Indicator.Origin, c.Listings[1].Indicator.Feed, c.Geo[0].City = a, b, a
		c.Listings[0].Indicator.FirstSeen, c.Listings[1].Indicator.Learned = netcase.Time(n), netcase.Time(-n)
		checkSVG(t, SVG(IntelCard(a, c, netcase.Span{Start: netcase.Time(n), End: hour0})))
		cov := coverage(2)
		cov.Inputs[0].Name, cov.Inputs[0].Rejected, cov.Inputs[1].Span.Start = a, n, netcase.Time(n)
		checkSVG(t, SVG(Coverage(b, cov, netcase.Span{})))
	})
}

// A relative clock must not stretch the axis over half a century.
func TestCoverageOfARelativeClock(t *testing.T) {
	day := func(n int64) netcase.Span {
		start := netcase.Time(1760918400000) + netcase.Time(n)*netcase.Day
		return netcase.Span{Start: start, End: start + netcase.Day}
	}
	replay := netcase.Span{Start: 3 * netcase.Second, End: 40 * netcase.Minute}
	c := netcase.Coverage{Inputs: []netcase.InputReport{
		{ID: "in-1", Name: "fw.csv", Format: "csv", Read: 10, Accepted: 10, Span: day(0)},
		{ID: "in-2", Name: "conn.log", Format: "zeek", Read: 10, Accepted: 10, Span: replay},
	}}
	mixed := string(SVG(Coverage("c", &c, replay.Join(day(0)))))
	if !strings.Contains(mixed, "clock is relative (1970), 39 min long") || strings.Contains(mixed, "1970-") || strings.Contains(mixed, "1980") {
		t.Error("a relative clock is drawn beside real dates")
	}
	if !strings.Contains(mixed, "2025-10-20") {
		t.Error("the real dates are lost")
	}
	c.Inputs = c.Inputs[1:]
	if alone := string(SVG(Coverage("c", &c, replay))); strings.Contains(alone, "clock is relative") || !strings.Contains(alone, "00:30") {
		t.Error("a relative clock alone has an axis of its own")
	}
}

func TestNamesKeepTheirEnd(t *testing.T) {
	got := fitMiddle("telemetry/exports/of/the/year/AzureNetworkAnalytics_CL-2025-10-17.csv", normal, 200)
	if !strings.HasSuffix(got, "_CL-2025-10-17.csv") || !strings.HasPrefix(got, "tele") {
		t.Errorf("%q", got)
	}
}
