package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// newcomers is five days with one busy client, and two hours in which many sources come
// with a flow each: the flows do not show it.
func newcomers(extra int) *traffic {
	w := newTraffic()
	for h := range 120 {
		w.record(h, "45.9.1.1", "10.0.0.4", 443, 40_000+h%7*100, netcase.ReachBidirectional, "fw")
		for k := range 20 {
			w.flows(h, fmt.Sprintf("45.9.%d.%d", 20+k, 10+h%3), "10.0.0.4", 22, 1)
		}
		if h == 110 || h == 111 {
			for k := range extra {
				w.flows(h, fmt.Sprintf("91.20.%d.%d", k%3, k/3), "10.0.0.5", []uint16{23, 2323}[k%2], 1)
			}
		}
	}
	return w
}

func TestSpikeOfSources(t *testing.T) {
	found := spikesOf(newcomers(300).find(t, spike()))
	if len(found) != 1 {
		t.Fatalf("%d spikes", len(found))
	}
	f := found[0]
	if !strings.HasPrefix(f.Title, "distinct inbound sources reached 642 in the 2 hours from 2025-10-10 14:00") {
		t.Error(f.Title)
	}
	by := map[string]netcase.Attribution{}
	for _, a := range f.Spike.Attribution {
		by[a.Dimension] = a
	}
	networks := by[byNetwork]
	var names []string
	for _, e := range networks.Elements {
		names = append(names, e.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"91.20.0.0/24", "91.20.1.0/24", "91.20.2.0/24"}) {
		t.Errorf("%v", names)
	}
	near(t, "share of the networks", networks.Share, 1, .02)
	ports := by[byPortDim]
	near(t, "share of the ports", ports.Share, 1, .02)
}

func TestNoSpikeOfSources(t *testing.T) {
	if found := spikesOf(newcomers(0).find(t, spike())); len(found) != 0 {
		t.Errorf("quiet: %s", found[0].Title)
	}
	if found := spikesOf(newcomers(15).find(t, spike())); len(found) != 0 {
		t.Errorf("less than twice: %s", found[0].Title)
	}
}

// A source that met k ports gives each of them 1/k, so that the parts sum to the sources.
func TestSharesOfSources(t *testing.T) {
	w := newcomers(300)
	for k := range 300 {
		for _, p := range []uint16{23, 80, 81, 82} {
			w.flows(110, fmt.Sprintf("91.20.%d.%d", k%3, k/3), "10.0.0.6", p, 1)
		}
	}
	f := spikesOf(w.find(t, spike()))[0]
	for _, a := range f.Spike.Attribution {
		if len(a.Elements) > 0 && a.Share > 1.02 {
			t.Errorf("%s explain %.2f of the excess", a.Dimension, a.Share)
		}
	}
}

// A window whose records are raw is found within five minutes.
func TestFineBounds(t *testing.T) {
	notShort(t)
	build := func(res netcase.Resolution) netcase.SpikeFacts {
		w := newTraffic()
		for i := range 120 * 60 {
			w.flows(0, "45.9.1.1", "10.0.0.4", 22, 1)
			f := &w.batch.Flows[len(w.batch.Flows)-1]
			f.Start = monday + netcase.Time(i)*netcase.Minute
			f.End, f.Resolution = f.Start, res
		}
		from := monday + 110*netcase.Hour + 20*netcase.Minute
		for i := range 65 * 12 {
			w.flows(0, "91.20.1.1", "10.0.0.4", 22, 1)
			f := &w.batch.Flows[len(w.batch.Flows)-1]
			f.Start = from + netcase.Time(i)*5*netcase.Second
			f.End, f.Resolution = f.Start, res
		}
		found := spikesOf(w.find(t, spike()))
		if len(found) != 1 {
			t.Fatalf("%d spikes", len(found))
		}
		return *found[0].Spike
	}
	want := netcase.Span{Start: monday + 110*netcase.Hour + 20*netcase.Minute, End: monday + 111*netcase.Hour + 25*netcase.Minute}
	if got := build(netcase.ResolutionRaw).Fine; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := build(netcase.ResolutionUnknown).Fine; got.Length() != 0 {
		t.Errorf("intervals have no minutes: %s", got)
	}
}
