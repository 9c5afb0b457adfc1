package cube

import (
	"slices"

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
	type bin struct {
		series string
		hour   int64
	}
	counts := map[bin]*Point{}
	for i := range rows {
		r := &rows[i]
		if !Asked(&r.Key, q.Directions, q.Span) {
			continue
		}
		b := bin{SeriesOf(&r.Key, q.By), r.Hour}
		p := counts[b]
		if p == nil {
			p = &Point{Series: b.series, Start: netcase.Time(b.hour) * netcase.Hour}
			counts[b] = p
		}
		p.Flows += r.Flows
		if r.Reach.Failed() {
			p.Failed += r.Flows
		}
	}
	out := make([]Point, 0, len(counts))
	for _, p := range counts {
		out = append(out, *p)
	}
	SortPoints(out)
	return out
}

// Asked tells whether a row lies in the directions and hours of a question.
func Asked(k *Key, directions []netcase.Direction, span netcase.Span) bool {
	return (len(directions) == 0 || slices.Contains(directions, k.Direction)) &&
		span.Contains(netcase.Time(k.Hour)*netcase.Hour)
}
