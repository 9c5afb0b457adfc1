package detect

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"netcase"
	"netcase/cube"
)

// desk takes the questions of detectors that work side by side. A question about rows
// waits until every detector that is still at work has asked one; then one reading of the
// rows answers all that wait for the same order. Which questions share a reading shows
// in no answer.
type desk struct {
	ctx      context.Context
	answerer cube.Answerer
	pages    sync.Pool
	readings sync.WaitGroup

	mu      sync.Mutex
	atWork  int // detectors that neither wait nor have ended
	waiting []*query
}

// query is one question that waits at the desk, and then its answer.
type query struct {
	cube.Question
	begun chan struct{} // closed when the reading begins
	pages chan *page    // nil: nobody shares the reading; the asker reads for himself
	gone  chan struct{} // closed when the asker wants no more
	err   error         // why the pages ended; to be looked at after the last of them
}

// page is some rows on their way to all that share a reading.
type page struct {
	rows    []row
	readers atomic.Int32 // that have not put it back
	desk    *desk
}

const (
	pageRows   = 256
	pagesAhead = 32 // that may wait for a slow asker: with fewer the askers wait for each other
)

func newDesk(ctx context.Context, answerer cube.Answerer, detectors int) *desk {
	d := &desk{ctx: ctx, answerer: answerer, atWork: detectors}
	d.pages.New = func() any { return &page{rows: make([]row, 0, pageRows), desk: d} }
	return d
}

// ask waits until the question can share a reading.
func (d *desk) ask(q cube.Question) *query {
	a := &query{Question: q, begun: make(chan struct{}), gone: make(chan struct{})}
	d.mu.Lock()
	d.waiting = append(d.waiting, a)
	d.step()
	d.mu.Unlock()
	<-a.begun
	return a
}

// leave says that a detector has ended.
func (d *desk) leave() {
	d.mu.Lock()
	d.step()
	d.mu.Unlock()
}

// together does parts of a detector's work at the same time, so that they can share the
// reading of what they ask for. Each part has an Input of its own, and shares with the
// others only what it locks.
func (in *Input) together(parts ...func(*Input)) {
	if in.desk == nil || in.reading { // who reads an answer would keep the parts waiting
		for _, part := range parts {
			part(in)
		}
		return
	}
	var left atomic.Int32
	left.Store(int32(len(parts)))
	in.desk.join(len(parts) - 1) // the caller waits: a part takes its place
	errs, panics, notes := make([]error, len(parts)), make([]any, len(parts)), make([][]string, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() {
			own := *in
			own.notes = nil
			defer func() {
				errs[i], panics[i], notes[i] = own.err, recover(), own.notes
				if left.Add(-1) > 0 {
					in.desk.leave()
				}
			}()
			part(&own)
		})
	}
	wg.Wait()
	in.err = cmp.Or(append([]error{in.err}, errs...)...)
	in.notes = append(in.notes, slices.Concat(notes...)...)
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// beside does a part of a detector's work that asks for no rows while the detector goes on,
// so that no reading waits for it. It has an Input of its own; wait returns when it is done.
func (in *Input) beside(part func(*Input)) (wait func()) {
	own := *in
	own.desk = nil
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		part(&own)
	}()
	return func() {
		p := <-done
		if in.err = cmp.Or(in.err, own.err); p != nil {
			panic(p)
		}
	}
}

// join says that so many more are at work.
func (d *desk) join(n int) {
	d.mu.Lock()
	d.atWork += n
	d.mu.Unlock()
}

// step notes that one detector less is at work, and begins to answer when it was the last.
func (d *desk) step() {
	if d.atWork--; d.atWork > 0 || len(d.waiting) == 0 {
		return
	}
	round := d.waiting
	d.waiting, d.atWork = nil, len(round)
	for len(round) > 0 {
		var same, others []*query
		for _, a := range round {
			if a == round[0] || shares(&round[0].Question, &a.Question) {
				same = append(same, a)
			} else {
				others = append(others, a)
			}
		}
		d.begin(same)
		round = others
	}
}

// shares tells whether one reading can serve two questions of different askers. The rows of pairs are joined
// over the hours of their span, and some ends are cheaper to read than all.
func shares(a, b *cube.Question) bool {
	return a.Kind == b.Kind && len(a.Hosts)+len(b.Hosts)+len(a.Peers)+len(b.Peers) == 0 && (a.Kind != cube.Pairs || a.Span == b.Span)
}

// begin lets the askers of one reading go on.
func (d *desk) begin(same []*query) {
	for _, a := range same {
		if len(same) > 1 {
			a.pages = make(chan *page, pagesAhead)
		}
		close(a.begun)
	}
	if len(same) > 1 {
		d.readings.Go(func() { d.read(same) })
	}
}

// read hands the rows that any asker wants to all of them.
func (d *desk) read(askers []*query) {
	all := askers
	end := func(err error) {
		for _, a := range all {
			a.err = err
			close(a.pages)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			end(fmt.Errorf("panic: %v", p))
		}
	}()
	p := d.pages.Get().(*page)
	var marks marks
	err := cube.FillRows(d.ctx, d.answerer, unionOf(askers), func(filled *cube.Row) *cube.Row {
		n := len(p.rows)
		if filled != nil {
			p.rows = p.rows[:n+1]
			if marks.mark(&p.rows[n]); n+1 == pageRows {
				if askers = handOut(p, askers); len(askers) == 0 {
					return nil
				}
				p, n = d.pages.Get().(*page), -1
			}
			n++
		}
		return &p.rows[:n+1][n].Row
	})
	if err == nil {
		handOut(p, askers)
	}
	end(err)
}

// handOut gives a page to all askers and returns those that may want more.
func handOut(p *page, askers []*query) (left []*query) {
	p.readers.Store(int32(len(askers)))
	for _, a := range askers {
		select {
		case a.pages <- p:
			left = append(left, a)
		case <-a.gone:
			p.putBack()
		}
	}
	return left
}

// putBack says that one reader needs a page no longer.
func (p *page) putBack() {
	if p.readers.Add(-1) == 0 {
		p.rows = p.rows[:0]
		p.desk.pages.Put(p)
	}
}

// unionOf is a question that asks for everything that some others ask for.
func unionOf(askers []*query) cube.Question {
	u := askers[0].Question
	for _, a := range askers[1:] {
		u.Directions = union(u.Directions, a.Directions)
		u.Ports = union(u.Ports, a.Ports)
		u.Reaches = union(u.Reaches, a.Reaches)
		u.Span = hull(u.Span, a.Span)
	}
	return u
}

// union joins two lists of which an empty one means everything.
func union[T comparable](a, b []T) []T {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// hull is the shortest span that holds two others; an end that is not known is open.
func hull(a, b netcase.Span) (s netcase.Span) {
	if a.Start.Known() && b.Start.Known() {
		s.Start = min(a.Start, b.Start)
	}
	if a.End.Known() && b.End.Known() {
		s.End = max(a.End, b.End)
	}
	return s
}

// each visits the rows of the answer until visit wants no more.
func (a *query) each(visit func(*row) bool) error {
	defer close(a.gone)
	wants := sieveOf(&a.Question)
	for p := range a.pages {
		for i := range p.rows {
			if wants.admits(&p.rows[i].Key) && !visit(&p.rows[i]) {
				return nil
			}
		}
		p.putBack()
	}
	return a.err
}

// sieve is a question made ready to be put to many rows.
type sieve struct {
	ways, reaches uint32 // a bit each
	ports         cube.PortSet
	from, until   int64 // hours
}

func sieveOf(q *cube.Question) *sieve {
	s := &sieve{ports: cube.NewPortSet(q.Ports), from: math.MinInt64, until: math.MaxInt64}
	// The rows of pairs have no hour: all that share a reading ask for the same. Others lie in
	// a span if their hour begins there.
	if q.Kind != cube.Pairs && q.Span.Start.Known() {
		s.from = (q.Span.Start + netcase.Hour - 1).Hour()
	}
	if q.Kind != cube.Pairs && q.Span.End.Known() {
		s.until = (q.Span.End + netcase.Hour - 1).Hour()
	}
	for _, d := range q.Directions {
		s.ways |= 1 << d
	}
	for _, r := range q.Reaches {
		s.reaches |= 1 << r
	}
	if len(q.Directions) == 0 {
		s.ways = math.MaxUint32
	}
	if len(q.Reaches) == 0 {
		s.reaches = math.MaxUint32
	}
	return s
}

func (s *sieve) admits(k *cube.Key) bool {
	return s.ways>>k.Direction&(s.reaches>>k.Reach)&1 == 1 && k.Hour >= s.from && k.Hour < s.until && (s.ports == nil || s.ports.Has(k.Port))
}
