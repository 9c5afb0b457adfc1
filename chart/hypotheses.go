package chart

import (
	"fmt"
	"strings"

	"netcase"
)

const (
	hypothesisLabel = 250.0
	hypothesisValue = 170.0
	hypothesisRow   = 22.0
)

// Hypotheses is how probable each explanation of a group is, with the prior as a
// tick, so that what the evidence moved can be seen.
func Hypotheses(name string, g *netcase.Group) Figure {
	f := Figure{Name: name, W: Width, Title: "Explanations of " + Visible(g.ID+", "+g.Label, 80), Desc: hypothesesDesc(g)}
	f.bold(0, 14, f.Title, large, Width, Ink, Left)
	if len(g.Hypotheses) < 2 {
		f.words(0, 38, notWeighed, normal, Width, Muted, Left)
		f.H = 52
		return f
	}
	bar := Width - hypothesisLabel - hypothesisValue
	y := 30.0
	for i, h := range g.Hypotheses {
		f.words(0, y+14, strings.Join(nonEmpty(h.ID, h.Name), " · "), normal, hypothesisLabel-8, Ink, Left)
		f.rect(Box{hypothesisLabel, y + 3, bar, 14}, Track)
		fill := Other
		if i == 0 {
			fill = Series
		}
		f.rect(Box{hypothesisLabel, y + 3, bar * bounded(h.Posterior), 14}, fill)
		x := hypothesisLabel + bar*bounded(h.Prior)
		f.line(x, y, x, y+20, Mark, 2)
		f.words(hypothesisLabel+bar+8, y+14, strings.Join(nonEmpty(Chance(h.Posterior), h.Word), " · "), normal, hypothesisValue-8, Ink, Left)
		y += hypothesisRow
	}
	for i := range 5 {
		x := hypothesisLabel + bar*float64(i)/4
		f.line(x, y, x, y+4, Muted, 1)
		f.words(x, y+15, Number(float64(i)/4, 2), small, 0, Muted, Middle)
	}
	f.line(hypothesisLabel, y, hypothesisLabel+bar, y, Muted, 1)
	f.H = legend(&f, y+34, []legendItem{
		{"probability after the evidence, leading explanation", swatch(Series)},
		{"its rivals", swatch(Other)},
		{"before the evidence", func(f *Figure, b Box) { f.line(b.X+7, b.Y-2, b.X+7, b.Y+12, Mark, 2) }},
	}) - 4
	return f
}

const notWeighed = "No explanations were weighed against each other: they are asked for traffic that outside sources began."

// bounded is p within 0 and 1; what is no number is 0.
func bounded(p float64) float64 {
	if !(p > 0) {
		return 0
	}
	return min(p, 1)
}

func hypothesesDesc(g *netcase.Group) string {
	var parts []string
	for _, h := range g.Hypotheses {
		parts = append(parts, fmt.Sprintf("%s: %s, before the evidence %s", Visible(h.Name, 80), Chance(h.Posterior), Chance(h.Prior)))
	}
	if len(parts) < 2 {
		return notWeighed
	}
	return strings.Join(parts, "; ") + "."
}
