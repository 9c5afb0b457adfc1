package chart

import (
	"strconv"
	"strings"
)

// colour is the colour of a role on a light and on a dark ground.
//
// Series are after Okabe and Ito (2008), a set that people with the usual colour
// deficiencies tell apart, darkened for light ground and lightened for dark so
// that each keeps a contrast of 3 to the ground. Heat is one hue, light to dark.
type colour struct{ name, light, dark string }

func theme() [roleCount]colour {
	return [roleCount]colour{
		None:         {"none", "none", "none"},
		Ink:          {"ink", "#1b1f24", "#e6e9ed"},
		Muted:        {"muted", "#545c66", "#a3acb7"},
		Faint:        {"faint", "#d9dde2", "#343b44"},
		Paper:        {"paper", "#ffffff", "#14181d"},
		Other:        {"other", "#a9b1ba", "#626c78"},
		Base:         {"base", "#1b1f24", "#e6e9ed"},
		Band:         {"band", "#e6e0f0", "#352f47"},
		Window:       {"window", "#fbeecb", "#3b331a"},
		Support:      {"support", "#8a6d00", "#d9b64a"},
		Mark:         {"mark", "#a32a00", "#ff9b70"},
		Warn:         {"warn", "#a32a00", "#ff9b70"},
		Track:        {"track", "#eef0f3", "#262c34"},
		Series:       {"s0", "#0067a5", "#5aaef2"},
		Series + 1:   {"s1", "#c75000", "#f28a45"},
		Series + 2:   {"s2", "#00805c", "#2fc498"},
		Series + 3:   {"s3", "#a84b80", "#e29ac4"},
		Series + 4:   {"s4", "#8f6600", "#e3b94f"},
		Series + 5:   {"s5", "#2f87b8", "#a3d9f7"},
		Warm:         {"h0", "#e3eef8", "#1b2c3d"},
		Warm + 1:     {"h1", "#b9d5ec", "#224463"},
		Warm + 2:     {"h2", "#86b8dd", "#2b618d"},
		Warm + 3:     {"h3", "#3579b1", "#5c9fd0"},
		Warm + 4:     {"h4", "#1a5688", "#93c5ea"},
		Warm + 5:     {"h5", "#0b3157", "#d3e9fa"},
		HeatText:     {"t0", "#16242f", "#e8eef4"},
		HeatText + 1: {"t1", "#16242f", "#f2f6fa"},
		HeatText + 2: {"t2", "#0d1820", "#ffffff"},
		HeatText + 3: {"t3", "#ffffff", "#0a141c"},
		HeatText + 4: {"t4", "#ffffff", "#0a141c"},
		HeatText + 5: {"t5", "#ffffff", "#0a141c"},
	}
}

func roleName(r Role) string { return theme()[r].name }

const textStyle = `.nc text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}` +
	`.nc .mono{font-family:ui-monospace,SFMono-Regular,Consolas,"DejaVu Sans Mono",monospace}` +
	`.nc .bold{font-weight:600}.nc .dash{stroke-dasharray:4 3}.nc .f-none{fill:none}`

// Style is the style sheet for figures inside a page: classes that refer to the
// variables --nc-…, which it sets for light and for dark ground; print is light.
func Style() string {
	return textStyle + classes(func(c colour) string { return "var(--nc-" + c.name + ")" }) +
		":root{" + variables(false) + "}" +
		"@media screen and (prefers-color-scheme:dark){:root{" + variables(true) + "}}"
}

// standaloneStyle names the colours outright: programs that show SVG files often
// do not know variables.
func standaloneStyle() string {
	return textStyle + classes(func(c colour) string { return c.light }) +
		"@media screen and (prefers-color-scheme:dark){" + classes(func(c colour) string { return c.dark }) + "}"
}

func classes(value func(colour) string) string {
	var b strings.Builder
	for i, c := range theme() {
		if Role(i) == None {
			continue
		}
		b.WriteString(".nc .f-" + c.name + "{fill:" + value(c) + "}")
		b.WriteString(".nc .l-" + c.name + "{stroke:" + value(c) + "}")
	}
	return b.String()
}

func variables(dark bool) string {
	var b strings.Builder
	for i, c := range theme() {
		if Role(i) == None {
			continue
		}
		v := c.light
		if dark {
			v = c.dark
		}
		b.WriteString("--nc-" + c.name + ":" + v + ";")
	}
	return b.String()
}

// Contrast is the contrast of two colours written #rrggbb.
//
// Units:  1 (the same) to 21
// Source: WCAG 2.2, relative luminance and contrast ratio
func Contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(hex string) float64 {
	part := func(i int) float64 {
		v, _ := strconv.ParseUint(hex[i:i+2], 16, 8)
		return linear(float64(v) / 255)
	}
	return 0.2126*part(1) + 0.7152*part(3) + 0.0722*part(5)
}
