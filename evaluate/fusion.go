package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"netcase"
	"netcase/judge"
)

// Fusion is how well the probability of a card, that its address is abusive, comes true
// where lists are as good as the tool believes: addresses are drawn with the prior, every
// origin lists them with the likelihood ratio that one listing of it weighs, and others
// repeat what it lists. It tests the arithmetic of origins and copies, not the table of
// how good lists are.
type Fusion struct {
	Calibration Calibration `json:"calibration"`
	Bayes       float64     `json:"bayes_brier"` // of who knows how the lists were drawn
	Naive       float64     `json:"naive_ece"`   // of who takes every listing for a voice of its own
	Full        float64     `json:"full_ece"`    // the tool's, of lists so full that their silence would say something, which it does not weigh
	Copy        float64     `json:"copy_moves"`  // the most that a copy which names its origin moves the probability
	Fifth       float64     `json:"fifth_moves"` // the most that a fifth copy does
}

// What is drawn.
const (
	fusionSeed      = 5
	fusionAddresses = 80_000
	fusionPrior     = .2  // of the judgement: an outside address that touches exposed ports
	fusionInnocent  = .01 // share of the innocent addresses that an origin lists: so few that its silence says nothing
	fusionFull      = .04 // the same of lists that are full
	fusionCopied    = .6  // chance of each further copy of what an origin lists
	fusionCopies    = 4
)

// lister is an origin, and the weight of one listing by it.
type lister struct {
	listing netcase.Listing
	weight  float64 // log-odds
}

// listers are origins of every kind that bears on tries from outside.
func listers() (out []lister) {
	for _, i := range []netcase.Indicator{
		{Provider: "AbuseIPDB", Claim: netcase.ClaimAbuse, Score: 80},
		{Provider: "GreyNoise", Claim: netcase.ClaimScan},
		{Provider: "Spamhaus", Claim: netcase.ClaimHijacked},
		{Provider: "blocklist.de", Claim: netcase.ClaimBruteForce},
	} {
		l := listingOf(i)
		out = append(out, lister{l, logOdds(fusedP(l)) - logOdds(fusionPrior)})
	}
	return out
}

// listingOf is a fresh listing that was known before the traffic.
func listingOf(i netcase.Indicator) netcase.Listing {
	i.ID, i.LastSeen = i.Provider, netcase.Time(1_760_000_000_000)
	return netcase.Listing{Indicator: i, Timing: netcase.KnownThen}
}

// copyOf is what others make of a listing: every second one names its origin, of the
// others a table knows where they have it from.
func copyOf(l netcase.Listing, n int) netcase.Listing {
	out := listingOf(l.Indicator)
	out.Indicator.Provider = fmt.Sprintf("portal %d", n)
	out.Indicator.ID = out.Indicator.Provider
	if n%2 == 0 {
		out.Indicator.Origin = l.Indicator.Provider
	}
	out.Group = l.Indicator.Provider
	return out
}

// fusedP is what the judgement states of an address with these listings.
func fusedP(list ...netcase.Listing) float64 {
	card := netcase.Card{Listings: slices.Clone(list), Adverse: len(list)}
	judge.Fuse(&card, judge.Behaviour{Direction: netcase.Inbound, Ports: []uint16{22}})
	return card.P
}

// drawn is an address as lists see it.
type drawn struct {
	number  int
	abusive bool
	listed  []lister
	list    []netcase.Listing // theirs and the copies of them
	bayes   float64           // log-odds by how it was drawn
	naive   float64           // log-odds where every listing counts in full
}

// drawAddress draws an address and who lists it; innocent is the share of the innocent ones
// that an origin lists.
func drawAddress(d *rand.Rand, all []lister, innocent float64) drawn {
	out := drawn{abusive: d.Float64() < fusionPrior, bayes: logOdds(fusionPrior), naive: logOdds(fusionPrior)}
	for _, o := range all {
		ratio := math.Exp(o.weight)
		if d.Float64() >= innocent*(1+one(out.abusive)*(ratio-1)) {
			out.bayes += math.Log((1 - ratio*innocent) / (1 - innocent))
			continue
		}
		out.bayes, out.naive = out.bayes+o.weight, out.naive+o.weight
		out.listed, out.list = append(out.listed, o), append(out.list, o.listing)
		for k := range fusionCopies {
			if d.Float64() < fusionCopied {
				out.list, out.naive = append(out.list, copyOf(o.listing, k)), out.naive+o.weight
			}
		}
	}
	return out
}

func measureFusion() (out Fusion) {
	var stated, naive []prediction
	for _, a := range drawListed(fusionInnocent) {
		stated = append(stated, a.states(fusedP(a.list...)))
		naive = append(naive, a.states(chanceOf(a.naive)))
		out.Bayes += a.states(chanceOf(a.bayes)).square
		named, fifth := a.moves()
		out.Copy, out.Fifth = max(out.Copy, named), max(out.Fifth, fifth)
	}
	out.Bayes /= float64(len(stated))
	out.Calibration = calibrate("fusion, the probability that a listed address is abusive", stated)
	for i := range out.Calibration.Bins {
		b := &out.Calibration.Bins[i]
		b.Kinds, b.Missed = nil, nil // addresses by number
	}
	out.Naive = errorOf(naive, func(i int) bool { return naive[i].true })
	var full []prediction
	for _, a := range drawListed(fusionFull) {
		full = append(full, a.states(fusedP(a.list...)))
	}
	out.Full = errorOf(full, func(i int) bool { return full[i].true })
	return out
}

// drawListed draws addresses and keeps those that are listed: of the others nothing is stated.
func drawListed(innocent float64) (out []drawn) {
	d := rand.New(rand.NewPCG(fusionSeed, fusionSeed))
	all := listers()
	for n := range fusionAddresses {
		if a := drawAddress(d, all, innocent); len(a.list) > 0 {
			a.number = n
			out = append(out, a)
		}
	}
	return out
}

// states is a probability that is stated of the address; no two addresses are alike.
func (a *drawn) states(p float64) prediction { return binary(fmt.Sprint(a.number), p, a.abusive) }

// moves is how far the probability moves by one more copy of the first origin: one that
// names it, and a fifth that does not.
func (a *drawn) moves() (named, fifth float64) {
	first := a.listed[0].listing
	add := func(to []netcase.Listing, n int) []netcase.Listing { return append(slices.Clone(to), copyOf(first, n)) }
	named = math.Abs(fusedP(add(a.list, fusionCopies)...) - fusedP(a.list...))
	var origins []netcase.Listing
	for _, o := range a.listed {
		origins = append(origins, o.listing)
	}
	for k := range fusionCopies {
		origins = add(origins, 2*k+1)
	}
	return named, math.Abs(fusedP(add(origins, 2*fusionCopies+1)...) - fusedP(origins...))
}

func chanceOf(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }
