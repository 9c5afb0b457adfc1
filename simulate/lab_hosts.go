package simulate

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"netcase"
)

// putFile takes a file and how many records it has.
type putFile func(name string, b []byte, records int)

// byDefender tells whether the machines of Windows report to Defender, else their
// event logs are collected.
func (l *lab) byDefender() bool {
	return !l.eventLogs && newDraw(l.seed, partStoryExport+1<<8).chance(.5)
}

// loginLogs writes what the machines keep of logins: auth.log where they run Linux,
// SecurityEvent or DeviceLogonEvents where they run Windows.
func (l *lab) loginLogs(put putFile) {
	b, n := l.authLog()
	put("auth.log", b, n)
	windows := slices.DeleteFunc(slices.Clone(l.signins), func(s signIn) bool { return !s.host.windows })
	if l.byDefender() {
		put("DeviceLogonEvents.csv", writeTable("", deviceLogonColumns(), windows), len(windows))
		return
	}
	put("SecurityEvent.csv", writeTable(byteOrderMark, securityColumns(), windows), len(windows))
}

// authLog is the log of sshd on every Linux machine, as a collector joins them.
func (l *lab) authLog() ([]byte, int) {
	var b bytes.Buffer
	n := 0
	d := newDraw(l.seed, partStoryExport+2<<8)
	for i, s := range l.signins {
		if s.host.windows {
			continue
		}
		line := func(after netcase.Time, format string, args ...any) {
			n++
			fmt.Fprintf(&b, "%s %s sshd[%d]: %s\n", (s.at + after).Std().Format("2006-01-02T15:04:05.000000-07:00"), s.host.name, 2000+i, fmt.Sprintf(format, args...))
		}
		port := d.ephemeral()
		switch {
		case s.result == signedIn:
			line(0, "Accepted password for %s from %s port %d ssh2", s.account, s.peer, port)
			line(2, "pam_unix(sshd:session): session opened for user %s(uid=1000) by %s(uid=0)", s.account, s.account)
		case !s.known:
			line(0, "Invalid user %s from %s port %d", s.account, s.peer, port)
			line(900, "Failed password for invalid user %s from %s port %d ssh2", s.account, s.peer, port)
			line(1000, "Connection closed by invalid user %s %s port %d [preauth]", s.account, s.peer, port)
		default:
			line(0, "Failed password for %s from %s port %d ssh2", s.account, s.peer, port)
			line(200, "Connection closed by authenticating user %s %s port %d [preauth]", s.account, s.peer, port)
		}
	}
	return b.Bytes(), n
}

// eventID is the number of the Windows event that tells of a login.
func (s signIn) eventID() int {
	switch s.result {
	case signedIn:
		return 4624
	case lockout:
		return 4740
	}
	return 4625
}

// status is the code and sub-code of a failure.
func (s signIn) status() (code, sub string) {
	switch {
	case s.result == signedIn || s.result == lockout:
		return "", ""
	case !s.known:
		return "0xc000006d", "0xc0000064"
	case s.result == lockedOut:
		return "0xc0000234", "0x0"
	case s.result == mustChange:
		return "0xc0000224", "0x0"
	}
	return "0xc000006d", "0xc000006a"
}

func securityColumns() []column[signIn] {
	tried := func(value func(signIn) string) func(signIn) string {
		return func(s signIn) string {
			if s.result == lockout {
				return ""
			}
			return value(s)
		}
	}
	return []column[signIn]{
		{"TimeGenerated [UTC]", func(s signIn) string { return portalTime(s.at) }},
		{"Computer", func(s signIn) string { return s.host.name }},
		{"EventSourceName", func(signIn) string { return "Microsoft-Windows-Security-Auditing" }},
		{"Channel", func(signIn) string { return "Security" }},
		{"EventID", func(s signIn) string { return count(int64(s.eventID())) }},
		{"TargetUserName", func(s signIn) string { return s.account }},
		{"TargetDomainName", func(signIn) string { return "OFFICE" }},
		{"LogonType", tried(func(s signIn) string { return count(int64(s.kind)) })},
		{"IpAddress", tried(func(s signIn) string { return s.peer.String() })},
		{"IpPort", tried(func(s signIn) string { return count(49152 + int64(s.at/netcase.Second)%16000) })},
		{"AuthenticationPackageName", tried(func(s signIn) string {
			if s.kind == 10 {
				return "Negotiate"
			}
			return "NTLM"
		})},
		{"Status", func(s signIn) string { code, _ := s.status(); return code }},
		{"SubStatus", func(s signIn) string { _, sub := s.status(); return sub }},
		{"EventRecordId", func(s signIn) string { return count(int64(s.at/3) % 100_000_000) }},
	}
}

func deviceLogonColumns() []column[signIn] {
	return []column[signIn]{
		{"Timestamp", func(s signIn) string { return defenderTime(s.at, int(s.at%netcase.Second)*10_000) }},
		{"DeviceId", func(s signIn) string { return fmt.Sprintf("%040x", s.host.addr.As4()) }},
		{"DeviceName", func(s signIn) string { return s.host.name }},
		{"ActionType", func(s signIn) string {
			if s.result == signedIn {
				return "LogonSuccess"
			}
			return "LogonFailed"
		}},
		{"LogonType", func(s signIn) string {
			if s.kind == 10 {
				return "RemoteInteractive"
			}
			return "Network"
		}},
		{"AccountDomain", func(signIn) string { return "office" }},
		{"AccountName", func(s signIn) string { return s.account }},
		{"Protocol", func(signIn) string { return "NTLM" }},
		{"FailureReason", func(s signIn) string {
			switch s.result {
			case signedIn:
				return ""
			case lockedOut, lockout:
				return "AccountLockedOut"
			case mustChange:
				return "PasswordExpired"
			}
			return "InvalidUserNameOrPassword"
		}},
		{"RemoteIP", func(s signIn) string { return s.peer.String() }},
		{"ReportId", func(s signIn) string { return count(int64(s.at/3) % 100_000_000) }},
	}
}

// habits of programs: what is started on an ordinary day, by whom, from where.
var labPrograms = []act{
	{kind: actStarted, image: `C:\Windows\System32\svchost.exe`, line: `C:\Windows\System32\svchost.exe -k netsvcs -p -s Schedule`, parent: `C:\Windows\System32\services.exe`, account: "system"},
	{kind: actStarted, image: `C:\Windows\System32\svchost.exe`, line: `C:\Windows\System32\svchost.exe -k NetworkService -p -s Dnscache`, parent: `C:\Windows\System32\services.exe`, account: "network service"},
	{kind: actStarted, image: `C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE`, line: `"OUTLOOK.EXE"`, parent: explorer, account: "user"},
	{kind: actStarted, image: `C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`, line: `"msedge.exe" --profile-directory=Default`, parent: explorer, account: "user"},
	{kind: actStarted, image: `C:\Windows\System32\taskhostw.exe`, line: `taskhostw.exe`, parent: `C:\Windows\System32\svchost.exe`, account: "user"},
	{kind: actStarted, image: `C:\Windows\System32\backgroundTaskHost.exe`, line: `backgroundTaskHost.exe -ServerName:App`, parent: `C:\Windows\System32\svchost.exe`, account: "user"},
}

// programs is what was started on ordinary days, and what the story's people did.
func (l *lab) programs() []act {
	d := newDraw(l.seed, partStoryExport+3<<8)
	out := slices.Clone(l.acts)
	if !l.ground.Silent {
		for hour := l.start; hour < l.end(); hour += netcase.Hour {
			for range d.poisson(5 * office(hour)) {
				a := pick(d, labPrograms)
				a.at, a.host = hour+netcase.Time(d.Int64N(int64(netcase.Hour))), pick(d, l.clients)
				out = append(out, a)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b act) int { return int(a.at - b.at) })
	return out
}

// processLogs writes what the Windows machines keep of programs.
func (l *lab) processLogs(put putFile) {
	acts := l.programs()
	calls := l.programCalls()
	if l.byDefender() {
		l.defenderLogs(acts, calls, put)
		return
	}
	var rows []map[string]any
	for i, a := range acts {
		rows = append(rows, a.beat(i)...)
	}
	for i, c := range calls {
		rows = append(rows, beat(c.at, l.nameOf(c.src), "Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", "3", len(acts)+i, map[string]string{
			"UtcTime": sysmonTime(c.at), "ProcessId": idOf(l.machineAt(c.src), c.image, c.commandLine()), "Image": c.image, "User": `OFFICE\user`, "Protocol": transportName(c.proto), "Initiated": "true",
			"SourceIp": c.src.String(), "SourcePort": count(int64(c.sport)), "DestinationIp": c.dst.String(), "DestinationPort": count(int64(c.dport)),
		}))
	}
	put("windows-events.json", jsonLines(rows), len(rows))
}

// programCalls are the connections to outside that a sensor on a Windows machine sees,
// each with the program that began it: that of the story, else one that people and Windows
// use every day. A story that names no program of its own keeps none.
func (l *lab) programCalls() (out []*conn) {
	if !slices.ContainsFunc(l.conns, func(c conn) bool { return c.image != "" }) {
		return nil
	}
	for i := range l.conns {
		c := l.conns[i]
		m := l.machineAt(c.src)
		if m == nil || !m.windows || l.ours(c.dst) || c.result != answered {
			continue
		}
		if c.image == "" {
			p := everydayCallers[int(c.dst.As4()[3])%len(everydayCallers)]
			c.image, c.line = p.image, p.line
		}
		out = append(out, &c)
	}
	return out
}

// everydayCallers are programs that call outside on any day.
var everydayCallers = []act{
	{image: `C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`, line: `"msedge.exe" --profile-directory=Default`},
	{image: `C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE`, line: `"OUTLOOK.EXE"`},
	{image: `C:\Windows\System32\svchost.exe`, line: `C:\Windows\System32\svchost.exe -k netsvcs -p -s wuauserv`},
	{image: `C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.25010.11-0\MsMpEng.exe`},
}

// idOf is the process id that a program has on a machine as long as it runs.
func idOf(m *machine, image, line string) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, m.name, image, line) // a hash never fails
	return count(int64(1000 + 4*(h.Sum32()%8000)))
}

// transportName is a transport as Sysmon spells it.
func transportName(proto uint8) string {
	if proto == netcase.UDP {
		return "udp"
	}
	return "tcp"
}

func sysmonTime(at netcase.Time) string { return at.Std().Format("2006-01-02 15:04:05.000") }

// beat is one event as Winlogbeat ships it.
func beat(at netcase.Time, computer, channel, provider, id string, record int, data map[string]string) map[string]any {
	return map[string]any{
		"@timestamp": at.Std().Format("2006-01-02T15:04:05.000Z"),
		"event":      map[string]any{"code": id, "provider": provider},
		"winlog":     map[string]any{"event_id": id, "channel": channel, "computer_name": computer, "provider_name": provider, "record_id": 1000 + record, "event_data": data},
	}
}

// beat is what the event logs have of an act.
func (a act) beat(i int) []map[string]any {
	const sysmon, sysmonChannel = "Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational"
	const security = "Microsoft-Windows-Security-Auditing"
	at, who := a.at, a.host.name
	switch a.kind {
	case actService:
		return []map[string]any{
			beat(at, who, "System", "Service Control Manager", "7045", i, map[string]string{"ServiceName": a.target, "ImagePath": a.detail, "ServiceType": "user mode service", "StartType": "auto start", "AccountName": "LocalSystem"}),
		}
	case actTask:
		return []map[string]any{beat(at, who, "Security", security, "4698", i, map[string]string{
			"SubjectUserName": a.account, "SubjectDomainName": "OFFICE", "SubjectLogonId": "0x51f2a", "TaskName": a.target,
			"TaskContent": "<Task><Actions><Exec><Command>" + a.detail + "</Command></Exec></Actions></Task>",
		})}
	case actAccount:
		return []map[string]any{
			beat(at, who, "Security", security, "4720", i, map[string]string{"TargetUserName": a.target, "TargetDomainName": strings.ToUpper(who), "SubjectUserName": a.account, "SubjectDomainName": "OFFICE", "SubjectLogonId": "0x51f2a"}),
			beat(at+2*netcase.Second, who, "Security", security, "4732", i, map[string]string{"MemberName": "-", "MemberSid": "S-1-5-21-1-2-3-1105", "TargetUserName": "Administrators", "TargetDomainName": "Builtin", "SubjectUserName": a.account, "SubjectDomainName": "OFFICE", "SubjectLogonId": "0x51f2a"}),
		}
	case actRunKey:
		return []map[string]any{beat(at, who, sysmonChannel, sysmon, "13", i, map[string]string{
			"UtcTime": sysmonTime(at), "EventType": "SetValue", "ProcessId": "5120", "Image": a.image, "User": `OFFICE\` + a.account,
			"TargetObject": `HKU\S-1-5-21-1-2-3-1104\Software\Microsoft\Windows\CurrentVersion\Run\` + a.target, "Details": a.detail,
		})}
	}
	switch a.kind {
	case actLibrary:
		return []map[string]any{beat(at, who, sysmonChannel, sysmon, "13", i, map[string]string{
			"UtcTime": sysmonTime(at), "EventType": "SetValue", "ProcessId": idOf(a.host, a.image, a.image), "Image": a.image, "User": `OFFICE\` + a.account,
			"TargetObject": serviceKey(a.target) + `\ServiceDll`, "Details": a.detail,
		})}
	case actLoaded:
		return []map[string]any{beat(at, who, sysmonChannel, sysmon, "7", i, map[string]string{
			"UtcTime": sysmonTime(at), "ProcessId": idOf(a.host, a.image, a.line), "Image": a.image, "ImageLoaded": a.detail, "Signed": "false", "SignatureStatus": "Unavailable", "User": `NT AUTHORITY\` + a.account,
		})}
	}
	_, file := splitPath(a.image)
	return []map[string]any{beat(at, who, sysmonChannel, sysmon, "1", i, map[string]string{
		"UtcTime": sysmonTime(at), "ProcessId": idOf(a.host, a.image, a.line), "Image": a.image, "OriginalFileName": file, "CommandLine": a.line, "User": `OFFICE\` + a.account,
		"ParentImage": a.parent, "ParentProcessId": "708", "ParentCommandLine": a.parent, "Hashes": "",
	})}
}

// defenderLogs writes the tables of Defender.
func (l *lab) defenderLogs(acts []act, calls []*conn, put putFile) {
	var started, keys, loaded, events []act
	for _, a := range acts {
		switch a.kind {
		case actStarted:
			started = append(started, a)
		case actRunKey, actLibrary:
			keys = append(keys, a)
		case actLoaded:
			loaded = append(loaded, a)
		default:
			events = append(events, a)
		}
	}
	put("DeviceProcessEvents.csv", writeTable("", deviceProcessColumns(), started), len(started))
	put("DeviceRegistryEvents.csv", writeTable("", deviceRegistryColumns(), keys), len(keys))
	put("DeviceImageLoadEvents.csv", writeTable("", deviceLoadColumns(), loaded), len(loaded))
	put("DeviceEvents.csv", writeTable("", deviceEventColumns(), events), len(events))
	var rows []labEvent
	seen := map[repeat]bool{}
	for _, c := range calls {
		m := l.machineAt(c.src)
		k := repeat{int(m.addr.As4()[3]), succeeded, c.dst, c.dport, none, c.at.Truncate(quietOpened)}
		if !seen[k] {
			seen[k] = true
			rows = append(rows, labEvent{conn: c, host: m, action: succeeded})
		}
	}
	put("DeviceNetworkEvents.csv", writeTable("", labEventColumns(), rows), len(rows))
}

// actColumns are those that every table of Defender begins with, and who acted.
func actColumns(action func(act) string) []column[act] {
	return []column[act]{
		{"Timestamp", func(a act) string { return defenderTime(a.at, int(a.at%netcase.Second)*10_000) }},
		{"DeviceId", func(a act) string { return fmt.Sprintf("%040x", a.host.addr.As4()) }},
		{"DeviceName", func(a act) string { return a.host.name }},
		{"ActionType", action},
		{"ReportId", func(a act) string { return count(int64(a.at/5) % 1_000_000) }},
		{"AccountDomain", func(act) string { return "office" }},
		{"AccountName", func(a act) string { return a.account }},
	}
}

func deviceProcessColumns() []column[act] {
	return append(actColumns(func(act) string { return "ProcessCreated" }),
		column[act]{"FileName", func(a act) string { _, file := splitPath(a.image); return file }},
		column[act]{"FolderPath", func(a act) string { return a.image }},
		column[act]{"ProcessVersionInfoOriginalFileName", func(a act) string { _, file := splitPath(a.image); return file }},
		column[act]{"ProcessId", func(a act) string { return idOf(a.host, a.image, a.line) }},
		column[act]{"ProcessCommandLine", func(a act) string { return a.line }},
		column[act]{"InitiatingProcessFileName", func(a act) string { _, file := splitPath(a.parent); return file }},
		column[act]{"InitiatingProcessFolderPath", func(a act) string { return strings.ToLower(a.parent) }},
		column[act]{"InitiatingProcessCommandLine", func(a act) string { return a.parent }},
		column[act]{"InitiatingProcessId", func(act) string { return "708" }},
	)
}

func deviceRegistryColumns() []column[act] {
	return append(actColumns(func(act) string { return "RegistryValueSet" }),
		column[act]{"RegistryKey", func(a act) string {
			if a.kind == actLibrary {
				return serviceKey(a.target)
			}
			return `HKEY_CURRENT_USER\S-1-5-21-1-2-3-1104\Software\Microsoft\Windows\CurrentVersion\Run`
		}},
		column[act]{"RegistryValueType", func(act) string { return "String" }},
		column[act]{"RegistryValueName", func(a act) string {
			if a.kind == actLibrary {
				return "ServiceDll"
			}
			return a.target
		}},
		column[act]{"RegistryValueData", func(a act) string { return a.detail }},
		column[act]{"InitiatingProcessFileName", func(a act) string { _, file := splitPath(a.image); return file }},
		column[act]{"InitiatingProcessCommandLine", func(a act) string { return a.image }},
		column[act]{"InitiatingProcessAccountName", func(a act) string { return a.account }},
	)
}

// serviceKey is the registry key that names the library of a service.
func serviceKey(service string) string {
	return `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\` + service + `\Parameters`
}

func deviceLoadColumns() []column[act] {
	return append(actColumns(func(act) string { return "ImageLoaded" }),
		column[act]{"FileName", func(a act) string { _, file := splitPath(a.detail); return file }},
		column[act]{"FolderPath", func(a act) string { return a.detail }},
		column[act]{"InitiatingProcessFileName", func(a act) string { _, file := splitPath(a.image); return file }},
		column[act]{"InitiatingProcessFolderPath", func(a act) string { return strings.ToLower(a.image) }},
		column[act]{"InitiatingProcessCommandLine", func(a act) string { return a.line }},
		column[act]{"InitiatingProcessId", func(a act) string { return idOf(a.host, a.image, a.line) }},
	)
}

func deviceEventColumns() []column[act] {
	extra := func(a act) string {
		switch a.kind {
		case actService:
			return fmt.Sprintf(`{"ServiceName":%q,"ServiceStartType":2,"ServiceAccount":"LocalSystem"}`, a.target)
		case actTask:
			return fmt.Sprintf(`{"TaskName":%q,"TaskContent":%q}`, a.target, "<Exec><Command>"+a.detail+"</Command></Exec>")
		}
		return ""
	}
	rows := actColumns(func(a act) string {
		return map[actKind]string{actService: "ServiceInstalled", actTask: "ScheduledTaskCreated", actAccount: "UserAccountCreated"}[a.kind]
	})
	for i := range rows {
		if rows[i].name == "AccountName" {
			rows[i].value = func(a act) string {
				if a.kind == actAccount {
					return a.target
				}
				return a.account
			}
		}
	}
	return append(rows,
		column[act]{"FileName", func(a act) string { _, file := splitPath(a.detail); return file }},
		column[act]{"FolderPath", func(a act) string { return a.detail }},
		column[act]{"AdditionalFields", extra},
		column[act]{"InitiatingProcessFileName", func(a act) string {
			if a.kind == actService {
				return "services.exe"
			}
			_, file := splitPath(a.image)
			return file
		}},
		column[act]{"InitiatingProcessCommandLine", func(a act) string { return a.image }},
		column[act]{"InitiatingProcessAccountName", func(a act) string { return a.account }},
	)
}
