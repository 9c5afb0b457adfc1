package hunt_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/hunt"
)

// What usually goes wrong when the tables of Traffic Analytics are put to
// intelligence, each from the export to the judged case. Addresses are plausible
// public ones, since a documentation range is reserved and would be refused.

// row is one record of an export: its cells by column.
type row map[string]string

// with is the row with some cells set to something else.
func (r row) with(other row) row {
	out := row{}
	for _, cells := range []row{r, other} {
		for k, v := range cells {
			out[k] = v
		}
	}
	return out
}

// table is an export as CSV.
func table(t *testing.T, header string, rows []row) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	names := strings.Fields(header)
	lines := [][]string{names}
	for _, r := range rows {
		line, used := make([]string, len(names)), 0
		for i, n := range names {
			if v, ok := r[n]; ok {
				line[i] = v
				used++
			}
		}
		if used != len(r) {
			t.Fatalf("a row has cells that the table lacks: %v", r)
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// nsgHeader is AzureNetworkAnalytics_CL, ntaHeader NTANetAnalytics.
const (
	nsgHeader = "TimeGenerated SubType_s FlowIntervalStartTime_t FlowIntervalEndTime_t FlowStartTime_t FlowEndTime_t FlowType_s " +
		"SrcIP_s DestIP_s VMIP_s SrcPublicIPs_s DestPublicIPs_s PublicIPs_s DestPort_d L4Protocol_s L7Protocol_s FlowDirection_s FlowStatus_s " +
		"NSGList_s NSGRule_s VM_s VM1_s VM2_s AllowedInFlows_d DeniedInFlows_d AllowedOutFlows_d DeniedOutFlows_d " +
		"InboundPackets_d OutboundPackets_d InboundBytes_d OutboundBytes_d"
	ntaHeader = "TimeGenerated SubType FaSchemaVersion FlowIntervalStartTime FlowIntervalEndTime FlowStartTime FlowEndTime FlowType " +
		"FlowDirection FlowStatus SrcIp DestIp SrcPublicIps DestPublicIps SrcVm DestVm DestPort L4Protocol AclGroup AclRule TargetResourceId " +
		"AllowedInFlows DeniedInFlows AllowedOutFlows DeniedOutFlows PacketsSrcToDest PacketsDestToSrc BytesSrcToDest BytesDestToSrc"
)

// day is when everything here happens.
var day = time.Date(2025, 10, 20, 0, 0, 0, 0, time.UTC)

func at(hour, minute int) string {
	return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute).Format(time.RFC3339)
}

// nsgRow is a row of an hour: one allowed flow from outside to 10.0.0.5.
func nsgRow(hour int, other row) row {
	return row{
		"TimeGenerated": at(hour+1, 22), "SubType_s": "FlowLog", "FlowIntervalStartTime_t": at(hour, 0), "FlowIntervalEndTime_t": at(hour+1, 0),
		"FlowStartTime_t": at(hour, 3), "FlowEndTime_t": at(hour, 58), "FlowType_s": "ExternalPublic", "DestIP_s": "10.0.0.5",
		"DestPort_d": "3389", "L4Protocol_s": "T", "FlowDirection_s": "I", "FlowStatus_s": "A", "NSGList_s": "rg-web/nsg-web",
		"NSGRule_s": "allow-rdp", "VM_s": "rg-web/win-vm1", "AllowedInFlows_d": "1", "DeniedInFlows_d": "0",
	}.with(other)
}

// denied turns a row into one that was denied.
func denied(r row) row {
	return r.with(row{"FlowStatus_s": "D", "NSGRule_s": "deny-all", "AllowedInFlows_d": "0", "DeniedInFlows_d": "1"})
}

// listOf is a list of abuse that was known a week before, an address or a range a
// line.
func listOf(what ...string) []byte {
	return []byte("address,provider,origin,category,first_seen,last_seen\n" +
		strings.Join(what, ",AbuseIPDB,AbuseIPDB,Port Scan; Brute-Force,2025-10-01,2025-10-12\n") +
		",AbuseIPDB,AbuseIPDB,Port Scan; Brute-Force,2025-10-01,2025-10-12\n")
}

// given writes telemetry and lists, and is the configuration that reads them.
func given(t *testing.T, telemetry, lists map[string][]byte) hunt.Config {
	t.Helper()
	dir := t.TempDir()
	for folder, files := range map[string]map[string][]byte{"telemetry": telemetry, "intel": lists} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cfg := hunt.DefaultConfig()
	cfg.Paths = []string{filepath.Join(dir, "telemetry")}
	if len(lists) > 0 {
		cfg.Intel = []hunt.IntelPath{{Path: filepath.Join(dir, "intel")}}
	}
	return cfg
}

// judged investigates one export against one list.
func judged(t *testing.T, export, list []byte) *netcase.Case {
	t.Helper()
	lists := map[string][]byte{}
	if list != nil {
		lists["abuse-2025-10-13.csv"] = list
	}
	c := run(t, given(t, map[string][]byte{"flows.csv": export}, lists))
	for _, in := range c.Coverage.Inputs {
		if in.Rejected+in.Skipped+in.Duplicate > 0 || !in.Balanced() || in.Error != "" {
			t.Fatalf("%s: read %d, accepted %d: %v %v %s", in.Name, in.Read, in.Accepted, in.Reasons, in.Samples, in.Error)
		}
	}
	return c
}

// sightingOf is what the case says of a listed address in one direction.
func sightingOf(c *netcase.Case, a string, d netcase.Direction) *netcase.Sighting {
	want := netcase.At(netip.MustParseAddr(a))
	for _, f := range c.Findings {
		if f.Sighting == nil {
			continue
		}
		for i := range f.Sighting.Sightings {
			if s := &f.Sighting.Sightings[i]; s.Profile.Peer == want && s.Profile.Direction == d {
				return s
			}
		}
	}
	return nil
}

// expectSighting wants a listed address to be met, with a number of flows.
func expectSighting(t *testing.T, c *netcase.Case, a string, d netcase.Direction, flows int64, outcome netcase.Outcome) *netcase.Sighting {
	t.Helper()
	s := sightingOf(c, a, d)
	if s == nil {
		t.Errorf("the listed %s (%s) is not met", a, d)
		return nil
	}
	if s.Profile.Flows != flows || s.Outcome != outcome || !s.Card.Listed() {
		t.Errorf("%s: %d flows, outcome %q, %d listings; want %d, %q, listed", a, s.Profile.Flows, s.Outcome, s.Card.Adverse, flows, outcome)
	}
	return s
}

// peersOf are all far ends that the findings of a case name.
func peersOf(c *netcase.Case) map[string]bool {
	out := map[string]bool{}
	add := func(list []netcase.Profile) {
		for _, p := range list {
			out[p.Peer.String()] = true
		}
	}
	for _, f := range c.Findings {
		if f.Scan != nil {
			add(f.Scan.Sources)
		}
		if f.Exposure != nil {
			add(f.Exposure.Sources)
		}
		if f.Sighting != nil {
			for _, s := range f.Sighting.Sightings {
				out[s.Profile.Peer.String()] = true
			}
		}
	}
	return out
}

// TestD1EveryPackedAddress: a row of public flows packs many addresses into one
// cell, and a reader that takes the first element never sees the others.
func TestD1EveryPackedAddress(t *testing.T) {
	const in = "11.201.7.1|3|0|0|0|0|0 11.201.7.2|1|0|0|0|0|0 11.201.7.3|2|0|0|0|0|0"
	const out = "11.202.7.1|1|1|10|8|1000|9000 11.202.7.2|1|1|10|8|1000|9000 11.202.7.3|4|4|40|30|4000|36000"
	tables := map[string][]row{
		"nsg": {
			denied(nsgRow(14, row{"SrcPublicIPs_s": in})).with(row{"DeniedInFlows_d": "6"}),
			nsgRow(14, row{"FlowDirection_s": "O", "DestIP_s": "", "SrcIP_s": "10.0.0.5", "DestPublicIPs_s": out, "DestPort_d": "443",
				"AllowedInFlows_d": "0", "AllowedOutFlows_d": "6", "OutboundPackets_d": "60", "InboundPackets_d": "46", "OutboundBytes_d": "6000", "InboundBytes_d": "54000"}),
		},
		"nta": {
			ntaRow(14, row{"SrcPublicIps": in, "DestIp": "10.0.0.5", "FlowStatus": "Denied", "DeniedInFlows": "6"}),
			ntaRow(14, row{"FlowDirection": "Outbound", "SrcIp": "10.0.0.5", "DestPublicIps": out, "DestPort": "443", "AllowedOutFlows": "6",
				"PacketsSrcToDest": "60", "PacketsDestToSrc": "46", "BytesSrcToDest": "6000", "BytesDestToSrc": "54000"}),
		},
	}
	listed := []string{"11.201.7.2", "11.201.7.3", "11.202.7.3"}
	for name, header := range map[string]string{"nsg": nsgHeader, "nta": ntaHeader} {
		t.Run(name, func(t *testing.T) {
			if got := matchedSessions(tables[name], listed...); len(got) != 0 {
				t.Errorf("the parsers see %q", got)
			}
			if got := matchedSessions(tables[name], "11.201.7.1", "11.202.7.1"); len(got) != 2 {
				t.Errorf("of each row the parsers see the first address: %q", got)
			}
			c := judged(t, table(t, header, tables[name]), listOf(listed...))
			expectSighting(t, c, "11.201.7.2", netcase.Inbound, 1, netcase.OutcomeDenied)
			expectSighting(t, c, "11.201.7.3", netcase.Inbound, 2, netcase.OutcomeDenied)
			s := expectSighting(t, c, "11.202.7.3", netcase.Outbound, 4, netcase.OutcomeOutbound)
			if s != nil && (s.Profile.OctetsOut != 4000 || s.Profile.OctetsIn != 36000) {
				t.Errorf("the last address has %d and %d octets, want its own 4000 and 36000", s.Profile.OctetsOut, s.Profile.OctetsIn)
			}
			if n := c.Coverage.Flows(); n != 12 {
				t.Errorf("%d flows, the two rows stand for 12", n)
			}
		})
	}
}

// TestD2DeprecatedColumn: the column that held all public addresses is deprecated
// and empty in today's rows; who matches intelligence against it alone, or against
// its first address, matches nothing.
func TestD2DeprecatedColumn(t *testing.T) {
	for name, cells := range map[string]row{
		"old":   {"PublicIPs_s": "11.201.7.1|3|0|0|0|0|0 11.201.7.3|2|0|0|0|0|0"},
		"today": {"SrcPublicIPs_s": "11.201.7.1|3|0|0|0|0|0 11.201.7.3|2|0|0|0|0|0"},
		"both": {"SrcPublicIPs_s": "11.201.7.1|3|0|0|0|0|0 11.201.7.3|2|0|0|0|0|0",
			"PublicIPs_s": "11.201.7.1|3|0|0|0|0|0 11.201.7.3|2|0|0|0|0|0"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := []row{nsgRow(14, cells).with(row{"AllowedInFlows_d": "5"})}
			if got := matchedFlows(rows, false, "11.201.7.3"); len(got) != 0 {
				t.Errorf("the rule matches %q", got)
			}
			if got := matchedFlows(rows, false, "11.201.7.1"); (len(got) == 1) != (name != "today") {
				t.Errorf("the first address of the deprecated column: the rule matches %q", got)
			}
			c := judged(t, table(t, nsgHeader, rows), listOf("11.201.7.3"))
			expectSighting(t, c, "11.201.7.3", netcase.Inbound, 2, netcase.OutcomeUndecided)
			if n := c.Coverage.Flows(); n != 5 {
				t.Errorf("%d flows, the row stands for 5", n)
			}
		})
	}
}

// TestD3IPv6Indicator: a test for private addresses that only knows IPv4 answers
// nothing for IPv6, and a filter on that answer drops every IPv6 indicator.
func TestD3IPv6Indicator(t *testing.T) {
	rows := []row{
		denied(nsgRow(14, row{"SrcIP_s": "2c10:bad::77", "DestIP_s": "fd00::5"})),
		denied(nsgRow(14, row{"SrcPublicIPs_s": "2c10:bad::1|1|0|0|0|0|0 2c10:bad::78|1|0|0|0|0|0", "DestIP_s": "fd00::5"})).with(row{"DeniedInFlows_d": "2"}),
		denied(nsgRow(15, row{"SrcIP_s": "::ffff:11.201.7.9"})),
	}
	for _, r := range rows {
		allowed := r.with(row{"FlowStatus_s": "A"}) // the rule asks for allowed flows: let it have them
		if got := matchedFlows([]row{allowed}, false, "2c10:bad::77", "2c10:bad::78", "::ffff:11.201.7.9"); len(got) != 0 {
			t.Errorf("the rule matches %q", got)
		}
	}
	c := judged(t, table(t, nsgHeader, rows), listOf("2C10:0BAD:0000::0077", "2c10:bad::78", "::ffff:11.201.7.9"))
	for _, a := range []string{"2c10:bad::77", "2c10:bad::78", "11.201.7.9"} {
		expectSighting(t, c, a, netcase.Inbound, 1, netcase.OutcomeDenied)
	}
}

// TestD4CIDRIndicator: a comparison of strings never meets a range, though feeds
// send ranges.
func TestD4CIDRIndicator(t *testing.T) {
	rows := []row{
		denied(nsgRow(14, row{"SrcPublicIPs_s": "11.201.6.255|1|0|0|0|0|0 11.201.7.200|2|0|0|0|0|0 11.201.8.0|1|0|0|0|0|0"})).with(row{"DeniedInFlows_d": "4"}),
		denied(nsgRow(14, row{"SrcIP_s": "2c10:bad:7:8::9", "DestIP_s": "fd00::5"})),
	}
	inside := nsgRow(14, row{"SrcIP_s": "11.201.7.200"})
	if got := append(matchedSessions(append(rows, inside), "11.201.7.0/24", "2c10:bad::/32"), matchedFlows([]row{inside}, false, "11.201.7.0/24")...); len(got) != 0 {
		t.Errorf("equal text matches %q", got)
	}
	c := judged(t, table(t, nsgHeader, rows), listOf("11.201.7.0/24", "2c10:bad::/32"))
	expectSighting(t, c, "11.201.7.200", netcase.Inbound, 2, netcase.OutcomeDenied)
	expectSighting(t, c, "2c10:bad:7:8::9", netcase.Inbound, 1, netcase.OutcomeDenied)
	for _, a := range []string{"11.201.6.255", "11.201.8.0"} {
		if sightingOf(c, a, netcase.Inbound) != nil {
			t.Errorf("%s lies beside the range and is called listed", a)
		}
	}
}

// TestD6EarlierAllowedFlow: who keeps the last flow of an address and then asks
// whether it was allowed forgets an earlier flow that was.
func TestD6EarlierAllowedFlow(t *testing.T) {
	answered := row{"InboundPackets_d": "12", "OutboundPackets_d": "10", "InboundBytes_d": "9000", "OutboundBytes_d": "4000"}
	const a = "11.201.7.77"
	for name, x := range map[string]struct {
		earlier row
		want    netcase.Outcome
	}{
		"two-way": {answered, netcase.OutcomeTwoWay},
		"allowed": {row{}, netcase.OutcomeUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			first, last := nsgRow(9, x.earlier).with(row{"SrcIP_s": a}), denied(nsgRow(17, row{"SrcIP_s": a}))
			for _, rows := range [][]row{{first, last}, {last, first}} {
				if before, after := matchedFlows(rows, true, a), matchedFlows(rows, false, a); len(before) != 0 || len(after) != 1 {
					t.Errorf("the last flow first: %q; the status first: %q", before, after)
				}
				c := judged(t, table(t, nsgHeader, rows), listOf(a))
				s := expectSighting(t, c, a, netcase.Inbound, 2, x.want)
				if s != nil && (s.Profile.Reach[netcase.ReachDenied] != 1 || s.Profile.Reach.Total() != 2) {
					t.Errorf("reach %v: one flow was denied, one was not", s.Profile.Reach)
				}
			}
		})
	}
}

// scansOf are the scan findings of a direction.
func scansOf(c *netcase.Case, d netcase.Direction) []*netcase.ScanFacts {
	var out []*netcase.ScanFacts
	for i := range c.Findings {
		if f := &c.Findings[i]; f.Scan != nil && f.Direction == d {
			out = append(out, f.Scan)
		}
	}
	return out
}

// TestD10Scans: a rule for many ports within five minutes of one host sees no scan
// over hosts, none between machines of the own network and none in IPv6, and on
// rows of an hour it cannot know what five minutes held.
func TestD10Scans(t *testing.T) {
	const hosts = 30
	for name, x := range map[string]struct {
		source, target string // the target has room for a number
		cells          row
		direction      netcase.Direction
		class          string
		ports          int
	}{
		"horizontal": {"11.201.7.77", "10.0.0.%d", row{"DestPort_d": "445"}, netcase.Inbound, "horizontal", 1},
		"lateral":    {"10.0.9.9", "10.0.0.%d", row{"DestPort_d": "445", "FlowType_s": "IntraVNet"}, netcase.Lateral, "horizontal", 1},
		"IPv6":       {"2c10:bad::77", "fd00::%d", row{"DestPort_d": "22"}, netcase.Inbound, "horizontal", 1},
		"vertical":   {"11.201.7.77", "10.0.0.5", row{}, netcase.Inbound, "vertical", hosts},
	} {
		t.Run(name, func(t *testing.T) {
			var rows []row
			for i := range hosts {
				r := denied(nsgRow(14, x.cells).with(row{"SrcIP_s": x.source, "DestIP_s": x.target}))
				if x.class == "vertical" {
					r["DestPort_d"] = fmt.Sprint(7000 + i)
				} else {
					r["DestIP_s"], r["VM_s"] = fmt.Sprintf(x.target, i+1), fmt.Sprintf("rg-web/vm%d", i+1)
				}
				rows = append(rows, r)
			}
			if got := portScans(t, rows); len(got) != 0 {
				t.Errorf("the rule flags %q", got)
			}
			found := scansOf(judged(t, table(t, nsgHeader, rows), nil), x.direction)
			if len(found) != 1 {
				t.Fatalf("%d scans, want one", len(found))
			}
			f := found[0]
			if f.Class != x.class || f.SourceCount != 1 || f.Sources[0].Peer.String() != x.source || f.PortCount != x.ports || f.HostCount*f.PortCount != hosts {
				t.Errorf("a %s scan by %v, %d hosts, %d ports", f.Class, f.Sources[0].Peer, f.HostCount, f.PortCount)
			}
			if f.Horizon < time.Hour {
				t.Errorf("it is said to show within %s, though a row stands for an hour", f.Horizon)
			}
			if f.Internal != (x.direction == netcase.Lateral) {
				t.Errorf("internal: %v", f.Internal)
			}
		})
	}
}

// TestD10NoScan: rows that stand for many flows, rows that pack many addresses,
// and a machine that others answer are no scan.
func TestD10NoScan(t *testing.T) {
	var rows []row
	var visitors []string
	for i := range 60 {
		visitors = append(visitors, fmt.Sprintf("11.203.1.%d|1|1|9|8|900|8000", i+1))
		rows = append(rows, nsgRow(10, row{ // a back-up server fetches from 60 machines
			"FlowType_s": "IntraVNet", "SrcIP_s": "10.0.9.10", "DestIP_s": fmt.Sprintf("10.0.1.%d", i+1), "VM_s": fmt.Sprintf("rg-web/vm%d", i+1), "DestPort_d": "445",
			"AllowedInFlows_d": "40", "InboundPackets_d": "9000", "OutboundPackets_d": "8000", "InboundBytes_d": "900000", "OutboundBytes_d": "800000",
		}))
	}
	rows = append(rows,
		nsgRow(11, row{"SrcPublicIPs_s": strings.Join(visitors, " "), "DestPort_d": "443", "AllowedInFlows_d": "60",
			"InboundPackets_d": "540", "OutboundPackets_d": "480", "InboundBytes_d": "54000", "OutboundBytes_d": "480000"}),
		nsgRow(12, row{"SrcIP_s": "11.203.2.1", "DestPort_d": "443", "AllowedInFlows_d": "70000"}),
	)
	c := judged(t, table(t, nsgHeader, rows), nil)
	for _, f := range c.Findings {
		if f.Scan != nil {
			t.Errorf("a scan: %s", f.Title)
		}
	}
	if n := c.Coverage.Flows(); n != 60*40+60+70000 {
		t.Errorf("%d flows", n)
	}
}

// ntaRow is a row of the newer table: ten minutes, from outside, port 3389.
func ntaRow(hour int, other row) row {
	return row{
		"TimeGenerated": at(hour, 12), "SubType": "FlowLog", "FaSchemaVersion": "3", "FlowIntervalStartTime": at(hour, 0), "FlowIntervalEndTime": at(hour, 10),
		"FlowStartTime": at(hour, 1), "FlowEndTime": at(hour, 9), "FlowType": "ExternalPublic", "FlowDirection": "Inbound", "FlowStatus": "Allowed",
		"DestPort": "3389", "L4Protocol": "T", "AclGroup": "sub/rg-web/nsg-web", "AclRule": "allow-rdp", "TargetResourceId": "sub/rg-web/vnet-web",
	}.with(other)
}

// TestD12VictimIsTheDestination: who names the victim by the machine of the source
// accuses the wrong one, and who takes any long token of a packed cell for an
// address invents far ends out of byte counts.
func TestD12VictimIsTheDestination(t *testing.T) {
	const packed = "11.201.7.77|1|0|1234567|7654321|12345678|87654321 11.201.7.78|1|0|1234567|7654321|12345678|87654321"
	rows := []row{
		ntaRow(14, row{"SrcPublicIps": packed, "DestIp": "10.0.0.5", "DestVm": "rg-web/victim", "AllowedInFlows": "2",
			"PacketsSrcToDest": "2469134", "PacketsDestToSrc": "15308642", "BytesSrcToDest": "24691356", "BytesDestToSrc": "175308642"}),
		ntaRow(15, row{"SrcPublicIps": "11.201.7.79|1|0|0|0|0|0", "DestVm": "rg-web/nameless", "AllowedInFlows": "1"}), // no address of ours
	}
	for i := range 30 {
		rows = append(rows, ntaRow(16, row{"FlowType": "IntraVNet", "FlowStatus": "Denied", "SrcIp": "10.0.9.9", "SrcVm": "rg-web/intruder",
			"DestIp": fmt.Sprintf("10.0.1.%d", i+1), "DestVm": fmt.Sprintf("rg-web/vm%d", i+1), "DestPort": "445", "DeniedInFlows": "1"}))
	}
	if victim, parked := rows[0]["SrcVm"], parkedAddresses(packed); victim == "rg-web/victim" || !slices.Contains(parked, "1234567") || !slices.Contains(parked, "87654321") {
		t.Errorf("the parser calls the destination %q and takes for addresses %q", victim, parked) // its DstHostname is SrcVm
	}
	c := judged(t, table(t, ntaHeader, rows), listOf("11.201.7.77", "11.201.7.78", "11.201.7.79"))
	for a, name := range map[string]string{"10.0.0.5": "rg-web/victim", "10.0.9.9": "rg-web/intruder", "10.0.1.30": "rg-web/vm30"} {
		if c.Names[a] != name {
			t.Errorf("%s is called %q, want %q", a, c.Names[a], name)
		}
	}
	for a, host := range map[string]string{"11.201.7.77": "10.0.0.5", "11.201.7.78": "10.0.0.5", "11.201.7.79": "rg-web/nameless"} {
		s := sightingOf(c, a, netcase.Inbound)
		if s == nil {
			t.Errorf("%s is not met", a)
			continue
		}
		if len(s.Profile.Hosts) != 1 || s.Profile.Hosts[0].String() != host {
			t.Errorf("%s touched %v, want %s", a, s.Profile.Hosts, host)
		}
	}
	lateral := scansOf(c, netcase.Lateral)
	if len(lateral) != 1 || lateral[0].Sources[0].Peer.String() != "10.0.9.9" || lateral[0].HostCount != 30 {
		t.Errorf("the scan inside: %+v", lateral)
	}
	for a := range peersOf(c) {
		if !strings.HasPrefix(a, "11.201.7.7") && a != "10.0.9.9" {
			t.Errorf("a far end that is in no row: %s", a)
		}
	}
	if n := c.Coverage.Flows(); n != 33 {
		t.Errorf("%d flows, the rows stand for 33", n)
	}
}
