package source

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"netcase"
)

// zeekLog is a kind of Zeek log that is read.
type zeekLog struct {
	path string
	read func(z *zeekReader, line []byte)
}

// zeekLogOf is the kind of log of a name, or why it is not read.
func zeekLogOf(path string) (log *zeekLog, skip string) {
	switch path {
	case "conn":
		return zeekConnLog, ""
	case "ssh":
		return zeekSSHLog, ""
	case "rdp":
		return zeekRDPLog, ""
	case "ssl":
		return zeekSSLLog, ""
	case "http":
		return zeekHTTPLog, ""
	case "dns":
		return zeekDNSLog, ""
	case "notice":
		return zeekNoticeLog, ""
	case "kerberos":
		return zeekKerberosLog, ""
	case "ntlm":
		return zeekNTLMLog, ""
	case "ftp":
		return zeekFTPLog, ""
	}
	return nil, zeekSkipReason(path)
}

var (
	zeekConnLog     = &zeekLog{"conn", (*zeekReader).connection}
	zeekSSHLog      = &zeekLog{"ssh", (*zeekReader).ssh}
	zeekRDPLog      = &zeekLog{"rdp", (*zeekReader).rdp}
	zeekSSLLog      = &zeekLog{"ssl", (*zeekReader).ssl}
	zeekHTTPLog     = &zeekLog{"http", (*zeekReader).http}
	zeekDNSLog      = &zeekLog{"dns", (*zeekReader).dns}
	zeekNoticeLog   = &zeekLog{"notice", (*zeekReader).notice}
	zeekKerberosLog = &zeekLog{"kerberos", (*zeekReader).kerberos}
	zeekNTLMLog     = &zeekLog{"ntlm", (*zeekReader).ntlm}
	zeekFTPLog      = &zeekLog{"ftp", (*zeekReader).ftp}
)

var zeekSSH = zeekFormat("ssh", "Zeek ssh.log, tab-separated or JSON",
	"who reached an SSH service, with which software, and whether Zeek took the login for successful, which it infers from packet lengths; not the account")

var zeekRDP = zeekFormat("rdp", "Zeek rdp.log, tab-separated or JSON",
	"who reached an RDP service and the account that the client claims, which may be cut to nine characters; not that a login was tried or succeeded")

var zeekSSL = zeekFormat("ssl", "Zeek ssl.log, tab-separated or JSON",
	"the server name that a client asked for, and whether the handshake was completed; not what was carried")

var zeekHTTP = zeekFormat("http", "Zeek http.log, tab-separated or JSON",
	"requests that crossed the sensor in the clear, and the status of the answer; not what the server did with them")

var zeekDNS = zeekFormat("dns", "Zeek dns.log, tab-separated or JSON",
	"the names that a host asked for and the answers that crossed the sensor; not which process asked, nor names asked over TLS or HTTPS")

var zeekNotice = zeekFormat("notice", "Zeek notice.log, tab-separated or JSON",
	"what the scripts of Zeek concluded: their word; not that it is so")

var zeekKerberos = zeekFormat("kerberos", "Zeek kerberos.log, tab-separated or JSON",
	"requests for tickets, the account and the controller's answer; not logins that needed no new ticket")

var zeekNTLM = zeekFormat("ntlm", "Zeek ntlm.log, tab-separated or JSON",
	"the account that a client claimed over NTLM and the answer, where the sensor saw it; not encrypted exchanges")

var zeekFTP = zeekFormat("ftp", "Zeek ftp.log, tab-separated or JSON",
	"logins over FTP in the clear where USER and PASS are logged; not those over TLS, nor what Zeek is not told to log")

func zeekFormat(path, doc, proves string) Format {
	return Format{
		Name: "zeek-" + path, Doc: doc, Proves: proves,
		Detect: func(head []byte) (bool, string) { return detectZeekLog(head, path) },
		Decode: decodeZeek, Split: splitZeek, Join: joinZeek,
	}
}

// zeekMeeting is who met whom when, as every log of a connection has it.
type zeekMeeting struct {
	at       netcase.Time
	us       int64 // the same in microseconds
	src, dst netcase.Endpoint
	srcPort  uint16
	dstPort  uint16
}

// meeting reads the columns that the logs of a connection share; not ok: the
// record was rejected.
func (z *zeekReader) meeting(line []byte) (m zeekMeeting, ok bool) {
	us, reason := z.instant(z.row.text[zeekTS])
	if reason != "" {
		z.reject(zeekFieldNames[zeekTS], reason, line)
		return m, false
	}
	if us < zeekEarliest*microsecond {
		z.remark(remarkRelative)
	}
	m.us, m.at = us, max(netcase.Time(us/microsecondMS), 1)
	var f netcase.Flow
	f.Proto = netcase.TCP
	if string(z.row.text[zeekProto]) == "icmp" {
		f.Proto = netcase.ICMP
	}
	if bad, reason := z.ends(&z.row, &f); reason != "" {
		z.reject(zeekFieldNames[bad], reason, line)
		return m, false
	}
	m.src, m.dst, m.srcPort, m.dstPort = f.Src, f.Dst, f.SrcPort, f.DstPort
	return m, true
}

// text is a column as a name, bounded.
func (z *zeekReader) text(f zeekField) string { return z.texts.in(z.row.text[f], maxName) }

// details joins what is known, each with its label.
func details(parts ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(parts); i += 2 {
		if parts[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		if parts[i] != "" {
			b.WriteString(parts[i] + " ")
		}
		b.WriteString(parts[i+1])
	}
	return b.String()
}

// login hands a login over. The key is that of the connection, the instant and
// what tells two records of one connection apart.
func (z *zeekReader) login(m zeekMeeting, l netcase.Login, line []byte, apart string) {
	l.Time, l.Host, l.Peer, l.PeerPort = m.at, m.dst, m.src, m.srcPort
	l.Sensor = z.sensor(&z.row)
	if uid := z.row.text[zeekUID]; uid != nil {
		l.Session = z.text(zeekUID)
		l.Key = newDigest("zeek " + l.Service).bytes(uid).number(uint64(m.us)).addr(m.src.Addr).addr(m.dst.Addr).text(apart).key()
	}
	o := z.origin(line)
	l.Place, l.Raw, l.Context, l.Stamp, l.Zone = o.place, o.raw, o.context, o.stamp, o.zone
	z.in.AcceptLogin(&z.batch, l)
}

// query hands a query over.
func (z *zeekReader) query(m zeekMeeting, q netcase.Query, line []byte) {
	q.Time, q.Host, q.Peer = m.at, m.src, m.dst
	q.Sensor = z.sensor(&z.row)
	o := z.origin(line)
	q.Place, q.Raw, q.Context, q.Stamp, q.Zone = o.place, o.raw, o.context, o.stamp, o.zone
	z.in.AcceptQuery(&z.batch, q)
}

// zeekOutcome is the outcome that a column of T and F tells.
func zeekOutcome(b []byte) netcase.LoginOutcome {
	switch string(b) {
	case "T", "true":
		return netcase.LoginSucceeded
	case "F", "false":
		return netcase.LoginFailed
	}
	return netcase.LoginOpen
}

func (z *zeekReader) ssh(line []byte) {
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	l := netcase.Login{Service: "ssh", Outcome: zeekOutcome(z.row.text[zeekAuthSuccess])}
	attempts := z.text(zeekAuthAttempts)
	if l.Outcome == netcase.LoginOpen && (attempts == "" || attempts == "0") {
		l.Event = netcase.LoginConnect
	}
	l.Detail = details("attempts", attempts, "direction", z.text(zeekDirection), "client", z.text(zeekClient), "server", z.text(zeekServer))
	z.login(m, l, line, "")
}

func (z *zeekReader) rdp(line []byte) {
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	z.login(m, netcase.Login{
		Service: "rdp", Event: netcase.LoginConnect,
		Account: z.text(zeekCookie), Workstation: z.text(zeekClientName),
		Detail: details("result", z.text(zeekResult), "security", z.text(zeekSecurity)),
	}, line, z.text(zeekCookie))
}

func (z *zeekReader) ssl(line []byte) {
	name := z.text(zeekServerName)
	if name == "" {
		z.in.Skip("zeek ssl.log: no server name was asked for")
		return
	}
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	state := ""
	switch zeekOutcome(z.row.text[zeekEstablished]) {
	case netcase.LoginSucceeded:
		state = "established"
	case netcase.LoginFailed:
		state = "not established"
	}
	z.query(m, netcase.Query{Name: name, Type: "tls", Answer: answers(state, z.text(zeekVersion), z.text(zeekJA3))}, line)
}

// answers are the texts that say something.
func answers(list ...string) (out []string) {
	for _, a := range list {
		if a != "" {
			out = append(out, a)
		}
	}
	return out
}

func (z *zeekReader) http(line []byte) {
	host := z.text(zeekHost)
	if host == "" {
		z.in.Skip("zeek http.log: no host was named")
		return
	}
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	request := strings.TrimSpace(z.text(zeekMethod) + " " + nameIn(z.row.text[zeekURI], maxName))
	z.query(m, netcase.Query{Name: host, Type: "http", Answer: answers(request, z.text(zeekStatusCode))}, line)
}

// zeekMaxAnswers bounds the answers of one query that are kept.
const zeekMaxAnswers = 64

func (z *zeekReader) dns(line []byte) {
	name := nameIn(z.row.text[zeekQuery], maxName)
	if name == "" {
		z.in.Skip("zeek dns.log: no name was asked for")
		return
	}
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	q := netcase.Query{Name: name, Type: z.text(zeekQType), Answer: z.list(z.row.text[zeekAnswers])}
	if code := z.text(zeekRCode); code != "" && code != "NOERROR" {
		q.Answer = append(q.Answer, code)
	}
	z.query(m, q, line)
}

// list is the elements of a set or vector, each bounded.
func (z *zeekReader) list(b []byte) (out []string) {
	switch {
	case b == nil:
		return nil
	case !z.isTab:
		return jsonTexts(b, zeekMaxAnswers)
	}
	for _, e := range bytes.SplitN(b, z.set, zeekMaxAnswers+1) {
		if text := nameIn(e, maxName); text != "" && len(out) < zeekMaxAnswers {
			out = append(out, text)
		}
	}
	return out
}

// jsonTexts is the strings of a list, or the one that stands instead of it.
func jsonTexts(b []byte, limit int) (out []string) {
	if len(b) == 0 || b[0] != '[' {
		return answers(nameIn(b, maxName))
	}
	var list []any
	if json.Unmarshal(b, &list) != nil {
		return nil
	}
	for _, e := range list {
		if s, ok := e.(string); ok && len(out) < limit {
			out = append(out, answers(nameIn([]byte(s), maxName))...)
		}
	}
	return out
}

// notice reads what a script concluded. Its own src and dst come before the ends of
// the connection it is about.
func (z *zeekReader) notice(line []byte) {
	us, reason := z.instant(z.row.text[zeekTS])
	if reason != "" {
		z.reject(zeekFieldNames[zeekTS], reason, line)
		return
	}
	a := netcase.Alert{Time: max(netcase.Time(us/microsecondMS), 1), Name: z.text(zeekNote), Category: "notice", Sensor: z.sensor(&z.row)}
	if a.Name == "" {
		z.reject(zeekFieldNames[zeekNote], "missing", line)
		return
	}
	bad, reason := z.noticeEnds(&a)
	if reason != "" {
		z.reject(zeekFieldNames[bad], reason, line)
		return
	}
	if !a.Src.Known() {
		z.in.Skip("zeek notice.log: about no address")
		return
	}
	switch string(z.row.text[zeekProto]) {
	case "tcp":
		a.Proto = netcase.TCP
	case "udp":
		a.Proto = netcase.UDP
	case "icmp":
		a.Proto = netcase.ICMP
	}
	actions := z.row.text[zeekActions]
	a.Blocked = zeekOutcome(z.row.text[zeekDropped]) == netcase.LoginSucceeded || bytes.Contains(actions, []byte("ACTION_DROP"))
	a.Detail = details("", nameIn(z.row.text[zeekMsg], 2*maxName), "", nameIn(z.row.text[zeekSub], maxName))
	o := z.origin(line)
	a.Place, a.Raw, a.Context, a.Stamp, a.Zone = o.place, o.raw, o.context, o.stamp, o.zone
	z.in.AcceptAlert(&z.batch, a)
}

func (z *zeekReader) noticeEnds(a *netcase.Alert) (bad zeekField, reason string) {
	pick := func(first, second zeekField) zeekField {
		if z.row.text[first] != nil {
			return first
		}
		return second
	}
	src, dst := pick(zeekSrc, zeekOrigH), pick(zeekDst, zeekRespH)
	for _, e := range []struct {
		field zeekField
		to    *netcase.Endpoint
	}{{src, &a.Src}, {dst, &a.Dst}} {
		if z.row.text[e.field] == nil {
			continue
		}
		addr, ok := z.address(z.row.text[e.field])
		if !ok {
			return e.field, "not an address"
		}
		*e.to = netcase.At(addr)
	}
	for _, p := range []struct {
		field zeekField
		to    *uint16
	}{{zeekOrigP, &a.SrcPort}, {pick(zeekP, zeekRespP), &a.DstPort}} {
		n, ok := parseCount(z.row.text[p.field])
		if !ok || n > math.MaxUint16 {
			return p.field, "not a port"
		}
		*p.to = uint16(max(n, 0))
	}
	return zeekNone, ""
}

// kerberosOutcomes are the errors that say more than that a request failed.
// Source: RFC 4120 section 7.5.9, in Zeek's spelling.
var kerberosOutcomes = map[string]netcase.LoginOutcome{
	"KDC_ERR_PREAUTH_FAILED":      netcase.LoginWrongPassword,
	"KDC_ERR_C_PRINCIPAL_UNKNOWN": netcase.LoginNoAccount,
	"KDC_ERR_CLIENT_REVOKED":      netcase.LoginBlocked,
	"KDC_ERR_KEY_EXPIRED":         netcase.LoginBlocked,
	"KDC_ERR_NAME_EXP":            netcase.LoginBlocked,
	"KDC_ERR_POLICY":              netcase.LoginBlocked,
}

func (z *zeekReader) kerberos(line []byte) {
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	l := netcase.Login{Service: "kerberos", Method: "kerberos", Outcome: zeekOutcome(z.row.text[zeekSuccess])}
	request, fault := z.text(zeekRequestType), z.text(zeekErrorMsg)
	switch {
	case fault == "KDC_ERR_PREAUTH_REQUIRED", request == "" && l.Outcome == netcase.LoginOpen:
		// The first step of every login, or a ticket inside another protocol.
		l.Event, l.Outcome = netcase.LoginConnect, netcase.LoginOpen
	case request == "TGS":
		l.Event = netcase.LoginSession
	case l.Outcome != netcase.LoginSucceeded && kerberosOutcomes[fault] != "":
		l.Outcome = kerberosOutcomes[fault]
	}
	l.Account = z.text(zeekClient)
	if i := strings.LastIndexByte(l.Account, '/'); i >= 0 {
		l.Account, l.Domain = l.Account[:i], l.Account[i+1:]
	}
	l.Detail = details("", request, "for", z.text(zeekService), "", fault)
	z.login(m, l, line, request+z.text(zeekClient)+z.text(zeekService))
}

// ntlmOutcomes are the answers that say more than that a login failed, in Zeek's
// spelling of NTSTATUS.
var ntlmOutcomes = map[string]netcase.LoginOutcome{
	"WRONG_PASSWORD":         netcase.LoginWrongPassword,
	"NO_SUCH_USER":           netcase.LoginNoAccount,
	"ACCOUNT_DISABLED":       netcase.LoginBlocked,
	"ACCOUNT_LOCKED_OUT":     netcase.LoginBlocked,
	"ACCOUNT_EXPIRED":        netcase.LoginBlocked,
	"ACCOUNT_RESTRICTION":    netcase.LoginBlocked,
	"PASSWORD_EXPIRED":       netcase.LoginBlocked,
	"LOGON_TYPE_NOT_GRANTED": netcase.LoginBlocked,
}

func (z *zeekReader) ntlm(line []byte) {
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	status := z.text(zeekStatus)
	l := netcase.Login{
		Service: "ntlm", Method: "ntlm", Outcome: zeekOutcome(z.row.text[zeekSuccess]),
		Account: z.text(zeekUsername), Domain: z.text(zeekDomainname), Workstation: z.text(zeekHostname), Detail: status,
	}
	if better := ntlmOutcomes[status]; better != "" && l.Outcome != netcase.LoginSucceeded {
		l.Outcome = better
	}
	z.login(m, l, line, l.Account)
}

// ftp reads the answers to USER and PASS. The password is not taken.
func (z *zeekReader) ftp(line []byte) {
	command, code := z.text(zeekCommand), z.text(zeekReplyCode)
	code, _, _ = strings.Cut(code, ".")
	if command != "PASS" && command != "USER" {
		z.in.Skip("zeek ftp.log: a command other than USER and PASS")
		return
	}
	m, ok := z.meeting(line)
	if !ok {
		return
	}
	l := netcase.Login{Service: "ftp", Method: "password", Account: z.text(zeekUser), Detail: details("", command, "", code, "", z.text(zeekReplyMsg))}
	switch {
	case code == "230":
		l.Outcome = netcase.LoginSucceeded
	case code == "530" || code == "430":
		l.Outcome = netcase.LoginFailed
	case command == "USER":
		l.Event = netcase.LoginConnect // the account was named, the password is still to come
	}
	z.login(m, l, line, command+l.Account)
}
