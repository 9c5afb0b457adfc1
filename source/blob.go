package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"

	"netcase"
)

// Flow log blobs of Azure: records, in them rules, in them tuples of text. Both
// generations (network security groups, virtual networks) report a flow as a
// beginning, continuations and an end, each with what passed since the last one.

const (
	maxTuple    = 4 << 10  // bytes of one tuple; a real one has about 100
	maxHeldPart = 64 << 20 // bytes held where a part stands before the names that explain it
	maxSensors  = 1024     // sensors told apart in one input
	// maxHeldLevels bounds parts held back inside parts held back, each of which
	// is read again: a document with sorted names needs four.
	maxHeldLevels = 6
	maxRules      = 4096 // rule names remembered
)

// blobPart is what a tuple inherits from the objects that it stands in.
type blobPart struct {
	category, resource, acl, rule, mac string

	sensor  string
	id      digest // of the sensor and the interface
	inRules bool   // the objects at hand are rules or below
	held    int    // parts above that were held back
}

// text is the part as the context of a record.
func (p *blobPart) text() string {
	var b strings.Builder
	for _, f := range [...]struct{ name, value string }{
		{"category", p.category}, {"resource", p.resource}, {"acl", p.acl}, {"rule", p.rule}, {"mac", p.mac},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s=%s ", f.name, f.value)
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}

// tupleState is the step in the life of a flow that a tuple reports.
type tupleState byte

const (
	stateNone     tupleState = 0 // it is a flow of its own: it was denied, or the version has no steps
	stateBegin    tupleState = 'B'
	stateContinue tupleState = 'C'
	stateEnd      tupleState = 'E'
)

// tuple is one tuple, read. The sizes are deltas, Absent where it has none.
type tuple struct {
	src, dst         netip.Addr
	at               netcase.Time
	sizes            [4]int64 // packets and octets out, then in, as the tuple orders them
	srcPort, dstPort uint16
	proto            uint8
	reach            netcase.Reach
	state            tupleState
	in               bool // reported as inbound by its interface
}

// The places in the sizes of a tuple.
const (
	packetsOut = iota
	octetsOut
	packetsIn
	octetsIn
)

// blobReader reads the blobs of one format.
type blobReader struct {
	format string
	quick  func(text []byte, t *tuple) bool // reads what is spelled as usual; else parse does
	parse  func(fields [][]byte, t *tuple) (field, reason string)

	in    *Input
	ctx   context.Context
	out   Sink
	batch netcase.Batch
	open  openFlows

	sensors map[string]string
	names   names
	cells   [16][]byte
	now     tuple    // the one at hand
	alone   openFlow // a flow that is one tuple
	tuples  int64

	continued, replaced, evicted, single int64
	unexplained                          bool
}

// decodeBlob reads a stream of blobs to its end. Flows still open at the end, or
// where the stream breaks off, are handed on as they are.
func decodeBlob(ctx context.Context, in *Input, out Sink, r *blobReader) error {
	r.in, r.ctx, r.out = in, ctx, out
	r.sensors, r.names = map[string]string{}, names{}
	r.open = newOpenFlows()
	err := r.documents(newJSON(in.R))
	r.finish()
	if e := r.flush(1); e != nil {
		return e
	}
	return err
}

func (r *blobReader) documents(s *jsonScan) error {
	for {
		b, err := s.peek()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case b != '{' && b != '[':
			return s.fault(errJSONSyntax)
		}
		if err := r.value(s, blobPart{}); err != nil {
			return err
		}
	}
}

// finish hands on what is open and says what holds for the whole input.
func (r *blobReader) finish() {
	for r.open.len() > 0 {
		r.emit(r.open.oldest(), false)
	}
	if r.continued > 0 {
		r.in.Note("%d flows began before this input: only what it holds of them is counted", r.continued)
	}
	if r.replaced > 0 {
		r.in.Note("%d flows have no end in this input, since another with the same ends began after them", r.replaced)
	}
	if r.evicted > 0 {
		r.in.Note("%d flows were closed early, since more than %d were open: what came after may be counted as flows of its own", r.evicted, maxOpenFlows)
	}
	if r.single > 0 {
		r.in.Note("%d TCP flows show one packet each way, as a refusal does too: how they ended is not known, they count as allowed", r.single)
	}
	if r.unexplained {
		r.in.Note("a part of the document is longer than %d MiB and stands before the names that explain it: sensor, rule or interface of its flows is not known", maxHeldPart>>20)
	}
}

// value walks whatever stands next.
func (r *blobReader) value(s *jsonScan, p blobPart) error {
	b, err := s.must()
	switch {
	case err != nil:
		return err
	case b == '{':
		return r.object(s, p)
	case b == '[':
		return s.array(func() error { return r.value(s, p) })
	}
	return s.skip()
}

// blobHeld is a part that waits for the end of its object, where the names that
// explain it may stand.
type blobHeld struct {
	key   string
	depth int
	held
}

// object walks an object: names first, as far as they stand first, then parts.
func (r *blobReader) object(s *jsonScan, p blobPart) error {
	var waiting []blobHeld
	err := s.object(func(key []byte) error {
		name := strings.ToLower(string(key))
		switch name {
		case "category", "resourceid", "targetresourceid", "flowlogresourceid", "macaddress", "mac", "rule", "aclid":
			return r.name(s, &p, name)
		case "records", "properties", "flowrecords", "flows", "flowgroups", "flowtuples":
			if p.explains(name) {
				return r.part(s, name, p)
			}
			h, err := r.hold(s, name)
			if errors.Is(err, errJSONTooLong) {
				r.unexplained = true
				return r.part(s, name, p)
			}
			waiting = append(waiting, h)
			return err
		}
		return s.skip()
	})
	p.held++
	for _, h := range waiting {
		later := jsonOf(h.raw, h.offset, h.line)
		later.depth = h.depth // so that nesting stays bounded
		if e := r.part(later, h.key, p); err == nil {
			err = e
		}
	}
	return err
}

// explains tells whether the names that a part needs are known.
func (p *blobPart) explains(part string) bool {
	if p.held >= maxHeldLevels {
		return true
	}
	switch part {
	case "properties", "flowrecords":
		return p.resource != ""
	case "flows":
		return !p.inRules || p.rule != ""
	case "flowgroups":
		return p.acl != ""
	case "flowtuples":
		return p.rule != "" && p.mac != ""
	}
	return true
}

func (r *blobReader) hold(s *jsonScan, key string) (h blobHeld, err error) {
	if _, err = s.must(); err != nil {
		return h, err
	}
	h.key, h.depth, h.line, h.offset = key, s.depth, s.Line(), s.Offset()
	h.raw, err = s.capture(maxHeldPart)
	if s.r != nil {
		h.raw = bytes.Clone(h.raw) // the buffer goes on
	}
	return h, err
}

// part walks a part that holds tuples or objects that do.
func (r *blobReader) part(s *jsonScan, key string, p blobPart) error {
	if key == "flowtuples" {
		return r.tupleList(s, p)
	}
	p.inRules = p.inRules || key == "flows"
	return r.value(s, p)
}

// name takes a name into the part.
func (r *blobReader) name(s *jsonScan, p *blobPart, key string) error {
	if b, err := s.must(); err != nil || b != '"' {
		return s.skip()
	}
	cell, err := cellOf(s)
	if err != nil {
		return err
	}
	text := r.names.in(cell, maxKey)
	switch key {
	case "category":
		p.category = text
	case "resourceid", "targetresourceid":
		p.resource = text
	case "flowlogresourceid":
		if p.resource == "" && r.format == formatNSG {
			p.resource = text
		}
	case "macaddress", "mac":
		p.mac = text
	case "rule":
		p.rule = text
	case "aclid":
		p.acl = text
	}
	return nil
}

// identify gives the part its sensor and its id.
func (r *blobReader) identify(p *blobPart) {
	sensor := r.format
	if name := lastElement(p.resource); name != "" {
		sensor += "/" + name
	}
	p.sensor = r.known(sensor)
	p.id = newDigest(r.format).text(strings.ToLower(lastElement(p.resource))).text(strings.ToLower(p.mac))
}

// known is one copy of the name of a sensor. Beyond maxSensors the rest count as one.
func (r *blobReader) known(sensor string) string {
	if old, ok := r.sensors[sensor]; ok {
		return old
	}
	if len(r.sensors) >= maxSensors {
		r.in.Note("the input names more than %d sensors; the rest count as one", maxSensors)
		return r.format
	}
	r.sensors[sensor] = sensor
	return sensor
}

func (r *blobReader) tupleList(s *jsonScan, p blobPart) error {
	b, err := s.must()
	switch {
	case err != nil:
		return err
	case b != '[':
		r.in.Reject(s.Line(), 0, "flowTuples", "not a list", nil)
		return s.skip()
	}
	r.identify(&p)
	return s.array(func() error { return r.tuple(s, &p) })
}

// tuple takes one tuple.
func (r *blobReader) tuple(s *jsonScan, p *blobPart) error {
	b, err := s.must()
	if err != nil {
		return err
	}
	r.tuples++
	if r.tuples%BatchSize == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	place := netcase.Place{Line: s.Line(), Offset: s.Offset() + 1, Item: int32(min(r.tuples, math.MaxInt32))}
	if b != '"' {
		r.in.Reject(place.Line, place.Item, "", "the tuple is no text", nil)
		return s.skip()
	}
	raw, escaped, err := s.text(maxTuple)
	switch {
	case errors.Is(err, errJSONTooLong):
		r.in.Reject(place.Line, place.Item, "", "the tuple is longer than 4 KiB", nil)
		return nil
	case err != nil:
		return r.cutOff(place, err)
	}
	r.read(raw, escaped, place, p)
	return r.flush(BatchSize)
}

// cutOff counts a tuple in which the input ends.
func (r *blobReader) cutOff(place netcase.Place, err error) error {
	r.in.Reject(place.Line, place.Item, "", "the input ends within the tuple", nil)
	return err
}

// read turns the text of a tuple into a flow, or a part of one.
func (r *blobReader) read(raw []byte, escaped bool, place netcase.Place, p *blobPart) {
	counted := r.in.Report.Read
	defer func() {
		x := recover()
		switch {
		case x == nil:
		case r.in.Report.Read > counted:
			r.in.Note("the decoder failed after it had counted a record: %v", x)
		default:
			r.in.Reject(place.Line, place.Item, "", fmt.Sprintf("panic: %v", x), raw)
		}
	}()
	text := raw
	if escaped {
		text = unescape(raw)
	}
	t := &r.now
	if !r.quick(text, t) {
		*t = tuple{}
		if field, reason := r.parse(r.split(text), t); reason != "" {
			r.in.Reject(place.Line, place.Item, field, reason, raw)
			return
		}
	}
	var k *keptTuple
	if r.in.Raw {
		k = &keptTuple{place, bytes.Clone(raw), p.text()}
	}
	r.advance(t, p, k)
}

// keptTuple is what the second pass wants of the first tuple of a flow.
type keptTuple struct {
	place   netcase.Place
	raw     []byte
	context string
}

// split cuts a tuple at its commas; a tuple with too many has one field too many.
func (r *blobReader) split(text []byte) [][]byte {
	n, from := 0, 0
	for i, c := range text {
		if c == ',' && n < len(r.cells)-1 {
			r.cells[n] = text[from:i]
			n, from = n+1, i+1
		}
	}
	r.cells[n] = text[from:]
	return r.cells[:n+1]
}

// advance takes a tuple as a flow of its own, or joins it to the flow it belongs to.
func (r *blobReader) advance(t *tuple, p *blobPart, k *keptTuple) {
	ends := p.id.addr(t.src).addr(t.dst)
	if t.state == stateNone {
		r.alone = openFlow{}
		r.alone.begin(t, p, ends, k)
		r.deliver(&r.alone)
		return
	}
	hash := t.hash(ends)
	at := r.open.find(hash, t, p.id)
	if at != 0 && t.state == stateBegin {
		r.replaced++
		r.emit(at, false)
		at = 0
	}
	if at == 0 {
		at = r.begin(hash, ends, t, p, k)
	} else {
		r.open.join(at, t)
	}
	if t.state == stateEnd {
		r.emit(at, true)
	}
}

// begin opens a flow; where too many are open, the one that was silent longest goes.
func (r *blobReader) begin(hash, ends digest, t *tuple, p *blobPart, k *keptTuple) int32 {
	if r.open.len() >= maxOpenFlows {
		r.evicted++
		r.emit(r.open.oldest(), false)
	}
	at := r.open.add(hash)
	r.open.slots[at].begin(t, p, ends, k)
	return at
}

// emit closes a flow, settles its outcome and hands it on.
func (r *blobReader) emit(at int32, ended bool) {
	o := &r.open.slots[at]
	if o.continued {
		r.continued++
	}
	if o.reach != netcase.ReachDenied {
		o.reach = outcome(o, ended)
		if o.reach == netcase.ReachAllowed && onePacketEach(o) {
			r.single++
		}
	}
	r.deliver(o)
	r.open.remove(at)
}

// deliver hands a flow on.
func (r *blobReader) deliver(o *openFlow) {
	f := nextFlow(&r.batch)
	f.Start, f.End = o.at, o.end
	f.Src.Addr, f.Dst.Addr, f.SrcPort, f.DstPort, f.Proto = o.src, o.dst, o.srcPort, o.dstPort, o.proto
	f.Reach, f.Sensor, f.Rule, f.Continued, f.Key = o.reach, o.sensor, o.rule, o.continued, o.key
	f.Flows, f.Records = 1, o.records
	f.PacketsOut, f.OctetsOut, f.PacketsIn, f.OctetsIn = o.sizes[packetsOut], o.sizes[octetsOut], o.sizes[packetsIn], o.sizes[octetsIn]
	f.Ours = netcase.SideSrc
	if o.in {
		f.Ours = netcase.SideDst
	}
	if k := o.kept; k != nil {
		f.Place, f.Raw, f.Context = k.place, k.raw, k.context
		stamp, _, _ := bytes.Cut(k.raw, []byte{','})
		f.Stamp = nameIn(stamp, maxTimeText)
	}
	r.in.AcceptFlow(&r.batch, f)
}

func (r *blobReader) flush(n int) error {
	if r.batch.Len() < n {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

// outcome is what the sizes of an allowed flow prove.
func outcome(o *openFlow, ended bool) netcase.Reach {
	sent := o.sizes[packetsOut] > 0 || o.sizes[octetsOut] > 0
	got := o.sizes[packetsIn] > 0 || o.sizes[octetsIn] > 0
	switch {
	case got && onePacketEach(o):
		return netcase.ReachAllowed
	case got && (sent || o.continued):
		return netcase.ReachBidirectional
	case ended && sent && !o.continued && o.sizes[packetsIn] == 0:
		return netcase.ReachNoReply
	}
	return netcase.ReachAllowed
}

// onePacketEach tells that a whole TCP flow is one packet each way. The answer to
// a SYN is then SYN-ACK or RST, and which of the two is not recorded; a
// handshake needs a second packet from the initiator.
func onePacketEach(o *openFlow) bool {
	return o.proto == netcase.TCP && !o.continued && o.sizes[packetsOut] == 1 && o.sizes[packetsIn] == 1
}

// ports are the ports, the protocol and the direction of a tuple in one number.
func (t *tuple) ports() uint64 {
	n := uint64(t.srcPort)<<32 | uint64(t.dstPort)<<16 | uint64(t.proto)<<8
	if t.in {
		n |= 1
	}
	return n
}

// hash places a tuple in the table of open flows; ends is the digest of its
// interface and its addresses.
func (t *tuple) hash(ends digest) digest {
	n := t.ports()
	if t.reach == netcase.ReachDenied {
		n |= 2
	}
	return ends.number(n)
}

// maxOpenFlows bounds the flows that wait for their end (about 80 MB). An
// interface in Azure carries up to 500,000 at a time, half of them this way round.
const maxOpenFlows = 1 << 18

// openFlow is a flow that waits for its end, in a list by last sign of life. Its
// tuple is the first, with the sizes of all.
type openFlow struct {
	tuple
	part         digest
	end          netcase.Time
	records      int64
	sensor, rule string
	key          uint64
	continued    bool
	kept         *keptTuple
	hash         digest
	older, newer int32
}

// begin makes a flow of its first tuple. The natural key is its ends, its interface
// and its beginning: two copies of one blob, of which one is longer, give a flow
// the same key.
func (o *openFlow) begin(t *tuple, p *blobPart, ends digest, k *keptTuple) {
	o.tuple, o.part, o.end, o.records = *t, p.id, t.at, 1
	o.sensor, o.rule, o.kept = p.sensor, p.rule, k
	n := t.ports()
	if t.state == stateContinue || t.state == stateEnd {
		o.continued = true
		n |= 2
	}
	o.key = ends.number(n).number(uint64(t.at)).key()
}

// is tells whether a tuple of the same part belongs to the flow.
func (o *openFlow) is(t *tuple, part digest) bool {
	return o.part == part && o.srcPort == t.srcPort && o.dstPort == t.dstPort && o.proto == t.proto && o.in == t.in &&
		o.src == t.src && o.dst == t.dst && (o.reach == netcase.ReachDenied) == (t.reach == netcase.ReachDenied)
}

// openFlows holds the open flows: slots, of which slot 0 is the anchor of the list,
// and a table of their numbers, open addressing with linear probing.
type openFlows struct {
	slots []openFlow
	free  []int32
	table []int32 // 0: empty; its length is a power of two
	n     int
}

const firstTable = 1 << 10

func newOpenFlows() openFlows {
	return openFlows{slots: make([]openFlow, 1), table: make([]int32, firstTable)}
}

func (o *openFlows) len() int      { return o.n }
func (o *openFlows) oldest() int32 { return o.slots[0].newer }

// find is the slot of the flow that a tuple belongs to, or 0.
func (o *openFlows) find(hash digest, t *tuple, part digest) int32 {
	mask := len(o.table) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		at := o.table[i]
		if at == 0 {
			return 0
		}
		if s := &o.slots[at]; s.hash == hash && s.is(t, part) {
			return at
		}
	}
}

// add gives a slot for a new flow, the newest.
func (o *openFlows) add(hash digest) int32 {
	var at int32
	if n := len(o.free); n > 0 {
		at, o.free = o.free[n-1], o.free[:n-1]
	} else {
		at = int32(len(o.slots))
		o.slots = append(o.slots, openFlow{})
	}
	o.slots[at].hash = hash
	if o.n++; 2*o.n > len(o.table) {
		o.rehash()
	}
	o.enter(at)
	o.link(at)
	return at
}

// enter puts a slot into the table.
func (o *openFlows) enter(at int32) {
	mask := len(o.table) - 1
	i := int(o.slots[at].hash) & mask
	for o.table[i] != 0 {
		i = (i + 1) & mask
	}
	o.table[i] = at
}

// rehash doubles the table.
func (o *openFlows) rehash() {
	old := o.table
	o.table = make([]int32, 2*len(old))
	for _, at := range old {
		if at != 0 {
			o.enter(at)
		}
	}
}

// link makes a slot the newest.
func (o *openFlows) link(i int32) {
	last := o.slots[0].older
	o.slots[i].older, o.slots[i].newer = last, 0
	o.slots[last].newer = i
	o.slots[0].older = i
}

func (o *openFlows) unlink(i int32) {
	s := &o.slots[i]
	o.slots[s.older].newer, o.slots[s.newer].older = s.newer, s.older
}

// join adds what a further tuple says to a flow.
func (o *openFlows) join(i int32, t *tuple) {
	o.unlink(i)
	o.link(i)
	s := &o.slots[i]
	s.records++
	s.end = max(s.end, t.at)
	for k := range s.sizes {
		s.sizes[k] = plus(s.sizes[k], t.sizes[k])
	}
}

// remove takes a flow out; those that probed past its place move up.
func (o *openFlows) remove(at int32) {
	o.unlink(at)
	mask := len(o.table) - 1
	i := int(o.slots[at].hash) & mask
	for o.table[i] != at {
		i = (i + 1) & mask
	}
	for j := i; ; {
		j = (j + 1) & mask
		next := o.table[j]
		if next == 0 {
			break
		}
		if home := int(o.slots[next].hash) & mask; (j-home)&mask >= (j-i)&mask {
			o.table[i] = next
			i = j
		}
	}
	o.table[i] = 0
	o.n--
	o.slots[at] = openFlow{}
	o.free = append(o.free, at)
}
