package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"slices"
	"strings"

	"netcase"
	"netcase/chart"
)

//go:embed style.css
var pageStyle string

// HTML is the report as one file that needs no network: style and figures are
// inside, there is no script, and its policy forbids the browser to fetch anything.
func HTML(c *netcase.Case) []byte {
	d := Build(c)
	w := htmlWriter{doc: &d}
	w.head()
	w.outline()
	w.put(`<main id="top"><header><p class="kicker">` + hText("netcase · case "+c.ID+" · as of "+c.AsOf.Short()+" UTC", cellRunes) + "</p><h1>" + hText(d.Title, cellRunes) + "</h1>")
	w.put(severityBadge(c) + "</header>\n")
	w.blocks(d.Blocks)
	w.put("<footer><p>" + hText(strings.Join(nonEmpty(c.Tool, "issued "+c.IssuedAt.Short()+" UTC", "case "+c.ID), " · "), cellRunes) + "</p></footer></main></body></html>\n")
	return w.b.Bytes()
}

type htmlWriter struct {
	doc *Doc
	b   bytes.Buffer
}

func (w *htmlWriter) put(s string) { w.b.WriteString(s) }

// head writes the start of the page. The policy names the one style sheet by its hash.
func (w *htmlWriter) head() {
	style := pageStyle + chart.Style()
	sum := sha256.Sum256([]byte(style))
	w.put(`<!DOCTYPE html>` + "\n" + `<html lang="en"><head><meta charset="utf-8">` +
		`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">` +
		`<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">` +
		"<title>" + hText(w.doc.Title, cellRunes) + "</title><style>" + style + "</style></head>\n" +
		`<body><a class="skip" href="#short">Skip to the report</a>` + "\n")
}

func (w *htmlWriter) outline() {
	w.put(`<nav aria-label="Outline"><p>Contents</p><ol>`)
	for _, b := range w.doc.Blocks {
		if h, ok := b.(Heading); ok && h.Level == 2 {
			w.put(`<li><a href="#` + h.ID + `">` + hText(h.Text, cellRunes) + "</a></li>")
		}
	}
	w.put("</ol></nav>\n")
}

// severityBadge is the severity as a word in a frame; the colour repeats the word.
func severityBadge(c *netcase.Case) string {
	s := `<p class="badges"><span class="badge sev` + fmt.Sprint(min(max(int(c.Severity.High), 0), 4)) + `">` + hText(c.Severity.String(), cellRunes) + "</span>"
	if c.Status != "" {
		s += ` <span class="badge">` + hText(string(c.Status), cellRunes) + "</span>"
	}
	return s + "</p>"
}

func (w *htmlWriter) blocks(all []Block) {
	for _, b := range all {
		w.block(b)
	}
}

func (w *htmlWriter) block(b Block) {
	switch b := b.(type) {
	case Heading:
		fmt.Fprintf(&w.b, "<h%d id=\"%s\">%s</h%d>\n", b.Level, b.ID, hText(b.Text, cellRunes), b.Level)
	case Para:
		w.put("<p>")
		for i, s := range b.Sentences {
			if i > 0 {
				w.put(" ")
			}
			w.sentence(s)
		}
		w.put("</p>\n")
	case List:
		w.put("<ul>")
		for _, s := range b.Items {
			w.put("<li>")
			w.sentence(s)
			w.put("</li>")
		}
		w.put("</ul>\n")
	case Note:
		w.put(`<p class="note">` + hText(b.Text, textRunes) + "</p>\n")
	case Callout:
		w.callout(b)
	case Facts:
		w.facts(b)
	case Table:
		w.table(b)
	case Figure:
		w.put(`<figure><div class="drawing" tabindex="0" role="group" aria-label="` + hText(b.Caption, 120) + `">`)
		w.b.Write(chart.Inline(b.Figure))
		w.put("</div><figcaption>" + hText(b.Caption, textRunes) + "</figcaption></figure>\n")
	case Finding:
		w.put(`<article><h3 id="` + anchor("finding", b.ID) + `">` + hText(b.ID+": "+b.Title, cellRunes) + "</h3>\n")
		w.blocks(b.Blocks)
		w.put("</article>\n")
	case Code:
		w.put(`<p class="codetitle">` + hText(b.Title, cellRunes) + `</p><pre tabindex="0"><code>` + html.EscapeString(lines(b.Text, codeRunes)) + "</code></pre>\n")
	}
}

func (w *htmlWriter) sentence(s netcase.Sentence) {
	w.put(`<span class="s">` + hText(s.Text, textRunes) + "</span>")
	w.cites(s.Evidence)
}

func (w *htmlWriter) cites(ids []string) {
	for i, id := range ids {
		if i == listedIDs {
			fmt.Fprintf(&w.b, ` <a class="e" href="#%s" title="further evidence">[+%d]</a>`, w.doc.restAnchor(ids[i:]), len(ids)-i)
			break
		}
		a, ok := w.doc.anchors[id]
		if !ok {
			w.put(` <span class="e">[` + hText(id, 60) + "]</span>")
			continue
		}
		w.put(` <a class="e" href="#` + a + `"`)
		if said := w.doc.said[id]; said != "" {
			w.put(` title="` + hText(said, 160) + `"`)
		}
		w.put(">[" + hText(id, 60) + "]</a>")
	}
}

func (w *htmlWriter) callout(c Callout) {
	w.put(`<aside class="callout"><p><strong>` + hText(c.Title, cellRunes) + "</strong></p><ul>")
	for _, s := range c.Items {
		w.put("<li>" + hText(s, textRunes) + "</li>")
	}
	w.put("</ul></aside>\n")
}

func (w *htmlWriter) facts(f Facts) {
	w.put(`<dl>`)
	for _, x := range f.Items {
		w.put("<dt>" + hText(x.Label, cellRunes) + "</dt><dd>" + hText(x.Value, textRunes))
		w.cites(x.Evidence)
		w.put("</dd>")
	}
	w.put("</dl>\n")
}

func (w *htmlWriter) table(t Table) {
	w.put(`<div class="table" tabindex="0" role="group" aria-label="` + hText(t.Caption, 120) + `"><table><caption>` + hText(t.Caption, textRunes) + "</caption>")
	if len(t.Rows) > 0 {
		w.put("<thead><tr>")
		for i, h := range t.Head {
			w.put(`<th scope="col"` + numberClass(i < len(t.Rows[0]) && t.Rows[0][i].Number) + ">" + hText(h, cellRunes) + "</th>")
		}
		w.put("</tr></thead><tbody>")
		for _, r := range t.Rows {
			w.row(r, len(t.Head))
		}
		w.put("</tbody>")
	}
	w.put("</table></div>\n")
	if t.More > 0 {
		w.put(`<p class="note">` + hText(more(t), textRunes) + "</p>\n")
	}
}

func numberClass(number bool) string {
	if number {
		return ` class="n"`
	}
	return ""
}

// Cells whose text is short stay on one line; those with much text get room, and
// those with a word too long for a column may break inside it.
const (
	shortCell = 10
	longCell  = 160
	longWord  = 26
)

func cellClass(c Cell) string {
	switch {
	case c.Number:
		return numberClass(true)
	case len(c.Text) > longCell:
		return ` class="l"`
	case len(c.Text) <= shortCell:
		return ` class="k"`
	case slices.ContainsFunc(strings.Fields(c.Text[:min(len(c.Text), 4*cellRunes)]), func(w string) bool { return len(w) > longWord }):
		return ` class="w"`
	}
	return ""
}

func (w *htmlWriter) row(r []Cell, n int) {
	w.put("<tr>")
	for i := range n {
		if i >= len(r) {
			w.put("<td></td>")
			continue
		}
		c := r[i]
		w.put("<td" + cellClass(c))
		if c.Anchor != "" {
			w.put(` id="` + c.Anchor + `"`)
		}
		w.put(">")
		limit := cellRunes
		if c.Claim || len(c.Evidence) > 0 {
			limit = textRunes
		}
		w.put(hText(c.Text, limit))
		w.cites(c.Evidence)
		w.put("</td>")
	}
	w.put("</tr>")
}

// hText is a text of one line in which nothing is markup.
func hText(s string, limit int) string {
	return html.EscapeString(strings.TrimSpace(chart.Visible(s, limit)))
}
