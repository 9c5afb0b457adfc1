package store

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"

	"netcase"
	"netcase/cube"
)

// Kinds of a packed endpoint, in the order of netcase.Endpoint.Compare.
const (
	kind4    = iota // IPv4 in lo
	kind6           // IPv6
	kindName        // number of a name in lo; the empty name is number 0
)

// cell is a cube.Key without pointers. rest holds, from the highest bit: port (16),
// protocol (8), direction (3), reach (4), resolution less its minimum (16), kind of
// the peer (2), kind of the host (2), extra (1).
type cell struct {
	peerHi, peerLo uint64
	hostHi, hostLo uint64
	rest           uint64
	hour           int32
	sensor         uint32
}

const (
	portShift       = 48
	protoShift      = 40
	directionShift  = 37
	reachShift      = 33
	resolutionShift = 17
	peerKindShift   = 15
	hostKindShift   = 13
	extraBit        = 1 << 12 // no traffic of its own: see minutes.go
	resolutionZero  = 1 << 15

	directionMask = 1<<3 - 1
	reachMask     = 1<<4 - 1
	kindMask      = 1<<2 - 1
)

func (c *cell) port() uint16 { return uint16(c.rest >> portShift) }
func (c *cell) proto() uint8 { return uint8(c.rest >> protoShift) }
func (c *cell) direction() netcase.Direction {
	return netcase.Direction(c.rest >> directionShift & directionMask)
}
func (c *cell) reach() netcase.Reach { return netcase.Reach(c.rest >> reachShift & reachMask) }
func (c *cell) peerKind() uint64     { return c.rest >> peerKindShift & kindMask }
func (c *cell) hostKind() uint64     { return c.rest >> hostKindShift & kindMask }
func (c *cell) extra() bool          { return c.rest&extraBit != 0 }
func (c *cell) resolution() netcase.Resolution {
	return netcase.Resolution(int32(c.rest>>resolutionShift&0xffff) - resolutionZero)
}

// restOf packs what is not an end, an hour or a sensor.
func restOf(port uint16, proto uint8, d netcase.Direction, r netcase.Reach, res netcase.Resolution) uint64 {
	return uint64(port)<<portShift | uint64(proto)<<protoShift | uint64(d)<<directionShift | uint64(r)<<reachShift |
		uint64(int32(res)+resolutionZero)<<resolutionShift
}

// packed is a cube.Row without pointers.
type packed struct {
	cell
	others                uint32 // number of the other sensors' names, joined
	conflict              bool
	flows, records        int64
	octetsOut, octetsIn   int64
	packetsOut, packetsIn int64
	first, last           int64
	minutes               uint64
	agree                 int64
}

// packedSize is what a packed row takes, in bytes.
const packedSize = 136

// add adds the counts of a row with the same cell.
func (p *packed) add(o *packed) {
	p.flows += o.flows
	p.records += o.records
	p.octetsOut = plus(p.octetsOut, o.octetsOut)
	p.octetsIn = plus(p.octetsIn, o.octetsIn)
	p.packetsOut = plus(p.packetsOut, o.packetsOut)
	p.packetsIn = plus(p.packetsIn, o.packetsIn)
	p.first, p.last = min(p.first, o.first), max(p.last, o.last)
	p.minutes |= o.minutes
}

// plus adds sizes; an absent one adds nothing.
func plus(a, b int64) int64 {
	if a == netcase.Absent {
		return b
	}
	if b == netcase.Absent {
		return a
	}
	return a + b
}

// names numbers texts. Numbers say nothing about the order of the texts.
type names struct {
	mu   sync.RWMutex
	at   map[string]uint32
	text []string
}

func newNames() *names { return &names{at: map[string]uint32{"": 0}, text: []string{""}} }

func (n *names) number(s string) uint32 {
	n.mu.RLock()
	i, ok := n.at[s]
	n.mu.RUnlock()
	if ok {
		return i
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, ok := n.at[s]; ok {
		return i
	}
	s = strings.Clone(s)
	i = uint32(len(n.text))
	n.text = append(n.text, s)
	n.at[s] = i
	return i
}

func (n *names) of(i uint32) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.text[i]
}

// packEnd is an endpoint's kind and its two words.
func (n *names) packEnd(e *netcase.Endpoint) (kind, hi, lo uint64) {
	switch {
	case e.Addr.Is4():
		b := e.Addr.As4()
		return kind4, 0, uint64(binary.BigEndian.Uint32(b[:]))
	case e.Addr.IsValid():
		b := e.Addr.As16()
		return kind6, binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	}
	return kindName, 0, uint64(n.number(e.Name))
}

func (n *names) end(kind, hi, lo uint64) netcase.Endpoint {
	switch kind {
	case kind4:
		return netcase.Endpoint{Addr: netip.AddrFrom4([4]byte{byte(lo >> 24), byte(lo >> 16), byte(lo >> 8), byte(lo)})}
	case kind6:
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], hi)
		binary.BigEndian.PutUint64(b[8:], lo)
		return netcase.Endpoint{Addr: netip.AddrFrom16(b)}
	}
	return netcase.Endpoint{Name: n.of(uint32(lo))}
}

func (n *names) pack(r *cube.Row) packed {
	pk, phi, plo := n.packEnd(&r.Peer)
	hk, hhi, hlo := n.packEnd(&r.Host)
	return packed{
		cell: cell{
			peerHi: phi, peerLo: plo, hostHi: hhi, hostLo: hlo, hour: int32(r.Hour), sensor: n.number(r.Sensor),
			rest: restOf(r.Port, r.Proto, r.Direction, r.Reach, r.Resolution) | pk<<peerKindShift | hk<<hostKindShift,
		},
		others: n.number(r.Others), conflict: r.Conflict, agree: r.Agree,
		flows: r.Flows, records: r.Records, octetsOut: r.OctetsOut, octetsIn: r.OctetsIn, packetsOut: r.PacketsOut, packetsIn: r.PacketsIn,
		first: int64(r.First), last: int64(r.Last), minutes: r.Minutes,
	}
}

// reader unpacks rows; it remembers texts, so that it needs no lock. One a goroutine.
type reader struct {
	names *names
	text  []string
}

func (n *names) reader() *reader { return &reader{names: n} }

func (d *reader) word(i uint32) string {
	if int(i) >= len(d.text) {
		d.names.mu.RLock()
		d.text = d.names.text[:len(d.names.text):len(d.names.text)]
		d.names.mu.RUnlock()
	}
	return d.text[i]
}

func (d *reader) end(kind, hi, lo uint64) netcase.Endpoint {
	if kind == kindName {
		return netcase.Endpoint{Name: d.word(uint32(lo))}
	}
	return d.names.end(kind, hi, lo)
}

// unpack fills a row.
func (d *reader) unpack(p *packed, r *cube.Row) {
	r.Peer = d.end(p.peerKind(), p.peerHi, p.peerLo)
	r.Host = d.end(p.hostKind(), p.hostHi, p.hostLo)
	d.unpackRest(p, r)
}

// unpackRest fills a row, but for its ends.
func (d *reader) unpackRest(p *packed, r *cube.Row) {
	r.Hour = int64(p.hour)
	r.Port, r.Proto, r.Direction, r.Reach, r.Resolution = p.port(), p.proto(), p.direction(), p.reach(), p.resolution()
	r.Sensor = d.word(p.sensor)
	r.Flows, r.Records = p.flows, p.records
	r.OctetsOut, r.OctetsIn, r.PacketsOut, r.PacketsIn = p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn
	r.First, r.Last, r.Minutes = netcase.Time(p.first), netcase.Time(p.last), p.minutes
	r.Hours, r.Agree, r.Conflict, r.Others = 1, p.agree, p.conflict, ""
	if p.others != 0 {
		r.Others = d.word(p.others)
	}
}

// compareEnds orders as netcase.Endpoint.Compare does.
func (d *reader) compareEnds(ak, ahi, alo, bk, bhi, blo uint64) int {
	switch {
	case ak != bk:
		return cmp.Compare(ak, bk)
	case ak == kindName:
		if alo == blo {
			return 0
		}
		return strings.Compare(d.word(uint32(alo)), d.word(uint32(blo)))
	case ahi != bhi:
		return cmp.Compare(ahi, bhi)
	}
	return cmp.Compare(alo, blo)
}

func (d *reader) comparePeers(a, b *packed) int {
	return d.compareEnds(a.peerKind(), a.peerHi, a.peerLo, b.peerKind(), b.peerHi, b.peerLo)
}

func (d *reader) compareHosts(a, b *packed) int {
	return d.compareEnds(a.hostKind(), a.hostHi, a.hostLo, b.hostKind(), b.hostHi, b.hostLo)
}

// compareRest orders by port, protocol, direction, reach, resolution, sensor.
func (d *reader) compareRest(a, b *packed) int {
	if x, y := a.rest>>resolutionShift, b.rest>>resolutionShift; x != y {
		return cmp.Compare(x, y)
	}
	if a.sensor != b.sensor {
		return strings.Compare(d.word(a.sensor), d.word(b.sensor))
	}
	return cmp.Compare(a.rest&extraBit, b.rest&extraBit)
}

// byPeer is the order of cube.Peers.
func (d *reader) byPeer(a, b *packed) int {
	if c := d.comparePeers(a, b); c != 0 {
		return c
	}
	if a.hour != b.hour {
		return cmp.Compare(a.hour, b.hour)
	}
	if c := d.compareHosts(a, b); c != 0 {
		return c
	}
	return d.compareRest(a, b)
}

// byHost is the order of cube.Hosts.
func (d *reader) byHost(a, b *packed) int {
	if c := d.compareHosts(a, b); c != 0 {
		return c
	}
	if a.hour != b.hour {
		return cmp.Compare(a.hour, b.hour)
	}
	if c := d.comparePeers(a, b); c != 0 {
		return c
	}
	return d.compareRest(a, b)
}

// byPair is the order of cube.Pairs, the hour last.
func (d *reader) byPair(a, b *packed) int {
	if c := d.comparePeers(a, b); c != 0 {
		return c
	}
	if c := d.compareHosts(a, b); c != 0 {
		return c
	}
	if c := d.compareRest(a, b); c != 0 {
		return c
	}
	return cmp.Compare(a.hour, b.hour)
}

// sameGroup tells whether two rows stand for one pair and reach.
func (p *packed) sameGroup(b *packed) bool {
	return p.peerHi == b.peerHi && p.peerLo == b.peerLo && p.hostHi == b.hostHi && p.hostLo == b.hostLo &&
		p.rest>>reachShift == b.rest>>reachShift && p.peerKind() == b.peerKind() && p.hostKind() == b.hostKind()
}

// sameCell tells whether two rows are accounts of one cell (hour, ends, port, protocol, direction).
func (p *packed) sameCell(b *packed) bool {
	return p.hour == b.hour && p.peerHi == b.peerHi && p.peerLo == b.peerLo && p.hostHi == b.hostHi && p.hostLo == b.hostLo &&
		p.rest>>directionShift == b.rest>>directionShift && p.peerKind() == b.peerKind() && p.hostKind() == b.hostKind()
}
