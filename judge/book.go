package judge

import (
	"fmt"
	"strconv"
	"strings"

	"netcase"
)

// book collects the evidence of the judgement itself. Its numbers go on where
// those of the findings end.
type book struct {
	last    int
	entries []netcase.Evidence
}

const evidencePrefix = "E-"

func openBook(findings []netcase.Finding) book {
	var b book
	for i := range findings {
		for _, e := range findings[i].Evidence {
			if n, err := strconv.Atoi(strings.TrimPrefix(e.ID, evidencePrefix)); err == nil {
				b.last = max(b.last, n)
			}
		}
	}
	return b
}

// add keeps a measurement of the judgement and returns its id.
func (b *book) add(statement string, numbers map[string]float64, method string, inputs []string) string {
	b.last++
	id := fmt.Sprintf("%s%03d", evidencePrefix, b.last)
	b.entries = append(b.entries, netcase.Evidence{ID: id, Statement: statement, Numbers: numbers, Method: method, Inputs: inputs})
	return id
}

// complete gives a finding that carries no measurement its own title as one, so
// that what is said of it can be cited.
func (b *book) complete(findings []netcase.Finding) {
	for i := range findings {
		f := &findings[i]
		if len(f.Evidence) > 0 {
			continue
		}
		b.last++
		f.Evidence = []netcase.Evidence{{
			ID: fmt.Sprintf("%s%03d", evidencePrefix, b.last), Statement: f.Title, Method: f.Method, Selection: f.Selection,
		}}
	}
}

// evidenceOf lists the evidence ids of a finding.
func evidenceOf(f *netcase.Finding) []string {
	out := make([]string, 0, len(f.Evidence))
	for _, e := range f.Evidence {
		out = append(out, e.ID)
	}
	return out
}

func inputIDs(c *netcase.Coverage) []string {
	var out []string
	for _, r := range c.Inputs {
		if r.CopyOf == "" {
			out = append(out, r.ID)
		}
	}
	return out
}

func coverageNumbers(c *netcase.Coverage) map[string]float64 {
	out := map[string]float64{"inputs": float64(len(c.Inputs)), "feeds": float64(len(c.Feeds)), "flows": float64(c.Flows())}
	for _, r := range c.Inputs {
		out["read"] += float64(r.Read)
		out["accepted"] += float64(r.Accepted)
		out["rejected"] += float64(r.Rejected)
	}
	return out
}

// coverageStatement says what was looked at, and what was not.
func coverageStatement(c *netcase.Coverage) string {
	n := coverageNumbers(c)
	text := fmt.Sprintf("%s and %s were read: %s records, of which %s accepted and %s rejected",
		count(len(c.Inputs), "telemetry input"), count(len(c.Feeds), "intelligence list"),
		thousands(int64(n["read"])), thousands(int64(n["accepted"])), thousands(int64(n["rejected"])))
	if len(c.Families) == 0 {
		text += "; no telemetry family is present"
	} else {
		text += "; telemetry present: " + strings.Join(c.Families, ", ")
	}
	ran := 0
	for _, r := range c.Detectors {
		if r.OK {
			ran++
		}
	}
	text += fmt.Sprintf("; %d of %s ran", ran, count(len(c.Detectors), "detector"))
	if ok, why := c.Sound(); !ok {
		text += "; not looked at properly: " + strings.Join(why, "; ")
	}
	return text
}
