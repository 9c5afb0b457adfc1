package source

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

const (
	formatDefender = "defender-network"
	sensorDefender = "defender"
)

// defenderNetwork reads DeviceNetworkEvents.
var defenderNetwork = Format{
	Name:   formatDefender,
	Doc:    "DeviceNetworkEvents of Microsoft Defender, exported as CSV or JSON, from Defender or from a workspace",
	Proves: "which process accepted or opened which connection, and that it was established; never a block, and counts are a lower bound",
	Detect: detectDefender,
	Decode: decodeDefender,
	Split:  tableSplit(defenderSpec),
	Join:   func(in *Input) { joinDevice(in, deviceNetwork) },
}

// The fields of a row.
const (
	dfTime = iota
	dfDevice
	dfDeviceID
	dfAction
	dfRemoteIP
	dfRemotePort
	dfRemoteURL
	dfLocalIP
	dfLocalPort
	dfProtocol
	dfReport
	dfImage
	dfPath
	dfCommand
	dfAccount
	dfDomain
	dfParent
	dfOS
	dfTable
	dfImageID
	dfImageOriginal
	dfImageSHA256
	dfImageSHA1
	dfImageMD5
	dfImageSigned
	dfImageSigner
	dfFileName
	dfFolder
	dfSHA256
	dfSHA1
	dfMD5
	dfPCommand
	dfPID
	dfIntegrity
	dfElevation
	dfOriginal
	dfSigned
	dfSigner
	dfAccountName
	dfAccountDomain
	dfLogonType
	dfFailure
	dfLocalAdmin
	dfLogonID
	dfRemoteDevice
	dfAdditional
	dfRegKey
	dfRegName
	dfRegData
	dfPrevious
	dfFields
)

// defenderNames are the standard names of the fields.
var defenderNames = []string{
	dfTime: "Timestamp", dfDevice: "DeviceName", dfDeviceID: "DeviceId", dfAction: "ActionType", dfRemoteIP: "RemoteIP",
	dfRemotePort: "RemotePort", dfRemoteURL: "RemoteUrl", dfLocalIP: "LocalIP", dfLocalPort: "LocalPort", dfProtocol: "Protocol",
	dfReport: "ReportId", dfImage: "InitiatingProcessFileName", dfPath: "InitiatingProcessFolderPath",
	dfCommand: "InitiatingProcessCommandLine", dfAccount: "InitiatingProcessAccountName", dfDomain: "InitiatingProcessAccountDomain",
	dfParent: "InitiatingProcessParentFileName", dfOS: "OSPlatform", dfTable: "$table", dfImageID: "InitiatingProcessId",
	dfImageOriginal: "InitiatingProcessVersionInfoOriginalFileName", dfImageSHA256: "InitiatingProcessSHA256",
	dfImageSHA1: "InitiatingProcessSHA1", dfImageMD5: "InitiatingProcessMD5", dfImageSigned: "InitiatingProcessSignatureStatus",
	dfImageSigner: "InitiatingProcessSignerType", dfFileName: "FileName", dfFolder: "FolderPath", dfSHA256: "SHA256", dfSHA1: "SHA1",
	dfMD5: "MD5", dfPCommand: "ProcessCommandLine", dfPID: "ProcessId", dfIntegrity: "ProcessIntegrityLevel",
	dfElevation: "ProcessTokenElevation", dfOriginal: "ProcessVersionInfoOriginalFileName", dfSigned: "CreatedProcessSignatureStatus",
	dfSigner: "CreatedProcessSignerType", dfAccountName: "AccountName", dfAccountDomain: "AccountDomain", dfLogonType: "LogonType",
	dfFailure: "FailureReason", dfLocalAdmin: "IsLocalAdmin", dfLogonID: "LogonId", dfRemoteDevice: "RemoteDeviceName",
	dfAdditional: "AdditionalFields", dfRegKey: "RegistryKey", dfRegName: "RegistryValueName", dfRegData: "RegistryValueData",
	dfPrevious: "PreviousFileName",
}

func defenderSpec() *tableSpec {
	s := &tableSpec{table: tableDefender, join: true, width: dfFields, aliases: map[string]alias{}, times: []int{dfTime}}
	for field, name := range defenderNames {
		s.aliases[strings.ToLower(name)] = alias{field: field}
	}
	for name, field := range map[string]int{
		"timegenerated": dfTime, "computer": dfDevice, "deviceos": dfOS, "osversion": dfOS,
		"remoteipaddress": dfRemoteIP, "localipaddress": dfLocalIP, "initiatingprocess": dfImage,
		"type": dfTable, "category": dfTable, "sourcetable": dfTable, "logonfailurereason": dfFailure,
		// as msticpy and the sensor itself name the columns
		"reporttime": dfTime, "computerdnsname": dfDevice, "machineid": dfDeviceID, "reportindex": dfReport,
		"initiatingprocessname": dfImage, "initiatingprocessimagefilepath": dfPath, "process_commandline": dfCommand,
		"initiatingprocessaccountdomainname": dfDomain, "initiatingprocessparentprocessname": dfParent,
		"initiatingprocessimagesha256": dfImageSHA256, "initiatingprocessimagesha1": dfImageSHA1, "initiatingprocessimagemd5": dfImageMD5,
		"createdprocessname": dfFileName, "createdprocessfilepath": dfFolder, "createdprocesscommandline": dfPCommand,
		"createdprocessid": dfPID, "createdprocessintegritylevel": dfIntegrity, "createdprocesstokenelevationtype": dfElevation,
		"createdprocessfilesha256": dfSHA256, "createdprocessfilesha1": dfSHA1, "createdprocessfilemd5": dfMD5,
		"createdprocessversioninfooriginalfilename": dfOriginal, "createdprocessaccountname": dfAccountName,
		"createdprocessaccountdomainname": dfAccountDomain,
	} {
		s.aliases[name] = alias{field, 1}
	}
	return s
}

func detectDefender(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case !h.has("remoteip", "remoteipaddress") || !h.has("remoteport", "localport") && !namesOwner(&h):
		if known := h.knownTable(); known != "" {
			return false, "it is " + known
		}
		return false, "it lacks RemoteIP with RemotePort or LocalPort, or with the device and its process"
	case !h.has("devicename", "deviceid", "actiontype", "initiatingprocessfilename"):
		return false, "it names neither device nor action nor process"
	case h.has("logontype"):
		return false, "it is DeviceLogonEvents, which holds logins and no flows"
	case h.has("registrykey", "registryvaluename"):
		return false, "it is DeviceEvents or DeviceRegistryEvents"
	case !h.has("timestamp", "timegenerated"):
		return false, "it has no column with a time"
	}
	return true, ""
}

// namesOwner tells whether a projection without ports still says which process of
// which device had to do with an address, and is not another table of devices.
func namesOwner(h *tableHead) bool {
	return h.has("devicename", "deviceid") && h.has("initiatingprocessfilename", "initiatingprocesscommandline") &&
		!h.has("filename", "processcommandline", "registrykey", "logonid", "accountname", "additionalfields")
}

// action is what an ActionType says about a connection.
type action struct {
	side  side
	reach netcase.Reach
}

// side says which end of a connection began it.
type side uint8

const (
	sideByPort side = iota // the row does not say: the service port does
	sideDevice
	sideRemote
	sideListening // nobody yet: a port was opened
	sideNoFlow
)

// defenderActions says what the actions mean. A failed connection is not a denied
// one: no action of this table tells of a firewall. Attempts and acknowledgements
// are seen by inspecting packets, in either direction.
var defenderActions = [...]struct {
	name string
	action
}{
	{"inboundconnectionaccepted", action{sideRemote, netcase.ReachBidirectional}},
	{"connectionsuccess", action{sideDevice, netcase.ReachBidirectional}},
	{"connectionfailed", action{sideDevice, netcase.ReachNoReply}},
	{"connectionacknowledged", action{sideByPort, netcase.ReachBidirectional}},
	{"connectionattempt", action{sideByPort, netcase.ReachUnknown}},
	{"connectionrequest", action{sideDevice, netcase.ReachUnknown}},
	{"connectionfound", action{sideDevice, netcase.ReachUnknown}},
	{"inboundconnectionattempt", action{sideRemote, netcase.ReachUnknown}},
	{"listeningconnectioncreated", action{sideListening, netcase.ReachUnknown}},
	{"firewallinboundconnectionblocked", action{sideRemote, netcase.ReachDenied}},      // of DeviceEvents, in a union
	{"firewallinboundconnectiontoappblocked", action{sideRemote, netcase.ReachDenied}}, // of DeviceEvents
	{"firewalloutboundconnectionblocked", action{sideDevice, netcase.ReachDenied}},     // of DeviceEvents
	{"", action{sideByPort, netcase.ReachUnknown}},
}

func actionOf(name string) action {
	for _, a := range defenderActions {
		if strings.EqualFold(a.name, name) {
			return a.action
		}
	}
	return action{side: sideNoFlow}
}

// defenderReader decodes rows of DeviceNetworkEvents.
type defenderReader struct {
	tableReading
	byPort, noAction, assumedProto, portless int64

	table   deviceTable      // of rows that do not say
	systems map[string]int64 // rows of DeviceInfo by operating system
	device  lowered
	owner   accountName
	kind    deviceKind // of the last row
}

// accountName joins domain and account, remembered while the same two recur.
type accountName struct{ domain, account, joined string }

func (a *accountName) of(domain, account string) string {
	if account == "" || domain == "" {
		return account
	}
	if a.domain != domain || a.account != account {
		a.domain, a.account, a.joined = domain, account, domain+"\\"+account
	}
	return a.joined
}

func decodeDefender(ctx context.Context, in *Input, out Sink) error {
	return decodeDevice(ctx, in, out, deviceNetwork)
}

// The names of the counts that Join tells of.
const (
	sumNoAction = "rows without an action"
	sumPortless = "rows without action and port"
	sumByPort   = "rows decided by the port"
)

// defenderRow is one row, read.
type defenderRow struct {
	*tableRow
	at           netcase.Time
	device, peer netcase.Endpoint
	local, far   uint16 // ports
	name         string // of the action
	action       action
	key          uint64
}

func (r *defenderReader) accept(x *tableRow) error {
	k := r.kindOf(x)
	switch {
	case k.other != "":
		r.in.Skip("a row of " + k.other + ", which is not read")
		return nil
	case !k.network:
		return r.otherTable(x, k.table, k.word)
	}
	row, field, reason := r.row(x)
	if reason != "" {
		return r.reject(x, defenderNames[field], reason)
	}
	switch {
	case row.action.side == sideNoFlow:
		r.in.Skip("ActionType " + row.name + " is no connection")
	case r.in.delivered(row.key):
		r.in.Duplicates(1, "delivered by another input already")
	case row.action.side == sideListening || !row.peer.Known():
		r.processOnly(&row)
	case row.name == "" && row.local == 0 && row.far == 0:
		r.portless++ // neither who began nor which service: no flow can be made of it
		r.processOnly(&row)
	default:
		r.flow(&row)
		r.process(&row)
	}
	return nil
}

// row reads the cells.
func (r *defenderReader) row(x *tableRow) (row defenderRow, field int, reason string) {
	row = defenderRow{tableRow: x, name: r.kind.word, action: r.kind.action}
	var err error
	if row.at, err = r.time(x, dfTime); err != nil {
		return row, dfTime, err.Error()
	}
	if !row.at.Known() {
		return row, dfTime, "no time"
	}
	row.device.Name = r.name(x, dfDevice, maxName)
	if row.device.Name == "" {
		row.device.Name = r.name(x, dfDeviceID, maxName)
	}
	for _, a := range [...]struct {
		field int
		into  *netcase.Endpoint
	}{{dfLocalIP, &row.device}, {dfRemoteIP, &row.peer}} {
		if cell := x.cells[a.field]; !blank(cell) {
			var ok bool
			if a.into.Addr, ok = addressIn(cell); !ok {
				return row, a.field, "not an address"
			}
			if a.into.Addr.IsUnspecified() {
				a.into.Addr = netip.Addr{} // bound to every address: that names none
			}
		}
	}
	for _, p := range [...]struct {
		field int
		into  *uint16
	}{{dfLocalPort, &row.local}, {dfRemotePort, &row.far}} {
		var ok bool
		if *p.into, ok = portIn(x.cells[p.field]); !ok {
			return row, p.field, "not a port"
		}
	}
	row.key = defenderKey(&row, r.device.of(row.device.Name))
	return row, 0, ""
}

// defenderKey is the natural key: ReportId, DeviceName and Timestamp. Where a
// projection left out ReportId, what else tells the event apart takes its place.
func defenderKey(x *defenderRow, device string) uint64 {
	d := newDigest(formatDefender).text(device).number(uint64(x.at))
	if report, _, ok := countIn(x.cells[dfReport]); ok && !blank(x.cells[dfReport]) {
		return d.number(uint64(report)).key()
	}
	for _, field := range [...]int{dfReport, dfAction, dfRemoteIP, dfRemotePort, dfLocalIP, dfLocalPort, dfImage, dfCommand} {
		d = d.bytes(trimmed(x.cells[field]))
	}
	return d.key()
}

// flow hands over the connection.
func (r *defenderReader) flow(x *defenderRow) {
	f := nextFlow(&r.batch)
	f.Start, f.End, f.Reach, f.Resolution, f.Sensor, f.Key = x.at, x.at, x.action.reach, netcase.ResolutionSampled, sensorDefender, x.key
	f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent
	if x.name == "" {
		r.noAction++
	}
	began := x.action.side
	if began == sideByPort {
		r.byPort++
		began = beganByPort(x.local, x.far)
	}
	f.Src, f.SrcPort, f.Dst, f.DstPort, f.Ours = x.device, x.local, x.peer, x.far, netcase.SideSrc
	if began == sideRemote {
		f.Src, f.SrcPort, f.Dst, f.DstPort, f.Ours = x.peer, x.far, x.device, x.local, netcase.SideDst
	}
	var ok bool
	if f.Proto, ok = protocolIn(x.cells[dfProtocol]); !ok {
		f.Proto = netcase.TCP
		r.assumedProto++
	}
	if r.in.Raw {
		f.Place, f.Raw = x.place(), r.kept(x.tableRow)
		f.Stamp, f.Zone = r.stamp(x.tableRow, dfTime)
	}
	r.in.AcceptFlow(&r.batch, f)
}

// The ports from which systems choose the near end of a connection: Linux from
// 32768, Windows and IANA (RFC 6335) from 49152.
const (
	firstDynamicLinux = 32768
	firstDynamic      = 49152
	lastSystemPort    = 1023
)

// beganByPort decides who began by the port that offers a service: the side that
// has it responds. Where that decides nothing, the device is taken to have begun.
func beganByPort(local, far uint16) side {
	if servicePort(local) > servicePort(far) {
		return sideRemote
	}
	return sideDevice
}

// servicePort ranks how likely a port offers a service.
func servicePort(p uint16) int {
	switch {
	case p == 0 || p >= firstDynamic:
		return 0
	case netcase.IsAdminPort(p) || slices.Contains(netcase.MassScanPorts, p) || p <= lastSystemPort:
		return 3
	case p >= firstDynamicLinux:
		return 1
	}
	return 2
}

// processOnly counts a row that is no flow and hands over its process.
func (r *defenderReader) processOnly(x *defenderRow) {
	if !r.process(x) {
		if x.action.side == sideListening {
			r.in.Skip("ActionType " + x.name + " without a process")
		} else {
			r.in.Skip("neither a flow nor a process can be made of it")
		}
		return
	}
	r.in.AcceptRecord(x.at, sensorDefender)
}

// process hands over the process of the row, if it names one.
func (r *defenderReader) process(x *defenderRow) bool {
	p := netcase.Process{
		Time: x.at, Host: x.device, OS: r.name(x.tableRow, dfOS, maxName), Role: roleOf(x), Action: x.name,
		Image: r.name(x.tableRow, dfImage, maxName), Path: r.name(x.tableRow, dfPath, maxKey),
		CommandLine: r.name(x.tableRow, dfCommand, maxCommand), Account: r.owner.of(r.name(x.tableRow, dfDomain, maxName), r.name(x.tableRow, dfAccount, maxName)),
		Parent: r.name(x.tableRow, dfParent, maxName), LocalPort: x.local, RemotePort: x.far, Peer: x.peer, Sensor: sensorDefender, Key: x.key,
	}
	if p.Image == "" && p.CommandLine == "" && p.Path == "" {
		return false
	}
	p.ID, p.Original = processID(x.cells[dfImageID]), r.name(x.tableRow, dfImageOriginal, maxName)
	p.Hash = hashOf(x.tableRow, dfImageSHA256, dfImageSHA1, dfImageMD5)
	if r.in.Raw {
		p.Place, p.Raw = x.place(), r.kept(x.tableRow)
		p.Stamp, p.Zone = r.stamp(x.tableRow, dfTime)
	}
	r.batch.Processes = append(r.batch.Processes, p)
	return true
}

// roleOf is the part that the process plays. Without an action it is not known.
func roleOf(x *defenderRow) netcase.ProcessRole {
	switch {
	case x.name == "":
		return ""
	case x.action.reach == netcase.ReachDenied:
		return netcase.RoleOther // nothing was accepted or opened
	case x.action.side == sideRemote || x.action.side == sideListening ||
		x.action.side == sideByPort && beganByPort(x.local, x.far) == sideRemote:
		return netcase.RoleListener
	}
	return netcase.RoleConnector
}
