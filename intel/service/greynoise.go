package service

import "net/netip"

// greyNoise asks whether an address scans the Internet. That it was not observed is
// an answer with status 404.
//
// Source: docs.greynoise.io (community API). The limits that are published disagree
// (50 a day, 50 a week); the narrower one is kept.
func greyNoise() Provider {
	return Provider{
		Name: "greynoise", Title: "GreyNoise", Base: "https://api.greynoise.io", Free: true,
		Doc:    "Whether an address scans the Internet, and whether it is a known service (docs.greynoise.io).",
		Auth:   header("key"),
		Quotas: []Quota{{"greynoise", 50, 7}},
		Lookups: []Lookup{{
			Name: "greynoise", Account: "greynoise", Format: "greynoise", Lifetime: day, Takes: onlyV4, Normal: []int{404}, Check: speaksOf("ip"),
			Ask: func(p netip.Prefix) Question { return Question{Path: "/v3/community/" + p.Addr().String()} },
		}},
	}
}
