package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"netcase"
)

type vpcRow struct {
	Version     int32  `parquet:"version"`
	AccountID   string `parquet:"account_id"`
	InterfaceID string `parquet:"interface_id,dict"`
	SrcAddr     string `parquet:"srcaddr"`
	DstAddr     string `parquet:"dstaddr"`
	SrcPort     int32  `parquet:"srcport"`
	DstPort     int32  `parquet:"dstport"`
	Protocol    int64  `parquet:"protocol"`
	Packets     int64  `parquet:"packets"`
	Bytes       int64  `parquet:"bytes"`
	Start       int64  `parquet:"start"`
	End         int64  `parquet:"end"`
	Action      string `parquet:"action"`
}

type parquetDevice struct {
	Timestamp  time.Time `parquet:"Timestamp,timestamp(microsecond)"`
	DeviceName string
	ActionType string
	RemoteIP   string
	RemotePort int32
	LocalIP    string
	LocalPort  int32
	Protocol   string
	ReportID   int64 `parquet:"ReportId"`
}

func parquetOfRows[T any](rows []T) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(1000))
	if _, err := w.Write(rows); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func vpcRows(n int) (rows []vpcRow) {
	for i := range n {
		action := "ACCEPT"
		if i%3 == 1 {
			action = "REJECT"
		}
		rows = append(rows, vpcRow{2, "123456789010", "eni-0a1b2c3d", outside, inner, int32(40000 + i%20000), 3389, 6, 3, 180, 1760969100, 1760969160, action})
	}
	return rows
}

func parquetFixtures() map[string][]byte {
	at := time.Date(2025, 10, 20, 14, 5, 0, 123_000_000, time.UTC)
	bad := vpcRows(3)
	bad[1].SrcAddr = "nowhere"
	return map[string][]byte{
		"aws-vpc":       parquetOfRows(bad),
		"security-lake": parquetOfRows(lakeRows()),
		"defender": parquetOfRows([]parquetDevice{
			{at, "web01", "InboundConnectionAccepted", outside, 40001, inner, 3389, "Tcp", 17},
			{at, "web01", "ConnectionSuccess", "198.51.100.53", 443, inner, 50000, "Tcp", 18},
		}),
	}
}

func TestFixturesOfParquet(t *testing.T) {
	writeFixtures(t, formatParquet, "parquet", parquetFixtures())
}

func TestParquetUnknownTable(t *testing.T) {
	type row struct{ A, B string }
	_, _, err := allFlows(t, parquetOf(Formats), parquetOfRows([]row{{"1", "2"}}))
	if err == nil || !strings.Contains(err.Error(), "A, B") {
		t.Errorf("%v", err)
	}
}

// TestParquetCorruptPage: rows that are lost are counted, and the rest is read.
func TestParquetCorruptPage(t *testing.T) {
	text := parquetOfRows(vpcRows(5000))
	whole, _, err := allFlows(t, parquetOf(Formats), text)
	if err != nil || len(whole) != 5000 {
		t.Fatalf("%d %v", len(whole), err)
	}
	for at := 4; at < len(text)-2000; at += 311 * fewer(1, 10) {
		broken := bytes.Clone(text)
		for i := range 16 {
			broken[at+i] ^= 0x5a
		}
		flows, report, err := allFlows(t, parquetOf(Formats), broken)
		if !report.Balanced() || err == nil && report.Read < 5000 {
			t.Fatalf("at %d: %d flows, %v, %+v", at, len(flows), err, report)
		}
	}
}

// TestParquetClaims: what claims more than it can hold is refused before it is allocated.
func TestParquetClaims(t *testing.T) {
	footer := []byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0}
	text := append([]byte("PAR1"), footer...)
	text = append(text, byte(len(footer)), 0, 0, 0)
	text = append(text, "PAR1"...)
	if _, _, err := allFlows(t, parquetOf(Formats), text); err == nil || !strings.Contains(err.Error(), errParquetBomb.Error()) {
		t.Errorf("%v", err)
	}
}

// TestParquetFile reads by random access, and from a stream that is too long for memory.
func TestParquetFile(t *testing.T) {
	text := parquetFixtures()["aws-vpc"]
	report := &netcase.InputReport{}
	n := 0
	in := &Input{R: iotestFail{}, Report: report, File: func() (io.ReaderAt, int64, error) { return bytes.NewReader(text), int64(len(text)), nil }}
	if err := parquetOf(Formats).Decode(context.Background(), in, func(b *netcase.Batch) error { n += len(b.Flows); return nil }); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
}

type iotestFail struct{}

func (iotestFail) Read([]byte) (int, error) { return 0, fmt.Errorf("the stream was read") }

func FuzzParquet(f *testing.F) {
	for _, text := range parquetFixtures() {
		f.Add(text)
	}
	_ = "parquet"
	f.Fuzz(func(t *testing.T, text []byte) {
		flows, report, _ := allFlows(t, parquetOf(Formats), text)
		if !report.Balanced() {
			t.Fatalf("%d flows: %+v", len(flows), report)
		}
	})
}

// TestConservativeDetection: no fixture or real file of another format is claimed.
func TestConservativeDetection(t *testing.T) {
	mine := []Format{pcapCapture, netflowCapture, binetflow, nfdumpExport, parquetOf(Formats)}
	claimed := map[string]bool{".pcap": true, ".binetflow": true, ".nfdump": true, ".parquet": true}
	check := func(path string, text []byte) {
		for _, f := range mine {
			if ok, _ := f.Detect(text[:min(len(text), HeadSize)]); ok && !strings.Contains(path, "testdata/"+f.Name+"/") && !claimed[filepath.Ext(path)] {
				t.Errorf("%s is claimed by %s", path, f.Name)
			}
		}
	}
	walk := func(root string) {
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			file, err := os.Open(path)
			if err != nil {
				return nil
			}
			defer file.Close()
			head := make([]byte, HeadSize)
			n, _ := io.ReadFull(file, head)
			check(filepath.ToSlash(path), head[:n])
			return nil
		})
	}
	walk("testdata")
	walk(dataDir(t))
}
