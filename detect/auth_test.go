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
	for i := range won {
		won[i].Kind = "network"
	}
	won[31].Kind, won[31].Service = "remote interactive", "rdp"
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
		{"4 failures, then a login", typo, []string{"typing errors"}},
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

// fromMany is failures of many networks against accounts, a few each.
func fromMany(sources, tries int, gap netcase.Time, account func(int) string, o netcase.LoginOutcome) (x logins) {
	for i := range sources * tries {
		x.add(netcase.Time(i)*gap, fmt.Sprintf("91.%d.30.%d", 20+i%sources, 1+i%sources), account(i), o)
	}
	return x
}

func named(name string) func(int) string { return func(int) string { return name } }

func numbered(n int) func(int) string {
	return func(i int) string { return fmt.Sprintf("user%d", i%n) }
}

// blockedAs is n refusals by policy with a code.
func (x *logins) blockedAs(at netcase.Time, n int, code string) {
	for i := range n {
		x.add(at+netcase.Time(i)*netcase.Second, guesser, "alice", netcase.LoginBlocked)
		(*x)[len(*x)-1].Detail = code
	}
}

// TestAuthSpread: sources that stay below every threshold by themselves, and what only
// looks like them.
func TestAuthSpread(t *testing.T) {
	const second = netcase.Second
	slow := fromMany(12, 2, 3*netcase.Hour, named("alice"), netcase.LoginWrongPassword)
	roaming := logins{} // one person on the move, who gets in at last each time
	for i := range 20 {
		peer := fmt.Sprintf("91.%d.30.7", 20+i)
		roaming.add(netcase.Time(i)*5*netcase.Hour, peer, "alice", netcase.LoginWrongPassword)
		roaming.add(netcase.Time(i)*5*netcase.Hour+20*second, peer, "alice", netcase.LoginSucceeded)
	}
	carrier := fromMany(5, 4, 3*netcase.Hour, named("alice"), netcase.LoginWrongPassword)
	inside := logins{}
	for i := range 24 {
		inside.add(netcase.Time(i)*3*netcase.Hour, fmt.Sprintf("10.0.%d.9", i%12), "administrator", netcase.LoginWrongPassword)
	}
	cluster := logins{}
	for i := range 24 {
		cluster.add(netcase.Time(i)*2*netcase.Minute, fmt.Sprintf("91.20.30.%d", 1+i), fmt.Sprintf("user%d", i), netcase.LoginWrongPassword)
	}
	won := slices.Clone(slow)
	won.add(73*netcase.Hour, "77.1.2.3", "alice", netcase.LoginSucceeded)
	key := slices.Clone(won)
	key[len(key)-1].Method = "publickey"
	names := fromMany(30, 1, 20*netcase.Minute, numbered(1000), netcase.LoginNoAccount)
	wave := fromMany(30, 1, 90*second, numbered(30), netcase.LoginWrongPassword)
	people := logins{} // as many people who mistype, and then get in
	for i, l := range wave {
		people = append(people, l)
		people.add(netcase.Time(i)*90*second+10*second, l.Peer.Addr.String(), l.Account, netcase.LoginSucceeded)
	}
	for _, c := range []struct {
		name string
		x    logins
		want []string
	}{
		{"12 networks, 2 tries each in three days", slow, []string{"distributed bruteforce"}},
		{"the same, and then a login from elsewhere", won, []string{"success-after-failure B", "distributed bruteforce"}},
		{"the same, but with a key", key, []string{"distributed bruteforce"}},
		{"one person on the move", roaming, nil},
		{"few networks", carrier, nil},
		{"administrators inside", inside, nil},
		{"24 addresses of one network, an account each", cluster, []string{"spray"}},
		{"30 networks, names that do not exist", names, []string{"distributed bruteforce"}},
		{"30 accounts, a wrong password each, from 30 networks in an hour", wave, []string{"spray"}},
		{"30 people who mistype once and come in", people, nil},
	} {
		got := c.x.kinds(t)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A town where 30 people mistype every working hour is no spray; three times as many in
// one hour are.
func TestAuthSpreadOverUsual(t *testing.T) {
	days := logins{}
	for h := range 10 * 24 {
		n := 30
		if h == 10*24-1 {
			n = 90
		}
		for i := range n {
			days.add(netcase.Time(h)*netcase.Hour+netcase.Time(i)*30*netcase.Second, fmt.Sprintf("91.%d.%d.4", 20+i, h%200), fmt.Sprintf("user%d-%d", h, i), netcase.LoginWrongPassword)
		}
	}
	if got := days[:len(days)-90].kinds(t); slices.Contains(got, "spray") {
		t.Errorf("usual days: %q", got)
	}
	if got := days.kinds(t); !slices.Contains(got, "spray") {
		t.Errorf("an unusual hour: %q", got)
	}
}

// A wave of lockouts goes on beyond the accounts that made it one: all of them are told.
func TestLockoutWaveGoesOn(t *testing.T) {
	w := newTraffic()
	x := logins{}
	for i := range 12 {
		x.add(netcase.Time(i)*10*netcase.Minute, guesser, fmt.Sprintf("user%02d", i), netcase.LoginWrongPassword)
		x[i].Event, x[i].Peer = netcase.LoginLockout, netcase.Endpoint{}
	}
	w.batch.Logins = x
	found := w.find(t, auth())
	if len(found) != 1 || found[0].Auth.Lockouts != 12 || found[0].Auth.AccountCount != 12 {
		t.Errorf("%+v", found)
	}
}

// TestAuthLockouts: what is refused unseen is no guess, and lockouts speak where the
// failures stop.
func TestAuthLockouts(t *testing.T) {
	refused := guess(3, netcase.Second)
	refused.blockedAs(10*netcase.Second, 40, "0xC000006D/0xC0000234")
	phone := slices.Clone(refused)
	for i := range phone {
		phone[i].Peer = end("10.0.0.7")
	}
	lock := func(n int, gap netcase.Time, account func(int) string) (x logins) {
		for i := range n {
			x.add(netcase.Time(i)*gap, guesser, account(i), "")
			x[i].Event, x[i].Peer, x[i].Workstation = netcase.LoginLockout, netcase.Endpoint{}, "KALI"
		}
		return x
	}
	disabled := guess(10, netcase.Second)
	disabled.blockedAs(netcase.Minute, 1, "0xC0000072")
	always := logins{}
	always.blockedAs(0, 4, "0xC0000072")
	for _, c := range []struct {
		name string
		x    logins
		want []string
	}{
		{"3 wrong passwords, then 40 refusals of a locked account", refused, []string{"bruteforce"}},
		{"the same from inside", phone, nil},
		{"one lockout", lock(1, 0, named("alice")), nil},
		{"3 lockouts of one account in a day", lock(3, 7*netcase.Hour, named("alice")), []string{"lockouts"}},
		{"3 lockouts in three days", lock(3, 30*netcase.Hour, named("alice")), nil},
		{"5 accounts locked within an hour", lock(5, 10*netcase.Minute, numbered(5)), []string{"lockouts"}},
		{"disabled, after many wrong passwords", disabled, []string{"bruteforce", "password known"}},
		{"disabled, whatever the password", always, nil},
	} {
		got := c.x.kinds(t)
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	w := newTraffic()
	w.batch.Logins = refused
	if a := w.find(t, auth())[0].Auth; a.Failures != 3 || a.Locked != 40 {
		t.Errorf("%d failures, %d locked", a.Failures, a.Locked)
	}
}

// A program with an old password fails like a clock; a person does not, and a stranger's
// clock is no misconfiguration.
func TestAuthStale(t *testing.T) {
	service := func(peer string, jitter int) (x logins) {
		random := rand.New(rand.NewPCG(7, 7))
		for i := range 60 {
			at := netcase.Time(i)*5*netcase.Minute + netcase.Time(random.IntN(jitter+1))*netcase.Second
			for k := range 3 {
				x.add(at+netcase.Time(k)*netcase.Second, peer, "svc-backup", netcase.LoginWrongPassword)
			}
		}
		return x
	}
	two := service("10.0.0.9", 3)
	two[7].Account = "other"
	for name, c := range map[string]struct {
		x    logins
		want string
	}{
		"service":               {service("10.0.0.9", 3), "stale credentials"},
		"uneven":                {service("10.0.0.9", 240), "bruteforce"},
		"from outside":          {service(guesser, 3), "bruteforce"},
		"more than one account": {two, "bruteforce"},
	} {
		w := newTraffic()
		w.batch.Logins = c.x
		found := w.find(t, auth())
		if len(found) != 1 || found[0].Kind != c.want {
			t.Fatalf("%s: %d findings, %s", name, len(found), found[0].Title)
		}
		if a := found[0].Auth; (c.want == "stale credentials") != a.Misconfigured || a.Misconfigured && (a.Period.Minutes() < 4.8 || a.Period.Minutes() > 5.2) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestAuthOfSeveralLogs: one log has the failures, another the login; Windows writes a
// login twice; a line that stands twice in a log is one attempt.
func TestAuthOfSeveralLogs(t *testing.T) {
	x := guess(30, 2*netcase.Second)
	for i := range x {
		x[i].Sensor = "zeek"
	}
	x.add(2*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	x[30].Sensor, x[30].Host = "syslog/bastion", netcase.Endpoint{Addr: end("10.0.0.4").Addr}
	if got := x.kinds(t); !slices.Equal(got, []string{"success-after-failure A", "bruteforce"}) {
		t.Errorf("%q", got)
	}
	few := guess(3, 5*netcase.Second)
	for i := range 3 {
		l := few[i]
		l.PeerPort = 50000
		few[i] = l
		few = append(few, l)
	}
	if got := few.kinds(t); len(got) != 0 {
		t.Errorf("lines that stand twice: %q", got)
	}
	ntlm := logins{} // the Security log writes 4625 with the address, and 4776 with the name
	for i := range 9 {
		o := netcase.LoginWrongPassword
		if i == 8 {
			o = netcase.LoginSucceeded
		}
		for _, service := range []string{"", "ntlm"} {
			ntlm.add(netcase.Time(i)*netcase.Second, guesser, "alice", o)
			l := &ntlm[len(ntlm)-1]
			if l.Workstation, l.Service = "KALI", service; service == "ntlm" {
				l.Peer = netcase.Endpoint{}
			} else {
				l.Kind = "network"
			}
		}
	}
	if got := ntlm.kinds(t); !slices.Equal(got, []string{"success-after-failure A", "bruteforce"}) {
		t.Errorf("two records of each attempt: %q", got)
	}
	rdp := logins{} // with network level authentication the Security log has no address
	for i := range 8 {
		at := netcase.Time(i) * 10 * netcase.Second
		rdp.add(at, guesser, "", "")
		rdp[len(rdp)-1].Event, rdp[len(rdp)-1].Service = netcase.LoginConnect, "rdp"
		rdp.add(at+netcase.Second, guesser, "alice", netcase.LoginWrongPassword)
		l := &rdp[len(rdp)-1]
		l.Peer, l.Kind, l.Sensor = netcase.Endpoint{}, "network", "windows/dc"
		rdp.add(at+netcase.Second, guesser, "", netcase.LoginFailed)
		l = &rdp[len(rdp)-1]
		l.Service, l.Sensor = "rdp", "windows/dc"
	}
	w := newTraffic()
	w.batch.Logins = rdp
	found := w.find(t, auth())
	if len(found) != 1 || found[0].Auth.Failures != 8 || found[0].Auth.Peers[0] != end(guesser) {
		t.Errorf("%d findings: %s", len(found), found[0].Title)
	}
}

// TestAuthHistory: what lies before the span is context: the source that an account came
// from a week ago is not new to it, and a success of then is not told as new.
func TestAuthHistory(t *testing.T) {
	week := 7 * netcase.Day
	home, won := logins{}, logins{}
	home.add(0, guesser, "alice", netcase.LoginSucceeded)
	for i := range 31 {
		o := netcase.LoginWrongPassword
		if i == 30 {
			o = netcase.LoginSucceeded
		}
		home.add(week+netcase.Time(i)*2*netcase.Second, guesser, "alice", o)
		won.add(netcase.Time(i)*2*netcase.Second, guesser, "alice", o)
	}
	won.add(week+netcase.Hour, "10.0.0.7", "alice", netcase.LoginSucceeded)
	find := func(x logins) []netcase.Finding {
		w := newTraffic()
		w.batch.Logins = x
		w.span = netcase.Span{Start: monday + week, End: monday + week + netcase.Day}
		return w.find(t, auth())
	}
	found := find(home)
	if len(found) != 2 || found[0].Auth.Grade != "C" || found[0].Auth.NewSource != netcase.False {
		t.Errorf("at home: %d findings, %+v", len(found), found[0].Auth)
	}
	if found := find(won); len(found) != 0 {
		t.Errorf("before the span: %s", found[0].Title)
	}
	month := slices.Clone(won[:31])
	for i := range month {
		month[i].Time += 40 * netcase.Day
	}
	month = append(logins{{Time: monday, Host: end("10.0.0.4"), Peer: end("10.0.0.8"), Account: "bob", Outcome: netcase.LoginSucceeded, Count: 1, Sensor: "windows/dc"}}, month...)
	for days, want := range map[netcase.Time]netcase.State{0: netcase.True, 20: netcase.Unknown} {
		x := slices.Clone(month)
		x[0].Time += days * netcase.Day
		w := newTraffic()
		w.batch.Logins = x
		if a := w.find(t, auth())[0].Auth; a.Grade != "A" || a.NewSource != want {
			t.Errorf("log begins on day %d: %+v", days, a)
		}
	}
}

// TestAuthIsBounded: a flood of sources and accounts pushes out small ones, and the one
// who guesses in it is still seen.
func TestAuthIsBounded(t *testing.T) {
	notShort(t)
	s := &scene{}
	n := mostAuthTracks + 20_000
	for i := range n {
		s.logins = append(s.logins, netcase.Login{
			Time: noon + netcase.Time(i)*10, Host: end("10.0.0.4"), Peer: end(fmt.Sprintf("%d.%d.%d.9", 20+i>>16, i>>8&255, i&255)),
			Account: fmt.Sprint("u", i), Outcome: netcase.LoginNoAccount, Count: 1, Sensor: "windows/h",
		})
		if i%500 == 0 {
			l := s.logins[len(s.logins)-1]
			l.Peer, l.Account, l.Outcome = end(guesser), "alice", netcase.LoginWrongPassword
			s.logins = append(s.logins, l)
		}
	}
	found := s.run(t, auth())
	kinds := map[string]int{}
	for _, f := range found {
		kinds[f.Kind]++
	}
	if kinds["bruteforce"] != 1 || kinds["sources beyond the bound"] != 1 {
		t.Errorf("%v", kinds)
	}
}

// TestAuthOffice: the machines of an office share a network, and are not one source:
// neither do the passwords that many people mistype in the morning make a spray of
// their network, nor do the failures of one machine make the logins of its neighbours
// logins after failures. The same from outside does both.
func TestAuthOffice(t *testing.T) {
	const second = netcase.Minute / 60
	office := func(prefix string) (x logins) {
		for i := range 14 { // a morning: every tenth minute another person, two errors and then the word
			at := netcase.Time(i) * 4 * netcase.Minute
			who, from := fmt.Sprintf("user%d", i), fmt.Sprintf("%s.%d", prefix, 30+i)
			x.add(at, from, who, netcase.LoginWrongPassword)
			x.add(at+6*second, from, who, netcase.LoginWrongPassword)
			x.add(at+12*second, from, who, netcase.LoginSucceeded)
		}
		return x
	}
	stale := logins{}
	for i := range 140 { // a service with an old password, and people beside it
		stale.add(netcase.Time(i)*10*netcase.Minute, "10.0.0.9", "svc-report", netcase.LoginWrongPassword)
	}
	for i := range 14 {
		stale.add(netcase.Time(i)*45*netcase.Minute+30*second, fmt.Sprintf("10.0.0.%d", 30+i), fmt.Sprintf("user%d", i), netcase.LoginSucceeded)
	}
	for _, x := range []logins{office("10.0.0"), stale} {
		for _, kind := range x.kinds(t) {
			if strings.HasPrefix(kind, "success") || kind == "spray" {
				t.Errorf("in the office: %s", kind)
			}
		}
	}
	outside := office("91.20.30").kinds(t)
	if !slices.Contains(outside, "spray") || !slices.ContainsFunc(outside, func(s string) bool { return strings.HasPrefix(s, "success") }) {
		t.Errorf("from one network outside: %v", outside)
	}
}
