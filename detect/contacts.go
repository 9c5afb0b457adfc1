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
	at         netcase.Time
	host, port int32 // places in the profiler
}

// moment is a row's contacts with a host and port: the minutes of an hour.
type moment struct {
	minutes    uint64
	hour       int32 // since 1970
	host, port int32 // places in the profiler
}

// source is one source in one direction.
type source struct {
	profiler *profiler
	moments  []moment      // by the hour
	contacts int           // minutes in them
	firsts   []attempt     // first contact with each host, by its place in the profiler
	coarsest time.Duration // of the intervals that its rows stand for
	attempts []attempted   // what counted found; nil: not asked yet
	kept     bool          // somebody still needs it; see spareSources
}

// attempted is the hosts that count as tried on one port, by their places.
type attempted struct {
	port  portKey
	hosts bitset
}

// maxContacts bounds the contacts kept for one source. They only serve to find
// the shortest horizon; the class itself is exact over the whole span.
const maxContacts = 1 << 20

// spareSources are sources whose memory can be used again: a flood has millions.
type spareSources struct{ of []*source }

func (p *spareSources) begin(from netcase.Endpoint, d netcase.Direction) *source {
	n := len(p.of)
	if n == 0 {
		return &source{profiler: newProfiler(from, d)}
	}
	s := p.of[n-1]
	p.of = p.of[:n-1]
	s.begin(from, d)
	return s
}

// put takes a source back that nobody needs.
func (p *spareSources) put(s *source) { p.of = append(p.of, s) }

// contacts groups rows, which come sorted by source, into sources. A source is good until
// the next one is asked for, unless it is kept.
func contacts(rows iter.Seq[*row], kind cube.Kind, spare *spareSources) iter.Seq[*source] {
	return func(yield func(*source) bool) {
		var open []*source // of the source at hand, one a direction
		at := int32(-1)
		flush := func() bool {
			if len(open) > 1 {
				slices.SortFunc(open, func(a, b *source) int { return cmp.Compare(a.profiler.p.Direction, b.profiler.p.Direction) })
			}
			for _, s := range open {
				going := yield(s)
				if !s.kept {
					spare.put(s)
				}
				if !going {
					return false
				}
			}
			open = open[:0]
			return true
		}
		for r := range rows {
			if !r.unicast {
				continue
			}
			from, to, number, target := &r.Peer, &r.Host, r.PeerNumber, r.HostNumber
			if kind == cube.Hosts {
				from, to, number, target = to, from, target, number
			}
			if number != at {
				if !flush() {
					return
				}
				at = number
			}
			i := 0
			for i < len(open) && open[i].profiler.p.Direction != r.Direction {
				i++
			}
			if i == len(open) {
				open = append(open, spare.begin(*from, r.Direction))
			}
			open[i].add(r, to, target)
		}
		flush()
	}
}

// begin makes a source of what another one left.
func (s *source) begin(from netcase.Endpoint, d netcase.Direction) {
	s.profiler.begin(from, d)
	if cap(s.moments) > mostHeld {
		s.moments, s.firsts, s.attempts = nil, nil, nil
	}
	*s = source{profiler: s.profiler, moments: s.moments[:0], firsts: s.firsts[:0]}
}

// add counts a row and notes its minutes; number is that of the target.
func (s *source) add(r *row, target *netcase.Endpoint, number int32) {
	host, port := s.profiler.add(r, target, number)
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
	minutes := r.Minutes
	for n := bits.OnesCount64(minutes) - (maxContacts - s.contacts); n > 0 && minutes != 0; n-- {
		minutes &^= 1 << (63 - bits.LeadingZeros64(minutes)) // the first that there is room for
	}
	if minutes != 0 {
		s.contacts += bits.OnesCount64(minutes)
		s.moments = append(s.moments, moment{minutes, int32(r.Hour), int32(host), int32(port)})
	}
}

// events are the contacts by time; those of one minute keep the order of the rows.
func (s *source) events() []contact {
	out := make([]contact, s.contacts)
	done := 0
	for i := 0; i < len(s.moments); {
		to := i
		var at [61]int // where the contacts of a minute begin
		for ; to < len(s.moments) && s.moments[to].hour == s.moments[i].hour; to++ {
			for m := s.moments[to].minutes; m != 0; m &= m - 1 {
				at[bits.TrailingZeros64(m)+1]++
			}
		}
		for k := range at[1:] {
			at[k+1] += at[k]
		}
		n := at[60]
		for _, x := range s.moments[i:to] {
			for m := x.minutes; m != 0; m &= m - 1 {
				k := bits.TrailingZeros64(m)
				out[done+at[k]] = contact{netcase.Time(x.hour)*netcase.Hour + netcase.Time(k)*netcase.Minute, x.host, x.port}
				at[k]++
			}
		}
		i, done = to, done+n
	}
	return out
}

// toMany tells whether an address stands for many: a multicast group or the
// broadcast of the local network. Nobody is met at such an address, so that it is
// neither a target nor a member of the estate. The broadcast address of a subnet
// cannot be told from a host without its mask.
func toMany(e netcase.Endpoint) bool {
	return e.Addr.IsMulticast() || e.Addr == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
