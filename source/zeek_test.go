package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"netcase"
)

func TestZeekReach(t *testing.T) {
	const none = netcase.Absent
	tests := []struct {
		name               string
		proto              uint8
		state, history     string
		out, in, pOut, pIn int64
		icmp               int
		want               netcase.Reach
	}{
		{"syn without answer", netcase.TCP, "S0", "S", 0, 0, 2, 0, -1, netcase.ReachNoReply},
		{"syn without answer, sizes unset", netcase.TCP, "S0", "", none, none, none, none, -1, netcase.ReachNoReply},
		{"s0 of a lossy capture with data both ways", netcase.TCP, "S0", "SDdA", 90, 80, 4, 4, -1, netcase.ReachBidirectional},
		{"s0 of a lossy capture with acknowledgements both ways", netcase.TCP, "S0", "SacADC", 90, 0, 9, 9, -1, netcase.ReachBidirectional},
		{"rejected", netcase.TCP, "REJ", "Sr", 0, 0, 1, 1, -1, netcase.ReachRefused},
		{"rejected, nothing else exported", netcase.TCP, "REJ", "", none, none, none, none, -1, netcase.ReachRefused},
		{"rejected, and the reset carries a wild sequence number", netcase.TCP, "REJ", "Sr", 0, 1 << 31, 1, 1, -1, netcase.ReachRefused},
		{"rejected by its state, data both ways by its history", netcase.TCP, "REJ", "SADadcr", 90, 80, 9, 9, -1, netcase.ReachBidirectional},
		{"normal", netcase.TCP, "SF", "ShADadFf", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"normal, no payload", netcase.TCP, "SF", "ShAFf", 0, 0, 4, 2, -1, netcase.ReachBidirectional},
		{"normal, state alone", netcase.TCP, "SF", "", none, none, none, none, -1, netcase.ReachBidirectional},
		{"normal by its state, silent by its counts", netcase.TCP, "SF", "", 10, 0, 6, 0, -1, netcase.ReachNoReply},
		{"established", netcase.TCP, "S1", "ShADad", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"open port, handshake not finished", netcase.TCP, "S1", "Sh", 0, 0, 1, 1, -1, netcase.ReachBidirectional},
		{"half closed by the originator", netcase.TCP, "S2", "ShADaF", 10, 0, 6, 4, -1, netcase.ReachBidirectional},
		{"half closed by the responder", netcase.TCP, "S3", "ShAdDaf", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"aborted by the originator", netcase.TCP, "RSTO", "ShADadR", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"half-open scan of an open port", netcase.TCP, "RSTO", "ShR", 0, 0, 2, 1, -1, netcase.ReachBidirectional},
		{"backscatter: syn+ack that nobody asked for", netcase.TCP, "RSTO", "^hR", 0, 0, 1, 1, -1, netcase.ReachUnknown},
		{"aborted, state alone", netcase.TCP, "RSTO", "", none, none, none, none, -1, netcase.ReachBidirectional},
		{"reset by the responder after data", netcase.TCP, "RSTR", "ShADdar", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"reset by the responder after the handshake", netcase.TCP, "RSTR", "ShADr", 10, 0, 4, 2, -1, netcase.ReachBidirectional},
		{"reset by the responder without a handshake", netcase.TCP, "RSTR", "SAr", 0, 0, 2, 1, -1, netcase.ReachRefused},
		{"reset by the responder, state alone", netcase.TCP, "RSTR", "", none, none, none, none, -1, netcase.ReachBidirectional},
		{"syn, then reset by the originator", netcase.TCP, "RSTOS0", "SR", 0, 0, 2, 0, -1, netcase.ReachNoReply},
		{"reset in the middle of a connection", netcase.TCP, "RSTOS0", "ADadR", 10, 20, 9, 8, -1, netcase.ReachBidirectional},
		{"lone reset of the responder", netcase.TCP, "RSTRH", "r", 0, 0, 0, 1, -1, netcase.ReachRefused},
		{"reset of the responder, data both ways before", netcase.TCP, "RSTRH", "hADdar", 10, 20, 9, 8, -1, netcase.ReachBidirectional},
		{"syn and fin", netcase.TCP, "SH", "SF", 0, 0, 2, 0, -1, netcase.ReachNoReply},
		{"syn and fin, data both ways", netcase.TCP, "SH", "SDdAFa", 10, 20, 6, 5, -1, netcase.ReachBidirectional},
		{"only the responder seen", netcase.TCP, "SHR", "hf", 0, 0, 0, 2, -1, netcase.ReachUnknown},
		{"responder first, then both", netcase.TCP, "SHR", "hADdaf", 10, 20, 5, 4, -1, netcase.ReachBidirectional},
		{"only the originator seen, bad checksums", netcase.TCP, "OTH", "C", none, none, 0, 0, -1, netcase.ReachNoReply},
		{"running connection", netcase.TCP, "OTH", "DdA", 10, 20, 5, 4, -1, netcase.ReachBidirectional},
		{"running connection without payload", netcase.TCP, "OTH", "Aa", 0, 0, 5, 4, -1, netcase.ReachBidirectional},
		{"syn+ack alone", netcase.TCP, "OTH", "h", 0, 0, 0, 1, -1, netcase.ReachUnknown},
		{"other, nothing else exported", netcase.TCP, "OTH", "", none, none, none, none, -1, netcase.ReachUnknown},
		{"no state, by history: answered", netcase.TCP, "", "ShADadFf", 10, 20, 6, 4, -1, netcase.ReachBidirectional},
		{"no state, by history: refused", netcase.TCP, "", "Sr", 0, 0, 1, 1, -1, netcase.ReachRefused},
		{"no state, by history: silent", netcase.TCP, "", "S", 0, 0, 1, 0, -1, netcase.ReachNoReply},
		{"no state, by counts: silent", netcase.TCP, "", "", none, none, 3, 0, -1, netcase.ReachNoReply},
		{"no state, by sizes: answered", netcase.TCP, "", "", none, 900, none, none, -1, netcase.ReachBidirectional},
		{"no state, no reply payload: a reset or a handshake", netcase.TCP, "", "", 0, 0, none, none, -1, netcase.ReachUnknown},
		{"no state, reply packets without payload", netcase.TCP, "", "", 0, 0, 1, 1, -1, netcase.ReachUnknown},
		{"no state, nothing", netcase.TCP, "", "", none, none, none, none, -1, netcase.ReachUnknown},
		{"unknown state", netcase.TCP, "XX", "", none, none, none, none, -1, netcase.ReachUnknown},

		{"udp answered", netcase.UDP, "SF", "Dd", 10, 20, 1, 1, -1, netcase.ReachBidirectional},
		{"udp answered, state alone", netcase.UDP, "SF", "", none, none, none, none, -1, netcase.ReachBidirectional},
		{"udp unanswered", netcase.UDP, "S0", "D", none, none, 1, 0, -1, netcase.ReachNoReply},
		{"udp unanswered, state alone", netcase.UDP, "S0", "", none, none, none, none, -1, netcase.ReachNoReply},
		{"udp responder only", netcase.UDP, "SHR", "d", 0, 111, 0, 1, -1, netcase.ReachUnknown},
		{"udp, the request had a bad checksum", netcase.UDP, "SHR", "Cd", 0, 111, 0, 1, -1, netcase.ReachBidirectional},
		{"udp without state, reply bytes", netcase.UDP, "", "", 10, 20, none, none, -1, netcase.ReachBidirectional},
		{"udp without state, no reply bytes", netcase.UDP, "", "", 10, 0, none, none, -1, netcase.ReachNoReply},
		{"udp without anything", netcase.UDP, "", "", none, none, none, none, -1, netcase.ReachUnknown},

		{"echo answered", netcase.ICMP, "OTH", "", 56, 56, 1, 1, 8, netcase.ReachBidirectional},
		{"echo unanswered", netcase.ICMP, "OTH", "", none, none, 1, 0, 8, netcase.ReachNoReply},
		{"unreachable: nothing was asked", netcase.ICMP, "OTH", "", none, none, 1, 0, 3, netcase.ReachUnknown},
		{"neighbour solicitation unanswered", netcase.ICMPv6, "OTH", "", none, none, 1, 0, icmpVersion6 + 135, netcase.ReachNoReply},
		{"router advertisement", netcase.ICMPv6, "OTH", "", none, none, 1, 0, icmpVersion6 + 134, netcase.ReachUnknown},
		{"gre answered", 47, "OTH", "", 10, 10, 3, 3, -1, netcase.ReachBidirectional},
		{"gre unanswered", 47, "OTH", "", none, none, 3, 0, -1, netcase.ReachNoReply},
	}
	for _, tt := range tests {
		f := netcase.Flow{Proto: tt.proto, OctetsOut: tt.out, OctetsIn: tt.in, PacketsOut: tt.pOut, PacketsIn: tt.pIn}
		got := zeekReach([]byte(tt.state), readHistory([]byte(tt.history)), &f, tt.icmp)
		if got != tt.want {
			t.Errorf("%s (%s %q): %s, want %s", tt.name, tt.state, tt.history, got, tt.want)
		}
	}
}

func TestZeekDetect(t *testing.T) {
	tests := []struct {
		name string
		head string
		want bool
		why  string // part of the reason
	}{
		{"header", "#separator \\x09\n#path\tconn\n", true, ""},
		{"header after a stray tab", "\t#separator \\x09\n", true, ""},
		{"fields alone", "#fields\tts\tuid\n", true, ""},
		{"header cut off by the head", "#separator \\x0", true, ""},
		{"w3c extended log", "#Version: 1.0\n#Fields: date time c-ip cs-method\n", false, "no #fields"},
		{"rows whose header is missing", "1772618400.5\tCabc\t192.0.2.1\t1\t192.0.2.2\t2\ttcp\t-\t-\n", false, "#fields line that names the columns is missing"},
		{"conn json", `{"ts":1.5,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","conn_state":"S0"}`, true, ""},
		{"conn json cut off by the head", `{"ts":1.5,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","conn_state":"S0","hist`, true, ""},
		{"second record", "{\"ts\":1,\n" + `{"ts":1.5,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","conn_state":"S0"}`, true, ""},
		{"named stream", `{"_path":"capture_loss","ts":1.5}`, true, ""},
		{"dns json", `{"ts":1.5,"uid":"C1","id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","query":"a"}`, true, ""},
		{"weird json", `{"ts":1.5,"name":"x","notice":false,"peer":"zeek"}`, true, ""},
		{"eve", `{"timestamp":"2026-03-04T10:00:00.0+0000","event_type":"flow","src_ip":"192.0.2.1","proto":"TCP"}`, false, "not of Zeek"},
		{"a program's log", `{"ts":1772618400.5,"level":"info","msg":"started","caller":"main.go:1"}`, false, "not of Zeek"},
		{"a program's log with an id", `{"ts":1772618400.5,"id":{"a":1},"path":"/x","method":"GET"}`, false, "not of Zeek"},
		{"azure blob", `{"records":[{"time":"2026-03-04T10:00:00Z"}]}`, false, "not of Zeek"},
		{"csv", "TimeGenerated,SrcIP_s\n1,2\n", false, "no #fields"},
		{"empty", "", false, "no #fields"},
		{"binary", "\x00\x01\x02\xff\xfe{", false, "no #fields"},
	}
	for _, tt := range tests {
		kind, why := detectZeek([]byte(tt.head))
		if ok := kind != ""; ok != tt.want || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %q %q, want %v %q", tt.name, kind, why, tt.want, tt.why)
		}
	}
}

// TestZeekKey checks that a JSON and a tab-separated copy of a record have the
// same key, and that each part of it counts.
func TestZeekKey(t *testing.T) {
	tab := "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n%s\t%s\t%s\t1\t192.0.2.2\t80\ttcp\n"
	obj := `{"ts":%s,"uid":"%s","id.orig_h":"%s","id.orig_p":1,"id.resp_h":"192.0.2.2","id.resp_p":80,"proto":"tcp"}`
	key := func(format, ts, uid, addr string) uint64 {
		flows, _, err := allFlows(t, zeekConn, fmt.Appendf(nil, format, ts, uid, addr))
		if err != nil || len(flows) != 1 {
			t.Fatalf("%d flows, %v", len(flows), err)
		}
		return flows[0].Key
	}
	want := key(tab, "1772618400.500000", "CnetcaseKey00001", "192.0.2.1")
	if got := key(obj, "1772618400.5", "CnetcaseKey00001", "192.0.2.1"); got != want || got == 0 {
		t.Errorf("JSON %x, tabs %x", got, want)
	}
	for _, other := range [][3]string{
		{"1772618400.501", "CnetcaseKey00001", "192.0.2.1"},
		{"1772618400.500", "CnetcaseKey00002", "192.0.2.1"},
		{"1772618400.500", "CnetcaseKey0000", "192.0.2.1"},
		{"1772618400.500", "CnetcaseKey00001", "192.0.2.3"},
	} {
		if key(tab, other[0], other[1], other[2]) == want {
			t.Errorf("%v has the same key", other)
		}
	}
	if key(tab, "1772618400.5", "-", "192.0.2.1") != 0 {
		t.Error("a record without uid has a key")
	}
}

func TestZeekDuplicates(t *testing.T) {
	text := zeekSample(1, 50, false)
	flows, _, err := allFlows(t, zeekConn, text)
	if err != nil {
		t.Fatal(err)
	}
	report := &netcase.InputReport{}
	in := &Input{R: bytes.NewReader(text), Report: report, Duplicate: func(k uint64) bool { return k == flows[3].Key || k == flows[7].Key }}
	n := 0
	err = zeekConn.Decode(context.Background(), in, func(b *netcase.Batch) error { n += len(b.Flows); return nil })
	if err != nil || n != len(flows)-2 || report.Duplicate != 2 || !report.Balanced() {
		t.Errorf("%d of %d flows, %d duplicates, %v", n, len(flows), report.Duplicate, err)
	}
}

// TestZeekRaw checks that the raw bytes and places of the second pass are those
// of the input.
func TestZeekRaw(t *testing.T) {
	text := zeekSample(2, 3*BatchSize, true)
	lines := bytes.Split(text, []byte("\n"))
	report := &netcase.InputReport{}
	in := &Input{R: bytes.NewReader(text), Report: report, Raw: true}
	err := zeekConn.Decode(context.Background(), in, func(b *netcase.Batch) error {
		for i := range b.Flows {
			f := &b.Flows[i]
			if !bytes.Equal(f.Raw, lines[f.Place.Line-1]) || !bytes.HasPrefix(text[f.Place.Offset:], f.Raw) {
				t.Fatalf("%+v: %q", f.Place, f.Raw)
			}
			if (f.Context == "") != (f.Raw[0] == '{') {
				t.Fatalf("context %q of %q", f.Context, f.Raw)
			}
		}
		return nil
	})
	if err != nil || report.Accepted == 0 {
		t.Fatalf("%v, %d accepted", err, report.Accepted)
	}
}

func TestZeekReadErrors(t *testing.T) {
	text := zeekSample(3, 100, false)
	broken := errors.New("the disk is gone")
	report := &netcase.InputReport{}
	r := io.MultiReader(bytes.NewReader(text[:len(text)/2]), iotest.ErrReader(broken))
	err := zeekConn.Decode(context.Background(), &Input{R: r, Report: report}, func(*netcase.Batch) error { return nil })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if report.Accepted < 30 || !report.Balanced() || report.Rejected > 1 {
		t.Errorf("%+v", report)
	}
	full := errors.New("the sink is full")
	err = zeekConn.Decode(context.Background(), &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}},
		func(*netcase.Batch) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = zeekConn.Decode(ctx, &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}}, func(*netcase.Batch) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestZeekLongLine(t *testing.T) {
	head, rest, _ := bytes.Cut(zeekSample(4, 10, false), []byte("#types"))
	text := append(append(bytes.Clone(head), bytes.Repeat([]byte("x"), maxLine+10)...), '\n')
	text = append(append(text, "#types"...), rest...)
	flows, report, err := allFlows(t, zeekConn, text)
	if err != nil || len(flows) != 10 || report.Rejected != 1 || report.Reasons["longer than 16 MB"] != 1 {
		t.Errorf("%d flows, %+v, %v", len(flows), report.Reasons, err)
	}
}

// zeekSample is a log of n random records, all of them sound; mixed puts JSON
// records between the tab-separated ones.
func zeekSample(seed uint64, n int, mixed bool) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	var b bytes.Buffer
	b.WriteString("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
	b.WriteString("#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n")
	b.WriteString("#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\n")
	for i := range n {
		m := zeekRandom(rng, i)
		if mixed && rng.IntN(2) == 0 {
			b.Write(zeekJSONLine(rng, m))
		} else {
			b.Write(zeekTabLine(m))
		}
		b.WriteByte('\n')
	}
	b.WriteString("#close\t2026-03-04-11-00-00\n")
	return b.Bytes()
}

// zeekRandom is one random record by column; a column that is not there is unset.
func zeekRandom(rng *rand.Rand, i int) map[string]string {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	m := map[string]string{
		"ts":        fmt.Sprintf("%d.%06d", 1772618400+i/10, rng.IntN(1e6)),
		"uid":       fmt.Sprintf("C%016x", rng.Uint64())[:1+rng.IntN(17)],
		"id.orig_h": pick("198.51.100.", "203.0.113.", "10.1.2.") + strconv.Itoa(rng.IntN(256)),
		"id.orig_p": strconv.Itoa(rng.IntN(65536)),
		"id.resp_h": pick("192.0.2.10", "192.0.2.11", "2001:db8::53", "::ffff:192.0.2.12", "fe80::1"),
		"id.resp_p": pick("22", "80", "443", "3389", "0"),
		"proto":     pick("tcp", "tcp", "udp", "icmp", "unknown_transport"),
	}
	optional := map[string]string{
		"service": pick("http", "ssl", "-", "dns,http"), "duration": fmt.Sprintf("%d.%06d", rng.IntN(100), rng.IntN(1e6)),
		"orig_bytes": strconv.Itoa(rng.IntN(5000)), "resp_bytes": strconv.Itoa(rng.IntN(2) * rng.IntN(5000)),
		"conn_state": pick("S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"),
		"local_orig": pick("T", "F"), "local_resp": pick("T", "F"), "history": pick("S", "Sr", "ShADadFf", "D", "Dd", "^hR", "C", "h"),
		"orig_pkts": strconv.Itoa(rng.IntN(9)), "resp_pkts": strconv.Itoa(rng.IntN(9)), "missed_bytes": "0",
	}
	for k, v := range optional {
		if rng.IntN(5) > 0 && v != "-" {
			m[k] = v
		}
	}
	return m
}

var zeekColumns = strings.Fields("ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents")

func zeekTabLine(m map[string]string) []byte {
	var b []byte
	for i, c := range zeekColumns {
		if i > 0 {
			b = append(b, '\t')
		}
		v, ok := m[c]
		if !ok {
			v = "-"
		}
		b = append(b, v...)
	}
	return b
}

func zeekJSONLine(rng *rand.Rand, m map[string]string) []byte {
	out := map[string]any{}
	for k, v := range m {
		switch {
		case v == "T" || v == "F":
			out[k] = v == "T"
		case k == "uid" || k == "service" || k == "history" || k == "conn_state" || k == "proto" || strings.HasSuffix(k, "_h"):
			out[k] = v
		default:
			out[k] = json.Number(v)
		}
	}
	if rng.IntN(3) == 0 {
		id := map[string]any{}
		for _, k := range []string{"orig_h", "orig_p", "resp_h", "resp_p"} {
			id[k] = out["id."+k]
			delete(out, "id."+k)
		}
		out["id"] = id
	}
	out["tunnel_parents"] = []string{"a\"]", "b}"}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return b
}

// zeekTwin decodes the slow and plain way: strings.Split and encoding/json.
func zeekTwin(t testing.TB, text string) (flows []netcase.Flow, rejected int64) {
	t.Helper()
	var columns []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.HasPrefix(line, "#fields"):
			columns = strings.Split(line, "\t")[1:]
		case line == "" || line[0] == '#':
		default:
			m, ok := zeekTwinRecord(line, columns)
			if !ok {
				rejected++
				continue
			}
			f, ok := zeekTwinFlow(m)
			if !ok {
				rejected++
				continue
			}
			flows = append(flows, f)
		}
	}
	return flows, rejected
}

func zeekTwinRecord(line string, columns []string) (map[string]string, bool) {
	m := map[string]string{}
	if line[0] != '{' {
		values := strings.Split(line, "\t")
		if len(values) < len(columns) {
			return nil, false
		}
		for i, c := range columns {
			if values[i] != "-" && values[i] != "(empty)" && values[i] != "" {
				m[c] = values[i]
			}
		}
		return m, true
	}
	var raw map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if d.Decode(&raw) != nil {
		return nil, false
	}
	if id, ok := raw["id"].(map[string]any); ok {
		for k, v := range id {
			raw["id."+k] = v
		}
	}
	for k, v := range raw {
		switch v := v.(type) {
		case string:
			m[k] = v
		case json.Number:
			m[k] = v.String()
		case bool:
			m[k] = map[bool]string{true: "T", false: "F"}[v]
		}
	}
	return m, true
}

func zeekTwinFlow(m map[string]string) (f netcase.Flow, ok bool) {
	micro := func(s string) int64 {
		whole, part, _ := strings.Cut(s, ".")
		w, _ := strconv.ParseInt(whole, 10, 64)
		p, _ := strconv.ParseInt((part + "000000")[:6], 10, 64)
		return w*1e6 + p
	}
	count := func(k string) int64 {
		if m[k] == "" {
			return netcase.Absent
		}
		n, err := strconv.ParseInt(m[k], 10, 64)
		ok = ok && err == nil
		return n
	}
	ok = m["ts"] != ""
	start := micro(m["ts"])
	f.Start, f.End = netcase.Time(start/1000), netcase.Time((start+micro(m["duration"]))/1000)
	src, err1 := netip.ParseAddr(m["id.orig_h"])
	dst, err2 := netip.ParseAddr(m["id.resp_h"])
	if err1 != nil || err2 != nil {
		return f, false
	}
	f.Src, f.Dst = netcase.At(src), netcase.At(dst)
	f.Proto = map[string]uint8{"tcp": 6, "udp": 17, "icmp": 1}[m["proto"]]
	if f.Proto == 1 && strings.Contains(m["id.resp_h"], ":") {
		f.Proto = 58
	}
	if m["proto"] != "icmp" {
		f.SrcPort, f.DstPort = uint16(count("id.orig_p")), uint16(count("id.resp_p"))
	}
	f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = count("orig_bytes"), count("resp_bytes"), count("orig_pkts"), count("resp_pkts")
	if m["local_orig"] == "T" {
		f.Ours |= netcase.SideSrc
	}
	if m["local_resp"] == "T" {
		f.Ours |= netcase.SideDst
	}
	h := readHistory([]byte(m["history"]))
	f.Reach = zeekReach([]byte(m["conn_state"]), h, &f, zeekICMPType(f.Proto, []byte(m["id.orig_p"])))
	f.Continued = f.Proto == netcase.TCP && h.midstream()
	f.Sensor, f.Flows, f.Records = zeekSensor, 1, 1
	f.Key = zeekKey([]byte(m["uid"]), &f)
	return f, ok
}

// TestZeekTwin compares the decoder with its slow twin on random records.
func TestZeekTwin(t *testing.T) {
	for seed := range uint64(20) {
		text := zeekSample(seed, 500, true)
		got, report, err := allFlows(t, zeekConn, text)
		if err != nil {
			t.Fatal(err)
		}
		want, rejected := zeekTwin(t, string(text))
		if len(got) != len(want) || report.Rejected != rejected || rejected != 0 {
			t.Fatalf("seed %d: %d flows and %d rejected, want %d and %d: %v", seed, len(got), report.Rejected, len(want), rejected, report.Samples)
		}
		for i := range got {
			if describe(&got[i]) != describe(&want[i]) {
				t.Fatalf("seed %d: %d:\n got %s\nwant %s", seed, i, describe(&got[i]), describe(&want[i]))
			}
		}
	}
}

// TestFlatObject compares the scanner of JSON objects with encoding/json on
// damaged records.
func TestFlatObject(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	lines := []string{`{}`, ` { } `, `{"a":1,}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":1e+5}`, `{"a":"\u00zz"}`,
		`{"a":"\q"}`, `{"a":"` + "\x01" + `"}`, `{"a":[1,2}`, `{"a":{"b":[}]}}`, `{"a":tru}`, `{"a":true}x`, `{"a":nullx}`, `{"a" "b"}`, `{a:1}`, `[]`, `{"a":"\"}`, `{"a":"b\\"}`, `{"\u0061":1}`}
	for i := range 3000 {
		line := zeekJSONLine(rng, zeekRandom(rng, i))
		for range rng.IntN(3) {
			line[rng.IntN(len(line))] = "\"{}[]:,\\ 0a-.et"[rng.IntN(15)]
		}
		lines = append(lines, string(line[:len(line)-rng.IntN(2)*rng.IntN(len(line))]))
	}
	for _, line := range lines {
		checkObject(t, line)
	}
}

// checkObject compares one text.
func checkObject(t *testing.T, line string) {
	t.Helper()
	var want map[string]json.RawMessage
	err := json.Unmarshal([]byte(line), &want)
	got := map[string]string{}
	o := newZeekObject([]byte(line))
	for o.next() {
		key := string(o.key)
		if o.kind == '"' {
			got[key] = `"` + string(o.text()) + `"`
		} else {
			got[key] = string(o.text())
		}
	}
	isObject := err == nil && want != nil
	if (o.fault == "") != isObject {
		t.Fatalf("%q: fault %q, encoding/json says %v", line, o.fault, err)
	}
	if !isObject || !utf8.ValidString(line) { // encoding/json repairs keys, which no key that is read needs
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%q: keys %v, want %v", line, got, want)
	}
	for k, v := range want {
		if got[k] != string(v) {
			t.Fatalf("%q: %s is %q, want %q", line, k, got[k], v)
		}
	}
}

func TestParseMicroseconds(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"1.5", 1500000, true}, {"1.", 1000000, true}, {"1772618400.430166", 1772618400430166, true},
		{"0.0018720000000023163", 1872, true}, {"1.772618405e9", 1772618405000000, true}, {"-2.5", -2500000, true},
		{".5", 500000, true}, {"", 0, false}, {"-", 0, false}, {"1.2.3", 0, false}, {"1e300", 0, false}, {"inf", 0, false},
		{"nan", 0, false}, {"0x10", 0, false}, {"1_0", 0, false}, {"99999999999999999999", 0, false}, {"9223372036853", 9223372036853000000, true},
	} {
		got, ok := parseMicroseconds([]byte(tt.text))
		if got != tt.want && ok || ok != tt.ok {
			t.Errorf("%q: %d %v, want %d %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseIPv4(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range fewer(20000, 2000) {
		b := make([]byte, 1+rng.IntN(16))
		for i := range b {
			b[i] = "0123456789...a"[rng.IntN(14)]
		}
		want, err := netip.ParseAddr(string(b))
		got, ok := parseIPv4(b)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: %v %v, want %v %v", b, got, ok, want, err)
		}
	}
}

// TestZeekRealData counts the records of real logs against their lines.
func TestZeekRealData(t *testing.T) {
	root := dataDir(t)
	skipped := map[string]bool{"rita/truncated/conn_top.log": true} // its header was cut away: nothing may claim it
	seen := 0
	for _, pattern := range []string{
		"stratosphere-testing/*/*conn*", "stratosphere-testing/*/data/*", "rita/*/*.log*", "rita/*/*/*.log*",
		"slips/*/*.log", "slips/*/*/conn.log", "iot23-34-1/*.gz", "otrf/apt29/day1/zeek/*.gz", "otrf/apt29/day1/zeek/*/*.log",
	} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			if skipped[filepath.ToSlash(name)] {
				continue
			}
			seen++
			t.Run(filepath.ToSlash(name), func(t *testing.T) { countZeek(t, path) })
		}
	}
	if seen < 50 {
		t.Errorf("only %d logs in %s", seen, root)
	}
}

// countZeek decodes a log and compares with a plain count of its lines.
func countZeek(t *testing.T, path string) {
	text := readAll(t, path)
	kind, why := detectZeek(text[:min(len(text), HeadSize)])
	if kind == "" {
		t.Fatal(why)
	}
	flows, report, err := allFlows(t, zeekConn, text)
	if err != nil {
		t.Fatal(err)
	}
	var lines, conns int64
	conn := false
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#path") {
			conn = strings.HasSuffix(line, "\tconn")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		lines++
		if line[0] == '{' {
			conn = strings.Contains(line, `"conn_state"`)
		}
		if conn {
			conns++
		}
	}
	if report.Read != lines || !report.Balanced() {
		t.Errorf("%d records read of %d lines: %+v", report.Read, lines, report.Reasons)
	}
	var events int64
	for _, n := range report.Events {
		events += n
	}
	if int64(len(flows)) > conns || int64(len(flows))+events != report.Accepted || conns-int64(len(flows)) > report.Rejected {
		t.Errorf("%d accepted, %d rejected, %d flows of %d connections: %+v", report.Accepted, report.Rejected, len(flows), conns, report.Reasons)
	}
	checkFlows(t, flows)
	t.Logf("%d lines, %d flows, %d rejected, %d skipped, %v, reach %+v", lines, len(flows), report.Rejected, report.Skipped, report.Reasons, report.Reaches)
}

// readAll is a file's content, decompressed where its name says so.
func readAll(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkFlows checks what every flow must hold to.
func checkFlows(t testing.TB, flows []netcase.Flow) {
	t.Helper()
	for i := range flows {
		f := &flows[i]
		switch {
		case !f.Start.Known() || f.End < f.Start:
			t.Fatalf("times: %s", describe(f))
		case !f.Src.Known() || !f.Dst.Known():
			t.Fatalf("ends: %s", describe(f))
		case min(f.OctetsIn, f.OctetsOut, f.PacketsIn, f.PacketsOut) < netcase.Absent:
			t.Fatalf("sizes: %s", describe(f))
		case f.Flows < 1 || f.Records < 1 || f.Sensor == "":
			t.Fatalf("counts: %s", describe(f))
		}
	}
}

// TestZeekKnownTruth checks what is known of two real captures.
func TestZeekKnownTruth(t *testing.T) {
	dir := dataDir(t, "iot23-34-1")
	flows, report, err := allFlows(t, zeekConn, readAll(t, filepath.Join(dir, "conn.log.labeled.gz")))
	if err != nil || len(flows) != 23145 || report.Rejected != 0 {
		t.Fatalf("%d flows, %v, %+v", len(flows), err, report.Reasons)
	}
	control := 0
	for i := range flows {
		if flows[i].Dst.String() == "185.244.25.235" && flows[i].DstPort == 6667 {
			control++
		}
	}
	if control < 6700 {
		t.Errorf("%d flows to the known control server, want 6,706 or more", control)
	}
}

func FuzzZeek(f *testing.F) {
	for _, name := range []string{"zeek-conn", "zeek-ssh", "zeek-rdp", "zeek-ssl", "zeek-http", "zeek-dns", "zeek-notice", "zeek-kerberos", "zeek-ntlm", "zeek-ftp"} {
		seedFrom(f, name)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		detectZeek(text[:min(len(text), HeadSize)])
		flows, report, err := allFlows(t, zeekConn, text)
		if err != nil {
			t.Fatal(err)
		}
		if !report.Balanced() || report.Accepted < int64(len(flows)) {
			t.Fatalf("%d flows: %+v", len(flows), report)
		}
		for reason := range report.Reasons {
			if strings.HasPrefix(reason, "panic") {
				t.Fatal(reason)
			}
		}
		checkFlows(t, flows)
		for _, line := range bytes.Split(text, []byte("\n")) {
			if len(line) > 0 && len(line) < 4096 {
				checkObject(t, string(line))
			}
		}
	})
}

// seedFrom adds the fixtures of a format to a fuzz target.
func seedFrom(f *testing.F, format string) {
	f.Helper()
	inputs, err := filepath.Glob(filepath.Join("testdata", format, "*", "in.*"))
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range inputs {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}

func BenchmarkZeek(b *testing.B) {
	for _, bm := range []struct {
		name string
		text []byte
	}{
		{"tabs", zeekSample(1, 20000, false)},
		{"json", zeekJSONSample(1, 20000)},
		{"skipped", bytes.Repeat([]byte(`{"ts":1772618401.2,"uid":"CnetcaseMix002","id.orig_h":"192.0.2.12","id.orig_p":50002,"id.resp_h":"203.0.113.7","id.resp_p":80,"trans_depth":1,"method":"GET","host":"example.org","uri":"/"}`+"\n"), 20000)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(len(bm.text)))
			b.ReportAllocs()
			for b.Loop() {
				in := &Input{R: bytes.NewReader(bm.text), Report: &netcase.InputReport{}}
				if err := zeekConn.Decode(context.Background(), in, func(*netcase.Batch) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func zeekJSONSample(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	var b bytes.Buffer
	for i := range n {
		b.Write(zeekJSONLine(rng, zeekRandom(rng, i)))
		b.WriteByte('\n')
	}
	return b.Bytes()
}
