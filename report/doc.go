// Package report turns a judged case into words and pictures. It decides nothing:
// Build composes one document from what the case holds, and the writers
// (Markdown, HTML, Terminal, Figures) render it.
//
// Every sentence about the case carries the ids of the evidence it stands on; one
// that carries none is not rendered, and Doc.Dropped says so.
package report

import (
	"netcase"
	"netcase/chart"
)

// Doc is the report as typed blocks, before any markup.
type Doc struct {
	Title    string
	Blocks   []Block
	Dropped  []string          // sentences left out because they cite no evidence
	Dangling []string          // cited ids that the case does not hold, sorted
	anchors  map[string]string // id -> anchor, for every id that can be cited
	said     map[string]string // id of evidence -> its statement
	home     map[string]string // id of evidence -> anchor of the finding that it belongs to
}

// Block is one part of the document.
type Block interface{ block() }

// Heading opens a section. Level 2 is a section, 3 a part of one.
type Heading struct {
	Level int
	ID    string
	Text  string
}

// Para is a paragraph of sentences.
type Para struct{ Sentences []netcase.Sentence }

// List is a list of sentences.
type List struct{ Items []netcase.Sentence }

// Note says how to read the report. It claims nothing of the case.
type Note struct{ Text string }

// Callout is a notice that must not be missed.
type Callout struct {
	Title string
	Items []string
}

// Fact is a named value.
type Fact struct {
	Label    string
	Value    string
	Evidence []string
	Quoted   bool // Value is a word of the inputs, not ours
}

// Facts is a list of named values.
type Facts struct{ Items []Fact }

// Cell is one cell of a table.
type Cell struct {
	Text     string
	Evidence []string
	Claim    bool   // a sentence about the case: without evidence its row is left out
	Number   bool   // aligned right
	Quoted   bool   // words of the inputs, not ours
	Anchor   string // id of the row, where others point at it
}

// Table is a table with its caption.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]Cell
	More    int    // rows left out
	Where   string // where the rows left out are found
}

// Figure is a drawing with a sentence that says what to see.
type Figure struct {
	chart.Figure
	Caption string
}

// Finding is a finding, told in full.
type Finding struct {
	ID     string
	Title  string
	Blocks []Block
}

// Code is a text for machines, kept line by line.
type Code struct {
	Title    string
	Language string
	Text     string
}

func (Heading) block() {}
func (Para) block()    {}
func (List) block()    {}
func (Note) block()    {}
func (Callout) block() {}
func (Facts) block()   {}
func (Table) block()   {}
func (Figure) block()  {}
func (Finding) block() {}
func (Code) block()    {}

// Bounds of the report; what is beyond them is in case.json.
const (
	tableRows      = 30   // rows of a table that grows with the traffic
	sourceRows     = 10   // sources or listed addresses one by one
	mostRows       = 200  // rows that others point at
	toldGroups     = 3    // groups told in full
	toldCards      = 6    // addresses told in full
	toldFindings   = 40   // findings told in full; scans are told a line each
	listedIDs      = 3    // evidence ids after one sentence
	pageOneQueries = 3    // queries for cut inputs on page one
	evidenceRows   = 400  // of the evidence appendix, besides what is cited
	textRunes      = 2000 // of one text
	cellRunes      = 400  // of one cell
	codeRunes      = 20000
)

const inCase = "the full list is in case.json"

// Build composes the report of a case.
func Build(c *netcase.Case) Doc {
	d := Doc{Title: title(c), anchors: anchorsOf(c), said: map[string]string{}, home: map[string]string{}}
	for i := range c.Findings {
		for _, id := range findingIDs(&c.Findings[i]) {
			d.home[id] = d.anchors[c.Findings[i].ID]
		}
	}
	for e := range c.AllEvidence {
		if _, ok := d.said[e.ID]; !ok {
			d.said[e.ID] = e.Statement
		}
	}
	var blocks []Block
	for _, s := range sections() {
		own := s.blocks(c)
		if s.title != "" {
			blocks = append(blocks, Heading{2, s.id, s.title})
		}
		blocks = append(blocks, own...)
	}
	p := pruner{doc: &d, cited: map[string]bool{}}
	blocks = p.prune(blocks)
	tail := p.prune(evidenceAppendix(c, p.cited))
	d.Blocks = append(append(blocks, tail...), closing(c, len(d.Dropped))...)
	d.Dangling = p.dangling()
	return d
}

func title(c *netcase.Case) string {
	if c.Title != "" {
		return c.Title
	}
	return "Case " + c.ID
}

// section is one part of the report.
type section struct {
	id     string
	title  string
	blocks func(*netcase.Case) []Block
}

// sections lists the parts in their order.
func sections() []section {
	return []section{
		{"short", "", pageOne},
		{"judgements", "Key judgements", judgements},
		{"severity", "Status and severity", severity},
		{"timeline", "Time line", timeline},
		{"findings", "Findings", findings},
		{"gaps", "Not seen, and what is missing", gaps},
		{"alternatives", "Alternatives considered", alternatives},
		{"scope", "Scope", scope},
		{"impact", "Impact", impact},
		{"intel", "What intelligence says", intelligence},
		{"actions", "Recommendations", actions},
		{"compliance", "Evidence for requirements", compliance},
		{"queries", "Appendix: queries", queries},
		{"inputs", "Appendix: inputs", inputs},
		{"feeds", "Appendix: intelligence feeds", feeds},
		{"runs", "Appendix: what ran, and with which settings", runs},
	}
}
