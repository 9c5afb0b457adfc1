package cube

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"netcase"
)

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

// AskedMinute tells whether a minute (whole minutes since 1970) lies in the directions
// and the span of a question.
func AskedMinute(d netcase.Direction, minute int64, q *TimelineQuestion) bool {
	return (len(q.Directions) == 0 || slices.Contains(q.Directions, d)) && q.Span.Contains(netcase.Time(minute)*netcase.Minute)
}

// Asked tells whether a row lies in the directions and hours of a question.
func Asked(k *Key, directions []netcase.Direction, span netcase.Span) bool {
	return (len(directions) == 0 || slices.Contains(directions, k.Direction)) &&
		span.Contains(netcase.Time(k.Hour)*netcase.Hour)
}
