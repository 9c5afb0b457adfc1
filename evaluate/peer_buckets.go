package evaluate

import (
	"math"
	"net/netip"
	"strings"

	"netcase"
)

// bucket is a leaky bucket: it overflows with the event that finds it full.
type bucket struct {
	capacity float64
	leak     netcase.Time // one drop
	distinct bool         // only what is new to it counts
}

// filled is the state of one bucket.
type filled struct {
	level float64
	last  netcase.Time
	seen  map[string]bool
}

// pour adds an event and tells whether the bucket overflows; it is empty then.
func (b bucket) pour(f *filled, what string, at netcase.Time) bool {
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.level = max(0, f.level-float64(at-f.last)/float64(b.leak))
	f.last = at
	if f.level == 0 {
		clear(f.seen)
	}
	if b.distinct && f.seen[what] {
		return false
	}
	f.seen[what] = true
	if f.level++; f.level <= b.capacity {
		return false
	}
	*f = filled{last: at}
	return true
}

const crowdsecSource = "crowdsecurity/hub"

// crowdsecPorts is the scenario for a source that asks for many ports.
func crowdsecPorts() Peer {
	b := bucket{capacity: 15, leak: 5 * netcase.Second, distinct: true}
	return Peer{
		Name: "CrowdSec port scan", Question: asksScan, Source: crowdsecSource + ", iptables-scan-multi_ports", Asserts: "its two published alerts, and that of pf",
		Doc: "denied packets of a source to more than 15 distinct ports, a bucket that leaks one in 5 s",
		Flag: func(e *events) map[pair]bool {
			out, buckets := map[netip.Addr]bool{}, map[netip.Addr]*filled{}
			for i := range e.flows {
				f := &e.flows[i]
				if !failed(f) && f.Reach != netcase.ReachUnknown || strings.Contains(f.Rule, "AUDIT") {
					continue // a line of a packet filter counts, whatever its verdict, but those that only audit
				}
				if buckets[f.Src.Addr] == nil {
					buckets[f.Src.Addr] = &filled{}
				}
				if b.pour(buckets[f.Src.Addr], string([]byte{byte(f.DstPort >> 8), byte(f.DstPort)}), f.Start) {
					out[f.Src.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// failures flags sources whose failed logins overflow a bucket: all of them, or those
// for accounts that are new to it.
func (b bucket) failures(e *events, users bool) map[pair]bool {
	out, buckets := map[netip.Addr]bool{}, map[netip.Addr]*filled{}
	for i := range e.logins {
		l := &e.logins[i]
		if l.Event != netcase.LoginAttempt || !l.Outcome.Failed() || !l.Peer.Addr.IsValid() {
			continue
		}
		if buckets[l.Peer.Addr] == nil {
			buckets[l.Peer.Addr] = &filled{}
		}
		bb := b
		bb.distinct = users
		for range max(l.Count, 1) {
			if bb.pour(buckets[l.Peer.Addr], l.Account, l.Time) {
				out[l.Peer.Addr] = true
			}
		}
	}
	return flaggedSources(out)
}

// Buckets of CrowdSec for failed logins.
var (
	crowdsecFast = bucket{capacity: 5, leak: 10 * netcase.Second}
	crowdsecSlow = bucket{capacity: 10, leak: netcase.Minute}
)

func crowdsecSSH() Peer {
	return Peer{
		Name: "CrowdSec ssh-bf, windows-bf", Question: asksGuessing, Source: crowdsecSource + ", ssh-bf", Asserts: "its published alerts",
		Doc: "more than 5 failures of a source, or accounts that it fails on, a bucket that leaks one in 10 s",
		Flag: func(e *events) map[pair]bool {
			return joined(crowdsecFast.failures(e, false), crowdsecFast.failures(e, true))
		},
	}
}

func crowdsecSlowSSH() Peer {
	return Peer{
		Name: "CrowdSec ssh-slow-bf", Question: asksGuessing, Source: crowdsecSource + ", ssh-slow-bf", Asserts: "its published alert", ssh: true,
		Doc: "more than 10 failures of a source, or accounts that it fails on, a bucket that leaks one in a minute",
		Flag: func(e *events) map[pair]bool {
			return joined(crowdsecSlow.failures(e, false), crowdsecSlow.failures(e, true))
		},
	}
}

func joined(a, b map[pair]bool) map[pair]bool {
	for k := range b {
		a[k] = true
	}
	return a
}

// fail2banJail counts the failures of an address. Its count is no sliding window: once the
// first failure is older than the time, the count becomes what the rate so far makes of
// that time, and the newest failure is added.
//
// Source: fail2ban, server/failmanager.py and server/ticket.py.
type fail2banJail struct {
	maxRetry int
	findTime netcase.Time
	of       map[netip.Addr]*fail2banTicket
}

type fail2banTicket struct {
	first, last netcase.Time
	retry       int
}

// add counts a failure.
func (j *fail2banJail) add(a netip.Addr, at netcase.Time) {
	t := j.of[a]
	if t == nil {
		t = &fail2banTicket{first: at, last: at}
		j.of[a] = t
	}
	if at > t.last {
		if t.first < at-j.findTime {
			t.retry = int(math.RoundToEven(float64(t.retry) / float64(at-t.first) * float64(j.findTime)))
			t.first = at - j.findTime
		}
		t.last = at
	}
	t.retry++
}

// bans tells whether an address has failed too often; it is forgotten then.
func (j *fail2banJail) bans(a netip.Addr) bool {
	t := j.of[a]
	if t == nil || t.retry < j.maxRetry {
		return false
	}
	delete(j.of, a)
	return true
}

// fail2ban is its jail for sshd.
func fail2ban() Peer {
	return Peer{
		Name: "fail2ban sshd", Question: asksGuessing, Source: "fail2ban, jail.conf, filter.d/sshd.conf and server/failmanager.py", ssh: true,
		Asserts: "the bans that its tests of the count assert; of the addresses that its log labels, see the real data: the reading of lines is ours",
		Doc:     "5 failures of an address within 10 minutes, or as many at the rate so far",
		Flag: func(e *events) map[pair]bool {
			out := map[netip.Addr]bool{}
			jail := fail2banJail{maxRetry: 5, findTime: 10 * netcase.Minute, of: map[netip.Addr]*fail2banTicket{}}
			for i := range e.logins {
				l := &e.logins[i]
				if l.Service != "ssh" || !l.Outcome.Failed() || l.Event != netcase.LoginAttempt {
					continue
				}
				for range max(l.Count, 1) {
					jail.add(l.Peer.Addr, l.Time)
				}
				if jail.bans(l.Peer.Addr) {
					out[l.Peer.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}
