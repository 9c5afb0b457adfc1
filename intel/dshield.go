package intel

import (
	"bytes"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"netcase"
)

// dshieldBlock reads the block list of DShield: networks with the number of
// targets that saw attacks from them.
func dshieldBlock() Format {
	return Format{
		Name: "dshield",
		Doc:  "DShield block list: tab separated start, end, netmask length, attacks, name, country, email.",
		Fuzz: "FuzzList",
		Detect: func(h *head) bool {
			for _, l := range h.lines {
				if _, ok := dshieldRow(l); ok {
					return true
				}
				if !bytes.HasPrefix(l, []byte("Start")) {
					return false
				}
			}
			return false
		},
		Parse: parseDShield,
	}
}

func dshieldRow(line []byte) ([]string, bool) {
	f := strings.Split(string(line), "\t")
	if len(f) < 4 {
		return nil, false
	}
	_, err1 := netip.ParseAddr(strings.TrimSpace(f[0]))
	_, err2 := netip.ParseAddr(strings.TrimSpace(f[1]))
	bits, err3 := strconv.Atoi(strings.TrimSpace(f[2]))
	return f, err1 == nil && err2 == nil && err3 == nil && bits >= 0 && bits <= 128
}

func parseDShield(s *sink, r io.Reader) error {
	return s.eachEntry(r, s.dshieldLine)
}

func (s *sink) dshieldLine(n int64, line []byte) {
	if bytes.HasPrefix(line, []byte("Start")) {
		s.skip(0, "header", "")
		return
	}
	f, ok := dshieldRow(line)
	if !ok {
		s.skip(n, "not an address", string(line))
		return
	}
	if !s.settled {
		s.by("DShield", "DShield", netcase.ClaimScan, "C")
	}
	c := claim{address: strings.TrimSpace(f[0]) + "-" + strings.TrimSpace(f[1])}
	if attacks, err := strconv.ParseFloat(strings.TrimSpace(f[3]), 64); err == nil {
		c.score, c.scoreText = attacks, strings.TrimSpace(f[3])+" targets"
	}
	if len(f) > 4 {
		c.description = f[4]
	}
	if len(f) > 5 {
		c.geo.Country = countryCode(f[5])
	}
	s.add(n, c)
}
