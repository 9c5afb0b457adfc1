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
	keep    *keeper
	compare order
	rows    []packed
	limit   int
	runs    []*run
}

func (k *keeper) sorter(compare order) *sorter {
	return &sorter{keep: k, compare: compare, limit: k.tableRows()}
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
	r, err := s.keep.sealed(s.rows, s.compare)
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
	return s.keep.fewer(ctx, s.runs, s.compare)
}

// sealed sorts rows and encodes them.
func (k *keeper) sealed(rows []packed, compare order) (*run, error) {
	at := make([]uint32, len(rows))
	for i := range at {
		at[i] = uint32(i)
	}
	slices.SortFunc(at, func(a, b uint32) int { return compare(&rows[a], &rows[b]) })
	w := k.newRun()
	for _, i := range at {
		if err := w.add(&rows[i]); err != nil {
			return nil, err
		}
	}
	return w.end()
}
