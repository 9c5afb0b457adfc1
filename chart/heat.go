package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"netcase"
)

// Bounds of a heat map; what is beyond them is one row or column "other".
const (
	MaxRows    = 30
	MaxColumns = 10
)

// ReachLetter is the letter of a reach, so that a colour is never the only sign.
func ReachLetter(r netcase.Reach) string {
	switch r {
	case netcase.ReachAllowed:
		return "A"
	case netcase.ReachNoReply:
		return "N"
	case netcase.ReachDenied:
		return "D"
	case netcase.ReachRefused:
		return "R"
	case netcase.ReachBidirectional:
		return "B"
	case netcase.ReachAuthenticated:
		return "L"
	}
	return "?"
}

// heatCell is the traffic of one row in one column.
type heatCell struct {
	flows int64
	reach netcase.Tally
}

func (c heatCell) plus(p netcase.PortCount) heatCell {
	return heatCell{c.flows + p.Flows, c.reach.Plus(p.Reach)}
}

// heatGrid is the table behind a heat map.
type heatGrid struct {
	columns []string
	rows    []heatRow
	ports   int // ports in all
}

type heatRow struct {
	label string
	cells []heatCell
}

// Heat is the map of sources by service port: a colour for the number of flows, on
// a fixed logarithmic scale, and a letter for how far they got.
func Heat(name string, sources []netcase.Profile, total int) Figure {
	g := gridOf(sources)
	f := Figure{Name: name, W: Width, Title: "Flows by source and service port", Desc: g.desc(len(sources), total)}
	f.bold(0, 14, f.Title, large, Width, Ink, Left)
	f.words(0, 31, "Letter: the strongest proof of how far the flows got; + others occur too. Colour: number of flows, logarithmic.", small, Width, Muted, Left)
	if len(g.rows) == 0 {
		f.words(0, 56, "No sources to show.", normal, 0, Muted, Left)
		f.H = 70
		return f
	}
	y := g.draw(&f, 44)
	if rest := total - len(sources); rest > 0 {
		f.words(0, y+12, fmt.Sprintf("… and %s sources more, which the case does not list one by one.", Count(int64(rest))), small, Width, Muted, Left)
		y += 18
	}
	y = legend(&f, y+18, heatScale())
	f.H = legend(&f, y+1, heatLetters()) - 4
	return f
}

// gridOf arranges the profiles: rows by flows, columns by port.
func gridOf(sources []netcase.Profile) heatGrid {
	type port struct {
		number uint16
		proto  uint8
	}
	flows := map[port]int64{}
	for i := range sources {
		for _, p := range sources[i].Ports {
			flows[port{p.Port, p.Proto}] += p.Flows
		}
	}
	ports := make([]port, 0, len(flows))
	for p := range flows {
		ports = append(ports, p)
	}
	byNumber := func(a, b port) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.proto, b.proto)) }
	slices.SortFunc(ports, func(a, b port) int { return cmp.Or(cmp.Compare(flows[b], flows[a]), byNumber(a, b)) })
	g := heatGrid{ports: len(ports)}
	shown := ports[:min(len(ports), MaxColumns)]
	shown = slices.Clone(shown)
	slices.SortFunc(shown, byNumber)
	at := map[port]int{}
	for i, p := range shown {
		at[p] = i
		name := netcase.ProtoName(p.proto)
		if p.proto != netcase.ICMP && p.proto != netcase.ICMPv6 { // those have no ports
			name = fmt.Sprintf("%d/%s", p.number, name)
		}
		g.columns = append(g.columns, name)
	}
	if len(ports) > len(shown) {
		g.columns = append(g.columns, fmt.Sprintf("+%d ports", len(ports)-len(shown)))
	}
	g.fill(sources, func(p netcase.PortCount) int {
		if i, ok := at[port{p.Port, p.Proto}]; ok {
			return i
		}
		return len(shown)
	})
	return g
}

func (g *heatGrid) fill(sources []netcase.Profile, column func(netcase.PortCount) int) {
	order := make([]*netcase.Profile, len(sources))
	for i := range sources {
		order[i] = &sources[i]
	}
	slices.SortFunc(order, func(a, b *netcase.Profile) int {
		return cmp.Or(cmp.Compare(b.Flows, a.Flows), a.Peer.Compare(b.Peer), cmp.Compare(a.Direction, b.Direction))
	})
	for i, p := range order {
		if i <= MaxRows {
			g.rows = append(g.rows, heatRow{label: p.Peer.String(), cells: make([]heatCell, len(g.columns))})
		}
		row := &g.rows[min(i, MaxRows)]
		if i >= MaxRows && len(order) > MaxRows+1 {
			row.label = fmt.Sprintf("other (%d sources)", len(order)-MaxRows)
		}
		for _, c := range p.Ports {
			k := column(c)
			row.cells[k] = row.cells[k].plus(c)
		}
	}
}

func (g *heatGrid) desc(listed, total int) string {
	s := fmt.Sprintf("%d of %d sources by %d service ports.", listed, max(total, listed), g.ports)
	for i, r := range g.rows {
		if i == 3 {
			s += " The other rows are in the table of the same section."
			break
		}
		s += " " + Visible(r.label, 60) + ":"
		for k, c := range r.cells {
			if c.flows > 0 {
				s += fmt.Sprintf(" %s %s %s;", g.columns[k], Count(c.flows), c.reach.Best())
			}
		}
	}
	return s
}

const (
	heatRowHeight = 20.0
	heatLabelMax  = 215.0
	heatCellMax   = 66.0
)

// draw writes the map below y and returns the y below it.
func (g *heatGrid) draw(f *Figure, y float64) float64 {
	label := 0.0
	for _, r := range g.rows {
		label = math.Max(label, TextWidth(Visible(r.label, 60), normal)+8)
	}
	label = math.Min(label, heatLabelMax)
	w := math.Min(heatCellMax, (Width-label)/float64(max(len(g.columns), 1)))
	for k, c := range g.columns {
		f.words(label+w*(float64(k)+0.5), y+12, c, small, w-2, Muted, Middle)
	}
	y += 18
	for _, r := range g.rows {
		size := normal
		if TextWidth(Visible(r.label, 60), size) > label-6 {
			size = small
		}
		f.words(0, y+14, r.label, size, label-6, Ink, Left)
		for k, c := range r.cells {
			drawCell(f, Box{label + w*float64(k), y, w - 1.5, heatRowHeight - 1.5}, c)
		}
		y += heatRowHeight
	}
	return y
}

func drawCell(f *Figure, b Box, c heatCell) {
	if c.flows <= 0 {
		f.rect(b, Track)
		return
	}
	step := heatStep(c.flows)
	f.rect(b, Warm+step)
	letter := ReachLetter(c.reach.Best())
	if c.reach[c.reach.Best()] < c.reach.Total() {
		letter += "+"
	}
	f.bold(b.X+4, b.Y+13, letter, small, 0, HeatText+step, Left)
	f.words(b.X+b.W-3, b.Y+13, compact(c.flows), small, 0, HeatText+step, Right)
}

// heatStep is the step of the fixed scale: a power of ten each, the last open.
func heatStep(flows int64) Role {
	for s := range HeatCount {
		if flows < 10 {
			return Role(s)
		}
		flows /= 10
	}
	return HeatCount - 1
}

func heatScale() (items []legendItem) {
	for s, label := range []string{"1–9 flows", "10–99", "100–999", "1,000–9,999", "10,000–99,999", "100,000 and more"} {
		items = append(items, legendItem{label, swatch(Warm + Role(s))})
	}
	return items
}

func heatLetters() (items []legendItem) {
	names := map[netcase.Reach]string{
		netcase.ReachUnknown: "not recorded", netcase.ReachAllowed: "allowed, replies not recorded",
		netcase.ReachNoReply: "no reply", netcase.ReachDenied: "denied", netcase.ReachRefused: "refused by the host",
		netcase.ReachBidirectional: "both ways", netcase.ReachAuthenticated: "login succeeded",
	}
	for _, r := range []netcase.Reach{netcase.ReachDenied, netcase.ReachRefused, netcase.ReachNoReply, netcase.ReachAllowed, netcase.ReachBidirectional, netcase.ReachAuthenticated, netcase.ReachUnknown} {
		letter := ReachLetter(r)
		items = append(items, legendItem{names[r], func(f *Figure, b Box) {
			f.outline(Box{b.X, b.Y - 1.5, 14, 13}, Muted, 1, false)
			f.bold(b.X+7, b.Y+9, letter, small, 0, Ink, Middle)
		}})
	}
	return items
}
