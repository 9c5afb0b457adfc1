package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

type lineSeen struct {
	text    string
	number  int64
	offset  int64
	tooLong bool
}

func readLines(l *Lines) (seen []lineSeen) {
	for l.Next() {
		seen = append(seen, lineSeen{string(l.Bytes()), l.Number(), l.Offset(), l.TooLong()})
	}
	return seen
}

// linesTwin splits the slow way.
func linesTwin(text string, limit int) (seen []lineSeen) {
	offset := int64(0)
	for i, line := range strings.SplitAfter(text, "\n") {
		if line == "" {
			break
		}
		s := lineSeen{number: int64(i + 1), offset: offset}
		offset += int64(len(line))
		if body, ended := strings.CutSuffix(line, "\n"); ended {
			line = strings.TrimSuffix(body, "\r")
		}
		if s.tooLong = len(line) > limit; s.tooLong {
			line = line[:min(len(line), longLineSample)]
		}
		s.text = line
		seen = append(seen, s)
	}
	return seen
}

func TestLines(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\n\n", "a", "a\n", "a\r\n", "a\r", "\r\n", "a\nb", "a\n\nb\n", "a\x00b\nc", "\r\r\n", "\xff\xfe\n",
		strings.Repeat("x", 40) + "\nb", strings.Repeat("x", 32), strings.Repeat("x", 33), strings.Repeat("x", 32) + "\r\n", strings.Repeat("x", 33) + "\r\n",
		"short\n" + strings.Repeat("y", 5000) + "\nshort\n" + strings.Repeat("z", 5000),
	} {
		checkLines(t, []byte(text))
	}
}

func TestLinesRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range fewer(3000, 500) {
		b := make([]byte, rng.IntN(200))
		for i := range b {
			b[i] = "ab\x00\r\n\n"[rng.IntN(6)]
			if rng.IntN(60) == 0 {
				b[i] = 'x'
			}
		}
		if rng.IntN(3) == 0 {
			b = bytes.ReplaceAll(b, []byte("x"), bytes.Repeat([]byte("x"), rng.IntN(100)))
		}
		checkLines(t, b)
	}
}

// checkLines compares with the twin, for several ways in which a reader may
// hand out its bytes.
func checkLines(t *testing.T, text []byte) {
	t.Helper()
	const limit = 32
	want := linesTwin(string(text), limit)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(text), "one byte": iotest.OneByteReader(bytes.NewReader(text)),
		"halves": iotest.HalfReader(bytes.NewReader(text)), "error with data": iotest.DataErrReader(bytes.NewReader(text)),
	} {
		for _, size := range []int{1, 7, 64} {
			l := newLines(r, size, limit)
			if got := readLines(l); !slices.EqualFunc(got, want, sameLine) || l.Err() != nil {
				t.Fatalf("%s, buffer %d, %q:\n got %v %v\nwant %v", name, size, text, got, l.Err(), want)
			}
			r = bytes.NewReader(text)
		}
	}
}

// sameLine compares lines; of one that is too long only the start is promised.
func sameLine(a, b lineSeen) bool {
	if a.tooLong && b.tooLong {
		n := min(len(a.text), len(b.text))
		a.text, b.text = a.text[:n], b.text[:n]
	}
	return a == b
}

func TestLinesErrors(t *testing.T) {
	broken := errors.New("broken")
	l := NewLines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)))
	if got := fmt.Sprint(readLines(l)); got != "[{a 1 0 false} {b 2 2 false}]" || !errors.Is(l.Err(), broken) || !l.Next() == false {
		t.Errorf("%s %v", got, l.Err())
	}
	l = NewLines(idle{})
	if l.Next() || !errors.Is(l.Err(), io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", l.Err())
	}
	l = NewLines(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if !l.Next() || !l.Unfinished() || l.Next() || !errors.Is(l.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", l.Err())
	}
}

// idle is a reader that returns neither bytes nor an error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestLinesBound checks that memory stays bounded whatever the line.
func TestLinesBound(t *testing.T) {
	const limit = 1 << 20
	l := newLines(io.LimitReader(endless('x'), 64<<20), 4096, limit)
	if !l.Next() || !l.TooLong() || len(l.Bytes()) != longLineSample || l.Next() {
		t.Error("a line of 64 MB is not cut")
	}
	if cap(l.buf) > 4*limit {
		t.Errorf("the buffer grew to %d bytes", cap(l.buf))
	}
}

// endless is a reader of one byte, over and over.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"))
	f.Add([]byte(strings.Repeat("x", 100) + "\ny"))
	f.Fuzz(func(t *testing.T, text []byte) { checkLines(t, text) })
}

func BenchmarkLines(b *testing.B) {
	text := zeekSample(1, 20000, false)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for l := NewLines(bytes.NewReader(text)); l.Next(); {
			_ = l.Bytes()
		}
	}
}
