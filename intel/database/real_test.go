package database

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/intel"
	"netcase/source"
)

// realData is the folder of real lists beside the project. Tests that need it are
// skipped where it is absent.
func realData(t *testing.T) string {
	if testing.Short() {
		t.Skip("the real lists take seconds to read")
	}
	dir := os.Getenv("NETCASE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "ti")); err != nil {
		t.Skipf("no real lists: %v (set NETCASE_DATA)", err)
	}
	return dir
}

var originDay = regexp.MustCompile(`(?m)^Origin:.*\b(20[0-9]{2}-[01][0-9]-[0-3][0-9])\)`)

// addFolder adds the lists of a folder, each with the day that the README beside it
// gives for the collection, and counts what became of them.
func addFolder(t *testing.T, db *DB, dir string) map[State]int {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	if err != nil {
		t.Fatal(err)
	}
	given := netcase.Time(0)
	if m := originDay.FindSubmatch(readme); m != nil {
		given = at(string(m[1]))
	}
	found, err := source.Find([]string{dir}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	n := map[State]int{}
	for _, s := range found.Streams {
		if os.Getenv("NETCASE_ALL_LISTS") == "" && !few.MatchString("/"+s.Name) {
			continue
		}
		body := readAll(t, s)
		out, err := db.Store(context.Background(), Document{
			Feed: intel.FeedName(s.Name), Name: s.Name, Source: s.Name, Body: body, Given: given, Retrieved: at("2026-11-23"), ByHand: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		n[out.State]++
		if out.State == Quarantined {
			t.Logf("%s: %s", s.Name, out.Snapshot.Quarantine)
		}
	}
	return n
}

func readAll(t *testing.T, s source.Stream) []byte {
	r, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var b []byte
	for {
		b = slices.Grow(b, 1<<16)
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			return b
		}
	}
}

// few are the lists that bear on the incident, and ranges of providers: reading all of
// them takes half a minute.
var few = regexp.MustCompile(`/(borestad-excerpt|bitwire|ipranges|by-country)/|/malicious-ip-ab|/geo-whois-asn-country-ipv4`)

// TestRealLists imports real lists and asks what was known when. With NETCASE_ALL_LISTS
// it imports every list there is.
func TestRealLists(t *testing.T) {
	data := realData(t)
	db := fresh(t)
	ctx := context.Background()
	folders, err := filepath.Glob(filepath.Join(data, "ti", "*"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	became := map[State]int{}
	for _, dir := range append(folders, filepath.Join(data, "geo")) {
		for state, n := range addFolder(t, db, dir) {
			became[state] += n
		}
	}
	took := time.Since(start)
	if became[Stored] < 20 {
		t.Errorf("%v", became)
	}
	if err := db.drain(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	raw, usable, refused, reasons := int64(0), int64(0), int64(0), map[string]int64{}
	for _, s := range all {
		raw, usable, refused = raw+s.Size, usable+s.Report.Usable, refused+s.Report.Refused
		for reason, n := range s.Report.Reasons {
			if strings.HasPrefix(reason, "refused") {
				reasons[reason] += n
			}
		}
	}
	t.Logf("imported %v in %s: %d MB as they came, %d MB on disk, %d usable, %d refused", became, took.Round(10*time.Millisecond), raw>>20, sizeOf(t, db)>>20, usable, refused)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("  %s: %d", reason, reasons[reason])
	}

	start = time.Now()
	then := loaded(t, db, Window{First: at("2025-10-20"), Last: at("2025-10-21")})
	t.Logf("loaded %d indicators in %s", then.Len(), time.Since(start).Round(10*time.Millisecond))
	knownThen(t, then)
	knownLater(t, loaded(t, db, Window{First: at("2026-08-23"), Last: at("2026-08-24")}))

	start = time.Now()
	h, err := db.History(ctx, netip.MustParseAddr("194.180.49.103"))
	if err != nil || len(h) < 3 {
		t.Errorf("%+v %v", h, err)
	}
	t.Logf("the history of one address in %s: %d feeds", time.Since(start).Round(10*time.Millisecond), len(h))
}

func loaded(t *testing.T, db *DB, w Window) *intel.Set {
	t.Helper()
	set, err := db.Load(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var incident = []string{"194.180.49.103", "162.243.203.54", "103.189.80.205"}

func cardOn(set *intel.Set, address, day string) netcase.Card {
	return set.Card(intel.CardQuery{
		Address: netip.MustParseAddr(address), First: at(day), Last: at(day) + netcase.Day, Direction: netcase.Inbound, Ports: []uint16{22, 23, 80, 3389},
	})
}

// knownThen: on the day of the incident all three addresses were known.
func knownThen(t *testing.T, set *intel.Set) {
	for _, a := range incident {
		card := cardOn(set, a, "2025-10-20")
		if !card.Known || !card.Listed() {
			t.Errorf("%s was not known on the day: %+v", a, card)
		}
		for _, l := range card.Listings {
			if l.Indicator.Claim == netcase.ClaimHosting && (l.Relevant || l.Weight != 0) {
				t.Errorf("%s: a hosting range counts: %+v", a, l)
			}
			if l.Timing == netcase.KnownThen && l.Indicator.Learned > at("2025-10-20") {
				t.Errorf("%s: %+v", a, l)
			}
		}
	}
	single, pair, dated := false, false, false
	for _, in := range set.Match(netip.MustParseAddr("194.180.49.103")) {
		day := in.Learned == at("2025-10-20") && in.Origin == "AbuseIPDB"
		single = single || in.Prefix.IsSingleIP() && !day && in.Claim.Adverse()
		pair = pair || in.Prefix == netip.MustParsePrefix("194.180.49.102/31")
		dated = dated || day
	}
	if !single || !pair || !dated {
		t.Errorf("194.180.49.103: single %v, in the /31 %v, in the list of the day %v", single, pair, dated)
	}
	card := cardOn(set, "194.180.49.103", "2025-10-20")
	if countries := countriesOf(card); len(countries) < 2 || !card.Conflict {
		t.Errorf("the geolocations do not stand as a conflict: %+v", card.Geo)
	}
}

// knownLater: in August 2026 one of them was.
func knownLater(t *testing.T, set *intel.Set) {
	var known []string
	for _, a := range incident {
		if card := cardOn(set, a, "2026-08-23"); card.Known {
			known = append(known, a)
		} else if card.Listed() {
			t.Errorf("%s is listed and was not known: %+v", a, card)
		}
	}
	if fmt.Sprint(known) != "[194.180.49.103]" {
		t.Errorf("known in August 2026: %v", known)
	}
}

func countriesOf(card netcase.Card) (out []string) {
	for _, g := range card.Geo {
		if g.Country != "" && !slices.Contains(out, g.Country) {
			out = append(out, g.Country)
		}
	}
	return out
}
