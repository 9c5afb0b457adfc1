package respond

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netcase"
)

// Lifetimes of rules whose action states none. A rule without an end is not
// written: addresses change hands.
const (
	defaultBlock = 24 * time.Hour      // as for a scan, the shortest of the usual lifetimes
	defaultWatch = 30 * 24 * time.Hour // an alert cuts nobody off
)

// Kinds of action that a file can be made of.
const (
	kindBlock  = "block"
	kindDetect = "detect"
)

// Rule is what a target needs to know of one action, or of one group of sources.
type Rule struct {
	Action    string // id of the action, or of the group
	Title     string
	Reason    string
	Owner     string
	Direction netcase.Direction // unknown: both ways
	Prefixes  []netip.Prefix    // sorted, none inside another
	Ports     []uint16          // empty: every port
	Hosts     []netip.Addr      // ours; empty: every host
	Nameless  int               // hosts that the case knows by name only
	Answered  bool              // only what got an answer is meant
	Until     netcase.Time
	Left      time.Duration // from Plan.Now to Until
}

// Plan is a case as the targets see it: guarded, dated, sorted.
type Plan struct {
	Case    *netcase.Case
	Issued  netcase.Time
	Now     netcase.Time
	TLP     string // CLEAR, GREEN, AMBER, AMBER+STRICT, RED
	Blocks  []Rule
	Watches []Rule            // what to alert on
	Refused []netcase.Refusal // for the blocks, sorted
	Unwatch []netcase.Refusal // for the watches, sorted
	Expired []Rule
	Empty   string   // why Blocks is empty; empty: it is not
	Skipped []string // what was asked to be watched and names no address

	Observed []Observed // far ends, in order of address

	guard *Guard
}

// Lapsed tells whether the case had rules and every one has expired.
func (p *Plan) Lapsed() bool {
	return len(p.Expired) > 0 && len(p.Blocks) == 0 && len(p.Watches) == 0
}

// NewPlan is the plan of a case.
func NewPlan(c *netcase.Case, opt Options) (*Plan, error) {
	tlp, err := tlpLabel(opt.TLP)
	if err != nil {
		return nil, err
	}
	p := &Plan{Case: c, TLP: tlp, guard: opt.Guard, Issued: issued(c)}
	if !p.Issued.Known() {
		return nil, fmt.Errorf("case %s: no time of issue, so no rule can be given an end", oneLine(c.ID, maxName))
	}
	if p.guard == nil {
		p.guard = GuardFor(c, opt.Known)
	}
	p.Now = opt.Now
	if !p.Now.Known() {
		p.Now = p.Issued
	}
	p.addBlocks()
	p.addWatches()
	p.Refused, p.Unwatch = sortedRefusals(p.Refused), sortedRefusals(p.Unwatch)
	p.Empty = p.whyEmpty()
	p.Observed = observe(c, p.guard)
	return p, nil
}

// issued is the instant from which the rules of a case count.
func issued(c *netcase.Case) netcase.Time {
	for _, t := range []netcase.Time{c.IssuedAt, c.AsOf, c.Span.End} {
		if t.Known() {
			return t
		}
	}
	return 0
}

func (p *Plan) addBlocks() {
	for _, a := range p.Case.Actions {
		if a.Kind != kindBlock {
			continue
		}
		a = p.guard.Screen(a)
		p.Refused = append(p.Refused, a.Refused...)
		if Targeted(a) {
			p.keep(&p.Blocks, p.rule(a, defaultBlock))
		}
	}
}

// addWatches takes the actions to detect and to block; where there are none, the
// groups of the case. An alert cuts nobody off, so an address that may be in use
// by us is watched all the same; services that answer all day are not.
func (p *Plan) addWatches() {
	for _, kind := range []string{kindDetect, kindBlock} {
		for _, a := range p.Case.Actions {
			if a.Kind == kind {
				p.watch(a)
			}
		}
	}
	if len(p.Watches) > 0 || len(p.Expired) > 0 {
		return
	}
	for i := range p.Case.Groups {
		p.watch(groupAction(&p.Case.Groups[i]))
	}
}

func (p *Plan) watch(a netcase.Action) {
	named := Targeted(a)
	if a.Kind == kindBlock {
		a.Refused = nil // what must not be blocked may be watched
	}
	screened := p.guard.screen(a, func(c class) bool { return c == entered })
	p.Unwatch = append(p.Unwatch, screened.Refused...)
	if !Targeted(screened) {
		if !named && a.Kind == kindDetect {
			p.Skipped = append(p.Skipped, fmt.Sprintf("%s %s: it names no address", a.ID, a.Title))
		}
		return
	}
	r := p.rule(screened, defaultWatch)
	if a.Kind == kindBlock {
		r.Ports, r.Hosts, r.Nameless, r.Answered = nil, nil, 0, false // the first stage looks wider than the block
	}
	if r.Prefixes = p.unwatched(r); len(r.Prefixes) > 0 {
		p.keep(&p.Watches, r)
	}
}

// unwatched are the prefixes of a rule that no earlier rule watches for its
// direction on every port and host. What a block only repeats is left to the rule
// that was asked for, answered or not.
func (p *Plan) unwatched(r Rule) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(r.Prefixes), func(x netip.Prefix) bool {
		return slices.ContainsFunc(p.Watches, func(w Rule) bool {
			return (w.Direction == r.Direction || w.Direction == netcase.DirectionUnknown) && len(w.Ports) == 0 && len(w.Hosts) == 0 && slices.Contains(w.Prefixes, x)
		})
	})
}

// groupAction is the wish to hear of the sources of a group again.
func groupAction(g *netcase.Group) netcase.Action {
	a := netcase.Action{ID: g.ID, Kind: "group", Title: g.Label, Reason: g.Class}
	a.Selection.Direction = g.Direction
	for i := range g.Sources {
		a.Selection.Peers = append(a.Selection.Peers, g.Sources[i].Peer)
	}
	return a
}

// rule is an action that is already screened, dated.
func (p *Plan) rule(a netcase.Action, lifetime time.Duration) Rule {
	if a.Expiry != 0 {
		lifetime = a.Expiry
	}
	r := Rule{
		Action: a.ID, Title: a.Title, Reason: a.Reason, Owner: a.Owner, Direction: a.Selection.Direction,
		Prefixes: merged(a.Selection), Ports: sortedPorts(a.Selection.Ports),
		Until:    p.Issued + netcase.Time(lifetime.Milliseconds()),
		Answered: answered(a.Selection.Reaches),
	}
	for _, h := range a.Selection.Hosts {
		if h.Addr.IsValid() {
			r.Hosts = append(r.Hosts, h.Addr.Unmap().WithZone(""))
			continue
		}
		r.Nameless++
	}
	slices.SortFunc(r.Hosts, netip.Addr.Compare)
	r.Hosts = slices.Compact(r.Hosts)
	if r.Nameless > 0 {
		r.Hosts = nil // part of the hosts would be a rule that looks whole and is not
	}
	r.Left = time.Duration(r.Until-p.Now) * time.Millisecond
	return r
}

// answered tells whether a selection asks for reaches that need an answer, and
// for nothing else.
func answered(list []netcase.Reach) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(r netcase.Reach) bool {
		return r != netcase.ReachBidirectional && r != netcase.ReachAuthenticated
	})
}

func (p *Plan) keep(list *[]Rule, r Rule) {
	if r.Left >= time.Second {
		*list = append(*list, r)
		return
	}
	same := func(x Rule) bool { return x.Action == r.Action }
	if !slices.ContainsFunc(p.Expired, same) {
		p.Expired = append(p.Expired, r)
	}
}

// merged are the addresses and prefixes of a selection, sorted, none inside
// another.
func merged(s netcase.Selection) []netip.Prefix {
	var all []netip.Prefix
	for _, e := range s.Peers {
		if e.Addr.IsValid() {
			all = append(all, single(e.Addr))
		}
	}
	for _, p := range s.Prefixes {
		if p = canonical(p); p.IsValid() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	var out []netip.Prefix
	for _, p := range all { // a prefix sorts before what lies inside it
		if n := len(out); n == 0 || !out[n-1].Overlaps(p) {
			out = append(out, p)
		}
	}
	return out
}

func sortedPorts(list []uint16) []uint16 {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// background is the hypothesis of scanning that means nobody in particular.
const background = "BG"

func (p *Plan) whyEmpty() string {
	switch {
	case len(p.Blocks) > 0:
		return ""
	case len(p.Expired) > 0:
		return "every block of this case has expired"
	case p.proposed():
		return "every address that was proposed is refused, each for the reason below"
	case p.onlyBackground():
		return "this is background scanning: the sources change daily, and a block of addresses has next to no lasting value; close or restrict the open port instead"
	}
	return "the case proposes no address to block"
}

func (p *Plan) proposed() bool {
	return slices.ContainsFunc(p.Case.Actions, func(a netcase.Action) bool {
		return a.Kind == kindBlock && (Targeted(a) || len(a.Refused) > 0)
	})
}

func (p *Plan) onlyBackground() bool {
	for i := range p.Case.Groups {
		if p.Case.Groups[i].Lead().ID != background {
			return false
		}
	}
	return len(p.Case.Groups) > 0
}

// tlpLabels are the labels of the Traffic Light Protocol 2.0.
func tlpLabels() []string { return []string{"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"} }

// defaultTLP lets the receiving organisation and its clients read: a case names
// machines of the owner.
const defaultTLP = "AMBER"

func tlpLabel(s string) (string, error) {
	if s == "" {
		return defaultTLP, nil
	}
	up := strings.TrimPrefix(strings.ToUpper(s), "TLP:")
	if !slices.Contains(tlpLabels(), up) {
		return "", fmt.Errorf("tlp %q: want one of %s", s, strings.Join(tlpLabels(), ", "))
	}
	return up, nil
}
