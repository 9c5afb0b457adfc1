package hunt

import (
	"maps"
	"net/netip"

	"netcase"
	"netcase/intel"
	"netcase/report"
	"netcase/respond"
)

// Rendering says what is rendered of a case.
type Rendering struct {
	Now     netcase.Time // for rules that may have expired; zero: the issue of the case
	Targets []string     // response targets; empty: all
	TLP     string       // label without "TLP:"; empty: AMBER
}

// Render is every file of the case folder beside case.json and the evidence.
func Render(c *netcase.Case, known *intel.Set, r Rendering) (map[string][]byte, error) {
	files, err := respond.Respond(c, respond.Options{Now: r.Now, Targets: r.Targets, TLP: r.TLP, Known: known.KnownService})
	if err != nil {
		return nil, err
	}
	files["report.md"], files["report.html"] = report.Markdown(c), report.HTML(c)
	maps.Copy(files, report.Figures(c))
	return files, nil
}

// guard is what no response may touch.
func (c *Config) guard(k *netcase.Case, known *intel.Set) *respond.Guard {
	return respond.GuardFor(k, func(a netip.Addr) (string, bool) { return known.KnownService(a) })
}

// screen takes out of every action what a response must not touch.
func screen(c *netcase.Case, g *respond.Guard) {
	for i, a := range c.Actions {
		c.Actions[i] = g.Screen(a)
	}
}
