// Package judge turns findings into a case. It weighs rival explanations of what
// each group of sources did (frame A), asks of each claim of harm whether this
// data can decide it (frame B), takes over whether the numbers are real (frame C),
// and derives severity, status, confidence, gaps and actions by stated rules.
//
// It is pure: no clock, no network, no randomness. Equal inputs give equal cases.
package judge

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"netcase"
)

// Config holds the parameters of the judgement. A zero field takes its value from
// DefaultConfig.
type Config struct {
	Full      int           // groups that are told in full
	MaxGroups int           // groups that are listed; the rest is counted in one more
	MaxCards  int           // intelligence cards that the case shows
	Overlap   float64       // Jaccard similarity from which two port sets are the same
	TTLScan   time.Duration // of a block against scanning
	TTLGuess  time.Duration // of a block against password guessing
	TTLC2     time.Duration // of a block of a place that our machines call
}

// DefaultConfig is the configuration used where none is given.
func DefaultConfig() Config {
	return Config{
		Full: 3, MaxGroups: 50, MaxCards: 50, Overlap: 0.8,
		TTLScan: 24 * time.Hour, TTLGuess: 7 * 24 * time.Hour, TTLC2: 30 * 24 * time.Hour,
	}
}

func (c Config) orDefault() Config {
	d := DefaultConfig()
	for _, f := range []struct{ v, d *int }{{&c.Full, &d.Full}, {&c.MaxGroups, &d.MaxGroups}, {&c.MaxCards, &d.MaxCards}} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	for _, f := range []struct{ v, d *time.Duration }{{&c.TTLScan, &d.TTLScan}, {&c.TTLGuess, &d.TTLGuess}, {&c.TTLC2, &d.TTLC2}} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	if c.Overlap <= 0 || c.Overlap > 1 {
		c.Overlap = d.Overlap
	}
	return c
}

// Input is everything that a judgement rests on.
type Input struct {
	Config   Config
	ID       string // of the case; empty: CaseID
	Settings map[string]string
	Site     *netcase.Site // nil: nothing is stated
	Span     netcase.Span  // the investigated span
	AsOf     netcase.Time
	IssuedAt netcase.Time
	Findings []netcase.Finding
	Coverage netcase.Coverage
	Names    map[netip.Addr]string

	// Asked are the addresses that a service answered about; lists speak of all.
	Asked map[netip.Addr]bool

	// Outbound says whether traffic that our side began was in the inputs. Empty:
	// not known, unless a finding is about such traffic.
	Outbound netcase.State

	// Without names what is left out: items, evidence ids, providers, detectors.
	Without []string
	// Allowed are prefixes among the site's approved ones that only this run allows.
	Allowed []netip.Prefix

	// Weights of the items; nil: those of this version.
	Weights *Weights

	// Queries are the export queries for a span; nil: none are added.
	Queries func(netcase.Span) []netcase.QueryText
}

// CaseID is the name of a case: a hash of the inputs, the settings, the weights
// and the version, whatever the order of the inputs.
func CaseID(in Input) string {
	h := sha256.New()
	var lines []string
	for _, r := range in.Coverage.Inputs {
		lines = append(lines, "input "+r.SHA256)
	}
	for _, f := range in.Coverage.Feeds {
		lines = append(lines, "feed "+f.SHA256+" "+f.Learned.String())
	}
	slices.Sort(lines)
	for _, k := range sortedKeys(in.Settings) {
		lines = append(lines, fmt.Sprintf("setting %q %q", k, in.Settings[k]))
	}
	lines = append(lines, fmt.Sprintf("span %d %d", in.Span.Start, in.Span.End))
	weights := fmt.Sprintf("%x", sha256.Sum256(weightsV4))
	if in.Weights != nil {
		weights = in.Weights.sum
	}
	lines = append(lines, "weights "+weights, "version "+netcase.Version)
	for _, l := range lines {
		_, _ = fmt.Fprintln(h, l) // a hash never fails
	}
	return fmt.Sprintf("nc-%x", h.Sum(nil)[:6])
}

// draft is a judgement in the making.
type draft struct {
	in       Input
	config   Config
	site     *netcase.Site
	weights  *Weights
	findings []netcase.Finding // own copies; the cards in them are fused
	book     book
	// particular are the hosts that some finding names in particular.
	particular []netcase.Endpoint
	clusters   []*cluster
	crowd      []*cluster // all groups, before those beyond the bound were joined
	claims     []netcase.Claim
	level      netcase.Severity
	coverage   string          // id of the evidence on what was looked at
	leftOut    map[string]bool // items that the caller left out
}

// Draft judges findings. Block actions still name every candidate: the caller
// screens them and then calls Close. Where the caller supposed something, the case
// tells what that moved.
func Draft(in Input) (*netcase.Case, error) {
	c, d, err := draftOnce(in)
	if err != nil {
		return nil, err
	}
	if c.WhatIf, err = whatIf(in, c); err != nil {
		return nil, err
	}
	d.finish(c)
	return c, check(c)
}

// draftOnce judges findings as they are given.
func draftOnce(in Input) (*netcase.Case, *draft, error) {
	d, err := newDraft(in)
	if err != nil {
		return nil, nil, err
	}
	d.judgeGroups()
	d.judgeClaims()
	c := d.assemble()
	d.conclude(c)
	return c, d, nil
}

// Close finishes a case after its actions were screened: actions that have nothing
// left to act on become notes, numbers become final, the summary follows, and
// every sentence is checked against the evidence it cites.
func Close(c *netcase.Case, in Input) error {
	settleActions(c)
	c.Summary = summary(c)
	return check(c)
}

// weights are those to judge with.
func (in *Input) weights() (*Weights, error) {
	if in.Weights != nil {
		return in.Weights, nil
	}
	return DefaultWeights()
}

func newDraft(in Input) (*draft, error) {
	w, err := in.weights()
	if err != nil {
		return nil, err
	}
	leftOut, err := leaveOut(&in)
	if err != nil {
		return nil, err
	}
	d := &draft{in: in, config: in.Config.orDefault(), site: in.Site, weights: w, leftOut: leftOut}
	if d.site == nil {
		d.site = &netcase.Site{}
	}
	d.findings = withFusedCards(withoutTwins(in.Findings))
	d.book = openBook(d.findings)
	d.book.complete(d.findings)
	d.particular = particularHosts(d.findings)
	d.coverage = d.book.add(coverageStatement(&in.Coverage), coverageNumbers(&in.Coverage), "coverage: records read, accepted and refused, by input", inputIDs(&in.Coverage))
	return d, nil
}

// withFusedCards copies findings so far that their cards can be fused without
// touching the caller's.
func withFusedCards(in []netcase.Finding) []netcase.Finding {
	out := slices.Clone(in)
	copied := copiedFrom(in)
	for i := range out {
		f := out[i].Sighting
		if f == nil {
			continue
		}
		own := *f
		own.Sightings = slices.Clone(f.Sightings)
		for j := range own.Sightings {
			s := &own.Sightings[j]
			s.Card.Listings = slices.Clone(s.Card.Listings)
			fuse(&s.Card, BehaviourOf(&s.Profile), copied)
		}
		out[i].Sighting = &own
	}
	return out
}
