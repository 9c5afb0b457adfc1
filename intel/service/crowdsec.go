package service

import "net/netip"

// crowdSec asks what the members of CrowdSec saw.
//
// Source: docs.crowdsec.net (CTI API); a free key may ask 50 questions a day.
func crowdSec() Provider {
	return Provider{
		Name: "crowdsec", Title: "CrowdSec", Base: "https://cti.api.crowdsec.net",
		Doc:    "Reputation, behaviour and history of an address by what CrowdSec's members saw (docs.crowdsec.net).",
		Auth:   header("x-api-key"),
		Quotas: []Quota{{"crowdsec", 50, 1}},
		Lookups: []Lookup{{
			Name: "crowdsec", Account: "crowdsec", Format: "crowdsec", Lifetime: day, Takes: anyAddress, Absent: []int{404}, Check: checkCrowdSec,
			Ask: func(p netip.Prefix) Question { return Question{Path: "/v2/smoke/" + p.Addr().String()} },
		}},
	}
}

func checkCrowdSec(body []byte, about netip.Prefix) error {
	if err := speaksOf("ip")(body, about); err != nil {
		return err
	}
	return holds("reputation")(body, about)
}
