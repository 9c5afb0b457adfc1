//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
)

// table prints lines as they become known.
type table struct{ w io.Writer }

func newTable(w io.Writer) *table {
	t := &table{w}
	t.print("%-34s %3s  %8s %7s %10s %7s %7s  %-10s %8s %7s %7s  %6s %6s\n",
		"work", "thr", "ours s", "cpu s", "rows/s", "MB/s", "peak MB", "peer", "peer s", "cpu s", "peak MB", "ratio", "by cpu")
	return t
}

func (t *table) print(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format, args...); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// line prints one match. The ratio is how many times faster ours is, a row where the
// inputs differ; by cpu, how many times less processor time it takes.
func (t *table) line(m match, ours, peer run) {
	rate, megabytes := "", ""
	if m.rows > 0 {
		rate = thousands(int(float64(m.rows) / ours.seconds))
	}
	if m.bytes > 0 {
		megabytes = fmt.Sprintf("%.0f", float64(m.bytes)/1e6/ours.seconds)
	}
	t.print("%-34s %3d  %8.2f %7.2f %10s %7s %7.0f", m.name, m.threads, ours.seconds, ours.cpu, rate, megabytes, float64(ours.peak)/1e6)
	if peer.seconds > 0 {
		rows := 1.0
		if m.peerRows > 0 {
			rows = float64(m.rows) / float64(m.peerRows)
		}
		t.print("  %-10s %8.2f %7.2f %7.0f  %6.2f %6.2f", m.peer.name, peer.seconds, peer.cpu, float64(peer.peak)/1e6,
			rows*peer.seconds/ours.seconds, rows*peer.cpu/ours.cpu)
	}
	t.print("\n")
	if m.aim > 0 && peer.seconds > 0 {
		t.print("  %s : %s  %.2f by the clock, %.2f of processor; the aim is %.1f\n",
			m.ours.name, m.peer.name, ours.seconds/peer.seconds, ours.cpu/peer.cpu, m.aim)
	}
}
