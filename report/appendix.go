package report

import (
	"fmt"
	"strings"

	"netcase"
)

func inputs(c *netcase.Case) []Block {
	if len(c.Coverage.Inputs) == 0 {
		return []Block{Note{"No input was read."}}
	}
	// Every input is kept: sentences point at them.
	var rows, identities, doubts [][]Cell
	var codes []Block
	for i := range c.Coverage.Inputs {
		in := &c.Coverage.Inputs[i]
		rows = append(rows, inputRow(in))
		identities = append(identities, []Cell{plain(in.ID), quoted(strings.Join(in.Sensors, ", ")), plain(resolutions(in)), plain(spanText(in.Span)), quoted(in.SHA256)})
		doubts = append(doubts, doubtRows(in)...)
		if in.CutQuery != "" && i >= pageOneQueries && len(codes) < tableRows {
			codes = append(codes, Code{"Fetches the rest of " + in.Name, "", in.CutQuery})
		}
	}
	blocks := []Block{table("Inputs. Read = accepted + rejected + skipped + duplicate, in records; flows in = flows accounted for by their outcome.",
		[]string{"Id", "Name", "Format", "Read", "Accepted", "Rejected", "Skipped", "Duplicate", "Adds up", "Flows in", "Accounted for"}, rows, 200),
		table("What each input is: who saw it, how finely, from when to when, and the SHA-256 of its decompressed bytes.", []string{"Id", "Sensors", "Resolution", "Span", "SHA-256"}, identities, 200)}
	if len(doubts) > 0 {
		blocks = append(blocks, table("What was left out of the inputs or read with a doubt, and why.", []string{"Input", "What", "Records"}, doubts, 2*tableRows))
	}
	return append(append(blocks, agreement(c)...), codes...)
}

func inputRow(in *netcase.InputReport) []Cell {
	adds := "yes"
	if !in.Balanced() {
		adds = "NO"
	}
	format := in.Format
	if format == "" {
		format = "not recognised"
	}
	if in.CopyOf != "" {
		format += ", copy of " + in.CopyOf
	}
	id := Cell{Text: in.ID}
	if in.ID != "" { // what was refused has none, and nothing points at it
		id.Anchor = anchor("input", in.ID)
	}
	return []Cell{
		id, quoted(in.Name), plain(format), num(in.Read), num(in.Accepted), num(in.Rejected), num(in.Skipped),
		num(in.Duplicate), plain(adds), num(in.Flows), num(in.Reaches.Total()),
	}
}

func resolutions(in *netcase.InputReport) string {
	var all []string
	for _, r := range in.Resolution {
		all = append(all, r.String())
	}
	return strings.Join(capped(all, 4), ", ")
}

// doubtRows says what an input lost, and what is assumed of it.
func doubtRows(in *netcase.InputReport) (rows [][]Cell) {
	add := func(what, n string) {
		rows = append(rows, []Cell{quoted(in.Name), quoted(what), {Text: n, Number: true}})
	}
	if in.Error != "" {
		add("could not be read to its end: "+in.Error, "")
	}
	if in.Cut != "" {
		add("probably cut: "+in.Cut, "")
	}
	for _, r := range sortedKeys(in.Reasons) {
		add(r, count(in.Reasons[r]))
	}
	for i, s := range in.Samples {
		if i == 5 {
			break
		}
		add("for example "+s.String()+sampleText(s.Sample), "")
	}
	if len(in.Missing) > 0 {
		add("columns of the full table that this export lacks: "+strings.Join(in.Missing, ", "), "")
	}
	for _, n := range in.Notes {
		add(n, "")
	}
	return rows
}

func sampleText(s string) string {
	if s == "" {
		return ""
	}
	return " in " + s
}

func feeds(c *netcase.Case) []Block {
	if len(c.Coverage.Feeds) == 0 {
		return []Block{Note{"No intelligence feed was given."}}
	}
	var rows [][]Cell
	var usable, total int64
	var none []string
	lists := 0
	for _, f := range c.Coverage.Feeds {
		if noList(&f) {
			none = append(none, f.Name)
			continue
		}
		if f.Format != "" {
			lists++
		}
		usable, total = usable+f.Usable, total+f.Read
		rows = append(rows, []Cell{
			quoted(f.Name), quoted(f.Provider), plain(f.Format), num(f.Read), num(f.Usable), num(f.Skipped), num(f.Refused), num(f.Duplicate),
			quoted(whyNot(&f)), plain(learnedText(&f)),
		})
	}
	blocks := []Block{table(fmt.Sprintf("%s: %s of %s entries usable, and why not the rest.", plural(lists, "feed was read", "feeds were read"), count(usable), count(total)),
		[]string{"Feed", "Provider", "Format", "Read", "Usable", "Skipped", "Refused", "Duplicate", "Why not the rest", "Learned"}, rows, tableRows)}
	if len(none) > 0 {
		blocks = append(blocks, Note{fmt.Sprintf("%s given with the feeds held no list and %s not counted: %s.", plural(len(none), "file", "files"),
			map[bool]string{true: "is", false: "are"}[len(none) == 1], strings.Join(capped(none, 8), ", "))})
	}
	return blocks
}

// noList tells whether a file among the feeds is none, such as a licence. One that
// could not be read is not known to be none.
func noList(f *netcase.FeedReport) bool { return f.Format == "" && f.Error == "" }

func whyNot(f *netcase.FeedReport) string {
	var parts []string
	if f.Error != "" {
		parts = append(parts, "not used: "+f.Error)
	}
	for _, r := range sortedKeys(f.Reasons) {
		parts = append(parts, r+" "+count(f.Reasons[r]))
	}
	return strings.Join(capped(parts, 8), "; ")
}

func learnedText(f *netcase.FeedReport) string {
	if !f.Learned.Known() {
		return "not known: counts as later"
	}
	return day(f.Learned) + " (" + f.LearnedBy + ")"
}

func runs(c *netcase.Case) []Block {
	var rows, settings [][]Cell
	for _, r := range c.Coverage.Detectors {
		state := "ran"
		if !r.OK {
			state = "did not run: " + r.Why
		}
		rows = append(rows, []Cell{quoted(r.Name), plain(state), num(int64(r.Found))})
	}
	for _, k := range sortedKeys(c.Config) {
		settings = append(settings, []Cell{plain(k), quoted(c.Config[k])})
	}
	blocks := []Block{Facts{Items: filled([]Fact{
		{Label: "Case", Value: c.ID}, {Label: "Tool", Value: c.Tool}, {Label: "As of (UTC)", Value: c.AsOf.Short()},
		{Label: "Issued (UTC)", Value: c.IssuedAt.Short()}, {Label: "Weights", Value: c.Weights},
	})}}
	if len(rows) > 0 {
		blocks = append(blocks, table("Detectors. “ran” with nothing found is a result; “did not run” is none.", []string{"Detector", "State", "Findings"}, rows, 0))
	} else {
		blocks = append(blocks, Note{"No detector ran."})
	}
	if len(c.Coverage.Notes) > 0 {
		blocks = append(blocks, Callout{"Notes on the reading", capped(c.Coverage.Notes, tableRows)})
	}
	if len(settings) > 0 {
		blocks = append(blocks, table("Settings that bear on the result.", []string{"Setting", "Value"}, settings, 2*tableRows))
	}
	return blocks
}

// evidenceAppendix lists what is cited, and of the rest as much as is allowed.
func evidenceAppendix(c *netcase.Case, cited map[string]bool) []Block {
	blocks := []Block{Heading{2, "evidence", "Appendix: evidence"}}
	var rows [][]Cell
	seen := map[string]bool{}
	extra, left := 0, 0
	for e := range c.AllEvidence {
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if !cited[e.ID] {
			if extra++; extra > evidenceRows {
				left++
				continue
			}
		}
		rows = append(rows, evidenceRow(e))
	}
	if len(rows) == 0 {
		return append(blocks, Note{"The case holds no evidence."})
	}
	return append(blocks, Table{
		Caption: "Evidence: a measurement that someone can repeat. The original records are in evidence/records.ndjson by the ids given here.",
		Head:    []string{"Id", "What was measured", "Method", "On", "Of", "Records"}, Rows: rows, More: left, Where: inCase,
	})
}

// How many inputs and kept records of a piece of evidence are named; the others
// stand in case.json.
const (
	shownInputs  = 2
	shownRecords = 2
)

func evidenceRow(e *netcase.Evidence) []Cell {
	records := count(e.Total)
	if len(e.Records) > 0 {
		records += ", kept " + countOf(len(e.Records)) + ": " + strings.Join(e.Records[:min(len(e.Records), shownRecords)], ", ")
		records = rest(records, min(len(e.Records), shownRecords), len(e.Records))
	}
	return []Cell{
		{Text: e.ID, Anchor: anchor("ev", e.ID)}, {Text: stop(e.Statement), Evidence: []string{e.ID}}, quoted(e.Method),
		{Text: rest(strings.Join(e.Inputs[:min(len(e.Inputs), shownInputs)], ", "), min(len(e.Inputs), shownInputs), len(e.Inputs)), Quoted: true},
		quoted(selectionText(&e.Selection)), plain(records),
	}
}

// closing is what the reader needs to check and to understand the report.
func closing(_ *netcase.Case, dropped int) []Block {
	blocks := []Block{
		Heading{2, "files", "Appendix: files of the case"},
		Note{"case.json holds everything that is said here and the full lists. manifest.json holds the SHA-256 of every input and of every file written; netcase verify recomputes them. Indicators stand in indicators/, rules and block lists with their expiry and roll-back in response/."},
	}
	if dropped > 0 {
		blocks = append(blocks, Callout{"Left out", []string{"Sentences of the case that cite no evidence and are therefore not rendered: " + countOf(dropped) + "."}})
	}
	return append(blocks, Heading{2, "glossary", "Appendix: glossary"}, glossary())
}

func glossary() Facts {
	return Facts{Items: []Fact{
		{Label: "as of", Value: "the instant from which the case looks at lists and ages"},
		{Label: "case", Value: "an investigation with its judgement"},
		{Label: "deciban", Value: "a tenth of a power of ten of odds: +3 doubles them, +10 makes them ten times as high"},
		{Label: "evidence", Value: "a measurement that someone can repeat, with its inputs, selection and method"},
		{Label: "finding", Value: "what one detector noticed; it accuses nobody"},
		{Label: "flow", Value: "packets between two ends with the same ports and protocol, as one exchange; a record may stand for several"},
		{Label: "gated out", Value: "impossible from this traffic, whatever else is true"},
		{Label: "group", Value: "sources that did the same thing with the same outcome"},
		{Label: "independent origin", Value: "who first made a claim; lists that copy it are not further voices"},
		{Label: "known then, learned later", Value: "whether the list was at hand before the traffic, or only afterwards"},
		{Label: "likelihood words", Value: "almost no chance below 0.05, very unlikely to 0.20, unlikely to 0.45, roughly even to 0.55, likely to 0.80, very likely to 0.95, almost certain above"},
		{Label: "not determinable", Value: "a required item of evidence is unknown, and what is known does not suffice"},
		{Label: "q", Value: "share of false calls to be expected among all calls at this level"},
		{Label: "how far a flow got", Value: "denied: a control refused it; refused: the host did; no reply: allowed, and none seen; allowed: replies are not recorded; both ways: answered"},
	}}
}
