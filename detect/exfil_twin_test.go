package detect

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"netcase"
	"netcase/cube"
)

// slowFullest is fullest with plain maps: it finds the channels that sent enough to matter. Memory holds the channels of one
// network and the short list.
func slowFullest(in *Input) (list []rankedChannel, estate int) {
	people := newSlowCensus()
	trim := func() {
		slices.SortFunc(list, func(a, b rankedChannel) int { return cmp.Or(cmp.Compare(b.bestDay, a.bestDay), a.compare(b.channel)) })
		list = list[:min(len(list), uploadPairs)]
	}
	for _, direction := range []netcase.Direction{netcase.Outbound, netcase.Inbound} {
		near := map[netcase.Endpoint]*peakSent{} // by host, of the network at hand
		var network netcase.Endpoint
		end := func() {
			hosts := people.next()
			for _, h := range slices.SortedFunc(maps.Keys(near), netcase.Endpoint.Compare) {
				if p := near[h]; p.bestDay >= int64(in.Config.SpikeExcess)*uploadUnit {
					p.hosts = hosts
					list = append(list, rankedChannel{channel{h, network, direction}, *p})
				}
			}
			clear(near)
			if len(list) > 4*uploadPairs {
				trim()
			}
		}
		for r := range in.rows(0) {
			if r.Direction != direction || direction == netcase.Inbound && !netcase.IsAdminPort(r.Port) {
				continue
			}
			if n := neighbours(r.Peer); n != network {
				end()
				network = n
			}
			if direction == netcase.Outbound {
				people.note(r.Host)
			}
			out, _ := sentOf(&r.Row)
			if out <= 0 || toMany(r.Peer) || !inSpan(in, r.Hour) {
				continue
			}
			p := near[r.Host]
			if p == nil {
				if len(near) >= mostCallers {
					continue
				}
				p = &peakSent{hour: -1 << 62, day: -1 << 62}
				near[r.Host] = p
			}
			p.add(r.Hour, out)
		}
		end()
	}
	trim()
	return list, len(people.all)
}

// TestFullestAgainstMaps compares the channels that sent most with those that plain maps find.
func TestFullestAgainstMaps(t *testing.T) {
	found := 0
	for seed := range uint64(fewer(20, 3)) {
		r := rand.New(rand.NewPCG(seed, 5))
		rows, _ := manyDoors(r, seed%10 == 9)
		for i := range rows {
			rows[i].OctetsOut, rows[i].OctetsIn = r.Int64N(1<<23)-1, r.Int64N(1<<20)-1
			if r.IntN(5) == 0 {
				rows[i].Port = netcase.AdminPorts[r.IntN(len(netcase.AdminPorts))]
			}
		}
		cube.Sort(rows, cube.Peers)
		in := &Input{Config: DefaultConfig(), Site: &netcase.Site{}, Span: netcase.Span{Start: monday + 2*netcase.Hour, End: monday + 50*netcase.Hour}, ctx: context.Background(),
			answerer: &heldRows{rows: rows}, questions: exfil().Ask(DefaultConfig())}
		got, estate := fullest(in)
		want, slow := slowFullest(in)
		if estate != slow || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %d channels of %d hosts, want %d of %d, or one of them differs", seed, len(got), estate, len(want), slow)
		}
		found += len(got)
	}
	if found == 0 {
		t.Error("no channel sent enough: the draw is too small")
	}
}
