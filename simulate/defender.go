package simulate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// owner is the process at our end of a flow.
type owner uint8

const (
	none owner = iota
	outlook
	edge
	cryptSvc
	dnsCache
	lsass
	system
	agent
	termClient // Remote Desktop on a client
	termServer // Remote Desktop on a server: another service group
	sshd
	dnsServer
)

// process is how the sensor describes an owner.
type process struct {
	file, folder, command, parent, account string
}

const system32 = `C:\Windows\System32`

func (o owner) process() process {
	const services, network = "services.exe", "network service"
	return [...]process{
		none:       {},
		outlook:    {"OUTLOOK.EXE", `C:\Program Files\Microsoft Office\root\Office16`, `"OUTLOOK.EXE"`, "explorer.exe", "user"},
		edge:       {"msedge.exe", `C:\Program Files (x86)\Microsoft\Edge\Application`, `"msedge.exe" --type=utility --utility-sub-type=network.mojom.NetworkService --lang=en-US`, "msedge.exe", "user"},
		cryptSvc:   {"svchost.exe", system32, "svchost.exe -k NetworkService -p -s CryptSvc", services, network},
		dnsCache:   {"svchost.exe", system32, "svchost.exe -k NetworkService -p -s Dnscache", services, network},
		lsass:      {"lsass.exe", system32, "lsass.exe", "wininit.exe", "system"},
		system:     {"System", "", "", "", "system"},
		agent:      {"MonitoringHost.exe", `C:\Program Files\Microsoft Monitoring Agent\Agent`, `"MonitoringHost.exe" -Embedding`, "HealthService.exe", "system"},
		termClient: {"svchost.exe", system32, "svchost.exe -k NetworkService -s TermService", services, network},
		termServer: {"svchost.exe", system32, "svchost.exe -k termsvcs -s TermService", services, network},
		sshd:       {"sshd.exe", system32 + `\OpenSSH`, "sshd.exe", services, "system"},
		dnsServer:  {"dns.exe", system32, "dns.exe", services, "system"},
	}[o]
}

// listener is the process that accepts connections to a port of a host.
func (h *host) listener(port uint16) owner {
	switch port {
	case sshPort:
		return sshd
	case 53:
		return dnsServer
	case 88:
		return lsass
	case 443, 445:
		return system // http.sys and the SMB server are in the kernel
	case rdpPort:
		if h.os == windowsClient {
			return termClient
		}
		return termServer
	case monitorPort:
		return agent
	}
	return none
}

// Actions of the sensor that occur here.
const (
	accepted  = "InboundConnectionAccepted"
	succeeded = "ConnectionSuccess"
	listening = "ListeningConnectionCreated"
)

// event is one record of DeviceNetworkEvents.
type event struct {
	at        netcase.Time
	ticks     int // of 100 ns within the second
	host      *host
	action    string
	remote    netip.Addr
	mapped    bool // printed as an IPv6 address, for the socket listens on both
	localPort uint16
	peerPort  uint16
	proto     uint8
	owner     owner
	number    int // ReportId: counts on each device
}

// The sensor drops repeats of a connection for some time. Its documentation does
// not say for how long; the model takes an hour for what is accepted and longer
// for what is opened.
const (
	quietAccepted = netcase.Hour
	quietOpened   = 8 * netcase.Hour
)

// repeat is what the sensor takes for the same connection.
type repeat struct {
	host   int
	action string
	remote netip.Addr
	port   uint16
	owner  owner
	cell   netcase.Time
}

// deviceEvents are what the endpoint sensor recorded of the flows. It sees what
// got through, not what a rule set denied.
func (w *world) deviceEvents() []event {
	d := newDraw(w.seed, partExport+1<<8)
	out := w.openedSockets()
	seen := map[repeat]bool{}
	add := func(i int, e event, port uint16, cell netcase.Time) {
		k := repeat{i, e.action, e.remote, port, e.owner, e.at.Truncate(cell)}
		if seen[k] || e.owner == none {
			return
		}
		seen[k] = true
		e.ticks, e.mapped = d.IntN(1e7), e.action == accepted && d.chance(.3)
		out = append(out, e)
	}
	for i := range w.flows {
		f := &w.flows[i]
		if f.result != answered {
			continue
		}
		if s, ours := w.byAddr[f.src]; ours && w.hosts[s].sensor {
			add(s, event{at: f.at, host: &w.hosts[s], action: succeeded, remote: f.dst, localPort: f.sport, peerPort: f.dport, proto: f.proto, owner: f.owner}, f.dport, quietOpened)
		}
		if t, ours := w.byAddr[f.dst]; ours && w.hosts[t].sensor && f.proto == netcase.TCP {
			add(t, event{at: f.at, host: &w.hosts[t], action: accepted, remote: f.src, localPort: f.dport, peerPort: f.sport, proto: f.proto, owner: w.hosts[t].listener(f.dport)}, f.dport, quietAccepted)
		}
	}
	return numbered(out)
}

// openedSockets are the listening sockets that came up as the records begin.
func (w *world) openedSockets() (out []event) {
	for i := range w.hosts {
		h := &w.hosts[i]
		if !h.sensor {
			continue
		}
		for _, port := range h.listens {
			if o := h.listener(port); o != none && port != monitorPort {
				out = append(out, event{at: w.start + netcase.Time(i)*netcase.Second, host: h, action: listening, localPort: port, proto: netcase.TCP, owner: o})
			}
		}
	}
	return out
}

// numbered sorts the events and counts them on each device.
func numbered(events []event) []event {
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ticks, b.ticks), strings.Compare(a.host.name, b.host.name))
	})
	count := map[*host]int{}
	for i := range events {
		count[events[i].host]++
		events[i].number = 1000 + count[events[i].host]
	}
	return events
}

// defenderTime is an instant with seven fractional digits.
func defenderTime(at netcase.Time, ticks int) string {
	b := at.Std().AppendFormat(make([]byte, 0, 32), "2006-01-02T15:04:05.")
	return string(append(appendPadded(b, int64(ticks), 7), 'Z'))
}

// remoteText is the remote address as the sensor prints it.
func (e event) remoteText() string {
	switch {
	case !e.remote.IsValid():
		return ""
	case e.mapped:
		return "::ffff:" + e.remote.String()
	}
	return e.remote.String()
}

func (e event) remoteType() string {
	switch {
	case !e.remote.IsValid():
		return ""
	case e.mapped:
		return "FourToSixMapping"
	case e.remote.IsPrivate():
		return "Private"
	}
	return "Public"
}

// group is the command line up to the service group, as a query cuts it.
func (e event) group() string {
	words := strings.Fields(e.owner.process().command)
	if len(words) > 3 && words[1] == "-k" {
		words = words[:3]
	}
	return strings.Join(words, " ")
}

// projectedDeviceColumns are what an analyst's query shows of the events: who
// and with whom, but neither the action nor the local port.
func projectedDeviceColumns() []column[event] {
	return []column[event]{
		{"Timestamp", func(e event) string { return defenderTime(e.at, e.ticks) }},
		{"DeviceName", func(e event) string { return e.host.name }},
		{"RemoteIP", event.remoteText},
		{"InitiatingProcessFileName", func(e event) string { return e.owner.process().file }},
		{"InitiatingProcessCommandLine", event.group},
	}
}

// deviceColumns is the whole of DeviceNetworkEvents.
func deviceColumns() []column[event] {
	return slices.Concat(connectionColumns(), processColumns(), []column[event]{
		{"ReportId", func(e event) string { return count(int64(e.number)) }},
		{"AppGuardContainerId", func(event) string { return "" }},
		{"AdditionalFields", func(event) string { return "" }},
	})
}

func connectionColumns() []column[event] {
	return []column[event]{
		{"Timestamp", func(e event) string { return defenderTime(e.at, e.ticks) }},
		{"DeviceId", func(e event) string { return e.host.device }},
		{"DeviceName", func(e event) string { return e.host.name }},
		{"ActionType", func(e event) string { return e.action }},
		{"RemoteIP", event.remoteText},
		{"RemotePort", func(e event) string { return portText(e.peerPort) }},
		{"RemoteUrl", func(event) string { return "" }},
		{"LocalIP", func(e event) string { return e.host.addr.String() }},
		{"LocalPort", func(e event) string { return portText(e.localPort) }},
		{"Protocol", func(e event) string {
			if e.proto == netcase.UDP {
				return "Udp"
			}
			return "Tcp"
		}},
		{"LocalIPType", func(event) string { return "Private" }},
		{"RemoteIPType", event.remoteType},
	}
}

func portText(p uint16) string {
	if p == 0 {
		return ""
	}
	return count(int64(p))
}

func processColumns() []column[event] {
	of := func(name string, value func(event, process) string) column[event] {
		return column[event]{"InitiatingProcess" + name, func(e event) string { return value(e, e.owner.process()) }}
	}
	empty := func(event, process) string { return "" }
	return []column[event]{
		of("FileName", func(_ event, p process) string { return p.file }),
		of("FolderPath", func(_ event, p process) string {
			if p.folder == "" {
				return ""
			}
			return strings.ToLower(p.folder + `\` + p.file)
		}),
		of("CommandLine", func(_ event, p process) string { return p.command }),
		of("Id", func(e event, _ process) string { return count(e.processID()) }),
		of("CreationTime", func(e event, _ process) string { return defenderTime(e.host.booted, int(e.processID())*1013) }),
		of("ParentFileName", func(_ event, p process) string { return p.parent }),
		of("ParentId", func(_ event, p process) string {
			if p.parent == "" {
				return ""
			}
			return "708"
		}),
		of("AccountDomain", func(_ event, p process) string {
			if p.account == "user" {
				return "corp"
			}
			return "nt authority"
		}),
		of("AccountName", func(_ event, p process) string { return p.account }),
		of("AccountSid", empty),
		of("IntegrityLevel", func(_ event, p process) string {
			if p.account == "user" {
				return "Medium"
			}
			return "System"
		}),
		of("MD5", empty),
		of("SHA1", empty),
		of("SHA256", empty),
		of("FileSize", empty),
		of("VersionInfoCompanyName", func(_ event, p process) string {
			return "Microsoft Corporation"
		}),
		of("VersionInfoOriginalFileName", func(_ event, p process) string { return p.file }),
	}
}

// processID is a plausible identifier: multiples of four on Windows.
func (e event) processID() int64 {
	if e.owner == system {
		return 4
	}
	return 804 + 4*int64(e.owner)*(61+int64(e.host.addr.As4()[3]))
}
