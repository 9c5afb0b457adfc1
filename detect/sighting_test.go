package detect

import (
	"math/rand/v2"
	"slices"
	"testing"

	"netcase"
)

const listedAddr = "45.95.147.9"

// TestSightingOutcomes: the same listing is different news by what became of it.
func TestSightingOutcomes(t *testing.T) {
	login := func(w *traffic, n int, o netcase.LoginOutcome, account string) {
		for i := range n {
			w.batch.Logins = append(w.batch.Logins, netcase.Login{Time: monday + netcase.Hour + 10*netcase.Minute + netcase.Time(i)*netcase.Second, Host: end("10.0.0.4"),
				Peer: end(listedAddr), Account: account, Outcome: o, Count: 1, Sensor: "syslog/bastion"})
		}
	}
	flows := func(w *traffic, r netcase.Reach) { w.record(1, listedAddr, "10.0.0.4", 22, 3, r, "fw") }
	for _, c := range []struct {
		name  string
		build func(*traffic)
		want  netcase.Outcome
	}{
		{"quiet", func(*traffic) {}, ""},
		{"denied", func(w *traffic) { flows(w, netcase.ReachDenied) }, netcase.OutcomeDenied},
		{"no reply", func(w *traffic) { flows(w, netcase.ReachNoReply) }, netcase.OutcomeNoReply},
		{"refused by the host", func(w *traffic) { flows(w, netcase.ReachRefused) }, netcase.OutcomeNoReply},
		{"not recorded", func(w *traffic) { flows(w, netcase.ReachUnknown) }, netcase.OutcomeUndecided},
		{"two-way", func(w *traffic) { flows(w, netcase.ReachBidirectional) }, netcase.OutcomeTwoWay},
		{"two-way, and refused at the login", func(w *traffic) {
			flows(w, netcase.ReachBidirectional)
			login(w, 3, netcase.LoginWrongPassword, "root")
		}, netcase.OutcomeFailures},
		{"refused, and then let in", func(w *traffic) {
			flows(w, netcase.ReachBidirectional)
			login(w, 3, netcase.LoginWrongPassword, "root")
			login(w, 1, netcase.LoginSucceeded, "root")
		}, netcase.OutcomeLogin},
		{"only in the login log", func(w *traffic) { login(w, 3, netcase.LoginNoAccount, "eve") }, netcase.OutcomeFailures},
		{"nobody's session is no login", func(w *traffic) { login(w, 1, netcase.LoginSucceeded, "ANONYMOUS LOGON") }, netcase.OutcomeDenied},
		{"authenticated by a flow record", func(w *traffic) { flows(w, netcase.ReachAuthenticated) }, netcase.OutcomeLogin},
		{"called from our side", func(w *traffic) { w.record(1, "10.0.0.4", listedAddr, 443, 2, netcase.ReachBidirectional, "fw") }, netcase.OutcomeOutbound},
		{"somebody else's logins", func(w *traffic) {
			login(w, 3, netcase.LoginWrongPassword, "root")
			for i := range w.batch.Logins {
				w.batch.Logins[i].Peer = end("91.20.30.40")
			}
		}, ""},
	} {
		w := newTraffic()
		w.listed = []string{listedAddr}
		c.build(w)
		if c.name == "nobody's session is no login" {
			flows(w, netcase.ReachDenied)
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(w.batch.Logins), func(i, k int) { w.batch.Logins[i], w.batch.Logins[k] = w.batch.Logins[k], w.batch.Logins[i] })
		found := w.find(t, sighting())
		if c.want == "" {
			if len(found) != 0 {
				t.Errorf("%s: %s", c.name, found[0].Title)
			}
			continue
		}
		if len(found) != 1 || found[0].Sighting.Outcome != c.want {
			t.Errorf("%s: %d findings, %+v", c.name, len(found), found)
			continue
		}
		s := found[0].Sighting.Sightings[0]
		if s.FromLogins != (len(w.batch.Flows) == 0) || s.Outcome != c.want {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	if slices.Index(outcomes, netcase.OutcomeLogin) != len(outcomes)-1 {
		t.Error("a login is the gravest outcome")
	}
}

// Two sensors that tell of the same attempts count once.
func TestSightingTwoSensors(t *testing.T) {
	w := newTraffic()
	w.listed = []string{listedAddr}
	for i := range 6 {
		for _, sensor := range []string{"zeek", "syslog/bastion"} {
			w.batch.Logins = append(w.batch.Logins, netcase.Login{Time: monday + netcase.Time(i)*netcase.Second, Host: end("10.0.0.4"), Peer: end(listedAddr), Account: "root",
				Outcome: netcase.LoginWrongPassword, Count: 1, Sensor: sensor})
		}
	}
	if s := w.find(t, sighting())[0].Sighting.Sightings[0]; s.Refused != 6 {
		t.Errorf("%d refused", s.Refused)
	}
}
