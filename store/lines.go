package store

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"netcase"
	"netcase/cube"
)

// lines is what all hourly time lines are told from, but for those by peer: the
// reconciled rows counted by hour, direction and one dimension, while they are written.
// They are kept as sorted runs, like the rows: an estate may have many hosts, and a scan
// has every port.
type lines struct {
	hosts, ports, sensors, reaches *margin
	// all counts by what the last three keep of a cell, while there are few such cells;
	// they are counted from it.
	all *margin
}

// margin is rows counted by one dimension: flows, and in the place of records those of
// them that are known to have failed.
type margin struct {
	keep  *keeper
	by    ordering
	table *table
	pages pageTable  // of cells that fit there, while there may be more of them
	full  bool       // there may not
	brief briefTable // of the others that are brief
	runs  []*run
}

// mostPages is how many pages a margin may take, below the budget.
func (k *keeper) mostPages() int {
	const most = 64 << 10
	switch {
	case k.table > 0:
		return k.table
	case k.budget <= 0:
		return most
	}
	return int(min(k.budget/16/pageSize, most))
}

func (m *answers) newMargin(by ordering) *margin {
	return &margin{keep: m.keep, by: by, table: newTable()}
}

// count adds a row under the part of its cell that the margin keeps.
func (g *margin) count(c *cell, flows int64, failed bool) error {
	if a, b, ok := briefOf(c); ok {
		if g.onPage(a, b, flows, failed) {
			return nil
		}
		if g.brief.add(a, b, flows, failed); g.brief.count < g.keep.tableRows() {
			return nil
		}
		return g.seal()
	}
	p, made := g.table.find(c)
	if made {
		p.unmeasured()
	}
	p.flows += flows
	if failed {
		p.records += flows
	}
	if len(g.table.rows) < g.keep.tableRows() {
		return nil
	}
	return g.seal()
}

// onPage counts flows on the page of a key; false: it has none.
func (g *margin) onPage(a, b uint64, flows int64, failed bool) bool {
	key, at := pageKey(a)
	p := g.pages.find(key, b)
	if p == nil {
		if g.full = g.full || g.pages.count >= g.keep.mostPages() || !g.keep.reserve(pageSize); g.full {
			return false
		}
		p = g.pages.make(key, b)
	}
	p[at].flows += flows
	if failed {
		p[at].failed += flows
	}
	return true
}

// unmeasured makes a new row one of a margin, which counts flows and nothing else.
func (p *packed) unmeasured() {
	p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn = netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent
	p.first = int64(p.hour) * int64(netcase.Hour)
	p.last = p.first
}

// seal puts away what was counted, but for the pages.
func (g *margin) seal() error {
	for _, rows := range [][]packed{g.brief.rows(), g.table.rows} {
		if err := g.put(rows); err != nil {
			return err
		}
	}
	g.table.reset()
	return nil
}

func (g *margin) put(rows []packed) error {
	if len(rows) == 0 {
		return nil
	}
	r, err := g.keep.sealed(rows, g.by)
	if err == nil {
		g.runs = append(g.runs, r)
	}
	return err
}

func (g *margin) release() {
	for _, r := range g.runs {
		r.release()
	}
}

// close gives up the memory that counting takes.
func (g *margin) close() {
	g.keep.reserve(-pageSize * int64(g.pages.count))
	g.table, g.pages, g.brief = nil, pageTable{}, briefTable{}
}

// end makes sorted runs of what was counted.
func (g *margin) end(ctx context.Context) (err error) {
	err = cmp.Or(g.seal(), g.pages.each(g.keep.tableRows(), g.put))
	g.close()
	if err == nil {
		g.runs, err = g.keep.fewer(ctx, g.runs, g.by, nil)
	}
	return err
}

// What a margin keeps of the rest of a cell.
const (
	keepDirection = directionMask << directionShift
	keepReach     = keepDirection | reachMask<<reachShift
	keepHost      = keepDirection | kindMask<<hostKindShift
	keepPort      = keepDirection | 0xffffff<<protoShift
	keepAll       = keepReach | keepPort
)

func (m *answers) newLines() *lines {
	d := m.keep.names.reader()
	return &lines{
		hosts: m.newMargin(d.hostsFirst()), ports: m.newMargin(portsFirst), sensors: m.newMargin(d.sensorsFirst()), reaches: m.newMargin(reachesFirst),
		all: m.newMargin(portsFirst),
	}
}

// join takes in the runs of others.
func (l *lines) join(ctx context.Context, others []*lines) (err error) {
	for i, g := range l.margins() {
		for _, o := range others {
			g.runs = append(g.runs, o.margins()[i].runs...)
		}
		if err == nil {
			g.runs, err = g.keep.fewer(ctx, g.runs, g.by, nil)
		}
	}
	return err
}

func (l *lines) margins() [4]*margin { return [4]*margin{l.hosts, l.ports, l.sensors, l.reaches} }

func (l *lines) count(p *packed) error {
	failed := p.reach().Failed()
	if err := l.hosts.count(&cell{hostHi: p.hostHi, hostLo: p.hostLo, rest: p.rest & keepHost, hour: p.hour}, p.flows, failed); err != nil {
		return err
	}
	if a, b, ok := briefOf(&cell{rest: p.rest & keepAll, sensor: p.sensor, hour: p.hour}); ok && l.all.onPage(a, b, p.flows, failed) {
		return nil
	}
	return l.countApart(p)
}

// countApart counts a row by its port, its sensor and its outcome.
func (l *lines) countApart(p *packed) error {
	failed := p.reach().Failed()
	return cmp.Or(
		l.ports.count(&cell{rest: p.rest & keepPort, hour: p.hour}, p.flows, failed),
		l.sensors.count(&cell{rest: p.rest & keepDirection, sensor: p.sensor, hour: p.hour}, p.flows, failed),
		l.reaches.count(&cell{rest: p.rest & keepReach, hour: p.hour}, p.flows, failed),
	)
}

// end makes sorted runs of what was counted.
func (l *lines) end(ctx context.Context) error {
	err := l.all.pages.each(blockRows, func(rows []packed) error {
		for i := range rows {
			if err := l.countApart(&rows[i]); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	for _, g := range l.margins() {
		err = cmp.Or(err, g.end(ctx))
	}
	l.all.close()
	return err
}

// portsFirst orders by port, protocol, hour, direction.
var portsFirst = ordering{
	func(a, b *packed) int {
		return cmp.Or(cmp.Compare(a.rest>>protoShift, b.rest>>protoShift), cmp.Compare(a.hour, b.hour), cmp.Compare(a.rest, b.rest))
	},
	func(p *packed) lead { return lead{first: p.rest>>protoShift<<hourBits | hourLead(p.hour)} },
}

// reachesFirst orders by hour, then direction and reach.
var reachesFirst = ordering{
	func(a, b *packed) int { return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.rest, b.rest)) },
	func(p *packed) lead { return lead{hourLead(p.hour), p.rest} },
}

// sensorsFirst orders by the name of the sensor, hour, direction.
func (d *reader) sensorsFirst() ordering {
	return ordering{
		func(a, b *packed) int {
			if a.sensor != b.sensor {
				return strings.Compare(d.word(a.sensor), d.word(b.sensor))
			}
			return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.rest, b.rest))
		},
		func(*packed) lead { return lead{} },
	}
}

// hours answers with hourly points.
func (m *answers) hours(ctx context.Context, q cube.TimelineQuestion) iter.Seq2[cube.Point, error] {
	return func(yield func(cube.Point, error) bool) {
		if q.By == cube.ByPeer {
			m.peerHours(ctx, q, yield)
			return
		}
		l := m.lines
		switch q.By {
		case cube.ByHost:
			m.serialPoints(ctx, q, l.hosts, yield)
		case cube.ByPort:
			m.serialPoints(ctx, q, l.ports, yield)
		case cube.BySensor:
			m.serialPoints(ctx, q, l.sensors, yield)
		default:
			m.reachPoints(ctx, q, l.reaches, yield)
		}
	}
}

// joiner joins rows of one series and hour, which come one after the other, into points.
type joiner struct {
	by    cube.By
	yield func(cube.Point, error) bool
	row   cube.Row // the first of those at hand
	point cube.Point
	any   bool
}

// add counts a row; false: no more are wanted.
func (j *joiner) add(r *cube.Row, failed int64) bool {
	if same := j.any && r.Hour == j.row.Hour && sameSeries(&r.Key, &j.row.Key, j.by); !same {
		named := j.any && sameSeries(&r.Key, &j.row.Key, j.by)
		if !j.end() {
			return false
		}
		series := j.point.Series
		if !named {
			series = cube.SeriesOf(&r.Key, j.by)
		}
		j.row.Key, j.any, j.point = r.Key, true, cube.Point{Series: series, Start: netcase.Time(r.Hour) * netcase.Hour}
	}
	j.point.Flows += r.Flows
	j.point.Failed += failed
	return true
}

func (j *joiner) end() bool { return !j.any || j.yield(j.point, nil) }

func sameSeries(a, b *cube.Key, by cube.By) bool {
	switch by {
	case cube.ByHost:
		return a.Host == b.Host
	case cube.ByPort:
		return a.Port == b.Port && a.Proto == b.Proto
	case cube.ByPeer:
		return a.Peer == b.Peer
	}
	return a.Sensor == b.Sensor
}

// counted streams the rows of a margin that a question asks for, with those that failed.
func (m *answers) counted(ctx context.Context, q *cube.TimelineQuestion, g *margin, visit func(r *cube.Row, failed int64) bool) error {
	in, err := mergeRuns(ctx, g.runs, g.by)
	d := m.keep.names.reader()
	var r cube.Row
	for err == nil {
		var p *packed
		if p, err = in.next(); p == nil || err != nil {
			break
		}
		if d.unpack(p, &r); cube.Asked(&r.Key, q.Directions, q.Span) && !visit(&r, r.Records) {
			break
		}
	}
	return err
}

// serialPoints answers from a margin in the order of its series.
func (m *answers) serialPoints(ctx context.Context, q cube.TimelineQuestion, g *margin, yield func(cube.Point, error) bool) {
	j := joiner{by: q.By, yield: yield}
	going := true
	err := m.counted(ctx, &q, g, func(r *cube.Row, failed int64) bool {
		going = j.add(r, failed)
		return going
	})
	if going && err == nil {
		j.end()
	}
	if going && err != nil {
		yield(cube.Point{}, err)
	}
}

// reachPoints answers with series of which there are few: the total, directions, outcomes.
func (m *answers) reachPoints(ctx context.Context, q cube.TimelineQuestion, g *margin, yield func(cube.Point, error) bool) {
	t := cube.NewHourly(q)
	err := m.counted(ctx, &q, g, func(r *cube.Row, _ int64) bool { t.Add(r); return true })
	if err != nil {
		yield(cube.Point{}, err)
		return
	}
	for _, p := range t.Points() {
		if !yield(p, nil) {
			return
		}
	}
}

// peerHours answers from the rows, which come by peer and hour.
func (m *answers) peerHours(ctx context.Context, q cube.TimelineQuestion, yield func(cube.Point, error) bool) {
	j := joiner{by: q.By, yield: yield}
	for r, err := range m.Rows(ctx, cube.Question{Kind: cube.Peers, Directions: q.Directions, Span: q.Span}) {
		if err != nil {
			yield(cube.Point{}, err)
			return
		}
		failed := int64(0)
		if r.Reach.Failed() {
			failed = r.Flows
		}
		if !j.add(&r, failed) {
			return
		}
	}
	j.end()
}
