package intel

import (
	"encoding/json"
	"io"

	"netcase"
)

// greyNoise reads the answers of GreyNoise's community look-up.
func greyNoise() Format {
	return Format{
		Name:   "greynoise",
		Doc:    "GreyNoise community answer: whether the address scans the Internet, and as whom.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("ip", "noise", "riot") },
		Parse: func(s *sink, r io.Reader) error {
			s.by("GreyNoise", "GreyNoise", netcase.ClaimScan, "B")
			return documents(r, s.cfg.MaxDocument, s.greyNoiseAnswer)
		},
	}
}

func (s *sink) greyNoiseAnswer(item int64, raw json.RawMessage) {
	var d struct {
		IP             string
		Noise, Riot    bool
		Classification string
		Name           string
		LastSeen       string `json:"last_seen"`
	}
	if !s.decode(item, raw, &d) {
		return
	}
	c := claim{address: d.IP, scoreText: d.Classification, description: d.Name}
	c.last, _ = parseTime(d.LastSeen)
	switch {
	case d.Riot:
		c.claim = netcase.ClaimResolver
	case d.Noise && d.Classification == "benign":
		c.claim, c.categories = netcase.ClaimScanner, []string{CategoryVerified}
	case d.Noise:
		c.claim = netcase.ClaimScan
	default: // not observed: the address was asked for and nothing is known
		c.claim, c.categories = netcase.ClaimNothing, []string{categoryClean}
	}
	s.add(item, c)
}
