package report

import (
	"fmt"
	"strings"

	"netcase"
	"netcase/chart"
)

func findings(c *netcase.Case) []Block {
	if len(c.Findings) == 0 {
		return []Block{Note{nothingFound(c)}}
	}
	var blocks []Block
	for i := range c.Findings {
		if i == toldFindings {
			break
		}
		blocks = append(blocks, finding(c, &c.Findings[i]))
	}
	if len(c.Findings) > toldFindings {
		var rows [][]Cell
		for i := range c.Findings[toldFindings:] {
			f := &c.Findings[toldFindings+i]
			rows = append(rows, []Cell{plain(f.ID), {Text: f.Title, Evidence: findingIDs(f), Claim: true}, num(f.Flows), plain(spanText(f.Span))})
		}
		blocks = append(blocks, table("The other findings, a line each.", []string{"Id", "Finding", "Flows", "Span"}, rows, tableRows))
	}
	return blocks
}

// nothingFound keeps apart "looked and found nothing" and "did not look".
func nothingFound(c *netcase.Case) string {
	ran := 0
	for _, d := range c.Coverage.Detectors {
		if d.OK {
			ran++
		}
	}
	s := fmt.Sprintf("No finding. %d of %d detectors ran to their end over %d inputs.", ran, len(c.Coverage.Detectors), len(c.Coverage.Inputs))
	if ok, _ := c.Coverage.Sound(); !ok || len(c.Coverage.Inputs) == 0 || ran == 0 {
		s += " That does not mean that there was nothing: page one says what was not looked at properly."
	}
	return s
}

func finding(c *netcase.Case, f *netcase.Finding) Block {
	var says []netcase.Sentence
	for i := range f.Evidence {
		says = append(says, netcase.Sentence{Text: stop(f.Evidence[i].Statement), Evidence: []string{f.Evidence[i].ID}})
	}
	facts := Facts{Items: []Fact{
		{Label: "Direction", Value: f.Direction.String()},
		{Label: "Span", Value: spanText(f.Span)},
		{Label: "Flows", Value: count(f.Flows) + ": " + reachText(f.Reach)},
	}}
	own := particulars(c, f)
	if len(own) > 0 {
		if more, ok := own[0].(Facts); ok {
			facts.Items, own = append(facts.Items, more.Items...), own[1:]
		}
	}
	blocks := append([]Block{List{says}, facts}, own...)
	tail := Facts{Items: []Fact{{Label: "Method", Value: f.Method}}}
	for _, l := range f.Limits {
		tail.Items = append(tail.Items, Fact{Label: "Limit", Value: l})
	}
	if len(f.Technique) > 0 {
		tail.Items = append(tail.Items, Fact{Label: "MITRE ATT&CK", Value: strings.Join(f.Technique, ", ")})
	}
	return Finding{ID: f.ID, Title: f.Title, Blocks: append(blocks, tail)}
}

// particulars is what belongs to the kind of the finding.
func particulars(c *netcase.Case, f *netcase.Finding) []Block {
	switch {
	case f.Spike != nil:
		return spikeBlocks(f.ID, f.Spike)
	case f.Scan != nil:
		return scanBlocks(c, f.Scan)
	case f.Sighting != nil:
		return []Block{sightingTable(c, f.Sighting)}
	case f.Exposure != nil:
		return []Block{exposureTable(c, f.Exposure)}
	case f.Artefact != nil:
		return artefactBlocks(f.Artefact)
	case f.Owner != nil:
		return []Block{ownerFacts(c, f.Owner)}
	case f.Auth != nil:
		return []Block{authFacts(c, f.Auth)}
	}
	return nil
}

func spikeBlocks(id string, s *netcase.SpikeFacts) []Block {
	caption := "Flows over time: the bars are what was counted, in front of what was expected; the shaded window is the stretch that stands out."
	if s.Described {
		caption = "Flows over time. There is too little history for a baseline, so the bars are described and not judged."
	}
	blocks := []Block{Figure{chart.Spike("timeline-"+id, s), caption}}
	var rows [][]Cell
	for _, a := range s.Attribution {
		for _, e := range a.Elements {
			rows = append(rows, contribution(a.Dimension, &e))
		}
		if len(a.Elements) == 0 {
			rows = append(rows, []Cell{plain(a.Dimension), plain("does not explain it"), plain(""), plain(""), plain(""), plain("")})
		}
	}
	for i := range s.Cells {
		rows = append(rows, contribution("source, port and host", &s.Cells[i]))
	}
	if s.Listed != nil {
		rows = append(rows, contribution("all listed addresses together", s.Listed))
	}
	if len(rows) > 0 {
		blocks = append(blocks, table(fmt.Sprintf("What the excess of %s flows consists of. A share says what explains the excess, not what caused it.", chart.Number(s.Excess, 0)),
			[]string{"Dimension", "Element", "Observed", "Expected", "Share of the excess", "Listed"}, rows, tableRows))
	}
	return blocks
}

func contribution(dimension string, e *netcase.Contribution) []Cell {
	listed := "no"
	if e.Listed {
		listed = "yes"
	}
	return []Cell{
		plain(dimension), quoted(e.Name), {Text: chart.Number(e.Observed, 0), Number: true},
		{Text: chart.Number(e.Expected, 1), Number: true}, {Text: chart.Number(e.Share, 2), Number: true}, plain(listed),
	}
}

func scanBlocks(c *netcase.Case, s *netcase.ScanFacts) []Block {
	facts := Facts{Items: []Fact{
		{Label: "Class", Value: s.Class + ", seen within " + durationText(s.Horizon)},
		{Label: "Sources", Value: countOf(s.SourceCount)},
		{Label: "Ports", Value: portsText(s.Ports, s.PortCount, 20)},
		{Label: "Hosts", Value: fmt.Sprintf("%s of %s own addresses that received an attempt from outside", countOf(s.HostCount), countOf(s.Estate))},
		{Label: "Thresholds", Value: fmt.Sprintf("%d hosts or %d ports", s.HostThreshold, s.PortThreshold)},
	}}
	return []Block{facts, sourceTable(c, s.Sources, s.SourceCount)}
}

// sourceTable is a line per source, most flows first.
func sourceTable(c *netcase.Case, sources []netcase.Profile, total int) Table {
	var rows [][]Cell
	for i := range sources {
		p := &sources[i]
		rows = append(rows, []Cell{
			quoted(named(c, p.Peer)), num(p.Flows), num(p.Records), num(int64(p.HostCount)),
			plain(portsText(p.PortSet(), p.PortCount, 8)), plain(reachText(p.Reach)), plain(p.First.Short()), plain(p.Last.Short()),
		})
	}
	t := table("Sources, most flows first. Flows are what the records stand for; a record may stand for several.",
		[]string{"Source", "Flows", "Records", "Hosts", "Ports", "How far they got", "First (UTC)", "Last (UTC)"}, rows, tableRows)
	if rest := total - len(t.Rows); rest > 0 {
		t.More, t.Where = rest, inCase
	}
	return t
}

func sightingTable(c *netcase.Case, s *netcase.SightingFacts) Table {
	var rows [][]Cell
	for i := range s.Sightings {
		x := &s.Sightings[i]
		rows = append(rows, []Cell{
			quoted(named(c, netcase.At(x.Card.Address))), plain(chart.ListingsText(&x.Card)), quoted(categories(&x.Card, 4)),
			plain(portsText(x.Profile.PortSet(), x.Profile.PortCount, 8)), num(x.Profile.Flows), plain(reachText(x.Profile.Reach)), quoted(knownText(&x.Card)),
		})
	}
	t := table(fmt.Sprintf("Listed addresses in this traffic, outcome “%s”. %s of %s indicators were usable for matching.", s.Outcome, count(s.Usable), count(s.Total)),
		[]string{"Address", "Listings", "Their words", "Ports", "Flows", "How far they got", "Known"}, rows, tableRows)
	if rest := s.Count - len(t.Rows); rest > 0 {
		t.More, t.Where = rest, inCase
	}
	return t
}

func knownText(c *netcase.Card) string {
	switch {
	case !c.Listed() && len(c.Benign) > 0:
		return "benign: " + c.Benign[0]
	case !c.Listed():
		return "no listing matches in time"
	case c.Known:
		return string(netcase.KnownThen)
	}
	return string(netcase.LearnedLater)
}

func exposureTable(c *netcase.Case, e *netcase.ExposureFacts) Table {
	proof := "allowed; whether it answered is not recorded"
	if e.Proven {
		proof = "answered"
	}
	t := sourceTable(c, e.Sources, e.SourceCount)
	t.Caption = fmt.Sprintf("Who reached port %d/%s: %s sources, %s sessions both ways; %s.", e.Port, netcase.ProtoName(e.Proto), countOf(e.SourceCount), count(e.Sessions), proof)
	if e.Cleartext {
		t.Caption += " The protocol is not encrypted."
	}
	return t
}

func artefactBlocks(a *netcase.ArtefactFacts) []Block {
	var tests, counts [][]Cell
	for _, t := range a.Tests {
		tests = append(tests, []Cell{plain(t.Name), plain(string(t.Result)), plain(t.Detail)})
	}
	for _, p := range a.Counts {
		counts = append(counts, []Cell{quoted(p.Peer.String()), num(p.Records), num(p.Flows), num(int64(p.Tuples)), num(int64(p.Cells))})
	}
	facts := Facts{Items: []Fact{{Label: "Counts shaped by logging", Value: strings.Join(nonEmpty(a.Verdict, a.Flag), ", ")}}}
	if a.GridMinutes > 0 {
		facts.Items = append(facts.Items, Fact{Label: "Grid", Value: fmt.Sprintf("%d min", a.GridMinutes)})
	}
	for _, e := range a.Explanations {
		facts.Items = append(facts.Items, Fact{Label: "Possible explanation", Value: e})
	}
	for _, b := range a.Blocks {
		facts.Items = append(facts.Items, Fact{Label: "May not be concluded", Value: b})
	}
	blocks := []Block{facts}
	if len(tests) > 0 {
		blocks = append(blocks, table("Is the count that of the traffic, or of the logging?", []string{"Test", "Result", "Detail"}, tests, tableRows))
	}
	if len(counts) > 0 {
		blocks = append(blocks, table("The counts in question.", []string{"Source", "Records", "Flows", "Distinct host and port", "Grid cells filled"}, counts, tableRows))
	}
	return blocks
}

func ownerFacts(c *netcase.Case, o *netcase.OwnerFacts) Facts {
	items := []Fact{
		{Label: "Host", Value: strings.Join(nonEmpty(named(c, o.Host), o.OS), ", "), Quoted: true},
		{Label: "Role", Value: strings.Join(nonEmpty(string(o.Role), o.Action), ", ")},
		{Label: "Port", Value: fmt.Sprint(o.Port)},
		{Label: "Process", Value: strings.Join(nonEmpty(o.Image, o.CommandLine), " · "), Quoted: true},
		{Label: "Service", Value: strings.Join(nonEmpty(o.Group, o.Service), " / "), Quoted: true},
		{Label: "Parent", Value: o.Parent, Quoted: true},
		{Label: "Result", Value: strings.Join(nonEmpty(o.Verdict, o.Why), ": ")},
		{Label: "Records", Value: count(o.Events) + ", with " + plural(o.Peers, "peer", "peers")},
	}
	return Facts{Items: filled(items)}
}

func authFacts(c *netcase.Case, a *netcase.AuthFacts) Facts {
	cover := "less than 0.95 of the span, or not known how much"
	if a.Complete {
		cover = "at least 0.95 of the span"
	}
	pattern := string(a.Pattern)
	if a.Grade != "" {
		pattern += ", grade " + a.Grade
	}
	return Facts{Items: filled([]Fact{
		{Label: "Host", Value: named(c, a.Host), Quoted: true},
		{Label: "Pattern", Value: pattern},
		{Label: "Sources", Value: hostsText(c, a.Peers, a.PeerCount, 6), Quoted: true},
		{Label: "Accounts", Value: strings.Join(a.Accounts, ", "), Quoted: true},
		{Label: "Logins", Value: fmt.Sprintf("%s failed, %s succeeded", count(a.Failures), count(a.Successes))},
		{Label: "The log covers", Value: cover},
	})}
}

func filled(items []Fact) (out []Fact) {
	for _, f := range items {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}
