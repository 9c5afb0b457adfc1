package evaluate

import (
	"context"
	"net/netip"
	"slices"

	"netcase"
	"netcase/simulate"
)

// Peer is a published rule of somebody else, run exactly as it is described, on the
// same records.
type Peer struct {
	Name     string
	Doc      string                      // the rule in one line
	Source   string                      // where it is published
	Asserts  string                      // what of its publisher's own assertions it passes here
	Question string                      // scan, beacon or guessing
	Flag     func(*events) map[pair]bool // what it flags; for scans and guessing the source alone, as peer
	ssh      bool                        // it reads the log of sshd alone
}

// The questions.
const (
	asksScan     = "scan"
	asksBeacon   = "beacon"
	asksGuessing = "guessing"
)

// Peers lists every rule.
func Peers() []Peer {
	return []Peer{
		sentinelPortScan(), sentinelPortSweep(), zeekScan(), crowdsecPorts(),
		sentinelBeaconASIM(), sentinelBeaconPAN(), ritaLow(), ritaHigh(),
		sentinelRDP(), sentinelSSH(), sentinelSuccess(), fail2ban(), crowdsecSSH(), crowdsecSlowSSH(), zeekSSH(),
	}
}

// flaggedSources are sources as pairs without a host.
func flaggedSources(list map[netip.Addr]bool) map[pair]bool {
	out := map[pair]bool{}
	for a := range list {
		out[pair{peer: a}] = true
	}
	return out
}

// askPeers runs every rule on the telemetry of a story that stands alone.
func (o *outcome) askPeers(ctx context.Context, paths []string, c *netcase.Case, told simulate.Told) error {
	e, err := readEvents(ctx, paths...)
	if err != nil {
		return err
	}
	for _, p := range Peers() {
		flagged := p.Flag(e)
		switch p.Question {
		case asksScan:
			o.peerScans(p, flagged, e, told)
		case asksBeacon:
			o.peerBeacons(p, flagged, told)
		case asksGuessing:
			o.peerGuessing(p, flagged, e, told)
		}
	}
	return o.peerIntel(e, c, told)
}

// peerScans counts sources, as measureScans does; false alarms are counted over all
// outside sources.
func (o *outcome) peerScans(p Peer, flagged map[pair]bool, e *events, told simulate.Told) {
	for _, a := range activities(told.Truth.Labels, simulate.ActScan) {
		for _, s := range a.Sources {
			if a.Enough {
				o.count("peer."+p.Name+".recall", flagged[pair{peer: s}])
			}
		}
	}
	guilty := sourcesOf(activities(told.Truth.Labels, simulate.ActScan, simulate.ActFlood))
	if floods(told) {
		return
	}
	seen := map[netip.Addr]bool{}
	for i := range e.flows {
		s := e.flows[i].Src.Addr
		if s.IsValid() && !told.Site.Owns(s) && !guilty[s] && !seen[s] {
			seen[s] = true
			o.count("peer."+p.Name+".false", flagged[pair{peer: s}])
		}
	}
}

func (o *outcome) peerBeacons(p Peer, flagged map[pair]bool, told simulate.Told) {
	l, blurred := told.Truth.Labels, aggregated(told)
	labelled := map[pair]bool{}
	for _, a := range activities(l, simulate.ActBeacon) {
		k := pair{a.Sources[0], a.Hosts[0]}
		labelled[k] = true
		switch {
		case blurred:
			o.count("peer."+p.Name+".aggregated", flagged[k])
		case a.Count < beaconStarts:
		case a.Jitter <= beaconJitter:
			o.count("peer."+p.Name+".recall", flagged[k])
		default:
			o.count("peer."+p.Name+".jittery", flagged[k])
		}
	}
	wrong := 0
	for k := range flagged {
		if !labelled[k] && told.Site.Owns(k.host) && !told.Site.Owns(k.peer) {
			wrong++
		}
	}
	switch {
	case blurred:
		o.add("peer."+p.Name+".aggregated", Ratio{wrong, l.Units.Streams})
	case len(activities(l, simulate.ActPeriodic)) == 0:
		o.add("peer."+p.Name+".random", Ratio{wrong, l.Units.Streams})
	}
	if !blurred {
		o.add("peer."+p.Name+".false", Ratio{wrong, l.Units.HostDays})
	}
}

// peerGuessing counts labelled runs of attempts. A rule that reads the log of sshd alone
// is asked only about runs on machines that have one.
func (o *outcome) peerGuessing(p Peer, flagged map[pair]bool, e *events, told simulate.Told) {
	runs := activities(told.Truth.Labels, simulate.ActGuess, simulate.ActSpray, simulate.ActEnumerate)
	ssh := map[netip.Addr]bool{}
	for i := range e.logins {
		if e.logins[i].Service == "ssh" {
			ssh[addressOf(e.logins[i].Host, &told.Site)] = true
		}
	}
	for _, a := range runs {
		if p.ssh && !ssh[a.Hosts[0]] {
			continue
		}
		o.count("peer."+p.Name+".recall", slices.ContainsFunc(a.Sources, func(s netip.Addr) bool { return flagged[pair{peer: s}] }))
	}
	guilty := sourcesOf(append(runs, activities(told.Truth.Labels, simulate.ActSuccess, simulate.ActKnown)...))
	for k := range flagged {
		o.count("peer."+p.Name+".precision", guilty[k.peer])
	}
}

// PeerResult is one line of the table of rules.
type PeerResult struct {
	Name      string `json:"name"`
	Rule      string `json:"rule"`
	Source    string `json:"source"`
	Asserts   string `json:"asserts"`
	Question  string `json:"question"`
	Recall    Ratio  `json:"recall"`
	Jittery   Ratio  `json:"jittery"`    // beacons with more than 50 % of jitter
	False     Ratio  `json:"false"`      // scans: of innocent sources; beacons: pairs over host-days
	Random    Ratio  `json:"random"`     // beacons: streams without a cadence that are flagged
	Blurred   Ratio  `json:"aggregated"` // beacons: streams of an aggregator that are flagged
	Precision Ratio  `json:"precision"`  // guessing: flagged sources that guessed
}

// peerTable collects what the rules did.
func peerTable(r map[string]Ratio) (out []PeerResult) {
	for _, p := range Peers() {
		at := func(what string) Ratio { return r["peer."+p.Name+"."+what] }
		out = append(out, PeerResult{
			Name: p.Name, Rule: p.Doc, Source: p.Source, Asserts: p.Asserts, Question: p.Question,
			Recall: at("recall"), Jittery: at("jittery"), False: at("false"), Random: at("random"), Blurred: at("aggregated"), Precision: at("precision"),
		})
	}
	return out
}

// failed tells whether a rule that looks at outcomes takes a flow for a failure.
func failed(f *netcase.Flow) bool { return f.Reach.Failed() }
