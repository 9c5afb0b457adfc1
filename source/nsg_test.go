package source

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"netcase"
)

func TestRealNSG(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dataDir(t, "azure-nsg-v2"), "PT1H.json"))
	if err != nil {
		t.Fatal(err)
	}
	flows, report, err := allFlows(t, azureNSG, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Read != 8203 || report.Accepted != 8203 || !report.Balanced() {
		t.Errorf("read %d, accepted %d of 8203 tuples: %v", report.Read, report.Accepted, report.Reasons)
	}
	var web, records, denied int
	for _, f := range flows {
		if f.Dst.Addr.String() == "10.0.0.4" && f.DstPort == 80 {
			web++
			records += int(f.Records)
		}
		if f.Reach == netcase.ReachDenied {
			denied++
		}
	}
	if web != 5039 || records != 8171 || denied != 7 {
		t.Errorf("%d flows of %d tuples to 10.0.0.4:80, %d denied; want 5039 of 8171, 7", web, records, denied)
	}
	t.Logf("%+v", report)
}

func TestRealVNet(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dataDir(t, "azure-vnet-v4"), "PT1H.json"))
	if err != nil {
		t.Fatal(err)
	}
	flows, report, err := allFlows(t, azureVNet, text)
	if err != nil {
		t.Fatal(err)
	}
	if report.Read != 76 || report.Accepted != 76 {
		t.Errorf("read %d, accepted %d of 76 tuples: %v", report.Read, report.Accepted, report.Reasons)
	}
	denied := 0
	for _, f := range flows {
		if f.Reach == netcase.ReachDenied && f.Ours == netcase.SideDst {
			denied++
		}
	}
	if denied != 66 {
		t.Errorf("%d denied inbound probes, want 66", denied)
	}
	t.Logf("%+v", report)
}

// discard is a sink that keeps nothing.
func discard(*netcase.Batch) error { return nil }

// nsgDocument writes a blob with random flows: beginnings, ends and denials.
func nsgDocument(rng *rand.Rand, records, tuples int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"records":[`)
	at := int64(1760969000)
	for r := range records {
		if r > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"time":"2025-10-20T14:00:00Z","macAddress":"0022486A000%d","category":"NetworkSecurityGroupFlowEvent",`+
			`"resourceId":"/SUBSCRIPTIONS/S/NETWORKSECURITYGROUPS/NSG-%d","properties":{"Version":2,"flows":[{"rule":"UserRule_a","flows":[{"mac":"0022486A000%d","flowTuples":[`,
			rng.IntN(2), rng.IntN(2), rng.IntN(2))
		for i := range tuples {
			if i > 0 {
				b.WriteByte(',')
			}
			at += int64(rng.IntN(2))
			fmt.Fprintf(&b, `"%d,198.51.100.%d,10.0.0.%d,%d,%d,T,I,`, at, rng.IntN(20), 4+rng.IntN(2), 50000+rng.IntN(8), 22+rng.IntN(2))
			switch rng.IntN(4) {
			case 0:
				b.WriteString(`D,B,,,,"`)
			case 1:
				b.WriteString(`A,B,,,,"`)
			default:
				fmt.Fprintf(&b, `A,%c,%d,%d,%d,%d"`, "CE"[rng.IntN(2)], rng.IntN(5), rng.IntN(900), rng.IntN(4), rng.IntN(900))
			}
		}
		b.WriteString(`]}]}]}}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// twinFlow is what the slow twin knows of a flow.
type twinFlow struct{ first, last, records, out, in int64 }

// nsgTwin joins tuples with encoding/json and maps, one list of flows for each
// sensor, interface, ends and decision.
func nsgTwin(t *testing.T, text []byte) map[string][]twinFlow {
	t.Helper()
	var doc struct {
		Records []struct {
			ResourceID string `json:"resourceId"`
			Properties struct {
				Flows []struct {
					Flows []struct {
						Mac        string
						FlowTuples []string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	flows, open := map[string][]twinFlow{}, map[string]bool{}
	for _, r := range doc.Records {
		for _, rule := range r.Properties.Flows {
			for _, mac := range rule.Flows {
				for _, tuple := range mac.FlowTuples {
					c := strings.Split(tuple, ",")
					key := strings.Join(append([]string{r.ResourceID[strings.LastIndex(r.ResourceID, "/")+1:]}, c[1:8]...), " ")
					id := mac.Mac + key
					at, _ := strconv.ParseInt(c[0], 10, 64)
					out, _ := strconv.ParseInt(c[10], 10, 64)
					in, _ := strconv.ParseInt(c[12], 10, 64)
					if c[7] == "D" || c[8] == "B" || !open[id] {
						open[id] = c[7] == "A"
						flows[id] = append(flows[id], twinFlow{first: at, last: at, records: 1, out: out, in: in})
					} else {
						f := &flows[id][len(flows[id])-1]
						f.last, f.records, f.out, f.in = max(f.last, at), f.records+1, f.out+out, f.in+in
					}
					if c[8] == "E" {
						open[id] = false
					}
				}
			}
		}
	}
	joined := map[string][]twinFlow{}
	for id, list := range flows {
		joined[id[len("0022486A0000"):]] = append(joined[id[len("0022486A0000"):]], list...)
	}
	return joined
}

func compareTwins(a, b twinFlow) int {
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last), cmp.Compare(a.records, b.records),
		cmp.Compare(a.out, b.out), cmp.Compare(a.in, b.in))
}

func TestNSGReadsAsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		text := nsgDocument(rng, 1+rng.IntN(4), 1+rng.IntN(60))
		flows, report, err := allFlows(t, azureNSG, text)
		if err != nil || !report.Balanced() || report.Rejected > 0 {
			t.Fatalf("%v, %+v", err, report)
		}
		got := map[string][]twinFlow{}
		for _, f := range flows {
			decision := "A"
			if f.Reach == netcase.ReachDenied {
				decision = "D"
			}
			key := fmt.Sprintf("%s %s %s %d %d T I %s", strings.TrimPrefix(f.Sensor, "azure-nsg/"), f.Src.Addr, f.Dst.Addr, f.SrcPort, f.DstPort, decision)
			got[key] = append(got[key], twinFlow{int64(f.Start / 1000), int64(f.End / 1000), f.Records, max(f.OctetsOut, 0), max(f.OctetsIn, 0)})
		}
		want := nsgTwin(t, text)
		if len(got) != len(want) {
			t.Fatalf("%d keys, want %d", len(got), len(want))
		}
		for key := range want {
			slices.SortFunc(got[key], compareTwins)
			slices.SortFunc(want[key], compareTwins)
			if !slices.Equal(got[key], want[key]) {
				t.Fatalf("%s: %v, want %v", key, got[key], want[key])
			}
		}
	}
}

// TestBlobsDoNotCareHowTheyAreRead reads byte by byte, and with sorted names.
func TestBlobsDoNotCareHowTheyAreRead(t *testing.T) {
	text := nsgDocument(rand.New(rand.NewPCG(5, 6)), 3, 40)
	want, _, _ := allFlows(t, azureNSG, text)
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(doc) // maps are written with sorted keys: names stand last
	if err != nil {
		t.Fatal(err)
	}
	readers := map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(text)),
		"names last":   bytes.NewReader(sorted),
		"with errors":  iotest.DataErrReader(bytes.NewReader(text)),
	}
	for name, r := range readers {
		var got []netcase.Flow
		in := &Input{R: r, Report: &netcase.InputReport{}}
		err := azureNSG.Decode(t.Context(), in, func(b *netcase.Batch) error { got = append(got, b.Flows...); return nil })
		if err != nil || !slices.EqualFunc(got, want, func(a, b netcase.Flow) bool { return describe(&a) == describe(&b) }) {
			t.Errorf("%s: %d flows, %v; want %d", name, len(got), err, len(want))
		}
	}
}

// TestTwoDownloadsOfOneBlob reads a blob, and then the same blob as it stood
// later, with the keys of the first marked as delivered.
func TestTwoDownloadsOfOneBlob(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	all := nsgDocument(rng, 6, 50)
	early := append(bytes.Clone(all[:bytes.LastIndex(all, []byte(`,{"time"`))]), "]}"...)
	first, _, err := allFlows(t, azureNSG, early)
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := allFlows(t, azureNSG, all)
	if err != nil {
		t.Fatal(err)
	}
	delivered := map[uint64]bool{}
	for _, f := range first {
		if f.Key == 0 {
			t.Fatal("a flow without a key")
		}
		delivered[f.Key] = true
	}
	news := 0
	for _, f := range whole {
		if !delivered[f.Key] {
			news++
		}
	}
	var report netcase.InputReport
	in := &Input{R: bytes.NewReader(all), Report: &report, Duplicate: func(k uint64) bool { return delivered[k] }}
	if err := azureNSG.Decode(t.Context(), in, discard); err != nil || !report.Balanced() {
		t.Fatal(err, report)
	}
	if int(report.Flows) != news || report.Duplicate == 0 || news == 0 {
		t.Errorf("%d flows, %d of them new; %d records delivered already", report.Flows, news, report.Duplicate)
	}
}

func TestOpenFlowsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 30 MB; not with -short")
	}
	r, w := io.Pipe()
	const n = maxOpenFlows + 1000
	go func() {
		out := bufio.NewWriter(w)
		out.WriteString(`{"records":[{"resourceId":"/X/NSG","macAddress":"M","properties":{"flows":[{"rule":"r","flows":[{"mac":"M","flowTuples":[`)
		for i := range n {
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(out, `"1760969000,10.%d.%d.%d,10.0.0.4,1000,22,T,I,A,B,,,,"`, i>>16, i>>8&255, i&255)
		}
		out.WriteString(`]}]}]}}]}`)
		out.Flush()
		w.Close()
	}()
	var report netcase.InputReport
	if err := azureNSG.Decode(t.Context(), &Input{R: r, Report: &report}, discard); err != nil {
		t.Fatal(err)
	}
	if report.Flows != n || len(report.Notes) != 1 {
		t.Errorf("%d flows, %q", report.Flows, report.Notes)
	}
}

func fuzzFormat(f *testing.F, format Format, name string) {
	inputs, err := filepath.Glob(filepath.Join("testdata", name, "*", "in.*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, input := range inputs {
		text, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkDecoding(t, format, text) })
}

// checkDecoding decodes anything and checks what must hold whatever it is.
func checkDecoding(t *testing.T, format Format, text []byte) {
	format.Detect(text[:min(len(text), HeadSize)])
	report := &netcase.InputReport{}
	in := &Input{R: bytes.NewReader(text), Report: report, Raw: true}
	records := int64(0)
	_ = format.Decode(t.Context(), in, func(b *netcase.Batch) error {
		for i := range b.Flows {
			f := &b.Flows[i]
			records += f.Records
			checkFlow(t, f)
			if f.Place.Offset < 0 || f.Place.Offset > int64(len(text)) || !bytes.HasPrefix(text[f.Place.Offset:], f.Raw) {
				t.Fatalf("the raw bytes do not stand at offset %d: %s", f.Place.Offset, describe(f))
			}
		}
		for i := range b.Processes {
			p := &b.Processes[i]
			if !p.Time.Known() || !utf8.ValidString(p.CommandLine+p.Image+p.Account+p.Host.Name) {
				t.Fatalf("%+v", p)
			}
		}
		return nil
	})
	if !report.Balanced() || report.Accepted > records && len(report.Sensors) == 0 {
		t.Fatalf("records do not add up: %+v", report)
	}
	for _, n := range report.Notes {
		if strings.Contains(n, "the decoder failed") {
			t.Fatal(n)
		}
	}
	for reason := range report.Reasons {
		if strings.HasPrefix(reason, "panic") {
			t.Fatal(reason)
		}
	}
}

func checkFlow(t *testing.T, f *netcase.Flow) {
	t.Helper()
	sizes := min(f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn) >= netcase.Absent
	names := utf8.ValidString(f.Src.Name + f.Dst.Name + f.Rule + f.Sensor + f.Context)
	if f.End < f.Start || !f.Start.Known() || f.Flows < 1 || f.Records < 1 || f.Key == 0 || !sizes || !names ||
		f.Src.Addr.Is4In6() || f.Dst.Addr.Is4In6() || f.Src.Addr.Zone() != "" || !f.Src.Known() && !f.Dst.Known() {
		t.Fatalf("%s", describe(f))
	}
}

func FuzzNSG(f *testing.F)  { fuzzFormat(f, azureNSG, "azure-nsg") }
func FuzzVNet(f *testing.F) { fuzzFormat(f, azureVNet, "azure-vnet") }

// benchmarkFormat decodes a text and reports records a second.
func benchmarkFormat(b *testing.B, format Format, text []byte, records int64) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		report := &netcase.InputReport{}
		in := &Input{R: bytes.NewReader(text), Report: report}
		if err := format.Decode(b.Context(), in, discard); err != nil || report.Read != records {
			b.Fatal(err, report.Read)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkNSG(b *testing.B) {
	benchmarkFormat(b, azureNSG, nsgDocument(rand.New(rand.NewPCG(9, 9)), 20, 5000), 100_000)
}

func BenchmarkVNet(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(`{"records":[{"targetResourceID":"/x/vnet","macAddress":"M","flowRecords":{"flows":[{"aclID":"a","flowGroups":[{"rule":"r","flowTuples":[`)
	for i := range 100_000 {
		if i > 0 {
			text.WriteByte(',')
		}
		state := "BE"[i%2]
		fmt.Fprintf(&text, `"1760969%06d,198.51.100.%d,10.0.0.4,%d,443,6,I,%c,NX,%d,900,9,8000"`, i, i/2%200, 1024+i/2%50000, state, 10*(i%2))
	}
	text.WriteString(`]}]}]}}]}`)
	benchmarkFormat(b, azureVNet, text.Bytes(), 100_000)
}

// TestQuickTuples: a tuple read from left to right is what it is by its fields, and
// what the fields refuse is not taken.
func TestQuickTuples(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	pieces := []string{"", "0", "1", "9", "A", "B", "C", "D", "E", "I", "O", "T", "U", "NX", "NX_NOT_ACCEPTED", ",", ",,", ".", "-", "256", "65536", "17"}
	for _, c := range []struct {
		format, sample string
		quick          func([]byte, *tuple) bool
		parse          func([][]byte, *tuple) (string, string)
	}{
		{"nsg", "1760969000,198.51.100.23,10.0.0.4,35370,23,T,I,A,C,1,60,2,80", quickNSG, nsgTuple},
		{"vnet", "1760969000123,198.51.100.23,10.0.0.4,35370,23,6,I,E,NX,1,60,2,80", quickVNet, vnetTuple},
	} {
		taken := 0
		for range 200_000 {
			fields := strings.Split(c.sample, ",")
			for range rng.IntN(3) {
				at := rng.IntN(len(fields))
				fields[at] = pieces[rng.IntN(len(pieces))]
			}
			text := []byte(strings.Join(fields, ","))
			var quick, slow tuple
			if !c.quick(text, &quick) {
				continue
			}
			taken++
			r := blobReader{}
			if field, reason := c.parse(r.split(text), &slow); reason != "" || quick != slow {
				t.Fatalf("%s %s:\n got %+v\nwant %+v %s %s", c.format, text, quick, slow, field, reason)
			}
		}
		if taken < 20_000 {
			t.Errorf("%s: only %d taken", c.format, taken)
		}
	}
}
