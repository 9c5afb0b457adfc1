package source

import (
	"os"
	"strings"
	"testing"
)

// The README's table of formats stands between these.
const (
	tableBegins = "<!-- formats: go test ./source -run README -update -->\n"
	tableEnds   = "<!-- /formats -->\n"
)

// readmeTable is the table as the formats themselves tell it.
func readmeTable() string {
	var b strings.Builder
	b.WriteString("| format | what it is | what it proves, and what not |\n|---|---|---|\n")
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	for _, f := range Formats() {
		b.WriteString("| `" + f.Name + "` | " + cell.Replace(f.Doc) + " | " + cell.Replace(f.Proves) + " |\n")
	}
	return b.String()
}

// TestREADME: every format has its row, in the words of the format itself.
func TestREADME(t *testing.T) {
	const file = "../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), tableBegins)
	_, tail, closed := strings.Cut(rest, tableEnds)
	if !ok || !closed {
		t.Fatalf("%s has no table of formats", file)
	}
	want := head + tableBegins + readmeTable() + tableEnds + tail
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("the table of formats in %s is not what the formats say; run go test ./source -run README -update and read the difference", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
