package report

import (
	"cmp"
	"fmt"
	"slices"
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
	return append(blocks, sensitivity(c)...)
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
	head := []string{"Question to the evidence", "Answer"}
	for _, h := range g.Hypotheses {
		head = append(head, h.ID)
	}
	weights := weightsOf(g)
	items := slices.Clone(g.Items)
	slices.SortStableFunc(items, func(a, b netcase.Item) int {
		return cmp.Or(cmp.Compare(spread(weights[b.ID]), spread(weights[a.ID])), strings.Compare(a.ID, b.ID))
	})
	var rows [][]Cell
	for _, it := range items {
		row := []Cell{
			{Text: it.ID + " " + it.Text, Evidence: it.Evidence},
			plain(strings.Join(nonEmpty(string(it.State), it.Why), ": ")),
		}
		for i := range g.Hypotheses {
			row = append(row, decibans(weights[it.ID], i))
		}
		rows = append(rows, row)
	}
	return Table{
		Caption: "What each item adds to each explanation of " + g.ID + ", in decibans (10 decibans: ten times the odds). An item that is unknown adds nothing.",
		Head:    head, Rows: append(rows, sums(g)...),
	}
}

// weightsOf maps an item to its decibans, one per hypothesis.
func weightsOf(g *netcase.Group) map[string][]float64 {
	out := map[string][]float64{}
	for i, h := range g.Hypotheses {
		for _, w := range h.Weights {
			if out[w.Item] == nil {
				out[w.Item] = make([]float64, len(g.Hypotheses))
			}
			out[w.Item][i] += w.Decibans
		}
	}
	return out
}

// spread is the diagnosticity of an item: how far its weights lie apart.
func spread(w []float64) float64 {
	if len(w) == 0 {
		return 0
	}
	return slices.Max(w) - slices.Min(w)
}

func decibans(w []float64, i int) Cell {
	if len(w) == 0 {
		return Cell{Text: "·", Number: true}
	}
	return Cell{Text: signed(w[i]), Number: true}
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
		row := []Cell{plain(label), plain("")}
		for _, h := range g.Hypotheses {
			row = append(row, Cell{Text: value(h), Number: true})
		}
		return row
	}
	return [][]Cell{
		line("Sum against it (least is best)", func(h netcase.Hypothesis) string { return signed(h.Inconsistency) }),
		line("Probability before", func(h netcase.Hypothesis) string { return chart.Chance(h.Prior) }),
		line("Probability after", func(h netcase.Hypothesis) string { return chart.Chance(h.Posterior) }),
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
	if len(items) > 0 {
		blocks = append(blocks, table("Items weighed for the claims, in decibans.", []string{"Claim", "Question", "Answer", "Why", "Adds"}, items, 2*tableRows))
	}
	return blocks
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

func signedTwo(x float64) string {
	s := chart.Number(x, 2)
	if x > 0 {
		s = "+" + s
	}
	return s
}
