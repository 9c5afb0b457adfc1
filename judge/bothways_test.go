package judge

import (
	"net/netip"
	"testing"

	"netcase"
)

// TestBothWays: a claim of phishing weighs nothing on what comes in, a report of scanning
// nothing on what goes out, and no probability merges the two.
func TestBothWays(t *testing.T) {
	card := func(d netcase.Direction) netcase.Card {
		c := netcase.Card{Address: netip.MustParseAddr("62.4.5.6"), Adverse: 2, Listings: []netcase.Listing{
			{Indicator: netcase.Indicator{ID: "p", Provider: "Kaspersky", Origin: "Kaspersky", Claim: netcase.ClaimPhishing}, Timing: netcase.KnownThen, AgeDays: 1},
			{Indicator: netcase.Indicator{ID: "s", Provider: "AbuseIPDB", Origin: "AbuseIPDB", Claim: netcase.ClaimScan, Score: 90}, Timing: netcase.KnownThen, AgeDays: 1},
		}}
		Fuse(&c, Behaviour{Direction: d})
		return c
	}
	c := BothWays(card(netcase.Inbound), card(netcase.Outbound))
	if c.P != 0 || c.Voices != 0 || len(c.Bearings) != 2 {
		t.Fatalf("%+v", c)
	}
	in, out := c.Bearings[0], c.Bearings[1]
	if in.Direction != netcase.Inbound || in.Weights["p"] != 0 || in.Weights["s"] <= 0 || in.Voices != 1 {
		t.Errorf("inbound: %+v", in)
	}
	if out.Direction != netcase.Outbound || out.Weights["s"] != 0 || out.Weights["p"] <= 0 || out.Voices != 1 || in.P == out.P {
		t.Errorf("outbound: %+v", out)
	}
	for _, l := range c.Listings {
		if !l.Relevant || l.Weight != 0 || l.Credibility == 6 {
			t.Errorf("%s: %+v", l.Indicator.ID, l)
		}
	}
}
