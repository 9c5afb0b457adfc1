package service

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// misp pulls from a MISP of the user's, or from a folder of events that one publishes.
//
// Source: MISP core format (manifest) and its REST interface (attributes/restSearch).
func misp() Provider {
	return Provider{
		Name: "misp", Title: "MISP", Free: true,
		Doc:  "Attributes of a MISP by its REST interface, or the events of a feed folder (misp-project.org).",
		Auth: func(_ string, key Secret) Auth { return Auth{Header: "Authorization", Key: key} },
		Pulls: []Pull{
			{
				Name: "misp", Lifetime: day,
				Doc:   "addresses that are marked for detection, changed since a time",
				First: func(q PullQuery) Question { return mispSearch(q, 1) },
				Check: func(body []byte) error { return holds("response")(body, netip.Prefix{}) },
				Next: func(q PullQuery, p *Page) (Question, bool) {
					var d struct {
						Response struct{ Attribute []json.RawMessage }
					}
					if json.Unmarshal(p.Body, &d) != nil || len(d.Response.Attribute) < mispPage {
						return Question{}, false
					}
					return mispSearch(q, p.Number+1), true
				},
			},
			{
				Name: "misp-feed", Lifetime: day,
				Doc:   "the manifest of a feed folder, and the events that changed since a time",
				First: func(PullQuery) Question { return Question{Path: "/manifest.json", Header: acceptJSON} },
				Check: func(body []byte) error { return object(body) },
				Next:  mispEvents,
			},
		},
	}
}

// mispPage is how many attributes are asked for at a time.
const mispPage = 1000

func mispSearch(q PullQuery, page int) Question {
	ask := map[string]any{
		"returnFormat": "json", "type": []string{"ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"},
		"to_ids": 1, "page": page, "limit": mispPage, "includeEventTags": 1,
	}
	if q.Since.Known() {
		ask["timestamp"] = strconv.FormatInt(q.Since.Std().Unix(), 10)
	}
	return Question{Path: "/attributes/restSearch", Post: ask, Header: acceptJSON}
}

// mispEvents goes through the manifest, which is the first page: one event a page,
// in the order of their ids, those that changed since the time.
func mispEvents(q PullQuery, p *Page) (Question, bool) {
	var m map[string]struct{ Timestamp json.RawMessage }
	if p.First == nil || json.Unmarshal(p.First, &m) != nil {
		return Question{}, false
	}
	var ids []string
	for id, e := range m {
		n, err := strconv.ParseInt(strings.Trim(string(e.Timestamp), `"`), 10, 64)
		if mispID(id) && (err != nil || !q.Since.Known() || n > q.Since.Std().Unix()) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if p.Number > len(ids) {
		return Question{}, false
	}
	return Question{Path: fmt.Sprintf("/%s.json", url.PathEscape(ids[p.Number-1])), Header: acceptJSON}, true
}

// mispID tells whether a key of a manifest is a UUID: it becomes part of a URL.
func mispID(id string) bool {
	return len(id) == 36 && strings.Trim(strings.ToLower(id), "0123456789abcdef-") == ""
}
