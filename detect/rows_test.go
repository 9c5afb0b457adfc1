package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// Rows of the tables that the methods are specified by, where a row says more than one
// function: each through the detector itself, named by its row. The others are with the
// functions that they are about.

// flat is an hour after another with as many flows from each of some ports.
func flat(hours, each int) *traffic {
	w := newTraffic()
	for h := range hours {
		for k, port := range seedPorts() {
			w.flows(h, fmt.Sprintf("45.9.%d.9", 20+k), fmt.Sprintf("10.0.0.%d", 4+k), port, each)
		}
	}
	return w
}

// S1 to S3: 60 where 20 are expected is a rise, 30 is none, whatever its probability says
// under one law or the other.
func TestRowsS1ToS3(t *testing.T) {
	for more, want := range map[int]int{40: 1, 10: 0} {
		w := flat(120, 5)
		w.flows(100, "91.20.30.40", "10.0.0.4", 3389, more)
		spikes := spikesOf(w.find(t, spike()))
		if len(spikes) != want {
			t.Fatalf("%d over 20: %d rises", 20+more, len(spikes))
		}
		if want == 1 && (spikes[0].Spike.Observed != 60 || spikes[0].Spike.Expected != 20 || spikes[0].Spike.Ratio != 3 || spikes[0].Spike.Excess != 40) {
			t.Errorf("%+v", spikes[0].Spike)
		}
	}
}

// S4: three hours of 3 and then one of 12. The predictive tail alone would be 1.27e-3; three
// bins are no history, and the words for a rise are not used.
func TestRowS4(t *testing.T) {
	near(t, "the tail alone", predictiveTail(12, 9, 3), 1.27e-3, 0.005)
	w := newTraffic()
	for h, n := range []int{3, 3, 3, 12, 1} {
		w.flows(h, "45.9.20.9", "10.0.0.4", 22, n)
	}
	found := w.find(t, spike())
	if len(found) != 1 || found[0].Kind != "description" || found[0].Spike.Tier != "T0" || found[0].Spike.Q != 0 || found[0].Spike.Expected != 0 {
		t.Fatalf("%+v", found)
	}
	for _, word := range []string{"spike", "sharp", "increase", "anomal"} {
		if strings.Contains(strings.ToLower(found[0].Title+found[0].Evidence[0].Statement), word) {
			t.Errorf("%q says %q", found[0].Title, word)
		}
	}
}

// S8: four times as much on all four ports: ports do not explain it.
func TestRowS8(t *testing.T) {
	w := flat(120, 5)
	for k, port := range seedPorts() {
		w.flows(100, fmt.Sprintf("45.9.%d.9", 20+k), fmt.Sprintf("10.0.0.%d", 4+k), port, 15)
	}
	spikes := spikesOf(w.find(t, spike()))
	if len(spikes) != 1 {
		t.Fatalf("%d rises", len(spikes))
	}
	ports := answerOf(t, spikes[0].Spike, byPortDim)
	if len(ports.Elements) != 0 || ports.Divergence > 1e-12 {
		t.Errorf("%+v", ports)
	}
	if !slices.ContainsFunc(spikes[0].Evidence, func(e netcase.Evidence) bool { return strings.Contains(e.Statement, "ports do not explain it") }) {
		t.Error("that ports do not explain it is not said")
	}
}

// The walk's bounds and steps with its authors' rates: 256 after four failures, 0.0039
// after four successes, 99 and 0.0101 to reach, and 5.41 contacts by Wald's approximation,
// which leaves out that the walk oversteps.
func TestRowsOfTheWalk(t *testing.T) {
	w := newWalk(0.8, 0.2, 0.01, 0.99, 4)
	success, failure := math.Log(w.scanner/w.benign), math.Log((1-w.scanner)/(1-w.benign))
	near(t, "upper", math.Exp(w.upper), 99, 1e-9)
	near(t, "lower", math.Exp(w.lower), 0.0101, 0.001)
	near(t, "FFFF", math.Exp(4*failure), 256, 1e-9)
	near(t, "FFSFFF", math.Exp(5*failure+success), 256, 1e-9)
	near(t, "SSSS", math.Exp(4*success), 0.0039, 0.005)
	near(t, "Wald", (0.99*w.upper+0.01*w.lower)/(0.8*failure+0.2*success), 5.41, 0.001)
}

// 24 hosts before the edge of a bin and 24 behind it: neither bin reaches the threshold, the
// sliding window does.
func TestRowOfTheBinEdge(t *testing.T) {
	var s scene
	s.background(50)
	bins := map[netcase.Time]int{}
	for i := range 48 {
		at := noon + netcase.Hour - 2*netcase.Minute + netcase.Time(i/24)*3*netcase.Minute
		s.flow(at, scannerAddr, host(i), 22, netcase.ReachNoReply)
		bins[at.Truncate(5*netcase.Minute)]++
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Kind != classHorizontal {
		t.Fatalf("%v", classes(found))
	}
	for at, n := range bins {
		if n != 24 || n >= found[0].Scan.HostThreshold {
			t.Errorf("the bin of %s has %d of %d", at, n, found[0].Scan.HostThreshold)
		}
	}
}

// Which bucket overflows: the fast one at six failures in 50 seconds, and at eleven that are
// eleven minutes apart the slowest, never the one between them.
func TestRowsOfBuckets(t *testing.T) {
	for _, c := range []struct {
		x    logins
		want string
	}{
		{guess(6, 10*netcase.Second), "fast"},
		{guess(11, 55*netcase.Second), "slow"},
		{guess(11, 11*netcase.Minute), "ultra-slow"},
		{guess(100, 11*netcase.Minute), "ultra-slow"},
	} {
		w := newTraffic()
		w.batch.Logins = c.x
		found := w.find(t, auth())
		if len(found) != 1 || found[0].Auth.Bucket != c.want {
			t.Errorf("%d failures in %d minutes: %d findings, want the bucket %s", len(c.x), (c.x[len(c.x)-1].Time-c.x[0].Time)/netcase.Minute, len(found), c.want)
		}
	}
}

// 300 flows to port 3389 without an octet in reply are a scan where they go to many hosts,
// and at no number of hosts sessions in which somebody could have guessed.
func TestRowOfUnansweredFlows(t *testing.T) {
	for hosts, want := range map[int]string{60: classHorizontal, 1: classProbe} {
		w := newTraffic()
		for i := range 300 {
			w.batch.Flows = append(w.batch.Flows, netcase.Flow{
				Start: monday + netcase.Time(i)*netcase.Second, End: monday + netcase.Time(i)*netcase.Second, Src: end(guesser), Dst: end(host(i % hosts)), DstPort: 3389,
				Proto: netcase.TCP, Reach: netcase.ReachNoReply, Sensor: "zeek", Flows: 1, Records: 1, OctetsOut: 60, OctetsIn: 0, PacketsOut: 1, PacketsIn: 0, Resolution: netcase.ResolutionRaw,
				Place: netcase.Place{Line: int64(i + 1)}, Raw: fmt.Appendf(nil, "%d", i),
			})
		}
		if got := flowKinds(t, w); len(got) != 0 {
			t.Errorf("%d hosts: %q", hosts, got)
		}
		if got := classes(w.find(t, scan())); !slices.Equal(got, []string{want}) {
			t.Errorf("%d hosts: %q, want %s", hosts, got, want)
		}
	}
}

// The part of RITA's score that tells random arrivals from a clock is that of the intervals:
// 0.46 to 0.62 for the former, at least 0.85 for sleeps of up to half their length.
func TestRowsOfIntervalScores(t *testing.T) {
	day := netcase.Span{Start: monday, End: monday + netcase.Day}
	intervals := func(starts []netcase.Time) float64 {
		s, ok := ritaScore(starts, slices.Repeat([]float64{512}, len(starts)), day)
		if !ok {
			t.Fatal("no score")
		}
		return s.Intervals
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		if s := intervals(randomly(288, netcase.Day, r)); s < .44 || s > .64 {
			t.Errorf("random, seed %d: %.3f", seed, s)
		}
		if s := intervals(sleeping(5*netcase.Minute, 0.2, netcase.Day, r)); s < .85 {
			t.Errorf("a sleep of 20 %% more or less, seed %d: %.3f", seed, s)
		}
	}
}

// B4, B8 and B10: what the cadence detector calls not measurable is explained by the logging
// interval, whoever began it, and a job of every five minutes in raw records is no artefact.
func TestRowsOfArtefacts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 12))
	hourly := func() (out []netcase.Time) {
		for h := range 24 {
			out = append(out, monday+netcase.Time(h)*netcase.Hour+netcase.Time(r.Int64N(3600))*netcase.Second)
		}
		return out
	}
	job := func() (out []netcase.Time) {
		for i, at := range exactly(5*netcase.Minute, 288) {
			out = append(out, at+netcase.Time(120+i*7%90))
		}
		return out
	}
	for _, c := range []struct {
		name       string
		hosts      int
		ports      []uint16
		resolution netcase.Resolution
		times      func() []netcase.Time
		outward    string   // cadence of what our machines began
		verdict    []string // artefact of what came to them
	}{
		{"B4", 3, seedPorts(), netcase.ResolutionUnknown, hourly, "not measurable", []string{artefactLikely}},
		{"B8", 1, []uint16{443}, netcase.ResolutionUnknown, hourly, "not measurable", []string{artefactPossible}},
		{"B8, declared", 1, []uint16{443}, 60, hourly, "not measurable", []string{artefactLikely}},
		{"B10", 1, []uint16{443}, netcase.ResolutionRaw, job, "periodic", nil},
	} {
		in, out := &office{resolution: c.resolution}, &office{resolution: c.resolution}
		for m := range c.hosts {
			for _, port := range c.ports {
				times := c.times()
				out.calls(times, fmt.Sprintf("10.0.0.%d", 7+m), farEnd, port)
				in.calls(times, farEnd, fmt.Sprintf("10.0.0.%d", 7+m), port)
			}
		}
		found := out.find(t, beacon())
		if len(found) == 0 || slices.ContainsFunc(found, func(f netcase.Finding) bool { return f.Kind != c.outward }) {
			t.Errorf("%s: %q", c.name, cadences(found))
		}
		var verdict []string
		for _, f := range in.find(t, artefact()) {
			if f.Artefact.Verdict != notIndicated {
				verdict = append(verdict, f.Artefact.Verdict)
			}
		}
		if !slices.Equal(verdict, c.verdict) {
			t.Errorf("%s: artefact %s, want %s", c.name, verdict, c.verdict)
		}
		for _, f := range in.find(t, beacon()) {
			if len(c.verdict) > 0 && f.Beacon.Verdict != netcase.CadenceUnmeasured {
				t.Errorf("%s, from outside: %s", c.name, f.Title)
			}
		}
	}
	starts := hourlyRows(1, 12, rand.New(rand.NewPCG(46, 3)))
	if s, ok := ritaScore(starts, slices.Repeat([]float64{512}, len(starts)), netcase.Span{Start: monday, End: monday + netcase.Day}); !ok || s.Score != .973 {
		t.Errorf("B8: RITA's score is %.3f", s.Score)
	}
}

// B5: the clock of B1 from outside is told as what it is, a regular visitor of ours.
func TestRowB5(t *testing.T) {
	var o office
	for _, at := range ms(exactly(5*netcase.Minute, 288)) {
		o.call(at, farEnd, desk7, 443, 412, 1280)
	}
	found := o.find(t, beacon())
	if len(found) != 1 || found[0].Direction != netcase.Inbound || found[0].Beacon.Verdict != netcase.CadenceFromOutside ||
		!strings.Contains(found[0].Title, "regular probing from outside") {
		t.Fatalf("%+v", found)
	}
}
