package service

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"netcase"
	"netcase/intel"
)

// pullScript is what the documentation of a list says that it answers.
type pullScript struct {
	query    PullQuery
	user     string
	requests []string // with what is posted
	pages    []string
	last     []string // X-TAXII-Date-Added-Last of each page
	usable   int64    // entries of all pages that intelligence can use
	empty    []string // documents that are an empty list, as documented
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%s{"type":"ip-src","value":"62.4.%d.%d","to_ids":true,"timestamp":"1795600000"}`, map[bool]string{true: ","}[i > 0], i/250, i%250+1)
	}
	return `{"response":{"Attribute":[` + b.String() + `]}}`
}

const (
	pulsePage  = `{"results":[{"id":"1","name":"p","modified":"2026-11-20T00:00:00","author_name":"a","tags":["scan"],"indicators":[{"indicator":"62.4.5.%d","type":"IPv4","created":"2026-11-20T00:00:00","is_active":1}]}],"count":2,"next":%s,"previous":null,"prefetch_pulse_ids":false}`
	stixPage   = `{"more":%s"objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-00000000000%d","created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","pattern":"[ipv4-addr:value = '62.4.5.%d']","pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z"}]}`
	reportPage = `{"data":{"total":101,"page":%[1]d,"count":1,"perPage":100,"lastPage":%[3]d,"nextPageUrl":null,"results":[{"reportedAt":"2026-11-25T09:00:00+00:00","comment":"","categories":[22],"reporterId":%[2]d}]}}`
	mispIDa    = "aaaaaaaa-0000-4000-8000-000000000001"
	mispIDb    = "bbbbbbbb-0000-4000-8000-000000000002"
	mispEvent  = `{"Event":{"uuid":"%s","info":"e","date":"2026-11-20","timestamp":"1795600000","Orgc":{"name":"o"},"Attribute":[{"uuid":"x","type":"ip-src","category":"Network activity","value":"62.4.5.%d","to_ids":true,"timestamp":"1795600000"}]}}`
)

var week = netcase.TimeOf(noon) - 7*netcase.Day

var pullScripts = map[string]pullScript{
	"abuseipdb-blacklist": {
		requests: []string{"GET /blacklist?confidenceMinimum=100&limit=10000 Key"}, usable: 1,
		pages: []string{`{"meta":{"generatedAt":"2026-11-26T10:00:00+00:00"},"data":[{"ipAddress":"62.4.5.6","countryCode":"NL","abuseConfidenceScore":100,"lastReportedAt":"2026-11-26T09:00:00+00:00"}]}`},
	},
	"otx-subscribed": {
		query: PullQuery{Since: week},
		requests: []string{
			"GET /api/v1/pulses/subscribed?limit=50&modified_since=2026-11-19T12%3A00%3A00&page=1 X-Otx-Api-Key",
			"GET /api/v1/pulses/subscribed?limit=50&page=2 X-Otx-Api-Key",
		},
		pages:  []string{fmt.Sprintf(pulsePage, 6, `"https://elsewhere.example/api/v1/pulses/subscribed?limit=50&page=2"`), fmt.Sprintf(pulsePage, 7, "null")},
		usable: 2,
	},
	"otx-export": {
		requests: []string{"GET /api/v1/indicators/export?limit=1000&modified_since=2026-10-27T12%3A00%3A00&page=1&types=IPv4%2CIPv6%2CCIDR X-Otx-Api-Key"},
		pages:    []string{`{"results":[{"id":1,"indicator":"62.4.5.6","type":"IPv4","title":null,"description":null,"content":""}],"count":1,"previous":null,"next":null}`}, usable: 1,
	},
	"socradar-feed": {
		empty:    []string{"[]"},
		query:    PullQuery{Of: "c0ffee"},
		requests: []string{"GET /threat/intelligence/feed_list/c0ffee.json?v=2&key=… query"}, usable: 1,
		pages: []string{`[{"feed":"62.4.5.6","feed_type":"ip","first_seen_date":"2026-04-10 19:52:57","latest_seen_date":"2026-11-10 19:52:57","maintainer_name":"SOCRadar","extra_info":{"score":80,"seen_count":2}}]`},
	},
	"taxii-collections": {
		empty: []string{"{}"},
		user:  "4711", requests: []string{"GET /collections/ basic 4711"},
		pages: []string{`{"collections":[{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"x","can_read":true,"can_write":false}]}`},
	},
	"taxii": {
		empty: []string{"{}"},
		user:  "4711", query: PullQuery{Of: "91a7b528", Since: week},
		requests: []string{
			"GET /collections/91a7b528/objects/?added_after=2026-11-19T12%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition basic 4711",
			"GET /collections/91a7b528/objects/?added_after=2026-11-19T12%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition&next=cursor basic 4711",
			"GET /collections/91a7b528/objects/?added_after=2026-11-21T00%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition basic 4711",
		},
		pages: []string{fmt.Sprintf(stixPage, `true,"next":"cursor",`, 1, 6), fmt.Sprintf(stixPage, `true,`, 2, 7), `{}`},
		last:  []string{"", "2026-11-21T00:00:00.000Z", ""}, usable: 2,
	},
	"misp-search": {
		query: PullQuery{Since: week},
		requests: []string{
			`POST /attributes/restSearch Authorization {"includeEventTags":1,"limit":1000,"page":1,"returnFormat":"json","timestamp":"1795089600","to_ids":1,"type":["ip-src","ip-dst","ip-src|port","ip-dst|port","domain|ip"]}`,
			`POST /attributes/restSearch Authorization {"includeEventTags":1,"limit":1000,"page":2,"returnFormat":"json","timestamp":"1795089600","to_ids":1,"type":["ip-src","ip-dst","ip-src|port","ip-dst|port","domain|ip"]}`,
		},
		pages: []string{attributes(mispPage), attributes(1)}, usable: 1001,
	},
	"misp-feed": {
		empty:    []string{"{}"},
		query:    PullQuery{Since: week},
		requests: []string{"GET /manifest.json Authorization", "GET /" + mispIDa + ".json Authorization", "GET /" + mispIDb + ".json Authorization"},
		pages: []string{
			`{"` + mispIDb + `":{"info":"b","timestamp":"1795600000","date":"2026-11-20"},"` + mispIDa + `":{"info":"a","timestamp":"1795600000","date":"2026-11-20"},"cccccccc-0000-4000-8000-000000000003":{"info":"old","timestamp":"1700000000"}}`,
			fmt.Sprintf(mispEvent, mispIDa, 6), fmt.Sprintf(mispEvent, mispIDb, 7),
		}, usable: 2,
	},
}

// TestPulls fetches every list of every provider from a server that plays its
// documentation, page by page, and holds it to the same faults.
func TestPulls(t *testing.T) {
	seen := 0
	home := atHome(t)
	for _, p := range Providers() {
		for _, l := range p.Pulls {
			seen++
			t.Run(l.Name, func(t *testing.T) {
				s, ok := pullScripts[l.Name]
				if !ok {
					t.Fatal("no script: what does its documentation say?")
				}
				t.Run("all pages", func(t *testing.T) { s.play(t, p, l) })
				t.Run("faults", func(t *testing.T) { s.faults(t, p, l, home.URL) })
			})
		}
	}
	if seen != len(pullScripts) {
		t.Errorf("%d lists and %d scripts", seen, len(pullScripts))
	}
}

func (s pullScript) open(t *testing.T, p Provider, base string) *Service {
	t.Helper()
	client, _ := testClient(t)
	svc, err := Open(p, client, Access{Base: base + "/", User: s.user, Key: NewSecret(theKey)})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

func (s pullScript) play(t *testing.T, p Provider, l Pull) {
	n := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if n >= len(s.pages) {
			t.Errorf("a request too many: %s", r.URL)
			return
		}
		if got := strings.TrimSpace(described(r) + " " + string(body)); got != s.requests[n] {
			t.Errorf("page %d: %s\nwant %s", n+1, got, s.requests[n])
		}
		if p.Name == "taxii" && r.Header.Get("Accept") != mediaTAXII {
			t.Errorf("accepts %q", r.Header.Get("Accept"))
		}
		if n < len(s.last) && s.last[n] != "" {
			w.Header().Set("X-TAXII-Date-Added-Last", s.last[n])
		}
		_, _ = io.WriteString(w, s.pages[n])
		n++
	})
	var files []intel.File
	err := s.open(t, p, server.URL).Pull(t.Context(), l, s.query, func(pg Page) error {
		if pg.Number != n || string(pg.Body) != s.pages[n-1] || pg.Provider != l.Name {
			t.Errorf("page %d is %+v", n, pg)
		}
		f := pg.File()
		f.Name = fmt.Sprintf("%s/%d/%s", l.Name, n, f.Name)
		files = append(files, f)
		return nil
	})
	if err != nil || n != len(s.pages) {
		t.Fatalf("%d of %d pages: %v", n, len(s.pages), err)
	}
	set, err := intel.Load(t.Context(), files, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	usable := int64(0)
	for _, f := range set.Feeds() {
		usable += f.Usable
	}
	if usable != s.usable {
		t.Errorf("%d usable entries, want %d: %+v", usable, s.usable, set.Feeds())
	}
}

// pullFault is one thing that a server does at a page, and what must come of it.
type pullFault struct {
	name   string
	answer http.HandlerFunc
	kind   Kind          // "": all pages come in the end
	slept  time.Duration // before the next attempt; 0: not counted
	tries  int           // of the page; 0: not counted
	hasty  bool
}

// pullFaults are the faults of a list at the page of that text.
func (s pullScript) pullFaults(page, home string) []pullFault {
	says := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { say(w, status, body, headers...) }
	}
	to := func(target string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		}
	}
	slow, fast := noon.Add(-5*time.Hour), noon.Add(9*time.Hour)
	out := []pullFault{
		{name: "401", answer: says(401, ""), kind: KindKey, tries: 1},
		{name: "403", answer: says(403, ""), kind: KindKey, tries: 1},
		{name: "429", answer: says(429, "", "Retry-After", "86400"), kind: KindQuota, tries: 1},
		{name: "429 for a moment, in seconds", answer: says(429, "", "Retry-After", "20"), slept: 20 * time.Second},
		{name: "429 for a moment, by a slow clock", answer: says(429, "", "Date", slow.Format(http.TimeFormat), "Retry-After", slow.Add(20*time.Second).Format(http.TimeFormat)), slept: 20 * time.Second},
		{name: "429 for a moment, by a fast clock", answer: says(429, "", "Date", fast.Format(http.TimeFormat), "Retry-After", fast.Add(20*time.Second).Format(http.TimeFormat)), slept: 20 * time.Second},
		{name: "503 once", answer: says(503, "<html>busy</html>")},
		{name: "500 for ever", answer: says(500, "oops"), kind: KindUnavailable, tries: 4},
		{name: "slow", answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, kind: KindUnavailable, hasty: true},
		{name: "cut, and told so", answer: says(200, page[:len(page)/2], "Content-Length", fmt.Sprint(len(page))), kind: KindUnavailable, tries: 4},
		{name: "cut, and not told so", answer: says(200, page[:len(page)-1]), kind: KindMalformed, tries: 1},
		{name: "an error inside", answer: says(200, `{"error":"quota exceeded"}`), kind: KindQuota, tries: 1},
		{name: "an error of TAXII inside", answer: says(200, `{"title":"rate limit exceeded","http_status":"429"}`), kind: KindQuota, tries: 1},
		{name: "to the metadata of a cloud", answer: to("http://169.254.169.254/latest/meta-data/"), kind: KindAddress, tries: 1},
		{name: "to a private address", answer: to("https://10.1.2.3/"), kind: KindAddress, tries: 1},
		{name: "to a server that is there, at home", answer: to(home), kind: KindAddress, tries: 1},
	}
	for _, body := range []string{"", "null", "42", `"text"`, "[]", "{}", `{"results":{},"data":"x","response":7,"objects":"y","collections":1}`, "<html></html>"} {
		if !slices.Contains(s.empty, body) || page != s.pages[0] && strings.Contains(page, "Event") {
			out = append(out, pullFault{name: "another document: " + body, answer: says(200, body), kind: KindMalformed, tries: 1})
		}
	}
	return out
}

// faults plays every fault at every page: what came before it was handed on, nothing
// after it, and the list never ends as though it were whole.
func (s pullScript) faults(t *testing.T, p Provider, l Pull, home string) {
	for at := range s.pages {
		for _, c := range s.pullFaults(s.pages[at], home) {
			if c.hasty && at > 0 {
				continue // the pages before would have to come in that time, too
			}
			t.Run(fmt.Sprintf("page %d %s", at+1, c.name), func(t *testing.T) { s.fault(t, p, l, at, c) })
		}
	}
}

func (s pullScript) fault(t *testing.T, p Provider, l Pull, at int, c pullFault) {
	var n, tries atomic.Int64 // pages that were played, attempts of the one at fault
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if int(n.Load()) == at && (tries.Add(1) == 1 || c.kind != "") {
			_, _ = io.Copy(io.Discard, r.Body) // a connection whose question was not read tells of no end
			c.answer(w, r)
			return
		}
		if i := int(n.Load()); i < len(s.last) && s.last[i] != "" {
			w.Header().Set("X-TAXII-Date-Added-Last", s.last[i])
		}
		_, _ = io.WriteString(w, s.pages[n.Add(1)-1])
	})
	client, ck := testClient(t, func(cfg *Config) {
		if c.hasty {
			cfg.Timeout, cfg.Attempts = 20*time.Millisecond, 1
		}
	})
	svc, err := Open(p, client, Access{Base: server.URL, User: s.user, Key: NewSecret(theKey)})
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	err = svc.Pull(t.Context(), l, s.query, func(Page) error { got++; return nil })
	want := at
	if c.kind == "" {
		want = len(s.pages)
	}
	if KindOf(err) != c.kind || (err == nil) != (c.kind == "") || got != want {
		t.Errorf("%d pages, want %d; %v, want %q", got, want, err, c.kind)
	}
	if err != nil && leak(err.Error()) != "" {
		t.Errorf("the key is in %v", err)
	}
	if c.tries > 0 && int(tries.Load()) != c.tries {
		t.Errorf("%d attempts, want %d", tries.Load(), c.tries)
	}
	if c.slept > 0 && !slices.Contains(ck.slept, c.slept) {
		t.Errorf("slept %v, want %s among it", ck.slept, c.slept)
	}
}

func TestPullEnds(t *testing.T) {
	p, _ := ProviderOf("otx")
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = fmt.Fprintf(w, pulsePage, 6, `"`+r.URL.String()+`"`) // the next page is this one
	})
	svc := pullScript{}.open(t, p, server.URL)
	pages := 0
	count := func(pg Page) error { pages++; return nil }
	if err := svc.Pull(t.Context(), p.Pulls[0], PullQuery{}, count); err == nil || pages != 1 {
		t.Errorf("a page that leads to itself: %v after %d", err, pages)
	}
	stop := errors.New("enough")
	if err := svc.Pull(t.Context(), p.Pulls[0], PullQuery{}, func(Page) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	unchanged := false
	err := svc.Pull(t.Context(), p.Pulls[0], PullQuery{ETag: `"1"`}, func(pg Page) error { unchanged = pg.NotModified; return nil })
	if err != nil || !unchanged {
		t.Errorf("nothing changed: %v %v", unchanged, err)
	}
	radar, _ := ProviderOf("socradar")
	if err := (pullScript{}).open(t, radar, server.URL).Pull(t.Context(), radar.Pulls[0], PullQuery{}, count); err == nil {
		t.Error("a collection without its id")
	}
}

// TestPagesOfAnAnswer: an answer in pages is one answer, each page spends one question, and
// what is left of the quota ends it.
func TestPagesOfAnAnswer(t *testing.T) {
	const last = 3
	n := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		if got := r.URL.Query().Get("page"); got != fmt.Sprint(n) {
			t.Errorf("question %d is for page %s", n, got)
		}
		_, _ = fmt.Fprintf(w, reportPage, n, n, last)
	})
	client, ck := testClient(t)
	p, _ := ProviderOf("abuseipdb")
	p.Block = ""
	for _, c := range []struct {
		name     string
		left     int // questions for reports
		pages    int
		reported int
	}{{"all", 100, 3, 3}, {"two are left", 2, 2, 2}, {"one is left", 1, 1, 1}} {
		n = 0
		ledger := &Memory{}
		a := &Asking{
			Services: []*Service{opened(t, p, client, server.URL)}, Also: []string{"abuseipdb-reports"}, Ledger: ledger,
			Budgets: map[string]int{"abuseipdb/check": 0, "abuseipdb/reports": c.left}, Now: func() netcase.Time { return netcase.TimeOf(ck.Now()) },
		}
		r, err := a.Ask(t.Context(), []netip.Addr{asked.Addr()})
		if err != nil || len(r.Answers) != 1 || n != c.pages || len(r.Errors) > 0 {
			t.Fatalf("%s: %d answers of %d pages, %v %v", c.name, len(r.Answers), n, err, r.Errors)
		}
		if s, _ := ledger.Spent("abuseipdb/reports", Day(a.Now())); s.Asked != c.pages {
			t.Errorf("%s: %d were spent, want %d", c.name, s.Asked, c.pages)
		}
		got := r.Answers[0]
		in := indicators(t, got.File())
		if len(in) != 1 || in[0].Reporters != c.reported || in[0].Reports != 101 || got.SHA256 != digest(got.Body) {
			t.Errorf("%s: %+v", c.name, in)
		}
	}
}

// TestPullsSpendQuotas: the pages of a list are counted, and a service that says no is not
// asked again before its time.
func TestPullsSpendQuotas(t *testing.T) {
	asked, status := 0, 200
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		if status != 200 {
			say(w, status, "", "Retry-After", "86400")
			return
		}
		_, _ = io.WriteString(w, pullScripts["abuseipdb-blacklist"].pages[0])
	})
	client, ck := testClient(t)
	p, l, _ := PullOf("abuseipdb-blacklist")
	svc := opened(t, p, client, server.URL)
	ledger := &Memory{}
	pull := func() error {
		return svc.Pull(t.Context(), l, PullQuery{Ledger: ledger}, func(Page) error { return nil })
	}
	for i := range 5 {
		if err := pull(); err != nil {
			t.Fatalf("pull %d: %v", i+1, err)
		}
	}
	if err := pull(); KindOf(err) != KindQuota || asked != 5 {
		t.Errorf("a sixth of five a day: %v, %d asked", err, asked)
	}
	ck.now, status = ck.now.Add(24*time.Hour), 429
	if err := pull(); KindOf(err) != KindQuota || asked != 6 {
		t.Errorf("the next day, 429: %v, %d asked", err, asked)
	}
	status = 200
	if err := pull(); KindOf(err) != KindQuota || asked != 6 {
		t.Errorf("asked although the service said no: %v, %d asked", err, asked)
	}
	ck.now = ck.now.Add(25 * time.Hour)
	if err := pull(); err != nil {
		t.Errorf("after that: %v", err)
	}
}
