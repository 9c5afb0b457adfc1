package detect

import (
	"cmp"
	"fmt"
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
			return Questions{InSpan: true, Rows: []cube.Question{{Kind: cube.Hosts, Directions: []netcase.Direction{netcase.Inbound}}}}
		},
		Refine: func(in *Input) []cube.Want {
			doors := openDoors(in)
			in.Memo = doors
			var wants []cube.Want
			for i := range doors {
				if i < maxExposures {
					wants = append(wants, cube.Want{Tag: doors[i].tag(), Selection: doors[i].selection(), Records: cube.MaxRecords / 4})
				}
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for i, d := range in.Memo.([]*door) {
				if i == maxExposures {
					break
				}
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
	sources map[netcase.Endpoint]*profiler
	reach   netcase.Tally
	flows   int64
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
	doors := map[netcase.Endpoint]map[portKey]*door{}
	for r := range unicast(in.Rows(0)) {
		if !netcase.IsAdminPort(r.Port) || r.Reach < netcase.ReachBidirectional || welcome(in.Site, r.Peer) {
			continue
		}
		k := portKey{r.Port, r.Proto}
		if doors[r.Host] == nil {
			doors[r.Host] = map[portKey]*door{}
		}
		d := doors[r.Host][k]
		if d == nil {
			d = &door{host: r.Host, port: k, sources: map[netcase.Endpoint]*profiler{}}
			doors[r.Host][k] = d
		}
		if d.sources[r.Peer] == nil {
			d.sources[r.Peer] = newProfiler(r.Peer, netcase.Inbound)
		}
		d.sources[r.Peer].add(&r, r.Host)
		d.reach[r.Reach] += r.Flows
		d.flows += r.Flows
	}
	var out []*door
	for _, ports := range doors {
		for _, d := range ports {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *door) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), a.host.Compare(b.host), cmp.Compare(a.port.port, b.port.port), cmp.Compare(a.port.proto, b.port.proto))
	})
	return out
}

// welcome tells whether the owner named the source as approved, partner or monitoring.
func welcome(s *netcase.Site, peer netcase.Endpoint) bool {
	a := peer.Addr
	return a.IsValid() && (netcase.Within(s.Approved, a) || netcase.Within(s.Partners, a) || netcase.Within(s.Monitoring, a))
}

func (d *door) finding(in *Input) netcase.Finding {
	var sources []netcase.Profile
	for _, b := range d.sources {
		sources = append(sources, b.profile())
	}
	slices.SortFunc(sources, mostFlowsFirst)
	span := spanOf(sources)
	name := in.Name(d.host)
	title := fmt.Sprintf("%s on %s answered %s in %s", cube.PortName(d.port.port, d.port.proto), name,
		count(len(sources), "outside address"), count(d.flows, "two-way flow"))
	sel := d.selection()
	sel.Span = span
	f := netcase.Finding{
		Kind: "admin port answers", Title: title, Technique: []string{"T1133"}, Direction: netcase.Inbound,
		Span: span, Selection: sel, Flows: d.flows, Reach: d.reach,
		Exposure: &netcase.ExposureFacts{
			Host: d.host, HostName: in.Names[d.host.Addr], Port: d.port.port, Proto: d.port.proto,
			SourceCount: len(sources), Sessions: d.reach.Answered(), Proven: true, Cleartext: d.port.port == telnet,
			Sources: sources[:min(len(sources), maxExposureSources)],
		},
		Limits: []string{"a two-way flow shows that the service answered, not that anyone logged in"},
	}
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: title + "; first " + span.Start.Short() + ", last " + span.End.Short() + " UTC",
		Numbers:   map[string]float64{"sources": float64(len(sources)), "flows": float64(d.flows)},
		Selection: sel,
		Method:    "exposure: inbound, administration port, reach bidirectional or authenticated",
	}, d.tag())}
	return f
}
