package report

import (
	"fmt"
	"slices"

	"netcase"
)

// agreement is how far sensors agree that told of the same flows; nothing where there
// is one sensor only.
func agreement(c *netcase.Case) []Block {
	if flowSensors(c) < 2 {
		return nil
	}
	pairs := c.Coverage.Agreement
	if len(pairs) == 0 {
		return []Block{Note{noAgreement(c)}}
	}
	var rows [][]Cell
	for i := range pairs {
		p := &pairs[i]
		rows = append(rows, []Cell{
			quoted(p.A), quoted(p.B), num(p.Hours), num(p.Both), num(p.OnlyA), num(p.OnlyB),
			plain(comparedText(&p.Octets, "")), plain(comparedText(&p.Packets, "")), plain(comparedText(&p.Outcomes, " failed")),
		})
	}
	return []Block{table("Sensors that told of the same flows (one hour, both ends, service port, protocol and direction). Their counts are never added: a flow that several told of stands once in this report, by the finer and then the larger account. “Only” is counted in the hours in which both told of anything. Sizes and outcomes are compared where both count equally many flows; sensors that measure at other layers differ in octets by their headers, and one whose clock runs apart books flows into the next hour, where the other has none.",
		[]string{"Sensor", "Other sensor", "Hours", "Told by both", "Only by the first", "Only by the other", "Octets differ", "Packets differ", "Outcomes differ"}, rows, tableRows)}
}

func noAgreement(c *netcase.Case) string {
	return fmt.Sprintf("%s told of flows; no flow was told by two of them, or how often could not be counted.", plural(flowSensors(c), "sensor", "sensors"))
}

// comparedText is "3 of 40 cells (1,200 against 1,300)".
func comparedText(c *netcase.Compared, of string) string {
	if c.Cells == 0 {
		return "not comparable"
	}
	return fmt.Sprintf("%s of %s cells (%s against %s%s)", count(c.Differ), count(c.Cells), count(c.A), count(c.B), of)
}

// flowSensors is how many sensors told of flows.
func flowSensors(c *netcase.Case) int {
	var all []string
	for i := range c.Coverage.Inputs {
		if in := &c.Coverage.Inputs[i]; in.Flows > 0 {
			all = append(all, in.Sensors...)
		}
	}
	slices.Sort(all)
	return len(slices.Compact(all))
}

// agreementLine is the pair of sensors that told most of the same flows, on one line;
// empty: no two did.
func agreementLine(c *netcase.Case) string {
	pairs := c.Coverage.Agreement
	if flowSensors(c) < 2 || len(pairs) == 0 {
		return ""
	}
	p := &pairs[0] // the one with most such flows
	s := fmt.Sprintf("%s and %s: %s flows told by both, %s and %s by one only", p.A, p.B, count(p.Both), count(p.OnlyA), count(p.OnlyB))
	for _, d := range []struct {
		what string
		of   netcase.Compared
	}{{"octets", p.Octets}, {"packets", p.Packets}, {"outcomes", p.Outcomes}} {
		if d.of.Differ > 0 {
			s += fmt.Sprintf("; %s differ in %s of %s cells", d.what, count(d.of.Differ), count(d.of.Cells))
		}
	}
	if n := len(pairs) - 1; n > 0 {
		s += fmt.Sprintf("; %s in the report", plural(n, "further pair", "further pairs"))
	}
	return s
}
