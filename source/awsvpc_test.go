package source

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"netcase"
)

// What a record sums is not in it: the finer interval is believed only where many
// records say nothing against it.
func TestAWSMinutes(t *testing.T) {
	line := func(seconds int) string {
		return fmt.Sprintf("2 1 eni-7 198.51.100.7 10.0.1.5 49761 3389 6 1 40 1760969100 %d REJECT OK\n", 1760969100+seconds)
	}
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"few", strings.Repeat(line(30), 5), 10},
		{"many short ones", strings.Repeat(line(59), 40), 1},
		{"one long one", strings.Repeat(line(59), 40) + line(300), 10},
	} {
		if got := awsMinutes([]byte(c.text)); got != c.want {
			t.Errorf("%s: %d minutes, want %d", c.name, got, c.want)
		}
	}
}

// The flags of AWS leave out a lone ACK: what each way of a connection proves.
func TestAWSReach(t *testing.T) {
	const header = "srcaddr dstaddr srcport dstport protocol tcp-flags packets bytes start end action log-status\n"
	out := func(flags, packets, bytes int) string {
		return fmt.Sprintf("198.51.100.7 10.0.1.5 40000 2222 6 %d %d %d 1760969100 1760969158 ACCEPT OK\n", flags, packets, bytes)
	}
	back := func(flags, packets, bytes int) string {
		return fmt.Sprintf("10.0.1.5 198.51.100.7 2222 40000 6 %d %d %d 1760969100 1760969158 ACCEPT OK\n", flags, packets, bytes)
	}
	other := "203.0.113.1 10.0.1.5 41000 2222 6 2 5 900 1760969100 1760969158 ACCEPT OK\n10.0.1.5 203.0.113.1 2222 41000 6 18 5 900 1760969100 1760969158 ACCEPT OK\n"
	for _, c := range []struct {
		name, text string
		want       netcase.Reach
	}{
		{"both ways", out(3, 9, 1900) + back(19, 8, 7000), netcase.ReachBidirectional},
		{"the answer first in the file", back(19, 8, 7000) + out(3, 9, 1900), netcase.ReachBidirectional},
		{"a reset is the answer", out(2, 1, 60) + back(4, 1, 40), netcase.ReachRefused},
		{"no answer, where answers are recorded", other + out(2, 3, 180), netcase.ReachNoReply},
		{"no answer, where none was seen", out(2, 3, 180), netcase.ReachAllowed},
		{"payload without the record of the answer", other + out(2, 20, 4249), netcase.ReachAllowed},
		{"only the answer", back(18, 2, 120), netcase.ReachAllowed},
	} {
		flows, report, err := allFlows(t, awsVPC, []byte(header+c.text))
		if err != nil || !report.Balanced() {
			t.Fatalf("%s: %v %+v", c.name, err, report)
		}
		var f *netcase.Flow
		for i := range flows {
			if flows[i].SrcPort == 40000 {
				f = &flows[i]
			}
		}
		if f == nil || f.Src.String() != "198.51.100.7" || f.DstPort != 2222 || f.Reach != c.want {
			t.Errorf("%s: %+v, want %s from 198.51.100.7", c.name, flows, c.want)
		}
	}
}

// awsTold is what a text gives with some goroutines.
func awsTold(t *testing.T, text []byte, workers int) ([]netcase.Flow, netcase.InputReport, map[string]int64) {
	t.Helper()
	var flows []netcase.Flow
	in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Raw: true, Workers: workers}
	err := awsVPC.Decode(context.Background(), in, func(b *netcase.Batch) error {
		flows = append(flows, b.Flows...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	joinAWSVPC(in)
	return flows, *in.Report, in.Sums
}

// TestAWSWorkersTwin: any number of goroutines gives what one gives: flows in their
// order, with their places, and the same report; also where the order of columns changes
// within the text, lines are broken, and there are more interfaces than are told apart.
func TestAWSWorkersTwin(t *testing.T) {
	for seed := range uint64(fewer(4, 1)) {
		r := rand.New(rand.NewPCG(seed, 25))
		lines := bytes.SplitAfter(awsLog(20_000, seed), []byte("\n"))
		var text bytes.Buffer
		for i, l := range lines {
			switch {
			case i > 0 && r.IntN(3000) == 0:
				text.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\r\n")
			case r.IntN(500) == 0:
				text.WriteString("2 broken\n\n2 1 eni-0 - - - - - - - 1760961600 1760961660 - NODATA\n2 1 eni-1 - - - - - - - 1760961600 1760961660 - SKIPDATA\n")
			case r.IntN(20) == 0:
				l = bytes.Replace(l, []byte(" eni-0"), fmt.Appendf(nil, " eni-%d-0", r.IntN(900)), 1)
			}
			text.Write(l)
		}
		flows, report, sums := awsTold(t, text.Bytes(), 0)
		if len(flows) < 10_000 || !report.Balanced() || report.Rejected == 0 || report.Skipped == 0 || len(report.Sensors) < 100 {
			t.Fatalf("%d flows, %+v", len(flows), report)
		}
		for _, workers := range []int{1, 2, 8, 64} {
			f, rep, s := awsTold(t, text.Bytes(), workers)
			if !reflect.DeepEqual(f, flows) || !reflect.DeepEqual(rep, report) || !reflect.DeepEqual(s, sums) {
				t.Fatalf("seed %d: %d goroutines give %d flows and %+v\nwant %d and %+v", seed, workers, len(f), rep, len(flows), report)
			}
		}
	}
}

// TestAWSStops: a sink that fails, and a text that breaks off, leave no goroutine waiting.
func TestAWSStops(t *testing.T) {
	text := awsLog(60_000, 9)
	failed := fmt.Errorf("full")
	in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Workers: 3}
	if err := awsVPC.Decode(context.Background(), in, func(*netcase.Batch) error { return failed }); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in = &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}, Workers: 3}
	if err := awsVPC.Decode(ctx, in, func(*netcase.Batch) error { return nil }); err == nil {
		t.Error("an interrupted decoding ends without an error")
	}
}

func FuzzAWSVPC(f *testing.F) {
	seedFrom(f, "aws-vpc")
	f.Fuzz(func(t *testing.T, text []byte) { checkFuzzed(t, awsVPC, text) })
}
