package service

import (
	"encoding/json"
	"errors"
	"net/url"
)

// mediaTAXII must be asked for, and is refused in any other spelling.
const mediaTAXII = "application/taxii+json;version=2.1"

var acceptTAXII = map[string]string{"Accept": mediaTAXII, "Content-Type": mediaTAXII}

// taxii pulls collections of any TAXII 2.1 server. The base is the API root: for
// SOCRadar, https://taxii2.socradar.com/ROOT with the organisation's number as user;
// its roots are fd3fec42-efee-4353-85b2-cb87f9acc4ef (alpha),
// f260cf45-85ef-4f86-9542-763061f11d50 (gamma) and
// cfcf66c0-3226-561e-a9d9-b54addca5dd1 (premium).
//
// Source: OASIS TAXII 2.1, sections 3.5 (paging), 4 and 5; the vendor's connector for
// the roots. Slashes at the end matter.
func taxii() Provider {
	return Provider{
		Name: "taxii", Title: "TAXII", Free: true,
		Doc: "Collections of STIX objects on a TAXII 2.1 server, of SOCRadar among others (docs.oasis-open.org/cti/taxii/v2.1).",
		Auth: func(user string, key Secret) Auth {
			if user == "" {
				return Auth{Header: "Authorization", Scheme: "Bearer", Key: key}
			}
			return Auth{Basic: true, User: user, Key: key}
		},
		Pulls: []Pull{
			{
				Name: "taxii-collections", Lifetime: day,
				Doc:   "which collections the API root has",
				First: func(PullQuery) Question { return Question{Path: "/collections/", Header: acceptTAXII} },
				Check: envelope("collections"),
			},
			{
				Name: "taxii", Of: "the id of a collection", Lifetime: day,
				Doc:   "the objects of a collection, added since a time",
				First: taxiiObjects,
				Check: envelope("objects"),
				Next: func(q PullQuery, p *Page) (Question, bool, error) {
					var e struct {
						More bool
						Next string
					}
					if err := json.Unmarshal(p.Body, &e); err != nil || !e.More {
						return Question{}, false, err
					}
					next := taxiiObjects(q) // with the same filters, as the standard wants
					switch last := p.AddedLast; {
					case e.Next != "":
						next.Query.Set("next", e.Next)
					case last != "" && last != next.Query.Get("added_after"):
						next.Query.Set("added_after", last)
					default:
						return Question{}, false, errors.New("the collection has more, and does not say where")
					}
					return next, true, nil
				},
			},
		},
	}
}

func taxiiObjects(q PullQuery) Question {
	query := url.Values{"limit": {"1000"}, "match[type]": {"indicator,identity,marking-definition"}}
	if q.Since.Known() {
		query.Set("added_after", q.Since.Std().Format("2006-01-02T15:04:05.000Z"))
	}
	return Question{Path: "/collections/" + url.PathEscape(q.Of) + "/objects/", Query: query, Header: acceptTAXII}
}

// envelope takes an object with an array under a key, or with neither that nor an error:
// an empty page may be {}.
//
// Source: OASIS TAXII 2.1, 3.6.1 (errors have a title), 3.7 and 5.1.
func envelope(key string) func([]byte, int) error {
	return func(body []byte, page int) error {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(body, &m); err != nil || m == nil {
			return errors.New("no envelope of TAXII 2.1")
		}
		if _, ok := m[key]; ok {
			return lists(key)(body, page)
		}
		for _, wrong := range []string{"title", "error", "errors", "http_status", "message", "is_success"} {
			if _, ok := m[wrong]; ok {
				return said200(body, key)
			}
		}
		return nil
	}
}
