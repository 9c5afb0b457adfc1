package source

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// What a record of the Windows event log means, whatever carried it: a table of a
// workspace, a log file, its rendering as XML, or a shipper's JSON. Carriers fill
// a winEvent; winReader makes a login, a process, a query, a flow or an alert of it.

// winField is one value of an event: of its head, or of its named data.
type winField uint8

const (
	winNone winField = iota

	winProvider
	winChannel
	winID
	winComputer
	winRecordID
	winTime      // when the event was logged, as the event says
	winEventTime // the same as NXLog spells it, often without a zone
	winReceived  // when NXLog took it, spelled as winEventTime is
	winStamp     // @timestamp: of the event or of its receipt, with a zone
	winMessage   // the rendered text

	winTargetUser
	winTargetDomain
	winTargetLogonID
	winTargetSid
	winTargetServer
	winSubjectUser
	winSubjectDomain
	winSubjectLogonID
	winLogonType
	winLogonProcess
	winPackage
	winWorkstation
	winIP
	winIPPort
	winStatus
	winSubStatus
	winFailure
	winPrivileges
	winMember
	winMemberSid
	winAccountName
	winAccountDomain
	winLogonID
	winSessionName
	winSessionID
	winClientName
	winClientAddress
	winUser
	winParam1
	winParam2
	winParam3
	winCleared

	winNewPID
	winNewPath
	winPID
	winPath
	winParentPath
	winCommand
	winService
	winServiceFile
	winServiceAccount
	winTask
	winTaskContent

	winUtc
	winImage
	winOriginal
	winHashes
	winParentImage
	winParentCommand
	winImageLoaded
	winSigned
	winSignature
	winSignatureStatus
	winSourceImage
	winSourcePID
	winSourceUser
	winTargetImage
	winAccess
	winStartModule
	winStartFunction
	winStartAddress
	winTargetFile
	winEventType
	winTargetObject
	winDetails
	winNewName
	winPipe
	winType
	winQueryName
	winQueryStatus
	winQueryResults

	winProtocol
	winInitiated
	winSrcIP
	winSrcPort
	winSrcName
	winDstIP
	winDstPort
	winDstName
	winApplication
	winDirection
	winFilter

	winFields
)

// winHeadNames are the names under which exporters write the head of an event.
var winHeadNames = map[string]winField{
	"Provider": winProvider, "SourceName": winProvider, "source_name": winProvider, "provider_name": winProvider, "ProviderName": winProvider,
	"Channel": winChannel, "channel": winChannel, "log_name": winChannel, "LogName": winChannel,
	"EventID": winID, "event_id": winID, "EventId": winID, "Id": winID,
	"Computer": winComputer, "Hostname": winComputer, "computer_name": winComputer, "MachineName": winComputer,
	"EventRecordID": winRecordID, "EventRecordId": winRecordID, "RecordNumber": winRecordID, "record_number": winRecordID,
	"record_id": winRecordID, "RecordId": winRecordID,
	"TimeCreated": winTime, "time_created": winTime, "SystemTime": winTime, "EventTime": winEventTime,
	"EventReceivedTime": winReceived, "@timestamp": winStamp, "Message": winMessage, "message": winMessage,
}

// winDataNames are the names of the data of the events that are read.
var winDataNames = map[string]winField{
	"TargetUserName": winTargetUser, "TargetDomainName": winTargetDomain, "TargetLogonId": winTargetLogonID, "TargetUserSid": winTargetSid,
	"TargetSid": winTargetSid, "TargetServerName": winTargetServer, "SubjectUserName": winSubjectUser,
	"SubjectDomainName": winSubjectDomain, "SubjectLogonId": winSubjectLogonID, "LogonType": winLogonType,
	"LogonProcessName": winLogonProcess, "AuthenticationPackageName": winPackage, "PackageName": winPackage,
	"WorkstationName": winWorkstation, "Workstation": winWorkstation, "IpAddress": winIP, "IpPort": winIPPort,
	"Status": winStatus, "SubStatus": winSubStatus, "FailureReason": winFailure, "PrivilegeList": winPrivileges,
	"MemberName": winMember, "MemberSid": winMemberSid, "AccountName": winAccountName, "AccountDomain": winAccountDomain,
	"LogonID": winLogonID, "LogonId": winLogonID, "SessionName": winSessionName, "SessionID": winSessionID,
	"ClientName": winClientName, "ClientAddress": winClientAddress, "ClientIP": winClientAddress, "IPString": winClientAddress,
	"Address": winClientAddress, "User": winUser, "Param1": winParam1, "Param2": winParam2, "Param3": winParam3,
	"NewProcessId": winNewPID, "NewProcessName": winNewPath, "ProcessId": winPID, "ProcessID": winPID, "ProcessName": winPath,
	"ParentProcessName": winParentPath, "CommandLine": winCommand, "ServiceName": winService, "ServiceFileName": winServiceFile,
	"ImagePath": winServiceFile, "ServiceAccount": winServiceAccount, "TaskName": winTask, "TaskContent": winTaskContent,
	"TaskContentNew": winTaskContent, "UtcTime": winUtc, "Image": winImage, "OriginalFileName": winOriginal, "Hashes": winHashes,
	"Hash": winHashes, "ParentImage": winParentImage, "ParentCommandLine": winParentCommand, "ImageLoaded": winImageLoaded,
	"Signed": winSigned, "Signature": winSignature, "SignatureStatus": winSignatureStatus, "SourceImage": winSourceImage,
	"SourceProcessId": winSourcePID, "SourceUser": winSourceUser, "TargetImage": winTargetImage, "GrantedAccess": winAccess,
	"StartModule": winStartModule, "StartFunction": winStartFunction, "StartAddress": winStartAddress,
	"TargetFilename": winTargetFile, "EventType": winEventType, "TargetObject": winTargetObject, "Details": winDetails,
	"NewName": winNewName, "PipeName": winPipe, "Type": winType, "QueryName": winQueryName, "QueryStatus": winQueryStatus,
	"QueryResults": winQueryResults, "Protocol": winProtocol, "Initiated": winInitiated, "SourceIp": winSrcIP, "SourceAddress": winSrcIP,
	"SourcePort": winSrcPort, "SourceHostname": winSrcName, "DestinationIp": winDstIP, "DestAddress": winDstIP,
	"DestinationPort": winDstPort, "DestPort": winDstPort, "DestinationHostname": winDstName, "Application": winApplication,
	"Direction": winDirection, "FilterRTID": winFilter,
}

// winData is the field of a named datum. Inside the data of "log cleared" the
// channel is the one that was cleared, not the one that says so.
func winData(name []byte) winField {
	if string(name) == "Channel" {
		return winCleared
	}
	return winDataNames[string(name)]
}

// winEvent is one event as its carrier found it. A cell is nil where it has none.
type winEvent struct {
	cells   [winFields][]byte
	zone    *time.Location // of winTime where it names none; nil: not known
	place   netcase.Place
	raw     []byte
	context func() string // on the second pass: what the record inherits; nil: nothing
}

func (e *winEvent) reset() { *e = winEvent{} }

// set fills a field that is still empty.
func (e *winEvent) set(f winField, cell []byte) {
	if f != winNone && e.cells[f] == nil {
		e.cells[f] = cell
	}
}

// winClass is who logged an event, as far as its ids have a meaning here.
type winClass uint8

const (
	classOther winClass = iota
	classSecurity
	classSysmon
	classServices
	classEventlog
	classRdpCore
	classRemoteConnections
	classLocalSessions
)

const providerSecurity = "Microsoft-Windows-Security-Auditing"

// winProviders are the providers whose events are read.
var winProviders = map[string]winClass{
	"microsoft-windows-security-auditing":                        classSecurity,
	"microsoft-windows-sysmon":                                   classSysmon,
	"service control manager":                                    classServices,
	"microsoft-windows-service control manager":                  classServices,
	"microsoft-windows-eventlog":                                 classEventlog,
	"microsoft-windows-remotedesktopservices-rdpcorets":          classRdpCore,
	"microsoft-windows-terminalservices-remoteconnectionmanager": classRemoteConnections,
	"microsoft-windows-terminalservices-localsessionmanager":     classLocalSessions,
}

// winClassOf tells the class by the provider, or by the channel where the export
// left the provider out.
func winClassOf(provider, channel string) winClass {
	if provider != "" {
		return winProviders[strings.ToLower(provider)]
	}
	channel = strings.ToLower(channel)
	if channel == "security" {
		return classSecurity
	}
	return winProviders[strings.TrimSuffix(strings.TrimSuffix(channel, "/operational"), "/admin")]
}

// winHost is a computer with the names of the sensors on it.
type winHost struct {
	name, windows, sysmon, filter string
}

// winRecord is an event with what every event has, read.
type winRecord struct {
	*winEvent
	at    netcase.Time
	stamp winField // the cell that the time is from
	zone  string   // that was assumed for it
	id    int64
	class winClass
	host  *winHost
	key   uint64
}

// winKind is a kind of event.
type winKind struct {
	provider string
	id       int64
}

// winReader turns events into batches.
type winReader struct {
	in      *Input
	out     Sink
	ctx     context.Context
	batch   netcase.Batch
	names   names
	hosts   map[string]*winHost
	classes map[string]winClass
	times   timeReader
	skips   map[winKind]int64
	scratch []byte
	seen    int64
}

const (
	maxWinHosts = 65536 // computers remembered; more are looked up each time
	maxWinKinds = 4096
)

func newWinReader(ctx context.Context, in *Input, out Sink) *winReader {
	r := &winReader{in: in, out: out, ctx: ctx, names: names{}, hosts: map[string]*winHost{}, classes: map[string]winClass{},
		skips: map[winKind]int64{}}
	r.times.zone = in.Location()
	return r
}

// accept makes of an event what it means. A panic costs that event.
func (r *winReader) accept(e *winEvent) (err error) {
	counted := r.in.Report.Read
	defer func() {
		p := recover()
		switch {
		case p == nil:
		case r.in.Report.Read > counted:
			r.in.Note("the decoder failed after it had counted a record: %v", p)
		default:
			r.reject(e, "", fmt.Sprintf("panic: %v", p))
		}
	}()
	if r.seen++; r.seen%BatchSize == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	r.decode(e)
	return r.flush(BatchSize)
}

// finish hands on what is left and says what holds for all that was read.
func (r *winReader) finish(err error) error {
	r.countSkips()
	if r.times.assumedZone {
		r.in.Note("times have no zone: %s is assumed", r.in.Location())
	}
	if e := r.flush(1); e != nil && err == nil {
		return e
	}
	return err
}

func (r *winReader) flush(n int) error {
	if r.batch.Len() < n {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

func (r *winReader) reject(e *winEvent, field, reason string) {
	r.in.Reject(e.place.Line, e.place.Item, field, reason, e.raw)
}

// winSkipNames say what some of the events are that are often met and not wanted.
var winSkipNames = map[int64]string{
	4658: "a handle was closed", 4656: "a handle was asked for", 4663: "an object was accessed", 4690: "a handle was copied",
	4703: "a right was adjusted", 5158: "a local port was bound", 7036: "a service changed its state",
	7040: "the start type of a service was changed",
}

// skip counts an event that is not wanted. The counts are handed over at the end:
// nine in ten events of an ordinary log are such.
func (r *winReader) skip(x *winRecord) {
	k := winKind{r.names.in(x.cells[winProvider], maxName), x.id}
	if k.provider == "" {
		k.provider = r.names.in(x.cells[winChannel], maxName)
	}
	if _, ok := r.skips[k]; !ok && len(r.skips) >= maxWinKinds {
		k = winKind{}
	}
	r.skips[k]++
}

func (r *winReader) countSkips() {
	kinds := make([]winKind, 0, len(r.skips))
	for k := range r.skips {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b winKind) int {
		if c := r.skips[b] - r.skips[a]; c != 0 {
			return int(min(max(c, -1), 1))
		}
		if c := strings.Compare(a.provider, b.provider); c != 0 {
			return c
		}
		return int(a.id - b.id)
	})
	for _, k := range kinds {
		r.in.Report.Read += r.skips[k]
		r.in.Report.Skipped += r.skips[k]
		r.in.reason(k.reason(), r.skips[k])
	}
	clear(r.skips)
}

func (k winKind) reason() string {
	switch {
	case k == winKind{}:
		return otherReason
	case k.provider == "":
		return fmt.Sprintf("event ID %d of an unnamed provider", k.id)
	}
	text := fmt.Sprintf("event ID %d of %s", k.id, k.provider)
	if class := winClassOf(k.provider, ""); class == classSecurity || class == classServices {
		if name := winSkipNames[k.id]; name != "" {
			text += ": " + name
		}
	}
	return text
}

// decode reads what every event has and hands it to who knows the class.
func (r *winReader) decode(e *winEvent) {
	x := winRecord{winEvent: e}
	var ok bool
	if x.id, ok = winNumber(e.cells[winID]); !ok || x.id < 0 {
		r.reject(e, "EventID", "not a number")
		return
	}
	x.class = r.class(e)
	if !r.wanted(&x) {
		r.skip(&x)
		return
	}
	if field, err := r.when(&x); err != nil {
		r.reject(e, field, err.Error())
		return
	}
	x.host = r.host(e.cells[winComputer])
	x.key = r.key(&x)
	if !r.meaning(&x) {
		r.skip(&x)
	}
}

func (r *winReader) class(e *winEvent) winClass {
	name := e.cells[winProvider]
	if blank(name) {
		return winClassOf("", nameIn(e.cells[winChannel], maxName))
	}
	if c, ok := r.classes[string(name)]; ok {
		return c
	}
	c := winClassOf(nameIn(name, maxName), "")
	if len(r.classes) < maxWinKinds {
		r.classes[nameIn(name, maxName)] = c
	}
	return c
}

// wanted tells the classes whose events may mean something.
func (r *winReader) wanted(x *winRecord) bool {
	return x.class != classOther || r.logCleared(x)
}

// logCleared tells the events of a cleared log. Some exports write the channel
// in place of the provider.
func (r *winReader) logCleared(x *winRecord) bool {
	return (x.class == classEventlog || x.class == classSecurity) && x.id == 1102 || x.class == classEventlog && x.id == 104
}

// meaning makes something of the event; false: it is not wanted.
func (r *winReader) meaning(x *winRecord) bool {
	if r.logCleared(x) {
		return r.cleared(x)
	}
	switch x.class {
	case classSecurity:
		return r.security(x)
	case classSysmon:
		return r.sysmon(x)
	case classServices:
		return r.serviceControl(x)
	case classRdpCore, classRemoteConnections, classLocalSessions:
		return r.remoteDesktop(x)
	}
	return false
}

// cleared makes an alert of a log that was emptied.
func (r *winReader) cleared(x *winRecord) bool {
	name, what := "audit log cleared", r.text(x, winCleared)
	if x.id == 104 {
		name = "event log cleared"
	}
	detail := r.account(x, winSubjectDomain, winSubjectUser)
	if detail != "" {
		detail = "by " + detail
	}
	if what != "" {
		detail = strings.TrimSpace(what + " " + detail)
	}
	a := netcase.Alert{Time: x.at, Src: netcase.Endpoint{Name: x.host.name}, Name: name, ID: strconv.FormatInt(x.id, 10),
		Category: "log cleared", Detail: detail, Sensor: x.host.windows}
	a.Place, a.Raw, a.Context, a.Stamp, a.Zone = r.origin(x)
	r.in.AcceptAlert(&r.batch, a)
	return true
}

// origin is what the second pass says of where an event is from.
func (r *winReader) origin(x *winRecord) (at netcase.Place, raw []byte, inherited, stamp, zone string) {
	if !r.in.Raw {
		return
	}
	if x.context != nil {
		inherited = x.context()
	}
	return x.place, bytes.Clone(x.raw), inherited, nameIn(x.cells[x.stamp], maxTimeText), x.zone
}

// text is a name in a cell.
func (r *winReader) text(x *winRecord, f winField) string { return r.names.in(x.cells[f], maxName) }

// account is DOMAIN\user, or what there is of it.
func (r *winReader) account(x *winRecord, domain, user winField) string {
	d, u := x.cells[domain], x.cells[user]
	if blank(u) || blank(d) {
		return r.names.in(u, maxName)
	}
	return r.joined(bytes.TrimSpace(d), '\\', bytes.TrimSpace(u))
}

// joined is two texts with something between them.
func (r *winReader) joined(a []byte, between byte, b []byte) string {
	r.scratch = append(append(append(r.scratch[:0], a...), between), b...)
	return r.names.in(r.scratch, 2*maxName)
}

// host is the computer of a cell.
func (r *winReader) host(cell []byte) *winHost {
	if h, ok := r.hosts[string(cell)]; ok {
		return h
	}
	name := nameIn(cell, maxName)
	h := &winHost{name: name, windows: "windows/" + name, sysmon: "sysmon/" + name, filter: "windows-filter/" + name}
	if name == "" {
		h.windows, h.sysmon, h.filter = "windows", "sysmon", "windows-filter"
	}
	if len(r.hosts) < maxWinHosts && len(cell) <= maxName {
		r.hosts[string(cell)] = h
	}
	return h
}

const winHour = int64(time.Hour / time.Millisecond)

// key is the natural key: the number of the record in its log, on its computer,
// and the hour, since a rebuilt computer counts again from one. An export without
// the number is told apart by all that it holds.
func (r *winReader) key(x *winRecord) uint64 {
	d := newDigest("windows").text(strings.ToLower(x.host.name)).number(uint64(x.class)).number(uint64(x.id))
	if n, ok := winNumber(x.cells[winRecordID]); ok && n > 0 {
		return d.number(uint64(n)).number(uint64(int64(x.at) / winHour)).key()
	}
	d = d.number(uint64(x.at))
	for f := winTargetUser; f < winFields; f++ {
		if cell := x.cells[f]; len(cell) > 0 {
			d = d.number(uint64(f)).bytes(cell)
		}
	}
	return d.key()
}

// winNumber reads a number as Windows and its exporters write it: decimal or
// hexadecimal, maybe negative, maybe with its name behind it ("3 - Network").
func winNumber(cell []byte) (int64, bool) {
	if v, ok := wholeIn(cell); ok {
		return v, true
	}
	cell = bytes.TrimSpace(cell)
	if len(cell) > 2 && cell[0] == '0' && cell[1]|0x20 == 'x' {
		v, err := strconv.ParseUint(string(cell[2:min(len(cell), 20)]), 16, 64)
		return int64(v), err == nil
	}
	if i := bytes.IndexByte(cell, ' '); i > 0 {
		cell = cell[:i]
	}
	negative := len(cell) > 1 && cell[0] == '-'
	if negative {
		cell = cell[1:]
	}
	cell = bytes.TrimSuffix(cell, []byte(".0"))
	v, ok := wholeIn(cell)
	if negative {
		v = -v
	}
	return v, ok
}
