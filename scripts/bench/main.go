//go:build unix

// Bench measures netcase against the programs that an analyst would use instead,
// in one run, taken in turn, and prints one table. A peer that is not installed is
// named and left out.
//
//	go run ./scripts/bench [-rows 10000000] [-only NAME] [-repeat 3]
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"netcase/simulate"
)

// side is one program on one input.
type side struct {
	name string
	args []string
	env  []string
}

// match is one line of the table: ours against a peer on the same input.
type match struct {
	name     string
	threads  int
	rows     int   // of the input; 0: not said
	peerRows int   // of the peer's input, where that is another; 0: the same
	bytes    int64 // of the input on disk
	ours     side
	peer     side
	check    func(ours, peer []byte) error // whether both did the same work
	ceiling  int64                         // what neither side may take beyond; 0: nothing is promised
	aim      float64                       // how many times the peer's time ours may take, where the peer is a part of it; 0: it is not
}

// run is one measured process.
type run struct {
	seconds float64
	cpu     float64 // seconds of processor time, which tell more where others use the machine
	peak    int64   // bytes
	out     []byte
}

// bench is one run of all matches.
type bench struct {
	ctx     context.Context
	dir     string // work
	root    string // of the project
	netcase string
	self    string // this program, built
	rows    int
	repeat  int
	only    *regexp.Regexp
	floods  int
	lines   int
	packets int
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fold" {
		exit(foldOnly(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "whole" {
		exit(wholeOnly(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "detect" {
		exit(detectOnly(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{ctx: ctx}
	flag.IntVar(&b.rows, "rows", 10_000_000, "rows of each format")
	flag.IntVar(&b.floods, "flood", 50_000_000, "rows of the spoofed flood; the scan has 65,535 ports of 500 hosts, or as many rows if these are fewer")
	flag.IntVar(&b.lines, "lines", 10_000_000, "lines of the text log")
	flag.IntVar(&b.packets, "packets", 2_000_000, "packets of the capture")
	flag.IntVar(&b.repeat, "repeat", 3, "how often each side runs; the median counts")
	only := flag.String("only", "", "matches whose name fits this regular expression")
	work := flag.String("dir", "", "where inputs are written (default: a temporary folder)")
	flag.Parse()
	b.only = regexp.MustCompile(*only)
	exit(b.all(*work))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// all builds the programs, writes the inputs and prints the table.
func (b *bench) all(work string) (err error) {
	b.dir = work
	if work == "" {
		if b.dir, err = os.MkdirTemp("", "netcase-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	if b.root, err = os.Getwd(); err != nil {
		return err
	}
	b.netcase, b.self = filepath.Join(b.dir, "netcase"), filepath.Join(b.dir, "bench")
	for out, pkg := range map[string]string{b.netcase: "./cmd/netcase", b.self: "./scripts/bench"} {
		if text, err := b.command("go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
	}
	fmt.Printf("%s, %d processors, %s rows a format, median of %d runs taken in turn\n\n", runtime.Version(), runtime.NumCPU(), thousands(b.rows), b.repeat)
	t := newTable(os.Stdout)
	for _, group := range []func() ([]match, error){b.folds, b.compressed, b.whole, b.detectors, b.worst, b.text, b.captures} {
		matches, err := group()
		if err != nil {
			return err
		}
		for _, m := range matches {
			if err := b.play(t, m); err != nil {
				return err
			}
		}
	}
	return b.ctx.Err()
}

func (b *bench) command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(b.ctx, name, args...)
}

// play runs both sides in turn and prints their line.
func (b *bench) play(t *table, m match) error {
	if !b.wants(m.name) {
		return nil
	}
	var ours, peers []run
	for range b.repeat {
		r, err := b.measure(m.ours)
		if err != nil {
			return err
		}
		ours = append(ours, r)
		if len(m.peer.args) == 0 {
			continue
		}
		if r, err = b.measure(m.peer); err != nil {
			return err
		}
		peers = append(peers, r)
	}
	for _, r := range append(slices.Clone(ours), peers...) {
		if m.ceiling > 0 && r.peak > m.ceiling {
			return fmt.Errorf("%s: a peak of %d MB lies above the ceiling of %d MB", m.name, r.peak/1e6, m.ceiling/1e6)
		}
	}
	if m.check != nil && len(peers) > 0 {
		if err := m.check(ours[0].out, peers[0].out); err != nil {
			return fmt.Errorf("%s: ours and %s did not do the same work: %w", m.name, m.peer.name, err)
		}
	}
	t.line(m, median(ours), median(peers))
	return nil
}

func (b *bench) wants(name string) bool { return b.only.MatchString(name) }

func (b *bench) measure(s side) (run, error) {
	cmd := b.command(s.args[0], s.args[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start).Seconds()
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() == 3 {
		err = nil // netcase could not look properly: a volume may look like a cut export
	}
	if err != nil {
		return run{}, fmt.Errorf("%s: %w\n%s", s.name, err, stderr.Bytes())
	}
	r := run{seconds: took, out: out, cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = int64(u.Maxrss) * 1024
		if runtime.GOOS == "darwin" {
			r.peak = int64(u.Maxrss)
		}
	}
	return r, nil
}

func median(runs []run) run {
	if len(runs) == 0 {
		return run{}
	}
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.seconds, b.seconds) })
	return runs[len(runs)/2]
}

// missing says that a peer is not there.
func missing(program, why string) {
	fmt.Printf("%s is not there (%s): its lines have no peer\n", program, why)
}

func (b *bench) has(program string) bool {
	_, err := exec.LookPath(program)
	if err != nil {
		missing(program, "not installed")
	}
	return err == nil
}

// input writes a file once and returns its path and size.
func (b *bench) input(name string, write func(io.Writer) error) (path string, size int64, err error) {
	path = filepath.Join(b.dir, name)
	if info, err := os.Stat(path); err == nil {
		return path, info.Size(), nil
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return "", 0, err
	}
	if err := errors.Join(write(f), f.Close(), os.Rename(path+".part", path)); err != nil {
		return "", 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	return path, info.Size(), nil
}

func gzipped(path string) func(io.Writer) error {
	return func(w io.Writer) error {
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		z := gzip.NewWriter(w)
		_, err = io.Copy(z, in)
		return errors.Join(err, z.Close(), in.Close())
	}
}

func volume(format, shape string, rows int) func(io.Writer) error {
	return func(w io.Writer) error { return simulate.VolumeOf(w, format, shape, rows, 1) }
}

// counted is what both sides print of their work.
type counted struct {
	Rows   int64 `json:"rows"`
	Groups int64 `json:"groups"`
	Flows  int64 `json:"flows"`
}

// sameFlows compares the counts of flows.
func sameFlows(ours, peer []byte) error {
	var a, b counted
	if err := errors.Join(json.Unmarshal(ours, &a), json.Unmarshal(peer, &b)); err != nil {
		return err
	}
	if a.Flows != b.Flows {
		return fmt.Errorf("%d flows against %d", a.Flows, b.Flows)
	}
	return nil
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
