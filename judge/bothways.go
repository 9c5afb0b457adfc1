package judge

import (
	"netcase"
)

// BothWays is the card of an address of which no traffic was seen, from the same card as
// it was fused for inbound and for outbound traffic: one result for each, and no merged one.
// A listing is relevant where it bears on either.
func BothWays(in, out netcase.Card) netcase.Card {
	card := in
	card.P, card.Voices, card.Shared = 0, 0, nil
	card.Bearings = []netcase.Bearing{bearing(&in, netcase.Inbound), bearing(&out, netcase.Outbound)}
	card.Listings = make([]netcase.Listing, len(in.Listings))
	for i := range in.Listings {
		card.Listings[i] = eitherWay(&in.Listings[i], &out.Listings[i])
	}
	return card
}

func bearing(c *netcase.Card, d netcase.Direction) netcase.Bearing {
	b := netcase.Bearing{Direction: d, P: c.P, Voices: c.Voices, Shared: c.Shared}
	for i := range c.Listings {
		l := &c.Listings[i]
		if l.Weight == 0 {
			continue
		}
		if b.Weights == nil {
			b.Weights = map[string]float64{}
		}
		b.Weights[l.Indicator.ID] += l.Weight
	}
	return b
}

// eitherWay is a listing without its weight, which is another one for each direction.
func eitherWay(in, out *netcase.Listing) netcase.Listing {
	l := *in
	if !in.Relevant && out.Relevant {
		l = *out
	}
	l.Relevant, l.Weight, l.Voice = in.Relevant || out.Relevant, 0, ""
	l.Credibility = min(in.Credibility, out.Credibility)
	return l
}
