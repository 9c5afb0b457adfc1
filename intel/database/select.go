package database

import (
	"bytes"
	"context"
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
