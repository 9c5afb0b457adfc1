package source

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"netcase"
)

const defenderHeader = "Timestamp,DeviceName,ActionType,RemoteIP,RemotePort,LocalIP,LocalPort,Protocol,InitiatingProcessFileName,ReportId"

// TestDefenderActions: who began, and what became of it.
func TestDefenderActions(t *testing.T) {
	const in, out = "198.51.100.23:51234 > 10.0.0.5:3389", "10.0.0.5:50123 > 198.51.100.23:443"
	for _, c := range []struct {
		action, ports, want string
		role                netcase.ProcessRole
	}{
		{"InboundConnectionAccepted", "51234 3389", in + " bidirectional", netcase.RoleListener},
		{"ConnectionSuccess", "443 50123", out + " bidirectional", netcase.RoleConnector},
		{"connectionsuccess", "443 50123", out + " bidirectional", netcase.RoleConnector},
		{"ConnectionFailed", "443 50123", out + " no_reply", netcase.RoleConnector},
		{"ConnectionAcknowledged", "443 50123", out + " bidirectional", netcase.RoleConnector},
		{"ConnectionAcknowledged", "51234 3389", in + " bidirectional", netcase.RoleListener},
		{"ConnectionAttempt", "51234 3389", in + " unknown", netcase.RoleListener},
		{"ConnectionRequest", "443 50123", out + " unknown", netcase.RoleConnector},
		{"ConnectionFound", "443 50123", out + " unknown", netcase.RoleConnector},
		{"", "51234 3389", in + " unknown", ""},
		{"", "443 50123", out + " unknown", ""},
		{"ListeningConnectionCreated", "0 3389", "", netcase.RoleListener},
		{"NetworkSignatureInspected", "443 50123", "", "none"},
		{"DnsConnectionInspected", "53 50123", "", "none"},
	} {
		far, local, _ := strings.Cut(c.ports, " ")
		row := "2025-10-20T14:05:33.1234567Z,win-vm1," + c.action + ",198.51.100.23," + far + ",10.0.0.5," + local + ",Tcp,a.exe,7"
		report := &netcase.InputReport{}
		got, role := "", netcase.ProcessRole("none")
		in := &Input{R: strings.NewReader(defenderHeader + "\n" + row + "\n"), Report: report}
		err := defenderNetwork.Decode(t.Context(), in, func(b *netcase.Batch) error {
			for _, f := range b.Flows {
				got = fmt.Sprintf("%s:%d > %s:%d %s", f.Src, f.SrcPort, f.Dst, f.DstPort, f.Reach)
			}
			for _, p := range b.Processes {
				role = p.Role
			}
			return nil
		})
		if err != nil || got != c.want || role != c.role || report.Read != 1 || !report.Balanced() {
			t.Errorf("%s %s: %q, role %q, %v; want %q, %q", c.action, c.ports, got, role, err, c.want, c.role)
		}
	}
}

// TestDefenderKey: the same event in two spellings has one key, two events have two.
func TestDefenderKey(t *testing.T) {
	keys := map[string][]uint64{}
	for _, name := range []string{"portal-csv/in.csv", "graph/in.json", "streaming/in.json"} {
		text, err := os.ReadFile("testdata/defender-network/" + name)
		if err != nil {
			t.Fatal(err)
		}
		flows, _, err := allFlows(t, defenderNetwork, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range flows {
			keys[name] = append(keys[name], f.Key)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(keys[name])))) != len(flows) {
			t.Errorf("%s: two events with one key", name)
		}
	}
	for name, list := range keys {
		if !slices.Equal(list[:3], keys["graph/in.json"][:3]) {
			t.Errorf("%s: other keys than in the other exports", name)
		}
	}
}

// TestDefenderDuplicates: a row delivered before brings neither flow nor process.
func TestDefenderDuplicates(t *testing.T) {
	text, err := os.ReadFile("testdata/defender-network/graph/in.json")
	if err != nil {
		t.Fatal(err)
	}
	flows, _, _ := allFlows(t, defenderNetwork, text)
	in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Duplicate: func(k uint64) bool { return k == flows[0].Key }}
	processes := 0
	err = defenderNetwork.Decode(t.Context(), in, func(b *netcase.Batch) error { processes += len(b.Processes); return nil })
	if err != nil || in.Report.Duplicate != 1 || processes != 5 || !in.Report.Balanced() {
		t.Errorf("%v: %d processes, %+v", err, processes, in.Report)
	}
}

func FuzzDefender(f *testing.F) { fuzzFormat(f, defenderNetwork, "defender-network") }

func BenchmarkDefender(b *testing.B) {
	row := "2025-10-20T14:05:33.1234567Z,win-vm1,InboundConnectionAccepted,198.51.100.23,51234,10.0.0.5,3389,Tcp,svchost.exe,4411\n"
	benchmarkFormat(b, defenderNetwork, []byte(defenderHeader+"\n"+strings.Repeat(row, 100_000)), 100_000)
}
