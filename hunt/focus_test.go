package hunt

import (
	"net/netip"
	"testing"

	"netcase"
)

// TestFocusKeepsWhatConcernsIt asks of one finding of each kind whether it stays.
func TestFocusKeepsWhatConcernsIt(t *testing.T) {
	host, other, peer := end("10.0.0.5"), end("10.0.0.50"), end("203.0.113.9")
	names := map[netip.Addr]string{host.Addr: "rg-app/web-1", other.Addr: "web-10"}
	of := func(source netcase.Endpoint) netcase.Profile {
		return netcase.Profile{Peer: source, Hosts: []netcase.Endpoint{host}, Ports: []netcase.PortCount{{Port: 3389}}}
	}
	login := &netcase.LoginRef{Host: host, Peer: peer, Account: "svc-sql"}
	findings := map[string]netcase.Finding{
		"scan":        {Scan: &netcase.ScanFacts{Sources: []netcase.Profile{of(peer)}}},
		"sighting":    {Sighting: &netcase.SightingFacts{Sightings: []netcase.Sighting{{Profile: of(peer)}}}},
		"exposure":    {Exposure: &netcase.ExposureFacts{Host: host, Port: 3389, Sources: []netcase.Profile{of(peer)}}},
		"owner":       {Owner: &netcase.OwnerFacts{Host: host, Port: 3389}, Selection: netcase.Selection{Peers: []netcase.Endpoint{peer}}},
		"auth":        {Auth: &netcase.AuthFacts{Host: host, Peers: []netcase.Endpoint{peer}, Accounts: []string{"svc-sql"}}, Selection: netcase.Selection{Ports: []uint16{3389}}},
		"process":     {Process: &netcase.ProcessFacts{Host: host, Peer: peer, Port: 3389, AfterLogin: login}},
		"persistence": {Persistence: &netcase.PersistenceFacts{Host: host, AfterLogin: login}, Selection: netcase.Selection{Ports: []uint16{3389}}},
		"beacon":      {Beacon: &netcase.BeaconFacts{Host: host, Peer: peer, Port: 3389}},
		"long":        {Long: &netcase.LongFacts{Host: host, Peer: peer, Port: 3389}},
		"upload":      {Upload: &netcase.UploadFacts{Host: host, Peer: peer, Ports: []uint16{3389}}},
		"flood":       {Flood: &netcase.FloodFacts{Host: host, Port: 3389}, Selection: netcase.Selection{Peers: []netcase.Endpoint{peer}}},
		"lateral":     {Lateral: &netcase.LateralFacts{From: host, Ports: []uint16{3389}}, Selection: netcase.Selection{Hosts: []netcase.Endpoint{peer}}},
		"spike": {Spike: &netcase.SpikeFacts{Cells: []netcase.Contribution{
			{Name: "203.0.113.9 to 3389/tcp on 10.0.0.5"}}}},
	}
	for name, f := range findings {
		for _, on := range []string{"10.0.0.5", "::ffff:10.0.0.5", "203.0.113.9", "3389", "web-1", "RG-APP/web-1"} {
			if len(focused([]netcase.Finding{f}, on, names)) != 1 {
				t.Errorf("%s: --focus %s leaves it out", name, on)
			}
		}
		for _, on := range []string{"10.0.0.50", "10.0.0", "203.0.113.90", "33", "338", "web-10", "web", "svc"} {
			if len(focused([]netcase.Finding{f}, on, names)) != 0 {
				t.Errorf("%s: --focus %s keeps it", name, on)
			}
		}
	}
	for _, name := range []string{"auth", "process", "persistence"} {
		if len(focused([]netcase.Finding{findings[name]}, "SVC-SQL", names)) != 1 {
			t.Errorf("%s: the account leaves it out", name)
		}
	}
	whole := netcase.Finding{Artefact: &netcase.ArtefactFacts{}}
	if len(focused([]netcase.Finding{whole}, "10.9.9.9", names)) != 1 {
		t.Error("how the counts came about is left out")
	}
}

// TestFocusTrimsSources keeps the sources that concern the focus, and leaves the finding
// that it was given as it was.
func TestFocusTrimsSources(t *testing.T) {
	a, b := netcase.Profile{Peer: end("203.0.113.9")}, netcase.Profile{Peer: end("203.0.113.90")}
	f := netcase.Finding{Scan: &netcase.ScanFacts{Sources: []netcase.Profile{a, b}, SourceCount: 2}}
	got := focused([]netcase.Finding{f}, "203.0.113.9", nil)
	if len(got) != 1 || got[0].Scan.SourceCount != 1 || got[0].Scan.Sources[0].Peer != a.Peer || f.Scan.SourceCount != 2 {
		t.Errorf("%+v of %+v", got, f)
	}
}

func end(s string) netcase.Endpoint { return netcase.At(netip.MustParseAddr(s)) }
