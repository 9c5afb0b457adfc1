package database

import (
	"context"
	"sync"
	"testing"

	"netcase"
	"netcase/intel/service"
)

func TestAnswers(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	s := reopened(t, dir).Answers(ctx)
	day := at("2026-11-26")
	if _, ok, err := s.Get("otx", "2a02::1", 0); ok || err != nil {
		t.Errorf("an answer from nowhere: %v", err)
	}
	for i, body := range []string{"second", "first"} {
		if err := s.Put(service.Answer{Provider: "otx", Observable: "2a02::1", RetrievedAt: day - netcase.Time(i)*netcase.Hour, Status: 200, Redacted: i == 0, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	s = reopened(t, dir).Answers(ctx) // another process
	for asOf, want := range map[netcase.Time]string{0: "second", day: "second", day - 1: "first", day - 2*netcase.Hour: ""} {
		a, ok, err := s.Get("otx", "2a02::1", asOf)
		if err != nil || ok != (want != "") || string(a.Body) != want || ok && (a.Status != 200 || a.SHA256 != digest([]byte(want)) || a.Redacted != (want == "second")) {
			t.Errorf("as of %s: %+v, want %q, %v", asOf, a, want, err)
		}
	}
	if _, err := s.db.sql.Exec("UPDATE answer SET body = ? WHERE retrieved = ?", s.db.pack.EncodeAll([]byte("forged"), nil), day); err != nil {
		t.Fatal(err)
	}
	if a, ok, err := s.Get("otx", "2a02::1", 0); !ok || err != nil || string(a.Body) != "first" {
		t.Errorf("%+v %v", a, err)
	}
}

// TestLedger: several runs at once add up.
func TestLedger(t *testing.T) {
	dir := t.TempDir()
	day := at("2026-11-26")
	runs := []*Answers{reopened(t, dir).Answers(context.Background()), reopened(t, dir).Answers(context.Background())}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := runs[i%2].Spend("abuseipdb/check", service.Day(day), 2); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := runs[0].Close("abuseipdb/check", service.Day(day), day+netcase.Day, "429"); err != nil {
		t.Fatal(err)
	}
	got, err := runs[1].Spent("abuseipdb/check", service.Day(day))
	if err != nil || got != (service.Spending{Asked: 16, Until: day + netcase.Day, Closed: "429"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := runs[1].Spent("abuseipdb/check", "2026-11-27"); err != nil || got != (service.Spending{}) {
		t.Errorf("the next day: %+v %v", got, err)
	}
}
