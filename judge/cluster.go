package judge

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// cluster is a group of sources in the making: the same class, the same ports,
// the same outcome, the same standing.
type cluster struct {
	direction netcase.Direction
	class     string
	standing  string
	fate      string
	internal  bool
	rest      bool     // it counts what is not told: no hypotheses are weighed for it
	set       []uint16 // the port set that others joined
	sources   []*actor
	unseen    int // sources that are counted, but whose profile the findings leave out

	ports     []netcase.PortCount
	portCount int
	hosts     []netcase.Endpoint
	hostCount int
	flows     int64
	records   int64
	reach     netcase.Tally
	span      netcase.Span
	findings  []int
	evidence  []string
	doors     []*netcase.ExposureFacts // open doors that a source of the group came to

	items      []netcase.Item
	hypotheses []netcase.Hypothesis
	claims     []netcase.Claim
	severity   netcase.Severity
	text       string  // the label, once it was asked for
	weighing   string  // id of the evidence on the weighing
	joined     int     // groups that the rest stands for
	share      float64 // of a judged excess
}

// clusterKey is what sources of one group have in common beside their ports.
type clusterKey struct {
	direction             netcase.Direction
	class, standing, fate string
	internal              bool
}

// clusters groups actors. Exact port sets come first; near-equal ones of the same
// kind then join the busiest.
func (d *draft) clustersOf(actors []*actor) []*cluster {
	kinds := map[clusterKey]map[string]*cluster{}
	var keys []clusterKey
	for _, a := range actors {
		k := clusterKey{a.profile.Direction, a.class, d.standing(a), fate(a.profile.Reach), a.internal}
		if kinds[k] == nil {
			kinds[k] = map[string]*cluster{}
			keys = append(keys, k)
		}
		set := a.profile.PortSet()
		id := fmt.Sprint(a.profile.PortCount, set)
		c := kinds[k][id]
		if c == nil {
			c = &cluster{direction: k.direction, class: k.class, standing: k.standing, fate: k.fate, internal: k.internal, set: slices.Compact(set)}
			kinds[k][id] = c
		}
		c.sources = append(c.sources, a)
		c.flows += a.profile.Flows
	}
	var out []*cluster
	for _, k := range keys {
		out = append(out, joinAlike(kinds[k], d.config.Overlap)...)
	}
	out = joinNeighbours(out, d.config.Overlap)
	for _, c := range out {
		d.fill(c)
	}
	return out
}

// network is the /24 or /48 of a source, as its lists of neighbours go.
func network(e netcase.Endpoint) netip.Prefix {
	bits := 48
	if e.Addr.Unmap().Is4() {
		bits = 24
	}
	p, _ := e.Addr.Unmap().Prefix(bits) // no address: the zero prefix
	return p
}

// joinNeighbours lets sources that no list names join a listed group that did the
// same from the same network: same direction, class, outcome and ports.
func joinNeighbours(all []*cluster, overlap float64) []*cluster {
	type place struct {
		key clusterKey
		net netip.Prefix
	}
	listed := map[place][]*cluster{}
	for _, c := range all {
		if c.standing != standingListed {
			continue
		}
		for _, a := range c.sources {
			p := place{c.key(), network(a.profile.Peer)}
			if at := listed[p]; p.net.IsValid() && !slices.Contains(at, c) {
				listed[p] = append(at, c)
			}
		}
	}
	out := all[:0:0]
	for _, c := range all {
		if c.standing == standingUnlisted || c.standing == standingUnasked || c.standing == standingOther {
			c.sources = slices.DeleteFunc(c.sources, func(a *actor) bool {
				for _, home := range listed[place{c.key(), network(a.profile.Peer)}] {
					if jaccard(home.set, c.set) >= overlap {
						home.sources = append(home.sources, a)
						return true
					}
				}
				return false
			})
		}
		if len(c.sources) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// key is what the sources of a group have in common, apart from their standing.
func (c *cluster) key() clusterKey {
	return clusterKey{direction: c.direction, class: c.class, fate: c.fate, internal: c.internal}
}

// listedFlows is the number of flows of the sources that a list names: unlisted
// neighbours in a group do not move it up.
func (c *cluster) listedFlows() (n int64) {
	for _, a := range c.sources {
		if listed(a.card) {
			n += a.profile.Flows
		}
	}
	return n
}

// listedSources is the number of sources that a list names.
func (c *cluster) listedSources() (n int) {
	for _, a := range c.sources {
		if listed(a.card) {
			n++
		}
	}
	return n
}

// joinAlike lets near-equal port sets of one kind join the busiest one.
func joinAlike(exact map[string]*cluster, overlap float64) []*cluster {
	all := make([]*cluster, 0, len(exact))
	for _, k := range sortedKeys(exact) {
		all = append(all, exact[k])
	}
	slices.SortStableFunc(all, func(a, b *cluster) int {
		return cmp.Or(cmp.Compare(len(b.sources), len(a.sources)), cmp.Compare(b.flows, a.flows), slices.Compare(a.set, b.set))
	})
	var out []*cluster
next:
	for _, c := range all {
		for _, leader := range out {
			if jaccard(leader.set, c.set) >= overlap {
				leader.sources = append(leader.sources, c.sources...)
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// jaccard is the similarity of two sorted sets.
func jaccard(a, b []uint16) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			both++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	either := len(a) + len(b) - both
	if either == 0 {
		return 1
	}
	return float64(both) / float64(either)
}

// fill adds up what the sources of a group did.
func (d *draft) fill(c *cluster) {
	slices.SortFunc(c.sources, func(a, b *actor) int {
		return cmp.Or(cmp.Compare(b.profile.Flows, a.profile.Flows), a.profile.Peer.Compare(b.profile.Peer))
	})
	c.flows = 0
	named := map[int]bool{}
	var ports []netcase.PortCount
	var hosts []netcase.Endpoint
	for _, a := range c.sources {
		p := &a.profile
		c.flows += p.Flows
		c.records += p.Records
		c.reach = c.reach.Plus(p.Reach)
		c.span = c.span.Extend(p.First).Extend(p.Last)
		ports = append(ports, p.Ports...)
		hosts = append(hosts, p.Hosts...)
		c.hostCount = max(c.hostCount, p.HostCount)
		c.portCount = max(c.portCount, p.PortCount)
		for _, i := range a.findings {
			named[i] = true
		}
	}
	c.ports, c.hosts = mergePorts(ports, nil), union(hosts, nil)
	c.hostCount, c.portCount = max(c.hostCount, len(c.hosts)), max(c.portCount, distinctPorts(c.ports))
	for _, i := range sortedKeys(named) {
		f := &d.findings[i]
		c.findings = append(c.findings, i)
		c.evidence = append(c.evidence, evidenceOf(f)...)
		if f.Exposure != nil {
			c.doors = append(c.doors, f.Exposure)
		}
	}
}

func distinctPorts(ports []netcase.PortCount) int { return len(portsOf(ports)) }

// portsOf is the sorted set of the ports.
func portsOf(ports []netcase.PortCount) []uint16 {
	out := make([]uint16, 0, len(ports))
	for _, c := range ports {
		out = append(out, c.Port)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// truncated tells whether the group did more than its lists show.
func (c *cluster) truncated() bool { return c.portCount > distinctPorts(c.ports) }

// onAdmin is the tally of the group on administration ports.
func (c *cluster) onAdmin() (t netcase.Tally) {
	for _, p := range c.ports {
		if netcase.IsAdminPort(p.Port) {
			t = t.Plus(p.Reach)
		}
	}
	return t
}

// sourceCount is the number of sources, those without a profile included.
func (c *cluster) sourceCount() int { return len(c.sources) + c.unseen }

// asked tells whether the group asked for a port.
func (c *cluster) asked(port uint16) bool {
	return slices.ContainsFunc(c.ports, func(p netcase.PortCount) bool { return p.Port == port })
}

// lead is the most probable hypothesis.
func (c *cluster) lead() netcase.Hypothesis {
	if len(c.hypotheses) == 0 {
		return netcase.Hypothesis{}
	}
	return c.hypotheses[0]
}

// peers lists the sources of the group that have an address, sorted.
func (c *cluster) peers() []netcase.Endpoint {
	var out []netcase.Endpoint
	for _, a := range c.sources {
		if a.profile.Peer.Addr.IsValid() {
			out = append(out, a.profile.Peer)
		}
	}
	slices.SortFunc(out, netcase.Endpoint.Compare)
	return out
}

// who names the sources in words: "3 listed addresses".
func (c *cluster) who() string {
	n := c.sourceCount()
	switch {
	case c.internal && n == 1:
		return "1 machine of ours"
	case c.internal:
		return count(n, "machine") + " of ours"
	}
	noun := "address"
	if c.direction == netcase.Outbound {
		noun = "outside address"
	}
	if c.standing == standingListed && c.listedSources() < len(c.sources) {
		return fmt.Sprintf("%s (%d listed)", count(n, noun), c.listedSources())
	}
	text := count(n, strings.TrimSpace(c.adjective()+" "+noun))
	if c.standing == standingOther {
		text += " on other lists"
	}
	return text
}

func (c *cluster) adjective() string {
	switch c.standing {
	case standingListed, standingUnlisted:
		return c.standing
	case standingScanner:
		return "known scanner"
	case standingWelcome:
		return "approved"
	case standingEdge:
		return "widely shared"
	}
	return ""
}

// label is the line that names the group.
func (c *cluster) label() string {
	if c.text == "" {
		c.text = c.describe()
	}
	return c.text
}

func (c *cluster) describe() string {
	if c.rest {
		if c.joined > 1 {
			return fmt.Sprintf("%s in %s, counted and not told", count(c.sourceCount(), "source"), count(c.joined, "further group"))
		}
		return fmt.Sprintf("%s of further groups, counted and not told", count(c.sourceCount(), "source"))
	}
	return fmt.Sprintf("%s, %s, %s, %s", c.who(), c.class, portsText(portsOf(c.ports), c.portCount), c.fate)
}

// gather builds the groups of the case, with the sources that findings count but
// do not list.
func (d *draft) gather() {
	actors := actorsOf(d.findings)
	d.clusters = append(d.clustersOf(actors), d.floodClusters()...)
	home := map[*actor]*cluster{}
	for _, c := range d.clusters {
		for _, a := range c.sources {
			home[a] = c
		}
	}
	rest := &cluster{rest: true, class: "various", fate: "various"}
	for i := range d.findings {
		d.unseenOf(i, actors, home, rest)
	}
	if rest.unseen > 0 {
		d.clusters = append(d.clusters, rest)
	}
}

// unseenOf books the sources of a scan finding beyond those it lists. Where all
// that are listed fell into one group the others did the same by the finding's own
// rule; else they are counted in the rest.
func (d *draft) unseenOf(i int, actors []*actor, home map[*actor]*cluster, rest *cluster) {
	f := &d.findings[i]
	if f.Scan == nil || f.Scan.SourceCount <= len(f.Scan.Sources) {
		return
	}
	var target *cluster
	seenFlows, seenReach := int64(0), netcase.Tally{}
	for _, a := range actors {
		if !slices.Contains(a.findings, i) {
			continue
		}
		switch {
		case target == nil:
			target = home[a]
		case target != home[a]:
			target = rest
		}
	}
	if target == nil {
		target = rest
	}
	for j := range f.Scan.Sources {
		seenFlows += f.Scan.Sources[j].Flows
		seenReach = seenReach.Plus(f.Scan.Sources[j].Reach)
	}
	target.unseen += f.Scan.SourceCount - len(f.Scan.Sources)
	target.addUnseen(f, i, f.Flows-seenFlows, seenReach)
}

func (c *cluster) addUnseen(f *netcase.Finding, i int, flows int64, seen netcase.Tally) {
	c.flows += max(flows, 0)
	for r, n := range f.Reach {
		c.reach[r] += max(n-seen[r], 0)
	}
	c.span = c.span.Join(f.Span)
	c.hostCount = max(c.hostCount, f.Scan.HostCount)
	if !slices.Contains(c.findings, i) {
		c.findings = append(c.findings, i)
		c.evidence = append(c.evidence, evidenceOf(f)...)
	}
	if c.rest {
		if c.direction == netcase.DirectionUnknown {
			c.direction = f.Direction
		}
		for _, p := range f.Scan.Ports {
			if !c.asked(p) {
				c.ports = append(c.ports, netcase.PortCount{Port: p})
			}
		}
		c.portCount = max(c.portCount, f.Scan.PortCount, distinctPorts(c.ports))
	}
}
