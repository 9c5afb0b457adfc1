package source

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"netcase"
)

const (
	formatParquet = "parquet"
	parquetMagic  = "PAR1"
)

// parquetOf reads Parquet whose columns one of the tables knows. Its rows are handed
// to that format as objects, one a line, the names of nested columns joined by dots:
// so a table means the same in Parquet as in any other file.
func parquetOf(tables func() []Format) Format {
	p := &parquetTables{tables: tables}
	return Format{
		Name:   formatParquet,
		Doc:    "Parquet files of any table that is known as CSV or JSON, of AWS VPC flow logs, or of a mapping",
		Proves: "what the table in it proves; the report names it",
		Detect: func(head []byte) (bool, string) {
			if !strings.HasPrefix(string(head[:min(len(head), 4)]), parquetMagic) {
				return false, "it is no Parquet file: it begins otherwise"
			}
			return true, ""
		},
		Decode: p.decode,
	}
}

// WithMappings is formats with those of mapping files before them; a Parquet file
// may hold a table of theirs, too.
func WithMappings(formats, mappings []Format) []Format {
	all := append(slices.Clone(mappings), formats...)
	for i := range all {
		if all[i].Name == formatParquet {
			all[i] = parquetOf(func() []Format { return append(slices.Clone(mappings), formats...) })
		}
	}
	return all
}

// vpcColumns are the columns of AWS VPC flow logs as Parquet: the fields of the
// text, with underscores.
//
// Source: AWS, "Flow log files", Parquet.
func vpcColumns() *Mapping {
	return &Mapping{Name: "aws-vpc", family: "aws-vpc", Match: []string{"srcaddr", "dstaddr", "srcport", "dstport", "action", "start"}, Flows: &FlowColumns{
		Time: TimeColumn{Column: "start", Unit: "s"}, End: TimeColumn{Column: "end", Unit: "s"},
		Src: "srcaddr", Dst: "dstaddr", SrcPort: "srcport", DstPort: "dstport", Proto: "protocol",
		Action: "action", Actions: map[string]string{"ACCEPT": "allowed", "REJECT": "denied"},
		OctetsOut: "bytes", PacketsOut: "packets", Sensor: "interface_id", Replies: repliesNo, OneWay: true, Aggregated: 10,
	}}
}

const (
	maxParquetColumns = 4096
	maxParquetDeep    = 16
	parquetBatch      = 128
	parquetInMemory   = 64 << 20 // of a file without random access; a larger one goes to a temporary file
)

type parquetTables struct{ tables func() []Format }

func (p *parquetTables) decode(ctx context.Context, in *Input, out Sink) (err error) {
	r, size, end, err := randomAccess(in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := checkFooter(r, size); err != nil {
		return fmt.Errorf("the footer: %w", err)
	}
	file, err := openParquet(r, size)
	if err != nil {
		return err
	}
	text := &parquetText{ctx: ctx, in: in, r: r, size: size, file: file}
	if err := text.leaves(file.Root(), 0); err != nil {
		return err
	}
	head, _, err := readUpTo(text, nil, HeadSize)
	if err != nil {
		return err
	}
	if len(head) == 0 {
		in.Note("the file has no rows")
		return nil
	}
	return p.rows(ctx, in, out, head, text)
}

// rows hands the rows to the format that knows their columns.
func (p *parquetTables) rows(ctx context.Context, in *Input, out Sink, head []byte, text *parquetText) error {
	var known []Format
	for _, f := range p.tables() {
		if f.Name != formatParquet {
			known = append(known, f)
		}
	}
	vpc := vpcColumns()
	known = append(known, vpc.format(nil))
	whole := head
	if i := WholeLines(head); i > 0 {
		whole = head[:i]
	}
	inner, err := Recognise(known, whole)
	if err != nil {
		return fmt.Errorf("columns %s: no table that is known; a mapping (--map) can explain them", strings.Join(text.names, ", "))
	}
	in.Note("the table in the file was read as %s", inner.Name)
	line := *in
	line.R, line.From = io.MultiReader(strings.NewReader(string(head)), text), netcase.Place{}
	err = inner.Decode(ctx, &line, func(b *netcase.Batch) error {
		placeless(b)
		return out(b)
	})
	if inner.Join != nil {
		inner.Join(&line)
	}
	in.Sums = line.Sums
	return err
}

// placeless takes away offsets, which are those of a text that nobody has: the
// line is the number of the row.
func placeless(b *netcase.Batch) {
	for i := range b.Flows {
		b.Flows[i].Place.Offset = 0
	}
	for i := range b.Logins {
		b.Logins[i].Place.Offset = 0
	}
	for i := range b.Processes {
		b.Processes[i].Place.Offset = 0
	}
	for i := range b.Queries {
		b.Queries[i].Place.Offset = 0
	}
}

// openParquet opens a file; a panic of the library is an error.
func openParquet(r io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the library gave up: %v", p)
		}
	}()
	return parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// randomAccess is the stream by offset. Where the input offers none, the stream is
// kept: in memory, or in a temporary file that end gives up.
func randomAccess(in *Input) (r io.ReaderAt, size int64, end func() error, err error) {
	end = func() error { return nil }
	if in.File != nil {
		r, size, err = in.File()
		return r, size, end, err
	}
	head, done, err := readUpTo(in.R, nil, firstLook)
	for err == nil && !done && len(head) < parquetInMemory {
		head, done, err = readUpTo(in.R, head, 4*len(head))
	}
	if err != nil {
		return nil, 0, end, err
	}
	if done {
		return strings.NewReader(string(head)), int64(len(head)), end, nil
	}
	f, err := NewTemporary("")
	if err != nil {
		return nil, 0, end, err
	}
	size, err = io.Copy(f, io.MultiReader(strings.NewReader(string(head)), in.R))
	return f, size, f.Close, err
}

// parquetText gives the rows of a file as objects, one a line.
type parquetText struct {
	ctx  context.Context
	in   *Input
	r    io.ReaderAt
	size int64
	file *parquet.File

	names   []string // of the leaves
	keys    []string // … as JSON with a colon
	columns []*parquet.Column

	group   int // the next row group
	rows    parquet.Rows
	left    int64 // rows of the current group that are not read
	buf     []byte
	pos     int
	batch   [parquetBatch]parquet.Row
	scratch []byte
}

// leaves lists the columns that hold values, in the order of their values in a row.
func (t *parquetText) leaves(c *parquet.Column, depth int) error {
	if depth > maxParquetDeep {
		return errors.New("columns are nested too deeply")
	}
	if !c.Leaf() {
		for _, inner := range c.Columns() {
			if err := t.leaves(inner, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if len(t.columns) >= maxParquetColumns {
		return errors.New("more than 4096 columns")
	}
	var parts []string
	for _, part := range c.Path() {
		switch part {
		case "list", "element", "array", "bag", "array_element": // how writers spell lists
			if len(parts) > 0 {
				continue
			}
		}
		parts = append(parts, part)
	}
	name := nameIn([]byte(strings.Join(parts, ".")), maxName)
	t.names = append(t.names, Printable(name))
	t.keys = append(t.keys, string(appendJSONText(nil, name))+":")
	t.columns = append(t.columns, c)
	return nil
}

func (t *parquetText) Read(p []byte) (int, error) {
	for t.pos == len(t.buf) {
		t.buf, t.pos = t.buf[:0], 0
		if err := t.ctx.Err(); err != nil {
			return 0, err
		}
		if t.rows == nil && !t.next() {
			return 0, io.EOF
		}
		if t.rows != nil {
			t.fill()
		}
	}
	n := copy(p, t.buf[t.pos:])
	t.pos += n
	return n, nil
}

// next opens the next row group, and tells whether there was one.
func (t *parquetText) next() bool {
	groups := t.file.RowGroups()
	if t.group >= len(groups) {
		return false
	}
	g, meta := groups[t.group], &t.file.Metadata().RowGroups[t.group]
	t.group++
	t.left = g.NumRows()
	for i := range meta.Columns {
		m := &meta.Columns[i].MetaData
		from := m.DataPageOffset
		if m.DictionaryPageOffset > 0 {
			from = min(from, m.DictionaryPageOffset)
		}
		if err := checkPages(t.r, t.size, from, m.TotalCompressedSize); err != nil {
			t.lose(fmt.Errorf("column %q: %w", Printable(strings.Join(m.PathInSchema, ".")), err))
			return true
		}
	}
	t.rows = g.Rows()
	return true
}

// fill writes the next rows.
func (t *parquetText) fill() {
	n, err := t.read()
	for i := range t.batch[:n] {
		t.row(t.batch[i])
	}
	t.left -= int64(n)
	if err == nil && n > 0 {
		return
	}
	_ = t.rows.Close() // what was read is read
	t.rows = nil
	if t.left > 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errParquetShort
		}
		t.lose(err)
	}
}

func (t *parquetText) read() (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("the library gave up: %v", p)
		}
	}()
	return t.rows.ReadRows(t.batch[:])
}

// lose counts the rows of a group that cannot be read. Their lines stay empty, so
// that the numbers of the rows behind them are right.
func (t *parquetText) lose(err error) {
	n := min(max(t.left, 1), maxLostRows)
	t.in.Reject(0, 0, "", fmt.Sprintf("row group %d: %s", t.group, err), nil)
	t.in.Report.Read += n - 1
	t.in.Report.Rejected += n - 1
	t.in.reason("rows behind a page that cannot be read", n-1)
	for range min(n, maxEmptyLines) {
		t.buf = append(t.buf, '\n')
	}
	t.left = 0
}

const (
	maxLostRows   = 1 << 32 // what a footer may claim to have had
	maxEmptyLines = 1 << 24
)

// row writes a row as an object.
func (t *parquetText) row(row parquet.Row) {
	t.buf = append(t.buf, '{')
	first := true
	row.Range(func(column int, values []parquet.Value) bool {
		if column >= len(t.columns) || len(values) == 0 || len(values) == 1 && values[0].IsNull() {
			return true
		}
		if !first {
			t.buf = append(t.buf, ',')
		}
		first = false
		t.buf = append(t.buf, t.keys[column]...)
		if len(values) == 1 && values[0].RepetitionLevel() == 0 && !t.repeated(column) {
			t.value(column, values[0])
			return true
		}
		t.buf = append(t.buf, '[')
		for i, v := range values {
			if i > 0 {
				t.buf = append(t.buf, ',')
			}
			t.value(column, v)
		}
		t.buf = append(t.buf, ']')
		return true
	})
	t.buf = append(t.buf, '}', '\n')
}

func (t *parquetText) repeated(column int) bool {
	return len(t.columns[column].Path()) > 0 && t.columns[column].Repeated()
}

// value writes one value: times as ISO, decimals as numbers, bytes as text.
func (t *parquetText) value(column int, v parquet.Value) {
	if v.IsNull() {
		t.buf = append(t.buf, "null"...)
		return
	}
	kind := t.columns[column].Type()
	whole := v.Kind() == parquet.Int64 || v.Kind() == parquet.Int32
	if l := kind.LogicalType(); l != nil && whole {
		switch of := l.Value.(type) {
		case *format.TimestampType:
			if of.Unit.Value != nil {
				t.time(number(v), int64(of.Unit.Value.Duration()), of.IsAdjustedToUTC)
				return
			}
		case *format.DateType:
			t.time(number(v), int64(24*time.Hour), true)
			return
		case *format.DecimalType:
			t.buf = strconv.AppendFloat(t.buf, float64(number(v))/math.Pow10(int(min(max(of.Scale, 0), 38))), 'f', -1, 64)
			return
		}
	} else if c := kind.ConvertedType(); c != nil && whole { // of older writers
		switch *c {
		case deprecated.TimestampMillis:
			t.time(number(v), int64(time.Millisecond), true)
			return
		case deprecated.TimestampMicros:
			t.time(number(v), int64(time.Microsecond), true)
			return
		}
	}
	t.plain(v)
}

// number is a whole number of either width.
func number(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func (t *parquetText) plain(v parquet.Value) {
	switch v.Kind() {
	case parquet.Boolean:
		t.buf = strconv.AppendBool(t.buf, v.Boolean())
	case parquet.Int32:
		t.buf = strconv.AppendInt(t.buf, int64(v.Int32()), 10)
	case parquet.Int64:
		t.buf = strconv.AppendInt(t.buf, v.Int64(), 10)
	case parquet.Int96: // nanoseconds of the day, and the Julian day (Impala, Spark)
		raw := v.Int96()
		nanos := int64(raw[0]) | int64(raw[1])<<32
		t.time((int64(raw[2])-julian1970)*86400+nanos/1e9, int64(time.Second), true)
	case parquet.Float, parquet.Double:
		n := float64(v.Float())
		if v.Kind() == parquet.Double {
			n = v.Double()
		}
		if math.IsNaN(n) || math.IsInf(n, 0) {
			t.buf = append(t.buf, "null"...)
			return
		}
		t.buf = strconv.AppendFloat(t.buf, n, 'f', -1, 64)
	default:
		b := v.ByteArray()
		if !utf8.Valid(b) {
			t.scratch = hex.AppendEncode(t.scratch[:0], b)
			b = t.scratch
		}
		t.buf = appendJSONText(t.buf, string(b))
	}
}

// julian1970 is the Julian day of 1 January 1970.
const julian1970 = 2440588

// time writes an instant of so many units since 1970, or a time without zone.
func (t *parquetText) time(n, unit int64, utc bool) {
	perSecond := int64(time.Second) / max(unit, 1)
	var at time.Time
	if perSecond == 0 { // days
		at = time.Unix(n*(unit/int64(time.Second)), 0)
	} else {
		at = time.Unix(n/perSecond, n%perSecond*unit)
	}
	t.buf = append(t.buf, '"')
	t.buf = at.UTC().AppendFormat(t.buf, "2006-01-02T15:04:05.999")
	if utc {
		t.buf = append(t.buf, 'Z')
	}
	t.buf = append(t.buf, '"')
}

// appendJSONText writes a string as JSON.
func appendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
