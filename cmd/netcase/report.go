package main

import (
	"encoding/json"
	"maps"

	"netcase/casebook"
	"netcase/report"
)

type reportCmd struct {
	Case   string   `arg:"" help:"Folder of the case."`
	Format []string `help:"md, html, json." default:"md,html" placeholder:"LIST"`
	Out    string   `short:"o" help:"Write beside the case instead of into it." placeholder:"DIR"`
}

// Run renders the report of a case anew.
func (c *reportCmd) Run(std streams) error {
	book, err := casebook.Load(c.Case)
	if err != nil {
		return caseError(err, "report")
	}
	files := map[string][]byte{}
	for _, f := range c.Format {
		switch f {
		case "md":
			files["report.md"] = report.Markdown(book.Case)
		case "html":
			files["report.html"] = report.HTML(book.Case)
			maps.Copy(files, report.Figures(book.Case))
		case "json":
			if c.Out == "" {
				continue // it is the case itself
			}
			if files["report.json"], err = json.MarshalIndent(book.Case, "", "  "); err != nil {
				return err
			}
		default:
			return usagef("netcase report --format md,html CASE", "--format %q: this version writes md, html and json", f)
		}
	}
	return rewrite(std, c.Case, c.Out, book, files)
}
