package database

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"netcase/intel/service"
)

// TestEveryPullIsAFeed: what a service can hand out, a user can ask for.
func TestEveryPullIsAFeed(t *testing.T) {
	reached := map[string]bool{"taxii-collections": true} // of a TAXII root, on the way
	for _, f := range Feeds() {
		if f.Pull != nil {
			reached[f.Pull.Name] = true
		}
	}
	for _, kind := range []string{KindMISP, KindSearch, KindTAXII} {
		f, err := Configured{Name: "x", Kind: kind, URL: "https://x.example/root/"}.Feed()
		if err != nil {
			t.Fatal(err)
		}
		reached[f.Pull.Name] = true
	}
	f, err := Configured{Name: "x", Kind: KindSOCRadar, URL: "0a0a0a0a-0000-4000-8000-000000000001"}.Feed()
	if err != nil {
		t.Fatal(err)
	}
	reached[f.Pull.Name] = true
	for _, p := range service.Providers() {
		for _, l := range p.Pulls {
			if !reached[l.Name] {
				t.Errorf("no feed hands out %q", l.Name)
			}
		}
	}
}

// TestPulledFeeds stores what services hand out in pages, all pages of it, under the key of
// the service.
func TestPulledFeeds(t *testing.T) {
	const key = "pulled-key-0123456789"
	event := `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-00000000000%d","created":"2026-08-01T00:00:00Z","modified":"2026-08-01T00:00:00Z","valid_from":"2026-08-01T00:00:00Z","pattern":"[ipv4-addr:value = '62.1.2.%d']","pattern_type":"stix"}`
	mux := http.NewServeMux()
	page := func(pattern, header string, pages ...string) {
		n := 0
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if header != "" && !strings.Contains(r.Header.Get(header), key) {
				http.Error(w, "no key", http.StatusUnauthorized)
				return
			}
			_, _ = w.Write([]byte(pages[min(n, len(pages)-1)]))
			n++
		})
	}
	page("GET /blacklist", "Key", `{"meta":{"generatedAt":"2026-08-21T10:00:00+00:00"},"data":[{"ipAddress":"62.1.2.3","countryCode":"NL","abuseConfidenceScore":100,"lastReportedAt":"2026-08-21T09:00:00+00:00"}]}`)
	pulse := `{"results":[{"id":"1","name":"p","modified":"2026-08-20T00:00:00","author_name":"a","indicators":[{"indicator":"62.1.2.%d","type":"IPv4","created":"2026-08-20T00:00:00","is_active":1}]}],"count":2,"next":%s,"prefetch_pulse_ids":false}`
	page("GET /api/v1/pulses/subscribed", "X-OTX-API-KEY", fmt.Sprintf(pulse, 3, `"https://x.example/api/v1/pulses/subscribed?page=2"`), fmt.Sprintf(pulse, 4, "null"))
	page("GET /api/v1/indicators/export", "X-OTX-API-KEY", `{"results":[{"id":1,"indicator":"62.1.2.3","type":"IPv4","title":null,"description":null,"content":""}],"count":1,"previous":null,"next":null}`)
	page("POST /attributes/restSearch", "Authorization", `{"response":{"Attribute":[{"type":"ip-src","value":"62.1.2.3","to_ids":true,"timestamp":"1785542400"}]}}`)
	page("GET /root/collections/{$}", "Authorization", `{"collections":[{"id":"one","can_read":true},{"id":"two","can_read":true},{"id":"write-only","can_read":false}]}`)
	page("GET /root/collections/one/objects/", "Authorization", `{"more":true,"next":"n","objects":[`+fmt.Sprintf(event, 1, 3)+`]}`, `{"objects":[`+fmt.Sprintf(event, 2, 4)+`]}`)
	page("GET /root/collections/two/objects/", "Authorization", `{"objects":[`+fmt.Sprintf(event, 3, 5)+`]}`)
	page("GET /threat/intelligence/feed_list/0a0a0a0a-0000-4000-8000-000000000001.json", "", `[{"feed":"62.1.2.3","feed_type":"ip","first_seen_date":"2026-04-10 19:52:57","latest_seen_date":"2026-08-10 19:52:57","maintainer_name":"x"}]`)
	server := httptest.NewServer(mux)
	defer server.Close()

	usable := map[string]int64{"abuseipdb-blacklist": 1, "otx-subscribed": 2, "otx-export": 1, "search": 1, "root": 3, "radar": 1}
	feeds, err := Pick(Feeds(), []string{"abuseipdb-blacklist", "otx-subscribed", "otx-export"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range feeds {
		feeds[i].Pull.Base = server.URL
	}
	for _, c := range []Configured{
		{Name: "search", Kind: KindSearch, URL: server.URL, Key: "K"}, {Name: "root", Kind: KindTAXII, URL: server.URL + "/root/", Key: "K"},
		{Name: "radar", Kind: KindSOCRadar, URL: "0a0a0a0a-0000-4000-8000-000000000001", Key: "K"},
	} {
		f, err := c.Feed()
		if err != nil {
			t.Fatal(err)
		}
		if f.Pull.Base == "" {
			f.Pull.Base = server.URL
		}
		feeds = append(feeds, f)
	}
	db := fresh(t)
	u := asking(t, db, newClock())
	u.Keys = func(string) service.Secret { return service.NewSecret(key) }
	for _, r := range u.Run(context.Background(), feeds) {
		if r.State != Stored || r.Snapshot.Report.Usable != usable[r.Feed] || strings.Contains(fmt.Sprintf("%+v", r), key) {
			t.Errorf("%s: %s, %d usable, want %d: %v %+v", r.Feed, r.State, r.Snapshot.Report.Usable, usable[r.Feed], r.Err, r.Snapshot.Report.Reasons)
		}
	}
	if s, _ := db.Answers(context.Background()).Spent("abuseipdb/blacklist", "2026-08-22"); s.Asked != 1 {
		t.Errorf("the blacklist spent %d questions, want 1", s.Asked)
	}
	u.Keys = nil
	if r := u.Run(context.Background(), feeds[:1]); r[0].State != NoKey {
		t.Errorf("without a key: %+v", r[0])
	}
}
