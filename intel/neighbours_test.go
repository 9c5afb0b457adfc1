package intel

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func neighbourSet(t testing.TB, files map[string]string) *Set {
	t.Helper()
	var in []File
	for name, text := range files {
		in = append(in, File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
	}
	set, err := Load(context.Background(), in, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestNeighbours(t *testing.T) {
	set := neighbourSet(t, map[string]string{
		"blocklist.txt":  "45.9.1.1\n45.9.1.2\n45.9.1.2\n45.9.1.200\n45.9.2.1\n45.9.1.0/25\n2a01:4f8:1::1\n2a01:4f8:1:ffff::2\n2a01:4f8:2::1\n",
		"blocklist2.txt": "45.9.1.2\n",
		"asn.csv":        "45.9.0.0,45.9.255.255,64500,Example Hosting\n45.10.0.0,45.10.255.255,64501,Other\n46.0.0.0,46.0.0.255,64502,Third\n",
	})
	n := set.Neighbours(netip.MustParseAddr("45.9.1.1"))
	if n.Network.String() != "45.9.1.0/24" || n.Listed != 2 || n.ASN != 64500 || n.ASName != "Example Hosting" || n.ASNListed != 4 {
		t.Errorf("%+v", n)
	}
	if n := set.Neighbours(netip.MustParseAddr("::ffff:45.9.1.77")); n.Listed != 3 {
		t.Errorf("an address that is not listed itself: %+v", n)
	}
	if n := set.Neighbours(netip.MustParseAddr("2a01:4f8:1::9")); n.Network.String() != "2a01:4f8:1::/48" || n.Listed != 2 || n.ASN != 0 {
		t.Errorf("%+v", n)
	}
	if n := (*Set)(nil).Neighbours(netip.MustParseAddr("45.9.1.1")); n != nil {
		t.Errorf("%+v", n)
	}
}

// The count by binary search is that of looking at every address.
func TestNeighboursAgainstPlain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	var lines []string
	listed := map[netip.Addr]bool{}
	for range 3000 {
		a := netip.AddrFrom4([4]byte{45, byte(random.IntN(3)), byte(random.IntN(4)), byte(random.IntN(256))})
		listed[a] = true
		lines = append(lines, a.String())
	}
	set := neighbourSet(t, map[string]string{"blocklist.txt": strings.Join(lines, "\n")})
	for range 300 {
		a := netip.AddrFrom4([4]byte{45, byte(random.IntN(4)), byte(random.IntN(5)), byte(random.IntN(256))})
		want := 0
		for d := range 256 {
			b := a.As4()
			b[3] = byte(d)
			if o := netip.AddrFrom4(b); o != a && listed[o] {
				want++
			}
		}
		if got := set.Neighbours(a).Listed; got != want {
			t.Fatal(fmt.Sprint(a, " has ", got, " neighbours, want ", want))
		}
	}
}
