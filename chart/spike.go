package chart

import (
	"fmt"
	"math"
	"strings"

	"netcase"
)

// MaxBins is how many bins a time line shows; a bar is then about a unit wide.
const MaxBins = 700

const (
	spikeLeft   = 58.0
	spikeRight  = 12.0
	spikeTop    = 44.0
	spikeHeight = 200.0
)

// Spike is the time line of a series: bars stacked by contributor, what was
// expected, the stretch that stands out, and the bins that are missing. Without
// a baseline it shows the bars alone.
func Spike(name string, s *netcase.SpikeFacts) Figure {
	points, left := shownPoints(s)
	f := Figure{Name: name, W: Width, Title: spikeTitle(s), Desc: spikeDesc(s)}
	f.words(0, 14, f.Title, large, Width, Ink, Left)
	f.Shapes[0].Bold = true
	f.words(0, 31, spikeCaption(s, left), small, Width, Muted, Left)
	plot := spikePlot{f: &f, s: s, points: points, box: Box{spikeLeft, spikeTop, Width - spikeLeft - spikeRight, spikeHeight}}
	if len(points) == 0 {
		f.words(spikeLeft, spikeTop+20, "No bins to show.", normal, 0, Muted, Left)
		f.H = spikeTop + 40
		return f
	}
	plot.scale()
	plot.ground()
	plot.band()
	plot.bars()
	plot.expected()
	plot.marks()
	bottom := spikeTop + spikeHeight
	plot.axis.draw(&f, bottom, bottom)
	f.H = legend(&f, bottom+50, plot.legend()) - 4
	return f
}

// shownPoints are the bins to draw and how many were left out. Where there are
// too many, those around the window remain, three parts before it to one after.
func shownPoints(s *netcase.SpikeFacts) ([]netcase.SpikePoint, int) {
	n := len(s.Points)
	if n <= MaxBins {
		return s.Points, 0
	}
	at := n
	for i := range s.Points {
		if s.Points[i].Start >= s.Window.Start {
			at = i
			break
		}
	}
	from := min(max(0, at-MaxBins*3/4), n-MaxBins)
	return s.Points[from : from+MaxBins], n - MaxBins
}

func spikeTitle(s *netcase.SpikeFacts) string {
	return fmt.Sprintf("Flows per %s: %s", binName(s.BinMinutes), Visible(s.Series, 60))
}

func binName(minutes int) string {
	switch {
	case minutes == 60:
		return "hour"
	case minutes == 1:
		return "minute"
	case minutes <= 0:
		return "bin"
	case minutes%60 == 0:
		return fmt.Sprintf("%d hours", minutes/60)
	}
	return fmt.Sprintf("%d minutes", minutes)
}

func spikeCaption(s *netcase.SpikeFacts, left int) string {
	c := ""
	if s.Described {
		c = "Only described; no baseline"
		if s.Why != "" {
			c += ": " + Visible(s.Why, 200)
		}
	} else {
		c = fmt.Sprintf("Window %s: %s flows against %s expected", s.Window, Number(s.Observed, 0), Number(s.Expected, 0))
	}
	if left > 0 {
		c += fmt.Sprintf(" · %s of %s bins shown", Count(int64(len(s.Points)-left)), Count(int64(len(s.Points))))
	}
	return c
}

// spikeDesc says the figure in words.
func spikeDesc(s *netcase.SpikeFacts) string {
	if len(s.Points) == 0 {
		return "No bins to show."
	}
	top, missing, flagged := 0, 0, 0
	for i, p := range s.Points {
		if p.X > s.Points[top].X {
			top = i
		}
		if p.Missing {
			missing++
		}
		if p.Flagged {
			flagged++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d bins of %s from %s UTC. The highest bin has %s flows, at %s UTC. %d bins are missing.",
		len(s.Points), binName(s.BinMinutes), s.Points[0].Start.Short(), Number(s.Points[top].X, 0), s.Points[top].Start.Short(), missing)
	if s.Described {
		b.WriteString(" There is no baseline, so whether this is unusual is not judged.")
		return b.String()
	}
	fmt.Fprintf(&b, " %d bins lie above the expected range. Window %s, bounds uncertain within %s: %s flows against %s expected, ratio %s, excess %s, q %s.",
		flagged, s.Window, s.Support, Number(s.Observed, 0), Number(s.Expected, 0), Number(s.Ratio, 2), Number(s.Excess, 0), Probability(s.Q))
	return b.String()
}

// Chance is a judged probability in two decimals; it never says 0 or 1.
func Chance(p float64) string { return chance(p) }

// ChanceRange is a probability with its range, which is left out where there is none.
func ChanceRange(p, low, high float64) string {
	if low == 0 && high == 0 {
		return chance(p)
	}
	return chance(p) + ", 90 % range " + chance(low) + " to " + chance(high)
}

func chance(p float64) string {
	switch {
	case math.IsNaN(p):
		return "not a number"
	case p < 0.01:
		return "< 0.01"
	case p > 0.99:
		return "> 0.99"
	}
	return fmt.Sprintf("%.2f", p)
}

// Probability is a computed p or q; it never says 0 or 1.
func Probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return "not a number"
	case p < 1e-300:
		return "< 1e-300"
	case p < 0.001:
		return fmt.Sprintf("%.1e", p)
	case p < 0.01:
		return fmt.Sprintf("%.3f", p)
	case p > 0.99:
		return "> 0.99"
	}
	return fmt.Sprintf("%.2f", p)
}

// spikePlot holds what the parts of a time line share.
type spikePlot struct {
	f      *Figure
	s      *netcase.SpikeFacts
	points []netcase.SpikePoint
	box    Box
	axis   timeAxis
	bin    netcase.Time
	step   float64 // of the y axis
	top    float64 // value at the upper edge
	stack  int     // contributors that are drawn
}

func (p *spikePlot) scale() {
	p.bin = netcase.Time(max(p.s.BinMinutes, 1)) * netcase.Minute
	last := p.points[len(p.points)-1].Start
	p.axis = axisOf(netcase.Span{Start: p.points[0].Start, End: last + p.bin}, p.box.X, p.box.W)
	var most float64
	for _, q := range p.points {
		most = math.Max(most, q.X)
		if !p.s.Described {
			most = math.Max(most, math.Max(q.Expected, q.High))
		}
	}
	p.step = niceStep(most * 1.04)
	p.top = p.step * 4
	p.stack = min(len(p.s.Contributors), SeriesCount)
}

func (p *spikePlot) y(v float64) float64 {
	return p.box.Y + p.box.H*(1-math.Min(1, math.Max(0, v/p.top)))
}

// ground draws the window, its support, the grid and the missing bins.
func (p *spikePlot) ground() {
	if !p.s.Described && p.s.Window.End > p.s.Window.Start {
		x1, x2 := p.axis.at(p.s.Window.Start), p.axis.at(p.s.Window.End)
		p.f.rect(Box{x1, p.box.Y, x2 - x1, p.box.H}, Window)
	}
	for i := range 5 {
		v := p.step * float64(i)
		y := p.y(v)
		p.f.line(p.box.X, y, p.box.X+p.box.W, y, Faint, 1)
		decimals := 0
		if p.step < 1 {
			decimals = 2
		}
		p.f.words(p.box.X-6, y+3.5, Number(v, decimals), small, spikeLeft-8, Muted, Right)
	}
	var boxes []Box
	for _, q := range p.points {
		if q.Missing {
			x := p.axis.at(q.Start)
			boxes = append(boxes, Box{x, p.box.Y, p.axis.at(q.Start+p.bin) - x, p.box.H})
		}
	}
	for _, b := range joinBoxes(boxes) {
		p.f.rect(b, Track)
		p.f.hatch(b, Other)
	}
}

// joinBoxes joins boxes that touch, left to right.
func joinBoxes(in []Box) (out []Box) {
	for _, b := range in {
		if n := len(out); n > 0 && math.Abs(out[n-1].X+out[n-1].W-b.X) < 0.05 {
			out[n-1].W += b.W
			continue
		}
		out = append(out, b)
	}
	return out
}

// bars draws one path per contributor, the first at the bottom, "other" on top.
func (p *spikePlot) bars() {
	layers := make([][]Box, p.stack+1)
	for _, q := range p.points {
		if q.Missing || q.X <= 0 {
			continue
		}
		x := p.axis.at(q.Start)
		w := p.axis.at(q.Start+p.bin) - x
		if w > 3 {
			x, w = x+0.5, w-1
		}
		var sum float64
		for i := range p.stack + 1 {
			part := q.X - sum
			if i < p.stack {
				part = 0
				if i < len(q.Stack) {
					part = math.Min(float64(q.Stack[i]), q.X-sum)
				}
			}
			if part <= 0 {
				continue
			}
			y1, y2 := p.y(sum+part), p.y(sum)
			layers[i] = append(layers[i], Box{x, y1, w, y2 - y1})
			sum += part
		}
	}
	for i, boxes := range layers {
		fill := Series + Role(i)
		if i == p.stack {
			fill = Other
		}
		if len(boxes) > 0 {
			p.f.add(Shape{Kind: Rects, Boxes: boxes, Fill: fill})
		}
	}
}

// band draws the expected range, behind the bars.
func (p *spikePlot) band() {
	if p.s.Described {
		return
	}
	var boxes []Box
	for _, q := range p.points {
		if q.Missing || q.Expected <= 0 || !(q.High > q.Expected) {
			continue
		}
		x := p.axis.at(q.Start)
		y1, y2 := p.y(q.High), p.y(q.Expected)
		boxes = append(boxes, Box{x, y1, p.axis.at(q.Start+p.bin) - x, y2 - y1})
	}
	if len(boxes) > 0 {
		p.f.add(Shape{Kind: Rects, Boxes: boxes, Fill: Band})
	}
}

// expected draws the line of what was to be expected and the upper edge of its
// range, broken where bins are missing.
func (p *spikePlot) expected() {
	if p.s.Described {
		return
	}
	var line, high []Point
	flush := func() {
		if len(line) > 1 {
			p.f.add(Shape{Kind: Path, Points: high, Stroke: Base, Thick: 1, Dashed: true})
			p.f.add(Shape{Kind: Path, Points: line, Stroke: Base, Thick: 1.6})
		}
		line, high = nil, nil
	}
	for _, q := range p.points {
		if q.Missing || q.Expected <= 0 {
			flush()
			continue
		}
		x1, x2 := p.axis.at(q.Start), p.axis.at(q.Start+p.bin)
		line = append(line, Point{x1, p.y(q.Expected)}, Point{x2, p.y(q.Expected)})
		high = append(high, Point{x1, p.y(q.High)}, Point{x2, p.y(q.High)})
	}
	flush()
}

// marks draws the bounds of the window and the flagged bins.
func (p *spikePlot) marks() {
	if p.s.Described {
		return
	}
	if p.s.Support.End > p.s.Support.Start {
		x1, x2, y := p.axis.at(p.s.Support.Start), p.axis.at(p.s.Support.End), p.box.Y-4
		p.f.line(x1, y, x2, y, Support, 2)
		p.f.line(x1, y-3, x1, y+4, Support, 2)
		p.f.line(x2, y-3, x2, y+4, Support, 2)
	}
	for _, q := range p.points {
		if !q.Flagged {
			continue
		}
		x := (p.axis.at(q.Start) + p.axis.at(q.Start+p.bin)) / 2
		y := math.Max(p.y(q.X)-3, p.box.Y+6)
		triangle(p.f, x, y)
		p.f.tip(fmt.Sprintf("%s UTC: %s flows, %s expected", q.Start.Short(), Number(q.X, 0), Number(q.Expected, 1)))
	}
}

// triangle points down at (x, y).
func triangle(f *Figure, x, y float64) {
	f.shape(Mark, Point{x - 4, y - 6}, Point{x + 4, y - 6}, Point{x, y})
}

func (p *spikePlot) legend() []legendItem {
	var items []legendItem
	for i := range p.stack {
		items = append(items, legendItem{p.s.Contributors[i], swatch(Series + Role(i))})
	}
	rest := "all flows"
	if p.stack > 0 {
		rest = "other (on top)"
	}
	items = append(items, legendItem{rest, swatch(Other)})
	if !p.s.Described {
		items = append(items,
			legendItem{"expected", func(f *Figure, b Box) { f.line(b.X, b.Y+5, b.X+b.W, b.Y+5, Base, 1.6) }},
			legendItem{"99 % range", func(f *Figure, b Box) { f.rect(b, Band); f.dash(b.X, b.Y, b.X+b.W, b.Y, Base, 1) }},
			legendItem{"above the range (q ≤ 0.01)", func(f *Figure, b Box) { triangle(f, b.X+7, b.Y+8) }},
			legendItem{"window", swatch(Window)},
			legendItem{"uncertainty of its bounds", func(f *Figure, b Box) {
				f.line(b.X, b.Y+5, b.X+b.W, b.Y+5, Support, 2)
				f.line(b.X, b.Y+1, b.X, b.Y+9, Support, 2)
				f.line(b.X+b.W, b.Y+1, b.X+b.W, b.Y+9, Support, 2)
			}})
	}
	for _, q := range p.points {
		if q.Missing {
			return append(items, legendItem{"missing, not zero", func(f *Figure, b Box) { f.rect(b, Track); f.hatch(b, Other) }})
		}
	}
	return items
}
