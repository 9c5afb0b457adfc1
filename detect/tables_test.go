package detect

import (
	"os"
	"strings"
	"testing"
)

// TestTable: every detector says what it does, by which method, has a file of its own
// and is run by a test.
func TestTable(t *testing.T) {
	var tests strings.Builder
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") && e.Name() != "tables_test.go" {
			b, err := os.ReadFile(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	seen := map[string]bool{}
	for _, d := range Detectors() {
		if d.Name == "" || seen[d.Name] {
			t.Errorf("%q: no name, or one that is taken", d.Name)
		}
		seen[d.Name] = true
		if d.Doc == "" || d.Method == "" || d.Ask == nil || d.Find == nil {
			t.Errorf("%s: a detector has a doc line, a method, questions and a way to find", d.Name)
		}
		if _, err := os.Stat(d.Name + ".go"); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if !strings.Contains(tests.String(), d.Name+"()") {
			t.Errorf("%s: no test runs it", d.Name)
		}
	}
}
