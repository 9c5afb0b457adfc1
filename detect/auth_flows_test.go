package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"netcase"
)

// sessions are n raw two-way flows to an administration port, one every gap.
type sessions struct {
	n       int
	gap     netcase.Time
	port    uint16
	out, in int64 // octets
	jitter  int64 // added to in, at most
	packets int64 // each way
	reach   netcase.Reach
	minutes netcase.Resolution
}

func guessingFlows() sessions {
	return sessions{n: 60, gap: 50 * netcase.Second, port: 3389, out: 1500, in: 2000, jitter: 400, packets: 12, reach: netcase.ReachBidirectional, minutes: netcase.ResolutionRaw}
}

func (x sessions) add(w *traffic) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range x.n {
		at := monday + netcase.Time(i)*x.gap
		w.batch.Flows = append(w.batch.Flows, netcase.Flow{
			Start: at, End: at + 2*netcase.Second, Src: end(guesser), Dst: end("10.0.0.4"), DstPort: x.port, Proto: netcase.TCP, Reach: x.reach, Sensor: "zeek",
			Flows: 1, Records: 1, OctetsOut: x.out, OctetsIn: x.in + random.Int64N(x.jitter+1), PacketsOut: x.packets, PacketsIn: x.packets, Resolution: x.minutes,
			Place: netcase.Place{Line: int64(len(w.batch.Flows) + 1)}, Raw: fmt.Appendf(nil, "%d", i),
		})
	}
}

func flowKinds(t *testing.T, w *traffic) (out []string) {
	t.Helper()
	for _, f := range w.find(t, auth()) {
		out = append(out, f.Kind)
		if a := f.Auth; a != nil && !a.FromFlows && a.Pattern == netcase.PatternGuessing {
			continue
		} else if a == nil || !a.FromFlows || a.Successes != 0 || a.Failures != 0 {
			t.Errorf("%s: flows prove no attempt and no success: %+v", f.Title, a)
		}
	}
	return out
}

// TestAuthFlows: what flows alone let one suppose, and what they do not.
func TestAuthFlows(t *testing.T) {
	guesses := guessingFlows()
	scan := guesses
	scan.n, scan.in, scan.jitter, scan.gap = 300, 0, 0, 10*netcase.Second
	rows := guesses
	rows.n, rows.gap, rows.minutes = 288, netcase.Hour, 60
	people := guesses
	people.jitter = 90_000
	files := guesses
	files.packets = 400
	few := guesses
	few.n = 19
	web := guesses
	web.port = 443
	unsized := guesses
	unsized.packets = netcase.Absent
	for _, c := range []struct {
		name string
		x    sessions
		more func(*traffic)
		want []string
	}{
		{"60 sessions of like size in an hour", guesses, nil, []string{"consistent with bruteforce"}},
		{"300 flows without an octet in reply", scan, nil, nil},
		{"288 rows that stand for an hour each", rows, nil, []string{"guessing not measurable"}},
		{"sessions of all sizes", people, nil, nil},
		{"long sessions", files, nil, nil},
		{"19 in an hour", few, nil, nil},
		{"a port that is not for administration", web, nil, nil},
		{"records without packets", unsized, nil, []string{"guessing not measurable"}},
		{"and then a long one", guesses, func(w *traffic) {
			f := w.batch.Flows[59]
			f.Start += netcase.Minute
			f.End, f.OctetsIn = f.Start+20*netcase.Minute, 900_000
			w.batch.Flows = append(w.batch.Flows, f)
		}, []string{"consistent with bruteforce", "possible session"}},
		{"a login log tells of the source", guesses, func(w *traffic) { w.batch.Logins = guess(30, netcase.Second) }, []string{"bruteforce"}},
		{"a login log that calls them logins", guesses, func(w *traffic) {
			for i := range 60 {
				w.batch.Logins = append(w.batch.Logins, netcase.Login{Time: monday + netcase.Time(i)*50*netcase.Second, Host: end("10.0.0.4"), Peer: end(guesser),
					Account: "ansible", Method: "publickey", Outcome: netcase.LoginSucceeded, Count: 1, Sensor: "syslog/x"})
			}
		}, nil},
		{"two sensors", guesses, func(w *traffic) {
			for _, f := range slices.Clone(w.batch.Flows) {
				f.Sensor = "suricata"
				w.batch.Flows = append(w.batch.Flows, f)
			}
		}, []string{"consistent with bruteforce"}},
		{"shuffled and shifted", guesses, func(w *traffic) {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(w.batch.Flows), func(i, k int) {
				w.batch.Flows[i], w.batch.Flows[k] = w.batch.Flows[k], w.batch.Flows[i]
			})
			for i := range w.batch.Flows {
				w.batch.Flows[i].Start += 5*netcase.Day + 1800*netcase.Second
				w.batch.Flows[i].End += 5*netcase.Day + 1800*netcase.Second
			}
		}, []string{"consistent with bruteforce"}},
	} {
		w := newTraffic()
		c.x.add(w)
		if c.more != nil {
			c.more(w)
		}
		if got := flowKinds(t, w); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
