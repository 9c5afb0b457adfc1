package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
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

// The flags of an encoded row: what is as in the row before.
const (
	samePeer = 1 << iota
	sameHour
	sameHost
	sameRest
	sameSensor
	oneFlow     // flows and records are one, the last is the first, and so the minutes
	emptySizes  // no size is known
	accountable // others, conflict or agreement follow
)

// appendRow encodes a row after another.
func appendRow(b []byte, p, before *packed) []byte {
	at := len(b)
	b = append(b, 0)
	var flags byte
	if p.peerHi == before.peerHi && p.peerLo == before.peerLo && p.peerKind() == before.peerKind() {
		flags |= samePeer
	} else {
		b = append(b, byte(p.peerKind()))
		b = appendWords(b, p.peerKind(), p.peerHi, p.peerLo, before.peerHi, before.peerLo)
	}
	if p.hour == before.hour {
		flags |= sameHour
	} else {
		b = binary.AppendVarint(b, int64(p.hour)-int64(before.hour))
	}
	if p.hostHi == before.hostHi && p.hostLo == before.hostLo && p.hostKind() == before.hostKind() {
		flags |= sameHost
	} else {
		b = append(b, byte(p.hostKind()))
		b = appendWords(b, p.hostKind(), p.hostHi, p.hostLo, before.hostHi, before.hostLo)
	}
	const ends = kindMask<<peerKindShift | kindMask<<hostKindShift
	if p.rest&^ends == before.rest&^ends {
		flags |= sameRest
	} else {
		b = binary.LittleEndian.AppendUint64(b, p.rest)
	}
	if p.sensor == before.sensor {
		flags |= sameSensor
	} else {
		b = binary.AppendUvarint(b, uint64(p.sensor))
	}
	b = binary.AppendVarint(b, p.first-int64(p.hour)*3_600_000)
	if p.flows == 1 && p.records == 1 && p.last == p.first && p.minutes == minuteBit(p.first) {
		flags |= oneFlow
	} else {
		b = binary.AppendVarint(b, p.flows)
		b = binary.AppendVarint(b, p.records)
		b = binary.AppendVarint(b, p.last-p.first)
		b = binary.LittleEndian.AppendUint64(b, p.minutes)
	}
	if p.octetsOut == -1 && p.octetsIn == -1 && p.packetsOut == -1 && p.packetsIn == -1 {
		flags |= emptySizes
	} else {
		for _, n := range [4]int64{p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn} {
			b = binary.AppendVarint(b, n)
		}
	}
	if p.others != 0 || p.conflict || p.agree != 0 {
		flags |= accountable
		b = binary.AppendUvarint(b, uint64(p.others))
		b = binary.AppendVarint(b, p.agree)
		conflict := byte(0)
		if p.conflict {
			conflict = 1
		}
		b = append(b, conflict)
	}
	b[at] = flags
	return b
}

func minuteBit(ms int64) uint64 {
	m := ms % 3_600_000
	if m < 0 {
		m += 3_600_000
	}
	return 1 << uint(m/60_000)
}

// appendWords encodes an end: the short kinds by their difference.
func appendWords(b []byte, kind, hi, lo, beforeHi, beforeLo uint64) []byte {
	if kind == kind6 {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, hi), lo)
	}
	_ = beforeHi
	return binary.AppendVarint(b, int64(lo-beforeLo))
}

var errRun = errors.New("the temporary data of this run is damaged")

// decoder reads the rows of one block.
type decoder struct {
	b    []byte
	row  packed
	fail bool
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) word() uint64 {
	if len(d.b) < 8 {
		d.fail = true
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// end reads an end: its kind into rest, its words.
func (d *decoder) end(shift uint, hi, lo *uint64) {
	kind := uint64(d.byte()) & kindMask
	d.row.rest = d.row.rest&^(kindMask<<shift) | kind<<shift
	if kind == kind6 {
		*hi, *lo = d.word(), d.word()
		return
	}
	*hi, *lo = 0, *lo+uint64(d.varint())
}

// next decodes a row over the one before.
func (d *decoder) next() {
	p := &d.row
	flags := d.byte()
	if flags&samePeer == 0 {
		d.end(peerKindShift, &p.peerHi, &p.peerLo)
	}
	if flags&sameHour == 0 {
		p.hour = int32(int64(p.hour) + d.varint())
	}
	if flags&sameHost == 0 {
		d.end(hostKindShift, &p.hostHi, &p.hostLo)
	}
	if flags&sameRest == 0 {
		p.rest = d.word()
	}
	if flags&sameSensor == 0 {
		p.sensor = uint32(d.uvarint())
	}
	p.first = d.varint() + int64(p.hour)*3_600_000
	if flags&oneFlow != 0 {
		p.flows, p.records, p.last, p.minutes = 1, 1, p.first, minuteBit(p.first)
	} else {
		p.flows, p.records = d.varint(), d.varint()
		p.last, p.minutes = p.first+d.varint(), d.word()
	}
	if flags&emptySizes != 0 {
		p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn = -1, -1, -1, -1
	} else {
		p.octetsOut, p.octetsIn, p.packetsOut, p.packetsIn = d.varint(), d.varint(), d.varint(), d.varint()
	}
	if flags&accountable != 0 {
		p.others, p.agree = uint32(d.uvarint()), d.varint()
		p.conflict = d.byte() == 1
	} else {
		p.others, p.agree, p.conflict = 0, 0, false
	}
}

// runWriter encodes rows that come in order.
type runWriter struct {
	run    *run
	buf    []byte // whole blocks that are not placed, and the open one
	start  int    // of the open block in buf
	loose  int    // first block that is not placed
	open   block
	before packed
}

func (k *keeper) newRun() *runWriter { return &runWriter{run: &run{keep: k}} }

func (w *runWriter) add(p *packed) error {
	if w.open.rows == 0 {
		w.before = packed{}
		w.open = block{firstHour: p.hour, lastHour: p.hour}
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
	w.buf = nil
	return w.run, nil
}

// blockSize is what a block's description takes.
const blockSize = 40

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
	file *os.File
	end  int64
}

func newSpill(dir string) (*spill, error) {
	f, err := os.CreateTemp(dir, "netcase-folds-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("memory is full and no temporary file can be made: %w", err)
	}
	// Where an open file can lose its name it goes with the process, however that ends.
	_ = os.Remove(f.Name())
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

func (s *spill) close() error {
	err := s.file.Close()
	_ = os.Remove(s.file.Name()) // gone already, where that was possible
	return err
}

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
	table   int // rows of a table; 0: what the budget allows
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
