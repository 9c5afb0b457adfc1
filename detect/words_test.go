package detect

import (
	"strings"
	"testing"

	"netcase"
)

// ping adds a flow of a protocol without ports.
func (s *scene) ping(at netcase.Time, src, dst string, r netcase.Reach) {
	s.flow(at, src, dst, 0, r)
	s.flows[len(s.flows)-1].Proto = netcase.ICMP
}

// Nobody is met at an address that stands for many: it is no target, no member
// of the estate and no exposure.
func TestGroupsOfAddressesAreNoTargets(t *testing.T) {
	s := &scene{}
	s.background(3)
	many := []string{"224.0.0.251", "224.0.0.252", "239.255.255.250", "255.255.255.255"}
	for i := range 60 {
		for _, to := range many {
			s.flow(noon+netcase.Time(i)*netcase.Second, "192.168.1.7", to, 5353, netcase.ReachNoReply)
			s.flow(noon+netcase.Time(i)*netcase.Second, scannerAddr, to, 3389, netcase.ReachBidirectional)
		}
		s.flow(noon, "2001:db8:7::9", "ff02::fb", uint16(5000+i), netcase.ReachNoReply)
	}
	for _, d := range []Detector{scan(), exposure()} {
		if found := s.run(t, d); len(found) != 0 {
			t.Errorf("%s: %s", d.Name, found[0].Title)
		}
	}
	s.flow(noon, scannerAddr, host(0), 22, netcase.ReachDenied)
	found := s.run(t, scan())
	if len(found) != 1 || found[0].Scan.Estate != 3 || found[0].Scan.HostCount != 1 {
		t.Errorf("want one probe of one host in an estate of three: %+v", found)
	}
}

func TestListedGroupAddressIsNoSighting(t *testing.T) {
	w := newTraffic()
	w.flows(1, "224.0.0.251", "10.0.0.4", 5353, 4)
	w.listed = []string{"224.0.0.251"}
	if found := w.find(t, sighting()); len(found) != 0 {
		t.Errorf("%s", found[0].Title)
	}
}

// The number beside an outcome is that of the flows with the outcome.
func TestSightingCountsTheOutcome(t *testing.T) {
	for _, c := range []struct {
		first netcase.Reach
		want  string
	}{
		{netcase.ReachUnknown, "2 listed addresses, at least one flow of unknown outcome each: 6 of 46 flows, with 1 host on 2 ports"},
		{netcase.ReachBidirectional, "2 listed addresses, at least one two-way flow each: 6 of 46 flows two-way, with 1 host on 2 ports"},
		{netcase.ReachDenied, "2 listed addresses, every flow denied: 46 flows with 1 host on 2 ports"},
	} {
		w := newTraffic()
		w.listed = []string{"45.95.147.9", "45.95.147.10"}
		for _, peer := range []string{"45.95.147.9", "45.95.147.10"} {
			w.record(1, peer, "10.0.0.4", 22, 3, c.first, "fw")
			w.record(2, peer, "10.0.0.4", 23, 20, netcase.ReachDenied, "fw")
		}
		found := w.find(t, sighting())
		if len(found) != 1 || found[0].Title != c.want {
			t.Errorf("%v: %d findings, %q", c.first, len(found), found[0].Title)
		}
	}
}

func TestPortsInWords(t *testing.T) {
	tcp := func(p uint16) portKey { return portKey{p, netcase.TCP} }
	icmp := portKey{0, netcase.ICMP}
	for _, c := range []struct {
		doors []portKey
		total int
		want  string
	}{
		{[]portKey{tcp(22)}, 1, "port 22"},
		{[]portKey{tcp(22), tcp(23)}, 2, "ports 22, 23"},
		{[]portKey{{53, netcase.TCP}, {53, netcase.UDP}}, 2, "port 53"},
		{[]portKey{icmp}, 1, "icmp"},
		{[]portKey{icmp, {0, netcase.ICMPv6}}, 2, "icmp"},
		{[]portKey{icmp, tcp(53)}, 2, "port 53, and icmp"},
		{[]portKey{tcp(1), tcp(2), tcp(3), tcp(4), tcp(5), tcp(6), tcp(7), tcp(8), tcp(9)}, 20, "ports 1, 2, 3, 4, 5, 6, 7, 8 and 12 more"},
	} {
		if got := portList(c.doors, c.total); got != c.want {
			t.Errorf("%v of %d: %q, want %q", c.doors, c.total, got, c.want)
		}
	}
}

// A title says no more of the ports than the sources have in common.
func TestScanTitles(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*scene)
		want  string
	}{
		{"one port", func(s *scene) {
			for i := range 12 {
				s.flow(noon, scannerAddr, host(i), 22, netcase.ReachDenied)
			}
		}, "1 outside source tried the same port on 12 hosts: port 22 in 12 flows (horizontal)"},
		{"pings", func(s *scene) {
			for i := range 12 {
				s.ping(noon, scannerAddr, host(i), netcase.ReachNoReply)
			}
		}, "1 outside source sent icmp to 12 hosts in 12 flows (horizontal)"},
		{"five ports on different hosts", func(s *scene) {
			for i := range 10 {
				s.flow(noon, scannerAddr, host(i), uint16(22+i%5), netcase.ReachDenied)
			}
		}, "1 outside source tried a few ports on 10 hosts: ports 22, 23, 24, 25, 26 in 10 flows (horizontal)"},
	} {
		s := &scene{}
		s.background(12)
		c.build(s)
		found := s.run(t, scan())
		if len(found) != 1 || found[0].Title != c.want {
			t.Errorf("%s: %d findings, %q", c.name, len(found), found[0].Title)
		}
	}
}

// One address has no counts that could be nearly equal, and where the source
// says what a record stands for, other readings are few.
func TestArtefactOfOneAddress(t *testing.T) {
	found := hourly(1, 3, seedPorts(), 24, 60, nil).find(t, artefact())
	a := only(t, found)
	if found[0].Title != "record count of 1 address (288): the records of this source stand for intervals of 1 hour" {
		t.Errorf("%s", found[0].Title)
	}
	said := strings.Join(append(append([]string{found[0].Evidence[0].Statement}, found[0].Limits...), a.Explanations...), "\n")
	for _, bad := range []string{"near", "each", "sources that really did the same"} {
		if strings.Contains(strings.ReplaceAll(said, "for each address", ""), bad) {
			t.Errorf("%q of one address: %s", bad, said)
		}
	}
	if !strings.HasPrefix(a.Explanations[0], "the source writes one record per hour") {
		t.Errorf("what is declared comes first: %q", a.Explanations)
	}
	others := 0
	for _, e := range a.Explanations[1:] {
		others += b2i(strings.HasPrefix(e, "one record per"))
	}
	if others > otherReadings {
		t.Errorf("%d readings of another interval: %q", others, a.Explanations)
	}
}

// What the evidence says of when is said of the group, not of its first address.
func TestArtefactSaysTheSpanOfTheGroup(t *testing.T) {
	w := hourly(3, 3, seedPorts(), 24, netcase.ResolutionUnknown, nil)
	w.row(monday+30*netcase.Minute, "91.20.32.40", "10.0.0.4", 22, netcase.ResolutionUnknown, 1)
	f := w.find(t, artefact())[0]
	for _, at := range []netcase.Time{f.Span.Start, f.Span.End - 1} {
		if !strings.Contains(f.Evidence[0].Statement, at.Short()) {
			t.Errorf("%s is missing: %s", at.Short(), f.Evidence[0].Statement)
		}
	}
}

// A direction without flows in the span is no series, and minutes are no "0 hours".
func TestSpikeOfAFewMinutes(t *testing.T) {
	w := newTraffic()
	for i := range 40 {
		at := monday + 50*netcase.Minute + netcase.Time(i)*20*netcase.Second // over the full hour
		w.row(at, "45.95.147.9", "10.0.0.4", 22, netcase.ResolutionRaw, 1)
	}
	found := w.find(t, spike())
	if len(found) != 1 {
		t.Fatalf("%d findings, want the description of the inbound flows", len(found))
	}
	f := found[0]
	if !strings.Contains(f.Title, "inbound flows: 40 in less than an hour") || strings.Contains(f.Title+f.Evidence[0].Statement, "0 hours") {
		t.Errorf("%s\n%s", f.Title, f.Evidence[0].Statement)
	}
}

// The excess that is told is the difference of the two numbers beside it.
func TestSpikeExcessIsTheDifference(t *testing.T) {
	for _, f := range spikesOf(campaign().find(t, spike())) {
		s := f.Spike
		want := "excess " + amount(s.Excess)
		if s.Excess != float64(int64(s.Excess)) || !strings.Contains(f.Title, want) {
			t.Errorf("%q: want %s", f.Title, want)
		}
		for _, e := range f.Evidence {
			if strings.Contains(e.Statement, " explain ") && !strings.Contains(e.Statement, " of "+amount(s.Excess)+" flows, ") {
				t.Errorf("a share without its counts: %s", e.Statement)
			}
		}
	}
}
