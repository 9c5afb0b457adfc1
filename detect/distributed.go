package detect

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"netcase"
)

// Sources that stay below the thresholds one by one may be one scan together. What joins
// sources is that they share a network, and that they asked for the same ports or came
// and went together; a like set of ports alone is the same tool, not the same hand.
const (
	mostMembers    = 4096    // of one /24 or /48 that are looked at
	mostCandidates = 1 << 16 // sources with a known autonomous system that are looked at
	mostNetworks   = 20      // named in a finding
)

// What joins the members of a cluster, in words.
const (
	joinNetwork = "one /24 or /48"
	joinSystem  = "one autonomous system"
	joinPorts   = "the same ports"
	joinTime    = "start and stop within " // … how long
)

// The two ways in which targets that several sources asked for are no chance.
const (
	splitWork   = "split work"
	sameTargets = "same targets"
)

// member is a source that did not reach the thresholds by itself.
type member struct {
	scanner
	counted []attempted // hosts by their places at the source
	ports   uint64      // hash of the set of ports
	system  uint32      // autonomous system; 0: not known
}

// cluster is several members under suspicion of one hand.
type cluster struct {
	members      []*member
	networks     []string
	joined       []string
	class        string
	coordination string
	p            float64
}

// crowd gathers members network by network. Sources come by address, so that those of
// one network come one after the other.
type crowd struct {
	in       *Input
	limits   thresholds
	estate   int
	network  netip.Prefix
	waiting  scanner // the first of the network, while it is the only one
	members  []*member
	pool     []*member // of a known autonomous system, not joined by their network
	overflow int       // sources that were left out
	clusters []*cluster
	alone    func(*scanner) // what becomes of who is in no cluster
	spare    *spareSources  // where sources go that are kept no longer
}

func newCrowd(in *Input, limits thresholds, spare *spareSources, alone func(*scanner)) *crowd {
	rule := limits.rule
	limits.hosts, limits.strobe, limits.ports = rule.jointly(limits.hosts), rule.jointly(limits.strobe), rule.jointly(limits.ports)
	return &crowd{in: in, limits: limits, estate: limits.estate, alone: alone, spare: spare}
}

// jointly is the threshold of a cluster.
func (c *ScanConfig) jointly(alone int) int { return partOfMany(c.Joint, alone) }

// partOfMany is a part of a number, rounded up.
func partOfMany(part float64, n int) int { return int(math.Ceil(part * float64(n))) }

// add takes a source that is no scanner by itself, and keeps it while it may be in a
// cluster. What it would be called alone is its class, and empty where it would not be
// told at all.
func (c *crowd) add(s scanner) {
	s.kept = true
	if n := networkOf(s.profiler.p.Peer.Addr); n != c.network {
		c.endNetwork()
		c.network = n
	} else if c.waiting.source != nil {
		c.join(c.waiting)
		c.waiting = scanner{}
	}
	if len(c.members) == 0 {
		c.waiting = s
		return
	}
	c.join(s)
}

// join makes a source a member, if it can be one.
func (c *crowd) join(s scanner) {
	counted := s.counted(c.limits.rule, false)
	ports := portsHash(counted)
	if !s.profiler.p.Peer.Addr.IsValid() || s.visits() || ports == 0 || len(c.members) >= mostMembers {
		c.overflow += b2i(len(c.members) >= mostMembers)
		c.leave(&s)
		return
	}
	s.moments = nil // they told what it is alone
	c.members = append(c.members, &member{scanner: s, counted: counted, ports: ports})
}

// leave hands on who is in no cluster.
func (c *crowd) leave(s *scanner) {
	if s.class != "" {
		c.alone(s)
	}
	c.spare.put(s.source)
}

// portsHash is a hash of a set of ports, whatever its order; 0 for none.
//
// Source: sums of splitmix64, so that equal sets have equal hashes in every run.
func portsHash(counted []attempted) (h uint64) {
	for i := range counted {
		k := counted[i].port
		if counted[i].hosts.count() == 0 {
			continue
		}
		z := uint64(k.port)<<8 | uint64(k.proto) + 1
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		h += z ^ z>>31
	}
	return h
}

// endNetwork looks for clusters in the network that has ended; who is in none waits for
// the others of its autonomous system, where that is known.
func (c *crowd) endNetwork() {
	system := uint32(0)
	if first := c.first(); first != nil && c.in.Intel != nil {
		system = autonomousSystem(c.in, first.profiler.p.Peer.Addr)
	}
	if one := c.waiting; one.source != nil {
		c.waiting = scanner{}
		if system == 0 {
			c.leave(&one)
			return
		}
		c.join(one)
	}
	left := c.members
	c.members = nil
	if len(left) == 1 && system == 0 {
		c.leave(&left[0].scanner)
		return
	}
	for _, by := range []string{joinPorts, joinTime} {
		left = c.joinBy(left, by, c.network.String(), joinNetwork)
	}
	for _, m := range left {
		if m.system = system; system == 0 || len(c.pool) >= mostCandidates {
			c.overflow += b2i(system != 0)
			c.leave(&m.scanner)
			continue
		}
		c.pool = append(c.pool, m)
	}
}

// first is a source of the network at hand; nil: there is none.
func (c *crowd) first() *source {
	if len(c.members) > 0 {
		return c.members[0].source
	}
	return c.waiting.source
}

// joinBy takes clusters out of members that share a network already, by one more trait.
func (c *crowd) joinBy(members []*member, by, network, shared string) (left []*member) {
	said := by
	if by == joinTime {
		said += spanText(c.limits.rule.Together)
	}
	for _, group := range alike(members, by, c.limits.rule.Together) {
		k := &cluster{members: group, networks: []string{network}, joined: []string{shared, said}}
		if len(group) < 2 || !c.scans(k) {
			left = append(left, group...)
			continue
		}
		c.clusters = append(c.clusters, k)
	}
	return left
}

// alike cuts members into groups that share a trait.
func alike(members []*member, by string, together netcase.Time) [][]*member {
	sorted := slices.Clone(members)
	same := func(first, m *member) bool { return first.ports == m.ports }
	order := func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.ports, b.ports), a.profiler.p.Peer.Compare(b.profiler.p.Peer))
	}
	if by == joinTime {
		same = func(first, m *member) bool {
			a, b := &first.profiler.p, &m.profiler.p
			return b.First-a.First <= together && max(b.Last-a.Last, a.Last-b.Last) <= together
		}
		order = func(a, b *member) int {
			x, y := &a.profiler.p, &b.profiler.p
			return cmp.Or(cmp.Compare(x.First, y.First), cmp.Compare(x.Last, y.Last), x.Peer.Compare(y.Peer))
		}
	}
	slices.SortFunc(sorted, order)
	var out [][]*member
	for _, m := range sorted {
		if n := len(out); n > 0 && same(out[n-1][0], m) {
			out[n-1] = append(out[n-1], m)
			continue
		}
		out = append(out, []*member{m})
	}
	return out
}

// endSystems looks for clusters over the networks of one autonomous system: the same
// ports, and together in time.
func (c *crowd) endSystems() {
	c.endNetwork()
	slices.SortFunc(c.pool, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.system, b.system), cmp.Compare(a.ports, b.ports), a.profiler.p.Peer.Compare(b.profiler.p.Peer))
	})
	for len(c.pool) > 0 {
		n := 1
		for n < len(c.pool) && c.pool[n].system == c.pool[0].system && c.pool[n].ports == c.pool[0].ports {
			n++
		}
		for _, m := range c.joinBy(c.pool[:n], joinTime, fmt.Sprintf("AS%d", c.pool[0].system), joinSystem+" and "+joinPorts) {
			c.leave(&m.scanner)
		}
		c.pool = c.pool[n:]
	}
}

// scans tells whether a cluster reaches the thresholds of a cluster, and fills in what it is.
func (c *crowd) scans(k *cluster) bool {
	places := map[int32]int{} // by the number of the target
	joint := map[portKey]*bitset{}
	for _, m := range k.members {
		for i := range m.counted {
			set := joint[m.counted[i].port]
			if set == nil {
				set = &bitset{}
				joint[m.counted[i].port] = set
			}
			for h := range m.counted[i].hosts.members {
				number := m.profiler.targets.of[h].key
				at, ok := places[number]
				if !ok {
					at = len(places)
					places[number] = at
				}
				set.set(at)
			}
		}
	}
	all := make([]attempted, 0, len(joint))
	for port, set := range joint {
		all = append(all, attempted{port, *set})
	}
	if k.class = classOf(all, c.limits); k.class == "" {
		return false
	}
	k.coordination, k.p = coordination(k.members, c.estate, c.limits.rule.Coordination)
	return true
}

// coordination tells whether the targets of the members overlap less or more than if
// each had picked its own at random from the estate.
//
// Source: each member against the union of those before it, hypergeometric tails, joined
// by Fisher's method.
func coordination(members []*member, estate int, p float64) (string, float64) {
	union := map[int32]bool{}
	less, more, n := 0.0, 0.0, 0
	for _, m := range members {
		targets := m.targets()
		shared := 0
		for _, h := range targets {
			if union[h] {
				shared++
			}
		}
		if len(union) > 0 && len(targets) > 0 && len(union) <= estate && len(targets) <= estate {
			less -= 2 * math.Log(clampP(hypergeometric(shared, len(union), len(targets), estate)))
			more -= 2 * math.Log(clampP(1-hypergeometric(shared-1, len(union), len(targets), estate)))
			n++
		}
		for _, h := range targets {
			union[h] = true
		}
	}
	if n == 0 {
		return "", 1
	}
	pLess, pMore := 1-chiLower(less, float64(2*n)), 1-chiLower(more, float64(2*n))
	switch {
	case pLess < p:
		return splitWork, max(pLess, smallestP)
	case pMore < p:
		return sameTargets, max(pMore, smallestP)
	}
	return "", min(pLess, pMore)
}

// targets are the numbers of the hosts that count as tried.
func (m *member) targets() (out []int32) {
	var tried bitset
	for i := range m.counted {
		for h := range m.counted[i].hosts.members {
			if tried.put(h) {
				out = append(out, m.profiler.targets.of[h].key)
			}
		}
	}
	return out
}

// hypergeometric is the probability that of n drawn without putting back from total, of
// which marked are marked, at most k are marked.
func hypergeometric(k, marked, n, total int) float64 {
	p := 0.0
	for i := max(0, n-(total-marked)); i <= min(k, marked, n); i++ {
		p += math.Exp(logChoose(marked, i) + logChoose(total-marked, n-i) - logChoose(total, n))
	}
	return min(p, 1)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// autonomousSystem is the autonomous system that the lists name for an address; 0: none does.
func autonomousSystem(in *Input, a netip.Addr) uint32 {
	for _, i := range in.Intel.Match(a) { // the longest prefix comes first
		if i.Claim == netcase.ClaimPlace && i.Geo.ASN != 0 {
			return i.Geo.ASN
		}
	}
	return 0
}
