package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"netcase"
)

// Claim is one independent statement of frame B: that harm was done in some way.
// Several may hold, or none.
type Claim struct {
	ID       string
	Name     string
	Question string // as it stands in a sentence
	Gate     func(*draft, *scene) string
	Items    []claimItem
}

// claimItem is one question put to a group and a host.
type claimItem struct {
	id       string
	text     string
	required func(*draft, *scene) bool // nil: never
	decides  string                    // the data that would answer it
	family   string                    // items of one mechanism share a bound
	ask      func(*draft, *scene) answer
}

// scene is one group of sources at one host of ours. A scene without a group is a
// host about which only a process record speaks.
type scene struct {
	c     *cluster
	host  netcase.Endpoint
	alone bool // the group reached no other host, so its counts are those of this one
	rest  bool // the traffic that no group holds, on no host that anything is known of
}

// Claims lists every claim of frame B.
func Claims() []Claim { return []Claim{compromise(), control(), exfiltration()} }

func (c Claim) items() []claimItem { return c.Items }

// suspectedFrom is the posterior from which a claim speaks for itself.
const suspectedFrom = 0.55

// decide weighs one claim at one scene.
func (d *draft) decide(rule Claim, s *scene) netcase.Claim {
	out := netcase.Claim{ID: rule.ID, Name: rule.Name, Prior: d.weights.Claims[rule.ID].Prior, Items: []netcase.Item{}}
	if s.host.Known() && !s.rest {
		out.Hosts = []netcase.Endpoint{s.host}
	}
	if why := rule.Gate(d, s); why != "" {
		out.Standing, out.Why = netcase.Gated, why
		if s.c != nil {
			out.Evidence = s.c.evidence
		}
		return out
	}
	var missing []string
	family, about := map[string]string{}, map[string]string{}
	for _, item := range rule.Items {
		a := silenceItem()
		if !d.leftOut[item.id] {
			a = item.ask(d, s)
		}
		out.Items = append(out.Items, netcase.Item{ID: item.id, Text: item.text, State: a.state, Why: a.why, Evidence: unique(a.evidence)})
		family[item.id] = cmp.Or(item.family, item.id)
		if a.state == netcase.True {
			db := cmp.Or(a.decibans, d.weights.Claims[rule.ID].Items[item.id])
			if a.measured {
				db = a.decibans
			}
			out.Weights = append(out.Weights, netcase.Weight{Item: item.id, Decibans: d.weights.capped(db)})
			about[item.id] = a.about
			out.Evidence = unique(append(out.Evidence, a.evidence...))
		}
		if a.state == netcase.Unknown && item.required != nil && item.required(d, s) {
			missing = append(missing, d.decider(item))
		}
	}
	if d.assumed() != "" && s.c != nil {
		missing = append([]string{recordedOutcome}, missing...)
	}
	out.Weights = aboutOne(withoutContained(out.Weights), about)
	out.Posterior = odds(out.Prior, sumWeights(out.Weights, family, d.weights.GroupCap))
	out.Low, out.High = rangeOfClaim(&out, family)
	settleClaim(&out, missing)
	return out
}

// decider is the data that would answer an item: of a log that is among the inputs, what
// it lacks.
func (d *draft) decider(item claimItem) string {
	if item.decides == loginLog && d.in.Coverage.Has("login") {
		return "a login log of the touched hosts that names accounts and has no gaps"
	}
	return item.decides
}

// loginLog decides whether somebody got in.
const loginLog = "the login log of the touched hosts"

// recordedOutcome is what decides where the caller assumed an outcome.
const recordedOutcome = "the outcome of each flow as recorded, not assumed"

// settleClaim chooses the standing: what is not known and would decide comes
// before a low number.
func settleClaim(c *netcase.Claim, missing []string) {
	c.Missing = unique(missing)
	if len(c.Missing) > 0 && c.Posterior < suspectedFrom {
		c.Standing, c.Low, c.High = netcase.NotDeterminable, 0, 0
		c.Why = "missing: " + strings.Join(c.Missing, "; ")
		return
	}
	c.Standing = netcase.Assessed
	c.Word, _ = Word(c.Posterior)
	c.Why = "posterior " + printed(c.Posterior) + " from a prior of " + trimmed(c.Prior)
	if len(c.Weights) > 0 {
		var ids []string
		for _, w := range c.Weights {
			ids = append(ids, w.Item)
		}
		c.Why += " and " + strings.Join(ids, ", ")
	}
}

// withoutContained drops items that another one contains: a new source is part of
// the best grade of a success after failures, and rarity of the periodic item.
func withoutContained(ws []netcase.Weight) []netcase.Weight {
	has := func(id string) bool {
		return slices.ContainsFunc(ws, func(w netcase.Weight) bool { return w.Item == id })
	}
	drop := map[string]bool{
		"B-NEW":   has("B-SAF-A"),
		"B-SAF-B": has("B-SAF-A"),
		"B-SAF-C": has("B-SAF-A") || has("B-SAF-B"),
		"B-RARE":  has("B-PERIOD"),
	}
	return slices.DeleteFunc(ws, func(w netcase.Weight) bool { return drop[w.Item] })
}

// aboutOne makes a family of items that rest on one program: a service and the process
// that it runs are told by one host, of one thing.
func aboutOne(ws []netcase.Weight, about map[string]string) []netcase.Weight {
	times := map[string]int{}
	for _, w := range ws {
		times[about[w.Item]]++
	}
	for i, w := range ws {
		if what := about[w.Item]; what != "" && times[what] > 1 {
			ws[i].Family = "program " + what
		}
	}
	return ws
}

// sumWeights adds decibans. Items of one mechanism are one voice with an echo: the
// weightiest in full, a further one at rho of the one before it, together up to a bound.
func sumWeights(ws []netcase.Weight, family map[string]string, bound float64) (total float64) {
	sums := map[string]float64{}
	eachVoice(ws, family, func(w netcase.Weight, factor float64) { sums[cmp.Or(w.Family, family[w.Item])] += w.Decibans * factor })
	for _, k := range sortedKeys(sums) {
		total += math.Copysign(min(math.Abs(sums[k]), bound), sums[k])
	}
	return total
}

// eachVoice visits weights with the factor at which each counts, families in order.
func eachVoice(ws []netcase.Weight, family map[string]string, visit func(w netcase.Weight, factor float64)) {
	groups := map[string][]netcase.Weight{}
	for _, w := range ws {
		k := cmp.Or(w.Family, family[w.Item])
		groups[k] = append(groups[k], w)
	}
	for _, k := range sortedKeys(groups) {
		g := groups[k]
		slices.SortFunc(g, func(a, b netcase.Weight) int {
			return cmp.Or(cmp.Compare(math.Abs(b.Decibans), math.Abs(a.Decibans)), strings.Compare(a.Item, b.Item))
		})
		factor := 1.0
		for _, w := range g {
			visit(w, factor)
			factor *= copyDiscount
		}
	}
}

// rankOf orders standings: what is more open or more probable comes first.
func rankOf(c *netcase.Claim) int {
	switch {
	case c.Standing == netcase.Assessed && c.Posterior >= suspectedFrom:
		return 3
	case c.Standing == netcase.NotDeterminable:
		return 2
	case c.Standing == netcase.Assessed:
		return 1
	}
	return 0
}

// stronger tells whether a stands above b.
func stronger(a, b *netcase.Claim) bool {
	if rankOf(a) != rankOf(b) {
		return rankOf(a) > rankOf(b)
	}
	return a.Posterior > b.Posterior+1e-12
}

// strongest is the strongest of several answers to one claim; hosts that stand
// equally are named together.
func strongest(all []netcase.Claim) netcase.Claim {
	best := all[0]
	for i := range all[1:] {
		if stronger(&all[i+1], &best) {
			best = all[i+1]
		}
	}
	var hosts []netcase.Endpoint
	var evidence, missing []string
	for i := range all {
		if !stronger(&best, &all[i]) {
			hosts = append(hosts, all[i].Hosts...)
			evidence = append(evidence, all[i].Evidence...)
			missing = append(missing, all[i].Missing...)
		}
	}
	best.Hosts, best.Evidence, best.Missing = union(hosts, nil), unique(evidence), unique(missing)
	return best
}

// claimsOf answers every claim for a group: at each of its hosts, the strongest.
// Hosts of which no finding speaks in particular are answered together.
func (d *draft) claimsOf(c *cluster) []netcase.Claim {
	scenes, plain := d.scenesOf(c)
	var out []netcase.Claim
	for _, rule := range Claims() {
		out = append(out, d.claimOver(rule, scenes, plain))
	}
	return out
}

func (d *draft) claimOver(rule Claim, scenes []scene, plain []netcase.Endpoint) netcase.Claim {
	var all []netcase.Claim
	for i := range scenes {
		claim := d.decide(rule, &scenes[i])
		if i == 0 && len(plain) > 0 {
			claim.Hosts = plain
		}
		all = append(all, claim)
	}
	return strongest(all)
}

// scenesOf lists the hosts at which a group is judged. Where plain is not empty
// the first scene stands for all of those hosts.
func (d *draft) scenesOf(c *cluster) (scenes []scene, plain []netcase.Endpoint) {
	hosts := ownEnds(c)
	if len(hosts) == 0 {
		return []scene{{c: c, alone: true}}, nil
	}
	alone := c.hostCount == 1
	for _, h := range hosts {
		if d.spokenOf(c, h) {
			scenes = append(scenes, scene{c: c, host: h, alone: alone})
		} else {
			plain = append(plain, h)
		}
	}
	if len(plain) > 0 {
		scenes = append([]scene{{c: c, host: plain[0], alone: alone}}, scenes...)
	}
	return scenes, plain
}

// ownEnds are the hosts of ours in the traffic of a group.
func ownEnds(c *cluster) []netcase.Endpoint {
	if c.direction != netcase.Outbound || !c.internal {
		return c.hosts
	}
	var out []netcase.Endpoint // its hosts are outside; the sources are ours
	for _, a := range c.sources {
		out = append(out, a.profile.Peer)
	}
	return out
}

// spokenOf tells whether a finding speaks of this host in particular.
func (d *draft) spokenOf(c *cluster, h netcase.Endpoint) bool {
	same := d.sameHost(h)
	for _, door := range c.doors {
		if same(door.Host) {
			return true
		}
	}
	return slices.ContainsFunc(d.particular, same)
}

// particularHosts are the hosts that findings name in particular: of process and login
// logs, and of calls and uploads.
func particularHosts(findings []netcase.Finding) (out []netcase.Endpoint) {
	for i := range findings {
		switch f := &findings[i]; {
		case f.Owner != nil:
			out = append(out, f.Owner.Host)
		case f.Auth != nil:
			out = append(append(out, f.Auth.Host), f.Auth.Hosts...)
		case f.Process != nil:
			out = append(out, f.Process.Host)
		case f.Persistence != nil:
			out = append(out, f.Persistence.Host)
		case f.Beacon != nil:
			out = append(out, f.Beacon.Host)
		case f.Upload != nil:
			out = append(out, f.Upload.Host)
		case f.Lateral != nil:
			out = append(out, f.Lateral.From)
		}
	}
	return slices.DeleteFunc(union(out, nil), func(e netcase.Endpoint) bool { return !e.Known() })
}

// judgeClaims answers the claims for the whole case.
func (d *draft) judgeClaims() {
	lonely := d.lonelyHosts()
	for i, rule := range Claims() {
		var all []netcase.Claim
		for n, c := range d.clusters {
			if len(c.claims) == 0 {
				continue
			}
			claim := c.claims[i]
			if claim.Standing == netcase.Gated {
				claim.Why = groupID(n) + ": " + claim.Why
			}
			all = append(all, claim)
		}
		for _, h := range lonely {
			all = append(all, d.decide(rule, &scene{host: h}))
		}
		all = append(all, d.unseenSide(rule, all)...)
		best := strongest(all)
		if best.Standing == netcase.Gated {
			best.Why = gatedEverywhere(all)
		}
		d.propose(&best)
		d.claims = append(d.claims, best)
	}
}

// gatedEverywhere says why a claim is impossible for every group of a case, the
// first groups of each reason by name.
func gatedEverywhere(all []netcase.Claim) string {
	if len(all) == 1 {
		return all[0].Why
	}
	const shown = 3
	groups := map[string][]string{}
	var reasons []string
	for _, c := range all {
		id, why, _ := strings.Cut(c.Why, ": ")
		if groups[why] == nil {
			reasons = append(reasons, why)
		}
		groups[why] = append(groups[why], id)
	}
	if len(reasons) == 1 {
		return "every group: " + reasons[0]
	}
	var parts []string
	told := 0
	for _, why := range reasons[:min(len(reasons), shown)] {
		ids := groups[why]
		told += len(ids)
		parts = append(parts, series(ids[:min(len(ids), shown)], len(ids))+": "+why)
	}
	text := strings.Join(parts, "; ")
	if n := len(all) - told; n > 0 {
		text += fmt.Sprintf("; and for like reasons %s", count(n, "further group"))
	}
	return text
}

// unjudged counts the flows of the inputs that met something other than a denial
// and that no group holds. Several sensors may report one flow, so the number is
// an upper bound. Zero too where the inputs give no tally.
func (d *draft) unjudged() int64 {
	var seen, held netcase.Tally
	for i := range d.in.Coverage.Inputs {
		if r := &d.in.Coverage.Inputs[i]; r.CopyOf == "" {
			seen = seen.Plus(r.Reaches)
		}
	}
	for _, c := range d.clusters {
		held = held.Plus(c.reach)
	}
	return max(seen.Total()-seen[netcase.ReachDenied]-(held.Total()-held[netcase.ReachDenied]), 0)
}

// lonelyHosts are hosts that findings of process or login logs speak of, and that no
// group touched.
func (d *draft) lonelyHosts() (out []netcase.Endpoint) {
	for i := range d.findings {
		var host netcase.Endpoint
		switch f := &d.findings[i]; {
		case f.Owner != nil && f.Owner.Decibans > 0:
			host = f.Owner.Host
		case tellsStrange(f.Process):
			host = f.Process.Host
		case f.Persistence != nil && (f.Persistence.Odd != "" || f.Persistence.AfterLogin != nil):
			host = f.Persistence.Host
		case f.Auth != nil && f.Auth.Pattern == netcase.PatternSuccess && !f.Auth.FromFlows:
			host = f.Auth.Host
		}
		if host.Known() && !slices.ContainsFunc(d.clusters, func(c *cluster) bool { return slices.ContainsFunc(ownEnds(c), d.sameHost(host)) }) {
			out = union(out, []netcase.Endpoint{host})
		}
	}
	return out
}

// unseenSide is the answer for traffic that the groups do not show: a claim that
// is impossible in what was seen inbound stays open where nobody looked outbound.
func (d *draft) unseenSide(rule Claim, all []netcase.Claim) []netcase.Claim {
	if len(all) == 0 {
		return []netcase.Claim{d.decide(rule, &scene{})}
	}
	if rule.ID == claimCompromise {
		return d.restOpen(rule, all)
	}
	open := slices.ContainsFunc(all, func(c netcase.Claim) bool { return c.Standing != netcase.Gated })
	if d.outbound() == netcase.True && open {
		return nil
	}
	if d.outbound() == netcase.True {
		return []netcase.Claim{d.decide(rule, restScene())}
	}
	gated := ""
	if !open {
		gated = "gated out for what was seen (" + gatedEverywhere(all) + "); "
	}
	return []netcase.Claim{{
		ID: rule.ID, Name: rule.Name, Standing: netcase.NotDeterminable, Prior: d.weights.Claims[rule.ID].Prior,
		Posterior: d.weights.Claims[rule.ID].Prior, Items: []netcase.Item{}, Missing: []string{outboundData},
		Why: gated + "missing: " + outboundData, Evidence: []string{d.coverage},
	}}
}

// restScene is the traffic that no group holds. What is known of a host belongs to that
// host: a cadence of one and an odd process of another make no claim together.
func restScene() *scene {
	return &scene{host: netcase.Endpoint{Name: "\x00 traffic that no group holds"}, rest: true}
}

// restOpen keeps a claim open for the traffic that no group holds, where every
// group gates it out: silence on other flows is no answer.
func (d *draft) restOpen(rule Claim, all []netcase.Claim) []netcase.Claim {
	n := d.unjudged()
	if n == 0 || slices.ContainsFunc(all, func(c netcase.Claim) bool { return c.Standing != netcase.Gated }) {
		return nil
	}
	rest := d.decide(rule, restScene())
	if rest.Standing == netcase.NotDeterminable {
		rest.Why = "gated out for " + gatedEverywhere(all) + "; open for " + count(n, "flow") + " that no group holds; " + rest.Why
	}
	return []netcase.Claim{rest}
}

const outboundData = "flows that our side began"

// outbound says whether traffic that our side began was among the inputs.
func (d *draft) outbound() netcase.State {
	if d.in.Outbound == netcase.True || d.in.Outbound == netcase.False {
		return d.in.Outbound
	}
	for _, f := range d.findings {
		if f.Direction == netcase.Outbound {
			return netcase.True
		}
	}
	return netcase.Unknown
}

// sameHost compares a host of a group with one that a process log names, by
// address, by name, or by the name that inputs give the address.
func (d *draft) sameHost(o netcase.Endpoint) func(netcase.Endpoint) bool {
	return func(h netcase.Endpoint) bool {
		if h.Addr.IsValid() && h.Addr == o.Addr {
			return true
		}
		return sameName(d.hostName(h), d.hostName(o))
	}
}

func (d *draft) hostName(e netcase.Endpoint) string {
	if e.Name != "" {
		return e.Name
	}
	return d.in.Names[e.Addr]
}

// sameName compares machine names without regard to case, a leading resource
// group and a trailing domain.
func sameName(a, b string) bool {
	a, b = shortName(a), shortName(b)
	return a != "" && strings.EqualFold(a, b)
}

func shortName(s string) string {
	s = s[strings.LastIndexByte(s, '/')+1:]
	if i := strings.IndexByte(s, '.'); i > 0 {
		s = s[:i]
	}
	return s
}
