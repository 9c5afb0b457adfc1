package detect

import (
	"iter"
	"strings"

	"netcase"
)

// A trail follows the login log beside another one, so that what happens on a host can
// be laid beside the logins of the day before it.
type trail struct {
	in      *Input
	next    func() (netcase.Login, bool)
	stop    func()
	waiting *netcase.Login
	logins  remembered[string, *hostTrail]
	fails   remembered[authPair, *lately]
}

// hostTrail is the last logins on one host.
type hostTrail struct{ last []trailLogin }

type trailLogin struct {
	ref      netcase.LoginRef
	account  string
	sessions []string
}

const (
	trailLogins = 16          // on one host, the latest
	afterWithin = netcase.Day // a change belongs to a login before it
)

func newTrail(in *Input) *trail {
	t := &trail{in: in,
		logins: remembered[string, *hostTrail]{most: mostAuthHosts, compare: strings.Compare,
			weigh: func(_ string, h *hostTrail) (int64, netcase.Time) { return 0, h.last[len(h.last)-1].ref.At }},
		fails: remembered[authPair, *lately]{most: mostAuthTargets, compare: comparePair,
			weigh: func(_ authPair, l *lately) (int64, netcase.Time) { return 0, l.latest() }},
	}
	t.next, t.stop = iter.Pull(in.Logins())
	return t
}

// advance reads the logins up to an instant.
func (t *trail) advance(to netcase.Time) {
	for {
		if t.waiting == nil {
			l, ok := t.next()
			if !ok {
				return
			}
			t.waiting = &l
		}
		if t.waiting.Time > to {
			return
		}
		t.see(t.waiting)
		t.waiting = nil
	}
}

func (t *trail) see(l *netcase.Login) {
	host := hostName(t.in, l.Host)
	switch {
	case l.Event == netcase.LoginAttempt && l.Outcome.Failed():
		k := authPair{l.Peer.Key(), host}
		f, ok := t.fails.get(k)
		if !ok {
			f = newLately(mostLately)
			t.fails.set(k, f)
		}
		f.add(l.Time, max(l.Count, 1), false)
		return
	case l.Event != netcase.LoginAttempt && l.Event != netcase.LoginSession, l.Event == netcase.LoginAttempt && l.Outcome != netcase.LoginSucceeded:
		return
	case noPerson(l.Account, l.Sensor) || strings.HasSuffix(l.Account, "$") || !l.Peer.Known() || l.Peer.Addr.IsLoopback():
		return
	}
	h, ok := t.logins.get(host)
	if !ok {
		h = &hostTrail{}
	}
	ref := netcase.LoginRef{At: l.Time, Host: l.Host.Key(), Account: l.Account, Peer: l.Peer.Key(), Outside: l.Peer.Addr.IsValid() && !t.in.Site.Owns(l.Peer.Addr) && !welcome(t.in.Site, l.Peer)}
	if f, ok := t.fails.get(authPair{l.Peer.Key(), host}); ok {
		for _, at := range f.at[:f.known()] {
			ref.Failures += int64(b2i(at <= l.Time && l.Time-at <= afterWithin))
		}
	}
	account := accountOf(l)
	for i := range h.last {
		x := &h.last[i]
		if x.account == account && x.ref.Peer == ref.Peer { // one more of the same: the first of the day stands
			if len(x.sessions) < trailLogins && l.Session != "" {
				x.sessions = append(x.sessions, l.Session)
			}
			if l.Time-x.ref.At > afterWithin {
				x.ref = ref
			}
			x.ref.Failures = max(x.ref.Failures, ref.Failures)
			return
		}
	}
	if len(h.last) == trailLogins {
		h.last = h.last[:copy(h.last, h.last[1:])]
	}
	h.last = append(h.last, trailLogin{ref: ref, account: account})
	if !ok {
		t.logins.set(host, h)
	}
}

// after is the login within a day before that an event on a host most likely belongs to:
// one of the same account before others, one from outside before ours, one after failures
// before one without, then the latest. nil: there is none.
func (t *trail) after(host netcase.Endpoint, account string, at netcase.Time) *netcase.LoginRef {
	h, ok := t.logins.get(hostName(t.in, host))
	if !ok {
		return nil
	}
	name := accountOf(&netcase.Login{Account: account})
	var best *trailLogin
	rank := func(x *trailLogin) int {
		return 4*b2i(name != "" && x.account == name) + 2*b2i(x.ref.Outside) + b2i(x.ref.Failures > 0)
	}
	for i := range h.last {
		x := &h.last[i]
		if x.ref.At > at || at-x.ref.At > afterWithin {
			continue
		}
		if best == nil || rank(x) > rank(best) || rank(x) == rank(best) && x.ref.At >= best.ref.At {
			best = x
		}
	}
	if best == nil {
		return nil
	}
	ref := best.ref
	return &ref
}

// strange tells whether a login is one to look at: from outside, or after failures.
func strange(r *netcase.LoginRef) bool {
	return r != nil && (r.Outside || r.Failures > 0)
}
