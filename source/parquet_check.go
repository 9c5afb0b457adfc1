package source

import (
	"encoding/binary"
	"errors"
	"io"
)

// What a Parquet file claims about itself is checked before the library believes
// it: the library allocates what the footer and the page headers state.

const (
	maxFooter     = 64 << 20 // bytes
	maxPageBytes  = 64 << 20 // of one page, decompressed
	maxPageValues = 1 << 24
	maxPageHeader = 64 << 10
	maxThriftDeep = 16
)

var (
	errParquetBomb  = errors.New("it claims more than it can hold")
	errParquetShort = errors.New("it is cut short")
)

// compact walks a struct in Thrift's compact encoding.
//
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type compact struct {
	b     []byte
	pos   int
	value func(path []int16, v int64) // told of every number, with the field ids above it
	path  []int16
}

func (c *compact) varint() (uint64, error) {
	v, n := binary.Uvarint(c.b[c.pos:])
	if n <= 0 {
		return 0, errParquetShort
	}
	c.pos += n
	return v, nil
}

func (c *compact) zigzag() (int64, error) {
	v, err := c.varint()
	return int64(v>>1) ^ -int64(v&1), err
}

func (c *compact) take(n uint64) error {
	if n > uint64(len(c.b)-c.pos) {
		return errParquetShort
	}
	c.pos += int(n)
	return nil
}

func (c *compact) byte() (byte, error) {
	if c.pos >= len(c.b) {
		return 0, errParquetShort
	}
	c.pos++
	return c.b[c.pos-1], nil
}

func (c *compact) record(depth int) error {
	if depth > maxThriftDeep {
		return errParquetBomb
	}
	id := int16(0)
	for {
		head, err := c.byte()
		if err != nil || head == 0 {
			return err
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			long, err := c.zigzag()
			if err != nil {
				return err
			}
			id = int16(long)
		}
		c.path = append(c.path, id)
		if kind := head & 15; kind > 2 { // 1 and 2 are true and false, without more bytes
			if err := c.skip(kind, depth); err != nil {
				return err
			}
		}
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *compact) skip(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3:
		_, err := c.byte()
		return err
	case 4, 5, 6:
		v, err := c.zigzag()
		if err == nil && c.value != nil {
			c.value(c.path, v)
		}
		return err
	case 7:
		return c.take(8)
	case 8:
		n, err := c.varint()
		if err != nil {
			return err
		}
		return c.take(n)
	case 9, 10:
		return c.list(depth)
	case 12:
		return c.record(depth + 1)
	}
	return errParquetBomb // maps and what is not known: Parquet has none
}

// list passes over the elements of a list, each of which takes at least a byte.
func (c *compact) list(depth int) error {
	head, err := c.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = c.varint(); err != nil {
			return err
		}
	}
	if n > uint64(len(c.b)-c.pos) {
		return errParquetBomb
	}
	for range n {
		if err := c.skip(head&15, depth); err != nil {
			return err
		}
	}
	return nil
}

// checkFooter checks the footer at the end of a file.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errParquetShort
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(tail[4:]) != parquetMagic {
		return errors.New("its end is missing")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > maxFooter || n > size-12 {
		return errParquetBomb
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c := compact{b: footer}
	return c.record(0)
}

// checkPages checks the page headers of a column chunk that takes length bytes from offset on.
func checkPages(r io.ReaderAt, size, offset, length int64) error {
	if offset < 4 || length < 0 || offset > size || length > size-offset {
		return errParquetShort
	}
	buf := make([]byte, 512)
	for end := offset + length; offset < end; {
		step, err := pageHeader(r, offset, end, buf)
		if err != nil {
			return err
		}
		offset += step
	}
	return nil
}

// pageHeader is how far it is from a page header to the next.
func pageHeader(r io.ReaderAt, offset, end int64, buf []byte) (int64, error) {
	for {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), end-offset)], offset)
		if n == 0 && err != nil {
			return 0, errParquetShort
		}
		var plain, packed, values int64
		c := compact{b: buf[:n], value: func(path []int16, v int64) {
			switch {
			case len(path) == 1 && path[0] == 2:
				plain = v
			case len(path) == 1 && path[0] == 3:
				packed = v
			case len(path) == 2 && path[1] == 1:
				values = v
			}
		}}
		err = c.record(0)
		if errors.Is(err, errParquetShort) && len(buf) < maxPageHeader && int64(len(buf)) < end-offset {
			buf = make([]byte, 8*len(buf)) // long statistics stand in it
			continue
		}
		switch {
		case err != nil:
			return 0, err
		case plain < 0 || plain > maxPageBytes || packed < 0 || packed > maxPageBytes || values < 0 || values > maxPageValues:
			return 0, errParquetBomb
		}
		return int64(c.pos) + packed, nil
	}
}
