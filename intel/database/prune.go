package database

import (
	"context"
	"database/sql"

	"netcase"
)

// Pruning is what may be forgotten. The snapshot in use of every feed is always kept.
type Pruning struct {
	Keep   int          // snapshots kept of each feed; 0: no bound
	Before netcase.Time // snapshots that were handed out last before then are forgotten; zero: none for their age
}

// Pruned is what was forgotten.
type Pruned struct {
	Snapshots int
	Documents int // bytes that no snapshot needs any more
}

// Prune forgets snapshots and gives their room back to the disk. What was known then
// can no longer be told for the time of what is forgotten.
func (db *DB) Prune(ctx context.Context, p Pruning) (out Pruned, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		all, err := snapshots(ctx, tx, "")
		if err != nil {
			return err
		}
		for _, id := range forgotten(all, p) {
			if _, err := tx.ExecContext(ctx, "DELETE FROM snapshot WHERE id = ?", id); err != nil {
				return err
			}
			out.Snapshots++
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM document WHERE sha256 NOT IN (SELECT sha256 FROM snapshot)")
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		out.Documents = int(n)
		return err
	})
	if err != nil {
		return Pruned{}, err
	}
	for _, shrink := range []string{"PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if err := db.drain(ctx, shrink); err != nil {
			return out, err
		}
	}
	return out, nil
}

// drain runs a statement to its end: a vacuum works page by page as its rows are read.
func (db *DB) drain(ctx context.Context, statement string) error {
	db.write.Lock()
	defer db.write.Unlock()
	rows, err := db.sql.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// forgotten are the ids of the snapshots to forget. All come by feed, oldest first.
func forgotten(all []Snapshot, p Pruning) (ids []int64) {
	newer := 0       // snapshots of the feed that came later
	current := false // the one in use of the feed has been met
	for i := len(all) - 1; i >= 0; i-- {
		s := &all[i]
		if i+1 < len(all) && all[i+1].Feed != s.Feed {
			newer, current = 0, false
		}
		inUse := s.Quarantine == "" && !current
		current = current || inUse
		if !inUse && (p.Keep > 0 && newer >= p.Keep || s.Upheld < p.Before) {
			ids = append(ids, s.ID)
		}
		newer++
	}
	return ids
}
