package source

import (
	"context"
	"strings"

	"netcase"
)

const formatEntra = "entra-signin"

// entraSignIn reads sign-ins of Entra ID.
var entraSignIn = Format{
	Name:   formatEntra,
	Doc:    "sign-ins of Entra ID (SigninLogs, AADNonInteractiveUserSignInLogs, the portal's export, Graph), as CSV or JSON",
	Proves: "who signed in to which application from where, and why it was refused; a password that was right and stopped by policy is told apart",
	Detect: detectEntra,
	Decode: decodeEntra,
	Split:  tableSplit(entraSpec),
	Join: func(in *Input) {
		tableJoin(in, "SigninLogs", entraNames, []int{enUser, enAddress, enResult, enApp, enID}, []countedNote{
			{sumNoAction, "in %s nothing says how the sign-in ended"},
		})
	},
}

// The fields of a row.
const (
	enTime = iota
	enUser
	enAddress
	enResult
	enReason
	enState
	enApp
	enClient
	enSession
	enID
	enDevice
	enFields
)

var entraNames = []string{
	enTime: "TimeGenerated", enUser: "UserPrincipalName", enAddress: "IPAddress", enResult: "ResultType", enReason: "ResultDescription",
	enState: "Status", enApp: "AppDisplayName", enClient: "ClientAppUsed", enSession: "CorrelationId", enID: "Id", enDevice: "DeviceDetail",
}

func entraSpec() *tableSpec {
	s := &tableSpec{table: "SigninLogs", join: true, width: enFields, aliases: map[string]alias{}, times: []int{enTime}}
	for field, name := range entraNames {
		s.aliases[strings.ToLower(name)] = alias{field: field}
	}
	for name, field := range map[string]int{
		"username": enUser, "ip address": enAddress, "calleripaddress": enAddress, "sign-in error code": enResult, "errorcode": enResult,
		"failure reason": enReason, "failurereason": enReason, "application": enApp, "client app": enClient, "correlation id": enSession,
		"request id": enID, "originalrequestid": enID, "createddatetime": enTime,
	} {
		s.aliases[name] = alias{field, 1}
	}
	for rank, name := range []string{"date (utc)", "timestamp", "time"} {
		s.aliases[name] = alias{enTime, rank + 2}
	}
	s.aliases["user"], s.aliases["userdisplayname"] = alias{enUser, 2}, alias{enUser, 3}
	return s
}

func detectEntra(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	marks := h.count("appdisplayname", "clientappused", "conditionalaccessstatus", "resourcedisplayname", "isinteractive", "authenticationrequirement",
		"sign-in error code", "client app", "conditional access", "riskstate", "uniquetokenidentifier", "originalrequestid")
	switch {
	case why != "":
		return false, why
	case !h.has("userprincipalname", "username") || !h.has("ipaddress", "ip address") || marks < 2:
		return false, "it lacks UserPrincipalName and IPAddress with the columns of a sign-in (AppDisplayName, ClientAppUsed …)"
	case !h.has("timegenerated", "createddatetime", "date (utc)", "timestamp", "time"):
		return false, "it has no column with a time"
	}
	return true, ""
}

// entraReader decodes sign-ins.
type entraReader struct {
	tableReading
	silent int64
}

func decodeEntra(ctx context.Context, in *Input, out Sink) error {
	r := &entraReader{}
	r.out, r.decode = out, r.accept
	err := r.read(ctx, in, entraSpec())
	in.Sum(sumNoAction, r.silent)
	return err
}

// entraHost is where sign-ins are tried: the service, which is no machine of ours.
const entraHost = "Entra ID"

func (r *entraReader) accept(x *tableRow) error {
	at, err := r.time(x, enTime)
	switch {
	case err != nil:
		return r.reject(x, entraNames[enTime], err.Error())
	case !at.Known():
		return r.reject(x, entraNames[enTime], "no time")
	}
	l := netcase.Login{
		Time: at, Host: netcase.Endpoint{Name: entraHost}, Account: r.name(x, enUser, maxName), Service: r.name(x, enApp, maxName),
		Method: r.name(x, enClient, maxName), Session: r.name(x, enSession, 64), Workstation: memberText(x.cells[enDevice], "displayName"),
		Sensor: "entra",
	}
	if cell := x.cells[enAddress]; !blank(cell) {
		var ok bool
		if l.Peer.Addr, ok = addressIn(cell); !ok {
			return r.reject(x, entraNames[enAddress], "not an address")
		}
	}
	code, reason := r.ending(x)
	l.Outcome, l.Detail = entraOutcome(code), strings.TrimSpace(code+" "+reason)
	switch code {
	case "":
		r.silent++
	case "0":
		l.Detail = ""
	}
	d := newDigest(formatEntra).number(uint64(at)).bytes(trimmed(x.cells[enID]))
	if blank(x.cells[enID]) {
		d = d.text(strings.ToLower(l.Account)).addr(l.Peer.Addr).text(l.Service).text(l.Session).text(code)
	}
	if l.Key = d.key(); r.in.Raw {
		l.Place, l.Raw = x.place(), r.kept(x)
		l.Stamp, l.Zone = r.stamp(x, enTime)
	}
	r.in.AcceptLogin(&r.batch, l)
	return nil
}

// ending is the code with which a sign-in ended, and what the source says of it. The
// portal writes a word, Graph an object, beside or in place of the code.
func (r *entraReader) ending(x *tableRow) (code, reason string) {
	code, reason = r.name(x, enResult, 64), r.name(x, enReason, maxName)
	state := x.cells[enState]
	if code == "" {
		code = memberText(state, "errorCode")
	}
	if reason == "" {
		reason = nameIn([]byte(memberText(state, "failureReason")), maxName)
	}
	if code == "" && oneOf(state, "success") {
		code = "0"
	}
	if code == "" && oneOf(state, "failure") {
		code = "Failure"
	}
	if reason == "Other." || code == "0" {
		reason = ""
	}
	return code, reason
}

// entraOutcome is what an error code of Entra ID proves ("Microsoft Entra
// authentication and authorization error codes"). Codes that only interrupt a
// sign-in, to ask for something, leave it open.
func entraOutcome(code string) netcase.LoginOutcome {
	switch code {
	case "0":
		return netcase.LoginSucceeded
	case "50126", "50056":
		return netcase.LoginWrongPassword
	case "50034", "50059", "90002":
		return netcase.LoginNoAccount
	case "50053", "50055", "50057", "50074", "50076", "50079", "50105", "50131", "50158", "500121", "53000", "53001", "53002", "53003",
		"53004", "53011", "530032", "530034":
		return netcase.LoginBlocked
	case "", "50058", "50097", "50125", "50127", "50129", "50140", "50143", "50144", "50207", "65001", "70043", "70044", "16000", "16001":
		return netcase.LoginOpen
	}
	return netcase.LoginFailed
}
