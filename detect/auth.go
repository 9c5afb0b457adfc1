package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// Thresholds of the login detector (method 3.4).
const (
	sprayAccounts    = 10  // distinct accounts of one source in an hour
	sprayTries       = 3   // median failures of one account
	enumerationFails = 10  // failures of one source
	enumerationShare = 0.7 // of them for accounts that do not exist
	accountFails     = 5   // failures of one account before a login of it
	sourceFails      = 10  // failures of one source on one host before a login from it

	mostAuthTracks   = 1 << 17 // pairs of source and host
	mostAuthAccounts = 1 << 18 // accounts of one source on one host, over all pairs
	mostAuthWindow   = 4096    // failures within an hour kept for one source
	mostAuthFindings = 100
	listedAccounts   = 20
)

// authBuckets are leaky buckets: how much they hold, and how long until one leaks.
var authBuckets = [...]struct {
	name     string
	capacity float64
	leak     netcase.Time
}{
	{"6 failures within about a minute", 5, netcase.Minute},
	{"more than 10 failures, 10 minutes apart or less", 10, 10 * netcase.Minute},
	{"more than 10 failures, hours apart", 10, 12 * netcase.Hour},
}

// auth notices guessing in login logs, and logins that follow it.
func auth() Detector {
	return Detector{
		Name: "auth",
		Doc:  "failed logins above the thresholds (guessing, spraying, enumeration), and logins that follow them",
		Method: "leaky buckets of failed logins (5 a minute, 10 in 10 minutes each, 10 in 12 hours each; after CrowdSec and fail2ban), distinct " +
			"accounts in a sliding hour, and logins preceded by 5 failures of the account or 10 of the source",
		Ask: func(Config) Questions { return Questions{Logins: true} },
		Refine: func(in *Input) []cube.Want {
			found, lost := readLogins(in)
			in.Memo = authMemo{found, lost}
			var wants []cube.Want
			for _, f := range found {
				wants = append(wants, cube.Want{Tag: f.tag(), Of: cube.Logins, Selection: f.selection(), Records: cube.MaxRecords / 4})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			memo := in.Memo.(authMemo)
			for _, f := range memo.found {
				out = append(out, f.finding(in))
			}
			return append(out, memo.lost.findings(in)...)
		},
	}
}

// authMemo is what Refine found, for Find.
type authMemo struct {
	found []*authCase
	lost  authLost
}

// authLost counts failures that no source could be held to.
type authLost struct {
	nameless int64 // neither address nor workstation
	beyond   int64 // of sources beyond those that are followed
	span     netcase.Span
}

// authPair is a source and a host, as one sensor tells of them. Sensors are never
// added: the one that tells most stands.
type authPair struct {
	peer, host netcase.Endpoint
	sensor     string
}

// lately keeps the times of the last n failures.
type lately struct {
	at   [sourceFails]netcase.Time
	next int
	n    int64
}

func (l *lately) add(t netcase.Time) {
	l.at[l.next%sourceFails] = t
	l.next++
	l.n++
}

// within tells whether the k-th last failure lies at most so long before t.
func (l *lately) within(k int, t, long netcase.Time) bool {
	return l.next >= k && t-l.at[(l.next-k)%sourceFails] <= long
}

// authTrack is what a source did on one host.
type authTrack struct {
	levels   [len(authBuckets)]float64
	last     netcase.Time
	full     int // the first bucket that overflowed, counted from 1
	recent   lately
	absent   int64 // failures for accounts that do not exist
	fails    int64
	logins   int64
	span     netcase.Span
	accounts map[string]*lately
	service  string // the first that was named
}

// fail counts one failure at t.
func (k *authTrack) fail(t netcase.Time) {
	for i, b := range authBuckets {
		if k.fails > 0 {
			k.levels[i] = max(0, k.levels[i]-float64(t-k.last)/float64(b.leak))
		}
		if k.levels[i]++; k.levels[i] > b.capacity && k.full == 0 {
			k.full = i + 1
		}
	}
	k.last = t
	k.fails++
	k.recent.add(t)
	k.span = k.span.Extend(t)
}

// authSource is the last hour of a source, over all hosts, as one sensor tells it.
type authSource struct {
	at     []netcase.Time
	names  []string
	counts map[string]int
	few    int // accounts with at most sprayTries failures
	spray  bool
}

func (s *authSource) fail(t netcase.Time, account string) {
	for len(s.at) > 0 && (s.at[0] <= t-netcase.Hour || len(s.at) >= mostAuthWindow) {
		s.turn(s.names[0], -1)
		s.at, s.names = s.at[1:], s.names[1:]
	}
	s.at, s.names = append(s.at, t), append(s.names, account)
	s.turn(account, 1)
	distinct := len(s.counts)
	s.spray = s.spray || distinct >= sprayAccounts && 2*s.few > distinct && 2*distinct >= len(s.at)
}

func (s *authSource) turn(account string, by int) {
	n := s.counts[account]
	s.few += b2i(n+by > 0 && n+by <= sprayTries) - b2i(n > 0 && n <= sprayTries)
	if s.counts[account] = n + by; n+by == 0 {
		delete(s.counts, account)
	}
}

// authCase is what will be one finding.
type authCase struct {
	pattern   netcase.Pattern
	grade     string
	peer      netcase.Endpoint
	hosts     []netcase.Endpoint
	accounts  []string
	named     int
	fails     int64
	logins    int64
	absent    int64
	locked    int64
	session   string
	service   string
	sensor    string
	why       string
	span      netcase.Span
	complete  bool
	fewBefore bool // the login log reaches back less than 30 days
}

// authReader reads the log once, by time.
type authReader struct {
	in       *Input
	tracks   map[authPair]*authTrack
	sources  map[authPair]*authSource // host left out
	accounts map[authPair]*lately     // host is the account, peer is left out
	known    map[[2]string]bool       // account and network of a login
	locked   map[string]int64
	hours    map[netcase.Endpoint][2]int64 // hours with a record, and the last of them
	kept     int
	lost     authLost
	after    map[string]*authCase
}

func readLogins(in *Input) ([]*authCase, authLost) {
	r := &authReader{in: in, tracks: map[authPair]*authTrack{}, sources: map[authPair]*authSource{}, accounts: map[authPair]*lately{},
		known: map[[2]string]bool{}, locked: map[string]int64{}, hours: map[netcase.Endpoint][2]int64{}, after: map[string]*authCase{}}
	var same []netcase.Login
	for l := range in.Logins() {
		if len(same) > 0 && same[0].Time != l.Time {
			r.settle(same)
			same = same[:0]
		}
		same = append(same, l)
	}
	r.settle(same)
	return r.cases(), r.lost
}

// settle reads the records of one moment: failures first, so that the order in which
// they were written says nothing.
func (r *authReader) settle(same []netcase.Login) {
	slices.SortStableFunc(same, func(a, b netcase.Login) int {
		return cmp.Or(cmp.Compare(b2i(b.Outcome.Failed()), b2i(a.Outcome.Failed())), strings.Compare(a.Account, b.Account), a.Peer.Compare(b.Peer),
			a.Host.Compare(b.Host), strings.Compare(a.Sensor, b.Sensor), strings.Compare(a.Session, b.Session))
	})
	for i := range same {
		l := &same[i]
		h := r.hours[l.Host.Key()]
		if hour := l.Time.Hour(); r.in.Span.Contains(l.Time) && h[1] != hour {
			r.hours[l.Host.Key()] = [2]int64{h[0] + 1, hour}
		}
		switch {
		case l.Event == netcase.LoginLockout:
			r.locked[strings.ToLower(l.Account)]++
		case l.Event != netcase.LoginAttempt:
		case l.Outcome == netcase.LoginSucceeded:
			r.login(l)
		case l.Outcome == netcase.LoginBlocked:
			r.blocked(l)
		case l.Outcome.Failed() && !strings.EqualFold(l.Method, "publickey"):
			r.fail(l) // a client offers its keys one by one: a refused key is no guess
		}
	}
}

func (r *authReader) pair(l *netcase.Login) authPair {
	p := authPair{l.Peer.Key(), l.Host.Key(), l.Sensor}
	if !p.peer.Known() {
		p.peer = netcase.Endpoint{Name: "unrecorded"}
		if l.Workstation != "" {
			p.peer.Name = strings.ToLower(l.Workstation)
		}
	}
	return p
}

func (r *authReader) fail(l *netcase.Login) {
	p, account := r.pair(l), strings.ToLower(l.Account)
	if !l.Peer.Known() && l.Workstation == "" {
		r.lost.nameless += max(l.Count, 1) // everybody's typing errors would look like one source
		r.lost.span = r.lost.span.Extend(l.Time)
		return
	}
	k := r.tracks[p]
	if k == nil {
		if len(r.tracks) >= mostAuthTracks {
			r.lost.beyond += max(l.Count, 1)
			r.lost.span = r.lost.span.Extend(l.Time)
			return
		}
		k = &authTrack{accounts: map[string]*lately{}}
		r.tracks[p] = k
	}
	s := r.sources[authPair{peer: p.peer, sensor: p.sensor}]
	if s == nil {
		s = &authSource{counts: map[string]int{}}
		r.sources[authPair{peer: p.peer, sensor: p.sensor}] = s
	}
	any := authPair{host: netcase.Endpoint{Name: account}, sensor: p.sensor}
	if k.accounts[account] == nil && r.kept < mostAuthAccounts {
		k.accounts[account] = &lately{}
		r.kept++
	}
	if r.accounts[any] == nil && len(r.accounts) < mostAuthAccounts {
		r.accounts[any] = &lately{}
	}
	if k.service == "" {
		k.service = strings.ToLower(l.Service)
	}
	for range max(l.Count, 1) {
		k.fail(l.Time)
		s.fail(l.Time, account)
		if a := k.accounts[account]; a != nil {
			a.add(l.Time)
		}
		if a := r.accounts[any]; a != nil {
			a.add(l.Time)
		}
		k.absent += int64(b2i(l.Outcome == netcase.LoginNoAccount))
	}
}

// network is the /24 or /64 of a source: a guest may change the last number.
func (r *authReader) network(e netcase.Endpoint) string {
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

// before tells of guessing within so long before a login, and its grade.
func (r *authReader) before(l *netcase.Login, p authPair) (grade string, fails int64) {
	account := strings.ToLower(l.Account)
	k := r.tracks[p]
	for _, long := range []netcase.Time{netcase.Hour, 24 * netcase.Hour} {
		if k != nil {
			if a := k.accounts[account]; a != nil && (a.within(accountFails, l.Time, long) || a.n > 0 && k.recent.within(sourceFails, l.Time, long)) {
				return "A", k.fails
			}
			if k.recent.within(sourceFails, l.Time, long) {
				return "C", k.fails
			}
		}
		a := r.accounts[authPair{host: netcase.Endpoint{Name: account}, sensor: l.Sensor}]
		if a != nil && a.within(accountFails, l.Time, long) && !(p.peer.Addr.IsValid() && r.in.Site.Owns(p.peer.Addr)) {
			return "B", a.n // one of ours who comes in while strangers guess is not their success
		}
	}
	return "", 0
}

func (r *authReader) login(l *netcase.Login) {
	p, account := r.pair(l), strings.ToLower(l.Account)
	seen := [2]string{account, r.network(p.peer)}
	if k := r.tracks[p]; k != nil {
		k.logins += max(l.Count, 1)
	}
	grade, fails := r.before(l, p)
	usual := r.known[seen] || p.peer.Addr.IsValid() && welcome(r.in.Site, p.peer)
	if grade == "" || usual {
		if len(r.known) < mostAuthAccounts && grade == "" {
			r.known[seen] = true
		}
		return
	}
	r.note(l, p, netcase.PatternSuccess, grade, fails)
}

// rightPassword are the answers of Windows that only a right password gets.
var rightPassword = []string{"c000015b", "c0000224", "c0000072", "c0000193"}

func (r *authReader) blocked(l *netcase.Login) {
	d := strings.ToLower(l.Detail)
	if !slices.ContainsFunc(rightPassword, func(c string) bool { return strings.Contains(d, c) }) {
		r.fail(l)
		return
	}
	p := r.pair(l)
	if grade, fails := r.before(l, p); grade != "" {
		r.note(l, p, netcase.PatternKnown, "", fails)
		return
	}
	r.fail(l)
}

// note joins the logins of one source with one account on one host.
func (r *authReader) note(l *netcase.Login, p authPair, pattern netcase.Pattern, grade string, fails int64) {
	account := strings.ToLower(l.Account)
	key := fmt.Sprintf("%s|%s|%s|%s", pattern, p.peer, p.host, account)
	c := r.after[key]
	if c == nil {
		if len(r.after) >= mostAuthFindings {
			return
		}
		c = &authCase{pattern: pattern, grade: grade, peer: p.peer, hosts: []netcase.Endpoint{p.host}, accounts: []string{l.Account}, named: 1,
			fails: fails, session: l.Session, service: strings.ToLower(l.Service), sensor: l.Sensor, fewBefore: l.Time-r.in.History.Start < 30*24*netcase.Hour}
		r.after[key] = c
	}
	if c.sensor == l.Sensor && pattern == netcase.PatternSuccess {
		c.logins += max(l.Count, 1)
	}
	c.fails = max(c.fails, fails)
	c.span = c.span.Extend(l.Time)
}
