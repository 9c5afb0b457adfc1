package source

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"netcase"
)

// awsLog is VPC flow logs in the default order: most flows have both directions, near
// one another, some are refused or never answered.
func awsLog(rows int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 5))
	var b bytes.Buffer
	b.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags\n")
	var waiting []string
	for i := range rows {
		start := 1760961600 + i/200
		eni, far, near, from, to := r.IntN(9), r.IntN(4000), r.IntN(30), 1024+r.IntN(60000), []int{22, 443, 3389, 53}[r.IntN(4)]
		end := fmt.Sprintf("%d %d", start, start+20+r.IntN(35))
		line := func(src, dst string, sport, dport int, flags int, action string) string {
			return fmt.Sprintf("2 123456789010 eni-%017x %s %s %d %d 6 %d %d %s %s OK %d\n", eni, src, dst, sport, dport, 1+r.IntN(20), 60+r.IntN(9000), end, action, flags)
		}
		a, h := fmt.Sprintf("45.95.%d.%d", far>>8, far&255), fmt.Sprintf("10.0.0.%d", 4+near)
		switch r.IntN(6) {
		case 0:
			b.WriteString(line(a, h, from, to, 2, "REJECT"))
		case 1:
			b.WriteString(line(a, h, from, to, 2, "ACCEPT"))
		default:
			b.WriteString(line(a, h, from, to, 3, "ACCEPT"))
			waiting = append(waiting, line(h, a, to, from, 19, "ACCEPT"))
		}
		if len(waiting) > 40 || r.IntN(3) > 0 && len(waiting) > 0 {
			at := r.IntN(len(waiting))
			b.WriteString(waiting[at])
			waiting[at] = waiting[len(waiting)-1]
			waiting = waiting[:len(waiting)-1]
		}
	}
	for _, l := range waiting {
		b.WriteString(l)
	}
	return b.Bytes()
}

func BenchmarkAWSVPC(b *testing.B) {
	text := awsLog(100_000, 1)
	for _, workers := range []int{0, 1} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Workers: workers}
				if err := awsVPC.Decode(context.Background(), in, func(*netcase.Batch) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
