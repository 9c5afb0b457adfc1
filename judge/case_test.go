package judge

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"netcase"
)

// world is the names and numbers of a scripted case, so that a test can rename
// them all and expect the same judgement.
type world struct {
	peers []netip.Addr
	hosts []netip.Addr
	ports []uint16
	names []string
	start netcase.Time
}

func incident() world {
	return world{
		peers: addrs("198.51.100.7", "203.0.113.54", "192.0.2.205"),
		hosts: addrs("10.0.0.4", "10.0.0.5", "10.0.0.6"),
		ports: []uint16{22, 23, 80, 3389},
		names: []string{"rg/web-1", "rg/win-1", "rg/db-1"},
		start: 1_760_918_400_000, // 2025-10-20 00:00 UTC
	}
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// renamed is the same incident elsewhere: other addresses, machines, days and
// ports of the same kinds.
func (w world) renamed(seed uint64) world {
	r := rand.New(rand.NewPCG(seed, 1))
	out := world{start: w.start + netcase.Time(r.IntN(4000)-2000)*netcase.Hour}
	for range w.peers {
		out.peers = append(out.peers, netip.AddrFrom4([4]byte{byte(r.IntN(90) + 11), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(254) + 1)}))
	}
	for i := range w.hosts {
		out.hosts = append(out.hosts, netip.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(256)), byte(i*40 + r.IntN(40) + 1)}))
		out.names = append(out.names, fmt.Sprintf("rg-%d/vm-%d-%d", r.IntN(9), i, r.IntN(1000)))
	}
	pools := [][]uint16{{22, 445}, {23}, {80, 443, 25}, {3389, 5900, 1433, 3306}}
	for _, p := range pools {
		out.ports = append(out.ports, p[r.IntN(len(p))])
	}
	slices.Sort(out.ports)
	return out
}

// profile is one source that asked every host for every port once an hour.
func (w world) profile(peer netip.Addr, reach netcase.Reach, rows int64) netcase.Profile {
	p := netcase.Profile{
		Peer: netcase.At(peer), Direction: netcase.Inbound, HostCount: len(w.hosts), PortCount: len(w.ports),
		Flows: rows, Records: rows, First: w.start, Last: w.start + 24*netcase.Hour - netcase.Minute, ActiveHours: 24,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent, Aggregated: true,
	}
	p.Reach[reach] = rows
	for _, h := range w.hosts {
		p.Hosts = append(p.Hosts, netcase.At(h))
	}
	slices.SortFunc(p.Hosts, netcase.Endpoint.Compare)
	for i, port := range w.ports {
		n := rows / int64(len(w.ports))
		if i == 0 {
			n += rows % int64(len(w.ports))
		}
		c := netcase.PortCount{Port: port, Proto: netcase.TCP, Hosts: len(w.hosts), Flows: n, Records: n}
		c.Reach[reach] = n
		p.Ports = append(p.Ports, c)
	}
	return p
}

func (w world) span() netcase.Span {
	return netcase.Span{Start: w.start, End: w.start + 48*netcase.Hour}
}

func (w world) listing(provider, origin string, claim netcase.ClaimType, score float64) netcase.Listing {
	return netcase.Listing{
		Indicator: netcase.Indicator{
			ID: provider + "-" + origin, Provider: provider, Origin: origin, Feed: provider + ".csv", Claim: claim, Score: score,
			LastSeen: w.start - netcase.Day, FirstSeen: w.start - 5*netcase.Day, Learned: w.start + 6*netcase.Day,
		},
		Timing: netcase.LearnedLater, AgeDays: 1,
	}
}

func (w world) card(peer netip.Addr, score float64, extra ...netcase.Listing) netcase.Card {
	listings := append([]netcase.Listing{
		w.listing("SOCRadar", "AbuseIPDB", netcase.ClaimAbuse, score),
		w.listing("AbuseIPDB", "AbuseIPDB", netcase.ClaimAbuse, score),
	}, extra...)
	return netcase.Card{Address: peer, Listings: listings, Adverse: len(listings), Origins: []string{"AbuseIPDB"}}
}

// seed are the findings of the incident: three listed sources, four ports, three
// hosts, the outcome as given.
func (w world) seed(reach netcase.Reach) []netcase.Finding {
	rows := []int64{286, 287, 288}
	scores := []float64{43, 53, 59}
	scan := netcase.Finding{
		Detector: "scan", Kind: "strobe", Title: "3 outside sources tried a fixed set of ports on 3 hosts", Direction: netcase.Inbound,
		Scan: &netcase.ScanFacts{Class: "strobe", SourceCount: 3, Ports: w.ports, PortCount: 4, HostCount: 3, Estate: 3, HostThreshold: 3, PortThreshold: 15},
	}
	sighting := netcase.Finding{
		Detector: "sighting", Kind: "outcome not recorded", Title: "3 listed addresses met in traffic", Direction: netcase.Inbound,
		Sighting: &netcase.SightingFacts{Outcome: netcase.OutcomeUndecided, Count: 3, Usable: 40, Total: 42},
	}
	artefact := netcase.Finding{
		Detector: "artefact", Kind: "possible_aggregation_cap", Title: "near-equal counts of 286 to 288",
		Artefact: &netcase.ArtefactFacts{Verdict: "likely", Flag: "possible_aggregation_cap", GridMinutes: 60, Explanations: []string{"12 tuples x 24 hourly rows"}},
	}
	for i, p := range w.peers {
		profile := w.profile(p, reach, rows[i])
		scan.Scan.Sources = append(scan.Scan.Sources, profile)
		extra := []netcase.Listing{}
		if i == 0 {
			extra = append(extra, w.listing("Kaspersky", "Kaspersky", netcase.ClaimPhishing, 0))
		}
		if i == 2 {
			extra = append(extra, w.listing("AlienVault OTX", "IPQS", netcase.ClaimListed, 0))
		}
		sighting.Sighting.Sightings = append(sighting.Sighting.Sightings, netcase.Sighting{Card: w.card(p, scores[i], extra...), Profile: profile, Outcome: netcase.OutcomeUndecided})
		artefact.Artefact.Counts = append(artefact.Artefact.Counts, netcase.PeerCount{Peer: profile.Peer, Records: rows[i], Flows: rows[i], Tuples: 12, Cells: 24})
		for _, f := range []*netcase.Finding{&scan, &sighting} {
			f.Flows += profile.Flows
			f.Reach = f.Reach.Plus(profile.Reach)
			f.Span = f.Span.Extend(profile.First).Extend(profile.Last)
		}
	}
	owner := netcase.Finding{
		Detector: "owner", Kind: "owner not usable", Title: "svchost.exe in records without port and operating system",
		Owner: &netcase.OwnerFacts{Host: netcase.At(w.hosts[1]), Image: "svchost.exe", CommandLine: "svchost.exe -k NetworkService", Verdict: "not usable", Why: "no ActionType, LocalPort or operating system", Events: 7},
	}
	return numbered(sighting, scan, artefact, owner, w.spike())
}

func (w world) spike() netcase.Finding {
	return netcase.Finding{
		Detector: "spike", Kind: "excess", Title: "inbound flows above the baseline for 3 hours", Direction: netcase.Inbound,
		Spike: &netcase.SpikeFacts{
			Series: "total", Tier: "T3", BinMinutes: 60, History: 400, Window: netcase.Span{Start: w.start + 13*netcase.Hour, End: w.start + 16*netcase.Hour},
			Observed: 3200, Expected: 700, Ratio: 4.6, Excess: 2500, Q: 1e-9, LLR: 900, WindowP: 0.001,
			Listed: &netcase.Contribution{Name: "listed", Observed: 108, Expected: 100, Share: 0.0032},
		},
	}
}

// numbered gives findings and their evidence the numbers that the detectors' run gives.
func numbered(findings ...netcase.Finding) []netcase.Finding {
	e := 0
	for i := range findings {
		findings[i].ID = fmt.Sprintf("F-%02d", i+1)
		if len(findings[i].Evidence) == 0 {
			findings[i].Evidence = []netcase.Evidence{{Statement: findings[i].Title, Method: findings[i].Detector}}
		}
		for j := range findings[i].Evidence {
			e++
			findings[i].Evidence[j].ID = fmt.Sprintf("E-%03d", e)
		}
	}
	return findings
}

// projected is the coverage of an export without verdict and counters.
func (w world) projected() netcase.Coverage {
	return netcase.Coverage{
		Inputs: []netcase.InputReport{{
			ID: "in-0123456789ab", Name: "flows.csv", SHA256: "00", Format: "azure-traffic-analytics", Read: 861, Accepted: 861, Flows: 861,
			Missing: []string{"AllowedInFlows_d", "DeniedInFlows_d", "FlowStatus_s"}, Span: w.span(),
		}},
		Feeds:     []netcase.FeedReport{{Name: "socradar.csv", SHA256: "01", Provider: "SOCRadar", Read: 42, Usable: 40, Learned: w.start + 6*netcase.Day}},
		Detectors: detectors(),
		Site:      "private ranges and the exporter's own side",
		Families:  []string{"flow", "process"},
	}
}

func detectors() []netcase.Run {
	var out []netcase.Run
	for _, n := range []string{"spike", "sighting", "scan", "exposure", "artefact", "owner"} {
		out = append(out, netcase.Run{Name: n, OK: true})
	}
	return out
}

func (w world) input(reach netcase.Reach) Input {
	in := Input{
		Span: w.span(), AsOf: w.start + 7*netcase.Day, Findings: w.seed(reach), Coverage: w.projected(),
		Names: map[netip.Addr]string{}, Settings: map[string]string{"focus": "none"},
	}
	for i, h := range w.hosts {
		in.Names[h] = w.names[i]
	}
	return in
}

// scripted are cases in which evidence of every kind holds, each of one group.
func scripted() map[string]Input {
	o := newOutward()
	process := netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Span: o.span(),
		Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "not where Windows keeps it", Image: "svchost.exe", Decibans: 14}}
	calls := o.input(netcase.ReachBidirectional)
	calls.Outbound = netcase.True
	calls.Coverage.Families = []string{"flow", "login", "process"}
	for _, d := range []string{"beacon", "exfil", "process", "persistence", "auth"} {
		calls.Coverage.Detectors = append(calls.Coverage.Detectors, netcase.Run{Name: d, OK: true})
	}
	calls.Findings = numbered(o.beacon(nil), o.listed(netcase.ClaimC2), process, o.upload(nil))
	return map[string]Input{
		"exported":  incident().input(netcase.ReachUnknown),
		"denied":    incident().input(netcase.ReachDenied),
		"came in":   o.entered(nil),
		"calls out": calls,
	}
}
