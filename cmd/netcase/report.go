package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"netcase/casebook"
	"netcase/report"
)

type reportCmd struct {
	Case   string   `arg:"" help:"Folder of the case."`
	Format []string `help:"md, html, json." default:"md,html" placeholder:"LIST"`
	Out    string   `short:"o" help:"Folder to write to (default: the current one)." default:"." placeholder:"DIR"`
}

// Run renders the report of a case anew, beside the case: the case folder itself
// stays as its manifest says.
func (c *reportCmd) Run(std streams) error {
	k, err := casebook.Read(c.Case)
	if err != nil {
		return &exitError{code: exitUnsound, err: err, hint: "netcase report takes the folder that netcase investigate wrote"}
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	for _, f := range c.Format {
		var body []byte
		switch f {
		case "md":
			body = report.Markdown(k)
		case "html":
			body = report.HTML(k)
		case "json":
			if body, err = os.ReadFile(filepath.Join(c.Case, "case.json")); err != nil {
				return err
			}
		default:
			return usagef("", "--format %q: want %v", f, []string{"md", "html", "json"})
		}
		name := filepath.Join(c.Out, "report."+f)
		if same(name, filepath.Join(c.Case, "report."+f)) {
			return usagef("write it elsewhere with --out, or investigate again", "%s belongs to the case and its manifest", name)
		}
		if err := os.WriteFile(name, body, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(std.out, name)
	}
	return nil
}

// same tells whether two names mean one file.
func same(a, b string) bool {
	x, errA := filepath.Abs(a)
	y, errB := filepath.Abs(b)
	return errA == nil && errB == nil && slices.Equal([]byte(x), []byte(y))
}
