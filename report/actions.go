package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

func actions(c *netcase.Case) []Block {
	if len(c.Actions) == 0 {
		return []Block{Note{"No action is proposed."}}
	}
	all := slices.Clone(c.Actions)
	slices.SortStableFunc(all, func(a, b netcase.Action) int { return cmp.Compare(a.Priority, b.Priority) })
	var rows [][]Cell
	for i := range all {
		a := &all[i]
		rows = append(rows, []Cell{
			num(int64(a.Priority)), {Text: stop(a.Title), Evidence: a.Evidence, Claim: true}, plain(a.Owner), plain(due(c, a.Due)),
			plain(a.Risk), plain(a.Collateral),
		})
	}
	blocks := []Block{table("What to do, in this order. Nothing here is done by itself; a person decides.",
		[]string{"#", "Action", "Owner", "Due (UTC)", "Risk if not done", "What it may cost"}, rows, tableRows)}
	for i := range all {
		if i == tableRows {
			break
		}
		blocks = append(blocks, actionBlocks(c, &all[i])...)
	}
	return blocks
}

func actionBlocks(c *netcase.Case, a *netcase.Action) []Block {
	blocks := []Block{Heading{3, anchor("action", a.ID), strings.Join(nonEmpty(a.ID, a.Title), ": ")}}
	if a.Reason != "" {
		blocks = append(blocks, Para{[]netcase.Sentence{{Text: stop(a.Reason), Evidence: a.Evidence}}})
	}
	var facts []Fact
	if s := selectionText(&a.Selection); s != everything {
		facts = append(facts, Fact{Label: "Applies to", Value: s, Quoted: true})
	}
	if a.Expiry > 0 {
		facts = append(facts, Fact{Label: "Expires", Value: strings.TrimPrefix(due(c, a.Expiry), "within ")})
	}
	facts = append(facts, Fact{Label: "Roll back", Value: a.Rollback})
	if facts = filled(facts); len(facts) > 0 {
		blocks = append(blocks, Facts{Items: facts})
	}
	if a.Verify != "" {
		blocks = append(blocks, Code{"Shows that it worked", "", a.Verify})
	}
	if len(a.Refused) > 0 {
		var rows [][]Cell
		for _, r := range a.Refused {
			rows = append(rows, []Cell{quoted(r.Value), plain(r.Reason)})
		}
		blocks = append(blocks, table(fmt.Sprintf("%s refused: a response must not touch them.", plural(len(a.Refused), "target", "targets")), []string{"Target", "Reason"}, rows, tableRows))
	}
	return blocks
}

func compliance(c *netcase.Case) []Block {
	if len(c.Requirements) == 0 {
		return []Block{Note{"No requirement of a standard is touched by what was found."}}
	}
	var rows [][]Cell
	for _, r := range c.Requirements {
		rows = append(rows, []Cell{plain(r.Standard), plain(r.Number), {Text: r.Touched, Evidence: r.Evidence}, plain(r.Attach), plain(r.State)})
	}
	return []Block{table("Evidence relevant to requirements. Whether a requirement is met is an assessor's word, and is not said here.",
		[]string{"Standard", "Requirement", "Touched by", "To attach", "State"}, rows, 2*tableRows)}
}

func queries(c *netcase.Case) []Block {
	if len(c.Queries) == 0 {
		return []Block{Note{"No queries are proposed."}}
	}
	var blocks []Block
	for i, q := range c.Queries {
		if i == tableRows {
			blocks = append(blocks, Note{fmt.Sprintf("… and %s more; %s.", countOf(len(c.Queries)-i), inCase)})
			break
		}
		blocks = append(blocks, Code{q.Title, q.Language, q.Text})
	}
	return blocks
}
