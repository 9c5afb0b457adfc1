// Package casebook keeps a case as a folder, and tells whether the folder is
// still what was written.
//
//	case.json                 the judged case
//	evidence/records.ndjson   original records, one a line
//	manifest.json             sha256 of every other file and of every input
//	report.md, figures/ …     what others rendered
//
// A folder is written whole or not at all.
package casebook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"netcase"
)

// Names of the files that this package writes itself.
const (
	CaseFile     = "case.json"
	RecordsFile  = "evidence/records.ndjson"
	ManifestFile = "manifest.json"
)

// Book is a case with everything that belongs to it.
type Book struct {
	Case    *netcase.Case
	Records []netcase.Record  // in any order
	Files   map[string][]byte // path in the folder, with slashes -> content, rendered by others
}

// Write makes dir the folder of the case. The folder is built beside dir and then
// renamed, so that a crash leaves nothing half-written; between the removal of an
// earlier folder and the renaming both lie whole beside dir, under names that begin
// with a dot. Of several writers to one folder each waits for its turn; the last one's
// case stays.
//
// Errors: dir exists and is not the folder of a case that was left as it was
// written (a file of it may be someone's work); a path in b.Files leaves the
// folder, is one of this package's own, or differs from another only in case.
func Write(dir string, b Book) error {
	if b.Case == nil {
		return errors.New("no case to write")
	}
	text, err := compact(b.Case)
	if err != nil {
		return fmt.Errorf("%s: %w", CaseFile, err)
	}
	reads := make(chan error, 1)
	go func() { reads <- readsBack(text) }() // a large case takes as long to read as to write
	files, err := contents(b, text)
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	parent, base := filepath.Split(dir)
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	defer turn(parent, base)()
	if err := replaceable(dir); err != nil {
		return err
	}
	if err := sweep(parent, base); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, "."+base+newMark)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }() // a remainder is hidden and harmless
	if err := fill(fresh, files); err != nil {
		return err
	}
	if err := <-reads; err != nil {
		return err
	}
	if err := exchange(fresh, dir); err != nil {
		return err
	}
	syncFolder(parent)
	return nil
}

// The folders beside a case while it is written have these in their names.
const (
	newMark = ".new-"
	oldMark = ".old-"
)

// sweep clears away what a writer that was killed left beside the case. Where it was
// killed between taking the former case away and putting the new one there, the former
// one comes back.
func sweep(parent, base string) error {
	for _, dir := range leftBehind(parent, base, oldMark) {
		if _, err := os.Lstat(filepath.Join(parent, base)); err != nil {
			_ = os.Rename(filepath.Join(dir, base), filepath.Join(parent, base)) // it may not hold one
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	for _, dir := range leftBehind(parent, base, newMark) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// leftBehind are the folders beside a case with a mark in their names.
func leftBehind(parent, base, mark string) (dirs []string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "."+base+mark)
		if ok && e.IsDir() && digits != "" && strings.Trim(digits, "0123456789") == "" {
			dirs = append(dirs, filepath.Join(parent, e.Name()))
		}
	}
	return dirs
}

// contents is every file of the folder, manifest included; text is the case.
func contents(b Book, text []byte) (map[string][]byte, error) {
	if err := checkPaths(slices.Sorted(maps.Keys(b.Files))); err != nil {
		return nil, err
	}
	files := maps.Clone(b.Files)
	if files == nil {
		files = map[string][]byte{}
	}
	indented, err := indent(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", CaseFile, err)
	}
	records, err := encodeRecords(b.Records)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", RecordsFile, err)
	}
	files[CaseFile], files[RecordsFile] = indented, records
	manifest, err := encode(manifestOf(b.Case, outputs(files)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestFile, err)
	}
	files[ManifestFile] = manifest
	return files, nil
}

// readsBack refuses a case that nobody could read again.
func readsBack(text []byte) error {
	if err := decode(text, new(netcase.Case)); err != nil {
		return fmt.Errorf("%s: it would not read back: %w", CaseFile, err)
	}
	return nil
}

// encode is JSON in the order of the struct, map keys sorted, indented by two
// spaces, with a newline at the end: equal values are equal bytes. It is printable
// (printable).
func encode(v any) ([]byte, error) {
	text, err := compact(v)
	if err != nil {
		return nil, err
	}
	return indent(text)
}

// compact is what encode writes without the space between the values.
func compact(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return Printable(text), err
}

func indent(compact []byte) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, 3*len(compact)))
	err := json.Indent(b, compact, "", "  ")
	b.WriteByte('\n')
	return b.Bytes(), err
}

// Printable is JSON with every character escaped that would steer a terminal or
// the direction of text and that JSON itself lets stand: people read these files
// with cat, and the words in them are the attacker's.
func Printable(text []byte) []byte {
	if !bytes.ContainsFunc(text, steers) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, r := range string(text) { // encoding/json writes valid UTF-8 only
		switch {
		case !steers(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// steers tells whether a character acts instead of being seen. Line ends are the
// file's own: inside a text encoding/json escapes them.
func steers(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// decode is the inverse of encode. A key that v does not have is an error: it was
// written by another version, or by another hand.
func decode(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("text after the end")
	}
	return nil
}

// encodeRecords is one record a line, sorted by time and id. The same record
// twice is written once; two records with one id are an error. For which of the
// addresses that it packs a record was kept says nothing about the record, and may
// differ from run to run, so that is left out.
func encodeRecords(list []netcase.Record) ([]byte, error) {
	list = slices.Clone(list)
	for i := range list {
		list[i].Place.Expand = 0
	}
	slices.SortStableFunc(list, func(a, b netcase.Record) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.ID, b.ID))
	})
	list = slices.Compact(list)
	seen := make(map[string]bool, len(list))
	var b bytes.Buffer
	for _, r := range list {
		if seen[r.ID] {
			return nil, fmt.Errorf("record %s stands for two different records", r.ID)
		}
		seen[r.ID] = true
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
		b.Write(Printable(line))
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// maxPath bounds a path in the folder: 260 is what Windows allows a whole one.
const maxPath = 200

// checkPaths refuses paths that leave the folder, that another system cannot
// hold, or that would meet another file there.
func checkPaths(paths []string) error {
	taken := map[string]string{}
	for _, own := range []string{CaseFile, RecordsFile, ManifestFile} {
		taken[own] = own
	}
	for _, p := range paths {
		if err := checkPath(p); err != nil {
			return fmt.Errorf("path %q: %w", p, err)
		}
		folded := strings.ToLower(p)
		if other, ok := taken[folded]; ok {
			return fmt.Errorf("path %q: it is %q on systems that ignore case", p, other)
		}
		taken[folded] = p
	}
	for p, name := range taken {
		for dir := parent(p); dir != ""; dir = parent(dir) {
			if other, ok := taken[dir]; ok {
				return fmt.Errorf("path %q: %q is a file", name, other)
			}
		}
	}
	return nil
}

func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)]
}

func checkPath(p string) error {
	switch {
	case !fs.ValidPath(p) || p == ".":
		return errors.New("not a path inside the folder")
	case len(p) > maxPath:
		return fmt.Errorf("longer than %d bytes", maxPath)
	}
	for part := range strings.SplitSeq(p, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return errors.New("a part of it begins with a dot, or ends with a dot or a space")
		}
		if !filepath.IsLocal(part) || reservedName(part) {
			return errors.New("a part of it is a name that a system reserves")
		}
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) {
			return fmt.Errorf("%q cannot be in a name everywhere", r)
		}
	}
	return nil
}

// reservedName tells whether Windows takes a name for a device.
func reservedName(part string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(part), ".")
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, stem) {
		return true
	}
	return len(stem) == 4 && (stem[:3] == "COM" || stem[:3] == "LPT") && stem[3] >= '0' && stem[3] <= '9'
}

// replaceable tells, by no error, that dir is free, empty, or the folder of a case
// that holds nothing but what was written there.
func replaceable(dir string) error { return Replaceable(filepath.Clean(dir)) }

// Replaceable tells whether Write may make dir the folder of a case: it is not
// there, is empty, or holds an earlier case and nothing else. Ask before long work.
func Replaceable(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: it exists and is not a folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	r, err := checkFiles(dir)
	if err != nil { // mostly that there is no manifest: nothing a user could act on
		return fmt.Errorf("%s: it exists and is not the folder of a case, so it is left alone", dir)
	}
	for _, p := range r.Problems {
		if p.Kind != Missing {
			return fmt.Errorf("%s: it holds something that a new case would destroy: %s; move it away first", dir, p)
		}
	}
	return nil
}

// fill writes the files into a new folder, readable by all, and forces them to
// the disk.
func fill(dir string, files map[string][]byte) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	folders := map[string]bool{dir: true}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		folders[filepath.Dir(full)] = true
		if err := writeFile(full, files[path]); err != nil {
			return err
		}
	}
	for _, folder := range slices.Backward(slices.Sorted(maps.Keys(folders))) {
		syncFolder(folder)
	}
	return nil
}

// syncFolder forces the entries of a folder to the disk where the system can do
// that to a folder; elsewhere the renaming has to do.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Move gives a folder that Write made another name beside it, in the place of an earlier
// case if there is one.
//
// Errors: as of Write; the folder then stays where it is.
func Move(from, to string) error {
	to = filepath.Clean(to)
	parent, base := filepath.Split(to)
	defer turn(cmp.Or(parent, "."), base)()
	if err := replaceable(to); err != nil {
		return err
	}
	return exchange(from, to)
}

// exchange puts the new folder in the place of the old one.
func exchange(fresh, dir string) error {
	err := os.Rename(fresh, dir)
	if err == nil {
		return nil
	}
	if _, gone := os.Lstat(dir); gone != nil {
		return err
	}
	parent, base := filepath.Split(dir)
	old, err := os.MkdirTemp(cmp.Or(parent, "."), "."+base+oldMark)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(old) }() // fails while it still holds the former case, and must
	kept := filepath.Join(old, base)
	if err := os.Rename(dir, kept); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(kept, dir))
	}
	return os.RemoveAll(kept)
}

// Read is the case in a folder. Whether the folder is as it was written is
// Verify's question.
func Read(dir string) (*netcase.Case, error) {
	text, err := os.ReadFile(filepath.Join(dir, CaseFile))
	if err != nil {
		return nil, err
	}
	return decodeCase(text)
}

func decodeCase(text []byte) (*netcase.Case, error) {
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &format); err != nil {
		return nil, fmt.Errorf("%s: %w", CaseFile, err)
	}
	if format.Format != netcase.CaseFormat {
		return nil, fmt.Errorf("%s: format %d, and this version reads format %d", CaseFile, format.Format, netcase.CaseFormat)
	}
	c := new(netcase.Case)
	if err := decode(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", CaseFile, err)
	}
	return c, nil
}

// Load is everything in a folder, to be rendered anew and written again. A folder
// that is not as it was written is refused: rewriting it would hide that.
func Load(dir string) (Book, error) {
	r, err := checkFiles(dir)
	if err != nil {
		return Book{}, err
	}
	if len(r.Problems) > 0 {
		return Book{}, fmt.Errorf("%s: not as it was written: %s", dir, r.Problems[0])
	}
	b := Book{Files: map[string][]byte{}}
	for _, f := range r.manifest.Outputs {
		if b.Files[f.Path], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path))); err != nil {
			return Book{}, err
		}
	}
	if b.Case, err = decodeCase(b.Files[CaseFile]); err != nil {
		return Book{}, err
	}
	err = eachRecord(bytes.NewReader(b.Files[RecordsFile]), func(rec netcase.Record, _ int) { b.Records = append(b.Records, rec) })
	delete(b.Files, CaseFile)
	delete(b.Files, RecordsFile)
	return b, err
}
