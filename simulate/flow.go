package simulate

import (
	"cmp"
	"net/netip"
	"slices"

	"netcase"
)

// size is what went one way.
type size struct{ packets, octets int64 }

func (s size) plus(o size) size { return size{s.packets + o.packets, s.octets + o.octets} }

// outcome is what became of a flow.
type outcome uint8

const (
	denied outcome = iota
	unanswered
	answered
	refused // the machine itself said no
)

// flow is one flow as it happened.
type flow struct {
	at           netcase.Time // whole seconds
	src, dst     netip.Addr
	sport, dport uint16
	proto        uint8
	length       netcase.Time // until the end; it ends within its hour
	out, in      size         // if it is allowed and answered
	owner        owner        // the process that began it, where it is ours
	result       outcome
}

// compareFlows orders by time; flows that it holds for equal are equal in all.
func compareFlows(a, b flow) int {
	return cmp.Or(cmp.Compare(a.at, b.at), a.src.Compare(b.src), a.dst.Compare(b.dst),
		cmp.Compare(a.dport, b.dport), cmp.Compare(a.sport, b.sport), cmp.Compare(a.length, b.length),
		cmp.Compare(a.out.octets, b.out.octets), cmp.Compare(a.in.octets, b.in.octets))
}

// view is what one rule set reports of a flow.
type view struct {
	nsg, rule int
	dir       byte // I or O, relative to the rule set
	allow     bool
}

// views are the reports on a flow: on the way out the interface's rule set is
// asked first, on the way in the subnet's. Who denies is the last to report.
func (w *world) views(f *flow, out []view) []view {
	src, fromUs := w.byAddr[f.src]
	dst, toUs := w.byAddr[f.dst]
	if fromUs {
		for _, n := range []int{w.hosts[src].nicNSG, w.hosts[src].subnetNSG} {
			if n != noNSG {
				out = append(out, w.view(n, 'O', f.dst, toUs, f.dport))
			}
		}
	}
	if toUs {
		for _, n := range []int{w.hosts[dst].subnetNSG, w.hosts[dst].nicNSG} {
			if n == noNSG {
				continue
			}
			v := w.view(n, 'I', f.src, fromUs, f.dport)
			out = append(out, v)
			if !v.allow {
				break
			}
		}
	}
	return out
}

func (w *world) view(n int, dir byte, peer netip.Addr, ours bool, port uint16) view {
	rules := w.nsgs[n].inbound
	if dir == 'O' {
		rules = w.nsgs[n].outbound
	}
	i := decide(rules, peer, ours, port)
	return view{nsg: n, rule: i, dir: dir, allow: rules[i].allow}
}

// ruleOf is the rule that a view names.
func (w *world) ruleOf(v view) *rule {
	if v.dir == 'O' {
		return &w.nsgs[v.nsg].outbound[v.rule]
	}
	return &w.nsgs[v.nsg].inbound[v.rule]
}

// happen adds a flow, once its outcome is known.
func (w *world) happen(f flow) {
	hourEnd := f.at.Truncate(netcase.Hour) + netcase.Hour
	f.length = min(f.length, hourEnd-netcase.Second-f.at)
	var room [4]view
	views := w.views(&f, room[:0])
	f.result = answered
	if dst, ours := w.byAddr[f.dst]; ours && !slices.Contains(w.hosts[dst].listens, f.dport) {
		f.result = unanswered
	}
	if !views[len(views)-1].allow {
		f.result = denied
	}
	w.flows = append(w.flows, f)
}

// sent is what went to the destination and back, given the outcome.
func (f *flow) sent() (out, in size) {
	const retries, handshake = 3, 60 // a client repeats its first packet
	switch f.result {
	case answered:
		return f.out, f.in
	case unanswered:
		return size{retries, retries * handshake}, size{}
	}
	return size{}, size{}
}

// inbound tells whether a flow came from outside.
func (w *world) inbound(f *flow) bool {
	_, fromUs := w.byAddr[f.src]
	return !fromUs
}
