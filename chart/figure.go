// Package chart draws the figures of a case. A figure is described once, as
// marks in a plane with roles instead of colours; a back end turns the
// description into a file. SVG is the back end that exists.
//
// The text in the marks is as the case holds it; a back end escapes it.
package chart

// Width is the width of every figure.
//
// Units: user units; one is about a pixel on screen. 760 keeps a letter of 11
// units readable when the figure is scaled to the text width of an A4 page.
const Width = 760.0

// Sizes of letters, in user units.
const (
	small  = 10.0
	normal = 11.0
	large  = 13.0
)

// Role is what a mark stands for; the theme of a back end gives it a colour.
type Role uint8

// The roles. Series, Warm and HeatText are the first of a run.
const (
	None    Role = iota
	Ink          // text and axes
	Muted        // secondary text
	Faint        // grid lines
	Paper        // the ground, for gaps between stacked bars
	Other        // what is left over
	Base         // an expected value
	Band         // the range around it
	Window       // the stretch of time that stands out
	Support      // the uncertainty of its bounds
	Mark         // what is marked
	Warn         // what is wrong with the data
	Track        // the empty part of a bar
	Series       // contributor 0 to 5
	Warm    = Series + SeriesCount
	// HeatText is the letter on a heat cell of the same step.
	HeatText  = Warm + HeatCount
	roleCount = HeatText + HeatCount
)

// How many steps the runs of roles have.
const (
	SeriesCount = 6
	HeatCount   = 6
)

// Kind is the shape of a mark.
type Kind uint8

// The kinds.
const (
	Rects Kind = iota // Boxes, filled with Fill, outlined with Stroke
	Path              // Points joined, closed and filled where Fill is set
	Text              // Words at At
	Hatch             // Boxes, ruled diagonally with Stroke
)

// Anchor is which end of a text stands at its point.
type Anchor uint8

// The anchors.
const (
	Left Anchor = iota
	Middle
	Right
)

// Point is a place in user units; y grows downward.
type Point struct{ X, Y float64 }

// Box is an upright rectangle.
type Box struct{ X, Y, W, H float64 }

// Shape is one mark of a figure.
type Shape struct {
	Kind   Kind
	Boxes  []Box
	Points []Point
	At     Point
	Words  string
	Size   float64
	Bold   bool
	Mono   bool
	Anchor Anchor
	Fill   Role
	Stroke Role
	Thick  float64
	Dashed bool
	Tip    string // said when a pointer rests on the mark
}

// Figure is a drawing, described.
type Figure struct {
	Name   string // stem of the file name; unique within a case
	Title  string
	Desc   string // what someone who cannot see the figure is told
	W, H   float64
	Shapes []Shape
}

func (f *Figure) add(s Shape) { f.Shapes = append(f.Shapes, s) }

func (f *Figure) rect(b Box, fill Role) {
	f.add(Shape{Kind: Rects, Boxes: []Box{b}, Fill: fill})
}

func (f *Figure) outline(b Box, stroke Role, thick float64, dashed bool) {
	f.add(Shape{Kind: Rects, Boxes: []Box{b}, Stroke: stroke, Thick: thick, Dashed: dashed})
}

func (f *Figure) line(x1, y1, x2, y2 float64, stroke Role, thick float64) {
	f.add(Shape{Kind: Path, Points: []Point{{x1, y1}, {x2, y2}}, Stroke: stroke, Thick: thick})
}

func (f *Figure) dash(x1, y1, x2, y2 float64, stroke Role, thick float64) {
	f.add(Shape{Kind: Path, Points: []Point{{x1, y1}, {x2, y2}}, Stroke: stroke, Thick: thick, Dashed: true})
}

func (f *Figure) shape(fill Role, points ...Point) {
	f.add(Shape{Kind: Path, Points: points, Fill: fill})
}

func (f *Figure) hatch(b Box, stroke Role) {
	f.add(Shape{Kind: Hatch, Boxes: []Box{b}, Stroke: stroke, Thick: 1})
}

// words writes a text that is cut to fit into the given width; 0: no bound.
func (f *Figure) words(x, y float64, s string, size, width float64, fill Role, a Anchor) {
	if width > 0 {
		s = Fit(s, size, width)
	}
	f.add(Shape{Kind: Text, At: Point{x, y}, Words: s, Size: size, Fill: fill, Anchor: a})
}

func (f *Figure) bold(x, y float64, s string, size, width float64, fill Role, a Anchor) {
	f.words(x, y, s, size, width, fill, a)
	f.Shapes[len(f.Shapes)-1].Bold = true
}

func (f *Figure) tip(s string) { f.Shapes[len(f.Shapes)-1].Tip = s }
