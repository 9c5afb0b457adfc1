package detect

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
)

// slowCensus counts the own hosts that call outside, and those that call one destination.
// Rows come by destination.
type slowCensus struct {
	all map[netcase.Endpoint]struct{} // hosts that called anything
	one map[netcase.Endpoint]struct{} // hosts that called the destination at hand
}

func newSlowCensus() *slowCensus {
	return &slowCensus{all: map[netcase.Endpoint]struct{}{}, one: map[netcase.Endpoint]struct{}{}}
}

func (c *slowCensus) note(host netcase.Endpoint) {
	c.all[host] = struct{}{}
	if len(c.one) < mostCallers {
		c.one[host] = struct{}{}
	}
}

// next forgets the destination at hand and says how many hosts called it.
func (c *slowCensus) next() int {
	n := len(c.one)
	clear(c.one)
	return n
}

// slowSearch is search with plain maps, which hands on every door at once: it finds the streams worth exact times while rows stream by.
type slowSearch struct {
	in     *Input
	names  *remembered[asked, nameOf]
	census *slowCensus

	peer    netcase.Endpoint
	any     bool
	doors   map[doorOf]*trailCounts
	network netip.Prefix
	near    map[doorOf]*caller // of the network at hand
	named   remembered[namedDoor, *caller]

	outbound, inbound, intervals shortlist
}

// slowTrailsOf reads the rows once. Memory holds the doors of one destination, the groups of
// one network, and the short lists.
func slowTrailsOf(in *Input) []*caller {
	s := &slowSearch{
		in: in, names: askedNames(in), census: newSlowCensus(), doors: map[doorOf]*trailCounts{}, near: map[doorOf]*caller{},
		outbound: shortlist{most: beaconTrails}, inbound: shortlist{most: beaconOthers}, intervals: shortlist{most: beaconOthers},
	}
	s.named = remembered[namedDoor, *caller]{
		most:    beaconGroups,
		weigh:   func(_ namedDoor, x *caller) (int64, netcase.Time) { return x.records, x.last },
		compare: func(a, b namedDoor) int { return cmp.Or(strings.Compare(a.name, b.name), a.doorOf.compare(b.doorOf)) },
	}
	for r := range in.rows(0) {
		s.add(&r.Row)
	}
	s.endPeer()
	s.endNetwork()
	s.endNames()
	var out []*caller
	for _, l := range []*shortlist{&s.outbound, &s.inbound, &s.intervals} {
		l.trim()
		out = append(out, l.all...)
	}
	for _, x := range out {
		x.estate = len(s.census.all)
	}
	return out
}

func (s *slowSearch) add(r *cube.Row) {
	if toMany(r.Peer) || toMany(r.Host) {
		return
	}
	if !s.any || r.Peer != s.peer {
		s.endPeer()
		s.peer, s.any = r.Peer, true
	}
	if r.Direction == netcase.Outbound {
		s.census.note(r.Host)
	}
	if !inSpan(s.in, r.Hour) {
		return
	}
	d := doorOf{r.Host, r.Port, r.Proto, r.Direction}
	c := s.doors[d]
	if c == nil {
		if len(s.doors) >= beaconDoors {
			s.forget()
		}
		c = &trailCounts{}
		s.doors[d] = c
	}
	c.add(r)
}

// forget drops the doors with the fewest records: a source that tries everything has
// one record at each.
func (s *slowSearch) forget() {
	keys := slices.Collect(maps.Keys(s.doors))
	slices.SortFunc(keys, func(a, b doorOf) int {
		return cmp.Or(cmp.Compare(s.doors[a].records, s.doors[b].records), a.compare(b))
	})
	for _, k := range keys[:len(keys)/2] {
		delete(s.doors, k)
	}
}

// endPeer hands the doors of one destination on.
func (s *slowSearch) endPeer() {
	if !s.any {
		return
	}
	hosts := s.census.next()
	keys := slices.Collect(maps.Keys(s.doors))
	slices.SortFunc(keys, doorOf.compare)
	listed := len(keys) > 0 && adverse(s.in, s.peer)
	for _, d := range keys {
		c := s.doors[d]
		x := &caller{host: d.host, peers: []netcase.Endpoint{s.peer}, port: d.port, proto: d.proto, direction: d.direction,
			trailCounts: *c, hosts: hosts, estate: len(s.census.all), listed: listed}
		switch {
		case c.allIntervals():
			if x.aggregated = true; d.direction == netcase.Outbound && c.mayHide(&s.in.Config.Cadence) {
				s.intervals.offer(x)
			}
			continue
		case d.direction == netcase.Inbound:
			if c.mayCycle(&s.in.Config.Cadence) && !welcome(s.in.Site, s.peer) {
				s.inbound.offer(x)
			}
			continue
		}
		if n, ok := s.names.get(asked{d.host, s.peer}); ok && !n.several {
			x.name = n.name
		} else if ok {
			x.aliases = n.all
		}
		x.nameless = x.name == "" && x.aliases == nil
		if c.mayCycle(&s.in.Config.Cadence) || listed {
			s.outbound.offer(x)
		}
		s.group(d, x)
	}
	clear(s.doors)
}

// group joins a stream to those of the same name, else to those of the same network.
func (s *slowSearch) group(d doorOf, x *caller) {
	if x.name != "" {
		k := namedDoor{d, strings.ToLower(x.name)}
		g, ok := s.named.get(k)
		if !ok {
			g = &caller{host: d.host, port: d.port, proto: d.proto, direction: d.direction, name: x.name}
		}
		slowTake(g, x)
		s.named.set(k, g)
		return
	}
	if !x.peers[0].Addr.IsValid() {
		return
	}
	width := 24
	if x.peers[0].Addr.Is6() {
		width = 48
	}
	network, err := x.peers[0].Addr.Prefix(width)
	if err != nil {
		return
	}
	if network != s.network {
		s.endNetwork()
		s.network = network
	}
	g := s.near[d]
	if g == nil {
		if len(s.near) >= beaconDoors {
			return
		}
		g = &caller{host: d.host, port: d.port, proto: d.proto, direction: d.direction, network: true}
		s.near[d] = g
	}
	slowTake(g, x)
}

// take joins the counts of a stream; of very many addresses the first are followed.
func slowTake(s, x *caller) {
	if len(s.peers) == beaconMembers {
		return
	}
	s.nameless = s.nameless || x.name != "" || x.aliases == nil // a name joins by itself, and is not one of several
	for _, n := range x.aliases {
		if !slices.Contains(s.aliases, n) {
			s.aliases = append(s.aliases, n)
		}
	}
	s.peers = append(s.peers, x.peers[0])
	s.trailCounts.join(&x.trailCounts)
	s.hosts, s.estate, s.listed = max(s.hosts, x.hosts), x.estate, s.listed || x.listed
}

func (s *slowSearch) endNetwork() {
	keys := slices.Collect(maps.Keys(s.near))
	slices.SortFunc(keys, doorOf.compare)
	for _, k := range keys {
		if g := s.near[k]; len(g.peers) > 1 && g.mayCycle(&s.in.Config.Cadence) {
			s.outbound.offer(g)
		}
	}
	clear(s.near)
}

func (s *slowSearch) endNames() {
	for _, k := range slices.SortedFunc(maps.Keys(s.named.of), s.named.compare) {
		if g := s.named.of[k]; len(g.peers) > 1 && g.mayCycle(&s.in.Config.Cadence) {
			s.outbound.offer(g)
		}
	}
}

// manyDoors are rows of destinations side by side, some of them called by name, listed,
// or known by intervals only, and of some with more doors than are followed.
func manyDoors(r *rand.Rand, crowded bool) (rows []cube.Row, queries []netcase.Query) {
	hour := monday.Hour()
	row := func(peer, host netcase.Endpoint, port uint16, hours int) {
		k := cube.Key{Hour: hour + r.Int64N(int64(hours)), Peer: peer, Host: host, Port: port, Proto: netcase.TCP,
			Direction: []netcase.Direction{netcase.Outbound, netcase.Outbound, netcase.Inbound}[r.IntN(3)], Reach: netcase.Reach(r.IntN(7)),
			Resolution: []netcase.Resolution{netcase.ResolutionRaw, netcase.ResolutionRaw, netcase.ResolutionUnknown, 10}[r.IntN(4)], Sensor: "zeek"}
		if peer.Addr.Is4() && peer.Addr.As4()[3]%7 == 2 {
			k.Resolution, k.Hour = 60, hour+k.Hour%10
			k.Host, k.Port = netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, 1})), 443
		}
		minutes := uint64(1<<60 - 1)
		for range 3 { // an eighth of the bits is left
			minutes &= r.Uint64()
		}
		n := 1 + r.Int64N(9)
		first := netcase.Time(k.Hour)*netcase.Hour + netcase.Time(r.Int64N(int64(netcase.Hour)))
		rows = append(rows, cube.Row{Key: k, Counts: cube.Counts{Flows: n, Records: n, First: first, Last: first + netcase.Time(r.Int64N(int64(netcase.Hour))), Minutes: minutes}})
	}
	hosts := func(n int) netcase.Endpoint {
		switch i := r.IntN(n); i % 17 {
		case 3:
			return netcase.Endpoint{Name: fmt.Sprintf("host-%d", i)}
		case 4:
			return netcase.At(netip.AddrFrom16([16]byte{0xfd, 14: byte(i >> 8), 15: byte(i)}))
		default:
			return netcase.At(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		}
	}
	for n := range 24 {
		peer := netcase.At(netip.AddrFrom4([4]byte{93, 184, byte(n / 3), byte(n)}))
		switch n % 8 {
		case 5:
			peer = netcase.At(netip.AddrFrom16([16]byte{0x20, 1, 5: byte(n / 12), 15: byte(n)}))
		case 6:
			peer = netcase.Endpoint{Name: fmt.Sprintf("far-%d", n)}
		}
		for range 1 + r.IntN(600) {
			host := hosts(1 + r.IntN(30))
			row(peer, host, uint16(440+r.IntN(3)), 60)
			if r.IntN(40) == 0 {
				queries = append(queries, netcase.Query{Time: monday, Host: host, Peer: peer, Type: "tls", Name: fmt.Sprintf("name%d.example", r.IntN(3))})
			}
		}
	}
	if crowded {
		for n := range 3 {
			for range beaconDoors * 2 / 3 * (1 + n) {
				row(netcase.At(netip.AddrFrom4([4]byte{200, 1, 1, byte(n)})), hosts(20_000), uint16(r.IntN(4)), 9)
			}
		}
	}
	cube.Sort(rows, cube.Peers)
	return cube.MergeEqual(rows), queries
}

// heldRows answers with rows and queries as they are.
type heldRows struct {
	cube.Answerer
	rows    []cube.Row
	queries []netcase.Query
}

func (h *heldRows) Rows(_ context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
	return func(yield func(cube.Row, error) bool) {
		for i := range h.rows {
			if q.Asks(&h.rows[i].Key) && !yield(h.rows[i], nil) {
				return
			}
		}
	}
}

func (h *heldRows) Queries(context.Context) iter.Seq2[netcase.Query, error] {
	return func(yield func(netcase.Query, error) bool) {
		for _, q := range h.queries {
			if !yield(q, nil) {
				return
			}
		}
	}
}

func (h *heldRows) Processes(context.Context) iter.Seq2[netcase.Process, error] {
	return func(func(netcase.Process, error) bool) {}
}

// TestTrailsAgainstMaps compares the search for streams with the one that keeps plain maps.
func TestTrailsAgainstMaps(t *testing.T) {
	found := [3]int{}
	for seed := range uint64(fewer(20, 5)) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, queries := manyDoors(r, seed%10 == 9)
		in := &Input{Config: DefaultConfig(), Site: &netcase.Site{}, Span: netcase.Span{Start: monday, End: monday + 90*netcase.Hour}, ctx: context.Background(), answerer: &heldRows{rows: rows, queries: queries},
			questions: Questions{Rows: []cube.Question{{Kind: cube.Peers}}}}
		if seed%3 == 1 {
			in.Span = netcase.Span{Start: monday + 5*netcase.Hour, End: monday + 50*netcase.Hour}
		}
		got, want := trailsOf(in), slowTrailsOf(in)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("seed %d: stream %d of %d and %d differs:\n%+v\n%+v", seed, i, len(got), len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
		}
		for _, x := range got {
			found[0] += b2i(x.network)
			found[1] += b2i(x.name != "" && len(x.peers) > 1)
			found[2] += b2i(x.aggregated)
		}
	}
	if found[0] == 0 || found[1] == 0 || found[2] == 0 {
		t.Errorf("streams joined by network, by name, and of intervals: %v; each kind must occur", found)
	}
}

// TestCensusAgainstMaps compares the count of callers with one that plain maps make.
func TestCensusAgainstMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	fast, slow := newCensus(), newSlowCensus()
	most := 0
	for d := range 120 {
		for range 1 + r.IntN(9000) {
			n := int32(r.IntN(1 << 18))
			if d%2 == 0 {
				n %= 3000
			}
			fast.note(n)
			slow.note(netcase.At(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})))
		}
		if d == 60 {
			fast.at = math.MaxInt32 - 1 // destinations have come to their last number
			for i := range fast.last {
				if fast.last[i] == 61 {
					fast.last[i] = fast.at
				}
			}
		}
		got, want := fast.next(), slow.next()
		if got != want || fast.estate() != len(slow.all) {
			t.Fatalf("destination %d: %d of %d hosts, want %d of %d", d, got, fast.estate(), want, len(slow.all))
		}
		most = max(most, got)
	}
	if most < mostCallers {
		t.Errorf("%d hosts at most: the bound was not reached", most)
	}
}
