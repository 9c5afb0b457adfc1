package evaluate

import (
	"net/netip"

	"netcase"
)

// zeekScan is Zeek's former scan policy: fixed windows that begin with the first
// failure of a source on a port or a host.
func zeekScan() Peer {
	const (
		hosts  = 25
		ports  = 15
		window = 5 * netcase.Minute
	)
	return Peer{
		Name: "Zeek scan", Question: asksScan, Source: "zeek policy/misc/scan", Asserts: "none in the traces that are here",
		Doc: "failed attempts on 25 distinct hosts of a port, or on 15 distinct ports of a host, within 5 minutes",
		Flag: func(e *events) map[pair]bool {
			out := map[netip.Addr]bool{}
			perPort, perHost := newSets[netip.Addr, uint16, netip.Addr](window), newSets[netip.Addr, netip.Addr, uint16](window)
			for i := range e.flows {
				f := &e.flows[i]
				if !failed(f) {
					continue
				}
				n := perPort.add(f.Src.Addr, f.DstPort, f.Dst.Addr, f.Start)
				m := perHost.add(f.Src.Addr, f.Dst.Addr, f.DstPort, f.Start)
				if n >= hosts || m >= ports {
					out[f.Src.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// sets counts distinct values by two keys within a window that begins with the first.
type sets[A, B, C comparable] struct {
	window netcase.Time
	since  map[setKey[A, B]]netcase.Time
	seen   map[setKey[A, B]]map[C]bool
}

type setKey[A, B comparable] struct {
	a A
	b B
}

func newSets[A, B, C comparable](window netcase.Time) *sets[A, B, C] {
	return &sets[A, B, C]{window: window, since: map[setKey[A, B]]netcase.Time{}, seen: map[setKey[A, B]]map[C]bool{}}
}

func (s *sets[A, B, C]) add(a A, b B, c C, at netcase.Time) int {
	k := setKey[A, B]{a, b}
	if first, ok := s.since[k]; !ok || at-first > s.window {
		s.since[k], s.seen[k] = at, map[C]bool{}
	}
	s.seen[k][c] = true
	return len(s.seen[k])
}

// zeekSSH is Zeek's policy for guessing over ssh, with the outcome as the log of the
// server tells it.
func zeekSSH() Peer {
	const (
		fails  = 30
		window = 30 * netcase.Minute
	)
	return Peer{
		Name: "Zeek ssh guessing", Question: asksGuessing, Source: "zeek policy/protocols/ssh/detect-bruteforcing", Asserts: "not run: its trace needs its own reading of packets", ssh: true,
		Doc: "30 failed logins of a source within 30 minutes",
		Flag: func(e *events) map[pair]bool {
			out := map[netip.Addr]bool{}
			attempts := newSets[netip.Addr, string, int](window)
			for i := range e.logins {
				l := &e.logins[i]
				if l.Service == "ssh" && l.Outcome.Failed() && attempts.add(l.Peer.Addr, "", i, l.Time) >= fails {
					out[l.Peer.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}
