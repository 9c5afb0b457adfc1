package service

import (
	"net/netip"
	"time"
)

// virusTotal asks what the engines of VirusTotal say.
//
// Source: docs.virustotal.com (API v3, public key: 4 a minute, 500 a day, 15,500 a
// month). Version 2 answered 204 when the quota was spent, and proxies still do.
func virusTotal() Provider {
	return Provider{
		Name: "virustotal", Title: "VirusTotal", Base: "https://www.virustotal.com/api/v3",
		Doc:    "How many engines call an address malicious; not for commercial use without a contract (docs.virustotal.com).",
		Auth:   header("x-apikey"),
		Every:  15 * time.Second,
		Quotas: []Quota{{"virustotal", 500, 1}, {"virustotal", 15_500, 30}},
		Lookups: []Lookup{{
			Name: "virustotal", Account: "virustotal", Format: "virustotal", Lifetime: day, Takes: anyAddress, Absent: []int{404}, Spent: []int{204},
			Ask: func(p netip.Prefix) Question { return Question{Path: "/ip_addresses/" + p.Addr().String()} },
			Check: func(body []byte, about netip.Prefix) error {
				if err := holds("data.attributes.last_analysis_stats")(body, about); err != nil {
					return err
				}
				return speaksOf("data.id")(body, about)
			},
		}},
	}
}
