package cube

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"netcase"
)

// MinuteKey is one series and minute of the minute fold. Peers have no series
// here, so the fold stays small whatever a flood does.
type MinuteKey struct {
	Minute    int64 // whole minutes since 1970
	Sensor    string
	Direction netcase.Direction
	By        By
	Series    string
}

// MinuteCount is what a minute counts.
type MinuteCount struct{ Flows, Failed int64 }

// MinuteDimensions are the dimensions the minute fold keeps.
var minuteDimensions = []By{ByTotal, ByHost, ByPort, ByReach, ByDirection, BySensor}

// Minutes calls add for every series of the minute fold that a row's flow belongs to.
func Minutes(k *Key, f *netcase.Flow, add func(MinuteKey, MinuteCount)) {
	n := MinuteCount{Flows: max(f.Flows, 1)}
	if k.Reach.Failed() {
		n.Failed = n.Flows
	}
	minute := int64(f.Start.Truncate(netcase.Minute) / netcase.Minute)
	for _, by := range minuteDimensions {
		add(MinuteKey{Minute: minute, Sensor: k.Sensor, Direction: k.Direction, By: by, Series: SeriesOf(k, by)}, n)
	}
}

// SeriesOf is the value of a dimension in a row.
func SeriesOf(k *Key, by By) string {
	switch by {
	case ByHost:
		return k.Host.String()
	case ByPort:
		return PortName(k.Port, k.Proto)
	case ByReach:
		return k.Reach.String()
	case ByDirection:
		return k.Direction.String()
	case BySensor:
		return k.Sensor
	case ByPeer:
		return k.Peer.String()
	}
	return ""
}

// HourPoints is the hourly time line of reconciled rows.
func HourPoints(rows []Row, q TimelineQuestion) []Point {
	h := NewHourly(q)
	for i := range rows {
		h.Add(&rows[i])
	}
	return h.Points()
}

// Hourly counts reconciled rows into an hourly time line, one by one.
type Hourly struct {
	q      TimelineQuestion
	counts map[Key]*Point // by the hour and what the dimension holds of a row
}

// NewHourly is an empty time line.
func NewHourly(q TimelineQuestion) *Hourly { return &Hourly{q: q, counts: map[Key]*Point{}} }

// Add counts a row, if the question asks for it.
func (h *Hourly) Add(r *Row) {
	if !Asked(&r.Key, h.q.Directions, h.q.Span) {
		return
	}
	k := seriesKey(&r.Key, h.q.By)
	p := h.counts[k]
	if p == nil {
		p = &Point{Series: SeriesOf(&r.Key, h.q.By), Start: netcase.Time(r.Hour) * netcase.Hour}
		h.counts[k] = p
	}
	p.Flows += r.Flows
	if r.Reach.Failed() {
		p.Failed += r.Flows
	}
}

// Points is the time line so far.
func (h *Hourly) Points() []Point {
	keys := slices.SortedFunc(maps.Keys(h.counts), func(a, b Key) int { return compareSeries(&a, &b) })
	out := make([]Point, len(keys))
	for i, k := range keys {
		out[i] = *h.counts[k]
	}
	return out
}

// seriesKey is the hour of a row and what makes it belong to a series.
func seriesKey(k *Key, by By) Key {
	s := Key{Hour: k.Hour}
	switch by {
	case ByHost:
		s.Host = k.Host
	case ByPort:
		s.Port, s.Proto = k.Port, k.Proto
	case ByReach:
		s.Reach = k.Reach
	case ByDirection:
		s.Direction = k.Direction
	case BySensor:
		s.Sensor = k.Sensor
	case ByPeer:
		s.Peer = k.Peer
	}
	return s
}

// compareSeries orders what seriesKey leaves: hosts and peers by address, ports by
// number, the others by name; within a series by the hour.
func compareSeries(a, b *Key) int {
	return cmp.Or(
		a.Host.Compare(b.Host), a.Peer.Compare(b.Peer), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto),
		strings.Compare(a.Reach.String(), b.Reach.String()), strings.Compare(a.Direction.String(), b.Direction.String()),
		strings.Compare(a.Sensor, b.Sensor), cmp.Compare(a.Hour, b.Hour),
	)
}

// Minutely counts flows into a time line by the minute, a series for each sensor.
type Minutely struct {
	q      TimelineQuestion
	counts map[MinuteKey]MinuteCount
}

// NewMinutely is an empty time line.
func NewMinutely(q TimelineQuestion) *Minutely {
	return &Minutely{q: q, counts: map[MinuteKey]MinuteCount{}}
}

// Add counts flows of a row that began in a minute (whole minutes since 1970).
// There may be fewer than none: a correction.
func (m *Minutely) Add(k *Key, minute, flows int64) {
	if m.q.By == ByPeer || !m.q.Span.Contains(netcase.Time(minute)*netcase.Minute) ||
		len(m.q.Directions) > 0 && !slices.Contains(m.q.Directions, k.Direction) {
		return
	}
	key := MinuteKey{Minute: minute, Sensor: k.Sensor, By: m.q.By, Series: SeriesOf(k, m.q.By)}
	n := m.counts[key]
	n.Flows += flows
	if k.Reach.Failed() {
		n.Failed += flows
	}
	m.counts[key] = n
}

// Points is the time line; bins without flows are left out.
func (m *Minutely) Points() []Point {
	out := make([]Point, 0, len(m.counts))
	for k, n := range m.counts {
		if n.Flows != 0 {
			out = append(out, Point{Series: k.Series, Sensor: k.Sensor, Start: netcase.Time(k.Minute) * netcase.Minute, Flows: n.Flows, Failed: n.Failed})
		}
	}
	sortPoints(out)
	return out
}

// Asked tells whether a row lies in the directions and hours of a question.
func Asked(k *Key, directions []netcase.Direction, span netcase.Span) bool {
	return (len(directions) == 0 || slices.Contains(directions, k.Direction)) &&
		span.Contains(netcase.Time(k.Hour)*netcase.Hour)
}
