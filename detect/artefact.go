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

// artefact asks whether counts of records are those of the traffic or of the
// interval in which the source writes records.
func artefact() Detector {
	return Detector{
		Name: "artefact",
		Doc:  "record counts that a logging interval explains as well as the traffic does",
		Method: "six tests: one record per key and cell, records against tuples x cells, under-dispersion across sources, " +
			"grid of the time stamps, counters, declared interval",
		Ask: func(Config) Questions {
			return Questions{Rows: []cube.Question{{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound}}}}
		},
		Refine: refineArtefact,
		Find:   findArtefact,
	}
}

// Bounds of the tests.
const (
	keptPeers     = 512     // candidates kept at most, listed ones and large counts first
	mostTuples    = 512     // of one peer; more is a sweep and no repeated count
	shownPeers    = 20      // of a group
	artefactPairs = 1000    // whose exact times are asked for: others need some as well
	artefactCites = 40      // original records
	equalGroups   = 8       // groups of equal tuples that are looked at
	wholeTuples   = 64      // tuples in an explanation
	mostReadings  = 10      // explanations listed
	otherReadings = 2       // of another interval, where the source declares its own
	mostArrivals  = 1 << 20 // records of one tuple beyond which the chance of no collision is not worked out
)

// artefactGrids are the grids of usual logging intervals, in seconds.
var artefactGrids = [...]int64{60, 300, 600, 900, 3600}

// tuple is what an aggregating source keeps apart for one peer.
type tuple struct {
	host  netcase.Endpoint
	port  uint16
	proto uint8
}

// tally is the records of one peer.
type tally struct {
	peer        netcase.Endpoint
	listed      bool
	records     int64
	flows       int64
	reach       netcase.Tally
	tuples      map[tuple]int64 // records of each
	sweep       bool            // too many tuples to keep
	largest     int64           // records in one hour with one key
	cells       int             // (key, hour) filled
	first, last netcase.Time
	finest      kindsOf
}

// kindsOf says which resolutions occur.
type kindsOf struct {
	raw, unknown, sampled bool
	minutes               int // the coarsest declared interval
}

func (k kindsOf) plus(o kindsOf) kindsOf {
	return kindsOf{k.raw || o.raw, k.unknown || o.unknown, k.sampled || o.sampled, max(k.minutes, o.minutes)}
}

func (k *kindsOf) note(r netcase.Resolution) {
	switch {
	case r.Aggregated():
		k.minutes = max(k.minutes, int(r))
	case r == netcase.ResolutionRaw:
		k.raw = true
	case r == netcase.ResolutionSampled:
		k.sampled = true
	default:
		k.unknown = true
	}
}

func (c *tally) add(r *cube.Row) {
	c.records += r.Records
	c.flows += r.Flows
	c.reach[r.Reach] += r.Flows
	c.largest = max(c.largest, r.Records)
	c.cells++
	c.finest.note(r.Resolution)
	if !c.first.Known() || r.First < c.first {
		c.first = r.First
	}
	c.last = max(c.last, r.First, min(r.Last, netcase.Time(r.Hour+1)*netcase.Hour-1))
}

// tupleCounts are the tuples of the peer that is being read, with their records.
type tupleCounts = pocket[doorNumber, tupleCount]

type tupleCount struct {
	tuple
	records int64
}

// addTuple counts a row's tuple, while there is room.
func (c *tally) addTuple(met *tupleCounts, r *row) {
	t, made := met.find(r.door())
	if made {
		if len(met.of) > mostTuples {
			met.drop()
			c.sweep = true
			return
		}
		t.tuple = tuple{r.Host, r.Port, r.Proto}
	}
	t.records += r.Records
}

// keep is a copy with the tuples that were counted.
func (c *tally) keep(met *tupleCounts) *tally {
	kept := *c
	kept.tuples = make(map[tuple]int64, len(met.of))
	for i := range met.of {
		kept.tuples[met.of[i].value.tuple] = met.of[i].value.records
	}
	return &kept
}

// spanCells is the number of cells of a grid between the first record and the last.
func (c *tally) spanCells(seconds int64) int64 {
	w := netcase.Time(seconds) * netcase.Second
	return int64((c.last.Truncate(w)-c.first.Truncate(w))/w) + 1
}

// tupleSet names the tuples, so that peers with the same ones can be found.
func (c *tally) tupleSet() string {
	names := make([]string, 0, len(c.tuples))
	for t := range c.tuples {
		names = append(names, t.host.String()+" "+cube.PortName(t.port, t.proto))
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// artefactSpan is the investigated span in whole hours.
func artefactSpan(in *Input) netcase.Span {
	s := netcase.Span{Start: in.Span.Start.Truncate(netcase.Hour), End: in.Span.End}
	if end := s.End.Truncate(netcase.Hour); end < s.End {
		s.End = end + netcase.Hour
	}
	return s
}

// tallies is the inbound peers with enough records, and the busiest few whatever
// they have. Memory holds keptPeers of them.
func tallies(in *Input) (enough, busiest []*tally) {
	span := artefactSpan(in)
	most, any := mostTallies{most: keptPeers}, mostTallies{most: shownPeers}
	var now tally
	var met tupleCounts
	number := int32(-1)
	end := func() {
		if number < 0 {
			return
		}
		now.listed = adverse(in, now.peer)
		is := now.records >= int64(in.Config.Artefact.Records) && !now.sweep && most.takes(&now)
		if is || any.takes(&now) {
			kept := now.keep(&met)
			any.add(kept)
			if is {
				most.add(kept)
			}
		}
		met.reset()
	}
	for r := range in.rows(0) {
		if !span.Contains(netcase.Time(r.Hour) * netcase.Hour) {
			continue
		}
		if r.PeerNumber != number {
			end()
			now, number = tally{peer: r.Peer}, r.PeerNumber
		}
		now.add(&r.Row)
		now.addTuple(&met, r)
	}
	end()
	return most.end(), any.end()
}

// mostTallies keeps the tallies with the most records, listed peers before others.
type mostTallies struct {
	of   []*tally
	most int
	last *tally // of those that were kept when it was full; nil: it was not
}

// takes tells whether a tally may be among them.
func (m *mostTallies) takes(c *tally) bool { return m.last == nil || c.order(m.last) < 0 }

func (m *mostTallies) add(c *tally) {
	if m.of = append(m.of, c); len(m.of) > 2*m.most {
		m.of = m.end()
		m.last = m.of[m.most-1]
	}
}

func (m *mostTallies) end() []*tally {
	slices.SortFunc(m.of, (*tally).order)
	clear(m.of[min(len(m.of), m.most):])
	return m.of[:min(len(m.of), m.most)]
}

func (c *tally) order(o *tally) int {
	return cmp.Or(cmp.Compare(b2i(o.listed), b2i(c.listed)), cmp.Compare(o.records, c.records), c.peer.Compare(o.peer))
}

// suspects is a group of peers whose counts are looked at together.
type suspects struct {
	why    string
	peers  []*tally
	tests  float64 // how many ways there were to choose such a group
	chosen bool    // chosen by the counts themselves: too equal has to allow for that
	n      int     // peers it was chosen from
}

// suspectGroups are the groups, the most telling first: what others list, what
// touched the same tuples, what has nearly the same count, and the busiest.
func suspectGroups(in *Input) []suspects {
	enough, busiest := tallies(in)
	var out []suspects
	var listed []*tally
	for _, c := range enough {
		if c.listed {
			listed = append(listed, c)
		}
	}
	if len(listed) > 0 {
		out = append(out, sameTuples(listed, listedAlike)...)
		out = append(out, suspects{why: listedAll, peers: listed, tests: 1})
	}
	out = append(out, sameTuples(enough, "addresses that touched the same hosts and ports")...)
	if c := in.Config.Artefact.closest(enough); len(c) > 0 {
		out = append(out, suspects{why: "addresses with nearly the same count", peers: c, chosen: true, n: len(enough)})
	}
	if len(enough) > 0 {
		most := slices.MaxFunc(enough, func(a, b *tally) int { return cmp.Or(cmp.Compare(a.records, b.records), b.peer.Compare(a.peer)) })
		out = append(out, suspects{why: "the busiest address", peers: []*tally{most}, tests: 1})
	}
	if len(busiest) > 0 {
		out = append(out, suspects{why: "the busiest addresses", peers: busiest, chosen: true, n: math.MaxInt32})
	}
	return out
}

// How the groups of listed addresses are called.
const (
	listedAll   = "listed addresses"
	listedAlike = "listed addresses that touched the same hosts and ports"
)

// sameTuples are the largest groups of peers that touched the same hosts and ports.
// Addresses that did different things have different counts, and say nothing
// together.
func sameTuples(enough []*tally, why string) []suspects {
	sets := map[string][]*tally{}
	var order []string
	for _, c := range enough {
		if len(c.tuples) < 2 {
			continue
		}
		k := c.tupleSet()
		if sets[k] == nil {
			order = append(order, k)
		}
		sets[k] = append(sets[k], c)
	}
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(recordsOf(sets[b]), recordsOf(sets[a])), strings.Compare(a, b))
	})
	var out []suspects
	for _, k := range order[:min(len(order), equalGroups)] {
		out = append(out, suspects{why: why, peers: sets[k], tests: float64(len(order))})
	}
	return out
}

func recordsOf(peers []*tally) (n int64) {
	for _, c := range peers {
		n += c.records
	}
	return n
}

// closest is the largest set of peers whose counts are nearly equal.
func (c *ArtefactConfig) closest(enough []*tally) []*tally {
	byCount := slices.Clone(enough)
	slices.SortFunc(byCount, func(a, b *tally) int { return cmp.Or(cmp.Compare(a.records, b.records), a.peer.Compare(b.peer)) })
	var best []*tally
	from := 0
	for to := range byCount {
		for float64(byCount[to].records-byCount[from].records) > c.EqualShare*float64(byCount[to].records) {
			from++
		}
		if to+1-from >= max(c.Equal, len(best)) {
			best = byCount[from : to+1]
		}
	}
	return best
}

func refineArtefact(in *Input) []cube.Want {
	seen := map[netcase.Endpoint]bool{}
	var peers []netcase.Endpoint
	pairs := 0
	groups := suspectGroups(in)
	in.Memo = groups
	for _, g := range groups {
		for _, c := range g.peers[:min(len(g.peers), shownPeers)] {
			if !seen[c.peer] && (len(peers) == 0 || pairs+len(c.tuples) <= artefactPairs) {
				seen[c.peer] = true
				peers = append(peers, c.peer)
				pairs += len(c.tuples)
			}
		}
	}
	if len(peers) == 0 {
		return nil
	}
	var wants []cube.Want
	wants = append(wants, cube.Want{
		Tag: "peers", Starts: true, Records: artefactCites,
		Selection: netcase.Selection{Peers: peers, Direction: netcase.Inbound, Span: artefactSpan(in)},
	})
	return wants
}

func findArtefact(in *Input) []netcase.Finding {
	groups := in.Memo.([]suspects)
	if len(groups) == 0 {
		return nil
	}
	var best *trial
	near := false
	for i := range groups {
		t := newTrial(in, &groups[i])
		near = near || t.equal()
		if best == nil || t.stronger(best) {
			best = t
		}
	}
	if best.verdict == notIndicated && !near && !aggregatedInput(in) {
		return nil
	}
	return []netcase.Finding{best.finding(in)}
}

func aggregatedInput(in *Input) bool {
	for i := range in.Coverage.Inputs {
		if slices.ContainsFunc(in.Coverage.Inputs[i].Resolution, netcase.Resolution.Aggregated) {
			return true
		}
	}
	return false
}

// The verdicts.
const (
	artefactLikely   = "likely"
	artefactPossible = "possible"
	notIndicated     = "not indicated"
	capFlag          = "possible_aggregation_cap"
)

func (t *trial) rank() int {
	return slices.Index([]string{notIndicated, artefactPossible, artefactLikely}, t.verdict)
}

// stronger tells whether a trial says more than another: by its verdict, then by
// counts that are nearly equal, then by the tests it passed. Equals keep their order.
func (t *trial) stronger(o *trial) bool {
	return cmp.Or(cmp.Compare(t.rank(), o.rank()), cmp.Compare(b2i(t.equal()), b2i(o.equal())), cmp.Compare(t.passed(), o.passed())) > 0
}

func (t *trial) passed() (n int) {
	for _, x := range t.tests {
		n += b2i(x.Result == netcase.Pass)
	}
	return n
}

// decide is the stated rule over the six tests.
func (t *trial) decide() string {
	passed := func(i int) bool { return t.tests[i].Result == netcase.Pass }
	unknown := t.finest.unknown
	switch {
	case passed(testCounters) || passed(testMetadata):
		return artefactLikely
	case t.finest.raw || t.fractions:
		return notIndicated
	case passed(testCap) && passed(testProduct) && t.fewestTuples() >= 2:
		return artefactLikely
	case passed(testProduct) && passed(testEqual), passed(testEqual) && unknown:
		return artefactPossible
	case passed(testCap) && passed(testProduct) && unknown && t.phase < 0 && netcase.Time(t.grid)*netcase.Second >= t.rule.Drifting:
		// One record in every cell at no fixed place in it: a schedule would keep
		// its phase, and free arrivals would collide.
		return artefactPossible
	}
	return notIndicated
}

func (t *trial) fewestTuples() int {
	n := math.MaxInt
	for _, c := range t.group.peers {
		n = min(n, len(c.tuples))
	}
	return n
}

// finding says what came of it.
func (t *trial) finding(in *Input) netcase.Finding {
	facts := &netcase.ArtefactFacts{Verdict: t.verdict, GridMinutes: int(t.grid / 60), Tests: t.tests, Counts: t.counts()}
	if t.verdict != notIndicated {
		facts.Flag = capFlag
		facts.Explanations = t.explanations()
		facts.Blocks = []string{
			"cadence: the time between two records may be the logging interval",
			"beaconing: no regular interval may be concluded from these records",
			"attempts: the number of records is not the number of attempts",
		}
	}
	f := netcase.Finding{
		Kind: "counts", Title: t.title(), Direction: netcase.Inbound, Artefact: facts, Limits: t.limits(),
		Selection: netcase.Selection{Direction: netcase.Inbound, Span: artefactSpan(in)},
	}
	for _, c := range t.group.peers {
		f.Flows += c.flows
		f.Reach = f.Reach.Plus(c.reach)
	}
	f.Span = t.span()
	for _, c := range t.group.peers[:min(len(t.group.peers), netcase.MaxSources)] {
		f.Selection.Peers = append(f.Selection.Peers, c.peer)
	}
	f.Evidence = []netcase.Evidence{in.Cite(t.countEvidence(f.Selection), "peers"), t.testEvidence(f.Selection)}
	return f
}

func (t *trial) counts() []netcase.PeerCount {
	var out []netcase.PeerCount
	for _, c := range t.group.peers[:min(len(t.group.peers), shownPeers)] {
		out = append(out, netcase.PeerCount{Peer: c.peer, Records: c.records, Flows: c.flows, Tuples: len(c.tuples), Cells: t.filled(c)})
	}
	return out
}

func (t *trial) title() string {
	what := fmt.Sprintf("record counts of %s (%s)", t.peersText(), t.rangeText())
	if len(t.group.peers) == 1 {
		what = fmt.Sprintf("record count of %s (%s)", t.peersText(), t.rangeText())
	}
	switch t.verdict {
	case artefactLikely:
		switch {
		case t.tests[testMetadata].Result == netcase.Pass:
			return fmt.Sprintf("%s: %s", what, t.standsFor())
		case t.tests[testCounters].Result == netcase.Pass:
			return fmt.Sprintf("%s: a record stands for several flows", what)
		}
		return what + ": likely " + t.those() + " of the logging interval, not of the traffic"
	case artefactPossible:
		return what + ": possibly " + t.those() + " of the logging interval, not of the traffic"
	}
	return what + ": nothing points to a logging interval"
}

func (t *trial) those() string {
	if len(t.group.peers) == 1 {
		return "that"
	}
	return "those"
}

// standsFor says what a record is, where the source declares its interval.
func (t *trial) standsFor() string {
	if len(t.group.peers) == 1 {
		return "the records of this source stand for intervals of " + intervalText(int64(60*t.finest.minutes))
	}
	return t.tests[testMetadata].Detail
}

func (t *trial) peersText() string {
	noun := "address"
	if t.group.why == listedAll || t.group.why == listedAlike {
		noun = "listed address"
	}
	return count(len(t.group.peers), noun)
}

// rangeText is the counts in words: all where they are few, else the ends.
func (t *trial) rangeText() string {
	records := t.records()
	if len(records) <= 4 {
		var parts []string
		for _, n := range records {
			parts = append(parts, thousands(n))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s to %s", thousands(records[0]), thousands(records[len(records)-1]))
}

// records is the counts, ascending.
func (t *trial) records() []int64 {
	var out []int64
	for _, c := range t.group.peers {
		out = append(out, c.records)
	}
	slices.Sort(out)
	return out
}

func (t *trial) countEvidence(sel netcase.Selection) netcase.Evidence {
	records := t.records()
	lead := t.group.peers[0]
	each := " each"
	if len(records) == 1 {
		each = ""
	}
	span := t.span()
	text := fmt.Sprintf("%s: %s records%s, on %s between %s and %s.", t.peersText(), t.rangeText(), each, t.tuplesText(), span.Start.Short(), (span.End - 1).Short())
	if flows, n := t.flows(), recordsOf(t.group.peers); flows != n {
		text += fmt.Sprintf(" They stand for %s.", count(flows, "flow"))
	}
	return netcase.Evidence{
		Statement: text, Selection: sel,
		Numbers: map[string]float64{
			"peers": float64(len(records)), "min": float64(records[0]), "max": float64(records[len(records)-1]),
			"mean": float64(recordsOf(t.group.peers)) / float64(len(records)), "tuples": float64(len(lead.tuples)),
		},
		Method: fmt.Sprintf("artefact: inbound records by address in the span; group: %s; at least %d records, or the busiest", t.group.why, t.rule.Records),
	}
}

// span is from the first record of the group to the last.
func (t *trial) span() (s netcase.Span) {
	for _, c := range t.group.peers {
		s = s.Extend(c.first).Extend(c.last)
	}
	return s
}

func (t *trial) flows() (n int64) {
	for _, c := range t.group.peers {
		n += c.flows
	}
	return n
}

// tuplesText is "3 hosts x 4 ports", or the number of pairs.
func (t *trial) tuplesText() string {
	low, high := math.MaxInt, 0
	for _, c := range t.group.peers {
		low, high = min(low, len(c.tuples)), max(high, len(c.tuples))
	}
	if low != high {
		return fmt.Sprintf("%d to %d pairs of host and port", low, high)
	}
	if hosts, ports := t.sides(); hosts*ports == low {
		return count(hosts, "host") + " x " + count(ports, "port")
	}
	return count(low, "pair") + " of host and port"
}

// sides is how many hosts and ports the first peer touched.
func (t *trial) sides() (hosts, ports int) {
	h, p := map[netcase.Endpoint]bool{}, map[portKey]bool{}
	for k := range t.group.peers[0].tuples {
		h[k.host] = true
		p[portKey{k.port, k.proto}] = true
	}
	return len(h), len(p)
}

func (t *trial) testEvidence(sel netcase.Selection) netcase.Evidence {
	var parts []string
	numbers := map[string]float64{}
	for i, x := range t.tests {
		parts = append(parts, fmt.Sprintf("%s: %s (%s)", x.Name, x.Result, x.Detail))
		numbers[fmt.Sprintf("test%d", i+1)] = float64(slices.Index([]netcase.TestResult{netcase.NA, netcase.Fail, netcase.Pass}, x.Result)) - 1
	}
	return netcase.Evidence{
		Statement: fmt.Sprintf("Whether the counts are those of a logging interval: %s. %s.", t.verdict, strings.Join(parts, "; ")),
		Numbers:   numbers, Selection: sel,
		Method: fmt.Sprintf("artefact: grids of 60, 300, 600, 900, 3600 s; chance of free arrivals below %g; tuples x cells within %g %%; "+
			"chi-square lower tail at most %g; flows a record above %g; likely: (1 and 2 with two tuples) or 5 or 6; possible: 2 and 3, or 3 or a filled grid alone "+
			"where the interval is unknown; raw or sub-second stamps need 5 or 6", t.rule.Free, 100*t.rule.Slack, t.rule.EqualP, t.rule.Counters),
	}
}

func (t *trial) limits() []string {
	var out []string
	switch declared := t.tests[testMetadata].Result == netcase.Pass; {
	case t.verdict == notIndicated:
	case t.equal():
		out = append(out, "The near-identical counts may come from the logging interval; raw records are needed.")
	case declared && len(t.group.peers) == 1:
		out = append(out, upperFirst(t.standsFor())+"; raw records are needed to count attempts.")
	default:
		out = append(out, "How many records there are may come from the logging interval; raw records are needed.")
	}
	if t.stamps == 0 {
		out = append(out, "exact times were not available: only the grid of one hour was tested")
	}
	return out
}
