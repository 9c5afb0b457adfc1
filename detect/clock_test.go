package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"netcase"
)

// twice adds n flows that two sensors see, the second one with its own idea of the time.
func (s *scene) twice(r *rand.Rand, n int, second func(netcase.Time) netcase.Time) {
	for i := range n {
		at := noon + netcase.Time(r.IntN(6*int(netcase.Hour)))
		src := fmt.Sprintf("93.184.%d.%d", r.IntN(3), 1+i%250)
		s.flow(at, src, host(i%9), 443, netcase.ReachBidirectional)
		s.flow(second(at), src, host(i%9), 443, netcase.ReachBidirectional)
		s.flows[len(s.flows)-1].Sensor = "suricata"
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*scene, *rand.Rand)
		want  string  // in the title; empty: no finding
		secs  float64 // suricata is the smaller name: zeek's time less suricata's
	}{
		{"two minutes behind", func(s *scene, r *rand.Rand) {
			s.twice(r, 60, func(at netcase.Time) netcase.Time { return at - 137*netcase.Second + netcase.Time(r.IntN(300)) })
		}, "zeek runs 2.3 minutes ahead of that of suricata", 137},
		{"a zone of two hours forgotten", func(s *scene, r *rand.Rand) {
			s.twice(r, 60, func(at netcase.Time) netcase.Time { return at + 2*netcase.Hour })
		}, "suricata runs 2 hours ahead of that of zeek", -7200},
		{"the same clock, stamped in whole seconds", func(s *scene, r *rand.Rand) {
			s.twice(r, 60, func(at netcase.Time) netcase.Time { return at.Truncate(netcase.Second) })
		}, "", 0},
		{"flows that only look shared", func(s *scene, r *rand.Rand) {
			s.twice(r, 60, func(netcase.Time) netcase.Time { return noon + netcase.Time(r.IntN(6*int(netcase.Hour))) })
		}, "", 0},
		{"too few", func(s *scene, r *rand.Rand) {
			s.twice(r, 3, func(at netcase.Time) netcase.Time { return at + netcase.Minute })
		}, "", 0},
		{"aggregated rows have no start to compare", func(s *scene, r *rand.Rand) {
			s.twice(r, 60, func(at netcase.Time) netcase.Time { return at + netcase.Minute })
			for i := range s.flows {
				if s.flows[i].Sensor == "suricata" {
					s.flows[i].Resolution = 60
				}
			}
		}, "", 0},
		{"a quiet day with one sensor", func(s *scene, _ *rand.Rand) { s.background(40) }, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			c.build(s, rand.New(rand.NewPCG(1, 9)))
			found := s.run(t, clock())
			if c.want == "" {
				if len(found) != 0 {
					t.Fatalf("%s", found[0].Title)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0].Title, c.want) {
				t.Fatalf("%+v, want %q", found, c.want)
			}
			if got := found[0].Evidence[0].Numbers["seconds"]; math.Abs(got-c.secs) > 1 {
				t.Errorf("%v seconds, want %v", got, c.secs)
			}
		})
	}
}
