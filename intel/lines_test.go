package intel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// setOf is a set that lists the prefixes.
func setOf(t testing.TB, prefixes ...string) *Set {
	t.Helper()
	set, err := Load(context.Background(), []File{{Name: "list.txt", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Join(prefixes, "\n") + "\n")), nil
	}}}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != len(prefixes) {
		t.Fatalf("%d of %d prefixes are usable: %+v", set.Len(), len(prefixes), set.Feeds())
	}
	return set
}

func TestHoldsAny(t *testing.T) {
	set := setOf(t, "203.0.113.9", "45.83.64.0/24", "2001:4860:4860::8888/128", "2620:fe::/48")
	for line, want := range map[string]bool{
		"":            false,
		"203.0.113.9": true,
		"Failed password for root from 203.0.113.9 port 22 ssh2": true,
		"src=45.83.64.77,dst=10.0.0.5":                           true,
		"http://203.0.113.9:8080/x":                              true,
		"[203.0.113.9]:443":                                      true,
		"203.0.113.9.":                                           true, // the end of a sentence
		"203.0.113.90":                                           false,
		"1203.0.113.9":                                           false,
		"203.0.113.9.5":                                          false, // a version, or a name in reverse
		"v203.0.113.9":                                           false,
		"203.0.113":                                              false,
		"203.0.113.256":                                          false,
		"::ffff:203.0.113.9":                                     true,
		"from 2001:4860:4860::8888 port 22":                      true,
		"from 2001:4860:4860:0:0:0:0:8888 port 22":               true,
		"from 2001:4860:4860:0000:0000:0000:0000:8888: refused": true,
		"2620:FE:0:1::1":          true,
		"2620:fe:1::1":            false,
		"12:34:56 nothing":        false,
		"12:34:56.203.0.113.9":    false,
		"a:b:c:d:e:f 203.0.113.9": true,
	} {
		if got := set.HoldsAny([]byte(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// TestHitLinesTwin compares with a regular expression over lines, in blocks of every kind.
func TestHitLinesTwin(t *testing.T) {
	set := setOf(t, "11.9.0.0/16", "192.0.2.1", "194.0.113.0/25")
	r := rand.New(rand.NewPCG(3, 4))
	var text bytes.Buffer
	for i := range 40_000 {
		fmt.Fprintf(&text, "%d host%d %d.%d.%d.%d -> %d.0.%d.%d:443 %s\n", i, i%7, r.IntN(20), r.IntN(12), r.IntN(4), r.IntN(4),
			[]int{192, 194, 11}[r.IntN(3)], r.IntN(200), r.IntN(200), strings.Repeat("x", r.IntN(40)))
	}
	text.WriteString("no line ending 192.0.2.1")
	word := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
	var want []string
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSuffix(line, "\n")
		if slices.ContainsFunc(word.FindAllString(line, -1), func(a string) bool { return len(set.Match(netip.MustParseAddr(a))) > 0 }) {
			want = append(want, line)
		}
	}
	for _, workers := range []int{1, 2, 8} {
		var got bytes.Buffer
		n, err := set.HitLines(context.Background(), bytes.NewReader(text.Bytes()), workers, &got)
		if err != nil || n.Lines != 40_001 || n.Hits != int64(len(want)) {
			t.Fatalf("%+v, %v; want %d hits", n, err, len(want))
		}
		if lines := strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n"); !slices.Equal(lines, want) {
			t.Fatalf("with %d workers the lines differ", workers)
		}
	}
}

// TestHoldsAnyTwin compares with looking at every word, on random texts of what addresses
// are made of.
func TestHoldsAnyTwin(t *testing.T) {
	set := setOf(t, "1.2.3.4", "11.9.0.0/16", "2001:4860::/48")
	r := rand.New(rand.NewPCG(5, 6))
	pieces := strings.Fields("1.2.3.4 11.9.9.9 1.2.3 .4 . : :: 1: 2001:4860::1 2001:4860:0:0:0:0:0:9 ::1.2.3.4 2001:4860:0:0:0:0:1.2.3.4 ::ffff:1.2.3.4 14:00:00 x v1 256 9 [ ] %eth0 - /")
	hits := 0
	for range 100_000 {
		var line []byte
		for range 1 + r.IntN(6) {
			line = append(append(line, pieces[r.IntN(len(pieces))]...), strings.Repeat(" ", r.IntN(2))...)
		}
		want := slowlyHoldsAny(set, string(line))
		if want {
			hits++
		}
		if got := set.HoldsAny(line); got != want {
			t.Fatalf("%q: %v, want %v", line, got, want)
		}
	}
	if hits < 1000 || hits > 99_000 {
		t.Errorf("%d of 100,000 lines hold an address: the comparison says little", hits)
	}
}

// In logs, numbers with zeros before them are decimal.
var (
	fourNumbers  = regexp.MustCompile(`^\d{1,3}(\.\d{1,3}){3}$`)
	leadingZeros = regexp.MustCompile(`(^|\.)0+(\d)`)
)

// slowlyHoldsAny cuts a line into words, and each into what may stand beside colons.
func slowlyHoldsAny(set *Set, line string) bool {
	holds := func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && len(set.Match(a)) > 0
	}
	words := strings.FieldsFunc(line, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != ':'
	})
	return slices.ContainsFunc(words, func(w string) bool {
		w = strings.TrimRight(w, ".")
		return holds(w) || holds(strings.TrimSuffix(w, ":")) || slices.ContainsFunc(strings.Split(w, ":"), func(part string) bool {
			return fourNumbers.MatchString(part) && holds(leadingZeros.ReplaceAllString(part, "$1$2"))
		})
	})
}

func BenchmarkHoldsAny(b *testing.B) {
	set := setOf(b, "203.0.113.9", "45.83.64.0/24", "2001:4860:4860::8888/128")
	line := []byte("Oct 20 14:00:02 bastion sshd[2]: Failed password for root from 112.198.62.84 port 53751 ssh2")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if set.HoldsAny(line) {
			b.Fatal("a hit")
		}
	}
}

func TestHitLinesHostile(t *testing.T) {
	set := setOf(t, "192.0.2.1")
	long := strings.Repeat("x", longestLine+searchBlock) + " 192.0.2.1\nlast 192.0.2.1"
	var got bytes.Buffer
	n, err := set.HitLines(context.Background(), strings.NewReader(long), 2, &got)
	if err != nil || n.Hits != 2 || n.Long == 0 || !strings.HasSuffix(got.String(), "last 192.0.2.1\n") {
		t.Fatalf("%+v %v", n, err)
	}
	broken := errors.New("broken")
	n, err = set.HitLines(context.Background(), io.MultiReader(strings.NewReader("a 192.0.2.1\n"), iotest.ErrReader(broken)), 2, io.Discard)
	if !errors.Is(err, broken) || n.Hits != 1 {
		t.Fatalf("%+v %v", n, err)
	}
	if _, err = set.HitLines(context.Background(), strings.NewReader(strings.Repeat("192.0.2.1\n", 1<<20)), 2, failing{}); err == nil {
		t.Fatal("a failed writer went unnoticed")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = set.HitLines(ctx, strings.NewReader(strings.Repeat("192.0.2.1\n", 1<<20)), 2, io.Discard); err == nil {
		t.Fatal("an ended context went unnoticed")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func FuzzHoldsAny(f *testing.F) {
	for _, s := range []string{"203.0.113.9", "x 2001:db8::1%eth0 y", "1.2.3.4.5:6:7::", "::", ":::::", "....", "1::1.2.3.4"} {
		f.Add([]byte(s))
	}
	set := setOf(f, "203.0.113.9", "2620:fe::/48")
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := netip.ParseAddr(string(line))
		if got := set.HoldsAny(line); err == nil && a.Zone() == "" && got != (len(set.Match(a)) > 0) {
			t.Errorf("%q alone on its line: %v", line, got)
		}
	})
}
