package service

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"net/url"
)

// socradar asks SOCRadar by its three interfaces. They differ in how the key travels
// and in the scale of the score, which is 100 or 1000; scores are kept as printed.
// Its feeds are mostly of others: package intel keeps whose.
//
// Source: the vendor's integrations (demisto/content, Packs/SOCRadar).
func socradar() Provider {
	return Provider{
		Name: "socradar", Title: "SOCRadar", Base: "https://platform.socradar.com/api",
		Doc:    "Score, categories and the feeds that name an address, by the newer and the older interface, and feed collections.",
		Auth:   header("API-Key"),
		Quotas: []Quota{{"socradar", 10, 1}}, // by contract; few by default, since every answer costs a credit
		Lookups: []Lookup{
			{
				Name: "socradar", Account: "socradar", Format: "socradar-enrichment", Lifetime: day, Takes: anyAddress, Absent: []int{404}, Check: checkEnrichment,
				Ask: func(p netip.Prefix) Question {
					return Question{Path: "/ioc_enrichment/get/indicator_details", Post: map[string]any{
						"indicator": p.Addr().String(), "fields": []string{"indicator_details", "indicator_history", "indicator_relations"},
					}}
				},
			},
			{
				Name: "socradar-reputation", Account: "socradar", Format: "socradar-reputation", Lifetime: day, Takes: anyAddress, Absent: []int{404}, Check: enveloped("data.score"),
				Ask: func(p netip.Prefix) Question {
					return Question{Path: "/threatfeed/rapid/reputation", Query: url.Values{"entity_value": {p.Addr().String()}, "entity_type": {"ip"}}}
				},
			},
			{
				Name: "socradar-analysis", Account: "socradar", Format: "socradar-analysis", Lifetime: day, Takes: anyAddress, Absent: []int{404}, Auth: inQuery, Check: checkAnalysis, Left: creditLeft,
				Ask: func(p netip.Prefix) Question {
					return Question{Path: "/threat/analysis", Query: url.Values{"entity": {p.Addr().String()}}}
				},
			},
		},
		Pulls: []Pull{{
			Name: "socradar-feed", Account: "socradar-feed", Of: "the id of a collection", Lifetime: day, Auth: inQuery,
			Doc: "a feed collection, by the id that the platform shows for it",
			First: func(q PullQuery) Question {
				return Question{Path: "/threat/intelligence/feed_list/" + url.PathEscape(q.Of) + ".json", Query: url.Values{"v": {"2"}}}
			},
			Check: func(body []byte, _ int) error {
				var list []json.RawMessage
				if json.Unmarshal(body, &list) == nil && list != nil {
					return nil
				}
				return said200(body, "array")
			},
		}},
	}
}

// inQuery is how the older interfaces take the key.
func inQuery(_ string, key Secret) Auth { return Auth{Query: "key", Key: key} }

// checkEnrichment takes an answer that has no envelope; an error has one.
func checkEnrichment(body []byte, about netip.Prefix) error {
	if err := succeeded(body); err != nil {
		return err
	}
	if err := holds("details")(body, about); err != nil {
		return err
	}
	if _, ok := at(body, "details.score"); !ok {
		return said200(body, "details.score")
	}
	if v, ok := at(body, "indicator"); ok && v != nil {
		return speaksOf("indicator")(body, about)
	}
	return nil
}

func enveloped(path string) func([]byte, netip.Prefix) error {
	return func(body []byte, about netip.Prefix) error {
		if err := succeeded(body); err != nil {
			return err
		}
		return holds(path)(body, about)
	}
}

// creditLeft is what the older interface says of the credits beside an answer.
func creditLeft(body []byte) (int, bool) {
	v, _ := at(body, "data.remaining_credit")
	n, ok := v.(float64)
	return int(max(n, 0)), ok && n < math.MaxInt32
}

func checkAnalysis(body []byte, about netip.Prefix) error {
	if err := enveloped("data.score")(body, about); err != nil {
		return err
	}
	return speaksOf("data.value")(body, about)
}

// succeeded reads the envelope: is_success false with status 200 is an error, and
// response_code says which.
func succeeded(body []byte) error {
	var e struct {
		IsSuccess *bool `json:"is_success"`
		Code      int   `json:"response_code"`
		Message   string
	}
	if json.Unmarshal(body, &e) != nil || e.IsSuccess == nil || *e.IsSuccess {
		return nil
	}
	t := &trouble{kind: kindOfWords(e.Message), text: fmt.Sprintf("an error with status 200: response code %d: %q", e.Code, said([]byte(e.Message)))}
	switch e.Code {
	case 429:
		t.kind = KindQuota
	case 401, 403:
		t.kind = KindKey
	}
	return t
}
