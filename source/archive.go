package source

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// maxIdle is how many readers of one sequential archive are kept open between
// members; a second worker gets its own.
const maxIdle = 2

// memberName is the name of a member as it is shown, or why the member is
// refused. Nothing is ever unpacked to its name; but a name that leads out of the
// archive says that somebody meant harm, and is not passed on as a file name.
func memberName(raw string) (name, refuse string) {
	slashes := strings.ReplaceAll(raw, `\`, "/")
	switch {
	case raw == "":
		return "(no name)", "a member without a name"
	case strings.ContainsRune(raw, 0):
		return Printable(raw), "its name holds a zero byte"
	case strings.HasPrefix(slashes, "/"), len(slashes) > 1 && slashes[1] == ':':
		return Printable(raw), "its name is an absolute path"
	case slices.Contains(strings.Split(slashes, "/"), ".."):
		return Printable(raw), "its name leads out of the archive"
	}
	return cleanName(path.Clean(slashes)), ""
}

// cleanName replaces what is not a visible character.
func cleanName(s string) string {
	var b strings.Builder
	for part := range slices.Chunk([]rune(s), sampleLength/4) {
		b.WriteString(Printable(string(part)))
	}
	return b.String()
}

// member checks one member and tells the name it is shown by; ok is false where
// it is not to be opened, which is reported.
func (x *finder) member(archive, raw string, mode fs.FileMode) (shown string, ok bool) {
	name, why := memberName(raw)
	shown = archive + "!" + name
	switch {
	case why != "":
		x.refuse(shown, why)
	case mode&fs.ModeDir != 0:
	case mode&fs.ModeSymlink != 0:
		x.refuse(shown, "a link inside an archive")
	case mode&fs.ModeType != 0:
		x.refuse(shown, special(mode))
	case strings.HasPrefix(name, "__MACOSX/"):
		x.skip(shown, "macOS metadata of another file")
	case litter(path.Base(name)) != "":
		x.skip(shown, litter(path.Base(name)))
	default:
		return shown, true
	}
	return shown, false
}

func special(mode fs.FileMode) string {
	if mode&fs.ModeIrregular != 0 {
		return "encrypted, or a special file inside an archive"
	}
	return "a device or another special file inside an archive"
}

// room tells whether the archives of the current input may have one more member.
func (x *finder) room(archive string) bool {
	x.members++
	if x.members > x.opt.Members {
		x.refuse(archive, fmt.Sprintf("has more than %d members: the others were not opened", x.opt.Members))
		return false
	}
	return true
}

// zipMember is where a member of a zip file stands.
type zipMember struct {
	raw    string
	mode   fs.FileMode
	method uint16
	offset int64 // of its compressed bytes
	packed int64
	size   int64  // -1: not known
	crc    uint32 // where size is known
}

// zip lists the members of a zip file.
func (x *finder) zip(b blob, depth int) {
	if b.once {
		x.refuse(b.name, errSpool.Error()+", as an archive must be")
		return
	}
	file, err := x.ground(b)
	if err != nil {
		x.refuse(b.name, plainReason(err))
	}
	if file == nil {
		return
	}
	f, end, err := file()
	if err != nil {
		x.refuse(b.name, plainReason(err))
		return
	}
	defer func() { _ = end() }() // only read from
	members, err := zipMembers(f)
	if err != nil {
		x.refuse(b.name, "zip: "+plainReason(err))
	}
	x.zipMembers(b, file, members, depth)
}

// ground opens the file that an archive stands in, from which several may read side by
// side; end gives up what was opened.
type ground func() (f *os.File, end func() error, err error)

// ground is the blob's own file, or a temporary one that holds as much of it as can be
// read; nil: there is none.
func (x *finder) ground(b blob) (ground, error) {
	if b.path != "" {
		return func() (*os.File, func() error, error) {
			f, err := os.Open(b.path)
			if err != nil {
				return nil, nil, err
			}
			return f, f.Close, nil
		}, nil
	}
	t, err := x.unpack(b)
	if t == nil {
		return nil, err
	}
	return func() (*os.File, func() error, error) { return t.File, func() error { return nil }, nil }, err
}

// unpack copies a blob to a temporary file, which disappears with the Found, as far as
// it can be read.
func (x *finder) unpack(b blob) (t *Temporary, err error) {
	o, err := b.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if t, err = NewTemporary(x.opt.Temp); err != nil {
		return nil, err
	}
	x.found.hold.keep(t)
	_, err = io.Copy(t, o)
	return t, err
}

// zipMembers reads the directory of a zip file, or, where that is missing since
// the file was cut off, walks the members from the start. Both results may be set.
func zipMembers(f *os.File) ([]zipMember, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return salvage(f, info.Size()), fmt.Errorf("no directory, it is cut off: %w", err)
	}
	var members []zipMember
	for _, m := range z.File {
		offset, err := m.DataOffset()
		if err != nil {
			return members, err
		}
		members = append(members, zipMember{
			raw: m.Name, mode: zipMode(m), method: m.Method, offset: offset,
			packed: clamped(m.CompressedSize64, info.Size()), size: clamped(m.UncompressedSize64, 1<<62), crc: m.CRC32,
		})
	}
	return members, nil
}

// zipMode is the mode of a member; an encrypted one counts as irregular.
func zipMode(m *zip.File) fs.FileMode {
	if strings.HasSuffix(m.Name, "/") || strings.HasSuffix(m.Name, `\`) {
		return fs.ModeDir
	}
	mode := m.Mode().Type()
	if m.Flags&zipEncrypted != 0 {
		mode |= fs.ModeIrregular
	}
	return mode
}

func clamped(n uint64, most int64) int64 {
	if n > uint64(most) {
		return most
	}
	return int64(n)
}

// The parts of a local file header of a zip file that are read here.
// Source: APPNOTE.TXT 6.3.10, 4.3.7 and 4.3.9.
const (
	zipLocal       = "PK\x03\x04"
	zipDescriptor  = "PK\x07\x08"
	zipLocalSize   = 30
	zipEncrypted   = 0x1
	zipSizesFollow = 0x8
	methodStore    = 0
	methodDeflate  = 8
	methodZstd     = 93
)

// salvage lists the members that stand whole at the start of a zip file, and the
// one that was cut off.
func salvage(f io.ReaderAt, end int64) (members []zipMember) {
	at := int64(0)
	header := make([]byte, zipLocalSize)
	for {
		if _, err := f.ReadAt(header, at); err != nil || string(header[:4]) != zipLocal {
			return members
		}
		flags, method := binary.LittleEndian.Uint16(header[6:]), binary.LittleEndian.Uint16(header[8:])
		name := make([]byte, binary.LittleEndian.Uint16(header[26:]))
		if _, err := f.ReadAt(name, at+zipLocalSize); err != nil {
			return members
		}
		m := zipMember{
			raw: string(name), method: method, crc: binary.LittleEndian.Uint32(header[14:]),
			offset: at + zipLocalSize + int64(len(name)) + int64(binary.LittleEndian.Uint16(header[28:])),
			packed: int64(binary.LittleEndian.Uint32(header[18:])), size: int64(binary.LittleEndian.Uint32(header[22:])),
		}
		if strings.HasSuffix(m.raw, "/") {
			m.mode = fs.ModeDir
		}
		if flags&zipEncrypted != 0 {
			m.mode = fs.ModeIrregular
		}
		if flags&zipSizesFollow != 0 {
			m.size = -1
			if m.packed = deflated(f, m, end); m.packed < 0 {
				m.packed = end - m.offset
				return append(members, m)
			}
		}
		members = append(members, m)
		at = m.offset + m.packed
		if flags&zipSizesFollow != 0 {
			at = afterDescriptor(f, at)
		}
	}
}

// deflated is how many bytes a deflated member takes whose header does not say,
// or -1 where its end is missing.
func deflated(f io.ReaderAt, m zipMember, end int64) int64 {
	if m.method != methodDeflate {
		return -1
	}
	t := &byteTap{r: bufio.NewReader(io.NewSectionReader(f, m.offset, max(0, end-m.offset)))}
	z := flate.NewReader(t)
	made, err := io.Copy(io.Discard, io.LimitReader(z, DefaultExpand))
	if err != nil || made >= DefaultExpand {
		return -1
	}
	return t.n
}

// byteTap counts bytes that are taken one by one, so that a decompressor takes
// no more than it needs.
type byteTap struct {
	r *bufio.Reader
	n int64
}

func (t *byteTap) ReadByte() (byte, error) {
	b, err := t.r.ReadByte()
	if err == nil {
		t.n++
	}
	return b, err
}

func (t *byteTap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	return n, err
}

// afterDescriptor is where the next header begins after the sizes that follow a
// member, which come with or without a signature and in two widths.
func afterDescriptor(f io.ReaderAt, at int64) int64 {
	buf := make([]byte, 28)
	n, _ := f.ReadAt(buf, at) // a short read is judged by its length
	for _, size := range []int{16, 12, 24, 20} {
		if size+4 <= n && string(buf[size:size+4]) == zipLocal && (size%16 != 0 || string(buf[:4]) == zipDescriptor) {
			return at + int64(size)
		}
	}
	return at
}

// officeMember is what every office document of the last twenty years holds.
const officeMember = "[Content_Types].xml"

func (x *finder) zipMembers(b blob, file ground, members []zipMember, depth int) {
	if slices.ContainsFunc(members, func(m zipMember) bool { return m.raw == officeMember }) {
		x.refuse(b.name, "an office document; export its table as CSV")
		return
	}
	var declared int64
	for _, m := range members {
		if !x.room(b.name) {
			return
		}
		shown, ok := x.member(b.name, m.raw, m.mode)
		if !ok {
			continue
		}
		if m.method != methodStore && m.method != methodDeflate && m.method != methodZstd {
			x.refuse(shown, fmt.Sprintf("zip compression method %d is not read", m.method))
			continue
		}
		declared += max(m.size, 0)
		if declared > x.opt.Expand && declared/x.opt.Ratio > x.bottom || declared < 0 {
			x.refuse(b.name, fmt.Sprintf("expands to more than %d bytes and more than %d times its size: %s and what follows was not opened: %v",
				x.opt.Expand, x.opt.Ratio, shown, errBound))
			return
		}
		x.expand(x.zipBlob(shown, file, m), nil, depth)
	}
}

// zipBlob is one member of a zip file.
func (x *finder) zipBlob(shown string, file ground, m zipMember) blob {
	opt, taken := x.opt, min(m.packed, x.bottom)
	open := func() (*opened, error) {
		f, end, err := file()
		if err != nil {
			return nil, err
		}
		o := &opened{close: []func() error{end}, taken: func() int64 { return taken }}
		packed := bufio.NewReaderSize(io.NewSectionReader(f, m.offset, m.packed), diskBuffer)
		r, done, err := unzipped(packed, m)
		if err != nil {
			return nil, errors.Join(err, o.Close())
		}
		o.close = append(o.close, done)
		o.Reader = &bounded{r: r, name: shown, layer: "zip", opt: opt, taken: o.taken}
		return o, nil
	}
	return blob{name: shown, size: m.packed, open: open}
}

// unzipped decompresses a member and compares it with its size and checksum.
func unzipped(r io.Reader, m zipMember) (io.Reader, func() error, error) {
	done := func() error { return nil }
	switch m.method {
	case methodDeflate:
		z := flate.NewReader(r)
		r, done = z, ending(z)
	case methodZstd:
		z, end, err := codecs[kindZstd](r)
		if err != nil {
			return nil, nil, err
		}
		r, done = z, end
	}
	if m.size >= 0 {
		r = &checked{r: r, want: m.size, crc: m.crc, sum: crc32.NewIEEE()}
	}
	return r, done, nil
}

// checked compares what it reads with a size and a checksum.
type checked struct {
	r    io.Reader
	want int64
	crc  uint32
	sum  hash.Hash32
	n    int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	_, _ = c.sum.Write(p[:n]) // never fails
	switch {
	case c.n > c.want:
		return n, errors.New("longer than the archive says")
	case err == io.EOF && c.n < c.want:
		return n, io.ErrUnexpectedEOF
	case err == io.EOF && c.sum.Sum32() != c.crc:
		return n, errors.New("checksum mismatch")
	}
	return n, err
}

// isTar tells a tar header by its checksum, which every variant has.
func isTar(head []byte) bool {
	const headerSize, sumAt, sumSize = 512, 148, 8
	if len(head) < headerSize || head[0] == 0 {
		return false
	}
	sum := int64(sumSize * ' ')
	for i, c := range head[:headerSize] {
		if i < sumAt || i >= sumAt+sumSize {
			sum += int64(c)
		}
	}
	field := bytes.Trim(head[sumAt:sumAt+sumSize], " \x00")
	if len(field) == 0 {
		return false
	}
	var want int64
	for _, c := range field {
		if c < '0' || c > '7' {
			return false
		}
		want = want*8 + int64(c-'0')
	}
	return want == sum
}

// tar lists the members of a tar file.
func (x *finder) tar(b blob, depth int) {
	if b.once {
		x.refuse(b.name, errSpool.Error()+", as an archive must be")
		return
	}
	o, err := b.open()
	if err != nil {
		x.refuse(b.name, plainReason(err))
		return
	}
	defer func() { _ = o.Close() }() // only read from
	seq := &sequence{open: b.open}
	x.found.hold.keep(seq)
	position := &tap{r: o}
	t := tar.NewReader(position)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			x.refuse(b.name, "tar: "+plainReason(err))
			return
		}
		if !x.room(b.name) {
			return
		}
		shown, ok := x.member(b.name, h.Name, tarMode(h))
		if !ok {
			continue
		}
		m := seq.member(shown, b.path, position.n, h.Size)
		head := make([]byte, min(h.Size, peekSize))
		n, _ := io.ReadFull(t, head) // what is missing shows when the member is read
		x.expand(m, head[:n], depth)
	}
}

// tarMode is the mode of a member; hard links count as links, sparse files and
// whatever else is not a plain file as irregular.
func tarMode(h *tar.Header) fs.FileMode {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				return fs.ModeIrregular // its place in the archive does not hold its bytes as they are
			}
		}
		return 0
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return fs.ModeDir
	case tar.TypeSymlink, tar.TypeLink:
		return fs.ModeSymlink
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return fs.ModeDevice
	}
	return fs.ModeIrregular
}

// sequence hands out the members of an archive that can be read only from its
// start. A reader that has finished a member is kept, so that members that are
// asked for in order cost one pass.
type sequence struct {
	open func() (*opened, error)

	mu     sync.Mutex
	idle   []*cursor
	closed bool
}

// cursor is a reader of the archive and where it stands.
type cursor struct {
	*opened
	at int64
}

// member is the blob of size bytes at an offset of the archive, which is a plain
// file where path is set.
func (s *sequence) member(name, path string, offset, size int64) blob {
	open := func() (*opened, error) { return s.openMember(offset, size) }
	if path != "" {
		open = func() (*opened, error) { return openSection(path, offset, size) }
	}
	return blob{name: name, size: size, open: open}
}

func openSection(path string, offset, size int64) (*opened, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &tap{r: io.NewSectionReader(f, offset, size)}
	r := &exactly{r: bufio.NewReaderSize(t, diskBuffer), left: size}
	return &opened{Reader: r, close: []func() error{f.Close}, taken: t.taken}, nil
}

func (s *sequence) openMember(offset, size int64) (*opened, error) {
	c, err := s.cursor(offset)
	if err != nil {
		return nil, err
	}
	n, err := io.CopyN(io.Discard, c, offset-c.at)
	c.at += n
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tar: %w", err), c.Close())
	}
	r := &exactly{r: c, left: size}
	release := func() error {
		c.at += size - r.left
		return s.release(c, !r.failed)
	}
	return &opened{Reader: r, close: []func() error{release}, taken: c.taken}, nil
}

// cursor is the idle reader that stands closest before an offset, or a new one.
func (s *sequence) cursor(offset int64) (*cursor, error) {
	s.mu.Lock()
	best := -1
	for i, c := range s.idle {
		if c.at <= offset && (best < 0 || c.at > s.idle[best].at) {
			best = i
		}
	}
	if best >= 0 {
		c := s.idle[best]
		s.idle = slices.Delete(s.idle, best, best+1)
		s.mu.Unlock()
		return c, nil
	}
	s.mu.Unlock()
	o, err := s.open()
	if err != nil {
		return nil, err
	}
	return &cursor{opened: o}, nil
}

// release takes a reader back, or closes it where enough are idle.
func (s *sequence) release(c *cursor, sound bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sound || s.closed || len(s.idle) >= maxIdle {
		return c.Close()
	}
	s.idle = append(s.idle, c)
	return nil
}

// Close closes the idle readers; those in use are closed when they come back.
func (s *sequence) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, c := range s.idle {
		errs = append(errs, c.Close())
	}
	s.idle = nil
	return errors.Join(errs...)
}

// exactly reads a known number of bytes; fewer are an error.
type exactly struct {
	r    io.Reader
	left int64

	failed bool
	err    error
}

func (e *exactly) Read(p []byte) (int, error) {
	switch {
	case e.failed:
		return 0, e.err
	case e.left <= 0:
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	e.err = err
	if err == io.EOF {
		e.err = nil
		if e.left > 0 {
			e.err = fmt.Errorf("the archive is cut off: %w", io.ErrUnexpectedEOF)
		}
	}
	e.failed = e.err != nil
	return n, e.err
}
