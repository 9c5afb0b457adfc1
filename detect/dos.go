package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"netcase"
	"netcase/cube"
)

// dos notices load on one service far beyond what it used to bear, from many sources or
// from addresses that look made up, and the same from our side against another's.
func dos() Detector {
	return Detector{
		Name: "dos",
		Doc:  "ten times the usual load on one service within an hour, from many or made-up sources, and whether the service suffered",
		Method: "flows an hour on one host and port against the negative binomial baseline of that port; distinct sources and sources of one unanswered flow; " +
			"answered flows against their own baseline",
		Ask: func(Config) Questions {
			return Questions{
				Timelines: []cube.TimelineQuestion{
					lineAlive:   {By: cube.BySensor},
					loadsByHost: {By: cube.ByHost, Directions: []netcase.Direction{netcase.Inbound}},
				},
				Rows: []cube.Question{
					{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Outbound}},
				},
			}
		},
		Refine: func(in *Input) []cube.Want {
			floods := findFloods(in)
			in.Memo = floods
			var wants []cube.Want
			for _, f := range floods {
				wants = append(wants, cube.Want{Tag: f.tag(), Selection: f.selection(), Records: floodRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, f := range in.Memo.([]*flood) {
				out = append(out, f.finding(in))
			}
			return out
		},
	}
}

// Bounds of what is kept and told.
const (
	floodServices = 64 // services whose hours are kept: those with the fullest hour
	floodFindings = 10 // the heaviest are told
	floodRecords  = 40
)

// service is one port of one machine, as the target of load.
type service struct {
	host netcase.Endpoint
	port portKey
	dir  netcase.Direction
}

func (s service) compare(o service) int {
	return cmp.Or(cmp.Compare(s.dir, o.dir), s.host.Compare(o.host), cmp.Compare(s.port.port, o.port.port), cmp.Compare(s.port.proto, o.port.proto))
}

// load is what one service bore in one hour.
type load struct {
	flows           int64
	reach           netcase.Tally
	packets, octets int64 // Absent where no record says
	sources, single int64 // distinct; those with one unanswered flow
	top             int64 // flows of the busiest source

	asked, open uint64 // minutes in which flows began; in which one began that was, or may have been, answered
	blurred     bool   // some records stand for more than a minute
}

func inSpan(in *Input, hour int64) bool {
	return in.Span.Overlaps(netcase.Span{Start: netcase.Time(hour) * netcase.Hour, End: netcase.Time(hour+1) * netcase.Hour})
}

// flood is one service under load.
type flood struct {
	service  service
	grid     *grid
	from, to int
	base     *baseline
	hours    []load
	expected float64
	p        float64
	kind     string // flood, or description where there is no history
	suffers  netcase.State
	why      string

	dark         netcase.Span // the longest stretch of whole minutes in which it was asked and answered nobody
	darkExpected float64      // answers in it that were to be expected
}

// findFloods reads the hours of the busiest services and judges them.
func findFloods(in *Input) []*flood {
	s := &seriesSet{}
	if s.g = s.layGrid(in); s.g == nil {
		return nil
	}
	s.g.hours = max(s.g.hours, 1)
	s.trim(in)
	found, hours := busiestLoads(in, s.g)
	var out []*flood
	for _, x := range found {
		if f := judgeLoad(in, s.g, x, hours[x], len(found)); f != nil {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b *flood) int {
		return cmp.Or(cmp.Compare(b2i(b.kind == "flood"), b2i(a.kind == "flood")), cmp.Compare(b.flows(), a.flows()))
	})
	return out[:min(len(out), floodFindings)]
}

// join adds a bin to a window; the sources of the fullest bin stand for it.
func (l *load) join(o *load) {
	l.flows, l.reach = l.flows+o.flows, l.reach.Plus(o.reach)
	l.packets, l.octets = addSize(l.packets, o.packets), addSize(l.octets, o.octets)
	l.top += o.top
	if o.sources > l.sources {
		l.sources, l.single = o.sources, o.single
	}
}

// judgeLoad compares the hours of a service with its own past; nil: nothing to tell.
func judgeLoad(in *Input, g *grid, x service, hours []load, services int) *flood {
	flows := make([]float64, g.bins())
	for i := range flows {
		flows[i] = float64(hours[i].flows)
	}
	excluded := make([]bool, g.bins())
	base := newBaseline(g, flows, excluded)
	for i := range flows {
		if e := base.at(i); e.tier != tierNone && flows[i] >= in.Config.FloodRatio*e.mu && flows[i] >= float64(in.Config.FloodFlows) {
			excluded[i] = true
		}
	}
	base = newBaseline(g, flows, excluded)
	chance := in.Config.Flood.P / float64(services*g.bins())
	over := func(i int) bool {
		e := base.at(i)
		return !g.missing[i] && e.tier != tierNone && flows[i] >= float64(in.Config.FloodFlows) &&
			flows[i] >= in.Config.FloodRatio*e.mu && e.tail(flows[i]) <= chance && in.Config.Flood.loaded(x, &hours[i], in.Config.FloodRatio*e.mu)
	}
	best := &flood{service: x, grid: g, base: base, hours: hours, kind: "flood"}
	for i := g.from; i < g.bins(); i++ {
		if !over(i) {
			continue
		}
		to := i
		for to < g.bins() && over(to) {
			to++
		}
		if run := sum(flows[i:to]); best.to == 0 || run > sum(flows[best.from:best.to]) {
			best.from, best.to = i, to
		}
		i = to
	}
	if best.to == 0 {
		return in.Config.Flood.describe(g, x, hours, base)
	}
	best.p = 1
	for i := best.from; i < best.to; i++ {
		e := base.at(i)
		best.expected += e.mu
		best.p = min(best.p, e.tail(flows[i]))
	}
	best.weighAnswers(&in.Config.Flood, excluded)
	return best
}

// loaded tells whether an hour looks like a flood by who took part in it: many sources,
// and more than the floor also without the busiest of them; of our own flows, that hardly
// any is answered.
func (c *FloodConfig) loaded(x service, l *load, floor float64) bool {
	if x.dir == netcase.Outbound {
		return float64(l.reach.Failed()) >= c.Unanswered*float64(l.flows)
	}
	return l.sources >= c.Sources && float64(l.flows-l.top) >= floor
}

// describe is a load so large that it is told even where nothing says what is usual.
func (c *FloodConfig) describe(g *grid, x service, hours []load, base *baseline) *flood {
	top := g.from
	for i := g.from; i < g.bins(); i++ {
		if hours[i].flows > hours[top].flows {
			top = i
		}
	}
	if top >= g.bins() || hours[top].flows < c.Described || !c.loaded(x, &hours[top], float64(c.Described)) || base.at(top).tier != tierNone {
		return nil
	}
	return &flood{service: x, grid: g, base: base, hours: hours, from: top, to: top + 1, kind: "description", p: 1,
		suffers: netcase.Unknown, why: "there is no history to compare the answers with"}
}

// weighAnswers asks whether the service answered less often than before.
func (f *flood) weighAnswers(c *FloodConfig, excluded []bool) {
	answered, decided := make([]float64, len(f.hours)), int64(0)
	for i := range f.hours {
		answered[i] = float64(f.hours[i].reach.Answered())
		if i >= f.from && i < f.to {
			decided += f.hours[i].reach.Decided()
		}
	}
	if decided == 0 {
		f.suffers, f.why = netcase.Unknown, "whether flows were answered is not recorded"
		return
	}
	base := newBaseline(f.grid, answered, excluded)
	got, expected := sum(answered[f.from:f.to]), 0.0
	for i := f.from; i < f.to; i++ {
		expected += base.at(i).mu
	}
	numbers := fmt.Sprintf("%s flows were answered, %s were to be expected", amount(got), amount(expected))
	switch {
	case expected < c.Answers:
		f.suffers, f.why = netcase.Unknown, "it was seldom asked before, so that answers cannot be compared: "+numbers
	case got <= c.Suffers*expected:
		f.suffers, f.why = netcase.True, numbers
		f.findDark(c, base)
	case got >= c.Bears*expected:
		f.suffers, f.why = netcase.False, numbers
	default:
		f.suffers, f.why = netcase.Unknown, "a little less than usual: "+numbers
	}
}

// findDark looks for an outage: minutes in a row in which the service was asked and nobody
// was answered, where by its usual rate that would hardly happen. An hour that the load
// did not fill, or in which a few got through, hides it in the sum.
func (f *flood) findDark(c *FloodConfig, answers *baseline) {
	if f.grid.hours != 1 {
		return
	}
	const perHour = 60
	run, expected, chance := 0, 0.0, 0.0
	for i := f.from; i < f.to; i++ {
		h, e := &f.hours[i], answers.at(i)
		for m := range perHour {
			bit := uint64(1) << m
			if h.blurred || f.grid.missing[i] || e.tier == tierNone || h.asked&bit == 0 || h.open&bit != 0 {
				run, expected, chance = 0, 0, 0
				continue
			}
			run, expected, chance = run+1, expected+e.mu/perHour, chance+nbNone(e.mu/perHour, e.phi)
			if netcase.Time(run)*netcase.Minute < c.Dark || expected <= f.darkExpected || chance > math.Log(c.P/float64(perHour*(f.to-f.from))) {
				continue
			}
			end := f.grid.start(i) + netcase.Time(m+1)*netcase.Minute
			f.dark, f.darkExpected = netcase.Span{Start: end - netcase.Time(run)*netcase.Minute, End: end}, expected
		}
	}
}

// nbNone is the logarithm of the probability of none, from a negative binomial with this
// mean and variance over mean.
func nbNone(mu, phi float64) float64 {
	if phi-1 < 1e-9 {
		return -mu
	}
	return -mu / (phi - 1) * math.Log(phi)
}

func (f *flood) flows() (n int64) {
	for i := f.from; i < f.to; i++ {
		n += f.hours[i].flows
	}
	return n
}

// total is the window as one load; its sources are those of its fullest hour.
func (f *flood) total() load {
	t := load{packets: netcase.Absent, octets: netcase.Absent}
	for i := f.from; i < f.to; i++ {
		t.join(&f.hours[i])
	}
	return t
}

func (f *flood) tag() string {
	return fmt.Sprintf("%s %s %s", f.service.dir, f.service.host, cube.PortName(f.service.port.port, f.service.port.proto))
}

func (f *flood) selection() netcase.Selection {
	sel := netcase.Selection{Direction: f.service.dir, Ports: []uint16{f.service.port.port}, Span: f.grid.span(f.from, f.to)}
	if f.service.dir == netcase.Outbound {
		sel.Peers = []netcase.Endpoint{f.service.host}
	} else {
		sel.Hosts = []netcase.Endpoint{f.service.host}
	}
	return sel
}

// madeUp tells whether most sources look like addresses that nobody answers from.
func (c *FloodConfig) madeUp(l *load) bool {
	return l.sources >= c.Sources && float64(l.single) >= c.MadeUp*float64(l.sources)
}

func (f *flood) finding(in *Input) netcase.Finding {
	t := f.total()
	facts := &netcase.FloodFacts{
		Host: f.service.host, Port: f.service.port.port, Proto: f.service.port.proto, Window: f.grid.span(f.from, f.to),
		Sources: t.sources, Flows: t.flows, Packets: t.packets, Octets: t.octets, Expected: round(f.expected, 3),
		Spoofed: in.Config.Flood.madeUp(&t) && f.service.dir == netcase.Inbound, Outbound: f.service.dir == netcase.Outbound, Suffers: f.suffers, Why: f.why,
		Dark: f.dark, DarkExpected: round(f.darkExpected, 1),
	}
	if f.expected > 0 {
		facts.Ratio = float64(t.flows) / f.expected
	}
	out := netcase.Finding{
		Kind: f.kind, Direction: f.service.dir, Span: facts.Window, Selection: f.selection(), Flows: t.flows, Reach: t.reach, Flood: facts,
		Limits: []string{"flows are counted, not their effect on the machine: load, memory and latency are not in this data"},
	}
	out.Title = f.title(in, facts)
	statement := out.Title + "; " + f.answers()
	if facts.Spoofed {
		statement += fmt.Sprintf("; %s of %s sources in the fullest hour had one unanswered flow: such addresses are easily made up", thousands(t.single), thousands(t.sources))
	}
	e := netcase.Evidence{
		Statement: statement, Selection: out.Selection,
		Numbers: map[string]float64{"flows": float64(t.flows), "sources": float64(t.sources), "answered": float64(t.reach.Answered())},
		Method: fmt.Sprintf("dos: bins of %s on the hour; at least %d flows and %g times the baseline of the port, p <= %g over %d services; %s",
			count(int(f.grid.hours), "hour"), in.Config.FloodFlows, in.Config.FloodRatio, in.Config.Flood.P, floodServices,
			map[bool]string{false: fmt.Sprintf("at least %d sources in an hour", in.Config.Flood.Sources), true: fmt.Sprintf("%g %% of our flows unanswered", 100*in.Config.Flood.Unanswered)}[facts.Outbound]),
	}
	if f.kind == "flood" {
		e.Numbers["expected"], e.Numbers["ratio"], e.Numbers["p"] = facts.Expected, facts.Ratio, f.p
	} else {
		out.Limits = append(out.Limits, "only described: there is too little history to say what this service usually bears")
	}
	out.Evidence = []netcase.Evidence{in.Cite(e, f.tag())}
	return out
}

func (f *flood) title(in *Input, facts *netcase.FloodFacts) string {
	port := cube.PortName(facts.Port, facts.Proto)
	text := fmt.Sprintf("%s on %s bore %s in the %s from %s in its fullest hour", port, in.Name(facts.Host),
		count(facts.Flows, "flow"), period(f.grid, f.from, f.to), count(facts.Sources, "source"))
	if facts.Outbound {
		text = fmt.Sprintf("%s of ours sent %s to %s on %s in the %s", count(facts.Sources, "host"),
			count(facts.Flows, "flow"), facts.Host, port, period(f.grid, f.from, f.to))
	}
	if facts.Ratio > 0 {
		text += fmt.Sprintf(", %s times the %s expected", ratio(facts.Ratio), amount(facts.Expected))
	}
	return text
}

// answers says whether the service suffered.
func (f *flood) answers() string {
	switch f.suffers {
	case netcase.True:
		text := "it answered markedly less often than before: " + f.why
		if f.dark.Start.Known() {
			text += fmt.Sprintf("; for %s from %s UTC it was asked and answered nobody, where %s answers were to be expected",
				count(int(f.dark.Length().Minutes()), "minute"), f.dark.Start.Short(), amount(f.darkExpected))
		}
		return text
	case netcase.False:
		return "it went on answering: " + f.why
	}
	return "whether it suffered is not known: " + f.why
}
