package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/source"
	"netcase/store"
)

// zeekLog is a random conn.log whose rows fall into few cells.
func zeekLog(rng *rand.Rand, n int) string {
	states := []string{"S0", "SF", "REJ", "RSTO", "S1", "SH", "OTH"}
	var b strings.Builder
	b.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\n")
	for range n {
		src, dst := fmt.Sprintf("8.8.4.%d", rng.IntN(6)), fmt.Sprintf("10.0.0.%d", rng.IntN(5))
		if rng.IntN(4) == 0 {
			src, dst = dst, src
		}
		fmt.Fprintf(&b, "%d.%06d\tC%x\t%s\t%d\t%s\t%d\ttcp\t1.5\t%d\t%d\t%s\n", 1760961600+rng.IntN(7200), rng.IntN(1e6), rng.Uint64(),
			src, 1024+rng.IntN(1000), dst, 20+rng.IntN(4), rng.IntN(3)*100, rng.IntN(3)*100, states[rng.IntN(len(states))])
	}
	return b.String()
}

func stream(name, body string) source.Stream {
	return source.Stream{Name: name, Explicit: true, Size: int64(len(body)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(body)), nil
	}}
}

func found(streams ...source.Stream) source.Found { return source.Found{Streams: streams} }

func fold(t *testing.T, workers int, streams ...source.Stream) *store.Memory {
	t.Helper()
	m, err := store.Fold(context.Background(), store.Config{Workers: workers}, &netcase.Site{}, found(streams...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// events decodes streams the plain way, for the oracle.
func events(t *testing.T, body string) netcase.Batch {
	t.Helper()
	format, err := source.Recognise(source.Formats(), []byte(body[:min(len(body), source.HeadSize)]))
	if err != nil {
		t.Fatal(err)
	}
	var all netcase.Batch
	in := &source.Input{Name: "x", R: strings.NewReader(body), Report: &netcase.InputReport{}, Raw: true}
	err = format.Decode(context.Background(), in, func(b *netcase.Batch) error {
		for _, f := range b.Flows {
			f.Raw = bytes.Clone(f.Raw)
			all.Flows = append(all.Flows, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func collect[T any](t *testing.T, answers iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for x, err := range answers {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// numbered are the rows that FillRows fills, their numbers looked at and taken out.
func numbered(t *testing.T, m cube.RowFiller, q cube.Question) (out []cube.Row) {
	t.Helper()
	type side struct {
		numbers map[netcase.Endpoint]int32
		ends    map[int32]netcase.Endpoint
	}
	sides := [2]side{{map[netcase.Endpoint]int32{}, map[int32]netcase.Endpoint{}}, {map[netcase.Endpoint]int32{}, map[int32]netcase.Endpoint{}}}
	var r cube.Row
	err := m.FillRows(context.Background(), q, func(filled *cube.Row) *cube.Row {
		if filled == nil {
			return &r
		}
		for i, n := range [2]int32{r.PeerNumber, r.HostNumber} {
			e := [2]netcase.Endpoint{r.Peer, r.Host}[i]
			number, known := sides[i].numbers[e]
			end, taken := sides[i].ends[n]
			if known && number != n || taken && end != e || n < 0 || int(n) > len(sides[i].ends) {
				t.Fatalf("%+v: %s has number %d; its own was %d, and %s had it", q, e, n, number, end)
			}
			sides[i].numbers[e], sides[i].ends[n] = n, e
		}
		r.PeerNumber, r.HostNumber = 0, 0
		out = append(out, r)
		return &r
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// someHosts are a few ends of flows, sorted, some of them twice.
func someHosts(b netcase.Batch, r *rand.Rand) (out []netcase.Endpoint) {
	for range 1 + r.IntN(6) {
		out = append(out, b.Flows[r.IntN(len(b.Flows))].Dst.Key())
	}
	slices.SortFunc(out, netcase.Endpoint.Compare)
	return out
}

func somePeers(b netcase.Batch, r *rand.Rand) (out []netcase.Endpoint) {
	for range 1 + r.IntN(6) {
		out = append(out, b.Flows[r.IntN(len(b.Flows))].Src.Key())
	}
	slices.SortFunc(out, netcase.Endpoint.Compare)
	return out
}

// TestAgreesWithTheOracle asks the engine and the slow plain twin the same questions.
func TestAgreesWithTheOracle(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		body := zeekLog(rng, 400)
		m := fold(t, 2, stream("conn.log", body))
		id := m.Coverage().Inputs[0].ID
		oracle := cube.Of(netcase.Site{}, id, events(t, body))
		for _, q := range []cube.Question{
			{Kind: cube.Peers}, {Kind: cube.Hosts}, {Kind: cube.Pairs},
			{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound}},
			{Kind: cube.Hosts, Span: netcase.Span{Start: 1760965200000}},
			{Kind: cube.Hosts, Hosts: someHosts(events(t, body), rng)},
			{Kind: cube.Pairs, Hosts: someHosts(events(t, body), rng)},
			{Kind: cube.Peers, Peers: somePeers(events(t, body), rng)},
			{Kind: cube.Peers, Peers: somePeers(events(t, body), rng), Ports: []uint16{22}},
		} {
			if got, want := collect(t, m.Rows(ctx, q)), collect(t, oracle.Rows(ctx, q)); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, %+v: %d rows, the oracle has %d", seed, q, len(got), len(want))
			} else if filled := numbered(t, m, q); !reflect.DeepEqual(filled, want) {
				t.Fatalf("seed %d, %+v: %d rows filled, the oracle has %d", seed, q, len(filled), len(want))
			}
		}
		for by := cube.ByTotal; by <= cube.ByPeer; by++ {
			for _, step := range []cube.Step{cube.HourStep, cube.MinuteStep} {
				q := cube.TimelineQuestion{Step: step, By: by}
				if got, want := collect(t, m.Timeline(ctx, q)), collect(t, oracle.Timeline(ctx, q)); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d, %+v: %d points, the oracle has %d", seed, q, len(got), len(want))
				}
			}
		}
		wants := []cube.Want{{Tag: "a", Selection: netcase.Selection{Ports: []uint16{22}}, Starts: true, Records: 12}}
		got, err := m.Details(ctx, wants)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := oracle.Details(ctx, wants)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: details differ", seed)
		}
		if len(got.Records["a"].Records) != 12 || !strings.HasPrefix(got.Records["a"].Records[0].Raw, "17609") {
			t.Fatalf("records: %+v", got.Records["a"])
		}
	}
}

// TestWorkersAndOrderDoNotShow folds the same inputs in many ways.
func TestWorkersAndOrderDoNotShow(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(9, 9))
	var streams []source.Stream
	for i := range 5 {
		streams = append(streams, stream(fmt.Sprintf("conn%d.log", i), zeekLog(rng, 200)))
	}
	streams = append(streams, stream("copy.log", func() string { r, _ := streams[2].Open(); b, _ := io.ReadAll(r); return string(b) }()))
	ask := func(workers int) (any, any, any) {
		m := fold(t, workers, streams...)
		d, err := m.Details(ctx, []cube.Want{{Tag: "x", Starts: true, Records: 30}})
		if err != nil {
			t.Fatal(err)
		}
		return collect(t, m.Rows(ctx, cube.Question{})), m.Coverage(), d
	}
	rows, coverage, details := ask(1)
	for _, workers := range []int{1, 2, 8, 64} {
		rng.Shuffle(len(streams), func(i, j int) { streams[i], streams[j] = streams[j], streams[i] })
		r, c, d := ask(workers)
		if !reflect.DeepEqual(r, rows) || !reflect.DeepEqual(c, coverage) || !reflect.DeepEqual(d, details) {
			t.Fatalf("%d workers in another order answer differently", workers)
		}
	}
}

func TestCopiesAndOverlapsCountOnce(t *testing.T) {
	body := zeekLog(rand.New(rand.NewPCG(2, 2)), 300)
	lines := strings.SplitAfter(body, "\n")
	head := strings.Join(lines[:3], "")
	first, second := head+strings.Join(lines[3:203], ""), head+strings.Join(lines[103:], "")
	want := fold(t, 1, stream("a.log", body)).Coverage()
	got := fold(t, 4, stream("1.log", first), stream("2.log", second), stream("3.log", first)).Coverage()
	if got.Flows() != want.Flows() {
		t.Errorf("%d flows, want %d", got.Flows(), want.Flows())
	}
	duplicates := int64(0)
	for _, in := range got.Inputs {
		if !in.Balanced() {
			t.Errorf("%s does not balance: %+v", in.Name, in)
		}
		duplicates += in.Duplicate
	}
	if duplicates != 300 {
		t.Errorf("%d duplicates, want the 200 of the copy and the 100 of the overlap", duplicates)
	}
}

func TestOneBrokenInputDoesNotStopTheOthers(t *testing.T) {
	good := stream("good.log", zeekLog(rand.New(rand.NewPCG(4, 4)), 50))
	gone := source.Stream{Name: "gone.log", Explicit: true, Open: func() (io.ReadCloser, error) { return nil, os.ErrPermission }}
	c := fold(t, 2, gone, stream("noise", "\x00\x01\x02"), stream("empty", ""), good).Coverage()
	byName := map[string]netcase.InputReport{}
	for _, in := range c.Inputs {
		byName[in.Name] = in
	}
	if byName["good.log"].Accepted != 50 || byName["good.log"].Error != "" {
		t.Errorf("%+v", byName["good.log"])
	}
	for _, name := range []string{"gone.log", "noise", "empty"} {
		if byName[name].Error == "" {
			t.Errorf("%s has no error", name)
		}
	}
	if ok, _ := c.Sound(); ok {
		t.Error("the run looks sound")
	}
}

func TestProseBesideTelemetryIsNoError(t *testing.T) {
	readme := stream("data/README.md", "# What this is\n")
	readme.Explicit = false
	c := fold(t, 1, readme).Coverage()
	if c.Inputs[0].Error != "" || c.Inputs[0].Skipped != 1 {
		t.Errorf("%+v", c.Inputs[0])
	}
	readme.Explicit = true
	if c := fold(t, 1, readme).Coverage(); c.Inputs[0].Error == "" {
		t.Error("a file that the user names must be readable")
	}
}

func TestInterruptedFoldReturnsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := store.Fold(ctx, store.Config{}, &netcase.Site{}, found(stream("a", zeekLog(rand.New(rand.NewPCG(1, 1)), 10)))); err == nil {
		t.Error("no error")
	}
}

func TestAssume(t *testing.T) {
	body := "TimeGenerated,FlowStartTime_t,FlowType_s,SrcPublicIPs_s,DestIP_s,DestPort_d\n" +
		"2025-10-20T12:00:00Z,2025-10-20T12:00:00Z,ExternalPublic,45.95.147.9,10.0.0.4,22\n"
	m, err := store.Fold(context.Background(), store.Config{Assume: netcase.ReachDenied}, &netcase.Site{}, found(stream("a.csv", body)))
	if err != nil {
		t.Fatal(err)
	}
	rows := collect(t, m.Rows(context.Background(), cube.Question{}))
	if len(rows) != 1 || rows[0].Reach != netcase.ReachDenied {
		t.Errorf("%+v", rows)
	}
}

func BenchmarkFold(b *testing.B) {
	body := zeekLog(rand.New(rand.NewPCG(5, 5)), 100_000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := store.Fold(context.Background(), store.Config{Workers: 1}, &netcase.Site{}, found(stream("conn.log", body))); err != nil {
			b.Fatal(err)
		}
	}
}

// TestStreamsOfFind folds files as they lie in a folder.
func TestStreamsOfFind(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("c%d.log", i)), []byte(zeekLog(rng, 20)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := source.Find([]string{dir}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := store.Fold(context.Background(), store.Config{}, &netcase.Site{}, f)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Coverage()
	names := []string{}
	for _, in := range c.Inputs {
		names = append(names, in.Name)
	}
	base := filepath.Base(dir)
	if want := []string{base + "/c0.log", base + "/c1.log", base + "/c2.log"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if c.Flows() != 60 {
		t.Errorf("%d flows", c.Flows())
	}
}

// TestACutGzipIsToldOf folds a log whose compressed stream ends early: what came is
// counted, and the input is not sound.
func TestACutGzipIsToldOf(t *testing.T) {
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	if _, err := io.WriteString(z, zeekLog(rand.New(rand.NewPCG(7, 8)), 60_000)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "conn.log.gz")
	if err := os.WriteFile(path, whole.Bytes()[:whole.Len()/2], 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := source.Find([]string{path}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 4} {
		m := fold(t, workers, f.Streams...)
		r := m.Coverage().Inputs[0]
		if r.Accepted < 1000 || !r.Balanced() || !strings.Contains(r.Error, "cut off") {
			t.Errorf("with %d workers: %d accepted, error %q", workers, r.Accepted, r.Error)
		}
	}
}
