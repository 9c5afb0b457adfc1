//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"netcase/simulate"
)

// BenchmarkInvestigate runs the whole command as a process of its own on
// NETCASE_ROWS rows (1,000,000) of each format, and reports rows a second and the
// peak of resident memory.
func BenchmarkInvestigate(b *testing.B) {
	rows := 1_000_000
	if s := os.Getenv("NETCASE_ROWS"); s != "" {
		var err error
		if rows, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	binary := filepath.Join(b.TempDir(), "netcase")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, format := range simulate.VolumeFormats() {
		name := filepath.Join(b.TempDir(), format)
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := simulate.Volume(f, format, rows, 1); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run(format, func(b *testing.B) { investigateBenchmark(b, binary, name, rows) })
	}
}

func investigateBenchmark(b *testing.B, binary, input string, rows int) {
	var spent time.Duration
	var peak int64
	for b.Loop() {
		start := time.Now()
		cmd := exec.Command(binary, "investigate", "--quiet", "--out", filepath.Join(b.TempDir(), "case"), input)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			b.Log(err) // exit 3 where the volume looks like a cut export
		}
		spent += time.Since(start)
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, int64(usage.Maxrss)*rssUnit())
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/spent.Seconds(), "rows/s")
	b.ReportMetric(float64(peak)/1e6, "MB-peak")
	info, err := os.Stat(input)
	if err == nil {
		b.ReportMetric(float64(info.Size())/1e6*float64(b.N)/spent.Seconds(), "MB/s")
	}
}

// rssUnit is what the system counts peak memory in.
func rssUnit() int64 {
	if runtime.GOOS == "darwin" {
		return 1
	}
	return 1024
}
