package store

import (
	"context"
	"net/netip"
	"sync"

	"netcase"
	"netcase/cube"
)

// fold is what one input is folded into. Its workers may take batches at the same
// time; what it holds in the end does not depend on how the batches were spread.
type fold struct {
	cfg  *Config
	site *netcase.Site

	mu      sync.Mutex
	rows    map[cube.Key]cube.Counts
	minutes map[cube.MinuteKey]cube.MinuteCount
	logins  []netcase.Login
	procs   []netcase.Process
	queries []netcase.Query
	alerts  []netcase.Alert
	names   map[netip.Addr]string
	keys    []uint64 // natural keys of accepted flows and events
}

// newFold is an empty fold.
func newFold(cfg *Config, site *netcase.Site) *fold {
	return &fold{
		cfg: cfg, site: site,
		rows: map[cube.Key]cube.Counts{}, minutes: map[cube.MinuteKey]cube.MinuteCount{}, names: map[netip.Addr]string{},
	}
}

// worker is what one goroutine folds with; close hands over what it still holds.
func (f *fold) worker() *foldWorker { return &foldWorker{f} }

type foldWorker struct{ *fold }

func (w *foldWorker) close() error { return nil }

// seal ends the fold: no more batches come.
func (f *fold) seal() error { return nil }

// drop gives up what was folded: the input is a copy, or is read again.
func (f *fold) drop() {
	f.rows, f.minutes, f.logins, f.procs, f.queries, f.alerts, f.keys = nil, nil, nil, nil, nil, nil, nil
}

// take folds a batch.
func (f *foldWorker) take(ctx context.Context, b *netcase.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range b.Flows {
		f.takeFlow(&b.Flows[i])
	}
	for _, l := range b.Logins {
		l.Raw = nil
		f.logins = append(f.logins, l)
	}
	for _, p := range b.Processes {
		p.Raw = nil
		cube.LearnName(f.names, p.Host)
		f.procs = append(f.procs, p)
	}
	for _, q := range b.Queries {
		q.Raw = nil
		f.queries = append(f.queries, q)
	}
	for _, a := range b.Alerts {
		a.Raw = nil
		f.alerts = append(f.alerts, a)
	}
	return ctx.Err()
}

func (f *fold) takeFlow(flow *netcase.Flow) {
	assume(f.cfg, flow)
	if f.cfg.Span.End.Known() && flow.Cell() >= f.cfg.Span.End {
		return
	}
	if flow.Key != 0 {
		f.keys = append(f.keys, flow.Key)
	}
	cube.LearnName(f.names, flow.Src)
	cube.LearnName(f.names, flow.Dst)
	k := cube.KeyOf(flow, f.site)
	c := cube.CountsOf(flow)
	if old, ok := f.rows[k]; ok {
		c = old.Plus(c)
	}
	f.rows[k] = c
	cube.Minutes(&k, flow, func(mk cube.MinuteKey, n cube.MinuteCount) {
		old := f.minutes[mk]
		f.minutes[mk] = cube.MinuteCount{Flows: old.Flows + n.Flows, Failed: old.Failed + n.Failed}
	})
}
