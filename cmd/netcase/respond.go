package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/respond"
)

type respondCmd struct {
	Case   string   `arg:"" optional:"" help:"Folder of the case."`
	Target []string `help:"Which targets (default: all)." placeholder:"LIST"`
	List   bool     `help:"List the targets."`
	Out    string   `short:"o" help:"Folder to write to (default: the current one)." default:"." placeholder:"DIR"`
	Now    string   `help:"Time at which expiries are judged (default: now)." placeholder:"TIME"`
}

// Run writes the response files of a case anew; what has expired is refused.
func (c *respondCmd) Run(std streams) error {
	if c.List {
		for _, t := range respond.Targets() {
			fmt.Fprintf(std.out, "%-12s %s\n", t.Name, t.Doc)
		}
		return nil
	}
	if c.Case == "" {
		return usagef("netcase respond CASE, or netcase respond --list", "respond needs the folder of a case")
	}
	k, err := casebook.Read(c.Case)
	if err != nil {
		return &exitError{code: exitUnsound, err: err, hint: "netcase respond takes the folder that netcase investigate wrote"}
	}
	now, err := instant("--now", c.Now)
	if err != nil {
		return err
	}
	if !now.Known() {
		now = netcase.TimeOf(time.Now())
	}
	files, err := respond.Respond(k, respond.Options{Targets: c.Target, Now: now})
	if err != nil && !errors.Is(err, respond.ErrExpired) {
		return err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(c.Out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(std.out, path)
	}
	if err != nil {
		return &exitError{code: exitUnsound, err: err, hint: "investigate again with newer telemetry, or name the time with --now"}
	}
	return nil
}
