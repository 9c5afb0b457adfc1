package database

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"netcase"
	"netcase/intel"
)

// Window is the time that a set is asked about: the traffic of a case, or one
// instant.
type Window struct{ First, Last netcase.Time }

// maxLater is how many snapshots of a feed that were learned after the window are
// asked. A year of days would be read otherwise, to say the same of most addresses.
const maxLater = 12

// Files are the documents that bear on a window, as inputs of package intel: of
// each feed the one that was at hand when the window began, each one learned in it,
// and up to maxLater learned later, spread over the time since, the first and the
// newest among them. What was learned later is told apart by its date, as it is of
// files. They are read when they are opened; the database must be open then.
//
// A window without a time is the present: of each feed the newest.
func (db *DB) Files(ctx context.Context, w Window) ([]intel.File, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []intel.File
	used, _ := bearing(all, w)
	for _, s := range used {
		out = append(out, db.file(ctx, s))
	}
	return out, nil
}

// file is a snapshot as an input of package intel.
func (db *DB) file(ctx context.Context, s Snapshot) intel.File {
	return s.file(func() (io.ReadCloser, error) {
		body, err := db.Body(ctx, s.SHA256)
		return io.NopCloser(bytes.NewReader(body)), err
	})
}

// bearing are the snapshots in use that bear on a window, and how many later ones are
// left out. All come by feed and time.
func bearing(all []Snapshot, w Window) (out []Snapshot, left int) {
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].Feed == all[i].Feed {
			end++
		}
		during, later := bearingOf(all[i:end], w)
		kept := spread(later, maxLater)
		out = append(append(out, during...), kept...)
		left += len(later) - len(kept)
		i = end
	}
	return out, left
}

// bearingOf are the snapshots of one feed: at hand when the window began or learned in
// it, and learned later.
func bearingOf(all []Snapshot, w Window) (during, later []Snapshot) {
	for i := range all {
		s := &all[i]
		if s.Quarantine != "" {
			continue
		}
		next := following(all[i+1:], s.Feed)
		switch {
		case next != nil && (!w.First.Known() || next.Learned <= w.First):
			// another one had taken its place
		case w.Last.Known() && s.Learned > max(w.First, w.Last):
			later = append(later, *s)
		default:
			during = append(during, *s)
		}
	}
	return during, later
}

// spread takes n of the snapshots, evenly, the first and the last among them.
func spread(all []Snapshot, n int) []Snapshot {
	if len(all) <= n {
		return all
	}
	out := make([]Snapshot, n)
	for i := range out {
		out[i] = all[i*(len(all)-1)/(n-1)]
	}
	return out
}

// following is the next snapshot in use of the feed; nil: there is none.
func following(rest []Snapshot, feed string) *Snapshot {
	for i := range rest {
		if rest[i].Feed != feed {
			return nil
		}
		if rest[i].Quarantine == "" {
			return &rest[i]
		}
	}
	return nil
}

// Load is the set for a window.
func (db *DB) Load(ctx context.Context, w Window) (*intel.Set, error) {
	files, err := db.Files(ctx, w)
	if err != nil {
		return nil, err
	}
	return intel.Load(ctx, files, db.cfg)
}

// Notes say how much of the database bears on a window and how old it is, and what
// of it is not used: for the coverage of a case.
func (db *DB) Notes(ctx context.Context, w Window) ([]string, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	used, left := bearing(all, w)
	feeds, then, newest := map[string]bool{}, 0, netcase.Time(0)
	for i := range used {
		feeds[used[i].Feed] = true
		newest = max(newest, used[i].Learned)
		if w.First.Known() && used[i].Learned <= w.First {
			then++
		}
	}
	if len(used) == 0 {
		return []string{"the intelligence database is empty: no address could be called listed by it"}, nil
	}
	out := []string{fmt.Sprintf("of the intelligence database %d snapshots of %d feeds were asked, the newest learned %s; %d of them were known when the traffic began",
		len(used), len(feeds), newest.Short(), then)}
	if left > 0 {
		out = append(out, fmt.Sprintf("%d snapshots learned after the traffic were not asked: of each feed %d, spread over the time since, are", left, maxLater))
	}
	for i := range all {
		if s := &all[i]; s.Quarantine != "" && following(all[i+1:], s.Feed) == nil {
			out = append(out, fmt.Sprintf("the snapshot of %s learned %s was not used: %s", s.Feed, s.Learned.Short(), s.Quarantine))
		}
	}
	return out, nil
}
