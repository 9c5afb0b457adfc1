package report

import (
	"strings"
	"testing"
	"time"

	"netcase"
)

func factsText(f Facts) string {
	var b strings.Builder
	for _, i := range f.Items {
		b.WriteString(i.Label + ": " + i.Value + "\n")
	}
	return b.String()
}

func requireAll(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestCadenceFacts(t *testing.T) {
	c := fixtures()["seed"]
	b := &netcase.BeaconFacts{
		Host: end("10.1.0.4"), Peer: end("93.184.7.9"), Peers: 3, Name: "cdn.example-updates.net", Port: 443, Proto: netcase.TCP, Process: "updater.exe",
		Verdict: netcase.CadencePeriodic, Why: "the intervals vary by 0.15 of their median", Starts: 288, Cycles: 287, Active: 24 * time.Hour, Period: 5 * time.Minute,
		Clock: "sleep", PhaseR: 0.09, SizeCV: 0.02, SameSizes: 0.97, Rarity: netcase.Rarity{Hosts: 1, Estate: 240, Days: 14, Rare: true},
		RITA: &netcase.RITAScore{Score: 0.97, Intervals: 0.9, Sizes: 1, Histogram: 1, Duration: 1},
	}
	requireAll(t, factsText(cadenceFacts(c, b)), "cdn.example-updates.net", "2 other addresses", "443/tcp", "updater.exe", "periodic", "5.0 minutes", "R = 0.09", "97 %",
		"1 of 240 hosts of ours", "14.0 days: rare", "0.970")
	b.Verdict, b.Why, b.SizeCV, b.RITA, b.Rarity = netcase.CadenceUnmeasured, "the records stand for intervals", -1, nil, netcase.Rarity{}
	text := factsText(cadenceFacts(c, b))
	requireAll(t, text, "not measurable: the records stand for intervals", "not known")
	for _, not := range []string{"Starts", "RITA", "Sizes"} {
		if strings.Contains(text, not) {
			t.Errorf("%q is in\n%s", not, text)
		}
	}
	b.Verdict = netcase.CadenceFromOutside
	requireAll(t, factsText(cadenceFacts(c, b)), "From outside: cdn.example-updates.net")
}

func TestFactsOfLongUploadLateral(t *testing.T) {
	c := fixtures()["seed"]
	rare := netcase.Rarity{Hosts: 2, Estate: 50, Days: 30, Rare: true}
	requireAll(t, factsText(longFacts(c, &netcase.LongFacts{Host: end("10.1.0.4"), Peer: end("93.184.7.9"), Port: 22, Proto: netcase.TCP, Longest: 9 * time.Hour, Total: 50 * time.Hour,
		Sessions: 7, Out: 3 << 20, In: netcase.Absent, Rarity: rare})), "9.0 hours", "2.1 days in 7 connections", "sent 3.0 MiB, received not recorded", "2 of 50")
	u := &netcase.UploadFacts{Host: end("10.1.0.4"), Peer: end("93.184.7.9"), Ports: []uint16{443}, Out: 5 << 30, In: 100, Window: hours(2, 4), Expected: 1 << 20, Tier: "T2", Ratio: 5120,
		Q: 1e-9, OffHours: true, Rarity: rare}
	requireAll(t, factsText(uploadFacts(c, u)), "sent 5.0 GiB, received 100 octets", "1.0 MiB were to be expected (tier T2); 5120.0 times", "outside the hours", "port 443")
	u.Described, u.Ratio, u.Tier = true, 0, "T0"
	requireAll(t, factsText(uploadFacts(c, u)), "there is no history")
	l := &netcase.LateralFacts{From: end("10.1.0.4"), To: []netcase.Endpoint{end("10.1.0.5"), end("10.1.0.6")}, ToCount: 2, Ports: []uint16{445, 3389}, New: 3, History: 6, Answered: 17, Fan: 1, FromAdmin: true}
	requireAll(t, factsText(lateralFacts(c, l)), "445, 3389", "3 pairs of machine and port never seen in 6.0 days", "17 flows", "the owner names")
	l.History = 0
	requireAll(t, factsText(lateralFacts(c, l)), "there is no history")
}

// One figure for all streams, beside the first of them.
func TestCadenceFigure(t *testing.T) {
	c := fixtures()["seed"]
	b := func(times ...netcase.Time) netcase.Finding {
		return netcase.Finding{Beacon: &netcase.BeaconFacts{Verdict: netcase.CadencePeriodic, Times: times}}
	}
	c.Findings = []netcase.Finding{b(), b(1000, 2000), b(3000)}
	for i, want := range []int{1, 2, 1} {
		if got := cadenceBlocks(c, &c.Findings[i]); len(got) != want {
			t.Errorf("finding %d: %d blocks, want %d", i, len(got), want)
		}
	}
}
