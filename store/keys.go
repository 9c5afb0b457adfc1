package store

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Natural keys, by which records that two inputs deliver are found. They are eight
// bytes each and there may be as many as records, so that they are kept like rows: in
// sorted runs, in memory or, beyond the budget, in the engine's temporary file.

const (
	keySize   = 8
	blockKeys = 512  // keys that stand and are read together
	keyWays   = 2048 // runs that are merged at a time; each takes a block in memory
	leastKeys = 16 << 10
	mostKeys  = 128 << 10
)

// keyTable is how many keys a worker gathers before it seals them.
func (k *keeper) keyTable() int {
	switch {
	case k.table > 0:
		return k.table
	case k.budget <= 0:
		return mostKeys
	}
	return int(min(max(k.budget/16/keySize/max(int64(k.workers), 1), leastKeys), mostKeys))
}

// keyRun is keys in order.
type keyRun struct {
	keep   *keeper
	blocks []keyBlock
}

// keyBlock is some keys of a run.
type keyBlock struct {
	first uint64
	held  []uint64 // nil: on disk
	at    int64    // there
	n     int32
}

func (r *keyRun) release() {
	for i := range r.blocks {
		if r.blocks[i].held != nil {
			r.keep.reserve(-keySize * int64(r.blocks[i].n))
		}
	}
	r.blocks = nil
}

func releaseKeys(runs []*keyRun) {
	for _, r := range runs {
		r.release()
	}
}

// keyWriter writes a run of keys that come in order; a key that comes again is left out.
type keyWriter struct {
	run  *keyRun
	keys []uint64
	last uint64
	any  bool
	text []byte
}

func (k *keeper) newKeys() *keyWriter { return &keyWriter{run: &keyRun{keep: k}} }

func (w *keyWriter) add(key uint64) error {
	if w.any && key == w.last {
		return nil
	}
	w.last, w.any = key, true
	if w.keys = append(w.keys, key); len(w.keys) < blockKeys {
		return nil
	}
	return w.flush()
}

func (w *keyWriter) flush() error {
	if len(w.keys) == 0 {
		return nil
	}
	b := keyBlock{first: w.keys[0], n: int32(len(w.keys))}
	if w.run.keep.reserve(keySize * int64(b.n)) {
		b.held = slices.Clone(w.keys)
	} else {
		file, err := w.run.keep.spill()
		if err != nil {
			return err
		}
		w.text = w.text[:0]
		for _, key := range w.keys {
			w.text = binary.LittleEndian.AppendUint64(w.text, key)
		}
		if b.at, err = file.write(w.text); err != nil {
			return err
		}
	}
	w.run.blocks, w.keys = append(w.run.blocks, b), w.keys[:0]
	return nil
}

func (w *keyWriter) end() (*keyRun, error) { return w.run, w.flush() }

// sealedKeys sorts keys and puts them away; the slice is the caller's again.
func (k *keeper) sealedKeys(keys []uint64) (*keyRun, error) {
	slices.Sort(keys)
	w := k.newKeys()
	for _, key := range keys {
		if err := w.add(key); err != nil {
			return nil, err
		}
	}
	return w.end()
}

// load reads a block; buf is used for one on disk.
func (r *keyRun) load(b *keyBlock, buf *keyBuffer) ([]uint64, error) {
	if b.held != nil {
		return b.held, nil
	}
	file, err := r.keep.spill()
	if err != nil {
		return nil, err
	}
	text := buf.text[:keySize*b.n]
	if _, err := file.file.ReadAt(text, b.at); err != nil {
		return nil, fmt.Errorf("reading what was put away: %w", err)
	}
	for i := range b.n {
		buf.keys[i] = binary.LittleEndian.Uint64(text[keySize*i:])
	}
	return buf.keys[:b.n], nil
}

type keyBuffer struct {
	text [keySize * blockKeys]byte
	keys [blockKeys]uint64
}

// keyCursor reads runs as one, in order.
type keyCursor struct {
	ctx   context.Context
	heads keyHeads
	n     int64
}

// keyHead is a run with the keys at hand.
type keyHead struct {
	run  *keyRun
	next int // block
	keys []uint64
	buf  *keyBuffer
}

func (h *keyHead) load() (err error) {
	h.keys = nil
	if h.next < len(h.run.blocks) {
		b := &h.run.blocks[h.next]
		h.next++
		if b.held == nil && h.buf == nil {
			h.buf = new(keyBuffer)
		}
		h.keys, err = h.run.load(b, h.buf)
	}
	return err
}

type keyHeads []*keyHead

func (h keyHeads) Len() int           { return len(h) }
func (h keyHeads) Less(i, j int) bool { return h[i].keys[0] < h[j].keys[0] }
func (h keyHeads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *keyHeads) Push(x any)        { *h = append(*h, x.(*keyHead)) }
func (h *keyHeads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func keysOf(ctx context.Context, runs []*keyRun) (*keyCursor, error) {
	c := &keyCursor{ctx: ctx}
	for _, r := range runs {
		h := &keyHead{run: r}
		if err := h.load(); err != nil {
			return nil, err
		}
		if len(h.keys) > 0 {
			c.heads = append(c.heads, h)
		}
	}
	heap.Init(&c.heads)
	return c, nil
}

// next is the next key; false: there is none.
func (c *keyCursor) next() (key uint64, ok bool, err error) {
	if len(c.heads) == 0 {
		return 0, false, nil
	}
	if c.n++; c.n%(1<<16) == 0 && c.ctx.Err() != nil {
		return 0, false, c.ctx.Err()
	}
	h := c.heads[0]
	key = h.keys[0]
	if h.keys = h.keys[1:]; len(h.keys) == 0 {
		err = h.load()
	}
	if len(h.keys) == 0 {
		heap.Pop(&c.heads)
	} else {
		heap.Fix(&c.heads, 0)
	}
	return key, true, err
}

// mergedKeys makes one run of several, which are given up.
func (k *keeper) mergedKeys(ctx context.Context, runs []*keyRun) (*keyRun, error) {
	c, err := keysOf(ctx, runs)
	if err != nil {
		return nil, err
	}
	w := k.newKeys()
	for {
		key, ok, err := c.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := w.add(key); err != nil {
			return nil, err
		}
	}
	releaseKeys(runs)
	return w.end()
}

// fewerKeys merges runs until at most keyWays are left.
func (k *keeper) fewerKeys(ctx context.Context, runs []*keyRun) ([]*keyRun, error) {
	for len(runs) > keyWays {
		made, err := k.mergedKeys(ctx, runs[:keyWays])
		if err != nil {
			return nil, err
		}
		runs = append(slices.Clone(runs[keyWays:]), made)
	}
	return runs, nil
}

// sharedKeys are the keys that both lists of runs hold; nil: there are none. The first
// list may be of any length, the second is one that fewerKeys gave.
func (k *keeper) sharedKeys(ctx context.Context, a, b []*keyRun) (*delivered, error) {
	var all []*keyRun
	for some := range slices.Chunk(a, keyWays) {
		made, err := k.intersection(ctx, some, b)
		if err != nil {
			return nil, err
		}
		if len(made.blocks) > 0 {
			all = append(all, made)
		}
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return &delivered{run: all[0]}, nil
	}
	made, err := k.mergedKeys(ctx, all)
	return &delivered{run: made}, err
}

func (k *keeper) intersection(ctx context.Context, a, b []*keyRun) (*keyRun, error) {
	x, err := keysOf(ctx, a)
	if err != nil {
		return nil, err
	}
	y, err := keysOf(ctx, b)
	if err != nil {
		return nil, err
	}
	w := k.newKeys()
	p, more, err := x.next()
	q, others, err2 := y.next()
	for err = cmp.Or(err, err2); more && others && err == nil; {
		switch {
		case p < q:
			p, more, err = x.next()
		case q < p:
			q, others, err = y.next()
		default:
			if err = w.add(p); err == nil {
				p, more, err = x.next()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return w.end()
}

// delivered is the keys that other inputs have delivered. It may be asked from several
// goroutines.
type delivered struct {
	run     *keyRun
	buffers sync.Pool // of *keyBuffer
	failed  atomic.Pointer[error]
}

// holds tells whether a key was delivered. Where the disk fails it says no, and err
// tells.
func (d *delivered) holds(key uint64) bool {
	blocks := d.run.blocks
	i, exact := slices.BinarySearchFunc(blocks, key, func(b keyBlock, key uint64) int { return cmp.Compare(b.first, key) })
	if exact || i == 0 {
		return exact
	}
	b := &blocks[i-1]
	buf, _ := d.buffers.Get().(*keyBuffer)
	if buf == nil && b.held == nil {
		buf = new(keyBuffer)
	}
	keys, err := d.run.load(b, buf)
	if err != nil {
		d.failed.CompareAndSwap(nil, &err)
		return false
	}
	_, found := slices.BinarySearch(keys, key)
	if buf != nil {
		d.buffers.Put(buf)
	}
	return found
}

// asked is how inputs ask; nil: nothing was delivered before.
func (d *delivered) asked() func(uint64) bool {
	if d == nil {
		return nil
	}
	return d.holds
}

// err is why keys could not be looked up.
func (d *delivered) err() error {
	if d == nil {
		return nil
	}
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}
