package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// longconn notices connections that stay open for hours.
func longconn() Detector {
	return Detector{
		Name:   "longconn",
		Doc:    "connections with the outside that stayed open for hours",
		Method: "from start to end of raw records; bands, by default those of RITA 5: 1, 4, 8 and 12 hours; from the first where the other end is rare or listed, else from the second; known causes label, never delete",
		Ask: func(Config) Questions {
			return Questions{Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Outbound, netcase.Inbound}}}}
		},
		Refine: func(in *Input) []cube.Want {
			found := longCandidates(in)
			in.Memo = found
			var wants []cube.Want
			for _, l := range found {
				wants = append(wants, cube.Want{Tag: l.tag(), Starts: true, Records: longRecords, Selection: netcase.Selection{
					Peers: []netcase.Endpoint{l.Peer}, Hosts: []netcase.Endpoint{l.Host}, Ports: []uint16{l.Port}, Direction: l.Direction, Span: in.Span}})
			}
			return wants
		},
		Find: findLong,
	}
}

// Parameters that are not configured.
const (
	longPairs    = 200 // whose exact times are asked for
	longFindings = 30
	longRecords  = 6
	longBenign   = 10 // findings with a known cause
)

// longPair is a pair with a connection that may have been open for an hour.
type longPair struct {
	cube.Pair
	longest netcase.Time // at most so long, by the rows
	hosts   int
	estate  int
	listed  bool
	flows   int64
	reach   netcase.Tally

	exact, total netcase.Time // by the records
	sessions     int64
	out, in      int64
	span         netcase.Span
	name         string
}

func (l *longPair) tag() string {
	return fmt.Sprintf("%s %s %s %s", l.Direction, l.Host, l.Peer, cube.PortName(l.Port, l.Proto))
}

func (l *longPair) order(o *longPair) int {
	return cmp.Or(cmp.Compare(b2i(o.listed), b2i(l.listed)), cmp.Compare(b2i(l.hosts > fewCallers), b2i(o.hosts > fewCallers)), cmp.Compare(o.longest, l.longest),
		l.Peer.Compare(o.Peer), l.Host.Compare(o.Host), cmp.Compare(l.Port, o.Port), cmp.Compare(l.Proto, o.Proto), cmp.Compare(l.Direction, o.Direction))
}

// longCandidates are the pairs with a row that reaches from its first start to an end an
// hour or more later. A row of several flows may be shorter: the exact times tell.
func longCandidates(in *Input) []*longPair {
	people := newCensus()
	open := map[cube.Pair]*longPair{} // of the peer at hand
	var list []*longPair
	var peer netcase.Endpoint
	number := int32(-1)
	trim := func() {
		slices.SortFunc(list, (*longPair).order)
		list = list[:min(len(list), longPairs)]
	}
	end := func() {
		hosts := people.next()
		listed := len(open) > 0 && adverse(in, peer)
		for _, l := range open {
			l.hosts, l.listed = hosts, listed
			list = append(list, l)
		}
		clear(open)
		if len(list) > 4*longPairs {
			trim()
		}
	}
	for r := range in.rows(0) {
		if r.PeerNumber != number {
			end()
			peer, number = r.Peer, r.PeerNumber
		}
		if r.Direction == netcase.Outbound {
			people.note(r.HostNumber)
		}
		length := r.Last - r.First
		if length < in.Config.Long.Bands[0] || r.Resolution.Aggregated() || !r.unicast || !inSpan(in, r.Hour) {
			continue
		}
		p := cube.PairOf(&r.Key)
		l := open[p]
		if l == nil {
			if len(open) >= mostCallers {
				continue
			}
			l = &longPair{Pair: p}
			open[p] = l
		}
		l.longest = max(l.longest, length)
		l.flows += r.Flows
		l.reach[r.Reach] += r.Flows
	}
	end()
	trim()
	names := askedNames(in)
	for _, l := range list {
		l.estate = people.estate()
		if n, ok := names.get(asked{l.Host, l.Peer}); ok && !n.several {
			l.name = n.name
		}
	}
	return list
}

func findLong(in *Input) []netcase.Finding {
	var kept []*longPair
	for _, l := range in.Memo.([]*longPair) {
		if l.measure(in); l.worthTelling(in) {
			kept = append(kept, l)
		}
	}
	slices.SortStableFunc(kept, func(a, b *longPair) int {
		return cmp.Or(cmp.Compare(b2i(a.cause(in) != ""), b2i(b.cause(in) != "")), cmp.Compare(b2i(b.listed), b2i(a.listed)),
			cmp.Compare(b2i(b.rarity(in).Rare), b2i(a.rarity(in).Rare)), cmp.Compare(b.exact, a.exact), a.order(b))
	})
	var out []netcase.Finding
	benign := 0
	for _, l := range kept {
		if l.cause(in) != "" {
			if benign++; benign > longBenign {
				continue
			}
		}
		if len(out) < longFindings {
			out = append(out, l.finding(in))
		}
	}
	return out
}

// measure takes the lengths of the connections from the records of one sensor.
func (l *longPair) measure(in *Input) {
	l.out, l.in = netcase.Absent, netcase.Absent
	for _, s := range oneSensor(in.Details.Starts[l.Pair]) {
		length := s.End - s.At
		if length < in.Config.Long.Bands[0] || s.Resolution.Aggregated() || s.Flows > 1 {
			continue
		}
		l.sessions++
		l.total += length
		l.exact = max(l.exact, length)
		l.out, l.in = addSize(l.out, s.OctetsOut), addSize(l.in, s.OctetsIn)
		l.span = l.span.Extend(s.At).Extend(s.End)
	}
	if l.Direction == netcase.Inbound {
		l.out, l.in = l.in, l.out
	}
}

// rarity of a source that calls us is not a matter of how many of us it calls.
func (l *longPair) rarity(in *Input) netcase.Rarity {
	r := rarityOf(in, l.hosts, l.estate)
	r.Rare = r.Rare && l.Direction == netcase.Outbound
	return r
}

func (l *longPair) cause(in *Input) string {
	return causeOf(in, called{l.Peer, l.name, l.Port, l.Proto}, routines())
}

func (l *longPair) worthTelling(in *Input) bool {
	return l.exact >= in.Config.Long.Bands[1] || l.exact >= in.Config.Long.Bands[0] && (l.listed || l.rarity(in).Rare)
}

// band is the largest of the bands that a length reaches.
func (c *LongConfig) band(length netcase.Time) netcase.Time {
	best := c.Bands[0]
	for _, b := range c.Bands {
		if length >= b {
			best = b
		}
	}
	return best
}

func (c *LongConfig) text() string {
	var out []string
	for _, b := range c.Bands {
		out = append(out, seconds(b))
	}
	return strings.Join(out, ", ")
}

func (l *longPair) finding(in *Input) netcase.Finding {
	cause := l.cause(in)
	facts := &netcase.LongFacts{
		Host: l.Host, Peer: l.Peer, Port: l.Port, Proto: l.Proto, Longest: span(l.exact), Total: span(l.total), Sessions: l.sessions, Out: l.out, In: l.in, Cause: cause, Rarity: l.rarity(in),
	}
	from, to := in.Name(l.Host), in.Name(l.Peer)
	if l.name != "" {
		to = l.name + " (" + l.Peer.String() + ")"
	}
	if l.Direction == netcase.Inbound {
		from, to = to, from
	}
	f := netcase.Finding{
		Kind: "long connection", Direction: l.Direction, Span: l.span, Flows: l.sessions, Long: facts,
		Title:     fmt.Sprintf("%s to %s on %s: open for %s", from, to, cube.PortName(l.Port, l.Proto), seconds(l.exact)),
		Selection: netcase.Selection{Peers: []netcase.Endpoint{l.Peer}, Hosts: []netcase.Endpoint{l.Host}, Ports: []uint16{l.Port}, Direction: l.Direction, Span: l.span},
		Limits:    []string{"a sensor that reports in parts, by an active timeout, shows a long connection as several short ones: such are not found here"},
	}
	f.Reach[l.reach.Best()] = l.sessions
	var parts []string
	if l.sessions > 1 {
		parts = append(parts, fmt.Sprintf("%s of %s or more, together %s", count(l.sessions, "connection"), seconds(in.Config.Long.Bands[0]), seconds(l.total)))
	}
	parts = append(parts, fmt.Sprintf("above the band of %s", seconds(in.Config.Long.band(l.exact))))
	if l.out != netcase.Absent {
		parts = append(parts, "our side sent "+mib(l.out))
	}
	if cause != "" {
		parts = append(parts, cause)
		f.Limits = append(f.Limits, "the cause is a label: a known port, name or address can be borrowed")
	}
	if l.Direction == netcase.Outbound {
		parts = append(parts, rarityText(in, facts.Rarity))
	}
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: f.Title + "; " + strings.Join(parts, "; "), Selection: f.Selection,
		Numbers: map[string]float64{"longest_hours": round(float64(l.exact)/float64(netcase.Hour), 2), "total_hours": round(float64(l.total)/float64(netcase.Hour), 2), "connections": float64(l.sessions)},
		Method:  "longconn: end less start of records of single flows; bands of " + in.Config.Long.text(),
	}, l.tag())}
	return f
}
