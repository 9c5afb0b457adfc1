package intel

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netcase"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// textFile is an input in memory.
func textFile(name, text string) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// fixture is the only input of a case.
func fixture(t testing.TB, dir string) File {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "want.json" {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			return textFile(e.Name(), string(b))
		}
	}
	t.Fatalf("%s: no input", dir)
	return File{}
}

func cases(t testing.TB) []string {
	dirs, err := filepath.Glob(filepath.Join("testdata", "*", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var out []string
	for _, d := range dirs {
		if !strings.HasPrefix(d, filepath.Join("testdata", "fuzz")) {
			out = append(out, d)
		}
	}
	return out
}

func TestGolden(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.ToSlash(strings.TrimPrefix(dir, "testdata/")), func(t *testing.T) {
			set := load(t, []File{fixture(t, dir)})
			got := struct {
				Feed       netcase.FeedReport
				Indicators []netcase.Indicator
			}{Feed: set.Feeds()[0]}
			for i := range set.recs {
				got.Indicators = append(got.Indicators, set.indicator(uint32(i)))
			}
			format := filepath.Base(filepath.Dir(dir))
			if format == "none" {
				format = ""
			}
			if got.Feed.Format != format {
				t.Errorf("format %q", got.Feed.Format)
			}
			if f := got.Feed; f.Read != f.Usable+f.Skipped+f.Refused+f.Duplicate {
				t.Errorf("the counts do not add up: %+v", f)
			}
			b, err := json.MarshalIndent(got, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, "want.json"), append(b, '\n'))
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %s", path, cmp.Diff(string(want), string(got)))
	}
}
