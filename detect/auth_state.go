package detect

import (
	"maps"
	"slices"
	"strings"

	"netcase"
)

// Bounds on what is kept of login logs. Beyond them the smallest is forgotten first.
const (
	mostAuthTracks     = 1 << 15 // pairs of source and host
	mostAuthAccounts   = 1 << 16 // accounts of one source on one host, over all pairs
	mostTrackAccounts  = 1 << 10 // accounts of one source on one host
	mostAuthTargets    = 1 << 15 // accounts, over all sources
	mostAuthKnown      = 1 << 17 // accounts and the networks that they come from
	mostAuthHosts      = 1 << 14
	mostAuthWindow     = 1 << 16 // failures of the last hour
	mostTargetNetworks = 256     // networks of the sources of one account
	mostViews          = 4       // sensors that tell of one source and host
	mostBeats          = 64      // times kept to measure a pace
)

// levels are how full the buckets are.
type levels struct {
	at   [3]float64
	last netcase.Time
}

// leak lets the buckets leak until t.
func (l *levels) leak(c *AuthConfig, t netcase.Time) {
	if l.last != 0 && t > l.last {
		for i := range l.at {
			l.at[i] = max(0, l.at[i]-float64(t-l.last)/float64(c.Buckets[i].Leak))
		}
	}
	l.last = max(l.last, t)
}

// add pours n failures in at t and answers with the first bucket that is over its
// capacity, counted from 1; 0: none.
func (l *levels) add(c *AuthConfig, t netcase.Time, n int64) int {
	l.leak(c, t)
	full := 0
	for i := range l.at {
		if l.at[i] += float64(n); l.at[i] > c.Buckets[i].Capacity && full == 0 {
			full = i + 1
		}
	}
	return full
}

// mostLately is how many failures are told apart by their times.
const mostLately = 10

// lately keeps the times of the last failures.
type lately struct {
	at    [mostLately]netcase.Time // a ring of size
	size  int
	next  int
	n     int64
	wrong int64 // of them with a wrong password for an account that exists
}

func newLately(size int) *lately { return &lately{size: min(max(size, 1), mostLately)} }

func (l *lately) add(t netcase.Time, n int64, wrong bool) {
	for range min(n, int64(l.size)) {
		l.at[l.next%l.size] = t
		l.next++
	}
	l.n += n
	if wrong {
		l.wrong += n
	}
}

// known is how many times are kept.
func (l *lately) known() int { return min(l.next, l.size) }

// drop forgets the last k failures: they were typing errors.
func (l *lately) drop(k int) {
	for j := range min(k, l.known()) {
		l.at[(l.next-1-j)%l.size] = longAgo
	}
}

// longAgo is before anything that is on record.
const longAgo = netcase.Time(-1 << 60)

// latest is when the last failure was.
func (l *lately) latest() netcase.Time {
	if l.next == 0 {
		return 0
	}
	return l.at[(l.next-1)%l.size]
}

// within tells whether the k-th last failure lies at most so long before t.
func (l *lately) within(k int, t, long netcase.Time) bool {
	if l == nil || k > l.known() || k < 1 {
		return false
	}
	at := l.at[(l.next-k)%l.size]
	return at <= t && t-at <= long
}

// authPair is a source and a host. A host has the name that any input gives it, so that
// one sensor may tell of the failures and another of the login.
type authPair struct {
	peer netcase.Endpoint
	host string
}

func comparePair(a, b authPair) int {
	if c := a.peer.Compare(b.peer); c != 0 {
		return c
	}
	return strings.Compare(a.host, b.host)
}

// authTrack is what a source did on one host. Sensors are never added: each has its own
// view, and the one that tells most stands.
type authTrack struct {
	hosts []netcase.Endpoint // as the records name it
	views []*authView
}

// authView is a track as one sensor tells it.
type authView struct {
	sensor   string
	levels   levels
	attempts levels // with those that were refused because the account was locked
	full     int    // the first bucket that overflowed in the investigated span, counted from 1
	pressed  int    // the same, of attempts
	recent   *lately
	accounts *remembered[string, *lately] // once there is a second
	fails    int64                        // in the span, as are the next five
	absent   int64                        // for accounts that do not exist
	locked   int64                        // refused because the account was locked
	logins   int64
	lent     int64 // whose address is that of a Remote Desktop connection just before
	span     netcase.Span
	first    netcase.Time // of logins
	login    netcase.Time // the latest
	who      string       // its account
	session  string
	service  string         // the first that was named
	stations []string       // what the client called itself, at most mostViews
	only     string         // the one account that failed, or several
	beats    []netcase.Time // of a source of ours, when failures began
}

// weight is by what a track is kept, and how recent it is.
func (k *authTrack) weight() (n int64, last netcase.Time) {
	for _, v := range k.views {
		n = max(n, v.fails+v.locked, int64(v.recent.known()))
		last = max(last, v.levels.last, v.attempts.last)
	}
	return n, last
}

// view is the track as a sensor tells it; a sensor beyond the bound shares the last one.
func (k *authTrack) view(sensor string, c *AuthConfig) *authView {
	for _, v := range k.views {
		if v.sensor == sensor {
			return v
		}
	}
	if len(k.views) == mostViews {
		return k.views[mostViews-1]
	}
	v := &authView{sensor: sensor, recent: newLately(c.SourceFails)}
	k.views = append(k.views, v)
	return v
}

// several marks a view of more than one account.
const several = "\x00"

// of is the failures of an account; nil: there were none.
func (v *authView) of(account string) *lately {
	if v.accounts == nil {
		if v.only == account {
			return v.recent
		}
		return nil
	}
	return v.accounts.of[account]
}

// names is the accounts that failed.
func (v *authView) names() []string {
	switch {
	case v.accounts != nil:
		return slices.Sorted(maps.Keys(v.accounts.of))
	case v.only != "" && v.only != several:
		return []string{v.only}
	}
	return nil
}

// meet notes an account that failed, and answers with how many more are kept.
func (v *authView) meet(c *AuthConfig, account string) (more int) {
	switch v.only {
	case "":
		v.only = account
		return 0
	case account:
		return 0
	case several:
	default:
		first := *v.recent
		v.accounts = &remembered[string, *lately]{most: mostTrackAccounts, compare: strings.Compare,
			weigh: func(_ string, l *lately) (int64, netcase.Time) { return 0, l.latest() }}
		v.accounts.set(v.only, &first)
		v.only, v.beats = several, nil
		more = 1
	}
	if v.accounts == nil {
		return 0 // they were forgotten
	}
	if _, ok := v.accounts.get(account); !ok {
		before := len(v.accounts.of)
		v.accounts.set(account, newLately(c.AccountFails))
		more += len(v.accounts.of) - before
	}
	return more
}

// forgive forgets the failures of an account.
func (v *authView) forgive(account string) {
	if l := v.of(account); l != nil {
		*l = lately{size: l.size}
	}
}

// best is the view of the sensor that tells of most failures, then of most logins.
func (k *authTrack) best() *authView {
	return slices.MaxFunc(k.views, func(a, b *authView) int {
		switch {
		case a.fails != b.fails:
			return int(min(max(a.fails-b.fails, -1), 1))
		case a.logins != b.logins:
			return int(min(max(a.logins-b.logins, -1), 1))
		}
		return strings.Compare(b.sensor, a.sensor)
	})
}

// named notes how the records name the host.
func (k *authTrack) named(e netcase.Endpoint) {
	if len(k.hosts) < mostViews && !slices.Contains(k.hosts, e) {
		k.hosts = append(k.hosts, e)
	}
}

func (v *authView) loggedIn(c *AuthConfig, l *netcase.Login, account string) {
	if v.who != account || l.Time-v.login > c.SameLogin {
		v.logins += max(l.Count, 1)
	}
	if v.first == 0 {
		v.first, v.session = l.Time, l.Session
	}
	v.login, v.who = l.Time, account
}

// beat notes when a source of ours began to fail anew: a program tries several times
// in a row.
func (v *authView) beat(c *AuthConfig, t netcase.Time) {
	if n := len(v.beats); n > 0 && t-v.beats[n-1] < c.SameLogin {
		return
	}
	if len(v.beats) == mostBeats {
		v.beats = v.beats[:copy(v.beats, v.beats[1:])]
	}
	v.beats = append(v.beats, t)
}

// pace is the period of a program that fails at an even pace; 0: it is not even.
func (v *authView) pace(c *AuthConfig) netcase.Time {
	if len(v.beats) < c.StaleBeats {
		return 0
	}
	gaps := make([]float64, len(v.beats)-1)
	for i := range gaps {
		gaps[i] = float64(v.beats[i+1] - v.beats[i])
	}
	m := middle(gaps)
	if m <= 0 || spread(gaps, m) > c.StaleCV*m {
		return 0
	}
	even := 0
	for _, g := range gaps {
		even += b2i(g > (1-3*c.StaleCV)*m && g < (1+3*c.StaleCV)*m)
	}
	if float64(even) < c.StaleEven*float64(len(gaps)) {
		return 0 // a tight middle with ragged ends is a person at the keyboard
	}
	return netcase.Time(m)
}

// authTarget is one account, or the accounts of one host that do not exist, over all
// sources from outside that stay below every bucket by themselves.
type authTarget struct {
	families []*targetView
	host     bool // the key is a host
}

// targetView is a target as one kind of sensor tells it.
type targetView struct {
	family   string
	recent   *lately
	levels   levels
	one      string           // the one network, while there is one
	networks map[string]int64 // failures by network once there are more, at most mostTargetNetworks
	total    int64            // failures that have not leaked
	spans    netcase.Span     // in the span, while it was under way
	full     int
}

func (g *authTarget) weight() (n int64, last netcase.Time) {
	for _, v := range g.families {
		n, last = max(n, int64(v.spreadOver())), max(last, v.recent.latest())
	}
	return n, last
}

// spreadOver is over how many networks the failures are spread.
func (v *targetView) spreadOver() int {
	if v.networks != nil {
		return len(v.networks)
	}
	return b2i(v.one != "")
}

func (g *authTarget) view(family string, c *AuthConfig) *targetView {
	for _, v := range g.families {
		if v.family == family {
			return v
		}
	}
	if len(g.families) == mostViews {
		return g.families[mostViews-1]
	}
	v := &targetView{family: family, recent: newLately(c.AccountFails)}
	g.families = append(g.families, v)
	return v
}

// spread counts failures from a network against the target.
func (v *targetView) spread(c *AuthConfig, t netcase.Time, network string, n int64, inSpan bool) {
	if v.levels.leak(c, t); v.levels.at[len(v.levels.at)-1] <= 0 {
		v.one, v.networks, v.total = "", nil, 0 // all that was has leaked
	}
	full := v.levels.add(c, t, n)
	switch {
	case v.networks != nil:
		if _, ok := v.networks[network]; ok || len(v.networks) < mostTargetNetworks {
			v.networks[network] += n
		}
	case v.one == "":
		v.one = network
	case v.one != network:
		v.networks = map[string]int64{v.one: v.total, network: n}
	}
	v.total += n
	if full > 0 && v.spreadOver() >= c.DistributedNetworks && float64(v.total) <= c.DistributedTries*float64(v.spreadOver()) && inSpan {
		v.full = max(v.full, full)
		v.spans = v.spans.Extend(t)
	}
}

// cleared takes back what a network contributed: the account came in from there, or the
// source is told by itself.
func (v *targetView) cleared(network string) {
	n := v.networks[network]
	if v.networks == nil && v.one == network {
		n, v.one = v.total, ""
	}
	if n == 0 {
		return
	}
	delete(v.networks, network)
	v.total -= n
	for i := range v.levels.at {
		v.levels.at[i] = max(0, v.levels.at[i]-float64(n))
	}
}

// family is the kind of a sensor: what one of them tells of several hosts adds up, what
// two kinds tell of one login does not.
func family(sensor string) string {
	kind, _, _ := strings.Cut(sensor, "/")
	return kind
}
