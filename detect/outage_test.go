package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// steady adds flows an hour of one sensor, without the hours that are left out.
func steady(s *scene, sensor string, days, perHour int, out func(day, hour int) bool) {
	r := rand.New(rand.NewPCG(4, 14))
	for day := range days {
		for h := range 24 {
			if out != nil && out(day, h) {
				continue
			}
			for range perHour {
				at := monday + netcase.Time(day)*netcase.Day + netcase.Time(h)*netcase.Hour + netcase.Time(r.IntN(3_600_000))
				s.flow(at, fmt.Sprintf("93.184.%d.%d", r.IntN(3), 1+r.IntN(200)), host(r.IntN(40)), 443, netcase.ReachBidirectional)
				s.flows[len(s.flows)-1].Sensor = sensor
			}
		}
	}
}

func TestClockOfSilence(t *testing.T) {
	outage := func(day, h int) bool { return day == 2 && h >= 10 && h < 13 }
	night := func(_, h int) bool { return h < 6 }
	for _, c := range []struct {
		name  string
		build func(*scene)
		want  string
	}{
		{"a quiet week", func(s *scene) { steady(s, "zeek", 5, 12, nil) }, ""},
		{"look-alike: silent every night", func(s *scene) { steady(s, "zeek", 5, 12, night) }, ""},
		{"three hours, and its own other days speak", func(s *scene) { steady(s, "zeek", 5, 12, outage) }, "zeek is silent for 3 hours"},
		{"three hours, and the other sensor speaks", func(s *scene) {
			steady(s, "zeek", 1, 12, func(_, h int) bool { return h == 10 || h == 11 || h == 12 })
			steady(s, "suricata", 1, 15, nil)
		}, "zeek is silent for 3 hours"},
		{"an hour on a busy day, one sensor", func(s *scene) { steady(s, "zeek", 1, 40, func(_, h int) bool { return h == 10 }) }, "zeek is silent for 1 hour"},
		{"look-alike: a sensor that seldom sees anything", func(s *scene) { steady(s, "zeek", 5, 2, outage) }, ""},
		{"look-alike: two exports a month apart", func(s *scene) {
			steady(s, "zeek", 1, 12, nil)
			n := len(s.flows)
			steady(s, "zeek", 1, 12, nil)
			for i := n; i < len(s.flows); i++ {
				s.flows[i].Start += 30 * netcase.Day
				s.flows[i].End += 30 * netcase.Day
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			c.build(s)
			var titles []string
			for _, f := range s.run(t, clock()) {
				titles = append(titles, f.Title)
			}
			if c.want == "" && len(titles) > 0 || c.want != "" && (len(titles) != 1 || !strings.Contains(titles[0], c.want)) {
				t.Errorf("%q, want %q", titles, c.want)
			}
		})
	}
}

func TestClockOfTwins(t *testing.T) {
	build := func(bend func(*scene)) []string {
		s := &scene{}
		steady(s, "zeek", 1, 20, nil)
		bend(s)
		var titles []string
		for _, f := range s.run(t, clock()) {
			titles = append(titles, f.Title)
		}
		return titles
	}
	twice := func(share float64) func(*scene) {
		return func(s *scene) {
			r := rand.New(rand.NewPCG(5, 14))
			for _, f := range slices.Clone(s.flows) {
				if r.Float64() < share {
					f.Sensor = "copy"
					s.flows = append(s.flows, f)
				}
			}
		}
	}
	if got := build(twice(1)); len(got) != 1 || got[0] != "the sensors copy and zeek report the same flows" {
		t.Errorf("a copy: %q", got)
	}
	if got := build(func(s *scene) {
		n := len(s.flows)
		twice(0.5)(s)
		for i := n; i < len(s.flows); i++ {
			s.flows[i].Dst = end(host(41 + i%20))
		}
	}); len(got) != 0 {
		t.Errorf("look-alike, other traffic: %q", got)
	}
	if got := build(func(*scene) {}); len(got) != 0 {
		t.Errorf("one sensor: %q", got)
	}
}
