package detect

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"

	"netcase"
	"netcase/cube"
)

// profiler builds the profile of one source from its rows, which come by the hour, and
// those of one hour, target and port after another, as in the orders by peer and by host.
// It keeps a bit a host and port, so that a source that tries every port of every host
// still fits.
type profiler struct {
	p       netcase.Profile
	targets pocket[int32, netcase.Endpoint] // by their numbers in the reading; their places are those in the bit sets
	ports   pocket[portNumber, *portTally]
	tried   int // targets and ports
	refused int // … with an attempt that is known to have failed
	hours   int // active ones
	hour    int64
	// What the row before was of.
	number int32
	target int
	port   int
	any    bool

	busy  busyKey // the hour, target and port at hand
	flows int64   // … and their flows
	most  int64   // flows of the busiest before
	rawly bool    // some rows can tell sessions

	spare []*portTally // of the source before, to be used again
}

type portKey struct {
	port  uint16
	proto uint8
}

type portTally struct {
	netcase.PortCount        // but for hosts and hours
	tried             bitset // hosts tried
	answered          bitset // hosts that answered
	failed            bitset // hosts with an attempt that is known to have failed
	hours             int    // with an answer
	hour              int64  // the last of them
}

// busyKey is an hour, and the places of a target and a port.
type busyKey struct {
	hour         int64
	target, port int
}

// bitset is a growing set of small numbers.
type bitset []uint64

func (b *bitset) set(i int) { b.put(i) }

// put sets a member and tells whether it is new.
func (b *bitset) put(i int) bool {
	for len(*b) <= i/64 {
		*b = append(*b, 0)
	}
	w, bit := &(*b)[i/64], uint64(1)<<(i%64)
	made := *w&bit == 0
	*w |= bit
	return made
}

// members visits the members in order.
func (b bitset) members(visit func(int) bool) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			if !visit(i*64 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func newProfiler(source netcase.Endpoint, d netcase.Direction) *profiler {
	return &profiler{p: emptyProfile(source, d)}
}

func emptyProfile(source netcase.Endpoint, d netcase.Direction) netcase.Profile {
	return netcase.Profile{Peer: source, Direction: d, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent}
}

// mostSpare is how large a map or a list may be to be emptied and used again: a larger
// one costs more to empty than to make anew.
const mostSpare = 256

// begin empties the profiler for another source.
func (b *profiler) begin(source netcase.Endpoint, d netcase.Direction) {
	for i := range b.ports.of {
		if t := b.ports.of[i].value; len(b.spare) < mostSpare && cap(t.tried) <= mostSpare {
			*t = portTally{tried: t.tried[:0], answered: t.answered[:0], failed: t.failed[:0]}
			b.spare = append(b.spare, t)
		}
	}
	b.targets.reset()
	b.ports.reset()
	*b = profiler{p: emptyProfile(source, d), targets: b.targets, ports: b.ports, spare: b.spare}
}

// tally begins the count of one port.
func (b *profiler) tally(port uint16, proto uint8) *portTally {
	t := &portTally{}
	if n := len(b.spare); n > 0 {
		t, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	t.PortCount = netcase.PortCount{Port: port, Proto: proto}
	return t
}

// add counts a row; target is the other end, and number its number in the reading. It
// returns the places of the target and of the port.
func (b *profiler) add(r *row, target *netcase.Endpoint, number int32) (host, port int) {
	if !b.any || number != b.number {
		var made bool
		if b.target, made = b.targets.place(number); made {
			b.targets.of[b.target].value = *target
		}
		b.number = number
	}
	if k := r.service(); !b.any || b.ports.of[b.port].key != k {
		var made bool
		if b.port, made = b.ports.place(k); made {
			b.ports.of[b.port].value = b.tally(r.Port, r.Proto)
		}
	}
	b.any = true
	b.ports.of[b.port].value.add(b, r)
	b.sum(&r.Row)
	return b.target, b.port
}

// add counts a row of the port.
func (t *portTally) add(b *profiler, r *row) {
	t.Flows += r.Flows
	t.Records += r.Records
	t.Reach[r.Reach] += r.Flows
	if t.tried.put(b.target) {
		b.tried++
	}
	if r.Reach >= netcase.ReachBidirectional {
		t.answered.set(b.target)
		if t.hours == 0 || r.Hour != t.hour {
			t.hour = r.Hour
			t.hours++
		}
		if r.Resolution == netcase.ResolutionRaw || r.Resolution == netcase.ResolutionSampled {
			b.busier(busyKey{r.Hour, b.target, b.port}, r.Flows)
		}
	}
	if r.Reach.Failed() && t.failed.put(b.target) {
		b.refused++
	}
	if r.Resolution == netcase.ResolutionRaw && r.Reach.Decided() {
		b.rawly = true
	}
}

// busier counts flows of an hour, target and port.
func (b *profiler) busier(k busyKey, flows int64) {
	if b.busy != k {
		b.busy, b.flows, b.most = k, 0, max(b.most, b.flows)
	}
	b.flows += flows
}

func (b *profiler) sum(r *cube.Row) {
	p := &b.p
	if p.Flows == 0 {
		p.First, p.Last = r.First, r.Last
	}
	p.Flows += r.Flows
	p.Records += r.Records
	p.Reach[r.Reach] += r.Flows
	p.First, p.Last = min(p.First, r.First), max(p.Last, r.Last)
	p.Aggregated = p.Aggregated || r.Resolution.Aggregated() || r.Resolution == netcase.ResolutionUnknown
	p.OctetsOut = addSize(p.OctetsOut, r.OctetsOut)
	p.OctetsIn = addSize(p.OctetsIn, r.OctetsIn)
	if b.hours == 0 || r.Hour != b.hour {
		b.hour = r.Hour
		b.hours++
	}
}

// addSize adds sizes of which either may be absent.
func addSize(a, b int64) int64 {
	switch {
	case a == netcase.Absent:
		return b
	case b == netcase.Absent:
		return a
	}
	return a + b
}

// profile is the finished profile.
func (b *profiler) profile() netcase.Profile {
	p := b.p
	p.HostCount, p.PortCount, p.ActiveHours = len(b.targets.of), len(b.ports.of), b.hours
	p.Hosts = b.firstHosts(netcase.ProfileHosts)
	p.Ports = b.portCounts()
	if b.rawly {
		p.BusiestHour = 0
	}
	if n := max(b.most, b.flows); n > 0 {
		p.BusiestHour = max(p.BusiestHour, n)
	}
	return p
}

// firstHosts are the first targets in order, at most so many of what may be very many.
func (b *profiler) firstHosts(most int) []netcase.Endpoint {
	out := make([]netcase.Endpoint, 0, min(most, len(b.targets.of)))
	for i := range b.targets.of {
		e := &b.targets.of[i].value
		if len(out) == most {
			if e.Compare(out[most-1]) > 0 {
				continue
			}
			out = out[:most-1]
		}
		at, _ := slices.BinarySearchFunc(out, *e, netcase.Endpoint.Compare)
		out = slices.Insert(out, at, *e)
	}
	return out
}

// eachDoor visits the ports that the profile names.
func (b *profiler) eachDoor(visit func(portNumber)) {
	if len(b.ports.of) <= netcase.ProfilePorts {
		for i := range b.ports.of {
			visit(b.ports.of[i].key)
		}
		return
	}
	for _, c := range b.portCounts() {
		visit(portNumberOf(c.Port, c.Proto))
	}
}

// portCounts lists the busiest ports, sorted by number.
func (b *profiler) portCounts() []netcase.PortCount {
	out := make([]netcase.PortCount, 0, len(b.ports.of))
	for i := range b.ports.of {
		t := b.ports.of[i].value
		c := t.PortCount
		c.Hosts, c.AnsweredHours = t.tried.count(), t.hours
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b netcase.PortCount) int {
		return cmp.Or(cmp.Compare(b.Flows, a.Flows), comparePorts(a, b))
	})
	out = out[:min(len(out), netcase.ProfilePorts)]
	slices.SortFunc(out, comparePorts)
	return out
}

func comparePorts(a, b netcase.PortCount) int {
	return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
}

// byPeer groups rows, which come sorted by peer, into one profiler for each peer
// and direction. The rows of a peer are streamed into it, never collected; peers that
// are not wanted, and rows that have an end that stands for many, are passed over.
func byPeer(rows iter.Seq[*row], wanted func(netcase.Endpoint) bool) iter.Seq[*profiler] {
	return func(yield func(*profiler) bool) {
		var open []*profiler // of the current peer, one a direction
		flush := func() bool {
			slices.SortFunc(open, func(a, b *profiler) int { return cmp.Compare(a.p.Direction, b.p.Direction) })
			for _, b := range open {
				if !yield(b) {
					return false
				}
			}
			open = open[:0]
			return true
		}
		at, want := int32(-1), false
		for r := range rows {
			if at != r.PeerNumber {
				if !flush() {
					return
				}
				at, want = r.PeerNumber, wanted(r.Peer)
			}
			if !want || !r.unicast {
				continue
			}
			i := slices.IndexFunc(open, func(b *profiler) bool { return b.p.Direction == r.Direction })
			if i < 0 {
				i = len(open)
				open = append(open, newProfiler(r.Peer, r.Direction))
			}
			open[i].add(r, &r.Host, r.HostNumber)
		}
		flush()
	}
}

// mostFlowsFirst orders profiles for a report.
func mostFlowsFirst(a, b netcase.Profile) int {
	return cmp.Or(cmp.Compare(b.Flows, a.Flows), a.Peer.Compare(b.Peer), cmp.Compare(a.Direction, b.Direction))
}
