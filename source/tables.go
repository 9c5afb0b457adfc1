package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// How any table of Log Analytics, Sentinel or Defender arrives: as the portal's
// CSV (or what a spreadsheet made of it), as the answer of an API, as a list of
// objects, or as one object a line.

// tableSpec is what a format wants of a table.
type tableSpec struct {
	table   string           // its name in the workspace, for queries
	aliases map[string]alias // normalised column name -> field
	width   int              // number of fields
	times   []int            // fields that hold times
	// counts are fields that count by themselves. Beside them a column of another name
	// than KQL's own may be their sum, and tells of no summary.
	counts []int
	// join tells that the format's Join calls tableJoin, so that what holds for the
	// whole table is told there; else it is told at the end of the decoding.
	join bool
}

// alias is the field that a column fills. Of several columns for one field the
// first by rank that says anything is taken.
type alias struct{ field, rank int }

// column is one column of the table at hand.
type column struct {
	alias
	wanted bool
	zone   *time.Location // of its times; nil: not stated
	local  bool           // the header says "Local Time"
}

// planned is a wanted column and where it stands.
type planned struct {
	column
	index int
}

// timeMemo is the last time that a field held: intervals and batches of rows
// repeat them.
type timeMemo struct {
	text  []byte
	zone  *time.Location
	order dayOrder
	at    netcase.Time
}

// tableRow is one row, its cells by field. A cell is nil where the row has none.
// It is valid until the next row.
type tableRow struct {
	cells  [][]byte
	zones  []*time.Location
	line   int64
	offset int64
	item   int32
	raw    []byte
	stands int64 // how many events it stands for, in a summary; 0: it is an event
}

// table reads rows and hands them to each.
type table struct {
	in    *Input
	spec  *tableSpec
	ctx   context.Context
	each  func(*tableRow) error
	times timeReader

	columns []column
	plan    []planned // the columns that are wanted, of a table with columns
	direct  bool      // no two of them fill one field
	stale   bool      // the row before left cells that the next may not fill
	memo    []timeMemo
	byKey   map[string]*column
	keys    []rowKey // of the row before
	row     tableRow
	ranks   []int
	joined  []byte
	header  []byte
	// unescaped holds the cells of the row at hand that were written with escapes.
	unescaped []byte
	slow      bool   // rows of JSON token by token: the slow twin of quickRow
	present   []bool // fields for which a column was seen
	local     bool   // the header says that times are local
	byQuery   bool   // a column has the name that KQL gives to a count
	lead      int64  // length of the header of a CSV
	rows      int64
	narrow    int64
}

const (
	firstLook     = 64 << 10 // how much is looked at to learn the layout
	longestLook   = 64 << 20 // how much is looked at to learn the order of day and month
	maxKnownKeys  = 4096     // member names remembered; more are looked up each time
	maxColumnList = 4 << 20  // bytes of the list of columns in an API answer
)

// readTable reads a table to its end. What is wrong with single rows is counted
// in the report; an error means that the stream could not be read to its end.
func readTable(ctx context.Context, in *Input, spec *tableSpec, t *table) error {
	t.in, t.spec, t.ctx = in, spec, ctx
	look, plan, err := t.look()
	if err != nil {
		return err
	}
	size := &counting{r: io.MultiReader(bytes.NewReader(look), in.R)}
	t.prepare()
	if in.Text != nil && plan.shape == shapeCSV {
		size.n = int64(len(in.Text))
		err = t.readCSV(&csvScan{buf: in.Text, end: len(in.Text), readErr: io.EOF, comma: plan.comma, limit: maxRecord})
	} else {
		err = t.run(size, plan)
	}
	if in.From.Offset > 0 {
		size.n -= t.lead // which is the header of the first part, and was counted there
	}
	t.sum(size.n)
	if !spec.join {
		tableRemarks(in, spec.table)
	}
	return err
}

// counting counts the bytes that pass.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (t *table) prepare() {
	t.times.zone = t.in.Location()
	t.byKey = map[string]*column{}
	width := t.countField() + 1
	t.present = make([]bool, width)
	t.ranks = make([]int, width)
	t.memo = make([]timeMemo, width)
	t.row = tableRow{cells: make([][]byte, width), zones: make([]*time.Location, width)}
}

func (t *table) run(r io.Reader, p layout) error {
	switch p.shape {
	case shapeCSV:
		return t.readCSV(newCSV(r, p.comma))
	case shapeLines:
		return t.readLines(r)
	}
	s := newJSON(r)
	s.base, s.next = t.in.From.Offset, t.in.From.Line+1
	return t.readJSON(s, p.shape)
}

// look reads the start of the stream, to learn its layout, and as much more as
// it takes to learn the order of day and month.
func (t *table) look() ([]byte, layout, error) {
	look, done, err := readUpTo(t.in.R, nil, firstLook)
	if err != nil {
		return nil, layout{}, err
	}
	plan := layoutOf(look)
	if t.in.From.Offset > 0 {
		t.times.settled = !t.in.open // as it was for the first part
		return look, t.partLayout(look, plan), nil
	}
	for {
		order, open := t.orderIn(look, plan)
		t.times.order, t.times.settled = order, order == orderUnknown && !open
		if order != orderUnknown || !open || done || len(look) >= longestLook {
			return look, plan, nil
		}
		if look, done, err = readUpTo(t.in.R, look, 4*len(look)); err != nil {
			return look, plan, err
		}
	}
}

// partLayout is the layout of a later part. Of lines of objects any may be broken,
// also the one that a part begins with: it is no header.
func (t *table) partLayout(look []byte, p layout) layout {
	if p.shape == shapeCSV && !bytes.Contains(firstLine(look), []byte(`":`)) {
		known := 0
		for _, name := range csvHeader(look, p.comma) {
			plain, _ := columnName(name)
			if _, ok := t.spec.aliases[plain]; ok {
				known++
			}
		}
		if known > 1 {
			return p
		}
	}
	return layout{shape: shapeLines}
}

// readUpTo appends to b until it is n bytes long or the stream ends.
func readUpTo(r io.Reader, b []byte, n int) (all []byte, done bool, err error) {
	all = make([]byte, n)
	have := copy(all, b)
	for have < n {
		k, err := readSome(r, all[have:])
		have += k
		if errors.Is(err, io.EOF) {
			return all[:have], true, nil
		}
		if err != nil && k == 0 {
			return all[:have], true, err
		}
	}
	return all, false, nil
}

var errEnough = errors.New("enough was seen")

// orderIn looks for a date that proves the order of day and month; open tells
// that there are dates that would need it.
func (t *table) orderIn(look []byte, p layout) (order dayOrder, open bool) {
	probe := &table{in: &Input{Report: &netcase.InputReport{}}, spec: t.spec, ctx: context.Background()}
	probe.prepare()
	probe.each = func(r *tableRow) error {
		for _, f := range t.spec.times {
			shown, ambiguous := shows(r.cells[f])
			open = open || ambiguous
			if shown != orderUnknown {
				order = shown
				return errEnough
			}
		}
		return nil
	}
	_ = probe.run(bytes.NewReader(look), p) // what is wrong is told on the real pass
	return order, open
}

// time reads the time in a field. Unknown and no error: the row has none.
func (t *table) time(r *tableRow, field int) (netcase.Time, error) {
	cell, zone, m := r.cells[field], r.zones[field], &t.memo[field]
	if len(cell) > 0 && m.zone == zone && m.order == t.times.order && bytes.Equal(m.text, cell) {
		return m.at, nil
	}
	if blank(cell) {
		return 0, nil
	}
	at, err := t.times.parse(cell, zone)
	if err == nil && len(cell) <= maxTimeText {
		m.text, m.zone, m.order, m.at = append(m.text[:0], cell...), zone, t.times.order, at
	}
	return at, err
}

// place is where the row stands.
func (r *tableRow) place() netcase.Place {
	return netcase.Place{Line: r.line, Offset: r.offset, Item: r.item}
}

// reject counts the row as one that could not be read.
func (t *table) reject(r *tableRow, field, reason string) error {
	t.in.Reject(r.line, r.item, field, reason, r.raw)
	return nil
}

// The names under which a part sums what is told of the whole table.
const (
	sumRows       = "table rows"
	sumSize       = "table bytes"
	sumNarrow     = "table narrow rows"
	sumZone       = "table times without a zone"
	sumOrder      = "table dates of either order"
	sumTurned     = "table dates against the order"
	sumDayFirst   = "table dates with the day first"
	sumMonthFirst = "table dates with the month first"
	sumLocal      = "table local times"
	sumColumns    = "table columns"
	sumField      = "table field " // and its number: a column for it was seen
)

// sum adds what this part found.
func (t *table) sum(size int64) {
	t.in.Sum(sumRows, t.rows)
	t.in.Sum(sumSize, size)
	t.in.Sum(sumNarrow, t.narrow)
	t.in.Sum(sumColumns, int64(len(t.columns)))
	for _, said := range [...]struct {
		name string
		is   bool
	}{
		{sumZone, t.times.assumedZone}, {sumOrder, t.times.assumedOrder && t.times.order == orderUnknown},
		{sumTurned, t.times.turned}, {sumLocal, t.local},
		{sumDayFirst, t.times.order == dayFirst}, {sumMonthFirst, t.times.order == monthFirst},
	} {
		if said.is {
			t.in.Sum(said.name, 1)
		}
	}
	for f, seen := range t.present {
		if seen {
			t.in.Sum(sumField+strconv.Itoa(f), 1)
		}
	}
}

// fieldSeen tells whether the table has a column for a field.
func fieldSeen(in *Input, field int) bool { return in.Sums[sumField+strconv.Itoa(field)] > 0 }

// tableRemarks says what holds for a whole table.
func tableRemarks(in *Input, name string) {
	in.Report.Table = name
	if in.Sums[sumLocal] > 0 {
		in.Note("the header says that times are local, without saying where: they were read as %s", in.Location())
	}
	if in.Sums[sumZone] > 0 && in.Location() != time.UTC {
		in.Note("times without a zone were read as %s", in.Location())
	} else if in.Sums[sumZone] > 0 {
		in.Note("times without a zone were read as UTC")
	}
	if in.Sums[sumOrder] > 0 && in.Sums[sumMonthFirst] == 0 {
		in.Note("no date tells whether the day or the month stands first: the month was assumed to")
	}
	if in.Sums[sumTurned] > 0 {
		in.Note("dates contradict one another in the order of day and month: some rows may be booked on the wrong day")
	}
	summaryRemarks(in)
	if n := in.Sums[sumNarrow]; n > 0 {
		in.Note("in %s fields are missing at the end: they were taken as empty", rowsOf(n))
	}
	tableCut(in, name)
}

// tableCut tells whether the export probably ends at a cap.
func tableCut(in *Input, name string) {
	reason, _ := CutReason(in.Sums[sumRows], name)
	if reason == "" {
		reason = sizeCap(in.Sums[sumSize])
	}
	if in.Report.Cut == "" {
		in.Report.Cut = reason
	}
	if in.Report.Cut != "" {
		in.Report.CutQuery = countQuery(name, wholeDays(in.Report.Span))
	}
}

// tableJoin says what holds for a whole table: the remarks of all tables, the
// columns, by their standard names, that would have decided something and that it
// lacks, and what was counted.
func tableJoin(in *Input, name string, names []string, decisive []int, counted []countedNote) {
	tableRemarks(in, name)
	for _, f := range decisive {
		if (in.Sums[sumRows] > 0 || in.Sums[sumColumns] > 0) && !fieldSeen(in, f) {
			in.Report.Missing = append(in.Report.Missing, names[f])
		}
	}
	for _, n := range counted {
		if rows := in.Sums[n.sum]; rows > 0 {
			in.Note(n.text, rowsOf(rows))
		}
	}
}

// countedNote is a note about a number of rows that the parts summed.
type countedNote struct{ sum, text string }

// tableSplit tells how a table is decoded in parts: one object a line, or CSV with
// its header first. Answers and lists are read as a whole, and so are dates of which
// the day stands first: until a date shows that, the month is taken to.
func tableSplit(spec func() *tableSpec) func(head []byte) *Split {
	return func(head []byte) *Split {
		p := layoutOf(head)
		switch p.shape {
		case shapeLines:
			return &Split{Cut: WholeLines}
		case shapeCSV:
			t := &table{spec: spec(), in: &Input{}}
			order, open := t.orderIn(head, p)
			lead := csvLead(head, p.comma)
			if lead == 0 || order == dayFirst {
				return nil
			}
			s := &Split{Lead: lead, Cut: func(block []byte) int { return cutCSV(block, p.comma, maxRecord) }}
			if open || order != orderUnknown {
				s.Begin = func(in *Input) { in.open = true }
				s.Whole = func(in *Input) bool { return in.Sums[sumDayFirst] > 0 }
			}
			return s
		}
		return nil
	}
}

// csvLead is the length of the header, 0 where it does not end in the head.
func csvLead(head []byte, comma byte) int {
	t := table{in: &Input{Report: &netcase.InputReport{}}, spec: &tableSpec{}}
	c := newCSV(bytes.NewReader(head), comma)
	if !t.readHeader(c) || c.Last() {
		return 0
	}
	return int(t.lead)
}

// begin clears the row for the next record.
func (t *table) begin(line, offset int64, item int32, raw []byte) {
	clear(t.row.cells)
	if !t.direct {
		clear(t.row.zones)
	}
	t.row.line, t.row.offset, t.row.item, t.row.raw = line, offset, item, raw
}

// planColumns says which columns are looked at. Where no two of them fill one
// field, the zones of the fields are the same in every row.
func (t *table) planColumns() {
	t.plan, t.direct = t.plan[:0], true
	filled := make([]bool, t.countField()+1)
	clear(t.row.zones)
	for i := range t.columns {
		c := &t.columns[i]
		if !c.wanted {
			continue
		}
		t.direct = t.direct && !filled[c.field]
		filled[c.field] = true
		t.row.zones[c.field] = c.zone
		t.plan = append(t.plan, planned{*c, i})
	}
}

// set fills a field from a cell.
func (t *table) set(c *column, cell []byte) {
	if !c.wanted {
		return
	}
	if old := t.row.cells[c.field]; old != nil && !blank(old) && (t.ranks[c.field] <= c.rank || blank(cell)) {
		return
	}
	t.row.cells[c.field], t.row.zones[c.field], t.ranks[c.field] = cell, c.zone, c.rank
}

func (t *table) deliver() error {
	t.rows++
	if t.rows%BatchSize == 0 {
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	var ok bool
	if t.row.stands, ok = t.stands(); !ok {
		return t.reject(&t.row, "count", "not a count of events")
	}
	return t.each(&t.row)
}

// column is what a header name means to the format.
func (t *table) column(header []byte) column {
	name, c := columnName(header)
	if c.local {
		c.zone = t.in.Location()
	}
	if c.alias, c.wanted = t.spec.aliases[name]; !c.wanted {
		t.summaryColumn(name, &c)
	}
	if !c.wanted || len(t.present) == 0 { // only the header is looked at
		return c
	}
	t.present[c.field] = true
	t.local = t.local || c.local
	return c
}

// columnName is a header without what exporters add to it: the byte order mark,
// the time zone in brackets, the type suffix of old custom tables, upper case.
func columnName(header []byte) (string, column) {
	var c column
	name := strings.TrimSpace(strings.TrimPrefix(string(header[:min(len(header), maxKey)]), bomUTF8))
	name = strings.ToLower(strings.TrimSpace(strings.Trim(name, "\"")))
	if open := strings.LastIndexByte(name, '['); open > 0 && strings.HasSuffix(name, "]") {
		c.zone, c.local = headerZone(name[open+1 : len(name)-1])
		if c.zone != nil || c.local {
			name = strings.TrimSpace(name[:open])
		}
	}
	if n := len(name); n > 2 && name[n-2] == '_' && strings.IndexByte("sdtbg", name[n-1]) >= 0 {
		name = name[:n-2]
	}
	return name, c
}

// headerZone is the zone in the brackets of a header: "utc", "local time", "utc+02:00".
func headerZone(text string) (zone *time.Location, local bool) {
	if text == "local time" {
		return nil, true
	}
	d := calendar{}
	p := timeText{rest: text}
	if !strings.HasPrefix(text, "utc") || !p.zone(&d) || p.rest != "" {
		return nil, false
	}
	if d.offset == 0 {
		return time.UTC, false
	}
	return time.FixedZone(strings.ToUpper(text), d.offset), false
}

// readCSV reads separated text with a header.
func (t *table) readCSV(c *csvScan) error {
	c.base, c.next = t.in.From.Offset, t.in.From.Line+1
	if !t.readHeader(c) {
		if err := c.Err(); err != nil {
			return err
		}
		return fmt.Errorf("line 1: no header")
	}
	for c.Next() {
		if err := t.csvRow(c); err != nil {
			return err
		}
	}
	if err := c.Err(); err != nil {
		return fmt.Errorf("line %d, byte %d: %w", c.next, c.base+int64(c.end), err)
	}
	return nil
}

// readHeader reads the names of the columns, and past a spreadsheet's "sep=" line.
func (t *table) readHeader(c *csvScan) bool {
	from := c.base
	for first := true; c.Next(); first = false {
		if c.Fault() != "" {
			return false
		}
		if first && isSeparatorLine(c.Raw()) {
			continue
		}
		t.lead = c.base + int64(c.pos) - from
		t.header = bytes.Clone(bytes.TrimPrefix(c.Raw(), []byte(bomUTF8)))
		for _, name := range headerFields(c) {
			t.columns = append(t.columns, t.column(name))
		}
		if t.spec.width > 0 {
			t.planColumns()
		}
		return true
	}
	return false
}

// headerFields are the fields of a header. A byte order mark hides the quote of
// the first from the scanner.
func headerFields(c *csvScan) [][]byte {
	if bytes.HasPrefix(c.Raw(), []byte(bomUTF8+"\"")) {
		c.raw = c.raw[len(bomUTF8):]
		c.split()
	}
	return c.Fields()
}

func isSeparatorLine(raw []byte) bool {
	raw = bytes.TrimPrefix(raw, []byte(bomUTF8))
	return len(raw) <= 6 && bytes.HasPrefix(bytes.ToLower(raw), []byte("sep="))
}

func (t *table) csvRow(c *csvScan) error {
	if n := c.Width(); !t.direct || n != len(t.columns) || t.stale {
		t.begin(c.Line(), c.Offset(), 0, c.Raw())
		t.stale = n != len(t.columns) // a full row fills every cell that any fills, a narrow one not
	} else {
		t.row.line, t.row.offset, t.row.raw = c.Line(), c.Offset(), c.Raw()
	}
	if c.Fault() != "" {
		t.rows++
		if c.Fault() == csvOpenQuote && c.Last() {
			t.in.EndsWithin("a row")
		}
		return t.reject(&t.row, "", c.Fault())
	}
	if t.repeatsHeader(c.Raw()) {
		t.in.Skip("a repeated header")
		return nil
	}
	n := c.Width()
	if n > len(t.columns) {
		return t.wideRow(t.joinTimes(c.Fields()))
	}
	if n < len(t.columns) {
		if c.Last() {
			t.rows++
			t.in.EndsWithin("a row")
			return t.reject(&t.row, "", "the input ends within the row")
		}
		t.narrow++
	}
	for i := range t.plan {
		p := &t.plan[i]
		switch {
		case p.index >= n:
			return t.deliver()
		case t.direct:
			t.row.cells[p.field] = c.Field(p.index)
		default:
			t.set(&p.column, c.Field(p.index))
		}
	}
	return t.deliver()
}

func (t *table) repeatsHeader(raw []byte) bool {
	if len(raw) > len(t.header) {
		raw = bytes.TrimPrefix(raw, []byte(bomUTF8))
	}
	return bytes.Equal(raw, t.header)
}

// wideRow takes a row that had more fields than the header before its times were mended.
func (t *table) wideRow(fields [][]byte) error {
	if n := len(fields); n > len(t.columns) {
		t.rows++
		return t.reject(&t.row, "", fmt.Sprintf("%d fields, the header has %d", n, len(t.columns)))
	}
	for i, cell := range fields {
		t.set(&t.columns[i], cell)
	}
	return t.deliver()
}

// joinTimes mends times that hold a comma and were written without quotes, as
// many as there are fields too many.
func (t *table) joinTimes(fields [][]byte) [][]byte {
	extra := len(fields) - len(t.columns)
	t.joined = t.joined[:0]
	out := fields[:0:0]
	for i := 0; i < len(fields); i++ {
		if extra > 0 && i+1 < len(fields) && looksDate(fields[i]) && looksClock(fields[i+1]) {
			from := len(t.joined)
			t.joined = append(append(append(t.joined, fields[i]...), ','), fields[i+1]...)
			out = append(out, t.joined[from:len(t.joined):len(t.joined)])
			extra--
			i++
			continue
		}
		out = append(out, fields[i])
	}
	return out
}

func looksDate(cell []byte) bool {
	if len(cell) < 6 || len(cell) > 14 {
		return false
	}
	p := timeText{rest: cleanTime(string(cell))}
	_, ok := p.date()
	return ok && p.rest == ""
}

func looksClock(cell []byte) bool {
	if len(cell) < 5 || len(cell) > 24 || bytes.IndexByte(cell, ':') < 0 {
		return false
	}
	p, d := timeText{rest: cleanTime(string(cell))}, calendar{}
	return p.clock(&d)
}

// readLines reads one object a line.
func (t *table) readLines(r io.Reader) error {
	l := NewLines(r)
	for l.Next() {
		line := bytes.TrimSpace(bytes.TrimPrefix(l.Bytes(), []byte(bomUTF8)))
		if len(line) == 0 {
			continue
		}
		number, offset := t.in.From.Line+l.Number(), t.in.From.Offset+l.Offset()
		t.begin(number, offset, 0, line)
		if l.TooLong() {
			t.rows++
			t.in.Reject(number, 0, "", csvTooLong, line)
			continue
		}
		before := t.in.Report.Rejected
		if err := t.objectRow(jsonOf(line, offset, number)); err != nil {
			return err
		}
		if l.Unfinished() && t.in.Report.Rejected > before {
			t.in.EndsWithin("an object")
		}
	}
	return l.Err()
}

// objectRow reads the row that is an object and hands it on.
func (t *table) objectRow(s *jsonScan) error {
	text := s.buf[s.pos:s.end]
	if n := t.quickRow(text); n > 0 && afterSpace(text, n) == len(text) {
		return t.deliver()
	}
	t.begin(t.row.line, t.row.offset, t.row.item, t.row.raw)
	if err := t.members(s, 0); err != nil {
		t.rows++
		return t.reject(&t.row, "", reasonOf(err))
	}
	if _, err := s.peek(); !errors.Is(err, io.EOF) {
		t.rows++
		return t.reject(&t.row, "", "more than one object")
	}
	return t.deliver()
}

// reasonOf is an error without its place, which the sample gives.
func reasonOf(err error) string {
	for _, e := range []error{errJSONSyntax, errJSONDeep, errJSONTooLong} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return "the object is cut off"
}

// members fills fields from the members of an object; the records of the
// streaming export keep theirs one level deeper, under "properties".
func (t *table) members(s *jsonScan, depth int) error {
	return s.object(func(key []byte) error {
		c := t.keyColumn(key)
		if b, err := s.must(); err == nil && b == '{' && depth == 0 && string(key) == "properties" {
			return t.members(s, depth+1)
		}
		if !c.wanted {
			return s.skip()
		}
		cell, err := cellOf(s)
		if err == nil {
			t.set(c, cell)
		}
		return err
	})
}

func (t *table) keyColumn(key []byte) *column {
	if c, ok := t.byKey[string(key)]; ok {
		return c
	}
	c := new(column)
	*c = t.column(key)
	if len(t.byKey) < maxKnownKeys {
		t.byKey[string(key)] = c
	}
	return c
}

// cellOf takes a value as the text of a cell: strings without their escapes,
// null as nil, everything else as it is written.
func cellOf(s *jsonScan) ([]byte, error) {
	b, err := s.must()
	if err != nil {
		return nil, err
	}
	if b == '"' {
		raw, escaped, err := s.text(maxRecord)
		if escaped {
			raw = unescape(raw)
		}
		return raw, err
	}
	raw, err := s.capture(maxRecord)
	if string(raw) == "null" {
		return nil, err
	}
	return raw, err
}

// readJSON reads an answer of an API, a list of objects, or objects one after
// another.
func (t *table) readJSON(s *jsonScan, shape tableShape) error {
	for {
		b, err := s.peek()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		item := int32(0)
		switch {
		case b == '[':
			err = t.list(s, &item)
		case b == '{' && shape == shapeAnswer:
			err = t.answer(s)
		case b == '{':
			err = t.captured(s, nil)
		default:
			return s.fault(errJSONSyntax)
		}
		if err != nil {
			return err
		}
	}
}

// list reads an array of rows.
func (t *table) list(s *jsonScan, item *int32) error {
	return s.array(func() error { return t.captured(s, item) })
}

// captured reads one row, an object or an array of cells in the order of the columns.
func (t *table) captured(s *jsonScan, item *int32) error {
	if _, err := s.must(); err != nil {
		return err
	}
	line, offset, n := s.Line(), s.Offset(), int32(0)
	if item != nil {
		if *item < math.MaxInt32 {
			*item++
		}
		n = *item
	}
	t.begin(line, offset, n, nil)
	if size := t.quickRow(s.buf[s.pos:s.end]); size > 0 {
		t.row.raw = s.buf[s.pos : s.pos+size]
		s.pos += size
		s.next += int64(bytes.Count(t.row.raw, []byte{'\n'}))
		return t.deliver()
	}
	raw, err := s.capture(maxRecord)
	t.begin(line, offset, n, raw)
	if errors.Is(err, errJSONTooLong) {
		t.rows++
		t.in.Reject(line, n, "", csvTooLong, raw[:min(len(raw), sampleLength)])
		return s.skip()
	}
	if err != nil {
		if len(raw) > 0 {
			t.rows++
			t.in.Reject(line, n, "", "the input ends within the row", raw)
		}
		return err
	}
	switch raw[0] {
	case '{':
		return t.objectRow(jsonOf(raw, offset, line))
	case '[':
		return t.arrayRow(jsonOf(raw, offset, line))
	}
	t.rows++
	return t.reject(&t.row, "", "neither an object nor an array")
}

// arrayRow reads a row that is an array of cells.
func (t *table) arrayRow(s *jsonScan) error {
	i := 0
	err := s.array(func() error {
		if i++; i > len(t.columns) || !t.columns[i-1].wanted {
			return s.skip()
		}
		cell, err := cellOf(s)
		if err == nil {
			t.set(&t.columns[i-1], cell)
		}
		return err
	})
	switch {
	case err != nil:
		t.rows++
		return t.reject(&t.row, "", reasonOf(err))
	case i != len(t.columns):
		t.rows++
		return t.reject(&t.row, "", fmt.Sprintf("%d fields, the table has %d columns", i, len(t.columns)))
	}
	return t.deliver()
}

// answer reads the answer of an API: tables with columns and rows, or results
// with a schema; and beside them, maybe, that they are not all.
func (t *table) answer(s *jsonScan) error {
	var rows held
	err := s.object(func(key []byte) error {
		switch strings.ToLower(string(key)) {
		case "tables":
			return t.tables(s)
		case "columns":
			return t.columnList(s)
		case "rows":
			return t.rowList(s, &rows)
		case "results", "value", "records", "data", "items":
			item := int32(0)
			if b, err := s.must(); err != nil || b != '[' {
				return s.skip()
			}
			return t.list(s, &item)
		case "error":
			return t.partial(s)
		}
		return s.skip()
	})
	if err != nil {
		return err
	}
	return t.replay(&rows)
}

// held are rows that stand before the columns that explain them.
type held struct {
	raw          []byte
	offset, line int64
}

// maxHeldRows bounds rows held back until their columns are known.
const maxHeldRows = 128 << 20

func (t *table) tables(s *jsonScan) error {
	return s.array(func() error {
		var rows held
		t.columns = nil
		err := s.object(func(key []byte) error {
			switch strings.ToLower(string(key)) {
			case "columns":
				return t.columnList(s)
			case "rows":
				return t.rowList(s, &rows)
			}
			return s.skip()
		})
		if err != nil {
			return err
		}
		return t.replay(&rows)
	})
}

func (t *table) rowList(s *jsonScan, rows *held) error {
	if b, err := s.must(); err != nil || b != '[' {
		return s.skip()
	}
	if t.columns != nil {
		return t.mainRows(s)
	}
	rows.line, rows.offset = s.Line(), s.Offset()
	raw, err := s.capture(maxHeldRows)
	rows.raw = bytes.Clone(raw)
	if errors.Is(err, errJSONTooLong) {
		return s.fault(fmt.Errorf("more than 128 MiB of rows stand before their columns"))
	}
	return err
}

func (t *table) replay(rows *held) error {
	if rows.raw == nil {
		return nil
	}
	return t.mainRows(jsonOf(rows.raw, rows.offset, rows.line))
}

// mainRows reads the rows of a table, unless it is one that the service adds
// about the query itself.
func (t *table) mainRows(s *jsonScan) error {
	for _, c := range t.columns {
		if c.wanted {
			item := int32(0)
			return t.list(s, &item)
		}
	}
	return s.skip()
}

// columnList reads [{"name":…,"type":…}].
func (t *table) columnList(s *jsonScan) error {
	if b, err := s.must(); err != nil || b != '[' {
		return s.skip()
	}
	t.columns, t.direct = []column{}, false
	return s.array(func() error {
		name, err := columnOf(s)
		if err == nil && len(t.columns) < maxFields {
			t.columns = append(t.columns, t.column(name))
		}
		return err
	})
}

// columnOf takes the description of a column, or its bare name.
func columnOf(s *jsonScan) (name []byte, err error) {
	b, err := s.must()
	if err != nil {
		return nil, err
	}
	if b != '{' {
		return cellOf(s)
	}
	err = s.object(func(key []byte) error {
		if k := strings.ToLower(string(key)); k != "name" && k != "columnname" {
			return s.skip()
		}
		cell, err := cellOf(s)
		name = bytes.Clone(cell)
		return err
	})
	return name, err
}

// partial notes an error that stands beside the rows.
func (t *table) partial(s *jsonScan) error {
	raw, err := s.capture(maxColumnList)
	if err != nil || len(raw) == 0 || raw[0] != '{' {
		return err
	}
	code, message := "", ""
	e := jsonOf(bytes.Clone(raw), 0, 1)
	err = e.object(func(key []byte) error {
		into := &message
		switch strings.ToLower(string(key)) {
		case "code":
			into = &code
		case "message":
		default:
			return e.skip()
		}
		cell, err := cellOf(e)
		*into = Printable(string(cell))
		return err
	})
	t.in.Report.Cut = strings.TrimSuffix(fmt.Sprintf("the service answered with %s beside the rows: %s", code, message), ": ")
	if err != nil {
		t.in.Report.Cut = "the service answered with an error beside the rows"
	}
	return nil
}
