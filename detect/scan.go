package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/cube"
)

// Parameters of the scan detector that are not configured.
const (
	fewPorts       = 5   // a horizontal scan asks for at most so many ports (bro-simple-scan)
	fewHosts       = 5   // a vertical scan asks at most so many hosts
	strobePorts    = 20  // a strobe asks for at most so many ports
	darkHits       = 3   // contacts with so many unused addresses lower the thresholds (bro-simple-scan)
	darkHosts      = 3   // … to so many hosts
	benignFailures = 0.2 // a client fails in about so many of its first contacts (Jung et al. 2004: theta0 = 0.8)
	insideHosts    = 25  // distinct failed targets of a source of ours (Zeek policy/misc/scan)
	maxScanGroups  = 20  // findings with a port set of their own; the rest is joined by class
)

// The classes, in the order of the report.
const (
	classBlock      = "block"
	classHorizontal = "horizontal"
	classVertical   = "vertical"
	classStrobe     = "strobe"
	classProbe      = "probe" // below the thresholds of a scan, and nothing ever answered
)

// scan notices sources that look for open doors: many hosts, many ports, or both.
// Sources that did the same are one finding.
func scan() Detector {
	return Detector{
		Name:   "scan",
		Doc:    "sources that try many hosts or many ports, grouped by what they tried",
		Method: "first contacts of a source in sliding horizons against thresholds scaled to the estate (after Zeek scan and bro-simple-scan)",
		Ask: func(Config) Questions {
			return Questions{InSpan: true, Rows: []cube.Question{
				{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Lateral}},
				{Kind: cube.Hosts, Directions: []netcase.Direction{netcase.Outbound}},
				{Kind: cube.Hosts, Directions: []netcase.Direction{netcase.Inbound}},
			}}
		},
		Refine: func(in *Input) []cube.Want {
			groups := scanGroups(in)
			in.Memo = groups
			var wants []cube.Want
			for _, g := range groups {
				wants = append(wants, cube.Want{Tag: g.tag(), Selection: g.selection(), Records: cube.MaxRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, g := range in.Memo.([]*scanGroup) {
				out = append(out, g.finding(in))
			}
			return out
		},
	}
}

// thresholds are what a source must reach to be called a scanner.
type thresholds struct {
	hosts  int
	strobe int
	ports  int
	estate int
}

// thresholdsOf scales to the estate: a fixed 25 could never fire on 16 addresses.
func thresholdsOf(c Config, estate int) thresholds {
	hosts := max(c.ScanHostsFloor, min(c.ScanHosts, (estate+1)/2))
	return thresholds{hosts: hosts, strobe: max(c.ScanHostsFloor, (hosts+1)/2), ports: c.ScanPorts, estate: estate}
}

// scanner is one source with its class.
type scanner struct {
	profile netcase.Profile
	class   string
	horizon time.Duration
	hosts   []netcase.Endpoint
}

// scanGroups finds the scanners and joins those that did the same.
func scanGroups(in *Input) []*scanGroup {
	estate := 0
	for range hostsIn(in) {
		estate++
	}
	outside := thresholdsOf(in.Config, estate)
	inside := thresholds{hosts: insideHosts, strobe: insideHosts, ports: in.Config.ScanPorts, estate: estate}
	found := newGrouping()
	for s := range contacts(in.Rows(0), cube.Peers) {
		t := outside
		if s.profiler.p.Direction == netcase.Lateral {
			t = inside
		}
		if c, ok := s.classify(in, t); ok {
			found.add(c)
		}
	}
	for s := range contacts(in.Rows(1), cube.Hosts) {
		if c, ok := s.classify(in, inside); ok {
			found.add(c)
		}
	}
	return found.groups(outside, inside)
}

// hostsIn streams the own hosts that received an attempt from outside.
func hostsIn(in *Input) func(func(netcase.Endpoint) bool) {
	return func(yield func(netcase.Endpoint) bool) {
		var last netcase.Endpoint
		for r := range unicast(in.Rows(2)) {
			if r.Host == last {
				continue
			}
			last = r.Host
			if !yield(last) {
				return
			}
		}
	}
}

// classify decides whether a source scanned, at its shortest horizon.
func (s *source) classify(in *Input, t thresholds) (scanner, bool) {
	b := s.profiler
	inside := b.p.Direction != netcase.Inbound
	if inside && s.watches(in.Site) || !inside && welcome(in.Site, b.p.Peer) {
		return scanner{}, false
	}
	counted := s.counted(inside)
	if !inside && s.darkTargets(in.Site) >= darkHits {
		t.hosts, t.strobe = min(t.hosts, darkHosts), min(t.strobe, darkHosts)
	}
	class := classOf(counted, t)
	if class == "" {
		return s.probe(inside)
	}
	found := scanner{profile: b.profile(), class: class, hosts: slices.Clone(b.names)}
	found.horizon = s.shortest(in.Config.ScanHorizons, counted, t, class)
	return found, true
}

// probe is a source from outside that stays below the thresholds and was never
// answered: one of the many that knock.
func (s *source) probe(inside bool) (scanner, bool) {
	p := &s.profiler.p
	if inside || p.Reach.Answered() > 0 || p.Reach.Failed() == 0 {
		return scanner{}, false
	}
	return scanner{profile: s.profiler.profile(), class: classProbe, hosts: slices.Clone(s.profiler.names)}, true
}

// watches tells whether the owner named the source as monitoring.
func (s *source) watches(site *netcase.Site) bool {
	a := s.profiler.p.Peer.Addr
	return a.IsValid() && netcase.Within(site.Monitoring, a)
}

func (s *source) darkTargets(site *netcase.Site) (n int) {
	for _, h := range s.profiler.names {
		if h.Addr.IsValid() && netcase.Within(site.Dark, h.Addr) {
			n++
		}
	}
	return n
}

// counted chooses which contacts count as attempts, as host bits a port. A client
// whose contacts mostly succeed is not a scanner for having many; what it failed
// at still counts. Inside the network only known failures count, since machines
// of ours talk to many others for good reason.
func (s *source) counted(inside bool) map[portKey]bitset {
	tried, bad := 0, 0
	for _, t := range s.profiler.ports {
		n := t.tried.count()
		tried += n
		bad += n - t.answered.count()
	}
	all := !inside && float64(bad) >= benignFailures*float64(tried) && !s.visits()
	out := map[portKey]bitset{}
	for k, t := range s.profiler.ports {
		switch {
		case inside:
			out[k] = without(t.failed, t.answered)
		case all:
			out[k] = t.tried
		case s.visits():
			out[k] = without(t.failed, t.answered)
		default:
			out[k] = without(t.tried, t.answered)
		}
	}
	return out
}

// publicServices are the ports that serve strangers: without an outcome, a source
// that only asks for these cannot be told from a visitor.
func publicServices() []uint16 { return []uint16{25, 53, 80, 123, 443, 465, 587, 853, 993, 995} }

// visits tells whether everything a source did without a known outcome was to ask
// for public services, and nothing that it did is known to have failed.
func (s *source) visits() bool {
	p := &s.profiler.p
	if p.Reach.Open() == 0 || p.Reach.Failed() > 0 {
		return false
	}
	for k, t := range s.profiler.ports {
		if t.Reach.Open() > 0 && !slices.Contains(publicServices(), k.port) {
			return false
		}
	}
	return true
}

func without(a, b bitset) bitset {
	out := slices.Clone(a)
	for i := range out {
		if i < len(b) {
			out[i] &^= b[i]
		}
	}
	return out
}

// classOf is the class of a set of contacts; empty: none.
func classOf(counted map[portKey]bitset, t thresholds) string {
	var hosts bitset
	ports, widest, strobe := 0, 0, 0
	perHost := map[int]int{}
	for _, set := range counted {
		n := set.count()
		if n == 0 {
			continue
		}
		ports++
		widest = max(widest, n)
		if n >= t.strobe {
			strobe++
		}
		for i := range len(set) * 64 {
			if set.has(i) {
				hosts.set(i)
				perHost[i]++
			}
		}
	}
	deepest := 0
	for _, n := range perHost {
		deepest = max(deepest, n)
	}
	total := hosts.count()
	switch {
	case total >= t.hosts && deepest >= t.ports && total > fewHosts:
		return classBlock
	case deepest >= t.ports:
		return classVertical
	case strobe >= 2 && ports <= strobePorts:
		return classStrobe
	case widest >= t.hosts || total >= t.hosts && ports <= fewPorts:
		return classHorizontal
	case total >= t.hosts && ports > fewPorts && total > fewHosts:
		return classBlock
	}
	return ""
}

// shortest is the first horizon in which the class already shows; the longest
// where it only shows over the whole span.
func (s *source) shortest(horizons []time.Duration, counted map[portKey]bitset, t thresholds, class string) time.Duration {
	for _, h := range horizons {
		if s.coarsest > h {
			continue // rows of an hour cannot show what happened within five minutes
		}
		if slides(s.events, h, counted, t) {
			return h
		}
	}
	if len(horizons) == 0 || class == "" {
		return 0
	}
	return horizons[len(horizons)-1]
}

// slides tells whether any class shows in a sliding window of length h.
// Events come by time.
func slides(events []contact, h time.Duration, counted map[portKey]bitset, t thresholds) bool {
	width := netcase.Time(h.Milliseconds())
	live := map[portKey]*windowPort{}
	depth := map[int]int{}
	start := 0
	for _, e := range events {
		if !counted[e.port].has(e.host) {
			continue
		}
		for ; events[start].at <= e.at-width; start++ {
			drop(live, depth, events[start], counted)
		}
		add(live, depth, e)
		if shows(live, depth, e, t) {
			return true
		}
	}
	return false
}

// windowPort counts contacts with each host on one port inside the window.
type windowPort struct{ hosts map[int]int }

func add(live map[portKey]*windowPort, depth map[int]int, e contact) {
	w := live[e.port]
	if w == nil {
		w = &windowPort{hosts: map[int]int{}}
		live[e.port] = w
	}
	if w.hosts[e.host]++; w.hosts[e.host] == 1 {
		depth[e.host]++
	}
}

func drop(live map[portKey]*windowPort, depth map[int]int, e contact, counted map[portKey]bitset) {
	if !counted[e.port].has(e.host) {
		return
	}
	w := live[e.port]
	if w.hosts[e.host]--; w.hosts[e.host] > 0 {
		return
	}
	delete(w.hosts, e.host)
	if depth[e.host]--; depth[e.host] == 0 {
		delete(depth, e.host)
	}
	if len(w.hosts) == 0 {
		delete(live, e.port)
	}
}

func shows(live map[portKey]*windowPort, depth map[int]int, e contact, t thresholds) bool {
	if len(live[e.port].hosts) >= t.hosts || depth[e.host] >= t.ports {
		return true
	}
	if len(depth) >= t.hosts && len(live) <= fewPorts {
		return true
	}
	if len(live) < 2 || len(live) > strobePorts || len(live[e.port].hosts) < t.strobe {
		return false
	}
	n := 0
	for _, w := range live {
		if len(w.hosts) >= t.strobe {
			n++
		}
	}
	return n >= 2
}

// scanGroup is a set of scanners that did the same. One flood has a million of them:
// the group counts, and keeps the profiles of the busiest alone.
type scanGroup struct {
	class  string
	dir    netcase.Direction
	ports  []uint16
	mixed  bool // different port sets, joined because there were too many
	fate   string
	limits thresholds

	count   int
	busiest []scanner // at most netcase.MaxSources once settled, most flows first
	flows   int64
	reach   netcase.Tally
	span    netcase.Span
	hosts   map[netcase.Endpoint]bool
	doors   map[portKey]bool
	most    int // ports of the source that tried most
	horizon time.Duration
}

func (g *scanGroup) add(s *scanner) {
	p := &s.profile
	g.count++
	g.flows += p.Flows
	g.reach = g.reach.Plus(p.Reach)
	g.span = g.span.Extend(p.First).Extend(p.Last)
	g.most = max(g.most, p.PortCount)
	if g.horizon == 0 || s.horizon < g.horizon {
		g.horizon = s.horizon
	}
	for _, h := range s.hosts {
		g.hosts[h] = true
	}
	for _, c := range p.Ports {
		g.doors[portKey{c.Port, c.Proto}] = true
	}
	s.hosts = nil
	if g.busiest = append(g.busiest, *s); len(g.busiest) >= 4*netcase.MaxSources {
		g.settle()
	}
}

// settle keeps the busiest.
func (g *scanGroup) settle() {
	slices.SortFunc(g.busiest, func(a, b scanner) int { return mostFlowsFirst(a.profile, b.profile) })
	if len(g.busiest) > netcase.MaxSources {
		clear(g.busiest[netcase.MaxSources:])
		g.busiest = g.busiest[:netcase.MaxSources]
	}
}

// grouping joins scanners by class, direction, port set and fate; where that makes too
// many groups, by class, direction and fate.
type grouping struct {
	exact, coarse map[string]*scanGroup
}

func newGrouping() *grouping {
	return &grouping{exact: map[string]*scanGroup{}, coarse: map[string]*scanGroup{}}
}

func (x *grouping) add(s scanner) {
	if x.exact != nil {
		join(x.exact, s, true)
		if len(x.exact) > maxScanGroups {
			x.exact = nil
		}
	}
	join(x.coarse, s, false)
}

func join(groups map[string]*scanGroup, s scanner, exact bool) {
	g := &scanGroup{class: s.class, dir: s.profile.Direction, fate: fate(s.profile.Reach), ports: s.profile.PortSet()}
	if s.class == classProbe || s.class == classVertical || s.class == classBlock || !exact {
		g.mixed, g.ports = true, nil
	}
	key := g.tag()
	if groups[key] == nil {
		g.hosts, g.doors = map[netcase.Endpoint]bool{}, map[portKey]bool{}
		groups[key] = g
	}
	groups[key].add(&s)
}

// groups is what was joined, the gravest class first.
func (x *grouping) groups(outside, inside thresholds) []*scanGroup {
	from := x.exact
	if from == nil {
		from = x.coarse
	}
	out := make([]*scanGroup, 0, len(from))
	for _, g := range from {
		g.limits = outside
		if g.dir != netcase.Inbound {
			g.limits = inside
		}
		g.settle()
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *scanGroup) int {
		return cmp.Or(cmp.Compare(classRank(a.class), classRank(b.class)), cmp.Compare(b.count, a.count),
			strings.Compare(a.tag(), b.tag()))
	})
	return out
}

func classRank(c string) int {
	return slices.Index([]string{classBlock, classHorizontal, classStrobe, classVertical, classProbe}, c)
}

// fate is the coarse outcome that keeps groups apart: whether anything answered.
func fate(t netcase.Tally) string {
	switch {
	case t.Answered() > 0:
		return "answered"
	case t.Open() > 0 && t.Failed() > 0:
		return "partly open"
	case t.Open() > 0:
		return "outcome open"
	}
	return "failed"
}

func (g *scanGroup) tag() string {
	return fmt.Sprintf("%s %s %s %v", g.dir, g.class, g.fate, g.ports)
}

func (g *scanGroup) selection() netcase.Selection {
	sel := netcase.Selection{Direction: g.dir}
	var own []netcase.Endpoint
	for i := range g.busiest {
		own = append(own, g.busiest[i].profile.Peer)
	}
	slices.SortFunc(own, netcase.Endpoint.Compare)
	if g.dir == netcase.Outbound {
		sel.Hosts = own
	} else {
		sel.Peers = own
	}
	return sel
}

func (g *scanGroup) finding(in *Input) netcase.Finding {
	facts := g.facts()
	f := netcase.Finding{
		Kind: g.class, Direction: g.dir, Scan: facts, Selection: g.selection(),
		Method: fmt.Sprintf("scan: horizontal >= %d hosts, strobe >= %d hosts on 2 to %d ports, vertical >= %d ports; estate %d",
			g.limits.hosts, g.limits.strobe, strobePorts, g.limits.ports, g.limits.estate),
	}
	switch g.dir {
	case netcase.Inbound:
		f.Technique = []string{"T1595.001"}
	case netcase.Lateral:
		f.Technique = []string{"T1046"}
	}
	f.Flows, f.Reach, f.Span = g.flows, g.reach, g.span
	f.Selection.Span = f.Span
	f.Title = g.title(facts, f.Flows)
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: f.Title + "; " + reachText(f.Reach) + "; first " + f.Span.Start.Short() + ", last " + f.Span.End.Short() + " UTC",
		Numbers: map[string]float64{
			"sources": float64(facts.SourceCount), "hosts": float64(facts.HostCount), "ports": float64(facts.PortCount),
			"flows": float64(f.Flows), "estate": float64(facts.Estate),
		},
		Selection: f.Selection, Method: f.Method,
	}, g.tag())}
	if f.Reach.Open() > 0 {
		f.Limits = append(f.Limits, "the outcome of "+count(f.Reach.Open(), "flow")+" is not recorded")
	}
	return f
}

func (g *scanGroup) facts() *netcase.ScanFacts {
	facts := &netcase.ScanFacts{
		Class: g.class, SourceCount: g.count, HostCount: len(g.hosts), PortCount: max(g.most, len(g.doors)), Horizon: g.horizon,
		Estate: g.limits.estate, HostThreshold: g.limits.hosts, PortThreshold: g.limits.ports, Internal: g.dir != netcase.Inbound,
	}
	for i := range g.busiest {
		facts.Sources = append(facts.Sources, g.busiest[i].profile)
	}
	ports := map[uint16]bool{}
	for d := range g.doors {
		ports[d.port] = true
	}
	facts.Ports = sortedPorts(ports)
	facts.Ports = facts.Ports[:min(len(facts.Ports), netcase.ProfilePorts)]
	return facts
}

func (g *scanGroup) title(f *netcase.ScanFacts, flows int64) string {
	who := count(f.SourceCount, "outside source")
	whom := count(f.HostCount, "host")
	switch g.dir {
	case netcase.Lateral:
		who = count(f.SourceCount, "inside source")
	case netcase.Outbound:
		who, whom = count(f.SourceCount, "host")+" of ours", count(f.HostCount, "outside address")
	}
	deed, doors := g.deed(f.PortCount), ": "+portList(sortedDoors(g.doors), f.PortCount)
	if doors == ": icmp" {
		doors = ""
	}
	return fmt.Sprintf("%s %s %s%s in %s (%s)", who, deed, whom, doors, count(flows, "flow"), g.class)
}

// deed says what the sources of a group did, up to "on" the hosts.
func (g *scanGroup) deed(ports int) string {
	doors := sortedDoors(g.doors)
	numbers, others := doorNames(doors)
	switch {
	case len(numbers) == 0:
		return "sent icmp to"
	case g.class == classBlock, g.class == classVertical:
		return "tried many ports on"
	case g.class == classProbe:
		return "knocked, each below the thresholds of a scan, on"
	case len(numbers)+len(others) == 1 && ports <= len(doors):
		return "tried the same port on"
	case g.mixed:
		return "tried a few ports each on"
	case g.class == classStrobe:
		return "tried a fixed set of ports on"
	}
	return "tried a few ports on"
}
