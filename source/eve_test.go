package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"netcase"
)

// decodeEVEAll decodes text and gathers the flows.
func decodeEVEAll(t testing.TB, text []byte) (flows []netcase.Flow, report netcase.InputReport) {
	t.Helper()
	in := &Input{Name: "eve.json", R: bytes.NewReader(text), Report: &report}
	err := decodeEVE(context.Background(), in, func(b *netcase.Batch) error { flows = append(flows, b.Flows...); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !report.Balanced() {
		t.Fatalf("the report is not balanced: %+v", report)
	}
	return flows, report
}

// TestEVEKnownTruth reads a real capture's log and compares with a plain count.
func TestEVEKnownTruth(t *testing.T) {
	name := dataDir(t, "slips", "test6-malicious.suricata.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("no real data: %v", err)
	}
	if f, err := Recognise(Formats(), text[:HeadSize]); err != nil || f.Name != "suricata-eve" {
		t.Fatalf("recognised as %q: %v", f.Name, err)
	}
	flows, report := decodeEVEAll(t, text)
	if len(flows) != 3512 || report.Read != 5000 || report.Rejected != 0 || report.Skipped != 3 || report.Events["alert"] != 748 || report.Events["query"] != 737 {
		t.Errorf("%d flows, %+v", len(flows), report)
	}
	var tally netcase.Tally
	for i := range flows {
		tally[flows[i].Reach]++
	}
	// 1,874 + 63 + 2 of the SYNs met a RST.
	if tally[netcase.ReachRefused] != 1939 || tally[netcase.ReachNoReply] != 977 {
		t.Errorf("%v", tally)
	}
}

// TestEVETwin compares the scanner with the standard library on random flows whose
// members stand in any order.
func TestEVETwin(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range fewer(2000, 500) {
		inner := map[string]any{"pkts_toserver": r.IntN(9), "pkts_toclient": r.IntN(9), "bytes_toserver": r.IntN(9000), "bytes_toclient": r.IntN(9000), "start": "2025-10-20T14:00:01.250000+0200", "junk": []any{map[string]any{"a": "}\"]"}}}
		record := map[string]any{"timestamp": "2025-10-20T14:00:02.000000+0200", "event_type": "flow", "flow_id": r.Uint64(), "src_ip": "203.0.113.5", "src_port": r.IntN(65536), "dest_ip": "10.0.0.5", "dest_port": r.IntN(65536), "proto": "UDP", "flow": inner, "x": "é\n\"{", "nested": map[string]any{"src_ip": "9.9.9.9"}}
		line, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if r.IntN(2) == 0 { // another order of members
			line = fmt.Appendf(nil, `{"flow":%s,"proto":"UDP","dest_port":%d,"src_port":%d,"dest_ip":"10.0.0.5","src_ip":"203.0.113.5","event_type":"flow","timestamp":"2025-10-20T14:00:02.000000+0200"}`,
				mustJSON(t, inner), record["dest_port"], record["src_port"])
		}
		flows, report := decodeEVEAll(t, line)
		if len(flows) != 1 {
			t.Fatalf("%s: %+v", line, report)
		}
		f := &flows[0]
		if f.SrcPort != uint16(record["src_port"].(int)) || f.DstPort != uint16(record["dest_port"].(int)) || f.PacketsOut != int64(inner["pkts_toserver"].(int)) ||
			f.OctetsIn != int64(inner["bytes_toclient"].(int)) || f.Start.String() != "2025-10-20T12:00:01.250Z" || f.Src.String() != "203.0.113.5" {
			t.Fatalf("%s\n%+v", line, f)
		}
	}
}

// TestEVEQuick compares the one walk with its slow twin on records that are odd in
// every way, and makes sure that it takes ordinary ones.
func TestEVEQuick(t *testing.T) {
	decode := func(text []byte, slow bool) string {
		report := &netcase.InputReport{}
		in := &Input{Name: "eve.json", Text: text, Report: report} // a reader would clear a large buffer for every short text
		var told []byte
		r := newEVEReader(in, func(b *netcase.Batch) error { told = fmt.Appendf(told, "%+v\n", *b); return nil })
		r.slow = slow
		if err := r.decode(context.Background()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s%+v", told, *report)
	}
	const ordinary = `{"timestamp":"2025-10-20T23:59:59.500000+0000","flow_id":7,"in_iface":"eth0","event_type":"flow","src_ip":"93.184.1.2","src_port":1024,"dest_ip":"10.40.0.1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":12,"pkts_toclient":9,"bytes_toserver":1830,"bytes_toclient":9132,"start":"2025-10-20T14:02:03.100000+0000","end":"2025-10-21T00:00:00.000000+0000","age":0,"state":"closed","reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"state":"closed"},"host":"sensor-1"}`
	r := newEVEReader(&Input{Report: &netcase.InputReport{}, R: bytes.NewReader(nil)}, nil)
	if !r.quick([]byte(ordinary)) {
		t.Error("an ordinary record is left to the slow twin")
	}
	rng := rand.New(rand.NewPCG(7, 7))
	pieces := []string{`"flow":{"start":"2025-10-20T14:02:03.100000+0000"},`, `"flow":null,`, `"host":{"a":1},`, `"tcp":[],`, `{`, `}`, `,`, `"`, `\`, `:`, ` `, `"src_ip":"1.2.3.4",`,
		`[]`, `null`, `"event_type":"alert",`, `"event_type":"flow",`, "\u00e9", "\x01", `0`, `-`, `60`, `2025-10-20T14:02:60.000001+0200`, `"src_port":{},`, `\u0031`}
	for range fewer(30_000, 3000) {
		var text []byte
		for range 1 + rng.IntN(3) {
			line := []byte(ordinary)
			for range rng.IntN(3) {
				at, piece := rng.IntN(len(line)), pieces[rng.IntN(len(pieces))]
				cut := at + min(rng.IntN(2)*rng.IntN(30), len(line)-at)
				if rng.IntN(2) == 0 { // between two members
					if i := bytes.IndexByte(line[at:], ','); i >= 0 {
						at += i + 1
						cut = at
					}
				}
				line = append(append(append([]byte{}, line[:at]...), piece...), line[cut:]...)
			}
			text = append(append(text, line...), '\n')
		}
		if got, want := decode(text, false), decode(text, true); got != want {
			t.Fatalf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzEVE(f *testing.F) {
	seedFrom(f, "suricata-eve")
	f.Fuzz(func(t *testing.T, text []byte) {
		_, report := decodeEVEAll(t, text)
		whole, err := json.Marshal(report)
		if err != nil || len(whole) == 0 {
			t.Fatal(err)
		}
	})
}

func BenchmarkEVE(b *testing.B) {
	var text []byte
	for i := range 20_000 {
		text = fmt.Appendf(text, `{"timestamp":"2025-10-20T14:%02d:%02d.500000+0000","flow_id":%d,"in_iface":"eth0","event_type":"flow","src_ip":"93.184.%d.%d","src_port":%d,"dest_ip":"10.40.0.%d","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":12,"pkts_toclient":9,"bytes_toserver":1830,"bytes_toclient":9132,"start":"2025-10-20T14:%02d:%02d.100000+0000","end":"2025-10-20T14:%02d:%02d.400000+0000","age":0,"state":"closed","reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}`+"\n",
			i/60%60, i%60, i, i%250, i/250%250, 1024+i%60000, i%200, i/60%60, i%60, i/60%60, i%60)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		in := &Input{Name: "eve.json", R: bytes.NewReader(text), Report: &netcase.InputReport{}}
		if err := decodeEVE(context.Background(), in, func(*netcase.Batch) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(20_000*b.N)/b.Elapsed().Seconds(), "rows/s")
}
