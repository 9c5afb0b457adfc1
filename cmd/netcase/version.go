package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"netcase"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the version.
func (c *versionCmd) Run(std streams) error {
	if c.JSON {
		return json.NewEncoder(std.out).Encode(map[string]any{
			"version": netcase.Version, "case_format": netcase.CaseFormat, "go": runtime.Version(),
			"os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	_, err := fmt.Fprintln(std.out, versionText())
	return err
}

func versionText() string {
	return fmt.Sprintf("netcase %s (case format %d, %s, %s/%s)", netcase.Version, netcase.CaseFormat, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
