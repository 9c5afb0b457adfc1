//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"netcase/hunt"
	"netcase/simulate"
)

// peerFormats are those that the query in duckdb.mjs reads.
var peerFormats = []struct{ format, file string }{
	{"zeek", "conn.log"}, {"azure-traffic", "traffic.csv"}, {"defender", "defender.csv"}, {"azure-nsg", "nsg"}, {"suricata-eve", "eve.json"},
}

// nsgBlobs is how many files the rows of NSG flow logs are spread over: an hour each.
const nsgBlobs = 168

func (b *bench) fold(workers int, memory int64, paths ...string) side {
	args := append([]string{b.self, "fold", "-workers", strconv.Itoa(workers), "-memory", strconv.FormatInt(memory, 10)}, paths...)
	return side{name: "folds", args: args, env: []string{"GOMAXPROCS=" + strconv.Itoa(workers)}}
}

// duck is the peer, or nothing where it is not installed.
func (b *bench) duck(format string, threads int, pattern string) side {
	here := filepath.Join(b.root, "scripts", "bench")
	if _, err := os.Stat(filepath.Join(here, "node_modules")); err != nil {
		missing("DuckDB", "npm ci in scripts/bench installs it")
		return side{}
	}
	return side{name: "DuckDB", args: []string{"node", filepath.Join(here, "duckdb.mjs"), format, strconv.Itoa(threads), pattern}}
}

// volumeInput writes the rows of a format; pattern names the same files for the peer.
func (b *bench) volumeInput(format, file string) (path, pattern string, size int64, err error) {
	if format != "azure-nsg" {
		path, size, err = b.input(file, volume(format, simulate.ShapeOrdinary, b.rows))
		return path, path, size, err
	}
	dir := filepath.Join(b.dir, file)
	pattern = filepath.Join(dir, "*.json")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", 0, err
	}
	blobs, err := filepath.Glob(pattern)
	if err != nil {
		return "", "", 0, err
	}
	if len(blobs) != nsgBlobs {
		err = simulate.VolumeBlobs(func(n int) (io.WriteCloser, error) {
			return os.Create(filepath.Join(dir, fmt.Sprintf("PT1H-%03d.json", n)))
		}, format, b.rows, nsgBlobs, 1)
		if err != nil {
			return "", "", 0, err
		}
		if blobs, err = filepath.Glob(pattern); err != nil {
			return "", "", 0, err
		}
	}
	for _, f := range blobs {
		info, err := os.Stat(f)
		if err != nil {
			return "", "", 0, err
		}
		size += info.Size()
	}
	return dir, pattern, size, nil
}

// folds: every format, plain, on one and on two threads.
func (b *bench) folds() (out []match, err error) {
	for _, f := range peerFormats {
		if !b.wants("fold " + f.format) {
			continue
		}
		path, pattern, size, err := b.volumeInput(f.format, f.file)
		if err != nil {
			return nil, err
		}
		for _, threads := range []int{1, 2} {
			out = append(out, match{
				name: "fold " + f.format, threads: threads, rows: b.rows, bytes: size,
				ours: b.fold(threads, 0, path), peer: b.duck(f.format, threads, pattern), check: sameFlows,
			})
		}
	}
	return out, nil
}

// compressed: one large gzip file, and the same rows in eight.
func (b *bench) compressed() (out []match, err error) {
	if !b.wants("gzip zeek") {
		return nil, nil
	}
	plain, _, err := b.input("conn.log", volume("zeek", simulate.ShapeOrdinary, b.rows))
	if err != nil {
		return nil, err
	}
	one, size, err := b.input("conn.log.gz", gzipped(plain))
	if err != nil {
		return nil, err
	}
	var eight []string
	var total int64
	for n := range 8 {
		part, _, err := b.input(fmt.Sprintf("conn-%d.log", n), func(w io.Writer) error { return simulate.Volume(w, "zeek", b.rows/8, uint64(n+1)) })
		if err != nil {
			return nil, err
		}
		z, size, err := b.input(fmt.Sprintf("conn-%d.log.gz", n), gzipped(part))
		if err != nil {
			return nil, err
		}
		eight, total = append(eight, z), total+size
	}
	for _, threads := range []int{1, 2} {
		out = append(out,
			match{name: "gzip zeek", threads: threads, rows: b.rows, bytes: size, ours: b.fold(threads, 0, one), peer: b.duck("zeek", threads, one), check: sameFlows},
			match{name: "gzip zeek, 8 files", threads: threads, rows: b.rows, bytes: total, ours: b.fold(threads, 0, eight...),
				peer: b.duck("zeek", threads, filepath.Join(b.dir, "conn-?.log.gz")), check: sameFlows})
	}
	return out, nil
}

// whole: investigate against the folds alone, plain and gzip.
func (b *bench) whole() (out []match, err error) {
	if !b.wants("investigate") {
		return nil, nil
	}
	plain, size, err := b.input("conn.log", volume("zeek", simulate.ShapeOrdinary, b.rows))
	if err != nil {
		return nil, err
	}
	z, packed, err := b.input("conn.log.gz", gzipped(plain))
	if err != nil {
		return nil, err
	}
	for _, in := range []struct {
		name, path string
		bytes      int64
		aim        float64
	}{{"investigate zeek", plain, size, 2}, {"investigate zeek gzip", z, packed, 2.6}} {
		workers := runtime.NumCPU()
		peer := b.fold(workers, 0, in.path)
		peer.name = "folds"
		out = append(out, match{name: in.name, threads: workers, rows: b.rows, bytes: in.bytes, aim: in.aim, peer: peer, ours: side{
			name: "investigate", args: []string{b.netcase, "investigate", "--quiet", "--out", filepath.Join(b.dir, "case"), in.path},
		}})
	}
	return out, nil
}

// detectors: all of them over a million outside addresses, reading and second reading
// included, against the reading alone, under the memory that a run takes by default.
func (b *bench) detectors() ([]match, error) {
	if !b.wants("detectors") {
		return nil, nil
	}
	wide, size, err := b.input("wide.log", volume("zeek", simulate.ShapeWide, b.rows))
	if err != nil {
		return nil, err
	}
	workers := runtime.NumCPU()
	peer := b.fold(workers, hunt.DefaultMemory, wide)
	peer.name = "reading"
	ours := side{name: "reading and detectors", args: []string{b.self, "detect", "-workers", strconv.Itoa(workers), wide}}
	return []match{{name: "detectors, 1 M peers", threads: workers, rows: b.rows, bytes: size, aim: 2, ceiling: hunt.DefaultMemory,
		peer: peer, ours: ours}}, nil
}

// ceiling is what the worst inputs have to be folded in.
const ceiling = 512 << 20

// worst: a spoofed flood and a scan of everything, under a ceiling, against the
// ordinary week under the same; the ratio is that of the time a row.
func (b *bench) worst() (out []match, err error) {
	if !b.wants("worst") {
		return nil, nil
	}
	plain, _, err := b.input("conn.log", volume("zeek", simulate.ShapeOrdinary, b.rows))
	if err != nil {
		return nil, err
	}
	for _, w := range []struct {
		name, shape string
		rows        int
	}{{"worst: spoofed flood", simulate.ShapeSpoofed, b.floods}, {"worst: 65,535 x 500 scan", simulate.ShapeScan, min(65_535*500, b.floods)}} {
		if !b.wants(w.name) {
			continue
		}
		path, size, err := b.input(w.shape+".log", volume("zeek", w.shape, w.rows))
		if err != nil {
			return nil, err
		}
		peer := b.fold(runtime.NumCPU(), ceiling, plain)
		peer.name = "ordinary"
		out = append(out, match{
			name: w.name, threads: runtime.NumCPU(), rows: w.rows, peerRows: b.rows, bytes: size,
			ours: b.fold(runtime.NumCPU(), ceiling, path), peer: peer, ceiling: ceiling, check: exactly(w.rows, b.rows),
		})
	}
	return out, nil
}

// exactly checks that every row was read and counted once.
func exactly(ours, peer int) func(a, b []byte) error {
	all := func(out []byte, rows int) error {
		var n counted
		if err := json.Unmarshal(out, &n); err != nil {
			return err
		}
		if n.Rows != int64(rows) || n.Flows != int64(rows) {
			return fmt.Errorf("%d rows with %d flows, of %d", n.Rows, n.Flows, rows)
		}
		return nil
	}
	return func(a, b []byte) error { return errors.Join(all(a, ours), all(b, peer)) }
}

// text: a log filtered by a list of a million addresses and 50,000 prefixes, and a
// count by key in awk.
func (b *bench) text() (out []match, err error) {
	if b.wants("lines") {
		list, _, err := b.input("list.txt", writeList)
		if err != nil {
			return nil, err
		}
		log, size, err := b.input("auth.txt", b.writeLog)
		if err != nil {
			return nil, err
		}
		m := match{name: "lines by a list", threads: runtime.NumCPU(), rows: b.lines, bytes: size, check: sameLines,
			ours: side{name: "lookup", args: []string{b.netcase, "lookup", "--intel", list, "--lines", log}}}
		if b.has("grepcidr") {
			m.peer = side{name: "grepcidr", args: []string{"grepcidr", "-f", list, log}}
		}
		out = append(out, m)
	}
	if b.wants("hits") {
		m, err := b.hits()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if b.wants("count zeek") && b.has("awk") {
		plain, size, err := b.input("conn.log", volume("zeek", simulate.ShapeOrdinary, b.rows))
		if err != nil {
			return nil, err
		}
		const count = `BEGIN{FS="\t"} !/^#/{n[int($1/3600) FS $3 FS $5 FS $6 FS $12]++; r++} END{for(k in n) g++; printf "{\"rows\":%d,\"groups\":%d,\"flows\":%d}\n", r, g, r}`
		out = append(out, match{name: "count zeek by key", threads: 1, rows: b.rows, bytes: size, ours: b.fold(1, 0, plain),
			peer: side{name: "awk", args: []string{"awk", count, plain}}, check: sameFlows})
	}
	return out, nil
}

func sameLines(ours, peer []byte) error {
	if !bytes.Equal(ours, peer) {
		return fmt.Errorf("%d bytes of lines against %d", len(ours), len(peer))
	}
	return nil
}

// publicAddress draws one outside the ranges that no list may name.
func publicAddress(r *rand.Rand) string {
	for {
		a := 1 + r.IntN(222)
		switch a {
		case 10, 100, 127, 169, 172, 192, 198, 203:
			continue
		}
		return fmt.Sprintf("%d.%d.%d.%d", a, r.IntN(256), r.IntN(256), 1+r.IntN(254))
	}
}

// hits: a hundred thousand addresses, one a line, asked of the same list.
func (b *bench) hits() (m match, err error) {
	list, _, err := b.input("list.txt", writeList)
	if err != nil {
		return m, err
	}
	const asked = 100_000
	addresses, size, err := b.input("asked.log", func(w io.Writer) error {
		r := rand.New(rand.NewPCG(3, 3))
		var text bytes.Buffer
		for range asked {
			text.WriteString(publicAddress(r) + "\n")
		}
		_, err := w.Write(text.Bytes())
		return err
	})
	if err != nil {
		return m, err
	}
	m = match{name: "hits by a list", threads: runtime.NumCPU(), rows: asked, bytes: size, check: sameLines,
		ours: side{name: "lookup", args: []string{b.netcase, "lookup", "--intel-db", "none", "--intel", list, "--lines", addresses}}}
	if b.has("grepcidr") {
		m.peer = side{name: "grepcidr", args: []string{"grepcidr", "-f", list, addresses}}
	}
	return m, nil
}

func writeList(w io.Writer) error {
	r := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	for range 1_000_000 {
		b.WriteString(publicAddress(r) + "\n")
	}
	for range 50_000 {
		a := publicAddress(r)
		b.WriteString(a[:strings.LastIndexByte(a, '.')] + ".0/24\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (b *bench) writeLog(w io.Writer) error {
	r := rand.New(rand.NewPCG(2, 2))
	var text bytes.Buffer
	for i := range b.lines {
		fmt.Fprintf(&text, "Oct 20 14:%02d:%02d bastion sshd[%d]: Failed password for root from %s port %d ssh2\n",
			i/60%60, i%60, i%30_000, publicAddress(r), 1024+r.IntN(60_000))
		if text.Len() > 1<<20 {
			if _, err := w.Write(text.Bytes()); err != nil {
				return err
			}
			text.Reset()
		}
	}
	_, err := w.Write(text.Bytes())
	return err
}

// captures: packets to folds, against a flow exporter with its query, and against
// an engine with one rule.
func (b *bench) captures() (out []match, err error) {
	if !b.wants("pcap") {
		return nil, nil
	}
	path, size, err := b.input("packets.pcap", b.writeCapture)
	if err != nil {
		return nil, err
	}
	m := match{name: "pcap to folds", threads: runtime.NumCPU(), rows: b.packets, bytes: size, ours: b.fold(runtime.NumCPU(), 0, path)}
	nfdump := m
	if _, err := exec.LookPath("nfpcapd"); err == nil && b.has("nfdump") {
		flows := filepath.Join(b.dir, "nfcapd")
		if err := os.MkdirAll(flows, 0o755); err != nil {
			return nil, err
		}
		nfdump.peer = side{name: "nfdump", args: []string{"sh", "-c",
			fmt.Sprintf("rm -f %[1]s/*; nfpcapd -r %[2]s -l %[1]s >/dev/null 2>&1 && nfdump -R %[1]s -q -A srcip,dstip,dstport -s record/flows -n 10", flows, path)}}
		out = append(out, nfdump)
	} else {
		missing("nfpcapd", "not installed")
	}
	if b.has("suricata") {
		rule := filepath.Join(b.dir, "one.rules")
		if err := os.WriteFile(rule, []byte(`alert ip [203.0.113.9,198.51.100.0/24] any -> any any (msg:"listed"; sid:1000001; rev:1;)`+"\n"), 0o600); err != nil {
			return nil, err
		}
		m.peer = side{name: "Suricata", args: []string{"suricata", "-r", path, "-S", rule, "-l", b.dir, "-k", "none"}}
		out = append(out, m)
	}
	if len(out) == 0 {
		out = append(out, match{name: m.name, threads: m.threads, rows: m.rows, bytes: m.bytes, ours: m.ours})
	}
	return out, nil
}
