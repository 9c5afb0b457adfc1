package source

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// dayOrder says how a file writes a date of numbers with slashes.
type dayOrder uint8

const (
	orderUnknown dayOrder = iota
	monthFirst
	dayFirst
)

// The years in which a cloud table can have records. What lies outside is a
// default value (year 1, year 9999) or a slip.
const (
	firstYear = 2000
	lastYear  = 2099
)

var (
	errTime      = errors.New("not a time")
	errTimeRange = errors.New("the year is out of range")
	errTimeLost  = errors.New("the date is lost: a spreadsheet saved only minutes and seconds")
)

// timeReader reads the times of one table.
type timeReader struct {
	zone  *time.Location // for times that name none
	order dayOrder       // of dates with slashes
	// settled tells that nothing more is learned of the order: a date that shows one
	// decides for itself alone.
	settled bool

	assumedZone  bool // a time without a zone was read
	assumedOrder bool // a date was read that fits both orders, and the order is not known
	turned       bool // a date contradicted the order
}

// parse reads one time. Fractions are cut to milliseconds.
//
// Errors: errTime, errTimeRange, errTimeLost.
func (t *timeReader) parse(cell []byte, zone *time.Location) (netcase.Time, error) {
	if v, ok := isoTime(cell); ok {
		return v, nil
	}
	if len(cell) > maxTimeText {
		return 0, errTime
	}
	if d, ok := portalTime(cell); ok {
		return t.instant(d, zone)
	}
	p := timeText{rest: cleanTime(string(cell))}
	if v, ok := p.epoch(); ok {
		return inRange(v)
	}
	if p.spreadsheetRemnant() {
		return 0, errTimeLost
	}
	d, ok := p.date()
	if !ok || !p.clock(&d) {
		return 0, errTime
	}
	return t.instant(d, zone)
}

// maxTimeText is longer than any spelling of a time.
const maxTimeText = 64

// isoTime reads the spellings that nearly every export has, without allocating:
// 2025-03-04T11:22:10[.digits]Z, and of data frames 2025-03-04 11:22:10[.digits]+00:00.
func isoTime(b []byte) (netcase.Time, bool) {
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	end := len(b) - 1
	if b[end] != 'Z' {
		if end = len(b) - len("+00:00"); end < 19 || string(b[end:]) != "+00:00" {
			return 0, false
		}
	}
	year, a := wholeIn(b[0:4])
	month, c := wholeIn(b[5:7])
	day, d := wholeIn(b[8:10])
	hour, e := wholeIn(b[11:13])
	minute, f := wholeIn(b[14:16])
	second, g := wholeIn(b[17:19])
	if !(a && c && d && e && f && g) || year < firstYear || year > lastYear ||
		month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 || day > daysIn(int(year), int(month)) {
		return 0, false
	}
	fraction := b[19:end]
	var ms int64
	if len(fraction) > 0 {
		var ok bool
		if ms, ok = milliseconds(fraction); !ok {
			return 0, false
		}
	}
	return netcase.Time((daysSince1970(year, month, day)*86400+hour*3600+minute*60+second)*1000 + ms), true
}

// milliseconds reads ".469", ".4691234" or ".4".
func milliseconds(fraction []byte) (ms int64, ok bool) {
	if len(fraction) < 2 || len(fraction) > 10 || fraction[0] != '.' {
		return 0, false
	}
	scale := int64(100)
	for _, c := range fraction[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms += int64(c-'0') * scale
		scale /= 10
	}
	return ms, true
}

// portalTime reads the spelling of the portals: 10/20/2025, 2:05:33[.digits] [PM].
// Anything else is left to timeText, which reads this the same way.
func portalTime(b []byte) (d calendar, ok bool) {
	d.slashed = true
	var digits int
	if d.month, b, digits = leadingNumber(b, 2); digits == 0 || len(b) == 0 || b[0] != '/' {
		return d, false
	}
	if d.day, b, digits = leadingNumber(b[1:], 2); digits == 0 || len(b) == 0 || b[0] != '/' {
		return d, false
	}
	if d.year, b, digits = leadingNumber(b[1:], 4); digits != 4 || len(b) == 0 {
		return d, false
	}
	if b[0] == ',' {
		b = b[1:]
	}
	if len(b) == 0 || b[0] != ' ' {
		return d, false
	}
	if d.hour, b, digits = leadingNumber(b[1:], 2); digits == 0 || len(b) < 6 || b[0] != ':' || b[3] != ':' {
		return d, false
	}
	minute, a := wholeIn(b[1:3])
	second, c := wholeIn(b[4:6])
	d.minute, d.sec = int(minute), int(second)
	if b = b[6:]; !a || !c {
		return d, false
	}
	if len(b) > 0 && b[0] == '.' {
		n := 1
		for n < len(b) && isDigit(b[n]) {
			n++
		}
		ms, fine := milliseconds(b[:n])
		if d.nano = int(ms) * 1e6; !fine {
			return d, false
		}
		b = b[n:]
	}
	return d, portalHalf(b, &d) && d.hour < 24 && d.minute < 60 && d.sec < 60
}

// portalHalf takes the half of the day behind a space, which may be a narrow one.
func portalHalf(b []byte, d *calendar) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] == ' ' {
		b = b[1:]
	} else if len(b) == 5 && string(b[:3]) == "\u202f" {
		b = b[3:]
	}
	if d.hour < 1 || d.hour > 12 || len(b) != 2 || b[1] != 'M' || b[0] != 'A' && b[0] != 'P' {
		return false
	}
	if d.hour %= 12; b[0] == 'P' {
		d.hour += 12
	}
	return true
}

// leadingNumber takes at most so many digits from the start of a text.
func leadingNumber(b []byte, most int) (n int, rest []byte, digits int) {
	for digits < most && digits < len(b) && isDigit(b[digits]) {
		n = 10*n + int(b[digits]-'0')
		digits++
	}
	return n, b[digits:], digits
}

// monthDays are the days of the months of an ordinary year.
var monthDays = [...]int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysIn is how many days a month has, 1 to 12.
func daysIn(year, month int) int64 {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return monthDays[month-1]
}

// daysSince1970 counts days of the civil calendar (Howard Hinnant, "chrono-compatible
// low-level date algorithms"): years begin in March, so that the leap day is last.
func daysSince1970(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era, yearOfEra := y/400, y%400
	dayOfYear := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// cleanTime makes one kind of space of the many that locales print, and drops
// the marks for the direction of writing.
func cleanTime(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\u00a0', '\u202f', '\u2009', '\t':
			return ' '
		case '\u200e', '\u200f', '\u202a', '\u202c':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(strings.Trim(s, "\"'"))
}

// calendar is a time as it is written.
type calendar struct {
	year, month, day  int
	slashed           bool // month and day may stand the other way round
	hour, minute, sec int
	nano              int
	zoned             bool
	offset            int // seconds east of UTC
}

// instant turns a written time into an instant.
func (t *timeReader) instant(d calendar, zone *time.Location) (netcase.Time, error) {
	if d.slashed {
		t.settle(&d)
	}
	if d.month < 1 || d.month > 12 || d.day < 1 || int64(d.day) > daysIn(d.year, d.month) {
		return 0, errTime
	}
	if d.zoned {
		zone = time.FixedZone("", d.offset)
	} else if zone == nil {
		t.assumedZone = true
		zone = t.zone
	}
	if zone == nil {
		zone = time.UTC
	}
	if zone == time.UTC && d.year >= firstYear && d.year <= lastYear {
		seconds := daysSince1970(int64(d.year), int64(d.month), int64(d.day))*86400 + int64(d.hour*3600+d.minute*60+d.sec)
		return netcase.Time(seconds*1000 + int64(d.nano)/1e6), nil
	}
	return inRange(time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.sec, d.nano, zone))
}

func inRange(v time.Time) (netcase.Time, error) {
	if y := v.UTC().Year(); y < firstYear || y > lastYear {
		return 0, errTimeRange
	}
	return netcase.TimeOf(v), nil
}

// settle decides which of two numbers is the month: the first as it is written
// in d. A number above 12 decides for its own date whatever the file does.
func (t *timeReader) settle(d *calendar) {
	order, shown := t.order, shownOrder(d)
	switch {
	case shown != orderUnknown && order != orderUnknown:
		t.turned = t.turned || shown != order
		order = shown
	case shown != orderUnknown:
		t.turned = t.turned || t.assumedOrder && shown == dayFirst
		order = shown
		if !t.settled {
			t.order = shown
		}
	case order == orderUnknown && d.month != d.day:
		t.assumedOrder = true
	}
	if order == dayFirst {
		d.month, d.day = d.day, d.month
	}
}

// shownOrder is the order that a slashed date cannot but have.
func shownOrder(d *calendar) dayOrder {
	switch {
	case d.month > 12 && d.day <= 12:
		return dayFirst
	case d.day > 12 && d.month <= 12:
		return monthFirst
	}
	return orderUnknown
}

// shows is the order that a cell proves, for a look over the file beforehand;
// ambiguous tells that the cell is a slashed date that proves none.
func shows(cell []byte) (order dayOrder, ambiguous bool) {
	if len(cell) > maxTimeText || len(cell) == 0 {
		return orderUnknown, false
	}
	p := timeText{rest: cleanTime(string(cell))}
	d, ok := p.date()
	if !ok || !d.slashed {
		return orderUnknown, false
	}
	order = shownOrder(&d)
	return order, order == orderUnknown && d.month != d.day
}

// timeText is what is left of a time while it is read from left to right.
type timeText struct{ rest string }

// number takes digits.
func (p *timeText) number() (n, digits int) {
	for digits < len(p.rest) && digits < 9 && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		n = 10*n + int(p.rest[digits]-'0')
		digits++
	}
	p.rest = p.rest[digits:]
	return n, digits
}

// mark takes one of the given bytes.
func (p *timeText) mark(any string) (byte, bool) {
	if p.rest == "" || strings.IndexByte(any, p.rest[0]) < 0 {
		return 0, false
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b, true
}

func (p *timeText) spaces() { p.rest = strings.TrimLeft(p.rest, " ") }

// word takes letters and gives them in lower case.
func (p *timeText) word() string {
	n := 0
	for n < len(p.rest) && (p.rest[n]|0x20 >= 'a' && p.rest[n]|0x20 <= 'z') {
		n++
	}
	w := strings.ToLower(p.rest[:n])
	p.rest = p.rest[n:]
	return w
}

// The magnitudes that tell the unit of a number of time, from 2001 to 2286 in each.
const (
	epochSeconds = 1e9
	epochMillis  = 1e12
	epochMicros  = 1e15
	epochNanos   = 1e18
)

// epoch reads a number: since 1970 in any unit, "/Date(ms)/", or the days of a
// spreadsheet.
func (p *timeText) epoch() (time.Time, bool) {
	text := strings.TrimPrefix(p.rest, "\\")
	if inner, ok := strings.CutPrefix(text, "/Date("); ok {
		end := strings.IndexAny(inner, ")+-")
		if end < 0 {
			return time.Time{}, false
		}
		ms, err := strconv.ParseInt(inner[:end], 10, 64)
		return time.UnixMilli(ms), err == nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= epochSeconds {
		return epochTime(n), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) < 5 || strings.ContainsAny(text, "xXpPiInN_") {
		return time.Time{}, false
	}
	switch {
	case v >= spreadsheet2000 && v < spreadsheet2100:
		return time.UnixMilli(int64((v - spreadsheet1970) * 86400_000)), true
	case v >= epochSeconds && v < 10*epochSeconds:
		return time.UnixMilli(int64(v * 1000)), true
	}
	return time.Time{}, false
}

// Days since the last day of 1899, as spreadsheets count them.
const (
	spreadsheet1970 = 25569
	spreadsheet2000 = 36526
	spreadsheet2100 = 73051
)

// epochTime is a whole number of time by its magnitude.
func epochTime(n int64) time.Time {
	switch {
	case n < 10*epochSeconds:
		return time.Unix(n, 0)
	case n < 10*epochMillis:
		return time.UnixMilli(n)
	case n < 10*epochMicros:
		return time.UnixMicro(n)
	}
	return time.Unix(n/1e9, n%1e9)
}

// spreadsheetRemnant tells that only minutes, seconds and a fraction are left,
// as a spreadsheet shows and saves a time with milliseconds.
func (p *timeText) spreadsheetRemnant() bool {
	q := *p
	_, a := q.number()
	_, colon := q.mark(":")
	_, b := q.number()
	_, dot := q.mark(".,")
	_, c := q.number()
	return a > 0 && a <= 2 && colon && b == 2 && dot && c > 0 && q.rest == ""
}

var monthNames = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

func monthOf(word string) int {
	for i, m := range monthNames {
		if strings.HasPrefix(word, m) {
			return i + 1
		}
	}
	return 0
}

// date takes the date: year first, or numbers with slashes, dots or dashes, or
// with the name of a month. In a slashed date month is the first number, not yet
// settled.
func (p *timeText) date() (d calendar, ok bool) {
	p.weekday()
	a, digits := p.number()
	if digits == 0 {
		return p.namedMonth(0)
	}
	sep, marked := p.mark("-/. ")
	if !marked {
		return d, false
	}
	p.spaces()
	if month := p.peekMonth(); month > 0 && digits <= 2 {
		return p.namedMonth(a)
	}
	b, digitsB := p.number()
	sep2, marked := p.mark("-/.")
	c, digitsC := p.number()
	if digitsB == 0 || digitsB > 2 || !marked || sep2 != sep || digitsC == 0 {
		return d, false
	}
	switch {
	case digits == 4 && digitsC <= 2:
		return calendar{year: a, month: b, day: c}, true
	case digits > 2 || digitsC != 4 && digitsC != 2:
		return d, false
	}
	if digitsC == 2 {
		c += 2000
	}
	if sep == '/' {
		return calendar{year: c, month: a, day: b, slashed: true}, true
	}
	return calendar{year: c, month: b, day: a}, true // dots and dashes: the day is first everywhere
}

// weekday takes "Mon, " or "Monday ".
func (p *timeText) weekday() {
	q := *p
	w := q.word()
	if len(w) < 3 || !strings.Contains("sun mon tue wed thu fri sat", w[:3]) || monthOf(w) > 0 {
		return
	}
	q.mark(",")
	q.spaces()
	*p = q
}

func (p *timeText) peekMonth() int {
	q := *p
	return monthOf(q.word())
}

// namedMonth takes "Oct 20, 2025", or "Oct 2025" where the day was taken.
func (p *timeText) namedMonth(day int) (d calendar, ok bool) {
	d.month = monthOf(p.word())
	p.mark(".-/")
	p.spaces()
	if day == 0 {
		day, _ = p.number()
		p.mark(",")
		p.spaces()
	}
	year, digits := p.number()
	d.day, d.year = day, year
	return d, d.month > 0 && digits == 4
}

// clock takes the time of day and the zone. No time of day is midnight.
func (p *timeText) clock(d *calendar) bool {
	p.mark("T,")
	p.spaces()
	if p.rest == "" {
		return true
	}
	var digits int
	if d.hour, digits = p.number(); digits == 0 || digits > 2 {
		return false
	}
	if _, ok := p.mark(":."); !ok {
		return false
	}
	if d.minute, digits = p.number(); digits != 2 {
		return false
	}
	if _, ok := p.mark(":."); ok {
		if d.sec, digits = p.number(); digits != 2 {
			return false
		}
		p.fraction(d)
	}
	p.spaces()
	if !p.halfDay(d) || !p.zone(d) {
		return false
	}
	return p.rest == "" && d.hour < 24 && d.minute < 60 && d.sec < 60
}

// fraction takes the part of a second.
func (p *timeText) fraction(d *calendar) {
	if _, ok := p.mark(".,"); !ok {
		return
	}
	for scale := 100_000_000; p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9'; scale /= 10 {
		d.nano += int(p.rest[0]-'0') * scale
		p.rest = p.rest[1:]
	}
}

// halfDay takes AM, pm, a.m. and such.
func (p *timeText) halfDay(d *calendar) bool {
	q := *p
	first := q.word()
	q.mark(".")
	if first == "a" || first == "p" {
		first += q.word()
		q.mark(".")
	}
	if first != "am" && first != "pm" {
		return true
	}
	if d.hour < 1 || d.hour > 12 {
		return false
	}
	d.hour %= 12
	if first == "pm" {
		d.hour += 12
	}
	q.spaces()
	*p = q
	return true
}

// zone takes Z, UTC, GMT or an offset.
func (p *timeText) zone(d *calendar) bool {
	switch p.word() {
	case "":
	case "z", "utc", "gmt":
		d.zoned = true
		p.spaces()
	default:
		return false
	}
	sign, ok := p.mark("+-")
	if !ok {
		return true
	}
	d.zoned = true
	hours, digits := p.number()
	minutes := 0
	switch {
	case digits == 4:
		hours, minutes = hours/100, hours%100
	case digits == 0 || digits > 2:
		return false
	default:
		if _, ok := p.mark(":"); ok {
			minutes, _ = p.number()
		}
	}
	d.offset = hours*3600 + minutes*60
	if sign == '-' {
		d.offset = -d.offset
	}
	return hours < 24 && minutes < 60
}
