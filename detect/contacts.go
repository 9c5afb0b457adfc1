package detect

import (
	"cmp"
	"iter"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"netcase"
	"netcase/cube"
)

// contact is a source's contact with a host and port in some minute.
type contact struct {
	at   netcase.Time
	host int // index in the profiler
	port portKey
}

// source is one source in one direction, with its contacts by time.
type source struct {
	profiler *profiler
	events   []contact
	firsts   []attempt          // first contact with each host, by its index in the profiler
	coarsest time.Duration      // of the intervals that its rows stand for
	attempts map[portKey]bitset // what counted found; nil: not asked yet
}

// maxContacts bounds the contacts kept for one source. They only serve to find
// the shortest horizon; the class itself is exact over the whole span.
const maxContacts = 1 << 20

// contacts groups rows, which come sorted by source, into sources. A source is good until
// the next one is asked for: its memory is used again, since a flood has millions.
func contacts(rows iter.Seq[*cube.Row], kind cube.Kind) iter.Seq[*source] {
	return func(yield func(*source) bool) {
		var open, spare []*source
		flush := func() bool {
			if len(open) > 1 {
				slices.SortFunc(open, func(a, b *source) int { return cmp.Compare(a.profiler.p.Direction, b.profiler.p.Direction) })
			}
			for _, s := range open {
				if !slices.IsSortedFunc(s.events, byTime) {
					slices.SortStableFunc(s.events, byTime)
				}
				if !yield(s) {
					return false
				}
			}
			spare = append(spare, open...)
			open = open[:0]
			return true
		}
		begin := func(from netcase.Endpoint, d netcase.Direction) *source {
			n := len(spare)
			if n == 0 {
				return &source{profiler: newProfiler(from, d)}
			}
			s := spare[n-1]
			spare = spare[:n-1]
			s.begin(from, d)
			return s
		}
		for r := range eachUnicast(rows) {
			from, to := r.Peer, r.Host
			if kind == cube.Hosts {
				from, to = to, from
			}
			if len(open) > 0 && open[0].profiler.p.Peer != from && !flush() {
				return
			}
			i := slices.IndexFunc(open, func(s *source) bool { return s.profiler.p.Direction == r.Direction })
			if i < 0 {
				i = len(open)
				open = append(open, begin(from, r.Direction))
			}
			open[i].add(r, to)
		}
		flush()
	}
}

func byTime(a, b contact) int { return cmp.Compare(a.at, b.at) }

// begin makes a source of what another one left.
func (s *source) begin(from netcase.Endpoint, d netcase.Direction) {
	s.profiler.begin(from, d)
	if cap(s.events) > mostSpare {
		s.events, s.firsts = nil, nil
	}
	*s = source{profiler: s.profiler, events: s.events[:0], firsts: s.firsts[:0]}
}

// add counts a row and notes its minutes.
func (s *source) add(r *cube.Row, target netcase.Endpoint) {
	host, port := s.profiler.add(r, target), portKey{r.Port, r.Proto}
	if r.Resolution.Aggregated() {
		s.coarsest = max(s.coarsest, time.Duration(r.Resolution)*time.Minute)
	} else if r.Resolution == netcase.ResolutionUnknown {
		s.coarsest = max(s.coarsest, time.Hour)
	}
	if a := (attempt{r.First, r.Reach}); host == len(s.firsts) {
		s.firsts = append(s.firsts, a)
	} else {
		s.firsts[host] = s.firsts[host].first(a)
	}
	for m := r.Minutes; m != 0 && len(s.events) < maxContacts; m &= m - 1 {
		at := netcase.Time(r.Hour)*netcase.Hour + netcase.Time(bits.TrailingZeros64(m))*netcase.Minute
		s.events = append(s.events, contact{at: at, host: host, port: port})
	}
}

// toMany tells whether an address stands for many: a multicast group or the
// broadcast of the local network. Nobody is met at such an address, so that it is
// neither a target nor a member of the estate. The broadcast address of a subnet
// cannot be told from a host without its mask.
func toMany(e netcase.Endpoint) bool {
	return e.Addr.IsMulticast() || e.Addr == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// eachUnicast is unicast without copies: a row is valid until the next one.
func eachUnicast(rows iter.Seq[*cube.Row]) iter.Seq[*cube.Row] {
	return func(yield func(*cube.Row) bool) {
		for r := range rows {
			if !toMany(r.Peer) && !toMany(r.Host) && !yield(r) {
				return
			}
		}
	}
}
