package database

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations make the schema, one step a version. A step that was released is
// never changed.
//
// Times are unix milliseconds, 0 where they are not known.
var migrations = []string{
	`CREATE TABLE document (
		sha256 TEXT PRIMARY KEY,   -- of the bytes as they came
		size   INTEGER NOT NULL,   -- bytes as they came
		body   BLOB NOT NULL       -- zstd
	) STRICT;
	CREATE TABLE snapshot (
		id         INTEGER PRIMARY KEY,
		feed       TEXT NOT NULL,
		sha256     TEXT NOT NULL REFERENCES document,
		name       TEXT NOT NULL,    -- the file name that the reader sees: it tells who made it
		source     TEXT NOT NULL,    -- URL or path
		given      INTEGER NOT NULL, -- the date given by the user, else when it was retrieved
		learned    INTEGER NOT NULL, -- knowledge time, as the reader settled it
		learned_by TEXT NOT NULL,
		upheld     INTEGER NOT NULL, -- when the feed last handed out the same bytes
		retrieved  INTEGER NOT NULL,
		etag       TEXT NOT NULL,
		modified   TEXT NOT NULL,    -- Last-Modified as it was sent
		licence    TEXT NOT NULL,
		tlp        TEXT NOT NULL,
		covered    INTEGER NOT NULL, -- IPv4 addresses of its adverse prefixes
		report     TEXT NOT NULL,    -- netcase.FeedReport as JSON: counts by reason
		quarantine TEXT NOT NULL     -- why it is not used; empty: it is
	) STRICT;
	CREATE INDEX snapshot_feed ON snapshot (feed, learned, id);
	CREATE INDEX snapshot_document ON snapshot (sha256);
	CREATE TABLE visit (
		feed    TEXT PRIMARY KEY,
		at      INTEGER NOT NULL, -- when the feed was last asked
		error   TEXT NOT NULL     -- why that gave nothing; empty: it answered
	) STRICT, WITHOUT ROWID;`,

	`CREATE TABLE answer (
		provider   TEXT NOT NULL,
		observable TEXT NOT NULL,
		retrieved  INTEGER NOT NULL,
		status     INTEGER NOT NULL,
		sha256     TEXT NOT NULL,    -- of the body
		redacted   INTEGER NOT NULL,
		body       BLOB NOT NULL,    -- zstd
		PRIMARY KEY (provider, observable, retrieved)
	) STRICT;
	CREATE TABLE spent (
		account TEXT NOT NULL,
		day     TEXT NOT NULL,       -- of UTC
		asked   INTEGER NOT NULL,
		until   INTEGER NOT NULL,    -- the service said no until then
		why     TEXT NOT NULL,
		PRIMARY KEY (account, day)
	) STRICT, WITHOUT ROWID;`,
}

// migrate brings the schema up to date. Where it is, nothing is locked.
func (db *DB) migrate(ctx context.Context) error {
	var version int
	if err := db.sql.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version == len(migrations) {
		return err
	}
	for {
		done := false
		err := db.transact(ctx, func(tx *sql.Tx) error {
			var version int
			if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
				return err
			}
			switch {
			case version > len(migrations):
				return fmt.Errorf("schema %d was written by a later version of netcase; this one knows %d", version, len(migrations))
			case version == len(migrations):
				done = true
				return nil
			}
			if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1))
			return err
		})
		if err != nil || done {
			return err
		}
	}
}
