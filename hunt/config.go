package hunt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/cube"
	"netcase/detect"
	"netcase/intel"
	"netcase/intel/database"
	"netcase/intel/service"
	"netcase/judge"
	"netcase/origins"
	"netcase/source"
	"netcase/store"
)

// Config is everything a run depends on.
type Config struct {
	Paths    []string
	Intel    []IntelPath
	IntelDB  string // folder of the intelligence database; empty: none is used
	Site     netcase.Site
	SiteFrom string // where the site is known from, in words; empty: not stated
	Span     netcase.Span
	AsOf     netcase.Time // zero: the end of the latest event
	IssuedAt netcase.Time // zero: AsOf
	Zone     *time.Location
	Assume   netcase.Reach
	Allow    []netip.Prefix
	Without  []string // items, evidence ids, providers and detectors that the judgement leaves out
	Focus    string   // an address, a host name or a port; empty: everything
	Out      string   // folder of the case; empty: it is not written
	Workers  int
	Memory   int64 // bytes that the whole run may take; what was folded goes to Temp beyond its share; 0: DefaultMemory
	Spool    int64
	Temp     string            // folder of temporary files; empty: the system's
	Formats  []source.Format   // of telemetry, in the order in which they are asked; nil: source.Formats
	Mappings map[string]string // sha256 of the mapping files that Formats has, by the format's name: the case depends on them
	Stdin    io.Reader
	Progress func(store.Progress)
	Asking   *service.Asking   // the services that may be asked; nil: none
	Judged   func(judge.Input) // is given what the judgement rests on, to judge it again in other ways; nil: nobody asks
	Warn     func(error)       // what went wrong on the way and is no part of the case; nil: nobody listens

	Detect      detect.Config
	Judge       judge.Config
	IntelConfig intel.Config
	Rendering   Rendering
}

// DefaultMemory leaves a laptop its other programs.
const DefaultMemory = 2 << 30

// IntelPath is a file or folder of lists, with the date on which it was learned
// where the user gave one.
type IntelPath struct {
	Path string
	Date netcase.Time
}

// DefaultConfig has the defaults of every package.
func DefaultConfig() Config {
	return Config{Detect: detect.DefaultConfig(), Judge: judge.DefaultConfig(), IntelConfig: intel.DefaultConfig()}
}

func (c *Config) storeConfig() store.Config {
	return store.Config{
		Workers: c.Workers, Zone: c.Zone, Span: c.Span, Assume: c.Assume, Progress: c.Progress,
		Memory: cmp.Or(c.Memory, DefaultMemory), Temp: c.Temp, Formats: c.Formats,
	}
}

// stage tells what is done now.
func (c *Config) stage(what string) {
	if c.Progress != nil {
		c.Progress(store.Progress{Stage: what})
	}
}

// opened are inputs that were found.
type opened struct {
	founds []source.Found
	found  source.Found   // of telemetry: all together
	files  []intel.File   // of intelligence
	db     *database.DB   // of intelligence; nil: none is used
	notes  []string       // what of the database is not used, and how old it is
	said   service.Result // what services answered, now or as --intel brings it
	former service.Result // what the case that is written anew keeps of them
}

// Close removes what was made to read them.
func (o *opened) Close() {
	if o.db != nil {
		_ = o.db.Close() // nothing was written
	}
	for i := range o.founds {
		_ = o.founds[i].Close() // temporary files only; what was read is read
	}
}

// check refuses before any work what could only fail after it.
func (c *Config) check() error {
	if c.Out == "" {
		return nil
	}
	return casebook.Replaceable(filepath.Clean(c.Out))
}

func (c *Config) options() source.Options {
	return source.Options{Spool: c.Spool, Stdin: c.Stdin}
}

// openTelemetry finds the telemetry. Of several paths one may be missing: that is
// reported, and the others are read.
func openTelemetry(c Config) (*opened, error) {
	o := &opened{}
	var missing []error
	for _, path := range c.Paths {
		found, err := source.Find([]string{path}, c.options())
		if err != nil {
			missing = append(missing, err)
			o.found.Refused = append(o.found.Refused, source.Refusal{Name: path, Reason: err.Error()})
			continue
		}
		o.founds = append(o.founds, found)
		o.found.Streams = append(o.found.Streams, found.Streams...)
		o.found.Refused = append(o.found.Refused, found.Refused...)
		o.found.Skipped = append(o.found.Skipped, found.Skipped...)
	}
	switch {
	case len(missing) == len(c.Paths):
		return nil, errors.Join(missing...)
	case len(o.found.Streams) == 0 && len(o.found.Refused) == 0:
		o.Close()
		return nil, fmt.Errorf("nothing to read in %s", strings.Join(c.Paths, ", "))
	}
	return o, nil
}

// somethingToJudge is an error where not a single event could be read, lies in the
// investigated span or concerns the focus: "nothing found" would be a lie.
func (c *Config) somethingToJudge(answers *store.Memory) error {
	cov := answers.Coverage()
	if len(cov.Families) == 0 {
		return nothingRead(&cov)
	}
	read := netcase.Span{}
	for i := range cov.Inputs {
		read = read.Join(cov.Inputs[i].Span)
	}
	if c.Span.Start.Known() && c.Span.Start >= read.End || c.Span.End.Known() && c.Span.End <= read.Start {
		return fmt.Errorf("no event lies in the investigated span: the inputs speak of %s", read)
	}
	if c.Focus != "" && !seen(answers, c.Site.Named(answers.Names()), c.Focus) {
		return fmt.Errorf("--focus %s: no flow, login or process has such an address, name, account or port", c.Focus)
	}
	return nil
}

// nothingRead says of each input why it gave no event.
func nothingRead(c *netcase.Coverage) error {
	lines := []string{"no event could be read"}
	for i := range c.Inputs {
		in := &c.Inputs[i]
		why := in.Unsound()
		if why == "" {
			why = fmt.Sprintf("%d records, none of them an event", in.Read)
			for _, reason := range slices.Sorted(maps.Keys(in.Reasons)) {
				why += "; " + reason
			}
		}
		lines = append(lines, "  "+in.Name+": "+why)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// openIntel finds the lists, and opens the database.
func openIntel(ctx context.Context, c Config) (*opened, error) {
	o := &opened{}
	if c.IntelDB != "" {
		db, err := database.OpenExisting(ctx, c.IntelDB, c.IntelConfig)
		if err != nil {
			return nil, fmt.Errorf("--intel-db: %w", err)
		}
		o.db = db
	}
	c.readFormer(o)
	for _, p := range c.Intel {
		if service.IsKept(p.Path) {
			if err := c.readKept(o, p.Path); err != nil {
				o.Close()
				return nil, err
			}
			continue
		}
		found, err := source.Find([]string{p.Path}, c.options())
		if err != nil {
			o.Close()
			return nil, fmt.Errorf("--intel %s: %w", p.Path, err)
		}
		o.founds = append(o.founds, found)
		named := len(found.Streams) == 1 && isFile(p.Path)
		for _, s := range found.Streams {
			o.files = append(o.files, intel.File{Name: s.Name, Given: p.Date, Named: named, Open: s.Open})
		}
		for _, r := range found.Refused {
			o.files = append(o.files, refusedFile(r))
		}
	}
	return o, nil
}

// load reads the lists, and of the database what bears on the traffic.
func (o *opened) load(ctx context.Context, c *Config, w database.Window) (*intel.Set, error) {
	cfg, files := c.IntelConfig, slices.Concat(o.files, answerFiles(&o.said))
	cfg.Own = append(slices.Clone(cfg.Own), c.Site.Own...)
	if o.db != nil {
		kept, err := o.db.Files(ctx, w)
		if err != nil {
			return nil, err
		}
		files = append(slices.Clone(files), kept...)
		if o.notes, err = o.db.Notes(ctx, w); err != nil {
			return nil, err
		}
	}
	return intel.Load(ctx, files, cfg)
}

// window is when the traffic took place, as far as it is investigated.
func (c *Config) window(answers *store.Memory) database.Window {
	cov := answers.Coverage()
	span := c.Span
	for i := range cov.Inputs {
		s := cov.Inputs[i].Span
		if !c.Span.Start.Known() && s.Start.Known() && (!span.Start.Known() || s.Start < span.Start) {
			span.Start = s.Start
		}
		if !c.Span.End.Known() {
			span.End = max(span.End, s.End)
		}
	}
	return database.Window{First: span.Start, Last: span.End}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// refusedFile is a list that cannot be opened; the feed report will say why.
func refusedFile(r source.Refusal) intel.File {
	return intel.File{Name: r.Name, Open: func() (io.ReadCloser, error) { return nil, fmt.Errorf("%s", r.Reason) }}
}

// request is what the detectors are asked.
func (c *Config) request(answers *store.Memory, known *intel.Set) detect.Request {
	c.Site.Approved = append(slices.Clone(c.Site.Approved), c.Allow...)
	return detect.Request{Config: c.Detect, Site: &c.Site, Span: c.Span, Intel: known, Answerer: answers}
}

// coverage completes what the detectors report.
func (c *Config) coverage(found detect.Result, known *intel.Set, lists *opened) netcase.Coverage {
	cov := found.Coverage
	cov.Feeds, cov.Detectors, cov.Notes = gathered(known.Feeds(), &lists.said), found.Runs, slices.Concat(cov.Notes, found.Notes)
	cov.Lookups = lists.said.Reports()
	cov.Site = c.SiteFrom
	if cov.Site == "" {
		cov.Site = "not stated: private ranges and the exporter's own side stand for the own network"
	}
	switch {
	case c.IntelDB != "":
		cov.Notes = append(cov.Notes, lists.notes...)
	case len(c.Intel) == 0 && len(cov.Lookups) == 0:
		cov.Notes = append(cov.Notes, "no intelligence was given: no address could be called listed")
	}
	if c.Assume != netcase.ReachUnknown {
		cov.Notes = append(cov.Notes, "assumed by the caller: an outcome that is not recorded is "+c.Assume.String())
	}
	return cov
}

// question is what is judged.
func (c *Config) question(found detect.Result, known *intel.Set, lists *opened, answers *store.Memory) judge.Input {
	cov := c.coverage(found, known, lists)
	names := c.Site.Named(answers.Names())
	span := c.Span
	for i := range cov.Inputs {
		if s := cov.Inputs[i].Span; s.Start.Known() {
			if !c.Span.Start.Known() {
				span = span.Extend(s.Start)
			}
			if !c.Span.End.Known() {
				span = span.Extend(s.End - 1)
			}
		}
	}
	asOf := c.AsOf
	if !asOf.Known() {
		asOf = span.End
	}
	issued := c.IssuedAt
	if !issued.Known() {
		issued = asOf
	}
	return judge.Input{
		Settings: c.effective(), Outbound: outbound(answers), Without: slices.Compact(slices.Sorted(slices.Values(c.Without))), Allowed: c.Allow, Asked: askedAbout(&lists.said),
		Config: c.Judge, Site: &c.Site, Span: span, AsOf: asOf, IssuedAt: issued,
		Findings: focused(found.Findings, c.Focus, names), Coverage: cov, Names: names, Queries: source.Queries,
	}
}

// effective are the settings that bear on the result. Workers and progress do not.
func (c *Config) effective() map[string]string {
	out := map[string]string{"site": c.siteHash(), judge.OriginsSetting: c.origins().String()}
	for _, t := range c.Detect.Thresholds() {
		out[t.Name] = t.Value()
	}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	if c.Span.Start.Known() {
		set("from", c.Span.Start.String())
	}
	if c.Span.End.Known() {
		set("to", c.Span.End.String())
	}
	if c.AsOf.Known() {
		set("as-of", c.AsOf.String())
	}
	if c.IssuedAt.Known() {
		set("issued-at", c.IssuedAt.String())
	}
	if c.Zone != nil {
		set("tz", c.Zone.String())
	}
	if c.Assume != netcase.ReachUnknown {
		set("assume", c.Assume.String())
	}
	for _, p := range c.Allow {
		set("allow "+p.String(), "yes")
	}
	for name, sum := range c.Mappings {
		set("mapping "+name, sum)
	}
	set("focus", c.Focus)
	without := slices.Sorted(slices.Values(c.Without))
	set("without", strings.Join(slices.Compact(without), ", "))
	set("approvals", c.approvalsHash())
	return out
}

// siteHash is of the site without its approvals: they name the id of the case that was
// read, which must stay what it was. Thresholds are settings by themselves, whoever sets them.
func (c *Config) siteHash() string {
	site := c.Site
	site.Approvals, site.Thresholds = nil, nil
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", site))
	return hex.EncodeToString(sum[:])[:16]
}

func (c *Config) approvalsHash() string {
	if len(c.Site.Approvals) == 0 {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", c.Site.Approvals))
	return hex.EncodeToString(sum[:])[:16]
}

// outbound says whether traffic that our side began is in the inputs.
func outbound(answers *store.Memory) netcase.State {
	q := cube.Question{Kind: cube.Peers, Directions: []netcase.Direction{netcase.Outbound}}
	for range answers.Rows(context.Background(), q) {
		return netcase.True
	}
	return netcase.False
}

// origins says who hands on whose claims.
func (c *Config) origins() *origins.Table {
	if c.IntelConfig.Origins != nil {
		return c.IntelConfig.Origins
	}
	return origins.Default()
}
