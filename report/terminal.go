package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"netcase"
	"netcase/chart"
)

// Style is how text is set for a terminal.
type Style struct {
	Width int  // columns; 0: 80
	Color bool // may use ANSI colours
}

const (
	defaultWidth = 80
	leastWidth   = 40
	labelWidth   = 12
)

func (s Style) width() int {
	if s.Width <= 0 {
		return defaultWidth
	}
	return max(s.Width, leastWidth)
}

// The select graphic rendition codes that are used (ECMA-48).
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrYellow = "33"
	sgrRed    = "31"
	sgrGreen  = "32"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Terminal is the verdict of a case at a glance.
func Terminal(c *netcase.Case, s Style) string {
	g := glanceOf(c)
	t := terminalWriter{style: s}
	t.title(g.Title)
	t.row("Status", g.Status, "")
	t.row("Severity", severityLine(&g), severityCode(g.Severity.High))
	t.row("Decided by", g.Decides, "")
	t.row("Leading", g.Lead, sgrBold)
	t.row("Best rival", g.Rival, "")
	for i, k := range g.Claims {
		label := ""
		if i == 0 {
			label = "Claims"
		}
		t.row(label, k, "")
	}
	t.row("Reach", g.Reach, "")
	t.row("Confidence", g.Confidence, "")
	t.row("First", g.Action, "")
	for i, m := range capped(g.Moved, 10) {
		label := ""
		if i == 0 {
			label = "What if"
		}
		t.short(label, m, "", warningLines)
	}
	if g.Sensors != "" {
		t.short("Sensors", g.Sensors, "", warningLines)
	}
	for i, w := range capped(g.Warnings, 6) {
		label := ""
		if i == 0 {
			label = "! Not seen"
		}
		t.short(label, w, sgrYellow, warningLines)
	}
	t.row("Case", strings.Join(nonEmpty(c.ID, spanText(c.Span)), " · "), sgrDim)
	return t.b.String()
}

func severityCode(l netcase.Level) string {
	switch {
	case l >= netcase.High:
		return sgrRed
	case l == netcase.Medium:
		return sgrYellow
	}
	return sgrGreen
}

type terminalWriter struct {
	style Style
	b     strings.Builder
}

func (t *terminalWriter) title(s string) {
	for _, l := range firstLines(wrap(terminalText(s), t.style.width()), rowLines, t.style.width()) {
		t.b.WriteString(t.style.paint(sgrBold, l) + "\n")
	}
	t.b.WriteString(t.style.paint(sgrDim, strings.Repeat("─", t.style.width())) + "\n")
}

// row writes a label and a text with a hanging indent; an empty text is no row.
func (t *terminalWriter) row(label, text, code string) { t.short(label, text, code, rowLines) }

// Lines of one row; a text that needs more is cut at the end of a word.
const (
	rowLines     = 8
	warningLines = 3
)

func (t *terminalWriter) short(label, text, code string, most int) {
	for i, l := range firstLines(wrap(terminalText(text), t.style.width()-labelWidth), most, t.style.width()-labelWidth) {
		if i > 0 {
			label = ""
		}
		t.b.WriteString(t.style.paint(sgrDim, label) + strings.Repeat(" ", max(labelWidth-columns(label), 1)) + t.style.paint(code, l) + "\n")
	}
}

// firstLines is at most so many lines; where some are left out, the last one ends
// with an ellipsis after a whole word.
func firstLines(all []string, most, width int) []string {
	if len(all) <= most {
		return all
	}
	out := append([]string{}, all[:most]...)
	last := out[most-1]
	for columns(last)+2 > width {
		at := strings.LastIndexByte(last, ' ')
		if at < 0 {
			_, size := utf8.DecodeLastRuneInString(last)
			at = len(last) - size
		}
		last = last[:at]
	}
	out[most-1] = strings.TrimRight(last, " ,;:(") + " …"
	return out
}

// terminalRunes bounds one text; what is longer is cut where its lines end.
const terminalRunes = 2000

// terminalText is one line that holds no control of a terminal.
func terminalText(s string) string { return strings.TrimSpace(chart.Visible(s, terminalRunes)) }

// wrap breaks a line at spaces, and words that are too long anywhere.
func wrap(s string, width int) (out []string) {
	line, used := "", 0
	flush := func() {
		if line != "" {
			out = append(out, line)
		}
		line, used = "", 0
	}
	for _, word := range strings.Fields(s) {
		n := columns(word)
		if used > 0 && used+1+n > width {
			flush()
		}
		for n > width {
			head, tail := splitAt(word, width)
			out = append(out, head)
			word, n = tail, columns(tail)
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	flush()
	return out
}

func splitAt(s string, width int) (head, tail string) {
	used := 0
	for i, r := range s {
		if used += columnsOf(r); used > width && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// columns is how many columns of a terminal a text takes.
func columns(s string) (n int) {
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// columnsOf follows the East Asian width of Unicode, in its large blocks.
func columnsOf(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
