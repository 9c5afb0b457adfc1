package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"netcase"
)

// slowDoc is the slow twin: the standard library's maps.
type slowDoc struct{ root map[string]any }

// slowly parses with the standard library; false: the text is not one object, or nests
// too deeply.
func slowly(text []byte) (*slowDoc, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for depth := 0; ; {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, false
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDocDepth {
				return nil, false
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	d := &slowDoc{}
	dec = json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&d.root) != nil || d.root == nil {
		return nil, false
	}
	return d, true
}

func (d *slowDoc) at(path string) any { return slowLook(d.root, path) }

func slowLook(m map[string]any, path string) any {
	if v, ok := m[path]; ok {
		return v
	}
	for i := range path {
		if path[i] != '.' {
			continue
		}
		if below, ok := m[path[:i]].(map[string]any); ok {
			if v := slowLook(below, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

func slowText(v any) string {
	switch v := v.(type) {
	case string:
		return nameIn([]byte(v), maxName)
	case json.Number:
		return nameIn([]byte(v.String()), maxName)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			if _, deeper := v[0].([]any); !deeper {
				return slowText(v[0])
			}
		}
	}
	return ""
}

func (d *slowDoc) list(path string) (out []string) {
	all, ok := d.at(path).([]any)
	if !ok {
		all = []any{d.at(path)}
	}
	for _, v := range all {
		if s := slowText(v); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (d *slowDoc) number(path string) (int64, bool) {
	v := d.at(path)
	if v == nil || v == "" {
		return netcase.Absent, true
	}
	n, present, ok := countIn([]byte(slowText(v)))
	if !present {
		return netcase.Absent, ok
	}
	return n, ok && n <= maxSize
}

func (d *slowDoc) objects(path string) (out []map[string]any) {
	all, _ := d.at(path).([]any)
	for _, v := range all[:min(len(all), 3)] {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// askBoth asks the document and its slow twin the same.
func askBoth(t *testing.T, text []byte, paths []string) {
	t.Helper()
	var tree docTree
	fast := tree.parse(text)
	slow, ok := slowly(text)
	if fast != ok {
		t.Fatalf("%q: an object %v, the twin says %v", text, fast, ok)
	}
	if !fast {
		return
	}
	d := &jsonDoc{tree: &tree}
	for _, p := range paths {
		n, isCount := d.number(p)
		m, count := slow.number(p)
		if d.has(p) != (slow.at(p) != nil) || d.text(p) != slowText(slow.at(p)) || !slices.Equal(d.list(p), slow.list(p)) || n != m || isCount != count {
			t.Fatalf("%q: %s: %v %q %q %d %v, the twin says %v %q %q %d %v", text, p, d.has(p), d.text(p), d.list(p), n, isCount,
				slow.at(p) != nil, slowText(slow.at(p)), slow.list(p), m, count)
		}
		inner, twins := d.objects(p, 3), slow.objects(p)
		if len(inner) != len(twins) {
			t.Fatalf("%q: %s: %d objects, the twin has %d", text, p, len(inner), len(twins))
		}
		for i := range inner {
			for _, q := range paths[:min(len(paths), 8)] {
				if got, want := inner[i].text(q), slowText(slowLook(twins[i], q)); got != want {
					t.Fatalf("%q: %s[%d].%s: %q, the twin says %q", text, p, i, q, got, want)
				}
			}
		}
	}
}

var docPaths = func() (out []string) {
	parts := []string{"a", "b", "c.d", "ü", "", `"`}
	for _, x := range parts {
		out = append(out, x)
		for _, y := range parts {
			out = append(out, x+"."+y)
			for _, z := range parts {
				out = append(out, x+"."+y+"."+z)
			}
		}
	}
	return out
}()

// randomJSON draws a value; some are broken.
func randomJSON(r *rand.Rand, depth int) string {
	space := func() string { return []string{"", "", "", " ", "\n\t"}[r.IntN(5)] }
	switch n := r.IntN(12); {
	case n < 4 && depth < 5:
		var b strings.Builder
		for i := range r.IntN(4) {
			if i > 0 {
				b.WriteString("," + space())
			}
			key := []string{`"a"`, `"b"`, `"c.d"`, `"a.b"`, `"\u0061"`, `"ü"`, `""`, `"\""`}[r.IntN(8)]
			b.WriteString(key + space() + ":" + space() + randomJSON(r, depth+1))
		}
		return "{" + space() + b.String() + space() + "}"
	case n < 6 && depth < 5:
		var all []string
		for range r.IntN(4) {
			all = append(all, randomJSON(r, depth+1))
		}
		return "[" + strings.Join(all, space()+",") + "]"
	}
	return []string{
		`"text"`, `"1"`, `""`, `" "`, `"-"`, `"\u00e9\ud83d\ude00\ud83d"`, `"a\"b\\c\/d\n"`, "\"\xff\xfe x\"", `12`, `-3`, `1.5`, `2e3`, `12345678901234567890`,
		`true`, `false`, `null`, `"x`, `01`, `tru`, `{`, `]`, "\"\x01\"", `"\x"`, strings.Repeat("[", 45) + strings.Repeat("]", 45),
	}[r.IntN([]int{16, 24}[r.IntN(30)/29])]
}

// TestDocTwin compares with the standard library on random documents, sound and broken.
func TestDocTwin(t *testing.T) {
	objects := 0
	for seed := range uint64(fewer(20_000, 2000)) {
		r := rand.New(rand.NewPCG(seed, 25))
		text := randomJSON(r, 0)
		if _, ok := slowly([]byte(text)); ok {
			objects++
		}
		askBoth(t, []byte(text), docPaths)
	}
	if objects < fewer(2000, 200) {
		t.Errorf("only %d sound objects were drawn", objects)
	}
}

func FuzzDocTwin(f *testing.F) {
	for _, dir := range []string{"ocsf", "ecs"} {
		seedFrom(f, dir)
	}
	for seed := range uint64(50) {
		f.Add([]byte(randomJSON(rand.New(rand.NewPCG(seed, 1)), 0)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		askBoth(t, text, []string{"a.b", "src_endpoint.ip", "event.category", "@timestamp", "answers", "evidences", "traffic.bytes", "class_uid"})
		for line := range bytes.Lines(text) {
			askBoth(t, line, []string{"src_endpoint.ip", "event.category", "@timestamp", "answers", "evidences", "traffic.bytes_in"})
		}
	})
}

// BenchmarkDocs reads network events of both schemas.
func BenchmarkDocs(b *testing.B) {
	for _, c := range []struct {
		f    Format
		line string
	}{
		{ocsf, `{"class_uid":4001,"class_name":"Network Activity","activity_id":2,"type_uid":400102,"category_uid":4,"severity_id":1,"severity":"Informational","time":%d,"start_time":1760969101000,"end_time":1760969105000,"action_id":1,"action":"Allowed","disposition":"Allowed","src_endpoint":{"ip":"203.0.113.9","port":51000,"hostname":"","uid":"x"},"dst_endpoint":{"ip":"10.0.1.5","port":443},"connection_info":{"protocol_num":6,"protocol_name":"tcp","direction":"Inbound","direction_id":1},"traffic":{"bytes_out":2400,"bytes_in":18000,"packets_out":12,"packets_in":14},"device":{"name":"fw-1","type_id":9},"metadata":{"uid":"u-%d","version":"1.1.0","product":{"name":"Firewall","vendor_name":"Vendor"}},"unmapped":{"a":[1,2,3],"b":"c"}}`},
		{ecs, `{"@timestamp":"2025-10-20T14:05:05.000Z","ecs":{"version":"8.11"},"agent":{"name":"fw-1","type":"packetbeat"},"event":{"kind":"event","category":["network"],"type":["connection","end"],"action":"network_flow","id":"%d","duration":%d,"start":"2025-10-20T14:05:04.000Z"},"source":{"ip":"203.0.113.9","port":51000,"bytes":2400,"packets":12},"destination":{"ip":"10.0.1.5","port":443,"bytes":18000,"packets":14},"network":{"transport":"tcp","iana_number":"6","bytes":20400,"type":"ipv4","community_id":"1:abc"},"host":{"name":"web01","ip":["10.0.1.5","fe80::1"],"os":{"name":"Linux"}},"tags":["a","b"]}`},
	} {
		var text bytes.Buffer
		for i := range 20_000 {
			fmt.Fprintf(&text, c.line+"\n", 1760969101000+i, i)
		}
		b.Run(c.f.Name, func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				n := 0
				in := &Input{R: bytes.NewReader(text.Bytes()), Report: &netcase.InputReport{}}
				if err := c.f.Decode(b.Context(), in, func(x *netcase.Batch) error { n += len(x.Flows); return nil }); err != nil || n != 20_000 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
