package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// randomKeys draws keys from few, so that lists share some; some come twice.
func randomKeys(r *rand.Rand, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64N(uint64(3*n+1)) * 0x9e3779b97f4a7c15
	}
	return out
}

// TestSharedKeysTwin compares with maps, with all keys in memory, some, and none.
func TestSharedKeysTwin(t *testing.T) {
	ctx := context.Background()
	n := uint64(12)
	if testing.Short() {
		n = 3 // one of each budget
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 25))
		keep := &keeper{budget: []int64{0, 1, 30_000}[seed%3], temp: t.TempDir(), names: newNames(), workers: 1}
		list := func() (runs []*keyRun, all map[uint64]bool) {
			all = map[uint64]bool{}
			for range r.IntN(6) {
				keys := randomKeys(r, r.IntN(4000))
				for _, k := range keys {
					all[k] = true
				}
				made, err := keep.sealedKeys(keys)
				if err != nil {
					t.Fatal(err)
				}
				runs = append(runs, made)
			}
			return runs, all
		}
		a, inA := list()
		b, inB := list()
		got, err := keep.sharedKeys(ctx, a, b)
		if err != nil {
			t.Fatal(err)
		}
		shared := 0
		for k := range inA {
			if inB[k] {
				shared++
			}
		}
		if (got == nil) != (shared == 0) {
			t.Fatalf("seed %d: %d shared keys, %v", seed, shared, got)
		}
		if got != nil {
			askAll(t, got, inA, inB)
			got.run.release()
		}
		releaseKeys(a)
		releaseKeys(b)
		if keep.used != 0 {
			t.Errorf("seed %d: %d bytes are still held", seed, keep.used)
		}
		if err := keep.close(); err != nil {
			t.Error(err)
		}
	}
}

// askAll asks for every key from several goroutines, and for as many that are in none.
func askAll(t *testing.T, d *delivered, a, b map[uint64]bool) {
	t.Helper()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for _, all := range []map[uint64]bool{a, b} {
				for k := range all {
					if d.holds(k) != (a[k] && b[k]) || d.holds(k+1) != (a[k+1] && b[k+1]) {
						t.Errorf("key %x", k)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if err := d.err(); err != nil {
		t.Error(err)
	}
}

// TestManyKeyRuns merges more runs than are read at a time.
func TestManyKeyRuns(t *testing.T) {
	ctx := context.Background()
	keep := &keeper{budget: 1, temp: t.TempDir(), names: newNames(), workers: 1}
	defer func() { _ = keep.close() }()
	var runs []*keyRun
	for i := range keyWays + 10 {
		made, err := keep.sealedKeys([]uint64{uint64(i) * 7, 3})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, made)
	}
	one, err := keep.sealedKeys([]uint64{3, 7, 8, (keyWays + 9) * 7})
	if err != nil {
		t.Fatal(err)
	}
	shared, err := keep.sharedKeys(ctx, runs, []*keyRun{one})
	if err != nil || !shared.holds(3) || !shared.holds(7) || shared.holds(8) || !shared.holds((keyWays+9)*7) {
		t.Errorf("%+v %v", shared, err)
	}
	few, err := keep.fewerKeys(ctx, runs)
	if err != nil || len(few) > keyWays {
		t.Errorf("%d runs %v", len(few), err)
	}
	again, err := keep.sharedKeys(ctx, []*keyRun{one}, few)
	if err != nil || !again.holds(7) || again.holds(8) {
		t.Errorf("%+v %v", again, err)
	}
}

// TestOverlapsBelowTheBudget: which records two inputs share is found in no memory as
// it is in plenty.
func TestOverlapsBelowTheBudget(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(6, 25))
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf("%d.%03d\tC%d\t8.8.4.%d\t%d\t10.0.0.%d\t22\ttcp\t1.5\t1\t1\tSF\n", 1760961600+i, r.IntN(1000), i, r.IntN(9), 1024+i, r.IntN(5)))
	}
	head := "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\n"
	file := func(name string, from, to int) source.Stream {
		text := head + strings.Join(lines[from:to], "")
		return source.Stream{Name: name, Explicit: true, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }}
	}
	streams := []source.Stream{file("a", 0, 1400), file("b", 1000, 2200), file("c", 1200, 3000), file("d", 1300, 1350), file("e", 2990, 3000)}
	ask := func(memory int64) (*Memory, netcase.Coverage, []cube.Row) {
		m, err := Fold(ctx, Config{Workers: 2, Memory: memory, Temp: t.TempDir()}, &netcase.Site{}, source.Found{Streams: slices.Clone(streams)})
		if err != nil {
			t.Fatal(err)
		}
		return m, m.Coverage(), gather(t, m.Rows(ctx, cube.Question{}))
	}
	plenty, want, rows := ask(0)
	none, got, sparse := ask(2)
	if want.Flows() != 3000 {
		t.Errorf("%d flows, want 3000", want.Flows())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(sparse) != fmt.Sprint(rows) {
		t.Error("a small budget shows in the answers")
	}
	if none.keep.used != 0 {
		t.Errorf("%d bytes are held where none may be", none.keep.used)
	}
	for _, f := range none.inputs {
		if f.duplicate != nil && slices.ContainsFunc(f.duplicate.run.blocks, func(b keyBlock) bool { return b.held != nil }) {
			t.Error("keys are held where none may be")
		}
	}
	if err := errors.Join(plenty.Close(), none.Close()); err != nil {
		t.Error(err)
	}
}
