// Package hunt calls the stages in order: it is the drawing of the architecture
// as one function.
package hunt

import (
	"context"

	"netcase"
	"netcase/casebook"
	"netcase/detect"
	"netcase/intel"
	"netcase/judge"
	"netcase/store"
)

// Run reads telemetry and intelligence, detects, judges, and writes the case.
// An error means that there is no case; what could not be read, was cut or did
// not run is in the case's coverage instead.
func Run(ctx context.Context, cfg Config) (*netcase.Case, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	telemetry, err := openTelemetry(cfg)
	if err != nil {
		return nil, err
	}
	defer telemetry.Close()
	lists, err := openIntel(cfg)
	if err != nil {
		return nil, err
	}
	defer lists.Close()

	known, err := intel.Load(ctx, lists.files, cfg.IntelConfig)
	if err != nil {
		return nil, err
	}
	answers, err := store.Fold(ctx, cfg.storeConfig(), &cfg.Site, telemetry.found)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Close() }() // temporary files only; what was asked is answered
	if err := cfg.somethingToJudge(answers); err != nil {
		return nil, err
	}
	cfg.stage("asking the detectors")
	found, err := detect.Run(ctx, cfg.request(answers, known))
	if err != nil {
		return nil, err
	}
	cfg.stage("weighing the evidence")
	question := cfg.question(found, known, answers)
	draft, err := judge.Draft(question)
	if err != nil {
		return nil, err
	}
	for i := range draft.Cards {
		draft.Cards[i].Neighbours = known.Neighbours(draft.Cards[i].Address)
	}
	screen(draft, cfg.guard(draft, known))
	if err := judge.Close(draft, question); err != nil {
		return nil, err
	}
	if cfg.Out == "" {
		return draft, nil
	}
	cfg.stage("writing the report")
	files, err := Render(draft, known, cfg.Rendering)
	if err != nil {
		return nil, err
	}
	return draft, casebook.Write(cfg.Out, casebook.Book{Case: draft, Records: found.Records, Files: files})
}
