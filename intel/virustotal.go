package intel

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"netcase"
)

// virusTotal reads VirusTotal's report on an address.
func virusTotal() Format {
	return Format{
		Name:   "virustotal",
		Doc:    "VirusTotal v3 report on an address: how many engines call it malicious, its network and owner.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("data.attributes.last_analysis_stats") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("VirusTotal", "VirusTotal", netcase.ClaimListed, "C")
			return documents(r, s.cfg.MaxDocument, s.virusTotalAnswer)
		},
	}
}

// sameWord is how many engines must name the same kind of badness before the claim
// is of that kind: the engines number about ninety, and one alone is often wrong.
const sameWord = 2

func (s *sink) virusTotalAnswer(item int64, raw json.RawMessage) {
	var d struct {
		Data struct {
			ID         string
			Attributes struct {
				Stats   map[string]int    `json:"last_analysis_stats"`
				Results map[string]result `json:"last_analysis_results"`
				Date    int64             `json:"last_analysis_date"`
				ASN     uint32
				ASOwner string `json:"as_owner"`
				Country string
				Tags    []string
			}
		}
	}
	if !s.decode(item, raw, &d) {
		return
	}
	v := &d.Data.Attributes
	engines := 0
	for _, n := range v.Stats {
		engines += max(n, 0)
	}
	c := claim{
		address: d.Data.ID, score: float64(v.Stats["malicious"]), categories: v.Tags,
		scoreText: fmt.Sprintf("%d of %d engines say malicious, %d suspicious", v.Stats["malicious"], engines, v.Stats["suspicious"]),
		geo:       netcase.Geo{Country: countryCode(v.Country), ASN: v.ASN, ASName: clip(v.ASOwner, maxCategory)},
	}
	c.last, _ = epochSeconds(v.Date)
	switch words := commonWords(v.Results); {
	case v.Stats["malicious"] > 0:
		c.claim, c.categories = adverseOr(claimOf(words), netcase.ClaimListed), append(words, v.Tags...)
	case v.Stats["suspicious"] > 0:
		c.claim = netcase.ClaimListed
	default:
		c.claim, c.categories = netcase.ClaimNothing, append(c.categories, categoryClean)
	}
	s.add(item, c)
}

// result is what one engine says.
type result struct{ Category, Result string }

// commonWords are what several of the engines that say "malicious" call it, sorted.
func commonWords(results map[string]result) []string {
	n := map[string]int{}
	for _, r := range results {
		if r.Category == "malicious" {
			n[r.Result]++
		}
	}
	var words []string
	for w, times := range n {
		if times >= sameWord {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return words
}

// epochSeconds is an instant in seconds since 1970; zero is not known.
func epochSeconds(n int64) (netcase.Time, bool) {
	t := netcase.Time(n) * netcase.Second
	if n <= 0 || n > 1<<40 || !plausible(t.Std()) {
		return 0, false
	}
	return t, true
}
