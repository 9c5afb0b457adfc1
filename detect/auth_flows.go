package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"netcase"
	"netcase/cube"
)

// What flows alone let one suppose of logins. A client that guesses makes many short
// sessions that are alike; a service that answers sends octets back. It is the weaker
// word: no flow says whether a password was tried.

const mostRuns = 200 // pairs whose exact times are asked for, the busiest

// sessionRun is one source that came to an administration port of a host again and again.
type sessionRun struct {
	pair  cube.Pair
	flows int64 // two-way flows in the busiest hour
	hours netcase.Span
}

// sessionRunSet is the runs, and what could not be measured.
type sessionRunSet struct {
	runs       []*sessionRun
	left       int // runs beyond the bound
	unmeasured []unmeasuredPair
	others     int // pairs that could not be measured, beyond those listed
}

type unmeasuredPair struct {
	pair  cube.Pair
	flows int64
	span  netcase.Span
	why   string
}

const (
	whyInterval = "their records stand for intervals, not for sessions"
	whySizes    = "their records have no sizes or no packets"
)

// sessionRuns looks for sources with many two-way flows to an administration port in an
// hour. Sources and hosts of which a login log tells are left to it: sessions that it does
// not call failures are a program's at work.
func sessionRuns(in *Input, told []*authCase, hosts map[string]bool) *sessionRunSet {
	logged := map[netcase.Endpoint]bool{}
	for _, c := range told {
		for _, p := range c.peers {
			logged[p] = true
		}
	}
	out := &sessionRunSet{}
	open := map[cube.Pair]*runBuilder{}
	peer := int32(-1)
	flush := func() {
		for _, b := range open {
			out.offer(in, b)
		}
		clear(open)
	}
	for r := range in.rows(0) {
		if r.PeerNumber != peer {
			flush()
			peer = r.PeerNumber
		}
		if !r.unicast || r.Reach < netcase.ReachBidirectional || !netcase.IsAdminPort(r.Port) {
			continue
		}
		if logged[r.Peer] || hosts[hostName(in, r.Host)] || welcome(in.Site, r.Peer) {
			continue
		}
		if r.Resolution == netcase.ResolutionRaw && r.Flows < in.Config.Auth.FlowSessions/2 {
			continue // a sliding hour may lie across two of the clock
		}
		k := cube.PairOf(&r.Key)
		b := open[k]
		if b == nil {
			b = &runBuilder{pair: k}
			open[k] = b
		}
		b.add(&r.Row)
	}
	flush()
	slices.SortFunc(out.runs, compareRuns)
	out.trim()
	slices.SortFunc(out.unmeasured, func(a, b unmeasuredPair) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), comparePairs(a.pair, b.pair))
	})
	return out
}

func comparePairs(a, b cube.Pair) int {
	return cmp.Or(a.Peer.Compare(b.Peer), a.Host.Compare(b.Host), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Direction, b.Direction))
}

func compareRuns(a, b *sessionRun) int {
	return cmp.Or(cmp.Compare(b.flows, a.flows), comparePairs(a.pair, b.pair))
}

// runBuilder adds up the hours of one pair.
type runBuilder struct {
	pair    cube.Pair
	best    int64 // flows of the busiest hour that may be a run
	hours   netcase.Span
	coarse  int64 // flows in records that stand for intervals
	unsized int64 // flows of busy hours without sizes
	span    netcase.Span
}

func (b *runBuilder) add(r *cube.Row) {
	b.span = b.span.Extend(r.First).Extend(r.Last)
	hour := netcase.Span{Start: netcase.Time(r.Hour) * netcase.Hour, End: netcase.Time(r.Hour+1) * netcase.Hour}
	switch {
	case r.Resolution != netcase.ResolutionRaw:
		b.coarse += r.Flows
	case r.OctetsIn == netcase.Absent || r.OctetsOut == netcase.Absent || r.PacketsOut == netcase.Absent || r.PacketsIn == netcase.Absent:
		b.unsized += r.Flows
	case r.OctetsIn > 0:
		b.best = max(b.best, r.Flows)
		b.hours = b.hours.Join(hour)
	}
}

func (s *sessionRunSet) offer(in *Input, b *runBuilder) {
	least := in.Config.Auth.FlowSessions
	u := unmeasuredPair{pair: b.pair, flows: b.coarse, span: b.span, why: whyInterval}
	switch {
	case b.best > 0:
		if s.runs = append(s.runs, &sessionRun{pair: b.pair, flows: b.best, hours: b.hours}); len(s.runs) >= 2*mostRuns {
			slices.SortFunc(s.runs, compareRuns)
			s.trim()
		}
		return
	case b.coarse >= least:
	case b.unsized >= least:
		u.flows, u.why = b.unsized, whySizes
	default:
		return
	}
	s.unmeasured = append(s.unmeasured, u)
	if len(s.unmeasured) >= 2*mostRuns {
		slices.SortFunc(s.unmeasured, func(a, b unmeasuredPair) int {
			return cmp.Or(cmp.Compare(b.flows, a.flows), comparePairs(a.pair, b.pair))
		})
		s.others += len(s.unmeasured) - mostRuns
		s.unmeasured = s.unmeasured[:mostRuns]
	}
}

func (s *sessionRunSet) trim() {
	s.left += max(len(s.runs)-mostRuns, 0)
	s.runs = s.runs[:min(len(s.runs), mostRuns)]
}

func (r *sessionRun) tag() string {
	return fmt.Sprintf("flows %s %s %s %s", r.pair.Peer, r.pair.Host, cube.PortName(r.pair.Port, r.pair.Proto), r.pair.Direction)
}

func (r *sessionRun) selection() netcase.Selection {
	return netcase.Selection{
		Peers: []netcase.Endpoint{r.pair.Peer}, Hosts: []netcase.Endpoint{r.pair.Host}, Ports: []uint16{r.pair.Port}, Direction: r.pair.Direction,
		Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated}, Span: r.hours,
	}
}

func (s *sessionRunSet) wants() (out []cube.Want) {
	for _, r := range s.runs {
		w := cube.Want{Tag: r.tag(), Selection: r.selection(), Starts: true, Records: cube.MaxRecords / 4}
		w.Selection.Span.End += netcase.Day // a session may come later
		out = append(out, w)
	}
	return out
}

func (s *sessionRunSet) findings(in *Input) (out []netcase.Finding) {
	for _, r := range s.runs {
		m, why := r.measure(in)
		switch {
		case why != "":
			s.unmeasured = append(s.unmeasured, unmeasuredPair{pair: r.pair, flows: r.flows, span: r.hours, why: why})
		case m.alike:
			out = append(out, r.finding(in, m))
			if m.session != nil {
				out = append(out, r.sessionFinding(in, m))
			}
		}
	}
	if f := s.unmeasuredFinding(); f != nil {
		out = append(out, *f)
	}
	return out
}

// runMeasure is what the exact times of a run show.
type runMeasure struct {
	alike   bool
	n       int // sessions in the busiest sliding hour
	span    netcase.Span
	median  float64 // octets of one, both ways
	cv      float64
	packets float64     // of one, both ways, on average
	session *cube.Start // a long one after the run
}

// measure looks at the busiest sliding hour of a run; why: it cannot.
func (r *sessionRun) measure(in *Input) (m runMeasure, why string) {
	c := &in.Config.Auth
	var starts []cube.Start
	for _, s := range oneSensor(in.Details.Starts[r.pair]) {
		if s.Resolution == netcase.ResolutionRaw && s.OctetsIn > 0 && s.OctetsOut >= 0 && s.PacketsOut >= 0 && s.PacketsIn >= 0 && s.Flows == 1 {
			starts = append(starts, s)
		}
	}
	if len(starts) == 0 {
		return m, "their exact times are not available"
	}
	from, to := busiestHour(starts)
	m.n = to - from
	if int64(m.n) < c.FlowSessions {
		return m, ""
	}
	hour := starts[from:to]
	m.median = middle(octetsOf(hour))
	var short []cube.Start
	for _, s := range hour {
		if octets(s) < c.SessionTimes*m.median {
			short = append(short, s)
		}
	}
	m.span = netcase.Span{Start: hour[0].At, End: hour[len(hour)-1].At + 1}
	m.cv = variation(octetsOf(short))
	for _, s := range short {
		m.packets += float64(s.PacketsOut+s.PacketsIn) / float64(len(short))
	}
	m.alike = int64(len(short)) >= c.FlowSessions && m.cv <= c.FlowCV && m.packets >= c.FlowPackets[0] && m.packets <= c.FlowPackets[1]
	if !m.alike {
		return m, ""
	}
	for i := range starts {
		s := &starts[i]
		if s.At >= short[c.FlowSessions-1].At && octets(*s) >= c.SessionTimes*m.median && s.End-s.At >= c.SessionLength {
			m.session = s
			break
		}
	}
	return m, ""
}

func octets(s cube.Start) float64 { return float64(s.OctetsOut) + float64(s.OctetsIn) }

func octetsOf(starts []cube.Start) []float64 {
	out := make([]float64, len(starts))
	for i := range starts {
		out[i] = octets(starts[i])
	}
	return out
}

// variation is the standard deviation over the mean.
func variation(v []float64) float64 {
	mean, squares := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		squares += (x - mean) * (x - mean) / float64(max(len(v)-1, 1))
	}
	if mean <= 0 {
		return 0
	}
	return math.Sqrt(squares) / mean
}

// busiestHour is the stretch of starts, which come by time, that lie within an hour and
// are most.
func busiestHour(starts []cube.Start) (from, to int) {
	begin := 0
	for i := range starts {
		for starts[i].At-starts[begin].At >= netcase.Hour {
			begin++
		}
		if i+1-begin > to-from {
			from, to = begin, i+1
		}
	}
	return from, to
}

func (r *sessionRun) finding(in *Input, m runMeasure) netcase.Finding {
	where := cube.PortName(r.pair.Port, r.pair.Proto) + " of " + in.Name(r.pair.Host)
	f := r.base(m)
	f.Kind = "consistent with bruteforce"
	f.Title = fmt.Sprintf("%s of like size from %s to %s within an hour: consistent with password guessing (no login log)",
		count(m.n, "two-way flow"), r.pair.Peer, where)
	f.Technique = []string{"T1110.001"}
	f.Limits = []string{"flows do not show whether a password was tried, nor whether one was right: this is at most likely"}
	f.Auth.Pattern, f.Auth.Failures = netcase.PatternGuessing, 0
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: fmt.Sprintf("%s; %.0f octets in the middle, coefficient of variation %.2f, %.0f packets each", f.Title, m.median, m.cv, m.packets),
		Selection: f.Selection, Method: "auth: two-way flows of like size to an administration port",
		Numbers: map[string]float64{"flows": float64(m.n), "median octets": m.median, "cv": m.cv, "packets": m.packets},
	}, r.tag())}
	return f
}

func (r *sessionRun) base(m runMeasure) netcase.Finding {
	f := netcase.Finding{
		Direction: r.pair.Direction, Span: m.span, Selection: r.selection(), Flows: int64(m.n),
		Auth: &netcase.AuthFacts{
			Host: r.pair.Host, Hosts: []netcase.Endpoint{r.pair.Host}, HostCount: 1, Peers: []netcase.Endpoint{r.pair.Peer}, PeerCount: 1,
			Service: cube.PortName(r.pair.Port, r.pair.Proto), FromFlows: true,
		},
	}
	f.Reach[netcase.ReachBidirectional] = int64(m.n)
	return f
}

func (r *sessionRun) sessionFinding(in *Input, m runMeasure) netcase.Finding {
	f := r.base(m)
	s := m.session
	f.Kind, f.Flows = "possible session", 1
	f.Reach = netcase.Tally{}
	f.Reach[netcase.ReachBidirectional] = 1
	f.Span = netcase.Span{Start: s.At, End: s.End + 1}
	f.Selection.Span = f.Span
	f.Title = fmt.Sprintf("possible session: a flow of %s and %.0f octets from %s to %s after %s that were short",
		long(s.End-s.At), octets(*s), r.pair.Peer, cube.PortName(r.pair.Port, r.pair.Proto)+" of "+in.Name(r.pair.Host), count(m.n, "two-way flow"))
	f.Limits = []string{"flows do not show a login: a slow answer or a file that was offered looks the same"}
	f.Auth.Pattern, f.Auth.LoginAt = netcase.PatternSession, 0
	f.Evidence = []netcase.Evidence{{
		Statement: f.Title + "; at " + s.At.Short() + " UTC", Selection: f.Selection, Total: 1,
		Method:  "auth: a long flow after many short ones that are alike",
		Numbers: map[string]float64{"octets": octets(*s), "median octets": m.median, "seconds": float64(s.End-s.At) / float64(netcase.Second)},
	}}
	return f
}

// unmeasuredFinding says of which sources guessing could not be told from flows.
func (s *sessionRunSet) unmeasuredFinding() *netcase.Finding {
	if len(s.unmeasured) == 0 {
		return nil
	}
	slices.SortStableFunc(s.unmeasured, func(a, b unmeasuredPair) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), comparePairs(a.pair, b.pair))
	})
	pairs := int64(len(s.unmeasured) + s.others)
	f := netcase.Finding{Kind: "guessing not measurable", Auth: &netcase.AuthFacts{Pattern: netcase.PatternUnmeasured, FromFlows: true}}
	reasons := map[string]int{}
	peers, hosts := map[netcase.Endpoint]bool{}, map[netcase.Endpoint]bool{}
	for _, u := range s.unmeasured {
		reasons[u.why]++
		peers[u.pair.Peer], hosts[u.pair.Host] = true, true
		f.Flows += u.flows
		f.Span = f.Span.Join(u.span)
		if len(f.Auth.Peers) < netcase.MaxSources && !slices.Contains(f.Auth.Peers, u.pair.Peer) {
			f.Auth.Peers = append(f.Auth.Peers, u.pair.Peer)
		}
	}
	slices.SortFunc(f.Auth.Peers, netcase.Endpoint.Compare)
	f.Auth.PeerCount, f.Auth.HostCount = len(peers), len(hosts)
	f.Reach[netcase.ReachBidirectional] = f.Flows
	why := ""
	for _, w := range []string{whyInterval, whySizes, "their exact times are not available"} {
		if reasons[w] > 0 && why == "" {
			why = w
		}
	}
	f.Title = fmt.Sprintf("whether passwords were guessed cannot be told from the flows of %s with administration ports: %s", count(pairs, "pair"), why)
	f.Selection = netcase.Selection{Peers: f.Auth.Peers[:min(len(f.Auth.Peers), maxSelected)], Span: f.Span}
	f.Limits = []string{"a login log of these hosts would tell"}
	f.Evidence = []netcase.Evidence{{
		Statement: fmt.Sprintf("%s (%s in all)", f.Title, count(f.Flows, "two-way flow")), Selection: f.Selection, Method: "auth: flows that are no sessions",
		Numbers: map[string]float64{"pairs": float64(pairs), "flows": float64(f.Flows), "sources": float64(len(peers)), "hosts": float64(len(hosts))},
	}}
	return &f
}
