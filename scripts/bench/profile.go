//go:build unix

package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"netcase/hunt"
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
