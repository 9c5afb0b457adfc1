package source

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTable checks that every format is described, has a fixture, and is fuzzed.
func TestTable(t *testing.T) {
	fuzzed := fuzzTargets(t)
	seen := map[string]bool{}
	for _, f := range Formats() {
		if f.Name == "" || f.Doc == "" || f.Proves == "" || f.Detect == nil || f.Decode == nil {
			t.Errorf("format %q: a field is missing", f.Name)
		}
		if seen[f.Name] {
			t.Errorf("format %q is listed twice", f.Name)
		}
		seen[f.Name] = true
		if strings.ContainsAny(f.Doc+f.Proves, "\n") {
			t.Errorf("format %q: Doc and Proves are one line each", f.Name)
		}
		cases, err := filepath.Glob(filepath.Join("testdata", f.Name, "*", "in.*"))
		if err != nil || len(cases) == 0 {
			t.Errorf("format %q: no case in testdata/%s", f.Name, f.Name)
		}
		if !fuzzed[f.Name] {
			t.Errorf("format %q: no fuzz target is seeded from testdata/%s or names it", f.Name, f.Name)
		}
	}
}

// fuzzTargets is the set of format names that stand as a string inside a fuzz
// target of this package.
func fuzzTargets(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile(`(?ms)^func Fuzz\w+\(.*?^}`)
	quoted := regexp.MustCompile("\"([a-z0-9-]+)\"")
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range target.FindAllString(string(text), -1) {
			for _, name := range quoted.FindAllStringSubmatch(body, -1) {
				found[name[1]] = true
			}
		}
	}
	return found
}

// TestFormatsDoNotClaimEachOther checks that a fixture of one format is refused
// by all the others that are asked before it.
func TestFormatsDoNotClaimEachOther(t *testing.T) {
	for _, f := range Formats() {
		cases, err := filepath.Glob(filepath.Join("testdata", f.Name, "*", "in.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range cases {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Recognise(Formats(), text[:min(len(text), HeadSize)])
			if err != nil || got.Name != f.Name {
				t.Errorf("%s: recognised as %q (%v)", path, got.Name, err)
			}
		}
	}
}
