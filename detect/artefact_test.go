package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// row adds one record as an export writes it.
func (w *traffic) row(at netcase.Time, peer, host string, port uint16, r netcase.Resolution, flows int64) {
	w.batch.Flows = append(w.batch.Flows, netcase.Flow{
		Start: at, Src: netcase.At(netip.MustParseAddr(peer)), Dst: netcase.At(netip.MustParseAddr(host)),
		DstPort: port, Proto: netcase.TCP, Sensor: "table", Resolution: r, Flows: flows, Records: 1,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
		Place: netcase.Place{Line: int64(len(w.batch.Flows) + 1)}, Raw: fmt.Appendf(nil, "%d %s %s %d", at, peer, host, port),
	})
}

// hourly is peers that touch hosts x ports, one row an hour at a random second,
// without any row that is left out.
func hourly(peers, hosts int, ports []uint16, hours int, r netcase.Resolution, leftOut func(peer, k int) bool) *traffic {
	w := newTraffic()
	random := rand.New(rand.NewPCG(8, 8))
	for p := range peers {
		k := 0
		for h := range hours {
			for m := range hosts {
				for _, port := range ports {
					at := monday + netcase.Time(h)*netcase.Hour + netcase.Time(random.IntN(3600))*netcase.Second
					if k++; leftOut == nil || !leftOut(p, k) {
						w.row(at, fmt.Sprintf("91.20.%d.40", 30+p), fmt.Sprintf("10.0.0.%d", 4+m), port, r, 1)
					}
				}
			}
		}
	}
	return w
}

func seedPorts() []uint16 { return []uint16{22, 23, 80, 3389} }

// seedCounts is three peers with 286, 287 and 288 rows on 3 hosts x 4 ports x 24 h.
func seedCounts() *traffic {
	return hourly(3, 3, seedPorts(), 24, netcase.ResolutionUnknown, func(p, k int) bool { return k == 100 && p < 2 || k == 200 && p < 1 })
}

func only(t *testing.T, found []netcase.Finding) *netcase.ArtefactFacts {
	t.Helper()
	if len(found) != 1 || found[0].Kind != "counts" || found[0].Artefact == nil {
		t.Fatalf("%d findings", len(found))
	}
	return found[0].Artefact
}

func results(a *netcase.ArtefactFacts) string {
	var out []string
	for _, x := range a.Tests {
		out = append(out, string(x.Result))
	}
	return strings.Join(out, " ")
}

func TestArtefactOfTheSeed(t *testing.T) {
	w := seedCounts()
	w.listed = []string{"91.20.30.40", "91.20.31.40", "91.20.32.40"}
	found := w.find(t, artefact())
	a := only(t, found)
	t.Log(found[0].Title)
	for _, e := range found[0].Evidence {
		t.Log(e.Statement)
	}
	t.Log(strings.Join(a.Explanations, "\n"))
	if a.Verdict != artefactLikely || a.Flag != capFlag || a.GridMinutes != 60 || len(a.Blocks) == 0 {
		t.Errorf("%s, flag %q, grid %d", a.Verdict, a.Flag, a.GridMinutes)
	}
	if got := results(a); got != "pass pass pass fail na na" {
		t.Error(got)
	}
	near(t, "P of 286, 287, 288", a.Tests[testEqual].P, 0.0035, 0.01)
	if a.Counts[0].Tuples != 12 || a.Counts[0].Records != 288 || a.Counts[2].Cells != 286 {
		t.Errorf("%+v", a.Counts)
	}
	if !strings.Contains(a.Explanations[0], "3 hosts x 4 ports x 24 h = 288") {
		t.Error(a.Explanations[0])
	}
	all := strings.Join(a.Explanations, "\n")
	for _, want := range []string{
		"one record per 5 minutes over 24 h (288 cells) x 1 tuple", "one record per 10 minutes over 24 h (144 cells) x 2 tuples",
		"one record per 10 minutes over 48 h (288 cells) x 1 tuple", "summarize ... by bin(TimeGenerated, 5m)",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q", want)
		}
	}
	if len(found[0].Evidence[0].Records) == 0 || !strings.Contains(strings.Join(found[0].Limits, ""), "raw records are needed") {
		t.Error(found[0].Limits)
	}
}

// usualTests is what the tests need where nothing else is set.
func usualTests() *ArtefactConfig {
	c := DefaultArtefactConfig()
	return &c
}

// Without any list the same tuples make the group.
func TestArtefactWithoutLists(t *testing.T) {
	w := seedCounts()
	w.noise(0, 24, 60, 3)
	for i := range w.batch.Flows {
		w.batch.Flows[i].Resolution = netcase.ResolutionUnknown
	}
	a := only(t, w.find(t, artefact()))
	if a.Verdict != artefactLikely || len(a.Counts) != 3 {
		t.Errorf("%s, %d counts: %s", a.Verdict, len(a.Counts), results(a))
	}
}

func TestArtefactOfOtherShapes(t *testing.T) {
	a := only(t, hourly(2, 2, []uint16{21, 22, 25, 445, 8080}, 24, netcase.ResolutionUnknown, nil).find(t, artefact()))
	if a.Verdict != artefactLikely || !strings.Contains(a.Explanations[0], "2 hosts x 5 ports x 24 h = 240") {
		t.Errorf("%s: %v", a.Verdict, a.Explanations)
	}
	w := newTraffic()
	random := rand.New(rand.NewPCG(3, 3))
	for cell := range 48 {
		for _, port := range []uint16{22, 3389} {
			w.row(monday+netcase.Time(cell)*10*netcase.Minute+netcase.Time(random.IntN(600))*netcase.Second, "91.20.30.40", "10.0.0.4", port, netcase.ResolutionUnknown, 1)
		}
	}
	a = only(t, w.find(t, artefact()))
	if a.Verdict != artefactLikely || a.GridMinutes != 10 || !strings.HasPrefix(a.Explanations[0], "one record per 10 minutes over 8 h (48 cells) x 2 tuples = 96") {
		t.Errorf("%s, grid %d: %v", a.Verdict, a.GridMinutes, a.Explanations)
	}
}

// B8: one row an hour at a random minute.
func TestArtefactOfOneTuple(t *testing.T) {
	a := only(t, hourly(1, 1, []uint16{3389}, 24, netcase.ResolutionUnknown, nil).find(t, artefact()))
	if a.Verdict != artefactPossible || a.Flag != capFlag {
		t.Errorf("%s: %s", a.Verdict, results(a))
	}
	near(t, "chance", a.Tests[testCap].P, 4.7e-10, 0.02)
	a = only(t, hourly(1, 1, []uint16{3389}, 24, 60, nil).find(t, artefact()))
	if a.Verdict != artefactLikely || a.Tests[testMetadata].Result != netcase.Pass {
		t.Errorf("declared: %s", a.Verdict)
	}
}

func TestArtefactOfCounters(t *testing.T) {
	w := newTraffic()
	random := rand.New(rand.NewPCG(4, 4))
	for range 80 {
		w.row(monday+netcase.Time(random.IntN(86_400_000)), "91.20.30.40", "10.0.0.4", 22, netcase.ResolutionRaw, 1+int64(random.IntN(4)))
	}
	a := only(t, w.find(t, artefact()))
	if a.Verdict != artefactLikely || a.Tests[testCounters].Result != netcase.Pass {
		t.Errorf("%s: %s", a.Verdict, results(a))
	}
}

// An exact schedule in a source of single flows passes the first two tests and
// is no artefact; nor are equal counts there.
func TestArtefactLeavesRawAlone(t *testing.T) {
	w := newTraffic()
	for i := range 288 {
		for _, port := range seedPorts() {
			w.row(monday+netcase.Time(i)*300*netcase.Second+137*netcase.Second, "91.20.30.40", "10.0.0.4", port, netcase.ResolutionRaw, 1)
		}
	}
	if found := w.find(t, artefact()); len(found) != 0 {
		t.Errorf("%s: %s", found[0].Title, results(found[0].Artefact))
	}
	w = hourly(3, 3, seedPorts(), 24, netcase.ResolutionRaw, nil)
	a := only(t, w.find(t, artefact()))
	if a.Verdict != notIndicated || a.Flag != "" || len(a.Blocks) != 0 {
		t.Errorf("%s: %s", a.Verdict, results(a))
	}
	w = hourly(3, 3, seedPorts(), 24, netcase.ResolutionUnknown, nil)
	for i := range w.batch.Flows {
		w.batch.Flows[i].Start += netcase.Time(1 + i%997)
	}
	if a := only(t, w.find(t, artefact())); a.Verdict != notIndicated {
		t.Errorf("with sub-second stamps: %s", a.Verdict)
	}
}

// A schedule in a source of unknown interval keeps its place in the cells.
func TestArtefactOfASchedule(t *testing.T) {
	w := newTraffic()
	for i := range 48 {
		w.row(monday+netcase.Time(i)*netcase.Hour+137*netcase.Second, "91.20.30.40", "10.0.0.4", 22, netcase.ResolutionUnknown, 1)
	}
	if found := w.find(t, artefact()); len(found) != 0 {
		t.Errorf("%s", found[0].Title)
	}
}

// Independent sources of a source of unknown interval: no finding, in nearly all
// draws.
func TestArtefactOfFreeArrivals(t *testing.T) {
	notShort(t)
	fired := 0
	for seed := range uint64(20) {
		w := newTraffic()
		random := rand.New(rand.NewPCG(seed, 6))
		for p := range 12 {
			for range 100 + random.IntN(200) {
				at := monday + netcase.Time(random.IntN(86_400))*netcase.Second
				w.row(at, fmt.Sprintf("91.20.%d.40", 30+p), "10.0.0.4", seedPorts()[random.IntN(4)], netcase.ResolutionUnknown, 1)
			}
		}
		for _, f := range w.find(t, artefact()) {
			fired += b2i(f.Artefact.Verdict != notIndicated)
		}
	}
	if fired > 1 {
		t.Errorf("%d of 20", fired)
	}
}

// 20 streams of free arrivals through an aggregator of 5, 10 and 60 minutes.
func TestArtefactRecall(t *testing.T) {
	notShort(t)
	missed, n := 0, 0
	for seed := range uint64(20) {
		for _, minutes := range []int64{5, 10, 60} {
			w := newTraffic()
			random := rand.New(rand.NewPCG(seed, 7))
			seen := map[string]bool{}
			for range 9000 {
				at := monday + netcase.Time(random.IntN(86_400))*netcase.Second
				port := seedPorts()[random.IntN(4)]
				key := fmt.Sprintf("%d %d", port, at.Truncate(netcase.Time(minutes)*netcase.Minute))
				if !seen[key] {
					seen[key] = true
					w.row(at, "91.20.30.40", "10.0.0.4", port, netcase.ResolutionUnknown, 1)
				}
			}
			found := w.find(t, artefact())
			n++
			if len(found) != 1 || found[0].Artefact.Verdict != artefactLikely {
				missed++
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d missed", missed, n)
	}
}

// Raw streams, free, by a clock or by a sleep, in stamps of seconds or of milliseconds: none is
// taken for an artefact.
func TestArtefactOfRawStreams(t *testing.T) {
	fired, n := 0, 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 15))
		for name, times := range map[string][]netcase.Time{
			"free": randomly(200, netcase.Day, r), "clock": exactly(5*netcase.Minute, 288), "sleep": sleeping(5*netcase.Minute, 0.3, netcase.Day, r),
		} {
			w := newTraffic()
			for i, at := range times {
				if seed%2 == 0 {
					at = at.Truncate(netcase.Second)
				}
				w.row(at, "91.20.30.40", fmt.Sprintf("10.0.0.%d", 4+i%2), 22, netcase.ResolutionRaw, 1)
			}
			n++
			for _, f := range w.find(t, artefact()) {
				if f.Artefact.Verdict != notIndicated {
					t.Log(name, f.Title)
					fired++
				}
			}
		}
	}
	if fired > n/50 {
		t.Errorf("%d of %d", fired, n)
	}
}

func TestArtefactQuiet(t *testing.T) {
	w := newTraffic()
	w.row(monday, "91.20.30.40", "10.0.0.4", 22, netcase.ResolutionRaw, 1)
	if found := w.find(t, artefact()); len(found) != 0 {
		t.Errorf("%s", found[0].Title)
	}
	if found := newTraffic().find(t, artefact()); len(found) != 0 {
		t.Errorf("%s", found[0].Title)
	}
}

func artefactCore(found []netcase.Finding, rename *strings.Replacer) string {
	var out []string
	for _, f := range found {
		a := f.Artefact
		out = append(out, rename.Replace(fmt.Sprint(a.Verdict, a.GridMinutes, a.Tests, a.Counts, a.Explanations)))
	}
	return strings.Join(out, "\n")
}

func TestArtefactMetamorphosis(t *testing.T) {
	same := strings.NewReplacer()
	want := artefactCore(seedCounts().find(t, artefact()), same)
	check := func(name string, w *traffic, r *strings.Replacer) {
		t.Helper()
		if got := artefactCore(w.find(t, artefact()), r); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	w := seedCounts()
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(w.batch.Flows), func(i, j int) {
		w.batch.Flows[i], w.batch.Flows[j] = w.batch.Flows[j], w.batch.Flows[i]
	})
	check("shuffled", w, same)
	w = seedCounts()
	for i := range w.batch.Flows {
		w.batch.Flows[i].Start += 100 * netcase.Hour
	}
	check("shifted", w, same)
	w = seedCounts()
	for i := range w.batch.Flows {
		f := &w.batch.Flows[i]
		f.Dst = netcase.At(netip.MustParseAddr(strings.Replace(f.Dst.Addr.String(), "10.0.0.", "10.7.7.", 1)))
	}
	check("renamed", w, same)
	w = seedCounts()
	w.split = 300
	check("split", w, same)
	w = seedCounts()
	for _, f := range slices.Clone(w.batch.Flows) {
		f.Sensor = "zz-second"
		w.batch.Flows = append(w.batch.Flows, f)
	}
	check("second sensor", w, same)
}

func TestReadingsOfOtherNumbers(t *testing.T) {
	for _, c := range []struct {
		observed, hours, interval, tuples int64
		first                             string
	}{
		{288, 24, 60, 12, "24 60 12"}, {240, 24, 60, 10, "24 60 10"}, {144, 24, 10, 1, "24 10 1"}, {96, 8, 10, 2, "8 10 2"},
	} {
		r := usualTests().readings(c.observed, c.hours, c.interval, c.tuples)
		if len(r) == 0 || fmt.Sprint(r[0].hours, r[0].minutes, r[0].tuples) != c.first {
			t.Errorf("%d: %+v", c.observed, r)
		}
		for _, x := range r {
			if p := float64(x.hours * 60 / x.minutes * x.tuples); math.Abs(p-float64(c.observed)) > usualTests().Slack*float64(c.observed) {
				t.Errorf("%d: %+v", c.observed, x)
			}
		}
	}
	if r := usualTests().readings(1_000_003, 24, 0, 3); len(r) != 0 {
		t.Errorf("a number that nothing explains: %+v", r)
	}
}
