package source

import (
	"errors"
	"testing"
	"time"

	"netcase"
)

func TestTimeSpellings(t *testing.T) {
	const want = "2025-10-20T14:05:33"
	for text, ms := range map[string]string{
		"2025-10-20T14:05:33Z":                    ".000Z",
		"2025-10-20T14:05:33.469Z":                ".469Z",
		"2025-10-20T14:05:33.4691234Z":            ".469Z",
		"2025-10-20 14:05:33.469":                 ".469Z",
		"2025-10-20 14:05:33.469+00:00":           ".469Z",
		"2025-10-20T16:05:33.469+02:00":           ".469Z",
		"2025-10-20T16:05:33.469+0200":            ".469Z",
		"10/20/2025, 2:05:33.469 PM":              ".469Z",
		"10/20/2025, 2:05:33.469\u202fPM":         ".469Z",
		"\u200e10/20/2025, 2:05:33 PM":            ".000Z",
		"10/20/2025 14:05:33":                     ".000Z",
		"20/10/2025 14:05:33":                     ".000Z",
		"20/10/2025, 2:05:33.469 p.m.":            ".469Z",
		"20.10.2025 14:05:33,469":                 ".469Z",
		"20-10-2025 14:05:33":                     ".000Z",
		"2025/10/20 14:05:33":                     ".000Z",
		"20-Oct-2025 14:05:33":                    ".000Z",
		"Oct 20, 2025 2:05:33 PM":                 ".000Z",
		"20 October 2025 14:05:33":                ".000Z",
		"Mon, 20 Oct 2025 14:05:33 GMT":           ".000Z",
		"1760969133":                              ".000Z",
		"1760969133.469":                          ".469Z",
		"1760969133469":                           ".469Z",
		"1760969133469123":                        ".469Z",
		"/Date(1760969133469)/":                   ".469Z",
		"45950.5871875":                           ".000Z",
		"10/20/2025, 2:05:33.469 PM UTC":          ".469Z",
		"\"2025-10-20T14:05:33.469Z\"":            ".469Z",
		"Monday, October 20, 2025 2:05:33.469 PM": ".469Z",
	} {
		got, err := (&timeReader{}).parse([]byte(text), nil)
		if err != nil || got.String() != want+ms {
			t.Errorf("%s: got %s, %v; want %s%s", text, got, err, want, ms)
		}
	}
}

func TestNoTime(t *testing.T) {
	for text, want := range map[string]error{
		"": errTime, "yesterday": errTime, "2025-13-01T00:00:00Z": errTime, "2025-02-30T00:00:00Z": errTime,
		"31/31/2025 01:00:00": errTime, "13:00 PM": errTime, "10/20/2025, 13:05:33 PM": errTime, "10/20/2025, 25:05:33": errTime,
		"9999-12-31T23:59:59.9999999Z": errTimeRange, "0001-01-01T00:00:00Z": errTimeRange, "1/1/9999, 1:00:00 AM": errTimeRange,
		"05:33.5": errTimeLost, "NaN": errTime, "1e309": errTime, "0x1p40": errTime, "2025-10-20T14:05:33Zjunk": errTime,
		"10/20/2025, 2:05:33.469 PM and more text that is far too long to be any time at all": errTime,
	} {
		if got, err := (&timeReader{}).parse([]byte(text), nil); !errors.Is(err, want) {
			t.Errorf("%q: got %s, %v; want %v", text, got, err, want)
		}
	}
}

// TestISOReadsAsItsTwin compares the byte-wise reading with package time.
func TestISOReadsAsItsTwin(t *testing.T) {
	for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2100; at = at.Add(17*time.Hour + 13*time.Minute + 7*time.Second + 123*time.Millisecond) {
		text := at.Format("2006-01-02T15:04:05.000Z")
		if got, ok := isoTime([]byte(text)); !ok || got != netcase.TimeOf(at) {
			t.Fatalf("%s: got %s", text, got)
		}
	}
}

func TestOrderOfDayAndMonth(t *testing.T) {
	parse := func(r *timeReader, text string) string {
		v, err := r.parse([]byte(text), time.UTC)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v.String()[:10]
	}
	for _, c := range []struct {
		order                  dayOrder
		texts, want            []string
		assumed, contradictory bool
	}{
		{orderUnknown, []string{"3/4/2025 01:00"}, []string{"2025-03-04"}, true, false},
		{orderUnknown, []string{"5/5/2025 01:00"}, []string{"2025-05-05"}, false, false},
		{dayFirst, []string{"3/4/2025 01:00"}, []string{"2025-04-03"}, false, false},
		{orderUnknown, []string{"3/14/2025 01:00", "3/4/2025 01:00"}, []string{"2025-03-14", "2025-03-04"}, false, false},
		{orderUnknown, []string{"3/4/2025 01:00", "24/4/2025 01:00", "3/4/2025 01:00"}, []string{"2025-03-04", "2025-04-24", "2025-04-03"}, true, true},
		{monthFirst, []string{"24/4/2025 01:00", "3/4/2025 01:00"}, []string{"2025-04-24", "2025-03-04"}, false, true},
	} {
		r := &timeReader{order: c.order}
		for i, text := range c.texts {
			if got := parse(r, text); got != c.want[i] {
				t.Errorf("%v: %s is %s, want %s", c.texts, text, got, c.want[i])
			}
		}
		if r.assumedOrder != c.assumed || r.turned != c.contradictory {
			t.Errorf("%v: assumed %v, turned %v", c.texts, r.assumedOrder, r.turned)
		}
	}
}

func TestZoneOfTimes(t *testing.T) {
	east := time.FixedZone("east", 2*3600)
	r := &timeReader{zone: east}
	for _, c := range []struct {
		text string
		zone *time.Location
		want string
	}{
		{"2025-10-20 14:05:33", nil, "2025-10-20T12:05:33.000Z"},
		{"2025-10-20 14:05:33", time.UTC, "2025-10-20T14:05:33.000Z"},
		{"2025-10-20T14:05:33Z", nil, "2025-10-20T14:05:33.000Z"},
		{"2025-10-20T14:05:33-01:00", time.UTC, "2025-10-20T15:05:33.000Z"},
	} {
		if got, err := r.parse([]byte(c.text), c.zone); err != nil || got.String() != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}
