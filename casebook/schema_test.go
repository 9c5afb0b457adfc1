package casebook

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"netcase"
)

var update = flag.Bool("update", false, "write docs/case.schema.json anew")

const schemaPath = "../docs/case.schema.json"

// object is a JSON object with its keys in the order in which they were set.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) set(key string, v any) *object {
	if o.values == nil {
		o.values = map[string]any{}
	}
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
	return o
}

func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(o.values[k])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", k, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func typed(kind string) *object { return new(object).set("type", kind) }

// schema writes the JSON Schema of case.json from the types and the comments of
// package netcase.
type schema struct {
	defs map[string]*object
	docs map[string]string   // "Type" and "Type.Field" -> comment
	enum map[string][]string // type -> its constants, where it is a kind of string
}

func (s *schema) of(t reflect.Type) *object {
	if o := scalar(t); o != nil {
		return o
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem()) // nil is left out
	case reflect.Slice:
		return new(object).set("type", []string{"array", "null"}).set("items", s.of(t.Elem()))
	case reflect.Map:
		return new(object).set("type", []string{"object", "null"}).set("additionalProperties", s.of(t.Elem()))
	case reflect.String:
		return s.text(t)
	case reflect.Bool:
		return typed("boolean")
	case reflect.Float64:
		return typed("number")
	case reflect.Int, reflect.Int32, reflect.Int64:
		return typed("integer")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return typed("integer").set("minimum", 0).set("maximum", uint64(1)<<t.Bits()-1)
	case reflect.Struct:
		s.define(t)
		return new(object).set("$ref", "#/$defs/"+t.Name())
	}
	panic("no schema for " + t.String())
}

func (s *schema) text(t reflect.Type) *object {
	if values := s.enum[t.Name()]; len(values) > 0 {
		// Empty: the zero value of a type that is not always set.
		return typed("string").set("enum", append(slices.Clone(values), ""))
	}
	return typed("string")
}

// scalar is the schema of a type that writes itself.
func scalar(t reflect.Type) *object {
	switch t {
	case reflect.TypeFor[netcase.Time]():
		return new(object).set("type", []string{"string", "null"}).set("pattern", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`)
	case reflect.TypeFor[time.Duration]():
		return typed("integer").set("$comment", "nanoseconds")
	case reflect.TypeFor[netip.Addr]():
		return typed("string").set("$comment", "an IP address; empty: none")
	case reflect.TypeFor[netip.Prefix]():
		return typed("string").set("$comment", "an IP prefix; empty: none")
	case reflect.TypeFor[netcase.Resolution]():
		return typed("string").set("pattern", `^(raw|unknown|sampled|[0-9]+ min)$`)
	case reflect.TypeFor[netcase.Level]():
		return names(netcase.Info, netcase.Low, netcase.Medium, netcase.High, netcase.Critical)
	case reflect.TypeFor[netcase.Direction]():
		return names(netcase.DirectionUnknown, netcase.Inbound, netcase.Outbound, netcase.Lateral, netcase.Transit)
	case reflect.TypeFor[netcase.Reach]():
		return names(netcase.Reaches()...)
	case reflect.TypeFor[netcase.Tally]():
		properties := new(object)
		for _, r := range netcase.Reaches() {
			properties.set(r.String(), typed("integer").set("minimum", 0))
		}
		return typed("object").set("properties", properties).set("additionalProperties", false)
	}
	return nil
}

func names[T fmt.Stringer](list ...T) *object {
	var text []string
	for _, v := range list {
		text = append(text, v.String())
	}
	return typed("string").set("enum", text)
}

func (s *schema) define(t reflect.Type) {
	if s.defs[t.Name()] != nil {
		return
	}
	o := typed("object")
	s.defs[t.Name()] = o
	if doc := s.docs[t.Name()]; doc != "" {
		o.set("description", doc)
	}
	properties, required := new(object), []string{}
	s.fields(t, properties, &required)
	o.set("properties", properties)
	if len(required) > 0 {
		o.set("required", required)
	}
	o.set("additionalProperties", false)
}

func (s *schema) fields(t reflect.Type, properties *object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			s.fields(f.Type, properties, required)
			continue
		}
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		v := s.of(f.Type)
		if doc := s.docs[t.Name()+"."+f.Name]; doc != "" {
			v.set("description", doc)
		}
		properties.set(name, v)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}

// comments are the comments of package netcase by type and field, and the
// constants of its string types.
func (s *schema) comments(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob("../*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal("no source of package netcase", err)
	}
	for _, p := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					s.note(g, spec)
				}
			}
		}
	}
}

func (s *schema) note(g *ast.GenDecl, spec ast.Spec) {
	switch x := spec.(type) {
	case *ast.TypeSpec:
		s.docs[x.Name.Name] = joined(g.Doc)
		if fields, ok := x.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				for _, n := range f.Names {
					s.docs[x.Name.Name+"."+n.Name] = joined(f.Doc, f.Comment)
				}
			}
		}
	case *ast.ValueSpec:
		kind, ok := x.Type.(*ast.Ident)
		if !ok || g.Tok != token.CONST {
			return
		}
		for _, v := range x.Values {
			if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s.enum[kind.Name] = append(s.enum[kind.Name], strings.Trim(lit.Value, `"`))
			}
		}
	}
}

func joined(groups ...*ast.CommentGroup) string {
	var out []string
	for _, g := range groups {
		if g != nil {
			out = append(out, strings.Join(strings.Fields(g.Text()), " "))
		}
	}
	return strings.Join(out, " ")
}

// caseSchema is the text of docs/case.schema.json as the types want it.
func caseSchema(t *testing.T) []byte {
	t.Helper()
	s := &schema{defs: map[string]*object{}, docs: map[string]string{}, enum: map[string][]string{}}
	s.comments(t)
	s.define(reflect.TypeFor[netcase.Case]())
	defs := new(object)
	for _, name := range slices.Sorted(mapsKeys(s.defs)) {
		defs.set(name, s.defs[name])
	}
	top := new(object).
		set("$schema", "https://json-schema.org/draft/2020-12/schema").
		set("$id", "https://netcase.invalid/case.schema.json").
		set("title", fmt.Sprintf("case.json, format %d", netcase.CaseFormat)).
		set("$ref", "#/$defs/Case").
		set("$defs", defs)
	raw, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func mapsKeys(m map[string]*object) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestSchemaIsCurrent fails where a type or a comment of package netcase has
// changed and the schema has not.
func TestSchemaIsCurrent(t *testing.T) {
	want := caseSchema(t)
	if *update {
		if err := os.WriteFile(schemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say; run go test ./casebook -run Schema -update and read the difference", schemaPath)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("case.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("case.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// full sets every field that v reaches to something that is not zero, so that a
// field which the schema lacks shows as an additional property.
func full(v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.1")))
		return
	case reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.MustParsePrefix("192.0.2.0/24")))
		return
	case reflect.TypeFor[netcase.Time]():
		v.Set(reflect.ValueOf(netcase.Time(1_740_000_000_000)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		full(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			full(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		full(key)
		full(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				full(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString(stringOf(v.Type()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	default:
		v.SetUint(1)
	}
}

// stringOf is a value that the type allows.
func stringOf(t reflect.Type) string {
	values := map[string]string{"State": string(netcase.True), "Standing": string(netcase.Gated), "Status": string(netcase.StatusAttempt), "Timing": string(netcase.KnownThen),
		"Outcome": string(netcase.OutcomeNoReply), "ClaimType": string(netcase.ClaimScan), "TestResult": string(netcase.Pass), "ProcessRole": string(netcase.RoleListener), "Pattern": string(netcase.PatternSpray), "Cadence": string(netcase.CadencePeriodic)}
	if v, ok := values[t.Name()]; ok {
		return v
	}
	return "text"
}

func TestSchemaTakesCases(t *testing.T) {
	s := compiled(t)
	everything := new(netcase.Case)
	full(reflect.ValueOf(everything).Elem())
	for name, c := range map[string]*netcase.Case{"sample": sample().Case, "nothing set": {Format: netcase.CaseFormat}, "everything set": everything} {
		text, err := encode(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var back netcase.Case
		if err := decode(text, &back); err != nil {
			t.Errorf("%s does not read back: %v", name, err)
		}
		if again, _ := encode(&back); !bytes.Equal(text, again) {
			t.Errorf("%s: read and written it is another", name)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	text, err := encode(sample().Case)
	if err != nil {
		t.Fatal(err)
	}
	for name, swap := range map[string][2]string{
		"unknown key":    {`"title"`, `"verdict": "x", "title"`},
		"missing key":    {`"tool": "netcase ` + netcase.Version + `",`, ``},
		"unknown level":  {`"low": "LOW"`, `"low": "SEVERE"`},
		"unknown reach":  {`"denied": 3`, `"refuted": 3`},
		"local time":     {`"as_of": "2025-03-05T05:06:07.000Z"`, `"as_of": "2025-03-05 05:06:07"`},
		"unknown status": {`"status": ""`, `"status": "pwned"`},
		"text for list":  {`"gaps": null`, `"gaps": "none"`},
	} {
		spoiled := strings.Replace(string(text), swap[0], swap[1], 1)
		if spoiled == string(text) {
			t.Fatalf("%s: %q is not in the case", name, swap[0])
		}
		if validate(t, s, []byte(spoiled)) == nil {
			t.Errorf("%s passed", name)
		}
	}
}
