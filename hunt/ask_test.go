package hunt_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/hunt"
	"netcase/intel/service"
)

// serviceKey must show nowhere.
const serviceKey = "netcase-test-key-0123456789"

// services is AbuseIPDB and CrowdSec as documented: the former knows the addresses
// of the incident, the latter knows nobody and refuses after two questions.
type services struct {
	server *httptest.Server
	asked  atomic.Int64
	last   string // when the known addresses were reported
}

func newServices(t *testing.T, known []netip.Addr) *services {
	s := &services{}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		a := r.URL.Query().Get("ipAddress")
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/smoke/"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprintf(w, `{"message":"IP not found","key":%q}`, r.Header.Get("X-Api-Key"))
		case slices.ContainsFunc(known, func(k netip.Addr) bool { return k.String() == a }):
			_, _ = fmt.Fprintf(w, `{"data":{"ipAddress":%q,"isWhitelisted":null,"abuseConfidenceScore":100,"countryCode":"NL","usageType":"","isp":"Example","isTor":false,"totalReports":40,"numDistinctUsers":12,"lastReportedAt":%q,"reports":[{"reportedAt":%q,"comment":%q,"categories":[14],"reporterId":%d}]}}`, a, s.last, s.last, r.Header.Get("Key"), n)
		default:
			_, _ = fmt.Fprintf(w, `{"data":{"ipAddress":%q,"isWhitelisted":null,"abuseConfidenceScore":0,"countryCode":null,"usageType":null,"isp":null,"isTor":false,"totalReports":0,"numDistinctUsers":0,"lastReportedAt":null,"reports":[]}}`, a)
		}
	}))
	t.Cleanup(s.server.Close)
	return s
}

// asking is a fresh process that may ask them at an instant.
func (s *services) asking(t *testing.T, at time.Time) *service.Asking {
	t.Helper()
	client, err := service.NewClient(service.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Now:   func() time.Time { return at },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	a := &service.Asking{Now: func() netcase.Time { return netcase.TimeOf(at) }, Budgets: map[string]int{"crowdsec": 2}}
	for _, name := range []string{"abuseipdb", "crowdsec"} {
		p, _ := service.ProviderOf(name)
		one, err := service.Open(p, client, service.Access{Base: s.server.URL, Key: service.NewSecret(serviceKey)})
		if err != nil {
			t.Fatal(err)
		}
		a.Services = append(a.Services, one)
	}
	return a
}

// TestServicesAreAskedOnce: what services answer is part of the judgement and of the
// case; a rerun on it asks nobody and gives the same bytes.
func TestServicesAreAskedOnce(t *testing.T) {
	cfg, truth := incident(t, "seed", 7)
	cfg.Intel = nil
	var known []netip.Addr
	for _, a := range truth.Addresses {
		known = append(known, a.Address)
	}
	s := newServices(t, known)
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

	unasked := run(t, cfg)
	if len(unasked.Coverage.Lookups) != 0 || slices.ContainsFunc(unasked.Cards, func(k netcase.Card) bool { return k.Listed() }) {
		t.Fatal("without services, something is listed")
	}

	s.last = (unasked.Span.Start - netcase.Hour).Std().Format(time.RFC3339)
	base := t.TempDir()
	first := filepath.Join(base, "first")
	cfg.Out, cfg.Asking = first, s.asking(t, at)
	c := run(t, cfg)
	requests := s.asked.Load()
	if requests < 3 {
		t.Fatalf("%d questions", requests)
	}
	checkAsked(t, c, known)
	want := sums(t, first)
	if want["evidence/intel/answers.json"] == "" || want["evidence/intel/abuseipdb/"+known[0].String()+".json"] == "" {
		t.Error("the case does not keep the answers")
	}
	noKey(t, first)
	if r, err := casebook.Verify(first); err != nil || len(r.Problems) > 0 {
		t.Errorf("verify: %v %v", r.Problems, err)
	}

	if testing.Short() {
		return // what follows asks nobody
	}
	for name, change := range map[string]func(*hunt.Config){
		"given with --intel": func(c *hunt.Config) {
			c.Intel, c.Asking = []hunt.IntelPath{{Path: filepath.Join(first, "evidence", "intel")}}, nil
			c.Out = filepath.Join(base, "second")
		},
		"found in the case, with other workers": func(c *hunt.Config) { c.Asking, c.Workers = nil, 4 },
	} {
		t.Run(name, func(t *testing.T) {
			again := cfg
			change(&again)
			run(t, again)
			compareSums(t, name, sums(t, again.Out), want)
		})
	}
	if n := s.asked.Load(); n != requests {
		t.Errorf("%d questions more", n-requests)
	}

	// The next day goes on where the quota ended, and asks nothing twice.
	cfg.Asking = s.asking(t, at.Add(24*time.Hour))
	run(t, cfg)
	if n := s.asked.Load() - requests; n > 2 {
		t.Errorf("the next day asked %d questions, want the two of CrowdSec's budget", n)
	}
}

func checkAsked(t *testing.T, c *netcase.Case, known []netip.Addr) {
	t.Helper()
	for _, a := range known {
		i := slices.IndexFunc(c.Cards, func(k netcase.Card) bool { return k.Address == a })
		if i < 0 || !c.Cards[i].Listed() || c.Cards[i].Known {
			t.Errorf("%s: not listed, or known before the traffic though it was asked a year later", a)
		}
	}
	var got []string
	for _, l := range c.Coverage.Lookups {
		line := fmt.Sprintf("%s answered %t", l.Service, l.Answers > 0)
		for _, u := range l.Unasked {
			line += fmt.Sprintf("; unasked %t: %s", u.Count > 0 && len(u.Addresses) > 0, u.Why)
		}
		got = append(got, line)
	}
	want := []string{"abuseipdb answered true", "crowdsec answered true; unasked true: the budget of 2 questions a day is spent"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if i := slices.IndexFunc(c.Coverage.Feeds, func(f netcase.FeedReport) bool { return f.Name == "answers of abuseipdb" }); i < 0 || c.Coverage.Feeds[i].Usable == 0 {
		t.Errorf("feeds %+v", c.Coverage.Feeds)
	}
}

// noKey searches every file of a case for the key.
func noKey(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		files++
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		b, err := io.ReadAll(f)
		if strings.Contains(string(b), serviceKey) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files: %v", files, err)
	}
}
