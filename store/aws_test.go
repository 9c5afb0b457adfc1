package store_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/source"
	"netcase/store"
)

// TestWorkersOfAWSText: the text of VPC flow logs is joined into the same flows with any
// number of workers, wherever the two directions of a flow stand.
func TestWorkersOfAWSText(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 25))
	var lines []string
	for i := range 12_000 {
		start := 1760961600 + i/40
		record := func(src, dst string, sport, dport, flags int) string {
			return fmt.Sprintf("%d %d 10 %s %s %d %d 6 4 900 ACCEPT OK %d eni-%d\n", start, start+50, src, dst, sport, dport, flags, i%3)
		}
		a, h := fmt.Sprintf("45.95.147.%d", r.IntN(250)), fmt.Sprintf("10.0.0.%d", 4+r.IntN(9))
		lines = append(lines, record(a, h, 1024+i, 443, 3))
		if r.IntN(3) > 0 {
			lines = append(lines, record(h, a, 443, 1024+i, 19))
		}
	}
	for i := range lines { // answers stand up to 2,000 records away
		j := min(i+r.IntN(2000), len(lines)-1)
		lines[i], lines[j] = lines[j], lines[i]
	}
	body := "start end version srcaddr dstaddr srcport dstport protocol packets bytes action log-status tcp-flags interface-id\n" + strings.Join(lines, "")
	ask := func(workers int) (any, any, any) {
		s := source.Stream{Name: "vpc.log", Explicit: true, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
		m, err := store.Fold(context.Background(), store.Config{Workers: workers}, &netcase.Site{}, found(s))
		if err != nil {
			t.Fatal(err)
		}
		d, err := m.Details(context.Background(), []cube.Want{{Tag: "x", Starts: true, Records: 30}})
		if err != nil {
			t.Fatal(err)
		}
		return collect(t, m.Rows(context.Background(), cube.Question{})), m.Coverage(), d
	}
	rows, coverage, details := ask(1)
	others := []int{64, 8, 2}
	if testing.Short() {
		others = others[:1]
	}
	for _, workers := range others {
		r, c, d := ask(workers)
		if !reflect.DeepEqual(r, rows) || !reflect.DeepEqual(c, coverage) || !reflect.DeepEqual(d, details) {
			t.Fatalf("%d workers answer differently", workers)
		}
	}
	if c := coverage.(netcase.Coverage); c.Flows() != 12_000 {
		t.Errorf("%d flows, want 12,000: the two directions of a flow count once", c.Flows())
	}
}
