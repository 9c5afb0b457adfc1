package source

import (
	"os"
	"path/filepath"
	"testing"

	"netcase"
)

func TestRealNSG(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dataDir(t, "azure-nsg-v2"), "PT1H.json"))
	if err != nil {
		t.Fatal(err)
	}
	flows, report, err := allFlows(t, azureNSG, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Read != 8203 || report.Accepted != 8203 || !report.Balanced() {
		t.Errorf("read %d, accepted %d of 8203 tuples: %v", report.Read, report.Accepted, report.Reasons)
	}
	var web, records, denied int
	for _, f := range flows {
		if f.Dst.Addr.String() == "10.0.0.4" && f.DstPort == 80 {
			web++
			records += int(f.Records)
		}
		if f.Reach == netcase.ReachDenied {
			denied++
		}
	}
	if web != 5039 || records != 8171 || denied != 7 {
		t.Errorf("%d flows of %d tuples to 10.0.0.4:80, %d denied; want 5039 of 8171, 7", web, records, denied)
	}
	t.Logf("%+v", report)
}

func TestRealVNet(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dataDir(t, "azure-vnet-v4"), "PT1H.json"))
	if err != nil {
		t.Fatal(err)
	}
	flows, report, err := allFlows(t, azureVNet, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Read != 76 || report.Accepted != 76 {
		t.Errorf("read %d, accepted %d of 76 tuples: %v", report.Read, report.Accepted, report.Reasons)
	}
	denied := 0
	for _, f := range flows {
		if f.Reach == netcase.ReachDenied && f.Ours == netcase.SideDst {
			denied++
		}
	}
	if denied != 66 {
		t.Errorf("%d denied inbound probes, want 66", denied)
	}
	t.Logf("%+v", report)
}
