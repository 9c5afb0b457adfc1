package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/intel/service"
	"netcase/judge"
)

// told is what the four services said of one address on the day of the incident.
type told struct {
	score            float64 // SOCRadar, of 100
	country          string  // … and where it places the address
	confidence       int     // AbuseIPDB
	reports, persons int
	abuseCountry     string
	zone, category   string // Kaspersky
	pulse            string // AlienVault OTX
}

// theDay has the scores, places and tags of the incident; what the services said besides is
// made up.
func theDay() map[string]told {
	return map[string]told{
		"194.180.49.103": {score: 43, country: "Germany", confidence: 100, reports: 120, persons: 40, abuseCountry: "PL", zone: "Orange", category: "CATEGORY_PHISHING"},
		"162.243.203.54": {score: 53, country: "United States", confidence: 60, reports: 33, persons: 12, abuseCountry: "US", zone: "Grey"},
		"103.189.80.205": {score: 59, country: "India", confidence: 88, reports: 71, persons: 25, abuseCountry: "IN", zone: "Grey", pulse: "IPQS Abusive IP List"},
	}
}

// services plays the four services as they are documented.
func services(t *testing.T, answers map[string]told) string {
	t.Helper()
	mux := http.NewServeMux()
	known := func(w http.ResponseWriter, address string) (told, bool) {
		a, ok := answers[address]
		if !ok {
			http.Error(w, `{"message":"not found"}`, http.StatusNotFound)
		}
		return a, ok
	}
	mux.HandleFunc("GET /abuseipdb/check", func(w http.ResponseWriter, r *http.Request) {
		address := r.URL.Query().Get("ipAddress")
		if a, ok := known(w, address); ok {
			fmt.Fprintf(w, `{"data":{"ipAddress":%q,"isWhitelisted":null,"abuseConfidenceScore":%d,"countryCode":%q,"isp":"Example","isTor":false,"totalReports":%d,"numDistinctUsers":%d,"lastReportedAt":"2025-10-20T06:00:00+00:00","reports":[{"reportedAt":"2025-10-20T06:00:00+00:00","comment":"x","categories":[14,18,22]}]}}`,
				address, a.confidence, a.abuseCountry, a.reports, a.persons)
		}
	})
	mux.HandleFunc("GET /otx/api/v1/indicators/IPv4/{address}/general", func(w http.ResponseWriter, r *http.Request) {
		if a, ok := known(w, r.PathValue("address")); ok {
			pulses := ""
			if a.pulse != "" {
				pulses = fmt.Sprintf(`{"id":"p1","name":%q,"created":"2025-09-01T00:00:00.0","modified":"2025-10-19T00:00:00.0","author":{"username":"IPQS","id":"1"},"TLP":"white","tags":[]}`, a.pulse)
			}
			fmt.Fprintf(w, `{"indicator":%q,"type":"IPv4","pulse_info":{"count":%d,"pulses":[%s]},"validation":[]}`, r.PathValue("address"), min(len(pulses), 1), pulses)
		}
	})
	mux.HandleFunc("GET /opentip/search/ip", func(w http.ResponseWriter, r *http.Request) {
		address := r.URL.Query().Get("request")
		if a, ok := known(w, address); ok {
			categories := ""
			if a.category != "" {
				categories = fmt.Sprintf(`,"Categories":[%q],"CategoriesWithZone":[{"Name":%q,"Zone":%q}]`, a.category, a.category, a.zone)
			}
			fmt.Fprintf(w, `{"Zone":%q,"IpGeneralInfo":{"Status":"known","Ip":%q%s}}`, a.zone, address, categories)
		}
	})
	mux.HandleFunc("POST /socradar/ioc_enrichment/get/indicator_details", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Indicator string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &asked)
		if a, ok := known(w, asked.Indicator); ok {
			fmt.Fprintf(w, `{"details":{"score":[%.1f],"name":%q,"country_name":%q,"is_whitelisted":false,"first_seen_date":"2025-10-15 00:00:00","last_seen_date":"2025-10-20 00:00:00"},"summary":{},"categorization":{"scanner":true},"history":{"indicator_history":[{"event":"AbuseIPDB","feed_source":"AbuseIPDB","insert_date":"2025-10-19 00:00:00"}]}}`,
				a.score, asked.Indicator, a.country)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// The table of the incident, from what the services say: its scores as printed, and what
// it does not show: one origin behind several listings, scales that have nothing to do with
// each other, a claim that does not bear on the traffic, and places that contradict.
func TestCardsOfTheIncident(t *testing.T) {
	ownHome(t)
	url := services(t, theDay())
	for _, s := range []string{"ABUSEIPDB", "OTX", "OPENTIP", "SOCRADAR"} {
		t.Setenv("NETCASE_"+s+"_URL", url+"/"+strings.ToLower(s))
		t.Setenv("NETCASE_"+s+"_KEY", cliKey)
	}
	var addresses []string
	for a := range theDay() {
		addresses = append(addresses, a)
	}
	slices.Sort(addresses)
	code, out, stderr := at(t, append([]string{"lookup", "--lookup", "abuseipdb,otx,opentip,socradar", "--as-of", "2025-10-20T12:00Z", "--json"}, addresses...)...)
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	// What is retrieved today was not known then: it stands beside the card, uncounted.
	dec := json.NewDecoder(strings.NewReader(out))
	for range addresses {
		var card netcase.Card
		if err := dec.Decode(&card); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		pulse := theDay()[card.Address.String()].pulse != "" // it was published before
		if len(card.Later) < 3 || card.Known != pulse || len(card.Geo) > 0 || card.Adverse > 1 {
			t.Errorf("%s: %d later, %d adverse, %d places, known %v", card.Address, len(card.Later), card.Adverse, len(card.Geo), card.Known)
		}
	}
	kept := retrievedThen(t, addresses)
	code, out, stderr = at(t, append([]string{"lookup", "--intel", kept, "--as-of", "2025-10-20T12:00Z", "--json"}, addresses...)...)
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	dec = json.NewDecoder(strings.NewReader(out))
	for range addresses {
		var card netcase.Card
		if err := dec.Decode(&card); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		checkIncidentCard(t, &card, theDay()[card.Address.String()])
	}
	// What is fetched today was not known then; a list of the day before was.
	dated := filepath.Join(t.TempDir(), "blocklist.txt")
	if err := os.WriteFile(dated, []byte("103.189.80.205\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, _ = at(t, "lookup", "--intel", dated+"@2025-10-19", "--lookup", "abuseipdb,otx,opentip,socradar", "--as-of", "2025-10-20T12:00Z", "--json", "103.189.80.205")
	var with netcase.Card
	if err := json.Unmarshal([]byte(out), &with); err != nil || !with.Known {
		t.Errorf("a list of the day before was known: %v, %s", err, out)
	}
	for _, l := range with.Listings {
		if l.Timing != netcase.KnownThen {
			t.Errorf("%s (%s): %s", l.Indicator.Provider, l.Indicator.Feed, l.Timing)
		}
	}
	_, text, _ := at(t, "lookup", "--intel", kept, "--as-of", "2025-10-20T12:00Z", "194.180.49.103")
	for _, want := range []string{"SOCRadar", "43", "AbuseIPDB", "Kaspersky", "phishing", "contradict", "as source:", "as target:", "43/100"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card does not say %q:\n%s", want, text)
		}
	}
}

// retrievedThen is a folder with the answers at hand as a case of that day would keep them.
func retrievedThen(t *testing.T, addresses []string) string {
	t.Helper()
	from, err := answersFolder()
	if err != nil {
		t.Fatal(err)
	}
	then, _ := instant("", "2025-10-20T10:00Z")
	var kept service.Result
	for _, lookup := range []string{"abuseipdb", "otx", "opentip", "socradar"} {
		for _, a := range addresses {
			answer, ok, err := service.NewFolder(from).Get(lookup, a, 0)
			if err != nil || !ok {
				t.Fatalf("%s about %s: %v, %v", lookup, a, ok, err)
			}
			answer.RetrievedAt = then
			kept.Answers = append(kept.Answers, answer)
		}
	}
	files, err := kept.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, body := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func checkIncidentCard(t *testing.T, card *netcase.Card, a told) {
	t.Helper()
	byProvider := map[string]netcase.Listing{}
	for _, l := range card.Listings {
		byProvider[l.Indicator.Provider] = l
	}
	radar, abuse := byProvider["SOCRadar"], byProvider["AbuseIPDB"]
	if radar.Indicator.Score != a.score || !strings.Contains(radar.Indicator.ScoreText, fmt.Sprint(a.score)) {
		t.Errorf("%s: SOCRadar's score is %g (%q), want %g as printed", card.Address, radar.Indicator.Score, radar.Indicator.ScoreText, a.score)
	}
	if abuse.Indicator.Score != float64(a.confidence) || abuse.Indicator.Reporters != a.persons || abuse.Indicator.Reports != a.reports {
		t.Errorf("%s: AbuseIPDB %+v", card.Address, abuse.Indicator)
	}
	if radar.Group == "" || radar.Group != abuse.Group {
		t.Errorf("%s: SOCRadar hands on what AbuseIPDB says, and counts as %q beside %q", card.Address, radar.Group, abuse.Group)
	}
	if len(card.Origins) >= card.Adverse {
		t.Errorf("%s: %d origins of %d listings", card.Address, len(card.Origins), card.Adverse)
	}
	if !card.Known || len(card.Later) != 0 {
		t.Errorf("%s: known then is %v, %d later", card.Address, card.Known, len(card.Later))
	}
	for _, b := range card.Bearings {
		for _, l := range card.Listings {
			if l.Indicator.Claim == netcase.ClaimPhishing && (b.Weights[l.Indicator.ID] != 0) != (b.Direction == netcase.Outbound) {
				t.Errorf("%s: phishing weighs %g %s", card.Address, b.Weights[l.Indicator.ID], b.Direction)
			}
		}
	}
	if len(card.Bearings) != 2 {
		t.Errorf("%s: %d directions", card.Address, len(card.Bearings))
	}
	countries := map[string]string{}
	for _, g := range card.Geo {
		countries[g.Provider] = g.Country
	}
	if codes := map[string]string{"Germany": "DE", "United States": "US", "India": "IN"}; countries["SOCRadar"] != codes[a.country] || countries["AbuseIPDB"] != a.abuseCountry {
		t.Errorf("%s: %v", card.Address, countries)
	}
	inbound := *card
	inbound.Listings = slices.Clone(card.Listings)
	judge.Fuse(&inbound, judge.Behaviour{Direction: netcase.Inbound, Ports: []uint16{22, 23, 80, 3389}})
	nowhere := inbound
	nowhere.Geo, nowhere.Conflict = nil, false
	nowhere.Listings = slices.Clone(inbound.Listings)
	judge.Fuse(&nowhere, judge.Behaviour{Direction: netcase.Inbound, Ports: []uint16{22, 23, 80, 3389}})
	if inbound.P != nowhere.P {
		t.Errorf("%s: the place moves the result from %g to %g", card.Address, nowhere.P, inbound.P)
	}
	for _, l := range inbound.Listings {
		if l.Indicator.Claim == netcase.ClaimPhishing && l.Weight != 0 {
			t.Errorf("%s: phishing weighs %g on inbound scanning", card.Address, l.Weight)
		}
	}
	if a.category != "" {
		if k := byProvider["Kaspersky"]; k.Indicator.Claim != netcase.ClaimPhishing {
			t.Errorf("%s: Kaspersky says %s", card.Address, k.Indicator.Claim)
		}
		if !card.Conflict {
			t.Errorf("%s: the places contradict each other: %+v", card.Address, card.Geo)
		}
	}
	if a.zone == "Grey" {
		if k, ok := byProvider["Kaspersky"]; ok && k.Indicator.Claim.Adverse() {
			t.Errorf("%s: no data is no evidence: %+v", card.Address, k.Indicator)
		}
	}
	if a.pulse != "" && !slices.ContainsFunc(card.Listings, func(l netcase.Listing) bool {
		return strings.Contains(l.Indicator.Feed+l.Indicator.Description+strings.Join(l.Indicator.Categories, " "), a.pulse)
	}) {
		t.Errorf("%s: the pulse %q is not on the card", card.Address, a.pulse)
	}
}
