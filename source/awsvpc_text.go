package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"netcase"
)

// The text of VPC flow logs is taken apart by several goroutines, in blocks; the records
// are joined into flows by one, in their order, since the two directions of a flow may
// stand far apart. So the result is the same with any number of goroutines.

const (
	awsBlockSize  = 512 << 10
	awsBlockLines = 8 << 10
)

// awsBlock is some lines of one order of columns, and what became of them.
type awsBlock struct {
	text   []byte
	lines  []awsLine
	order  []int // nil: that of version 2
	header string

	in     *Input // what was rejected and skipped
	halves []half
	done   chan struct{}
}

type awsLine struct {
	from, to       int // in text
	number, offset int64
	tooLong        bool
}

// awsBlocks cuts the text into blocks.
type awsBlocks struct {
	lines  *Lines
	order  []int
	header string
}

// next fills a block; false: there are no more lines.
func (b *awsBlocks) next(into *awsBlock) bool {
	into.text, into.lines = into.text[:0], into.lines[:0]
	into.order, into.header = b.order, b.header
	for len(into.text) < awsBlockSize && len(into.lines) < awsBlockLines && b.lines.Next() {
		line := bytes.TrimSpace(b.lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if o := awsHeader(line); o != nil {
			b.order, b.header = o, string(line)
			if len(into.lines) > 0 {
				return true
			}
			into.order, into.header = b.order, b.header
			continue
		}
		from := len(into.text)
		into.text = append(into.text, b.lines.Bytes()...)
		into.lines = append(into.lines, awsLine{from, len(into.text), b.lines.Number(), b.lines.Offset(), b.lines.TooLong()})
	}
	return len(into.lines) > 0
}

// block takes the lines of a block apart.
func (r *awsReader) block(b *awsBlock, like *Input) {
	b.in = &Input{Name: like.Name, Report: &netcase.InputReport{}, Raw: like.Raw, Wanted: like.Wanted, Zone: like.Zone}
	b.halves = b.halves[:0]
	r.in, r.take = b.in, func(h half) { b.halves = append(b.halves, h) }
	for i := range b.lines {
		r.textLine(b, &b.lines[i])
	}
	r.tell()
}

// textLine takes one line apart.
func (r *awsReader) textLine(b *awsBlock, l *awsLine) {
	raw := b.text[l.from:l.to]
	line := bytes.TrimSpace(raw)
	c := awsRecord{place: netcase.Place{Line: l.number, Offset: l.offset}, raw: raw, line: l.number, header: b.header}
	own := b.order
	if own == nil {
		own = awsDefault
		if row, ok := awsDefaultRow(line); ok {
			line = row
		}
	}
	switch n := c.fill(line, own); {
	case l.tooLong:
		r.in.Reject(c.line, 0, "", "longer than 16 MB", line)
	case n < len(own):
		r.in.Reject(c.line, 0, "", fmt.Sprintf("%d fields, of %d", n, len(own)), line)
	default:
		r.guardedRecord(&c)
	}
}

// text reads lines.
func (w *awsFlows) text(ctx context.Context, minutes int) error {
	blocks := &awsBlocks{lines: w.in.lines()}
	if w.in.Workers <= 0 {
		r, b := newAWSReader(w.in, minutes, nil), &awsBlock{}
		for blocks.next(b) {
			r.block(b, w.in)
			if err := w.join(ctx, b); err != nil {
				return err
			}
		}
		return blocks.lines.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	work, queue, free := make(chan *awsBlock), make(chan *awsBlock, 2*w.in.Workers), make(chan *awsBlock, 4*w.in.Workers)
	for range w.in.Workers {
		all.Go(func() {
			r := newAWSReader(w.in, minutes, nil)
			for b := range work {
				r.block(b, w.in)
				close(b.done)
			}
		})
	}
	all.Go(func() {
		defer close(work)
		defer close(queue)
		blocks.send(ctx, work, queue, free)
	})
	for b := range queue {
		<-b.done
		if err := w.join(ctx, b); err != nil {
			return err
		}
		select {
		case free <- b:
		default:
		}
	}
	return errors.Join(blocks.lines.Err(), ctx.Err())
}

// send hands blocks to those who take them apart, and into the queue in their order.
func (b *awsBlocks) send(ctx context.Context, work, queue chan<- *awsBlock, free <-chan *awsBlock) {
	for {
		var x *awsBlock
		select {
		case x = <-free:
		default:
			x = &awsBlock{}
		}
		x.done = make(chan struct{})
		if !b.next(x) {
			return
		}
		select {
		case work <- x:
		case <-ctx.Done():
			return
		}
		select {
		case queue <- x:
		case <-ctx.Done():
			return
		}
	}
}

// join takes the records of a block, in their order.
func (w *awsFlows) join(ctx context.Context, b *awsBlock) error {
	w.in.Absorb(b.in)
	for i := range b.halves {
		w.add(b.halves[i])
		if err := w.flush(BatchSize); err != nil {
			return err
		}
	}
	return ctx.Err()
}
