package chart

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// SVG is the figure as a file of its own: with its style, light and dark.
func SVG(f Figure) []byte { return svg(f, standaloneStyle()) }

// Inline is the figure as an element for an HTML page whose style sheet holds Style.
func Inline(f Figure) []byte { return svg(f, "") }

func svg(f Figure, style string) []byte {
	var b bytes.Buffer
	id := identifier(f.Name)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" class="nc" viewBox="0 0 ` + num(f.W) + " " + num(f.H) + `"`)
	if style != "" {
		b.WriteString(` width="` + num(f.W) + `" height="` + num(f.H) + `"`)
	}
	b.WriteString(` role="img" aria-labelledby="` + id + `-t ` + id + `-d">`)
	b.WriteString(`<title id="` + id + `-t">` + escape(f.Title, 300) + `</title>`)
	b.WriteString(`<desc id="` + id + `-d">` + escape(f.Desc, 4000) + `</desc>`)
	if style != "" {
		b.WriteString("<style>" + style + "</style>")
		b.WriteString(`<rect class="f-paper" width="` + num(f.W) + `" height="` + num(f.H) + `"/>`)
	}
	for i := range f.Shapes {
		writeShape(&b, &f.Shapes[i])
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func writeShape(b *bytes.Buffer, s *Shape) {
	switch s.Kind {
	case Rects:
		if len(s.Boxes) == 1 {
			writeRect(b, s)
			return
		}
		writePath(b, s, boxesPath(s.Boxes))
	case Path:
		writePath(b, s, pointsPath(s.Points, s.Fill != None))
	case Hatch:
		var d strings.Builder
		for _, box := range s.Boxes {
			hatchPath(&d, box)
		}
		writePath(b, s, d.String())
	case Text:
		writeText(b, s)
	}
}

func writeRect(b *bytes.Buffer, s *Shape) {
	r := s.Boxes[0]
	b.WriteString(`<rect x="` + num(r.X) + `" y="` + num(r.Y) + `" width="` + num(math.Max(r.W, 0)) + `" height="` + num(math.Max(r.H, 0)) + `"`)
	paint(b, s)
	closing(b, s, "rect")
}

func writePath(b *bytes.Buffer, s *Shape, d string) {
	if d == "" {
		return
	}
	b.WriteString(`<path d="` + d + `"`)
	paint(b, s)
	closing(b, s, "path")
}

func closing(b *bytes.Buffer, s *Shape, element string) {
	if s.Tip == "" {
		b.WriteString("/>")
		return
	}
	b.WriteString("><title>" + escape(s.Tip, 300) + "</title></" + element + ">")
}

func paint(b *bytes.Buffer, s *Shape) {
	var classes []string
	if s.Fill != None {
		classes = append(classes, "f-"+roleName(s.Fill))
	} else {
		classes = append(classes, "f-none")
	}
	if s.Stroke != None {
		classes = append(classes, "l-"+roleName(s.Stroke))
	}
	if s.Dashed {
		classes = append(classes, "dash")
	}
	b.WriteString(` class="` + strings.Join(classes, " ") + `"`)
	if s.Thick > 0 && s.Thick != 1 {
		b.WriteString(` stroke-width="` + num(s.Thick) + `"`)
	}
}

func writeText(b *bytes.Buffer, s *Shape) {
	if s.Words == "" {
		return
	}
	b.WriteString(`<text x="` + num(s.At.X) + `" y="` + num(s.At.Y) + `" font-size="` + num(s.Size) + `" class="f-` + roleName(s.Fill))
	if s.Bold {
		b.WriteString(" bold")
	}
	if s.Mono {
		b.WriteString(" mono")
	}
	b.WriteByte('"')
	switch s.Anchor {
	case Middle:
		b.WriteString(` text-anchor="middle"`)
	case Right:
		b.WriteString(` text-anchor="end"`)
	}
	b.WriteString(">" + escape(s.Words, 400) + "</text>")
}

func boxesPath(boxes []Box) string {
	var d strings.Builder
	for _, r := range boxes {
		if r.W <= 0 || r.H <= 0 {
			continue
		}
		d.WriteString("M" + num(r.X) + " " + num(r.Y) + "h" + num(r.W) + "v" + num(r.H) + "h" + num(-r.W) + "z")
	}
	return d.String()
}

func pointsPath(points []Point, closed bool) string {
	if len(points) < 2 {
		return ""
	}
	var d strings.Builder
	for i, p := range points {
		if i == 0 {
			d.WriteByte('M')
		} else {
			d.WriteByte('L')
		}
		d.WriteString(num(p.X) + " " + num(p.Y))
	}
	if closed {
		d.WriteByte('z')
	}
	return d.String()
}

// hatchStep is the distance of the rules of a hatching along an edge.
const hatchStep = 6.0

// hatchPath rules a box from lower left to upper right. The rules are computed,
// not a pattern, so that a figure needs no identifiers and every back end can draw them.
func hatchPath(d *strings.Builder, r Box) {
	for c := hatchStep / 2; c < r.W+r.H; c += hatchStep {
		x1, y1 := math.Max(0, c-r.H), math.Min(c, r.H)
		x2, y2 := math.Min(c, r.W), math.Max(0, c-r.W)
		d.WriteString("M" + num(r.X+x1) + " " + num(r.Y+y1) + "L" + num(r.X+x2) + " " + num(r.Y+y2))
	}
}

// num is a coordinate with at most one decimal. What is no number is 0, so that
// no input can break the file.
func num(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "0"
	}
	x = math.Round(x*10) / 10
	if x == 0 { // also -0
		return "0"
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

func escape(s string, limit int) string { return xmlEscaper.Replace(Visible(s, limit)) }

// identifier is a name reduced to letters, digits and hyphens.
func identifier(s string) string {
	var b strings.Builder
	b.WriteString("fig-")
	for _, r := range strings.ToLower(s) {
		if b.Len() > 80 {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}
