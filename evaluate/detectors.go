package evaluate

import (
	"math"
	"net/netip"
	"slices"

	"netcase"
	"netcase/simulate"
)

// belowScan is the class of sources that knocked, each below the thresholds of a scan.
const belowScan = "probe"

// measureScans compares the scan findings: a unit is a source, false alarms are counted
// over the hours in which sources outside were at work.
func measureScans(o *outcome, c *netcase.Case, told simulate.Told) {
	labelled := activities(told.Truth.Labels, simulate.ActScan)
	guilty := sourcesOf(activities(told.Truth.Labels, simulate.ActScan, simulate.ActFlood, simulate.ActSpike))
	flagged := map[netip.Addr]int{} // source -> hours at work
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Scan == nil || f.Scan.Class == belowScan || f.Direction == netcase.Lateral {
			continue
		}
		for _, p := range f.Scan.Sources {
			flagged[p.Peer.Addr] = max(flagged[p.Peer.Addr], p.ActiveHours, 1)
		}
	}
	for _, a := range labelled {
		if !a.Enough {
			continue
		}
		for _, s := range a.Sources {
			_, found := flagged[s]
			o.count("scan.recall", found)
			o.count(o.stratum("scan.recall"), found)
		}
	}
	wrong, innocent := 0, 0
	for s, hours := range flagged {
		if !guilty[s] {
			wrong, innocent = wrong+hours, innocent+1
		}
	}
	if floods(told) { // thousands of sources, of which the label names some
		o.count("scan.of-flood", innocent > 0)
		return
	}
	if o.beside != nil { // the real traffic has probes of its own
		return
	}
	o.add("scan.precision", Ratio{len(flagged) - innocent, len(flagged)})
	o.add("scan.false", Ratio{wrong, told.Truth.Labels.Units.SourceHours})
	if innocent > 0 {
		o.add(o.stratum("scan.false"), Ratio{innocent, 0})
	}
}

// floods tells whether a story lets more sources come than its labels name.
func floods(told simulate.Told) bool {
	return len(activities(told.Truth.Labels, simulate.ActFlood)) > 0
}

// patterns are what a labelled run of attempts may rightly be called.
var patterns = map[string][]netcase.Pattern{
	simulate.ActGuess:     {netcase.PatternGuessing, netcase.PatternDistributed},
	simulate.ActSpray:     {netcase.PatternSpray},
	simulate.ActEnumerate: {netcase.PatternEnumeration},
	simulate.ActSuccess:   {netcase.PatternSuccess},
	simulate.ActKnown:     {netcase.PatternKnown},
}

// measureLogins compares the findings of login logs. A unit is a labelled run of
// attempts; a finding is right where a labelled run has its source, or its accounts
// where it names no source.
func measureLogins(o *outcome, c *netcase.Case, told simulate.Told) {
	runs := activities(told.Truth.Labels, simulate.ActGuess, simulate.ActSpray, simulate.ActEnumerate, simulate.ActSuccess, simulate.ActKnown)
	for _, a := range runs {
		found := slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Auth != nil && slices.Contains(patterns[a.Kind], f.Auth.Pattern) && concerns(f.Auth, a)
		})
		if o.story == "guess-flows" {
			o.count("login.flows.recall", found)
			continue
		}
		o.count("login.recall", found)
		o.count(o.stratum("login.recall."+a.Kind), found)
	}
	for i := range c.Findings {
		a := c.Findings[i].Auth
		if a == nil || benignPattern(a) {
			continue
		}
		right := slices.ContainsFunc(runs, func(r simulate.Activity) bool { return concerns(a, r) })
		o.count("login.precision", right)
		if !right {
			o.count(o.stratum("login.false."+string(a.Pattern)), true)
		}
		if a.Pattern == netcase.PatternSuccess && a.Grade == "A" {
			o.count("login.success-a.precision", slices.ContainsFunc(activities(told.Truth.Labels, simulate.ActSuccess), func(r simulate.Activity) bool { return concerns(a, r) }))
		}
	}
}

// benignPattern tells whether a finding says itself that it is about no attack.
func benignPattern(a *netcase.AuthFacts) bool {
	return !slices.Contains([]netcase.Pattern{
		netcase.PatternGuessing, netcase.PatternSpray, netcase.PatternEnumeration, netcase.PatternSuccess, netcase.PatternKnown,
		netcase.PatternDistributed, netcase.PatternSession,
	}, a.Pattern)
}

// concerns tells whether a finding is about a labelled run.
func concerns(f *netcase.AuthFacts, a simulate.Activity) bool {
	if len(f.Peers) > 0 {
		return slices.ContainsFunc(f.Peers, func(e netcase.Endpoint) bool { return slices.Contains(a.Sources, e.Addr) })
	}
	return slices.ContainsFunc(f.Accounts, func(s string) bool { return slices.Contains(a.Accounts, s) })
}

// Bounds of what the goals ask of beacons.
const (
	beaconStarts = 30
	beaconJitter = 50 // percent
)

// measureCadence compares what was called periodic. A unit is a machine and a place
// that it calls. What an aggregator wrote must not be called periodic at all.
func measureCadence(o *outcome, c *netcase.Case, told simulate.Told) {
	l, blurred := told.Truth.Labels, aggregated(told)
	called, rare := map[pair]bool{}, map[pair]bool{}
	for i := range c.Findings {
		if b := c.Findings[i].Beacon; b != nil && b.Verdict == netcase.CadencePeriodic {
			k := pair{addressOf(b.Host, &told.Site), b.Peer.Addr}
			called[k], rare[k] = true, rare[k] || b.Rarity.Rare
		}
	}
	labelled := map[pair]bool{}
	for _, a := range activities(l, simulate.ActBeacon) {
		p := pair{a.Sources[0], a.Hosts[0]}
		labelled[p] = true
		switch {
		case blurred:
			o.count("cadence.aggregated", called[p])
		case a.Count < beaconStarts:
		case a.Jitter <= beaconJitter:
			o.count("beacon.recall", called[p])
			o.count(o.stratum("beacon.recall"), called[p])
		default:
			o.count("beacon.recall.jittery", called[p])
			o.count(o.stratum("beacon.recall"), called[p])
		}
	}
	wrong, candidates := 0, 0
	ours := ownAddresses(told)
	for p := range called {
		if labelled[p] || !ours[p.host] {
			continue
		}
		wrong++
		candidates += int(one(rare[p]))
		if o.beside == nil {
			o.count(o.stratum("beacon.false"), true)
		} else {
			o.count("beacon.false-beside/"+o.beside.name, true)
		}
	}
	if o.beside != nil { // a machine of the real traffic may call by the clock, and its days are not counted
		return
	}
	switch {
	case blurred:
		o.add("cadence.aggregated", Ratio{wrong, l.Units.Streams})
	default:
		harmless := len(activities(l, simulate.ActPeriodic)) > 0
		o.add("beacon.false", Ratio{wrong, l.Units.HostDays})
		o.add("beacon.false.rare", Ratio{candidates, l.Units.HostDays})
		if !harmless {
			o.add("cadence.random", Ratio{wrong, l.Units.Streams})
		}
	}
}

// measureVolume compares uploads and floods.
func measureVolume(o *outcome, c *netcase.Case, told simulate.Told) {
	l := told.Truth.Labels
	for _, a := range activities(l, simulate.ActUpload) {
		o.count(o.stratum("upload.recall"), slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Upload != nil && addressOf(f.Upload.Host, &told.Site) == a.Sources[0] && f.Upload.Peer.Addr == a.Hosts[0]
		}))
		o.count("upload.recall", slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Upload != nil && addressOf(f.Upload.Host, &told.Site) == a.Sources[0] && f.Upload.Peer.Addr == a.Hosts[0]
		}))
	}
	for _, a := range activities(l, simulate.ActFlood) {
		o.count("flood.recall", slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Flood != nil && addressOf(f.Flood.Host, &told.Site) == a.Hosts[0] && f.Flood.Window.Overlaps(a.Span)
		}))
	}
	for _, a := range activities(l, simulate.ActLateral) {
		o.count("lateral.recall", slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Lateral != nil && addressOf(f.Lateral.From, &told.Site) == a.Sources[0]
		}))
	}
	if o.beside != nil {
		return
	}
	known := pairsOf(activities(l, simulate.ActUpload))
	for i := range c.Findings {
		switch f := &c.Findings[i]; {
		case f.Upload != nil:
			right := known[pair{addressOf(f.Upload.Host, &told.Site), f.Upload.Peer.Addr}]
			o.count("upload.precision", right)
			if !right {
				o.count(o.stratum("upload.false"), true)
			}
		case f.Flood != nil && f.Flood.Suffers == netcase.False: // load that the service bore: no more is said
		case f.Flood != nil:
			o.count("flood.precision", floods(told))
			if !floods(told) {
				o.count(o.stratum("flood.false"), true)
			}
		case f.Lateral != nil:
			right := len(activities(l, simulate.ActLateral)) > 0
			o.count("lateral.precision", right)
			if !right {
				o.count(o.stratum("lateral.false"), true)
			}
		}
	}
}

func pairsOf(list []simulate.Activity) map[pair]bool {
	out := map[pair]bool{}
	for _, a := range list {
		for _, s := range a.Sources {
			for _, h := range a.Hosts {
				out[pair{s, h}] = true
			}
		}
	}
	return out
}

// calm are stories without anything that a count an hour could rise with.
func calm(o *outcome, l *simulate.Labels) bool {
	return o.beside == nil && l.Hypothesis == simulate.Misconfigured &&
		!slices.Contains([]string{"crowd", "backup-cloud", "breach-denied-by-owner", "clock-change"}, o.story)
}

// measureExcess compares spikes: the bounds of the window in bins, and the sources to
// which the excess is put down.
func measureExcess(o *outcome, c *netcase.Case, told simulate.Told) {
	l := told.Truth.Labels
	var spikes []*netcase.SpikeFacts
	for i := range c.Findings {
		if s := c.Findings[i].Spike; s != nil && !s.Described {
			spikes = append(spikes, s)
		}
	}
	if calm(o, l) {
		o.count("spike.null", len(spikes) > 0)
		if len(spikes) > 0 {
			o.count(o.stratum("spike.null"), true)
		}
	}
	if o.story == "outage" {
		o.count("spike.outage", len(spikes) > 0)
	}
	for _, a := range activities(l, simulate.ActSpike) {
		o.countHistory(c, told, a.Span)
		best, edge := (*netcase.SpikeFacts)(nil), math.Inf(1)
		for _, s := range spikes {
			if e := edgeError(s, a.Span); s.Window.Overlaps(a.Span) && e < edge {
				best, edge = s, e
			}
		}
		o.count("spike.recall", best != nil)
		if o.beside != nil || best == nil {
			continue
		}
		o.edges = append(o.edges, edge)
		name := "attribution.one"
		if len(a.Sources) > 1 {
			name = "attribution.two"
		}
		o.count(name, attributed(best, a.Sources))
	}
}

// leastHistory is the hours of records without which nothing may be called a spike.
//
// Source: the tiers of the method, of which the lowest forbids the word.
const leastHistory = 12 * netcase.Hour

// countHistory counts a labelled spike apart by what lies before it: with less than twelve
// bins the right answer is a description, and no spike.
func (o *outcome) countHistory(c *netcase.Case, told simulate.Told, span netcase.Span) {
	from := told.Truth.Span.Start
	if o.beside != nil { // nothing of the story but the spike; the real traffic begins where it does
		from = o.beside.span.Start
	}
	called, described := false, false
	for i := range c.Findings {
		if s := c.Findings[i].Spike; s != nil && s.Window.Overlaps(span) {
			called, described = called || !s.Described, described || s.Described
		}
	}
	if span.Start-from >= leastHistory {
		o.count("spike.recall.history", called)
		return
	}
	o.count("spike.short.called", called)
	o.count("spike.short.described", described && !called)
}

// edgeError is the larger error of the two bounds, in bins.
func edgeError(s *netcase.SpikeFacts, truth netcase.Span) float64 {
	bin := float64(s.BinMinutes) * float64(netcase.Minute)
	if bin <= 0 {
		bin = float64(netcase.Hour)
	}
	return max(math.Abs(float64(s.Window.Start-truth.Start)), math.Abs(float64(s.Window.End-truth.End))) / bin
}

// attributed tells whether the answer in addresses is exactly those of the label.
func attributed(s *netcase.SpikeFacts, sources []netip.Addr) bool {
	for _, a := range s.Attribution {
		if a.Dimension != "addresses" {
			continue
		}
		var named []netip.Addr
		for _, e := range a.Elements {
			addr, err := netip.ParseAddr(e.Name)
			if err != nil {
				return false
			}
			named = append(named, addr)
		}
		slices.SortFunc(named, netip.Addr.Compare)
		return slices.Equal(named, sources)
	}
	return false
}

// measureArtefact compares what is said of the counts.
func measureArtefact(o *outcome, c *netcase.Case, told simulate.Told) {
	likely := c.Artefact != nil && c.Artefact.Verdict == "likely"
	switch {
	case o.story == "outage":
	case through(told):
		o.count("cadence.unmeasured", unmeasured(c, told))
		o.count(o.stratum("cadence.unmeasured"), unmeasured(c, told))
	case told.Truth.Labels.Artefact && o.beside == nil:
		o.count("artefact.recall", likely)
		o.count(o.stratum("artefact.recall"), likely)
	case !aggregated(told) && o.beside == nil:
		o.count("artefact.false", likely)
		if likely {
			o.count(o.stratum("artefact.false"), true)
		}
	}
}

// through tells whether a story lets one stream pass an aggregator: its counts are not
// near-equal, but no cadence can be read from it.
func through(told simulate.Told) bool {
	return told.Truth.Labels.Artefact && len(activities(told.Truth.Labels, simulate.ActBeacon, simulate.ActRandom)) > 0
}

// unmeasured tells whether a case says that the cadence of the labelled stream cannot
// be measured: by a finding on the pair, or on the counts of the export.
func unmeasured(c *netcase.Case, told simulate.Told) bool {
	if c.Artefact != nil && c.Artefact.Verdict == "likely" {
		return true
	}
	known := pairsOf(activities(told.Truth.Labels, simulate.ActBeacon, simulate.ActRandom))
	return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
		return f.Beacon != nil && f.Beacon.Verdict == netcase.CadenceUnmeasured && known[pair{addressOf(f.Beacon.Host, &told.Site), f.Beacon.Peer.Addr}]
	})
}

// measureHosts compares what process records show: persistence after a break-in, and
// odd processes where there are none.
func measureHosts(o *outcome, c *netcase.Case, told simulate.Told) {
	planted := activities(told.Truth.Labels, simulate.ActPersist)
	hosts := map[netip.Addr]bool{}
	for _, a := range planted {
		hosts[a.Hosts[0]] = true
		o.count("persistence.recall", slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Persistence != nil && addressOf(f.Persistence.Host, &told.Site) == a.Hosts[0]
		}))
	}
	for i := range c.Findings {
		f := &c.Findings[i]
		switch {
		case f.Persistence != nil && f.Persistence.Odd != "":
			o.count("persistence.precision", hosts[addressOf(f.Persistence.Host, &told.Site)])
		case f.Process != nil && f.Process.Decibans > 0 && ownAddresses(told)[addressOf(f.Process.Host, &told.Site)]:
			right := hosts[addressOf(f.Process.Host, &told.Site)] || o.story == "upload-staged"
			o.count("process.precision", right)
			if !right {
				o.count(o.stratum("process.false."+f.Process.Rule), true)
			}
		}
	}
}
