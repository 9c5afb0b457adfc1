package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"netcase"
	"netcase/cube"
)

// randomFlow draws flows that meet in few cells: several sensors and resolutions,
// both families of addresses, names in their place, absent sizes, late hours, rows
// that are booked into another hour, and flows that stand for many.
func randomFlow(r *rand.Rand) netcase.Flow {
	end := func() netcase.Endpoint {
		switch r.IntN(9) {
		case 0:
			return netcase.Endpoint{Name: fmt.Sprintf("vm-%d", r.IntN(3))}
		case 1:
			return netcase.At(netip.AddrFrom16([16]byte{0xfd, 15: byte(r.IntN(3))}))
		case 2:
			return netcase.Endpoint{}
		case 3:
			return netcase.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}), Name: fmt.Sprintf("host%d", r.IntN(3))}
		case 4, 5:
			return netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}))
		}
		return netcase.At(netip.AddrFrom4([4]byte{byte(8 + r.IntN(3)), 8, 8, byte(r.IntN(5))}))
	}
	size := func() int64 {
		if r.IntN(3) == 0 {
			return netcase.Absent
		}
		return int64(r.IntN(5000))
	}
	at := netcase.Time(1760961600000) + netcase.Time(r.IntN(5*3_600_000)) - netcase.Time(r.IntN(2))*netcase.Hour
	f := netcase.Flow{
		Start: at, End: at + netcase.Time(r.IntN(3)*r.IntN(4_000_000)), Src: end(), Dst: end(), DstPort: uint16(20 + r.IntN(3)),
		Proto: []uint8{netcase.TCP, netcase.UDP}[r.IntN(2)], Reach: netcase.Reaches()[r.IntN(7)],
		Resolution: []netcase.Resolution{0, 0, 60, netcase.ResolutionSampled, netcase.ResolutionUnknown}[r.IntN(5)],
		Sensor:     []string{"zeek", "nsg/a", "nsg/b", ""}[r.IntN(4)], Flows: int64(1 + r.IntN(3)*r.IntN(9)), Records: int64(1 + r.IntN(2)),
		OctetsOut: size(), OctetsIn: size(), PacketsOut: size(), PacketsIn: size(), Ours: netcase.Side(r.IntN(4)),
	}
	if r.IntN(5) == 0 {
		f.Booked = at - netcase.Time(r.IntN(2))*netcase.Hour
	}
	return f
}

func randomBatch(r *rand.Rand, n int) (b netcase.Batch) {
	for range n {
		b.Flows = append(b.Flows, randomFlow(r))
		at := netcase.Time(1760961600000 + r.Int64N(5000))
		host := netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}))
		switch r.IntN(8) {
		case 0:
			b.Logins = append(b.Logins, netcase.Login{Time: at, Host: host, Peer: netcase.Endpoint{Name: "x"}, Account: fmt.Sprint("a", r.IntN(9)), Count: 1, PeerPort: uint16(r.Uint32()), Outcome: []netcase.LoginOutcome{netcase.LoginNoAccount, netcase.LoginFailed, netcase.LoginSucceeded, netcase.LoginOpen}[r.IntN(4)], Sensor: fmt.Sprint("s", r.IntN(2)), Method: []string{"", "password"}[r.IntN(2)]})
		case 1:
			b.Processes = append(b.Processes, netcase.Process{Time: at, Host: host, Role: netcase.RoleStarted, Image: "a.exe", CommandLine: fmt.Sprint("run ", r.IntN(9)), ID: r.Uint32(), Key: r.Uint64()})
		case 2:
			b.Queries = append(b.Queries, netcase.Query{Time: at, Host: host, Name: fmt.Sprint(r.IntN(9), ".example"), Answer: slices.Repeat([]string{"1.2.3.4"}, r.IntN(3))})
		case 3:
			b.Alerts = append(b.Alerts, netcase.Alert{Time: at, Src: host, Name: fmt.Sprint("alert ", r.IntN(9)), Count: 1, Blocked: r.IntN(2) == 0, Proto: 6})
		}
	}
	return b
}

func gather[T any](t *testing.T, answers iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for x, err := range answers {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// settled puts events of one instant into an order of their own: which it is, the
// engine and the oracle need not agree on.
func settled[T any](events []T) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = fmt.Sprintf("%+v", e)
	}
	slices.Sort(out)
	return out
}

// foldAll folds batches, each an input, with some workers that take them in pieces.
func foldAll(t *testing.T, keep *keeper, workers int, inputs []netcase.Batch) *answers {
	t.Helper()
	cfg, site := &Config{}, &netcase.Site{}
	var folds []*fold
	for _, in := range inputs {
		f := newFold(cfg, site, keep)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				own := f.worker()
				part := netcase.Batch{}
				if w == 0 {
					part.Logins, part.Processes, part.Queries, part.Alerts = in.Logins, in.Processes, in.Queries, in.Alerts
				}
				for i := w; i < len(in.Flows); i += workers {
					part.Flows = append(part.Flows, in.Flows[i])
				}
				if err := cmp.Or(own.take(context.Background(), &part), own.close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		folds = append(folds, f)
	}
	m, err := join(context.Background(), keep, folds)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFoldTwin compares with the plain engine: any number of workers, and budgets
// that put everything, something or nothing on disk.
func TestFoldTwin(t *testing.T) {
	ctx := context.Background()
	apart := uint64(1)
	if testing.Short() {
		apart = 4 // one of either kind
	}
	for seed := uint64(0); seed < 8; seed += apart {
		r := rand.New(rand.NewPCG(seed, 11))
		inputs := []netcase.Batch{randomBatch(r, 700), randomBatch(r, 300), {}}
		if seed >= 4 { // one account of every cell, so that the parts are given up
			for _, b := range inputs {
				for i := range b.Flows {
					b.Flows[i].Sensor = "one"
				}
			}
		}
		var all netcase.Batch
		for _, b := range inputs {
			all.Flows = append(all.Flows, b.Flows...)
			all.Logins, all.Processes = append(all.Logins, b.Logins...), append(all.Processes, b.Processes...)
			all.Queries, all.Alerts = append(all.Queries, b.Queries...), append(all.Alerts, b.Alerts...)
		}
		oracle := &askedOnce{cube.Of(netcase.Site{}, "in-1", all), map[string][]cube.Row{}, map[string][]cube.Point{}}
		for _, budget := range []int64{0, 1, 30_000} {
			for _, workers := range []int{1, 3} {
				keep := &keeper{budget: budget, temp: t.TempDir(), names: newNames(), workers: workers, table: []int{0, 50}[seed%2]}
				m := foldAll(t, keep, workers, inputs)
				compareAnswers(ctx, t, m, oracle)
				if err := m.close(); err != nil {
					t.Error(err)
				}
				if budget == 1 && keep.used != 0 {
					t.Errorf("%d bytes are held where none may be", keep.used)
				}
			}
		}
	}
}

// askedOnce is the plain engine, which is slow, for many comparisons: it keeps its answers.
type askedOnce struct {
	*cube.Plain
	rows   map[string][]cube.Row
	points map[string][]cube.Point
}

func (o *askedOnce) rowsOf(ctx context.Context, t *testing.T, q cube.Question) []cube.Row {
	key := fmt.Sprintf("%#v", q)
	if _, ok := o.rows[key]; !ok {
		o.rows[key] = gather(t, o.Rows(ctx, q))
	}
	return o.rows[key]
}

func (o *askedOnce) pointsOf(ctx context.Context, t *testing.T, q cube.TimelineQuestion) []cube.Point {
	key := fmt.Sprintf("%#v", q)
	if _, ok := o.points[key]; !ok {
		o.points[key] = gather(t, o.Timeline(ctx, q))
	}
	return o.points[key]
}

func compareAnswers(ctx context.Context, t *testing.T, m *answers, oracle *askedOnce) {
	t.Helper()
	span := netcase.Span{Start: 1760961600000 + netcase.Hour, End: 1760961600000 + 3*netcase.Hour}
	for _, kind := range []cube.Kind{cube.Peers, cube.Hosts, cube.Pairs} {
		for _, q := range []cube.Question{{Kind: kind}, {Kind: kind, Span: span}, {Kind: kind, Directions: []netcase.Direction{netcase.Lateral, netcase.Transit}}, {Kind: kind, Ports: []uint16{21}, Reaches: []netcase.Reach{netcase.ReachDenied, netcase.ReachAllowed}}, {Kind: kind, Span: netcase.Span{Start: span.Start + 1, End: span.End - 1}}} {
			got, want := gather(t, m.Rows(ctx, q)), oracle.rowsOf(ctx, t, q)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v: %d rows, the oracle has %d: %s", q, len(got), len(want), firstDifference(got, want))
			}
		}
	}
	for by := cube.ByTotal; by <= cube.ByPeer; by++ {
		for _, step := range []cube.Step{cube.HourStep, cube.MinuteStep} {
			for _, s := range []netcase.Span{{}, span} {
				q := cube.TimelineQuestion{Step: step, By: by, Span: s}
				if got, want := gather(t, m.Timeline(ctx, q)), oracle.pointsOf(ctx, t, q); !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v: %d points, the oracle has %d: %s", q, len(got), len(want), firstDifference(got, want))
				}
			}
		}
	}
	same := func(what string, got, want []string) {
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %d, the oracle has %d: %s", what, len(got), len(want), firstDifference(got, want))
		}
	}
	var c netcase.Coverage
	m.tellAgreement(&c)
	if want := oracle.Coverage().Agreement; !reflect.DeepEqual(c.Agreement, want) {
		t.Fatalf("agreement of sensors: %s", firstDifference(c.Agreement, want))
	}
	same("logins", settled(gather(t, m.Logins(ctx))), settled(gather(t, oracle.Logins(ctx))))
	same("processes", settled(gather(t, m.Processes(ctx))), settled(gather(t, oracle.Processes(ctx))))
	same("queries", settled(gather(t, m.Queries(ctx))), settled(gather(t, oracle.Queries(ctx))))
	same("alerts", settled(gather(t, m.Alerts(ctx))), settled(gather(t, oracle.Alerts(ctx))))
	if got, want := gather(t, m.Auth(ctx)), gather(t, oracle.Auth(ctx)); !reflect.DeepEqual(got, want) {
		t.Fatalf("auth: %d rows, the oracle has %d: %s", len(got), len(want), firstDifference(got, want))
	}
	if logins := gather(t, m.Logins(ctx)); !slices.IsSortedFunc(logins, func(a, b netcase.Login) int { return cmp.Compare(a.Time, b.Time) }) {
		t.Fatal("logins are not sorted by time")
	}
}

func firstDifference[T any](got, want []T) string {
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Sprintf("%d:\n%+v\nwant\n%+v", i, got[i], want[i])
		}
	}
	return "one is the beginning of the other"
}

// TestRunsRoundTrip writes rows with every extreme and reads them back.
func TestRunsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var rows []packed
	for range 5000 {
		p := packed{
			cell:  cell{peerLo: r.Uint64() >> r.IntN(64), hostLo: r.Uint64() >> r.IntN(64), rest: r.Uint64() &^ (kindMask<<peerKindShift | kindMask<<hostKindShift), hour: int32(r.Uint32()), sensor: r.Uint32() >> r.IntN(32)},
			flows: r.Int64() >> r.IntN(64), records: 1 + r.Int64()>>r.IntN(64), octetsOut: r.Int64N(5) - 1, octetsIn: -1, packetsOut: -1, packetsIn: r.Int64() - 1,
			first: r.Int64() >> r.IntN(30), minutes: r.Uint64(), agree: int64(r.IntN(2)), others: uint32(r.IntN(2)), conflict: r.IntN(2) == 0,
		}
		p.last = p.first + r.Int64N(1000)
		if r.IntN(3) == 0 {
			p.rest |= kind6 << peerKindShift
			p.peerHi = r.Uint64()
		}
		rows = append(rows, p)
	}
	for _, budget := range []int64{0, 1, 100_000} {
		keep := &keeper{budget: budget, temp: t.TempDir(), names: newNames()}
		w := keep.newRun(keep.names.reader().peersFirst())
		for i := range rows {
			if err := w.add(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		run, err := w.end()
		if err != nil {
			t.Fatal(err)
		}
		c := run.cursor(nil)
		for i := range rows {
			if ok, err := c.next(); !ok || err != nil || c.d.row != rows[i] {
				t.Fatalf("row %d with budget %d: %v %v\n%+v\nwant\n%+v", i, budget, ok, err, c.d.row, rows[i])
			}
		}
		if ok, err := c.next(); ok || err != nil {
			t.Fatal("the run does not end", err)
		}
		if run.release(); keep.used != 0 {
			t.Errorf("%d bytes are still held", keep.used)
		}
		if err := keep.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestManyRuns merges more runs than are read at a time.
func TestManyRuns(t *testing.T) {
	keep := &keeper{temp: t.TempDir(), names: newNames()}
	d := keep.names.reader()
	var runs []*run
	for i := range 3 * maxWays {
		r, err := keep.sealed([]packed{{cell: cell{peerLo: uint64(i % 7)}, flows: 1}, {cell: cell{peerLo: uint64(100 + i)}, flows: 1}}, d.peersFirst())
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	runs, err := keep.fewer(context.Background(), runs, d.peersFirst(), nil)
	if err != nil || len(runs) > maxWays {
		t.Fatal(len(runs), err)
	}
	m, err := mergeRuns(context.Background(), runs, d.peersFirst())
	if err != nil {
		t.Fatal(err)
	}
	var rows, flows int64
	for {
		p, err := m.next()
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			break
		}
		rows++
		flows += p.flows
	}
	if rows != 7+3*maxWays || flows != 6*maxWays {
		t.Errorf("%d rows, %d flows", rows, flows)
	}
}

// TestStretches joins so many rows that workers take a stretch each, with cells that
// several runs hold, names, both families of addresses, and accounts of two sensors.
func TestStretches(t *testing.T) {
	ctx := context.Background()
	flows := 100_000 // of each input
	if testing.Short() {
		flows = 70_000 // fewer are not cut into stretches
	}
	join := func(workers int, second bool) *answers {
		keep := &keeper{names: newNames(), workers: workers, temp: t.TempDir(), table: 20_000}
		r := rand.New(rand.NewPCG(4, 9))
		var inputs []netcase.Batch
		for range 2 {
			var b netcase.Batch
			for range flows {
				f := randomFlow(r)
				if !second {
					f.Sensor = "one"
				}
				f.DstPort = uint16(r.IntN(20_000))
				if f.Src.Addr.Is4() {
					f.Src = netcase.At(netip.AddrFrom4([4]byte{9, 9, byte(r.IntN(99)), 1}))
				}
				b.Flows = append(b.Flows, f)
			}
			inputs = append(inputs, b)
		}
		return foldAll(t, keep, 1, inputs)
	}
	for _, second := range []bool{true, false} {
		if testing.Short() && !second {
			continue // fewer things happen then
		}
		one, four := join(1, second), join(4, second)
		if cuts := cutsOf([]*run{one.rows}, 4); len(cuts) == 0 {
			t.Fatal("the rows are not cut")
		}
		if kept := len(four.parts) > 1; kept != second {
			t.Errorf("%d parts are kept", len(four.parts))
		}
		if got, want := gather(t, four.Rows(ctx, cube.Question{})), gather(t, one.Rows(ctx, cube.Question{})); !reflect.DeepEqual(got, want) {
			t.Fatalf("%d rows against %d: %s", len(got), len(want), firstDifference(got, want))
		}
		q := cube.TimelineQuestion{Step: cube.MinuteStep, By: cube.ByReach}
		if got, want := gather(t, four.Timeline(ctx, q)), gather(t, one.Timeline(ctx, q)); !reflect.DeepEqual(got, want) {
			t.Fatal("the minutes differ: " + firstDifference(got, want))
		}
		for _, by := range []cube.By{cube.ByHost, cube.ByPort, cube.BySensor, cube.ByReach, cube.ByDirection} { // counted in stretches, and joined
			q := cube.TimelineQuestion{Step: cube.HourStep, By: by}
			if got, want := gather(t, four.Timeline(ctx, q)), gather(t, one.Timeline(ctx, q)); len(want) == 0 || !reflect.DeepEqual(got, want) {
				t.Fatalf("the hours by %v differ: %s", by, firstDifference(got, want))
			}
		}
	}
}

// TestMinutesBelowTheBudget: a time line by the minute with more points than a table
// holds is worked out on disk, and is that of plenty.
func TestMinutesBelowTheBudget(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(3, 25))
	var b netcase.Batch
	for range 6000 {
		f := randomFlow(r)
		f.DstPort, f.Sensor = uint16(r.IntN(3000)), fmt.Sprint("s", r.IntN(30))
		b.Flows = append(b.Flows, f)
	}
	ask := func(budget int64, table int) (points []cube.Point, written int64) {
		keep := &keeper{budget: budget, temp: t.TempDir(), names: newNames(), workers: 1, table: table}
		m := foldAll(t, keep, 1, []netcase.Batch{b})
		at := func() int64 {
			if keep.file == nil {
				return 0
			}
			return keep.file.end
		}
		before := at()
		points = gather(t, m.Timeline(ctx, cube.TimelineQuestion{Step: cube.MinuteStep, By: cube.ByPort}))
		written = at() - before
		if budget == 1 && keep.used != 0 {
			t.Errorf("%d bytes are held where none may be", keep.used)
		}
		if err := m.close(); err != nil {
			t.Error(err)
		}
		return points, written
	}
	want, none := ask(0, 0)
	got, some := ask(1, 500)
	if none != 0 || some == 0 || len(want) < 5000 {
		t.Errorf("%d points; %d and %d bytes on disk", len(want), none, some)
	}
	if !slices.Equal(got, want) {
		t.Error("a small budget shows: " + firstDifference(got, want))
	}
}
