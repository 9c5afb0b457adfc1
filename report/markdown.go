package report

import (
	"bytes"
	"fmt"
	"strings"

	"netcase"
	"netcase/chart"
)

// Markdown is the report as GitHub-flavoured Markdown. Its figures are the files
// that Figures names.
func Markdown(c *netcase.Case) []byte {
	d := Build(c)
	w := markdownWriter{doc: &d}
	w.line("# " + mdText(d.Title, cellRunes))
	w.line("")
	w.blocks(d.Blocks)
	return w.b.Bytes()
}

type markdownWriter struct {
	doc *Doc
	b   bytes.Buffer
}

func (w *markdownWriter) line(s string) {
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

func (w *markdownWriter) blocks(all []Block) {
	for _, b := range all {
		w.block(b)
	}
}

func (w *markdownWriter) block(b Block) {
	switch b := b.(type) {
	case Heading:
		w.heading(b.Level, b.ID, b.Text)
	case Para:
		var parts []string
		for _, s := range b.Sentences {
			parts = append(parts, w.sentence(s))
		}
		w.line(strings.Join(parts, " ") + "\n")
	case List:
		for _, s := range b.Items {
			w.line("- " + w.sentence(s))
		}
		w.line("")
	case Note:
		w.line("*" + mdText(b.Text, textRunes) + "*\n")
	case Callout:
		w.line("> **" + mdText(b.Title, cellRunes) + "**")
		for _, s := range b.Items {
			w.line("> - " + mdText(s, textRunes))
		}
		w.line("")
	case Facts:
		for _, f := range b.Items {
			w.line("- **" + mdText(f.Label, cellRunes) + ":** " + mdText(f.Value, textRunes) + w.cites(f.Evidence))
		}
		w.line("")
	case Table:
		w.table(b)
	case Figure:
		w.line("![" + mdText(b.Caption, textRunes) + "](" + figurePath(b.Name) + ")\n")
	case Finding:
		w.heading(3, anchor("finding", b.ID), b.ID+": "+b.Title)
		w.blocks(b.Blocks)
	case Code:
		w.code(b)
	}
}

func (w *markdownWriter) heading(level int, id, text string) {
	w.line(`<a id="` + id + `"></a>` + "\n")
	w.line(strings.Repeat("#", level) + " " + mdText(text, cellRunes) + "\n")
}

func (w *markdownWriter) sentence(s netcase.Sentence) string {
	return mdText(s.Text, textRunes) + w.cites(s.Evidence)
}

// cites are links to the evidence, or the bare id where the case does not hold it.
func (w *markdownWriter) cites(ids []string) string {
	var b strings.Builder
	for i, id := range ids {
		if i == listedIDs {
			fmt.Fprintf(&b, " [\\[+%d\\]](#%s)", len(ids)-i, w.doc.restAnchor(ids[i:]))
			break
		}
		if a, ok := w.doc.anchors[id]; ok {
			b.WriteString(" [\\[" + mdText(id, 60) + "\\]](#" + a + ")")
		} else {
			b.WriteString(" \\[" + mdText(id, 60) + "\\]")
		}
	}
	return b.String()
}

func (w *markdownWriter) table(t Table) {
	w.line("**" + mdText(t.Caption, textRunes) + "**\n")
	if len(t.Rows) > 0 {
		w.row(len(t.Head), func(i int) string { return mdText(t.Head[i], cellRunes) })
		w.row(len(t.Head), func(i int) string {
			if i < len(t.Rows[0]) && t.Rows[0][i].Number {
				return "---:"
			}
			return "---"
		})
		for _, r := range t.Rows {
			w.row(len(t.Head), func(i int) string {
				if i >= len(r) {
					return ""
				}
				return w.cell(r[i])
			})
		}
		w.line("")
	}
	if t.More > 0 {
		w.line(mdText(more(t), textRunes) + "\n")
	}
}

// more says what a table leaves out.
func more(t Table) string {
	return "… and " + countOf(t.More) + " more; " + t.Where + "."
}

func (w *markdownWriter) row(n int, cell func(int) string) {
	w.b.WriteByte('|')
	for i := range n {
		w.b.WriteString(" " + cell(i) + " |")
	}
	w.b.WriteByte('\n')
}

func (w *markdownWriter) cell(c Cell) string {
	s := ""
	if c.Anchor != "" {
		s = `<a id="` + c.Anchor + `"></a>`
	}
	limit := cellRunes
	if c.Claim || len(c.Evidence) > 0 {
		limit = textRunes
	}
	return s + mdText(c.Text, limit) + w.cites(c.Evidence)
}

func (w *markdownWriter) code(c Code) {
	w.line("**" + mdText(c.Title, cellRunes) + "**\n")
	text := lines(c.Text, codeRunes)
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	w.line(fence + language(c.Language))
	w.line(text)
	w.line(fence + "\n")
}

// language is the name after a fence: letters only.
func language(s string) string {
	for _, r := range s {
		if r < 'a' || r > 'z' {
			return ""
		}
	}
	return s
}

// lines is a text of several lines with every other control made visible.
func lines(s string, limit int) string {
	s = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(s)
	left := limit
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if left <= 0 {
			out = append(out, "… (cut)")
			break
		}
		l = chart.Visible(l, left)
		left -= len(l) + 1
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

func longestRun(s string, c byte) (longest int) {
	run := 0
	for i := range len(s) {
		if run++; s[i] != c {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

var mdEscaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "#", `\#`, "$", `\$`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
	"://", `\://`, "www.", `www\.`, "WWW.", `WWW\.`, "Www.", `Www\.`, // no automatic links
	"@", "<!-- -->@", "mailto:", `mailto\:`, "xmpp:", `xmpp\:`,
)

// mdText is a text of one line in which nothing is markup, a link or HTML.
func mdText(s string, limit int) string {
	s = mdEscaper.Replace(strings.TrimSpace(chart.Visible(s, limit)))
	if s == "" {
		return s
	}
	// What would open a list, a heading or a rule at the start of a line.
	if strings.ContainsRune("-+=", rune(s[0])) {
		return `\` + s
	}
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') && (digits+1 == len(s) || s[digits+1] == ' ') {
		return s[:digits] + `\` + s[digits:]
	}
	return s
}
