package intel

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"netcase"
)

// crowdSec reads CrowdSec's answer on an address.
func crowdSec() Format {
	return Format{
		Name: "crowdsec",
		Doc:  "CrowdSec CTI answer for an address: its reputation, what its members saw it do, since when, and how aggressively.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.has("ip", "reputation") && h.hasAny("behaviors", "scores", "background_noise_score")
		},
		Parse: func(s *sink, r io.Reader) error {
			s.by(crowdsec, crowdsec, netcase.ClaimAbuse, "C")
			return documents(r, s.cfg.MaxDocument, s.crowdSecAnswer)
		},
	}
}

const crowdsec = "CrowdSec"

type labelled struct{ Name, Label string }

func (s *sink) crowdSecAnswer(item int64, raw json.RawMessage) {
	var d struct {
		IP         string
		Reputation string
		Confidence string
		ASName     string `json:"as_name"`
		ASNum      uint32 `json:"as_num"`
		Location   struct{ Country, City string }
		Behaviors  []labelled
		History    struct {
			First string `json:"first_seen"`
			Last  string `json:"last_seen"`
		}
		Classifications struct {
			FalsePositives  []labelled `json:"false_positives"`
			Classifications []labelled
		}
		Scores struct {
			Overall struct{ Aggressiveness, Threat, Trust, Total float64 }
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	c := claim{address: d.IP, scoreText: d.Reputation, score: d.Scores.Overall.Total,
		geo: netcase.Geo{Country: countryCode(d.Location.Country), City: clip(d.Location.City, maxCategory), ASN: d.ASNum, ASName: clip(d.ASName, maxCategory)}}
	if o := d.Scores.Overall; o.Total > 0 {
		c.scoreText = fmt.Sprintf("%s, total %g/5, threat %g/5, aggressiveness %g/5", cmp.Or(d.Reputation, "reputation not said"), o.Total, o.Threat, o.Aggressiveness)
	}
	c.first, _ = parseTime(d.History.First)
	c.last, _ = parseTime(d.History.Last)
	for _, b := range d.Behaviors {
		c.categories = append(c.categories, cmp.Or(b.Name, b.Label))
	}
	c.claim = crowdSecClaim(d.Reputation, c.categories)
	for _, t := range d.Classifications.Classifications {
		c.categories = append(c.categories, cmp.Or(t.Label, t.Name))
	}
	if c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryClean)
	}
	if f := d.Classifications.FalsePositives; len(f) > 0 || d.Reputation == "safe" {
		why := "held for safe by CrowdSec"
		if len(f) > 0 {
			why += ": " + cmp.Or(f[0].Label, f[0].Name)
		}
		s.whitelisted(item, d.IP, crowdsec, crowdsec, why)
	}
	s.add(item, c)
}

// crowdSecClaim is adverse for the reputations malicious and suspicious; "known" was
// reported and not confirmed.
func crowdSecClaim(reputation string, behaviours []string) netcase.ClaimType {
	switch reputation {
	case "malicious", "suspicious":
		return adverseOr(claimOf(behaviours), netcase.ClaimAbuse)
	case "known":
		return netcase.ClaimListed
	}
	return netcase.ClaimNothing
}
