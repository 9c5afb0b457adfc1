package detect

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"netcase"
	telemetry "netcase/source"
)

// TestAuthReal reads login logs that nobody here wrote: guessing is named, and nobody
// who guessed came in.
func TestAuthReal(t *testing.T) {
	for _, name := range []string{"azure-honeypot-2026/query_data.csv.gz", "loghub/OpenSSH_2k.log"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b := realBytes(t, name)
			w := newTraffic()
			for _, f := range telemetry.Formats() {
				if ok, _ := f.Detect(b[:min(len(b), telemetry.HeadSize)]); !ok {
					continue
				}
				in := &telemetry.Input{Name: name, R: bytes.NewReader(b), Report: &netcase.InputReport{ID: "in-real", Name: name}}
				if err := f.Decode(context.Background(), in, func(x *netcase.Batch) error {
					w.batch.Logins = append(w.batch.Logins, x.Logins...)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				break
			}
			kinds := map[string]int{}
			for _, f := range w.find(t, auth()) {
				kinds[f.Kind]++
				t.Log(f.Title)
			}
			if len(kinds) == 0 || kinds["success-after-failure"] > 0 {
				t.Errorf("%d logins: %v", len(w.batch.Logins), kinds)
			}
		})
	}
}
