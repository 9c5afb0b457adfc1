// The tables that the queries ask, as their services document them: the columns
// with their KQL types. A table stands in the workspace (Log Analytics, Sentinel),
// in advanced hunting (Defender), or in both, where the time column differs.

const typed = (type, names) => names.trim().split(/\s+/).map((name) => [name, type]);

const trafficAnalytics = [
  ...typed("datetime", `TimeGenerated TimeProcessed_t FlowIntervalStartTime_t FlowIntervalEndTime_t
    FlowStartTime_t FlowEndTime_t`),
  ...typed("string", `TenantId Computer Type _ResourceId SubType_s FASchemaVersion_s FlowType_s SrcIP_s DestIP_s
    VMIP_s PublicIPs_s SrcPublicIPs_s DestPublicIPs_s L4Protocol_s L7Protocol_s FlowDirection_s FlowStatus_s
    NSGList_s NSGRules_s NSGRule_s NSGRuleType_s MACAddress_s Subscription_g Subscription1_g Subscription2_g
    Region_s Region1_s Region2_s NIC_s NIC1_s NIC2_s VM_s VM1_s VM2_s Subnet_s Subnet1_s Subnet2_s
    ConnectionType_s ConnectionName_s ConnectingVNets_s Country_s AzureRegion_s`),
  ...typed("real", `DestPort_d AllowedInFlows_d DeniedInFlows_d AllowedOutFlows_d DeniedOutFlows_d FlowCount_d
    InboundPackets_d OutboundPackets_d InboundBytes_d OutboundBytes_d CompletedFlows_d`),
  ...typed("bool", "IsFlowCapturedAtUDRHop_b"),
];

const netAnalytics = [
  ...typed("datetime", `TimeGenerated TimeProcessed FlowStartTime FlowEndTime FlowIntervalStartTime
    FlowIntervalEndTime`),
  ...typed("string", `TenantId Type _ResourceId AclGroup AclRule Action Description AzureRegion Country
    ConnectionName ConnectionType ConnectingVnets SrcIp DestIp SrcNic DestNic SrcPublicIps DestPublicIps SrcPorts
    SrcRegion DestRegion SrcSubnet DestSubnet SrcSubscription DestSubscription SrcVm DestVm FaSchemaVersion
    FlowDirection FlowStatus FlowEncryption FlowType FlowLogResourceId TargetResourceId TargetResourceType
    L4Protocol L7Protocol MacAddress NsgList NsgRule NsgRuleType Status SubType`),
  ...typed("long", `AllowedInFlows AllowedOutFlows DeniedInFlows DeniedOutFlows BytesSrcToDest BytesDestToSrc
    PacketsSrcToDest PacketsDestToSrc CompletedFlows RecordCount`),
  ...typed("int", "DestPort"),
  ...typed("bool", "IsFlowCapturedAtUdrHop"),
];

const device = [
  ...typed("string", "DeviceId DeviceName ActionType AppGuardContainerId"),
  ...typed("long", "ReportId"),
];

const initiator = [
  ...typed("string", `InitiatingProcessAccountDomain InitiatingProcessAccountName InitiatingProcessAccountSid
    InitiatingProcessAccountUpn InitiatingProcessAccountObjectId InitiatingProcessCommandLine
    InitiatingProcessFileName InitiatingProcessFolderPath InitiatingProcessIntegrityLevel
    InitiatingProcessTokenElevation InitiatingProcessMD5 InitiatingProcessSHA1 InitiatingProcessSHA256
    InitiatingProcessParentFileName`),
  ...typed("long", "InitiatingProcessFileSize InitiatingProcessId InitiatingProcessParentId"),
  ...typed("datetime", "InitiatingProcessCreationTime InitiatingProcessParentCreationTime"),
];

const file = [...typed("string", "FileName FolderPath SHA1 SHA256 MD5"), ...typed("long", "FileSize")];

// The device tables without their time column.
const deviceTables = {
  DeviceNetworkEvents: [...device, ...initiator,
    ...typed("string", "RemoteIP RemoteUrl LocalIP Protocol LocalIPType RemoteIPType"),
    ...typed("int", "RemotePort LocalPort")],
  DeviceProcessEvents: [...device, ...initiator, ...file,
    ...typed("string", `ProcessCommandLine ProcessIntegrityLevel ProcessTokenElevation AccountDomain AccountName
      AccountSid AccountUpn AccountObjectId`),
    ...typed("long", "ProcessId LogonId"), ...typed("datetime", "ProcessCreationTime")],
  DeviceRegistryEvents: [...device, ...initiator,
    ...typed("string", `RegistryKey RegistryValueType RegistryValueName RegistryValueData PreviousRegistryKey
      PreviousRegistryValueName PreviousRegistryValueData`)],
  DeviceImageLoadEvents: [...device, ...initiator, ...file],
  DeviceEvents: [...device, ...initiator, ...file,
    ...typed("string", `AccountDomain AccountName AccountSid RemoteUrl RemoteDeviceName ProcessCommandLine
      ProcessTokenElevation RegistryKey RegistryValueName RegistryValueData RemoteIP LocalIP FileOriginUrl
      FileOriginIP`),
    ...typed("long", "ProcessId LogonId"), ...typed("int", "RemotePort LocalPort"),
    ...typed("datetime", "ProcessCreationTime")],
  DeviceLogonEvents: [...device, ...initiator,
    ...typed("string", `LogonType AccountDomain AccountName AccountSid Protocol FailureReason RemoteDeviceName
      RemoteIP RemoteIPType`),
    ...typed("bool", "IsLocalAdmin"), ...typed("long", "LogonId"), ...typed("int", "RemotePort")],
  DeviceInfo: [
    ...typed("string", `DeviceId DeviceName ClientVersion PublicIP OSArchitecture OSPlatform OSVersion
      OSVersionInfo MachineGroup OnboardingStatus DeviceType`),
    ...typed("long", "OSBuild ReportId")],
};

const timed = (column) => Object.fromEntries(
  Object.entries(deviceTables).map(([name, columns]) => [name, [...typed("datetime", column), ...columns]]),
);

// What Sentinel's normalised network sessions give, whatever source they are of.
const networkSession = [
  ...typed("datetime", "TimeGenerated EventStartTime EventEndTime"),
  ...typed("string", `EventVendor EventProduct EventResult EventType DvcAction NetworkDirection NetworkProtocol
    NetworkApplicationProtocol SrcIpAddr SrcHostname SrcProcessName DstIpAddr DstHostname DstProcessName`),
  ...typed("int", "EventCount SrcPortNumber DstPortNumber"),
  ...typed("long", "SrcBytes DstBytes SrcPackets DstPackets NetworkBytes NetworkPackets"),
];

const securityEvent = [
  ...typed("datetime", "TimeGenerated"),
  ...typed("int", "EventID LogonType KeyLength ServiceStartType"),
  ...typed("string", `Computer Activity Account AccountType AccountName AccountDomain TargetUserName
    TargetDomainName TargetUserSid TargetAccount TargetLogonId SubjectUserName SubjectDomainName SubjectUserSid
    SubjectLogonId SubjectAccount LogonTypeName LogonProcessName AuthenticationPackageName LmPackageName IpAddress
    IpPort WorkstationName Workstation Status SubStatus FailureReason ProcessId ProcessName Process NewProcessId
    NewProcessName ParentProcessName CommandLine TokenElevationType MandatoryLabel ServiceName ServiceFileName
    ServiceType ServiceAccount PrivilegeList ElevatedToken VirtualAccount RestrictedAdminMode EventData
    EventSourceName Channel Task Level SourceComputerId`),
];

const windowsEvents = {
  Event: [...typed("datetime", "TimeGenerated"), ...typed("int", "EventID EventLevel EventCategory"),
    ...typed("string", "Computer EventLog EventLevelName Source UserName RenderedDescription ParameterXml EventData")],
  WindowsEvent: [...typed("datetime", "TimeGenerated"), ...typed("int", "EventID EventLevel"),
    ...typed("string", "Computer Channel Provider EventLevelName"), ...typed("dynamic", "EventData")],
};

const syslog = [
  ...typed("datetime", "TimeGenerated EventTime"), ...typed("int", "ProcessID"),
  ...typed("string", "Computer CollectorHostName Facility HostIP HostName ProcessName SeverityLevel SyslogMessage"),
];

const commonSecurityLog = [
  ...typed("datetime", "TimeGenerated StartTime EndTime"),
  ...typed("string", `DeviceVendor DeviceProduct DeviceVersion DeviceEventClassID Activity LogSeverity DeviceAction
    SimplifiedDeviceAction CommunicationDirection Protocol ApplicationProtocol SourceIP SourceHostName
    SourceUserName DestinationIP DestinationHostName DestinationUserName DeviceName Message Reason EventOutcome
    AdditionalExtensions Computer`),
  ...typed("int", "SourcePort DestinationPort EventCount"),
  ...typed("long", "ReceivedBytes SentBytes"),
];

// Where a query may run: its tables, and its functions of the kind
// f(starttime, endtime) that give a table.
export const places = {
  workspace: {
    tables: {
      AzureNetworkAnalytics_CL: trafficAnalytics, NTANetAnalytics: netAnalytics, SecurityEvent: securityEvent,
      Syslog: syslog, CommonSecurityLog: commonSecurityLog, ...windowsEvents, ...timed("TimeGenerated"),
    },
    sessions: { _Im_NetworkSession: networkSession },
  },
  "advanced hunting": { tables: timed("Timestamp"), sessions: {} },
};

// What some query must ask, so that none of them goes unread.
export const expected = `AzureNetworkAnalytics_CL NTANetAnalytics _Im_NetworkSession DeviceNetworkEvents DeviceInfo
  DeviceProcessEvents DeviceRegistryEvents DeviceImageLoadEvents DeviceEvents DeviceLogonEvents SecurityEvent Event
  Syslog`.trim().split(/\s+/);
