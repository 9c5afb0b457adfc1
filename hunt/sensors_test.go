package hunt_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
	"netcase/hunt"
	"netcase/simulate"
)

// TestThreeSensors: the same flows told by three sensors are counted once.
func TestThreeSensors(t *testing.T) {
	var text bytes.Buffer
	if err := simulate.Volume(&text, "suricata-eve", 4000, 3); err != nil {
		t.Fatal(err)
	}
	flows := func(sensors ...string) (n int64, agreed bool) {
		dir := t.TempDir()
		for i, s := range sensors {
			named := strings.ReplaceAll(text.String(), `{"timestamp"`, `{"host":"`+s+`","timestamp"`)
			named = strings.ReplaceAll(named, `"flow_id":`, fmt.Sprintf(`"flow_id":%d`, i+1)) // each numbers flows by itself
			if err := os.WriteFile(filepath.Join(dir, s+".json"), []byte(named), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg := hunt.DefaultConfig()
		cfg.Paths = []string{dir}
		c := run(t, cfg)
		for _, f := range c.Findings {
			if f.Detector == "spike" && f.Direction == netcase.Inbound {
				n += f.Flows
			}
		}
		seen := map[string]bool{}
		for _, in := range c.Coverage.Inputs {
			for _, s := range in.Sensors {
				seen[s] = true
			}
		}
		return n, len(seen) == len(sensors)
	}
	one, told := flows("alpha")
	three, all := flows("alpha", "beta", "gamma")
	if one == 0 || !told || !all {
		t.Fatalf("%d flows; sensors are told apart: %v, %v", one, told, all)
	}
	if one != three {
		t.Errorf("%d flows by three sensors, %d by one", three, one)
	}
}
