package detect

import (
	"maps"
	"slices"

	"netcase"
)

// tried is how often one account failed within the last hour.
type tried struct {
	name    string
	n       int
	cleared bool // it logged in since
}

// hourOf is the last hour of one source, of one network, or of all sources together, as
// one sensor or kind of sensors tells it.
type hourOf struct {
	key   hourKey
	first tried             // the one account, while there is one
	more  map[string]*tried // all of them once there are more
	total int
	few   int // accounts with at most the failures that a spray leaves each
}

type hourKey struct {
	what   byte // 's' source, 'n' network, 'a' all
	who    netcase.Endpoint
	sensor string
}

func (h *hourOf) turn(a *tried, by, few int) {
	h.few += b2i(a.n+by > 0 && a.n+by <= few) - b2i(a.n > 0 && a.n <= few)
	h.total += by
	if a.n += by; a.n == 0 && h.more[a.name] == a {
		delete(h.more, a.name)
	}
}

// account is the failures of one account, which are none yet where it is new.
func (h *hourOf) account(name string) *tried {
	if h.more == nil {
		if h.total == 0 && h.first.n == 0 && !h.first.cleared {
			h.first.name = name
		}
		if h.first.name == name && !h.first.cleared {
			return &h.first
		}
		h.more = map[string]*tried{}
		if h.first.n > 0 {
			h.more[h.first.name] = &h.first
		}
	}
	a := h.more[name]
	if a == nil {
		a = &tried{name: name}
		h.more[name] = a
	}
	return a
}

// distinct is how many accounts failed.
func (h *hourOf) distinct() int {
	if h.more == nil {
		return b2i(h.first.n > 0)
	}
	return len(h.more)
}

// sprays tells whether few tries were spread over many accounts.
func (h *hourOf) sprays(c *AuthConfig) bool {
	distinct := h.distinct()
	return distinct >= c.SprayAccounts && 2*h.few > distinct && float64(distinct) >= c.SprayShare*float64(h.total)
}

// lastHour is every failure of the last hour, for the sources, the networks and all. It
// holds at most mostAuthWindow failures: in a flood the hour becomes shorter.
type lastHour struct {
	config *AuthConfig
	events []hourEvent // from head on
	head   int
	of     map[hourKey]*hourOf
	short  int64 // failures that were dropped before their hour was over

	sprays map[hourKey]netcase.Span // that were seen in the investigated span
	hours  map[int64]map[string]int // accounts with few wrong passwords, the most at a time, by hour and kind of sensor
}

type hourEvent struct {
	at    netcase.Time
	parts [3]*hourOf
	names [3]*tried
}

func newLastHour(c *AuthConfig) *lastHour {
	return &lastHour{config: c, of: map[hourKey]*hourOf{}, sprays: map[hourKey]netcase.Span{}, hours: map[int64]map[string]int{}}
}

func (w *lastHour) part(k hourKey) *hourOf {
	h := w.of[k]
	if h == nil {
		h = &hourOf{key: k}
		w.of[k] = h
	}
	return h
}

// advance drops what is older than an hour, and the oldest where there is no room.
func (w *lastHour) advance(t netcase.Time) {
	for w.head < len(w.events) && (w.events[w.head].at <= t-netcase.Hour || len(w.events)-w.head >= mostAuthWindow) {
		w.short += int64(b2i(w.events[w.head].at > t-netcase.Hour))
		e := &w.events[w.head]
		for i, h := range e.parts {
			if h == nil {
				continue
			}
			if !e.names[i].cleared {
				h.turn(e.names[i], -1, w.few(h))
			}
			if h.distinct() == 0 && w.of[h.key] == h {
				delete(w.of, h.key)
			}
		}
		*e = hourEvent{}
		w.head++
	}
	if w.head > len(w.events)/2 {
		w.events, w.head = slices.Delete(w.events, 0, w.head), 0
	}
}

func (w *lastHour) few(h *hourOf) int {
	if h.key.what == 'a' {
		return w.config.SpreadTries
	}
	return w.config.SprayTries
}

// fail counts a failure; wrong: with a wrong password for an account that exists.
func (w *lastHour) fail(t netcase.Time, peer netcase.Endpoint, network, account, sensor string, wrong, inSpan bool) {
	w.advance(t)
	keys := [3]hourKey{{'s', peer, sensor}, {'n', netcase.Endpoint{Name: network}, sensor}, {'a', netcase.Endpoint{}, family(sensor)}}
	e := hourEvent{at: t}
	for i, k := range keys {
		if k.what == 'a' && !wrong {
			continue
		}
		h := w.part(k)
		a := h.account(account)
		h.turn(a, 1, w.few(h))
		e.parts[i], e.names[i] = h, a
		switch {
		case k.what == 'a':
			w.note(t, k.sensor, h.few)
		case inSpan && h.sprays(w.config) && (len(w.sprays) < mostAuthFindings*4 || w.sprays[k] != netcase.Span{}):
			w.sprays[k] = w.sprays[k].Extend(t)
		}
	}
	w.events = append(w.events, e)
}

// note keeps, of an hour, how many accounts failed a few times each, at most at a time.
func (w *lastHour) note(t netcase.Time, family string, n int) {
	h := t.Hour()
	if w.hours[h] == nil {
		if len(w.hours) >= gridWeeks*weekHours {
			delete(w.hours, slices.Min(slices.Collect(maps.Keys(w.hours))))
		}
		w.hours[h] = map[string]int{}
	}
	w.hours[h][family] = max(w.hours[h][family], n)
}

// cleared takes an account out of those that failed everywhere: it logged in, from a
// network from which it had failed.
func (w *lastHour) cleared(account, sensor string) {
	h := w.of[hourKey{'a', netcase.Endpoint{}, family(sensor)}]
	if h == nil {
		return
	}
	a := h.more[account]
	if h.more == nil && h.first.name == account {
		a = &h.first
	}
	if a != nil && a.n > 0 {
		h.turn(a, -a.n, w.config.SpreadTries)
		a.cleared = true
	}
}

// spreads lists the hours of the span in which more accounts failed a few times each
// than is usual; without history, those above the threshold, and judged is false.
func (w *lastHour) spreads(in *Input) (hours []int64, judged bool) {
	if len(w.hours) == 0 {
		return nil, false
	}
	all := slices.Sorted(maps.Keys(w.hours))
	first, last := all[0], all[len(all)-1]
	first = max(first, last-gridWeeks*weekHours)
	if s := in.History.Start.Hour(); in.History.Start.Known() && s < first {
		first = max(s, last-gridWeeks*weekHours)
	}
	g := &grid{hours: 1, first: first, missing: make([]bool, last-first+1), rule: &in.Config.Baseline}
	x := make([]float64, last-first+1)
	for _, h := range all {
		if h >= first {
			for _, n := range w.hours[h] {
				x[h-first] = max(x[h-first], float64(n))
			}
		}
	}
	b := newBaseline(g, x, nil)
	for i, n := range x {
		h := first + int64(i)
		if n < float64(w.config.SpreadAccounts) || in.Span.Start.Known() && in.Span.Start.Hour() > h || in.Span.End.Known() && (in.Span.End-1).Hour() < h {
			continue
		}
		e := b.at(i)
		if e.tier == tierNone && len(x) > g.rule.Bins {
			e = g.rule.others(x, i) // the log begins here, but there is more of it
		}
		if e.tier == tierNone {
			hours = append(hours, h)
		} else if judged = true; n >= w.config.SpreadTimes*e.mu && e.tail(n) <= in.Config.SpikeQ/float64(len(x)) {
			hours = append(hours, h)
		}
	}
	return hours, judged
}

// others is what the other bins let one expect of a bin.
func (c *BaselineConfig) others(x []float64, i int) expectation {
	n, sum, squares := float64(len(x)-1), 0.0, 0.0
	for k, v := range x {
		if k != i {
			sum += v
			squares += v * v
		}
	}
	mean := sum / n
	e := expectation{tier: tierMean, n: n, sum: sum, mu: max(mean, c.Mean)}
	e.phi = max(c.MeanPhi, max(squares-n*mean*mean, 0)/(n-1)/e.mu)
	return e
}
