package intel

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"netcase"
)

// writeAtlas makes a database of places.
func writeAtlas(t testing.TB, kind string, epoch int64, records map[string]mmdbtype.Map) string {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: epoch, RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, r := range records {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(network, r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func cityAtlas(t testing.TB) string {
	return writeAtlas(t, "GeoLite2-City", 1786579200, map[string]mmdbtype.Map{ // 2026-08-13
		"62.4.5.0/24": {
			"country":            mmdbtype.Map{"iso_code": mmdbtype.String("DE"), "names": mmdbtype.Map{"en": mmdbtype.String("Germany")}},
			"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("PL")},
			"city":               mmdbtype.Map{"names": mmdbtype.Map{"de": mmdbtype.String("Köln"), "en": mmdbtype.String("Cologne")}},
		},
		"2a02:1::/32": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("NL")}},
	})
}

func systemAtlas(t testing.TB) string {
	return writeAtlas(t, "GeoLite2-ASN", 1786579200, map[string]mmdbtype.Map{
		"62.4.0.0/16": {"autonomous_system_number": mmdbtype.Uint32(64496), "autonomous_system_organization": mmdbtype.String("Example Networks")},
	})
}

// flatAtlas is written as IPinfo and others write.
func flatAtlas(t testing.TB) string {
	return writeAtlas(t, "ipinfo generic_lite", 1786579200, map[string]mmdbtype.Map{
		"62.4.5.0/25": {"country": mmdbtype.String("Bulgaria"), "country_code": mmdbtype.String("BG"), "asn": mmdbtype.String("AS64496"), "as_name": mmdbtype.String("Example"), "city": mmdbtype.String("Sofia")},
		"62.9.9.9/32": {"country": mmdbtype.Slice{mmdbtype.String("x")}, "city": mmdbtype.Map{"names": mmdbtype.Slice{mmdbtype.String("y")}}},
	})
}

// TestAtlas: several atlases and a table of ranges answer side by side; they are no
// evidence, and where they differ the card says so.
func TestAtlas(t *testing.T) {
	set := load(t, []File{
		textFile("geo/GeoLite2-City.mmdb", cityAtlas(t)),
		textFile("geo/GeoLite2-ASN.mmdb", systemAtlas(t)),
		textFile("geo/ipinfo.mmdb", flatAtlas(t)),
		textFile("geo/ranges-2026-08-01.csv", "62.4.5.0,62.4.5.255,DE\n62.4.6.0,62.4.6.255,DE\n"),
		textFile("bad-2026-08-01.txt", "62.4.5.6\n"),
	})
	for _, f := range set.Feeds() {
		if f.Error != "" || f.Read != f.Usable || f.Usable == 0 || !f.Learned.Known() && f.Name != "bad.txt" {
			t.Errorf("%+v", f)
		}
	}
	q := CardQuery{Address: netip.MustParseAddr("62.4.5.6"), First: netcase.Time(1786700000000), Direction: netcase.Inbound}
	card := set.Card(q)
	var said []string
	for _, g := range card.Geo {
		said = append(said, fmt.Sprintf("%s: %s %s %d %s", g.Provider, g.Country, g.City, g.ASN, g.ASName))
	}
	want := []string{
		"MaxMind GeoLite2-ASN:   64496 Example Networks", "MaxMind GeoLite2-City: DE Cologne 0 ",
		"ipinfo generic_lite: BG Sofia 64496 Example", "ranges: DE  0 ",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") || !card.Conflict {
		t.Errorf("conflict %v:\n%s", card.Conflict, strings.Join(said, "\n"))
	}
	if len(card.Listings) != 1 || card.Adverse != 1 || card.Geo[0].At.String() != "2026-08-13T00:00:00.000Z" {
		t.Errorf("%+v", card)
	}
	q.Address = netip.MustParseAddr("62.4.5.200")
	if card := set.Card(q); card.Listed() || card.Conflict || len(card.Geo) != 3 {
		t.Errorf("%+v", card)
	}
	q.Address = netip.MustParseAddr("2a02:1::5")
	if card := set.Card(q); len(card.Geo) != 1 || card.Geo[0].Country != "NL" {
		t.Errorf("%+v", card)
	}
	q.Address = netip.MustParseAddr("62.9.9.9")
	if card := set.Card(q); len(card.Geo) != 0 {
		t.Errorf("a record that says nothing was understood: %+v", card)
	}
	in := set.Match(netip.MustParseAddr("62.4.5.6"))
	for _, i := range in {
		if i.Claim == netcase.ClaimPlace && (i.Claim.Adverse() || !i.Prefix.Contains(netip.MustParseAddr("62.4.5.6")) || i.ID == "") {
			t.Errorf("%+v", i)
		}
	}
	if set.Adverse().Len() != 1 {
		t.Error("an atlas speaks against an address")
	}
}
