package database

import (
	"context"
	"net/netip"

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
// snapshot first. Every snapshot is read, one at a time.
func (db *DB) History(ctx context.Context, a netip.Addr) ([]History, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	out := []History{}
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].Feed == all[i].Feed {
			end++
		}
		h, err := db.told(ctx, all[i:end], a)
		if err != nil {
			return nil, err
		}
		if h.First.Known() {
			out = append(out, h)
		}
		i = end
	}
	return out, nil
}

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
