package detect

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// Bounds of what is followed.
const (
	clockPairs  = 60     // pairs looked at for each two sensors
	clockOpen   = 4096   // pairs of one peer
	clockLogins = 20_000 // sources, hosts and accounts of logins
)

// clock compares the clocks of sensors that saw the same flows or the same logins.
func clock() Detector {
	return Detector{
		Name: "clock",
		Doc:  "sensors whose clocks differ, that fall silent, or that report the same flows twice",
		Method: "the difference of times that most pairs (or sources, hosts and accounts of logins) seen by two sensors share, within a tolerance; aggregated records are left out; " +
			"hours without a flow that other days, other sensors or the hours beside speak against; cells of two sensors with equal counts",
		Ask: func(Config) Questions {
			return Questions{
				Timelines: []cube.TimelineQuestion{lineAlive: {By: cube.BySensor}}, Rows: []cube.Question{{Kind: cube.Peers}}, Logins: true,
			}
		},
		Refine: func(in *Input) []cube.Want {
			seen := bothSaw{pairs: sharedPairs(in), logins: sharedLogins(in), twins: twinSensors(in), silent: silences(in)}
			in.Memo = seen
			var wants []cube.Want
			for i, s := range seen.pairs {
				wants = append(wants, cube.Want{Tag: fmt.Sprintf("pair %d", i), Starts: true, Selection: s.selection(), Records: 2})
			}
			for i, s := range seen.logins {
				wants = append(wants, cube.Want{Tag: fmt.Sprintf("login %d", i), Of: cube.Logins, Selection: s.selection, Records: 2})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			seen := in.Memo.(bothSaw)
			for _, list := range [][]sharedTimes{pairTimes(seen.pairs, in.Details.Starts), seen.logins} {
				for _, c := range in.Config.Clock.compare(list) {
					if in.Config.Clock.apart(&c) {
						out = append(out, c.finding(in))
					}
				}
			}
			for i := range seen.silent {
				out = append(out, seen.silent[i].finding(&in.Config.Silence))
			}
			for i := range seen.twins {
				out = append(out, seen.twins[i].finding(&in.Config.Twins))
			}
			return out
		},
	}
}

// bothSaw is what the sensors report together, and where one of them does not.
type bothSaw struct {
	pairs  []sharedPair
	logins []sharedTimes
	twins  []twins
	silent []silence
}

// sharedTimes is one thing that several sensors report, and when each of them did.
type sharedTimes struct {
	tag       string // of its records
	what      string // pairs, logins
	sensors   []string
	times     map[string][]netcase.Time // by sensor
	span      netcase.Span
	selection netcase.Selection
	hash      uint64
}

// sharedPair is a pair that several sensors report.
type sharedPair struct {
	cube.Pair
	sensors []string
	flows   int64
	hash    uint64
}

func (s *sharedPair) selection() netcase.Selection {
	return netcase.Selection{
		Peers: []netcase.Endpoint{s.Peer}, Hosts: []netcase.Endpoint{s.Host}, Ports: []uint16{s.Port}, Direction: s.Direction, Sensors: s.sensors,
	}
}

// sharedPairs picks pairs that two sensors saw now and then, in an order that
// neither time nor address decides.
func sharedPairs(in *Input) []sharedPair {
	if !severalSensors(in.Coverage) {
		return nil
	}
	picked := map[string][]sharedPair{}
	var open pocket[doorNumber, sharedPair] // of the peer at hand; the direction stands in the lowest bits
	peer := int32(-1)
	settle := func() {
		for i := range open.of {
			s := &open.of[i].value
			slices.Sort(s.sensors)
			s.sensors = slices.Compact(s.sensors)
			if len(s.sensors) < 2 || s.flows > int64(in.Config.Clock.Flows*len(s.sensors)) {
				continue
			}
			s.hash = pairHash(s.Pair)
			key := strings.Join(s.sensors, "\x00")
			picked[key] = firstByHash(append(picked[key], *s))
		}
		open.reset()
	}
	for r := range in.rows(0) {
		if r.PeerNumber != peer {
			settle()
			peer = r.PeerNumber
		}
		if !r.unicast {
			continue
		}
		if r.Resolution != netcase.ResolutionRaw && r.Resolution != netcase.ResolutionSampled {
			continue
		}
		s, made := open.find(r.door() | doorNumber(r.Direction))
		if made {
			if len(open.of) > clockOpen {
				open.drop()
				continue
			}
			*s = sharedPair{Pair: cube.PairOf(&r.Key)}
		}
		s.flows += r.Flows + r.Agree
		s.sensors = append(s.sensors, r.Sensor)
		if r.Others != "" {
			s.sensors = append(s.sensors, strings.Split(r.Others, ", ")...)
		}
	}
	settle()
	var out []sharedPair
	for _, list := range picked {
		slices.SortFunc(list, byHash)
		out = append(out, list[:min(len(list), clockPairs)]...)
	}
	slices.SortFunc(out, byHash)
	return out
}

// severalSensors tells whether there is anything to compare.
func severalSensors(c *netcase.Coverage) bool {
	seen := map[string]bool{}
	for i := range c.Inputs {
		for _, s := range c.Inputs[i].Sensors {
			seen[s] = true
		}
	}
	return len(seen) > 1
}

func byHash(a, b sharedPair) int { return cmp.Compare(a.hash, b.hash) }

// firstByHash keeps the list short.
func firstByHash(list []sharedPair) []sharedPair {
	if len(list) < 4*clockPairs {
		return list
	}
	slices.SortFunc(list, byHash)
	return list[:clockPairs]
}

func pairHash(p cube.Pair) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, p.Peer, "\x00", p.Host, "\x00", p.Port, p.Proto, p.Direction) // a hash never fails
	return h.Sum64()
}

// comparison is what two sensors' start times of shared pairs tell.
type comparison struct {
	a, b   string
	pairs  int          // pairs that both saw
	agree  int          // of these, that share the difference
	offset netcase.Time // b's time less a's: the median of those that agree
	spread netcase.Time // between the extreme ones that agree
	span   netcase.Span
	what   string // pairs or logins
	tag    string // of the records of the first of them
}

// apart tells whether the clocks differ, and enough pairs say so.
func (c *ClockConfig) apart(x *comparison) bool {
	return x.agree >= c.Least && float64(x.agree) >= c.Share*float64(x.pairs) && (x.offset > c.Tolerance || x.offset < -c.Tolerance)
}

// difference is one possible match of two start times of one pair.
type difference struct {
	pair int
	ms   netcase.Time
}

// pairTimes are the start times of shared pairs.
func pairTimes(shared []sharedPair, starts map[cube.Pair][]cube.Start) []sharedTimes {
	var out []sharedTimes
	for i := range shared {
		t := sharedTimes{tag: fmt.Sprintf("pair %d", i), what: "pairs", sensors: shared[i].sensors, times: map[string][]netcase.Time{}}
		for _, s := range starts[shared[i].Pair] {
			if s.Resolution == netcase.ResolutionRaw || s.Resolution == netcase.ResolutionSampled {
				t.times[s.Sensor] = append(t.times[s.Sensor], s.At)
				t.span = t.span.Extend(s.At)
			}
		}
		out = append(out, t)
	}
	return out
}

// sharedLogins picks logins of one source, host and account that two sensors saw now
// and then, in an order that neither time nor name decides. Beyond clockLogins of them
// those with the smallest hashes are followed: which, the order of reading does not show.
func sharedLogins(in *Input) []sharedTimes {
	type who struct {
		peer, host netcase.Endpoint
		account    string
		failed     bool
	}
	open := map[who]*sharedTimes{}
	bar := uint64(math.MaxUint64)
	for l := range in.Logins() {
		if l.Event != netcase.LoginAttempt || !l.Peer.Addr.IsValid() || l.Count > 1 {
			continue
		}
		k := who{l.Peer.Key(), l.Host.Key(), l.Account, l.Outcome.Failed()}
		t := open[k]
		if t == nil {
			h := fnv.New64a()
			_, _ = fmt.Fprint(h, k.peer, "\x00", k.host, "\x00", k.account, k.failed) // a hash never fails
			if h.Sum64() > bar {
				continue
			}
			t = &sharedTimes{what: "logins", times: map[string][]netcase.Time{}, hash: h.Sum64()}
			t.selection = netcase.Selection{Peers: []netcase.Endpoint{k.peer}, Hosts: []netcase.Endpoint{k.host}, Accounts: []string{k.account}}
			open[k] = t
			if len(open) >= 2*clockLogins {
				bar = lowerHalf(open)
			}
		}
		if len(t.times[l.Sensor]) <= in.Config.Clock.Flows {
			t.times[l.Sensor] = append(t.times[l.Sensor], l.Time)
			t.span = t.span.Extend(l.Time)
		}
	}
	var out []sharedTimes
	for _, t := range open {
		if len(t.times) > 1 {
			t.sensors = slices.Sorted(maps.Keys(t.times))
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(a, b sharedTimes) int { return cmp.Compare(a.hash, b.hash) })
	out = out[:min(len(out), clockPairs)]
	for i := range out {
		out[i].tag = fmt.Sprintf("login %d", i)
	}
	return out
}

// lowerHalf drops the entries with the larger hashes, and is the largest that stays.
func lowerHalf[K comparable](open map[K]*sharedTimes) uint64 {
	hashes := make([]uint64, 0, len(open))
	for _, t := range open {
		hashes = append(hashes, t.hash)
	}
	slices.Sort(hashes)
	bar := hashes[len(hashes)/2]
	maps.DeleteFunc(open, func(_ K, t *sharedTimes) bool { return t.hash > bar })
	return bar
}

// compare compares every two sensors that share something.
func (c *ClockConfig) compare(shared []sharedTimes) []comparison {
	type two struct{ a, b string }
	found := map[two][]difference{}
	seen := map[two]*comparison{}
	for i := range shared {
		times := shared[i].times
		for x, a := range shared[i].sensors {
			for _, b := range shared[i].sensors[x+1:] {
				if len(times[a]) == 0 || len(times[b]) == 0 || len(times[a]) > c.Flows || len(times[b]) > c.Flows {
					continue
				}
				k := two{a, b}
				if seen[k] == nil {
					seen[k] = &comparison{a: a, b: b, what: shared[i].what, tag: shared[i].tag}
				}
				seen[k].pairs++
				seen[k].span = seen[k].span.Join(shared[i].span)
				for _, ta := range times[a] {
					for _, tb := range times[b] {
						if d := tb - ta; d >= -c.Reach && d <= c.Reach {
							found[k] = append(found[k], difference{i, d})
						}
					}
				}
			}
		}
	}
	var out []comparison
	for k, x := range seen {
		x.settle(found[k], c.Tolerance)
		out = append(out, *x)
	}
	slices.SortFunc(out, func(x, y comparison) int { return cmp.Or(strings.Compare(x.a, y.a), strings.Compare(x.b, y.b)) })
	return out
}

// settle finds the window of differences, as wide as the tolerance, that most pairs share.
func (c *comparison) settle(all []difference, tolerance netcase.Time) {
	slices.SortFunc(all, func(x, y difference) int { return cmp.Or(cmp.Compare(x.ms, y.ms), cmp.Compare(x.pair, y.pair)) })
	count := map[int]int{}
	from := 0
	for to := range all {
		count[all[to].pair]++
		for all[to].ms-all[from].ms > tolerance {
			if count[all[from].pair]--; count[all[from].pair] == 0 {
				delete(count, all[from].pair)
			}
			from++
		}
		window := all[from : to+1]
		middle := window[len(window)/2].ms
		if len(count) > c.agree || len(count) == c.agree && max(middle, -middle) < max(c.offset, -c.offset) {
			c.agree, c.offset, c.spread = len(count), middle, all[to].ms-all[from].ms
		}
	}
}

func (c *comparison) finding(in *Input) netcase.Finding {
	ahead, behind, by := c.b, c.a, c.offset
	if by < 0 {
		ahead, behind, by = c.a, c.b, -by
	}
	title := fmt.Sprintf("the clock of %s runs %s ahead of that of %s", ahead, seconds(by), behind)
	evidence := netcase.Evidence{
		Statement: fmt.Sprintf("%s: %d of %d %s that both saw share this difference, within %s", title, c.agree, c.pairs, c.what, seconds(max(c.spread, netcase.Second))),
		Numbers: map[string]float64{
			"seconds": float64(c.offset) / float64(netcase.Second), "pairs": float64(c.pairs), "agreeing": float64(c.agree),
		},
		Selection: netcase.Selection{Sensors: []string{c.a, c.b}},
		Method: fmt.Sprintf("clock: the most shared difference of times within ±%g h, at least %d pairs and %g %% of them",
			float64(in.Config.Clock.Reach)/float64(netcase.Hour), in.Config.Clock.Least, 100*in.Config.Clock.Share),
	}
	evidence = in.Cite(evidence, c.tag)
	return netcase.Finding{
		Kind: "clocks differ", Title: title, Span: c.span, Selection: evidence.Selection, Evidence: []netcase.Evidence{evidence},
		Limits: []string{
			"times are shown as recorded: which clock is right, these records do not say",
			"an order of events across these two sensors is not proved within that difference",
			"one account is made of two sensors hour by hour: " + countedTwice(by),
		},
	}
}

// countedTwice says what two clocks that differ do to sums.
func countedTwice(by netcase.Time) string {
	if by >= netcase.Hour {
		return "what both saw is counted once for each"
	}
	return "what both saw within " + seconds(by) + " of a full hour may be counted once for each"
}

// seconds is a length of time in the unit that people would say.
func seconds(t netcase.Time) string {
	switch {
	case t%netcase.Hour < netcase.Minute && t >= netcase.Hour:
		return count(int(t/netcase.Hour), "hour")
	case t >= 2*netcase.Minute:
		return fmt.Sprintf("%.1f minutes", float64(t)/float64(netcase.Minute))
	}
	return fmt.Sprintf("%.1f seconds", float64(t)/float64(netcase.Second))
}
