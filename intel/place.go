package intel

import (
	"io"
	"strings"

	"netcase"
)

// placeRanges reads tables of where ranges are: by first and last address with a
// country, or with a network number and its name; and geofeeds.
func placeRanges() Format {
	return Format{
		Name: "place-ranges", Places: true,
		Doc:  "Where ranges are: first and last address with a country or an AS number and name, or a geofeed (RFC 8805).",
		Fuzz: "FuzzCSV",
		Detect: func(h *head) bool {
			rows := 0
			for _, l := range h.lines {
				if _, ok := placeRow(splitRow(string(l), ',')); ok {
					rows++
				}
			}
			return rows*2 > len(h.lines)
		},
		Parse: parsePlaces,
	}
}

// placeRow reads one row: "1.0.0.0,1.0.0.255,AU", "1.0.0.0,1.0.0.255,13335,Name"
// or "192.0.2.0/24,NL,NL-NH,Amsterdam,".
func placeRow(f []string) (claim, bool) {
	if len(f) < 3 {
		return claim{}, false
	}
	c := claim{claim: netcase.ClaimPlace}
	if strings.Contains(f[0], "/") {
		return geofeedRow(f, c)
	}
	c.address = f[0] + "-" + f[1]
	if _, ok := parseTarget(c.address); !ok {
		return claim{}, false
	}
	if len(f) == 3 {
		c.geo.Country = countryCode(f[2])
		return c, len(f[2]) == 2
	}
	c.geo.ASN, _ = asn(f[2])
	c.geo.ASName = clip(f[3], maxCategory)
	return c, c.geo.ASN != 0
}

func geofeedRow(f []string, c claim) (claim, bool) {
	region := f[2] == "" || len(f[2]) > 3 && f[2][2] == '-'
	if _, ok := parsePrefix(f[0]); !ok || len(f) < 4 || len(f[1]) != 2 && f[1] != "" || !region {
		return claim{}, false
	}
	c.address = f[0]
	c.geo.Country, c.geo.City = countryCode(f[1]), clip(f[3], maxCategory)
	return c, true
}

func parsePlaces(s *sink, r io.Reader) error {
	return s.eachEntry(r, s.placeLine)
}

func (s *sink) placeLine(n int64, line []byte) {
	c, ok := placeRow(splitRow(string(line), ','))
	if !ok {
		s.skip(n, "not an address", string(line))
		return
	}
	s.add(n, c)
}
