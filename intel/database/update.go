package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"netcase"
	"netcase/intel/service"
)

// Update is how feeds are asked.
type Update struct {
	DB      *DB
	Client  *service.Client
	Keys    func(name string) service.Secret // nil: there are none
	Now     func() netcase.Time
	Workers int      // feeds asked at the same time; 0: defaultWorkers
	Accept  []string // feeds that are used whatever the guards say

	// Done is told of each feed once what it handed out is on disk; never twice at
	// the same time. nil: nobody is told.
	Done func(Result)
}

// defaultWorkers is how many feeds are asked at the same time: most of the time is
// spent waiting for them.
const defaultWorkers = 6

// The states of a feed that Store does not know.
const (
	Failed State = "failed" // it gave nothing; what was there before stays in use
	NoKey  State = "no key" // it gives nothing without a key, and there is none
)

// Result is what an update did with one feed.
type Result struct {
	Feed     string
	State    State
	Snapshot Snapshot // zero where nothing was stored
	Err      error    // why it failed
}

// Run asks the feeds, several at once. One that fails takes nothing from the others.
// The results come in the order of the feeds.
func (u *Update) Run(ctx context.Context, feeds []Feed) []Result {
	out := make([]Result, len(feeds))
	work := make(chan int)
	var wg sync.WaitGroup
	var telling sync.Mutex
	workers := u.Workers
	if workers <= 0 {
		workers = defaultWorkers
	}
	for range min(workers, max(len(feeds), 1)) {
		wg.Go(func() {
			for i := range work {
				out[i] = u.one(ctx, &feeds[i])
				if u.Done != nil {
					telling.Lock()
					u.Done(out[i])
					telling.Unlock()
				}
			}
		})
	}
	for i := range feeds {
		work <- i
	}
	close(work)
	wg.Wait()
	return out
}

// one asks one feed and stores what it handed out.
func (u *Update) one(ctx context.Context, f *Feed) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r = Result{Feed: f.Name, State: Failed, Err: fmt.Errorf("the reading broke: %v", p)}
		}
	}()
	r, err := u.ask(ctx, f)
	if err != nil {
		r = Result{Feed: f.Name, State: Failed, Err: err}
	}
	if visit := u.DB.visited(ctx, f.Name, u.Now(), err); visit != nil && r.Err == nil {
		return Result{Feed: f.Name, State: Failed, Err: visit}
	}
	return r
}

func (u *Update) ask(ctx context.Context, f *Feed) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	get, ok := u.getter(f)
	if !ok {
		return Result{Feed: f.Name, State: NoKey}, nil
	}
	last, err := u.DB.newest(ctx, f.Name)
	if err != nil {
		return Result{}, err
	}
	accept := slices.Contains(u.Accept, f.Name)
	var got *fetched
	if f.Pull != nil {
		got, err = u.pulled(ctx, f, last)
	} else {
		got, err = collect(ctx, get, f, last)
	}
	if err != nil {
		return Result{}, err
	}
	var out Outcome
	if got == nil {
		out, err = u.DB.uphold(ctx, last, u.Now(), accept)
	} else {
		out, err = u.DB.Store(ctx, Document{
			Feed: f.Name, Name: f.Name + f.Ending, Source: f.URL, Body: got.body, Retrieved: got.at, ETag: got.etag, Modified: got.modified,
			Licence: f.Licence, TLP: f.TLP, Formats: f.Formats, Accept: accept,
		})
	}
	if err != nil {
		return Result{}, err
	}
	if out.Snapshot.Quarantine != "" {
		out.State = Quarantined
	}
	return Result{Feed: f.Name, State: out.State, Snapshot: out.Snapshot}, nil
}

// getter makes requests with the feed's key. It is false where the feed gives nothing
// without one.
func (u *Update) getter(f *Feed) (getter, bool) {
	auth := service.Auth{}
	if f.Key != "" && u.Keys != nil {
		if key := u.Keys(f.Key); key.Set() {
			auth = f.Auth
			auth.Key = key
		}
	}
	if f.KeyMust && !auth.Key.Set() {
		return nil, false
	}
	return func(ctx context.Context, r service.Request) (*service.Response, error) {
		r.Provider, r.Auth, r.MaxBody = f.Name, auth, maxAnswer
		return u.Client.Do(ctx, r)
	}, true
}

// newest is the snapshot of a feed that was retrieved last; nil: there is none.
func (db *DB) newest(ctx context.Context, feed string) (*Snapshot, error) {
	all, err := db.Snapshots(ctx, feed)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[len(all)-1], nil
}

// uphold notes that a feed still hands out what the snapshot holds.
func (db *DB) uphold(ctx context.Context, s *Snapshot, now netcase.Time, accept bool) (Outcome, error) {
	out := Outcome{State: Unchanged, Snapshot: *s}
	out.Snapshot.Upheld = max(s.Upheld, now)
	if accept {
		out.Snapshot.Quarantine = ""
	}
	err := db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE snapshot SET upheld = max(upheld, ?), quarantine = ? WHERE id = ?", now, out.Snapshot.Quarantine, s.ID)
		return err
	})
	return out, err
}

// visited notes when a feed was asked, and what went wrong.
func (db *DB) visited(ctx context.Context, feed string, now netcase.Time, failure error) error {
	why := ""
	if failure != nil {
		why = failure.Error()
	}
	ctx = context.WithoutCancel(ctx)
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO visit (feed, at, error) VALUES (?, ?, ?) ON CONFLICT (feed) DO UPDATE SET at = excluded.at, error = excluded.error", feed, now, why)
		return err
	})
}
