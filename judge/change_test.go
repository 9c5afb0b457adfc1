package judge

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// TestChangeScope: a recorded change stands for a group (A10) that began within it and lies
// inside what was changed, on one side and on every port.
func TestChangeScope(t *testing.T) {
	w := incident()
	all := func(list []netip.Addr) (out []netip.Prefix) {
		for _, a := range list {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
		return out
	}
	during := func(c netcase.Change) []netcase.Change {
		c.Start, c.End, c.Reason = w.start-netcase.Hour, w.start+netcase.Hour, "CHG-7"
		return []netcase.Change{c}
	}
	cut := func(p *netcase.Profile) { p.HostCount = 70 }
	cutPorts := func(p *netcase.Profile) { p.PortCount = 70 }
	some := netcase.Change{Networks: all(w.hosts[:2]), Ports: w.ports}
	for _, c := range []struct {
		name    string
		changes []netcase.Change
		bend    func(*netcase.Profile)
		want    netcase.State
		why     string
	}{
		{"no record of changes", nil, nil, netcase.Unknown, "no record of changes"},
		{"everything was changed", during(netcase.Change{}), nil, netcase.True, "CHG-7"},
		{"before it", []netcase.Change{{Start: w.start - 2*netcase.Hour, End: w.start, Reason: "CHG-7"}}, nil, netcase.False, "outside the recorded changes"},
		{"its machines by address", during(netcase.Change{Networks: all(w.hosts)}), nil, netcase.True, "CHG-7"},
		{"its machines by network", during(netcase.Change{Networks: prefixes("10.0.0.0/24")}), nil, netcase.True, "CHG-7"},
		{"its machines by name", during(netcase.Change{Hosts: []string{"WEB-1", "rg/win-1", "db-1"}}), nil, netcase.True, "CHG-7"},
		{"by name and by address", during(netcase.Change{Hosts: []string{"web-1", "win-1"}, Networks: all(w.hosts[2:])}), nil, netcase.True, "CHG-7"},
		{"its sources", during(netcase.Change{Networks: all(w.peers)}), nil, netcase.True, "CHG-7"},
		{"some of its sources", during(netcase.Change{Networks: all(w.peers[:2])}), nil, netcase.False, "does not cover 10.0.0.4"},
		{"its ports", during(netcase.Change{Ports: w.ports}), nil, netcase.True, "CHG-7"},
		{"some of its ports", during(netcase.Change{Ports: w.ports[:3]}), nil, netcase.False, "does not cover port 3389"},
		{"a machine more than was changed", during(some), nil, netcase.False, "does not cover 10.0.0.6"},
		{"another machine", during(netcase.Change{Hosts: []string{"mail-1"}}), nil, netcase.False, "does not cover 10.0.0.4"},
		{"of two changes one covers it", append(during(some), during(netcase.Change{Networks: prefixes("10.0.0.0/8")})...), nil, netcase.True, "CHG-7"},
		{"more machines than are listed", during(netcase.Change{Networks: all(w.hosts)}), cut, netcase.Unknown, "not all that it touched is listed"},
		{"more ports than are listed", during(netcase.Change{Ports: w.ports}), cutPorts, netcase.Unknown, "not all that it touched is listed"},
		{"more machines than are listed, and all were changed", during(netcase.Change{}), cut, netcase.True, "CHG-7"},
		{"more machines than are listed, and one of them was not", during(some), cut, netcase.False, "does not cover 10.0.0.6"},
	} {
		in := w.input(netcase.ReachDenied)
		in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8"), Changes: c.changes}
		in.Names = map[netip.Addr]string{}
		for i, h := range w.hosts {
			in.Names[h] = w.names[i]
		}
		if c.bend != nil {
			w.eachProfile(in.Findings, c.bend)
		}
		g := judged(t, in).Groups[0]
		item := itemOf(g.Items, "A10")
		if item.State != c.want || !strings.Contains(item.Why, c.why) {
			t.Errorf("%s: A10 is %s (%s), want %s (%s)", c.name, item.State, item.Why, c.want, c.why)
		}
	}
}

// A change elsewhere does not make a group more like a misconfiguration; one that covers it does.
func TestChangeScopeWeighs(t *testing.T) {
	w := incident()
	posterior := func(c netcase.Change) float64 {
		c.Start, c.End, c.Reason = w.start-netcase.Hour, w.start+netcase.Hour, "CHG-7"
		in := w.input(netcase.ReachDenied)
		in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8"), Changes: []netcase.Change{c}}
		h := judged(t, in).Groups[0].Hypotheses
		return h[slices.IndexFunc(h, func(x netcase.Hypothesis) bool { return x.ID == "MIS" })].Posterior
	}
	here, elsewhere := posterior(netcase.Change{Networks: prefixes("10.0.0.0/24")}), posterior(netcase.Change{Networks: prefixes("10.9.0.0/24")})
	if here < 5*elsewhere {
		t.Errorf("misconfiguration has %.4f with a change here, %.4f with one elsewhere", here, elsewhere)
	}
}
