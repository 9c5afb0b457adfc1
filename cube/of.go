package cube

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"netcase"
)

// Plain is the slow engine: it keeps every event and works each answer out anew.
// It is the oracle of the conformance suite.
type Plain struct {
	site  netcase.Site
	batch netcase.Batch
	input string
}

// Of is the plain engine over the events of one input. Flows carry their Place
// and Raw where records are asked for.
func Of(site netcase.Site, input string, events netcase.Batch) *Plain {
	return &Plain{site: site, batch: events, input: input}
}

// Rows answers a question with rows.
func (p *Plain) Rows(_ context.Context, q Question) iter.Seq2[Row, error] {
	rows := slices.DeleteFunc(p.reconciled(), func(r Row) bool { return !q.Asks(&r.Key) })
	if q.Kind == Pairs {
		rows = MergePairs(rows)
	}
	Sort(rows, q.Kind)
	return seq(rows)
}

func (p *Plain) reconciled() []Row { return Reconcile(p.accounts()) }

// accounts are the rows of every sensor.
func (p *Plain) accounts() []Row {
	sums := map[Key]Counts{}
	for i := range p.batch.Flows {
		f := &p.batch.Flows[i]
		k := KeyOf(f, &p.site)
		if c, ok := sums[k]; ok {
			sums[k] = c.Plus(CountsOf(f))
		} else {
			sums[k] = CountsOf(f)
		}
	}
	rows := make([]Row, 0, len(sums))
	for k, c := range sums {
		rows = append(rows, Row{Key: k, Counts: c, Hours: 1})
	}
	return rows
}

// Timeline answers a question with points.
func (p *Plain) Timeline(_ context.Context, q TimelineQuestion) iter.Seq2[Point, error] {
	if q.Step == HourStep {
		return seq(HourPoints(p.reconciled(), q))
	}
	return seq(p.minutes(q))
}

// plainPoint is a point with what orders it: the minute stands in the place of the hour.
type plainPoint struct {
	key Key
	Point
}

// minutes counts each flow into the list by looking through all of it: slow, and
// plainly right.
func (p *Plain) minutes(q TimelineQuestion) (out []Point) {
	var all []plainPoint
	for i := range p.batch.Flows {
		f := &p.batch.Flows[i]
		k := KeyOf(f, &p.site)
		start := f.Start.Truncate(netcase.Minute)
		if q.By == ByPeer || !q.Span.Contains(start) || len(q.Directions) > 0 && !slices.Contains(q.Directions, k.Direction) {
			continue
		}
		key := seriesKey(&k, q.By)
		key.Sensor, key.Hour = k.Sensor, int64(start/netcase.Minute)
		at := slices.IndexFunc(all, func(x plainPoint) bool { return x.key == key })
		if at < 0 {
			at = len(all)
			all = append(all, plainPoint{key, Point{Series: SeriesOf(&k, q.By), Sensor: k.Sensor, Start: start}})
		}
		n := max(f.Flows, 1)
		if all[at].Flows += n; k.Reach.Failed() {
			all[at].Failed += n
		}
	}
	slices.SortFunc(all, func(a, b plainPoint) int { return compareSeries(&a.key, &b.key) })
	for _, x := range all {
		out = append(out, x.Point)
	}
	return out
}

// Logins answers with all logins by time.
func (p *Plain) Logins(context.Context) iter.Seq2[netcase.Login, error] {
	return seq(sortedBy(p.batch.Logins, func(l *netcase.Login) netcase.Time { return l.Time }))
}

// Processes answers with all process records by time.
func (p *Plain) Processes(context.Context) iter.Seq2[netcase.Process, error] {
	return seq(sortedBy(p.batch.Processes, func(x *netcase.Process) netcase.Time { return x.Time }))
}

// Queries answers with all name resolutions by time.
func (p *Plain) Queries(context.Context) iter.Seq2[netcase.Query, error] {
	return seq(sortedBy(p.batch.Queries, func(x *netcase.Query) netcase.Time { return x.Time }))
}

// Alerts answers with all alerts by time.
func (p *Plain) Alerts(context.Context) iter.Seq2[netcase.Alert, error] {
	return seq(sortedBy(p.batch.Alerts, func(x *netcase.Alert) netcase.Time { return x.Time }))
}

// Coverage reports one input, all accepted.
func (p *Plain) Coverage() netcase.Coverage {
	r := netcase.InputReport{ID: p.input, Name: p.input}
	for i := range p.batch.Flows {
		r.Count(&p.batch.Flows[i])
	}
	return netcase.Coverage{Inputs: []netcase.InputReport{r}, Agreement: p.agreement()}
}

// agreement looks at every pair of sensors, hour by hour and cell by cell.
func (p *Plain) agreement() (out []netcase.SensorPair) {
	sensors := map[string]map[int64][]Row{} // by hour
	for _, r := range p.accounts() {
		if sensors[r.Sensor] == nil {
			sensors[r.Sensor] = map[int64][]Row{}
		}
		sensors[r.Sensor][r.Hour] = append(sensors[r.Sensor][r.Hour], r)
	}
	for a, mine := range sensors {
		for b, yours := range sensors {
			if a >= b {
				continue
			}
			pair := netcase.SensorPair{A: a, B: b}
			for h := range mine {
				comparePlainly(&pair, mine[h], yours[h])
			}
			if pair.Both > 0 {
				out = append(out, pair)
			}
		}
	}
	slices.SortFunc(out, func(x, y netcase.SensorPair) int {
		return cmp.Or(cmp.Compare(y.Both, x.Both), strings.Compare(x.A+"\x00"+x.B, y.A+"\x00"+y.B))
	})
	return out
}

// comparePlainly compares what two sensors tell of one hour.
func comparePlainly(pair *netcase.SensorPair, rows, others []Row) {
	if len(rows) == 0 || len(others) == 0 {
		return
	}
	pair.Hours++
	cells, theirs := byCell(rows), byCell(others)
	for k, mine := range cells {
		yours := theirs[k]
		both := min(mine.Flows, yours.Flows)
		pair.Both, pair.OnlyA = pair.Both+both, pair.OnlyA+mine.Flows-both
		if both == 0 || mine.Flows != yours.Flows {
			continue
		}
		pair.Octets = comparedPlainly(pair.Octets, plus(mine.OctetsOut, mine.OctetsIn), plus(yours.OctetsOut, yours.OctetsIn))
		pair.Packets = comparedPlainly(pair.Packets, plus(mine.PacketsOut, mine.PacketsIn), plus(yours.PacketsOut, yours.PacketsIn))
		if mine.open+yours.open == 0 {
			pair.Outcomes = comparedPlainly(pair.Outcomes, mine.failed, yours.failed)
		}
	}
	for k, yours := range theirs {
		pair.OnlyB += yours.Flows - min(cells[k].Flows, yours.Flows)
	}
}

func comparedPlainly(c netcase.Compared, a, b int64) netcase.Compared {
	if a != netcase.Absent && b != netcase.Absent {
		c.Cells, c.A, c.B = c.Cells+1, c.A+a, c.B+b
		if a != b {
			c.Differ++
		}
	}
	return c
}

// cellCounts is what one sensor counts in a cell.
type cellCounts struct {
	Counts
	open, failed int64
}

func byCell(rows []Row) map[Key]cellCounts {
	out := map[Key]cellCounts{}
	for _, r := range rows {
		k := r.Key
		k.Sensor, k.Reach, k.Resolution = "", 0, 0
		c, there := out[k]
		if there {
			c.Counts = c.Plus(r.Counts)
		} else {
			c.Counts = r.Counts
		}
		if r.Reach.Failed() {
			c.failed += r.Flows
		} else if !r.Reach.Decided() {
			c.open += r.Flows
		}
		out[k] = c
	}
	return out
}

// Names maps addresses to names, the smallest name where there are several.
func (p *Plain) Names() map[netip.Addr]string {
	out := map[netip.Addr]string{}
	for i := range p.batch.Flows {
		for _, e := range []netcase.Endpoint{p.batch.Flows[i].Src, p.batch.Flows[i].Dst} {
			LearnName(out, e)
		}
	}
	return out
}

// LearnName notes the name that an endpoint gives its address; of several the
// smallest is kept, so that the order of reading does not matter.
func LearnName(names map[netip.Addr]string, e netcase.Endpoint) {
	if !e.Addr.IsValid() || e.Name == "" {
		return
	}
	if old, ok := names[e.Addr]; !ok || e.Name < old {
		names[e.Addr] = e.Name
	}
}

// Details looks through all flows once for every wish.
func (p *Plain) Details(_ context.Context, wants []Want) (Details, error) {
	c := NewCollector(wants)
	for i := range p.batch.Flows {
		f := &p.batch.Flows[i]
		k := KeyOf(f, &p.site)
		c.Add(p.input, &k, f)
	}
	c.AddEvents(p.input, &p.batch)
	return c.Details(), nil
}

func sortedBy[T any](in []T, at func(*T) netcase.Time) []T {
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b T) int { return int(min(max(at(&a)-at(&b), -1), 1)) })
	return out
}

func seq[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range items {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// original is what the second pass brings of an event.
type original struct {
	At      netcase.Time
	Records int64
	Place   netcase.Place
	Raw     []byte
	Context string
	Stamp   string
	Zone    string
}

func originalOf(f *netcase.Flow) original {
	return original{f.Start, max(f.Records, 1), f.Place, f.Raw, f.Context, f.Stamp, f.Zone}
}

// recordOf is the evidence record of an event of the second pass.
func recordOf(input string, f *original) netcase.Record {
	r := netcase.Record{Input: input, Place: f.Place, At: f.At, Context: f.Context, Stamp: f.Stamp, Zone: f.Zone}
	r.Place.Expand = 0 // the record is the whole row, whichever of its addresses was asked for
	sum := sha256.Sum256(f.Raw)
	r.SHA256 = hex.EncodeToString(sum[:])
	if utf8.Valid(f.Raw) {
		r.Raw = string(f.Raw)
	} else {
		r.Base64 = base64.StdEncoding.EncodeToString(f.Raw)
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\x00", input) // a hash never fails, nor below
	_ = binary.Write(h, binary.BigEndian, [4]int64{f.Place.Line, f.Place.Offset, int64(f.Place.Item), 0})
	h.Write(sum[:])
	r.ID = "r-" + hex.EncodeToString(h.Sum(nil)[:8])
	return r
}
