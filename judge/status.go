package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

// suspiciousFrom is the posterior of a hypothesis from which an observation
// becomes a suspicious event.
const suspiciousFrom = 0.55

// status is the step of the ladder that the evidence reaches, and why. The last step is
// taken where a person's approval of a claim is on record, and nowhere else.
func (d *draft) status() (netcase.Status, string) {
	var best *netcase.Claim
	for i := range d.claims {
		c := &d.claims[i]
		if c.Approved != nil {
			return netcase.StatusConfirmed, d.approvedWhy(c)
		}
		if c.Standing == netcase.Assessed && c.Posterior >= suspectedFrom && (best == nil || c.Posterior > best.Posterior) {
			best = c
		}
	}
	if best != nil {
		why := fmt.Sprintf("%s stands at %s (%s)", best.Name, printed(best.Posterior), best.Word)
		if best.Proposed {
			return netcase.StatusSuspected, why + "; its least evidence is there, from " + count(d.families(), "family") +
				" of telemetry: a person may take the last step of the ladder (an approval in site.yaml for the case " + d.unapproved() + ")"
		}
		return netcase.StatusSuspected, why + "; the last step of the ladder lacks " + strings.Join(best.Lacks, "; ")
	}
	if why := d.settledAttempt(); why != "" {
		return netcase.StatusAttempt, why
	}
	return d.suspicion()
}

// approvedWhy says who took the last step, and on what.
func (d *draft) approvedWhy(c *netcase.Claim) string {
	a := c.Approved
	why := fmt.Sprintf("%s is approved by %s: %s", c.Name, a.By, a.Reason)
	if a.At.Known() {
		why = fmt.Sprintf("%s is approved by %s on %s UTC: %s", c.Name, a.By, a.At.Short(), a.Reason)
	}
	return fmt.Sprintf("%s (posterior %s, its least evidence from %s of telemetry)", why, printed(c.Posterior), count(d.families(), "family"))
}

// settledAttempt tells why an attempt is beyond doubt, and that it failed.
func (d *draft) settledAttempt() string {
	sound, _ := d.in.Coverage.Sound()
	if !sound || !d.in.Coverage.Has("flow") || !d.in.Coverage.Has("login") {
		return ""
	}
	for _, c := range d.clusters {
		state := states(c.items)
		f := d.factsOf(c, state, c.claims)
		if d.succeeded(c) {
			continue
		}
		switch {
		case f.guessing:
			return "failed logins above the threshold, and no login after them, with flows and login log present"
		case f.aimed:
			return "reconnaissance aimed at this network, and no login after it, with flows and login log present"
		}
	}
	return ""
}

// succeeded tells whether a login after failures is on record.
func (d *draft) succeeded(c *cluster) bool {
	return slices.ContainsFunc(d.authAt(&scene{c: c}), func(i int) bool { return d.findings[i].Auth.Pattern == netcase.PatternSuccess })
}

func (d *draft) suspicion() (netcase.Status, string) {
	for _, c := range d.clusters {
		if why := d.ownSuspicion(c); why != "" {
			return netcase.StatusSuspicious, why
		}
		l := c.lead()
		if l.Posterior > suspiciousFrom && l.ID != "BSC" {
			return netcase.StatusSuspicious, fmt.Sprintf("under investigation: %s (posterior %s) for %s", explanation(l.ID).Name, printed(l.Posterior), c.who())
		}
	}
	for i := range d.findings {
		switch f := &d.findings[i]; {
		case f.Spike != nil && !f.Spike.Described:
			return netcase.StatusSuspicious, "under investigation: an excess over the baseline " + spikeNumbers(f.Spike)
		case f.Owner != nil && f.Owner.Decibans > 0:
			return netcase.StatusSuspicious, "under investigation: an unusual process owns a socket on " + d.name(f.Owner.Host)
		case tellsStrange(f.Process):
			return netcase.StatusSuspicious, "under investigation: a process on " + d.name(f.Process.Host) + " is not as it should be"
		}
	}
	if len(d.clusters) == 0 {
		return netcase.StatusObservation, "no finding asks for more; what was looked at is in the coverage"
	}
	return netcase.StatusObservation, "no explanation of harm leads, and there is no excess over a baseline"
}

// ownSuspicion tells why what our side began is to be looked into: a machine of
// ours that nobody vouches for, or a call of a place that is listed for harm.
func (d *draft) ownSuspicion(c *cluster) string {
	switch {
	case len(c.hypotheses) > 0 || c.rest:
		return ""
	case c.internal:
		return "under investigation: " + c.who() + " began this, and whether it was authorised is not in the data"
	case c.calledHarm():
		return "under investigation: our side called " + c.who() + ", listed for harm"
	}
	return ""
}

// spikeNumbers is what an excess must be told with.
func spikeNumbers(s *netcase.SpikeFacts) string {
	return fmt.Sprintf("(ratio %.1f, excess %s, q %s)", s.Ratio, count(int64(math.Round(s.Excess)), "flow"), smallP(s.Q))
}

// explained is the part of an excess that the listed addresses explain, in words.
func explained(s *netcase.SpikeFacts) string {
	return fmt.Sprintf("%s of %s", thousands(int64(math.Round(s.Listed.Observed-s.Listed.Expected))), count(int64(math.Round(s.Excess)), "flow"))
}

// explainedBy is the part of an excess that the sources of a group explain, where
// they are listed; ok: at least one of them was looked at.
func explainedBy(s *netcase.SpikeFacts, g *netcase.Group) (text string, ok bool) {
	excess := 0.0
	for i := range g.Sources {
		for _, c := range s.ListedPeers {
			if c.Name == g.Sources[i].Peer.String() {
				excess += c.Observed - c.Expected
				ok = true
			}
		}
	}
	return fmt.Sprintf("%s of %s", thousands(int64(math.Round(excess))), count(int64(math.Round(s.Excess)), "flow")), ok
}

// smallP writes a small probability.
func smallP(p float64) string {
	if p < 1e-12 {
		return "below 1e-12"
	}
	return fmt.Sprintf("%.2g", p)
}
