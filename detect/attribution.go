package detect

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// Bounds of what is kept.
const (
	mostCells      = 10
	rankedElements = 64
	cellCounters   = 1024    // a cell with a thousandth of the flows is never missed
	mostElements   = 1 << 17 // distinct values of a dimension that are counted one by one
)

// part is what one element held in the window and in the bins it is compared with.
type part struct{ in, before float64 }

// ranking finds the elements that explain an excess. Elements are offered one by
// one and only the best are kept.
type ranking struct {
	rule               *AttributionConfig
	dimension          string
	observed, expected float64 // of the window
	before             float64 // flows in the bins that the window is compared with
	divergence         float64
	top                []netcase.Contribution
}

// add offers an element; expectations follow its share of the bins before.
func (k *ranking) add(name string, p part, listed bool) {
	e := 0.0
	if k.before > 0 {
		e = k.expected * p.before / k.before
	}
	k.offer(netcase.Contribution{Name: name, Observed: p.in, Expected: max(e, 0), Listed: listed})
}

func (k *ranking) offer(c netcase.Contribution) {
	if c.Expected <= 0 {
		c.Expected = min(k.rule.New, k.expected)
	}
	if excess := k.observed - k.expected; excess > 0 {
		c.Share = (c.Observed - c.Expected) / excess
	}
	if k.expected > 0 && k.observed > 0 {
		c.Surprise = surprise(c.Expected/k.expected, c.Observed/k.observed)
	}
	k.divergence += c.Surprise
	if c.Observed <= c.Expected {
		return
	}
	k.top = append(k.top, c)
	if len(k.top) >= 2*rankedElements {
		k.trim()
	}
}

func (k *ranking) trim() {
	slices.SortFunc(k.top, func(a, b netcase.Contribution) int {
		return cmp.Or(cmp.Compare(b.Observed-b.Expected, a.Observed-a.Expected), strings.Compare(a.Name, b.Name))
	})
	k.top = k.top[:min(len(k.top), rankedElements)]
}

// answer is the smallest set of elements that explains the excess: by falling
// surprise, only those with a part of their own, until the set is full.
func (k *ranking) answer() netcase.Attribution {
	k.trim()
	a := netcase.Attribution{Dimension: k.dimension, Divergence: k.divergence}
	if k.divergence < k.rule.Divergence {
		return a
	}
	order := slices.Clone(k.top)
	slices.SortStableFunc(order, func(a, b netcase.Contribution) int { return cmp.Compare(b.Surprise, a.Surprise) })
	for _, c := range order {
		if c.Share >= k.rule.Element && a.Share < k.rule.Set {
			a.Elements = append(a.Elements, c)
			a.Share += c.Share
		}
	}
	return a
}

func setSurprise(a netcase.Attribution) (s float64) {
	for _, e := range a.Elements {
		s += e.Surprise
	}
	return s
}

// The dimensions, in the order in which equal answers are preferred.
const (
	byAddress = "addresses"
	byNetwork = "networks"
	bySystem  = "autonomous systems"
	byHostDim = "hosts"
	byPortDim = "ports"
	byReach   = "outcomes"
	bySensor  = "sensors"
)

// attribution is what the flows of a window consist of.
type attribution struct {
	rankings []*ranking
	answers  []netcase.Attribution // the best first
	listed   *netcase.Contribution
	each     []netcase.Contribution // of the listed addresses
	fresh    part                   // of the addresses that the bins before do not hold
	freshN   int
	peers    int // addresses in the window
	records  int64
	flows    int64
	reach    netcase.Tally
	span     netcase.Span // first and last flow of the window
	unknown  bool         // every row's interval is unknown
	newborn  float64      // share of the excess that comes from sensors not there before
	cells    []netcase.Contribution
	stack    []string
	stacks   map[int][]int64
	skipped  []string // dimensions with too many values
}

// cell is one way: who, to which machine, on which port.
type cell struct {
	peer, host netcase.Endpoint
	port       uint16
	proto      uint8
}

// named is the cell in words, from the one who began.
func (c cell) named(d netcase.Direction) string {
	from, to := c.peer, c.host
	if d == netcase.Outbound {
		from, to = to, from
	}
	return fmt.Sprintf("%s to %s on %s", from, to, cube.PortName(c.port, c.proto))
}

// breakdown is the state of the pass over the rows of a direction.
type breakdown struct {
	in       *Input
	r        *rise
	g        *grid
	before   []bool
	out      *attribution
	hosts    map[netcase.Endpoint]*part
	ports    map[portKey]*part
	reaches  map[netcase.Reach]*part
	sensors  map[string]*part
	systems  map[uint32]*part // 0: not known
	cells    map[cell]float64
	network  netip.Prefix
	netPart  part
	listed   part
	listedN  int
	base     float64
	observed float64
	expected float64
}

// newBreakdown is the breakdown after the first reading.
func newBreakdown(in *Input, s *seriesSet, r *rise) *breakdown {
	b := &breakdown{
		in: in, r: r, g: s.g, out: &attribution{unknown: true}, cells: map[cell]float64{},
		hosts: map[netcase.Endpoint]*part{}, ports: map[portKey]*part{}, reaches: map[netcase.Reach]*part{}, sensors: map[string]*part{},
		systems: map[uint32]*part{},
	}
	b.compareWith()
	networks := b.newRanking(byNetwork)
	addresses := b.newRanking(byAddress)
	b.out.rankings = []*ranking{addresses, networks}
	if r.line.distinct {
		b.readItems(addresses, networks)
	} else {
		b.readPeers(addresses, networks)
	}
	b.out.rankings = append(b.out.rankings,
		rest(b, byHostDim, b.hosts, netcase.Endpoint.String),
		rest(b, byPortDim, b.ports, func(k portKey) string { return cube.PortName(k.port, k.proto) }),
		rest(b, byReach, b.reaches, netcase.Reach.String),
		rest(b, bySensor, b.sensors, func(s string) string { return s }),
	)
	if len(b.systems) > 1 || len(b.systems) == 1 && b.systems[0] == nil {
		b.out.rankings = append(b.out.rankings, rest(b, bySystem, b.systems, systemName))
	}
	b.finish()
	b.hosts, b.ports, b.reaches, b.sensors, b.systems = nil, nil, nil, nil, nil // ranked: what is left of them stays
	return b
}

// compareWith chooses the bins that the window is compared with: those that its
// expectation was made from.
func (b *breakdown) compareWith() {
	r, g := b.r, b.g
	b.before = make([]bool, g.bins())
	b.observed, b.expected = r.window.observed, r.window.expected
	if b.expected <= 0 {
		b.observed = sum(r.line.x[r.from:r.to])
		return
	}
	for i := r.from; i < r.to; i++ {
		b.comparable(i)
	}
	for i, is := range b.before {
		if is {
			b.base += r.line.x[i]
		}
	}
}

func (b *breakdown) comparable(i int) {
	base, g := b.r.base, b.g
	step := 0
	switch base.at(i).tier {
	case tierDaily:
		step = int(max(24/g.hours, 1))
	case tierWeek:
		step = int(max(weekHours/g.hours, 1))
	}
	reach := b2i(g.hours == 1)
	for j := range b.r.from {
		near := step == 0
		if step > 0 {
			d := (i - j) % step
			near = d <= reach || step-d <= reach
		}
		if near && base.clean[j] {
			b.before[j] = true
		}
	}
}

func (b *breakdown) newRanking(dimension string) *ranking {
	return &ranking{rule: &b.in.Config.Attribution, dimension: dimension, observed: b.observed, expected: b.expected, before: b.base}
}

// rowsIndex is the question about rows that holds a direction.
func rowsIndex(d netcase.Direction) int { return slices.Index(spikeDirections[:], d) }

// eachRow visits the rows of the series that lie in the bins, with the index of
// their bin.
func (b *breakdown) eachRow(visit func(row *row, bin int)) { b.eachRowOf(nil, visit) }

// eachRowOf is eachRow for some peers; nil: all.
func (b *breakdown) eachRowOf(peers []netcase.Endpoint, visit func(row *row, bin int)) {
	k := rowsIndex(b.r.line.direction)
	if k < 0 {
		return
	}
	q := b.in.questions.Rows[k]
	q.Peers = peers
	for row := range b.in.answerTo(q) {
		if i, ok := b.g.bin(netcase.Time(row.Hour) * netcase.Hour); ok && b.r.line.holds(&row.Row) {
			visit(row, i)
		}
	}
}

// holds tells whether a row belongs to the series. Names are written only where
// the cheap comparison leaves it open.
func (l *line) holds(row *cube.Row) bool {
	if l.distinct {
		return true
	}
	switch l.by {
	case cube.ByDirection:
		return true
	case cube.ByPort:
		if l.port != row.Port {
			return false
		}
	case cube.ByHost:
		return row.Host == l.host || !row.Host.Addr.IsValid() && cube.SeriesOf(&row.Key, l.by) == l.value
	}
	return cube.SeriesOf(&row.Key, l.by) == l.value
}

func (b *breakdown) inWindow(bin int) bool { return bin >= b.r.from && bin < b.r.to }

func (b *breakdown) readPeers(addresses, networks *ranking) {
	var peer netcase.Endpoint
	var p part
	number := int32(-1)
	hosts := perHost{}
	end := func() {
		if p != (part{}) {
			b.endPeer(addresses, networks, peer, p)
		}
		p = part{}
	}
	b.eachRow(func(row *row, bin int) {
		inside, before := b.inWindow(bin), b.before[bin]
		if !inside && !before {
			return
		}
		if row.PeerNumber != number {
			end()
			peer, number = row.Peer, row.PeerNumber
		}
		n := float64(row.Flows)
		if inside {
			p.in += n
			b.note(&row.Row)
		} else {
			p.before += n
		}
		hosts.of(b.hosts, row).tell(inside, n)
		tell(b.ports, portKey{row.Port, row.Proto}, inside, n)
		tell(b.reaches, row.Reach, inside, n)
		tell(b.sensors, row.Sensor, inside, n)
	})
	end()
	b.endNetwork(networks)
}

// note counts a row of the window.
func (b *breakdown) note(row *cube.Row) {
	o := b.out
	o.records += row.Records
	o.flows += row.Flows
	o.reach[row.Reach] += row.Flows
	o.span = o.span.Extend(row.First).Extend(row.Last)
	o.unknown = o.unknown && row.Resolution == netcase.ResolutionUnknown
	b.heavy(cell{row.Peer, row.Host, row.Port, row.Proto}, float64(row.Flows))
}

// heavy keeps the cells that may be large, within a fixed memory.
//
// Source: Misra and Gries 1982, with weights.
func (b *breakdown) heavy(c cell, n float64) {
	if _, ok := b.cells[c]; ok || len(b.cells) < cellCounters {
		b.cells[c] += n
		return
	}
	least := n
	for _, v := range b.cells {
		least = min(least, v)
	}
	for k, v := range b.cells {
		if v -= least; v <= 0 {
			delete(b.cells, k)
		} else {
			b.cells[k] = v
		}
	}
	if n > least {
		b.cells[c] = n - least
	}
}

// tell counts flows for one value of a dimension, while there is room.
func tell[K comparable](d map[K]*part, value K, inside bool, n float64) {
	placeOf(d, value).tell(inside, n)
}

// placeOf is the part of a value; nil: there is no room for it.
func placeOf[K comparable](d map[K]*part, value K) *part {
	p := d[value]
	if p == nil && len(d) < mostElements {
		p = &part{}
		d[value] = p
	}
	return p
}

// perHost is the parts of hosts by their numbers in the reading.
type perHost []*part

// of is the part of the row's host.
func (h *perHost) of(d map[netcase.Endpoint]*part, r *row) *part {
	for int(r.HostNumber) >= len(*h) {
		*h = append(*h, nil)
	}
	if (*h)[r.HostNumber] == nil {
		(*h)[r.HostNumber] = placeOf(d, r.Host)
	}
	return (*h)[r.HostNumber]
}

// tell counts flows; nobody's are not counted.
func (p *part) tell(inside bool, n float64) {
	if p == nil {
		return
	}
	if inside {
		p.in += n
	} else {
		p.before += n
	}
}

func (b *breakdown) endPeer(addresses, networks *ranking, peer netcase.Endpoint, p part) {
	listed := adverse(b.in, peer)
	addresses.add(peer.String(), p, listed)
	if p.in > 0 {
		b.out.peers++
		if p.before <= 0 {
			b.out.freshN++
			b.out.fresh.in += p.in
		}
	}
	if listed {
		b.listed.in += p.in
		b.listed.before += p.before
		b.listedN += b2i(p.in > 0)
		b.offerListed(peer, p)
	}
	if n := networkOf(peer.Addr); n != b.network {
		b.endNetwork(networks)
		b.network = n
	}
	b.netPart.in += p.in
	b.netPart.before += p.before
}

// offerListed keeps what a listed address contributes, the busiest of them.
func (b *breakdown) offerListed(peer netcase.Endpoint, p part) {
	k := b.newRanking("")
	e := 0.0
	if k.before > 0 {
		e = k.expected * p.before / k.before
	}
	c := netcase.Contribution{Name: peer.String(), Observed: p.in, Expected: max(e, 0), Listed: true}
	if excess := k.observed - k.expected; excess > 0 {
		c.Share = (c.Observed - c.Expected) / excess
	}
	b.out.each = append(b.out.each, c)
	if len(b.out.each) >= 2*netcase.MaxSources {
		b.out.trimListed()
	}
}

func (a *attribution) trimListed() {
	slices.SortFunc(a.each, func(x, y netcase.Contribution) int {
		return cmp.Or(cmp.Compare(y.Observed, x.Observed), strings.Compare(x.Name, y.Name))
	})
	a.each = a.each[:min(len(a.each), netcase.MaxSources)]
}

func (b *breakdown) endNetwork(networks *ranking) {
	if b.netPart != (part{}) && b.network.IsValid() {
		networks.add(b.network.String(), b.netPart, false)
		if b.in.Intel != nil {
			s := autonomousSystem(b.in, b.network.Addr())
			tell(b.systems, s, true, b.netPart.in)
			tell(b.systems, s, false, b.netPart.before)
		}
	}
	b.netPart = part{}
}

// networkOf is the /24 of an IPv4 address, and the /48 of an IPv6 address.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// adverse tells whether some indicator says something bad of an endpoint.
func adverse(in *Input, e netcase.Endpoint) bool {
	if !e.Addr.IsValid() {
		return false
	}
	return slices.ContainsFunc(in.Intel.Match(e.Addr), func(i netcase.Indicator) bool { return i.Claim.Adverse() })
}

// rest ranks the values of a dimension, in the order of their names; a dimension
// with too many values has no answer.
func rest[K comparable](b *breakdown, dimension string, d map[K]*part, name func(K) string) *ranking {
	k := b.newRanking(dimension)
	if len(d) >= mostElements {
		b.out.skipped = append(b.out.skipped, dimension)
		return k
	}
	parts := make(map[string]part, len(d))
	for v, p := range d {
		n := name(v)
		parts[n] = part{parts[n].in + p.in, parts[n].before + p.before}
	}
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		k.add(n, parts[n], false)
	}
	return k
}

func (b *breakdown) finish() {
	o := b.out
	for _, k := range o.rankings {
		o.answers = append(o.answers, k.answer())
	}
	slices.SortStableFunc(o.answers, func(x, y netcase.Attribution) int {
		return cmp.Compare(math.Round(setSurprise(y)*1e9), math.Round(setSurprise(x)*1e9))
	})
	if b.in.Intel != nil {
		k := b.newRanking("")
		k.add(count(b.listedN, "listed address"), b.listed, true)
		c := netcase.Contribution{Name: count(b.listedN, "listed address"), Observed: b.listed.in, Listed: true}
		if len(k.top) > 0 {
			c = k.top[0]
		}
		if b.listedN == 0 {
			c.Expected, c.Share, c.Surprise = 0, 0, 0
		}
		o.listed = &c
	}
	o.trimListed()
	o.newborn = b.newborn()
	b.chooseStack()
}

// newborn is the part of the excess that comes from sensors that the bins before
// do not hold, if other sensors were there.
func (b *breakdown) newborn() float64 {
	fresh, old := 0.0, 0.0
	for _, p := range b.sensors {
		if p.before > 0 {
			old += p.before
		} else {
			fresh += p.in
		}
	}
	if old <= 0 || b.observed <= b.expected {
		return 0
	}
	return fresh / (b.observed - b.expected)
}

// stackDimension is what the figure stacks: addresses where they explain the
// excess, since they can be acted on; else the best dimension.
func (a *attribution) stackDimension(full float64) (string, []netcase.Contribution) {
	for _, x := range a.answers {
		if x.Dimension == byAddress && x.Share >= full {
			return byAddress, x.Elements
		}
	}
	for _, x := range a.answers {
		if x.Dimension != bySystem && len(x.Elements) > 0 {
			return x.Dimension, x.Elements
		}
	}
	return byAddress, a.rankings[0].top
}

func (b *breakdown) chooseStack() {
	if b.r.line.distinct {
		return
	}
	_, chosen := b.out.stackDimension(b.in.Config.Attribution.Set)
	for _, c := range chosen[:min(len(chosen), spikeStack)] {
		b.out.stack = append(b.out.stack, c.Name)
	}
}

// peersToCite is the addresses whose records are worth keeping; none: all.
func (a *attribution) peersToCite() []netcase.Endpoint {
	for _, x := range a.answers {
		if x.Dimension == byAddress && len(x.Elements) > 0 {
			var out []netcase.Endpoint
			for _, e := range x.Elements {
				out = append(out, endpointNamed(e.Name))
			}
			return out
		}
	}
	return nil
}

// secondReading counts the large cells exactly, and the contributors bin by bin.
func (b *breakdown) secondReading() {
	if b.r.line.distinct {
		return // sources are counted there, not flows
	}
	exact, peers := make(map[cell]*part, len(b.cells)), make(map[netcase.Endpoint]bool, len(b.cells))
	for c := range b.cells {
		exact[c], peers[c.peer] = &part{}, true
	}
	dimension, _ := b.out.stackDimension(b.in.Config.Attribution.Set)
	stack := newStacked(dimension, b.out.stack)
	b.out.stacks = map[int][]int64{}
	var only []netcase.Endpoint
	if dimension == byAddress || len(b.out.stack) == 0 { // nobody else is in a cell or in the stack
		for _, name := range b.out.stack {
			peers[endpointNamed(name)] = peers[endpointNamed(name)]
		}
		if only = slices.SortedFunc(maps.Keys(peers), netcase.Endpoint.Compare); len(only) == 0 {
			b.chooseCells(exact)
			return
		}
	}
	peer, cells := int32(-1), false // whether any cell is of the peer at hand
	b.eachRowOf(only, func(row *row, bin int) {
		if row.PeerNumber != peer {
			peer, cells = row.PeerNumber, peers[row.Peer]
		}
		if k := stack.place(row); k >= 0 {
			if b.out.stacks[bin] == nil {
				b.out.stacks[bin] = make([]int64, len(b.out.stack))
			}
			b.out.stacks[bin][k] += row.Flows
		}
		if !cells {
			return
		}
		p := exact[cell{row.Peer, row.Host, row.Port, row.Proto}]
		switch {
		case p == nil:
		case b.inWindow(bin):
			p.in += float64(row.Flows)
		case b.before[bin]:
			p.before += float64(row.Flows)
		}
	})
	b.chooseCells(exact)
}

// stacked finds the place of a row's element in the stack. The name of an element is made
// once for every peer, host or port.
type stacked struct {
	dimension string
	at        map[string]int
	peer      int32
	ofPeer    int
	hosts     []int // by the number of the host: the place and two; 0: not looked at yet
	ports     map[portNumber]int
}

func newStacked(dimension string, names []string) *stacked {
	s := &stacked{dimension: dimension, at: make(map[string]int, len(names)), peer: -1, ports: map[portNumber]int{}}
	for i, n := range names {
		s.at[n] = i
	}
	return s
}

// place is -1 for an element that is not in the stack.
func (s *stacked) place(r *row) int {
	switch s.dimension {
	case byAddress, byNetwork:
		if r.PeerNumber != s.peer {
			s.peer, s.ofPeer = r.PeerNumber, s.named(r)
		}
		return s.ofPeer
	case byHostDim:
		for int(r.HostNumber) >= len(s.hosts) {
			s.hosts = append(s.hosts, 0)
		}
		if s.hosts[r.HostNumber] == 0 {
			s.hosts[r.HostNumber] = s.named(r) + 2
		}
		return s.hosts[r.HostNumber] - 2
	case byPortDim:
		k, ok := s.ports[r.service()]
		if !ok {
			k = s.named(r)
			s.ports[r.service()] = k
		}
		return k
	}
	return s.named(r)
}

func (s *stacked) named(r *row) int {
	if k, ok := s.at[elementOf(&r.Row, s.dimension)]; ok {
		return k
	}
	return -1
}

func elementOf(row *cube.Row, dimension string) string {
	switch dimension {
	case byAddress:
		return row.Peer.String()
	case byNetwork:
		return networkOf(row.Peer.Addr).String()
	case bySystem:
		return "" // its bins are not stacked: that would ask the lists for every row
	case byHostDim:
		return row.Host.String()
	case byPortDim:
		return cube.PortName(row.Port, row.Proto)
	case byReach:
		return row.Reach.String()
	}
	return row.Sensor
}

// chooseCells keeps the fewest cells that explain most of the excess, at most ten.
func (b *breakdown) chooseCells(exact map[cell]*part) {
	rule := &b.in.Config.Attribution
	k := b.newRanking("cells")
	for c, p := range exact {
		k.add(c.named(b.r.line.direction), *p, adverse(b.in, c.peer))
	}
	k.trim()
	share := 0.0
	for _, c := range k.top[:min(len(k.top), mostCells)] {
		if share >= rule.Set || b.expected > 0 && c.Share < rule.Cell {
			break
		}
		b.out.cells = append(b.out.cells, c)
		share += c.Share
	}
}
