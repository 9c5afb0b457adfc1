package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/chart"
	"netcase/hunt"
	"netcase/simulate"
)

type demoCmd struct {
	Out   string `short:"o" help:"Folder for the exports and the cases (default: netcase-demo)." default:"netcase-demo" placeholder:"DIR"`
	Seed  uint64 `help:"Another incident of the same kind: other addresses, hosts, dates and ports."`
	Quiet bool   `short:"q" help:"No progress."`
}

// Help says what is shown.
func (c *demoCmd) Help() string {
	return `Simulates three days of an estate in Azure with a spike, exports it twice in the
formats people export (once as the few columns that analysts project, once whole),
investigates both, and shows what the missing columns cost.`
}

// demoRuns are the two exports of the same traffic.
var demoRuns = []struct{ scenario, what string }{
	{"seed", "what analysts export: a projection without verdict and counters"},
	{"seed-full", "the whole tables"},
}

// Run shows the river.
func (c *demoCmd) Run(ctx context.Context, std streams) error {
	start := time.Now()
	var cases []*netcase.Case
	for _, r := range demoRuns {
		exports := filepath.Join(c.Out, r.scenario)
		if err := ownFolder(c.Out, exports); err != nil {
			return err
		}
		if _, err := simulate.Write(exports, r.scenario, c.Seed); err != nil {
			return err
		}
		dir := filepath.Join(c.Out, "case-"+r.scenario)
		k, err := c.investigate(ctx, std, exports, dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "\n%s: %s\n\n", r.scenario, r.what)
		if err := printCard(std.out, k, dir); err != nil {
			return err
		}
		cases = append(cases, k)
	}
	cost(std.out, cases[0], cases[1])
	fmt.Fprintf(std.out, "\nBoth in %.1f s. Open the reports, or look at the exports in %s.\n", time.Since(start).Seconds(), c.Out)
	return nil
}

// ownFolder makes room for the exports, and never in a folder that holds
// something else.
func ownFolder(dir, exports string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		ours := slices.ContainsFunc(demoRuns, func(r struct{ scenario, what string }) bool {
			return e.Name() == r.scenario || e.Name() == "case-"+r.scenario
		})
		if !ours {
			return usagef("name another folder with --out", "%s holds %s, which the demo did not write", dir, e.Name())
		}
	}
	return os.RemoveAll(exports)
}

func (c *demoCmd) investigate(ctx context.Context, std streams, exports, dir string) (*netcase.Case, error) {
	cfg := hunt.DefaultConfig()
	cfg.Paths = []string{filepath.Join(exports, "telemetry")}
	cfg.Intel = []hunt.IntelPath{{Path: filepath.Join(exports, "intel")}}
	if site := filepath.Join(exports, "site.yaml"); exists(site) {
		s, err := readSite(site)
		if err != nil {
			return nil, err
		}
		cfg.Site, cfg.SiteFrom = s, "site.yaml"
	}
	cfg.Out = dir
	p := newProgress(std.err, c.Quiet)
	cfg.Progress = p.show
	defer p.finish()
	return hunt.Run(ctx, cfg)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// cost says what the columns that the projection lacks would have decided.
func cost(w io.Writer, part, whole *netcase.Case) {
	fmt.Fprintln(w, "\nWhat the missing columns cost")
	missing := map[string]bool{}
	for _, in := range part.Coverage.Inputs {
		for _, m := range in.Missing {
			missing[m] = true
		}
	}
	names := make([]string, 0, len(missing))
	for m := range missing {
		names = append(names, m)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "  not exported:  %s\n", wrapped(names, 17, width()))
	fmt.Fprintf(w, "  severity:      %s instead of %s\n", part.Severity, whole.Severity)
	fmt.Fprintf(w, "  reach:         %s\n  instead of:    %s\n", reachLine(part), reachLine(whole))
	for _, c := range part.Claims {
		for _, d := range whole.Claims {
			if c.ID == d.ID && c.Standing != d.Standing {
				fmt.Fprintf(w, "  %-14s %s instead of %s\n", c.ID+":", c.Standing, d.Standing)
			}
		}
	}
	fmt.Fprintf(w, "  what decides:  %s\n", part.Severity.Decides)
}

// reachLine sums up what became of the flows from outside.
func reachLine(k *netcase.Case) string {
	var t netcase.Tally
	for _, g := range k.Groups {
		if g.Direction == netcase.Inbound {
			t = t.Plus(g.Reach)
		}
	}
	total := max(t.Total(), 1)
	return fmt.Sprintf("known for %s of %s flows from outside that are told in groups (%d %%)", chart.Count(t.Decided()), chart.Count(t.Total()), t.Decided()*100/total)
}

// wrapped joins words with commas over lines, all but the first indented.
func wrapped(words []string, indent, width int) string {
	var b strings.Builder
	column := indent
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
