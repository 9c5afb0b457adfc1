package evaluate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"netcase"
	"netcase/hunt"
	"netcase/judge"
	"netcase/simulate"
)

// Posteriors at which a claim is spoken for.
const (
	likelyFrom    = 0.55
	unlikelyBelow = 0.45
)

// claimIDs are the claims of harm.
var claimIDs = []string{"compromise", "c2", "exfiltration"}

// claimsOf are the hypotheses that they stand for.
var claimsOf = map[string]string{"compromise": simulate.Breach, "c2": simulate.Control, "exfiltration": simulate.Exfiltration}

// claim is one claim of a case; ok: it is there.
func claim(c *netcase.Case, id string) (netcase.Claim, bool) {
	for i := range c.Claims {
		if c.Claims[i].ID == id {
			return c.Claims[i], true
		}
	}
	return netcase.Claim{}, false
}

// likely tells whether a claim is assessed and at least likely.
func likely(c *netcase.Case, id string) bool {
	k, ok := claim(c, id)
	return ok && k.Standing == netcase.Assessed && k.Posterior >= likelyFrom
}

// confirmed tells whether a claim of a case stands as confirmed with a person's approval
// of it recorded. c is the case as judged, approved the same case with every claim of
// harm approved by a person; nil: no claim was open to that step.
func confirmed(approved *netcase.Case, id string) bool {
	if approved == nil || approved.Status != netcase.StatusConfirmed {
		return false
	}
	k, ok := claim(approved, id)
	return ok && k.Approved != nil
}

// approve judges a case again as if a person had approved every claim of harm in it. A
// case in which nothing is open to that step is not judged again: approvals then count
// for nothing, as the tests of the judgement show.
func approve(ctx context.Context, h hunt.Config, c *netcase.Case) (*netcase.Case, error) {
	if !slices.ContainsFunc(c.Claims, func(k netcase.Claim) bool { return k.Proposed }) {
		return nil, nil
	}
	for _, id := range claimIDs {
		h.Site.Approvals = append(h.Site.Approvals, netcase.Approval{Case: c.ID, Claim: id, By: "evaluation", Reason: "every claim is approved, to see which step is taken"})
	}
	return hunt.Run(ctx, h)
}

// answer is what a case says happened, as one of the ten hypotheses: the most probable
// claim of harm that is at least likely, else the explanation of the sources that the
// story is about, else of the first group. Empty: it says nothing of anybody.
func answer(c *netcase.Case, told *simulate.Truth, sources map[netip.Addr]bool) (string, *netcase.Group) {
	best, posterior := "", 0.0
	for _, id := range claimIDs {
		if k, _ := claim(c, id); likely(c, id) && k.Posterior > posterior {
			best, posterior = claimsOf[id], k.Posterior
		}
	}
	g := groupOf(c, told, sources)
	switch {
	case best != "":
		return best, g
	case g != nil:
		return g.Lead().ID, g
	case len(sources) == 0 && len(c.Groups) > 0:
		return c.Groups[0].Lead().ID, nil
	}
	return "", nil
}

// groupOf is the first group with one of the sources. Of a load, whose sources no case
// lists, it is the first with more sources than it lists at the service that bears it. A group
// that only counts what is not told does not say who is in it.
func groupOf(c *netcase.Case, told *simulate.Truth, sources map[netip.Addr]bool) *netcase.Group {
	loads := activities(told.Labels, simulate.ActFlood, simulate.ActCrowd)
	for i := range c.Groups {
		g := &c.Groups[i]
		if len(g.Hypotheses) == 0 {
			continue
		}
		if slices.ContainsFunc(g.Sources, func(p netcase.Profile) bool { return sources[p.Peer.Addr] }) {
			return g
		}
		for _, a := range loads {
			atService := slices.ContainsFunc(g.Hosts, func(e netcase.Endpoint) bool { return e.Addr == a.Hosts[0] }) && slices.Contains(g.Ports, a.Ports[0])
			if atService && g.SourceCount > len(g.Sources) {
				return g
			}
		}
	}
	return nil
}

// measureJudgement compares the case as a whole.
func measureJudgement(o *outcome, c *netcase.Case, told simulate.Told) {
	l := told.Truth.Labels
	sources := subjects(told)
	got, group := answer(c, &told.Truth, sources)
	wrong := verdict(c, told, got, group)
	o.expected, o.mistake = l.Hypothesis, wrong
	part := "office"
	if o.beside != nil {
		part = "beside"
	}
	o.count("judgement.top1", wrong == "")
	o.count("judgement.top1."+part, wrong == "")
	o.count("judgement.top1."+l.Hypothesis, wrong == "")
	o.count(o.stratum("judgement.top1"), wrong == "")
	if o.beside == nil {
		o.count("judgement.severity", withinSeverity(c.Severity, l.Severity))
		o.count(o.stratum("judgement.severity"), withinSeverity(c.Severity, l.Severity))
	}
	o.claims(c, l)
	o.ablate(c, told, group)
	o.close(c, told, group)
	if truth := whatTheyDid(l); group != nil && truth != "" {
		lead := group.Lead()
		o.frameA = append(o.frameA, exclusive(o.story, group.Hypotheses, truth))
		o.ranges = append(o.ranges, ranged{o.story, "A " + lead.ID + fmt.Sprint(itemsOf(lead.Weights)), lead.Low, lead.High, lead.ID == truth})
	}
}

// whatTheyDid is the one explanation of the sources' activity that is true; empty: the
// story does not say. Several explanations may be right answers, where nobody can tell
// them apart; a probability is compared with the one that is true.
func whatTheyDid(l *simulate.Labels) string {
	switch {
	case slices.ContainsFunc(judge.Explanations(), func(e judge.Explanation) bool { return e.ID == l.Hypothesis }):
		return l.Hypothesis
	case len(l.Lead) == 1:
		return l.Lead[0]
	}
	return ""
}

// subjects are the outside addresses that a story is about: those that stand out of
// what its office sees every day.
func subjects(told simulate.Told) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	list := told.Truth.Labels.Activities
	if len(list) > 1 && told.Truth.Office {
		list = list[1:] // the first label is of the scanners that are always there
	} else if told.Truth.Office {
		list = nil
	}
	for _, a := range list {
		for _, s := range a.Sources {
			if !told.Site.Owns(s) {
				out[s] = true
			}
		}
	}
	return out
}

// claims compares the claims of harm: what was assessed, what reached "likely", and
// what a person could confirm.
func (o *outcome) claims(c *netcase.Case, l *simulate.Labels) {
	falsely := false
	for _, id := range claimIDs {
		truth, proven := slices.Contains(l.Claims, id), slices.Contains(l.Proven, id)
		k, ok := claim(c, id)
		if ok && k.Standing == netcase.Assessed {
			o.frameB = append(o.frameB, binary(o.story+" "+id, k.Posterior, truth))
			o.ranges = append(o.ranges, ranged{o.story + " " + id, "B " + id + fmt.Sprint(itemsOf(k.Weights)), k.Low, k.High, truth})
		}
		o.count("claim.assessed", ok && k.Standing == netcase.Assessed)
		if truth {
			o.count("claim.likely.all."+id, likely(c, id))
			o.count(o.stratum("claim.likely"), likely(c, id))
		}
		if proven {
			o.count("claim.likely."+id, likely(c, id))
			o.count("claim.confirmed."+id, confirmed(o.approved, id))
			o.count(o.stratum("claim.confirmed"), confirmed(o.approved, id))
		}
		if !truth || !proven {
			o.count("claim.false-confirmed", confirmed(o.approved, id))
			if confirmed(o.approved, id) {
				falsely = true
				o.count(o.stratum("claim.false-confirmed"), true)
			}
		}
		if !truth {
			o.count("claim.false-likely", likely(c, id))
			if likely(c, id) {
				o.count(o.stratum("claim.false-likely")+"/"+id, true)
			}
		}
	}
	o.count("case.false-confirmed", falsely)
}

// verdict says what is wrong with the answer to a story, and nothing where it is right.
func verdict(c *netcase.Case, told simulate.Told, got string, group *netcase.Group) string {
	l := told.Truth.Labels
	for _, id := range claimIDs {
		if likely(c, id) && !slices.Contains(l.Claims, id) {
			return claimsOf[id] + " said to be likely"
		}
	}
	switch l.Hypothesis {
	case simulate.Breach, simulate.Control, simulate.Exfiltration:
		return harm(c, told)
	case simulate.Artefact:
		return artefact(c, told)
	case simulate.Misconfigured:
		if len(l.Lead) == 0 && slices.Contains([]string{simulate.Guessing, simulate.Reconnaissance, simulate.Flood}, got) {
			return got
		}
		if len(l.Lead) > 0 && !slices.Contains(l.Lead, got) {
			return said(got)
		}
		return ""
	}
	if group == nil || !slices.Contains(l.Lead, got) {
		return said(got)
	}
	return ""
}

func said(got string) string {
	if got == "" {
		return "the sources are not told of"
	}
	return got
}

// harm judges a story of harm. With the minimum evidence the claim must be likely;
// without it nobody can know, and the claim must stand open, neither ruled out nor
// called unlikely, while the detector names who it is about.
func harm(c *netcase.Case, told simulate.Told) string {
	l := told.Truth.Labels
	for _, id := range l.Claims {
		k, ok := claim(c, id)
		switch {
		case likely(c, id):
		case slices.Contains(l.Proven, id):
			return fmt.Sprintf("%s not likely: %s %.3f", id, k.Standing, k.Posterior)
		case !ok || k.Standing == netcase.Gated || k.Standing == netcase.Assessed && k.Posterior < unlikelyBelow:
			return fmt.Sprintf("%s ruled out: %s %.3f", id, k.Standing, k.Posterior)
		case !named(c, told):
			return "no finding names it"
		}
	}
	return ""
}

// named tells whether a finding of the right kind is about the labelled pair or run.
func named(c *netcase.Case, told simulate.Told) bool {
	for _, a := range told.Truth.Labels.Activities {
		for i := range c.Findings {
			f := &c.Findings[i]
			switch a.Kind {
			case simulate.ActBeacon:
				if f.Beacon != nil && f.Beacon.Verdict == netcase.CadencePeriodic && addressOf(f.Beacon.Host, &told.Site) == a.Sources[0] && f.Beacon.Peer.Addr == a.Hosts[0] {
					return true
				}
				if f.Long != nil && addressOf(f.Long.Host, &told.Site) == a.Sources[0] && f.Long.Peer.Addr == a.Hosts[0] {
					return true
				}
			case simulate.ActUpload:
				if f.Upload != nil && addressOf(f.Upload.Host, &told.Site) == a.Sources[0] && f.Upload.Peer.Addr == a.Hosts[0] {
					return true
				}
			case simulate.ActSuccess:
				if f.Auth != nil && f.Auth.Pattern == netcase.PatternSuccess && concerns(f.Auth, a) {
					return true
				}
			}
		}
	}
	return false
}

// artefact judges a story of the logging: it must be named, and no cadence claimed.
func artefact(c *netcase.Case, told simulate.Told) string {
	labelled := pairsOf(activities(told.Truth.Labels, simulate.ActBeacon, simulate.ActRandom))
	for i := range c.Findings {
		b := c.Findings[i].Beacon
		if b == nil || b.Verdict != netcase.CadencePeriodic {
			continue
		}
		k := pair{addressOf(b.Host, &told.Site), b.Peer.Addr}
		if labelled[k] || told.Truth.Office && aggregated(told) { // beside real traffic others may have raw records
			return "a cadence read from intervals"
		}
	}
	if told.Truth.Scenario == "outage" {
		for i := range c.Findings {
			if s := c.Findings[i].Spike; s != nil && !s.Described {
				return "a spike made of a sensor's silence"
			}
		}
		return ""
	}
	if through(told) && !unmeasured(c, told) {
		return "it is not said that the cadence cannot be measured"
	}
	if !through(told) && (c.Artefact == nil || c.Artefact.Verdict != "likely") {
		return "the logging interval is not named"
	}
	return ""
}

// withinSeverity tells whether the range of a case lies within the one that is right.
func withinSeverity(s netcase.Severity, want [2]string) bool {
	low, errLow := netcase.ParseLevel(want[0])
	high, errHigh := netcase.ParseLevel(want[1])
	return errLow == nil && errHigh == nil && s.Low >= low && s.High <= high
}
