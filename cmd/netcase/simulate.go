package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"netcase/simulate"
)

type simulateCmd struct {
	Scenario string `help:"Which scenario; --list shows them." placeholder:"NAME"`
	Seed     uint64 `help:"Another incident of the same kind."`
	Out      string `short:"o" help:"Folder to write to." placeholder:"DIR"`
	List     bool   `help:"List the scenarios and the formats of --volume."`
	Volume   string `help:"Write rows of one format to stdout instead, for measuring." placeholder:"FORMAT"`
	Rows     int    `help:"How many rows --volume writes." default:"1000000"`
	JSON     bool   `name:"json" help:"Print the labels (truth.json) as well."`
}

// Run writes a scenario, or rows for measuring.
func (c *simulateCmd) Run(std streams) error {
	switch {
	case c.List:
		for _, s := range simulate.Scenarios() {
			fmt.Fprintf(std.out, "%-22s %s\n", s.Name, s.Doc)
		}
		fmt.Fprintf(std.out, "\n--volume formats: %s\n", strings.Join(simulate.VolumeFormats(), ", "))
		return nil
	case c.Volume != "":
		if !slices.Contains(simulate.VolumeFormats(), c.Volume) {
			return usagef("netcase simulate --list shows them", "--volume %q is not a format that is written", c.Volume)
		}
		return simulate.Volume(std.out, c.Volume, c.Rows, c.Seed)
	case c.Scenario == "" || c.Out == "":
		return usagef("netcase simulate --scenario seed --out incident; netcase simulate --list", "simulate needs --scenario and --out")
	}
	if !slices.ContainsFunc(simulate.Scenarios(), func(s simulate.Scenario) bool { return s.Name == c.Scenario }) {
		return usagef("netcase simulate --list shows them", "--scenario %q is not known", c.Scenario)
	}
	if entries, err := os.ReadDir(c.Out); err == nil && len(entries) > 0 {
		return usagef("name another folder with --out", "%s is not empty", c.Out)
	}
	truth, err := simulate.Write(c.Out, c.Scenario, c.Seed)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(std.out, truth, "  ")
	}
	_, err = fmt.Fprintf(std.out, "%s written to %s; the labels are in truth.json\n", c.Scenario, c.Out)
	return err
}
