package store

import (
	"io"
	"sync"

	"netcase/cube"
	"netcase/source"
)

// meterStep is how many bytes pass between two reports.
const meterStep = 4 << 20

// meter reports how far reading has come, from any number of workers.
type meter struct {
	mu    sync.Mutex
	to    func(Progress)
	p     Progress
	since int64
}

// newMeter is a meter of a pass over streams that take so many bytes.
func newMeter(to func(Progress), pass, streams int, total int64) *meter {
	return &meter{to: to, p: Progress{Pass: pass, Streams: streams, Total: total}}
}

// read counts n bytes of a stream, for which so many were taken from the disk.
func (m *meter) read(name string, n, taken int64) {
	if m.to == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Bytes += n
	m.p.Taken += taken
	m.p.Stream = name
	if m.since += n; m.since >= meterStep {
		m.since = 0
		m.to(m.p)
	}
}

func (m *meter) done() {
	if m.to == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Done++
	m.to(m.p)
}

// counter counts the bytes of one stream on their way through.
type counter struct {
	r     io.Reader
	n     *int64
	meter *meter
	name  string
	plain bool  // what counts is what comes through, not what it takes on disk
	taken int64 // from the disk, so far
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	step := int64(n)
	if t, ok := c.r.(interface{ Taken() int64 }); ok && !c.plain {
		now := t.Taken()
		step, c.taken = now-c.taken, now
	}
	c.meter.read(c.name, int64(n), step)
	return n, err
}

// onDiskTotal is what streams take on disk.
func onDiskTotal(streams []source.Stream) (n int64) {
	for i := range streams {
		n += streams[i].Size
	}
	return n
}

// wantedBytes is how much of an input the second pass reads.
func (f *folded) wantedBytes(wants []cube.Want) (n int64) {
	for i := range f.parts {
		switch p := &f.parts[i]; {
		case p.size == wholeStream:
			n += f.report.Bytes
		case p.mayHold(wants):
			n += p.size
		}
	}
	return n
}
