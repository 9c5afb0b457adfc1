package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"netcase"
)

// decodedParts is what a stream became: every event with its place and raw bytes,
// and the report after Join.
func decodedParts(t testing.TB, f Format, text []byte, block int) (events []string, report *netcase.InputReport) {
	t.Helper()
	report = &netcase.InputReport{}
	all := &Input{Report: report}
	split := (*Split)(nil)
	if block > 0 && f.Split != nil {
		split = f.Split(text[:min(len(text), HeadSize)])
	}
	decode := func(part []byte, from netcase.Place) {
		in := &Input{R: bytes.NewReader(part), Report: &netcase.InputReport{}, From: from, Raw: true}
		if split != nil && split.Begin != nil {
			split.Begin(in)
		}
		err := f.Decode(context.Background(), in, func(b *netcase.Batch) error {
			for _, list := range []any{b.Flows, b.Logins, b.Processes, b.Queries, b.Alerts} {
				one, _ := json.Marshal(list)
				if s := string(one); s != "null" && s != "[]" {
					events = append(events, s)
				}
			}
			return nil
		})
		if err != nil {
			report.Error = err.Error()
		}
		addReport(report, in.Report)
		for name, n := range in.Sums {
			all.Sum(name, n)
		}
	}
	if split == nil {
		decode(text, netcase.Place{})
	} else {
		lead := text[:split.Lead]
		for pos, first := split.Lead, true; first || pos < len(text); first = false {
			end := 0
			for size := block; end == 0 && pos+size < len(text); size *= 2 {
				end = split.Cut(text[pos : pos+size])
			}
			if end == 0 {
				end = len(text) - pos
			}
			from := netcase.Place{
				Offset: int64(pos - split.Lead),
				Line:   int64(bytes.Count(text[:pos], []byte{'\n'}) - bytes.Count(lead, []byte{'\n'})),
			}
			decode(slices.Concat(lead, text[pos:pos+end]), from)
			pos += end
		}
	}
	if split != nil && split.Whole != nil && split.Whole(all) {
		return decodedParts(t, f, text, 0)
	}
	if f.Join != nil {
		all.Report = report
		f.Join(all)
	}
	return events, report
}

func addReport(to, r *netcase.InputReport) {
	to.Read, to.Accepted, to.Rejected = to.Read+r.Read, to.Accepted+r.Accepted, to.Rejected+r.Rejected
	to.Skipped, to.Duplicate, to.Flows = to.Skipped+r.Skipped, to.Duplicate+r.Duplicate, to.Flows+r.Flows
	to.Reaches = to.Reaches.Plus(r.Reaches)
	to.Span = to.Span.Join(r.Span)
	for reason, n := range r.Reasons {
		if to.Reasons == nil {
			to.Reasons = map[string]int64{}
		}
		to.Reasons[reason] += n
	}
	for _, note := range r.Notes {
		if !slices.Contains(to.Notes, note) {
			to.Notes = append(to.Notes, note)
		}
	}
	if len(to.Samples) < maxSamples {
		to.Samples = append(to.Samples, r.Samples[:min(len(r.Samples), maxSamples-len(to.Samples))]...)
	}
}

// flat are events one by one, however they were batched.
func flat(lists []string) string {
	var b strings.Builder
	for _, l := range lists {
		b.WriteString(strings.TrimSuffix(strings.TrimPrefix(l, "["), "]") + "\n")
	}
	return strings.ReplaceAll(b.String(), "\n", ",")
}

// tableFormats are the formats of this family.
func tableFormats() []Format {
	var out []Format
	for _, f := range Formats() {
		for _, prefix := range []string{"azure-", "defender-", "asim-", "entra-"} {
			if strings.HasPrefix(f.Name, prefix) {
				out = append(out, f)
			}
		}
	}
	return out
}

// TestTablesInParts: a stream decoded in parts, however small, is what it is as a
// whole: events, places, counts, samples and remarks.
func TestTablesInParts(t *testing.T) {
	for _, f := range tableFormats() {
		inputs, _ := filepath.Glob(filepath.Join("testdata", f.Name, "*", "in.*"))
		for _, input := range inputs {
			text, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			checkParts(t, f, input, text)
		}
	}
}

func checkParts(t *testing.T, f Format, name string, text []byte) {
	t.Helper()
	want, whole := decodedParts(t, f, text, 0)
	for _, block := range []int{1, 7, 64, 300, 1 << 12} {
		got, parts := decodedParts(t, f, text, block)
		// processes and flows of one batch are listed apart: compare as sets of a kind
		if sorted(flat(got)) != sorted(flat(want)) {
			t.Fatalf("%s in parts of %d bytes: other events\n got %s\nwant %s", name, block, flat(got), flat(want))
		}
		if a, b := fmt.Sprintf("%+v", *parts), fmt.Sprintf("%+v", *whole); a != b {
			t.Fatalf("%s in parts of %d bytes:\n got %s\nwant %s", name, block, a, b)
		}
	}
}

// sorted are the objects of a list in order.
func sorted(list string) string {
	objects := strings.Split(list, "},{")
	for i := range objects {
		objects[i] = strings.Trim(objects[i], "{},")
	}
	slices.Sort(objects)
	return strings.Join(objects, "\n")
}

// TestBrokenTablesInParts does the same with quotes and line endings out of place.
func TestBrokenTablesInParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	texts := map[string][]byte{}
	for _, name := range []string{"portal-csv/in.csv", "workspace-csv/in.csv", "hostile/in.csv", "streaming/in.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "defender-network", name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		split := 0
		for range 60 {
			text := bytes.Clone(texts[name])
			for range 1 + rng.IntN(4) {
				at := bytes.IndexByte(text, '\n') + 1
				at += rng.IntN(len(text) - at)
				piece := []string{"\"", "\n", "\"\n\"", "{", "garbage\n", "\r\n", ","}[rng.IntN(7)]
				text = slices.Concat(text[:at], []byte(piece), text[at:])
			}
			if defenderNetwork.Split(text) != nil {
				split++
			}
			checkParts(t, defenderNetwork, name, text)
		}
		if split == 0 {
			t.Errorf("%s: never decoded in parts", name)
		}
	}
}

// TestCutCSV: a cut is where the scanner, which reads the whole text, ends a record.
func TestCutCSV(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	pieces := []string{"a", ",", "\"", "\"\"", "\n", "\n", "\r\n", "\",\"", "\"\n\"", "bcdefgh"}
	room := make([]byte, csvBuffer)
	for range fewer(15_000, 1500) {
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		text := b.String()
		limit := []int{12, maxRecord}[rng.IntN(2)]
		scan := func(text string) (records []string) {
			c := csvIn(room, iotest.OneByteReader(strings.NewReader(text)), ',')
			c.limit = limit
			for c.Next() {
				records = append(records, fmt.Sprintf("%q %q", c.Fields(), c.Fault()))
			}
			return records
		}
		block := rng.IntN(len(text) + 1)
		cut := cutCSV([]byte(text[:block]), ',', limit)
		if cut > block || cut > 0 && text[cut-1] != '\n' {
			t.Fatalf("%q: cut at %d of %d", text, cut, block)
		}
		if got, want := append(scan(text[:cut]), scan(text[cut:])...), scan(text); !slices.Equal(got, want) {
			t.Fatalf("%q, limit %d, cut at %d of %d:\n got %q\nwant %q", text, limit, cut, block, got, want)
		}
	}
}
