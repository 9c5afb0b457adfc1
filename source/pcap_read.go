package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Captures as files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
// The reader is ours and not a library's because the second pass needs the place of
// each packet, and because a packet with a bad length must not end the capture
// where its neighbours can be found again.

const (
	// maxPacket bounds one packet; libpcap's own bound is 256 kB.
	maxPacket = 1 << 18
	// maxBlock bounds one pcapng block that is looked at; larger ones are passed over.
	maxBlock = maxPacket + 4096
	// captureBuffer is what is read at a time; it holds the longest block.
	captureBuffer = 1 << 20
	// maxInterfaces bounds the interfaces of a pcapng section.
	maxInterfaces = 4096

	pcapHeader   = 24
	pcapRecord   = 16
	ngSection    = 0x0a0d0d0a
	ngInterface  = 1
	ngOldPacket  = 2
	ngSimple     = 3
	ngEnhanced   = 6
	ngMagic      = 0x1a2b3c4d
	pcapMicros   = 0xa1b2c3d4
	pcapNanos    = 0xa1b23c4d
	pcapModified = 0xa1b2cd34 // a patched libpcap's, with eight bytes more a packet
)

// captureKind is what the first bytes of a capture say.
type captureKind struct {
	order binary.ByteOrder
	ng    bool
	nanos bool
	extra int // bytes that follow a record's header
	link  uint32
	snap  uint32
}

// captureHead reads the start of a capture; if it is none it says why.
func captureHead(head []byte) (k captureKind, why string) {
	if len(head) < pcapHeader {
		return k, "it is no packet capture: too short"
	}
	if binary.BigEndian.Uint32(head) == ngSection {
		return ngHead(head)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		k = captureKind{order: order}
		switch order.Uint32(head) {
		case pcapMicros:
		case pcapNanos:
			k.nanos = true
		case pcapModified:
			k.extra = 8
		default:
			continue
		}
		if order.Uint16(head[4:]) != 2 {
			return k, fmt.Sprintf("a packet capture of version %d: only version 2 is known", order.Uint16(head[4:]))
		}
		k.snap, k.link = order.Uint32(head[16:]), order.Uint32(head[20:])&0xffff // above: length of the frame check sequence
		return k, ""
	}
	return k, "it is no packet capture: it begins otherwise"
}

func ngHead(head []byte) (k captureKind, why string) {
	k.ng = true
	switch uint32(ngMagic) {
	case binary.LittleEndian.Uint32(head[8:]):
		k.order = binary.LittleEndian
	case binary.BigEndian.Uint32(head[8:]):
		k.order = binary.BigEndian
	default:
		return k, "it begins like pcapng, and its byte order is not known"
	}
	if v := k.order.Uint16(head[12:]); v != 1 {
		return k, fmt.Sprintf("pcapng of version %d: only version 1 is known", v)
	}
	return k, ""
}

// ngPort is an interface of a pcapng section.
type ngPort struct {
	link   uint32
	snap   uint32
	res    byte  // of times: a power of ten, or of two where the high bit is set
	offset int64 // seconds to add to times
}

// captureScan reads the packets of a capture one by one.
type captureScan struct {
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // offset of buf[0]
	readErr  error

	kind  captureKind
	ports []ngPort
	began bool
	err   error
	fault func(offset int64, reason string) // told of each packet that cannot be read
	torn  string                            // what the capture ends within; empty: it ends behind a packet

	// The packet: what was kept of it, valid until the next Next.
	data   []byte
	raw    []byte // with its header in the file
	length int    // on the wire
	micros int64  // since 1970
	link   uint32
	snap   uint32
	offset int64
	last   int64 // time of the packet before, for blocks without one
}

func newCaptureScan(r io.Reader) *captureScan {
	return &captureScan{r: r, buf: make([]byte, captureBuffer), fault: func(int64, string) {}}
}

// Next moves to the next packet and tells whether there is one.
func (c *captureScan) Next() bool {
	if c.err != nil || !c.began && !c.begin() {
		return false
	}
	for {
		found, more := c.step()
		if found || !more {
			return found
		}
	}
}

func (c *captureScan) step() (found, more bool) {
	if c.kind.ng {
		return c.block()
	}
	return c.record()
}

// Err is what ended the capture before its end.
func (c *captureScan) Err() error {
	if c.err != nil {
		return c.err
	}
	if c.readErr != nil && !errors.Is(c.readErr, io.EOF) {
		return fmt.Errorf("byte %d: %w", c.base+int64(c.end), c.readErr)
	}
	return nil
}

func (c *captureScan) begin() bool {
	c.began = true
	n := len(c.peek(pcapHeader))
	kind, why := captureHead(c.buf[c.pos : c.pos+n])
	if why != "" {
		c.err = errors.New(why)
		return false
	}
	c.kind = kind
	if !kind.ng {
		c.pos += pcapHeader
	}
	return true
}

// peek is the next n bytes, or as many as there are.
func (c *captureScan) peek(n int) []byte {
	for c.end-c.pos < n && c.readErr == nil {
		c.base += int64(c.pos)
		c.end = copy(c.buf, c.buf[c.pos:c.end])
		c.pos = 0
		k, err := readSome(c.r, c.buf[c.end:])
		c.end += k
		c.readErr = err
	}
	return c.buf[c.pos:min(c.pos+n, c.end)]
}

// pass goes over n bytes.
func (c *captureScan) pass(n int64) {
	for n > 0 {
		k := min(int64(c.end-c.pos), n)
		c.pos += int(k)
		if n -= k; n > 0 && len(c.peek(1)) == 0 {
			return
		}
	}
}

func (c *captureScan) at() int64 { return c.base + int64(c.pos) }

// endsWithin tells of a packet or block that is not whole.
func (c *captureScan) endsWithin(what string) {
	c.fault(c.at(), "the capture ends within "+what)
	c.torn = what
}

// told says of the input that its last packet is not whole, where that is so.
func (c *captureScan) told(in *Input) {
	if c.torn != "" {
		in.EndsWithin(c.torn)
	}
}

// record reads one packet of a pcap.
func (c *captureScan) record() (found, more bool) {
	size := pcapRecord + c.kind.extra
	head := c.peek(size)
	if len(head) < size {
		if len(head) > 0 {
			c.endsWithin("a packet")
			c.pos = c.end
		}
		return false, false
	}
	order := c.kind.order
	sec, fraction := int64(order.Uint32(head)), int64(order.Uint32(head[4:]))
	kept, length := int(order.Uint32(head[8:])), int(order.Uint32(head[12:]))
	if kept > maxPacket {
		c.fault(c.at(), "the packet states a length that cannot be: what follows was searched for the next packet")
		return false, c.resync()
	}
	all := c.peek(size + kept)
	if len(all) < size+kept {
		c.endsWithin("a packet")
		c.pos = c.end
		return false, false
	}
	if c.kind.nanos {
		fraction /= 1000
	}
	c.offset, c.raw, c.data, c.length = c.at(), all, all[size:], max(length, kept)
	c.micros, c.link, c.snap = sec*microsecond+min(fraction, microsecond-1), c.kind.link, c.kind.snap
	c.pos += size + kept
	return true, true
}

// resync looks for the next place at which two packets in a row have sound headers.
func (c *captureScan) resync() bool {
	for {
		c.pos++
		window := c.peek(maxPacket)
		if len(window) < pcapRecord {
			c.pos = c.end
			return false
		}
		for i := 0; i+pcapRecord <= len(window); i++ {
			if n := c.plausible(window[i:]); n > 0 && i+n+pcapRecord <= len(window) && c.plausible(window[i+n:]) > 0 {
				c.pos += i
				return true
			}
		}
		c.pos += len(window) - pcapRecord
	}
}

// plausible is the length of the packet that seems to stand at the start of b.
func (c *captureScan) plausible(b []byte) int {
	order := c.kind.order
	near := int64(order.Uint32(b)) - c.micros/microsecond
	kept, length := order.Uint32(b[8:]), order.Uint32(b[12:])
	if near < -86400 || near > 86400 || kept > length || kept < 14 || length > 1<<16 || order.Uint32(b[4:]) >= 1000*microsecond {
		return 0
	}
	return pcapRecord + c.kind.extra + int(kept)
}

// block reads one block of a pcapng.
func (c *captureScan) block() (found, more bool) {
	head := c.peek(12)
	if len(head) < 12 {
		if len(head) > 0 {
			c.endsWithin("a block")
			c.pos = c.end
		}
		return false, false
	}
	if binary.BigEndian.Uint32(head) == ngSection && !c.section() {
		return false, false
	}
	kind, size := c.kind.order.Uint32(head), int64(c.kind.order.Uint32(head[4:]))
	if size < 12 || size%4 != 0 {
		c.fault(c.at(), "a block states a length that cannot be: the rest of the capture could not be read")
		c.pass(math.MaxInt64)
		return false, false
	}
	if size > maxBlock {
		if kind == ngEnhanced || kind == ngSimple || kind == ngOldPacket {
			c.fault(c.at(), "a packet longer than 256 kB")
		}
		c.pass(size)
		return false, true
	}
	all := c.peek(int(size))
	if int64(len(all)) < size {
		c.endsWithin("a block")
		c.pos = c.end
		return false, false
	}
	c.offset, c.raw = c.at(), all
	c.pos += int(size)
	return c.body(kind, all[8:size-4]), true
}

// section begins a section: byte order and interfaces are its own.
func (c *captureScan) section() bool {
	kind, why := ngHead(append(bytes.Clone(c.peek(pcapHeader)), make([]byte, pcapHeader)...))
	if why != "" {
		c.err = fmt.Errorf("byte %d: %s", c.at(), why)
		return false
	}
	c.kind, c.ports = kind, c.ports[:0]
	return true
}

// body reads what a block holds and tells whether that is a packet.
func (c *captureScan) body(kind uint32, b []byte) bool {
	order := c.kind.order
	switch kind {
	case ngInterface:
		if len(b) >= 8 && len(c.ports) < maxInterfaces {
			c.ports = append(c.ports, ngPortOf(order, b))
		}
	case ngEnhanced, ngOldPacket:
		if len(b) < 20 {
			c.fault(c.offset, "the block is too short for a packet")
			return false
		}
		port := int(order.Uint32(b))
		if kind == ngOldPacket {
			port = int(order.Uint16(b)) // the number of dropped packets follows
		}
		ticks := uint64(order.Uint32(b[4:]))<<32 | uint64(order.Uint32(b[8:]))
		return c.ngPacket(port, b[20:], int(order.Uint32(b[12:])), int(order.Uint32(b[16:])), &ticks)
	case ngSimple:
		if len(b) < 4 || len(c.ports) == 0 {
			c.fault(c.offset, "a simple packet without an interface")
			return false
		}
		length := int(order.Uint32(b))
		kept := min(length, len(b)-4)
		if snap := int(c.ports[0].snap); snap > 0 {
			kept = min(kept, snap)
		}
		return c.ngPacket(0, b[4:], kept, length, nil)
	}
	return false
}

// ngPacket sets the packet. A block without a time has that of the packet before it.
func (c *captureScan) ngPacket(port int, data []byte, kept, length int, ticks *uint64) bool {
	if port >= len(c.ports) {
		c.fault(c.offset, "the packet names an interface that the capture does not describe")
		return false
	}
	if kept > len(data) {
		c.fault(c.offset, "the packet is longer than its block")
		return false
	}
	if p := &c.ports[port]; ticks != nil {
		c.last = p.time(*ticks)
	}
	c.micros, c.link, c.snap = c.last, c.ports[port].link, c.ports[port].snap
	c.data, c.length = data[:kept], max(length, kept)
	return true
}

func ngPortOf(order binary.ByteOrder, b []byte) ngPort {
	p := ngPort{link: uint32(order.Uint16(b)), snap: order.Uint32(b[4:]), res: 6}
	for b = b[8:]; len(b) >= 4; {
		code, n := order.Uint16(b), int(order.Uint16(b[2:]))
		b = b[4:]
		if code == 0 || n > len(b) {
			break
		}
		switch {
		case code == 9 && n >= 1: // if_tsresol
			p.res = b[0]
		case code == 14 && n >= 8: // if_tsoffset
			p.offset = int64(order.Uint64(b))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return p
}

// time is a count of ticks in microseconds since 1970.
func (p *ngPort) time(ticks uint64) int64 {
	perSecond := uint64(1)
	exponent := p.res & 0x7f
	switch {
	case p.res&0x80 != 0 && exponent < 64:
		perSecond <<= exponent
	case p.res&0x80 == 0 && exponent < 20:
		for range exponent {
			perSecond *= 10
		}
	default:
		return 0
	}
	sec := ticks / perSecond
	high, low := bits.Mul64(ticks%perSecond, microsecond)
	micros, _ := bits.Div64(high, low, perSecond) // the remainder is below perSecond, so that high is too
	if total := int64(sec&math.MaxUint32) + p.offset; total > 0 && total <= math.MaxUint32 && sec <= math.MaxUint32 {
		return total*microsecond + int64(micros)
	}
	return 0
}
