package detect

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"netcase"
)

// webServer is hours of a web server with some clients an hour, and a mail server beside it.
func webServer(s *scene, hours int) {
	for h := range hours {
		for c := range 120 {
			s.flow(noon+netcase.Time(h)*netcase.Hour+netcase.Time(c)*20*netcase.Second, fmt.Sprintf("93.184.%d.%d", c/50, 1+c%50), host(1), 443, netcase.ReachBidirectional)
		}
		s.flow(noon+netcase.Time(h)*netcase.Hour, "93.184.9.9", host(2), 25, netcase.ReachBidirectional)
	}
}

const floodHours = 26

// flooded adds a load to the hour before the last.
func flooded(s *scene, n int, source func(int) string, to string, r netcase.Reach) {
	at := noon + (floodHours-2)*netcase.Hour
	for i := range n {
		s.flow(at+netcase.Time(i%3600)*netcase.Second, source(i), to, 443, r)
	}
}

func scattered(i int) string {
	return fmt.Sprintf("%d.%d.%d.%d", 20+i%100, i/256%256, i%256, 1+i/65536)
}

func TestDos(t *testing.T) {
	for _, c := range []struct {
		name    string
		build   func(*scene)
		kinds   []string
		spoofed bool
		suffers netcase.State
	}{
		{name: "quiet day", build: func(*scene) {}},
		{name: "made-up sources", build: func(s *scene) { flooded(s, 1500, scattered, host(1), netcase.ReachNoReply) },
			kinds: []string{"flood"}, spoofed: true, suffers: netcase.False},
		{name: "made-up sources, and the service is gone", build: func(s *scene) {
			s.flows = slices.DeleteFunc(s.flows, func(f netcase.Flow) bool {
				return f.Start.Hour() == (noon+(floodHours-2)*netcase.Hour).Hour() && f.DstPort == 443
			})
			flooded(s, 1500, scattered, host(1), netcase.ReachNoReply)
		}, kinds: []string{"flood"}, spoofed: true, suffers: netcase.True},
		{name: "many real clients that are answered", build: func(s *scene) {
			flooded(s, 1500, func(i int) string { return scattered(i % 500) }, host(1), netcase.ReachBidirectional)
		}, kinds: []string{"flood"}, suffers: netcase.False},
		{name: "outcomes not recorded", build: func(s *scene) {
			for i := range s.flows {
				s.flows[i].Reach = netcase.ReachUnknown
			}
			flooded(s, 1500, scattered, host(1), netcase.ReachUnknown)
		}, kinds: []string{"flood"}, spoofed: true, suffers: netcase.Unknown},
		{name: "look-alike: one client with a script", build: func(s *scene) {
			flooded(s, 1500, func(int) string { return "93.184.7.7" }, host(1), netcase.ReachBidirectional)
		}},
		{name: "look-alike: three times the usual", build: func(s *scene) {
			flooded(s, 240, scattered, host(1), netcase.ReachBidirectional)
		}},
		{name: "look-alike: a scan of many hosts", build: func(s *scene) {
			for i := range 3000 {
				s.flow(noon+(floodHours-2)*netcase.Hour, scannerAddr, host(i%600), uint16(1000+i/600), netcase.ReachNoReply)
			}
		}},
		{name: "a machine of ours floods another's", build: func(s *scene) {
			flooded(s, 1500, func(int) string { return host(7) }, "93.184.7.7", netcase.ReachNoReply)
		}, kinds: []string{"flood"}, suffers: netcase.Unknown},
		{name: "look-alike: a machine of ours that uploads much", build: func(s *scene) {
			flooded(s, 1500, func(int) string { return host(7) }, "93.184.7.7", netcase.ReachBidirectional)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			webServer(&s, floodHours)
			c.build(&s)
			found := s.run(t, dos())
			if got := classes(found); !slices.Equal(got, c.kinds) {
				t.Fatalf("got %v, want %v", got, c.kinds)
			}
			for _, f := range found {
				if f.Flood.Spoofed != c.spoofed || f.Flood.Suffers != c.suffers || f.Flood.Ratio < 10 {
					t.Errorf("%+v", f.Flood)
				}
			}
		})
	}
}

// An outage that lasts a part of the hour: the sum of the hour does not show it.
func TestDosOutage(t *testing.T) {
	notShort(t)
	from := noon + (floodHours-2)*netcase.Hour
	clients := func(s *scene) { // one a quarter of a minute, on every day
		for h := range floodHours {
			for c := range 240 {
				s.flow(noon+netcase.Time(h)*netcase.Hour+netcase.Time(c)*15*netcase.Second, fmt.Sprintf("93.184.%d.%d", c/50, 1+c%50), host(1), 443, netcase.ReachBidirectional)
			}
		}
	}
	load := func(s *scene, r func(i int) netcase.Reach) { // forty minutes
		for i := range 4000 {
			s.flow(from+netcase.Time(i%2400)*netcase.Second, scattered(i), host(1), 443, r(i))
		}
	}
	silent := func(int) netcase.Reach { return netcase.ReachNoReply }
	hush := func(s *scene, minutes ...int) { // the clients of these minutes get no answer
		for i := range s.flows {
			f := &s.flows[i]
			if m := int((f.Start - from) / netcase.Minute); f.Start >= from && slices.Contains(minutes, m) {
				f.Reach = netcase.ReachNoReply
			}
		}
	}
	upTo := func(n int) (out []int) {
		for m := range n {
			out = append(out, m)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		build func(*scene)
		dark  int // minutes
	}{
		{"nobody is answered for as long as it lasts", func(s *scene) { load(s, silent); hush(s, upTo(40)...) }, 40},
		{"one gets through in the middle", func(s *scene) {
			load(s, silent)
			hush(s, upTo(40)...)
			s.flow(from+20*netcase.Minute, "93.184.0.1", host(1), 443, netcase.ReachBidirectional)
		}, 20},
		{"look-alike: it answers one in seven", func(s *scene) {
			load(s, func(i int) netcase.Reach {
				if i%7 == 0 && i < 700 {
					return netcase.ReachBidirectional
				}
				return netcase.ReachNoReply
			})
			hush(s, upTo(40)...)
			for m := range 40 {
				s.flow(from+netcase.Time(m)*netcase.Minute, "93.184.0.1", host(1), 443, netcase.ReachBidirectional)
			}
		}, 0},
		{"look-alike: nothing is recorded for half an hour", func(s *scene) {
			load(s, silent)
			hush(s, upTo(60)...)
			s.flows = slices.DeleteFunc(s.flows, func(f netcase.Flow) bool {
				m := (f.Start - from) / netcase.Minute
				return f.Start >= from && f.Start < from+netcase.Hour && m%4 == 3
			})
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			clients(&s)
			c.build(&s)
			found := s.run(t, dos())
			if len(found) != 1 || found[0].Flood.Suffers != netcase.True {
				t.Fatalf("%v", found)
			}
			f := found[0].Flood
			if got := int(f.Dark.Length().Minutes()); got != c.dark {
				t.Errorf("%d minutes without an answer, want %d", got, c.dark)
			}
			if c.dark > 0 && math.Abs(f.DarkExpected-4*float64(c.dark)) > 1 {
				t.Errorf("%g answers expected in %d minutes, want four a minute", f.DarkExpected, c.dark)
			}
		})
	}
}

func TestDosWithoutHistory(t *testing.T) {
	var s scene
	for i := range 12_000 {
		s.flow(noon+netcase.Time(i%3000)*netcase.Second, scattered(i), host(1), 80, netcase.ReachNoReply)
	}
	s.flow(noon+2*netcase.Hour, "93.184.1.1", host(1), 80, netcase.ReachBidirectional)
	found := s.run(t, dos())
	if len(found) != 1 || found[0].Kind != "description" || found[0].Flood.Ratio != 0 {
		t.Fatalf("%+v", found)
	}
}
