package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"netcase/evaluate"
	"netcase/hunt"
	"netcase/simulate"
)

type evaluateCmd struct {
	Data         string   `help:"Folder of real data; what is not there is left out, and the report says so." placeholder:"DIR"`
	Seeds        int      `help:"How many seeds of every story." default:"20" placeholder:"N"`
	First        uint64   `help:"The first seed; those below 1001 were used in development." default:"1001" placeholder:"N"`
	Stories      []string `help:"Only these stories (repeatable)." placeholder:"NAME"`
	Out          string   `short:"o" help:"Write the report as Markdown to this file." placeholder:"FILE"`
	Workers      int      `help:"Cases at the same time." default:"2"`
	Fit          string   `help:"Fit the weights to stories of development (seeds from 1 on) and write them to this file; nothing is reported." placeholder:"FILE"`
	RequireGoals bool     `name:"require-goals" help:"Exit with 1 unless every goal that was measured is met."`
	JSON         bool     `name:"json" help:"Print everything that was measured, for machines."`
	Quiet        bool     `short:"q" help:"No progress."`
}

// Help says what is measured.
func (c *evaluateCmd) Help() string {
	return `Tells every simulated story with each seed as raw telemetry, alone and beside real
benign traffic, lets the whole river judge it, and compares with the truth: recall,
precision, false alarms, bounds, calibration, and what a person could confirm. Also
real data with labels, and the published rules of others on the same records.`
}

// Run evaluates.
func (c *evaluateCmd) Run(ctx context.Context, std streams) error {
	cfg := evaluate.Config{Data: c.Data, Seeds: c.Seeds, First: c.First, Stories: c.Stories, Workers: c.Workers, Hunt: hunt.DefaultConfig()}
	if c.Seeds < 1 || c.Workers < 1 {
		return usagef("netcase evaluate --seeds 2", "--seeds and --workers are at least 1")
	}
	for _, s := range c.Stories {
		if !slices.Contains(simulate.Stories(), s) {
			return usagef("netcase simulate --list shows them", "--stories: %q is not known", s)
		}
	}
	if c.Data != "" {
		if s, err := os.Stat(c.Data); err != nil || !s.IsDir() {
			return usagef("name a folder, or leave --data out", "--data %s is not a folder", c.Data)
		}
	}
	if !c.Quiet && !c.JSON {
		const every = 50
		cfg.Progress = func(done, all int) {
			if done%every == 0 || done == all {
				fmt.Fprintf(std.err, "%d of %d cases\n", done, all)
			}
		}
	}
	if c.Fit != "" {
		return c.fit(ctx, cfg)
	}
	r, err := evaluate.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := c.print(std, r); err != nil {
		return err
	}
	if c.RequireGoals && !r.Met() {
		return &exitError{code: exitReached}
	}
	return nil
}

// fit writes weights that stories give.
func (c *evaluateCmd) fit(ctx context.Context, cfg evaluate.Config) error {
	b, err := evaluate.Fit(ctx, cfg)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Fit, b, 0o644)
}

func (c *evaluateCmd) print(std streams, r *evaluate.Report) error {
	text := r.Document()
	if c.Out != "" {
		if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(c.Out, text, 0o644); err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		return writeJSON(std.out, r, "  ")
	case c.Out != "":
		for _, g := range r.Goals {
			if _, err := fmt.Fprintf(std.out, "%-12s %s: %s (goal: %s)\n", g.State, g.Item, g.Result, g.Goal); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := std.out.Write(text)
	return err
}
