//go:build unix

package source

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"netcase"
)

const (
	keepsEnv  = "NETCASE_TEST_KEEPS"
	keepsSays = "holds a temporary file"
)

// blocked is a stream that never ends.
type blocked struct{}

func (blocked) Read([]byte) (int, error) {
	fmt.Println(keepsSays)
	select {}
}

// TestKeeps is the process that TestKilledLeavesNothing kills.
func TestKeeps(t *testing.T) {
	what := os.Getenv(keepsEnv)
	if what == "parquet" {
		in := &Input{R: io.MultiReader(strings.NewReader("PAR1"), io.LimitReader(zeros{}, parquetInMemory), blocked{}), Report: &netcase.InputReport{}}
		_ = parquetOf(Formats).Decode(context.Background(), in, func(*netcase.Batch) error { return nil })
	}
	if what == "" {
		t.Skip("no process to be killed")
	}
	f, err := Find([]string{what}, Options{})
	if err != nil || len(f.Streams) != 1 {
		t.Fatalf("%+v %v", f, err)
	}
	r, err := f.Streams[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "hello" || err != nil {
		t.Fatalf("%q %v", text, err)
	}
	_, _ = blocked{}.Read(nil)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestKilledLeavesNothing kills a process that has unpacked a zip file inside another
// archive, and one that keeps a long stream of Parquet: no file stays behind.
func TestKilledLeavesNothing(t *testing.T) {
	var inner bytes.Buffer
	z := zip.NewWriter(&inner)
	w, err := z.Create("inner.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "hello") // a buffer takes all, and Close tells
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "outer.zip.gz")
	var outer bytes.Buffer
	g := gzip.NewWriter(&outer)
	_, _ = g.Write(inner.Bytes())
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive, outer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{archive, "parquet"} {
		temp := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestKeeps$")
		cmd.Env = append(os.Environ(), keepsEnv+"="+what, "TMPDIR="+temp)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, _ := bufio.NewReader(out).ReadString('\n') // what it said is looked at
		if !strings.Contains(said, keepsSays) {
			t.Errorf("%s: %q", what, said)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		left, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range left {
			t.Errorf("%s left behind %s", what, e.Name())
		}
	}
}

// TestSweep removes what a killed process left where open files keep their names, and
// nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"netcase-spool-17.tmp", "netcase-report.tmp", "netcase-spool-17.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir, "")
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left: %q %v", left, err)
	}
	f, err := os.CreateTemp(dir, temporaryPattern)
	if err != nil {
		t.Fatal(err)
	}
	named := &Temporary{File: f, named: true}
	if err := named.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
		t.Error("a file that kept its name is there after Close")
	}
}
