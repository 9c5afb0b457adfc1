package detect

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/bits"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"

	"netcase"
	"netcase/cube"
)

// beacon notices connections that one of our hosts makes by the clock.
func beacon() Detector {
	return Detector{
		Name: "beacon",
		Doc:  "connections from one of our hosts to one destination by the clock, those begun from outside and those that no record can measure told apart",
		Method: "from inside to outside, raw times; by default 12 starts, 8 cycles, 2 hours; robust variation of the intervals at most 0.35, 0.50, 0.70 below 20, below 100 and from 100 intervals, " +
			"or a peak of the spectrum that 199 shuffles within each hour of the day do not reach (p at most 0.01), on a hill of the autocorrelation; " +
			"a Rayleigh test tells a fixed clock from a sleep; known causes label, never delete",
		Ask: func(Config) Questions {
			return Questions{Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Outbound, netcase.Inbound}}}}
		},
		Refine: func(in *Input) []cube.Want {
			all := trailsOf(in)
			in.Memo = all
			var wants []cube.Want
			for _, s := range all {
				wants = append(wants, cube.Want{Tag: s.tag(), Selection: s.selection(in), Starts: !s.aggregated, Records: beaconRecords})
			}
			return wants
		},
		Find: findBeacons,
	}
}

// Bounds of the search.
const (
	beaconTrails     = 500     // outbound streams whose exact times are asked for
	beaconOthers     = 50      // inbound ones, and those whose records stand for intervals
	beaconDoors      = 1 << 14 // hosts and ports of one destination that are followed
	beaconGroups     = 1 << 16 // names and hosts that are followed
	beaconMembers    = 16      // addresses joined to one destination
	beaconNamed      = 1 << 17 // addresses whose names are kept
	beaconRecords    = 6
	beaconFindings   = 60
	beaconFew        = 10 // findings that no test stands behind, of each kind
	leastLogs        = 8  // gaps between active minutes that the order of candidates is taken from
	beaconMissing    = "exact times were not available"
	beaconAggregated = "the records stand for intervals"
)

// caller is the connections of one of our hosts with one destination, or with several that are one by name or network.
type caller struct {
	host      netcase.Endpoint
	peers     []netcase.Endpoint // sorted; more than one: joined
	port      uint16
	proto     uint8
	direction netcase.Direction
	name      string   // that the host asked for
	network   bool     // peers are joined by their network, without a name
	aliases   []string // that it asked for, where several lead to the peers
	nameless  bool     // some peer has no name, or too many

	trailCounts
	hosts, estate int // own hosts that called it, that called anything
	listed        bool
	aggregated    bool // every record stands for an interval
	process       []string
}

// trailCounts is what the rows of one stream add up to in the investigated span.
type trailCounts struct {
	flows, records int64
	reach          netcase.Tally
	kinds          kindsOf
	hours          int
	hour           int64
	first, last    netcase.Time

	minute        int64 // the last active one
	gaps          int   // between active minutes
	logs, squares float64
}

func (c *trailCounts) add(r *cube.Row) {
	if c.records == 0 {
		c.first, c.hour, c.minute = r.First, r.Hour-1, -1
	}
	c.flows, c.records = c.flows+r.Flows, c.records+r.Records
	c.reach[r.Reach] += r.Flows
	c.kinds.note(r.Resolution)
	c.first, c.last = min(c.first, r.First), max(c.last, r.First, min(r.Last, netcase.Time(r.Hour+1)*netcase.Hour-1))
	if r.Hour != c.hour {
		c.hours++
		c.hour = r.Hour
	}
	for m := r.Minutes; m != 0; m &= m - 1 {
		at := r.Hour*60 + int64(bits.TrailingZeros64(m))
		if c.minute >= 0 && at > c.minute {
			l := logOfGap(at - c.minute)
			c.gaps, c.logs, c.squares = c.gaps+1, c.logs+l, c.squares+l*l
		}
		c.minute = max(c.minute, at)
	}
}

// logsOfGaps are the logarithms of gaps of up to a day, in minutes.
var logsOfGaps = func() (out [24*60 + 1]float64) {
	for i := range out {
		out[i] = math.Log(float64(i))
	}
	return out
}()

func logOfGap(minutes int64) float64 {
	if minutes < int64(len(logsOfGaps)) {
		return logsOfGaps[minutes]
	}
	return math.Log(float64(minutes))
}

func (c *trailCounts) join(o *trailCounts) {
	if c.records == 0 {
		*c = *o
		return
	}
	c.flows, c.records, c.reach, c.kinds = c.flows+o.flows, c.records+o.records, c.reach.Plus(o.reach), c.kinds.plus(o.kinds)
	c.first, c.last, c.hours = min(c.first, o.first), max(c.last, o.last), max(c.hours, o.hours)
	c.gaps, c.logs, c.squares = c.gaps+o.gaps, c.logs+o.logs, c.squares+o.squares
}

// unevenness is the standard deviation of the logarithm of the gaps between active
// minutes: 0 for a clock, about 1.3 for random arrivals. It only orders candidates.
func (c *trailCounts) unevenness() float64 {
	if c.gaps < leastLogs {
		return 1
	}
	n := float64(c.gaps)
	return math.Sqrt(max(c.squares/n-c.logs/n*c.logs/n, 0))
}

// mayCycle tells whether there is enough of a stream for exact times to be asked for.
func (c *trailCounts) mayCycle(rules *CadenceConfig) bool {
	return c.records >= int64(rules.Starts) && c.last-c.first >= rules.Active
}

// mayHide tells whether rows of intervals look as steady as a cadence would make them.
func (c *trailCounts) mayHide(rules *CadenceConfig) bool {
	span := c.last.Hour() - c.first.Hour() + 1
	return c.hours >= rules.SteadyHours && float64(c.hours) >= rules.Steady*float64(span)
}

// allIntervals tells whether every record is known to stand for an interval.
func (c *trailCounts) allIntervals() bool {
	return c.kinds.minutes > 0 && !c.kinds.raw && !c.kinds.unknown && !c.kinds.sampled
}

func (s *caller) tag() string {
	return fmt.Sprintf("%s %s %s %s %s", s.direction, s.host, s.name, s.peers[0], cube.PortName(s.port, s.proto)) + map[bool]string{true: " network"}[s.network]
}

func (s *caller) selection(in *Input) netcase.Selection {
	return netcase.Selection{Peers: s.peers, Hosts: []netcase.Endpoint{s.host}, Ports: []uint16{s.port}, Direction: s.direction, Span: in.Span}
}

// order puts the streams first that are most worth exact times.
func (s *caller) order(o *caller) int {
	rare := func(x *caller) int { return b2i(x.hosts > fewCallers) }
	return cmp.Or(cmp.Compare(b2i(o.listed), b2i(s.listed)), cmp.Compare(rare(s), rare(o)), cmp.Compare(s.unevenness(), o.unevenness()),
		cmp.Compare(o.records, s.records), s.compare(o))
}

func (s *caller) compare(o *caller) int {
	return cmp.Or(s.peers[0].Compare(o.peers[0]), s.host.Compare(o.host), cmp.Compare(s.port, o.port), cmp.Compare(s.proto, o.proto),
		cmp.Compare(s.direction, o.direction), strings.Compare(s.name, o.name), cmp.Compare(len(s.peers), len(o.peers)))
}

// shortlist keeps the first streams by their order.
type shortlist struct {
	most int
	all  []*caller
}

func (l *shortlist) offer(s *caller) {
	if l.all = append(l.all, s); len(l.all) >= 4*l.most {
		l.trim()
	}
}

func (l *shortlist) trim() {
	slices.SortFunc(l.all, (*caller).order)
	l.all = l.all[:min(len(l.all), l.most)]
}

// doorOf is one of our hosts and a service port.
type doorOf struct {
	host      netcase.Endpoint
	port      uint16
	proto     uint8
	direction netcase.Direction
}

func (d doorOf) compare(o doorOf) int {
	return cmp.Or(d.host.Compare(o.host), cmp.Compare(d.port, o.port), cmp.Compare(d.proto, o.proto), cmp.Compare(d.direction, o.direction))
}

// namedDoor is a door and the name that was asked for.
type namedDoor struct {
	doorOf
	name string
}

// search finds the streams worth exact times while rows stream by.
type search struct {
	in     *Input
	names  *remembered[asked, nameOf]
	census *census

	peer   netcase.Endpoint
	number int32       // of it in the reading; -1: none yet
	doors  *doorCounts // of the destination at hand

	// Of the network at hand. Streams to a single address are not joined: those of the
	// first wait for a second.
	network netip.Prefix
	members int
	first   *doorCounts
	firstOf destination
	near    pocket[doorNumber, *caller]

	named remembered[namedDoor, *caller]

	outbound, inbound, intervals shortlist
}

// doorCounts is what the rows of one destination add up to, by door.
type doorCounts = pocket[doorNumber, doorTrail] // the direction stands in the lowest bits

// doorTrail is the rows of one door.
type doorTrail struct {
	door   doorOf
	joined bool // to those of the same network
	trailCounts
}

// destination is an address that our hosts call, or that calls them.
type destination struct {
	peer          netcase.Endpoint
	hosts, estate int
	listed        bool
}

// trailsOf reads the rows once. Memory holds the doors of two destinations, the groups of
// one network, and the short lists.
func trailsOf(in *Input) []*caller {
	s := newSearch(in)
	for r := range in.rows(0) {
		s.add(r)
	}
	out := s.end()
	nameProcesses(in, out)
	return out
}

func newSearch(in *Input) *search {
	s := &search{
		number: -1, in: in, names: askedNames(in), census: newCensus(), doors: &doorCounts{}, first: &doorCounts{},
		outbound: shortlist{most: beaconTrails}, inbound: shortlist{most: beaconOthers}, intervals: shortlist{most: beaconOthers},
	}
	s.named = remembered[namedDoor, *caller]{
		most:    beaconGroups,
		weigh:   func(_ namedDoor, x *caller) (int64, netcase.Time) { return x.records, x.last },
		compare: func(a, b namedDoor) int { return cmp.Or(strings.Compare(a.name, b.name), a.doorOf.compare(b.doorOf)) },
	}
	return s
}

// end is the streams that were found.
func (s *search) end() (out []*caller) {
	s.endPeer()
	s.endNetwork()
	s.endNames()
	for _, l := range []*shortlist{&s.outbound, &s.inbound, &s.intervals} {
		l.trim()
		out = append(out, l.all...)
	}
	for _, x := range out {
		x.estate = s.census.estate()
	}
	return out
}

func (s *search) add(r *row) {
	if !r.unicast {
		return
	}
	if r.PeerNumber != s.number {
		s.endPeer()
		s.peer, s.number = r.Peer, r.PeerNumber
	}
	if r.Direction == netcase.Outbound {
		s.census.note(r.HostNumber)
	}
	if !inSpan(s.in, r.Hour) {
		return
	}
	k := r.door() | doorNumber(r.Direction)
	c, made := s.doors.find(k)
	if made {
		if len(s.doors.of) > beaconDoors {
			c = s.forget(k)
		}
		c.door = doorOf{r.Host, r.Port, r.Proto, r.Direction}
	}
	c.add(&r.Row)
}

// forget drops the doors with the fewest records, but for the newest: a source that tries
// everything has one record at each.
func (s *search) forget(newest doorNumber) *doorTrail {
	all := s.doors.of[:len(s.doors.of)-1]
	slices.SortFunc(all, func(a, b pocketed[doorNumber, doorTrail]) int {
		return cmp.Or(cmp.Compare(a.value.records, b.value.records), a.value.door.compare(b.value.door))
	})
	left := &doorCounts{of: slices.Clone(all[len(all)/2:])}
	left.reindex()
	s.doors = left
	c, _ := left.find(newest)
	return c
}

// endPeer hands the doors of one destination on.
func (s *search) endPeer() {
	if s.number < 0 {
		return
	}
	of := destination{peer: s.peer, hosts: s.census.next(), estate: s.census.estate(), listed: len(s.doors.of) > 0 && adverse(s.in, s.peer)}
	if len(s.named.of)+len(s.doors.of) >= s.named.most {
		sortDoors(s.doors) // which are forgotten depends on the order
	}
	joined := false
	for i := range s.doors.of {
		s.hand(&s.doors.of[i].value, &of)
		joined = joined || s.doors.of[i].value.joined
	}
	if joined {
		s.join(&of)
	}
	s.doors.reset()
}

// hand offers the rows of one door to the list they belong on, if they may be on it.
func (s *search) hand(c *doorTrail, of *destination) {
	switch {
	case c.allIntervals():
		if c.door.direction == netcase.Outbound && c.mayHide(&s.in.Config.Cadence) {
			x := c.caller(of)
			x.aggregated = true
			s.intervals.offer(x)
		}
		return
	case c.door.direction == netcase.Inbound:
		if c.mayCycle(&s.in.Config.Cadence) && !welcome(s.in.Site, of.peer) {
			s.inbound.offer(c.caller(of))
		}
		return
	}
	name, aliases := s.namesOf(c.door.host, of.peer)
	var x *caller
	if name != "" || of.listed || c.mayCycle(&s.in.Config.Cadence) {
		x = c.caller(of)
		x.name, x.aliases, x.nameless = name, aliases, name == "" && aliases == nil
	}
	if c.mayCycle(&s.in.Config.Cadence) || of.listed {
		s.outbound.offer(x)
	}
	if c.joined = name == "" && of.peer.Addr.IsValid(); name != "" {
		s.groupNamed(c.door, x)
	}
}

// namesOf is the name by which a host called an address, or all of them where there are several.
func (s *search) namesOf(host, peer netcase.Endpoint) (name string, aliases []string) {
	n, ok := s.names.get(asked{host, peer})
	switch {
	case !ok:
		return "", nil
	case !n.several:
		return n.name, nil
	}
	return "", n.all
}

// caller is the stream of one door.
func (c *doorTrail) caller(of *destination) *caller {
	d := &c.door
	return &caller{host: d.host, peers: []netcase.Endpoint{of.peer}, port: d.port, proto: d.proto, direction: d.direction,
		trailCounts: c.trailCounts, hosts: of.hosts, estate: of.estate, listed: of.listed}
}

// groupNamed joins a stream to those of the same name.
func (s *search) groupNamed(d doorOf, x *caller) {
	k := namedDoor{d, strings.ToLower(x.name)}
	g, ok := s.named.get(k)
	if !ok {
		g = &caller{host: d.host, port: d.port, proto: d.proto, direction: d.direction, name: x.name}
	}
	g.take(&x.trailCounts, &destination{x.peers[0], x.hosts, x.estate, x.listed}, nil)
	s.named.set(k, g)
}

// join joins the streams of the destination at hand to those of the same network.
func (s *search) join(of *destination) {
	width := 24
	if of.peer.Addr.Is6() {
		width = 48
	}
	network, err := of.peer.Addr.Prefix(width)
	if err != nil {
		return
	}
	if network != s.network {
		s.endNetwork()
		s.network = network
	}
	if s.members++; s.members == 1 {
		s.first, s.doors, s.firstOf = s.doors, s.first, *of
		return
	}
	if s.members == 2 {
		s.joinDoors(s.first, &s.firstOf)
	}
	s.joinDoors(s.doors, of)
}

func (s *search) joinDoors(doors *doorCounts, of *destination) {
	if len(s.near.of)+len(doors.of) > beaconDoors {
		sortDoors(doors) // which find room depends on the order
	}
	for i := range doors.of {
		c := &doors.of[i].value
		if !c.joined {
			continue
		}
		g, made := s.near.find(doors.of[i].key)
		if made {
			if len(s.near.of) > beaconDoors {
				s.near.drop()
				continue
			}
			*g = &caller{host: c.door.host, port: c.door.port, proto: c.door.proto, direction: c.door.direction, network: true}
		}
		_, aliases := s.namesOf(c.door.host, of.peer) // one name joins by it, and not by the network
		(*g).take(&c.trailCounts, of, aliases)
	}
}

// sortDoors puts doors in their order.
func sortDoors(doors *doorCounts) {
	doors.sort(func(a, b *doorTrail) int { return a.door.compare(b.door) })
}

// take joins the counts of a stream; of very many addresses the first are followed.
func (s *caller) take(c *trailCounts, of *destination, aliases []string) {
	if len(s.peers) == beaconMembers {
		return
	}
	s.nameless = s.nameless || aliases == nil
	for _, n := range aliases {
		if !slices.Contains(s.aliases, n) {
			s.aliases = append(slices.Clip(s.aliases), n)
		}
	}
	s.peers = append(s.peers, of.peer)
	s.trailCounts.join(c)
	s.hosts, s.estate, s.listed = max(s.hosts, of.hosts), of.estate, s.listed || of.listed
}

func (s *search) endNetwork() {
	for i := range s.near.of {
		if g := s.near.of[i].value; len(g.peers) > 1 && g.mayCycle(&s.in.Config.Cadence) {
			s.outbound.offer(g)
		}
	}
	s.near.reset()
	s.first.reset()
	s.members = 0
}

func (s *search) endNames() {
	for _, k := range slices.SortedFunc(maps.Keys(s.named.of), s.named.compare) {
		if g := s.named.of[k]; len(g.peers) > 1 && g.mayCycle(&s.in.Config.Cadence) {
			s.outbound.offer(g)
		}
	}
}

// asked is one of our hosts and an address whose name it asked for.
type asked struct{ host, peer netcase.Endpoint }

// nameOf is the name that a host asked for before it called an address.
type nameOf struct {
	name    string
	several bool     // it asked for several that lead there
	all     []string // they; none where there are too many to keep
	times   int64
	last    netcase.Time
}

// askedNames is the names by which our hosts called addresses, from handshakes, web
// requests and resolutions; beyond the bound those asked for most.
func askedNames(in *Input) *remembered[asked, nameOf] {
	out := &remembered[asked, nameOf]{
		most:    beaconNamed,
		weigh:   func(_ asked, n nameOf) (int64, netcase.Time) { return n.times, n.last },
		compare: func(a, b asked) int { return cmp.Or(a.host.Compare(b.host), a.peer.Compare(b.peer)) },
	}
	note := func(host, peer netcase.Endpoint, q *netcase.Query) {
		k := asked{host.Key(), peer.Key()}
		n, ok := out.get(k)
		if !ok {
			n.name = q.Name
		}
		n.note(q.Name)
		n.times, n.last = n.times+1, q.Time
		out.set(k, n)
	}
	for q := range in.Queries() {
		if q.Name == "" || !q.Host.Known() {
			continue
		}
		if q.Type == "tls" || q.Type == "http" {
			note(q.Host, q.Peer, &q)
			continue
		}
		for _, text := range q.Answer {
			if a, err := netip.ParseAddr(text); err == nil {
				note(q.Host, netcase.At(a), &q)
			}
		}
	}
	return out
}

// mostAliases is how many names of one address are kept: a service has a few, an edge of a
// content network thousands.
const mostAliases = 16

// note adds a name. Once there are several, all of them are kept while they are few.
func (n *nameOf) note(name string) {
	if !n.several {
		if strings.EqualFold(n.name, name) {
			return
		}
		n.several, n.all = true, []string{n.name}
	}
	known := slices.ContainsFunc(n.all, func(o string) bool { return strings.EqualFold(o, name) })
	switch {
	case n.all == nil || known:
	case len(n.all) == mostAliases:
		n.all = nil
	default:
		n.all = append(slices.Clip(n.all), name)
	}
}

// mostProcesses is how many programs are named as those that open one stream.
const mostProcesses = 4

// nameProcesses notes which programs opened the connections of a stream.
func nameProcesses(in *Input, streams []*caller) {
	type far struct {
		peer netcase.Endpoint
		port uint16
	}
	by := map[far][]*caller{}
	for _, s := range streams {
		for _, p := range s.peers {
			by[far{p, s.port}] = append(by[far{p, s.port}], s)
		}
	}
	if len(by) == 0 {
		return
	}
	for p := range in.Processes() {
		if p.Role != netcase.RoleConnector || p.Image == "" {
			continue
		}
		for _, s := range by[far{p.Peer.Key(), p.RemotePort}] {
			same := p.Host.Key() == s.host || p.Host.Addr.IsValid() && p.Host.Addr == s.host.Addr || p.Host.Name != "" && strings.EqualFold(p.Host.Name, in.Names[s.host.Addr]) ||
				p.Host.Name != "" && strings.EqualFold(p.Host.Name, s.host.Name)
			if same && len(s.process) < mostProcesses && !slices.Contains(s.process, p.Image) {
				s.process = append(s.process, p.Image)
				slices.Sort(s.process)
			}
		}
	}
}

// tested is a stream with what the tests say of it.
type tested struct {
	*caller
	cadence
	times   []netcase.Time
	sizes   []float64 // octets sent, where the record says
	back    float64   // octets received over octets sent
	same    float64
	cut     int64
	sized   bool
	rita    *netcase.RITAScore
	verdict netcase.Cadence
	why     string
	cause   string
	rarity  netcase.Rarity
	common  bool // so many of our hosts call it that it is a service of all
	rank    float64

	continued int  // records that continue a connection
	held      bool // most of them do

	likewise int // other hosts with the same routine
}

func findBeacons(in *Input) []netcase.Finding {
	streams := in.Memo.([]*caller)
	all := make([]*tested, len(streams))
	spread := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(len(streams), 1)) {
		wg.Go(func() {
			for i := range spread {
				all[i] = testTrail(in, streams[i])
			}
		})
	}
	for i := range streams {
		spread <- i
	}
	close(spread)
	wg.Wait()
	var out []netcase.Finding
	for _, t := range chosen(&in.Config.Cadence, all) {
		out = append(out, t.finding(in))
	}
	return out
}

// testTrail runs every test on one stream.
func testTrail(in *Input, s *caller) *tested {
	t := &tested{caller: s, rarity: rarityOf(in, s.hosts, s.estate)}
	t.common = t.rarity.Estate >= in.Config.Rare.Estate && float64(t.rarity.Hosts) >= in.Config.Rare.Common*float64(t.rarity.Estate)
	t.cause = s.cause(in)
	if s.aggregated {
		t.verdict, t.why = netcase.CadenceUnmeasured, beaconAggregated+" of "+count(s.kinds.minutes, "minute")
		return t
	}
	starts := t.gather(in)
	if len(starts) == 0 {
		t.verdict, t.why = netcase.CadenceUnmeasured, beaconMissing
		return t
	}
	starts = t.withoutContinuations(starts)
	t.cadence = cadenceOf(&in.Config.Cadence, t.times, in.Config.Seed^hashOf(s.tag()), true)
	t.shape(starts)
	if score, ok := ritaScore(t.times, t.sizes, in.Span); ok {
		t.rita = &score
	}
	t.decide(in, starts)
	t.weigh()
	return t
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64()
}

// cause is the known service that a stream calls; where several names lead to its
// addresses, the one that all of them belong to.
func (s *caller) cause(in *Input) string {
	one := causeOf(in, called{s.peers[0], s.name, s.port, s.proto}, routines())
	if one != "" || s.name != "" || s.nameless || len(s.aliases) == 0 {
		return one
	}
	for i, name := range s.aliases {
		c := causeOf(in, called{s.peers[0], name, s.port, s.proto}, routines())
		if c == "" || i > 0 && c != one {
			return ""
		}
		one = c
	}
	return one
}

// continuations counts the records that continue a connection that an earlier one shows:
// a sensor that forgets a connection after some silence writes a new record when it speaks
// again. The same port of ours tells; a record without a beginning alone does not, since a
// capture may have lost it.
func continuations(starts []cube.Start) (which []bool, n int) {
	which = make([]bool, len(starts))
	seen := map[uint16]bool{}
	for i := range starts {
		port := starts[i].SrcPort
		which[i] = starts[i].Continued && port != 0 && seen[port]
		n += b2i(which[i])
		seen[port] = true
	}
	return which, n
}

// withoutContinuations leaves out the records that continue a connection, unless hardly
// any start remains: then the stream is one of held connections, and all of its records
// say how often something passes.
func (t *tested) withoutContinuations(starts []cube.Start) []cube.Start {
	which, n := continuations(starts)
	if t.continued = n; n == 0 {
		return starts
	}
	var begun []cube.Start
	for i := range starts {
		if !which[i] {
			begun = append(begun, starts[i])
		}
	}
	if t.held = len(begun) < t.continued; t.held {
		return starts
	}
	t.times = t.times[:0]
	for i := range begun {
		t.times = append(t.times, begun[i].At)
	}
	return begun
}

// gather is the starts of a stream by time, each address by the sensor that saw most.
func (t *tested) gather(in *Input) []cube.Start {
	var out []cube.Start
	for _, p := range t.peers {
		pair := cube.Pair{Peer: p, Host: t.host, Port: t.port, Proto: t.proto, Direction: t.direction}
		out = append(out, slices.DeleteFunc(oneSensor(in.Details.Starts[pair]), func(s cube.Start) bool { return !in.Span.Contains(s.At) })...)
		t.cut += in.Details.Cut[pair]
	}
	slices.SortStableFunc(out, func(a, b cube.Start) int { return cmp.Compare(a.At, b.At) })
	for i := range out {
		t.times = append(t.times, out[i].At)
	}
	return out
}

// shape looks at the sizes of what was sent and received.
func (t *tested) shape(starts []cube.Start) {
	type pair struct{ out, in int64 }
	pairs := map[pair]int{}
	sent, received, most := 0.0, 0.0, 0
	for i := range starts {
		if starts[i].OctetsOut == netcase.Absent {
			continue
		}
		t.sizes = append(t.sizes, float64(starts[i].OctetsOut))
		p := pair{starts[i].OctetsOut, starts[i].OctetsIn}
		pairs[p]++
		most = max(most, pairs[p])
		sent += float64(p.out)
		if p.in != netcase.Absent {
			received += float64(p.in)
		}
	}
	if t.sized = float64(len(t.sizes)) >= t.rules.Sizes*float64(len(starts)) && sent > 0; !t.sized {
		return
	}
	t.same, t.back = float64(most)/float64(len(t.sizes)), received/sent
}

// sizeCV is the standard deviation of what was sent over its mean; -1 where no record says.
func (t *tested) sizeCV() float64 {
	if !t.sized {
		return -1
	}
	mean := sum(t.sizes) / float64(len(t.sizes))
	squares := 0.0
	for _, x := range t.sizes {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares/float64(len(t.sizes))) / mean
}

// decide is the stated rule: first whether the records can carry a cadence at all, then
// whether there is enough of it, then the tests, then who began and what is known.
func (t *tested) decide(in *Input, starts []cube.Start) {
	if why := in.Config.notTimes(starts); why != "" {
		t.verdict, t.why = netcase.CadenceUnmeasured, why
		return
	}
	if why := t.tooLittle(); why != "" {
		t.verdict, t.why = netcase.CadenceIneligible, why
		return
	}
	intervals := fmt.Sprintf("the intervals vary by %.2f of their median, the limit for %s is %.2f", t.cv, count(t.cadence.starts-1, "interval"), t.limit)
	spectrum := "the spectrum names no period at which starts recur"
	if t.spectral > 0 {
		spectrum = fmt.Sprintf("starts recur after %s, but the spectrum has p = %s", seconds(netcase.Time(t.spectral)), small(t.p))
	}
	if t.beats {
		spectrum = fmt.Sprintf("the spectrum has a peak at %s with p = %s, on a hill of the autocorrelation", seconds(netcase.Time(t.spectral)), small(t.p))
	}
	t.why = intervals + "; " + spectrum
	if why := t.ofTheLogging(in, starts); why != "" {
		t.verdict, t.why = netcase.CadenceUnmeasured, why+" ("+t.why+")"
		return
	}
	switch {
	case !t.found():
		t.verdict = netcase.CadenceNone
	case t.held && t.direction == netcase.Outbound:
		t.verdict = netcase.CadenceHeld
		t.why = fmt.Sprintf("%s of %s continue a connection from the same port that was open before: they are no starts; %s", thousands(int64(t.continued)), count(len(starts), "record"), t.why)
	case t.direction == netcase.Inbound:
		t.verdict = netcase.CadenceFromOutside
		t.why += "; the other side begins, so that this is probing and no call home"
	case t.cause == "" && t.common:
		t.cause = fmt.Sprintf("a destination that %d of our %d hosts call", t.rarity.Hosts, t.rarity.Estate)
		fallthrough
	case t.cause != "":
		t.verdict = netcase.CadenceBenign
		if t.listed {
			t.verdict = netcase.CadencePeriodic
		}
	default:
		t.verdict = netcase.CadencePeriodic
	}
}

// ofTheLogging says why a period that was found may be that of the logging: the interval of
// the records is not known, and the period is as long as a usual one. Each record may then be
// the first connection of an interval, whose place in it a clock of any shorter period keeps.
func (t *tested) ofTheLogging(in *Input, starts []cube.Start) string {
	unknown, fractions := 0, 0
	for i := range starts {
		unknown += b2i(starts[i].Resolution == netcase.ResolutionUnknown)
		fractions += b2i(starts[i].At%netcase.Second != 0)
	}
	if !t.found() || unknown == 0 || float64(fractions) > in.Config.Artefact.Fractions*float64(len(starts)) {
		return ""
	}
	period := float64(t.period)
	for _, w := range artefactGrids {
		if width := float64(w * 1000); math.Abs(period-width) <= in.Config.Cadence.Interval*width {
			return "a record every " + intervalText(w) + ", which is a usual interval of logging, and the interval of these records is not known"
		}
	}
	return ""
}

// tooLittle says why a stream cannot be judged; empty: it can.
func (t *tested) tooLittle() string {
	r := t.rules
	switch length := t.cadence.span.End - t.cadence.span.Start; {
	case t.cadence.starts < r.Starts:
		return fmt.Sprintf("%s, %d are needed", count(t.cadence.starts, "start"), r.Starts)
	case length < r.Active:
		return fmt.Sprintf("%s from first to last, %s are needed", seconds(length), spanText(r.Active))
	case t.active < r.Active:
		return fmt.Sprintf("%s without pauses, %s are needed", seconds(t.active), spanText(r.Active))
	case t.cycles() < float64(r.Cycles):
		return fmt.Sprintf("%.1f cycles, %d are needed", t.cycles(), r.Cycles)
	}
	return ""
}

// notTimes says why the starts are no times of connections; empty: they are. Records of
// an unknown interval pass by sub-second stamps, else by the test of the grid.
func (c *Config) notTimes(starts []cube.Start) string {
	flows, aggregated, unknown, fractions := int64(0), 0, 0, 0
	for i := range starts {
		flows += starts[i].Flows
		aggregated += b2i(starts[i].Resolution.Aggregated())
		unknown += b2i(starts[i].Resolution == netcase.ResolutionUnknown)
		fractions += b2i(starts[i].At%netcase.Second != 0)
	}
	n := float64(len(starts))
	switch {
	case aggregated > 0:
		return beaconAggregated
	case float64(flows) > c.Artefact.Counters*n:
		return fmt.Sprintf("a record stands for %.2f connections on average", float64(flows)/n)
	case unknown == 0, float64(fractions) > c.Artefact.Fractions*n:
		return ""
	}
	return c.onAGrid(starts)
}

// onAGrid tells whether records of an unknown interval lie in the cells of a logging
// interval: one in a cell where free arrivals would collide, though some follow each
// other sooner than the interval, or all on its edges.
func (c *Config) onAGrid(starts []cube.Start) string {
	for i := len(artefactGrids) - 1; i >= 0; i-- {
		w := artefactGrids[i]
		g := gridCount{seconds: w, byPeer: map[netcase.Endpoint]int{}}
		g.addPeer([]stamped{{at: starts}}, netcase.Time(w)*netcase.Second)
		if !c.Artefact.capped(&g) {
			continue
		}
		soon, edges := 0, 0
		for k := range starts {
			edges += b2i(c.Artefact.near(starts[k].At, netcase.Time(w)*netcase.Second))
			soon += b2i(k > 0 && starts[k].At-starts[k-1].At < netcase.Time(w)*netcase.Second)
		}
		switch {
		case float64(edges) >= c.Artefact.OnGrid*float64(len(starts)):
			return "every stamp lies on a grid of " + intervalText(w) + ": they may be those of the logging"
		case float64(soon) >= c.Cadence.Sooner*float64(len(starts)-1):
			return fmt.Sprintf("one record in every %s that has any, at no fixed place in it (free arrivals: p = %s): the interval may be that of the logging", intervalText(w), small(math.Exp(g.log)))
		}
	}
	return ""
}

// weigh is the rank of a stream among the others, and nothing else.
func (t *tested) weigh() {
	size := 0.0
	if cv := t.sizeCV(); cv >= 0 {
		size = max(1-cv, 0)
	}
	rarity := 1.0
	if !t.rarity.Rare && t.rarity.Estate > 0 {
		rarity = max(1-float64(t.rarity.Hosts)/float64(t.rarity.Estate), 0)
	}
	w := &t.rules.Rank
	t.rank = w.Interval*max(1-t.cv, 0) + w.Spectrum*(1-min(t.p, 1)) + w.Size*size +
		w.Duration*min(float64(t.active)/float64(w.Readable), 1) + w.Rarity*rarity
}

// beaconOrder is the order of the verdicts in the report.
var beaconOrder = []netcase.Cadence{
	netcase.CadencePeriodic, netcase.CadenceHeld, netcase.CadenceUnmeasured, netcase.CadenceFromOutside, netcase.CadenceBenign, netcase.CadenceNone, netcase.CadenceIneligible,
}

// chosen is the streams that are told: each address once, those without a cadence only
// where others list the address, and few of those that could not be measured.
func chosen(rules *CadenceConfig, all []*tested) []*tested {
	slices.SortStableFunc(all, func(a, b *tested) int {
		return cmp.Or(cmp.Compare(slices.Index(beaconOrder, a.verdict), slices.Index(beaconOrder, b.verdict)),
			cmp.Compare(b2i(a.network), b2i(b.network)), cmp.Compare(b2i(len(b.peers) > 1), b2i(len(a.peers) > 1)),
			cmp.Compare(b2i(b.listed), b2i(a.listed)), cmp.Compare(b.rank, a.rank), a.caller.order(b.caller))
	})
	taken := map[cube.Pair]bool{}
	knocked := map[netcase.Endpoint]bool{}
	routine := map[doorKey]*tested{} // by destination
	told := map[netcase.Cadence]int{}
	var out []*tested
	for _, t := range all {
		most := beaconFew
		switch t.verdict {
		case netcase.CadencePeriodic:
			most = beaconFindings
		case netcase.CadenceNone, netcase.CadenceIneligible:
			if !t.listed || len(t.peers) > 1 || t.direction == netcase.Inbound {
				continue
			}
		case netcase.CadenceUnmeasured:
			if t.direction == netcase.Inbound || t.cause != "" && !t.listed || !t.listed && !t.mayHide(rules) && t.unevenness() > rules.Uneven {
				continue
			}
		case netcase.CadenceHeld:
			if t.cause != "" && !t.listed {
				continue
			}
		case netcase.CadenceBenign:
			k := doorKey{t.peers[0], portKey{t.port, t.proto}}
			if first := routine[k]; first != nil {
				first.likewise++
				continue
			}
			routine[k] = t
		case netcase.CadenceFromOutside:
			if knocked[t.peers[0]] {
				continue
			}
			knocked[t.peers[0]] = true
		}
		if told[t.verdict] == most || t.covered(taken) {
			continue
		}
		told[t.verdict]++
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b *tested) int {
		return cmp.Or(cmp.Compare(slices.Index(beaconOrder, a.verdict), slices.Index(beaconOrder, b.verdict)),
			cmp.Compare(b2i(b.listed), b2i(a.listed)), cmp.Compare(b.rank, a.rank), a.caller.order(b.caller))
	})
	return out
}

// covered tells whether others have told of all the pairs, and notes them; what is joined
// by its network alone says nothing new once one of its addresses was told.
func (t *tested) covered(taken map[cube.Pair]bool) bool {
	fresh, known := false, false
	for _, p := range t.peers {
		k := cube.Pair{Peer: p, Host: t.host, Port: t.port, Proto: t.proto, Direction: t.direction}
		fresh, known = fresh || !taken[k], known || taken[k]
		taken[k] = true
	}
	return !fresh || known && t.network
}
