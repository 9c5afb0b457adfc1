package main

import (
	"fmt"

	"netcase"
	"netcase/source"
)

type queriesCmd struct {
	From string `help:"Start of the span." required:"" placeholder:"TIME"`
	To   string `help:"End of the span." required:"" placeholder:"TIME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the queries.
func (c *queriesCmd) Run(std streams) error {
	from, err := instant("--from", c.From)
	if err != nil {
		return err
	}
	to, err := instant("--to", c.To)
	if err != nil {
		return err
	}
	if to <= from {
		return usagef("", "--to %s does not lie after --from %s", c.To, c.From)
	}
	queries := source.Queries(netcase.Span{Start: from, End: to})
	if c.JSON {
		return writeJSON(std.out, queries, "  ")
	}
	for _, q := range queries {
		fmt.Fprintf(std.out, "// %s\n%s\n\n", q.Title, q.Text)
	}
	return nil
}
