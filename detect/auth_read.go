package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// authReader reads the log once, by time.
type authReader struct {
	in       *Input
	config   *AuthConfig
	tracks   remembered[authPair, *authTrack]
	targets  remembered[string, *authTarget] // by account, and "host\x00name" for accounts that do not exist
	clusters remembered[authPair, *lately]   // by network and host
	known    remembered[[2]string, netcase.Time]
	hosts    remembered[string, *authHost]
	locks    remembered[string, *lockState]
	window   *lastHour
	held     int // accounts over all tracks
	lost     authLost
	after    map[string]*authCase
	typos    authTypos
	locking  lockWave
	begun    netcase.Time // the first record
	ended    netcase.Time // the last
}

// authHost is what is remembered of a host.
type authHost struct {
	first    netcase.Time // of its records
	tried    bool         // its log tells of attempts in the span
	connects []connection // of Remote Desktop, the latest last
}

type connection struct {
	at   netcase.Time
	peer netcase.Endpoint
}

// authLost counts failures that no source could be held to.
type authLost struct {
	nameless  int64 // neither address nor workstation
	forgotten int64 // sources on a host, forgotten for want of room
	short     int64 // failures dropped from the last hour for want of room
	span      netcase.Span
}

// authTypos counts the typing errors.
type authTypos struct {
	runs, fails int64
	accounts    map[string]bool
	hosts       map[netcase.Endpoint]bool
	peers       map[netcase.Endpoint]bool
	span        netcase.Span
}

// readLogins reads the log once, and once more where several sources belong together.
//
// The hosts are those whose logs tell of attempts in the span.
func readLogins(in *Input) (found []*authCase, hosts map[string]bool, lost authLost) {
	c := &in.Config.Auth
	noWeight := func(l *lately) (int64, netcase.Time) { return 0, l.latest() }
	r := &authReader{
		in: in, config: c, window: newLastHour(c), after: map[string]*authCase{},
		tracks: remembered[authPair, *authTrack]{most: mostAuthTracks, compare: comparePair, weigh: func(_ authPair, k *authTrack) (int64, netcase.Time) { return k.weight() }},
		targets: remembered[string, *authTarget]{most: mostAuthTargets, compare: strings.Compare,
			weigh: func(_ string, g *authTarget) (int64, netcase.Time) { return g.weight() }},
		clusters: remembered[authPair, *lately]{most: mostAuthTargets, compare: comparePair, weigh: func(_ authPair, l *lately) (int64, netcase.Time) { return noWeight(l) }},
		known: remembered[[2]string, netcase.Time]{most: mostAuthKnown, weigh: func(_ [2]string, t netcase.Time) (int64, netcase.Time) { return 0, t },
			compare: func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) }},
		hosts: remembered[string, *authHost]{most: mostAuthHosts, compare: strings.Compare, weigh: func(_ string, h *authHost) (int64, netcase.Time) { return 0, h.first }},
		locks: remembered[string, *lockState]{most: mostAuthTargets, compare: strings.Compare, weigh: func(_ string, l *lockState) (int64, netcase.Time) { return l.n, l.span.End }},
	}
	r.typos.accounts, r.typos.hosts, r.typos.peers = map[string]bool{}, map[netcase.Endpoint]bool{}, map[netcase.Endpoint]bool{}
	for same := range moments(in) {
		r.settle(same)
	}
	r.lost.forgotten = r.tracks.forgot
	r.lost.short = r.window.short
	hosts = map[string]bool{}
	for name, h := range r.hosts.of {
		if h.tried {
			hosts[name] = true
		}
	}
	return r.cases(), hosts, r.lost
}

// moments are the records of one instant each, failures first, so that the order in
// which they were written says nothing; what a log says twice is left out.
func moments(in *Input) func(func([]netcase.Login) bool) {
	return func(yield func([]netcase.Login) bool) {
		var same []netcase.Login
		flush := func() bool {
			slices.SortStableFunc(same, compareLogins)
			same = slices.CompactFunc(same, func(a, b netcase.Login) bool { return compareLogins(a, b) == 0 && twice(&a) })
			return len(same) == 0 || yield(same)
		}
		for l := range in.Logins() {
			if len(same) > 0 && (same[0].Time != l.Time || len(same) >= mostAuthWindow) {
				if !flush() {
					return
				}
				same = same[:0]
			}
			same = append(same, l)
		}
		flush()
	}
}

func compareLogins(a, b netcase.Login) int {
	return cmp.Or(
		cmp.Compare(b2i(b.Event == netcase.LoginConnect), b2i(a.Event == netcase.LoginConnect)), cmp.Compare(b2i(b.Outcome.Failed()), b2i(a.Outcome.Failed())),
		strings.Compare(a.Account, b.Account), a.Peer.Compare(b.Peer), a.Host.Compare(b.Host), strings.Compare(a.Sensor, b.Sensor),
		strings.Compare(a.Session, b.Session), cmp.Compare(a.PeerPort, b.PeerPort), strings.Compare(string(a.Outcome), string(b.Outcome)),
		strings.Compare(string(a.Event), string(b.Event)), strings.Compare(a.Service, b.Service), strings.Compare(a.Domain, b.Domain),
		strings.Compare(a.Kind, b.Kind), strings.Compare(a.Method, b.Method), strings.Compare(a.Detail, b.Detail),
		strings.Compare(a.Workstation, b.Workstation), cmp.Compare(a.Count, b.Count),
	)
}

// twice tells whether an equal record must be the same one: two attempts of one client
// have a port, a session or a millisecond of their own.
func twice(l *netcase.Login) bool {
	return l.PeerPort != 0 || l.Session != "" || l.Time%netcase.Second != 0
}

func (r *authReader) settle(same []netcase.Login) {
	for i := range same {
		l := &same[i]
		if r.begun == 0 {
			r.begun = l.Time
		}
		r.ended = l.Time
		h := r.hostOf(l)
		h.tried = h.tried || l.Event == netcase.LoginAttempt && r.in.Span.Contains(l.Time)
		switch {
		case l.Event == netcase.LoginLockout:
			r.lockout(l)
		case l.Event == netcase.LoginConnect && l.Service == "rdp":
			h.connected(l)
		case l.Event != netcase.LoginAttempt || noPerson(l.Account, l.Sensor) && l.Outcome == netcase.LoginSucceeded:
		case l.Outcome == netcase.LoginSucceeded:
			lent := h.lend(l, r.config.Lend)
			r.login(l, lent)
		case l.Outcome == netcase.LoginBlocked:
			lent := h.lend(l, r.config.Lend)
			r.blocked(l, lent)
		case l.Outcome.Failed() && !strings.EqualFold(l.Method, "publickey"):
			lent := h.lend(l, r.config.Lend)
			r.fail(l, lent) // a client offers its keys one by one: a refused key is no guess
		}
	}
}

// hostName is a host by the name that any input gives it.
func hostName(in *Input, e netcase.Endpoint) string {
	if e.Name == "" && e.Addr.IsValid() {
		if a, ok := in.Site.AssetOf(e); ok {
			return strings.ToLower(a.Name)
		}
		if n := in.Names[e.Addr]; n != "" {
			return strings.ToLower(n)
		}
	}
	if e.Name != "" {
		return strings.ToLower(e.Name)
	}
	return e.String()
}

func (r *authReader) hostOf(l *netcase.Login) *authHost {
	name := hostName(r.in, l.Host)
	h, ok := r.hosts.get(name)
	if !ok {
		h = &authHost{first: l.Time}
		r.hosts.set(name, h)
	}
	return h
}

// Windows leaves the address out of logins with network level authentication; Remote
// Desktop logs who connected just before.
const mostConnects = 16

func (h *authHost) connected(l *netcase.Login) {
	if !l.Peer.Addr.IsValid() {
		return
	}
	if len(h.connects) == mostConnects {
		h.connects = h.connects[:copy(h.connects, h.connects[1:])]
	}
	h.connects = append(h.connects, connection{l.Time, l.Peer.Key()})
}

// lend fills in the address of a login over the network that names none, where one
// client only had connected just before.
func (h *authHost) lend(l *netcase.Login, within netcase.Time) bool {
	if l.Peer.Known() || l.Kind != "network" && l.Kind != "remote interactive" {
		return false
	}
	var peer netcase.Endpoint
	for _, c := range h.connects {
		if l.Time-c.at > within || c.at > l.Time {
			continue
		}
		if peer.Known() && peer != c.peer {
			return false
		}
		peer = c.peer
	}
	l.Peer = peer
	return peer.Known()
}

// noPerson tells whether an account is none that somebody guesses the password of:
// Windows lets clients in as nobody before they authenticate. A sensor on the wire does
// not see the account at all, which is another matter.
func noPerson(account, sensor string) bool {
	a := strings.ToLower(account)
	switch a {
	case "", "-":
		return family(sensor) == "windows" || family(sensor) == "defender"
	case "anonymous logon", "local service", "network service", "system", "iusr":
		return true
	}
	return strings.HasPrefix(a, "dwm-") || strings.HasPrefix(a, "umfd-")
}

// unnamed begins what stands for the account of a host whose log names none.
const unnamed = "\x00"

// accountOn is the account of a login, or what stands for it on its host.
func (r *authReader) accountOn(l *netcase.Login) string {
	if a := accountOf(l); a != "" && a != "-" {
		return a
	}
	return unnamed + hostName(r.in, l.Host)
}

// accountOf is an account without regard to case and domain.
func accountOf(l *netcase.Login) string {
	a := strings.ToLower(l.Account)
	a = a[strings.LastIndexByte(a, '\\')+1:]
	if l.Service == "kerberos" {
		a, _, _ = strings.Cut(a, "@")
	}
	return a
}

// pairOf is the source and the host of a login. A workstation is the client's own claim.
func (r *authReader) pairOf(l *netcase.Login) authPair {
	p := authPair{l.Peer.Key(), hostName(r.in, l.Host)}
	if !p.peer.Known() {
		p.peer = netcase.Endpoint{Name: "unrecorded"}
		if l.Workstation != "" {
			p.peer.Name = strings.ToLower(l.Workstation)
		}
	}
	return p
}

// sensorOf tells apart the logs of one sensor that write about the same attempt.
func sensorOf(l *netcase.Login) string {
	switch {
	case l.Service == "kerberos" || l.Service == "ntlm":
		return l.Sensor + "/" + l.Service
	case l.Service == "rdp" && l.Kind == "" && strings.HasPrefix(l.Sensor, "windows/"):
		return l.Sensor + "/remote desktop"
	}
	return l.Sensor
}

// inside tells whether the owner vouches for a source: it is ours, approved or a partner's.
func (r *authReader) inside(p netcase.Endpoint) bool {
	return p.Addr.IsValid() && (r.in.Site.Owns(p.Addr) || welcome(r.in.Site, p))
}

func (r *authReader) track(l *netcase.Login, p authPair) (*authTrack, *authView) {
	k, ok := r.tracks.get(p)
	if !ok {
		k = &authTrack{}
		r.tracks.set(p, k)
	}
	k.named(l.Host.Key())
	return k, k.view(sensorOf(l), r.config)
}

// lockedOut tells whether an attempt was refused without a look at the password.
func lockedOut(l *netcase.Login) bool {
	if l.Outcome != netcase.LoginBlocked {
		return false
	}
	d := strings.ToLower(l.Detail)
	return strings.Contains(d, "c0000234") || strings.Contains(d, "status 0x12 ") || strings.HasSuffix(d, "status 0x12") ||
		strings.Contains(strings.ReplaceAll(d, " ", ""), "accountlocked") || strings.Contains(strings.ReplaceAll(d, " ", ""), "lockedout")
}

func (r *authReader) fail(l *netcase.Login, lent bool) {
	p, account, n := r.pairOf(l), r.accountOn(l), max(l.Count, 1)
	inSpan := r.in.Span.Contains(l.Time)
	if !l.Peer.Known() && l.Workstation == "" {
		if inSpan {
			r.lost.nameless += n // everybody's typing errors would look like one source
			r.lost.span = r.lost.span.Extend(l.Time)
		}
		return
	}
	_, v := r.track(l, p)
	if inSpan {
		v.span = v.span.Extend(l.Time)
		v.lent += int64(b2i(lent))
	}
	if v.service == "" {
		v.service = strings.ToLower(l.Service)
	}
	if w := strings.ToLower(l.Workstation); w != "" && p.peer.Addr.IsValid() && len(v.stations) < mostViews && !slices.Contains(v.stations, w) {
		v.stations = append(v.stations, w)
	}
	pressed := v.attempts.add(r.config, l.Time, n)
	if lockedOut(l) {
		if inSpan {
			v.locked += n
			v.pressed = cmp.Or(v.pressed, pressed)
		}
		r.held += v.meet(r.config, account)
		return
	}
	wrong := l.Outcome == netcase.LoginWrongPassword || l.Outcome == netcase.LoginFailed
	full := v.levels.add(r.config, l.Time, n)
	r.remember(v, account, l.Time, n, l.Outcome == netcase.LoginWrongPassword)
	if inSpan {
		v.fails += n
		v.absent += n * int64(b2i(l.Outcome == netcase.LoginNoAccount))
		v.full = cmp.Or(v.full, full)
		v.pressed = cmp.Or(v.pressed, pressed)
	}
	network := r.cluster(p.peer)
	if r.inside(p.peer) {
		v.beat(r.config, l.Time)
	}
	r.spread(l, p, network, account, full, n, inSpan)
	for range min(n, int64(r.config.SprayTries)+1) {
		r.window.fail(l.Time, p.peer, network, account, sensorOf(l), wrong, inSpan)
	}
}

// remember keeps when an account failed from a source.
func (r *authReader) remember(v *authView, account string, t netcase.Time, n int64, wrong bool) {
	if r.held += v.meet(r.config, account); r.held > mostAuthAccounts {
		r.thin()
	}
	if a := v.of(account); a != nil && a != v.recent {
		a.add(t, n, wrong)
	}
	v.recent.add(t, n, wrong)
}

// thin forgets the accounts of those tracks that have been silent longest.
func (r *authReader) thin() {
	weigh := r.tracks.weigh
	r.tracks.weigh = func(p authPair, k *authTrack) (int64, netcase.Time) {
		_, last := weigh(p, k)
		return 0, last
	}
	oldest := r.tracks.lightest()
	r.tracks.weigh = weigh
	r.held = 0
	for i := len(oldest) - 1; i >= 0; i-- {
		for _, v := range r.tracks.of[oldest[i]].views {
			if v.accounts == nil {
				continue
			}
			if r.held += len(v.accounts.of); r.held > mostAuthAccounts/2 {
				r.held -= len(v.accounts.of)
				v.accounts = nil
			}
		}
	}
}

// spread counts a failure of a source from outside against its targets, while the source
// stays below every bucket by itself.
func (r *authReader) spread(l *netcase.Login, p authPair, network, account string, full int, n int64, inSpan bool) {
	cluster := authPair{netcase.Endpoint{Name: network}, p.host}
	near, ok := r.clusters.get(cluster)
	if !ok {
		near = newLately(r.config.SourceFails)
		r.clusters.set(cluster, near)
	}
	near.add(l.Time, n, false)
	keys := []string{account}
	if l.Outcome == netcase.LoginNoAccount {
		keys = append(keys, "host\x00"+p.host)
	}
	for i, key := range keys {
		g, ok := r.targets.get(key)
		if !ok {
			g = &authTarget{host: i == 1}
			r.targets.set(key, g)
		}
		t := g.view(family(sensorOf(l)), r.config)
		t.recent.add(l.Time, n, false)
		switch {
		case r.inside(p.peer) || !p.peer.Addr.IsValid():
		case full > 0:
			t.cleared(network) // the source is told by itself
		default:
			t.spread(r.config, l.Time, network, n, inSpan)
		}
	}
}

// cluster is what counts as one source together with its neighbours: the network of a
// guest, who may change the last number. Machines of ours are not each other: a whole
// office shares a network.
func (r *authReader) cluster(e netcase.Endpoint) string {
	if r.inside(e) {
		return e.String()
	}
	return sourceNetwork(e)
}

// sourceNetwork is the /24 or /64 of a source: a guest may change the last number.
func sourceNetwork(e netcase.Endpoint) string {
	if !e.Addr.IsValid() {
		return e.String()
	}
	bits := 24
	if e.Addr.Is6() {
		bits = 64
	}
	n, _ := e.Addr.Prefix(bits)
	return n.String()
}

// before tells of guessing before a login, and its grade: the strongest that holds
// within an hour or, for slow guessing, a day.
func (r *authReader) before(l *netcase.Login, p authPair, account string) (grade string, fails int64, full bool) {
	horizons := [...]netcase.Time{netcase.Hour, netcase.Day}
	k, _ := r.tracks.get(p)
	c := r.config
	for _, long := range horizons {
		if k == nil {
			break
		}
		for _, v := range k.views {
			a := v.of(account)
			if a.within(c.AccountFails, l.Time, long) || a.within(1, l.Time, long) && v.recent.within(c.SourceFails, l.Time, long) {
				grade, fails, full = "A", max(fails, v.recent.n), full || v.full > 0
			}
		}
		if grade != "" && strings.HasPrefix(account, unnamed) {
			return "C", fails, full // whether it was the account that had failed is not known
		}
		if grade != "" {
			return grade, fails, full
		}
	}
	guessed := !strings.EqualFold(l.Method, "publickey") && !strings.HasSuffix(account, "$") // nobody guesses a key
	if g, ok := r.targets.get(account); ok && guessed && !strings.HasPrefix(account, unnamed) && !r.inside(p.peer) && overNetwork(l) {
		for _, long := range horizons {
			for _, v := range g.families {
				if v.recent.within(c.AccountFails, l.Time, long) {
					return "B", v.recent.n, false
				}
			}
		}
	}
	for _, long := range horizons {
		if near, ok := r.clusters.get(authPair{netcase.Endpoint{Name: r.cluster(p.peer)}, p.host}); ok && guessed && near.within(c.SourceFails, l.Time, long) {
			return "C", near.n, false
		}
	}
	return "", 0, false
}

// overNetwork tells whether a login came over a network: one at the console, or of a
// service, is nobody's success from outside.
func overNetwork(l *netcase.Login) bool {
	if l.Peer.Addr.IsValid() {
		return true
	}
	switch l.Kind {
	case "", "network", "network cleartext", "remote interactive":
		return l.Workstation != "" || l.Peer.Known()
	}
	return false
}

func (r *authReader) login(l *netcase.Login, lent bool) {
	p, account := r.pairOf(l), r.accountOn(l)
	network := sourceNetwork(p.peer)
	seen := [2]string{account, network}
	last, ok := r.known.get(seen)
	usual := ok && l.Time-last <= r.config.Usual
	grade, fails, full := r.before(l, p, account)
	inSpan := r.in.Span.Contains(l.Time)
	k, guessed := r.tracks.get(p)
	if guessed && inSpan {
		v := k.view(sensorOf(l), r.config)
		v.loggedIn(r.config, l, account)
	}
	if grade == "" || usual || welcome(r.in.Site, p.peer) {
		r.settleIn(l, p, k, account, network, usual, inSpan)
	}
	switch {
	case grade == "" || welcome(r.in.Site, p.peer):
		r.known.set(seen, l.Time)
	case !usual:
		r.note(l, p, netcase.PatternSuccess, grade, fails, r.newSource(l, p), lent)
	case full && !r.inside(p.peer): // it came from there before, and yet guessed as nobody does who knows the password
		r.note(l, p, netcase.PatternSuccess, "C", fails, netcase.False, lent)
	default:
		r.known.set(seen, l.Time)
	}
}

// newSource tells how well it is known that an account never came from a network.
func (r *authReader) newSource(l *netcase.Login, p authPair) netcase.State {
	h, ok := r.hosts.get(p.host)
	if !ok || l.Time-h.first < r.config.Usual || r.known.forgot > 0 {
		return netcase.Unknown
	}
	return netcase.True
}

// settleIn is a login that follows no guessing: the failures before it are typing errors
// where the account is at home, and no part of anything larger.
func (r *authReader) settleIn(l *netcase.Login, p authPair, k *authTrack, account, network string, usual, inSpan bool) {
	var fails int64
	if k != nil {
		for _, v := range k.views {
			if a := v.of(account); a.within(1, l.Time, netcase.Hour) {
				fails = max(fails, a.n)
				v.forgive(account)
			}
		}
	}
	if g, ok := r.targets.get(account); ok && fails > 0 {
		for _, v := range g.families {
			v.cleared(network)
			v.recent.drop(int(min(fails, int64(r.config.AccountFails))))
		}
		r.window.cleared(account, sensorOf(l))
	}
	if fails == 0 || !inSpan || !usual && !r.inside(p.peer) || fails > int64(r.config.TypoFails) {
		return
	}
	t := &r.typos
	t.runs, t.fails, t.span = t.runs+1, t.fails+fails, t.span.Extend(l.Time)
	if len(t.accounts) < mostAuthTargets {
		t.accounts[account] = true
		t.hosts[l.Host.Key()] = true
		t.peers[p.peer] = true
	}
}

// The answers of Windows that only a right password gets, and those that get it where
// wrong passwords were answered otherwise.
var (
	rightPassword = []string{"c000015b", "c0000224"}
	maybePassword = []string{"c0000072", "c0000193"}
)

func (r *authReader) blocked(l *netcase.Login, lent bool) {
	d := strings.ToLower(l.Detail)
	says := func(codes []string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(d, c) })
	}
	p, account := r.pairOf(l), r.accountOn(l)
	known := says(rightPassword)
	if says(maybePassword) {
		if k, ok := r.tracks.get(p); ok {
			known = slices.ContainsFunc(k.views, func(v *authView) bool {
				a := v.of(account)
				return a != nil && a.wrong >= int64(r.config.WrongFirst)
			})
		}
	}
	if known {
		if grade, fails, _ := r.before(l, p, account); grade == "A" || grade == "B" {
			r.note(l, p, netcase.PatternKnown, "", fails, netcase.Unknown, lent)
			return
		}
	}
	r.fail(l, lent)
}

// note joins the logins of one source with one account on one host. What happened before
// the investigated span is not told as new.
func (r *authReader) note(l *netcase.Login, p authPair, pattern netcase.Pattern, grade string, fails int64, fresh netcase.State, lent bool) {
	if !r.in.Span.Contains(l.Time) {
		return
	}
	account := r.accountOn(l)
	key := fmt.Sprintf("%s|%s|%s|%s", pattern, p.peer, p.host, account)
	c := r.after[key]
	if c == nil {
		if len(r.after) >= mostAuthFindings {
			return
		}
		c = &authCase{pattern: pattern, grade: grade, peer: p.peer, peers: []netcase.Endpoint{p.peer}, named: b2i(l.Account != ""), fails: fails, session: l.Session, service: strings.ToLower(l.Service), sensor: sensorOf(l), loginAt: l.Time, fresh: fresh, name: p.host}
		r.after[key] = c
	}
	if h := l.Host.Key(); !slices.Contains(c.hosts, h) && len(c.hosts) < mostViews {
		c.hosts = append(c.hosts, h)
	}
	if a := l.Account; a != "" && !slices.Contains(c.accounts, a) && len(c.accounts) < mostViews {
		c.accounts = append(c.accounts, a)
	}
	if c.sensor == sensorOf(l) && (c.logins == 0 || l.Time-c.latest > r.config.SameLogin) {
		c.logins += max(l.Count, 1)
	}
	c.latest = l.Time
	c.lent = c.lent || lent
	c.grade = min(c.grade, grade)
	c.fails = max(c.fails, fails)
	c.span = c.span.Extend(l.Time)
}

// lockState is how often an account was locked.
type lockState struct {
	recent *lately
	n      int64
	host   netcase.Endpoint
	names  []string // as records spell it
	often  bool
	span   netcase.Span
}

// lockWave is the accounts that were locked within an hour.
type lockWave struct {
	at       []netcase.Time
	accounts []string
	caught   map[string]bool
	hosts    map[netcase.Endpoint]bool
	span     netcase.Span
	wave     bool
}

// lockout counts a lockout: it shows that passwords were tried, even where the attempts
// themselves are not on record any more.
func (r *authReader) lockout(l *netcase.Login) {
	account := r.accountOn(l)
	s, ok := r.locks.get(account)
	if !ok {
		s = &lockState{recent: newLately(r.config.AccountLockouts), host: l.Host.Key()}
		r.locks.set(account, s)
	}
	if s.recent.latest() == l.Time && s.n > 0 {
		return // every domain controller writes it
	}
	s.recent.add(l.Time, 1, false)
	if !slices.Contains(s.names, l.Account) && len(s.names) < mostViews {
		s.names = append(s.names, l.Account)
	}
	if !r.in.Span.Contains(l.Time) {
		return
	}
	s.n++
	s.span = s.span.Extend(l.Time)
	s.often = s.often || s.recent.within(r.config.AccountLockouts, l.Time, netcase.Day)
	w := &r.locking
	for len(w.at) > 0 && (w.at[0] <= l.Time-netcase.Hour || len(w.at) >= mostAuthTargets) {
		w.at, w.accounts = w.at[1:], w.accounts[1:]
	}
	w.at, w.accounts = append(w.at, l.Time), append(w.accounts, account)
	distinct := slices.Clone(w.accounts[max(0, len(w.accounts)-4*r.config.LockedAccounts):])
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) >= r.config.LockedAccounts {
		if w.caught == nil {
			w.caught, w.hosts = map[string]bool{}, map[netcase.Endpoint]bool{}
		}
		for i, a := range w.accounts {
			if len(w.caught) < mostAuthTargets {
				w.caught[a] = true
			}
			w.span = w.span.Extend(w.at[i])
		}
		w.hosts[l.Host.Key()], w.wave = true, true
		kept := min(len(w.at), max(r.config.LockedAccounts-1, 1)) // the next account within the hour belongs to the wave
		w.at, w.accounts = w.at[len(w.at)-kept:], w.accounts[len(w.accounts)-kept:]
	}
}
