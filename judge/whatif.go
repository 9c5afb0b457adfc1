package judge

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// What-if: the case is judged twice on the same findings, as the caller supposes and as it
// is without that, and the difference is told.

// ErrNothingLeftOut is the cause where something is to be left out that is not there.
var ErrNothingLeftOut = errors.New("nothing has this name: give an item (A05, B-PERIOD), an evidence id (E-007), a provider or list, or a detector")

// supposed tells whether the case rests on what is not recorded, or leaves out what is.
func (d *draft) supposed() bool { return len(d.in.Without) > 0 || d.assumed() != "" }

// leaveOut takes out of an input what its Without names, and returns the items that are
// not to be answered.
func leaveOut(in *Input) (items map[string]bool, err error) {
	items = map[string]bool{}
	if len(in.Without) == 0 {
		return items, nil
	}
	in.Findings = slices.Clone(in.Findings)
	in.Coverage.Detectors, in.Coverage.Feeds = slices.Clone(in.Coverage.Detectors), slices.Clone(in.Coverage.Feeds)
	for _, name := range in.Without {
		switch {
		case isItem(name):
			items[strings.ToUpper(name)] = true
		case in.dropEvidence(name), in.dropDetector(name), in.dropProvider(name):
		default:
			return nil, fmt.Errorf("without %q: %w", name, ErrNothingLeftOut)
		}
	}
	return items, nil
}

func isItem(name string) bool {
	for _, i := range activityItems() {
		if strings.EqualFold(i.id, name) {
			return true
		}
	}
	for _, c := range Claims() {
		if slices.ContainsFunc(c.Items, func(i claimItem) bool { return strings.EqualFold(i.id, name) }) {
			return true
		}
	}
	return false
}

// dropEvidence takes a measurement out, and the finding where it was the only one. What
// its detector found elsewhere stands; that it found nothing more is no longer known.
func (in *Input) dropEvidence(id string) bool {
	for i := range in.Findings {
		f := &in.Findings[i]
		at := slices.IndexFunc(f.Evidence, func(e netcase.Evidence) bool { return strings.EqualFold(e.ID, id) })
		if at < 0 {
			continue
		}
		in.forget(f.Detector)
		if len(f.Evidence) == 1 {
			in.Findings = slices.Delete(in.Findings, i, i+1)
		} else {
			f.Evidence = slices.Delete(slices.Clone(f.Evidence), at, at+1)
		}
		return true
	}
	return false
}

// forget takes a detector out of those that ran: it was not asked, so its silence says
// nothing.
func (in *Input) forget(detector string) (found bool) {
	in.Coverage.Detectors = slices.DeleteFunc(in.Coverage.Detectors, func(r netcase.Run) bool {
		same := strings.EqualFold(r.Name, detector)
		found = found || same
		return same
	})
	return found
}

func (in *Input) dropDetector(name string) bool {
	found := in.forget(name)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool {
		same := strings.EqualFold(f.Detector, name)
		found = found || same
		return same
	})
	return found
}

// dropProvider takes out what a provider, or a list by its name, says, first-hand or as
// the origin that another one copies.
func (in *Input) dropProvider(name string) (found bool) {
	is := func(s string) bool { return s != "" && folded(s) == folded(name) }
	in.Coverage.Feeds = slices.DeleteFunc(in.Coverage.Feeds, func(f netcase.FeedReport) bool {
		same := is(f.Name) || is(f.Provider)
		found = found || same
		return same
	})
	for i := range in.Findings {
		if s := in.Findings[i].Sighting; s != nil {
			own := *s
			own.Sightings = slices.Clone(s.Sightings)
			for j := range own.Sightings {
				found = dropListings(&own.Sightings[j].Card, is) || found
			}
			in.Findings[i].Sighting = &own
		}
	}
	return found
}

func dropListings(c *netcase.Card, is func(string) bool) (found bool) {
	c.Listings = slices.DeleteFunc(slices.Clone(c.Listings), func(l netcase.Listing) bool {
		same := is(l.Indicator.Provider) || is(l.Indicator.Origin) || is(l.Indicator.Feed)
		found = found || same
		return same
	})
	if !found {
		return false
	}
	c.Adverse, c.Known, c.Origins = 0, false, nil
	for i := range c.Listings {
		l := &c.Listings[i]
		if !l.Indicator.Claim.Adverse() || !inTime(l) {
			continue
		}
		c.Adverse++
		c.Known = c.Known || l.Timing == netcase.KnownThen
		c.Origins = append(c.Origins, l.Indicator.Origin)
	}
	slices.Sort(c.Origins)
	c.Origins = slices.Compact(c.Origins)
	return true
}

// silenceItem is the answer to an item that the caller left out.
func silenceItem() answer { return open("left out by the caller") }

// asItIs is the input without what the caller supposed, and what cannot be taken back.
func (in Input) asItIs() (out Input, limits []string) {
	out = in
	out.Without, out.Allowed = nil, nil
	if len(in.Allowed) > 0 && in.Site != nil {
		site := *in.Site
		site.Approved = slices.DeleteFunc(slices.Clone(site.Approved), func(p netip.Prefix) bool { return slices.Contains(in.Allowed, p) })
		out.Site = &site
		limits = append(limits, "a port that only allowed sources reached is no open door in either judgement: the detectors were told of them")
	}
	out.Settings = map[string]string{}
	for k, v := range in.Settings {
		out.Settings[k] = v
	}
	if reach, err := netcase.ParseReach(assumedReach(in.Settings, &in.Coverage)); err == nil && reach != netcase.ReachUnknown {
		out, limits = out.unassumed(reach, limits)
	}
	return out, limits
}

// unassumed takes an assumed outcome back, where no input records that outcome itself, so
// that it is known which flows it was assumed for.
func (in Input) unassumed(reach netcase.Reach, limits []string) (Input, []string) {
	recorded := recordedReach(&in.Coverage)
	if recorded.Total() == 0 {
		return in, append(limits, "which outcomes were recorded before the supposition is not known, so it is in both judgements")
	}
	if recorded[reach] > 0 {
		return in, append(limits, fmt.Sprintf("the inputs record %q for other flows, which cannot be told from those it was supposed for: the supposition is in both judgements", reach))
	}
	was := netcase.ReachUnknown
	switch {
	case recorded[netcase.ReachUnknown] == 0:
		was = netcase.ReachAllowed
	case recorded[netcase.ReachAllowed] > 0:
		limits = append(limits, "flows that were allowed and flows without an outcome cannot be told apart afterwards: without the supposition all of them count as unknown")
	}
	delete(in.Settings, "assume")
	in.Coverage.Notes = slices.DeleteFunc(slices.Clone(in.Coverage.Notes), func(n string) bool { return strings.HasPrefix(n, assumedNote) })
	in.Coverage.Inputs = slices.Clone(in.Coverage.Inputs)
	in.Findings = slices.Clone(in.Findings)
	for i := range in.Findings {
		takeBack(&in.Findings[i], reach, was)
	}
	return in, limits
}

// recordedReach counts the flows of the inputs by the outcome that they record, before any
// was assumed.
func recordedReach(c *netcase.Coverage) (t netcase.Tally) {
	for i := range c.Inputs {
		if c.Inputs[i].CopyOf == "" {
			t = t.Plus(c.Inputs[i].Reaches)
		}
	}
	return t
}

// takeBack moves an assumed outcome back in everything that a finding counts. The finding
// is a copy; what it points to is copied here.
func takeBack(f *netcase.Finding, reach, was netcase.Reach) {
	move := func(t *netcase.Tally) { t[was], t[reach] = t[was]+t[reach], 0 }
	profile := func(p *netcase.Profile) {
		move(&p.Reach)
		p.Ports = slices.Clone(p.Ports)
		for i := range p.Ports {
			move(&p.Ports[i].Reach)
			if reach == netcase.ReachBidirectional || reach == netcase.ReachAuthenticated {
				p.Ports[i].AnsweredHours = 0
			}
		}
		if reach == netcase.ReachBidirectional || reach == netcase.ReachAuthenticated {
			p.BusiestHour = netcase.Absent
		}
	}
	profiles := func(ps []netcase.Profile) []netcase.Profile {
		ps = slices.Clone(ps)
		for i := range ps {
			profile(&ps[i])
		}
		return ps
	}
	move(&f.Reach)
	switch {
	case f.Scan != nil:
		own := *f.Scan
		own.Sources = profiles(own.Sources)
		f.Scan = &own
	case f.Exposure != nil:
		own := *f.Exposure
		own.Sources = profiles(own.Sources)
		own.Proven = own.Proven && reach != netcase.ReachBidirectional && reach != netcase.ReachAuthenticated
		f.Exposure = &own
	case f.Sighting != nil:
		own := *f.Sighting
		own.Sightings = slices.Clone(own.Sightings)
		for i := range own.Sightings {
			profile(&own.Sightings[i].Profile)
		}
		f.Sighting = &own
	}
}

// whatIf judges the case without what the caller supposed, and tells the difference; nil
// where nothing was supposed.
func whatIf(in Input, c *netcase.Case) (*netcase.WhatIf, error) {
	w := &netcase.WhatIf{Moved: []netcase.Move{}}
	if r := assumedReach(in.Settings, &in.Coverage); r != "" {
		w.Supposed = append(w.Supposed, "an outcome that is not recorded is "+r)
	}
	for _, name := range in.Without {
		w.Supposed = append(w.Supposed, "without "+name)
	}
	for _, p := range in.Allowed {
		w.Supposed = append(w.Supposed, p.String()+" may do what it does")
	}
	if len(w.Supposed) == 0 {
		return nil, nil
	}
	var before Input
	before, w.Limits = in.asItIs()
	base, _, err := draftOnce(before)
	if err != nil {
		return nil, err
	}
	if len(in.Without) > 0 {
		holdConfidence(&c.Confidence, &base.Confidence)
	}
	w.Moved = append(w.Moved, differences(base, c)...)
	return w, nil
}

// holdConfidence keeps the confidence of a judgement that leaves evidence out at or below
// that of the whole one.
func holdConfidence(c, whole *netcase.Confidence) {
	if c.Points <= whole.Points && levelRank(c.Level) <= levelRank(whole.Level) {
		return
	}
	why := "evidence was left out by the caller: no more sure than with it"
	c.Points, c.Level = min(c.Points, whole.Points), whole.Level
	c.Capped = strings.TrimPrefix(c.Capped+"; "+why, "; ")
}

func levelRank(level string) int {
	return slices.Index([]string{confidenceLow, confidenceModerate, confidenceHigh}, level)
}

// differences lists what two judgements say differently, in a fixed order.
func differences(a, b *netcase.Case) (out []netcase.Move) {
	note := func(what, before, after string) {
		if before != after {
			out = append(out, netcase.Move{What: what, Before: before, After: after})
		}
	}
	note("severity", severityLine(&a.Severity), severityLine(&b.Severity))
	note("status", string(a.Status), string(b.Status))
	note("confidence", a.Confidence.Level, b.Confidence.Level)
	for i := range a.Claims {
		note(a.Claims[i].Name, claimLine(&a.Claims[i]), claimLine(&b.Claims[i]))
	}
	seen := map[string]bool{}
	old := groupsByKey(a)
	for i := range b.Groups {
		g := &b.Groups[i]
		k := groupKey(g)
		if k == "" || seen[k] {
			continue
		}
		seen[k] = true
		before := "not there"
		if o := old[k]; o != nil {
			before = groupLine(o)
		}
		note(fmt.Sprintf("%s (%s)", g.ID, g.Label), before, groupLine(g))
	}
	for i := range a.Groups {
		if k := groupKey(&a.Groups[i]); k != "" && !seen[k] {
			seen[k] = true
			note(a.Groups[i].Label, groupLine(&a.Groups[i]), "not there")
		}
	}
	return append(out, actionMoves(a, b)...)
}

func severityLine(s *netcase.Severity) string {
	if s.RuleLow == s.RuleHigh {
		return fmt.Sprintf("%s by rule %s", s, s.RuleLow)
	}
	return fmt.Sprintf("%s by rules %s and %s", s, s.RuleLow, s.RuleHigh)
}

// groupKey names a group by its busiest source and who began the traffic, so that it is
// found again whatever its place; empty: it only counts.
func groupKey(g *netcase.Group) string {
	if g.Joined > 0 || len(g.Sources) == 0 {
		return ""
	}
	return fmt.Sprint(g.Direction, " ", g.Sources[0].Peer, " ", g.Class)
}

func groupsByKey(c *netcase.Case) map[string]*netcase.Group {
	out := map[string]*netcase.Group{}
	for i := range c.Groups {
		if k := groupKey(&c.Groups[i]); k != "" && out[k] == nil {
			out[k] = &c.Groups[i]
		}
	}
	return out
}

func groupLine(g *netcase.Group) string {
	if len(g.Hypotheses) == 0 {
		return "not weighed; severity " + g.Severity.String()
	}
	return standingLine(g.Hypotheses[0], g.Severity)
}

// actionMoves lists the actions that only one of two judgements asks for.
func actionMoves(a, b *netcase.Case) (out []netcase.Move) {
	has := func(c *netcase.Case, title string) bool {
		return slices.ContainsFunc(c.Actions, func(x netcase.Action) bool { return x.Title == title })
	}
	for _, x := range a.Actions {
		if !has(b, x.Title) {
			out = append(out, netcase.Move{What: "action", Before: x.Title, After: "not asked for"})
		}
	}
	for _, x := range b.Actions {
		if !has(a, x.Title) {
			out = append(out, netcase.Move{What: "action", Before: "not asked for", After: x.Title})
		}
	}
	return out
}
