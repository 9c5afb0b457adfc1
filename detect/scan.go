package detect

import (
	"cmp"
	"fmt"
	"maps"
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
				{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Outbound}},
				{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Lateral}},
				{Kind: cube.Hosts, Directions: []netcase.Direction{netcase.Outbound}}, // of those that failed often
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

// scanner is one source with its class. What it did is looked up at the source, and kept
// of few.
type scanner struct {
	*source
	class    string
	horizons []time.Duration // in which the class may show; none where it is not a matter of them
	limits   thresholds      // that it reached
	verdict  verdict         // of the walk over its first contacts
	after    int             // … and after how many of them
}

// scanGroups finds the scanners and joins those that did the same.
func scanGroups(in *Input) []*scanGroup {
	rule := &in.Config.Scan
	inside := thresholds{rule: rule, hosts: rule.Inside, strobe: rule.Inside, ports: in.Config.ScanPorts}
	found := newGrouping()
	seen := lookAround(in, inside.least())
	found.walk, inside.estate = seen.walk, seen.estate
	outside := thresholdsOf(&in.Config, seen.estate)
	in.together(
		func(in *Input) { fromOutside(in, found, outside, inside) },
		func(in *Input) { fromInside(in, found, inside, seen.failing) },
	)
	return found.groups(outside, inside)
}

// fromInside looks at what own hosts did outside, at those that failed often enough.
func fromInside(in *Input, found *grouping, inside thresholds, hosts []netcase.Endpoint) {
	if len(hosts) == 0 {
		return
	}
	q := in.questions.Rows[2]
	q.Hosts = hosts
	for s := range contacts(in.answerTo(q), cube.Hosts, &spareSources{}) {
		if c, ok := s.classify(in, inside); ok {
			found.add(&c)
		}
	}
}

// fromOutside looks at the sources from outside and at those among the own hosts that
// approached other own hosts.
func fromOutside(in *Input, found *grouping, outside, inside thresholds) {
	walk, spare := found.walk, &spareSources{}
	together := newCrowd(in, outside, spare, found.add)
	for s := range contacts(in.rows(1), cube.Peers, spare) {
		if s.profiler.p.Direction == netcase.Lateral {
			if c, ok := s.classify(in, inside); ok {
				found.add(&c)
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
			c.walk(walk)
			found.add(&c)
			continue
		}
		together.add(c)
	}
	together.endSystems()
	for _, k := range together.clusters {
		found.addCluster(k)
	}
	found.overflow = together.overflow
}

// surroundings is what has to be known of the estate before sources are judged.
type surroundings struct {
	estate  int                // own hosts that received an attempt from outside
	walk    *learned           // how often sources are answered there that no list names
	failing []netcase.Endpoint // own hosts that failed at enough doors outside to look closer
}

// lookAround reads the rows once for all of that. Doors count as failing that never
// answered; the doors of one outside address are at hand at a time.
func lookAround(in *Input, least int) surroundings {
	around := surroundings{walk: &learned{}}
	var met, failed counters // by host: a row from outside; doors that failed
	var doors pocket[doorNumber, doorTried]
	var group contactGroup
	var from netcase.Endpoint
	peer, listed := int32(-1), netcase.Unknown
	endGroup := func() {
		if group.known && listed == netcase.Unknown {
			if listed = netcase.False; adverse(in, from) {
				listed = netcase.True
			}
		}
		if group.known && listed == netcase.False {
			around.walk.see(group.answered)
		}
		group = contactGroup{}
	}
	endPeer := func() {
		endGroup()
		for i := range doors.of {
			if d := &doors.of[i].value; d.failed && !d.answered {
				if n := failed.add(int32(doors.of[i].key>>32), 1); n == int64(least) {
					around.failing = append(around.failing, d.host)
				}
			}
		}
		doors.reset()
	}
	for r := range in.rows(0) {
		if r.PeerNumber != peer {
			endPeer()
			peer, from, listed = r.PeerNumber, r.Peer, netcase.Unknown
		}
		if !r.unicast {
			continue
		}
		if r.Direction == netcase.Outbound {
			d, made := doors.find(r.door())
			if made {
				d.host = r.Host
			}
			d.failed, d.answered = d.failed || r.Reach.Failed(), d.answered || r.Reach >= netcase.ReachBidirectional
			continue
		}
		if met.add(r.HostNumber, 1) == 1 {
			around.estate++
		}
		if r.HostNumber != group.host || r.Hour != group.hour {
			endGroup()
			group = contactGroup{host: r.HostNumber, hour: r.Hour}
		}
		group.known = group.known || r.Reach.Decided()
		group.answered = group.answered || r.Reach >= netcase.ReachBidirectional
	}
	endPeer()
	around.walk.settle(in.Config)
	slices.SortFunc(around.failing, netcase.Endpoint.Compare)
	return around
}

// contactGroup is what one source met at one host in one hour.
type contactGroup struct {
	host            int32
	hour            int64
	known, answered bool
}

// doorTried is what one of ours met at a door outside.
type doorTried struct {
	host             netcase.Endpoint
	failed, answered bool
}

// counters counts by small numbers.
type counters []int64

// add adds to a counter and returns what it stands at.
func (c *counters) add(i int32, n int64) int64 {
	if int(i) >= len(*c) {
		*c = append(*c, make([]int64, int(i)+1-len(*c))...)
	}
	(*c)[i] += n
	return (*c)[i]
}

// least is how many targets and ports a source must have tried to be a scanner at all.
func (t thresholds) least() int { return min(t.hosts, t.ports, 2*t.strobe) }

// classify decides whether a source scanned, at its shortest horizon.
func (s *source) classify(in *Input, t thresholds) (scanner, bool) {
	b := s.profiler
	inside, tried := b.p.Direction != netcase.Inbound, b.tried
	if inside {
		if tried = b.refused; s.watches(in.Site) {
			return scanner{}, false
		}
	} else if len(in.Site.Dark) > 0 && s.darkTargets(in.Site) >= t.rule.DarkHits {
		t.hosts, t.strobe = min(t.hosts, t.rule.DarkHosts), min(t.strobe, t.rule.DarkHosts)
	}
	if tried < t.least() {
		return scanner{}, false
	}
	counted := s.counted(t.rule, inside)
	class := classOf(counted, t)
	if class == "" {
		return scanner{}, false
	}
	return scanner{source: s, class: class, horizons: in.Config.ScanHorizons, limits: t}, true
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
	if l.off == "" && len(s.firsts) >= l.walk.least {
		if v, _ := l.walk.run(firstOutcomes(s.firsts)); v == flagged {
			class = classWalk
		}
	}
	return scanner{source: s, class: class}
}

// walk notes how the walk over the first contacts of a source ends.
func (s *scanner) walk(l *learned) {
	if l.off == "" {
		s.verdict, s.after = l.walk.run(firstOutcomes(s.firsts))
	}
}

// watches tells whether the owner named the source as monitoring.
func (s *source) watches(site *netcase.Site) bool {
	a := s.profiler.p.Peer.Addr
	return a.IsValid() && netcase.Within(site.Monitoring, a)
}

func (s *source) darkTargets(site *netcase.Site) (n int) {
	for i := range s.profiler.targets.of {
		if a := s.profiler.targets.of[i].value.Addr; a.IsValid() && netcase.Within(site.Dark, a) {
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
func (s *source) counted(rule *ScanConfig, inside bool) []attempted {
	if s.attempts == nil {
		s.attempts = s.count(rule, inside)
	}
	return s.attempts
}

func (s *source) count(rule *ScanConfig, inside bool) []attempted {
	tried, bad := 0, 0
	ports := s.profiler.ports.of
	for i := range ports {
		t := ports[i].value
		n := t.tried.count()
		tried += n
		bad += n - t.answered.count()
	}
	visits := s.visits()
	all := !inside && float64(bad) >= rule.Failures*float64(tried) && !visits
	out := make([]attempted, len(ports))
	for i := range ports {
		t := ports[i].value
		out[i].port = portKey{t.Port, t.Proto}
		switch {
		case inside:
			out[i].hosts = without(t.failed, t.answered)
		case all:
			out[i].hosts = t.tried
		case visits:
			out[i].hosts = without(t.failed, t.answered)
		default:
			out[i].hosts = without(t.tried, t.answered)
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
	for i := range s.profiler.ports.of {
		if t := s.profiler.ports.of[i].value; t.Reach.Open() > 0 && !slices.Contains(publicServices(), t.Port) {
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
func classOf(counted []attempted, t thresholds) string {
	var hosts bitset
	ports, widest, strobe := 0, 0, 0
	var perHost []int
	for p := range counted {
		set := counted[p].hosts
		n := set.count()
		if n == 0 {
			continue
		}
		ports++
		widest = max(widest, n)
		if n >= t.strobe {
			strobe++
		}
		for i := range set.members {
			hosts.set(i)
			for len(perHost) <= i {
				perHost = append(perHost, 0)
			}
			perHost[i]++
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

// shortest is the first horizon in which the class already shows; 0: in none.
func (s *scanner) shortest(horizons []time.Duration) time.Duration {
	var w *windows
	for _, h := range horizons {
		if s.coarsest > h || !s.crowded(h, s.limits.least()) {
			continue // rows of an hour cannot show what happened within five minutes
		}
		if w == nil {
			w = newWindows(s.events(), s.attempts)
		}
		if w.slides(h, s.limits) {
			return h
		}
	}
	return 0
}

// crowded tells whether so many doors may have been tried within h: whether as many rows
// of attempts lie in the hours that h may touch.
func (s *source) crowded(h time.Duration, least int) bool {
	reach := int32((h + time.Hour - 1) / time.Hour)
	tried := func(m *moment) bool { return s.attempts[m.port].hosts.has(int(m.host)) }
	start, n := 0, 0
	for i := range s.moments {
		m := &s.moments[i]
		if !tried(m) {
			continue
		}
		for n++; s.moments[start].hour < m.hour-reach; start++ {
			n -= b2i(tried(&s.moments[start]))
		}
		if n >= least {
			return true
		}
	}
	return false
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
	busiest []netcase.Profile // at most netcase.MaxSources once settled, most flows first
	least   netcase.Profile   // the last of those that were kept
	full    bool              // there are as many as are kept
	flows   int64
	reach   netcase.Tally
	span    netcase.Span
	hosts   bitset // that were tried, by their numbers in the reading
	doors   pocket[portNumber, struct{}]
	most    int // ports of the source that tried most
	horizon time.Duration
	cleared int
	lengths []int // first contacts until a flag; at most mostLengths of them
	flags   int
}

// mostLengths is how many lengths of walks a group keeps for their median.
const mostLengths = 1 << 14

func (g *scanGroup) add(s *scanner) {
	b := s.profiler
	p := &b.p
	g.count++
	g.flows += p.Flows
	g.reach = g.reach.Plus(p.Reach)
	g.span = g.span.Extend(p.First).Extend(p.Last)
	g.most = max(g.most, len(b.ports.of))
	g.shorten(s)
	for i := range b.targets.of {
		g.hosts.set(int(b.targets.of[i].key))
	}
	b.eachDoor(func(k portNumber) { g.doors.place(k) })
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
	if g.busiest = append(g.busiest, b.profile()); len(g.busiest) >= 4*netcase.MaxSources {
		g.settle()
	}
}

// shorten looks for the class of a scanner in horizons shorter than the shortest so far:
// that of the group is what is told.
func (g *scanGroup) shorten(s *scanner) {
	shorter := s.horizons
	if g.horizon > 0 {
		n := 0
		for n < len(shorter) && shorter[n] < g.horizon {
			n++
		}
		shorter = shorter[:n]
	}
	if h := s.shortest(shorter); h > 0 {
		g.horizon = h
	} else if g.horizon == 0 && len(s.horizons) > 0 {
		g.horizon = s.horizons[len(s.horizons)-1] // it only shows over the whole span
	}
}

// join adds another group.
func (g *scanGroup) join(o *scanGroup) {
	g.count, g.flows, g.reach = g.count+o.count, g.flows+o.flows, g.reach.Plus(o.reach)
	g.span, g.most = g.span.Join(o.span), max(g.most, o.most)
	if g.horizon == 0 || o.horizon < g.horizon {
		g.horizon = o.horizon
	}
	for i := range o.hosts.members {
		g.hosts.set(i)
	}
	for i := range o.doors.of {
		g.doors.place(o.doors.of[i].key)
	}
	g.cleared, g.flags = g.cleared+o.cleared, g.flags+o.flags
	g.lengths = append(g.lengths, o.lengths[:min(len(o.lengths), mostLengths-len(g.lengths))]...)
	g.busiest = append(g.busiest, o.busiest...)
	g.settle()
}

// settle keeps the busiest.
func (g *scanGroup) settle() {
	slices.SortFunc(g.busiest, mostFlowsFirst)
	if len(g.busiest) > netcase.MaxSources {
		clear(g.busiest[netcase.MaxSources:])
		g.busiest = g.busiest[:netcase.MaxSources]
		g.least, g.full = g.busiest[netcase.MaxSources-1], true
	}
}

// grouping joins scanners by class, direction, port set and fate; where that makes too
// many groups, by class, direction and fate. In which order they come does not show.
type grouping struct {
	mu       sync.Mutex
	walk     *learned
	by       map[groupKey]*scanGroup
	coarse   bool // port sets are not told apart
	clusters []*scanGroup
	overflow int // sources that were not looked at for what they did together
}

// groupKey is what the scanners of a group have in common.
type groupKey struct {
	dir   netcase.Direction
	class string
	fate  string
	ports string // the sorted numbers, two bytes each; empty where they are not told apart
}

func newGrouping() *grouping { return &grouping{by: map[groupKey]*scanGroup{}} }

func (x *grouping) add(s *scanner) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := groupKey{dir: s.profiler.p.Direction, class: s.class, fate: fate(&s.profiler.p.Reach)}
	var ports []netcase.PortCount
	if !x.coarse && s.class != classProbe && s.class != classVertical && s.class != classBlock {
		ports = s.profiler.portCounts()
		key.ports = packedPorts(ports)
	}
	g := x.by[key]
	if g == nil {
		g = newScanGroup(s.class, key.dir, key.fate)
		if g.mixed = key.ports == ""; !g.mixed {
			g.ports = (&netcase.Profile{Ports: ports}).PortSet()
		}
		x.by[key] = g
	}
	if g.add(s); len(x.by) > maxScanGroups && !x.coarse {
		x.coarsen()
	}
}

// coarsen joins the groups whatever their ports.
func (x *grouping) coarsen() {
	fine := x.by
	x.by, x.coarse = map[groupKey]*scanGroup{}, true
	for _, k := range slices.SortedFunc(maps.Keys(fine), func(a, b groupKey) int { return strings.Compare(a.ports, b.ports) }) {
		ports := k.ports
		k.ports = ""
		g := x.by[k]
		if g == nil {
			g = newScanGroup(k.class, k.dir, k.fate)
			g.mixed = true
			x.by[k] = g
		}
		g.join(fine[groupKey{k.dir, k.class, k.fate, ports}])
	}
}

func packedPorts(ports []netcase.PortCount) string {
	out := make([]byte, 0, 2*len(ports))
	for _, p := range ports {
		out = append(out, byte(p.Port>>8), byte(p.Port))
	}
	return string(out)
}

func newScanGroup(class string, dir netcase.Direction, fate string) *scanGroup {
	return &scanGroup{class: class, dir: dir, fate: fate}
}

// addCluster makes a group of its own of sources that are one scan together.
func (x *grouping) addCluster(k *cluster) {
	var reach netcase.Tally
	for _, m := range k.members {
		reach = reach.Plus(m.profiler.p.Reach)
	}
	g := newScanGroup(classDistributed, netcase.Inbound, fate(&reach))
	g.mixed, g.cluster = true, k
	for _, m := range k.members {
		m.class = classDistributed
		g.add(&m.scanner)
	}
	x.clusters = append(x.clusters, g)
}

// groups is what was joined, the gravest class first.
func (x *grouping) groups(outside, inside thresholds) []*scanGroup {
	out := make([]*scanGroup, 0, len(x.by)+len(x.clusters))
	for _, g := range x.by {
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
	rest.mixed, rest.fate, rest.cluster = true, fate(&rest.reach), joined
	return append(x.clusters[:maxScanGroups-1:maxScanGroups-1], rest)
}

func classRank(c string) int {
	return slices.Index([]string{classBlock, classHorizontal, classStrobe, classDistributed, classVertical, classWalk, classProbe}, c)
}

// fate is the coarse outcome that keeps groups apart: whether anything answered.
func fate(t *netcase.Tally) string {
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
		tag += fmt.Sprintf(" %v from %s", g.cluster.networks, g.busiest[0].Peer)
	}
	return tag
}

func (g *scanGroup) selection() netcase.Selection {
	sel := netcase.Selection{Direction: g.dir}
	var own []netcase.Endpoint
	for i := range g.busiest {
		own = append(own, g.busiest[i].Peer)
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

// doorKeys are the ports that were tried, at most netcase.ProfilePorts of each source.
func (g *scanGroup) doorKeys() map[portKey]bool {
	out := make(map[portKey]bool, len(g.doors.of))
	for i := range g.doors.of {
		out[g.doors.of[i].key.key()] = true
	}
	return out
}

func (g *scanGroup) facts() *netcase.ScanFacts {
	facts := &netcase.ScanFacts{
		Class: g.class, SourceCount: g.count, HostCount: g.hosts.count(), PortCount: max(g.most, len(g.doors.of)), Horizon: g.horizon,
		Estate: g.limits.estate, HostThreshold: g.limits.hosts, PortThreshold: g.limits.ports, Internal: g.dir != netcase.Inbound,
	}
	facts.Sources = append(facts.Sources, g.busiest...)
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
	for d := range g.doorKeys() {
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
	deed, doors := g.deed(f.PortCount), ": "+portList(sortedDoors(g.doorKeys()), f.PortCount)
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
	doors := sortedDoors(g.doorKeys())
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
