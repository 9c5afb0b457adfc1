package store

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"netcase"

	"github.com/klauspost/compress/s2"
)

// Logins, processes, queries and alerts are kept whole, as a log sorted by time:
// encoded, compressed in blocks, in memory or in the temporary file. Events of one
// instant stand in the order of their bytes, so that neither the order of reading nor
// the number of workers shows.

// fields writes or reads the fields of an event, one after the other.
type fields struct {
	b       []byte
	reading bool
	fail    bool
}

func (f *fields) number(n *int64) {
	if !f.reading {
		if uint64(*n) < 64 { // most are lengths of short texts
			f.b = append(f.b, byte(*n)<<1)
		} else {
			f.b = binary.AppendVarint(f.b, *n)
		}
		return
	}
	v, size := binary.Varint(f.b)
	if size <= 0 {
		f.fail = true
		return
	}
	*n, f.b = v, f.b[size:]
}

func small[T ~int8 | ~uint8 | ~uint16 | ~uint32 | ~int64](f *fields, v *T) {
	n := int64(*v)
	f.number(&n)
	*v = T(n)
}

func text[T ~string](f *fields, s *T) {
	n := int64(len(*s))
	f.number(&n)
	if !f.reading {
		f.b = append(f.b, *s...)
		return
	}
	if f.fail || n < 0 || n > int64(len(f.b)) {
		f.fail = true
		return
	}
	*s, f.b = T(f.b[:n]), f.b[n:]
}

func (f *fields) truth(v *bool) {
	var n int64
	if *v {
		n = 1
	}
	f.number(&n)
	*v = n == 1
}

func (f *fields) key(k *uint64) {
	n := int64(*k)
	f.number(&n)
	*k = uint64(n)
}

func (f *fields) end(e *netcase.Endpoint) {
	if f.reading {
		var a string
		if text(f, &a); a != "" {
			f.fail = e.Addr.UnmarshalBinary([]byte(a)) != nil || f.fail
		}
	} else {
		f.address(e.Addr)
	}
	text(f, &e.Name)
}

// address writes an address as text writes what MarshalBinary makes of it.
func (f *fields) address(a netip.Addr) {
	n := int64(a.BitLen()/8 + len(a.Zone()))
	f.number(&n)
	f.b, _ = a.AppendBinary(f.b) // never fails
}

func loginFields(f *fields, l *netcase.Login) {
	small(f, &l.Time)
	text(f, &l.Event)
	text(f, &l.Outcome)
	f.end(&l.Host)
	f.end(&l.Peer)
	small(f, &l.PeerPort)
	for _, s := range []*string{&l.Service, &l.Account, &l.Domain, &l.Kind, &l.Method, &l.Detail, &l.Workstation, &l.Session, &l.Sensor} {
		text(f, s)
	}
	f.number(&l.Count)
	f.key(&l.Key)
}

func processFields(f *fields, p *netcase.Process) {
	small(f, &p.Time)
	f.end(&p.Host)
	text(f, &p.Role)
	small(f, &p.ID)
	for _, s := range []*string{
		&p.OS, &p.Action, &p.Image, &p.Path, &p.CommandLine, &p.Account, &p.Parent, &p.ParentPath, &p.ParentLine,
		&p.Original, &p.Hash, &p.Signed, &p.Target, &p.Detail, &p.Sensor,
	} {
		text(f, s)
	}
	small(f, &p.LocalPort)
	small(f, &p.RemotePort)
	f.end(&p.Peer)
	f.key(&p.Key)
}

func queryFields(f *fields, q *netcase.Query) {
	small(f, &q.Time)
	f.end(&q.Host)
	f.end(&q.Peer)
	for _, s := range []*string{&q.Name, &q.Type, &q.Sensor} {
		text(f, s)
	}
	n := int64(len(q.Answer))
	f.number(&n)
	if f.reading && !f.fail && n > 0 && n <= int64(len(f.b)) {
		q.Answer = make([]string, n)
	}
	for i := range q.Answer {
		text(f, &q.Answer[i])
	}
}

func alertFields(f *fields, a *netcase.Alert) {
	small(f, &a.Time)
	f.end(&a.Src)
	f.end(&a.Dst)
	small(f, &a.SrcPort)
	small(f, &a.DstPort)
	small(f, &a.Proto)
	for _, s := range []*string{&a.Name, &a.ID, &a.Category, &a.Severity, &a.Detail, &a.Sensor} {
		text(f, s)
	}
	f.truth(&a.Blocked)
	f.number(&a.Count)
}

// entry is one encoded event of a block that is not sealed.
type entry struct {
	time       netcase.Time
	start, end int32
}

// logRun is sorted events in compressed blocks.
type logRun struct {
	blocks []block
	chunks [][]byte
	held   int64
}

// eventLog gathers the events of one family.
type eventLog[T any] struct {
	keep    *keeper
	visit   func(*fields, *T)
	time    func(*T) netcase.Time
	buf     []byte
	entries []entry
	runs    []*logRun
	count   int64
}

const (
	logSeal  = 2 << 20  // encoded bytes that are sorted at a time
	logBlock = 64 << 10 // of these, before compression, a block
)

func (l *eventLog[T]) add(e *T) error {
	at := int32(len(l.buf))
	f := fields{b: l.buf}
	l.visit(&f, e)
	l.buf = f.b
	l.entries = append(l.entries, entry{l.time(e), at, int32(len(l.buf))})
	l.count++
	if len(l.buf) < logSeal {
		return nil
	}
	return l.seal()
}

// seal sorts what was gathered and puts it away.
func (l *eventLog[T]) seal() error {
	if len(l.entries) == 0 {
		return nil
	}
	slices.SortFunc(l.entries, func(a, b entry) int {
		if a.time != b.time { // few events need their bytes compared
			return cmp.Compare(a.time, b.time)
		}
		return bytes.Compare(l.buf[a.start:a.end], l.buf[b.start:b.end])
	})
	r := &logRun{}
	var plain, scratch []byte
	for _, e := range l.entries {
		plain = binary.AppendUvarint(plain, uint64(e.end-e.start))
		plain = append(plain, l.buf[e.start:e.end]...)
		if len(plain) >= logBlock {
			if err := l.keep.place(r, plain, &scratch); err != nil {
				return err
			}
			plain = plain[:0]
		}
	}
	if err := l.keep.place(r, plain, &scratch); err != nil {
		return err
	}
	l.runs = append(l.runs, r)
	l.buf, l.entries = l.buf[:0], l.entries[:0]
	return nil
}

// place compresses a block of a run and puts it into memory or the temporary file.
// The encoder gives room for far more than most blocks take, so what is kept is a copy.
func (k *keeper) place(r *logRun, plain []byte, scratch *[]byte) error {
	if len(plain) == 0 {
		return nil
	}
	*scratch = s2.Encode((*scratch)[:cap(*scratch)], plain)
	packed := append(make([]byte, 0, len(*scratch)), *scratch...)
	b := block{chunk: onDisk, size: int32(len(packed))}
	if size := int64(cap(packed)) + blockSize; k.reserve(size) {
		b.chunk = int32(len(r.chunks))
		r.chunks = append(r.chunks, packed)
		r.held += size
	} else {
		file, err := k.spill()
		if err != nil {
			return err
		}
		if b.at, err = file.write(packed); err != nil {
			return err
		}
	}
	r.blocks = append(r.blocks, b)
	return nil
}

// drop gives up what was gathered.
func (l *eventLog[T]) drop() {
	for _, r := range l.runs {
		l.keep.reserve(-r.held)
	}
	l.buf, l.entries, l.runs, l.count = nil, nil, nil, 0
}

// take moves the events of another log, which is sealed, into this one.
func (l *eventLog[T]) take(o *eventLog[T]) {
	l.runs = append(l.runs, o.runs...)
	l.count += o.count
	o.runs, o.count = nil, 0
}

// logCursor reads a run.
type logCursor struct {
	run   *logRun
	block int
	rest  []byte // of the block at hand
	event []byte // encoded
	time  netcase.Time
}

func (c *logCursor) next(k *keeper) (ok bool, err error) {
	for len(c.rest) == 0 {
		if c.block == len(c.run.blocks) {
			return false, nil
		}
		b := &c.run.blocks[c.block]
		c.block++
		var packed []byte
		if b.chunk == onDisk {
			packed = make([]byte, b.size)
			if _, err := k.file.file.ReadAt(packed, b.at); err != nil {
				return false, fmt.Errorf("reading temporary data: %w", err)
			}
		} else {
			packed = c.run.chunks[b.chunk]
		}
		if c.rest, err = s2.Decode(nil, packed); err != nil {
			return false, errRun
		}
	}
	n, size := binary.Uvarint(c.rest)
	if size <= 0 || n > uint64(len(c.rest)-size) {
		return false, errRun
	}
	c.event, c.rest = c.rest[size:size+int(n)], c.rest[size+int(n):]
	t, size := binary.Varint(c.event) // the time is the first field of every event
	if size <= 0 {
		return false, errRun
	}
	c.time = netcase.Time(t)
	return true, nil
}

type logHeads []*logCursor

func (h logHeads) Len() int { return len(h) }
func (h logHeads) Less(i, j int) bool {
	if h[i].time != h[j].time {
		return h[i].time < h[j].time
	}
	return bytes.Compare(h[i].event, h[j].event) < 0
}
func (h logHeads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *logHeads) Push(x any)   { *h = append(*h, x.(*logCursor)) }
func (h *logHeads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// events streams the log by time.
func (l *eventLog[T]) events(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		heads, err := l.heads()
		if err != nil {
			yield(zero, err)
			return
		}
		for n := 0; len(heads) > 0; n++ {
			if n%4096 == 0 && ctx.Err() != nil {
				yield(zero, ctx.Err())
				return
			}
			f := fields{b: heads[0].event, reading: true}
			var e T
			if l.visit(&f, &e); f.fail {
				yield(zero, errRun)
				return
			}
			if !yield(e, nil) {
				return
			}
			ok, err := heads[0].next(l.keep)
			if err != nil {
				yield(zero, err)
				return
			}
			if ok {
				heap.Fix(&heads, 0)
			} else {
				heap.Pop(&heads)
			}
		}
	}
}

func (l *eventLog[T]) heads() (logHeads, error) {
	var heads logHeads
	for _, r := range l.runs {
		c := &logCursor{run: r}
		ok, err := c.next(l.keep)
		if err != nil {
			return nil, err
		}
		if ok {
			heads = append(heads, c)
		}
	}
	heap.Init(&heads)
	return heads, nil
}

// logs are the logs of all families.
type logs struct {
	logins  eventLog[netcase.Login]
	procs   eventLog[netcase.Process]
	queries eventLog[netcase.Query]
	alerts  eventLog[netcase.Alert]
	auth    *authFold
}

func newLogs(k *keeper) *logs {
	return &logs{
		auth:    newAuthFold(k),
		logins:  eventLog[netcase.Login]{keep: k, visit: loginFields, time: func(e *netcase.Login) netcase.Time { return e.Time }},
		procs:   eventLog[netcase.Process]{keep: k, visit: processFields, time: func(e *netcase.Process) netcase.Time { return e.Time }},
		queries: eventLog[netcase.Query]{keep: k, visit: queryFields, time: func(e *netcase.Query) netcase.Time { return e.Time }},
		alerts:  eventLog[netcase.Alert]{keep: k, visit: alertFields, time: func(e *netcase.Alert) netcase.Time { return e.Time }},
	}
}

func (l *logs) seal() error {
	return cmp.Or(l.auth.seal(), l.logins.seal(), l.procs.seal(), l.queries.seal(), l.alerts.seal())
}

func (l *logs) drop() {
	l.auth.drop()
	l.logins.drop()
	l.procs.drop()
	l.queries.drop()
	l.alerts.drop()
}

func (l *logs) take(o *logs) {
	l.auth.take(o.auth)
	l.logins.take(&o.logins)
	l.procs.take(&o.procs)
	l.queries.take(&o.queries)
	l.alerts.take(&o.alerts)
}

// add puts the events of a batch into the logs.
func (l *logs) add(b *netcase.Batch) error {
	for i := range b.Logins {
		if err := l.addLogin(&b.Logins[i]); err != nil {
			return err
		}
	}
	for i := range b.Processes {
		if err := l.procs.add(&b.Processes[i]); err != nil {
			return err
		}
	}
	for i := range b.Queries {
		if err := l.queries.add(&b.Queries[i]); err != nil {
			return err
		}
	}
	for i := range b.Alerts {
		if err := l.alerts.add(&b.Alerts[i]); err != nil {
			return err
		}
	}
	return nil
}

// maxNames bounds the machine names that are remembered; an estate has fewer.
const maxNames = 200_000

// nameBook maps addresses to the smallest name that inputs give them. Of too many
// addresses it keeps the smallest, so that the order of reading does not matter.
type nameBook struct {
	names map[netip.Addr]string
	cut   bool
}

func newNameBook() *nameBook { return &nameBook{names: map[netip.Addr]string{}} }

func (b *nameBook) learn(a netip.Addr, name string) {
	if old, ok := b.names[a]; ok && old <= name {
		return
	}
	b.names[a] = name
	if len(b.names) >= 2*maxNames {
		b.prune()
	}
}

func (b *nameBook) join(o *nameBook) {
	if o == nil {
		return
	}
	b.cut = b.cut || o.cut
	for a, n := range o.names {
		b.learn(a, n)
	}
}

// prune keeps the names of the smallest addresses.
func (b *nameBook) prune() {
	if len(b.names) <= maxNames {
		return
	}
	b.cut = true
	all := make([]netip.Addr, 0, len(b.names))
	for a := range b.names {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	for _, a := range all[maxNames:] {
		delete(b.names, a)
	}
}
