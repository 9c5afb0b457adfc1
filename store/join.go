package store

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"sync"

	"netcase/cube"
)

// join makes one account of all folds.
func join(ctx context.Context, keep *keeper, folds []*fold) (*answers, error) {
	m := &answers{keep: keep, logs: newLogs(keep), names: newNameBook()}
	for _, f := range folds {
		m.parts, m.extras = append(m.parts, f.runs...), append(m.extras, f.extras...)
		m.logs.take(f.logs)
		m.names.join(f.names)
		releaseKeys(f.keys)
		f.runs, f.extras, f.keys, f.names = nil, nil, nil, nil
	}
	m.names.prune()
	repeats := newRepeats(keep)
	var err error
	if m.parts, err = keep.fewer(ctx, m.parts, keep.names.reader().peersFirst(), repeats.note); err != nil {
		return nil, err
	}
	if err = repeats.seal(); err != nil {
		return nil, err
	}
	m.extras = append(m.extras, repeats.runs...)
	return m, m.reconcile(ctx)
}

// reconcile merges the parts and settles each cell, as cube.Reconcile does, and counts
// the settled rows for the time lines. Workers take a stretch of the rows each.
func (m *answers) reconcile(ctx context.Context) error {
	cuts := cutsOf(m.parts, max(m.keep.workers, 1))
	stretches := make([]stretch, len(cuts)+1)
	errs := make([]error, len(stretches))
	var wg sync.WaitGroup
	for i := range stretches {
		s := &stretches[i]
		s.answers, s.repeats, s.lines = m, newRepeats(m.keep), m.newLines()
		if i > 0 {
			s.from = &cuts[i-1]
		}
		if i < len(cuts) {
			s.until = &cuts[i]
		}
		if i == len(stretches)-1 { // no need of others
			errs[i] = s.reconcile(ctx)
			break
		}
		wg.Go(func() { errs[i] = s.reconcile(ctx) })
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	m.rows, m.lines = &run{keep: m.keep}, stretches[0].lines
	single := true
	var lines []*lines
	for i := range stretches {
		m.rows.take(stretches[i].rows)
		single = single && !stretches[i].several
		lines = append(lines, stretches[i].lines)
	}
	if err := m.lines.join(ctx, lines[1:]); err != nil {
		return err
	}
	if !single {
		for i := range stretches {
			stretches[i].repeats.drop()
			m.agreement.Join(&stretches[i].agreement)
		}
		return m.agree(ctx)
	}
	// The rows are the parts, merged: what the bits of the minutes lost there stands
	// in the repeats, and the parts need not be kept.
	for _, p := range m.parts {
		p.release()
	}
	m.parts = []*run{m.rows}
	for i := range stretches {
		m.extras = append(m.extras, stretches[i].repeats.runs...)
	}
	return nil
}

// cutsOf are n-1 leads, or fewer, that cut the rows of runs into about equal
// stretches. Rows of one cell lie on the same side of each.
func cutsOf(runs []*run, n int) []lead {
	const least = 64 // blocks that are worth a goroutine
	var all []lead
	for _, r := range runs {
		for i := range r.blocks {
			l := r.blocks[i].lead
			l.second &^= 1<<reachInLead - 1
			all = append(all, l)
		}
	}
	slices.SortFunc(all, lead.compare)
	var cuts []lead
	for i := 1; i < min(n, len(all)/least); i++ {
		cuts = append(cuts, all[i*len(all)/n])
	}
	return slices.Compact(cuts)
}

// stretch is some of the rows while they are settled.
type stretch struct {
	*answers
	from, until *lead // nil: without bound
	rows        *run
	several     bool // sensors gave accounts of one cell
	agreement   cube.Agreement
	repeats     *repeats
	lines       *lines
}

func (s *stretch) reconcile(ctx context.Context) error {
	d := s.keep.names.reader()
	by := d.peersFirst()
	var cursors []*cursor
	for _, r := range s.parts {
		cursors = append(cursors, r.cursorAt(s.from))
	}
	in, err := mergeCursors(ctx, cursors, by, s.from, s.until)
	if err != nil {
		return err
	}
	in.joined = s.repeats.note
	out := s.keep.newRun(by)
	var group []packed // the rows of one cell
	for {
		p, err := in.next()
		if err != nil {
			return err
		}
		if len(group) > 0 && (p == nil || !p.sameCell(&group[0])) {
			if err := s.settle(d, group, out); err != nil {
				return err
			}
			group = group[:0]
		}
		if p == nil {
			break
		}
		group = append(group, *p)
	}
	if s.rows, err = out.end(); err != nil {
		return err
	}
	return cmp.Or(s.repeats.seal(), s.lines.end(ctx))
}

// settle writes the account of one cell.
func (s *stretch) settle(d *reader, group []packed, out *runWriter) error {
	for i := range group {
		if group[i].sensor != group[0].sensor {
			s.several = true
			group = s.agreed(d, group)
			break
		}
	}
	for i := range group {
		if err := cmp.Or(out.add(&group[i]), s.lines.count(&group[i])); err != nil {
			return err
		}
	}
	return nil
}

// agreed is the account that several sensors give of one cell.
func (s *stretch) agreed(d *reader, group []packed) []packed {
	rows := make([]cube.Row, len(group))
	for i := range group {
		d.unpack(&group[i], &rows[i])
	}
	s.agreement.Cell(rows)
	rows = cube.Reconcile(rows)
	out := make([]packed, len(rows))
	for i := range rows {
		out[i] = s.keep.names.pack(&rows[i])
	}
	return out
}

// repeats counts the flows that two rows of one cell have in the same minute: their
// bit stands for one flow, and so does that of the row they are joined to.
type repeats struct {
	keep  *keeper
	table *table
	runs  []*run
	err   error
}

func newRepeats(k *keeper) *repeats { return &repeats{keep: k, table: newTable()} }

// note is told of two rows before they are joined.
func (r *repeats) note(p, o *packed) {
	for both := p.minutes & o.minutes; both != 0; both &= both - 1 {
		r.table.extra(&p.cell, int64(p.hour)*60+int64(bits.TrailingZeros64(both)), 1)
	}
	if len(r.table.rows) >= r.keep.tableRows() {
		r.err = cmp.Or(r.err, r.seal())
	}
}

func (r *repeats) seal() error {
	if r.err != nil || len(r.table.rows) == 0 {
		return r.err
	}
	made, err := r.keep.sealed(r.table.rows, byMinute)
	if err != nil {
		return err
	}
	r.runs = append(r.runs, made)
	r.table.reset()
	return nil
}

func (r *repeats) drop() {
	for _, made := range r.runs {
		made.release()
	}
	r.runs = nil
}
