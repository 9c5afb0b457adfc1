package source

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"netcase"
)

// mappingExamples are the examples of docs/mapping.md: a mapping and a table each.
func mappingExamples(t testing.TB) [][2]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "mapping.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```\\w+\n(.*?)```").FindAllSubmatch(text, -1)
	var out [][2]string
	for i := 0; i+1 < len(blocks); i += 2 {
		out = append(out, [2]string{string(blocks[i][1]), string(blocks[i+1][1])})
	}
	if len(out) != 2 {
		t.Fatalf("%d examples", len(out))
	}
	return out
}

func mappingOf(t testing.TB, text string) Format {
	t.Helper()
	f, err := ReadMapping(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestMappingExamples runs what docs/mapping.md shows.
func TestMappingExamples(t *testing.T) {
	examples := mappingExamples(t)
	firewall := mappingOf(t, examples[0][0])
	formats := WithMappings(Formats(), []Format{firewall, mappingOf(t, examples[1][0])})
	for i, name := range []string{"map-edge-firewall", "map-vpn-gateway"} {
		if f, err := Recognise(formats, []byte(examples[i][1])); err != nil || f.Name != name {
			t.Errorf("%s: recognised as %s, %v", name, f.Name, err)
		}
	}
	flows, report, err := allFlows(t, firewall, []byte(examples[0][1]))
	if err != nil || !report.Balanced() {
		t.Fatalf("%v %+v", err, report)
	}
	var got []string
	for i := range flows {
		got = append(got, describe(&flows[i]))
	}
	want := []string{
		"2025-10-20T14:05:00.000Z +12.5s 203.0.113.7:40001 > 192.0.2.10:443 tcp bidirectional octets 5200/91000 packets -1/-1 raw map/fw-1 flows 1 records 1 rule web",
		"2025-10-20T14:05:01.000Z +0s 203.0.113.7:40002 > 192.0.2.10:3389 tcp denied octets 60/0 packets -1/-1 raw map/fw-1 flows 1 records 1 rule default",
		"2025-10-20T14:05:02.000Z +9s 203.0.113.7:40003 > 192.0.2.11:8443 tcp no_reply octets 180/0 packets -1/-1 raw map/fw-1 flows 1 records 1 rule web",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var logins []netcase.Login
	in := &Input{R: strings.NewReader(examples[1][1]), Report: &netcase.InputReport{}}
	err = mappingOf(t, examples[1][0]).Decode(context.Background(), in, func(b *netcase.Batch) error { logins = append(logins, b.Logins...); return nil })
	if err != nil || len(logins) != 2 || in.Report.Skipped != 1 || !in.Report.Balanced() {
		t.Fatalf("%d logins, %v, %+v", len(logins), err, in.Report)
	}
	if logins[0].Outcome != netcase.LoginWrongPassword || logins[1].Outcome != netcase.LoginSucceeded || logins[0].Host.Name != "vpn01" || logins[0].Account != "alice" {
		t.Errorf("%+v", logins)
	}
}

func TestMappingErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "empty"},
		{"name: x\ncolour: red\n", "[2:1] unknown field"},
		{"name: X Y\n", "name"},
		{"name: x\n", "either flows or logins"},
		{"name: x\nflows:\n  src: a\n", "flows.time"},
		{"name: x\nflows:\n  time: {column: t}\n  src: a\n  dst: b\n", "flows.replies"},
		{"name: x\nflows:\n  time: {column: t}\n  src: a\n  dst: b\n  replies: recorded\n  action: c\n  actions:\n    ok: fine\n", "9 |     ok: fine"},
		{"name: x\nflows:\n  time: {column: t, unit: h}\n  src: a\n  dst: b\n  replies: recorded\n", "want s, ms, us or ns"},
		{"name: x\nflows:\n  time: {column: t, zone: Nowhere/Land}\n  src: a\n  dst: b\n  replies: recorded\n", "Europe/Madrid"},
		{"name: x\nflows:\n  time: {column: t, layout: \"%Q\"}\n  src: a\n  dst: b\n  replies: recorded\n", "not known"},
		{"name: x\nlogins:\n  time: {column: t}\n  host: a\n  outcome: o\n  outcomes: {a: perhaps}\n", "want success"},
		{strings.Repeat("#", maxMapping+1), "longer"},
	} {
		if _, err := ReadMapping(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
}

// TestMappingOneWay joins the rows of both directions.
func TestMappingOneWay(t *testing.T) {
	f := mappingOf(t, "name: x\nflows: {time: {column: t, unit: ms}, src: s, src_port: sp, dst: d, dst_port: dp, proto: p, octets_out: o, packets_out: n, replies: not recorded, one_way: true}\n")
	flows, report, err := allFlows(t, f, []byte("t,s,sp,d,dp,p,o,n\n1760969100000,203.0.113.7,40001,192.0.2.10,443,6,5200,20\n1760969100010,192.0.2.10,443,203.0.113.7,40001,6,91000,70\n1760969100020,192.0.2.10,443,203.0.113.8,40002,6,40,1\nx,,,,,,,\n"))
	if err != nil || len(flows) != 2 || !report.Balanced() || report.Rejected != 1 {
		t.Fatalf("%d flows, %v %+v", len(flows), err, report)
	}
	if got := describe(&flows[0]); !strings.Contains(got, "203.0.113.7:40001 > 192.0.2.10:443 tcp bidirectional octets 5200/91000") {
		t.Error(got)
	}
	if got := describe(&flows[1]); !strings.Contains(got, "203.0.113.8:40002 > 192.0.2.10:443 tcp unknown octets -1/40") {
		t.Error(got)
	}
}

func TestMappingOfParquet(t *testing.T) {
	m := mappingOf(t, "name: x\nflows: {time: {column: start, unit: s}, src: srcaddr, dst: dstaddr, dst_port: dstport, replies: not recorded}\n")
	formats := WithMappings(Formats(), []Format{m})
	f, err := Recognise(formats, parquetFixtures()["aws-vpc"])
	if err != nil {
		t.Fatal(err)
	}
	flows, report, err := allFlows(t, f, parquetFixtures()["aws-vpc"])
	if err != nil || len(flows) != 2 || !slices.Contains(report.Notes, "the table in the file was read as map-x") {
		t.Errorf("%d flows, %v %+v", len(flows), err, report)
	}
}

func mappingSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	name := filepath.Join("..", "docs", "mapping.schema.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema, raw
}

// TestMappingSchemaHasEveryKey keeps the schema true to the types.
func TestMappingSchemaHasEveryKey(t *testing.T) {
	schema, raw := mappingSchema(t)
	for _, c := range []struct {
		of   reflect.Type
		path []string
	}{
		{reflect.TypeFor[Mapping](), nil},
		{reflect.TypeFor[FlowColumns](), []string{"properties", "flows"}},
		{reflect.TypeFor[LoginColumns](), []string{"properties", "logins"}},
		{reflect.TypeFor[TimeColumn](), []string{"$defs", "time"}},
	} {
		at := raw
		for _, p := range c.path {
			at = at[p].(map[string]any)
		}
		var got, want []string
		for key := range at["properties"].(map[string]any) {
			got = append(got, key)
		}
		for i := range c.of.NumField() {
			if key, ok := c.of.Field(i).Tag.Lookup("yaml"); ok {
				want = append(want, key)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, the type %v", c.of, got, want)
		}
	}
	for _, e := range mappingExamples(t) {
		if err := schema.Validate(yamlValue(t, e[0])); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"name: x\n", "name: x\nflows: {src: a}\n", "name: x\nflows: {time: {column: t}, src: a, dst: b, replies: maybe}\n"} {
		if schema.Validate(yamlValue(t, bad)) == nil {
			t.Errorf("the schema takes %q", bad)
		}
		if _, err := ReadMapping(strings.NewReader(bad)); err == nil {
			t.Errorf("the reader takes %q", bad)
		}
	}
}

func yamlValue(t *testing.T, text string) any {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzMapping(f *testing.F) {
	for _, e := range mappingExamples(f) {
		f.Add(e[0], []byte(e[1]))
	}
	f.Fuzz(func(t *testing.T, mapping string, text []byte) {
		if strings.Count(mapping, "*")+strings.Count(mapping, "&") > 8 {
			return // aliases multiply
		}
		format, err := ReadMapping(strings.NewReader(mapping))
		if err != nil {
			return
		}
		checkFuzzed(t, format, text)
	})
}
