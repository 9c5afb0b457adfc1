package service

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

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
	reportPage = `{"data":{"total":101,"page":%d,"count":1,"perPage":100,"lastPage":2,"nextPageUrl":null,"results":[{"reportedAt":"2026-11-25T09:00:00+00:00","comment":"","categories":[22],"reporterId":%d}]}}`
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
	"abuseipdb-reports": {
		query:    PullQuery{Of: "62.4.5.6"},
		requests: []string{"GET /reports?ipAddress=62.4.5.6&maxAgeInDays=90&perPage=100 Key", "GET /reports?ipAddress=62.4.5.6&maxAgeInDays=90&page=2&perPage=100 Key"},
		pages:    []string{fmt.Sprintf(reportPage, 1, 1), fmt.Sprintf(reportPage, 2, 2)}, usable: 2,
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
		query:    PullQuery{Of: "c0ffee"},
		requests: []string{"GET /threat/intelligence/feed_list/c0ffee.json?v=2&key=… query"}, usable: 1,
		pages: []string{`[{"feed":"62.4.5.6","feed_type":"ip","first_seen_date":"2026-04-10 19:52:57","latest_seen_date":"2026-11-10 19:52:57","maintainer_name":"SOCRadar","extra_info":{"score":80,"seen_count":2}}]`},
	},
	"taxii-collections": {
		user: "4711", requests: []string{"GET /collections/ basic 4711"},
		pages: []string{`{"collections":[{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"x","can_read":true,"can_write":false}]}`},
	},
	"taxii": {
		user: "4711", query: PullQuery{Of: "91a7b528", Since: week},
		requests: []string{
			"GET /collections/91a7b528/objects/?added_after=2026-11-19T12%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition basic 4711",
			"GET /collections/91a7b528/objects/?added_after=2026-11-19T12%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition&next=cursor basic 4711",
			"GET /collections/91a7b528/objects/?added_after=2026-11-21T00%3A00%3A00.000Z&limit=1000&match%5Btype%5D=indicator%2Cidentity%2Cmarking-definition basic 4711",
		},
		pages: []string{fmt.Sprintf(stixPage, `true,"next":"cursor",`, 1, 6), fmt.Sprintf(stixPage, `true,`, 2, 7), `{}`},
		last:  []string{"", "2026-11-21T00:00:00.000Z", ""}, usable: 2,
	},
	"misp": {
		query: PullQuery{Since: week},
		requests: []string{
			`POST /attributes/restSearch Authorization {"includeEventTags":1,"limit":1000,"page":1,"returnFormat":"json","timestamp":"1795089600","to_ids":1,"type":["ip-src","ip-dst","ip-src|port","ip-dst|port","domain|ip"]}`,
			`POST /attributes/restSearch Authorization {"includeEventTags":1,"limit":1000,"page":2,"returnFormat":"json","timestamp":"1795089600","to_ids":1,"type":["ip-src","ip-dst","ip-src|port","ip-dst|port","domain|ip"]}`,
		},
		pages: []string{attributes(mispPage), attributes(1)}, usable: 1001,
	},
	"misp-feed": {
		query:    PullQuery{Since: week},
		requests: []string{"GET /manifest.json Authorization", "GET /" + mispIDa + ".json Authorization", "GET /" + mispIDb + ".json Authorization"},
		pages: []string{
			`{"` + mispIDb + `":{"info":"b","timestamp":"1795600000","date":"2026-11-20"},"` + mispIDa + `":{"info":"a","timestamp":"1795600000","date":"2026-11-20"},"cccccccc-0000-4000-8000-000000000003":{"info":"old","timestamp":"1700000000"},"../../etc/passwd":{"timestamp":"1795600000"}}`,
			fmt.Sprintf(mispEvent, mispIDa, 6), fmt.Sprintf(mispEvent, mispIDb, 7),
		}, usable: 2,
	},
}

// TestPulls fetches every list of every provider from a server that plays its
// documentation, page by page, and holds it to the same faults.
func TestPulls(t *testing.T) {
	seen := 0
	for _, p := range Providers() {
		for _, l := range p.Pulls {
			seen++
			t.Run(l.Name, func(t *testing.T) {
				s, ok := pullScripts[l.Name]
				if !ok {
					t.Fatal("no script: what does its documentation say?")
				}
				t.Run("all pages", func(t *testing.T) { s.play(t, p, l) })
				t.Run("faults", func(t *testing.T) { s.faults(t, p, l) })
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

func (s pullScript) faults(t *testing.T, p Provider, l Pull) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		kind   Kind
	}{
		"401":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, KindKey},
		"429":   {func(w http.ResponseWriter, _ *http.Request) { say(w, 429, "", "Retry-After", "9999") }, KindQuota},
		"500":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, KindUnavailable},
		"cut":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s.pages[0][:len(s.pages[0])-2]) }, KindMalformed},
		"text":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `"text"`) }, KindMalformed},
		"inner": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"error":"quota exceeded"}`) }, KindQuota},
		"home": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2/", http.StatusFound)
		}, KindAddress},
	} {
		server := serve(t, c.answer)
		err := s.open(t, p, server.URL).Pull(t.Context(), l, s.query, func(pg Page) error {
			t.Errorf("%s: a page: %s", name, pg.Body)
			return nil
		})
		if KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %q", name, err, c.kind)
		}
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
	abuse, _ := ProviderOf("abuseipdb")
	if err := (pullScript{}).open(t, abuse, server.URL).Pull(t.Context(), abuse.Pulls[1], PullQuery{}, count); err == nil {
		t.Error("reports on nobody")
	}
}
