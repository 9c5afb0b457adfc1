package intel

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"netcase"
)

// otxSection reads what OTX says of one address in its sections beside the general
// one. None of them repeats the address: it stands in the name of the file.
func otxSection() Format {
	return Format{
		Name: "otx-section",
		Doc:  "AlienVault OTX, sections geo, malware, passive_dns, url_list and reputation of an address, saved under its name.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.hasAny("passive_dns", "url_list", "reputation.threat_score", "reputation.activities") || h.has("data[].detections") ||
				h.has("country_code2", "flag_url") || len(h.json) == 1 && h.has("reputation") ||
				h.has("data", "count", "size") && !h.within("data[") && !h.within("data.")
		},
		Parse: func(s *sink, r io.Reader) error {
			s.by(otx, otx, netcase.ClaimListed, "D")
			return documents(r, s.cfg.MaxDocument, s.otxSectionAnswer)
		},
	}
}

type otxSectionData struct {
	PassiveDNS []struct{ Hostname, First, Last string } `json:"passive_dns"`
	URLs       []struct{ URL, Date string }             `json:"url_list"`
	FullSize   int                                      `json:"full_size"`
	Count      int
	Data       []struct {
		Hash string
		Date string
	}
	Reputation *struct {
		Score      float64 `json:"threat_score"`
		Activities []struct {
			Name  string
			First string `json:"first_date"`
			Last  string `json:"last_date"`
		}
	}
	ASN     string
	City    string
	Country string `json:"country_code"`
}

func (s *sink) otxSectionAnswer(item int64, raw json.RawMessage) {
	var d otxSectionData
	if !s.decode(item, raw, &d) {
		return
	}
	c := d.claim()
	c.address = s.addressInName()
	if c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryClean)
	}
	s.add(item, c)
}

// claim is what one section says. Names and URLs on an address are no claim about it:
// a shared address has many.
func (d *otxSectionData) claim() (c claim) {
	c.claim = netcase.ClaimNothing
	switch {
	case d.Country != "" || d.ASN != "":
		c.claim = netcase.ClaimPlace
		c.geo = netcase.Geo{Country: countryCode(d.Country), City: clip(d.City, maxCategory)}
		c.geo.ASN, c.geo.ASName = asn(d.ASN)
	case len(d.PassiveDNS) > 0:
		c.description = fmt.Sprintf("names that point here: %d, %s among them", max(d.Count, len(d.PassiveDNS)), clip(d.PassiveDNS[0].Hostname, maxCategory))
		for _, n := range d.PassiveDNS {
			c.last = max(c.last, otxTime(n.Last))
		}
	case len(d.URLs) > 0:
		c.description = fmt.Sprintf("URLs seen on it: %d", max(d.FullSize, len(d.URLs)))
		for _, u := range d.URLs {
			c.last = max(c.last, otxTime(u.Date))
		}
	case d.Reputation != nil:
		d.activities(&c)
	case len(d.Data) > 0:
		c.claim, c.reports = netcase.ClaimMalware, max(d.Count, len(d.Data))
		c.description = fmt.Sprintf("malware samples that talk to it: %d", c.reports)
		for _, m := range d.Data {
			t := otxTime(m.Date)
			c.last = max(c.last, t)
			if t.Known() && (!c.first.Known() || t < c.first) {
				c.first = t
			}
		}
	}
	return c
}

func (d *otxSectionData) activities(c *claim) {
	for _, a := range d.Reputation.Activities {
		c.categories = append(c.categories, a.Name)
		c.last = max(c.last, otxTime(a.Last))
		if t := otxTime(a.First); t.Known() && (!c.first.Known() || t < c.first) {
			c.first = t
		}
	}
	if len(c.categories) > 0 || d.Reputation.Score > 0 {
		c.claim = adverseOr(claimOf(c.categories), netcase.ClaimListed)
		c.score = d.Reputation.Score
		c.scoreText = strings.TrimSpace(fmt.Sprintf("threat score %g", d.Reputation.Score))
	}
}
