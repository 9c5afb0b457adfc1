package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"netcase"
	"netcase/hunt"
)

type siteCmd struct {
	Propose siteProposeCmd `cmd:"" help:"A draft of site.yaml from the telemetry."`
	Check   siteCheckCmd   `cmd:"" help:"Read a site.yaml and say what it means."`
}

type siteProposeCmd struct {
	Paths []string `arg:"" name:"path" help:"Telemetry."`
	Quiet bool     `short:"q" help:"No progress."`
}

// Run prints a draft.
func (c *siteProposeCmd) Run(ctx context.Context, std streams) error {
	cfg := hunt.DefaultConfig()
	cfg.Paths, cfg.Stdin = c.Paths, std.in
	p := newProgress(std.err, c.Quiet)
	cfg.Progress = p.show
	draft, err := hunt.ProposeSite(ctx, cfg)
	p.finish()
	if err != nil {
		return runError(err)
	}
	_, err = io.WriteString(std.out, draft)
	return err
}

type siteCheckCmd struct {
	File string `arg:"" help:"The site file."`
}

// Run reads a site file.
func (c *siteCheckCmd) Run(std streams) error {
	s, err := readSite(c.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: %d own prefixes, %d assets, %d approved sources, %d partners, %d statements\n",
		c.File, len(s.Own)+len(s.Exposed)+len(s.Dark), len(s.Assets), len(s.Approved), len(s.Partners), len(s.Statements))
	return err
}

// readSite reads a site file. Unknown keys are errors, with line and column.
func readSite(name string) (netcase.Site, error) {
	var s netcase.Site
	b, err := os.ReadFile(name)
	if err != nil {
		return s, &exitError{code: exitUsage, err: err, hint: "netcase site propose PATH > site.yaml writes a draft"}
	}
	err = yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(),
		yaml.CustomUnmarshaler(yamlPrefix), yaml.CustomUnmarshaler(yamlAddr), yaml.CustomUnmarshaler(yamlTime),
	).Decode(&s)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, &exitError{code: exitUsage, err: fmt.Errorf("%s: %s", name, yaml.FormatError(err, false, true)), hint: "docs/site.md describes every key"}
	}
	return s, checkSite(name, &s)
}

func checkSite(name string, s *netcase.Site) error {
	for _, a := range s.Assets {
		if a.Criticality < 0 || a.Criticality > 4 {
			return usagef("1 is low, 4 is what the business cannot do without", "%s: asset %s: criticality %d is not 1 to 4", name, a.Name, a.Criticality)
		}
		if a.Name == "" && len(a.Addresses) == 0 {
			return usagef("", "%s: an asset has neither a name nor an address", name)
		}
	}
	for key, value := range map[string]string{"mfa": s.Facts.MFA, "lockout": s.Facts.Lockout} {
		if value != "" && !slices.Contains([]string{"yes", "no"}, value) {
			return usagef("", "%s: facts: %s: %q is neither yes nor no", name, key, value)
		}
	}
	return nil
}

// scalar is the text of a YAML scalar without quotes.
func scalar(b []byte) string { return strings.Trim(strings.TrimSpace(string(b)), `"'`) }

func yamlPrefix(p *netip.Prefix, b []byte) (err error) { *p, err = prefix(scalar(b)); return err }

func yamlAddr(a *netip.Addr, b []byte) (err error) { *a, err = netip.ParseAddr(scalar(b)); return err }

func yamlTime(t *netcase.Time, b []byte) error {
	for _, layout := range instantLayouts {
		if v, err := time.Parse(layout, scalar(b)); err == nil {
			*t = netcase.TimeOf(v)
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write it as 2025-10-20T14:00Z", scalar(b))
}
