package store

import (
	"cmp"
	"context"
	"iter"
	"math"
	"net/netip"
	"sync"

	"netcase"
	"netcase/cube"
)

// answers is what all inputs together answer questions from. It may be asked from
// several goroutines.
type answers struct {
	keep   *keeper
	parts  []*run // of every input, not reconciled: the minutes are told from these
	extras []*run
	rows   *run // reconciled, in the order of Peers
	lines  *lines
	*logs
	names     *nameBook
	agreement cube.Agreement
	agreeing  []netcase.SensorPair

	mu     sync.Mutex
	byHost []*run // rows in the order of Hosts; nil: not asked for
	byPair []*run
}

// close gives up memory and temporary files.
func (m *answers) close() error { return m.keep.close() }

// families names the telemetry that is present.
func (m *answers) families() (out []string) {
	for _, f := range []struct {
		name    string
		present bool
	}{
		{"flow", m.rows.rows > 0}, {"login", m.logins.count > 0}, {"process", m.procs.count > 0},
		{"query", m.queries.count > 0}, {"alert", m.alerts.count > 0},
	} {
		if f.present {
			out = append(out, f.name)
		}
	}
	return out
}

// Rows answers a question with rows.
func (m *answers) Rows(ctx context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
	return func(yield func(cube.Row, error) bool) {
		var r cube.Row
		err := m.FillRows(ctx, q, func(filled *cube.Row) *cube.Row {
			if filled != nil {
				copied := *filled
				copied.PeerNumber, copied.HostNumber = 0, 0
				if !yield(copied, nil) {
					return nil
				}
			}
			return &r
		})
		if err != nil {
			yield(cube.Row{}, err)
		}
	}
}

// FillRows answers a question with rows that the caller keeps.
func (m *answers) FillRows(ctx context.Context, q cube.Question, next func(*cube.Row) *cube.Row) error {
	to := next(nil)
	if to == nil {
		return nil
	}
	n := m.numbering(q.Kind)
	fill := func(p *packed) bool {
		n.fill(p, to)
		to = next(to)
		return to != nil
	}
	switch {
	case q.Kind == cube.Pairs:
		return m.pairs(ctx, q, func(first *packed, r *cube.Row) bool {
			n.fill(first, to)
			r.PeerNumber, r.HostNumber = to.PeerNumber, to.HostNumber
			*to = *r
			to = next(to)
			return to != nil
		})
	case q.Kind == cube.Hosts && len(q.Hosts) > 0:
		return m.someHosts(ctx, q, fill)
	case q.Kind == cube.Peers && len(q.Peers) > 0:
		return m.somePeers(ctx, q, fill)
	case q.Kind == cube.Hosts:
		return m.sorted(ctx, &m.byHost, (*reader).hostsFirst, q, fill)
	}
	return m.unpacked(ctx, q, fill)
}

// somePeers visits the rows of a few peers, in the blocks that may hold them.
func (m *answers) somePeers(ctx context.Context, q cube.Question, visit func(*packed) bool) error {
	peers := make(map[end]bool, len(q.Peers))
	spans := make([][2]uint64, 0, len(q.Peers)) // of the first halves of their leads
	for i := range q.Peers {
		kind, hi, lo := m.keep.names.packEnd(&q.Peers[i])
		peers[end{kind, hi, lo}] = true
		from := leadOf(&packed{cell: cell{hour: math.MinInt32}}, kind, hi, lo, 0, 0, 0).first
		to := leadOf(&packed{cell: cell{hour: math.MaxInt32}}, kind, hi, lo, 0, 0, 0).first
		spans = append(spans, [2]uint64{from, to})
	}
	var before end
	asked, any := false, false
	wants := sieveOf(&q)
	return m.rows.holding(spans).asking(ctx, &q, func(p *packed) bool {
		if e := (end{p.peerKind(), p.peerHi, p.peerLo}); !any || e != before {
			before, asked, any = e, peers[e], true
		}
		return !asked || !wants.admits(p) || visit(p)
	})
}

// asked tells whether a block may hold a row of the question.
func asked(q *cube.Question) func(*block) bool {
	var ways uint8
	for _, d := range q.Directions {
		ways |= 1 << uint8(d)
	}
	return func(b *block) bool {
		if ways != 0 && b.ways&ways == 0 {
			return false
		}
		start, end := netcase.Time(b.firstHour)*netcase.Hour, netcase.Time(b.lastHour)*netcase.Hour
		return (!q.Span.Start.Known() || end >= q.Span.Start) && (!q.Span.End.Known() || start < q.Span.End)
	}
}

// sieve is a question put to packed rows: most need not be unpacked to be passed over.
type sieve struct {
	ways, reaches uint32 // a bit each; zero: all
	ports         cube.PortSet
	start, end    int32 // hours: from, before
}

func sieveOf(q *cube.Question) *sieve {
	s := &sieve{start: math.MinInt32, end: math.MaxInt32, ports: cube.NewPortSet(q.Ports)}
	for _, d := range q.Directions {
		s.ways |= 1 << d
	}
	for _, r := range q.Reaches {
		s.reaches |= 1 << r
	}
	// A row lies in the span if its hour begins there.
	if q.Span.Start.Known() {
		s.start = hourOf(q.Span.Start + netcase.Hour - 1)
	}
	if q.Span.End.Known() {
		s.end = hourOf(q.Span.End + netcase.Hour - 1)
	}
	return s
}

func hourOf(t netcase.Time) int32 { return int32(min(max(t.Hour(), math.MinInt32), math.MaxInt32)) }

func (s *sieve) admits(p *packed) bool {
	return p.hour >= s.start && p.hour < s.end &&
		(s.ways == 0 || s.ways>>p.direction()&1 == 1) && (s.reaches == 0 || s.reaches>>p.reach()&1 == 1) &&
		s.ports.Has(p.port())
}

// asking visits the rows of a run in those of its blocks that may hold what a question asks
// for, until visit wants no more.
func (r *run) asking(ctx context.Context, q *cube.Question, visit func(*packed) bool) error {
	c := r.cursor(asked(q))
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if ok, err := c.next(); err != nil || !ok || !visit(&c.d.row) {
			return err
		}
	}
}

// unpacked visits the rows that are asked for, by peer.
func (m *answers) unpacked(ctx context.Context, q cube.Question, visit func(*packed) bool) error {
	wants := sieveOf(&q)
	return m.rows.asking(ctx, &q, func(p *packed) bool { return !wants.admits(p) || visit(p) })
}

// ordered is the rows sorted another way; the work is done when it is first asked for.
func (m *answers) ordered(ctx context.Context, held *[]*run, by func(*reader) ordering) ([]*run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *held != nil {
		return *held, nil
	}
	runs, err := m.sortedRuns(ctx, by(m.keep.names.reader()), cube.Question{}, func(*packed) bool { return true })
	if err == nil {
		*held = runs
	}
	return runs, err
}

// sortedRuns are the rows that admits lets pass, of blocks that may hold what q asks for.
func (m *answers) sortedRuns(ctx context.Context, by ordering, q cube.Question, admits func(*packed) bool) ([]*run, error) {
	s := m.keep.sorter(by)
	var full error
	err := m.rows.asking(ctx, &q, func(p *packed) bool {
		if admits(p) {
			full = s.add(p)
		}
		return full == nil
	})
	if err = cmp.Or(full, err); err != nil {
		return nil, err
	}
	return s.end(ctx)
}

// someHosts visits the rows of a few hosts, which are sorted for this question alone.
func (m *answers) someHosts(ctx context.Context, q cube.Question, visit func(*packed) bool) error {
	hosts := make(map[end]bool, len(q.Hosts))
	for i := range q.Hosts {
		kind, hi, lo := m.keep.names.packEnd(&q.Hosts[i])
		hosts[end{kind, hi, lo}] = true
	}
	d, wants := m.keep.names.reader(), sieveOf(&q)
	by := d.hostsFirst()
	runs, err := m.sortedRuns(ctx, by, q, func(p *packed) bool {
		return wants.admits(p) && hosts[end{p.hostKind(), p.hostHi, p.hostLo}]
	})
	defer func() {
		for _, r := range runs {
			r.release()
		}
	}()
	if err != nil {
		return err
	}
	in, err := mergeRuns(ctx, runs, by)
	for err == nil {
		var p *packed
		if p, err = in.next(); p == nil || err != nil || !visit(p) {
			break
		}
	}
	return err
}

// each streams the rows in another order.
func (m *answers) each(ctx context.Context, held *[]*run, by func(*reader) ordering, visit func(*packed) bool) error {
	runs, err := m.ordered(ctx, held, by)
	if err != nil {
		return err
	}
	d := m.keep.names.reader()
	in, err := mergeRuns(ctx, runs, by(d))
	for err == nil {
		var p *packed
		if p, err = in.next(); p == nil || err != nil || !visit(p) {
			break
		}
	}
	return err
}

// sorted visits rows in another order.
func (m *answers) sorted(ctx context.Context, held *[]*run, by func(*reader) ordering, q cube.Question, visit func(*packed) bool) error {
	wants := sieveOf(&q)
	return m.each(ctx, held, by, func(p *packed) bool { return !wants.admits(p) || visit(p) })
}

// pairs visits the rows of each pair and reach joined over hours, resolutions and
// sensors, as cube.MergePairs does, with one of the rows that were joined.
func (m *answers) pairs(ctx context.Context, q cube.Question, visit func(first *packed, r *cube.Row) bool) error {
	d := m.keep.names.reader()
	var group []cube.Row
	var first packed
	going := true
	flush := func() bool {
		if len(group) == 0 {
			return true
		}
		cube.Sort(group, cube.Peers)
		merged := cube.MergePairs(group)
		for i := range merged {
			if !visit(&first, &merged[i]) {
				return false
			}
		}
		group = group[:0]
		return true
	}
	err := m.each(ctx, &m.byPair, (*reader).pairsFirst, func(p *packed) bool {
		if len(group) > 0 && !p.sameGroup(&first) {
			if going = flush(); !going {
				return false
			}
		}
		var r cube.Row
		d.unpack(p, &r)
		if q.Asks(&r.Key) {
			if len(group) == 0 {
				first = *p
			}
			group = append(group, r)
		}
		return true
	})
	if err == nil && going {
		flush()
	}
	return err
}

// Timeline answers a question with points.
func (m *answers) Timeline(ctx context.Context, q cube.TimelineQuestion) iter.Seq2[cube.Point, error] {
	if q.Step == cube.HourStep {
		return m.hours(ctx, q)
	}
	return m.minutes(ctx, q)
}

// Logins answers with all logins by time.
func (m *answers) Logins(ctx context.Context) iter.Seq2[netcase.Login, error] {
	return m.logins.events(ctx)
}

// Processes answers with all process records by time.
func (m *answers) Processes(ctx context.Context) iter.Seq2[netcase.Process, error] {
	return m.procs.events(ctx)
}

// Queries answers with all name resolutions by time.
func (m *answers) Queries(ctx context.Context) iter.Seq2[netcase.Query, error] {
	return m.queries.events(ctx)
}

// Alerts answers with all alerts of other sensors by time.
func (m *answers) Alerts(ctx context.Context) iter.Seq2[netcase.Alert, error] {
	return m.alerts.events(ctx)
}

// Names maps addresses to the machine names that inputs give them.
func (m *answers) Names() map[netip.Addr]string { return m.names.names }
