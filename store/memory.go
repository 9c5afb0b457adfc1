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
	inputs  []*folded             // sorted by sha256, then by name
	refused []netcase.InputReport // what could not be opened, or need not be
	keep    *keeper
	*answers
}

// folded is what became of one input.
type folded struct {
	stream source.Stream
	format source.Format
	report netcase.InputReport
	*fold
	duplicate map[uint64]bool
}

// Fold reads every stream once. A stream that cannot be read is reported and the
// others go on; an error means that the engine itself failed or was interrupted.
func Fold(ctx context.Context, cfg Config, site *netcase.Site, found source.Found) (*Memory, error) {
	streams := found.Streams
	m := &Memory{cfg: cfg, site: site, inputs: make([]*folded, len(streams)), refused: refusals(found)}
	m.keep = newKeeper(&m.cfg, m.workers(), len(streams) == 1)
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
	folds := make([]*fold, len(m.inputs))
	for i, f := range m.inputs {
		folds[i] = f.fold
	}
	m.answers, err = join(ctx, m.keep, folds)
	return m, err
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

// workers is how many streams are read at a time.
func (m *Memory) workers() int {
	if m.cfg.Workers > 0 {
		return m.cfg.Workers
	}
	return runtime.NumCPU()
}

// parallel runs work for 0 … n-1 on the configured number of workers.
func (m *Memory) parallel(ctx context.Context, n int, work func(int)) error {
	workers := m.workers()
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
		fold: newFold(&m.cfg, m.site, m.keep),
	}
	sum := sha256.New()
	w := f.worker()
	err := m.decode(ctx, f, sum, meter, false, func(b *netcase.Batch) error { return w.take(ctx, b) })
	err = cmp.Or(err, w.close(), f.seal())
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
		if f.format, err = source.Recognise(m.cfg.formats(), head); err != nil {
			return m.unrecognised(f, err)
		}
		f.report.Format = f.format.Name
	}
	in := &source.Input{Name: f.report.Name, R: buffered, Report: &f.report, Zone: m.cfg.Zone, Raw: raw, Duplicate: f.duplicate}
	if raw {
		in.Report = &netcase.InputReport{}
	}
	if err := f.run(ctx, in, out); err != nil {
		return err
	}
	if f.format.Join != nil {
		f.format.Join(in)
	}
	return nil
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

// assume puts what the user assumes in the place of an open outcome.
func assume(cfg *Config, f *netcase.Flow) {
	if cfg.Assume != netcase.ReachUnknown && !f.Reach.Decided() {
		f.Reach = cfg.Assume
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
		again.drop()
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

// Coverage reports on the inputs, sorted by name and hash.
func (m *Memory) Coverage() netcase.Coverage {
	c := netcase.Coverage{Inputs: slices.Clone(m.refused)}
	for _, f := range m.inputs {
		c.Inputs = append(c.Inputs, f.report)
	}
	slices.SortFunc(c.Inputs, func(a, b netcase.InputReport) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.SHA256, b.SHA256))
	})
	c.Families = m.families()
	return c
}

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
			assume(&m.cfg, flow)
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

// Close gives up temporary files. No question may be asked after it.
func (m *Memory) Close() error { return m.keep.close() }
