package store

import (
	"cmp"
	"context"
	"iter"
	"net/netip"
	"slices"
	"sync"

	"netcase"
	"netcase/cube"
)

// answers is what all inputs together answer questions from.
type answers struct {
	rows    []cube.Row
	minutes map[cube.MinuteKey]cube.MinuteCount
	logins  []netcase.Login
	procs   []netcase.Process
	queries []netcase.Query
	alerts  []netcase.Alert
	names   map[netip.Addr]string
	once    sync.Once
	byHost  []int32 // rows in the order of Hosts
}

// close gives up memory and temporary files.
func (m *answers) close() error { return nil }

// join makes one account of all folds, which come in the order of their inputs'
// hashes. The folds are given up one by one, so that the rows are not held twice.
func join(_ context.Context, folds []*fold) (*answers, error) {
	m := &answers{minutes: map[cube.MinuteKey]cube.MinuteCount{}, names: map[netip.Addr]string{}}
	n := 0
	for _, f := range folds {
		n += len(f.rows)
	}
	m.rows = make([]cube.Row, 0, n)
	for _, f := range folds {
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
		m.alerts = append(m.alerts, f.alerts...)
		f.drop()
	}
	cube.Sort(m.rows, cube.Peers)
	m.rows = cube.Reconcile(cube.MergeEqual(m.rows))
	slices.SortStableFunc(m.logins, func(a, b netcase.Login) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(m.procs, func(a, b netcase.Process) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(m.queries, func(a, b netcase.Query) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(m.alerts, func(a, b netcase.Alert) int { return cmp.Compare(a.Time, b.Time) })
	return m, nil
}

// families names the telemetry that is present.
func (m *answers) families() (out []string) {
	for _, f := range []struct {
		name    string
		present bool
	}{
		{"flow", len(m.rows) > 0}, {"login", len(m.logins) > 0}, {"process", len(m.procs) > 0},
		{"query", len(m.queries) > 0}, {"alert", len(m.alerts) > 0},
	} {
		if f.present {
			out = append(out, f.name)
		}
	}
	return out
}

// Rows answers a question with rows.
func (m *answers) Rows(ctx context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
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
func (m *answers) hostOrder() []int32 {
	m.once.Do(func() { m.byHost = cube.Order(m.rows, cube.Hosts) })
	return m.byHost
}

// each streams the rows that are asked for.
func (m *answers) each(ctx context.Context, n int, at func(int) *cube.Row, asked func(*cube.Row) bool) iter.Seq2[cube.Row, error] {
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
func (m *answers) Timeline(ctx context.Context, q cube.TimelineQuestion) iter.Seq2[cube.Point, error] {
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
func (m *answers) Logins(ctx context.Context) iter.Seq2[netcase.Login, error] {
	return answer(ctx, m.logins)
}

// Processes answers with all process records by time.
func (m *answers) Processes(ctx context.Context) iter.Seq2[netcase.Process, error] {
	return answer(ctx, m.procs)
}

// Queries answers with all name resolutions by time.
func (m *answers) Queries(ctx context.Context) iter.Seq2[netcase.Query, error] {
	return answer(ctx, m.queries)
}

// Alerts answers with all alerts of other sensors by time.
func (m *answers) Alerts(ctx context.Context) iter.Seq2[netcase.Alert, error] {
	return answer(ctx, m.alerts)
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

// Names maps addresses to the machine names that inputs give them.
func (m *answers) Names() map[netip.Addr]string { return m.names }
