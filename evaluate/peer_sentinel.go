package evaluate

import (
	"cmp"
	"net/netip"
	"slices"

	"netcase"
)

const asimSource = "Azure-Sentinel, Solutions/Network Session Essentials and ASIM analytics"

// sentinelPortScan is the rule for one source that asks for many ports.
func sentinelPortScan() Peer {
	const ports = 50 // distinct, more than
	return Peer{
		Name: "Sentinel port scan", Question: asksScan, Source: asimSource + ", port scan 1.0.6", Asserts: "publishes none",
		Doc: "more than 50 distinct ports of one public IPv4 source in a fixed bin of 5 minutes",
		Flag: func(e *events) map[pair]bool {
			type bin struct {
				src netip.Addr
				at  netcase.Time
			}
			seen := map[bin]map[uint16]bool{}
			out := map[netip.Addr]bool{}
			for i := range e.flows {
				f := &e.flows[i]
				if !f.Src.Addr.Is4() || f.Src.Addr.IsPrivate() {
					continue
				}
				k := bin{f.Src.Addr, f.Start.Truncate(5 * netcase.Minute)}
				if seen[k] == nil {
					seen[k] = map[uint16]bool{}
				}
				seen[k][f.DstPort] = true
				if len(seen[k]) > ports {
					out[f.Src.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// sentinelPortSweep is the rule for one port that many machines are asked for. It
// groups by the port alone, so that every source of such an hour is flagged.
func sentinelPortSweep() Peer {
	const hosts = 20 // distinct, more than
	return Peer{
		Name: "Sentinel port sweep", Question: asksScan, Source: asimSource + ", port sweep", Asserts: "publishes none",
		Doc: "more than 20 distinct destinations of one port in a fixed bin of 1 hour, whoever asked",
		Flag: func(e *events) map[pair]bool {
			type bin struct {
				port uint16
				at   netcase.Time
			}
			seen := map[bin]map[netip.Addr]bool{}
			for i := range e.flows {
				f := &e.flows[i]
				k := bin{f.DstPort, f.Start.Truncate(netcase.Hour)}
				if seen[k] == nil {
					seen[k] = map[netip.Addr]bool{}
				}
				seen[k][f.Dst.Addr] = true
			}
			out := map[netip.Addr]bool{}
			for i := range e.flows {
				f := &e.flows[i]
				if len(seen[bin{f.DstPort, f.Start.Truncate(netcase.Hour)}]) > hosts {
					out[f.Src.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// beaconRule are the parameters of the two beaconing rules.
type beaconRule struct {
	delta   int64 // whole seconds; smaller ones are left out
	events  int   // in an hour, more than
	mode    int   // of the most frequent delta, more than; 0: not asked
	percent float64
}

// sentinelDelta is what one connection has to do with the next one in the order of
// the rule.
type sentinelDelta struct {
	src, dst netip.Addr
	port     uint16
	hour     netcase.Time
	seconds  int64
}

// deltas are the whole seconds from each connection of a source to its next one,
// whatever its destination: the rule sorts by source and time and compares the source
// of the next row alone.
func (r beaconRule) deltas(flows []netcase.Flow) (out []sentinelDelta) {
	rows := slices.DeleteFunc(slices.Clone(flows), func(f netcase.Flow) bool {
		return !f.Src.Addr.IsValid() || !f.Dst.Addr.IsValid() || f.Dst.Addr.IsPrivate() || !f.Dst.Addr.Is4()
	})
	slices.SortStableFunc(rows, func(a, b netcase.Flow) int {
		return cmp.Or(a.Src.Addr.Compare(b.Src.Addr), cmp.Compare(a.Start, b.Start))
	})
	for i := 0; i+1 < len(rows); i++ {
		f, next := &rows[i], &rows[i+1]
		if f.Src.Addr != next.Src.Addr {
			continue
		}
		d := int64(next.Start-f.Start) / int64(netcase.Second)
		if d > r.delta {
			out = append(out, sentinelDelta{f.Src.Addr, f.Dst.Addr, f.DstPort, f.Start.Truncate(netcase.Hour), d})
		}
	}
	return out
}

func (r beaconRule) flag(e *events) map[pair]bool {
	type bin struct {
		src, dst netip.Addr
		port     uint16
		hour     netcase.Time
	}
	counts, total := map[bin]map[int64]int{}, map[bin]int{}
	for _, d := range r.deltas(e.flows) {
		k := bin{d.src, d.dst, d.port, d.hour}
		if counts[k] == nil {
			counts[k] = map[int64]int{}
		}
		counts[k][d.seconds]++
		total[k]++
	}
	out := map[pair]bool{}
	for k, c := range counts {
		most := 0
		for _, n := range c {
			most = max(most, n)
		}
		if total[k] > r.events && most > r.mode && 100*float64(most)/float64(total[k]) > r.percent {
			out[pair{k.src, k.dst}] = true
		}
	}
	return out
}

func sentinelBeaconASIM() Peer {
	r := beaconRule{delta: 10, events: 15, percent: 80}
	return Peer{
		Name: "Sentinel beacon (ASIM)", Question: asksBeacon, Source: asimSource + ", potential beaconing 1.1.3", Asserts: "publishes none",
		Doc:  "more than 15 deltas over 10 s in an hour, more than 80 % of them the same whole second, deltas to the source's next connection to anywhere",
		Flag: r.flag,
	}
}

func sentinelBeaconPAN() Peer {
	r := beaconRule{delta: 25, events: 30, mode: 25, percent: 80}
	return Peer{
		Name: "Sentinel beacon (PAN)", Question: asksBeacon, Source: "Azure-Sentinel, PaloAlto-NetworkBeaconing", Asserts: "publishes none",
		Doc:  "more than 30 deltas over 25 s in an hour, the most frequent more than 25 times and more than 80 %",
		Flag: r.flag,
	}
}

// sentinelRDP is the rule for guessing over Remote Desktop from network sessions. It
// asks for failures and then leaves out what a control denied.
func sentinelRDP() Peer {
	const fails = 25
	return Peer{
		Name: "Sentinel RDP brute force", Question: asksGuessing, Source: asimSource + ", RDP brute force 1.0.1", Asserts: "publishes none",
		Doc: "25 or more failed sessions to port 3389 of a pair in a fixed bin of 5 minutes, denied ones left out",
		Flag: func(e *events) map[pair]bool {
			type bin struct {
				pair
				at netcase.Time
			}
			counts, out := map[bin]int64{}, map[netip.Addr]bool{}
			for i := range e.flows {
				f := &e.flows[i]
				if f.DstPort != 3389 || !failed(f) || f.Reach == netcase.ReachDenied {
					continue
				}
				k := bin{pair{f.Dst.Addr, f.Src.Addr}, f.Start.Truncate(5 * netcase.Minute)}
				if counts[k] += max(f.Flows, 1); counts[k] >= fails {
					out[f.Src.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// sentinelSSH is the rule for guessing in the log of sshd: only accounts that do not exist.
func sentinelSSH() Peer {
	const fails = 15 // more than
	return Peer{
		Name: "Sentinel SSH brute force", Question: asksGuessing, Source: "Azure-Sentinel, Syslog, SSH - potential brute force", Asserts: "publishes none", ssh: true,
		Doc: "more than 15 failures for an invalid user by address, host and user in 4 hours",
		Flag: func(e *events) map[pair]bool {
			type bin struct {
				src, host netcase.Endpoint
				account   string
				at        netcase.Time
			}
			counts, out := map[bin]int64{}, map[netip.Addr]bool{}
			for i := range e.logins {
				l := &e.logins[i]
				if l.Service != "ssh" || l.Outcome != netcase.LoginNoAccount {
					continue
				}
				k := bin{l.Peer.Key(), l.Host.Key(), l.Account, l.Time.Truncate(4 * netcase.Hour)}
				if counts[k] += max(l.Count, 1); counts[k] > fails {
					out[l.Peer.Addr] = true
				}
			}
			return flaggedSources(out)
		},
	}
}

// sentinelSuccess is the rule for failures that are followed by a success.
func sentinelSuccess() Peer {
	const fails = 5
	return Peer{
		Name: "Sentinel failures, then success", Question: asksGuessing, Source: "Azure-Sentinel, multiple authentication failures followed by a success", Asserts: "publishes none",
		Doc: "5 or more failures of an account within an hour before a success of that account",
		Flag: func(e *events) map[pair]bool {
			out := map[netip.Addr]bool{}
			failures := map[string][]netcase.Login{}
			for _, l := range e.logins {
				switch {
				case l.Event != netcase.LoginAttempt || l.Account == "":
				case l.Outcome.Failed():
					failures[l.Account] = append(failures[l.Account], l)
				case l.Outcome == netcase.LoginSucceeded:
					recent := slices.DeleteFunc(slices.Clone(failures[l.Account]), func(f netcase.Login) bool { return l.Time-f.Time > netcase.Hour })
					if len(recent) >= fails {
						for _, f := range recent {
							out[f.Peer.Addr] = true
						}
					}
				}
			}
			return flaggedSources(out)
		},
	}
}
