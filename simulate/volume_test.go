package simulate

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"netcase"
)

func volumeOf(t *testing.T, format string, rows int, seed uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Volume(&b, format, rows, seed); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVolumeHasTheRowsAskedFor counts them in every format with another reader.
func TestVolumeHasTheRowsAskedFor(t *testing.T) {
	counters := map[string]func(*testing.T, []byte) int{
		"zeek": zeekRows, "azure-nsg": nsgRows, "azure-vnet": vnetRows, "azure-traffic": csvRows, "defender": csvRows,
		"suricata-eve": eveRows,
	}
	for _, format := range VolumeFormats() {
		for _, rows := range []int{0, 1, 2, 3, 257, 258, 5000} {
			if got := counters[format](t, volumeOf(t, format, rows, 1)); got != rows {
				t.Errorf("%s: %d rows, want %d", format, got, rows)
			}
		}
		if bytes.Equal(volumeOf(t, format, 100, 1), volumeOf(t, format, 100, 2)) {
			t.Errorf("%s: two seeds made the same bytes", format)
		}
		if !bytes.Equal(volumeOf(t, format, 100, 1), volumeOf(t, format, 100, 1)) {
			t.Errorf("%s: one seed made different bytes", format)
		}
	}
}

func eveRows(t *testing.T, b []byte) (n int) {
	t.Helper()
	for line := range strings.Lines(string(b)) {
		var r struct {
			Src  string `json:"src_ip"`
			Dst  string `json:"dest_ip"`
			Flow struct{ Start string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Flow.Start == "" {
			t.Fatalf("%q: %v", line, err)
		}
		checkEnds(t, r.Src, r.Dst)
		n++
	}
	return n
}

func zeekRows(t *testing.T, b []byte) (n int) {
	t.Helper()
	last := 0.0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		ts, err := strconv.ParseFloat(f[0], 64)
		if len(f) != 21 || err != nil || ts < last {
			t.Fatalf("line %q after %v", line, last)
		}
		checkEnds(t, f[2], f[4])
		last = ts
		n++
	}
	return n
}

// checkEnds checks that one end is inside and the other public.
func checkEnds(t *testing.T, src, dst string) {
	t.Helper()
	a, b := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if netcase.Public(a) == netcase.Public(b) || netcase.Private(a) == netcase.Private(b) {
		t.Fatalf("ends %v and %v", a, b)
	}
}

func nsgRows(t *testing.T, b []byte) (n int) {
	t.Helper()
	var file blobFile
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	begun := map[string]bool{}
	for _, r := range file.Records {
		for _, rule := range r.Properties.Flows {
			for _, line := range rule.Flows[0].Tuples {
				v := strings.Split(line, ",")
				checkTuple(t, v, begun, v[8], v[7] == "D")
				n++
			}
		}
	}
	return n
}

// checkTuple checks that an end has a beginning.
func checkTuple(t *testing.T, v []string, begun map[string]bool, state string, refused bool) {
	t.Helper()
	if len(v) != 13 {
		t.Fatalf("tuple %v", v)
	}
	checkEnds(t, v[1], v[2])
	five := strings.Join(v[1:6], " ")
	switch {
	case refused:
	case state == "B":
		begun[five] = true
	case !begun[five]:
		t.Fatalf("the end of %s has no beginning", five)
	}
}

func vnetRows(t *testing.T, b []byte) (n int) {
	t.Helper()
	var file struct {
		Records []struct {
			FlowRecords struct {
				Flows []struct {
					FlowGroups []struct{ FlowTuples []string }
				}
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	begun := map[string]bool{}
	for _, r := range file.Records {
		for _, f := range r.FlowRecords.Flows {
			for _, g := range f.FlowGroups {
				for _, line := range g.FlowTuples {
					v := strings.Split(line, ",")
					checkTuple(t, v, begun, v[7], v[7] == "D")
					n++
				}
			}
		}
	}
	return n
}

func csvRows(t *testing.T, b []byte) int {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte(byteOrderMark)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return len(all) - 1
}

func TestVolumeRefuses(t *testing.T) {
	if err := Volume(io.Discard, "netflow", 1, 0); err == nil || !strings.HasPrefix(err.Error(), `volume format "netflow": want one of zeek`) {
		t.Errorf("error %v", err)
	}
	if err := Volume(io.Discard, "zeek", -1, 0); err == nil {
		t.Error("took a negative number of rows")
	}
	if err := Volume(full{}, "zeek", 10, 0); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

var errFull = errors.New("no space")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func BenchmarkVolume(b *testing.B) {
	for _, format := range VolumeFormats() {
		b.Run(format, func(b *testing.B) {
			if err := Volume(io.Discard, format, b.N, 1); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkMake(b *testing.B) {
	for _, s := range []string{"seed", "seed-full"} {
		b.Run(s, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Make(s, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestVolumeShapes(t *testing.T) {
	const rows = 70_000
	for shape, want := range map[string]struct{ sources, pairs int }{
		ShapeSpoofed: {rows, rows}, ShapeScan: {1, rows},
	} {
		var b bytes.Buffer
		if err := VolumeOf(&b, "zeek", shape, rows, 3); err != nil {
			t.Fatal(err)
		}
		sources, pairs := map[string]bool{}, map[string]bool{}
		for line := range strings.Lines(b.String()) {
			if c := strings.Split(line, "\t"); line[0] != '#' {
				sources[c[2]] = true
				pairs[c[2]+" "+c[4]+" "+c[5]] = true
			}
		}
		if len(sources) != want.sources || len(pairs) != want.pairs {
			t.Errorf("%s: %d sources, %d pairs; want %+v", shape, len(sources), len(pairs), want)
		}
	}
	var b bytes.Buffer
	if err := VolumeOf(&b, "zeek", ShapeWide, rows, 3); err != nil {
		t.Fatal(err)
	}
	outside := map[string]bool{}
	for line := range strings.Lines(b.String()) {
		if c := strings.Split(line, "\t"); line[0] != '#' {
			for _, end := range []string{c[2], c[4]} {
				if !strings.HasPrefix(end, "10.40.") {
					outside[end] = true
				}
			}
		}
	}
	if n := len(outside); n < rows*9/10 || n > rows {
		t.Errorf("wide: %d outside addresses in %d flows, want about 67,600", n, rows)
	}
	if err := VolumeOf(io.Discard, "zeek", "round", 1, 1); err == nil {
		t.Error("a shape that is not known was written")
	}
}

// TestVolumeIsAsOftenNewAsItSays counts the hourly cells of a week: two thirds of the
// rows are the first of theirs.
func TestVolumeIsAsOftenNewAsItSays(t *testing.T) {
	const rows = 200_000
	v := newVolume(1, rows)
	cells := map[string]bool{}
	for i := range rows {
		f := v.next(i)
		cells[strings.Join([]string{strconv.FormatInt(int64(f.at/netcase.Hour), 10), f.src.String(), f.dst.String(), strconv.Itoa(int(f.dport))}, " ")] = true
	}
	if share := float64(len(cells)) / rows; share < .62 || share > .72 {
		t.Errorf("%.3f of the rows are new, want about two thirds", share)
	}
}
