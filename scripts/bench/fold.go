//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"runtime"
	"runtime/debug"

	"netcase"
	"netcase/cube"
	"netcase/source"
	"netcase/store"
)

// foldOnly is this program as a process that folds files and asks for nothing but
// how much that was: what the peers' one query does.
func foldOnly(args []string) error {
	flags := flag.NewFlagSet("fold", flag.ContinueOnError)
	workers := flags.Int("workers", 1, "")
	memory := flags.Int64("memory", 0, "")
	profile := flags.String("cpuprofile", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(*workers)
	if *memory > 0 {
		debug.SetMemoryLimit(*memory - *memory/10) // as the command does: the program itself takes some, too
	}
	return profiled(*profile, "", func() error { return foldAll(flags.Args(), *workers, *memory) })
}

// foldAll folds files and prints how much that was.
func foldAll(paths []string, workers int, memory int64) (err error) {
	found, err := source.Find(paths, source.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	site := &netcase.Site{}
	ctx := context.Background()
	m, err := store.Fold(ctx, store.Config{Workers: workers, Memory: memory}, site, found)
	if err != nil {
		return err
	}
	var n counted
	for i := range m.Coverage().Inputs {
		r := &m.Coverage().Inputs[i]
		n.Rows += r.Read
	}
	for r, err := range m.Rows(ctx, cube.Question{Kind: cube.Peers}) {
		if err != nil {
			return err
		}
		n.Groups++
		n.Flows += r.Flows
	}
	return json.NewEncoder(os.Stdout).Encode(n)
}
