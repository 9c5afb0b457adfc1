package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"netcase"
	"netcase/hunt"
	"netcase/judge"
	"netcase/simulate"
)

// trial is one case to be run: a story, a seed, and the real traffic beside it.
type trial struct {
	story  string
	seed   uint64
	beside *ground // nil: the story's own office
}

func (t trial) name() string {
	if t.beside == nil {
		return fmt.Sprintf("%s/%d", t.story, t.seed)
	}
	return fmt.Sprintf("%s/%d beside %s", t.story, t.seed, t.beside.name)
}

// ownOffice are stories that consist of what their office does anyway: without it
// there is nothing to tell.
var ownOffice = []string{"office", "nightly-backup", "clock-change", "outage", "two-sensors"}

// plan lists the cases: every story with every seed in its own office, and beside one
// real traffic, which changes with the story and the seed.
func plan(cfg Config, grounds []ground) ([]trial, error) {
	stories := cfg.Stories
	if len(stories) == 0 {
		stories = simulate.Stories()
	}
	for _, s := range stories {
		if !slices.Contains(simulate.Stories(), s) {
			return nil, fmt.Errorf("story %q is not known", s)
		}
	}
	var out []trial
	for k := range cfg.Seeds {
		seed := cfg.First + uint64(k)
		for i, s := range stories {
			out = append(out, trial{story: s, seed: seed})
			if len(grounds) > 0 && !slices.Contains(ownOffice, s) {
				out = append(out, trial{story: s, seed: seed, beside: &grounds[(i+k)%len(grounds)]})
			}
		}
	}
	return out, nil
}

// outcome is what became of one case.
type outcome struct {
	trial
	err      error
	counts   map[string]Ratio
	frameA   []prediction
	frameB   []prediction
	ranges   []ranged
	edges    []float64 // errors of the edges of a spike, in bins
	mistake  string    // what the case was judged as, where that is wrong
	expected string
	settings map[string]string
	weights  string
	approved *netcase.Case // the case with every claim approved, while it is compared
	closed   []judge.Closed
	fitted   *fittedOutcome
	question judge.Input // what the case was judged on, while it is compared
}

// count adds to a ratio.
func (o *outcome) count(name string, hit bool) { o.add(name, Ratio{int(one(hit)), 1}) }

func (o *outcome) add(name string, r Ratio) { o.counts[name] = o.counts[name].plus(r) }

// told tells the story into a folder and is its configuration.
func (t trial) told(cfg Config, dir string) (simulate.Told, hunt.Config, error) {
	g := simulate.Ground{}
	if t.beside != nil {
		g = t.beside.under(simulate.Days(t.story))
	}
	told, err := simulate.Tell(t.story, t.seed, g)
	if err != nil {
		return told, hunt.Config{}, err
	}
	for _, name := range told.Files.Names() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return told, hunt.Config{}, err
		}
		if err := os.WriteFile(path, told.Files[name], 0o600); err != nil {
			return told, hunt.Config{}, err
		}
	}
	h := cfg.Hunt
	h.Workers, h.Temp = 1, cfg.Temp
	h.Site, h.SiteFrom = told.Site, "site.yaml"
	h.Paths = []string{filepath.Join(dir, "telemetry")}
	if t.beside != nil {
		h.Paths = append(h.Paths, t.beside.paths...)
	}
	if _, ok := told.Files["intel/claims.csv"]; ok {
		h.Intel = []hunt.IntelPath{{Path: filepath.Join(dir, "intel"), Date: told.Truth.Span.Start - netcase.Day}}
	}
	return told, h, nil
}

// run tells the story, lets the river judge it, and compares.
func (t trial) run(ctx context.Context, cfg Config) outcome {
	o := outcome{trial: t, counts: map[string]Ratio{}}
	dir, err := os.MkdirTemp(cfg.Temp, "netcase-evaluate-")
	if err != nil {
		o.err = err
		return o
	}
	defer func() { _ = os.RemoveAll(dir) }() // temporary files only
	told, h, err := t.told(cfg, dir)
	if err != nil {
		o.err = err
		return o
	}
	h.Judged = func(in judge.Input) { o.question = in }
	c, err := hunt.Run(ctx, h)
	h.Judged = nil
	if err != nil {
		o.err = fmt.Errorf("%s: %w", t.name(), err)
		o.count("judgement.top1", false)
		return o
	}
	o.settings, o.weights = c.Config, c.Weights
	if o.approved, err = approve(ctx, h, c); err != nil {
		o.err = fmt.Errorf("%s, approved: %w", t.name(), err)
		return o
	}
	o.compare(c, told)
	if err := o.refit(told); err != nil && o.err == nil {
		o.err = err
	}
	o.approved, o.question = nil, judge.Input{} // not kept
	if t.beside == nil {
		o.err = o.askPeers(ctx, h.Paths, c, told)
	}
	return o
}

// compare measures a judged case.
func (o *outcome) compare(c *netcase.Case, told simulate.Told) {
	for _, r := range c.Coverage.Detectors {
		o.count("run.detectors", r.OK)
	}
	for _, m := range measures() {
		m(o, c, told)
	}
}

// measures lists what is compared.
func measures() []func(*outcome, *netcase.Case, simulate.Told) {
	return []func(*outcome, *netcase.Case, simulate.Told){
		measureScans, measureLogins, measureCadence, measureVolume, measureExcess, measureArtefact, measureHosts, measureJudgement,
	}
}

// stratum is the name of a part of a ratio.
func (o *outcome) stratum(name string) string { return name + "/" + o.story }

// Mistake is a way in which cases of a story were judged wrong.
type Mistake struct {
	Story    string   `json:"story"`
	Expected string   `json:"expected"`
	Got      string   `json:"got"`
	Times    int      `json:"times"`
	Of       int      `json:"of"`    // cases of the story
	Where    []string `json:"where"` // some of them
}

// Edges are the errors of the bounds of a spike.
type Edges struct {
	N      int     `json:"n"`
	Within int     `json:"within_one_bin"`
	Median float64 `json:"median_bins"`
	Worst  float64 `json:"worst_bins"`
}

// gather adds up what became of the cases, in their order.
func (r *Report) gather(list []outcome) {
	var a, b, fittedA, fittedB []prediction
	var edges []float64
	var ranges []ranged
	mistakes, of := map[[3]string]*Mistake{}, map[string]int{}
	for i := range list {
		o := &list[i]
		of[o.story]++
		if o.beside != nil {
			r.Injected++
		}
		if o.err != nil {
			r.Failed = append(r.Failed, o.err.Error())
		}
		for name, n := range o.counts {
			r.Ratios[name] = r.Ratios[name].plus(n)
		}
		a, b, edges = append(a, o.frameA...), append(b, o.frameB...), append(edges, o.edges...)
		ranges = append(ranges, o.ranges...)
		if o.fitted != nil {
			r.FittedWeights = o.fitted.weights
			fittedA, fittedB = append(fittedA, o.fitted.frameA...), append(fittedB, o.fitted.frameB...)
		}
		if len(r.Settings) == 0 && o.settings != nil {
			r.Settings, r.Weights = frozen(o.settings), o.weights
		}
		if o.mistake == "" {
			continue
		}
		k := [3]string{o.story, o.expected, o.mistake}
		if mistakes[k] == nil {
			mistakes[k] = &Mistake{Story: o.story, Expected: o.expected, Got: o.mistake}
		}
		mistakes[k].Times++
		const shown = 3
		if m := mistakes[k]; len(m.Where) < shown {
			m.Where = append(m.Where, o.name())
		}
	}
	for _, m := range mistakes {
		m.Of = of[m.Story]
		r.Mistakes = append(r.Mistakes, *m)
	}
	slices.SortFunc(r.Mistakes, func(a, b Mistake) int {
		return cmp.Or(strings.Compare(a.Story, b.Story), cmp.Compare(b.Times, a.Times), strings.Compare(a.Got, b.Got), strings.Compare(a.Expected, b.Expected))
	})
	r.Frames = []Calibration{
		calibrate("A, the leading explanation of the labelled sources", a),
		calibrate("B, the claims of harm that were assessed", b),
	}
	r.Fitted = []Calibration{
		calibrate("A, fitted on the stories of development", fittedA),
		calibrate("B, fitted on the stories of development", fittedB),
	}
	r.Edges = edgesOf(edges)
	r.Cover = coverage(ranges)
}

// frozen are the settings that hold for every case.
func frozen(s map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range s {
		if k != "site" && !strings.HasPrefix(k, "allow ") {
			out[k] = v
		}
	}
	return out
}

func edgesOf(list []float64) Edges {
	e := Edges{N: len(list)}
	if len(list) == 0 {
		return e
	}
	slices.Sort(list)
	for _, v := range list {
		if v <= 1 {
			e.Within++
		}
	}
	e.Median, e.Worst = list[len(list)/2], list[len(list)-1]
	return e
}
