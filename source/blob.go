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
	flow  netcase.Flow
	state tupleState
	in    bool // reported as inbound by its interface
}

// blobReader reads the blobs of one format.
type blobReader struct {
	format string
	parse  func(fields [][]byte, t *tuple) (field, reason string)

	in    *Input
	ctx   context.Context
	out   Sink
	batch netcase.Batch
	open  openFlows

	sensors map[string]string
	names   names
	cells   [16][]byte
	now     tuple // the one at hand
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
	r.open.drain(r.emit)
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
	r.now = tuple{}
	t := &r.now
	if field, reason := r.parse(r.split(text), t); reason != "" {
		r.in.Reject(place.Line, place.Item, field, reason, raw)
		return
	}
	f := &t.flow
	f.Sensor, f.Rule, f.Flows, f.Records = p.sensor, p.rule, 1, 1
	f.Ours = netcase.SideSrc
	if t.in {
		f.Ours = netcase.SideDst
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Context = place, bytes.Clone(raw), p.text()
	}
	r.advance(t, p)
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
func (r *blobReader) advance(t *tuple, p *blobPart) {
	f := &t.flow
	if t.state == stateNone {
		f.Key = flowKeyOf(f, t.in, p.id)
		r.deliver(f)
		return
	}
	id := flowID{f.Src.Addr, f.Dst.Addr, f.SrcPort, f.DstPort, f.Proto, t.in, f.Reach == netcase.ReachDenied, p.id}
	at, known := r.open.find(id)
	if known && t.state == stateBegin {
		r.replaced++
		r.emit(r.open.remove(at))
		known = false
	}
	if !known {
		f.Continued = t.state != stateBegin
		f.Key = flowKeyOf(f, t.in, p.id)
		at = r.begin(id, f)
	} else {
		r.open.join(at, f)
	}
	if t.state == stateEnd {
		o := r.open.remove(at)
		o.ended = true
		r.emit(o)
	}
}

// begin opens a flow; where too many are open, the one that was silent longest goes.
func (r *blobReader) begin(id flowID, f *netcase.Flow) int32 {
	if r.open.len() >= maxOpenFlows {
		r.evicted++
		r.emit(r.open.remove(r.open.oldest()))
	}
	return r.open.add(id, f)
}

// emit settles the outcome of a flow and hands it on.
func (r *blobReader) emit(o openFlow) {
	f := &o.flow
	if f.Continued {
		r.continued++
	}
	if f.Reach != netcase.ReachDenied {
		f.Reach = outcome(f, o.ended)
		if f.Reach == netcase.ReachAllowed && onePacketEach(f) {
			r.single++
		}
	}
	r.deliver(f)
}

func (r *blobReader) deliver(f *netcase.Flow) { r.in.Accept(&r.batch, *f) }

func (r *blobReader) flush(n int) error {
	if r.batch.Len() < n {
		return nil
	}
	err := r.out(&r.batch)
	r.batch.Reset()
	return err
}

// outcome is what the sizes of an allowed flow prove.
func outcome(f *netcase.Flow, ended bool) netcase.Reach {
	sent := f.PacketsOut > 0 || f.OctetsOut > 0
	got := f.PacketsIn > 0 || f.OctetsIn > 0
	switch {
	case got && onePacketEach(f):
		return netcase.ReachAllowed
	case got && (sent || f.Continued):
		return netcase.ReachBidirectional
	case ended && sent && !f.Continued && f.PacketsIn == 0:
		return netcase.ReachNoReply
	}
	return netcase.ReachAllowed
}

// onePacketEach tells that a whole TCP flow is one packet each way. The answer to
// a SYN is then SYN-ACK or RST, and which of the two is not recorded; a
// handshake needs a second packet from the initiator.
func onePacketEach(f *netcase.Flow) bool {
	return f.Proto == netcase.TCP && !f.Continued && f.PacketsOut == 1 && f.PacketsIn == 1
}

// flowKeyOf is the natural key of a flow: its ends, its interface and its beginning.
// Two copies of one blob, of which one is longer, give a flow the same key.
func flowKeyOf(f *netcase.Flow, inbound bool, part digest) uint64 {
	d := part.addr(f.Src.Addr).addr(f.Dst.Addr)
	n := uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)<<8
	if inbound {
		n |= 1
	}
	if f.Continued {
		n |= 2
	}
	return d.number(n).number(uint64(f.Start)).key()
}

// maxOpenFlows bounds the flows that wait for their end (about 100 MB). An
// interface in Azure carries up to 500,000 at a time, half of them this way round.
const maxOpenFlows = 1 << 18

// flowID tells open flows apart.
type flowID struct {
	src, dst         netip.Addr
	srcPort, dstPort uint16
	proto            uint8
	inbound, denied  bool
	part             digest
}

// openFlow is a flow that waits for its end, in a list by last sign of life.
type openFlow struct {
	flow         netcase.Flow
	id           flowID
	ended        bool
	older, newer int32
}

// openFlows holds the open flows. Slot 0 is the anchor of the list.
type openFlows struct {
	at    map[flowID]int32
	slots []openFlow
	free  []int32
}

func newOpenFlows() openFlows {
	return openFlows{at: map[flowID]int32{}, slots: make([]openFlow, 1)}
}

func (o *openFlows) len() int      { return len(o.at) }
func (o *openFlows) oldest() int32 { return o.slots[0].newer }

func (o *openFlows) find(id flowID) (int32, bool) {
	i, ok := o.at[id]
	return i, ok
}

func (o *openFlows) add(id flowID, f *netcase.Flow) int32 {
	var i int32
	if n := len(o.free); n > 0 {
		i, o.free = o.free[n-1], o.free[:n-1]
	} else {
		i = int32(len(o.slots))
		o.slots = append(o.slots, openFlow{})
	}
	o.slots[i] = openFlow{flow: *f, id: id}
	o.at[id] = i
	o.link(i)
	return i
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
func (o *openFlows) join(i int32, f *netcase.Flow) {
	o.unlink(i)
	o.link(i)
	g := &o.slots[i].flow
	g.Records++
	g.End = max(g.End, f.End)
	g.OctetsOut, g.OctetsIn = plus(g.OctetsOut, f.OctetsOut), plus(g.OctetsIn, f.OctetsIn)
	g.PacketsOut, g.PacketsIn = plus(g.PacketsOut, f.PacketsOut), plus(g.PacketsIn, f.PacketsIn)
}

func (o *openFlows) remove(i int32) openFlow {
	o.unlink(i)
	f := o.slots[i]
	delete(o.at, f.id)
	o.slots[i] = openFlow{}
	o.free = append(o.free, i)
	return f
}

// drain removes all, the longest silent first.
func (o *openFlows) drain(emit func(openFlow)) {
	for o.len() > 0 {
		emit(o.remove(o.oldest()))
	}
}
