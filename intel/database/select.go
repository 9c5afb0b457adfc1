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

// Files are the documents that bear on a window, as inputs of package intel: of
// each feed the one that was at hand when the window began, each one learned
// since, in it or later. What was learned later is told apart by its date, as it
// is of files. They are read when they are opened; the database must be open then.
//
// A window without a time is the present: of each feed the newest.
func (db *DB) Files(ctx context.Context, w Window) ([]intel.File, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []intel.File
	for _, s := range bearing(all, w) {
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

// bearing are the snapshots in use that bear on a window. All come by feed and
// time.
func bearing(all []Snapshot, w Window) (out []Snapshot) {
	for i := range all {
		s := &all[i]
		if s.Quarantine != "" {
			continue
		}
		if next := following(all[i+1:], s.Feed); next != nil && (!w.First.Known() || next.Learned <= w.First) {
			continue // another one had taken its place
		}
		out = append(out, *s)
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
	used := bearing(all, w)
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
	for i := range all {
		if s := &all[i]; s.Quarantine != "" && following(all[i+1:], s.Feed) == nil {
			out = append(out, fmt.Sprintf("the snapshot of %s learned %s was not used: %s", s.Feed, s.Learned.Short(), s.Quarantine))
		}
	}
	return out, nil
}
