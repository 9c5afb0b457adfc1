// Package detect asks an engine questions and turns the answers into findings.
// Each detector is a value in its own file, listed in Detectors. A detector is
// pure: rows in, findings out; no clock, no disk, no network, no log.
package detect

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"netcase"
	"netcase/cube"
	"netcase/intel"
)

// Detector is one detector.
type Detector struct {
	Name   string
	Doc    string // one line: what it notices
	Method string // what it is after, with its source

	// Ask names the answers that Find needs, by what the configuration says.
	Ask func(Config) Questions
	// Refine looks at the answers and names what the second pass must bring; nil: nothing.
	Refine func(*Input) []cube.Want
	// Find turns answers into findings. It must not depend on the order of maps.
	Find func(*Input) []netcase.Finding
}

// Detectors lists every detector, in the order of the report.
func Detectors() []Detector {
	return []Detector{
		spike(),
		sighting(),
		scan(),
		beacon(),
		longconn(),
		exfil(),
		staging(),
		lateral(),
		dos(),
		exposure(),
		artefact(),
		owner(),
		process(),
		socket(),
		persistence(),
		auth(),
		clock(),
	}
}

// Questions is what one detector asks of the engine.
type Questions struct {
	Rows      []cube.Question
	Timelines []cube.TimelineQuestion
	Processes bool
	Logins    bool
	InSpan    bool // rows of the investigated span only; else history comes too
}

// Input is what a detector may look at.
type Input struct {
	Config   Config
	Site     *netcase.Site
	Span     netcase.Span // the investigated span
	History  netcase.Span // everything that was read: what lies before Span feeds the baselines
	Intel    *intel.Set
	Coverage *netcase.Coverage
	Names    map[netip.Addr]string
	Details  cube.Details // empty until the second pass is done
	Memo     any          // what Refine worked out, for Find

	questions Questions
	answerer  cube.Answerer
	desk      *desk // nil: questions share no reading
	reading   bool  // an answer about rows is being read
	ctx       context.Context
	err       error
	notes     []string
}

// note says what the detector did not look at, for the coverage of the case.
func (in *Input) note(text string) { in.notes = append(in.notes, text) }

// rows streams the answer to the i-th question about rows. A row is valid until the next
// one, and only to be read: several detectors may read it at the same time. A failed engine
// ends the stream; Run reports it.
func (in *Input) rows(i int) iter.Seq[*row] { return in.answerTo(in.questions.Rows[i]) }

// answerTo is rows for a question that took an answer to ask.
func (in *Input) answerTo(q cube.Question) iter.Seq[*row] {
	if in.questions.InSpan {
		q.Span = netcase.Span{Start: in.Span.Start.Truncate(netcase.Hour), End: in.Span.End}
	}
	return func(yield func(*row) bool) {
		if in.desk == nil || in.reading { // a detector that reads one answer cannot wait for another
			in.ownReading(q, yield)
			return
		}
		in.reading = true
		defer func() { in.reading = false }()
		a := in.desk.ask(q)
		if a.pages == nil {
			in.ownReading(q, yield)
			return
		}
		if err := a.each(yield); err != nil {
			in.err = err
		}
	}
}

// ownReading answers a question that nobody shares.
func (in *Input) ownReading(q cube.Question, yield func(*row) bool) {
	var marks marks
	var at row
	err := cube.FillRows(in.ctx, in.answerer, q, func(filled *cube.Row) *cube.Row {
		if filled != nil {
			if marks.mark(&at); !yield(&at) {
				return nil
			}
		}
		return &at.Row
	})
	if err != nil {
		in.err = err
	}
}

// Points streams the answer to the i-th question about time lines.
func (in *Input) Points(i int) iter.Seq[cube.Point] {
	return stream(in, in.answerer.Timeline(in.ctx, in.questions.Timelines[i]))
}

// Processes streams the process records by time.
func (in *Input) Processes() iter.Seq[netcase.Process] {
	return stream(in, in.answerer.Processes(in.ctx))
}

// Auth streams the attempts to authenticate, an hour each, in the order of
// cube.CompareAuth; sensors are one account.
func (in *Input) Auth() iter.Seq[cube.AuthRow] {
	return stream(in, in.answerer.Auth(in.ctx))
}

// Queries streams the names that hosts asked for, by time.
func (in *Input) Queries() iter.Seq[netcase.Query] {
	return stream(in, in.answerer.Queries(in.ctx))
}

// Logins streams the login records by time.
func (in *Input) Logins() iter.Seq[netcase.Login] {
	return stream(in, in.answerer.Logins(in.ctx))
}

func stream[T any](in *Input, answer iter.Seq2[T, error]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for x, err := range answer {
			if err != nil {
				in.err = err
				return
			}
			if !yield(x) {
				return
			}
		}
	}
}

// Name is the endpoint with the machine name that the inputs give it.
func (in *Input) Name(e netcase.Endpoint) string {
	if n := in.Names[e.Addr]; e.Addr.IsValid() && n != "" {
		return e.String() + " (" + n + ")"
	}
	return e.String()
}

// Request is what Run needs.
type Request struct {
	Config    Config
	Site      *netcase.Site
	Span      netcase.Span
	Intel     *intel.Set
	Answerer  cube.Answerer
	Detectors []Detector // nil: all
}

// Result is what the detectors found.
type Result struct {
	Findings []netcase.Finding // numbered F-01 …, their evidence E-001 …
	Runs     []netcase.Run
	Records  []netcase.Record // kept originals, sorted by time
	Coverage netcase.Coverage
	Notes    []string
}

// Run asks, refines, reads once more, and finds. One detector's failure is its
// own: it is recorded and the others go on. An error means that the engine failed.
func Run(ctx context.Context, req Request) (Result, error) {
	detectors := req.Detectors
	if detectors == nil {
		detectors = Detectors()
	}
	coverage := req.Answerer.Coverage()
	inputs := make([]*Input, len(detectors))
	runs := make([]netcase.Run, len(detectors))
	own := make([][]cube.Want, len(detectors))
	sideBySide(ctx, req.Answerer, len(detectors), func(i int, desk *desk) {
		d := detectors[i]
		runs[i] = netcase.Run{Name: d.Name, OK: true}
		in := newInput(ctx, req, &coverage)
		in.desk = desk
		in.questions = d.Ask(req.Config)
		inputs[i] = in
		if d.Refine == nil {
			return
		}
		var err error
		if own[i], err = guarded(in, d.Refine); err != nil {
			runs[i] = netcase.Run{Name: d.Name, Why: err.Error()}
		}
	})
	var wants []cube.Want
	for i, d := range detectors {
		for _, w := range own[i] {
			w.Tag = d.Name + "/" + w.Tag
			wants = append(wants, w)
		}
	}
	var details cube.Details
	if len(wants) > 0 {
		var err error
		if details, err = req.Answerer.Details(ctx, wants); err != nil {
			return Result{}, fmt.Errorf("second pass: %w", err)
		}
	}
	result := Result{Notes: details.Notes, Coverage: coverage}
	found := make([][]netcase.Finding, len(detectors))
	sideBySide(ctx, req.Answerer, len(detectors), func(i int, desk *desk) {
		if !runs[i].OK {
			return
		}
		in := inputs[i]
		in.desk = desk
		in.Details = ownDetails(details, detectors[i].Name)
		var err error
		if found[i], err = guarded(in, detectors[i].Find); err != nil {
			runs[i] = netcase.Run{Name: detectors[i].Name, Why: err.Error()}
		}
	})
	for i, d := range detectors {
		if !runs[i].OK {
			continue
		}
		runs[i].Found = len(found[i])
		for k := range found[i] {
			found[i][k].Detector = d.Name
			if found[i][k].Method == "" {
				found[i][k].Method = d.Method
			}
		}
		result.Findings = append(result.Findings, found[i]...)
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	for _, in := range inputs {
		result.Notes = append(result.Notes, in.notes...)
	}
	result.Runs = runs
	number(result.Findings)
	result.Records = keep(result.Findings, details)
	return result, nil
}

// sideBySide does the work of n detectors at the same time, so that they can share the
// reading of what they ask for.
func sideBySide(ctx context.Context, answerer cube.Answerer, n int, work func(i int, desk *desk)) {
	desk := newDesk(ctx, answerer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			defer desk.leave()
			work(i, desk)
		})
	}
	wg.Wait()
	desk.readings.Wait()
}

func newInput(ctx context.Context, req Request, coverage *netcase.Coverage) *Input {
	in := &Input{
		Config: req.Config, Site: req.Site, Span: req.Span, Intel: req.Intel, Coverage: coverage,
		Names: req.Site.Named(req.Answerer.Names()), answerer: req.Answerer, ctx: ctx,
	}
	for i := range coverage.Inputs {
		in.History = in.History.Join(coverage.Inputs[i].Span)
	}
	if !in.Span.Start.Known() {
		in.Span.Start = in.History.Start
	}
	if !in.Span.End.Known() {
		in.Span.End = in.History.End
	}
	return in
}

// guarded calls a step of a detector; a panic is that detector's failure.
func guarded[T any](in *Input, step func(*Input) T) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	out = step(in)
	return out, in.err
}

// ownDetails shows a detector its own record sets by the tags it gave them.
func ownDetails(d cube.Details, name string) cube.Details {
	own := d
	own.Records = map[string]cube.RecordSet{}
	for tag, s := range d.Records {
		if t, ok := strings.CutPrefix(tag, name+"/"); ok {
			own.Records[t] = s
		}
	}
	return own
}

// number orders findings (detector order is kept, then the span and the title)
// and gives them and their evidence ids.
func number(findings []netcase.Finding) {
	order := map[string]int{}
	for i := range findings {
		if _, ok := order[findings[i].Detector]; !ok {
			order[findings[i].Detector] = i
		}
	}
	slices.SortStableFunc(findings, func(a, b netcase.Finding) int {
		return cmp.Compare(order[a.Detector], order[b.Detector])
	})
	e := 0
	for i := range findings {
		findings[i].ID = fmt.Sprintf("F-%02d", i+1)
		for j := range findings[i].Evidence {
			e++
			findings[i].Evidence[j].ID = fmt.Sprintf("E-%03d", e)
		}
	}
}

// Cite attaches the record set of a tag to a piece of evidence.
func (in *Input) Cite(e netcase.Evidence, tag string) netcase.Evidence {
	s := in.Details.Records[tag]
	e.Total = s.Total
	for _, r := range s.Records {
		e.Records = append(e.Records, r.ID)
	}
	if len(e.Inputs) == 0 {
		seen := map[string]bool{}
		for _, r := range s.Records {
			if !seen[r.Input] {
				seen[r.Input] = true
				e.Inputs = append(e.Inputs, r.Input)
			}
		}
		slices.Sort(e.Inputs)
	}
	return e
}

// keep is every record that some evidence cites, once, by time.
func keep(findings []netcase.Finding, d cube.Details) []netcase.Record {
	cited := map[string]bool{}
	for _, f := range findings {
		for _, e := range f.Evidence {
			for _, id := range e.Records {
				cited[id] = true
			}
		}
	}
	var out []netcase.Record
	for _, tag := range slices.Sorted(maps.Keys(d.Records)) {
		for _, r := range d.Records[tag].Records {
			if cited[r.ID] {
				cited[r.ID] = false
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b netcase.Record) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.ID, b.ID))
	})
	return out
}
