package store

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"iter"
	"slices"

	"netcase"
	"netcase/cube"
)

// authSeal is how many rows of the auth fold a worker gathers before it puts them
// away as a sorted run.
const authSeal = 16 << 10

// authFold is the auth fold: attempts to authenticate, counted by hour, host, peer,
// account, outcome, sensor and method. An attacker chooses the accounts, so it is
// sealed and spilled as the logs are.
type authFold struct {
	keep *keeper
	rows map[cube.AuthKey]*cube.AuthRow
	runs []*logRun
}

func newAuthFold(k *keeper) *authFold {
	return &authFold{keep: k, rows: map[cube.AuthKey]*cube.AuthRow{}}
}

func (a *authFold) add(l *netcase.Login) error {
	r, ok := cube.AuthRowOf(l)
	if !ok {
		return nil
	}
	if old := a.rows[r.AuthKey]; old != nil {
		old.Absorb(&r)
		return nil
	}
	a.rows[r.AuthKey] = &r
	if len(a.rows) < authSeal {
		return nil
	}
	return a.seal()
}

// seal sorts what was gathered and puts it away.
func (a *authFold) seal() error {
	if len(a.rows) == 0 {
		return nil
	}
	rows := make([]*cube.AuthRow, 0, len(a.rows))
	for _, r := range a.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y *cube.AuthRow) int { return cube.CompareAuth(&x.AuthKey, &y.AuthKey) })
	run := &logRun{}
	var plain, one, scratch []byte
	for _, r := range rows {
		f := fields{b: one[:0]}
		authFields(&f, r)
		one = f.b
		plain = binary.AppendUvarint(plain, uint64(len(one)))
		if plain = append(plain, one...); len(plain) >= logBlock {
			if err := a.keep.place(run, plain, &scratch); err != nil {
				return err
			}
			plain = plain[:0]
		}
	}
	if err := a.keep.place(run, plain, &scratch); err != nil {
		return err
	}
	a.runs = append(a.runs, run)
	clear(a.rows)
	return nil
}

func authFields(f *fields, r *cube.AuthRow) {
	f.number(&r.Hour)
	f.end(&r.Host)
	f.end(&r.Peer)
	text(f, &r.Account)
	text(f, &r.Outcome)
	text(f, &r.Sensor)
	text(f, &r.Method)
	f.number(&r.Count)
	small(f, &r.First)
	small(f, &r.Last)
}

func (a *authFold) take(o *authFold) {
	a.runs = append(a.runs, o.runs...)
	o.runs = nil
}

func (a *authFold) drop() {
	for _, r := range a.runs {
		a.keep.reserve(-r.held)
	}
	a.runs = nil
	clear(a.rows)
}

// authHead is the row at hand of one run.
type authHead struct {
	logCursor
	row cube.AuthRow
}

func (h *authHead) next(k *keeper) (bool, error) {
	ok, err := h.logCursor.next(k)
	if !ok || err != nil {
		return false, err
	}
	h.row = cube.AuthRow{}
	f := fields{b: h.event, reading: true}
	if authFields(&f, &h.row); f.fail {
		return false, errRun
	}
	return true, nil
}

type authHeads []*authHead

func (h authHeads) Len() int { return len(h) }
func (h authHeads) Less(i, j int) bool {
	return cube.CompareAuth(&h[i].row.AuthKey, &h[j].row.AuthKey) < 0
}
func (h authHeads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *authHeads) Push(x any)   { *h = append(*h, x.(*authHead)) }
func (h *authHeads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// merged streams the rows of all runs, equal keys joined.
func (a *authFold) merged(ctx context.Context) iter.Seq2[cube.AuthRow, error] {
	return func(yield func(cube.AuthRow, error) bool) {
		var heads authHeads
		fail := func(err error) { yield(cube.AuthRow{}, err) }
		for _, r := range a.runs {
			h := &authHead{logCursor: logCursor{run: r}}
			ok, err := h.next(a.keep)
			if err != nil {
				fail(err)
				return
			}
			if ok {
				heads = append(heads, h)
			}
		}
		heap.Init(&heads)
		var held *cube.AuthRow
		for n := 0; len(heads) > 0; n++ {
			if n%4096 == 0 && ctx.Err() != nil {
				fail(ctx.Err())
				return
			}
			r := heads[0].row
			switch {
			case held != nil && held.AuthKey == r.AuthKey:
				held.Absorb(&r)
			case held != nil && !yield(*held, nil):
				return
			default:
				held = &r
			}
			ok, err := heads[0].next(a.keep)
			if err != nil {
				fail(err)
				return
			}
			if ok {
				heap.Fix(&heads, 0)
			} else {
				heap.Pop(&heads)
			}
		}
		if held != nil {
			yield(*held, nil)
		}
	}
}

// Auth answers with the attempts to authenticate, an hour each.
func (m *answers) Auth(ctx context.Context) iter.Seq2[cube.AuthRow, error] {
	return cube.ReconcileAuth(m.auth.merged(ctx))
}

// addLogin counts an attempt and keeps the record.
func (l *logs) addLogin(x *netcase.Login) error {
	return cmp.Or(l.auth.add(x), l.logins.add(x))
}
