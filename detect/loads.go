package detect

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"netcase"
	"netcase/cube"
)

// The loads of services are read in two passes over rows that come by peer. The first adds
// flows to machines that bore enough in some hour up by a hash of service and hour, which is
// never less than what the service bore in that hour; services that reach the floor so are
// candidates. The second counts the hours of candidates exactly, as many at a time as fit,
// until those that are left cannot be among the fullest.

// loadsByHost is the time line of what machines bear, beside the others that are asked for.
const loadsByHost = lineAlive + 1

const (
	leastSketch      = 1 << 16 // sums by hash, at least
	mostSketch       = 1 << 22 // … at most: 32 MiB
	flowsASum        = 16      // as many sums as there are records for a sixteenth of the floor each
	mostCandidate    = 1 << 16 // services that are followed; those with the smallest sums are left out
	mostLoadHours    = 1 << 16 // hours of all candidates that are counted at once
	mostLoadReadings = 8       // of the rows, to count candidates
)

// peakOf is a service and the flows of its fullest hour, or a bound on them.
type peakOf struct {
	service service
	flows   int64
}

func (a peakOf) order(b peakOf) int {
	return cmp.Or(cmp.Compare(b.flows, a.flows), a.service.compare(b.service))
}

// sketch is sums of flows by a hash of door and hour.
type sketch struct {
	sums  []int64
	shift uint
}

// newSketch is one for so many records and a floor.
func newSketch(records, floor int64) *sketch {
	n := leastSketch
	for n < mostSketch && int64(n) < records/max(floor/flowsASum, 1) {
		n *= 2
	}
	return &sketch{sums: make([]int64, n), shift: uint(64 - bits.TrailingZeros(uint(n)))}
}

// at is where the flows of a door in an hour are added up.
func (s *sketch) at(door doorNumber, hour int64) *int64 {
	hi, lo := bits.Mul64(uint64(door)^0x9e3779b97f4a7c15, uint64(hour)^0xbf58476d1ce4e5b9)
	return &s.sums[(hi^lo)*0x9e3779b97f4a7c15>>s.shift]
}

// loadReader reads the rows for the services under load.
type loadReader struct {
	in     *Input
	sketch *sketch
	cut    bool // candidates were left out
	left   int  // candidates that were not counted though they may be among the fullest
}

// each visits the rows that count as load: what comes from outside uninvited, and
// what goes there.
func (l *loadReader) each(visit func(*row)) {
	peer, invited := int32(-1), false
	for r := range l.in.rows(0) {
		if r.PeerNumber != peer {
			peer, invited = r.PeerNumber, welcome(l.in.Site, r.Peer)
		}
		if r.unicast && (!invited || r.Direction == netcase.Outbound) {
			visit(r)
		}
	}
}

// bearer is the service that a row is load on.
func bearer(r *row) service {
	if r.Direction == netcase.Outbound {
		return service{r.Peer, portKey{r.Port, r.Proto}, r.Direction}
	}
	return service{r.Host, portKey{r.Port, r.Proto}, r.Direction}
}

// candidates are the services with an hour of the investigated span that may reach the
// floor, each with a bound on its flows, the fullest first.
func (l *loadReader) candidates() []peakOf {
	floor, busy := l.in.Config.FloodFlows, l.busyHosts()
	found := map[doorNumber]peakOf{}
	within := spanHours{in: l.in}
	offer := func(end int32, r *row, flows int64) {
		k := doorNumber(end)<<32 | doorNumber(r.service()) | doorNumber(r.Direction)
		p, ok := found[k]
		if ok && p.flows >= flows {
			return
		}
		if !ok {
			p.service = bearer(r)
		}
		p.flows = flows
		if found[k] = p; len(found) > 2*mostCandidate {
			found, l.cut = fullestCandidates(found), true
		}
	}
	var sent pocket[portNumber, int64] // to the peer at hand, in the hour at hand
	peer, hour := int32(-1), int64(0)
	l.each(func(r *row) {
		if r.Direction == netcase.Outbound {
			if r.PeerNumber != peer || r.Hour != hour {
				sent.reset()
				peer, hour = r.PeerNumber, r.Hour
			}
			n, _ := sent.find(r.service())
			if *n += r.Flows; *n >= floor && within.inSpan(r.Hour) {
				offer(r.PeerNumber, r, *n)
			}
			return
		}
		if !busy.holds(r) {
			return
		}
		n := l.sketch.at(r.door(), r.Hour)
		if *n += r.Flows; *n >= floor && within.inSpan(r.Hour) {
			offer(r.HostNumber, r, *n)
		}
	})
	return slices.SortedFunc(maps.Values(found), peakOf.order)
}

// busyHosts are the machines that bore as much as the floor in some hour.
func (l *loadReader) busyHosts() *busyHosts {
	b := &busyHosts{named: map[string]bool{}}
	for p := range l.in.Points(loadsByHost) {
		if p.Flows >= l.in.Config.FloodFlows {
			b.named[p.Series] = true
		}
	}
	return b
}

// busyHosts are machines by the names of their time lines.
type busyHosts struct {
	named  map[string]bool
	hosts  []bool // by the number of the host, once looked up
	looked []bool
}

func (b *busyHosts) holds(r *row) bool {
	for int(r.HostNumber) >= len(b.looked) {
		b.hosts, b.looked = append(b.hosts, false), append(b.looked, false)
	}
	if !b.looked[r.HostNumber] {
		b.looked[r.HostNumber] = true
		b.hosts[r.HostNumber] = len(b.named) > 0 && b.named[cube.SeriesOf(&r.Key, cube.ByHost)]
	}
	return b.hosts[r.HostNumber]
}

// fullestCandidates leaves out the half with the smallest bounds.
func fullestCandidates(found map[doorNumber]peakOf) map[doorNumber]peakOf {
	keys := slices.SortedFunc(maps.Keys(found), func(a, b doorNumber) int { return found[a].order(found[b]) })
	out := make(map[doorNumber]peakOf, len(keys))
	for _, k := range keys[:mostCandidate] {
		out[k] = found[k]
	}
	return out
}

// spanHours remembers whether the hour at hand lies in the investigated span.
type spanHours struct {
	in   *Input
	hour int64
	is   bool
	any  bool
}

func (h *spanHours) inSpan(hour int64) bool {
	if !h.any || hour != h.hour {
		h.hour, h.is, h.any = hour, inSpan(h.in, hour), true
	}
	return h.is
}

// loadSeries is the hours of one service.
type loadSeries struct {
	bins   []load
	counts []sourceCount // by hour, from the first of the grid
}

// sourceCount is the sources of one hour.
type sourceCount struct {
	sources, single int32 // distinct; those with one unanswered flow
	flows, top      int64 // all, and those of the busiest source
}

// loadCounter counts the hours of some services.
type loadCounter struct {
	g      *grid
	of     map[service]*loadSeries
	hosts  []hostLoads // by the number of the host
	peer   int32
	mine   bool // the peer at hand is such a service outside
	around map[netcase.Endpoint]bool

	// The source at hand: its rows for one service and hour come one after the other.
	at     loadAt
	series *loadSeries
	flows  int64
	solved bool // some flow was answered
}

// hostLoads tells whether any service of a host is counted.
type hostLoads uint8

const (
	notAsked hostLoads = iota
	noLoads
	someLoads
)

// loadAt is what the rows of one source for one service and hour share.
type loadAt struct {
	peer      int32
	door      doorNumber
	hour      int64
	direction netcase.Direction
}

func newLoadCounter(g *grid, services []peakOf) *loadCounter {
	c := &loadCounter{g: g, of: make(map[service]*loadSeries, len(services)), peer: -1, around: map[netcase.Endpoint]bool{}, at: loadAt{peer: -1}}
	for _, p := range services {
		x := &loadSeries{bins: make([]load, g.bins()), counts: make([]sourceCount, int64(g.bins())*g.hours)}
		for i := range x.bins {
			x.bins[i] = load{packets: netcase.Absent, octets: netcase.Absent}
		}
		c.of[p.service], c.around[p.service.host] = x, true
	}
	return c
}

// holds tells whether some service of the end that bears the row is counted.
func (c *loadCounter) holds(r *row) bool {
	if r.Direction == netcase.Outbound {
		if r.PeerNumber != c.peer {
			c.peer, c.mine = r.PeerNumber, c.around[r.Peer]
		}
		return c.mine
	}
	for int(r.HostNumber) >= len(c.hosts) {
		c.hosts = append(c.hosts, notAsked)
	}
	if c.hosts[r.HostNumber] == notAsked {
		if c.hosts[r.HostNumber] = noLoads; c.around[r.Host] {
			c.hosts[r.HostNumber] = someLoads
		}
	}
	return c.hosts[r.HostNumber] == someLoads
}

func (c *loadCounter) add(r *row) {
	if !c.holds(r) {
		return
	}
	if at := (loadAt{r.PeerNumber, r.door(), r.Hour, r.Direction}); at != c.at {
		c.endSource()
		c.at, c.series = at, c.of[bearer(r)]
	}
	if c.series == nil {
		return
	}
	i, ok := c.g.bin(netcase.Time(r.Hour) * netcase.Hour)
	if !ok {
		return
	}
	c.flows += r.Flows
	c.solved = c.solved || r.Reach >= netcase.ReachBidirectional
	c.series.bins[i].add(r)
}

// add counts a row, but not its source.
func (l *load) add(r *row) {
	l.flows += r.Flows
	l.reach[r.Reach] += r.Flows
	l.asked |= r.Minutes
	if !r.Reach.Failed() {
		l.open |= r.Minutes
	}
	l.blurred = l.blurred || r.Resolution.Aggregated()
	l.packets, l.octets = addSize(l.packets, r.PacketsOut), addSize(l.octets, r.OctetsOut)
}

func (c *loadCounter) endSource() {
	if c.series == nil || c.flows == 0 {
		return
	}
	n := &c.series.counts[c.at.hour-c.g.first*c.g.hours]
	n.sources++
	n.flows += c.flows
	n.top = max(n.top, c.flows)
	n.single += int32(b2i(c.flows == 1 && !c.solved))
	c.series, c.flows, c.solved = nil, 0, false
}

// loadsOf is the bins of a service, and the flows of its fullest hour of the investigated
// span. The sources of its fullest hour stand for a bin.
func (c *loadCounter) loadsOf(in *Input, s service) (bins []load, peak int64) {
	x := c.of[s]
	first := c.g.first * c.g.hours
	for i := range x.counts {
		l, n := &x.bins[int64(i)/c.g.hours], &x.counts[i]
		l.top += n.top
		if int64(n.sources) > l.sources {
			l.sources, l.single = int64(n.sources), int64(n.single)
		}
		if n.flows > peak && inSpan(in, first+int64(i)) {
			peak = n.flows
		}
	}
	return x.bins, peak
}

// busiestLoads are the services whose fullest hour of the investigated span is large
// enough to matter, the fullest first, and the bins of each.
func busiestLoads(in *Input, g *grid) (services []service, hours map[service][]load) {
	records := int64(0)
	for i := range in.Coverage.Inputs {
		records += in.Coverage.Inputs[i].Read
	}
	l := &loadReader{in: in, sketch: newSketch(records, in.Config.FloodFlows)}
	services, hours = l.busiest(g)
	if l.cut || l.left > 0 {
		in.note(l.lacking())
	}
	return services, hours
}

// lacking says what was not counted.
func (l *loadReader) lacking() string {
	which := count(l.left, "service")
	if l.cut { // who knows how many more
		which = "some services"
	}
	return "dos: the fullest hours of " + which + " were bounded, not counted, so that a flood there is not told; " +
		"a shorter span (--from, --to) or a larger floor (--set dos.flows=N) leaves fewer"
}

func (l *loadReader) busiest(g *grid) (services []service, hours map[service][]load) {
	in, left := l.in, l.candidates()
	atOnce := max(int(mostLoadHours/max(int64(g.bins())*g.hours, 1)), floodServices)
	var found []peakOf
	hours = map[service][]load{}
	for reading := 0; reading < mostLoadReadings && len(left) > 0; reading++ {
		if len(found) == floodServices && found[len(found)-1].flows > left[0].flows {
			left = nil // whatever is left bore less
			break
		}
		some := left[:min(len(left), atOnce)]
		left = left[len(some):]
		c := newLoadCounter(g, some)
		l.each(c.add)
		c.endSource()
		for _, p := range some {
			if bins, peak := c.loadsOf(in, p.service); peak >= in.Config.FloodFlows {
				hours[p.service] = bins
				found = append(found, peakOf{p.service, peak})
			}
		}
		slices.SortFunc(found, peakOf.order)
		for _, p := range found[min(len(found), floodServices):] {
			delete(hours, p.service)
		}
		found = found[:min(len(found), floodServices)]
	}
	if n := len(found); n < floodServices || len(left) > 0 && found[n-1].flows <= left[0].flows {
		l.left = len(left)
	}
	for _, p := range found {
		services = append(services, p.service)
	}
	return services, hours
}
