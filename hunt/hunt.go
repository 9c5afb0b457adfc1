// Package hunt calls the stages in order: it is the drawing of the architecture
// as one function.
package hunt

import (
	"context"

	"netcase"
	"netcase/casebook"
	"netcase/judge"
	"netcase/store"
)

// Run reads telemetry and intelligence, detects, judges, at most once asks services
// about what would change the judgement and judges again, and writes the case.
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
	lists, err := openIntel(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer lists.Close()

	answers, err := store.Fold(ctx, cfg.storeConfig(), &cfg.Site, telemetry.found)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Close() }() // temporary files only; what was asked is answered
	if err := cfg.somethingToJudge(answers); err != nil {
		return nil, err
	}
	w, err := cfg.weigh(ctx, answers, lists, nil)
	if err != nil {
		return nil, err
	}
	asked, err := cfg.ask(ctx, w.question, lists)
	if err != nil {
		return nil, err
	}
	if asked {
		if w, err = cfg.weigh(ctx, answers, lists, w); err != nil {
			return nil, err
		}
	}
	for i := range w.draft.Cards {
		w.draft.Cards[i].Neighbours = w.known.Neighbours(w.draft.Cards[i].Address)
	}
	screen(w.draft, cfg.guard(w.draft, w.known))
	if cfg.Judged != nil {
		cfg.Judged(w.question)
	}
	if err := judge.Close(w.draft, w.question); err != nil {
		return nil, err
	}
	if cfg.Out == "" {
		return w.draft, nil
	}
	cfg.stage("writing the report")
	files, err := Render(w.draft, w.known, cfg.Rendering)
	if err != nil {
		return nil, err
	}
	if err := keepAnswers(files, &lists.said); err != nil {
		return nil, err
	}
	return w.draft, casebook.Write(cfg.Out, casebook.Book{Case: w.draft, Records: w.found.Records, Files: files})
}
