package detect

import (
	"fmt"
	"slices"

	"netcase"
	"netcase/cube"
)

// readSources counts the distinct outside sources of every bin. Many sources with a flow
// each hardly move a count of flows that a few busy ones make. Rows come by peer, then by
// hour, so that nothing is kept of a peer.
func (s *seriesSet) readSources(in *Input) {
	k := rowsIndex(netcase.Inbound)
	l := &line{direction: netcase.Inbound, by: cube.ByTotal, distinct: true, x: make([]float64, s.g.bins())}
	peer, last := int32(-1), -1
	for r := range in.rows(k) {
		if r.PeerNumber != peer {
			peer, last = r.PeerNumber, -1
		}
		if i, ok := s.g.bin(netcase.Time(r.Hour) * netcase.Hour); ok && i > last {
			l.x[i]++
			last = i
		}
	}
	if sum(l.x) > 0 {
		s.series++
		s.lines = append(s.lines, l)
	}
}

// sources is the line of distinct sources; nil: there were none.
func (s *seriesSet) sources() *line {
	i := slices.IndexFunc(s.lines, func(l *line) bool { return l.distinct })
	if i < 0 {
		return nil
	}
	return s.lines[i]
}

// hiddenSources is the windows in which more sources came than were to be expected, and
// the flows do not show it.
func (s *seriesSet) hiddenSources(in *Input, covered []bool) (out []rise) {
	l := s.sources()
	if l == nil {
		return nil
	}
	for _, r := range s.windows(in, l) {
		if r.kind == "spike" && !anyOf(covered[r.from:r.to]) {
			mark(covered, r.from, r.to)
			out = append(out, r)
		}
	}
	return out
}

// readItems attributes a count of distinct sources. Each source of a bin is one item, and
// it is shared out evenly among the ports, hosts, outcomes and sensors that it met.
//
// Source: the Shapley value of a coverage game: an item that k players cover gives each 1/k.
func (b *breakdown) readItems(addresses, networks *ranking) {
	var item sharedItem
	var p part
	end := func() {
		if item.bin < 0 {
			return
		}
		inside := b.inWindow(item.bin)
		if inside {
			p.in++
		} else {
			p.before++
		}
		share(b.hosts, item.hosts, inside)
		share(b.ports, item.ports, inside)
		share(b.reaches, item.reaches, inside)
		share(b.sensors, item.sensors, inside)
		item.clear()
	}
	endPeer := func() {
		end()
		if p != (part{}) {
			b.endPeer(addresses, networks, item.peer, p)
		}
		p = part{}
	}
	item.bin, item.number = -1, -1
	b.eachRow(func(row *row, bin int) {
		inside := b.inWindow(bin)
		if !inside && !b.before[bin] {
			return
		}
		if row.PeerNumber != item.number {
			endPeer()
			item.peer, item.number = row.Peer, row.PeerNumber
		}
		if bin != item.bin {
			end()
			item.bin = bin
		}
		if inside {
			b.note(&row.Row)
		}
		item.meet(&row.Row)
	})
	endPeer()
	b.endNetwork(networks)
}

// sharedItem is one source in one bin, with what it met there.
type sharedItem struct {
	peer    netcase.Endpoint
	number  int32 // of the peer in the reading; -1: none
	bin     int   // -1: none
	hosts   map[netcase.Endpoint]bool
	ports   map[portKey]bool
	reaches map[netcase.Reach]bool
	sensors map[string]bool
}

func (i *sharedItem) meet(row *cube.Row) {
	if i.hosts == nil {
		i.hosts, i.ports = map[netcase.Endpoint]bool{}, map[portKey]bool{}
		i.reaches, i.sensors = map[netcase.Reach]bool{}, map[string]bool{}
	}
	i.hosts[row.Host] = true
	i.ports[portKey{row.Port, row.Proto}] = true
	i.reaches[row.Reach] = true
	i.sensors[row.Sensor] = true
}

func (i *sharedItem) clear() {
	i.bin = -1
	clear(i.hosts)
	clear(i.ports)
	clear(i.reaches)
	clear(i.sensors)
}

// share gives each value that an item met its even part of the item.
func share[K comparable](d map[K]*part, met map[K]bool, inside bool) {
	for v := range met {
		tell(d, v, inside, 1/float64(len(met)))
	}
}

func systemName(asn uint32) string {
	if asn == 0 {
		return "AS not known"
	}
	return fmt.Sprintf("AS%d", asn)
}
