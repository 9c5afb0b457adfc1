package chart

import (
	"fmt"
	"math"

	"netcase"
)

// MaxInputs is how many inputs the coverage strip shows one by one.
const MaxInputs = 10

const (
	coverName  = 230.0
	coverBar   = 190.0
	coverGap   = 26.0
	coverRow   = 38.0
	coverThin  = 1.5 // a part that is not empty is at least this wide
	coverSpanX = coverName + coverBar + coverGap
)

// Coverage is what became of the records of each input, and which stretch of
// time it speaks for. Inputs with trouble come first when not all can be shown.
func Coverage(name string, c *netcase.Coverage, span netcase.Span) Figure {
	f := Figure{Name: name, W: Width, Title: "What was read", Desc: coverageDesc(c)}
	f.bold(0, 14, f.Title, large, coverName, Ink, Left)
	f.words(coverName, 14, "records", small, 0, Muted, Left)
	f.words(coverSpanX, 14, "time covered (UTC)", small, 0, Muted, Left)
	span = realPart(span)
	axis := axisOf(coverageSpan(c, span), coverSpanX, Width-coverSpanX-4)
	mixed := !relative(axis.span)
	inputs := shownInputs(c)
	y := 22.0
	if span.Start.Known() && span.End > span.Start && len(inputs) > 0 {
		x1, x2 := axis.at(span.Start), axis.at(span.End)
		f.rect(Box{x1, y, x2 - x1, coverRow*float64(len(inputs)) + 2}, Window)
	}
	for _, in := range inputs {
		coverageRow(&f, in, axis, y, mixed && relative(in.Span))
		y += coverRow
	}
	if rest := len(c.Inputs) - len(inputs); rest > 0 {
		f.words(0, y+12, fmt.Sprintf("… and %s inputs more; all of them are in the table of inputs.", Count(int64(rest))), small, Width, Muted, Left)
		y += 18
	}
	if len(inputs) == 0 {
		f.words(0, y+14, "No input was read.", normal, Width, Warn, Left)
		y += 20
	} else if axis.span.End > axis.span.Start {
		axis.draw(&f, y+2, y+2)
		y += 32
	}
	f.H = legend(&f, y+16, coverageLegend()) - 4
	return f
}

// shownInputs are the inputs of the strip: all, or first those with trouble.
func shownInputs(c *netcase.Coverage) (out []*netcase.InputReport) {
	if len(c.Inputs) <= MaxInputs {
		for i := range c.Inputs {
			out = append(out, &c.Inputs[i])
		}
		return out
	}
	for _, trouble := range []bool{true, false} {
		for i := range c.Inputs {
			if in := &c.Inputs[i]; len(out) < MaxInputs && (in.Unsound() != "") == trouble {
				out = append(out, in)
			}
		}
	}
	return out
}

// coverageSpan is the stretch of the axis. Relative clocks only count where there
// are no others: they must not stretch it over decades.
func coverageSpan(c *netcase.Coverage, span netcase.Span) netcase.Span {
	all, told := span, netcase.Span{}
	for i := range c.Inputs {
		own := c.Inputs[i].Span
		all = all.Join(own)
		if !relative(own) {
			told = told.Join(own)
		}
	}
	if told.End <= told.Start {
		return all
	}
	if relative(span) {
		return told
	}
	return told.Join(span)
}

// realClock is the instant before which a clock can only be relative, as that of a
// replayed capture: March 1973.
const realClock = netcase.Time(100_000_000_000)

// relative tells whether a span was told by a clock that began at zero.
func relative(s netcase.Span) bool {
	return s.End > s.Start && s.End <= realClock && s.Start > -realClock
}

// realPart is a span without what a relative clock added to it.
func realPart(s netcase.Span) netcase.Span {
	if s.End > realClock && s.Start < realClock {
		return netcase.Span{}
	}
	return s
}

func coverageRow(f *Figure, in *netcase.InputReport, axis timeAxis, y float64, elsewhere bool) {
	f.words(0, y+13, fitMiddle(in.Name, normal, coverName-10), normal, coverName-10, Ink, Left)
	mark, role := coverageMark(in)
	f.words(0, y+27, mark, small, coverName-10, role, Left)
	b := Box{coverName, y + 4, coverBar, 12}
	f.rect(b, Track)
	if in.Read > 0 {
		coverageParts(f, in, b)
	}
	f.words(coverName, y+28, recordsText(in), small, coverBar+coverGap-6, Muted, Left)
	if elsewhere {
		f.words(coverSpanX, y+14, "clock is relative (1970), "+lengthText(in.Span)+" long", small, Width-coverSpanX-4, Warn, Left)
		return
	}
	if in.Span.End > in.Span.Start {
		x1, x2 := axis.at(in.Span.Start), axis.at(in.Span.End)
		f.rect(Box{x1, y + 6, math.Max(x2-x1, 2), 8}, Series)
		if in.Cut != "" {
			f.words(math.Min(x2+4, Width-24), y+28, "cut", small, 0, Warn, Left)
			f.line(x2, y+2, x2, y+18, Warn, 2)
		}
	}
}

// lengthText is how long a span is: "3 h", "12 min".
func lengthText(s netcase.Span) string {
	switch n := s.End - s.Start; {
	case n >= 2*netcase.Day:
		return fmt.Sprintf("%d days", n/netcase.Day)
	case n >= 2*netcase.Hour:
		return fmt.Sprintf("%d h", n/netcase.Hour)
	case n >= 2*netcase.Minute:
		return fmt.Sprintf("%d min", n/netcase.Minute)
	default:
		return fmt.Sprintf("%d s", (n+netcase.Second-1)/netcase.Second)
	}
}

func coverageMark(in *netcase.InputReport) (string, Role) {
	switch {
	case in.Error != "":
		return "! " + in.Error, Warn
	case in.Cut != "":
		return "! probably cut: " + in.Cut, Warn
	case in.CopyOf != "":
		return "copy of " + in.CopyOf + ", read once", Muted
	case in.Unsound() != "":
		return "! " + in.Unsound(), Warn
	case in.Format == "":
		return "no format recognised", Warn
	}
	return in.Format, Muted
}

// coverageParts draws accepted, rejected, skipped and duplicate from left to right.
func coverageParts(f *Figure, in *netcase.InputReport, b Box) {
	x := b.X
	for i, n := range []int64{in.Accepted, in.Rejected, in.Skipped, in.Duplicate} {
		if n <= 0 {
			continue
		}
		w := math.Max(b.W*float64(n)/float64(in.Read), coverThin)
		w = math.Min(w, b.X+b.W-x)
		part := Box{x, b.Y, w, b.H}
		coveragePart(f, i, part)
		x += w
	}
}

// coveragePart draws a part by its position: solid, solid warning, hatched, outlined.
func coveragePart(f *Figure, i int, b Box) {
	switch i {
	case 0:
		f.rect(b, Series+2)
	case 1:
		f.rect(b, Warn)
	case 2:
		f.rect(b, Track)
		f.hatch(b, Muted)
	default:
		f.rect(b, Other)
		f.outline(b, Muted, 1, false)
	}
}

func recordsText(in *netcase.InputReport) string {
	if in.Read == 0 {
		return "no records read"
	}
	return fmt.Sprintf("%s of %s accepted", Count(in.Accepted), Count(in.Read))
}

func coverageLegend() (items []legendItem) {
	for i, label := range []string{"accepted", "rejected", "skipped (header, comment, other kind)", "duplicate"} {
		items = append(items, legendItem{label, func(f *Figure, b Box) { coveragePart(f, i, b) }})
	}
	return append(items, legendItem{"investigated span", swatch(Window)})
}

func coverageDesc(c *netcase.Coverage) string {
	s := fmt.Sprintf("%d inputs.", len(c.Inputs))
	for i := range c.Inputs {
		in := &c.Inputs[i]
		if i == MaxInputs {
			s += " The others are in the table of inputs."
			break
		}
		s += fmt.Sprintf(" %s: %s records read, %s accepted, %s rejected, %s skipped, %s duplicate.", Visible(in.Name, 80),
			Count(in.Read), Count(in.Accepted), Count(in.Rejected), Count(in.Skipped), Count(in.Duplicate))
		if u := in.Unsound(); u != "" {
			s += " Not sound: " + Visible(u, 120) + "."
		}
	}
	return s
}
