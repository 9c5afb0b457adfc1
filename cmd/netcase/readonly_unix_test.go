//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const readOnlyDatabase = "NETCASE_TEST_READ_ONLY_DATABASE"

// TestReadOnlyNote: a database that cannot be written answers, and the command line says that
// nothing is stored. Root may write everything, so it looks up as somebody else.
func TestReadOnlyNote(t *testing.T) {
	if dir := os.Getenv(readOnlyDatabase); dir != "" {
		os.Exit(run(t.Context(), []string{"lookup", "--intel-db", dir, "--json", "62.4.5.6"}, streams{strings.NewReader(""), os.Stdout, os.Stderr}))
	}
	home := ownHome(t)
	dir, err := os.MkdirTemp("", "netcase-read-only-") // those of a test may not be entered by others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700); _ = os.RemoveAll(dir) })
	list := filepath.Join(home, "greensnow-2026-08-01.txt")
	if err := os.WriteFile(list, []byte("62.4.5.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := at(t, "intel", "add", "--intel-db", dir, list); code != 0 {
		t.Fatalf("%d: %s%s", code, out, stderr)
	}
	if _, _, stderr := at(t, "lookup", "--intel-db", dir, "62.4.5.6"); strings.Contains(stderr, "read-only") {
		t.Errorf("it can be written: %s", stderr)
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "asker")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"intel.db": 0o444, "": 0o555} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-test.run", "^TestReadOnlyNote$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), readOnlyDatabase+"="+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), stderr.String())
	}
	if !strings.Contains(stderr.String(), "the intelligence database in "+dir+" is read-only") || !strings.Contains(out.String(), "GreenSnow") {
		t.Errorf("%s%s", out.String(), stderr.String())
	}
}
