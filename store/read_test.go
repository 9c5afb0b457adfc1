package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// told is what a decoding hands over, as text, with the report.
type told struct {
	events []string
	report netcase.InputReport
}

func (o *told) sink(b *netcase.Batch) error {
	for _, f := range b.Flows {
		raw := string(f.Raw)
		f.Raw = nil
		o.events = append(o.events, fmt.Sprintf("%+v %q", f, raw))
	}
	for _, e := range b.Logins {
		o.events = append(o.events, fmt.Sprintf("%+v", e))
	}
	for _, e := range b.Processes {
		o.events = append(o.events, fmt.Sprintf("%+v", e))
	}
	for _, e := range b.Queries {
		o.events = append(o.events, fmt.Sprintf("%+v", e))
	}
	for _, e := range b.Alerts {
		o.events = append(o.events, fmt.Sprintf("%+v", e))
	}
	return nil
}

func (o *told) settle() {
	slices.Sort(o.events) // a batch hands over its families one after the other
	slices.Sort(o.report.Sensors)
	slices.Sort(o.report.Notes)
	slices.Sort(o.report.Missing)
	slices.Sort(o.report.Resolution)
}

func whole(t testing.TB, f source.Format, text []byte) *told {
	t.Helper()
	o := &told{}
	in := &source.Input{Name: "x", R: bytes.NewReader(text), Report: &o.report, Raw: true}
	if err := f.Decode(context.Background(), in, o.sink); err != nil {
		t.Fatal(err)
	}
	if f.Join != nil {
		f.Join(in)
	}
	o.settle()
	return o
}

func apart(t testing.TB, f source.Format, split *source.Split, text []byte, size, limit int) (*told, int) {
	t.Helper()
	o := &told{}
	all := &source.Input{Name: "x", Report: &o.report, Raw: true}
	parts := newPartReader(bytes.NewReader(text), split, size, limit)
	n := 0
	var length int64
	for p := parts.read(); p != nil; p = parts.read() {
		n++
		in := &source.Input{Name: "x", Report: &netcase.InputReport{}, Raw: true}
		length += int64(len(p.body))
		if split.Begin != nil {
			split.Begin(in)
		}
		if err := decodePart(context.Background(), f, p, in, o.sink); err != nil {
			t.Fatal(err)
		}
		all.Absorb(in)
	}
	if parts.err != nil {
		t.Fatal(parts.err)
	}
	if split.Whole != nil && split.Whole(all) {
		return whole(t, f, text), n
	}
	if f.Join != nil {
		f.Join(all)
	}
	o.settle()
	return o, n
}

// TestPartsAreTheWhole decodes every sample of every format that can be split, whole
// and in parts of every size: the events, their places and bytes, and the report are
// the same.
func TestPartsAreTheWhole(t *testing.T) {
	samples, err := filepath.Glob("../source/testdata/*/*/in.*")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples", err)
	}
	tried := map[string]int{}
	for _, name := range samples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head := text[:min(len(text), source.HeadSize)]
		f, err := source.Recognise(source.Formats(), head)
		if err != nil || f.Split == nil {
			continue
		}
		split := f.Split(head)
		if split == nil {
			continue
		}
		want := whole(t, f, text)
		for _, size := range []int{1, 64, 700, 1 << 20} {
			got, n := apart(t, f, split, text, size, partLimit)
			tried[f.Name] = max(tried[f.Name], n)
			if !slices.Equal(got.events, want.events) {
				t.Fatalf("%s in %d parts of %d bytes: %d events, whole %d: %s", name, n, size, len(got.events), len(want.events), firstDifference(got.events, want.events))
			}
			if a, b := fmt.Sprintf("%+v", got.report), fmt.Sprintf("%+v", want.report); a != b {
				t.Fatalf("%s in %d parts of %d bytes:\n%s\nwhole:\n%s", name, n, size, a, b)
			}
		}
	}
	t.Log(tried)
}

// TestPartReader gives back every byte once, whatever the sizes; a record beyond the
// limit leaves the rest to one part.
func TestPartReader(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		var b strings.Builder
		b.WriteString("head\n")
		for range r.IntN(40) {
			b.WriteString(strings.Repeat("x", r.IntN(30)) + "\n")
		}
		b.WriteString(strings.Repeat("y", r.IntN(3)))
		text := b.String()
		p := newPartReader(strings.NewReader(text), &source.Split{Lead: 5, Cut: source.WholeLines}, 1+r.IntN(50), 1+r.IntN(60))
		var got strings.Builder
		var lines int64 = 1
		for part := p.read(); part != nil; part = p.read() {
			if string(part.lead) != "head\n" || part.from.Offset != int64(5+got.Len()) || part.from.Line != lines {
				t.Fatalf("part %+v after %d bytes and %d lines", part, got.Len(), lines)
			}
			got.Write(part.body)
			if part.rest != nil {
				rest, err := io.ReadAll(part.rest)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(rest)
				continue
			}
			lines += int64(bytes.Count(part.body, []byte("\n")))
		}
		if got.String() != text[5:] {
			t.Fatalf("%q became %q", text, got.String())
		}
	}
}

// TestDayFirst folds tables whose first dates fit both orders of day and month, in
// parts and as a whole; the last row may show that the day stands first.
func TestDayFirst(t *testing.T) {
	table := func(last string) source.Found {
		var b strings.Builder
		b.WriteString("\"TimeGenerated [UTC]\",\"FlowStartTime_t [UTC]\",SrcIP_s,DestIP_s,DestPort_d,L4Protocol_s,FlowDirection_s,FlowStatus_s,NSGRule_s,AllowedInFlows_d\n")
		for i := range 2000 {
			date := "3/4/2025"
			if i == 1990 {
				date = last
			}
			fmt.Fprintf(&b, "\"%s, 1:%02d:00.000 AM\",\"%s, 1:%02d:00.000 AM\",8.8.8.%d,10.0.0.1,22,T,I,A,rule,1\n", date, i%60, date, i%60, i%200)
		}
		return source.Found{Streams: []source.Stream{{Name: "t.csv", Size: int64(b.Len()), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(b.String())), nil
		}}}}
	}
	for last, month := range map[string]string{"3/4/2025": "2025-03", "4/13/2025": "2025-03", "13/4/2025": "2025-04", "4/3/2025": "2025-03"} {
		var told []string
		for _, part := range []int{4 << 10, 1 << 30} {
			m, err := Fold(context.Background(), Config{Workers: 3, part: part}, &netcase.Site{}, table(last))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(m.inputs[0].parts); (n > 1) != (part == 4<<10 && last != "13/4/2025") {
				t.Errorf("last date %s: %d parts of %d bytes", last, n, part)
			}
			rows := gather(t, m.Rows(context.Background(), cube.Question{}))
			if got := rows[0].First.String(); !strings.HasPrefix(got, month) {
				t.Errorf("last date %s: the first row began %s", last, got)
			}
			told = append(told, fmt.Sprintf("%+v\n%+v", rows, m.Coverage()))
		}
		if told[0] != told[1] {
			t.Errorf("last date %s: in parts\n%.2000s\nas a whole\n%.2000s", last, told[0][len(told[0])-1500:], told[1][len(told[1])-1500:])
		}
	}
}
