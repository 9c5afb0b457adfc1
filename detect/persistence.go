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

// persistence notices what would survive a restart, and the login that it followed.
func persistence() Detector {
	return Detector{
		Name: "persistence",
		Doc:  "services, tasks, start keys, service libraries, accounts and keys that were made or changed, and the login they followed",
		Method: "rules on service and task records, registry values that start programs, new accounts and members of administrators' groups, " +
			"authorized keys and cron; joined to the logins on the host in the 24 hours before",
		Ask: func(Config) Questions { return Questions{Processes: true, Logins: true} },
		Refine: func(in *Input) []cube.Want {
			found := lasting(in)
			in.Memo = found
			var wants []cube.Want
			for _, g := range found.told {
				wants = append(wants, cube.Want{Tag: g.tag(), Of: g.of, Selection: g.first(), Records: firstRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding { return in.Memo.(lastingSet).findings(in) },
	}
}

const (
	mostLasting     = 4096
	mostLastingSays = 60
	comparedValue   = 64 // bytes: two logs cut a long value at different places
	whatService     = "service"
	whatTask        = "scheduled task"
	whatRunKey      = "start key"
	whatDLL         = "service library"
	whatAccount     = "account"
	whatGroup       = "member of a group"
	whatKeys        = "authorized keys"
	whatCron        = "cron"
	whatStartup     = "start folder"
	whatWMI         = "WMI subscription"
	whatUnit        = "unit or start script"
)

// lastingTechniques are the techniques by what was made.
var lastingTechniques = map[string]string{
	whatService: "T1543.003", whatTask: "T1053.005", whatRunKey: "T1547.001", whatDLL: "T1543.003", whatAccount: "T1136", whatGroup: "T1098",
	whatKeys: "T1098.004", whatCron: "T1053.003", whatStartup: "T1547.001", whatWMI: "T1546.003", whatUnit: "T1543.002",
}

// lastingKey is what the records of one change have in common: two logs tell of one.
type lastingKey struct {
	host        string
	what        string
	name, value string
}

// lastingChange is one change, by however many records.
type lastingChange struct {
	key    lastingKey
	of     cube.Family
	facts  netcase.PersistenceFacts
	events int64
	span   netcase.Span
}

// lastingSet is what was found.
type lastingSet struct {
	told []*lastingChange // unusual, or after a strange login
	rest []*lastingChange // only noted
	left int64
}

// lasting reads the processes and the logins side by side, by time.
func lasting(in *Input) (out lastingSet) {
	changes := map[lastingKey]*lastingChange{}
	take := func(f *netcase.PersistenceFacts, of cube.Family, logins *trail) {
		if !in.Span.Contains(f.At) {
			return
		}
		k := lastingKey{hostName(in, f.Host), f.What, strings.ToLower(f.Name), strings.ToLower(f.Value[:min(len(f.Value), comparedValue)])}
		g := changes[k]
		if g == nil {
			if len(changes) >= mostLasting {
				out.left++
				return
			}
			g = &lastingChange{key: k, of: of, facts: *f}
			changes[k] = g
		}
		if g.facts.AfterLogin == nil || !strange(g.facts.AfterLogin) {
			logins.advance(f.At)
			if r := logins.after(f.Host, f.Account, f.At); r != nil && (g.facts.AfterLogin == nil || strange(r)) {
				g.facts.AfterLogin = r
			}
		}
		if g.facts.Account == "" || f.At == g.facts.At && f.Account != "" && f.Account < g.facts.Account {
			g.facts.Account = f.Account
		}
		g.events++
		g.span = g.span.Extend(f.At)
	}
	logins := newTrail(in)
	for p := range in.Processes() {
		if f, ok := lastingOf(&p); ok {
			take(&f, cube.Processes, logins)
		}
	}
	logins.stop()
	logins = newTrail(in)
	for l := range in.Logins() {
		if f, ok := lastingAccount(&l); ok {
			take(&f, cube.Logins, logins)
		}
	}
	logins.stop()
	for _, g := range changes {
		if g.facts.Odd != "" || strange(g.facts.AfterLogin) && !byWindows(&g.facts) {
			out.told = append(out.told, g)
		} else {
			out.rest = append(out.rest, g)
		}
	}
	slices.SortFunc(out.told, compareLasting)
	slices.SortFunc(out.rest, compareLasting)
	for _, g := range out.told[min(len(out.told), mostLastingSays):] {
		out.left += g.events
	}
	out.told = out.told[:min(len(out.told), mostLastingSays)]
	return out
}

// compareLasting puts first what is unusual and follows a strange login, then either.
func compareLasting(a, b *lastingChange) int {
	rank := func(g *lastingChange) int { return 2*b2i(strange(g.facts.AfterLogin)) + b2i(g.facts.Odd != "") }
	return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a.span.Start, b.span.Start), strings.Compare(a.key.host, b.key.host),
		strings.Compare(a.key.what, b.key.what), strings.Compare(a.key.name, b.key.name), strings.Compare(a.key.value, b.key.value))
}

func (g *lastingChange) tag() string {
	return fmt.Sprintf("%s %s %s %s", g.key.host, g.key.what, g.key.name, g.key.value)
}

func (g *lastingChange) first() netcase.Selection {
	return netcase.Selection{Hosts: []netcase.Endpoint{g.facts.Host}, Span: netcase.Span{Start: g.span.Start, End: g.span.Start + 1}}
}

func (s lastingSet) findings(in *Input) (out []netcase.Finding) {
	for _, g := range s.told {
		out = append(out, g.finding(in))
	}
	if len(s.rest) > 0 {
		out = append(out, s.noted())
	}
	if s.left > 0 && len(out) > 0 {
		last := &out[len(out)-1]
		last.Limits = append(last.Limits, count(s.left, "further record")+" of such changes are not listed")
	}
	return out
}

func (g *lastingChange) finding(in *Input) netcase.Finding {
	f := g.facts
	title := fmt.Sprintf("%s %s on %s", f.What, shortened(f.Name), in.Name(f.Host))
	switch {
	case f.Odd != "":
		title += " is unusual: " + f.Odd
	default:
		title += " was made or changed after a login from outside or after failures"
	}
	text := title
	if f.Value != "" {
		text += "; value: " + shortened(f.Value)
	}
	if f.Account != "" {
		text += "; account: " + f.Account
	}
	if f.Image != "" {
		text += "; by " + f.Image
	}
	text += "; at " + f.At.Short() + " UTC."
	if f.AfterLogin != nil {
		text += " " + afterText(f.AfterLogin)
	}
	out := netcase.Finding{
		Kind: f.What, Title: title, Technique: []string{lastingTechniques[f.What]}, Span: g.span, Persistence: &f,
		Selection: netcase.Selection{Hosts: []netcase.Endpoint{f.Host}, Span: g.span},
		Limits:    []string{"administrators and installers do the same: a change record or the owner tells"},
	}
	e := in.Cite(netcase.Evidence{
		Statement: text, Selection: out.Selection, Method: "persistence: " + f.What, Numbers: map[string]float64{"events": float64(g.events)},
	}, g.tag())
	e.Total = g.events
	out.Evidence = []netcase.Evidence{e}
	return out
}

// noted is the changes of which nothing is unusual, told together.
func (s lastingSet) noted() netcase.Finding {
	by := map[string]int64{}
	hosts := map[netcase.Endpoint]bool{}
	var span netcase.Span
	for _, g := range s.rest {
		by[g.facts.What]++
		hosts[g.facts.Host] = true
		span = span.Join(g.span)
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s: %s", what, thousands(by[what])))
	}
	title := fmt.Sprintf("%s that would survive a restart on %s, none of them unusual", count(len(s.rest), "change"), count(len(hosts), "host"))
	return netcase.Finding{
		Kind: "changes noted", Title: title, Span: span,
		Selection:   netcase.Selection{Hosts: slices.SortedFunc(maps.Keys(hosts), netcase.Endpoint.Compare)[:min(len(hosts), maxSelected)], Span: span},
		Persistence: &netcase.PersistenceFacts{What: "changes noted", Name: strings.Join(parts, ", "), At: span.Start},
		Evidence: []netcase.Evidence{{
			Statement: title + ": " + strings.Join(parts, ", "), Method: "persistence: none of the rules says more", Total: int64(len(s.rest)),
			Selection: netcase.Selection{Span: span}, Numbers: map[string]float64{"changes": float64(len(s.rest)), "hosts": float64(len(hosts))},
		}},
	}
}
