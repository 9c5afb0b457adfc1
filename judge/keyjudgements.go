package judge

import (
	"fmt"
	"slices"

	"netcase"
)

// maxJudgements bounds the table of key judgements.
const maxJudgements = 8

// judgements is the table of key judgements: what each told group was, what is
// known of each claim, and whether the counts are real.
func (d *draft) judgements(c *netcase.Case) []netcase.Judgement {
	out := []netcase.Judgement{}
	for i, cl := range d.full() {
		out = append(out, d.groupJudgement(cl, &c.Groups[i], c.Confidence.Level))
	}
	for i := range c.Claims {
		out = append(out, d.claimJudgement(&c.Claims[i], c.Confidence.Level))
	}
	if f := d.doubted(); f != nil {
		out = append(out, artefactJudgement(f, c.Confidence.Level))
	}
	for i := range d.findings {
		if s := d.findings[i].Spike; s != nil && !s.Described && s.Listed != nil {
			text := fmt.Sprintf("The listed addresses explain %s of the excess over the baseline %s", explained(s), spikeNumbers(s))
			if len(c.Groups) > 0 {
				if part, ok := explainedBy(s, &c.Groups[0]); ok {
					text += fmt.Sprintf("; those of %s explain %s", c.Groups[0].ID, part)
				}
			}
			out = append(out, netcase.Judgement{
				Claim: netcase.Sentence{
					Text:     text + ".",
					Evidence: evidenceOf(&d.findings[i]),
				},
				Word: "measured", Confidence: c.Confidence.Level, Change: "a longer history, or records that the inputs lack",
			})
			break
		}
	}
	return out[:min(len(out), maxJudgements)]
}

func (d *draft) groupJudgement(cl *cluster, g *netcase.Group, level string) netcase.Judgement {
	if len(cl.hypotheses) == 0 {
		return ownSideJudgement(cl, g)
	}
	lead := cl.lead()
	_, span := Word(lead.Posterior)
	change, item := d.wouldChange(cl)
	return netcase.Judgement{
		Claim: netcase.Sentence{Text: fmt.Sprintf("%s (%s) is %s.", g.ID, g.Label, explanation(lead.ID).Phrase), Evidence: g.Evidence},
		Word:  lead.Word, Range: span, Confidence: level, Change: change, Queries: d.fetch([]string{item}),
	}
}

// ownSideJudgement is the line on what our own side began.
func ownSideJudgement(cl *cluster, g *netcase.Group) netcase.Judgement {
	j := netcase.Judgement{
		Claim: netcase.Sentence{Text: fmt.Sprintf("%s (%s): our side called; what this was is not determinable from flows.", g.ID, g.Label), Evidence: g.Evidence},
		Word:  notWeighed, Confidence: noConfidence, Change: "the process that called, and what the destination is",
	}
	if cl.internal {
		j.Claim.Text = fmt.Sprintf("%s (%s): one of our own machines began this; authorised or not is not in the data.", g.ID, g.Label)
		j.Change = "the word of the owner, a change ticket, or the role of the machine as the site states it"
	}
	return j
}

// What stands in the table where there is neither likelihood nor confidence.
const (
	notWeighed   = "not weighed"
	noConfidence = "—"
)

// wouldChange names the open item that tells the explanations apart best, and what
// its answer would bring; item: its id, empty where there is none.
func (d *draft) wouldChange(cl *cluster) (text, item string) {
	best := 0.0
	for _, i := range cl.items {
		if i.State != netcase.Unknown {
			continue
		}
		state := states(cl.items)
		state[i.ID] = netcase.True
		after := weigh(d.weights, state)[0]
		if s := d.weights.spread(i.ID); s > best && (after.ID != cl.lead().ID || after.Word != cl.lead().Word) {
			best, item = s, i.ID
			text = fmt.Sprintf("%s: if it held (%s), %s would lead at %s", i.ID, i.Text, explanation(after.ID).Name, printed(after.Posterior))
		}
	}
	if text == "" {
		return "no single open item would change it", ""
	}
	return text, item
}

func (d *draft) claimJudgement(c *netcase.Claim, level string) netcase.Judgement {
	rule := claimRule(c.ID)
	j := netcase.Judgement{
		Claim: netcase.Sentence{Text: c.Name + ": " + rule.Question + ".", Evidence: c.Evidence},
		Word:  c.Word, Confidence: d.claimConfidence(level), Change: "other evidence than is on record",
	}
	if len(j.Claim.Evidence) == 0 {
		j.Claim.Evidence = []string{d.coverage}
	}
	switch c.Standing {
	case netcase.Assessed:
		_, j.Range = Word(c.Posterior)
		j.Change = "a finding on any of its open items"
		j.Queries = d.fetch(openItems(c))
	case netcase.NotDeterminable:
		j.Word, j.Change, j.Confidence = string(c.Standing), enumerated(c.Missing, len(c.Missing)), noConfidence
		j.Queries = d.fetch(openItems(c))
	case netcase.Gated:
		j.Word, j.Change = string(c.Standing), "records that contradict: "+c.Why
	}
	return j
}

func artefactJudgement(f *netcase.Finding, level string) netcase.Judgement {
	least, most := countRange(f.Artefact)
	return netcase.Judgement{
		Claim: netcase.Sentence{
			Text:     fmt.Sprintf("The near-equal counts (%s to %s) come from the logging interval and not from the traffic.", thousands(least), thousands(most)),
			Evidence: evidenceOf(f),
		},
		Word: f.Artefact.Verdict, Confidence: level, Change: "raw records with times to the second that agree with the counts",
	}
}

// openItems lists the items of a claim that are not known.
func openItems(c *netcase.Claim) (out []string) {
	if slices.Contains(c.Missing, outboundData) {
		out = append(out, "B-PERIOD") // nobody looked at the side that this item is about
	}
	for _, i := range c.Items {
		if i.State == netcase.Unknown {
			out = append(out, i.ID)
		}
	}
	return out
}
