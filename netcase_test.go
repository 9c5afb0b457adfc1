package netcase_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"testing"

	"netcase"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func end(s string) netcase.Endpoint {
	if a, err := netip.ParseAddr(s); err == nil {
		return netcase.At(a)
	}
	return netcase.Endpoint{Name: s}
}

func TestDirection(t *testing.T) {
	stated := netcase.Site{Own: []netip.Prefix{netip.MustParsePrefix("147.32.81.0/24"), netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct {
		name     string
		site     netcase.Site
		src, dst string
		ours     netcase.Side
		want     netcase.Direction
	}{
		{"private ranges stand for own", netcase.Site{}, "8.8.8.8", "10.0.0.1", 0, netcase.Inbound},
		{"and the other way", netcase.Site{}, "10.0.0.1", "8.8.8.8", 0, netcase.Outbound},
		{"both inside", netcase.Site{}, "10.0.0.1", "192.168.3.4", 0, netcase.Lateral},
		{"IPv6 unique local", netcase.Site{}, "2606:4700::1", "fd00::1", 0, netcase.Inbound},
		{"mapped IPv4", netcase.Site{}, "::ffff:8.8.8.8", "::ffff:10.0.0.1", 0, netcase.Inbound},
		{"the exporter says which side is its own", netcase.Site{}, "8.8.8.8", "147.32.81.9", netcase.SideDst, netcase.Inbound},
		{"nobody's", netcase.Site{}, "8.8.8.8", "147.32.81.9", 0, netcase.Transit},
		{"a stated site decides", stated, "8.8.8.8", "147.32.81.9", 0, netcase.Inbound},
		{"a stated site overrides the exporter", stated, "8.8.8.8", "147.32.82.9", netcase.SideDst, netcase.Transit},
		{"a stated site overrides private ranges", stated, "192.168.1.1", "10.0.0.1", 0, netcase.Inbound},
		{"a machine name is ours", netcase.Site{}, "8.8.8.8", "rg/vm1", 0, netcase.Inbound},
		{"multicast stays inside", netcase.Site{}, "10.0.0.1", "239.255.255.250", 0, netcase.Lateral},
		{"broadcast stays inside", stated, "10.0.0.1", "255.255.255.255", 0, netcase.Lateral},
	} {
		f := netcase.Flow{Src: end(c.src), Dst: end(c.dst), Ours: c.ours}
		if got := c.site.DirectionOf(&f); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestEnds(t *testing.T) {
	f := netcase.Flow{Src: end("10.0.0.1"), Dst: end("8.8.8.8")}
	if peer, host := netcase.Ends(&f, netcase.Outbound); peer != f.Dst || host != f.Src {
		t.Errorf("outbound: the peer is the far end, got %s and %s", peer, host)
	}
	if peer, host := netcase.Ends(&f, netcase.Lateral); peer != f.Src || host != f.Dst {
		t.Errorf("lateral: the peer is the initiator, got %s and %s", peer, host)
	}
}

func TestPublic(t *testing.T) {
	for s, want := range map[string]bool{
		"8.8.8.8": true, "10.1.2.3": false, "100.64.0.1": false, "169.254.169.254": false, "192.0.2.1": false,
		"224.0.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "2606:4700::1": true, "2001:db8::1": false,
		"fe80::1": false, "::1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true,
	} {
		if got := netcase.Public(addr(s)); got != want {
			t.Errorf("Public(%s) = %v, want %v", s, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	noon := netcase.Time(1760961600000) // 2025-10-20T12:00:00Z
	if got := noon.String(); got != "2025-10-20T12:00:00.000Z" {
		t.Error(got)
	}
	if got := (netcase.Time(-1)).Hour(); got != -1 {
		t.Errorf("an hour before 1970 rounds down: got %d", got)
	}
	b, err := json.Marshal(struct{ A, B netcase.Time }{noon, 0})
	if err != nil || string(b) != `{"A":"2025-10-20T12:00:00.000Z","B":null}` {
		t.Errorf("%s %v", b, err)
	}
	var back struct{ A, B netcase.Time }
	if err := json.Unmarshal(b, &back); err != nil || back.A != noon || back.B.Known() {
		t.Errorf("%v %v", back, err)
	}
	s := netcase.Span{}.Extend(noon).Extend(noon + 5)
	if s.Start != noon || s.End != noon+6 || !s.Contains(noon+5) || s.Contains(noon+6) {
		t.Errorf("span %v", s)
	}
}

func TestTally(t *testing.T) {
	var a netcase.Tally
	a[netcase.ReachDenied], a[netcase.ReachAllowed] = 3, 2
	if a.Best() != netcase.ReachDenied || a.Failed() != 3 || a.Open() != 2 || a.Decided() != 3 || a.Total() != 5 {
		t.Errorf("%+v", a)
	}
	b, err := json.Marshal(a)
	if err != nil || string(b) != `{"allowed":2,"denied":3}` {
		t.Errorf("%s %v", b, err)
	}
	var back netcase.Tally
	if err := json.Unmarshal(b, &back); err != nil || back != a {
		t.Errorf("%v %v", back, err)
	}
}

func TestSelectionMatches(t *testing.T) {
	s := netcase.Selection{
		Peers: []netcase.Endpoint{end("8.8.8.8")}, Prefixes: []netip.Prefix{netip.MustParsePrefix("1.2.3.0/24")},
		Ports: []uint16{22}, Direction: netcase.Inbound, Span: netcase.Span{Start: 100, End: 200},
	}
	match := func(peer string, port uint16, d netcase.Direction, at netcase.Time) bool {
		return s.Matches(end(peer), end("10.0.0.1"), port, d, netcase.ReachDenied, "x", at)
	}
	if !match("8.8.8.8", 22, netcase.Inbound, 100) || !match("1.2.3.9", 22, netcase.Inbound, 199) {
		t.Error("peers and prefixes are joined by or")
	}
	if match("8.8.8.8", 23, netcase.Inbound, 100) || match("8.8.8.8", 22, netcase.Outbound, 100) || match("8.8.8.8", 22, netcase.Inbound, 200) || match("9.9.9.9", 22, netcase.Inbound, 100) {
		t.Error("every field must hold, and the end of the span is outside")
	}
	if !(&netcase.Selection{}).Matches(end("a"), end("b"), 1, netcase.Lateral, 0, "", 1) {
		t.Error("an empty selection selects everything")
	}
}

func TestInputReport(t *testing.T) {
	r := netcase.InputReport{Read: 200, Accepted: 197, Rejected: 3}
	if r.Unsound() == "" {
		t.Error("1.5 % rejected is not looked at properly")
	}
	r = netcase.InputReport{Read: 200, Accepted: 198, Rejected: 2}
	if r.Unsound() != "" || !r.Balanced() {
		t.Error("1 % rejected is the bound, not beyond it")
	}
}

// TestRangesOfIPv4 compares with what the standard library says of each range, at
// its borders and between.
func TestRangesOfIPv4(t *testing.T) {
	shared := netip.MustParsePrefix("100.64.0.0/10")
	r := rand.New(rand.NewPCG(1, 1))
	firsts := []byte{0, 9, 10, 11, 99, 100, 101, 126, 127, 128, 169, 172, 192, 223, 224, 239, 240, 255}
	seconds := []byte{0, 15, 16, 31, 32, 63, 64, 127, 128, 167, 168, 169, 253, 254, 255}
	for range 200_000 {
		a := netip.AddrFrom4([4]byte{firsts[r.IntN(len(firsts))], seconds[r.IntN(len(seconds))], byte(255 * r.IntN(2)), byte(r.IntN(2) * r.IntN(256))})
		if r.IntN(50) == 0 {
			a = netip.AddrFrom4([4]byte{255, 255, 255, 255})
		}
		if got, want := netcase.Private(a), a.IsPrivate() || shared.Contains(a); got != want {
			t.Fatalf("%s private: %v", a, got)
		}
		local := a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.String() == "255.255.255.255"
		if got, want := (&netcase.Site{}).Owns(a), local || netcase.Private(a); got != want {
			t.Fatalf("%s ours: %v", a, got)
		}
	}
}

// TestChangeCovers: a change names machines by name or address, as the inputs or the assets know them.
func TestChangeCovers(t *testing.T) {
	at := func(s string) netcase.Endpoint { return netcase.At(netip.MustParseAddr(s)) }
	s := netcase.Site{Assets: []netcase.Asset{{Name: "web01", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}}}}
	subnet := netcase.Change{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8::/64")}}
	named := netcase.Change{Hosts: []string{"rg-prod/WEB01", "db01"}, Ports: []uint16{443}}
	for _, c := range []struct {
		change netcase.Change
		e      netcase.Endpoint
		name   string
		want   bool
	}{
		{netcase.Change{}, at("203.0.113.9"), "", true},
		{subnet, at("10.0.0.9"), "", true},
		{subnet, at("::ffff:10.0.0.9"), "", true},
		{subnet, at("2001:db8::9"), "", true},
		{subnet, at("10.0.1.9"), "web01", false},
		{subnet, netcase.Endpoint{Name: "web01"}, "", true}, // its address is among the assets
		{subnet, netcase.Endpoint{Name: "web02"}, "", false},
		{named, at("10.0.0.1"), "", true},
		{named, at("10.0.0.2"), "db01", true},
		{named, at("10.0.0.2"), "", false},
		{named, netcase.Endpoint{Name: "rg-test/db01"}, "", true},
		{named, netcase.Endpoint{}, "", false},
	} {
		if got := s.Covers(&c.change, c.e, c.name); got != c.want {
			t.Errorf("%+v, %s (%s): %v", c.change, c.e, c.name, got)
		}
	}
	if named.CoversPort(80) || !named.CoversPort(443) || !subnet.CoversPort(80) {
		t.Error("ports")
	}
}

// TestNamed: the owner's names stand for addresses that telemetry does not name, and
// only for those.
func TestNamed(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	s := netcase.Site{Assets: []netcase.Asset{
		{Name: "term01", Addresses: []netip.Addr{a, netip.MustParseAddr("::ffff:10.0.0.2")}},
		{Addresses: []netip.Addr{c}},
	}}
	got := s.Named(map[netip.Addr]string{a: "rg-prod/term01"})
	if len(got) != 2 || got[a] != "rg-prod/term01" || got[b] != "term01" {
		t.Errorf("%v", got)
	}
	if empty := (&netcase.Site{}).Named(nil); len(empty) != 0 {
		t.Errorf("of nobody: %v", empty)
	}
}
