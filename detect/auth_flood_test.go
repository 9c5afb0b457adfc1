package detect

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"netcase"
	"netcase/cube"
)

// madeLog is a login log that is made while it is read: spoofed sources, made-up accounts,
// and one who guesses slowly among them.
type madeLog struct {
	*cube.Plain
	records int
}

func (f madeLog) Logins(context.Context) iter.Seq2[netcase.Login, error] {
	return func(yield func(netcase.Login, error) bool) {
		random := rand.New(rand.NewPCG(5, 6))
		for i := range f.records {
			l := netcase.Login{
				Time: noon + netcase.Time(i)*20, Host: netcase.At(netip.AddrFrom4([4]byte{10, 0, byte(i >> 4), byte(i)})), Outcome: netcase.LoginWrongPassword, Count: 1, Sensor: "windows/dc",
				Peer: netcase.At(netip.AddrFrom4([4]byte{20 + byte(random.IntN(150)), byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})), Account: fmt.Sprint("u", random.IntN(1<<30)),
			}
			if i%6000 == 0 { // every two minutes
				l.Peer, l.Account, l.Host = end(guesser), "alice", end("10.0.0.4")
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// TestAuthFlood: 200,000 records of as many sources and accounts take bounded memory,
// and do not hide the one.
func TestAuthFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 records")
	}
	engine := madeLog{cube.Of(netcase.Site{}, "in-1", netcase.Batch{}), 200_000}
	var before, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := DefaultConfig()
	in := &Input{Config: c, Site: &netcase.Site{}, Coverage: &netcase.Coverage{}, answerer: engine, ctx: context.Background()}
	found, _, lost := readLogins(in)
	runtime.ReadMemStats(&peak)
	t.Logf("%d MB taken from the system", (peak.Sys-before.Sys)>>20)
	if peak.HeapInuse > before.HeapInuse+256<<20 {
		t.Errorf("%d MB of heap", (peak.HeapInuse-before.HeapInuse)>>20)
	}
	seen := false
	for _, f := range found {
		seen = seen || f.pattern == netcase.PatternGuessing && f.peer == end(guesser)
	}
	if !seen || lost.forgotten == 0 {
		t.Errorf("%d findings, %d forgotten", len(found), lost.forgotten)
	}
}
