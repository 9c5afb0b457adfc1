package source

import "strings"

// Some carriers keep the data of an event without the names: the parameters of
// the Event table, the Properties of PowerShell. They stand in the order of the
// event's template, to which later versions only append.

const (
	winSubjectBlock = "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId "
	winTargetBlock  = "TargetUserSid TargetUserName TargetDomainName TargetLogonId "
	winClientBlock  = "AccountName AccountDomain LogonID SessionName ClientName ClientAddress"
	winFilterBlock  = "ProcessID Application Direction SourceAddress SourcePort DestAddress DestPort Protocol FilterRTID"
	winGroupBlock   = "MemberName MemberSid TargetUserName TargetDomainName TargetSid " + winSubjectBlock
	winUserBlock    = "TargetUserName TargetDomainName TargetSid " + winSubjectBlock
)

// winTemplates are the names of the data in their order.
var winTemplates = map[winClass]map[int64]string{
	classSecurity: {
		4624: winSubjectBlock + winTargetBlock + "LogonType LogonProcessName AuthenticationPackageName WorkstationName LogonGuid " +
			"TransmittedServices LmPackageName KeyLength ProcessId ProcessName IpAddress IpPort",
		4625: winSubjectBlock + "TargetUserSid TargetUserName TargetDomainName Status FailureReason SubStatus LogonType LogonProcessName " +
			"AuthenticationPackageName WorkstationName TransmittedServices LmPackageName KeyLength ProcessId ProcessName IpAddress IpPort",
		4634: winTargetBlock + "LogonType",
		4647: winTargetBlock,
		4648: winSubjectBlock + "LogonGuid TargetUserName TargetDomainName TargetLogonGuid TargetServerName TargetInfo ProcessId " +
			"ProcessName IpAddress IpPort",
		4672: winSubjectBlock + "PrivilegeList",
		4688: winSubjectBlock + "NewProcessId NewProcessName TokenElevationType ProcessId CommandLine " + winTargetBlock + "ParentProcessName",
		4689: winSubjectBlock + "Status ProcessId ProcessName",
		4697: winSubjectBlock + "ServiceName ServiceFileName ServiceType ServiceStartType ServiceAccount",
		4698: winSubjectBlock + "TaskName TaskContent",
		4702: winSubjectBlock + "TaskName TaskContentNew",
		4720: winUserBlock,
		4722: winUserBlock,
		4724: winUserBlock,
		4728: winGroupBlock,
		4732: winGroupBlock,
		4738: "Dummy " + winUserBlock,
		4740: winUserBlock,
		4756: winGroupBlock,
		4767: winUserBlock,
		4768: "TargetUserName TargetDomainName TargetSid ServiceName ServiceSid TicketOptions Status TicketEncryptionType PreAuthType IpAddress IpPort",
		4769: "TargetUserName TargetDomainName ServiceName ServiceSid TicketOptions TicketEncryptionType IpAddress IpPort Status",
		4771: "TargetUserName TargetSid ServiceName TicketOptions Status PreAuthType IpAddress IpPort",
		4776: "PackageName TargetUserName Workstation Status",
		4778: winClientBlock,
		4779: winClientBlock,
		5152: winFilterBlock,
		5156: winFilterBlock,
		5157: winFilterBlock,
	},
	classServices:          {7045: "ServiceName ImagePath ServiceType StartType AccountName"},
	classEventlog:          {1102: winSubjectBlock, 104: "SubjectUserName SubjectDomainName Channel BackupPath"},
	classRdpCore:           {131: "ConnType ClientIP", 140: "IPString"},
	classRemoteConnections: {1149: "Param1 Param2 Param3"},
	classLocalSessions: {21: "User SessionID Address", 22: "User SessionID Address", 23: "User SessionID", 24: "User SessionID Address",
		25: "User SessionID Address"},
}

// positions names data by their order.
type positions struct {
	event *winEvent
	names []string
}

func newPositions(e *winEvent) positions {
	id, _ := winNumber(e.cells[winID])
	class := winClassOf(nameIn(e.cells[winProvider], maxName), nameIn(e.cells[winChannel], maxName))
	return positions{e, strings.Fields(winTemplates[class][id])}
}

// set fills the field that is next.
func (p *positions) set(cell []byte) {
	if len(p.names) > 0 {
		p.event.set(winData([]byte(p.names[0])), cell)
	}
}

// step moves on to the next.
func (p *positions) step() {
	if len(p.names) > 0 {
		p.names = p.names[1:]
	}
}
