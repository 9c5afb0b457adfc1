package judge

import (
	"fmt"
	"slices"

	"netcase"
)

const languageKQL = "kql"

// scope is what queries are filled with: the sources and hosts of the told groups.
type scope struct {
	peers []netcase.Endpoint
	hosts []netcase.Endpoint
	ports []uint16
	span  netcase.Span
}

func (d *draft) scope() scope {
	s := scope{span: d.in.Span}
	for _, c := range d.full() {
		s.peers = union(s.peers, c.peers())
		s.hosts = union(s.hosts, c.hosts)
		s.ports = append(s.ports, portsOf(c.ports)...)
		if !d.in.Span.Start.Known() || !d.in.Span.End.Known() {
			s.span = s.span.Join(c.span)
		}
	}
	for i := range d.findings {
		if o := d.findings[i].Owner; o != nil && o.Decibans > 0 {
			s.hosts = union(s.hosts, []netcase.Endpoint{o.Host})
		}
		if p := d.findings[i].Process; tellsStrange(p) {
			s.hosts = union(s.hosts, []netcase.Endpoint{p.Host})
		}
	}
	slices.Sort(s.ports)
	s.ports = slices.Compact(s.ports)
	return s
}

// queries are the review queries of the case, filled with its addresses and span.
func (d *draft) queries() []netcase.QueryText {
	out := []netcase.QueryText{}
	s := d.scope()
	if s.span.Start.Known() && s.span.End.Known() && (len(s.peers) > 0 || len(s.hosts) > 0) {
		out = append(out, d.reviewQueries(s)...)
	}
	if d.in.Queries != nil && d.in.Span.Start.Known() {
		out = append(out, d.in.Queries(d.in.Span)...)
	}
	return out
}

func (d *draft) reviewQueries(s scope) []netcase.QueryText {
	out := []netcase.QueryText{
		{Title: "Outcome and counters of the flows of the case", Language: languageKQL, Text: d.verdictQuery(s)},
		{Title: "Logins on the touched hosts", Language: languageKQL, Text: d.loginQuery(s)},
		{Title: "Flows that our side began", Language: languageKQL, Text: d.outboundQuery(s)},
		{Title: "Owner, direction and service for the addresses of the case", Language: languageKQL, Text: d.ownerQuery(s)},
	}
	if d.cadenceAsked() {
		out = append(out, netcase.QueryText{Title: "Cadence of connections that our side began", Language: languageKQL, Text: d.cadenceQuery(s)})
	}
	if d.ownerWarrants() {
		out = append(out, d.hostQueries(s)...)
	}
	return append(out, netcase.QueryText{
		Title: "Which process listens on the ports of the case (read only)", Language: "sql",
		Text: fmt.Sprintf("SELECT l.port, l.protocol, p.name, p.path, p.cmdline FROM listening_ports l JOIN processes p USING (pid) WHERE l.port IN (%s);", bareList(s.ports)),
	}, netcase.QueryText{
		Title: "Which service owns the ports of the case (read only)", Language: "powershell",
		Text: fmt.Sprintf("Get-NetTCPConnection -State Listen -LocalPort %s | Select-Object LocalPort, OwningProcess, @{n='CommandLine';e={(Get-CimInstance Win32_Process -Filter \"ProcessId=$($_.OwningProcess)\").CommandLine}}", bareList(s.ports)),
	})
}

func bareList(ports []uint16) string {
	v := portValues(ports)
	return v[len("dynamic([") : len(v)-len("])")]
}

// verdictQuery fetches what decides the reach: the verdict and the counters.
func (d *draft) verdictQuery(s scope) string {
	peers := "let peers = " + addresses(s.peers) + ";"
	switch d.flowSource() {
	case sourceNSG:
		return lines(peers, "AzureNetworkAnalytics_CL",
			"| where "+within("FlowStartTime_t", s.span)+` and SubType_s == "FlowLog"`,
			`| extend packed = strcat(SrcPublicIPs_s, " ", DestPublicIPs_s, " ", SrcIP_s)`,
			"| where packed has_any (peers)",
			"| project TimeGenerated, FlowIntervalStartTime_t, FlowStartTime_t, FlowEndTime_t, FlowType_s, FlowDirection_s, FlowStatus_s, NSGRule_s, SrcIP_s, SrcPublicIPs_s, DestIP_s, DestPublicIPs_s, DestPort_d, L4Protocol_s, VM_s, AllowedInFlows_d, DeniedInFlows_d, AllowedOutFlows_d, DeniedOutFlows_d, InboundPackets_d, OutboundPackets_d, InboundBytes_d, OutboundBytes_d")
	case sourceVNet:
		return lines(peers, "NTANetAnalytics",
			"| where "+within("FlowStartTime", s.span),
			`| extend packed = strcat(SrcPublicIps, " ", DestPublicIps, " ", SrcIp)`,
			"| where packed has_any (peers)",
			"| project TimeGenerated, FlowIntervalStartTime, FlowStartTime, FlowEndTime, FlowType, FlowDirection, FlowStatus, AclRule, SrcIp, SrcPublicIps, DestIp, DestPublicIps, DestPort, L4Protocol, AllowedInFlows, DeniedInFlows, PacketsSrcToDest, PacketsDestToSrc, BytesSrcToDest, BytesDestToSrc")
	}
	return lines(peers, fmt.Sprintf("_Im_NetworkSession(starttime=datetime(%s), endtime=datetime(%s))", s.span.Start, s.span.End),
		"| where SrcIpAddr in (peers) or DstIpAddr in (peers)",
		"| summarize flows = sum(EventCount), rows = count(), first_seen = min(TimeGenerated), last_seen = max(TimeGenerated), back = sum(DstBytes) by SrcIpAddr, DstIpAddr, DstPortNumber, NetworkDirection, DvcAction, EventResult")
}

// loginQuery fetches the login logs of the touched hosts: Windows security log,
// what remote desktop says before a login, and sshd.
func (d *draft) loginQuery(s scope) string {
	return lines(
		"let peers = "+addresses(s.peers)+";",
		"let machines = "+d.machines(s.hosts)+";",
		"union isfuzzy=true",
		`  (SecurityEvent | where EventID in (4624, 4625, 4740, 4771, 4776) | extend machine = tostring(split(Computer, ".")[0]), peer = IpAddress),`,
		`  (Event | where EventLog == "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational" and EventID in (131, 140) | extend machine = tostring(split(Computer, ".")[0]), peer = extract(@"(\d+\.\d+\.\d+\.\d+)", 1, RenderedDescription)),`,
		`  (Syslog | where ProcessName startswith "sshd" | extend machine = HostName, peer = extract(@"from (\S+)", 1, SyslogMessage)),`,
		`  (DeviceLogonEvents | extend machine = tostring(split(DeviceName, ".")[0]), peer = RemoteIP)`,
		"| where "+within("TimeGenerated", s.span),
		"| where array_length(machines) == 0 or machine in~ (machines) or peer in (peers)")
}

// outboundQuery fetches what our side began in the same span.
func (d *draft) outboundQuery(s scope) string {
	switch d.flowSource() {
	case sourceNSG:
		return lines("AzureNetworkAnalytics_CL",
			"| where "+within("FlowStartTime_t", s.span)+` and SubType_s == "FlowLog" and FlowDirection_s == "O"`,
			"| project TimeGenerated, FlowIntervalStartTime_t, FlowStartTime_t, FlowEndTime_t, FlowType_s, FlowDirection_s, FlowStatus_s, SrcIP_s, VMIP_s, VM_s, DestIP_s, DestPublicIPs_s, DestPort_d, L4Protocol_s, AllowedOutFlows_d, DeniedOutFlows_d, InboundBytes_d, OutboundBytes_d")
	case sourceVNet:
		return lines("NTANetAnalytics",
			"| where "+within("FlowStartTime", s.span)+` and FlowDirection startswith "O"`,
			"| project TimeGenerated, FlowStartTime, FlowEndTime, FlowType, FlowDirection, FlowStatus, SrcIp, DestIp, DestPublicIps, DestPort, L4Protocol, AllowedOutFlows, DeniedOutFlows, BytesSrcToDest, BytesDestToSrc")
	}
	return lines(fmt.Sprintf("_Im_NetworkSession(starttime=datetime(%s), endtime=datetime(%s))", s.span.Start, s.span.End),
		`| where NetworkDirection == "Outbound" and not(ipv4_is_private(DstIpAddr))`,
		"| project TimeGenerated, SrcIpAddr, SrcHostname, DstIpAddr, DstPortNumber, NetworkProtocol, DvcAction, SrcBytes, DstBytes, SrcProcessName")
}

// ownerQuery names the owner of the sockets that the addresses of the case met.
func (d *draft) ownerQuery(s scope) string {
	return lines(
		"let peers = "+addresses(s.peers)+";",
		"DeviceNetworkEvents",
		"| where "+within("Timestamp", s.span)+" and RemoteIP in (peers)",
		`| extend svc = extract(@"-s\s+(\S+)", 1, InitiatingProcessCommandLine), grp = extract(@"-k\s+(\S+)", 1, InitiatingProcessCommandLine)`,
		"| join kind=leftouter (DeviceInfo | summarize arg_max(Timestamp, OSPlatform, OSVersion) by DeviceId) on DeviceId",
		"| summarize n = count(), first_seen = min(Timestamp), last_seen = max(Timestamp) by DeviceName, OSPlatform, ActionType, LocalPort, RemoteIP, RemotePort, InitiatingProcessFileName, InitiatingProcessParentFileName, grp, svc")
}

// hostQueries review the hosts on which an unusual process owns a socket.
func (d *draft) hostQueries(s scope) []netcase.QueryText {
	scope := lines("let machines = "+d.machines(s.hosts)+";", "let mine = (name:string) { array_length(machines) == 0 or tostring(split(name, \".\")[0]) in~ (machines) };")
	query := func(title, table, condition string) netcase.QueryText {
		return netcase.QueryText{Title: title, Language: languageKQL, Text: lines(scope, table, "| where "+within("Timestamp", s.span)+" and mine(DeviceName)", "| where "+condition)}
	}
	return []netcase.QueryText{
		query("svchost.exe with an unusual parent, command line or folder", "DeviceProcessEvents",
			`FileName =~ "svchost.exe" and (InitiatingProcessFileName !in~ ("services.exe", "MsMpEng.exe", "Mrt.exe", "TiWorker.exe", "ngen.exe", "rpcnet.exe") or ProcessCommandLine !contains " -k " or FolderPath !startswith @"C:\Windows\S")`),
		query("Changed service libraries", "DeviceRegistryEvents",
			`RegistryKey has @"\Services\" and RegistryKey endswith @"\Parameters" and RegistryValueName =~ "ServiceDll"`),
		query("Libraries that svchost.exe loads from outside the Windows folder", "DeviceImageLoadEvents",
			`InitiatingProcessFileName =~ "svchost.exe" and FolderPath !startswith @"C:\Windows\"`),
		query("Foreign threads, new services, new tasks", "DeviceEvents",
			`ActionType in ("CreateRemoteThreadApiCall", "NtAllocateVirtualMemoryRemoteApiCall", "ServiceInstalled", "ScheduledTaskCreated")`),
	}
}

// cadenceAsked tells whether a finding speaks of a cadence, or could not.
func (d *draft) cadenceAsked() bool {
	return slices.ContainsFunc(d.findings, func(f netcase.Finding) bool { return f.Beacon != nil })
}

// cadenceQuery measures intervals for each source, destination and port by themselves over
// whole days, by their median and the median distance from it. Rules that take the next
// connection of a source to anywhere, ask for so many an hour, or count the most common
// interval miss a period of five minutes and any jitter.
func (d *draft) cadenceQuery(s scope) string {
	ask := "_Im_NetworkSession(starttime=datetime(" + s.span.Start.String() + "), endtime=datetime(" + s.span.End.String() + "))"
	keep := `| where NetworkDirection == "Outbound" and not(ipv4_is_private(DstIpAddr))`
	columns := "| project at = TimeGenerated, src = SrcIpAddr, dst = DstIpAddr, port = DstPortNumber, sent = SrcBytes"
	note := "// only for sources that write a row for each connection: rows of intervals have the cadence of the logging"
	if d.flowSource() == sourceDevice {
		ask, keep = "DeviceNetworkEvents", "| where "+within("Timestamp", s.span)+` and ActionType in ("ConnectionSuccess", "ConnectionFailed") and RemoteIPType == "Public"`
		columns = "| project at = Timestamp, src = DeviceName, dst = RemoteIP, port = RemotePort, sent = long(null)"
		note = "// Defender leaves out repeats: a cadence that shows is one, a missing one proves nothing"
	}
	return lines(note, ask, keep, columns,
		"| partition hint.strategy=shuffle by dst",
		"  ( sort by src asc, port asc, at asc",
		"  | extend gap = iff(src == prev(src) and port == prev(port), (at - prev(at)) / 1s, real(null))",
		"  | where gap >= 2",
		"  | summarize starts = count() + 1, first_seen = min(at), last_seen = max(at), gaps = make_list(gap, 10000), sizes = dcount(sent) by src, dst, port )",
		"| where starts >= 12 and last_seen - first_seen >= 2h",
		"| mv-apply gap = gaps to typeof(real) on (summarize median = percentile(gap, 50))",
		"| mv-apply gap = gaps to typeof(real) on (summarize mad = percentile(abs(gap - median), 50))",
		"| extend cv = 1.4826 * mad / median, limit = case(starts > 100, 0.70, starts > 20, 0.50, 0.35)",
		"| where cv <= limit and (last_seen - first_seen) / 1s >= 8 * median",
		"| project src, dst, port, starts, period_s = median, cv, limit, sizes, first_seen, last_seen",
		"| order by cv asc")
}

// ownerWarrants tells whether a process finding asks for a look at the host.
func (d *draft) ownerWarrants() bool {
	return slices.ContainsFunc(d.findings, func(f netcase.Finding) bool { return f.Owner != nil && f.Owner.Decibans > 0 || tellsStrange(f.Process) })
}
