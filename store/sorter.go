package store

import (
	"container/heap"
	"context"
	"slices"
)

// order compares packed rows.
type order func(a, b *packed) int

// maxWays is how many runs are merged at a time: each takes a block in memory.
const maxWays = 512

// merged streams the rows of sorted runs in order. Rows with equal cells stand
// beside each other; add joins them.
type merged struct {
	ctx     context.Context
	compare order
	heads   []*cursor // a heap by their current row
	row     packed
	rows    int64
}

func (m *merged) Len() int           { return len(m.heads) }
func (m *merged) Less(i, j int) bool { return m.compare(&m.heads[i].d.row, &m.heads[j].d.row) < 0 }
func (m *merged) Swap(i, j int)      { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merged) Push(x any)         { m.heads = append(m.heads, x.(*cursor)) }
func (m *merged) Pop() any {
	last := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return last
}

func mergeRuns(ctx context.Context, runs []*run, compare order) (*merged, error) {
	m := &merged{ctx: ctx, compare: compare}
	for _, r := range runs {
		c := r.cursor(nil)
		ok, err := c.next()
		if err != nil {
			return nil, err
		}
		if ok {
			m.heads = append(m.heads, c)
		}
	}
	heap.Init(m)
	return m, nil
}

// next is the next row, joined with those of equal cells; nil at the end. It is
// valid until the next call.
func (m *merged) next() (*packed, error) {
	if len(m.heads) == 0 {
		return nil, nil
	}
	if m.rows++; m.rows%4096 == 0 && m.ctx.Err() != nil {
		return nil, m.ctx.Err()
	}
	m.row = m.heads[0].d.row
	if err := m.advance(); err != nil {
		return nil, err
	}
	for len(m.heads) > 0 && m.heads[0].d.row.cell == m.row.cell {
		m.row.add(&m.heads[0].d.row)
		if err := m.advance(); err != nil {
			return nil, err
		}
	}
	return &m.row, nil
}

// advance moves the first run on.
func (m *merged) advance() error {
	ok, err := m.heads[0].next()
	if err != nil {
		return err
	}
	if !ok {
		heap.Pop(m)
		return nil
	}
	if len(m.heads) > 1 {
		heap.Fix(m, 0)
	}
	return nil
}

// fewer merges runs until at most maxWays are left. Those that were merged are given up.
func (k *keeper) fewer(ctx context.Context, runs []*run, compare order) ([]*run, error) {
	for len(runs) > maxWays {
		m, err := mergeRuns(ctx, runs[:maxWays], compare)
		if err != nil {
			return nil, err
		}
		w := k.newRun()
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
	return s.keep.fewer(ctx, s.runs, s.by.compare)
}

// sealed sorts rows and encodes them. lead is a number by which most rows are told
// apart without looking at them: lead(a) < lead(b) only if a comes before b.
func (k *keeper) sealed(rows []packed, by ordering) (*run, error) {
	type keyed struct {
		lead uint64
		at   uint32
	}
	at := make([]keyed, len(rows))
	for i := range rows {
		at[i] = keyed{by.lead(&rows[i]), uint32(i)}
	}
	slices.SortFunc(at, func(a, b keyed) int {
		switch {
		case a.lead < b.lead:
			return -1
		case a.lead > b.lead:
			return 1
		}
		return by.compare(&rows[a.at], &rows[b.at])
	})
	w := k.newRun()
	for _, x := range at {
		if err := w.add(&rows[x.at]); err != nil {
			return nil, err
		}
	}
	return w.end()
}

// ordering is an order with its lead.
type ordering struct {
	compare order
	lead    func(*packed) uint64
}

func (d *reader) peersFirst() ordering {
	return ordering{d.byPeer, func(p *packed) uint64 {
		lead := endLead(p.peerKind(), p.peerHi, p.peerLo)
		if p.peerKind() == kind4 {
			lead |= hourLead(p.hour)
		}
		return lead
	}}
}

func (d *reader) hostsFirst() ordering {
	return ordering{d.byHost, func(p *packed) uint64 {
		lead := endLead(p.hostKind(), p.hostHi, p.hostLo)
		if p.hostKind() == kind4 {
			lead |= hourLead(p.hour)
		}
		return lead
	}}
}

func (d *reader) pairsFirst() ordering {
	return ordering{d.byPair, func(p *packed) uint64 { return endLead(p.peerKind(), p.peerHi, p.peerLo) }}
}

// endLead is the upper bits of an end: its kind, and as much of its address as fits
// above 30 bits that an IPv4 address leaves free. Names are told apart by their text.
func endLead(kind, hi, lo uint64) uint64 {
	switch kind {
	case kind4:
		return lo << 30
	case kind6:
		return 1<<62 | hi>>2
	}
	return 1 << 63 // kindName comes last
}

// hourLead is an hour in 30 bits, in order.
func hourLead(hour int32) uint64 {
	const most = 1<<30 - 1
	return uint64(min(max(int64(hour)+1<<29, 0), most))
}
