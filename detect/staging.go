package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// staging notices data that is packed, gathered or carried off by a program, whether or
// not anybody saw it leave.
func staging() Detector {
	return Detector{
		Name: "staging",
		Doc:  "programs that pack files, gather them in one folder or carry them off, unless they do so day by day",
		Method: "tables of packers, copiers and carriers with what their command lines ask for; files with the ending of an archive in folders that users may write to; " +
			"many files in one folder within an hour; what ran at one hour of the day on several days is a job",
		Ask: func(Config) Questions { return Questions{Processes: true} },
		Refine: func(in *Input) []cube.Want {
			told := stagedData(in)
			in.Memo = told
			var wants []cube.Want
			for _, g := range told {
				wants = append(wants, cube.Want{Tag: g.tag(), Of: cube.Processes, Selection: g.first(), Records: firstRecords})
			}
			return wants
		},
		Find: func(in *Input) (out []netcase.Finding) {
			for _, g := range in.Memo.([]*stagedGroup) {
				out = append(out, g.finding(in))
			}
			return out
		},
	}
}

// ruleStaging is the rule of every finding of this detector.
const ruleStaging = "packs or copies data"

const (
	mostStaged     = 4096 // groups of equal records
	mostStagedSays = 40   // findings, the weightiest first
	mostBursts     = 4096 // programs and folders that are counted at the same time
)

// stagedKey is what the records of one finding have in common. Numbers in the command line
// are left out, so that a job that names its archive by the day is one.
type stagedKey struct {
	host        string // by name: one table names the machine, another its address
	kind, image string
	line        string
}

func (k *stagedKey) compare(o *stagedKey) int {
	return cmp.Or(strings.Compare(k.host, o.host), strings.Compare(k.kind, o.kind), strings.Compare(k.image, o.image), strings.Compare(k.line, o.line))
}

// stagedGroup is the records of one key, those before the investigated span too.
type stagedGroup struct {
	key    stagedKey
	rule   stagingKind
	facts  netcase.ProcessFacts
	days   map[int64]bool // on which it ran, bounded
	hours  [24]bool       // of the day in which it ran
	events int64          // within the span
	span   netcase.Span
}

// stagingKind is one way to stage data.
//
// Units:  decibans, for a claim of exfiltration.
// Source: packing with a password has the weight of the item itself; the steps below it
// are those of the scale (strong, moderate). Set by experts, not calibrated.
type stagingKind struct {
	name      string
	decibans  float64
	technique []string
}

var (
	stagedSecret = stagingKind{"packed with a password", weightMasquerade, []string{"T1560.001"}}
	stagedPack   = stagingKind{"packed", weightOwner, []string{"T1560.001"}}
	stagedCarry  = stagingKind{"carried off", weightOwner, []string{"T1567.002", "T1048"}}
	stagedGather = stagingKind{"copied together", weightTool, []string{"T1074.001"}}
	stagedFile   = stagingKind{"an archive was written", weightTool, []string{"T1560"}}
	stagedMany   = stagingKind{"many files were written", weightTool, []string{"T1074.001"}}
)

// stagedData reads the process records once and tells what is no job.
func stagedData(in *Input) (out []*stagedGroup) {
	groups := map[stagedKey]*stagedGroup{}
	rule := &in.Config.Staging
	bursts := newBursts(rule.Files)
	for p := range in.Processes() {
		v := viewOf(in, &p)
		kind, why := stagedBy(&v, bursts)
		if why == "" {
			continue
		}
		k := stagedKey{hostName(in, p.Host), kind.name, v.image, withoutNumbers(strings.ToLower(p.CommandLine))}
		g := groups[k]
		if g == nil {
			if len(groups) >= mostStaged {
				continue
			}
			g = &stagedGroup{key: k, rule: kind, days: map[int64]bool{}}
			groups[k] = g
		}
		g.add(in, &v, why)
	}
	for _, g := range groups {
		if g.events > 0 && !g.job(rule) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *stagedGroup) int {
		return cmp.Or(cmp.Compare(b.rule.decibans, a.rule.decibans), cmp.Compare(a.span.Start, b.span.Start), a.key.compare(&b.key))
	})
	return out[:min(len(out), mostStagedSays)]
}

// add counts a record. Of those of the first instant the smallest command line stands.
func (g *stagedGroup) add(in *Input, v *processView, why string) {
	p := v.p
	const days = 64 // enough to know a job
	if day := int64(p.Time / netcase.Day); len(g.days) < days {
		g.days[day] = true
	}
	g.hours[int(p.Time/netcase.Hour)%24] = true
	if !in.Span.Contains(p.Time) {
		return
	}
	if g.events == 0 || p.Time == g.span.Start && p.CommandLine < g.facts.CommandLine {
		g.facts = netcase.ProcessFacts{
			Host: p.Host.Key(), OS: p.OS, Rule: ruleStaging, Why: why, Image: v.image, Path: p.Path, CommandLine: p.CommandLine, Account: p.Account,
			Parent: v.parent, Target: p.Target, Decibans: g.rule.decibans,
		}
	}
	g.events++
	g.span = g.span.Extend(p.Time)
}

// job tells whether it ran at one hour of the day on several days: a backup does.
func (g *stagedGroup) job(c *StagingConfig) bool {
	if len(g.days) < c.JobDays {
		return false
	}
	for from := range 24 {
		all := true
		for h, ran := range g.hours {
			if ran && netcase.Time((h-from+24)%24)*netcase.Hour >= c.JobSpan {
				all = false
			}
		}
		if all {
			return true
		}
	}
	return false
}

func (g *stagedGroup) tag() string {
	return fmt.Sprintf("%s %s %s %s", g.key.kind, g.key.host, g.key.image, g.key.line)
}

func (g *stagedGroup) first() netcase.Selection {
	return netcase.Selection{Hosts: []netcase.Endpoint{g.facts.Host}, Span: netcase.Span{Start: g.span.Start, End: g.span.Start + 1}}
}

func (g *stagedGroup) finding(in *Input) netcase.Finding {
	f := g.facts
	f.First, f.Last, f.Events = g.span.Start, g.span.End-1, g.events
	title := fmt.Sprintf("data on %s: %s by %s (%s)", in.Name(f.Host), g.rule.name, imageOrNone(f.Image), count(g.events, "record"))
	text := title + ". " + f.Why
	if f.CommandLine != "" {
		text += " Command line: " + shortened(f.CommandLine) + "."
	}
	if f.Account != "" {
		text += " Account: " + f.Account + "."
	}
	out := netcase.Finding{
		Kind: "staging", Title: title, Technique: g.rule.technique, Span: g.span, Process: &f,
		Selection: netcase.Selection{Hosts: []netcase.Endpoint{f.Host}, Span: g.span},
		Limits:    []string{fmt.Sprintf("backups and administrators do the same: a job that is younger than %s is not known as one", count(in.Config.Staging.JobDays, "day"))},
	}
	e := in.Cite(netcase.Evidence{
		Statement: text, Selection: out.Selection, Method: "staging: " + g.rule.name,
		Numbers: map[string]float64{"events": float64(g.events), "decibans": f.Decibans},
	}, g.tag())
	e.Total = g.events
	out.Evidence = []netcase.Evidence{e}
	return out
}

// withoutNumbers is a text in which every run of digits is one mark.
func withoutNumbers(s string) string {
	var b strings.Builder
	digits := false
	for _, r := range s {
		if d := r >= '0' && r <= '9'; d {
			if !digits {
				b.WriteByte('#')
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(r)
	}
	return b.String()
}

// burstKey is a program that writes into a folder.
type burstKey struct {
	host          netcase.Endpoint
	image, folder string
}

// burst is the different files of the hour at hand.
type burst struct {
	hour  netcase.Time
	files map[string]bool
	told  bool
}

// fileBursts counts the files that programs write into folders, hour by hour.
type fileBursts struct {
	many int // files
	at   map[burstKey]*burst
}

func newBursts(many int) *fileBursts { return &fileBursts{many: many, at: map[burstKey]*burst{}} }

// see counts a file that was written; it is true once an hour, at the file that makes many.
func (b *fileBursts) see(v *processView) bool {
	target := windowsPath(v.p.Target)
	i := strings.LastIndexByte(target, '\\')
	if i <= 0 {
		return false
	}
	k := burstKey{v.p.Host.Key(), v.image, target[:i]}
	x := b.at[k]
	hour := v.p.Time.Truncate(netcase.Hour)
	switch {
	case x == nil && len(b.at) >= mostBursts:
		maps.DeleteFunc(b.at, func(_ burstKey, o *burst) bool { return o.hour < hour })
		if len(b.at) >= mostBursts {
			return false
		}
		fallthrough
	case x == nil || x.hour != hour:
		x = &burst{hour: hour, files: map[string]bool{}}
		b.at[k] = x
	}
	if x.told {
		return false
	}
	x.files[target[i:]] = true
	x.told = len(x.files) >= b.many
	return x.told
}
