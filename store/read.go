package store

import (
	"bytes"
	"context"
	"encoding/binary"
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
	text  []byte        // lead and body, where rest is nil and they stand side by side
	rest  io.Reader     // what follows body, where no end of it was found; else nil
	from  netcase.Place // of body: lines and bytes before it
	spare *[]byte       // the memory of text and body, which goes back to the pool
	pool  *sync.Pool
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
		p.lead = p.fill(make([]byte, 0, p.split.Lead), p.split.Lead)
		p.from = netcase.Place{Line: int64(bytes.Count(p.lead, []byte{'\n'})), Offset: int64(len(p.lead))}
	}
	spare := p.pool.Get().(*[]byte)
	text := append(append((*spare)[:0], p.lead...), p.carry...)
	lead, cut := len(p.lead), 0
	var buf []byte
	for want := p.size; ; want *= 2 {
		text = p.fill(text, lead+want)
		buf = text[lead:]
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
	out := &part{index: p.next, lead: p.lead, from: p.from, spare: spare, pool: p.pool}
	p.next++
	if cut == 0 && !p.ended { // no record ends within the limit
		out.body, out.rest = buf, p.r
		p.ended, p.carry = true, nil
		return out
	}
	*spare = text
	out.body, out.text = buf[:cut], text[:lead+cut]
	p.carry = append(p.carry[:0], buf[cut:]...)
	if p.split.Header != nil {
		if n := p.split.Header(out.body); n > 0 {
			out.lead, p.lead = nil, bytes.Clone(out.body[:n])
			out.text = out.body
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
			p.ended = true
			if err != io.EOF { // a compressed stream that is cut off ends otherwise
				p.err = err
			}
		}
	}
	return buf
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

// part is the part again, with room for its body.
func (n *partNote) part(index int, pool *sync.Pool) *part {
	spare := pool.Get().(*[]byte)
	text := append((*spare)[:0], n.lead...)
	text = slices.Grow(text, int(n.size))[:len(n.lead)+int(n.size)]
	*spare = text
	return &part{index: index, lead: n.lead, body: text[len(n.lead):], text: text, from: n.from, spare: spare, pool: pool}
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
	ends        []uint64 // a set of hashes: open addressing, zero is free
	count       int
	near        [2]uint64 // those of the flow before
	full        bool      // more than are worth remembering
	holds       holds
}

const (
	// maxSeen bounds the ends remembered of one part.
	maxSeen = 1 << 19
	// firstSeen is room for the ends of most parts.
	firstSeen = 1 << 12
)

func (s *seen) flow(f *netcase.Flow) {
	if !s.any || f.Start < s.first {
		s.first = f.Start
	}
	s.any, s.last = true, max(s.last, f.Start)
	if s.full {
		return
	}
	src, dst := endHash(&f.Src), endHash(&f.Dst)
	if src != s.near[0] {
		s.end(src)
	}
	if dst != s.near[1] {
		s.end(dst)
	}
	s.near = [2]uint64{src, dst}
}

// end adds the hash of an end to the set.
func (s *seen) end(h uint64) {
	if 2*s.count >= len(s.ends) {
		s.grow()
	}
	at := h & uint64(len(s.ends)-1)
	for s.ends[at] != 0 {
		if s.ends[at] == h {
			return
		}
		at = (at + 1) & uint64(len(s.ends)-1)
	}
	s.ends[at] = h
	s.count++
	s.full = s.count >= maxSeen
}

func (s *seen) grow() {
	old := s.ends
	s.ends, s.count = make([]uint64, max(2*len(old), firstSeen)), 0
	for _, h := range old {
		if h != 0 {
			s.end(h)
		}
	}
}

// reset makes it ready for another part; it keeps its memory.
func (s *seen) reset() {
	clear(s.ends)
	*s = seen{ends: s.ends}
}

// endHash is never zero.
func endHash(e *netcase.Endpoint) uint64 {
	h := uint64(0xcbf29ce484222325)
	if e.Addr.IsValid() {
		b := e.Addr.As16()
		h = mixed(mixed(h, binary.BigEndian.Uint64(b[:8])), binary.BigEndian.Uint64(b[8:]))
		return max(h, 1)
	}
	for i := range len(e.Name) {
		h = mixed(h, uint64(e.Name[i])+1)
	}
	return max(h, 1)
}

func mixed(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func (s *seen) bloom() bloom {
	if s.full {
		return nil
	}
	b := make(bloom, s.count*bloomBits/64+1)
	for _, h := range s.ends {
		if h != 0 {
			b.each(h, func(word int, bit uint64) bool { b[word] |= bit; return true })
		}
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

// meets tells whether a flow of the part may have begun in a span.
func (n *partNote) meets(s netcase.Span) bool {
	return (!s.End.Known() || n.first < s.End) && (!s.Start.Known() || n.last >= s.Start)
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
		if !n.meets(s.Span) {
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
	in.Text = p.text
	defer func() {
		if x := recover(); x != nil {
			in.Reject(in.From.Line+1, 0, "", fmt.Sprintf("the decoder gave up in the part of the input that begins here: %v", x), nil)
		}
	}()
	return format.Decode(ctx, in, out)
}
