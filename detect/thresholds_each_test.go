package detect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
)

// saidOf is the kinds and the titles of what a detector finds with some thresholds set, the
// results of its tests, and what explains an excess.
func saidOf(t *testing.T, d Detector, batch netcase.Batch, site netcase.Site, set ...[2]string) string {
	t.Helper()
	config := DefaultConfig()
	for _, x := range set {
		if err := config.Set(x[0], x[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := config.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), Request{Config: config, Site: &site, Answerer: cube.Of(site, "in-1", batch), Detectors: []Detector{d}})
	if err != nil || !r.Runs[0].OK {
		t.Fatal(err, r.Runs)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Kind+": "+f.Title)
		if f.Artefact != nil {
			out = append(out, results(f.Artefact))
		}
		if f.Spike != nil {
			out = append(out, fmt.Sprint(f.Spike.Attribution, f.Spike.Cells))
		}
	}
	return strings.Join(out, "\n")
}

// What every test and every rule of a detector is made of can be set: each of these turns a
// finding on or off, or into another one.
func TestEachThresholdBites(t *testing.T) {
	flows := func(build func(*scene)) netcase.Batch {
		s := &scene{}
		build(s)
		return netcase.Batch{Flows: s.flows, Logins: s.logins}
	}
	rise := func(hours int) netcase.Batch {
		w := newTraffic()
		w.noise(0, hours, 40, 5)
		w.flows(hours-2, "45.95.147.9", "10.0.0.4", 22, 400)
		w.flows(hours-2, "45.95.148.9", "10.0.0.5", 23, 300)
		return w.batch
	}
	late := flows(func(s *scene) {
		s.twice(rand.New(rand.NewPCG(1, 9)), 60, func(at netcase.Time) netcase.Time { return at + 2*netcase.Minute })
	})
	busy := flows(func(s *scene) {
		for range 3 {
			s.twice(rand.New(rand.NewPCG(1, 9)), 60, func(at netcase.Time) netcase.Time { return at + 2*netcase.Minute })
		}
	})
	gap := func(days, perHour int) netcase.Batch {
		return flows(func(s *scene) {
			steady(s, "zeek", days, perHour, func(day, h int) bool { return day == days/2 && h >= 10 && h < 13 })
		})
	}
	beside := flows(func(s *scene) {
		steady(s, "zeek", 1, 12, func(_, h int) bool { return h >= 10 && h < 13 })
		steady(s, "suricata", 1, 15, nil)
		s.flows = slices.DeleteFunc(s.flows, func(f netcase.Flow) bool {
			h := f.Start.Hour() % 24
			return h >= 10 && h < 13 && int(f.Start/netcase.Minute)%4 == 0
		})
	})
	same := flows(func(s *scene) {
		steady(s, "zeek", 1, 20, nil)
		for i, f := range s.flows {
			if f.Sensor = "copy"; i%33 == 0 {
				f.DstPort = 8443
			}
			s.flows = append(s.flows, f)
		}
	})
	places := func(what netcase.Resolution, at func(i int) netcase.Time) netcase.Batch { // of one source, four ports of one host
		w := newTraffic()
		for i := range 288 {
			for _, port := range seedPorts() {
				w.row(at(i), "91.20.30.40", "10.0.0.4", port, what, 1)
			}
		}
		return w.batch
	}
	onTheMinute := places(netcase.ResolutionUnknown, func(i int) netcase.Time { return monday + netcase.Time(i*5)*netcase.Minute })
	offByTwo := places(netcase.ResolutionUnknown, func(i int) netcase.Time {
		return monday + netcase.Time(i*5)*netcase.Minute + netcase.Time(i%3)*netcase.Second
	})
	mixed := places(netcase.ResolutionUnknown, func(i int) netcase.Time {
		return monday + netcase.Time(i*5)*netcase.Minute + netcase.Time(b2i(i%20 == 0)*137)
	})
	w := newTraffic()
	for i := range 48 { // on one tuple, where only its place in the hour tells a schedule
		w.row(monday+netcase.Time(i)*netcase.Hour+netcase.Time(130+i%15)*netcase.Second, "91.20.30.40", "10.0.0.4", 22, netcase.ResolutionUnknown, 1)
	}
	scheduled := w.batch
	one := func(hours int) netcase.Batch {
		return hourly(1, 1, []uint16{3389}, hours, netcase.ResolutionUnknown, nil).batch
	}
	seed := seedCounts().batch
	for _, x := range []struct {
		d     Detector
		batch netcase.Batch
		set   [][2]string
	}{
		{artefact(), one(24), [][2]string{{"artefact.records", "30"}}},
		{artefact(), one(24), [][2]string{{"artefact.cap.cells", "30"}}},
		{artefact(), one(24), [][2]string{{"artefact.cap.p", "1e-12"}}},
		{artefact(), one(24), [][2]string{{"artefact.cap.grid", "2h"}}},
		{artefact(), seed, [][2]string{{"artefact.product.slack", "0.001"}}},
		{artefact(), seed, [][2]string{{"artefact.equal.p", "1e-9"}}},
		{artefact(), seed, [][2]string{{"artefact.equal.counts", "4"}}},
		{artefact(), seed, [][2]string{{"artefact.equal.share", "0.001"}, {"artefact.product.slack", "0.001"}}},
		{artefact(), seed, [][2]string{{"artefact.counters", "0.5"}}},
		{artefact(), mixed, [][2]string{{"artefact.fractions", "0.01"}}},
		{artefact(), onTheMinute, [][2]string{{"artefact.records", "2000"}}},
		{artefact(), offByTwo, [][2]string{{"artefact.grid.near", "2s"}}},
		{artefact(), offByTwo, [][2]string{{"artefact.grid.share", "0.5"}}},
		{artefact(), scheduled, [][2]string{{"artefact.phase.starts", "300"}}},
		{artefact(), scheduled, [][2]string{{"artefact.phase.r", "1"}}},
		{spike(), rise(20), [][2]string{{"attribution.element", "1"}}},
		{spike(), rise(20), [][2]string{{"attribution.set", "0.1"}}},
		{spike(), rise(20), [][2]string{{"attribution.divergence", "1"}}},
		{spike(), rise(20), [][2]string{{"attribution.new", "20"}}},
		{spike(), rise(20), [][2]string{{"attribution.cell", "1"}}},
		{spike(), rise(20), [][2]string{{"baseline.bins", "30"}}},
		{spike(), rise(20), [][2]string{{"baseline.phi.mean", "1000"}}},
		{spike(), rise(20), [][2]string{{"baseline.mean", "1000"}}},
		{spike(), rise(5 * 24), [][2]string{{"baseline.phi.median", "1000"}}},
		{spike(), rise(5 * 24), [][2]string{{"baseline.caution", "100"}}},
		{clock(), late, [][2]string{{"clock.tolerance", "3m"}}},
		{clock(), late, [][2]string{{"clock.reach", "1m"}}},
		{clock(), late, [][2]string{{"clock.pairs", "100"}}},
		{clock(), busy, [][2]string{{"clock.flows", "1"}}},
		{clock(), gap(5, 12), [][2]string{{"silence.usual", "30"}}},
		{clock(), gap(5, 12), [][2]string{{"silence.days", "5"}}},
		{clock(), gap(5, 12), [][2]string{{"silence.apart", "2h"}}},
		{clock(), gap(1, 40), [][2]string{{"silence.lull", "2h"}}},
		{clock(), gap(1, 40), [][2]string{{"silence.beside", "50"}}},
		{clock(), beside, [][2]string{{"silence.others", "1"}}},
		{clock(), same, [][2]string{{"twins.cells", "1000"}}},
		{clock(), same, [][2]string{{"twins.share", "0.99"}}},
	} {
		before, after := saidOf(t, x.d, x.batch, netcase.Site{}), saidOf(t, x.d, x.batch, netcase.Site{}, x.set...)
		if before == after {
			t.Errorf("%s: %s changes nothing: %q", x.d.Name, fmt.Sprint(x.set), before)
		}
	}
}

// Values that cannot stand beside each other are named.
func TestCheckNamesThresholds(t *testing.T) {
	c := DefaultConfig()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, set := range [][2]string{
		{"baseline.daily", "400h"}, {"baseline.phi.mean", "0.5"}, {"baseline.phi.median", "0.9"}, {"baseline.bins", "1"},
	} {
		c := DefaultConfig()
		if err := c.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "baseline.") {
			t.Errorf("%s = %s: %v", set[0], set[1], err)
		}
	}
}
