package database

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"netcase/intel/service"
)

// documented is what a feed hands out, as its maker documents it: a sample of package
// intel, or the text itself.
func documented(t *testing.T, f *Feed) string {
	t.Helper()
	samples := map[string]string{
		"feodo-ipblocklist": "abusech/feodo", "threatfox-recent": "abusech/threatfox", "urlhaus-recent": "abusech/urlhaus", "sslbl-ipblacklist": "csv/sslbl",
		"spamhaus-drop-v4": "spamhaus-drop/v4", "ipsum": "ipsum/levels", "tor-exits": "tor-exits/measured", "dshield-block": "dshield/block",
		"aws-ip-ranges": "cloud-ranges/amazon", "azure-servicetags_public": "cloud-ranges/azure", "fastly-public-ip-list": "cloud-ranges/fastly",
	}
	const google = `{"syncToken":"1785542400","creationTime":"2026-08-01T00:00:00","prefixes":[{"ipv4Prefix":"34.1.208.0/20","service":"Google Cloud","scope":"x"},{"ipv6Prefix":"2600:1900:8000::/44"}]}`
	texts := map[string]string{
		"spamhaus-drop-v6": `{"cidr":"2001:678:738::/48","sblid":"SBL512803","rir":"ripencc"}` + "\n" + `{"type":"metadata","timestamp":1785542400,"size":1,"records":1,"copyright":"c","terms":"t"}` + "\n",
		"google-cloud":     google, "google-goog": google,
		"cloudflare-ips": `{"result":{"ipv4_cidrs":["173.245.48.0/20"],"ipv6_cidrs":["2400:cb00::/32"],"etag":"x"},"success":true,"errors":[],"messages":[]}`,
		"oracle-cloud":   `{"last_updated_timestamp":"2026-08-01T00:00:00.000000","regions":[{"region":"uk-london-1","cidrs":[{"cidr":"132.145.8.0/21","tags":["OCI"]}]}]}`,
		"github-meta":    `{"verifiable_password_authentication":false,"hooks":["192.30.252.0/22"],"web":["192.30.252.0/22"],"api":["192.30.252.0/22"],"git":["192.30.252.0/22"],"pages":["192.30.252.153/32"],"actions":["4.148.0.0/16"]}`,
	}
	if text, ok := texts[f.Name]; ok {
		return text
	}
	sample := samples[f.Name]
	switch {
	case sample != "":
	case strings.HasPrefix(f.Name, "misp-warninglists/") && strings.Contains(f.Name, "scann"):
		sample = "misp-warninglist/scanner"
	case strings.HasPrefix(f.Name, "misp-warninglists/"):
		return `{"description":"ranges","list":["23.32.0.0/11","62.5.5.5"],"matching_attributes":["ip-src"],"name":"` + f.Name + `","type":"cidr","version":20260801}`
	case slices.Equal(f.Formats, []string{"list"}):
		return "# a list\n" + list(30) + "62.9.9.0/24\n2a02:c207::1\n"
	default:
		t.Fatalf("%s: no sample: what does its maker hand out?", f.Name)
	}
	found, err := filepath.Glob(filepath.Join("..", "testdata", sample, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if filepath.Base(name) != "want.json" {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	t.Fatalf("%s: no sample in %s", f.Name, sample)
	return ""
}

// round is one thing that all feeds do when they are asked, and what becomes of it.
type round struct {
	name   string
	answer func(w http.ResponseWriter, r *http.Request, document string, n int)
	want   []State
	kind   service.Kind // of the error; empty: any
	hasty  bool
}

func rounds() []round {
	whole := func(w http.ResponseWriter, r *http.Request, document string, _ int) {
		tagged(`"v1"`, document)(w, r)
	}
	once := func(fault http.HandlerFunc) func(http.ResponseWriter, *http.Request, string, int) {
		return func(w http.ResponseWriter, r *http.Request, document string, n int) {
			if n == 1 {
				fault(w, r)
				return
			}
			_, _ = io.WriteString(w, document)
		}
	}
	ever := func(fault http.HandlerFunc) func(http.ResponseWriter, *http.Request, string, int) {
		return func(w http.ResponseWriter, r *http.Request, _ string, _ int) { fault(w, r) }
	}
	later := func(value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	return []round{
		{name: "whole", answer: whole, want: []State{Stored}},
		{name: "nothing new", answer: whole, want: []State{Unchanged}},
		{name: "503 once", answer: once(status(503)), want: []State{Unchanged}},
		{name: "429 for a moment", answer: once(later("20")), want: []State{Unchanged}},
		{name: "429 for a day", answer: ever(later("86400")), want: []State{Failed}, kind: service.KindQuota},
		{name: "403", answer: ever(status(403)), want: []State{Failed}, kind: service.KindKey},
		{name: "500 for ever", answer: ever(status(500)), want: []State{Failed}, kind: service.KindUnavailable},
		{name: "slow", answer: ever(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), want: []State{Failed}, kind: service.KindUnavailable, hasty: true},
		{name: "cut, and told so", answer: func(w http.ResponseWriter, r *http.Request, document string, _ int) {
			truncated(document[:len(document)/2])(w, r)
		}, want: []State{Failed}, kind: service.KindUnavailable},
		{name: "to a private address", answer: ever(gone("https://10.1.2.3/list")), want: []State{Failed}, kind: service.KindAddress},
		{name: "to the metadata of a cloud", answer: ever(gone("http://169.254.169.254/latest/meta-data/")), want: []State{Failed}, kind: service.KindAddress},
		{name: "an error page", answer: ever(says("<!doctype html><html><body>Please wait, 62.1.2.3</body></html>")), want: []State{Quarantined, Failed}},
		{name: "an error inside", answer: ever(says(`{"error":"rate limit exceeded","query_status":"no_auth"}`)), want: []State{Quarantined, Failed}},
		{name: "nothing", answer: ever(says("")), want: []State{Quarantined, Failed}},
		{name: "null", answer: ever(says("null")), want: []State{Quarantined, Failed}},
		{name: "numbers", answer: ever(says("[[1,2],{\"cidr\":7,\"prefixes\":\"x\",\"list\":{}}]")), want: []State{Quarantined, Failed}},
	}
}

// TestEveryFeed plays what its maker documents, and every fault after it, for every feed
// that is asked. Whatever happens, what was stored stays in use.
func TestEveryFeed(t *testing.T) {
	feeds := slices.DeleteFunc(Feeds(), func(f Feed) bool { return f.Pull != nil }) // see TestPulledFeeds
	documents := map[string]string{}
	var mu sync.Mutex
	asked := map[string]int{}
	var now round
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		mu.Lock()
		asked[name]++
		n, c := asked[name], now
		mu.Unlock()
		c.answer(w, r, documents[name], n)
	}))
	t.Cleanup(server.Close)
	for i := range feeds {
		f := &feeds[i]
		documents[f.Name] = documented(t, f)
		f.URL, f.Collect = server.URL+"/"+f.Name, nil // the page that names the file of Azure has a test of its own
	}
	db, c := fresh(t), newClock()
	u := asking(t, db, c)
	hasty, err := service.NewClient(service.Config{Allow: []netip.Prefix{loopback}, Now: c.Now, Sleep: c.Sleep, Timeout: 10 * time.Millisecond, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hasty.Close)
	patient := u.Client
	used := 0
	for i, r := range rounds()[:fewer(len(rounds()), 4)] {
		mu.Lock()
		now, asked = r, map[string]int{}
		mu.Unlock()
		if u.Client = patient; r.hasty {
			u.Client = hasty
		}
		for _, got := range u.Run(context.Background(), feeds) {
			if !slices.Contains(r.want, got.State) || r.kind != "" && service.KindOf(got.Err) != r.kind {
				t.Errorf("%s, %s: %s (%v %s), want %v %s", r.name, got.Feed, got.State, got.Err, got.Snapshot.Quarantine, r.want, r.kind)
			}
			if i == 0 && (got.Snapshot.Report.Usable == 0 || got.Snapshot.Report.Provider == "") {
				t.Errorf("%s: %+v", got.Feed, got.Snapshot.Report)
			}
		}
		if i == 0 {
			used = inUse(t, db)
		}
	}
	if now := inUse(t, db); now != used || used < len(feeds) {
		t.Errorf("%d indicators are in use in the end, %d were", now, used)
	}
}

func inUse(t *testing.T, db *DB) int {
	t.Helper()
	set, err := db.Load(context.Background(), Window{})
	if err != nil {
		t.Fatal(err)
	}
	return set.Len()
}
