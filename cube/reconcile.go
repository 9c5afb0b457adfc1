package cube

import (
	"cmp"
	"slices"
	"strings"

	"netcase"
)

// Reconcile makes one account out of what several sensors say. Counts of
// different sensors are never added: the rows of a cell (hour, peer, host, port,
// protocol, direction) are those of its best sensor: the finer resolution, then
// the larger count, then the stronger proof. The others are kept as agreement.
// Where the best sensor does not know the outcome, the strongest proof that
// another sensor has is taken over; where both know and differ, that is a conflict.
//
// Shape: the order of the result is that of Peers.
// Owner: the result takes the place of rows.
func Reconcile(rows []Row) []Row {
	Sort(rows, Peers) // whose order begins with that of cells
	out := rows[:0]
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && compareCells(&rows[from].Key, &rows[to].Key) == 0 {
			to++
		}
		if to == from+1 {
			rows[from].Hours = 1
			out = append(out, rows[from])
		} else {
			out = append(out, settle(slices.Clone(rows[from:to]))...)
		}
		from = to
	}
	return out
}

func compareCells(a, b *Key) int {
	return cmp.Or(
		a.Peer.Compare(b.Peer), cmp.Compare(a.Hour, b.Hour), a.Host.Compare(b.Host),
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Direction, b.Direction),
	)
}

// account is what one sensor says about a cell.
type account struct {
	sensor   string
	fineness int
	tally    netcase.Tally
	rows     []Row
}

// settle chooses the account of one cell.
func settle(rows []Row) []Row {
	for i := range rows {
		rows[i].Hours = 1
	}
	if single(rows) {
		return rows
	}
	accounts := accountsOf(rows)
	slices.SortStableFunc(accounts, betterAccount)
	best, others := accounts[0], accounts[1:]
	var rest netcase.Tally
	var names []string
	for _, a := range others {
		rest = rest.Plus(a.tally)
		names = append(names, a.sensor)
	}
	slices.Sort(names)
	out := proven(best.rows, best.tally, rest)
	out[0].Agree = others[0].tally.Total()
	for i := range out {
		out[i].Others = strings.Join(names, ", ")
	}
	return out
}

func single(rows []Row) bool {
	for i := range rows {
		if rows[i].Sensor != rows[0].Sensor {
			return false
		}
	}
	return true
}

func accountsOf(rows []Row) []account {
	var out []account
	for _, r := range rows {
		i := slices.IndexFunc(out, func(a account) bool { return a.sensor == r.Sensor })
		if i < 0 {
			i = len(out)
			out = append(out, account{sensor: r.Sensor})
		}
		a := &out[i]
		a.fineness = max(a.fineness, fineness(r.Resolution))
		a.tally[r.Reach] += r.Flows
		a.rows = append(a.rows, r)
	}
	return out
}

func betterAccount(a, b account) int {
	return cmp.Or(
		cmp.Compare(a.fineness, b.fineness),
		cmp.Compare(b.tally.Total(), a.tally.Total()),
		cmp.Compare(b.tally.Failed(), a.tally.Failed()), // denied if either of two rule sets denied
		cmp.Compare(b.tally.Best(), a.tally.Best()),
		strings.Compare(a.sensor, b.sensor),
	)
}

// proven gives the rows whose outcome is open the strongest proof of the others.
func proven(rows []Row, own, others netcase.Tally) []Row {
	proof := others.Best()
	conflict := own.Failed() > 0 && own.Answered() == 0 && others.Answered() > 0 && own.Open() == 0 ||
		own.Answered() > 0 && own.Failed() == 0 && others.Failed() > 0 && others.Answered() == 0
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		takes := r.Reach == netcase.ReachUnknown && proof != netcase.ReachUnknown ||
			r.Reach == netcase.ReachAllowed && proof.Decided() && proof != netcase.ReachDenied
		if takes {
			r.Reach = proof
		}
		r.Conflict = conflict
		out = append(out, r)
	}
	Sort(out, Peers)
	return MergeEqual(out)
}
