package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"netcase"
	"netcase/source"
)

// A run is rows in one order, encoded: each as its difference from the one before.
// It stands in memory, or in the engine's one temporary file. Blocks can be read by
// themselves.

const blockRows = 1024

// block is where some rows of a run stand.
type block struct {
	at        int64 // in its chunk, or in the spill file
	chunk     int32 // onDisk: in the spill file
	size      int32
	rows      int32
	firstHour int32
	lastHour  int32
	ways      uint8 // bit d: a row of direction d is in it
	lead      lead  // of its first row
}

const onDisk = -1

// run is sorted rows.
type run struct {
	blocks []block
	chunks [][]byte // those in memory
	keep   *keeper
	rows   int64
	held   int64 // bytes of memory, as the keeper knows it
}

// An encoded row is a head of eight bytes and then its fields, each in as few bytes as
// its value needs: the head says how many, in four bits for each field, the first
// lowest. Neither writing nor reading a field branches on its value.
const (
	fieldPeer       = iota // as its difference from the row before, as the next four
	fieldHour              //
	fieldHost              //
	fieldRest              // the bits that differ, those of the port lowest
	fieldSensor            //
	fieldFirst             // from the start of the hour
	fieldLength            // from first to last
	fieldOctetsOut         // sizes, plus one: those that are not known take nothing
	fieldOctetsIn          //
	fieldPacketsOut        //
	fieldPacketsIn         //
	fieldFlows             // less one
	fieldRecords           // less one
	fieldMinutes           // the bits that first does not tell
	fieldCount

	flagsAt = 56 // the highest byte of the head
)

// The flags of an encoded row.
const (
	peerHigh    = 1 << iota // upper half of an address of IPv6, where it is another
	hostHigh                //
	accountable             // others, agreement and conflict follow
)

const (
	headSize    = 8
	wordSize    = 8
	accountSize = 4 + 8 + 1
	maxRow      = headSize + fieldCount*wordSize + 2*wordSize + accountSize
)

// zigzag puts small numbers of either sign into few bits.
func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// appendRow encodes a row after another.
func appendRow(b []byte, p, before *packed) []byte {
	fields := [fieldCount]uint64{
		fieldPeer:       zigzag(int64(p.peerLo - before.peerLo)),
		fieldHour:       zigzag(int64(p.hour) - int64(before.hour)),
		fieldHost:       zigzag(int64(p.hostLo - before.hostLo)),
		fieldRest:       bits.ReverseBytes64(p.rest ^ before.rest),
		fieldSensor:     zigzag(int64(p.sensor) - int64(before.sensor)),
		fieldFirst:      zigzag(p.first - int64(p.hour)*int64(netcase.Hour)),
		fieldLength:     zigzag(p.last - p.first),
		fieldOctetsOut:  uint64(p.octetsOut + 1),
		fieldOctetsIn:   uint64(p.octetsIn + 1),
		fieldPacketsOut: uint64(p.packetsOut + 1),
		fieldPacketsIn:  uint64(p.packetsIn + 1),
		fieldFlows:      zigzag(p.flows - 1),
		fieldRecords:    zigzag(p.records - 1),
		fieldMinutes:    p.minutes ^ minuteBit(p.first),
	}
	start := len(b)
	if cap(b)-start < maxRow+wordSize {
		b = slices.Grow(b, maxRow+wordSize)
	}
	out := b[start : start+maxRow+wordSize]
	at, head := headSize, uint64(0)
	for i, v := range fields {
		binary.LittleEndian.PutUint64(out[at:], v) // all of it; the next field begins where its value ends
		n := (bits.Len64(v) + 7) >> 3
		at += n
		head |= uint64(n) << (4 * i)
	}
	if p.peerHi != before.peerHi {
		head |= peerHigh << flagsAt
		binary.LittleEndian.PutUint64(out[at:], p.peerHi)
		at += wordSize
	}
	if p.hostHi != before.hostHi {
		head |= hostHigh << flagsAt
		binary.LittleEndian.PutUint64(out[at:], p.hostHi)
		at += wordSize
	}
	if p.others != 0 || p.conflict || p.agree != 0 {
		head |= accountable << flagsAt
		binary.LittleEndian.PutUint32(out[at:], p.others)
		binary.LittleEndian.PutUint64(out[at+4:], uint64(p.agree))
		out[at+12] = 0
		if p.conflict {
			out[at+12] = 1
		}
		at += accountSize
	}
	binary.LittleEndian.PutUint64(out, head)
	return b[:start+at]
}

func minuteBit(ms int64) uint64 {
	m := ms % int64(netcase.Hour)
	if m < 0 {
		m += int64(netcase.Hour)
	}
	return 1 << uint(m/int64(netcase.Minute))
}

var errRun = errors.New("the temporary data of this run is damaged")

// decoder reads the rows of one block.
type decoder struct {
	b    []byte
	row  packed
	fail bool
}

// masks keep the bytes of a field by how many it has.
var masks = [16]uint64{
	0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, math.MaxUint64,
	math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64,
}

// next decodes a row over the one before.
func (d *decoder) next() {
	var row *[maxRow + wordSize]byte
	if len(d.b) >= len(row) {
		row = (*[maxRow + wordSize]byte)(d.b)
	} else { // the end of the block: what lies behind it is read as zeros
		row = new([maxRow + wordSize]byte)
		copy(row[:], d.b)
	}
	head, at := binary.LittleEndian.Uint64(row[:]), uint64(headSize)
	var fields [fieldCount]uint64
	for i := range fields {
		n := head >> (4 * i) & 0xf
		fields[i] = binary.LittleEndian.Uint64(row[min(at, maxRow):]) & masks[n]
		at += n
	}
	p := &d.row
	p.peerLo += uint64(unzigzag(fields[fieldPeer]))
	p.hour = int32(int64(p.hour) + unzigzag(fields[fieldHour]))
	p.hostLo += uint64(unzigzag(fields[fieldHost]))
	p.rest ^= bits.ReverseBytes64(fields[fieldRest])
	p.sensor = uint32(int64(p.sensor) + unzigzag(fields[fieldSensor]))
	p.first = unzigzag(fields[fieldFirst]) + int64(p.hour)*int64(netcase.Hour)
	p.last = p.first + unzigzag(fields[fieldLength])
	p.octetsOut, p.octetsIn = int64(fields[fieldOctetsOut])-1, int64(fields[fieldOctetsIn])-1
	p.packetsOut, p.packetsIn = int64(fields[fieldPacketsOut])-1, int64(fields[fieldPacketsIn])-1
	p.flows, p.records = unzigzag(fields[fieldFlows])+1, unzigzag(fields[fieldRecords])+1
	p.minutes = fields[fieldMinutes] ^ minuteBit(p.first)
	p.others, p.agree, p.conflict = 0, 0, false
	if flags := head >> flagsAt; flags != 0 {
		at = p.decodeRare(flags, row, at)
	}
	if d.fail = d.fail || at > maxRow || at > uint64(len(d.b)); !d.fail {
		d.b = d.b[at:]
	}
}

// decodeRare reads what few rows have; at is where it begins, and the result where it ends.
func (p *packed) decodeRare(flags uint64, row *[maxRow + wordSize]byte, at uint64) uint64 {
	word := func() (v uint64) {
		v = binary.LittleEndian.Uint64(row[min(at, maxRow):])
		at += wordSize
		return v
	}
	if flags&peerHigh != 0 {
		p.peerHi = word()
	}
	if flags&hostHigh != 0 {
		p.hostHi = word()
	}
	if flags&accountable != 0 {
		p.others = uint32(word())
		at -= wordSize - 4
		p.agree = int64(word())
		p.conflict = word()&0xff == 1
		at -= wordSize - 1
	}
	return at
}

// runWriter encodes rows that come in order.
type runWriter struct {
	run    *run
	by     ordering
	buf    []byte // whole blocks that are not placed, and the open one
	start  int    // of the open block in buf
	loose  int    // first block that is not placed
	open   block
	before packed
}

func (k *keeper) newRun(by ordering) *runWriter {
	w := &runWriter{run: &run{keep: k}, by: by}
	if spare, ok := k.buffers.Get().(*[]byte); ok {
		w.buf = (*spare)[:0]
	}
	return w
}

func (w *runWriter) add(p *packed) error {
	if w.open.rows == 0 {
		w.before = packed{}
		w.open = block{firstHour: p.hour, lastHour: p.hour, lead: w.by.lead(p)}
	}
	w.buf = appendRow(w.buf, p, &w.before)
	w.before = *p
	w.open.rows++
	w.open.firstHour, w.open.lastHour = min(w.open.firstHour, p.hour), max(w.open.lastHour, p.hour)
	w.open.ways |= 1 << uint8(p.direction())
	w.run.rows++
	if w.open.rows < blockRows {
		return nil
	}
	w.endBlock()
	if len(w.buf) >= chunkSize {
		return w.place()
	}
	return nil
}

// chunkSize is how much of a run is kept or written at a time.
const chunkSize = 1 << 20

func (w *runWriter) endBlock() {
	if w.open.rows == 0 {
		return
	}
	w.open.at, w.open.size = int64(w.start), int32(len(w.buf)-w.start)
	w.run.blocks = append(w.run.blocks, w.open)
	w.start = len(w.buf)
	w.open = block{}
}

// place keeps the loose blocks in memory, or on disk where memory is spoken for.
func (w *runWriter) place() error {
	size := int64(len(w.buf)) + int64(len(w.run.blocks)-w.loose)*blockSize
	chunk, base := int32(onDisk), int64(0)
	if w.run.keep.reserve(size) {
		chunk = int32(len(w.run.chunks))
		w.run.chunks = append(w.run.chunks, append(make([]byte, 0, len(w.buf)), w.buf...))
		w.run.held += size
	} else {
		file, err := w.run.keep.spill()
		if err != nil {
			return err
		}
		if base, err = file.write(w.buf); err != nil {
			return err
		}
	}
	for i := w.loose; i < len(w.run.blocks); i++ {
		w.run.blocks[i].chunk = chunk
		w.run.blocks[i].at += base
	}
	w.loose, w.start, w.buf = len(w.run.blocks), 0, w.buf[:0]
	return nil
}

// end closes the run.
func (w *runWriter) end() (*run, error) {
	w.endBlock()
	if w.loose < len(w.run.blocks) {
		if err := w.place(); err != nil {
			return nil, err
		}
	}
	spare := w.buf
	w.run.keep.buffers.Put(&spare)
	w.buf = nil
	return w.run, nil
}

// take appends the rows of another run, which come after its own.
func (r *run) take(o *run) {
	for _, b := range o.blocks {
		if b.chunk != onDisk {
			b.chunk += int32(len(r.chunks))
		}
		r.blocks = append(r.blocks, b)
	}
	r.chunks = append(r.chunks, o.chunks...)
	r.rows, r.held = r.rows+o.rows, r.held+o.held
	*o = run{keep: o.keep}
}

// split shows the run as up to n runs of consecutive rows, which share its memory.
func (r *run) split(n int) []*run {
	const least = 2 // blocks that are worth a goroutine
	n = max(min(n, len(r.blocks)/least), 1)
	out := make([]*run, n)
	for i := range out {
		out[i] = &run{blocks: r.blocks[i*len(r.blocks)/n : (i+1)*len(r.blocks)/n], chunks: r.chunks, keep: r.keep}
	}
	return out
}

// holding shows the blocks of a run, which comes by its leads, that may hold rows with
// leads whose first halves lie in some spans, of which both ends belong to it.
func (r *run) holding(spans [][2]uint64) *run {
	out := &run{chunks: r.chunks, keep: r.keep}
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	k := 0
	for i, b := range r.blocks {
		last := uint64(math.MaxUint64)
		if i+1 < len(r.blocks) {
			last = r.blocks[i+1].lead.first
		}
		for k < len(spans) && spans[k][1] < b.lead.first {
			k++
		}
		if k < len(spans) && spans[k][0] <= last {
			out.blocks = append(out.blocks, b)
		}
	}
	return out
}

// blockSize is what a block's description takes.
const blockSize = 56

// load brings a block's bytes; scratch may be used for them.
func (r *run) load(b *block, scratch []byte) ([]byte, error) {
	if b.chunk != onDisk {
		return r.chunks[b.chunk][b.at : b.at+int64(b.size)], nil
	}
	if cap(scratch) < int(b.size) {
		scratch = make([]byte, max(int(b.size), blockRows*40))
	}
	scratch = scratch[:b.size]
	if _, err := r.keep.file.file.ReadAt(scratch, b.at); err != nil {
		return nil, fmt.Errorf("reading temporary data: %w", err)
	}
	return scratch, nil
}

// release gives up the memory of a run.
func (r *run) release() {
	if r != nil {
		r.keep.reserve(-r.held)
		r.chunks, r.blocks, r.held, r.rows = nil, nil, 0, 0
	}
}

// cursor reads a run row by row.
type cursor struct {
	run     *run
	block   int
	left    int32
	d       decoder
	scratch []byte
	want    func(*block) bool // nil: every block
}

func (r *run) cursor(want func(*block) bool) *cursor { return &cursor{run: r, want: want} }

// cursorAt stands before the first row with a lead, or a little before that; nil:
// before the first of all.
func (r *run) cursorAt(from *lead) *cursor {
	c := r.cursor(nil)
	if from != nil {
		at, _ := slices.BinarySearchFunc(r.blocks, *from, func(b block, l lead) int { return b.lead.compare(l) })
		c.block = max(at-1, 0)
	}
	return c
}

// next moves to the next row, which is c.d.row; ok is false at the end.
func (c *cursor) next() (ok bool, err error) {
	for c.left == 0 {
		if c.block == len(c.run.blocks) {
			return false, nil
		}
		b := &c.run.blocks[c.block]
		c.block++
		if c.want != nil && !c.want(b) {
			continue
		}
		bytes, err := c.run.load(b, c.scratch)
		if err != nil {
			return false, err
		}
		if b.chunk == onDisk {
			c.scratch = bytes
		}
		c.d = decoder{b: bytes}
		c.left = b.rows
	}
	c.left--
	c.d.next()
	if c.d.fail {
		return false, errRun
	}
	return true, nil
}

// spill is the engine's temporary file.
type spill struct {
	mu   sync.Mutex
	file *source.Temporary
	end  int64
}

func newSpill(dir string) (*spill, error) {
	f, err := source.NewTemporary(dir)
	if err != nil {
		return nil, fmt.Errorf("memory is full and no temporary file can be made: %w", err)
	}
	return &spill{file: f}, nil
}

func (s *spill) write(b []byte) (at int64, err error) {
	s.mu.Lock()
	at = s.end
	s.end += int64(len(b))
	s.mu.Unlock()
	if _, err := s.file.WriteAt(b, at); err != nil {
		return 0, fmt.Errorf("memory is full and so is the folder of temporary files (set TMPDIR to a larger one): %w", err)
	}
	return at, nil
}

func (s *spill) close() error { return s.file.Close() }

// keeper keeps what all folds of an engine hold below the budget.
type keeper struct {
	mu     sync.Mutex
	budget int64 // bytes; 0: no bound
	used   int64
	temp   string
	file   *spill
	names  *names
	// workers is how many goroutines hold a table at a time, and alone that there is
	// one input only: no other can deliver its records again.
	workers int
	alone   bool
	table   int       // rows of a table; 0: what the budget allows
	buffers sync.Pool // of *[]byte, for runs that are written
	tables  sync.Pool // of *table, empty
}

// newKeeper keeps folds below a share of the memory that the process may take.
func newKeeper(cfg *Config, workers int, alone bool) *keeper {
	return &keeper{budget: cfg.Memory / 2, temp: cfg.Temp, names: newNames(), workers: workers, alone: alone}
}

// reserve takes bytes of the budget, or gives them back; false: there are none left.
func (k *keeper) reserve(n int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n > 0 && k.budget > 0 && k.used+n > k.budget {
		return false
	}
	k.used += n
	return true
}

func (k *keeper) spill() (*spill, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file != nil {
		return k.file, nil
	}
	var err error
	k.file, err = newSpill(k.temp)
	return k.file, err
}

func (k *keeper) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == nil {
		return nil
	}
	err := k.file.close()
	k.file = nil
	return err
}
