package source

import (
	"fmt"
	"strings"
	"testing"

	"netcase"
)

// TestSummary counts rows of a summary as the flows that they stand for. A column that
// may be the sum of counters in the same row counts nothing again.
func TestSummary(t *testing.T) {
	const ends = "2025-10-20T14:00:00Z,MaliciousFlow,198.51.100.23,10.0.0.5,3389,I,A"
	const head = "TimeGenerated,FlowType_s,SrcIP_s,DestIP_s,DestPort_d,FlowDirection_s,FlowStatus_s"
	for _, c := range []struct {
		format            Format
		head, row         string
		flows             int64
		resolution        netcase.Resolution
		accepted, refused int64
	}{
		{azureTraffic, head, ends, 1, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",count_", ends + ",5000", 5000, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",Count", ends + ",5000.0", 5000, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",AllowedInFlows_d,count_", ends + ",7,3", 21, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",AllowedInFlows_d,Connections", ends + ",7,7", 7, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",sum_AllowedInFlows_d,sum_DeniedInFlows_d", ends + ",500,3", 503, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, "TimeGenerated,SrcIP_s,DestIP_s,DestPort_d,sum_AllowedInFlows_d,sum_DeniedInFlows_d", "2025-10-20T14:00:00Z,198.51.100.23,10.0.0.5,3389,500,0",
			500, netcase.ResolutionUnknown, 1, 0},
		{commonSecurityLog, "TimeGenerated,DeviceVendor,DeviceAction,SourceIP,DestinationIP,DestinationPort,Protocol,sum_EventCount",
			"2025-10-20T14:00:00Z,Fortinet,deny,198.51.100.23,10.0.0.5,3389,TCP,40", 40, netcase.ResolutionUnknown, 1, 0},
		{azureTraffic, head + ",count_", ends + ",0", 0, 0, 0, 1},
		{azureTraffic, head + ",count_", ends + ",-4", 0, 0, 0, 1},
		{azureTraffic, head + ",count_", ends + ",1e300", 0, 0, 0, 1},
		{commonSecurityLog, "TimeGenerated,DeviceVendor,DeviceAction,SourceIP,DestinationIP,DestinationPort,Protocol,count_",
			"2025-10-20T14:00:00Z,Fortinet,deny,198.51.100.23,10.0.0.5,3389,TCP,40", 40, netcase.ResolutionUnknown, 1, 0},
		{commonSecurityLog, "TimeGenerated,DeviceVendor,DeviceAction,SourceIP,DestinationIP,DestinationPort,Protocol,EventCount,Hits",
			"2025-10-20T14:00:00Z,Fortinet,deny,198.51.100.23,10.0.0.5,3389,TCP,2,2", 2, netcase.ResolutionUnknown, 1, 0},
		{defenderNetwork, "Timestamp,DeviceName,ActionType,RemoteIP,RemotePort,LocalPort,Protocol,count_",
			"2025-10-20T14:00:00Z,srv-1,InboundConnectionAccepted,198.51.100.23,50000,3389,Tcp,12", 12, netcase.ResolutionUnknown, 1, 0},
		{defenderNetwork, "Timestamp,DeviceName,ActionType,RemoteIP,RemotePort,LocalPort,Protocol,count_",
			"2025-10-20T14:00:00Z,srv-1,InboundConnectionAccepted,198.51.100.23,50000,3389,Tcp,1", 1, netcase.ResolutionUnknown, 1, 0},
	} {
		flows, report, err := allFlows(t, c.format, []byte(c.head+"\n"+c.row+"\n"))
		if err != nil || !report.Balanced() {
			t.Errorf("%s: %v, %+v", c.head, err, report)
		}
		if report.Flows != c.flows || report.Accepted != c.accepted || report.Rejected != c.refused {
			t.Errorf("%s: %d flows of %d accepted and %d rejected rows, want %d of %d and %d",
				c.head+" "+c.row, report.Flows, report.Accepted, report.Rejected, c.flows, c.accepted, c.refused)
		}
		if len(flows) == 1 && (flows[0].Flows != c.flows || flows[0].Resolution != c.resolution) {
			t.Errorf("%s: %+v", c.head, flows[0])
		}
	}
}

// TestSummaryOfMessages counts a message of the Syslog table as often as its row says,
// also where it is held back until a stronger line can follow.
func TestSummaryOfMessages(t *testing.T) {
	const text = `TimeGenerated,Computer,Facility,ProcessName,SyslogMessage,count_
2025-10-20T14:00:00Z,web1,auth,sshd,Failed password for root from 198.51.100.23 port 40022 ssh2,30
2025-10-20T14:00:00Z,web1,auth,sshd,message repeated 5 times: [ Failed password for root from 198.51.100.23 port 40022 ssh2],4
2025-10-20T14:00:00Z,web1,auth,sshd,Invalid user ftp from 192.0.2.2 port 37220,7
2025-10-20T14:00:01Z,web1,auth,sshd,Accepted password for bob from 203.0.113.5 port 40023 ssh2,1
`
	g := goldenOf(t, "in.csv", []byte(text))
	var counts []string
	for _, l := range g.Logins {
		counts = append(counts, l["Account"].(string)+" "+fmt.Sprint(l["Count"]))
	}
	if got, want := strings.Join(counts, ", "), "root 30, root 20, bob 1, ftp 7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
