package intel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"netcase"
)

func itoaPort(p uint16) string { return strconv.Itoa(int(p)) }

// randomFiles are lists of addresses and prefixes that nest and repeat.
func randomFiles(seed uint64, files, lines int) []File {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []File
	for f := range files {
		var b strings.Builder
		for range lines {
			switch r.IntN(4) {
			case 0:
				fmt.Fprintf(&b, "2a02:26f0:%x::%x/%d\n", r.IntN(3), r.IntN(4), 30+r.IntN(99))
			case 1:
				fmt.Fprintf(&b, "62.4.%d.%d\n", r.IntN(4), r.IntN(256))
			case 2:
				fmt.Fprintf(&b, "62.4.%d.%d:%d\n", r.IntN(4), r.IntN(256), r.IntN(3))
			default:
				fmt.Fprintf(&b, "62.%d.%d.%d/%d\n", r.IntN(8), r.IntN(4), r.IntN(256), 12+r.IntN(21))
			}
		}
		out = append(out, textFile(fmt.Sprintf("list-%d.txt", f), b.String()))
	}
	return out
}

// TestMatchTwin compares the table with a plain walk over all records.
func TestMatchTwin(t *testing.T) {
	for seed := range uint64(3) {
		set := load(t, randomFiles(seed, 3, 800))
		r := rand.New(rand.NewPCG(seed, 2))
		hits := 0
		for range 700 {
			a := netip.AddrFrom4([4]byte{62, byte(r.IntN(9)), byte(r.IntN(5)), byte(r.IntN(256))})
			switch r.IntN(3) {
			case 0:
				a = netip.MustParseAddr(fmt.Sprintf("2a02:26f0:%x::%x", r.IntN(4), r.IntN(6)))
			case 1:
				a = netip.AddrFrom16(a.As16()) // ::ffff:
			}
			got, want := set.Match(a), slowMatch(set, a)
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("%s: want %v, got %v", a, want, got)
			}
			hits += len(got)
		}
		if hits < 1000 {
			t.Errorf("only %d matches: the test proves little", hits)
		}
	}
}

// slowMatch is Match without a table: every record is asked.
func slowMatch(s *Set, a netip.Addr) []netcase.Indicator {
	a = a.Unmap()
	var out []netcase.Indicator
	for i := range s.recs {
		if s.recs[i].key().prefix().Contains(a) {
			out = append(out, s.indicator(uint32(i)))
		}
	}
	slices.SortStableFunc(out, func(x, y netcase.Indicator) int { return y.Prefix.Bits() - x.Prefix.Bits() })
	return out
}

// TestAnyOrder: the set does not depend on the order of files or on workers.
func TestAnyOrder(t *testing.T) {
	var files []File
	for _, dir := range cases(t) {
		f := fixture(t, dir)
		f.Name = strings.TrimPrefix(dir, "testdata/") + "/" + f.Name
		files = append(files, f)
	}
	files = append(files, randomFiles(7, 3, 300)...)
	want := load(t, files)
	r := rand.New(rand.NewPCG(3, 3))
	for range 5 {
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		got, err := Load(context.Background(), files, Config{Workers: 1 + r.IntN(5)})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.recs, want.recs) || !reflect.DeepEqual(got.words, want.words) || !reflect.DeepEqual(got.times, want.times) || !reflect.DeepEqual(got.feeds, want.feeds) {
			t.Fatal("the set depends on the order of the files")
		}
	}
}

func TestBrokenFileDoesNotHarmOthers(t *testing.T) {
	set := load(t, []File{
		{Name: "gone.txt", Open: func() (io.ReadCloser, error) { return nil, errors.New("no such file") }},
		{Name: "torn.txt", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("62.4.5.6\n"), tornReader{})), nil
		}},
		{Name: "panics.txt", Open: func() (io.ReadCloser, error) { return io.NopCloser(panicReader{}), nil }},
		textFile("good.txt", "62.4.5.7\n"),
		textFile("empty.txt", ""),
		textFile("binary.png", "\x89PNG\x00\x01\x02"),
		textFile("comments.txt", "# nothing today\n"),
	})
	errs := make(map[string]string)
	for _, f := range set.Feeds() {
		errs[f.Name] = f.Error
	}
	if errs["gone.txt"] == "" || errs["torn.txt"] == "" || errs["panics.txt"] == "" {
		t.Errorf("broken files without an error: %v", errs)
	}
	if errs["good.txt"]+errs["empty.txt"]+errs["binary.png"]+errs["comments.txt"] != "" {
		t.Errorf("errors for sound files: %v", errs)
	}
	if len(set.Match(netip.MustParseAddr("62.4.5.7"))) != 1 {
		t.Error("the good file did not load")
	}
}

type tornReader struct{}

func (tornReader) Read([]byte) (int, error) { return 0, errors.New("torn") }

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("broken reader") }

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, []File{textFile("a.txt", "62.4.5.6\n")}, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestLearned: inside, else in the name, else given, else not known.
func TestLearned(t *testing.T) {
	given, _ := parseTime("2025-10-26")
	for _, c := range []struct{ name, text, want, by string }{
		{"l-2025-10-20.txt", "# updated: 2025-10-19\n62.4.5.6\n", "2025-10-19T00:00:00.000Z", "inside"},
		{"l-2025-10-20.txt", "62.4.5.6\n", "2025-10-20T00:00:00.000Z", "name"},
		{"l.txt", "62.4.5.6\n", "2025-10-26T00:00:00.000Z", "given"},
	} {
		f := textFile(c.name, c.text)
		f.Given = given
		r := load(t, []File{f}).Feeds()[0]
		if r.Learned.String() != c.want || r.LearnedBy != c.by {
			t.Errorf("%+v: %s by %s", c, r.Learned, r.LearnedBy)
		}
	}
	if r := load(t, []File{textFile("l.txt", "62.4.5.6\n")}).Feeds()[0]; r.Learned.Known() || r.LearnedBy != "" {
		t.Errorf("a date out of nowhere: %+v", r)
	}
}

// TestSameBytes: equal bytes under two names are one origin.
func TestSameBytes(t *testing.T) {
	set := load(t, []File{textFile("a.txt", "62.4.5.6\n"), textFile("greensnow.txt", "62.4.5.6\n")})
	got := set.Match(netip.MustParseAddr("62.4.5.6"))
	if len(got) != 1 || got[0].Origin != "GreenSnow" {
		t.Errorf("matches %+v", got)
	}
	for _, f := range set.Feeds() {
		if f.Read != f.Usable+f.Duplicate {
			t.Errorf("%+v", f)
		}
	}
}

// TestHostileLines: long lines, bad encodings and open quotes cost their own
// record only.
func TestHostileLines(t *testing.T) {
	set := load(t, []File{
		textFile("long.txt", "62.4.5.6\n"+strings.Repeat("9", 1<<20)+"\n62.4.5.7\n62.4.5.8\n"),
		textFile("utf16.txt", utf16le("62.4.6.1\r\n62.4.6.2 # \u00fc\r\n")),
		textFile("quote.csv", "ip,comment\n62.4.7.1,\"open\n"+strings.Repeat("x\n", 100)+"62.4.7.2,ok\n"),
		textFile("drop_v4.json", `{"cidr":"62.4.9.0/24","sblid":"SBL1"}`+"\n"+strings.Repeat(" ", 64<<10-9)+strings.Repeat("x", 99)+"\n"+`{"cidr":"62.4.10.0/24","sblid":"SBL2"}`+"\n"),
		textFile("bom.csv", "\ufeffip,comment\n62.4.8.1,\"\x1b[31mred\xff\"\n"),
	})
	for _, a := range []string{"62.4.5.6", "62.4.5.7", "62.4.6.1", "62.4.6.2", "62.4.7.1", "62.4.7.2", "62.4.8.1", "62.4.9.1", "62.4.10.1"} {
		if len(set.Match(netip.MustParseAddr(a))) != 1 {
			t.Errorf("%s was lost", a)
		}
	}
	for _, f := range set.Feeds() {
		if f.Read != f.Usable+f.Skipped+f.Refused+f.Duplicate || f.Error != "" {
			t.Errorf("%+v", f)
		}
	}
}

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

func TestTooMany(t *testing.T) {
	set, err := Load(context.Background(), []File{textFile("a.txt", "62.4.5.1\n62.4.5.2\n62.4.5.3\n"), textFile("b.txt", "62.4.6.1\n")}, Config{MaxIndicators: 2})
	if err != nil || set.Len() != 2 {
		t.Fatalf("%d indicators, %v", set.Len(), err)
	}
	for _, f := range set.Feeds() {
		if f.Read != f.Usable+f.Refused {
			t.Errorf("%+v", f)
		}
	}
}

func TestNilSet(t *testing.T) {
	var s *Set
	a := netip.MustParseAddr("104.16.1.1")
	if s.Len() != 0 || s.Match(a) != nil || s.Feeds() != nil {
		t.Error("a nil set holds something")
	}
	if name, ok := s.KnownService(a); !ok || name != "Cloudflare" {
		t.Errorf("%q %v", name, ok)
	}
	if c := s.Card(CardQuery{Address: a}); c.Listed() || len(c.Benign) != 1 {
		t.Errorf("%+v", c)
	}
}

func BenchmarkLoad(b *testing.B) {
	files := randomFiles(1, 4, 50_000)
	b.ReportAllocs()
	for b.Loop() {
		load(b, files)
	}
}

func BenchmarkMatch(b *testing.B) {
	set := load(b, randomFiles(1, 4, 50_000))
	r := rand.New(rand.NewPCG(5, 5))
	var asked [1024]netip.Addr
	for i := range asked {
		asked[i] = netip.AddrFrom4([4]byte{byte(60 + r.IntN(4)), byte(r.IntN(9)), byte(r.IntN(5)), byte(r.IntN(256))})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		set.Match(asked[i&1023])
		i++
	}
}
