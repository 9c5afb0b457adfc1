package source

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
)

// checkFuzzed checks what holds of every input of a format.
func checkFuzzed(t *testing.T, f Format, text []byte) {
	t.Helper()
	f.Detect(text[:min(len(text), HeadSize)])
	flows, report, _ := allFlows(t, f, text)
	var records int64
	for i := range flows {
		records += flows[i].Records
	}
	for _, n := range report.Events {
		records += n
	}
	if !report.Balanced() || report.Accepted != records {
		t.Fatalf("%d events of %d records: %+v", len(flows), records, report)
	}
	for reason := range report.Reasons {
		if strings.HasPrefix(reason, "panic") {
			t.Fatal(reason)
		}
	}
	checkFlows(t, flows)
}

func FuzzNfdump(f *testing.F) {
	seedFrom(f, "nfdump")
	f.Fuzz(func(t *testing.T, text []byte) { checkFuzzed(t, nfdumpExport, text) })
}

func FuzzBinetflow(f *testing.F) {
	seedFrom(f, "binetflow")
	f.Fuzz(func(t *testing.T, text []byte) { checkFuzzed(t, binetflow, text) })
}

// TestNfdumpRealData reads a real file by way of the program, where it is installed.
func TestNfdumpRealData(t *testing.T) {
	path := filepath.Join(dataDir(t), "slips", "test1-malicious.nfdump")
	text := readAll(t, path)
	if format, err := Recognise(Formats(), text[:HeadSize]); err != nil || format.Name != formatNfdump {
		t.Fatalf("%s %v", format.Name, err)
	}
	if _, _, err := allFlows(t, nfdumpExport, text); err == nil || !strings.Contains(err.Error(), "nfdump -r") {
		t.Fatalf("a binary file: %v", err)
	}
	program, err := exec.LookPath("nfdump")
	if err != nil {
		t.Skipf("no nfdump: %v", err)
	}
	var want *netcase.Tally
	for _, output := range []string{"csv", "json"} {
		text, err := exec.Command(program, "-r", path, "-o", output).Output()
		if err != nil {
			t.Fatal(err)
		}
		flows, report, err := allFlows(t, nfdumpExport, text)
		if err != nil || report.Accepted != 4593 || report.Rejected > 0 {
			t.Fatalf("%s: %v %+v", output, err, report)
		}
		var octets int64
		for i := range flows {
			octets += max(flows[i].OctetsOut, 0) + max(flows[i].OctetsIn, 0)
		}
		if octets != 241025 { // nfdump's own summary
			t.Errorf("%s: %d octets, want 241025", output, octets)
		}
		if want != nil && *want != report.Reaches {
			t.Errorf("%s: %v, the other output has %v", output, report.Reaches, *want)
		}
		want = &report.Reaches
		t.Logf("%s: %d flows, %v %q", output, len(flows), report.Reaches, report.Notes)
	}
}

// TestBinetflowRealData counts rows and checks what a peer's tests assert.
func TestBinetflowRealData(t *testing.T) {
	dir := dataDir(t, "slips")
	for _, c := range []struct {
		name    string
		skipped int64
	}{{"test2-malicious", 0}, {"test4-malicious", 2}, {"test5-mixed", 4}, {"test11-portscan", 0}} {
		text := readAll(t, filepath.Join(dir, c.name+".binetflow"))
		if format, err := Recognise(Formats(), text[:min(len(text), HeadSize)]); err != nil || format.Name != formatBinetflow {
			t.Errorf("%s: %s %v", c.name, format.Name, err)
		}
		rows := int64(bytes.Count(bytes.TrimSpace(text), []byte("\n")))
		flows, report, err := allFlows(t, binetflow, text)
		if err != nil || report.Read != rows || report.Rejected > 0 || report.Skipped != c.skipped {
			t.Errorf("%s: %d rows, %v %+v", c.name, rows, err, report)
		}
		checkFlows(t, flows)
		t.Logf("%s: %v %v", c.name, report.Reaches, report.Reasons)
		if c.name == "test4-malicious" {
			hosts := map[netcase.Endpoint]bool{}
			for i := range flows {
				if flows[i].Src.String() == "192.168.2.12" && flows[i].DstPort == 81 {
					hosts[flows[i].Dst] = true
				}
			}
			if len(hosts) < 10 { // EXPECTED.txt: horizontal port scan to 81/tcp
				t.Errorf("192.168.2.12 reached for port 81 of %d hosts", len(hosts))
			}
		}
	}
}
