package report

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"netcase"
	"netcase/chart"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func TestGolden(t *testing.T) {
	for name, c := range fixtures() {
		for ext, got := range map[string][]byte{".md": Markdown(c), ".html": HTML(c), ".txt": []byte(Terminal(c, Style{}))} {
			path := filepath.Join("testdata", name+ext)
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
		}
	}
}

func TestSameBytesTwice(t *testing.T) {
	for name := range fixtures() {
		a, b := fixtures()[name], fixtures()[name]
		if !bytes.Equal(HTML(a), HTML(b)) || !bytes.Equal(Markdown(a), Markdown(b)) {
			t.Errorf("%s: two renderings differ", name)
		}
	}
}

// said are the sentences and claiming cells of a document.
func said(blocks []Block) (out []netcase.Sentence) {
	for _, b := range blocks {
		switch b := b.(type) {
		case Para:
			out = append(out, b.Sentences...)
		case List:
			out = append(out, b.Items...)
		case Finding:
			out = append(out, said(b.Blocks)...)
		case Table:
			for _, r := range b.Rows {
				for _, c := range r {
					if c.Claim {
						out = append(out, netcase.Sentence{Text: c.Text, Evidence: c.Evidence})
					}
				}
			}
		}
	}
	return out
}

func TestEverySentenceCites(t *testing.T) {
	const mute = "This sentence cites nothing and must not be seen."
	for name, c := range fixtures() {
		d := Build(c)
		all := said(d.Blocks)
		if len(all) == 0 {
			t.Errorf("%s says nothing", name)
		}
		for _, s := range all {
			if len(s.Evidence) == 0 {
				t.Errorf("%s: %q cites nothing", name, s.Text)
			}
		}
		if len(d.Dangling) > 0 {
			t.Errorf("%s: ids without evidence: %q", name, d.Dangling)
		}
		for _, out := range [][]byte{HTML(c), Markdown(c)} {
			if bytes.Contains(out, []byte(mute)) {
				t.Errorf("%s renders a sentence without evidence", name)
			}
		}
	}
	if d := Build(seedCase()); !slices.Contains(d.Dropped, mute) {
		t.Errorf("the sentence left out is not accounted for: %q", d.Dropped)
	}
}

func TestDanglingIsReported(t *testing.T) {
	c := seedCase()
	c.Summary[0].Evidence = []string{"E-404"}
	d := Build(c)
	if !slices.Equal(d.Dangling, []string{"E-404"}) {
		t.Errorf("dangling: %q", d.Dangling)
	}
	if bytes.Contains(HTML(c), []byte("#ev-e-404")) {
		t.Error("a link leads nowhere")
	}
}

// TestLinksResolve follows every link within a file.
func TestLinksResolve(t *testing.T) {
	for name, c := range fixtures() {
		for kind, re := range map[string][2]*regexp.Regexp{
			"html": {regexp.MustCompile(`href="#([^"]+)"`), regexp.MustCompile(` id="([^"]+)"`)},
			"md":   {regexp.MustCompile(`\]\(#([^)]+)\)`), regexp.MustCompile(`<a id="([^"]+)"></a>`)},
		} {
			out := HTML(c)
			if kind == "md" {
				out = Markdown(c)
			}
			ids := map[string]int{}
			for _, m := range re[1].FindAllSubmatch(out, -1) {
				ids[string(m[1])]++
			}
			for _, m := range re[0].FindAllSubmatch(out, -1) {
				if ids[string(m[1])] == 0 {
					t.Errorf("%s.%s: #%s leads nowhere", name, kind, m[1])
				}
			}
			for id, n := range ids {
				if n > 1 {
					t.Errorf("%s.%s: id %s stands %d times", name, kind, id, n)
				}
			}
		}
	}
}

// words reduces a rendering to its words, markup and links removed.
func words(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

var (
	htmlTag   = regexp.MustCompile(`<[^>]*>`)
	mdComment = regexp.MustCompile(`<!-- -->|<a id="[^"]*"></a>`)
	mdEscape  = regexp.MustCompile(`\\([\\` + "`" + `*_\[\]|~#$:.+=)-])`)
)

func plainHTML(b []byte) string { return html.UnescapeString(htmlTag.ReplaceAllString(string(b), " ")) }

func plainMarkdown(b []byte) string {
	return html.UnescapeString(mdEscape.ReplaceAllString(mdComment.ReplaceAllString(string(b), ""), "$1"))
}

// TestSameSentences holds that both files say the same: every text of the
// document stands in both.
func TestSameSentences(t *testing.T) {
	for name, c := range fixtures() {
		d := Build(c)
		h, m := words(plainHTML(HTML(c))), words(plainMarkdown(Markdown(c)))
		for _, s := range said(d.Blocks) {
			w := words(chart.Visible(s.Text, 0))
			if len(s.Text) > textRunes {
				w = w[:500]
			}
			if !strings.Contains(h, w) {
				t.Errorf("%s: not in HTML: %.200s", name, s.Text)
			}
			if !strings.Contains(m, w) {
				t.Errorf("%s: not in Markdown: %.200s", name, s.Text)
			}
		}
		if got, want := bytes.Count(HTML(c), []byte(`<span class="s">`)), spans(d.Blocks); got != want {
			t.Errorf("%s: HTML has %d sentences, the document %d", name, got, want)
		}
	}
}

func spans(blocks []Block) (n int) {
	for _, b := range blocks {
		switch b := b.(type) {
		case Para:
			n += len(b.Sentences)
		case List:
			n += len(b.Items)
		case Finding:
			n += spans(b.Blocks)
		}
	}
	return n
}

func TestOrder(t *testing.T) {
	out := string(Markdown(seedCase()))
	at := 0
	for _, h := range []string{"## In short", "## Key judgements", "## Status and severity", "## Time line", "## Findings", "## Not seen", "## Alternatives considered",
		"## Scope", "## Impact", "## What intelligence says", "## Recommendations", "## Evidence for requirements", "## Appendix: queries", "## Appendix: inputs", "## Appendix: evidence", "## Appendix: glossary"} {
		i := strings.Index(out, "\n"+h)
		if i < at {
			t.Errorf("%s is missing or out of order", h)
		}
		at = i
	}
}

func TestContents(t *testing.T) {
	md := plainMarkdown(Markdown(seedCase()))
	for _, want := range []string{
		"LOW to MEDIUM (rule 6b at the lower end, rule 5 at the upper)", "FlowStatus_s (allow or deny)", "24,203 read = 24,190 accepted + 3 rejected + 10 skipped + 0 duplicate",
		"24,190 in, 24,190 accounted for", "3 listings, 2 independent origins", "SOCRadar 43/100 (Medium)", "DE Example City / PL (conflict)", "18,211 of 19,004", "probably cut: exactly 10,000 rows",
		"not known: counts as later", "10.0.0.0/8", "within 4 h (2025-10-22 04:00)", "svchost.exe -k NetworkService", "1.2.5", "| where Timestamp > datetime(2025-10-20T09:00:00Z)", "no longer valid at the time of the traffic",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Index(md, "R-01") > strings.Index(md, "R-02") {
		t.Error("the actions are not in order of priority")
	}
}

func TestNothingFoundIsNotDidNotLook(t *testing.T) {
	quiet := quietCase()
	if out := plainMarkdown(Markdown(quiet)); !strings.Contains(out, "1 of 2 detectors ran") || !strings.Contains(out, "does not mean that there was nothing") {
		t.Error("a cut case reads as if everything was looked at")
	}
	sound := quietCase()
	sound.Coverage.Inputs = sound.Coverage.Inputs[:1]
	sound.Coverage.Inputs[0].Cut = ""
	sound.Coverage.Detectors = []netcase.Run{{Name: "scan", OK: true}}
	if out := plainMarkdown(Markdown(sound)); strings.Contains(out, "does not mean that there was nothing") || strings.Contains(out, "Not everything was looked at") {
		t.Error("a sound case reads as if something was missed")
	}
}

func TestManySourcesAreCapped(t *testing.T) {
	c := decidedCase()
	out := HTML(c)
	if len(out) > 1<<20 {
		t.Errorf("%d bytes", len(out))
	}
	if !bytes.Contains(out, []byte("… and 1,490 more; the full list is in case.json.")) {
		t.Error("the sources left out are not counted")
	}
	for name, c := range fixtures() {
		for path, f := range Figures(c) {
			if len(f) > 200_000 {
				t.Errorf("%s %s: %d bytes", name, path, len(f))
			}
		}
	}
}

func TestFiguresAreNamedInMarkdown(t *testing.T) {
	for name, c := range fixtures() {
		figures := Figures(c)
		md := Markdown(c)
		for _, m := range regexp.MustCompile(`\]\((figures/[^)]+)\)`).FindAllSubmatch(md, -1) {
			if figures[string(m[1])] == nil {
				t.Errorf("%s: %s is not written", name, m[1])
			}
		}
		for path := range figures {
			if !bytes.Contains(md, []byte("]("+path+")")) {
				t.Errorf("%s: %s is not shown", name, path)
			}
		}
	}
}

// Elements and attributes that the page is made of; everything else came from outside.
var (
	pageElements   = strings.Fields("!doctype html head meta title style body a nav p ol ul li main header footer h1 h2 h3 span strong aside dl dt dd div table caption thead tbody tr th td figure figcaption article pre code svg desc rect path text")
	pageAttributes = strings.Fields("lang charset http-equiv content name class href id title aria-label aria-labelledby role tabindex scope xmlns viewbox x y width height d font-size text-anchor stroke-width")
	aTag           = regexp.MustCompile(`(?s)<(/?)([!a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*/?>`)
	anAttribute    = regexp.MustCompile(`([a-zA-Z-]+)="([^"]*)"`)
)

func TestHostileHTML(t *testing.T) {
	out := string(HTML(hostileCase()))
	if n, tags := strings.Count(out, "<"), len(aTag.FindAllString(out, -1)); n != tags {
		t.Errorf("%d < but %d tags", n, tags)
	}
	for _, m := range aTag.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(pageElements, strings.ToLower(m[2])) {
			t.Errorf("element %s", m[2])
		}
		for _, a := range anAttribute.FindAllStringSubmatch(m[3], -1) {
			if !slices.Contains(pageAttributes, strings.ToLower(a[1])) {
				t.Errorf("attribute %s", a[1])
			}
			if a[1] == "href" && !strings.HasPrefix(a[2], "#") {
				t.Errorf("link to %s", a[2])
			}
		}
	}
	checkNoControls(t, out)
	if !strings.Contains(out, "default-src 'none'") || strings.Contains(out, "unsafe-inline") {
		t.Error("the policy is not strict")
	}
}

// checkNoControls refuses every character that steers a terminal or the direction of text.
func checkNoControls(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Error("not UTF-8")
	}
	for _, r := range s {
		if r != '\n' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == 0x2028 || r == 0x2029) {
			t.Fatalf("holds %U", r)
		}
	}
}

// TestHostileMarkdown takes away what is escaped and what is code, and looks for
// markup that the report does not write itself.
func TestHostileMarkdown(t *testing.T) {
	out := string(Markdown(hostileCase()))
	checkNoControls(t, out)
	var prose []string
	fence := ""
	for _, l := range strings.Split(out, "\n") {
		if run := l[:len(l)-len(strings.TrimLeft(l, "`"))]; len(run) >= 3 {
			switch {
			case fence == "":
				fence = run
				continue
			case l == fence:
				fence = ""
				continue
			}
		}
		if fence == "" {
			prose = append(prose, l)
		}
	}
	if fence != "" {
		t.Fatal("a fence is not closed")
	}
	escaped := regexp.MustCompile(`\\[!-/:-@\[-` + "`" + `{-~]`)
	links := regexp.MustCompile(`\]\(([^)]*)\)`)
	columns := 0
	for _, l := range prose {
		l = escaped.ReplaceAllString(l, "")
		l = strings.ReplaceAll(l, "<!-- -->@", "") // a comment keeps an address from becoming a link
		l = mdComment.ReplaceAllString(l, "")
		for _, m := range links.FindAllStringSubmatch(l, -1) {
			if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "figures/fig-") {
				t.Errorf("link to %s", m[1])
			}
		}
		if strings.ContainsAny(l, "<`~$_") || strings.Contains(strings.TrimPrefix(l, "> "), ">") && !strings.HasPrefix(l, "> **") {
			t.Errorf("markup from outside: %.200q", l)
		}
		for _, auto := range []string{"://", "www.", "@"} {
			if strings.Contains(l, auto) {
				t.Errorf("%s makes a link: %.200q", auto, l)
			}
		}
		if !strings.HasPrefix(l, "|") {
			columns = 0
			continue
		}
		if n := strings.Count(l, "|"); columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("a row has %d bars, its table %d: %.200q", n, columns, l)
		}
	}
}

func TestHostileTerminal(t *testing.T) {
	c := hostileCase()
	for _, s := range []Style{{}, {Width: 40}, {Width: 120, Color: true}} {
		for _, out := range []string{Terminal(c, s), LookupCard(c.Cards[0], c.Span, s)} {
			if s.Color {
				out = regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(out, "")
			}
			checkNoControls(t, out)
			for _, l := range strings.Split(out, "\n") {
				if columns(l) > s.width() {
					t.Errorf("width %d: a line of %d: %q", s.width(), columns(l), l)
				}
			}
			if n := strings.Count(out, "\n"); n > 1200 {
				t.Errorf("%d lines", n)
			}
		}
	}
}

func TestTerminalColour(t *testing.T) {
	c := seedCase()
	if strings.Contains(Terminal(c, Style{}), "\x1b") {
		t.Error("colour without being asked")
	}
	if !strings.Contains(Terminal(c, Style{Color: true}), "\x1b[33mLOW to MEDIUM") {
		t.Error("no colour")
	}
}

func TestLookupCard(t *testing.T) {
	out := LookupCard(*seedCard("203.0.113.103", "DE", "PL"), hours(0, 24), Style{Width: 100})
	for _, want := range []string{"203.0.113.103", "3 listings, 2 independent origins", "probability 0.61; 2 of 2 independent origins count", "known then", "  SOCRadar · ioc.csv         ", "43/100 (Medium)", "70 %", "17 %", "█▲", "last 2025-10-26", "contradict"} {
		if !strings.Contains(out, want) {
			t.Errorf("the card does not say %q:\n%s", want, out)
		}
	}
	both := *seedCard("203.0.113.103", "DE", "PL")
	both.Bearings = []netcase.Bearing{{Direction: netcase.Inbound, P: 0.61, Voices: 2, Weights: map[string]float64{both.Listings[0].Indicator.ID: 5}}, {Direction: netcase.Outbound}}
	both.P, both.Voices, both.Later = 0, 0, both.Listings[:1]
	out = LookupCard(both, hours(0, 24), Style{Width: 100})
	for _, want := range []string{"as source: probability 0.61; 2 of 2", "as target: nothing that is listed bears on such traffic", "   in   out", "100 %     –", "1 claim learned later"} {
		if !strings.Contains(out, want) {
			t.Errorf("the card does not say %q:\n%s", want, out)
		}
	}
	if out := LookupCard(netcase.Card{Address: ip("198.51.100.1")}, netcase.Span{}, Style{}); !strings.Contains(out, "not proof that it is clean") {
		t.Errorf("absence reads as innocence:\n%s", out)
	}
}

// absent skips a test for want of a program that reads what we write. Where
// NETCASE_PEERS is "require", that is a failure: there the program is the point.
func absent(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETCASE_PEERS") == "require" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// browse opens a page in a headless browser and returns what it prints. The test
// is skipped where there is no browser.
func browse(t *testing.T, page []byte, args ...string) []byte {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		absent(t, "no chromium on this machine: the page is checked by the scanner alone")
	}
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, append(append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + filepath.Join(dir, "profile")}, args...), "file://"+path)...)
	cmd.WaitDelay = 5 * time.Second // its children may outlive it and keep the pipe
	out, err := cmd.Output()
	if err != nil {
		absent(t, "the browser did not start: %v", err)
	}
	return out
}

// TestHostileInBrowser lets a browser read the hostile page, where there is one.
func TestHostileInBrowser(t *testing.T) {
	dom := browse(t, HTML(hostileCase()), "--dump-dom")
	for _, tag := range []string{"<script", "<img", "<iframe", "<object"} {
		if bytes.Contains(bytes.ToLower(dom), []byte(tag)) {
			t.Errorf("the browser built %s>", tag)
		}
	}
	if n := bytes.Count(dom, []byte("<table")); n < 15 {
		t.Errorf("the browser built %d tables", n)
	}
}

// TestPrintedPDF lets a browser print the page and poppler read what came out: the
// answer stands on the first sheet, every sheet holds something, and the queries are
// on paper too.
func TestPrintedPDF(t *testing.T) {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		absent(t, "no pdftotext on this machine: what is printed is not read")
	}
	c := seedCase()
	pdf := filepath.Join(t.TempDir(), "case.pdf")
	browse(t, HTML(c), "--no-pdf-header-footer", "--print-to-pdf="+pdf)
	out, err := exec.Command("pdftotext", "-layout", pdf, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	sheets := strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
	if len(sheets) < 3 {
		t.Fatalf("%d sheets", len(sheets))
	}
	for i, s := range sheets {
		if len(strings.Fields(s)) < 5 {
			t.Errorf("sheet %d of %d is empty: %q", i+1, len(sheets), s)
		}
	}
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if first := words(sheets[0]); !strings.Contains(first, words(c.Title)) || !strings.Contains(first, "LOW to MEDIUM") {
		t.Errorf("the first sheet says neither what nor how bad:\n%s", sheets[0])
	}
	all := words(string(out))
	for _, q := range c.Queries {
		if !strings.Contains(all, words(q.Title)) {
			t.Errorf("the query %q is not on paper", q.Title)
		}
	}
}

func TestEmptyCase(t *testing.T) {
	c := &netcase.Case{}
	for _, out := range []string{string(HTML(c)), string(Markdown(c)), Terminal(c, Style{})} {
		if !strings.Contains(out, "no telemetry was read") {
			t.Error("an empty case does not say that nothing was read")
		}
	}
}

// tagged tells whether every < of a page begins a tag that the page is made of.
func tagged(page string) bool {
	for {
		i := strings.IndexByte(page, '<')
		if i < 0 {
			return true
		}
		page = page[i+1:]
		name := strings.TrimPrefix(page, "/")
		end := strings.IndexFunc(name, func(r rune) bool { return r != '!' && (r < '0' || r > '9') && !unicode.IsLetter(r) })
		if end < 0 || !slices.Contains(pageElements, strings.ToLower(name[:end])) {
			return false
		}
	}
}

// FuzzText is the escaping of one text, by each renderer.
func FuzzText(f *testing.F) {
	f.Add(evil)
	f.Add("1. a\n2. b")
	f.Add("- c | d ``` e")
	f.Add("http://x www.x a@b \\[x](y)")
	escaped := regexp.MustCompile(`\\[!-/:-@\[-` + "`" + `{-~]|<!-- -->@`)
	markup := regexp.MustCompile("[`*_\\[\\]|~#$<>@\\\\\n]|://|www\\.")
	f.Fuzz(func(t *testing.T, s string) {
		m := mdText(s, cellRunes)
		if at := markup.FindString(escaped.ReplaceAllString(m, " ")); at != "" {
			t.Errorf("%q leaves %q in %q", s, at, m)
		}
		for _, out := range []string{m, hText(s, cellRunes), terminalText(s), lines(s, cellRunes)} {
			checkNoControls(t, out)
		}
		if strings.ContainsAny(hText(s, cellRunes), "<>\"'") {
			t.Errorf("%q is not escaped", s)
		}
		for _, l := range wrap(terminalText(s), leastWidth) {
			if columns(l) > leastWidth {
				t.Errorf("%q is wider than the terminal", l)
			}
		}
	})
}

// FuzzRender puts texts and numbers into a case and renders it as a whole.
func FuzzRender(f *testing.F) {
	f.Add(evil, "x", int64(0), 0.5)
	f.Add("1. a\n2. b", "- c", int64(-1), 2.0)
	f.Fuzz(func(t *testing.T, a, b string, n int64, x float64) {
		c := seedCase()
		c.Findings, c.Cards = c.Findings[:1], c.Cards[:1]
		c.Title, c.Summary[0].Text, c.Findings[0].Title, c.Gaps[0].Query = a, b, a, b
		c.Groups[0].Label, c.Groups[0].Flows, c.Groups[0].Hypotheses[0].Posterior = b, n, x
		c.Coverage.Inputs[0].Name, c.Coverage.Inputs[0].Rejected = a, n
		c.Cards[0].Listings[0].Indicator.FirstSeen, c.Cards[0].Listings[0].Weight = netcase.Time(n), x
		c.Actions[0].Due = time.Duration(n)
		out := string(HTML(c))
		checkNoControls(t, out)
		if !tagged(out) {
			t.Error("a < is not part of a tag of ours")
		}
		checkNoControls(t, string(Markdown(c)))
		checkNoControls(t, Terminal(c, Style{}))
	})
}

func BenchmarkHTML(b *testing.B) {
	c := decidedCase()
	for b.Loop() {
		HTML(c)
	}
}

func Example_terminal() {
	c := quietCase()
	fmt.Print(strings.SplitN(Terminal(c, Style{Width: 40}), "\n", 2)[0])
	// Output: Case case-00000001
}

// Traffic that our own side began has no explanations of frame A.
func TestGroupThatWasNotWeighed(t *testing.T) {
	for name, pseudo := range map[string][]netcase.Hypothesis{
		"none": {}, "one": {{ID: "NW", Name: "not weighed"}},
	} {
		c := seedCase()
		g := &c.Groups[0]
		g.Direction, g.Hypotheses, g.Items = netcase.Outbound, pseudo, nil
		c.Judgements[0].Word, c.Judgements[0].Range = "", ""
		want := "not weighed: our side began this traffic"
		md, page := plainMarkdown(Markdown(c)), Terminal(c, Style{})
		if !strings.Contains(page, want) || strings.Contains(page, "Best rival") {
			t.Errorf("%s: the terminal: %s", name, page)
		}
		if strings.Count(md, want) < 2 || strings.Contains(md, "< 0.01") || strings.Contains(md, "decibans (10") {
			t.Errorf("%s: the report weighs what was not weighed", name)
		}
		HTML(c)
		for i := range 4 { // groups that are told a line each
			more := *g
			more.ID = fmt.Sprintf("G%d", i+2)
			c.Groups = append(c.Groups, more)
		}
		if md := plainMarkdown(Markdown(c)); strings.Contains(md, ": (&lt; 0.01)") || strings.Contains(md, ": (< 0.01)") {
			t.Errorf("%s: a group in the table has a likelihood", name)
		}
	}
}

func TestClaimOfTheLeadingGroup(t *testing.T) {
	for _, c := range []struct {
		of, own netcase.Standing
		want    string
	}{
		{netcase.NotDeterminable, netcase.Gated, "compromise: not determinable over all traffic; gated out for G1"},
		{netcase.NotDeterminable, netcase.Assessed, "compromise: not determinable"},
		{netcase.Gated, netcase.NotDeterminable, "compromise: gated out"},
	} {
		k := seedCase()
		k.Claims = slices.Clone(k.Claims)
		k.Claims[0].Standing, k.Groups[0].Claims[0].Standing = c.of, c.own
		if got := glanceOf(k).Claims[0]; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestWarningsEndAtAWord(t *testing.T) {
	c := quietCase()
	c.Coverage.Inputs[0].Cut = strings.Repeat("it lacks the columns of Traffic Analytics, ", 20)
	lines := strings.Split(Terminal(c, Style{Width: 90}), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "! Not seen") })
	if at < 0 || !strings.HasSuffix(lines[at+2], " …") || !strings.Contains(lines[at+3], "auth.log") {
		t.Fatalf("%s", strings.Join(lines, "\n"))
	}
	last := strings.Fields(strings.TrimSuffix(lines[at+2], " …"))
	if w := strings.TrimRight(last[len(last)-1], ","); !slices.Contains(strings.Fields("it lacks the columns of Traffic Analytics"), w) {
		t.Errorf("cut inside %q", w)
	}
}

func TestScansOfAClassAreOneTable(t *testing.T) {
	c := seedCase()
	for i := range 20 {
		f := c.Findings[0]
		f.ID = fmt.Sprintf("F-1%02d", i)
		f.Evidence = []netcase.Evidence{{ID: fmt.Sprintf("E-1%02d", i), Statement: "the same"}}
		c.Findings = append(c.Findings, f)
	}
	c.Severity.Evidence = []string{"E-101", "E-102", "E-103", "E-104", "E-105"}
	md := string(Markdown(c))
	if n := strings.Count(md, "### Scans of a fixed set of ports"); n != 1 {
		t.Errorf("%d tables of scans", n)
	}
	if !strings.Contains(md, `<a id="finding-f-119"></a>`) {
		t.Error("a scan cannot be pointed at")
	}
	if !strings.Contains(md, `[\[+2\]](#finding-f-104)`) {
		t.Error("evidence that is not shown one by one does not lead to its finding")
	}
}

func TestProcessFindingSaysOnlyWhatIsKnown(t *testing.T) {
	c := seedCase()
	c.Findings = []netcase.Finding{{ID: "F-01", Title: "873 process records have their usual owner", Evidence: []netcase.Evidence{{ID: "E-1", Statement: "s"}},
		Owner: &netcase.OwnerFacts{Verdict: "expected", Why: "system", Events: 873}}}
	md := plainMarkdown(Markdown(c))
	from := strings.Index(md, "### F-01")
	part := md[from:strings.Index(md, "## Not seen")]
	for _, bad := range []string{"unknown", "no flows", "Flows:", "Port:", "Host:", "peers", "not known"} {
		if strings.Contains(part, bad) {
			t.Errorf("%q in %s", bad, part)
		}
	}
	if !strings.Contains(part, "873") {
		t.Error("the records are not counted")
	}
}

func TestFilesThatAreNoLists(t *testing.T) {
	c := seedCase()
	c.Coverage.Feeds = append(c.Coverage.Feeds, netcase.FeedReport{Name: "ti/LICENSE", Read: 21, Skipped: 21, Reasons: map[string]int64{"not intelligence": 21}})
	md := plainMarkdown(Markdown(c))
	if !strings.Contains(md, "1 feed was read: 18,211 of 19,004 entries") || !strings.Contains(md, "1 file given with the feeds held no list and is not counted: ti/LICENSE") {
		t.Error("a licence is counted as a list")
	}
}

func TestPortsOfICMP(t *testing.T) {
	p := netcase.Profile{Ports: []netcase.PortCount{{Port: 0, Proto: netcase.ICMP}, {Port: 53, Proto: netcase.UDP}}, PortCount: 2}
	if got := doorsText(&p); got != "53, icmp" {
		t.Errorf("%q", got)
	}
	p.Ports, p.PortCount = p.Ports[:1], 1
	if got := withPorts(doorsText(&p)); got != "icmp" {
		t.Errorf("%q", got)
	}
}

// What logins alone show has no port, and its attempts are no flows that were recorded.
func TestGroupOfLoginsOnly(t *testing.T) {
	c := seedCase()
	for i := range c.Coverage.Inputs {
		c.Coverage.Inputs[i].Flows = 0
	}
	g := &c.Groups[0]
	g.Ports, g.Sources, g.Flows, g.Records = nil, nil, 1, 1
	md := plainMarkdown(Markdown(c))
	for _, want := range []string{"on no port that is recorded of", ", 1 flow in 1 record, ", "No flow is recorded: an attempt to log in stands for one."} {
		if !strings.Contains(md, want) {
			t.Errorf("%q is not told", want)
		}
	}
}

func TestDescribedSpikeSpeaksOfFlows(t *testing.T) {
	c := seedCase()
	s := c.Findings[2].Spike
	s.Described, s.Expected, s.Excess, s.Ratio = true, 0, 0, 0
	md := plainMarkdown(Markdown(c))
	if strings.Contains(md, "What the excess of 0") || strings.Contains(md, "Share of the excess") || !strings.Contains(md, "What the 5,400 flows consist of.") {
		t.Error("a description speaks of an excess")
	}
}
