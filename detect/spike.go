package detect

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
	"netcase/cube"
)

// spike compares counts an hour with what was to be expected of them.
func spike() Detector {
	return Detector{
		Name: "spike",
		Doc:  "hours with far more flows than was to be expected, and what the excess consists of",
		Method: "upper tail of a negative binomial baseline, Benjamini–Hochberg over all series and bins, " +
			"temporal scan statistic (Kulldorff 1997), attribution by explanatory power and surprise (Adtributor, NSDI 2014)",
		Ask:    askSpike,
		Refine: refineSpike,
		Find:   findSpikes,
	}
}

// spikeDirections are the directions whose totals are judged, in the order of
// the questions.
var spikeDirections = [...]netcase.Direction{netcase.Inbound, netcase.Outbound, netcase.Lateral}

// The questions about time lines, by index.
const (
	lineAlive = iota
	lineDirections
	lineReach
	lineHost
	linePort
	lineMinutes
)

func askSpike(Config) Questions {
	inbound := []netcase.Direction{netcase.Inbound}
	q := Questions{Timelines: []cube.TimelineQuestion{
		lineAlive:      {By: cube.BySensor},
		lineDirections: {By: cube.ByDirection, Directions: spikeDirections[:]},
		lineReach:      {By: cube.ByReach, Directions: inbound},
		lineHost:       {By: cube.ByHost, Directions: inbound},
		linePort:       {By: cube.ByPort, Directions: inbound},
		lineMinutes:    {Step: cube.MinuteStep, By: cube.ByDirection, Directions: spikeDirections[:]},
	}}
	for _, d := range spikeDirections {
		q.Rows = append(q.Rows, cube.Question{Kind: cube.Peers, Directions: []netcase.Direction{d}})
	}
	return q
}

// Bounds on what is reported.
const (
	spikeWindows = 2    // of one series
	spikeLines   = 4    // series beside the totals
	spikePoints  = 2016 // bins in a figure: twelve weeks of hours
	spikeStack   = 6    // contributors in a figure
	spikeRecords = 40   // original records of one finding
)

// rise is one thing that the detector has to say about one series.
type rise struct {
	tag      string
	line     *line
	from, to int // bins of the window
	base     *baseline
	q        float64
	window   scanned
	flagged  map[int]bool
	kind     string // spike or description
	why      string
}

// told is what Refine keeps for Find.
type told struct {
	set        *seriesSet
	rises      []rise
	breakdowns []*breakdown // of each rise, after the first reading
}

func refineSpike(in *Input) []cube.Want {
	in.Memo = told{}
	s := newSeriesSet(in)
	if s == nil {
		return nil
	}
	t := told{set: s, rises: s.rises(in)}
	var wants []cube.Want
	for i := range t.rises {
		r := &t.rises[i]
		b := newBreakdown(in, s, r)
		t.breakdowns = append(t.breakdowns, b)
		sel := r.selection(s)
		sel.Peers = b.out.peersToCite()
		wants = append(wants, cube.Want{Tag: r.tag, Selection: sel, Records: spikeRecords})
	}
	in.Memo = t
	return wants
}

func findSpikes(in *Input) []netcase.Finding {
	var out []netcase.Finding
	t := in.Memo.(told)
	for i := range t.rises {
		t.breakdowns[i].secondReading()
		out = append(out, t.rises[i].finding(in, t.set, t.breakdowns[i].out))
		t.breakdowns[i] = nil
	}
	return out
}

// rises is what is to be said, in the order of the report: the main direction,
// the other directions, then single series that the totals do not show.
func (s *seriesSet) rises(in *Input) []rise {
	var out []rise
	covered := make([]bool, s.g.bins())
	for k, l := range s.totals() {
		found := s.windows(in, l)
		if len(found) == 0 && (k == 0 || s.burst(&in.Config.Rise, l)) {
			found = []rise{s.description(in, l)}
		}
		for _, r := range found {
			if r.window.to > 0 && l.direction == netcase.Inbound {
				mark(covered, r.from, r.to)
			}
		}
		out = append(out, found...)
	}
	out = append(out, s.hiddenSources(in, covered)...)
	out = append(out, s.hiddenRises(in, covered)...)
	for i := range out {
		out[i].tag = "rise " + strconv.Itoa(i+1)
		if cut := cutInputs(in); cut != "" {
			out[i].kind, out[i].flagged = "description", nil
			out[i].why = "only described, because the export is probably cut: " + cut
		}
	}
	return out
}

func mark(bins []bool, from, to int) {
	for i := from; i < to; i++ {
		bins[i] = true
	}
}

// hiddenRises is the windows of single ports, hosts and outcomes that lie where
// the total shows nothing and that hold a good part of the inbound flows.
func (s *seriesSet) hiddenRises(in *Input, covered []bool) []rise {
	var out []rise
	inbound := s.total(netcase.Inbound)
	for _, l := range s.lines {
		if l.by == cube.ByDirection || l.distinct || len(out) == spikeLines || inbound == nil {
			continue
		}
		for _, r := range s.windows(in, l) {
			if r.kind != "spike" || anyOf(covered[r.from:r.to]) || sum(l.x[r.from:r.to]) < in.Config.Rise.Line*sum(inbound.x[r.from:r.to]) {
				continue
			}
			mark(covered, r.from, r.to)
			out = append(out, r)
			break
		}
	}
	return out
}

func anyOf(v []bool) bool { return slices.Contains(v, true) }

func sum(v []float64) (t float64) {
	for _, x := range v {
		t += x
	}
	return t
}

// cutInputs names the inputs with flows that are probably cut, and why.
func cutInputs(in *Input) string {
	var parts []string
	for i := range in.Coverage.Inputs {
		if r := &in.Coverage.Inputs[i]; r.Cut != "" && r.Flows > 0 {
			parts = append(parts, r.Name+": "+r.Cut)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// burst tells whether one bin of a direction holds most of its flows.
func (s *seriesSet) burst(c *RiseConfig, l *line) bool {
	top := l.x[l.peak(s.g)]
	return top >= c.Burst && top >= c.Most*sum(l.x)
}

// windows is the windows of a series that hold a flagged bin, the best first.
func (s *seriesSet) windows(in *Input, l *line) []rise {
	flagged := map[int]bool{}
	for _, c := range l.candidates {
		if c.q <= in.Config.SpikeQ {
			flagged[c.bin] = true
		}
	}
	var out []rise
	removed := slices.Clone(l.excluded)
	if removed == nil {
		removed = make([]bool, s.g.bins())
	}
	gone := make([]bool, s.g.bins())
	for len(out) < spikeWindows && len(flagged) > 0 {
		w, base, ok := s.bestWindow(in, l, removed, gone, flagged)
		if !ok {
			break
		}
		r := rise{line: l, from: w.from, to: w.to, base: base, window: w, kind: "spike", q: 1, flagged: map[int]bool{}}
		for _, c := range l.candidates {
			if c.bin >= w.from && c.bin < w.to && flagged[c.bin] {
				r.q = min(r.q, c.q)
				r.flagged[c.bin] = true
				delete(flagged, c.bin)
			}
		}
		if why := s.catchUp(&in.Config.Rise, &r); why != "" {
			r.kind, r.why, r.flagged = "description", why, nil
		}
		mark(removed, w.from, w.to)
		mark(gone, w.from, w.to)
		out = append(out, r)
	}
	return out
}

// bestWindow is the best window of what is left of a series, with a baseline
// that has never seen it: the window is found, taken out, and found again.
func (s *seriesSet) bestWindow(in *Input, l *line, removed, gone []bool, flagged map[int]bool) (scanned, *baseline, bool) {
	base := newBaseline(s.g, l.x, removed)
	w, ok := s.scan(in, l, base, gone, flagged)
	if !ok {
		return scanned{}, nil, false
	}
	without := slices.Clone(removed)
	mark(without, w.from, w.to)
	again := newBaseline(s.g, l.x, without)
	if better, ok := s.scan(in, l, again, gone, flagged); ok {
		w = better
		without = slices.Clone(removed)
		mark(without, w.from, w.to)
		again = newBaseline(s.g, l.x, without)
	}
	w.observed, w.expected = 0, 0
	for i := w.from; i < w.to; i++ {
		if e := again.at(i); !s.g.missing[i] && e.tier != tierNone {
			w.observed += l.x[i]
			w.expected += e.mu
		}
	}
	return w, again, w.expected > 0
}

// scan is the best window by the scan statistic if it holds a flagged bin and
// enough flows, else the flagged bins in a row that exceed most.
func (s *seriesSet) scan(in *Input, l *line, base *baseline, gone []bool, flagged map[int]bool) (scanned, bool) {
	mu := s.means(base, gone)
	w := scanWindow(l.x, mu, s.longest(&in.Config.Rise, mu))
	holds := false
	for i := w.from; i < w.to; i++ {
		holds = holds || flagged[i]
	}
	if holds && w.observed >= in.Config.SpikeRatio*w.expected {
		return w, true
	}
	var best scanned
	for i := range mu {
		if !flagged[i] || flagged[i-1] {
			continue
		}
		run := scanned{from: i, to: i}
		for ; run.to < len(mu) && flagged[run.to]; run.to++ {
			run.observed += l.x[run.to]
			run.expected += mu[run.to]
		}
		run.stat = likelihoodRatio(run.observed, run.expected)
		run.supportFrom, run.supportTo = run.from, run.to
		if best.to == 0 || run.stat > best.stat {
			best = run
		}
	}
	return best, best.to > 0
}

// means is the expectation of every bin that may lie in a window, 0 for the others.
func (s *seriesSet) means(base *baseline, gone []bool) []float64 {
	mu := make([]float64, s.g.bins())
	for i := s.g.from; i < s.g.bins(); i++ {
		if e := base.at(i); e.tier != tierNone && !s.g.missing[i] && !gone[i] {
			mu[i] = e.mu
		}
	}
	return mu
}

// longest is the longest window of the scan statistic, in bins.
func (s *seriesSet) longest(c *RiseConfig, mu []float64) int {
	n := 0
	for _, m := range mu {
		if m > 0 {
			n++
		}
	}
	return max(min(int(c.Longest/s.g.width()), n/2), 1)
}

// catchUp tells why a window looks like records that were held back: it follows
// a gap, is hardly longer than it, and holds no more than what the gap lacks.
func (s *seriesSet) catchUp(c *RiseConfig, r *rise) string {
	gap := 0
	lost, spare := 0.0, 0.0
	for i := r.from - 1; i >= 0 && s.g.missing[i]; i-- {
		e := r.base.at(i)
		lost += e.mu
		spare += e.phi * e.mu
		gap++
	}
	if gap == 0 || lost == 0 || r.to-r.from > gap+1 {
		return ""
	}
	if excess := r.window.observed - r.window.expected; excess > lost+c.CatchUp*math.Sqrt(spare) {
		return ""
	}
	return fmt.Sprintf("no judgement: the %s before it are missing, and the excess is no more than they lack (%s expected there): "+
		"records that were held back and delivered late look the same", count(gap*int(s.g.hours), "hour"), amount(lost))
}

// description is the finding that says what was there.
func (s *seriesSet) description(in *Input, l *line) rise {
	p := l.peak(s.g)
	r := rise{line: l, from: p, to: p + 1, base: newBaseline(s.g, l.x, l.excluded), kind: "description", q: 1}
	e := r.base.at(p)
	if e.tier == tierNone {
		r.why = fmt.Sprintf("only described: %s of history before it, and a baseline needs %d", count(int(e.n), "complete bin"), s.g.rule.Bins)
		if n := s.testable(); n > 0 {
			r.why += fmt.Sprintf("; %s with a baseline %s compared, and none stood out", count(n, "later "+s.binNoun()), map[bool]string{true: "was", false: "were"}[n == 1])
		}
		return r
	}
	r.why = fmt.Sprintf("no bin passed all three of q <= %g, ratio >= %g and excess >= %g",
		in.Config.SpikeQ, in.Config.SpikeRatio, in.Config.SpikeExcess)
	return r
}

// selection names the flows of the window.
func (r *rise) selection(s *seriesSet) netcase.Selection {
	sel := netcase.Selection{Direction: r.line.direction, Span: s.g.span(r.from, r.to)}
	switch r.line.by {
	case cube.ByHost:
		sel.Hosts = []netcase.Endpoint{r.line.host}
	case cube.ByPort:
		sel.Ports = []uint16{r.line.port}
	case cube.ByReach:
		if reach, err := netcase.ParseReach(r.line.value); err == nil {
			sel.Reaches = []netcase.Reach{reach}
		}
	}
	return sel
}

// endpointNamed is the endpoint that a series is named after.
func endpointNamed(s string) netcase.Endpoint {
	if a, err := netip.ParseAddr(s); err == nil {
		return netcase.At(a)
	}
	return netcase.Endpoint{Name: s}
}
