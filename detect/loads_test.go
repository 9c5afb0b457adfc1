package detect

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
)

// slowLoads counts every service in plain maps.
func slowLoads(in *Input, g *grid, rows []cube.Row) ([]service, map[service][]load) {
	type visit struct {
		service service
		from    netcase.Endpoint
		hour    int64
	}
	hours := map[service]map[int64]*load{}
	flows, solved := map[visit]int64{}, map[visit]bool{}
	for i := range rows {
		r := &row{Row: rows[i]}
		from := r.Peer
		if r.Direction == netcase.Outbound {
			from = r.Host
		}
		if toMany(r.Peer) || toMany(r.Host) || r.Direction == netcase.Lateral || r.Direction == netcase.Inbound && welcome(in.Site, r.Peer) {
			continue
		}
		s := bearer(r)
		if hours[s] == nil {
			hours[s] = map[int64]*load{}
		}
		if hours[s][r.Hour] == nil {
			hours[s][r.Hour] = &load{packets: netcase.Absent, octets: netcase.Absent}
		}
		hours[s][r.Hour].add(r)
		v := visit{s, from, r.Hour}
		flows[v] += r.Flows
		solved[v] = solved[v] || r.Reach >= netcase.ReachBidirectional
	}
	for v, n := range flows {
		l := hours[v.service][v.hour]
		l.sources++
		l.top = max(l.top, n)
		l.single += int64(b2i(n == 1 && !solved[v]))
	}
	var all []peakOf
	out := map[service][]load{}
	for s, of := range hours {
		p := peakOf{service: s}
		out[s] = make([]load, g.bins())
		for i := range out[s] {
			out[s][i] = load{packets: netcase.Absent, octets: netcase.Absent}
		}
		for hour, l := range of {
			if i, ok := g.bin(netcase.Time(hour) * netcase.Hour); ok {
				out[s][i] = *l
			}
			if inSpan(in, hour) {
				p.flows = max(p.flows, l.flows)
			}
		}
		if p.flows >= in.Config.FloodFlows {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, peakOf.order)
	var services []service
	for _, p := range all[:min(len(all), floodServices)] {
		services = append(services, p.service)
	}
	maps.DeleteFunc(out, func(s service, _ []load) bool { return !slices.Contains(services, s) })
	return services, out
}

// TestLoadsTwin compares the services under load with those of plain maps: few and many of
// them, some of them by guests, in all of the recording and in a part of it.
func TestLoadsTwin(t *testing.T) {
	full, n := 0, fewer(12, 2)
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 3))
		var b netcase.Batch
		ports, peers, apart := 1+r.IntN(9), 1+r.IntN(400), 1+49*netcase.Time(seed%2) // hours between those with flows: many leave room for few services at once
		for range 6000 {
			out := netcase.At(netip.AddrFrom4([4]byte{198, 18, byte(r.IntN(peers) >> 8), byte(r.IntN(peers))}))
			own := netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + min(r.IntN(12), r.IntN(12)))}))
			f := netcase.Flow{Src: out, Dst: own, DstPort: uint16(20 + r.IntN(ports)), Proto: netcase.TCP, Reach: netcase.Reach(r.IntN(7)), Sensor: "zeek",
				Start: monday + netcase.Time(r.IntN(30))*apart*netcase.Hour + netcase.Time(r.IntN(60))*netcase.Minute, Resolution: netcase.ResolutionRaw, Flows: 1 + int64(r.IntN(3)/2),
				OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: int64(r.IntN(9)) - 1, PacketsIn: netcase.Absent}
			if r.IntN(3) == 0 {
				f.Src, f.Dst = f.Dst, f.Src
			}
			f.End = f.Start
			b.Flows = append(b.Flows, f)
		}
		site := netcase.Site{}
		if seed%3 == 0 {
			site.Partners = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/26")}
		}
		engine := cube.Of(site, "in-1", b)
		span := netcase.Span{Start: monday, End: monday + 31*apart*netcase.Hour}
		config := DefaultConfig()
		config.FloodFlows = 2 + r.Int64N(5)
		in := &Input{Config: config, Site: &site, Span: span, History: span, ctx: context.Background(), answerer: engine, questions: dos().Ask(config),
			Coverage: &netcase.Coverage{Inputs: []netcase.InputReport{{Read: 6000, Span: span}}}}
		if seed%4 == 1 {
			in.Span.Start = monday + 9*apart*netcase.Hour
		}
		g := (&seriesSet{}).layGrid(in)
		var rows []cube.Row
		for x := range engine.Rows(context.Background(), cube.Question{}) {
			rows = append(rows, x)
		}
		gotServices, got := busiestLoads(in, g)
		if seed%3 == 1 { // sums of many services each: loose bounds
			gotServices, got = (&loadReader{in: in, sketch: &sketch{sums: make([]int64, 64), shift: 58}}).busiest(g)
		}
		wantServices, want := slowLoads(in, g, rows)
		if in.err != nil || !slices.Equal(gotServices, wantServices) || !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: %v; services %s, want %s, or their hours differ", seed, in.err, fmt.Sprint(gotServices), fmt.Sprint(wantServices))
		}
		if len(want) == 0 {
			t.Errorf("seed %d: no service bore enough: the draw is too small", seed)
		}
		full += b2i(len(want) == floodServices)
	}
	if n == 12 && (full < 3 || full > 10) {
		t.Errorf("%d of 12 draws had as many services as are kept: both kinds are wanted", full)
	}
}

// TestLoadsLeftOut: where more services may be under load than are counted the case says so.
func TestLoadsLeftOut(t *testing.T) {
	var b netcase.Batch
	for i := range 1000 {
		f := netcase.Flow{Src: netcase.At(netip.MustParseAddr("198.51.100.7")), Dst: netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(i / 10)})), DstPort: uint16(i % 10), Proto: netcase.TCP,
			Start: monday + netcase.Time(i)*2*netcase.Hour, Resolution: netcase.ResolutionRaw, Reach: netcase.ReachBidirectional, Sensor: "zeek", Flows: 2,
			OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent}
		f.End = f.Start
		b.Flows = append(b.Flows, f)
	}
	span := netcase.Span{Start: monday, End: monday + 2000*netcase.Hour}
	config := DefaultConfig()
	config.FloodFlows = 2
	in := &Input{Config: config, Site: &netcase.Site{}, Span: span, History: span, ctx: context.Background(), answerer: cube.Of(netcase.Site{}, "in-1", b), questions: dos().Ask(config),
		Coverage: &netcase.Coverage{Inputs: []netcase.InputReport{{Read: 1000, Span: span}}}}
	g := (&seriesSet{}).layGrid(in)
	services, _ := busiestLoads(in, g)
	if len(services) != floodServices || len(in.notes) != 1 || !strings.Contains(in.notes[0], "services were bounded, not counted") {
		t.Errorf("%d services, notes %q", len(services), in.notes)
	}
	in.notes, in.Config.FloodFlows = nil, 3
	if services, _ := busiestLoads(in, g); len(services) > 0 || len(in.notes) > 0 {
		t.Errorf("below the floor: %d services, notes %q", len(services), in.notes)
	}
}
