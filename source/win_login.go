package source

import (
	"bytes"
	"net/netip"
	"strings"

	"netcase"
)

// winLogonTypes are the kinds of logon by their number.
var winLogonTypes = map[int64]string{
	0: "system", 2: "interactive", 3: "network", 4: "batch", 5: "service", 7: "unlock", 8: "network cleartext", 9: "new credentials",
	10: "remote interactive", 11: "cached interactive", 12: "cached remote interactive", 13: "cached unlock",
}

// The logon types that decide something.
const (
	logonNetwork           = 3
	logonUnlock            = 7
	logonCleartext         = 8
	logonRemote            = 10
	logonCachedInteractive = 11
	logonCachedRemote      = 12
)

// winStatuses say how an attempt ended, by NTSTATUS ([MS-ERREF] 2.3.1). What is
// not listed is a failure for another reason.
var winStatuses = map[uint32]netcase.LoginOutcome{
	0xC0000064: netcase.LoginNoAccount,
	0xC000006A: netcase.LoginWrongPassword,
	0xC0000234: netcase.LoginBlocked, // locked out
	0xC0000072: netcase.LoginBlocked, // disabled
	0xC000006F: netcase.LoginBlocked, // outside the hours of logon
	0xC0000070: netcase.LoginBlocked, // from a workstation that is not allowed
	0xC0000071: netcase.LoginBlocked, // password expired
	0xC0000193: netcase.LoginBlocked, // account expired
	0xC000015B: netcase.LoginBlocked, // logon type not granted
	0xC0000224: netcase.LoginBlocked, // password must be changed
}

// kerberosErrors say how a request for a ticket ended (RFC 4120 7.5.9).
var kerberosErrors = map[int64]netcase.LoginOutcome{
	0x0:  netcase.LoginSucceeded,
	0x6:  netcase.LoginNoAccount,     // client not found
	0xC:  netcase.LoginBlocked,       // policy: hours or workstation
	0x12: netcase.LoginBlocked,       // disabled, expired, locked out
	0x17: netcase.LoginBlocked,       // password expired
	0x18: netcase.LoginWrongPassword, // pre-authentication failed
}

// security reads the events of the Security log.
func (r *winReader) security(x *winRecord) bool {
	switch x.id {
	case 4624, 4625:
		r.logon(x)
	case 4634, 4647:
		r.login(x, netcase.Login{Event: netcase.LoginLogoff, Kind: r.kind(x), Account: r.text(x, winTargetUser),
			Domain: r.text(x, winTargetDomain), Session: r.text(x, winTargetLogonID)})
	case 4648:
		r.explicit(x)
	case 4672:
		r.login(x, netcase.Login{Event: netcase.LoginPrivileged, Account: r.text(x, winSubjectUser), Domain: r.text(x, winSubjectDomain),
			Session: r.text(x, winSubjectLogonID), Detail: strings.Join(strings.Fields(nameIn(x.cells[winPrivileges], maxWinDetail)), " ")})
	case 4720, 4722, 4724, 4728, 4732, 4738, 4756, 4767:
		r.accountChange(x)
	case 4740:
		r.login(x, netcase.Login{Event: netcase.LoginLockout, Account: r.text(x, winTargetUser), Workstation: r.text(x, winTargetDomain)})
	case 4768, 4769, 4771:
		r.kerberos(x)
	case 4776:
		r.ntlm(x)
	case 4778, 4779:
		r.session(x)
	case 4688, 4689:
		r.processOf(x)
	case 4697:
		r.service(x)
	case 4698, 4702:
		r.task(x)
	case 5156, 5157, 5152:
		return r.filtered(x)
	default:
		return false
	}
	return true
}

// login hands over a login with what every event has.
func (r *winReader) login(x *winRecord, l netcase.Login) {
	l.Time, l.Host, l.Sensor, l.Key = x.at, netcase.Endpoint{Name: x.host.name}, x.host.windows, x.key
	l.Place, l.Raw, l.Context, l.Stamp, l.Zone = r.origin(x)
	r.in.AcceptLogin(&r.batch, l)
}

// maxWinDetail bounds a detail that is kept.
const maxWinDetail = 1024

// kind is the name of the logon type.
func (r *winReader) kind(x *winRecord) string {
	n, ok := winNumber(x.cells[winLogonType])
	if !ok {
		return ""
	}
	if name, ok := winLogonTypes[n]; ok {
		return name
	}
	return "type " + r.text(x, winLogonType)
}

// logon is a success or a failure to log on.
func (r *winReader) logon(x *winRecord) {
	l := netcase.Login{Outcome: netcase.LoginSucceeded, Account: r.text(x, winTargetUser), Domain: r.text(x, winTargetDomain),
		Kind: r.kind(x), Method: r.method(x.cells[winPackage]), Workstation: r.text(x, winWorkstation), Session: r.text(x, winTargetLogonID)}
	kind, known := winNumber(x.cells[winLogonType])
	l.Peer, l.PeerPort = r.peer(x.cells[winIP]), r.port(x.cells[winIPPort])
	if l.Peer.Addr.IsLoopback() && known && localLogon(kind) {
		l.Peer = netcase.Endpoint{}
	}
	l.Service = serviceOf(kind, known, l.Peer, x.cells[winPath])
	if x.id == 4625 {
		l.Outcome, l.Session = winOutcome(x.cells[winStatus], x.cells[winSubStatus]), ""
		l.Detail = r.statusText(x)
	}
	r.login(x, l)
}

// localLogon tells the kinds of logon that no network carries: Windows writes the
// loopback address for them. In a logon over the network that address is a fact:
// a tunnel ends on the machine itself.
func localLogon(kind int64) bool {
	switch kind {
	case logonNetwork, logonCleartext, logonRemote, logonCachedRemote:
		return false
	}
	return true
}

// serviceOf is the service that took the logon, where the event tells. With
// network level authentication a failed RDP logon is of type 3 and names none.
func serviceOf(kind int64, known bool, peer netcase.Endpoint, process []byte) string {
	switch {
	case known && (kind == logonRemote || kind == logonCachedRemote):
		return "rdp"
	case known && kind == logonUnlock && peer.Addr.IsValid() && !peer.Addr.IsLoopback():
		return "rdp"
	case foldsTo(process[max(0, len(process)-len(`\sshd.exe`)):], `\sshd.exe`):
		return "ssh"
	}
	return ""
}

// winOutcome is how a failed logon ended: the sub-status says it where there is one.
func winOutcome(status, sub []byte) netcase.LoginOutcome {
	for _, cell := range [...][]byte{sub, status} {
		if n, ok := winNumber(cell); ok && n != 0 {
			if o, ok := winStatuses[uint32(n)]; ok {
				return o
			}
		}
	}
	return netcase.LoginFailed
}

// statusText is the status and the sub-status as the event spells them.
func (r *winReader) statusText(x *winRecord) string {
	status, sub := x.cells[winStatus], x.cells[winSubStatus]
	if n, ok := winNumber(sub); !ok || n == 0 {
		if blank(status) {
			return r.text(x, winFailure)
		}
		return r.names.in(status, maxName)
	}
	if blank(status) {
		return r.names.in(sub, maxName)
	}
	return r.joined(bytes.TrimSpace(status), '/', bytes.TrimSpace(sub))
}

// method is an authentication package by its usual name.
func (r *winReader) method(cell []byte) string {
	switch {
	case oneOf(cell, "ntlm", "ntlm v1", "ntlm v2", "microsoft_authentication_package_v1_0"):
		return "ntlm"
	case oneOf(cell, "kerberos"):
		return "kerberos"
	case oneOf(cell, "negotiate"):
		return "negotiate"
	}
	return strings.ToLower(r.names.in(cell, maxName))
}

// peer is the far end that a cell names; nothing for what says "here".
func (r *winReader) peer(cell []byte) netcase.Endpoint {
	if blank(cell) || oneOf(cell, "local", "localhost", "unknown") {
		return netcase.Endpoint{}
	}
	a, ok := addressIn(cell)
	switch {
	case ok && a.IsUnspecified():
		return netcase.Endpoint{}
	case ok:
		return netcase.Endpoint{Addr: a}
	}
	return netcase.Endpoint{Name: r.names.in(cell, maxName)}
}

func (r *winReader) port(cell []byte) uint16 {
	n, ok := winNumber(cell)
	if !ok || n < 0 || n > 65535 {
		return 0
	}
	return uint16(n)
}

// explicit is the use of other credentials on purpose. It is logged where they are
// used, not where they lead to.
func (r *winReader) explicit(x *winRecord) {
	l := netcase.Login{Event: netcase.LoginExplicit, Account: r.text(x, winTargetUser), Domain: r.text(x, winTargetDomain),
		Session: r.text(x, winSubjectLogonID), Peer: r.peer(x.cells[winIP]), PeerPort: r.port(x.cells[winIPPort])}
	if l.Peer.Addr.IsLoopback() {
		l.Peer = netcase.Endpoint{}
	}
	l.Detail = winPhrase("by", r.account(x, winSubjectDomain, winSubjectUser), "with", pathBase(nameIn(x.cells[winPath], maxKey)),
		"for", r.text(x, winTargetServer))
	r.login(x, l)
}

// winPhrase joins pairs of a word and a value, where there is a value.
func winPhrase(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(parts, " ")
}

// accountChanges say what was done to an account.
var accountChanges = map[int64]string{
	4720: "created", 4722: "enabled", 4724: "password reset", 4728: "added to global group", 4732: "added to local group",
	4738: "changed", 4756: "added to universal group", 4767: "unlocked",
}

// accountChange is an account that was made, changed, enabled or unlocked.
func (r *winReader) accountChange(x *winRecord) {
	l := netcase.Login{Event: netcase.LoginAccount, Account: r.text(x, winTargetUser), Domain: r.text(x, winTargetDomain),
		Session: r.text(x, winSubjectLogonID), Detail: accountChanges[x.id]}
	switch x.id {
	case 4728, 4732, 4756:
		l.Detail += " " + r.account(x, winTargetDomain, winTargetUser)
		l.Account, l.Domain = r.text(x, winMember), ""
		if l.Account == "" {
			l.Account = r.text(x, winMemberSid)
		}
	}
	if by := r.account(x, winSubjectDomain, winSubjectUser); by != "" {
		l.Detail += " by " + by
	}
	r.login(x, l)
}

// kerberos is a request for a ticket, logged by the domain controller.
func (r *winReader) kerberos(x *winRecord) {
	l := netcase.Login{Service: "kerberos", Method: "kerberos", Outcome: netcase.LoginFailed, Account: r.text(x, winTargetUser),
		Domain: r.text(x, winTargetDomain), Peer: r.peer(x.cells[winIP]), PeerPort: r.port(x.cells[winIPPort])}
	status, known := winNumber(x.cells[winStatus])
	if o, ok := kerberosErrors[status]; ok && known {
		l.Outcome = o
	}
	if !known && x.id != 4771 {
		l.Outcome = netcase.LoginOpen // the export left the status out
	}
	l.Detail = winPhrase("status", r.text(x, winStatus), "for", r.text(x, winService))
	r.login(x, l)
}

// ntlm is a check of NTLM credentials, logged by who knows the account.
func (r *winReader) ntlm(x *winRecord) {
	l := netcase.Login{Service: "ntlm", Method: "ntlm", Account: r.text(x, winTargetUser), Workstation: r.text(x, winWorkstation),
		Detail: r.text(x, winStatus)}
	switch status, ok := winNumber(x.cells[winStatus]); {
	case ok && status == 0:
		l.Outcome, l.Detail = netcase.LoginSucceeded, ""
	case ok:
		l.Outcome = winOutcome(x.cells[winStatus], nil)
	}
	r.login(x, l)
}

// session is a session that was resumed or left.
func (r *winReader) session(x *winRecord) {
	l := netcase.Login{Event: netcase.LoginSession, Detail: "reconnected", Account: r.text(x, winAccountName), Domain: r.text(x, winAccountDomain),
		Session: r.text(x, winLogonID), Workstation: r.text(x, winClientName), Peer: r.peer(x.cells[winClientAddress])}
	if x.id == 4779 {
		l.Event, l.Detail = netcase.LoginLogoff, "disconnected"
	}
	if name := r.text(x, winSessionName); strings.HasPrefix(strings.ToLower(name), "rdp") {
		l.Service = "rdp"
	}
	r.login(x, l)
}

// remoteDesktop reads the logs of Remote Desktop, which name the client where
// network level authentication leaves its address out of the Security log.
func (r *winReader) remoteDesktop(x *winRecord) bool {
	l := netcase.Login{Service: "rdp", Session: r.text(x, winSessionID)}
	switch {
	case x.class == classRdpCore && x.id == 131:
		l.Event, l.Detail = netcase.LoginConnect, "connection accepted"
		l.Peer, l.PeerPort = r.socket(x.cells[winClientAddress])
	case x.class == classRdpCore && x.id == 140:
		l.Outcome = netcase.LoginFailed
		l.Peer, l.PeerPort = r.socket(x.cells[winClientAddress])
	case x.class == classRemoteConnections && x.id == 1149:
		l.Event, l.Detail = netcase.LoginConnect, "credentials stage reached"
		l.Account, l.Domain, l.Peer = r.text(x, winParam1), r.text(x, winParam2), r.peer(x.cells[winParam3])
	case x.class == classLocalSessions:
		return r.localSession(x, l)
	default:
		return false
	}
	r.login(x, l)
	return true
}

// localSessions say what the session manager did.
var localSessions = map[int64]struct {
	event netcase.LoginEvent
	word  string
}{
	21: {netcase.LoginSession, "session began"}, 22: {netcase.LoginSession, "shell began"},
	23: {netcase.LoginLogoff, "session ended"}, 24: {netcase.LoginLogoff, "disconnected"}, 25: {netcase.LoginSession, "reconnected"},
}

func (r *winReader) localSession(x *winRecord, l netcase.Login) bool {
	s, ok := localSessions[x.id]
	if !ok {
		return false
	}
	l.Event, l.Detail, l.Peer = s.event, s.word, r.peer(x.cells[winClientAddress])
	if oneOf(x.cells[winClientAddress], "local") {
		l.Service = "" // at the console
	}
	l.Domain, l.Account = splitWinAccount(r.text(x, winUser))
	r.login(x, l)
	return true
}

// splitWinAccount takes DOMAIN\user apart.
func splitWinAccount(text string) (domain, user string) {
	if i := strings.IndexByte(text, '\\'); i >= 0 {
		return text[:i], text[i+1:]
	}
	return "", text
}

// socket reads address:port, or an address alone.
func (r *winReader) socket(cell []byte) (netcase.Endpoint, uint16) {
	cell = bytes.TrimSpace(cell)
	if len(cell) <= maxAddress {
		if s, err := netip.ParseAddrPort(string(cell)); err == nil {
			return netcase.At(s.Addr()), s.Port()
		}
	}
	return r.peer(cell), 0
}
