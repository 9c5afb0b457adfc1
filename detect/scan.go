package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"netcase"
	"netcase/cube"
)

// Parameters of the scan detector that are not configured.
const (
	maxScanGroups = 20 // findings with a port set of their own; the rest is joined by class
)

// The classes, in the order of the report.
const (
	classBlock      = "block"
	classHorizontal = "horizontal"
	classVertical   = "vertical"
	classStrobe     = "strobe"

	classDistributed = "distributed" // several sources that are one scan only together
	classWalk        = "walk"        // below the thresholds, but its first contacts fail as only a scanner's do
	classProbe       = "probe"       // below the thresholds of a scan, and nothing ever answered
)

// scan notices sources that look for open doors: many hosts, many ports, or both.
// Sources that did the same are one finding.
func scan() Detector {
	return Detector{
		Name: "scan",
		Doc:  "sources that try many hosts or many ports, grouped by what they tried",
		Method: "first contacts of a source in sliding horizons against thresholds scaled to the estate (after Zeek scan and bro-simple-scan); " +
			"threshold random walk where outcomes are known (Jung et al. 2004); sources that are one scan together, by network and system",
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
	rule   *ScanConfig
	hosts  int
	strobe int
	ports  int
	estate int
}

// thresholdsOf scales to the estate: a fixed 25 could never fire on 16 addresses.
func thresholdsOf(c *Config, estate int) thresholds {
	hosts := max(c.ScanHostsFloor, min(c.ScanHosts, partOfMany(c.Scan.Estate, estate)))
	return thresholds{rule: &c.Scan, hosts: hosts, strobe: max(c.ScanHostsFloor, partOfMany(c.Scan.Strobe, hosts)), ports: c.ScanPorts, estate: estate}
}

// scanner is one source with its class.
type scanner struct {
	profile netcase.Profile
	class   string
	horizon time.Duration
	hosts   []netcase.Endpoint
	verdict verdict // of the walk over its first contacts
	after   int     // … and after how many of them
}

// scanGroups finds the scanners and joins those that did the same.
func scanGroups(in *Input) []*scanGroup {
	rule := &in.Config.Scan
	inside := thresholds{rule: rule, hosts: rule.Inside, strobe: rule.Inside, ports: in.Config.ScanPorts}
	found, estate := newGrouping(), 0
	in.together( // both read rows by host
		func(in *Input) { estate, found.walk = lookAround(in) },
		func(in *Input) { // which own hosts are looked for does not matter outside
			for s := range contacts(in.EachRow(1), cube.Hosts) {
				if c, ok := s.classify(in, inside); ok {
					found.add(c)
				}
			}
		},
	)
	inside.estate = estate
	outside := thresholdsOf(&in.Config, estate)
	fromOutside(in, found, outside, inside)
	return found.groups(outside, inside)
}

// fromOutside looks at the sources from outside and at those among the own hosts that
// approached other own hosts.
func fromOutside(in *Input, found *grouping, outside, inside thresholds) {
	walk := found.walk
	together := newCrowd(in, outside, found.add)
	for s := range contacts(in.EachRow(0), cube.Peers) {
		if s.profiler.p.Direction == netcase.Lateral {
			if c, ok := s.classify(in, inside); ok {
				found.add(c)
			}
			continue
		}
		if welcome(in.Site, s.profiler.p.Peer) {
			continue
		}
		c, ok := s.classify(in, outside)
		if !ok {
			c = s.alone(walk)
		}
		if ok || c.class == classWalk {
			c.walk(s, walk)
			found.add(c)
			continue
		}
		together.add(s, c)
	}
	together.endSystems()
	for _, k := range together.clusters {
		found.addCluster(k)
	}
	found.overflow = together.overflow
}

// lookAround counts the own hosts that received an attempt from outside, and learns how
// often sources are answered there that no list names.
func lookAround(in *Input) (estate int, walk *learned) {
	walk = &learned{}
	var host, peer netcase.Endpoint
	hour, any, known, answered := int64(0), false, false, false
	end := func() {
		if known && !adverse(in, peer) {
			walk.see(answered)
		}
		known, answered = false, false
	}
	for r := range eachUnicast(in.EachRow(2)) {
		if !any || r.Host != host {
			estate++
		}
		if !any || r.Host != host || r.Peer != peer || r.Hour != hour {
			end()
			host, peer, hour, any = r.Host, r.Peer, r.Hour, true
		}
		known = known || r.Reach.Decided()
		answered = answered || r.Reach >= netcase.ReachBidirectional
	}
	end()
	walk.settle(in.Config)
	return estate, walk
}

// classify decides whether a source scanned, at its shortest horizon.
func (s *source) classify(in *Input, t thresholds) (scanner, bool) {
	b := s.profiler
	inside := b.p.Direction != netcase.Inbound
	if inside && s.watches(in.Site) {
		return scanner{}, false
	}
	counted := s.counted(t.rule, inside)
	if !inside && s.darkTargets(in.Site) >= t.rule.DarkHits {
		t.hosts, t.strobe = min(t.hosts, t.rule.DarkHosts), min(t.strobe, t.rule.DarkHosts)
	}
	class := classOf(counted, t)
	if class == "" {
		return scanner{}, false
	}
	found := scanner{profile: b.profile(), class: class, hosts: slices.Clone(b.names)}
	found.horizon = s.shortest(in.Config.ScanHorizons, counted, t, class)
	return found, true
}

// alone is what a source from outside is that stays below the thresholds: one whose first
// contacts fail as only a scanner's do, one of the many that knock and are never
// answered, or nothing to tell (without a class).
func (s *source) alone(l *learned) scanner {
	p := &s.profiler.p
	class := ""
	if p.Reach.Answered() == 0 && p.Reach.Failed() > 0 {
		class = classProbe
	}
	if l.off == "" && len(s.firsts) > 1 {
		if v, _ := l.walk.run(firstOutcomes(s.firsts)); v == flagged {
			class = classWalk
		}
	}
	if class == "" {
		return scanner{}
	}
	return scanner{profile: s.profiler.profile(), class: class, hosts: slices.Clone(s.profiler.names)}
}

// walk notes how the walk over the first contacts of a source ends.
func (c *scanner) walk(s *source, l *learned) {
	if l.off == "" {
		c.verdict, c.after = l.walk.run(firstOutcomes(s.firsts))
	}
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
//
// Owner:  the sets belong to the source.
func (s *source) counted(rule *ScanConfig, inside bool) map[portKey]bitset {
	if s.attempts == nil {
		s.attempts = s.count(rule, inside)
	}
	return s.attempts
}

func (s *source) count(rule *ScanConfig, inside bool) map[portKey]bitset {
	tried, bad := 0, 0
	for _, t := range s.profiler.ports {
		n := t.tried.count()
		tried += n
		bad += n - t.answered.count()
	}
	visits := s.visits()
	all := !inside && float64(bad) >= rule.Failures*float64(tried) && !visits
	out := make(map[portKey]bitset, len(s.profiler.ports))
	for k, t := range s.profiler.ports {
		switch {
		case inside:
			out[k] = without(t.failed, t.answered)
		case all:
			out[k] = t.tried
		case visits:
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
	var perHost []int
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
				for len(perHost) <= i {
					perHost = append(perHost, 0)
				}
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
	case total >= t.hosts && deepest >= t.ports && total > t.rule.FewHosts:
		return classBlock
	case deepest >= t.ports:
		return classVertical
	case strobe >= 2 && ports <= t.rule.StrobePorts:
		return classStrobe
	case widest >= t.hosts || total >= t.hosts && ports <= t.rule.FewPorts:
		return classHorizontal
	case total >= t.hosts && ports > t.rule.FewPorts && total > t.rule.FewHosts:
		return classBlock
	}
	return ""
}

// shortest is the first horizon in which the class already shows; the longest
// where it only shows over the whole span.
func (s *source) shortest(horizons []time.Duration, counted map[portKey]bitset, t thresholds, class string) time.Duration {
	var w *windows
	for _, h := range horizons {
		if s.coarsest > h {
			continue // rows of an hour cannot show what happened within five minutes
		}
		if w == nil {
			w = newWindows(s.events, counted)
		}
		if w.slides(h, t) {
			return h
		}
	}
	if len(horizons) == 0 || class == "" {
		return 0
	}
	return horizons[len(horizons)-1]
}

// scanGroup is a set of scanners that did the same. One flood has a million of them:
// the group counts, and keeps the profiles of the busiest alone.
type scanGroup struct {
	class   string
	dir     netcase.Direction
	ports   []uint16
	mixed   bool // different port sets, joined because there were too many
	fate    string
	limits  thresholds
	walk    *learned
	cluster *cluster // of class distributed

	count   int
	busiest []scanner       // at most netcase.MaxSources once settled, most flows first
	least   netcase.Profile // the last of those that were kept
	full    bool            // there are as many as are kept
	flows   int64
	reach   netcase.Tally
	span    netcase.Span
	hosts   map[netcase.Endpoint]bool
	doors   map[portKey]bool
	most    int // ports of the source that tried most
	horizon time.Duration
	cleared int
	lengths []int // first contacts until a flag; at most mostLengths of them
	flags   int
}

// mostLengths is how many lengths of walks a group keeps for their median.
const mostLengths = 1 << 14

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
		if !g.hosts[h] {
			g.hosts[h] = true
		}
	}
	for _, c := range p.Ports {
		if k := (portKey{c.Port, c.Proto}); !g.doors[k] {
			g.doors[k] = true
		}
	}
	s.hosts = nil
	switch s.verdict {
	case flagged:
		if g.flags++; len(g.lengths) < mostLengths {
			g.lengths = append(g.lengths, s.after)
		}
	case cleared:
		g.cleared++
	}
	if g.full && mostFlowsFirst(*p, g.least) > 0 {
		return
	}
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
		g.least, g.full = g.busiest[netcase.MaxSources-1].profile, true
	}
}

// grouping joins scanners by class, direction, port set and fate; where that makes too
// many groups, by class, direction and fate. In which order they come does not show.
type grouping struct {
	mu            sync.Mutex
	walk          *learned
	exact, coarse map[groupKey]*scanGroup
	clusters      []*scanGroup
	overflow      int // sources that were not looked at for what they did together
}

// groupKey is what the scanners of a group have in common.
type groupKey struct {
	dir   netcase.Direction
	class string
	fate  string
	ports string // the sorted numbers, two bytes each; empty where they are not told apart
}

func newGrouping() *grouping {
	return &grouping{exact: map[groupKey]*scanGroup{}, coarse: map[groupKey]*scanGroup{}}
}

func (x *grouping) add(s scanner) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := groupKey{dir: s.profile.Direction, class: s.class, fate: fate(s.profile.Reach)}
	if x.exact != nil {
		whole := key
		if s.class != classProbe && s.class != classVertical && s.class != classBlock {
			whole.ports = packedPorts(s.profile.Ports)
		}
		x.join(x.exact, whole, s)
		if len(x.exact) > maxScanGroups {
			x.exact = nil
		}
	}
	x.join(x.coarse, key, s)
}

func packedPorts(ports []netcase.PortCount) string {
	out := make([]byte, 0, 2*len(ports))
	for _, p := range ports {
		out = append(out, byte(p.Port>>8), byte(p.Port))
	}
	return string(out)
}

func (x *grouping) join(groups map[groupKey]*scanGroup, key groupKey, s scanner) {
	g := groups[key]
	if g == nil {
		g = newScanGroup(s.class, key.dir, key.fate)
		if g.mixed = key.ports == ""; !g.mixed {
			g.ports = s.profile.PortSet()
		}
		groups[key] = g
	}
	g.add(&s)
}

func newScanGroup(class string, dir netcase.Direction, fate string) *scanGroup {
	return &scanGroup{class: class, dir: dir, fate: fate, hosts: map[netcase.Endpoint]bool{}, doors: map[portKey]bool{}}
}

// addCluster makes a group of its own of sources that are one scan together.
func (x *grouping) addCluster(k *cluster) {
	var reach netcase.Tally
	for _, m := range k.members {
		reach = reach.Plus(m.profile.Reach)
	}
	g := newScanGroup(classDistributed, netcase.Inbound, fate(reach))
	g.mixed, g.cluster = true, k
	for _, m := range k.members {
		m.class = classDistributed
		g.add(&m.scanner)
	}
	x.clusters = append(x.clusters, g)
}

// groups is what was joined, the gravest class first.
func (x *grouping) groups(outside, inside thresholds) []*scanGroup {
	from := x.exact
	if from == nil {
		from = x.coarse
	}
	out := make([]*scanGroup, 0, len(from)+len(x.clusters))
	for _, g := range from {
		out = append(out, g)
	}
	out = append(out, x.fewClusters()...)
	for _, g := range out {
		g.walk = x.walk
		g.limits = outside
		if g.dir != netcase.Inbound {
			g.limits = inside
		}
		g.settle()
	}
	slices.SortFunc(out, func(a, b *scanGroup) int {
		return cmp.Or(cmp.Compare(classRank(a.class), classRank(b.class)), cmp.Compare(b.count, a.count),
			strings.Compare(a.tag(), b.tag()))
	})
	return out
}

// fewClusters joins clusters where there are too many to tell one by one.
func (x *grouping) fewClusters() []*scanGroup {
	if len(x.clusters) <= maxScanGroups {
		return x.clusters
	}
	slices.SortFunc(x.clusters, func(a, b *scanGroup) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.flows, a.flows), strings.Compare(a.tag(), b.tag()))
	})
	rest := newScanGroup(classDistributed, netcase.Inbound, "")
	joined := &cluster{joined: x.clusters[maxScanGroups].cluster.joined, p: 1}
	for _, g := range x.clusters[maxScanGroups-1:] {
		for i := range g.cluster.members {
			rest.add(&g.cluster.members[i].scanner)
		}
		joined.networks = append(joined.networks, g.cluster.networks...)
	}
	rest.mixed, rest.fate, rest.cluster = true, fate(rest.reach), joined
	return append(x.clusters[:maxScanGroups-1:maxScanGroups-1], rest)
}

func classRank(c string) int {
	return slices.Index([]string{classBlock, classHorizontal, classStrobe, classDistributed, classVertical, classWalk, classProbe}, c)
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
	tag := fmt.Sprintf("%s %s %s %v", g.dir, g.class, g.fate, g.ports)
	if g.cluster != nil {
		tag += fmt.Sprintf(" %v from %s", g.cluster.networks, g.busiest[0].profile.Peer)
	}
	return tag
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
			g.limits.hosts, g.limits.strobe, g.limits.rule.StrobePorts, g.limits.ports, g.limits.estate),
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
	f.Evidence[0].Statement += g.walkText(facts)
	if g.cluster != nil {
		f.Evidence = append(f.Evidence, g.togetherness(facts, f.Selection))
	}
	if facts.Walk != nil && facts.Walk.Off != "" {
		f.Limits = append(f.Limits, "no random walk over first contacts: "+facts.Walk.Off)
	}
	if f.Reach.Open() > 0 {
		f.Limits = append(f.Limits, "the outcome of "+count(f.Reach.Open(), "flow")+" is not recorded")
	}
	return f
}

// walkText says how the walks ended, where any was decided.
func (g *scanGroup) walkText(f *netcase.ScanFacts) string {
	w := f.Walk
	if w == nil || w.Flagged+w.Cleared == 0 {
		return ""
	}
	text := fmt.Sprintf("; by the outcomes of its first contacts %s of %s a scanner's", thousands(int64(w.Flagged)), count(g.count, "source"))
	if w.Flagged > 0 {
		text += fmt.Sprintf(" (decided after %d in the median)", w.Median)
	}
	return text
}

// togetherness is the evidence that the sources of a cluster belong together.
func (g *scanGroup) togetherness(f *netcase.ScanFacts, sel netcase.Selection) netcase.Evidence {
	text := fmt.Sprintf("%s share %s; together they reach the thresholds of a cluster (%d hosts or %d ports), one by one they do not.",
		count(g.count, "source"), strings.Join(f.JoinedBy, " and "), f.HostThreshold, f.PortThreshold)
	switch f.Coordination {
	case splitWork:
		text += fmt.Sprintf(" Their targets overlap less than independent picking would (p = %s): they look like one list that was split.", small(f.CoordinationP))
	case sameTargets:
		text += fmt.Sprintf(" Their targets overlap more than independent picking would (p = %s): they look like one list that each worked through.", small(f.CoordinationP))
	default:
		text += " Whether their targets were shared out cannot be told from chance."
	}
	e := netcase.Evidence{Statement: text, Selection: sel, Numbers: map[string]float64{"sources": float64(g.count)},
		Method: fmt.Sprintf("scan: sources of one network or system joined by one more trait; thresholds times %g; targets of each source against those before it, hypergeometric tails joined by Fisher's method", g.limits.rule.Joint)}
	if f.Coordination != "" {
		e.Numbers["p"] = f.CoordinationP
	}
	return e
}

func (g *scanGroup) facts() *netcase.ScanFacts {
	facts := &netcase.ScanFacts{
		Class: g.class, SourceCount: g.count, HostCount: len(g.hosts), PortCount: max(g.most, len(g.doors)), Horizon: g.horizon,
		Estate: g.limits.estate, HostThreshold: g.limits.hosts, PortThreshold: g.limits.ports, Internal: g.dir != netcase.Inbound,
	}
	for i := range g.busiest {
		facts.Sources = append(facts.Sources, g.busiest[i].profile)
	}
	if g.dir == netcase.Inbound {
		facts.Walk = g.walked()
	}
	if k := g.cluster; k != nil {
		facts.Networks, facts.JoinedBy = slices.Sorted(slices.Values(k.networks)), k.joined
		facts.Networks = slices.Compact(facts.Networks)
		facts.Networks = facts.Networks[:min(len(facts.Networks), mostNetworks)]
		facts.Coordination = k.coordination
		if k.coordination != "" {
			facts.CoordinationP = k.p
		}
		facts.HostThreshold, facts.PortThreshold = g.limits.rule.jointly(g.limits.hosts), g.limits.rule.jointly(g.limits.ports)
	}
	ports := map[uint16]bool{}
	for d := range g.doors {
		ports[d.port] = true
	}
	facts.Ports = sortedPorts(ports)
	facts.Ports = facts.Ports[:min(len(facts.Ports), netcase.ProfilePorts)]
	return facts
}

// walked is what the walks over the first contacts of the sources say together.
func (g *scanGroup) walked() *netcase.WalkFacts {
	f := g.walk.facts()
	f.Flagged, f.Cleared = g.flags, g.cleared
	if len(g.lengths) > 0 {
		slices.Sort(g.lengths)
		f.Median = g.lengths[len(g.lengths)/2]
	}
	return f
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
	if k := g.cluster; k != nil && len(k.networks) == 1 {
		who += " of " + k.networks[0]
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
	case g.class == classDistributed:
		return "together tried doors on"
	case g.class == classWalk:
		return "tried doors of which hardly any opened, each below the thresholds of a scan, on"
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
