package source

import (
	"bytes"

	"netcase"
)

// What messages of the other programs mean that let people in, or let them become
// somebody else.

// unixPrograms are read by their name.
var unixPrograms = map[string]func(r *messages, m *message) bool{
	"login": (*messages).consoleLogin, "telnetd": (*messages).telnetd, "in.telnetd": (*messages).telnetd,
	"ftpd": (*messages).ftpd, "dropbear": (*messages).dropbear, "vsftpd": (*messages).vsftpd, "dovecot": (*messages).dovecot,
	"sudo": (*messages).sudo, "su": (*messages).su,
	"useradd": (*messages).accounts, "adduser": (*messages).accounts, "usermod": (*messages).accounts,
	"userdel": (*messages).accounts, "passwd": (*messages).accounts, "chpasswd": (*messages).accounts,
	"groupadd": (*messages).accounts, "gpasswd": (*messages).accounts,
	"systemd-logind": (*messages).skipLogind,
}

// unixLogin reads a message of a program other than sshd; false: the program is
// none that is read, and the message not counted.
func (r *messages) unixLogin(m *message, program []byte) bool {
	if service, ok := bytes.CutSuffix(program, []byte("(pam_unix)")); ok { // before Linux-PAM 0.99
		if !r.pamOf(m, service, m.text) {
			r.in.Skip(skipAccompanies)
		}
		return true
	}
	if read, ok := unixPrograms[string(program)]; ok {
		if !read(r, m) && !r.pamMessage(m, program) {
			r.in.Skip("a message of " + string(program) + " that " + skipNoLogin)
		}
		return true
	}
	if bytes.HasPrefix(program, []byte("postfix/")) && r.postfix(m) {
		return true
	}
	return r.pamMessage(m, program)
}

// pamMessage reads a message that PAM wrote in the name of a program.
func (r *messages) pamMessage(m *message, program []byte) bool {
	text := m.text
	if len(text) == 0 || text[0] != 'p' && text[0] != '(' && text[0] != 'a' {
		return false
	}
	switch {
	case bytes.HasPrefix(text, []byte("pam_")):
		return r.pam(m, text)
	case bytes.HasPrefix(text, []byte("(pam_unix) ")):
		return r.pamOf(m, program, text[len("(pam_unix) "):])
	case bytes.HasPrefix(text, []byte("authentication failure; ")):
		return r.pamOf(m, program, text)
	}
	return false
}

// pam reads "pam_unix(sshd:auth): authentication failure; …".
func (r *messages) pam(m *message, _ []byte) bool {
	text, service := m.text, programName(m.program)
	for _, prefix := range [...]string{"error: ", "(pam_unix) "} {
		text = bytes.TrimPrefix(text, []byte(prefix))
	}
	if bytes.HasPrefix(text, []byte("pam_")) {
		head, rest, ok := bytes.Cut(text, []byte(": "))
		if !ok || len(head) > 64 {
			return false
		}
		text = rest
		if i := bytes.IndexByte(head, '('); i > 0 {
			name, _, colon := bytes.Cut(bytes.TrimSuffix(head[i+1:], []byte{')'}), []byte{':'})
			if colon {
				service = name
			}
		}
	}
	return r.pamOf(m, service, text)
}

// pamOf reads what PAM says for a service.
func (r *messages) pamOf(m *message, service, text []byte) bool {
	elevates := oneOf(service, "sudo", "sudo-i", "su", "su-l", "polkit-1", "doas")
	old := bytes.HasSuffix(m.program, []byte("(pam_unix)"))
	switch {
	case bytes.HasPrefix(text, []byte("authentication failure; ")):
		if elevates && !old {
			r.in.Skip(skipAccompanies) // sudo and su say it themselves
			return true
		}
		r.pamFailure(m, service, text, elevates)
	case bytes.HasPrefix(text, []byte("session opened for user ")), bytes.HasPrefix(text, []byte("session closed for user ")):
		r.pamSession(m, service, text, elevates && old, elevates && !old)
	case bytes.HasPrefix(text, []byte("password changed for ")):
		r.login(m, netcase.Login{Event: netcase.LoginAccount, Service: r.text(service),
			Account: r.text(bytes.TrimSpace(text[len("password changed for "):])), Detail: "password changed"})
	case bytes.HasPrefix(text, []byte("Consecutive login failures for user ")), bytes.HasPrefix(text, []byte("user ")) && bytes.Contains(text, []byte(" locked due to ")):
		_, account, _ := bytes.Cut(text, []byte("user "))
		account, _ = word(account)
		r.login(m, netcase.Login{Event: netcase.LoginLockout, Service: r.text(service), Account: r.text(account), Detail: plainName(text, maxName)})
	case oneOf(service, "sshd"):
		r.in.Skip(skipAccompanies)
	default:
		return false
	}
	return true
}

// pamService is the service by the name that it has elsewhere.
func (r *messages) pamService(service []byte) string {
	if string(service) == "sshd" {
		return serviceSSH
	}
	return r.text(service)
}

// pamFailure reads "… ruser=U rhost=H  user=U". The client chooses ruser, so that the
// last rhost before user= counts.
func (r *messages) pamFailure(m *message, service, text []byte, elevates bool) {
	l := netcase.Login{Outcome: netcase.LoginFailed, Service: r.pamService(service), Detail: "PAM: authentication failure"}
	rest := text
	if i := bytes.Index(rest, []byte(" user=")); i >= 0 {
		l.Account, l.Outcome = r.text(rest[i+len(" user="):]), netcase.LoginWrongPassword
		rest = rest[:i]
	}
	if i := bytes.LastIndex(rest, []byte(" rhost=")); i >= 0 {
		if host, _ := word(rest[i+len(" rhost="):]); len(host) > 0 {
			l.Peer = r.peer(host)
		}
		rest = rest[:i]
	}
	if i := bytes.Index(rest, []byte(" ruser=")); i >= 0 && l.Account == "" {
		l.Account = r.text(rest[i+len(" ruser="):])
	}
	if elevates {
		l.Event = netcase.LoginElevation
		r.login(m, l)
		return
	}
	r.held.hold(r, m, l, rankPAM)
}

func (r *messages) pamSession(m *message, service, text []byte, elevation, accompanies bool) {
	opened := bytes.HasPrefix(text, []byte("session opened"))
	if accompanies || elevation && !opened || oneOf(service, "cron", "crond", "atd", "systemd-user", "runuser", "runuser-l") {
		r.in.Skip("a session of " + printableProgram(service) + ", which is no login")
		return
	}
	account := text[len("session opened for user "):]
	by := []byte(nil)
	if i := bytes.Index(account, []byte(" by ")); i >= 0 {
		account, by = account[:i], account[i+1:]
	}
	if i := bytes.IndexByte(account, '('); i > 0 {
		account = account[:i]
	}
	l := netcase.Login{Event: netcase.LoginSession, Service: r.pamService(service), Account: r.text(account)}
	switch {
	case elevation:
		l.Event, l.Outcome, l.Detail = netcase.LoginElevation, netcase.LoginSucceeded, plainName(by, maxName)
	case !opened:
		l.Event = netcase.LoginLogoff
	}
	r.login(m, l)
}

// skipLogind: the services log the same sessions, with what logind does not know.
func (r *messages) skipLogind(*message) bool {
	r.in.Skip(skipAccompanies)
	return true
}

// quotedAfter is the text in single quotes behind a mark.
func quotedAfter(text []byte, mark string) []byte {
	i := bytes.Index(text, []byte(mark))
	if i < 0 {
		return nil
	}
	text = text[i+len(mark):]
	if len(text) == 0 || text[0] != '\'' {
		first, _ := word(text)
		return bytes.TrimRight(first, ",")
	}
	text = text[1:]
	if i = bytes.IndexByte(text, '\''); i >= 0 {
		text = text[:i]
	}
	return text
}

// withPeer sets the peer from "HOST", "HOST:PORT" or "[HOST]:PORT".
func (r *messages) withPeer(l *netcase.Login, end []byte) {
	if len(end) == 0 {
		return
	}
	if a, ok := addressIn(end); ok {
		l.Peer = netcase.At(a)
		return
	}
	host, port := endAndPort(end)
	l.Peer = r.peer(host)
	if n, ok := wholeIn(port); ok && n < 1<<16 {
		l.PeerPort = uint16(n)
	}
}

// consoleLogin reads login(1) of util-linux, shadow and busybox.
func (r *messages) consoleLogin(m *message) bool {
	t := m.text
	l := netcase.Login{Service: "login"}
	has := func(mark string) bool { return bytes.Contains(t, []byte(mark)) }
	switch {
	case m.begins("FAILED LOGIN"):
		l.Outcome = netcase.LoginFailed
		if has("Authentication failure") {
			l.Outcome = netcase.LoginWrongPassword
		}
		if has("User not known") {
			l.Outcome = netcase.LoginNoAccount
		}
		l.Account = r.text(firstOf(quotedAfter(t, " FOR "), quotedAfter(t, " for ")))
		r.withPeer(&l, firstOf(quotedAfter(t, " from "), quotedAfter(t, " FROM ")))
		r.held.failed(r, m)
	case m.begins("invalid password for "):
		l.Outcome, l.Account = netcase.LoginFailed, r.text(quotedAfter(t, "invalid password for ")) // busybox asks for a password whether or not the account exists
		r.withPeer(&l, quotedAfter(t, " from "))
	case m.begins("root login on "), m.begins("ROOT LOGIN"):
		l.Outcome, l.Account = netcase.LoginSucceeded, "root"
		r.withPeer(&l, firstOf(quotedAfter(t, " from "), quotedAfter(t, " FROM ")))
	case m.begins("LOGIN ON "):
		l.Outcome, l.Account = netcase.LoginSucceeded, r.text(quotedAfter(t, " BY "))
		r.withPeer(&l, quotedAfter(t, " FROM "))
	default:
		return false
	}
	r.login(m, l)
	return true
}

// firstOf is the first text that is not empty.
func firstOf(texts ...[]byte) []byte {
	for _, t := range texts {
		if len(t) > 0 {
			return t
		}
	}
	return nil
}

// telnetd says only who came: whether a login followed, login(1) tells.
func (r *messages) telnetd(m *message) bool {
	host, ok := bytes.CutPrefix(m.text, []byte("connect from "))
	if !ok {
		return false
	}
	l := netcase.Login{Event: netcase.LoginConnect, Service: "telnet"}
	if i := bytes.LastIndexByte(host, '('); i >= 0 {
		host = bytes.TrimSuffix(host[i+1:], []byte{')'})
	}
	r.withPeer(&l, bytes.TrimSpace(host))
	r.login(m, l)
	return true
}

// ftpd says who came: "connection from HOST (NAME) at …".
func (r *messages) ftpd(m *message) bool {
	host, ok := bytes.CutPrefix(m.text, []byte("connection from "))
	if !ok {
		return false
	}
	host, _ = word(host)
	l := netcase.Login{Event: netcase.LoginConnect, Service: "ftp"}
	r.withPeer(&l, host)
	r.login(m, l)
	return true
}

// dropbear reads the SSH server of small devices.
func (r *messages) dropbear(m *message) bool {
	t := m.text
	if len(t) > 0 && t[0] == '[' { // [825] Jul 10 23:53:52 text
		var s stamp
		if _, rest, ok := bytes.Cut(t, []byte("] ")); ok {
			t = trimSpaces(rest[s.scan(rest):])
		}
	}
	l := netcase.Login{Service: serviceSSH}
	from := quotedAfter(t, " from ")
	has := func(mark string) bool { return bytes.HasPrefix(t, []byte(mark)) }
	switch {
	case has("Bad password attempt for "), has("bad password attempt for "):
		l.Outcome, l.Method, l.Account = netcase.LoginWrongPassword, "password", r.text(quotedAfter(t, "attempt for "))
		if i := bytes.LastIndex(t, []byte(" from ")); i >= 0 {
			from = t[i+len(" from "):]
		}
	case has("Login attempt for nonexistent user"), has("login attempt for nonexistent user"):
		l.Outcome = netcase.LoginNoAccount
	case has("Password auth succeeded for "), has("password auth succeeded for "):
		l.Outcome, l.Method, l.Account = netcase.LoginSucceeded, "password", r.text(quotedAfter(t, "succeeded for "))
	case has("Pubkey auth succeeded for "), has("pubkey auth succeeded for "):
		l.Outcome, l.Method, l.Account = netcase.LoginSucceeded, "publickey", r.text(quotedAfter(t, "succeeded for "))
	case has("Child connection from "):
		l.Event, from = netcase.LoginConnect, t[len("Child connection from "):]
	case has("Exit before auth"):
		r.in.Skip(skipAccompanies)
		return true
	default:
		return false
	}
	r.withPeer(&l, from)
	r.login(m, l)
	return true
}

// vsftpd reads "[pid 2] [user] FAIL LOGIN: Client "HOST"".
func (r *messages) vsftpd(m *message) bool {
	l := netcase.Login{Service: "ftp", Outcome: netcase.LoginFailed, Method: "password"}
	before, after, ok := bytes.Cut(m.text, []byte("] FAIL LOGIN: Client \""))
	if !ok {
		l.Outcome = netcase.LoginSucceeded
		if before, after, ok = bytes.Cut(m.text, []byte("] OK LOGIN: Client \"")); !ok {
			return false
		}
	}
	l.Account = r.text(before[bytes.LastIndexByte(before, '[')+1:])
	host, _, _ := bytes.Cut(after, []byte{'"'})
	r.withPeer(&l, host)
	r.login(m, l)
	return true
}

// dovecot reads "imap-login: Disconnected (auth failed, 3 attempts in 9 secs): user=<u>, method=PLAIN, rip=H".
func (r *messages) dovecot(m *message) bool {
	service, text, ok := bytes.Cut(m.text, []byte("-login: "))
	if !ok || len(service) > 20 || bytes.IndexByte(service, ' ') >= 0 {
		return false
	}
	l := netcase.Login{Service: r.text(service), Method: "password"}
	switch i := bytes.Index(text, []byte("(auth failed, ")); {
	case i >= 0:
		n := text[i+len("(auth failed, "):]
		number, _ := word(n)
		l.Outcome, l.Count = netcase.LoginFailed, 1
		if v, ok := wholeIn(number); ok && v > 0 && v <= maxRepeats {
			l.Count = v
		}
	case bytes.HasPrefix(text, []byte("Login: ")):
		l.Outcome = netcase.LoginSucceeded
	default:
		return false
	}
	if _, user, ok := bytes.Cut(text, []byte("user=<")); ok {
		user, _, _ = bytes.Cut(user, []byte{'>'})
		l.Account = r.text(user)
	}
	if i := bytes.LastIndex(text, []byte(" rip=")); i >= 0 {
		host, _, _ := bytes.Cut(text[i+len(" rip="):], []byte{','})
		r.withPeer(&l, host)
	}
	r.login(m, l)
	return true
}

// postfix reads "warning: unknown[HOST]: SASL LOGIN authentication failed: …", and
// the lines that name who sent.
func (r *messages) postfix(m *message) bool {
	l := netcase.Login{Service: "smtp", Method: "password"}
	client := m.text
	i := bytes.Index(client, []byte("]: SASL "))
	_, user, named := bytes.Cut(client, []byte("sasl_username="))
	switch {
	case i >= 0 && bytes.Contains(client[i:], []byte(" authentication failed")):
		l.Outcome = netcase.LoginFailed
	case named && bytes.Contains(client, []byte(": client=")):
		l.Outcome = netcase.LoginSucceeded
	default:
		return false
	}
	user, _ = word(user)
	l.Account = r.text(bytes.TrimRight(user, ","))
	if _, host, ok := bytes.Cut(client, []byte{'['}); ok {
		host, _, _ = bytes.Cut(host, []byte{']'})
		r.withPeer(&l, host)
	}
	r.login(m, l)
	return true
}

// sudo reads "alice : 3 incorrect password attempts ; TTY=… ; USER=root ; COMMAND=…".
// The account is who asked; the detail says as whom and for what.
func (r *messages) sudo(m *message) bool {
	account, rest, ok := bytes.Cut(m.text, []byte(" : "))
	if !ok || bytes.IndexByte(account, ':') >= 0 {
		return false
	}
	command := bytes.Index(rest, []byte("COMMAND="))
	if command < 0 {
		return false
	}
	l := netcase.Login{Event: netcase.LoginElevation, Service: "sudo", Account: r.text(account), Outcome: netcase.LoginSucceeded}
	as := "root"
	if _, user, ok := bytes.Cut(rest[:command], []byte("USER=")); ok {
		user, _ = word(user)
		as = r.text(user)
	}
	l.Detail = "as " + as + ": " + plainName(rest[command+len("COMMAND="):], maxKey)
	reason, _, _ := bytes.Cut(rest, []byte(" ; "))
	switch {
	case bytes.Contains(reason, []byte("incorrect password attempt")):
		l.Outcome = netcase.LoginWrongPassword
		number, _ := word(reason)
		if n, ok := wholeIn(number); ok && n > 0 && n < maxRepeats {
			l.Count = n
		}
	case bytes.IndexByte(reason, '=') < 0: // NOT in sudoers, command not allowed, a password is required
		l.Outcome = netcase.LoginBlocked
		l.Detail = plainName(reason, maxName) + "; " + l.Detail
	}
	r.login(m, l)
	return true
}

// su reads "(to root) alice on pts/0", "FAILED SU (to root) alice on pts/0" and the
// "+ pts/0 alice:root" of others.
func (r *messages) su(m *message) bool {
	text, failed := bytes.CutPrefix(m.text, []byte("FAILED SU "))
	l := netcase.Login{Event: netcase.LoginElevation, Service: "su", Outcome: netcase.LoginSucceeded}
	if failed {
		l.Outcome = netcase.LoginFailed
	}
	if rest, ok := bytes.CutPrefix(text, []byte("(to ")); ok {
		target, who, _ := bytes.Cut(rest, []byte(") "))
		who, _ = word(who)
		l.Account, l.Detail = r.text(who), "as "+r.text(target)
		r.login(m, l)
		return true
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' || text[1] != ' ' {
		return false
	}
	_, who, _ := bytes.Cut(text[2:], []byte{' '})
	who, target, ok := bytes.Cut(who, []byte{':'})
	if !ok {
		return false
	}
	if text[0] == '-' {
		l.Outcome = netcase.LoginFailed
	}
	l.Account, l.Detail = r.text(who), "as "+r.text(target)
	r.login(m, l)
	return true
}

// accounts reads what the tools say that make and change accounts.
func (r *messages) accounts(m *message) bool {
	t := m.text
	var account []byte
	switch {
	case m.begins("new user: "):
		_, account, _ = bytes.Cut(t, []byte("name="))
		account, _, _ = bytes.Cut(account, []byte{','})
	case m.begins("add '"), m.begins("delete '"), m.begins("change user '"), m.begins("delete user '"), m.begins("lock user '"), m.begins("unlock user '"):
		_, account, _ = bytes.Cut(t, []byte{'\''})
		account, _, _ = bytes.Cut(account, []byte{'\''})
	case bytes.HasPrefix(t, []byte("user ")) && bytes.Contains(t, []byte(" added by ")):
		account, _ = word(t[len("user "):])
	default:
		return false
	}
	r.login(m, netcase.Login{Event: netcase.LoginAccount, Service: r.text(programName(m.program)), Account: r.text(account), Detail: plainName(t, maxName)})
	return true
}
