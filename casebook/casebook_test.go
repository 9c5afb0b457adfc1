package casebook

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netcase"
)

func sumHex(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

const inputText = "one line\nand another\n"

func record(id, raw string, at netcase.Time) netcase.Record {
	return netcase.Record{ID: id, Input: "in-1", Place: netcase.Place{Line: 1}, At: at, Raw: raw, SHA256: sumHex([]byte(raw))}
}

// sample is a small book that agrees with itself.
func sample() Book {
	start := netcase.TimeOf(time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC))
	tally := netcase.Tally{}
	tally[netcase.ReachDenied], tally[netcase.ReachBidirectional] = 3, 1
	c := &netcase.Case{
		Format: netcase.CaseFormat, Tool: "netcase " + netcase.Version, ID: "nc-1", Title: "A case <with> \"text\" & more",
		Span: netcase.Span{Start: start, End: start + netcase.Day}, AsOf: start + netcase.Day, IssuedAt: start + netcase.Day,
		Config: map[string]string{"b": "2", "a": "1"}, Severity: netcase.Severity{Low: netcase.Low, High: netcase.High},
		Summary:  []netcase.Sentence{{Text: "Something was seen.", Evidence: []string{"E1", "E2"}}},
		Findings: []netcase.Finding{{ID: "F1", Reach: tally, Evidence: []netcase.Evidence{{ID: "E1", Inputs: []string{"in-1"}, Records: []string{"r-1", "r-2"}, Numbers: map[string]float64{"x": 1.5}}}}},
		Evidence: []netcase.Evidence{{ID: "E2", Statement: "of the judgement"}},
		Groups:   []netcase.Group{{ID: "G1", Findings: []string{"F1"}, Evidence: []string{"E1"}, Sources: []netcase.Profile{{Peer: netcase.At(netip.MustParseAddr("192.0.2.1")), Reach: tally}}}},
		Coverage: netcase.Coverage{Inputs: []netcase.InputReport{{ID: "in-1", Name: "a.log", SHA256: sumHex([]byte(inputText)), Bytes: int64(len(inputText)), Resolution: []netcase.Resolution{netcase.ResolutionRaw, 60}}},
			Feeds: []netcase.FeedReport{{Name: "list.txt", SHA256: sumHex(nil)}}},
	}
	binary := []byte{0xff, 0, 1}
	return Book{
		Case: c,
		Records: []netcase.Record{record("r-2", "later", start+2), record("r-1", "first", start+1),
			{ID: "r-3", Input: "in-1", At: start + 3, Base64: base64.StdEncoding.EncodeToString(binary), SHA256: sumHex(binary)}},
		Files: map[string][]byte{"report.md": []byte("# Report\n"), "figures/timeline.svg": []byte("<svg/>"), "response/nftables/rollback.nft": []byte("delete\n"), "evidence/intel/a.json": nil},
	}
}

func write(t *testing.T, b Book) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "case")
	if err := Write(dir, b); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verify(t *testing.T, dir string, given ...string) Result {
	t.Helper()
	r, err := Verify(dir, given...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tree is the content of a folder by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWriteReadVerify(t *testing.T) {
	b := sample()
	dir := write(t, b)
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.Case, got, cmp.Comparer(func(x, y netip.Addr) bool { return x == y }), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })); d != "" {
		t.Errorf("the case does not come back:\n%s", d)
	}
	r := verify(t, dir)
	if len(r.Problems) > 0 || r.Files != 6 || r.Records != 3 || r.Evidence != 2 || r.Case != "nc-1" || len(r.Root) != 64 {
		t.Errorf("verify: %+v", r)
	}
	records := tree(t, dir)[RecordsFile]
	if i, j := strings.Index(records, "first"), strings.Index(records, "later"); i < 0 || i > j {
		t.Errorf("records are not in order of time:\n%s", records)
	}
	for path := range tree(t, dir) {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o755 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("something is left beside the folder: %v", left)
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	want := tree(t, write(t, sample()))
	b := sample()
	slices.Reverse(b.Records)
	packed := b.Records[0]
	packed.Place.Expand = 2 // kept for another of its addresses
	b.Records = append(b.Records, b.Records[0], packed)
	if d := cmp.Diff(want, tree(t, write(t, b))); d != "" {
		t.Errorf("the order of the records shows:\n%s", d)
	}
}

// stride is how many bytes to go on. A file is hashed whole, but the manifest is
// only compared with what it should be, so every byte of it is tried.
func stride(path string) int {
	if path == ManifestFile {
		return fewer(1, 10)
	}
	return fewer(53, 530)
}

// One byte flipped anywhere is noticed, and the file is named.
func TestFlippedByte(t *testing.T) {
	dir := write(t, sample())
	for path, text := range tree(t, dir) {
		full := filepath.Join(dir, filepath.FromSlash(path))
		for i := 0; i < len(text); i += stride(path) {
			b := []byte(text)
			b[i] ^= []byte{1, 0x20}[i%2] // 0x20: another case of a letter
			if err := os.WriteFile(full, b, 0o644); err != nil {
				t.Fatal(err)
			}
			r := verify(t, dir)
			if !r.bad(path) {
				t.Fatalf("%s: byte %d (%q to %q) is not noticed: %v", path, i, text[i], b[i], r.Problems)
			}
			if path != ManifestFile && slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Path != path && p.Path != CaseFile && p.Path != RecordsFile }) {
				t.Fatalf("%s: byte %d: others are blamed: %v", path, i, r.Problems)
			}
		}
		for name, b := range map[string][]byte{"shorter": []byte(text)[:max(len(text)-1, 0)], "longer": []byte(text + "\n"), "empty": {}} {
			if string(b) == text {
				continue
			}
			if err := os.WriteFile(full, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, dir); !r.bad(path) {
				t.Errorf("%s %s is not noticed: %v", path, name, r.Problems)
			}
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, dir); len(r.Problems) > 0 {
		t.Errorf("put back, and still: %v", r.Problems)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"missing":  {func(d string) error { return os.Remove(filepath.Join(d, "report.md")) }, "report.md: missing"},
		"unlisted": {func(d string) error { return os.WriteFile(filepath.Join(d, "figures", "x.svg"), nil, 0o644) }, "figures/x.svg: unlisted"},
		"link": {func(d string) error {
			return errorsJoin(os.Remove(filepath.Join(d, "report.md")), os.Symlink("case.json", filepath.Join(d, "report.md")))
		}, "report.md: changed: report.md: not a regular file"},
		"odd name":     {func(d string) error { return os.WriteFile(filepath.Join(d, "\x1b[31m"), nil, 0o644) }, `"\x1b[31m": unlisted`},
		"no case":      {func(d string) error { return os.Remove(filepath.Join(d, CaseFile)) }, "case.json: missing"},
		"no records":   {func(d string) error { return os.Remove(filepath.Join(d, RecordsFile)) }, "evidence/records.ndjson: missing"},
		"folder there": {func(d string) error { return os.Mkdir(filepath.Join(d, "empty"), 0o755) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, sample())
			if err := c.spoil(dir); err != nil {
				t.Skipf("this system cannot spoil a folder so: %v", err)
			}
			r := verify(t, dir)
			if c.want == "" {
				if len(r.Problems) > 0 {
					t.Errorf("%v", r.Problems)
				}
				return
			}
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return strings.HasPrefix(p.String(), c.want) }) {
				t.Errorf("%v, want %q", r.Problems, c.want)
			}
		})
	}
	if _, err := Verify(t.TempDir()); err == nil {
		t.Error("a folder without a manifest passed")
	}
}

func errorsJoin(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// What contradicts itself is written, and found.
func TestVerifyFindsContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *Book)
		want   string
	}{
		"record hash":    {func(b *Book) { b.Records[0].Raw = "other" }, "bytes do not have its sha256"},
		"record base64":  {func(b *Book) { b.Records[2].Base64 = "%" }, "illegal base64"},
		"record twice":   {func(b *Book) { b.Records[2].Raw = "x" }, "bytes twice"},
		"record input":   {func(b *Book) { b.Records[0].Input = "in-9" }, `of input "in-9"`},
		"cited record":   {func(b *Book) { b.Records = b.Records[1:] }, `findings[0].evidence[0].records[1] cites record "r-2"`},
		"cited evidence": {func(b *Book) { b.Case.Summary[0].Evidence[1] = "E9" }, `summary[0].evidence[1] cites evidence "E9"`},
		"cited finding":  {func(b *Book) { b.Case.Groups[0].Findings[0] = "F9" }, `groups[0].findings[0] cites finding "F9"`},
		"cited input":    {func(b *Book) { b.Case.Findings[0].Evidence[0].Inputs[0] = "in-9" }, `inputs[0] cites input "in-9"`},
		"claim":          {func(b *Book) { b.Case.Claims = []netcase.Claim{{Items: []netcase.Item{{Evidence: []string{"E8"}}}}} }, `claims[0].items[0].evidence[0] cites evidence "E8"`},
		"severity":       {func(b *Book) { b.Case.Severity.Evidence = []string{"E7"} }, `severity.evidence[0] cites evidence "E7"`},
		"one id twice": {func(b *Book) {
			b.Case.Evidence = append(b.Case.Evidence, netcase.Evidence{ID: "E2", Statement: "another"})
		}, `evidence "E2" stands for two`},
	} {
		t.Run(name, func(t *testing.T) {
			b := sample()
			c.change(&b)
			r := verify(t, write(t, b))
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return strings.Contains(p.String(), c.want) }) {
				t.Errorf("%v, want %q", r.Problems, c.want)
			}
		})
	}
}

func TestVerifyInputs(t *testing.T) {
	dir, in := write(t, sample()), t.TempDir()
	plain, packed, other := filepath.Join(in, "a.log"), filepath.Join(in, "a.log.gz"), filepath.Join(in, "b.log")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprint(w, inputText)
	w.Close()
	for name, text := range map[string][]byte{plain: []byte(inputText), packed: z.Bytes(), other: []byte("else")} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, dir, plain, packed); r.Inputs != 2 || len(r.Problems) > 0 {
		t.Errorf("%+v", r)
	}
	if r := verify(t, dir, other); r.Inputs != 0 || !r.bad(other) {
		t.Errorf("%+v", r)
	}
	if _, err := Verify(dir, filepath.Join(in, "none")); err == nil {
		t.Error("an input that is not there passed")
	}
}

func TestOverwrite(t *testing.T) {
	dir := write(t, sample())
	b := sample()
	delete(b.Files, "figures/timeline.svg")
	b.Files["figures/new.svg"] = []byte("<svg/>")
	if err := Write(dir, b); err != nil {
		t.Fatal(err)
	}
	got := tree(t, dir)
	if _, stale := got["figures/timeline.svg"]; stale || got["figures/new.svg"] == "" {
		t.Errorf("files: %v", slices.Sorted(maps.Keys(got)))
	}
	if r := verify(t, dir); len(r.Problems) > 0 {
		t.Errorf("%v", r.Problems)
	}

	for name, spoil := range map[string]func(dir string) error{
		"a note beside":  func(d string) error { return os.WriteFile(filepath.Join(d, "notes.txt"), []byte("mine"), 0o644) },
		"an edited file": func(d string) error { return os.WriteFile(filepath.Join(d, "report.md"), []byte("mine"), 0o644) },
		"no manifest":    func(d string) error { return os.Remove(filepath.Join(d, ManifestFile)) },
	} {
		spoiled := write(t, sample())
		if err := spoil(spoiled); err != nil {
			t.Fatal(err)
		}
		before := tree(t, spoiled)
		if err := Write(spoiled, sample()); err == nil {
			t.Errorf("%s: overwritten", name)
		}
		if d := cmp.Diff(before, tree(t, spoiled)); d != "" {
			t.Errorf("%s: changed all the same:\n%s", name, d)
		}
		if left, _ := os.ReadDir(filepath.Dir(spoiled)); len(left) != 1 {
			t.Errorf("%s: something is left beside the folder: %v", name, left)
		}
	}
	empty := t.TempDir()
	if err := Write(empty, sample()); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, sample()); err == nil {
		t.Error("a file was overwritten")
	}
	gone := write(t, sample())
	if err := os.Remove(filepath.Join(gone, "report.md")); err != nil {
		t.Fatal(err)
	}
	if err := Write(gone, sample()); err != nil {
		t.Errorf("a folder that lost a file: %v", err)
	}
	t.Chdir(t.TempDir())
	if err := Write("relative", sample()); err != nil {
		t.Errorf("a relative folder: %v", err)
	}
}

func TestPaths(t *testing.T) {
	for _, bad := range []string{"../x", "/etc/passwd", "a/../../b", "", ".", "a//b", "a/", `a\b`, "c:x", "CON", "sub/nul.txt", "LPT1.md", "a/.hidden", "dot.", "space ",
		"new\nline", "case.json", "Case.JSON", "manifest.json", "evidence/records.ndjson", "evidence", "case.json/x", "REPORT.md", "what?", strings.Repeat("a/", 200) + "b"} {
		b := sample()
		b.Files[bad] = []byte("x")
		dir := filepath.Join(t.TempDir(), "case")
		if err := Write(dir, b); err == nil {
			t.Errorf("path %q was written", bad)
		}
		if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 0 {
			t.Errorf("path %q left something: %v", bad, left)
		}
	}
	b := sample()
	b.Files["evidence/intel/Übersicht 1.json"] = []byte("{}")
	if r := verify(t, write(t, b)); len(r.Problems) > 0 {
		t.Errorf("%v", r.Problems)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, change := range map[string]func(b *Book){
		"no case":     func(b *Book) { b.Case = nil },
		"not finite":  func(b *Book) { b.Case.Findings[0].Evidence[0].Numbers["x"] = math.NaN() },
		"two records": func(b *Book) { b.Records[0].ID = "r-1" },
		"far time":    func(b *Book) { b.Case.AsOf = math.MaxInt64 },
	} {
		b := sample()
		change(&b)
		dir := filepath.Join(t.TempDir(), "case")
		if err := Write(dir, b); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder is left", name)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := write(t, sample())
	b, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "case")
	if err := Write(again, b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree(t, dir), tree(t, again)); d != "" {
		t.Errorf("loaded and written is not what was there:\n%s", d)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.md"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a changed folder was loaded")
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not json": "{", "another format": `{"format": 99}`, "unknown key": `{"format": 1, "verdict": "evil"}`, "two cases": `{"format": 1} {"format": 1}`, "wrong type": `{"format": 1, "groups": {}}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, CaseFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.HasPrefix(err.Error(), CaseFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The root is that of RFC 6962 over 1, 2, 3 and 5 leaves, built here by hand.
func TestMerkleRoot(t *testing.T) {
	leaf := func(f File) []byte {
		s := sha256.Sum256(fmt.Appendf([]byte{0}, "%s\n%d\n%s", f.Path, f.Bytes, f.SHA256))
		return s[:]
	}
	node := func(a, b []byte) []byte {
		s := sha256.Sum256(slices.Concat([]byte{1}, a, b))
		return s[:]
	}
	var f []File
	var l [][]byte
	for i := range 5 {
		f = append(f, File{fmt.Sprint("f", i), sumHex([]byte{byte(i)}), int64(i)})
		l = append(l, leaf(f[i]))
	}
	for n, want := range map[int][]byte{1: l[0], 2: node(l[0], l[1]), 3: node(node(l[0], l[1]), l[2]), 5: node(node(node(l[0], l[1]), node(l[2], l[3])), l[4])} {
		if got := merkleRoot(f[:n]); got != hex.EncodeToString(want) {
			t.Errorf("%d leaves: %s, want %x", n, got, want)
		}
	}
	if merkleRoot(nil) != sumHex(nil) {
		t.Error("no leaves")
	}
}

// FuzzVerify spoils one file of a folder with any bytes: nothing panics, and a
// folder with other bytes than were written never passes.
func FuzzVerify(f *testing.F) {
	book := sample()
	text, err := compact(book.Case)
	if err != nil {
		f.Fatal(err)
	}
	files, err := contents(book, text)
	if err != nil {
		f.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(files))
	for i, n := range names {
		f.Add(uint8(i), files[n])
	}
	f.Add(uint8(0), []byte(`{"format":1,"outputs":[{"path":"../../etc/passwd"}]}`))
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		name := names[int(which)%len(names)]
		spoiled := maps.Clone(files)
		spoiled[name] = text
		dir := t.TempDir()
		for path, b := range spoiled {
			full := filepath.Join(dir, path)
			if os.MkdirAll(filepath.Dir(full), 0o755) != nil || os.WriteFile(full, b, 0o644) != nil {
				t.Skip("the disk refuses")
			}
		}
		r, err := Verify(dir)
		if err == nil && len(r.Problems) == 0 && !bytes.Equal(text, files[name]) {
			t.Errorf("%s with other bytes passed", name)
		}
		_, _ = Read(dir)
	})
}

// A writer that was killed leaves folders beside the case: the next one clears them
// away, and brings back a case that was being replaced.
func TestWriteAfterAKilledOne(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "case")
	book := sample()
	if err := Write(dir, book); err != nil {
		t.Fatal(err)
	}
	for _, beside := range []string{".case.new-123", ".case.old-4", ".case.new-mine", ".other.new-5"} {
		if err := os.Mkdir(filepath.Join(parent, beside), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Killed between the two renamings: the former case stands aside.
	if err := os.Rename(dir, filepath.Join(parent, ".case.old-4", "case")); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, book); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{".case.new-mine", ".other.new-5", "case"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// Several writers to one folder at once: each waits for its turn, and what stays is whole.
func TestWriteAtOnce(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "case")
	book := sample()
	errs := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 4 {
				err = errors.Join(err, Write(dir, book))
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if r, err := Verify(dir); err != nil || len(r.Problems) > 0 {
		t.Errorf("%v, %v", r.Problems, err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left beside the case: %v", entries)
	}
}

// Move takes the place of an earlier case, and never of somebody's work.
func TestMove(t *testing.T) {
	parent := t.TempDir()
	from, to := filepath.Join(parent, "from"), filepath.Join(parent, "to")
	for range 2 { // nothing there, and then a case
		if err := Write(from, sample()); err != nil {
			t.Fatal(err)
		}
		if err := Move(from, to); err != nil {
			t.Fatal(err)
		}
	}
	notes := filepath.Join(to, "notes.txt")
	if err := os.WriteFile(notes, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(from, sample()); err != nil {
		t.Fatal(err)
	}
	if err := Move(from, to); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("moved over somebody's notes: %v", err)
	}
	for _, left := range []string{notes, filepath.Join(from, CaseFile)} {
		if _, err := os.Stat(left); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("left beside the cases: %v", entries)
	}
}
