package source

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
)

func FuzzCEF(f *testing.F)               { fuzzMessages(f, cef, "cef") }
func FuzzLEEF(f *testing.F)              { fuzzMessages(f, leef, "leef") }
func FuzzPaloAlto(f *testing.F)          { fuzzMessages(f, paloAlto, "paloalto") }
func FuzzFortigate(f *testing.F)         { fuzzMessages(f, fortigate, "fortigate") }
func FuzzCheckpoint(f *testing.F)        { fuzzMessages(f, checkpoint, "checkpoint") }
func FuzzCommonSecurityLog(f *testing.F) { fuzzMessages(f, commonSecurityLog, "commonsecuritylog") }

// FuzzASA: a connection that is joined is two records.
func FuzzASA(f *testing.F) {
	seedFrom(f, "cisco-asa")
	f.Fuzz(func(t *testing.T, text []byte) {
		ciscoASA.Detect(text[:min(len(text), HeadSize)])
		report, records := &netcase.InputReport{}, int64(0)
		_ = ciscoASA.Decode(t.Context(), &Input{R: bytes.NewReader(text), Report: report, Raw: true}, func(b *netcase.Batch) error {
			records += int64(b.Len() - len(b.Flows))
			for i := range b.Flows {
				checkFlow(t, &b.Flows[i])
				records += b.Flows[i].Records
				if at := b.Flows[i].Place.Offset; !bytes.HasPrefix(text[at:], b.Flows[i].Raw) {
					t.Fatalf("the raw bytes do not stand at offset %d", at)
				}
			}
			return nil
		})
		if !report.Balanced() || report.Accepted != records {
			t.Fatalf("%d records: %+v", records, report)
		}
		for reason := range report.Reasons {
			if strings.HasPrefix(reason, "panic") {
				t.Fatal(reason)
			}
		}
		for _, n := range report.Notes {
			if strings.Contains(n, "the decoder failed") {
				t.Fatal(n)
			}
		}
	})
}

// firewallFormats are the formats of this family.
func firewallFormats() map[string]Format {
	out := map[string]Format{}
	for _, f := range []Format{cef, leef, paloAlto, fortigate, ciscoASA, checkpoint, commonSecurityLog} {
		out[f.Name] = f
	}
	return out
}

// TestFirewallsInParts: lines that are decoded in parts are what they are as a whole.
func TestFirewallsInParts(t *testing.T) {
	for name, f := range firewallFormats() {
		inputs, _ := filepath.Glob(filepath.Join("testdata", name, "*", "in.*"))
		for _, input := range inputs {
			text, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			checkParts(t, f, input, text)
		}
	}
}

// TestFirewallsClaimNothingElse: what others read, also real data, is refused.
func TestFirewallsClaimNothingElse(t *testing.T) {
	ours := firewallFormats()
	check := func(path, owner string) {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || info.Size() == 0 {
			return
		}
		head := syslogHeadOf(t, path)
		for _, name := range slices.Sorted(maps.Keys(ours)) {
			ok, why := ours[name].Detect(head)
			if ok && name != owner || !ok && why == "" {
				t.Errorf("%s claims %s (%q)", name, path, why)
			}
		}
	}
	paths, _ := filepath.Glob(filepath.Join("testdata", "*", "*", "in.*"))
	for _, path := range paths {
		check(path, strings.Split(filepath.ToSlash(path), "/")[1])
	}
	seen := 0
	err := filepath.WalkDir(dataDir(t), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			check(path, "")
			seen++
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d files of real data", seen)
}

// TestDeviceHeaders: whatever stands before a message, its time and its host are found.
func TestDeviceHeaders(t *testing.T) {
	for _, c := range []struct{ header, stamp, host string }{
		{"", "", ""},
		{"<14>Mar  4 10:05:34 fw-1 ", "Mar  4 10:05:34", "fw-1"},
		{"<14>1 2024-03-04T10:05:34Z fw-1 app 1 - - ", "2024-03-04T10:05:34Z", "fw-1"},
		{"2024-03-04T10:05:34+01:00 relay Mar  4 2024 10:05:33 fw-1 : ", "Mar  4 2024 10:05:33", "fw-1"},
		{"<166>Mar 04 2024 10:05:01: ", "Mar 04 2024 10:05:01:", ""},
		{"<166>:Mar 04 2024 10:05:01 UTC: ", "Mar 04 2024 10:05:01", ""},
		{"fw-1 ", "", "fw-1"},
		{"123 <166>1 2024-03-04T10:05:34Z fw-1 - - - - ", "2024-03-04T10:05:34Z", "fw-1"},
		{"Mar  4 10:05:34 192.0.2.1 ", "Mar  4 10:05:34", "192.0.2.1"},
		{"Mar  4 10:05:34 2001:db8::1 ", "Mar  4 10:05:34", "2001:db8::1"},
		{"Mar  4 10:05:34 fw-1 CEF[12]: ", "Mar  4 10:05:34", "fw-1"},
	} {
		var s stamp
		if h := devHeader([]byte(c.header), &s); string(h.stamp) != c.stamp || string(h.host) != c.host {
			t.Errorf("%q: %q %q", c.header, h.stamp, h.host)
		}
	}
}

// TestCEFExtension: values with spaces, escapes, and signs that should have been escaped.
func TestCEFExtension(t *testing.T) {
	for text, want := range map[string]string{
		`a=1 b=two words c=3`:                 "a:1|b:two words|c:3",
		`request=http://h/?q=1&r=2 act=allow`: "request:http://h/?q=1&r=2|act:allow",
		`msg=x\=y \\z\nnext act=deny`:         "msg:x=y \\z\nnext|act:deny",
		`cs1Label=Rule Name cs1= act=drop`:    "cs1Label:Rule Name|cs1:|act:drop",
		`  ad.x[0]=1 FTNTFGTa_b=2`:            "ad.x[0]:1|FTNTFGTa_b:2",
		`msg=(a b=c) act=deny`:                "msg:(a|b:c)|act:deny",
		``:                                    "",
		`no keys at all`:                      "",
		"msg=trailing spaces   act=accept\t src=10.0.0.1": "msg:trailing spaces|act:accept|src:10.0.0.1",
	} {
		var got []string
		for _, f := range cefExtension([]byte(text), nil) {
			got = append(got, string(f.key)+":"+string(f.value))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}

// TestDeviceTimes: the forms in which CEF documents a time, and zones by letters.
func TestDeviceTimes(t *testing.T) {
	const want = "2024-03-04T10:05:33.000Z"
	for _, text := range []string{
		"1709546733000", "1709546733", "Mar 04 2024 10:05:33 UTC", "Mar 04 2024 10:05:33.000 UTC", "Mar 04 2024 11:05:33 CET", "Mar 4 2024 05:05:33 EST",
		"2024-03-04T10:05:33Z", "2024-03-04T11:05:33+01:00", "Mar 04 2024 12:05:33 GMT+02:00", "Mar 04 2024 10:05:33", "Mar 04 2024 10:05:33 XYZ",
	} {
		r := devReading{in: &Input{Report: &netcase.InputReport{}}}
		at, zone := r.time([]byte(text))
		if at.String() != want {
			t.Errorf("%q: %s", text, at)
		}
		if assumed := zone != ""; assumed != strings.HasSuffix(text, "33") && !strings.HasSuffix(text, "XYZ") && text[0] == 'M' {
			t.Errorf("%q: zone %q", text, zone)
		}
	}
	for _, text := range []string{"", "never", "Mar 99 2024 10:05:33", strings.Repeat("1", 80)} {
		r := devReading{in: &Input{Report: &netcase.InputReport{}}}
		if at, _ := r.time([]byte(text)); at.Known() {
			t.Errorf("%q: %s", text, at)
		}
	}
}

// TestVendorReach: what the words of the vendors prove, by the counters beside them.
func TestVendorReach(t *testing.T) {
	flow := func(out, in, pout, pin int64) *netcase.Flow {
		return &netcase.Flow{OctetsOut: out, OctetsIn: in, PacketsOut: pout, PacketsIn: pin}
	}
	none := flow(-1, -1, -1, -1)
	for _, c := range []struct {
		name      string
		got, want netcase.Reach
	}{
		{"forti accept without counters", fortiReach("accept", none), netcase.ReachAllowed},
		{"forti close both ways", fortiReach("close", flow(9, 9, 9, 9)), netcase.ReachBidirectional},
		{"forti close, octets only", fortiReach("close", flow(9, 9, -1, -1)), netcase.ReachBidirectional},
		{"forti accept, octets and no packets back", fortiReach("accept", flow(9, 9, 9, 0)), netcase.ReachNoReply},
		{"forti deny with counters", fortiReach("deny", flow(9, 9, 9, 9)), netcase.ReachDenied},
		{"forti ip-conn without counters", fortiReach("ip-conn", none), netcase.ReachNoReply},
		{"forti server reset without counters", fortiReach("server-rst", none), netcase.ReachAllowed},
		{"forti server reset late", fortiReach("server-rst", flow(900, 900, 9, 9)), netcase.ReachBidirectional},
		{"forti word that is not known", fortiReach("perhaps", flow(9, 9, 9, 9)), netcase.ReachUnknown},
		{"pan incomplete aged out", panReach("end", "allow", "incomplete", "aged-out", flow(74, 0, 1, 0)), netcase.ReachNoReply},
		{"pan incomplete without counters", panReach("end", "allow", "incomplete", "aged-out", none), netcase.ReachNoReply},
		{"pan insufficient data", panReach("end", "allow", "insufficient-data", "tcp-fin", flow(400, 300, 5, 4)), netcase.ReachBidirectional},
		{"pan reset both", panReach("end", "reset-both", "ssl", "policy-deny", flow(400, 300, 5, 4)), netcase.ReachDenied},
		{"pan denied once known", panReach("end", "allow", "ssh", "policy-deny", flow(400, 300, 5, 4)), netcase.ReachDenied},
		{"pan reset by the server late", panReach("end", "allow", "ssl", "tcp-rst-from-server", flow(400, 300, 5, 4)), netcase.ReachBidirectional},
		{"check point accept", checkpointReach("accept", none), netcase.ReachAllowed},
		{"check point reject", checkpointReach("reject", none), netcase.ReachDenied},
		{"asa idle", asaReach(netcase.TCP, 0, true, " Conn-timeout", netcase.SideDst), netcase.ReachAllowed},
		{"asa reset by the one that began", asaReach(netcase.TCP, 0, true, " TCP Reset-O", netcase.SideDst), netcase.ReachAllowed},
		{"asa reset by the responder", asaReach(netcase.TCP, 0, true, " TCP Reset-I", netcase.SideDst), netcase.ReachRefused},
		{"asa reset after payload", asaReach(netcase.TCP, 10, true, " TCP Reset-I", netcase.SideDst), netcase.ReachBidirectional},
		{"asa denied by a list", asaReach(netcase.TCP, 10, true, " Flow denied by access rules", netcase.SideDst), netcase.ReachDenied},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}

// TestASAOpenIsBounded: connections that never end do not pile up, and none is lost.
func TestASAOpenIsBounded(t *testing.T) {
	const n = asaHeld + 1000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Mar 04 2024 10:05:01 fw : %%ASA-6-302013: Built inbound TCP connection %d for outside:198.51.%d.%d/51234 (198.51.100.1/51234) to inside:10.6.6.6/443 (10.6.6.6/443)\n", i, i>>8&255, i&255)
	}
	flows, report, err := allFlows(t, ciscoASA, []byte(b.String()))
	if err != nil || len(flows) != n || report.Accepted != n {
		t.Fatalf("%v: %d flows, %+v", err, len(flows), report)
	}
	if notes := strings.Join(report.Notes, "\n"); !strings.Contains(notes, "in 1000 rows a connection begins that was counted as allowed before") {
		t.Error(notes)
	}
	for i := range flows {
		if want := fmt.Sprintf("198.51.%d.%d", i>>8&255, i&255); flows[i].Src.String() != want {
			t.Fatalf("flow %d is of %s, want %s: they are let go in their order", i, flows[i].Src, want)
		}
	}
}

// TestCarriersAgree: one session through CEF and through the table is one flow.
func TestCarriersAgree(t *testing.T) {
	native := "CEF:0|Fortinet|Fortigate|v7.0.5|00013|traffic:forward close|3|deviceExternalId=FGT1 FTNTFGTeventtime=1709546740123000000 cat=traffic:forward src=10.1.1.7 spt=40000 dst=203.0.113.80 dpt=443 externalId=88100 proto=6 act=close out=4100 in=20100 FTNTFGTsentpkt=12 FTNTFGTrcvdpkt=18\n"
	table := "TimeGenerated,DeviceVendor,DeviceProduct,DeviceEventClassID,Activity,DeviceAction,Protocol,SourceIP,SourcePort,DestinationIP,DestinationPort,SentBytes,ReceivedBytes,DeviceExternalID,ExtID,AdditionalExtensions\n" +
		"2024-03-04T10:05:40.500Z,Fortinet,Fortigate,00013,traffic:forward close,close,6,10.1.1.7,40000,203.0.113.80,443,4100,20100,FGT1,88100,cat=traffic:forward;FTNTFGTeventtime=1709546740123000000;FTNTFGTsentpkt=12;FTNTFGTrcvdpkt=18\n"
	a, _, err := allFlows(t, cef, []byte(native))
	b, _, errTable := allFlows(t, commonSecurityLog, []byte(table))
	if err != nil || errTable != nil || len(a) != 1 || len(b) != 1 {
		t.Fatalf("%v %v %d %d", err, errTable, len(a), len(b))
	}
	if describe(&a[0]) != describe(&b[0]) {
		t.Errorf("\n%s\n%s", describe(&a[0]), describe(&b[0]))
	}
}

// TestTimesOfTheTable: the columns that are named by their position are those.
func TestTimesOfTheTable(t *testing.T) {
	for field, want := range map[int]string{cslStart: "StartTime", cslEnd: "EndTime", cslReceipt: "ReceiptTime", cslMore: "AdditionalExtensions", cslKeys: "DeviceAction"} {
		if got := cslColumns[field].column; got != want {
			t.Errorf("%d is %s, want %s", field, got, want)
		}
	}
}

func BenchmarkFirewalls(b *testing.B) {
	all := firewallFormats()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		inputs, _ := filepath.Glob(filepath.Join("testdata", name, "*", "in.*"))
		text := bytes.TrimPrefix(readAll(b, inputs[len(inputs)-1]), []byte(bomUTF8))
		lead := 0
		if name == formatCSL {
			lead = bytes.IndexByte(text, '\n') + 1
		}
		text = append(text[:lead:lead], bytes.Repeat(text[lead:], 2000)...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}}
				if err := all[name].Decode(b.Context(), in, func(*netcase.Batch) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestASAWhoBegan: inbound and outbound tell it, whatever the interfaces are called.
func TestASAWhoBegan(t *testing.T) {
	for ends, want := range map[string]string{
		"inbound TCP connection 1 for outside:198.51.100.1/5000 (198.51.100.1/5000) to dmz:10.0.0.1/443 (10.0.0.1/443)":              "198.51.100.1 10.0.0.1:443 2",
		"outbound TCP connection 1 for outside:198.51.100.1/443 (198.51.100.1/443) to lan:10.0.0.1/5000(LOCAL\\kim) (10.0.0.1/5000)": "10.0.0.1 198.51.100.1:443 1",
		"inbound TCP connection 1 for inside:10.0.0.1/5000 (10.0.0.1/5000) to dmz:10.0.1.1/443 (10.0.1.1/443)":                       "10.0.0.1 10.0.1.1:443 2",
		"outbound TCP connection 1 for inside:10.0.0.1/5000 (10.0.0.1/5000) to outside:198.51.100.1/443 (198.51.100.1/443)":          "10.0.0.1 198.51.100.1:443 1",
	} {
		flows, _, err := allFlows(t, ciscoASA, []byte("Mar 04 2024 10:05:01 fw : %ASA-6-302013: Built "+ends+"\n"))
		if err != nil || len(flows) != 1 {
			t.Fatalf("%s: %v %d", ends, err, len(flows))
		}
		f := &flows[0]
		if got := fmt.Sprintf("%s %s:%d %d", f.Src, f.Dst, f.DstPort, f.Ours); got != want {
			t.Errorf("%s: %s, want %s", ends, got, want)
		}
	}
}

// TestCEFOfKnownVendors: headers that follow no template of the vendor.
func TestCEFOfKnownVendors(t *testing.T) {
	const ends = " src=198.51.100.10 dst=10.0.0.5 spt=40000 dpt=443 proto=TCP rt=1709546740000 "
	for header, want := range map[string]string{
		"Palo Alto Networks|PAN-OS|10.1|drop|Drop Policy|7|act=deny":           "flow denied",
		"Palo Alto Networks|PAN-OS|10.1|TRAFFIC|Allow traffic|1|act=allow":     "flow allowed",
		"Palo Alto Networks|PAN-OS|10.1|THREAT|Virus detected|5|act=alert":     "alert Virus detected",
		"Palo Alto Networks|PAN-OS|10.1|5678|threat detected|8|act=drop":       "alert threat detected",
		"Palo Alto Networks|PAN-OS|10.1|SYSTEM|general|8|act=drop":             "",
		"Fortinet|FortiGate|7.0|1234|traffic blocked|7|act=deny":               "flow denied",
		"Fortinet|FortiGate|7.0|0000000013|DENY Inbound|7|act=deny policyid=1": "flow denied",
		"Cisco|ASA|9.1|302014|Teardown|6|act=Allow out=10 in=20":               "flow bidirectional",
		"Cisco|ASA|9.1|106100|Denied|6|act=Deny msg=something else":            "flow denied",
		"Check Point|VPN-1 & FireWall-1|R81|drop|Drop|7|act=Reject":            "flow denied",
		"Unknown|Box|1|1|connection allowed|3|act=permit":                      "flow allowed",
		"Unknown|Box|1|1|something|3|act=perhaps":                              "",
	} {
		got := ""
		in := &Input{R: strings.NewReader("CEF:0|" + header + ends + "\n"), Report: &netcase.InputReport{}}
		err := cef.Decode(t.Context(), in, func(b *netcase.Batch) error {
			for i := range b.Flows {
				got = "flow " + b.Flows[i].Reach.String()
			}
			for i := range b.Alerts {
				got = "alert " + b.Alerts[i].Name
			}
			return nil
		})
		if err != nil || got != want || in.Report.Read != 1 || in.Report.Rejected > 0 {
			t.Errorf("%s: %q, want %q (%v %+v)", header, got, want, err, in.Report)
		}
	}
}

// TestWholeTable: exports of the whole table have columns that other tables have, too.
func TestWholeTable(t *testing.T) {
	const header = "TenantId,DeviceVendor,DeviceProduct,DeviceVersion,DeviceEventClassID,Activity,LogSeverity,OriginalLogSeverity,AdditionalExtensions,DeviceAction,ApplicationProtocol,EventCount,ProcessName,DestinationPort,DestinationIP,ProcessID,EndTime [UTC],ReceivedBytes,Message,SentBytes,EventOutcome,Protocol,ReceiptTime,SourcePort,SourceIP,StartTime [UTC],EventType,RemoteIP,RemotePort,ThreatDescription,MaliciousIP,Computer,SourceSystem,SimplifiedDeviceAction,Type,_ResourceId,Source,EventLog,EventCategory,EventLevel,EventLevelName,UserName,ParameterXml,EventData,EventID,RenderedDescription,MG,ManagementGroupName,Role,TimeGenerated\n"
	row := strings.Repeat(",", strings.Count(header, ",")-1)
	text := []byte(header + "t,Cisco,ASA" + row[2:] + ",2024-06-02T08:23:45.123Z\n")
	if f, err := Recognise(Formats(), text); err != nil || f.Name != formatCSL {
		t.Errorf("recognised as %q (%v)", f.Name, err)
	}
}
