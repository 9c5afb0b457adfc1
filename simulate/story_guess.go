package simulate

import (
	"fmt"
	"net/netip"

	"netcase"
)

func guessStories() []storyline {
	return []storyline{
		{name: "guess-ssh", doc: "one source guesses the password of root over ssh, hundreds of times within the hour", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: guessSSH},
		{name: "guess-rdp", doc: "one source guesses passwords of a Windows server, network logons that name it", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: guessRDP},
		{name: "guess-flows", doc: "the same over Remote Desktop, and nobody kept a login log", hypothesis: Guessing, days: 3, formats: repliesFormats, tell: guessFlows},
		{name: "guess-slow", doc: "one try every eleven minutes for two days", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: guessSlow},
		{name: "guess-distributed", doc: "sixty sources, three tries each, all on one account", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: guessDistributed},
		{name: "guess-lockout", doc: "guessing until the account is locked, and after", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: guessLockout},
		{name: "spray", doc: "one source tries two passwords on each of forty accounts within the hour", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: sprayOne},
		{name: "spray-distributed", doc: "thirty accounts, one wrong password each, every try from another source", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: sprayMany},
		{name: "enumeration", doc: "one source asks for accounts that do not exist", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: enumerate},
	}
}

// attempts labels a run of attempts: what tell does between two states of the
// login log.
func (l *lab) attempts(kind string, enough bool, tell func()) {
	first := len(l.signins)
	tell()
	a := Activity{Kind: kind, Enough: enough}
	accounts := map[string]bool{}
	for _, s := range l.signins[first:] {
		a.Sources, a.Hosts = append(a.Sources, s.peer), append(a.Hosts, s.host.addr)
		a.Span = a.Span.Extend(s.at)
		a.Count++
		accounts[s.account] = true
	}
	a.Sources, a.Hosts = sortedAddrs(a.Sources), sortedAddrs(a.Hosts)
	const shown = 50
	a.Accounts = sortedKeys(accounts)
	a.Accounts = a.Accounts[:min(len(a.Accounts), shown)]
	l.label(a)
}

// guess is a run of wrong passwords for one account, some seconds apart.
func (l *lab) guess(from netcase.Time, src netip.Addr, m *machine, account string, n int, least, most int) netcase.Time {
	at := from
	for range n {
		l.tries(at, src, m, account, wrongPassword, true)
		at += netcase.Time(l.between(least*1000, most*1000))
	}
	return at
}

// guessed says what is right of guessing that failed: nobody came in, whether a
// second factor or a lockout stands in the way is not known.
func (l *lab) guessed() {
	l.labels.Lead, l.labels.Severity = []string{Guessing}, [2]string{sevMedium, sevHigh}
}

func guessSSH(l *lab) {
	src := l.stranger()
	l.listed(src, "AbuseIPDB", "Brute-Force")
	l.attempts(ActGuess, true, func() { l.guess(l.at(l.between(1, 20), 5), src, l.jump, "root", l.between(150, 400), 2, 9) })
	l.guessed()
}

func guessRDP(l *lab) {
	src := l.stranger()
	l.attempts(ActGuess, true, func() {
		l.guess(l.at(l.between(1, 20), 5), src, l.term, "administrator", l.between(80, 200), 3, 14)
	})
	l.guessed()
}

func guessFlows(l *lab) {
	src := l.stranger()
	first := len(l.conns)
	at := l.at(l.between(1, 18), 0)
	for range l.between(120, 300) {
		l.session(at, src, l.term, rdpPort)
		at += netcase.Time(l.between(5000, 20_000))
	}
	l.label(l.happened(ActGuess, first, true))
	l.guessed()
	l.signins = nil
}

func guessSlow(l *lab) {
	src := l.stranger()
	l.attempts(ActGuess, true, func() {
		at := l.start + netcase.Day
		for range 200 {
			l.tries(at, src, l.jump, "root", wrongPassword, true)
			at += 11*netcase.Minute + netcase.Time(l.between(0, 20_000))
		}
	})
	l.guessed()
}

func guessDistributed(l *lab) {
	l.attempts(ActGuess, true, func() {
		for _, src := range l.strangers(60) {
			at := l.millis(l.at(1, 0), 20*netcase.Hour)
			for range 3 {
				l.tries(at, src, l.jump, "backup", wrongPassword, true)
				at += netcase.Time(l.between(20, 200)) * netcase.Second
			}
		}
	})
	l.guessed()
}

func guessLockout(l *lab) {
	src := l.stranger()
	l.attempts(ActGuess, true, func() {
		at := l.guess(l.at(l.between(1, 20), 5), src, l.term, "j.bakker", 10, 3, 8)
		l.signins = append(l.signins, signIn{at: at, host: l.term, peer: src, account: "j.bakker", result: lockout, known: true})
		for range 60 {
			l.tries(at, src, l.term, "j.bakker", lockedOut, true)
			at += netcase.Time(l.between(3, 9)) * netcase.Second
		}
	})
	l.guessed()
}

func sprayOne(l *lab) {
	src := l.stranger()
	l.attempts(ActSpray, true, func() {
		at := l.at(l.between(1, 20), 2)
		for round := range 2 {
			for i := range 40 {
				l.tries(at, src, l.term, fmt.Sprintf("user%02d", i), wrongPassword, true)
				at += netcase.Time(l.between(10, 30)) * netcase.Second
			}
			at += netcase.Time(round) * netcase.Minute
		}
	})
	l.guessed()
}

func sprayMany(l *lab) {
	l.attempts(ActSpray, true, func() {
		from := l.at(l.between(1, 20), 2)
		for i, src := range l.strangers(30) {
			l.tries(l.millis(from, 50*netcase.Minute), src, l.term, fmt.Sprintf("user%02d", i), wrongPassword, true)
		}
	})
	l.guessed()
}

var unknownAccounts = []string{"oracle", "postgres", "git", "test", "ubuntu", "admin", "pi", "ftpuser", "deploy", "nagios", "jenkins", "guest", "www", "support", "minecraft", "hadoop", "tomcat", "user", "demo", "odoo"}

func enumerate(l *lab) {
	src := l.stranger()
	l.attempts(ActEnumerate, true, func() {
		at := l.at(l.between(1, 20), 5)
		for _, account := range unknownAccounts {
			l.tries(at, src, l.jump, account, wrongPassword, false)
			at += netcase.Time(l.between(30, 70)) * netcase.Second
		}
	})
	l.guessed()
}
