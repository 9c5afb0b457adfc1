package source

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"netcase"
)

// The tables of devices beside DeviceNetworkEvents. All have the same columns for
// the device and the initiating process, exports mix them, and projections of them
// look alike; so one reader reads all, and each row says which table it is of: by
// its column Type or $table, else by its ActionType, else by the format.

// deviceTable is one table of devices.
type deviceTable uint8

const (
	deviceUnknown deviceTable = iota
	deviceNetwork
	deviceLogon
	deviceProcess
	deviceImage
	deviceRegistry
	deviceFile
	deviceEvents
	deviceInfo
)

// deviceTables are the names of the tables and of their formats.
var deviceTables = [...]struct{ table, format string }{
	deviceNetwork:  {tableDefender, formatDefender},
	deviceLogon:    {"DeviceLogonEvents", "defender-logon"},
	deviceProcess:  {"DeviceProcessEvents", "defender-process"},
	deviceImage:    {"DeviceImageLoadEvents", "defender-image"},
	deviceRegistry: {"DeviceRegistryEvents", "defender-registry"},
	deviceFile:     {"DeviceFileEvents", "defender-file"},
	deviceEvents:   {"DeviceEvents", "defender-events"},
	deviceInfo:     {"DeviceInfo", "defender-info"},
}

// deviceFormat is the format of one table of devices.
func deviceFormat(table deviceTable, doc, proves string) Format {
	names := deviceTables[table]
	return Format{
		Name:   names.format,
		Doc:    names.table + " of Microsoft Defender, exported as CSV or JSON: " + doc,
		Proves: proves,
		Detect: func(head []byte) (bool, string) { return detectDevice(head, table) },
		Decode: func(ctx context.Context, in *Input, out Sink) error { return decodeDevice(ctx, in, out, table) },
		Split:  tableSplit(defenderSpec),
		Join:   func(in *Input) { joinDevice(in, table) },
	}
}

var (
	defenderLogon = deviceFormat(deviceLogon, "logons",
		"who logged on from where and whether it succeeded; a failure seldom says whether the account exists")
	defenderProcess = deviceFormat(deviceProcess, "processes that were created",
		"which process began, by whom, with which parent and command line; never that it was malicious")
	defenderImage = deviceFormat(deviceImage, "libraries that were loaded",
		"which process loaded which library; a subset that the sensor chose")
	defenderRegistry = deviceFormat(deviceRegistry, "changes of the registry",
		"which process set or removed which value; a subset that the sensor chose")
	defenderFile = deviceFormat(deviceFile, "files that were written",
		"which process created or changed which file, with its hash; a subset that the sensor chose")
	defenderEvents = deviceFormat(deviceEvents, "services, tasks, access to other processes, drivers, DNS answers, firewall blocks",
		"what the sensor saw of each; a blocked connection is denied, absence proves nothing")
	defenderInfo = deviceFormat(deviceInfo, "machines", "which machines report, and their systems; it holds no events")
)

func detectDevice(head []byte, want deviceTable) (bool, string) {
	h, why := tableHeadOf(head)
	if why != "" {
		return false, why
	}
	table := deviceTableOf(&h, head)
	switch {
	case table == want:
		return true, ""
	case table != deviceUnknown:
		return false, "it is " + deviceTables[table].table
	}
	return false, "it is no table of devices of Defender"
}

// deviceTableOf is the table that columns are of. What a projection leaves open is
// decided by the words in the head, and row by row in any case.
func deviceTableOf(h *tableHead, head []byte) deviceTable {
	words := string(head)
	switch {
	case h.has("createdprocessname", "createdprocesscommandline") && h.has("reporttime", "timestamp", "timegenerated"):
		return deviceProcess
	case !h.has("devicename", "deviceid") || !h.has("timestamp", "timegenerated") || h.has("eventid", "alertid", "eventschema", "recipientemailaddress"):
		return deviceUnknown
	case h.has("onboardingstatus", "osplatform") && !h.has("actiontype", "initiatingprocessfilename", "remoteip", "filename"):
		return deviceInfo
	case h.has("logontype") && h.has("actiontype", "accountname", "remoteip") && !h.has("processcommandline"):
		return deviceLogon
	case h.has("registrykey") && h.has("processcommandline", "remoteip", "fileoriginurl"):
		return deviceEvents
	case h.has("registrykey", "registryvaluename", "registryvaluedata"):
		return deviceRegistry
	case h.has("processcommandline", "processcreationtime", "processintegritylevel"):
		return deviceProcess
	case h.has("remoteip", "remoteport", "localport"):
		return deviceUnknown
	case h.has("filename", "folderpath") && strings.Contains(words, "ImageLoaded"):
		return deviceImage
	case h.has("filename", "folderpath") && (h.has("previousfilename", "requestprotocol", "fileoriginurl") || namesAction(words, deviceFile)):
		return deviceFile
	case h.has("filename", "folderpath") && h.has("initiatingprocessfilename") && !h.has("actiontype") && !h.has("additionalfields"):
		return deviceImage
	case h.has("actiontype") && (h.has("additionalfields") || namesAction(words, deviceEvents)):
		return deviceEvents
	}
	return deviceUnknown
}

// namesAction tells whether a head has the word of an action of a table.
func namesAction(head string, table deviceTable) bool {
	for word, a := range deviceActions {
		if a.table == table && strings.Contains(head, word) {
			return true
		}
	}
	return false
}

// deviceAction is what an ActionType says: of which table it is, and the role that
// the initiating process plays.
type deviceAction struct {
	table deviceTable
	role  netcase.ProcessRole
}

// deviceActions are the actions of which more is known than their name.
var deviceActions = map[string]deviceAction{
	"LogonSuccess":                          {deviceLogon, ""},
	"LogonFailed":                           {deviceLogon, ""},
	"LogonAttempted":                        {deviceLogon, ""},
	"ProcessCreated":                        {deviceProcess, netcase.RoleStarted},
	"OpenProcess":                           {deviceProcess, netcase.RoleAccessed},
	"ImageLoaded":                           {deviceImage, netcase.RoleLoaded},
	"RegistryKeyCreated":                    {deviceRegistry, netcase.RoleRegistry},
	"RegistryKeyDeleted":                    {deviceRegistry, netcase.RoleRegistry},
	"RegistryKeyRenamed":                    {deviceRegistry, netcase.RoleRegistry},
	"RegistryValueSet":                      {deviceRegistry, netcase.RoleRegistry},
	"RegistryValueDeleted":                  {deviceRegistry, netcase.RoleRegistry},
	"FileCreated":                           {deviceFile, netcase.RoleWrote},
	"FileModified":                          {deviceFile, netcase.RoleWrote},
	"FileRenamed":                           {deviceFile, netcase.RoleWrote},
	"FileDeleted":                           {deviceFile, netcase.RoleOther},
	"ServiceInstalled":                      {deviceEvents, netcase.RoleService},
	"ScheduledTaskCreated":                  {deviceEvents, netcase.RoleTask},
	"ScheduledTaskUpdated":                  {deviceEvents, netcase.RoleTask},
	"ScheduledTaskEnabled":                  {deviceEvents, netcase.RoleTask},
	"ScheduledTaskDeleted":                  {deviceEvents, netcase.RoleOther},
	"DriverLoad":                            {deviceEvents, netcase.RoleLoaded},
	"OpenProcessApiCall":                    {deviceEvents, netcase.RoleAccessed},
	"DnsQueryResponse":                      {deviceEvents, ""},
	"DnsQueryRequest":                       {deviceEvents, ""},
	"PowerShellCommand":                     {deviceEvents, netcase.RoleOther},
	"UserAccountCreated":                    {deviceEvents, ""},
	"UserAccountModified":                   {deviceEvents, ""},
	"PasswordChangeAttempt":                 {deviceEvents, ""},
	"NamedPipeEvent":                        {deviceEvents, netcase.RoleOther},
	"AntivirusDetection":                    {deviceEvents, netcase.RoleOther},
	"WriteToLsassProcessMemory":             {deviceEvents, netcase.RoleInjected},
	"ReadProcessMemoryApiCall":              {deviceEvents, netcase.RoleAccessed},
	"CreateRemoteThreadApiCall":             {deviceEvents, netcase.RoleInjected},
	"NtAllocateVirtualMemoryRemoteApiCall":  {deviceEvents, netcase.RoleInjected},
	"NtMapViewOfSectionRemoteApiCall":       {deviceEvents, netcase.RoleInjected},
	"QueueUserApcRemoteApiCall":             {deviceEvents, netcase.RoleInjected},
	"SetThreadContextRemoteApiCall":         {deviceEvents, netcase.RoleInjected},
	"WriteProcessMemoryApiCall":             {deviceEvents, netcase.RoleInjected},
	"MemoryRemoteProtect":                   {deviceEvents, netcase.RoleInjected},
	"UserAccountAddedToLocalGroup":          {deviceEvents, ""},
	"FirewallInboundConnectionBlocked":      {deviceEvents, ""},
	"FirewallOutboundConnectionBlocked":     {deviceEvents, ""},
	"FirewallInboundConnectionToAppBlocked": {deviceEvents, ""},
}

// decodeDevice reads a table of devices, or several in one.
func decodeDevice(ctx context.Context, in *Input, out Sink, table deviceTable) error {
	r := &defenderReader{table: table}
	r.out, r.decode = out, r.accept
	err := r.read(ctx, in, defenderSpec())
	for name, n := range map[string]int64{
		sumNoAction: r.noAction, sumPortless: r.portless, sumByPort: r.byPort, sumProtocol: r.assumedProto,
	} {
		in.Sum(name, n)
	}
	for system, n := range r.systems {
		in.Sum(sumSystem+system, n)
	}
	return err
}

// sumSystem and the name of an operating system are under what its rows are counted.
const sumSystem = "machines with "

// decisiveColumns are the columns that decide something, by table.
var decisiveColumns = [...][]int{
	deviceNetwork:  {dfAction, dfDevice, dfRemoteIP, dfRemotePort, dfLocalIP, dfLocalPort, dfProtocol, dfReport, dfImage, dfCommand, dfParent},
	deviceLogon:    {dfAction, dfDevice, dfRemoteIP, dfLogonType, dfAccountName, dfFailure, dfReport},
	deviceProcess:  {dfDevice, dfFileName, dfPCommand, dfImage, dfCommand, dfAccountName, dfReport},
	deviceImage:    {dfDevice, dfFolder, dfImage, dfReport},
	deviceRegistry: {dfAction, dfDevice, dfRegKey, dfRegName, dfRegData, dfImage, dfReport},
	deviceFile:     {dfAction, dfDevice, dfFolder, dfImage, dfReport},
	deviceEvents:   {dfAction, dfDevice, dfImage, dfAdditional, dfReport},
	deviceInfo:     nil,
}

func joinDevice(in *Input, table deviceTable) {
	tableJoin(in, deviceTables[table].table, defenderNames, decisiveColumns[table], []countedNote{
		{sumNoAction, "in %s ActionType is missing: neither direction nor outcome is known"},
		{sumPortless, "%s have neither an action nor a port: they name a process and an address, and count as no flow"},
		{sumByPort, "in %s nothing says who began: the side with the service port was taken as the responder"},
		{sumProtocol, "in %s the protocol is missing: TCP was assumed"},
	})
	var systems []string
	for _, name := range slices.Sorted(maps.Keys(in.Sums)) {
		if system, ok := strings.CutPrefix(name, sumSystem); ok {
			systems = append(systems, fmt.Sprintf("%s (%s)", system, rowsOf(in.Sums[name])))
		}
	}
	if len(systems) > 0 {
		in.Note("the machines that it describes run %s", strings.Join(systems, ", "))
	}
}

// deviceKind is what Type and ActionType say of a row.
type deviceKind struct {
	said, word string // the columns
	table      deviceTable
	other      string // a table that is not read
	network    bool   // it is about a connection
	action     action // what it says of that
}

// kindOf is the kind of a row, remembered while the words recur.
func (r *defenderReader) kindOf(x *tableRow) *deviceKind {
	k := &r.kind
	said, word := r.name(x, dfTable, 64), r.name(x, dfAction, 64)
	if k.table != deviceUnknown && said == k.said && word == k.word {
		return k
	}
	*k = deviceKind{said: said, word: word, action: actionOf(word)}
	flow := k.action.side != sideNoFlow
	said = strings.TrimPrefix(said, "AdvancedHunting-")
	switch known := deviceActions[word].table; {
	case tableLike(said):
		k.table = deviceNamed(said)
		if k.table == deviceUnknown {
			k.other = said
		}
	case known != deviceUnknown:
		k.table = known
	case flow && word != "":
		k.table = deviceNetwork
	default:
		k.table = r.table
	}
	k.network = k.table == deviceNetwork || flow && word != "" && k.table == deviceEvents
	return k
}

// deviceNamed is the table of a name.
func deviceNamed(name string) deviceTable {
	for t, d := range deviceTables {
		if t > 0 && strings.EqualFold(d.table, name) {
			return deviceTable(t)
		}
	}
	return deviceUnknown
}

// tableLike tells a name of a table from what else a column Type may hold.
func tableLike(name string) bool {
	return strings.HasPrefix(name, "Device") || strings.HasSuffix(name, "Events") || strings.HasSuffix(name, "_CL") ||
		name == "SecurityEvent" || name == "Syslog" || name == "CommonSecurityLog" || strings.HasSuffix(name, "Logs") || strings.HasSuffix(name, "Info")
}

// maxSystems bounds the operating systems told apart.
const maxSystems = 32

// otherTable takes a row of any table but DeviceNetworkEvents.
func (r *defenderReader) otherTable(x *tableRow, table deviceTable, word string) error {
	if table == deviceInfo {
		system := r.name(x, dfOS, 64)
		if _, ok := r.systems[system]; system != "" && (ok || len(r.systems) < maxSystems) {
			if r.systems == nil {
				r.systems = map[string]int64{}
			}
			r.systems[system]++
		}
		r.in.Skip("a row of DeviceInfo describes a machine")
		return nil
	}
	at, err := r.time(x, dfTime)
	switch {
	case err != nil:
		return r.reject(x, defenderNames[dfTime], err.Error())
	case !at.Known():
		return r.reject(x, defenderNames[dfTime], "no time")
	}
	row := deviceRow{tableRow: x, at: at, word: word}
	if row.host.Name = r.name(x, dfDevice, maxName); row.host.Name == "" {
		row.host.Name = r.name(x, dfDeviceID, maxName)
	}
	row.key = r.deviceKey(&row, table)
	switch {
	case table == deviceLogon:
		return r.login(&row)
	case table == deviceEvents && strings.HasPrefix(word, "DnsQuery"):
		return r.query(&row)
	case table == deviceEvents && (strings.HasPrefix(word, "UserAccount") || word == "PasswordChangeAttempt"):
		return r.account(&row)
	}
	return r.deed(&row, table)
}

// deviceRow is a row of a table of devices, read as far as all have it in common.
type deviceRow struct {
	*tableRow
	at   netcase.Time
	host netcase.Endpoint
	word string // the ActionType
	key  uint64
}

// deviceKey is the natural key: ReportId, DeviceName and Timestamp, of one table.
// Where a projection left out ReportId, what else tells the event apart stands in.
func (r *defenderReader) deviceKey(x *deviceRow, table deviceTable) uint64 {
	d := newDigest(deviceTables[table].format).text(r.device.of(x.host.Name)).number(uint64(x.at))
	if report, present, ok := countIn(x.cells[dfReport]); ok && present {
		return d.number(uint64(report)).key()
	}
	for _, field := range [...]int{dfReport, dfAction, dfRemoteIP, dfRemotePort, dfImage, dfCommand, dfFileName, dfFolder, dfPCommand, dfPID,
		dfRegKey, dfRegName, dfRegData, dfAccountName, dfAccountDomain, dfLogonType, dfLogonID, dfAdditional} {
		d = d.bytes(trimmed(x.cells[field]))
	}
	return d.key()
}

// login takes a row of DeviceLogonEvents.
func (r *defenderReader) login(x *deviceRow) error {
	l := netcase.Login{
		Time: x.at, Host: x.host, Account: r.name(x.tableRow, dfAccountName, maxName), Domain: r.name(x.tableRow, dfAccountDomain, maxName),
		Kind: logonKind(r.name(x.tableRow, dfLogonType, 64)), Method: strings.ToLower(r.name(x.tableRow, dfProtocol, 64)),
		Detail: r.name(x.tableRow, dfFailure, maxName), Workstation: r.name(x.tableRow, dfRemoteDevice, maxName),
		Session: r.name(x.tableRow, dfLogonID, 64), Sensor: sensorDefender, Key: x.key,
	}
	switch x.word {
	case "LogonSuccess":
		l.Outcome = netcase.LoginSucceeded
	case "LogonFailed":
		l.Outcome = failureOf(l.Detail)
	case "LogonAttempted", "":
	default:
		r.in.Skip("ActionType " + x.word + " is no logon")
		return nil
	}
	if l.Kind == "remote interactive" {
		l.Service = "rdp"
	}
	if oneOf(x.cells[dfLocalAdmin], "true", "1") {
		l.Detail = strings.TrimPrefix(l.Detail+", a local administrator", ", ")
	}
	if cell := x.cells[dfRemoteIP]; !blank(cell) {
		a, ok := addressIn(cell)
		if !ok {
			return r.reject(x.tableRow, defenderNames[dfRemoteIP], "not an address")
		}
		l.Peer.Addr = a
	}
	port, ok := portIn(x.cells[dfRemotePort])
	if !ok {
		return r.reject(x.tableRow, defenderNames[dfRemotePort], "not a port")
	}
	if l.PeerPort = port; x.word == "" {
		r.noAction++
	}
	if r.in.Raw {
		l.Place, l.Raw = x.place(), r.kept(x.tableRow)
		l.Stamp, l.Zone = r.stamp(x.tableRow, dfTime)
	}
	r.in.AcceptLogin(&r.batch, l)
	return nil
}

// logonKind is a logon type of Defender (RemoteInteractive) as Windows names it.
func logonKind(word string) string {
	var b strings.Builder
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			if i > 0 && word[i-1] != ' ' {
				b.WriteByte(' ')
			}
			c |= 0x20
		}
		b.WriteRune(c)
	}
	return b.String()
}

// failureOf is what a FailureReason proves. InvalidUserNameOrPassword leaves open
// which of the two it was.
func failureOf(reason string) netcase.LoginOutcome {
	word := strings.ToLower(strings.ReplaceAll(reason, " ", ""))
	switch {
	case strings.Contains(word, "usernameor"): // or password: which of the two is not said
	case strings.Contains(word, "nosuchuser") || strings.Contains(word, "unknownuser") || strings.Contains(word, "usernotfound"):
		return netcase.LoginNoAccount
	case strings.Contains(word, "wrongpassword") || strings.Contains(word, "badpassword") || strings.Contains(word, "invalidpassword"):
		return netcase.LoginWrongPassword
	case strings.Contains(word, "lock") || strings.Contains(word, "disabled") || strings.Contains(word, "expired") ||
		strings.Contains(word, "restrict") || strings.Contains(word, "notgranted") || strings.Contains(word, "notallowed"):
		return netcase.LoginBlocked
	}
	return netcase.LoginFailed
}

// account takes a change of an account.
func (r *defenderReader) account(x *deviceRow) error {
	l := netcase.Login{
		Time: x.at, Event: netcase.LoginAccount, Host: x.host, Account: r.name(x.tableRow, dfAccountName, maxName),
		Domain: r.name(x.tableRow, dfAccountDomain, maxName), Detail: x.word, Sensor: sensorDefender, Key: x.key,
	}
	if r.in.Raw {
		l.Place, l.Raw = x.place(), r.kept(x.tableRow)
		l.Stamp, l.Zone = r.stamp(x.tableRow, dfTime)
	}
	r.in.AcceptLogin(&r.batch, l)
	return nil
}

// query takes an answer to a DNS query, whose parts stand in AdditionalFields.
func (r *defenderReader) query(x *deviceRow) error {
	more := x.cells[dfAdditional]
	q := netcase.Query{
		Time: x.at, Host: x.host, Name: memberText(more, "DnsQueryString"), Type: recordType(memberText(more, "DnsQueryType")),
		Sensor: sensorDefender,
	}
	if q.Name == "" {
		return r.reject(x.tableRow, defenderNames[dfAdditional], "no DnsQueryString")
	}
	if a, ok := addressIn([]byte(memberText(more, "DnsServerIpAddress"))); ok {
		q.Peer.Addr = a
	}
	for _, word := range strings.FieldsFunc(memberText(more, "DnsQueryResult"), func(c rune) bool { return strings.ContainsRune(`[]{}",; `, c) }) {
		if _, ok := addressIn([]byte(word)); ok && len(q.Answer) < maxAnswers {
			q.Answer = append(q.Answer, word)
		}
	}
	if r.in.Raw {
		q.Place, q.Raw = x.place(), r.kept(x.tableRow)
		q.Stamp, q.Zone = r.stamp(x.tableRow, dfTime)
	}
	if r.in.isDuplicate(x.key) {
		return nil
	}
	r.in.AcceptQuery(&r.batch, q)
	return nil
}

// maxAnswers bounds the addresses kept of one answer.
const maxAnswers = 64

// recordType is a DNS record type by its number, as far as queries use it.
func recordType(number string) string {
	for n, name := range map[string]string{"1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT", "28": "AAAA", "33": "SRV", "65": "HTTPS"} {
		if n == number {
			return name
		}
	}
	return number
}

// memberText is the text of a member of an object in a cell, at most maxCommand long.
func memberText(cell []byte, name string) (text string) {
	if len(cell) == 0 || cell[0] != '{' {
		return ""
	}
	s := jsonOf(cell, 0, 1)
	_ = s.object(func(key []byte) error {
		if string(key) != name {
			return s.skip()
		}
		value, err := cellOf(s)
		text = nameIn(value, maxCommand)
		return err
	})
	return text
}

// deed takes a row in which a process did something.
func (r *defenderReader) deed(x *deviceRow, table deviceTable) error {
	role := deviceActions[x.word].role
	if x.word == "" {
		role = [...]netcase.ProcessRole{deviceProcess: netcase.RoleStarted, deviceImage: netcase.RoleLoaded, deviceRegistry: netcase.RoleRegistry,
			deviceFile: netcase.RoleWrote, deviceEvents: netcase.RoleOther}[table]
	} else if role == "" {
		role = netcase.RoleOther
	}
	p := netcase.Process{Time: x.at, Host: x.host, OS: r.name(x.tableRow, dfOS, maxName), Role: role, Action: x.word, Sensor: sensorDefender, Key: x.key}
	if role == netcase.RoleStarted {
		r.created(&p, x)
	} else {
		r.actor(&p, x)
		r.target(&p, x)
	}
	if p.Image == "" && p.CommandLine == "" && p.Path == "" && p.Target == "" {
		r.in.Skip(strings.TrimSpace("ActionType "+x.word) + " names neither a process nor a target")
		return nil
	}
	if r.in.Raw {
		p.Place, p.Raw = x.place(), r.kept(x.tableRow)
		p.Stamp, p.Zone = r.stamp(x.tableRow, dfTime)
	}
	r.in.AcceptProcess(&r.batch, p)
	return nil
}

// created fills in a process that was created; the initiating one is its parent.
func (r *defenderReader) created(p *netcase.Process, x *deviceRow) {
	t := x.tableRow
	p.ID = deviceProcessID(x.cells[dfPID])
	p.Image, p.Path, p.CommandLine = r.name(t, dfFileName, maxName), r.name(t, dfFolder, maxKey), r.name(t, dfPCommand, maxCommand)
	p.Account = r.owner.of(r.name(t, dfAccountDomain, maxName), r.name(t, dfAccountName, maxName))
	p.Parent, p.ParentPath, p.ParentLine = r.name(t, dfImage, maxName), r.name(t, dfPath, maxKey), r.name(t, dfCommand, maxCommand)
	p.Original, p.Hash = r.name(t, dfOriginal, maxName), hashOf(t, dfSHA256, dfSHA1, dfMD5)
	p.Signed = strings.TrimSpace(r.name(t, dfSigned, 64) + " " + r.name(t, dfSigner, 64))
	p.Detail = r.name(t, dfIntegrity, 64)
	if word := r.name(t, dfElevation, 64); word != "" {
		p.Detail = strings.TrimSpace(p.Detail + " " + word)
	}
}

// actor fills in the initiating process.
func (r *defenderReader) actor(p *netcase.Process, x *deviceRow) {
	t := x.tableRow
	p.ID = deviceProcessID(x.cells[dfImageID])
	p.Image, p.Path, p.CommandLine = r.name(t, dfImage, maxName), r.name(t, dfPath, maxKey), r.name(t, dfCommand, maxCommand)
	p.Account = r.owner.of(r.name(t, dfDomain, maxName), r.name(t, dfAccount, maxName))
	p.Parent, p.Original = r.name(t, dfParent, maxName), r.name(t, dfImageOriginal, maxName)
	p.Hash = hashOf(t, dfImageSHA256, dfImageSHA1, dfImageMD5)
	p.Signed = strings.TrimSpace(r.name(t, dfImageSigned, 64) + " " + r.name(t, dfImageSigner, 64))
}

// target fills in what the process acted on. Of what it loaded or wrote the hash
// is kept, not its own.
func (r *defenderReader) target(p *netcase.Process, x *deviceRow) {
	t := x.tableRow
	file := wholePath(r.name(t, dfFolder, maxKey), r.name(t, dfFileName, maxName))
	more := x.cells[dfAdditional]
	switch p.Role {
	case netcase.RoleLoaded, netcase.RoleWrote:
		p.Target, p.Hash, p.Detail = file, hashOf(t, dfSHA256, dfSHA1, dfMD5), r.name(t, dfPrevious, maxName)
		if p.Role == netcase.RoleLoaded {
			p.Signed = ""
		}
	case netcase.RoleRegistry:
		p.Target, p.Detail = r.name(t, dfRegKey, maxKey), r.name(t, dfRegData, maxCommand)
		if value := r.name(t, dfRegName, maxKey); value != "" {
			p.Target += `\` + value
		}
	case netcase.RoleService:
		if p.Target, p.Detail = memberText(more, "ServiceName"), memberText(more, "ServiceFileName"); p.Detail == "" {
			p.Detail = file
		}
	case netcase.RoleTask:
		p.Target, p.Detail = memberText(more, "TaskName"), memberText(more, "TaskContent")
	case netcase.RoleAccessed:
		p.Target, p.Detail = file, memberText(more, "DesiredAccess")
	case netcase.RoleInjected:
		p.Target, p.Detail = file, nameIn(more, maxKey)
	default:
		if p.Target = file; p.Action == "PowerShellCommand" {
			p.Detail = memberText(more, "Command")
		} else {
			p.Detail = nameIn(more, maxKey)
		}
	}
}

// wholePath joins a folder with a file name, unless it ends with it already.
func wholePath(folder, file string) string {
	switch {
	case folder == "" || file == "":
		return folder + file
	case len(folder) >= len(file) && strings.EqualFold(folder[len(folder)-len(file):], file):
		return folder
	case strings.HasPrefix(folder, "/"):
		return strings.TrimSuffix(folder, "/") + "/" + file
	}
	return strings.TrimSuffix(folder, `\`) + `\` + file
}

// hashOf is the strongest hash that the fields hold, as algorithm:hex.
func hashOf(x *tableRow, sha256, sha1, md5 int) string {
	for _, h := range [...]struct {
		field, digits int
		name          string
	}{{sha256, 64, "sha256:"}, {sha1, 40, "sha1:"}, {md5, 32, "md5:"}} {
		if cell := trimmed(x.cells[h.field]); len(cell) == h.digits && hexDigits(cell) {
			return h.name + strings.ToLower(string(cell))
		}
	}
	return ""
}

func hexDigits(cell []byte) bool {
	for _, c := range cell {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// deviceProcessID reads a process id, which a data frame may write as a double; 0: none.
func deviceProcessID(cell []byte) uint32 {
	n, _, ok := countIn(cell)
	if !ok || n > math.MaxUint32 {
		return 0
	}
	return uint32(n)
}
