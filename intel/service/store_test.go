package service

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"netcase"
)

// TestStores holds every cache and ledger to the same contract.
func TestStores(t *testing.T) {
	dir := t.TempDir()
	type store interface {
		Cache
		Ledger
	}
	for name, s := range map[string]store{"memory": &Memory{}, "folder": NewFolder(dir)} {
		t.Run(name, func(t *testing.T) {
			day := netcase.TimeOf(noon)
			if _, ok, err := s.Get("otx", "2a02::1", 0); ok || err != nil {
				t.Errorf("an answer from nowhere: %v", err)
			}
			for i, body := range []string{"second", "first"} {
				if err := s.Put(Answer{Provider: "otx", Observable: "2a02::1", RetrievedAt: day - netcase.Time(i)*netcase.Hour, Status: 200, SHA256: sum(body), Body: []byte(body)}); err != nil {
					t.Fatal(err)
				}
			}
			for asOf, want := range map[netcase.Time]string{0: "second", day: "second", day - 1: "first", day - 2*netcase.Hour: ""} {
				a, ok, err := s.Get("otx", "2a02::1", asOf)
				if err != nil || ok != (want != "") || string(a.Body) != want {
					t.Errorf("as of %s: %q, want %q, %v", asOf, a.Body, want, err)
				}
			}
			if _, ok, _ := s.Get("otx", "2a02__1", 0); ok {
				t.Error("another observable of that file name was taken for it")
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if err := s.Spend("abuseipdb/check", Day(day), 2); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if err := s.Close("abuseipdb/check", Day(day), day+netcase.Day, "429"); err != nil {
				t.Fatal(err)
			}
			got, err := s.Spent("abuseipdb/check", Day(day))
			if err != nil || got != (Spending{Asked: 16, Until: day + netcase.Day, Closed: "429"}) {
				t.Errorf("%+v %v", got, err)
			}
			if got, err := s.Spent("abuseipdb/check", "2026-11-27"); err != nil || got != (Spending{}) {
				t.Errorf("the next day: %+v %v", got, err)
			}
		})
	}
	// A new process sees what the one before it stored, and not what was changed since.
	again := NewFolder(dir)
	if a, ok, err := again.Get("otx", "2a02::1", 0); !ok || err != nil || string(a.Body) != "second" {
		t.Errorf("%+v %v", a, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "answers", "otx", "2a02__1", "*.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	b, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{strings.Replace(string(b), `"body": "`, `"body": "AAAA`, 1), string(b[:len(b)/2]), ""} {
		if err := os.WriteFile(files[1], []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if a, ok, err := again.Get("otx", "2a02::1", 0); !ok || err != nil || string(a.Body) != "first" {
			t.Errorf("%+v %v", a, err)
		}
	}
}

func sum(body string) string { return digest([]byte(body)) }
