package intel

import (
	"io"
	"strings"

	"netcase"
)

// torExits reads the list of the exits of Tor with when each was seen.
func torExits() Format {
	return Format{
		Name: "tor-exits",
		Doc:  "Tor's exit-addresses: for each relay the addresses that its traffic leaves from, and when that was measured.",
		Fuzz: "FuzzList",
		Detect: func(h *head) bool {
			node, address := 0, 0
			for _, l := range h.lines {
				switch word, _ := cutWord(string(l)); word {
				case "ExitNode":
					node++
				case "ExitAddress":
					address++
				}
			}
			return node > 0 && address > 0
		},
		Parse: func(s *sink, r io.Reader) error {
			s.by("Tor Project", "Tor Project", netcase.ClaimTor, "A")
			return s.eachEntry(r, s.torLine)
		},
	}
}

// torLine takes one line: "ExitAddress 192.0.2.1 2026-08-22 03:05:12". The others
// tell of the relay.
func (s *sink) torLine(n int64, line []byte) {
	word, rest := cutWord(string(line))
	if word != "ExitAddress" {
		s.skip(0, "of the relay, not of an address", "")
		return
	}
	address, seen := cutWord(rest)
	measured := s.instant(n, "last seen", strings.TrimSpace(seen))
	s.dated(measured) // the list is not older than its newest measurement
	s.add(n, claim{address: address, last: measured})
}
