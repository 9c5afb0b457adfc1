package cube_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"netcase"
	"netcase/cube"
)

var (
	outside = netcase.At(netip.MustParseAddr("8.8.4.4"))
	ours    = netcase.At(netip.MustParseAddr("10.0.0.5"))
	noon    = netcase.Time(1760961600000)
)

// flow is one flow from outside to port 22 at noon.
func flow(sensor string, r netcase.Resolution, reach netcase.Reach, n int64) netcase.Flow {
	return netcase.Flow{
		Start: noon, End: noon, Src: outside, Dst: ours, DstPort: 22, Proto: netcase.TCP, Reach: reach, Resolution: r, Sensor: sensor,
		Flows: n, Records: 1, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
	}
}

func rowsOf(t *testing.T, kind cube.Kind, flows ...netcase.Flow) []cube.Row {
	t.Helper()
	var out []cube.Row
	for r, err := range cube.Of(netcase.Site{}, "in-1", netcase.Batch{Flows: flows}).Rows(context.Background(), cube.Question{Kind: kind}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestSensorsAreNeverAdded(t *testing.T) {
	const raw, hourly, sampled = netcase.ResolutionRaw, netcase.Resolution(60), netcase.ResolutionSampled
	for _, c := range []struct {
		name  string
		flows []netcase.Flow
		want  netcase.Tally
		agree int64
	}{
		{"raw goes before aggregated, even if it has fewer",
			[]netcase.Flow{flow("a", raw, netcase.ReachBidirectional, 5), flow("b", hourly, netcase.ReachBidirectional, 9)},
			netcase.Tally{netcase.ReachBidirectional: 5}, 9},
		{"of two equal kinds the larger",
			[]netcase.Flow{flow("a", raw, netcase.ReachBidirectional, 5), flow("b", raw, netcase.ReachBidirectional, 9)},
			netcase.Tally{netcase.ReachBidirectional: 9}, 5},
		{"a subnet rule set let it pass and an interface rule set denied it: one flow, denied",
			[]netcase.Flow{flow("nsg/subnet", hourly, netcase.ReachAllowed, 7), flow("nsg/nic", hourly, netcase.ReachDenied, 7)},
			netcase.Tally{netcase.ReachDenied: 7}, 7},
		{"a part denied by the second rule set",
			[]netcase.Flow{flow("nsg/subnet", hourly, netcase.ReachAllowed, 10), flow("nsg/nic", hourly, netcase.ReachDenied, 7), flow("nsg/nic", hourly, netcase.ReachAllowed, 3)},
			netcase.Tally{netcase.ReachDenied: 7, netcase.ReachAllowed: 3}, 10},
		{"the endpoint proves what the rule set could not know",
			[]netcase.Flow{flow("nsg", hourly, netcase.ReachAllowed, 4), flow("defender", sampled, netcase.ReachBidirectional, 1)},
			netcase.Tally{netcase.ReachBidirectional: 4}, 1},
		{"an unknown outcome takes any proof",
			[]netcase.Flow{flow("nsg", hourly, netcase.ReachUnknown, 4), flow("zeekish", sampled, netcase.ReachRefused, 1)},
			netcase.Tally{netcase.ReachRefused: 4}, 1},
		{"two readings of one sensor are added",
			[]netcase.Flow{flow("a", raw, netcase.ReachDenied, 2), flow("a", raw, netcase.ReachDenied, 3)},
			netcase.Tally{netcase.ReachDenied: 5}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 { // whatever the order
				rand.Shuffle(len(c.flows), func(i, j int) { c.flows[i], c.flows[j] = c.flows[j], c.flows[i] })
				var got netcase.Tally
				var agree int64
				for _, r := range rowsOf(t, cube.Peers, c.flows...) {
					got[r.Reach] += r.Flows
					agree += r.Agree
				}
				if got != c.want || agree != c.agree {
					t.Errorf("got %v, agreement %d; want %v, %d", got, agree, c.want, c.agree)
				}
			}
		})
	}
}

func TestConflictIsRecorded(t *testing.T) {
	rows := rowsOf(t, cube.Peers, flow("a", netcase.ResolutionRaw, netcase.ReachBidirectional, 2), flow("b", netcase.ResolutionRaw, netcase.ReachDenied, 1))
	if len(rows) != 1 || !rows[0].Conflict || rows[0].Others != "b" {
		t.Errorf("%+v", rows)
	}
}

func TestBookedHourCounts(t *testing.T) {
	f := flow("nsg", 60, netcase.ReachAllowed, 4)
	f.Booked = noon - netcase.Hour
	if rows := rowsOf(t, cube.Peers, f); rows[0].Hour != (noon - netcase.Hour).Hour() {
		t.Errorf("an aggregate counts into its interval, got hour %d", rows[0].Hour)
	}
}

func TestPairsMerge(t *testing.T) {
	var flows []netcase.Flow
	for h := range 5 {
		f := flow("nsg", 60, netcase.ReachDenied, 2)
		f.Start += netcase.Time(h) * netcase.Hour
		f.End = f.Start
		flows = append(flows, f, func() netcase.Flow { g := f; g.Reach = netcase.ReachAllowed; return g }())
	}
	rows := rowsOf(t, cube.Pairs, flows...)
	if len(rows) != 2 {
		t.Fatalf("got %d rows, want one for each reach", len(rows))
	}
	for _, r := range rows {
		if r.Flows != 10 || r.Hours != 5 || r.First != noon || r.Last != noon+4*netcase.Hour {
			t.Errorf("%+v", r)
		}
	}
}

func TestAbsentSizesAddNothing(t *testing.T) {
	a, b := flow("x", 0, netcase.ReachBidirectional, 1), flow("x", 0, netcase.ReachBidirectional, 1)
	b.OctetsIn = 10
	r := rowsOf(t, cube.Peers, a, b)[0]
	if r.OctetsIn != 10 || r.OctetsOut != netcase.Absent {
		t.Errorf("in %d, out %d", r.OctetsIn, r.OctetsOut)
	}
}

func TestOrderOfFlowsDoesNotShow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	flows := RandomFlows(rng, 500)
	want := map[cube.Kind][]cube.Row{}
	for range 3 {
		rng.Shuffle(len(flows), func(i, j int) { flows[i], flows[j] = flows[j], flows[i] })
		for _, k := range []cube.Kind{cube.Peers, cube.Hosts, cube.Pairs} {
			got := rowsOf(t, k, flows...)
			if want[k] == nil {
				want[k] = got
			} else if !reflect.DeepEqual(got, want[k]) {
				t.Fatalf("kind %d: another order of the flows gives other rows", k)
			}
		}
	}
}

// RandomFlows are flows between a few ends, sensors and hours, so that cells collide.
func RandomFlows(rng *rand.Rand, n int) []netcase.Flow {
	sensors := []struct {
		name string
		res  netcase.Resolution
	}{{"nsg/a", 60}, {"nsg/b", 60}, {"zeek", 0}, {"defender", netcase.ResolutionSampled}}
	out := make([]netcase.Flow, n)
	for i := range out {
		s := sensors[rng.IntN(len(sensors))]
		f := flow(s.name, s.res, netcase.Reaches()[rng.IntN(7)], int64(1+rng.IntN(9)))
		f.Start = noon + netcase.Time(rng.IntN(3*int(netcase.Hour)))
		f.End = f.Start + netcase.Time(rng.IntN(5000))
		f.Src = netcase.At(netip.AddrFrom4([4]byte{8, 8, 4, byte(rng.IntN(4))}))
		f.Dst = netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(3))}))
		if rng.IntN(4) == 0 {
			f.Src, f.Dst = f.Dst, f.Src
		}
		f.DstPort = uint16(20 + rng.IntN(3))
		f.OctetsOut, f.OctetsIn = int64(rng.IntN(100))-1, int64(rng.IntN(100))-1
		f.Raw = fmt.Appendf(nil, "record %d", i)
		f.Place = netcase.Place{Line: int64(i + 1)}
		out[i] = f
	}
	return out
}

func TestDetailsDoNotDependOnOrderOrSplitting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	flows := RandomFlows(rng, 2000)
	wants := []cube.Want{
		{Tag: "peer", Selection: netcase.Selection{Peers: []netcase.Endpoint{netcase.At(netip.MustParseAddr("8.8.4.1"))}}, Starts: true, Records: 20},
		{Tag: "port", Selection: netcase.Selection{Ports: []uint16{21}}, Records: 7},
	}
	collect := func(parts int) cube.Details {
		all := cube.NewCollector(wants)
		for p := range parts {
			c := cube.NewCollector(wants)
			for i := p; i < len(flows); i += parts {
				k := cube.KeyOf(&flows[i], &netcase.Site{})
				c.Add("in-1", &k, &flows[i])
			}
			all.Merge(c)
		}
		return all.Details()
	}
	want := collect(1)
	if len(want.Records["peer"].Records) != 20 || len(want.Records["port"].Records) != 7 || len(want.Starts) == 0 {
		t.Fatalf("%d, %d records, %d pairs", len(want.Records["peer"].Records), len(want.Records["port"].Records), len(want.Starts))
	}
	var total int64
	for i := range flows {
		if flows[i].DstPort == 21 {
			total++
		}
	}
	if want.Records["port"].Total != total {
		t.Errorf("total %d, want %d", want.Records["port"].Total, total)
	}
	rng.Shuffle(len(flows), func(i, j int) { flows[i], flows[j] = flows[j], flows[i] })
	if got := collect(3); !reflect.DeepEqual(got, want) {
		t.Error("three parts in another order gather something else")
	}
}

func TestStartsAreCutAndSaySo(t *testing.T) {
	w := []cube.Want{{Tag: "x", Starts: true}}
	c := cube.NewCollector(w)
	f := flow("zeek", 0, netcase.ReachBidirectional, 1)
	for i := range cube.MaxStarts + 500 {
		f.Start = noon + netcase.Time(i)
		k := cube.KeyOf(&f, &netcase.Site{})
		c.Add("in-1", &k, &f)
	}
	d := c.Details()
	for p, s := range d.Starts {
		if len(s) != cube.MaxStarts || d.Cut[p] != 500 || !slices.IsSortedFunc(s, func(a, b cube.Start) int { return int(a.At - b.At) }) {
			t.Errorf("%d starts, %d cut", len(s), d.Cut[p])
		}
	}
}

func TestMinuteTimeline(t *testing.T) {
	a, b := flow("zeek", 0, netcase.ReachDenied, 2), flow("zeek", 0, netcase.ReachBidirectional, 3)
	b.Start += 90 * netcase.Second
	var got []cube.Point
	for p, err := range cube.Of(netcase.Site{}, "in-1", netcase.Batch{Flows: []netcase.Flow{a, b}}).Timeline(context.Background(), cube.TimelineQuestion{Step: cube.MinuteStep}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	want := []cube.Point{{Sensor: "zeek", Start: noon, Flows: 2, Failed: 2}, {Sensor: "zeek", Start: noon + netcase.Minute, Flows: 3}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestSizesOfAnotherSensor: where the chosen sensor records no sizes those of another are
// taken over, once; where it records them they stay.
func TestSizesOfAnotherSensor(t *testing.T) {
	key := func(sensor string, res netcase.Resolution) cube.Key {
		return cube.Key{Peer: netcase.At(netip.MustParseAddr("198.51.100.7")), Host: netcase.At(netip.MustParseAddr("10.0.0.9")), Port: 443, Proto: netcase.TCP,
			Direction: netcase.Outbound, Reach: netcase.ReachBidirectional, Resolution: res, Sensor: sensor}
	}
	row := func(k cube.Key, flows, out, in int64) cube.Row {
		return cube.Row{Key: k, Counts: cube.Counts{Flows: flows, Records: flows, OctetsOut: out, OctetsIn: in, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent}}
	}
	edr, hourly := key("edr", netcase.ResolutionRaw), key("flow log", netcase.Resolution(60))
	got := cube.Reconcile([]cube.Row{row(edr, 3, netcase.Absent, netcase.Absent), row(hourly, 3, 5_000, 70)})
	if len(got) != 1 || got[0].Sensor != "edr" || got[0].Flows != 3 || got[0].OctetsOut != 5_000 || got[0].OctetsIn != 70 || got[0].PacketsOut != netcase.Absent {
		t.Errorf("%+v", got)
	}
	third := key("other log", netcase.Resolution(60))
	if got = cube.Reconcile([]cube.Row{row(edr, 3, netcase.Absent, netcase.Absent), row(hourly, 4, 5_000, 70), row(third, 3, 4_000, 60)}); got[0].OctetsOut != 5_000 {
		t.Errorf("sizes of two sensors: %d", got[0].OctetsOut)
	}
	if got = cube.Reconcile([]cube.Row{row(edr, 3, 100, netcase.Absent), row(hourly, 3, 5_000, 70)}); got[0].OctetsOut != 100 || got[0].OctetsIn != netcase.Absent {
		t.Errorf("a sensor that records sizes: %+v", got[0])
	}
}
