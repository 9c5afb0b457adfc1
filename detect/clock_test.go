package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
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
			if !strings.Contains(strings.Join(found[0].Limits, "\n"), "counted once for each") {
				t.Errorf("the limits do not say what the clocks do to sums: %q", found[0].Limits)
			}
			if got := found[0].Evidence[0].Numbers["seconds"]; math.Abs(got-c.secs) > 1 {
				t.Errorf("%v seconds, want %v", got, c.secs)
			}
		})
	}
}

// Logins that a host's own log and a sensor beside it record tell the same.
func TestClockOfLogins(t *testing.T) {
	for _, c := range []struct {
		name   string
		offset netcase.Time
		want   string
	}{
		{"an hour ahead", netcase.Hour, "the clock of sshd/h runs 1 hour ahead of that of defender"},
		{"a quiet day", 0, ""},
		{"a look-alike: a second of delay", netcase.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, 4))
			s := &scene{}
			s.background(40)
			for i := range 12 {
				at := noon + netcase.Time(r.IntN(6*int(netcase.Hour)))
				l := netcase.Login{
					Time: at, Peer: netcase.At(netip.AddrFrom4([4]byte{93, 184, 1, byte(1 + i)})), Host: netcase.Endpoint{Name: "h"},
					Account: fmt.Sprint("user", i), Outcome: netcase.LoginSucceeded, Count: 1, Sensor: "defender",
				}
				s.logins = append(s.logins, l)
				l.Time, l.Sensor = at+c.offset, "sshd/h"
				s.logins = append(s.logins, l)
			}
			found := s.run(t, clock())
			if c.want == "" && len(found) != 0 || c.want != "" && (len(found) != 1 || found[0].Title != c.want) {
				t.Fatalf("%+v, want %q", found, c.want)
			}
		})
	}
}
