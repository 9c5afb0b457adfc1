package store

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// Memory is the engine that keeps its folds in memory. Each input is folded by
// itself; the folds are joined in the order of their hashes, so that neither the
// order of the inputs nor the number of workers shows in an answer.
type Memory struct {
	cfg     Config
	site    *netcase.Site
	inputs  []*folded // sorted by sha256, then by name
	rows    []cube.Row
	minutes map[cube.MinuteKey]cube.MinuteCount
	logins  []netcase.Login
	procs   []netcase.Process
	queries []netcase.Query
	names   map[netip.Addr]string
	once    sync.Once
	byHost  []int32               // m.rows in the order of Hosts
	refused []netcase.InputReport // what could not be opened, or need not be
}

// folded is what became of one input.
type folded struct {
	stream    source.Stream
	format    source.Format
	report    netcase.InputReport
	rows      map[cube.Key]cube.Counts
	minutes   map[cube.MinuteKey]cube.MinuteCount
	logins    []netcase.Login
	procs     []netcase.Process
	queries   []netcase.Query
	names     map[netip.Addr]string
	keys      []uint64 // natural keys of accepted flows
	duplicate map[uint64]bool
}

// Fold reads every stream once. A stream that cannot be read is reported and the
// others go on; an error means that the engine itself failed or was interrupted.
func Fold(ctx context.Context, cfg Config, site *netcase.Site, found source.Found) (*Memory, error) {
	streams := found.Streams
	m := &Memory{cfg: cfg, site: site, inputs: make([]*folded, len(streams)), refused: refusals(found)}
	meter := newMeter(cfg.Progress, 1, len(streams))
	err := m.parallel(ctx, len(streams), func(i int) {
		m.inputs[i] = m.fold(ctx, streams[i], nil, meter)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(m.inputs, func(a, b *folded) int {
		return cmp.Or(strings.Compare(a.report.SHA256, b.report.SHA256), strings.Compare(a.report.Name, b.report.Name))
	})
	m.markCopies()
	if err := m.refoldOverlaps(ctx); err != nil {
		return nil, err
	}
	m.join()
	return m, nil
}

// refusals reports what was found and is not a stream.
func refusals(found source.Found) (out []netcase.InputReport) {
	for _, r := range found.Refused {
		out = append(out, r.Report())
	}
	for _, s := range found.Skipped {
		out = append(out, netcase.InputReport{
			Name: source.Printable(s.Name), Read: 1, Skipped: 1, Reasons: map[string]int64{source.Printable(s.Reason): 1},
		})
	}
	return out
}

// parallel runs work for 0 … n-1 on the configured number of workers.
func (m *Memory) parallel(ctx context.Context, n int, work func(int)) error {
	workers := m.cfg.Workers
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, max(n, 1)) {
		wg.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return ctx.Err()
}

// fold reads one stream into its own fold.
func (m *Memory) fold(ctx context.Context, s source.Stream, duplicate map[uint64]bool, meter *meter) *folded {
	f := &folded{
		stream: s, report: netcase.InputReport{Name: source.Printable(s.Name), Notes: slices.Clone(s.Notes)}, duplicate: duplicate,
		rows: map[cube.Key]cube.Counts{}, minutes: map[cube.MinuteKey]cube.MinuteCount{}, names: map[netip.Addr]string{},
	}
	sum := sha256.New()
	err := m.decode(ctx, f, sum, meter, false, func(b *netcase.Batch) error { return m.take(ctx, f, b) })
	f.report.SHA256 = hex.EncodeToString(sum.Sum(nil))
	f.report.ID = "in-" + f.report.SHA256[:12]
	if err != nil {
		f.report.Error = source.Printable(err.Error())
	}
	slices.Sort(f.report.Sensors)
	slices.Sort(f.report.Resolution)
	slices.Sort(f.report.Notes)
	meter.done()
	return f
}

// decode opens a stream, recognises it and runs its decoder. The hash, where one
// is given, sees every byte even if the decoder stops early.
func (m *Memory) decode(ctx context.Context, f *folded, sum hash.Hash, meter *meter, raw bool, out source.Sink) (err error) {
	r, err := f.stream.Open()
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, r.Close()) }()
	counted := &counter{r: r, n: &f.report.Bytes, meter: meter, name: f.report.Name}
	if raw {
		counted.n = new(int64)
	}
	var all io.Reader = counted
	if sum != nil {
		all = io.TeeReader(counted, sum)
	}
	buffered := bufio.NewReaderSize(all, source.HeadSize)
	head, peekErr := buffered.Peek(source.HeadSize)
	defer func() { drain(ctx, buffered) }()
	if len(head) == 0 && peekErr != nil && peekErr != io.EOF {
		return peekErr
	}
	if f.format.Decode == nil {
		if f.format, err = source.Recognise(head); err != nil {
			return m.unrecognised(f, err)
		}
		f.report.Format = f.format.Name
	}
	in := &source.Input{Name: f.report.Name, R: buffered, Report: &f.report, Zone: m.cfg.Zone, Raw: raw, Duplicate: f.duplicate}
	if raw {
		in.Report = &netcase.InputReport{}
	}
	return f.run(ctx, in, out)
}

// run calls the decoder; a panic that the decoder did not contain ends this
// input, not the run.
func (f *folded) run(ctx context.Context, in *source.Input, out source.Sink) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: the decoder gave up: %v", f.format.Name, p)
		}
	}()
	return f.format.Decode(ctx, in, out)
}

// drain reads on so that the hash is of the whole input.
func drain(ctx context.Context, r io.Reader) {
	if ctx.Err() == nil {
		_, _ = io.Copy(io.Discard, r)
	}
}

// unrecognised reports an input of no known format. A file that merely lay in a
// folder beside telemetry is left out; one that the user named is an error.
func (m *Memory) unrecognised(f *folded, why error) error {
	if f.stream.Explicit || !prose(f.stream.Name) {
		return why
	}
	f.report.Read, f.report.Skipped = 1, 1
	f.report.Reasons = map[string]int64{"not telemetry": 1}
	return nil
}

// take folds a batch.
func (m *Memory) take(ctx context.Context, f *folded, b *netcase.Batch) error {
	for i := range b.Flows {
		m.takeFlow(f, &b.Flows[i])
	}
	for _, l := range b.Logins {
		l.Raw = nil
		f.logins = append(f.logins, l)
	}
	for _, p := range b.Processes {
		p.Raw = nil
		cube.LearnName(f.names, p.Host)
		f.procs = append(f.procs, p)
	}
	for _, q := range b.Queries {
		q.Raw = nil
		f.queries = append(f.queries, q)
	}
	return ctx.Err()
}

func (m *Memory) takeFlow(f *folded, flow *netcase.Flow) {
	m.assume(flow)
	if m.cfg.Span.End.Known() && flow.Cell() >= m.cfg.Span.End {
		return
	}
	if flow.Key != 0 {
		f.keys = append(f.keys, flow.Key)
	}
	cube.LearnName(f.names, flow.Src)
	cube.LearnName(f.names, flow.Dst)
	k := cube.KeyOf(flow, m.site)
	c := cube.CountsOf(flow)
	if old, ok := f.rows[k]; ok {
		c = old.Plus(c)
	}
	f.rows[k] = c
	cube.Minutes(&k, flow, func(mk cube.MinuteKey, n cube.MinuteCount) {
		old := f.minutes[mk]
		f.minutes[mk] = cube.MinuteCount{Flows: old.Flows + n.Flows, Failed: old.Failed + n.Failed}
	})
}

// assume puts what the user assumes in the place of an open outcome.
func (m *Memory) assume(f *netcase.Flow) {
	if m.cfg.Assume != netcase.ReachUnknown && !f.Reach.Decided() {
		f.Reach = m.cfg.Assume
	}
}

// markCopies keeps the first of inputs with equal bytes.
func (m *Memory) markCopies() {
	for i := 1; i < len(m.inputs); i++ {
		first, again := m.inputs[i-1], m.inputs[i]
		if first.report.SHA256 != again.report.SHA256 || again.report.Bytes == 0 {
			continue
		}
		r := &again.report
		*r = netcase.InputReport{
			ID: r.ID, Name: r.Name, SHA256: r.SHA256, Bytes: r.Bytes, Format: r.Format, Span: r.Span,
			Read: r.Read, Duplicate: r.Read, CopyOf: r.ID, Error: r.Error,
			Reasons: map[string]int64{"the same bytes as " + first.report.Name: r.Read},
		}
		again.rows, again.minutes, again.logins, again.procs, again.queries, again.keys = nil, nil, nil, nil, nil, nil
	}
}

// refoldOverlaps reads an input again, leaving out what an earlier one has
// delivered, where two exports of one table overlap in time and share records.
func (m *Memory) refoldOverlaps(ctx context.Context) error {
	type job struct {
		i         int
		duplicate map[uint64]bool
	}
	var jobs []job
	for i, f := range m.inputs {
		if len(f.keys) == 0 {
			continue
		}
		seen := map[uint64]bool{}
		for k, other := range m.inputs {
			if k != i && goesBefore(other, f, k < i) && other.report.Format == f.report.Format && other.report.Span.Overlaps(f.report.Span) {
				shared(seen, other.keys, f.keys)
			}
		}
		if len(seen) > 0 {
			jobs = append(jobs, job{i, seen})
		}
	}
	meter := newMeter(m.cfg.Progress, 1, len(jobs))
	return m.parallel(ctx, len(jobs), func(k int) {
		j := jobs[k]
		m.inputs[j.i] = m.fold(ctx, m.inputs[j.i].stream, j.duplicate, meter)
	})
}

// goesBefore tells whose account of a shared record stands: that of the longer
// input, since of two downloads of one growing blob the later one knows more; of
// equal ones, the first by hash.
func goesBefore(a, b *folded, first bool) bool {
	if a.report.Bytes != b.report.Bytes {
		return a.report.Bytes > b.report.Bytes
	}
	return first
}

// shared adds the keys that both lists hold.
func shared(into map[uint64]bool, a, b []uint64) {
	set := make(map[uint64]struct{}, len(a))
	for _, k := range a {
		set[k] = struct{}{}
	}
	for _, k := range b {
		if _, ok := set[k]; ok {
			into[k] = true
		}
	}
}

// join makes one fold of all. The folds are given up one by one, so that the rows
// are not held twice.
func (m *Memory) join() {
	m.minutes, m.names = map[cube.MinuteKey]cube.MinuteCount{}, map[netip.Addr]string{}
	n := 0
	for _, f := range m.inputs {
		n += len(f.rows)
	}
	m.rows = make([]cube.Row, 0, n)
	for _, f := range m.inputs {
		for k, c := range f.rows {
			m.rows = append(m.rows, cube.Row{Key: k, Counts: c, Hours: 1})
		}
		if len(m.minutes) == 0 {
			m.minutes = f.minutes
		} else {
			for k, n := range f.minutes {
				old := m.minutes[k]
				m.minutes[k] = cube.MinuteCount{Flows: old.Flows + n.Flows, Failed: old.Failed + n.Failed}
			}
		}
		for a, n := range f.names {
			cube.LearnName(m.names, netcase.Endpoint{Addr: a, Name: n})
		}
		m.logins, m.procs, m.queries = append(m.logins, f.logins...), append(m.procs, f.procs...), append(m.queries, f.queries...)
		f.rows, f.minutes, f.logins, f.procs, f.queries, f.keys = nil, nil, nil, nil, nil, nil
	}
	cube.Sort(m.rows, cube.Peers)
	m.rows = cube.Reconcile(cube.MergeEqual(m.rows))
	slices.SortStableFunc(m.logins, func(a, b netcase.Login) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(m.procs, func(a, b netcase.Process) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(m.queries, func(a, b netcase.Query) int { return cmp.Compare(a.Time, b.Time) })
}

// Rows answers a question with rows.
func (m *Memory) Rows(ctx context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
	asked := func(r *cube.Row) bool { return cube.Asked(&r.Key, q.Directions, q.Span) }
	switch q.Kind {
	case cube.Pairs:
		var rows []cube.Row
		for i := range m.rows {
			if asked(&m.rows[i]) {
				rows = append(rows, m.rows[i])
			}
		}
		return answer(ctx, cube.MergePairs(rows))
	case cube.Hosts:
		order := m.hostOrder()
		return m.each(ctx, len(order), func(i int) *cube.Row { return &m.rows[order[i]] }, asked)
	}
	return m.each(ctx, len(m.rows), func(i int) *cube.Row { return &m.rows[i] }, asked)
}

// hostOrder is the order by host, worked out when it is first asked for.
func (m *Memory) hostOrder() []int32 {
	m.once.Do(func() { m.byHost = cube.Order(m.rows, cube.Hosts) })
	return m.byHost
}

// each streams the rows that are asked for.
func (m *Memory) each(ctx context.Context, n int, at func(int) *cube.Row, asked func(*cube.Row) bool) iter.Seq2[cube.Row, error] {
	return func(yield func(cube.Row, error) bool) {
		for i := range n {
			if i%4096 == 0 && ctx.Err() != nil {
				yield(cube.Row{}, ctx.Err())
				return
			}
			if r := at(i); asked(r) && !yield(*r, nil) {
				return
			}
		}
	}
}

// Timeline answers a question with points.
func (m *Memory) Timeline(ctx context.Context, q cube.TimelineQuestion) iter.Seq2[cube.Point, error] {
	if q.Step == cube.HourStep {
		return answer(ctx, cube.HourPoints(m.rows, q))
	}
	sums := map[cube.Point]cube.MinuteCount{}
	for k, n := range m.minutes {
		start := netcase.Time(k.Minute) * netcase.Minute
		if k.By != q.By || !q.Span.Contains(start) || len(q.Directions) > 0 && !slices.Contains(q.Directions, k.Direction) {
			continue
		}
		p := cube.Point{Series: k.Series, Sensor: k.Sensor, Start: start}
		old := sums[p]
		sums[p] = cube.MinuteCount{Flows: old.Flows + n.Flows, Failed: old.Failed + n.Failed}
	}
	points := make([]cube.Point, 0, len(sums))
	for p, n := range sums {
		p.Flows, p.Failed = n.Flows, n.Failed
		points = append(points, p)
	}
	cube.SortPoints(points)
	return answer(ctx, points)
}

// Logins answers with all logins by time.
func (m *Memory) Logins(ctx context.Context) iter.Seq2[netcase.Login, error] {
	return answer(ctx, m.logins)
}

// Processes answers with all process records by time.
func (m *Memory) Processes(ctx context.Context) iter.Seq2[netcase.Process, error] {
	return answer(ctx, m.procs)
}

// Queries answers with all name resolutions by time.
func (m *Memory) Queries(ctx context.Context) iter.Seq2[netcase.Query, error] {
	return answer(ctx, m.queries)
}

func answer[T any](ctx context.Context, items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, x := range items {
			if i%4096 == 0 && ctx.Err() != nil {
				var zero T
				yield(zero, ctx.Err())
				return
			}
			if !yield(x, nil) {
				return
			}
		}
	}
}

// Coverage reports on the inputs, sorted by name and hash.
func (m *Memory) Coverage() netcase.Coverage {
	c := netcase.Coverage{Inputs: slices.Clone(m.refused)}
	for _, f := range m.inputs {
		c.Inputs = append(c.Inputs, f.report)
	}
	slices.SortFunc(c.Inputs, func(a, b netcase.InputReport) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.SHA256, b.SHA256))
	})
	if len(m.rows) > 0 {
		c.Families = append(c.Families, "flow")
	}
	if len(m.logins) > 0 {
		c.Families = append(c.Families, "login")
	}
	if len(m.procs) > 0 {
		c.Families = append(c.Families, "process")
	}
	if len(m.queries) > 0 {
		c.Families = append(c.Families, "query")
	}
	return c
}

// Names maps addresses to the machine names that inputs give them.
func (m *Memory) Names() map[netip.Addr]string { return m.names }

// Details reads the inputs that can hold a wish once more.
func (m *Memory) Details(ctx context.Context, wants []cube.Want) (cube.Details, error) {
	all := cube.NewCollector(wants)
	var again []*folded
	for _, f := range m.inputs {
		if f.report.Flows > 0 && f.report.CopyOf == "" {
			again = append(again, f)
		}
	}
	parts := make([]*cube.Collector, len(again))
	meter := newMeter(m.cfg.Progress, 2, len(again))
	err := m.parallel(ctx, len(again), func(i int) {
		parts[i] = m.collect(ctx, again[i], wants, meter)
	})
	if err != nil {
		return cube.Details{}, err
	}
	for _, p := range parts {
		all.Merge(p)
	}
	return all.Details(), nil
}

// collect gathers the details of one input.
func (m *Memory) collect(ctx context.Context, f *folded, wants []cube.Want, meter *meter) *cube.Collector {
	c := cube.NewCollector(wants)
	err := m.decode(ctx, f, nil, meter, true, func(b *netcase.Batch) error {
		for i := range b.Flows {
			flow := &b.Flows[i]
			m.assume(flow)
			k := cube.KeyOf(flow, m.site)
			if c.Wanted(k.Peer) {
				c.Add(f.report.ID, &k, flow)
			}
		}
		return ctx.Err()
	})
	if err != nil && f.report.Error == "" {
		c.Note(f.report.Name + ": original records are not available: " + source.Printable(err.Error()))
	}
	meter.done()
	return c
}
