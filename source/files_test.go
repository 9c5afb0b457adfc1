package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, p)
		_ = z.Close()
	}
	return b.Bytes()
}

func zstded(text string) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll([]byte(text), nil)
}

// entry is a member of an archive made by a test.
type entry struct {
	name, text string
	kind       byte // of tar; 0: a file
	link       string
}

func tarred(entries ...entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o600, Size: int64(len(e.text)), Typeflag: e.kind, Linkname: e.link}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		_, _ = io.WriteString(w, e.text)
	}
	_ = w.Close()
	return b.Bytes()
}

func zipped(entries ...entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.kind == tar.TypeSymlink {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(f, e.text)
	}
	_ = w.Close()
	return b.Bytes()
}

// folderOf writes files to a new folder called "in".
func folderOf(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// found is what Find found, read twice, as text.
func foundText(t testing.TB, f Found) string {
	t.Helper()
	var b strings.Builder
	for pass := range 2 {
		for _, s := range f.Streams {
			text, err := readStream(s)
			line := fmt.Sprintf("%s = %s", s.Name, shortened(text))
			if s.Explicit {
				line += " (explicit)"
			}
			if len(s.Notes) > 0 {
				line += " (noted)"
			}
			if err != nil {
				line += " ERROR " + err.Error()
			}
			if pass == 0 {
				b.WriteString(line + "\n")
			} else if !strings.Contains(b.String(), line+"\n") {
				t.Errorf("the second pass differs: %s", line)
			}
		}
	}
	for _, r := range f.Refused {
		b.WriteString("refused " + r.Name + ": " + r.Reason + "\n")
	}
	for _, r := range f.Skipped {
		b.WriteString("skipped " + r.Name + ": " + r.Reason + "\n")
	}
	return b.String()
}

func shortened(text []byte) string {
	if len(text) > 60 {
		return fmt.Sprintf("%d bytes", len(text))
	}
	return string(text)
}

func readStream(s Stream) (text []byte, err error) {
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

func find(t testing.TB, opt Options, paths ...string) Found {
	t.Helper()
	opt.Temp = t.TempDir()
	f, err := Find(paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(opt.Temp)
		if err != nil || len(left) > 0 {
			t.Errorf("temporary files are left: %v %v", left, err)
		}
	})
	return f
}

func TestFind(t *testing.T) {
	office := zipped(entry{name: "[Content_Types].xml", text: "<x/>"}, entry{name: "xl/sheet1.xml", text: "<x/>"})
	long := strings.Repeat("0123456789", 1000)
	tests := []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"plain files, sorted", map[string][]byte{"b": []byte("B"), "a/c": []byte("C"), "empty": nil, ".hidden": []byte("H")},
			"in/.hidden = H\nin/a/c = C\nin/b = B\nin/empty = \n"},
		{"compression by content, not by name", map[string][]byte{"a.txt": gzipped("A"), "b.gz": []byte("plain"), "c": zstded("C"), "d": gzipped("two", "members")},
			"in/a.txt = A\nin/b.gz = plain\nin/c = C\nin/d = twomembers\n"},
		{"zip", map[string][]byte{"a.zip": zipped(entry{name: "dir/"}, entry{name: "dir/x.json", text: "X"}, entry{name: "y", text: long})},
			"in/a.zip!dir/x.json = X\nin/a.zip!y = 10000 bytes\n"},
		{"tar", map[string][]byte{"a.tar": tarred(entry{name: "dir", kind: tar.TypeDir}, entry{name: "dir/x", text: "X"}, entry{name: "y", text: long})},
			"in/a.tar!dir/x = X\nin/a.tar!y = 10000 bytes\n"},
		{"tar.gz", map[string][]byte{"a.tgz": gzipped(string(tarred(entry{name: "x", text: "X"}, entry{name: "y", text: long}, entry{name: "z", text: "Z"})))},
			"in/a.tgz!x = X\nin/a.tgz!y = 10000 bytes\nin/a.tgz!z = Z\n"},
		{"nested", map[string][]byte{"a": zipped(entry{name: "b", text: string(gzipped(string(tarred(entry{name: "c", text: string(gzipped("deep"))}))))})},
			"in/a!b!c = deep\n"},
		{"zip in tar.gz, zip in zip", map[string][]byte{
			"a": gzipped(string(tarred(entry{name: "b", text: string(zipped(entry{name: "c", text: "C"}))}))),
			"b": zipped(entry{name: "b", text: string(zipped(entry{name: "c", text: "C"}))})},
			"in/a!b!c = C\nin/b!b!c = C\n"},
		{"too deep", map[string][]byte{"a": gzipped(string(gzipped(string(gzipped(string(gzipped(string(gzipped("x")))))))))},
			"refused in/a: archives and compression are nested more than 4 deep\n"},
		{"path tricks", map[string][]byte{"a.tar": tarred(entry{name: "../x", text: "X"}, entry{name: "/etc/passwd", text: "X"}, entry{name: "a/../../b", text: "X"},
			entry{name: `..\x`, text: "X"}, entry{name: `C:\x`, text: "X"}, entry{name: "l", kind: tar.TypeSymlink, link: "/etc/passwd"},
			entry{name: "h", kind: tar.TypeLink, link: "x"}, entry{name: "dev", kind: tar.TypeChar}, entry{name: "fifo", kind: tar.TypeFifo}, entry{name: "./ok", text: "OK"})},
			"in/a.tar!ok = OK\n" +
				"refused in/a.tar!../x: its name leads out of the archive\n" +
				"refused in/a.tar!/etc/passwd: its name is an absolute path\n" +
				"refused in/a.tar!a/../../b: its name leads out of the archive\n" +
				"refused in/a.tar!..\\x: its name leads out of the archive\n" +
				"refused in/a.tar!C:\\x: its name is an absolute path\n" +
				"refused in/a.tar!l: a link inside an archive\n" +
				"refused in/a.tar!h: a link inside an archive\n" +
				"refused in/a.tar!dev: a device or another special file inside an archive\n" +
				"refused in/a.tar!fifo: a device or another special file inside an archive\n"},
		{"path tricks in zip", map[string][]byte{"a.zip": zipped(entry{name: "../x", text: "X"}, entry{name: "l", kind: tar.TypeSymlink, text: "/etc/passwd"},
			entry{name: `dir\x.json`, text: "X"}, entry{name: "esc\x1b[31m", text: "E"})},
			"in/a.zip!dir/x.json = X\nin/a.zip!esc\uFFFD[31m = E\n" +
				"refused in/a.zip!../x: its name leads out of the archive\nrefused in/a.zip!l: a link inside an archive\n"},
		{"metadata", map[string][]byte{".DS_Store": []byte("x"), "a.zip": zipped(entry{name: "__MACOSX/._x", text: "m"}, entry{name: "x", text: "X"}), ".git/config": []byte("c")},
			"in/a.zip!x = X\nskipped in/.DS_Store: a file of the desktop\nskipped in/.git: version control data\nskipped in/a.zip!__MACOSX/._x: macOS metadata of another file\n"},
		{"office", map[string][]byte{"a.xlsx": office}, "refused in/a.xlsx: an office document; export its table as CSV\n"},
		{"known and not read", map[string][]byte{"a.7z": []byte("7z\xbc\xaf\x27\x1c\x00\x04"), "b.xz": []byte("\xfd7zXZ\x00\x00")},
			"refused in/a.7z: 7z is not read; unpack it first\nrefused in/b.xz: xz is not read; unpack it first\n"},
		{"letters that look like magic", map[string][]byte{"a": []byte("BZhello"), "b": []byte("PK"), "c": []byte("\x1f")},
			"in/a = BZhello\nin/b = PK\nin/c = \x1f\n"},
		{"not what its magic says", map[string][]byte{"a": []byte("\x1f\x8bnot gzip at all")}, "refused in/a: gzip: gzip: invalid header\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := foundText(t, find(t, Options{}, folderOf(t, tt.files))); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestFindCutOff(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 600_000)
	for i := range noise {
		noise[i] = byte(rng.IntN(256))
	}
	text := string(noise)
	half := func(b []byte) []byte { return b[:len(b)/2] }
	dir := folderOf(t, map[string][]byte{
		"a.gz": half(gzipped(text)), "b.zst": half(zstded(text)),
		"c.tar":  half(tarred(entry{name: "x", text: "X"}, entry{name: "y", text: text})),
		"d.tgz":  half(gzipped(string(tarred(entry{name: "x", text: "X"}, entry{name: "y", text: text})))),
		"e.zip":  half(zipped(entry{name: "x", text: "X"}, entry{name: "y", text: text})),
		"f.gz":   gzipped("whole")[:5],
		"g.json": []byte("cut off text is not our matter"),
	})
	f := find(t, Options{}, dir)
	got := foundText(t, f)
	for _, want := range []string{
		"gzip is cut off", "zstd", "in/c.tar!x = X\n", "in/d.tgz!x = X\n", "in/e.zip!x = X\n", "the archive is cut off", "refused in/c.tar: tar: unexpected EOF",
		"refused in/d.tgz: tar: gzip is cut off", "refused in/e.zip: zip: no directory, it is cut off", "refused in/f.gz",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, s := range f.Streams {
		b, err := readStream(s)
		if strings.HasSuffix(s.Name, "x") || strings.HasSuffix(s.Name, ".json") {
			continue
		}
		if err == nil || len(b) < 30_000 || !strings.HasPrefix(text, string(b)) {
			t.Errorf("%s: %d bytes, %v", s.Name, len(b), err)
		}
	}
}

// TestFindBomb checks every way in which little can become much.
func TestFindBomb(t *testing.T) {
	zeros := strings.Repeat("\x00", 8<<20)
	bombs := map[string][]byte{
		"gzip": gzipped(zeros), "zstd": zstded(zeros), "nested": gzipped(string(gzipped(zeros))),
		"zip": zipped(entry{name: "x", text: zeros}), "tgz": gzipped(string(tarred(entry{name: "x", text: zeros}))),
		"zip in tgz": gzipped(string(tarred(entry{name: "z", text: string(zipped(entry{name: "x", text: zeros}))}))),
	}
	opt := Options{Expand: 1 << 20, Ratio: 100}
	for name, content := range bombs {
		dir := folderOf(t, map[string][]byte{"bomb": content})
		f := find(t, opt, dir)
		var errs []string
		for _, r := range f.Refused {
			errs = append(errs, r.Name+": "+r.Reason)
		}
		for _, s := range f.Streams {
			text, err := readStream(s)
			if len(text) > 2<<20 {
				t.Errorf("%s: %d bytes were delivered", name, len(text))
			}
			if err != nil {
				errs = append(errs, err.Error())
			}
		}
		all := strings.Join(errs, "\n")
		if !strings.Contains(all, "bomb") || !strings.Contains(all, "expands to more than 1048576 bytes and more than 100 times its size") {
			t.Errorf("%s: %q", name, all)
		}
	}
	ordinary := folderOf(t, map[string][]byte{"a.gz": gzipped(string(zeekSample(1, 30000, false)))})
	if got := foundText(t, find(t, opt, ordinary)); strings.Contains(got, "ERROR") || strings.Contains(got, "refused") {
		t.Errorf("an ordinary log is taken for a bomb: %s", got)
	}
}

// TestFindLyingZip checks members whose directory entry understates their size.
func TestFindLyingZip(t *testing.T) {
	b := zipped(entry{name: "x", text: strings.Repeat("a", 10000)})
	i := bytes.LastIndex(b, []byte("PK\x01\x02"))
	copy(b[i+24:], []byte{10, 0, 0, 0}) // uncompressed size
	got := foundText(t, find(t, Options{}, folderOf(t, map[string][]byte{"a.zip": b})))
	if !strings.Contains(got, "longer than the archive says") {
		t.Error(got)
	}
	b = zipped(entry{name: "x", text: "some text"})
	i = bytes.LastIndex(b, []byte("PK\x01\x02"))
	b[i+16]++ // checksum
	got = foundText(t, find(t, Options{}, folderOf(t, map[string][]byte{"a.zip": b})))
	if !strings.Contains(got, "in/a.zip!x = some text ERROR zip: checksum mismatch") {
		t.Error(got)
	}
	b = zipped(entry{name: "x", text: "some text"})
	i = bytes.LastIndex(b, []byte("PK\x01\x02"))
	b[i+8] |= 1 // encrypted
	got = foundText(t, find(t, Options{}, folderOf(t, map[string][]byte{"a.zip": b})))
	if got != "refused in/a.zip!x: encrypted, or a special file inside an archive\n" {
		t.Error(got)
	}
}

func TestFindMembers(t *testing.T) {
	var entries []entry
	for i := range 50 {
		entries = append(entries, entry{name: fmt.Sprint("f", i), text: "x"})
	}
	for name, content := range map[string][]byte{"a.zip": zipped(entries...), "a.tar": tarred(entries...), "a.tgz": gzipped(string(tarred(entries...)))} {
		f := find(t, Options{Members: 20}, folderOf(t, map[string][]byte{name: content}))
		if len(f.Streams) != 20 || len(f.Refused) != 1 || !strings.Contains(f.Refused[0].Reason, "more than 20 members") {
			t.Errorf("%s: %d streams, %v", name, len(f.Streams), f.Refused)
		}
	}
}

// TestFindOrders reads the members of a compressed tar in any order, by several
// workers at a time, and after one was given up half way.
func TestFindOrders(t *testing.T) {
	var entries []entry
	for i := range 60 {
		entries = append(entries, entry{name: fmt.Sprintf("f%02d", i), text: strings.Repeat(fmt.Sprintf("%02d", i), 5000)})
	}
	f := find(t, Options{}, folderOf(t, map[string][]byte{"a.tgz": gzipped(string(tarred(entries...)))}))
	if len(f.Streams) != len(entries) {
		t.Fatalf("%d streams", len(f.Streams))
	}
	check := func(i int) {
		text, err := readStream(f.Streams[i])
		if err != nil || string(text) != entries[i].text {
			t.Errorf("member %d: %d bytes, %v", i, len(text), err)
		}
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for _, i := range rng.Perm(len(entries)) {
		check(i)
	}
	done := make(chan bool)
	for w := range 4 {
		go func() {
			for i := w; i < len(entries); i += 4 {
				check(i)
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
	// A member that is given up half way must not spoil the next one.
	r, err := f.Streams[5].Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	check(6)
	check(5)
}

// TestSequence counts how often an archive is opened for its members.
func TestSequence(t *testing.T) {
	const members, size = 40, 1000
	text := bytes.Repeat([]byte("m"), members*size)
	opens := 0
	s := &sequence{open: func() (*opened, error) {
		opens++
		r := &tap{r: bytes.NewReader(text)}
		return &opened{Reader: r, taken: r.taken}, nil
	}}
	for range 2 {
		for i := range int64(members) {
			m := s.member("m", "", i*size, size)
			o, err := m.open()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, o); n != size || err != nil {
				t.Fatalf("member %d: %d bytes, %v", i, n, err)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if opens != 2 {
		t.Errorf("opened %d times for two passes in order", opens)
	}
	if err := s.Close(); err != nil || len(s.idle) != 0 {
		t.Errorf("%v, %d idle", err, len(s.idle))
	}
}

func TestFindArguments(t *testing.T) {
	dir := folderOf(t, map[string][]byte{"a/conn.log": []byte("A"), "b/conn.log": []byte("B"), "README.md": []byte("read me")})
	a, b := filepath.Join(dir, "a", "conn.log"), filepath.Join(dir, "b", "conn.log")
	got := foundText(t, find(t, Options{}, a, b, filepath.Join(dir, "README.md")))
	if got != "a/conn.log = A (explicit)\nb/conn.log = B (explicit)\nREADME.md = read me (explicit)\n" {
		t.Error(got)
	}
	got = foundText(t, find(t, Options{}, filepath.Join(dir, "*", "conn.*")))
	if got != "a/conn.log = A (explicit)\nb/conn.log = B (explicit)\n" {
		t.Error(got)
	}
	if f := find(t, Options{}, a, a); len(f.Streams) != 2 || f.Streams[0].Name != "conn.log" {
		t.Errorf("the same file twice: %+v", f.Streams)
	}
	t.Chdir(filepath.Join(dir, "a"))
	got = foundText(t, find(t, Options{}, ".", filepath.Join("..", "b")))
	if got != "a/conn.log = A\nb/conn.log = B\n" {
		t.Error(got)
	}
	for _, bad := range []string{"none", "none*", "[", ""} {
		if _, err := Find([]string{a, bad}, Options{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestFindLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need privileges on Windows")
	}
	dir := folderOf(t, map[string][]byte{"x.log": []byte("X")})
	outside := folderOf(t, map[string][]byte{"secret": []byte("S")})
	for link, target := range map[string]string{"inside": "x.log", "outside": filepath.Join(outside, "secret"), "circle": ".", "broken": "nothing"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	const refusal = ": a symbolic link met in a folder is not followed; name its target to have it read\n"
	got := foundText(t, find(t, Options{}, dir))
	want := "in/x.log = X\nrefused in/broken" + refusal + "refused in/circle" + refusal + "refused in/outside" + refusal +
		"skipped in/inside: a symbolic link to x.log, which is read itself\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := foundText(t, find(t, Options{}, filepath.Join(dir, "outside"))); got != "outside = S (explicit)\n" {
		t.Errorf("a link that is named itself: %s", got)
	}
}

func TestFindStdin(t *testing.T) {
	text := string(zeekSample(1, 2000, false))
	for name, content := range map[string][]byte{
		"plain": []byte(text), "gzip": gzipped(text), "tar": tarred(entry{name: "x", text: text}), "zip": zipped(entry{name: "x", text: text}), "empty": nil,
	} {
		f := find(t, Options{Stdin: iotest.HalfReader(bytes.NewReader(content))}, "-")
		if len(f.Streams) != 1 || !strings.HasPrefix(f.Streams[0].Name, "stdin") {
			t.Fatalf("%s: %+v", name, f)
		}
		for range 2 {
			got, err := readStream(f.Streams[0])
			if err != nil || name != "empty" && string(got) != text || name == "empty" && len(got) > 0 {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
	}
}

// TestFindStdinName: what is spooled has no name while it is read, where that is
// possible, and is gone afterwards everywhere.
func TestFindStdinName(t *testing.T) {
	temp := t.TempDir()
	f, err := Find([]string{"-"}, Options{Stdin: strings.NewReader("text"), Temp: temp})
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(temp)
	if err != nil || runtime.GOOS != "windows" && len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
	if got, err := readStream(f.Streams[0]); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if files, _ = os.ReadDir(temp); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

// TestFindSpoolFull checks input that is larger than the spool: it is read once,
// and the second time the error says why.
func TestFindSpoolFull(t *testing.T) {
	noise := make([]byte, 3<<20)
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range noise {
		noise[i] = 'a' + byte(rng.IntN(26))
	}
	f := find(t, Options{Stdin: bytes.NewReader(noise), Spool: 1 << 20}, "-")
	got, err := readStream(f.Streams[0])
	if err != nil || !bytes.Equal(got, noise) {
		t.Errorf("first pass: %d bytes, %v", len(got), err)
	}
	got, err = readStream(f.Streams[0])
	if !errors.Is(err, errSpool) || !bytes.HasPrefix(noise, got) {
		t.Errorf("second pass: %d bytes, %v", len(got), err)
	}
	f = find(t, Options{Stdin: bytes.NewReader(gzipped(string(noise))), Spool: 1 << 20}, "-")
	if got, err := readStream(f.Streams[0]); err != nil || !bytes.Equal(got, noise) {
		t.Errorf("compressed, first pass: %d bytes, %v", len(got), err)
	}
	f = find(t, Options{Stdin: bytes.NewReader(tarred(entry{name: "x", text: string(noise)})), Spool: 1 << 20}, "-")
	if len(f.Streams) != 0 || len(f.Refused) != 1 || !strings.Contains(f.Refused[0].Reason, "spool") {
		t.Errorf("archive: %+v", f)
	}
	broken := errors.New("pipe broke")
	f = find(t, Options{Stdin: io.MultiReader(strings.NewReader("start"), iotest.ErrReader(broken))}, "-")
	if got, err := readStream(f.Streams[0]); string(got) != "start" || !errors.Is(err, broken) {
		t.Errorf("broken pipe: %q %v", got, err)
	}
}

func TestFindEncodings(t *testing.T) {
	text := "ts,käse,\U0001F9C0\r\n1,2,3\r\n" + strings.Repeat("padding ", 8000)
	wide := func(big, mark bool, s string) []byte {
		var b []byte
		units := utf16.Encode([]rune(s))
		if mark {
			units = append([]uint16{0xfeff}, units...)
		}
		for _, u := range units {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return b
	}
	plain := strings.Repeat("TimeGenerated,SrcIP,", 2000)
	tests := []struct {
		name, want string
		content    []byte
		noted      bool
	}{
		{"utf-8", text, []byte(text), false},
		{"utf-8 with mark", text, append([]byte(bomUTF8), text...), false},
		{"utf-16 le", text, wide(false, true, text), true},
		{"utf-16 be", text, wide(true, true, text), true},
		{"utf-16 le, gzip", text, gzipped(string(wide(false, true, text))), true},
		{"utf-16 le without mark", plain, wide(false, false, plain), true},
		{"utf-16 be without mark", plain, wide(true, false, plain), true},
		{"odd byte", "ab\uFFFD", append(wide(false, true, "ab"), 'x'), true},
		{"lone surrogates", "a\uFFFDb\uFFFD", append(wide(false, true, "a"), 0x00, 0xd8, 'b', 0, 0x00, 0xdc), true},
		{"high surrogate at the end", "a\uFFFD", append(wide(false, true, "a"), 0x00, 0xd8), true},
		{"mark alone", "", []byte(bomUTF16LE), true},
		{"utf-8 mark alone", "", []byte(bomUTF8), false},
		{"latin-1", "k\xe4se", []byte("k\xe4se"), false},
	}
	for _, tt := range tests {
		dir := folderOf(t, map[string][]byte{"x": tt.content})
		f := find(t, Options{}, dir)
		if len(f.Streams) != 1 {
			t.Errorf("%s: %+v", tt.name, f.Refused)
			continue
		}
		got, err := readStream(f.Streams[0])
		if err != nil || string(got) != tt.want || (len(f.Streams[0].Notes) > 0) != tt.noted {
			t.Errorf("%s: %q, want %q, %v, notes %v", tt.name, shortened(got), shortened([]byte(tt.want)), err, f.Streams[0].Notes)
		}
		slow := encodingOf(tt.content).reader(iotest.OneByteReader(bytes.NewReader(tt.content)))
		if again, err := io.ReadAll(slow); !strings.Contains(tt.name, "gzip") && (err != nil || string(again) != tt.want) {
			t.Errorf("%s, byte by byte: %q %v", tt.name, shortened(again), err)
		}
	}
	f := find(t, Options{}, folderOf(t, map[string][]byte{"x": []byte(bomUTF32LE + "a\x00\x00\x00")}))
	if len(f.Refused) != 1 || !strings.Contains(f.Refused[0].Reason, "UTF-32") {
		t.Errorf("utf-32: %+v", f)
	}
}

// TestFindHandles checks that nothing stays open.
func TestFindHandles(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.ReadDir(fds); err != nil {
		t.Skipf("open files cannot be counted here: %v", err)
	}
	count := func() int {
		list, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	dir := folderOf(t, map[string][]byte{
		"a.zip": zipped(entry{name: "b", text: string(zipped(entry{name: "c", text: "C"}))}), "b.tgz": gzipped(string(tarred(entry{name: "x", text: "X"}, entry{name: "y", text: "Y"}))),
		"c.tar": tarred(entry{name: "x", text: "X"}), "d.gz": gzipped("D"), "e.gz": gzipped("E")[:12], "f.zip": zipped(entry{name: "x", text: "X"})[:30], "g": []byte("\x1f\x8b\x00"),
	})
	before := count()
	f, err := Find([]string{dir, "-"}, Options{Temp: t.TempDir(), Stdin: strings.NewReader("in")})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, s := range f.Streams {
			_, _ = readStream(s) // some are broken on purpose
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if after := count(); after != before {
		t.Errorf("%d files open before, %d after", before, after)
	}
}

func TestMemberName(t *testing.T) {
	for raw, want := range map[string]string{
		"a/b": "a/b", "./a//b": "a/b", `a\b`: "a/b", "a..b/..c": "a..b/..c", "k\xe4se": "k\uFFFDse", strings.Repeat("x", 300): strings.Repeat("x", 300),
	} {
		if got, why := memberName(raw); got != want || why != "" {
			t.Errorf("%q: %q %q", raw, got, why)
		}
	}
	for _, raw := range []string{"", "..", "/", "a/..", `\\host\share`, "c:x", "a\x00b"} {
		if _, why := memberName(raw); why == "" {
			t.Errorf("%q is not refused", raw)
		}
	}
}

// TestSalvage checks zip files that lost their directory, with sizes in the
// header and after the data.
func TestSalvage(t *testing.T) {
	var sized bytes.Buffer
	w := zip.NewWriter(&sized)
	for i := range 3 {
		text := strings.Repeat(fmt.Sprint("line ", i, "\n"), 100)
		var packed bytes.Buffer
		z, err := flate.NewWriter(&packed, 6)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		raw, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint("f", i), Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(text)), CRC32: crcOf(text)})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = raw.Write(packed.Bytes())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	streamed := zipped(entry{name: "f0", text: strings.Repeat("line 0\n", 100)}, entry{name: "f1", text: strings.Repeat("line 1\n", 100)}, entry{name: "f2", text: strings.Repeat("line 2\n", 100)})
	for name, b := range map[string][]byte{"sizes first": sized.Bytes(), "sizes after": streamed} {
		b = b[:bytes.Index(b, []byte("PK\x01\x02"))]
		f := find(t, Options{}, folderOf(t, map[string][]byte{"a.zip": b}))
		if len(f.Streams) != 3 || len(f.Refused) != 1 {
			t.Fatalf("%s: %+v %+v", name, f.Streams, f.Refused)
		}
		for i, s := range f.Streams {
			text, err := readStream(s)
			if err != nil || string(text) != strings.Repeat(fmt.Sprint("line ", i, "\n"), 100) {
				t.Errorf("%s: %s: %q %v", name, s.Name, shortened(text), err)
			}
		}
	}
}

func crcOf(text string) uint32 {
	b := zipped(entry{name: "x", text: text})
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic(err)
	}
	return z.File[0].CRC32
}

// TestFindRealData opens folders and archives of real data.
func TestFindRealData(t *testing.T) {
	notShort(t)
	dir := dataDir(t, "azure-nsg-v2")
	f := find(t, Options{}, dir)
	names := []string{}
	for _, s := range f.Streams {
		names = append(names, s.Name)
	}
	if !slices.Contains(names, "azure-nsg-v2/PT1H.json") {
		t.Errorf("%v", names)
	}
	f = find(t, Options{}, dataDir(t, "otrf", "atomic-host"))
	if len(f.Refused) > 0 || len(f.Streams) < 10 {
		t.Errorf("%d streams, refused %v", len(f.Streams), f.Refused)
	}
	for _, s := range f.Streams {
		if text, err := readStream(s); err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", s.Name, len(text), err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	files := []entry{{name: "a", text: "A"}, {name: "d/b", text: strings.Repeat("b", 300)}}
	for _, seed := range [][]byte{
		zipped(files...), tarred(files...), gzipped(string(tarred(files...))), zstded("text"), gzipped("a", "b"),
		zipped(files...)[:200], []byte(bomUTF16LE + "a\x00b\x00"), gzipped(string(zipped(files...))),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "in")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Find([]string{path}, Options{Expand: 1 << 20, Ratio: 50, Members: 100, Temp: dir})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found.Streams {
			first, err1 := readStream(s)
			second, err2 := readStream(s)
			if !bytes.Equal(first, second) || (err1 == nil) != (err2 == nil) {
				t.Fatalf("%s: %d bytes %v, then %d bytes %v", s.Name, len(first), err1, len(second), err2)
			}
		}
		if err := found.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Fatalf("left: %v", left)
		}
	})
}
