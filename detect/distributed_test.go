package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

func TestHypergeometric(t *testing.T) {
	// 10 marked of 50, 5 drawn: P(X <= 1) = P(0) + P(1).
	near(t, "tail", hypergeometric(1, 10, 5, 50), .310563+.431337, 1e-5)
	near(t, "everything", hypergeometric(5, 10, 5, 50), 1, 1e-9)
	near(t, "forced", hypergeometric(4, 48, 5, 50), 1-hypergeometricOf(5, 48, 5, 50), 1e-9)
	if p := hypergeometric(-1, 10, 5, 50); p != 0 {
		t.Errorf("below nothing: %g", p)
	}
}

// hypergeometricOf is the probability of exactly k, by the plain product.
func hypergeometricOf(k, marked, n, total int) float64 {
	choose := func(n, k int) float64 {
		c := 1.0
		for i := range k {
			c = c * float64(n-i) / float64(i+1)
		}
		return c
	}
	return choose(marked, k) * choose(total-marked, n-k) / choose(total, n)
}

func membersOf(targets [][]int) (out []*member) {
	for _, of := range targets {
		b := newProfiler(netcase.Endpoint{}, netcase.Inbound)
		var set bitset
		for _, h := range of {
			i, _ := b.targets.place(int32(h))
			set.set(i)
		}
		m := &member{scanner: scanner{source: &source{profiler: b}}, counted: []attempted{{portKey{22, netcase.TCP}, set}}}
		out = append(out, m)
	}
	return out
}

func TestCoordination(t *testing.T) {
	const estate, each = 120, 10
	split, list := make([][]int, 8), make([][]int, 8)
	for i := range split {
		for k := range each {
			split[i] = append(split[i], i*each+k)
			list[i] = append(list[i], k)
		}
	}
	if got, p := coordination(membersOf(split), estate, .01); got != splitWork || p >= .01 {
		t.Errorf("split: %q, p %g", got, p)
	}
	if got, p := coordination(membersOf(list), estate, .01); got != sameTargets || p >= .01 {
		t.Errorf("list: %q, p %g", got, p)
	}
	random, called := rand.New(rand.NewPCG(7, 7)), 0
	const runs = 400
	for range runs {
		chance := make([][]int, 8)
		for i := range chance {
			chance[i] = random.Perm(estate)[:each]
		}
		if got, _ := coordination(membersOf(chance), estate, .01); got != "" {
			called++
		}
	}
	if called > runs/25 { // two tails of one per cent, conservative for being discrete
		t.Errorf("%d of %d independent picks are called coordinated", called, runs)
	}
}

func TestDistributedNamesItsNetwork(t *testing.T) {
	build := func(shuffle bool) []netcase.Finding {
		var s scene
		s.background(60)
		for i := range 48 {
			s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), 22, netcase.ReachNoReply)
		}
		if shuffle {
			slices.Reverse(s.flows)
		}
		return s.run(t, scan())
	}
	found := build(false)
	if len(found) != 1 || found[0].Kind != classDistributed {
		t.Fatalf("%v", classes(found))
	}
	f := found[0].Scan
	if f.SourceCount != 16 || f.HostCount != 48 || !slices.Equal(f.Networks, []string{"45.95.147.0/24"}) || f.Coordination != splitWork {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(found[0].Title, "16 outside sources of 45.95.147.0/24 together") {
		t.Error(found[0].Title)
	}
	if again := build(true); again[0].Title != found[0].Title || math.Abs(again[0].Scan.CoordinationP-f.CoordinationP) > 1e-12 {
		t.Errorf("the order of the records shows: %s", again[0].Title)
	}
}

// Of many clusters the largest are told, and the rest in one.
func TestManyClusters(t *testing.T) {
	var s scene
	s.background(20)
	for n := range 40 {
		for i := range 16 {
			s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.%d.%d", n, 1+i), host(i), uint16(1000+n), netcase.ReachNoReply)
		}
	}
	found := s.run(t, scan())
	sources := 0
	for _, f := range found {
		if f.Kind != classDistributed {
			t.Errorf("%s: %s", f.Kind, f.Title)
		}
		sources += f.Scan.SourceCount
	}
	if len(found) != maxScanGroups || sources != 40*16 {
		t.Errorf("%d findings with %d sources", len(found), sources)
	}
}
