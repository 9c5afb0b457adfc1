package intel

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"netcase"
)

// notIntelligence is the reason given for every line of a file that lists
// nothing: a README, a licence, a picture.
const notIntelligence = "not intelligence"

// Load reads the files into a set. The set does not depend on the order of the
// files or on the number of workers. A file that cannot be read is a report with
// an error; the others load.
//
// Errors: only that of ctx.
func Load(ctx context.Context, files []File, cfg Config) (*Set, error) {
	cfg = cfg.orDefault()
	sinks := make([]*sink, len(files))
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(cfg.Workers, max(len(files), 1)) {
		wg.Go(func() {
			for i := range work {
				sinks[i] = read(ctx, &cfg, files[i])
			}
		})
	}
	for i := range files {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return merge(&cfg, sinks), nil
}

// read parses one file.
func read(ctx context.Context, cfg *Config, f File) (s *sink) {
	s = newSink(cfg, f)
	defer s.finish()
	defer func() {
		if p := recover(); p != nil {
			s.rep.Error = fmt.Sprintf("the parser broke: %v", p)
		}
	}()
	in, err := f.Open()
	if err != nil {
		s.rep.Error = err.Error()
		return s
	}
	defer func() { _ = in.Close() }() // read only
	hash := sha256.New()
	tee := io.TeeReader(&contextReader{ctx, bounded(in, cfg.MaxBytes)}, hash)
	if err := s.parse(tee); err != nil {
		s.rep.Error = err.Error()
	}
	if _, err := io.Copy(io.Discard, tee); err != nil && s.rep.Error == "" {
		s.rep.Error = err.Error()
	}
	if f.Named && s.rep.Error == "" && s.rep.Reasons[notIntelligence] > 0 {
		s.rep.Error = "it is no list that is known"
	}
	s.rep.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return s
}

func (s *sink) parse(r io.Reader) error {
	text := bufio.NewReaderSize(decoded(bufio.NewReaderSize(r, headSize)), headSize)
	raw, err := text.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if s.file.Absent != "" {
		s.absent()
		return nil
	}
	h := readHead(bytes.Clone(raw))
	f, ok := recognise(h)
	if !ok {
		return s.pass(text)
	}
	s.rep.Format = f.Name
	return f.Parse(s, text)
}

// absent says that a service has nothing on the address that it was asked for. "No
// data" is shown as such; it is no evidence.
func (s *sink) absent() {
	s.rep.Format = formatAbsent
	s.by(s.file.Absent, s.file.Absent, netcase.ClaimNothing, "")
	s.add(1, claim{address: s.addressInName(), claim: netcase.ClaimNothing, categories: []string{categoryClean}, description: "not known to the service"})
}

// formatAbsent names what needs no parser: an answer without content.
const formatAbsent = "not known"

// pass counts the lines of a file that lists nothing.
func (s *sink) pass(r io.Reader) error {
	lines := newLineReader(r, s.cfg.MaxLine)
	for {
		line, _, err := lines.next()
		if err != nil {
			return endOfFile(err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			s.skip(0, notIntelligence, "")
		}
	}
}

func endOfFile(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// contextReader ends the reading when the context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// finish settles who made the list and when it was learned, and drops the
// records that say the same twice.
func (s *sink) finish() {
	s.settle()
	s.rep.Provider = s.id.provider
	s.rep.Learned, s.rep.LearnedBy = s.learned()
	if s.file.Upheld > s.rep.Learned {
		s.rep.Upheld = s.file.Upheld
	}
	s.wordAt, s.timeAt, s.strs = nil, nil, nil
	slices.SortFunc(s.records, compareRecords)
	kept := s.records[:0]
	for i, r := range s.records {
		if i > 0 && twice(kept, r) {
			if !r.more {
				s.rep.Usable--
				s.rep.Duplicate++
				s.reason(0, "", "said before in the same list", "")
			}
			continue
		}
		kept = append(kept, r)
	}
	s.records = kept
}

// twice tells whether a record of the same prefix, among those kept last, says
// the same as r. The looking back is bounded: a list may name one prefix a
// million times, each time in other words.
func twice(kept []record, r record) bool {
	const back = 64
	for i := len(kept) - 1; i >= 0 && i >= len(kept)-back && kept[i].key() == r.key(); i-- {
		k := &kept[i]
		if k.port == r.port && k.words == r.words && k.times == r.times {
			return true
		}
	}
	return false
}

// learned is when the list was learned: the date inside it, else in its name,
// else the one that was given, else not known. Never the file's own time.
func (s *sink) learned() (netcase.Time, string) {
	if s.inside.Known() {
		return s.inside, "inside"
	}
	if t, ok := dateInName(s.file.Name); ok {
		return t, "name"
	}
	if s.file.Given.Known() {
		return s.file.Given, "given"
	}
	return 0, ""
}

// merge makes one set of what the files said, in the order of their names.
func merge(cfg *Config, sinks []*sink) *Set {
	slices.SortStableFunc(sinks, func(a, b *sink) int {
		return cmp.Or(cmp.Compare(a.file.Name, b.file.Name), cmp.Compare(a.rep.SHA256, b.rep.SHA256),
			cmp.Compare(a.file.Given, b.file.Given))
	})
	sameBytes(sinks)
	out := &Set{origins: cfg.Origins}
	total := 0
	for _, s := range sinks {
		total += len(s.records)
	}
	out.recs = make([]record, 0, min(total, cfg.MaxIndicators))
	wordAt, timeAt := make(map[words]uint32), make(map[times]uint32)
	for i, s := range sinks {
		out.take(cfg, s, uint32(i), wordAt, timeAt)
		if s.atlas != nil {
			s.atlas.feed = uint32(i)
			out.atlases = append(out.atlases, *s.atlas)
		}
		out.feeds = append(out.feeds, s.rep)
		sinks[i] = nil
	}
	out.index()
	return out
}

// take moves the records of one input into the set.
func (s *Set) take(cfg *Config, in *sink, feed uint32, wordAt map[words]uint32, timeAt map[times]uint32) {
	wordOf := intern(in.words, &s.words, wordAt)
	timeOf := intern(in.times, &s.times, timeAt)
	for _, r := range in.records {
		if len(s.recs) >= cfg.MaxIndicators {
			if !r.more {
				in.rep.Usable--
				in.rep.Refused++
				in.reason(0, "", "more indicators than the set may hold", "")
			}
			continue
		}
		r.feed, r.words, r.times = feed, wordOf[r.words], timeOf[r.times]
		s.recs = append(s.recs, r)
	}
}

// intern adds the values to all, once each, and gives their places there.
func intern[T comparable](values []T, all *[]T, at map[T]uint32) []uint32 {
	places := make([]uint32, len(values))
	for i, v := range values {
		p, ok := at[v]
		if !ok {
			p = uint32(len(*all))
			*all = append(*all, v)
			at[v] = p
		}
		places[i] = p
	}
	return places
}

// sameBytes lets inputs with equal bytes count once: equal bytes are one origin,
// whatever the files are called, unless what they speak of stands in the name: two
// services' "nothing known" of two addresses are two answers. The one whose maker is known stays, then the
// one learned first, then the first by name.
func sameBytes(sinks []*sink) {
	best := make(map[string]*sink)
	for _, s := range sinks {
		if s.rep.SHA256 == "" {
			continue
		}
		if b, ok := best[s.said()]; !ok || s.betterThan(b) {
			best[s.said()] = s
		}
	}
	for _, s := range sinks {
		b := best[s.said()]
		if b == nil || b == s || s.rep.Usable == 0 {
			continue
		}
		s.reason(0, "", "same bytes as "+b.file.Name, "")
		s.rep.Reasons["same bytes as "+b.file.Name] = s.rep.Usable
		s.rep.Duplicate += s.rep.Usable
		s.rep.Usable = 0
		s.records, s.atlas = nil, nil
	}
}

// said tells what an input says, and of what.
func (s *sink) said() string {
	return s.rep.SHA256 + " " + s.named + " " + s.file.Absent
}

func (s *sink) betterThan(o *sink) bool {
	if s.id.known != o.id.known {
		return s.id.known
	}
	if s.rep.Learned.Known() != o.rep.Learned.Known() {
		return s.rep.Learned.Known()
	}
	return s.rep.Learned < o.rep.Learned
}
