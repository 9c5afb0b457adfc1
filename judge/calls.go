package judge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"netcase"
)

// Traffic that our side began, as the detectors of cadence, volume and new ways tell it.

// The classes of destinations and of machines of ours that these findings name.
const (
	classCalls   = "calls"    // one of our hosts calls it at an even pace
	classUploads = "uploads"  // one of our hosts sent it more than usual
	classLateral = "new ways" // a machine of ours met others of ours that it never met
	classFlood   = "load"     // many sources, one service, far more than it used to bear
)

// destinations reports whether a class is one of outside destinations that our side called.
func destinations(class string) bool {
	return class == classContact || class == classSessions || class == classCalls || class == classUploads
}

// tellsCall tells whether a cadence is one that nothing harmless explains.
func tellsCall(b *netcase.BeaconFacts) bool {
	return b != nil && b.Verdict == netcase.CadencePeriodic && b.Cause == ""
}

// tellsUpload tells whether an upload stands out and nothing harmless explains it.
func tellsUpload(u *netcase.UploadFacts) bool {
	return u != nil && !u.Described && u.Cause == "" && u.Out >= smallUpload
}

// tellsLateral tells whether a machine of ours that administers nothing met others anew.
func tellsLateral(l *netcase.LateralFacts) bool { return l != nil && l.New > 0 && !l.FromAdmin }

// callProfile is what a finding tells of one of our hosts and one destination.
func callProfile(f *netcase.Finding, peer, host netcase.Endpoint, ports []uint16, proto uint8, sent, received int64) netcase.Profile {
	p := netcase.Profile{
		Peer: peer, Direction: netcase.Outbound, Hosts: []netcase.Endpoint{host}, HostCount: 1,
		Flows: f.Flows, Records: f.Flows, Reach: f.Reach, First: f.Span.Start, Last: f.Span.End - 1,
		OctetsOut: sent, OctetsIn: received, BusiestHour: netcase.Absent,
	}
	p.Ports = portCounts(ports, proto, f)
	p.PortCount = len(p.Ports)
	return p
}

// portCounts spreads nothing: the flows stand with the first port, since a finding does
// not keep them by port.
func portCounts(ports []uint16, proto uint8, f *netcase.Finding) (out []netcase.PortCount) {
	for i, port := range ports {
		c := netcase.PortCount{Port: port, Proto: proto, Hosts: 1}
		if i == 0 {
			c.Flows, c.Records, c.Reach = f.Flows, f.Flows, f.Reach
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b netcase.PortCount) int { return int(a.Port) - int(b.Port) })
	return out
}

// seeCall adds what one of our hosts did to a destination. Two findings on one host are
// two looks at the same flows: the fuller one stands.
func (a *actor) seeCall(p netcase.Profile, class string) {
	if a.class == "" || a.class == classUploads {
		a.class = class
	}
	if a.whole {
		return
	}
	if a.profile.Flows == 0 {
		a.profile = p
		return
	}
	own := &a.profile
	if len(union(own.Hosts, p.Hosts)) > len(own.Hosts) {
		a.seeDoor(p)
		return
	}
	own.First, own.Last = min(own.First, p.First), max(own.Last, p.Last)
	own.OctetsOut, own.OctetsIn = max(own.OctetsOut, p.OctetsOut), max(own.OctetsIn, p.OctetsIn)
	if p.Flows > own.Flows {
		own.Flows, own.Records, own.Reach, own.Ports, own.PortCount = p.Flows, p.Records, p.Reach, p.Ports, p.PortCount
	}
}

// collectCalls makes actors of the findings on what our side began.
func collectCalls(f *netcase.Finding, get func(p *netcase.Profile, internal bool) *actor) {
	switch {
	case tellsCall(f.Beacon):
		b := f.Beacon
		p := callProfile(f, b.Peer, b.Host, []uint16{b.Port}, b.Proto, netcase.Absent, netcase.Absent)
		get(&p, false).seeCall(p, classCalls)
	case tellsUpload(f.Upload):
		u := f.Upload
		p := callProfile(f, u.Peer, u.Host, u.Ports, netcase.TCP, u.Out, u.In)
		get(&p, false).seeCall(p, classUploads)
	case tellsLateral(f.Lateral):
		l := f.Lateral
		p := callProfile(f, l.From, l.From, l.Ports, netcase.TCP, netcase.Absent, netcase.Absent)
		p.Direction, p.Hosts, p.HostCount = netcase.Lateral, l.To, l.ToCount
		a := get(&p, true)
		a.seeCall(p, classLateral)
	}
}

// floodClusters are the services under load: their sources are counted, not listed.
func (d *draft) floodClusters() (out []*cluster) {
	for i := range d.findings {
		f := &d.findings[i]
		if f.Flood == nil || f.Flood.Outbound || f.Kind != "flood" {
			continue
		}
		standing := standingUnlisted
		if !d.listsGiven() {
			standing = standingUnasked
		}
		out = append(out, &cluster{
			direction: netcase.Inbound, class: classFlood, standing: standing, fate: fate(f.Reach), unseen: int(f.Flood.Sources),
			ports: portCounts([]uint16{f.Flood.Port}, f.Flood.Proto, f), portCount: 1, set: []uint16{f.Flood.Port},
			hosts: []netcase.Endpoint{f.Flood.Host}, hostCount: 1, flows: f.Flows, records: f.Flows, reach: f.Reach, span: f.Span,
			findings: []int{i}, evidence: evidenceOf(f),
		})
	}
	return out
}

// at tells whether a finding about one of our hosts and a destination is about a scene.
func (d *draft) at(s *scene, host, peer netcase.Endpoint) bool {
	if s.host.Known() && host.Known() && !d.sameHost(host)(s.host) {
		return false
	}
	return s.c == nil || s.c.names([]netcase.Endpoint{peer}) || s.c.internal && s.c.names([]netcase.Endpoint{host})
}

// periodicCall asks for a cadence of outbound traffic to a rare destination.
func periodicCall(d *draft, s *scene) answer {
	var best *answer
	keep := func(a answer) {
		if best == nil || best.state != netcase.True && (a.state == netcase.True || best.state == netcase.False) {
			best = &a
		}
	}
	for i := range d.findings {
		b := d.findings[i].Beacon
		if b == nil || !d.at(s, b.Host, b.Peer) {
			continue
		}
		ev := evidenceOf(&d.findings[i])
		every := periodText(b.Period)
		switch {
		case b.Verdict == netcase.CadenceUnmeasured:
			keep(open("the records stand for intervals, so that no cadence can be measured: " + b.Why))
		case b.Verdict == netcase.CadenceHeld:
			keep(open("the connection stays open, so that there are no starts whose cadence could be asked for: " + b.Why))
		case !tellsCall(b):
			keep(no(cmp.Or(b.Why, string(b.Verdict)), ev...))
		case b.Rarity.Rare:
			keep(yes(fmt.Sprintf("every %s, %s; %s", every, count(int64(b.Starts), "connection"), rarityText(b.Rarity)), ev...))
		case !tellable(b.Rarity):
			keep(open(fmt.Sprintf("every %s, but how rare the destination is cannot be told: %s", every, rarityText(b.Rarity))))
		default:
			keep(no(fmt.Sprintf("every %s, but %s", every, rarityText(b.Rarity)), ev...))
		}
	}
	switch {
	case best != nil:
		return *best
	case !d.ran("beacon"):
		return open("the detector of cadence did not run")
	case !d.rawFlows():
		return open("flows are not recorded one by one over the whole span, so that a cadence may have stayed unseen")
	}
	return no("no cadence was found", d.coverage)
}

// rareEstate is from how many hosts an estate tells that a destination is rare.
const rareEstate = 5

// tellable tells whether the estate is large enough for "rare" to mean something.
func tellable(r netcase.Rarity) bool { return r.Estate >= rareEstate }

func rarityText(r netcase.Rarity) string {
	return fmt.Sprintf("%d of %s that call outside called it in %.1f days", r.Hosts, count(int64(r.Estate), "own host"), r.Days)
}

// rawShare is the part of the investigated span that raw records must cover before their
// silence says anything.
const rawShare = 0.95

// rawFlows tells whether flows are recorded one by one over the investigated span: a cadence
// that only an hour of raw records could show is not ruled out by the rest.
func (d *draft) rawFlows() bool {
	var spans []netcase.Span
	for i := range d.in.Coverage.Inputs {
		if r := &d.in.Coverage.Inputs[i]; slices.Contains(r.Resolution, netcase.ResolutionRaw) {
			spans = append(spans, r.Span)
		}
	}
	slices.SortFunc(spans, func(a, b netcase.Span) int { return cmp.Compare(a.Start, b.Start) })
	covered, upTo := netcase.Time(0), d.in.Span.Start
	for _, s := range spans {
		start, end := max(s.Start, upTo), min(s.End, d.in.Span.End)
		if end > start {
			covered += end - start
			upTo = end
		}
	}
	return len(spans) > 0 && float64(covered) >= rawShare*float64(d.in.Span.End-d.in.Span.Start)
}

// rareDestination asks how many of our hosts ever called the destination.
func rareDestination(d *draft, s *scene) answer {
	known := false
	var common answer
	for i := range d.findings {
		f := &d.findings[i]
		var r netcase.Rarity
		var host, peer netcase.Endpoint
		switch {
		case f.Beacon != nil:
			r, host, peer = f.Beacon.Rarity, f.Beacon.Host, f.Beacon.Peer
		case f.Long != nil:
			r, host, peer = f.Long.Rarity, f.Long.Host, f.Long.Peer
		case f.Upload != nil:
			r, host, peer = f.Upload.Rarity, f.Upload.Host, f.Upload.Peer
		default:
			continue
		}
		if r.Estate == 0 || !d.at(s, host, peer) {
			continue
		}
		if r.Rare {
			return yes(rarityText(r), evidenceOf(f)...)
		}
		if tellable(r) {
			known, common = true, no(rarityText(r), evidenceOf(f)...)
		}
	}
	if known {
		return common
	}
	return open("how many of our hosts ever called the destination is not measured, or the estate is too small to tell")
}

// dataSent asks for an upload beyond what the host used to send.
func dataSent(d *draft, s *scene) (answer, bool) {
	var out answer
	found := false
	for i := range d.findings {
		u := d.findings[i].Upload
		if u == nil || !d.at(s, u.Host, u.Peer) {
			continue
		}
		ev := evidenceOf(&d.findings[i])
		switch {
		case tellsUpload(u):
			return yes(fmt.Sprintf("%s octets left for %s, %.1f times the expected", thousands(u.Out), u.Peer, u.Ratio), ev...), true
		case u.Cause != "":
			out, found = no(fmt.Sprintf("%s octets left for %s: %s", thousands(u.Out), u.Peer, u.Cause), ev...), true
		case u.Described && !found:
			out, found = open(fmt.Sprintf("%s octets left for %s, and there is no history to compare them with", thousands(u.Out), u.Peer)), true
		}
	}
	return out, found
}

// periodText is a period as people say it.
func periodText(t time.Duration) string {
	switch {
	case t >= 2*time.Hour:
		return fmt.Sprintf("%.1f hours", t.Hours())
	case t >= 2*time.Minute:
		return fmt.Sprintf("%.1f minutes", t.Minutes())
	}
	return fmt.Sprintf("%.1f seconds", t.Seconds())
}
