package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
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

	"github.com/google/go-cmp/cmp"

	"netcase"
	"netcase/intel"
)

// asked is the address that every look-up is asked for.
var asked = netip.MustParsePrefix("62.4.5.6/32")

// script is what the documentation of one look-up says that it answers.
type script struct {
	about   netip.Prefix // zero: asked
	request string       // the request as it must look: method, path, query, where the key is
	posted  string       // part of what is posted
	found   string       // of an address that is accused
	claim   netcase.ClaimType
	unknown string // of an address that nothing is known of
	status  int    // that comes with it; 0: 200
	quota   int    // status that says that the quota is spent, beside 429; 0: none
	inside  string // an error with status 200
	kind    Kind   // which that is
	typed   string // an answer with a wrong type where it matters
	other   string // an answer about another address; empty: answers do not say
}

// scripts are by look-up. A look-up without one fails TestLookups.
var scripts = map[string]script{
	"abuseipdb": {
		request: "GET /check?ipAddress=62.4.5.6&maxAgeInDays=90&verbose= Key",
		found:   `{"data":{"ipAddress":"62.4.5.6","isPublic":true,"ipVersion":4,"isWhitelisted":null,"abuseConfidenceScore":100,"countryCode":"NL","usageType":"Data Center/Web Hosting/Transit","isp":"Example","domain":"example.net","hostnames":[],"isTor":false,"totalReports":54,"numDistinctUsers":21,"lastReportedAt":"2026-11-25T09:00:00+00:00","reports":[{"reportedAt":"2026-11-25T09:00:00+00:00","comment":"x","categories":[18,22],"reporterId":1,"reporterCountryCode":"DE","reporterCountryName":"Germany"}]}}`,
		claim:   netcase.ClaimBruteForce,
		unknown: `{"data":{"ipAddress":"62.4.5.6","isPublic":true,"ipVersion":4,"isWhitelisted":null,"abuseConfidenceScore":0,"countryCode":"NL","usageType":null,"isp":"Example","domain":null,"hostnames":[],"isTor":false,"totalReports":0,"numDistinctUsers":0,"lastReportedAt":null,"reports":[]}}`,
		inside:  `{"errors":[{"detail":"Daily rate limit of 1000 requests exceeded for this endpoint.","status":429}]}`, kind: KindQuota,
		typed: `{"data":{"ipAddress":"62.4.5.6","abuseConfidenceScore":{"value":100},"totalReports":"many"}}`,
		other: `{"data":{"ipAddress":"62.4.5.7","abuseConfidenceScore":100}}`,
	},
	"abuseipdb-reports": {
		request: "GET /reports?ipAddress=62.4.5.6&maxAgeInDays=90&page=1&perPage=100 Key",
		found:   fmt.Sprintf(reportPage, 1, 1, 1), claim: netcase.ClaimBruteForce,
		unknown: `{"data":{"total":0,"page":1,"count":0,"perPage":100,"lastPage":1,"nextPageUrl":null,"previousPageUrl":null,"results":[]}}`,
		inside:  `{"errors":[{"detail":"Daily rate limit of 100 requests exceeded for this endpoint.","status":429}]}`, kind: KindQuota,
		typed: `{"data":{"total":3,"page":1,"perPage":100,"lastPage":1,"results":[{"reportedAt":7,"categories":"22"}]}}`,
	},
	"abuseipdb-block": {
		about:   netip.MustParsePrefix("62.4.5.0/24"),
		request: "GET /check-block?maxAgeInDays=90&network=62.4.5.0%2F24 Key",
		found:   `{"data":{"networkAddress":"62.4.5.0","netmask":"255.255.255.0","minAddress":"62.4.5.1","maxAddress":"62.4.5.254","numPossibleHosts":254,"addressSpaceDesc":"Internet","reportedAddress":[{"ipAddress":"62.4.5.6","numReports":631,"mostRecentReport":"2026-11-25T16:02:31+00:00","abuseConfidenceScore":100,"countryCode":"NL"},{"ipAddress":"62.4.5.9","numReports":1,"mostRecentReport":"2026-10-01T16:02:31+00:00","abuseConfidenceScore":0,"countryCode":null}]}}`,
		claim:   netcase.ClaimAbuse,
		unknown: `{"data":{"networkAddress":"62.4.5.0","netmask":"255.255.255.0","minAddress":"62.4.5.1","maxAddress":"62.4.5.254","numPossibleHosts":254,"addressSpaceDesc":"Internet","reportedAddress":[]}}`,
		inside:  `{"errors":[{"detail":"The network must be a valid CIDR.","status":422,"source":{"parameter":"network"}}]}`, kind: KindRequest,
		typed: `{"data":{"networkAddress":"62.4.5.0","reportedAddress":{"62.4.5.6":1}}}`,
		other: `{"data":{"networkAddress":"62.4.6.0","reportedAddress":[]}}`,
	},
	"otx": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/general X-Otx-Api-Key",
		found:   `{"whois":"x","reputation":0,"indicator":"62.4.5.6","type":"IPv4","type_title":"IPv4","base_indicator":{},"pulse_info":{"count":1,"pulses":[{"id":"5fd3a5c2f1b2","name":"SSH bruteforce","created":"2026-11-20T23:37:51.039000","modified":"2026-11-25T23:37:51.039000","author":{"username":"someone","id":"1"},"TLP":"white","public":1,"tags":["ssh","bruteforce"],"references":[],"malware_families":[{"id":"x","display_name":"y","target":null}],"attack_ids":["T1110"]}],"references":[],"related":{}},"False_positive":[],"validation":[],"asn":"AS64500 EXAMPLE","country_code":"NL","city":null,"sections":["general"]}`,
		claim:   netcase.ClaimBruteForce,
		unknown: `{"indicator":"62.4.5.6","base_indicator":{},"pulse_info":{"count":0,"pulses":[]},"validation":[],"asn":null,"country_code":null,"city":null}`,
		inside:  `{"detail":"Invalid API key"}`, kind: KindKey,
		typed: `{"indicator":"62.4.5.6","pulse_info":{"count":1,"pulses":"many"}}`,
		other: `{"indicator":"62.4.5.7","pulse_info":{"count":0,"pulses":[]}}`,
	},
	"otx-reputation": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/reputation X-Otx-Api-Key",
		found:   `{"reputation":{"threat_score":4,"activities":[{"name":"Scanning Host","first_date":"2026-11-01T00:00:00","last_date":"2026-11-20T00:00:00","status":1}],"counts":{"Scanning Host":1}}}`,
		claim:   netcase.ClaimScan, unknown: `{"reputation":null}`,
		inside: `{"error":"rate limit exceeded"}`, kind: KindQuota, typed: `{"reputation":[1]}`,
	},
	"otx-geo": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/geo X-Otx-Api-Key",
		found:   `{"asn":"AS64500 EXAMPLE","city":"Amsterdam","country_code2":"NL","country_code":"NL","country_name":"Netherlands","flag_url":"/x.png"}`,
		claim:   netcase.ClaimPlace, unknown: `{"detail":"endpoint not found"}`, status: 404,
		inside: `{"error":"quota"}`, kind: KindQuota, typed: `{"asn":["AS64500"],"country_code2":1,"country_code":{},"flag_url":"/x.png"}`,
	},
	"otx-malware": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/malware X-Otx-Api-Key",
		found:   `{"data":[{"datetime_int":1760832000,"hash":"a3","detections":{"avast":null},"date":"2026-11-19T00:00:00"}],"size":1,"count":1}`,
		claim:   netcase.ClaimMalware, unknown: `{"data":[],"size":0,"count":0}`,
		inside: `{"error":"quota"}`, kind: KindQuota, typed: `{"data":{"x":1},"size":1,"count":"x"}`,
	},
	"otx-passive-dns": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/passive_dns X-Otx-Api-Key",
		found:   `{"passive_dns":[{"address":"62.4.5.6","first":"2026-01-01T00:00:00","last":"2026-10-10T00:00:00","hostname":"a.example.net","record_type":"A"}],"count":1}`,
		claim:   netcase.ClaimNothing, unknown: `{"passive_dns":[],"count":0}`,
		inside: `{"error":"quota"}`, kind: KindQuota, typed: `{"passive_dns":"x"}`,
	},
	"otx-url-list": {
		request: "GET /api/v1/indicators/IPv4/62.4.5.6/url_list X-Otx-Api-Key",
		found:   `{"url_list":[{"url":"http://62.4.5.6/x","date":"2026-10-10T00:00:00"}],"page_num":1,"limit":10,"paged":true,"has_next":false,"full_size":1,"actual_size":1}`,
		claim:   netcase.ClaimNothing, unknown: `{"url_list":[],"page_num":1,"limit":10,"paged":true,"has_next":false,"full_size":0,"actual_size":0}`,
		inside: `{"error":"quota"}`, kind: KindQuota, typed: `{"url_list":7}`,
	},
	"opentip": {
		request: "GET /search/ip?request=62.4.5.6 X-Api-Key",
		found:   `{"Zone":"Red","IpGeneralInfo":{"Status":"known","CountryCode":"NL","Ip":"62.4.5.6","Categories":["CATEGORY_MALWARE"],"CategoriesWithZone":[{"Name":"CATEGORY_MALWARE","Zone":"Red"}]},"IpWhoIs":{"Asn":[{"Number":64500,"Description":["Example"]}],"Net":{"RangeStart":"62.4.4.0","RangeEnd":"62.4.5.255"}}}`,
		claim:   netcase.ClaimMalware, unknown: ``, status: 404, quota: 403,
		inside: `{"message":"Quota exceeded"}`, kind: KindQuota,
		typed: `{"Zone":["Red"],"IpGeneralInfo":{"Ip":"62.4.5.6"}}`, other: `{"Zone":"Red","IpGeneralInfo":{"Status":"known","Ip":"62.4.5.7"}}`,
	},
	"socradar": {
		request: "POST /ioc_enrichment/get/indicator_details Api-Key", posted: `"indicator":"62.4.5.6"`,
		found:   `{"details":{"score":[85.0],"name":"62.4.5.6","country_name":"Netherlands","is_whitelisted":false,"ioc_signal_strength":"Noisy","cross_source_confidence":"High","first_seen_date":"2026-11-01 00:00:00","last_seen_date":"2026-11-20 00:00:00","asn_code":"64500"},"summary":{"country":"NL","asn_name":"Example","asn_code":64500},"categorization":{"scanner":true,"vpn":false},"history":{"indicator_history":[{"event":"AbuseIPDB","feed_source":"AbuseIPDB","insert_date":"2026-11-19 00:00:00"}]}}`,
		claim:   netcase.ClaimAbuse,
		unknown: `{"details":{"score":[0.0],"name":"62.4.5.6","is_whitelisted":false},"summary":{},"categorization":{},"history":{"indicator_history":[]}}`,
		inside:  `{"is_success":false,"message":"Your credit is not enough","response_code":403,"data":{}}`, kind: KindKey,
		typed: `{"details":{"score":[85.0],"name":"62.4.5.6","is_whitelisted":"no"},"categorization":{}}`,
	},
	"socradar-reputation": {
		request: "GET /threatfeed/rapid/reputation?entity_type=ip&entity_value=62.4.5.6 Api-Key",
		found:   `{"is_success":true,"message":"OK","response_code":200,"data":{"score":53,"is_whitelisted":false,"finding_sources":[{"source_name":"AbuseIPDB","main_category":"Attackers","maintainer_name":"AbuseIPDB","first_seen_date":"2026-11-01","last_seen_date":"2026-11-20","seen_count":4}]}}`,
		claim:   netcase.ClaimAbuse,
		unknown: `{"is_success":true,"message":"OK","response_code":200,"data":{"score":0,"is_whitelisted":false,"finding_sources":[]}}`,
		inside:  `{"is_success":false,"message":"Rate limit exceeded","response_code":429}`, kind: KindQuota,
		typed: `{"is_success":true,"data":{"score":"high","finding_sources":[]}}`,
	},
	"socradar-analysis": {
		request: "GET /threat/analysis?entity=62.4.5.6&key=… query",
		found:   `{"is_success":true,"message":"OK","response_code":200,"data":{"value":"62.4.5.6","classification":"ipv4","score":743.3,"score_details":{"Reputation":100},"findings":[{"source_name":"Spam feed","source_category":"Spam","reliability":"B","extra_info":{"maintainer_name":"Blocklist.de","last_seen_date":"2026-11-20"}}],"geo_location":[{"AsnCode":64500,"AsnName":"Example","CountryCode":"NL"}],"is_whitelisted":false,"remaining_credit":14}}`,
		claim:   netcase.ClaimSpam,
		unknown: `{"is_success":true,"message":"OK","response_code":200,"data":{"value":"62.4.5.6","classification":"ipv4","score":0,"score_details":{},"findings":[],"geo_location":[],"is_whitelisted":false}}`,
		inside:  `{"is_success":false,"message":"API key is not valid","response_code":401}`, kind: KindKey,
		typed: `{"is_success":true,"data":{"value":"62.4.5.6","score":{},"findings":[]}}`,
		other: `{"is_success":true,"data":{"value":"62.4.5.7","score":1,"findings":[]}}`,
	},
	"greynoise": {
		request: "GET /v3/community/62.4.5.6 Key",
		found:   `{"ip":"62.4.5.6","noise":true,"riot":false,"classification":"malicious","name":"unknown","link":"https://viz.greynoise.io/ip/62.4.5.6","last_seen":"2026-11-25","message":"Success"}`,
		claim:   netcase.ClaimScan,
		unknown: `{"ip":"62.4.5.6","noise":false,"riot":false,"message":"IP not observed scanning the internet or contained in RIOT data set."}`, status: 404,
		inside: `{"message":"You have hit your weekly rate limit"}`, kind: KindQuota,
		typed: `{"ip":"62.4.5.6","noise":"yes","riot":0}`, other: `{"ip":"62.4.5.7","noise":true,"riot":false}`,
	},
	"internetdb": {
		request: "GET /62.4.5.6 none",
		found:   `{"cpes":[],"hostnames":["h.example.net"],"ip":"62.4.5.6","ports":[22],"tags":["compromised"],"vulns":[]}`,
		claim:   netcase.ClaimMalware, unknown: `{"detail":"No information available"}`, status: 404,
		inside: `{"detail":"Rate limit exceeded"}`, kind: KindQuota,
		typed: `{"cpes":[],"hostnames":[],"ip":"62.4.5.6","ports":"22","tags":[],"vulns":[]}`,
		other: `{"cpes":[],"hostnames":[],"ip":"62.4.5.7","ports":[],"tags":[],"vulns":[]}`,
	},
	"virustotal": {
		request: "GET /ip_addresses/62.4.5.6 X-Apikey",
		found:   `{"data":{"id":"62.4.5.6","type":"ip_address","attributes":{"last_analysis_stats":{"malicious":4,"suspicious":1,"harmless":60,"undetected":29,"timeout":0},"last_analysis_results":{"A":{"category":"malicious","result":"malware"},"B":{"category":"malicious","result":"malware"}},"last_analysis_date":1795600000,"asn":64500,"as_owner":"Example","country":"NL","tags":[]}}}`,
		claim:   netcase.ClaimMalware, unknown: `{"error":{"code":"NotFoundError","message":"not found"}}`, status: 404, quota: 204,
		inside: `{"error":{"code":"QuotaExceededError","message":"Quota exceeded"}}`, kind: KindQuota,
		typed: `{"data":{"id":"62.4.5.6","attributes":{"last_analysis_stats":{"malicious":"four"}}}}`,
		other: `{"data":{"id":"62.4.5.7","attributes":{"last_analysis_stats":{"malicious":0}}}}`,
	},
	"crowdsec": {
		request: "GET /v2/smoke/62.4.5.6 X-Api-Key",
		found:   `{"ip":"62.4.5.6","reputation":"malicious","confidence":"high","background_noise_score":9,"as_name":"Example","as_num":64500,"location":{"country":"NL","city":null},"behaviors":[{"name":"ssh:bruteforce","label":"SSH Bruteforce"}],"history":{"first_seen":"2026-09-01T10:00:00+00:00","last_seen":"2026-11-19T22:00:00+00:00"},"classifications":{"false_positives":[],"classifications":[]},"scores":{"overall":{"aggressiveness":5,"threat":3,"trust":5,"anomaly":0,"total":4}}}`,
		claim:   netcase.ClaimBruteForce, unknown: `{"message":"IP not found"}`, status: 404,
		inside: `{"message":"Limit Exceeded"}`, kind: KindQuota,
		typed: `{"ip":"62.4.5.6","reputation":3,"behaviors":{},"scores":[]}`,
		other: `{"ip":"62.4.5.7","reputation":"malicious","behaviors":[],"scores":{}}`,
	},
}

// TestLookups holds every look-up of every provider to what is documented, against a
// server that plays the documentation. No member of the table escapes a case.
func TestLookups(t *testing.T) {
	seen := 0
	home := atHome(t)
	for _, p := range Providers() {
		for _, l := range p.Lookups {
			t.Run(l.Name, func(t *testing.T) {
				s, ok := scripts[l.Name]
				if !ok {
					t.Fatal("no script: what does its documentation say?")
				}
				if !s.about.IsValid() {
					s.about = asked
				}
				for _, c := range lookupCases(p, l, s, home.URL) {
					t.Run(c.name, func(t *testing.T) { c.play(t, p, l, s) })
				}
			})
			seen++
		}
	}
	if seen != len(scripts) {
		t.Errorf("%d look-ups and %d scripts", seen, len(scripts))
	}
}

// atHome is a server at an address of this machine that nobody was allowed to go to: a
// request that reaches it, with or without the key, fails the test.
func atHome(t *testing.T) *httptest.Server {
	t.Helper()
	lc := net.ListenConfig{}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("this machine has one loopback address only: %v", err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request came home: %s", described(r))
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// lookupCase is one thing that a server does and what must come of it.
type lookupCase struct {
	name   string
	answer func(w http.ResponseWriter, r *http.Request, n int)
	hasty  bool // with little patience
	kind   Kind // "": an answer
	absent bool
	claim  netcase.ClaimType // of the asked address; "": none
	tries  int               // 0: not counted
	slept  time.Duration     // 0: not counted
}

func lookupCases(p Provider, l Lookup, s script, home string) []lookupCase {
	says := func(status int, body string, headers ...string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { say(w, status, body, headers...) }
	}
	thenFound := func(first func(http.ResponseWriter, *http.Request, int)) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				first(w, r, n)
				return
			}
			say(w, 200, s.found)
		}
	}
	slow, fast := noon.Add(-5*time.Hour), noon.Add(9*time.Hour)
	unknown := lookupCase{name: "unknown", answer: says(max(s.status, 200), s.unknown), tries: 1, claim: netcase.ClaimNothing}
	unknown.absent = slices.Contains(l.Absent, s.status)
	if l.Name == p.Block {
		unknown.claim = "" // a network of which nothing is reported names no address
	}
	forbidden := KindKey
	if s.quota == 403 {
		forbidden = KindQuota
	}
	cases := []lookupCase{
		{name: "found", answer: says(200, s.found), claim: s.claim, tries: 1},
		unknown,
		{name: "429", answer: says(429, s.inside, "Retry-After", "86400", "X-RateLimit-Remaining", "0"), kind: KindQuota, tries: 1},
		{name: "429 for a moment, by a clock that is slow", answer: thenFound(says(429, "", "Date", slow.Format(http.TimeFormat), "Retry-After", slow.Add(20*time.Second).Format(http.TimeFormat))),
			claim: s.claim, tries: 2, slept: 20 * time.Second},
		{name: "429 for a moment, in seconds", answer: thenFound(says(429, "", "Retry-After", "20")), claim: s.claim, tries: 2, slept: 20 * time.Second},
		{name: "429 for a moment, by a clock that is fast", answer: thenFound(says(429, "", "Date", fast.Format(http.TimeFormat), "Retry-After", fast.Add(20*time.Second).Format(http.TimeFormat))),
			claim: s.claim, tries: 2, slept: 20 * time.Second},
		{name: "403", answer: says(403, s.inside), kind: forbidden, tries: 1},
		{name: "401", answer: says(401, s.inside), kind: KindKey, tries: 1},
		{name: "503 then found", answer: thenFound(says(503, "<html>busy</html>")), claim: s.claim, tries: 2},
		{name: "500 for ever", answer: says(500, "oops"), kind: KindUnavailable, tries: 4},
		{name: "slow", hasty: true, answer: func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }, kind: KindUnavailable},
		{name: "cut, and told so", answer: says(200, s.found[:len(s.found)/2], "Content-Length", fmt.Sprint(len(s.found))), kind: KindUnavailable, tries: 4},
		{name: "cut, and not told so", answer: says(200, s.found[:len(s.found)/2]), kind: KindMalformed, tries: 1},
		{name: "empty", answer: says(200, ""), kind: KindMalformed},
		{name: "an error inside", answer: says(200, s.inside), kind: s.kind, tries: 1},
		{name: "wrong types", answer: says(200, s.typed), kind: KindMalformed, tries: 1},
		{name: "to a private address", answer: func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		}, kind: KindAddress, tries: 1},
		{name: "to a server that is there, at home", answer: func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, home+r.URL.Path, http.StatusFound)
		}, kind: KindAddress, tries: 1},
		{name: "to another host", answer: func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "https://10.1.2.3"+r.URL.Path, http.StatusTemporaryRedirect)
		}, kind: KindAddress, tries: 1},
	}
	for _, body := range []string{"[]", "null", "42", `"text"`, "<html></html>", "{}"} {
		cases = append(cases, lookupCase{name: "another document: " + body, answer: says(200, body), kind: KindMalformed, tries: 1})
	}
	if s.other != "" {
		cases = append(cases, lookupCase{name: "another address", answer: says(200, s.other), kind: KindMalformed, tries: 1})
	}
	if s.quota != 0 {
		cases = append(cases, lookupCase{name: "quota by another status", answer: says(s.quota, ""), kind: KindQuota, tries: 1})
	}
	return cases
}

func say(w http.ResponseWriter, status int, body string, headers ...string) {
	for i := 0; i < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// play asks the scripted server, and compares what intelligence makes of the answer
// with what it makes of a file of the same bytes.
func (c *lookupCase) play(t *testing.T, p Provider, l Lookup, s script) {
	var requests atomic.Int64 // a request that was given up may still be under way
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		body, _ := io.ReadAll(r.Body)
		if got := described(r); got != s.request || !strings.Contains(string(body), s.posted) {
			t.Errorf("the request is %s %s, want %s %s", got, body, s.request, s.posted)
		}
		c.answer(w, r, n)
	})
	client, ck := testClient(t, func(cfg *Config) {
		if c.hasty {
			cfg.Timeout, cfg.Attempts = 20*time.Millisecond, 1
		}
	})
	svc := opened(t, p, client, server.URL)
	a, err := svc.Ask(t.Context(), l, s.about)
	if KindOf(err) != c.kind || (err == nil) != (c.kind == "") {
		t.Fatalf("%v, want %q", err, c.kind)
	}
	if n := int(requests.Load()); c.tries > 0 && n != c.tries {
		t.Errorf("%d requests, want %d", n, c.tries)
	}
	if c.slept > 0 && !slices.Contains(ck.slept, c.slept) {
		t.Errorf("slept %v, want %s among it", ck.slept, c.slept)
	}
	if err != nil {
		if until := untilOf(err); c.kind == KindQuota && c.name == "429" && until != netcase.TimeOf(noon)+netcase.Day {
			t.Errorf("until %s", until)
		}
		return
	}
	if a.Provider != l.Name || a.Observable != observable(s.about) || !a.RetrievedAt.Known() || a.SHA256 != digest(a.Body) || a.Absent() != c.absent {
		t.Errorf("%+v", a)
	}
	live := indicators(t, a.File())
	at := slices.IndexFunc(live, func(i netcase.Indicator) bool { return i.Prefix == asked && i.Claim == c.claim })
	if c.claim != "" && at < 0 || c.claim == "" && len(live) > 0 {
		t.Errorf("no claim %q in %+v", c.claim, live)
	}
	if !a.Absent() {
		file := intel.File{Name: a.Provider + "/" + a.Observable + ".json", Given: a.RetrievedAt, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(a.Body)), nil
		}}
		if d := cmp.Diff(indicators(t, file), live, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Error(d)
		}
	}
	for _, i := range live {
		if i.Provider != p.Title {
			t.Errorf("provider %q, want %q", i.Provider, p.Title)
		}
	}
}

func opened(t testing.TB, p Provider, client *Client, base string) *Service {
	t.Helper()
	user := ""
	if p.User {
		user = "4711"
	}
	svc, err := Open(p, client, Access{Base: base, User: user, Key: NewSecret(theKey)})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// described is a request in one line, with where the key was.
func described(r *http.Request) string {
	where := []string{}
	for name, v := range r.Header {
		if strings.Contains(strings.Join(v, " "), theKey) {
			where = append(where, name)
		}
	}
	q := r.URL.Query()
	if q.Get("key") == theKey {
		where = append(where, "query")
		q.Del("key")
		r.URL.RawQuery = q.Encode() + "&key=…"
	}
	if user, pass, ok := r.BasicAuth(); ok && pass == theKey {
		where = append(where, "basic "+user)
	}
	slices.Sort(where)
	if len(where) == 0 {
		where = []string{"none"}
	}
	return r.Method + " " + r.URL.RequestURI() + " " + strings.Join(where, " ")
}

func indicators(t testing.TB, f intel.File) []netcase.Indicator {
	t.Helper()
	set, err := intel.Load(t.Context(), []intel.File{f}, intel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var out []netcase.Indicator
	for last := range 16 {
		out = append(out, set.Match(netip.AddrFrom4([4]byte{62, 4, 5, byte(last)}))...)
	}
	return out
}

// TestKeyOfNoProviderShows asks every look-up and every list of every provider,
// through servers that repeat the whole request in whatever they answer, and searches
// for the key in all that comes out: answers, errors, log, stored files.
func TestKeyOfNoProviderShows(t *testing.T) {
	dir := t.TempDir()
	store := NewFolder(dir)
	var out bytes.Buffer
	client, _ := testClient(t, func(c *Config) {
		c.Attempts = 2
		c.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	repeats, pulled := 0, map[string]bool{}
	for _, p := range Providers() {
		for _, status := range []int{200, 400, 401, 403, 404, 429, 500} {
			for _, l := range p.Lookups {
				sc := scripts[l.Name]
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Link", r.URL.String())
					w.WriteHeader(status)
					_, _ = io.WriteString(w, echoing(sc.found, r))
				})
				about := asked
				if sc.about.IsValid() {
					about = sc.about
				}
				a, err := opened(t, p, client, server.URL).Ask(t.Context(), l, about)
				fmt.Fprintf(&out, "%v %+v %#v %s %v\n", a, a, a, a.Body, err)
				if err == nil {
					repeats++
					if perr := store.Put(a); perr != nil {
						t.Fatal(perr)
					}
				}
				server.Close()
			}
			for _, l := range p.Pulls {
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, echoing(shortest(pullScripts[l.Name].pages), r))
				})
				err := opened(t, p, client, server.URL).Pull(t.Context(), l, PullQuery{Of: "62.4.5.6"}, func(pg Page) error {
					repeats++
					pulled[l.Name] = true
					fmt.Fprintf(&out, "%+v %s\n", pg, pg.Body)
					return store.Put(pg.Answer)
				})
				fmt.Fprintf(&out, "%v\n", err)
				server.Close()
			}
		}
	}
	if f := leak(out.String()); f != "" {
		at := strings.Index(out.String(), f)
		t.Errorf("%s in …%s", f, out.String()[max(0, at-300):at])
	}
	if len(pulled) != len(pullScripts)-1 { // a manifest with anything else in it is none
		t.Errorf("pages of %v alone were searched", pulled)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		var s stored
		if jerr := json.Unmarshal(b, &s); jerr != nil {
			t.Error(jerr)
		}
		if leak(string(b)+string(s.Raw)+path) != "" {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil || files < len(scripts) || repeats < len(scripts) {
		t.Errorf("only %d files and %d answers were searched: %v", files, repeats, err)
	}
}

// echoing is a document with the whole request repeated inside.
func echoing(document string, r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	heard, _ := json.Marshal(map[string]any{"header": r.Header, "url": r.URL.String(), "query": r.URL.Query(), "body": string(body), "authorization": r.Header.Get("Authorization")})
	if list, ok := strings.CutSuffix(document, "]"); ok {
		return list + "," + string(heard) + "]"
	}
	return strings.TrimSuffix(document, "}") + `,"heard":` + string(heard) + "}"
}

// shortest is the shortest page that lists something.
func shortest(pages []string) string {
	best := pages[0]
	for _, p := range pages {
		if len(p) > 2 && len(p) < len(best) {
			best = p
		}
	}
	return best
}

func TestProviders(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Providers() {
		if names[p.Name] || p.Name == "" || strings.ToLower(p.Name) != p.Name || !strings.HasSuffix(p.Doc, ".") || p.Auth == nil || p.Title == "" {
			t.Errorf("%+v", p)
		}
		names[p.Name] = true
		accounts := map[string]bool{}
		for _, q := range p.Quotas {
			accounts[q.Account] = true
			if q.Questions <= 0 || q.Days <= 0 {
				t.Errorf("%s: %+v", p.Name, q)
			}
		}
		for _, l := range p.Lookups {
			if names[l.Name] && l.Name != p.Name || !accounts[l.Account] || l.Lifetime <= 0 || l.Takes == nil || l.Ask == nil || l.Check == nil || !strings.HasPrefix(l.Name, p.Name) {
				t.Errorf("%s: %+v", p.Name, l)
			}
			names[l.Name] = true
		}
		for _, l := range p.Pulls {
			if l.First == nil || l.Check == nil || l.Doc == "" {
				t.Errorf("%s: %+v", p.Name, l)
			}
		}
		if got, ok := ProviderOf(p.Name); !ok || got.Name != p.Name {
			t.Errorf("%s is not found", p.Name)
		}
		if _, err := Open(p, &Client{}, Access{Base: "https://x"}); (err == nil) != p.Free {
			t.Errorf("%s without a key: %v", p.Name, err)
		}
	}
}

func TestRate(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, scripts["virustotal"].found) })
	client, ck := testClient(t)
	p, _ := ProviderOf("virustotal")
	svc := opened(t, p, client, server.URL)
	for range 4 {
		if _, err := svc.Ask(t.Context(), p.Lookups[0], asked); err != nil {
			t.Fatal(err)
		}
	}
	if got := ck.now.Sub(noon); got != 45*time.Second {
		t.Errorf("four questions took %s, want 45s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := svc.Ask(ctx, p.Lookups[0], asked); KindOf(err) != KindUnavailable {
		t.Errorf("cancelled: %v", err)
	}
}
