package store

import "io"

const (
	aheadSize  = 256 << 10
	aheadDepth = 8
)

// ahead reads a stream in a goroutine of its own, a little ahead of whoever takes
// the bytes, so that decompressing and hashing go on beside the decoding.
type ahead struct {
	full chan []byte
	free chan []byte
	quit chan struct{}
	err  error // of the stream; set before full is closed
	buf  []byte
	rest []byte
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan []byte, aheadDepth), free: make(chan []byte, aheadDepth+2), quit: make(chan struct{})}
	go a.run(r)
	return a
}

func (a *ahead) run(r io.Reader) {
	defer close(a.full)
	for {
		var buf []byte
		select {
		case buf = <-a.free:
		default:
			buf = make([]byte, aheadSize)
		}
		n, err := readSome(r, buf[:aheadSize])
		if n > 0 {
			select {
			case a.full <- buf[:n]:
			case <-a.quit:
				return
			}
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// readSome reads at least one byte, or says why not.
func readSome(r io.Reader, p []byte) (n int, err error) {
	const patience = 100
	for range patience {
		if n, err = r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// Read implements io.Reader. An error of the stream comes after its bytes.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.buf != nil {
			select {
			case a.free <- a.buf[:aheadSize]:
			default:
			}
			a.buf = nil
		}
		buf, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.buf, a.rest = buf, buf
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// stop ends the reading and waits for it, so that the stream can be closed.
func (a *ahead) stop() {
	close(a.quit)
	for range a.full { // until run has closed it
	}
}
