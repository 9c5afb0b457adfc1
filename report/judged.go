package report

import (
	"fmt"
	"strings"

	"netcase"
	"netcase/chart"
)

func judgements(c *netcase.Case) []Block {
	var rows [][]Cell
	for _, j := range c.Judgements {
		word, confidence := j.Word, j.Confidence
		if word == "" {
			word = "not weighed"
		}
		if word == "not weighed" || word == string(netcase.NotDeterminable) {
			confidence = "—" // there is no statement to be confident of
		}
		rows = append(rows, []Cell{claim(j.Claim), plain(word), plain(j.Range), plain(confidence), plain(j.Change)})
	}
	if len(rows) == 0 {
		return []Block{Note{"No judgement was made."}}
	}
	return []Block{
		table("The likelihood is that of the statement; the confidence is that of the analysis, and is another scale.",
			[]string{"Statement", "Likelihood", "Probability", "Confidence", "What would change it"}, rows, tableRows),
	}
}

// severityEvidence is what the severity stands on: its own evidence, else that of
// the group it comes from.
func severityEvidence(c *netcase.Case) []string {
	if len(c.Severity.Evidence) > 0 || len(c.Groups) == 0 {
		return c.Severity.Evidence
	}
	return c.Groups[0].Evidence
}

func severity(c *netcase.Case) []Block {
	s, ids := &c.Severity, severityEvidence(c)
	var says []netcase.Sentence
	if c.StatusWhy != "" {
		says = append(says, sentence(ids, "Status “%s”: %s", c.Status, stop(c.StatusWhy)))
	}
	if s.Low == s.High {
		says = append(says, sentence(ids, "Severity is %s by rule %s: %s", s.Low, s.RuleLow, stop(s.WhyLow)))
	} else {
		says = append(says,
			sentence(ids, "Severity is at least %s by rule %s: %s", s.Low, s.RuleLow, stop(s.WhyLow)),
			sentence(ids, "It is at most %s by rule %s: %s", s.High, s.RuleHigh, stop(s.WhyHigh)))
	}
	if s.Decides != "" {
		says = append(says, sentence(ids, "One datum decides between the two: %s", stop(s.Decides)))
	}
	for _, m := range s.Modifiers {
		says = append(says, sentence(ids, "Modifier: %s", stop(m)))
	}
	blocks := []Block{List{says}}
	if parts := confidenceParts(&c.Confidence); len(parts) > 0 {
		caption := "Confidence of the analysis: " + confidenceText(&c.Confidence) + "."
		if c.Confidence.Capped != "" {
			caption += " Capped: " + stop(c.Confidence.Capped)
		}
		blocks = append(blocks, table(caption, []string{"Condition", "Got", "Of"}, parts, 0))
	}
	return append(blocks, Note{"Severity says what the matter is worth, likelihood how probable a statement is, confidence how sure the analysis is of itself. They are three scales and are never joined into one number."})
}

func confidenceParts(c *netcase.Confidence) (rows [][]Cell) {
	for _, p := range c.Parts {
		rows = append(rows, []Cell{plain(p.Text), num(int64(p.Got)), num(int64(p.Of))})
	}
	return rows
}

func timeline(c *netcase.Case) []Block {
	const most = 60
	var rows [][]Cell
	for _, e := range c.Timeline {
		rows = append(rows, []Cell{plain(e.At.Short()), plain(e.Kind), claim(netcase.Sentence{Text: e.Text, Evidence: e.Evidence})})
	}
	if len(rows) == 0 {
		return []Block{Note{"The case holds no entries for a time line."}}
	}
	return []Block{table("Time line, in UTC. “event”: it happened then; “knowledge”: it could be known from then on.",
		[]string{"Time (UTC)", "Kind", "What"}, rows, most)}
}

func gaps(c *netcase.Case) []Block {
	var rows [][]Cell
	var codes []Block
	for i, g := range c.Gaps {
		rows = append(rows, []Cell{plain(g.Source), plain(g.Expected), plain(g.Present), plain(g.Effect)})
		if g.Query != "" && i < tableRows {
			codes = append(codes, Code{"Fetches what is missing: " + g.Source, g.Language, g.Query})
		}
		for _, q := range g.Queries {
			if i < tableRows {
				codes = append(codes, Code{"The same from another source (" + q.Title + "): " + g.Source, q.Language, q.Text})
			}
		}
	}
	if len(rows) == 0 {
		return []Block{Note{"No gap is recorded. That is a statement about the sources that were expected, not a proof that nothing is missing."}}
	}
	return append([]Block{table("What was expected, what was there, and what the difference costs the judgement.",
		[]string{"Source", "Expected", "Present", "Effect on the judgement"}, rows, tableRows)}, codes...)
}

func alternatives(c *netcase.Case) []Block {
	if len(c.Groups) == 0 {
		return []Block{Note{"No group of sources was judged, so no explanations were weighed."}}
	}
	var blocks []Block
	for i := range c.Groups {
		if i == toldGroups {
			break
		}
		blocks = append(blocks, weighed(&c.Groups[i])...)
	}
	blocks = append(blocks, otherGroups(c)...)
	blocks = append(blocks, claims(c)...)
	blocks = append(blocks, sensitivity(c)...)
	return append(blocks, whatIf(c)...)
}

// weighed tells how the explanations of a group were weighed.
func weighed(g *netcase.Group) []Block {
	blocks := []Block{Heading{3, anchor("group", g.ID), strings.Join(nonEmpty(g.ID, g.Label), ": ")}}
	if !hasRivals(g) {
		return append(blocks, Note{"Explanations of this group: " + leadOf(g) + "."})
	}
	s := fmt.Sprintf("Leading explanation: %s. Best rival: %s.", likelihoodText(g.Hypotheses[0]), likelihoodText(g.Hypotheses[1]))
	return append(blocks,
		Para{[]netcase.Sentence{{Text: s, Evidence: g.Evidence}}},
		Figure{chart.Hypotheses("hypotheses-"+g.ID, g), "How probable each explanation is after the evidence; the tick is where it stood before."},
		matrix(g))
}

// matrix is the analysis of competing hypotheses: what each item of evidence adds
// to each explanation, the most diagnostic item first.
func matrix(g *netcase.Group) Table {
	head := []string{"Question to the evidence", "Answer", "Tells apart"}
	for _, h := range g.Hypotheses {
		head = append(head, h.ID)
	}
	var rows [][]Cell
	for _, m := range g.Matrix {
		it := itemOf(g.Items, m.Item)
		row := []Cell{
			{Text: m.Item + " " + it.Text, Evidence: it.Evidence},
			plain(strings.Join(nonEmpty(string(it.State), it.Why), ": ")),
			{Text: chart.Number(m.Diagnosticity, 0), Number: true},
		}
		for _, mark := range m.Marks {
			row = append(row, Cell{Text: markText(m.State, mark), Number: true})
		}
		rows = append(rows, row)
	}
	return Table{
		Caption: "Each item beside each explanation of " + g.ID + ": ++ and + it fits, − and −− it does not, 0 it says nothing; beside the mark what it adds in decibans (10 decibans: ten times the odds). " +
			"In brackets: what an item that is not known would add; it adds nothing now. “Tells apart”: decibans between the explanation that it fits best and the one that it fits least.",
		Head: head, Rows: append(rows, sums(g)...),
	}
}

func itemOf(items []netcase.Item, id string) netcase.Item {
	for _, i := range items {
		if i.ID == id {
			return i
		}
	}
	return netcase.Item{}
}

// markText is a mark with its decibans: in brackets where the item is not known, a dot
// where it does not hold.
func markText(s netcase.State, m netcase.Mark) string {
	text := strings.ReplaceAll(m.Mark, "-", "−") + " " + strings.TrimLeft(signed(m.Decibans), "+-")
	if m.Decibans == 0 {
		text = "0"
	}
	switch s {
	case netcase.True:
		return text
	case netcase.Unknown:
		return "(" + text + ")"
	}
	return "·"
}

func signed(x float64) string {
	decimals := 1
	if x == float64(int64(x)) {
		decimals = 0
	}
	s := chart.Number(x, decimals)
	if x > 0 {
		s = "+" + s
	}
	return s
}

func sums(g *netcase.Group) [][]Cell {
	line := func(label string, value func(netcase.Hypothesis) string) []Cell {
		row := []Cell{plain(label), plain(""), plain("")}
		for _, h := range g.Hypotheses {
			row = append(row, Cell{Text: value(h), Number: true})
		}
		return row
	}
	return [][]Cell{
		line("Sum against it (least is best)", func(h netcase.Hypothesis) string { return signed(h.Inconsistency) }),
		line("Probability before", func(h netcase.Hypothesis) string { return chart.Chance(h.Prior) }),
		line("Probability after", func(h netcase.Hypothesis) string { return chart.Chance(h.Posterior) }),
		line("90 % range", func(h netcase.Hypothesis) string {
			if h.High == 0 {
				return "–"
			}
			return chart.Chance(h.Low) + " to " + chart.Chance(h.High)
		}),
	}
}

// otherGroups is a line for each group that is not told in full.
func otherGroups(c *netcase.Case) []Block {
	if len(c.Groups) <= toldGroups {
		return nil
	}
	var rows [][]Cell
	for i := range c.Groups[toldGroups:] {
		g := &c.Groups[toldGroups+i]
		rows = append(rows, []Cell{
			{Text: strings.Join(nonEmpty(g.ID, g.Label), ": "), Evidence: g.Evidence, Claim: true},
			num(int64(g.SourceCount)), num(g.Flows), plain(reachText(g.Reach)),
			plain(leadOf(g)), plain(g.Severity.String()),
		})
	}
	return []Block{table("The other groups, a line each.", []string{"Group", "Sources", "Flows", "How far they got", "Leading explanation", "Severity"}, rows, tableRows)}
}

// claims tells what stands of compromise, command and control, exfiltration.
func claims(c *netcase.Case) []Block {
	if len(c.Claims) == 0 {
		return nil
	}
	blocks := []Block{Heading{3, "claims", "Did it succeed? Each claim on its own"}}
	var rows, items [][]Cell
	for i := range c.Claims {
		k := &c.Claims[i]
		rows = append(rows, []Cell{
			{Text: upper(claimText(k)) + ".", Evidence: claimEvidence(c, k), Claim: true},
			plain(k.Why), plain(strings.Join(k.Missing, "; ")),
		})
		for _, it := range k.Items {
			items = append(items, []Cell{quoted(k.ID), {Text: it.ID + " " + it.Text, Evidence: it.Evidence}, plain(string(it.State)), plain(it.Why), decibansOf(k, it.ID)})
		}
	}
	blocks = append(blocks, table("Each claim is judged alone; “gated out” is impossible from this traffic, “not determinable” says that a required item is unknown.",
		[]string{"Claim", "Why", "Data that would decide it"}, rows, tableRows))
	blocks = append(blocks, lastSteps(c)...)
	if len(items) > 0 {
		blocks = append(blocks, table("Items weighed for the claims, in decibans.", []string{"Claim", "Question", "Answer", "Why", "Adds"}, items, 2*tableRows))
	}
	return blocks
}

// lastSteps tells, of claims that are at least likely, what the last step of the ladder
// lacks, or who may take it, or who took it.
func lastSteps(c *netcase.Case) []Block {
	var says []netcase.Sentence
	for i := range c.Claims {
		k := &c.Claims[i]
		ids := claimEvidence(c, k)
		switch {
		case k.Approved != nil:
			says = append(says, sentence(ids, "“%s” is approved by “%s”: “%s”.", k.Name, k.Approved.By, k.Approved.Reason))
		case k.Proposed:
			says = append(says, sentence(ids, "“%s” has its least evidence: a person who has read this case may take the last step of the ladder, with an approval in site.yaml for “%s”.", k.Name, c.ID))
		case len(k.Lacks) > 0:
			says = append(says, sentence(ids, "The last step of the ladder for “%s” lacks: %s", k.Name, stop(strings.Join(k.Lacks, "; "))))
		}
	}
	if len(says) == 0 {
		return nil
	}
	return []Block{List{says}}
}

func claimEvidence(c *netcase.Case, k *netcase.Claim) []string {
	if len(k.Evidence) > 0 {
		return k.Evidence
	}
	return severityEvidence(c)
}

func decibansOf(k *netcase.Claim, item string) Cell {
	for _, w := range k.Weights {
		if w.Item == item {
			return Cell{Text: signed(w.Decibans), Number: true}
		}
	}
	return Cell{Text: "·", Number: true}
}

func sensitivity(c *netcase.Case) []Block {
	if len(c.Sensitivity) == 0 {
		return nil
	}
	var rows [][]Cell
	for _, s := range c.Sensitivity {
		changes := "no"
		if s.Changes {
			changes = "yes"
		}
		rows = append(rows, []Cell{plain(s.Group), plain(s.Item + " " + s.Text), plain(s.Before), plain(s.After), {Text: signedTwo(s.Moved), Number: true}, plain(changes)})
	}
	return []Block{
		Heading{3, "sensitivity", "What moves if one item goes"},
		table("Each line is the judgement with one item of evidence taken away; “changes”: the leading explanation, its likelihood word or the severity.",
			[]string{"Group", "Without", "Before", "After", "Moved", "Changes"}, rows, tableRows),
	}
}

// whatIf tells what the caller supposed, and what it moved.
func whatIf(c *netcase.Case) []Block {
	if c.WhatIf == nil {
		return nil
	}
	blocks := []Block{Heading{3, "what-if", "What was supposed, and what it moved"}}
	var rows [][]Cell
	for _, m := range c.WhatIf.Moved {
		rows = append(rows, []Cell{quoted(m.What), quoted(m.Before), quoted(m.After)})
	}
	if len(rows) == 0 {
		blocks = append(blocks, Note{"Supposed: " + suppositions(c) + ". Nothing moved."})
	} else {
		blocks = append(blocks, table("Supposed: "+suppositions(c)+". The case was judged twice on the same findings, without and with it.",
			[]string{"What", "Without it", "With it"}, rows, tableRows))
	}
	for _, l := range c.WhatIf.Limits {
		blocks = append(blocks, Note{upper(stop(l))})
	}
	return blocks
}

func suppositions(c *netcase.Case) string {
	return "“" + strings.Join(c.WhatIf.Supposed, "”, “") + "”"
}

// movedLines are the differences that a supposition made, a line each.
func movedLines(c *netcase.Case) []string {
	if c.WhatIf == nil {
		return nil
	}
	out := []string{"supposed: " + suppositions(c)}
	if len(c.WhatIf.Moved) == 0 {
		out = append(out, "nothing moved")
	}
	for _, m := range c.WhatIf.Moved {
		out = append(out, fmt.Sprintf("“%s”: “%s” became “%s”", m.What, m.Before, m.After))
	}
	return out
}

func signedTwo(x float64) string {
	s := chart.Number(x, 2)
	if x > 0 {
		s = "+" + s
	}
	return s
}
