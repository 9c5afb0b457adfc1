package detect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"netcase"
	"netcase/cube"
)

// Bounds of the row of bins.
const (
	gridWeeks = 24  // weeks of bins at most: twelve to judge, twelve before them
	lineKeep  = 256 // single series whose bins are judged; of the others each bin counts as p = 1
	weekHours = 168
)

// line is one series under judgement.
type line struct {
	direction  netcase.Direction
	by         cube.By
	distinct   bool // counts sources, not flows; by is ByTotal
	value      string
	host       netcase.Endpoint // of a series by host
	port       uint16           // of a series by port
	x          []float64
	excluded   []bool // bins that a first fit found unusual
	candidates []candidate
}

// candidate is a bin that passes the floors of effect.
type candidate struct {
	bin  int
	p, q float64
}

// peak is the bin of the investigated span with the most flows.
func (l *line) peak(g *grid) int {
	best := g.from
	for i := g.from; i < g.bins(); i++ {
		if l.x[i] > l.x[best] {
			best = i
		}
	}
	return best
}

// seriesSet is the row of bins and every series on it.
type seriesSet struct {
	g       *grid
	lines   []*line
	series  int     // how many series entered the correction
	tests   int     // series times bins
	outside float64 // flows before or after the bins
	dropped bool    // the last bin was incomplete and is left out
	short   bool    // what was read spans less than an hour
	began   netcase.Time
}

// newSeriesSet reads the time lines and judges every bin; nil: there are no flows.
func newSeriesSet(in *Input) *seriesSet {
	s := &seriesSet{}
	if s.g = s.layGrid(in); s.g == nil {
		return nil
	}
	for p := range in.Points(lineDirections) {
		s.addTotal(p)
	}
	if len(s.lines) == 0 {
		return nil
	}
	s.trim(in)
	s.series = len(s.lines)
	single := &seriesSet{g: s.g}
	wait := in.beside(func(in *Input) { // an estate may have many hosts
		single.readLines(in, lineReach, cube.ByReach)
		single.readLines(in, lineHost, cube.ByHost)
		single.readLines(in, linePort, cube.ByPort)
	})
	s.readSources(in)
	wait()
	s.lines, s.series = append(s.lines, single.lines...), s.series+single.series
	s.keepLargest()
	s.judge(in)
	return s
}

// layGrid chooses the bins and finds those in which a sensor was silent.
func (s *seriesSet) layGrid(in *Input) *grid {
	hours := binHours(in)
	weeks := map[int64]float64{}
	first, last := int64(0), int64(0)
	any := false
	for p := range in.Points(lineAlive) {
		h := p.Start.Hour()
		weeks[floorTo(h, weekHours)] += float64(p.Flows)
		if !any || h < first {
			first = h
		}
		if !any || h > last {
			last = h
		}
		any = true
	}
	if !any || in.Span.Start.Hour() > last || (in.Span.End-1).Hour() < first {
		return nil
	}
	from, to := stretch(in, weeks, first, last)
	g := &grid{hours: hours, first: floorTo(from, hours), rule: &in.Config.Baseline}
	n := floorTo(to, hours) - g.first + 1
	g.missing = make([]bool, max(n, 1))
	s.findSilence(in, g)
	return g
}

// floorTo is the number, counted from 1970, of the cell of a width that holds an hour.
func floorTo(h, width int64) int64 {
	q := h / width
	if h%width < 0 {
		q--
	}
	return q
}

// binHours is an hour, or the coarsest interval of the inputs rounded up to a
// part of a day or to whole days.
func binHours(in *Input) int64 {
	coarsest := int64(1)
	for i := range in.Coverage.Inputs {
		for _, r := range in.Coverage.Inputs[i].Resolution {
			if r.Aggregated() {
				coarsest = max(coarsest, (int64(r)+59)/60)
			}
		}
	}
	for _, h := range []int64{1, 2, 3, 4, 6, 8, 12, 24} {
		if coarsest <= h {
			return h
		}
	}
	return (coarsest + 23) / 24 * 24
}

// stretch is the hours that the bins cover: those up to the end of the
// investigated span, where it is short enough, else the latest weeks that hold
// at least half as many flows as the fullest. One record with a wrong year must
// neither stretch the bins over decades nor push everything else out of them.
func stretch(in *Input, weeks map[int64]float64, first, last int64) (from, to int64) {
	const most = gridWeeks * weekHours
	to = min(last, (in.Span.End - 1).Hour())
	if from = max(first, in.Span.Start.Hour()); to-from < most {
		return max(first, to-most+1), to
	}
	starts := make([]int64, 0, len(weeks))
	for w := range weeks {
		starts = append(starts, w)
	}
	slices.Sort(starts)
	held := func(k int) (t float64) {
		for j := k; j < len(starts) && starts[j] < starts[k]+gridWeeks; j++ {
			t += weeks[starts[j]]
		}
		return t
	}
	best := 0.0
	for k := range starts {
		best = max(best, held(k))
	}
	for k := len(starts) - 1; k >= 0; k-- {
		if held(k) >= best/2 {
			from = max(first, starts[k]*weekHours)
			return from, min(last, from+most-1)
		}
	}
	return first, last
}

// findSilence marks the bins in which no sensor reported, and those in which a
// sensor that never is silent was, if its part is really missing from the total.
func (s *seriesSet) findSilence(in *Input, g *grid) {
	sensors := map[string][]float64{}
	total := make([]float64, g.bins())
	for p := range in.Points(lineAlive) {
		i, ok := g.bin(p.Start)
		if !ok {
			s.outside += float64(p.Flows)
			continue
		}
		total[i] += float64(p.Flows)
		v := sensors[p.Series]
		if v == nil {
			if len(sensors) == lineKeep {
				continue
			}
			v = make([]float64, g.bins())
			sensors[p.Series] = v
		}
		v[i] += float64(p.Flows)
	}
	usual := middle(nonZero(total))
	lacking := make([]float64, g.bins())
	for _, v := range sensors {
		typical := middle(nonZero(v))
		if typical < g.rule.SilentFrom {
			continue
		}
		begun, ended := bounds(v)
		for i := begun; i < ended; i++ {
			if v[i] <= 0 {
				lacking[i] += typical
			}
		}
	}
	for i := range g.missing {
		short := lacking[i] > (1-g.rule.Alive)*usual && total[i] < usual-lacking[i]/2
		g.missing[i] = total[i] <= 0 || short
	}
}

func nonZero(v []float64) []float64 {
	out := make([]float64, 0, len(v))
	for _, x := range v {
		if x > 0 {
			out = append(out, x)
		}
	}
	return out
}

// bounds is the stretch from the first bin with flows to the last one.
func bounds(v []float64) (from, to int) {
	from, to = len(v), 0
	for i, x := range v {
		if x > 0 {
			from, to = min(from, i), i+1
		}
	}
	return from, to
}

func (s *seriesSet) addTotal(p cube.Point) {
	i, ok := s.g.bin(p.Start)
	if !ok {
		return
	}
	var d netcase.Direction
	if d.UnmarshalText([]byte(p.Series)) != nil {
		return
	}
	l := s.total(d)
	if l == nil {
		l = &line{direction: d, by: cube.ByDirection, x: make([]float64, s.g.bins())}
		s.lines = append(s.lines, l)
	}
	l.x[i] += float64(p.Flows)
}

// total is the series of a direction, or nil.
func (s *seriesSet) total(d netcase.Direction) *line {
	for _, l := range s.lines {
		if l.by == cube.ByDirection && l.direction == d {
			return l
		}
	}
	return nil
}

// totals is the series of the directions with flows in the investigated span:
// inbound first; without inbound flows the one with the most.
func (s *seriesSet) totals() []*line {
	var out []*line
	for _, l := range s.lines {
		if l.by == cube.ByDirection && sum(l.x[s.g.from:]) > 0 {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b *line) int {
		if (a.direction == netcase.Inbound) != (b.direction == netcase.Inbound) {
			return cmp.Compare(b2i(b.direction == netcase.Inbound), b2i(a.direction == netcase.Inbound))
		}
		return cmp.Or(cmp.Compare(sum(b.x), sum(a.x)), cmp.Compare(a.direction, b.direction))
	})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// trim leaves out a last bin that the inputs end in, marks a first one that they
// begin in as missing, and finds where the investigated span begins.
func (s *seriesSet) trim(in *Input) {
	g, n := s.g, s.g.bins()
	if i, ok := g.bin(in.Span.Start); ok {
		g.from = i
	}
	s.short, s.began = in.History.Length() < time.Hour, in.History.Start
	if !s.wholeBins(in) && !s.short {
		slack := netcase.Time((1 - g.rule.Alive) * float64(g.width()))
		if in.History.Start > g.start(0)+slack && n > 1 {
			g.missing[0] = true
		}
		if in.History.End < g.start(n)-slack && n-1 > g.from {
			n--
			s.dropped = true
		}
	}
	g.missing = g.missing[:n]
	for _, l := range s.lines {
		l.x = l.x[:n]
	}
}

// wholeBins tells whether every record stands for an interval that is no shorter
// than a bin: then the first and the last bin are as complete as the others.
func (s *seriesSet) wholeBins(in *Input) bool {
	seen := false
	for i := range in.Coverage.Inputs {
		for _, r := range in.Coverage.Inputs[i].Resolution {
			if int64(r) < 60*s.g.hours {
				return false
			}
			seen = true
		}
	}
	return seen
}

// readLines reads the single series of one dimension. Points come series by
// series, so that only the series that may show something are kept.
func (s *seriesSet) readLines(in *Input, question int, by cube.By) {
	var now *line
	end := func() {
		if now == nil {
			return
		}
		s.series++
		if slices.Max(now.x[s.g.from:]) > in.Config.SpikeExcess {
			s.lines = append(s.lines, now)
		}
		if len(s.lines) > 4*lineKeep {
			s.keepLargest()
		}
	}
	for p := range in.Points(question) {
		if now == nil || now.value != p.Series {
			end()
			now = &line{direction: netcase.Inbound, by: by, value: p.Series, x: make([]float64, s.g.bins())}
			now.parse()
		}
		if i, ok := s.g.bin(p.Start); ok {
			now.x[i] += float64(p.Flows)
		}
	}
	end()
}

// parse reads the host or the port that the series is named after.
func (l *line) parse() {
	switch l.by {
	case cube.ByHost:
		l.host = endpointNamed(l.value)
	case cube.ByPort:
		number, _, _ := strings.Cut(l.value, "/")
		if p, err := strconv.ParseUint(number, 10, 16); err == nil {
			l.port = uint16(p)
		}
	}
}

// called is the name of the series, with the noun of what it counts.
func (l *line) called(nouns string) string {
	if l.distinct {
		return "distinct " + l.direction.String() + " sources"
	}
	name := l.direction.String() + " " + nouns
	switch l.by {
	case cube.ByHost:
		return name + " to " + l.value
	case cube.ByPort:
		return name + " on " + l.value
	case cube.ByReach:
		return name + " with outcome " + l.value
	}
	return name
}

// keepLargest keeps the totals and the single series that rise most above their mean.
func (s *seriesSet) keepLargest() {
	type ranked struct {
		l      *line
		excess float64
	}
	var totals []*line
	var single []ranked
	for _, l := range s.lines {
		if l.by == cube.ByDirection || l.distinct {
			totals = append(totals, l)
			continue
		}
		single = append(single, ranked{l, slices.Max(l.x[s.g.from:]) - sum(l.x)/float64(len(l.x))})
	}
	slices.SortFunc(single, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.excess, a.excess), cmp.Compare(a.l.by, b.l.by), strings.Compare(a.l.value, b.l.value))
	})
	s.lines = totals
	for _, r := range single[:min(len(single), lineKeep)] {
		s.lines = append(s.lines, r.l)
	}
}

// judge finds the bins that pass the floors and corrects for all that were looked at.
func (s *seriesSet) judge(in *Input) {
	s.tests = s.series * s.testable()
	var p []float64
	var of []*candidate
	for _, l := range s.lines {
		l.fit(in.Config, s.g)
		for k := range l.candidates {
			p = append(p, l.candidates[k].p)
			of = append(of, &l.candidates[k])
		}
	}
	for k, q := range falseDiscovery(p, s.tests) {
		of[k].q = min(q, 1)
	}
}

// testable is the number of bins of one series that have a baseline.
func (s *seriesSet) testable() (n int) {
	before := 0
	for i, missing := range s.g.missing {
		if missing {
			continue
		}
		if i >= s.g.from && before >= s.g.rule.Bins {
			n++
		}
		before++
	}
	return n
}

// fit compares every bin with its baseline, leaves out of the baseline what is
// unusual, and compares once more.
func (l *line) fit(c Config, g *grid) {
	first := l.compare(c, g, newBaseline(g, l.x, nil))
	strict := c.SpikeQ / float64(max(g.bins(), 1))
	for _, k := range first {
		if k.p <= strict {
			if l.excluded == nil {
				l.excluded = make([]bool, g.bins())
			}
			l.excluded[k.bin] = true
		}
	}
	l.candidates = first
	if l.excluded != nil {
		l.candidates = l.compare(c, g, newBaseline(g, l.x, l.excluded))
	}
	l.candidates = slices.DeleteFunc(l.candidates, func(k candidate) bool { return k.bin < g.from })
}

// compare is the bins that exceed their baseline by ratio and by excess, with
// their probabilities. Other bins count as p = 1, which errs on the side of silence.
func (l *line) compare(c Config, g *grid, b *baseline) []candidate {
	var out []candidate
	for i, x := range l.x {
		if g.missing[i] || x <= c.SpikeExcess {
			continue
		}
		e := b.at(i)
		if e.tier != tierNone && x >= c.SpikeRatio*e.mu && x-e.mu >= c.SpikeExcess {
			out = append(out, candidate{bin: i, p: e.tail(x), q: 1})
		}
	}
	return out
}
