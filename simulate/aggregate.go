package simulate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// interval is how long Traffic Analytics gathers flows into a record by default.
//
// Source: Azure Network Watcher, "Traffic Analytics schema and data aggregation".
const interval = netcase.Hour

// packedLimit is how many outside addresses share a record in this model.
const packedLimit = 12

// cellKey is what Traffic Analytics makes equal: the source port is not in it.
type cellKey struct {
	hour     netcase.Time
	src, dst netip.Addr
	nsg      int16
	rule     int16
	dport    uint16
	proto    uint8
	dir      byte
}

// cell is the flows of one key.
type cell struct {
	cellKey
	first, last netcase.Time
	started     int64
	ended       int64
	out, in     size
	sized       bool // the sizes are known: the flows were let through
}

// row is one record of AzureNetworkAnalytics_CL.
type row struct {
	cell
	outside   []cell // of one outside address each, where the record packs them
	kind      string // FlowType_s
	place     place
	ours      int // the host, where one side is ours
	generated netcase.Time
	processed netcase.Time
}

// The types of flows that occur here.
const (
	intraVNet      = "IntraVNet"
	azurePublic    = "AzurePublic"
	externalPublic = "ExternalPublic"
	maliciousFlow  = "MaliciousFlow"
)

// cells gathers the flows as every rule set reports them.
func (w *world) cells() []cell {
	index := make(map[cellKey]int32, len(w.flows)/4)
	out := make([]cell, 0, len(w.flows)/4)
	var room [4]view
	for i := range w.flows {
		f := &w.flows[i]
		for _, v := range w.views(f, room[:0]) {
			k := cellKey{f.at.Truncate(interval), f.src, f.dst, int16(v.nsg), int16(v.rule), f.dport, f.proto, v.dir}
			at, ok := index[k]
			if !ok {
				at = int32(len(out))
				index[k] = at
				out = append(out, cell{cellKey: k, first: f.at, sized: v.allow})
			}
			out[at].add(f, v)
		}
	}
	return out
}

// add counts a flow; flows come in the order of time. What a later rule set
// denied went nowhere, but the one before it saw the attempts.
func (c *cell) add(f *flow, v view) {
	c.last = f.at
	c.started++
	if !v.allow {
		return
	}
	sent, back := f.sent()
	if f.result == denied {
		g := *f
		g.result = unanswered
		sent, back = g.sent()
	}
	c.ended++
	c.out, c.in = c.out.plus(sent), c.in.plus(back)
}

// analytics is the table that Traffic Analytics makes of the flows.
func (w *world) analytics() []row {
	cells := w.cells()
	groups := map[packKey]int{}
	var rows []row
	for _, c := range cells {
		k := w.packKey(c)
		i, ok := groups[k]
		if !ok || k.alone() || len(rows[i].outside) >= packedLimit {
			i = len(rows)
			groups[k] = i
			rows = append(rows, row{cell: cell{cellKey: c.cellKey, first: c.first, sized: c.sized}, kind: k.kind, place: k.place, ours: k.ours})
		}
		rows[i].take(c)
	}
	for i := range rows {
		slices.SortFunc(rows[i].outside, func(a, b cell) int { return outsideOf(&rows[i], &a).Compare(outsideOf(&rows[i], &b)) })
	}
	slices.SortFunc(rows, compareRows)
	w.ingest(rows)
	return rows
}

// take adds a cell to the record.
func (r *row) take(c cell) {
	r.first, r.last = min(r.first, c.first), max(r.last, c.last)
	r.started, r.ended = r.started+c.started, r.ended+c.ended
	r.out, r.in = r.out.plus(c.out), r.in.plus(c.in)
	r.outside = append(r.outside, c)
}

// packKey is what the flows of one record have in common.
type packKey struct {
	cellKey // without the outside address
	kind    string
	place   place
	ours    int
}

// alone tells whether the flows of a cell make a record by themselves.
func (k packKey) alone() bool { return k.kind == intraVNet || k.kind == maliciousFlow }

func (w *world) packKey(c cell) packKey {
	src, fromUs := w.byAddr[c.src]
	dst, toUs := w.byAddr[c.dst]
	k := packKey{cellKey: c.cellKey, kind: intraVNet}
	if fromUs && toUs {
		return k
	}
	outside := &k.src
	k.ours = dst
	if fromUs {
		outside, k.ours = &k.dst, src
	}
	k.place = w.places[*outside]
	switch {
	case k.place.azure:
		k.kind = azurePublic
	case w.onFeed(*outside, c.hour):
		k.kind = maliciousFlow
		return k
	default:
		k.kind = externalPublic
	}
	*outside = netip.Addr{}
	return k
}

// onFeed tells whether the provider's own feed held an address in an interval:
// one source of the spike always, the first of the three now and then.
func (w *world) onFeed(a netip.Addr, hour netcase.Time) bool {
	const everyHours = 7
	if len(w.sources) > 0 && a == w.sources[len(w.sources)-1].addr {
		return true
	}
	return w.incident() && a == w.suspects[0].addr && hour.Hour()%everyHours == 0
}

func (w *world) incident() bool { return len(w.sources) > 0 }

// outsideOf is the outside address of a packed cell.
func outsideOf(r *row, c *cell) netip.Addr {
	if r.dir == 'I' {
		return c.src
	}
	return c.dst
}

// compareRows leaves no two rows equal.
func compareRows(a, b row) int {
	return cmp.Or(
		cmp.Compare(a.hour, b.hour), cmp.Compare(a.nsg, b.nsg), cmp.Compare(a.dir, b.dir), cmp.Compare(a.rule, b.rule),
		cmp.Compare(a.dport, b.dport), cmp.Compare(a.proto, b.proto), cmp.Compare(a.ours, b.ours), strings.Compare(a.kind, b.kind),
		strings.Compare(a.place.name, b.place.name), a.outside[0].src.Compare(b.outside[0].src), a.outside[0].dst.Compare(b.outside[0].dst),
	)
}

// ingest says when the records were processed and arrived: some time after
// their interval ended, those of an interval together.
func (w *world) ingest(rows []row) {
	d := newDraw(w.seed, partExport)
	var hour, processed netcase.Time
	for i := range rows {
		if rows[i].hour != hour {
			hour = rows[i].hour
			processed = hour + interval + netcase.Time(d.between(6, 14))*netcase.Minute + netcase.Time(d.IntN(60))*netcase.Second
		}
		rows[i].processed = processed
		rows[i].generated = processed + 11*netcase.Minute + netcase.Time(d.IntN(int(9*netcase.Minute)))
	}
}
