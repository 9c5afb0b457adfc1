package report

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
	"netcase/chart"
)

// glance is the verdict of a case on a few lines; the terminal and page one show
// the same.
type glance struct {
	Title      string
	Status     string
	Severity   netcase.Severity
	Rules      string
	Lead       string
	Rival      string
	Claims     []string
	Reach      string
	Decides    string
	Confidence string
	Sensors    string // how far several sensors agree
	Warnings   []string
	Moved      []string // what was supposed, and what that moved
	Action     string
}

func glanceOf(c *netcase.Case) glance {
	g := glance{
		Title: title(c), Status: string(c.Status), Severity: c.Severity, Rules: rulesText(&c.Severity),
		Decides: c.Severity.Decides, Confidence: confidenceText(&c.Confidence), Warnings: warnings(c), Moved: movedLines(c),
		Sensors: agreementLine(c),
	}
	g.Lead, g.Rival = leadText(c)
	for i := range c.Claims {
		g.Claims = append(g.Claims, claimText(&c.Claims[i])+ofLead(c, &c.Claims[i]))
	}
	if len(c.Groups) > 0 {
		var reach netcase.Tally
		for i := range c.Groups {
			reach = reach.Plus(c.Groups[i].Reach)
		}
		g.Reach = reachText(reach) + fmt.Sprintf(", of the %s told in groups", plural(int(reach.Total()), "flow", "flows"))
	}
	if a := firstAction(c); a != nil {
		g.Action = a.Title
		if a.Owner != "" {
			g.Action += " — " + a.Owner
		}
		if a.Due > 0 {
			g.Action += ", within " + durationText(a.Due)
		}
	}
	return g
}

// beforeFlowLogs is earlier than any flow log: a clock that says so counts from the
// start of a capture. 1990-01-01.
const beforeFlowLogs = netcase.Time(631152000000)

// relativeClock warns where the times of an input are no calendar times.
func relativeClock(c *netcase.Case) string {
	var names []string
	for i := range c.Coverage.Inputs {
		if in := &c.Coverage.Inputs[i]; in.Flows > 0 && in.Span.Start < beforeFlowLogs {
			names = append(names, in.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; the clock of " + strings.Join(capped(names, 3), ", ") + " is relative: its times are no calendar times, and what was known then cannot be told"
}

func rulesText(s *netcase.Severity) string {
	switch {
	case s.RuleLow == "" && s.RuleHigh == "":
		return ""
	case s.RuleLow == s.RuleHigh || s.RuleHigh == "":
		return "rule " + s.RuleLow
	}
	return fmt.Sprintf("rule %s at the lower end, rule %s at the upper", s.RuleLow, s.RuleHigh)
}

// leadText is the leading explanation of the group that the case is judged by,
// and its best rival.
func leadText(c *netcase.Case) (lead, rival string) {
	if len(c.Groups) == 0 {
		return "no explanation was weighed", ""
	}
	g := &c.Groups[0]
	lead = leadOf(g)
	if n := c.GroupCount(); n > 1 {
		lead += fmt.Sprintf(", for %s, the first of %s groups", g.ID, countOf(n))
	}
	if hasRivals(g) {
		rival = likelihoodText(g.Hypotheses[1])
	}
	return lead, rival
}

// hasRivals tells whether explanations of a group were weighed against each other.
// What a source outside is after is not asked of traffic that our own side began.
func hasRivals(g *netcase.Group) bool { return len(g.Hypotheses) > 1 }

// leadOf is the leading explanation of a group, or that none was weighed.
func leadOf(g *netcase.Group) string {
	switch {
	case hasRivals(g):
		return likelihoodText(g.Hypotheses[0])
	case g.Direction == netcase.Outbound || g.Direction == netcase.Lateral:
		return "not weighed: our side began this traffic"
	}
	return "not weighed"
}

// likelihoodText is "background scanning: very likely (0.85)".
func likelihoodText(h netcase.Hypothesis) string {
	s := h.Name
	if s == "" {
		s = h.ID
	}
	if h.Word == "" {
		return s + " (" + chart.ChanceRange(h.Posterior, h.Low, h.High) + ")"
	}
	return s + ": " + h.Word + " (" + chart.ChanceRange(h.Posterior, h.Low, h.High) + ")"
}

// claimText is "compromise: not determinable".
func claimText(c *netcase.Claim) string {
	s := c.Name + ": " + string(c.Standing)
	if c.Standing == netcase.Assessed {
		s = c.Name + ": " + c.Word + " (" + chart.ChanceRange(c.Posterior, c.Low, c.High) + ")"
	}
	return s
}

// ofLead adds that the claim is impossible for the traffic of the leading group,
// where it is not over everything that was read.
func ofLead(c *netcase.Case, k *netcase.Claim) string {
	if len(c.Groups) == 0 || k.Standing == netcase.Gated {
		return ""
	}
	g := &c.Groups[0]
	for i := range g.Claims {
		if own := &g.Claims[i]; own.ID == k.ID && own.Standing == netcase.Gated {
			return fmt.Sprintf(" over all traffic; %s for %s", own.Standing, g.ID)
		}
	}
	return ""
}

func confidenceText(c *netcase.Confidence) string {
	if c.Level == "" {
		return ""
	}
	s := c.Level
	of := 0
	for _, p := range c.Parts {
		of += p.Of
	}
	if of > 0 {
		s += fmt.Sprintf(" (%d of %d points)", c.Points, of)
	}
	return s
}

// warnings says what was not looked at properly.
func warnings(c *netcase.Case) []string {
	var out []string
	if len(c.Coverage.Inputs) == 0 {
		out = append(out, "no telemetry was read")
	}
	for i := range c.Coverage.Inputs {
		in := &c.Coverage.Inputs[i]
		if u := in.Unsound(); u != "" {
			out = append(out, in.Name+": "+u)
		}
	}
	for _, f := range c.Coverage.Feeds {
		if f.Error != "" {
			out = append(out, "feed "+f.Name+": "+f.Error)
		}
	}
	for _, l := range c.Coverage.Lookups {
		if l.Error != "" {
			out = append(out, "look-up "+l.Service+": "+l.Error)
		}
	}
	for _, d := range c.Coverage.Detectors {
		if !d.OK {
			out = append(out, "detector “"+d.Name+"” did not run: "+d.Why)
		}
	}
	return out
}

// firstAction is the action with the least priority number; the first of equals.
func firstAction(c *netcase.Case) *netcase.Action {
	var best *netcase.Action
	for i := range c.Actions {
		if best == nil || c.Actions[i].Priority < best.Priority {
			best = &c.Actions[i]
		}
	}
	return best
}

// pageOne is the verdict, the answer in short, and what it rests on.
func pageOne(c *netcase.Case) []Block {
	g := glanceOf(c)
	facts := Facts{Items: []Fact{{Label: "Status", Value: g.Status}, {Label: "Severity", Value: severityLine(&g), Evidence: severityEvidence(c)}}}
	add := func(label, value string) {
		if value != "" {
			facts.Items = append(facts.Items, Fact{Label: label, Value: value})
		}
	}
	add("What would decide it", g.Decides)
	add("Leading explanation", g.Lead)
	add("Its best rival", g.Rival)
	add("Claims of harm", strings.Join(g.Claims, " · "))
	add("How far the flows got", g.Reach)
	add("Confidence of the analysis", g.Confidence)
	add("First action", g.Action)
	add("Investigated span", spanText(c.Span)+relativeClock(c))
	add("Own network", ownNetwork(c))
	add("Telemetry", strings.Join(c.Coverage.Families, ", "))
	blocks := []Block{facts, Heading{2, "short", "In short"}, List{c.Summary}}
	if len(g.Moved) > 0 {
		blocks = append(blocks, Callout{"What was supposed, and what it moved", capped(g.Moved, 12)})
	}
	if len(g.Warnings) > 0 {
		blocks = append(blocks, Callout{"Not everything was looked at properly", capped(g.Warnings, 12)})
	}
	for i := range c.Coverage.Inputs {
		if in := &c.Coverage.Inputs[i]; in.CutQuery != "" && i < pageOneQueries {
			blocks = append(blocks, Code{"Fetches the rest of " + in.Name, "", in.CutQuery})
		}
	}
	return append(blocks,
		Figure{chart.Coverage("coverage", &c.Coverage, c.Span), "What was read of each input, and the time it speaks for; the shaded stretch is the investigated span."},
		Para{[]netcase.Sentence{reconciliation(c)}})
}

func severityLine(g *glance) string {
	if g.Rules == "" {
		return g.Severity.String()
	}
	return g.Severity.String() + " (" + g.Rules + ")"
}

func ownNetwork(c *netcase.Case) string {
	return strings.Join(nonEmpty(c.Site.Name, c.Coverage.Site), " · ")
}

func nonEmpty(all ...string) (out []string) {
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// capped is at most n lines, the last saying how many more there are.
func capped(lines []string, n int) []string {
	if len(lines) <= n {
		return lines
	}
	return append(lines[:n:n], fmt.Sprintf("… and %s more", countOf(len(lines)-n)))
}

// reconciliation says that every record and every flow is accounted for, or not.
func reconciliation(c *netcase.Case) netcase.Sentence {
	var read, accepted, rejected, skipped, duplicate, flows, accounted int64
	var ids []string
	balanced := true
	for i := range c.Coverage.Inputs {
		in := &c.Coverage.Inputs[i]
		read, accepted, rejected = read+in.Read, accepted+in.Accepted, rejected+in.Rejected
		skipped, duplicate = skipped+in.Skipped, duplicate+in.Duplicate
		flows, accounted = flows+in.Flows, accounted+in.Reaches.Total()
		balanced = balanced && in.Balanced()
		if in.ID != "" { // what was refused was not read, and has none
			ids = append(ids, in.ID)
		}
	}
	s := fmt.Sprintf("Records: %s read = %s accepted + %s rejected + %s skipped + %s duplicate; flows: %s in, %s accounted for.",
		count(read), count(accepted), count(rejected), count(skipped), count(duplicate), count(flows), count(accounted))
	if flows == 0 && slices.ContainsFunc(c.Groups, func(g netcase.Group) bool { return g.Flows > 0 }) {
		s += " No flow is recorded: an attempt to log in stands for one."
	}
	if !balanced {
		s += " The records of at least one input do not add up; the table of inputs marks it."
	}
	return netcase.Sentence{Text: s, Evidence: ids}
}
