package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

// hoursOfZeek is a conn.log whose flows come by time over some hours.
func hoursOfZeek(r *rand.Rand, rows, hours int) string {
	var b strings.Builder
	b.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\n")
	for i := range rows {
		src, dst := fmt.Sprintf("8.8.%d.%d", r.IntN(4), r.IntN(9)), fmt.Sprintf("10.0.0.%d", r.IntN(5))
		switch r.IntN(8) {
		case 0:
			src, dst = dst, src
		case 1:
			src = fmt.Sprintf("2001:db8::%d", r.IntN(9))
		}
		fmt.Fprintf(&b, "%d.%06d\tC%x\t%s\t%d\t%s\t%d\ttcp\t1.5\t%d\t%d\t%s\n", 1760961600+i*hours*3600/rows, r.IntN(1e6), r.Uint64(),
			src, 1024+r.IntN(1000), dst, 20+r.IntN(4), r.IntN(300), r.IntN(300), []string{"S0", "SF", "REJ"}[r.IntN(3)])
	}
	return b.String()
}

// TestSecondPassTwin asks for details in parts of an input that can hold them, and
// compares with an engine that looks through everything.
func TestSecondPassTwin(t *testing.T) {
	ctx := context.Background()
	at := func(s string) []netcase.Endpoint { return []netcase.Endpoint{netcase.At(netip.MustParseAddr(s))} }
	hour := func(n int) netcase.Time { return (1760961600 + netcase.Time(n)*3600) * 1000 }
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 77))
		text := hoursOfZeek(r, 2000, 24)
		stream := source.Stream{Name: "conn.log", Explicit: true, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}}
		m, err := Fold(ctx, Config{Workers: 2, part: 4 << 10}, &netcase.Site{}, source.Found{Streams: []source.Stream{stream}})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m.inputs[0].parts); n < 20 {
			t.Fatalf("%d parts", n)
		}
		all := []cube.Want{
			{Tag: "an hour", Records: 30, Selection: netcase.Selection{Direction: netcase.Inbound, Span: netcase.Span{Start: hour(5), End: hour(6)}}},
			{Tag: "a source", Starts: true, Records: 5, Selection: netcase.Selection{Peers: at("8.8.1.3")}},
			{Tag: "IPv6", Starts: true, Records: 5, Selection: netcase.Selection{Peers: at("2001:db8::4"), Span: netcase.Span{Start: hour(3)}}},
			{Tag: "a door", Records: 200, Selection: netcase.Selection{Hosts: at("10.0.0.2"), Ports: []uint16{22}, Reaches: []netcase.Reach{netcase.ReachBidirectional}}},
			{Tag: "a network", Records: 9, Selection: netcase.Selection{Prefixes: []netip.Prefix{netip.MustParsePrefix("8.8.2.0/24")}, Span: netcase.Span{End: hour(2)}}},
			{Tag: "nothing", Records: 9, Selection: netcase.Selection{Peers: at("9.9.9.9")}},
		}
		var wants []cube.Want
		for _, w := range all {
			if r.IntN(3) > 0 {
				wants = append(wants, w)
			}
		}
		oracle := cube.Of(netcase.Site{}, m.Coverage().Inputs[0].ID, decodedWith(t, text))
		got, err := m.Details(ctx, wants)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := oracle.Details(ctx, wants)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: the details differ", seed)
		}
	}
}

// decodedWith is all flows of a text with their original records.
func decodedWith(t *testing.T, text string) (all netcase.Batch) {
	t.Helper()
	format, err := source.Recognise(source.Formats(), []byte(text[:min(len(text), source.HeadSize)]))
	if err != nil {
		t.Fatal(err)
	}
	in := &source.Input{Name: "x", R: strings.NewReader(text), Report: &netcase.InputReport{}, Raw: true}
	err = format.Decode(context.Background(), in, func(b *netcase.Batch) error {
		for _, f := range b.Flows {
			f.Raw = bytes.Clone(f.Raw)
			all.Flows = append(all.Flows, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
