//go:build unix

package database

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"netcase"
	"netcase/intel"
)

const readOnlyFolder = "NETCASE_TEST_READ_ONLY"

// TestReadOnly: a database that its user may read and not write answers, and refuses every
// change; nothing appears beside it. Root may write everything, so it asks as somebody else.
func TestReadOnly(t *testing.T) {
	if dir := os.Getenv(readOnlyFolder); dir != "" {
		askReadOnly(t, dir)
		return
	}
	dir, err := os.MkdirTemp("", "netcase-read-only-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700); _ = os.RemoveAll(dir) })
	db, err := Open(t.Context(), dir, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, db, doc("a", "2026-08-01", list(20)))
	if db.ReadOnly() || ReadOnly(dir) {
		t.Error("it can be written")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "asker")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{FileName: 0o444, "": 0o555} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-test.run", "^TestReadOnly$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), readOnlyFolder+"="+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

func askReadOnly(t *testing.T, dir string) {
	if !ReadOnly(dir) {
		t.Fatal("it cannot be written")
	}
	db, err := OpenExisting(t.Context(), dir, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := db.Load(t.Context(), Window{})
	if err != nil || len(set.Match(netip.MustParseAddr("62.0.0.7"))) != 1 {
		t.Errorf("%v: %d indicators", err, set.Len())
	}
	if err := db.Answers(t.Context()).Close("a", "2026-08-01", netcase.Time(1), "x"); !errors.Is(err, ErrReadOnly) || !db.ReadOnly() {
		t.Errorf("a change: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
