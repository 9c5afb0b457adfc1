package intel

import (
	"encoding/json"
	"io"

	"netcase"
)

// cloudRanges reads the ranges that cloud providers publish of themselves.
func cloudRanges() Format {
	return Format{
		Name: "cloud-ranges",
		Doc:  "Ranges that a cloud publishes: Amazon ip-ranges.json, Google cloud.json, Azure service tags, Oracle, Fastly, Cloudflare, GitHub.",
		Fuzz: "FuzzJSON",
		Detect: func(h *head) bool {
			return h.hasAny("prefixes[].ip_prefix", "prefixes[].ipv6_prefix", "prefixes[].ipv4Prefix", "prefixes[].ipv6Prefix",
				"values[].properties.addressPrefixes", "regions[].cidrs[].cidr", "result.ipv4_cidrs") ||
				h.has("addresses", "ipv6_addresses") || h.has("hooks", "web", "api")
		},
		Parse: func(s *sink, r io.Reader) error {
			return documents(r, s.cfg.MaxDocument, s.cloudDocument)
		},
	}
}

type cloudData struct {
	CreateDate   string
	CreationTime string
	Updated      string `json:"last_updated_timestamp"`
	Cloud        string
	Prefixes     []cloudPrefix
	V6Prefixes   []cloudPrefix `json:"ipv6_prefixes"`
	Values       []struct {
		Name       string
		Properties struct {
			SystemService   string
			AddressPrefixes []string
		}
	}
	Addresses   []string // Fastly
	V6Addresses []string `json:"ipv6_addresses"`
	Result      struct { // Cloudflare
		V4 []string `json:"ipv4_cidrs"`
		V6 []string `json:"ipv6_cidrs"`
	}
	Hooks, Web, API, Git, Pages, Actions []string // GitHub

	Regions []struct {
		Region string
		Cidrs  []struct {
			Cidr string
			Tags []string
		}
	}
}

type cloudPrefix struct {
	V4      string `json:"ip_prefix"`
	V6      string `json:"ipv6_prefix"`
	G4      string `json:"ipv4Prefix"`
	G6      string `json:"ipv6Prefix"`
	Service string
}

func (s *sink) cloudDocument(_ int64, raw json.RawMessage) {
	var d cloudData
	if !s.decode(1, raw, &d) {
		return
	}
	s.dated(otxTime(awsTime(d.CreateDate), d.CreationTime, d.Updated))
	owner := "Oracle Cloud"
	switch {
	case len(d.Addresses) > 0:
		owner = "Fastly"
	case len(d.Result.V4)+len(d.Result.V6) > 0:
		owner = "Cloudflare"
	case len(d.Hooks) > 0:
		owner = "GitHub"
	case len(d.Values) > 0:
		owner = "Microsoft Azure"
	case len(d.Prefixes) > 0 && (d.Prefixes[0].G4 != "" || d.Prefixes[0].G6 != ""):
		owner = "Google"
	case len(d.Prefixes)+len(d.V6Prefixes) > 0:
		owner = "Amazon Web Services"
	}
	s.by(owner, owner, netcase.ClaimHosting, "A")
	n := int64(0)
	take := func(address, service string) {
		n++
		s.add(n, cloudClaim(address, owner, service))
	}
	for _, p := range append(d.Prefixes, d.V6Prefixes...) {
		for _, a := range []string{p.V4, p.V6, p.G4, p.G6} {
			if a != "" {
				take(a, p.Service)
			}
		}
	}
	for _, v := range d.Values {
		for _, a := range v.Properties.AddressPrefixes {
			take(a, v.Name)
		}
	}
	for _, list := range [][]string{d.Addresses, d.V6Addresses, d.Result.V4, d.Result.V6, d.Hooks, d.Web, d.API, d.Git, d.Pages, d.Actions} {
		for _, a := range list {
			take(a, "")
		}
	}
	for _, r := range d.Regions {
		for _, c := range r.Cidrs {
			take(c.Cidr, r.Region)
		}
	}
}

// awsTime turns Amazon's 2026-08-22-03-00-29 into what parseTime reads.
func awsTime(t string) string {
	if len(t) == 19 && t[10] == '-' {
		return t[:10] + " " + t[11:13] + ":" + t[14:16] + ":" + t[17:]
	}
	return t
}

// cloudClaim says whose a range is; the fronts that many customers share are
// edges.
func cloudClaim(address, owner, service string) claim {
	c := claim{address: address, claim: netcase.ClaimHosting, description: owner}
	switch service {
	case "CLOUDFRONT", "CLOUDFRONT_ORIGIN_FACING", "GLOBALACCELERATOR", "AzureFrontDoor.Frontend", "AzureFrontDoor.FirstParty":
		c.claim = netcase.ClaimEdge
	}
	if owner == "Fastly" || owner == "Cloudflare" {
		c.claim = netcase.ClaimEdge
	}
	if service != "" {
		c.description = owner + " " + service
	}
	return c
}
