package report

import (
	"strings"
	"testing"

	"netcase"
)

func TestFloodFacts(t *testing.T) {
	f := &netcase.FloodFacts{Host: end("10.1.0.4"), Port: 443, Proto: netcase.TCP, Window: hours(14, 15), Sources: 4000, Flows: 12_000, Packets: netcase.Absent,
		Octets: 720_000, Expected: 120, Ratio: 100, Spoofed: true, Suffers: netcase.True, Why: "12 flows were answered, 110 were to be expected"}
	all := func() string {
		var b strings.Builder
		for _, i := range floodFacts(fixtures()["seed"], f).Items {
			b.WriteString(i.Label + ": " + i.Value + "\n")
		}
		return b.String()
	}
	text := all()
	for _, want := range []string{"VM-WEB-1", "443/tcp", "100.0 times the 120.0 expected", "4,000", "720,000", "Made-up", "markedly less often"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Packets") {
		t.Error("packets that no record counts are shown")
	}
	f.Ratio, f.Suffers, f.Spoofed, f.Outbound = 0, netcase.Unknown, false, true
	if text = all(); !strings.Contains(text, "what is usual is not known") || !strings.Contains(text, "not known: ") || !strings.Contains(text, "Target outside") {
		t.Error(text)
	}
}
