package database

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"netcase"
	"netcase/intel"
)

// History is what one feed said of an address over time.
type History struct {
	Feed        string       `json:"feed"`
	First       netcase.Time `json:"first"` // when the first snapshot that lists it was learned
	Last        netcase.Time `json:"last"`  // until when the last one that lists it was handed out
	Still       bool         `json:"still"` // the snapshot in use lists it
	Appearances []Appearance `json:"appearances"`
}

// Appearance is one snapshot, and whether it lists the address.
type Appearance struct {
	Learned    netcase.Time        `json:"learned"`
	Upheld     netcase.Time        `json:"upheld"`
	SHA256     string              `json:"sha256"`
	Quarantine string              `json:"quarantine,omitempty"` // why the snapshot is not used: it counts for nothing above
	Indicators []netcase.Indicator `json:"indicators"`           // empty: it does not list it
}

// History is what every feed that ever listed an address said of it, by feed, oldest
// snapshot first. Every snapshot is read, a few feeds side by side; what only tells where
// ranges are lists nobody.
func (db *DB) History(ctx context.Context, a netip.Addr) ([]History, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	places := placeFormats()
	all = slices.DeleteFunc(all, func(s Snapshot) bool { return places[s.Report.Format] })
	var feeds [][]Snapshot
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].Feed == all[i].Feed {
			end++
		}
		feeds = append(feeds, all[i:end])
		i = end
	}
	told, errs := make([]History, len(feeds)), make([]error, len(feeds))
	turn := make(chan struct{}, min(runtime.GOMAXPROCS(0), mostRead))
	var wg sync.WaitGroup
	for i := range feeds {
		turn <- struct{}{}
		wg.Go(func() {
			told[i], errs[i] = db.told(ctx, feeds[i], a)
			<-turn
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(told, func(h History) bool { return !h.First.Known() }), nil
}

// placeFormats are the formats that tell where ranges are, and list nobody.
func placeFormats() map[string]bool {
	out := map[string]bool{}
	for _, f := range intel.Formats() {
		out[f.Name] = f.Places
	}
	return out
}

// mostRead is how many feeds are read side by side: each takes the memory of its largest
// snapshot.
const mostRead = 4

// told is what the snapshots of one feed said.
func (db *DB) told(ctx context.Context, all []Snapshot, a netip.Addr) (History, error) {
	h := History{Feed: all[0].Feed}
	for _, s := range all {
		set, err := intel.Load(ctx, []intel.File{db.file(ctx, s)}, db.cfg)
		if err != nil {
			return h, err
		}
		seen := Appearance{Learned: s.Learned, Upheld: s.Upheld, SHA256: s.SHA256, Quarantine: s.Quarantine, Indicators: set.Match(a)}
		h.Appearances = append(h.Appearances, seen)
		if s.Quarantine != "" {
			continue
		}
		h.Still = len(seen.Indicators) > 0
		if h.Still {
			h.Last = max(h.Last, s.Upheld)
			if !h.First.Known() {
				h.First = s.Learned
			}
		}
	}
	return h, nil
}
