package cube_test

import (
	"context"
	"testing"

	"netcase"
	"netcase/cube"
)

// Two sensors that saw the same attempts are not added: the larger count stands, and
// what only one of them says of another ending stands beside it.
func TestAuthOfTwoSensors(t *testing.T) {
	login := func(sensor string, outcome netcase.LoginOutcome, count int64) netcase.Login {
		return netcase.Login{Time: 3_600_000, Host: netcase.Endpoint{Name: "h"}, Peer: netcase.Endpoint{Name: "p"}, Account: "root", Outcome: outcome, Sensor: sensor, Count: count}
	}
	p := cube.Of(netcase.Site{}, "in", netcase.Batch{Logins: []netcase.Login{
		login("sshd", netcase.LoginWrongPassword, 3), login("sshd", netcase.LoginNoAccount, 2), login("zeek", netcase.LoginFailed, 4),
		login("sshd", netcase.LoginSucceeded, 1), login("zeek", netcase.LoginSucceeded, 1),
		{Time: 3_600_000, Event: netcase.LoginSession, Host: netcase.Endpoint{Name: "h"}},
	}})
	var failed, succeeded, agree int64
	for r, err := range p.Auth(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Sensor != "sshd" {
			t.Errorf("a row of %s stands: %+v", r.Sensor, r)
		}
		agree += r.Agree
		if r.Outcome.Failed() {
			failed += r.Count
		} else {
			succeeded += r.Count
		}
	}
	if failed != 5 || succeeded != 1 || agree != 5 {
		t.Errorf("%d failed, %d succeeded, %d agree; want 5, 1, 5", failed, succeeded, agree)
	}
}
