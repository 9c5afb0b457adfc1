package intel

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// layouts are the ways in which feeds write an instant. A zone that is not
// written is UTC. Day and month are never guessed: 03/04/2026 is not a date.
var layouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04",
	"2006-01-02",
	"2006/01/02 15:04:05",
	"2006/01/02",
	time.RFC1123Z,
	time.RFC1123,
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05 MST",
	time.UnixDate,
	time.ANSIC,
	"Mon Jan 2 15:04:05 MST 2006",
	"Mon Jan 2 15:04:05 -0700 2006",
	"2 Jan 2006 15:04:05 -0700",
	"2 Jan 2006 15:04:05 MST",
	"2 Jan 2006 15:04:05",
	"2 January 2006",
	"2 Jan 2006",
	"Jan 2, 2006",
	"January 2, 2006",
}

// Years outside these bounds are mistakes: the first block lists are of 1997,
// and a date after 2099 is a sentinel for "never".
const (
	firstYear = 1990
	lastYear  = 2099
)

// parseTime reads an instant as a feed writes it. Unknown zone names count as
// UTC only where they are UTC or GMT; others are refused, since Go would read
// them as UTC in silence.
func parseTime(s string) (netcase.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return 0, false
	}
	if t, ok := parseEpoch(s); ok {
		return t, true
	}
	s = zuluNames.Replace(s)
	for _, l := range layouts {
		t, err := time.ParseInLocation(l, s, time.UTC)
		if err == nil && plausible(t) && knownZone(t) {
			return netcase.TimeOf(t), true
		}
	}
	return 0, false
}

var zuluNames = strings.NewReplacer(" (UTC)", "", " UTC", " +0000", " GMT", " +0000", " Z", " +0000", "  ", " ")

// knownZone is false for a zone that was given by a name Go does not know: it
// then invents one with offset zero.
func knownZone(t time.Time) bool {
	name, offset := t.Zone()
	return offset != 0 || name == "" || name == "UTC"
}

func plausible(t time.Time) bool { return t.Year() >= firstYear && t.Year() <= lastYear }

// parseEpoch reads seconds (10 digits) or milliseconds (13 digits) since 1970.
func parseEpoch(s string) (netcase.Time, bool) {
	whole, _, _ := strings.Cut(s, ".")
	if len(whole) != 10 && len(whole) != 13 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 {
		return 0, false
	}
	if len(whole) == 10 {
		n *= 1000
	}
	t := netcase.Time(n)
	return t, plausible(t.Std())
}

var (
	nameDate = regexp.MustCompile(`(?:^|[^0-9A-Za-z])(20[0-9]{2})[-_.]?([01][0-9])[-_.]?([0-3][0-9])(?:[T_-]?([0-2][0-9])[-_:h]?([0-5][0-9])(?:[-_:]?([0-5][0-9]))?Z?)?(?:[^0-9A-Za-z]|$)`)

	headerDated = regexp.MustCompile(`(?i)updat|generat|creat|modif|publish|\bdate\b|as of|timestamp|snapshot|retrieved|released|compiled|version`)
	headerOther = regexp.MustCompile(`(?i)expire|next|until|copyright`)
	spamhausDay = regexp.MustCompile(`(?i)list\s+(20[0-9]{2})/([01][0-9])/([0-3][0-9])`)
)

// dateInName is the date that the path says, the innermost part first:
// "db/2025-10-20/list.ipv4", "list-20251020.txt". A day without a time counts
// from its start.
func dateInName(path string) (netcase.Time, bool) {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		m := nameDate.FindStringSubmatch(parts[i])
		if m == nil {
			continue
		}
		clock := "000000"
		if m[4] != "" {
			clock = m[4] + m[5] + (m[6] + "00")[:2]
		}
		t, err := time.Parse("20060102150405", m[1]+m[2]+m[3]+clock)
		if err == nil && plausible(t) {
			return netcase.TimeOf(t), true
		}
	}
	return 0, false
}

// dateInComment is the date that a header comment gives for the list itself,
// for example "Last update: Sat, 22 Aug 2026 03:00:29 +0200". Dates of expiry
// are not of that kind.
func dateInComment(comment string) (netcase.Time, bool) {
	if len(comment) > 500 {
		comment = comment[:500]
	}
	if headerOther.MatchString(comment) && !headerDated.MatchString(comment) {
		return 0, false
	}
	if m := spamhausDay.FindStringSubmatch(comment); m != nil {
		return parseTime(m[1] + "-" + m[2] + "-" + m[3])
	}
	loc := headerDated.FindStringIndex(comment)
	if loc == nil || headerOther.MatchString(comment) {
		return 0, false
	}
	return dateAfter(comment[loc[1]:])
}

// dateAfter is the first date in the text, tried from each word on and with
// fewer and fewer words.
func dateAfter(text string) (netcase.Time, bool) {
	fields := strings.Fields(strings.Trim(text, " #*-=|"))
	fields = fields[:min(len(fields), 16)]
	const longest = 7 // "Sat, 22 Aug 2026 03:00:29 +0200 UTC"
	for from := range fields {
		for n := min(longest, len(fields)-from); n > 0; n-- {
			s := strings.Trim(strings.Join(fields[from:from+n], " "), " :;,()[]\"'")
			if t, ok := parseTime(s); ok {
				return t, true
			}
		}
	}
	return 0, false
}
