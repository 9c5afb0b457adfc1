// Package database keeps what feeds said, and when: every document that was
// fetched or added, once, as its raw bytes, and a catalogue of when each was
// handed out. "What was known on 20 October" is asked of it: it hands the
// documents that were at hand then to package intel, which reads them as it reads
// files.
//
// It also keeps the answers of look-up services and what was spent of their quotas.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the engine, in pure Go

	"netcase/intel"
)

// FileName is the name of the database in its folder.
const FileName = "intel.db"

// DB is an intelligence database. It may be used from several goroutines, and by
// several processes at once: one writes, the others read what was committed.
type DB struct {
	sql   *sql.DB
	path  string
	cfg   intel.Config
	write sync.Mutex // SQLite has one writer; waiting here is cheaper than there
	pack  *zstd.Encoder
	open  *zstd.Decoder

	readOnly bool
}

// ErrReadOnly is that of a change to a database that cannot be written.
var ErrReadOnly = errors.New("the intelligence database is read-only")

// ReadOnly tells whether a folder holds a database that can be read and not written: the
// file or the folder forbids it, or the file system.
func ReadOnly(dir string) bool {
	if !Exists(dir) {
		return false
	}
	f, err := os.OpenFile(filepath.Join(dir, FileName), os.O_RDWR, 0)
	if err != nil {
		return forbidden(err)
	}
	if err := f.Close(); err != nil {
		return false
	}
	beside, err := os.CreateTemp(dir, ".writable-*") // the engine keeps its log beside the file
	if err != nil {
		return forbidden(err)
	}
	return errors.Join(beside.Close(), os.Remove(beside.Name())) != nil
}

func forbidden(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// ReadOnly tells whether nothing can be stored in the database.
func (db *DB) ReadOnly() bool { return db.readOnly }

// DefaultDir is the folder of the user's database, which need not exist.
//
// Errors: where the system names no home.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" && filepath.IsAbs(dir) {
		return filepath.Join(dir, "netcase"), nil
	}
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "netcase"), nil
		}
	case "darwin", "ios":
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, "Library", "Application Support", "netcase"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the intelligence database: %w", err)
	}
	return filepath.Join(home, ".local", "share", "netcase"), nil
}

// Exists tells whether a folder holds a database.
func Exists(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, FileName))
	return err == nil && info.Mode().IsRegular()
}

// Open opens the database of a folder, and makes both where they are missing.
// Lists are read within cfg.
//
// One that cannot be written is opened for reading: every change is then ErrReadOnly.
//
// Errors: a folder that cannot be made, a file that is no database, one that a later
// version wrote, and one that cannot be written and has the schema of an earlier version.
func Open(ctx context.Context, dir string, cfg intel.Config) (*DB, error) {
	db := &DB{path: filepath.Join(dir, FileName), cfg: cfg, readOnly: ReadOnly(dir)}
	if !db.readOnly {
		if err := prepared(dir, db.path); err != nil {
			return nil, err
		}
	}
	path, source := db.path, dataSource(db.path)
	if db.readOnly {
		source = readOnlySource(db.path)
	}
	var err error
	if db.pack, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, err
	}
	if db.open, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxDocument)); err != nil {
		return nil, err
	}
	if db.sql, err = sql.Open("sqlite", source); err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, nil
}

// OpenExisting is Open for a database that must be there.
func OpenExisting(ctx context.Context, dir string, cfg intel.Config) (*DB, error) {
	if !Exists(dir) {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, FileName), fs.ErrNotExist)
	}
	return Open(ctx, dir, cfg)
}

// prepared makes the folder and the file where they are missing.
func prepared(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return private(path)
}

// private makes the file where it is missing, readable by its owner alone: it
// holds answers that may not be handed on.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dataSource is the data source name. The write-ahead log lets readers go on beside
// the writer; FULL makes a commit wait for the disk, so that what was reported as
// stored is stored.
func dataSource(path string) string {
	pragmas := url.Values{"_pragma": {
		"busy_timeout(20000)", "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)",
	}, "_txlock": {"immediate"}}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + pragmas.Encode()
}

// readOnlySource opens the file without a log beside it. What another process committed and
// did not yet move from its log into the file is read too, where there is such a log.
func readOnlySource(path string) string {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(20000)", "query_only(on)"}}
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		q.Set("immutable", "1")
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
}

// Path is the file of the database.
func (db *DB) Path() string { return db.path }

// Close releases the database.
func (db *DB) Close() error {
	db.open.Close()
	return errors.Join(db.pack.Close(), db.sql.Close())
}

// Check is nil where the file holds together.
//
// Errors: what the engine's own integrity check finds.
func (db *DB) Check(ctx context.Context) error {
	var said string
	if err := db.sql.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("%s: %s", db.path, said)
	}
	return nil
}

// transact runs do in one transaction: all of it is committed, or nothing.
func (db *DB) transact(ctx context.Context, do func(*sql.Tx) error) error {
	if db.readOnly {
		return ErrReadOnly
	}
	db.write.Lock()
	defer db.write.Unlock()
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
