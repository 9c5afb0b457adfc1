package source

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// withRoom is text with bytes behind it that must not count.
func withRoom(text string) []byte {
	b := append([]byte(text), "9.9999999999999999999"...)
	return b[:len(text)]
}

// spoilt is a text with one byte changed, now and then.
func spoilt(r *rand.Rand, text string) string {
	const odd = "0123456789.:-+/ \x00\xff\x80\xae\xb0"
	if len(text) == 0 || r.IntN(3) > 0 {
		return text
	}
	b := []byte(text)
	b[r.IntN(len(b))] = odd[r.IntN(len(odd))]
	return string(b)
}

// TestShortIsPlain compares what is read eight bytes at a time with what is read one by one.
func TestShortIsPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	digits := func(most int) string {
		return fmt.Sprintf("%0*d", r.IntN(most+1), r.Int64N(1e9)>>r.IntN(30))
	}
	read := 0
	for range fewer(300_000, 30_000) {
		address := spoilt(r, fmt.Sprintf("%d.%d.%s.%d", r.IntN(300), r.IntN(256), digits(3), r.IntN(256)))
		a, ok := plainIPv4([]byte(address))
		if got, gotOK := shortIPv4(withRoom(address)); gotOK != ok || ok && got != a {
			t.Fatalf("%q: %v %v, byte by byte %v %v", address, got, gotOK, a, ok)
		}
		number := spoilt(r, digits(10))
		n, ok := plainCount([]byte(number))
		if got, gotOK := shortNumber(withRoom(number)); gotOK && (!ok || got != n) || !gotOK && ok && len(number) <= 8 && !bytes.ContainsRune([]byte(number), '.') {
			t.Fatalf("%q: %v %v, digit by digit %v %v", number, got, gotOK, n, ok)
		}
		seconds := spoilt(r, digits(17)+"."+fmt.Sprintf("%06d", r.IntN(1e6)))
		us, ok := plainMicroseconds([]byte(seconds))
		if got, gotOK := shortMicroseconds(withRoom(seconds)); gotOK {
			read++
			if !ok || got != us {
				t.Fatalf("%q: %v, digit by digit %v %v", seconds, got, us, ok)
			}
		}
	}
	if read < fewer(100_000, 10_000) {
		t.Errorf("%d numbers of seconds were read the short way", read)
	}
}

// TestNoteBytes compares with a plain search.
func TestNoteBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 8))
	for range 20_000 {
		line := make([]byte, r.IntN(900))
		for i := range line {
			line[i] = "\t\t\x08\x0a\x89ab"[r.IntN(7)]
		}
		var got [zeekColumnsNoted]int32
		n := noteBytes(line, '\t', &got, len(line))
		want := 0
		for i, c := range line {
			if c != '\t' {
				continue
			}
			if want < len(got) && got[want] != int32(i) {
				t.Fatalf("%q: separator %d at %d, want %d", line, want, got[want], i)
			}
			want++
		}
		if n != want {
			t.Fatalf("%q: %d separators, want %d", line, n, want)
		}
	}
}
