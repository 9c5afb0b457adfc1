package service

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// abuseIPDB asks for what people reported. Its quotas are by endpoint: a network
// costs one question of another account than an address.
//
// Source: docs.abuseipdb.com (APIv2).
func abuseIPDB() Provider {
	return Provider{
		Name: "abuseipdb", Title: "AbuseIPDB", Base: "https://api.abuseipdb.com/api/v2",
		Doc:  "Reports of abuse by its users, with the number of reporters and a confidence (docs.abuseipdb.com).",
		Auth: header("Key"), Block: "abuseipdb-block",
		Quotas: []Quota{
			{"abuseipdb/check", 1000, 1}, {"abuseipdb/check-block", 100, 1}, {"abuseipdb/blacklist", 5, 1}, {"abuseipdb/reports", 100, 1},
		},
		Lookups: []Lookup{
			{
				Name: "abuseipdb", Account: "abuseipdb/check", Format: "abuseipdb-check", Lifetime: day, Takes: anyAddress, Check: speaksOf("data.ipAddress"),
				Ask: func(p netip.Prefix) Question {
					q := abuseQuery("ipAddress", p.Addr().String())
					q.Set("verbose", "")
					return Question{Path: "/check", Query: q, Header: acceptJSON}
				},
			},
			{
				Name: "abuseipdb-block", Account: "abuseipdb/check-block", Format: "abuseipdb-check", Lifetime: day, Takes: blocks, Check: checkBlock,
				Ask: func(p netip.Prefix) Question {
					return Question{Path: "/check-block", Query: abuseQuery("network", p.String()), Header: acceptJSON}
				},
			},
			{
				Name: "abuseipdb-reports", Account: "abuseipdb/reports", Format: "abuseipdb-reports", Lifetime: day, Takes: anyAddress, Check: holds("data.results"),
				Ask: func(p netip.Prefix) Question { return abuseReports(p, 1) }, Next: abuseReportsNext,
			},
		},
		Pulls: []Pull{abuseBlacklist()},
	}
}

// abuseDays is the window in which reports count, in days. A wider one finds more,
// and the confidence decays by itself.
const abuseDays = 90

// abuseBlock is the widest network that the free tier checks at once.
const abuseBlock = 24

var acceptJSON = map[string]string{"Accept": "application/json"}

func abuseQuery(key, value string) url.Values {
	return url.Values{key: {value}, "maxAgeInDays": {strconv.Itoa(abuseDays)}}
}

func blocks(p netip.Prefix) bool { return p.Addr().Is4() && p.Bits() >= abuseBlock && !p.IsSingleIP() }

func checkBlock(body []byte, about netip.Prefix) error {
	v, ok := at(body, "data.networkAddress")
	if !ok {
		return said200(body, "data.networkAddress")
	}
	if _, ok := at(body, "data.reportedAddress"); !ok {
		return said200(body, "data.reportedAddress")
	}
	if v != about.Addr().String() {
		return fmt.Errorf("the answer speaks of %q", clip(fmt.Sprint(v), maxDetail))
	}
	return nil
}

// abuseBlacklist is the list of those with the highest confidence.
func abuseBlacklist() Pull {
	return Pull{
		Name: "abuseipdb-blacklist", Account: "abuseipdb/blacklist", Lifetime: day,
		Doc: "addresses with a confidence of 100, at most 10,000 without a contract",
		First: func(PullQuery) Question {
			return Question{Path: "/blacklist", Query: url.Values{"confidenceMinimum": {"100"}, "limit": {"10000"}}, Header: acceptJSON}
		},
		Check: lists("data"),
	}
}

// abuseReports is the question for the reports on an address, the newest first.
func abuseReports(p netip.Prefix, page int) Question {
	query := abuseQuery("ipAddress", p.Addr().String())
	query.Set("perPage", "100")
	query.Set("page", strconv.Itoa(page))
	return Question{Path: "/reports", Query: query, Header: acceptJSON}
}

// abuseReportsNext is the page after a page of reports.
func abuseReportsNext(about netip.Prefix, body []byte, page int) (Question, bool) {
	var d struct {
		Data struct{ LastPage int }
	}
	if json.Unmarshal(body, &d) != nil || page >= d.Data.LastPage {
		return Question{}, false
	}
	return abuseReports(about, page+1), true
}

// geoLifetime is how long an answer about where an address is stays good; what it
// does changes faster.
const geoLifetime = 7 * 24 * time.Hour
