package judge

import (
	"testing"

	"netcase"
)

// TestReturns: coming back to what answered is telling only if it is a visit of its own.
func TestReturns(t *testing.T) {
	closed := netcase.PortCount{Port: 22, Hosts: 1, Flows: 1}
	closed.Reach[netcase.ReachRefused] = 1
	open := func(flows int64, hours int) netcase.PortCount {
		c := netcase.PortCount{Port: 2000, Hosts: 1, Flows: flows, AnsweredHours: hours}
		c.Reach[netcase.ReachBidirectional] = flows
		return c
	}
	twice := closed
	twice.Port, twice.Flows = 23, 4
	twice.Reach[netcase.ReachRefused] = 4
	for _, c := range []struct {
		name  string
		ports []netcase.PortCount
		want  bool
	}{
		{"came back in another hour", []netcase.PortCount{closed, open(5, 2)}, true},
		{"several tries in a row are one visit", []netcase.PortCount{closed, open(5, 1)}, false},
		{"once on everything is a scan", []netcase.PortCount{closed, open(1, 1)}, false},
		{"it hammers closed ports too", []netcase.PortCount{closed, twice, open(5, 2)}, false},
		{"a client of one service", []netcase.PortCount{open(50, 20)}, false},
	} {
		if got := returns(&netcase.Profile{Ports: c.ports}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
