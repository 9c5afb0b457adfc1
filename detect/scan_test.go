package detect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/cube"
)

// scene is telemetry under construction.
type scene struct {
	flows  []netcase.Flow
	logins []netcase.Login
	site   netcase.Site
}

const noon = netcase.Time(1760961600000) // 2025-10-20T12:00:00Z

func end(s string) netcase.Endpoint { return netcase.At(netip.MustParseAddr(s)) }

// flow adds one flow.
func (s *scene) flow(at netcase.Time, src, dst string, port uint16, r netcase.Reach) {
	s.flows = append(s.flows, netcase.Flow{
		Start: at, End: at, Src: end(src), Dst: end(dst), DstPort: port, Proto: netcase.TCP, Reach: r, Sensor: "zeek", Flows: 1, Records: 1,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
		Place: netcase.Place{Line: int64(len(s.flows) + 1)}, Raw: fmt.Appendf(nil, "%d %s %s %d", at, src, dst, port),
	})
}

func host(i int) string { return fmt.Sprintf("10.0.%d.%d", i/200, 1+i%200) }

// background is ordinary traffic: clients that are answered.
func (s *scene) background(hosts int) {
	for i := range hosts {
		for c := range 3 {
			s.flow(noon+netcase.Time(i)*netcase.Minute, fmt.Sprintf("93.184.%d.%d", c, 1+i%200), host(i), 443, netcase.ReachBidirectional)
		}
	}
}

func (s *scene) run(t *testing.T, d Detector) []netcase.Finding {
	t.Helper()
	engine := cube.Of(s.site, "in-1", netcase.Batch{Flows: s.flows, Logins: s.logins})
	r, err := Run(context.Background(), Request{Config: DefaultConfig(), Site: &s.site, Answerer: engine, Detectors: []Detector{d}})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range r.Runs {
		if !run.OK {
			t.Fatalf("%s: %s", run.Name, run.Why)
		}
	}
	return r.Findings
}

func classes(findings []netcase.Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Kind)
	}
	return out
}

const scannerAddr = "45.95.147.9"

func TestScanClasses(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*scene)
		want  []string
	}{
		{"quiet day", func(s *scene) {}, nil},
		{"one port on many hosts", func(s *scene) {
			for i := range 30 {
				s.flow(noon+netcase.Time(i)*netcase.Second, scannerAddr, host(i), 22, netcase.ReachNoReply)
			}
		}, []string{classHorizontal}},
		{"many ports on one host", func(s *scene) {
			for p := range 20 {
				s.flow(noon, scannerAddr, host(1), uint16(1000+p), netcase.ReachDenied)
			}
		}, []string{classVertical}},
		{"a fixed set of ports on several hosts", func(s *scene) {
			for i := range 14 {
				for _, p := range []uint16{22, 23, 80, 3389} {
					s.flow(noon, scannerAddr, host(i), p, netcase.ReachUnknown)
				}
			}
		}, []string{classStrobe}},
		{"everything everywhere", func(s *scene) {
			for i := range 30 {
				for p := range 20 {
					s.flow(noon, scannerAddr, host(i), uint16(1000+p), netcase.ReachDenied)
				}
			}
		}, []string{classBlock}},
		{"one below the threshold is a scanner by its first contacts alone", func(s *scene) {
			for i := range 19 {
				s.flow(noon, scannerAddr, host(i), 22, netcase.ReachNoReply)
			}
		}, []string{classWalk}},
		{"three failures are only a probe", func(s *scene) {
			for i := range 3 {
				s.flow(noon, scannerAddr, host(i), 22, netcase.ReachNoReply)
			}
		}, []string{classProbe}},
		{"look-alike: a client with three stale addresses among many", func(s *scene) {
			for i := range 15 {
				r := netcase.ReachBidirectional
				if i%5 == 0 {
					r = netcase.ReachNoReply
				}
				s.flow(noon+netcase.Time(i)*netcase.Second, scannerAddr, host(i), 443, r)
			}
		}, nil},
		{"unknown outcomes make no walk", func(s *scene) {
			for i := range 8 {
				s.flow(noon, scannerAddr, host(i), 22, netcase.ReachUnknown)
			}
		}, nil},
		{"one network that shares the work", func(s *scene) {
			for i := range 36 {
				s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), 22, netcase.ReachNoReply)
			}
		}, []string{classDistributed}},
		{"look-alike: as many sources of as many networks", func(s *scene) {
			for i := range 36 {
				s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.%d.7", 1+i/3), host(i), 22, netcase.ReachNoReply)
			}
		}, []string{classProbe}},
		{"look-alike: one network, other ports, hours apart", func(s *scene) {
			for i := range 36 {
				s.flow(noon+netcase.Time(i/3)*netcase.Hour, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), uint16(20+i/3), netcase.ReachNoReply)
			}
		}, []string{classProbe}},
		{"look-alike: an office whose clients are answered", func(s *scene) {
			for i := range 36 {
				s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), 443, netcase.ReachBidirectional)
			}
		}, nil},
		{"look-alike: a crawler that is answered", func(s *scene) {
			for i := range 40 {
				s.flow(noon, scannerAddr, host(i), 443, netcase.ReachBidirectional)
			}
		}, nil},
		{"look-alike: a visitor of many web servers whose outcome nobody recorded", func(s *scene) {
			for i := range 40 {
				s.flow(noon, scannerAddr, host(i), 443, netcase.ReachUnknown)
				s.flow(noon, scannerAddr, host(i), 80, netcase.ReachAllowed)
			}
		}, nil},
		{"one other port among them and it is no visitor", func(s *scene) {
			for i := range 40 {
				s.flow(noon, scannerAddr, host(i), 443, netcase.ReachUnknown)
				s.flow(noon, scannerAddr, host(i), 23, netcase.ReachUnknown)
			}
		}, []string{classStrobe}},
		{"a scanner that is answered by most still fails too often", func(s *scene) {
			for i := range 40 {
				r := netcase.ReachBidirectional
				if i%3 == 0 {
					r = netcase.ReachRefused
				}
				s.flow(noon, scannerAddr, host(i), 22, r)
			}
		}, []string{classHorizontal}},
		{"look-alike: an inside burst to one service", func(s *scene) {
			for i := range 5039 {
				s.flow(noon+netcase.Time(i*8), "10.0.0.9", "10.0.0.4", 80, netcase.ReachBidirectional)
			}
		}, nil},
		{"look-alike: inside monitoring that is answered", func(s *scene) {
			for i := range 40 {
				s.flow(noon, "10.0.9.9", host(i), 22, netcase.ReachBidirectional)
			}
		}, nil},
		{"an inside machine that fails everywhere", func(s *scene) {
			for i := range 40 {
				s.flow(noon, "10.0.9.9", host(i), 445, netcase.ReachNoReply)
			}
		}, []string{classHorizontal}},
		{"a machine of ours that scans outside", func(s *scene) {
			for i := range 60 {
				s.flow(noon, "10.0.9.9", fmt.Sprintf("93.184.7.%d", i+1), 23, netcase.ReachNoReply)
			}
		}, []string{classHorizontal}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			s.background(40)
			c.build(&s)
			if got := classes(s.run(t, scan())); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestScanSlidesOverBinEdges(t *testing.T) {
	// 24 hosts within five minutes, then 24 more right after the edge of a fixed bin.
	var s scene
	s.background(50)
	for i := range 24 {
		s.flow(noon+netcase.Hour-2*netcase.Minute, scannerAddr, host(i), 22, netcase.ReachNoReply)
		s.flow(noon+netcase.Hour+netcase.Minute, scannerAddr, host(24+i), 22, netcase.ReachNoReply)
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Scan.Horizon != 5*time.Minute {
		t.Fatalf("%+v", found)
	}
}

func TestScanHorizonOfASlowScan(t *testing.T) {
	var s scene
	s.background(40)
	for i := range 30 {
		s.flow(noon+netcase.Time(i)*netcase.Hour/2, scannerAddr, host(i), 22, netcase.ReachNoReply)
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Scan.Horizon != 24*time.Hour {
		t.Fatalf("%+v", found)
	}
}

func TestScanThresholdScalesToTheEstate(t *testing.T) {
	// 16 addresses, 8 of them hit: a fixed threshold of 25 could never fire.
	var s scene
	s.background(16)
	for i := range 8 {
		s.flow(noon, scannerAddr, host(i), 22, netcase.ReachDenied)
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Scan.HostThreshold != 8 || found[0].Scan.Estate != 16 {
		t.Fatalf("%+v", found)
	}
}

func TestScanIPv6AndDark(t *testing.T) {
	s := scene{site: netcase.Site{
		Own:  []netip.Prefix{netip.MustParsePrefix("2a00:1450::/32"), netip.MustParsePrefix("10.0.0.0/16")},
		Dark: []netip.Prefix{netip.MustParsePrefix("2a00:1450:dead::/48")},
	}}
	s.background(60)
	for i := range 4 {
		s.flow(noon, "2a01:4f8::9", fmt.Sprintf("2a00:1450:dead::%d", i+1), 22, netcase.ReachNoReply)
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Kind != classHorizontal {
		t.Fatalf("four unused addresses are enough: %v", classes(found))
	}
}

func TestScanGroupsWhatIsAlike(t *testing.T) {
	var s scene
	s.background(40)
	for src := range 50 {
		for i := range 30 {
			s.flow(noon, fmt.Sprintf("45.95.%d.7", src), host(i), 3389, netcase.ReachDenied)
		}
	}
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Scan.SourceCount != 50 || found[0].Flows != 1500 {
		t.Fatalf("fifty sources that did the same are one finding: %v", classes(found))
	}
	if len(found[0].Evidence) != 1 || len(found[0].Evidence[0].Records) == 0 || found[0].Evidence[0].Total != 1500 {
		t.Errorf("evidence: %+v", found[0].Evidence)
	}
}

func TestScanFewerGroupsUnderManyPortSets(t *testing.T) {
	var s scene
	s.background(40)
	for src := range 60 {
		for i := range 30 {
			s.flow(noon, fmt.Sprintf("45.95.%d.7", src), host(i), uint16(2000+src), netcase.ReachDenied)
		}
	}
	if found := s.run(t, scan()); len(found) != 1 || found[0].Scan.SourceCount != 60 {
		t.Fatalf("%d findings", len(found))
	}
}

// TestScanDoesNotCare bends the data in ways that must not matter.
func TestScanDoesNotCare(t *testing.T) {
	base := func() *scene {
		s := &scene{}
		s.background(40)
		for i := range 30 {
			s.flow(noon+netcase.Time(i)*netcase.Minute, scannerAddr, host(i), 22, netcase.ReachNoReply)
		}
		return s
	}
	want := base().run(t, scan())
	same := func(name string, got []netcase.Finding) {
		t.Helper()
		if len(got) != len(want) || got[0].Kind != want[0].Kind || got[0].Flows != want[0].Flows || got[0].Scan.HostCount != want[0].Scan.HostCount {
			t.Errorf("%s: the finding moved: %+v", name, got)
		}
	}
	shuffled := base()
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(shuffled.flows), func(i, j int) {
		shuffled.flows[i], shuffled.flows[j] = shuffled.flows[j], shuffled.flows[i]
	})
	if got := shuffled.run(t, scan()); !reflect.DeepEqual(got, want) {
		t.Error("shuffled rows change the finding")
	}
	shifted := base()
	for i := range shifted.flows {
		shifted.flows[i].Start += 37*netcase.Hour + 17*netcase.Minute
		shifted.flows[i].End = shifted.flows[i].Start
	}
	same("shifted in time", shifted.run(t, scan()))
	doubled := base()
	for _, f := range base().flows {
		f.Sensor = "zeek/second"
		doubled.flows = append(doubled.flows, f)
	}
	same("a second sensor that saw the same", doubled.run(t, scan()))
	longer := base()
	for i := range 40 {
		longer.flow(noon+netcase.Day, "93.184.1.1", host(i), 443, netcase.ReachBidirectional)
	}
	same("a quiet day more", longer.run(t, scan()))
}

func TestExposure(t *testing.T) {
	var s scene
	s.background(5)
	s.flow(noon, scannerAddr, host(1), 3389, netcase.ReachDenied)
	s.flow(noon, scannerAddr, host(2), 22, netcase.ReachAllowed)
	if got := s.run(t, exposure()); len(got) != 0 {
		t.Fatalf("a denied and an unanswered flow open no door: %+v", got)
	}
	s.flow(noon, scannerAddr, host(1), 3389, netcase.ReachBidirectional)
	s.flow(noon, "10.0.0.77", host(1), 22, netcase.ReachBidirectional)
	got := s.run(t, exposure())
	if len(got) != 1 || got[0].Exposure.Port != 3389 || got[0].Exposure.SourceCount != 1 || !got[0].Exposure.Proven {
		t.Fatalf("%+v", got)
	}
	s.site.Approved = []netip.Prefix{netip.MustParsePrefix(scannerAddr + "/32")}
	if got := s.run(t, exposure()); len(got) != 0 {
		t.Error("an approved source is welcome")
	}
}

func TestFindingsAccuseNobody(t *testing.T) {
	var s scene
	s.background(40)
	for i := range 30 {
		s.flow(noon, scannerAddr, host(i), 3389, netcase.ReachBidirectional)
	}
	for _, d := range []Detector{scan(), exposure()} {
		for _, f := range s.run(t, d) {
			for _, word := range []string{"attack", "malicious", "threat", "compromis", "confirmed", "beacon", "brute"} {
				if strings.Contains(strings.ToLower(f.Title), word) {
					t.Errorf("%q says %q", f.Title, word)
				}
			}
		}
	}
}

func TestOneDetectorsFailureIsItsOwn(t *testing.T) {
	var s scene
	s.background(2)
	bad := Detector{Name: "bad", Ask: func(Config) Questions { return Questions{} }, Find: func(*Input) []netcase.Finding { panic("no") }}
	r, err := Run(context.Background(), Request{
		Config: DefaultConfig(), Site: &s.site, Answerer: cube.Of(s.site, "in-1", netcase.Batch{Flows: s.flows}), Detectors: []Detector{bad, exposure()},
	})
	if err != nil || r.Runs[0].OK || !r.Runs[1].OK {
		t.Errorf("%+v %v", r.Runs, err)
	}
}
