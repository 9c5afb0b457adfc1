package detect

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/intel"
)

// traffic is hourly telemetry under construction: one record stands for many flows.
type traffic struct {
	batch  netcase.Batch
	site   netcase.Site
	span   netcase.Span
	listed []string
	cut    string
	split  int // the first flows are an input of their own
	config Config
}

// monday is 2025-10-06T00:00:00Z.
const monday = netcase.Time(1759708800000)

func newTraffic() *traffic { return &traffic{config: DefaultConfig()} }

// flows adds n flows to an hour after monday.
func (w *traffic) flows(hour int, peer, host string, port uint16, n int) {
	w.record(hour, peer, host, port, n, netcase.ReachDenied, "fw")
}

func (w *traffic) record(hour int, peer, host string, port uint16, n int, reach netcase.Reach, sensor string) {
	if n <= 0 {
		return
	}
	at := monday + netcase.Time(hour)*netcase.Hour
	w.batch.Flows = append(w.batch.Flows, netcase.Flow{
		Start: at + netcase.Minute, End: at + 59*netcase.Minute, Src: netcase.At(netip.MustParseAddr(peer)), Dst: netcase.At(netip.MustParseAddr(host)),
		DstPort: port, Proto: netcase.TCP, Reach: reach, Sensor: sensor, Flows: int64(n), Records: int64(n),
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
		Place: netcase.Place{Line: int64(len(w.batch.Flows) + 1)}, Raw: fmt.Appendf(nil, "%d %s %s %d %d %s", hour, peer, host, port, n, sensor),
	})
}

// noise spreads about mean flows an hour over some background addresses.
func (w *traffic) noise(from, to int, mean float64, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	for h := from; h < to; h++ {
		for k := range 8 {
			n := int(drawCount(mean/8, 1.3, random))
			w.flows(h, fmt.Sprintf("45.9.%d.%d", 20+k, 10+k), fmt.Sprintf("10.0.0.%d", 4+k%3), []uint16{22, 23, 80, 443}[k%4], n)
		}
	}
}

// answers is the plain engine, with what else a test claims of the inputs.
type answers struct {
	*cube.Plain
	cut    string
	inputs []netcase.InputReport
}

func (a answers) Coverage() netcase.Coverage {
	c := a.Plain.Coverage()
	if len(a.inputs) > 0 {
		c.Inputs = slices.Clone(a.inputs)
	}
	for i := range c.Inputs {
		c.Inputs[i].Cut = a.cut
	}
	return c
}

func listOf(t *testing.T, addresses []string) *intel.Set {
	t.Helper()
	if addresses == nil {
		return nil
	}
	text := strings.Join(addresses, "\n") + "\n"
	set, err := intel.Load(context.Background(), []intel.File{{
		Name: "lists/blocklist.txt", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}}, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (w *traffic) find(t *testing.T, d Detector) []netcase.Finding {
	t.Helper()
	engine := answers{Plain: cube.Of(w.site, "in-1", w.batch), cut: w.cut}
	if w.split > 0 {
		for _, part := range [][]netcase.Flow{w.batch.Flows[:w.split], w.batch.Flows[w.split:]} {
			engine.inputs = append(engine.inputs, cube.Of(w.site, "in", netcase.Batch{Flows: part}).Coverage().Inputs...)
		}
	}
	r, err := Run(context.Background(), Request{
		Config: w.config, Site: &w.site, Span: w.span, Intel: listOf(t, w.listed), Answerer: engine, Detectors: []Detector{d},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Runs[0].OK {
		t.Fatal(r.Runs[0].Why)
	}
	for _, f := range r.Findings {
		checkFinding(t, f)
	}
	return r.Findings
}

// checkFinding is what holds for every finding of these detectors.
func checkFinding(t *testing.T, f netcase.Finding) {
	t.Helper()
	if f.Title == "" || len(f.Evidence) == 0 || f.Kind == "" || f.Method == "" {
		t.Errorf("incomplete finding %q", f.Title)
	}
	for _, e := range f.Evidence {
		if e.Statement == "" || e.Method == "" {
			t.Errorf("incomplete evidence in %q", f.Title)
		}
		for name, v := range e.Numbers {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s is %g", f.Title, name, v)
			}
		}
		forbidden := []string{"attack", "beacon", "malicious", "threat", "alert", "anomal"}
		if f.Kind == "description" {
			forbidden = append(forbidden, "spike", "sharp")
		}
		for _, word := range forbidden {
			if strings.Contains(strings.ToLower(f.Title+e.Statement), word) {
				t.Errorf("%q says %q", f.Title+" / "+e.Statement, word)
			}
		}
	}
}

func spikesOf(findings []netcase.Finding) (out []netcase.Finding) {
	for _, f := range findings {
		if f.Kind == "spike" {
			out = append(out, f)
		}
	}
	return out
}

// campaign is five days of background and three hours in which new addresses come.
func campaign() *traffic {
	w := newTraffic()
	w.noise(0, 120, 65, 1)
	for h := 110; h < 113; h++ {
		w.flows(h, "91.20.30.40", "10.0.0.4", 3389, 260)
		w.flows(h, "91.20.31.41", "10.0.0.5", 3389, 150)
		w.flows(h, "91.20.99.1", "10.0.0.4", 22, 11)
	}
	w.listed = []string{"91.20.99.1", "8.8.4.4"}
	return w
}

func TestSpikeFinds(t *testing.T) {
	found := campaign().find(t, spike())
	spikes := spikesOf(found)
	if len(spikes) != 1 {
		t.Fatalf("%d spikes in %d findings", len(spikes), len(found))
	}
	f := spikes[0]
	s := f.Spike
	t.Log(f.Title)
	for _, e := range f.Evidence {
		t.Log(e.Statement)
		t.Log("  by ", e.Method)
	}
	want := netcase.Span{Start: monday + 110*netcase.Hour, End: monday + 113*netcase.Hour}
	if s.Window != want || f.Span != want || s.Tier != "T2" || s.Described || s.Series != "inbound flows" {
		t.Errorf("window %s, tier %s, described %t, series %s", s.Window, s.Tier, s.Described, s.Series)
	}
	if s.Expected < 150 || s.Expected > 240 || s.Q > 1e-6 || s.WindowP > 0.002 || s.Ratio < 5 {
		t.Errorf("expected %g, q %g, p %g, ratio %g", s.Expected, s.Q, s.WindowP, s.Ratio)
	}
	if len(s.Points) != 120 || len(s.Contributors) == 0 || len(s.Points[111].Stack) != len(s.Contributors) || !s.Points[111].Flagged || s.Points[50].Flagged {
		t.Errorf("%d points, contributors %v, %+v", len(s.Points), s.Contributors, s.Points[111])
	}
	if s.Points[111].High < s.Points[111].Expected {
		t.Error("the band ends below what is expected")
	}
	addresses := answerOf(t, s, byAddress)
	if len(addresses.Elements) != 2 || addresses.Elements[0].Name != "91.20.30.40" || math.Abs(addresses.Elements[0].Share-0.62) > 0.05 {
		t.Errorf("addresses: %+v", addresses.Elements)
	}
	if s.Listed == nil || math.Abs(s.Listed.Share-33.0/1263) > 0.01 || s.Listed.Observed != 33 {
		t.Errorf("listed: %+v", s.Listed)
	}
	if len(s.Cells) != 2 || s.Cells[0].Name != "91.20.30.40 to 10.0.0.4 on 3389/tcp" {
		t.Errorf("cells: %+v", s.Cells)
	}
	if len(f.Evidence[0].Records) == 0 || f.Evidence[0].Total == 0 || f.Flows != int64(s.Observed) {
		t.Errorf("%d records cited of %d; %d flows", len(f.Evidence[0].Records), f.Evidence[0].Total, f.Flows)
	}
}

func answerOf(t *testing.T, s *netcase.SpikeFacts, dimension string) netcase.Attribution {
	t.Helper()
	for _, a := range s.Attribution {
		if a.Dimension == dimension {
			return a
		}
	}
	t.Fatalf("no attribution by %s", dimension)
	return netcase.Attribution{}
}

func TestSpikeQuietDay(t *testing.T) {
	w := newTraffic()
	w.noise(0, 168, 65, 2)
	found := w.find(t, spike())
	if len(found) != 1 || found[0].Kind != "description" || !found[0].Spike.Described || len(found[0].Spike.Points) != 168 {
		t.Fatalf("%+v", found)
	}
	t.Log(found[0].Title)
	t.Log(found[0].Evidence[0].Statement, found[0].Spike.Why)
}

// A nightly backup is far above the mean of the day and no rise.
func TestSpikeLookAlike(t *testing.T) {
	w := newTraffic()
	w.noise(0, 240, 40, 3)
	for day := range 10 {
		w.flows(24*day+2, "45.9.21.11", "10.0.0.4", 443, 400+day)
	}
	w.span = netcase.Span{Start: monday + 6*24*netcase.Hour, End: monday + 10*24*netcase.Hour}
	for _, f := range w.find(t, spike()) {
		if f.Kind == "spike" {
			t.Errorf("the backup is a rise: %s", f.Title)
		}
	}
}

func TestSpikeNeedsHistory(t *testing.T) {
	w := newTraffic()
	w.noise(0, 24, 20, 4)
	for h := 10; h < 13; h++ {
		w.flows(h, "91.20.30.40", "10.0.0.4", 3389, 400)
	}
	found := w.find(t, spike())
	f := found[0]
	if len(spikesOf(found)) != 0 || f.Spike.Tier != "T0" || f.Spike.Expected != 0 || len(f.Spike.Attribution) != 0 {
		t.Fatalf("%s: %+v", f.Title, f.Spike)
	}
	for _, word := range []string{"spike", "sharp", "increase", "unusual", "excess"} {
		if strings.Contains(f.Title+f.Evidence[0].Statement, word) {
			t.Errorf("%q says %s", f.Title, word)
		}
	}
	t.Log(f.Title)
	t.Log(f.Evidence[0].Statement, f.Spike.Why)
}

// One day, as an analyst exports it: the mean of the hours before carries the judgement.
func TestSpikeInOneDay(t *testing.T) {
	w := newTraffic()
	w.noise(0, 24, 65, 5)
	w.flows(14, "91.20.30.40", "10.0.0.4", 3389, 347)
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 || spikes[0].Spike.Tier != "T1" || spikes[0].Spike.Window.Start != monday+14*netcase.Hour {
		t.Fatalf("%+v", spikes)
	}
	t.Log(spikes[0].Title)
}

// The export of an analyst: no counters, one row an hour for each of 3 listed
// addresses on 3 hosts x 4 ports. They are flat, and others make the rise.
func TestSpikeOfTheSeed(t *testing.T) {
	w := seedCounts()
	w.listed = []string{"91.20.30.40", "91.20.31.40", "91.20.32.40"}
	for h := range 24 {
		n := 20
		if h >= 14 && h < 17 {
			n = 260
		}
		for k := range n {
			at := monday + netcase.Time(h)*netcase.Hour + netcase.Time(k*13+h)*netcase.Second
			w.row(at, fmt.Sprintf("45.9.%d.%d", 20+k/200, 1+k%200), "10.0.0.4", 445, netcase.ResolutionUnknown, 1)
		}
	}
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 {
		t.Fatalf("%d findings", len(spikes))
	}
	s := spikes[0].Spike
	if s.Series != "inbound records" || s.Window != (netcase.Span{Start: monday + 14*netcase.Hour, End: monday + 17*netcase.Hour}) || s.Tier != "T1" {
		t.Errorf("%s: %s, %s", spikes[0].Title, s.Window, s.Tier)
	}
	if s.Listed == nil || s.Listed.Name != "3 listed addresses" || math.Abs(s.Listed.Share) > 0.01 {
		t.Errorf("%+v", s.Listed)
	}
	if a := answerOf(t, s, byAddress); len(a.Elements) != 0 {
		t.Errorf("single addresses explain it: %+v", a.Elements)
	}
}

// A quiet day after it changes nothing.
func TestSpikeStaysWithMoreDays(t *testing.T) {
	w := campaign()
	w.noise(120, 144, 65, 44)
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 || spikes[0].Spike.Window.Start != monday+110*netcase.Hour || spikes[0].Spike.Window.End != monday+113*netcase.Hour {
		t.Errorf("%d findings", len(spikes))
	}
}

func TestSpikeOutward(t *testing.T) {
	w := newTraffic()
	w.noise(0, 96, 20, 21)
	for h := range 96 {
		w.record(h, "10.0.0.4", "45.9.33.33", 443, 30+h%5, netcase.ReachBidirectional, "fw")
	}
	w.record(80, "10.0.0.4", "91.20.30.40", 80, 9000, netcase.ReachNoReply, "fw")
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 || spikes[0].Direction != netcase.Outbound || len(spikes[0].Spike.Cells) != 1 || spikes[0].Spike.Cells[0].Name != "10.0.0.4 to 91.20.30.40 on 80/tcp" {
		t.Fatalf("%+v", spikes)
	}
}

func TestSpikeInHiddenPort(t *testing.T) {
	w := newTraffic()
	w.noise(0, 120, 900, 6)
	for h := range 120 {
		w.flows(h, "45.9.77.7", "10.0.0.4", 3389, 6+h%3)
	}
	w.flows(100, "91.20.30.40", "10.0.0.5", 3389, 300)
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 || spikes[0].Spike.Series != "inbound flows on 3389/tcp" || !slices.Equal(spikes[0].Selection.Ports, []uint16{3389}) {
		for _, f := range spikes {
			t.Log(f.Title)
		}
		t.Fatalf("%d findings", len(spikes))
	}
	if a := answerOf(t, spikes[0].Spike, byAddress); len(a.Elements) != 1 || a.Elements[0].Name != "91.20.30.40" {
		t.Errorf("%+v", a)
	}
}

// A sensor that is silent for two hours and then delivers twice as much (S9).
func TestSpikeSensorGap(t *testing.T) {
	w := newTraffic()
	w.noise(0, 100, 50, 7)
	w.noise(102, 103, 100, 8)
	w.noise(103, 120, 50, 9)
	found := w.find(t, spike())
	if n := len(spikesOf(found)); n != 0 {
		t.Fatalf("%d spikes: %s", n, found[0].Title)
	}
	p := found[0].Spike.Points
	if !p[100].Missing || !p[101].Missing || p[102].Missing {
		t.Error("the gap is not shown as missing")
	}
	w = newTraffic()
	w.noise(0, 100, 50, 7)
	w.flows(102, "45.9.21.11", "10.0.0.4", 22, 150)
	w.noise(103, 120, 50, 9)
	found = w.find(t, spike())
	if len(spikesOf(found)) != 0 || !strings.Contains(found[0].Spike.Why, "held back") || !found[0].Spike.Described {
		t.Fatalf("%s: %s", found[0].Title, found[0].Spike.Why)
	}
	w.flows(102, "91.20.30.40", "10.0.0.4", 22, 5000)
	if len(spikesOf(w.find(t, spike()))) != 1 {
		t.Error("a rise far beyond what the gap lacks is hidden by it")
	}
}

// One of two sensors falls silent: its part is missing, not zero.
func TestSpikePartialSilence(t *testing.T) {
	w := newTraffic()
	for h := range 96 {
		w.record(h, "45.9.21.11", "10.0.0.4", 22, 50+h%5, netcase.ReachDenied, "fw-a")
		if h < 60 || h >= 63 {
			w.record(h, "45.9.22.12", "10.0.0.5", 23, 50+h%3, netcase.ReachDenied, "fw-b")
		}
	}
	p := w.find(t, spike())[0].Spike.Points
	if !p[60].Missing || !p[62].Missing || p[59].Missing || p[63].Missing {
		t.Errorf("%+v", p[58:64])
	}
}

func TestSpikeNewSensor(t *testing.T) {
	w := newTraffic()
	w.noise(0, 96, 50, 10)
	for h := 90; h < 96; h++ {
		w.record(h, "91.20.30.40", "10.0.9.9", 443, 300, netcase.ReachAllowed, "fw-new")
	}
	found := w.find(t, spike())
	if len(spikesOf(found)) != 0 || !strings.Contains(found[0].Spike.Why, "sensors that were not there before") {
		t.Fatalf("%s: %s", found[0].Title, found[0].Spike.Why)
	}
}

func TestSpikeOfCutInput(t *testing.T) {
	w := campaign()
	w.cut = "exactly 30,000 rows"
	found := w.find(t, spike())
	if len(spikesOf(found)) != 0 || !found[0].Spike.Described || !strings.Contains(found[0].Spike.Why, "exactly 30,000 rows") {
		t.Fatalf("%s: %+v", found[0].Title, found[0].Spike.Why)
	}
}

// A burst of one machine against another inside is described, and nothing more.
func TestSpikeInternalBurst(t *testing.T) {
	w := newTraffic()
	for i := range 5039 {
		w.batch.Flows = append(w.batch.Flows, netcase.Flow{
			Start: monday + netcase.Time(i*44000/5039), Src: netcase.At(netip.MustParseAddr("10.0.0.9")), Dst: netcase.At(netip.MustParseAddr("10.0.0.4")),
			DstPort: 80, Proto: netcase.TCP, Reach: netcase.ReachBidirectional, Sensor: "nsg", Flows: 1, Records: 1,
		})
	}
	found := w.find(t, spike())
	if len(found) != 1 || found[0].Kind != "description" || found[0].Direction != netcase.Lateral || found[0].Spike.Tier != "T0" || found[0].Spike.Observed != 5039 {
		t.Fatalf("%+v", found)
	}
	if s := found[0].Evidence[0].Statement; !strings.Contains(s, "44 seconds apart") || !strings.Contains(s, "10.0.0.9 to 10.0.0.4 on 80/tcp") {
		t.Error(s)
	}
	w.record(0, "45.9.21.11", "10.0.0.4", 22, 7, netcase.ReachDenied, "nsg")
	found = w.find(t, spike())
	if len(found) != 2 || found[0].Direction != netcase.Inbound || found[1].Direction != netcase.Lateral {
		t.Fatalf("%d findings", len(found))
	}
}

func TestSpikeCountsRecordsWithoutCounters(t *testing.T) {
	w := newTraffic()
	w.noise(0, 24, 20, 11)
	for i := range w.batch.Flows {
		w.batch.Flows[i].Resolution = netcase.ResolutionUnknown
	}
	f := w.find(t, spike())[0]
	if f.Spike.Series != "inbound records" || !strings.Contains(strings.Join(f.Limits, "\n"), "records are counted, not flows") {
		t.Errorf("%s, %v", f.Spike.Series, f.Limits)
	}
}

func TestSpikeKeepsToTheInterval(t *testing.T) {
	w := newTraffic()
	w.noise(0, 24, 20, 12)
	for i := range w.batch.Flows {
		w.batch.Flows[i].Resolution = 180
	}
	if f := w.find(t, spike())[0]; f.Spike.BinMinutes != 180 || len(f.Spike.Points) != 8 {
		t.Errorf("bins of %d minutes, %d points", f.Spike.BinMinutes, len(f.Spike.Points))
	}
}

// One record of a wrong century must not hide a month, nor cost memory.
func TestSpikeWrongCentury(t *testing.T) {
	w := campaign()
	for _, h := range []int{-400_000, 600_000} {
		w.flows(h, "45.9.21.11", "10.0.0.4", 22, 3)
	}
	found := w.find(t, spike())
	if len(spikesOf(found)) != 1 || len(found[0].Spike.Points) > spikePoints {
		t.Fatalf("%d spikes, %s", len(spikesOf(found)), found[0].Title)
	}
	if !strings.Contains(strings.Join(found[0].Limits, "\n"), "before or after the hours") {
		t.Error(found[0].Limits)
	}
}

func TestSpikeOutsideTheSpan(t *testing.T) {
	w := campaign()
	w.span = netcase.Span{Start: monday + 48*netcase.Hour, End: monday + 100*netcase.Hour}
	for _, f := range w.find(t, spike()) {
		if f.Kind == "spike" || len(f.Spike.Points) != 100 {
			t.Errorf("%s, %d points", f.Title, len(f.Spike.Points))
		}
	}
}

// A span that begins in the last, incomplete bin has that bin only.
func TestSpikeShortSpan(t *testing.T) {
	w := campaign()
	w.batch.Flows = slices.DeleteFunc(w.batch.Flows, func(f netcase.Flow) bool { return f.Start >= monday+119*netcase.Hour })
	w.batch.Flows = append(w.batch.Flows, netcase.Flow{
		Start: monday + 119*netcase.Hour + netcase.Minute, Src: netcase.At(netip.MustParseAddr("45.9.20.10")), Dst: netcase.At(netip.MustParseAddr("10.0.0.4")), Flows: 1, Records: 1,
	})
	w.span = netcase.Span{Start: monday + 119*netcase.Hour, End: monday + 120*netcase.Hour}
	found := w.find(t, spike())
	if len(found) != 1 || found[0].Span != w.span || found[0].Flows != 1 {
		t.Errorf("%+v", found)
	}
	w.span = netcase.Span{Start: monday + 500*netcase.Hour, End: monday + 520*netcase.Hour}
	if found := w.find(t, spike()); len(found) != 0 {
		t.Errorf("%d findings beyond the data", len(found))
	}
}

func TestSpikeNothingToSay(t *testing.T) {
	if found := newTraffic().find(t, spike()); len(found) != 0 {
		t.Errorf("%d findings from nothing", len(found))
	}
}

// core is what must not change when the data is bent: numbers, without names of
// records and inputs.
func core(findings []netcase.Finding, shift netcase.Time, rename *strings.Replacer) []string {
	var out []string
	for _, f := range findings {
		s := f.Spike
		out = append(out, rename.Replace(fmt.Sprintf("%s %s %s %d-%d %.6g %.6g %.6g %.6g %v %v %v", f.Kind, s.Series, s.Tier, s.Window.Start-shift, s.Window.End-shift,
			s.Observed, s.Expected, s.Q, s.LLR, s.Attribution, s.Cells, s.Contributors)))
	}
	return out
}

func TestSpikeMetamorphosis(t *testing.T) {
	notShort(t)
	same := strings.NewReplacer()
	want := core(campaign().find(t, spike()), 0, same)

	w := campaign()
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(w.batch.Flows), func(i, j int) {
		w.batch.Flows[i], w.batch.Flows[j] = w.batch.Flows[j], w.batch.Flows[i]
	})
	compareCores(t, "shuffled", core(w.find(t, spike()), 0, same), want)

	w = campaign()
	for i := range w.batch.Flows {
		w.batch.Flows[i].Start += 7 * netcase.Day
		w.batch.Flows[i].End += 7 * netcase.Day
	}
	compareCores(t, "shifted", core(w.find(t, spike()), 7*netcase.Day, same), want)

	w = campaign()
	for i := range w.batch.Flows {
		f := &w.batch.Flows[i]
		f.Dst = netcase.At(netip.MustParseAddr(strings.Replace(f.Dst.Addr.String(), "10.0.0.", "10.7.7.", 1)))
	}
	compareCores(t, "renamed", core(w.find(t, spike()), 0, strings.NewReplacer("10.7.7.", "10.0.0.")), want)

	w = campaign()
	w.split = len(w.batch.Flows) / 2
	compareCores(t, "split", core(w.find(t, spike()), 0, same), want)

	w = campaign()
	for _, f := range slices.Clone(w.batch.Flows) {
		f.Sensor = "zz-second"
		w.batch.Flows = append(w.batch.Flows, f)
	}
	compareCores(t, "second sensor", core(w.find(t, spike()), 0, same), want)

	w = campaign()
	w.batch.Flows = slices.DeleteFunc(w.batch.Flows, func(f netcase.Flow) bool { return f.Src.Addr.As4()[0] == 91 })
	if n := len(spikesOf(w.find(t, spike()))); n != 0 {
		t.Errorf("%d spikes remain when their sources are taken out", n)
	}
}

func compareCores(t *testing.T, name string, got, want []string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// S7: "other" has the largest surprise only because its share shrank.
func TestAttributionSet(t *testing.T) {
	k := ranking{rule: usualAttribution(), dimension: "x", observed: 400, expected: 100}
	for i, n := range []string{"a", "b", "c", "other"} {
		k.offer(netcase.Contribution{Name: n, Expected: []float64{10, 10, 10, 70}[i], Observed: []float64{110, 108, 112, 70}[i]})
	}
	a := k.answer()
	var names []string
	for _, e := range a.Elements {
		names = append(names, fmt.Sprintf("%s %.3f %.4f", e.Name, e.Share, e.Surprise))
	}
	if got := strings.Join(names, ", "); got != "c 0.340 0.0320, a 0.333 0.0306, b 0.327 0.0293" {
		t.Error(got)
	}
	near(t, "divergence", a.Divergence, 0.2136, 0.001)
}

// S8: all ports four times as busy.
func TestAttributionOfEqualRise(t *testing.T) {
	k := ranking{rule: usualAttribution(), dimension: byPortDim, observed: 400, expected: 100, before: 1000}
	for _, p := range []string{"22", "23", "80", "3389"} {
		k.add(p, part{in: 100, before: 250}, false)
	}
	if a := k.answer(); len(a.Elements) != 0 || a.Divergence > 1e-12 {
		t.Errorf("%+v", a)
	}
}

// The plain way counts every cell; the bounded one must not miss a large one.
func TestHeavyCells(t *testing.T) {
	b := &breakdown{cells: map[cell]float64{}}
	random := rand.New(rand.NewPCG(5, 5))
	total := 0.0
	big := cell{port: 3389}
	for i := range 30_000 {
		n := float64(1 + random.IntN(3))
		c := cell{port: uint16(random.IntN(60000)), proto: 17}
		if i%200 == 0 {
			c = big
		}
		b.heavy(c, n)
		total += n
	}
	if len(b.cells) > cellCounters || b.cells[big] <= 0 {
		t.Errorf("%d cells, the large one %g of %g", len(b.cells), b.cells[big], total)
	}
}

// S10: of series in which nothing happens at most 2 % may show a flag.
func TestNullSeries(t *testing.T) {
	series := 10_000
	if testing.Short() {
		series = 500
	}
	random := rand.New(rand.NewPCG(10, 10))
	flagged := 0
	for k := range series {
		mu := []float64{2, 5, 10, 20, 50, 100}[k%6]
		phi := []float64{1, 1.5, 2, 3, 4}[k%5]
		g := &grid{hours: 1, first: 480_000, missing: make([]bool, 168), rule: usualRule()}
		l := &line{x: make([]float64, 168), by: cube.ByDirection}
		for i := range l.x {
			l.x[i] = drawCount(mu, phi, random)
		}
		s := &seriesSet{g: g, lines: []*line{l}, series: 1}
		s.judge(&Input{Config: DefaultConfig()})
		if slices.ContainsFunc(l.candidates, func(c candidate) bool { return c.q <= DefaultConfig().SpikeQ }) {
			flagged++
		}
	}
	t.Logf("%d of %d null series flagged", flagged, series)
	if flagged > series/50 {
		t.Errorf("%d of %d null series flagged", flagged, series)
	}
}

// The same over five weeks, where the baseline is that of the hour of the week.
func TestNullSeriesOfWeeks(t *testing.T) {
	notShort(t)
	const series, bins = 300, 840
	random := rand.New(rand.NewPCG(11, 11))
	flagged := 0
	for k := range series {
		l := &line{x: make([]float64, bins), by: cube.ByDirection}
		for i := range l.x {
			l.x[i] = drawCount([]float64{5, 20, 100}[k%3], []float64{1, 2, 3, 4}[k%4], random)
		}
		s := &seriesSet{g: &grid{hours: 1, first: 480_000, missing: make([]bool, bins), rule: usualRule()}, lines: []*line{l}, series: 1}
		s.judge(&Input{Config: DefaultConfig()})
		flagged += b2i(slices.ContainsFunc(l.candidates, func(c candidate) bool { return c.q <= DefaultConfig().SpikeQ }))
	}
	if flagged > series/50 {
		t.Errorf("%d of %d null series flagged", flagged, series)
	}
}

// usualAttribution is the rule where nothing else is set.
func usualAttribution() *AttributionConfig {
	c := DefaultAttributionConfig()
	return &c
}

// usualScan is what tells scans apart where nothing else is set.
func usualScan() *ScanConfig {
	c := DefaultScanConfig()
	return &c
}

// usualRule is how baselines are made where nothing else is set.
func usualRule() *BaselineConfig {
	c := DefaultBaselineConfig()
	return &c
}

func TestTiers(t *testing.T) {
	g := &grid{hours: 1, first: 480_000, missing: make([]bool, 24*30), rule: usualRule()}
	x := make([]float64, len(g.missing))
	for i := range x {
		x[i] = 20 + 10*float64(i%24/12)
	}
	b := newBaseline(g, x, nil)
	for i, want := range map[int]tier{0: tierNone, 11: tierNone, 12: tierMean, 71: tierMean, 72: tierDaily, 335: tierDaily, 336: tierWeek} {
		if got := b.at(i).tier; got != want {
			t.Errorf("bin %d: %s, want %s", i, got, want)
		}
	}
	if e := b.at(200); e.mu != x[200] || e.phi < g.rule.MedianPhi {
		t.Errorf("by the day: %+v", e)
	}
	if e := b.at(500); e.mu != x[500] {
		t.Errorf("by the week: %+v", e)
	}
	for i := range x {
		x[i] += 2 * float64(i/168)
	}
	if e := newBaseline(g, x, nil).at(700); math.Abs(e.mu-x[700]) > 0.01 {
		t.Errorf("with a trend of 2 a week: %+v, want %g", e, x[700])
	}
	g.missing[5] = true
	if got := newBaseline(g, x, nil).at(12).tier; got != tierNone {
		t.Errorf("a missing bin counts as history: %s", got)
	}
}
