package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// maxSentences bounds the summary.
const maxSentences = 5

// summary is the case in at most five sentences: what it is, how far it reached
// and how grave it is, what is known of harm, how sure the analysis is, and what
// is asked for. Likelihood and confidence never share a sentence. A sentence
// without evidence is left out.
func summary(c *netcase.Case) []netcase.Sentence {
	out := []netcase.Sentence{}
	for _, say := range []func(*netcase.Case) netcase.Sentence{sayWhat, sayReach, sayHarm, sayConfidence, sayDecision} {
		s := say(c)
		s.Evidence = unique(s.Evidence)
		if s.Text != "" && len(s.Evidence) > 0 && len(out) < maxSentences {
			out = append(out, s)
		}
	}
	return out
}

// told is the leading group of a case; nil where there is none.
func told(c *netcase.Case) *netcase.Group {
	if len(c.Groups) == 0 || c.Groups[0].Joined > 0 {
		return nil
	}
	return &c.Groups[0]
}

// lookedAt is the id of the evidence on what was looked at.
func lookedAt(c *netcase.Case) []string {
	for _, e := range c.Evidence {
		if strings.HasPrefix(e.Method, "coverage:") {
			return []string{e.ID}
		}
	}
	return nil
}

func sayWhat(c *netcase.Case) netcase.Sentence {
	g := told(c)
	if g == nil {
		return sayQuiet(c)
	}
	text := sayOwnSide(c, g)
	if len(g.Hypotheses) > 1 {
		text = sayWeighed(c, g)
	}
	title := c.Title
	f := deedOf(c, g)
	if f != nil {
		title = strings.TrimPrefix(title, f.Title+"; ")
	}
	if many, _, ok := strings.Cut(title, " in "); ok && strings.Contains(many, manySources) {
		text = title + "; the first of them: " + lowerFirst(text)
	}
	login, evidence := sayLogin(c)
	if f != nil && login == "" {
		text, evidence = sayDeed(g, f, text), evidenceOf(f)
	}
	return netcase.Sentence{Text: login + text + sayOthers(c) + ".", Evidence: append(evidence, g.Evidence...)}
}

// sayOthers counts the groups that page one does not tell.
func sayOthers(c *netcase.Case) string {
	n := c.GroupCount() - 1
	switch {
	case n == 1:
		return "; 1 further group of sources is in the appendix"
	case n > 1:
		return fmt.Sprintf("; %s of sources are in the appendix", count(n, "further group"))
	}
	return ""
}

func sayWeighed(c *netcase.Case, g *netcase.Group) string {
	lead, next := g.Hypotheses[0], g.Hypotheses[1]
	text := fmt.Sprintf("%s; this is %s %s (posterior %s; next: %s, %s)",
		deed(c, g), article(lead.Word), explanation(lead.ID).Phrase, printed(lead.Posterior), explanation(next.ID).Name, printed(next.Posterior))
	if f, share := excessOf(c.Findings, g.Direction, groupNames(g)); share >= mostOfIt {
		text += "; its sources made " + excessText(f, share)
	}
	return text
}

// article is a likelihood word as it stands before what is likely.
func article(word string) string {
	if word == "roughly even chance" {
		return "with a roughly even chance"
	}
	if word == "almost no chance" {
		return "with almost no chance"
	}
	if word == "almost certain" {
		return "almost certainly"
	}
	return word
}

// deed says who did what to whom.
func deed(c *netcase.Case, g *netcase.Group) string {
	who, _, _ := strings.Cut(g.Label, ", ")
	hosts := hostsOf(c, g)
	when := fmt.Sprintf("between %s and %s UTC", g.Span.Start.Short(), (g.Span.End - 1).Short())
	ports := portsText(g.Ports, len(g.Ports))
	if len(g.Ports) >= netcase.ProfilePorts {
		ports = count(len(g.Ports), "port") + " and more"
	}
	switch {
	case internalGroup(g):
		return fmt.Sprintf("Our own %s asked %s for %s in %s %s", sourcesOf(c, g), outsideHosts(c, g), ports, count(g.Flows, "flow"), when)
	case g.Direction == netcase.Outbound && g.HostCount == 1 && len(g.Hosts) == 1 && g.SourceCount == 1 && len(g.Sources) == 1:
		return fmt.Sprintf("%s called %s (%s) on %s in %s %s", hosts, namedIn(c, g.Sources[0].Peer), who, ports, count(g.Flows, "flow"), when)
	case g.Direction == netcase.Outbound:
		return fmt.Sprintf("Our side called %s on %s in %s %s", who, ports, count(g.Flows, "flow"), when)
	case g.Class == classSessions:
		if n := visitors(c.Findings, g.Class, g.Hosts, g.Ports, g.SourceCount); n > 0 {
			who = fmt.Sprintf("%s, the busiest of %s,", who, thousands(int64(n)))
		}
		return fmt.Sprintf("%s reached %s on %s in %s %s", who, hosts, ports, triesOf(c, g.Flows), when)
	}
	return fmt.Sprintf("%s asked %s for %s in %s %s", who, hosts, ports, count(g.Flows, "flow"), when)
}

// sourcesOf names the sources of a group where they are few.
func sourcesOf(c *netcase.Case, g *netcase.Group) string {
	const few = 3
	if g.SourceCount > few || len(g.Sources) < g.SourceCount {
		return count(g.SourceCount, "machine")
	}
	var parts []string
	for i := range g.Sources {
		parts = append(parts, namedIn(c, g.Sources[i].Peer))
	}
	return series(parts, len(parts))
}

// outsideHosts are the hosts that machines of ours asked.
func outsideHosts(c *netcase.Case, g *netcase.Group) string {
	if g.Direction == netcase.Outbound {
		return count(g.HostCount, "outside address")
	}
	return hostsOf(c, g)
}

// namedIn is an endpoint with the machine name that the case knows.
func namedIn(c *netcase.Case, e netcase.Endpoint) string {
	name := e.String()
	if n := c.Names[name]; n != "" {
		name += " (" + n + ")"
	}
	return name
}

func hostsOf(c *netcase.Case, g *netcase.Group) string {
	if g.HostCount > shownHosts || len(g.Hosts) == 0 {
		return count(g.HostCount, "host")
	}
	var parts []string
	for _, h := range g.Hosts {
		parts = append(parts, namedIn(c, h))
	}
	return series(parts, g.HostCount)
}

// sayQuiet says that nothing was found, and what was looked at.
func sayQuiet(c *netcase.Case) netcase.Sentence {
	n := coverageNumbers(&c.Coverage)
	var ran []string
	for _, d := range c.Coverage.Detectors {
		if d.OK {
			ran = append(ran, d.Name)
		}
	}
	text := fmt.Sprintf("No group of sources gave rise to a finding in %s from %s", count(int64(n["accepted"]), "record"), count(len(c.Coverage.Inputs), "input"))
	if len(ran) > 0 {
		text += "; these detectors looked: " + series(ran, len(ran))
	} else {
		text += "; no detector ran, so this says nothing"
	}
	evidence := lookedAt(c)
	if len(c.Findings) > 0 {
		verb := "stand"
		if len(c.Findings) == 1 {
			verb = "stands"
		}
		text += fmt.Sprintf("; %s of another kind %s in the list", count(len(c.Findings), "finding"), verb)
		if f := mostTelling(c.Findings); f != nil && telling(f) > 0 {
			text = f.Title + "; " + lowerFirst(text)
		}
		for i := range c.Findings {
			evidence = append(evidence, evidenceOf(&c.Findings[i])...)
		}
	}
	return netcase.Sentence{Text: text + ".", Evidence: evidence}
}

func sayReach(c *netcase.Case) netcase.Sentence {
	s := c.Severity
	evidence := append(slices.Clone(s.Evidence), lookedAt(c)...)
	text := sayAssumed(c)
	doors, cited := sayDoors(c)
	text, evidence = text+doors, append(evidence, cited...)
	if g := told(c); g != nil {
		of := "these " + triesNoun(c)
		if g.Direction == netcase.Inbound && deedOf(c, g) != nil {
			of = "the flows of " + g.ID
		}
		text += "outcome of " + of + ": " + reachText(g.Reach) + "; "
		evidence = append(slices.Clone(g.Evidence), evidence...)
	}
	if s.Low == s.High {
		text += fmt.Sprintf("severity is %s by rule %s (%s)", s.High, s.RuleHigh, s.WhyHigh)
	} else {
		text += fmt.Sprintf("severity is %s: %s by rule %s (at best: %s), %s by rule %s (at worst: %s); what decides is %s",
			s, s.Low, s.RuleLow, s.WhyLow, s.High, s.RuleHigh, s.WhyHigh, s.Decides)
	}
	for _, m := range s.Modifiers {
		text += "; " + m
	}
	return netcase.Sentence{Text: upperFirst(text) + ".", Evidence: evidence}
}

// sayDoors names the doors that are known to stand open, the busiest first.
func sayDoors(c *netcase.Case) (string, []string) {
	var open []*netcase.Finding
	for i := range c.Findings {
		if x := c.Findings[i].Exposure; x != nil && x.Proven {
			open = append(open, &c.Findings[i])
		}
	}
	slices.SortStableFunc(open, func(a, b *netcase.Finding) int {
		return cmp.Or(cmp.Compare(b.Exposure.Sessions, a.Exposure.Sessions), a.Exposure.Host.Compare(b.Exposure.Host), cmp.Compare(a.Exposure.Port, b.Exposure.Port))
	})
	const shown = 2
	var parts, evidence []string
	for _, f := range open[:min(len(open), shown)] {
		x := f.Exposure
		parts = append(parts, fmt.Sprintf("%d/%s on %s answered %s (%s)", x.Port, transport(x.Proto), doorName(c, x), count(x.SourceCount, "outside address"), count(x.Sessions, "two-way flow")))
		evidence = append(evidence, evidenceOf(f)...)
	}
	if len(parts) == 0 {
		return "", nil
	}
	text := strings.Join(parts, "; ")
	if n := len(open) - len(parts); n > 0 {
		text += fmt.Sprintf("; %s open to the Internet", count(n, "further port"))
	}
	return text + "; ", evidence
}

// doorName is a host by the name that the finding or the inputs give it, with its
// address.
func doorName(c *netcase.Case, x *netcase.ExposureFacts) string {
	address := x.Host.String()
	name := cmp.Or(x.HostName, c.Names[address])
	if name == "" || name == address {
		return address
	}
	return name + " (" + address + ")"
}

func transport(proto uint8) string {
	switch proto {
	case netcase.TCP:
		return "tcp"
	case netcase.UDP:
		return "udp"
	}
	return fmt.Sprintf("protocol %d", proto)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// sayHarm says what is known of success, without naming a deed that nothing shows.
func sayHarm(c *netcase.Case) netcase.Sentence {
	var open, clauses, missing, evidence []string
	for _, cl := range c.Claims {
		evidence = append(evidence, cl.Evidence...)
		question := claimRule(cl.ID).Question
		switch cl.Standing {
		case netcase.NotDeterminable:
			if gatedThroughout(c, cl.ID) {
				question += " (gated out for the flows that were seen)"
			}
			open = append(open, question)
			missing = append(missing, cl.Missing...)
		case netcase.Gated:
			clauses = append(clauses, question+" is gated out: "+cl.Why)
		default:
			statement := strings.TrimPrefix(question, "whether ")
			clauses = append(clauses, fmt.Sprintf("that %s is assessed as: %s (posterior %s)", statement, cl.Word, printed(cl.Posterior)))
		}
	}
	if len(open) > 0 {
		missing = unique(missing)
		const shown = 4
		clauses = append([]string{fmt.Sprintf("%s is not determinable with this data (missing: %s)", series(open, len(open)), enumerated(missing, shown))}, clauses...)
	}
	if len(clauses) == 0 {
		return netcase.Sentence{}
	}
	return netcase.Sentence{Text: upperFirst(strings.Join(clauses, "; ")) + ".", Evidence: append(evidence, lookedAt(c)...)}
}

// gatedThroughout tells whether a claim is impossible for every group of the case.
func gatedThroughout(c *netcase.Case, id string) bool {
	for _, g := range c.Groups {
		for _, cl := range g.Claims {
			if cl.ID == id && cl.Standing != netcase.Gated {
				return false
			}
		}
	}
	return len(c.Groups) > 0
}

func claimRule(id string) Claim {
	for _, r := range Claims() {
		if r.ID == id {
			return r
		}
	}
	return Claim{ID: id, Name: id, Question: "whether " + id}
}

func sayConfidence(c *netcase.Case) netcase.Sentence {
	of := 0
	for _, p := range c.Confidence.Parts {
		of += p.Of
	}
	text := fmt.Sprintf("Analytic confidence is %s (%d of %d points)", c.Confidence.Level, c.Confidence.Points, of)
	if c.Confidence.Capped != "" {
		text += "; " + c.Confidence.Capped
	}
	evidence := lookedAt(c)
	for _, more := range []func(*netcase.Case) (string, []string){sayDoubt, sayShare} {
		words, ids := more(c)
		text, evidence = text+words, append(evidence, ids...)
	}
	return netcase.Sentence{Text: text + ".", Evidence: evidence}
}

// sayDoubt says that counts may not be those of the traffic.
func sayDoubt(c *netcase.Case) (string, []string) {
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Artefact == nil || c.Artefact == nil || f.Artefact.Verdict != c.Artefact.Verdict || f.Artefact.Verdict == artefactNone || !comparesCounts(f.Artefact) {
			continue
		}
		least, most := countRange(f.Artefact)
		return fmt.Sprintf("; the near-equal counts of %s to %s may come from the logging interval", thousands(least), thousands(most)), evidenceOf(f)
	}
	return "", nil
}

// sayShare quotes what the time line shows, and how much of an excess the listed
// addresses explain.
func sayShare(c *netcase.Case) (string, []string) {
	f := headline(sortedTitles(c.Findings))
	if f == nil {
		return "", nil
	}
	text := "; time line: " + f.Title
	if f.Spike.Described || f.Spike.Listed == nil {
		return text, evidenceOf(f)
	}
	text += fmt.Sprintf("; the listed addresses explain %s of that excess", explained(f.Spike))
	if g := told(c); g != nil {
		if part, ok := explainedBy(f.Spike, g); ok {
			text += fmt.Sprintf(", those of %s %s", g.ID, part)
		}
	}
	return text, evidenceOf(f)
}

func sayDecision(c *netcase.Case) netcase.Sentence {
	if len(c.Actions) == 0 {
		return netcase.Sentence{Text: "No decision is asked for.", Evidence: lookedAt(c)}
	}
	a := c.Actions[0]
	text := fmt.Sprintf("Decision asked for: %s (%s) first", lowerFirst(a.Title), a.ID)
	if n := len(c.Actions) - 1; n > 0 {
		text += fmt.Sprintf("; %s follow", count(n, "further action"))
		if n == 1 {
			text = strings.TrimSuffix(text, "follow") + "follows"
		}
	}
	for _, b := range c.Actions[1:] {
		if b.Kind == actBlock {
			text += ", and blocking addresses comes last"
			break
		}
	}
	return netcase.Sentence{Text: text + ".", Evidence: a.Evidence}
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
