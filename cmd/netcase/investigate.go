package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/hunt"
	"netcase/judge"
	"netcase/report"
	"netcase/source"
)

type investigateCmd struct {
	Paths []string `arg:"" name:"path" help:"Telemetry: files, folders, patterns, archives, or - for standard input."`

	Intel   []string `help:"Lists, STIX, MISP or provider exports: a file or folder, with @DATE for when it was learned (repeatable)." placeholder:"PATH[@DATE]" sep:"none"`
	IntelDB string   `name:"intel-db" help:"Folder of the intelligence database, or none (default: the user's own, where there is one)." default:"auto" placeholder:"DIR"`
	serviceFlags
	Origins  string   `help:"Who hands on whose claims, beside what is known (docs/intel.md)." placeholder:"FILE"`
	Site     string   `help:"What the owner says of the own network (docs/site.md)." placeholder:"FILE"`
	From     string   `help:"Start of the investigated span; what lies before it feeds the baselines." placeholder:"TIME"`
	To       string   `help:"End of the investigated span." placeholder:"TIME"`
	Focus    string   `help:"Keep to one address, host name, account or port." placeholder:"WHAT"`
	AsOf     string   `name:"as-of" help:"Judge with what could be known then (default: the end of the latest event)." placeholder:"TIME"`
	IssuedAt string   `name:"issued-at" help:"When the case is issued; expiries count from it (default: --as-of)." placeholder:"TIME"`
	TZ       string   `name:"tz" help:"Zone of times that have none (default UTC)." placeholder:"ZONE"`
	Map      []string `name:"map" help:"What the columns of a table mean that no format knows (docs/mapping.md; repeatable)." placeholder:"FILE" sep:"none"`
	Allow    []string `help:"Outside addresses that may do what they do (repeatable)." placeholder:"PREFIX"`
	Assume   string   `help:"Take this reach where the outcome is not recorded: denied, no_reply, bidirectional …" placeholder:"REACH"`
	Without  []string `help:"Leave this out of the judgement and tell what moves: an item (A05), an evidence id (E-007), a provider or a detector (repeatable)." placeholder:"EVIDENCE" sep:"none"`
	Set      []string `help:"Another threshold of a detector (repeatable); netcase thresholds lists them." placeholder:"NAME=VALUE" sep:"none"`
	Out      string   `short:"o" help:"Folder of the case (default: the id of the case, nc-…, in the current folder)." placeholder:"DIR"`
	Memory   string   `help:"Memory that the run may take; beyond its share, what was folded goes to a temporary file." default:"2GB" placeholder:"SIZE"`
	Spool    string   `help:"How much of standard input may be kept for a second reading." default:"4GB" placeholder:"SIZE"`
	Workers  int      `help:"Inputs read at the same time (default: one a CPU)."`
	FailOn   string   `name:"fail-on" help:"Exit with 1 if the lower end of the severity range reaches this." placeholder:"SEVERITY"`
	JSON     bool     `name:"json" help:"Print a summary for machines instead of the card."`
	Quiet    bool     `short:"q" help:"No progress, no card: only errors."`
}

// Help says what the command gives and how it ends.
func (c *investigateCmd) Help() string {
	return `Reads every input, recognises formats by content, folds flows, asks the lists,
detects, judges, and writes a case folder with report.md and report.html.

  netcase investigate --intel lists/ exports/
  zcat big.csv.gz | netcase investigate --intel drop.json@2025-10-20 -

Exit: 0 it looked properly; 1 --fail-on reached; 2 usage; 3 it could not look
properly (an input refused or cut, more than 1 % of its records rejected, a
detector or list failed).`
}

// Run investigates.
func (c *investigateCmd) Run(ctx context.Context, std streams, services configuredServices) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	tellReadOnly(std.err, cfg.IntelDB)
	asking, done, err := c.asking(ctx, services, cfg.IntelDB)
	if err != nil {
		return err
	}
	defer done()
	fail, err := c.failOn()
	if err != nil {
		return err
	}
	out, move := c.Out, false
	if out == "" {
		out, move = temporaryCase(), true
	}
	cfg.Out, cfg.Stdin = out, std.in
	p := newProgress(std.err, c.Quiet || c.JSON)
	cfg.Progress = p.show
	cfg.Asking, cfg.Warn = asking, func(err error) { tellError(std.err, err) }
	if asking != nil {
		asking.Progress = askingProgress(p)
	}
	k, err := hunt.Run(ctx, cfg)
	p.finish()
	if err != nil {
		if move {
			_ = os.RemoveAll(out)
		}
		return runError(err)
	}
	if move {
		if out, err = settle(out, k.ID); err != nil {
			return err
		}
	}
	if asking != nil {
		tellUnasked(std.err, k.Coverage.Lookups)
	}
	if err := c.print(std, k, out); err != nil {
		return err
	}
	return outcome(std.err, k, fail, c.Quiet)
}

// temporaryCase is where a case stands until its id is known.
func temporaryCase() string {
	return ".netcase-" + strconv.Itoa(os.Getpid())
}

// settle gives the case folder the name of its case.
func settle(dir, id string) (string, error) {
	if err := casebook.Move(dir, id); err != nil {
		_ = os.RemoveAll(dir) // what is in the way is what matters
		return "", err
	}
	return id, nil
}

// config is the run that the flags ask for.
func (c *investigateCmd) config() (hunt.Config, error) {
	cfg := hunt.DefaultConfig()
	cfg.Paths, cfg.Focus, cfg.Workers, cfg.Without = c.Paths, c.Focus, c.Workers, c.Without
	var err error
	if cfg.Intel, err = intelPaths(c.Intel); err != nil {
		return cfg, err
	}
	if cfg.IntelDB, err = useDatabase(c.IntelDB); err != nil {
		return cfg, err
	}
	if cfg.IntelConfig.Origins, err = readOrigins(c.Origins); err != nil {
		return cfg, err
	}
	if c.Site != "" {
		if cfg.Site, err = readSite(c.Site); err != nil {
			return cfg, err
		}
		cfg.SiteFrom = filepath.Base(c.Site)
	}
	for _, t := range []struct {
		flag, value string
		to          *netcase.Time
	}{
		{"--from", c.From, &cfg.Span.Start}, {"--to", c.To, &cfg.Span.End},
		{"--as-of", c.AsOf, &cfg.AsOf}, {"--issued-at", c.IssuedAt, &cfg.IssuedAt},
	} {
		if *t.to, err = instant(t.flag, t.value); err != nil {
			return cfg, err
		}
	}
	if cfg.Span.Start.Known() && cfg.Span.End.Known() && cfg.Span.End <= cfg.Span.Start {
		return cfg, usagef("--to is the first instant that no longer belongs to the span", "--to %s does not lie after --from %s", c.To, c.From)
	}
	if c.TZ != "" {
		if cfg.Zone, err = time.LoadLocation(c.TZ); err != nil {
			return cfg, usagef("write it as Europe/Madrid or UTC", "--tz %q: %v", c.TZ, err)
		}
	}
	if c.Assume != "" {
		if cfg.Assume, err = netcase.ParseReach(c.Assume); err != nil {
			return cfg, usagef("", "--assume: %v", err)
		}
	}
	if err := setThresholds(&cfg.Detect, cfg.Site.Thresholds, c.Set); err != nil {
		return cfg, err
	}
	if cfg.Allow, err = prefixes("--allow", c.Allow); err != nil {
		return cfg, err
	}
	if err := mapped(&cfg, c.Map); err != nil {
		return cfg, err
	}
	return cfg, c.limits(&cfg)
}

// mapped puts the formats of mapping files before those that are built in.
func mapped(cfg *hunt.Config, files []string) error {
	var formats []source.Format
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("--map: %w", err), hint: "docs/mapping.md tells what a mapping holds"}
		}
		f, err := source.ReadMapping(bytes.NewReader(text))
		if err != nil {
			return usagef("docs/mapping.md has every key", "--map %s: %v", name, err)
		}
		if slices.ContainsFunc(formats, func(o source.Format) bool { return o.Name == f.Name }) {
			return usagef("give each mapping a name of its own", "--map %s: another mapping is called %s too", name, f.Name)
		}
		formats = append(formats, f)
		if cfg.Mappings == nil {
			cfg.Mappings = map[string]string{}
		}
		sum := sha256.Sum256(text)
		cfg.Mappings[f.Name] = hex.EncodeToString(sum[:])
	}
	if len(formats) > 0 {
		cfg.Formats = source.WithMappings(source.Formats(), formats)
	}
	return nil
}

// leastMemory is what --memory has to be, in bytes. Below it the ceiling could not be
// kept, and the collector would be at work all the time; a size without its unit is mostly meant.
const leastMemory = 16e6

// limits sets what a run may use.
func (c *investigateCmd) limits(cfg *hunt.Config) (err error) {
	if cfg.Memory, err = bytesOf("--memory", c.Memory); err != nil {
		return err
	}
	if cfg.Memory < leastMemory {
		return usagef("write it as 512MB or 2GB", "--memory %s is less than the program itself needs", c.Memory)
	}
	if c.Workers < 0 {
		return usagef("leave it out for one a CPU", "--workers %d is no number of inputs", c.Workers)
	}
	const own = 10 // per cent that the program takes beside what the collector counts
	debug.SetMemoryLimit(cfg.Memory - cfg.Memory/own)
	cfg.Spool, err = bytesOf("--spool", c.Spool)
	return err
}

// bytesOf reads a size such as 512MB.
func bytesOf(flag, s string) (int64, error) {
	units := []struct {
		suffix string
		factor int64
	}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	text := strings.ToUpper(strings.TrimSpace(s))
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && f > 0 && f*float64(u.factor) < 1<<62 {
			return int64(f * float64(u.factor)), nil
		}
		break
	}
	return 0, usagef("write it as 512MB or 2GB", "%s %q is not a size", flag, s)
}

// intelPaths reads PATH[@DATE]. A path that exists as written is taken as it is.
func intelPaths(values []string) ([]hunt.IntelPath, error) {
	var out []hunt.IntelPath
	for _, v := range values {
		if _, err := os.Stat(v); err == nil {
			out = append(out, hunt.IntelPath{Path: v})
			continue
		}
		path, date := v, ""
		if at := strings.LastIndexByte(v, '@'); at > 0 {
			path, date = v[:at], v[at+1:]
		}
		learned, err := instant("--intel "+v, date)
		if err != nil {
			return nil, err
		}
		out = append(out, hunt.IntelPath{Path: path, Date: learned})
	}
	return out, nil
}

func (c *investigateCmd) failOn() (*netcase.Level, error) {
	if c.FailOn == "" {
		return nil, nil
	}
	l, err := netcase.ParseLevel(c.FailOn)
	if err != nil {
		return nil, usagef("", "--fail-on: %v", err)
	}
	return &l, nil
}

// print shows the result: data on stdout only.
func (c *investigateCmd) print(std streams, k *netcase.Case, dir string) error {
	if c.JSON {
		return printSummary(std.out, k, dir)
	}
	if c.Quiet {
		return nil
	}
	return printCard(std.out, k, dir)
}

func printCard(w io.Writer, k *netcase.Case, dir string) error {
	_, err := fmt.Fprintf(w, "%s\nReport: %s\n        %s\nCase:   %s\n",
		report.Terminal(k, report.Style{Width: width(), Color: colour(w)}),
		filepath.Join(dir, "report.html"), filepath.Join(dir, "report.md"), dir)
	return err
}

// summary is what --json prints: enough to branch on; case.json has everything.
type summary struct {
	Case      string            `json:"case"`
	Dir       string            `json:"dir"`
	Title     string            `json:"title"`
	Status    netcase.Status    `json:"status"`
	Severity  netcase.Severity  `json:"severity"`
	Lead      string            `json:"lead,omitempty"`
	Posterior float64           `json:"posterior,omitempty"`
	Claims    map[string]string `json:"claims"`      // over everything that was read
	OfLead    map[string]string `json:"lead_claims"` // for the traffic of the leading group
	Findings  int               `json:"findings"`
	Flows     int64             `json:"flows"`
	Sound     bool              `json:"sound"`
	Why       []string          `json:"why,omitempty"`
	WhatIf    *netcase.WhatIf   `json:"what_if,omitempty"`
	Proposed  []string          `json:"proposed,omitempty"` // claims whose last step a person may take
}

func printSummary(w io.Writer, k *netcase.Case, dir string) error {
	sound, why := k.Coverage.Sound()
	s := summary{
		Case: k.ID, Dir: dir, Title: k.Title, Status: k.Status, Severity: k.Severity, Claims: map[string]string{}, OfLead: map[string]string{},
		Findings: len(k.Findings), Flows: k.Coverage.Flows(), Sound: sound, Why: why, WhatIf: k.WhatIf,
	}
	if len(k.Groups) > 0 {
		s.Lead, s.Posterior = k.Groups[0].Lead().ID, k.Groups[0].Lead().Posterior
		for _, c := range k.Groups[0].Claims {
			s.OfLead[c.ID] = string(c.Standing)
		}
	}
	for _, c := range k.Claims {
		s.Claims[c.ID] = string(c.Standing)
		if c.Proposed && c.Approved == nil {
			s.Proposed = append(s.Proposed, c.ID)
		}
	}
	return writeJSON(w, s, "  ")
}

// mostReasons is how many reasons a terminal shows at once.
const mostReasons = 20

// outcome is the exit code that the case asks for, with the reasons on stderr.
func outcome(w io.Writer, k *netcase.Case, fail *netcase.Level, quiet bool) error {
	if fail != nil && k.Severity.Low >= *fail {
		return &exitError{code: exitReached}
	}
	sound, why := k.Coverage.Sound()
	if sound {
		return nil
	}
	if !quiet {
		fmt.Fprintln(w, "netcase: it could not look properly:")
		for i, reason := range why {
			if i == mostReasons {
				fmt.Fprintf(w, "  … and %d more: the report names each under “Appendix: inputs”\n", len(why)-i)
				break
			}
			fmt.Fprintln(w, "  "+reason)
			if e, ok := firstRejected(&k.Coverage, reason); ok {
				fmt.Fprintf(w, "    for example %s\n", e)
			}
		}
	}
	return &exitError{code: exitUnsound}
}

// firstRejected is the first record shown of the input that a reason names.
func firstRejected(c *netcase.Coverage, reason string) (netcase.RowError, bool) {
	for i := range c.Inputs {
		if in := &c.Inputs[i]; len(in.Samples) > 0 && reason == in.Name+": "+in.Unsound() {
			return in.Samples[0], true
		}
	}
	return netcase.RowError{}, false
}

// runError adds the next step to an error that ended a run.
func runError(err error) error {
	if errors.Is(err, judge.ErrNothingLeftOut) {
		return &exitError{code: exitUsage, err: fmt.Errorf("--%w", err), hint: "case.json names the items, the evidence, the providers and the detectors of a case"}
	}
	var p *fs.PathError
	if errors.Is(err, fs.ErrNotExist) && errors.As(err, &p) && p.Op != "mkdir" { // that is where it would have written
		return &exitError{code: exitUsage, err: withoutCall(err, p), hint: "name files, folders, patterns or archives that are there, or - for standard input"}
	}
	return &exitError{code: exitUnsound, err: err}
}

// withoutCall is an error about a path without the name of the system call that met it.
func withoutCall(err error, p *fs.PathError) error {
	return errors.New(strings.Replace(err.Error(), p.Op+" "+p.Path, p.Path, 1))
}
