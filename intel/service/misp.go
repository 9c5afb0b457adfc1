package service

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"regexp"
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
				Name: "misp-search", Lifetime: day,
				Doc:   "addresses that are marked for detection, changed since a time",
				First: func(q PullQuery) Question { return mispSearch(q, 1) },
				Check: lists("response.Attribute"),
				Next: func(q PullQuery, p *Page) (Question, bool, error) {
					var d struct {
						Response struct{ Attribute []json.RawMessage }
					}
					if err := json.Unmarshal(p.Body, &d); err != nil || len(d.Response.Attribute) < mispPage {
						return Question{}, false, err
					}
					return mispSearch(q, p.Number+1), true, nil
				},
			},
			{
				Name: "misp-feed", Lifetime: day,
				Doc:   "the manifest of a feed folder, and the newest 2,000 events that changed since a time",
				First: func(PullQuery) Question { return Question{Path: "/manifest.json", Header: acceptJSON} },
				Check: checkMISPPage,
				Rest:  mispEvents,
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

// checkMISPPage takes the manifest, which is the first page, and then events.
func checkMISPPage(body []byte, page int) error {
	if page > 1 {
		return holds("Event.uuid")(body, netip.Prefix{})
	}
	_, err := mispManifest(body)
	return err
}

// mispManifest is what a feed folder has, by the id of the event.
func mispManifest(body []byte) (map[string]struct{ Timestamp json.RawMessage }, error) {
	var m map[string]struct{ Timestamp json.RawMessage }
	if err := json.Unmarshal(body, &m); err != nil || m == nil {
		return nil, said200(body, "manifest")
	}
	for id := range m {
		if !uuid.MatchString(id) { // it becomes part of a URL
			return nil, said200(body, "id of an event")
		}
	}
	return m, nil
}

// maxEvents is how many events of a feed folder are fetched, the newest.
const maxEvents = 2000

// mispEvents are the events that a manifest names, in the order of their ids: those that
// changed since the time, the newest where there are many.
func mispEvents(q PullQuery, p *Page) ([]Question, error) {
	m, err := mispManifest(p.Body)
	if err != nil {
		return nil, err
	}
	changed := map[string]int64{}
	for id, e := range m {
		n, err := strconv.ParseInt(strings.Trim(string(e.Timestamp), `"`), 10, 64)
		if err != nil || !q.Since.Known() || n > q.Since.Std().Unix() {
			changed[id] = n
		}
	}
	ids := slices.SortedFunc(maps.Keys(changed), func(a, b string) int { return cmp.Or(cmp.Compare(changed[b], changed[a]), cmp.Compare(a, b)) })
	ids = ids[:min(len(ids), maxEvents)]
	slices.Sort(ids)
	out := make([]Question, len(ids))
	for i, id := range ids {
		out[i] = Question{Path: "/" + id + ".json", Header: acceptJSON}
	}
	return out, nil
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
