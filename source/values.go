package source

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"netcase"
)

// maxName bounds a machine, rule or account name that is kept.
const maxName = 256

// maxCommand bounds a command line that is kept; Windows allows 32 kB.
const maxCommand = 32 << 10

// blank tells that a cell says nothing: empty, or one of the words that exporters
// and data frames write for it.
func blank(cell []byte) bool {
	if len(cell) > 0 && (len(cell) > maxBlank || cell[0] >= '0' && cell[0] <= '9') {
		return false
	}
	for len(cell) > 0 && (cell[0] == ' ' || cell[0] == '\t') {
		cell = cell[1:]
	}
	for len(cell) > 0 && (cell[len(cell)-1] == ' ' || cell[len(cell)-1] == '\t') {
		cell = cell[:len(cell)-1]
	}
	switch len(cell) {
	case 0:
		return true
	case 1:
		return cell[0] == '-'
	case 2:
		return string(cell) == "[]"
	case 3:
		return foldsTo(cell, "nan") || foldsTo(cell, "n/a") || foldsTo(cell, "nil")
	case 4:
		return foldsTo(cell, "null") || foldsTo(cell, "none")
	}
	return false
}

// maxBlank is the length of the longest cell that says nothing, with some spaces.
const maxBlank = 8

// foldsTo compares with a lower case word without regard to the case of ASCII.
func foldsTo(cell []byte, word string) bool {
	if len(cell) != len(word) {
		return false
	}
	for i, b := range cell {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

// oneOf compares with several lower case words.
func oneOf(cell []byte, words ...string) bool {
	cell = trimmed(cell)
	if len(cell) == 0 {
		return false
	}
	for _, w := range words {
		if foldsTo(cell, w) {
			return true
		}
	}
	return false
}

// lowered is a text in lower case, remembered while the same text recurs.
type lowered struct{ text, lower string }

func (l *lowered) of(text string) string {
	if l.text != text {
		l.text, l.lower = text, strings.ToLower(text)
	}
	return l.lower
}

// trimmed is bytes.TrimSpace, short for what needs none.
func trimmed(cell []byte) []byte {
	if n := len(cell); n == 0 || letterLike(cell[0]) && letterLike(cell[n-1]) {
		return cell
	}
	return bytes.TrimSpace(cell)
}

// letterLike tells that a byte is visible ASCII.
func letterLike(b byte) bool { return b > ' ' && b < 0x7f }

// names keeps one copy of each name that recurs, as long as there is room.
type names map[string]string

const (
	maxNames    = 4096
	longestName = 512 // longer ones do not recur often enough to be kept
)

// in is nameIn without a new string for a cell that was met before.
func (n names) in(cell []byte, limit int) string {
	if len(cell) == 0 {
		return ""
	}
	if len(cell) > min(limit, longestName) {
		return nameIn(cell, limit)
	}
	if old, ok := n[string(cell)]; ok {
		return old
	}
	text := nameIn(cell, limit)
	if len(n) < maxNames {
		n[string(cell)] = text
	}
	return text
}

// nameIn is the text of a cell as valid UTF-8 of at most limit bytes.
func nameIn(cell []byte, limit int) string {
	if blank(cell) {
		return ""
	}
	cell = trimmed(cell)
	if len(cell) > limit {
		cell = cell[:limit]
		for len(cell) > 0 && !utf8.RuneStart(cell[len(cell)-1]) {
			cell = cell[:len(cell)-1]
		}
	}
	if !utf8.Valid(cell) {
		return strings.ToValidUTF8(string(cell), "\uFFFD")
	}
	return string(cell)
}

// maxAddress is longer than any written address with a zone.
const maxAddress = 80

// addressIn reads an address of either family. ::ffff:a.b.c.d is a.b.c.d, a zone
// and the brackets that some write about IPv6 are dropped.
func addressIn(text []byte) (netip.Addr, bool) {
	if a, ok := parseIPv4(text); ok {
		return a, true
	}
	text = bytes.TrimSpace(text)
	if len(text) > 2 && text[0] == '[' && text[len(text)-1] == ']' {
		text = text[1 : len(text)-1]
	}
	if len(text) > maxAddress || bytes.IndexByte(text, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}

// wholeIn reads a whole number that is not negative, of at most 18 digits.
func wholeIn(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	var v int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int64(c-'0')
	}
	return v, true
}

// maxExact is the largest whole number up to which a double counts in ones.
const maxExact = 1 << 53

// countIn reads a counter that may be written as a double ("412.0", "4.12E+02",
// "412,0") or with its digits in groups of three ("1,234,567", "1.234.567,0", "1 234").
// "1,234" is more than a thousand, as no counter is a broken number; what may be 1 or
// 1234 ("1.234") is no count that can be believed. Blank is absent; what is no count at
// all is not ok.
func countIn(cell []byte) (n int64, present, ok bool) {
	if v, fine := wholeIn(cell); fine {
		return v, true, v <= maxExact
	}
	if blank(cell) {
		return 0, false, true
	}
	v, ok := numberIn(cell)
	if !ok || ambiguousGroups(cell) {
		return 0, false, false
	}
	return int64(math.Round(v)), true, true
}

// numberIn reads a number of at most maxExact that is not negative.
func numberIn(cell []byte) (v float64, ok bool) {
	text := string(trimmed(cell[:min(len(cell), 40)]))
	if plain, grouped := ungrouped(text); grouped {
		text = plain
	} else if strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsNaN(v) && v >= 0 && v <= maxExact
}

// groupSigns are what people write between groups of three digits, with the sign that
// then begins the fraction.
var groupSigns = [...]struct{ group, fraction string }{
	{",", "."}, {".", ","}, {" ", ","}, {"\u00a0", ","}, {"\u202f", ","}, {"'", "."}, {"\u2019", "."},
}

// ungrouped takes the signs out of a number in groups of three digits. One point alone
// may begin a fraction: "1.234" is none.
func ungrouped(text string) (plain string, ok bool) {
	for _, s := range groupSigns {
		whole, fraction, broken := strings.Cut(text, s.fraction)
		groups := strings.Split(whole, s.group)
		if len(groups) < 2 || s.group == "." && len(groups) == 2 && !broken || !groupsOfThree(groups) || !onlyDigits(fraction) {
			continue
		}
		return strings.Join(groups, "") + "." + fraction, true
	}
	return "", false
}

// groupsOfThree tells one to three digits, not zero first, and groups of three after them.
func groupsOfThree(groups []string) bool {
	for i, g := range groups {
		if len(g) > 3 || len(g) == 0 || i > 0 && len(g) != 3 || i == 0 && g[0] == '0' || !onlyDigits(g) {
			return false
		}
	}
	return true
}

func onlyDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// ambiguousGroups tells a number such as "1.234".
func ambiguousGroups(cell []byte) bool {
	whole, fraction, broken := strings.Cut(string(trimmed(cell)), ".")
	return broken && fraction != "000" && groupsOfThree([]string{whole, fraction})
}

// portIn reads a port, which may be written as a double or, as a count is, in groups.
func portIn(cell []byte) (port uint16, ok bool) {
	if n, fine := wholeIn(cell); fine {
		return uint16(min(n, math.MaxUint16)), n <= math.MaxUint16
	}
	if blank(cell) {
		return 0, true
	}
	v, ok := numberIn(cell)
	if !ok || v > math.MaxUint16 || v != math.Trunc(v) {
		return 0, false
	}
	return uint16(v), true
}

// protocolIn reads a protocol as Azure, Defender and people write it. Zero, not
// ok: the word is not known.
func protocolIn(cell []byte) (proto uint8, ok bool) {
	switch string(cell) {
	case "T", "6", "Tcp":
		return netcase.TCP, true
	case "U", "17", "Udp":
		return netcase.UDP, true
	}
	switch word := strings.ToLower(nameIn(cell, 16)); word {
	case "t", "tcp", "tcpv4", "tcpv6", "tcp4", "tcp6":
		return netcase.TCP, true
	case "u", "udp", "udpv4", "udpv6", "udp4", "udp6":
		return netcase.UDP, true
	case "i", "icmp", "icmpv4":
		return netcase.ICMP, true
	case "icmpv6", "icmp6":
		return netcase.ICMPv6, true
	default:
		n, err := strconv.ParseUint(word, 10, 8)
		return uint8(n), err == nil
	}
}

// udpByCustom are the ports that are asked over UDP wherever a table that drops
// the protocol is read.
var udpByCustom = [...]uint16{53, 67, 68, 69, 123, 137, 138, 161, 162, 500, 514, 1194, 1900, 3478, 4500, 5353, 5355, 11211}

// customaryProtocol is the protocol that a service port speaks by custom.
func customaryProtocol(port uint16) uint8 {
	for _, p := range udpByCustom {
		if p == port {
			return netcase.UDP
		}
	}
	return netcase.TCP
}

// digest gathers the parts of a natural key into 64 bits: FNV-1a over words of
// eight bytes, the high half folded down after each. Parts carry their length, so
// that they cannot run into one another.
type digest uint64

const (
	fnvOffset digest = 14695981039346656037
	fnvPrime  digest = 1099511628211
)

func newDigest(format string) digest { return fnvOffset.text(format) }

func (d digest) number(n uint64) digest {
	d = (d ^ digest(n)) * fnvPrime
	return d ^ d>>32
}

func (d digest) bytes(part []byte) digest {
	d = d.number(uint64(len(part)))
	for ; len(part) >= 8; part = part[8:] {
		d = d.number(binary.LittleEndian.Uint64(part))
	}
	var rest uint64
	for i, b := range part {
		rest |= uint64(b) << (8 * i)
	}
	return d.number(rest)
}

// text is bytes for a string, without a copy of it.
func (d digest) text(part string) digest {
	d = d.number(uint64(len(part)))
	for ; len(part) >= 8; part = part[8:] {
		d = d.number(uint64(part[0]) | uint64(part[1])<<8 | uint64(part[2])<<16 | uint64(part[3])<<24 |
			uint64(part[4])<<32 | uint64(part[5])<<40 | uint64(part[6])<<48 | uint64(part[7])<<56)
	}
	var rest uint64
	for i := range len(part) {
		rest |= uint64(part[i]) << (8 * i)
	}
	return d.number(rest)
}

func (d digest) addr(a netip.Addr) digest {
	b := a.As16()
	return d.number(binary.LittleEndian.Uint64(b[:8])).number(binary.LittleEndian.Uint64(b[8:]))
}

// key is the digest as a key; zero, which means "none", is not used.
func (d digest) key() uint64 { return uint64(max(d, 1)) }

// maxSize bounds the octets and packets of one record, so that sums cannot
// overflow: an interface of 100 Gbit/s moves 4 TB in the
// five minutes that a tuple reports, and 45 TB in the hour of an aggregated row.
const maxSize = 1 << 46

// plus is the sum of two sizes, of which Absent adds nothing, held below overflow.
func plus(a, b int64) int64 {
	switch {
	case a == netcase.Absent:
		return b
	case b == netcase.Absent:
		return a
	case a > math.MaxInt64-b:
		return math.MaxInt64
	}
	return a + b
}

// rowsOf is a number of rows in words.
func rowsOf(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.FormatInt(n, 10) + " rows"
}

// lastElement is what follows the last slash of a resource id.
func lastElement(id string) string {
	id = strings.TrimRight(id, "/")
	return id[strings.LastIndexByte(id, '/')+1:]
}

// joined is a prefix with a name that recurs.
func (n names) joined(prefix, name string) string {
	if old, ok := n[prefix+name]; ok { // not copied where it is met again
		return old
	}
	text := prefix + name
	if len(n) < maxNames {
		n[text] = text
	}
	return text
}
