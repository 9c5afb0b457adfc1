package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"netcase"
)

// FuzzDraft judges whatever findings a seed yields: nothing panics, everything
// that holds of every case holds, and the same findings give the same bytes.
func FuzzDraft(f *testing.F) {
	for i := range uint64(60) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		in := anyInput(rand.New(rand.NewPCG(seed, 11)))
		c := judged(t, in)
		var sources int
		for _, g := range c.Groups {
			sources += g.SourceCount
			if len(g.Hypotheses) > 0 && (g.Hypotheses[0].Posterior < 0 || g.Hypotheses[0].Posterior > 1) {
				t.Errorf("posterior %g", g.Hypotheses[0].Posterior)
			}
		}
		a, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(judged(t, in))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("the same findings give other bytes (%v)", err)
		}
		if _, err := Plan(in, 10); err != nil {
			t.Error(err)
		}
	})
}

// anyInput draws an input in which nothing needs to make sense.
func anyInput(r *rand.Rand) Input {
	in := Input{
		Span:     netcase.Span{Start: netcase.Time(r.IntN(3)) * netcase.Day, End: netcase.Time(r.IntN(9)) * netcase.Day},
		AsOf:     netcase.Time(r.IntN(9)) * netcase.Day,
		Names:    map[netip.Addr]string{anyAddr(r): "\"] | take 1", anyAddr(r): "vm-1"},
		Outbound: []netcase.State{"", netcase.True, netcase.False}[r.IntN(3)],
		Config:   Config{Full: r.IntN(4), MaxGroups: r.IntN(6), MaxCards: r.IntN(4)},
	}
	if r.IntN(2) == 0 {
		in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8"), Partners: prefixes("198.51.100.0/28"), Facts: netcase.SiteFacts{MFA: []string{"", "yes", "no"}[r.IntN(3)]},
			Assets: []netcase.Asset{{Name: "vm-1", Addresses: []netip.Addr{anyAddr(r)}, Criticality: r.IntN(5), Tags: []string{[]string{"cde", "honeypot", "safety"}[r.IntN(3)]}}}}
	}
	for range r.IntN(3) {
		in.Coverage.Inputs = append(in.Coverage.Inputs, netcase.InputReport{ID: fmt.Sprint("in-", r.IntN(9)), Name: "x", Read: int64(r.IntN(9)), Cut: []string{"", "30,000 rows"}[r.IntN(2)], Missing: []string{"FlowStatus_s", "InboundBytes_d"}})
	}
	for _, f := range []string{"flow", "login", "process"} {
		if r.IntN(2) == 0 {
			in.Coverage.Families = append(in.Coverage.Families, f)
		}
	}
	for _, d := range []string{"scan", "spike", "auth", "artefact", "beacon"} {
		in.Coverage.Detectors = append(in.Coverage.Detectors, netcase.Run{Name: d, OK: r.IntN(4) > 0})
	}
	if r.IntN(3) > 0 {
		in.Coverage.Feeds = []netcase.FeedReport{{Name: "list", Learned: netcase.Time(r.IntN(2)) * netcase.Day}}
	}
	for range r.IntN(8) {
		in.Findings = append(in.Findings, anyFinding(r))
	}
	in.Findings = numbered(in.Findings...)
	return in
}

func anyAddr(r *rand.Rand) netip.Addr {
	switch r.IntN(4) {
	case 0:
		return netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))})
	case 1:
		return netip.Addr{}
	case 2:
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", r.IntN(5)+1))
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(r.IntN(40))})
}

func anyEndpoint(r *rand.Rand) netcase.Endpoint {
	if a := anyAddr(r); a.IsValid() {
		return netcase.At(a)
	}
	return netcase.Endpoint{Name: []string{"", "vm-1", "rg/vm-2"}[r.IntN(3)]}
}

func anyProfile(r *rand.Rand) netcase.Profile {
	p := netcase.Profile{
		Peer: anyEndpoint(r), Direction: netcase.Direction(r.IntN(5)), HostCount: r.IntN(5), PortCount: r.IntN(100),
		Flows: int64(r.IntN(300)), First: netcase.Time(r.IntN(100)) * netcase.Hour, Last: netcase.Time(r.IntN(100)) * netcase.Hour,
		OctetsOut: int64(r.IntN(3) - 1), OctetsIn: int64(r.IntN(1<<25) - 1), BusiestHour: int64(r.IntN(40) - 1), ActiveHours: r.IntN(5),
	}
	for range r.IntN(4) {
		p.Hosts = append(p.Hosts, anyEndpoint(r))
	}
	for _, port := range []uint16{22, 23, 80, 443, 3389, 60000} {
		if r.IntN(2) > 0 {
			continue
		}
		c := netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: r.IntN(4), Flows: int64(r.IntN(40))}
		c.Reach[r.IntN(len(c.Reach))] = c.Flows
		p.Reach = p.Reach.Plus(c.Reach)
		p.Ports = append(p.Ports, c)
	}
	return p
}

func anyRarity(r *rand.Rand) netcase.Rarity {
	return netcase.Rarity{Hosts: r.IntN(9), Estate: r.IntN(40), Days: float64(r.IntN(30)), Rare: r.IntN(2) == 0}
}

func anyLogin(r *rand.Rand) *netcase.LoginRef {
	if r.IntN(2) == 0 {
		return nil
	}
	return &netcase.LoginRef{At: netcase.Time(r.IntN(9)) * netcase.Hour, Host: anyEndpoint(r), Account: "a", Peer: anyEndpoint(r), Outside: r.IntN(2) == 0, Failures: int64(r.IntN(40))}
}

// Intelligence alone never makes a case graver than MEDIUM, and no claim of harm likely.
func TestIntelligenceAlone(t *testing.T) {
	for seed := range uint64(fewer(150, 15)) {
		r := rand.New(rand.NewPCG(seed, 23))
		in := anyInput(r)
		in.Findings = nil
		for len(in.Findings) < 3 {
			if f := anyFinding(r); f.Sighting != nil {
				for i := range f.Sighting.Sightings {
					p := &f.Sighting.Sightings[i].Profile
					p.Direction = netcase.Outbound // what came to an open door is a matter of the door
					f.Direction = p.Direction
					p.Reach[netcase.ReachAuthenticated] = 0
				}
				in.Findings = append(in.Findings, f)
			}
		}
		in.Findings = numbered(in.Findings...)
		c := judged(t, in)
		if c.Severity.High > netcase.Medium {
			t.Errorf("seed %d: %s by %s", seed, c.Severity, c.Severity.RuleHigh)
		}
		for _, k := range c.Claims {
			if k.Standing == netcase.Assessed && k.Posterior >= suspectedFrom || k.Proposed {
				t.Errorf("seed %d: %s stands at %.3f on lists alone", seed, k.ID, k.Posterior)
			}
		}
	}
}

// What came from outside never raises the claim of command and control, whatever lists,
// cadences and processes say.
func TestInboundNeverControl(t *testing.T) {
	for seed := range uint64(fewer(150, 15)) {
		r := rand.New(rand.NewPCG(seed, 29))
		in := anyInput(r)
		for _, g := range judged(t, in).Groups {
			if g.Direction != netcase.Inbound {
				continue
			}
			if k := claimOf(g.Claims, claimControl); k.Standing != netcase.Gated || k.Posterior != 0 {
				t.Errorf("seed %d: %s: %s %.3f", seed, g.ID, k.Standing, k.Posterior)
			}
		}
	}
}

// The order of the findings changes nothing but names.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(fewer(60, 6)) {
		r := rand.New(rand.NewPCG(seed, 31))
		in := anyInput(r)
		a := judged(t, in)
		r.Shuffle(len(in.Findings), func(i, j int) { in.Findings[i], in.Findings[j] = in.Findings[j], in.Findings[i] })
		b := judged(t, in)
		if x, y := verdictOf(a), verdictOf(b); x != y {
			t.Errorf("seed %d:\n%s\n%s", seed, x, y)
		}
	}
}

func verdictOf(c *netcase.Case) string {
	out := fmt.Sprintln(c.Severity, c.Severity.RuleLow, c.Severity.RuleHigh, c.Status, c.Confidence.Level, c.Confidence.Points)
	for _, k := range c.Claims {
		out += fmt.Sprintln(k.ID, k.Standing, k.Posterior, k.Proposed)
	}
	for _, g := range c.Groups {
		out += fmt.Sprintln(g.Label, g.Flows, g.Severity, g.Lead().ID, g.Lead().Posterior)
	}
	return out
}

func anyFinding(r *rand.Rand) netcase.Finding {
	f := netcase.Finding{Title: "t", Direction: netcase.Direction(r.IntN(5)), Flows: int64(r.IntN(500))}
	var ps []netcase.Profile
	for range r.IntN(6) {
		ps = append(ps, anyProfile(r))
	}
	switch r.IntN(13) {
	case 7:
		f.Detector, f.Beacon = "beacon", &netcase.BeaconFacts{Host: anyEndpoint(r), Peer: anyEndpoint(r), Port: 443, Proto: netcase.TCP, Starts: r.IntN(300), Rarity: anyRarity(r),
			Verdict: []netcase.Cadence{netcase.CadencePeriodic, netcase.CadenceUnmeasured, netcase.CadenceBenign, netcase.CadenceFromOutside}[r.IntN(4)]}
	case 8:
		f.Detector, f.Upload = "exfil", &netcase.UploadFacts{Host: anyEndpoint(r), Peer: anyEndpoint(r), Out: int64(r.IntN(1 << 30)), Described: r.IntN(2) == 0, Rarity: anyRarity(r),
			Window: netcase.Span{Start: netcase.Hour, End: 40 * netcase.Hour}}
	case 9:
		f.Detector, f.Kind = "dos", []string{"flood", "description"}[r.IntN(2)]
		f.Flood = &netcase.FloodFacts{Host: anyEndpoint(r), Port: 443, Sources: int64(r.IntN(1 << 20)), Ratio: float64(r.IntN(99)), Outbound: r.IntN(3) == 0,
			Suffers: []netcase.State{netcase.True, netcase.False, netcase.Unknown}[r.IntN(3)]}
	case 10:
		f.Detector, f.Lateral = "lateral", &netcase.LateralFacts{From: anyEndpoint(r), To: []netcase.Endpoint{anyEndpoint(r)}, ToCount: r.IntN(9), Ports: []uint16{445}, New: r.IntN(3), FromAdmin: r.IntN(2) == 0}
	case 11:
		f.Detector, f.Process = "process", &netcase.ProcessFacts{Host: anyEndpoint(r), Rule: []string{"image path", ruleStaging}[r.IntN(2)], Image: "x.exe", Decibans: float64(r.IntN(3)) * 7,
			First: netcase.Time(r.IntN(9)) * netcase.Hour, AfterLogin: anyLogin(r)}
	case 12:
		f.Detector, f.Persistence = "persistence", &netcase.PersistenceFacts{Host: anyEndpoint(r), What: "service", Name: "n", Odd: []string{"", "odd"}[r.IntN(2)], At: netcase.Hour, AfterLogin: anyLogin(r)}
	case 0:
		f.Detector = "scan"
		f.Scan = &netcase.ScanFacts{Class: []string{"strobe", "probe"}[r.IntN(2)], Sources: ps, SourceCount: len(ps) + r.IntN(3)*50, Internal: r.IntN(3) == 0, Ports: []uint16{22, 80}, PortCount: 2}
	case 1:
		f.Detector = "sighting"
		f.Sighting = &netcase.SightingFacts{Count: len(ps)}
		for _, p := range ps {
			card := netcase.Card{Address: anyAddr(r), Adverse: r.IntN(2)}
			for range r.IntN(3) {
				kinds := []netcase.ClaimType{netcase.ClaimAbuse, netcase.ClaimC2, netcase.ClaimScanner, netcase.ClaimEdge, netcase.ClaimListed}
				card.Listings = append(card.Listings, netcase.Listing{Indicator: netcase.Indicator{Provider: "p", Claim: kinds[r.IntN(len(kinds))], Score: float64(r.IntN(101))}, AgeDays: float64(r.IntN(90) - 10)})
			}
			f.Sighting.Sightings = append(f.Sighting.Sightings, netcase.Sighting{Card: card, Profile: p})
		}
	case 2:
		f.Detector = "exposure"
		f.Exposure = &netcase.ExposureFacts{Host: anyEndpoint(r), Port: 3389, Sources: ps, SourceCount: len(ps), Proven: r.IntN(2) == 0, Cleartext: r.IntN(2) == 0}
	case 3:
		f.Detector = "owner"
		f.Owner = &netcase.OwnerFacts{Host: anyEndpoint(r), Port: 22, Verdict: []string{"expected", "check", "mismatch", "not usable"}[r.IntN(4)], Decibans: float64(r.IntN(3)) * 7}
	case 4:
		f.Detector = "artefact"
		f.Artefact = &netcase.ArtefactFacts{Verdict: []string{"likely", "possible", "not indicated", ""}[r.IntN(4)]}
	case 5:
		f.Detector = "auth"
		f.Auth = &netcase.AuthFacts{Host: anyEndpoint(r), Peers: []netcase.Endpoint{anyEndpoint(r)}, Pattern: []netcase.Pattern{netcase.PatternGuessing, netcase.PatternSuccess}[r.IntN(2)], Grade: "A", Successes: int64(r.IntN(2)), Failures: 30, Complete: r.IntN(2) == 0}
	default:
		f.Detector = "spike"
		f.Spike = &netcase.SpikeFacts{Described: r.IntN(2) == 0, Window: netcase.Span{Start: netcase.Hour, End: 40 * netcase.Hour}, Ratio: float64(r.IntN(20)), Excess: 50, Q: 1e-20}
	}
	return f
}
