package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"

	"netcase"
	"netcase/cube"
	"netcase/source"
)

const (
	// partSize is how much of a stream is decoded at a time: a few ten thousand rows.
	partSize = 4 << 20
	// partLimit is how long a part may grow while no record ends in it; the rest of
	// the stream is then decoded as it comes.
	partLimit = 64 << 20
	// partsAhead is how many parts of one stream may wait for a decoder.
	partsAhead = 2
)

// part is a piece of a stream that is decoded by itself.
type part struct {
	index int
	lead  []byte // the header that every part is given
	body  []byte
	rest  io.Reader     // what follows body, where no end of it was found; else nil
	from  netcase.Place // of body: lines and bytes before it
	spare *[]byte       // where body's memory goes back to
}

// reader is the bytes of the part as the decoder sees them, and what stands before them.
func (p *part) reader() (io.Reader, netcase.Place) {
	from := netcase.Place{
		Line:   p.from.Line - int64(bytes.Count(p.lead, []byte{'\n'})),
		Offset: p.from.Offset - int64(len(p.lead)),
	}
	readers := []io.Reader{bytes.NewReader(p.lead), bytes.NewReader(p.body)}
	if p.rest != nil {
		readers = append(readers, p.rest)
	}
	return io.MultiReader(readers...), from
}

// partReader cuts a stream into parts. Where it cuts depends on the bytes alone.
type partReader struct {
	r     io.Reader
	split *source.Split
	size  int
	limit int
	lead  []byte
	carry []byte // read, and not yet in a part
	from  netcase.Place
	next  int
	ended bool
	err   error // of r, told after the last part
	pool  *sync.Pool
}

func newPartReader(r io.Reader, split *source.Split, size, limit int) *partReader {
	return &partReader{r: r, split: split, size: size, limit: limit, pool: &sync.Pool{New: func() any { return new([]byte) }}}
}

// read gives the next part; nil at the end.
func (p *partReader) read() *part {
	if p.next == 0 && p.split.Lead > 0 {
		p.lead = make([]byte, p.split.Lead)
		n, err := io.ReadFull(p.r, p.lead)
		p.lead = p.lead[:n]
		p.ended, p.err = err != nil, plainEnd(err)
		p.from = netcase.Place{Line: int64(bytes.Count(p.lead, []byte{'\n'})), Offset: int64(n)}
	}
	spare := p.pool.Get().(*[]byte)
	buf := append((*spare)[:0], p.carry...)
	cut := 0
	for want := p.size; ; want *= 2 {
		buf = p.fill(buf, want)
		if p.ended {
			cut = len(buf)
			break
		}
		if cut = p.split.Cut(buf); cut > 0 || len(buf) >= p.limit {
			break
		}
	}
	if len(buf) == 0 && p.next > 0 {
		return nil
	}
	if p.ended && p.split.Header != nil { // the last bytes, too, may hold a header, which begins a part of its own
		if c := p.split.Cut(buf); c > 0 && c < len(buf) && p.split.Header(buf[c:]) > 0 {
			cut = c
		}
	}
	out := &part{index: p.next, lead: p.lead, from: p.from, spare: spare}
	p.next++
	if cut == 0 && !p.ended { // no record ends within the limit
		out.body, out.rest = buf, p.r
		p.ended, p.carry = true, nil
		return out
	}
	*spare = buf
	out.body = buf[:cut]
	p.carry = append(p.carry[:0], buf[cut:]...)
	if p.split.Header != nil {
		if n := p.split.Header(out.body); n > 0 {
			out.lead, p.lead = nil, bytes.Clone(out.body[:n])
		}
	}
	p.from.Line += int64(bytes.Count(out.body, []byte{'\n'}))
	p.from.Offset += int64(cut)
	return out
}

// last tells that no part follows.
func (p *partReader) last() bool { return p.ended && len(p.carry) == 0 }

// fill reads until the buffer holds n bytes or the stream ends.
func (p *partReader) fill(buf []byte, n int) []byte {
	for len(buf) < n && !p.ended {
		if cap(buf) < n {
			grown := make([]byte, len(buf), n+n/16)
			copy(grown, buf)
			buf = grown
		}
		k, err := p.r.Read(buf[len(buf):n])
		buf = buf[:len(buf)+k]
		if err != nil {
			p.ended, p.err = true, plainEnd(err)
		}
	}
	return buf
}

// plainEnd is nil for the end of a stream.
func plainEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// partNote is what is remembered of a part for the second pass.
type partNote struct {
	lead        []byte
	from        netcase.Place // of its body
	size        int64         // of its body; wholeStream: it is all there is
	first, last netcase.Time
	peers       bloom
	holds       holds
}

// holds says of each family of events whether a part holds any.
type holds [cube.Alerts + 1]bool

func (h *holds) mark(b *netcase.Batch) {
	h[cube.Flows] = h[cube.Flows] || len(b.Flows) > 0
	h[cube.Logins] = h[cube.Logins] || len(b.Logins) > 0
	h[cube.Processes] = h[cube.Processes] || len(b.Processes) > 0
	h[cube.Alerts] = h[cube.Alerts] || len(b.Alerts) > 0
}

const wholeStream = -1

// bloom tells which endpoints a part may hold. An empty one may hold any.
type bloom []uint64

const bloomBits = 10 // for each endpoint

// seen gathers what a part holds while it is decoded.
type seen struct {
	any         bool
	first, last netcase.Time
	hashes      []uint64 // with repeats, but for neighbours
	full        bool     // more than are worth remembering
	holds       holds
}

// maxSeen bounds the ends remembered of one part.
const maxSeen = 1 << 19

func (s *seen) flow(f *netcase.Flow) {
	if !s.any || f.Start < s.first {
		s.first = f.Start
	}
	s.any, s.last = true, max(s.last, f.Start)
	for _, e := range [2]*netcase.Endpoint{&f.Src, &f.Dst} {
		h := endHash(e)
		if n := len(s.hashes); s.full || n > 1 && (s.hashes[n-1] == h || s.hashes[n-2] == h) {
			continue
		}
		if s.hashes = append(s.hashes, h); len(s.hashes) >= 2*maxSeen {
			s.tidy()
			s.full = len(s.hashes) >= maxSeen
		}
	}
}

// tidy drops repeats.
func (s *seen) tidy() {
	slices.Sort(s.hashes)
	s.hashes = slices.Compact(s.hashes)
}

func endHash(e *netcase.Endpoint) uint64 {
	var h uint64 = 0xcbf29ce484222325
	mix := func(x uint64) {
		hi, lo := bits.Mul64(h^x, 0x9e3779b97f4a7c15)
		h = hi ^ lo
	}
	if e.Addr.IsValid() {
		b := e.Addr.As16()
		for i := 0; i < 16; i += 8 {
			var x uint64
			for _, c := range b[i : i+8] {
				x = x<<8 | uint64(c)
			}
			mix(x)
		}
		return h
	}
	for i := range len(e.Name) {
		mix(uint64(e.Name[i]) + 1)
	}
	return h
}

func (s *seen) bloom() bloom {
	if s.full {
		return nil
	}
	s.tidy()
	b := make(bloom, len(s.hashes)*bloomBits/64+1)
	for _, h := range s.hashes {
		b.each(h, func(word int, bit uint64) bool { b[word] |= bit; return true })
	}
	return b
}

// each visits the bits of a hash; false from visit ends it.
func (b bloom) each(h uint64, visit func(word int, bit uint64) bool) {
	step := h>>32 | 1
	for range 6 {
		hi, _ := bits.Mul64(h, uint64(len(b))*64)
		if !visit(int(hi>>6), 1<<(hi&63)) {
			return
		}
		h += step * 0x9e3779b97f4a7c15
	}
}

func (b bloom) mayHold(h uint64) bool {
	if len(b) == 0 {
		return true
	}
	all := true
	b.each(h, func(word int, bit uint64) bool { all = b[word]&bit != 0; return all })
	return all
}

// mayHold tells whether a wish may be met in the part.
func (n *partNote) mayHold(wants []cube.Want) bool {
	for i := range wants {
		s := &wants[i].Selection
		if !n.holds[wants[i].Of] {
			continue
		}
		if wants[i].Of != cube.Flows {
			return true
		}
		if s.Span.End.Known() && n.first >= s.Span.End || s.Span.Start.Known() && n.last < s.Span.Start {
			continue
		}
		named := namedEnds(s)
		if len(named) == 0 {
			return true
		}
		for k := range named {
			if n.peers.mayHold(endHash(&named[k])) {
				return true
			}
		}
	}
	return false
}

// watched is a sink that notes the flows on their way.
func (s *seen) watched(out source.Sink) source.Sink {
	return func(b *netcase.Batch) error {
		for i := range b.Flows {
			s.flow(&b.Flows[i])
		}
		s.holds.mark(b)
		return out(b)
	}
}

// decodePart runs the decoder over a part. A panic that the decoder did not contain
// costs what is left of the part.
func decodePart(ctx context.Context, format source.Format, p *part, in *source.Input, out source.Sink) (err error) {
	in.R, in.From = p.reader()
	defer func() {
		if x := recover(); x != nil {
			in.Reject(in.From.Line+1, 0, "", fmt.Sprintf("the decoder gave up in the part of the input that begins here: %v", x), nil)
		}
	}()
	return format.Decode(ctx, in, out)
}
