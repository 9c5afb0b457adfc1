package database

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netcase"
	"netcase/intel"
)

func at(text string) netcase.Time {
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		panic(err)
	}
	return netcase.TimeOf(t)
}

func fresh(t testing.TB) *DB {
	t.Helper()
	return reopened(t, t.TempDir())
}

func reopened(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(context.Background(), dir, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// list is a plain list of n addresses.
func list(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "62.%d.%d.%d\n", i>>16&255, i>>8&255, i&255)
	}
	return b.String()
}

func keep(t testing.TB, db *DB, d Document) Outcome {
	t.Helper()
	out, err := db.Store(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func doc(feed, day, body string) Document {
	return Document{Feed: feed, Name: feed + ".txt", Source: "https://feeds.example/" + feed, Body: []byte(body), Retrieved: at(day)}
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	db := reopened(t, dir)
	first := keep(t, db, doc("a", "2026-08-01", list(20)))
	if first.State != Stored || first.Snapshot.Report.Usable != 20 || first.Snapshot.Learned != at("2026-08-01") {
		t.Fatalf("%+v", first)
	}
	again := keep(t, db, doc("a", "2026-08-03", list(20)))
	if again.State != Unchanged || again.Snapshot.Learned != at("2026-08-01") || again.Snapshot.Upheld != at("2026-08-03") {
		t.Fatalf("%+v", again)
	}
	if out := keep(t, db, doc("a", "2026-08-04", list(21))); out.State != Stored {
		t.Fatalf("%+v", out)
	}
	// The feed goes back to what it was: another stretch of time, the same bytes.
	if out := keep(t, db, doc("a", "2026-08-06", list(20))); out.State != Stored || out.Snapshot.ID == first.Snapshot.ID {
		t.Fatalf("%+v", out)
	}
	// A list of an earlier day is added late.
	if out := keep(t, db, doc("a", "2026-07-30", list(20))); out.State != Unchanged || out.Snapshot.ID != first.Snapshot.ID || out.Snapshot.Learned != at("2026-07-30") {
		t.Fatalf("%+v", out)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = reopened(t, dir)
	all, err := db.Snapshots(context.Background(), "a")
	if err != nil || len(all) != 3 {
		t.Fatalf("%d snapshots, %v", len(all), err)
	}
	var documents int
	if err := db.sql.QueryRow("SELECT count(*) FROM document").Scan(&documents); err != nil || documents != 2 {
		t.Errorf("%d documents, %v", documents, err)
	}
	body, err := db.Body(context.Background(), all[1].SHA256)
	if err != nil || string(body) != list(21) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if err := db.Check(context.Background()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
}

func TestBodyIsChecked(t *testing.T) {
	db := fresh(t)
	out := keep(t, db, doc("a", "2026-08-01", list(20)))
	if _, err := db.sql.Exec("UPDATE document SET body = ?", db.pack.EncodeAll([]byte(list(19)), nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Body(context.Background(), out.Snapshot.SHA256); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("%v", err)
	}
	set, err := db.Load(context.Background(), Window{})
	if err != nil || set.Len() != 0 || set.Feeds()[0].Error == "" {
		t.Errorf("a document whose bytes changed was read: %v %+v", err, set.Feeds())
	}
}

// TestLaterSchema: a database of a later version is left alone.
func TestLaterSchema(t *testing.T) {
	dir := t.TempDir()
	db := reopened(t, dir)
	if _, err := db.sql.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if other, err := Open(context.Background(), dir, intel.Config{}); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("%v", err)
		_ = other.Close()
	}
	if _, err := OpenExisting(context.Background(), t.TempDir(), intel.Config{}); err == nil {
		t.Error("a folder without a database was opened")
	}
	nonsense := t.TempDir()
	if err := os.WriteFile(filepath.Join(nonsense, FileName), []byte(strings.Repeat("this is no database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), nonsense, intel.Config{}); err == nil {
		t.Error("a text was opened as a database")
	}
}

func TestQuarantine(t *testing.T) {
	const page = "<!DOCTYPE html><html><body>502 Bad Gateway 62.1.2.3</body></html>"
	for _, c := range []struct {
		name, before, after, why string
		formats                  []string
	}{
		{name: "a day like the other", before: list(500), after: list(900)},
		{name: "a small list grows", before: list(3), after: list(60)},
		{name: "tenfold", before: list(50), after: list(500), why: "grew from 50 to 500"},
		{name: "nothing left", before: list(50), after: "# all clear\n", why: "now has none"},
		{name: "an error page", before: list(50), after: page, why: "no list"},
		{name: "an error page at first", after: page, why: "no list"},
		{name: "an error as JSON", before: list(50), after: `{"error":"quota exceeded"}`, why: "now json"},
		{name: "JSON where text was", before: list(50), after: `[{"ip":"62.1.2.3"},{"ip":"62.1.2.4"}]`, why: "was written as list"},
		{name: "not as the feed is known", after: list(50), formats: []string{"spamhaus-drop"}, why: "is written as list"},
		{name: "cut JSON", after: `[{"ip_address":"62.1.2.3"},{"ip_addr`, why: "cannot be read to its end"},
		{name: "only our own", before: list(50), after: "10.0.0.0/8\n192.168.0.0/16\n0.0.0.0/0\n", why: "now has none"},
		{name: "a wide network", before: list(50), after: list(50) + "80.0.0.0/12\n", why: "now accuses"},
		{name: "one entry of poison", before: list(50), after: list(50) + "0.0.0.0/0\n127.0.0.1\n224.0.0.1\n8.0.0.0/8\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := fresh(t)
			if c.before != "" {
				if out := keep(t, db, doc("feed", "2026-08-01", c.before)); out.State != Stored {
					t.Fatalf("%+v", out)
				}
			}
			d := doc("feed", "2026-08-02", c.after)
			d.Formats = c.formats
			out := keep(t, db, d)
			if (out.State == Quarantined) != (c.why != "") || !strings.Contains(out.Snapshot.Quarantine, c.why) {
				t.Fatalf("%s: %q", out.State, out.Snapshot.Quarantine)
			}
			if c.why == "" {
				return
			}
			used(t, db, c.before)
			// The same bytes again stay where they are.
			d.Retrieved = at("2026-08-03")
			if again := keep(t, db, d); again.State != Unchanged || again.Snapshot.Quarantine == "" {
				t.Errorf("%+v", again)
			}
			used(t, db, c.before)
			if released, err := db.Accept(context.Background(), "feed"); err != nil || !released {
				t.Errorf("%v %v", released, err)
			}
			used(t, db, c.after)
		})
	}
}

// used holds the set of the database to that of a text alone.
func used(t *testing.T, db *DB, text string) {
	t.Helper()
	got, err := db.Load(context.Background(), Window{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := intel.Load(context.Background(), []intel.File{{Name: "x", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != want.Len() {
		t.Errorf("%d indicators are used, want %d", got.Len(), want.Len())
	}
}

func TestAcceptUnknown(t *testing.T) {
	if _, err := fresh(t).Accept(context.Background(), "nobody"); err == nil {
		t.Error("a feed that is not there was accepted")
	}
}

// TestBearing: of each feed the one at hand when the window began, and every later
// one.
func TestBearing(t *testing.T) {
	var all []Snapshot
	for i, day := range []string{"2026-08-01", "2026-08-05", "2026-08-09", "2026-08-13"} {
		all = append(all, Snapshot{ID: int64(i + 1), Feed: "a", Learned: at(day)})
	}
	all[2].Quarantine = "it grew"
	all = append(all, Snapshot{ID: 5, Feed: "b", Learned: at("2026-08-20")})
	for _, c := range []struct {
		window Window
		want   string
	}{
		{Window{}, "[4 5]"},
		{Window{First: at("2026-07-01")}, "[1 2 4 5]"},
		{Window{First: at("2026-08-01")}, "[1 2 4 5]"},
		{Window{First: at("2026-08-06")}, "[2 4 5]"},
		{Window{First: at("2026-08-12")}, "[2 4 5]"}, // the third was never used
		{Window{First: at("2026-09-01")}, "[4 5]"},
	} {
		ids := []int64{}
		used, left := bearing(all, c.window)
		if left != 0 {
			t.Errorf("%s: %d are left out", c.window.First.Short(), left)
		}
		for _, s := range used {
			ids = append(ids, s.ID)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("%s: %s, want %s", c.window.First.Short(), got, c.want)
		}
	}
}

// TestBearingIsBounded: of a year of days a few are asked, the first, the newest, and
// every one of the time of the traffic.
func TestBearingIsBounded(t *testing.T) {
	var all []Snapshot
	for day := range 400 {
		all = append(all, Snapshot{ID: int64(day), Feed: "a", Learned: at("2025-01-01") + netcase.Time(day)*netcase.Day})
	}
	used, left := bearing(all, Window{First: at("2025-01-11"), Last: at("2025-01-21")})
	if len(used) != 11+maxLater || left != 400-21-maxLater || used[0].ID != 10 || used[11].ID != 21 || used[len(used)-1].ID != 399 {
		t.Errorf("%d used, %d left, from %d", len(used), left, used[0].ID)
	}
	for i := 1; i < len(used); i++ {
		if used[i].ID <= used[i-1].ID {
			t.Errorf("%d after %d", used[i].ID, used[i-1].ID)
		}
	}
}

// TestSeveralProcesses: two write at once, and each finds what both wrote.
func TestSeveralProcesses(t *testing.T) {
	dir := t.TempDir()
	one, two := reopened(t, dir), reopened(t, dir)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			db := one
			if i%2 == 1 {
				db = two
			}
			if _, err := db.Store(context.Background(), doc(fmt.Sprint("feed-", i/2), "2026-08-01", list(20+i/2))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, db := range []*DB{one, two} {
		snapshots, err := db.Snapshots(context.Background(), "")
		if err != nil || len(snapshots) != 6 {
			t.Errorf("%d snapshots, %v", len(snapshots), err)
		}
		if err := db.Check(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestLikeFiles: what the database answers is what the same dated files answer.
func TestLikeFiles(t *testing.T) {
	days := []struct{ day, body string }{
		{"2026-08-01", "62.1.1.1\n62.1.1.2\n"},
		{"2026-08-05", "62.1.1.2\n62.1.1.3\n"},
		{"2026-08-09", "62.1.1.3\n62.1.1.4\n"},
	}
	db := fresh(t)
	var files []intel.File
	for _, d := range days {
		keep(t, db, doc("scanners", d.day, d.body))
		files = append(files, intel.File{Name: "scanners.txt", Given: at(d.day), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(d.body)), nil }})
	}
	for i, first := range []string{"2026-08-01", "2026-08-06", "2026-08-20"} {
		got, err := db.Load(context.Background(), Window{First: at(first)})
		if err != nil {
			t.Fatal(err)
		}
		want, err := intel.Load(context.Background(), files[i:], intel.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range byte(5) {
			q := intel.CardQuery{Address: netip.AddrFrom4([4]byte{62, 1, 1, n}), First: at(first) + netcase.Hour, Direction: netcase.Inbound}
			a, _ := json.Marshal(got.Card(q))
			b, _ := json.Marshal(want.Card(q))
			if diff := cmp.Diff(string(a), string(b)); diff != "" {
				t.Errorf("%s as of %s: %s", q.Address, first, diff)
			}
		}
	}
}

// TestUpheld: a list that has not changed for longer than a claim lives still
// claims it.
func TestUpheld(t *testing.T) {
	db := fresh(t)
	keep(t, db, doc("c2", "2026-01-01", "62.1.1.1\n"))
	keep(t, db, doc("c2", "2026-08-01", "62.1.1.1\n"))
	set, err := db.Load(context.Background(), Window{First: at("2026-08-02")})
	if err != nil {
		t.Fatal(err)
	}
	card := set.Card(intel.CardQuery{Address: netip.MustParseAddr("62.1.1.1"), First: at("2026-08-02"), Direction: netcase.Inbound})
	if !card.Known || card.Listings[0].AgeDays != 1 {
		t.Errorf("%+v", card)
	}
}

// TestByHand: a file of an old day that is added today was not handed out since.
func TestByHand(t *testing.T) {
	db := fresh(t)
	d := doc("list", "2026-08-20", "62.1.1.1\n")
	d.Name, d.ByHand = "list-2025-10-20.txt", true
	if s := keep(t, db, d).Snapshot; s.Learned != at("2025-10-20") || s.Upheld != at("2025-10-20") {
		t.Errorf("learned %s, upheld %s", s.Learned, s.Upheld)
	}
	d.Body, d.Name = []byte("<html>"), "page.html"
	if out := keep(t, db, d); out.State != NoList {
		t.Errorf("%+v", out)
	}
	set, err := db.Load(context.Background(), Window{First: at("2026-08-21")})
	if err != nil {
		t.Fatal(err)
	}
	card := set.Card(intel.CardQuery{Address: netip.MustParseAddr("62.1.1.1"), First: at("2026-08-21")})
	if len(card.Listings) != 1 || card.Listings[0].Timing != netcase.Expired {
		t.Errorf("%+v", card)
	}
}
