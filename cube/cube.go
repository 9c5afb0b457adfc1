// Package cube holds what an engine answers with: the rows that flows are folded
// into, the arithmetic on them, the questions as data, and the interface that
// every engine implements. Of is the slow, plain engine that the others are
// checked against.
package cube

import (
	"cmp"
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// Key is what the flows of one row have in common.
type Key struct {
	Hour       int64 // whole hours since 1970
	Peer       netcase.Endpoint
	Host       netcase.Endpoint
	Port       uint16
	Proto      uint8
	Direction  netcase.Direction
	Reach      netcase.Reach
	Resolution netcase.Resolution
	Sensor     string
}

// Counts is what a row counts.
type Counts struct {
	Flows      int64 // the true number: counters summed, not records
	Records    int64
	OctetsOut  int64 // from the initiator; netcase.Absent where no record says
	OctetsIn   int64
	PacketsOut int64
	PacketsIn  int64
	First      netcase.Time
	Last       netcase.Time
	Minutes    uint64 // bit m: a flow began in minute m of the hour
}

// Row is one row of the activity fold.
type Row struct {
	Key
	Counts
	Hours    int    // hours with activity; 1 unless hours were merged
	Agree    int64  // flows that other sensors report for the same cell
	Conflict bool   // another sensor proves a different outcome
	Others   string // the other sensors, joined by ", "

	// Numbers of the ends, each from zero: within one answer equal ends, and no others, have
	// the same. FillRows gives them; elsewhere they are zero.
	PeerNumber, HostNumber int32
}

// CountsOf is what one flow contributes.
func CountsOf(f *netcase.Flow) Counts {
	last := f.End
	if last < f.Start {
		last = f.Start
	}
	return Counts{
		Flows: max(f.Flows, 1), Records: max(f.Records, 1),
		OctetsOut: f.OctetsOut, OctetsIn: f.OctetsIn,
		PacketsOut: f.PacketsOut, PacketsIn: f.PacketsIn,
		First: f.Start, Last: last,
		Minutes: 1 << uint((f.Start-f.Start.Truncate(netcase.Hour))/netcase.Minute),
	}
}

// KeyOf is the row that a flow belongs to.
func KeyOf(f *netcase.Flow, site *netcase.Site) Key {
	d := site.DirectionOf(f)
	peer, host := netcase.Ends(f, d)
	return Key{
		Hour: f.Cell().Hour(), Peer: peer, Host: host, Port: f.DstPort, Proto: f.Proto,
		Direction: d, Reach: f.Reach, Resolution: f.Resolution, Sensor: f.Sensor,
	}
}

// Plus is the sum of two counts.
func (c Counts) Plus(o Counts) Counts {
	c.Flows += o.Flows
	c.Records += o.Records
	c.OctetsOut = plus(c.OctetsOut, o.OctetsOut)
	c.OctetsIn = plus(c.OctetsIn, o.OctetsIn)
	c.PacketsOut = plus(c.PacketsOut, o.PacketsOut)
	c.PacketsIn = plus(c.PacketsIn, o.PacketsIn)
	c.First, c.Last = min(c.First, o.First), max(c.Last, o.Last)
	c.Minutes |= o.Minutes
	return c
}

// plus adds sizes; an absent one adds nothing.
func plus(a, b int64) int64 {
	if a == netcase.Absent {
		return b
	}
	if b == netcase.Absent {
		return a
	}
	return a + b
}

// Kind says in which order, and how far merged, rows are wanted.
type Kind uint8

// The kinds of questions that are answered with rows.
const (
	Peers Kind = iota // by peer, then hour, host, port …: for detectors that follow one peer
	Hosts             // by host, then hour, peer, port …: for detectors that follow one host
	Pairs             // hours, resolutions and sensors merged; by peer, host, port, protocol, direction, reach
)

// Question asks for rows. Rows of different sensors for the same traffic are
// reconciled first, see Reconcile.
type Question struct {
	Kind       Kind
	Directions []netcase.Direction // empty: all
	Span       netcase.Span        // of hours; zero: all
	Ports      []uint16            // service ports; empty: all
	Reaches    []netcase.Reach     // empty: all
	Hosts      []netcase.Endpoint  // sorted; empty: all. Quick for rows by host
	Peers      []netcase.Endpoint  // sorted; empty: all. Quick for rows by peer
}

// Asks tells whether a reconciled row is asked for.
func (q *Question) Asks(k *Key) bool {
	return Asked(k, q.Directions, q.Span) && (len(q.Ports) == 0 || slices.Contains(q.Ports, k.Port)) &&
		(len(q.Reaches) == 0 || slices.Contains(q.Reaches, k.Reach)) && asksEnd(q.Hosts, k.Host) && asksEnd(q.Peers, k.Peer)
}

func asksEnd(sorted []netcase.Endpoint, e netcase.Endpoint) bool {
	_, ok := slices.BinarySearchFunc(sorted, e, netcase.Endpoint.Compare)
	return ok || len(sorted) == 0
}

// Step is the width of a bin of a time line.
type Step uint8

// The steps.
const (
	HourStep   Step = iota // from the reconciled rows
	MinuteStep             // from the rows of every sensor, a series for each
)

// By is the dimension a time line is split by.
type By uint8

// The dimensions. Minute time lines have no ByPeer.
const (
	ByTotal By = iota
	ByHost
	ByPort
	ByReach
	ByDirection
	BySensor
	ByPeer
)

// TimelineQuestion asks for counts a bin.
type TimelineQuestion struct {
	Step       Step
	By         By
	Directions []netcase.Direction // empty: all
	Span       netcase.Span
}

// Point is the count of one bin of one series. Points come series by series, each by
// the bin; empty bins are left out. Hosts and peers come by address and ports by number;
// all other series come by name, and the sensors of a series one after the other.
type Point struct {
	Series string // the value of the dimension; empty for ByTotal
	Sensor string // for minute time lines
	Start  netcase.Time
	Flows  int64
	Failed int64 // of these, known to have failed
}

// Pair is what exact times are asked for.
type Pair struct {
	Peer      netcase.Endpoint
	Host      netcase.Endpoint
	Port      uint16
	Proto     uint8
	Direction netcase.Direction
}

// Start is one record of a pair.
type Start struct {
	At         netcase.Time
	End        netcase.Time // At where the record states none
	OctetsOut  int64
	OctetsIn   int64
	PacketsOut int64
	PacketsIn  int64
	Flows      int64
	Resolution netcase.Resolution
	Sensor     string
	SrcPort    uint16
	Continued  bool // the record shows a connection that was open before it
}

// Bounds of the second pass.
const (
	MaxStarts  = 10_000 // of one pair
	MaxPairs   = 2_000
	MaxRecords = 200    // of one finding
	MaxKept    = 20_000 // of one case
)

// Family is a kind of events.
type Family uint8

// The families.
const (
	Flows Family = iota
	Logins
	Processes
	Alerts
)

// Want is one wish for the second pass. Of logins the selection is asked with their
// peer, host, account and sensor, of processes with the peer, host and account, of alerts
// with both ends as peer and host, either way round.
type Want struct {
	Tag       string // whose wish; Details.Records is keyed by it
	Of        Family // which events
	Selection netcase.Selection
	Starts    bool
	Records   int // how many original records to keep at most; 0: none
}

// RecordSet is a sample of the records that match a wish.
type RecordSet struct {
	Total   int64
	Records []netcase.Record // the first, the last, then by the order of their hashes; sorted by time
}

// Details is the answer of the second pass.
type Details struct {
	Starts  map[Pair][]Start // ascending; at most MaxStarts each
	Cut     map[Pair]int64   // how many starts were left out
	Records map[string]RecordSet
	Notes   []string // what was not available
}

// Answerer answers questions about folded telemetry. Its answers are exact, and
// sorted in the order that the question names.
type Answerer interface {
	Rows(ctx context.Context, q Question) iter.Seq2[Row, error]
	Timeline(ctx context.Context, q TimelineQuestion) iter.Seq2[Point, error]
	Logins(ctx context.Context) iter.Seq2[netcase.Login, error]
	Processes(ctx context.Context) iter.Seq2[netcase.Process, error]
	Queries(ctx context.Context) iter.Seq2[netcase.Query, error]
	Alerts(ctx context.Context) iter.Seq2[netcase.Alert, error]
	// Auth answers with the attempts to authenticate in the order of CompareAuth, one
	// account made of several sensors as ReconcileAuth does.
	Auth(ctx context.Context) iter.Seq2[AuthRow, error]
	// Details reads the inputs a second time for all wishes at once.
	Details(ctx context.Context, wants []Want) (Details, error)
	// Coverage reports on the inputs; feeds and detectors are filled in later.
	Coverage() netcase.Coverage
	// Names maps addresses to the machine names that inputs give them.
	Names() map[netip.Addr]string
}

// RowFiller is an Answerer that fills rows which the caller keeps, and numbers their ends:
// to copy rows, and to hash their ends for every reader, takes long where there are many.
type RowFiller interface {
	FillRows(ctx context.Context, q Question, next func(filled *Row) *Row) error
}

// FillRows answers a question with rows that the caller keeps: next takes the row that was
// filled, nil at first, and gives the one to be filled; nil ends. A last row may be asked for
// and not be filled.
func FillRows(ctx context.Context, a Answerer, q Question, next func(filled *Row) *Row) error {
	if f, ok := a.(RowFiller); ok {
		return f.FillRows(ctx, q, next)
	}
	peers, hosts := map[netcase.Endpoint]int32{}, map[netcase.Endpoint]int32{}
	to := next(nil)
	if to == nil {
		return nil
	}
	for r, err := range a.Rows(ctx, q) {
		if err != nil {
			return err
		}
		*to = r
		to.PeerNumber, to.HostNumber = numberOf(peers, r.Peer), numberOf(hosts, r.Host)
		if to = next(to); to == nil {
			break
		}
	}
	return nil
}

func numberOf(numbers map[netcase.Endpoint]int32, e netcase.Endpoint) int32 {
	n, ok := numbers[e]
	if !ok {
		n = int32(len(numbers))
		numbers[e] = n
	}
	return n
}

// compareKeys orders by peer first.
func compareKeys(a, b *Key) int {
	return cmp.Or(
		a.Peer.Compare(b.Peer), cmp.Compare(a.Hour, b.Hour), a.Host.Compare(b.Host),
		compareRest(a, b),
	)
}

// compareByHost orders by host first.
func compareByHost(a, b *Key) int {
	return cmp.Or(
		a.Host.Compare(b.Host), cmp.Compare(a.Hour, b.Hour), a.Peer.Compare(b.Peer),
		compareRest(a, b),
	)
}

func compareRest(a, b *Key) int {
	return cmp.Or(
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Direction, b.Direction),
		cmp.Compare(a.Reach, b.Reach), cmp.Compare(a.Resolution, b.Resolution), strings.Compare(a.Sensor, b.Sensor),
	)
}

func comparePairs(a, b *Key) int {
	return cmp.Or(a.Peer.Compare(b.Peer), a.Host.Compare(b.Host), compareRest(a, b), cmp.Compare(a.Hour, b.Hour))
}

// Sort orders rows as a kind of question wants them.
func Sort(rows []Row, k Kind) {
	permute(rows, Order(rows, k))
}

// Order is the order in which a kind of question wants rows, as their indices. A row
// is large: moving four bytes in its place is what makes sorting quick.
func Order(rows []Row, k Kind) []int32 {
	compare := compareKeys
	switch k {
	case Hosts:
		compare = compareByHost
	case Pairs:
		compare = comparePairs
	}
	order := make([]int32, len(rows))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(compare(&rows[a].Key, &rows[b].Key), cmp.Compare(a, b))
	})
	return order
}

// permute puts rows into the order of their indices, cycle by cycle. It uses up order.
func permute(rows []Row, order []int32) {
	for i := range order {
		if order[i] < 0 || int(order[i]) == i {
			continue
		}
		first, at := rows[i], i
		for {
			from := int(order[at])
			order[at] = -1
			if from == i {
				rows[at] = first
				break
			}
			rows[at] = rows[from]
			at = from
		}
	}
}

// MergeEqual joins rows with equal keys. Rows come in the order of Peers; the result
// takes their place.
func MergeEqual(rows []Row) []Row {
	out := rows[:0]
	for i := range rows {
		if n := len(out); n > 0 && out[n-1].Key == rows[i].Key {
			out[n-1].Counts = out[n-1].Counts.Plus(rows[i].Counts)
			continue
		}
		out = append(out, rows[i])
	}
	return out
}

// MergePairs joins the rows of a pair and reach over hours, resolutions and
// sensors. Rows come and go in the order of Pairs.
func MergePairs(rows []Row) []Row {
	type pair struct {
		Pair
		reach netcase.Reach
	}
	at := make(map[pair]int, len(rows))
	var out []Row
	hours := map[pair]map[int64]bool{}
	for _, r := range rows {
		p := pair{PairOf(&r.Key), r.Reach}
		if hours[p] == nil {
			hours[p] = map[int64]bool{}
		}
		hours[p][r.Hour] = true
		i, ok := at[p]
		if !ok {
			at[p] = len(out)
			r.Hours = 1
			out = append(out, r)
			continue
		}
		o := &out[i]
		o.Counts = o.Counts.Plus(r.Counts)
		o.Agree += r.Agree
		o.Conflict = o.Conflict || r.Conflict
		o.Hours = len(hours[p])
		o.Resolution = coarser(o.Resolution, r.Resolution)
		o.Sensor, o.Others = joined(o.Sensor, r.Sensor), joined(o.Others, r.Others)
	}
	for i := range out {
		out[i].Hour, out[i].Minutes = 0, 0
	}
	Sort(out, Pairs)
	return out
}

// PairOf is the pair of a row.
func PairOf(k *Key) Pair {
	return Pair{Peer: k.Peer, Host: k.Host, Port: k.Port, Proto: k.Proto, Direction: k.Direction}
}

// joined is the sorted union of two lists joined by ", ".
func joined(a, b string) string {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	all := append(strings.Split(a, ", "), strings.Split(b, ", ")...)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// coarser is the resolution that promises less.
func coarser(a, b netcase.Resolution) netcase.Resolution {
	if fineness(a) <= fineness(b) {
		return b
	}
	return a
}

// fineness ranks resolutions by how well their counts can be trusted, best first:
// raw, then aggregates by their interval, then what is not known, then sampled.
func fineness(r netcase.Resolution) int {
	switch {
	case r == netcase.ResolutionRaw:
		return 0
	case r.Aggregated():
		return int(r)
	case r == netcase.ResolutionUnknown:
		return 1 << 17
	}
	return 1 << 18
}
