package detect

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	telemetry "netcase/source"
)

// realTelemetry reads one file of the real data beside the project, or skips.
func realTelemetry(t *testing.T, name string) (netcase.Batch, netcase.InputReport) {
	t.Helper()
	b := realBytes(t, name)
	var all netcase.Batch
	report := netcase.InputReport{ID: "in-real", Name: name}
	for _, f := range telemetry.Formats() {
		if ok, _ := f.Detect(b[:min(len(b), telemetry.HeadSize)]); !ok {
			continue
		}
		in := &telemetry.Input{Name: name, R: bytes.NewReader(b), Report: &report}
		if err := f.Decode(context.Background(), in, func(x *netcase.Batch) error {
			all.Flows = append(all.Flows, x.Flows...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all, report
	}
	t.Fatalf("%s: no format", name)
	return all, report
}

func findReal(t *testing.T, name string) []netcase.Finding {
	t.Helper()
	batch, report := realTelemetry(t, name)
	engine := answers{Plain: cube.Of(netcase.Site{}, report.ID, batch), inputs: []netcase.InputReport{report}}
	r, err := Run(context.Background(), Request{Config: DefaultConfig(), Site: &netcase.Site{}, Answerer: engine, Detectors: []Detector{spike()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		checkFinding(t, f)
		t.Log(f.Title)
	}
	return r.Findings
}

// 5,039 flows of one machine against another in 44 seconds, and nothing wrong.
func TestSpikeRealHarmlessBurst(t *testing.T) {
	found := findReal(t, "azure-nsg-v2/PT1H.json")
	if len(found) != 2 || len(spikesOf(found)) != 0 || found[1].Direction != netcase.Lateral || found[1].Spike.Observed != 5039 || found[1].Spike.Tier != "T0" {
		t.Errorf("%d findings", len(found))
	}
}

// A machine that floods one address for part of an hour, after 17 hours of less.
func TestSpikeRealFlood(t *testing.T) {
	notShort(t)
	spikes := spikesOf(findReal(t, "iot23-34-1/conn.log.labeled.gz"))
	if len(spikes) == 0 || spikes[0].Direction != netcase.Outbound {
		t.Fatalf("%d findings", len(spikes))
	}
	if a := answerOf(t, spikes[0].Spike, byAddress); len(a.Elements) != 1 || a.Elements[0].Name != "123.59.209.185" {
		t.Errorf("%+v", a.Elements)
	}
}

// realBytes is one file of the real data, unpacked, or a skip.
func realBytes(t *testing.T, name string) []byte {
	t.Helper()
	root := os.Getenv("NETCASE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Skipf("no real data: %v", err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
