// Package evaluate measures what the detectors and the judgement get right: on
// simulated stories whose truth is known, each told as raw telemetry and read by the
// whole river, alone and beside real traffic that is benign; on real data with labels;
// and beside the published rules of others on the same data.
//
// A unit is what is right or wrong: a source in a window for scans, a pair of machines
// for cadences, a run of attempts for logins, a case for the judgement. Proportions
// carry Wilson intervals. Nothing here changes a threshold.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"netcase"
	"netcase/hunt"
)

// FirstSeed is where the seeds of the reported run begin; those below were seen while
// stories and detectors were written.
const FirstSeed = 1001

// Config is what an evaluation depends on.
type Config struct {
	Data     string      // folder of real data; empty or absent: those parts are left out, and the report says so
	Seeds    int         // of every story; 0: DefaultSeeds
	First    uint64      // first seed; 0: FirstSeed
	Stories  []string    // nil: all
	Workers  int         // cases at the same time; 0: DefaultWorkers
	Temp     string      // folder of temporary files; empty: the system's
	Hunt     hunt.Config // detectors and judgement as they are asked; the zero value: the defaults
	Progress func(done, all int)
}

// Defaults of Config.
const (
	DefaultSeeds   = 20
	DefaultWorkers = 2
)

// Report is what was measured.
type Report struct {
	Version  string            `json:"version"`
	Weights  string            `json:"weights"`
	Settings map[string]string `json:"settings"` // of detectors and judgement, frozen before the run
	First    uint64            `json:"first_seed"`
	Seeds    int               `json:"seeds"`
	Cases    int               `json:"cases"`
	Injected int               `json:"injected"` // of them, beside real benign traffic
	Grounds  []string          `json:"grounds"`  // the real benign traffic
	Absent   []string          `json:"absent"`   // what could not be measured for want of data
	Failed   []string          `json:"failed"`   // cases that could not be run
	Goals    []Goal            `json:"goals"`
	Ratios   map[string]Ratio  `json:"ratios"`
	Frames   []Calibration     `json:"calibration"`
	Fitted   []Calibration     `json:"calibration_fitted"` // of the same cases with weights fitted to seeds below 1001
	Fusion   Fusion            `json:"fusion"`
	Edges    Edges             `json:"edges"`

	FittedWeights string       `json:"fitted_weights"`
	Cover         Ratio        `json:"ranges_cover"` // sets of predictions on equal evidence whose 90 % range agrees with what came true
	Contacts      Contacts     `json:"first_contacts"`
	Mistakes      []Mistake    `json:"mistakes"` // what was wrong, by story
	Ablation      []Ablation   `json:"ablation,omitempty"`
	Real          []RealResult `json:"real"`
	Peers         []PeerResult `json:"peers"`
}

// Met tells whether every goal that was measured is met.
func (r *Report) Met() bool {
	return !slices.ContainsFunc(r.Goals, func(g Goal) bool { return g.State == NotMet })
}

// Run evaluates. A case that fails is reported and counts as wrong; an error means
// that nothing was measured.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg = cfg.orDefault()
	grounds, absent := realGrounds(cfg)
	defer closeGrounds(grounds)
	list, err := plan(cfg, grounds)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(list))
	err = inPool(ctx, cfg.Workers, len(list), cfg.Progress, func(i int) { outcomes[i] = list[i].run(ctx, cfg) })
	if err != nil {
		return nil, err
	}
	r := &Report{
		Version: netcase.Version, First: cfg.First, Seeds: cfg.Seeds, Cases: len(list), Absent: absent,
		Settings: map[string]string{}, Ratios: map[string]Ratio{}, Real: []RealResult{}, Peers: []PeerResult{},
	}
	for _, g := range grounds {
		r.Grounds = append(r.Grounds, g.name+": "+g.doc)
	}
	r.gather(outcomes)
	r.Fusion = measureFusion()
	r.Ablation = ablations(r.Ratios)
	if r.Contacts, err = measureContacts(ctx, cfg); err != nil {
		return nil, err
	}
	if r.Real, err = measureReal(ctx, cfg); err != nil {
		return nil, err
	}
	benign, err := measureGrounds(ctx, cfg, grounds, r.Ratios)
	if err != nil {
		return nil, err
	}
	r.Real = append(r.Real, benign...)
	r.Peers = peerTable(r.Ratios)
	r.Goals = goals(r)
	return r, nil
}

func (c Config) orDefault() Config {
	if c.Seeds <= 0 {
		c.Seeds = DefaultSeeds
	}
	if c.First == 0 {
		c.First = FirstSeed
	}
	if c.Workers <= 0 {
		c.Workers = DefaultWorkers
	}
	if c.Hunt.Detect.ScanHorizons == nil {
		own := c.Hunt
		c.Hunt = hunt.DefaultConfig()
		c.Hunt.Memory = own.Memory
	}
	return c
}

// inPool does n pieces of work, a few at the same time.
func inPool(ctx context.Context, workers, n int, progress func(done, all int), work func(int)) error {
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				work(i)
				mu.Lock()
				done++
				if progress != nil {
					progress(done, n)
				}
				mu.Unlock()
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("after %d of %d cases: %w", done, n, err)
	}
	if n == 0 {
		return errors.New("no case to run")
	}
	return nil
}
