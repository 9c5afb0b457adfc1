package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// records reads everything with the fast scanner.
// csvIn is newCSV with a buffer of the test: it is too large to make for every short text.
func csvIn(buf []byte, r io.Reader, comma byte) *csvScan {
	return &csvScan{r: r, comma: comma, limit: maxRecord, buf: buf, next: 1}
}

func csvRecords(t testing.TB, r io.Reader, comma byte) (rows [][]string, faults []string) {
	t.Helper()
	c := csvIn(make([]byte, 4), r, comma)
	for c.Next() {
		if c.Fault() != "" {
			faults = append(faults, fmt.Sprintf("line %d: %s", c.Line(), c.Fault()))
			continue
		}
		var row []string
		for _, f := range c.Fields() {
			row = append(row, strings.ReplaceAll(string(f), "\r\n", "\n"))
		}
		rows = append(rows, row)
	}
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return rows, faults
}

// csvTwin reads everything with encoding/csv.
func csvTwin(t testing.TB, text string, comma byte) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(comma), true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return rows
}

func sameRows(a, b [][]string) bool {
	return slices.EqualFunc(a, b, func(x, y []string) bool { return slices.Equal(x, y) })
}

func TestCSVReadsAsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b c", ",", ",", "\"", "\"\"", "\n", "\r\n", ";", "\t", "é", "\xff", "1/2/2025, 3:04:05.006 AM", "\",\"", "\"\n\""}
	for range fewer(20000, 2000) {
		var b strings.Builder
		for range rng.IntN(14) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		text := b.String()
		got, faults := csvRecords(t, iotest.OneByteReader(strings.NewReader(text)), ',')
		if len(faults) > 0 {
			continue // the twin reads on over an open quote; TestCSVFaults says what we do
		}
		if want := csvTwin(t, text, ','); !sameRows(got, want) {
			t.Fatalf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestCSVPlaces(t *testing.T) {
	text := "h1,h2\r\n\r\n\"a\nb\",\"c \"\"d\"\"\"\nlast,row"
	c := newCSV(strings.NewReader(text), ',')
	want := []struct {
		line, offset int64
		fields       string
	}{{1, 0, "h1|h2"}, {3, 9, "a\nb|c \"d\""}, {5, 25, "last|row"}}
	for _, w := range want {
		if !c.Next() {
			t.Fatalf("no record at line %d", w.line)
		}
		if got := string(bytes.Join(c.Fields(), []byte("|"))); got != w.fields || c.Line() != w.line || c.Offset() != w.offset {
			t.Errorf("got %q at line %d, offset %d; want %+v", got, c.Line(), c.Offset(), w)
		}
		if at := text[c.Offset():]; !strings.HasPrefix(at, string(c.Raw())) {
			t.Errorf("line %d: the raw bytes %q do not stand at offset %d", c.Line(), c.Raw(), c.Offset())
		}
	}
	if c.Next() {
		t.Errorf("a fourth record: %q", c.Raw())
	}
}

func TestCSVFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      int
		rows       string
		faults     string
	}{
		{"cut in a quoted field", "a,b\n1,\"two", maxRecord, "[[a b]]", "[line 2: " + csvOpenQuote + "]"},
		{"a stray quote costs its line", "a,b\n1,\"x\n2,y\n3,z\n", maxRecord, "[[a b] [2 y] [3 z]]", "[line 2: " + csvOpenQuote + "]"},
		{"a stray quote over the limit", "a,b\n1,\"x\n2,y\n3,z\n4,w\n", 6, "[[a b] [2 y] [3 z] [4 w]]", "[line 2: " + csvOpenQuote + "]"},
		{"a long line", "a,b\n1,xxxxxxxxxxxxxxxxxxxx\n2,y\n", 8, "[[a b] [2 y]]", "[line 2: " + csvTooLong + "]"},
		{"too many fields", "a\n" + strings.Repeat(",", maxFields) + "\nb\n", maxRecord, "[[a] [b]]", "[line 2: " + csvTooWide + "]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCSV(strings.NewReader(c.text), ',')
			s.limit, s.buf = c.limit, make([]byte, 4)
			var rows [][]string
			var faults []string
			for s.Next() {
				if s.Fault() != "" {
					faults = append(faults, fmt.Sprintf("line %d: %s", s.Line(), s.Fault()))
					continue
				}
				var row []string
				for _, f := range s.Fields() {
					row = append(row, string(f))
				}
				rows = append(rows, row)
			}
			if fmt.Sprint(rows) != c.rows || fmt.Sprint(faults) != c.faults {
				t.Errorf("rows %v, faults %v; want %s, %s", rows, faults, c.rows, c.faults)
			}
		})
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\r\n\"x;\n\";2", "\"a\"\"b\",c\n", "a,\"open\nb,c\n", "\xef\xbb\xbfa\tb\n"} {
		f.Add([]byte(s), byte(','))
	}
	f.Fuzz(func(t *testing.T, data []byte, comma byte) {
		if comma != ';' && comma != '\t' {
			comma = ','
		}
		c := newCSV(bytes.NewReader(data), comma)
		c.limit, c.buf = 512, make([]byte, 16)
		line, end := int64(0), int64(0)
		for c.Next() {
			if c.Line() <= line || c.Offset() < end || !bytes.HasPrefix(data[c.Offset():], c.Raw()) {
				t.Fatalf("record at line %d, offset %d after line %d, offset %d", c.Line(), c.Offset(), line, end)
			}
			if want := int64(1 + bytes.Count(data[:c.Offset()], []byte{'\n'})); c.Line() != want {
				t.Fatalf("offset %d is in line %d, not %d", c.Offset(), want, c.Line())
			}
			line, end = c.Line(), c.Offset()+int64(len(c.Raw()))
			if c.Fault() == "" && len(c.Fields()) == 0 {
				t.Fatal("a record without fields")
			}
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	text := strings.Repeat("\"10/20/2025, 2:05:33.469 PM\",FlowLog,2,ExternalPublic,203.0.113.9|3|0|0|0|0|0,10.0.0.5,3389,T,I,A\n", 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c := newCSV(strings.NewReader(text), ',')
		n := 0
		for c.Next() {
			n += len(c.Fields())
		}
		if n != 1_000_000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// TestEndWithinAnError: an io.EOF that a layer below wraps is its failure, never
// the end of the stream.
func TestEndWithinAnError(t *testing.T) {
	broken := func(text string) io.Reader {
		return io.MultiReader(strings.NewReader(text), iotest.ErrReader(fmt.Errorf("a layer: %w", io.EOF)))
	}
	c := newCSV(broken("1,2\n"), ',')
	for c.Next() {
	}
	if !errors.Is(c.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("CSV ended with %v", c.Err())
	}
	s := newJSON(broken("{}\n"))
	if err := s.skip(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.peek(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("JSON ended with %v", err)
	}
}

// csvPlaced are the records with all that the scanner says of them.
func csvPlaced(c *csvScan) (out []string) {
	for c.Next() {
		out = append(out, fmt.Sprintf("%d %d %q %q %q %d", c.Line(), c.Offset(), c.Raw(), c.Fields(), c.Fault(), c.Width()))
	}
	return out
}

// TestCSVQuickReadsAsTheSlowWay: what is taken in one go is what byte by byte
// would have made of it.
func TestCSVQuickReadsAsTheSlowWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	pieces := []string{"a", "b c", ",", ",", "\"", "\"\"", "\n", "\n", "\r\n", "\r", "\",\"", "\"\n\"", "\n\"", ",\"", "\",", "\"\n", "0123456789abcdef", "\x01", "-,-"}
	one, other := make([]byte, csvBuffer), make([]byte, csvBuffer)
	for range fewer(40000, 4000) {
		var b strings.Builder
		for range rng.IntN(20) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		text := b.String()
		quick, slow := csvIn(one, strings.NewReader(text), ','), csvIn(other, iotest.OneByteReader(strings.NewReader(text)), ',')
		if got, want := csvPlaced(quick), csvPlaced(slow); !slices.Equal(got, want) {
			t.Fatalf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}
