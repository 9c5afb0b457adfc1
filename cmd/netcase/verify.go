package main

import (
	"fmt"

	"netcase/casebook"
)

type verifyCmd struct {
	Case string `arg:"" help:"Folder of the case."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help says what is checked.
func (c *verifyCmd) Help() string {
	return "Recomputes the sha256 of every file against manifest.json, of every kept record\nagainst its bytes, and checks that all evidence that is cited exists.\nExit: 0 everything agrees; 1 something does not."
}

// Run verifies a case.
func (c *verifyCmd) Run(std streams) error {
	result, err := casebook.Verify(c.Case)
	if err != nil {
		return &exitError{code: exitUnsound, err: err, hint: "netcase verify takes the folder that netcase investigate wrote"}
	}
	if c.JSON {
		if err := writeJSON(std.out, result, "  "); err != nil {
			return err
		}
	} else {
		for _, p := range result.Problems {
			fmt.Fprintln(std.out, p)
		}
		fmt.Fprintf(std.out, "%d files, %d records, %d pieces of evidence checked: %s\n",
			result.Files, result.Records, result.Evidence, verdict(len(result.Problems)))
	}
	if len(result.Problems) > 0 {
		return &exitError{code: exitReached}
	}
	return nil
}

func verdict(problems int) string {
	switch problems {
	case 0:
		return "all agree"
	case 1:
		return "1 does not agree"
	}
	return fmt.Sprintf("%d do not agree", problems)
}
