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

// saidOf is the kinds and the titles of what a detector finds with some thresholds set.
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
	for _, x := range []struct {
		d     Detector
		batch netcase.Batch
		set   [][2]string
	}{
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
