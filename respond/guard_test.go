package respond

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

func TestGuard(t *testing.T) {
	site := &netcase.Site{
		Own:       []netip.Prefix{netip.MustParsePrefix("11.200.0.0/16")},
		Exposed:   []netip.Prefix{netip.MustParsePrefix("11.210.0.5/32")},
		Dark:      []netip.Prefix{netip.MustParsePrefix("11.211.0.0/24")},
		Assets:    []netcase.Asset{{Name: "vip", Addresses: []netip.Addr{netip.MustParseAddr("11.212.0.9")}}},
		Resolvers: []netip.Prefix{netip.MustParsePrefix("11.1.1.1/32")}, Partners: []netip.Prefix{netip.MustParsePrefix("11.2.0.0/16")},
		Approved: []netip.Prefix{netip.MustParsePrefix("11.3.0.0/24")}, Monitoring: []netip.Prefix{netip.MustParsePrefix("11.4.0.1/32")},
	}
	known := func(a netip.Addr) (string, bool) {
		return "Front Door", netip.MustParsePrefix("11.5.0.128/25").Contains(a)
	}
	g := NewGuard(site, known, []netip.Addr{worker})
	for _, c := range []struct{ prefix, want string }{ // want: a part of the reason; empty: not refused
		{"11.22.33.44/32", ""}, {"11.22.33.0/24", ""}, {"2600:ff00:1::/48", ""}, {"2600:ff00:1::5/128", ""},
		{"11.200.3.4/32", "own network"}, {"11.210.0.5/32", "exposed"}, {"11.210.0.0/24", "exposed"},
		{"11.211.0.7/32", "unused"}, {"11.212.0.9/32", "own machine vip"}, {"::ffff:11.212.0.9/128", "own machine vip"},
		{"10.1.2.3/32", "private"}, {"192.168.0.0/24", "private"}, {"fd00::1/128", "private"}, {"100.64.0.1/32", "carrier NAT"},
		{"127.0.0.1/32", "loopback"}, {"224.0.0.5/32", "multicast"}, {"255.255.255.255/32", "reserved"}, {"0.0.0.0/32", "reserved"},
		{"192.0.2.1/32", "documentation"}, {"2001:db8::1/128", "documentation"}, {"4000::1/128", "outside 2000::/3"}, {"::ffff:0:0/96", "wider"},
		{"8.8.8.8/32", "Google Public DNS"}, {"1.1.1.1/32", "Cloudflare DNS"}, {"9.9.9.9/32", "Quad9"}, {"2620:fe::fe/128", "Quad9"},
		{"208.67.222.222/32", "OpenDNS"}, {"8.8.8.0/24", "Google Public DNS"}, {"193.0.14.129/32", "root server"},
		{"168.63.129.16/32", "Azure platform"}, {"169.254.169.254/32", "metadata"}, {"fd00:ec2::254/128", "metadata"}, {"40.126.1.1/32", "Entra"},
		{"104.16.0.0/13", "Cloudflare"}, {"104.17.1.1/32", "Cloudflare"}, {"151.101.1.1/32", "Fastly"},
		{"11.1.1.1/32", "resolver of the site"}, {"11.2.9.9/32", "partner"}, {"11.3.0.9/32", "approved"}, {"11.4.0.1/32", "monitoring"},
		{"11.5.0.200/32", "Front Door"}, {"11.5.0.0/24", "Front Door"}, {"11.5.0.1/32", ""},
		{"11.99.0.7/32", "legitimate use"}, {"11.99.0.0/24", "legitimate use"}, {"11.99.0.8/32", ""},
		{"11.22.0.0/23", "wider than /24"}, {"2600:ff00::/47", "wider than /48"}, {"0.0.0.0/0", "wider than /24, and it touches own network"}, {"::/0", "wider"},
	} {
		reason, refused := g.Check(netip.MustParsePrefix(c.prefix))
		if refused != (c.want != "") || !strings.Contains(reason, c.want) || refused != (reason != "") {
			t.Errorf("%s: refused %v, %q; want %q", c.prefix, refused, reason, c.want)
		}
	}
	if _, refused := g.Check(netip.Prefix{}); !refused {
		t.Error("the zero prefix passed")
	}
}

// Every address that the site or the package protects is refused, alone and
// inside every prefix that holds it.
func TestGuardRefusesWhatHoldsAGuardedAddress(t *testing.T) {
	g := GuardFor(sample(), nil)
	for _, r := range g.ranges {
		for bits := 0; bits <= r.prefix.Addr().BitLen(); bits++ {
			p, err := lastOf(r.prefix).Prefix(bits)
			if err != nil {
				t.Fatal(err)
			}
			if _, refused := g.Check(p); !refused {
				t.Fatalf("%s passed, and holds %s of %s (%s)", p, lastOf(r.prefix), r.prefix, r.why)
			}
		}
	}
}

func TestGuardUnstatedSiteKeepsPrivate(t *testing.T) {
	if _, refused := NewGuard(&netcase.Site{}, nil, nil).Check(single(ownHost)); !refused {
		t.Error("a private address passed where the site says nothing")
	}
	if _, refused := NewGuard(nil, nil, nil).Check(single(ownHost)); !refused {
		t.Error("a private address passed without a site")
	}
}

func TestLegitimateUse(t *testing.T) {
	c := sample()
	c.Site.Statements = []netcase.Statement{{Who: "owner", What: "mine", Peer: "11.98.0.1"}, {Peer: "not an address"}}
	c.Cards = append(c.Cards, card(netip.MustParseAddr("11.60.0.1"), netcase.ClaimScanner), card(netip.MustParseAddr("11.60.0.2"), netcase.ClaimHosting),
		card(netip.MustParseAddr("11.60.0.3"), netcase.ClaimTor))
	g := GuardFor(c, nil)
	for addr, want := range map[string]bool{
		"11.99.0.7": true, "11.98.0.1": true, "11.60.0.1": true, "104.16.1.1": true,
		"11.60.0.2": false, "11.60.0.3": false, "11.22.33.45": false, "11.50.60.70": false,
	} {
		if why, refused := g.Check(single(netip.MustParseAddr(addr))); refused != want {
			t.Errorf("%s: refused %v (%s), want %v", addr, refused, why, want)
		}
	}
	// A login that the group's claim speaks against is no legitimate use.
	c.Groups[1].Claims = []netcase.Claim{{ID: "compromise", Standing: netcase.Assessed, Posterior: 0.8}}
	if why, refused := GuardFor(c, nil).Check(single(worker)); refused {
		t.Errorf("the source of a likely compromise is protected: %s", why)
	}
	c.Groups[1].Claims[0].Posterior = 0.3
	if _, refused := GuardFor(c, nil).Check(single(worker)); !refused {
		t.Error("an unlikely claim took the protection away")
	}
}

func TestScreen(t *testing.T) {
	g := GuardFor(sample(), nil)
	a := sample().Actions[1]
	a.Selection.Peers = append(a.Selection.Peers, netcase.Endpoint{Name: "web-1"})
	a.Selection.Prefixes = append(a.Selection.Prefixes, netip.MustParsePrefix("0.0.0.0/0"))
	before := slices.Clone(a.Selection.Peers)
	got := g.Screen(a)
	if !slices.Equal(a.Selection.Peers, before) {
		t.Error("the action that was given is changed")
	}
	if want := peers(guesser, guesser6); !slices.Equal(got.Selection.Peers, want) {
		t.Errorf("peers %v, want %v", got.Selection.Peers, want)
	}
	if want := []netip.Prefix{badRange}; !slices.Equal(got.Selection.Prefixes, want) {
		t.Errorf("prefixes %v, want %v", got.Selection.Prefixes, want)
	}
	var values []string
	for _, r := range got.Refused {
		values = append(values, r.Value)
		if r.Reason == "" {
			t.Errorf("%s is refused without a reason", r.Value)
		}
	}
	want := []string{"0.0.0.0/0", cdn.String(), ownPublic.String(), worker.String(), "web-1"}
	slices.Sort(want)
	if !slices.Equal(values, want) {
		t.Errorf("refused %v, want %v", values, want)
	}
	again := g.Screen(got)
	if !slices.Equal(again.Refused, got.Refused) || !slices.Equal(again.Selection.Peers, got.Selection.Peers) {
		t.Error("screening twice is not screening once")
	}
}
