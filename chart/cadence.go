package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

const (
	cadenceLabel = 210.0
	cadenceGap   = 24.0
	cadencePhase = 130.0 // width of the panel of places in the period
	cadenceRow   = 34.0
	cadenceRows  = 8
)

// Cadence is the starts of streams of connections: a row for each, a tick for each start
// over time, and beside it where in its period every start lies. A clock makes a column
// there, a sleep a band that wanders, other traffic a cloud.
func Cadence(name string, all []*netcase.BeaconFacts) Figure {
	f := Figure{Name: name, W: Width, Title: "Starts over time, and their place in the period"}
	f.bold(0, 14, f.Title, large, Width, Ink, Left)
	rows := slices.DeleteFunc(slices.Clone(all), func(b *netcase.BeaconFacts) bool { return len(b.Times) == 0 })
	if len(rows) == 0 {
		f.Desc = noTimes
		f.words(0, 38, noTimes, normal, Width, Muted, Left)
		f.H = 52
		return f
	}
	more := len(rows) - cadenceRows
	rows = rows[:min(len(rows), cadenceRows)]
	var span netcase.Span
	var says []string
	for _, b := range rows {
		for _, t := range b.Times {
			span = span.Extend(t)
		}
		says = append(says, cadenceSays(b))
	}
	f.Desc = strings.Join(says, "; ") + "."
	phase := Width - cadencePhase
	axis := axisOf(span, cadenceLabel, phase-cadenceGap-cadenceLabel)
	y := 30.0
	for _, b := range rows {
		f.words(0, y+11, b.Host.String()+" to "+cadenceTo(b), normal, cadenceLabel-8, Ink, Left)
		f.words(0, y+24, string(b.Verdict), small, cadenceLabel-8, Muted, Left)
		f.ticks(b, axis, y)
		f.phases(b, Box{phase, y, cadencePhase - 1, cadenceRow - 8})
		y += cadenceRow
	}
	axis.draw(&f, y, y)
	f.line(phase, y, Width-1, y, Muted, 1)
	f.words(phase, y+15, "0", small, 0, Muted, Left)
	f.words(Width-1, y+15, "one period", small, 0, Muted, Right)
	f.H = y + 36
	if more > 0 {
		f.words(0, f.H, fmt.Sprintf("%s more in case.json", Count(int64(more))), small, Width, Muted, Left)
		f.H += 14
	}
	return f
}

const noTimes = "No exact times were kept."

// ticks are the starts over time.
func (f *Figure) ticks(b *netcase.BeaconFacts, axis timeAxis, y float64) {
	f.rect(Box{axis.x, y, axis.w, cadenceRow - 8}, Track)
	boxes := make([]Box, 0, len(b.Times))
	for _, t := range b.Times {
		boxes = append(boxes, Box{axis.at(t), y + 2, 1, cadenceRow - 12})
	}
	f.add(Shape{Kind: Rects, Boxes: boxes, Fill: Series, Tip: cadenceSays(b)})
}

// phases are the places of the starts in the period, the first start at the top.
func (f *Figure) phases(b *netcase.BeaconFacts, box Box) {
	f.rect(box, Track)
	period := float64(b.Period.Milliseconds())
	if period <= 0 {
		return
	}
	first := b.Times[0]
	boxes := make([]Box, 0, len(b.Times))
	for i, t := range b.Times {
		turn := math.Mod(float64(t-first)/period+0.5, 1) // the first start in the middle
		boxes = append(boxes, Box{box.X + turn*(box.W-2), box.Y + float64(i)/float64(len(b.Times))*(box.H-1), 2, 1})
	}
	f.add(Shape{Kind: Rects, Boxes: boxes, Fill: Ink})
}

func cadenceTo(b *netcase.BeaconFacts) string {
	if b.Name != "" {
		return Visible(b.Name, 60)
	}
	return b.Peer.String()
}

func cadenceSays(b *netcase.BeaconFacts) string {
	return fmt.Sprintf("%s to %s, port %d: %s, %s starts, one every %s in the middle", b.Host, cadenceTo(b), b.Port, b.Verdict, Count(int64(b.Starts)), b.Period)
}
