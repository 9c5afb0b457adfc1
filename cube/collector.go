package cube

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strings"

	"netcase"
)

// Collector gathers the details that wishes name while the inputs are read a
// second time. What it keeps does not depend on the order of reading.
type Collector struct {
	wants  []Want
	byPeer endIndex // wishes that name their peers
	byHost endIndex // of the others, those that name their hosts
	other  []wish   // those that name neither
	events []int    // wishes for events that are no flows
	starts map[Pair][]Start
	cut    map[Pair]int64
	notes  []string
	kept   map[string]*sample
	of     []*sample     // by wish; nil: it is for no records
	open   []countsIn    // by wish; nil: every record is counted
	only   map[Pair]bool // pairs whose starts are wanted; nil: all that a wish names
	input  string        // whose flows are offered, and their ranking
	rank   Rank
}

// countsIn says in which hours the records of a wish are counted.
type countsIn struct {
	some  bool // in those only
	hours []int64
}

// Counted says that the records of a wish are counted but for those of some hours: then
// only of these is the total, and a flow that is not offered is missed only if its
// record is the first, the last, or one whose Rank is low.
func (c *Collector) Counted(i int, but []int64) {
	if c.open == nil {
		c.open = make([]countsIn, len(c.wants))
	}
	c.open[i] = countsIn{true, but}
}

// AddTotal adds records of a wish that were counted elsewhere.
func (c *Collector) AddTotal(i int, records int64) { c.of[i].total += records }

// Short tells whether fewer records are kept of a wish than could be.
func (c *Collector) Short(i int) bool {
	s := c.of[i]
	s.settle()
	s.trim()
	return int64(len(s.low)) < min(int64(s.limit), s.total)
}

// counts tells whether a flow of an hour adds to the total of a wish.
func (c *Collector) counts(i int, hour int64) bool {
	return c.open == nil || !c.open[i].some || slices.Contains(c.open[i].hours, hour)
}

// Only restricts the starts to some pairs: the engine knows beforehand that there are
// more than can be kept, and which are the busiest.
func (c *Collector) Only(pairs map[Pair]bool) {
	c.only = pairs
	c.notes = append(c.notes, busiestOnly)
}

const busiestOnly = "exact times were kept for the 2,000 busiest pairs only"

// NewCollector prepares for the wishes.
func NewCollector(wants []Want) *Collector {
	c := &Collector{
		wants: wants, byPeer: newEndIndex(), byHost: newEndIndex(), starts: map[Pair][]Start{}, cut: map[Pair]int64{}, kept: map[string]*sample{},
		of: make([]*sample, len(wants)),
	}
	for i := range wants {
		s := &wants[i].Selection
		if wants[i].Records > 0 {
			if c.kept[wants[i].Tag] == nil {
				c.kept[wants[i].Tag] = &sample{limit: min(wants[i].Records, MaxRecords), bar: math.MaxUint64}
			}
			c.of[i] = c.kept[wants[i].Tag]
		}
		if wants[i].Of != Flows {
			c.events = append(c.events, i)
			continue
		}
		w := wishOf(i, s)
		switch {
		case len(s.Peers) > 0 && len(s.Prefixes) == 0:
			c.byPeer.add(s.Peers, w)
		case len(s.Peers) == 0 && len(s.Prefixes) == 0 && len(s.Hosts) > 0:
			c.byHost.add(s.Hosts, w)
		default:
			w.ends = s
			c.other = append(c.other, w)
		}
	}
	return c
}

// StartWishes is the wishes for starts, to be put to rows instead of flows.
type StartWishes struct{ *Collector }

// NewStartWishes is the wishes for starts among some wishes; nil: there are none.
func NewStartWishes(wants []Want) *StartWishes {
	var own []Want
	for i := range wants {
		if wants[i].Starts && wants[i].Of == Flows {
			own = append(own, Want{Selection: wants[i].Selection, Starts: true})
		}
	}
	if len(own) == 0 {
		return nil
	}
	return &StartWishes{NewCollector(own)}
}

// Asked tells whether any row of a peer may be wished for.
func (s *StartWishes) Asked(peer netcase.Endpoint) bool {
	return len(s.other) > 0 || !s.byHost.empty() || len(s.byPeer.of(&peer)) > 0
}

// Holds tells whether a flow of the row may be wished for.
func (s *StartWishes) Holds(r *Row) bool {
	active := netcase.Span{Start: r.First, End: r.Last + 1}
	for _, list := range [3][]wish{s.byPeer.of(&r.Peer), s.byHost.of(&r.Host), s.other} {
		for i := range list {
			w := &list[i]
			if (!w.span.End.Known() || w.span.Overlaps(active)) && w.matches(&r.Key, max(r.First, w.span.Start)) {
				return true
			}
		}
	}
	return false
}

// endIndex finds wishes by an end that they name. Most ends are IPv4 addresses.
type endIndex struct {
	v4     map[[4]byte][]wish
	others map[netcase.Endpoint][]wish
}

func newEndIndex() endIndex {
	return endIndex{v4: map[[4]byte][]wish{}, others: map[netcase.Endpoint][]wish{}}
}

func (x *endIndex) of(e *netcase.Endpoint) []wish {
	switch {
	case e.Addr.Is4():
		return x.v4[e.Addr.As4()]
	case len(x.others) == 0:
		return nil
	}
	return x.others[*e]
}

// add notes a wish under each of some ends, once even if an end is named twice.
func (x *endIndex) add(ends []netcase.Endpoint, w wish) {
	for i := range ends {
		e := &ends[i]
		if list := x.of(e); len(list) > 0 && list[len(list)-1].want == w.want {
			continue
		}
		if e.Addr.Is4() && e.Name == "" {
			x.v4[e.Addr.As4()] = append(x.v4[e.Addr.As4()], w)
			continue
		}
		x.others[*e] = append(x.others[*e], w)
	}
}

func (x *endIndex) empty() bool { return len(x.v4)+len(x.others) == 0 }

// wish is a wish made ready: what the index over peers or hosts has answered already
// is not asked again.
type wish struct {
	want      int
	span      netcase.Span
	direction netcase.Direction
	reaches   uint32 // a bit each; zero: any
	ports     PortSet
	hosts     map[netcase.Endpoint]bool
	sensors   []string
	ends      *netcase.Selection // to be asked whole; nil: the index found the wish by an end
}

func wishOf(i int, s *netcase.Selection) wish {
	w := wish{want: i, span: s.Span, direction: s.Direction, sensors: s.Sensors, ports: NewPortSet(s.Ports)}
	for _, r := range s.Reaches {
		w.reaches |= 1 << r
	}
	if len(s.Hosts) > 0 {
		w.hosts = map[netcase.Endpoint]bool{}
		for _, h := range s.Hosts {
			w.hosts[h] = true
		}
	}
	return w
}

// matches is Selection.Matches but for the end by which the wish was found.
func (w *wish) matches(k *Key, at netcase.Time) bool {
	if w.direction != netcase.DirectionUnknown && w.direction != k.Direction || w.reaches != 0 && w.reaches>>k.Reach&1 == 0 ||
		!w.span.Contains(at) || !w.ports.Has(k.Port) || w.hosts != nil && !w.hosts[k.Host] ||
		len(w.sensors) > 0 && !slices.Contains(w.sensors, k.Sensor) {
		return false
	}
	return w.ends == nil || w.ends.Matches(k.Peer, k.Host, k.Port, k.Direction, k.Reach, k.Sensor, at)
}

// Wanted tells whether any wish may match the ends of a flow; a cheap test before Add.
func (c *Collector) Wanted(peer, host netcase.Endpoint) bool {
	return len(c.other) > 0 || len(c.byPeer.of(&peer)) > 0 || len(c.byHost.of(&host)) > 0
}

// Add offers one flow.
func (c *Collector) Add(input string, k *Key, f *netcase.Flow) {
	started := false
	if input != c.input {
		c.input, c.rank = input, RankIn(input)
	}
	for _, list := range [3][]wish{c.byPeer.of(&k.Peer), c.byHost.of(&k.Host), c.other} {
		for i := range list {
			if !list[i].matches(k, f.Start) {
				continue
			}
			w := &c.wants[list[i].want]
			if w.Starts && !started {
				started = true
				if p := PairOf(k); c.only == nil || c.only[p] {
					c.addStart(p, f)
				}
			}
			if s := c.of[list[i].want]; s != nil {
				o := originalOf(f)
				if !c.counts(list[i].want, k.Hour) {
					o.Records = 0
				}
				s.add(input, c.rank.Of(&o.Place), &o)
			}
		}
	}
}

// AddEvents offers the logins, processes and alerts of a batch.
func (c *Collector) AddEvents(input string, b *netcase.Batch) {
	if len(c.events) == 0 {
		return
	}
	rank := RankIn(input)
	for _, i := range c.events {
		w := &c.wants[i]
		s := c.of[i]
		if s == nil {
			continue
		}
		switch w.Of {
		case Logins:
			for k := range b.Logins {
				l := &b.Logins[k]
				if w.Selection.MatchesEvent(l.Peer.Key(), l.Host.Key(), l.Account, l.Sensor, l.Time) {
					s.add(input, rank.Of(&l.Place), &original{l.Time, 1, l.Place, l.Raw, l.Context, l.Stamp, l.Zone})
				}
			}
		case Processes:
			for k := range b.Processes {
				p := &b.Processes[k]
				if w.Selection.MatchesEvent(p.Peer.Key(), p.Host.Key(), p.Account, p.Sensor, p.Time) {
					s.add(input, rank.Of(&p.Place), &original{p.Time, 1, p.Place, p.Raw, p.Context, p.Stamp, p.Zone})
				}
			}
		case Alerts:
			for k := range b.Alerts {
				a := &b.Alerts[k]
				src, dst := a.Src.Key(), a.Dst.Key()
				if w.Selection.MatchesEvent(src, dst, "", a.Sensor, a.Time) || w.Selection.MatchesEvent(dst, src, "", a.Sensor, a.Time) {
					s.add(input, rank.Of(&a.Place), &original{a.Time, 1, a.Place, a.Raw, a.Context, a.Stamp, a.Zone})
				}
			}
		}
	}
}

func (c *Collector) addStart(p Pair, f *netcase.Flow) {
	c.starts[p] = append(c.starts[p], Start{
		At: f.Start, End: max(f.Start, f.End), OctetsOut: f.OctetsOut, OctetsIn: f.OctetsIn, PacketsOut: f.PacketsOut, PacketsIn: f.PacketsIn, Flows: max(f.Flows, 1),
		Resolution: f.Resolution, Sensor: f.Sensor, SrcPort: f.SrcPort, Continued: f.Continued,
	})
	if n := len(c.starts[p]); n >= 2*MaxStarts {
		c.trim(p)
	}
}

// trim keeps the earliest starts of a pair.
func (c *Collector) trim(p Pair) {
	s := c.starts[p]
	slices.SortFunc(s, compareStarts)
	if len(s) > MaxStarts {
		c.cut[p] += int64(len(s) - MaxStarts)
		s = s[:MaxStarts]
	}
	c.starts[p] = s
}

func compareStarts(a, b Start) int {
	return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Sensor, b.Sensor), cmp.Compare(a.OctetsOut, b.OctetsOut),
		cmp.Compare(a.OctetsIn, b.OctetsIn), cmp.Compare(a.Flows, b.Flows), cmp.Compare(a.Resolution, b.Resolution),
		cmp.Compare(a.End, b.End), cmp.Compare(a.PacketsOut, b.PacketsOut), cmp.Compare(a.PacketsIn, b.PacketsIn),
		cmp.Compare(a.SrcPort, b.SrcPort), compareBools(a.Continued, b.Continued))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Merge takes in what another collector for the same wishes gathered.
func (c *Collector) Merge(o *Collector) {
	for p, s := range o.starts {
		c.starts[p] = append(c.starts[p], s...)
		c.cut[p] += o.cut[p]
		if c.cut[p] == 0 {
			delete(c.cut, p)
		}
		c.trim(p)
	}
	for tag, s := range o.kept {
		c.kept[tag].merge(s)
	}
	c.notes = append(c.notes, o.notes...)
}

// Note records what was not available.
func (c *Collector) Note(text string) { c.notes = append(c.notes, text) }

// Details is what was gathered.
func (c *Collector) Details() Details {
	d := Details{Starts: c.starts, Cut: c.cut, Records: map[string]RecordSet{}}
	for p := range c.starts {
		c.trim(p)
	}
	d.dropPairs()
	for tag, s := range c.kept {
		d.Records[tag] = s.set()
	}
	d.bound()
	slices.Sort(c.notes)
	d.Notes = append(slices.Compact(c.notes), d.Notes...)
	return d
}

// dropPairs keeps the pairs with the most starts.
func (d *Details) dropPairs() {
	if len(d.Starts) <= MaxPairs {
		return
	}
	pairs := make([]Pair, 0, len(d.Starts))
	for p := range d.Starts {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(len(d.Starts[b]), len(d.Starts[a])), a.Peer.Compare(b.Peer), a.Host.Compare(b.Host),
			cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Direction, b.Direction))
	})
	for _, p := range pairs[MaxPairs:] {
		delete(d.Starts, p)
		delete(d.Cut, p)
	}
	d.Notes = append(d.Notes, busiestOnly)
}

// bound keeps the case within MaxKept records, by shortening every sample alike.
func (d *Details) bound() {
	total := 0
	for _, s := range d.Records {
		total += len(s.Records)
	}
	if total <= MaxKept {
		return
	}
	each := max(MaxKept/len(d.Records), 1)
	for tag, s := range d.Records {
		if len(s.Records) > each {
			s.Records = s.Records[:each]
			d.Records[tag] = s
		}
	}
	d.Notes = append(d.Notes, "original records were shortened to 20,000 for the case")
}

// sample keeps the first record, the last, and those that a hash of their places puts
// first: a choice that neither the order of reading nor anybody's wish decides.
type sample struct {
	limit       int
	total       int64
	first, last *ranked
	low         []ranked // sorted by rank once full
	bar         uint64   // of a full list: records with a higher rank are not kept

	// The latest event so far: where events come by time every one is that, and a
	// record is made only of the last.
	latest struct {
		input string
		event original
		rank  uint64
		known bool
	}
}

// ranked is a record with the hash of its place.
type ranked struct {
	rank uint64
	netcase.Record
}

// Rank is a hash of the places of one input's records: those with low ones make a sample
// that neither the order of reading nor anybody's wish decides.
type Rank uint64

// RankIn is the ranking of the records of an input.
func RankIn(input string) Rank {
	h := Rank(0xcbf29ce484222325)
	for i := range len(input) {
		h = h.mixed(uint64(input[i]) + 1)
	}
	return h
}

func (h Rank) mixed(x uint64) Rank {
	hi, lo := bits.Mul64(uint64(h)^x, 0x9e3779b97f4a7c15)
	return Rank(hi ^ lo ^ x)
}

// Of is the rank of the record at a place, even over all numbers.
func (h Rank) Of(p *netcase.Place) uint64 {
	return uint64(h.mixed(uint64(p.Line) + 0x51).mixed(uint64(p.Offset) + 0x7f).mixed(uint64(p.Item) + 0x1d))
}

func (s *sample) add(input string, rank uint64, f *original) {
	s.total += f.Records
	if l := &s.latest; !l.known || f.At > l.event.At || f.At == l.event.At && rank > l.rank {
		raw := append(l.event.Raw[:0], f.Raw...)
		l.input, l.event, l.rank, l.known = input, *f, rank, true
		l.event.Raw = raw
	}
	if len(s.low) < s.limit || rank <= s.bar || s.first.after(f.At, rank) {
		s.keep(ranked{rank, recordOf(input, f)})
	}
}

// settle makes a record of the latest event.
func (s *sample) settle() {
	if l := &s.latest; l.known {
		l.known = false
		s.keep(ranked{l.rank, recordOf(l.input, &l.event)})
	}
}

func (r *ranked) after(t netcase.Time, rank uint64) bool {
	return r == nil || t < r.At || t == r.At && rank < r.rank
}

func (r *ranked) before(t netcase.Time, rank uint64) bool {
	return r == nil || t > r.At || t == r.At && rank > r.rank
}

func (s *sample) keep(r ranked) {
	if s.first.after(r.At, r.rank) {
		s.first = &r
	}
	if s.last.before(r.At, r.rank) {
		s.last = &r
	}
	s.low = append(s.low, r)
	if len(s.low) >= 2*s.limit+16 {
		s.trim()
	}
}

func (s *sample) trim() {
	slices.SortFunc(s.low, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.ID, b.ID), cmp.Compare(a.At, b.At))
	})
	s.low = slices.CompactFunc(s.low, func(a, b ranked) bool { return a.ID == b.ID })
	s.bar = math.MaxUint64
	if len(s.low) >= s.limit {
		s.low = s.low[:s.limit]
		if s.limit > 0 {
			s.bar = s.low[s.limit-1].rank
		}
	}
}

func (s *sample) merge(o *sample) {
	o.settle()
	s.total += o.total
	for _, r := range []*ranked{o.first, o.last} {
		if r != nil {
			s.keep(*r)
		}
	}
	for _, r := range o.low {
		s.keep(r)
	}
}

func compareRecords(a, b netcase.Record) int {
	return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.ID, b.ID))
}

func (s *sample) set() RecordSet {
	s.settle()
	s.trim()
	var out []netcase.Record
	keep := func(r *ranked) {
		if r != nil && len(out) < s.limit && !slices.ContainsFunc(out, func(x netcase.Record) bool { return x.ID == r.ID }) {
			out = append(out, r.Record)
		}
	}
	keep(s.first)
	keep(s.last)
	for i := range s.low {
		keep(&s.low[i])
	}
	slices.SortFunc(out, compareRecords)
	return RecordSet{Total: s.total, Records: out}
}
