package simulate

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"netcase"
)

// Shape of the volume: many outside addresses of very different weight, some
// hosts, a week.
const (
	volumeOutside = 200_000
	volumeInside  = 2_000
	volumeDays    = 7
	volumeIPv6    = .02 // share of flows, where the format has IPv6
	volumeDenied  = .55 // share of flows
	volumeAgain   = .33 // share of flows that go where one of the latest went: few connections come alone
	volumeLatest  = 256 // flows that may be repeated
	volumeRows    = 40_000
	outsideSkew   = 1.15 // exponent of Zipf's law
	insideSkew    = 1.05
)

// volumeFormat writes rows of one format.
type volumeFormat struct {
	name string
	file string
	new  func(*volume) volumeWriter
}

// volumeWriter appends what stands before the rows, each row, and what stands
// after them. A row may be held back; last tells that no more will come.
type volumeWriter struct {
	head func(b []byte) []byte
	row  func(b []byte, v *volumeFlow, last bool) []byte
	tail func(b []byte) []byte
}

func volumeFormats() []volumeFormat {
	return []volumeFormat{
		{"zeek", "conn.log", newZeekWriter},
		{"azure-nsg", "nsg/PT1H.json", newNSGWriter},
		{"azure-vnet", "vnet/PT1H.json", newVNetWriter},
		{"azure-traffic", "AzureNetworkAnalytics_CL.csv", newTrafficWriter},
		{"defender", "DeviceNetworkEvents.csv", newDefenderWriter},
		{"suricata-eve", "eve.json", newEVEWriter},
	}
}

// VolumeFormats lists the formats that Volume writes.
func VolumeFormats() []string {
	var out []string
	for _, f := range volumeFormats() {
		out = append(out, f.name)
	}
	return out
}

// Volume writes rows of one format to w, in the order of time, for measuring
// speed and memory. A row is a connection (zeek), a tuple (azure-nsg, azure-vnet)
// or a line of the table (azure-traffic, defender).
//
// Errors: the format is not known, rows is negative, or w failed.
func Volume(w io.Writer, format string, rows int, seed uint64) error {
	return VolumeOf(w, format, ShapeOrdinary, rows, seed)
}

func (f volumeFormat) write(w io.Writer, rows int, seed uint64, next func(*volume, int) volumeFlow) error {
	if rows < 0 {
		return fmt.Errorf("volume of %d rows: want zero or more", rows)
	}
	return f.writeRows(w, newVolume(seed, rows), 0, rows, next)
}

// writeRows writes the rows from … to-1 of a volume as one file.
func (f volumeFormat) writeRows(w io.Writer, v *volume, from, to int, next func(*volume, int) volumeFlow) error {
	out := f.new(v)
	const chunk = 1 << 16
	buffer := bufio.NewWriterSize(w, chunk)
	b := out.head(nil)
	for i := from; i < to; i++ {
		flow := next(v, i)
		b = out.row(b, &flow, i == to-1)
		if len(b) >= chunk {
			if _, err := buffer.Write(b); err != nil {
				return fmt.Errorf("volume of %s: %w", f.name, err)
			}
			b = b[:0]
		}
	}
	if _, err := buffer.Write(out.tail(b)); err != nil {
		return fmt.Errorf("volume of %s: %w", f.name, err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("volume of %s: %w", f.name, err)
	}
	return nil
}

// volume draws flows.
type volume struct {
	draw
	outside, inside *rand.Zipf
	start           netcase.Time
	step            float64 // milliseconds from one flow to the next
	mix             uint64
	ipv6            bool // the format has it
	latest          [volumeLatest]volumeFlow
}

func newVolume(seed uint64, rows int) *volume {
	d := newDraw(seed, partVolume)
	return &volume{
		draw:    d,
		outside: rand.NewZipf(d.Rand, outsideSkew, 8, volumeOutside-1),
		inside:  rand.NewZipf(d.Rand, insideSkew, 8, volumeInside-1),
		start:   netcase.TimeOf(time.Date(2025, time.September, 1, 0, 0, 0, 0, time.UTC)),
		step:    float64(volumeDays*netcase.Day) / float64(max(rows, 1)),
		mix:     seed,
	}
}

// volumeFlow is one flow of the volume.
type volumeFlow struct {
	at           netcase.Time
	src, dst     netip.Addr
	outside      netip.Addr
	host         int
	inbound      bool
	v6           bool
	sport, dport uint16
	proto        uint8
	denied       bool
	answered     bool
	out, in      size
	millis       int64 // length
}

var volumePorts = []uint16{443, 443, 443, 80, 22, 23, 3389, 445, 53, 8080, 1433, 3306, 25, 5900, 123, 8443}

// next is the i-th flow.
func (v *volume) next(i int) volumeFlow {
	var f volumeFlow
	if i >= volumeLatest && v.chance(volumeAgain) {
		f = v.latest[v.IntN(volumeLatest)]
	} else {
		f = v.another()
	}
	f = v.measured(i, f)
	v.latest[i%volumeLatest] = f
	return f
}

// measured gives the i-th flow its time and sizes.
func (v *volume) measured(i int, f volumeFlow) volumeFlow {
	f.at, f.sport = v.start+netcase.Time(float64(i)*v.step), v.ephemeral()
	f.out, f.in, f.millis = size{}, size{}, 0
	if !f.denied {
		p := int64(1 + v.IntN(30))
		f.out = size{p, p*40 + int64(v.IntN(1200))}
		f.millis = int64(v.IntN(9000))
	}
	if f.answered {
		p := int64(1 + v.IntN(40))
		f.in = size{p, p*40 + int64(v.IntN(30_000))}
	}
	return f
}

// another is a flow between ends of its own.
func (v *volume) another() volumeFlow {
	client := v.outside.Uint64()
	return v.between(client, int(v.inside.Uint64()))
}

// between is a flow of an outside address and a host: who is refused asked for anything,
// who is let in asked for what the server has.
func (v *volume) between(client uint64, host int) volumeFlow {
	f := volumeFlow{host: host, inbound: v.chance(.7), v6: v.chance(volumeIPv6) && v.ipv6, proto: netcase.TCP}
	f.denied = f.inbound && v.chance(volumeDenied)
	f.answered = !f.denied && v.chance(.8)
	f.outside = v.address(client, f.v6)
	f.src, f.dst = f.outside, hostAddress(f.host, f.v6)
	server := uint64(f.host)
	if !f.inbound {
		f.src, f.dst = f.dst, f.src
		server = client
	}
	f.dport = pick(v.draw, volumePorts)
	if !f.denied {
		f.dport = volumePorts[server%uint64(len(volumePorts))]
	}
	if f.dport == 53 || f.dport == 123 {
		f.proto = netcase.UDP
	}
	return f
}

// address is the n-th outside address; the same for the same seed.
func (v *volume) address(n uint64, v6 bool) netip.Addr {
	const odd1, odd2 = 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9
	for h := n + v.mix; ; h++ {
		x := (h ^ h>>29) * odd1
		x = (x ^ x>>32) * odd2
		x ^= x >> 31
		a := netip.AddrFrom4([4]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)})
		if v6 {
			a = netip.AddrFrom16([16]byte{0x2a, byte(x), byte(x >> 8), byte(x >> 16), 14: byte(x >> 24), 15: byte(x >> 32)})
		}
		if netcase.Public(a) && a != platform {
			return a
		}
		h += volumeOutside
	}
}

// hostAddress is the n-th inside address.
func hostAddress(n int, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte{0xfd, 0x20, 14: byte(n >> 8), 15: byte(n)})
	}
	return netip.AddrFrom4([4]byte{10, 40, byte(n >> 8), byte(n)})
}

func hostMAC(n int) string { return fmt.Sprintf("0022480%05X", n) }

// appendNumbers appends values with a separator before each.
func appendNumbers(b []byte, separator byte, list ...int64) []byte {
	for _, n := range list {
		b = strconv.AppendInt(append(b, separator), n, 10)
	}
	return b
}

func unchanged(b []byte) []byte { return b }

func volumeScenario() Scenario {
	return Scenario{
		Name: "volume",
		Doc:  "a week of random flows in six formats, for measuring speed",
		make: makeVolume,
	}
}

func makeVolume(seed uint64) (Files, Truth) {
	files := Files{}
	start := newVolume(seed, 0).start
	truth := Truth{
		Scenario: "volume", Seed: seed, Note: simulatedNote, Rows: map[string]int{},
		Span: netcase.Span{Start: start, End: start + volumeDays*netcase.Day},
	}
	for _, f := range volumeFormats() {
		var b bytes.Buffer
		if err := f.write(&b, volumeRows, seed, (*volume).next); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		name := "telemetry/" + f.file
		files[name], truth.Rows[name] = b.Bytes(), volumeRows
	}
	return files, truth
}
