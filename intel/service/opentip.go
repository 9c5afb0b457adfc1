package service

import (
	"net/netip"
	"net/url"
)

// openTIP asks Kaspersky. Its zones are read by package intel: Grey is no data, and
// Green says that nothing bad was found, not that the address is harmless.
//
// Source: opentip.kaspersky.com/Help (IP look-up API): 403 is the quota, not the key;
// 404 is no data.
func openTIP() Provider {
	return Provider{
		Name: "opentip", Title: "Kaspersky", Base: "https://opentip.kaspersky.com/api/v1",
		Doc:    "Zone, categories and network of an address (opentip.kaspersky.com/Help).",
		Auth:   header("x-api-key"),
		Quotas: []Quota{{"opentip", 200, 1}},
		Lookups: []Lookup{{
			Name: "opentip", Account: "opentip", Format: "opentip", Lifetime: day, Takes: onlyV4, Absent: []int{404}, Spent: []int{403},
			Ask: func(p netip.Prefix) Question {
				return Question{Path: "/search/ip", Query: url.Values{"request": {p.Addr().String()}}}
			},
			Check: func(body []byte, about netip.Prefix) error {
				if err := holds("Zone")(body, about); err != nil {
					return err
				}
				return speaksOf("IpGeneralInfo.Ip")(body, about)
			},
		}},
	}
}
