package source

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
)

func realExports(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dataDir(t, "netflow-pcaps"), "*", "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestNetflowRealData: every capture of exports is recognised, and alone as such.
func TestNetflowRealData(t *testing.T) {
	for _, path := range realExports(t) {
		text := readAll(t, path)
		format, err := Recognise(Formats(), text)
		if err != nil || format.Name != formatNetflow {
			t.Errorf("%s: %s %v", filepath.Base(path), format.Name, err)
			continue
		}
		flows, report, err := allFlows(t, netflowCapture, text)
		if err != nil || !report.Balanced() {
			t.Errorf("%s: %v %+v", path, err, report)
		}
		checkFlows(t, flows)
		t.Logf("%s: %d read, %d accepted, %v %q", filepath.Base(path), report.Read, report.Accepted, report.Reasons, report.Notes)
		for i := range flows[:min(len(flows), 3)] {
			t.Log("   ", describe(&flows[i]))
		}
	}
	for _, path := range realCaptures(t) {
		text := readAll(t, path)
		if format, err := Recognise(Formats(), text[:min(len(text), HeadSize)]); err != nil || format.Name != formatPcap {
			t.Errorf("%s: %s %v", path, format.Name, err)
		}
	}
}

// TestNetflowTemplatesElsewhere: captures that hold only data are read together with
// those that hold their templates, in either order.
func TestNetflowTemplatesElsewhere(t *testing.T) {
	dir := dataDir(t, "netflow-pcaps", "akvorado-netflow")
	for _, c := range []struct {
		templates, data string
		flows           int
	}{
		{"template", "data", 4}, {"icmp-template", "icmp-data", 4}, {"ipfixprobe-templates", "ipfixprobe-data", 6},
		{"datalink-template", "datalink-data", 1}, {"juniper-cpid-template", "juniper-cpid-data", 1}, {"samplingrate-template", "samplingrate-data", 6},
	} {
		a, b := readAll(t, filepath.Join(dir, c.templates+".pcap")), readAll(t, filepath.Join(dir, c.data+".pcap"))
		for _, text := range [][]byte{append(bytes.Clone(a), b[pcapHeader:]...), append(bytes.Clone(b), a[pcapHeader:]...)} {
			flows, report, err := allFlows(t, netflowCapture, text)
			var records int64
			for i := range flows {
				records += flows[i].Records
			}
			if err != nil || report.Rejected > 0 || !report.Balanced() {
				t.Errorf("%s: %v %+v", c.data, err, report)
			}
			checkFlows(t, flows)
			t.Logf("%s: %d flows of %d records, %v %q", c.data, len(flows), records, report.Reasons, report.Notes)
			for i := range flows[:min(len(flows), 2)] {
				t.Log("   ", describe(&flows[i]))
			}
		}
	}
}

// capture is a capture of datagrams from one exporter to a collector.
func exportCapture(port uint16, datagrams ...[]byte) []byte {
	w := newWire(linkEthernet)
	for _, d := range datagrams {
		w.put(1000, etherIP("192.0.2.254", "192.0.2.250", 17, udpDatagram(50000, port, d)))
	}
	return bytes.Clone(w.b.Bytes())
}

// bigEndian writes numbers one after another, each in the width of its type.
func bigEndian(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if text, ok := v.([]byte); ok {
			b.Write(text)
			continue
		}
		if err := binary.Write(&b, binary.BigEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

const exportedAt = uint32(1760969160) // 2025-10-20T14:06:00Z

func addr4(s string) []byte { return addrBytes(s) }

func v5Row(src, dst string, sport, dport uint16, proto, flags uint8, packets, octets, first, last uint32) []byte {
	return bigEndian(addr4(src), addr4(dst), uint32(0), uint16(1), uint16(2), packets, octets, first, last, sport, dport,
		uint8(0), flags, proto, uint8(0), uint16(0), uint16(0), uint8(24), uint8(24), uint16(0))
}

func v5Packet(sampling uint16, rows ...[]byte) []byte {
	return bigEndian(uint16(5), uint16(len(rows)), uint32(600_000), exportedAt, uint32(0), uint32(1), uint8(0), uint8(7), sampling, bytes.Join(rows, nil))
}

func set(id uint16, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return bigEndian(id, uint16(4+len(all)), all)
}

func v9Packet(count uint16, sets ...[]byte) []byte {
	return bigEndian(uint16(9), count, uint32(600_000), exportedAt, uint32(1), uint32(3), bytes.Join(sets, nil))
}

func ipfixPacket(sets ...[]byte) []byte {
	all := bytes.Join(sets, nil)
	return bigEndian(uint16(10), uint16(16+len(all)), exportedAt, uint32(1), uint32(3), all)
}

func netflowFixtures() map[string][]byte {
	const syn, ack, rst, fin, psh = tcpSYN, tcpACK, tcpRST, tcpFIN, tcpPSH
	out := map[string][]byte{}
	out["v5"] = exportCapture(2055, v5Packet(0,
		v5Row(outside, inner, 40001, 22, 6, syn|ack|psh|fin, 12, 2400, 540_000, 560_000),
		v5Row(inner, outside, 22, 40001, 6, syn|ack|psh|fin, 10, 4100, 540_010, 560_000),
		v5Row(outside, inner, 40002, 23, 6, syn, 3, 180, 541_000, 548_000), // no answer
		v5Row(outside, inner, 40003, 3389, 6, syn, 1, 60, 542_000, 542_000),
		v5Row(inner, outside, 3389, 40003, 6, rst|ack, 1, 40, 542_000, 542_000),
		v5Row(inner, "198.51.100.53", 50000, 53, 17, 0, 1, 70, 543_000, 543_000),
		v5Row("198.51.100.53", inner, 53, 50000, 17, 0, 1, 300, 543_020, 543_020),
		v5Row(outside, inner, 0, 8<<8, 1, 0, 1, 84, 544_000, 544_000),
		v5Row(inner, outside, 0, 0, 1, 0, 1, 84, 544_000, 544_000),
	), v5Packet(0x4000|100, v5Row(outside, inner, 40005, 80, 6, syn, 1, 60, 4294967000, 10)))
	template := set(0, bigEndian(uint16(256), uint16(10), uint16(8), uint16(4), uint16(12), uint16(4), uint16(7), uint16(2), uint16(11), uint16(2),
		uint16(4), uint16(1), uint16(6), uint16(1), uint16(1), uint16(4), uint16(2), uint16(4), uint16(22), uint16(4), uint16(89), uint16(1)))
	row := func(src, dst string, sport, dport uint16, flags, status uint8) []byte {
		return bigEndian(addr4(src), addr4(dst), sport, dport, uint8(6), flags, uint32(60), uint32(1), uint32(550_000), status)
	}
	data := set(256, row(outside, inner, 41000, 22, syn, 64), row(outside, inner, 41001, 445, syn, 129), row(outside, inner, 41002, 22, ack, 64))
	out["v9-forwarding"] = exportCapture(9995, v9Packet(3, data), v9Packet(1, template), v9Packet(3, data), v9Packet(1, set(300, make([]byte, 40))))
	biflow := set(2, bigEndian(uint16(256), uint16(11), uint16(27), uint16(16), uint16(28), uint16(16), uint16(7), uint16(2), uint16(11), uint16(2),
		uint16(4), uint16(1), uint16(152), uint16(8), uint16(153), uint16(8), uint16(1), uint16(8), uint16(2), uint16(8),
		uint16(0x8001), uint16(8), uint32(reversePEN), uint16(0x8002), uint16(8), uint32(reversePEN)))
	both := func(port uint16, back, backPackets uint64) []byte {
		return bigEndian(addrBytes("2001:db8::1"), addrBytes("2001:db8::2"), uint16(42000), port, uint8(6),
			uint64(1760969100123), uint64(1760969101456), uint64(9000), uint64(12), back, backPackets)
	}
	options := set(3, bigEndian(uint16(258), uint16(2), uint16(1), uint16(149), uint16(4), uint16(34), uint16(4)))
	out["ipfix-biflow"] = exportCapture(4739, ipfixPacket(biflow, set(256, both(443, 70000, 60), both(8443, 0, 0))),
		ipfixPacket(options, set(258, bigEndian(uint32(3), uint32(1000)))), ipfixPacket(set(256, both(443, 100, 2))))
	nsel := set(0, bigEndian(uint16(260), uint16(9), uint16(8), uint16(4), uint16(12), uint16(4), uint16(7), uint16(2), uint16(11), uint16(2),
		uint16(4), uint16(1), uint16(323), uint16(8), uint16(233), uint16(1), uint16(231), uint16(4), uint16(232), uint16(4)))
	event := func(port uint16, at uint64, kind uint8, sent, got uint32) []byte {
		return bigEndian(addr4(outside), addr4(inner), port, uint16(443), uint8(6), at, kind, sent, got)
	}
	out["nsel"] = exportCapture(2055, v9Packet(5, nsel, set(260,
		event(43000, 1760969100000, 1, 0, 0), event(43001, 1760969101000, 3, 0, 0),
		event(43000, 1760969130000, 2, 5000, 90000), event(43002, 1760969140000, 1, 0, 0))))
	header := etherIP(outside, inner, 6, tcpSegment(44000, 22, syn, ""))
	sample := func(frame []byte, output uint32) []byte {
		padded := append(bytes.Clone(frame), make([]byte, (4-len(frame)%4)%4)...)
		raw := bigEndian(uint32(1), uint32(16+len(padded)), uint32(1), uint32(len(frame)+4), uint32(4), uint32(len(frame)), padded)
		body := bigEndian(uint32(1), uint32(5), uint32(512), uint32(1000), uint32(0), uint32(5), output, uint32(1), raw)
		return bigEndian(uint32(1), uint32(len(body)), body)
	}
	datagram := func(n uint32, samples ...[]byte) []byte {
		return bigEndian(uint32(5), uint32(1), addr4("192.0.2.253"), uint32(0), uint32(1), uint32(1000), n, bytes.Join(samples, nil))
	}
	out["sflow"] = exportCapture(6343, datagram(5, sample(header, 6), sample(header, 1<<30|258),
		sample(etherIP(inner, outside, 6, tcpSegment(22, 44000, syn|ack, "")), 5),
		sample(etherIP(outside, inner, 17, udpDatagram(44001, 53, nil)), 6), bigEndian(uint32(2), uint32(12), make([]byte, 12))))
	bomb := bigEndian(uint16(400), uint16(2000), make([]byte, 8000))
	out["hostile"] = exportCapture(2055,
		v5Packet(0, v5Row(outside, inner, 1, 2, 6, syn, 1, 1, 0, 0))[:60],
		v9Packet(1, set(0, bomb)), v9Packet(1, set(0, bigEndian(uint16(256), uint16(1), uint16(1), uint16(0)))),
		v9Packet(1, set(256, make([]byte, 100))),
		v9Packet(2, set(0, bigEndian(uint16(257), uint16(1), uint16(1), uint16(9000))), set(257, make([]byte, 20))),
		v9Packet(2, set(0, bigEndian(uint16(258), uint16(1), uint16(1), uint16(4))), set(258, make([]byte, 8))),
		append(v9Packet(2, set(258, make([]byte, 4))), 1, 0, 0, 2), []byte("not a record at all, though on its port"))
	return out
}

func addrBytes(s string) []byte {
	e := endpointAt(s)
	return e.Addr.AsSlice()
}

func TestFixturesOfNetflow(t *testing.T) { writeFixtures(t, formatNetflow, "pcap", netflowFixtures()) }

// TestNetflowClaimedRecords: a datagram that claims to hold billions of records is
// not believed.
func TestNetflowClaimedRecords(t *testing.T) {
	expanded := bigEndian(uint32(3), uint32(52), make([]byte, 40), uint32(1<<31), uint32(1), uint32(4))
	d := bigEndian(uint32(5), uint32(1), addr4("192.0.2.253"), uint32(0), uint32(1), uint32(1000), uint32(1), expanded)
	_, report, err := allFlows(t, netflowCapture, exportCapture(6343, d))
	if err != nil || report.Read != 1 || !report.Balanced() {
		t.Errorf("%v %+v", err, report)
	}
}

// TestPairingCounts: whatever the order of records, none is lost and none counts twice.
func TestPairingCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		var records, octets, got, gotOctets, flows int64
		p := newPairing(func(f netcase.Flow) {
			got += f.Records
			gotOctets += max(f.OctetsOut, 0) + max(f.OctetsIn, 0)
			flows += f.Flows
		})
		for range 5000 {
			a, b := endpointAt("192.0.2.1"), endpointAt("192.0.2.2")
			h := half{flags: uint8(rng.IntN(32)), flagged: rng.IntN(2) == 0, role: halfRole(rng.IntN(4))}
			h.flow = netcase.Flow{Src: a, Dst: b, SrcPort: uint16(rng.IntN(8)), DstPort: uint16(rng.IntN(8)), Proto: 6, Flows: 1, Records: 1,
				OctetsOut: rng.Int64N(1000), PacketsOut: 1, OctetsIn: netcase.Absent, PacketsIn: netcase.Absent, Sensor: "x",
				Start: netcase.Time(1e12 + rng.Int64N(200_000))}
			h.flow.End = h.flow.Start
			if rng.IntN(2) == 0 {
				h.flow.Src, h.flow.Dst = b, a
			}
			records++
			octets += h.flow.OctetsOut
			p.add(h)
		}
		p.end()
		if records != got || flows > records || octets < gotOctets {
			t.Fatalf("%d records and %d octets became %d and %d in %d flows", records, octets, got, gotOctets, flows)
		}
	}
}

func FuzzNetflow(f *testing.F) {
	for _, d := range netflowFixtures() {
		c := newCaptureScan(bytes.NewReader(d))
		for c.Next() {
			var k packet
			if k.link(c.link, c.data, c.length) == "" {
				f.Add(bytes.Clone(k.payload), bytes.Clone(k.payload))
			}
		}
	}
	_ = "netflow-pcap"
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first) > 60000 || len(second) > 60000 {
			return
		}
		for _, port := range []uint16{2055, 6343} {
			flows, report, err := allFlows(t, netflowCapture, exportCapture(port, first, second))
			if err != nil || !report.Balanced() {
				t.Fatalf("%v: %+v", err, report)
			}
			for reason := range report.Reasons {
				if strings.HasPrefix(reason, "panic") {
					t.Fatal(reason)
				}
			}
			checkFlows(t, flows)
		}
	})
}

func endpointAt(s string) netcase.Endpoint { return netcase.At(netip.MustParseAddr(s)) }
