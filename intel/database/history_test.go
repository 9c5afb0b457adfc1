package database

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// TestHistoryIsOfListings: a table of where ranges are lists nobody.
func TestHistoryIsOfListings(t *testing.T) {
	db := fresh(t)
	d := doc("geo/country-ipv4", "2026-08-01", "62.0.0.0,62.0.255.255,NL\n62.1.0.0,62.1.255.255,DE\n62.2.0.0,62.2.255.255,FR\n")
	d.Name = "geo/country-ipv4.csv"
	if out := keep(t, db, d); out.Snapshot.Report.Format != "place-ranges" {
		t.Fatalf("%+v", out.Snapshot.Report)
	}
	keep(t, db, doc("greensnow", "2026-08-01", list(20)))
	h, err := db.History(t.Context(), netip.MustParseAddr("62.0.0.7"))
	if err != nil || len(h) != 1 || h[0].Feed != "greensnow" {
		t.Errorf("%+v %v", h, err)
	}
	infos, err := db.List(t.Context())
	if err != nil || len(infos) != 2 || infos[0].Prefixes != 0 || infos[0].Current == nil || infos[1].Prefixes != 20 || infos[1].Shared != 0 {
		t.Errorf("%+v %v", infos, err)
	}
}

func TestHistory(t *testing.T) {
	db := fresh(t)
	a := netip.MustParseAddr("62.1.1.1")
	for _, d := range []struct{ day, body string }{
		{"2026-08-01", "62.1.1.2\n"}, {"2026-08-02", "62.1.1.1\n"}, {"2026-08-03", "62.1.1.1\n"}, {"2026-08-04", "62.1.1.0/30\n"}, {"2026-08-05", "62.1.1.2\n62.1.1.3\n"},
	} {
		keep(t, db, doc("left", d.day, d.body))
	}
	keep(t, db, doc("still", "2026-08-02", "62.1.1.1\n"))
	keep(t, db, doc("never", "2026-08-02", "62.1.1.9\n"))
	keep(t, db, doc("poisoned", "2026-08-01", list(50)))
	keep(t, db, doc("poisoned", "2026-08-02", "62.1.1.1\n"+list(2000)))
	got, err := db.History(context.Background(), a)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	left, still := got[0], got[1]
	if left.Feed != "left" || left.First != at("2026-08-02") || left.Last != at("2026-08-04") || left.Still || len(left.Appearances) != 4 {
		t.Errorf("%+v", left)
	}
	if still.Feed != "still" || !still.Still || still.First != at("2026-08-02") {
		t.Errorf("%+v", still)
	}
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		prune Pruning
		want  string
	}{
		{Pruning{}, "a1 a2 a3 a4 b1 b2"},
		{Pruning{Keep: 2}, "a3 a4 b1 b2"},
		{Pruning{Keep: 1}, "a4 b1 b2"},
		{Pruning{Before: at("2026-08-03")}, "a3 a4 b1 b2"}, // b1 is in use
		{Pruning{Before: at("2027-01-01")}, "a4 b1"},
	} {
		db := fresh(t)
		for day := 1; day <= 4; day++ {
			keep(t, db, doc("a", fmt.Sprintf("2026-08-%02d", day), list(20+day)))
		}
		keep(t, db, doc("b", "2026-08-01", list(50)))
		keep(t, db, doc("b", "2026-08-03", list(5000))) // quarantined
		if _, err := db.Prune(context.Background(), c.prune); err != nil {
			t.Fatal(err)
		}
		all, err := db.Snapshots(context.Background(), "")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range all {
			n := map[string]int{}
			n["a"], n["b"] = int(s.Report.Usable)-20, 1+int(s.Report.Usable)/5000
			names = append(names, fmt.Sprint(s.Feed, n[s.Feed]))
			if _, err := db.Body(context.Background(), s.SHA256); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.prune, got, c.want)
		}
	}
}

// TestPruneShrinks: what is forgotten gives its room back.
func TestPruneShrinks(t *testing.T) {
	notShort(t)
	db := fresh(t)
	for day := 1; day <= 9; day++ {
		var b strings.Builder
		for i := range 40_000 {
			fmt.Fprintf(&b, "62.%d.%d.%d\n", (i*day)%251, (i*7919)%256, (i*104729*day)%256)
		}
		keep(t, db, doc("a", fmt.Sprintf("2026-08-%02d", day), b.String()))
	}
	if err := db.drain(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	before := sizeOf(t, db)
	out, err := db.Prune(context.Background(), Pruning{Keep: 1})
	if err != nil || out != (Pruned{Snapshots: 8, Documents: 8}) {
		t.Fatalf("%+v %v", out, err)
	}
	if after := sizeOf(t, db); after*4 > before {
		t.Errorf("%d bytes, %d before", after, before)
	}
	if err := db.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

func sizeOf(t *testing.T, db *DB) int64 {
	info, err := os.Stat(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestListShares(t *testing.T) {
	db := fresh(t)
	keep(t, db, doc("a", "2026-08-01", list(20)))
	keep(t, db, doc("copy", "2026-08-02", list(20)))
	keep(t, db, doc("half", "2026-08-02", list(10)+"70.0.0.1\n70.0.0.2\n"))
	keep(t, db, doc("own", "2026-08-02", "70.1.0.1\n"))
	infos, err := db.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range infos {
		got = append(got, fmt.Sprintf("%s %d/%d", in.Feed, in.Shared, in.Prefixes))
	}
	if strings.Join(got, ", ") != "a 20/20, copy 20/20, half 10/12, own 0/1" {
		t.Errorf("%q", got)
	}
}
