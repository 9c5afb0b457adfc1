package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/chart"
)

func findings(c *netcase.Case) []Block {
	if len(c.Findings) == 0 {
		return []Block{Note{nothingFound(c)}}
	}
	var blocks []Block
	var rows [][]Cell
	scans, told := scansByClass(c), 0
	for i := range c.Findings {
		f := &c.Findings[i]
		switch {
		case f.Scan != nil && scans[classOf(f)][0] == f:
			blocks = append(blocks, scanBlocks(c, scans[classOf(f)])...)
		case f.Scan != nil: // a row of the table of its class
		case told < toldFindings:
			blocks = append(blocks, finding(c, f))
			told++
		default:
			rows = append(rows, []Cell{
				{Text: f.ID, Anchor: anchor("finding", f.ID)}, {Text: f.Title, Evidence: findingIDs(f), Claim: true}, num(f.Flows), plain(spanText(f.Span)),
			})
		}
	}
	if len(rows) > 0 {
		blocks = append(blocks, table("The other findings, a line each.", []string{"Id", "Finding", "Flows", "Span"}, rows, mostRows))
	}
	return blocks
}

// scanClass is what scans have in common that are told in one table.
type scanClass struct {
	class     string
	direction netcase.Direction
}

func classOf(f *netcase.Finding) scanClass { return scanClass{f.Scan.Class, f.Direction} }

func scansByClass(c *netcase.Case) map[scanClass][]*netcase.Finding {
	out := map[scanClass][]*netcase.Finding{}
	for i := range c.Findings {
		if f := &c.Findings[i]; f.Scan != nil {
			out[classOf(f)] = append(out[classOf(f)], f)
		}
	}
	return out
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
	facts := Facts{Items: factsOf(f)}
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

// factsOf is what is known of any finding: its direction, its span and its flows.
// Findings from process records and login logs have no flows.
func factsOf(f *netcase.Finding) (items []Fact) {
	if f.Direction != netcase.DirectionUnknown {
		items = append(items, Fact{Label: "Direction", Value: f.Direction.String()})
	}
	if f.Span.Start.Known() || f.Span.End.Known() {
		items = append(items, Fact{Label: "Span", Value: spanText(f.Span)})
	}
	if f.Flows > 0 {
		items = append(items, Fact{Label: "Flows", Value: count(f.Flows) + ": " + reachText(f.Reach)})
	}
	return items
}

// particulars is what belongs to the kind of the finding.
func particulars(c *netcase.Case, f *netcase.Finding) []Block {
	switch {
	case f.Spike != nil:
		return spikeBlocks(f.ID, f.Spike)
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
	case f.Process != nil:
		return []Block{processFacts(c, f.Process)}
	case f.Persistence != nil:
		return []Block{persistenceFacts(c, f.Persistence)}
	case f.Flood != nil:
		return []Block{floodFacts(c, f.Flood)}
	case f.Beacon != nil:
		return cadenceBlocks(c, f)
	case f.Long != nil:
		return []Block{longFacts(c, f.Long)}
	case f.Upload != nil:
		return []Block{uploadFacts(c, f.Upload)}
	case f.Lateral != nil:
		return []Block{lateralFacts(c, f.Lateral)}
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
	line, title := contribution, fmt.Sprintf("What the excess of %s flows consists of. A share says what explains the excess, not what caused it.", chart.Number(s.Excess, 0))
	head := []string{"Dimension", "Element", "Observed", "Expected", "Share of the excess", "Listed"}
	if s.Described {
		line, title = partOf(s.Observed), fmt.Sprintf("What the %s flows consist of.", chart.Number(s.Observed, 0))
		head = []string{"Dimension", "Element", "Flows", "Share of the flows", "Listed"}
	}
	for _, a := range s.Attribution {
		for _, e := range a.Elements {
			rows = append(rows, line(a.Dimension, &e))
		}
		if len(a.Elements) == 0 && !s.Described {
			rows = append(rows, []Cell{plain(a.Dimension), plain("does not explain it")})
		}
	}
	for i := range s.Cells {
		rows = append(rows, line("source, port and host", &s.Cells[i]))
	}
	if s.Listed != nil {
		rows = append(rows, line("all listed addresses together", s.Listed))
	}
	if len(rows) > 0 {
		blocks = append(blocks, table(title, head, rows, tableRows))
	}
	return blocks
}

// partOf is the line of an element of which nothing says how much was to be
// expected: its part of all flows.
func partOf(all float64) func(string, *netcase.Contribution) []Cell {
	return func(dimension string, e *netcase.Contribution) []Cell {
		return []Cell{
			plain(dimension), quoted(e.Name), {Text: chart.Number(e.Observed, 0), Number: true},
			{Text: chart.Number(e.Observed/max(all, 1), 2), Number: true}, plain(yesNo(e.Listed)),
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func contribution(dimension string, e *netcase.Contribution) []Cell {
	return []Cell{
		plain(dimension), quoted(e.Name), {Text: chart.Number(e.Observed, 0), Number: true},
		{Text: chart.Number(e.Expected, 1), Number: true}, {Text: chart.Number(e.Share, 2), Number: true}, plain(yesNo(e.Listed)),
	}
}

// scanBlocks tells the scans of one class in one table, a line for each group of
// sources that did the same. Their sources stand in the scope of the groups that
// are told in full, and in case.json.
func scanBlocks(c *netcase.Case, all []*netcase.Finding) []Block {
	class := classOf(all[0])
	var rows [][]Cell
	var tail []Fact
	for _, f := range all {
		rows = append(rows, scanRow(c, f))
		tail = append(tail, Fact{Label: "Method", Value: f.Method})
	}
	for _, f := range all {
		for _, l := range f.Limits {
			if !strings.HasPrefix(l, "the outcome of ") { // a column says so
				tail = append(tail, Fact{Label: "Limit", Value: l})
			}
		}
		if len(f.Technique) > 0 {
			tail = append(tail, Fact{Label: "MITRE ATT&CK", Value: strings.Join(f.Technique, ", ")})
		}
	}
	s := all[0].Scan
	caption := fmt.Sprintf("A line for each group of sources that did the same, %s. Thresholds: %d hosts or %d ports; %s an attempt from outside.",
		class.direction, s.HostThreshold, s.PortThreshold, plural(s.Estate, "own address received", "own addresses received"))
	return []Block{
		Heading{3, anchor("scans", class.class+"-"+class.direction.String()), fmt.Sprintf("%s, %s: %s", scanTitle(class.class), class.direction, plural(len(all), "group of sources", "groups of sources"))},
		table(caption, []string{"Id", "Sources", "Ports", "Hosts", "Flows", "How far they got", "First (UTC)", "Last (UTC)", "Evidence"}, rows, mostRows),
		Facts{Items: onceEach(tail, scanFacts)},
	}
}

// scanTitle is a class of scans in words.
func scanTitle(class string) string {
	switch class {
	case "block":
		return "Scans of many ports on many hosts (block)"
	case "horizontal":
		return "Scans of few ports on many hosts (horizontal)"
	case "vertical":
		return "Scans of many ports on one host (vertical)"
	case "strobe":
		return "Scans of a fixed set of ports on several hosts (strobe)"
	case "distributed":
		return "Scans by several sources together (distributed)"
	case "walk":
		return "Sources whose first contacts fail as a scanner's do, below the thresholds"
	case "probe":
		return "Probes below the thresholds of a scan, never answered"
	}
	return "Scans (" + class + ")"
}

// scanFacts is how many different methods and limits of scans are told below
// their table.
const scanFacts = 6

// onceEach leaves out facts that were said before, and those after the first n.
func onceEach(items []Fact, n int) (out []Fact) {
	for _, f := range items {
		said := slices.ContainsFunc(out, func(o Fact) bool { return o.Label == f.Label && o.Value == f.Value })
		if !said && len(out) < n && f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

func scanRow(c *netcase.Case, f *netcase.Finding) []Cell {
	const shown = 3
	s := f.Scan
	var sources []netcase.Endpoint
	for i := range s.Sources[:min(len(s.Sources), shown)] {
		sources = append(sources, s.Sources[i].Peer)
	}
	who := hostsText(c, sources, s.SourceCount, shown)
	if s.SourceCount > 1 {
		who = countOf(s.SourceCount) + ": " + who
	}
	return []Cell{
		{Text: f.ID, Anchor: anchor("finding", f.ID)}, quoted(who), plain(portsOf(s.Ports, s.PortCount, 12, s.Sources)), num(int64(s.HostCount)), num(f.Flows),
		plain(reachText(f.Reach)), plain(f.Span.Start.Short()), plain((f.Span.End - 1).Short()), {Evidence: findingIDs(f), Claim: true},
	}
}

// sourceTable is a line per source, most flows first.
func sourceTable(c *netcase.Case, sources []netcase.Profile, total int) Table {
	var rows [][]Cell
	for i := range sources {
		p := &sources[i]
		rows = append(rows, []Cell{
			quoted(named(c, p.Peer)), num(p.Flows), num(p.Records), num(int64(p.HostCount)),
			plain(doorsText(p)), plain(reachText(p.Reach)), plain(p.First.Short()), plain(p.Last.Short()),
		})
	}
	t := table("Sources, most flows first. Flows are what the records stand for; a record may stand for several.",
		[]string{"Source", "Flows", "Records", "Hosts", "Ports", "How far they got", "First (UTC)", "Last (UTC)"}, rows, sourceRows)
	if rest := total - len(t.Rows); rest > 0 {
		t.More, t.Where = rest, inCase
	}
	return t
}

func sightingTable(c *netcase.Case, s *netcase.SightingFacts) Table {
	var rows [][]Cell
	head := []string{"Address", "Listings", "Their words", "Ports", "Flows", "How far they got", "Known"}
	logged := slices.ContainsFunc(s.Sightings, func(x netcase.Sighting) bool { return x.Refused+x.Logins > 0 })
	if logged {
		head = append(head, "Logins refused", "Logins")
	}
	for i := range s.Sightings {
		x := &s.Sightings[i]
		flows, reach := num(x.Profile.Flows), plain(reachText(x.Profile.Reach))
		if x.FromLogins {
			flows, reach = plain("none on record"), plain("by the login log alone")
		}
		row := []Cell{
			quoted(named(c, netcase.At(x.Card.Address))), plain(chart.ListingsText(&x.Card)), quoted(categories(&x.Card, 4)),
			plain(doorsText(&x.Profile)), flows, reach, quoted(knownText(&x.Card)),
		}
		if logged {
			row = append(row, num(x.Refused), num(x.Logins))
		}
		rows = append(rows, row)
	}
	t := table(fmt.Sprintf("Listed addresses in this traffic: %s. %s of %s indicators were usable for matching.", s.Outcome, count(s.Usable), count(s.Total)),
		head, rows, sourceRows)
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
	host, port, records := "", "", count(o.Events)
	if o.Host.Known() {
		host = named(c, o.Host)
	}
	if o.Port > 0 {
		port = fmt.Sprint(o.Port)
	}
	if o.Peers > 0 {
		records += ", with " + plural(o.Peers, "peer", "peers")
	}
	items := []Fact{
		{Label: "Host", Value: strings.Join(nonEmpty(host, o.OS), ", "), Quoted: true},
		{Label: "Role", Value: strings.Join(nonEmpty(string(o.Role), o.Action), ", ")},
		{Label: "Port", Value: port},
		{Label: "Process", Value: strings.Join(nonEmpty(o.Image, o.CommandLine), " · "), Quoted: true},
		{Label: "Service", Value: strings.Join(nonEmpty(o.Group, o.Service), " / "), Quoted: true},
		{Label: "Parent", Value: o.Parent, Quoted: true},
		{Label: "Result", Value: strings.Join(nonEmpty(o.Verdict, o.Why), ": ")},
		{Label: "Records", Value: records},
	}
	return Facts{Items: filled(items)}
}

func authFacts(c *netcase.Case, a *netcase.AuthFacts) Facts {
	cover := fmt.Sprintf("%.0f %% of the hours of the span: less than the 95 %% at which its silence says something", 100*a.Covered)
	switch {
	case a.FromFlows:
		cover = ""
	case a.Complete:
		cover = fmt.Sprintf("%.0f %% of the hours of the span", 100*a.Covered)
	}
	pattern := string(a.Pattern)
	if a.Grade != "" {
		pattern += ", grade " + a.Grade
	}
	if a.FromFlows {
		pattern += ", by flows alone"
	}
	hosts := hostsText(c, a.Hosts, a.HostCount, 6)
	if len(a.Hosts) == 0 && a.Host.Known() {
		hosts = named(c, a.Host)
	}
	return Facts{Items: filled([]Fact{
		{Label: "Hosts", Value: hosts, Quoted: true},
		{Label: "Pattern", Value: pattern},
		{Label: "Sources", Value: sourcesText(c, a), Quoted: true},
		{Label: "Accounts", Value: accountsText(a), Quoted: true},
		{Label: "Service", Value: a.Service, Quoted: true},
		{Label: "Logins", Value: attemptsText(a)},
		{Label: "First login", Value: loginText(a), Quoted: true},
		{Label: "Source new to the account", Value: newSourceText(a.NewSource)},
		{Label: "Pace", Value: paceText(a)},
		{Label: "The log covers", Value: cover},
	})}
}

func sourcesText(c *netcase.Case, a *netcase.AuthFacts) string {
	if len(a.Peers) == 0 && a.PeerCount == 0 {
		return ""
	}
	s := hostsText(c, a.Peers, a.PeerCount, 6)
	if a.PeerCount > 1 && a.Networks > 0 {
		s += ", in " + plural(a.Networks, "network", "networks")
		if a.ASNs > 0 {
			s += " of " + plural(a.ASNs, "operator", "operators")
		}
	}
	return s
}

func accountsText(a *netcase.AuthFacts) string {
	s := strings.Join(a.Accounts, ", ")
	if more := a.AccountCount - len(a.Accounts); more > 0 {
		s += fmt.Sprintf(" and %s more", count(int64(more)))
	}
	return s
}

// attemptsText counts attempts; nothing where no log tells of any.
func attemptsText(a *netcase.AuthFacts) string {
	if a.FromFlows {
		return "no login log tells of any"
	}
	parts := []string{count(a.Failures) + " failed"}
	if a.NoAccount > 0 {
		parts = append(parts, count(a.NoAccount)+" of them for accounts that do not exist")
	}
	parts = append(parts, count(a.Successes)+" succeeded")
	if a.Locked > 0 {
		parts = append(parts, count(a.Locked)+" refused because the account was locked")
	}
	if a.Lockouts > 0 {
		parts = append(parts, count(a.Lockouts)+" lockouts on record")
	}
	return strings.Join(parts, ", ")
}

func loginText(a *netcase.AuthFacts) string {
	if !a.LoginAt.Known() {
		return ""
	}
	s := a.LoginAt.Short() + " UTC"
	if a.Session != "" {
		s += ", session " + a.Session
	}
	return s
}

func newSourceText(s netcase.State) string {
	switch s {
	case netcase.True:
		return "yes: not seen in the 30 days before"
	case netcase.False:
		return "no: the account came from there before"
	case netcase.Unknown:
		return "not seen before, but the log reaches back less than 30 days"
	}
	return ""
}

func paceText(a *netcase.AuthFacts) string {
	switch {
	case a.Period > 0:
		return "one every " + a.Period.Round(time.Second).String()
	case a.Bucket != "":
		return "above the " + a.Bucket + " threshold"
	}
	return ""
}

func processFacts(c *netcase.Case, p *netcase.ProcessFacts) Facts {
	peer := ""
	if p.Peer.Known() {
		peer = named(c, p.Peer)
		if p.Port > 0 {
			peer += fmt.Sprintf(", port %d", p.Port)
		}
	}
	weight := ""
	if p.Decibans != 0 {
		weight = fmt.Sprintf("%g decibans for a claim of compromise", p.Decibans)
	}
	return Facts{Items: filled([]Fact{
		{Label: "Host", Value: strings.Join(nonEmpty(named(c, p.Host), p.OS), ", "), Quoted: true},
		{Label: "Process", Value: strings.Join(nonEmpty(p.Image, p.Path, p.CommandLine), " · "), Quoted: true},
		{Label: "Account", Value: p.Account, Quoted: true},
		{Label: "Parent", Value: p.Parent, Quoted: true},
		{Label: "Target", Value: p.Target, Quoted: true},
		{Label: "Destination", Value: peer, Quoted: true},
		{Label: "Rule", Value: strings.Join(nonEmpty(p.Rule, p.Why), ": "), Quoted: true},
		{Label: "Weight", Value: weight},
		{Label: "After a login", Value: loginRefText(c, p.AfterLogin), Quoted: true},
		{Label: "Records", Value: count(p.Events)},
		{Label: "Sigma rules for the same", Value: strings.Join(p.Sigma, ", ")},
	})}
}

func persistenceFacts(c *netcase.Case, p *netcase.PersistenceFacts) Facts {
	host, at := "", ""
	if p.Host.Known() {
		host = named(c, p.Host)
	}
	if p.At.Known() {
		at = p.At.Short() + " UTC"
	}
	return Facts{Items: filled([]Fact{
		{Label: "Host", Value: host, Quoted: true},
		{Label: "What", Value: p.What},
		{Label: "Name", Value: p.Name, Quoted: true},
		{Label: "Value", Value: p.Value, Quoted: true},
		{Label: "Account", Value: p.Account, Quoted: true},
		{Label: "By", Value: p.Image, Quoted: true},
		{Label: "At", Value: at},
		{Label: "Unusual", Value: p.Odd, Quoted: true},
		{Label: "After a login", Value: loginRefText(c, p.AfterLogin), Quoted: true},
	})}
}

// loginRefText names a login; nothing where there is none.
func loginRefText(c *netcase.Case, r *netcase.LoginRef) string {
	if r == nil {
		return ""
	}
	s := fmt.Sprintf("%s from %s on %s at %s UTC", r.Account, named(c, r.Peer), named(c, r.Host), r.At.Short())
	if r.Failures > 0 {
		s += fmt.Sprintf(", after %s failed logins or more", count(r.Failures))
	}
	return s
}

func filled(items []Fact) (out []Fact) {
	for _, f := range items {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}
