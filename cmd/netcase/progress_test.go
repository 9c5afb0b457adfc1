package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"netcase/store"
)

func TestProgressTellsRateAndTimeLeft(t *testing.T) {
	for _, tt := range []struct {
		name   string
		s      store.Progress
		passed time.Duration
		want   string
	}{
		{"compressed: time by what the disk gave", store.Progress{Pass: 1, Bytes: 400e6, Taken: 40e6, Total: 100e6, Streams: 3, Done: 1}, 20 * time.Second, "reading: 1 of 3 inputs, 400 MB, 20.0 MB/s, about 30s left"},
		{"too early to tell", store.Progress{Pass: 1, Bytes: 1e6, Taken: 1e6, Total: 100e6, Streams: 3}, time.Second, "reading: 0 of 3 inputs, 1.0 MB, 1.0 MB/s"},
		{"size not known", store.Progress{Pass: 2, Bytes: 1e6, Streams: 1}, time.Second, "fetching originals: 0 of 1 inputs, 1.0 MB, 1.0 MB/s"},
	} {
		if got := readingText(tt.s, tt.passed); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// On a pipe there is a line now and then, with the stages told as they begin; a run
// that is over at once says nothing.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_000_000, 0)
	p := &progress{w: &out, now: func() time.Time { return now }, start: now, last: now}
	p.show(store.Progress{Stage: "joining what was read"})
	if out.Len() > 0 {
		t.Fatalf("a quick run speaks: %q", out.String())
	}
	for i := range 12 {
		now = now.Add(time.Second)
		p.show(store.Progress{Pass: 1, Streams: 2, Bytes: int64(i+1) * 1e6, Taken: int64(i+1) * 1e6, Total: 24e6})
	}
	p.show(store.Progress{Stage: "asking the detectors"})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[1], "1.0 MB/s, about 14s left") || lines[2] != "netcase: asking the detectors" {
		t.Fatalf("%q", lines)
	}
}
