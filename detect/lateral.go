package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"netcase"
	"netcase/cube"
)

// lateral notices machines of ours that reach administration ports of others of ours
// where they never did, or of far more of them than they used to.
func lateral() Detector {
	return Detector{
		Name: "lateral",
		Doc:  "connections to administration ports between our own machines that are new, or go to unusually many of them",
		Method: "flows between own machines on administration ports, by initiator: pairs of machine and port that three days or more of history do not hold, services that five or more machines used before left out, " +
			"and machines called in a day, at least five and three times the usual of at least a day of history",
		Ask: func(Config) Questions {
			return Questions{Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Lateral}, Ports: netcase.AdminPorts}}}
		},
		Refine: func(in *Input) []cube.Want {
			found := findMoves(in)
			in.Memo = found
			var wants []cube.Want
			for _, m := range found {
				wants = append(wants, cube.Want{Tag: m.from.String(), Selection: m.selection(), Records: moveRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, m := range in.Memo.([]*moves) {
				out = append(out, m.finding(in))
			}
			return out
		},
	}
}

// Parameters that are not configured.
const (
	moveFindings = 20
	moveRecords  = 20
	moveTargets  = 1 << 16 // machines and ports of one initiator that are followed
	movePopular  = 1 << 16 // services whose users are counted
)

// moves is what one initiator did on administration ports of others.
type moves struct {
	from     netcase.Endpoint
	targets  map[doorKey]*target
	days     map[int64]map[netcase.Endpoint]bool // machines called, by day, of the history
	today    map[int64]map[netcase.Endpoint]bool // … of the investigated span
	beyond   bool                                // more targets than are followed
	reach    netcase.Tally
	flows    int64
	answered int64
	span     netcase.Span

	fresh []doorKey // new pairs, sorted
	fan   float64   // usual machines a day
	most  int       // machines in the fullest day of the span
	kind  string
}

// target is one port of one machine as an initiator met it.
type target struct {
	before, within bool
	reach          netcase.Tally
}

func newMoves(from netcase.Endpoint) *moves {
	return &moves{from: from, targets: map[doorKey]*target{}, days: map[int64]map[netcase.Endpoint]bool{}, today: map[int64]map[netcase.Endpoint]bool{}}
}

func (m *moves) add(r *cube.Row, within bool) {
	k := doorKey{r.Host, portKey{r.Port, r.Proto}}
	t := m.targets[k]
	if t == nil {
		if len(m.targets) >= moveTargets {
			m.beyond = true
			return
		}
		t = &target{}
		m.targets[k] = t
	}
	days := m.days
	if within {
		days = m.today
		t.within = true
		t.reach[r.Reach] += r.Flows
		m.reach[r.Reach] += r.Flows
		m.flows += r.Flows
		m.span = m.span.Extend(r.First).Extend(r.Last)
	} else {
		t.before = true
	}
	d := floorTo(r.Hour, 24)
	if days[d] == nil {
		days[d] = map[netcase.Endpoint]bool{}
	}
	days[d][r.Host] = true
}

// findMoves reads the rows twice: who uses which service in the history, then what each
// initiator did. Memory holds one initiator and the short list.
func findMoves(in *Input) []*moves {
	tested := testedSpan(in)
	history := tested.Start - in.History.Start
	within := func(hour int64) bool {
		return netcase.Time(hour+1)*netcase.Hour > tested.Start && netcase.Time(hour)*netcase.Hour < tested.End
	}
	shared := sharedServices(in, within)
	var out []*moves
	var now *moves
	end := func() {
		if now != nil && now.judge(&in.Config.Move, shared, history) {
			out = append(out, now)
		}
		if len(out) > 4*moveFindings {
			out = mostMoves(out)
		}
	}
	for r := range in.rows(0) {
		if !r.unicast || r.Peer == r.Host {
			continue
		}
		if now == nil || now.from != r.Peer {
			end()
			now = newMoves(r.Peer)
		}
		now.add(&r.Row, within(r.Hour))
	}
	end()
	return mostMoves(out)
}

// testedSpan is the investigated span, or what of it comes after the first day that was
// read, so that there is something to compare with; the whole of it where there is no more.
func testedSpan(in *Input) netcase.Span {
	s := netcase.Span{Start: max(in.Span.Start, in.History.Start+in.Config.Move.History), End: in.Span.End}
	if s.Start >= min(in.Span.End, in.History.End) {
		s.Start = max(in.Span.Start, in.History.Start)
	}
	return s
}

// sharedServices counts the machines that used each service in the history.
func sharedServices(in *Input, within func(int64) bool) map[doorKey]int {
	users := map[doorKey]int{}
	mine := map[doorKey]bool{} // of the initiator at hand
	var from netcase.Endpoint
	for r := range in.rows(0) {
		if r.Peer != from {
			clear(mine)
			from = r.Peer
		}
		k := doorKey{r.Host, portKey{r.Port, r.Proto}}
		if within(r.Hour) || mine[k] || r.Reach.Failed() || len(mine) >= moveTargets {
			continue
		}
		mine[k] = true
		if _, ok := users[k]; ok || len(users) < movePopular {
			users[k]++
		}
	}
	return users
}

// judge tells whether what an initiator did is worth telling.
func (m *moves) judge(rules *MoveConfig, shared map[doorKey]int, history netcase.Time) bool {
	if m.flows == 0 {
		return false
	}
	for k, t := range m.targets {
		if !t.within {
			continue
		}
		m.answered += t.reach.Answered()
		if history >= rules.History && !t.before && shared[k] < rules.Shared && t.reach.Failed() < t.reach.Total() {
			m.fresh = append(m.fresh, k)
		}
	}
	slices.SortFunc(m.fresh, compareDoors)
	for _, machines := range m.today {
		m.most = max(m.most, len(machines))
	}
	var usual []float64
	for _, machines := range m.days {
		usual = append(usual, float64(len(machines)))
	}
	m.fan = middle(usual)
	switch {
	case m.most >= rules.Fan && float64(m.most) >= rules.Times*m.fan && history >= rules.History:
		m.kind = "unusually many machines"
	case len(m.fresh) > 0 && history >= rules.Unseen:
		m.kind = "new pairs"
	case history < rules.History && m.most >= rules.Fan:
		m.kind = "description"
	}
	return m.kind != ""
}

func compareDoors(a, b doorKey) int {
	return cmp.Or(a.host.Compare(b.host), cmp.Compare(a.port.port, b.port.port), cmp.Compare(a.port.proto, b.port.proto))
}

// mostMoves keeps the initiators that went furthest.
func mostMoves(all []*moves) []*moves {
	kinds := []string{"unusually many machines", "new pairs", "description"}
	slices.SortFunc(all, func(a, b *moves) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)), cmp.Compare(len(b.fresh), len(a.fresh)), cmp.Compare(b.most, a.most),
			cmp.Compare(b.flows, a.flows), a.from.Compare(b.from))
	})
	return all[:min(len(all), moveFindings)]
}

// told are the machines and ports that a finding speaks of: the new ones, else all.
func (m *moves) told() (hosts []netcase.Endpoint, ports []uint16) {
	doors := m.fresh
	if m.kind != "new pairs" {
		doors = slices.Collect(maps.Keys(m.targets))
	}
	for _, k := range doors {
		if m.targets[k].within {
			hosts, ports = append(hosts, k.host), append(ports, k.port.port)
		}
	}
	slices.SortFunc(hosts, netcase.Endpoint.Compare)
	slices.Sort(ports)
	return slices.Compact(hosts), slices.Compact(ports)
}

func (m *moves) selection() netcase.Selection {
	hosts, ports := m.told()
	return netcase.Selection{
		Peers: []netcase.Endpoint{m.from}, Hosts: hosts[:min(len(hosts), netcase.ProfileHosts)], Ports: ports, Direction: netcase.Lateral, Span: m.span,
	}
}

// administers tells whether the owner names a machine as one that administers others.
func administers(s *netcase.Site, e netcase.Endpoint) bool {
	for _, tag := range []string{"admin", "jump", "bastion", "management", "scanner", "backup", "monitoring"} {
		if s.Tagged(e, tag) {
			return true
		}
	}
	a := e.Addr
	return a.IsValid() && (netcase.Within(s.Approved, a) || netcase.Within(s.Monitoring, a))
}

func (m *moves) finding(in *Input) netcase.Finding {
	hosts, ports := m.told()
	facts := &netcase.LateralFacts{
		From: m.from, To: hosts[:min(len(hosts), netcase.ProfileHosts)], ToCount: len(hosts), Ports: ports, New: len(m.fresh),
		History: round(float64(testedSpan(in).Start-in.History.Start)/float64(netcase.Day), 2), Answered: m.answered, Fan: m.fan, FromAdmin: administers(in.Site, m.from),
	}
	f := netcase.Finding{Kind: m.kind, Direction: netcase.Lateral, Span: m.span, Selection: m.selection(), Flows: m.flows, Reach: m.reach, Lateral: facts,
		Limits: []string{"a connection to an administration port says that somebody or something reached it, not that anyone logged in"}}
	doors := map[portKey]bool{}
	for k, t := range m.targets {
		if t.within && slices.Contains(ports, k.port.port) {
			doors[k.port] = true
		}
	}
	where := portList(sortedDoors(doors), len(doors))
	switch m.kind {
	case "new pairs":
		f.Title = fmt.Sprintf("%s reached %s on %s for the first time in %s", in.Name(m.from), count(len(hosts), "own machine"), where, daysText(facts.History))
	case "description":
		f.Title = fmt.Sprintf("%s called %s on %s", in.Name(m.from), count(len(hosts), "own machine"), where)
		f.Limits = append(f.Limits, "only described: less than a day of history, so that nothing says whether this is new")
	default:
		f.Title = fmt.Sprintf("%s called %s in a day on %s, %s is usual", in.Name(m.from), count(m.most, "own machine"), where, amount(m.fan))
	}
	if m.beyond {
		f.Limits = append(f.Limits, fmt.Sprintf("the first %s machines and ports were followed", thousands(moveTargets)))
	}
	text := f.Title + "; " + reachText(m.reach)
	if len(m.fresh) > 0 {
		text += "; " + count(len(m.fresh), "pair") + " of machine and port never seen before"
	}
	if facts.FromAdmin {
		text += "; the owner names it as a machine that administers"
	}
	rules := &in.Config.Move
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: text, Selection: f.Selection,
		Numbers: map[string]float64{"machines": float64(len(hosts)), "new": float64(len(m.fresh)), "fullest_day": float64(m.most), "usual": m.fan, "answered": float64(m.answered)},
		Method: fmt.Sprintf("lateral: own machines on administration ports; new: not in at least %s of history, not refused, fewer than %d users before; many: at least %d in a day and %g times the median day",
			spanText(rules.Unseen), rules.Shared, rules.Fan, rules.Times),
	}, m.from.String())}
	return f
}
