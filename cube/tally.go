package cube

import (
	"math/bits"

	"netcase"
)

// Tally counts by rows what meets the wishes for records alone, before the flows are
// read again: then few of them need be looked at. Rows are those of every sensor, and
// each flow began within the hour of its row.
type Tally struct {
	index  *Collector
	wishes []wishTally
	place  map[int]int // of a wish among those that were asked for, in wishes
	peer   []wish      // those that name the peer of the rows at hand
}

// wishTally is what rows say of one wish.
type wishTally struct {
	inside sums
	edges  [2]edge // hours that the ends of its span cut
}

// edge is an hour of which only a part lies within the span of a wish.
type edge struct {
	hour int64
	set  bool
	cut  bool // a row has flows on both sides, or may have
	sums
}

// sums is what some rows of a wish come to.
type sums struct {
	records int64
	first   moment // the first start
	last    moment // the minute of the last start
}

// moment is the earliest or the latest time of some rows, and whose rows they are.
type moment struct {
	at    netcase.Time
	known bool
	many  bool // of more peers than are listed
	peers []netcase.Endpoint
}

// maxMomentPeers bounds the peers that are remembered of one moment.
const maxMomentPeers = 32

// NewTally prepares for those of the wishes that are for records alone and that may is
// content with; nil: there are none.
func NewTally(wants []Want, may func(*Want) bool) *Tally {
	t := &Tally{place: map[int]int{}}
	var own []Want
	for i := range wants {
		if w := &wants[i]; w.Of == Flows && w.Records > 0 && !w.Starts && len(w.Selection.Prefixes) == 0 && may(w) {
			t.place[i] = len(own)
			own = append(own, *w)
			t.wishes = append(t.wishes, newWishTally(&w.Selection))
		}
	}
	if len(own) == 0 {
		return nil
	}
	t.index = NewCollector(own)
	return t
}

func newWishTally(s *netcase.Selection) (w wishTally) {
	for k, at := range [2]netcase.Time{s.Span.Start, s.Span.End} {
		if at.Known() && at != at.Truncate(netcase.Hour) {
			w.edges[k] = edge{hour: at.Hour(), set: true}
		}
	}
	w.edges[1].set = w.edges[1].set && !(w.edges[0].set && w.edges[0].hour == w.edges[1].hour)
	return w
}

// Peer says whose rows come next, and tells whether a wish names that peer. Rows of others
// need be added only if a wish that names no peer may be for them.
func (t *Tally) Peer(peer netcase.Endpoint) bool {
	t.peer = t.index.byPeer.of(&peer)
	return len(t.peer) > 0
}

// Add counts one row of the peer at hand.
func (t *Tally) Add(r *Row) {
	for _, list := range [3][]wish{t.peer, t.index.byHost.of(&r.Host), t.index.other} {
		for i := range list {
			t.wishes[list[i].want].add(&list[i], r)
		}
	}
}

// Join takes in what another tally of the same wishes counted of other rows, which come
// after its own.
func (t *Tally) Join(o *Tally) {
	for i := range t.wishes {
		w, x := &t.wishes[i], &o.wishes[i]
		w.inside.join(&x.inside)
		for k := range w.edges {
			w.edges[k].cut = w.edges[k].cut || x.edges[k].cut
			w.edges[k].join(&x.edges[k].sums)
		}
	}
}

// startsOf is the span in which the flows of a row began.
func startsOf(r *Row) netcase.Span {
	hour := netcase.Time(r.Hour) * netcase.Hour
	return netcase.Span{Start: r.First, End: hour + netcase.Time(bits.Len64(r.Minutes))*netcase.Minute}
}

func (w *wishTally) add(asked *wish, r *Row) {
	starts := startsOf(r)
	from, until := asked.span.Start, asked.span.End
	if until.Known() && starts.Start >= until || from.Known() && starts.End <= from {
		return
	}
	at := starts.Start
	if from.Known() {
		at = max(at, from)
	}
	if !asked.matches(&r.Key, at) {
		return
	}
	e := w.edge(r.Hour)
	if e == nil {
		w.inside.add(r, starts)
		return
	}
	if from.Known() && starts.Start < from || until.Known() && starts.End > until {
		e.cut = true
		return
	}
	e.add(r, starts)
}

// edge is the hour, if the span of the wish cuts it.
func (w *wishTally) edge(hour int64) *edge {
	for k := range w.edges {
		if e := &w.edges[k]; e.set && e.hour == hour {
			return e
		}
	}
	return nil
}

func (s *sums) add(r *Row, starts netcase.Span) {
	s.records += r.Records
	s.first.offer(starts.Start, r.Peer, starts.Start < s.first.at)
	s.last.offer(starts.End, r.Peer, starts.End > s.last.at)
}

// offer takes in the time of a row; better: it goes before all until now.
func (m *moment) offer(at netcase.Time, peer netcase.Endpoint, better bool) {
	if !m.known || better {
		*m = moment{at: at, known: true, peers: append(m.peers[:0], peer)}
		return
	}
	if at != m.at || m.many || m.peers[len(m.peers)-1] == peer {
		return
	}
	if m.many = len(m.peers) == maxMomentPeers; !m.many {
		m.peers = append(m.peers, peer)
	}
}

// Count is what rows say of one wish.
type Count struct {
	Records int64
	// Edges are moments near which flows are still to be looked at: those of the first
	// and of the last record.
	Edges []Edge
	// Open are hours of which the rows cannot say what meets the wish: their flows are
	// not among Records.
	Open []int64
}

// Edge is a time near which a record is wanted, and whose it is; no peers: anybody's.
type Edge struct {
	Span  netcase.Span
	Peers []netcase.Endpoint
}

// Of is what the rows said of the wish with an index; false: nothing, it is to be
// counted by its flows.
func (t *Tally) Of(i int) (c Count, ok bool) {
	at, ok := t.place[i]
	if !ok {
		return c, false
	}
	w := &t.wishes[at]
	all := w.inside
	for k := range w.edges {
		switch e := &w.edges[k]; {
		case !e.set:
		case e.cut:
			c.Open = append(c.Open, e.hour)
		default:
			all.join(&e.sums)
		}
	}
	c.Records = all.records
	if all.first.known {
		c.Edges = []Edge{
			{netcase.Span{Start: all.first.at, End: all.first.at + 1}, all.first.of()},
			{netcase.Span{Start: all.last.at - netcase.Minute, End: all.last.at}, all.last.of()},
		}
	}
	return c, true
}

func (s *sums) join(o *sums) {
	s.records += o.records
	s.first.join(&o.first, o.first.at < s.first.at)
	s.last.join(&o.last, o.last.at > s.last.at)
}

func (m *moment) join(o *moment, better bool) {
	for _, p := range o.peers {
		m.offer(o.at, p, better)
		better = false
	}
	m.many = m.many || o.many && o.at == m.at
}

// of are the peers of the moment; nil: anybody.
func (m *moment) of() []netcase.Endpoint {
	if m.many {
		return nil
	}
	return m.peers
}
