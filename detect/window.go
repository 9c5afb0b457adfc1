package detect

import (
	"time"

	"netcase"
)

// windows are the counted contacts of one source, made ready to slide windows over them:
// ports, hosts and their pairs have numbers, so that a window is a few lists of counts.
type windows struct {
	events        []windowEvent // by time
	pairs         []int32       // contacts of each pair of port and host in the window
	ports         []int32       // hosts of each port in the window
	hosts         []int32       // ports of each host in the window
	alive, reach  int           // ports and hosts that are in the window
	strobed, want int           // ports with at least so many hosts
}

type windowEvent struct {
	at               netcase.Time
	port, host, pair int32
}

// newWindows takes the contacts of a source, which come by time.
func newWindows(events []contact, counted []attempted) *windows {
	w := &windows{events: make([]windowEvent, 0, len(events)), ports: make([]int32, len(counted))}
	pairs := map[uint64]int32{}
	for _, e := range events {
		if !counted[e.port].hosts.has(int(e.host)) {
			continue
		}
		pair := numberOf(pairs, uint64(e.port)<<32|uint64(e.host))
		w.events = append(w.events, windowEvent{e.at, e.port, e.host, pair})
		for len(w.hosts) <= int(e.host) {
			w.hosts = append(w.hosts, 0)
		}
	}
	w.pairs = make([]int32, len(pairs))
	return w
}

// numberOf is the number of a value, counted from the first that was asked for.
func numberOf[K comparable](numbers map[K]int32, k K) int32 {
	n, ok := numbers[k]
	if !ok {
		n = int32(len(numbers))
		numbers[k] = n
	}
	return n
}

// slides tells whether any class shows in a sliding window of length h.
func (w *windows) slides(h time.Duration, t thresholds) bool {
	width := netcase.Time(h.Milliseconds())
	clear(w.pairs)
	clear(w.ports)
	clear(w.hosts)
	w.alive, w.reach, w.strobed, w.want = 0, 0, 0, t.strobe
	start := 0
	for i := range w.events {
		e := &w.events[i]
		for ; w.events[start].at <= e.at-width; start++ {
			w.drop(&w.events[start])
		}
		w.add(e)
		if w.shows(e, t) {
			return true
		}
	}
	return false
}

func (w *windows) add(e *windowEvent) {
	if w.pairs[e.pair]++; w.pairs[e.pair] > 1 {
		return
	}
	w.ports[e.port]++
	w.hosts[e.host]++
	w.alive += b2i(w.ports[e.port] == 1)
	w.reach += b2i(w.hosts[e.host] == 1)
	w.strobed += b2i(int(w.ports[e.port]) == w.want)
}

func (w *windows) drop(e *windowEvent) {
	if w.pairs[e.pair]--; w.pairs[e.pair] > 0 {
		return
	}
	w.strobed -= b2i(int(w.ports[e.port]) == w.want)
	w.ports[e.port]--
	w.hosts[e.host]--
	w.alive -= b2i(w.ports[e.port] == 0)
	w.reach -= b2i(w.hosts[e.host] == 0)
}

func (w *windows) shows(e *windowEvent, t thresholds) bool {
	hosts := int(w.ports[e.port])
	switch {
	case hosts >= t.hosts, int(w.hosts[e.host]) >= t.ports, w.reach >= t.hosts && w.alive <= t.rule.FewPorts:
		return true
	}
	return w.alive >= 2 && w.alive <= t.rule.StrobePorts && hosts >= t.strobe && w.strobed >= 2
}
