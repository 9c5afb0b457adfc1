package service

import (
	"net/netip"
	"time"
)

// internetDB asks Shodan's summary of an address, which is made anew every week.
//
// Source: internetdb.shodan.io; no key, about one question a second, not for
// commercial use.
func internetDB() Provider {
	return Provider{
		Name: "internetdb", Title: "Shodan InternetDB", Base: "https://internetdb.shodan.io", Free: true,
		Doc:    "Open ports, names, tags and vulnerabilities of an address, without a key (internetdb.shodan.io).",
		Auth:   func(string, Secret) Auth { return Auth{} },
		Every:  time.Second,
		Quotas: []Quota{{"internetdb", 1000, 1}},
		Lookups: []Lookup{{
			Name: "internetdb", Account: "internetdb", Format: "internetdb", Lifetime: geoLifetime, Takes: anyAddress, Absent: []int{404}, Check: speaksOf("ip"),
			Ask: func(p netip.Prefix) Question { return Question{Path: "/" + p.Addr().String()} },
		}},
	}
}
