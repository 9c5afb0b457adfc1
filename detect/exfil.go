package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"netcase"
	"netcase/cube"
)

// exfil notices octets that leave one of our hosts for one destination beyond what that
// host used to send there.
func exfil() Detector {
	return Detector{
		Name: "exfil",
		Doc:  "octets sent by one of our hosts to one destination, beyond its own past",
		Method: "octets in an hour, six hours and a day of each host and destination (a network of neighbours is one) in units of a MiB, against the negative binomial baseline of their own past, no less than its usual peak of a day: " +
			"twice the expected, 10 MiB more, q at most 0.01 over all that were compared; told as unusual where the destination is rare or the host as a whole sends more than usual too",
		Ask: func(Config) Questions {
			return Questions{
				Timelines: []cube.TimelineQuestion{lineAlive: {By: cube.BySensor}},
				Rows: []cube.Question{
					{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Outbound, netcase.Inbound}},
				},
			}
		},
		Refine: func(in *Input) []cube.Want {
			found := findUploads(in)
			in.Memo = found
			var wants []cube.Want
			for _, u := range found {
				wants = append(wants, cube.Want{Tag: u.tag(), Selection: u.selection(), Records: uploadRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			for _, u := range in.Memo.([]*upload) {
				out = append(out, u.finding(in))
			}
			return out
		},
	}
}

// Parameters that are not configured.
const (
	uploadUnit      = 1 << 20 // octets: what is counted, so that the floors of a spike are MiB
	uploadPairs     = 256     // hosts and destinations whose hours are kept: those that sent most in an hour or a day
	uploadFindings  = 30
	uploadDescribed = 5 // without history
	uploadRecords   = 20
	uploadPorts     = 8
	uploadPeers     = 16 // addresses of one destination that are named
)

// uploads tells whether a row may be one of an upload. What our host sends is what the
// initiator sends where it began, and what comes back where it was called: that is an
// upload on an administration port alone.
func uploads(r *cube.Row) bool {
	return r.Direction == netcase.Outbound || netcase.IsAdminPort(r.Port)
}

// sentOf is the octets that left our side, and those that came in.
func sentOf(r *cube.Row) (out, in int64) {
	if r.Direction == netcase.Inbound {
		return r.OctetsIn, r.OctetsOut
	}
	return r.OctetsOut, r.OctetsIn
}

// channel is one of our hosts and the destination of its octets.
type channel struct {
	host      netcase.Endpoint
	peer      netcase.Endpoint // the first address of the network
	direction netcase.Direction
}

func (c channel) compare(o channel) int {
	return cmp.Or(cmp.Compare(c.direction, o.direction), c.host.Compare(o.host), c.peer.Compare(o.peer))
}

// neighbours is the neighbours that are taken for one destination: large services answer
// from many addresses side by side.
func neighbours(e netcase.Endpoint) netcase.Endpoint {
	if !e.Addr.IsValid() {
		return e
	}
	bits := 24
	if e.Addr.Is6() {
		bits = 48
	}
	if p, err := e.Addr.Prefix(bits); err == nil {
		return netcase.Endpoint{Addr: p.Addr()}
	}
	return e
}

// peakSent is the fullest hour and day of a channel in the investigated span, and all of it.
type peakSent struct {
	hour, day    int64 // at hand
	inHour       int64
	inDay        int64
	bestHour     int64
	bestDay, all int64
	hosts        int // that called the destination
}

func (p *peakSent) add(hour, octets int64) {
	if hour != p.hour {
		p.hour, p.inHour = hour, 0
	}
	if d := floorTo(hour, 24); d != p.day {
		p.day, p.inDay = d, 0
	}
	p.inHour, p.inDay, p.all = p.inHour+octets, p.inDay+octets, p.all+octets
	p.bestHour, p.bestDay = max(p.bestHour, p.inHour), max(p.bestDay, p.inDay)
}

// sentBy is one of our hosts with its peak.
type sentBy struct {
	host netcase.Endpoint
	peakSent
}

// rankedChannel is a channel with its peak.
type rankedChannel struct {
	channel
	peakSent
}

// fullest finds the channels that sent enough to matter. Memory holds the channels of one
// network and the short list.
func fullest(in *Input) (list []rankedChannel, estate int) {
	people := newCensus()
	trim := func() {
		slices.SortFunc(list, func(a, b rankedChannel) int { return cmp.Or(cmp.Compare(b.bestDay, a.bestDay), a.compare(b.channel)) })
		list = list[:min(len(list), uploadPairs)]
	}
	// Of the network at hand, by the number of the host: what it sent where it began, and
	// where it was called.
	var called, calledBy pocket[int32, sentBy]
	var network netcase.Endpoint
	number := int32(-1)
	offer := func(near *pocket[int32, sentBy], d netcase.Direction, hosts int) {
		for i := range near.of {
			if p := &near.of[i].value; p.bestDay >= int64(in.Config.Upload.Excess)*uploadUnit {
				p.hosts = hosts
				list = append(list, rankedChannel{channel{p.host, network, d}, p.peakSent})
			}
		}
		near.reset()
	}
	end := func() {
		offer(&called, netcase.Outbound, people.next())
		offer(&calledBy, netcase.Inbound, 0)
		if len(list) > 4*uploadPairs {
			trim()
		}
	}
	for r := range in.rows(0) {
		if !uploads(&r.Row) {
			continue
		}
		if r.PeerNumber != number {
			number = r.PeerNumber
			if n := neighbours(r.Peer); n != network {
				end()
				network = n
			}
		}
		near := &calledBy
		if r.Direction == netcase.Outbound {
			near = &called
			people.note(r.HostNumber)
		}
		out, _ := sentOf(&r.Row)
		if out <= 0 || toMany(r.Peer) || !inSpan(in, r.Hour) {
			continue
		}
		p, made := near.find(r.HostNumber)
		if made {
			if len(near.of) > mostCallers {
				near.drop()
				continue
			}
			*p = sentBy{r.Host, peakSent{hour: -1 << 62, day: -1 << 62}}
		}
		p.add(r.Hour, out)
	}
	end()
	trim()
	return list, people.estate()
}

// flowOut is what one channel, or one host, sent over time.
type flowOut struct {
	octets  []float64 // by bin, in units
	all     netcase.Tally
	flows   int64
	out, in []int64 // by bin
	ports   map[uint16]int64
	peers   map[netcase.Endpoint]int64
}

func newFlowOut(bins int) *flowOut {
	return &flowOut{octets: make([]float64, bins), out: make([]int64, bins), in: make([]int64, bins), ports: map[uint16]int64{}, peers: map[netcase.Endpoint]int64{}}
}

func (f *flowOut) add(i int, r *cube.Row, named bool) {
	out, in := sentOf(r)
	if out > 0 {
		f.octets[i] += float64(out) / uploadUnit
		f.out[i] += out
	}
	if in > 0 {
		f.in[i] += in
	}
	if !named {
		return
	}
	f.flows += r.Flows
	f.all[r.Reach] += r.Flows
	if _, ok := f.ports[r.Port]; ok || len(f.ports) < 256 {
		f.ports[r.Port] += max(out, 0)
	}
	if _, ok := f.peers[r.Peer]; ok || len(f.peers) < 256 {
		f.peers[r.Peer] += max(out, 0)
	}
}

// upload is one window in which a channel sent much.
type upload struct {
	rankedChannel
	g         *grid
	from, to  int
	series    *flowOut
	expected  float64
	tier      tier
	p, q      float64
	described bool
	excess    bool // the host as a whole sent more than usual too
	offHours  bool
	rarity    netcase.Rarity
	cause     string
	name      string
	listed    bool
}

// findUploads reads the octets of the fullest channels and judges them.
func findUploads(in *Input) []*upload {
	s := &seriesSet{}
	if s.g = s.layGrid(in); s.g == nil {
		return nil
	}
	s.g.hours = max(s.g.hours, 1)
	s.trim(in)
	list, estate := fullest(in)
	if len(list) == 0 {
		return nil
	}
	byChannel := make(map[channel]*flowOut, len(list))
	byHost := map[netcase.Endpoint]*flowOut{}
	for _, c := range list {
		byChannel[c.channel] = newFlowOut(s.g.bins())
		byHost[c.channel.host] = newFlowOut(s.g.bins())
	}
	var wanted []*flowOut // by the number of the host; nil: not looked at yet, or not wanted
	var looked []bool
	for r := range in.rows(0) {
		if !uploads(&r.Row) || toMany(r.Peer) {
			continue
		}
		for int(r.HostNumber) >= len(looked) {
			looked, wanted = append(looked, false), append(wanted, nil)
		}
		if !looked[r.HostNumber] {
			looked[r.HostNumber], wanted[r.HostNumber] = true, byHost[r.Host]
		}
		host := wanted[r.HostNumber]
		if host == nil {
			continue
		}
		i, ok := s.g.bin(netcase.Time(r.Hour) * netcase.Hour)
		if !ok {
			continue
		}
		host.add(i, &r.Row, false)
		if f := byChannel[channel{r.Host, neighbours(r.Peer), r.Direction}]; f != nil {
			f.add(i, &r.Row, inSpan(in, r.Hour))
		}
	}
	return judgeUploads(in, s.g, list, estate, byChannel, byHost)
}

// judgeUploads compares every channel by the hour, by six hours and by the day, and corrects for all of it.
func judgeUploads(in *Input, g *grid, list []rankedChannel, estate int, byChannel map[channel]*flowOut, byHost map[netcase.Endpoint]*flowOut) []*upload {
	names := askedNames(in)
	var all []*upload
	var p []float64
	tests := 0
	for _, c := range list {
		f := byChannel[c.channel]
		for k, width := range [3]int64{g.hours, 6, 24} {
			if k > 0 && (width <= g.hours || width%g.hours != 0) {
				continue
			}
			coarse, x := widened(g, f.octets, width)
			tests += max(coarse.bins()-coarse.from, 1)
			u := compareUpload(in, coarse, x)
			if u == nil || u.described && k > 0 { // hours have a history before days do
				continue
			}
			u.rankedChannel, u.series = c, f
			u.g = g
			u.from, u.to = binsOf(g, coarse, u.from, u.to)
			u.fill(in, names, estate, byHost[c.channel.host], width)
			all, p = append(all, u), append(p, u.p)
		}
	}
	for i, q := range falseDiscovery(p, max(tests, len(p))) {
		all[i].q = min(q, 1)
	}
	return pickUploads(in, all)
}

// widened is a series in bins of a width that whole bins of the grid make up, and their
// grid. Hours in which nobody says anything are night as often as an outage: a wide bin is
// missing where most of it is.
func widened(g *grid, x []float64, width int64) (*grid, []float64) {
	if width <= g.hours {
		return g, x
	}
	n := int(width / g.hours)
	first := floorTo(g.first, int64(n)) // in bins of the width
	skip := int(g.first - first*int64(n))
	out := &grid{hours: width, first: first, missing: make([]bool, (skip+g.bins()+n-1)/n), from: (skip + g.from) / n, rule: g.rule}
	sums, gone := make([]float64, out.bins()), make([]int, out.bins())
	for i, v := range x {
		sums[(skip+i)/n] += v
		gone[(skip+i)/n] += b2i(g.missing[i])
	}
	for k := range gone {
		inside := min((k+1)*n, skip+g.bins()) - max(k*n, skip)
		out.missing[k] = inside < n || 2*gone[k] > n
	}
	return out, sums
}

// binsOf is the bins of a grid that make up bins of a wider one.
func binsOf(g, wide *grid, from, to int) (int, int) {
	n := wide.hours / g.hours
	low, high := (wide.first+int64(from))*n-g.first, (wide.first+int64(to))*n-g.first
	return int(max(low, 0)), int(min(high, int64(g.bins())))
}

// compareUpload is the run of bins that holds the largest excess over the past of a
// series, with the probability of its fullest bin; nil: nothing stands out. What lies
// before any history is described, if it is large.
func compareUpload(in *Input, g *grid, x []float64) *upload {
	b := newBaseline(g, x, nil)
	peaks, day := usualPeaks(b, in.Config.Upload.Days)
	expect := func(i int) expectation {
		e := b.at(i)
		e.mu = max(e.mu, peaks[i/day])
		return e
	}
	over := func(i int) bool {
		e := expect(i)
		return !g.missing[i] && e.tier != tierNone && x[i] >= in.Config.Upload.Ratio*e.mu && x[i]-e.mu >= in.Config.Upload.Excess && e.tail(x[i]) <= in.Config.Upload.Q
	}
	excluded := make([]bool, g.bins())
	for i := range x {
		excluded[i] = over(i)
	}
	b = newBaseline(g, x, excluded)
	peaks, day = usualPeaks(b, in.Config.Upload.Days)
	var best *upload
	most := 0.0
	for i := g.from; i < g.bins(); i++ {
		if !over(i) {
			continue
		}
		u := &upload{from: i, p: 1, tier: b.at(i).tier}
		excess := 0.0
		for ; i < g.bins() && over(i); i++ {
			e := expect(i)
			u.expected += e.mu
			u.p = min(u.p, e.tail(x[i]))
			excess += x[i] - e.mu
		}
		if u.to = i; excess > most {
			best, most = u, excess
		}
	}
	if best != nil || g.from >= g.bins() {
		return best
	}
	return describeUpload(in, g, b, x)
}

// describeUpload is what left before anything can be called usual, if it is large. In a
// recording of a day or two it is also what the later hours are compared with, so that they
// do not show it; in a longer one the days behind it clear it, where the same hours of
// theirs bear half as much or more.
func describeUpload(in *Input, g *grid, b *baseline, x []float64) *upload {
	to := g.from
	for to < g.bins() && b.at(to).tier == tierNone {
		to++
	}
	first := sum(x[g.from:to])
	if first < in.Config.Upload.Described {
		return nil
	}
	if b.at(g.bins()-1).tier > tierMean && first < in.Config.Upload.Ratio*sameHoursLater(g, x, to) {
		return nil
	}
	return &upload{from: g.from, to: to, described: true, p: 1}
}

// sameHoursLater is what the later bins bear on average at the hours of the day of those
// from the start of the span up to one.
func sameHoursLater(g *grid, x []float64, to int) (expected float64) {
	day := int(max(24/g.hours, 1))
	for i := g.from; i < to; i++ {
		n, all := 0.0, 0.0
		for j := i + day; j < g.bins(); j += day {
			if j >= to && !g.missing[j] {
				n, all = n+1, all+x[j]
			}
		}
		expected += all / max(n, 1)
	}
	return expected
}

// usualPeaks is, for each day of bins, the median of the fullest bins of the days before, or
// of all other days where those before are too few; 0 where all are. A job that runs every
// night at about the same hour is no excess, though most bins at that hour are empty.
func usualPeaks(b *baseline, least int) (out []float64, day int) {
	day = int(max(24/b.g.hours, 1))
	var peaks []float64
	var before []int // days with a clean bin before each day
	for from := 0; from < len(b.x); from += day {
		before = append(before, len(peaks))
		peak, seen := 0.0, false
		for j := from; j < min(from+day, len(b.x)); j++ {
			if b.clean[j] {
				peak, seen = max(peak, b.x[j]), true
			}
		}
		if seen {
			peaks = append(peaks, peak)
		}
	}
	for d, n := range before {
		others := slices.Clone(peaks[:n])
		if n < least {
			others = append(others, peaks[min(before[min(d+1, len(before)-1)], len(peaks)):]...)
		}
		usual := 0.0
		if len(others) >= least {
			usual = middle(others)
		}
		out = append(out, usual)
	}
	return out, day
}

// fill works out what else is told of a window.
func (u *upload) fill(in *Input, names *remembered[asked, nameOf], estate int, host *flowOut, width int64) {
	u.rarity = rarityOf(in, u.hosts, estate)
	u.rarity.Rare = u.rarity.Rare && u.direction == netcase.Outbound // how many a source calls is another question
	for _, p := range u.mainPeers(uploadPeers) {
		u.listed = u.listed || adverse(in, p)
		if n, ok := names.get(asked{u.channel.host, p}); ok && !n.several && u.name == "" {
			u.name = n.name
		}
	}
	if peers := u.mainPeers(1); len(peers) > 0 {
		u.cause = causeOf(in, called{peers[0], u.name, u.mainPort(), netcase.TCP}, backups(), uploadRoutines())
	}
	wide, x := widened(u.g, host.octets, width)
	if h := compareUpload(in, wide, x); h != nil && !h.described {
		from, to := binsOf(u.g, wide, h.from, h.to)
		u.excess = from < u.to && u.from < to
	}
	u.offHours = in.Config.Upload.offHours(u.g, host.octets, u.from, u.to)
}

// uploadRoutines are the routines that a port alone does not name: who uploads much chooses
// the port.
func uploadRoutines() []routine {
	all := routines()
	return slices.DeleteFunc(all, func(r routine) bool { return len(r.names) == 0 && len(r.nets) == 0 })
}

// offHours tells whether a host hardly ever sends at the hours of a window, by its other days.
func (c *UploadConfig) offHours(g *grid, x []float64, from, to int) bool {
	if g.hours > 1 || to-from > 12 {
		return false
	}
	for i := from; i < to; i++ {
		days, used := 0, 0
		for j := i % 24; j < len(x); j += 24 {
			if (j < from || j >= to) && !g.missing[j] {
				days++
				used += b2i(x[j] > 0)
			}
		}
		if days < c.Days || float64(used) > c.OffHours*float64(days) {
			return false
		}
	}
	return true
}

// mainPeers are the addresses of the destination that received most.
func (u *upload) mainPeers(n int) []netcase.Endpoint {
	all := slices.SortedFunc(maps.Keys(u.series.peers), func(a, b netcase.Endpoint) int {
		return cmp.Or(cmp.Compare(u.series.peers[b], u.series.peers[a]), a.Compare(b))
	})
	return all[:min(len(all), n)]
}

func (u *upload) mainPort() uint16 {
	all := u.mainPorts()
	if len(all) == 0 {
		return 0
	}
	return all[0]
}

// mainPorts are the ports that carried most.
func (u *upload) mainPorts() []uint16 {
	all := slices.SortedFunc(maps.Keys(u.series.ports), func(a, b uint16) int {
		return cmp.Or(cmp.Compare(u.series.ports[b], u.series.ports[a]), cmp.Compare(a, b))
	})
	return all[:min(len(all), uploadPorts)]
}

// unusual tells whether a window is more than the floor of a busy host: the destination
// is rare or listed, or the host as a whole sends more than usual.
func (u *upload) unusual() bool {
	return !u.described && (u.rarity.Rare || u.listed || u.excess)
}

// pickUploads keeps one window of each channel: the hour's where both stand out.
func pickUploads(in *Input, all []*upload) []*upload {
	slices.SortStableFunc(all, func(a, b *upload) int {
		return cmp.Or(cmp.Compare(b2i(b.unusual() && b.cause == ""), b2i(a.unusual() && a.cause == "")), cmp.Compare(b2i(a.described), b2i(b.described)),
			cmp.Compare(b.octets(), a.octets()), a.compare(b.channel), cmp.Compare(a.to-a.from, b.to-b.from))
	})
	seen := map[channel]bool{}
	described := 0
	var out []*upload
	for _, u := range all {
		if seen[u.channel] || len(out) == uploadFindings || !u.described && u.q > in.Config.Upload.Q {
			continue
		}
		if u.described || !u.unusual() {
			if described++; described > uploadDescribed || float64(u.octets()) < in.Config.Upload.Described*uploadUnit {
				continue
			}
		}
		seen[u.channel] = true
		out = append(out, u)
	}
	return out
}

// octets is what left in the window.
func (u *upload) octets() (n int64) {
	for i := u.from; i < u.to; i++ {
		n += u.series.out[i]
	}
	return n
}

func (u *upload) tag() string { return fmt.Sprintf("%s %s %s", u.direction, u.channel.host, u.peer) }

func (u *upload) selection() netcase.Selection {
	return netcase.Selection{Hosts: []netcase.Endpoint{u.channel.host}, Peers: u.mainPeers(uploadPeers), Direction: u.direction, Span: u.g.span(u.from, u.to)}
}

func (u *upload) finding(in *Input) netcase.Finding {
	received := int64(0)
	for i := u.from; i < u.to; i++ {
		received += u.series.in[i]
	}
	ports := u.mainPorts()
	slices.Sort(ports)
	facts := &netcase.UploadFacts{
		Host: u.channel.host, Peer: u.mainPeers(1)[0], Ports: ports, Out: u.octets(), In: received, Window: u.g.span(u.from, u.to), Tier: u.tier.String(),
		Expected: round(u.expected*uploadUnit, 0), Q: 1, Described: !u.unusual(), Cause: u.cause, OffHours: u.offHours, Rarity: u.rarity,
	}
	f := netcase.Finding{
		Kind: "upload", Direction: u.direction, Span: facts.Window, Selection: u.selection(), Flows: u.series.flows, Reach: u.series.all, Upload: facts,
		Limits: []string{"octets are counted, not what they are: neither content nor files are in this data"},
	}
	if u.described || !u.unusual() {
		f.Kind = "description"
	}
	numbers := map[string]float64{"octets_out": float64(facts.Out), "octets_in": float64(facts.In), "hosts": float64(u.rarity.Hosts), "estate": float64(u.rarity.Estate)}
	to := in.Name(facts.Peer)
	if u.name != "" {
		to = u.name + " (" + facts.Peer.String() + ")"
	}
	f.Title = fmt.Sprintf("%s sent %s to %s in %s", in.Name(facts.Host), mib(facts.Out), to, count((u.to-u.from)*int(u.g.hours), "hour"))
	if u.direction == netcase.Inbound {
		f.Title = fmt.Sprintf("%s sent %s to %s, which had called it, in %s", in.Name(facts.Host), mib(facts.Out), to, count((u.to-u.from)*int(u.g.hours), "hour"))
	}
	text := f.Title
	if u.described {
		facts.Tier = tierNone.String()
		text += "; there is too little history to say what is usual"
		f.Limits = append(f.Limits, "only described: fewer than 12 hours of history come before it")
	} else {
		facts.Q, facts.Ratio = u.q, round(float64(facts.Out)/max(facts.Expected, 1), 1)
		numbers["expected"], numbers["ratio"], numbers["q"] = facts.Expected, facts.Ratio, u.q
		text += fmt.Sprintf("; %s times the %s that its own past lets expect (tier %s, q = %s)", ratio(facts.Ratio), mib(int64(facts.Expected)), facts.Tier, small(u.q))
		switch {
		case u.excess:
			text += "; the host as a whole sent more than usual too"
		case !u.unusual():
			text += "; the host as a whole sent no more than usual, and the destination is not known to be rare"
		}
	}
	if u.offHours {
		text += "; the host hardly ever sends at these hours"
	}
	if u.cause != "" {
		text += "; " + u.cause
		f.Limits = append(f.Limits, "the cause is a label: others can rent room at the same service")
	}
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: text + "; " + rarityText(in, u.rarity), Numbers: numbers, Selection: f.Selection,
		Method: fmt.Sprintf("exfil: MiB in an hour, six hours and a day by host and destination (/24, /48), its own past by tiers; at least %g times and %g MiB more than expected, q <= %g", in.Config.Upload.Ratio, in.Config.Upload.Excess, in.Config.Upload.Q),
	}, u.tag())}
	return f
}

// mib is octets as people read them.
func mib(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return count(n, "octet")
}
