package report

import (
	"slices"
	"strings"

	"netcase"
)

// anchorsOf names the place in the report of everything that can be cited:
// evidence, inputs and findings.
func anchorsOf(c *netcase.Case) map[string]string {
	out := map[string]string{}
	for e := range c.AllEvidence {
		out[e.ID] = anchor("ev", e.ID)
	}
	for i := range c.Coverage.Inputs {
		out[c.Coverage.Inputs[i].ID] = anchor("input", c.Coverage.Inputs[i].ID)
	}
	for i := range c.Findings {
		if i < mostRows {
			out[c.Findings[i].ID] = anchor("finding", c.Findings[i].ID)
		}
	}
	delete(out, "")
	return out
}

// anchor is an id reduced to what every format allows in a fragment.
func anchor(kind, id string) string {
	var b strings.Builder
	b.WriteString(kind + "-")
	for _, r := range strings.ToLower(id) {
		if b.Len() > 60 {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// restAnchor is where the evidence is found that is cited but not shown one by one:
// the finding that holds the first of it, else the appendix.
func (d *Doc) restAnchor(ids []string) string {
	for _, id := range ids {
		if a := d.home[id]; a != "" {
			return a
		}
	}
	return "evidence"
}

// pruner leaves out what cites no evidence, and notes what is cited.
type pruner struct {
	doc   *Doc
	cited map[string]bool
}

func (p *pruner) prune(in []Block) (out []Block) {
	for _, b := range in {
		switch b := b.(type) {
		case Para:
			if b.Sentences = p.sentences(b.Sentences); len(b.Sentences) > 0 {
				out = append(out, b)
			}
		case List:
			if b.Items = p.sentences(b.Items); len(b.Items) > 0 {
				out = append(out, b)
			}
		case Table:
			out = append(out, p.table(b))
		case Facts:
			for _, f := range b.Items {
				p.cite(f.Evidence)
			}
			out = append(out, b)
		case Finding:
			b.Blocks = p.prune(b.Blocks)
			out = append(out, b)
		default:
			out = append(out, b)
		}
	}
	return out
}

func (p *pruner) sentences(in []netcase.Sentence) (out []netcase.Sentence) {
	for _, s := range in {
		if s.Text == "" {
			continue
		}
		if len(s.Evidence) == 0 {
			p.doc.Dropped = append(p.doc.Dropped, s.Text)
			continue
		}
		p.cite(s.Evidence)
		out = append(out, s)
	}
	return out
}

func (p *pruner) table(t Table) Table {
	var rows [][]Cell
	for _, r := range t.Rows {
		bare := slices.IndexFunc(r, func(c Cell) bool { return c.Claim && len(c.Evidence) == 0 })
		if bare >= 0 {
			text := r[bare].Text
			if text == "" {
				text = r[0].Text
			}
			p.doc.Dropped = append(p.doc.Dropped, text)
			continue
		}
		for _, c := range r {
			p.cite(c.Evidence)
		}
		rows = append(rows, r)
	}
	t.Rows = rows
	return t
}

func (p *pruner) cite(ids []string) {
	for _, id := range ids {
		p.cited[id] = true
	}
}

// dangling are the cited ids that the case does not hold.
func (p *pruner) dangling() (out []string) {
	for id := range p.cited {
		if _, ok := p.doc.anchors[id]; !ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
