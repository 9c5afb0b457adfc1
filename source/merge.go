package source

import (
	"maps"
	"slices"
)

// Absorb adds what became of one part of a stream. Parts are absorbed in their order.
func (in *Input) Absorb(part *Input) {
	to, r := in.Report, part.Report
	to.Read += r.Read
	to.Accepted += r.Accepted
	to.Rejected += r.Rejected
	to.Skipped += r.Skipped
	to.Duplicate += r.Duplicate
	to.Flows += r.Flows
	to.Reaches = to.Reaches.Plus(r.Reaches)
	to.Span = to.Span.Join(r.Span)
	for word, n := range r.Events {
		in.event(word, n)
	}
	for _, text := range slices.Sorted(maps.Keys(r.Reasons)) {
		in.reason(text, r.Reasons[text])
	}
	for _, s := range r.Samples {
		if len(to.Samples) < maxSamples {
			to.Samples = append(to.Samples, s)
		}
	}
	to.Sensors = union(to.Sensors, r.Sensors)
	to.Resolution = union(to.Resolution, r.Resolution)
	to.Missing = union(to.Missing, r.Missing)
	to.Notes = union(to.Notes, r.Notes)
	if to.Table == "" {
		to.Table = r.Table
	}
	if to.Cut == "" {
		to.Cut, to.CutQuery = r.Cut, r.CutQuery
	}
	for name, n := range part.Sums {
		in.Sum(name, n)
	}
	if part.End != "" {
		in.End = part.End
	}
}

// union appends what is not there yet.
func union[T comparable](to, more []T) []T {
	for _, x := range more {
		if !slices.Contains(to, x) {
			to = append(to, x)
		}
	}
	return to
}
