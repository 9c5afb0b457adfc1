package database

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"netcase"
	"netcase/intel"
)

// MaxDocument bounds the bytes of one document.
const MaxDocument = 256 << 20

// Document is what a feed handed out, or a file that was added.
type Document struct {
	Feed      string
	Name      string // file name; it may tell who made the list and when
	Source    string // URL or path
	Body      []byte
	Given     netcase.Time // a date given by the user; zero: when it was retrieved
	Retrieved netcase.Time
	ETag      string
	Modified  string // Last-Modified as it was sent
	Licence   string
	TLP       string
	Formats   []string // the formats that the feed is known to have; nil: any
	Accept    bool     // use it whatever the guards say
	ByHand    bool     // added by the user: what is no list of addresses is not kept
}

// Snapshot is a document as it stands in the catalogue.
type Snapshot struct {
	ID         int64              `json:"-"`
	Feed       string             `json:"feed"`
	SHA256     string             `json:"sha256"`
	Size       int64              `json:"size"`
	Name       string             `json:"name"`
	Source     string             `json:"source"`
	Given      netcase.Time       `json:"given"`
	Learned    netcase.Time       `json:"learned"`
	LearnedBy  string             `json:"learned_by"`
	Upheld     netcase.Time       `json:"upheld"`
	Retrieved  netcase.Time       `json:"retrieved"`
	ETag       string             `json:"etag,omitempty"`
	Modified   string             `json:"last_modified,omitempty"`
	Licence    string             `json:"licence,omitempty"`
	TLP        string             `json:"tlp,omitempty"`
	Covered    uint64             `json:"covered"` // IPv4 addresses of its adverse prefixes
	Report     netcase.FeedReport `json:"report"`
	Quarantine string             `json:"quarantine,omitempty"` // why it is not used; empty: it is
}

// State is what became of a document that was handed to Store.
type State string

// The states.
const (
	Stored      State = "stored"
	Unchanged   State = "unchanged"
	Quarantined State = "quarantined"
	NoList      State = "no list" // added by hand, and not kept
)

// Outcome is what Store did.
type Outcome struct {
	State    State
	Snapshot Snapshot // the one that stands for the document now
}

// Store keeps a document. When it returns without an error, the document is on
// disk. Bytes that the feed handed out before are kept once; their snapshot then
// only lasts longer. A document that the guards refuse is kept, and not used.
//
// Errors: a document that is too large, and those of the disk.
func (db *DB) Store(ctx context.Context, d Document) (Outcome, error) {
	if len(d.Body) > MaxDocument {
		return Outcome{}, fmt.Errorf("%s: larger than %d bytes", d.Feed, MaxDocument)
	}
	now, err := db.read(ctx, &d)
	if err != nil {
		return Outcome{}, err
	}
	if d.ByHand && now.Report.Format == "" {
		return Outcome{State: NoList, Snapshot: now}, nil
	}
	packed := db.pack.EncodeAll(d.Body, nil)
	var out Outcome
	err = db.transact(ctx, func(tx *sql.Tx) error {
		all, err := snapshots(ctx, tx, "WHERE feed = ?", d.Feed)
		if err != nil {
			return err
		}
		if same := sameRun(all, &now); same != nil {
			out = Outcome{State: Unchanged, Snapshot: *same}
			return extend(ctx, tx, &out.Snapshot, &now, d.Accept)
		}
		now.Quarantine = suspicion(before(all, &now), &now, d.Formats)
		if d.Accept {
			now.Quarantine = ""
		}
		out = Outcome{State: Stored, Snapshot: now}
		if now.Quarantine != "" {
			out.State = Quarantined
		}
		return insert(ctx, tx, &out.Snapshot, packed)
	})
	return out, err
}

// read parses the document as it would be used.
func (db *DB) read(ctx context.Context, d *Document) (Snapshot, error) {
	s := Snapshot{
		Feed: d.Feed, SHA256: digest(d.Body), Size: int64(len(d.Body)), Name: d.Name, Source: d.Source,
		Given: d.Given, Retrieved: d.Retrieved, ETag: d.ETag, Modified: d.Modified, Licence: d.Licence, TLP: d.TLP,
	}
	if !s.Given.Known() {
		s.Given = d.Retrieved
	}
	set, err := intel.Load(ctx, []intel.File{s.file(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(d.Body)), nil })}, db.cfg)
	if err != nil {
		return s, err
	}
	s.Report = set.Feeds()[0]
	s.Learned, s.LearnedBy = s.Report.Learned, s.Report.LearnedBy
	s.Upheld = max(s.Learned, d.handedOut())
	s.Covered = set.Reaches()[0].Covered
	return s, nil
}

// handedOut is when the document was certainly still handed out. A file that was
// added by hand may be of any age.
func (d *Document) handedOut() netcase.Time {
	if d.ByHand {
		return d.Given
	}
	return max(d.Given, d.Retrieved)
}

// file is the snapshot as an input of package intel.
func (s *Snapshot) file(open func() (io.ReadCloser, error)) intel.File {
	return intel.File{Name: s.Name, Given: s.Given, Upheld: s.Upheld, TLP: s.TLP, Open: open}
}

// sameRun is the snapshot of the same bytes between which and now the feed handed
// out nothing else; nil: there is none.
func sameRun(all []Snapshot, now *Snapshot) *Snapshot {
	for i := range all {
		s := &all[i]
		if s.SHA256 != now.SHA256 {
			continue
		}
		from, to := min(s.Learned, now.Learned), max(s.Upheld, now.Upheld)
		alone := true
		for j := range all {
			o := &all[j]
			alone = alone && (o.SHA256 == s.SHA256 || o.Learned < from || o.Learned > to)
		}
		if alone {
			return s
		}
	}
	return nil
}

// before is the snapshot in use that came last before now; where there is none,
// the first after it; nil: none is in use.
func before(all []Snapshot, now *Snapshot) *Snapshot {
	var found *Snapshot
	for i := range all {
		s := &all[i]
		if s.Quarantine != "" {
			continue
		}
		if found == nil || s.Learned <= now.Learned {
			found = s
		}
	}
	return found
}

// extend lets a snapshot last from the earlier to the later of two sightings of
// its bytes.
func extend(ctx context.Context, tx *sql.Tx, s, now *Snapshot, accept bool) error {
	if now.Given < s.Given {
		s.Given, s.Learned, s.LearnedBy = now.Given, min(s.Learned, now.Learned), now.LearnedBy
	}
	s.Upheld = max(s.Upheld, now.Upheld)
	if now.Retrieved >= s.Retrieved && now.ETag+now.Modified != "" {
		s.ETag, s.Modified = now.ETag, now.Modified
	}
	if accept {
		s.Quarantine = ""
	}
	_, err := tx.ExecContext(ctx, "UPDATE snapshot SET given = ?, learned = ?, learned_by = ?, upheld = ?, etag = ?, modified = ?, quarantine = ? WHERE id = ?",
		s.Given, s.Learned, s.LearnedBy, s.Upheld, s.ETag, s.Modified, s.Quarantine, s.ID)
	return err
}

func insert(ctx context.Context, tx *sql.Tx, s *Snapshot, packed []byte) error {
	report, err := json.Marshal(&s.Report)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO document (sha256, size, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", s.SHA256, s.Size, packed); err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO snapshot
		(feed, sha256, name, source, given, learned, learned_by, upheld, retrieved, etag, modified, licence, tlp, covered, report, quarantine)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.Feed, s.SHA256, s.Name, s.Source, s.Given, s.Learned, s.LearnedBy, s.Upheld, s.Retrieved,
		s.ETag, s.Modified, s.Licence, s.TLP, int64(s.Covered), string(report), s.Quarantine)
	if err != nil {
		return err
	}
	s.ID, err = result.LastInsertId()
	return err
}

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// snapshots are the rows that a condition selects, by feed, then by when they
// were learned.
func snapshots(ctx context.Context, q queryer, where string, args ...any) (out []Snapshot, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id, feed, sha256, size, name, source, given, learned, learned_by, upheld, retrieved,
		etag, modified, licence, tlp, covered, report, quarantine
		FROM snapshot JOIN document USING (sha256) `+where+` ORDER BY feed, learned, id`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s Snapshot
		var covered int64
		var report []byte
		if err := rows.Scan(&s.ID, &s.Feed, &s.SHA256, &s.Size, &s.Name, &s.Source, &s.Given, &s.Learned, &s.LearnedBy, &s.Upheld, &s.Retrieved,
			&s.ETag, &s.Modified, &s.Licence, &s.TLP, &covered, &report, &s.Quarantine); err != nil {
			return nil, err
		}
		s.Covered = uint64(covered)
		if err := json.Unmarshal(report, &s.Report); err != nil {
			return nil, fmt.Errorf("report of snapshot %d of %s: %w", s.ID, s.Feed, err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Snapshots are the snapshots of a feed, oldest first; of every feed where it is
// empty.
func (db *DB) Snapshots(ctx context.Context, feed string) ([]Snapshot, error) {
	if feed == "" {
		return snapshots(ctx, db.sql, "")
	}
	return snapshots(ctx, db.sql, "WHERE feed = ?", feed)
}

// Body is a document as it came.
//
// Errors: one that is not there, and bytes that are no longer what they were.
func (db *DB) Body(ctx context.Context, sha string) ([]byte, error) {
	var packed []byte
	err := db.sql.QueryRowContext(ctx, "SELECT body FROM document WHERE sha256 = ?", sha).Scan(&packed)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", sha, err)
	}
	body, err := db.unpack(packed, sha)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", sha, err)
	}
	return body, nil
}

// unpack is what was packed, if it still has that digest.
func (db *DB) unpack(packed []byte, sha string) ([]byte, error) {
	body, err := db.open.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	if digest(body) != sha {
		return nil, errors.New("its bytes have changed")
	}
	return body, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Accept lets the snapshot of a feed be used that was put into quarantine last. It is
// false where none is there.
//
// Errors: a feed that has no snapshot.
func (db *DB) Accept(ctx context.Context, feed string) (released bool, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		all, err := snapshots(ctx, tx, "WHERE feed = ?", feed)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("%s: %w", feed, ErrNoFeed)
		}
		last := int64(0)
		for i := range all {
			if all[i].Quarantine != "" {
				last = max(last, all[i].ID)
			}
		}
		released = last > 0
		_, err = tx.ExecContext(ctx, "UPDATE snapshot SET quarantine = '' WHERE id = ?", last)
		return err
	})
	return released, err
}

// ErrNoFeed is the answer for a feed that the database does not hold.
var ErrNoFeed = errors.New("the database holds no such feed")
