package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
)

const (
	mostAuthFindings = 100
	listedAccounts   = 20
	mostGathers      = 64      // groups of sources that are told together
	mostGathered     = 1 << 14 // sources of one of them
)

// authCase is what will be one finding.
type authCase struct {
	pattern   netcase.Pattern
	grade     string
	peer      netcase.Endpoint   // the one source; not known where there are several
	peers     []netcase.Endpoint // at most netcase.MaxSources
	peerCount int
	networks  int
	asns      int
	name      string             // of the one host
	hosts     []netcase.Endpoint // as records name them
	hostCount int
	accounts  []string
	named     int // accounts
	fails     int64
	absent    int64
	locked    int64
	lockouts  int64
	logins    int64
	loginAt   netcase.Time
	latest    netcase.Time
	fresh     netcase.State
	session   string
	service   string
	sensor    string
	bucket    int // the first that overflowed, counted from 1
	period    netcase.Time
	why       string
	span      netcase.Span
	covered   float64
	complete  bool
	lent      bool
	limits    []string
	sources   []netcase.Profile
}

// cases is what was found: logins first, then the guessing with the most failures.
func (r *authReader) cases() []*authCase {
	single := r.bySource()
	out := slices.Concat(r.logins(), single, r.together(single))
	r.addLockouts(out)
	if c := r.lockedOften(out); c != nil {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *authCase) int {
		return cmp.Or(cmp.Compare(b2i(a.grade == ""), b2i(b.grade == "")), strings.Compare(a.grade, b.grade),
			cmp.Compare(b2i(a.pattern == netcase.PatternStale), b2i(b.pattern == netcase.PatternStale)), cmp.Compare(b.fails, a.fails), strings.Compare(a.tag(), b.tag()))
	})
	out = out[:min(len(out), mostAuthFindings)]
	if c := r.typing(); c != nil {
		out = append(out, c)
	}
	r.cover(out)
	for _, c := range out {
		c.spreadOver(r.in)
	}
	return out
}

// bySource names what each source did, all its hosts together.
func (r *authReader) bySource() []*authCase {
	cases := map[string]*authCase{}
	same := r.stations()
	for _, p := range slices.SortedFunc(maps.Keys(r.tracks.of), comparePair) {
		k := r.tracks.of[p]
		if len(k.views) == 0 || same[p] {
			continue
		}
		v := k.best()
		pattern, why := r.classify(p, k, v)
		if pattern == "" {
			continue
		}
		key := string(pattern) + "|" + p.peer.String()
		c := cases[key]
		if c == nil {
			c = &authCase{pattern: pattern, peer: p.peer, peers: []netcase.Endpoint{p.peer}, sensor: v.sensor, service: v.service, why: why, name: p.host}
			cases[key] = c
		}
		c.take(k, v)
		if pattern == netcase.PatternStale {
			c.period = v.pace(r.config)
		}
		if pattern == netcase.PatternGuessing && v.full == 0 {
			c.limits = append(c.limits, "most attempts were refused because the account was locked: which passwords they carried was not looked at")
		}
	}
	return slices.Collect(maps.Values(cases))
}

// stations are the sources that are known by what they call themselves, on hosts where a
// case of a source with an address has records of that name: two records of Windows tell
// of one attempt.
func (r *authReader) stations() map[authPair]bool {
	out := map[authPair]bool{}
	for p, k := range r.tracks.of {
		for _, v := range k.views {
			if len(v.stations) == 0 {
				continue
			}
			if pattern, _ := r.classify(p, k, k.best()); pattern == "" {
				continue
			}
			for _, w := range v.stations {
				out[authPair{netcase.Endpoint{Name: w}, p.host}] = true
			}
		}
	}
	return out
}

// logins is the logins after failures, each once: of a source by its address where one
// record of Windows has that and another only the name.
func (r *authReader) logins() (out []*authCase) {
	type login struct{ pattern, host, account string }
	by := map[login]bool{}
	of := func(c *authCase) login {
		account := ""
		if len(c.accounts) > 0 {
			account = strings.ToLower(c.accounts[0])
		}
		return login{string(c.pattern), c.name, account}
	}
	for _, c := range r.after {
		if c.peer.Addr.IsValid() {
			by[of(c)] = true
		}
	}
	same := r.stations()
	for _, c := range r.after {
		if !same[authPair{c.peer, c.name}] || !by[of(c)] {
			out = append(out, c)
		}
	}
	return out
}

// take adds what a source did on one more host.
func (c *authCase) take(k *authTrack, v *authView) {
	c.hosts = append(c.hosts, k.hosts...)
	c.hostCount++
	for _, a := range v.names() {
		if strings.HasPrefix(a, unnamed) {
			continue
		}
		if !slices.Contains(c.accounts, a) {
			if c.named++; len(c.accounts) < listedAccounts {
				c.accounts = append(c.accounts, a)
			}
		}
	}
	if v.accounts != nil && v.accounts.forgot > 0 || v.only == several && v.accounts == nil {
		c.limits = append(c.limits, "there were more accounts than are kept: their number is a lower bound")
	}
	c.fails, c.absent, c.locked, c.logins = c.fails+v.fails, c.absent+v.absent, c.locked+v.locked, c.logins+v.logins
	c.span = c.span.Join(v.span)
	if v.full > 0 && (c.bucket == 0 || v.full < c.bucket) {
		c.bucket = v.full
	}
	if v.first != 0 && (c.loginAt == 0 || v.first < c.loginAt) {
		c.loginAt, c.session = v.first, v.session
	}
	c.lent = c.lent || v.lent > 0
}

// classify names what a source did on a host; empty: nothing above a threshold.
func (r *authReader) classify(p authPair, k *authTrack, v *authView) (netcase.Pattern, string) {
	c := r.config
	if v.fails+v.locked == 0 {
		return "", ""
	}
	spray := slices.ContainsFunc(k.views, func(v *authView) bool {
		_, ok := r.window.sprays[hourKey{'s', p.peer, v.sensor}]
		return ok
	})
	switch {
	case r.inside(p.peer) && v.only != several && (v.full > 0 || v.pressed > 0) && v.pace(c) > 0:
		return netcase.PatternStale, ""
	case v.fails >= int64(c.EnumerationFails) && float64(v.absent) >= c.EnumerationShare*float64(v.fails) && (v.full > 0 || v.recent.within(c.EnumerationFails, v.levels.last, netcase.Day)):
		return netcase.PatternEnumeration, ""
	case spray:
		return netcase.PatternSpray, fmt.Sprintf("at least %d accounts within an hour, few tries each", c.SprayAccounts)
	case v.full > 0:
		return netcase.PatternGuessing, c.Buckets[v.full-1].Says
	case v.pressed > 0 && v.locked > 0 && v.fails > 0 && !r.inside(p.peer) && p.peer.Addr.IsValid():
		return netcase.PatternGuessing, "then the account was locked, and the attempts went on"
	}
	return "", ""
}

// addLockouts counts the lockouts of the accounts of each case.
func (r *authReader) addLockouts(out []*authCase) {
	for _, c := range out {
		for _, a := range c.accounts {
			if s, ok := r.locks.get(strings.ToLower(a)); ok {
				c.lockouts += s.n
			}
		}
	}
}

// lockedOften is the accounts that were locked again and again, or many within an hour,
// where no failure on record explains it: a lockout stops the failures that would be
// counted.
func (r *authReader) lockedOften(told []*authCase) *authCase {
	explained := map[string]bool{}
	for _, c := range told {
		for _, a := range c.accounts {
			explained[strings.ToLower(a)] = true
		}
	}
	c := &authCase{pattern: netcase.PatternLockouts}
	hosts := map[netcase.Endpoint]bool{}
	for _, a := range slices.Sorted(maps.Keys(r.locks.of)) {
		s := r.locks.of[a]
		if explained[a] || !s.often && !r.locking.caught[a] {
			continue
		}
		c.named++
		c.lockouts += s.n
		c.span = c.span.Join(s.span)
		hosts[s.host] = true
		if len(c.accounts) < listedAccounts {
			c.accounts = append(c.accounts, s.names[0])
		}
	}
	if c.named == 0 {
		return nil
	}
	c.hosts = slices.SortedFunc(maps.Keys(hosts), netcase.Endpoint.Compare)
	c.hostCount = len(c.hosts)
	c.why = fmt.Sprintf("%d or more of one account within a day, or of %d accounts within an hour", r.config.AccountLockouts, r.config.LockedAccounts)
	c.limits = []string{"a lockout names the account, not who tried: programs with an old password lock accounts as well"}
	return c
}

// typing is the typing errors, told together.
func (r *authReader) typing() *authCase {
	t := &r.typos
	if t.runs == 0 {
		return nil
	}
	c := &authCase{
		pattern: netcase.PatternTypo, fails: t.fails, logins: t.runs, named: len(t.accounts), span: t.span,
		peers: slices.SortedFunc(maps.Keys(t.peers), netcase.Endpoint.Compare), hosts: slices.SortedFunc(maps.Keys(t.hosts), netcase.Endpoint.Compare),
	}
	for a := range t.accounts {
		if !strings.HasPrefix(a, unnamed) {
			c.accounts = append(c.accounts, a)
		}
	}
	slices.Sort(c.accounts)
	c.accounts = c.accounts[:min(len(c.accounts), listedAccounts)]
	c.peerCount, c.hostCount = len(c.peers), len(c.hosts)
	c.peers, c.hosts = c.peers[:min(len(c.peers), netcase.MaxSources)], c.hosts[:min(len(c.hosts), netcase.ProfileHosts)]
	return c
}

// cover measures in how many hours of the span the logs of the hosts have any record:
// logins, and process records of the same kind of sensor.
func (r *authReader) cover(out []*authCase) {
	type log struct{ host, family string }
	hours := map[log]map[int64]bool{}
	for _, c := range out {
		for _, h := range c.hosts {
			hours[log{hostName(r.in, h), family(c.sensor)}] = map[int64]bool{}
		}
	}
	if len(hours) == 0 {
		return
	}
	see := func(at netcase.Time, h netcase.Endpoint, sensor string) {
		if seen := hours[log{hostName(r.in, h), family(sensor)}]; seen != nil && r.in.Span.Contains(at) {
			seen[at.Hour()] = true
		}
	}
	for l := range r.in.Logins() {
		see(l.Time, l.Host, l.Sensor)
	}
	for p := range r.in.Processes() {
		see(p.Time, p.Host, p.Sensor)
	}
	span := r.in.Span
	if !span.Start.Known() || !span.End.Known() {
		span = netcase.Span{Start: r.begun, End: r.ended + 1}
	}
	first, last := span.Start.Hour(), (span.End - 1).Hour()
	sound, _ := r.in.Coverage.Sound()
	for _, c := range out {
		c.covered = 1
		for _, h := range c.hosts {
			seen := hours[log{hostName(r.in, h), family(c.sensor)}]
			c.covered = min(c.covered, float64(len(seen))/float64(max(last-first+1, 1)))
		}
		if len(c.hosts) == 0 {
			c.covered = 0
		}
		c.complete = sound && c.covered >= r.config.Cover
	}
}

// spreadOver counts the networks of the sources, and whose they are where a list says.
func (c *authCase) spreadOver(in *Input) {
	if c.peerCount == 0 {
		c.peerCount = len(c.peers)
	}
	c.hosts = slices.Compact(slices.SortedFunc(slices.Values(c.hosts), netcase.Endpoint.Compare))
	if c.hostCount == 0 {
		c.hostCount = len(c.hosts)
	}
	c.hosts = c.hosts[:min(len(c.hosts), netcase.ProfileHosts)]
	networks, numbers := map[string]bool{}, map[uint32]bool{}
	for _, p := range c.peers {
		if !p.Addr.IsValid() {
			continue
		}
		networks[sourceNetwork(p)] = true
		if in.Intel == nil {
			continue
		}
		for _, i := range in.Intel.Match(p.Addr) {
			if i.Geo.ASN != 0 {
				numbers[i.Geo.ASN] = true
			}
		}
	}
	c.networks, c.asns = max(c.networks, len(networks)), len(numbers)
}

// gather collects the failures that belong to several sources together.
type gather struct {
	pattern  netcase.Pattern
	why      string
	spans    netcase.Span
	wrong    bool // only wrong passwords, of accounts that failed a few times each
	peers    map[netcase.Endpoint]*gathered
	beyond   int64 // failures of sources for which there was no room
	accounts map[string]int64
	hosts    map[netcase.Endpoint]int64
	fails    int64
	absent   int64
	sensors  map[string]int64
	service  string
	span     netcase.Span
	judged   bool
	members  []string
}

type gathered struct {
	fails int64
	span  netcase.Span
	hosts map[netcase.Endpoint]bool
}

func newGather(p netcase.Pattern, spans netcase.Span) *gather {
	return &gather{pattern: p, spans: spans, peers: map[netcase.Endpoint]*gathered{}, accounts: map[string]int64{},
		hosts: map[netcase.Endpoint]int64{}, sensors: map[string]int64{}}
}

// together finds what no single source explains: networks that spray together, accounts
// that many networks try, and hours in which many accounts fail a few times each.
func (r *authReader) together(single []*authCase) []*authCase {
	own := map[netcase.Endpoint]bool{}
	nets := map[string]bool{}
	for _, c := range single {
		own[c.peer] = true
		if c.pattern == netcase.PatternSpray || c.pattern == netcase.PatternEnumeration {
			nets[r.cluster(c.peer)] = true
		}
	}
	byNetwork, byAccount, byHost, all := map[string]*gather{}, map[string]*gather{}, map[string]*gather{}, r.waves()
	n := 0
	for _, k := range slices.SortedFunc(maps.Keys(r.window.sprays), func(a, b hourKey) int {
		return cmp.Or(a.who.Compare(b.who), strings.Compare(a.sensor, b.sensor))
	}) {
		if s := r.window.sprays[k]; k.what == 'n' && !nets[k.who.Name] && byNetwork[k.who.Name] == nil && n < mostGathers {
			s.Start -= netcase.Hour
			byNetwork[k.who.Name] = newGather(netcase.PatternSpray, s)
			n++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.targets.of)) {
		for _, v := range r.targets.of[key].families {
			if v.full == 0 || n >= mostGathers {
				continue
			}
			g := newGather(netcase.PatternDistributed, netcase.Span{})
			g.members = []string{key}
			n++
			if host, ok := strings.CutPrefix(key, "host\x00"); ok {
				byHost[host] = g
			} else {
				byAccount[key] = g
			}
		}
	}
	if n == 0 && len(all) == 0 {
		return nil
	}
	for same := range moments(r.in) {
		for i := range same {
			l := &same[i]
			if l.Event != netcase.LoginAttempt || !l.Outcome.Failed() || lockedOut(l) || strings.EqualFold(l.Method, "publickey") || !r.in.Span.Contains(l.Time) {
				continue
			}
			p := r.pairOf(l)
			account := r.accountOn(l)
			if !p.peer.Addr.IsValid() && l.Workstation == "" {
				continue
			}
			if g := byNetwork[r.cluster(p.peer)]; g != nil && g.spans.Contains(l.Time) {
				g.add(l, p, account)
			}
			if own[p.peer] || !p.peer.Addr.IsValid() || r.inside(p.peer) {
				continue
			}
			if g := byAccount[account]; g != nil {
				g.add(l, p, account)
			}
			if g := byHost[p.host]; g != nil && l.Outcome == netcase.LoginNoAccount {
				g.add(l, p, account)
			}
			for _, g := range all {
				if g.spans.Contains(l.Time) && (l.Outcome == netcase.LoginWrongPassword || l.Outcome == netcase.LoginFailed) {
					g.add(l, p, account)
				}
			}
		}
	}
	return r.gatheredCases(byNetwork, byAccount, byHost, all)
}

// waves are the stretches of hours in which many accounts failed a few times each.
func (r *authReader) waves() (out []*gather) {
	hours, judged := r.window.spreads(r.in)
	for _, h := range hours {
		start := netcase.Time(h) * netcase.Hour
		s := netcase.Span{Start: start - netcase.Hour, End: start + netcase.Hour}
		if n := len(out); n > 0 && out[n-1].spans.End >= start {
			out[n-1].spans.End = s.End
			continue
		}
		if len(out) == mostGathers {
			break
		}
		g := newGather(netcase.PatternSpray, s)
		g.wrong, g.judged = true, judged
		out = append(out, g)
	}
	return out
}

func (g *gather) add(l *netcase.Login, p authPair, account string) {
	n := max(l.Count, 1)
	sensor := family(sensorOf(l))
	g.sensors[sensor] += n
	x := g.peers[p.peer]
	if x == nil {
		if len(g.peers) >= mostGathered {
			g.beyond += n
			return
		}
		x = &gathered{hosts: map[netcase.Endpoint]bool{}}
		g.peers[p.peer] = x
	}
	x.fails += n
	x.span = x.span.Extend(l.Time)
	if len(x.hosts) < netcase.ProfileHosts {
		x.hosts[l.Host.Key()] = true
	}
	if _, ok := g.accounts[account]; ok || len(g.accounts) < mostGathered {
		g.accounts[account] += n
	}
	if _, ok := g.hosts[l.Host.Key()]; ok || len(g.hosts) < mostGathered {
		g.hosts[l.Host.Key()] += n
	}
	g.fails += n
	g.absent += n * int64(b2i(l.Outcome == netcase.LoginNoAccount))
	g.span = g.span.Extend(l.Time)
	g.service = cmp.Or(g.service, strings.ToLower(l.Service))
}

// gatheredCases makes cases of what was gathered, where the thresholds hold now that the
// sources with a case of their own are left out. What shares half of its sources is one.
func (r *authReader) gatheredCases(byNetwork, byAccount, byHost map[string]*gather, waves []*gather) (out []*authCase) {
	c := r.config
	var told []*gather
	for _, name := range slices.Sorted(maps.Keys(byNetwork)) {
		g := byNetwork[name]
		g.why = fmt.Sprintf("at least %d accounts within an hour, few tries each, by one network", c.SprayAccounts)
		told = append(told, g)
	}
	for _, by := range []map[string]*gather{byAccount, byHost} {
		for _, key := range slices.Sorted(maps.Keys(by)) {
			g := by[key]
			if g.networks() < c.DistributedNetworks || float64(g.fails) > c.DistributedTries*float64(len(g.peers)) {
				continue
			}
			if i := slices.IndexFunc(told, func(t *gather) bool { return t.pattern == netcase.PatternDistributed && t.shares(g) }); i >= 0 {
				told[i].join(g)
				continue
			}
			told = append(told, g)
		}
	}
	for _, g := range waves {
		few := 0
		for _, n := range g.accounts {
			few += b2i(n <= int64(c.SpreadTries)*max(1, (g.span.End-g.span.Start).Hour()))
		}
		if few < c.SpreadAccounts || g.networks() < c.SpreadNetworks || slices.ContainsFunc(told, func(t *gather) bool { return t.shares(g) }) {
			continue
		}
		g.why = fmt.Sprintf("%d accounts failed at most %d times each, over all sources", few, c.SpreadTries)
		told = append(told, g)
	}
	for _, g := range told {
		out = append(out, g.toCase(r))
	}
	return out
}

func (g *gather) networks() int {
	seen := map[string]bool{}
	for p := range g.peers {
		seen[sourceNetwork(p)] = true
	}
	return len(seen)
}

// shares tells whether two have at least half of the sources of the smaller in common.
func (g *gather) shares(o *gather) bool {
	small, large := g, o
	if len(small.peers) > len(large.peers) {
		small, large = large, small
	}
	n := 0
	for p := range small.peers {
		n += b2i(large.peers[p] != nil)
	}
	return 2*n >= len(small.peers) && n > 0
}

func (g *gather) join(o *gather) {
	for p, x := range o.peers {
		if mine := g.peers[p]; mine != nil {
			mine.fails += x.fails
			mine.span = mine.span.Join(x.span)
			maps.Copy(mine.hosts, x.hosts)
		} else {
			g.peers[p] = x
		}
	}
	for a, n := range o.accounts {
		g.accounts[a] = max(g.accounts[a], n)
	}
	for h, n := range o.hosts {
		g.hosts[h] += n
	}
	for s, n := range o.sensors {
		g.sensors[s] += n
	}
	g.members = append(g.members, o.members...)
	g.fails, g.absent, g.beyond = g.fails+o.fails, g.absent+o.absent, g.beyond+o.beyond
	g.span = g.span.Join(o.span)
}

func (g *gather) toCase(r *authReader) *authCase {
	c := &authCase{pattern: g.pattern, fails: g.fails + g.beyond, absent: g.absent, named: len(g.accounts), why: g.why, span: g.span,
		peerCount: len(g.peers), hostCount: len(g.hosts), networks: g.networks(), service: g.service}
	order := slices.SortedFunc(maps.Keys(g.peers), func(a, b netcase.Endpoint) int {
		return cmp.Or(cmp.Compare(g.peers[b].fails, g.peers[a].fails), a.Compare(b))
	})
	for _, p := range order[:min(len(order), netcase.MaxSources)] {
		c.peers = append(c.peers, p)
		x := g.peers[p]
		one := &authCase{peer: p, peers: []netcase.Endpoint{p}, hosts: slices.SortedFunc(maps.Keys(x.hosts), netcase.Endpoint.Compare), fails: x.fails, span: x.span, service: g.service}
		if s := one.profile(directionOf(r.in, one.peers)); s != nil {
			c.sources = append(c.sources, *s)
		}
	}
	slices.SortFunc(c.peers, netcase.Endpoint.Compare)
	c.hosts = byCount(g.hosts, netcase.ProfileHosts)
	for a := range g.accounts {
		if strings.HasPrefix(a, unnamed) {
			delete(g.accounts, a)
		}
	}
	c.named = len(g.accounts)
	accounts := slices.SortedFunc(maps.Keys(g.accounts), func(a, b string) int {
		return cmp.Or(cmp.Compare(g.accounts[b], g.accounts[a]), strings.Compare(a, b))
	})
	c.accounts = slices.Sorted(slices.Values(accounts[:min(len(accounts), listedAccounts)]))
	for _, s := range slices.Sorted(maps.Keys(g.sensors)) {
		if c.sensor == "" || g.sensors[s] > g.sensors[c.sensor] {
			c.sensor = s
		}
	}
	if len(g.sensors) > 1 {
		c.limits = append(c.limits, "several kinds of sensors tell of these failures: the same one may be counted twice")
	}
	if g.wrong && !g.judged {
		c.limits = append(c.limits, "there is too little history to tell how many people mistype in such an hour")
	}
	if g.pattern == netcase.PatternDistributed {
		c.why = fmt.Sprintf("from %s, at most %g tries of a source on average, each below every threshold by itself", count(c.networks, "network"), r.config.DistributedTries)
		c.limits = append(c.limits, "whether the sources belong together is not known: strangers try the same well-known accounts")
	}
	return c
}

// byCount is the keys with the largest counts, sorted.
func byCount(of map[netcase.Endpoint]int64, most int) []netcase.Endpoint {
	keys := slices.SortedFunc(maps.Keys(of), func(a, b netcase.Endpoint) int { return cmp.Or(cmp.Compare(of[b], of[a]), a.Compare(b)) })
	keys = keys[:min(len(keys), most)]
	slices.SortFunc(keys, netcase.Endpoint.Compare)
	return keys
}
