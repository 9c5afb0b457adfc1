package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// peekSize is how much of a stream is looked at to tell what it is: more than
	// the 512 bytes of a tar header, enough to tell an encoding.
	peekSize = 4 << 10
	// diskBuffer is how much is read from a file at a time.
	diskBuffer = 128 << 10
	// maxWindow bounds the memory of one zstd stream; 128 MB is what `zstd --long`
	// and `--ultra -22` ask for.
	maxWindow = 128 << 20
)

// errBound is what a stream ends with that expands too far.
var errBound = errors.New("limit against decompression bombs")

// blob is a run of bytes that can be opened again: a file, a member of an
// archive, or what either expands to.
type blob struct {
	name     string
	explicit bool
	size     int64  // on disk
	path     string // of a file that holds exactly these bytes; empty: there is none
	once     bool   // it may be impossible to open it a second time
	open     func() (*opened, error)
}

// opened is a blob being read.
type opened struct {
	io.Reader
	close []func() error // called last to first
	taken func() int64   // bytes taken so far from the file at the bottom
}

// Taken is how many bytes of the file at the bottom were read so far.
func (o *opened) Taken() int64 { return o.taken() }

// Close closes every layer.
func (o *opened) Close() error {
	var errs []error
	for i := len(o.close) - 1; i >= 0; i-- {
		errs = append(errs, o.close[i]())
	}
	o.close = nil
	return errors.Join(errs...)
}

// fileBlob is a regular file.
func fileBlob(path, name string, size int64, explicit bool) blob {
	open := func() (*opened, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		t := &tap{r: f}
		return &opened{Reader: bufio.NewReaderSize(t, diskBuffer), close: []func() error{f.Close}, taken: t.taken}, nil
	}
	return blob{name: name, explicit: explicit, size: size, path: path, open: open}
}

// tap counts what passes.
type tap struct {
	r io.Reader
	n int64
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	return n, err
}

func (t *tap) taken() int64 { return t.n }

// peek is the start of a blob. An error comes with what could be read before it.
func (b *blob) peek() ([]byte, error) {
	o, err := b.open()
	if err != nil {
		return nil, err
	}
	head := make([]byte, peekSize)
	n, err := io.ReadFull(o, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], errors.Join(err, o.Close())
}

// kind is what the first bytes of a blob say it is.
type kind uint8

const (
	kindLeaf kind = iota
	kindGzip
	kindZstd
	kindBzip2
	kindZip
	kindTar
	kindUnread // known, and not read
)

// magics are the first bytes of what is opened, and of what is refused by name
// since its content would otherwise only look like noise.
var magics = []struct {
	bytes string
	kind  kind
	name  string
}{
	{"\x1f\x8b", kindGzip, "gzip"},
	{"\x28\xb5\x2f\xfd", kindZstd, "zstd"},
	{"BZh", kindBzip2, "bzip2"},
	{"PK\x03\x04", kindZip, "zip"},
	{"PK\x05\x06", kindZip, "zip"},
	{"\xfd7zXZ\x00", kindUnread, "xz"},
	{"\x04\x22\x4d\x18", kindUnread, "lz4"},
	{"7z\xbc\xaf\x27\x1c", kindUnread, "7z"},
	{"Rar!\x1a\x07", kindUnread, "rar"},
	{"PK\x07\x08", kindUnread, "split zip"},
	{"\x1f\x9d", kindUnread, "compress (.Z)"},
}

// kindOf tells what a blob is by its first bytes.
func kindOf(head []byte) (kind, string) {
	for _, m := range magics {
		if !bytes.HasPrefix(head, []byte(m.bytes)) {
			continue
		}
		if m.kind == kindBzip2 && !isBzip2(head) {
			continue
		}
		return m.kind, m.name
	}
	if isSkippable(head) {
		return kindZstd, "zstd"
	}
	if isTar(head) {
		return kindTar, "tar"
	}
	return kindLeaf, ""
}

// isBzip2 looks beyond the three letters, with which a text may begin.
func isBzip2(head []byte) bool {
	return len(head) >= 10 && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "\x31\x41\x59\x26\x53\x59" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

// isSkippable tells a skippable zstd frame, with which pzstd and others begin.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// expand opens layer after layer until it stands at streams. A head that the
// caller knows already saves one opening.
func (x *finder) expand(b blob, head []byte, depth int) {
	if head == nil {
		var err error
		if head, err = b.peek(); err != nil && len(head) == 0 {
			x.refuse(b.name, plainReason(err))
			return
		}
	}
	k, what := kindOf(head)
	switch {
	case k == kindLeaf:
		x.leaf(b, head)
	case k == kindUnread:
		x.refuse(b.name, what+" is not read; unpack it first")
	case depth == 0:
		x.refuse(b.name, fmt.Sprintf("archives and compression are nested more than %d deep", x.opt.Depth))
	case k == kindZip:
		x.zip(b, depth-1)
	case k == kindTar:
		x.tar(b, depth-1)
	default:
		x.expand(x.decompressed(b, k, what), nil, depth-1)
	}
}

// leaf adds a stream.
func (x *finder) leaf(b blob, head []byte) {
	enc := encodingOf(head)
	if enc.refuse != "" {
		x.refuse(b.name, enc.refuse)
		return
	}
	s := Stream{Name: b.name, Explicit: b.explicit, Size: b.size}
	if enc.note != "" {
		s.Notes = append(s.Notes, enc.note)
	}
	s.Open = func() (io.ReadCloser, error) {
		o, err := b.open()
		if err != nil {
			return nil, err
		}
		o.Reader = enc.reader(o.Reader)
		return o, nil
	}
	x.found.Streams = append(x.found.Streams, s)
}

// decompressed is what a compressed blob expands to.
func (x *finder) decompressed(b blob, k kind, what string) blob {
	inner := b
	opt := x.opt
	inner.path = ""
	inner.open = func() (*opened, error) {
		o, err := b.open()
		if err != nil {
			return nil, err
		}
		r, done, err := codecs[k](o.Reader)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", what, err), o.Close())
		}
		o.close = append(o.close, done)
		o.Reader = &bounded{r: r, name: b.name, layer: what, opt: opt, taken: o.taken}
		return o, nil
	}
	return inner
}

// codecs start the decompression of a layer; the second result ends it.
var codecs = map[kind]func(io.Reader) (io.Reader, func() error, error){
	kindGzip: func(r io.Reader) (io.Reader, func() error, error) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, ending(z), nil
	},
	kindZstd: func(r io.Reader) (io.Reader, func() error, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, func() error { z.Close(); return nil }, nil
	},
	kindBzip2: func(r io.Reader) (io.Reader, func() error, error) { //nolint:unparam // the results are those of the others
		return bzip2.NewReader(r), func() error { return nil }, nil
	},
}

// ending closes a decompressor. Its error is one that reading has told already.
func ending(c io.Closer) func() error {
	return func() error { _ = c.Close(); return nil }
}

// bounded is the output of one decompressor. It ends with an error where the
// output is both larger than Expand and more than Ratio times what was taken
// from the file at the bottom.
type bounded struct {
	r     io.Reader
	name  string
	layer string
	opt   Options
	taken func() int64
	made  int64
	err   error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.made += int64(n)
	switch {
	case b.made > b.opt.Expand && b.made/b.opt.Ratio > b.taken():
		b.err = b.tooFar()
	case errors.Is(err, io.ErrUnexpectedEOF):
		b.err = fmt.Errorf("%s is cut off: %w", b.layer, err)
	case err == io.EOF:
		b.err = err
	case err != nil:
		b.err = fmt.Errorf("%s: %w", b.layer, err)
	}
	return n, b.err
}

func (b *bounded) tooFar() error {
	return fmt.Errorf("%s expands to more than %d bytes and more than %d times its size: %w",
		b.name, b.opt.Expand, b.opt.Ratio, errBound)
}
