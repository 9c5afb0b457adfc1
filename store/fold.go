package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"sync"

	"netcase"
)

// fold is what one input is folded into. Its workers take batches side by side, each
// into tables of its own; what the fold holds in the end does not depend on how the
// batches were spread, because equal cells are joined when the runs are merged.
type fold struct {
	cfg  *Config
	site *netcase.Site
	keep *keeper

	mu     sync.Mutex
	runs   []*run // in the order of Peers
	extras []*run // what the minute bits of the rows cannot say
	logs   *logs
	names  *nameBook
	keys   []*keyRun // natural keys of accepted flows and events
	keyed  bool      // they are wanted: another input may deliver the same records
	drifts bool      // flows began in another hour than the one they are counted in
}

// newFold is an empty fold.
func newFold(cfg *Config, site *netcase.Site, keep *keeper) *fold {
	return &fold{cfg: cfg, site: site, keep: keep, logs: newLogs(keep), names: newNameBook(), keyed: !keep.alone}
}

// A worker's first tables are small, so that they stand near the processor; after many
// of them its tables may be large, so that there are not too many runs to merge.
const (
	smallTable = 24 << 10
	manyRuns   = 256
)

// tableRows is how many rows a worker gathers at most before it seals them: few enough
// to leave room below the budget.
func (k *keeper) tableRows() int {
	const least, most = 4 << 10, 96 << 10
	if k.table > 0 {
		return k.table
	}
	if k.budget <= 0 {
		return most
	}
	return int(min(max(k.budget/8/packedSize/max(int64(k.workers), 1), least), most))
}

// worker is what one goroutine folds with; close hands over what it still holds.
func (f *fold) worker() *foldWorker {
	w := &foldWorker{
		fold: f, order: f.keep.names.reader(), logs: newLogs(f.keep), limit: min(f.keep.tableRows(), smallTable), names: newNameBook(),
	}
	if w.table, _ = f.keep.tables.Get().(*table); w.table == nil {
		w.table = newTable()
	}
	if f.site.Stated() || len(f.site.Assets) > 0 {
		w.ownerships = new([1 << ownershipsBits]ownership)
	}
	return w
}

type foldWorker struct {
	*fold
	table   *table
	order   *reader
	logs    *logs
	limit   int
	names   *nameBook
	keys    []uint64
	sensor  string // of the flow before, and its number
	number  uint32
	drifted bool // as of the fold

	ownerships *[1 << ownershipsBits]ownership // nil: the site has neither prefixes nor assets
}

// take folds a batch.
func (w *foldWorker) take(ctx context.Context, b *netcase.Batch) error {
	for i := range b.Flows {
		w.flow(&b.Flows[i])
		if len(w.table.rows) >= w.limit {
			if err := w.seal(); err != nil {
				return err
			}
		}
	}
	if len(w.keys) >= w.keep.keyTable() {
		if err := w.sealKeys(); err != nil {
			return err
		}
	}
	if len(b.Logins)+len(b.Processes)+len(b.Queries)+len(b.Alerts) > 0 {
		w.events(b)
		if err := w.logs.add(b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// events learns keys and names from what is not a flow.
func (w *foldWorker) events(b *netcase.Batch) {
	for i := range b.Logins {
		l := &b.Logins[i]
		w.key(l.Key)
		w.learn(&l.Host)
	}
	for i := range b.Processes {
		p := &b.Processes[i]
		w.key(p.Key)
		w.learn(&p.Host)
	}
}

func (w *foldWorker) key(k uint64) {
	if k != 0 && w.keyed {
		w.keys = append(w.keys, k)
	}
}

// sealKeys puts away the keys that were gathered.
func (w *foldWorker) sealKeys() error {
	if len(w.keys) == 0 {
		return nil
	}
	made, err := w.keep.sealedKeys(w.keys)
	if err != nil {
		return err
	}
	w.keys = w.keys[:0]
	w.fold.mu.Lock()
	defer w.fold.mu.Unlock()
	w.fold.keys = append(w.fold.keys, made)
	return nil
}

// learn notes a machine's name.
func (w *foldWorker) learn(e *netcase.Endpoint) {
	if e.Name != "" && e.Addr.IsValid() {
		w.names.learn(e.Addr, e.Name)
	}
}

func (w *foldWorker) flow(f *netcase.Flow) {
	assume(w.cfg, f)
	at := f.Cell()
	if w.cfg.Span.End.Known() && at >= w.cfg.Span.End {
		return
	}
	w.key(f.Key)
	w.learn(&f.Src)
	w.learn(&f.Dst)
	d := w.site.DirectionBy(f, w.owns)
	peer, host := &f.Src, &f.Dst
	if d == netcase.Outbound {
		peer, host = host, peer
	}
	if f.Sensor != w.sensor || w.number == 0 {
		w.sensor, w.number = f.Sensor, w.keep.names.number(f.Sensor)
	}
	pk, phi, plo := w.keep.names.packEnd(peer)
	hk, hhi, hlo := w.keep.names.packEnd(host)
	c := cell{
		peerHi: phi, peerLo: plo, hostHi: hhi, hostLo: hlo, sensor: w.number,
		hour: int32(min(max(at.Hour(), math.MinInt32), math.MaxInt32)),
		rest: restOf(f.DstPort, f.Proto, d, f.Reach, f.Resolution) | pk<<peerKindShift | hk<<hostKindShift,
	}
	w.drifted = w.drifted || at != f.Start && at.Hour() != f.Start.Hour()
	w.table.count(&c, f)
}

// ownership is what the site says of an address; the zero value is of none.
type ownership struct {
	addr netip.Addr
	owns bool
}

// ownershipsBits is how many addresses a worker remembers, as a power of two: the
// machines of a large network.
const ownershipsBits = 13

// owns is Site.Owns, remembered where that has lists to look through.
func (w *foldWorker) owns(a netip.Addr) bool {
	if w.ownerships == nil {
		return w.site.Owns(a)
	}
	b := a.As16()
	h := mixed(binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])) >> (64 - ownershipsBits)
	o := &w.ownerships[h]
	if o.addr != a {
		*o = ownership{a, w.site.Owns(a)}
	}
	return o.owns
}

// seal puts the rows of the table away as a sorted run.
func (w *foldWorker) seal() error {
	rows := w.table.rows
	if len(rows) == 0 {
		return nil
	}
	// Extra rows go apart: a merge of rows never meets them.
	n := 0
	for i := range rows {
		if !rows[i].extra() {
			rows[n], rows[i] = rows[i], rows[n]
			n++
		}
	}
	var made, extra *run
	var err error
	if n > 0 {
		if made, err = w.keep.sealed(rows[:n], w.order.peersFirst()); err != nil {
			return err
		}
	}
	if n < len(rows) {
		if extra, err = w.keep.sealed(rows[n:], byMinute); err != nil {
			return err
		}
	}
	w.table.reset()
	w.fold.mu.Lock()
	defer w.fold.mu.Unlock()
	if made != nil {
		w.fold.runs = append(w.fold.runs, made)
	}
	if len(w.fold.runs) >= manyRuns {
		w.limit = w.keep.tableRows()
	}
	if extra != nil {
		w.fold.extras = append(w.fold.extras, extra)
	}
	return nil
}

// byMinute is the order of extra rows.
var byMinute = ordering{
	func(a, b *packed) int { return cmp.Compare(int64(a.peerLo), int64(b.peerLo)) },
	func(p *packed) lead { return lead{} },
}

// close hands over what the worker still holds.
func (w *foldWorker) close() error {
	if err := cmp.Or(w.seal(), w.sealKeys(), w.logs.seal()); err != nil {
		return err
	}
	f := w.fold
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drifts = f.drifts || w.drifted
	f.logs.take(w.logs)
	f.names.join(w.names)
	f.keep.tables.Put(w.table)
	w.keys, w.names, w.table = nil, nil, nil
	return nil
}

// drop gives up what was folded: the input is a copy, or is read again.
func (f *fold) drop() {
	for _, r := range slices.Concat(f.runs, f.extras) {
		r.release()
	}
	releaseKeys(f.keys)
	f.logs.drop()
	f.runs, f.extras, f.keys, f.names = nil, nil, nil, nil
}
