package cube

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"netcase"
)

// AuthKey is what the attempts to authenticate of one row have in common.
type AuthKey struct {
	Hour    int64 // whole hours since 1970
	Host    netcase.Endpoint
	Peer    netcase.Endpoint
	Account string
	Outcome netcase.LoginOutcome
	Sensor  string
	Method  string
}

// AuthRow is one row of the auth fold. Rows are those of the sensor that tells most of
// one kind of outcome; what the others count of it is Agree, never added.
type AuthRow struct {
	AuthKey
	Count int64 // attempts
	First netcase.Time
	Last  netcase.Time
	Agree int64 // attempts of the same kind that other sensors count, on the first row of that kind
}

// AuthKeyOf is the row that an attempt belongs to.
func AuthKeyOf(l *netcase.Login) AuthKey {
	return AuthKey{
		Hour: l.Time.Hour(), Host: l.Host.Key(), Peer: l.Peer.Key(), Account: l.Account,
		Outcome: l.Outcome, Sensor: l.Sensor, Method: l.Method,
	}
}

// AuthRowOf is the row that one login makes; false: it tells of no attempt.
func AuthRowOf(l *netcase.Login) (AuthRow, bool) {
	if l.Event != netcase.LoginAttempt {
		return AuthRow{}, false
	}
	return AuthRow{AuthKey: AuthKeyOf(l), Count: max(l.Count, 1), First: l.Time, Last: l.Time}, true
}

// Absorb adds a row of the same key.
func (r *AuthRow) Absorb(o *AuthRow) {
	r.Count += o.Count
	r.First, r.Last = min(r.First, o.First), max(r.Last, o.Last)
}

// CompareAuth orders by hour, host, peer and account, then by the rest of the key.
func CompareAuth(a, b *AuthKey) int {
	return cmp.Or(
		compareWho(a, b), strings.Compare(string(a.Outcome), string(b.Outcome)),
		strings.Compare(a.Sensor, b.Sensor), strings.Compare(a.Method, b.Method),
	)
}

// compareWho orders by those parts of the key that sensors share.
func compareWho(a, b *AuthKey) int {
	return cmp.Or(
		cmp.Compare(a.Hour, b.Hour), a.Host.Compare(b.Host), a.Peer.Compare(b.Peer), strings.Compare(a.Account, b.Account),
	)
}

// ReconcileAuth makes one account of rows that come in the order of CompareAuth, with
// distinct keys: of each hour, host, peer and account, and apart for attempts that
// succeeded, failed and are open, the sensor with the larger count stands.
func ReconcileAuth(rows iter.Seq2[AuthRow, error]) iter.Seq2[AuthRow, error] {
	return func(yield func(AuthRow, error) bool) {
		var group []AuthRow
		for r, err := range rows {
			if err != nil {
				yield(AuthRow{}, err)
				return
			}
			if len(group) > 0 && compareWho(&group[0].AuthKey, &r.AuthKey) != 0 {
				if !yieldAll(settleAuth(group), yield) {
					return
				}
				group = group[:0]
			}
			group = append(group, r)
		}
		yieldAll(settleAuth(group), yield)
	}
}

func yieldAll(rows []AuthRow, yield func(AuthRow, error) bool) bool {
	for i := range rows {
		if !yield(rows[i], nil) {
			return false
		}
	}
	return true
}

// ending is what sensors agree on, even if only one of them says why.
func ending(o netcase.LoginOutcome) int {
	switch {
	case o == netcase.LoginSucceeded:
		return 0
	case o.Failed():
		return 1
	}
	return 2
}

// settleAuth keeps, of the rows of one group, those of the best sensor for each ending.
func settleAuth(group []AuthRow) []AuthRow {
	const endings = 3
	var best [endings]string
	var agree [endings]int64
	for e := range endings {
		sums := map[string]int64{}
		for i := range group {
			if ending(group[i].Outcome) == e {
				sums[group[i].Sensor] += group[i].Count
			}
		}
		first := true
		for s, n := range sums {
			agree[e] += n
			if first || n > sums[best[e]] || n == sums[best[e]] && s < best[e] {
				best[e], first = s, false
			}
		}
		agree[e] -= sums[best[e]]
	}
	out := slices.DeleteFunc(slices.Clone(group), func(r AuthRow) bool { return r.Sensor != best[ending(r.Outcome)] })
	for i := range out {
		e := ending(out[i].Outcome)
		out[i].Agree, agree[e] = agree[e], 0
	}
	return out
}

// Auth answers with the attempts to authenticate, an hour each.
func (p *Plain) Auth(context.Context) iter.Seq2[AuthRow, error] {
	sums := map[AuthKey]AuthRow{}
	for i := range p.batch.Logins {
		r, ok := AuthRowOf(&p.batch.Logins[i])
		if !ok {
			continue
		}
		if old, ok := sums[r.AuthKey]; ok {
			r.Absorb(&old)
		}
		sums[r.AuthKey] = r
	}
	rows := make([]AuthRow, 0, len(sums))
	for _, r := range sums {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b AuthRow) int { return CompareAuth(&a.AuthKey, &b.AuthKey) })
	return ReconcileAuth(seq(rows))
}
