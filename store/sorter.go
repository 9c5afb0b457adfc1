package store

import (
	"cmp"
	"context"
	"slices"
)

// order compares packed rows.
type order func(a, b *packed) int

// ordering is an order with two numbers by which most rows are told apart without
// looking at them: where the lead of a is smaller, or it is equal and the second is
// smaller, a comes before b.
type ordering struct {
	compare order
	lead    func(*packed) lead
}

type lead struct{ first, second uint64 }

func (l lead) compare(o lead) int {
	return cmp.Or(cmp.Compare(l.first, o.first), cmp.Compare(l.second, o.second))
}

// less orders rows by their leads, and then by themselves.
func (o *ordering) less(a lead, x *packed, b lead, y *packed) bool {
	if a.first != b.first {
		return a.first < b.first
	}
	if a.second != b.second {
		return a.second < b.second
	}
	return o.compare(x, y) < 0
}

// maxWays is how many runs are merged at a time: each takes a block in memory.
const maxWays = 512

// merged streams the rows of sorted runs in order. Rows with equal cells stand
// beside each other; add joins them.
type merged struct {
	ctx   context.Context
	by    ordering
	until *lead // nil: to the end
	heads []head
	// The runs play a tournament: losers[1:] are the nodes of its tree, each with
	// the run that lost there, and losers[0] is the one that lost nowhere.
	losers []int32
	row    packed
	rows   int64
	joined func(p, o *packed) // told before o is added to p; may be nil
}

// head is a run and its row at hand.
type head struct {
	lead lead
	*cursor
	ended bool
}

func mergeRuns(ctx context.Context, runs []*run, by ordering) (*merged, error) {
	cursors := make([]*cursor, len(runs))
	for i, r := range runs {
		cursors[i] = r.cursor(nil)
	}
	return mergeCursors(ctx, cursors, by, nil, nil)
}

// mergeCursors merges the rows behind cursors from one lead until before another.
func mergeCursors(ctx context.Context, cursors []*cursor, by ordering, from, until *lead) (*merged, error) {
	m := &merged{ctx: ctx, by: by, until: until, heads: make([]head, len(cursors)), losers: make([]int32, len(cursors))}
	for i, c := range cursors {
		h := &m.heads[i]
		h.cursor = c
		for first := true; first || from != nil && !h.ended && h.lead.compare(*from) < 0; first = false {
			if err := m.step(h); err != nil {
				return nil, err
			}
		}
	}
	if len(m.heads) > 0 {
		m.losers[0] = m.play(1)
	}
	return m, nil
}

// step moves a run on.
func (m *merged) step(h *head) error {
	ok, err := h.next()
	if h.ended = !ok; ok {
		h.lead = m.by.lead(&h.d.row)
		h.ended = m.until != nil && h.lead.compare(*m.until) >= 0
	}
	return err
}

// play is the winner of the tournament below a node; it notes who lost. The leaves
// are the nodes from len(heads) on.
func (m *merged) play(node int) int32 {
	if node >= len(m.heads) {
		return int32(node - len(m.heads))
	}
	a, b := m.play(2*node), m.play(2*node+1)
	if m.before(b, a) {
		a, b = b, a
	}
	m.losers[node] = b
	return a
}

// before tells whether the row of one run comes before that of another.
func (m *merged) before(a, b int32) bool {
	x, y := &m.heads[a], &m.heads[b]
	if x.ended || y.ended {
		return !x.ended
	}
	return m.by.less(x.lead, &x.d.row, y.lead, &y.d.row)
}

// next is the next row, joined with those of equal cells; nil at the end. It is
// valid until the next call.
func (m *merged) next() (*packed, error) {
	if len(m.heads) == 0 || m.heads[m.losers[0]].ended {
		return nil, nil
	}
	if m.rows++; m.rows%4096 == 0 && m.ctx.Err() != nil {
		return nil, m.ctx.Err()
	}
	first := &m.heads[m.losers[0]]
	m.row = first.d.row
	lead := first.lead
	if err := m.advance(); err != nil {
		return nil, err
	}
	for {
		h := &m.heads[m.losers[0]]
		if h.ended || h.lead != lead || h.d.row.cell != m.row.cell {
			return &m.row, nil
		}
		if m.joined != nil {
			m.joined(&m.row, &h.d.row)
		}
		m.row.add(&h.d.row)
		if err := m.advance(); err != nil {
			return nil, err
		}
	}
}

// advance moves the winning run on and plays its matches again.
func (m *merged) advance() error {
	w := m.losers[0]
	if err := m.step(&m.heads[w]); err != nil {
		return err
	}
	for node := (int(w) + len(m.heads)) / 2; node > 0; node /= 2 {
		if m.before(m.losers[node], w) {
			w, m.losers[node] = m.losers[node], w
		}
	}
	m.losers[0] = w
	return nil
}

// fewer merges runs until at most maxWays are left. Those that were merged are given
// up; joined, where it is set, is told of rows before one is added to the other.
func (k *keeper) fewer(ctx context.Context, runs []*run, by ordering, joined func(p, o *packed)) ([]*run, error) {
	for len(runs) > maxWays {
		m, err := mergeRuns(ctx, runs[:maxWays], by)
		if err != nil {
			return nil, err
		}
		m.joined = joined
		w := k.newRun(by)
		for {
			p, err := m.next()
			if err != nil {
				return nil, err
			}
			if p == nil {
				break
			}
			if err := w.add(p); err != nil {
				return nil, err
			}
		}
		joined, err := w.end()
		if err != nil {
			return nil, err
		}
		for _, r := range runs[:maxWays] {
			r.release()
		}
		runs = append(slices.Clone(runs[maxWays:]), joined)
	}
	return runs, nil
}

// sorter sorts rows that come in any order, within the budget.
type sorter struct {
	keep  *keeper
	by    ordering
	rows  []packed
	limit int
	runs  []*run
}

func (k *keeper) sorter(by ordering) *sorter {
	return &sorter{keep: k, by: by, limit: k.tableRows()}
}

func (s *sorter) add(p *packed) error {
	s.rows = append(s.rows, *p)
	if len(s.rows) < s.limit {
		return nil
	}
	return s.seal()
}

func (s *sorter) seal() error {
	if len(s.rows) == 0 {
		return nil
	}
	r, err := s.keep.sealed(s.rows, s.by)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, r)
	s.rows = s.rows[:0]
	return nil
}

// end is the sorted rows as few runs.
func (s *sorter) end(ctx context.Context) ([]*run, error) {
	if err := s.seal(); err != nil {
		return nil, err
	}
	s.rows = nil
	return s.keep.fewer(ctx, s.runs, s.by, nil)
}

// keyed is the place of a row among those that are sorted, with its lead.
type keyed struct {
	lead uint64
	at   uint32
}

// sealed sorts rows and encodes them.
func (k *keeper) sealed(rows []packed, by ordering) (*run, error) {
	at, second := make([]keyed, len(rows)), make([]uint64, len(rows))
	for i := range rows {
		l := by.lead(&rows[i])
		at[i], second[i] = keyed{l.first, uint32(i)}, l.second
	}
	at = sortKeyed(at)
	for from := 0; from < len(at); { // those whose leads are equal
		to := from + 1
		for to < len(at) && at[to].lead == at[from].lead {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(at[from:to], func(a, b keyed) int {
				if x, y := second[a.at], second[b.at]; x != y {
					return cmp.Compare(x, y)
				}
				return by.compare(&rows[a.at], &rows[b.at])
			})
		}
		from = to
	}
	w := k.newRun(by)
	// The rows stand anywhere in memory: copying a few at a time, which waits for all
	// of them together, is faster than meeting each when it is encoded.
	var near [16]packed
	for len(at) > 0 {
		n := min(len(at), len(near))
		for i, x := range at[:n] {
			near[i] = rows[x.at]
		}
		for i := range n {
			if err := w.add(&near[i]); err != nil {
				return nil, err
			}
		}
		at = at[n:]
	}
	return w.end()
}

// sortKeyed sorts by the lead, a byte at a time from the lowest; bytes that are equal
// everywhere are passed over.
func sortKeyed(a []keyed) []keyed {
	const few = 256 // below this the counting costs more than it saves
	if len(a) < few {
		slices.SortFunc(a, func(x, y keyed) int { return cmp.Compare(x.lead, y.lead) })
		return a
	}
	var counts [8][256]uint32
	for i := range a {
		for b, x := 0, a[i].lead; b < len(counts); b, x = b+1, x>>8 {
			counts[b][byte(x)]++
		}
	}
	to := make([]keyed, len(a))
	for b := range counts {
		if counts[b][byte(a[0].lead>>(8*b))] == uint32(len(a)) {
			continue
		}
		sum := uint32(0)
		for i, n := range counts[b] {
			counts[b][i], sum = sum, sum+n
		}
		for i := range a {
			n := &counts[b][byte(a[i].lead>>(8*b))]
			to[*n] = a[i]
			*n++
		}
		a, to = to, a
	}
	return a
}

func (d *reader) peersFirst() ordering {
	return ordering{d.byPeer, func(p *packed) lead {
		return leadOf(p, p.peerKind(), p.peerHi, p.peerLo, p.hostKind(), p.hostHi, p.hostLo)
	}}
}

func (d *reader) hostsFirst() ordering {
	return ordering{d.byHost, func(p *packed) lead {
		return leadOf(p, p.hostKind(), p.hostHi, p.hostLo, p.peerKind(), p.peerHi, p.peerLo)
	}}
}

// leadOf is the lead where one end comes first, then the hour, then the other end and
// the rest. Names are told apart by their text, so that nothing behind one counts.
func leadOf(p *packed, kind, hi, lo, kind2, hi2, lo2 uint64) lead {
	switch kind {
	case kind4:
		return lead{lo<<hourBits | hourLead(p.hour), endLead(kind2, hi2, lo2, p.rest)}
	case kind6:
		return lead{1<<62 | hi>>2, hi<<62 | lo>>2}
	}
	return lead{first: 1 << 63} // names come last
}

func (d *reader) pairsFirst() ordering {
	return ordering{d.byPair, func(p *packed) lead {
		switch p.peerKind() {
		case kind4:
			return lead{p.peerLo << hourBits, endLead(p.hostKind(), p.hostHi, p.hostLo, p.rest)}
		case kind6:
			return lead{1<<62 | p.peerHi>>2, p.peerHi<<62 | p.peerLo>>2}
		}
		return lead{first: 1 << 63}
	}}
}

// hourBits are left above an IPv4 address and the two bits of the kind.
const hourBits = 30

// reachInLead is how many bits of the reach a lead ends with, where any.
const reachInLead = 3

// endLead is the upper bits of an end: its kind, and as much of its address as fits;
// behind one of IPv4 there is room for the port, the protocol, the direction and the
// greater part of the reach.
func endLead(kind, hi, lo, rest uint64) uint64 {
	switch kind {
	case kind4:
		return lo<<hourBits | rest>>(directionShift-reachInLead)
	case kind6:
		return 1<<62 | hi>>2
	}
	return 1 << 63 // kindName comes last
}

// hourLead is an hour in 30 bits, in order.
func hourLead(hour int32) uint64 {
	const most = 1<<hourBits - 1
	return uint64(min(max(int64(hour)+1<<(hourBits-1), 0), most))
}
