package intel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"sync"
)

// LineCount is what became of a text that was searched.
type LineCount struct {
	Lines int64
	Hits  int64 // lines that hold a listed address
	Long  int64 // lines longer than the bound, of which only pieces were looked at
}

const (
	searchBlock = 1 << 20 // text is searched in blocks of whole lines of about this size
	longestLine = 8 << 20
)

// searched is one block on its way through the workers.
type searched struct {
	text []byte
	long bool // a line beyond the bound is cut at the end of this block
	hits []byte
	n    LineCount
	done chan struct{}
}

// HitLines copies the lines of a text that hold an address of the set, as they
// are and in their order. Workers search side by side; 0: one a CPU.
//
// Errors: of r, of out and of ctx; what was counted before stands.
func (s *Set) HitLines(ctx context.Context, r io.Reader, workers int, out io.Writer) (LineCount, error) {
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, ordered := make(chan *searched), make(chan *searched, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for b := range work {
				s.search(b)
				close(b.done)
			}
		})
	}
	var readErr error
	var spare sync.Pool // of *[]byte, for the next blocks
	go func() {
		defer close(ordered)
		defer wg.Wait()
		defer close(work)
		readErr = blocks(r, &spare, func(text []byte, long bool) error {
			b := &searched{text: text, long: long, done: make(chan struct{})}
			for _, c := range []chan *searched{ordered, work} {
				select {
				case c <- b:
				case <-ctx.Done():
					close(b.done) // nobody will search it; the collector must not wait for it
					return ctx.Err()
				}
			}
			return nil
		})
	}()
	total, err := collect(ordered, out, &spare, cancel)
	if err == nil {
		err = readErr
	}
	return total, err
}

// collect writes the hits in the order of the text. After a failure it takes the
// rest without writing, so that no worker waits.
func collect(ordered <-chan *searched, out io.Writer, spare *sync.Pool, cancel func()) (total LineCount, err error) {
	for b := range ordered {
		<-b.done
		total.Lines += b.n.Lines
		total.Hits += b.n.Hits
		total.Long += b.n.Long
		if err == nil && len(b.hits) > 0 {
			if _, err = out.Write(b.hits); err != nil {
				cancel()
			}
		}
		spare.Put(&b.text)
	}
	return total, err
}

// blocks reads a text in blocks that end with a line, each in memory of its own.
func blocks(r io.Reader, spare *sync.Pool, take func(text []byte, long bool) error) error {
	buf := make([]byte, 0, searchBlock+searchBlock/4)
	for {
		n, err := io.ReadFull(r, buf[len(buf):min(cap(buf), len(buf)+searchBlock)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if len(buf) > 0 {
				return take(buf, false)
			}
			return nil
		}
		if err != nil {
			if len(buf) > 0 {
				_ = take(buf, false) // the error of reading is the one to tell
			}
			return err
		}
		end := bytes.LastIndexByte(buf, '\n') + 1
		long := end == 0 && len(buf) >= longestLine
		if long {
			end = len(buf)
		}
		next := roomFor(spare, len(buf)-end)
		next = append(next, buf[end:]...)
		if end > 0 {
			if err := take(buf[:end], long); err != nil {
				return err
			}
		}
		buf = next
	}
}

// roomFor is empty memory for a block that begins with some bytes, used before where that
// is large enough.
func roomFor(spare *sync.Pool, bytes int) []byte {
	least := max(searchBlock+searchBlock/4, 2*bytes)
	if old, ok := spare.Get().(*[]byte); ok && cap(*old) >= least {
		return (*old)[:0]
	}
	return make([]byte, 0, least)
}

// search keeps the lines of a block that hold a listed address.
func (s *Set) search(b *searched) {
	text := b.text
	if b.long {
		b.n.Long++
	}
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		line := text
		if end >= 0 {
			line = text[:end]
		}
		b.n.Lines++
		if s.HoldsAny(line) {
			b.n.Hits++
			b.hits = append(append(b.hits, line...), '\n')
		}
		if end < 0 {
			break
		}
		text = text[end+1:]
	}
}

// HoldsAny tells whether a line of text holds an address of the set: dotted IPv4,
// or IPv6 in any of its spellings, with nothing beside it that would make it part
// of a longer number or name.
func (s *Set) HoldsAny(line []byte) bool {
	if mayHold6(line) {
		return s.holdsAnyWord(line)
	}
	for at := 0; ; {
		dot := bytes.IndexByte(line[at:], '.')
		if dot < 0 {
			return false
		}
		dot += at
		if at = dot + 1; at == len(line) || dot == 0 || class[line[dot-1]] != digitClass || class[line[at]] != digitClass {
			continue
		}
		start, end := dot, at
		for start > 0 && class[line[start-1]] != 0 {
			start--
		}
		for end < len(line) && class[line[end]] != 0 {
			end++
		}
		if s.holdsDotted(line[start:end]) {
			return true
		}
		at = end
	}
}

// mayHold6 tells whether a text may hold an address of IPv6: each has two colons side by
// side, seven of them, or six before a tail of IPv4.
func mayHold6(text []byte) bool {
	const beforeTail = 6
	n := bytes.Count(text, colon)
	return n >= beforeTail || n >= 2 && bytes.Contains(text, colons)
}

var colon, colons = []byte(":"), []byte("::")

// holdsAnyWord is HoldsAny, a word after the other.
func (s *Set) holdsAnyWord(line []byte) bool {
	for i := 0; i < len(line); {
		if class[line[i]] == 0 {
			i++
			continue
		}
		end := i
		for end < len(line) && class[line[end]] != 0 {
			end++
		}
		if s.holdsWord(line[i:end]) {
			return true
		}
		i = end
	}
	return false
}

// The classes of bytes that words of addresses are made of; 0: none of them.
const (
	digitClass = iota + 1
	letterClass
	dotClass
	colonClass
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = digitClass
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letterClass, letterClass
	}
	t['.'], t[':'] = dotClass, colonClass
	return t
}()

// holdsWord looks at a run of letters, digits, dots and colons.
func (s *Set) holdsWord(word []byte) bool {
	if mayHold6(word) {
		whole := bytes.TrimRight(word, ".")
		if s.holdsText(whole) || s.holdsText(bytes.TrimSuffix(whole, colon)) {
			return true
		}
	}
	return s.holdsDotted(word)
}

// holdsDotted looks for an address of IPv4 in a word, which may have a port behind it or
// a name before it.
func (s *Set) holdsDotted(word []byte) bool {
	word = bytes.TrimRight(word, ".")
	for len(word) > 0 {
		part := word
		if i := bytes.IndexByte(word, ':'); i >= 0 {
			part, word = word[:i], word[i+1:]
		} else {
			word = nil
		}
		if a, ok := dotted(part); ok && s.holds4(a) {
			return true
		}
	}
	return false
}

func (s *Set) holdsText(word []byte) bool {
	if len(word) > 45 { // the longest spelling: IPv6 with an IPv4 tail
		return false
	}
	a, err := netip.ParseAddr(string(word))
	return err == nil && s.Holds(a)
}

// dotted reads a whole word as an IPv4 address.
func dotted(b []byte) (a uint32, ok bool) {
	if len(b) < 7 || len(b) > 15 {
		return 0, false
	}
	var part, digits, dots uint32
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			part = 10*part + uint32(c-'0')
			if digits++; digits > 3 || part > 255 {
				return 0, false
			}
		case c == '.' && digits > 0:
			a, part, digits = a<<8|part, 0, 0
			dots++
		default:
			return 0, false
		}
	}
	return a<<8 | part, dots == 3 && digits > 0
}
