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
	"netcase/detect"
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
	_, err = fmt.Fprintf(std.out, "%s: %d own prefixes, %d assets, %d approved sources, %d partners, %d statements, %d thresholds\n",
		c.File, len(s.Own)+len(s.Exposed)+len(s.Dark), len(s.Assets), len(s.Approved), len(s.Partners), len(s.Statements), len(s.Thresholds))
	return err
}

// readSite reads a site file. Unknown keys are errors, with line and column.
func readSite(name string) (netcase.Site, error) {
	var s netcase.Site
	b, err := os.ReadFile(name)
	if err != nil {
		return s, &exitError{code: exitUsage, err: fmt.Errorf("site file: %w", err), hint: "netcase site propose PATH > site.yaml writes a draft"}
	}
	err = yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(),
		yaml.CustomUnmarshaler(yamlPrefix), yaml.CustomUnmarshaler(yamlAddr), yaml.CustomUnmarshaler(yamlTime),
	).Decode(&s)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, &exitError{code: exitUsage, err: fmt.Errorf("%s: %s", name, yaml.FormatError(err, false, true)), hint: "docs/site.md describes every key"}
	}
	return s, checkSite(name, &s)
}

// checkSite finds what YAML cannot: all of it, so that one call suffices.
func checkSite(name string, s *netcase.Site) error {
	var wrong []string
	for i, a := range s.Assets {
		if a.Criticality < 0 || a.Criticality > 4 {
			wrong = append(wrong, fmt.Sprintf("assets[%d] %q: criticality %d is not 1 (low) to 4", i, a.Name, a.Criticality))
		}
		if a.Name == "" && len(a.Addresses) == 0 {
			wrong = append(wrong, fmt.Sprintf("assets[%d]: neither a name nor an address", i))
		}
	}
	for _, f := range []struct{ key, value string }{{"mfa", s.Facts.MFA}, {"lockout", s.Facts.Lockout}} {
		if f.value != "" && f.value != "yes" && f.value != "no" {
			wrong = append(wrong, fmt.Sprintf("facts.%s: %q is neither yes nor no", f.key, f.value))
		}
	}
	for i, c := range s.Changes {
		if c.End < c.Start {
			wrong = append(wrong, fmt.Sprintf("changes[%d]: it ends before it starts", i))
		}
		for _, h := range c.Hosts {
			if _, err := prefix(h); err == nil || h == "" {
				wrong = append(wrong, fmt.Sprintf("changes[%d].hosts: %q is no name of a machine; addresses stand under networks", i, h))
			}
		}
		if slices.Contains(c.Ports, 0) {
			wrong = append(wrong, fmt.Sprintf("changes[%d].ports: 0 is no port", i))
		}
	}
	thresholds := detect.DefaultConfig()
	if err := errors.Join(thresholds.SetAll(s.Thresholds), thresholds.Check()); err != nil {
		wrong = append(wrong, strings.Split(err.Error(), "\n")...)
	}
	if len(wrong) == 0 {
		return nil
	}
	return usagef("docs/site.md describes every key", "%s: %s", name, strings.Join(wrong, "\n  "))
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
