package service

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"netcase"
)

// otx asks which pulses name an address.
//
// Source: otx.alienvault.com/api (DirectConnect v1) and its own SDK.
func otx() Provider {
	p := Provider{
		Name: "otx", Title: "AlienVault OTX", Base: "https://otx.alienvault.com", Free: true,
		Doc:    "Pulses of its users that name an address, with what is known of its place, names, URLs and samples (otx.alienvault.com/api).",
		Auth:   header("X-OTX-API-KEY"),
		Every:  time.Second / 2, // its limits are not published
		Quotas: []Quota{{"otx", 1000, 1}},
		Pulls:  []Pull{otxSubscribed(), otxExport()},
	}
	for _, s := range []struct {
		section  string
		lifetime time.Duration
		check    func([]byte, netip.Prefix) error
	}{
		{"general", day, otxGeneral}, {"reputation", day, holds("reputation")}, {"geo", geoLifetime, holds("country_code")},
		{"malware", day, holds("data")}, {"passive_dns", day, holds("passive_dns")}, {"url_list", day, holds("url_list")},
	} {
		name, format := "otx", "otx-general"
		if s.section != "general" {
			name, format = "otx-"+strings.ReplaceAll(s.section, "_", "-"), "otx-section"
		}
		p.Lookups = append(p.Lookups, Lookup{
			Name: name, Account: "otx", Format: format, Lifetime: s.lifetime, Takes: anyAddress, Check: s.check, Absent: []int{404},
			Ask: func(p netip.Prefix) Question {
				kind := "IPv4"
				if p.Addr().Is6() {
					kind = "IPv6"
				}
				return Question{Path: "/api/v1/indicators/" + kind + "/" + p.Addr().String() + "/" + s.section}
			},
		})
	}
	return p
}

func otxGeneral(body []byte, about netip.Prefix) error {
	if err := speaksOf("indicator")(body, about); err != nil {
		return err
	}
	return holds("pulse_info")(body, about)
}

// otxSubscribed is the pulses that the user subscribed to.
func otxSubscribed() Pull {
	return Pull{
		Name: "otx-subscribed", Account: "otx", Lifetime: day,
		Doc: "the pulses that the owner of the key subscribed to, changed since a time",
		First: func(q PullQuery) Question {
			query := url.Values{"limit": {"50"}, "page": {"1"}}
			if q.Since.Known() {
				query.Set("modified_since", q.Since.Std().Format("2006-01-02T15:04:05"))
			}
			return Question{Path: "/api/v1/pulses/subscribed", Query: query}
		},
		Check: lists("results"),
		Next:  nextURL,
	}
}

// otxExport is the indicators of all subscribed pulses. Paging deep into it is not
// reliable, so it begins a month back where no time is given.
func otxExport() Pull {
	return Pull{
		Name: "otx-export", Account: "otx", Lifetime: day,
		Doc: "addresses and networks of the subscribed pulses, changed since a time",
		First: func(q PullQuery) Question {
			since := q.Since
			if !since.Known() {
				since = q.Now - otxLookBack
			}
			return Question{Path: "/api/v1/indicators/export", Query: url.Values{
				"types": {"IPv4,IPv6,CIDR"}, "limit": {"1000"}, "page": {"1"}, "modified_since": {since.Std().Format("2006-01-02T15:04:05")},
			}}
		},
		Check: lists("results"),
		Next:  nextURL,
	}
}

// otxLookBack is how far back an export begins where no time is given.
const otxLookBack = 30 * netcase.Day

// nextURL asks for the page whose address a page gives, on the host that the user
// named and on no other: only path and query of it are taken.
func nextURL(_ PullQuery, p *Page) (Question, bool, error) {
	var d struct{ Next *string }
	if err := json.Unmarshal(p.Body, &d); err != nil || d.Next == nil || *d.Next == "" {
		return Question{}, false, err
	}
	u, err := url.Parse(*d.Next)
	if err != nil {
		return Question{}, false, errors.New("what should lead to the next page is no URL")
	}
	return Question{Path: u.EscapedPath(), Query: u.Query()}, true, nil
}
