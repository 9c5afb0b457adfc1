package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"netcase"
	"netcase/cube"
)

const (
	maxExposures       = 50 // findings; the rest is one line
	maxExposureSources = 20
	telnet             = 23
)

// exposure notices administration ports that answer the Internet. It needs no
// intelligence: the open door is the news, whoever came through it.
func exposure() Detector {
	return Detector{
		Name:   "exposure",
		Doc:    "administration ports that answer outside addresses",
		Method: "inbound flows to an administration port from outside, approved sources and partners left out, with a two-way outcome",
		Ask: func(Config) Questions {
			return Questions{InSpan: true, Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound},
				Ports: netcase.AdminPorts, Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated}}}}
		},
		Refine: func(in *Input) []cube.Want {
			doors := openDoors(in)
			doors = doors[:min(len(doors), maxExposures)]
			knockers(in, doors)
			in.Memo = doors
			var wants []cube.Want
			for _, d := range doors {
				wants = append(wants, cube.Want{Tag: d.tag(), Selection: d.selection(), Records: cube.MaxRecords / 4})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, d := range in.Memo.([]*door) {
				out = append(out, d.finding(in))
			}
			return out
		},
	}
}

// door is one administration port of one host.
type door struct {
	host    netcase.Endpoint
	port    portKey
	sources int
	latest  netcase.Endpoint  // of the sources: rows come by source
	busiest []netcase.Profile // of the sources, at most twice maxExposureSources
	span    netcase.Span
	reach   netcase.Tally
	flows   int64
}

// doorKey names a door.
type doorKey struct {
	host netcase.Endpoint
	port portKey
}

// opens tells whether a row came through an administration port uninvited.
func opens(in *Input, r *cube.Row) bool {
	return r.Reach >= netcase.ReachBidirectional && netcase.IsAdminPort(r.Port) && !welcome(in.Site, r.Peer)
}

func (d *door) tag() string { return d.host.String() + " " + cube.PortName(d.port.port, d.port.proto) }

func (d *door) selection() netcase.Selection {
	return netcase.Selection{
		Hosts: []netcase.Endpoint{d.host}, Ports: []uint16{d.port.port}, Direction: netcase.Inbound,
		Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated},
	}
}

// openDoors lists the administration ports with a two-way flow from outside,
// most flows first.
func openDoors(in *Input) []*door {
	doors := map[doorNumber]*door{}
	for r := range in.rows(0) {
		if !r.unicast || !opens(in, &r.Row) {
			continue
		}
		d := doors[r.door()]
		if d == nil {
			d = &door{host: r.Host, port: portKey{r.Port, r.Proto}}
			doors[r.door()] = d
		}
		if d.sources == 0 || d.latest != r.Peer {
			d.sources++
			d.latest = r.Peer
		}
		d.span = d.span.Extend(r.First).Extend(r.Last)
		d.reach[r.Reach] += r.Flows
		d.flows += r.Flows
	}
	out := slices.Collect(maps.Values(doors))
	slices.SortFunc(out, func(a, b *door) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), a.host.Compare(b.host), cmp.Compare(a.port.port, b.port.port), cmp.Compare(a.port.proto, b.port.proto))
	})
	return out
}

// knockers finds the busiest sources of some doors. There may be millions of sources,
// so that only those of the row at hand, and the busiest so far, are kept.
func knockers(in *Input, doors []*door) {
	wanted := map[doorKey]*door{}
	for _, d := range doors {
		wanted[doorKey{d.host, d.port}] = d
	}
	if len(wanted) == 0 {
		return
	}
	met := map[doorNumber]*door{} // by their numbers in the reading; nil: not wanted
	open := map[*door]*profiler{} // of the source at hand
	flush := func() {
		for d, p := range open {
			d.offer(p.profile())
		}
		clear(open)
	}
	peer := int32(-1)
	for r := range in.rows(0) {
		if !r.unicast || !opens(in, &r.Row) {
			continue
		}
		d, looked := met[r.door()]
		if !looked {
			d = wanted[doorKey{r.Host, portKey{r.Port, r.Proto}}]
			met[r.door()] = d
		}
		if d == nil {
			continue
		}
		if r.PeerNumber != peer {
			flush()
			peer = r.PeerNumber
		}
		if open[d] == nil {
			open[d] = newProfiler(r.Peer, netcase.Inbound)
		}
		open[d].add(r, &r.Host, r.HostNumber)
	}
	flush()
	for _, d := range doors {
		d.trim()
	}
}

func (d *door) offer(p netcase.Profile) {
	if d.busiest = append(d.busiest, p); len(d.busiest) >= 2*maxExposureSources {
		d.trim()
	}
}

func (d *door) trim() {
	slices.SortFunc(d.busiest, mostFlowsFirst)
	d.busiest = d.busiest[:min(len(d.busiest), maxExposureSources)]
}

// welcome tells whether the owner named the source as approved, partner or monitoring.
func welcome(s *netcase.Site, peer netcase.Endpoint) bool {
	a := peer.Addr
	return a.IsValid() && (netcase.Within(s.Approved, a) || netcase.Within(s.Partners, a) || netcase.Within(s.Monitoring, a))
}

func (d *door) finding(in *Input) netcase.Finding {
	span := d.span
	name := in.Name(d.host)
	title := fmt.Sprintf("%s on %s answered %s in %s", cube.PortName(d.port.port, d.port.proto), name,
		count(d.sources, "outside address"), count(d.flows, "two-way flow"))
	sel := d.selection()
	sel.Span = span
	f := netcase.Finding{
		Kind: "admin port answers", Title: title, Technique: []string{"T1133"}, Direction: netcase.Inbound,
		Span: span, Selection: sel, Flows: d.flows, Reach: d.reach,
		Exposure: &netcase.ExposureFacts{
			Host: d.host, HostName: in.Names[d.host.Addr], Port: d.port.port, Proto: d.port.proto,
			SourceCount: d.sources, Sessions: d.reach.Answered(), Proven: true, Cleartext: d.port.port == telnet,
			Sources: d.busiest,
		},
		Limits: []string{"a two-way flow shows that the service answered, not that anyone logged in"},
	}
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: title + "; first " + span.Start.Short() + ", last " + span.End.Short() + " UTC",
		Numbers:   map[string]float64{"sources": float64(d.sources), "flows": float64(d.flows)},
		Selection: sel,
		Method:    "exposure: inbound, administration port, reach bidirectional or authenticated",
	}, d.tag())}
	return f
}
