package netcase_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ranks orders the packages: data runs downhill, so a package imports only
// packages of a smaller rank.
var ranks = map[string]int{
	"":      0,
	"cube":  1,
	"chart": 1, "origins": 1,
	"source": 2, "intel": 2, "judge": 2, "report": 2, "respond": 2, "simulate": 2,
	"store": 3, "connect": 3, "detect": 3, "casebook": 3, "intel/service": 3,
	"intel/database": 4,
	"hunt":           5,
	"evaluate":       6, "console": 6,
	"cmd/netcase": 7,
}

func TestArrowsRunDownhill(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		if dir == "." {
			dir = ""
		}
		if strings.HasPrefix(dir, "tools") || strings.HasPrefix(dir, "scripts") {
			return nil
		}
		from, ok := ranks[dir]
		if !ok {
			t.Errorf("%s: package %q has no rank; add it to the drawing in docs/architecture.md and here", file, dir)
			return nil
		}
		seen++
		for _, to := range imports(t, file) {
			rest, own := strings.CutPrefix(to, "netcase")
			if !own || rest != "" && rest[0] != '/' {
				if dir == "" && strings.Contains(strings.Split(to, "/")[0], ".") {
					t.Errorf("%s imports %s: the nouns import the standard library only", file, to)
				}
				continue
			}
			rank, ok := ranks[strings.TrimPrefix(rest, "/")]
			if !ok {
				t.Errorf("%s imports %s, which has no rank", file, to)
			} else if rank >= from {
				t.Errorf("%s (rank %d) imports %s (rank %d): the arrow runs uphill", file, from, to, rank)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("only %d files were looked at", seen)
	}
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// TestNamesSaySomething keeps out packages that are only a drawer.
func TestNamesSaySomething(t *testing.T) {
	for _, bad := range []string{"util", "utils", "common", "helpers", "misc", "lib"} {
		if _, err := os.Stat(path.Join(".", bad)); err == nil {
			t.Errorf("package %s says nothing about what it holds", bad)
		}
	}
}
