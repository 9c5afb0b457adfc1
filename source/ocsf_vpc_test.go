package source

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"netcase"
)

// lakeOf is the lines of VPC flow logs in the order of awsLog as a security lake has them.
func lakeOf(text []byte) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(text)) {
		c := strings.Fields(line)
		if len(c) < 15 || c[0] == "version" {
			continue
		}
		action := map[string]int{"ACCEPT": 1, "REJECT": 2}[c[12]]
		fmt.Fprintf(&b, `{"metadata":{"product":{"name":"Amazon VPC","feature":{"name":"Flowlogs"}}},"class_uid":4001,"activity_id":6,"src_endpoint":{"ip":%q,"port":%s,"interface_uid":%q},"dst_endpoint":{"ip":%q,"port":%s},"connection_info":{"protocol_num":%s,"tcp_flags":%s},"traffic":{"packets":%s,"bytes":%s},"start_time":%s000,"end_time":%s000,"status_code":%q,"action_id":%d}`+"\n",
			c[3], c[5], c[2], c[4], c[6], c[7], c[14], c[8], c[9], c[10], c[11], c[13], action)
	}
	return b.Bytes()
}

// bare is flows without what tells their format.
func bare(flows []netcase.Flow) []netcase.Flow {
	for i := range flows {
		f := &flows[i]
		_, name, _ := strings.Cut(f.Sensor, "/")
		f.Sensor, f.Key, f.Place, f.Raw, f.Context, f.Stamp = name, 0, netcase.Place{}, nil, "", ""
	}
	return flows
}

// TestLakeIsVPCText: the records of a security lake give the flows that the text of the
// same logs gives.
func TestLakeIsVPCText(t *testing.T) {
	text := awsLog(3000, 7)
	want, _, err := allFlows(t, awsVPC, text)
	if err != nil {
		t.Fatal(err)
	}
	got, report, err := allFlows(t, ocsf, lakeOf(text))
	if err != nil || !report.Balanced() || report.Rejected != 0 {
		t.Fatalf("%v %+v", err, report)
	}
	both := 0
	for i := range got {
		if got[i].Records == 2 && got[i].OctetsIn > 0 {
			both++
		}
	}
	if both < 1000 {
		t.Errorf("%d of %d flows have both directions", both, len(got))
	}
	if !reflect.DeepEqual(bare(got), bare(want)) {
		t.Errorf("%d flows of the lake, %d of the text", len(got), len(want))
	}
}

type (
	lakeProduct struct {
		Name string `parquet:"name"`
	}
	lakeMetadata struct {
		Product lakeProduct `parquet:"product"`
	}
	lakeEnd struct {
		IP        string `parquet:"ip"`
		Port      int32  `parquet:"port"`
		Interface string `parquet:"interface_uid,optional"`
	}
	lakeConnection struct {
		Proto int32 `parquet:"protocol_num"`
		Flags int32 `parquet:"tcp_flags"`
	}
	lakeTraffic struct {
		Packets int64 `parquet:"packets"`
		Bytes   int64 `parquet:"bytes"`
	}
	lakeRow struct {
		Metadata   lakeMetadata   `parquet:"metadata"`
		Class      int32          `parquet:"class_uid"`
		Activity   int32          `parquet:"activity_id"`
		Src        lakeEnd        `parquet:"src_endpoint"`
		Dst        lakeEnd        `parquet:"dst_endpoint"`
		Connection lakeConnection `parquet:"connection_info"`
		Traffic    lakeTraffic    `parquet:"traffic"`
		Start      int64          `parquet:"start_time"`
		End        int64          `parquet:"end_time"`
		Status     string         `parquet:"status_code"`
		Action     int32          `parquet:"action_id"`
	}
)

// lakeRows is a connection in both directions, and one that was refused.
func lakeRows() []lakeRow {
	const at = 1760969100000
	outside, inner := lakeEnd{IP: "198.51.100.7", Port: 40001}, lakeEnd{IP: "10.0.1.5", Port: 3389, Interface: "eni-0a1b2c3d"}
	row := func(src, dst lakeEnd, flags int32, packets, octets int64, action int32) lakeRow {
		return lakeRow{lakeMetadata{lakeProduct{"Amazon VPC"}}, 4001, 6, src, dst, lakeConnection{6, flags}, lakeTraffic{packets, octets}, at, at + 58_000, "OK", action}
	}
	return []lakeRow{row(outside, inner, 3, 9, 1900, 1), row(lakeEnd{IP: "203.0.113.9", Port: 51000}, inner, 2, 1, 60, 2), row(inner, outside, 19, 8, 7000, 1)}
}

// TestLakeParquet reads what a security lake keeps: Parquet whose columns nest.
func TestLakeParquet(t *testing.T) {
	flows, report, err := allFlows(t, parquetOf(Formats), parquetOfRows(lakeRows()))
	if err != nil || !report.Balanced() || len(flows) != 2 {
		t.Fatalf("%d flows %v %+v", len(flows), err, report)
	}
	f := flows[0]
	if flows[0].SrcPort != 40001 {
		f = flows[1]
	}
	if f.Reach != netcase.ReachBidirectional || f.OctetsOut != 1900 || f.OctetsIn != 7000 || f.Records != 2 {
		t.Errorf("%+v", f)
	}
}
