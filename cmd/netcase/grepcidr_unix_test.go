//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// publicFirst are first octets below which no network is private, reserved or shared.
var publicFirst = []byte{11, 23, 45, 62, 77, 89, 103, 118, 133, 145, 158, 176, 185, 194, 207, 212, 221}

// publicList is n distinct networks of the open Internet, a tenth of them prefixes of /18 to
// /31, and asked addresses, of which about half lie in one of them.
func publicList(n, asked int, seed uint64) (list []netip.Prefix, addresses []netip.Addr) {
	r := rand.New(rand.NewPCG(seed, 1))
	random := func() netip.Addr {
		return netip.AddrFrom4([4]byte{publicFirst[r.IntN(len(publicFirst))], byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
	}
	have := make(map[netip.Prefix]bool, n)
	for len(list) < n {
		bits := 32
		if r.IntN(10) == 0 {
			bits = 18 + r.IntN(14)
		}
		if p := netip.PrefixFrom(random(), bits).Masked(); !have[p] {
			have[p] = true
			list = append(list, p)
		}
	}
	for range asked {
		a := random()
		if r.IntN(2) == 0 {
			a = list[r.IntN(len(list))].Addr()
		}
		addresses = append(addresses, a)
	}
	return list, addresses
}

// written puts the list and the asked addresses into files.
func written(t *testing.T, list []netip.Prefix, addresses []netip.Addr) (listFile, askedFile string) {
	t.Helper()
	dir := t.TempDir()
	var a, b bytes.Buffer
	for _, p := range list {
		if p.IsSingleIP() {
			fmt.Fprintln(&a, p.Addr())
			continue
		}
		fmt.Fprintln(&a, p)
	}
	for _, x := range addresses {
		fmt.Fprintln(&b, x)
	}
	listFile, askedFile = filepath.Join(dir, "list.txt"), filepath.Join(dir, "asked.log")
	for name, text := range map[string][]byte{listFile: a.Bytes(), askedFile: b.Bytes()} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return listFile, askedFile
}

// measured runs a program and tells its output, its processor time and its peak memory.
func measured(t *testing.T, cmd *exec.Cmd) (out string, cpu time.Duration, peak int64) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return string(b), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), use.Maxrss
}

func lookupLines(t *testing.T, list, asked string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "lookup", "--intel-db", "none", "--intel", list, "--lines", asked)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// TestHitsAgainstGrepcidr: a million indicators of public space and a hundred thousand asked
// addresses give the lines that grepcidr gives.
func TestHitsAgainstGrepcidr(t *testing.T) {
	peer, err := exec.LookPath("grepcidr")
	if err != nil {
		if os.Getenv("NETCASE_PEERS") == "require" {
			t.Fatal("no grepcidr: .ci/run installs it")
		}
		t.Skip("no grepcidr on this machine: the hits are compared with a plain loop only")
	}
	indicators, questions := 1_000_000, 100_000
	if testing.Short() {
		indicators, questions = 100_000, 20_000
	}
	networks, addresses := publicList(indicators, questions, 7)
	list, asked := written(t, networks, addresses)
	want, theirCPU, theirPeak := measured(t, exec.Command(peer, "-f", list, asked))
	got, ourCPU, ourPeak := measured(t, lookupLines(t, list, asked))
	if n := strings.Count(want, "\n"); got != want || n == 0 || n == questions {
		t.Errorf("%d lines, and grepcidr %d of %d", strings.Count(got, "\n"), n, questions)
	}
	t.Logf("%d indicators, %d addresses: netcase %.2f s, %d MiB; grepcidr %.2f s, %d MiB (processor seconds, peak)",
		indicators, questions, ourCPU.Seconds(), ourPeak>>10, theirCPU.Seconds(), theirPeak>>10)
}

// TestHitsAgainstTheLoop: the same against a plain loop over the list.
func TestHitsAgainstTheLoop(t *testing.T) {
	for seed := range uint64(3) {
		list, addresses := publicList(4000, 1500, seed)
		var want strings.Builder
		for _, a := range addresses {
			for _, p := range list {
				if p.Contains(a) {
					fmt.Fprintln(&want, a)
					break
				}
			}
		}
		l, a := written(t, list, addresses)
		got, _, _ := measured(t, lookupLines(t, l, a))
		if got != want.String() || want.Len() == 0 {
			t.Errorf("seed %d: %d lines, the loop finds %d", seed, strings.Count(got, "\n"), strings.Count(want.String(), "\n"))
		}
	}
}
