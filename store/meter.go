package store

import (
	"io"
	"sync"
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

func newMeter(to func(Progress), pass, streams int) *meter {
	return &meter{to: to, p: Progress{Pass: pass, Streams: streams}}
}

func (m *meter) read(name string, n int64) {
	if m.to == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Bytes += n
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
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	c.meter.read(c.name, int64(n))
	return n, err
}
