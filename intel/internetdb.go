package intel

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"netcase"
)

// internetDB reads Shodan's summary of an address.
func internetDB() Format {
	return Format{
		Name:   "internetdb",
		Doc:    "Shodan InternetDB answer for an address: its open ports, names, tags and known vulnerabilities.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("ip", "ports", "hostnames", "tags", "vulns") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("Shodan InternetDB", "Shodan", netcase.ClaimNothing, "B")
			return documents(r, s.cfg.MaxDocument, s.internetDBAnswer)
		},
	}
}

// shodanTags are the tags that claim something; a port that is open is no claim.
//
// Source: Shodan's documentation of host tags.
var shodanTags = []struct {
	tag   string
	claim netcase.ClaimType
}{
	{"c2", netcase.ClaimC2}, {"malware", netcase.ClaimMalware}, {"compromised", netcase.ClaimMalware},
	{"tor", netcase.ClaimTor}, {"vpn", netcase.ClaimProxy}, {"proxy", netcase.ClaimProxy},
	{"scanner", netcase.ClaimScan}, {"cdn", netcase.ClaimEdge}, {"cloud", netcase.ClaimHosting},
}

func (s *sink) internetDBAnswer(item int64, raw json.RawMessage) {
	var d struct {
		IP        string
		Ports     []int
		Hostnames []string
		Tags      []string
		Vulns     []string
	}
	if !s.decode(item, raw, &d) {
		return
	}
	c := claim{address: d.IP, claim: netcase.ClaimNothing, categories: d.Tags, description: openPorts(d.Ports, d.Vulns)}
	for _, t := range shodanTags {
		if slices.Contains(d.Tags, t.tag) {
			c.claim = t.claim
			break
		}
	}
	if c.claim == netcase.ClaimNothing {
		c.categories = append(c.categories, categoryClean)
	}
	if len(d.Hostnames) > manyNames {
		c.categories = append(c.categories, sharedNames)
	}
	s.add(item, c)
}

// An address with so many names is shared hosting.
const (
	manyNames   = 50
	sharedNames = "more than fifty names"
)

func openPorts(ports []int, vulns []string) string {
	slices.Sort(ports)
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = fmt.Sprint(p)
	}
	text := "no open port known"
	if len(words) > 0 {
		text = "open ports " + strings.Join(words, ", ")
	}
	if len(vulns) > 0 {
		text += fmt.Sprintf("; known vulnerabilities: %d", len(vulns))
	}
	return text
}
