package intel

import (
	"io"
	"strconv"
	"strings"

	"netcase"
)

// ipsumList reads addresses with the number of lists that hold them.
func ipsumList() Format {
	return Format{
		Name: "ipsum",
		Doc:  "IPsum: an address, a tab, and the number of public lists that hold it.",
		Fuzz: "FuzzList",
		Detect: func(h *head) bool {
			rows := 0
			for _, l := range h.lines {
				if _, _, ok := ipsumRow(l); ok {
					rows++
				}
			}
			return rows*2 > len(h.lines)
		},
		Parse: parseIPsum,
	}
}

func ipsumRow(line []byte) (address string, lists int, ok bool) {
	address, count, found := strings.Cut(string(line), "\t")
	if !found {
		return "", 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil || n < 0 {
		return "", 0, false
	}
	_, ok = parseTarget(address)
	return address, n, ok
}

func parseIPsum(s *sink, r io.Reader) error {
	return s.eachEntry(r, s.ipsumLine)
}

func (s *sink) ipsumLine(n int64, line []byte) {
	address, lists, ok := ipsumRow(line)
	if !ok {
		s.skip(n, "not an address", string(line))
		return
	}
	if !s.settled {
		if s.settle(); !s.id.known {
			s.by("IPsum", Aggregate, netcase.ClaimListed, "D")
		}
	}
	text := strconv.Itoa(lists) + " lists"
	if lists == 1 {
		text = "1 list"
	}
	s.add(n, claim{address: address, score: float64(lists), scoreText: text})
}
