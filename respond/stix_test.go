package respond

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// stixSchemas is where the schemas of OASIS are looked for, beside the project.
const stixSchemas = "../../shared/schemas/stix2.1"

// schemas are the schemas of STIX 2.1 by the type of the object.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	if _, err := os.Stat(stixSchemas); err != nil {
		t.Skipf("the schemas of STIX 2.1 are not at %s: the bundle is not validated", stixSchemas)
	}
	c := jsonschema.NewCompiler()
	ids := map[string]string{}
	err := filepath.WalkDir(stixSchemas, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			return err
		}
		id := doc.(map[string]any)["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
		return c.AddResource(id, doc)
	})
	must(t, err)
	out := map[string]*jsonschema.Schema{}
	for _, name := range []string{"bundle", "identity", "indicator", "observed-data", "sighting", "relationship", "report", "note", "course-of-action", "marking-definition", "ipv4-addr", "ipv6-addr"} {
		if out[name], err = c.Compile(ids[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return out
}

func TestStixIsValid(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute under the race detector, and nothing here runs beside anything else")
	}
	all := schemas(t)
	for name, c := range variants() {
		for _, tlp := range tlpLabels() {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(render(t, c, Options{TLP: tlp})[stixPath]))
			must(t, err)
			if err := all["bundle"].Validate(withoutNotes(doc)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, o := range doc.(map[string]any)["objects"].([]any) {
				kind := o.(map[string]any)["type"].(string)
				if all[kind] == nil {
					t.Fatalf("%s: no schema for a %s", name, kind)
				}
				if err := all[kind].Validate(o); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if name != "sample" {
				break // one label will do
			}
		}
	}
}

// withoutNotes is a bundle less its notes. The schema of the bundle does not list
// the note among the types of the specification, and its rule for other types
// wants exactly one of two schemas that every object with an id and a date meets
// both; so no bundle with a note can pass. Each note is held against its own
// schema instead.
func withoutNotes(doc any) any {
	b := maps.Clone(doc.(map[string]any))
	b["objects"] = slices.DeleteFunc(slices.Clone(b["objects"].([]any)), func(o any) bool { return o.(map[string]any)["type"] == "note" })
	return b
}

func bundleOf(t *testing.T, text string) []stixObject {
	t.Helper()
	var b stixBundle
	must(t, json.Unmarshal([]byte(text), &b))
	return b.Objects
}

// Every reference is to an object of the bundle, and every id is used once.
func TestStixHangsTogether(t *testing.T) {
	for name, c := range variants() {
		objects := bundleOf(t, render(t, c, Options{})[stixPath])
		ids := map[string]bool{}
		for _, o := range objects {
			if ids[o.ID] {
				t.Errorf("%s: %s twice", name, o.ID)
			}
			ids[o.ID] = true
			if !strings.HasPrefix(o.ID, o.Type+"--") {
				t.Errorf("%s: %s is a %s", name, o.ID, o.Type)
			}
		}
		for _, o := range objects {
			for _, ref := range slices.Concat(o.ObjectRefs, o.ObservedRefs, o.Markings, []string{o.CreatedBy, o.Source, o.Target, o.SightingOf}) {
				if ref != "" && !ids[ref] {
					t.Errorf("%s: %s refers to %s, which is not there", name, o.ID, ref)
				}
			}
		}
	}
}

func TestStixSays(t *testing.T) {
	objects := bundleOf(t, render(t, sample(), Options{TLP: "AMBER+STRICT"})[stixPath])
	count := map[string]int{}
	var indicators []string
	for _, o := range objects {
		count[o.Type]++
		if o.Type == "indicator" {
			indicators = append(indicators, o.Pattern+" "+o.Labels[0]+" "+o.ValidUntil)
		}
		if o.Type == "relationship" {
			count[o.Relationship]++
		}
	}
	want := []string{
		"[ipv4-addr:value = '11.22.33.44'] to-ids:false 2025-10-10T09:00:00.000Z",
		"[ipv4-addr:value = '11.22.33.45'] to-ids:true 2025-10-16T09:00:00.000Z",
		"[ipv4-addr:value = '11.50.60.70'] to-ids:true 2025-11-08T09:00:00.000Z",
		"[ipv6-addr:value = '2600:ff00:1::5'] to-ids:true 2025-10-16T09:00:00.000Z",
		"[ipv4-addr:value ISSUBSET '11.77.7.0/24'] to-ids:false 2025-10-16T09:00:00.000Z",
	}
	if !slices.Equal(indicators, want) {
		t.Errorf("indicators\n%s\nwant\n%s", strings.Join(indicators, "\n"), strings.Join(want, "\n"))
	}
	for kind, n := range map[string]int{"ipv4-addr": 5, "ipv6-addr": 1, "observed-data": 6, "sighting": 4, "report": 1, "note": 3, "course-of-action": 4,
		"based-on": 4, "mitigates": 3, "investigates": 1, "marking-definition": 1, "identity": 1} {
		if count[kind] != n {
			t.Errorf("%d of %s, want %d", count[kind], kind, n)
		}
	}
}

// The first id is that of the example in STIX 2.1 section 2.9.
func TestStixObservableIDs(t *testing.T) {
	for value, want := range map[string]string{
		"198.51.100.3": "28bb3599-77cd-5a82-a950-b5bc3caf07c4",
		"2001:db8::1":  "6469e3a9-b053-5e34-a025-9396ae051d26",
	} {
		if got := uuid5(stixObservables, `{"value":"`+value+`"}`); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}
