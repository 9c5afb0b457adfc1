package store

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	slots   chan struct{} // one for each part that is being decoded
	seen    sync.Pool     // of *seen, for the next part
	*answers
}

// folded is what became of one input.
type folded struct {
	stream source.Stream
	format source.Format
	report netcase.InputReport
	*fold
	duplicate *delivered // by inputs that go before; nil: nothing
	parts     []partNote // for the second pass
	waits     bool       // its times have no year: it is read after the others
	near      near
	begin     func(*source.Input) // of every part
}

// near is when other inputs were.
type near struct {
	known bool
	span  netcase.Span
	why   string
}

// Fold reads every stream once. A stream that cannot be read is reported and the
// others go on; an error means that the engine itself failed or was interrupted.
func Fold(ctx context.Context, cfg Config, site *netcase.Site, found source.Found) (*Memory, error) {
	streams := found.Streams
	m := &Memory{cfg: cfg, site: site, inputs: make([]*folded, len(streams)), refused: refusals(found)}
	m.keep = newKeeper(&m.cfg, m.workers(), len(streams) == 1)
	m.slots = make(chan struct{}, m.workers())
	meter := newMeter(cfg.Progress, 1, len(streams), onDiskTotal(streams))
	err := m.parallel(ctx, len(streams), func(i int) {
		m.inputs[i] = &folded{stream: streams[i]}
		m.fold(ctx, m.inputs[i], meter)
	})
	err = cmp.Or(err, m.foldUndated(ctx, meter))
	if err != nil {
		return nil, errors.Join(err, m.keep.close())
	}
	slices.SortFunc(m.inputs, func(a, b *folded) int {
		return cmp.Or(strings.Compare(a.report.SHA256, b.report.SHA256), strings.Compare(a.report.Name, b.report.Name))
	})
	m.markCopies()
	if err := m.refoldOverlaps(ctx); err != nil {
		return nil, errors.Join(err, m.keep.close())
	}
	folds := make([]*fold, len(m.inputs))
	for i, f := range m.inputs {
		folds[i] = f.fold
	}
	m.stage("joining what was read")
	m.answers, err = join(ctx, m.keep, folds)
	return m, err
}

// stage tells what is done now.
func (m *Memory) stage(what string) {
	if m.cfg.Progress != nil {
		m.cfg.Progress(Progress{Stage: what})
	}
}

// foldUndated reads the inputs whose times lack the year, now that it is known when
// the others were.
func (m *Memory) foldUndated(ctx context.Context, meter *meter) error {
	n := near{known: true}
	var late []*folded
	for _, f := range m.inputs {
		if f == nil {
			continue
		}
		if f.waits {
			late = append(late, f)
		} else if f.report.Span.Start.Known() {
			n.span, n.why = n.span.Join(f.report.Span), "the other inputs"
		}
	}
	if n.why == "" && (m.cfg.Span.Start.Known() || m.cfg.Span.End.Known()) {
		n.span, n.why = m.cfg.Span, "the span that was asked for"
	}
	return m.parallel(ctx, len(late), func(i int) {
		late[i].near = n
		m.fold(ctx, late[i], meter)
	})
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
func (m *Memory) fold(ctx context.Context, f *folded, meter *meter) {
	f.fold = m.emptyFold(f)
	f.report = netcase.InputReport{Name: source.Printable(f.stream.Name), Notes: slices.Clone(f.stream.Notes)}
	f.parts = nil
	sum := sha256.New()
	err := m.first(ctx, f, sum, meter)
	if f.waits {
		return
	}
	f.report.SHA256 = hex.EncodeToString(sum.Sum(nil))
	f.report.ID = "in-" + f.report.SHA256[:12]
	if err != nil {
		f.report.Error = source.Printable(err.Error())
	}
	slices.Sort(f.report.Sensors)
	slices.Sort(f.report.Resolution)
	slices.Sort(f.report.Notes)
	meter.done()
}

// emptyFold is what an input is folded into. One that is read again has been compared
// with the others.
func (m *Memory) emptyFold(f *folded) *fold {
	out := newFold(&m.cfg, m.site, m.keep)
	out.keyed = out.keyed && f.duplicate == nil
	return out
}

// sinks makes a sink for one goroutine, and what ends it.
type sinks func() (out source.Sink, done func() error)

// first is the first reading of a stream: it is hashed, recognised and folded. The
// hash sees every byte even if the decoder stops early.
func (m *Memory) first(ctx context.Context, f *folded, sum hash.Hash, meter *meter) (err error) {
	r, err := f.stream.Open()
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, r.Close()) }()
	ahead := readAhead(io.TeeReader(&counter{r: r, n: &f.report.Bytes, meter: meter, name: f.report.Name}, sum))
	defer ahead.stop()
	buffered := bufio.NewReaderSize(ahead, source.HeadSize)
	head, peekErr := buffered.Peek(source.HeadSize)
	if len(head) == 0 && peekErr != nil && peekErr != io.EOF {
		return peekErr
	}
	if f.format.Decode == nil {
		if f.format, err = source.Recognise(m.cfg.formats(), head); err != nil {
			drain(ctx, buffered)
			return m.unrecognised(f, err)
		}
	}
	if f.waits = !f.near.known && f.format.Undated != nil && f.format.Undated(head); f.waits {
		return nil
	}
	f.report.Format = f.format.Name
	in := m.input(f, buffered, &f.report, false)
	sink := func() (source.Sink, func() error) {
		w := f.worker()
		return func(b *netcase.Batch) error { return w.take(ctx, b) }, w.close
	}
	var split *source.Split
	if f.format.Split != nil {
		split = f.format.Split(head)
	}
	if split != nil {
		f.begin = split.Begin
		err = m.inParts(ctx, f, in, split, buffered, sink)
		if err == nil && split.Whole != nil && split.Whole(in) {
			drain(ctx, buffered)
			return m.again(ctx, f, sink)
		}
	} else {
		err = m.wholly(ctx, f, in, sink)
	}
	if err == nil && f.format.Join != nil {
		f.format.Join(in)
	}
	drain(ctx, buffered)
	return err
}

// again folds a stream as a whole whose parts could not be decoded by themselves. It
// is hashed already.
func (m *Memory) again(ctx context.Context, f *folded, sink sinks) error {
	f.drop()
	f.fold = m.emptyFold(f)
	r, err := f.stream.Open()
	if err != nil {
		return err
	}
	f.begin, f.parts = nil, nil
	old := f.report
	f.report = netcase.InputReport{Name: old.Name, Notes: slices.Clone(f.stream.Notes), Format: old.Format, Bytes: old.Bytes}
	ahead := readAhead(r)
	in := m.input(f, ahead, &f.report, false)
	err = m.wholly(ctx, f, in, sink)
	if err == nil && f.format.Join != nil {
		f.format.Join(in)
	}
	ahead.stop()
	return cmp.Or(err, r.Close())
}

func (m *Memory) input(f *folded, r io.Reader, report *netcase.InputReport, raw bool) *source.Input {
	return &source.Input{
		Name: f.report.Name, R: r, Report: report, Zone: m.cfg.Zone, Raw: raw, Duplicate: f.duplicate.asked(),
		Near: f.near.span, NearWhy: f.near.why, File: f.stream.File, Alone: m.keep.alone,
		Workers: m.workers() - 1,
	}
}

// partInput is the input of a part.
func (m *Memory) partInput(f *folded, raw bool) *source.Input {
	in := m.input(f, nil, &netcase.InputReport{}, raw)
	if f.begin != nil {
		f.begin(in)
	}
	return in
}

// wholly decodes a stream that cannot be split.
func (m *Memory) wholly(ctx context.Context, f *folded, in *source.Input, sink sinks) error {
	out, done := sink()
	s := &seen{}
	err := f.run(ctx, in, s.watched(out))
	if !in.Raw {
		f.parts = []partNote{{size: wholeStream, first: s.first, last: s.last, peers: s.bloom(), holds: s.holds}}
	}
	return cmp.Or(err, done())
}

// decoded is what became of one part.
type decoded struct {
	in   *source.Input
	note partNote
	err  error
}

// inParts decodes the parts of a stream side by side and adds their reports up in
// the order of the parts.
func (m *Memory) inParts(ctx context.Context, f *folded, in *source.Input, split *source.Split, r io.Reader, sink sinks) error {
	parts := newPartReader(r, split, m.partSize(), partLimit)
	var results []*decoded
	err := m.side(ctx, parts.read, parts.last, sink, func(p *part, out source.Sink) *decoded {
		own := m.partInput(f, false)
		d := &decoded{in: own, note: partNote{lead: p.lead, from: p.from, size: int64(len(p.body))}}
		s, _ := m.seen.Get().(*seen)
		if s == nil {
			s = &seen{}
		}
		if d.err = decodePart(ctx, f.format, p, own, s.watched(out)); p.rest != nil {
			d.note.size = wholeStream
		}
		d.note.first, d.note.last, d.note.peers, d.note.holds = s.first, s.last, s.bloom(), s.holds
		s.reset()
		m.seen.Put(s)
		return d
	}, &results)
	for _, d := range results {
		if d == nil {
			continue // interrupted
		}
		in.Absorb(d.in)
		f.parts = append(f.parts, d.note)
		err = cmp.Or(err, d.err)
	}
	if slices.ContainsFunc(f.parts, func(n partNote) bool { return n.size == wholeStream }) {
		f.parts = []partNote{{size: wholeStream}} // where its parts are cannot be told; any may hold anything
	}
	return cmp.Or(err, parts.err)
}

// side decodes parts side by side, as many at a time as there are workers: over all
// streams together no more decode at once.
func (m *Memory) side(ctx context.Context, next func() *part, last func() bool, sink sinks, decode func(*part, source.Sink) *decoded, results *[]*decoded) error {
	work := func(parts <-chan *part, put func(*part, *decoded)) (err error) {
		out, done := sink()
		defer func() { err = cmp.Or(err, done()) }()
		for p := range parts {
			m.slots <- struct{}{}
			d := decode(p, out)
			<-m.slots
			put(p, d)
			if p.spare != nil {
				p.pool.Put(p.spare)
			}
		}
		return nil
	}
	var mu sync.Mutex
	put := func(p *part, d *decoded) {
		mu.Lock()
		defer mu.Unlock()
		for len(*results) <= p.index {
			*results = append(*results, nil)
		}
		(*results)[p.index] = d
	}
	p := next()
	parts := make(chan *part, partsAhead)
	if p == nil {
		return nil
	}
	if last() { // one part: no need of others
		parts <- p
		close(parts)
		return work(parts, put)
	}
	var wg sync.WaitGroup
	errs := make([]error, m.workers())
	for i := range m.workers() {
		wg.Go(func() { errs[i] = work(parts, put) })
	}
	for ; p != nil && ctx.Err() == nil; p = next() {
		parts <- p
	}
	close(parts)
	wg.Wait()
	return cmp.Or(append(errs, ctx.Err())...)
}

func (m *Memory) partSize() int {
	if m.cfg.part > 0 {
		return m.cfg.part
	}
	return partSize
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
	var jobs []*folded
	for i, f := range m.inputs {
		runs, err := m.keep.fewerKeys(ctx, f.keys)
		if err != nil {
			return err
		}
		m.inputs[i].keys = runs
	}
	for i, f := range m.inputs {
		before := m.keysBefore(i)
		if len(f.keys) == 0 || len(before) == 0 {
			continue
		}
		var err error
		if f.duplicate, err = m.keep.sharedKeys(ctx, before, f.keys); err != nil {
			return err
		}
		if f.duplicate != nil {
			jobs = append(jobs, f)
		}
	}
	var again []source.Stream
	for _, f := range jobs {
		again = append(again, f.stream)
	}
	meter := newMeter(m.cfg.Progress, 1, len(jobs), onDiskTotal(again))
	err := m.parallel(ctx, len(jobs), func(k int) {
		jobs[k].drop()
		m.fold(ctx, jobs[k], meter)
	})
	for _, f := range jobs {
		err = cmp.Or(err, f.duplicate.err())
	}
	return err
}

// keysBefore are the keys of the inputs of the same format and time that go before one.
func (m *Memory) keysBefore(i int) (runs []*keyRun) {
	f := m.inputs[i]
	for k, other := range m.inputs {
		if k != i && goesBefore(other, f, k < i) && other.report.Format == f.report.Format && other.report.Span.Overlaps(f.report.Span) {
			runs = append(runs, other.keys...)
		}
	}
	return runs
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
	m.tellAgreement(&c)
	return c
}

// Details reads the inputs that can hold a wish once more.
func (m *Memory) Details(ctx context.Context, wants []cube.Want) (cube.Details, error) {
	told, err := m.foretell(ctx, wants, m.countable())
	if err != nil {
		return cube.Details{}, err
	}
	all, err := m.details(ctx, wants, told)
	if err == nil && short(all, wants, told.counts) { // records that are several to a flow, or ranks that are not as even as they should be
		all, err = m.details(ctx, wants, foretold{only: told.only})
	}
	if err != nil {
		return cube.Details{}, err
	}
	return all.Details(), nil
}

// countable tells which wishes rows may count: those where that spares a decoder work and
// the hour of a row is that of its flows; of a wish beyond what was folded they know too little.
func (m *Memory) countable() func(*cube.Want) bool {
	some := slices.ContainsFunc(m.inputs, func(f *folded) bool { return f.format.Draws }) &&
		!slices.ContainsFunc(m.inputs, func(f *folded) bool { return f.fold != nil && f.drifts })
	end := m.cfg.Span.End
	return func(w *cube.Want) bool {
		until := w.Selection.Span.End
		return some && (!end.Known() || until.Known() && until <= end)
	}
}

// short tells whether fewer records were found of a wish than there must be, because not
// all of its flows were looked at.
func short(c *cube.Collector, wants []cube.Want, counts map[int]cube.Count) bool {
	for i := range counts {
		if _, drawn := barOf(&wants[i], counts[i].Records); drawn && c.Short(i) {
			return true
		}
	}
	return false
}

// details gathers the details; of wishes that rows count only what is needed for a sample.
func (m *Memory) details(ctx context.Context, wants []cube.Want, told foretold) (*cube.Collector, error) {
	counts := told.counts
	collector := func() *cube.Collector {
		c := cube.NewCollector(wants)
		if told.only != nil {
			c.Only(told.only)
		}
		for i := range counts {
			c.Counted(i, counts[i].Open)
		}
		return c
	}
	all := collector()
	for i := range counts {
		all.AddTotal(i, counts[i].Records)
	}
	var again []*folded
	for _, f := range m.inputs {
		if f.report.CopyOf == "" && slices.ContainsFunc(f.parts, func(n partNote) bool { return n.mayHold(wants) }) {
			again = append(again, f)
		}
	}
	parts := make([]*cube.Collector, len(again))
	total := int64(0)
	for _, f := range again {
		total += f.wantedBytes(wants)
	}
	meter := newMeter(m.cfg.Progress, 2, len(again), total)
	drawing, plain := newWanted(wants, counts), newWanted(wants, nil)
	err := m.parallel(ctx, len(again), func(i int) {
		wanted := plain
		if again[i].format.Draws {
			wanted = drawing
		}
		parts[i] = m.collect(ctx, again[i], wants, wanted, collector, meter)
	})
	for _, p := range parts {
		if p != nil {
			all.Merge(p)
		}
	}
	return all, err
}

// collect gathers the details of one input.
func (m *Memory) collect(ctx context.Context, f *folded, wants []cube.Want, wanted *wanted, collector func() *cube.Collector, meter *meter) *cube.Collector {
	all := collector()
	var mu sync.Mutex
	err := m.second(ctx, f, wants, wanted, meter, func() (source.Sink, func() error) {
		c := collector()
		take := func(b *netcase.Batch) error {
			for i := range b.Flows {
				flow := &b.Flows[i]
				assume(&m.cfg, flow)
				if k := cube.KeyOf(flow, m.site); c.Wanted(k.Peer, k.Host) {
					c.Add(f.report.ID, &k, flow)
				}
			}
			c.AddEvents(f.report.ID, b)
			return ctx.Err()
		}
		return take, func() error {
			mu.Lock()
			defer mu.Unlock()
			all.Merge(c)
			return nil
		}
	})
	if err != nil && f.report.Error == "" {
		all.Note(f.report.Name + ": original records are not available: " + source.Printable(err.Error()))
	}
	meter.done()
	return all
}

// second reads once more those parts of an input that may hold a wish.
func (m *Memory) second(ctx context.Context, f *folded, wants []cube.Want, wanted *wanted, meter *meter, sink sinks) (err error) {
	r, err := f.stream.Open()
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, r.Close()) }()
	if f.parts[0].size == wholeStream {
		ahead := readAhead(&counter{r: r, n: new(int64), meter: meter, name: f.report.Name, plain: true})
		defer ahead.stop()
		in := m.input(f, ahead, &netcase.InputReport{}, true)
		wanted.within(&f.parts[0], f.report.ID).tell(in)
		return m.wholly(ctx, f, in, sink)
	}
	var results []*decoded
	var readErr error
	at, next := int64(0), 0
	pool := &sync.Pool{New: func() any { return new([]byte) }}
	read := func() *part {
		for ; next < len(f.parts) && readErr == nil; next++ {
			n := &f.parts[next]
			if !n.mayHold(wants) {
				continue
			}
			p := n.part(next, pool)
			if readErr = skip(r, n.from.Offset-at); readErr == nil {
				_, readErr = io.ReadFull(r, p.body)
			}
			at = n.from.Offset + n.size
			meter.read(f.report.Name, n.size, n.size)
			next++
			return p
		}
		return nil
	}
	last := func() bool {
		return !slices.ContainsFunc(f.parts[next:], func(n partNote) bool { return n.mayHold(wants) })
	}
	err = m.side(ctx, read, last, sink, func(p *part, out source.Sink) *decoded {
		in := m.partInput(f, true)
		wanted.within(&f.parts[p.index], f.report.ID).tell(in)
		return &decoded{err: decodePart(ctx, f.format, p, in, out)}
	}, &results)
	for _, d := range results {
		if d != nil {
			err = cmp.Or(err, d.err)
		}
	}
	return cmp.Or(err, readErr)
}

// skip passes over bytes, without reading them where that is possible.
func skip(r io.Reader, n int64) error {
	if n == 0 {
		return nil
	}
	if s, ok := r.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// Close gives up temporary files. No question may be asked after it.
func (m *Memory) Close() error { return m.keep.close() }
