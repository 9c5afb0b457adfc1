//go:build unix

package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"netcase/simulate"
)

// TestKilled stops runs at random moments, by the interrupt of a terminal and by
// SIGKILL, and runs again over what they left: the case is the one of a run that
// nobody stopped, and nothing stands beside it.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	dir, temp := t.TempDir(), t.TempDir()
	input := filepath.Join(dir, "conn.log")
	f, err := os.Create(input)
	if err != nil {
		t.Fatal(err)
	}
	if err := simulate.Volume(f, "zeek", 60_000, 5); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	start := func(out string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], "investigate", "--quiet", "--memory", "40MB", "--out", out, input)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), asCommand+"=1", "TMPDIR="+temp)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	began := time.Now()
	if err := start("undisturbed").Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	want := sumOf(t, filepath.Join(dir, "undisturbed"))

	r := rand.New(rand.NewPCG(uint64(took), 1))
	for i := range 8 {
		stop := []syscall.Signal{syscall.SIGINT, syscall.SIGKILL}[i%2]
		cmd := start("case")
		time.Sleep(time.Duration(r.Int64N(int64(took))))
		_ = cmd.Process.Signal(stop) // it may have ended before
		err := cmd.Wait()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		beforeMain := status.Signaled() && status.Signal() == syscall.SIGINT // nobody listens for signals yet
		if code := cmd.ProcessState.ExitCode(); stop == syscall.SIGINT && code != exitInterrupt && code != exitOK && !beforeMain {
			t.Errorf("interrupted: exit %d, %v", code, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "case")); err == nil && sumOf(t, filepath.Join(dir, "case")) != want {
			t.Fatalf("signal %v left a case that is not whole", stop)
		}
	}
	if err := start("case").Wait(); err != nil {
		t.Fatal(err)
	}
	if got := sumOf(t, filepath.Join(dir, "case")); got != want {
		t.Error("the run after the stopped ones made another case")
	}
	for _, where := range []string{dir, temp} {
		entries, err := os.ReadDir(where)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); name != "case" && name != "undisturbed" && name != "conn.log" {
				t.Errorf("left behind in %s: %s", where, name)
			}
		}
	}
}

// TestKilledSpool kills a run that has spooled half of its standard input: nothing of it
// stays behind.
func TestKilledSpool(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "investigate", "--quiet", "--out", filepath.Join(t.TempDir(), "case"), "-")
	cmd.Env = append(os.Environ(), asCommand+"=1", "TMPDIR="+temp)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := simulate.Volume(in, "zeek", 20_000, 5); err != nil { // more than a pipe holds
		t.Error(err)
	}
	if !spools(cmd.Process.Pid, temp) {
		t.Error("the run has spooled nothing")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("left behind: %s", e.Name())
	}
}

// spools tells whether a process has a file open below a folder, where the system says so.
func spools(pid int, dir string) bool {
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(fds)
	if err != nil {
		return true
	}
	for _, fd := range open {
		if to, err := os.Readlink(filepath.Join(fds, fd.Name())); err == nil && strings.HasPrefix(to, dir) {
			return true
		}
	}
	return false
}

// sumOf is a hash over the names and bytes of a folder.
func sumOf(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s\x00%d\x00", strings.TrimPrefix(path, dir), len(text)) // a hash never fails
		_, _ = h.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
