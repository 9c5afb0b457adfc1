package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the want.json files")

// goldenFlow is a flow as want.json shows it: one line to read.
type goldenFlow struct {
	Flow   string `json:"flow"`
	Place  string `json:"place"`
	Raw    string `json:"raw,omitempty"`
	Header string `json:"context,omitempty"`
}

// golden is what want.json holds.
type golden struct {
	Format    string              `json:"format"`
	Error     string              `json:"error,omitempty"`
	Report    netcase.InputReport `json:"report"`
	Flows     []goldenFlow        `json:"flows,omitempty"`
	Logins    []map[string]any    `json:"logins,omitempty"`
	Processes []map[string]any    `json:"processes,omitempty"`
	Queries   []map[string]any    `json:"queries,omitempty"`
	Alerts    []map[string]any    `json:"alerts,omitempty"`
}

// describe is a flow in one line.
func describe(f *netcase.Flow) string {
	s := fmt.Sprintf("%s +%s %s:%d > %s:%d %s %s", f.Start, netcase.Span{Start: f.Start, End: f.End}.Length(),
		endpointText(f.Src), f.SrcPort, endpointText(f.Dst), f.DstPort, netcase.ProtoName(f.Proto), f.Reach)
	s += fmt.Sprintf(" octets %d/%d packets %d/%d", f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn)
	s += fmt.Sprintf(" %s %s flows %d records %d", f.Resolution, f.Sensor, f.Flows, f.Records)
	if f.Booked.Known() {
		s += " booked " + f.Booked.String()
	}
	if f.Rule != "" {
		s += " rule " + f.Rule
	}
	if f.Ours != 0 {
		s += fmt.Sprintf(" ours %d", f.Ours)
	}
	if f.Continued {
		s += " continued"
	}
	if f.Key != 0 {
		s += fmt.Sprintf(" key %016x", f.Key)
	}
	return s
}

// endpointText shows address and name, where there are both.
func endpointText(e netcase.Endpoint) string {
	if e.Addr.IsValid() && e.Name != "" {
		return e.Addr.String() + "(" + e.Name + ")"
	}
	return e.String()
}

// goldenEvents are events as want.json shows them: the members that say something,
// the raw bytes as text.
func goldenEvents[E any](t testing.TB, events []E) (out []map[string]any) {
	t.Helper()
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		if raw, ok := all["Raw"].(string); ok {
			decoded, err := base64.StdEncoding.DecodeString(raw)
			if err != nil {
				t.Fatal(err)
			}
			all["Raw"] = string(decoded)
		}
		out = append(out, pruned(all))
	}
	return out
}

// pruned leaves out what is empty.
func pruned(all map[string]any) map[string]any {
	for k, v := range all {
		switch x := v.(type) {
		case nil:
			delete(all, k)
		case string:
			if x == "" {
				delete(all, k)
			}
		case float64:
			if x == 0 && k != "offset" {
				delete(all, k)
			}
		case bool:
			if !x {
				delete(all, k)
			}
		case map[string]any:
			if len(pruned(x)) == 0 {
				delete(all, k)
			}
		}
	}
	return all
}

// goldenOf decodes text with whichever format recognises it, as the second pass
// does.
func goldenOf(t testing.TB, name string, text []byte) golden {
	t.Helper()
	var g golden
	format, err := Recognise(Formats(), text[:min(len(text), HeadSize)])
	if err != nil {
		g.Error = err.Error()
		return g
	}
	g.Format = format.Name
	in := &Input{Name: name, R: bytes.NewReader(text), Report: &g.Report, Raw: true}
	err = format.Decode(context.Background(), in, func(b *netcase.Batch) error {
		for i := range b.Flows {
			f := &b.Flows[i]
			g.Flows = append(g.Flows, goldenFlow{describe(f), fmt.Sprintf("line %d offset %d item %d.%d",
				f.Place.Line, f.Place.Offset, f.Place.Item, f.Place.Expand), string(f.Raw), f.Context})
		}
		g.Logins = append(g.Logins, goldenEvents(t, b.Logins)...)
		g.Processes = append(g.Processes, goldenEvents(t, b.Processes)...)
		g.Queries = append(g.Queries, goldenEvents(t, b.Queries)...)
		g.Alerts = append(g.Alerts, goldenEvents(t, b.Alerts)...)
		return nil
	})
	if err != nil {
		g.Error = err.Error()
	}
	if format.Join != nil {
		format.Join(in)
	}
	return g
}

// TestGolden decodes testdata/<format>/<case>/in.* and compares with want.json.
func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		inputs, err := filepath.Glob(filepath.Join("testdata", f.Name, "*", "in.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, input := range inputs {
			dir := filepath.Dir(input)
			t.Run(f.Name+"/"+filepath.Base(dir), func(t *testing.T) { checkGolden(t, f.Name, input) })
		}
	}
}

func checkGolden(t *testing.T, format, input string) {
	text, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	g := goldenOf(t, filepath.Base(input), text)
	if g.Format != format {
		t.Errorf("recognised as %q, want %q: %s", g.Format, format, g.Error)
	}
	if !g.Report.Balanced() {
		t.Errorf("records do not add up: %+v", g.Report)
	}
	got, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(input), "want.json")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update, and read what it writes)", err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// allFlows decodes text with a format and returns copies of its flows.
func allFlows(t testing.TB, f Format, text []byte) ([]netcase.Flow, *netcase.InputReport, error) {
	t.Helper()
	var flows []netcase.Flow
	report := &netcase.InputReport{}
	in := &Input{Name: "in", R: bytes.NewReader(text), Report: report}
	err := f.Decode(context.Background(), in, func(b *netcase.Batch) error {
		flows = append(flows, b.Flows...)
		return nil
	})
	if f.Join != nil {
		f.Join(in)
	}
	return flows, report, err
}

// dataDir is the folder of real data, or the test is skipped.
func dataDir(t testing.TB, elements ...string) string {
	t.Helper()
	root := os.Getenv("NETCASE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	dir := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real data: %v (set NETCASE_DATA to the folder that holds it)", err)
	}
	return dir
}
