package detect

import (
	"context"
	"iter"
	"net/netip"
	"testing"

	"netcase"
	"netcase/cube"
)

// fixedRows answers questions about rows from memory; every other question has no answer.
type fixedRows struct {
	cube.Answerer
	byPeer, byHost []cube.Row
}

func (f *fixedRows) Rows(_ context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
	rows := f.byPeer
	if q.Kind == cube.Hosts {
		rows = f.byHost
	}
	return func(yield func(cube.Row, error) bool) {
		for i := range rows {
			if q.Asks(&rows[i].Key) && !yield(rows[i], nil) {
				return
			}
		}
	}
}

// crowdRows are sources that each try a few hosts once, as a day on the Internet has them.
func crowdRows(sources, contacts int) *fixedRows {
	var rows []cube.Row
	for i := range sources {
		peer := netcase.At(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 7}))
		for k := range contacts {
			at := noon + netcase.Time(i%86_400)*netcase.Second
			h := netcase.At(netip.AddrFrom4([4]byte{10, 0, byte(i + k*7), byte(1 + (i*31+k)%200)}))
			rows = append(rows, cube.Row{
				Key:    cube.Key{Hour: at.Hour(), Peer: peer, Host: h, Port: []uint16{22, 23, 445, 3389}[i%4], Proto: netcase.TCP, Direction: netcase.Inbound, Reach: netcase.ReachNoReply, Resolution: netcase.ResolutionRaw, Sensor: "s"},
				Counts: cube.Counts{Flows: 1, Records: 1, First: at, Last: at, Minutes: 1 << uint(i%60), OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent},
			})
		}
	}
	f := &fixedRows{byPeer: rows, byHost: append([]cube.Row{}, rows...)}
	cube.Sort(f.byPeer, cube.Peers)
	cube.Sort(f.byHost, cube.Hosts)
	return f
}

func BenchmarkScan(b *testing.B) {
	const sources, contacts = 100_000, 3
	rows := crowdRows(sources, contacts)
	in := &Input{Config: DefaultConfig(), Site: &netcase.Site{}, questions: scan().Ask(DefaultConfig()), answerer: rows, ctx: context.Background()}
	b.ReportAllocs()
	for b.Loop() {
		scanGroups(in)
	}
	b.ReportMetric(float64(sources*contacts)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
