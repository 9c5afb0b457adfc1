package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netcase"
)

// town is services that answer for any address, and what they were asked.
type town struct {
	mu    sync.Mutex
	asked []string
	fault func(path string) (status int, header string, body string) // status 0: none
	url   string
}

func newTown(t testing.TB) *town {
	tw := &town{}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tw.mu.Lock()
		tw.asked = append(tw.asked, r.URL.Path+"?"+r.URL.RawQuery)
		fault := tw.fault
		tw.mu.Unlock()
		if fault != nil {
			if status, after, body := fault(r.URL.Path); status != 0 {
				if after != "" {
					w.Header().Set("Retry-After", after)
				}
				say(w, status, body)
				return
			}
		}
		_, _ = io.WriteString(w, townAnswer(r))
	})
	tw.url = s.URL
	return tw
}

func townAnswer(r *http.Request) string {
	q := r.URL.Query()
	of := func(script, a string) string { return strings.ReplaceAll(scripts[script].found, "62.4.5.6", a) }
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == "/check-block":
		return strings.ReplaceAll(scripts["abuseipdb-block"].found, "62.4.5.", q.Get("network")[:strings.LastIndexByte(q.Get("network"), '.')+1])
	case r.URL.Path == "/check":
		return of("abuseipdb", q.Get("ipAddress"))
	case r.URL.Path == "/search/ip":
		return of("opentip", q.Get("request"))
	case strings.HasPrefix(r.URL.Path, "/v2/smoke/"):
		return of("crowdsec", last)
	case strings.HasPrefix(r.URL.Path, "/v3/community/"):
		return of("greynoise", last)
	}
	return "{}"
}

// requests are what was asked since the last call.
func (tw *town) requests() []string {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	out := tw.asked
	tw.asked = nil
	return out
}

func (tw *town) asking(t testing.TB, ck *clock, names ...string) *Asking {
	t.Helper()
	client, err := NewClient(Config{Allow: local, Now: ck.Now, Sleep: ck.Sleep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	a := &Asking{Now: func() netcase.Time { return netcase.TimeOf(ck.Now()) }}
	for _, n := range names {
		p, ok := ProviderOf(n)
		if !ok {
			t.Fatal(n)
		}
		a.Services = append(a.Services, opened(t, p, client, tw.url))
	}
	return a
}

func addresses(format string, n int) []netip.Addr {
	out := make([]netip.Addr, n)
	for i := range out {
		out[i] = netip.MustParseAddr(fmt.Sprintf(format, i+1))
	}
	return out
}

// whys are the reasons with how often each was given.
func whys(r Result) map[string]int {
	out := map[string]int{}
	for _, u := range r.Unasked {
		out[u.Lookup+": "+u.Why]++
	}
	return out
}

func TestQuotaIsSpentInOrderAndResumesNextDay(t *testing.T) {
	tw, ck := newTown(t), &clock{now: noon}
	dir := t.TempDir()
	plan := addresses("62.4.%d.9", 8)
	run := func() Result {
		a := tw.asking(t, ck, "crowdsec")
		a.Cache, a.Ledger = NewFolder(dir), NewFolder(dir)
		a.Budgets = map[string]int{"crowdsec": 3}
		r, err := a.Ask(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for i, want := range []struct {
		asked   string
		unasked int
	}{
		{"[/v2/smoke/62.4.1.9? /v2/smoke/62.4.2.9? /v2/smoke/62.4.3.9?]", 5},
		{"[]", 5}, // the same day
		{"[/v2/smoke/62.4.4.9? /v2/smoke/62.4.5.9? /v2/smoke/62.4.6.9?]", 2},
	} {
		if i == 2 {
			ck.now = noon.Add(20 * time.Hour)
		}
		r := run()
		if got := fmt.Sprint(tw.requests()); got != want.asked {
			t.Errorf("run %d asked %s, want %s", i, got, want.asked)
		}
		if w := whys(r); w["crowdsec: the budget of 3 questions a day is spent"] != want.unasked || len(w) != 1 || len(r.Answers) != 8-want.unasked {
			t.Errorf("run %d: %v, %d answers", i, w, len(r.Answers))
		}
	}
	ck.now = noon.Add(30 * time.Hour) // what was asked first is older than a day
	run()
	if got := tw.requests(); len(got) != 0 {
		t.Errorf("beyond the budget: %v", got)
	}
	ck.now = noon.Add(40 * time.Hour)
	run()
	if got := fmt.Sprint(tw.requests()); got != "[/v2/smoke/62.4.1.9? /v2/smoke/62.4.2.9? /v2/smoke/62.4.3.9?]" {
		t.Errorf("stale answers: %s", got)
	}
}

func TestServiceSaysNo(t *testing.T) {
	for _, c := range []struct {
		name, service string
		status        int
		after         string
		asked         int    // on the first run
		why           string // of the addresses that were not
		failed        string
		again         time.Duration // until it is asked again; 0: the next run asks
	}{
		{"429 with a time", "crowdsec", 429, "7200", 1, "the service says that the quota is spent, until 2026-11-26 14:00 UTC", "", 2 * time.Hour},
		{"429 without", "crowdsec", 429, "", 4, "the service says that the quota is spent, until 2026-11-27 00:00 UTC", "", 12 * time.Hour},
		{"403 of OpenTIP", "opentip", 403, "", 1, "the service says that the quota is spent, until 2026-11-27 00:00 UTC", "", 12 * time.Hour},
		{"403 of others", "crowdsec", 403, "", 1, "the service refused the key", "the service refused the key", 0},
		{"down", "crowdsec", 502, "", 12, "3 questions in a row failed: not available", "3 questions in a row failed: not available", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw, ck := newTown(t), &clock{now: noon}
			tw.fault = func(string) (int, string, string) { return c.status, c.after, "no" }
			plan := addresses("62.4.%d.9", 6)
			ledger := &Memory{}
			run := func() Result {
				a := tw.asking(t, ck, c.service)
				a.Ledger = ledger
				r, err := a.Ask(t.Context(), plan)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			r := run()
			if n := len(tw.requests()); n != c.asked {
				t.Errorf("%d requests, want %d", n, c.asked)
			}
			if w := whys(r); len(r.Unasked) != 6 || w[c.service+": "+c.why] == 0 {
				t.Errorf("%v", w)
			}
			if got := r.Reports()[0]; got.Error != c.failed || len(r.Errors) == 0 {
				t.Errorf("%+v", got)
			}
			tw.fault = nil
			if c.again > 0 {
				ck.now = noon.Add(c.again - time.Minute)
				if run(); len(tw.requests()) != 0 {
					t.Error("asked again too early")
				}
				ck.now = noon.Add(c.again + time.Minute)
			}
			if r = run(); len(r.Answers) != 6 || len(tw.requests()) != 6 {
				t.Errorf("later: %d answers, %v", len(r.Answers), whys(r))
			}
		})
	}
}

func TestNetworksAreAskedAsAWholeWhereThatIsCheaper(t *testing.T) {
	few := addresses("62.9.9.%d", 3)
	many := addresses("62.4.5.%d", 12)
	for _, c := range []struct {
		name    string
		plan    []netip.Addr
		budgets map[string]int
		want    map[string]int
	}{
		{"few of one", few, nil, map[string]int{"/check": 3}},
		{"many of one", append(slices.Clone(few), many...), nil, map[string]int{"/check": 3, "/check-block": 1}},
		{"no single question left", append(slices.Clone(few), many...), map[string]int{"abuseipdb/check": 0}, map[string]int{"/check-block": 2}},
		{"no question about networks left", many, map[string]int{"abuseipdb/check-block": 0}, map[string]int{"/check": 12}},
		{"IPv6", []netip.Addr{netip.MustParseAddr("2a02::1"), netip.MustParseAddr("2a02::2")}, map[string]int{"abuseipdb/check": 2}, map[string]int{"/check": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw, ck := newTown(t), &clock{now: noon}
			a := tw.asking(t, ck, "abuseipdb")
			a.Budgets, a.Cache = c.budgets, &Memory{}
			for run, want := range []map[string]int{c.want, {}} { // then the cache has them
				r, err := a.Ask(t.Context(), c.plan)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]int{}
				for _, q := range tw.requests() {
					path, _, _ := strings.Cut(q, "?")
					got[path]++
				}
				if d := cmp.Diff(want, got); d != "" || len(r.Unasked) > 0 || len(r.Answers) != c.want["/check"]+c.want["/check-block"] {
					t.Errorf("run %d: %s %v, %d answers", run, d, whys(r), len(r.Answers))
				}
			}
		})
	}
	// A network that cannot be asked is asked by its addresses.
	tw, ck := newTown(t), &clock{now: noon}
	tw.fault = func(path string) (int, string, string) {
		if path == "/check-block" {
			return 429, "86400", "no"
		}
		return 0, "", ""
	}
	r, err := tw.asking(t, ck, "abuseipdb").Ask(t.Context(), many)
	if err != nil || len(r.Answers) != 12 || len(r.Unasked) != 0 {
		t.Errorf("%d answers, %v, %v", len(r.Answers), whys(r), err)
	}
}

func TestServicesDoNotTouchEachOther(t *testing.T) {
	tw, ck := newTown(t), &clock{now: noon}
	tw.fault = func(path string) (int, string, string) {
		if strings.HasPrefix(path, "/v2/smoke") {
			return 401, "", "no"
		}
		return 0, "", ""
	}
	plan := append(addresses("62.4.%d.9", 3), netip.MustParseAddr("2a02::1"), netip.MustParseAddr("::ffff:62.4.1.9"))
	r, err := tw.asking(t, ck, "opentip", "crowdsec").Ask(t.Context(), plan[:4])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range r.Reports() {
		line := fmt.Sprintf("%s %d %q", l.Service, l.Answers, l.Error)
		for _, u := range l.Unasked {
			line += fmt.Sprintf(" %d %s %v", u.Count, u.Why, u.Addresses)
		}
		got = append(got, line)
	}
	want := []string{
		`crowdsec 0 "the service refused the key" 4 the service refused the key [62.4.1.9 62.4.2.9 62.4.3.9 2a02::1]`,
		`opentip 3 "" 1 the service does not take such an address [2a02::1]`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A section that is asked for comes beside the first look-up of its service.
func TestSections(t *testing.T) {
	ck := &clock{now: noon}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		name := "otx"
		if strings.HasSuffix(r.URL.Path, "/geo") {
			name = "otx-geo"
		}
		_, _ = io.WriteString(w, scripts[name].found)
	})
	tw := &town{url: server.URL}
	a := tw.asking(t, ck, "otx")
	a.Also = []string{"otx-geo"}
	r, err := a.Ask(t.Context(), []netip.Addr{asked.Addr()})
	if err != nil || len(r.Answers) != 2 || r.Answers[0].Provider != "otx" || r.Answers[1].Provider != "otx-geo" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestPatience(t *testing.T) {
	tw, ck := newTown(t), &clock{now: noon}
	p, _ := ProviderOf("greynoise")
	p.Every = 15 * time.Second
	a := tw.asking(t, ck)
	client, err := NewClient(Config{Allow: local, Now: ck.Now, Sleep: ck.Sleep})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	a.Services, a.Patience = []*Service{opened(t, p, client, tw.url)}, 40*time.Second
	r, err := a.Ask(t.Context(), addresses("62.4.%d.9", 9))
	if w := whys(r); err != nil || len(r.Answers) != 4 || w["greynoise: asking was to take no longer than 40s"] != 5 {
		t.Errorf("%d answers, %v, %v", len(r.Answers), w, err)
	}
}

// TestKept: what a case keeps is read back as it was, is never asked again, and
// answers for what a plan wants of it.
func TestKept(t *testing.T) {
	tw, ck := newTown(t), &clock{now: noon}
	plan := append(addresses("62.4.5.%d", 12), netip.MustParseAddr("62.7.7.7"), netip.MustParseAddr("2a02::1"))
	a := tw.asking(t, ck, "abuseipdb", "opentip")
	a.Budgets = map[string]int{"opentip": 4}
	first, err := a.Ask(t.Context(), plan)
	if err != nil || len(first.Answers) != 1+2+4 || len(first.Unasked) != 10 {
		t.Fatalf("%d answers, %d unasked, %v", len(first.Answers), len(first.Unasked), err)
	}
	files, err := first.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if leak(string(b)) != "" {
			t.Errorf("%s holds the key", name)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(files["abuseipdb/2a02__1.json"], []byte("2a02::1")) || IsKept(t.TempDir()) || !IsKept(dir) {
		t.Errorf("files %v", len(files))
	}
	kept, err := ReadKept(dir)
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string, got Result) {
		t.Helper()
		got.Errors = nil
		if d := cmp.Diff(first, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	same("read back", kept.Result)
	same("merged with itself", Merge(kept.Result, kept.Result))
	tw.requests()
	ck.now = noon.Add(1000 * time.Hour)
	offline, err := (&Asking{Kept: kept}).Ask(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	same("asking nobody", offline)
	again := tw.asking(t, ck, "abuseipdb")
	again.Kept = kept
	with, err := again.Ask(t.Context(), plan)
	if err != nil || len(tw.requests()) != 0 {
		t.Errorf("asked again: %v", err)
	}
	same("asking one of them", with)
	part, err := (&Asking{Kept: kept}).Ask(t.Context(), plan[12:13])
	if err != nil || len(part.Answers) != 1 || len(part.Unasked) != 1 {
		t.Errorf("of one address: %+v %v", part, err)
	}

	if err := os.WriteFile(filepath.Join(dir, "opentip", "62.4.5.1.json"), []byte(`{"Zone":"Green"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "opentip", "62.4.5.2.json")); err != nil {
		t.Fatal(err)
	}
	changed, err := ReadKept(dir)
	if err != nil || len(changed.Errors) != 2 || len(changed.Answers) != 5 || whys(changed.Result)["opentip: the kept answer is not what was written"] != 2 {
		t.Errorf("changed: %+v %v", whys(changed.Result), err)
	}
	for _, index := range []string{"", "{", `{"format":2}`, `{"format":1,"answers":[{"provider":"x","observable":"1.2.3.4","sha256":"","file":"../../../../etc/hostname"}]}`} {
		if err := os.WriteFile(filepath.Join(dir, Index), []byte(index), 0o644); err != nil {
			t.Fatal(err)
		}
		if k, err := ReadKept(dir); err == nil && len(k.Answers) > 0 {
			t.Errorf("%s: %+v", index, k)
		}
	}
	if _, err := ReadKept(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no index: %v", err)
	}
	var none *Kept
	if r := none.about(plan, nil); !r.Empty() {
		t.Error("nothing is something")
	}
}

func FuzzReadKept(f *testing.F) {
	f.Add(`{"format":1,"answers":[{"provider":"otx","observable":"62.4.5.6","retrieved_at":"2026-11-26T12:00:00.000Z","status":200,"sha256":"x","file":"otx/62.4.5.6.json"}],"unasked":[{"lookup":"otx","address":"2a02::1","why":"x"}],"failed":[{"lookup":"otx","why":"x"}]}`)
	f.Fuzz(func(t *testing.T, index string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, Index), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKept(dir)
		if err != nil {
			return
		}
		if len(k.Answers) > 0 {
			t.Fatalf("answers without files: %+v", k.Answers)
		}
		k.Reports()
		k.about(addresses("62.4.5.%d", 3), nil)
	})
}
