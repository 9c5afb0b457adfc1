package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"netcase/store"
)

const (
	barEvery  = 100 * time.Millisecond // between two drawings on a terminal
	lineEvery = 5 * time.Second        // between two lines elsewhere
	barWidth  = 24
)

// progress shows how far a run has come: a bar on a terminal, plain lines
// elsewhere, nothing when quiet.
type progress struct {
	w        io.Writer
	terminal bool
	quiet    bool
	now      func() time.Time
	start    time.Time

	mu    sync.Mutex
	last  time.Time
	used  bool
	read  store.Progress // the latest of the first pass
	pass  int            // at hand, and when it began
	since time.Time
}

func newProgress(w io.Writer, quiet bool) *progress {
	now := time.Now()
	return &progress{w: w, terminal: isTerminal(w), quiet: quiet, now: time.Now, start: now, last: now} // a quick run says nothing
}

// show is called by any worker.
func (p *progress) show(s store.Progress) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if s.Stage == "" && s.Pass != p.pass {
		p.pass, p.since = s.Pass, now
		if s.Pass == 1 {
			p.since = p.start
		}
	}
	if s.Pass == 1 && s.Streams >= p.read.Streams {
		p.read = s
	}
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	// A stage lasts, and is told once: it is shown as soon as anything was.
	if stage := s.Stage != "" && p.used; stage || now.Sub(p.last) >= every {
		p.last = now
		p.draw(s, now)
	}
}

func (p *progress) draw(s store.Progress, now time.Time) {
	if s.Stage == "" && s.Done == s.Streams {
		return
	}
	p.used = true
	text := s.Stage
	if text == "" {
		text = readingText(s, now.Sub(p.since))
	}
	switch {
	case !p.terminal:
		fmt.Fprintln(p.w, "netcase: "+text)
	case s.Stage != "":
		fmt.Fprintf(p.w, "\r\x1b[K%s …", text)
	default:
		fmt.Fprintf(p.w, "\r\x1b[K[%s] %s", bar(s), text)
	}
}

// readingText tells how far a reading has come, how fast it is and how long it may
// still take.
func readingText(s store.Progress, passed time.Duration) string {
	what := "reading"
	if s.Pass == 2 {
		what = "fetching originals"
	}
	rate := float64(s.Bytes) / max(passed.Seconds(), 0.001)
	text := fmt.Sprintf("%s: %d of %d inputs, %s, %s/s", what, s.Done, s.Streams, size(s.Bytes), size(int64(rate)))
	if left, ok := timeLeft(s, passed); ok {
		text += ", about " + left.String() + " left"
	}
	return text
}

// timeLeft is how long a reading will still take at the rate so far; false: that
// cannot be told yet.
func timeLeft(s store.Progress, passed time.Duration) (time.Duration, bool) {
	const least = 50 // a share smaller than one in so many tells too little
	if s.Total <= 0 || s.Taken <= s.Total/least || s.Taken > s.Total {
		return 0, false
	}
	left := time.Duration(float64(passed) * float64(s.Total-s.Taken) / float64(s.Taken))
	return max(left.Round(time.Second), time.Second), true
}

func bar(s store.Progress) string {
	full := 0
	switch {
	case s.Total > 0:
		full = int(min(s.Taken, s.Total) * barWidth / s.Total)
	case s.Streams > 0:
		full = s.Done * barWidth / s.Streams
	}
	b := make([]byte, barWidth)
	for i := range b {
		b[i] = ' '
		if i < full {
			b[i] = '='
		}
	}
	return string(b)
}

// finish clears the bar and says what was read, if anything was shown.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.used {
		return
	}
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	inputs := "inputs"
	if p.read.Done == 1 {
		inputs = "input"
	}
	fmt.Fprintf(p.w, "netcase: read %d %s, %s, in %.1f s\n", p.read.Done, inputs, size(p.read.Bytes), time.Since(p.start).Seconds())
}

// isTerminal tells whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colour tells whether colours may be used on a writer.
func colour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is how wide text may be.
func width() int {
	const usual, narrowest, widest = 96, 40, 120
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil {
		return usual
	}
	return min(max(n, narrowest), widest)
}

// size is a number of bytes for people.
func size(n int64) string {
	const unit = 1000
	f := float64(n)
	for _, u := range []string{"B", "kB", "MB", "GB"} {
		if f < unit {
			return strconv.FormatFloat(f, 'f', precision(f, u), 64) + " " + u
		}
		f /= unit
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " TB"
}

func precision(f float64, unit string) int {
	if unit == "B" || f >= 100 {
		return 0
	}
	return 1
}
