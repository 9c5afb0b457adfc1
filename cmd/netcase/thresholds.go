package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"netcase/detect"
)

type thresholdsCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help says how one is changed.
func (c *thresholdsCmd) Help() string {
	return "One is changed for a single investigation by its name:\n\n  netcase investigate --set scan.ports=30 --set auth.bucket.fast.leak=30s exports/\n\nThose that always hold for a site stand in its site.yaml, under thresholds.\nWhat is set stands in the case, and the case id follows from it."
}

// Run lists the thresholds of the detectors with their defaults.
func (c *thresholdsCmd) Run(std streams) error {
	cfg := detect.DefaultConfig()
	all := cfg.Thresholds()
	if c.JSON {
		type row struct {
			Name  string `json:"name"`
			Value string `json:"value"`
			Range string `json:"range"`
			Doc   string `json:"doc"`
		}
		rows := make([]row, len(all))
		for i, t := range all {
			rows[i] = row{t.Name, t.Value(), t.Range(), t.Doc}
		}
		return writeJSON(std.out, rows, "  ")
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\t%s; %s\n", t.Name, t.Value(), t.Doc, t.Range())
	}
	return w.Flush()
}

// setThresholds changes the thresholds that the site names, and then those that the caller
// names.
func setThresholds(cfg *detect.Config, site map[string]string, words []string) error {
	if err := cfg.SetAll(site); err != nil {
		return usagef("netcase thresholds lists the names and what they mean", "site.yaml: %v", err)
	}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return usagef("write it as scan.ports=30", "--set %q has no value", w)
		}
		if err := cfg.Set(strings.TrimSpace(name), value); err != nil {
			return usagef("netcase thresholds lists the names and what they mean", "--set: %v", err)
		}
	}
	if err := cfg.Check(); err != nil {
		return usagef("netcase thresholds lists the names and what they mean", "%v", err)
	}
	return nil
}
