package source

import (
	"bytes"
	"strings"

	"netcase"
)

// What messages of OpenSSH's server mean. sshd logs several lines about one
// attempt: that the account does not exist, that PAM refused, that the password
// failed. Only the strongest of them is the attempt: see held.go.

const serviceSSH = "ssh"

// sshdMeaning says what a message with a certain beginning means.
type sshdMeaning struct {
	prefix string
	read   func(r *messages, m *message, rest []byte) bool // false: it is not that message
}

// sshdMeanings are asked in order, the common ones first.
var sshdMeanings = [...]sshdMeaning{
	{"Failed ", (*messages).sshdFailed},
	{"Received disconnect from ", (*messages).sshdReceived},
	{"pam_unix(", (*messages).pam},
	{"Invalid user ", (*messages).sshdInvalid},
	{"Accepted ", (*messages).sshdAccepted},
	{"Connection closed by ", (*messages).sshdClosed},
	{"Disconnected from ", (*messages).sshdClosed},
	{"Connection reset by ", (*messages).sshdClosed},
	{"Disconnecting ", (*messages).sshdDisconnecting},
	{"Connection from ", (*messages).sshdProbe},
	{"PAM: ", (*messages).sshdPAM},
	{"User ", (*messages).sshdPolicy},
	{"Illegal user ", (*messages).sshdInvalid},
	{"maximum authentication attempts exceeded for ", (*messages).sshdTooMany},
	{"Did not receive identification string from ", (*messages).sshdProbe},
	{"Bad protocol version identification ", (*messages).sshdBanner},
	{"banner exchange: Connection from ", (*messages).sshdProbe},
	{"ssh_dispatch_run_fatal: Connection from ", (*messages).sshdProbe},
	{"Unable to negotiate with ", (*messages).sshdProbe},
	{"Timeout before authentication for connection from ", (*messages).sshdProbe},
	{"Timeout before authentication for ", (*messages).sshdProbe},
	{"Magic value check failed ", (*messages).sshdBanner},
	{"ROOT LOGIN REFUSED FROM ", (*messages).sshdRoot},
	{"refused connect from ", (*messages).sshdRefused},
	{"drop connection ", (*messages).sshdDropped},
	{"Starting session: ", (*messages).sshdSession},
	{"Close session: ", (*messages).sshdSession},
	{"(pam_unix) ", (*messages).pam},
	{"pam_", (*messages).pam},
	{"authentication failure; ", (*messages).pam},
	{"session ", (*messages).pam},
}

// sshdAccompanying begin messages that only go with others.
var sshdAccompanying = [...]string{
	"input_userauth_request: ", "reverse mapping checking ", "Address ", "Postponed ", "PAM ", "Disconnecting: ",
	"kex_exchange_identification: ", "check pass; ", "Nasty PTR ", "Accepted key ", "Read from socket failed", "Write failed",
	"no matching ", "SSH: Server;", "User child is on pid ",
}

func (r *messages) sshd(m *message) {
	text := m.text
	if len(text) > 0 && text[0] == '[' { // [ID 800047 auth.info] of Solaris
		if i := bytes.Index(text, []byte("] ")); i > 0 && i < 40 {
			text = text[i+2:]
		}
	}
	text = bytes.TrimPrefix(text, []byte("error: "))
	text = bytes.TrimPrefix(text, []byte("fatal: "))
	for i := range sshdMeanings {
		k := &sshdMeanings[i]
		if len(text) >= len(k.prefix) && string(text[:len(k.prefix)]) == k.prefix {
			if k.read(r, m, text[len(k.prefix):]) {
				return
			}
			break
		}
	}
	for _, prefix := range sshdAccompanying {
		if bytes.HasPrefix(text, []byte(prefix)) {
			r.in.Skip(skipAccompanies)
			return
		}
	}
	r.in.Skip("a message of sshd that " + skipNoLogin)
}

// sshdFrom finds "from HOST port N ssh2" and what stands before and behind it. The
// account stands before it and is the client's to choose, with spaces and all: so
// that counts where the message ends, or a colon begins what follows.
func sshdFrom(rest []byte) (account, host, port, detail []byte, ok bool) {
	for from := 0; ; {
		i := bytes.Index(rest[from:], []byte("from "))
		if i < 0 {
			return nil, nil, nil, nil, false
		}
		i += from
		from = i + 5
		if i > 0 && rest[i-1] != ' ' {
			continue
		}
		host, port, tail := hostAndPort(rest[from:])
		for _, version := range [...]string{" ssh2", " ssh1", " [preauth]"} {
			tail = bytes.TrimPrefix(tail, []byte(version))
		}
		if len(host) > 0 && (len(tail) == 0 || tail[0] == ':') {
			return bytes.TrimSuffix(rest[:i], []byte{' '}), host, port, trimSpaces(bytes.TrimPrefix(tail, []byte{':'})), true
		}
	}
}

// hostAndPort reads "HOST port N" or "HOST".
func hostAndPort(b []byte) (host, port, rest []byte) {
	host, rest = word(b)
	if after, ok := bytes.CutPrefix(rest, []byte(" port ")); ok {
		n := 0
		for n < len(after) && isDigit(after[n]) {
			n++
		}
		if n > 0 {
			return host, after[:n], after[n:]
		}
	}
	return host, nil, rest
}

// peer is who connected: an address, or a name where sshd resolves names.
func (r *messages) peer(host []byte) netcase.Endpoint {
	if a, ok := parseIPv4(host); ok {
		return netcase.At(a)
	}
	host = bytes.TrimRight(host, ":,")
	if a, ok := addressIn(host); ok {
		return netcase.At(a)
	}
	if string(host) == "UNKNOWN" || string(host) == "?" {
		return netcase.Endpoint{}
	}
	return netcase.Endpoint{Name: r.text(host)}
}

// withoutInvalid is an account without the words that say that it does not exist.
func withoutInvalid(account []byte) (name []byte, invalid bool) {
	for _, words := range [...]string{"invalid user", "illegal user"} {
		if rest, ok := bytes.CutPrefix(account, []byte(words)); ok && (len(rest) == 0 || rest[0] == ' ') {
			return bytes.TrimPrefix(rest, []byte{' '}), true
		}
	}
	if string(account) == "<invalid username>" {
		return nil, true
	}
	return account, false
}

// ssh is a login of sshd.
func (r *messages) ssh(event netcase.LoginEvent, host, port []byte) netcase.Login {
	l := netcase.Login{Event: event, Service: serviceSSH, Peer: r.peer(host)}
	if n, ok := wholeIn(port); ok && n < 1<<16 {
		l.PeerPort = uint16(n)
	}
	return l
}

func (r *messages) sshdFailed(m *message, rest []byte) bool {
	method, rest, ok := bytes.Cut(rest, []byte(" for "))
	if !ok || len(method) > 64 || bytes.IndexByte(method, ' ') >= 0 {
		return false
	}
	account, host, port, detail, ok := sshdFrom(rest)
	if !ok {
		return false
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	account, invalid := withoutInvalid(account)
	l.Account, l.Method = r.text(account), r.text(method)
	l.Outcome = sshdOutcome(l.Method, invalid)
	if len(detail) > 0 {
		l.Detail = plainName(detail, maxName)
	}
	if policy := r.held.failed(r, m); policy != "" {
		l.Outcome, l.Detail = netcase.LoginBlocked, policy
	}
	r.login(m, l)
	return true
}

// sshdOutcome is how an attempt ended that sshd calls failed. A key that is not the
// right one is no guess: clients offer all that they have, and the next may fit.
func sshdOutcome(method string, invalid bool) netcase.LoginOutcome {
	switch {
	case invalid:
		return netcase.LoginNoAccount
	case method == "publickey":
		return netcase.LoginOpen
	case method == "password" || strings.HasPrefix(method, "keyboard-interactive"):
		return netcase.LoginWrongPassword
	}
	return netcase.LoginFailed
}

func (r *messages) sshdAccepted(m *message, rest []byte) bool {
	method, rest, ok := bytes.Cut(rest, []byte(" for "))
	if !ok || len(method) > 64 || bytes.IndexByte(method, ' ') >= 0 {
		return false
	}
	account, host, port, detail, ok := sshdFrom(rest)
	if !ok {
		return false
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	l.Outcome, l.Account, l.Method = netcase.LoginSucceeded, r.text(account), r.text(method)
	if len(detail) > 0 {
		l.Detail = plainName(detail, maxName)
	}
	r.held.accepted(r, m)
	r.login(m, l)
	return true
}

// lastFrom is what stands before and behind the last " from ".
func lastFrom(rest []byte) (before, host, port []byte, ok bool) {
	i := bytes.LastIndex(rest, []byte(" from "))
	if i < 0 {
		return nil, nil, nil, false
	}
	host, port, _ = hostAndPort(rest[i+6:])
	return rest[:i], host, port, len(host) > 0
}

func (r *messages) sshdInvalid(m *message, rest []byte) bool {
	account, host, port, ok := lastFrom(append([]byte{' '}, rest...))
	if !ok {
		return false
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	l.Outcome, l.Account = netcase.LoginNoAccount, r.text(bytes.TrimSpace(account))
	r.held.hold(r, m, l, rankInvalid)
	return true
}

// sshdPAM reads "Authentication failure for illegal user U from HOST via HOST".
func (r *messages) sshdPAM(m *message, rest []byte) bool {
	reason, rest, ok := bytes.Cut(rest, []byte(" for "))
	if !ok {
		return false
	}
	account, host, port, ok := lastFrom(rest)
	if !ok {
		return false
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	account, invalid := withoutInvalid(account)
	l.Outcome, l.Account, l.Method = netcase.LoginWrongPassword, r.text(account), "keyboard-interactive/pam"
	if invalid {
		l.Outcome = netcase.LoginNoAccount
	}
	l.Detail = plainName(reason, maxName)
	r.held.hold(r, m, l, rankPAMError)
	return true
}

// sshdPolicy reads "U from HOST not allowed because …".
func (r *messages) sshdPolicy(m *message, rest []byte) bool {
	who, why, ok := bytes.Cut(rest, []byte(" not allowed because "))
	if !ok {
		return false
	}
	reason := "not allowed because " + plainName(why, maxName)
	account, host, port, ok := lastFrom(who)
	if !ok { // no address: the Failed lines that follow have it
		r.held.policy(m, reason)
		r.in.Skip(skipAccompanies)
		return true
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	l.Outcome, l.Account, l.Detail = netcase.LoginBlocked, r.text(account), reason
	r.held.hold(r, m, l, rankInvalid)
	return true
}

func (r *messages) sshdRoot(m *message, rest []byte) bool {
	host, port, _ := hostAndPort(rest)
	l := r.ssh(netcase.LoginAttempt, host, port)
	l.Outcome, l.Account, l.Detail = netcase.LoginBlocked, "root", "ROOT LOGIN REFUSED"
	r.held.failed(r, m)
	r.login(m, l)
	return true
}

func (r *messages) sshdTooMany(m *message, rest []byte) bool {
	account, host, port, _, ok := sshdFrom(rest)
	if !ok {
		return false
	}
	if r.held.tried(m) {
		r.in.Skip(skipAccompanies) // each attempt has its line already
		return true
	}
	l := r.ssh(netcase.LoginAttempt, host, port)
	account, invalid := withoutInvalid(account)
	l.Outcome, l.Account, l.Detail = netcase.LoginFailed, r.text(account), "maximum authentication attempts exceeded"
	if invalid {
		l.Outcome = netcase.LoginNoAccount
	}
	r.held.failed(r, m)
	r.login(m, l)
	return true
}

const preauth = " [preauth]"

// sshdReceived reads "HOST port N:11: Bye Bye [preauth]". sshd of today, which
// writes the port, adds Disconnected from, and names there who was logged in.
func (r *messages) sshdReceived(m *message, rest []byte) bool {
	host, port, tail := hostAndPort(rest)
	if len(host) == 0 {
		return false
	}
	before := bytes.HasSuffix(rest, []byte(preauth))
	switch {
	case bytes.Contains(tail, []byte("Auth fail")) && !r.held.tried(m):
		l := r.ssh(netcase.LoginAttempt, host, port)
		l.Outcome, l.Detail = netcase.LoginFailed, "Auth fail"
		r.held.failed(r, m)
		r.login(m, l)
	case len(port) > 0 && !before:
		r.in.Skip(skipAccompanies)
	default:
		r.closing(m, r.ssh(netcase.LoginConnect, host, port), before)
	}
	return true
}

// closing takes the end of a connection. Before anybody was let in it shows that
// somebody came, unless the tries have their own lines.
func (r *messages) closing(m *message, l netcase.Login, before bool) {
	tried := r.held.closed(r, m)
	switch {
	case !before:
		l.Event = netcase.LoginLogoff
	case tried:
		r.in.Skip(skipAccompanies)
		return
	default:
		r.held.came(m)
	}
	r.login(m, l)
}

// sshdClosed reads "[invalid user U |authenticating user U |user U ]HOST port N".
func (r *messages) sshdClosed(m *message, rest []byte) bool {
	text, before := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(preauth))
	var account []byte
	state, text := sshdUser(text)
	host, port := text, []byte(nil)
	if i := bytes.LastIndex(text, []byte(" port ")); i >= 0 {
		host, port = text[:i], text[i+6:]
	}
	if state != "" { // the account stands before the address, and may hold spaces
		i := bytes.LastIndexByte(host, ' ')
		if i < 0 {
			return false
		}
		account, host = host[:i], host[i+1:]
	}
	if len(host) == 0 || bytes.IndexByte(host, ' ') >= 0 {
		return false
	}
	l := r.ssh(netcase.LoginConnect, host, port)
	l.Account = r.text(account)
	// Before the keys were exchanged sshd writes no [preauth].
	r.closing(m, l, before || state == "" && len(port) > 0 && m.begins("Connection "))
	return true
}

func (m *message) begins(prefix string) bool { return bytes.HasPrefix(m.text, []byte(prefix)) }

// sshdUser takes the words before the account.
func sshdUser(text []byte) (state string, rest []byte) {
	for _, words := range [...]string{"invalid user ", "authenticating user ", "user "} {
		if rest, ok := bytes.CutPrefix(text, []byte(words)); ok {
			return words, rest
		}
	}
	return "", text
}

// sshdDisconnecting reads "invalid user U HOST port N: reason [preauth]".
func (r *messages) sshdDisconnecting(m *message, rest []byte) bool {
	i := bytes.LastIndex(rest, []byte(": Too many authentication failures"))
	if i >= 0 {
		r.in.Skip(skipAccompanies)
		return true
	}
	if i = bytes.Index(rest, []byte(": ")); i < 0 {
		return false
	}
	return r.sshdClosed(m, append(rest[:i:i], preauth...))
}

// sshdProbe reads "HOST port N: what was wrong": somebody came and tried nothing.
func (r *messages) sshdProbe(m *message, rest []byte) bool {
	host, port, tail := hostAndPort(rest)
	if len(host) == 0 {
		return false
	}
	l := r.ssh(netcase.LoginConnect, host, port)
	if tail = bytes.TrimPrefix(trimSpaces(tail), []byte{':'}); !m.begins("Connection from ") {
		l.Detail = plainName(bytes.TrimSuffix(tail, []byte(preauth)), maxName)
	}
	if bytes.Contains(m.text, []byte("Timeout before ")) {
		r.login(m, l) // of the listening process, which has many connections
		return true
	}
	if r.held.closed(r, m) {
		r.in.Skip(skipAccompanies)
		return true
	}
	r.held.came(m)
	r.login(m, l)
	return true
}

// sshdBanner reads what a client sent instead of a banner, and from whom.
func (r *messages) sshdBanner(m *message, rest []byte) bool {
	what, host, port, ok := lastFrom(rest)
	if !ok {
		return false
	}
	l := r.ssh(netcase.LoginConnect, host, port)
	l.Detail = plainName(what, maxName)
	r.login(m, l)
	return true
}

// sshdRefused reads what tcp wrappers refuse: "NAME (ADDRESS)".
func (r *messages) sshdRefused(m *message, rest []byte) bool {
	host := rest
	if i := bytes.LastIndexByte(rest, '('); i >= 0 {
		host = bytes.TrimSuffix(rest[i+1:], []byte{')'})
	}
	if len(host) == 0 || bytes.IndexByte(host, ' ') >= 0 {
		return false
	}
	l := r.ssh(netcase.LoginConnect, host, nil)
	l.Outcome, l.Detail = netcase.LoginBlocked, "refused connect"
	r.login(m, l)
	return true
}

// sshdDropped reads "#10 from [HOST]:PORT on [HOST]:22 past MaxStartups".
func (r *messages) sshdDropped(m *message, rest []byte) bool {
	_, rest, ok := bytes.Cut(rest, []byte("from "))
	if !ok {
		return false
	}
	end, why, _ := bytes.Cut(rest, []byte{' '})
	host, port := endAndPort(end)
	l := r.ssh(netcase.LoginConnect, host, port)
	l.Outcome, l.Detail = netcase.LoginBlocked, plainName(why, maxName)
	r.login(m, l)
	return true
}

// endAndPort takes "HOST:PORT" or "[HOST]:PORT" apart.
func endAndPort(b []byte) (host, port []byte) {
	b = bytes.Trim(b, "<>'\"")
	i := bytes.LastIndexByte(b, ':')
	if i < 0 {
		return b, nil
	}
	for _, c := range b[i+1:] {
		if !isDigit(c) {
			return b, nil
		}
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b[:i], []byte{'['}), []byte{']'}), b[i+1:]
}

// sshdSession reads "shell on pts/0 for U from HOST port N id 0", and the same of
// its end with "user U from …".
func (r *messages) sshdSession(m *message, rest []byte) bool {
	event := netcase.LoginSession
	account, ok := bytes.CutPrefix(rest, []byte("user "))
	if m.begins("Close ") {
		event = netcase.LoginLogoff
	} else {
		_, account, ok = bytes.Cut(rest, []byte(" for "))
	}
	if !ok {
		return false
	}
	account, host, port, ok := lastFrom(account)
	if !ok {
		return false
	}
	l := r.ssh(event, host, port)
	l.Account = r.text(account)
	r.login(m, l)
	return true
}
