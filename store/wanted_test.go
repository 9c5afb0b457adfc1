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
	"netcase/simulate"
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
		m := foldedText(t, text, 4<<10)
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

// foldedText is the engine over a text, read in parts of some size.
func foldedText(t *testing.T, text string, part int) *Memory {
	t.Helper()
	stream := source.Stream{Name: "conn.log", Explicit: true, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	m, err := Fold(context.Background(), Config{Workers: 2, part: part}, &netcase.Site{}, source.Found{Streams: []source.Stream{stream}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDrawnSampleTwin asks for samples of so many records that only those of low rank are
// looked at, and compares with an engine that looks at every flow.
func TestDrawnSampleTwin(t *testing.T) {
	ctx := context.Background()
	at := func(s string) []netcase.Endpoint { return []netcase.Endpoint{netcase.At(netip.MustParseAddr(s))} }
	minute := func(n int) netcase.Time { return (1760961600 + netcase.Time(n)*60) * 1000 }
	var v6 []netcase.Endpoint
	for i := range 9 {
		v6 = append(v6, at(fmt.Sprintf("2001:db8::%d", i))...)
	}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 78))
		text := hoursOfZeek(r, 16000, 24)
		m := foldedText(t, text, 64<<10)
		from := 60*r.IntN(3) + r.IntN(60)
		wants := []cube.Want{
			{Tag: "all", Records: 1 + r.IntN(6)},
			{Tag: "one way, some hours", Records: 2, Selection: netcase.Selection{
				Direction: netcase.Inbound, Span: netcase.Span{Start: minute(from), End: minute(20*60 + r.IntN(60))}}},
			{Tag: "from within an hour", Records: 1, Selection: netcase.Selection{Span: netcase.Span{Start: minute(from) + 17}}},
			{Tag: "a host", Records: 1, Selection: netcase.Selection{Hosts: at("10.0.0.2"), Span: netcase.Span{Start: minute(0), End: minute(23*60 + 1)}}},
			{Tag: "within one hour", Records: 3, Selection: netcase.Selection{Span: netcase.Span{Start: minute(61), End: minute(100)}}},
			{Tag: "a pair", Starts: true, Records: 3, Selection: netcase.Selection{Peers: at("8.8.1.3"), Hosts: at("10.0.0.1")}},
			{Tag: "a door", Records: 5, Selection: netcase.Selection{Hosts: at("10.0.0.3"), Ports: []uint16{22}}},
			{Tag: "IPv6", Records: 1, Selection: netcase.Selection{Peers: v6}},
			{Tag: "few of a pair", Records: 2, Selection: netcase.Selection{Peers: at("8.8.1.4"), Hosts: at("10.0.0.1")}},
		}
		told, err := m.foretell(ctx, wants, m.countable())
		if err != nil {
			t.Fatal(err)
		}
		drawn := 0
		for i, c := range told.counts {
			if _, few := barOf(&wants[i], c.Records); few {
				drawn++
			}
		}
		if drawn < 5 {
			t.Fatalf("only %d samples are drawn", drawn)
		}
		got, err := m.Details(ctx, wants)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := cube.Of(netcase.Site{}, m.Coverage().Inputs[0].ID, decodedWith(t, text)).Details(ctx, wants)
		for tag := range want.Records {
			if !reflect.DeepEqual(got.Records[tag], want.Records[tag]) {
				t.Errorf("seed %d, %s: %d of %d records, want %d of %d, or others", seed, tag,
					len(got.Records[tag].Records), got.Records[tag].Total, len(want.Records[tag].Records), want.Records[tag].Total)
			}
		}
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

// Records that are several to a flow leave a sample short of its limit: that is no reason
// to read the inputs a third time.
func TestSecondPassIsOne(t *testing.T) {
	var text bytes.Buffer
	if err := simulate.Volume(&text, "azure-nsg", 3000, 5); err != nil {
		t.Fatal(err)
	}
	zeek := hoursOfZeek(rand.New(rand.NewPCG(1, 2)), 300, 24)
	opened := map[string]int{}
	stream := func(name, text string) source.Stream {
		return source.Stream{Name: name, Explicit: true, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
			opened[name]++
			return io.NopCloser(strings.NewReader(text)), nil
		}}
	}
	m, err := Fold(context.Background(), Config{Workers: 1}, &netcase.Site{},
		source.Found{Streams: []source.Stream{stream("PT1H.json", text.String()), stream("conn.log", zeek)}})
	if err != nil {
		t.Fatal(err)
	}
	several := false
	for r := range m.Rows(context.Background(), cube.Question{}) {
		several = several || r.Records > r.Flows
	}
	if !several {
		t.Fatal("no flow has several records")
	}
	var wants []cube.Want
	for r := range m.Rows(context.Background(), cube.Question{}) {
		if r.Records > r.Flows && len(wants) < 5 {
			wants = append(wants, cube.Want{Tag: fmt.Sprint(len(wants)), Records: 200, Selection: netcase.Selection{
				Peers: []netcase.Endpoint{r.Peer}, Hosts: []netcase.Endpoint{r.Host}, Ports: []uint16{r.Port}}})
		}
	}
	if _, err := m.Details(context.Background(), wants); err != nil {
		t.Fatal(err)
	}
	if opened["PT1H.json"] != 2 || opened["conn.log"] > 2 {
		t.Errorf("opened %v, want each once to fold it and once more at most", opened)
	}
}
