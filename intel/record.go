package intel

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"netcase"
)

// key is a prefix: the address in its 16-byte form and the length counted there,
// so that an IPv4 /24 is a /120.
type key struct {
	hi, lo uint64
	bits   uint8
}

// record is one indicator in 40 bytes; what many share lies in words and times.
type record struct {
	hi, lo uint64 // the address of its key
	feed   uint32 // index into Set.feeds
	line   uint32
	words  uint32
	times  uint32
	port   uint16
	bits   uint8 // the length of its key
	more   bool  // not the first prefix of its line
}

func (r *record) key() key { return key{r.hi, r.lo, r.bits} }

// words is what an indicator says besides where and when. It is comparable, so
// that a list of a million addresses holds it once.
type words struct {
	provider, origin string
	claim            netcase.ClaimType
	categories       string // joined by categorySeparator
	score            float64
	scoreText        string
	reporters        int32
	reports          int32
	reliability      string
	description      string
	tlp              string
	geo              netcase.Geo
}

// times is when an indicator is said to hold. It is comparable.
type times struct {
	first, last, from, until netcase.Time
	learned                  netcase.Time // zero: that of the feed
}

const categorySeparator = "\x1f"

func keyOf(p netip.Prefix) key {
	b := p.Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	return key{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:]), bits: uint8(bits)}
}

func (k key) prefix() netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	a := netip.AddrFrom16(b)
	if a.Is4In6() && k.bits >= 96 {
		return netip.PrefixFrom(a.Unmap(), int(k.bits)-96)
	}
	return netip.PrefixFrom(a, int(k.bits))
}

func (k key) compare(o key) int {
	if c := cmp.Compare(k.hi, o.hi); c != 0 {
		return c
	}
	if c := cmp.Compare(k.lo, o.lo); c != 0 {
		return c
	}
	return cmp.Compare(k.bits, o.bits)
}

func compareRecords(a, b record) int {
	if c := a.key().compare(b.key()); c != 0 {
		return c
	}
	if c := cmp.Compare(a.feed, b.feed); c != 0 {
		return c
	}
	if c := cmp.Compare(a.line, b.line); c != 0 {
		return c
	}
	if c := cmp.Compare(a.port, b.port); c != 0 {
		return c
	}
	return cmp.Compare(a.words, b.words)
}

// index sorts the records and builds the table over them.
func (s *Set) index() {
	slices.SortFunc(s.recs, compareRecords)
	s.table = new(bart.Table[uint32])
	for i := range s.recs {
		if i == 0 || s.recs[i].key() != s.recs[i-1].key() {
			s.table.Insert(s.recs[i].key().prefix(), uint32(i))
		}
	}
	if len(s.recs) >= frontFrom {
		s.front = newFront(s.prefixes)
	}
}

// frontFrom is how many records make a front pay: the table alone serves the few that one
// answer of a service holds.
const frontFrom = 64

// indicator is the i-th record written out.
func (s *Set) indicator(i uint32) netcase.Indicator {
	r := s.recs[i]
	w, t, f := &s.words[r.words], &s.times[r.times], &s.feeds[r.feed]
	in := netcase.Indicator{
		Provider: w.provider, Origin: w.origin, Feed: f.Name,
		Prefix: r.key().prefix(), Port: r.port, Claim: w.claim,
		Score: w.score, ScoreText: w.scoreText,
		Reporters: int(w.reporters), Reports: int(w.reports),
		FirstSeen: t.first, LastSeen: t.last, ValidFrom: t.from, ValidUntil: t.until, Learned: t.learned,
		Reliability: w.reliability, Description: w.description, TLP: w.tlp, Geo: w.geo,
		Line: int64(r.line),
	}
	if w.categories != "" {
		in.Categories = strings.Split(w.categories, categorySeparator)
	}
	if !in.Learned.Known() {
		in.Learned = f.Learned
	}
	in.Upheld = f.Upheld
	in.ID = indicatorID(f.SHA256, &in)
	return in
}

// indicatorID is stable over runs: it follows from the bytes of the feed and the
// place in it.
func indicatorID(sha string, in *netcase.Indicator) string {
	h := sha256.New()
	h.Write([]byte(sha))
	b, _ := in.Prefix.MarshalBinary() // a valid prefix always has one
	h.Write(b)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(in.Line)))
	h.Write(binary.BigEndian.AppendUint16(nil, in.Port))
	h.Write([]byte(string(in.Claim) + "\x00" + in.Provider + "\x00" + in.Origin))
	return "ind-" + hex.EncodeToString(h.Sum(nil)[:6])
}
