package source

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// spoolChunk is how much is read from standard input at a time.
const spoolChunk = 256 << 10

// errSpool is what a second opening of an input ends with that is larger than
// the spool.
var errSpool = errors.New("larger than the spool: it cannot be read a second time")

// spool keeps an input that can be read only once, compressed, in a temporary
// file that only its owner can read. What does not fit stays in rest.
type spool struct {
	file *Temporary
	rest io.Reader // nil: all fits
	fail error     // what the input ended with, where that was not its end

	mu      sync.Mutex
	claimed bool // rest is being read, or has been
}

func (x *finder) spoolStdin() error {
	return x.spooled(stdinName, x.opt.Stdin)
}

// spoolPipe reads a named pipe, such as a shell puts in place of <(command).
func (x *finder) spoolPipe(r root) error {
	f, err := os.Open(r.path)
	if err != nil {
		return err
	}
	x.found.hold.keep(f)
	return x.spooled(r.name, f)
}

func (x *finder) spooled(name string, r io.Reader) error {
	s := &spool{}
	size, err := s.fill(x, r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b := blob{name: name, explicit: true, size: size, once: s.rest != nil, open: s.open}
	x.members, x.bottom = 0, size
	x.expand(b, nil, x.opt.Depth)
	return nil
}

// fill copies r until its end or until the spool is full, and tells how many
// bytes the spool takes. A read error is kept and
// comes again at its place whenever the spool is read.
func (s *spool) fill(x *finder, r io.Reader) (size int64, err error) {
	if s.file, err = NewTemporary(x.opt.Temp); err != nil {
		return 0, err
	}
	x.found.hold.keep(s.file)
	out := &meteredWriter{w: s.file}
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, z.Close()); size = out.n }()
	chunk := make([]byte, spoolChunk)
	for out.n <= x.opt.Spool {
		n, readErr := r.Read(chunk)
		if _, err := z.Write(chunk[:n]); err != nil {
			return 0, err
		}
		if readErr == io.EOF {
			return 0, nil
		}
		if readErr != nil {
			s.fail = readErr
			return 0, nil
		}
	}
	s.rest = r
	return 0, nil
}

// meteredWriter counts what is written.
type meteredWriter struct {
	w io.Writer
	n int64
}

func (m *meteredWriter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.n += int64(n)
	return n, err
}

// open starts at the beginning of what was spooled.
func (s *spool) open() (*opened, error) {
	from := io.NewSectionReader(s.file, 0, math.MaxInt64)
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	t := &tap{r: &spoolReader{spool: s, kept: z}}
	end := func() error { z.Close(); return nil }
	return &opened{Reader: t, close: []func() error{end}, taken: t.taken}, nil
}

// spoolReader reads what was spooled and then, once, the rest.
type spoolReader struct {
	spool  *spool
	kept   io.Reader
	onRest bool
}

func (r *spoolReader) Read(p []byte) (int, error) {
	if r.onRest {
		return r.spool.rest.Read(p)
	}
	n, err := r.kept.Read(p)
	switch {
	case err != io.EOF:
		return n, err
	case n > 0:
		return n, nil
	case r.spool.fail != nil:
		return 0, r.spool.fail
	case r.spool.rest == nil:
		return 0, io.EOF
	}
	if !r.spool.claim() {
		return 0, errSpool
	}
	r.onRest = true
	return r.spool.rest.Read(p)
}

func (s *spool) claim() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimed {
		return false
	}
	s.claimed = true
	return true
}
