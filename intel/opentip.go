package intel

import (
	"encoding/json"
	"io"
	"strings"

	"netcase"
)

// openTIP reads what Kaspersky's portal says of an address.
func openTIP() Format {
	return Format{
		Name:   "opentip",
		Doc:    "Kaspersky OpenTIP answer for an address: zone, categories, network.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("Zone", "IpGeneralInfo") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("Kaspersky", "Kaspersky", netcase.ClaimListed, "B")
			return documents(r, s.cfg.MaxDocument, s.openTIPAnswer)
		},
	}
}

func (s *sink) openTIPAnswer(item int64, raw json.RawMessage) {
	var d struct { // names match whatever their case
		Zone          string
		IPGeneralInfo struct {
			Status, CountryCode, FirstSeen, IP string
			HitsCount                          int
			Categories                         []string
		}
		IPWhoIs struct {
			Asn []struct {
				Number      uint32
				Description []string
			}
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	g := &d.IPGeneralInfo
	c := claim{
		address: g.IP, scoreText: "zone " + d.Zone, categories: g.Categories, reports: g.HitsCount,
		claim: openTIPClaim(d.Zone, g.Categories), geo: netcase.Geo{Country: countryCode(g.CountryCode)},
	}
	if c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryClean)
	}
	if len(d.IPWhoIs.Asn) > 0 {
		a := d.IPWhoIs.Asn[0]
		c.geo.ASN, c.geo.ASName = a.Number, clip(strings.Join(a.Description, " "), maxCategory)
	}
	c.first, _ = parseTime(g.FirstSeen)
	s.add(item, c)
}

// openTIPClaim is adverse for the zones Red and Orange, and for Yellow with a
// category. Grey is "no data", which is no evidence for anything.
func openTIPClaim(zone string, categories []string) netcase.ClaimType {
	said := claimOf(categories)
	switch zone {
	case "Red", "Orange":
		if said == "" || !said.Adverse() && said != netcase.ClaimTor && said != netcase.ClaimProxy {
			return netcase.ClaimListed
		}
		return said
	case "Yellow":
		if said != "" {
			return said
		}
	}
	return netcase.ClaimNothing
}
