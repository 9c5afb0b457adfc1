package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// logins are login records under construction.
type logins []netcase.Login

func (x *logins) add(at netcase.Time, peer, account string, o netcase.LoginOutcome) {
	*x = append(*x, netcase.Login{Time: monday + at, Host: end("10.0.0.4"), Peer: end(peer), Account: account, Outcome: o, Count: 1, Sensor: "windows/dc"})
}

func (x logins) kinds(t *testing.T) (out []string) {
	t.Helper()
	w := newTraffic()
	w.batch.Logins = x
	for _, f := range w.find(t, auth()) {
		out = append(out, strings.TrimSpace(f.Kind+" "+f.Auth.Grade))
	}
	return out
}

const guesser = "91.20.30.40"

func guess(n int, gap netcase.Time) (x logins) {
	for i := range n {
		x.add(netcase.Time(i)*gap, guesser, "alice", netcase.LoginWrongPassword)
	}
	return x
}

// TestAuthTable is the table of method 3.6, with look-alikes and a quiet day.
func TestAuthTable(t *testing.T) {
	const second = netcase.Minute / 60
	typo := logins{}
	for i := range 4 {
		typo.add(netcase.Time(i)*5*second, "10.0.0.7", "bob", netcase.LoginWrongPassword)
	}
	typo.add(30*second, "10.0.0.7", "bob", netcase.LoginSucceeded)
	won := guess(30, 2*second)
	won.add(2*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	won.add(2*netcase.Minute+second, guesser, "alice", netcase.LoginSucceeded)
	other := guess(30, 2*second)
	other.add(2*netcase.Minute, "91.99.0.1", "alice", netcase.LoginSucceeded)
	third := guess(30, 2*second)
	third.add(2*netcase.Minute, guesser, "carol", netcase.LoginSucceeded)
	inside := guess(30, 2*second)
	inside.add(2*netcase.Minute, "10.0.0.7", "alice", netcase.LoginSucceeded)
	spray, names := logins{}, logins{}
	for i := range 80 {
		spray.add(netcase.Time(i)*40*second, guesser, fmt.Sprintf("user%d", i%40), netcase.LoginWrongPassword)
		names.add(netcase.Time(i)*40*second, guesser, fmt.Sprintf("user%d", i), netcase.LoginNoAccount)
	}
	keys := guess(30, second)
	for i := range keys {
		keys[i].Method = "publickey"
	}
	known := guess(10, second)
	known.add(netcase.Minute, guesser, "alice", netcase.LoginBlocked)
	known[10].Detail = "0xC000015B"
	usual := logins{}
	usual.add(0, guesser, "alice", netcase.LoginSucceeded)
	for _, l := range guess(5, 5*second) {
		l.Time += netcase.Hour
		usual = append(usual, l)
	}
	usual.add(netcase.Hour+40*second, guesser, "alice", netcase.LoginSucceeded)

	for _, c := range []struct {
		name string
		x    logins
		want []string
	}{
		{"6 failures in 50 s", guess(6, 10*second), []string{"bruteforce"}},
		{"5 failures in 50 s", guess(5, 10*second), nil},
		{"11 minutes apart, the 10th", guess(10, 11*netcase.Minute), nil},
		{"11 minutes apart, the 11th", guess(11, 11*netcase.Minute), []string{"bruteforce"}},
		{"4 failures, then a login", typo, nil},
		{"30 failures, then two records of a login", won, []string{"success-after-failure A", "bruteforce"}},
		{"then a login from elsewhere", other, []string{"success-after-failure B", "bruteforce"}},
		{"then a login of another account", third, []string{"success-after-failure C", "bruteforce"}},
		{"then the owner comes in from inside", inside, []string{"bruteforce"}},
		{"40 accounts, 2 failures each", spray, []string{"spray"}},
		{"names that do not exist", names, []string{"enumeration"}},
		{"refused keys", keys, nil},
		{"right password, refused by policy", known, []string{"bruteforce", "password known"}},
		{"5 failures from where the account is at home", usual, nil},
		{"quiet day", logins{}, nil},
	} {
		got := c.x.kinds(t)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestAuthBent bends an attack: order, time, and a second sensor change nothing.
func TestAuthBent(t *testing.T) {
	plain := guess(30, 2000)
	plain.add(2*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	want := plain.kinds(t)
	shuffled, shifted, twice, renamed := slices.Clone(plain), slices.Clone(plain), slices.Clone(plain), slices.Clone(plain)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
	for i := range plain {
		shifted[i].Time += 9*24*netcase.Hour + 1234
		renamed[i].Account, renamed[i].Peer = "ALICE2", end("203.0.114.9")
		l := plain[i]
		l.Sensor = "defender"
		twice = append(twice, l)
	}
	for name, x := range map[string]logins{"shuffled": shuffled, "shifted": shifted, "second sensor": twice, "renamed": renamed} {
		if got := x.kinds(t); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Failures that name nobody are told, not dropped; a few typing errors are not.
func TestAuthWithoutSource(t *testing.T) {
	for n, want := range map[int]int{3: 0, 40: 1} {
		s := &scene{}
		for i := range n {
			s.logins = append(s.logins, netcase.Login{
				Time: noon + netcase.Time(i)*netcase.Minute, Host: netcase.Endpoint{Name: "h"}, Account: fmt.Sprint("u", i),
				Outcome: netcase.LoginWrongPassword, Count: 1, Sensor: "windows/h",
			})
		}
		found := s.run(t, auth())
		if len(found) != want {
			t.Fatalf("%d failures: %+v", n, found)
		}
		if want == 1 && (found[0].Kind != "failures without a source" || found[0].Evidence[0].Numbers["nameless"] != 40) {
			t.Errorf("%+v", found[0])
		}
	}
}
