package database

import (
	"context"
	"errors"
	"slices"
	"strings"

	"netcase"
	"netcase/intel"
)

// Info is how things stand with one feed.
type Info struct {
	Feed       string       `json:"feed"`
	Current    *Snapshot    `json:"current"` // the one in use; none: nothing is
	Snapshots  int          `json:"snapshots"`
	First      netcase.Time `json:"first"`                // when its first snapshot was learned
	Asked      netcase.Time `json:"asked"`                // when it was last asked; zero: it was only added by hand
	Error      string       `json:"error,omitempty"`      // why that gave nothing
	Quarantine string       `json:"quarantine,omitempty"` // why a newer snapshot is not used
	Prefixes   int          `json:"prefixes"`             // distinct ones in use; 0 of tables of places, which are not compared
	Shared     int          `json:"shared"`               // of those, another feed says the like
}

// List is how things stand with every feed, by name. It reads what is in use, to
// tell how much of each feed another one lists too.
func (db *DB) List(ctx context.Context) ([]Info, error) {
	infos, err := db.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	var files []intel.File
	places := placeFormats()
	same := map[string][]int{} // the feeds that hand out the same bytes, which are read once
	for i := range infos {
		s := infos[i].Current
		if s == nil || places[s.Report.Format] {
			continue
		}
		if len(same[s.SHA256]) == 0 {
			f := db.file(ctx, *s)
			f.Name = infos[i].Feed // one name each, to find them again
			files = append(files, f)
		}
		same[s.SHA256] = append(same[s.SHA256], i)
	}
	set, err := intel.Load(ctx, files, db.cfg)
	if err != nil {
		return nil, err
	}
	reaches := set.Reaches()
	for i, f := range set.Feeds() {
		for _, at := range same[f.SHA256] {
			infos[at].Prefixes, infos[at].Shared = reaches[i].Prefixes, reaches[i].Shared
			if len(same[f.SHA256]) > 1 {
				infos[at].Shared = reaches[i].Prefixes
			}
		}
	}
	return infos, nil
}

// catalogue is the list without what would have to be read for it.
func (db *DB) catalogue(ctx context.Context) ([]Info, error) {
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []Info
	for i := range all {
		s := &all[i]
		if len(out) == 0 || out[len(out)-1].Feed != s.Feed {
			out = append(out, Info{Feed: s.Feed, First: s.Learned})
		}
		in := &out[len(out)-1]
		in.Snapshots++
		in.Quarantine = s.Quarantine
		if s.Quarantine == "" {
			in.Current = s
		}
	}
	return out, db.visits(ctx, &out)
}

// visits adds when feeds were asked, also those that never gave anything.
func (db *DB) visits(ctx context.Context, infos *[]Info) (err error) {
	rows, err := db.sql.QueryContext(ctx, "SELECT feed, at, error FROM visit ORDER BY feed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v Info
		if err := rows.Scan(&v.Feed, &v.Asked, &v.Error); err != nil {
			return err
		}
		at, found := slices.BinarySearchFunc(*infos, v.Feed, func(in Info, name string) int { return strings.Compare(in.Feed, name) })
		if !found {
			*infos = slices.Insert(*infos, at, v)
			continue
		}
		(*infos)[at].Asked, (*infos)[at].Error = v.Asked, v.Error
	}
	return rows.Err()
}
