package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// The tests by index.
const (
	testCap = iota
	testProduct
	testEqual
	testGrid
	testCounters
	testMetadata
)

// trial is the six tests on one group of peers.
type trial struct {
	rule      *ArtefactConfig
	group     *suspects
	finest    kindsOf
	grids     []gridCount // finest first
	grid      int64       // seconds of the grid that fits; 0: none
	stamps    int
	fractions bool  // the stamps have sub-second parts
	phase     int64 // seconds after the grid at which a scheduler starts; -1: no fixed phase
	steady    int64 // the grid of that phase, seconds
	tests     []netcase.ArtefactTest
	verdict   string
}

// gridCount is how the records of a group lie in the cells of one grid.
type gridCount struct {
	seconds int64
	largest int64   // records in one cell with one key
	filled  int     // (key, cell) with a record
	log     float64 // natural logarithm of the chance of no collision
	records int64
	product int64 // tuples x cells, summed over the peers
	byPeer  map[netcase.Endpoint]int
}

// capped tells whether no cell of a grid holds two records of one key, though free arrivals
// would collide.
func (c *ArtefactConfig) capped(g *gridCount) bool {
	return g.largest == 1 && g.filled >= c.Cells && g.log < math.Log(c.Free)
}

// fits tells whether the records are as many as tuples times cells.
func (c *ArtefactConfig) fits(g *gridCount) bool {
	return g.product > 0 && math.Abs(float64(g.records-g.product)) <= c.Slack*float64(g.product)
}

func newTrial(in *Input, g *suspects) *trial {
	t := &trial{rule: &in.Config.Artefact, group: g, phase: -1}
	for _, c := range g.peers {
		t.finest = t.finest.plus(c.finest)
	}
	starts := t.starts(in)
	t.lookAtStamps(starts)
	if len(starts) > 0 {
		for _, s := range artefactGrids[:len(artefactGrids)-1] {
			t.grids = append(t.grids, t.fineGrid(s, starts))
		}
	}
	t.grids = append(t.grids, t.hourGrid())
	t.chooseGrid()
	t.tests = []netcase.ArtefactTest{
		testCap: t.testOne(), testProduct: t.testTwo(), testEqual: t.testThree(),
		testGrid: t.testFour(starts), testCounters: t.testFive(), testMetadata: t.testSix(),
	}
	t.verdict = t.decide()
	if t.tests[testMetadata].Result == netcase.Pass {
		t.grid = int64(60 * t.finest.minutes)
	}
	return t
}

// stamped is the exact times of one pair.
type stamped struct {
	peer netcase.Endpoint
	at   []cube.Start
}

// starts is the exact times of the group, sorted by pair.
func (t *trial) starts(in *Input) []stamped {
	mine := map[netcase.Endpoint]bool{}
	for _, c := range t.group.peers {
		mine[c.peer] = true
	}
	var pairs []cube.Pair
	for p := range in.Details.Starts {
		if mine[p.Peer] && p.Direction == netcase.Inbound && in.Details.Cut[p] == 0 {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b cube.Pair) int {
		return cmp.Or(a.Peer.Compare(b.Peer), a.Host.Compare(b.Host), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	span := artefactSpan(in)
	var out []stamped
	for _, p := range pairs {
		own := slices.DeleteFunc(oneSensor(in.Details.Starts[p]), func(s cube.Start) bool { return !span.Contains(s.At) })
		if len(own) > 0 {
			out = append(out, stamped{p.Peer, own})
		}
	}
	return out
}

// oneSensor is the starts that the sensor with the most of them saw: counts of
// different sensors are never joined.
func oneSensor(all []cube.Start) []cube.Start {
	n := map[string]int{}
	for _, s := range all {
		n[s.Sensor]++
	}
	best := ""
	for _, s := range all {
		if n[s.Sensor] > n[best] || n[s.Sensor] == n[best] && s.Sensor < best {
			best = s.Sensor
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s cube.Start) bool { return s.Sensor != best })
}

// lookAtStamps finds out whether the clock is truncated and whether the starts
// keep a phase.
func (t *trial) lookAtStamps(starts []stamped) {
	fractions := 0
	for _, own := range starts {
		for _, s := range own.at {
			t.stamps++
			fractions += b2i(s.At%netcase.Second != 0)
		}
	}
	t.fractions = t.stamps > 0 && float64(fractions) > t.rule.Fractions*float64(t.stamps)
	for _, g := range artefactGrids {
		if phase, ok := t.rule.steadyOn(starts, g); ok {
			t.phase, t.steady = phase, g
		}
	}
}

// steadyOn tells whether most pairs keep their place in the cells of a grid, and
// the place of the first of them, in seconds.
func (c *ArtefactConfig) steadyOn(starts []stamped, seconds int64) (phase int64, ok bool) {
	seen, steady := 0, 0
	phase = -1
	for _, own := range starts {
		if len(own.at) < c.Phases {
			continue
		}
		seen++
		sx, sy := 0.0, 0.0
		for _, s := range own.at {
			angle := 2 * math.Pi * float64(s.At%netcase.Time(seconds*1000)) / float64(seconds*1000)
			sx, sy = sx+math.Cos(angle), sy+math.Sin(angle)
		}
		if math.Hypot(sx, sy) < c.PhaseR*float64(len(own.at)) {
			continue
		}
		steady++
		if phase < 0 {
			turn := math.Atan2(sy, sx) / (2 * math.Pi)
			phase = int64(math.Round((turn-math.Floor(turn))*float64(seconds))) % seconds
		}
	}
	return phase, seen > 0 && 2*steady > seen
}

// hourGrid counts from the rows, which need no second reading.
func (t *trial) hourGrid() gridCount {
	g := gridCount{seconds: 3600, byPeer: map[netcase.Endpoint]int{}}
	for _, c := range t.group.peers {
		cells := c.spanCells(g.seconds)
		g.largest = max(g.largest, c.largest)
		g.filled += c.cells
		g.byPeer[c.peer] = c.cells
		g.records += c.records
		g.product += int64(len(c.tuples)) * cells
		for _, n := range sortedCounts(c.tuples) {
			g.log += logNoCollision(n, cells)
		}
	}
	return g
}

func sortedCounts(m map[tuple]int64) []int64 {
	out := make([]int64, 0, len(m))
	for _, n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// fineGrid counts from the exact times.
func (t *trial) fineGrid(seconds int64, starts []stamped) gridCount {
	g := gridCount{seconds: seconds, byPeer: map[netcase.Endpoint]int{}}
	w := netcase.Time(seconds) * netcase.Second
	for len(starts) > 0 {
		n := 1
		for n < len(starts) && starts[n].peer == starts[0].peer {
			n++
		}
		g.addPeer(starts[:n], w)
		starts = starts[n:]
	}
	return g
}

// addPeer counts the pairs of one peer, in cells of width w.
func (g *gridCount) addPeer(own []stamped, w netcase.Time) {
	first, last := own[0].at[0].At, own[0].at[0].At
	for _, p := range own {
		first, last = min(first, p.at[0].At), max(last, p.at[len(p.at)-1].At)
	}
	cells := int64((last.Truncate(w)-first.Truncate(w))/w) + 1
	for _, p := range own {
		held := map[netcase.Time]int64{}
		for _, s := range p.at {
			c := s.At.Truncate(w)
			held[c]++
			g.largest = max(g.largest, held[c])
		}
		n := int64(len(p.at))
		g.filled += len(held)
		g.byPeer[p.peer] += len(held)
		g.records += n
		g.product += cells
		g.log += logNoCollision(n, cells)
	}
}

// logNoCollision is the natural logarithm of the chance that n free arrivals lie
// in n different cells out of so many: cells! / (cells-n)! / cells^n.
func logNoCollision(n, cells int64) float64 {
	if n > cells || n > mostArrivals {
		return math.Inf(-1)
	}
	all, _ := math.Lgamma(float64(cells) + 1)
	rest, _ := math.Lgamma(float64(cells-n) + 1)
	return min(all-rest-float64(n)*math.Log(float64(cells)), 0)
}

// chooseGrid takes the coarsest grid that passes the first two tests, else the
// coarsest that passes the first.
func (t *trial) chooseGrid() {
	for _, both := range []bool{true, false} {
		for i := len(t.grids) - 1; i >= 0; i-- {
			if g := &t.grids[i]; t.rule.capped(g) && (t.rule.fits(g) || !both) {
				t.grid = g.seconds
				return
			}
		}
	}
}

// at is the count on the grid that fits, or on the hour.
func (t *trial) at() *gridCount {
	for i := range t.grids {
		if t.grids[i].seconds == t.grid {
			return &t.grids[i]
		}
	}
	return &t.grids[len(t.grids)-1]
}

// filled is the number of cells that the records of a peer fill.
func (t *trial) filled(c *tally) int {
	if n, ok := t.at().byPeer[c.peer]; ok {
		return n
	}
	return c.cells
}

func intervalText(seconds int64) string {
	if seconds%3600 == 0 {
		return count(seconds/3600, "hour")
	}
	return count(seconds/60, "minute")
}

// testOne: one record per key and cell, where free arrivals would collide.
func (t *trial) testOne() netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "1 cap", Result: netcase.Fail}
	g := t.at()
	x.P = math.Exp(g.log)
	if math.IsInf(g.log, -1) {
		x.P = 0
	}
	if g.filled < t.rule.Cells {
		x.Result, x.P = netcase.NA, 0
		x.Detail = fmt.Sprintf("%s filled, %d are needed", count(g.filled, "cell"), t.rule.Cells)
		return x
	}
	if g.largest > 1 {
		x.P = 0
		x.Detail = fmt.Sprintf("up to %s with one key in one cell of %s", count(g.largest, "record"), intervalText(g.seconds))
		return x
	}
	chance := "less than 1e-300"
	if g.log > math.Log(smallestP) {
		chance = small(math.Exp(g.log))
	}
	x.Detail = fmt.Sprintf("never more than 1 record per host, port and %s in %s; free arrivals would do that with p = %s",
		strings.TrimPrefix(intervalText(g.seconds), "1 "), count(g.filled, "filled cell"), chance)
	if t.rule.capped(g) {
		x.Result = netcase.Pass
	}
	return x
}

// testTwo: the records are as many as tuples times cells.
func (t *trial) testTwo() netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "2 product", Result: netcase.Fail}
	g := t.at()
	if g.product == 0 || g.records < int64(t.rule.Records) {
		x.Result = netcase.NA
		x.Detail = "too few records"
		return x
	}
	off := float64(g.records-g.product) / float64(g.product)
	x.Detail = fmt.Sprintf("%s records against %s pairs of host and port times cells of %s (%+.1f %%)",
		thousands(g.records), thousands(g.product), intervalText(g.seconds), 100*off)
	if t.rule.fits(g) {
		x.Result = netcase.Pass
	}
	return x
}

// testThree: the counts of independent sources would differ more.
func (t *trial) testThree() netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "3 too equal", Result: netcase.NA}
	if len(t.group.peers) < t.rule.Equal {
		x.Detail = fmt.Sprintf("%s, at least %d are needed", count(len(t.group.peers), "count"), t.rule.Equal)
		return x
	}
	chi, df := t.chiSquare()
	x.P = chiLower(chi, df)
	x.Detail = fmt.Sprintf("sum of (x - mean)^2 / mean is %.4f on %.0f degrees of freedom, lower tail %s", chi, df, small(max(x.P, smallestP)))
	if t.group.chosen {
		x.P = t.chanceOfCluster()
		x.Detail += fmt.Sprintf("; chosen among %s by their counts, so that the chance is at most %s", count(t.group.n, "address"), small(max(x.P, smallestP)))
		if t.group.n == math.MaxInt32 {
			x.Result, x.P, x.Detail = netcase.NA, 0, "chosen for the largest counts, which says nothing about how equal counts are"
			return x
		}
	} else if t.group.tests > 1 {
		x.P = min(1, x.P*t.group.tests)
		x.Detail += fmt.Sprintf("; %.0f groups were looked at, so that the chance is at most %s", t.group.tests, small(max(x.P, smallestP)))
	}
	x.Result = netcase.Fail
	if x.P <= t.rule.EqualP {
		x.Result = netcase.Pass
	}
	return x
}

func (t *trial) chiSquare() (chi, df float64) {
	n := float64(len(t.group.peers))
	mean := float64(recordsOf(t.group.peers)) / n
	for _, c := range t.group.peers {
		chi += (float64(c.records) - mean) * (float64(c.records) - mean) / mean
	}
	return chi, n - 1
}

// chanceOfCluster bounds the chance that among n independent counts some k lie as
// close together: C(n, k) k ((range + 1) times the largest Poisson probability)^(k-1).
func (t *trial) chanceOfCluster() float64 {
	records := t.records()
	n, k := float64(t.group.n), float64(len(records))
	mean := float64(recordsOf(t.group.peers)) / k
	wide := float64(records[len(records)-1]-records[0]) + 1
	ln, _ := math.Lgamma(n + 1)
	lk, _ := math.Lgamma(k + 1)
	lr, _ := math.Lgamma(n - k + 1)
	log := ln - lk - lr + math.Log(k) + (k-1)*math.Log(min(wide/math.Sqrt(2*math.Pi*mean), 1))
	return math.Exp(min(log, 0))
}

// testFour: the stamps lie on a grid, which a truncating source makes.
func (t *trial) testFour(starts []stamped) netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "4 grid lock", Result: netcase.NA}
	if t.stamps < t.rule.Records {
		x.Detail = fmt.Sprintf("%s, at least %d are needed", count(t.stamps, "exact time"), t.rule.Records)
		return x
	}
	x.Result = netcase.Fail
	best, share := int64(0), 0.0
	for _, g := range artefactGrids {
		if s := t.rule.shareOnGrid(starts, g); s >= t.rule.OnGrid {
			best, share = g, s
		}
	}
	switch {
	case best > 0 && t.fractions:
		x.Detail = fmt.Sprintf("%s of the stamps lie on the full %s, with fractions of a second: a schedule", percent(share), intervalText(best))
	case best > 0:
		x.Result = netcase.Pass
		x.Detail = fmt.Sprintf("%s of the stamps lie on the full %s and none is finer than a second: rounded or binned", percent(share), intervalText(best))
	case t.phase >= 0:
		x.Detail = fmt.Sprintf("the stamps keep a place %d s after the full %s: a schedule", t.phase, intervalText(t.steady))
	default:
		x.Detail = fmt.Sprintf("%s of the stamps lie on the full minute (2 to 3 of 60 by chance), and they keep no place in any cell", percent(t.rule.shareOnGrid(starts, 60)))
	}
	return x
}

// shareOnGrid is the share of starts near a grid line.
func (c *ArtefactConfig) shareOnGrid(starts []stamped, seconds int64) float64 {
	on, n := 0, 0
	w := netcase.Time(seconds) * netcase.Second
	for _, own := range starts {
		for _, s := range own.at {
			on += b2i(c.near(s.At, w))
			n++
		}
	}
	return float64(on) / float64(max(n, 1))
}

// near tells whether an instant lies near a line of a grid of some width.
func (c *ArtefactConfig) near(at, width netcase.Time) bool {
	off := at - at.Truncate(width)
	return off <= c.Near || width-off <= c.Near
}

// testFive: counters that stand for more than one flow a record.
func (t *trial) testFive() netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "5 counters", Result: netcase.Fail}
	mean := float64(t.flows()) / float64(max(recordsOf(t.group.peers), 1))
	x.Detail = fmt.Sprintf("%.2f flows a record", mean)
	switch {
	case mean > t.rule.Counters:
		x.Result = netcase.Pass
		x.Detail += ": the records are aggregates"
	case t.finest.unknown && !t.finest.raw && t.finest.minutes == 0:
		x.Result = netcase.NA
		x.Detail = "this export has no counters"
	}
	return x
}

// testSix: what the source says of its interval.
func (t *trial) testSix() netcase.ArtefactTest {
	x := netcase.ArtefactTest{Name: "6 metadata", Result: netcase.NA, Detail: "the interval of the source is not known"}
	switch {
	case t.finest.minutes > 0:
		x.Result = netcase.Pass
		x.Detail = "the source writes one record per " + strings.TrimPrefix(intervalText(int64(60*t.finest.minutes)), "1 ")
	case t.finest.raw:
		x.Result, x.Detail = netcase.Fail, "the source writes single flows"
	case t.finest.sampled:
		x.Detail = "the source leaves out repeats"
	}
	return x
}

// equal tells whether enough counts lie close together.
func (t *trial) equal() bool {
	r := t.records()
	return len(r) >= t.rule.Equal && r[0] >= int64(t.rule.Records) && float64(r[len(r)-1]-r[0]) <= t.rule.EqualShare*float64(r[len(r)-1])
}

// reading is one way to arrive at the observed number.
type reading struct {
	hours, minutes int64 // the stretch and the interval
	tuples         int64
	rank           [4]float64
}

// explanations lists every reading that fits the observed number, the best first.
func (t *trial) explanations() []string {
	lead := t.group.peers[0]
	observed := t.observed()
	hours := lead.spanCells(3600)
	interval := max(t.grid/60, 0)
	out := t.rule.readings(observed, hours, interval, int64(len(lead.tuples)))
	texts := t.declared()
	for _, r := range t.consistent(out) {
		texts = append(texts, t.readingText(r))
	}
	for _, r := range out {
		if r.tuples == 1 && r.hours == hours && len(t.declared()) == 0 {
			texts = append(texts, fmt.Sprintf("a query that did `summarize ... by bin(TimeGenerated, %dm)` over %s: %s bins", r.minutes, hoursText(r.hours), thousands(r.hours*60/r.minutes)))
			break
		}
	}
	if len(t.group.peers) == 1 {
		return append(texts, "traffic that really had this rhythm, for example a tool on a schedule")
	}
	return append(texts, "sources that really did the same, for example one tool on one schedule")
}

// consistent is the readings worth telling: all where nothing is known of the
// interval; else those of the declared interval, and few others.
func (t *trial) consistent(all []reading) []reading {
	if len(t.declared()) == 0 {
		return all[:min(len(all), mostReadings)]
	}
	var out, others []reading
	for _, r := range all {
		if r.minutes == int64(t.finest.minutes) {
			out = append(out, r)
		} else {
			others = append(others, r)
		}
	}
	out = out[:min(len(out), mostReadings)]
	return append(out, others[:min(len(others), otherReadings)]...)
}

// declared is what the source itself says: that comes before every arithmetic.
func (t *trial) declared() []string {
	var out []string
	if t.tests[testMetadata].Result == netcase.Pass {
		out = append(out, fmt.Sprintf("%s for each address, host and port, as it declares", t.tests[testMetadata].Detail))
	}
	if t.tests[testCounters].Result == netcase.Pass {
		mean := float64(t.flows()) / float64(max(recordsOf(t.group.peers), 1))
		out = append(out, fmt.Sprintf("one record stands for several flows: %.2f on average, by its counters", mean))
	}
	return out
}

// observed is the number to be explained: tuples times cells where that fits,
// else the middle count.
func (t *trial) observed() int64 {
	lead := t.group.peers[0]
	if t.grid > 0 && t.tests[testProduct].Result == netcase.Pass {
		return int64(len(lead.tuples)) * lead.spanCells(t.grid)
	}
	r := t.records()
	return r[len(r)/2]
}

// The stretches and intervals that exports usually have.
var (
	usualHours   = [...]int64{24, 48, 12, 168}
	usualMinutes = [...]int64{1, 5, 10, 15, 30, 60}
)

// readings is every interval, stretch and number of tuples whose product is the
// observed number within the slack. A product that would fit any number is
// left out, unless its tuples are those that were seen.
func (c *ArtefactConfig) readings(observed, hours, interval, tuples int64) []reading {
	stretches := []int64{hours}
	for _, h := range usualHours {
		if !slices.Contains(stretches, h) {
			stretches = append(stretches, h)
		}
	}
	intervals := usualMinutes[:]
	if interval > 0 && !slices.Contains(intervals, interval) {
		intervals = append(slices.Clone(intervals), interval)
	}
	slack := c.Slack * float64(observed)
	var out []reading
	for _, h := range stretches {
		for _, m := range intervals {
			cells := h * 60 / m
			if cells == 0 {
				continue
			}
			k := int64(math.Round(float64(observed) / float64(cells)))
			off := math.Abs(float64(k*cells - observed))
			if k < 1 || k > max(wholeTuples, tuples) || off > slack || k != tuples && float64(cells) <= 2*slack {
				continue
			}
			out = append(out, reading{hours: h, minutes: m, tuples: k, rank: [4]float64{
				float64(b2i(k != tuples) + b2i(h != hours) + b2i(interval > 0 && m != interval)),
				float64(b2i(h != hours)), math.Abs(math.Log(float64(k)/float64(max(tuples, 1)))) * float64(b2i(k != 1)), off,
			}})
		}
	}
	slices.SortStableFunc(out, func(a, b reading) int {
		return cmp.Or(slices.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.hours, b.hours), cmp.Compare(a.minutes, b.minutes))
	})
	return out
}

func hoursText(h int64) string { return fmt.Sprintf("%d h", h) }

func (t *trial) readingText(r reading) string {
	cells := r.hours * 60 / r.minutes
	product := thousands(r.tuples * cells)
	each := fmt.Sprintf("one record per %s over %s", strings.TrimPrefix(intervalText(60*r.minutes), "1 "), hoursText(r.hours))
	if hosts, ports := t.sides(); r.minutes == 60 && int64(hosts*ports) == r.tuples && r.tuples > 1 {
		return fmt.Sprintf("hourly rows of %s: %s x %s x %s = %s", count(int(r.tuples), "tuple"), count(hosts, "host"), count(ports, "port"), hoursText(r.hours), product)
	}
	if r.minutes == 60 {
		return fmt.Sprintf("hourly rows: %s x %s = %s", hoursText(r.hours), count(int(r.tuples), "tuple"), product)
	}
	return fmt.Sprintf("%s (%s cells) x %s = %s", each, thousands(cells), count(int(r.tuples), "tuple"), product)
}
