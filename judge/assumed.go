package judge

import (
	"strings"

	"netcase"
)

// assumedNote begins the note of the coverage on an assumed outcome.
const assumedNote = "assumed by the caller"

// assumed is the reach that the caller assumes where no outcome is recorded; empty:
// nothing is assumed. What is assumed decides no claim and gates none out.
func (d *draft) assumed() string { return assumedReach(d.in.Settings, &d.in.Coverage) }

func assumedReach(settings map[string]string, c *netcase.Coverage) string {
	if r := settings["assume"]; r != "" {
		return r
	}
	for _, n := range c.Notes {
		if rest, ok := strings.CutPrefix(n, assumedNote); ok {
			if i := strings.LastIndexByte(rest, ' '); i >= 0 {
				return rest[i+1:]
			}
			return rest
		}
	}
	return ""
}

// sayAssumed says on page one that the outcome is the caller's word.
func sayAssumed(c *netcase.Case) string {
	r := assumedReach(c.Config, &c.Coverage)
	if r == "" {
		return ""
	}
	return "where no outcome is recorded, " + assumedNote + ": " + r + "; "
}
