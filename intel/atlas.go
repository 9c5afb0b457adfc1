package intel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"netcase"
)

// placeAtlas reads databases of places in MaxMind's format, whoever makes them. They
// are asked address by address and never written out.
func placeAtlas() Format {
	return Format{
		Name:   "mmdb",
		Places: true,
		Doc:    "A database of places or networks in MaxMind's format (.mmdb): GeoLite2, GeoIP2, DB-IP, IPinfo, IP2Location and others.",
		Fuzz:   "FuzzAtlas",
		Detect: func(h *head) bool { return h.binary },
		Parse:  parseAtlas,
	}
}

// atlasMark stands before the metadata, which lie at the end of the file.
//
// Source: MaxMind DB File Format Specification 2.0, Binary Format.
var atlasMark = []byte("\xAB\xCD\xEFMaxMind.com")

// atlas is an opened database of places.
type atlas struct {
	reader   *maxminddb.Reader
	provider string
	feed     uint32 // index into Set.feeds
}

// parseAtlas opens the file. What is binary and no database of places lists nothing.
func parseAtlas(s *sink, r io.Reader) error {
	raw, err := io.ReadAll(bounded(r, s.cfg.MaxDocument))
	if err != nil {
		return err
	}
	if !bytes.Contains(raw, atlasMark) {
		s.rep.Format = ""
		s.skip(0, notIntelligence, "")
		return nil
	}
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return err
	}
	m := &reader.Metadata
	provider := atlasProvider(m.DatabaseType)
	s.by(provider, provider, netcase.ClaimPlace, "")
	if t := m.BuildTime(); m.BuildEpoch > 0 && plausible(t) {
		s.dated(netcase.TimeOf(t))
	}
	n, err := countNetworks(reader)
	if err != nil {
		return err
	}
	s.rep.Read, s.rep.Usable = s.rep.Read+n, s.rep.Usable+n
	s.atlas = &atlas{reader: reader, provider: s.id.provider}
	return nil
}

// countNetworks walks the tree to its ends. One that has more of them than a tree of its
// size can have leads back into itself, and would be walked for ever.
func countNetworks(r *maxminddb.Reader) (n int64, err error) {
	left := int64(r.Metadata.NodeCount) + 1
	for network := range r.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if err := network.Err(); err != nil {
			return n, fmt.Errorf("after %d networks: %w", n, err)
		}
		if left--; left < 0 {
			return n, errors.New("its tree leads back into itself")
		}
		if network.Found() {
			n++
		}
	}
	return n, nil
}

// atlasProvider names who made the database, by its type.
func atlasProvider(kind string) string {
	kind = clip(printable(kind), maxCategory)
	switch {
	case kind == "":
		return "an unnamed atlas"
	case strings.HasPrefix(kind, "GeoLite2") || strings.HasPrefix(kind, "GeoIP2"):
		return "MaxMind " + kind
	}
	return kind
}

// place is what the atlas says of an address, as an indicator; false: nothing.
func (t *atlas) place(a netip.Addr, f *netcase.FeedReport) (in netcase.Indicator, ok bool) {
	defer func() {
		if recover() != nil { // a damaged file costs its answers, not the case
			ok = false
		}
	}()
	found := t.reader.Lookup(a)
	if !found.Found() {
		return in, false
	}
	var said map[string]any
	if found.Decode(&said) != nil {
		return in, false
	}
	in = netcase.Indicator{
		Provider: t.provider, Origin: t.provider, Feed: f.Name, Prefix: found.Prefix().Masked(), Claim: netcase.ClaimPlace,
		Learned: f.Learned, Upheld: f.Upheld, Geo: atlasPlace(said),
	}
	if in.Prefix.Addr().Is4In6() && in.Prefix.Bits() >= 96 {
		in.Prefix = netip.PrefixFrom(in.Prefix.Addr().Unmap(), in.Prefix.Bits()-96)
	}
	in.ID = indicatorID(f.SHA256, &in)
	return in, in.Geo != (netcase.Geo{})
}

// atlasPlace reads a record in the ways of the makers: MaxMind nests the country and
// the city with their names, others write codes and names flat.
func atlasPlace(r map[string]any) (g netcase.Geo) {
	for _, k := range []string{"country", "registered_country", "country_code"} {
		if g.Country == "" {
			g.Country = countryCode(textIn(r[k], "iso_code"))
		}
	}
	for _, k := range []string{"city", "city_name"} {
		if g.City == "" {
			g.City = clip(textIn(r[k], "names", "en"), maxCategory)
		}
	}
	for _, k := range []string{"autonomous_system_number", "asn", "as_number"} {
		if g.ASN == 0 {
			g.ASN, _ = asn(textIn(r[k]))
		}
	}
	for _, k := range []string{"autonomous_system_organization", "as_name", "as_organization"} {
		if g.ASName == "" {
			g.ASName = clip(textIn(r[k]), maxCategory)
		}
	}
	return g
}

// textIn is a scalar, or the one that the path leads to; empty: there is none.
func textIn(v any, path ...string) string {
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			break
		}
		v = m[k]
	}
	switch v := v.(type) {
	case string:
		return v
	case uint64, uint32, uint16, int, int32, int64:
		return fmt.Sprint(v)
	}
	return ""
}

// atlasPlaces adds what the atlases say of an address.
func (s *Set) atlasPlaces(out []netcase.Indicator, a netip.Addr) []netcase.Indicator {
	a = a.Unmap().WithZone("")
	for i := range s.atlases {
		if in, ok := s.atlases[i].place(a, &s.feeds[s.atlases[i].feed]); ok {
			out = append(out, in)
		}
	}
	return out
}
