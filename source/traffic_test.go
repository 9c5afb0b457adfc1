package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"netcase"
)

func TestRealTraffic(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dataDir(t, "msticpy"), "az_net_flows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := Recognise(Formats(), text[:HeadSize]); err != nil || f.Name != "azure-traffic" {
		t.Fatalf("recognised as %q: %v", f.Name, err)
	}
	flows, report, err := allFlows(t, azureTraffic, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Read != 460 || report.Accepted != 460 || !report.Balanced() {
		t.Errorf("read %d, accepted %d of 460 rows: %v", report.Read, report.Accepted, report.Reasons)
	}
	var out, in, intra, named int
	var sum int64
	for _, f := range flows {
		switch f.Ours {
		case netcase.SideSrc:
			out++
		case netcase.SideDst:
			in++
		default:
			intra++
		}
		if f.Src.Name == "msticalertswin1" && f.Ours == netcase.SideSrc || f.Dst.Name == "msticalertswin1" && f.Ours == netcase.SideDst {
			named++
		}
		sum += f.Flows
		if f.Reach != netcase.ReachAllowed || f.Proto == 0 || !f.Src.Addr.IsValid() || !f.Dst.Addr.IsValid() {
			t.Errorf("%s", describe(&f))
		}
	}
	// 452 rows list 910 public addresses, eight name both ends; the counters add up to 3093.
	if len(flows) != 918 || out != 906 || in != 4 || intra != 8 || named != 910 || sum != 3093 || report.Flows != 3093 {
		t.Errorf("%d flows (%d out, %d in, %d between our own, %d named) that stand for %d", len(flows), out, in, intra, named, sum)
	}
	if !slices.Contains(report.Missing, "FlowStatus") || !slices.Contains(report.Missing, "FlowIntervalStartTime") {
		t.Errorf("missing: %v", report.Missing)
	}
}

// trafficTable is a CSV with the columns of header and the given rows.
func trafficTable(header string, rows ...string) []byte {
	return []byte(header + "\n" + strings.Join(rows, "\n") + "\n")
}

const trafficHeader = "FlowIntervalStartTime_t,FlowIntervalEndTime_t,FlowStartTime_t,FlowType_s,SrcIP_s,DestIP_s,SrcPublicIPs_s,DestPublicIPs_s," +
	"DestPort_d,L4Protocol_s,FlowDirection_s,FlowStatus_s,NSGList_s,VM_s,VM1_s,VM2_s,AllowedInFlows_d,DeniedInFlows_d,AllowedOutFlows_d,DeniedOutFlows_d"

const trafficWhen = "2025-10-20T14:00:00Z,2025-10-20T15:00:00Z,2025-10-20T14:05:00Z,"

// TestEveryPackedAddress: what other readers take the first element of.
func TestEveryPackedAddress(t *testing.T) {
	text := trafficTable(trafficHeader, trafficWhen+"ExternalPublic,,10.0.0.5,203.0.113.9|3|0|0|0|0|0 203.0.113.77|1|0|0|0|0|0 2001:db8::7|2|0|0|0|0|0,,23,T,I,D,s/rg/n,rg/vm,,,0,6,0,0")
	flows, report, err := allFlows(t, azureTraffic, text)
	if err != nil || report.Read != 1 || report.Accepted != 1 || report.Flows != 6 {
		t.Fatalf("%v, %+v", err, report)
	}
	got := map[string]int64{}
	for _, f := range flows {
		got[f.Src.Addr.String()] = f.Flows
	}
	if !maps.Equal(got, map[string]int64{"203.0.113.9": 3, "203.0.113.77": 1, "2001:db8::7": 2}) {
		t.Error(got)
	}
}

// TestSevenDigitsAreNoAddress: a count of bytes in a list is doubted, with its place.
func TestSevenDigitsAreNoAddress(t *testing.T) {
	text := trafficTable(trafficHeader, trafficWhen+"ExternalPublic,,10.0.0.5,203.0.113.9|3|0|0|0|0|0 1234567,,23,T,I,D,s/rg/n,rg/vm,,,0,3,0,0")
	flows, report, _ := allFlows(t, azureTraffic, text)
	if len(flows) != 1 || len(report.Samples) != 1 {
		t.Fatalf("%d flows, %v", len(flows), report.Samples)
	}
	if s := report.Samples[0]; s.Line != 2 || s.Field != "SrcPublicIPs" || s.Sample != "1234567" {
		t.Errorf("%+v", s)
	}
}

// TestVictimIsNotTheSourceMachine: the name of the source never becomes the host's.
func TestVictimIsNotTheSourceMachine(t *testing.T) {
	header := "FlowStartTime,FlowType,SrcPublicIps,DestIp,DestPort,L4Protocol,FlowDirection,FlowStatus,SrcVm,DestVm,AllowedInFlows"
	for _, c := range []struct{ row, want string }{
		{"2025-10-20T14:05:00Z,ExternalPublic,203.0.113.9,10.0.0.5,22,T,Inbound,Allowed,rg/attacker,rg/victim,1", "10.0.0.5(rg/victim)"},
		{"2025-10-20T14:05:00Z,ExternalPublic,203.0.113.9,,22,T,Inbound,Allowed,rg/attacker,rg/victim,1", "rg/victim"},
		{"2025-10-20T14:05:00Z,ExternalPublic,203.0.113.9,,22,T,Inbound,Allowed,rg/attacker,,1", "unknown"},
	} {
		flows, _, err := allFlows(t, azureTraffic, trafficTable(header, c.row))
		if err != nil || len(flows) != 1 {
			t.Fatal(err, flows)
		}
		if got := endpointText(flows[0].Dst); got != c.want || flows[0].Src.Name != "" {
			t.Errorf("%s: the host is %s, the peer %s", c.row, got, endpointText(flows[0].Src))
		}
	}
}

// TestTrafficReach: the status decides, else the counters; sizes of zero prove nothing.
func TestTrafficReach(t *testing.T) {
	header := "FlowStartTime_t,FlowType_s,SrcIP_s,DestIP_s,DestPort_d,L4Protocol_s,FlowDirection_s,FlowStatus_s,AllowedInFlows_d,DeniedInFlows_d,OutboundPackets_d,InboundPackets_d,OutboundBytes_d,InboundBytes_d"
	for _, c := range []struct{ cells, want string }{
		{"A,5,0,,,,", "allowed 5"},
		{"A,5,0,9,0,900,0", "allowed 5"},
		{"A,5,0,9,8,900,800", "bidirectional 5"},
		{"A,5,0,,,900,800", "bidirectional 5"},
		{"D,0,7,0,0,0,0", "denied 7"},
		{",5,0,,,,", "allowed 5"},
		{",0,7,,,,", "denied 7"},
		{",,,,,,", "unknown 1"},
		{",0,0,,,,", "unknown 1"},
		{"A,,,,,,", "allowed 1"},
		{"A,5,7,9,8,900,800", "bidirectional 5, denied 7"},
		{"Deny,0,7,,,,", "denied 7"},
		{"allowed,1,,,,,", "allowed 1"},
	} {
		flows, report, err := allFlows(t, azureTraffic, trafficTable(header, "2025-10-20T14:05:00Z,S2S,172.16.0.9,10.0.0.5,22,T,I,"+c.cells))
		if err != nil || report.Read != 1 {
			t.Fatal(err, report)
		}
		var got []string
		for _, f := range flows {
			got = append(got, fmt.Sprint(f.Reach, " ", f.Flows))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s, want %s", c.cells, s, c.want)
		}
	}
}

// TestLongPackedList reads one row whose list has ten megabytes.
func TestLongPackedList(t *testing.T) {
	var list strings.Builder
	n := 0
	for list.Len() < 10<<20 {
		fmt.Fprintf(&list, "10.%d.%d.%d|1|0|0|0|0|0 ", n>>16, n>>8&255, n&255)
		n++
	}
	text := trafficTable(trafficHeader, trafficWhen+"ExternalPublic,,10.0.0.5,"+list.String()+",,23,T,I,D,s/rg/n,rg/vm,,,0,"+strconv.Itoa(n)+",0,0")
	report := &netcase.InputReport{}
	most := 0
	err := azureTraffic.Decode(t.Context(), &Input{R: bytes.NewReader(text), Report: report}, func(b *netcase.Batch) error {
		most = max(most, b.Len())
		return nil
	})
	if err != nil || report.Read != 1 || report.Flows != int64(n) || most > BatchSize {
		t.Errorf("%v: %d flows of %d, batches of up to %d", err, report.Flows, n, most)
	}
}

// TestOverlappingExports reads a row in two spellings; the second is left out.
func TestOverlappingExports(t *testing.T) {
	csv, err := os.ReadFile("testdata/azure-traffic/portal-csv/in.csv")
	if err != nil {
		t.Fatal(err)
	}
	api, err := os.ReadFile("testdata/azure-traffic/api/in.json")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := allFlows(t, azureTraffic, csv)
	delivered := map[uint64]bool{}
	for _, f := range first {
		delivered[f.Key] = true
	}
	report := &netcase.InputReport{}
	in := &Input{R: bytes.NewReader(api), Report: report, Duplicate: func(k uint64) bool { return delivered[k] }}
	if err := azureTraffic.Decode(t.Context(), in, discard); err != nil {
		t.Fatal(err)
	}
	if report.Duplicate != 5 || report.Accepted != 0 || report.Flows != 0 || !report.Balanced() {
		t.Errorf("%+v", report)
	}
}

// TestTimeZoneOfAnExport reads local times in the zone that is asked for.
func TestTimeZoneOfAnExport(t *testing.T) {
	zone := time.FixedZone("UTC+2", 2*3600)
	for header, want := range map[string]string{
		"FlowStartTime_t":              "2025-10-20T12:05:00.000Z",
		"FlowStartTime_t [Local Time]": "2025-10-20T12:05:00.000Z",
		"FlowStartTime_t [UTC]":        "2025-10-20T14:05:00.000Z",
		"FlowStartTime_t [UTC+03:00]":  "2025-10-20T11:05:00.000Z",
	} {
		text := trafficTable(header+",FlowType_s,SrcIP_s,DestIP_s,DestPort_d", `"10/20/2025, 2:05:00.000 PM",S2S,172.16.0.9,10.0.0.5,22`)
		var got netcase.Time
		in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Zone: zone}
		err := azureTraffic.Decode(t.Context(), in, func(b *netcase.Batch) error { got = b.Flows[0].Start; return nil })
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", header, got, err, want)
		}
	}
}

// TestOrderIsFoundFarDown: the only date that tells the order is in the last row.
func TestOrderIsFoundFarDown(t *testing.T) {
	rows := slices.Repeat([]string{"3/10/2025 14:05:00,S2S,172.16.0.9,10.0.0.5,22"}, 20_000)
	rows = append(rows, "24/10/2025 14:05:00,S2S,172.16.0.9,10.0.0.5,22")
	flows, report, err := allFlows(t, azureTraffic, trafficTable("FlowStartTime_t,FlowType_s,SrcIP_s,DestIP_s,DestPort_d", rows...))
	if err != nil || report.Accepted != 20_001 {
		t.Fatal(err, report)
	}
	if got := flows[0].Start.Short(); got != "2025-10-03 14:05" {
		t.Errorf("the first row is of %s: %v", got, report.Notes)
	}
}

func TestApportion(t *testing.T) {
	for _, c := range []struct {
		weights []int64
		total   int64
		want    []int64
	}{
		{[]int64{3, 1, 2}, 6, []int64{3, 1, 2}},
		{[]int64{7, 3}, 20, []int64{14, 6}},
		{[]int64{1, 1, 1}, 10, []int64{4, 3, 3}},
		{[]int64{1, 1, 1}, 2, []int64{1, 1, 0}},
		{[]int64{10, 1}, 5, []int64{5, 0}},
		{[]int64{0, 4}, 4, []int64{0, 4}},
		{[]int64{maxSize, maxSize, 1}, 3, []int64{2, 1, 0}},
	} {
		if got := apportion(c.weights, c.total); !slices.Equal(got, c.want) {
			t.Errorf("%v of %d: %v, want %v", c.weights, c.total, got, c.want)
		}
	}
	if got := atLeastOne([]int64{5, 0, 3, 0}); !slices.Equal(got, []int64{3, 1, 3, 1}) {
		t.Error(got)
	}
}

// TestOtherTablesAreRefused: a helpful reason, and no claim on what others read.
func TestOtherTablesAreRefused(t *testing.T) {
	for _, c := range []struct{ name, head, reason string }{
		{"SecurityEvent", "TenantId,\"TimeGenerated [UTC]\",Account,Computer,EventID,Activity,IpAddress,IpPort\n", "Windows events"},
		{"IPDetails", "TimeGenerated,FlowType_s,IP_s,Location_s,PublicIPDetails_s,ThreatType_s\n", "describe addresses"},
		{"DeviceProcessEvents", "Timestamp,DeviceName,ActionType,FileName,ProcessCommandLine,InitiatingProcessFileName\n", "DeviceProcessEvents"},
		{"DeviceLogonEvents", "Timestamp,DeviceName,ActionType,LogonType,RemoteIP,RemotePort,AccountName\n", "DeviceLogonEvents"},
		{"CommonSecurityLog", "TimeGenerated,DeviceVendor,DeviceProduct,SourceIP,DestinationIP,DestinationPort,DeviceAction\n", "CommonSecurityLog"},
		{"one column", "TimeGenerated\n2025-10-20T14:05:00Z\n", "named columns"},
		{"EVE", `{"timestamp":"2025-10-20T14:05:00.000000+0000","event_type":"flow","src_ip":"10.0.0.5","dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":1}}` + "\n", ""},
		{"Zeek", `{"ts":1760969000.1,"uid":"C1","id.orig_h":"10.0.0.5","id.resp_h":"192.0.2.1","proto":"tcp"}` + "\n", ""},
		{"AWS", "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n", ""},
		{"AWS CSV", "version,account-id,interface-id,srcaddr,dstaddr,srcport,dstport,protocol,packets,bytes,start,end,action,log-status\n", ""},
		{"AbuseIPDB", "ipAddress,abuseConfidenceScore,lastReportedAt\n198.51.100.1,100,2025-10-20T14:05:00Z\n", ""},
		{"intelligence", "ip,first_seen,last_seen,category,confidence\n198.51.100.1,2025-01-01,2025-10-20,scanner,90\n", ""},
		{"STIX", `{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","pattern":"[ipv4-addr:value = '198.51.100.1']"}]}`, ""},
		{"error answer", `{"error":{"message":"no","code":"BadArgumentError"}}`, ""},
		{"sshd", "Oct 20 14:05:33 host sshd[1]: Failed password for root from 198.51.100.1 port 5, 2 ssh2\n", ""},
		{"binary", "\x00\x01\x02\x03,\xff;\n", ""},
		{"NSG counters", `{"records":[{"category":"NetworkSecurityGroupRuleCounter","properties":{"ruleName":"x"}}]}`, ""},
	} {
		for _, f := range []Format{azureNSG, azureVNet, azureTraffic, defenderNetwork} {
			ok, why := f.Detect([]byte(c.head))
			if ok || why == "" {
				t.Errorf("%s: claimed by %s", c.name, f.Name)
			}
			if f.Name == "azure-traffic" && !strings.Contains(why, c.reason) {
				t.Errorf("%s: %q says nothing of %q", c.name, why, c.reason)
			}
		}
	}
}

// TestHeadsAreEnough cuts every fixture where a head may end.
func TestHeadsAreEnough(t *testing.T) {
	for _, f := range []Format{azureNSG, azureVNet, azureTraffic, defenderNetwork} {
		inputs, _ := filepath.Glob(filepath.Join("testdata", f.Name, "*", "in.*"))
		for _, input := range inputs {
			text, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			if ok, why := f.Detect(text[:len(text)*9/10]); !ok {
				t.Errorf("%s: %s", input, why)
			}
		}
	}
}

func FuzzTraffic(f *testing.F) { fuzzFormat(f, azureTraffic, "azure-traffic") }

func BenchmarkTraffic(b *testing.B) {
	row := trafficWhen + "ExternalPublic,,10.0.0.5,203.0.113.9|3|0|0|0|0|0 203.0.113.77|1|0|0|0|0|0,,23,T,I,D,s/rg/n,rg/vm,,,0,4,0,0"
	b.Run("csv", func(b *testing.B) {
		benchmarkFormat(b, azureTraffic, trafficTable(trafficHeader, slices.Repeat([]string{row}, 100_000)...), 100_000)
	})
	one := trafficWhen + "MaliciousFlow,198.51.100.23,10.0.0.5,,,3389,T,I,A,s/rg/n,rg/vm,,,412,0,0,0"
	b.Run("one-address", func(b *testing.B) {
		benchmarkFormat(b, azureTraffic, trafficTable(trafficHeader, slices.Repeat([]string{one}, 100_000)...), 100_000)
	})
	cells, _ := json.Marshal(strings.Split(row, ","))
	names := `{"name":"` + strings.ReplaceAll(trafficHeader, ",", `"},{"name":"`) + `"}`
	api := `{"tables":[{"name":"PrimaryResult","columns":[` + names + `],"rows":[` + strings.Repeat(string(cells)+",", 99_999) + string(cells) + `]}]}`
	b.Run("api", func(b *testing.B) { benchmarkFormat(b, azureTraffic, []byte(api), 100_000) })
}

// TestQuickPacked: what is read in one go is what unpackOne reads, and what
// unpackOne refuses is not taken.
func TestQuickPacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	pieces := []string{"1", "203", "0", "01", "256", ".", ".", "|", "|", "|", "12345678901234", "x", "", "4.0"}
	taken := 0
	for range 200_000 {
		token := "203.0.113.9|3|0|1|2|30|40"
		for range rng.IntN(3) {
			at, end := rng.IntN(len(token)+1), 0
			end = min(len(token), at+rng.IntN(3))
			token = token[:at] + pieces[rng.IntN(len(pieces))] + token[end:]
		}
		var got packed
		n := quickPacked([]byte(token+" 192.0.2.1"), &got)
		want, reason := unpackOne([]byte(token))
		if n == 0 {
			continue
		}
		taken++
		if n != len(token) || reason != "" || got != want {
			t.Fatalf("%q: %+v of %d bytes, want %+v, %s", token, got, n, want, reason)
		}
	}
	if taken < 10_000 {
		t.Errorf("only %d taken", taken)
	}
}
