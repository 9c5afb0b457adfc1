package casebook

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"netcase"
)

// Kind is what is wrong.
type Kind string

// The kinds.
const (
	Changed  Kind = "changed"  // the content is not what the manifest says
	Missing  Kind = "missing"  // the manifest lists it
	Unlisted Kind = "unlisted" // the manifest does not list it
	Unsound  Kind = "unsound"  // the content contradicts itself
)

// Problem is one thing that does not agree.
type Problem struct {
	Path   string `json:"path"` // in the folder, or the name of an input
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail,omitempty"`
}

// String is the problem on one line; what was read is quoted, since anyone may
// have written it.
func (p Problem) String() string {
	name := p.Path
	if q := strconv.Quote(name); q != `"`+name+`"` {
		name = q
	}
	if p.Detail == "" {
		return fmt.Sprintf("%s: %s", name, p.Kind)
	}
	return fmt.Sprintf("%s: %s: %s", name, p.Kind, p.Detail)
}

// Result is what a check of a folder found.
type Result struct {
	Case     string    `json:"case"`
	Root     string    `json:"merkle_root"`
	Files    int       `json:"files"`    // listed and read
	Records  int       `json:"records"`  // put to their hash
	Evidence int       `json:"evidence"` // put to what it cites
	Inputs   int       `json:"inputs"`   // given and found in the manifest
	Problems []Problem `json:"problems"` // sorted by path; empty: all agrees

	manifest Manifest
	raw      []byte // of the manifest
}

func (r *Result) add(path string, k Kind, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{path, k, fmt.Sprintf(format, args...)})
}

func (r *Result) bad(path string) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Path == path })
}

// Verify recomputes the hash of every file in the folder of a case and of every
// record in it, and looks up everything that the case cites. Inputs are put to
// the manifest where their files are given, plain or compressed with gzip or zstd.
//
// Errors: there is no manifest to hold the folder against, or it cannot be read.
// What does not agree is no error but a Problem.
func Verify(dir string, given ...string) (Result, error) {
	r, err := checkFiles(dir)
	if err != nil {
		return r, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, err
	}
	defer func() { _ = root.Close() }() // read only
	c := checkCase(root, &r)
	records := checkRecords(root, &r)
	if c != nil {
		checkCitations(c, records, &r)
	}
	if err := checkInputs(given, &r); err != nil {
		return r, err
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

// checkFiles holds the files of a folder against its manifest.
func checkFiles(dir string) (Result, error) {
	r := Result{Problems: []Problem{}}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, err
	}
	defer func() { _ = root.Close() }() // read only
	if r.raw, err = readRegular(root, ManifestFile); errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s: it holds no %s: %w", dir, ManifestFile, fs.ErrNotExist)
	} else if err != nil {
		return r, err
	}
	if err := decode(r.raw, &r.manifest); err != nil {
		r.add(ManifestFile, Changed, "%v", err)
		return r, nil
	}
	r.Case, r.Root = r.manifest.Case, r.manifest.Root
	listed := map[string]bool{ManifestFile: true}
	for _, f := range r.manifest.Outputs {
		listed[f.Path] = true
		checkFile(root, f, &r)
	}
	if err := checkUnlisted(root, listed, &r); err != nil {
		return r, err
	}
	checkManifest(&r, Manifest{Tool: r.manifest.Tool, Case: r.manifest.Case, Config: r.manifest.Config, Inputs: r.manifest.Inputs})
	return r, nil
}

// readRegular is the content of a regular file; a link is none.
func readRegular(root *os.Root, name string) ([]byte, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	return io.ReadAll(f)
}

var errNotRegular = errors.New("not a regular file")

func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", name, errNotRegular)
	}
	return root.Open(filepath.FromSlash(name))
}

func checkFile(root *os.Root, f File, r *Result) {
	if !fs.ValidPath(f.Path) || f.Path == "." {
		r.add(ManifestFile, Changed, "it lists %q, which is no path in the folder", f.Path)
		return
	}
	in, err := openRegular(root, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.add(f.Path, Missing, "the manifest lists it")
		return
	case err != nil:
		r.add(f.Path, Changed, "%v", err)
		return
	}
	defer func() { _ = in.Close() }() // read only
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		r.add(f.Path, Changed, "%v", err)
		return
	}
	r.Files++
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.SHA256 || n != f.Bytes {
		r.add(f.Path, Changed, "%d bytes with sha256 %s, and the manifest says %d with %s", n, sum, f.Bytes, f.SHA256)
	}
}

// checkUnlisted reports what lies in the folder and not in the manifest.
func checkUnlisted(root *os.Root, listed map[string]bool, r *Result) error {
	return fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || listed[p] {
			return nil
		}
		r.add(p, Unlisted, "the manifest does not list it")
		return nil
	})
}

// checkManifest tells whether the manifest is byte for byte what would be written
// for its outputs and these facts.
func checkManifest(r *Result, facts Manifest) {
	if r.bad(ManifestFile) {
		return
	}
	want := facts
	want.Format, want.Outputs, want.Root = ManifestFormat, r.manifest.Outputs, merkleRoot(r.manifest.Outputs)
	text, err := encode(want)
	switch {
	case err != nil:
		r.add(ManifestFile, Changed, "%v", err)
	case want.Root != r.manifest.Root:
		r.add(ManifestFile, Changed, "its root is not that of the files it lists")
	case !bytes.Equal(text, r.raw):
		r.add(ManifestFile, Changed, "it is not what would be written for this case")
	}
}

// checkCase reads the case, and holds the manifest against it; nil: it cannot be
// read.
func checkCase(root *os.Root, r *Result) *netcase.Case {
	text, err := readRegular(root, CaseFile)
	if err != nil {
		if !r.bad(CaseFile) {
			r.add(CaseFile, Missing, "%v", err)
		}
		return nil
	}
	c, err := decodeCase(text)
	if err != nil {
		if !r.bad(CaseFile) {
			r.add(CaseFile, Unsound, "%v", err)
		}
		return nil
	}
	if !r.bad(CaseFile) {
		checkManifest(r, manifestOf(c, nil))
	}
	return c
}

// checkRecords puts every record to its hash, and returns the records' ids with
// the id of their input.
func checkRecords(root *os.Root, r *Result) map[string]string {
	ids := map[string]string{}
	f, err := openRegular(root, RecordsFile)
	if err != nil {
		if !r.bad(RecordsFile) {
			r.add(RecordsFile, Missing, "%v", err)
		}
		return ids
	}
	defer func() { _ = f.Close() }() // read only
	err = eachRecord(f, func(rec netcase.Record, line int) {
		r.Records++
		if _, twice := ids[rec.ID]; twice {
			r.add(RecordsFile, Unsound, "line %d: record %q stands there twice", line, rec.ID)
		}
		ids[rec.ID] = rec.Input
		if why := checkRecord(rec); why != "" {
			r.add(RecordsFile, Unsound, "line %d: record %q: %s", line, rec.ID, why)
		}
	})
	if err != nil {
		r.add(RecordsFile, Unsound, "%v", err)
	}
	return ids
}

// eachRecord calls f for every record, with its line.
func eachRecord(in io.Reader, f func(rec netcase.Record, line int)) error {
	buffered := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := buffered.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var rec netcase.Record
		if err := decode(line, &rec); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		f(rec, n)
	}
}

// checkRecord is why a record is not what it says; empty: it is.
func checkRecord(rec netcase.Record) string {
	raw := []byte(rec.Raw)
	if rec.Base64 != "" {
		if rec.Raw != "" {
			return "it has its bytes twice"
		}
		var err error
		if raw, err = base64.StdEncoding.DecodeString(rec.Base64); err != nil {
			return err.Error()
		}
	}
	sum := sha256.Sum256(raw)
	if hex.EncodeToString(sum[:]) != rec.SHA256 {
		return "its bytes do not have its sha256"
	}
	return ""
}

// checkInputs puts files to the hashes of the manifest. Files that the manifest
// does not know are problems; inputs that were not given are not.
func checkInputs(given []string, r *Result) error {
	known := map[string]bool{}
	for _, in := range r.manifest.Inputs {
		known[in.SHA256] = true
	}
	for _, name := range given {
		sums, err := inputSums(name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(sums, func(s string) bool { return known[s] }) {
			r.add(name, Changed, "no input of the case has sha256 %s", sums[len(sums)-1])
			continue
		}
		r.Inputs++
	}
	return nil
}

// inputSums are the sha256 of a file and, where it is compressed, of what it
// expands to.
func inputSums(name string) ([]string, error) {
	plain, err := sumOf(name, func(r io.Reader) (io.Reader, error) { return r, nil })
	if err != nil {
		return nil, err
	}
	sums := []string{plain}
	if open := opener(path.Ext(filepath.ToSlash(name))); open != nil {
		inner, err := sumOf(name, open)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sums = append(sums, inner)
	}
	return sums, nil
}

func opener(ext string) func(io.Reader) (io.Reader, error) {
	switch strings.ToLower(ext) {
	case ".gz":
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case ".zst":
		return func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }
	}
	return nil
}

func sumOf(name string, open func(io.Reader) (io.Reader, error)) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only
	r, err := open(bufio.NewReader(f))
	if err != nil {
		return "", err
	}
	if d, ok := r.(*zstd.Decoder); ok {
		defer d.Close()
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
