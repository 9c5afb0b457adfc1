package detect

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"

	"netcase"
	"netcase/cube"
)

// profiler builds the profile of one source from its rows, of which those of one hour,
// target and port follow one another, as in the orders by peer and by host. It keeps a bit
// a host and port, so that a source that tries every port of every host still fits.
type profiler struct {
	p     netcase.Profile
	hosts map[netcase.Endpoint]int // index in the bit sets
	names []netcase.Endpoint
	ports map[portKey]*portTally
	hours map[int64]bool
	// What the row before was of.
	target int
	door   *portTally
	hour   int64

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
	netcase.PortCount
	tried    bitset             // hosts tried
	answered bitset             // hosts that answered
	failed   bitset             // hosts with an attempt that is known to have failed
	hours    map[int64]struct{} // with an answer
	hour     int64              // the last of them
}

type busyKey struct {
	host netcase.Endpoint
	portKey
	hour int64
}

// bitset is a growing set of small numbers.
type bitset []uint64

func (b *bitset) set(i int) {
	for len(*b) <= i/64 {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func newProfiler(source netcase.Endpoint, d netcase.Direction) *profiler {
	return &profiler{
		p:     netcase.Profile{Peer: source, Direction: d, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent},
		hosts: map[netcase.Endpoint]int{}, ports: map[portKey]*portTally{}, hours: map[int64]bool{},
	}
}

// mostSpare is how large a map or a list may be to be emptied and used again: a larger
// one costs more to empty than to make anew.
const mostSpare = 256

// begin empties the profiler for another source.
func (b *profiler) begin(source netcase.Endpoint, d netcase.Direction) {
	if len(b.names) > mostSpare || len(b.ports) > mostSpare || len(b.hours) > mostSpare {
		*b = *newProfiler(source, d)
		return
	}
	for _, t := range b.ports {
		if len(b.spare) < mostSpare {
			*t = portTally{tried: t.tried[:0], answered: t.answered[:0], failed: t.failed[:0]}
			b.spare = append(b.spare, t)
		}
	}
	clear(b.hosts)
	clear(b.ports)
	clear(b.hours)
	b.p = netcase.Profile{Peer: source, Direction: d, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent}
	b.names, b.rawly = b.names[:0], false
	b.busy, b.flows, b.most, b.door = busyKey{}, 0, 0, nil
}

// tally begins the count of one port.
func (b *profiler) tally(k portKey) *portTally {
	t := &portTally{}
	if n := len(b.spare); n > 0 {
		t, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	t.PortCount = netcase.PortCount{Port: k.port, Proto: k.proto}
	b.ports[k] = t
	return t
}

// add counts a row; target is the other end. It returns the number of the target.
func (b *profiler) add(r *cube.Row, target netcase.Endpoint) int {
	i, t := b.number(target), b.door
	if k := (portKey{r.Port, r.Proto}); t == nil || t.Port != k.port || t.Proto != k.proto {
		if t = b.ports[k]; t == nil {
			t = b.tally(k)
		}
		b.door = t
	}
	t.Flows += r.Flows
	t.Records += r.Records
	t.Reach[r.Reach] += r.Flows
	t.tried.set(i)
	if r.Reach >= netcase.ReachBidirectional {
		t.answered.set(i)
		if t.hours == nil {
			t.hours = map[int64]struct{}{}
		}
		if r.Hour != t.hour || len(t.hours) == 0 {
			t.hour, t.hours[r.Hour] = r.Hour, struct{}{}
		}
		if r.Resolution == netcase.ResolutionRaw || r.Resolution == netcase.ResolutionSampled {
			b.busier(busyKey{target, portKey{r.Port, r.Proto}, r.Hour}, r.Flows)
		}
	}
	if r.Reach.Failed() {
		t.failed.set(i)
	}
	if r.Resolution == netcase.ResolutionRaw && r.Reach.Decided() {
		b.rawly = true
	}
	b.sum(r)
	return i
}

// number is the place of a target in the bit sets.
func (b *profiler) number(target netcase.Endpoint) int {
	if b.target < len(b.names) && b.names[b.target] == target {
		return b.target
	}
	i, ok := b.hosts[target]
	if !ok {
		i = len(b.names)
		b.hosts[target] = i
		b.names = append(b.names, target)
	}
	b.target = i
	return i
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
	if r.Hour != b.hour || len(b.hours) == 0 {
		b.hour, b.hours[r.Hour] = r.Hour, true
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
	p.HostCount, p.PortCount, p.ActiveHours = len(b.names), len(b.ports), len(b.hours)
	p.Hosts = slices.Clone(b.names)
	slices.SortFunc(p.Hosts, netcase.Endpoint.Compare)
	p.Hosts = p.Hosts[:min(len(p.Hosts), netcase.ProfileHosts)]
	p.Ports = b.portCounts()
	if b.rawly {
		p.BusiestHour = 0
	}
	if n := max(b.most, b.flows); n > 0 {
		p.BusiestHour = max(p.BusiestHour, n)
	}
	return p
}

// portCounts lists the busiest ports, sorted by number.
func (b *profiler) portCounts() []netcase.PortCount {
	out := make([]netcase.PortCount, 0, len(b.ports))
	for _, t := range b.ports {
		c := t.PortCount
		c.Hosts, c.AnsweredHours = t.tried.count(), len(t.hours)
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
// are not wanted are passed over.
func byPeer(rows iter.Seq[*cube.Row], wanted func(netcase.Endpoint) bool) iter.Seq[*profiler] {
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
		var peer netcase.Endpoint
		asked, want := false, false
		for r := range rows {
			if !asked || peer != r.Peer {
				peer, asked, want = r.Peer, true, wanted(r.Peer)
			}
			if !want {
				continue
			}
			if len(open) > 0 && open[0].p.Peer != r.Peer && !flush() {
				return
			}
			i := slices.IndexFunc(open, func(b *profiler) bool { return b.p.Direction == r.Direction })
			if i < 0 {
				i = len(open)
				open = append(open, newProfiler(r.Peer, r.Direction))
			}
			open[i].add(r, r.Host)
		}
		flush()
	}
}

// mostFlowsFirst orders profiles for a report.
func mostFlowsFirst(a, b netcase.Profile) int {
	return cmp.Or(cmp.Compare(b.Flows, a.Flows), a.Peer.Compare(b.Peer), cmp.Compare(a.Direction, b.Direction))
}
