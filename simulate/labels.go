package simulate

import (
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// The ten hypotheses that a story can be true to.
const (
	Background     = "BG"
	Reconnaissance = "REC"
	Guessing       = "BFA"
	Breach         = "BFS"
	Control        = "C2"
	Flood          = "DOS"
	Exfiltration   = "EXF"
	BenignScanner  = "BSC"
	Misconfigured  = "MIS"
	Artefact       = "ART"
)

// Hypotheses lists the ten.
func Hypotheses() []string {
	return []string{Background, Reconnaissance, Guessing, Breach, Control, Flood, Exfiltration, BenignScanner, Misconfigured, Artefact}
}

// Labels are what is true in a story, for comparing a judged case with it.
type Labels struct {
	Hypothesis string     `json:"hypothesis"`     // what the story is about
	Lead       []string   `json:"lead,omitempty"` // explanations of the sources' activity that are right; empty: it is not asked
	Claims     []string   `json:"claims"`         // claims of harm that are true: compromise, c2, exfiltration
	Proven     []string   `json:"proven"`         // of them, those whose minimum evidence is in the telemetry
	Severity   [2]string  `json:"severity"`       // the least and the greatest level that is right
	Artefact   bool       `json:"artefact"`       // the counts are those of the logging
	Activities []Activity `json:"activities"`
	Units      Units      `json:"units"`
}

// Units are what false alarms are counted over.
type Units struct {
	SourceHours  int `json:"source_hours"`  // pairs of an outside source and an hour with traffic
	HostDays     int `json:"host_days"`     // pairs of a machine of ours and a day with outbound traffic
	Streams      int `json:"streams"`       // pairs of a machine of ours and an outside service that it called twelve times or more
	AccountHours int `json:"account_hours"` // pairs of an account and an hour with an attempt to log in
}

// The kinds of activity.
const (
	ActScan      = "scan"
	ActGuess     = "guessing"
	ActSpray     = "spray"
	ActEnumerate = "enumeration"
	ActSuccess   = "success after failure"
	ActKnown     = "password known"
	ActBeacon    = "beacon"
	ActPeriodic  = "benign periodic" // by the clock, and harmless
	ActRandom    = "random"          // often and at random: no cadence
	ActUpload    = "upload"
	ActFlood     = "flood"
	ActCrowd     = "crowd" // a load of visitors that is nobody's attack
	ActSpike     = "spike"
	ActLateral   = "lateral"
	ActPersist   = "persistence"
	ActTypo      = "typo" // failures that are nobody's attack
)

// Activity is one thing that somebody did.
type Activity struct {
	Kind     string       `json:"kind"`
	Sources  []netip.Addr `json:"sources,omitempty"` // who began it
	Hosts    []netip.Addr `json:"hosts,omitempty"`   // at the other end
	Ports    []uint16     `json:"ports,omitempty"`
	Accounts []string     `json:"accounts,omitempty"`
	Span     netcase.Span `json:"span"`
	Count    int          `json:"count"` // flows or attempts
	Period   int64        `json:"period_s,omitempty"`
	Jitter   int          `json:"jitter_percent,omitempty"`
	Enough   bool         `json:"enough"` // it is beyond what the definition of its kind asks for
}

// label adds an activity.
func (l *lab) label(a Activity) { l.labels.Activities = append(l.labels.Activities, a) }

// happened is an activity as the flows of the story tell it: of some sources to some
// hosts, on some ports (nil: all), from the n-th flow on.
func (l *lab) happened(kind string, from int, enough bool) Activity {
	a := Activity{Kind: kind, Enough: enough}
	for i := from; i < len(l.conns); i++ {
		c := &l.conns[i]
		a.Sources, a.Hosts, a.Ports = append(a.Sources, c.src), append(a.Hosts, c.dst), append(a.Ports, c.dport)
		a.Span = a.Span.Extend(c.at)
		a.Count++
	}
	a.Sources, a.Hosts, a.Ports = sortedAddrs(a.Sources), sortedAddrs(a.Hosts), sortedPorts(a.Ports)
	return a
}

func sortedAddrs(list []netip.Addr) []netip.Addr {
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

const portsLabelled = 64 // of an activity; more are left out

func sortedPorts(list []uint16) []uint16 {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), portsLabelled)]
}

// units counts what false alarms are measured over.
func (l *lab) units() (u Units) {
	type hourOf struct {
		who  string
		hour netcase.Time
	}
	type streamOf struct {
		src, dst netip.Addr
		port     uint16
	}
	sources, hosts, accounts := map[hourOf]bool{}, map[hourOf]bool{}, map[hourOf]bool{}
	streams := map[streamOf]int{}
	for i := range l.conns {
		c := &l.conns[i]
		if !l.ours(c.src) {
			sources[hourOf{c.src.String(), c.at.Truncate(netcase.Hour)}] = true
			continue
		}
		if !l.ours(c.dst) {
			hosts[hourOf{c.src.String(), c.at.Truncate(netcase.Day)}] = true
			streams[streamOf{c.src, c.dst, c.dport}]++
		}
	}
	for i := range l.signins {
		s := &l.signins[i]
		accounts[hourOf{strings.ToLower(s.account), s.at.Truncate(netcase.Hour)}] = true
	}
	const eligible = 12
	for _, n := range streams {
		if n >= eligible {
			u.Streams++
		}
	}
	u.SourceHours, u.HostDays, u.AccountHours = len(sources), len(hosts), len(accounts)
	return u
}
