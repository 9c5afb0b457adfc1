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
	"runtime/pprof"
	"time"

	"netcase"
	"netcase/detect"
	"netcase/hunt"
	"netcase/intel"
	"netcase/source"
	"netcase/store"
)

// profiled does some work and writes where its processor time went, and what it
// allocated; an empty name writes nothing.
func profiled(cpu, memory string, work func() error) (err error) {
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		done := work
		work = func() error {
			err := done()
			pprof.StopCPUProfile()
			return errors.Join(err, f.Close())
		}
	}
	if err := work(); err != nil || memory == "" {
		return err
	}
	f, err := os.Create(memory)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// detectOnly is the reading of files and all detectors, and no more.
func detectOnly(args []string) error {
	flags := flag.NewFlagSet("detect", flag.ContinueOnError)
	workers := flags.Int("workers", runtime.NumCPU(), "")
	memory := flags.Int64("memory", hunt.DefaultMemory, "")
	cpu := flags.String("cpuprofile", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(*workers)
	debug.SetMemoryLimit(*memory - *memory/10)
	return profiled(*cpu, "", func() error { return detectAll(flags.Args(), *workers, *memory) })
}

// detectAll folds files, runs all detectors, and prints what that took.
func detectAll(paths []string, workers int, memory int64) (err error) {
	ctx, site := context.Background(), &netcase.Site{}
	found, err := source.Find(paths, source.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	began := time.Now()
	m, err := store.Fold(ctx, store.Config{Workers: workers, Memory: memory}, site, found)
	if err != nil {
		return err
	}
	read := time.Now()
	var span netcase.Span
	for i := range m.Coverage().Inputs {
		span = span.Join(m.Coverage().Inputs[i].Span)
	}
	known, err := intel.Load(ctx, nil, intel.Config{})
	if err != nil {
		return err
	}
	result, err := detect.Run(ctx, detect.Request{Config: detect.DefaultConfig(), Site: site, Span: span, Intel: known, Answerer: m})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"reading s": read.Sub(began).Seconds(), "detectors s": time.Since(read).Seconds(), "findings": len(result.Findings),
	})
}

// wholeOnly is `netcase investigate` as the command runs it, to be profiled.
func wholeOnly(args []string) error {
	flags := flag.NewFlagSet("whole", flag.ContinueOnError)
	workers := flags.Int("workers", runtime.NumCPU(), "")
	memory := flags.Int64("memory", hunt.DefaultMemory, "")
	cpu := flags.String("cpuprofile", "", "")
	allocated := flags.String("memprofile", "", "")
	out := flags.String("out", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(*workers)
	debug.SetMemoryLimit(*memory - *memory/10)
	cfg := hunt.DefaultConfig()
	cfg.Paths, cfg.Workers, cfg.Memory, cfg.Out = flags.Args(), *workers, *memory, *out
	return profiled(*cpu, *allocated, func() error {
		_, err := hunt.Run(context.Background(), cfg)
		return err
	})
}
