package chart

import (
	"math"

	"netcase"
)

// linear is the linear light of an sRGB part (IEC 61966-2-1).
func linear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// niceStep is the step of an axis of four parts that holds x: 1, 2, 2.5 or 5
// times a power of ten, and at least a quarter.
func niceStep(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(x/4)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if step*m*4 >= x {
			return math.Max(step*m, 0.25)
		}
	}
	return step * 10
}

// timeAxis maps instants to x.
type timeAxis struct {
	span netcase.Span
	x, w float64
}

// The years that a time line can show; a false clock must not make it endless.
const (
	earliest = netcase.Time(-62135596800000) // year 1
	latest   = netcase.Time(253402300799000) // end of year 9999
)

// axisOf is the axis of a span, held within the years that can be shown.
func axisOf(span netcase.Span, x, w float64) timeAxis {
	span.Start = min(max(span.Start, earliest), latest)
	span.End = min(max(span.End, span.Start), latest)
	return timeAxis{span, x, w}
}

func (a timeAxis) at(t netcase.Time) float64 {
	if a.span.End <= a.span.Start {
		return a.x
	}
	p := (float64(t) - float64(a.span.Start)) / float64(a.span.End-a.span.Start)
	return a.x + a.w*math.Min(1, math.Max(0, p))
}

// axisSteps are the steps of a time axis, ascending.
func axisSteps() []netcase.Time {
	return []netcase.Time{
		netcase.Minute, 5 * netcase.Minute, 15 * netcase.Minute, 30 * netcase.Minute,
		netcase.Hour, 2 * netcase.Hour, 3 * netcase.Hour, 6 * netcase.Hour, 12 * netcase.Hour,
		netcase.Day, 2 * netcase.Day, 7 * netcase.Day, 14 * netcase.Day, 28 * netcase.Day,
		91 * netcase.Day, 364 * netcase.Day, 3640 * netcase.Day, 36400 * netcase.Day,
	}
}

// The room that labels take.
const (
	clockRoom = 46.0 // "14:05" and air
	dateRoom  = 82.0 // "2025-10-20" and air
)

// step is the smallest step whose labels have room.
func (a timeAxis) step() netcase.Time {
	length := float64(a.span.End - a.span.Start)
	for _, s := range axisSteps() {
		room := clockRoom
		if s >= netcase.Day {
			room = dateRoom
		}
		if length <= 0 || float64(s)/length*a.w >= room {
			return s
		}
	}
	return netcase.Time(length/a.w*dateRoom) + netcase.Day
}

// draw writes ticks below y: clock times in the first line, dates in the second.
// A label that would leave the axis or touch the one before it is left out.
func (a timeAxis) draw(f *Figure, y, top float64) {
	step := a.step()
	f.line(a.x, y, a.x+a.w, y, Muted, 1)
	lastClock, lastDate := math.Inf(-1), math.Inf(-1)
	first := a.span.Start.Truncate(step)
	for t := first; t <= a.span.End; t += step {
		if t < a.span.Start {
			if step < netcase.Day {
				lastDate = a.label(f, a.x+dateRoom/2-8, y+27, a.span.Start.Std().Format("2006-01-02"), dateRoom, lastDate)
			}
			continue
		}
		x := a.at(t)
		f.line(x, y, x, y+4, Muted, 1)
		if top < y {
			f.line(x, top, x, y, Faint, 1)
		}
		day := t.Truncate(netcase.Day) == t
		if step < netcase.Day {
			lastClock = a.label(f, x, y+15, t.Std().Format("15:04"), clockRoom, lastClock)
		}
		if day || t == first {
			dateLine := y + 27
			if step >= netcase.Day {
				dateLine = y + 15
			}
			lastDate = a.label(f, x, dateLine, t.Std().Format("2006-01-02"), dateRoom, lastDate)
		}
	}
}

func (a timeAxis) label(f *Figure, x, y float64, s string, room, last float64) float64 {
	half := TextWidth(s, small) / 2
	x = math.Min(math.Max(x, a.x+half-10), a.x+a.w-half+6)
	if x-last < room {
		return last
	}
	f.words(x, y, s, small, 0, Muted, Middle)
	return x
}

// legendItem is one entry of a legend.
type legendItem struct {
	label string
	draw  func(f *Figure, b Box) // into a box of 14 by 10
}

func swatch(fill Role) func(*Figure, Box) {
	return func(f *Figure, b Box) { f.rect(b, fill) }
}

const legendLine = 17.0

// legend writes entries from the left edge at y on, breaking lines at Width, and
// returns the y below the last line.
func legend(f *Figure, y float64, items []legendItem) float64 {
	at := 0.0
	for _, it := range items {
		label := Fit(it.label, small, Width-20)
		w := 19 + TextWidth(label, small) + 12
		if at > 0 && at+w > Width {
			at, y = 0, y+legendLine
		}
		it.draw(f, Box{at, y - 9, 14, 10})
		f.words(at+19, y, label, small, 0, Ink, Left)
		at += w
	}
	return y + legendLine
}
