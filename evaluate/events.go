package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"netcase"
	"netcase/source"
)

// events are what telemetry holds, for rules that look at records one by one.
type events struct {
	flows  []netcase.Flow // by time
	logins []netcase.Login
}

func (e *events) span() (s netcase.Span) {
	for i := range e.flows {
		s = s.Extend(e.flows[i].Start)
	}
	for i := range e.logins {
		s = s.Extend(e.logins[i].Time)
	}
	return s
}

// readEvents decodes telemetry as the formats tell it. What a decoder keeps to itself
// (its bytes, its place) is left out.
func readEvents(ctx context.Context, paths ...string) (*events, error) {
	found, err := source.Find(paths, source.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // temporary files only; what was read is read
	e := &events{}
	for _, s := range found.Streams {
		if err := e.decode(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	slices.SortStableFunc(e.flows, func(a, b netcase.Flow) int { return cmp.Compare(a.Start, b.Start) })
	slices.SortStableFunc(e.logins, func(a, b netcase.Login) int { return cmp.Compare(a.Time, b.Time) })
	return e, nil
}

func (e *events) decode(ctx context.Context, s source.Stream) error {
	r, err := s.Open()
	if err != nil {
		return err
	}
	head := make([]byte, source.HeadSize)
	n, err := io.ReadFull(r, head)
	_ = r.Close() // only looked at
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	format, err := source.Recognise(source.Formats(), head[:n])
	if err != nil {
		return nil // no telemetry: a rule that reads records has nothing to look at
	}
	if r, err = s.Open(); err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // read to its end
	in := &source.Input{Name: s.Name, R: r, Report: &netcase.InputReport{Name: s.Name}, File: s.File}
	return format.Decode(ctx, in, e.take)
}

// take keeps a batch.
func (e *events) take(b *netcase.Batch) error {
	for i := range b.Flows {
		f := b.Flows[i]
		f.Raw, f.Context = nil, ""
		e.flows = append(e.flows, f)
	}
	for i := range b.Logins {
		l := b.Logins[i]
		l.Raw, l.Context = nil, ""
		e.logins = append(e.logins, l)
	}
	return nil
}
