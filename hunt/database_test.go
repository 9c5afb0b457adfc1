package hunt_test

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/hunt"
	"netcase/intel"
	"netcase/intel/database"
	"netcase/source"
)

// filled is the folder of a database that holds the lists of a configuration, each
// learned before the traffic.
func filled(t *testing.T, cfg hunt.Config, learned netcase.Time) (dir string, db *database.DB) {
	t.Helper()
	dir = t.TempDir()
	db, err := database.Open(context.Background(), dir, intel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	found, err := source.Find([]string{cfg.Intel[0].Path}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	for _, s := range found.Streams {
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Store(context.Background(), database.Document{Feed: intel.FeedName(s.Name), Name: s.Name, Body: body, Given: learned, Retrieved: learned, ByHand: true}); err != nil {
			t.Fatal(err)
		}
	}
	return dir, db
}

// TestDatabase: a case from the database is the case from the same files with the same
// dates; the case names what was asked, and what is in quarantine is not used.
func TestDatabase(t *testing.T) {
	notShort(t)
	cfg, _ := incident(t, "seed", 3)
	day := netcase.Time(0)
	cfg.Intel[0].Date = 1
	probe := run(t, cfg)
	for _, in := range probe.Coverage.Inputs {
		if in.Span.Start.Known() && (day == 0 || in.Span.Start < day) {
			day = in.Span.Start
		}
	}
	cfg.Intel[0].Date = day - netcase.Day
	want := run(t, cfg)

	dir, db := filled(t, cfg, cfg.Intel[0].Date)
	fromDatabase := cfg
	fromDatabase.Intel, fromDatabase.IntelDB = nil, dir
	got := run(t, fromDatabase)
	if got.ID != want.ID || got.Severity.Low != want.Severity.Low || got.Severity.High != want.Severity.High || len(got.Findings) != len(want.Findings) || len(got.Groups) != len(want.Groups) {
		t.Errorf("%s %v %d findings, from files %s %v %d", got.ID, got.Severity, len(got.Findings), want.ID, want.Severity, len(want.Findings))
	}
	if got.Groups[0].Lead().ID != want.Groups[0].Lead().ID || got.Groups[0].Lead().Posterior != want.Groups[0].Lead().Posterior {
		t.Errorf("the judgement differs: %+v, from files %+v", got.Groups[0].Lead(), want.Groups[0].Lead())
	}
	if !noted(got, "of the intelligence database") {
		t.Errorf("the case does not say what was asked: %q", got.Coverage.Notes)
	}

	// What every address of the incident is in, and cannot be believed, changes nothing.
	feeds, err := db.Snapshots(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Store(context.Background(), database.Document{Feed: feeds[0].Feed, Name: "list.txt", Body: []byte("<html>" + got.Groups[0].Sources[0].Peer.String()), Retrieved: day + 90*netcase.Day}); err != nil {
		t.Fatal(err)
	}
	again := run(t, fromDatabase)
	if again.ID != got.ID || !noted(again, "was not used: it is no list") {
		t.Errorf("%s, before %s: %q", again.ID, got.ID, again.Coverage.Notes)
	}

	fromDatabase.IntelDB = filepath.Join(dir, "nowhere")
	if _, err := hunt.Run(context.Background(), fromDatabase); err == nil || !strings.Contains(err.Error(), "--intel-db") {
		t.Errorf("%v", err)
	}
}

func noted(c *netcase.Case, words string) bool {
	return slices.ContainsFunc(c.Coverage.Notes, func(n string) bool { return strings.Contains(n, words) })
}
