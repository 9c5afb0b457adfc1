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
// Where the best sensor records no sizes, those of the next one that does are taken over.
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
	out := sized(proven(best.rows, best.tally, rest), others)
	out[0].Agree = others[0].tally.Total()
	for i := range out {
		out[i].Others = strings.Join(names, ", ")
	}
	return out
}

// sized gives the sizes of the first other sensor that records any to the row with the
// strongest outcome, where the chosen one records none: an endpoint sensor names the
// connection, a flow log what it carried.
func sized(rows []Row, others []account) []Row {
	records := func(r *Row) bool { return r.OctetsOut != netcase.Absent || r.OctetsIn != netcase.Absent }
	best := 0
	for i := range rows {
		if records(&rows[i]) {
			return rows
		}
		if rows[i].Reach > rows[best].Reach {
			best = i
		}
	}
	for k := range others {
		found := false
		for i := range others[k].rows {
			r := &others[k].rows[i]
			if !records(r) {
				continue
			}
			to := &rows[best]
			to.OctetsOut, to.OctetsIn = sizeSum(to.OctetsOut, r.OctetsOut), sizeSum(to.OctetsIn, r.OctetsIn)
			to.PacketsOut, to.PacketsIn = sizeSum(to.PacketsOut, r.PacketsOut), sizeSum(to.PacketsIn, r.PacketsIn)
			found = true
		}
		if found {
			return rows
		}
	}
	return rows
}

// sizeSum adds sizes, either of which may be absent.
func sizeSum(a, b int64) int64 {
	switch {
	case a == netcase.Absent:
		return b
	case b == netcase.Absent:
		return a
	}
	return a + b
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
