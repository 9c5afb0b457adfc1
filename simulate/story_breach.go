package simulate

import (
	"fmt"
	"net/netip"

	"netcase"
)

func breachStories() []storyline {
	return []storyline{
		{name: "breach-ssh-login", doc: "guessing over ssh, and then a login from the same source to the same account; nothing on the host is recorded", hypothesis: Breach, days: 4, formats: repliesFormats, logins: true, tell: breachLogin},
		{name: "breach-rdp-service", doc: "guessing, a login, and a new service whose program lies in a folder of the user", hypothesis: Breach, days: 4, formats: repliesFormats, logins: true, processes: true, tell: breachService},
		{name: "breach-rdp-task", doc: "guessing, a login, a scheduled task and a program run from a temporary folder", hypothesis: Breach, days: 4, formats: repliesFormats, logins: true, processes: true, tell: breachTask},
		{name: "breach-rdp-account", doc: "guessing, a login, a new account among the administrators and a key that runs a program", hypothesis: Breach, days: 4, formats: repliesFormats, logins: true, processes: true, tell: breachAccount},
		{name: "breach-lateral", doc: "guessing, a login, a new service, and then logins from that machine to eight others", hypothesis: Breach, days: 4, formats: repliesFormats, logins: true, processes: true, tell: breachLateral},
		{name: "breach-denied-by-owner", doc: "a login after guessing that looks like a breach, and the owner says that it was theirs", hypothesis: Misconfigured, days: 4, formats: repliesFormats, logins: true, tell: breachVouched},
		{name: "password-known", doc: "many wrong passwords, then the right one, which policy refuses", hypothesis: Guessing, days: 3, formats: repliesFormats, logins: true, tell: passwordKnown},
	}
}

// breakIn is guessing on one account and then a login; it returns when the login was.
func (l *lab) breakIn(m *machine, account string) (src netip.Addr, at netcase.Time) {
	src = l.stranger()
	l.attempts(ActGuess, true, func() {
		at = l.guess(l.at(l.between(1, 5), 5), src, m, account, l.between(30, 90), 4, 20)
	})
	at += netcase.Time(l.between(5, 60)) * netcase.Second
	l.attempts(ActSuccess, true, func() { l.enters(at, src, m, account, netcase.Time(l.between(10, 50))*netcase.Minute) })
	l.labels.Lead, l.labels.Claims = []string{Guessing}, []string{"compromise"}
	return src, at
}

func breachLogin(l *lab) {
	l.breakIn(l.jump, "root")
	l.labels.Severity = [2]string{sevHigh, sevHigh}
}

// does is what somebody does on a machine, some seconds after the last thing.
func (l *lab) does(at *netcase.Time, m *machine, account string, a act) {
	*at += netcase.Time(l.between(15, 120)) * netcase.Second
	a.at, a.host, a.account = *at, m, account
	l.acts = append(l.acts, a)
}

const (
	shellPath = `C:\Windows\System32\cmd.exe`
	scPath    = `C:\Windows\System32\sc.exe`
	tasksPath = `C:\Windows\System32\schtasks.exe`
	netPath   = `C:\Windows\System32\net.exe`
	regPath   = `C:\Windows\System32\reg.exe`
	powerPath = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`
	explorer  = `C:\Windows\explorer.exe`
)

func (l *lab) persisted(m *machine, at netcase.Time) {
	l.label(Activity{Kind: ActPersist, Hosts: []netip.Addr{m.addr}, Span: netcase.Span{Start: at, End: at + 1}, Count: 1, Enough: true})
	l.labels.Proven = []string{"compromise"}
	l.labels.Severity = [2]string{sevHigh, sevCritical}
}

func (l *lab) newService(at *netcase.Time, m *machine, account string) {
	program := fmt.Sprintf(`C:\Users\%s\AppData\Local\Temp\upd%d.exe`, account, l.between(10, 99))
	l.does(at, m, account, act{kind: actStarted, image: shellPath, line: "cmd.exe", parent: explorer})
	l.does(at, m, account, act{kind: actStarted, image: scPath, line: `sc.exe create WinUpdSvc binPath= "` + program + `" start= auto`, parent: shellPath})
	l.does(at, m, account, act{kind: actService, image: scPath, target: "WinUpdSvc", detail: program, parent: shellPath})
	l.persisted(m, *at)
}

func breachService(l *lab) {
	_, at := l.breakIn(l.term, "administrator")
	l.newService(&at, l.term, "administrator")
}

func breachTask(l *lab) {
	_, at := l.breakIn(l.term, "svc-scan")
	const program = `C:\Windows\Temp\wlms.exe`
	l.does(&at, l.term, "svc-scan", act{kind: actStarted, image: tasksPath, line: `schtasks /create /tn \Updater /tr ` + program + ` /sc minute /mo 10 /ru SYSTEM`, parent: shellPath})
	l.does(&at, l.term, "svc-scan", act{kind: actTask, image: tasksPath, target: `\Updater`, detail: program, parent: shellPath})
	l.persisted(l.term, at)
	l.does(&at, l.term, "system", act{kind: actStarted, image: program, line: program, parent: `C:\Windows\System32\svchost.exe`})
}

func breachAccount(l *lab) {
	_, at := l.breakIn(l.term, "administrator")
	l.does(&at, l.term, "administrator", act{kind: actStarted, image: netPath, line: "net user support$ P@ss0rd! /add", parent: shellPath})
	l.does(&at, l.term, "administrator", act{kind: actAccount, image: netPath, target: "support$", parent: shellPath})
	l.persisted(l.term, at)
	l.does(&at, l.term, "administrator", act{kind: actRunKey, image: regPath, target: "Updater", detail: `C:\Users\Public\x.exe`, parent: shellPath})
}

func breachLateral(l *lab) {
	_, at := l.breakIn(l.term, "administrator")
	l.newService(&at, l.term, "administrator")
	first := len(l.conns)
	for _, m := range l.clients[:8] {
		at += netcase.Time(l.between(40, 200)) * netcase.Second
		l.call(at, l.term, m.addr, 445, 30_000, 50_000)
		l.signins = append(l.signins, signIn{at: at + netcase.Second, host: m, peer: l.term.addr, account: "administrator", result: signedIn, kind: 3, known: true})
	}
	l.label(l.happened(ActLateral, first, true))
}

func breachVouched(l *lab) {
	src, _ := l.breakIn(l.jump, "ops")
	l.labels.Claims, l.labels.Proven = []string{}, []string{}
	l.labels.Severity = [2]string{sevMedium, sevHigh}
	l.statements = append(l.statements, netcase.Statement{Who: "owner of the account", What: "this login was mine, from a hotel, after I had forgotten the password", Account: "ops", Peer: src.String()})
	l.labels.Lead = []string{Guessing, Misconfigured}
}

func passwordKnown(l *lab) {
	l.eventLogs = true // Defender has no word for a password that was right and must be changed
	src := l.stranger()
	var at netcase.Time
	l.attempts(ActGuess, true, func() { at = l.guess(l.at(l.between(1, 20), 5), src, l.term, "p.dejong", 40, 4, 20) })
	l.attempts(ActKnown, true, func() {
		l.tries(at+netcase.Minute, src, l.term, "p.dejong", mustChange, true)
	})
	l.guessed()
}
