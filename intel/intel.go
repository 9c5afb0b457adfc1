// Package intel turns what others claim about addresses into a set that can be
// asked by address and time. Each provider format is a value in its own file,
// listed in Formats; a file is recognised by its content, its name only helps to
// tell who made it and when.
package intel

import (
	"io"
	"net/netip"
	"sync"

	"github.com/gaissmai/bart"

	"netcase"
	"netcase/origins"
)

// File is one intelligence input, decompressed.
type File struct {
	Name  string       // relative, for example "ti/ipsum/ipsum.txt"
	Given netcase.Time // date given by the user with PATH@DATE; zero: none
	// Upheld is when its maker was last seen to hand out the same bytes; zero: not
	// looked since it was learned. What it lists was then still listed.
	Upheld netcase.Time
	TLP    string // of entries that state none
	// Asked is what a service was asked for; its answer may not repeat the question.
	// Empty: it was not a question, or stands in Name.
	Asked string
	// Absent is the service that has nothing on what it was asked for, in whatever
	// words; empty: the file speaks for itself.
	Absent string
	// Named says that somebody named this very file as a list, and not the folder in
	// which it lies: that it is none is then an error.
	Named bool
	Open  func() (io.ReadCloser, error)
}

// Config bounds what is loaded. A zero field takes its value from DefaultConfig.
type Config struct {
	Workers int // files read at the same time

	// AdverseBits4 and AdverseBits6 are the shortest prefixes that may claim
	// something bad. The widest networks that a careful list (Spamhaus DROP) holds
	// are /12; one wrong line that is wider would accuse millions.
	AdverseBits4 int
	AdverseBits6 int

	// KnowledgeBits4 and KnowledgeBits6 are the same for knowledge without a
	// verdict: cloud providers do announce a /9, nobody announces more than a /8.
	KnowledgeBits4 int
	KnowledgeBits6 int

	// Own are the networks of the owner, about which no list may say anything bad.
	Own []netip.Prefix

	Origins *origins.Table // who hands on whom; nil: origins.Default

	MaxLine       int   // bytes of a line; what is longer is refused and skipped over
	MaxDocument   int64 // bytes of a JSON file that has to be read as a whole
	MaxBytes      int64 // bytes of one input
	MaxIndicators int   // usable indicators of one input and of the set
	Samples       int   // samples kept for each input
}

// DefaultConfig is the configuration used where none is given.
func DefaultConfig() Config {
	return Config{
		Workers:      2,
		AdverseBits4: 12, AdverseBits6: 24,
		KnowledgeBits4: 8, KnowledgeBits6: 16,
		MaxLine:       64 << 10,
		MaxDocument:   256 << 20,
		MaxBytes:      4 << 30,
		MaxIndicators: 20_000_000,
		Samples:       5,
	}
}

func (c Config) orDefault() Config {
	d := DefaultConfig()
	for _, f := range []struct{ v, d *int }{
		{&c.Workers, &d.Workers},
		{&c.AdverseBits4, &d.AdverseBits4}, {&c.AdverseBits6, &d.AdverseBits6},
		{&c.KnowledgeBits4, &d.KnowledgeBits4}, {&c.KnowledgeBits6, &d.KnowledgeBits6},
		{&c.MaxLine, &d.MaxLine}, {&c.MaxIndicators, &d.MaxIndicators}, {&c.Samples, &d.Samples},
	} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	if c.Origins == nil {
		c.Origins = origins.Default()
	}
	if c.MaxDocument <= 0 {
		c.MaxDocument = d.MaxDocument
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = d.MaxBytes
	}
	return c
}

// Set answers what is claimed of an address. A nil set knows only the services
// that everyone knows (KnownService).
type Set struct {
	feeds []netcase.FeedReport
	recs  []record // sorted, so that equal prefixes stand together
	words []words
	times []times
	table *bart.Table[uint32] // prefix -> first of its records
	front *front              // whether any IPv4 prefix holds an address; nil: the table says it

	origins *origins.Table // nil: the default

	atlases []atlas // of places, asked address by address

	counted  sync.Once // of bySystem
	bySystem map[uint32]int
}

// Len is the number of usable indicators.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.recs)
}

// Feeds reports what became of each input, sorted by name.
func (s *Set) Feeds() []netcase.FeedReport {
	if s == nil {
		return nil
	}
	return s.feeds
}

// Match is every indicator whose prefix holds the address, whatever its time:
// the longest prefix first, then by feed and line; what atlases say of the place
// comes last. ::ffff:a.b.c.d is a.b.c.d. A nil set matches nothing.
func (s *Set) Match(a netip.Addr) []netcase.Indicator {
	var out []netcase.Indicator
	s.each(a, func(i uint32) bool {
		out = append(out, s.indicator(i))
		return true
	})
	if s != nil && len(s.atlases) > 0 && a.IsValid() {
		out = s.atlasPlaces(out, a)
	}
	return out
}

// each visits the records that hold the address, in the order of Match.
func (s *Set) each(a netip.Addr, visit func(uint32) bool) {
	if s == nil || s.table == nil || !a.IsValid() {
		return
	}
	a = a.Unmap().WithZone("")
	if !s.Holds(a) {
		return
	}
	for _, first := range s.table.Supernets(netip.PrefixFrom(a, a.BitLen())) {
		for i := first; int(i) < len(s.recs) && s.recs[i].key() == s.recs[first].key(); i++ {
			if !visit(i) {
				return
			}
		}
	}
}
