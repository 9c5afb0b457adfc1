package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/cube"
)

// process notices processes that are not as they should be, whether or not a socket is
// theirs.
func process() Detector {
	return Detector{
		Name: "process",
		Doc:  "processes that pose as others, were started or reached into as they should not be, or load what is not theirs",
		Method: "rules on the name, path, command line, parent, group and service of processes, on libraries that svchost loads, on the libraries of services, " +
			"and on reaching into other processes; where a service calls on few of many hosts",
		Ask: func(Config) Questions { return Questions{Processes: true, Logins: true} },
		Refine: func(in *Input) []cube.Want {
			odd, left := oddProcesses(in)
			in.Memo = processMemo{odd, left}
			var wants []cube.Want
			for _, g := range odd {
				wants = append(wants, cube.Want{Tag: g.tag(), Of: cube.Processes, Selection: g.first(), Records: firstRecords})
			}
			return wants
		},
		Find: func(in *Input) []netcase.Finding {
			memo := in.Memo.(processMemo)
			var out []netcase.Finding
			for _, g := range memo.odd {
				out = append(out, g.finding(in))
			}
			if memo.left > 0 && len(out) > 0 {
				last := &out[len(out)-1]
				last.Limits = append(last.Limits, count(memo.left, "further record")+" of such processes are not listed")
			}
			return out
		},
	}
}

// processMemo is what Refine found, for Find.
type processMemo struct {
	odd  []*oddProcess
	left int64
}

const (
	mostOdd      = 4096 // groups of equal records
	mostOddSays  = 60   // findings, the weightiest first
	firstRecords = 8    // originals that are kept: those of the first instant
)

// oddKey is what the records of one finding have in common.
type oddKey struct {
	host                  netcase.Endpoint
	rule                  string
	image, parent, target string
	account               string
}

func (k *oddKey) compare(o *oddKey) int {
	return cmp.Or(k.host.Compare(o.host), strings.Compare(k.rule, o.rule), strings.Compare(k.image, o.image), strings.Compare(k.parent, o.parent),
		strings.Compare(k.target, o.target), strings.Compare(k.account, o.account))
}

// oddProcess is the records that one rule says the same of.
type oddProcess struct {
	key    oddKey
	rule   *processRule
	facts  netcase.ProcessFacts
	events int64
	span   netcase.Span
	limits []string
}

// oddProcesses applies the rules to every record of the span.
func oddProcesses(in *Input) (out []*oddProcess, left int64) {
	rules := processRules()
	groups := map[oddKey]*oddProcess{}
	logins := newTrail(in)
	defer logins.stop()
	calls := newRareCalls()
	for p := range in.Processes() {
		v := viewOf(in, &p)
		calls.see(in, &v)
		if !in.Span.Contains(p.Time) {
			continue
		}
		logins.advance(p.Time)
		for i := range rules {
			r := &rules[i]
			if !slices.Contains(r.roles, p.Role) {
				continue
			}
			why := r.ask(&v)
			if why == "" {
				continue
			}
			k := oddKey{p.Host.Key(), r.name, v.image, v.parent, strings.ToLower(p.Target), strings.ToLower(p.Account)}
			g := groups[k]
			if g == nil {
				if len(groups) >= mostOdd {
					left++
					continue
				}
				g = &oddProcess{key: k, rule: r, facts: factsOfProcess(&v, r, why)}
				g.facts.AfterLogin = logins.after(p.Host, p.Account, p.Time)
				groups[k] = g
			}
			g.add(&p, why)
		}
	}
	out = slices.Collect(maps.Values(groups))
	out = append(out, calls.rare(in)...)
	slices.SortFunc(out, func(a, b *oddProcess) int {
		return cmp.Or(cmp.Compare(b.facts.Decibans, a.facts.Decibans), cmp.Compare(b2i(strange(b.facts.AfterLogin)), b2i(strange(a.facts.AfterLogin))),
			cmp.Compare(b.events, a.events), a.key.compare(&b.key))
	})
	for _, g := range out[min(len(out), mostOddSays):] {
		left += g.events
	}
	return out[:min(len(out), mostOddSays)], left
}

func factsOfProcess(v *processView, r *processRule, why string) netcase.ProcessFacts {
	p := v.p
	return netcase.ProcessFacts{
		Host: p.Host.Key(), OS: p.OS, Rule: r.name, Why: why, Image: v.image, Path: p.Path, CommandLine: p.CommandLine, Account: p.Account,
		Parent: v.parent, Target: p.Target, Sigma: r.sigma, Decibans: r.decibans,
	}
}

// add counts a record. Of those of the first instant the smallest command line stands, so
// that the order of the records says nothing.
func (g *oddProcess) add(p *netcase.Process, why string) {
	if g.events > 0 && p.Time == g.span.Start && p.CommandLine < g.facts.CommandLine {
		g.facts.CommandLine, g.facts.Path, g.facts.Why, g.facts.OS = p.CommandLine, p.Path, why, p.OS
	}
	g.events++
	g.span = g.span.Extend(p.Time)
}

func (g *oddProcess) tag() string {
	return fmt.Sprintf("%s %s %s %s %s %s", g.key.rule, g.key.host, g.key.image, g.key.parent, g.key.target, g.key.account)
}

// first selects the records of the first instant.
func (g *oddProcess) first() netcase.Selection {
	return netcase.Selection{Hosts: []netcase.Endpoint{g.key.host}, Span: netcase.Span{Start: g.span.Start, End: g.span.Start + 1}}
}

func (g *oddProcess) finding(in *Input) netcase.Finding {
	f := g.facts
	f.First, f.Last, f.Events = g.span.Start, g.span.End-1, g.events
	title := fmt.Sprintf("%s on %s is not as usual: %s (%s)", imageOrNone(f.Image), in.Name(f.Host), g.rule.short, count(g.events, "record"))
	text := title + ". " + f.Why
	if f.CommandLine != "" {
		text += " Command line: " + shortened(f.CommandLine) + "."
	}
	if f.Account != "" {
		text += " Account: " + f.Account + "."
	}
	if f.AfterLogin != nil {
		text += " " + afterText(f.AfterLogin)
	}
	out := netcase.Finding{
		Kind: g.rule.name, Title: title, Technique: g.rule.technique, Span: g.span, Process: &f, Limits: g.limits,
		Selection: netcase.Selection{Hosts: []netcase.Endpoint{f.Host}, Span: g.span},
	}
	if f.Peer.Known() {
		out.Selection.Peers, out.Selection.Ports, out.Direction = []netcase.Endpoint{f.Peer}, []uint16{f.Port}, netcase.Outbound
	}
	e := in.Cite(netcase.Evidence{
		Statement: text, Selection: out.Selection, Method: "process: rule " + g.rule.name,
		Numbers: map[string]float64{"events": float64(g.events), "decibans": f.Decibans},
	}, g.tag())
	e.Total = g.events
	out.Evidence = []netcase.Evidence{e}
	return out
}

func imageOrNone(image string) string {
	if image == "" {
		return "a process without a name"
	}
	return image
}

// afterText says which login something followed.
func afterText(r *netcase.LoginRef) string {
	s := fmt.Sprintf("It followed a login of %s from %s at %s UTC", r.Account, r.Peer, r.At.Short())
	if r.Failures > 0 {
		s += fmt.Sprintf(", which followed %s or more", count(r.Failures, "failed login"))
	}
	return s + "."
}

// Where services call: a destination that few of many hosts call is unusual.
const mostCallPairs = 1 << 16 // services and destinations

// rareCalls counts the hosts on which a service calls a destination, over the whole
// history.
type rareCalls struct {
	hosts map[string]map[netcase.Endpoint]bool // by service
	calls map[callKey]*oddProcess
	by    map[callKey]map[netcase.Endpoint]bool
	full  bool
}

// callKey is a service and the network that it calls.
type callKey struct{ service, network string }

func newRareCalls() *rareCalls {
	return &rareCalls{hosts: map[string]map[netcase.Endpoint]bool{}, calls: map[callKey]*oddProcess{}, by: map[callKey]map[netcase.Endpoint]bool{}}
}

// rareRule is the rule that needs to see all hosts.
var rareRule = processRule{name: "rare destination", short: "its service calls where few hosts do", decibans: weightTool, technique: []string{"T1071"}}

func (c *rareCalls) see(in *Input, v *processView) {
	if v.p.Role != netcase.RoleConnector || v.image != svchost || v.service == "" || !v.outside {
		return
	}
	if c.hosts[v.service] == nil {
		c.hosts[v.service] = map[netcase.Endpoint]bool{}
	}
	host := v.p.Host.Key()
	if len(c.hosts[v.service]) < mostCallPairs {
		c.hosts[v.service][host] = true
	}
	k := callKey{v.service, operator(in, v.p.Peer)}
	if c.by[k] == nil {
		if len(c.by) >= mostCallPairs {
			c.full = true
			return
		}
		c.by[k] = map[netcase.Endpoint]bool{}
	}
	if len(c.by[k]) <= int(in.Config.Process.RareShare*mostCallPairs) {
		c.by[k][host] = true
	}
	if !in.Span.Contains(v.p.Time) {
		return
	}
	g := c.calls[k]
	if g == nil {
		g = &oddProcess{key: oddKey{host: host, rule: rareRule.name, image: v.image, parent: v.parent, target: k.service + " " + k.network}, rule: &rareRule, facts: factsOfProcess(v, &rareRule, "")}
		g.facts.Peer, g.facts.Port = v.p.Peer.Key(), v.p.RemotePort
		c.calls[k] = g
	}
	g.add(v.p, "")
}

// operator is whom an address belongs to by number where a list says so, else its network.
func operator(in *Input, e netcase.Endpoint) string {
	if in.Intel != nil {
		for _, i := range in.Intel.Match(e.Addr) {
			if i.Geo.ASN != 0 {
				return fmt.Sprintf("AS%d", i.Geo.ASN)
			}
		}
	}
	return sourceNetwork(e)
}

func (c *rareCalls) rare(in *Input) (out []*oddProcess) {
	rule := &in.Config.Process
	for k, g := range c.calls {
		estate, hosts := len(c.hosts[k.service]), len(c.by[k])
		if estate < rule.RareEstate || float64(hosts) > rule.RareShare*float64(estate) {
			continue
		}
		g.facts.Why = fmt.Sprintf("The service %s called %s on %s of %s on which it calls anybody.", k.service, k.network, thousands(int64(hosts)), count(estate, "host"))
		if c.full {
			g.limits = append(g.limits, "more destinations were called than are counted")
		}
		if in.History.Length() < time.Duration(rule.RareHistory)*time.Millisecond {
			g.limits = append(g.limits, "the records reach back less than "+spanText(rule.RareHistory))
		}
		out = append(out, g)
	}
	return out
}
