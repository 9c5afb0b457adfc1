package intel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/origins"
)

func at(t testing.TB, s string) netcase.Time {
	t.Helper()
	v, ok := parseTime(s)
	if !ok {
		t.Fatalf("%q is no time", s)
	}
	return v
}

func neutral(rows ...string) string {
	return "address,provider,origin,category,score,score_text,first_seen,last_seen,valid_until,country,city,asn,as_name,description\n" + strings.Join(rows, "\n") + "\n"
}

func seen(t testing.TB, address string, d netcase.Direction, ports ...uint16) CardQuery {
	return CardQuery{Address: netip.MustParseAddr(address), First: at(t, "2025-10-20T06:00:00Z"), Last: at(t, "2025-10-21T05:00:00Z"), Direction: d, Ports: ports}
}

// TestTiming: every claim is judged as of the traffic, never as of the present.
func TestTiming(t *testing.T) {
	for _, c := range []struct {
		name, row, file string
		timing          netcase.Timing
		listed          bool
	}{
		{"known then", "62.4.5.6,X,X,scan,,,2025-10-01,2025-10-19,,,,,,", "x-2025-10-20.csv", netcase.KnownThen, true},
		{"list of later", "62.4.5.6,X,X,scan,,,2025-10-01,2025-10-19,,,,,,", "x-2025-10-21.csv", netcase.LearnedLater, true},
		{"list without a date", "62.4.5.6,X,X,scan,,,2025-10-01,2025-10-19,,,,,,", "x.csv", netcase.LearnedLater, true},
		{"first seen within a day", "62.4.5.6,X,X,scan,,,2025-10-21T20:00:00Z,,,,,,,", "x-2026-01-01.csv", netcase.LearnedLater, true},
		{"first seen ten days after", "62.4.5.6,X,X,scan,,,2025-10-31,,,,,,,", "x-2026-01-01.csv", netcase.NotYetSeen, false},
		{"first seen after the list was dated", "62.4.5.6,X,X,scan,,,2025-10-20T12:00:00Z,,,,,,,", "x-2025-10-01.csv", netcase.LearnedLater, true},
		{"ran out before", "62.4.5.6,X,X,scan,,,2025-01-01,,2025-10-01,,,,,", "x-2025-09-01.csv", netcase.Expired, false},
		{"runs out during the traffic", "62.4.5.6,X,X,scan,,,2025-01-01,,2025-10-20T12:00:00Z,,,,,", "x-2025-09-01.csv", netcase.KnownThen, true},
		{"last seen 48 days before", "62.4.5.6,X,X,scan,,,2025-01-01,2025-09-02,,,,,,", "x-2025-09-03.csv", netcase.Expired, false},
		{"last seen 46 days before", "62.4.5.6,X,X,scan,,,2025-01-01,2025-09-04T07:00:00Z,,,,,,", "x-2025-09-05.csv", netcase.KnownThen, true},
		{"old list without dates", "62.4.5.6,X,X,scan,,,,,,,,,,", "x-2025-01-05.csv", netcase.Expired, false},
		{"old sighting, but valid", "62.4.5.6,X,X,scan,,,2024-01-01,2024-01-02,2026-01-01,,,,,", "x-2025-01-05.csv", netcase.KnownThen, true},
	} {
		card := load(t, []File{textFile(c.file, neutral(c.row))}).Card(seen(t, "62.4.5.6", netcase.Inbound, 22))
		if len(card.Listings) != 1 {
			t.Fatalf("%s: %d listings", c.name, len(card.Listings))
		}
		if l := card.Listings[0]; l.Timing != c.timing || card.Listed() != c.listed || card.Known != (c.timing == netcase.KnownThen) {
			t.Errorf("%s: %s, listed %v, known %v", c.name, l.Timing, card.Listed(), card.Known)
		}
	}
}

func TestAge(t *testing.T) {
	set := load(t, []File{textFile("x.csv", neutral("62.4.5.6,X,X,scan,,,,2025-10-18T06:00:00Z,,,,,,"))})
	if age := set.Card(seen(t, "62.4.5.6", netcase.Inbound)).Listings[0].AgeDays; age < 1.999 || age > 2.001 {
		t.Errorf("age %v days, want 2", age)
	}
}

// TestRelevance: a claim that does not bear on the traffic is shown and counts
// for nothing.
func TestRelevance(t *testing.T) {
	set := load(t, []File{textFile("kaspersky-2025-10-20.csv", neutral("62.4.5.6,Kaspersky,Kaspersky,phishing,,,,2025-10-19,,,,,,")),
		textFile("c2.txt", "62.4.5.7:8443\n"), textFile("tor-exit.txt", "62.4.5.8\n"), textFile("spam.txt", "62.4.5.9\n"), textFile("ssh.txt", "62.4.5.10\n")})
	for _, c := range []struct {
		address string
		d       netcase.Direction
		port    uint16
		want    bool
	}{
		{"62.4.5.6", netcase.Inbound, 22, false},
		{"62.4.5.6", netcase.Outbound, 443, true},
		{"62.4.5.7", netcase.Inbound, 22, false},
		{"62.4.5.7", netcase.Outbound, 8443, true},
		{"62.4.5.7", netcase.Outbound, 443, false},
		{"62.4.5.8", netcase.Inbound, 22, false},
		{"62.4.5.9", netcase.Inbound, 3389, false},
		{"62.4.5.9", netcase.Inbound, 25, true},
		{"62.4.5.10", netcase.Inbound, 22, true},
		{"62.4.5.10", netcase.Outbound, 22, false},
	} {
		card := set.Card(seen(t, c.address, c.d, c.port))
		if len(card.Listings) != 1 {
			t.Fatalf("%s: %d listings", c.address, len(card.Listings))
		}
		if l := card.Listings[0]; l.Relevant != c.want || (l.Why == "") == !c.want || l.Weight != 0 {
			t.Errorf("%+v: relevant %v, why %q", c, l.Relevant, l.Why)
		}
	}
}

// TestOrigins: one origin, one vote. SOCRadar hands on AbuseIPDB; an aggregate
// counts with the public list beside it, and does not join two lists to one.
func TestOrigins(t *testing.T) {
	abuse := textFile("abuseipdb-2025-10-20.txt", "62.4.5.6\n62.4.5.7\n")
	radar := textFile("x-2025-10-20.csv", neutral("62.4.5.6,SOCRadar,AbuseIPDB,Bad Reputation,43,43/100 (Medium),,,,,,,,", "62.4.5.9,SOCRadar,,abuse,43,,,,,,,,,", "62.4.5.7,SOCRadar,SOCRadar,abuse,,,,,,,,,,"))
	ipsum := textFile("ipsum-2025-10-20.txt", "62.4.5.6\t4\n62.4.5.7\t2\n62.4.5.8\t2\n")
	bitwire := textFile("bitwire-2025-10-20.txt", "62.4.5.8\n")
	green := textFile("greensnow-2025-10-20.txt", "62.4.5.7\n")
	set := load(t, []File{green, ipsum, radar, bitwire, abuse})
	for address, want := range map[string]string{
		"62.4.5.6": "AbuseIPDB",
		"62.4.5.7": "AbuseIPDB GreenSnow",
		"62.4.5.8": Aggregate,
		"62.4.5.9": "SOCRadar",
	} {
		card := set.Card(seen(t, address, netcase.Inbound, 22))
		if got := strings.Join(card.Origins, " "); got != want || card.Adverse != len(card.Listings) {
			t.Errorf("%s: origins %q, want %q (%d of %d adverse)", address, got, want, card.Adverse, len(card.Listings))
		}
	}
}

// TestEdge: an edge is said first and is a known service; the abuse report on it
// stays on the card.
func TestEdge(t *testing.T) {
	set := load(t, []File{textFile("abuseipdb-2025-10-20.txt", "104.16.1.1\n62.4.5.6\n"), textFile("digitalocean-ipv4.txt", "62.4.0.0/16\n"),
		textFile("62.4.5.6.json", `{"indicator":"62.4.5.6","validation":[{"message":"Known good","source":"x"}],"pulse_info":{"pulses":[]}}`)})
	card := set.Card(seen(t, "104.16.1.1", netcase.Inbound, 443))
	if !card.Listed() || len(card.Benign) == 0 || !strings.Contains(card.Benign[0], "Cloudflare") {
		t.Errorf("%+v", card)
	}
	card = set.Card(seen(t, "62.4.5.6", netcase.Inbound, 22))
	if card.Adverse != 1 || !slices.ContainsFunc(card.Benign, func(s string) bool { return strings.Contains(s, "DigitalOcean") }) ||
		!slices.ContainsFunc(card.Benign, func(s string) bool { return strings.Contains(s, "Known good") }) {
		t.Errorf("%+v", card)
	}
	if name, ok := set.KnownService(netip.MustParseAddr("62.4.5.6")); ok {
		t.Errorf("a hosting range is a known service: %s", name)
	}
	if name, ok := set.KnownService(netip.MustParseAddr("::ffff:8.8.8.8")); !ok || name != "Google public DNS" {
		t.Errorf("%q %v", name, ok)
	}
}

func TestGeoConflict(t *testing.T) {
	set := load(t, []File{textFile("x-2025-10-20.csv", neutral("62.4.5.6,SOCRadar,AbuseIPDB,abuse,43,,,2025-10-19,,Germany,Bergwau,,,", "62.4.5.6,Kaspersky,,phishing,,,,2025-10-18,,PL,Warsaw,201814,,", "62.4.5.7,Kaspersky,,phishing,,,,,,PL,,,,"))})
	card := set.Card(seen(t, "62.4.5.6", netcase.Inbound, 22))
	if !card.Conflict || len(card.Geo) != 2 || card.Geo[0].Provider != "Kaspersky" || card.Geo[0].Country != "PL" || card.Geo[1].Country != "DE" || !card.Geo[1].At.Known() {
		t.Errorf("%+v", card.Geo)
	}
	if set.Card(seen(t, "62.4.5.7", netcase.Inbound)).Conflict {
		t.Error("one answer is no conflict")
	}
}

// TestFieldDefects are the faults of others in matching intelligence: IPv6
// indicators that drop out, CIDRs that are never matched, and an empty end of
// validity that ends the match.
func TestFieldDefects(t *testing.T) {
	stix := `{"type":"bundle","id":"bundle--1","objects":[` +
		`{"type":"indicator","id":"indicator--1","modified":"2025-10-01T00:00:00Z","valid_from":"2025-10-01T00:00:00Z","pattern_type":"stix","indicator_types":["malicious-activity"],"pattern":"[ipv6-addr:value = '2a02:26f0::5']"},` +
		`{"type":"indicator","id":"indicator--2","modified":"2025-10-01T00:00:00Z","valid_from":"2025-10-01T00:00:00Z","pattern_type":"stix","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '62.4.0.0/16']"},` +
		`{"type":"indicator","id":"indicator--3","modified":"2025-10-01T00:00:00Z","valid_from":"2025-10-01T00:00:00Z","valid_until":"2025-10-10T00:00:00Z","pattern_type":"stix","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '62.5.0.1']"},` +
		`{"type":"indicator","id":"indicator--4","modified":"2025-10-01T00:00:00Z","valid_from":"2025-10-01T00:00:00Z","pattern_type":"stix","indicator_types":["malicious-activity"],"pattern":"[network-traffic:dst_ref.value = '62.5.0.2' AND network-traffic:dst_port = 443]"}]}`
	set := load(t, []File{textFile("x.json", stix)})
	for address, want := range map[string]bool{"2a02:26f0::5": true, "62.4.200.1": true, "62.5.0.1": false, "62.5.0.2": true, "::ffff:62.4.1.1": true} {
		if card := set.Card(seen(t, address, netcase.Outbound, 443)); card.Listed() != want || card.Known != want {
			t.Errorf("%s: listed %v, known %v, want %v", address, card.Listed(), card.Known, want)
		}
	}
}

// TestNoTraffic: without traffic the as-of instant decides, and without either
// nothing runs out.
func TestNoTraffic(t *testing.T) {
	set := load(t, []File{textFile("x-2025-01-01.csv", neutral("62.4.5.6,X,X,scan,,,,2025-01-01,,,,,,"))})
	q := CardQuery{Address: netip.MustParseAddr("62.4.5.6"), AsOf: at(t, "2025-01-10")}
	if c := set.Card(q); !c.Known {
		t.Errorf("%+v", c)
	}
	q.AsOf = at(t, "2026-01-10")
	if c := set.Card(q); c.Listed() {
		t.Errorf("%+v", c)
	}
	q.AsOf = 0
	if c := set.Card(q); !c.Listed() || c.Known {
		t.Errorf("%+v", c)
	}
}

// TestOnlyKnown: as of a day, what was learned after it is set aside and counts for
// nothing, neither as a listing nor as a place.
func TestOnlyKnown(t *testing.T) {
	set := load(t, []File{
		textFile("a-2025-10-19.csv", neutral("62.4.5.6,Kaspersky,Kaspersky,abuse,,,2025-10-01,2025-10-19,,PL,,,,")),
		textFile("b-2026-08-01.csv", neutral("62.4.5.6,Other,Other,abuse,,,2025-10-01,2025-10-19,,DE,,,,")),
		textFile("undated.csv", neutral("62.4.5.6,Third,Third,abuse,,,2025-10-01,2025-10-19,,,,,,")),
	})
	q := CardQuery{Address: netip.MustParseAddr("62.4.5.6"), AsOf: at(t, "2025-10-20"), OnlyKnown: true}
	c := set.Card(q)
	if c.Adverse != 1 || len(c.Listings) != 1 || len(c.Later) != 2 || c.Listings[0].Indicator.Provider != "Kaspersky" || strings.Join(c.Origins, " ") != "Kaspersky" {
		t.Errorf("%d adverse of %v, %d listings, %d later", c.Adverse, c.Origins, len(c.Listings), len(c.Later))
	}
	if c.Conflict || len(c.Geo) != 1 || c.Geo[0].Country != "PL" {
		t.Errorf("a place learned later is hindsight: %+v", c.Geo)
	}
	for _, l := range c.Later {
		if l.Relevant || l.Why == "" || l.Weight != 0 {
			t.Errorf("%+v", l)
		}
	}
	q.OnlyKnown = false
	if c := set.Card(q); c.Adverse != 3 || len(c.Later) != 0 || !c.Conflict {
		t.Errorf("%d adverse, %d later", c.Adverse, len(c.Later))
	}
}

// TestPlaceIsDatedByLearning: the last report about an address says nothing of when its
// place was learned, and a list of places that had run out places nothing.
func TestPlaceIsDatedByLearning(t *testing.T) {
	set := load(t, []File{
		textFile("x-2026-08-01.csv", neutral("62.4.5.6,SOCRadar,AbuseIPDB,abuse,43,,,2025-10-19,,Germany,Bergwau,,,")),
		textFile("x-2026-08-09.csv", neutral("62.4.5.6,SOCRadar,AbuseIPDB,abuse,43,,,2025-10-20,,Germany,Bergwau,,,")),
	})
	c := set.Card(seen(t, "62.4.5.6", netcase.Inbound, 22))
	if len(c.Geo) != 1 || c.Geo[0].At != at(t, "2026-08-01") {
		t.Errorf("%+v, want it learned 2026-08-01", c.Geo)
	}
}

// TestSOCRadarScoreOnce: the score is SOCRadar's own and stands in one row; the feeds that it
// names do not share it, and the two scales stay apart as they are printed.
func TestSOCRadarScoreOnce(t *testing.T) {
	for text, want := range map[string]string{
		`{"details":{"score":[43.0],"name":"62.4.5.6","ioc_signal_strength":"Strong"},"categorization":{},"history":{"indicator_history":[{"event":"AbuseIPDB","feed_source":"AbuseIPDB","insert_date":"2025-10-19 00:00:00"}]}}`: "43/100",
		`{"data":{"value":"62.4.5.6","score":430,"findings":[{"source_name":"AbuseIPDB","source_category":"Attackers"}],"is_advance_investigation":false}}`:                                                                       "430/1000",
		`{"data":{"value":"62.4.5.6","score":43,"finding_sources":[{"source_name":"AbuseIPDB","main_category":"Attackers"},{"source_name":"GreenSnow","main_category":"Attackers"}]}}`:                                            "43/100",
	} {
		var scores []string
		card := load(t, []File{textFile("62.4.5.6.json", text)}).Card(seen(t, "62.4.5.6", netcase.Inbound, 22))
		for _, l := range card.Listings {
			if s := l.Indicator.ScoreText; s != "" {
				scores = append(scores, s)
			}
		}
		if len(card.Listings) < 2 || strings.Join(scores, " ") != want {
			t.Errorf("%d rows with the scores %v, want %s once", len(card.Listings), scores, want)
		}
	}
}

// TestSOCRadarSaysItOnce: two look-ups with the same score are one row, on two scales they
// are two.
func TestSOCRadarSaysItOnce(t *testing.T) {
	files := []File{
		textFile("socradar/62.4.5.6.json", `{"details":{"score":[43.0],"name":"62.4.5.6","ioc_signal_strength":"Strong"},"categorization":{},"history":{"indicator_history":[]}}`),
		textFile("socradar-reputation/62.4.5.6.json", `{"data":{"value":"62.4.5.6","score":43,"finding_sources":[]}}`),
		textFile("socradar-analysis/62.4.5.6.json", `{"data":{"value":"62.4.5.6","score":430,"findings":[],"score_details":{},"is_advance_investigation":false}}`),
	}
	files[0].Given, files[1].Given = at(t, "2025-10-20T05:00:00Z"), at(t, "2025-10-20T04:00:00Z")
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}} {
		var ordered []File
		for _, i := range order {
			ordered = append(ordered, files[i])
		}
		var got []string
		for _, l := range load(t, ordered).Card(seen(t, "62.4.5.6", netcase.Inbound, 22)).Listings {
			got = append(got, l.Indicator.Feed+" "+l.Indicator.ScoreText)
		}
		if text := strings.Join(got, ", "); text != "socradar-analysis/62.4.5.6.json 430/1000, socradar-reputation/62.4.5.6.json 43/100" {
			t.Error(text)
		}
	}
}

// TestDecayIsChosen: by MISP's model for one source a claim is believed for 120 days, and the
// claims of others run out as before.
func TestDecayIsChosen(t *testing.T) {
	table, err := origins.Parse([]byte("decay:\n  - {source: GreenSnow, claim: abuse, model: misp-nids}\n"))
	if err != nil {
		t.Fatal(err)
	}
	files := []File{textFile("greensnow-2025-08-01.txt", "62.4.5.6\n"), textFile("abuseipdb-2025-08-01.txt", "62.4.5.6\n62.4.5.7\n")}
	set, err := Load(t.Context(), files, Config{Origins: table})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range set.Card(seen(t, "62.4.5.6", netcase.Inbound, 22)).Listings { // 80 days later
		chosen := l.Indicator.Provider == "GreenSnow"
		if (l.Timing == netcase.KnownThen) != chosen || (l.Decay == origins.MISPNIDS) != chosen {
			t.Errorf("%s: %s by %q", l.Indicator.Provider, l.Timing, l.Decay)
		}
	}
}
