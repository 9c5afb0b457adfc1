package netcase

import (
	"bytes"
	"fmt"
	"time"
)

// Time is an instant in UTC.
//
// Units: unix milliseconds. Zero means "not known".
type Time int64

// Milliseconds in the units that detectors count in.
const (
	Second Time = 1000
	Minute      = 60 * Second
	Hour        = 60 * Minute
	Day         = 24 * Hour
)

const timeLayout = "2006-01-02T15:04:05.000Z"

// TimeOf is the instant of a standard library time; its zero value is "not known".
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Std is the same instant as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Known tells whether the instant is known.
func (t Time) Known() bool { return t != 0 }

// Hour is the number of whole hours since 1970, rounded down.
func (t Time) Hour() int64 { return floorDiv(int64(t), int64(Hour)) }

// Truncate is the start of the cell of width w that holds t.
func (t Time) Truncate(w Time) Time { return Time(floorDiv(int64(t), int64(w)) * int64(w)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// String is ISO 8601 with milliseconds in UTC, or "unknown".
func (t Time) String() string {
	if !t.Known() {
		return "unknown"
	}
	return t.Std().Format(timeLayout)
}

// Short is the instant to the minute, as people read it: "2025-10-20 14:05".
func (t Time) Short() string {
	if !t.Known() {
		return "unknown"
	}
	return t.Std().Format("2006-01-02 15:04")
}

// MarshalJSON writes ISO 8601 in UTC, and null where the instant is not known.
func (t Time) MarshalJSON() ([]byte, error) {
	if !t.Known() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*t = 0
		return nil
	}
	v, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("time %s: %w", b, err)
	}
	*t = TimeOf(v)
	return nil
}

// Span is a half-open stretch of time: Start is inside, End is not.
type Span struct {
	Start Time `json:"start"`
	End   Time `json:"end"`
}

// Contains tells whether t lies inside the span. A bound that is not known does
// not bind.
func (s Span) Contains(t Time) bool {
	return (!s.Start.Known() || t >= s.Start) && (!s.End.Known() || t < s.End)
}

// Overlaps tells whether two spans with known bounds share an instant.
func (s Span) Overlaps(o Span) bool { return s.Start < o.End && o.Start < s.End }

// Extend is the smallest span that holds s and t.
func (s Span) Extend(t Time) Span {
	if !t.Known() {
		return s
	}
	if !s.Start.Known() || t < s.Start {
		s.Start = t
	}
	if t >= s.End {
		s.End = t + 1
	}
	return s
}

// Join is the smallest span that holds both.
func (s Span) Join(o Span) Span {
	if !o.Start.Known() && !o.End.Known() {
		return s
	}
	return s.Extend(o.Start).Extend(o.End - 1)
}

// Length is the duration of the span.
func (s Span) Length() time.Duration { return time.Duration(s.End-s.Start) * time.Millisecond }

func (s Span) String() string { return s.Start.Short() + " to " + s.End.Short() + " UTC" }
