package intel

import (
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"netcase"
)

// realLists is the folder of real block lists beside the project. Tests that
// need it are skipped where it is absent.
func realLists(t testing.TB) string {
	if testing.Short() {
		t.Skip("the real lists take seconds to load")
	}
	dir := os.Getenv("NETCASE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	dir = filepath.Join(dir, "ti")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real lists: %v (set NETCASE_DATA)", err)
	}
	return dir
}

// folder is every file below dir, decompressed where its name ends in .gz.
func folder(t testing.TB, dir string) []File {
	var out []File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Dir(dir), path)
		if err != nil {
			return err
		}
		out = append(out, File{Name: filepath.ToSlash(strings.TrimSuffix(rel, ".gz")), Open: func() (io.ReadCloser, error) { return openPlain(path) }})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type gzFile struct {
	*gzip.Reader
	f *os.File
}

func (g gzFile) Close() error { return g.f.Close() }

func openPlain(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return gzFile{z, f}, nil
}

func load(t testing.TB, files []File) *Set {
	t.Helper()
	s, err := Load(context.Background(), files, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRealLists(t *testing.T) {
	files := folder(t, realLists(t))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	set := load(t, files)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d files, %d indicators in %s, %d MB kept", len(files), set.Len(), took.Round(10*time.Millisecond), (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20)

	for _, f := range set.Feeds() {
		t.Logf("%-46s %-18s %-24s %s %-6s read %d usable %d skipped %d refused %d dup %d %v", f.Name, f.Format, f.Provider, f.Learned.Short(), f.LearnedBy, f.Read, f.Usable, f.Skipped, f.Refused, f.Duplicate, f.Reasons)
		if f.Read != f.Usable+f.Skipped+f.Refused+f.Duplicate {
			t.Errorf("%s: read %d is not the sum of %d %d %d %d", f.Name, f.Read, f.Usable, f.Skipped, f.Refused, f.Duplicate)
		}
		if f.Error != "" {
			t.Errorf("%s: %s", f.Name, f.Error)
		}
		if base := filepath.Base(f.Name); base == "LICENSE" || base == "README.txt" {
			if f.Format != "" || f.Usable != 0 || f.Reasons[notIntelligence] != f.Read {
				t.Errorf("%s: read as intelligence: %+v", f.Name, f)
			}
		} else if f.Format == "" {
			t.Errorf("%s: not recognised", f.Name)
		}
		if f.Usable == 0 && len(f.Reasons) == 0 {
			t.Errorf("%s: nothing usable and no reason", f.Name)
		}
	}
	for _, r := range set.recs {
		if p := r.key().prefix(); p.Addr().Is4() && p.Bits() < 12 && set.words[r.words].claim.Adverse() {
			t.Errorf("%s: adverse claim about %s", set.feeds[r.feed].Name, p)
		}
	}
	incidentAddresses(t, set)
}

func incidentAddresses(t *testing.T, set *Set) {
	single, pair, dated := false, false, false
	for _, in := range set.Match(netip.MustParseAddr("194.180.49.103")) {
		single = single || in.Prefix.IsSingleIP() && !strings.Contains(in.Feed, "2025-10-20")
		pair = pair || in.Prefix == netip.MustParsePrefix("194.180.49.102/31")
		dated = dated || strings.Contains(in.Feed, "2025-10-20") && in.Origin == "AbuseIPDB"
	}
	if !single || !pair || !dated {
		t.Errorf("194.180.49.103: single %v, in the /31 %v, in the list of the day %v", single, pair, dated)
	}
	day := netcase.TimeOf(time.Date(2025, 10, 20, 0, 0, 0, 0, time.UTC))
	for _, a := range []string{"194.180.49.103", "162.243.203.54", "103.189.80.205"} {
		c := set.Card(CardQuery{Address: netip.MustParseAddr(a), First: day, Last: day + netcase.Day, Direction: netcase.Inbound, Ports: []uint16{22, 23, 80, 3389}})
		if !c.Known || !c.Listed() {
			t.Errorf("%s was not known on the day: %+v", a, c)
		}
		t.Logf("%s adverse %d origins %v benign %q", a, c.Adverse, c.Origins, c.Benign)
		for _, l := range c.Listings {
			t.Logf("   %s %s %s %s %s [%s] %s", l.Indicator.Prefix, l.Indicator.Feed, l.Indicator.Origin, l.Indicator.Claim, l.Timing, l.Group, l.Why)
			if l.Indicator.Claim == netcase.ClaimHosting && l.Relevant {
				t.Errorf("%s: a hosting range counts", a)
			}
		}
	}
}

// TestRealPlaces loads the tables of where ranges are beside two lists: they add
// answers to where an address is, and nothing else.
func TestRealPlaces(t *testing.T) {
	dir := realLists(t)
	geo := filepath.Join(filepath.Dir(dir), "geo")
	if _, err := os.Stat(geo); err != nil {
		t.Skipf("no tables of places: %v", err)
	}
	start := time.Now()
	set := load(t, append(folder(t, geo), folder(t, filepath.Join(dir, "borestad-excerpt"))...))
	t.Logf("%d indicators in %s", set.Len(), time.Since(start).Round(10*time.Millisecond))
	for _, f := range set.Feeds() {
		t.Logf("%-40s %-14s read %d usable %d skipped %d refused %d dup %d %v %s", f.Name, f.Format, f.Read, f.Usable, f.Skipped, f.Refused, f.Duplicate, f.Reasons, f.Error)
		if strings.HasSuffix(f.Name, ".csv") && (f.Format != "place-ranges" || f.Usable*100 < f.Read*99 || f.Error != "") {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
	card := set.Card(CardQuery{Address: netip.MustParseAddr("194.180.49.103"), First: netcase.TimeOf(time.Date(2025, 10, 20, 0, 0, 0, 0, time.UTC))})
	if card.Adverse != 1 || len(card.Listings) != 1 || len(card.Geo) < 2 {
		t.Errorf("%+v", card)
	}
	t.Logf("%+v", card.Geo)
}
