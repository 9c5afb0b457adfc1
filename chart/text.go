package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible is s with every character that could steer a renderer made visible:
// control and escape characters, direction overrides, characters without width,
// tags, and bytes that are not UTF-8. Line ends and tabs become \n and \t.
// A text longer than limit runes is cut, and its length said; 0: no limit.
func Visible(s string, limit int) string {
	plain, runes := true, 0
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if plain && (limit <= 0 || len(s) <= limit) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if limit > 0 && runes == limit {
			fmt.Fprintf(&b, "… (%s characters in all)", Count(int64(utf8.RuneCountInString(s))))
			break
		}
		runes++
		writeVisible(&b, r, n, s[i])
		i += n
	}
	return b.String()
}

func writeVisible(b *strings.Builder, r rune, n int, first byte) {
	switch {
	case r == utf8.RuneError && n == 1:
		fmt.Fprintf(b, `\x%02x`, first)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r < 0x80 && unicode.IsControl(r):
		fmt.Fprintf(b, `\x%02x`, r)
	case steers(r):
		fmt.Fprintf(b, `\u{%04x}`, r)
	default:
		b.WriteRune(r)
	}
}

// Stacking is bounded by nothing in Unicode, so combining marks are kept; they
// cannot leave the line. Everything of the classes below can mislead a reader.
func steers(r rune) bool {
	switch {
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Co, r):
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0: // fillers without ink
		return true
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe: // not characters; illegal in XML
		return true
	}
	return false
}

// Count is n with commas between the thousands, in every locale.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Number is x with commas and the given number of decimals.
func Number(x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "not a number"
	}
	if math.Abs(x) >= 1e15 {
		return strconv.FormatFloat(x, 'e', 2, 64)
	}
	s := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, rest, _ := strings.Cut(s, ".")
	n, _ := strconv.ParseInt(whole, 10, 64)
	out := Count(n)
	if rest != "" {
		out += "." + rest
	}
	if x < 0 && strings.Trim(out, "0.,") != "" {
		out = "-" + out
	}
	return out
}

// compact is n in at most five characters: 999, 1.2k, 34k, 5.6M.
func compact(n int64) string {
	for _, u := range []struct {
		size float64
		unit string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v := float64(n) / u.size; v >= 9.95 {
			return strconv.FormatFloat(math.Floor(v+0.5), 'f', 0, 64) + u.unit
		} else if v >= 1 {
			return strconv.FormatFloat(v, 'f', 1, 64) + u.unit
		}
	}
	return strconv.FormatInt(n, 10)
}

// Letter widths as parts of the size, for a wide sans-serif face. They are upper
// estimates, so that what is said to fit does.
const (
	narrowLetter = 0.36
	middleLetter = 0.62
	broadLetter  = 0.98
	fullLetter   = 1.05 // East Asian
)

func letterWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("iljt.,:;'|!()[] f-/\\", r):
		return narrowLetter
	case strings.ContainsRune("mwMW@%—…", r):
		return broadLetter
	case r >= 'A' && r <= 'Z':
		return 0.74
	case r >= 0x1100:
		return fullLetter
	}
	return middleLetter
}

// TextWidth is an upper estimate of the width of a text of one line.
func TextWidth(s string, size float64) (w float64) {
	for _, r := range s {
		w += letterWidth(r)
	}
	return w * size
}

// Fit is s made visible and cut to a width, with an ellipsis where it was cut.
func Fit(s string, size, width float64) string {
	s = Visible(s, 400)
	if TextWidth(s, size) <= width {
		return s
	}
	room := width - letterWidth('…')*size
	var w float64
	for i, r := range s {
		w += letterWidth(r) * size
		if w > room {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// fitMiddle is s cut before its middle: of a path both ends matter, and the end,
// which names the file, more than the beginning.
func fitMiddle(s string, size, width float64) string {
	runes := []rune(Visible(s, 0))
	if len(runes) > 400 {
		runes = append(runes[:200], runes[len(runes)-200:]...)
	}
	for cut := 0; len(runes) > cut; cut++ {
		head := (len(runes) - cut) / 4
		t := string(runes)
		if cut > 0 {
			t = string(runes[:head]) + "…" + string(runes[head+cut:])
		}
		if TextWidth(t, size) <= width {
			return t
		}
	}
	return "…"
}
