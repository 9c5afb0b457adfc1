package intel

import (
	"encoding/json"
	"io"

	"netcase"
)

// spamhausDrop reads DROP as JSON lines.
func spamhausDrop() Format {
	return Format{
		Name:   "spamhaus-drop",
		Doc:    "Spamhaus DROP: a JSON object a line with cidr and sblid, the metadata with the date in the last line.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("cidr", "sblid") || h.has("asn", "rir", "asname") },
		Parse:  parseDrop,
	}
}

func parseDrop(s *sink, r io.Reader) error {
	s.by("Spamhaus DROP", "Spamhaus DROP", netcase.ClaimHijacked, "A")
	return s.eachLine(r, s.dropLine)
}

func (s *sink) dropLine(n int64, line []byte) {
	var e struct {
		CIDR      string
		SBLID     string
		ASN       uint32
		Type      string
		Timestamp json.Number
	}
	if !s.decode(n, line, &e) {
		return
	}
	switch {
	case e.Type == "metadata":
		if t, ok := parseTime(e.Timestamp.String()); ok {
			s.dated(t)
		}
		s.skip(0, "metadata", "")
	case e.CIDR == "" && e.ASN != 0:
		s.skip(n, "not an address", string(line))
	default:
		s.add(n, claim{address: e.CIDR, description: e.SBLID})
	}
}
