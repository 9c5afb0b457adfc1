package store

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"math"
	"sync"

	"netcase"
	"netcase/cube"
)

// foretold is what the rows say of wishes before the inputs are read again.
type foretold struct {
	counts map[int]cube.Count // what meets the wishes that rows can count, by their index
	// only are the pairs with the most records of those whose starts are wished for, where
	// there are more than can be kept; nil where there are not.
	only map[cube.Pair]bool
}

// foretell asks the rows of every input what meets those wishes that may is content with,
// and the rows of all which pairs are the busiest: in one reading where these are the same.
func (m *answers) foretell(ctx context.Context, wants []cube.Want, may func(*cube.Want) bool) (out foretold, err error) {
	readers := make([]*wishReader, max(m.keep.workers, 1))
	for i := range readers {
		readers[i] = m.wishReader(m.newTallying(cube.NewTally(wants, may), wants), m.newStarting(wants))
	}
	t, s := readers[0].tallying, readers[0].starting
	switch {
	case t == nil && s == nil:
		return out, nil
	case t != nil && s != nil && len(m.parts) == 1 && m.parts[0] == m.rows:
		err = readWishes(ctx, readers, m.parts)
	default:
		if t != nil {
			err = readWishes(ctx, m.half(readers, true), m.parts)
		}
		if s != nil && err == nil {
			err = readWishes(ctx, m.half(readers, false), []*run{m.rows})
		}
	}
	if err != nil {
		return out, err
	}
	for _, r := range readers[1:] {
		r.joinTo(readers[0])
	}
	out.counts = t.counts(wants)
	if s != nil && len(s.few) > cube.MaxPairs {
		out.only, err = m.busiest(ctx, s.wishes)
	}
	return out, err
}

// readWishes shows every reader a part of each run.
func readWishes(ctx context.Context, readers []*wishReader, runs []*run) error {
	own := make([][]*run, len(readers))
	for _, r := range runs {
		for i, part := range r.split(len(readers)) {
			own[i] = append(own[i], part)
		}
	}
	errs := make([]error, len(readers))
	var wg sync.WaitGroup
	for i, r := range readers {
		wg.Go(func() { errs[i] = visit(ctx, own[i], r.take) })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// half is readers that count, or gather pairs, alone.
func (m *answers) half(readers []*wishReader, count bool) []*wishReader {
	out := make([]*wishReader, len(readers))
	for i, r := range readers {
		if out[i] = m.wishReader(r.tallying, nil); !count {
			out[i] = m.wishReader(nil, r.starting)
		}
	}
	return out
}

// wishReader puts wishes to packed rows. They come by peer, so that a peer that nobody
// asks for is passed over with most of its rows.
type wishReader struct {
	*tallying
	*starting
	d       *reader
	row     cube.Row
	before  packed
	known   bool // before is set
	tallied bool // rows of the peer are counted
	started bool // its starts are wished for
}

func (m *answers) wishReader(t *tallying, s *starting) *wishReader {
	return &wishReader{tallying: t, starting: s, d: m.keep.names.reader()}
}

// joinTo hands what was read to the reader of the rows before.
func (w *wishReader) joinTo(o *wishReader) {
	if w.tallying != nil {
		o.tally.Join(w.tally)
	}
	if w.starting != nil {
		maps.Copy(o.few, w.few)
	}
}

func (w *wishReader) take(p *packed) error {
	if !w.known || w.d.comparePeers(p, &w.before) != 0 {
		w.before, w.known = *p, true
		peer := w.d.end(p.peerKind(), p.peerHi, p.peerLo)
		w.tallied = w.tallying != nil && w.tally.Peer(peer)
		w.started = w.starting != nil && w.wishes.Asked(peer)
	}
	tallied := w.tallied || w.tallying != nil && w.mayCount(p)
	if !tallied && !w.started {
		return nil
	}
	w.d.unpack(p, &w.row)
	if tallied {
		w.tally.Add(&w.row)
	}
	if w.started {
		w.starting.add(&w.row)
	}
	return nil
}

// tallying counts what meets wishes. Rows that only their host or their hour may bring
// into question are told by these before they are unpacked.
type tallying struct {
	tally *cube.Tally
	hosts [1 << 10]uint64 // a bit for each hash of an IPv4 host that is named, and a direction
	named bool            // other hosts are
	hours []hourSpan      // of wishes that name no end
}

// hourSpan is hours from one until before another.
type hourSpan struct{ from, until int32 }

// newTallying is nil where there is nothing to count.
func (m *answers) newTallying(tally *cube.Tally, wants []cube.Want) *tallying {
	if tally == nil {
		return nil
	}
	t := &tallying{tally: tally}
	for i := range wants {
		if _, ok := tally.Of(i); ok {
			t.note(&wants[i].Selection, m.keep.names)
		}
	}
	return t
}

func (t *tallying) note(s *netcase.Selection, n *names) {
	switch {
	case len(s.Peers) > 0: // the tally knows them
	case len(s.Hosts) > 0:
		for i := range s.Hosts {
			kind, _, lo := n.packEnd(&s.Hosts[i])
			t.named = t.named || kind != kind4
			for d := range netcase.Direction(directionMask + 1) {
				if s.Direction == netcase.DirectionUnknown || s.Direction == d {
					word, bit := hostBit(lo, d)
					t.hosts[word] |= bit
				}
			}
		}
	default:
		h := hourSpan{math.MinInt32, math.MaxInt32}
		if s.Span.Start.Known() {
			h.from = hourOf(s.Span.Start)
		}
		if s.Span.End.Known() {
			h.until = hourOf(s.Span.End + netcase.Hour - 1)
		}
		t.hours = append(t.hours, h)
	}
}

func hostBit(lo uint64, d netcase.Direction) (word, bit uint64) {
	h := (lo<<8 | uint64(d)) * 0x9e3779b97f4a7c15 >> (64 - 16)
	return h >> 6, 1 << (h & 63)
}

// mayCount tells whether a row may meet a wish that does not name its peer.
func (t *tallying) mayCount(p *packed) bool {
	for _, h := range t.hours {
		if p.hour >= h.from && p.hour < h.until {
			return true
		}
	}
	if p.hostKind() != kind4 {
		return t.named
	}
	word, bit := hostBit(p.hostLo, p.direction())
	return t.hosts[word]&bit != 0
}

// counts are those of the wishes that were counted, by their index.
func (t *tallying) counts(wants []cube.Want) map[int]cube.Count {
	if t == nil {
		return nil
	}
	out := map[int]cube.Count{}
	for i := range wants {
		if c, ok := t.tally.Of(i); ok {
			out[i] = c
		}
	}
	return out
}

// starting gathers the pairs whose starts are wished for, until they are too many.
type starting struct {
	wishes *cube.StartWishes
	few    map[cube.Pair]bool
}

// newStarting is nil where no starts are wished for.
func (m *answers) newStarting(wants []cube.Want) *starting {
	wishes := cube.NewStartWishes(wants)
	if wishes == nil {
		return nil
	}
	return &starting{wishes, map[cube.Pair]bool{}}
}

func (s *starting) add(r *cube.Row) {
	if len(s.few) <= cube.MaxPairs && s.wishes.Holds(r) {
		s.few[cube.PairOf(&r.Key)] = true
	}
}

// busiest are the pairs with the most records whose starts are wished for.
func (m *answers) busiest(ctx context.Context, wished *cube.StartWishes) (map[cube.Pair]bool, error) {
	d := m.keep.names.reader()
	by := d.pairsFirst()
	sorted := m.keep.sorter(by)
	if err := m.eachWished(ctx, wished, d, sorted.add); err != nil {
		return nil, err
	}
	runs, err := sorted.end(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, r := range runs {
			r.release()
		}
	}()
	return m.busiestOf(ctx, runs, by)
}

// eachWished visits the rows whose starts are wished for.
func (m *answers) eachWished(ctx context.Context, wished *cube.StartWishes, d *reader, take func(*packed) error) error {
	var r cube.Row
	var before packed
	known, asked := false, false
	return visit(ctx, []*run{m.rows}, func(p *packed) error {
		if !known || d.comparePeers(p, &before) != 0 {
			before, known = *p, true
			asked = wished.Asked(d.end(p.peerKind(), p.peerHi, p.peerLo))
		}
		if !asked {
			return nil
		}
		if d.unpack(p, &r); !wished.Holds(&r) {
			return nil
		}
		return take(p)
	})
}

// busiestOf are the busiest pairs of rows that come by pair.
func (m *answers) busiestOf(ctx context.Context, runs []*run, by ordering) (map[cube.Pair]bool, error) {
	in, err := mergeRuns(ctx, runs, by)
	if err != nil {
		return nil, err
	}
	d := m.keep.names.reader()
	var top busyPairs
	var open busyPair
	for {
		p, err := in.next()
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		var r cube.Row
		d.unpack(p, &r)
		if pair := cube.PairOf(&r.Key); open.records == 0 || pair != open.Pair {
			top.offer(open)
			open = busyPair{Pair: pair}
		}
		open.records += min(r.Records, r.Flows)
	}
	top.offer(open)
	out := map[cube.Pair]bool{}
	for _, p := range top {
		out[p.Pair] = true
	}
	return out, nil
}

// busyPair is a pair with the number of its records.
type busyPair struct {
	cube.Pair
	records int64
}

// busyPairs is a heap of the busiest pairs, the least busy first. Of equally busy
// pairs the first in order stays: they are offered in order.
type busyPairs []busyPair

func (b busyPairs) Len() int           { return len(b) }
func (b busyPairs) Less(i, j int) bool { return b[i].records < b[j].records }
func (b busyPairs) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *busyPairs) Push(x any)        { *b = append(*b, x.(busyPair)) }
func (b *busyPairs) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}

func (b *busyPairs) offer(p busyPair) {
	switch {
	case p.records == 0:
	case len(*b) < cube.MaxPairs:
		heap.Push(b, p)
	case p.records > (*b)[0].records:
		(*b)[0] = p
		heap.Fix(b, 0)
	}
}
