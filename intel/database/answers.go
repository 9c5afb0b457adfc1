package database

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"netcase"
	"netcase/intel/service"
)

// Answers are what services answered, and what was spent of their quotas. It may be
// used from several goroutines and processes: each adds, none overwrites.
type Answers struct {
	db  *DB
	ctx context.Context // of the run: the interfaces that it fulfils have none
}

var (
	_ service.Cache  = (*Answers)(nil)
	_ service.Ledger = (*Answers)(nil)
)

// Answers is the cache and the ledger of the database, for one run.
func (db *DB) Answers(ctx context.Context) *Answers { return &Answers{db: db, ctx: ctx} }

// Get is the newest answer of a look-up that was retrieved at or before asOf, which
// means now where it is not known. One whose bytes are no longer what they were is
// passed over: it can be asked for again.
func (a *Answers) Get(provider, observable string, asOf netcase.Time) (out service.Answer, ok bool, err error) {
	if !asOf.Known() {
		asOf = math.MaxInt64
	}
	rows, err := a.db.sql.QueryContext(a.ctx, `SELECT retrieved, status, sha256, redacted, body FROM answer
		WHERE provider = ? AND observable = ? AND retrieved <= ? ORDER BY retrieved DESC`, provider, observable, asOf)
	if err != nil {
		return out, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		got := service.Answer{Provider: provider, Observable: observable}
		var packed []byte
		if err := rows.Scan(&got.RetrievedAt, &got.Status, &got.SHA256, &got.Redacted, &packed); err != nil {
			return out, false, err
		}
		if body, err := a.db.unpack(packed, got.SHA256); err == nil {
			got.Body = body
			return got, true, nil
		}
	}
	return out, false, rows.Err()
}

// Put keeps an answer beside earlier ones; once it returns, the answer is on disk.
func (a *Answers) Put(in service.Answer) error {
	packed := a.db.pack.EncodeAll(in.Body, nil)
	return a.db.transact(a.ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(a.ctx, `INSERT INTO answer (provider, observable, retrieved, status, sha256, redacted, body) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET status = excluded.status, sha256 = excluded.sha256, redacted = excluded.redacted, body = excluded.body`,
			in.Provider, in.Observable, in.RetrievedAt, in.Status, digest(in.Body), in.Redacted, packed)
		return err
	})
}

// Spent is what an account spent on a day of UTC.
func (a *Answers) Spent(account, day string) (service.Spending, error) {
	var s service.Spending
	err := a.db.sql.QueryRowContext(a.ctx, "SELECT asked, until, why FROM spent WHERE account = ? AND day = ?", account, day).
		Scan(&s.Asked, &s.Until, &s.Closed)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return s, err
}

// Spend adds n questions.
func (a *Answers) Spend(account, day string, n int) error {
	return a.note(`INSERT INTO spent (account, day, asked, until, why) VALUES (?, ?, ?, 0, '')
		ON CONFLICT DO UPDATE SET asked = asked + excluded.asked`, account, day, n)
}

// Close notes that the service itself said no.
func (a *Answers) Close(account, day string, until netcase.Time, why string) error {
	return a.note(`INSERT INTO spent (account, day, asked, until, why) VALUES (?, ?, 0, ?, ?)
		ON CONFLICT DO UPDATE SET until = excluded.until, why = excluded.why`, account, day, until, why)
}

func (a *Answers) note(statement string, args ...any) error {
	return a.db.transact(a.ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(a.ctx, statement, args...)
		return err
	})
}
